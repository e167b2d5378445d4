"""Before alignment: background, and detector faults."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from em_inverse.errors import check_choice, check_number
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["remove_background", "repair"]


def remove_background(
    series: TiltSeries,
    method: str = "histogram",
    *,
    corner: float = 0.1,
    percentile: float = 5.0,
    clip: bool = False,
) -> TiltSeries:
    """Subtract from each projection the level that vacuum has in it.

    Tomography assumes that a ray which meets nothing measures zero. Detectors add an offset (which
    may be negative, and may drift from tilt to tilt), and any of it that is left is reconstructed
    as a disc around the object.

    Parameters
    ----------
    series : TiltSeries
    method : {'histogram', 'corner', 'percentile'}
        How the vacuum level is found in each projection.

        'histogram'
            The most frequent value, then the mean of everything within three standard deviations
            of it. For projections in which vacuum is the largest area of one level.
        'corner'
            The lowest of the medians of the four corners (of a sinogram: the two ends). For objects
            that leave at least one corner free.
        'percentile'
            A low percentile. It lies a little below the mean of a noisy vacuum.
    corner : float
        Size of a corner as a fraction of each side.
    percentile : float
        Percentile for the method of that name.
    clip : bool
        Set what remains below zero to zero. Needed for counting statistics (MLEM), but it turns
        the noise of the vacuum, zero on average, into a faint positive haze.

    Returns
    -------
    TiltSeries
        With the levels in ``metadata["background"]``, shape (n_tilts,).

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.full((1, 64), -27000); counts[0, 20:30] = 5000
    >>> clean = remove_background(TiltSeries(counts, [0]))
    >>> float(clean.projections.min()), float(clean.projections.max())
    (0.0, 32000.0)
    """
    series = check_series(series)
    check_choice(method, "method", ("histogram", "corner", "percentile"))
    corner = check_number(corner, "corner", minimum=0, maximum=0.5, exclusive=True)
    percentile = check_number(percentile, "percentile", minimum=0, maximum=100)
    if method == "histogram":
        levels = np.array([_vacuum_peak(image) for image in series.projections])
        how = "peak of the histogram"
    elif method == "corner":
        levels = _darkest_corner(series.projections, corner)
        how = f"darkest corner, {corner:.0%} of each side"
    else:
        levels = np.array([np.percentile(image, percentile) for image in series.projections])
        how = f"percentile {percentile:g}"
    spread = levels.reshape((-1,) + (1,) * (series.projections.ndim - 1))
    projections = (series.projections.astype(np.float64) - spread).astype(series.projections.dtype)
    if clip:
        projections = np.maximum(projections, 0)
    step = (
        f"background subtracted from each projection ({how}; {levels.min():.6g} to "
        f"{levels.max():.6g}{', negative values set to zero' if clip else ''})"
    )
    return series.replace(projections=projections, step=step, metadata={"background": levels})


def repair(series: TiltSeries, *, threshold: float = 6.0) -> TiltSeries:
    """Replace hot and dead pixels by the median of their neighbours.

    A faulty pixel sticks out of its surroundings as nothing does that the probe has blurred. Of the
    3 × 3 pixels around it all but at most one lie on the same side of it, at a distance of more
    than `threshold` times what is usual there: the mean difference between a pixel and the median
    of its neighbours, over the 7 × 7 pixels around (or over the whole projection, whichever is
    larger). Edges and texture raise what is usual and are left alone. In a sinogram 5 and 7 pixels
    in a row take the place of the squares, and only single pixels are found.

    Parameters
    ----------
    series : TiltSeries
    threshold : float
        Lower finds fainter faults, and sooner or later the noise.

    Returns
    -------
    TiltSeries
        With the number of pixels replaced in ``metadata["n_repaired"]``.

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
    count = 0
    for image in projections:
        low, median, high = _neighbourhood(image)
        beyond = np.maximum(image - high, low - image)
        faulty = beyond > threshold * _usual_difference(np.abs(image - median))
        image[faulty] = median[faulty]
        count += int(faulty.sum())
    return series.replace(
        projections=projections,
        step=f"{count} hot or dead pixels replaced by the local median (threshold {threshold:g})",
        metadata={"n_repaired": count},
    )


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


_MAD_TO_SIGMA = 1.4826


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
