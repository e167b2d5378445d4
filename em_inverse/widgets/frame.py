"""A view packed for the page: a small header of words and one block of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Panel, Rule
from em_inverse.widgets.ticks import number_text, ticks

__all__ = ["pack"]


def pack(panels: Sequence[Panel]) -> tuple[list[dict[str, Any]], bytes]:
    """Return the header of every panel and the bytes that the headers point into.

    Images travel as uint8, lines as little-endian float32 (all x, then all y). Every block starts
    at a multiple of four bytes, so that the page can look at it in place.

    Parameters
    ----------
    panels : sequence of LinePanel or ImagePanel

    Returns
    -------
    header : list of dict
        Plain numbers and text only.
    data : bytes

    Examples
    --------
    >>> header, data = pack([ImagePanel("a", "A step.", [[0, 1, 1]])])
    >>> header[0]["rows"], header[0]["columns"], data
    (1, 3, b'\\x00\\xff\\xff\\x00')
    """
    store = _Store()
    header = [
        _image(panel, store) if isinstance(panel, ImagePanel) else _lines(panel, store)
        for panel in panels
    ]
    return header, bytes(store.data)


class _Store:
    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, block: bytes) -> int:
        start = len(self.data)
        self.data += block + bytes(-len(block) % 4)
        return start


def _image(panel: ImagePanel, store: _Store) -> dict[str, Any]:
    pixels = panel.pixels()
    low, high = panel.window or (0.0, 1.0)
    bar = panel.scale_bar()
    return {
        "kind": "image",
        "name": panel.name,
        "title": panel.title,
        "rows": pixels.shape[0],
        "columns": pixels.shape[1],
        "offset": store.add(pixels.tobytes()),
        "table": panel.table,
        "window": [number_text(low), number_text(high)],
        "unit": panel.unit,
        "xLabel": panel.x_label,
        "yLabel": panel.y_label,
        "bar": None if bar is None else {"pixels": bar[0], "label": bar[1]},
    }


def _lines(panel: LinePanel, store: _Store) -> dict[str, Any]:
    return {
        "kind": "lines",
        "name": panel.name,
        "title": panel.title,
        "x": _axis(panel.x, panel.limits("x")),
        "y": _axis(panel.y, panel.limits("y")),
        "lines": [_line(line, store) for line in panel.lines],
        "rules": [_rule(rule) for rule in panel.rules],
        "bands": [_band(band) for band in panel.visible_bands()],
    }


def _axis(axis: Axis, limits: tuple[float, float]) -> dict[str, Any]:
    low, high = limits
    return {
        "label": axis.label,
        "log": axis.scale == "log",
        "low": low,
        "high": high,
        "ticks": [list(tick) for tick in ticks(low, high, axis.scale)],
    }


def _line(line: Line, store: _Store) -> dict[str, Any]:
    points = np.stack([np.asarray(line.x), np.asarray(line.y)]).astype("<f4")
    return {
        "label": line.label,
        "colour": line.colour,
        "style": line.style,
        "marker": line.marker,
        "width": line.width,
        "size": line.size,
        "pick": line.pick,
        "picked": line.picked,
        "points": points.shape[1],
        "offset": store.add(points.tobytes()),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "at": rule.at,
        "axis": rule.axis,
        "label": rule.label,
        "colour": rule.colour,
        "style": rule.style,
        "width": rule.width,
    }


def _band(band: Band) -> dict[str, Any]:
    return {
        "low": band.low,
        "high": band.high,
        "axis": band.axis,
        "label": band.label,
        "fill": band.fill,
    }
