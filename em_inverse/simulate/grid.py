"""Volumes from formulas: the mean over each voxel, sampled only where the object can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.errors import check_integer

__all__ = ["Density", "fine_axis", "sampled", "volume_shape"]

Density = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Value at (z, x, y), three arrays that broadcast, in voxels from the middle of the volume."""

_SMALLEST = 16


def volume_shape(n: int, n_y: int | None) -> tuple[int, int, int]:
    """Return (n, n, n_y) after checking both."""
    across = check_integer(n, "n", minimum=_SMALLEST)
    along = across if n_y is None else check_integer(n_y, "n_y", minimum=_SMALLEST)
    return across, across, along


def fine_axis(count: int, s: int) -> np.ndarray:
    """Sample points of `count` voxels from the middle: s a voxel, in the middle of equal parts.

    Examples
    --------
    >>> fine_axis(2, 2)
    array([-0.75, -0.25,  0.25,  0.75], dtype=float32)
    """
    return (((np.arange(count * s) + 0.5) / s) - count / 2).astype(np.float32)


def sampled(
    shape: tuple[int, int, int], reach: Sequence[float], density: Density, supersample: int
) -> np.ndarray:
    """Return the mean of `density` over each voxel, as float32.

    The samples of 2 n voxels at s a voxel are those of n voxels at 2 s: a coarse volume is the
    binning of a fine one.

    Parameters
    ----------
    shape : (int, int, int)
        (nz, nx, ny).
    reach : sequence of 3 floats
        How far from the middle the object reaches along z, x and y, in voxels. Beyond lies
        vacuum, which is not sampled.
    density : callable
        See :data:`Density`. It is asked for one layer of voxels at a time, from small z to large.
    supersample : int, 1 to 32
        Samples per voxel and axis.

    Returns
    -------
    ndarray of float32, shape `shape`

    Examples
    --------
    >>> ball = sampled((8, 8, 8), (3, 3, 3), lambda z, x, y: z**2 + x**2 + y**2 <= 9, 4)
    >>> print(f"{ball.sum() / (4 / 3 * np.pi * 27):.2f}")
    1.00
    """
    s = check_integer(supersample, "supersample", minimum=1, maximum=32)
    inner = [_inside(count, far) for count, far in zip(shape, reach, strict=True)]
    z, x, y = (
        fine_axis(count, s)[part.start * s : part.stop * s]
        for count, part in zip(shape, inner, strict=True)
    )
    out = np.zeros(shape, dtype=np.float32)
    blocks = (s, x.size // s, s, y.size // s, s)
    for layer in range(z.size // s):
        values = density(z[layer * s : (layer + 1) * s, None, None], x[None, :, None], y)
        mean = values.reshape(blocks).mean(axis=(0, 2, 4), dtype=np.float32)
        out[inner[0].start + layer, inner[1], inner[2]] = mean
    return out


def _inside(count: int, reach: float) -> slice:
    low = max(int(np.floor(count / 2 - reach)), 0)
    return slice(low, min(max(int(np.ceil(count / 2 + reach)), low + 1), count))
