"""Specimens made of atoms, all built by rule and seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from em_inverse.atomic.amorphous import Oxide, relaxed_shell
from em_inverse.atomic.atoms import Atoms
from em_inverse.atomic.lattices import (
    BODY_CENTRED,
    DIAMOND,
    FACE_CENTRED,
    lattice_sites,
    turn_matrix,
)
from em_inverse.errors import (
    ParameterError,
    check_choice,
    check_integer,
    check_number,
    check_shape,
)

__all__ = [
    "gold_nanoparticle",
    "silicon_core_silica_shell",
    "tungsten_core_oxide_shell",
    "with_vacancies",
]

_SILICA = Oxide(14, 2, 0.0216, 1.61, 2.7, 2.63, 2.8, 2.4, 1.9)
_TUNGSTEN_OXIDE = Oxide(74, 3, 0.0186, 1.9, 3.0, 2.55, 3.6, 2.9, 2.1)
_TURN_DEG = (20.0, 8.0)
_GOLD_EDGE = 4.078
_GAP = 0.8


def silicon_core_silica_shell(
    shape: Sequence[int] = (64, 64, 64), voxel_angstrom: float = 0.5, *, seed: int = 0
) -> Atoms:
    """Return a needle along y: a silicon crystal in a shell of amorphous SiO₂.

    Both elements are light, and an oxygen of the shell is 1.6 Å from its silicon: the hard case of
    atomic tomography, after the specimen that its inventors simulated [1]_. The crystal is turned
    out of every symmetric direction.

    Parameters
    ----------
    shape : tuple of int
        (nz, nx, ny) of the volume the needle shall stand in. It fills three quarters of each axis:
        about 600 atoms in 64³ voxels, 2,200 in 96³, 18,000 in 192³.
    voxel_angstrom : float
        Edge of a voxel in Å.
    seed : int
        Of the amorphous shell.

    Returns
    -------
    Atoms

    Raises
    ------
    ParameterError
        When the volume is too small for a core and a shell.

    References
    ----------
    .. [1] D. Ren, C. Ophus, M. Chen, L. Waller, "A multiple scattering algorithm for three
       dimensional phase contrast atomic electron tomography", Ultramicroscopy 208 (2020) 112860.
       doi:10.1016/j.ultramic.2019.112860

    Examples
    --------
    >>> silicon_core_silica_shell((40, 40, 40)).elements
    ('O', 'Si')
    """
    return _core_and_shell(shape, voxel_angstrom, DIAMOND, 5.431, _SILICA, seed)


def tungsten_core_oxide_shell(
    shape: Sequence[int] = (64, 64, 64), voxel_angstrom: float = 0.5, *, seed: int = 0
) -> Atoms:
    """Return a needle along y: a tungsten crystal in a shell of amorphous WO₃.

    A very heavy and a light element side by side: tungsten scatters so much that an oxygen beside
    it is a bump on its flank.

    Parameters
    ----------
    shape, voxel_angstrom, seed
        As of :func:`silicon_core_silica_shell`.

    Returns
    -------
    Atoms

    Raises
    ------
    ParameterError
        When the volume is too small for a core and a shell.

    Examples
    --------
    >>> tungsten_core_oxide_shell((40, 40, 40)).elements
    ('O', 'W')
    """
    return _core_and_shell(shape, voxel_angstrom, BODY_CENTRED, 3.165, _TUNGSTEN_OXIDE, seed)


def gold_nanoparticle(
    diameter_angstrom: float = 24.0,
    *,
    structure: str = "fcc",
    turn_deg: tuple[float, float] = _TURN_DEG,
) -> Atoms:
    """Return a gold particle: a ball of crystal, or an icosahedron of twenty twins.

    Parameters
    ----------
    diameter_angstrom : float
        Of the ball, or of the sphere round the corners of the icosahedron, whose size goes up in
        whole shells.
    structure : {"fcc", "icosahedron"}
        The icosahedron is Mackay's: neighbours within a shell are 2.88 Å apart as in the crystal,
        those of two shells 5 % less.
    turn_deg : tuple of float
        By how much the particle is turned about y and then about x.

    Returns
    -------
    Atoms

    Raises
    ------
    ParameterError
        When the diameter or the structure is not allowed.

    Examples
    --------
    >>> gold_nanoparticle(12.0, structure="icosahedron")
    Atoms(55 atoms: Au 55)
    """
    radius = check_number(diameter_angstrom, "diameter_angstrom", minimum=6, maximum=200) / 2
    check_choice(structure, "structure", ["fcc", "icosahedron"])
    if structure == "fcc":
        sites = lattice_sites(FACE_CENTRED, _GOLD_EDGE, radius, turn_deg)
    else:
        sites = _icosahedron(radius, _GOLD_EDGE / np.sqrt(2)) @ turn_matrix(turn_deg).T
    return Atoms(sites, np.full(len(sites), 79))


def with_vacancies(
    atoms: Atoms, fraction: float = 0.05, *, element: str | None = None, seed: int = 0
) -> tuple[Atoms, Atoms]:
    """Return a specimen with some atoms taken out, and those that were.

    Parameters
    ----------
    atoms : Atoms
    fraction : float
        Share of the atoms that go, between 0 and 1, at least one atom.
    element : str, optional
        Only atoms of this element go.
    seed : int

    Returns
    -------
    remaining : Atoms
    vacant : Atoms
        The sites that a good tracing leaves empty.

    Raises
    ------
    ParameterError
        When the fraction would take none or all of the atoms.

    Examples
    --------
    >>> remaining, vacant = with_vacancies(gold_nanoparticle(12.0), 0.1)
    >>> len(remaining), len(vacant)
    (49, 6)
    """
    share = check_number(fraction, "fraction", minimum=0, maximum=1, exclusive=True)
    seed = check_integer(seed, "seed", minimum=0)
    able = np.arange(len(atoms)) if element is None else np.flatnonzero(atoms.of(element))
    count = round(share * len(able))
    if count == 0 or count == len(atoms):
        raise ParameterError(
            f"fraction is {fraction!r}, which takes {count} of {len(atoms)} atoms; at least one "
            f"must go and one must stay."
        )
    gone = np.sort(np.random.default_rng(seed).choice(able, count, replace=False))
    return atoms.without(gone), atoms.select(gone)


def _core_and_shell(
    shape: Sequence[int],
    voxel_angstrom: float,
    basis: np.ndarray,
    edge: float,
    oxide: Oxide,
    seed: int,
) -> Atoms:
    nz, nx, ny = check_shape(shape, "shape", ndim=3)
    voxel = check_number(voxel_angstrom, "voxel_angstrom", minimum=0, exclusive=True)
    outer, length = 0.375 * min(nz, nx) * voxel, 0.77 * ny * voxel
    inner = 0.55 * outer
    if outer < 6 or length < 6:
        raise ParameterError(
            f"shape is {tuple(shape)!r} at {voxel:g} Å; the needle would be {2 * outer:.1f} Å "
            f"thick and {length:.1f} Å long, and needs 12 Å and 6 Å. Pass a larger shape."
        )
    sites = lattice_sites(basis, edge, float(np.hypot(inner, length / 2)), _TURN_DEG)
    inside = (np.hypot(sites[:, 0], sites[:, 1]) < inner) & (np.abs(sites[:, 2]) < length / 2)
    core = sites[inside]
    seed = check_integer(seed, "seed", minimum=0)
    shell, numbers = relaxed_shell(core, inner + _GAP, outer, length, oxide, seed)
    return Atoms(
        np.concatenate([core, shell]),
        np.concatenate([np.full(len(core), oxide.cation), numbers]),
    )


def _icosahedron(radius: float, neighbour: float) -> np.ndarray:
    golden = (1 + np.sqrt(5)) / 2
    corners = np.array(
        [np.roll([0, a, b * golden], turn) for turn in range(3) for a in (-1, 1) for b in (-1, 1)]
    )
    corners *= neighbour / 2  # edges of length `neighbour`
    close = np.linalg.norm(corners[:, None] - corners[None], axis=2) < 1.1 * neighbour
    faces = [
        f for f in combinations(range(12), 3) if all(close[i, j] for i, j in combinations(f, 2))
    ]
    sites = [np.zeros(3)]
    for shell in range(1, int(radius / np.linalg.norm(corners[0]) + 1e-9) + 1):
        for face in faces:
            for a in range(shell + 1):
                for b in range(shell + 1 - a):
                    sites.append(np.array([a, b, shell - a - b]) @ corners[list(face)])
    found = np.array(sites)
    tree = cKDTree(found)
    repeated = tree.query_pairs(0.1 * neighbour, output_type="ndarray")
    return np.delete(found, np.unique(repeated.max(axis=1)), axis=0)
