"""The figures of week 7, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. All slices of the week
share one grey window, so that two figures may be compared as well.
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
    scale_bar,
    window_text,
)
from em_inverse.plotting.pictures import images
from em_inverse.plotting.style import COLOURS, DIVERGING, GREY, MARKERS, OKABE_ITO, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "arrivals",
    "band",
    "explorer",
    "forces",
    "foretold",
    "logs",
    "orders",
    "routes",
    "starts",
    "tolerances",
]

WINDOW = (-0.1, 2.2)
"""Grey window of every slice: vacuum is 0, the cube 1, its particles 2."""

_PIXEL_NM = 1.0
_DASHES = ("-", (0, (5, 2)), ":", (0, (5, 1, 1, 1)))
_SIGNS = ("D", "s", "o", "^")
_EPSILON = "ε ÷ noise norm"
_RESIDUAL = "residual ÷ noise norm"
_SOUND = OKABE_ITO["bluish green"]


def band(errors: Mapping[float, float], floor: float, sound: Sequence[float]) -> None:
    """Show the error against ε, with the floor and the band of sound tolerances.

    `errors` maps ε to the RMSE; ε, `floor` and `sound` (all sound ε) count noise norms.
    """
    epsilon = np.sort(list(errors))
    values = [errors[e] for e in epsilon]
    with style():
        figure = new_figure(8.6, 3.4, "Between noisy and washed out lies a narrow band of sound ε")
        ax = figure.add_subplot()
        ax.axvspan(min(sound), max(sound), color=_SOUND, alpha=0.2, label="sound")
        ax.axvline(floor, color="black", linestyle=":", label="floor: least that is reached")
        ax.plot(epsilon, values, color=COLOURS["tv"], marker=MARKERS["tv"], label="error")
        ax.set_ylim(bottom=0)
        ax.set_xlabel(_EPSILON)
        ax.set_ylabel("RMSE")
        legend_beside(ax)
    best = float(epsilon[int(np.argmin(values))])
    show(
        figure,
        alt=f"Error against ε in noise norms: a valley, lowest at {best:g}, rising to "
        f"{values[0]:.2f} at {epsilon[0]:g} and to {values[-1]:.2f} at {epsilon[-1]:g}. A band "
        f"from {min(sound):g} to {max(sound):g} is marked as sound; the floor, a dotted line, lies "
        f"at {floor:.2f}.",
    )


def tolerances(slices: Mapping[float, np.ndarray]) -> None:
    """Show the slices of three ε, the smallest first."""
    low, middle, high = sorted(slices)
    figure = images(
        [_stepped(slices[e]) for e in (low, middle, high)],
        [f"ε = {e:g} × noise: {what}" for e, what in _named(low, middle, high)],
        title="Too small an ε keeps the noise; too large a one eats pores and particles",
        window=WINDOW,
        pixel_size_nm=_PIXEL_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.9),
        alt=f"A tilted cube with eight dark pores and twelve bright particles on its faces, three "
        f"times. At ε = {low:g} noise norms it is speckled, at {middle:g} flat and sharp, at "
        f"{high:g} the particles are dimmer and rounder and the pores are grey.",
    )


def routes(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    errors: Mapping[str, Sequence[float]],
    noise_norm: float,
) -> None:
    """Show residual and error of two runs whose ε came to the same value on different ways."""
    with style():
        figure = new_figure(9.4, 3.5, "Two routes, one last ε, one answer")
        left, right = figure.subplots(1, 2)
        for (name, history), dashes, tint in zip(
            histories.items(), _DASHES, (COLOURS["tv"], "black"), strict=False
        ):
            k = np.arange(1, len(errors[name]) + 1)
            radius = np.array(history["radius"]) / noise_norm
            distance = np.array(history["data_distance"]) / noise_norm
            left.plot(k, radius, color=COLOURS["measurement"], linewidth=1, drawstyle="steps-post")
            left.plot(k, distance, color=tint, linestyle=dashes, label=name)
            right.plot(k, errors[name], color=tint, linestyle=dashes, label=name)
        left.plot([], [], color=COLOURS["measurement"], linewidth=1, label="ε of each")
        left.set_ylim(0.5, 2.6)
        left.set_ylabel(_RESIDUAL)
        right.set_ylim(0, 0.25)
        right.set_ylabel("RMSE")
        for ax in (left, right):
            ax.set_xlabel("iteration")
        handles = left.get_legend_handles_labels()
        right.legend(*handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    told = "; ".join(f"{name}: {values[-1]:.3f}" for name, values in errors.items())
    show(
        figure,
        alt=f"Left, the residual of two runs in noise norms: each follows the steps of its own ε, "
        f"one from above, one from below, and both come to rest at 1. Right, their errors: far "
        f"apart on the way, together at the end ({told}).",
    )


def forces(pull: np.ndarray, back: np.ndarray) -> None:
    """Show the pull of the data, the pull of the prior, and their sum, at a solution."""
    top = float(np.quantile(np.abs(pull), 0.999))
    figure = images(
        [_rounded(force, top) for force in (pull, back, pull + back)],
        ["data, Aᵀq", "prior, ∇ᵀp", "sum"],
        title="At rest the two pulls cancel wherever there is matter",
        window=(-top, top),
        pixel_size_nm=_PIXEL_NM,
        quantity="pull",
        cmap=DIVERGING,
    )
    show(
        _smaller(figure, 0.9),
        alt="Three maps of forces on the slice. The pull of the data is a grain of red and blue "
        "all over, like noise; that of the prior is the same grain in opposite colours. Their sum "
        "is blank on the cube and its particles, and red in patches of the vacuum around, where "
        "the wall x ≥ 0 holds.",
    )


def starts(curves: Mapping[str, Sequence[float]]) -> None:
    """Show the distance from the solution for three ways to begin, entry 0 before any step."""
    with style():
        figure = new_figure(
            8.6, 3.5, "An object without its pulls is thrown off, and saves nothing"
        )
        ax = figure.add_subplot()
        tints = ("black", COLOURS["measurement"], COLOURS["tv"])
        for (name, values), dashes, sign, tint in zip(
            curves.items(), (":", (0, (5, 2)), "-"), _SIGNS[1:], tints, strict=True
        ):
            k = np.arange(len(values))
            ax.plot(
                k, 100 * np.array(values), color=tint, linestyle=dashes, marker=sign,
                markevery=10, label=name,
            )  # fmt: skip
        log_axis(ax.yaxis)
        ax.set_xlabel("iterations after the last five tilts have come")
        ax.set_ylabel("distance from the solution, %")
        legend_beside(ax)
    told = "; ".join(
        f"{name}: {values[0]:.1%} at first, at most {max(values):.1%}, {values[-1]:.1%} at the end"
        for name, values in curves.items()
    )
    show(
        figure,
        alt=f"Distance from the solution against iterations, three curves. {told}. The curve of "
        f"the kept object rises to a hump and falls beside that of the cold start; the one that "
        f"kept everything falls from the first step on.",
    )


def arrivals(errors: Mapping[str, tuple[int, Sequence[float]]]) -> None:
    """Show the error of runs that were fed, and of one that waited, around the last arrival.

    Each entry holds how many iterations came before the last arrival, and all errors.
    """
    with style():
        figure = new_figure(8.6, 3.7, "Who has used the waiting time is done when the data are")
        ax = figure.add_subplot()
        ax.axvspan(-160, 0, color="#EEEEEE", label="projections arrive")
        for (name, (before, values)), dashes, sign in zip(
            errors.items(), _DASHES, _SIGNS, strict=False
        ):
            k = np.arange(1, len(values) + 1) - before
            tint = COLOURS["tv"] if before else "black"
            ax.plot(k, values, color=tint, linestyle=dashes, label=name)
            ax.plot(k[-1], values[-1], color=tint, marker=sign, linestyle="none")
        log_axis(ax.yaxis)
        ax.set_xlim(-160, 80)
        ax.set_xlabel("iterations, counted from the last arrival")
        ax.set_ylabel("RMSE")
        legend_beside(ax)
    told = "; ".join(
        f"{name} {values[before - 1] if before else values[0]:.2f}"
        for name, (before, values) in errors.items()
    )
    show(
        figure,
        alt=f"Error against iterations counted from the last arrival. Curves of runs that were fed "
        f"fall while projections arrive; one that begins only then starts at the top. Errors at "
        f"the last arrival: {told}. Each curve ends where "
        f"its run has come near the solution.",
    )


def orders(
    slices: Mapping[str, Mapping[int, np.ndarray]], captions: Mapping[str, Mapping[int, str]]
) -> None:
    """Show what two orders of tilts have made of their first projections, one row each.

    Both mappings hold for each order the entries by number of tilts, three of them.
    """
    with style():
        figure = new_figure(9.2, 7.0, "Spread over the range, 15 tilts tell as much as 45 in a row")
        axes = figure.subplots(2, 3)
        for row, (name, made) in zip(axes, slices.items(), strict=True):
            for ax, (count, array) in zip(row, made.items(), strict=True):
                shown = ax.imshow(_stepped(array), cmap=GREY, vmin=WINDOW[0], vmax=WINDOW[1])
                ax.set_title(f"{name}, {count} tilts", fontweight="bold")
                ax.set_xticks([])
                ax.set_yticks([])
                ax.set_xlabel(captions[name][count])
        beam_arrow(axes[0, 0])
        axes[0, 0].set_ylabel("← z")
        scale_bar(axes[0, 0], _PIXEL_NM, 0.3 * array.shape[1])
        bar = figure.colorbar(shown, ax=list(axes.ravel()), shrink=0.5)
        bar.set_label(f"density, one window {window_text(*WINDOW)}")
    told = "; ".join(
        f"{name}, {count} tilts: {words}"
        for name, made in captions.items()
        for count, words in made.items()
    )
    show(
        figure,
        alt=f"Six slices in one grey window, a row for each order. {told}. The first of the "
        f"sequential order is a slanted smear, the next a cube with two smeared sides; the first "
        f"of the golden order is a patchy cube with all its particles, the next a clean one.",
    )


def logs(
    histories: Sequence[Mapping[str, Sequence[float]]], noise_norm: float, floor: float
) -> None:
    """Show the logs of runs, numbered from 1: residual, each with its ε, and total variation.

    `floor` counts noise norms.
    """
    with style():
        figure = new_figure(9.4, 3.7, "Four logs: which run do you publish?")
        left, right = figure.subplots(1, 2)
        left.axhline(floor, color=COLOURS["measurement"], linewidth=1, linestyle=":", label="floor")
        for number, history in enumerate(histories, 1):
            tint = COLOURS["tv"] if number % 2 else "black"
            distance = np.array(history["data_distance"]) / noise_norm
            for ax, values in ((left, distance), (right, np.array(history["prior"]))):
                k = np.arange(1, values.size + 1)
                ax.plot(k, values, color=tint, linestyle=_DASHES[number - 1], label=f"run {number}")
                _end(ax, values.size, values[-1], tint, number)
        left.set_ylim(0.6, 2.4)
        right.set_ylim(bottom=0)
        left.set_ylabel(_RESIDUAL)
        right.set_ylabel("total variation")
        for ax in (left, right):
            log_axis(ax.xaxis)
            ax.set_xlabel("iteration")
        handles = left.get_legend_handles_labels()
        right.legend(*handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    last = ", ".join(f"{history['data_distance'][-1] / noise_norm:.2f}" for history in histories)
    show(
        figure,
        alt=f"Left, the residuals of four runs in noise norms against iterations; the last values "
        f"of runs 1 to {len(histories)} are {last}, the floor is at {floor:.2f}. Right, their "
        f"total variation: that of run 1 goes on rising, those of runs 2 and 3 come to rest, the "
        f"former lowest, and run 4 ends on its way.",
    )


def foretold(predictions: Mapping[str, Sequence[float]]) -> None:
    """Show how well each projection was foretold when it came, for orders of tilts.

    Values are ‖A_θ x − b_θ‖ in units of the noise of one projection; the first projection, which
    nobody could foretell, is not among them.
    """
    tints = (COLOURS["measurement"], COLOURS["tv"])
    with style():
        figure = new_figure(
            8.6, 3.4, "Spread tilts soon bring little but noise; tilts in a row bring news for long"
        )
        ax = figure.add_subplot()
        ax.axhline(1, color="black", linewidth=0.8, label="noise alone")
        for (name, values), tint, sign in zip(
            predictions.items(), tints, ("o", MARKERS["tv"]), strict=True
        ):
            ax.plot(
                np.arange(2, len(values) + 2), values, color=tint, marker=sign, linestyle="none",
                label=name,
            )  # fmt: skip
        log_axis(ax.yaxis)
        ax.set_xlabel("projection, in the order of arrival")
        ax.set_ylabel("missed by, ÷ its noise")
        legend_beside(ax)
    told = "; ".join(
        f"{name}: the second {values[0]:.1f}, median of the 31st to 45th "
        f"{np.median(values[29:44]):.2f}, of the last five {np.median(values[-5:]):.2f}"
        for name, values in predictions.items()
    )
    show(
        figure,
        alt=f"By how much each new projection was missed, in units of its noise, against its "
        f"number. {told}. One means that the object foretold all but the noise.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        _smaller(widget.snapshot(dpi=80), 0.95),
        alt="The explorer as it opens: the slice beside the truth; residual against its ε line, "
        "total variation and error against iterations; a green band marks where ε is sound.",
    )


def _named(low: float, middle: float, high: float) -> list[tuple[float, str]]:
    return [(low, "noisy"), (middle, "sound"), (high, "washed out")]


def _end(ax: Axes, k: float, value: float, tint: str, number: int) -> None:
    """Mark where a run was taken, with its number."""
    ax.plot(k, value, color=tint, marker=_SIGNS[number - 1], linestyle="none")
    ax.annotate(
        str(number),
        (k, value),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=tint,
        fontweight="bold",
    )


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


def _rounded(force: np.ndarray, top: float) -> np.ndarray:
    return np.asarray(top / 20 * np.rint(20 * np.clip(force / top, -1, 1)))
