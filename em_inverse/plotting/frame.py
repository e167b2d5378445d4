"""What all figures share: a blank figure with a sentence on top, legends beside, plain numbers."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.errors import ParameterError
from em_inverse.plotting.style import present_mode

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect

__all__ = [
    "SMALL",
    "beam_arrow",
    "legend_beside",
    "log_axis",
    "new_figure",
    "number",
    "scale_bar",
    "shared_window",
    "text_size",
    "window_text",
]

SMALL = 9.0
"""Smallest type in points at notebook size."""

# Mean width of a letter of bold DejaVu Sans, as a share of the type size.
_LETTER = 0.62


def new_figure(width: float, height: float, title: str) -> Figure:
    """Return an empty figure of this size in inches with its title at the top left.

    Call it inside ``with style():``. For a projector the type doubles and the figure grows by
    half, so that it fills the screen.

    Raises
    ------
    ParameterError
        When the title is empty.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    if not isinstance(title, str) or not title.strip():
        raise ParameterError(
            f"title is {title!r}; a figure states one thing, as a sentence. Pass that sentence."
        )
    grow = 1.5 if present_mode() else 1.0
    size = FontProperties(size=rcParams["figure.titlesize"]).get_size_in_points()
    letters = int(width * grow * 72 / (_LETTER * size)) - 2
    lines = textwrap.wrap(title.strip(), letters)
    # A title of several lines must not take its place from the picture.
    more = (len(lines) - 1) * 1.3 * size / 72
    fig = Figure(figsize=(width * grow, height * grow + more))
    fig.suptitle("\n".join(lines), x=0.01, horizontalalignment="left")
    return fig


def text_size() -> float:
    """Points of the smallest type allowed now: 9, doubled for a projector."""
    return SMALL * (2.0 if present_mode() else 1.0)


def legend_beside(ax: Axes) -> None:
    """Put the legend to the right of the axes, where it covers no line."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)


def log_axis(axis: Axis) -> None:
    """Make the axis of a finished plot logarithmic, with plain numbers.

    Superscripts would be too small to read. Less than a decade and a half gets numbers between
    the powers of ten as well. An axis without a positive value stays linear.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not math.isfinite(axis.get_minpos()):
        return
    low, high = axis.get_data_interval()
    few = low > 0 and high / low < 30
    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axis.set_minor_formatter(NullFormatter())


def number(value: float, digits: int = 3) -> str:
    """Write a number with a few digits and no needless zeros.

    Examples
    --------
    >>> number(0.12589), number(-2), number(1e-5), number(2.85e14)
    ('0.126', '−2', '1e−5', '2.85e14')
    """
    text = f"{value + 0.0:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def window_text(low: float, high: float, span: float | None = None) -> str:
    """Write a range of values; an end that is nothing beside the span is written as 0.

    The span is the range's own width, unless something else sets the scale.

    Examples
    --------
    >>> window_text(3e-9, 1.25)
    '0 to 1.25'
    """
    scale = high - low if span is None else span
    ends = (0.0 if abs(end) < 1e-3 * scale else end for end in (low, high))
    return " to ".join(number(end) for end in ends)


def scale_bar(ax: Axes, pixel_size_nm: float, widest_px: float, ink: str = "white") -> float:
    """Draw a scale bar into the lower left corner and return its length in nm.

    The length is round and at most `widest_px` pixels, so that panels of different width can have
    the same bar.
    """
    from matplotlib.patches import Rectangle

    left, right = sorted(ax.get_xlim())
    bottom, top = ax.get_ylim()
    width, height = right - left, top - bottom
    length = _round_below(widest_px * pixel_size_nm)
    thick = 0.02 * min(width, abs(height)) * np.sign(height)
    x, y = left + 0.05 * width, bottom + 0.05 * height
    bar = Rectangle((x, y), length / pixel_size_nm, thick, facecolor=ink, gid="scale bar")
    bar.set_path_effects(_outline(ink))
    ax.add_patch(bar)
    ax.annotate(
        f"{length:g} nm",
        (x, y + thick),
        xytext=(0, 0.3 * text_size()),
        textcoords="offset points",
        color=ink,
        fontsize=text_size(),
        path_effects=_outline(ink),
    )
    return length


def beam_arrow(ax: Axes, ink: str = "white", *, down: bool = True) -> None:
    """Draw the way of the electrons at 0° tilt into the upper left corner.

    Down the picture, or into it (a cross in a circle, as the tail of an arrow seen from behind).
    """
    size = text_size()
    ax.annotate(
        "↓ beam" if down else "⊗ beam",
        (0, 1),
        xycoords="axes fraction",
        xytext=(0.5 * size, -0.4 * size),
        textcoords="offset points",
        va="top",
        color=ink,
        fontsize=1.1 * size,
        weight="bold",
        path_effects=_outline(ink),
    )


def shared_window(
    arrays: list[np.ndarray], window: tuple[float, float] | None
) -> tuple[float, float]:
    """Return the intensity window shared by all arrays."""
    if window is None:
        low = min(float(array.min()) for array in arrays)
        high = max(float(array.max()) for array in arrays)
        return (low, high) if high > low else (low - 0.5, low + 0.5)
    low, high = (float(value) for value in window)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ParameterError(
            f"window is {window!r}; two finite numbers (low, high) with low < high are needed."
        )
    return low, high


def _round_below(value: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that is not above `value`."""
    decade = 10.0 ** math.floor(math.log10(value))
    return float(max(m * decade for m in (1, 2, 5) if m * decade <= value * (1 + 1e-12)))


def _tick(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value <= 1e4 else number(value)


def _outline(ink: str) -> list[AbstractPathEffect]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.5, foreground="black" if ink == "white" else "white")]
