"""What a detector makes of the electrons that reach it: counts, a dark level, hot pixels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from em_inverse.noise import poisson

__all__ = ["FAULTS", "counted", "film", "too_bright", "with_fault"]

FAULTS = ("blank", "blurred", "shifted", "dim")
"""What may go wrong with a single projection."""

_STRAY = 0.003
"""What reaches the detector when the beam is blanked, as a share of the brightest pixel."""
_DIM = 0.35
_BLUR = 0.04
"""Standard deviation of a blurred image, as a share of its width."""
_STEEPEST = 0.1
"""Smallest cos θ by which a film is thought to thicken: its holder shadows it beyond 84°."""
_HOT = (1.5, 6.0)


def film(shape: tuple[int, ...], cosine: float, ramp: tuple[float, ...]) -> np.ndarray:
    """Return the thickness of a supporting film: 1 in the middle at 0°, 1/cos θ when tilted.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    cosine : float
        Of the tilt angle.
    ramp : tuple of float, one per axis
        By how much the thickness changes from one edge to the other.

    Examples
    --------
    >>> film((3,), 0.5, (0.4,))
    array([1.6, 2. , 2.4])
    """
    thickness = np.ones(shape)
    for axis, (count, change) in enumerate(zip(shape, ramp, strict=True)):
        along = np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(1)
        thickness += change * along.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return np.maximum(thickness, 0) / max(abs(cosine), _STEEPEST)


def with_fault(image: np.ndarray, fault: str | None) -> np.ndarray:
    """Return what reaches the detector when something goes wrong; a shift is made elsewhere."""
    if fault == "blank":
        return np.full_like(image, _STRAY * image.max())
    if fault == "dim":
        return _DIM * image
    if fault == "blurred":
        return gaussian_filter(image, _BLUR * image.shape[0], mode="nearest")
    return image


def counted(image: np.ndarray, scale: float | None, rng: np.random.Generator) -> np.ndarray:
    """Return the image as counted with `scale` electrons per unit of intensity; None: no noise."""
    mean = float(image.mean(dtype=np.float64))
    if scale is None or mean <= 0:
        return image
    return poisson(image, scale * mean, seed=rng)


def too_bright(
    size: int, share: float, brightness: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return flat indices and values of a share of `size` pixels that are far too bright."""
    count = round(share * size)
    places = rng.choice(size, size=count, replace=False)
    return places, brightness * rng.uniform(*_HOT, size=count)
