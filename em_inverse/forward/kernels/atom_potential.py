"""Kernel of atomic potentials: sums of Gaussians, each averaged over the voxels it covers.

A scattering factor made of five Gaussians gives an atom five Gaussians in space. The mean of a
three-dimensional Gaussian over a cube is a product of three one-dimensional integrals, which the
error function knows. So every atom and every Gaussian needs three short tables, and the innermost
loop, along contiguous y, is one multiplication and one addition per voxel.

Each Gaussian reaches as far as its own width asks for (`REACH` standard deviations): the tall,
narrow ones, which are most of an atom, cost a few dozen voxels.
"""

import math

import numpy as np
from numba import njit

from em_inverse.forward.kernels import one_at_a_time

#: Standard deviations after which a Gaussian counts as ended.
REACH = 4.0


def add_atoms(volume, centres, kinds, weights, sigmas):
    """volume += the atoms, averaged over voxels.

    Parameters
    ----------
    volume : ndarray of float32 or float64, shape (nz, nx, ny)
    centres : ndarray of float64, shape (n, 3)
        Indices of the atoms, as floats.
    kinds : ndarray of int64, shape (n,)
        Row of `weights` and `sigmas` that belongs to each atom.
    weights, sigmas : ndarray of float64, shape (n_kinds, n_gaussians)
        Integral of each Gaussian over space, in voxels, and its standard deviation in voxels.
    """
    with one_at_a_time:
        _add(volume, centres, kinds, weights, sigmas, REACH)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _fill(table, first, last, centre, sigma):
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    before = math.erf((first - 0.5 - centre) * scale)
    for i in range(first, last):
        after = math.erf((i + 0.5 - centre) * scale)
        table[i - first] = 0.5 * (after - before)
        before = after


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _add(volume, centres, kinds, weights, sigmas, reach):
    nz, nx, ny = volume.shape
    widest = int(reach * sigmas.max()) + 2
    tz = np.empty(2 * widest + 1)
    tx = np.empty(2 * widest + 1)
    ty = np.empty(2 * widest + 1)
    row = np.empty(2 * widest + 1, volume.dtype)
    for n in range(centres.shape[0]):
        kind = kinds[n]
        z, x, y = centres[n, 0], centres[n, 1], centres[n, 2]
        cz, cx, cy = round(z), round(x), round(y)
        for g in range(weights.shape[1]):
            sigma = sigmas[kind, g]
            r = int(reach * sigma) + 1
            z0, z1 = max(0, cz - r), min(nz, cz + r + 1)
            x0, x1 = max(0, cx - r), min(nx, cx + r + 1)
            y0, y1 = max(0, cy - r), min(ny, cy + r + 1)
            _fill(tz, z0, z1, z, sigma)
            _fill(tx, x0, x1, x, sigma)
            _fill(ty, y0, y1, y, sigma)
            for k in range(y1 - y0):
                row[k] = ty[k]
            for i in range(z0, z1):
                a = weights[kind, g] * tz[i - z0]
                for j in range(x0, x1):
                    b = volume.dtype.type(a * tx[j - x0])
                    for k in range(y1 - y0):
                        volume[i, j, y0 + k] += b * row[k]


def _warm_up():
    for dtype in (np.float32, np.float64):
        one = np.ones((1, 1))
        add_atoms(np.zeros((3, 3, 3), dtype), np.ones((1, 3)), np.zeros(1, np.int64), one, one)
