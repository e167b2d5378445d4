"""Reference answers of week 4, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.choose`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["blank_noise", "gcv", "leave_one_out"]


def blank_noise(blank, size):
    """Return the noise norm to expect of `size` data, from a blank frame."""
    sigma = np.std(blank, ddof=1)
    return sigma * np.sqrt(size)


def gcv(H, y, lam):
    """Return the GCV function ‖Hx − y‖² / (M − Σ f)² at λ."""
    U, s, _ = np.linalg.svd(H, full_matrices=False)
    f = s**2 / (s**2 + lam)  # filter factors
    residual = y - U @ (f * (U.T @ y))
    return np.sum(residual**2) / (len(y) - np.sum(f)) ** 2


def leave_one_out(H, y, lam):
    """Return the mean squared error of predicting each datum from all the others."""
    errors = []
    for i in range(len(y)):
        A, b = np.delete(H, i, axis=0), np.delete(y, i)
        x = np.linalg.solve(A.T @ A + lam * np.eye(A.shape[1]), A.T @ b)
        errors.append(H[i] @ x - y[i])
    return np.mean(np.square(errors))
