"""Every explorer as a reader meets it: in JupyterLab, on a hall's screen, moved by keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

EXPLORERS = {
    "ForwardExplorer": "week01",
    "SpectrumExplorer": "week02",
    "PriorExplorer": "week03",
    "LCurveExplorer": "week04",
    "WedgeExplorer": "week05",
    "FewTiltsExplorer": "week06",
    "LiveEpsilonExplorer": "week07",
    "FusionExplorer": "week09",
    "BudgetExplorer": "week10",
    "DeblurringExplorer": "week11",
    "FocusExplorer": "week12",
    "GapExplorer": "week13",
}
CANVAS = ".em-canvas canvas"
EXPLORER = ".em-explorer"
VISIBLE_HEIGHT = 940
"""What JupyterLab's bars leave of 1080 pixels."""
SLIDERS = ".em-controls [role=slider]"
MENUS = ".em-controls select"
SWITCHES = ".em-controls input[type=checkbox]"

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

# Pixels in the grey of a scale bar's plate over black.
PLATES = """
() => {
  const canvas = document.querySelector('.em-canvas canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    count += data[i] === 217 && data[i + 1] === 217 && data[i + 2] === 217;
  }
  return count;
}
"""
PLATED = ("week01",)

# From now on: which requests the kernel has not yet dealt with.
WATCH = """
() => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  window.emPending = new Set();
  kernel.anyMessage.connect((_, { direction, msg }) => {
    if (direction === 'send' && msg.channel === 'shell') window.emPending.add(msg.header.msg_id);
    if (msg.header.msg_type === 'status' && msg.content.execution_state === 'idle')
      window.emPending.delete(msg.parent_header.msg_id);
  });
}
"""

# Wait until nothing is asked of the kernel, nothing is being computed, and the canvas was not
# redrawn for some animation frames; false after half a minute.
SETTLE = """
async (frames) => {
  const end = performance.now() + 30000;
  let number = null;
  for (let quiet = 0; quiet < frames; ) {
    if (performance.now() > end) return false;
    await new Promise(requestAnimationFrame);
    const now = document.querySelector('.em-canvas canvas').dataset.frame;
    const words = document.querySelector('.em-headline').textContent;
    const rests = now === number && !window.emPending.size && !words.includes('computing');
    quiet = rests ? quiet + 1 : 0;
    number = now;
  }
  return true;
}
"""
FRAMES = {"week07": 18}
"""Animation frames after which all is drawn: 0.3 s where a thread may still have something to show,
5 of them anywhere else."""


@pytest.fixture(scope="module", params=EXPLORERS, ids=EXPLORERS.get)
def page(request: Any, open_notebook: Callable[[str, list[str], str], Any]) -> Iterator[Any]:
    cell = f"from em_inverse import widgets\nwidgets.{request.param}()"
    page = open_notebook(f"{EXPLORERS[request.param]}.ipynb", [cell], f"{CANVAS}[data-frame='1']")
    page.week = EXPLORERS[request.param]
    page.evaluate(WATCH)
    yield page
    page.close()


def test_it_opens_with_picture_number_and_words(page: Any, screenshots: Path) -> None:
    page.screenshot(path=screenshots / f"{page.week}_open.png")
    canvas = page.locator(CANVAS)
    assert canvas.count() == 1
    assert canvas.get_attribute("role") == "img"
    assert len(canvas.get_attribute("aria-label").split()) >= 10
    assert canvas.bounding_box()["width"] > 1200
    assert any(sign.isdigit() for sign in page.locator(".em-headline").inner_text())
    assert page.evaluate(FINGERPRINT) != 0
    names = page.locator(SLIDERS).evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    assert names
    assert all(len(name) > 2 for name in names)
    _no_complaints(page)


def test_every_control_reaches_both_ends(page: Any, screenshots: Path) -> None:
    _fold(page)
    for number, slider in enumerate(page.locator(SLIDERS).all()):
        if slider.get_attribute("disabled") is not None:
            continue
        seen = {page.evaluate(FINGERPRINT)}
        for key, end in (("Home", "aria-valuemin"), ("End", "aria-valuemax")):
            slider.focus()
            page.keyboard.press(key)
            _settle(page)
            page.screenshot(path=screenshots / f"{page.week}_slider{number}_{key.lower()}.png")
            now, limit = (float(slider.get_attribute(name)) for name in ("aria-valuenow", end))
            assert now == pytest.approx(limit), f"slider {number} does not follow {key}"
            seen.add(page.evaluate(FINGERPRINT))
        assert len(seen) >= 2, f"slider {number} changes nothing"
        _reset(page)
    for number, menu in enumerate(page.locator(MENUS).all()):
        seen, values = set(), menu.locator("option").evaluate_all("all => all.map(o => o.value)")
        for value in values:
            menu.select_option(value)
            _settle(page)
            seen.add(page.evaluate(FINGERPRINT))
            page.screenshot(path=screenshots / f"{page.week}_menu{number}_{len(seen)}.png")
        assert len(seen) == len(values), f"two entries of menu {number} show the same"
        _reset(page)
    for number, switch in enumerate(page.locator(SWITCHES).all()):
        before = page.evaluate(FINGERPRINT)
        switch.click()
        _settle(page)
        page.screenshot(path=screenshots / f"{page.week}_switch{number}.png")
        assert page.evaluate(FINGERPRINT) != before, f"switch {number} changes nothing"
        _reset(page)
    _fold(page)
    _no_complaints(page)


def test_reset_brings_the_opening_back(page: Any) -> None:
    canvas = page.locator(CANVAS)
    opening = canvas.get_attribute("aria-label")
    page.locator(SLIDERS).first.focus()
    page.keyboard.press("End")
    _settle(page)
    assert canvas.get_attribute("aria-label") != opening
    _reset(page)
    assert canvas.get_attribute("aria-label") == opening


def test_large_type_fits_the_screen_of_a_hall(page: Any, screenshots: Path) -> None:
    height = page.locator(CANVAS).bounding_box()["height"]
    before = page.locator(".em-headline").bounding_box()["height"]
    plates = page.evaluate(PLATES)
    page.get_by_role("button", name="Large type").click()
    _settle(page)
    page.locator(EXPLORER).first.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / f"{page.week}_present.png")
    assert page.locator(".em-headline").bounding_box()["height"] > 1.8 * before
    if page.week in PLATED:
        assert plates > 1000
        assert page.evaluate(PLATES) < plates / 3, "a scale bar covers what it measures"
    whole = page.locator(EXPLORER).first.bounding_box()
    assert whole["width"] <= 1920
    assert whole["height"] <= VISIBLE_HEIGHT, "the hall sees only a part of it"
    _fold(page)
    page.screenshot(path=screenshots / f"{page.week}_present_more.png")
    whole = page.locator(EXPLORER).first.bounding_box()
    assert whole["height"] <= VISIBLE_HEIGHT, "with “more” open the hall sees only a part of it"
    _fold(page)
    page.get_by_role("button", name="Large type").click()
    _settle(page)
    assert page.locator(CANVAS).bounding_box()["height"] == pytest.approx(height, abs=2)
    _no_complaints(page)


def test_stop_leaves_the_picture_and_puts_the_controls_back(page: Any) -> None:
    if page.week not in NEW_RUNS:
        pytest.skip("nothing here takes long enough to be stopped")
    menu, entry, start = NEW_RUNS[page.week]
    page.locator(MENUS).nth(menu).select_option(index=entry)
    _settle(page)
    shown, positions = page.locator(CANVAS).get_attribute("aria-label"), _positions(page)
    start(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped: the controls are back").wait_for()
    assert page.locator(CANVAS).get_attribute("aria-label") == shown
    assert _positions(page) == positions
    assert not page.get_by_role("button", name="Stop").is_visible()
    _reset(page)
    _no_complaints(page)


def test_running_the_cell_again_leaves_one_explorer(page: Any) -> None:
    page.locator(CANVAS).evaluate("(canvas) => { canvas.dataset.old = ''; }")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(f"{CANVAS}:not([data-old])[data-frame='1']", state="attached")
    _settle(page)
    assert page.locator(CANVAS).count() == 1
    page.locator(SLIDERS).first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{CANVAS}[data-frame='2']", state="attached")
    _no_complaints(page)


def _other_object(page: Any) -> None:
    page.locator(MENUS).first.select_option(index=1)


def _all_tilts(page: Any) -> None:
    page.locator(SLIDERS).nth(1).focus()
    page.keyboard.press("End")


NEW_RUNS = {"week03": (1, 0, _other_object), "week06": (0, 2, _all_tilts)}
"""Menu and entry to choose first, and then what starts a run that no other test has made."""


def _positions(page: Any) -> list[str]:
    sliders = page.locator(SLIDERS).evaluate_all("all => all.map(o => o.ariaValueNow)")
    return sliders + page.locator(MENUS).evaluate_all("all => all.map(o => o.value)")


def _fold(page: Any) -> None:
    """Open "more", or close it again."""
    for header in page.locator(".jupyter-widget-Collapse-header").all():
        header.click()
        _settle(page)


def _settle(page: Any) -> None:
    """Wait until all that was asked of the explorer is on the canvas."""
    if not page.evaluate(SETTLE, FRAMES.get(page.week, 5)):
        pytest.fail("the canvas never came to rest")


def _reset(page: Any) -> None:
    page.get_by_role("button", name="Reset").click()
    _settle(page)


def _no_complaints(page: Any) -> None:
    assert page.complaints == []
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    assert page.locator(".em-error:visible").count() == 0
