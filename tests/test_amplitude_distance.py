"""The amplitude distance: value, residual, noise, and its checks."""

import numpy as np
import pytest

from em_inverse.errors import DataError
from em_inverse.fidelity import AmplitudeDistance, amplitude_residual
from em_inverse.forward import Multislice


def model():
    return Multislice((6, 8, 7), [100.0, 300.0], dtype=np.float64, slice_voxels=2).tilted(15.0)


def test_the_residual_leads_to_the_nearest_wave_with_the_measured_amplitudes():
    rng = np.random.default_rng(0)
    wave = rng.standard_normal(50) + 1j * rng.standard_normal(50)
    amplitudes = rng.uniform(0, 2, 50)
    residual, value = amplitude_residual(wave, amplitudes)
    assert np.allclose(np.abs(wave - residual), amplitudes)
    assert value == pytest.approx(np.sum(np.abs(residual) ** 2))
    for phase in rng.uniform(0, 2 * np.pi, 20):
        other = amplitudes * np.exp(1j * phase)
        assert np.all(np.abs(wave - other) >= np.abs(residual) - 1e-12)


def test_a_wave_without_phase_is_left_alone():
    residual, value = amplitude_residual(np.zeros(2, complex), np.array([0.0, 2.0]))
    assert residual.tolist() == [0, 0]
    assert value == 4.0


def test_four_n_times_the_distance_counts_the_pixels_when_only_noise_is_left():
    H, electrons = model(), 60.0
    x = 100 * np.random.default_rng(1).random(H.in_shape)
    clean = np.abs(H.forward(x)) ** 2
    values = []
    for seed in range(40):
        counts = np.random.default_rng(seed).poisson(electrons * clean)
        values.append(4 * electrons * AmplitudeDistance(H, counts / electrons).value(x))
    assert np.mean(values) == pytest.approx(clean.size, rel=0.03)


def test_value_distance_and_gradient_belong_together():
    H = model()
    x = 100 * np.random.default_rng(2).random(H.in_shape)
    data = AmplitudeDistance(H, np.ones(H.out_shape))
    assert data.distance(x) ** 2 == pytest.approx(data.value(x))
    wave = H.forward(x)
    assert data.value_at(wave) == pytest.approx(np.sum(np.abs(data.residual_at(wave)) ** 2))
    better = x - 1e3 * data.gradient(x)
    assert data.value(better) < data.value(x)


def test_data_are_checked_and_may_be_replaced():
    H = model()
    with pytest.raises(DataError, match="cannot be negative"):
        AmplitudeDistance(H, -np.ones(H.out_shape))
    with pytest.raises(DataError, match="y has shape"):
        AmplitudeDistance(H, np.ones(3))
    data = AmplitudeDistance(H, np.ones(H.out_shape))
    assert data.value(np.zeros(H.in_shape)) == pytest.approx(0, abs=1e-20)
    data.y = 4 * np.ones(H.out_shape)
    assert data.value(np.zeros(H.in_shape)) == pytest.approx(H.out_shape[0] * 8 * 7)
    assert data.y.max() == 4
