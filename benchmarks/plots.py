"""Pictures of the results, in the look of the course."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from em_inverse.plotting.style import COLOURS, LINESTYLES, role, style

__all__ = ["draw"]

_HEIGHT_OF_BAR = 0.45


def draw(figure: dict[str, Any], path: Path) -> None:
    """Draw a figure of `benchmarks.results` into a PNG file: bars where it has no x, else lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bars = not figure["curves"][0]["x"]
    with style(present=False):
        height = 1.3 + _HEIGHT_OF_BAR * len(figure["curves"]) if bars else 4.2
        page = Figure(figsize=(7.5, height))
        FigureCanvasAgg(page)
        ax = page.add_subplot()
        (_bars if bars else _lines)(ax, figure)
        ax.set_title(figure["title"])
        ax.set_xlabel(figure["xlabel"])
        ax.set_ylabel(figure["ylabel"])
        page.savefig(path, dpi=110)


def _bars(ax: Any, figure: dict[str, Any]) -> None:
    labels = [curve["label"] for curve in figure["curves"]]
    lengths = [curve["y"][0] for curve in figure["curves"]]
    colours = [COLOURS[role(curve["role"])[0]] for curve in figure["curves"]]
    drawn = ax.barh(labels, lengths, color=colours, height=0.6)
    ax.bar_label(drawn, [f"{length:.3g} ×" for length in lengths], padding=4)
    ax.set_xscale("log")
    ax.set_xlim(0.5, 3 * max(lengths))
    ax.invert_yaxis()


def _lines(ax: Any, figure: dict[str, Any]) -> None:
    for curve in figure["curves"]:
        meaning = role(curve["role"])[0]
        ax.plot(
            curve["x"],
            curve["y"],
            color=COLOURS[meaning],
            linestyle=LINESTYLES[meaning],
            label=curve["label"],
        )
    if figure["level"] is not None:
        ax.axhline(figure["level"], color="black", linewidth=0.8)
        ax.annotate(
            f"{figure['level']:.0%}",
            (1, figure["level"]),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    if figure["logx"]:
        ax.set_xscale("log")
    if figure.get("logy", True):
        ax.set_yscale("log")
    ax.grid(True)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
