"""What only week 7's explorer promises in the browser: it runs, and follows the hand meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

CELL = "from em_inverse import widgets\nexplorer = widgets.LiveEpsilonExplorer()\nexplorer"
CANVAS = ".em-canvas canvas"
SLIDERS = ".em-controls [role=slider]"
PATIENCE_MS = 15_000

WORDS = """
(wanted) => new RegExp(wanted).test(document.querySelector('.em-canvas canvas').ariaLabel)
"""


@pytest.fixture(scope="module")
def page(open_notebook: Callable[[str, list[str], str], Any]) -> Iterator[Any]:
    page = open_notebook("live.ipynb", [CELL], f"{CANVAS}[data-frame='1']")
    yield page
    page.close()


@pytest.fixture(autouse=True)
def opening(page: Any) -> Iterator[None]:
    """Every test begins where the explorer opens, and leaves no complaint."""
    yield
    _button(page, "Reset").click()
    _told(page, "Iteration 140, 75 of 75")
    assert page.complaints == []
    assert page.locator(".em-error:visible").count() == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0


def test_it_runs_and_pauses(page: Any, screenshots: Path) -> None:
    _button(page, "Run").click()
    _told(page, r"Iteration (1[5-9]\d|[2-9]\d\d)")
    _button(page, "Pause").click()
    page.get_by_text("paused after").wait_for()
    page.wait_for_timeout(500)  # what was computed when the button was pressed is still drawn
    words = _words(page)
    page.wait_for_timeout(500)
    assert _words(page) == words
    iteration = _iteration(page)
    page.screenshot(path=screenshots / "week07_paused.png")
    _button(page, "Run").click()
    page.wait_for_function(
        "(then) => +document.querySelector('.em-canvas canvas').ariaLabel"
        ".match(/Iteration (\\d+)/)[1] > then",
        arg=iteration,
    )


def test_distance_follows_the_slider_while_it_runs(page: Any, screenshots: Path) -> None:
    _button(page, "Run").click()
    slider = page.locator(SLIDERS).first
    slider.focus()
    page.keyboard.press("End")
    _told(page, "Washed out.* ε = 3.00 × noise, ‖Ax − b‖ = (1.0[01]|0.99) ε")
    page.screenshot(path=screenshots / "week07_washed_out.png")
    page.keyboard.press("Home")
    _told(page, "Out of reach.* ε = 0.50 × noise, ‖Ax − b‖ = 1.[34]")
    page.screenshot(path=screenshots / "week07_out_of_reach.png")
    assert _button(page, "Pause").is_visible()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    _told(page, "Noisy.* ε = 0.80 × noise, ‖Ax − b‖ = (1.0[01]|0.99) ε")
    page.screenshot(path=screenshots / "week07_noisy.png")


def test_restart_begins_from_nothing(page: Any, screenshots: Path) -> None:
    _button(page, "Restart").click()
    _told(page, "Nothing yet.*Iteration 0, 75 of 75")
    page.screenshot(path=screenshots / "week07_restarted.png")
    _button(page, "Run").click()
    _told(page, "Sound")


def test_projections_are_added_while_it_runs(page: Any) -> None:
    assert _button(page, "Add projection").is_disabled()
    _more(page)
    page.locator(SLIDERS).nth(1).focus()
    page.keyboard.press("Home")
    _told(page, "5 of 75 tilts")
    _more(page)
    _button(page, "Run").click()
    for count in (6, 7, 8):
        _button(page, "Add projection").click()
        _told(page, f"{count} of 75 tilts")
    assert _button(page, "Pause").is_visible()


def test_two_routes_end_in_one_slice(page: Any, screenshots: Path) -> None:
    _button(page, "Two routes").click()
    _told(page, "Two routes, one slice")
    apart = re.search(r"([\d.]+) %", page.locator(".em-headline").inner_text())
    assert apart is not None
    assert float(apart.group(1)) <= 1
    page.screenshot(path=screenshots / "week07_routes.png")
    _button(page, "Large type").click()
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "week07_routes_large.png")
    assert page.locator(".em-explorer").bounding_box()["height"] <= 940
    _button(page, "Large type").click()
    _button(page, "Back to the run").click()
    _told(page, "Iteration 140")


def test_the_cell_run_again_leaves_one_run(page: Any, lab_module: Any) -> None:
    _button(page, "Run").click()
    _told(page, r"Iteration [2-9]\d\d")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(f"{CANVAS}[data-frame='1']", state="attached")
    _told(page, "Iteration 140")
    assert page.locator(CANVAS).count() == 1
    _button(page, "Run").click()
    _told(page, r"Iteration [2-9]\d\d")
    threads = lab_module.execute(
        page,
        "import threading\n"
        "print(sum(t.name.startswith('em_inverse:') for t in threading.enumerate()))",
    )
    assert threads.strip() == "2"


def _button(page: Any, name: str) -> Any:
    return page.locator(".em-explorer button").filter(has_text=name)


def _words(page: Any) -> str:
    return str(page.locator(CANVAS).get_attribute("aria-label"))


def _iteration(page: Any) -> int:
    found = re.search(r"Iteration (\d+)", _words(page))
    assert found is not None
    return int(found.group(1))


def _told(page: Any, wanted: str) -> None:
    """Wait until the words of the picture match."""
    page.wait_for_function(WORDS, arg=wanted, timeout=PATIENCE_MS)


def _more(page: Any) -> None:
    page.locator(".jupyter-widget-Collapse-header").click()
    page.wait_for_timeout(300)
