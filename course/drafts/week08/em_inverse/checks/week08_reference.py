"""Reference answers of week 8, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.dynamic`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["centre_shift", "first_complete", "odd_ones"]


def first_complete(sizes, readable):
    """Return the first look at which the size is that of the look before, and the file decodes."""
    for k in range(1, len(sizes)):
        if sizes[k] == sizes[k - 1] and readable[k]:
            return k


def centre_shift(image, vacuum):
    """Return by how many pixels along x the centre of mass lies before the middle."""
    mass = (image - vacuum).sum(axis=1)
    x = np.arange(len(mass))
    return (len(mass) - 1) / 2 - np.sum(x * mass) / np.sum(mass)


def odd_ones(residuals, limit):
    """Return True where a residual lies more than `limit` robust deviations above the median."""
    above = residuals - np.median(residuals)
    spread = 1.4826 * np.median(np.abs(above))
    return above > limit * spread
