"""What an explorer wants to show, as plain data: no widget, no kernel, no page.

``draw`` of an explorer returns a :class:`View`. The page canvas, the Pillow fallback and the static
matplotlib figure each turn the same view into pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_choice,
    check_number,
)
from em_inverse.widgets.colours import INK, TABLES

__all__ = ["Axis", "Band", "ImagePanel", "Line", "LinePanel", "Panel", "Rule", "View"]

STYLES = ("solid", "dashed", "dotted", "dashdot", "none")
SHAPES = ("circle", "square", "triangle", "diamond")
MARKERS = ("", *SHAPES, *(f"open {shape}" for shape in SHAPES), "cross")


@dataclass(frozen=True, eq=False)
class Line:
    """A curve, or a set of points when `style` is ``"none"``.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Points in order. A NaN lifts the pen.
    label : str
        Name in the legend; an empty label keeps the line out of it.
    colour : str
        ``"#rrggbb"``, best from :data:`em_inverse.plotting.COLOURS`.
    style : {"solid", "dashed", "dotted", "dashdot", "none"}
    marker : {"", "circle", "square", "triangle", "diamond", "open circle", ..., "cross"}
    width, size : float
        Line width and marker diameter in points of the page at normal text size.
    pick : bool
        Whether clicks and arrow keys choose points of this line.
    picked : int
        Point that is chosen now, from which the arrow keys go on.

    Raises
    ------
    DataError
        When x and y differ in length, or hold infinities.
    ParameterError
        When style, marker, width or size is not one of the allowed ones.

    Examples
    --------
    >>> Line([0, 1, 2], [3, 4, 5], "truth").y.dtype
    dtype('float32')
    """

    x: ArrayLike
    y: ArrayLike
    label: str = ""
    colour: str = INK
    style: str = "solid"
    marker: str = ""
    width: float = 2.0
    size: float = 7.0
    pick: bool = False
    picked: int = 0

    def __post_init__(self) -> None:
        x, y = (
            check_array(values, f"{axis} of line {self.label!r}", ndim=1, finite=False)
            for axis, values in (("x", self.x), ("y", self.y))
        )
        if x.shape != y.shape:
            raise DataError(
                f"line {self.label!r} has {x.size} x values but {y.size} y values; "
                f"pass one y for every x."
            )
        if np.isinf(x).any() or np.isinf(y).any():
            raise DataError(
                f"line {self.label!r} holds infinite values. Clip them, or pass NaN to lift the "
                f"pen."
            )
        check_choice(self.style, "style", STYLES)
        check_choice(self.marker, "marker", MARKERS)
        check_number(self.width, "width", minimum=0)
        check_number(self.size, "size", minimum=0)
        largest = float(np.finfo(np.float32).max)
        object.__setattr__(self, "x", np.clip(x, -largest, largest).astype(np.float32))
        object.__setattr__(self, "y", np.clip(y, -largest, largest).astype(np.float32))


@dataclass(frozen=True)
class Rule:
    """A straight line across the whole panel, at one value of one axis.

    Parameters
    ----------
    at : float
        Where it stands.
    axis : {"x", "y"}
        ``"x"`` for a vertical rule at x = `at`, ``"y"`` for a horizontal one.
    label, colour, style, width
        As for :class:`Line`.
    """

    at: float
    axis: Literal["x", "y"] = "x"
    label: str = ""
    colour: str = INK
    style: str = "dashed"
    width: float = 1.5

    def __post_init__(self) -> None:
        check_number(self.at, "at")
        check_choice(self.axis, "axis", ("x", "y"))
        check_choice(self.style, "style", STYLES[:-1])


@dataclass(frozen=True)
class Band:
    """A range of one axis, shaded behind everything else, with its name inside.

    Parameters
    ----------
    low, high : float
        Where it begins and ends, low < high. −∞ and ∞ reach as far as the axis does.
    axis : {"x", "y"}
        ``"x"`` for an upright band, ``"y"`` for a lying one.
    label : str
        Written inside: at the top of an upright band, at the right end of a lying one.
    colour : str
        ``"#rrggbb"``, of which a quarter is mixed into white; empty for a range that is only named.

    Examples
    --------
    >>> Band(0.9, 1.05, "y", "sound", "#009E73").fill
    '#bfe7dc'
    """

    low: float
    high: float
    axis: Literal["x", "y"] = "x"
    label: str = ""
    colour: str = ""

    def __post_init__(self) -> None:
        check_choice(self.axis, "axis", ("x", "y"))
        if not float(self.low) < float(self.high):
            raise ParameterError(
                f"band {self.label!r} runs from {self.low!r} to {self.high!r}; allowed: low < high."
            )

    @property
    def fill(self) -> str:
        """The colour as it is drawn, or an empty text."""
        if not self.colour:
            return ""
        parts = (int(self.colour[at : at + 2], 16) for at in (1, 3, 5))
        return "#" + "".join(f"{round(255 - (255 - part) / 4):02x}" for part in parts)


@dataclass(frozen=True)
class Axis:
    """One axis of a line panel: its label with unit, its scale, its limits.

    Parameters
    ----------
    label : str
        Quantity and unit, such as ``"position (px)"``.
    scale : {"linear", "log"}
    limits : (float, float), optional
        Lowest and highest value shown. Left out, they follow the lines; explorers do better to fix
        them, because a picture that rescales under a slider hides what the slider does.
    """

    label: str = ""
    scale: Literal["linear", "log"] = "linear"
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_choice(self.scale, "scale", ("linear", "log"))
        if self.limits is None:
            return
        low, high = (check_number(limit, "limits") for limit in self.limits)
        if not low < high or (self.scale == "log" and low <= 0):
            allowed = "0 < low < high" if self.scale == "log" else "low < high"
            raise ParameterError(
                f"limits of axis {self.label!r} are {self.limits!r}; allowed: {allowed}."
            )


@dataclass(frozen=True, eq=False)
class LinePanel:
    """Curves and points over one pair of axes.

    Parameters
    ----------
    name : str
        Short identifier, reported back when somebody clicks in the panel.
    title : str
        What the panel shows, as a sentence.
    lines : sequence of Line
    x, y : Axis
    rules : sequence of Rule
        Vertical and horizontal markers.
    bands : sequence of Band
        Shaded ranges behind them.

    Examples
    --------
    >>> curve = LinePanel("u", "The error has one minimum.", [Line([1, 10], [2, 1])],
    ...                   Axis("λ", "log"), Axis("RMSE"))
    >>> low, high = curve.limits("x")
    >>> low < 1 and high > 10
    True
    """

    name: str
    title: str
    lines: Sequence[Line]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    rules: Sequence[Rule] = ()
    bands: Sequence[Band] = ()

    def visible_bands(self) -> list[Band]:
        """Return the parts of the bands that lie within the limits of their axes."""
        cut = []
        for band in self.bands:
            low, high = self.limits(band.axis)
            low, high = max(low, band.low), min(high, band.high)
            if low < high:
                cut.append(replace(band, low=low, high=high))
        return cut

    def limits(self, axis: Literal["x", "y"]) -> tuple[float, float]:
        """Return the limits of one axis: the ones asked for, or the data with a margin."""
        description: Axis = getattr(self, axis)
        if description.limits is not None:
            return description.limits
        log = description.scale == "log"
        values = np.concatenate(
            [np.asarray(getattr(line, axis), dtype=np.float64) for line in self.lines]
            or [np.empty(0)]
        )
        values = values[np.isfinite(values) & ((values > 0) | (not log))]
        if values.size == 0:
            return (1.0, 10.0) if log else (0.0, 1.0)
        values = np.log10(values) if log else values
        low, high = float(values.min()), float(values.max())
        margin = 0.05 * (high - low) or (0.5 if log else max(abs(low), 1.0) * 0.05)
        low, high = low - margin, high + margin
        return (10.0**low, 10.0**high) if log else (low, high)


@dataclass(frozen=True, eq=False)
class ImagePanel:
    """A picture with square pixels, an intensity window that is printed, and a colour bar.

    Parameters
    ----------
    name, title : str
        As for :class:`LinePanel`.
    image : array_like, shape (rows, columns)
        Values; the first row is drawn at the top.
    window : (float, float), optional
        Values shown as the first and the last colour. Left out: the lowest and highest of the
        image, or ± the largest magnitude for the table ``"difference"``.
    table : {"grey", "difference", "dose"}
    unit : str
        Quantity and unit of the colour bar.
    x_label, y_label : str
        What the columns and the rows are, with the direction: ``"x →"``, ``"← z, beam"``.
    pixel_size_nm : float, optional
        Draws a scale bar.

    Examples
    --------
    >>> panel = ImagePanel("truth", "The object.", [[0.0, 0.5], [1.0, 2.0]], window=(0, 1))
    >>> panel.pixels().tolist()
    [[0, 128], [255, 255]]
    """

    name: str
    title: str
    image: ArrayLike
    window: tuple[float, float] | None = None
    table: str = "grey"
    unit: str = ""
    x_label: str = ""
    y_label: str = ""
    pixel_size_nm: float | None = None

    def __post_init__(self) -> None:
        image = check_array(self.image, "image", ndim=2)
        check_choice(self.table, "table", TABLES)
        if self.window is None:
            low, high = float(image.min()), float(image.max())
            if self.table == "difference":
                high = max(abs(low), abs(high))
                low = -high
            high = high if high > low else low + 1.0
        else:
            low, high = (check_number(value, "window") for value in self.window)
        if not low < high:
            raise ParameterError(f"window is {self.window!r}; allowed: low < high.")
        if self.pixel_size_nm is not None:
            check_number(self.pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "window", (low, high))

    def pixels(self) -> np.ndarray:
        """Return the image as indices into its colour table, uint8, shape (rows, columns)."""
        low, high = self.window or (0.0, 1.0)
        scaled = (np.asarray(self.image) - low) * (255.0 / (high - low))
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)

    def scale_bar(self) -> tuple[float, str] | None:
        """Return length in pixels and label of a scale bar, a quarter of the width or less."""
        if self.pixel_size_nm is None:
            return None
        width_nm = np.asarray(self.image).shape[1] * self.pixel_size_nm
        decade = 10.0 ** np.floor(np.log10(width_nm / 4))
        length = max(m * decade for m in (1, 2, 5) if m * decade <= width_nm / 4 * 1.001)
        return float(length / self.pixel_size_nm), f"{length:g} nm"


Panel = LinePanel | ImagePanel


@dataclass(frozen=True, eq=False)
class View:
    """One complete state of an explorer: the panels, the number that matters, the words.

    Parameters
    ----------
    panels : sequence of LinePanel or ImagePanel
    headline : str
        The one number that matters, with its name: ``"RMSE 0.14"``.
    note : str
        What else to read beside it, or what to notice now.
    description : str
        What is seen and what follows from it, for those who cannot see it.
    """

    panels: Sequence[Panel]
    headline: str = ""
    note: str = ""
    description: str = ""
