import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.solvers import CGLS

sides = st.integers(1, 19)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_multiples_of_90_degrees_are_plain_sums(dtype):
    x = np.random.default_rng(0).integers(0, 9, (7, 10)).astype(dtype)
    A = ParallelBeam(x.shape, [0, 180, -180, 360], dtype=dtype)
    columns = x.sum(axis=0)
    assert np.array_equal(A @ x, [columns, columns[::-1], columns[::-1], columns])
    B = ParallelBeam(x.shape, [90, -90, 270], n_det=7, dtype=dtype)
    rows = x.sum(axis=1)
    assert np.array_equal(B @ x, [rows, rows[::-1], rows[::-1]])


@pytest.mark.parametrize("angle", [-170.0, -71.0, -45.0, -10.0, 0.0, 30.0, 45.0, 60.0, 90.0, 120.0])
def test_an_off_centre_point_falls_where_the_formula_says(angle):
    """s = x cos θ + z sin θ, from the centres of object and detector: this fixes the sign."""
    nz, nx, n_det = 21, 17, 40
    point = np.zeros((nz, nx))
    point[16, 5] = 1
    z, x = 16 - (nz - 1) / 2, 5 - (nx - 1) / 2
    theta = np.deg2rad(angle)
    line = (ParallelBeam(point.shape, [angle], n_det, dtype=np.float64) @ point)[0]
    centre = line @ np.arange(n_det) / line.sum() - (n_det - 1) / 2
    assert centre == pytest.approx(x * np.cos(theta) + z * np.sin(theta), abs=0.21)
    assert set(np.flatnonzero(line)) <= {
        int(np.floor(x * np.cos(theta) + z * np.sin(theta) + (n_det - 1) / 2 + d)) for d in (0, 1)
    }


def test_a_ramp_of_mass_moves_with_the_sign_of_the_angle():
    """Mass at large z moves to larger detector coordinates at positive tilt."""
    low, high = np.zeros((2, 15, 15))
    low[2, 7], high[12, 7] = 1, 1
    A = ParallelBeam((15, 15), [30.0])
    assert np.argmax(A @ high) > 7 > np.argmax(A @ low)


@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, -63.0, 90.0])
def test_line_integrals_of_a_disc_are_its_chords(angle):
    n, radius = 201, 70.0
    z, x = np.mgrid[:n, :n] - (n - 1) / 2
    disc = np.clip(radius - np.hypot(x, z) + 0.5, 0, 1)
    s = np.arange(n) - (n - 1) / 2
    chord = 2 * np.sqrt(np.maximum(radius**2 - s**2, 0))
    error = (ParallelBeam((n, n), [angle], dtype=np.float64) @ disc)[0] - chord
    inside = np.abs(s) < radius - 3
    assert np.abs(error[inside]).max() < 0.01 * 2 * radius


@settings(max_examples=40, deadline=None)
@given(
    nz=sides,
    nx=sides,
    ny=st.sampled_from([None, 1, 3, 6, 17, 31]),
    n_det=st.integers(1, 30),
    angles=st.lists(st.floats(-360, 360), min_size=1, max_size=9),
    shift=st.floats(-5, 5),
    seed=st.integers(0, 99),
)
def test_forward_and_adjoint_are_a_matched_pair(nz, nx, ny, n_det, angles, shift, seed):
    shape = (nz, nx) if ny is None else (nz, nx, ny)
    A = ParallelBeam(shape, angles, n_det, dtype=np.float64, center_shift=shift)
    assert A.dot_test(seed) <= 1e-12
    assert ParallelBeam(shape, angles, n_det, center_shift=shift).dot_test(seed) <= 1e-6


def test_float32_stays_matched_at_working_size():
    assert ParallelBeam((128, 128), np.arange(-74, 75, 2)).dot_test() <= 1e-7


def test_a_narrow_detector_sees_the_middle_of_a_wide_one():
    x = np.random.default_rng(5).random((16, 16, 7))
    angles = [-50, 0, 20, 75]
    wide = ParallelBeam(x.shape, angles, 40) @ x
    narrow = ParallelBeam(x.shape, angles, 8) @ x
    assert np.allclose(narrow, wide[:, 16:24], atol=1e-5)
    assert wide.sum(axis=(1, 2)) == pytest.approx(x.sum(), rel=0.02)


def test_center_shift_moves_the_projections():
    x = np.random.default_rng(6).random((12, 12))
    angles = [-40, 10, 70]
    plain = ParallelBeam(x.shape, angles, 30) @ x
    moved = ParallelBeam(x.shape, angles, 30, center_shift=3) @ x
    assert np.allclose(moved[:, 3:], plain[:, :-3], atol=1e-5)
    each = ParallelBeam(x.shape, angles, 30, center_shift=[0, 2, -1]) @ x
    for line, start, shift in zip(each, plain, (0, 2, -1), strict=True):
        assert np.allclose(line, np.roll(start, shift), atol=1e-5)


def test_subset_takes_tilts_with_their_shifts():
    A = ParallelBeam((9, 9, 4), [-60, -20, 20, 60], 11, center_shift=[0, 1, 2, 3])
    x = np.random.default_rng(7).random(A.in_shape)
    B = A.subset([3, 1])
    assert np.array_equal(B @ x, (A @ x)[[3, 1]])
    assert B.dtype == A.dtype
    assert A.subset(np.array([True, False, False, True])).angles_deg.tolist() == [-60, 60]
    assert A.subset(2).n_tilts == 1


@pytest.mark.parametrize("indices", [[], [4], [0.5], [False] * 4, [True] * 3, [[0, 1]]])
def test_subset_refuses_what_is_not_a_choice_of_tilts(indices):
    with pytest.raises(ParameterError, match="indices"):
        ParallelBeam((4, 4), [-60, -20, 20, 60]).subset(indices)


def test_interpolate_back_gives_every_voxel_its_full_share():
    """Its weights add up to one at every voxel; those of the adjoint do on average."""
    A = ParallelBeam((20, 20), [-45.0, 30.0], 40, dtype=np.float64)
    flat = np.ones(A.out_shape)
    assert np.allclose(A.interpolate_back(flat), 2.0)
    adjoint = A.adjoint(flat)
    assert adjoint.mean() == pytest.approx(2.0, rel=0.01)
    assert adjoint.std() > 0.05
    ramp = np.broadcast_to(np.arange(40) - 19.5, A.out_shape)
    z, x = np.mgrid[:20, :20] - 9.5
    theta = np.deg2rad(A.angles_deg)
    expected = x * np.cos(theta).sum() + z * np.sin(theta).sum()
    assert np.allclose(A.interpolate_back(ramp), expected)


def test_input_is_neither_changed_nor_required_to_be_contiguous():
    A = ParallelBeam((6, 8, 7), [-30, 60])
    x = np.random.default_rng(8).random((7, 8, 6)).T
    x.flags.writeable = False
    assert np.array_equal(A @ x, A @ np.ascontiguousarray(x))
    y = np.random.default_rng(9).random((7, 8, 2)).T.astype(np.float32)
    kept = y.copy()
    assert np.array_equal(A.adjoint(y), A.adjoint(np.ascontiguousarray(y)))
    assert np.array_equal(y, kept)


def test_attributes_cannot_be_changed_behind_the_operator():
    angles = np.array([0.0, 10.0])
    A = ParallelBeam((4, 4), angles)
    angles[0] = 50
    assert A.angles_deg[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        A.angles_deg[0] = 1


def test_single_precision_unless_double_is_asked_for():
    assert (ParallelBeam((4, 4), [0]) @ np.ones((4, 4))).dtype == np.float32
    assert (ParallelBeam((4, 4), [0], dtype=np.float64) @ np.ones((4, 4))).dtype == np.float64
    with pytest.raises(ParameterError, match="dtype"):
        ParallelBeam((4, 4), [0], dtype=np.int32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ParallelBeam((4,), [0]), ParameterError, "shape"),
        (lambda: ParallelBeam((4, 0), [0]), ParameterError, "shape"),
        (lambda: ParallelBeam((4, 4), []), GeometryError, "angles_deg"),
        (lambda: ParallelBeam((4, 4), [[0, 1]]), GeometryError, "angles_deg"),
        (lambda: ParallelBeam((4, 4), [np.nan]), GeometryError, "angles_deg"),
        (lambda: ParallelBeam((4, 4), [0], 0), ParameterError, "n_det"),
        (lambda: ParallelBeam((4, 4), [0], 2.5), ParameterError, "n_det"),
        (lambda: ParallelBeam((4, 4), [0], center_shift=[1, 2]), GeometryError, "center_shift"),
        (lambda: ParallelBeam((4, 4), [0], center_shift=np.inf), DataError, "center_shift"),
        (lambda: ParallelBeam((4, 4), [0], center_shift=-(2.0**32)), GeometryError, "center_shift"),
        (lambda: ParallelBeam((4, 4), [0]) @ np.ones((4, 5)), DataError, "shape"),
        (lambda: ParallelBeam((4, 4), [0]).interpolate_back(np.ones(4)), DataError, "shape"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()


@settings(max_examples=25, deadline=None)
@given(
    ny=st.integers(1, 9),
    shifts=st.lists(st.floats(-12, 12), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_a_pair_with_shifts_along_the_axis_is_matched(ny, shifts, seed):
    A = ParallelBeam((5, 6, ny), [-50, 0, 70], 7, dtype=np.float64, axial_shift=shifts)
    assert A.dot_test(seed) <= 1e-12
    assert A.subset([2, 0]).dot_test(seed) <= 1e-12
    assert np.array_equal(A.subset([2, 0]).axial_shift, np.array(shifts)[[2, 0]])


def test_a_whole_shift_along_the_axis_moves_the_image_and_nothing_wraps_around():
    x = np.random.default_rng(0).random((4, 4, 6))
    plain = ParallelBeam(x.shape, [0, 30], dtype=np.float64) @ x
    moved = ParallelBeam(x.shape, [0, 30], dtype=np.float64, axial_shift=[2, -1]) @ x
    assert np.allclose(moved[0, :, 2:], plain[0, :, :-2])
    assert not moved[0, :, :2].any()
    assert np.allclose(moved[1, :, :-1], plain[1, :, 1:])
    assert not moved[1, :, -1:].any()


def test_known_shifts_in_the_operator_give_the_object_back_without_resampling():
    rng = np.random.default_rng(1)
    x = np.zeros((12, 12, 16))
    x[3:9, 4:8, 5:11] = rng.random((6, 4, 6))
    angles, drift = np.arange(-80, 81, 8.0), rng.uniform(-2, 2, 21)
    A = ParallelBeam(x.shape, angles, 20, dtype=np.float64, axial_shift=drift, center_shift=drift)
    knows = CGLS(A, A @ x).run(150).x
    ignores = CGLS(ParallelBeam(x.shape, angles, 20, dtype=np.float64), A @ x).run(150).x
    error = np.linalg.norm(knows - x), np.linalg.norm(ignores - x)
    assert error[0] < 0.05 * np.linalg.norm(x) < 0.3 * error[1]


def test_a_slice_cannot_move_along_the_axis():
    with pytest.raises(GeometryError, match="no y axis"):
        ParallelBeam((4, 4), [0.0], axial_shift=1.0)
    with pytest.raises(GeometryError, match="axial_shift has 2 entries"):
        ParallelBeam((4, 4, 4), [0.0], axial_shift=[1.0, 2.0])


@pytest.mark.parametrize("shape", [(70, 33, 7), (33, 70, 300), (19, 130, 8)])
def test_volumes_across_several_blocks_and_strips_are_stacks_of_slices(shape):
    """Sizes that are no multiple of a block, of four rows or of a strip."""
    rng = np.random.default_rng(2)
    angles = [-90, -61.5, -45, 0, 12.25, 45, 77, 90, 133]
    volume = rng.random(shape)
    A = ParallelBeam(shape, angles, 61, dtype=np.float64)
    a = ParallelBeam(shape[:2], angles, 61, dtype=np.float64)
    y = A @ volume
    back = A.T @ y
    for k in (0, shape[2] // 2, shape[2] - 1):
        assert np.allclose(y[:, :, k], a @ volume[:, :, k], rtol=1e-11)
        assert np.allclose(back[:, :, k], a.T @ y[:, :, k], rtol=1e-11)
