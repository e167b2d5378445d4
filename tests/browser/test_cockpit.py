"""The cockpit of week 8 as a lecturer uses it: recording, pausing, turning, leaving a tilt out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CANVAS = ".em-canvas canvas"
COCKPIT = ".em-cockpit"
VOLUME = ".em-volume"
VISIBLE_HEIGHT = 940
"""What JupyterLab's bars leave of 1080 pixels."""
CELL = "from em_inverse import widgets\ncockpit = widgets.Cockpit(pace=0.2)\ncockpit"

# Code in the notebook's own kernel, and what it prints.
RUN = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const request = kernel.requestExecute({ code });
  let printed = "";
  request.onIOPub = ({ content }) => { printed += content.text ?? content.traceback ?? ""; };
  await request.done;
  return printed;
}"""


@pytest.fixture(scope="module")
def page(open_notebook: Callable[[str, list[str], str], Any]) -> Iterator[Any]:
    page = open_notebook("cockpit.ipynb", [CELL], f"{VOLUME}[data-frame='1']")
    yield page
    page.close()


def test_it_opens_standing_still_with_picture_number_and_words(
    page: Any, screenshots: Path
) -> None:
    page.screenshot(path=screenshots / "cockpit_open.png")
    assert "24 of 76 projections" in _headline(page)
    assert "2 alarms" in _headline(page)
    assert "blank" in page.locator(".em-alarms").inner_text()
    words = page.locator(CANVAS).get_attribute("aria-label")
    assert "right-handed" in words
    assert page.locator(COCKPIT).bounding_box()["height"] <= VISIBLE_HEIGHT
    assert page.locator("button[title='Let projections arrive']").is_visible()
    _no_complaints(page)


def test_projections_arrive_the_volume_turns_and_pause_stops(page: Any, screenshots: Path) -> None:
    frame = _drawn(page)
    page.locator("button[title='Let projections arrive']").click()
    _wait_for_count(page, 27)
    page.wait_for_function(f"() => {_FRAME} > {frame + 1}")
    stage = page.locator(".em-volume-stage").bounding_box()
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=4)
    page.mouse.up()
    turned, count = _drawn(page), _count(page)
    _wait_for_count(page, count + 2)
    page.wait_for_function(f"() => {_FRAME} > {turned}")
    camera = _kernel(page, "cockpit.volume.get_view()['camera']['azimuth_deg']")
    assert camera == pytest.approx(-35 + 0.4 * 150, abs=1), "new volumes turn the camera back"
    page.screenshot(path=screenshots / "cockpit_running.png")
    page.locator("button[title='Stand still']").click()
    page.get_by_text("paused, Start goes on").wait_for()
    before = _kernel(page, "cockpit.observation.live.run.iteration")
    page.wait_for_timeout(500)
    assert _kernel(page, "cockpit.observation.live.run.iteration") == before
    _no_complaints(page)


def test_an_alarm_is_left_out_and_another_retaken(page: Any) -> None:
    menu = page.locator(".em-cockpit-row select").nth(1)
    entries = menu.locator("option").all_inner_texts()
    assert {"+55°", "−53°"} <= set(entries)
    menu.select_option(label="−53°")
    page.get_by_role("button", name="Leave out").click()
    page.locator(".em-alarms").get_by_text("left out: At -53°").first.wait_for()
    menu.locator("option", has_text="−53°").wait_for(state="detached")
    menu.select_option(label="+55°")
    page.get_by_role("button", name="Retake").click()
    page.locator("button[title='Let projections arrive']").click()
    page.locator(".em-alarms").get_by_text("retaken: At 55°").wait_for()
    assert _kernel(page, "55.0 in cockpit.observation.live.run.angles_deg")
    _no_complaints(page)


def test_a_session_is_saved_and_opened_again(page: Any, screenshots: Path) -> None:
    page.locator("button[title='Stand still']").click()
    page.get_by_text("paused, Start goes on").wait_for()
    page.get_by_role("button", name="Save session").click()
    page.get_by_text("The session was saved as cockpit-session.json").wait_for()
    page.screenshot(path=screenshots / "cockpit_saved.png")
    again = (
        "import numpy as np\n"
        "again = widgets.Cockpit.load_session('cockpit-session.json', name='again')\n"
        "same = np.abs(again.result.x - cockpit.result.x).max() < 1e-3\n"
        "view = again.volume.get_view()['camera'] == cockpit.volume.get_view()['camera']\n"
        "again.close()"
    )
    _kernel(page, "None", again)
    assert _kernel(page, "bool(same and view)")
    _no_complaints(page)


def test_large_type_fits_the_screen_of_a_hall(page: Any, screenshots: Path) -> None:
    page.get_by_role("button", name="Large type").first.click()
    page.wait_for_timeout(800)
    page.locator(COCKPIT).scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "cockpit_present.png")
    whole = page.locator(COCKPIT).bounding_box()
    assert whole["width"] <= 1920
    assert whole["height"] <= VISIBLE_HEIGHT, "the hall sees only a part of it"
    _fold(page)
    page.screenshot(path=screenshots / "cockpit_present_more.png")
    height = page.locator(COCKPIT).bounding_box()["height"]
    assert height <= VISIBLE_HEIGHT, "with “more” open the hall sees only a part of it"
    _fold(page)
    page.get_by_role("button", name="Large type").first.click()
    page.wait_for_timeout(300)
    _no_complaints(page)


def test_restart_begins_with_nothing_and_a_second_cell_run_leaves_one(page: Any) -> None:
    page.locator("button[title='From the first projection']").click()
    page.wait_for_function(
        "() => Number(document.querySelector('.em-headline').innerText.split(' ')[0]) < 20"
    )
    _wait_for_count(page, 4)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_text("paused, Start goes on").wait_for()
    page.wait_for_selector(f"{VOLUME}[data-frame='1']", state="attached")
    assert page.locator(COCKPIT).count() == 1
    names = "sorted(t.name for t in __import__('threading').enumerate() if 'em_inverse' in t.name)"
    assert _kernel(page, names) == []
    _no_complaints(page)


def test_a_folder_is_followed_while_another_program_writes_it(
    page: Any, tmp_path: Path, screenshots: Path
) -> None:
    page.locator(f"{COCKPIT} select").first.select_option(label="a folder (under “more”)")
    page.get_by_text("no folder is named").wait_for()
    _fold(page)
    box = page.locator(f"{COCKPIT} input[type=text]").last
    box.fill(str(tmp_path))
    box.press("Enter")
    page.get_by_text("press Start").wait_for()
    _fold(page)
    order = [sys.executable, "-c", "from em_inverse.cli import main; main()", "simulate"]
    options = ["--size", "32", "--range", "-60", "60", "--step", "10", "--pace", "0.1"]
    writer = subprocess.Popen(
        [*order, str(tmp_path), *options, "--dose", "200"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    page.locator("button[title='Let projections arrive']").click()
    _wait_for_count(page, 13)
    assert writer.wait(20) == 0
    page.screenshot(path=screenshots / "cockpit_folder.png")
    page.locator("button[title^='Record no more']").click()
    page.get_by_text("finished").first.wait_for()
    _no_complaints(page)


_FRAME = "Number(document.querySelector('.em-volume').dataset.frame)"


def _drawn(page: Any) -> int:
    return int(page.evaluate(f"() => {_FRAME}"))


def _headline(page: Any) -> str:
    return str(page.locator(".em-headline").inner_text())


def _count(page: Any) -> int:
    return int(re.split(r"\D", _headline(page))[0])


def _wait_for_count(page: Any, count: int) -> None:
    page.wait_for_function(
        "(count) => parseInt(document.querySelector('.em-headline').innerText) >= count", arg=count
    )


def _kernel(page: Any, expression: str, before: str = "pass") -> Any:
    """Run code in the notebook's kernel, and return what an expression is."""
    printed = page.evaluate(RUN, f"{before}\nimport json; print(json.dumps({expression}))")
    return json.loads(printed)


def _fold(page: Any) -> None:
    """Open "more", or close it again."""
    for header in page.locator(".jupyter-widget-Collapse-header").all():
        header.click()
        page.wait_for_timeout(500)


def _no_complaints(page: Any) -> None:
    assert page.complaints == []
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    assert page.locator(".em-error:visible").count() == 0
