"""Where a projection belongs, told by what a reconstruction predicts for its angle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from em_inverse.tomography.projection_matching import faded, fit_shift
from em_inverse.tomography.registration import image_shift, in_view, placed

__all__ = ["Matched", "common_field", "match"]

# Both pictures are smoothed by this (σ in pixels): what lies below is noise.
_SMOOTHING = 1.0
# The linear fit holds for shifts of about a pixel; what lies further is looked for by correlation.
_NEAR = 1.5
_ENOUGH = 0.01


class Matched(NamedTuple):
    """Where a projection agrees best with its re-projection.

    Attributes
    ----------
    shift : ndarray, shape (2,)
        To be applied to the projection as measured, along x and y in pixels.
    before, after : float
        Share of the projection that the re-projection does not explain, at the shift begun with
        and at that found: ‖p − a r‖ / ‖p‖ with the best factor a, both smoothed by a pixel.
    """

    shift: np.ndarray
    before: float
    after: float


def match(
    image: np.ndarray,
    reprojection: np.ndarray,
    shift: np.ndarray,
    *,
    reach: float,
    rounds: int = 3,
    field: np.ndarray | float = 1.0,
    along: bool = True,
) -> Matched:
    """Find the shift with which a projection agrees best with its re-projection.

    Parameters
    ----------
    image : ndarray, shape (nx, ny)
        As measured, background removed, never resampled before.
    reprojection : ndarray, shape (nx, ny)
        What the reconstruction predicts at this angle.
    shift : ndarray, shape (2,)
        Where to begin.
    reach : float
        Furthest from there that is looked at, in pixels along either axis.
    rounds : int
        Least-squares fits; each starts from the image resampled anew at the shift found before.
    field : ndarray, shape (nx, ny), optional
        Weight of each pixel of the re-projection: see :func:`common_field`.
    along : bool
        False keeps the shift along y. An object that leaves the frame there, a needle for instance,
        hardly changes from slice to slice, and the blur that a reconstruction still has across a
        tapering needle would be taken for a shift along it (by half a pixel at high tilts after
        ten iterations of SIRT).

    Returns
    -------
    Matched
        With the shift begun with, if no other explains more.

    Notes
    -----
    In each round :func:`~em_inverse.tomography.projection_matching.fit_shift` solves
    p ≈ a r + d_x ∂r/∂x + d_y ∂r/∂y by least squares, which is the most likely shift for white noise
    and bound to no grid. A step of more than 1.5 px is beyond this linear form: the place is then
    looked for by :func:`~em_inverse.tomography.registration.image_shift` first.

    Examples
    --------
    >>> x, y = np.mgrid[:40, :40]
    >>> blob = lambda cx, cy: np.exp(-0.5 * ((x - cx) ** 2 + (y - cy) ** 2) / 9)
    >>> found = match(blob(15, 20), blob(19.5, 18.3), np.zeros(2), reach=8)
    >>> found.shift.round(1), bool(found.after < 0.01 < found.before)
    (array([ 4.5, -1.7]), True)
    """
    image, reference = _smoothed(image), _smoothed(reprojection)
    free = np.array([1.0, float(along)])
    found = place = shift
    best, seen = here, window = _placed(image, place, field)
    before = _unexplained(here, reference, window)
    for k in range(rounds):
        step = free * _step(here, reference, window)
        if k == 0 and np.abs(step).max() > _NEAR:
            place = place + free * image_shift(reference, here, reach)
            here, window = _placed(image, place, field)
            step = free * _step(here, reference, window)
        place = np.clip(place + np.clip(step, -_NEAR, _NEAR), shift - reach, shift + reach)
        here, window = _placed(image, place, field)
        # Where both are measured: what comes in or goes out at the border is no gain.
        both = np.minimum(seen, window)
        if _unexplained(here, reference, both) >= _unexplained(best, reference, both):
            break
        found, best, seen = place, here, window
        if np.abs(step).max() < _ENOUGH:
            break
    return Matched(found, before, _unexplained(best, reference, seen))


def common_field(shifts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return weights of the pixels: 1 where nearly all projections were measured, falling to 0.

    Beyond, a reconstruction knows an object that leaves the frame only from the repeated borders of
    the projections that were moved furthest, and its re-projections mislead.

    Parameters
    ----------
    shifts : ndarray, shape (n, 2)
        How far the projections were moved along x and y. The outer twentieth at either end is not
        counted.
    shape : (int, int)
        Of a projection.

    Examples
    --------
    >>> common_field(np.array([[0.0, -3.0], [0.0, 2.0]]), (1, 12)).round(1)
    array([[0. , 0. , 0.1, 0.4, 0.6, 0.9, 0.6, 0.4, 0.1, 0. , 0. , 0. ]])
    """
    return _window(np.percentile(shifts, (5, 95), axis=0), shape)


def _smoothed(image: np.ndarray) -> np.ndarray:
    sigma = [_SMOOTHING if n > 1 else 0.0 for n in image.shape]
    return ndimage.gaussian_filter(image.astype(np.float64), sigma, mode="nearest")


def _placed(
    image: np.ndarray, shift: np.ndarray, field: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """The image at its shift, and the weight of each pixel: 0 where none was measured."""
    window = np.minimum(_window(shift[None], image.shape), field)
    return placed(image[None], shift[None], 0.0, order=3)[0], window


def _window(shifts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.multiply.outer(
        *(faded(in_view(s, n), n) for s, n in zip(shifts.T, shape, strict=True))
    )


def _step(p: np.ndarray, r: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The shift that brings p onto r, of whatever brightness either is."""
    sizes = [float(np.linalg.norm(part * window)) for part in (p, r)]
    # The fit measures the shift in slopes of r: a fainter re-projection would exaggerate it. Sizes
    # are compared, not the best factor, which a shift makes too small.
    return fit_shift(p, sizes[0] / sizes[1] * r, window)[0] if min(sizes) > 0 else np.zeros(2)


def _unexplained(p: np.ndarray, r: np.ndarray, window: np.ndarray) -> float:
    """‖p − a r‖ / ‖p‖ with the best factor a."""
    p, r = p * window, r * window
    sizes = float(np.vdot(p, p)) * float(np.vdot(r, r))
    return float(np.sqrt(max(0.0, 1 - float(np.vdot(p, r)) ** 2 / sizes))) if sizes > 0 else 1.0
