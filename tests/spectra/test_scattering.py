"""Simulated spectra obey Poisson's law of plural scattering."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import spectra
from em_inverse.errors import DataError, ParameterError

ENERGY = np.arange(-20.0, 300.0, 0.5)


@settings(max_examples=10, deadline=None)
@given(thickness=st.floats(0, 2.5))
def test_the_zero_loss_holds_what_was_not_scattered(thickness):
    plasmon = {"plasmon_ev": 20, "plasmon_width_ev": 1}
    low = spectra.low_loss(ENERGY, thickness, **plasmon)
    unscattered = low[ENERGY < 6].sum()
    once = low[(ENERGY > 10) & (ENERGY < 30)].sum()
    assert unscattered == pytest.approx(np.exp(-thickness), abs=0.03)
    assert once == pytest.approx(thickness * np.exp(-thickness), abs=0.06)
    assert low.sum() == pytest.approx(1, abs=0.01)
    assert low.min() >= 0


def test_counts_are_drawn_and_repeat():
    one = spectra.low_loss(ENERGY, 0.5, counts=1e4, seed=3)
    assert np.array_equal(one, spectra.low_loss(ENERGY, 0.5, counts=1e4, seed=3))
    assert np.array_equal(one, np.round(one))
    assert one.sum() == pytest.approx(1e4, abs=500)


def test_the_edge_is_smeared_and_keeps_its_onset():
    energy = np.arange(400.0, 600.0)
    edge = spectra.core_edge(energy, 450, exponent=4, white_line=2.0)
    low = spectra.low_loss(np.arange(-10.0, 100.0), 1.0, resolution_ev=1)
    seen = spectra.core_loss(edge, low, counts=1000)
    assert seen.sum() == pytest.approx(1000)
    assert seen[:47] == pytest.approx(0, abs=1e-6)
    assert seen[:70].sum() / seen.sum() < 0.7 * edge[:70].sum() / edge.sum()
    direct = np.convolve(edge, low / low.sum())[10 : 10 + edge.size]
    assert spectra.core_loss(edge, low, zero_channel=10) == pytest.approx(direct, abs=1e-9)
    lifted = spectra.core_loss(edge, low, background=np.full(edge.size, 5.0))
    assert lifted - spectra.core_loss(edge, low) == pytest.approx(5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: spectra.low_loss([1.0, 2.0], 0.5), DataError, "zero-loss"),
        (lambda: spectra.low_loss([0.5, -0.5], 0.5), DataError, "equal steps"),
        (lambda: spectra.low_loss([0.0], 0.5), DataError, "equal steps"),
        (lambda: spectra.low_loss(ENERGY, -1), ParameterError, "thickness"),
        (lambda: spectra.low_loss(ENERGY, 1, resolution_ev=0.1), ParameterError, "resolution"),
        (lambda: spectra.core_edge(ENERGY, 900), ParameterError, "window"),
        (lambda: spectra.core_loss([-1.0], [1.0]), DataError, "single"),
        (lambda: spectra.core_loss([1.0], [1.0], background=-1), DataError, "background"),
        (lambda: spectra.core_loss([1.0], [1.0], background=[1.0, 2.0]), DataError, "channel"),
        (lambda: spectra.core_loss([0.0], [1.0], counts=9), DataError, "zero everywhere"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
