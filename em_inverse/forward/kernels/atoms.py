"""Kernel that lays atoms down on the pixels of a tilt series, each as a small Gaussian.

An atom that stands between pixels must not jump when the stage tilts, so each is spread over the
few pixels around it. A Gaussian is a product, g(i) g(j): nine exponentials along x and nine along
y serve the 81 pixels of an atom.
"""

import math

import numpy as np
from numba import njit


def deposit(x, y, weight, sigma, shape, dtype=np.float32):
    """Return images with every atom spread over the pixels around it.

    Parameters
    ----------
    x, y : ndarray, shape (n_tilts, n_atoms)
        Where each atom falls, in pixels from the middle of the first pixel. What lies outside of
        the image is cut off.
    weight : float
        Sum over the pixels of one atom.
    sigma : float
        Standard deviation of the Gaussian, in pixels.
    shape : (int, int)
        Pixels along x and y.
    dtype : dtype
        Of the images.

    Returns
    -------
    ndarray, shape (n_tilts, *shape)
    """
    out = np.zeros((x.shape[0], *shape), dtype)
    reach = max(1, math.ceil(4 * sigma))
    _deposit(out, np.ascontiguousarray(x), np.ascontiguousarray(y), weight, sigma, reach)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _deposit(out, x, y, weight, sigma, reach):
    nx, ny = out.shape[1], out.shape[2]
    across, along = np.empty(2 * reach + 1), np.empty(2 * reach + 1)
    for t in range(out.shape[0]):
        for a in range(x.shape[1]):
            i, j = round(x[t, a]), round(y[t, a])
            sum_x = sum_y = 0.0
            for k in range(2 * reach + 1):
                dx, dy = i + k - reach - x[t, a], j + k - reach - y[t, a]
                across[k] = math.exp(-dx * dx / (2 * sigma * sigma))
                along[k] = math.exp(-dy * dy / (2 * sigma * sigma))
                sum_x += across[k]
                sum_y += along[k]
            scale = weight / (sum_x * sum_y)
            for k in range(max(0, reach - i), min(2 * reach + 1, nx + reach - i)):
                value = scale * across[k]
                for m in range(max(0, reach - j), min(2 * reach + 1, ny + reach - j)):
                    out[t, i + k - reach, j + m - reach] += value * along[m]


def _warm_up():
    """Compile the kernel for float32 and float64."""
    for dtype in (np.float32, np.float64):
        deposit(np.zeros((1, 1)), np.zeros((1, 1)), 1.0, 0.5, (2, 2), dtype)
