"""Tetrahedra: counted where there are four corners in the right directions."""

import numpy as np
import pytest

from em_inverse.atomic import Atoms, silicon_core_silica_shell, tetrahedra
from em_inverse.errors import ParameterError

CORNERS = 1.61 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


def molecule(corners=CORNERS, numbers=None):
    numbers = [14] + [8] * len(corners) if numbers is None else numbers
    return Atoms(np.concatenate([np.zeros((1, 3)), corners]), numbers)


def test_a_perfect_one_in_any_direction():
    turned = molecule().rotated(33).moved([1, 2, 3])
    found = tetrahedra(turned, tolerance_deg=0.1)
    assert found.count == 1
    assert found.centres.tolist() == [0]
    assert found.corners.tolist() == [[1, 2, 3, 4]]
    np.testing.assert_allclose(found.angles_deg, 109.471, atol=1e-3)


def test_what_breaks_one():
    assert tetrahedra(molecule(CORNERS[:3])).count == 0
    assert tetrahedra(molecule(np.concatenate([CORNERS, [[0, 0, 1.9]]]))).count == 0
    assert tetrahedra(molecule(numbers=[14, 8, 8, 8, 14])).count == 0
    assert tetrahedra(molecule(), cutoff_angstrom=1.5).count == 0
    bent = CORNERS.copy()
    bent[0] = [0, 0, -1.61]
    assert tetrahedra(molecule(bent)).count == 0
    assert tetrahedra(molecule(numbers=[8, 8, 8, 8, 8])).coordination.size == 0


def test_other_elements():
    assert tetrahedra(molecule(numbers=[74, 8, 8, 8, 8]), "W", "O").count == 1


def test_the_needle_holds_some_and_most_of_its_shell_has_four_neighbours():
    needle = silicon_core_silica_shell((64, 64, 64))
    found = tetrahedra(needle)
    inside = found.coordination > 0
    assert np.bincount(found.coordination[inside]).argmax() == 4
    assert found.count >= 20
    assert np.abs(found.angles_deg - 109.47).max() <= 30
    assert found.angles_deg.shape == (found.count, 6)


@pytest.mark.parametrize("options", [{"cutoff_angstrom": 0}, {"tolerance_deg": -1}])
def test_what_is_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        tetrahedra(molecule(), **options)
    with pytest.raises(ParameterError, match="Xx"):
        tetrahedra(molecule(), "Xx")
