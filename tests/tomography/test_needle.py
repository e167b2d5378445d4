"""The real tilt series, from counts to a needle. Needs EM_INVERSE_DATA."""

import os
from pathlib import Path

import numpy as np
import pytest

from em_inverse import io
from em_inverse.tomography import align, find_tilt_axis, remove_background, sirt
from em_inverse.tomography.geometry import operator

FILE = Path(os.environ.get("EM_INVERSE_DATA", "")) / "nist-needle-haadf.mrc"


@pytest.fixture(scope="module")
def steps():
    if not os.environ.get("EM_INVERSE_DATA") or not FILE.exists():
        pytest.skip("needs nist-needle-haadf.mrc in EM_INVERSE_DATA")
    series = remove_background(io.read_tilt_series(FILE))
    return series, align(series, rotate=False), align(series)


def test_vacuum_is_zero_at_every_tilt(steps):
    vacuum = steps[0].projections[:, :, 230:]
    assert np.abs(vacuum.mean(axis=(1, 2))).max() < 1e-4 * steps[0].projections.max()


def test_the_centre_of_mass_of_every_slice_turns_about_one_axis(steps):
    before, shifted, turned = (find_tilt_axis(series) for series in steps)
    assert before.residual > 5 > 0.1 > shifted.residual
    assert shifted.rotation_deg == pytest.approx(2.6, abs=0.4)
    assert abs(turned.rotation_deg) < 0.1


def test_every_step_lowers_the_reprojection_residual(steps):
    slices = [10, 55, 95]
    relative = []
    for series in (step.bin(2) for step in steps):
        part = series.replace(projections=series.projections[:, :, slices])
        result = sirt(part, 60)
        residual = operator(part).forward(result.x) - part.projections
        relative.append(
            np.linalg.norm(residual, axis=(0, 1)) / np.linalg.norm(part.projections, axis=(0, 1))
        )
    raw, shifted, turned = relative
    assert (raw > 0.3).all()
    assert (shifted < 0.25 * raw).all()
    # The axis is turned about the middle: it matters at both ends of the needle.
    assert turned[0] < 0.85 * shifted[0]
    assert turned[2] < 0.85 * shifted[2]
    # The cross-section of the needle is a filled disc, a little stretched along z.
    section = result.x[:, :, 1] > 0.5 * np.percentile(result.x[:, :, 1], 99)
    z, x = np.nonzero(section)
    assert 30 < np.ptp(x) < 43
    assert 0.9 < np.ptp(z) / np.ptp(x) < 1.25
    assert section.sum() == pytest.approx(np.pi / 4 * np.ptp(x) * np.ptp(z), rel=0.1)


def test_projection_matching_lowers_it_further(steps):
    """On every fourth pixel of every third tilt; the axis tilt is stated with its error."""
    few = np.arange(0, steps[0].n_tilts, 3)
    small = [series.select(few).bin(4) for series in steps]
    matched = align(small[1], "projection_matching", scales=(1,), max_rounds=6)
    residuals = []
    for series in (*small, matched):
        part = series.crop(y=(2, 58))
        result = sirt(part, 40)
        residuals.append(result.data_distance / result.geometry["data_norm"])
    raw, shifted, turned, best = residuals
    assert raw > 4 * shifted
    assert turned < 0.98 * shifted
    assert best < 0.995 * turned
    assert matched.metadata["rotation_deg"] == pytest.approx(2.6, abs=0.4)
    assert matched.metadata["rotation_error_deg"] < 0.1
