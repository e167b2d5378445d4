"""The figures of week 8, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import legend_beside, new_figure, window_text
from em_inverse.plotting.pictures import images
from em_inverse.plotting.style import COLOURS, GREY, LINESTYLES, MARKERS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "alarms",
    "centres",
    "explorer",
    "forming",
    "methods",
    "misaligned",
    "needle",
    "prepared",
    "shadows",
    "stopping",
    "twist",
]

WINDOW = (0.0, 1.2)
"""Grey window of every slice of the particle."""

_NM = 5.0
_COUNT = "projections so far"
_ORDERS = {"sequential": ("naive", "v"), "golden": ("tv", "D")}


def shadows(by_hand: Mapping[str, Mapping[float, np.ndarray]]) -> None:
    """Show projections of both hands at a few tilts, ``by_hand[hand][angle]``, as image[x, y]."""
    hands = list(by_hand)
    angles = list(by_hand[hands[0]])
    shown = [by_hand[hand][angle].T for hand in hands for angle in angles]
    top = float(max(picture.max() for picture in shown))
    figure = images(
        shown,
        [f"{hand}, {angle:g}°" for hand in hands for angle in angles],
        title="Upright, both hands cast the same shadow; tilted, they do not",
        axes=("y", "x"),
        window=(0, top),
        pixel_size_nm=_NM,
        quantity="projected density (px)",
    )
    same = np.abs(by_hand[hands[0]][angles[0]] - by_hand[hands[1]][angles[0]]).max()
    show(
        _smaller(figure, 0.75),
        alt=f"Projections of the right-handed particle above and of the left-handed one below, "
        f"each at {', '.join(f'{a:g}°' for a in angles)}; the tilt axis y is vertical. Two fans "
        f"that meet at a waist. At {angles[0]:g}° the two are alike (largest difference "
        f"{same:.3f}); tilted, one shows a broad upper fan where the other shows a narrow one.",
    )


def prepared(raw: np.ndarray, cleaned: np.ndarray) -> None:
    """Show a projection as recorded and as it is handed to the reconstruction, image[x, y]."""
    top = float(np.quantile(cleaned, 0.998))
    figure = images(
        [np.minimum(raw, 1.3 * top).T, cleaned.T],
        ["as recorded", "prepared"],
        title="Three things go before an image may be used: offset, film, hot pixels",
        axes=("y", "x"),
        window=(-0.1 * top, 1.1 * top),
        pixel_size_nm=_NM,
        quantity="projected density (px)",
    )
    show(
        _smaller(figure, 0.8),
        alt="Left, a projection as recorded: the particle on a grey background that is brighter "
        "towards one side, with white specks. Right, the same on black, without specks, moved to "
        "the middle.",
    )


def centres(
    angles_deg: np.ndarray, formula: np.ndarray, measured: Mapping[str, np.ndarray]
) -> None:
    """Show the centre of mass on the detector against the tilt, and what the formula says."""
    looks = (("tv", "D"), ("naive", "v"), ("measurement", "x"))
    with style():
        figure = new_figure(8.4, 3.5, "The centre of mass swings like one point, if it is measured")
        ax = figure.add_subplot()
        ax.plot(angles_deg, formula, color="black", label="x cos θ + z sin θ")
        for (name, values), (role, marker) in zip(measured.items(), looks, strict=True):
            ax.plot(
                angles_deg,
                values,
                color=COLOURS[role],
                marker=marker,
                markersize=4,
                linestyle="none",
                label=name,
            )
        ax.set_xlabel("tilt θ (degrees)")
        ax.set_ylabel("centre of mass (px)")
        legend_beside(ax)
    told = "; ".join(
        f"{name}: off by {float(np.sqrt(np.mean((values - formula) ** 2))):.2f} px"
        for name, values in measured.items()
    )
    show(
        figure,
        alt=f"Centre of mass on the detector against the tilt. The formula swings from "
        f"{formula[0]:.1f} to {formula[-1]:.1f} px. {told}.",
    )


def misaligned(results: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    """Show sinogram, residual sinogram and slice of runs with and without alignment.

    `results` maps two names to (sinogram[tilt, x], residual[tilt, x], slice[z, x]), tilts rising.
    """
    top = max(float(np.quantile(parts[0], 0.995)) for parts in results.values())
    deepest = max(float(np.quantile(np.abs(parts[1]), 0.999)) for parts in results.values())
    with style():
        figure = new_figure(9.2, 6.0, "Misaligned projections draw a ragged sinogram and two rims")
        axes = figure.subplots(len(results), 3)
        for row, (name, parts) in zip(axes, results.items(), strict=True):
            limits = ((0, top), (-deepest, deepest), WINDOW)
            maps = (GREY, "RdBu_r", GREY)
            heads = ("sinogram", "data − re-projection", "slice")
            for ax, part, window, cmap, head in zip(row, parts, limits, maps, heads, strict=True):
                steps = 30
                low, high = window
                shown = low + (high - low) / steps * np.rint((part - low) / (high - low) * steps)
                ax.imshow(shown, cmap=cmap, vmin=low, vmax=high, aspect="auto")
                ax.set_title(f"{name}, {head}")
                ax.set_xticks([])
                ax.set_yticks([])
                ax.set_xlabel(f"x → ({window_text(low, high)})")
                ax.set_ylabel("← z" if head == "slice" else "← tilt")
            row[2].set_aspect("equal")
    show(
        figure,
        alt="Two rows: without alignment, and aligned. Without: the edge of the sinogram jumps "
        "from tilt to tilt, the residual is full of bright and dark stripes along the edges, and "
        "the slice is smeared. Aligned: a smooth sinogram, a residual of noise, a clean bar in the "
        "slice.",
    )


def alarms(numbers: Mapping[str, Sequence[float]], faults: Mapping[int, str]) -> None:
    """Show three numbers of each projection as it arrived, and where something went wrong."""
    looks = ("v", "s", "D", "X")
    with style():
        figure = new_figure(9.4, 3.4, "Each fault shows in another number")
        axes = figure.subplots(1, len(numbers))
        for ax, (name, values) in zip(axes, numbers.items(), strict=True):
            each = np.asarray(values, float)
            ax.plot(each, color=COLOURS["measurement"], marker=".", linestyle="none")
            for (k, fault), marker in zip(faults.items(), looks, strict=True):
                ax.plot(
                    k,
                    each[k],
                    color=COLOURS["naive"],
                    marker=marker,
                    markersize=8,
                    markerfacecolor="none",
                    linestyle="none",
                    label=fault,
                )
            ax.set_xlabel("projection")
            ax.set_title(name)
        legend_beside(axes[-1])
    told = "; ".join(
        f"{name}: usually {np.nanmedian(values):.3g}, "
        + ", ".join(f"{fault} {values[k]:.3g}" for k, fault in faults.items())
        for name, values in numbers.items()
    )
    show(
        figure,
        alt=f"Three panels over the number of the projection; the faulty ones are ringed. {told}.",
    )


def twist(
    counts: Sequence[int], readings: Mapping[tuple[str, str], Sequence[float]], truth: float
) -> None:
    """Show the twist that is read against the number of projections, for orders and hands.

    `readings` maps (order, hand) to the degrees read after `counts` projections.
    """
    with style():
        figure = new_figure(8.8, 3.8, "In golden order the hand is known after a dozen projections")
        ax = figure.add_subplot()
        for value in (-truth, truth):
            ax.axhline(value, color="black", linewidth=0.8)
        ax.axhline(0, color=COLOURS["measurement"], linestyle=":")
        ax.axvline(counts[-1] / 3, color=COLOURS["measurement"], linestyle="--", label="one third")
        for (order, hand), values in readings.items():
            role, marker = _ORDERS[order]
            ax.plot(
                counts,
                values,
                color=COLOURS[role],
                linestyle=LINESTYLES[role],
                marker=marker,
                markerfacecolor=COLOURS[role] if hand == "right" else "white",
                label=f"{order}, {hand}",
            )
        ax.set_xlabel(_COUNT)
        ax.set_ylabel("twist read (degrees)")
        legend_beside(ax)
    told = "; ".join(
        f"{order}, {hand}: " + ", ".join(f"{v:+.0f}° at {c}" for c, v in zip(counts, values, strict=True))
        for (order, hand), values in readings.items()
    )
    show(
        figure,
        alt=f"Twist against the number of projections; thin lines at ±{truth:.0f}°, the truth. "
        f"{told}. The two hands mirror each other throughout.",
    )


def forming(slices: Mapping[str, np.ndarray]) -> None:
    """Show one section, [z, x], after a few numbers of projections, in two orders."""
    figure = images(
        [_stepped(part) for part in slices.values()],
        list(slices),
        title="The same section: stretched along the beam at first, then upright",
        window=WINDOW,
        pixel_size_nm=_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.8),
        alt="One section across the upper fan, in two rows of three. In sequential order, after "
        "few projections, a smear along the directions of the beam; after a third a slanted bar "
        "with streaks; after all a clean slanted bar. In golden order a slanted bar from the "
        "beginning, clean after a third.",
    )


def methods(slices: Mapping[str, np.ndarray]) -> None:
    """Show one section, [z, x], by each method, in one window."""
    figure = images(
        [_stepped(part) for part in slices.values()],
        list(slices),
        title="A third of the data: TV is clean, SIRT soft, WBP streaked, the bar is the same",
        window=WINDOW,
        pixel_size_nm=_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.8),
        alt="One section by three methods from a third of the projections. WBP: a slanted bar in "
        "a fan of streaks. SIRT: the bar with soft edges and a faint halo. TV: a clean bar on "
        "black.",
    )


def stopping(
    counts: Sequence[int],
    foretold: Mapping[str, Sequence[float]],
    rmse: Mapping[str, Sequence[float]],
) -> None:
    """Show how well arrivals were foretold, and, what nobody knows there, the error."""
    with style():
        figure = new_figure(9.4, 3.6, "Once projections bring no news, the error hardly falls")
        left, right = figure.subplots(1, 2)
        for order, values in foretold.items():
            role, marker = _ORDERS[order]
            look = {"color": COLOURS[role], "linestyle": LINESTYLES[role], "label": order}
            left.plot(counts, values, marker=marker, markersize=4, **look)
            right.plot(counts, rmse[order], marker=marker, markersize=4, **look)
        left.axhline(1.15, color="black", linestyle=":", label="limit of the advice")
        left.set_ylabel("missed by (× noise)")
        right.set_ylabel("RMSE (needs the truth)")
        for ax in (left, right):
            ax.set_xlabel(_COUNT)
            ax.set_ylim(bottom=0)
        left.legend(loc="upper right")
    told = "; ".join(
        f"{order}: missed by {values[0]:.1f} and at the end {values[-1]:.1f} times the noise, RMSE "
        f"{rmse[order][0]:.3f} to {rmse[order][-1]:.3f}"
        for order, values in foretold.items()
    )
    show(
        figure,
        alt=f"Left, by how much new projections missed their prediction; right, the error. {told}. "
        f"In golden order both fall early and stay; in sequential order neither settles.",
    )


def needle(slices: Mapping[str, np.ndarray], pixel_size_nm: float) -> None:
    """Show one slice across the real needle, [z, x], as the projections came in."""
    n = next(iter(slices.values())).shape[0]
    near = slice(n // 5, -(n // 5))
    parts = [part[near, near] for part in slices.values()]
    top = float(np.quantile(parts[-1], 0.995))
    figure = images(
        [part / top for part in parts],
        list(slices),
        title="The real needle becomes round while its projections arrive",
        window=(-0.05, 1.1),
        pixel_size_nm=pixel_size_nm,
        quantity="intensity (of the brightest)",
    )
    show(
        figure,
        alt="One slice across the needle after a third, two thirds and all of the projections, in "
        "one grey window: first a slanted lens with pointed ends, then fuller, at last a nearly "
        "round disc.",
    )


def explorer(widget: Any) -> None:
    """Show what the cockpit looks like when it opens."""
    show(_smaller(widget.snapshot(dpi=80), 0.9), alt=widget.description)


def _smaller(figure: Figure, share: float) -> Figure:
    """Make a row of slices smaller: noise is what fills the file of a notebook."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(share * width, share * height)
    return figure


def _stepped(image: np.ndarray) -> np.ndarray:
    """Round grey values to 40 steps in the window: the eye sees no difference, the file does."""
    low, high = WINDOW
    step = (high - low) / 40
    return low + step * np.rint((np.clip(image, low, 1.2 * high) - low) / step)
