"""Alignment against the running reconstruction, on projections that no kernel of ours has made.

The objects are clusters of balls, whose projections are known in closed form: exact shifts and
rotations, pixels averaged over a finer grid, and no inverse crime.
"""

import numpy as np
import pytest

from em_inverse.errors import ParameterError
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import align, find_tilt_axis
from em_inverse.tomography.projection_matching import match_projections
from em_inverse.tomography.registration import turn

ANGLES = np.arange(-75, 76, 6.0)
N, NY, FINE = 32, 32, 3


def cluster(seed, noise, *, jitter=2.0, rotation=0.0, shift=0.0, rod=False):
    """A misaligned series of 12 balls (and a rod that leaves the field along y), and its shifts."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-0.2, 0.2, (12, 3)) * (N, N, NY)
    radii = rng.uniform(0.05, 0.13, 12) * N
    density = rng.uniform(0.4, 1, 12)
    shifts = rng.uniform(-jitter, jitter, (ANGLES.size, 2))
    matrix = turn(np.deg2rad(rotation))
    x, y = ((np.arange(n * FINE) - (n * FINE - 1) / 2) / FINE for n in (N, NY))
    data = np.zeros((ANGLES.size, N, NY), np.float32)
    for image, theta, moved in zip(data, np.deg2rad(ANGLES), shifts, strict=True):
        fine = np.zeros((x.size, y.size))
        for (bz, bx, by), r, d in zip(centres, radii, density, strict=True):
            u, v = matrix @ (bx * np.cos(theta) + bz * np.sin(theta) + shift, by) - moved
            fine += 2 * d * np.sqrt(np.maximum(r**2 - (x[:, None] - u) ** 2 - (y - v) ** 2, 0))
        if rod:
            qx = x[:, None] + moved[0]
            fine += np.sqrt(np.maximum(16 - qx**2, 0)) * (y + moved[1] > 2)
        image[...] = fine.reshape(N, FINE, NY, FINE).mean(axis=(1, 3))
    return TiltSeries(data + rng.normal(0, noise * data.max(), data.shape), ANGLES), shifts


def without_what_moves_the_object(shifts, rotation_deg=0.0):
    """Shifts along the true axes, without their unknowable part."""
    x, y = (shifts @ turn(np.deg2rad(rotation_deg))).T
    theta = np.deg2rad(ANGLES)
    curves = np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)
    return x - curves @ np.linalg.lstsq(curves, x, rcond=None)[0], y - y.mean()


def compare(found, true, rotation_deg=0.0):
    pairs = zip(
        *(without_what_moves_the_object(s, rotation_deg) for s in (found, true)), strict=True
    )
    return [(np.sqrt(np.mean((f - t) ** 2)), np.corrcoef(f, t)[0, 1]) for f, t in pairs]


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("seed", range(5))
def test_two_pixels_of_misalignment_come_back_to_a_tenth(seed, noise):
    series, true = cluster(seed, noise)
    aligned = align(series, "projection_matching", rotate=False)
    for rms, r in compare(aligned.metadata["shifts_px"], true):
        assert rms < 0.1
        assert r > 0.95
    assert np.array_equal(aligned.undo().projections, series.projections)


def test_an_object_that_leaves_the_field_is_aligned_too():
    series, true = cluster(0, 0.03, rod=True)
    start = align(series, rotate=False)
    end = align(series, "projection_matching", rotate=False)
    before, after = (compare(s.metadata["shifts_px"], true) for s in (start, end))
    assert max(rms for rms, _ in after) < 0.1
    assert after[0][0] < 0.6 * before[0][0]
    assert after[1][0] < 0.9 * before[1][0]


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_and_shifted_axis_is_found_within_a_tenth(seed):
    series, _ = cluster(seed, 0.02, jitter=0.0, rotation=2.3, shift=2.0)
    axis = find_tilt_axis(series, "projection_matching")
    assert axis.rotation_deg == pytest.approx(2.3, rel=0.1)
    assert axis.center_shift == pytest.approx(2.0, rel=0.1)
    assert 0.02 < axis.rotation_error_deg < 0.3
    assert axis.residual < 0.05


def test_rotation_and_shifts_are_found_together_and_recorded():
    series, true = cluster(6, 0.02, rotation=2.3)
    aligned = align(series, "projection_matching")
    angle, error = (aligned.metadata[k] for k in ("rotation_deg", "rotation_error_deg"))
    assert abs(angle - 2.3) < 3 * error < 0.6
    for rms, r in compare(aligned.metadata["shifts_px"], true, 2.3):
        assert rms < 0.1
        assert r > 0.95
    assert "projection matching in" in aligned.history[-1]
    assert 0 < aligned.metadata["reprojection_residual"] < 0.1
    assert aligned.metadata["center_shift_px"] == 0


def test_a_wrong_first_guess_of_the_rotation_is_overcome():
    """Centres of mass once gave −2° for 2.3°, and single steps led from there to −8°."""
    series, _ = cluster(6, 0.02, rotation=2.3)
    start = np.zeros((ANGLES.size, 2))
    found = match_projections(
        series.projections, ANGLES, start, np.deg2rad(-6.0), rotate=True, scales=(2,)
    )
    assert np.rad2deg(found.angle) == pytest.approx(2.3, rel=0.2)


def test_a_straight_axis_is_left_alone():
    series, _ = cluster(7, 0.02)
    aligned = align(series, "projection_matching")
    angle, error = (aligned.metadata[k] for k in ("rotation_deg", "rotation_error_deg"))
    assert angle == 0
    assert 0 < error < 0.3


def test_shifts_can_be_found_without_touching_the_projections():
    series, true = cluster(1, 0.01)
    noted = align(series, "projection_matching", apply=False)
    assert np.array_equal(noted.projections, series.projections)
    assert "shifts_px" not in noted.metadata
    assert "not applied" in noted.history[-1]
    for rms, _ in compare(noted.metadata["shifts_to_apply_px"], true):
        assert rms < 0.1


def test_what_only_displaces_the_object_is_held():
    series, _ = cluster(2, 0.01)
    start = align(series, rotate=False).metadata["shifts_px"]
    found = match_projections(series.projections, ANGLES, start, scales=(2,), max_rounds=3)
    more = found.shifts - start
    theta = np.deg2rad(ANGLES)
    curves = np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)
    fit = np.linalg.lstsq(curves, more[:, 0], rcond=None)[0]
    assert fit[1:] == pytest.approx([0, 0], abs=1e-6)
    assert more[:, 1].mean() == pytest.approx(0, abs=1e-6)


def test_a_sinogram_has_no_shift_along_the_axis():
    series, _ = cluster(3, 0.01)
    line = series.replace(projections=series.projections[:, :, 16])
    found = align(line, "projection_matching", rotate=False, scales=(1,)).metadata["shifts_px"]
    assert not found[:, 1].any()


def test_bad_arguments_are_named():
    series = TiltSeries(np.ones((4, 20, 20)), [-60, -20, 20, 60])
    with pytest.raises(ParameterError, match="scales"):
        align(series, "projection_matching", scales=(0,))
    with pytest.raises(ParameterError, match="start"):
        align(series, "projection_matching", start="projection_matching")
    with pytest.raises(ParameterError, match="max_rounds"):
        align(series, "projection_matching", max_rounds=0)
    with pytest.raises(ParameterError, match="method"):
        find_tilt_axis(series, "by eye")


def test_a_narrow_tilt_range_does_not_run_away_along_what_it_cannot_tell():
    angles = np.linspace(-12, 12, 13)
    rng = np.random.default_rng(0)
    x, y = np.arange(24) - 11.5, np.arange(16) - 7.5
    true = rng.uniform(-1, 1, angles.size)
    blobs = np.exp(-((x + true[:, None]) ** 2) / 18)[:, :, None] * np.exp(-(y**2) / 18)
    data = blobs + rng.normal(0, 0.05, blobs.shape)
    match = match_projections(data, angles, np.zeros((13, 2)), scales=(1,))
    assert match.change < 0.05
    theta = np.deg2rad(angles)
    curves = np.stack([np.ones(13), np.cos(theta), np.sin(theta)], axis=1)
    error = match.shifts[:, 0] - true
    assert np.std(error - curves @ np.linalg.lstsq(curves, error, rcond=None)[0]) < 0.1
