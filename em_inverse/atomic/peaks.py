"""Candidates of atoms: local maxima of a volume through a band-pass."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

__all__ = ["band_passed", "local_maxima"]

# Standard deviations of the two Gaussians in Å: about as wide as an atom, and twice as wide.
_NARROW, _WIDE = 0.28, 0.56

# A voxel and the 18 around it that share a face or an edge.
_NEIGHBOURS = ndimage.generate_binary_structure(3, 2)


def band_passed(volume: np.ndarray, voxel_angstrom: float, *, workers: int = 1) -> np.ndarray:
    """Return the volume through a difference of two Gaussians, as wide as atoms are.

    Fine noise is smoothed, what varies slowly (the tails of heavy neighbours, a background) is
    taken off, and a bump on a flank becomes a maximum of its own.

    Parameters
    ----------
    volume : ndarray, shape (nz, nx, ny)
    voxel_angstrom : float

    Examples
    --------
    >>> flat = band_passed(np.ones((8, 8, 8)), 0.5)
    >>> bool(abs(flat).max() < 1e-12)
    True
    """
    spectrum = fft.rfftn(volume, workers=workers)
    nz, nx, ny = volume.shape
    kernels = []
    for sigma in (_NARROW / voxel_angstrom, _WIDE / voxel_angstrom):
        along = [
            np.exp(-2 * (np.pi * sigma * q) ** 2)
            for q in (fft.fftfreq(nz), fft.fftfreq(nx), fft.rfftfreq(ny))
        ]
        kernels.append(along[0][:, None, None] * along[1][:, None] * along[2])
    spectrum *= kernels[0] - kernels[1]
    return np.asarray(fft.irfftn(spectrum, s=volume.shape, workers=workers, overwrite_x=True))


def local_maxima(volume: np.ndarray, above: float, edge: int = 2) -> np.ndarray:
    """Return the local maxima above a threshold, refined below a voxel, shape (n, 3).

    A maximum is higher than all voxels that share a face or an edge with its own. A parabola
    through each axis says where between the voxels its top is.

    Parameters
    ----------
    volume : ndarray, shape (nz, nx, ny)
    above : float
    edge : int
        Maxima in this many layers at the faces of the volume do not count.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Indices as floats.

    Examples
    --------
    >>> bump = np.zeros((7, 7, 7)); bump[3, 3, 3] = 2; bump[3, 3, 4] = 1
    >>> local_maxima(bump, 1.0).round(2)
    array([[3.  , 3.  , 3.17]])
    """
    inner = tuple(slice(edge, n - edge) for n in volume.shape)
    highest = ndimage.maximum_filter(volume, footprint=_NEIGHBOURS)
    is_top = (volume == highest) & (volume > above)
    found = np.argwhere(is_top[inner]) + edge
    tops = found.astype(np.float64)
    here = volume[tuple(found.T)].astype(np.float64)
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        before, after = (volume[tuple((found + way * step).T)] for way in (-1, 1))
        bend = 2 * here - before - after
        tops[:, axis] += np.clip(0.5 * (after - before) / np.maximum(bend, 1e-30), -0.5, 0.5)
    return tops
