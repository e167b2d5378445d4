"""Reference answers of week 13, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.interpolation` and `em_inverse.metrics`, so that a check also
compares two independent ways. They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["between", "chamfer", "widest_step"]


def widest_step(radius_nm, period_nm):
    """Return the widest tilt step, in degrees, that catches waves of this period."""
    highest = 2 * np.pi * radius_nm / period_nm  # harmonics of a full turn
    return 180 / highest


def between(angles_deg, values, wanted_deg, highest):
    """Fit the harmonics 0 to `highest` of a full turn, and return the fit at other angles."""
    m = np.arange(highest + 1)

    def waves(deg):
        turns = np.deg2rad(deg)[:, None] * m
        return np.hstack([np.cos(turns), np.sin(turns[:, 1:])])

    weights = np.linalg.lstsq(waves(angles_deg), values, rcond=None)[0]
    return waves(wanted_deg) @ weights


def chamfer(a, b):
    """Return the mean distance to the nearest point of the other set, both ways, halved."""
    from scipy.spatial import cKDTree

    to_b, to_a = np.mean(cKDTree(b).query(a)[0]), np.mean(cKDTree(a).query(b)[0])
    return (to_b + to_a) / 2
