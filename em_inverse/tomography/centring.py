"""Where the object lies in a projection: told from vacuum, its mass, and its centre of mass."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from em_inverse.errors import DataError
from em_inverse.tomography.registration import in_view, moved

__all__ = ["centres_of_mass", "moments", "object_only"]

# The object is what exceeds this many standard deviations of the smoothed vacuum, and a border.
_OBJECT_SIGMAS, _OBJECT_SMOOTHING, _OBJECT_BORDER = 4.0, 1.5, 3


def object_only(images: np.ndarray) -> np.ndarray:
    """Return images with zeros wherever the smoothed image tells nothing from vacuum.

    Where the object reaches everywhere, or no noise is found, nothing changes.

    Parameters
    ----------
    images : ndarray, shape (n, nx, ny)
        Background removed; a row of a sinogram has ny = 1.

    Returns
    -------
    ndarray, shape (n, nx, ny)

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0, 1, (1, 40, 40)); noisy[0, 16:24, 16:24] += 9
    >>> part = object_only(noisy)
    >>> bool(part[0, 20, 20] > 0), int(np.count_nonzero(part[0, :, :8]))
    (True, 0)
    """
    sigma = (_OBJECT_SMOOTHING, _OBJECT_SMOOTHING if images.shape[2] > 1 else 0.0)
    border = (2 * _OBJECT_BORDER + 1, 2 * _OBJECT_BORDER + 1 if images.shape[2] > 1 else 1)
    kept = np.zeros_like(images)
    for image, part in zip(images, kept, strict=True):
        smooth = ndimage.gaussian_filter(image.astype(np.float64), sigma, mode="nearest")
        below = -smooth[smooth < 0]
        # Noise is as often below zero as above; the object never is.
        noise = np.sqrt(np.mean(below**2)) if below.size else 0.0
        inside = ndimage.maximum_filter(smooth > _OBJECT_SIGMAS * noise, border)
        part[...] = np.where(inside, image, 0)
    return kept


def moments(images: np.ndarray, shifts_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mass, and moment about the middle of the detector, of each slice of shifted images.

    Parameters
    ----------
    images : ndarray, shape (n, nx, ny)
    shifts_y : ndarray, shape (n,)
        By how much each image is moved along the tilt axis first, in pixels.

    Returns
    -------
    mass, moment : ndarray, shape (n, ny)

    Examples
    --------
    >>> mass, moment = moments(np.array([[[0.0], [1.0], [2.0]]]), np.zeros(1))
    >>> mass, moment
    (array([[3.]]), array([[2.]]))
    """
    nx = images.shape[1]
    mass = images.sum(axis=1, dtype=np.float64)
    moment = np.einsum("txy,x->ty", images, np.arange(nx) - (nx - 1) / 2, dtype=np.float64)
    return tuple(  # type: ignore[return-value]
        np.stack([moved(line, shift) for line, shift in zip(lines, shifts_y, strict=True)])
        for lines in (mass, moment)
    )


def centres_of_mass(images: np.ndarray, shifts_y: np.ndarray, *, margin: int = 0) -> np.ndarray:
    """Return the centres of mass across the axis, from the middle of the detector.

    Parameters
    ----------
    images : ndarray, shape (n, nx, ny)
        Background removed.
    shifts_y : ndarray, shape (n,)
        By how much each image is moved along the tilt axis first, in pixels. Only slices that no
        shift has filled from outside are counted.
    margin : int
        Leave out that many slices at either end, if any slice is left then.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    DataError
        When a projection has no positive mass, or negative values outweigh it.

    Examples
    --------
    >>> centres_of_mass(np.array([[[0.0], [1.0], [3.0]]]), np.zeros(1))
    array([0.75])
    """
    nx, ny = images.shape[1:]
    first, last = in_view(shifts_y, ny)
    if max(first, margin) < min(last, ny - margin):
        first, last = max(first, margin), min(last, ny - margin)
    mass, moment = (lines[:, first:last].sum(axis=1) for lines in moments(images, shifts_y))
    if not mass.min() > 0:
        worst = int(mass.argmin())
        raise DataError(
            f"projection {worst} has a total intensity of {mass[worst]:.3g}, so it has no centre "
            f"of mass. Remove the background first (tomography.remove_background), or leave the "
            f"projection out."
        )
    centres = moment / mass
    if np.abs(centres).max() > nx / 2:
        worst = int(np.abs(centres).argmax())
        raise DataError(
            f"the centre of mass of projection {worst} lies {centres[worst]:.3g} px from the "
            f"middle of a detector of {nx} px: negative values outweigh the object. Remove the "
            f"background first (tomography.remove_background)."
        )
    return centres
