"""Atoms: positions that turn as the specimen does, and elements that stay theirs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from em_inverse.atomic import Atoms
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward import ParallelBeam


def some(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return Atoms(rng.uniform(-5, 5, (n, 3)), rng.choice([8, 14], n))


def test_the_arrays_are_copies_and_cannot_be_written():
    positions = np.zeros((1, 3))
    atoms = Atoms(positions, [14])
    positions[:] = 7
    assert (atoms.positions == 0).all()
    assert atoms.atomic_numbers.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        atoms.positions[0] = 1


@given(angle=st.floats(-360, 360), seed=st.integers(0, 99))
def test_turning_keeps_distances_heights_and_can_be_undone(angle, seed):
    atoms = some(seed=seed)
    turned = atoms.rotated(angle)
    np.testing.assert_allclose(pdist(turned.positions), pdist(atoms.positions), atol=1e-12)
    np.testing.assert_array_equal(turned.positions[:, 2], atoms.positions[:, 2])
    np.testing.assert_allclose(turned.rotated(-angle).positions, atoms.positions, atol=1e-12)


@pytest.mark.parametrize("angle", [-70.0, -20.0, 0.0, 35.0, 60.0, 90.0, 180.0, -90.0])
def test_the_turn_has_the_sign_of_the_projector(angle):
    n, ny = 41, 1
    atom = Atoms([[9, 4, 0]], [14])
    volume = np.zeros((n, n, ny))
    volume[*atom.indices_in(volume.shape, 1.0)[0].astype(int)] = 1
    seen = (ParallelBeam(volume.shape, [angle]) @ volume)[0, :, 0]
    centre_of_mass = (seen * (np.arange(n) - (n - 1) / 2)).sum() / seen.sum()
    # A single voxel by Joseph's method: its centre is kept within a fifth of a pixel.
    assert atom.rotated(angle).positions[0, 1] == pytest.approx(centre_of_mass, abs=0.2)


@pytest.mark.parametrize(
    ("angle", "expected"), [(90, [-2, 1, 3]), (180, [-1, -2, 3]), (360, [1, 2, 3])]
)
def test_quarter_turns_are_exact(angle, expected):
    assert Atoms([[1, 2, 3]], [8]).rotated(angle).positions.tolist() == [expected]


def test_selection_by_element_index_and_mask():
    atoms = Atoms(np.arange(9.0).reshape(3, 3), [14, 8, 14])
    assert atoms.elements == ("O", "Si")
    assert atoms.select("Si").positions[:, 0].tolist() == [0, 6]
    assert atoms.select([2, 0]).positions[:, 0].tolist() == [6, 0]
    assert atoms.select([False, True, False]).symbols == ("O",)
    assert atoms.without([1]).symbols == ("Si", "Si")
    assert atoms.without([]).symbols == atoms.symbols
    assert len(atoms.without(atoms.of("Si"))) == 1


def test_moving_all_or_each():
    atoms = some(3)
    assert (atoms.moved([1, 0, 0]).positions - atoms.positions)[:, 0].tolist() == pytest.approx(
        [1] * 3
    )
    each = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(atoms.moved(each).positions, atoms.positions + each)
    with pytest.raises(DataError, match="by has shape"):
        atoms.moved([[1, 2, 3]])


@pytest.mark.parametrize(
    ("positions", "numbers", "error", "message"),
    [
        (np.zeros((0, 3)), [], DataError, "empty"),
        (np.zeros((2, 2)), [8, 8], DataError, "shape"),
        ([[0, np.nan, 0]], [8], DataError, "NaN"),
        (np.zeros((2, 3)), [8], DataError, "one atomic number per atom"),
        (np.zeros((1, 3)), [8.5], ParameterError, "8.5"),
        (np.zeros((1, 3)), [0], ParameterError, "from 1 to 118"),
        (np.zeros((1, 3)), [119], ParameterError, "from 1 to 118"),
    ],
)
def test_what_is_refused(positions, numbers, error, message):
    with pytest.raises(error, match=message):
        Atoms(positions, numbers)


@pytest.mark.parametrize("which", [[5], [True, False], [0.5]])
def test_indices_that_do_not_fit(which):
    with pytest.raises(ParameterError, match="which"):
        some(3).select(which)


def test_a_selection_must_leave_something():
    with pytest.raises(ParameterError, match="leaves none"):
        some(3).select("Au")
    with pytest.raises(ParameterError, match="leaves none"):
        some(3).without([0, 1, 2])
    with pytest.raises(ParameterError, match="symbol"):
        some(3).of("Xx")


def test_atoms_outside_the_volume_are_named():
    atoms = Atoms([[0, 0, 0], [0, 9, 0]], [8, 8])
    with pytest.raises(GeometryError, match=r"1 of 2 atoms .* \(0.00, 9.00, 0.00\)"):
        atoms.indices_in((8, 8, 8), 0.5)
    assert atoms.indices_in((37, 37, 37), 0.5)[1].tolist() == [18, 36, 18]
