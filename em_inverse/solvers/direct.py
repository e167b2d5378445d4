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
from scipy.fft import dct

from em_inverse.errors import DataError, ParameterError, check_array, check_choice, check_integer
from em_inverse.forward.operator import Gradient, LinearOperator, as_operator
from em_inverse.priors import laplacian_eigenvalues

__all__ = ["TikhonovPath", "naive", "picard", "truncated_svd"]


class TikhonovPath:
    """The solutions of min ‖Hx − y‖² + λ‖Lx‖² for every λ.

    For the identity penalty (L = I) this is the SVD H = U diag(σ) Vᵀ. For the gradient penalty
    (L = ∇) it is the generalised SVD: a basis B with HB = U diag(c) and LB = W diag(s), found
    from a QR factorisation of H stacked on L (scaled to H's size) and an SVD of its upper block;
    where the cosine basis does it, as for a blur with mirrored borders, nothing is decomposed.
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
        Generalised singular values, largest c/s first.
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

    def _decompose(self) -> tuple[np.ndarray, ...]:
        if self.penalty == "identity":
            U, sigma, Vt = self.H.svd()
            return Vt.T, sigma, np.ones_like(sigma), U
        if self.H._cached_gradient_svd is None:
            spectrum = self.H.cosine_spectrum()
            parts = _gradient_svd(self.H) if spectrum is None else _cosine_svd(spectrum)
            for array in parts:
                array.flags.writeable = False
            self.H._cached_gradient_svd = parts
        return self.H._cached_gradient_svd

    def set_data(self, y: ArrayLike) -> None:
        """Exchange the data and keep the decomposition."""
        self.y = check_array(y, "y", shape=self.H.out_shape, dtype=np.float64)
        self.beta = self._U.T @ self.y.ravel()
        missed = self.y.ravel() - self._U @ self.beta
        self.outside = float(missed @ missed)

    def filter_factors(self, lam: float) -> np.ndarray:
        """f_i = c_i² / (c_i² + λ s_i²): 1 keeps a component of the naive inverse, 0 drops it."""
        return self._factors([lam])[0][0]

    def solution(self, lam: float) -> np.ndarray:
        """x_λ, in the shape of the object."""
        return self.solutions([lam])[0]

    def residual_norm(self, lam: float) -> float:
        """‖Hx_λ − y‖."""
        return float(self.residual_norms([lam])[0])

    def solution_norm(self, lam: float) -> float:
        """‖Lx_λ‖: the size of the object, or of its gradient."""
        return float(self.solution_norms([lam])[0])

    def degrees_of_freedom(self, lam: float) -> float:
        """Σ f_i: how many components of the data the solution follows."""
        return float(self.filter_factors(lam).sum())

    def solutions(self, lambdas: ArrayLike) -> np.ndarray:
        """x_λ for many λ at once, shape (len(lambdas), *object)."""
        x = (self._factors(lambdas)[2] * self.beta) @ self.basis.T
        return x.reshape(-1, *self.H.in_shape)

    def residual_norms(self, lambdas: ArrayLike) -> np.ndarray:
        """‖Hx_λ − y‖ for many λ at once."""
        return np.sqrt(np.sum((self._factors(lambdas)[1] * self.beta) ** 2, axis=1) + self.outside)

    def solution_norms(self, lambdas: ArrayLike) -> np.ndarray:
        """‖Lx_λ‖ for many λ at once."""
        return np.linalg.norm(self._factors(lambdas)[2] * (self.s * self.beta), axis=1)

    def residual_degrees(self, lambdas: ArrayLike) -> np.ndarray:
        """M − Σ f_i for many λ at once, without cancellation where f_i nears one."""
        return self.y.size - self.c.size + self._factors(lambdas)[1].sum(axis=1)

    def changes(self, lambdas: ArrayLike) -> np.ndarray:
        """‖λ dx_λ/dλ‖ for many λ at once: how fast the solution changes with ln λ."""
        _, dropped, weight = self._factors(lambdas)
        return np.linalg.norm((dropped * weight * self.beta) @ self.basis.T, axis=1)

    def log_curve(self, lambdas: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ρ = ‖Hx_λ − y‖, η = ‖Lx_λ‖ and the curvature of (ln ρ, ln η), exactly.

        With t = ln λ and dfᵢ/dt = −fᵢ(1 − fᵢ), ρ² and η² are sums whose derivatives are sums of the
        same kind. The curvature is positive where the curve turns like an L, and 0 where ρ or η
        vanishes.
        """
        f, g, weight = self._factors(lambdas)
        miss, size = (g * self.beta) ** 2, (weight * (self.s * self.beta)) ** 2
        rho, eta = miss.sum(axis=1) + self.outside, size.sum(axis=1)
        seen = (rho > 0) & (eta > 0)
        under_rho, under_eta = 2 * np.where(seen, rho, 1.0), 2 * np.where(seen, eta, 1.0)
        a_1 = 2 * np.sum(f * miss, axis=1) / under_rho
        b_1 = -2 * np.sum(g * size, axis=1) / under_eta
        a_2 = 2 * np.sum(f * (3 * f - 1) * miss, axis=1) / under_rho - 2 * a_1**2
        b_2 = -2 * np.sum(g * (3 * f - 2) * size, axis=1) / under_eta - 2 * b_1**2
        speed = np.hypot(a_1, b_1) ** 3
        seen &= speed > 0
        curvature = np.divide(a_1 * b_2 - a_2 * b_1, speed, out=np.zeros_like(speed), where=seen)
        return np.sqrt(rho), np.sqrt(eta), curvature

    def _factors(self, lambdas: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f = c²/(c² + λs²), 1 − f = λs²/(c² + λs²) and f/c, one row per λ."""
        lam = check_array(lambdas, "lam", ndim=1, dtype=np.float64)[:, None]
        if lam.min() < 0:
            raise ParameterError(f"lam is {lam.min():g}; allowed: 0 ≤ value.")
        damping = lam * self.s**2
        total = self.c**2 + damping
        safe = np.where(total > 0, total, np.inf)
        dropped = np.where(total > 0, damping / safe, 1.0)
        return self.c**2 / safe, dropped, self.c / safe

    def sensible_range(self) -> tuple[float, float]:
        """A λ below which nothing is damped any more, and one above which everything is.

        The lower end is never less than what rounding allows: (16 ε c_max)².

        Raises
        ------
        DataError
            When no λ changes anything, because H or the penalty is zero.
        """
        seen = self.s > 1e-8 * self.s.max()
        ratio = self.c[seen] / self.s[seen]
        largest = float(ratio.max(initial=0.0))
        if largest == 0:
            raise DataError(
                "H maps to zero everything that the penalty weighs, so that no λ is better than "
                "another. Check H."
            )
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


def _gradient_svd(H: LinearOperator) -> tuple[np.ndarray, ...]:
    matrix = H.to_matrix()
    L = Gradient(H.in_shape).to_matrix()
    # Blocks of one size: otherwise the smaller one drowns in the rounding of the larger.
    weigh = np.linalg.norm(matrix) / (np.linalg.norm(L) or 1.0)
    Q, R = np.linalg.qr(np.vstack([matrix, (weigh or 1.0) * L]))
    if np.abs(np.diag(R)).min() <= 1e-13 * np.abs(np.diag(R)).max():
        raise DataError(
            "H maps constant objects to zero, and so does the gradient: the gradient penalty "
            "cannot fix their level. Use penalty='identity'."
        )
    U, c, Wt = np.linalg.svd(Q[: matrix.shape[0]], full_matrices=False)
    c = np.minimum(c, 1.0)
    # s from the lower block, where 1 − c² would lose digits as c nears one.
    s = np.linalg.norm(Q[matrix.shape[0] :] @ Wt.T, axis=0) / (weigh or 1.0)
    # Constants, and only they, have no gradient: rounding must not charge λ for them.
    s[s.argmin()] = 0.0
    return scipy.linalg.solve_triangular(R, Wt.T), c, s, U


def _cosine_svd(spectrum: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same, in closed form, where H = C ᵀdiag(spectrum) C with the cosine transform C."""
    if abs(spectrum.flat[0]) <= 1e-13 * np.abs(spectrum).max():
        raise DataError(
            "H maps constant objects to zero, and so does the gradient: the gradient penalty "
            "cannot fix their level. Use penalty='identity'."
        )
    basis: np.ndarray = np.ones((1, 1))
    for n in spectrum.shape:
        basis = np.kron(basis, dct(np.eye(n), norm="ortho", axis=1))
    c, s = spectrum.ravel(), np.sqrt(laplacian_eigenvalues(spectrum.shape).ravel())
    order = np.argsort(-np.abs(c) / np.where(s > 0, s, 1e-300), kind="stable")
    basis, c, s = basis[:, order], c[order], s[order]
    return basis, np.abs(c), s, basis * np.where(c < 0, -1.0, 1.0)
