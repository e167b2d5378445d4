"""Reference answers of week 11, as a student would write them; `solution` prints this source.

They follow the lecture line by line and share no code with `em_inverse.deblurring`, so that a
check also compares two independent ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["discrepancy", "naive", "rmse_curve", "tikhonov"]


def naive(H, y):
    """Return x = V Σ⁻¹ Uᵀ y."""
    U, sigma, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt.T @ ((U.T @ y) / sigma)


def tikhonov(H, y, lam):
    """Return the x that minimises ‖Hx − y‖² + λ‖x‖²."""
    n = H.shape[1]
    return np.linalg.solve(H.T @ H + lam * np.eye(n), H.T @ y)


def rmse_curve(H, y, x_true, lambdas):
    """Return the RMSE of the Tikhonov solution at each λ."""
    errors = [tikhonov(H, y, lam) - x_true for lam in lambdas]
    return np.array([np.sqrt(np.mean(error**2)) for error in errors])


def discrepancy(H, y, noise_norm):
    """Return the λ whose residual ‖Hx − y‖ equals the noise norm."""
    low, high = -12.0, 12.0  # log10 of λ: the residual grows with λ, so bisection finds it
    for _ in range(60):
        middle = (low + high) / 2
        residual = np.linalg.norm(H @ tikhonov(H, y, 10**middle) - y)
        if residual < noise_norm:
            low = middle
        else:
            high = middle
    return 10**middle
