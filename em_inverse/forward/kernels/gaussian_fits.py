"""Kernel of atom tracing: thousands of small fits of Gaussians that overlap.

An atom is f(r) = I exp(−|r − c|²/2s²), five numbers (z, x, y, I, s), fitted to the few dozen voxels
within a small ball round it, after what the Gaussians of its neighbours put there has been taken
off. Atoms are visited one after the other and each sees the newest values of the others (the
method of Gauss and Seidel), so that a sweep over all atoms is a step of one large common fit.

A fit is the method of Levenberg and Marquardt with the derivative written out; its normal
equations are five by five and are solved in registers. No number may leave the box it was given:
noise would otherwise let an atom swallow its neighbour.
"""

import math

import numpy as np
from numba import njit

from em_inverse.forward.kernels import one_at_a_time

#: Numbers of an atom: z, x, y (voxels), I (units of the volume), s (voxels).
N_NUMBERS = 5

_STEPS = 12


def fit(volume, atoms, first, neighbours, radius, reach, widths, rounds):
    """Fit every atom to the volume less its neighbours, in place.

    Parameters
    ----------
    volume : ndarray of float64, shape (nz, nx, ny)
    atoms : ndarray of float64, shape (n, 5)
        Start values, overwritten.
    first : ndarray of int64, shape (n + 1,)
    neighbours : ndarray of int64
        ``neighbours[first[a]:first[a + 1]]`` are those whose Gaussians are taken off for atom a.
    radius : float
        Of the ball, in voxels.
    reach : float
        How far a coordinate may move in one fit, in voxels.
    widths : tuple of float
        Least and largest s.
    rounds : int
        Sweeps over all atoms.
    """
    with one_at_a_time:
        _fit_all(volume, atoms, first, neighbours, radius, reach, *widths, rounds)


def subtract(volume, atoms, reach):
    """volume −= the Gaussians, each within `reach` voxels."""
    with one_at_a_time:
        _subtract(volume, atoms, reach)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _fit_all(volume, atoms, first, neighbours, radius, reach, thinnest, widest, rounds):
    nz, nx, ny = volume.shape
    side = 2 * int(radius + 1) + 1
    at = np.empty((side**3, 3))
    value = np.empty(side**3)
    for _ in range(rounds):
        for a in range(atoms.shape[0]):
            cz, cx, cy = atoms[a, 0], atoms[a, 1], atoms[a, 2]
            r = int(radius + 1)
            count = 0
            for i in range(max(0, round(cz) - r), min(nz, round(cz) + r + 1)):
                for j in range(max(0, round(cx) - r), min(nx, round(cx) + r + 1)):
                    for k in range(max(0, round(cy) - r), min(ny, round(cy) + r + 1)):
                        if (i - cz) ** 2 + (j - cx) ** 2 + (k - cy) ** 2 <= radius * radius:
                            at[count, 0] = i
                            at[count, 1] = j
                            at[count, 2] = k
                            value[count] = volume[i, j, k]
                            count += 1
            for q in range(first[a], first[a + 1]):
                b = neighbours[q]
                narrow = -0.5 / (atoms[b, 4] * atoms[b, 4])
                for v in range(count):
                    d2 = (
                        (at[v, 0] - atoms[b, 0]) ** 2
                        + (at[v, 1] - atoms[b, 1]) ** 2
                        + (at[v, 2] - atoms[b, 2]) ** 2
                    )
                    value[v] -= atoms[b, 3] * math.exp(narrow * d2)
            if count > 5:
                _fit_one(atoms[a], at, value, count, reach, thinnest, widest)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _fit_one(atom, at, value, count, reach, thinnest, widest):
    low, high = np.empty(5), np.empty(5)
    for u in range(3):
        low[u], high[u] = atom[u] - reach, atom[u] + reach
    low[3], high[3] = 0.5 * atom[3], 1.5 * atom[3]
    low[4], high[4] = max(0.75 * atom[4], thinnest), min(1.25 * atom[4], widest)
    normal, best_normal = np.zeros((5, 5)), np.zeros((5, 5))
    right, best_right = np.zeros(5), np.zeros(5)
    trial = atom.copy()
    slope = np.empty(5)
    damping, best = 1e-3, np.inf
    for _ in range(_STEPS):
        normal[:] = 0.0
        right[:] = 0.0
        cost = 0.0
        s2 = trial[4] * trial[4]
        for v in range(count):
            ez, ex, ey = at[v, 0] - trial[0], at[v, 1] - trial[1], at[v, 2] - trial[2]
            d2 = ez * ez + ex * ex + ey * ey
            e = math.exp(-0.5 * d2 / s2)
            f = trial[3] * e
            rest = value[v] - f
            cost += rest * rest
            slope[0], slope[1], slope[2] = f * ez / s2, f * ex / s2, f * ey / s2
            slope[3] = e
            slope[4] = f * d2 / (s2 * trial[4])
            for u in range(5):
                right[u] += slope[u] * rest
                for w in range(u + 1):
                    normal[u, w] += slope[u] * slope[w]
        if cost <= best:
            small = best - cost < 1e-7 * cost
            best = cost
            atom[:] = trial
            best_normal[:] = normal
            best_right[:] = right
            damping *= 0.3
            if small:
                break
        else:
            damping *= 8.0
        normal[:] = best_normal
        right[:] = best_right
        for u in range(5):
            normal[u, u] = normal[u, u] * (1.0 + damping) + 1e-30
        _solve(normal, right)
        for u in range(5):
            trial[u] = min(max(atom[u] + right[u], low[u]), high[u])


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(lower, right):
    """right ← the solution of the system whose lower half is given, by Cholesky's method."""
    for i in range(5):
        for j in range(i + 1):
            total = lower[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            lower[i, j] = math.sqrt(max(total, 1e-30)) if i == j else total / lower[j, j]
    for i in range(5):
        for k in range(i):
            right[i] -= lower[i, k] * right[k]
        right[i] /= lower[i, i]
    for i in range(4, -1, -1):
        for k in range(i + 1, 5):
            right[i] -= lower[k, i] * right[k]
        right[i] /= lower[i, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _subtract(volume, atoms, reach):
    nz, nx, ny = volume.shape
    for a in range(atoms.shape[0]):
        cz, cx, cy = round(atoms[a, 0]), round(atoms[a, 1]), round(atoms[a, 2])
        narrow = -0.5 / (atoms[a, 4] * atoms[a, 4])
        for i in range(max(0, cz - reach), min(nz, cz + reach + 1)):
            for j in range(max(0, cx - reach), min(nx, cx + reach + 1)):
                for k in range(max(0, cy - reach), min(ny, cy + reach + 1)):
                    d2 = (i - atoms[a, 0]) ** 2 + (j - atoms[a, 1]) ** 2 + (k - atoms[a, 2]) ** 2
                    volume[i, j, k] -= atoms[a, 3] * math.exp(narrow * d2)


def _warm_up():
    atoms = np.array([[2.0, 2.0, 2.0, 1.0, 0.7]])
    volume = np.ones((5, 5, 5))
    fit(volume, atoms, np.zeros(2, np.int64), np.zeros(1, np.int64), 1.8, 0.25, (0.4, 1.2), 1)
    subtract(volume, atoms, 2)
