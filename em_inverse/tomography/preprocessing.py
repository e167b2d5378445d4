"""Before alignment: background, detector faults, and projections of unequal brightness."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from em_inverse.errors import DataError, ParameterError, check_choice, check_number
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["normalise", "remove_background", "repair"]

_MAD_TO_SIGMA = 1.4826
# Fewer tilts than this say nothing of what is the same at all of them.
_FEWEST_TILTS = 4


def remove_background(
    series: TiltSeries,
    method: str = "histogram",
    *,
    corner: float = 0.1,
    percentile: float = 5.0,
    value: float | None = None,
    per_tilt: bool = True,
    clip: bool = False,
) -> TiltSeries:
    """Subtract from each projection the level that vacuum has in it.

    Tomography assumes that a ray which meets nothing measures zero. Detectors add an offset (which
    may be negative, as in files of signed integers, and may drift from tilt to tilt), and any of
    it that is left is reconstructed as a disc around the object. The difference is taken in
    float64, so a small signal on a large offset of either sign survives.

    Parameters
    ----------
    series : TiltSeries
    method : {'histogram', 'corner', 'percentile', 'constant'}
        How the vacuum level is found in each projection.

        'histogram'
            The most frequent value, then the mean of everything within three standard deviations
            of it. For projections in which vacuum is the largest area of one level.
        'corner'
            The lowest of the medians of the four corners (of a sinogram: the two ends). For objects
            that leave at least one corner free.
        'percentile'
            A low percentile. It lies a little below the mean of a noisy vacuum.
        'constant'
            The number `value`, known from a dark image or from the detector's manual.
    corner : float
        Size of a corner as a fraction of each side.
    percentile : float
        Percentile for the method of that name.
    value : float, optional
        Level for the method 'constant', which needs it.
    per_tilt : bool
        A level for each projection. Otherwise their median for all: for an offset that does not
        drift, and objects that leave no vacuum at high tilt.
    clip : bool
        Set what remains below zero to zero. Needed for counting statistics (MLEM), but it turns
        the noise of the vacuum, zero on average, into a faint positive haze.

    Returns
    -------
    TiltSeries
        With the levels in ``metadata["background"]``, shape (n_tilts,).

    Raises
    ------
    ParameterError
        When the method is unknown, or 'constant' is given no value.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.full((1, 64), -27000); counts[0, 20:30] = 5000
    >>> clean = remove_background(TiltSeries(counts, [0]))
    >>> float(clean.projections.min()), float(clean.projections.max())
    (0.0, 32000.0)
    """
    series = check_series(series)
    check_choice(method, "method", ("histogram", "corner", "percentile", "constant"))
    corner = check_number(corner, "corner", minimum=0, maximum=0.5, exclusive=True)
    percentile = check_number(percentile, "percentile", minimum=0, maximum=100)
    if method == "constant":
        if value is None:
            raise ParameterError(
                "value is None; method='constant' needs the level to subtract, value=…"
            )
        levels = np.full(series.n_tilts, check_number(value, "value"))
        how = "a given constant"
    elif method == "histogram":
        levels = np.array([_vacuum_peak(image) for image in series.projections])
        how = "peak of the histogram"
    elif method == "corner":
        levels = _darkest_corner(series.projections, corner)
        how = f"darkest corner, {corner:.0%} of each side"
    else:
        levels = np.array([np.percentile(image, percentile) for image in series.projections])
        how = f"percentile {percentile:g}"
    if not per_tilt:
        levels = np.full(series.n_tilts, np.median(levels))
        how += ", one level for all"
    spread = levels.reshape((-1,) + (1,) * (series.projections.ndim - 1))
    projections = (series.projections.astype(np.float64) - spread).astype(series.projections.dtype)
    if clip:
        projections = np.maximum(projections, 0)
    step = (
        f"background subtracted from each projection ({how}; {levels.min():.6g} to "
        f"{levels.max():.6g}{', negative values set to zero' if clip else ''})"
    )
    return series.replace(projections=projections, step=step, metadata={"background": levels})


def normalise(series: TiltSeries, method: str = "mass", *, percentile: float = 99.0) -> TiltSeries:
    """Scale each projection to the same total intensity: the beam flickers, mass does not change.

    Parameters
    ----------
    series : TiltSeries
        Background removed.
    method : {'mass', 'percentile'}
        'mass'
            The total over the slices that are in view at every tilt becomes that of the median
            projection. For an object that lies inside the field across the axis at every tilt.
        'percentile'
            A high percentile becomes that of the median projection. For drifts of the gain when
            the object leaves the field; it also levels what the thickness changes with the tilt,
            so it suits round specimens only.
    percentile : float
        Percentile for the method of that name.

    Returns
    -------
    TiltSeries
        With the factors in ``metadata["tilt_scale"]``, shape (n_tilts,).

    Raises
    ------
    DataError
        When a projection has no positive intensity to scale.

    Examples
    --------
    >>> flicker = np.array([1.0, 0.8, 1.25])[:, None] * np.array([0, 2, 4, 2, 0])
    >>> even = normalise(TiltSeries(flicker, [-60, 0, 60]))
    >>> even.projections.sum(axis=1), even.metadata["tilt_scale"].round(2)
    (array([8., 8., 8.]), array([1.  , 1.25, 0.8 ]))
    """
    series = check_series(series)
    check_choice(method, "method", ("mass", "percentile"))
    percentile = check_number(percentile, "percentile", minimum=50, maximum=100)
    images = series.projections
    if method == "mass":
        first, last = series.metadata.get("slices_in_view", (0, None))
        part = images[:, :, first:last] if images.ndim == 3 else images
        level = part.reshape(len(images), -1).sum(axis=1, dtype=np.float64)
        how = "total intensity"
    else:
        level = np.array([np.percentile(image, percentile) for image in images], dtype=np.float64)
        how = f"percentile {percentile:g}"
    if not level.min() > 0:
        worst = int(level.argmin())
        raise DataError(
            f"projection {worst} has a {how} of {level[worst]:.3g}, which cannot be scaled. Remove "
            f"the background first (tomography.remove_background), or leave the projection out."
        )
    scale = np.median(level) / level
    factors = scale.reshape((-1,) + (1,) * (images.ndim - 1)).astype(images.dtype)
    return series.replace(
        projections=images * factors,
        step=f"projections scaled to the same {how} (factors {scale.min():.3g} to "
        f"{scale.max():.3g})",
        metadata={"tilt_scale": scale * np.asarray(series.metadata.get("tilt_scale", 1.0))},
    )


def repair(series: TiltSeries, *, threshold: float = 6.0) -> TiltSeries:
    """Replace hot and dead pixels, and dead rows and columns, by what their neighbours measured.

    Three kinds of fault are looked for.

    *A pixel at one tilt*, as X-rays and cosmic rays leave it. It sticks out of its surroundings as
    nothing does that the probe has blurred. Of the 3 × 3 pixels around it all but at most one lie
    on the same side of it, at a distance of more than `threshold` times what is usual there: the
    mean difference between a pixel and the median of its neighbours, over the 7 × 7 pixels around
    (or over the whole projection, whichever is larger). Edges and texture raise what is usual and
    are left alone. In a sinogram 5 and 7 pixels in a row take the place of the squares, and only
    single pixels are found.

    *A pixel throughout the series*, found from four tilts on. It is fainter than what stands out at
    one tilt, but lies on the same side of its neighbours again and again (its median over the tilts
    exceeds half the threshold), or it is stuck: its value never changes while the others' do.

    *A row or a column*, in projections of a volume: nine in ten of its pixels lie on the same side
    of both neighbouring lines, by half the threshold times what those lines differ from the next.

    Parameters
    ----------
    series : TiltSeries
    threshold : float
        Lower finds fainter faults, and sooner or later the noise.

    Returns
    -------
    TiltSeries
        With the number of pixels replaced in ``metadata["n_repaired"]``: pixel by pixel and tilt
        by tilt, lines included, whose number is in ``metadata["n_lines_repaired"]``.

    Notes
    -----
    Three or more touching faults look like a small object and stay.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).normal(10, 1, (2, 32, 32)); images[0, 5, 5] = 500
    >>> mended = repair(TiltSeries(images, [0, 10]))
    >>> mended.metadata["n_repaired"], bool(mended.projections.max() < 20)
    (1, True)
    """
    series = check_series(series)
    threshold = check_number(threshold, "threshold", minimum=0, exclusive=True)
    projections = series.projections.copy()
    lines = _repair_lines(projections, threshold / 2) if projections.ndim == 3 else (0, 0)
    count = lines[1]
    scores, medians = np.empty(projections.shape, np.float32), np.empty_like(projections)
    for image, score, filling in zip(projections, scores, medians, strict=True):
        low, median, high = _neighbourhood(image)
        beyond = np.where(image > high, image - high, np.minimum(image - low, 0))
        usual = _usual_difference(np.abs(image - median))
        score[...] = beyond / np.where(usual > 0, usual, np.inf)
        filling[...] = median
    faulty = np.abs(scores) > threshold
    faulty |= _throughout(series.projections, scores, threshold / 2)
    projections[faulty] = medians[faulty]
    count += int(faulty.sum())
    with_lines = f", {lines[0]} of them rows or columns" if lines[0] else ""
    return series.replace(
        projections=projections,
        step=(
            f"{count} hot or dead pixels replaced by the local median (threshold {threshold:g}"
            f"{with_lines})"
        ),
        metadata={"n_repaired": count, "n_lines_repaired": lines[0]},
    )


def _throughout(images: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Pixels that stick out at most tilts, or never change while their neighbours do."""
    if len(images) < _FEWEST_TILTS:
        return np.zeros(images.shape[1:], bool)
    changes = np.ptp(images, axis=0)
    around = ndimage.median_filter(changes, 5 if changes.ndim == 1 else 3, mode="nearest")
    stuck = (changes == 0) & (around > 0)
    return np.asarray(stuck | (np.abs(np.median(scores, axis=0)) > threshold))


def _repair_lines(images: np.ndarray, threshold: float) -> tuple[int, int]:
    """Mend faulty rows and columns in place; return how many, and of how many pixels."""
    lines = pixels = 0
    for image in images:
        for rows in (image, image.T):
            if len(rows) < 5:
                continue
            bad = _faulty_rows(rows, threshold)
            for i in bad:
                good = [j for j in (i - 1, i + 1) if 0 <= j < len(rows)]
                rows[i] = rows[good].mean(axis=0)
            lines += len(bad)
            pixels += len(bad) * rows.shape[1]
    return lines, pixels


def _faulty_rows(rows: np.ndarray, threshold: float) -> np.ndarray:
    """Rows that stand off both neighbours, along nearly all their length, by more than usual."""
    padded = np.pad(rows.astype(np.float64), ((2, 2), (0, 0)), mode="reflect")
    below, here, above = padded[1:-3], padded[2:-2], padded[3:-1]
    usual = np.maximum(
        np.median(np.abs(below - padded[:-4]), axis=1),
        np.median(np.abs(above - padded[4:]), axis=1),
    )
    high, low = here - np.maximum(below, above), np.minimum(below, above) - here
    apart = np.array([(side > 0).mean(axis=1) > 0.9 for side in (high, low)]).any(axis=0)
    excess = np.maximum(np.median(high, axis=1), np.median(low, axis=1))
    bad = np.flatnonzero(apart & (excess > threshold * usual))
    # A neighbour of a faulty row is no measure for the next one.
    return bad[np.diff(bad, prepend=-2) > 1]


def _neighbourhood(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low value, median and high value around each pixel; lone extremes lie outside low to high."""
    if image.ndim == 2:
        padded = np.pad(image, 1, mode="reflect" if min(image.shape) > 1 else "edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*image.shape, 9)
        low, middle, high = 2, 4, 6
    else:
        padded = np.pad(image, 2, mode="reflect" if image.size > 2 else "edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, 5)
        low, middle, high = 1, 2, 3
    ordered = np.sort(around, axis=-1)
    return ordered[..., low], ordered[..., middle], ordered[..., high]


def _usual_difference(difference: np.ndarray) -> np.ndarray:
    """Mean difference of the neighbours, without the pixel itself, and at least the typical one."""
    sums, counts = (
        7**difference.ndim * ndimage.uniform_filter(array, 7, mode="constant")
        for array in (difference.astype(np.float64), np.ones(difference.shape))
    )
    around = np.maximum(sums - difference, 0) / np.maximum(np.rint(counts) - 1, 1)
    # On a noiseless plateau all differences are zero; what is usual elsewhere is the measure then.
    positive = difference[difference > 0]
    return np.maximum(around, np.median(positive) if positive.size else 0.0)


def _vacuum_peak(image: np.ndarray) -> float:
    """Most frequent value, refined by the mean of what lies within three sigma of it."""
    values = np.sort(image, axis=None).astype(np.float64)
    mode = _half_sample_mode(values)
    below = mode - values[values < mode]
    sigma = _MAD_TO_SIGMA * np.median(below) if below.size else 0.0
    near = values[np.abs(values - mode) <= 3 * sigma]
    return float(near.mean()) if near.size else float(mode)


def _half_sample_mode(values: np.ndarray) -> float:
    """Mode of sorted values: keep the densest half again and again (arXiv:math/0505419)."""
    while values.size > 2:
        half = (values.size + 1) // 2
        widths = values[half - 1 :] - values[: values.size - half + 1]
        narrowest = np.flatnonzero(widths == widths.min())
        first = narrowest[len(narrowest) // 2]
        values = values[first : first + half]
    return float(values.mean())


def _darkest_corner(projections: np.ndarray, fraction: float) -> np.ndarray:
    sizes = [max(1, round(fraction * n)) for n in projections.shape[1:]]
    ends = [(slice(None, size), slice(-size, None)) for size in sizes]
    corners = (
        [(a,) for a in ends[0]] if len(ends) == 1 else [(a, b) for a in ends[0] for b in ends[1]]
    )
    flat = [projections[(slice(None), *corner)].reshape(len(projections), -1) for corner in corners]
    return np.min([np.median(values, axis=1) for values in flat], axis=0).astype(np.float64)
