"""The turned volume: exact turns, the definition, the transpose, and the Fourier reference."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import GeometryError, ParameterError
from em_inverse.forward import FourierTurn, ParallelBeam, TurnedSlices
from em_inverse.forward.kernels import turning
from em_inverse.forward.kernels.reference import turned_slices

ANGLES = (0.0, 90.0, -90.0, 180.0, 12.3, 45.0, -61.0, 133.0, -200.0)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(
    ("shape", "thickness"), [((9, 9, 5), 1), ((8, 8, 33), 3), ((5, 9, 4), 4), ((10, 7, 3), 20)]
)
def test_slices_are_those_of_the_definition(shape, thickness, angle):
    H = TurnedSlices(shape, angle, thickness, dtype=np.float64)
    volume = np.random.default_rng(1).standard_normal(shape)
    starts = H.centres - (thickness - 1) / 2
    assert np.allclose(H @ volume, turned_slices(volume, angle, starts, thickness), atol=1e-12)


@given(
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    angle=st.floats(-360, 360),
    thickness=st.integers(1, 15),
)
def test_the_adjoint_is_the_transpose(shape, angle, thickness):
    H = TurnedSlices(shape, angle, thickness, dtype=np.float64)
    assert H.dot_test() <= 1e-10


def test_many_threads_share_the_axis_and_change_nothing():
    H = TurnedSlices((12, 12, 100), 27.0, 5)
    rng = np.random.default_rng(2)
    x, y = rng.random(H.in_shape), rng.random(H.out_shape)
    before = numba.get_num_threads()
    results, usual = [], turning._WORTH_SHARING
    turning._WORTH_SHARING = 0
    try:
        for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
            numba.set_num_threads(threads)
            results.append((H.forward(x), H.adjoint(y)))
    finally:
        numba.set_num_threads(before)
        turning._WORTH_SHARING = usual
    for one in results[1:]:
        assert np.array_equal(one[0], results[0][0])
        assert np.array_equal(one[1], results[0][1])


def test_strips_cover_the_axis_once(monkeypatch):
    monkeypatch.setattr(numba, "get_num_threads", lambda: 3)
    for ny in (1, 31, 64, 97, 300):
        cuts = turning._cuts(ny)
        assert cuts[0] == 0
        assert cuts[-1] == ny
        assert (np.diff(cuts) > 0).all()
        assert len(cuts) <= 4


@pytest.mark.parametrize("angle", [0, 90, -90, 180, 270])
@pytest.mark.parametrize("n", [8, 9])
def test_quarter_turns_are_exact(n, angle):
    volume = np.random.default_rng(3).standard_normal((n, n, 4))
    turned = np.rot90(volume, angle // 90, axes=(0, 1))
    assert np.array_equal(TurnedSlices(volume.shape, angle, dtype=np.float64) @ volume, turned)
    assert np.array_equal(FourierTurn(volume.shape, angle, dtype=np.float64) @ volume, turned)
    binned = (TurnedSlices(volume.shape, angle, n, dtype=np.float64) @ volume)[0]
    projected = (ParallelBeam(volume.shape, [angle], dtype=np.float64) @ volume)[0]
    assert np.allclose(binned, projected, atol=1e-12)


def blob(n, at, width=2.0):
    z, x, y = np.meshgrid(*[np.arange(n) - (n - 1) / 2] * 3, indexing="ij")
    square = (z - at[0]) ** 2 + (x - at[1]) ** 2 + (y - at[2]) ** 2
    return np.exp(-square / (2 * width**2))


@pytest.mark.parametrize("angle", [-61.0, -20.0, 33.0, 75.0])
@pytest.mark.parametrize("kind", [TurnedSlices, FourierTurn])
def test_a_point_off_the_axis_goes_where_the_projector_sees_it(kind, angle):
    volume = blob(41, (-10.0, 7.0, 0.0))
    turned = kind(volume.shape, angle, dtype=np.float64) @ volume
    s = np.arange(41) - 20
    seen = turned.sum(axis=(0, 2))
    expected = 7 * np.cos(np.deg2rad(angle)) - 10 * np.sin(np.deg2rad(angle))
    assert seen @ s / seen.sum() == pytest.approx(expected, abs=0.02)
    projected = (ParallelBeam(volume.shape, [angle]) @ volume)[0].sum(axis=1)
    assert seen @ s / seen.sum() == pytest.approx(projected @ s / projected.sum(), abs=0.02)
    depth = -10 * np.cos(np.deg2rad(angle)) - 7 * np.sin(np.deg2rad(angle))
    along = turned.sum(axis=(1, 2))
    assert along @ s / along.sum() == pytest.approx(depth, abs=0.02)


@pytest.mark.parametrize("angle", [17.0, 45.0, -72.0])
def test_both_turns_move_a_smooth_blob_to_its_place(angle):
    n, (z, x, y) = 40, (-5.0, 6.0, 1.0)
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    truth = blob(n, (z * c - x * s, x * c + z * s, y))
    volume = blob(n, (z, x, y))
    fourier = FourierTurn(volume.shape, angle, dtype=np.float64) @ volume
    cubic = TurnedSlices(volume.shape, angle, dtype=np.float64) @ volume
    assert np.linalg.norm(fourier - truth) <= 1e-6 * np.linalg.norm(truth)
    assert np.linalg.norm(cubic - truth) <= 0.01 * np.linalg.norm(truth)


@pytest.mark.parametrize("n", [12, 13])
def test_the_fourier_turn_back_is_its_adjoint(n):
    H = FourierTurn((n, n, 5), 38.0, dtype=np.float64)
    assert H.dot_test() <= 1e-10
    assert FourierTurn((n, n, 5), 38.0).dtype == np.float32
    volume = blob(40, (3.0, -6.0, 0.0))
    H = FourierTurn(volume.shape, 128.0, dtype=np.float64)
    assert np.abs(H.adjoint(H.forward(volume)) - volume).max() < 1e-6


def test_bins_are_sums_of_voxels_and_are_centred_on_their_slab():
    volume = np.random.default_rng(4).random((10, 10, 3))
    fine = TurnedSlices(volume.shape, 30.0, dtype=np.float64)
    coarse = TurnedSlices(volume.shape, 30.0, 4, dtype=np.float64)
    assert fine.centres.tolist() == (np.arange(10) - 4.5).tolist()
    assert coarse.centres.tolist() == [-4.0, 0.0, 4.0]
    inner = (fine @ volume)[3:7].sum(axis=0)
    assert np.allclose((coarse @ volume)[1], inner)


def test_the_step_of_a_solver_is_taken_in_place():
    H = TurnedSlices((7, 7, 5), 21.0, 2)
    rng = np.random.default_rng(5)
    volume, slices = rng.random(H.in_shape, np.float32), rng.random(H.out_shape, np.float32)
    expected = volume - 0.5 * H.adjoint(slices)
    H.add_adjoint(slices, -0.5, volume)
    assert np.allclose(volume, expected, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(GeometryError, match="holds 2 angles"):
        TurnedSlices((4, 4, 4), [0.0, 1.0])
    with pytest.raises(GeometryError, match="same length"):
        FourierTurn((4, 6, 4), 10.0)
    with pytest.raises(ParameterError, match="slice_voxels"):
        TurnedSlices((4, 4, 4), 0.0, 0)
