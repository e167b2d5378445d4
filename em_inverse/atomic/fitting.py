"""Gaussian fits of all atoms of a volume, and what the fits leave over."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["fitted", "left_over"]

# All in Å, so that they mean the same at every size of voxel.
BALL = 1.0
REACH = 0.125
WIDTHS = (0.2, 0.6)
START_WIDTH = 0.35
NEIGHBOURHOOD = 2.5


def fitted(
    volume: np.ndarray, atoms: np.ndarray, voxel_angstrom: float, *, rounds: int = 2
) -> np.ndarray:
    """Return the atoms after fits of Gaussians to the volume less each one's neighbours.

    Parameters
    ----------
    volume : ndarray of float64, shape (nz, nx, ny)
    atoms : ndarray of float64, shape (n, 5)
        z, x, y in voxels; peak; width in voxels.
    voxel_angstrom : float
    rounds : int
        Sweeps over all atoms.

    Returns
    -------
    ndarray, shape (n, 5)
    """
    from em_inverse.forward.kernels import gaussian_fits

    out = atoms.copy()
    if len(out) == 0:
        return out
    pairs = cKDTree(atoms[:, :3]).query_pairs(NEIGHBOURHOOD / voxel_angstrom, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.argsort(both[:, 0], kind="stable")
    first = np.searchsorted(both[order, 0], np.arange(len(out) + 1)).astype(np.int64)
    gaussian_fits.fit(
        volume,
        out,
        first,
        both[order, 1].astype(np.int64),
        BALL / voxel_angstrom,
        REACH / voxel_angstrom,
        (WIDTHS[0] / voxel_angstrom, WIDTHS[1] / voxel_angstrom),
        rounds,
    )
    return out


def left_over(volume: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Return what the volume holds beside the Gaussians of these atoms.

    Parameters
    ----------
    volume : ndarray of float64, shape (nz, nx, ny)
    atoms : ndarray of float64, shape (n, 5)

    Returns
    -------
    ndarray, shape (nz, nx, ny)
    """
    from em_inverse.forward.kernels import gaussian_fits

    rest = volume.copy()
    if len(atoms):
        gaussian_fits.subtract(rest, atoms, int(np.ceil(5 * atoms[:, 4].max())))
    return rest
