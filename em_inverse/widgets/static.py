"""The same panels as a matplotlib figure, for readers who have no kernel."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.errors import check_integer, check_number
from em_inverse.widgets.colours import table
from em_inverse.widgets.panel import Axis, Band, ImagePanel, LinePanel, Panel, Rule
from em_inverse.widgets.ticks import number_text, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

# Mean width of a letter of bold DejaVu Sans, as a share of the type size.
LETTER = 0.62
DASHES = {"solid": "-", "dashed": "--", "dotted": ":", "dashdot": "-.", "none": ""}
MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "x"}


def figure(
    panels: Sequence[Panel], *, columns: int = 3, scale: float = 1.0, dpi: int = 100
) -> Figure:
    """Draw panels as a static figure in the style of the course.

    Parameters
    ----------
    panels : sequence of LinePanel or ImagePanel
    columns : int
        Panels in a row, at most.
    scale : float
        Text size; 2 for projection.
    dpi : int
        Dots per inch.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot, so that a notebook shows it once.

    Examples
    --------
    >>> from em_inverse.widgets.panel import Line, LinePanel
    >>> drawn = figure([LinePanel("a", "Error falls.", [Line([0, 1], [1, 0])])])
    >>> drawn.axes[0].get_title(loc="left")
    'Error falls.'
    """
    from matplotlib.figure import Figure

    from em_inverse.plotting import style

    check_integer(columns, "columns", minimum=1)
    check_number(scale, "scale", minimum=0.1)
    columns = max(1, min(columns, len(panels)))
    rows = -(-len(panels) // columns)
    # Doubled type needs more room, though not double: the figure is shown larger, too.
    width, height = 4.3 * scale**0.75, 4.2 * scale**0.75
    with style(present=scale > 1):
        drawn = Figure(figsize=(width * columns, height * rows), dpi=dpi, layout="constrained")
        axes = np.atleast_1d(drawn.subplots(rows, columns, squeeze=False)).ravel()
        for ax, panel in zip(axes, panels, strict=False):
            size = 10.5 * scale
            words = textwrap.fill(panel.title, int(0.86 * width * 72 / (LETTER * size)))
            ax.set_title(words, loc="left", fontsize=size, fontweight="bold")
            if isinstance(panel, ImagePanel):
                _draw_image(drawn, ax, panel)
            else:
                _draw_lines(ax, panel, scale)
        for ax in axes[len(panels) :]:
            ax.remove()
    return drawn


def _draw_lines(ax: Axes, panel: LinePanel, scale: float) -> None:
    for line in panel.lines:
        ax.plot(
            np.asarray(line.x),
            np.asarray(line.y),
            color=line.colour,
            linestyle=DASHES[line.style] or "none",
            marker=MARKERS.get(line.marker.removeprefix("open ")),
            markerfacecolor="none" if line.marker.startswith("open ") else line.colour,
            markeredgewidth=1.4 * np.sqrt(scale),
            linewidth=0.8 * line.width * np.sqrt(scale),
            markersize=0.8 * line.size * np.sqrt(scale),
            label=line.label or "_nolegend_",
        )
    for rule in panel.rules:
        _draw_rule(ax, rule, scale)
    for letter, description in (("x", panel.x), ("y", panel.y)):
        _set_axis(ax, letter, description, panel, scale)
    for band in panel.visible_bands():
        _draw_band(ax, band)
    labelled = ax.get_legend_handles_labels()[0]
    if labelled:
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.2),
            ncols=min(2, len(labelled)),
            frameon=False,
        )


def _draw_rule(ax: Axes, rule: Rule, scale: float) -> None:
    across = ax.axvline if rule.axis == "x" else ax.axhline
    across(
        rule.at,
        color=rule.colour,
        linestyle=DASHES[rule.style],
        linewidth=0.8 * rule.width * np.sqrt(scale),
        label=rule.label or "_nolegend_",
    )


def _draw_band(ax: Axes, band: Band) -> None:
    lying = band.axis == "y"
    if band.fill:
        across = ax.axhspan if lying else ax.axvspan
        across(band.low, band.high, color=band.fill, linewidth=0, zorder=0)
    if not band.label:
        return
    logarithmic = getattr(ax, f"get_{band.axis}scale")() == "log"
    middle = (band.low * band.high) ** 0.5 if logarithmic else (band.low + band.high) / 2
    ax.annotate(
        band.label,
        (0.98, middle) if lying else (middle, 0.97),
        xycoords=ax.get_yaxis_transform() if lying else ax.get_xaxis_transform(),
        ha="right" if lying else "center",
        va="center" if lying else "top",
        bbox={"facecolor": band.fill or "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
    )


def _set_axis(ax: Axes, letter: Any, description: Axis, panel: LinePanel, scale: float) -> None:
    low, high = panel.limits(letter)
    marks = ticks(low, high, description.scale)
    positions = [value for value, _ in marks]
    words = [_mathematical(label) for _, label in marks]
    ax.set(
        **{
            f"{letter}scale": description.scale,
            f"{letter}label": description.label,
            f"{letter}lim": (low, high),
        }
    )
    axis = getattr(ax, f"{letter}axis")
    axis.set_ticks(positions, words if scale == 1 or letter == "y" else _thinned(words))
    axis.set_ticks([], minor=True)


def _draw_image(drawn: Figure, ax: Axes, panel: ImagePanel) -> None:
    from matplotlib.colors import ListedColormap

    low, high = panel.window or (0.0, 1.0)
    shown = ax.imshow(
        np.asarray(panel.image),
        cmap=ListedColormap(table(panel.table) / 255.0),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="equal",
    )
    ax.set(xlabel=panel.x_label, ylabel=panel.y_label, xticks=[], yticks=[])
    ax.grid(False)
    bar = drawn.colorbar(shown, ax=ax, orientation="horizontal", fraction=0.06, pad=0.04)
    bar.set_label(panel.unit)
    bar.set_ticks([low, high], labels=[number_text(low), number_text(high)])
    ruler = panel.scale_bar()
    if ruler is not None:
        _draw_scale_bar(ax, ruler, np.asarray(panel.image).shape)


def _draw_scale_bar(ax: Axes, ruler: tuple[float, str], shape: tuple[int, ...]) -> None:
    from matplotlib.patches import Rectangle

    length, label = ruler
    rows, columns = shape
    corner = (0.04 * columns, 0.93 * rows)
    ax.add_patch(Rectangle(corner, length, 0.02 * rows, facecolor="black", edgecolor="white"))
    ax.annotate(
        label,
        (corner[0], corner[1] - 0.01 * rows),
        va="bottom",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
    )


def _thinned(words: list[str]) -> list[str]:
    """Every other label, where large ones would run into each other."""
    return [word if i % 2 == 0 or len(words) < 6 else "" for i, word in enumerate(words)]


def _mathematical(label: str) -> str:
    base, _, power = label.partition("^")
    return f"${base}^{{{power}}}$" if power else label
