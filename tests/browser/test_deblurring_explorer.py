"""What only week 11's explorer promises in the browser: its words, and curves one can click."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

CELL = "from em_inverse.widgets import DeblurringExplorer\nDeblurringExplorer()"
CANVAS = ".em-canvas canvas"
SLIDERS = ".em-controls [role=slider]"


@pytest.fixture(scope="module")
def page(open_notebook: Callable[[str, list[str], str], Any]) -> Iterator[Any]:
    page = open_notebook("explorer.ipynb", [CELL], f"{CANVAS}[data-frame='1']")
    yield page
    page.close()


def test_it_is_told_in_words(page: Any) -> None:
    assert "RMSE" in page.locator(CANVAS).get_attribute("aria-label")
    assert "RMSE 0." in page.locator(".em-headline").inner_text()
    names = page.locator(SLIDERS).evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    assert names == ["λ, weight of the prior", "noise (% of the peak)", "probe width σ (px)"]


def test_a_click_and_the_arrow_keys_on_the_l_curve_move_lambda(page: Any) -> None:
    slider = page.locator(SLIDERS).first
    before = slider.get_attribute("aria-valuetext")
    box = page.locator(CANVAS).bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    page.wait_for_selector(f"{CANVAS}[data-frame='2']", state="attached")
    clicked = slider.get_attribute("aria-valuetext")
    assert clicked != before
    page.locator(CANVAS).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{CANVAS}[data-frame='3']", state="attached")
    assert float(slider.get_attribute("aria-valuetext")) > float(clicked)
    assert page.complaints == []
