"""Kernel of vector total variation: the dual half of a primal-dual iteration on several volumes.

All channels share one length of the gradient at a voxel, √(Σ_c |∇x_c|²): an edge that one channel
shows is paid for once, and the others may have it there for less. Only the shortening of the dual
couples the channels; the primal half is that of plain total variation, channel by channel.

Arrays are ``[channel, z, x, y]``, so that rows along y are contiguous.
"""

import numba
import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import one_at_a_time
from em_inverse.forward.kernels.total_variation import _OPTIONS, PARALLEL_FROM, _extend, _frozen

_SLABS_PER_THREAD = 4


def value(x):
    """Return Σ √(Σ_c |∇x_c|²), accumulated in float64."""
    p = np.zeros((3, *x.shape), x.dtype)
    return dual_step(x, x, p, 1.0, 0.0, 0.0)[0]


def dual_step(x, previous, p, lam, sigma, rho):
    """Make the dual half of a primal-dual iteration, in place.

        p_new = project(p + σ ∇(2x − previous)) onto Σ_c |p_c|² ≤ λ²,    p ← p + ρ (p_new − p)

    Parameters
    ----------
    x, previous : ndarray, shape (n, nz, nx, ny)
    p : ndarray, shape (3, n, nz, nx, ny)
    lam, sigma, rho : float

    Returns
    -------
    tuple of float
        Σ √(Σ_c |∇x_c|²), ‖∇(x − previous)‖² and the new ‖p‖².
    """
    number = x.dtype.type
    planes = x.shape[1]
    sums = np.zeros((planes, 3))
    scalars = [number(s) for s in (lam, sigma, rho)]
    arrays = _frozen(x), _frozen(previous), tuple(p)
    if x.size <= PARALLEL_FROM:
        _dual(0, planes, *arrays, *scalars, sums)
    else:
        with one_at_a_time:
            count = min(planes, _SLABS_PER_THREAD * numba.get_num_threads())
            cuts = np.linspace(0, planes, count + 1).astype(np.int64)
            _dual_shared(cuts, *arrays, *scalars, sums)
    total, ahead, size = sums.sum(axis=0).tolist()
    return total, ahead, size


@njit(cache=True, **_OPTIONS)
def _dual(first, last, x, previous, p, lam, sigma, rho, sums):
    n, nz, nx, ny = x.shape
    here, was = np.empty(ny + 1, x.dtype), np.empty(ny + 1, x.dtype)
    after, was_after = here[1:], was[1:]
    g0, g1, g2 = np.empty((n, ny), x.dtype), np.empty((n, ny), x.dtype), np.empty((n, ny), x.dtype)
    steep, length = np.empty(ny, x.dtype), np.empty(ny, x.dtype)
    for i in range(first, last):
        above = min(i + 1, nz - 1)
        total = ahead = size = 0.0
        for j in range(nx):
            beside = min(j + 1, nx - 1)
            for y in range(ny):
                steep[y] = 0
                length[y] = 0
            for k in range(n):
                up, right = x[k, above, j], x[k, i, beside]
                was_up, was_right = previous[k, above, j], previous[k, i, beside]
                p0, p1, p2 = p[0][k, i, j], p[1][k, i, j], p[2][k, i, j]
                h0, h1, h2 = g0[k], g1[k], g2[k]
                _extend(x[k, i, j], here)
                _extend(previous[k, i, j], was)
                for y in range(ny):
                    a, b, c = up[y] - here[y], right[y] - here[y], after[y] - here[y]
                    da = a - (was_up[y] - was[y])
                    db = b - (was_right[y] - was[y])
                    dc = c - (was_after[y] - was[y])
                    steep[y] += a * a + b * b + c * c
                    ahead += np.float64(da * da + db * db + dc * dc)
                    h0[y] = p0[y] + sigma * (a + da)
                    h1[y] = p1[y] + sigma * (b + db)
                    h2[y] = p2[y] + sigma * (c + dc)
                    length[y] += h0[y] * h0[y] + h1[y] * h1[y] + h2[y] * h2[y]
            for y in range(ny):
                total += np.float64(np.sqrt(steep[y]))
                length[y] = lam / max(lam, np.sqrt(length[y]))
            for k in range(n):
                p0, p1, p2 = p[0][k, i, j], p[1][k, i, j], p[2][k, i, j]
                h0, h1, h2 = g0[k], g1[k], g2[k]
                for y in range(ny):
                    a = p0[y] + rho * (length[y] * h0[y] - p0[y])
                    b = p1[y] + rho * (length[y] * h1[y] - p1[y])
                    c = p2[y] + rho * (length[y] * h2[y] - p2[y])
                    size += np.float64(a * a + b * b + c * c)
                    p0[y] = a
                    p1[y] = b
                    p2[y] = c
        sums[i, 0] = total
        sums[i, 1] = ahead
        sums[i, 2] = size


@njit(cache=True, parallel=True, **_OPTIONS)
def _dual_shared(cuts, x, previous, p, lam, sigma, rho, sums):
    for i in prange(cuts.size - 1):
        _dual(cuts[i], cuts[i + 1], x, previous, p, lam, sigma, rho, sums)


def _warm_up():
    """Compile the kernel for float32 and float64."""
    global PARALLEL_FROM
    usual = PARALLEL_FROM
    for dtype, threshold in ((np.float32, usual), (np.float64, usual), (np.float32, 0)):
        PARALLEL_FROM = threshold
        try:
            value(np.zeros((1, 2, 2, 2), dtype))
        finally:
            PARALLEL_FROM = usual
