"""Every number that week 5 states in its prose, computed again.

What a cell prints is held by the strict comparison of stored outputs. What stands in sentences is
held here: when a sentence is edited, edit its test.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from em_inverse import datasets, forward, metrics, tomography
from em_inverse.tilt_series import TiltSeries

FOLDER = Path(os.environ.get("EM_INVERSE_DATA") or "nowhere")
THICK_LAYER, SHAFT, TIP = 27, 10, slice(40, 48)


@pytest.fixture(scope="module")
def series():
    return datasets.load("nist-needle-small")


@pytest.fixture(scope="module")
def aligned(series):
    return tomography.align(tomography.remove_background(series))


@pytest.fixture(scope="module")
def volumes(aligned):
    return tomography.wbp(aligned, filter="hann").volume, tomography.sirt(aligned, 50).volume


@pytest.fixture(scope="module")
def solid_disc(series):
    """A round disc of one density, projected and reconstructed as the needle was."""
    disc = np.clip(9.5 - distance((31.5, 31.5)) + 0.5, 0, 1)
    data = forward.ParallelBeam(disc.shape, series.angles_deg) @ disc
    simulated = TiltSeries(data, series.angles_deg)
    return tomography.wbp(simulated, filter="hann").x, tomography.sirt(simulated, 50).x


def distance(centre):
    z, x = np.indices((64, 64))
    return np.hypot(z - centre[0], x - centre[1])


def middle_over_rim(image):
    """Mean of the innermost 3 px over the mean from 3 to 1.5 px inside the half maximum."""
    weights = np.where(image > 0.25 * image.max(), image, 0).astype(float)
    grid = np.indices(image.shape)
    centre = [(weights * axis).sum() / weights.sum() for axis in grid]
    r, edge = distance(centre), radius(image)
    return image[r < 3].mean() / image[(r > edge - 3) & (r < edge - 1.5)].mean()


def radius(image):
    return np.sqrt((image > 0.5 * image.max()).sum() / np.pi)


def test_introduction(series):
    assert series.projections.shape == (77, 64, 64)
    assert series.pixel_size_nm == pytest.approx(13, abs=0.5)


@pytest.mark.skipif(
    not (FOLDER / "nist-needle-haadf.mrc").is_file(),
    reason="real data not present: set EM_INVERSE_DATA",
)
def test_section_1_the_original_file(series):
    full = datasets.load("nist-needle")
    assert full.projections.shape == (77, 256, 256)
    assert full.projections.max() == 32325
    assert np.median(full.projections[:, :, -24:]) == pytest.approx(-31890, abs=10)
    assert sum(file.size for file in datasets.info("nist-needle").files) == pytest.approx(10e6, 0.1)
    raised = (full.projections.astype(float) + 32768) / 16
    binned = raised.reshape(77, 64, 4, 64, 4).mean(axis=(2, 4))
    assert np.abs(binned - series.projections).max() <= 0.51


def test_section_2_the_offset_is_about_one_per_cent_of_the_brightest_pixel(series):
    assert np.median(series.projections) / series.projections.max() == pytest.approx(0.01, abs=5e-3)


def test_section_3_the_largest_jump(aligned):
    jump = np.abs(np.diff(aligned.metadata["shifts_px"][:, 0])).max()
    assert jump == pytest.approx(9, abs=0.5)
    assert jump * aligned.pixel_size_nm == pytest.approx(120, abs=8)


def test_section_5_a_good_fit_to_a_wrong_shape(aligned, volumes):
    keep = np.abs(aligned.angles_deg) <= 40
    part = aligned.replace(
        projections=aligned.projections[keep], angles_deg=aligned.angles_deg[keep]
    )
    result = tomography.sirt(part, n_iter=50)
    explained = 1 - result.data_distance / result.geometry["data_norm"]
    assert explained == pytest.approx(0.92, abs=0.005)
    assert metrics.wedge_elongation(result.volume[:, :, TIP]) == pytest.approx(1.7, abs=0.05)
    assert metrics.wedge_elongation(volumes[1][:, :, TIP]) == pytest.approx(1.0, abs=0.05)


def test_conclusions_on_roundness(volumes, solid_disc):
    tip = [metrics.wedge_elongation(volume[:, :, TIP]) for volume in volumes]
    disc = [metrics.wedge_elongation(image) for image in solid_disc]
    assert tip == pytest.approx([1.1, 1.0], abs=0.05)
    assert disc == pytest.approx([1.1, 1.0], abs=0.05)


def test_conclusions_on_grey_values(volumes, solid_disc):
    for volume in volumes:
        assert 1 - middle_over_rim(volume[:, :, THICK_LAYER]) == pytest.approx(1 / 6, abs=0.04)
    for image in solid_disc:
        assert 0.98 < middle_over_rim(image) < 1.06


def test_conclusions_on_resolution(series, volumes):
    diameter = 2 * radius(volumes[1][:, :, SHAFT]) * series.pixel_size_nm
    assert diameter == pytest.approx(270, abs=10)
    assert series.tilt_step_deg == 2
    assert 270 * np.deg2rad(2) == pytest.approx(9, abs=0.5)
    assert series.pixel_size_nm / 4 == pytest.approx(3.4, abs=0.05)
