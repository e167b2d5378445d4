"""Noise: its size is what the docstring says, its draws repeat, its inputs survive."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import noise
from em_inverse.errors import DataError, ParameterError


def test_relative_level_is_a_share_of_the_largest_value():
    y = np.zeros(200_000)
    y[0] = -5.0
    added = noise.gaussian(y, 0.1, seed=1) - y
    assert added.std() == pytest.approx(0.5, rel=0.01)
    assert abs(added.mean()) < 0.005


def test_absolute_level_is_the_standard_deviation():
    y = np.full(200_000, 7.0)
    added = noise.gaussian(y, 0.3, relative=False, seed=2) - y
    assert added.std() == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("relative", [True, False])
def test_noise_norm_is_sigma_times_root_m(relative):
    y = np.linspace(-3, 1, 40_000)
    added = noise.gaussian(y, 0.2, relative=relative, seed=3) - y
    sigma = noise.gaussian_sigma(y, 0.2, relative=relative)
    assert sigma == pytest.approx(0.6 if relative else 0.2)
    assert np.linalg.norm(added) == pytest.approx(sigma * np.sqrt(y.size), rel=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian_keeps_dtype_shape_and_input(dtype):
    y = np.ones((3, 4, 5), dtype)
    before = y.copy()
    noisy = noise.gaussian(y, 0.1)
    assert noisy.dtype == dtype
    assert noisy.shape == y.shape
    assert np.array_equal(y, before)
    assert not np.array_equal(noisy, y)


def test_integers_become_float64():
    assert noise.gaussian([1, 2, 3], 0.0).dtype == np.float64
    assert noise.poisson(np.array([1, 2, 3]), 5).dtype == np.float64


def test_no_level_no_noise():
    y = np.arange(5.0)
    assert np.array_equal(noise.gaussian(y, 0), y)


@given(st.integers(0, 2**32 - 1))
def test_seeds_repeat_and_differ(seed):
    y = np.ones(16)
    assert np.array_equal(noise.gaussian(y, 0.1, seed=seed), noise.gaussian(y, 0.1, seed=seed))
    other = noise.gaussian(y, 0.1, seed=seed + 1)
    assert not np.array_equal(noise.gaussian(y, 0.1, seed=seed), other)


def test_a_generator_goes_on_from_its_state():
    rng = np.random.default_rng(5)
    y = np.ones(16)
    first, second = (noise.gaussian(y, 0.1, seed=rng) for _ in range(2))
    assert np.array_equal(first, noise.gaussian(y, 0.1, seed=5))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("seed", [None, -1, 1.5, "42", True])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ParameterError, match=r"seed is .*whole number"):
        noise.gaussian([1.0], 0.1, seed=seed)


def test_negative_levels_are_refused():
    with pytest.raises(ParameterError, match="level"):
        noise.gaussian([1.0], -0.1)


def test_dose_is_the_mean_count_per_pixel():
    y = np.linspace(0, 8, 100_000)
    counts, scale = noise.poisson(y, 25.0, counts=True, seed=1)
    assert counts.mean() == pytest.approx(25, rel=0.01)
    assert scale == pytest.approx(25 / y.mean())
    assert np.array_equal(counts, np.rint(counts))
    assert np.array_equal(noise.poisson(y, 25.0, seed=1), counts / scale)


def test_poisson_is_unbiased_with_variance_y_over_scale():
    y = np.full(200_000, 3.0)
    noisy = noise.poisson(y, 50, seed=4)
    assert noisy.mean() == pytest.approx(3, rel=0.005)
    assert noisy.var() == pytest.approx(3 * 3 / 50, rel=0.02)


@given(dose=st.floats(1e-3, 1e6), factor=st.floats(1e-3, 1e3))
def test_counts_do_not_depend_on_the_unit_of_y(dose, factor):
    y = np.array([0.0, 1.0, 2.0, 5.0])
    counts, scale = noise.poisson(y, dose, counts=True, seed=7)
    other, other_scale = noise.poisson(factor * y, dose, counts=True, seed=7)
    # One in a million draws may sit on a rounding edge; equal means up to one count.
    assert np.abs(counts - other).max() <= max(1, 1e-6 * dose)
    assert other_scale == pytest.approx(scale / factor)


def test_dark_pixels_stay_dark_and_float32_stays():
    y = np.array([0, 1, 2], np.float32)
    noisy = noise.poisson(y, 10)
    assert noisy[0] == 0
    assert noisy.dtype == np.float32
    assert np.array_equal(y, [0, 1, 2])


def test_poisson_refuses_what_cannot_be_counted():
    with pytest.raises(DataError, match=r"2 negative values \(lowest -1\).*np.maximum"):
        noise.poisson([-1.0, -0.5, 3.0], 10)
    with pytest.raises(DataError, match="zero everywhere"):
        noise.poisson(np.zeros(3), 10)
    with pytest.raises(ParameterError, match="dose"):
        noise.poisson([1.0], 0)
    with pytest.raises(ParameterError, match="brightest pixel"):
        noise.poisson([1.0], 1e20)


def test_snr_of_a_flat_image_is_the_root_of_the_dose():
    y = np.full((300, 300), 2.0)
    for dose in (25, 100, 400):
        assert noise.snr(noise.poisson(y, dose, seed=1), y) == pytest.approx(
            np.sqrt(dose), rel=0.02
        )


def test_snr_in_decibel_and_its_limits():
    clean, noisy = np.array([3.0, 4.0]), np.array([3.0, 4.5])
    assert noise.snr(noisy, clean) == pytest.approx(10)
    assert noise.snr(noisy, clean, decibel=True) == pytest.approx(20)
    assert noise.snr(clean, clean) == np.inf
    assert noise.snr(clean, clean, decibel=True) == np.inf
    with pytest.raises(DataError, match=r"\(2,\).*\(3,\)|\(3,\).*\(2,\)"):
        noise.snr(np.ones(3), clean)
    with pytest.raises(DataError, match="zero everywhere"):
        noise.snr(clean, np.zeros(2))


def test_smoothed_noise_has_its_strength_and_its_width():
    y = np.zeros((40, 500))
    for width in (0.5, 1.0, 2.0):
        drawn = noise.smoothed(y, 0.3, width, relative=False, seed=1)
        assert drawn.std() == pytest.approx(0.3, rel=0.03)
        likeness = np.mean(drawn[:, 2:] * drawn[:, :-2]) / drawn.var()
        # Smoothing with a Gaussian of width w: neighbours at distance d resemble by exp(−d²/4w²).
        assert likeness == pytest.approx(np.exp(-1 / width**2), abs=0.06)
        across = np.mean(drawn[1:] * drawn[:-1]) / drawn.var()
        assert abs(across) < 0.05


def test_smoothed_over_nothing_is_white():
    y = np.linspace(0, 2, 50)
    np.testing.assert_allclose(noise.smoothed(y, 0.1, 0, seed=5), noise.gaussian(y, 0.1, seed=5))
    with pytest.raises(ParameterError, match="width"):
        noise.smoothed(y, 0.1, -1.0)
