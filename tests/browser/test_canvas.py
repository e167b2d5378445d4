"""The page canvas on its own: images, colours, markers, clicks, seen through its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

CANVAS = ".em-canvas canvas"
CELL = """
import numpy as np
from em_inverse.plotting import COLOURS
from em_inverse.widgets import Axis, Band, Canvas, ImagePanel, Line, LinePanel, Rule

rows, columns = np.mgrid[:32, :48]
image = np.hypot(rows - 16, columns - 24) < 10.0
signed = np.sin(columns / 5.0) * np.exp(-(((rows - 16) / 8.0) ** 2))
shapes = ["circle", "square", "triangle", "diamond", "cross",
          "open circle", "open square", "open triangle", "open diamond"]
panels = [
    ImagePanel("disc", "One disc on nothing.", image, (0, 1), unit="intensity (counts)",
               x_label="x →", y_label="z ↓ (beam)", pixel_size_nm=0.25),
    ImagePanel("signed", "Waves on both sides of zero.", signed, table="difference"),
    LinePanel("marks", "Nine markers, all different.",
              [Line([k], [k + 1], shape, COLOURS["tikhonov"], "none", shape, size=16)
               for k, shape in enumerate(shapes)],
              Axis("k", limits=(-1, 9)), Axis("k + 1", "log", (0.5, 20)),
              [Rule(4, "y", "four", style="dotted")],
              [Band(6.2, 7.8, "x", "band", "#009E73"), Band(0.5, 0.7, "y", "low")]),
]
canvas = Canvas()
canvas.show(panels, description="three panels")
canvas.on_pick(lambda m: canvas.show(
    panels, description=f"{m['panel']} {m['x']:.1f} {m['y']:.1f} {m['index']}"))
canvas
"""


@pytest.fixture(scope="module")
def page(open_notebook: Callable[[str, list[str], str], Any]) -> Iterator[Any]:
    page = open_notebook("canvas.ipynb", [CELL], f"{CANVAS}[data-frame='1']")
    yield page
    page.close()


def test_images_and_lines_are_drawn_in_their_colours(page: Any, screenshots: Path) -> None:
    page.locator(CANVAS).screenshot(path=screenshots / "canvas.png")
    width = page.locator(CANVAS).bounding_box()["width"]
    disc = _colour(page, width / 6, 180)
    assert min(disc) > 250
    assert _count(page, (0, 68, 136), 0, width) > 20
    assert _count(page, (0, 114, 178), 2 * width / 3, width) > 400
    assert _count(page, (191, 231, 220), 2 * width / 3, width) > 5000
    assert page.complaints == []


def test_a_click_on_an_image_tells_column_and_row(page: Any) -> None:
    words = _click(page, 1 / 6, 180)
    name, x, y, index = words.split()
    assert name == "disc"
    assert abs(float(x) - 24) < 4
    assert abs(float(y) - 16) < 9
    assert index == "-1"


def test_without_a_line_to_pick_a_click_tells_where(page: Any) -> None:
    name, x, y, index = _click(page, 5.2 / 6, 250).split()
    assert name == "marks"
    assert -1 <= float(x) <= 9
    assert 0.5 <= float(y) <= 20
    assert index == "-1"


def test_sharp_screens_get_more_pixels(page: Any) -> None:
    ratio = page.evaluate(
        "() => { const c = document.querySelector('.em-canvas canvas');"
        " return c.width / c.getBoundingClientRect().width / window.devicePixelRatio; }"
    )
    assert ratio == pytest.approx(1, abs=0.01)


def _click(page: Any, share: float, y: float) -> str:
    canvas = page.locator(CANVAS)
    box = canvas.bounding_box()
    before = canvas.get_attribute("data-frame")
    page.mouse.click(box["x"] + share * box["width"], box["y"] + y)
    page.wait_for_function(
        "(old) => document.querySelector('.em-canvas canvas').dataset.frame !== old", arg=before
    )
    return str(canvas.get_attribute("aria-label"))


def _colour(page: Any, x: float, y: float) -> list[int]:
    found: list[int] = page.evaluate(
        "([x, y]) => [...document.querySelector('.em-canvas canvas').getContext('2d')"
        ".getImageData(x, y, 1, 1).data].slice(0, 3)",
        [x, y],
    )
    return found


def _count(page: Any, colour: tuple[int, int, int], left: float, right: float) -> int:
    """Count pixels close to a colour between two columns."""
    found: int = page.evaluate(
        """([[r, g, b], left, right]) => {
          const canvas = document.querySelector('.em-canvas canvas');
          const { data } = canvas.getContext('2d')
            .getImageData(left, 0, right - left, canvas.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) {
            const away = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g)
              + Math.abs(data[i + 2] - b);
            count += away < 40;
          }
          return count;
        }""",
        [list(colour), left, right],
    )
    return found
