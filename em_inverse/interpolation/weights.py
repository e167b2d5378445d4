"""Filling pixel by pixel: straight lines and cubic splines along the tilt."""

from __future__ import annotations

import numpy as np

from em_inverse.errors import GeometryError

__all__ = ["cubic_weights", "linear_weights", "weighted"]


def linear_weights(angles: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return W, shape (n_new, n_angles), so that W @ frames lies on straight lines.

    Parameters
    ----------
    angles : ndarray
        Angles of the frames in rising order, none twice, at least two.
    new : ndarray
        Angles wanted, within those.

    Raises
    ------
    GeometryError
        When the angles do not rise, or new ones lie beyond them.

    Examples
    --------
    >>> linear_weights(np.array([0.0, 2.0, 6.0]), np.array([1.0, 3.0]))
    array([[0.5 , 0.5 , 0.  ],
           [0.  , 0.75, 0.25]])
    """
    _check(angles, new)
    after = np.clip(np.searchsorted(angles, new), 1, angles.size - 1)
    share = (new - angles[after - 1]) / (angles[after] - angles[after - 1])
    W = np.zeros((new.size, angles.size))
    rows = np.arange(new.size)
    W[rows, after - 1], W[rows, after] = 1 - share, share
    return W


def cubic_weights(angles: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return W so that W @ frames lies on cubic splines through all frames.

    The spline has no knot at the second and the last but one frame, so that cubics are kept; three
    frames are joined by a parabola, two by a line. For what is asked and refused see
    :func:`linear_weights`.

    Examples
    --------
    >>> W = cubic_weights(np.arange(5.0), np.array([1.5]))
    >>> (W @ np.arange(5.0) ** 3).round(12)
    array([3.375])
    """
    from scipy.interpolate import CubicSpline

    _check(angles, new)
    W: np.ndarray = CubicSpline(angles, np.eye(angles.size))(new)
    return W


def weighted(W: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return the frames that the weights make of the given ones, in their dtype."""
    made = W.astype(frames.dtype) @ frames.reshape(len(frames), -1)
    return made.reshape(len(W), *frames.shape[1:])


def _check(angles: np.ndarray, new: np.ndarray) -> None:
    if angles.size < 2 or not (np.diff(angles) > 0).all():
        raise GeometryError(
            f"angles are {np.array2string(angles, threshold=6)}; at least two in rising order, "
            f"none twice, are needed. Sort them, and merge what was recorded twice."
        )
    if not ((new >= angles[0]) & (new <= angles[-1])).all():
        raise GeometryError(
            f"new reaches from {np.min(new):g} to {np.max(new):g}, but frames lie at "
            f"{angles[0]:g} to {angles[-1]:g} only. Filling does not go beyond them."
        )
