"""The pictures that correct answers to week 7's exercises give, and the runs of its decision."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.checks import week07_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["carry", "dual_step", "golden_order", "judge", "runs"]

_TILTS = 75
_SIZE, _NOISE = 48, 0.6


def runs() -> tuple[tuple[float, int], ...]:
    """Return ε in noise norms and the number of iterations of the lesson's four runs."""
    return ((0.7, 200), (1.5, 200), (1.0, 200), (1.0, 15))


def dual_step() -> Picture:
    """Show three pulls before and after they are shortened, in two dimensions."""
    h, epsilon = 0.5, 2.0
    before = [np.array([2.4, 1.6]), np.array([-1.0, 1.8]), np.array([0.4, -0.5])]
    zero = np.zeros(2)
    after = [reference.dual_step(v, zero, zero, h, epsilon) for v in before]
    lengths = [float(np.linalg.norm(v)) for v in (before[0], after[0], after[2])]
    return Picture(
        _arrows(before, after, h * epsilon),
        "Arrows from zero, and a circle of radius h times epsilon. Two arrows that leave the "
        "circle become shorter by its radius and keep their direction; one inside becomes zero.",
        list(
            zip(
                ("longest v", "shortened by hε = 1", "the v inside the circle becomes"),
                lengths,
                strict=True,
            )
        ),
    )


def carry() -> Picture:
    """Show the rows of q before and after one tilt has come and one has gone."""
    from em_inverse import plotting

    old, new = np.array([-60, -30, 0, 30, 45]), np.array([-60, -45, 0, 30, 60])
    q = np.outer([1.0, -0.7, 0.5, 0.9, -0.4], np.sin(np.linspace(0, 2 * np.pi, 24)))
    rows = reference.carry(q, old, new)
    return Picture(
        plotting.images(
            [q, rows],
            ["tilts −60, −30, 0, 30, 45", "tilts −60, −45, 0, 30, 60"],
            title="Rows go with their tilts; a new tilt begins with zeros",
            axes=("tilt (number)", "x"),
            quantity="pull",
            cmap=plotting.DIVERGING,
            window=(-1, 1),
        ),
        "Two tables of stripes. In the second one the stripes of the tilts -60, 0 and 30 degrees "
        "are the same as before, those of -30 and 45 are gone, those of -45 and 60 are empty.",
        [("rows after", len(rows)), ("of them zero", int((~rows.any(axis=1)).sum()))],
    )


def golden_order() -> Picture:
    """Show which tilt is recorded when."""
    order = reference.golden_order(_TILTS)
    gaps = {}
    for count in (15, 45):
        gaps[count] = int(np.diff(np.sort([-1, _TILTS, *order[:count]])).max())
    return Picture(
        _visits(order),
        "Points scattered evenly over a square: the number in time against the tilt. The first ten "
        "points already cover the whole range.",
        [(f"largest gap after {count} of {_TILTS} tilts", gap) for count, gap in gaps.items()],
    )


def judge() -> Picture:
    """Show the log of a run that has met a sound ε."""
    history, radius = _log()
    distance = np.array(history["data_distance"]) / radius
    variation = np.array(history["prior"]) / history["prior"][-1]
    return Picture(
        _curves(distance, variation),
        "The log of a good run on a small slice: the residual falls to ε within some dozens of "
        "iterations and stays there; the total variation rises, then comes to rest as well.",
        [
            ("residual ÷ ε at the end", float(distance[-1])),
            ("change of TV in the last 50 iterations, %", 100 * abs(float(variation[-51]) - 1)),
        ],
    )


@cache
def _log() -> tuple[dict[str, list[float]], float]:
    from em_inverse import noise, phantoms
    from em_inverse.dynamic.reconstruction import DynamicReconstruction
    from em_inverse.forward.tilt import ParallelBeam

    x = phantoms.nanocube_with_pores(_SIZE, n_pores=3, pore_radius=3.0, seed=1)
    angles = np.linspace(-75, 75, _TILTS)
    clean = ParallelBeam(x.shape, angles) @ x
    data = noise.gaussian(clean, _NOISE, relative=False, seed=1)
    run = DynamicReconstruction(x.shape, 1.0, units="noise", noise=_NOISE)
    run.add(angles, data)
    run.run(200)
    return run.history, run.radius


def _arrows(before: list[np.ndarray], after: list[np.ndarray], radius: float) -> Figure:
    from matplotlib.patches import Circle

    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        fig = new_figure(6.4, 3.8, "Every pull loses the same length, or all it has")
        ax = fig.add_subplot()
        ax.add_patch(
            Circle((0.0, 0.0), radius, facecolor="#EEEEEE", edgecolor="black", label="radius hε")
        )
        for k, (v, w) in enumerate(zip(before, after, strict=True)):
            ax.plot(
                *np.stack([np.zeros(2), v], axis=1),
                color=COLOURS["measurement"],
                marker="D",
                markevery=[1],
                markerfacecolor="none",
                linewidth=1,
                label="v" if k == 0 else None,
            )
            ax.plot(
                *np.stack([np.zeros(2), w], axis=1),
                color=COLOURS["tv"],
                marker="o",
                markevery=[1],
                linewidth=2.5,
                label="pull after the step" if k == 0 else None,
            )
        ax.set_aspect("equal")
        ax.set_xlabel("first pixel of the data")
        ax.set_ylabel("second pixel")
        legend_beside(ax)
    return fig


def _visits(order: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import new_figure

    with style():
        fig = new_figure(6.4, 3.6, "The golden order is even whenever one stops")
        ax = fig.add_subplot()
        ax.plot(
            np.arange(order.size), order, color=COLOURS["measurement"], marker="o", linestyle="none"
        )
        ax.set_xlabel("recorded as number")
        ax.set_ylabel("tilt, from the lowest")
    return fig


def _curves(distance: np.ndarray, variation: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, LINESTYLES, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        fig = new_figure(8.0, 3.4, "A run that is done: residual at ε, TV at rest")
        ax = fig.add_subplot()
        k = np.arange(1, distance.size + 1)
        ax.plot(k, distance, color="black", label="residual ÷ ε")
        ax.plot(k, variation, color=COLOURS["tv"], linestyle=LINESTYLES["tv"], label="TV ÷ last TV")
        ax.axhline(1, color=COLOURS["measurement"], linewidth=0.8)
        ax.set_ylim(0, 3)
        ax.set_xlabel("iteration")
        legend_beside(ax)
    return fig
