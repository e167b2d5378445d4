"""Reference answers of week 1, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.forward`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["back_project", "haadf", "snr"]


def haadf(x, Z, gamma, P):
    """Return the HAADF image P ⋆ Σ Z^γ x of the maps x[element, row, column]."""
    image = np.zeros(x.shape[1:])
    for amount, number in zip(x, Z, strict=True):
        image = image + number**gamma * amount
    return P @ image


def snr(dose, pixel_nm, share, readout):
    """Return the signal-to-noise ratio of one pixel at each dose."""
    counts = dose * pixel_nm**2 * share
    return counts / np.sqrt(counts + readout**2)


def back_project(y, shape, start):
    """Return Hᵀy, where H sums a slice over z and keeps len(y) columns from `start` on."""
    x = np.zeros(shape)
    x[:, start : start + len(y)] = y
    return x
