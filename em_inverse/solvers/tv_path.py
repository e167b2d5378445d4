"""All TV or all L1 solutions of a small 1-D problem at once, fast enough for a slider."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array, check_integer
from em_inverse.forward import Gradient, as_operator
from em_inverse.solvers.direct import TikhonovPath

__all__ = ["l1_path", "tv_path"]

_VISIBLE_EDGE = 0.6
# Where L1 gathers what a blur has spread, its spikes are several times as high as the data.
_VISIBLE_SPIKE = 8.0
_NOISY = 4e-4


def tv_path(H: Any, y: ArrayLike, lambdas: ArrayLike, *, n_iter: int = 1000) -> np.ndarray:
    """Return argmin ‖Hx − y‖² + λ Σ|x_{i+1} − x_i| for every λ, side by side.

    The alternating direction method of multipliers splits z = Dx, with D the differences::

        x ← (2HᵀH + ρDᵀD)⁻¹ (2Hᵀy + ρDᵀ(z − u))
        z ← soft(Dx + u, λ/ρ)
        u ← u + Dx − z

    The generalised SVD of H and D turns the inverse into a division, for every ρ, so that all λ
    share two small matrix products per iteration. Over-relaxed by 1.8.

    Parameters
    ----------
    H : LinearOperator or matrix
        Small: its matrix is formed.
    y : array_like, shape ``H.out_shape``
    lambdas : array_like, shape (k,)
        Positive.
    n_iter : int
        Iterations.

    Returns
    -------
    ndarray, shape (k, n)
        One solution per λ.

    Raises
    ------
    DataError
        When the object is not 1-D, or a λ is not positive.

    References
    ----------
    Boyd et al., Distributed optimization and statistical learning via the alternating direction
    method of multipliers, doi:10.1561/2200000016, sections 3.4.3 and 6.4.1.

    Examples
    --------
    >>> tv_path(np.eye(4), [0.0, 0.0, 1.0, 1.0], [0.5, 100.0]).round(4)
    array([[0.125, 0.125, 0.875, 0.875],
           [0.5  , 0.5  , 0.5  , 0.5  ]])
    """
    path, lambdas, n_iter = _checked(H, y, lambdas, n_iter, "gradient")
    edges = Gradient(path.H.in_shape).to_matrix() @ path.basis
    weights, _ = _split(path, edges, lambdas, _VISIBLE_EDGE, n_iter)
    return np.ascontiguousarray((path.basis @ weights).T)


def l1_path(H: Any, y: ArrayLike, lambdas: ArrayLike, *, n_iter: int = 1500) -> np.ndarray:
    """Return argmin ‖Hx − y‖² + λ Σ|xᵢ| for every λ, side by side.

    The method of :func:`tv_path` with z = x in place of z = Dx. What it returns is z, so that
    zeros are exact.

    Parameters
    ----------
    H, y, lambdas, n_iter
        As for :func:`tv_path`.

    Returns
    -------
    ndarray, shape (k, n)
        One solution per λ.

    Raises
    ------
    DataError
        When the object is not 1-D, or a λ is not positive.

    Examples
    --------
    >>> l1_path(np.eye(3), [2.0, 0.1, -1.0], [1.0, 100.0]).round(4) + 0.0
    array([[ 1.5,  0. , -0.5],
           [ 0. ,  0. ,  0. ]])
    """
    path, lambdas, n_iter = _checked(H, y, lambdas, n_iter, "identity")
    # With fewer data than pixels the singular vectors leave out what H does not see.
    unseen = np.linalg.qr(path.basis, mode="complete")[0][:, path.c.size :]
    missing = unseen.shape[1]
    path.basis = np.hstack([path.basis, unseen])
    path.c = np.append(path.c, np.zeros(missing))
    path.s = np.append(path.s, np.ones(missing))
    path.beta = np.append(path.beta, np.zeros(missing))
    _, spikes = _split(path, path.basis, lambdas, _VISIBLE_SPIKE, n_iter)
    return np.ascontiguousarray(spikes.T)


def _checked(
    H: Any, y: ArrayLike, lambdas: ArrayLike, n_iter: int, penalty: str
) -> tuple[TikhonovPath, np.ndarray, int]:
    H = as_operator(H)
    if len(H.in_shape) != 1:
        raise DataError(
            f"H works on objects of shape {H.in_shape}; a 1-D object is needed. For pictures use "
            f"deblurring.total_variation and deblurring.sparse."
        )
    lambdas = check_array(lambdas, "lambdas", ndim=1, dtype=np.float64)
    if lambdas.min() <= 0:
        raise DataError(f"lambdas reach down to {lambdas.min():g}; every λ must be positive.")
    n_iter = check_integer(n_iter, "n_iter", minimum=1)
    return TikhonovPath(H, y, penalty), lambdas, n_iter


def _split(
    path: TikhonovPath, analysis: np.ndarray, lambdas: np.ndarray, visible: float, n_iter: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return x in the basis of the path and z, with z = analysis @ x, one column per λ."""
    # In units of the largest value measured the steps do not depend on the units of the data.
    unit = float(np.abs(path.y).max()) or 1.0
    beta = path.beta / unit
    lambdas = lambdas / unit
    # The threshold λ/ρ: about a visible edge, and far more where λ is so small that noise makes
    # the edges.
    threshold = visible * (1 + _NOISY / lambdas)
    rho = lambdas / threshold
    scale = 2 * path.c[:, None] ** 2 + rho * path.s[:, None] ** 2
    # A component that neither H nor D sees gets nothing rather than 0/0.
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    pull = (2 * path.c * beta)[:, None]
    z = np.zeros((analysis.shape[0], lambdas.size))
    u = np.zeros_like(z)
    weights = inverse * pull
    for _ in range(n_iter):
        weights = inverse * (pull + rho * (analysis.T @ (z - u)))
        v = 1.8 * (analysis @ weights) - 0.8 * z + u
        z = v - np.clip(v, -threshold, threshold)
        u = v - z
    return weights * unit, z * unit
