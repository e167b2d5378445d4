"""Reference answers of week 2, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.solvers`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["condition", "expected_rmse", "filter_factors", "truncated_svd"]


def condition(H):
    """Return κ of the patterns that H sees, and the number of patterns that it does not see."""
    s = np.linalg.svd(H, compute_uv=False)
    seen = s > 1e-10 * s[0]
    return s[0] / s[seen][-1], H.shape[1] - seen.sum()


def expected_rmse(H, noise_level):
    """Return the root mean square error that noise leaves in the naive inverse."""
    s = np.linalg.svd(H, compute_uv=False)
    return noise_level * np.sqrt(np.mean(1 / s**2))


def truncated_svd(H, y, r):
    """Return the naive inverse of the first r patterns."""
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt[:r].T @ ((U[:, :r].T @ y) / s[:r])


def filter_factors(s, lam):
    """Return the share of each pattern of the naive inverse that Tikhonov keeps."""
    return s**2 / (s**2 + lam)
