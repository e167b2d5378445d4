"""The figures of week 10, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. Pictures of one mode or
element share one grey window, whatever was done to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, window_text
from em_inverse.plotting.style import COLOURS, GREY, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "after",
    "budget",
    "counts",
    "cube",
    "elements",
    "explorer",
    "inside",
    "overlaps",
    "ratio",
    "residuals",
    "thickness",
    "thinned",
]

_STEPS = 24
_DASHES = ("-", (0, (5, 2)), ":")
_SIGNS = ("o", "s", "^")
MODES = ("corner", "edge", "face")


def cube(x: np.ndarray, view: np.ndarray) -> None:
    """Show the modes in projection, and in a slice through four corners.

    Both have the mode as their last axis: ``x[z, x, y, mode]``, ``view[x, y, mode]``.
    """
    near = len(x) // 4
    with style():
        figure = new_figure(8.6, 6.0, "Seen along an edge, every mode lies on another one")
        axes = figure.subplots(2, 3)
        for k, name in enumerate(MODES):
            top = float(view[..., k].max())
            _panel(axes[0, k], view[..., k], f"{name}, projection at 0°", (0, top), ("x", "y"))
            shown = _panel(
                axes[1, k], x[:, :, near, k], f"{name}, one slice", (0, 1), ("z", "x")
            )  # fmt: skip
        bar = figure.colorbar(shown, ax=list(axes[1]), shrink=0.8)
        bar.set_label(f"strength, {window_text(0, 1)}")
        figure.colorbar(axes[0, 2].images[0], ax=list(axes[0]), shrink=0.8, ticks=[]).set_label(
            "from nothing to\nthe brightest"
        )
    show(
        figure,
        alt="Above, three modes of a cube seen along one of its edges: four spots, a square "
        "outline with bright corners, and a filled square with a bright rim. Below, one slice "
        "through four corners: four spots, four bars between them, and a square in the middle; no "
        "two of them share a place.",
    )


def overlaps(
    tilts: Sequence[float], seen: Mapping[str, Sequence[float]], solid: Mapping[str, float]
) -> None:
    """Show how much each pair of modes has in common: in every projection, and in the volume."""
    with style():
        figure = new_figure(8.6, 3.6, "No tilt shows the modes apart, the volume does")
        ax = figure.add_subplot()
        for (name, values), dashes, sign in zip(seen.items(), _DASHES, _SIGNS, strict=True):
            ax.plot(tilts, values, color=COLOURS["measurement"], linestyle=dashes, marker=sign,
                    label=f"{name}: projection")  # fmt: skip
            ax.axhline(solid[name], color=COLOURS["truth"], linestyle=dashes, linewidth=1.5,
                       label=f"{name}: in 3-D")  # fmt: skip
        ax.set_ylim(0, 1)
        ax.set_xlabel("tilt (°)")
        ax.set_ylabel("overlap")
        legend_beside(ax)
    told = "; ".join(
        f"{name} {min(values):.2f} to {max(values):.2f}, in 3-D {solid[name]:.2f}"
        for name, values in seen.items()
    )
    show(
        figure,
        alt=f"Overlap of each pair of modes against tilt: three curves, and below them three "
        f"lines for the volume. {told}.",
    )


def counts(energies: np.ndarray, expected: np.ndarray, counted: np.ndarray) -> None:
    """Show one projection in its brightest channel, as expected and as counted, and one spectrum.

    Both hold ``[x, y, channel]``.
    """
    channel = int(expected.sum(axis=(0, 1)).argmax())
    at = np.unravel_index(int(expected.sum(axis=-1).argmax()), expected.shape[:2])
    top = float(max(counted[..., channel].max(), 1))
    with style():
        figure = new_figure(9.4, 3.7, "A pixel of one channel has counted nothing, or one")
        left, middle, right = figure.subplots(1, 3)
        _panel(left, expected[..., channel], f"expected, {energies[channel]:.1f} eV", (0, top))
        shown = _panel(middle, counted[..., channel], "counted", (0, top))
        figure.colorbar(shown, ax=[left, middle], shrink=0.7).set_label("counts per pixel")
        right.plot(energies, expected[at], color=COLOURS["truth"], linestyle="-", label="expected")
        right.plot(energies, counted[at], ".", color=COLOURS["measurement"], markersize=9,
                   label="counted")  # fmt: skip
        right.set_xlabel("energy loss (eV)")
        right.set_ylabel("counts in one pixel")
        # Room for the legend above the counts.
        right.set_ylim(top=1.45 * max(counted[at].max(), expected[at].max()))
        right.legend(frameon=False, loc="upper right")
    show(
        figure,
        alt=f"Left, the projection at 0° in the channel at {energies[channel]:.1f} eV, as "
        f"expected: a soft square. Middle, as counted: scattered pixels with one to {top:.0f} "
        f"counts, hardly a shape. Right, the spectrum of the brightest pixel: a smooth curve of "
        f"at most {expected[at].max():.1f} counts, and whole numbers around it.",
    )


def after(truth: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
    """Show modes that were fitted to reconstructed channels, beside the truth."""
    figure, told = _rows("Channel by channel, the modes drown in noise", truth, found)
    show(
        figure,
        alt=f"A slice of the three modes: truth, and {told}. Weighted back-projection shows bright "
        f"and dark noise everywhere; TV-SART leaves blots, the largest where the face modes are.",
    )


def inside(truth: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
    """Show modes that were reconstructed from all channels at once, beside the truth."""
    figure, told = _rows("With their spectra inside, the modes come apart", truth, found)
    show(
        figure,
        alt=f"A slice of the three modes: truth, and {told}. Each mode stands in its own "
        f"place, blurred and stretched a little: four spots, four bars, one square, on a dark "
        f"ground.",
    )


def thinned(lambdas: np.ndarray, scores: Sequence[float], errors: Sequence[float]) -> None:
    """Show what held-out counts say about λ, and the error that nobody knows."""
    with style():
        figure = new_figure(9.4, 3.5, "Counts put aside find λ without the truth")
        left, right = figure.subplots(1, 2)
        low, high = min(scores), max(scores)
        left.plot(lambdas, (np.asarray(scores) - low) / (high - low), color=COLOURS["tikhonov"],
                  linestyle="-", marker="o")  # fmt: skip
        right.plot(lambdas, errors, color=COLOURS["tv"], linestyle="-", marker="D")
        best = int(np.argmin(scores))
        right.plot(lambdas[best], errors[best], "o", color="black", markerfacecolor="none",
                   markersize=14, linestyle="none", label="chosen")  # fmt: skip
        for ax in (left, right):
            log_axis(ax.xaxis)
            ax.set_xlabel("λ")
        left.set_ylabel("score of held-out counts\n(0 least, 1 most)")
        right.set_ylabel("relative error")
        legend_beside(right)
    show(
        figure,
        alt=f"Left, the score of the counts that were put aside against λ: a valley with its "
        f"lowest point at {lambdas[best]:g}. Right, the error against λ, lowest at "
        f"{lambdas[int(np.argmin(errors))]:g}: {min(errors):.2f}; a circle marks the λ chosen.",
    )


def residuals(energies: np.ndarray, left_over: Mapping[str, np.ndarray]) -> None:
    """Show what is left over in every channel, in standard deviations, for several line sets."""
    with style():
        figure = new_figure(8.6, 3.5, "A line at the wrong energy leaves a mark in the channels")
        ax = figure.add_subplot()
        for (name, values), dashes, sign, colour in zip(
            left_over.items(), _DASHES, _SIGNS, ("tikhonov", "naive", "naive"), strict=False
        ):
            ax.plot(energies, values, color=COLOURS[colour], linestyle=dashes, marker=sign,
                    label=name)  # fmt: skip
        ax.axhspan(-2, 2, color="0.9")
        ax.set_xlabel("energy loss (eV)")
        ax.set_ylabel("counted − expected (σ)")
        legend_beside(ax)
    told = "; ".join(f"{name}: up to {np.abs(v).max():.1f}" for name, v in left_over.items())
    show(
        figure,
        alt=f"What all pixels together leave over in each channel, in standard deviations. {told}. "
        f"A grey band marks two standard deviations.",
    )


def thickness(tilts: Sequence[float], shares: Mapping[str, Sequence[float]]) -> None:
    """Show which share of the line integral a window behind an edge holds, tilt by tilt."""
    with style():
        figure = new_figure(8.6, 3.5, "Plural scattering breaks the projection, tilt by tilt")
        ax = figure.add_subplot()
        for (name, values), dashes, sign, colour in zip(
            shares.items(), _DASHES, _SIGNS, ("measurement", "tikhonov"), strict=False
        ):
            ax.plot(tilts, values, color=COLOURS[colour], linestyle=dashes, marker=sign, label=name)
        ax.set_ylim(0, 1.1)
        ax.set_xlabel("tilt (°)")
        ax.set_ylabel("window ÷ line integral")
        legend_beside(ax)
    told = "; ".join(f"{name}: {v[0]:.2f} to {v[-1]:.2f}" for name, v in shares.items())
    show(
        figure,
        alt=f"Counts in a window behind the edge over those of single scattering, against tilt. "
        f"{told}, from the smallest to the largest tilt.",
    )


def ratio(energy: np.ndarray, edge: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
    """Show three deconvolved edges beside the true one, in one window.

    `found` holds them for "naive", "tikhonov" and "wiener".
    """
    high = 1.6 * float(edge.max())
    titles = {"naive": "bare ratio", "tikhonov": "one λ", "wiener": "Wiener, by band"}
    with style():
        figure = new_figure(9.4, 3.6, "Divided, damped alike, and damped wave by wave")
        axes = figure.subplots(1, len(titles), sharey=True)
        for ax, name in zip(axes, titles, strict=True):
            values = found[name]
            colour = COLOURS["naive" if name == "naive" else "tikhonov"]
            ax.plot(energy, np.clip(values, -high / 2, high), color=colour, linestyle="-",
                    linewidth=1)  # fmt: skip
            ax.plot(energy, edge, color=COLOURS["truth"], linestyle="--", linewidth=1.5)
            ax.set_title(titles[name])
            ax.set_xlabel("energy loss (eV)")
        axes[0].set_ylabel("counts (dashed: truth)")
        axes[0].set_ylim(-high / 2, high)
    show(
        figure,
        alt="Three deconvolved edges beside the true one. The bare ratio swings beyond the "
        "picture in every channel. One λ for all waves follows the edge with a grain on it and "
        "rings at the onset. Wiener's filter by band is nearly smooth, its onset a little rounded.",
    )


def elements(truth: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
    """Show a slice of gold and of iron by several methods; ``x[z, x, y, element]``."""
    pictures = {"truth": truth, **found}
    middle = truth.shape[2] // 2
    with style():
        figure = new_figure(9.0, 6.0, "Images give gold its shape, and iron its outline")
        axes = figure.subplots(2, len(pictures))
        for line, element, k in zip(axes, ("Au", "Fe"), (0, 1), strict=True):
            window = (0.0, float(truth[..., k].max()) * 1.1)
            for ax, (name, volume) in zip(line, pictures.items(), strict=True):
                shown = _panel(ax, volume[:, :, middle, k], f"{element}, {name}", window,
                               ("z", "x"))  # fmt: skip
            bar = figure.colorbar(shown, ax=list(line), shrink=0.8)
            bar.set_label(f"amount\n{window_text(*window)}")
    show(
        figure,
        alt=f"A slice along the beam through gold and iron: {', '.join(pictures)}. By TV alone the "
        f"core is a round blot whose void is hardly seen, and the shell is patchy. Fused, core and "
        f"void have the edges of the truth; the shell is round and even, its inside still soft.",
    )


def budget(
    tilts: Sequence[int],
    by_tilts: Mapping[float, Sequence[float]],
    channels: Sequence[int],
    by_channels: Mapping[float, Sequence[float]],
) -> None:
    """Show the error at one dose against how it is split; keys are dark counts per reading."""
    with style():
        figure = new_figure(9.4, 3.7, "Splitting a dose is nearly free, unless each reading costs")
        panels = figure.subplots(1, 2, sharey=True)
        for ax, at, curves, label in zip(
            panels, (tilts, channels), (by_tilts, by_channels), ("tilts", "energy channels"),
            strict=True,
        ):  # fmt: skip
            for (dark, values), dashes, sign in zip(curves.items(), _DASHES, _SIGNS, strict=False):
                ax.plot(at, values, color=COLOURS["tv"], linestyle=dashes, marker=sign,
                        label=f"{dark:g} dark")  # fmt: skip
            log_axis(ax.xaxis)
            ax.set_xlabel(label)
        panels[0].set_ylabel("relative error")
        legend_beside(panels[1])
    told = "; ".join(
        f"{dark:g} dark counts per reading: {values[0]:.2f} at {tilts[0]} tilts, at best "
        f"{min(values):.2f}, {values[-1]:.2f} at {tilts[-1]}"
        for dark, values in by_tilts.items()
    )
    ends = "; ".join(
        f"{values[0]:.2f} with {channels[0]}, {values[-1]:.2f} with {channels[-1]}"
        for values in by_channels.values()
    )
    show(
        figure,
        alt=f"Relative error at one dose against the number of tilts: {told}. Against the number "
        f"of channels: {ends}; a steep fall from two to three, a bump at four, then nearly flat. "
        f"The curves with dark counts lie above the others.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    figure = widget.snapshot(dpi=80)
    show(
        figure,
        alt="The explorer as it opens: three modes in a slice, true, fitted after back-projection "
        "and fitted inside the reconstruction; the spectrum of all counts over the lines of the "
        "modes; and the relative errors, those of the fit inside below one, the others above.",
    )


def _rows(title: str, truth: np.ndarray, found: Mapping[str, np.ndarray]) -> tuple[Any, str]:
    """Draw modes in columns, methods in rows, in one window; return also what the rows are."""
    pictures = {"truth": truth, **found}
    near = len(truth) // 4
    window = (0.0, 1.0)
    with style():
        figure = new_figure(7.6, 2.5 * len(pictures) + 0.5, title)
        axes = figure.subplots(len(pictures), 3)
        for line, (name, volume) in zip(axes, pictures.items(), strict=True):
            for k, ax in enumerate(line):
                shown = _panel(ax, volume[:, :, near, k], f"{MODES[k]}, {name}", window, ("z", "x"))
        bar = figure.colorbar(shown, ax=list(axes.ravel()), shrink=0.5)
        bar.set_label(f"strength, {window_text(*window)}")
    return figure, ", ".join(found)


def _panel(
    ax: Axes,
    picture: np.ndarray,
    title: str,
    window: tuple[float, float],
    axes: tuple[str, str] = ("x", "y"),
) -> Any:
    """Draw a picture without pixel numbers, its grey values in steps: noise fills the file."""
    low, high = window
    step = (high - low) / _STEPS
    stepped = low + step * np.rint((np.clip(picture, low, high) - low) / step)
    shown = ax.imshow(stepped, cmap=GREY, vmin=low, vmax=high, aspect="equal")
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"{axes[1]} →")
    ax.set_ylabel(f"← {axes[0]}" + (", beam" if axes[0] == "z" else ""))
    return shown
