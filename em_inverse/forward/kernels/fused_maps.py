"""Kernel of sensor fusion: the primal half of a primal-dual iteration on several element maps.

The HAADF image couples the elements of a pixel, and the total variation couples the pixels of an
element; nothing couples both. A primal-dual iteration therefore asks, for every pixel by itself,

    min over u ≥ 0 of   Σ_e (u_e − v_e)² / 2τ  +  Σ_e l_e D(u_e + β_e, d_e)  +  (c + Σ_e s_e u_e)²

with v what comes from the last iteration and from the dual p, D the distance to the spectra
(Poisson: e − d − d log(e/d); Gaussian: (e − d)²), and c + Σ s u the linearised misfit of the HAADF
image. That is a problem of as many unknowns as there are elements. But they meet in one number
only, the misfit r. Once r is known, each u_e follows from a quadratic equation of its own, and r
is the root of a function of one variable,

    r − c − Σ_e s_e u_e(r) = 0,

which rises with a slope of at least 1. Newton's method from the r of the last iteration finds it
in two steps; x ≥ 0 and the logarithm are dealt with exactly.

Arrays are ``[element, row, 1, column]``, so that one element is an image as the kernels of total
variation know it, and rows are contiguous.
"""

import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import one_at_a_time
from em_inverse.forward.kernels.total_variation import (
    _OPTIONS,
    PARALLEL_FROM,
    _frozen,
    _subtract_adjoint,
)

_NEWTON = 2
_SLABS = 8


def primal_step(
    x, previous, p, data, offset, weight, lift, slope, constant, misfit, inside, tau, rho, poisson
):
    """Make the primal half of an over-relaxed primal-dual iteration, in place.

        previous ← previous + ρ (x − previous)
        x ← argmin over u ≥ 0 of the problem above, with v = previous − τ ∇ᵀp; 0 outside

    Parameters
    ----------
    x, previous : ndarray, shape (n, rows, 1, columns)
        The last outcome, and the relaxed point it was reached from.
    p : ndarray, shape (3, n, rows, 1, columns)
        The dual of total variation.
    data, offset : ndarray, shape of x
        Spectra d and their background β, in the units of x.
    weight : ndarray, shape (n,)
        Weight l of each element's spectra.
    lift : ndarray, shape (n,)
        Multiplier μ of each element's total: −l μ Σ u is added to the problem.
    slope : ndarray, shape of x
        Derivative s of the HAADF image.
    constant : ndarray, shape (rows, columns)
        The misfit c of the HAADF image at u = 0, by the linear model.
    misfit : ndarray, shape (rows, columns)
        Where the search for r starts; replaced by r.
    inside : ndarray of bool, shape (rows, columns)
    tau, rho : float
    poisson : bool

    Returns
    -------
    float
        ‖x_new − x‖².
    """
    number = x.dtype.type
    rows = x.shape[1]
    moved = np.zeros(rows)
    spectra = (_frozen(data), _frozen(offset), _frozen(weight), _frozen(lift))
    fixed = (tuple(p), *spectra, _frozen(slope))
    rest = (_frozen(constant), misfit, _frozen(inside), number(tau), number(rho), poisson, moved)
    if x.size <= PARALLEL_FROM:
        _primal(0, rows, x, previous, *fixed, *rest)
    else:
        cuts = np.linspace(0, rows, min(rows, _SLABS) + 1).astype(np.int64)
        with one_at_a_time:
            _primal_shared(cuts, x, previous, *fixed, *rest)
    return float(moved.sum())


@njit(**_OPTIONS)
def _solve_poisson(v, push, misfit, slope, offset, strength, out, bend):
    """out ← u(r), bend ← du/dz for one element and one row, where z = v − push · slope · r."""
    zero, half, one = v.dtype.type(0), v.dtype.type(0.5), v.dtype.type(1)
    two, four, tiny = v.dtype.type(2), v.dtype.type(4), v.dtype.type(1e-30)
    for y in range(v.size):
        h = v[y] - push * slope[y] * misfit[y] + offset[y]
        product = strength[y]
        root = np.sqrt(h * h + four * product) + tiny
        # Two ways to write one root; each loses all digits where the other is exact.
        expected = half * (h + root) if h >= zero else two * product / (root - h)
        u = expected - offset[y]
        out[y] = max(u, zero)
        bend[y] = half * (one + h / root) if u > zero else zero


@njit(**_OPTIONS)
def _solve_gaussian(v, push, misfit, slope, target, stiff, out, bend):
    """The same for Gaussian spectra: u = (z + 2τl (d − β)) / (1 + 2τl)."""
    zero = v.dtype.type(0)
    for y in range(v.size):
        u = (v[y] - push * slope[y] * misfit[y] + target[y]) * stiff
        out[y] = max(u, zero)
        bend[y] = stiff if u > zero else zero


@njit(**_OPTIONS)
def _primal_row(
    i, x, previous, p, data, offset, weight, lift, slope, constant, misfit, inside, tau, rho,
    poisson, work,
):  # fmt: skip
    n, ny = x.shape[0], x.shape[3]
    v, pull, u, bend, total, curve, spare = work
    one = x.dtype.type(1)
    two = one + one
    push = two * tau
    moved = 0.0
    for e in range(n):
        before, now, start = previous[e, i, 0], x[e, i, 0], v[e]
        for y in range(ny):
            before[y] += rho * (now[y] - before[y])
            start[y] = before[y]
        _subtract_adjoint(before, (p[0][e], p[1][e], p[2][e]), tau, i, 0, spare, start)
        strength, d, b = pull[e], data[e, i, 0], offset[e, i, 0]
        step = tau * weight[e]
        if poisson:
            for y in range(ny):
                start[y] -= step * (one - lift[e])
                strength[y] = step * d[y]
        else:
            for y in range(ny):
                strength[y] = two * step * (d[y] - b[y]) + step * lift[e]
    r, c = misfit[i], constant[i]
    for k in range(_NEWTON + 1):
        for y in range(ny):
            total[y] = c[y]
            curve[y] = one
        for e in range(n):
            s = slope[e, i, 0]
            if poisson:
                _solve_poisson(v[e], push, r, s, offset[e, i, 0], pull[e], u[e], bend)
            else:
                stiff = one / (one + two * tau * weight[e])
                _solve_gaussian(v[e], push, r, s, pull[e], stiff, u[e], bend)
            for y in range(ny):
                total[y] += s[y] * u[e, y]
                curve[y] += push * s[y] * s[y] * bend[y]
        if k < _NEWTON:
            for y in range(ny):
                r[y] += (total[y] - r[y]) / curve[y]
    keep = inside[i]
    for e in range(n):
        now, new = x[e, i, 0], u[e]
        for y in range(ny):
            there = new[y] if keep[y] else new[y] - new[y]
            moved += np.float64((there - now[y]) ** 2)
            now[y] = there
    return moved


@njit(**_OPTIONS)
def _work(x):
    n, ny = x.shape[0], x.shape[3]
    v, pull, u = np.empty((n, ny), x.dtype), np.empty((n, ny), x.dtype), np.empty((n, ny), x.dtype)
    bend, total, curve = np.empty(ny, x.dtype), np.empty(ny, x.dtype), np.empty(ny, x.dtype)
    return v, pull, u, bend, total, curve, np.zeros(ny + 1, x.dtype)


@njit(cache=True, **_OPTIONS)
def _primal(
    first, last, x, previous, p, data, offset, weight, lift, slope, constant, misfit, inside, tau,
    rho, poisson, moved,
):  # fmt: skip
    work = _work(x)
    for i in range(first, last):
        moved[i] = _primal_row(
            i, x, previous, p, data, offset, weight, lift, slope, constant, misfit, inside, tau,
            rho, poisson, work,
        )  # fmt: skip


@njit(cache=True, parallel=True, **_OPTIONS)
def _primal_shared(
    cuts, x, previous, p, data, offset, weight, lift, slope, constant, misfit, inside, tau, rho,
    poisson, moved,
):  # fmt: skip
    for k in prange(cuts.size - 1):
        _primal(
            cuts[k], cuts[k + 1], x, previous, p, data, offset, weight, lift, slope, constant,
            misfit, inside, tau, rho, poisson, moved,
        )  # fmt: skip


def _warm_up():
    """Compile the kernels for float32 and float64."""
    global PARALLEL_FROM
    usual = PARALLEL_FROM
    for dtype, threshold in ((np.float32, usual), (np.float64, usual), (np.float32, 0)):
        PARALLEL_FROM = threshold
        try:
            x, p = np.ones((1, 2, 1, 2), dtype), np.zeros((3, 1, 2, 1, 2), dtype)
            image, inside = np.zeros((2, 2), dtype), np.ones((2, 2), bool)
            weight = np.ones(1, dtype)
            fixed = (p, x.copy(), x.copy(), weight, weight, x.copy(), image, image.copy(), inside)
            primal_step(x, x.copy(), *fixed, 0.1, 1.0, True)
        finally:
            PARALLEL_FROM = usual
