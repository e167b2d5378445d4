"""Reference answers of week 3, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.priors` or `em_inverse.deblurring`, so that a check also
compares two independent ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["objectives", "smooth", "soft"]


def objectives(H, y, x, lam):
    """Return ‖Hx − y‖² + λR(x) for R = L2, H1, TV, L1: four numbers."""
    data = np.sum((H @ x - y) ** 2)
    steps = np.diff(x)
    R = [np.sum(x**2), np.sum(steps**2), np.sum(np.abs(steps)), np.sum(np.abs(x))]
    return data + lam * np.array(R)


def soft(v, t):
    """Return v moved by t towards zero, and zero where |v| ≤ t."""
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)


def smooth(H, y, lam):
    """Return the minimiser of ‖Hx − y‖² + λ‖Dx‖², with D the differences of neighbours."""
    D = np.diff(np.eye(H.shape[1]), axis=0)
    return np.linalg.solve(H.T @ H + lam * D.T @ D, H.T @ y)
