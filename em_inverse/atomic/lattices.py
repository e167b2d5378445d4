"""Pieces of crystals: sites of a lattice, turned, before they are cut to shape."""

from __future__ import annotations

import numpy as np

__all__ = ["BODY_CENTRED", "DIAMOND", "FACE_CENTRED", "lattice_sites", "turn_matrix"]

FACE_CENTRED = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
"""Sites of a cubic cell, in units of its edge: gold."""

BODY_CENTRED = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
"""Sites of a cubic cell: tungsten."""

DIAMOND = np.concatenate([FACE_CENTRED, FACE_CENTRED + 0.25])
"""Sites of a cubic cell: silicon."""


def lattice_sites(
    basis: np.ndarray, edge_angstrom: float, reach_angstrom: float, turn_deg: tuple[float, float]
) -> np.ndarray:
    """Return all sites within a distance of the origin, shape (n, 3), in the order z, x, y.

    Parameters
    ----------
    basis : ndarray, shape (k, 3)
        Sites of one cubic cell, in units of its edge.
    edge_angstrom : float
    reach_angstrom : float
        Radius of the ball.
    turn_deg : tuple of float
        By how much the crystal is turned about y and then about x, so that no row of atoms runs
        along the beam, the tilt axis or the rows of voxels.

    Examples
    --------
    >>> len(lattice_sites(FACE_CENTRED, 4.0, 2.9, (20.0, 8.0)))
    13
    """
    cells = int(np.ceil(reach_angstrom / edge_angstrom)) + 1
    corner = np.stack(np.meshgrid(*[np.arange(-cells, cells + 1)] * 3, indexing="ij"), axis=-1)
    sites = ((corner.reshape(-1, 1, 3) + basis).reshape(-1, 3)) * edge_angstrom
    sites = sites @ turn_matrix(turn_deg).T
    return np.asarray(sites[(sites**2).sum(axis=1) <= reach_angstrom**2])


def turn_matrix(turn_deg: tuple[float, float]) -> np.ndarray:
    """Return the rotation about y and then about x that acts on columns (z, x, y).

    Examples
    --------
    >>> bool(np.allclose(turn_matrix((90.0, 0.0)) @ [1, 0, 0], [0, 1, 0]))
    True
    """
    about_y, about_x = np.deg2rad(turn_deg)
    c, s = np.cos(about_y), np.sin(about_y)
    first = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    c, s = np.cos(about_x), np.sin(about_x)
    second = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    return np.asarray(second @ first)
