"""Filling by an object: reconstruct what explains all frames, and look at it from between.

Columns of atoms are transparent. Where two of them cross in projection, no motion within the
image explains what is seen, but an object does, and it uses every frame, not the two neighbours.
It is reconstructed by SIRT with momentum, kept at x ≥ 0, projected at the missing angles, and what
it leaves unexplained at the recorded ones is interpolated, as far as that helps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from em_inverse.forward.tilt import ParallelBeam
from em_inverse.interpolation.weights import linear_weights, weighted

__all__ = [
    "Geometric",
    "beam_of",
    "best_number",
    "completed",
    "fill_geometric",
    "held_out_errors",
    "mean_square",
    "projected",
    "reconstructed",
    "some_rows",
]

_CHECKPOINTS = (20, 40, 70, 100)
_ROWS = 8
_EVERY = 6
_TINY = 1e-3


@dataclass
class Geometric:
    """What the geometric way has found, besides the frames.

    Attributes
    ----------
    frames : ndarray
        Filled frames.
    n_iter : int
        Iterations, those that explain frames held out best.
    residual : float
        Mean square of what the object leaves unexplained at the recorded frames.
    share : float
        Share of the interpolated residual that is added, between 0 and 1.
    """

    frames: np.ndarray
    n_iter: int
    residual: float
    share: float


def fill_geometric(
    angles: np.ndarray,
    frames: np.ndarray,
    new: np.ndarray,
    center_shift: float = 0.0,
    n_iter: int | None = None,
) -> Geometric:
    """Fill by reconstruction and projection.

    Parameters
    ----------
    angles : ndarray
        In degrees, rising.
    frames : ndarray, shape (n_tilts, nx) or (n_tilts, nx, ny)
    new : ndarray
        Angles to fill, in degrees.
    center_shift : float
        Where the tilt axis falls, in pixels from the middle.
    n_iter : int, optional
        Iterations; by frames held out unless given.
    """
    if n_iter is None:
        n_iter = best_number(angles, frames, center_shift)
    (x,) = reconstructed(angles, frames, center_shift, (n_iter,))
    made, left, share = completed(x, angles, frames, new, center_shift)
    return Geometric(made.astype(frames.dtype), n_iter, mean_square(left), share)


def completed(
    x: np.ndarray, angles: np.ndarray, frames: np.ndarray, new: np.ndarray, center_shift: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Project an object at new angles and add what it left unexplained, as far as that helps.

    Returns
    -------
    made : ndarray of float32
    left : ndarray of float32
        What the object leaves unexplained of the frames at `angles`.
    share : float
        Share of its straight line between neighbours that is added, between 0 and 1.
    """
    left = frames.astype(np.float32) - beam_of(frames, angles, center_shift).forward(x)
    made = beam_of(frames, new, center_shift).forward(x)
    share = _share(angles, left)
    made += np.float32(share) * weighted(linear_weights(angles, new), left)
    return made, left, share


def best_number(angles: np.ndarray, frames: np.ndarray, center_shift: float = 0.0) -> int:
    """Return the number of iterations that explains frames held out best.

    A few rows of the detector are enough for it.
    """
    held = np.arange(2, angles.size - 1, _EVERY)
    if held.size == 0:
        return _CHECKPOINTS[-1]
    errors = held_out_errors(angles, some_rows(frames), center_shift, held, _CHECKPOINTS)
    return _CHECKPOINTS[int(np.argmin(errors))]


def held_out_errors(
    angles: np.ndarray,
    frames: np.ndarray,
    center_shift: float,
    held: np.ndarray,
    after: tuple[int, ...],
) -> list[float]:
    """Mean square error of the projected object at frames that it was not made from."""
    kept = np.setdiff1d(np.arange(angles.size), held)
    beam = beam_of(frames, angles[held], center_shift)
    return [
        mean_square(beam.forward(x) - frames[held])
        for x in reconstructed(angles[kept], frames[kept], center_shift, after)
    ]


def mean_square(difference: np.ndarray) -> float:
    """Mean of the squares, added in double precision."""
    return float(np.mean(np.square(difference, dtype=np.float64)))


def some_rows(frames: np.ndarray) -> np.ndarray:
    """At most 8 rows across the tilt axis, those with most to see."""
    if frames.ndim == 2 or frames.shape[2] <= _ROWS:
        return frames
    bright = np.square(frames, dtype=np.float64).sum(axis=(0, 1))
    order = np.argsort(bright)[::-1]
    chosen = np.sort(order[: 4 * _ROWS : 4]) if order.size >= 4 * _ROWS else np.sort(order[:_ROWS])
    return np.ascontiguousarray(frames[:, :, chosen])


def reconstructed(
    angles: np.ndarray, frames: np.ndarray, center_shift: float, after: tuple[int, ...]
) -> list[np.ndarray]:
    """Return the object x ≥ 0 after some numbers of iterations of SIRT with Nesterov's momentum."""
    A = beam_of(frames, angles, center_shift)
    data = np.ascontiguousarray(frames, dtype=np.float32)
    rows = A.forward(np.ones(A.in_shape, np.float32))
    columns = A.adjoint(np.ones(A.out_shape, np.float32))
    R, C = ((s > _TINY) / np.maximum(s, _TINY) for s in (rows, columns))
    R, C = R.astype(np.float32), C.astype(np.float32)
    x = ahead = np.zeros(A.in_shape, np.float32)
    t, found = 1.0, []
    for iteration in range(1, after[-1] + 1):
        new = A.adjoint(R * (data - A.forward(ahead)))
        new *= C
        new += ahead
        np.maximum(new, 0, out=new)
        t, before = (1 + np.sqrt(1 + 4 * t * t)) / 2, t
        ahead = new + np.float32((before - 1) / t) * (new - x)
        x = new
        if iteration in after:
            found.append(x)
    return found


def projected(
    x: np.ndarray, frames: np.ndarray, angles: np.ndarray, center_shift: float
) -> np.ndarray:
    """Return the projections of an object x at some angles, of the size of the frames."""
    return beam_of(frames, angles, center_shift).forward(x)


def beam_of(frames: np.ndarray, angles: np.ndarray, center_shift: float) -> ParallelBeam:
    """Return the projections at some angles of an object as thick as the frames are wide."""
    nx = frames.shape[1]
    return ParallelBeam((nx, nx, *frames.shape[2:]), angles, nx, center_shift=center_shift)


def _share(angles: np.ndarray, left: np.ndarray) -> float:
    """How far the residual of a frame is foretold by its neighbours': noise is not."""
    if angles.size < 3:
        return 1.0
    # Squares of currents in ampere would be zero in single precision.
    left = left / max(float(np.abs(left).max()), np.finfo(left.dtype).tiny)
    inner = np.arange(1, angles.size - 1)
    part = ((angles[inner] - angles[inner - 1]) / (angles[inner + 1] - angles[inner - 1])).astype(
        left.dtype
    )
    part = part.reshape(-1, *(1,) * (left.ndim - 1))
    told = (1 - part) * left[inner - 1] + part * left[inner + 1]
    size = float(np.vdot(told, told))
    return float(np.clip(np.vdot(told, left[inner]) / size, 0, 1)) if size > 0 else 0.0
