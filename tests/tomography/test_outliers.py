import numpy as np
import pytest
from scipy import ndimage

from em_inverse.errors import ParameterError
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import drop_tilts, find_outlier_tilts, saturated_fraction

ANGLES = np.arange(-70, 71, 5.0)


def healthy(seed, noise=0.02):
    rng = np.random.default_rng(seed)
    volume = np.zeros((48, 48, 40))
    for _ in range(12):
        z, x, y = rng.integers(14, 30, 3)
        volume[z : z + 4, x : x + 4, y : y + 4] += 1
    images = ParallelBeam(volume.shape, ANGLES) @ volume
    return images + rng.normal(0, noise * images.max(), images.shape)


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_series_has_no_outliers(seed, noise):
    assert find_outlier_tilts(TiltSeries(healthy(seed, noise), ANGLES)) == []


@pytest.mark.parametrize("seed", range(5))
def test_each_kind_of_fault_is_found_and_named(seed):
    images = healthy(seed)
    images[4] *= 0.6
    images[9] = ndimage.gaussian_filter(images[9], 4)
    images[14] = ndimage.shift(images[14], (9, 0), order=1)
    images[18] = images[17]
    images[23] = 3.0
    images[26] = ndimage.shift(images[26], (0, -8), order=1)
    order = np.random.default_rng(seed).permutation(ANGLES.size)
    found = find_outlier_tilts(TiltSeries(images[order], ANGLES[order]))
    reasons = {one.angle_deg: " and ".join(one.reasons) for one in found}
    assert set(reasons) >= {ANGLES[k] for k in (4, 9, 14, 23, 26)}
    assert "total intensity" in reasons[ANGLES[4]]
    assert "below" in reasons[ANGLES[4]]
    assert "sharpness" in reasons[ANGLES[9]]
    assert "across the tilt axis" in reasons[ANGLES[14]]
    assert "along the tilt axis" in reasons[ANGLES[26]]
    assert "blank" in reasons[ANGLES[23]]
    copies = [angle for angle, why in reasons.items() if "a copy of projection" in why]
    assert len(copies) == 1
    assert copies[0] in ANGLES[[17, 18]]
    assert len(found) == 6


def test_few_tilts_are_checked_for_copies_only():
    images = np.random.default_rng(0).random((4, 8, 8))
    images[1] *= 50
    images[3] = images[0]
    found = find_outlier_tilts(TiltSeries(images, [0, 1, 2, 3]))
    assert [one.tilt for one in found] == [3]
    assert find_outlier_tilts(TiltSeries(-np.random.default_rng(0).random((9, 8)), range(9))) == []


def test_dropped_tilts_are_named_in_the_history():
    images = healthy(0)
    images[4] *= 0.5
    series = TiltSeries(images, ANGLES, dose=290, metadata={"background": np.arange(29.0)})
    found = find_outlier_tilts(series)
    rest = drop_tilts(series, found)
    assert rest.n_tilts == 28
    assert rest.dose == 280
    assert -50 not in rest.angles_deg
    assert 4 not in rest.metadata["background"]
    assert "-50° (total intensity 4" in rest.history[-1]
    assert np.array_equal(rest.undo().projections, series.projections)
    assert drop_tilts(series, []) is series
    for bad in ([29], range(29)):
        with pytest.raises(ParameterError, match="tilts"):
            drop_tilts(series, bad)


def test_saturation_is_told_from_a_bright_spot():
    images = healthy(1)
    assert not saturated_fraction(TiltSeries(images, ANGLES)).any()
    ceiling = np.percentile(images[10], 99)
    clipped = images.copy()
    clipped[10:] = np.minimum(images[10:], ceiling)
    clipped[:10] = np.minimum(images[:10], 0.9 * ceiling)
    fractions = saturated_fraction(TiltSeries(clipped, ANGLES))
    assert not fractions[:10].any()
    assert fractions[10] == pytest.approx(0.01, abs=0.002)
    given = saturated_fraction(TiltSeries(clipped, ANGLES), level=0.9 * ceiling)
    assert (given[:10] > 0).any()
    assert not saturated_fraction(TiltSeries(np.ones((2, 30)), [0, 1])).any()
