"""Projections that do not belong: what to look at before a series is aligned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from em_inverse.errors import ParameterError, check_number
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["OutlierTilt", "drop_tilts", "find_outlier_tilts", "saturated_fraction"]

_MAD_TO_SIGMA = 1.4826
_FEWEST_TILTS = 7
# Changes smaller than these fractions are nobody's concern, however improbable.
_LEAST_MASS, _LEAST_SHARPNESS, _LEAST_JUMP = 0.1, 0.3, 0.05


class OutlierTilt(NamedTuple):
    """A projection that stands out, and why.

    Attributes
    ----------
    tilt : int
        Its place in the series.
    angle_deg : float
    reasons : tuple of str
        One sentence each.
    """

    tilt: int
    angle_deg: float
    reasons: tuple[str, ...]


def find_outlier_tilts(series: TiltSeries, *, threshold: float = 5.0) -> list[OutlierTilt]:
    """Look for projections that are blank, blurred, too bright or dark, displaced, or repeated.

    Each projection is compared with the median of the seven nearest in angle. Total intensity,
    sharpness (mean gradient over mean intensity, both of the projection smoothed by a pixel, so
    that noise is not taken for sharpness) and centre of mass must not lie further off than
    `threshold` times the usual distance (scaled median absolute deviation), and a change must be
    worth mentioning: 10 % of the intensity, 30 % of the sharpness, 5 % of the detector. Projections
    equal to another one, value by value, are copies.

    Parameters
    ----------
    series : TiltSeries
        Background removed; before alignment, or after it.
    threshold : float
        Lower finds more, and sooner or later harmless ones.

    Returns
    -------
    list of OutlierTilt
        In the order of the series. Fewer than seven tilts are checked for copies and blanks only.

    See Also
    --------
    drop_tilts : leave them out.

    Examples
    --------
    >>> x = np.arange(64)
    >>> images = np.tile(np.exp(-0.5 * ((x - 32) / 5) ** 2), (15, 1))
    >>> images[4] *= 0.5
    >>> found = find_outlier_tilts(TiltSeries(images * np.linspace(1, 1.01, 15)[:, None],
    ...                                       np.arange(-70, 71, 10)))
    >>> [(one.tilt, one.reasons) for one in found]
    [(4, ('total intensity 50 % below its neighbours',))]
    """
    series = check_series(series)
    threshold = check_number(threshold, "threshold", minimum=0, exclusive=True)
    images = series.projections
    reasons: list[list[str]] = [[] for _ in range(series.n_tilts)]
    blank = np.array([np.ptp(image) == 0 for image in images])
    for k in np.flatnonzero(blank):
        reasons[k].append("blank: every pixel has the same value")
    for i, j in _copies(images):
        if not blank[i]:
            reasons[i].append(f"a copy of projection {j}")
    sequence = np.argsort(series.angles_deg, kind="stable")
    sequence = sequence[~blank[sequence]]
    if sequence.size >= _FEWEST_TILTS:
        _compare(images, sequence, threshold, reasons)
    return [
        OutlierTilt(i, float(series.angles_deg[i]), tuple(why))
        for i, why in enumerate(reasons)
        if why
    ]


def drop_tilts(series: TiltSeries, tilts: Iterable[OutlierTilt | int]) -> TiltSeries:
    """Leave projections out, and keep in the history which and why.

    Parameters
    ----------
    series : TiltSeries
    tilts : iterable of OutlierTilt or int
        What :func:`find_outlier_tilts` returned, or indices.

    Returns
    -------
    TiltSeries
        The others, with their share of the dose; the series itself if `tilts` is empty.

    Raises
    ------
    ParameterError
        When an index does not exist, or no projection would be left.

    Examples
    --------
    >>> series = drop_tilts(TiltSeries(np.ones((3, 8)), [-60, 0, 60]), [1])
    >>> series.angles_deg, series.history[-1]
    (array([-60.,  60.]), '1 of 3 projections left out: 0°')
    """
    series = check_series(series)
    dropped = {
        (t.tilt if isinstance(t, OutlierTilt) else t): (
            t.reasons if isinstance(t, OutlierTilt) else ()
        )
        for t in tilts
    }
    if not dropped:
        return series
    unknown = [i for i in dropped if i not in range(series.n_tilts)]
    if unknown or len(dropped) == series.n_tilts:
        raise ParameterError(
            f"tilts is {sorted(dropped)}; indices from 0 to {series.n_tilts - 1} are allowed, and "
            f"at least one projection must be left."
        )
    angles = [
        f"{series.angles_deg[i]:g}°" + (f" ({'; '.join(dropped[i])})" if dropped[i] else "")
        for i in sorted(dropped)
    ]
    keep = [i for i in range(series.n_tilts) if i not in dropped]
    return series._picked(
        np.array(keep),
        f"{len(dropped)} of {series.n_tilts} projections left out: {', '.join(angles)}",
    )


def saturated_fraction(series: TiltSeries, level: float | None = None) -> np.ndarray:
    """Return the fraction of pixels of each projection at the detector's ceiling.

    Where the detector saturates, the projection is no longer linear in the thickness, and no
    reconstruction can be right. Look before the background is removed.

    Parameters
    ----------
    series : TiltSeries
    level : float, optional
        The ceiling. Unless given, the largest value of the series, if it occurs too often to be
        chance: at least ten times, and more often than all values within the next 1 % of the range
        below it taken together. Otherwise nothing is saturated.

    Returns
    -------
    ndarray, shape (n_tilts,)

    Examples
    --------
    >>> counts = np.minimum(np.arange(100.0).reshape(2, 50), 80)
    >>> saturated_fraction(TiltSeries(counts, [0, 10]))
    array([0. , 0.4])
    """
    series = check_series(series)
    images = series.projections.reshape(series.n_tilts, -1)
    if level is None:
        level = float(images.max())
        ceiling = int((images == level).sum())
        below = int((images > level - 0.01 * np.ptp(images)).sum()) - ceiling
        if ceiling < 10 or ceiling <= below or np.ptp(images) == 0:
            return np.zeros(series.n_tilts)
    return np.asarray((images >= check_number(level, "level")).mean(axis=1))


def _compare(
    images: np.ndarray, sequence: np.ndarray, threshold: float, reasons: list[list[str]]
) -> None:
    """Add the reasons for which a projection stands out among its neighbours in angle."""
    ordered = images[sequence].astype(np.float64)
    mass = ordered.reshape(len(ordered), -1).sum(axis=1)
    if not np.median(mass) > 0:
        return
    smooth = ndimage.gaussian_filter(ordered, (0, *(1.0,) * (ordered.ndim - 1)))
    slopes = sum(
        np.abs(np.diff(smooth, axis=axis)).reshape(len(ordered), -1).sum(axis=1)
        for axis in range(1, ordered.ndim)
        if ordered.shape[axis] > 1
    )
    scale = np.maximum(mass, 1e-3 * np.median(mass))
    for value, least, name in (
        (mass, _LEAST_MASS, "total intensity"),
        (slopes / scale, _LEAST_SHARPNESS, "sharpness"),
    ):
        usual = _running_median(value)
        change = value / usual - 1
        for k in np.flatnonzero(_stands_out(change, threshold) & (np.abs(change) > least)):
            side = "above" if change[k] > 0 else "below"
            reasons[sequence[k]].append(
                f"{name} {abs(change[k]):.0%} {side} its neighbours".replace("%", " %")
            )
    for axis, name in ((1, "across"), (2, "along"))[: ordered.ndim - 1]:
        count = ordered.shape[axis]
        profile = ordered.sum(axis=tuple(a for a in range(1, ordered.ndim) if a != axis))
        centre = profile @ np.arange(count) / scale
        jump = centre - _running_median(centre)
        for k in np.flatnonzero(
            _stands_out(jump, threshold) & (np.abs(jump) > _LEAST_JUMP * count)
        ):
            reasons[sequence[k]].append(f"displaced by {jump[k]:+.1f} px {name} the tilt axis")


def _running_median(values: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.median_filter(values, 7, mode="nearest"))


def _stands_out(distance: np.ndarray, threshold: float) -> np.ndarray:
    return np.asarray(np.abs(distance) > threshold * _MAD_TO_SIGMA * np.median(np.abs(distance)))


def _copies(images: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), j < i, of projections equal value by value."""
    first: dict[bytes, int] = {}
    pairs = []
    for i, image in enumerate(images):
        j = first.setdefault(image.tobytes(), i)
        if j != i:
            pairs.append((i, j))
    return pairs
