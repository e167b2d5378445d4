"""Reference answers of week 8, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.dynamic`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["is_complete", "mass_shift", "stand_out"]


def mass_shift(image):
    """Return by how many pixels along x the centre of mass has to move to the middle."""
    profile = image.sum(axis=1)
    x = np.arange(profile.size)
    centre = (x * profile).sum() / profile.sum()
    return (profile.size - 1) / 2 - centre


def is_complete(sizes, needed=2):
    """Whether the last `needed` + 1 looks at a file saw one size, and not an empty file."""
    if len(sizes) < needed + 1:
        return False
    last = sizes[-(needed + 1) :]
    return last[0] > 0 and all(size == last[0] for size in last)


def stand_out(residuals, threshold=5.0):
    """Return the indices of the tilts whose residual is far above that of the others."""
    median = np.median(residuals)
    spread = 1.4826 * np.median(np.abs(residuals - median))
    return np.flatnonzero(residuals > median + threshold * spread)
