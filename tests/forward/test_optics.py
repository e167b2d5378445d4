"""Electron optics against published numbers, limits and averages taken by hand."""

import numpy as np
import pytest

from em_inverse.errors import ParameterError
from em_inverse.forward import optics


@pytest.mark.parametrize(
    ("kv", "angstrom"), [(60, 0.04866), (100, 0.03701), (200, 0.02508), (300, 0.01969)]
)
def test_wavelengths_are_the_textbook_ones(kv, angstrom):
    assert optics.wavelength(kv) == pytest.approx(angstrom, abs=6e-6)


def test_slow_electrons_are_not_relativistic():
    """λ = 12.264 Å / √U, and σ = π/(λU), for U in volts."""
    assert optics.wavelength(1e-3) == pytest.approx(12.2643, rel=1e-5)
    unit = np.pi / optics.wavelength(1e-3)
    assert optics.interaction_parameter(1e-3) == pytest.approx(unit, rel=1e-5)


def test_interaction_falls_with_the_voltage():
    sigmas = [optics.interaction_parameter(kv) for kv in (40, 80, 200, 300, 1000)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[3] == pytest.approx(6.526e-4, rel=1e-4)


@pytest.mark.parametrize("law", optics.PROPAGATIONS)
def test_propagation_adds_up_and_comes_back(law):
    q2 = optics.frequencies((12, 10), 0.4)
    phase = [optics.propagation_phase(q2, d, 0.02, law) for d in (30.0, 12.0, 42.0, -42.0)]
    assert np.allclose(phase[0] + phase[1], phase[2], rtol=1e-12)
    assert np.allclose(phase[2], -phase[3])


def test_the_laws_agree_at_small_angles_and_part_at_large_ones():
    q2, lam = np.array([0.01, 0.1, 1.0, 4.0]), 0.04
    exact = optics.propagation_phase(q2, 500.0, lam)
    paraxial = optics.propagation_phase(q2, 500.0, lam, "paraxial")
    relative = exact / paraxial - 1
    assert np.allclose(relative, lam**2 * q2 / 4, rtol=0.01)
    direct = 2 * np.pi * 500 * (np.sqrt(1 / lam**2 - q2) - 1 / lam)
    assert np.allclose(exact, direct, rtol=1e-9)


def test_waves_that_would_be_evanescent_are_refused():
    with pytest.raises(ParameterError, match="do not propagate"):
        optics.propagation_phase(optics.frequencies((8, 8), 0.01), 1.0, 0.05)
    with pytest.raises(ParameterError, match="law is 'straight'"):
        optics.propagation_phase(1.0, 1.0, 0.05, "straight")


def test_defocus_is_a_propagation():
    q2 = optics.frequencies((9, 8), 0.5)
    chi = optics.aberration_phase(q2, 0.02, defocus_angstrom=300.0)
    assert np.allclose(-chi, optics.propagation_phase(q2, 300.0, 0.02, "paraxial"))


def test_spherical_aberration_has_its_power_and_its_unit():
    one, two = (optics.aberration_phase(q2, 0.02, cs_mm=1.0) for q2 in (0.25, 1.0))
    assert two == pytest.approx(16 * one)
    assert one == pytest.approx(0.5 * np.pi * 1e7 * 0.02**3 * 0.25**2)


def test_the_source_envelope_is_the_mean_over_tilts():
    lam, beta, focus, cs = 0.02, 0.1e-3, 900.0, 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    tilts = beta / lam * nodes

    def chi(q):
        return optics.aberration_phase(q**2, lam, focus, cs)

    for q in (0.1, 0.3, 0.5):
        shifted = chi(q + tilts) - chi(tilts)
        mean = abs(weights @ np.exp(-1j * shifted)) / weights.sum()
        assert optics.source_envelope(q**2, lam, 0.1, focus, cs) == pytest.approx(mean, rel=0.02)
    assert optics.source_envelope(0.25, lam, 0.1, focus, cs) < 0.9


def test_the_quadrature_over_foci_has_the_moments_of_a_gaussian():
    foci, weights = optics.focal_quadrature(40.0, 7)
    assert weights.sum() == pytest.approx(1)
    assert weights @ foci == pytest.approx(0, abs=1e-9)
    assert weights @ foci**4 == pytest.approx(3 * 40.0**4)
    assert optics.focal_quadrature(0.0, 7)[0].tolist() == [0.0]
