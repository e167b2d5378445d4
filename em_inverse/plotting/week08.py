"""The figures of week 8, with their titles and their words for readers who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import beam_arrow, legend_beside, log_axis, new_figure, scale_bar
from em_inverse.plotting.pictures import images
from em_inverse.plotting.style import COLOURS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "explorer",
    "foretold",
    "hand",
    "misaligned",
    "needle",
    "prepared",
    "residuals",
    "shadows",
    "sinograms",
    "volumes",
]

WINDOW = (0.0, 1.1)
"""Grey window of every slice of the particle."""

_PIXEL_NM = 20.0
_ABOVE: Any = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "ha": "center",
    "fontsize": 9,
}
_CAMERA = {"azimuth_deg": -20.0, "elevation_deg": 60.0, "zoom": 2.0}
_ORDERS: dict[str, tuple[str, str, Any]] = {
    "sequential": ("naive", "v", (0, (4, 2))),
    "golden": ("tv", "D", "-"),
}


def shadows(either: np.ndarray, right: np.ndarray, left: np.ndarray) -> None:
    """Show what both particles cast at 0°, and each of them at 30°, as images[x, y]."""
    figure = images(
        [either.T, right.T, left.T],
        ["either hand, 0°", "right-handed, 30°", "left-handed, 30°"],
        title="Untilted, the two hands cast the same shadow",
        axes=("y", "x"),
        pixel_size_nm=_PIXEL_NM,
        quantity="projected density (px)",
    )
    apart = 100 * np.linalg.norm(right - left) / np.linalg.norm(right)
    show(
        _smaller(figure, 0.85),
        alt=f"Projections of bow-tie particles, two fans of ribbons that meet at a waist. At 0° "
        f"one picture stands for both hands. At 30° the right-handed one shows its upper fan from "
        f"the front and the lower one edge-on, the left-handed one the reverse: they differ by "
        f"{apart:.0f} %.",
    )


def prepared(raw: np.ndarray, ready: np.ndarray) -> None:
    """Show a projection as it was measured and as it is reconstructed from, as images[x, y]."""
    figure = images(
        [raw.T, ready.T],
        ["as recorded", "prepared"],
        title="Hot pixels and background go first, then the image is centred",
        axes=("y", "x"),
        window=(0, float(np.quantile(raw, 0.998))),
        pixel_size_nm=_PIXEL_NM,
        quantity="projected density (px)",
    )
    show(
        _smaller(figure, 0.85),
        alt=f"Left, the image as recorded: a bow tie before a grey background, a little off the "
        f"middle, with single very bright pixels. Right, prepared: the bow tie in the middle, on "
        f"black. The median of all pixels falls from {np.median(raw):.1f} to "
        f"{abs(np.median(ready)):.1f}.",
    )


def sinograms(before: np.ndarray, after: np.ndarray, angles_deg: np.ndarray) -> None:
    """Show the mass along x at each tilt, clean but unaligned, and centred; both [tilt, x, y]."""
    order = np.argsort(angles_deg)
    pair = [np.clip(stack.sum(axis=2)[order], 0, None) for stack in (before, after)]
    figure = images(
        pair,
        ["where they came", "centred"],
        title="Centring turns a wavering sinogram into a smooth one",
        axes=("tilt (°)", "x"),
        quantity="mass per column of x",
    )
    tilts = np.sort(angles_deg)
    marks = np.arange(-60, 61, 30)
    x = np.arange(before.shape[1])
    centres = [(sinogram @ x) / sinogram.sum(axis=1) for sinogram in pair]
    for panel, centre in zip(figure.axes[:2], centres, strict=True):
        panel.plot(centre, np.arange(len(centre)), color=COLOURS["tv"], linewidth=1.5)
        panel.set_yticks(np.interp(marks, tilts, np.arange(tilts.size)), marks)
    show(
        _smaller(figure, 0.9),
        alt=f"Two sinograms, tilt against x, with the centre of mass as a line. Left the line "
        f"wanders over {np.ptp(centres[0]):.1f} px, and rows stick out; right it stays within "
        f"{np.ptp(centres[1]):.1f} px, and the sinogram is smooth.",
    )


def misaligned(truth: np.ndarray, slices: Mapping[str, np.ndarray]) -> None:
    """Show one slice of the truth, and of reconstructions with and without alignment."""
    figure = images(
        [_middle(x) for x in (truth, *slices.values())],
        ["truth", *slices],
        title="Not moved, the particle frays, and streaks surround it",
        window=WINDOW,
        pixel_size_nm=_PIXEL_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.85),
        alt=f"One slice across the particle: a slanting row of seven ribbons in the truth. Not "
        f"moved, its outline frays, and faint streaks and specks surround it; centred by mass it "
        f"is nearly as in the truth. RMSE of the slice: {_errors(truth, slices)}.",
    )


def residuals(
    tilts: np.ndarray, ratio: np.ndarray, found: Sequence[int], bad: Mapping[int, str]
) -> None:
    """Show the residual of each tilt over their median; ring those that stand out."""
    ringed = np.asarray(found, dtype=int)
    with style():
        figure = new_figure(8.6, 3.5, "A bad projection contradicts the others")
        ax = figure.add_subplot()
        ax.axhline(1, color=COLOURS["measurement"], linewidth=0.8)
        ax.plot(tilts, ratio, "o", color=COLOURS["tikhonov"], label="residual")
        ax.plot(
            tilts[ringed],
            ratio[ringed],
            "o",
            color=COLOURS["naive"],
            markerfacecolor="none",
            markersize=13,
            label="stands out",
        )
        for k, name in bad.items():
            ax.annotate(name, (tilts[k], ratio[k]), (9, 4), textcoords="offset points")
        log_axis(ax.yaxis)
        ax.set_ylim(0.6, 2 * float(ratio.max()))
        ax.set_xlabel("tilt (°)")
        ax.set_ylabel("residual ÷ median")
        legend_beside(ax)
    told = ", ".join(f"{bad.get(int(k), 'another')} {ratio[k]:.1f}" for k in ringed)
    show(
        figure,
        alt=f"Residual of each of {len(tilts)} tilts over their median: nearly all lie near 1. "
        f"Ringed, because they stand out: {told}.",
    )


def hand(
    counts: Sequence[int], seen: Mapping[str, Sequence[tuple[Any, ...]]], true_deg: float
) -> None:
    """Show twist and error of two tilt orders against the number of projections.

    `seen` holds (twist in degrees, RMSE) or more, once for each of `counts`.
    """
    share = 100 * np.asarray(counts) / counts[-1]
    told = []
    with style():
        figure = new_figure(9.4, 3.6, "The order of the tilts decides how early the volume is good")
        left, right = figure.subplots(1, 2)
        for order, found in seen.items():
            twist, rmse = np.array([one[:2] for one in found]).T
            look = _look(order)
            left.plot(share, twist, **look)
            right.plot(share, rmse / rmse[-1], **look)
            parts = zip(counts, twist, rmse / rmse[-1], strict=True)
            told.append(
                f"{order} order: "
                + "; ".join(f"{n} tilts {t:+.0f}°, {e:.1f} × the final error" for n, t, e in parts)
            )
        left.axhline(true_deg, color=COLOURS["truth"], linewidth=1)
        left.annotate("truth", (100, true_deg), (-32, -13), textcoords="offset points")
        left.axhline(0, color=COLOURS["measurement"], linewidth=0.8)
        left.set_ylabel("twist (°), > 0 is right-handed")
        right.set_ylabel("RMSE ÷ final RMSE")
        right.axhline(1.2, color=COLOURS["measurement"], linestyle=":", label="1.2 × final")
        for ax in (left, right):
            for claim, words in ((100 / 3, "a third"), (60, "60 %")):
                ax.axvline(claim, color=COLOURS["measurement"], linewidth=0.8)
                ax.annotate(words, (claim, 1), (0, 3), **_ABOVE)
            ax.set_xlabel("share of the projections (%)")
        legend_beside(right)
    show(
        figure,
        alt=f"Left the twist, right the error, against the share of the projections; upright lines "
        f"at a third and at 60 %. The true twist is {true_deg:+.0f}°. In {'. In '.join(told)}.",
    )


def volumes(view: Any, shown: Mapping[str, np.ndarray]) -> None:
    """Show volumes as a live view draws them, all from one side, three in a row.

    `view` is a :class:`~em_inverse.widgets.VolumeView`; it is turned, and closed at the end.
    """
    view.set_view({"camera": _CAMERA})
    n_rows = -(-len(shown) // 3)
    with style():
        figure = new_figure(
            7.2,
            2.5 * n_rows + 0.4,
            "A third of the tilts shows both fans; all ribbons only golden order with TV",
        )
        panels = figure.subplots(n_rows, 3, squeeze=False).ravel()
        for panel in panels[len(shown) :]:
            panel.remove()
        for panel, (name, volume) in zip(panels, shown.items(), strict=False):
            view.show(volume, "auto")
            # Few greys: noise is what fills the file of a notebook.
            grey = view.picture(200).mean(axis=2) // 8
            panel.imshow(grey, cmap="gray", vmin=0, vmax=31, interpolation="nearest")
            panel.set_title(name)
            panel.set_axis_off()
    view.close()
    show(
        figure,
        alt=f"{len(shown)} volumes, drawn half transparent and seen from one side: "
        f"{'; '.join(shown)}. Five sequential tilts give broad beams of haze and no particle; from "
        f"16 of them two fans appear at an angle to each other, the upper one without ribbons. "
        f"From 16 tilts in golden order TV shows all ribbons of the truth; by SIRT and WBP the "
        f"fans are smoother, and the lower ribbons run together.",
    )


def foretold(missed: Mapping[str, Sequence[float]]) -> None:
    """Show by how much each projection missed its prediction at its arrival, in units of noise.

    The first entry belongs to the second projection: nothing foretold the first.
    """
    with style():
        figure = new_figure(8.6, 3.5, "In golden order what is new soon becomes little")
        ax = figure.add_subplot()
        for order, values in missed.items():
            ax.plot(np.arange(2, len(values) + 2), values, markersize=4, **_look(order))
        ax.axhline(1, color=COLOURS["measurement"], linestyle=":", label="its noise")
        log_axis(ax.yaxis)
        ax.set_xlabel("projection (in the order of arrival)")
        ax.set_ylabel("missed by (× its noise)")
        legend_beside(ax)
    told = "; ".join(
        f"{order} order {np.median(values[-24:-12]):.1f} as the median of twelve, "
        f"{np.median(values[-12:]):.1f} of the last twelve"
        for order, values in missed.items()
    )
    show(
        figure,
        alt=f"By how many times its noise each projection missed its prediction when it came: "
        f"{told}. None comes down to 1.",
    )


def needle(volume: np.ndarray, left: Mapping[float, float], pixel_size_nm: float) -> None:
    """Show the needle across and along, and the residual of each tilt over their median."""
    tilts = np.array(sorted(left))
    ratio = np.array([left[a] for a in tilts]) / np.median(list(left.values()))
    white = float(np.quantile(volume[volume > 0], 0.999))
    middle = volume.shape[0] // 2
    with style():
        figure = new_figure(9.4, 3.4, "The real needle, live: its outermost tilts fit worst")
        across, along, fit = figure.subplots(1, 3, width_ratios=[1, 1, 1.7])
        pictures = (
            (across, volume[:, :, middle], "across", "← z"),
            (along, volume[middle].T, f"along (grey 0 to {white:.0f})", "← y"),
        )
        for ax, picture, words, rows in pictures:
            ax.imshow(picture, cmap="gray", vmin=0, vmax=white)
            scale_bar(ax, pixel_size_nm, picture.shape[1] / 3)
            ax.set_title(words)
            ax.set(xticks=[], yticks=[], xlabel="x →", ylabel=rows)
        beam_arrow(across)
        fit.axhline(1, color=COLOURS["measurement"], linewidth=0.8)
        fit.plot(tilts, ratio, "o", color=COLOURS["tikhonov"], markersize=4)
        fit.set_ylim(bottom=0)
        fit.set_xlabel("tilt (°)")
        fit.set_ylabel("residual ÷ median")
    ends = np.abs(tilts) > 60
    show(
        figure,
        alt=f"Left, a slice across the needle: a round disc on black. Middle, a slice along it: a "
        f"tip of brighter and darker layers that points down, below a dim shaft that leaves the "
        f"frame; grey values from 0 to {white:.0f} in both. Right, the residual of each tilt over "
        f"their median: {np.median(ratio[~ends]):.1f} in the middle of the range, "
        f"{np.median(ratio[ends]):.1f} beyond 60° on either side, at most {ratio.max():.1f}.",
    )


def explorer(widget: Any) -> None:
    """Show what the cockpit looks like when it opens."""
    show(_smaller(widget.snapshot(dpi=80), 0.9), alt=widget.description)


def _look(order: str) -> dict[str, Any]:
    colour, marker, dashes = _ORDERS[order]
    return {
        "color": COLOURS[colour],
        "marker": marker,
        "linestyle": dashes,
        "label": f"{order} order",
    }


def _errors(truth: np.ndarray, slices: Mapping[str, np.ndarray]) -> str:
    """Say how far each slice is from the truth."""
    return ", ".join(f"{n} {np.sqrt(np.mean((s - truth) ** 2)):.2f}" for n, s in slices.items())


def _middle(section: np.ndarray) -> np.ndarray:
    """Cut out the middle two thirds of a section: the rest is vacuum."""
    n = section.shape[0] // 6
    return section[n : section.shape[0] - n, n : section.shape[1] - n]


def _smaller(figure: Figure, share: float) -> Figure:
    """Make pictures smaller: noise is what fills the file of a notebook."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(share * width, share * height)
    return figure
