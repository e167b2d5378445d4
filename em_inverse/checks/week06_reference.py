"""Reference answers of week 6, as a student would write them; `solution` prints this source.

They share no code with `em_inverse.solvers`, so that a check also compares two independent ways.
They carry no types, because a student's would not.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

import numpy as np

__all__ = ["into_ball", "iterate_until", "sirt_step"]


def sirt_step(H, y, x):
    """Return the object after one step of SIRT, with no value below zero."""
    rows, columns = H.sum(axis=1), H.sum(axis=0)
    update = H.T @ ((y - H @ x) / rows) / columns
    return np.maximum(x + update, 0)


def iterate_until(H, y, noise_norm, tau):
    """Return the first object whose residual is at most tau times the noise norm."""
    x = np.zeros(H.shape[1])
    while np.linalg.norm(H @ x - y) > tau * noise_norm:
        x = sirt_step(H, y, x)
    return x


def into_ball(v, b, epsilon):
    """Return the point nearest to v within the distance epsilon of b."""
    away = v - b
    distance = np.linalg.norm(away)
    if distance <= epsilon:
        return v
    return b + epsilon / distance * away
