"""The figures of week 5, with their titles and their words for readers who cannot see them.

Each function draws from the objects of the notebook and shows what it drew.
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
    number,
    scale_bar,
    text_size,
    window_text,
)
from em_inverse.plotting.geometry import largest_gap
from em_inverse.plotting.style import COLOURS, DIVERGING, GREY, style
from em_inverse.tilt_series import TiltSeries

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "damage",
    "dose",
    "explorer",
    "fan",
    "filtering",
    "fingerprints",
    "fourier_slice",
    "needle",
    "projections",
    "stretching",
]

_WEDGE = "#F2D3C2"
_LEVELS = 20
_FEW_LEVELS = 10
# From here on thin lines are drawn without soft edges, which would cost more than they show.
_MANY = 20


def projections(x: np.ndarray, sinogram: np.ndarray, angles: np.ndarray, s: np.ndarray) -> None:
    """Show a slice, its sinogram, and the sinusoid of one particle."""
    half = x.shape[1] / 2
    with style():
        fig = new_figure(8.6, 3.5, "Every particle draws a sinusoid; the sinogram is their sum")
        left, right = fig.subplots(1, 2, width_ratios=[1, 1.35])
        _slice(left, x, (0, float(x.max())), "slice x[z, x]", arrow=True)
        right.imshow(
            sinogram, cmap=GREY, aspect="auto", extent=(-half, half, angles[-1], angles[0])
        )
        right.plot(s, angles, color=COLOURS["naive"], linestyle="--", linewidth=1.8)
        right.set_title("sinogram, and one sinusoid (dashed)")
        right.set_xlabel("detector coordinate s (nm)")
        right.set_ylabel("tilt θ (°)")
        right.set_yticks([-90, -45, 0, 45, 90])
    show(
        fig,
        alt="Left, a dim disc with five bright particles. Right, its sinogram with the tilt "
        "downwards: a broad band that does not move, and in it five bright curves. The dashed "
        "sinusoid computed from the place of one particle follows one of them.",
    )


def fourier_slice(
    x: np.ndarray, angle: float, q: np.ndarray, projected: np.ndarray, on_line: np.ndarray
) -> None:
    """Show the 2-D transform with one line on it, and both spectra along that line."""
    n = x.shape[0]
    power = np.log10(np.abs(np.fft.fftshift(np.fft.fft2(x))) + 1e-3)
    t = np.deg2rad(angle)
    with style():
        fig = new_figure(8.6, 3.3, "A projection holds one line of Fourier space, and all of it")
        left, right = fig.subplots(1, 2, width_ratios=[1, 1.5])
        edge = 0.5 * (1 + 1 / n)
        left.imshow(power, cmap=_greys(_FEW_LEVELS), vmin=-1, extent=(-edge, edge, edge, -edge))
        ends = 0.5 * np.array([-1.0, 1.0])
        left.plot(
            ends * np.cos(t), ends * np.sin(t), color=COLOURS["naive"], linestyle="--", lw=1.8
        )
        left.set_title("2-D transform (log)")
        left.set_xlabel("kx (cycles/px)")
        left.set_ylabel("kz, down (cycles/px)")
        right.plot(
            q, np.abs(on_line), color=COLOURS["truth"], lw=3.0, label="2-D transform\non the line"
        )
        right.plot(
            q,
            np.abs(projected),
            color=COLOURS["naive"],
            linestyle="--",
            label="transform of\nthe projection",
        )
        right.set_yscale("log")
        log_axis(right.yaxis)
        right.set_xlabel("frequency along the line (cycles/px)")
        right.set_ylabel("amplitude")
        legend_beside(right)
    show(
        fig,
        alt=f"Left, the two-dimensional Fourier transform of the slice with a dashed line through "
        f"its centre at {angle:.0f}°. Right, amplitudes along it: the transform of the projection "
        f"at {angle:.0f}° follows the line of the two-dimensional transform, dip by dip, and "
        f"leaves it a little at the highest frequencies only.",
    )


def fan(schemes: Sequence[np.ndarray], slices: Sequence[np.ndarray]) -> None:
    """Show the lines in Fourier space growing in number, above the slices that they give."""
    window = (-0.2, 1.0)
    with style():
        fig = new_figure(8.6, 5.5, "The fan fills up: more tilts, fewer streaks, the same wedge")
        rows = fig.subplots(2, len(schemes))
        for k, (angles, image) in enumerate(zip(schemes, slices, strict=True)):
            _coverage(rows[0, k], angles, f"{angles.size} tilts, step {_step(angles)}")
            shown = _slice(rows[1, k], image, window, "slice by WBP", arrow=k == 0, keep=78)
            if k:
                for row in (0, 1):
                    rows[row, k].set_ylabel("")
        _bar(fig, shown, list(rows.ravel()), window, 0.4)
    counts = ", ".join(str(angles.size) for angles in schemes)
    show(
        fig,
        alt=f"Three columns for {counts} tilts between −70° and 70°. Above, lines through the "
        f"centre of Fourier space, more and more of them, always with the same empty wedge around "
        f"kz. Below, the slice: a star of streaks around each bright particle, then a clean disc "
        f"in which the particles are drawn out upwards and downwards.",
    )


def filtering(pictures: Mapping[str, np.ndarray]) -> None:
    """Show back-projection and its filtered versions in one window."""
    figure = _row(pictures, "The ramp takes the fog away, and amplifies the noise")
    show(
        figure,
        alt="Three slices. Plain back-projection shows the particles in thick fog. After the ramp "
        "filter they are sharp on an even disc. From noisy projections the ramp filter gives the "
        "same particles under a coarse grain.",
    )


def stretching(schemes: Sequence[np.ndarray], slices: Sequence[np.ndarray]) -> None:
    """Show wider and wider wedges above the round particle that they stretch."""
    window = (-0.3, 1.0)
    with style():
        fig = new_figure(8.6, 4.7, "The wedge opens around the beam, and the sphere follows it")
        rows = fig.subplots(2, len(schemes))
        for k, (angles, image) in enumerate(zip(schemes, slices, strict=True)):
            _coverage(rows[0, k], angles, f"tilts to ±{np.abs(angles).max():.0f}°")
            shown = _slice(rows[1, k], image, window, "", arrow=k == 0, keep=44)
            if k:
                for row in (0, 1):
                    rows[row, k].set_ylabel("")
                    rows[row, k].set_yticklabels([])
        _bar(fig, shown, list(rows.ravel()), window, 0.4)
    reach = ", ".join(f"±{np.abs(angles).max():.0f}°" for angles in schemes)
    show(
        fig,
        alt=f"Four columns for tilts to {reach}. Above, the fan of measured lines with a growing "
        f"empty wedge around kz. Below, a round particle: round, then slightly taller, then a lens "
        f"about twice as tall as wide, then a spindle about three times as tall, with dark wings "
        f"left and right.",
    )


def dose(pictures: Mapping[str, np.ndarray]) -> None:
    """Show slices of one total dose, split over more and more tilts."""
    figure = _row(pictures, "The same electrons in more images: streaks go, grain stays")
    show(
        figure,
        alt="Three slices from the same total dose. With few tilts streaks and grain mix; with "
        "more tilts the streaks are gone and the grain is as before; with the most tilts and "
        "read-out noise in each image the grain is coarser again.",
    )


def damage(slices: Mapping[str, np.ndarray], when: Any) -> None:
    """Show what three orders make of one shrinking disc, and where early and late disagree.

    `when` is the result of :func:`em_inverse.tomography.damage_alarm`.
    """
    from matplotlib import colormaps

    window = (-0.3, 1.1)
    with style():
        fig = new_figure(8.6, 2.6, "A shrinking particle: the order of the tilts decides its shape")
        panels = fig.subplots(1, len(slices) + 1)
        for k, (name, image) in enumerate(slices.items()):
            shown = _slice(panels[k], image, window, name, arrow=k == 0, keep=60)
            if k:
                panels[k].set_ylabel("")
                panels[k].set_yticklabels([])
        _bar(fig, shown, list(panels[: len(slices)]), window, 0.62)
        limit, half = float(np.abs(when.map).max()), when.map.shape[0] / 2 - 18
        last = panels[-1]
        seen = last.imshow(
            when.map[18:-18, 18:-18],
            cmap=colormaps[DIVERGING].resampled(_LEVELS),
            vmin=-limit,
            vmax=limit,
            extent=(-half, half, half, -half),
        )
        last.set_title(f"{next(iter(slices))}:\nearly − late")
        last.set_xlabel("x (nm) →")
        last.set_yticklabels([])
        bar = fig.colorbar(seen, ax=last, shrink=0.62, aspect=12, pad=0.02)
        bar.set_label("standard deviations")
    names = ", ".join(slices)
    show(
        fig,
        alt=f"The same shrinking disc from three orders of the tilts ({names}): the outlines "
        f"differ in height and width. On the right, where early and late projections of the "
        f"first order disagree: red bands at the flanks, where matter has gone.",
    )


def needle(before: TiltSeries, after: TiltSeries, y: int) -> None:
    """Show one real projection, and the sinogram of one layer before and after alignment."""
    t = int(np.abs(before.angles_deg).argmin())
    pixel = before.pixel_size_nm or 1.0
    low, high = before.angles_deg[0], before.angles_deg[-1]
    width = before.projections.shape[1]
    with style():
        fig = new_figure(8.6, 3.4, "The real needle: alignment takes the jumps out of the sinogram")
        first, *rest = fig.subplots(1, 3, width_ratios=[1, 1.15, 1.15])
        first.imshow(before.projections[t].T, cmap=GREY)
        first.axhline(y, color=COLOURS["naive"], linestyle="--", lw=1.5)
        first.set_title("projection at 0°")
        first.set_xticks([])
        first.set_yticks([])
        first.set_xlabel("x →")
        first.set_ylabel("← y, tilt axis")
        scale_bar(first, pixel, 0.35 * width)
        for ax, series, words in zip(rest, (before, after), ("recorded", "aligned"), strict=True):
            ax.imshow(
                series.projections[:, :, y],
                cmap=GREY,
                aspect="auto",
                extent=(0, width * pixel, high, low),
            )
            ax.set_title(f"dashed layer, {words}")
            ax.set_xlabel("x (nm)")
            ax.set_yticks([-60, -30, 0, 30, 60])
        rest[0].set_ylabel("tilt θ (°)")
    show(
        fig,
        alt="Left, the needle at 0°: it points down, a dark shaft above, bright and dark layers "
        "towards the tip; the tilt axis runs along it. Middle, the sinogram of one layer as "
        "recorded: a bright band that jumps sideways. Right, aligned: a straight band.",
    )


def fingerprints(sections: Mapping[str, np.ndarray], pixel_size_nm: float) -> None:
    """Show real sections with the name of each artefact written beside it.

    `sections` are, in this order: the full series, a cut tilt range, and a coarse step.
    """
    marks = (
        (("wing", (52, 32), (55, 12)), ("hood", (32, 45), (42, 58))),
        (("lens tip", (32, 18), (50, 6)), ("dark middle", (32, 32), (13, 12)),
         ("ray", (16, 48), (12, 60))),
        (("streaks", (40, 16), (36, 3)), ("wing", (56, 32), (54, 57))),
    )  # fmt: skip
    causes = (
        "wing, hood: the missing\nwedge of 28°",
        "lens, ray: a wedge of 80°\ndark middle: the detector?",
        "streaks: a step of 12°\nis too coarse",
    )
    top = max(float(image.max()) for image in sections.values())
    window = (-0.25 * top, 0.6 * top)
    with style():
        fig = new_figure(8.6, 3.6, "Artefacts by name, on one layer of the real needle")
        panels = fig.subplots(1, len(sections))
        for k, (name, image) in enumerate(sections.items()):
            ax = panels[k]
            shown = ax.imshow(image, cmap=_greys(), vmin=window[0], vmax=window[1])
            ax.set_title(name)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_xlabel(f"x →\n{causes[k]}")
            if k == 0:
                ax.set_ylabel("← z")
                beam_arrow(ax)
                scale_bar(ax, pixel_size_nm, 0.3 * image.shape[1])
            for words, at, where in marks[k]:
                _pointer(ax, words, at, where)
        bar = fig.colorbar(shown, ax=list(panels), shrink=0.8, aspect=20, pad=0.02)
        bar.set_label(f"thousand counts\none window, {window_text(*window)}")
    show(
        fig,
        alt="One layer of the needle, cut across, three times. All 77 tilts: a round disc with a "
        "dark wing on each side and pale hoods above and below. Tilts to ±50° only: the disc has "
        "become a lens with a darker middle and pointed tips, from which pale rays leave along the "
        "last tilts. Every sixth tilt: the disc is round, the background full of "
        "fine streaks.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    figure = widget.snapshot(dpi=80)
    width, height = figure.get_size_inches()
    figure.set_size_inches(0.92 * width, 0.92 * height)
    show(
        figure,
        alt="The explorer as it opens: the measured lines in Fourier space, the newest brightest, "
        "with an empty wedge around the beam, the slice with a particle drawn out along the beam, "
        "and profiles along and across the beam.",
    )


def _row(pictures: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw slices side by side in one window."""
    window = (-0.2, 1.0)
    with style():
        fig = new_figure(8.6, 3.0, title)
        panels = fig.subplots(1, len(pictures))
        for k, (name, image) in enumerate(pictures.items()):
            shown = _slice(panels[k], image, window, name, arrow=k == 0, keep=76)
            if k:
                panels[k].set_ylabel("")
                panels[k].set_yticklabels([])
        _bar(fig, shown, list(panels), window)
    return fig


def _step(angles: np.ndarray) -> str:
    return f"{number(float(np.median(np.diff(np.sort(angles)))))}°"


def _coverage(ax: Axes, angles: np.ndarray, title: str) -> None:
    """Draw the measured lines, kz downwards, and the missing wedge behind them."""
    from matplotlib.patches import Wedge

    start, gap, usual = largest_gap(angles)
    theta = np.deg2rad(angles)
    ends = 0.5 * np.stack([np.cos(theta), np.sin(theta)])
    breaks = np.full(angles.size, np.nan)
    ax.plot(
        *(np.stack([-end, end, breaks], axis=1).ravel() for end in ends),
        color=COLOURS["truth"],
        linestyle="-",
        linewidth=float(np.clip(40 / angles.size, 0.35, 1.4)),
        antialiased=angles.size < _MANY,
    )
    if gap > 1.5 * usual:
        for turn in (0, 180):
            ax.add_patch(
                Wedge(
                    (0, 0),
                    0.5,
                    start + turn,
                    start + gap + turn,
                    facecolor=_WEDGE,
                    edgecolor=COLOURS["naive"],
                    hatch="//",
                    linewidth=0,
                    zorder=0.5,
                )
            )
    ax.set_aspect("equal")
    ax.set_xlim(-0.53, 0.53)
    ax.set_ylim(0.53, -0.53)
    ax.set_xticks([-0.5, 0, 0.5])
    ax.set_yticks([-0.5, 0, 0.5])
    ax.set_title(title)
    ax.set_xlabel("kx (cycles/px)")
    ax.set_ylabel("kz, down")


def _slice(
    ax: Axes,
    image: np.ndarray,
    window: tuple[float, float],
    title: str,
    *,
    arrow: bool,
    keep: int | None = None,
) -> Any:
    """Draw the middle `keep` pixels of a slice, counted in nm from the tilt axis."""
    n = image.shape[0]
    cut = (n - (keep or n)) // 2
    half = n / 2 - cut
    shown = ax.imshow(
        image[cut : n - cut, cut : n - cut],
        cmap=_greys(),
        vmin=window[0],
        vmax=window[1],
        extent=(-half, half, half, -half),
    )
    ax.spines[:].set_visible(False)
    ax.locator_params(nbins=4, integer=True)
    ax.set_title(title)
    ax.set_xlabel("x (nm) →")
    ax.set_ylabel("← z (nm)")
    if arrow:
        beam_arrow(ax)
    return shown


def _greys(levels: int = _LEVELS) -> Any:
    """Few enough greys that noise does not make a notebook heavy."""
    from matplotlib import colormaps

    return colormaps[GREY].resampled(levels)


def _bar(
    fig: Figure, shown: Any, panels: list[Axes], window: tuple[float, float], shrink: float = 0.9
) -> None:
    bar = fig.colorbar(shown, ax=panels, shrink=shrink, aspect=16, pad=0.02, anchor=(0.0, 0.15))
    bar.set_label(f"intensity\nwindow {window_text(*window)}")


def _pointer(ax: Axes, words: str, at: tuple[float, float], where: tuple[float, float]) -> None:
    ax.annotate(
        words,
        at,
        xytext=where,
        ha="center",
        va="center",
        color="black",
        fontsize=text_size(),
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "#F0E442", "edgecolor": "none"},
        arrowprops={"arrowstyle": "-|>", "color": "#F0E442", "lw": 1.6, "shrinkA": 0},
    )
