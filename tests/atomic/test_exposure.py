"""A series that was simulated once can be counted at any dose, pixel by pixel."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from em_inverse import atomic
from em_inverse.errors import ParameterError


def flat(level=1.0, shape=(4, 2, 24, 24)):
    return atomic.FocalTiltSeries(np.full(shape, level), np.arange(shape[0]), [200.0, 450.0])


def test_counts_have_the_mean_and_the_variance_of_poisson():
    counted = atomic.exposed(flat(0.8), 1280.0)
    n = counted.electrons_per_pixel
    assert n == 1280 * 0.25 / 8
    counts = n * counted.images.astype(float)
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)
    assert counts.mean() == pytest.approx(0.8 * n, rel=0.02)
    assert counts.var() == pytest.approx(0.8 * n, rel=0.08)


def test_each_count_is_the_quantile_of_its_own_random_number():
    rng = np.random.default_rng(3)
    images = rng.uniform(0.2, 1.8, (2, 2, 16, 16))
    series = atomic.FocalTiltSeries(images, [0, 90], [200.0, 450.0])
    counted = atomic.exposed(series, 160.0, seed=5)
    n = counted.electrons_per_pixel
    wanted = stats.poisson.ppf(np.random.default_rng(5).random(images.shape), n * images)
    np.testing.assert_allclose(n * counted.images, wanted, rtol=1e-5)


def test_a_last_digit_of_one_pixel_changes_no_other():
    images = np.full((2, 1, 16, 16), 0.9)
    other = images.copy()
    other[0, 0, 0, 0] = 1.7
    one, two = (
        atomic.exposed(atomic.FocalTiltSeries(x, [0, 90], [450.0]), 100.0).images
        for x in (images, other)
    )
    assert np.sum(one != two) <= 1
    np.testing.assert_array_equal(one[0, 0, 1:], two[0, 0, 1:])


def test_nothing_expected_nothing_counted():
    assert atomic.exposed(flat(0.0), 5.0).images.max() == 0


def test_tilts_that_are_kept_share_the_whole_dose():
    series = flat()
    part = atomic.exposed(series, 800.0, tilts=[0, 3])
    assert part.dose_per_square_angstrom == 800
    assert part.electrons_per_pixel == 2 * atomic.exposed(series, 800.0).electrons_per_pixel
    np.testing.assert_array_equal(part.angles_deg, [0, 3])
    assert series.dose_per_square_angstrom is None


def test_what_cannot_be_counted_is_named():
    with pytest.raises(ParameterError, match="already"):
        atomic.exposed(atomic.exposed(flat(), 10.0), 10.0)
    with pytest.raises(ParameterError, match="dose_per_square_angstrom"):
        atomic.exposed(flat(), 0.0)
    with pytest.raises(ParameterError, match="tilts"):
        atomic.exposed(flat(), 10.0, tilts=[])


def test_seeds_repeat():
    series = dataclasses.replace(flat())
    first, again, other = (atomic.exposed(series, 500.0, seed=s).images for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
