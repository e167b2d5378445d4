"""Small tomography-like problems of week 6: matrices without negative weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["WeightedSystem", "slow_system", "weighted_system"]


class WeightedSystem(NamedTuple):
    """One small problem y = H x_true + noise with weights ≥ 0.

    Attributes
    ----------
    H : ndarray, shape (m, n)
        Weights, as the lengths of rays in pixels; every row and column has some.
    y : ndarray, shape (m,)
        The measurement.
    x_true : ndarray, shape (n,)
        The object, ≥ 0.
    noise_norm : float
        ‖y − H x_true‖.
    """

    H: np.ndarray
    y: np.ndarray
    x_true: np.ndarray
    noise_norm: float


def weighted_system(
    rng: np.random.Generator, shape: tuple[int, int], noise: float = 0.08
) -> WeightedSystem:
    """Draw weights, of which some are zero, an object and a noisy measurement.

    Row sums and column sums vary by a factor of several, so that one cannot be mistaken for the
    other nor for a constant.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the numbers come from.
    shape : (m, n)
        Shape of H.
    noise : float
        ‖noise‖ / ‖H x_true‖.

    Examples
    --------
    >>> system = weighted_system(np.random.default_rng(0), (6, 4))
    >>> bool(system.H.min() >= 0), bool(system.H.sum(axis=0).min() > 0)
    (True, True)
    """
    m, n = shape
    H = rng.uniform(0.2, 1.0, (m, n)) * (rng.random((m, n)) < 0.35)
    k = np.arange(max(m, n))
    H[k % m, k % n] += 1.5
    H *= np.geomspace(0.6, 2.4, m)[:, None] * rng.permutation(np.geomspace(0.7, 1.6, n))
    x_true = rng.uniform(0.3, 1.5, n)
    clean = H @ x_true
    epsilon = rng.standard_normal(m)
    epsilon *= noise * np.linalg.norm(clean) / np.linalg.norm(epsilon)
    return WeightedSystem(H, clean + epsilon, x_true, float(np.linalg.norm(epsilon)))


def slow_system(
    rng: np.random.Generator, shape: tuple[int, int], noise: float = 0.008
) -> WeightedSystem:
    """Draw wide, overlapping rays across a spiky object: SIRT needs many steps for it.

    Parameters
    ----------
    rng, shape, noise
        As for :func:`weighted_system`.

    Examples
    --------
    >>> system = slow_system(np.random.default_rng(0), (6, 4))
    >>> system.H.shape, bool(system.H.min() > 0)
    ((6, 4), True)
    """
    m, n = shape
    rays, pixels = (np.arange(m) + 0.5) / m, (np.arange(n) + 0.5) / n
    width = 1.2 / n
    H = np.exp(-0.5 * ((rays[:, None] - pixels) / width) ** 2) + 1e-3
    H *= rng.uniform(0.8, 1.2, (m, 1))
    x_true = 0.2 + 2.0 * (np.arange(n) % 3 == rng.integers(3)) + rng.uniform(0, 0.5, n)
    clean = H @ x_true
    epsilon = rng.standard_normal(m)
    epsilon *= noise * np.linalg.norm(clean) / np.linalg.norm(epsilon)
    return WeightedSystem(H, clean + epsilon, x_true, float(np.linalg.norm(epsilon)))
