"""The warning for generated frames: it can be quiet, it can ring, and its limits are as stated."""

import numpy as np
import pytest

from em_inverse import TiltSeries, interpolation, simulate
from em_inverse.errors import GeometryError, ParameterError
from em_inverse.widgets import gap

HOW = {"n_iter": 40}


def series(cluster):
    return simulate.particle_tilt_series(cluster, shape=(64, 64), angles_deg=np.arange(-90, 91, 4))


@pytest.fixture(scope="module")
def usual():
    return series(gap.crystal()).crop(y=40)


@pytest.fixture(scope="module")
def odd():
    return series(gap.odd_particle())


def filled(whole, method):
    return interpolation.fill(
        whole.select(np.arange(0, whole.n_tilts, 2)),
        method=method,
        angles_deg=whole.angles_deg[1:-1:2],
    )


def test_it_is_quiet_about_a_particle_like_those_learned_from(usual):
    check = interpolation.consistency(filled(usual, "network_frames"), **HOW)
    assert not check.rings
    assert check.ratios.max() < 1
    assert str(check).startswith("quiet: no generated frame")


def test_it_rings_about_a_particle_unlike_them_and_says_where(odd):
    made = filled(odd, "network_frames")
    check = interpolation.consistency(made, **HOW)
    assert check.rings
    assert check.ratios.max() > 2
    worst = int(check.ratios.argmax())
    off = made.projections[made.generated][worst] - odd.projections[1:-1:2][worst]
    at = np.unravel_index(np.abs(off).argmax(), off.shape)
    assert np.abs(check.places_px[worst] - at).max() <= 8
    text = str(check)
    assert text.startswith(f"RINGS: {check.doubtful.sum()} of 22 generated frames contradict")
    assert f"at {check.angles_deg[worst]:g}°" in text


def test_the_true_frames_are_quiet(usual, odd):
    for whole in (usual, odd):
        made = filled(whole, "linear")
        frames = made.projections.copy()
        frames[made.generated] = whole.projections[1:-1:2]
        assert interpolation.consistency(made.replace(projections=frames), **HOW).ratios.max() < 1


def test_frames_of_the_geometric_way_pass_whatever_they_show(odd):
    # Recorded so rarely that the object is wrong, and its projections with it.
    few = odd.select(np.arange(0, odd.n_tilts, 6))
    made = interpolation.fill(few, 2, "geometric", n_iter=40)
    assert not interpolation.consistency(made, **HOW).rings


def test_a_bad_recorded_frame_covers_for_bad_generated_ones(odd):
    made = filled(odd, "network_frames")
    before = interpolation.consistency(made, **HOW)
    frames = made.projections.copy()
    frames[20] = np.roll(frames[20], 12, axis=0)
    assert not made.generated[20]
    after = interpolation.consistency(made.replace(projections=frames), **HOW)
    assert after.held_out > 2 * before.held_out
    assert after.ratios.max() < before.ratios.max()


def test_distances_are_those_to_the_projection_of_the_object(usual):
    row = TiltSeries(usual.projections[:, :, 20], usual.angles_deg)
    made = filled(row, "linear")
    check = interpolation.consistency(made, window_px=64, limit=2.0)
    assert check.limit == 2
    assert check.distances.shape == (22, 64)
    assert check.places_px.shape == (22, 1)
    rms = np.sqrt(np.mean(check.distances**2, axis=1))
    np.testing.assert_allclose(check.ratios, rms / check.held_out, rtol=0.3)
    assert "y =" not in str(check)


def test_order_and_unit_do_not_matter(usual):
    made = filled(usual.crop(y=8), "linear")
    first = interpolation.consistency(made, **HOW)
    mixed = made.select(np.random.default_rng(0).permutation(made.n_tilts))
    loud = mixed.replace(projections=100 * mixed.projections)
    again = interpolation.consistency(loud, **HOW)
    np.testing.assert_array_equal(first.angles_deg, again.angles_deg)
    np.testing.assert_allclose(first.ratios, again.ratios, rtol=1e-3)


def test_what_cannot_be_compared_is_refused(usual):
    with pytest.raises(ParameterError, match="no generated frames"):
        interpolation.consistency(usual)
    few = interpolation.fill(usual.select([0, 10, 20, 30]), 2, "linear")
    with pytest.raises(GeometryError, match="4 recorded frames"):
        interpolation.consistency(few)
    made = filled(usual, "linear")
    for wrong in ({"window_px": 0}, {"limit": 0}, {"n_iter": 0}):
        with pytest.raises(ParameterError):
            interpolation.consistency(made, **wrong)


def test_five_recorded_frames_are_enough(usual):
    few = interpolation.fill(usual.crop(y=8).select([0, 11, 22, 33, 44]), 2, "linear")
    assert np.isfinite(interpolation.consistency(few, **HOW).ratios).all()
