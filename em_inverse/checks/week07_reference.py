"""Reference answers of week 7, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.solvers` and `em_inverse.simulate`, so that a check also
compares two independent ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["carry", "dual_step", "golden_order"]


def dual_step(q, Ax, b, h, epsilon):
    """Return the pull of the data after one step of length h."""
    v = q + h * (Ax - b)
    length = np.linalg.norm(v)
    if length <= h * epsilon:
        return np.zeros_like(v)
    return v * (1 - h * epsilon / length)


def carry(q, old, new):
    """Return the rows of q for the tilts in `new`: those that are known, and zeros."""
    rows = np.zeros((len(new), q.shape[1]))
    for k, angle in enumerate(new):
        if angle in old:
            rows[k] = q[list(old).index(angle)]
    return rows


def golden_order(n):
    """Return which of n tilts comes first, second, and so on."""
    t = (0.5 + np.arange(n) * (np.sqrt(5) - 1) / 2) % 1
    return np.array([np.sum(t < one) for one in t])
