"""Specimens: the distances between neighbours, the shape, and the seed."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from em_inverse.atomic import (
    gold_nanoparticle,
    potential,
    silicon_core_silica_shell,
    tungsten_core_oxide_shell,
    with_vacancies,
)
from em_inverse.errors import ParameterError

SMALL = (40, 40, 40)


def nearest(atoms):
    return cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]


@pytest.mark.parametrize(
    ("shape", "count"), [((64, 64, 64), 614), ((96, 96, 96), 2145), ((64, 64, 96), 937)]
)
def test_the_size_of_the_silicon_needle(shape, count):
    atoms = silicon_core_silica_shell(shape)
    assert len(atoms) == pytest.approx(count, rel=0.03)
    half = 0.25 * np.array(shape)
    assert (np.abs(atoms.positions) < 0.8 * half).all()
    assert np.hypot(*atoms.positions.T[:2]).max() == pytest.approx(0.75 * half[0], abs=1e-6)


@pytest.mark.parametrize(
    ("make", "bond", "crystal"),
    [(silicon_core_silica_shell, 1.61, 2.352), (tungsten_core_oxide_shell, 1.9, 2.741)],
)
def test_neighbours_stand_where_chemistry_puts_them(make, bond, crystal):
    atoms = make((64, 64, 64))
    d = nearest(atoms)
    assert d.min() > 1.35
    assert np.percentile(d, 5) == pytest.approx(bond, abs=0.06)
    assert bond < np.median(d) < bond + 0.3
    core = np.hypot(*atoms.positions.T[:2]) < 0.8 * 0.55 * 12
    inside = atoms.select(core & (np.abs(atoms.positions[:, 2]) < 9))
    assert np.median(nearest(inside)) == pytest.approx(crystal, abs=0.01)
    oxygen, cations = (atoms.select(name) for name in atoms.elements)
    to_cation = cKDTree(cations.positions).query(oxygen.positions)[0]
    assert np.percentile(to_cation, 90) < bond + 0.4


def test_the_same_seed_the_same_needle():
    first, again, other = (silicon_core_silica_shell(SMALL, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert len(first) != len(other) or not np.array_equal(first.positions, other.positions)


def test_no_row_of_atoms_runs_along_an_axis():
    core = gold_nanoparticle(24.0)
    steps = core.positions[1:] - core.positions[0]
    along = np.abs(steps).max(axis=1) / np.linalg.norm(steps, axis=1)
    short = np.linalg.norm(steps, axis=1) < 6
    assert along[short].max() < 0.9995


@pytest.mark.parametrize(
    ("structure", "count", "shortest"), [("fcc", 429, 2.8836), ("icosahedron", 309, 2.7424)]
)
def test_gold(structure, count, shortest):
    gold = gold_nanoparticle(24.0, structure=structure)
    assert len(gold) == count
    assert gold.elements == ("Au",)
    np.testing.assert_allclose(nearest(gold), shortest, atol=1e-3)
    assert np.linalg.norm(gold.positions, axis=1).max() <= 12.0
    assert potential(gold, (64, 64, 64)).max() > 300


def test_vacancies_are_taken_from_the_atoms_and_given_back():
    atoms = silicon_core_silica_shell(SMALL)
    remaining, vacant = with_vacancies(atoms, 0.05, seed=1)
    assert len(remaining) + len(vacant) == len(atoms)
    assert len(vacant) == round(0.05 * len(atoms))
    both = np.concatenate([remaining.positions, vacant.positions])
    assert {tuple(p) for p in both} == {tuple(p) for p in atoms.positions}
    only = with_vacancies(atoms, 0.1, element="O")[1]
    assert only.elements == ("O",)
    assert len(only) == round(0.1 * atoms.of("O").sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: silicon_core_silica_shell((8, 8, 8)), "shape"),
        (lambda: silicon_core_silica_shell((64, 64)), "shape"),
        (lambda: silicon_core_silica_shell(SMALL, -0.5), "voxel_angstrom"),
        (lambda: silicon_core_silica_shell(SMALL, seed=-1), "seed"),
        (lambda: gold_nanoparticle(1.0), "diameter_angstrom"),
        (lambda: gold_nanoparticle(structure="cube"), "structure"),
        (lambda: with_vacancies(gold_nanoparticle(12.0), 0.0), "fraction"),
        (lambda: with_vacancies(gold_nanoparticle(12.0), 1e-6), "at least one"),
        (lambda: with_vacancies(gold_nanoparticle(12.0), 0.1, seed=-1), "seed"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
