"""Recorded frames that are held out, in turns, to judge by: which, and how errors are counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["frame_errors", "some_block", "turns", "typical"]

_EVERY = 6
_TURNS = 3
_ENOUGH = 8
_ROWS = 8


def turns(n_tilts: int) -> Iterator[np.ndarray]:
    """Yield indices of frames to hold out together: every sixth, never the first or the last.

    Up to three turns, until 8 frames have been held out; none where there are less than 4 tilts.

    Examples
    --------
    >>> [held.tolist() for held in turns(12)]
    [[2, 8], [4, 10], [6]]
    """
    count = 0
    for turn in range(_TURNS):
        held = np.arange(2 + 2 * turn, n_tilts - 1, _EVERY)
        if count >= _ENOUGH or not held.size:
            return
        count += held.size
        yield held


def frame_errors(difference: np.ndarray) -> np.ndarray:
    """Mean square of every frame, added in double precision."""
    flat = np.square(difference, dtype=np.float64).reshape(len(difference), -1)
    mean: np.ndarray = flat.mean(axis=1)
    return mean


def typical(errors: np.ndarray) -> float:
    """Return the geometric mean: decibels are averaged, and no single frame outweighs the rest."""
    return float(np.exp(np.log(np.maximum(errors, np.finfo(float).tiny)).mean()))


def some_block(frames: np.ndarray) -> np.ndarray:
    """At most 8 neighbouring rows across the tilt axis, those with most to see.

    Examples
    --------
    >>> frames = np.zeros((2, 5, 20))
    >>> frames[..., 9:16] = 1
    >>> float(some_block(frames).sum())
    70.0
    """
    if frames.ndim == 2 or frames.shape[2] <= _ROWS:
        return frames
    bright = np.square(frames, dtype=np.float64).sum(axis=(0, 1))
    first = int(np.argmax(np.convolve(bright, np.ones(_ROWS), mode="valid")))
    return np.ascontiguousarray(frames[:, :, first : first + _ROWS])
