"""Week 11's explorer as a reader meets it: in JupyterLab, moved by keys and clicks."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

CELL = "from em_inverse.widgets import DeblurringExplorer\nDeblurringExplorer()"
CANVAS = ".em-canvas canvas"
SLIDERS = ".em-controls [role=slider]"

# Time from a key to the first animation frame after the canvas was redrawn.
STOPWATCH = """
() => {
  const canvas = document.querySelector('.em-canvas canvas');
  window.emSteps = [];
  let pressed = null;
  document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(() => requestAnimationFrame(() => {
    if (pressed !== null) window.emSteps.push(performance.now() - pressed);
    pressed = null;
  })).observe(canvas, { attributes: true, attributeFilter: ['data-frame'] });
}
"""

# The drawn pixels, as a short number.
FINGERPRINT = """
() => {
  const canvas = document.querySelector('.em-canvas canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) sum = (31 * sum + data[i]) % 4294967291;
  return sum;
}
"""


@pytest.fixture(scope="module")
def page(open_notebook: Callable[[str, list[str], str], Any]) -> Iterator[Any]:
    page = open_notebook("explorer.ipynb", [CELL], f"{CANVAS}[data-frame='1']")
    yield page
    page.context.close()


def test_it_opens_with_picture_words_and_labels(page: Any, screenshots: Path) -> None:
    page.screenshot(path=screenshots / "deblurring_open.png")
    canvas = page.locator(CANVAS)
    assert canvas.count() == 1
    assert canvas.get_attribute("role") == "img"
    assert "RMSE" in canvas.get_attribute("aria-label")
    assert canvas.bounding_box()["width"] > 1200
    assert "RMSE 0." in page.locator(".em-headline").inner_text()
    assert page.evaluate(FINGERPRINT) != 0
    names = page.locator(SLIDERS).evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    assert names == ["λ, weight of the prior", "noise (% of the peak)", "probe width σ (px)"]


def test_every_control_reaches_both_ends(page: Any, screenshots: Path) -> None:
    for number in range(page.locator(SLIDERS).count()):
        slider = page.locator(SLIDERS).nth(number)
        seen = {page.evaluate(FINGERPRINT)}
        for key, end in (("Home", "aria-valuemin"), ("End", "aria-valuemax")):
            slider.focus()
            page.keyboard.press(key)
            _settle(page)
            assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(
                float(slider.get_attribute(end))
            )
            seen.add(page.evaluate(FINGERPRINT))
            page.screenshot(path=screenshots / f"deblurring_slider{number}_{key.lower()}.png")
        assert len(seen) == 3
        _reset(page)
    menu = page.locator(".em-controls select")
    seen = set()
    for value in menu.locator("option").evaluate_all("(all) => all.map((one) => one.value)"):
        menu.select_option(value)
        _settle(page)
        seen.add(page.evaluate(FINGERPRINT))
        page.screenshot(path=screenshots / f"deblurring_method{len(seen)}.png")
    assert len(seen) == 4
    _reset(page)
    _no_complaints(page)


def test_a_click_and_the_arrow_keys_on_the_l_curve_move_lambda(page: Any) -> None:
    slider = page.locator(SLIDERS).first
    before = slider.get_attribute("aria-valuetext")
    box = page.locator(CANVAS).bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    _settle(page)
    clicked = slider.get_attribute("aria-valuetext")
    assert clicked != before
    page.locator(CANVAS).focus()
    page.keyboard.press("ArrowRight")
    _settle(page)
    assert float(slider.get_attribute("aria-valuetext")) > float(clicked)
    _reset(page)
    _no_complaints(page)


def test_one_step_of_the_slider_is_drawn_in_time(page: Any, screenshots: Path) -> None:
    page.evaluate(STOPWATCH)
    slider = page.locator(SLIDERS).first
    slider.focus()
    for step in range(40):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "(count) => window.emSteps.length >= count", arg=step + 1, timeout=5000
        )
        page.wait_for_timeout(50)
    steps = sorted(page.evaluate("() => window.emSteps"))
    report = {
        "steps": len(steps),
        "median_ms": round(statistics.median(steps), 1),
        "p95_ms": round(steps[int(0.95 * (len(steps) - 1))], 1),
        "max_ms": round(steps[-1], 1),
    }
    (screenshots / "deblurring_latency.json").write_text(json.dumps(report, indent=1))
    print(f"key to drawn frame: {json.dumps(report)}")
    assert report["median_ms"] < 500
    _reset(page)


def test_large_type_for_the_projector(page: Any, screenshots: Path) -> None:
    height = page.locator(CANVAS).bounding_box()["height"]
    page.get_by_role("button", name="Large type").click()
    page.wait_for_timeout(800)
    page.screenshot(path=screenshots / "deblurring_present.png")
    assert page.locator(CANVAS).bounding_box()["height"] > height
    page.get_by_role("button", name="Large type").click()
    page.wait_for_timeout(500)
    assert page.locator(CANVAS).bounding_box()["height"] == pytest.approx(height, abs=2)
    _no_complaints(page)


def test_running_the_cell_again_leaves_one_explorer(page: Any) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_timeout(1500)
    page.wait_for_selector(f"{CANVAS}[data-frame='1']", state="attached")
    assert page.locator(CANVAS).count() == 1
    page.locator(SLIDERS).first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{CANVAS}[data-frame='2']", state="attached")
    _no_complaints(page)


def _settle(page: Any) -> None:
    """Wait until the canvas has not been redrawn for a while."""
    number, quiet = None, 0
    for _ in range(100):
        now = page.locator(CANVAS).get_attribute("data-frame")
        quiet = quiet + 1 if now == number else 0
        if quiet >= 6:
            return
        number = now
        page.wait_for_timeout(60)
    pytest.fail("the canvas never came to rest")


def _reset(page: Any) -> None:
    page.get_by_role("button", name="Reset").click()
    _settle(page)


def _no_complaints(page: Any) -> None:
    assert page.complaints == []
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    assert page.locator(".em-error:visible").count() == 0
