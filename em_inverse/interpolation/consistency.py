"""A warning for frames that no electron made: do they show the object that the others show?

Recorded frames determine an object, as far as they go. Projected at the angle of a generated frame,
it says what should be seen there. Some distance is no fault: recorded frames that were left out of
the reconstruction are not hit exactly either. So they set the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from em_inverse.errors import GeometryError, ParameterError, check_integer, check_number
from em_inverse.interpolation.geometric import best_number, projected, reconstructed
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["Consistency", "consistency"]

_FOLDS = 3
_FEWEST = 5
_BETWEEN = 1e-9


@dataclass(frozen=True, eq=False)
class Consistency:
    """How generated frames agree with the object that the recorded ones determine.

    Attributes
    ----------
    angles_deg : ndarray, shape (n_generated,)
        Of the generated frames.
    ratios : ndarray, shape (n_generated,)
        Worst distance within each frame, over the worst one of recorded frames left out.
    places_px : ndarray of int, shape (n_generated, 2) or (n_generated, 1)
        Pixel (x, y) in the middle of the window where each frame is worst.
    distances : ndarray, shape (n_generated, nx, ny) or (n_generated, nx)
        Generated frame minus the projection of the object, in the unit of the series.
    held_out : float
        Worst distance of recorded frames left out: an rms over a window, in the unit of the series.
    limit : float
        Ratio above which the warning rings.
    """

    angles_deg: np.ndarray
    ratios: np.ndarray
    places_px: np.ndarray
    distances: np.ndarray
    held_out: float
    limit: float

    @property
    def rings(self) -> bool:
        """Whether a generated frame contradicts the recorded ones."""
        return bool((self.ratios > self.limit).any())

    @property
    def doubtful(self) -> np.ndarray:
        """Which of the generated frames do, shape (n_generated,)."""
        return np.asarray(self.ratios > self.limit)

    def __str__(self) -> str:
        worst = int(np.argmax(self.ratios))
        place = ", ".join(
            f"{axis} = {px}" for axis, px in zip("xy", self.places_px[worst].tolist(), strict=False)
        )
        where = f"at {self.angles_deg[worst]:g}°, around the pixel {place}"
        if not self.rings:
            return (
                f"quiet: no generated frame is farther from the object of the recorded ones than "
                f"{self.limit:g} × a recorded frame left out (worst {self.ratios[worst]:.1f} ×, "
                f"{where})"
            )
        return (
            f"RINGS: {self.doubtful.sum()} of {self.ratios.size} generated frames contradict the "
            f"recorded ones; worst {self.ratios[worst]:.1f} × a recorded frame left out, {where}"
        )


def consistency(
    filled: TiltSeries, *, window_px: int = 8, limit: float = 1.25, n_iter: int | None = None
) -> Consistency:
    r"""Compare generated frames with projections of the object that recorded frames determine.

    With :math:`x` reconstructed from all recorded frames (SIRT with momentum, x ≥ 0, as in the
    geometric way to fill), and :math:`x_{-k}` from those without frame k and some others,

    .. math:: r_g = \frac{\max_w \mathrm{rms}_w(\hat y_g - A_g x)}
                         {\max_{k, w} \mathrm{rms}_w(y_k - A_k x_{-k})},

    the rms over windows w of the frame. A third of the recorded frames is left out at a time, and
    each stands in a gap twice as wide as those that were filled: a fair generated frame comes out
    below 1. Where :math:`r_g` is above the limit, frame g shows something, or lacks something, that
    the recorded frames say is not so.

    **What it cannot see.** It knows no more than a reconstruction: what the recorded frames do not
    determine, it does not miss. Where they are so few that those left out are missed widely, it is
    quiet about anything. Frames of the geometric way are projections of that object, and pass by
    construction, whatever x ≥ 0 has invented; those of total variation are projections of a near
    relative. And it says nothing of recorded frames: a bad one
    raises the scale, and so covers for bad generated ones.

    Parameters
    ----------
    filled : TiltSeries
        With generated frames, as :func:`fill` returns it; at least 5 recorded ones.
    window_px : int, ≥ 1
        Edge of the window. About the size of what might be invented.
    limit : float, > 0
        Ratio above which the warning rings.
    n_iter : int, optional
        Iterations; those that explain frames held out best unless given.

    Returns
    -------
    Consistency
        Whose text is a sentence for the log.

    Raises
    ------
    GeometryError
        When there are fewer than 5 recorded frames, or the tilt axis differs from frame to frame.
    ParameterError
        When no frame is generated, a number is outside its range, or `filled` is no TiltSeries.

    Examples
    --------
    >>> angles = np.arange(-90.0, 91.0, 10)
    >>> s = 9 * np.cos(np.deg2rad(angles))[:, None]
    >>> series = TiltSeries(np.exp(-0.1 * (np.arange(32) - 15.5 - s) ** 2), angles)
    >>> from em_inverse.interpolation import fill
    >>> consistency(fill(series, 2, "band_limited")).rings
    False
    >>> consistency(fill(series, 2, "linear")).rings
    True
    """
    check_series(filled, "filled")
    window = check_integer(window_px, "window_px", minimum=1)
    highest = check_number(limit, "limit", minimum=0, exclusive=True)
    if n_iter is not None:
        n_iter = check_integer(n_iter, "n_iter", minimum=1)
    marks = filled.generated
    if not marks.any():
        raise ParameterError(
            "filled has no generated frames (filled.generated is False everywhere), so there is "
            "nothing to compare. Pass a series that interpolation.fill has filled."
        )
    shift = np.asarray(filled.center_shift_px, dtype=float)
    order = np.argsort(filled.angles_deg, kind="stable")
    recorded, made = order[~marks[order]], order[marks[order]]
    if recorded.size < _FEWEST or (shift.ndim and np.ptp(shift) > _BETWEEN):
        raise GeometryError(
            f"filled has {recorded.size} recorded frames; at least {_FEWEST} with a common tilt "
            f"axis are needed to reconstruct from some and compare with the others."
        )
    axis = float(shift.mean())
    angles, frames = filled.angles_deg[recorded], filled.projections[recorded]
    if n_iter is None:
        n_iter = best_number(angles, frames, axis)
    scale = 0.0
    for first in range(1, 1 + _FOLDS):
        out = np.arange(first, recorded.size - 1, _FOLDS)
        if out.size == 0:
            continue
        kept = np.setdiff1d(np.arange(recorded.size), out)
        (x,) = reconstructed(angles[kept], frames[kept], axis, (n_iter,))
        missed = frames[out] - projected(x, frames, angles[out], axis)
        scale = max(scale, float(_worst(missed, window)[0].max()))
    (x,) = reconstructed(angles, frames, axis, (n_iter,))
    at = filled.angles_deg[made]
    distances = filled.projections[made] - projected(x, frames, at, axis)
    worst, places = _worst(distances, window)
    ratios = worst / max(scale, float(np.finfo(np.float32).tiny))
    return Consistency(at, ratios, places, distances, scale, highest)


def _worst(missed: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest rms over a window of each frame, and the middle of that window."""
    from scipy.ndimage import uniform_filter

    size = (1, *(min(window, count) for count in missed.shape[1:]))
    local = uniform_filter(np.square(missed, dtype=np.float64), size, mode="constant")
    flat = local.reshape(len(missed), -1)
    at = flat.argmax(axis=1)
    places = np.stack(np.unravel_index(at, missed.shape[1:]), axis=1)
    return np.sqrt(np.maximum(flat.max(axis=1), 0)), places
