"""From a volume of any size to the few bytes that a page needs to draw it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_array, check_integer, check_number

__all__ = [
    "BLOCK",
    "LARGEST",
    "SMALLEST",
    "block_ranges",
    "check_window",
    "counts",
    "cut_value",
    "robust_window",
    "shrink",
    "to_bytes",
]

BLOCK = 8
"""Edge in voxels of the blocks that a ray may skip as a whole."""

SMALLEST, LARGEST = 8, 192
"""Allowed levels. 192³ bytes are 7 MB: a web socket stops taking messages at 10 to 16 MB."""

# Voxels looked at for a window: enough for a tail of a few per mille, few enough for a live view.
_SAMPLES = 60_000
# Share of the voxels that may lie outside a robust window on either side.
_TAIL = 5e-4


def shrink(volume: ArrayLike, level: int = 128) -> np.ndarray:
    """Return the volume as float32 with no edge longer than `level`, by means over blocks.

    Blocks along an axis differ by at most one voxel, so nothing is cut off and the edges stay where
    they are. A volume that is small enough is returned as it is.

    Parameters
    ----------
    volume : array_like, shape (nz, nx, ny)
    level : int, 8 to 192
        Longest edge of the result, in voxels.

    Returns
    -------
    ndarray of float32
        May share memory with `volume`.

    Raises
    ------
    DataError
        When the volume is not 3-D or not finite.
    ParameterError
        When the level is outside its range.

    Examples
    --------
    >>> shrink(np.ones((40, 20, 10)), level=20).shape
    (20, 10, 5)
    """
    array = check_array(volume, "volume", ndim=3, dtype=np.float32)
    level = check_integer(level, "level", minimum=SMALLEST, maximum=LARGEST)
    block = math.ceil(max(array.shape) / level)
    if block == 1:
        return array
    for axis, n in enumerate(array.shape):
        array = _means(array, axis, math.ceil(n / block))
    return array


def _means(array: np.ndarray, axis: int, count: int) -> np.ndarray:
    """Means over `count` blocks along an axis, as even as whole voxels allow."""
    n = array.shape[axis]
    width = n // count
    if n % count == 0:
        # Adding whole planes is several times faster than a mean over reshaped blocks.
        parts = [_taken(array, axis, slice(k, None, width)) for k in range(width)]
        total = parts[0].copy()
        for part in parts[1:]:
            total += part
        total *= np.float32(1 / width)
        return total
    edges = np.linspace(0, n, count + 1).round().astype(np.intp)
    total = np.add.reduceat(array, edges[:-1], axis=axis)
    shape = [1] * array.ndim
    shape[axis] = count
    total /= np.diff(edges).astype(np.float32).reshape(shape)
    return total


def _taken(array: np.ndarray, axis: int, part: slice) -> np.ndarray:
    return array[(slice(None),) * axis + (part,)]


def check_window(window: object) -> tuple[float, float]:
    """Return a window as two numbers, or raise a ParameterError unless low < high."""
    if not isinstance(window, Sequence) or isinstance(window, str) or len(window) != 2:
        raise ParameterError(
            f"window is {window!r}; two numbers (low, high), 'auto' or None are allowed."
        )
    low, high = (check_number(value, "window") for value in window)
    if not low < high:
        raise ParameterError(f"window is {window!r}; allowed: low < high.")
    return low, high


def robust_window(
    volume: ArrayLike, before: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Return the values to show as the first and the last colour.

    All but the most extreme voxels (0.05 % at either end) lie inside. The window of the picture
    before is kept while it still fits, that is, while the new one neither leaves it by more than a
    tenth of its width nor fills less than half of it: colours must not flicker.

    Parameters
    ----------
    volume : array_like
        Finite values; about 60 000 of them are looked at.
    before : (float, float), optional
        Window of the picture before.

    Returns
    -------
    (float, float)
        Low < high.

    Examples
    --------
    >>> ramp = np.linspace(0, 1, 1001)
    >>> robust_window(ramp)
    (0.0, 1.0)
    >>> robust_window(1.05 * ramp, (0.0, 1.0)), robust_window(3 * ramp, (0.0, 1.0))
    ((0.0, 1.0), (0.0, 3.0))
    """
    values = np.asarray(volume).reshape(-1)
    # An odd stride, or every sample could fall into the same few columns.
    values = values[:: max(1, values.size // _SAMPLES) | 1]
    tail = int(_TAIL * values.size)
    ordered = np.partition(values, (tail, values.size - 1 - tail))
    low, high = float(ordered[tail]), float(ordered[values.size - 1 - tail])
    if not low < high:
        low, high = float(ordered.min()), float(ordered.max())
    if before is not None:
        width = before[1] - before[0]
        inside = low > before[0] - width / 10 and high < before[1] + width / 10
        if inside and (high - low > width / 2 or not low < high):
            return before
    if not low < high:
        high = low + max(abs(low), 1.0)
    return low, high


def to_bytes(volume: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Return values as uint8: 0 at and below the window's low end, 255 at and above its high end.

    Examples
    --------
    >>> to_bytes(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), (0.0, 1.0)).tolist()
    [0, 0, 128, 255, 255]
    """
    low, high = window
    # Half a step is added and cut off with the fraction: quicker than rounding, at any size.
    scaled = np.subtract(volume, np.float32(low), dtype=np.float32)
    scaled *= np.float32(255.0 / (high - low))
    scaled += np.float32(0.5)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    return scaled.astype(np.uint8)


def counts(values: np.ndarray) -> np.ndarray:
    """Return how many voxels have each of the 256 values, scaled up from a part of a large volume.

    Examples
    --------
    >>> counts(np.array([[0, 0, 255]], np.uint8))[[0, 1, 255]]
    array([2., 0., 1.])
    """
    flat = values.reshape(-1)
    # An odd stride, or every sample could fall into the same few columns.
    stride = max(1, flat.size // (4 * _SAMPLES)) | 1
    found = np.bincount(flat[::stride], minlength=256)
    return found * (flat.size / -(-flat.size // stride))


def cut_value(counts: ArrayLike) -> float:
    """Return the value between background and object, as a share of the window.

    Otsu's threshold: of all cuts the one that leaves the two sides farthest apart. Vacuum fills
    most of a volume, so the counts enter by their square roots, which keeps a small object visible.

    Parameters
    ----------
    counts : array_like, shape (256,)
        How many voxels have each value.

    Returns
    -------
    float
        From 0.02 to 0.98.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62, doi:10.1109/TSMC.1979.4310076

    Examples
    --------
    >>> cut_value(counts(np.repeat(np.array([0, 200], np.uint8), [900, 100])))
    0.39
    """
    weights = np.sqrt(np.asarray(counts, dtype=np.float64))
    below = np.cumsum(weights)[:-1]
    above = weights.sum() - below
    moment = np.cumsum(weights * np.arange(256))
    both = (below > 0) & (above > 0)
    if not both.any():
        return 0.5
    mean_below = moment[:-1] / np.maximum(below, 1e-12)
    mean_above = (moment[-1] - moment[:-1]) / np.maximum(above, 1e-12)
    apart = np.where(both, below * above * (mean_below - mean_above) ** 2, -1.0)
    # Between two well separated peaks all cuts are equally good: the middle one is the natural one.
    best = np.flatnonzero(apart >= apart.max() * (1 - 1e-9))
    cut = (best[0] + best[-1]) / 2 + 0.5
    return float(np.clip(round(cut / 255, 2), 0.02, 0.98))


def block_ranges(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest value in every block of 8 × 8 × 8 voxels.

    What lies between two voxels is interpolated, so the voxels next to a block count as its own.

    Parameters
    ----------
    values : ndarray of uint8, shape (nz, nx, ny)

    Returns
    -------
    lowest, highest : ndarray of uint8
        Shape (nz, nx, ny) divided by 8, rounded up.

    Examples
    --------
    >>> values = np.zeros((16, 8, 8), np.uint8)
    >>> values[8] = 9
    >>> lowest, highest = block_ranges(values)
    >>> lowest.ravel().tolist(), highest.ravel().tolist()
    ([0, 0], [9, 9])
    """
    cells = [-(-n // BLOCK) for n in values.shape]
    margins = [(1, cell * BLOCK + 1 - n) for cell, n in zip(cells, values.shape, strict=True)]
    lowest = highest = np.pad(values, margins, mode="edge")
    for axis, cell in enumerate(cells):
        parts = [slice(k, k + (cell - 1) * BLOCK + 1, BLOCK) for k in range(BLOCK + 2)]
        low = _taken(lowest, axis, parts[0]).copy()
        high = _taken(highest, axis, parts[0]).copy()
        for part in parts[1:]:
            np.minimum(low, _taken(lowest, axis, part), out=low)
            np.maximum(high, _taken(highest, axis, part), out=high)
        lowest, highest = low, high
    return lowest, highest
