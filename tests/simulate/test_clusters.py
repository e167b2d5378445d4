"""Clusters have the atoms, the distances and the symmetry that their names promise."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from em_inverse.errors import DataError, ParameterError
from em_inverse.simulate import (
    Cluster,
    decahedron,
    fcc_cluster,
    icosahedron,
    octahedron,
    random_cluster,
)
from em_inverse.simulate.clusters import LATTICE_NM, TRAINING, UNSEEN

BULK = LATTICE_NM["Au"] / np.sqrt(2)


def neighbours(cluster):
    """Distances to the nearest neighbour of each atom, in units of the bulk's."""
    return cKDTree(cluster.positions_nm).query(cluster.positions_nm, k=2)[0][:, 1] / BULK


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_closed_shells_have_the_numbers_of_mackay(n):
    assert len(icosahedron("Au", n)) == (10 * n**3 - 15 * n**2 + 11 * n - 3) / 3


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_octahedra_have_the_octahedral_numbers(n):
    assert len(octahedron("Au", n)) == n * (2 * n**2 + 1) / 3


@pytest.mark.parametrize("n", [2, 3, 5])
def test_pentagonal_bipyramids_are_counted_layer_by_layer(n):
    """Row after row: n atoms on the axis, and 5 k rows of n − k atoms at the k-th step."""
    expected = n + sum(5 * k * (n - k) for k in range(1, n))
    assert len(decahedron("Au", n, n - 1)) == expected


def test_cut_corners_and_notches_take_away_what_they_say():
    assert len(octahedron("Au", 6)) - len(octahedron("Au", 6, 1)) == 6
    assert len(octahedron("Au", 6)) - len(octahedron("Au", 6, 2)) == 6 * (1 + 4)
    whole, grooved = decahedron("Au", 6, 3), decahedron("Au", 6, 3, 1)
    assert len(whole) - len(grooved) == 5 * 3


@pytest.mark.parametrize(
    "cluster", [icosahedron("Au", 5), decahedron("Au", 6, 4, 1), octahedron("Au", 6, 1)]
)
def test_neighbours_are_as_far_apart_as_in_the_metal(cluster):
    assert np.abs(neighbours(cluster) - 1).max() < 0.03
    assert np.abs(cluster.positions_nm.mean(axis=0)).max() < 1e-9


def test_the_axes_of_twins_are_fivefold():
    turn = 2 * np.pi / 5
    c, s = np.cos(turn), np.sin(turn)
    positions = decahedron("Au", 6, 4, 1).positions_nm
    turned = positions @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T
    assert cKDTree(positions).query(turned)[0].max() < 1e-9


def test_the_lattice_is_cut_by_its_faces():
    cluster = fcc_cluster("Au", 1.5, 0.7)
    assert np.abs(cluster.positions_nm).max() < 1.05
    assert np.abs(cluster.positions_nm).sum(axis=1).max() < 1.45 * 1.5
    assert neighbours(cluster) == pytest.approx(1)


def test_orientation_is_drawn_evenly_and_keeps_distances():
    cluster = octahedron("Cu", 3)
    one, same, other = cluster.turned(3), cluster.turned(3), cluster.turned(4)
    assert np.array_equal(one.positions_nm, same.positions_nm)
    assert not np.allclose(one.positions_nm, other.positions_nm)
    before = np.linalg.norm(cluster.positions_nm[:, None] - cluster.positions_nm, axis=-1)
    after = np.linalg.norm(one.positions_nm[:, None] - one.positions_nm, axis=-1)
    assert np.allclose(before, after)
    rng = np.random.default_rng(0)
    axis = np.array([cluster.turned(rng).positions_nm[0] for _ in range(600)])
    axis /= np.linalg.norm(axis[0])
    assert np.abs(axis.mean(axis=0)).max() < 0.1
    assert np.abs(axis.T @ axis / 600 - np.eye(3) / 3).max() < 0.06


def test_what_judges_is_never_what_taught():
    rng = np.random.default_rng(0)
    taught = [random_cluster("training", seed=rng) for _ in range(40)]
    judged = [random_cluster("unseen", seed=rng) for _ in range(20)]
    assert {c.element for c in taught} == set(TRAINING)
    assert {c.element for c in judged} == set(UNSEEN)
    assert {c.kind for c in taught} == {"icosahedron", "decahedron", "octahedron"}
    assert {c.kind for c in judged} == {"fcc cluster"}
    assert all(80 <= len(c) <= 1500 and c.diameter_nm <= 4 for c in taught + judged)
    assert octahedron("Pt", 3).atomic_number == 78


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: icosahedron("Fe", 3), "element is 'Fe'"),
        (lambda: icosahedron("Au", 0), "shells is 0"),
        (lambda: decahedron("Au", 4, 4), "radius is 4"),
        (lambda: decahedron("Au", 4, 2, 2), "notch is 2"),
        (lambda: octahedron("Au", 4, 2), "cut is 2"),
        (lambda: fcc_cluster("Au", 0.2), "13 are needed"),
        (lambda: random_cluster("test"), "split is 'test'"),
        (lambda: random_cluster(largest_nm=0.5), "largest_nm is 0.5"),
        (lambda: random_cluster(atoms=80), "atoms is 80"),
        (lambda: Cluster("Ax", np.zeros((1, 3)), "atom"), "element is 'Ax'"),
    ],
)
def test_impossible_particles_are_refused(make, match):
    with pytest.raises(ParameterError, match=match):
        make()


@pytest.mark.parametrize(
    ("positions", "match"),
    [
        ([[0.0, np.nan, 0.0]], "NaN or infinite"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((3, 2)), "shape"),
        (np.zeros(3), "shape"),
        ([["a", "b", "c"]], "dtype"),
    ],
)
def test_positions_that_are_none_are_refused(positions, match):
    with pytest.raises(DataError, match=match):
        Cluster("Au", positions, "atoms")


def test_whole_numbers_are_positions():
    assert Cluster("Au", [[0, 0, 1], [0, 0, -1]], "pair").diameter_nm == 2
