"""Counts and detector values in the units of the objective, and back; noise read from an image.

The objective needs amounts and an image near 1. Every element is divided by the same number of
counts, so that stoichiometry survives; nothing is stretched from its own lowest to its own highest
pixel. Maps that a program has scaled already can be given counts again, as far as their noise
still tells how many there were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter, uniform_filter

from em_inverse.errors import DataError, check_array

__all__ = ["as_counts", "bright_level", "mean_noise", "noise_variance"]

# Share of pixels that lie below what is called bright, and the smoothing before it is read, in px.
_BRIGHT, _SMOOTHING = 99.5, 2.0
# Classes of brightness in which the noise is looked at.
_CLASSES, _SMALLEST = 8, 4


def bright_level(images: np.ndarray, smoothing: float = _SMOOTHING) -> float:
    """Return what a bright pixel has: the 99.5th percentile of the smoothed images, the largest.

    Unlike the highest pixel it does not hang on noise.

    Parameters
    ----------
    images : ndarray, shape (n, rows, columns)
    smoothing : float
        Standard deviation of the smoothing in pixels.

    Examples
    --------
    >>> bright_level(np.full((1, 16, 16), 3.0))
    3.0
    """
    levels = [np.percentile(gaussian_filter(one, smoothing), _BRIGHT) for one in images]
    return float(max(levels))


def mean_noise(image: ArrayLike) -> float:
    """Return the root mean square of the noise of an image, from its pixels alone.

    Differences across the diagonals of 2 × 2 blocks cancel whatever changes slowly. They are
    sorted into classes of local brightness, because shot noise grows with it; in each class the
    median of their size resists edges.

    Parameters
    ----------
    image : array_like, shape (rows, columns), both ≥ 4

    Returns
    -------
    float
        Standard deviation; too large where the image itself changes from pixel to pixel everywhere.

    Raises
    ------
    DataError
        When the image is too small.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> print(f"{mean_noise(5 + 0.1 * rng.standard_normal((128, 128))):.2f}")
    0.10
    """
    return float(np.sqrt(np.mean(_classes(image)[1])))


def noise_variance(image: ArrayLike) -> np.ndarray:
    """Return the variance of the noise in each pixel, as it goes with brightness in this image.

    Parameters
    ----------
    image : array_like, shape (rows, columns), both ≥ 4

    Returns
    -------
    ndarray, shape (rows, columns)
        Read from the same classes as :func:`mean_noise`; never below half the mean, so that no
        pixel is trusted beyond twice the others.

    Examples
    --------
    >>> ramp = np.repeat(np.linspace(20, 400, 128)[:, None], 128, axis=1)
    >>> variance = noise_variance(np.random.default_rng(0).poisson(ramp))
    >>> bool(200 < variance[-16:].mean() < 500), bool(variance[:16].mean() < 150)
    (True, True)
    """
    levels, variances = _classes(image)
    smooth = uniform_filter(check_array(image, "image", dtype=np.float64), 5)
    found = np.interp(smooth, levels, variances)
    return np.asarray(np.maximum(found, 0.5 * np.mean(variances)))


def _classes(image: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean brightness and variance of the noise in each class."""
    values = check_array(image, "image", ndim=2, dtype=np.float64)
    if min(values.shape) < _SMALLEST:
        raise DataError(
            f"image has shape {values.shape}; at least {_SMALLEST} × {_SMALLEST} pixels are needed."
        )
    cross = (values[1:, 1:] + values[:-1, :-1] - values[1:, :-1] - values[:-1, 1:]) / 2
    level = uniform_filter(values, 5)[:-1, :-1].ravel()
    order = np.argsort(level, kind="stable")
    parts = np.array_split(order, min(_CLASSES, order.size))
    sizes = np.abs(cross.ravel())
    variances = np.array([(np.median(sizes[part]) / 0.6745) ** 2 for part in parts])
    return np.array([level[part].mean() for part in parts]), variances


def as_counts(maps: ArrayLike, counts_per_unit: ArrayLike | None = None) -> Any:
    """Give maps that were scaled (to 0…1, to per cent) counts again.

    The noise of n counts is √n, so variance over mean of counts is 1, and of counts divided by c it
    is 1/c. Where c is not known it is read from that ratio, map by map. This is an estimate: of
    maps that were smoothed or interpolated it says how many counts would have left so little
    noise, and those counts are no longer independent. The objective then trusts them too much.

    Parameters
    ----------
    maps : array_like, shape (n, rows, columns)
        Scaled maps, without offset: zero must mean no counts.
    counts_per_unit : float or array_like, shape (n,), optional
        c, if it is known: what a value of 1 was divided by.

    Returns
    -------
    counts : ndarray, shape (n, rows, columns)
        Whole numbers only if the maps were counts divided by a known c.
    counts_per_unit : ndarray, shape (n,)

    Raises
    ------
    DataError
        When a map is negative somewhere or has no noise to read.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(20.0, (1, 96, 96))
    >>> found, per_unit = as_counts(counts / counts.max())
    >>> bool(0.9 < per_unit[0] / counts.max() < 1.1)
    True
    """
    stack = check_array(maps, "maps", ndim=3, dtype=np.float64)
    if stack.min() < 0:
        raise DataError(
            f"maps reach {stack.min():g}; scaled counts are ≥ 0. If an offset was taken off, add "
            f"it again."
        )
    if counts_per_unit is None:
        noise = np.array([mean_noise(one) for one in stack])
        if noise.min() == 0:
            raise DataError(
                f"map {int(noise.argmin())} has no noise from pixel to pixel, so its counts cannot "
                f"be told. Pass counts_per_unit."
            )
        per_unit = stack.mean(axis=(1, 2)) / noise**2
    else:
        given = check_array(counts_per_unit, "counts_per_unit", dtype=np.float64)
        per_unit = np.array(np.broadcast_to(given, stack.shape[:1]))
        if per_unit.min() <= 0:
            raise DataError(f"counts_per_unit reaches {per_unit.min():g}; it must be above 0.")
    return stack * per_unit[:, None, None], per_unit
