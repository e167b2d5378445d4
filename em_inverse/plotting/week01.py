"""The figures of week 1, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import (
    beam_arrow,
    legend_beside,
    log_axis,
    new_figure,
    window_text,
)
from em_inverse.plotting.pictures import images
from em_inverse.plotting.style import COLOURS, GREY, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "back_projections",
    "chain",
    "columns",
    "doses",
    "explorer",
    "pair",
    "separation_figure",
    "sinogram",
    "snr",
    "snr_figure",
]

_BLACK = COLOURS["truth"]
_GREY = COLOURS["measurement"]
_CERTAIN = 4.0


def chain(
    sharp: np.ndarray, clean: np.ndarray, counts: np.ndarray, pixel_size_nm: float = 0.05
) -> None:
    """Show the object, what the probe makes of it, and what the detector counts.

    All three are in expected or counted electrons per pixel.
    """
    figure = images(
        [picture.T for picture in (sharp, clean, counts)],
        [r"object, $\sum Z^\gamma x$", "Hx, after the probe", "y, counted"],
        title="Probe and counting stand between the particle and its picture",
        axes=("y", "x"),
        window=(0.0, float(np.ceil(1.5 * sharp.max()))),
        pixel_size_nm=pixel_size_nm,
        quantity="electrons per pixel",
    )
    beam_arrow(figure.axes[0], down=False)
    show(
        figure,
        alt=f"Three pictures of one particle in one window. A bright core in a darker shell with "
        f"sharp edges; the same with soft edges; and the counted image, a coarse grain of 0 to "
        f"{counts.max():.0f} electrons per pixel in which the core is plain and the shell faint.",
    )


def doses(counted: Mapping[float, np.ndarray], pixel_size_nm: float = 0.05) -> None:
    """Show counts at several doses (e/nm²), divided by the electrons that landed on a pixel."""
    shares = [100 * n.T / (dose * pixel_size_nm**2) for dose, n in counted.items()]
    words = [_power(dose) + " e/nm²" for dose in counted]
    figure = images(
        shares,
        words,
        title="A hundred times the dose makes the grain ten times fainter",
        axes=("y", "x"),
        window=(0.0, 5.0),
        pixel_size_nm=pixel_size_nm,
        quantity="share of electrons counted (%)",
    )
    beam_arrow(figure.axes[0], down=False)
    largest = [int(n.max()) for n in counted.values()]
    show(
        figure,
        alt=f"The same particle at {len(counted)} doses. At {words[0]} there are only scattered "
        f"bright dots, at most {largest[0]} electrons each, denser in the middle. At {words[-1]}, "
        f"with up to {largest[-1]} electrons per pixel, core and shell are smooth.",
    )


def snr(dose: np.ndarray, quiet: np.ndarray, loud: np.ndarray, measured: np.ndarray) -> None:
    """Show the signal-to-noise ratio of a pixel against the dose; see :func:`snr_figure`."""
    figure = snr_figure(dose, quiet, loud, measured)
    show(
        figure,
        alt=f"Signal-to-noise ratio of one pixel against dose, both logarithmic. Counting alone "
        f"gives a straight line from {quiet[0]:.2f} to {quiet[-1]:.0f}; with read-out noise the "
        f"curve is lower and steeper at low dose ({loud[0]:.3f} at the left end) and joins the "
        f"line at high dose. Measured points lie on the curves.",
    )


def snr_figure(
    dose: np.ndarray, quiet: np.ndarray, loud: np.ndarray, measured: np.ndarray | None = None
) -> Figure:
    """Draw the signal-to-noise ratio against dose, without and with read-out noise.

    Parameters
    ----------
    dose : ndarray, shape (n,)
        Electrons per nm².
    quiet, loud : ndarray, shape (n,)
        Ratio without and with read-out noise.
    measured : ndarray, shape (2, n), optional
        The same two, measured.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = snr_figure(np.array([1e3, 1e5]), np.array([0.3, 3.0]), np.array([0.1, 2.0]))
    >>> figure.axes[0].get_xscale()
    'log'
    """
    with style():
        figure = new_figure(8.6, 3.6, "Read-out noise costs most where the dose is low")
        ax = figure.add_subplot()
        ax.plot(dose, quiet, color=_BLACK, linestyle="-", label="counting only: √N")
        ax.plot(dose, loud, color=_BLACK, linestyle="--", label="with read-out noise")
        if measured is not None:
            points: dict[str, Any] = {"color": _GREY, "linestyle": "none", "markersize": 6}
            ax.plot(dose, measured[0], marker="o", label="measured, counting only", **points)
            ax.plot(dose, measured[1], marker="^", label="measured, with read-out", **points)
        ax.axhline(1.0, color=_GREY, linestyle=":", label="signal = noise")
        for axis in (ax.xaxis, ax.yaxis):
            log_axis(axis)
        ax.set_xlabel("dose (e/nm²)")
        ax.set_ylabel("signal / noise of one pixel")
        legend_beside(ax)
    return figure


def columns(position_pm: np.ndarray, profiles: Mapping[float, np.ndarray]) -> None:
    """Show two columns through the probe at several distances (pm)."""
    with style():
        figure = new_figure(9.0, 2.7, "Up to a distance of 2σ, two columns make one hump")
        panels = figure.subplots(1, len(profiles), sharey=True)
        for ax, (gap, profile) in zip(panels, profiles.items(), strict=True):
            top = profile.max()
            ax.plot(position_pm, profile / top, color=_BLACK, linestyle="-")
            for side in (-gap / 2, gap / 2):
                ax.axvline(side, color=_GREY, linestyle=":")
            ax.set_title(f"{gap:.0f} pm apart: {_peaks(profile)}")
            ax.set_xlabel("position (pm)")
            ax.set_ylim(0, 1.08)
        panels[0].set_ylabel("intensity / largest")
    told = "; ".join(f"{gap:.0f} pm apart, {_peaks(p)}" for gap, p in profiles.items())
    show(figure, alt=f"Blurred profiles of two columns, dotted lines at their places: {told}.")


def sinogram(
    x: np.ndarray, tilts: np.ndarray, data: np.ndarray, point: tuple[float, float] | None = None
) -> None:
    """Show a slice ``x[z, x]`` and its projections, tilt by tilt.

    Parameters
    ----------
    x : ndarray, shape (nz, nx)
    tilts : ndarray, shape (k,)
        In degrees.
    data : ndarray, shape (k, nx)
    point : (float, float), optional
        A point (z, x) in pixels to be marked in the slice; its way is drawn in the sinogram.
    """
    with style():
        figure = new_figure(8.6, 3.7, "A tilt series stacks one profile per tilt: a sinogram")
        left, right = figure.subplots(1, 2)
        shown = left.imshow(x, cmap=GREY)
        left.set(title="object: a slice", xlabel="x (px) →", ylabel="← z (px)")
        beam_arrow(left)
        _bar(figure, shown, left, f"density\nwindow {window_text(x.min(), x.max())}")
        extent = (-0.5, data.shape[1] - 0.5, float(tilts[-1]), float(tilts[0]))
        shown = right.imshow(data, cmap=GREY, extent=extent, aspect="auto")
        right.set(title="y: the sinogram", xlabel="x (px) →", ylabel="← tilt (degrees)")
        words = f"material along the ray (px)\nwindow {window_text(data.min(), data.max())}"
        _bar(figure, shown, right, words)
        if point is not None:
            _mark(left, right, point, x.shape, tilts)
    show(
        figure,
        alt=f"Left a cube, cut across, with round pores. Right its sinogram, tilt from "
        f"{tilts[0]:.0f}° to {tilts[-1]:.0f}° downwards: a bright band whose edges move with the "
        f"tilt, crossed by thin dark curves, one for each pore."
        f"{' A dashed line follows one of them: an arc.' if point else ''}".replace("-", "−"),
    )


def back_projections(x: np.ndarray, smeared: Mapping[str, np.ndarray]) -> None:
    """Show a slice beside what the adjoint makes of its projections, each in its own scale."""
    pictures = [x, *smeared.values()]
    figure = images(
        [picture / picture.max() for picture in pictures],
        ["object", *smeared],
        title="The adjoint smears the data back: a shadow of the object, not the object",
        window=(0.0, 1.0),
        quantity="each relative to its largest value",
    )
    few, many = smeared
    show(
        figure,
        alt=f"Left the cube with pores. Hᵀ of {few}: vertical stripes, because nothing in them "
        f"tells where along the beam the material was. Hᵀ of {many}: a blurred bright cube with "
        f"a halo and faint pores.",
    )


def pair(
    objects: Sequence[np.ndarray],
    tilts: Sequence[float],
    expected: Sequence[np.ndarray],
    counted: Sequence[np.ndarray],
) -> None:
    """Show two objects, and their projections at two tilts.

    Parameters
    ----------
    objects : two ndarrays ``x[z, x]``
    tilts : two numbers, in degrees
    expected : two ndarrays of shape (2, n)
        Expected counts of both objects at each tilt.
    counted : two ndarrays of shape (n,)
        One measurement of the first object at each tilt.
    """
    with style():
        figure = new_figure(8.6, 6.6, "Two objects, one projection; tilt, and they part")
        panels = figure.subplots(2, 2, height_ratios=[1.25, 1])
        for ax, x, name in zip(panels[0], objects, "AB", strict=True):
            ax.imshow(x, cmap=GREY, vmin=0, vmax=1)
            ax.set(title=f"object {name}", xlabel="x (px) →", ylabel="← z (px)")
            beam_arrow(ax)
        top = 1.15 * max(float(np.max(n)) for n in counted)
        for ax, tilt, (a, b), n in zip(panels[1], tilts, expected, counted, strict=True):
            ax.plot(n, color=_GREY, marker=".", linestyle="none", label="one measurement of A")
            ax.plot(a, color=_BLACK, linestyle="-", linewidth=4, alpha=0.35, label="A, expected")
            ax.plot(b, color=_BLACK, linestyle="--", linewidth=1.6, label="B, expected")
            ax.set(title=f"tilt {tilt:.0f}°", xlabel="x (px)", ylim=(0, top))
            ax.set_xlim(0.15 * n.size, 0.85 * n.size)
        panels[1][0].set_ylabel("electrons per pixel")
        legend_beside(panels[1][1])
    apart = [np.abs(a - b).max() for a, b in expected]
    show(
        figure,
        alt=f"Object A: two round particles, one above the other along the beam. Object B: one "
        f"upright ellipse. At {tilts[0]:.0f}° their projections lie on each other; at "
        f"{tilts[1]:.0f}° A shows two humps and B one, and they differ by up to {apart[1]:.1f} "
        f"electrons per pixel. Single counts scatter by two or three electrons.",
    )


def separation_figure(tilts: np.ndarray, apart: np.ndarray) -> Figure:
    """Draw how many standard deviations two projections are apart, against the tilt.

    Examples
    --------
    >>> separation_figure(np.arange(3.0), np.arange(3.0)).axes[0].get_xlabel()
    'tilt of the second image (degrees)'
    """
    with style():
        figure = new_figure(8.6, 3.4, "The difference grows out of the noise within a few degrees")
        ax = figure.add_subplot()
        ax.plot(
            tilts,
            apart,
            color=_BLACK,
            linestyle="-",
            label="difference / noise,\nall pixels together",
        )
        ax.axhline(_CERTAIN, color=_GREY, linestyle="--", label="needed for 99 %")
        ax.set_xlabel("tilt of the second image (degrees)")
        ax.set_ylabel("standard deviations apart")
        ax.set_ylim(bottom=0)
        legend_beside(ax)
    return figure


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(widget.snapshot(), alt=f"The explorer as it opens: {widget.view.description}")


def _peaks(profile: np.ndarray) -> str:
    """Count the maxima of a profile; a flat top of two equal pixels counts once."""
    y = profile.round(9)
    count = int(np.sum((y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:])))
    return "one peak" if count == 1 else "two peaks" if count == 2 else f"{count} peaks"


def _power(dose: float) -> str:
    """Write a power of ten as one.

    >>> _power(1e6)
    '10⁶'
    """
    return "10" + str(round(np.log10(dose))).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _mark(
    left: Axes,
    right: Axes,
    point: tuple[float, float],
    shape: tuple[int, ...],
    tilts: np.ndarray,
) -> None:
    """Ring a point of the slice, and draw where it falls on the detector at each tilt."""
    from matplotlib import patheffects

    z, x = (at - (size - 1) / 2 for at, size in zip(point, shape, strict=True))
    angle = np.deg2rad(tilts)
    way = x * np.cos(angle) + z * np.sin(angle) + (shape[1] - 1) / 2
    outline = [patheffects.withStroke(linewidth=3, foreground="black")]
    left.plot(
        [point[1]],
        [point[0]],
        marker="o",
        markersize=17,
        markerfacecolor="none",
        markeredgecolor="black",
        markeredgewidth=1.5,
    )
    right.plot(way, tilts, color="white", linestyle="--", path_effects=outline)


def _bar(figure: Figure, shown: Any, ax: Axes, words: str) -> None:
    bar = figure.colorbar(shown, ax=ax, shrink=0.9, aspect=20, pad=0.02)
    bar.outline.set(edgecolor=_GREY, linewidth=0.6)
    bar.set_label(words)
