"""Fourier ratio, Wiener and Tikhonov are one filter, and the house's general solvers agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import deblurring, spectra
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import EnergyBlur

ENERGY = np.arange(-8.0, 120.0)
CORE_ENERGY = np.arange(500.0, 700.0)


def recorded(counts=2e5, seed=4):
    edge = spectra.core_edge(CORE_ENERGY, 540, white_line=1.0, white_line_width_ev=5)
    low = spectra.low_loss(ENERGY, 0.9, resolution_ev=2)
    clean = spectra.core_loss(edge, low, counts=counts)
    scale = clean.sum() / spectra.core_loss(edge, low).sum()
    noisy = spectra.core_loss(edge, low, counts=counts, seed=seed)
    return scale * edge, low, clean, noisy


def rmse(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_energy_blur_is_a_matched_pair_and_a_circulant_matrix(n, seed):
    rng = np.random.default_rng(seed)
    low, zero = rng.uniform(0.1, 1, n), int(rng.integers(n))
    H = EnergyBlur(low, zero)
    assert H.dot_test(seed) < 1e-12
    p = np.roll(low, -zero) / low.sum()
    column = np.array([[p[(k - j) % n] for j in range(n)] for k in range(n)])
    assert H.to_matrix() == pytest.approx(column, abs=1e-12)
    assert H.norm() == pytest.approx(np.linalg.norm(column, 2), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(4, 48), seed=st.integers(0, 10**6), lam=st.floats(1e-3, 10))
def test_all_routes_to_tikhonov_meet(n, seed, lam):
    rng = np.random.default_rng(seed)
    low, y = rng.uniform(0, 1, n), rng.standard_normal(n)
    H = EnergyBlur(low)
    ours = spectra.tikhonov(y, low, lam, pad=0)
    assert ours == pytest.approx(spectra.fourier_ratio(y, low, lam, pad=0), abs=1e-12)
    scale = np.abs(ours).max()
    assert ours == pytest.approx(deblurring.tikhonov(H, y, lam), abs=1e-8 * scale)
    assert ours == pytest.approx(deblurring.wiener(H, y, lam), abs=1e-8 * scale)


def test_wiener_by_band_is_the_houses_own():
    rng = np.random.default_rng(2)
    n = 31
    low, y = rng.uniform(0, 1, n), rng.standard_normal(n)
    half = rng.uniform(0.01, 2, n // 2 + 1)
    whole = half[np.abs(np.fft.fftfreq(n, 1 / n)).astype(int)]
    ours = spectra.fourier_ratio(y, low, half, pad=0)
    assert ours == pytest.approx(deblurring.wiener(EnergyBlur(low), y, whole), abs=1e-9)


def test_without_noise_the_bare_ratio_gives_the_edge_back():
    edge = np.zeros(120)
    edge[30:70] = np.linspace(5, 0, 40)
    low = spectra.low_loss(np.arange(-5.0, 60.0), 0.7)
    seen = np.convolve(edge, low)[5 : 5 + 120] / low.sum()
    back = spectra.fourier_ratio(seen, low, zero_channel=5)
    # What has left the window behind the last channel cannot come back.
    assert back[:60] == pytest.approx(edge[:60], abs=0.05)
    assert np.abs(seen[:60] - edge[:60]).max() > 1


def test_wiener_keeps_what_the_ratio_drowns_and_beats_every_single_lambda():
    edge, low, _, noisy = recorded()
    naive = spectra.fourier_ratio(noisy, low)
    wiener = spectra.fourier_ratio(noisy, low, spectra.noise_to_signal(noisy, low))
    best = min(rmse(spectra.tikhonov(noisy, low, lam), edge) for lam in np.logspace(-4, 1, 21))
    assert rmse(noisy, edge) > 1.5 * rmse(wiener, edge)
    assert rmse(naive, edge) > 4 * rmse(wiener, edge)
    assert rmse(wiener, edge) < 0.85 * best


def test_a_gaussian_resolution_is_the_textbooks_remedy():
    edge, low, _, noisy = recorded()
    naive = spectra.fourier_ratio(noisy, low)
    textbook = spectra.fourier_ratio(noisy, low, resolution=4.0)
    assert rmse(textbook, edge) < 0.3 * rmse(naive, edge)
    assert textbook.sum() == pytest.approx(naive.sum(), rel=0.02)


def test_area_shrinks_by_lambda():
    y = np.random.default_rng(0).uniform(1, 2, 50)
    x = spectra.tikhonov(y, [3.0, 1.0], 0.25, pad=0)
    assert x.sum() == pytest.approx(y.sum() / 1.25)


def test_spectrum_images_are_taken_along_the_last_axis():
    rng = np.random.default_rng(1)
    stack, low = rng.uniform(0, 9, (2, 3, 40)), rng.uniform(0, 1, 11)
    kept = stack.copy()
    whole = spectra.tikhonov(stack, low, 0.1)
    assert whole.shape == stack.shape
    assert whole[1, 2] == pytest.approx(spectra.tikhonov(stack[1, 2], low, 0.1))
    assert np.array_equal(stack, kept)


def test_noise_to_signal_rises_with_frequency_and_falls_with_dose():
    _, low, _, noisy = recorded(2e4)
    _, _, _, bright = recorded(2e6)
    few, many = spectra.noise_to_signal(noisy, low), spectra.noise_to_signal(bright, low)
    assert few[:6].max() < 1 < few[-1]
    assert many[:8].mean() < 0.1 * few[:8].mean()
    given = spectra.noise_to_signal(noisy, low, noise_power=float(noisy.mean()))
    assert given == pytest.approx(few)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: EnergyBlur([1.0, -1.0]), DataError, "negative"),
        (lambda: EnergyBlur([0.0, 0.0]), DataError, "zero everywhere"),
        (lambda: EnergyBlur([1.0, 0.0], 2), ParameterError, "zero_channel"),
        (lambda: spectra.fourier_ratio([1.0, 2.0], [1.0, 1.0]), ParameterError, "0/0"),
        (lambda: spectra.fourier_ratio([1.0, 2.0], [1.0], -1.0), ParameterError, "≥ 0"),
        (lambda: spectra.fourier_ratio([1.0, 2.0], [1.0], np.ones(9)), DataError, "frequency"),
        (lambda: spectra.fourier_ratio(1.0, [1.0]), DataError, "single number"),
        (lambda: spectra.fourier_ratio([1.0], np.ones(4), pad=1), DataError, "Raise pad"),
        (lambda: spectra.fourier_ratio([1.0, np.nan], [1.0]), DataError, "NaN"),
        (lambda: spectra.tikhonov([1.0], [1.0], 0.0), ParameterError, "lam"),
        (lambda: spectra.fourier_ratio([1.0], [1.0], resolution=0), ParameterError, "resolution"),
        (lambda: spectra.noise_to_signal(np.ones((2, 9)), [1.0]), DataError, "one spectrum"),
        (lambda: spectra.noise_to_signal(np.zeros(9), [1.0]), DataError, "noise_power"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
