import numpy as np
import pytest
from scipy import ndimage

from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import align, find_tilt_axis, sirt
from em_inverse.tomography.registration import placed

ANGLES = np.arange(-72, 73, 6.0)


def blobs(seed, n=48, ny=40, *, leaves=False):
    """A few soft balls near the axis; with `leaves` also a rod that runs out at y = 0."""
    rng = np.random.default_rng(seed)
    z, x, y = np.meshgrid(*(np.arange(k) - (k - 1) / 2 for k in (n, n, ny)), indexing="ij")
    volume = np.zeros(z.shape)
    for _ in range(6):
        centre = rng.uniform(-9, 9, 3)
        r2 = (z - centre[0]) ** 2 + (x - centre[1]) ** 2 + (y - centre[2]) ** 2
        volume += rng.uniform(0.5, 1) * np.exp(-0.5 * r2 / rng.uniform(1.5, 3) ** 2)
    if leaves:
        volume += 0.8 * (1 / (1 + np.exp((np.hypot(z, x) - 7) / 0.7)) / (1 + np.exp((y + 5) / 0.5)))
    return volume


def misaligned(seed, noise, *, leaves=False, rotation=0.0, size=2.0):
    volume = blobs(seed, leaves=leaves)
    clean = ParallelBeam(volume.shape, ANGLES) @ volume
    rng = np.random.default_rng(100 + seed)
    shifts = rng.uniform(-size, size, (ANGLES.size, 2))
    # Shift and turn the other way round than `align` will.
    moved = placed(clean, np.zeros_like(shifts), -rotation, order=3)
    moved = placed(moved, -shifts, 0.0, order=3)
    data = moved + rng.normal(0, noise * clean.max(), clean.shape)
    return TiltSeries(data.astype(np.float32), ANGLES), shifts, clean


def error_of(found, true):
    """RMS difference of shifts, free from what alignment cannot know: where the object lies."""
    theta = np.deg2rad(ANGLES)
    across = np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)
    d = (found - true)[:, 0]
    d = d - across @ np.linalg.lstsq(across, d, rcond=None)[0]
    e = (found - true)[:, 1] - (found - true)[:, 1].mean()
    return np.sqrt(np.mean(d**2)), np.sqrt(np.mean(e**2))


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("seed", range(3))
def test_two_pixels_of_misalignment_come_back(seed, noise):
    series, shifts, _ = misaligned(seed, noise)
    for method in ("center_of_mass", "common_line"):
        found = align(series, method, rotate=False).metadata["shifts_px"]
        x, y = error_of(found, shifts)
        assert max(x, y) < (0.2 if noise > 0.01 else 0.1)
        assert np.corrcoef(found[:, 1], shifts[:, 1])[0, 1] > 0.95


@pytest.mark.parametrize("method", ["center_of_mass", "common_line"])
def test_an_object_that_runs_out_of_the_field_is_aligned_by_its_profile(method):
    series, shifts, _ = misaligned(1, 0.01, leaves=True)
    aligned = align(series, method, rotate=False)
    x, y = error_of(aligned.metadata["shifts_px"], shifts)
    assert max(x, y) < 0.15
    assert "matching the mass profiles" in aligned.history[-1]
    first, last = aligned.metadata["slices_in_view"]
    assert 1 <= first <= 3
    assert 37 <= last <= 39


def test_cross_correlation_follows_the_specimen():
    series, shifts, _ = misaligned(2, 0.01)
    found = align(series, "cross_correlation", stretch=False).metadata["shifts_px"]
    x, y = error_of(found, shifts)
    assert y < 0.5
    assert x < 1.0
    assert np.corrcoef(found[:, 0], shifts[:, 0])[0, 1] > 0.6


def test_stretching_suits_a_flat_specimen():
    """Features of a thin film crowd together by cos θ; stretched, neighbours are alike."""
    rng = np.random.default_rng(5)
    film = ndimage.gaussian_filter(rng.random((96, 48)), 2.0)
    angles = np.arange(-60, 61, 5.0)
    middle = 47.5
    images = [
        ndimage.map_coordinates(
            film,
            np.meshgrid(
                (np.arange(96) - middle) / np.cos(np.deg2rad(a)) + middle,
                np.arange(48.0),
                indexing="ij",
            ),
            order=1,
            mode="reflect",
        )
        for a in angles
    ]
    shifts = rng.uniform(-2, 2, (angles.size, 2))
    shifts -= shifts[np.abs(angles).argmin()]
    series = TiltSeries(placed(np.array(images), -shifts, 0.0, order=3), angles)
    found = align(series, "cross_correlation", max_shift=8).metadata["shifts_px"]
    wrong = align(series, "cross_correlation", max_shift=8, stretch=False).metadata["shifts_px"]
    rms = [np.sqrt(np.mean((f - shifts)[:, 0] ** 2)) for f in (found, wrong)]
    assert rms[0] < 0.5
    assert np.sqrt(np.mean((found - shifts)[:, 1] ** 2)) < 0.3


@pytest.mark.parametrize("seed", [3, 4, 7])
@pytest.mark.parametrize("rotation", [2.3, -3.0])
def test_a_turned_tilt_axis_is_found_and_turned_back(rotation, seed):
    series, _, _ = misaligned(seed, 0.01, rotation=rotation, leaves=True)
    aligned = align(series)
    assert aligned.metadata["rotation_deg"] == pytest.approx(rotation, rel=0.1)
    axis = find_tilt_axis(aligned)
    assert abs(axis.rotation_deg) < 0.25
    assert abs(axis.center_shift) < 0.1
    assert f"rotation {aligned.metadata['rotation_deg']:.2f}°" in aligned.history[-1]


def test_a_straight_axis_is_left_alone():
    series, _, _ = misaligned(4, 0.01, leaves=True)
    assert align(series).metadata["rotation_deg"] == 0


def test_alignment_lowers_the_reprojection_residual():
    series, _, _ = misaligned(7, 0.01, rotation=2.5, leaves=True)
    residuals = [
        sirt(s, 20).data_distance
        for s in (series, align(series, rotate=False), align(series, rotate=True))
    ]
    assert residuals[1] < 0.5 * residuals[0]
    assert residuals[2] < residuals[1]


def test_shifts_and_rotation_are_recorded_so_that_they_can_be_undone():
    series, _, _ = misaligned(7, 0.0, rotation=2.0, leaves=True)
    aligned = align(series)
    again = placed(
        series.projections, aligned.metadata["shifts_px"], aligned.metadata["rotation_deg"], order=3
    )
    assert np.allclose(again, aligned.projections)
    twice = align(aligned)
    difference = twice.metadata["shifts_px"] - aligned.metadata["shifts_px"]
    assert np.abs(difference).max() < 0.1
    assert len(twice.history) == 2


def test_nothing_is_wrapped_around():
    images = np.zeros((5, 32, 16))
    for i, start in enumerate((20, 22, 24, 20, 18)):
        images[i, start : start + 6] = 1
    images[:, 0] = 0.5
    aligned = align(TiltSeries(images, [-60, -30, 0, 30, 60]), rotate=False)
    assert np.abs(aligned.projections[:, -1]).max() < 1e-6


def test_a_sinogram_is_aligned_across_only():
    slice_ = blobs(8)[:, :, 20]
    clean = ParallelBeam(slice_.shape, ANGLES) @ slice_
    shifts = np.random.default_rng(8).uniform(-2, 2, ANGLES.size)
    moved = [ndimage.shift(line, -s, order=3) for line, s in zip(clean, shifts, strict=True)]
    aligned = align(TiltSeries(np.array(moved), ANGLES))
    found = aligned.metadata["shifts_px"]
    assert error_of(found, np.stack([shifts, 0 * shifts], axis=1))[0] < 0.1
    assert not found[:, 1].any()
    assert aligned.projections.shape == clean.shape


def test_axis_position_and_centre_of_mass_are_fitted():
    volume = np.zeros((41, 41, 24))
    volume[24:28, 12:16, 4:20] = 1
    data = ParallelBeam(volume.shape, ANGLES, 49, center_shift=-2.0) @ volume
    axis = find_tilt_axis(TiltSeries(data, ANGLES))
    assert axis.center_shift == pytest.approx(-2, abs=0.05)
    assert axis.x == pytest.approx(-6.5, abs=0.1)
    assert axis.z == pytest.approx(5.5, abs=0.1)
    assert axis.residual < 0.05
    assert abs(axis.rotation_deg) < 0.01
    assert np.isinf(find_tilt_axis(TiltSeries(data[:, :, 10], ANGLES)).rotation_error_deg)


@pytest.mark.parametrize("angles", [[0, 10, 20], [-5, -2, 0, 2, 5], [30] * 6])
def test_angles_that_do_not_determine_the_axis_are_refused(angles):
    data = np.ones((len(angles), 9))
    with pytest.raises(GeometryError, match="angles_deg"):
        find_tilt_axis(TiltSeries(data, angles))
    assert align(TiltSeries(data, angles)).metadata["rotation_deg"] == 0


def test_projections_without_mass_are_refused_with_the_remedy():
    empty = np.ones((3, 12))
    empty[1] = 0
    with pytest.raises(DataError, match=r"projection 1 .*remove_background"):
        align(TiltSeries(empty, [-60, 0, 60]))
    offset = np.full((3, 12), 1e-3)
    offset[:, 3], offset[:, 9] = 5, -4.9
    with pytest.raises(DataError, match="remove_background"):
        align(TiltSeries(offset, [-60, 0, 60]))


def test_bad_arguments_are_named():
    series = TiltSeries(np.ones((3, 12, 12)), [-90, 0, 60])
    with pytest.raises(ParameterError, match="method"):
        align(series, "by eye")
    with pytest.raises(ParameterError, match="order"):
        align(series, order=0)
    with pytest.raises(ParameterError, match="max_shift"):
        align(series, max_shift=-1)
    with pytest.raises(ParameterError, match="stretch"):
        align(series, "cross_correlation")


def test_the_input_series_is_not_changed():
    series, _, _ = misaligned(9, 0.0)
    before = series.projections.copy()
    align(series)
    assert np.array_equal(series.projections, before)
    assert series.history == ()
