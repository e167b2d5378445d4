"""Kernels of total variation: the value, and the proximal operator.

All arrays are three-dimensional here, ``[z, x, y]``; an image is a volume with one x, a profile a
volume with one z and one x, and differences along an axis of length one vanish. One set of loops
therefore serves every dimension.

**The dual problem.** The proximal operator argmin_u ½‖u − v‖² + τ TV(u) is found through its
dual: u = v − ∇ᵀp (clipped at zero where u ≥ 0 is imposed), where p holds one vector per voxel with
length |p| ≤ τ. The accelerated projected gradient method (Beck and Teboulle,
doi:10.1109/TIP.2009.2028250) repeats two sweeps over memory:

1. `primal`: u = v − ∇ᵀr, reading each dual component where it lies and once shifted by a voxel;
2. `dual`: p ← project(r + ∇u / L), r ← p + β (p − p_old), both at once.

The innermost loop always runs along y, which is contiguous, so that it becomes SIMD code. Each
kernel is written for one plane z; a driver runs the planes one after the other, or, for large
arrays, on all threads: no plane writes where another reads within a sweep. (For a small image the
hand-over between threads would cost more than the work.) Nothing else is needed: the sweeps move
about 40 bytes per voxel each and run at memory speed.

**One dimension** has an exact, direct solution, the taut string (Davies and Kovac,
doi:10.1214/aos/996986501): see `taut_string`.
"""

import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import one_at_a_time

#: Arrays with more voxels than this are shared between threads.
PARALLEL_FROM = 200_000


def value(u):
    """Return Σ |∇u|, the isotropic total variation, accumulated in float64."""
    rows = np.zeros(u.shape[0])
    _run(u.size, _value_serial, _value_parallel, u, rows)
    return float(rows.sum())


def primal(v, r, floor, u):
    """u ← max(v − ∇ᵀr, floor) for r[axis, z, x, y], zero at the last voxel along its axis."""
    _run(u.size, _primal_serial, _primal_parallel, v, r, floor, u)


def dual(u, p, r, step, tau, beta):
    """p ← project(r + step ∇u) on |p| ≤ τ, then r ← p + β (p − p_old)."""
    _run(u.size, _dual_serial, _dual_parallel, u, p, r, step, tau, beta)


def _run(size, serial, parallel, *arguments):
    if size <= PARALLEL_FROM:
        serial(*arguments)
        return
    with one_at_a_time:
        parallel(*arguments)


@njit(nogil=True)
def _value_plane(u, z):
    nz, nx, ny = u.shape
    zero = u.dtype.type(0)
    total = 0.0
    for x in range(nx):
        for y in range(ny):
            here = u[z, x, y]
            a = u[z + 1, x, y] - here if z + 1 < nz else zero
            b = u[z, x + 1, y] - here if x + 1 < nx else zero
            c = u[z, x, y + 1] - here if y + 1 < ny else zero
            total += np.sqrt(a * a + b * b + c * c)
    return total


@njit(nogil=True, fastmath={"contract", "nsz", "arcp"})
def _primal_plane(v, r, floor, u, z):
    nx, ny = v.shape[1:]
    for x in range(nx):
        out, inp = u[z, x], v[z, x]
        r0, r1, r2 = r[0, z, x], r[1, z, x], r[2, z, x]
        for y in range(ny):
            out[y] = inp[y] + r0[y] + r1[y] + r2[y]
        for y in range(1, ny):
            out[y] -= r2[y - 1]
        if z > 0:
            below = r[0, z - 1, x]
            for y in range(ny):
                out[y] -= below[y]
        if x > 0:
            left = r[1, z, x - 1]
            for y in range(ny):
                out[y] -= left[y]
        for y in range(ny):
            out[y] = max(out[y], floor)


@njit(nogil=True, fastmath={"contract", "nsz", "arcp"})
def _dual_plane(u, p, r, step, tau, beta, z):
    nz, nx, ny = u.shape
    one, zero = u.dtype.type(1), u.dtype.type(0)
    has_z = one if z + 1 < nz else zero
    next_z = min(z + 1, nz - 1)
    for x in range(nx):
        has_x = one if x + 1 < nx else zero
        here, up, right = u[z, x], u[next_z, x], u[z, min(x + 1, nx - 1)]
        p0, p1, p2 = p[0, z, x], p[1, z, x], p[2, z, x]
        r0, r1, r2 = r[0, z, x], r[1, z, x], r[2, z, x]
        for y in range(ny):
            has_y = one if y + 1 < ny else zero
            a = has_z * (r0[y] + step * (up[y] - here[y]))
            b = has_x * (r1[y] + step * (right[y] - here[y]))
            c = has_y * (r2[y] + step * (here[min(y + 1, ny - 1)] - here[y]))
            shrink = tau / max(tau, np.sqrt(a * a + b * b + c * c))
            a *= shrink
            b *= shrink
            c *= shrink
            r0[y] = a + beta * (a - p0[y])
            r1[y] = b + beta * (b - p1[y])
            r2[y] = c + beta * (c - p2[y])
            p0[y] = a
            p1[y] = b
            p2[y] = c


@njit(cache=True, nogil=True)
def _value_serial(u, rows):
    for z in range(u.shape[0]):
        rows[z] = _value_plane(u, z)


@njit(cache=True, nogil=True, parallel=True)
def _value_parallel(u, rows):
    for z in prange(u.shape[0]):
        rows[z] = _value_plane(u, z)


@njit(cache=True, nogil=True)
def _primal_serial(v, r, floor, u):
    for z in range(u.shape[0]):
        _primal_plane(v, r, floor, u, z)


@njit(cache=True, nogil=True, parallel=True)
def _primal_parallel(v, r, floor, u):
    for z in prange(u.shape[0]):
        _primal_plane(v, r, floor, u, z)


@njit(cache=True, nogil=True)
def _dual_serial(u, p, r, step, tau, beta):
    for z in range(u.shape[0]):
        _dual_plane(u, p, r, step, tau, beta, z)


@njit(cache=True, nogil=True, parallel=True)
def _dual_parallel(u, p, r, step, tau, beta):
    for z in prange(u.shape[0]):
        _dual_plane(u, p, r, step, tau, beta, z)


@njit(cache=True, nogil=True)
def taut_string(v, tau, u):
    """u ← argmin ½‖u − v‖² + τ Σ |u[i + 1] − u[i]| for a profile, exactly.

    The running sum of u is the shortest string between the ends of the running sum of v inside a
    tube of half-width τ. From each knot the string goes straight until one wall of the tube is
    steeper than the other allows; it then bends where it last touched that other wall.
    """
    n = v.size
    knot = 0
    offset = 0.0
    while knot < n:
        low, high = -np.inf, np.inf
        low_at = high_at = knot
        total = -offset
        bent = False
        for k in range(knot + 1, n + 1):
            total += v[k - 1]
            half_width = tau if k < n else 0.0
            upper = (total + half_width) / (k - knot)
            lower = (total - half_width) / (k - knot)
            if lower > high:
                u[knot:high_at] = high
                knot, offset, bent = high_at, tau, True
                break
            if upper < low:
                u[knot:low_at] = low
                knot, offset, bent = low_at, -tau, True
                break
            if upper <= high:
                high, high_at = upper, k
            if lower >= low:
                low, low_at = lower, k
        if not bent:
            u[knot:n] = total / (n - knot)
            knot = n


def _warm_up():
    """Compile the serial kernels for float32 and float64, the parallel ones for float32."""
    for dtype in (np.float32, np.float64):
        v = np.zeros((2, 2, 2), dtype)
        p = np.zeros((3, 2, 2, 2), dtype)
        value(v)
        primal(v, p, dtype(0), np.empty_like(v))
        dual(v, p, p.copy(), dtype(0.1), dtype(1), dtype(0))
        taut_string(v.ravel(), 0.1, np.empty(8, dtype))
    v, p = np.zeros((2, 2, 2), np.float32), np.zeros((3, 2, 2, 2), np.float32)
    _value_parallel(v, np.zeros(2))
    _primal_parallel(v, p, np.float32(0), np.empty_like(v))
    _dual_parallel(v, p, p.copy(), np.float32(0.1), np.float32(1), np.float32(0))
