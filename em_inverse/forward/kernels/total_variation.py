"""Kernels of total variation: its value and gradient, its proximal operator, primal-dual steps.

All arrays are three-dimensional here, C-contiguous, ``[z, x, y]``; an image is a volume with one x,
a profile a volume with one z and one x, and differences along an axis of length one vanish. One
set of loops therefore serves every dimension. ∇u holds forward differences, zero at the last voxel
along their axis; a dual field p[axis, z, x, y] must be zero there as well, and then stays so.

**The dual problem.** The proximal operator argmin_u ½‖u − v‖² + τ TV(u) is found through its
dual: u = v − ∇ᵀp (clipped at a floor where u ≥ 0 is imposed), where p holds one vector per voxel
with length |p| ≤ τ. The accelerated projected gradient method (Beck and Teboulle,
doi:10.1109/TIP.2009.2028250) repeats

    u = v − ∇ᵀr,   p_new = project(r + ∇u / L),   r = p_new + β (p_new − p).

Chambolle's first method (doi:10.1023/B:JMIV.0000011325.36760.1e) has no momentum (r = p) and
shortens vectors gently, p_new = (p + s ∇u) / (1 + s |∇u| / τ).

**Why it is fast.** There is little arithmetic per voxel, so moving numbers is what costs.

- *One sweep.* u is never stored: while the planes z are visited in order, one plane of u is kept,
  and each of its rows is overwritten with the row above, z + 1, once that has been computed from
  the dual. The new dual is written over one that is not needed any more. r is likewise never
  stored, but made from p and the dual before it where it is needed. An iteration of the accelerated
  method moves 40 bytes per voxel in float32, one of Chambolle's 28. Textbook array code, one numpy
  call a term, moves several hundred.
- *Rows.* The innermost loop runs along y, which is contiguous, so that it becomes SIMD code. For
  that it must hold no question: rows are extended by one value where the last difference shall be
  zero, and ``error_model="numpy"`` keeps numba from testing every division for zero, which alone
  costs a factor of three.
- *Threads.* Large volumes are cut into slabs of planes, one task each. A slab reads one plane
  beyond its end, which its neighbour overwrites; so the planes of u at the cuts are worked out
  before the sweep starts. Sums are kept plane by plane in float64. No result therefore depends
  on the number of threads. Small arrays are one slab, and are done without the hand-over between
  threads, which would cost more than the work.

**One dimension** has an exact, direct solution, the taut string (Davies and Kovac,
doi:10.1214/aos/996986501): see `taut_string`.

**Primal-dual steps.** An iteration of PDHG is `primal_step` and `dual_step`, with one H and one Hᵀ
between. Each is one sweep, in place, and also adds up the norms that the solver asks for.
"""

from typing import Any

import numba
import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import one_at_a_time

#: Arrays with more voxels than this are shared between threads.
PARALLEL_FROM = 200_000

_SLABS_PER_THREAD = 4
# In numbers; not a power of two.
_GAP = 272
# Sums may be reordered, but NaN and infinity keep their meaning.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "error_model": "numpy",
}


def dual_zeros(shape, dtype):
    """Return p = 0, with a gap between its components.

    Where rows have a round length, the same row of all components would otherwise fall on the same
    few lines of the first-level cache and push each other out, which costs up to 40 %.
    """
    size = int(np.prod(shape))
    memory = np.zeros((3, size + _GAP), dtype)
    return memory[:, _GAP:].reshape(3, *shape)


def value(u):
    """Return Σ |∇u|, the isotropic total variation, accumulated in float64."""
    return energies(u, u, 0.0)[0]


def energies(u, v, level):
    """Return Σ |∇u| and Σ (u − level)(u − v), accumulated in float64."""
    sums = np.zeros((u.shape[0], 2))
    _run(_energies, _energies_shared, _frozen(u), _frozen(v), u.dtype.type(level), sums)
    total, inner = sums.sum(axis=0).tolist()
    return total, inner


def gradient(u, smoothing, out):
    """out ← ∇ᵀ(∇u / √(|∇u|² + smoothing²)), the gradient of Σ √(|∇u|² + smoothing²)."""
    _run(_gradient, _gradient_shared, _frozen(u), u.dtype.type(smoothing), out)


def primal(v, p, floor, u):
    """u ← max(v − ∇ᵀp, floor)."""
    _run(_primal, _primal_shared, _frozen(v), tuple(p), v.dtype.type(floor), u)


def sweep(v, p, old, floor, step, tau, beta, gentle=False):
    """old ← the dual that follows p, a step away from r = p + β (p − old).

    The two then change roles. With ``old is p`` and β = 0 the step is made in place.

    Parameters
    ----------
    v : ndarray, shape (nz, nx, ny)
    p, old : ndarray, shape (3, nz, nx, ny)
        The dual, and the one before it.
    floor : float
        Lowest value of u; −∞ for none.
    step : float
        At most 1/‖∇‖², which is 1/4 for one axis, 1/8 for two, 1/12 for three.
    tau : float
    beta : float
        Momentum.
    gentle : bool
        Chambolle's rule instead of the projection onto |p| ≤ τ.
    """
    number = v.dtype.type
    scalars = [number(s) for s in (floor, step, tau, beta)]
    _run(_sweep, _sweep_shared, _frozen(v), tuple(p), tuple(old), *scalars, gentle)


def chambolle(v, tau, n_iter):
    """Return the outcome of Chambolle's method after a given number of dual steps from zero.

    Plain and slower than :meth:`em_inverse.priors.TotalVariation.prox`; for comparing programs.
    """
    p, u = dual_zeros(v.shape, v.dtype), np.empty_like(v)
    step = 1 / (2 * sum(n > 1 for n in v.shape))
    for _ in range(n_iter):
        sweep(v, p, p, -np.inf, step, tau, 0.0, gentle=True)
    primal(v, p, -np.inf, u)
    return u


def primal_step(x, previous, pull, p, inside, floor, tau, rho):
    """Make the primal half of a primal-dual iteration, in place.

        previous ← previous + ρ (x − previous)
        x ← max(previous − τ (pull + ∇ᵀp), floor), and 0 outside

    Parameters
    ----------
    x, previous : ndarray, shape (nz, nx, ny)
        The last outcome, and the relaxed point it was reached from.
    pull : ndarray, shape (nz, nx, ny)
        Hᵀq.
    p : ndarray, shape (3, nz, nx, ny)
    inside : ndarray of bool, shape (nz, nx, ny) or (nz, nx, 1)
        The support.
    floor, tau, rho : float

    Returns
    -------
    tuple of float
        ‖x_new − x‖², ‖x_new − previous‖² and ‖x_new‖².
    """
    number = x.dtype.type
    sums = np.zeros((x.shape[0], 3))
    fixed = [_frozen(pull), tuple(p), _frozen(inside)]
    scalars = [number(s) for s in (floor, tau, rho)]
    _run(_primal_step, _primal_step_shared, x, previous, *fixed, *scalars, sums)
    moved, ahead, size = sums.sum(axis=0).tolist()
    return moved, ahead, size


def dual_step(x, previous, p, lam, sigma, rho):
    """Make the dual half of a primal-dual iteration, in place.

        p_new = project(p + σ ∇(2x − previous)) onto |p| ≤ λ,    p ← p + ρ (p_new − p)

    Returns
    -------
    tuple of float
        Σ |∇x|, ‖∇(x − previous)‖² and the new ‖p‖².
    """
    number = x.dtype.type
    sums = np.zeros((x.shape[0], 3))
    scalars = [number(s) for s in (lam, sigma, rho)]
    _run(_dual_step, _dual_step_shared, _frozen(x), _frozen(previous), tuple(p), *scalars, sums)
    total, ahead, size = sums.sum(axis=0).tolist()
    return total, ahead, size


def dual_steps(x, previous, p, lam, sigma, rho):
    """Make :func:`dual_step` for each array of a stack, small ones in a single call.

    Parameters
    ----------
    x, previous : ndarray, shape (n, z, x, y)
    p : ndarray, shape (3, n, z, x, y)
    lam : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n, 3)
        What `dual_step` returns, array by array.
    """
    if x[0].size > PARALLEL_FROM:
        each = [
            dual_step(x[e], previous[e], p[:, e], limit, sigma, rho)
            for e, limit in enumerate(lam.tolist())
        ]
        return np.array(each)
    number = x.dtype.type
    sums = np.zeros((*x.shape[:2], 3))
    limits = lam.astype(x.dtype)
    _dual_steps(_frozen(x), _frozen(previous), tuple(p), limits, number(sigma), number(rho), sums)
    return sums.sum(axis=1)


def _run(one, shared, first, *rest):
    """Call a kernel for all planes of its first array, or for slabs of them on all threads."""
    planes = first.shape[0]
    if first.size <= PARALLEL_FROM:
        one(0, planes, first, *rest)
        return
    with one_at_a_time:
        count = min(planes, _SLABS_PER_THREAD * numba.get_num_threads())
        shared(np.linspace(0, planes, count + 1).astype(np.int64), first, *rest)


def _frozen(array):
    """View an array as read-only: to numba that is another type, and each type is compiled."""
    array = array.view()
    array.flags.writeable = False
    return array


@njit(**_OPTIONS)
def _copy(row, out):
    """out ← row, as a plain loop: the slice assignment is no SIMD code."""
    for y in range(row.size):
        out[y] = row[y]


@njit(**_OPTIONS)
def _extend(row, out):
    """out ← row, its last value twice: the difference there is zero."""
    _copy(row, out)
    out[row.size] = row[row.size - 1]


@njit(**_OPTIONS)
def _subtract_adjoint(base, p, weight, z, x, spare, out):
    """out ← base − weight (∇ᵀp)[z, x]: what leaves each voxel, less what enters it.

    The spare row is one longer and begins with zero; base and out must be different rows.
    """
    from_below = weight if z > 0 else weight - weight
    from_left = weight if x > 0 else weight - weight
    p0, p1, p2 = p[0][z, x], p[1][z, x], p[2][z, x]
    below, left = p[0][max(z - 1, 0), x], p[1][z, max(x - 1, 0)]
    _copy(p2, spare[1:])
    for y in range(out.size):
        flow = weight * (p0[y] + p1[y] + p2[y] - spare[y])
        out[y] = base[y] + flow - from_below * below[y] - from_left * left[y]


@njit(**_OPTIONS)
def _primal_row(v, p, old, floor, beta, z, x, spare, half, out):
    one = v.dtype.type(1)
    if beta == 0:
        _subtract_adjoint(v[z, x], p, one, z, x, spare, out)
    else:
        _subtract_adjoint(v[z, x], p, one + beta, z, x, spare, half)
        _subtract_adjoint(half, old, -beta, z, x, spare, out)
    if floor > -np.inf:
        for y in range(out.size):
            out[y] = max(out[y], floor)


@njit(**_OPTIONS)
def _project_row(here, up, right, p, old, z, x, step, tau, beta):
    p0, p1, p2 = p[0][z, x], p[1][z, x], p[2][z, x]
    q0, q1, q2 = old[0][z, x], old[1][z, x], old[2][z, x]
    after = here[1:]
    for y in range(p0.size):
        a = p0[y] + beta * (p0[y] - q0[y]) + step * (up[y] - here[y])
        b = p1[y] + beta * (p1[y] - q1[y]) + step * (right[y] - here[y])
        c = p2[y] + beta * (p2[y] - q2[y]) + step * (after[y] - here[y])
        shrink = tau / max(tau, np.sqrt(a * a + b * b + c * c))
        q0[y] = shrink * a
        q1[y] = shrink * b
        q2[y] = shrink * c


@njit(**_OPTIONS)
def _gentle_row(here, up, right, p, z, x, step, tau):
    one = here.dtype.type(1)
    p0, p1, p2 = p[0][z, x], p[1][z, x], p[2][z, x]
    after = here[1:]
    for y in range(p0.size):
        a, b, c = up[y] - here[y], right[y] - here[y], after[y] - here[y]
        shrink = one / (one + step / tau * np.sqrt(a * a + b * b + c * c))
        p0[y] = shrink * (p0[y] + step * a)
        p1[y] = shrink * (p1[y] + step * b)
        p2[y] = shrink * (p2[y] + step * c)


@njit(**_OPTIONS)
def _sweep_slab(first, last, start, beyond, v, p, old, floor, step, tau, beta, gentle):
    """Sweep some planes, given u in the first of them and in the one after the last."""
    nz, nx, ny = v.shape
    plane = np.empty((nx, ny + 1), v.dtype)
    above, half = np.empty(ny + 1, v.dtype), np.empty(ny, v.dtype)
    spare = np.zeros(ny + 1, v.dtype)
    for x in range(nx):
        _extend(start[x], plane[x])
    for z in range(first, last):
        for x in range(nx):
            here, right = plane[x], plane[min(x + 1, nx - 1)]
            if z + 1 == nz:
                _copy(here, above)
            elif z + 1 == last:
                _extend(beyond[x], above)
            else:
                _primal_row(v, p, old, floor, beta, z + 1, x, spare, half, above[:ny])
                above[ny] = above[ny - 1]
            if gentle:
                _gentle_row(here, above, right, p, z, x, step, tau)
            else:
                _project_row(here, above, right, p, old, z, x, step, tau, beta)
            _copy(above, here)


@njit(**_OPTIONS)
def _primal_plane(v, p, old, floor, beta, z, out):
    spare, half = np.zeros(v.shape[2] + 1, v.dtype), np.empty(v.shape[2], v.dtype)
    for x in range(v.shape[1]):
        _primal_row(v, p, old, floor, beta, z, x, spare, half, out[x])


@njit(cache=True, **_OPTIONS)
def _sweep(first, last, v, p, old, floor, step, tau, beta, gentle):
    start = np.empty(v.shape[1:], v.dtype)
    _primal_plane(v, p, old, floor, beta, first, start)
    _sweep_slab(first, last, start, start, v, p, old, floor, step, tau, beta, gentle)


@njit(cache=True, parallel=True, **_OPTIONS)
def _sweep_shared(cuts, v, p, old, floor, step, tau, beta, gentle):
    count = cuts.size - 1
    edges = np.empty((count + 1, *v.shape[1:]), v.dtype)
    for i in prange(count):
        _primal_plane(v, p, old, floor, beta, cuts[i], edges[i])
    for i in prange(count):
        first, last, start, beyond = cuts[i], cuts[i + 1], edges[i], edges[i + 1]
        _sweep_slab(first, last, start, beyond, v, p, old, floor, step, tau, beta, gentle)


@njit(cache=True, **_OPTIONS)
def _energies(first, last, u, v, level, sums):
    nz, nx, ny = u.shape
    here = np.empty(ny + 1, u.dtype)
    after = here[1:]
    for z in range(first, last):
        total = inner = 0.0
        for x in range(nx):
            up, right, start = u[min(z + 1, nz - 1), x], u[z, min(x + 1, nx - 1)], v[z, x]
            _extend(u[z, x], here)
            for y in range(ny):
                a, b, c = up[y] - here[y], right[y] - here[y], after[y] - here[y]
                total += np.float64(np.sqrt(a * a + b * b + c * c))
                inner += np.float64((here[y] - level) * (here[y] - start[y]))
        sums[z, 0] = total
        sums[z, 1] = inner


@njit(cache=True, parallel=True, **_OPTIONS)
def _energies_shared(cuts, u, v, level, sums):
    for i in prange(cuts.size - 1):
        _energies(cuts[i], cuts[i + 1], u, v, level, sums)


@njit(cache=True, **_OPTIONS)
def _gradient(first, last, u, smoothing, out):
    """Each voxel's flux enters it and leaves for its neighbours; one plane and two rows wait."""
    nz, nx, ny = u.shape
    one, square = u.dtype.type(1), smoothing * smoothing
    below, left = np.zeros((nx, ny), u.dtype), np.empty(ny, u.dtype)
    flux_z, flux_x = np.empty(ny, u.dtype), np.empty(ny, u.dtype)
    flux_y, here = np.zeros(ny + 1, u.dtype), np.empty(ny + 1, u.dtype)
    leaving, entering, after = flux_y[1:], flux_y[:ny], here[1:]
    for z in range(max(first - 1, 0), last):
        left[:] = 0
        for x in range(nx):
            up, right = u[min(z + 1, nz - 1), x], u[z, min(x + 1, nx - 1)]
            _extend(u[z, x], here)
            for y in range(ny):
                a, b, c = up[y] - here[y], right[y] - here[y], after[y] - here[y]
                weight = one / np.sqrt(a * a + b * b + c * c + square)
                flux_z[y] = weight * a
                flux_x[y] = weight * b
                leaving[y] = weight * c
            if z >= first:
                result, rising = out[z, x], below[x]
                for y in range(ny):
                    gained = rising[y] + left[y] + entering[y]
                    result[y] = gained - (flux_z[y] + flux_x[y] + leaving[y])
            _copy(flux_z, below[x])
            _copy(flux_x, left)


@njit(cache=True, parallel=True, **_OPTIONS)
def _gradient_shared(cuts, u, smoothing, out):
    for i in prange(cuts.size - 1):
        _gradient(cuts[i], cuts[i + 1], u, smoothing, out)


@njit(cache=True, **_OPTIONS)
def _primal(first, last, v, p, floor, u):
    for z in range(first, last):
        _primal_plane(v, p, p, floor, v.dtype.type(0), z, u[z])


@njit(cache=True, parallel=True, **_OPTIONS)
def _primal_shared(cuts, v, p, floor, u):
    for i in prange(cuts.size - 1):
        _primal(cuts[i], cuts[i + 1], v, p, floor, u)


@njit(cache=True, **_OPTIONS)
def _primal_step(first, last, x, previous, pull, p, inside, floor, tau, rho, sums):
    ny = x.shape[2]
    one, zero = x.dtype.type(1), x.dtype.type(0)
    back, spare = np.empty(ny, x.dtype), np.zeros(ny + 1, x.dtype)
    by_voxel = inside.shape[2] == ny
    for i in range(first, last):
        moved = ahead = size = 0.0
        for j in range(x.shape[1]):
            new, start, keep = x[i, j], previous[i, j], inside[i, j]
            _subtract_adjoint(pull[i, j], p, -one, i, j, spare, back)
            if by_voxel:
                for y in range(ny):
                    back[y] = back[y] if keep[y] else zero
            elif not keep[0]:
                back[:] = 0
            for y in range(ny):
                at = start[y] + rho * (new[y] - start[y])
                there = max(at - tau * back[y], floor)
                moved += np.float64((there - new[y]) ** 2)
                ahead += np.float64((there - at) ** 2)
                size += np.float64(there**2)
                start[y] = at
                new[y] = there
        sums[i, 0] = moved
        sums[i, 1] = ahead
        sums[i, 2] = size


@njit(cache=True, parallel=True, **_OPTIONS)
def _primal_step_shared(cuts, x, previous, pull, p, inside, floor, tau, rho, sums):
    for i in prange(cuts.size - 1):
        _primal_step(cuts[i], cuts[i + 1], x, previous, pull, p, inside, floor, tau, rho, sums)


@njit(cache=True, **_OPTIONS)
def _dual_step(first, last, x, previous, p, lam, sigma, rho, sums):
    nz, nx, ny = x.shape
    here, was = np.empty(ny + 1, x.dtype), np.empty(ny + 1, x.dtype)
    after, was_after = here[1:], was[1:]
    for i in range(first, last):
        above = min(i + 1, nz - 1)
        total = ahead = size = 0.0
        for j in range(nx):
            beside = min(j + 1, nx - 1)
            up, right = x[above, j], x[i, beside]
            was_up, was_right = previous[above, j], previous[i, beside]
            p0, p1, p2 = p[0][i, j], p[1][i, j], p[2][i, j]
            _extend(x[i, j], here)
            _extend(previous[i, j], was)
            for y in range(ny):
                a, b, c = up[y] - here[y], right[y] - here[y], after[y] - here[y]
                da = a - (was_up[y] - was[y])
                db = b - (was_right[y] - was[y])
                dc = c - (was_after[y] - was[y])
                total += np.float64(np.sqrt(a * a + b * b + c * c))
                ahead += np.float64(da * da + db * db + dc * dc)
                a = p0[y] + sigma * (a + da)
                b = p1[y] + sigma * (b + db)
                c = p2[y] + sigma * (c + dc)
                shrink = lam / max(lam, np.sqrt(a * a + b * b + c * c))
                a = p0[y] + rho * (shrink * a - p0[y])
                b = p1[y] + rho * (shrink * b - p1[y])
                c = p2[y] + rho * (shrink * c - p2[y])
                size += np.float64(a * a + b * b + c * c)
                p0[y] = a
                p1[y] = b
                p2[y] = c
        sums[i, 0] = total
        sums[i, 1] = ahead
        sums[i, 2] = size


@njit(cache=True, **_OPTIONS)
def _dual_steps(x, previous, p, lam, sigma, rho, sums):
    # A 0 that is written out is a type of its own, for which all would be compiled once more.
    first = np.int64(0)
    for e in range(x.shape[0]):
        one = (p[0][e], p[1][e], p[2][e])
        _dual_step(first, x.shape[1], x[e], previous[e], one, lam[e], sigma, rho, sums[e])


@njit(cache=True, parallel=True, **_OPTIONS)
def _dual_step_shared(cuts, x, previous, p, lam, sigma, rho, sums):
    for i in prange(cuts.size - 1):
        _dual_step(cuts[i], cuts[i + 1], x, previous, p, lam, sigma, rho, sums)


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
    global PARALLEL_FROM
    usual = PARALLEL_FROM
    for dtype, threshold in ((np.float32, usual), (np.float64, usual), (np.float32, 0)):
        PARALLEL_FROM = threshold
        try:
            v, u = np.zeros((2, 2, 2), dtype), np.empty((2, 2, 2), dtype)
            p, inside = np.zeros((3, 2, 2, 2), dtype), np.ones((2, 2, 1), bool)
            value(v)
            gradient(v, 1.0, u)
            sweep(v, p, p, 0.0, 0.1, 1.0, 0.0)
            primal(v, p, 0.0, u)
            primal_step(u, u.copy(), v, p, inside, 0.0, 0.1, 1.0)
            dual_step(u, u.copy(), p, 1.0, 0.1, 1.0)
            dual_steps(u[None], u[None].copy(), p[:, None], np.ones(1), 0.1, 1.0)
            taut_string(v.ravel(), 0.1, np.empty(8, dtype))
        finally:
            PARALLEL_FROM = usual
