"""Metal clusters, atom by atom: icosahedra, decahedra, and cuts out of the fcc lattice.

Small particles of metals are rarely pieces of a crystal. Five-fold twins cost a little strain and
save surface: the icosahedron is twenty tetrahedra around a point, the decahedron five around an
axis. Distances are given in units of the bulk's distance of neighbours, a/√2.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from em_inverse.errors import (
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_shape,
)
from em_inverse.forward.elements import atomic_number
from em_inverse.noise import generator

__all__ = [
    "LATTICE_NM",
    "Cluster",
    "decahedron",
    "fcc_cluster",
    "icosahedron",
    "octahedron",
    "random_cluster",
]

LATTICE_NM: dict[str, float] = {
    "Pt": 0.392,
    "Ag": 0.409,
    "Au": 0.408,
    "Cu": 0.361,
    "Yb": 0.549,
    "Ir": 0.384,
    "Xe": 0.620,
    "Al": 0.405,
}
"""Lattice constants of the fcc phases, in nm."""

TRAINING = ("Pt", "Ag", "Au", "Cu")
"""Elements of the particles that a method may learn from."""

UNSEEN = ("Yb", "Ir", "Xe", "Al")
"""Elements of the particles that judge it."""

_TOGETHER = 1e-6


@dataclass(frozen=True, eq=False)
class Cluster:
    """Atoms of one element around the origin.

    Attributes
    ----------
    element : str
    positions_nm : ndarray, shape (n_atoms, 3)
        Along z (the beam at 0° tilt), x (across the tilt axis) and y (along it), in nm.
    kind : str
        Its shape, in words.

    Raises
    ------
    DataError
        When the positions are no table of finite numbers with three columns.
    ParameterError
        When there is no such element.
    """

    element: str
    positions_nm: np.ndarray
    kind: str

    def __post_init__(self) -> None:
        atomic_number(self.element)
        positions = check_array(self.positions_nm, "positions_nm", shape=(-1, 3), dtype=np.float64)
        object.__setattr__(self, "positions_nm", positions)

    def __len__(self) -> int:
        return len(self.positions_nm)

    @property
    def atomic_number(self) -> float:
        """Z of the element."""
        return atomic_number(self.element)

    @property
    def diameter_nm(self) -> float:
        """Diameter of the sphere around the origin that holds all centres of atoms, in nm."""
        return 2 * float(np.linalg.norm(self.positions_nm, axis=1).max())

    def turned(self, seed: int | np.random.Generator) -> Cluster:
        """Return the cluster in an orientation drawn evenly from all there are.

        Examples
        --------
        >>> cluster = octahedron("Au", 4)
        >>> bool(np.isclose(cluster.turned(0).diameter_nm, cluster.diameter_nm))
        True
        """
        a, b, c, d = (q := generator(seed).normal(size=4)) / np.linalg.norm(q)
        turn = np.array(
            [
                [1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)],
            ]
        )
        return Cluster(self.element, self.positions_nm @ turn.T, self.kind)


def icosahedron(element: str, shells: int) -> Cluster:
    """Mackay's icosahedron: an atom, and closed shells around it [1]_.

    Parameters
    ----------
    element : str
        Symbol of an element of :data:`LATTICE_NM`.
    shells : int, ≥ 1
        Layers, the atom in the middle included: 1, 13, 55, 147 … atoms.

    References
    ----------
    .. [1] A. L. Mackay, Acta Crystallogr. 15 (1962) 916. doi:10.1107/S0365110X6200239X

    Examples
    --------
    >>> [len(icosahedron("Au", shells)) for shells in (1, 2, 3, 4)]
    [1, 13, 55, 147]
    """
    count = check_integer(shells, "shells", minimum=1)
    golden = (1 + np.sqrt(5)) / 2
    corners = np.array(
        [np.roll((0.0, s, t * golden), k) for k in range(3) for s in (-1, 1) for t in (-1, 1)]
    )
    corners /= np.linalg.norm(corners[0])
    close = corners @ corners.T > 0.4
    faces = [
        (i, j, k)
        for i in range(12)
        for j in range(i)
        for k in range(j)
        if close[i, j] and close[j, k] and close[i, k]
    ]
    # Neighbours in a shell are 1.0515 times as far apart as the shells; bulk lies between.
    spacing = _neighbours_nm(element) * 2 / (1 + 1.0514622)
    atoms = [np.zeros(3)]
    for shell in range(1, count):
        for i, j, k in faces:
            for m in range(shell + 1):
                for n in range(shell + 1 - m):
                    point = m * corners[i] + n * corners[j] + (shell - m - n) * corners[k]
                    atoms.append(spacing * point)
    return Cluster(element, _distinct(np.array(atoms)), "icosahedron")


def decahedron(element: str, length: int, radius: int, notch: int = 0) -> Cluster:
    """Five twins around a common axis, after Ino and Marks [1]_.

    Parameters
    ----------
    element : str
        Symbol of an element of :data:`LATTICE_NM`.
    length : int, ≥ 2
        Atoms along the axis.
    radius : int, 1 to length − 1
        Steps from the axis to the twin planes' ends; smaller than `length` − 1 cuts the corners
        off, and leaves faces along the axis.
    notch : int, 0 to radius − 1
        How deep the re-entrant grooves at the twin planes are.

    References
    ----------
    .. [1] L. D. Marks, Rep. Prog. Phys. 57 (1994) 603. doi:10.1088/0034-4885/57/6/002

    Examples
    --------
    >>> len(decahedron("Au", 2, 1)), len(decahedron("Au", 3, 2))
    (7, 23)
    """
    rows = check_integer(length, "length", minimum=2)
    reach = check_integer(radius, "radius", minimum=1, maximum=rows - 1)
    groove = check_integer(notch, "notch", minimum=0, maximum=reach - 1)
    turns = 2 * np.pi * np.arange(6) / 5
    arms = np.sqrt(3) / 2 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    atoms = []
    for arm, following in itertools.pairwise(arms):
        for i in range(reach + 1):
            for j in range(reach + 1 - i):
                if max(i, j) > reach - groove:
                    continue
                count = rows - i - j
                along = np.arange(count) - (count - 1) / 2
                flat = np.broadcast_to(i * arm + j * following, (count, 2))
                atoms.append(np.column_stack([along, flat]))
    positions = _distinct(np.concatenate(atoms)) * _neighbours_nm(element)
    return Cluster(element, positions, "decahedron")


def octahedron(element: str, edge: int, cut: int = 0) -> Cluster:
    """An octahedron of the fcc lattice, its six corners cut off if asked.

    Parameters
    ----------
    element : str
        Symbol of an element of :data:`LATTICE_NM`.
    edge : int, ≥ 2
        Atoms along an edge.
    cut : int, 0 to (edge − 1) // 2
        Layers cut off at each corner.

    Examples
    --------
    >>> [len(octahedron("Au", edge)) for edge in (2, 3, 4)], len(octahedron("Au", 4, 1))
    ([6, 19, 44], 38)
    """
    count = check_integer(edge, "edge", minimum=2)
    layers = check_integer(cut, "cut", minimum=0, maximum=(count - 1) // 2)
    grid = _grid(count - 1)
    chosen = (
        (grid.sum(axis=1) % 2 == (count - 1) % 2)
        & (np.abs(grid).sum(axis=1) <= count - 1)
        & (np.abs(grid).max(axis=1) <= count - 1 - layers)
    )
    return Cluster(element, grid[chosen] * _lattice_nm(element) / 2, "octahedron")


def fcc_cluster(element: str, radius_nm: float, faces: float = 0.8) -> Cluster:
    """The fcc lattice cut by its cube and octahedron faces: a truncated octahedron or cube.

    Parameters
    ----------
    element : str
        Symbol of an element of :data:`LATTICE_NM`.
    radius_nm : float, > 0
        Size; octahedron faces lie at 1.45/√3 of it from the middle.
    faces : float, > 0
        Distance of the cube faces from the middle, in units of `radius_nm`. Below 0.6 a cube with
        small corners, above 1.2 nearly an octahedron.

    Raises
    ------
    ParameterError
        When less than 13 atoms are left.

    Examples
    --------
    >>> len(fcc_cluster("Ir", 1.2))
    309
    """
    size = check_number(radius_nm, "radius_nm", minimum=0, exclusive=True)
    share = check_number(faces, "faces", minimum=0, exclusive=True)
    half = _lattice_nm(element) / 2
    grid = _grid(int(min(1.45, share) * size / half) + 1)
    distance = np.abs(grid) * half
    chosen = (
        (grid.sum(axis=1) % 2 == 0)
        & (distance.max(axis=1) < share * size)
        & (distance.sum(axis=1) < 1.45 * size)
    )
    if chosen.sum() < 13:
        raise ParameterError(
            f"radius_nm is {size:g} and faces is {share:g}, which leaves {chosen.sum()} atom(s) of "
            f"{element}; at least 13 are needed. Choose a larger radius_nm."
        )
    return Cluster(element, grid[chosen] * half, "fcc cluster")


def random_cluster(
    split: str = "training",
    *,
    largest_nm: float = 4.0,
    atoms: tuple[int, int] = (80, 1500),
    seed: int | np.random.Generator = 0,
) -> Cluster:
    """Draw a particle: shape, element, size and orientation.

    Parameters
    ----------
    split : {'training', 'unseen'}
        Icosahedra, decahedra and octahedra of Pt, Ag, Au and Cu, or fcc clusters of Yb, Ir, Xe and
        Al, so that neither shapes nor elements of the one are in the other.
    largest_nm : float, > 0
        Diameter that the particle does not exceed, in nm.
    atoms : (int, int)
        Fewest and most atoms.
    seed : int or numpy.random.Generator

    Raises
    ------
    ParameterError
        When no particle that small is found.

    Examples
    --------
    >>> particle = random_cluster("unseen", seed=1)
    >>> particle.element in ("Yb", "Ir", "Xe", "Al"), particle.diameter_nm < 4
    (True, True)
    """
    check_choice(split, "split", ("training", "unseen"))
    limit = check_number(largest_nm, "largest_nm", minimum=0, exclusive=True)
    fewest, most = check_shape(atoms, "atoms", ndim=2)
    rng = generator(seed)
    for _ in range(200):
        drawn = _training(rng) if split == "training" else _unseen(rng)
        centred = Cluster(
            drawn.element, drawn.positions_nm - drawn.positions_nm.mean(axis=0), drawn.kind
        )
        if fewest <= len(drawn) <= most and centred.diameter_nm <= limit:
            return centred.turned(rng)
    raise ParameterError(
        f"largest_nm is {limit:g} and atoms is {atoms}: none of 200 particles drawn was that small "
        f"and had so many atoms. Particles here are 2 to 4 nm wide and have 80 to 1500 atoms."
    )


def _training(rng: np.random.Generator) -> Cluster:
    element = TRAINING[rng.integers(4)]
    shape = rng.integers(3)
    if shape == 0:
        return icosahedron(element, int(rng.integers(4, 7)))
    if shape == 1:
        radius = int(rng.integers(3, 6))
        length = radius + int(rng.integers(1, 5))
        return decahedron(element, length, radius, int(rng.integers(0, 2)))
    edge = int(rng.integers(6, 10))
    return octahedron(element, edge, int(rng.integers(0, (edge - 1) // 2 + 1)))


def _unseen(rng: np.random.Generator) -> Cluster:
    element = UNSEEN[rng.integers(4)]
    return fcc_cluster(element, rng.uniform(1.2, 1.8), 0.8 * rng.uniform(0.85, 1.2))


def _lattice_nm(element: str) -> float:
    check_choice(element, "element", LATTICE_NM)
    return LATTICE_NM[element]


def _neighbours_nm(element: str) -> float:
    return _lattice_nm(element) / float(np.sqrt(2))


def _grid(reach: int) -> np.ndarray:
    """All points of whole numbers within a cube; of even sum they are an fcc lattice."""
    side = np.arange(-reach, reach + 1)
    return np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)


def _distinct(positions: np.ndarray) -> np.ndarray:
    """Drop atoms that were reached from two sides."""
    _, first = np.unique(
        np.round(positions / _TOGETHER).astype(np.int64), axis=0, return_index=True
    )
    return positions[np.sort(first)]
