"""Joseph's projector by its definition: a sparse matrix, built ray by ray with numpy.

Slow and short on purpose. The tests hold the fast kernels of `joseph.py` against it.
"""

import numpy as np
import scipy.sparse as sparse

__all__ = ["joseph_matrix"]


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
