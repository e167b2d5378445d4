"""Kernels by their definitions, built ray by ray and point by point with numpy.

Slow and short on purpose. The tests hold the fast kernels of `joseph.py` and `turning.py` against
them.
"""

import numpy as np
import scipy.sparse as sparse

__all__ = ["joseph_matrix", "turned_slices"]


def joseph_matrix(
    shape: tuple[int, int],
    cosines: np.ndarray,
    sines: np.ndarray,
    axis: np.ndarray,
    n_det: int,
) -> sparse.csr_matrix:
    """Return Joseph's projector of a slice as a sparse float64 matrix.

    Parameters
    ----------
    shape : tuple of int
        (nz, nx) of the slice.
    cosines, sines : ndarray, shape (n_tilts,)
    axis : ndarray, shape (n_tilts,)
        Detector coordinate, in pixels, on which the tilt axis falls in each projection.
    n_det : int
        Number of detector pixels.

    Returns
    -------
    scipy.sparse.csr_matrix, shape (n_tilts * n_det, nz * nx)
        Acts on slices ``[z, x]`` flattened in C order.

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> joseph_matrix((2, 3), one, zero, one, 3).toarray()
    array([[1., 0., 0., 1., 0., 0.],
           [0., 1., 0., 0., 1., 0.],
           [0., 0., 1., 0., 0., 1.]])
    """
    nz, nx = shape
    z, x = np.arange(nz), np.arange(nx)
    matrix = sparse.lil_matrix((len(cosines) * n_det, nz * nx))
    for tilt, (c, s) in enumerate(zip(cosines, sines, strict=True)):
        for u in range(n_det):
            if abs(c) >= abs(s):
                rows = z
                crossing = ((u - axis[tilt]) - (z - (nz - 1) / 2) * s) / c + (nx - 1) / 2
                length, count = 1 / abs(c), nx
            else:
                rows = x
                crossing = ((u - axis[tilt]) - (x - (nx - 1) / 2) * c) / s + (nz - 1) / 2
                length, count = 1 / abs(s), nz
            before = np.floor(crossing).astype(int)
            fraction = crossing - before
            for pixel, weight in ((before, 1 - fraction), (before + 1, fraction)):
                inside = (pixel >= 0) & (pixel < count)
                if rows is z:
                    columns = rows[inside] * nx + pixel[inside]
                else:
                    columns = pixel[inside] * nx + rows[inside]
                matrix[tilt * n_det + u, columns] += length * weight[inside]
    return matrix.tocsr()


def turned_slices(
    volume: np.ndarray, angle_deg: float, starts: np.ndarray, thickness: int
) -> np.ndarray:
    """Return the slices of a turned volume, every point read by cubic convolution.

    Parameters
    ----------
    volume : ndarray, shape (nz, nx, ny)
    angle_deg : float
    starts : ndarray, shape (n_slices,)
        Depth of the first point of each slice, from the centre.
    thickness : int
        Points that are added up in a slice, one voxel apart.

    Returns
    -------
    ndarray, shape (n_slices, nx, ny)

    Examples
    --------
    >>> import numpy as np
    >>> volume = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> turned_slices(volume, 0.0, np.array([-0.5]), 2).tolist()
    [[[4.0], [6.0]]]
    """
    nz, nx, ny = volume.shape
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    out = np.zeros((len(starts), nx, ny))
    for m, start in enumerate(starts):
        for pixel in range(nx):
            across = pixel - (nx - 1) / 2
            for depth in start + np.arange(thickness):
                z = across * s + depth * c + (nz - 1) / 2
                x = across * c - depth * s + (nx - 1) / 2
                weights = np.outer(_cubic(np.arange(nz) - z), _cubic(np.arange(nx) - x))
                out[m, pixel] += np.tensordot(weights, volume, axes=2)
    return out


def _cubic(t: np.ndarray) -> np.ndarray:
    t = np.abs(t)
    near, far = 1 - 2.5 * t**2 + 1.5 * t**3, 2 - 4 * t + 2.5 * t**2 - 0.5 * t**3
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))
