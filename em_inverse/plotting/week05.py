"""The figures of week 5, with their titles and their words for readers who cannot see them.

Each function draws from the objects of the notebook and shows what it drew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.geometry import fourier_coverage
from em_inverse.plotting.pictures import images, orthoslices
from em_inverse.tilt_series import Reconstruction, TiltSeries

__all__ = ["coverage", "projections", "sections", "sinograms", "tip"]


def projections(series: TiltSeries) -> None:
    """Show the first, the middle and the last projection as recorded."""
    shown = [0, series.n_tilts // 2, series.n_tilts - 1]
    figure = images(
        [series.projections[t].T / 1000 for t in shown],
        [f"tilt {series.angles_deg[t]:+.0f}°".replace("-", "−").replace("+0", "0") for t in shown],
        axes=("y", "x"),
        pixel_size_nm=series.pixel_size_nm,
        quantity="thousand counts",
        title="The layers are as thick at ±76° as at 0°, so the tilt axis runs along the needle",
    )
    show(
        figure,
        alt="Projections at −76°, 0° and 76°: a needle pointing down, a dark shaft above and "
        "bright and dark layers towards its tip. The layers do not get thinner with the tilt, so "
        "the tilt axis runs along the needle, which tilts and drifts a little.",
    )


def sinograms(before: TiltSeries, after: TiltSeries, y: int) -> None:
    """Show one slice at all tilts, before and after alignment."""
    figure = images(
        [series.projections[:, :, y] / 1000 for series in (before, after)],
        ["as recorded", "aligned"],
        axes=("tilt (number)", "x"),
        quantity="thousand counts",
        title="Alignment takes the jumps out of the sinogram",
    )
    show(
        figure,
        alt="Sinograms of one layer, tilt number downwards and position x across. As recorded the "
        "bright band jumps sideways several times; aligned, it is a straight band in the middle.",
    )


def coverage(series: TiltSeries) -> None:
    """Show the lines of Fourier space that the series holds."""
    figure = fourier_coverage(
        series.angles_deg,
        title=f"{series.n_tilts} lines are measured, a wedge around the beam is not",
    )
    low, high = (f"{angle:.0f}°".replace("-", "−") for angle in series.tilt_range_deg)
    show(
        figure,
        alt=f"Lines through the origin of Fourier space every {series.tilt_step_deg:.0f}° from "
        f"{low} to {high}. A wedge around kz, the direction of the beam at 0°, holds no line.",
    )


def sections(wbp: Reconstruction, sirt: Reconstruction, y: int) -> None:
    """Show three sections of both volumes, in one window."""
    brightest = float(sirt.volume.max())
    seen = (
        (
            "Three sections by WBP. Seen along the needle (z, x) its bright disc has black wings "
            "left and right and grey hoods above and below. From the front (y, x) and from the "
            "side (z, y): a needle with bright and dark layers."
        ),
        (
            "The same sections by SIRT, in the same intensity window: the same needle and layers "
            "on an even dark background. Only faint hoods are left above and below the disc."
        ),
    )
    titles = (
        "WBP: dark wings beside the needle, bright hoods above and below it",
        "SIRT: the wings are gone, because nothing may be darker than vacuum",
    )
    for result, title, alt in zip((wbp, sirt), titles, seen, strict=True):
        nz, nx, _ = result.volume.shape
        figure = orthoslices(
            result.volume,
            title=title,
            position=(nz // 2, nx // 2, y),
            window=(-0.2 * brightest, brightest),
            pixel_size_nm=result.pixel_size_nm,
        )
        show(figure, alt=alt)


def tip(results: Mapping[str, Reconstruction], slices: slice) -> None:
    """Show the mean of some slices through the tip, for several reconstructions."""
    first = next(iter(results.values()))
    n = first.volume.shape[0]
    near = slice(n // 4, 3 * n // 4)
    figure = images(
        [np.mean(result.volume[near, near, slices], axis=2) for result in results.values()],
        list(results),
        pixel_size_nm=first.pixel_size_nm,
        title="A wider missing wedge stretches the same tip along the beam",
    )
    show(
        figure,
        alt="The tip of the needle cut across, mean of its slices. With tilts to ±76° it is a "
        "compact spot. With tilts to ±50° WBP makes it nearly twice as long along the beam as "
        "across, with a dark wing on each side; SIRT makes it shorter and cleaner, but still "
        "longer than wide.",
    )
