import numpy as np
import pytest

from em_inverse.dynamic.cleaning import check_background, clean, vacuum_level
from em_inverse.dynamic.measures import measure
from em_inverse.errors import DataError, ParameterError


def thick(level=-27000.0, height=300.0):
    """An object that leaves only a strip of vacuum."""
    image = np.full((40, 40), level + height)
    image[:6] = level
    return image + np.random.default_rng(0).normal(0, 3, image.shape)


def test_a_thick_object_is_not_taken_for_vacuum():
    assert vacuum_level(thick()) == pytest.approx(-27000, abs=3)
    assert vacuum_level(thick(), "histogram") == pytest.approx(-26700, abs=3)
    for method in ("corner", "percentile"):
        assert vacuum_level(thick(), method) == pytest.approx(-27000, abs=12)


def test_a_small_signal_on_a_large_offset_survives():
    image = np.full((32, 32), 2.0**24)
    image[10:20, 10:20] += 1.0
    one = clean(0, image.astype(np.float64))
    assert one.projections.dtype == np.float32
    assert one.projections.max() == 1
    assert one.projections.min() == 0


def test_integers_and_rows_are_welcome():
    row = np.full(40, 7, np.int16)
    row[15:25] = 107
    assert clean(3, row).projections[0, 20] == 100
    assert clean(3, row, background=None).projections[0, 0] == 7


def test_what_is_no_background_is_refused():
    for value in ("guess", True, np.nan, [1]):
        with pytest.raises(ParameterError, match="background"):
            check_background(value)
    with pytest.raises(DataError):
        clean(0, np.ones((2, 2, 2)))


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.1])
def test_measures_hold_in_noise(sigma):
    x, y = np.mgrid[:64, :56]
    image = np.exp(-0.5 * ((x - 36) ** 2 + (y - 25) ** 2) / 25)
    still = measure(clean(0, image))
    rng = np.random.default_rng(1)
    seen = measure(clean(0, image + rng.normal(0, sigma, image.shape)), still)
    assert seen.noise == pytest.approx(sigma, rel=0.2)
    assert seen.across == pytest.approx(4.5, abs=0.4)
    assert seen.along == pytest.approx(0, abs=0.4)
    assert seen.mass == pytest.approx(still.mass, rel=0.08)
    assert seen.contrast == pytest.approx(still.contrast, rel=0.08)
    assert not seen.blank
    assert seen.touches == (False, False)
    assert measure(clean(0, rng.normal(0, sigma, image.shape))).blank
