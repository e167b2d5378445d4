"""Tetrahedra: what the chemistry of silica should look like in a list of atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from em_inverse.atomic.atoms import Atoms
from em_inverse.errors import check_number

__all__ = ["Tetrahedra", "tetrahedra"]

IDEAL_DEG = float(np.degrees(np.arccos(-1 / 3)))


@dataclass(frozen=True, eq=False)
class Tetrahedra:
    """Centres with four corners round them.

    Attributes
    ----------
    centres : ndarray of int64, shape (k,)
        Index of each central atom.
    corners : ndarray of int64, shape (k, 4)
        Indices of its four neighbours.
    angles_deg : ndarray, shape (k, 6)
        Angles corner-centre-corner, ascending; 109.47° six times in a perfect one.
    coordination : ndarray of int64
        How many atoms of the corner element every atom of the central element has, in the order
        in which these atoms are listed, tetrahedra or not.
    """

    centres: np.ndarray
    corners: np.ndarray
    angles_deg: np.ndarray
    coordination: np.ndarray

    @property
    def count(self) -> int:
        """Number of tetrahedra."""
        return len(self.centres)


def tetrahedra(
    atoms: Atoms,
    centre: str = "Si",
    corner: str = "O",
    *,
    cutoff_angstrom: float = 2.1,
    tolerance_deg: float = 30.0,
) -> Tetrahedra:
    """Return the tetrahedra of a list of atoms, SiO₄ unless told otherwise.

    An atom of the element `centre` is the middle of a tetrahedron when exactly four atoms of the
    element `corner` are within the cut-off and every one of the six angles between them is
    within `tolerance_deg` of arccos(−1/3) = 109.47°. The count is a test of species and positions
    at once: an oxygen missed, or a silicon taken for an oxygen, breaks one tetrahedron or several.

    Parameters
    ----------
    atoms : Atoms
        For traced ones: ``found.atoms()``.
    centre, corner : str
        Symbols.
    cutoff_angstrom : float
        Between the bond of SiO₂, 1.61 Å, and the next shell of neighbours.
    tolerance_deg : float
        Wide, because the shells of this kit are piles of springs and less regular than glass.

    Returns
    -------
    Tetrahedra

    Raises
    ------
    ParameterError
        When a symbol is unknown or a number is not positive.

    Examples
    --------
    >>> bond = 1.61 / np.sqrt(3)
    >>> corners = bond * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    >>> one = Atoms(np.concatenate([np.zeros((1, 3)), corners]), [14, 8, 8, 8, 8])
    >>> tetrahedra(one).count
    1
    """
    cutoff = check_number(cutoff_angstrom, "cutoff_angstrom", minimum=0, exclusive=True)
    tolerance = check_number(tolerance_deg, "tolerance_deg", minimum=0, maximum=109)
    middles, ends = np.flatnonzero(atoms.of(centre)), np.flatnonzero(atoms.of(corner))
    none = np.zeros(0, np.int64)
    if len(middles) == 0 or len(ends) < 4:
        return Tetrahedra(none, none.reshape(0, 4), np.zeros((0, 6)), np.zeros(len(middles), int))
    tree = cKDTree(atoms.positions[ends])
    near = tree.query_ball_point(atoms.positions[middles], cutoff)
    coordination = np.array([len(group) for group in near])
    four = np.flatnonzero(coordination == 4)
    corners = ends[np.array([sorted(near[i]) for i in four], np.int64).reshape(-1, 4)]
    arms = atoms.positions[corners] - atoms.positions[middles[four]][:, None]
    arms /= np.linalg.norm(arms, axis=2, keepdims=True)
    first, second = np.triu_indices(4, 1)
    cosines = (arms[:, first] * arms[:, second]).sum(axis=2)
    angles = np.sort(np.degrees(np.arccos(np.clip(cosines, -1, 1))), axis=1)
    good = (np.abs(angles - IDEAL_DEG) <= tolerance).all(axis=1)
    return Tetrahedra(middles[four[good]], corners[good], angles[good], coordination)
