"""Small random problems on which answers are tried, and filters to write wrong answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["System", "filtered", "random_system"]


class System(NamedTuple):
    """One small inverse problem: y = H x_true + noise.

    Attributes
    ----------
    H : ndarray, shape (m, n)
        The forward matrix.
    y : ndarray, shape (m,)
        The measurement.
    x_true : ndarray, shape (n,)
        The object.
    """

    H: np.ndarray
    y: np.ndarray
    x_true: np.ndarray


def random_system(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    condition: float = 30.0,
    noise: float = 0.05,
) -> System:
    """Draw a full-rank matrix of known condition number, an object and a noisy measurement.

    The singular values fall geometrically from 1.3 to 1.3 / condition: moderate, so that every
    correct way to compute an answer (SVD, normal equations, least squares) agrees to many digits,
    and never 1, so that σ and σ² cannot be mistaken for each other.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the numbers come from.
    shape : (m, n)
        Shape of H.
    condition : float
        Ratio of the largest to the smallest singular value.
    noise : float
        ‖noise‖ / ‖H x_true‖.

    Examples
    --------
    >>> system = random_system(np.random.default_rng(0), (6, 4))
    >>> system.H.shape, round(float(np.linalg.cond(system.H)), 6)
    ((6, 4), 30.0)
    """
    m, n = shape
    k = min(m, n)
    left = np.linalg.qr(rng.standard_normal((m, m)))[0][:, :k]
    right = np.linalg.qr(rng.standard_normal((n, n)))[0][:, :k]
    matrix = (left * np.geomspace(1.3, 1.3 / condition, k)) @ right.T
    x_true = rng.standard_normal(n) + 0.5
    clean = matrix @ x_true
    epsilon = rng.standard_normal(m)
    epsilon *= noise * np.linalg.norm(clean) / np.linalg.norm(epsilon)
    return System(matrix, clean + epsilon, x_true)


def filtered(H: np.ndarray, y: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return V diag(gain(σ)) Uᵀ y: every direct inversion, right or wrong, is some gain.

    Examples
    --------
    >>> filtered(np.diag([2.0, 4.0]), np.array([2.0, 4.0]), lambda s: 1 / s)
    array([1., 1.])
    """
    left, sigma, right = np.linalg.svd(H, full_matrices=False)
    return right.T @ (gain(sigma) * (left.T @ y))
