"""Reference answers of week 9, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.fusion`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["deviance", "dose_factor", "image_gradient"]


def image_gradient(x, Z, gamma, b):
    """Return the gradient of the sum of (h(x) − b)², where h(x) is the sum of all (Z x)^γ."""
    Zx = Z[:, None, None] * x
    residual = np.sum(Zx**gamma, axis=0) - b
    return 2 * residual * gamma * Z[:, None, None] * Zx ** (gamma - 1)


def deviance(counts, expected):
    """Return 2 · mean of (e − d + d log(d / e)), where an empty pixel counts 2 e."""
    ratio = np.where(counts > 0, counts, expected) / expected
    return 2 * np.mean(expected - counts + counts * np.log(ratio))


def dose_factor(doses, errors, dose, error):
    """Return how many times `dose` a method with these errors needs to come down to `error`."""
    # np.interp wants numbers that rise; errors fall with the dose, so take them from the end
    needed = np.interp(np.log(error), np.log(errors[::-1]), np.log(doses[::-1]))
    return np.exp(needed) / dose
