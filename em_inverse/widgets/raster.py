"""The same panels drawn with Pillow, for places where the page canvas cannot run."""

from __future__ import annotations

import importlib.util
import io
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from em_inverse.errors import check_integer, check_number
from em_inverse.widgets.colours import INK, table
from em_inverse.widgets.frame import pack
from em_inverse.widgets.panel import Panel

__all__ = ["draw_panels", "png"]

GRID = "#e4e4e4"
DASHES = {"dashed": (7, 4), "dotted": (2, 3), "dashdot": (8, 3, 2, 3)}
# Drawn twice as large and shrunk, because Pillow draws jagged lines.
FINER = 2
FAR = 20.0


def png(
    panels: Sequence[Panel], *, columns: int = 3, scale: float = 1.0, width: int = 1200
) -> bytes:
    """Return the panels as the bytes of a PNG file; see :func:`draw_panels`."""
    store = io.BytesIO()
    picture = draw_panels(panels, columns=columns, scale=scale, width=width)
    picture.save(store, "PNG", compress_level=1)
    return store.getvalue()


def draw_panels(
    panels: Sequence[Panel], *, columns: int = 3, scale: float = 1.0, width: int = 1200
) -> Image.Image:
    """Draw panels row by row, with the layout of the page canvas.

    Parameters
    ----------
    panels : sequence of LinePanel or ImagePanel
    columns : int
        Panels in a row, at most.
    scale : float
        Text size; 2 for projection.
    width : int
        Width of the picture in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB; the height follows from the panels.

    Examples
    --------
    >>> from em_inverse.widgets.panel import Line, LinePanel
    >>> draw_panels([LinePanel("a", "A line.", [Line([0, 1], [0, 1])])], width=600).size[0]
    600
    """
    check_integer(width, "width", minimum=100)
    check_integer(columns, "columns", minimum=1)
    f = 15.0 * check_number(scale, "scale", minimum=0.1) * FINER
    full = width * FINER
    headers, data = pack(panels)
    columns = max(1, min(columns, len(headers), int(full / (15.5 * f))))
    gap, edge = 1.4 * f, 3.0 * FINER
    panel_width = (full - 2 * edge - gap * (columns - 1)) / columns
    plot_height = max(0.66 * panel_width, 10 * f)

    heads = [_head(panel, panel_width, f) for panel in headers]
    rows = [range(at, min(at + columns, len(heads))) for at in range(0, len(heads), columns)]
    feet = [_foot([headers[i] for i in row]) * f for row in rows]
    tops, height = [], 0.3 * f
    for row, foot in zip(rows, feet, strict=True):
        tops.append(height)
        height += max(heads[i]["height"] for i in row) + plot_height + foot + f

    picture = Image.new("RGB", (full, FINER * math.ceil(height / FINER)), "white")
    pen = _Pen(picture, f, scale * FINER)
    for row, top, foot in zip(rows, tops, feet, strict=True):
        head_height = max(heads[i]["height"] for i in row)
        for column, i in enumerate(row):
            x = edge + column * (panel_width + gap)
            space = _Space(x, top + head_height, panel_width, plot_height, foot)
            _draw_head(pen, heads[i], x, top, head_height)
            paint = _draw_image if headers[i]["kind"] == "image" else _draw_lines
            paint(pen, headers[i], space, data)
    return picture.reduce(FINER)


def _foot(row: Sequence[dict[str, Any]]) -> float:
    """Room below the plots of a row, in text heights: less where no axis has a name."""
    bare = all(panel["kind"] == "lines" and not panel["x"]["label"] for panel in row)
    return 2.0 if bare else 3.5


class _Space:
    def __init__(self, x: float, y: float, w: float, h: float, foot: float) -> None:
        self.x, self.y, self.w, self.h, self.foot = x, y, w, h, foot


class _Pen:
    """Text, dashes and markers on one picture."""

    def __init__(self, picture: Image.Image, f: float, scale: float) -> None:
        self.picture = picture
        self.draw = ImageDraw.Draw(picture)
        self.f = f
        self.scale = scale
        self.font = _font(f)

    def text(self, x: float, y: float, text: str, anchor: str = "lm", bold: bool = False) -> None:
        font = _font(1.05 * self.f, True) if bold else self.font
        self.draw.text((x, y), text, fill=INK, font=font, anchor=anchor)

    def raised(self, x: float, y: float, label: str) -> None:
        base, _, power = label.partition("^")
        self.text(x, y, base)
        if power:
            after = x + self.font.getlength(base)
            small = _font(0.8 * self.f)
            raised = (after, y - 0.4 * self.f)
            self.draw.text(raised, power.replace("-", "−"), fill=INK, font=small, anchor="lm")

    def sideways(self, x: float, y: float, text: str) -> None:
        size = (math.ceil(self.font.getlength(text)) + 4, math.ceil(1.6 * self.f))
        plate = Image.new("RGB", size, "white")
        ImageDraw.Draw(plate).text(
            (size[0] / 2, size[1] / 2), text, fill=INK, font=self.font, anchor="mm"
        )
        turned = plate.transpose(Image.Transpose.ROTATE_90)
        self.picture.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)))

    def stroke(self, points: Sequence[tuple[float, float]], key: dict[str, Any]) -> None:
        width = max(1, round(key["width"] * math.sqrt(self.scale / FINER) * FINER))
        if key["style"] == "solid":
            self.draw.line(points, fill=key["colour"], width=width, joint="curve")
            return
        for piece in _dashed(points, [d * self.scale for d in DASHES[key["style"]]]):
            self.draw.line(piece, fill=key["colour"], width=width)

    def mark(self, x: float, y: float, key: dict[str, Any]) -> None:
        r = key["size"] * self.scale / 2
        shape, colour = key["marker"].removeprefix("open "), key["colour"]
        fill = None if key["marker"].startswith("open ") else colour
        edge = round(1.8 * self.scale)
        if shape == "circle":
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill, colour, edge)
        elif shape == "cross":
            self.draw.line([(x - r, y - r), (x + r, y + r)], fill=colour, width=edge)
            self.draw.line([(x - r, y + r), (x + r, y - r)], fill=colour, width=edge)
        else:
            corners = {
                "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
                "triangle": [(0, -r), (r, r), (-r, r)],
                "diamond": [(0, -r), (r, 0), (0, r), (-r, 0)],
            }[shape]
            self.draw.polygon([(x + dx, y + dy) for dx, dy in corners], fill, colour, edge)


def _head(panel: dict[str, Any], width: float, f: float) -> dict[str, Any]:
    title = _wrap(panel["title"], _font(1.05 * f, True), width)
    keys = [k for k in [*panel.get("lines", ()), *panel.get("rules", ())] if k["label"]]
    legend: list[list[tuple[dict[str, Any], float]]] = []
    x = math.inf
    for key in keys:
        needed = 2.6 * f + _font(f).getlength(key["label"])
        if x + needed > width:
            legend.append([])
            x = 0.0
        legend[-1].append((key, x))
        x += needed + 1.1 * f
    height = len(title) * 1.35 * f + 0.35 * f + len(legend) * 1.4 * f + 0.5 * f
    return {"title": title, "legend": legend, "height": height}


def _draw_head(pen: _Pen, head: dict[str, Any], x: float, top: float, height: float) -> None:
    f = pen.f
    for i, line in enumerate(head["title"]):
        pen.text(x, top + (i + 0.6) * 1.35 * f, line, bold=True)
    for i, row in enumerate(head["legend"]):
        y = top + height - 0.5 * f - (len(head["legend"]) - i - 0.5) * 1.4 * f
        for key, shift in row:
            at = x + shift
            if key.get("axis") == "x":
                pen.stroke([(at + f, y - 0.6 * f), (at + f, y + 0.6 * f)], key)
            elif key["style"] != "none":
                pen.stroke([(at, y), (at + 2 * f, y)], key)
            if key.get("marker"):
                pen.mark(at + f, y, key)
            pen.text(at + 2.4 * f, y, key["label"])


def _draw_lines(pen: _Pen, panel: dict[str, Any], space: _Space, data: bytes) -> None:
    f = pen.f
    x_ticks = [(value, label, _label_width(label, f)) for value, label in panel["x"]["ticks"]]
    y_ticks = [(value, label, _label_width(label, f)) for value, label in panel["y"]["ticks"]]
    left = (1.6 * f if panel["y"]["label"] else 0) + max([0, *(t[2] for t in y_ticks)]) + 0.6 * f
    right = max(0.6 * f, 0.5 * x_ticks[-1][2] + 2 * FINER if x_ticks else 0)
    x0, y0, w, h = space.x + left, space.y, space.w - left - right, space.h

    def at_x(value: float) -> float:
        return x0 + float(_fraction(panel["x"], value)) * w

    def at_y(value: float) -> float:
        return y0 + (1 - float(_fraction(panel["y"], value))) * h

    spans = [_span(band, at_x, at_y, (x0, y0, w, h)) for band in panel["bands"]]
    for band, span in zip(panel["bands"], spans, strict=True):
        if band["fill"]:
            pen.draw.rectangle(span, fill=band["fill"])
    for value, _, _ in x_ticks:
        pen.draw.line([(at_x(value), y0), (at_x(value), y0 + h)], fill=GRID, width=FINER)
    for value, _, _ in y_ticks:
        pen.draw.line([(x0, at_y(value)), (x0 + w, at_y(value))], fill=GRID, width=FINER)

    # Pillow does not clip: the curves go on a plate of the plot's size, pasted afterwards.
    box = (round(x0), round(y0), round(x0 + w), round(y0 + h))
    plate = pen.picture.crop(box)
    inner = _Pen(plate, f, pen.scale)
    for rule in panel["rules"]:
        if rule["axis"] == "x":
            at = at_x(rule["at"]) - box[0]
            inner.stroke([(at, 0), (at, plate.height)], rule)
        else:
            at = at_y(rule["at"]) - box[1]
            inner.stroke([(0, at), (plate.width, at)], rule)
    for line in panel["lines"]:
        xs, ys = np.frombuffer(data, "<f4", 2 * line["points"], line["offset"]).reshape(2, -1)
        # Far outside is pulled in: dashes that nobody sees take as long as those one does.
        px = np.clip(_fraction(panel["x"], xs), -FAR, FAR) * w + (x0 - box[0])
        py = np.clip(1 - _fraction(panel["y"], ys), -FAR, FAR) * h + (y0 - box[1])
        if line["style"] != "none":
            for piece in _pieces(px, py):
                inner.stroke(piece, line)
        if line["marker"]:
            for x, y in zip(px, py, strict=True):
                if math.isfinite(x) and math.isfinite(y):
                    inner.mark(x, y, line)
    pen.picture.paste(plate, box[:2])
    for band, span in zip(panel["bands"], spans, strict=True):
        if band["label"]:
            _name_band(pen, band, span, (x0, y0, x0 + w, y0 + h))

    pen.draw.line([(x0, y0), (x0, y0 + h), (x0 + w, y0 + h)], fill=INK, width=FINER)
    for value, label, width in _thin(x_ticks, [at_x(t[0]) for t in x_ticks], 0.7 * f):
        pen.raised(at_x(value) - width / 2, y0 + h + 0.9 * f, label)
    flat = [(value, label, 0.0) for value, label, _ in y_ticks]
    for value, label, _ in _thin(flat, [at_y(t[0]) for t in flat], 1.35 * f):
        pen.raised(x0 - 0.5 * f - _label_width(label, f), at_y(value), label)
    pen.text(x0 + w / 2, y0 + h + 2.35 * f, panel["x"]["label"], "mm")
    if panel["y"]["label"]:
        pen.sideways(space.x + 0.7 * f, y0 + h / 2, panel["y"]["label"])


def _span(
    band: dict[str, Any],
    at_x: Callable[[float], float],
    at_y: Callable[[float], float],
    plot: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a band in a plot given by its corner and its size."""
    x, y, w, h = plot
    if band["axis"] == "y":
        return x, at_y(band["high"]), x + w, at_y(band["low"])
    return at_x(band["low"]), y, at_x(band["high"]), y + h


def _name_band(
    pen: _Pen,
    band: dict[str, Any],
    span: tuple[float, float, float, float],
    plot: tuple[float, float, float, float],
) -> None:
    f = pen.f
    left, top, right, bottom = plot
    width = pen.font.getlength(band["label"]) + 0.6 * f
    lying = band["axis"] == "y"
    middle = (span[1] + span[3]) / 2 if lying else span[1] + f
    y = min(max(middle, top + 0.8 * f), bottom - 0.8 * f)
    wanted = right - width - 0.3 * f if lying else (span[0] + span[2] - width) / 2
    x = min(max(wanted, left), right - width)
    plate = (x, y - 0.7 * f, x + width, y + 0.7 * f)
    pen.draw.rectangle(plate, fill=band["fill"] or "white")
    pen.text(x + 0.3 * f, y, band["label"])


def _draw_image(pen: _Pen, panel: dict[str, Any], space: _Space, data: bytes) -> None:
    f = pen.f
    rows, columns = panel["rows"], panel["columns"]
    left = 1.6 * f if panel["yLabel"] else 0.0
    below = 1.5 * f if panel["xLabel"] else 0.3 * f
    bar_height = 0.7 * f
    room_w = space.w - left
    room_h = space.h + space.foot - below - bar_height - 1.5 * f - (1.3 * f if panel["unit"] else 0)
    zoom = min(room_w / columns, room_h / rows)
    size = (max(1, round(columns * zoom)), max(1, round(rows * zoom)))
    x, y = round(space.x + left + (room_w - size[0]) / 2), round(space.y)
    indices = np.frombuffer(data, np.uint8, rows * columns, panel["offset"]).reshape(rows, columns)
    colours = table(panel["table"])
    picture = Image.fromarray(colours[indices])
    pen.picture.paste(picture.resize(size, Image.Resampling.NEAREST), (x, y))
    edge = (x - 1, y - 1, x + size[0], y + size[1])
    pen.draw.rectangle(edge, outline=INK, width=FINER)
    pen.text(x + size[0] / 2, y + size[1] + 0.9 * f, panel["xLabel"], "mm")
    if panel["yLabel"]:
        pen.sideways(x - 0.9 * f, y + size[1] / 2, panel["yLabel"])
    if panel["bar"]:
        _draw_scale_bar(pen, panel["bar"], x, y + size[1], zoom)

    strip_w = round(0.8 * room_w)
    strip_x = round(space.x + left + 0.1 * room_w)
    strip_y = round(y + size[1] + below + 0.3 * f)
    ramp = Image.fromarray(colours[None]).resize((strip_w, round(bar_height)))
    pen.picture.paste(ramp, (strip_x, strip_y))
    bottom = strip_y + ramp.height
    pen.draw.rectangle((strip_x, strip_y, strip_x + strip_w, bottom), outline=INK, width=FINER)
    under = bottom + 0.85 * f
    pen.text(strip_x, under, panel["window"][0], "mm")
    pen.text(strip_x + strip_w, under, panel["window"][1], "mm")
    pen.text(strip_x + strip_w / 2, under + 1.2 * f, panel["unit"], "mm")


def _draw_scale_bar(pen: _Pen, bar: dict[str, Any], left: float, foot: float, zoom: float) -> None:
    f = pen.f
    length, x, y = bar["pixels"] * zoom, left + 0.6 * f, foot - 0.9 * f
    wide = max(length, pen.font.getlength(bar["label"]))
    plate = (x - 0.3 * f, y - 1.5 * f, x + wide + 0.3 * f, y + 0.6 * f)
    pen.draw.rectangle(plate, fill="white")
    pen.draw.rectangle((x, y, x + length, y + 0.3 * f), fill=INK)
    pen.text(x, y - 0.75 * f, bar["label"])


@lru_cache(maxsize=32)
def _font(size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    # Matplotlib ships a font with Greek letters; looked up without importing it.
    origin = importlib.util.find_spec("matplotlib")
    assert origin is not None
    assert origin.origin is not None
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(
        str(Path(origin.origin).parent / "mpl-data" / "fonts" / "ttf" / name), round(size)
    )


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _label_width(label: str, f: float) -> float:
    base, _, power = label.partition("^")
    return _font(f).getlength(base) + _font(0.8 * f).getlength(power.replace("-", "−"))


def _fraction(axis: dict[str, Any], values: Any) -> np.ndarray:
    low, high = axis["low"], axis["high"]
    values = np.asarray(values, dtype=np.float64)
    if not axis["log"]:
        return (values - low) / (high - low)
    positive = np.where(values > 0, values, np.nan)
    return np.log(positive / low) / math.log(high / low)


def _thin(
    ticks: list[tuple[float, str, float]], places: list[float], room: float
) -> Iterable[tuple[float, str, float]]:
    """Keep every k-th tick, with the smallest k whose labels do not touch."""
    for k in range(1, len(ticks)):
        kept, at = ticks[::k], places[::k]
        pairs = zip(kept, at, at[1:], strict=False)
        if all(abs(right - left) >= tick[2] + room for tick, left, right in pairs):
            return kept
    return ticks[:1]


def _pieces(px: np.ndarray, py: np.ndarray) -> Iterable[list[tuple[float, float]]]:
    """Cut a curve where the pen is lifted."""
    piece: list[tuple[float, float]] = []
    for x, y in zip(px.tolist(), py.tolist(), strict=True):
        if math.isfinite(x) and math.isfinite(y):
            piece.append((x, y))
            continue
        if len(piece) > 1:
            yield piece
        piece = []
    if len(piece) > 1:
        yield piece


def _dashed(
    points: Sequence[tuple[float, float]], pattern: Sequence[float]
) -> Iterable[list[tuple[float, float]]]:
    """Cut a polyline into the dashes of a pattern (ink, gap, ink, gap …)."""
    slot, left = 0, pattern[0]
    piece = [points[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            here = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if slot % 2 == 0:
                yield [*piece, here]
            piece = [here]
            slot = (slot + 1) % len(pattern)
            left = pattern[slot]
        left -= length - done
        if slot % 2 == 0:
            piece.append((x1, y1))
    if slot % 2 == 0 and len(piece) > 1:
        yield piece
