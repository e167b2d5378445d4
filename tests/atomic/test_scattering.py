"""Scattering factors: a table of 980 numbers, held against physics and against another table."""

import numpy as np
import pytest

from em_inverse.atomic import electron_scattering_factor, five_gaussians
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward.elements import SYMBOLS

Z = range(1, 99)
BOHR = 0.529177

# I. Lobato and D. Van Dyck, Acta Cryst. A 70 (2014) 636-649, doi:10.1107/S205327331401643X, at
# q = 0, 0.5, 1 and 2 per angstrom: atoms whose ground state both tables computed alike.
LOBATO = {
    "C": (2.510, 1.169, 0.413, 0.117),
    "Ne": (1.652, 1.177, 0.619, 0.201),
    "Na": (4.780, 1.294, 0.643, 0.220),
    "Al": (5.890, 1.737, 0.699, 0.255),
    "Si": (5.836, 1.968, 0.743, 0.271),
    "Fe": (7.163, 2.947, 1.389, 0.467),
    "Ag": (8.671, 4.533, 2.172, 0.766),
    "Xe": (10.795, 5.364, 2.420, 0.872),
    "W": (12.637, 5.778, 2.898, 1.158),
    "Au": (10.576, 6.040, 3.065, 1.210),
    "Hg": (10.968, 6.123, 3.096, 1.220),
    "Rn": (13.493, 6.859, 3.270, 1.289),
}


@pytest.mark.parametrize("z", Z, ids=SYMBOLS[:98])
def test_every_element_scatters_as_a_screened_nucleus(z):
    q = np.linspace(0, 4, 81)
    f = electron_scattering_factor(z, q)
    assert (f > 0).all()
    assert (np.diff(f) < 0).all()
    # Mott and Bethe: far out only the nucleus is left, f = Z / (2π² a₀ q²); electrons screen it.
    # Five Gaussians follow that within a few per cent.
    bare = z / (2 * np.pi**2 * BOHR * q[1:] ** 2)
    assert (f[1:] < 1.05 * bare).all()
    assert f[-1] > 0.6 * bare[-1]


def test_at_one_cycle_per_angstrom_the_factor_grows_with_every_electron():
    f = np.array([electron_scattering_factor(z, 1.0) for z in Z])
    assert (np.diff(f) > 0).all()
    assert np.abs(np.diff(np.log(f), 2))[8:].max() < 0.03


@pytest.mark.parametrize("element", LOBATO)
def test_another_table_agrees_within_a_per_cent(element):
    f = electron_scattering_factor(element, [0, 0.5, 1, 2])
    np.testing.assert_allclose(f, LOBATO[element], rtol=0.012)


def test_the_widths_of_an_element_are_in_order():
    for z in Z:
        assert (np.diff(five_gaussians(z)[1]) > 0).all(), SYMBOLS[z - 1]


def test_the_shape_of_q_is_kept_and_the_table_cannot_be_spoilt():
    assert electron_scattering_factor("O", np.zeros((2, 3))).shape == (2, 3)
    five_gaussians("O")[0][:] = 0
    assert five_gaussians(8)[0].sum() > 1


@pytest.mark.parametrize("element", ["Es", 99, 14.5, "Xx", 0])
def test_elements_without_a_row(element):
    with pytest.raises(ParameterError, match="element"):
        five_gaussians(element)


def test_bad_frequencies():
    with pytest.raises(DataError, match="q"):
        electron_scattering_factor("O", [np.nan])
