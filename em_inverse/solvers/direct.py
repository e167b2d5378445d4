"""Direct solutions: the naive inverse, the truncated SVD, and Tikhonov by filter factors.

All three divide the data's coefficients by singular values; they differ in how they treat the
small ones. :class:`TikhonovPath` holds a decomposition from which the solution, its residual and
its size follow for every λ at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array, check_choice, check_integer, check_number
from em_inverse.forward.operator import Gradient, LinearOperator, as_operator

__all__ = ["TikhonovPath", "naive", "picard", "truncated_svd"]


class TikhonovPath:
    """The solutions of min ‖Hx − y‖² + λ‖Lx‖² for every λ.

    For the identity penalty (L = I) this is the SVD H = U diag(σ) Vᵀ. For the gradient penalty
    (L = ∇) it is the generalised SVD: a basis B with HB = U diag(c), LB = W diag(s) and
    c² + s² = 1, found from a QR factorisation of H stacked on L and an SVD of its upper block.
    Either way

        x_λ = Σ f_i(λ) (β_i / c_i) b_i,   f_i(λ) = c_i² / (c_i² + λ s_i²),   β = Uᵀy,

    with c = σ, s = 1 for the identity, where f/c is the filter σ / (σ² + λ).

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    penalty : {"identity", "gradient"}

    Attributes
    ----------
    c, s : ndarray, shape (k,)
        Generalised singular values, largest c first.
    beta : ndarray, shape (k,)
        Coefficients Uᵀy of the data.
    outside : float
        Squared length of the part of y that no object can produce.

    References
    ----------
    Golub and Van Loan, *Matrix Computations*, 4th ed., section 6.1.6. Hansen, *Discrete Inverse
    Problems*, doi:10.1137/1.9780898718836.
    """

    def __init__(self, H: Any, y: ArrayLike, penalty: str = "identity") -> None:
        self.H = as_operator(H)
        self.penalty = check_choice(penalty, "penalty", ("identity", "gradient"))
        self.basis, self.c, self.s, self._U = self._decompose()
        self.set_data(y)

    def _decompose(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        if self.penalty == "identity":
            U, sigma, Vt = self.H.svd()
            return Vt.T, sigma, np.ones_like(sigma), U
        matrix = self.H.to_matrix()
        L = Gradient(self.H.in_shape).to_matrix()
        Q, R = np.linalg.qr(np.vstack([matrix, L]))
        if np.abs(np.diag(R)).min() <= 1e-13 * np.abs(np.diag(R)).max():
            raise DataError(
                "H maps constant objects to zero, and so does the gradient: the gradient penalty "
                "cannot fix their level. Use penalty='identity'."
            )
        U, c, Wt = np.linalg.svd(Q[: matrix.shape[0]], full_matrices=False)
        c = np.minimum(c, 1.0)
        # s from the lower block, where 1 − c² would lose digits as c nears one.
        s = np.linalg.norm(Q[matrix.shape[0] :] @ Wt.T, axis=0)
        return scipy.linalg.solve_triangular(R, Wt.T), c, s, U

    def set_data(self, y: ArrayLike) -> None:
        """Exchange the data and keep the decomposition."""
        self.y = check_array(y, "y", shape=self.H.out_shape, dtype=np.float64)
        self.beta = self._U.T @ self.y.ravel()
        missed = self.y.ravel() - self._U @ self.beta
        self.outside = float(missed @ missed)

    def filter_factors(self, lam: float) -> np.ndarray:
        """f_i = c_i² / (c_i² + λ s_i²): 1 keeps a component of the naive inverse, 0 drops it."""
        lam = check_number(lam, "lam", minimum=0)
        square = self.c**2
        total = square + lam * self.s**2
        return np.divide(square, total, out=np.zeros_like(total), where=total > 0)

    def solution(self, lam: float) -> np.ndarray:
        """x_λ, in the shape of the object."""
        lam = check_number(lam, "lam", minimum=0)
        total = self.c**2 + lam * self.s**2
        weight = np.divide(self.c, total, out=np.zeros_like(total), where=total > 0)
        return (self.basis @ (weight * self.beta)).reshape(self.H.in_shape)

    def residual_norm(self, lam: float) -> float:
        """‖Hx_λ − y‖."""
        missed = (1 - self.filter_factors(lam)) * self.beta
        return float(np.sqrt(missed @ missed + self.outside))

    def solution_norm(self, lam: float) -> float:
        """‖Lx_λ‖: the size of the object, or of its gradient."""
        lam = check_number(lam, "lam", minimum=0)
        total = self.c**2 + lam * self.s**2
        weight = np.divide(self.c * self.s, total, out=np.zeros_like(total), where=total > 0)
        return float(np.linalg.norm(weight * self.beta))

    def degrees_of_freedom(self, lam: float) -> float:
        """Σ f_i: how many components of the data the solution follows."""
        return float(self.filter_factors(lam).sum())

    def sensible_range(self) -> tuple[float, float]:
        """A λ below which nothing is damped any more, and one above which everything is.

        The lower end is never less than what rounding allows: (16 ε c_max)².
        """
        seen = self.s > 1e-8 * self.s.max()
        ratio = self.c[seen] / self.s[seen]
        largest = float(ratio.max())
        smallest = max(float(ratio.min()), 16 * np.finfo(np.float64).eps * largest)
        return 0.01 * smallest**2, 100 * largest**2


def naive(H: Any, y: ArrayLike) -> np.ndarray:
    """Return the least-squares solution of smallest norm, x = V Σ⁻¹ Uᵀ y.

    Every singular value above rounding (max(m, n) · eps · σ₁) is divided by, however small: this is
    the solution that noise destroys.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    """
    H = as_operator(H)
    U, s, Vt = H.svd()
    floor = max(H.shape) * np.finfo(np.float64).eps * s[0]
    return _spectral_inverse(H, y, U, s, Vt, int(np.sum(s > floor)))


def truncated_svd(H: Any, y: ArrayLike, rank: int) -> np.ndarray:
    """Return Σ_{i ≤ rank} (uᵢᵀy / σᵢ) vᵢ: only the `rank` largest singular values are used.

    Raises
    ------
    ParameterError
        When `rank` is not between 1 and the number of singular values.
    """
    H = as_operator(H)
    U, s, Vt = H.svd()
    rank = check_integer(rank, "rank", minimum=1, maximum=int(np.count_nonzero(s)))
    return _spectral_inverse(H, y, U, s, Vt, rank)


def picard(H: Any, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what a Picard plot shows: σᵢ, \\|uᵢᵀy\\| and their ratio \\|uᵢᵀy\\|/σᵢ.

    Where \\|uᵢᵀy\\| stops falling there is only noise, and from there on the ratio grows.
    """
    H = as_operator(H)
    y = check_array(y, "y", shape=H.out_shape, dtype=np.float64)
    U, s, _ = H.svd()
    coefficients = np.abs(U.T @ y.ravel())
    ratio = np.divide(coefficients, s, out=np.full_like(s, np.inf), where=s > 0)
    return s, coefficients, ratio


def _spectral_inverse(
    H: LinearOperator, y: ArrayLike, U: np.ndarray, s: np.ndarray, Vt: np.ndarray, rank: int
) -> np.ndarray:
    y = check_array(y, "y", shape=H.out_shape, dtype=np.float64)
    coefficients = (U[:, :rank].T @ y.ravel()) / s[:rank]
    return (Vt[:rank].T @ coefficients).reshape(H.in_shape)
