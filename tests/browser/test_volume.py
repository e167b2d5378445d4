"""The volume view as a reader meets it: turned, cut and looked through while volumes come in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from em_inverse.widgets.rendering import Eye

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")

pytestmark = pytest.mark.browser

ROOT = ".em-volume"
STAGE = ".em-volume-stage"
OVER = ".em-volume-over"
POINTS = ".em-volume-point"
VISIBLE_HEIGHT = 940
"""What JupyterLab's bars leave of 1080 pixels."""

CELL = """
import json, threading, time
import numpy as np
from em_inverse import widgets

def cube(edge=0.3, n=64):
    z, x, y = np.mgrid[:n, :n, :n] / (n - 1) - 0.5
    a = np.maximum(np.maximum(abs(x + 0.3 * y), abs(y - 0.3 * x)), abs(z)) < edge
    inside = np.zeros_like(a)
    for p in ((0, 0, 0), (0.14, 0.1, -0.1), (-0.13, -0.12, 0.12), (0.1, -0.15, 0.1)):
        inside |= (z - p[0]) ** 2 + (x - p[1]) ** 2 + (y - p[2]) ** 2 < 0.07**2
    dots = np.zeros_like(a)
    for p in ((-0.32, 0.1, 0.1), (-0.32, -0.15, 0), (0.05, 0.1, 0.31), (-0.1, 0.32, 0)):
        dots |= (z - p[0]) ** 2 + (x - p[1]) ** 2 + (y - p[2]) ** 2 < 0.05**2
    return (0.6 * (a & ~inside) + 0.4 * dots).astype(np.float32)

view = widgets.VolumeView(cube(), pixel_size_nm=0.5, title="Nanocube", height=260, level=64)
view
"""

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
    page = open_notebook("volume.ipynb", [CELL], f"{ROOT}[data-frame='1']")
    yield page
    page.close()


@pytest.fixture(autouse=True)
def _opening_state(request: Any) -> None:
    """Every test begins, and so ends, with an untouched view and a silent console."""
    if "page" not in request.fixturenames:
        return
    page = request.getfixturevalue("page")
    page.get_by_role("button", name="Reset").first.click()
    page.get_by_text("Volume", exact=True).first.click()
    assert page.complaints == []


def test_it_opens_with_a_volume_and_words(page: Any, screenshots: Path) -> None:
    picture = _picture(page)
    page.screenshot(path=screenshots / "volume_open.png")
    assert picture.std() > 10
    over = page.locator(OVER)
    words = over.get_attribute("aria-label")
    assert "64 × 64 × 64 voxels" in words
    assert "32 × 32 × 32 nm" in words
    assert "azimuth -35°" in words
    assert over.get_attribute("role") == "application"
    names = page.locator(f"{ROOT} [role=slider], {ROOT} input[type=range]").evaluate_all(
        "all => all.filter(one => !one.hidden).map(one => one.ariaLabel)"
    )
    assert len(names) == len(set(names)) == 12
    assert all(names)


def test_every_mode_shows_something_else(page: Any, screenshots: Path) -> None:
    pictures = []
    for words in ("Volume", "Maximum", "Surface", "Slices"):
        page.get_by_text(words, exact=True).click()
        pictures.append(_picture(page))
        page.locator(ROOT).screenshot(path=screenshots / f"volume_{words.lower()}.png")
    for k, one in enumerate(pictures):
        assert one.std() > 8
        assert all(_apart(one, other) > 2 for other in pictures[:k])
    page.get_by_text("Volume", exact=True).click()
    page.get_by_text("slices", exact=True).click()
    assert _apart(_picture(page), pictures[0]) > 2
    page.get_by_text("slices", exact=True).click()


def test_a_drag_turns_it_and_a_double_click_goes_back(page: Any) -> None:
    before, x, y = _picture(page), *_middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y - 50, steps=5)
    page.mouse.up()
    assert _apart(_picture(page), before) > 2
    camera = _view(page)["camera"]
    assert camera["azimuth_deg"] == pytest.approx(-35 + 0.4 * 150)
    assert camera["elevation_deg"] == pytest.approx(25 - 0.4 * 50)
    page.mouse.dblclick(x, y)
    assert _apart(_picture(page), before) < 0.5


def test_wheel_and_keys_steer_once_it_has_the_focus(page: Any) -> None:
    _picture(page)
    page.mouse.click(*_middle(page))
    page.mouse.wheel(0, -200)
    page.wait_for_function(_says("azimuth -35°"))
    zoomed = _view(page)["camera"]["zoom"]
    assert zoomed > 1.2
    for key in ("+", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    camera = _view(page)["camera"]
    assert camera["zoom"] == pytest.approx(1.15 * zoomed)
    assert (camera["azimuth_deg"], camera["elevation_deg"]) == (-30, 20)
    assert camera["pan"][0] != 0
    page.keyboard.press("0")
    page.keyboard.press("0")
    assert _view(page)["camera"] == {
        "azimuth_deg": -35,
        "elevation_deg": 25,
        "zoom": 1,
        "pan": [0, 0],
    }
    assert page.locator(".jp-Dialog").count() == 0, "0 0 must not ask to restart the kernel"


def test_the_curve_is_dragged_and_gets_and_loses_points(page: Any) -> None:
    before, points = _picture(page), page.locator(POINTS)
    opening = _view(page)["opacity"]
    _drag(page, points.nth(1), 10, -70)
    dragged = _view(page)["opacity"]
    assert dragged[1][1] > opening[1][1] + 0.2
    assert dragged[0] == opening[0]
    assert _apart(_picture(page), before) > 1
    plot = page.locator(".em-volume-plot").bounding_box()
    page.mouse.dblclick(plot["x"] + 0.9 * plot["width"], plot["y"] + 0.7 * plot["height"])
    assert len(_view(page)["opacity"]) == points.count() == 4
    points.nth(2).click(button="right")
    assert _view(page)["opacity"] == dragged
    points.nth(1).focus()
    page.keyboard.press("ArrowDown")
    assert _view(page)["opacity"][1][1] == pytest.approx(dragged[1][1] - 0.02)
    page.get_by_role("button", name="Fit").click()
    page.wait_for_function(f"() => document.querySelectorAll('{POINTS}').length === 3")
    for _ in range(20):  # a slow machine draws the fine picture later than the rough one
        if _apart(_picture(page), before) < 0.5:
            break
        page.wait_for_timeout(250)
    assert _apart(_picture(page), before) < 0.5


def test_the_surface_moves_with_its_line(page: Any) -> None:
    page.get_by_text("Surface", exact=True).click()
    before = _picture(page)
    opening = _view(page)["iso"]
    _drag(page, page.locator(".em-volume-line"), 130, 0)
    assert _view(page)["iso"] > opening + 0.2
    assert _apart(_picture(page), before) > 2, "only the brightest particles are left"


def test_a_cut_opens_the_inside(page: Any, screenshots: Path) -> None:
    page.get_by_text("Surface", exact=True).click()
    before = _picture(page)
    knob = page.get_by_label("Keep y to")
    box = knob.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 7, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert _view(page)["clip"]["y"][1] == pytest.approx(0.5, abs=0.08)
    assert _apart(_picture(page), before) > 2
    page.locator(ROOT).screenshot(path=screenshots / "volume_cut.png")
    page.get_by_label("Keep z from").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert _view(page)["clip"]["z"] == pytest.approx([0.02, 1])


def test_camera_stays_while_a_new_volume_comes(page: Any) -> None:
    page.locator(OVER).focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    before, view = _picture(page), _view(page)
    number = int(page.locator(ROOT).get_attribute("data-frame"))
    _run(page, "view.show(cube(0.2), window=(0, 1))")
    page.wait_for_selector(f"{ROOT}[data-frame='{number + 1}']", state="attached")
    assert _apart(_picture(page), before) > 2
    after = _view(page)
    assert after["camera"] == view["camera"]
    assert after["camera"]["azimuth_deg"] == -15


def test_an_object_is_where_the_kernel_says(page: Any) -> None:
    page.get_by_text("Surface", exact=True).click()
    code = (
        "z, x, y = np.mgrid[:32, :32, :32] / 31 - 0.5\n"
        "ball = (z + 0.2) ** 2 + (x - 0.25) ** 2 + (y - 0.1) ** 2 < 0.01\n"
        "view.show({}, window=(0, 1))"
    )
    pictures = []
    for volume in ("0.0 * ball", "1.0 * ball"):
        number = int(page.locator(ROOT).get_attribute("data-frame"))
        _run(page, code.format(volume))
        page.wait_for_selector(f"{ROOT}[data-frame='{number + 1}']", state="attached")
        pictures.append(_picture(page))
    rows, columns = np.nonzero(np.abs(pictures[1] - pictures[0]) > 30)
    height, width = pictures[0].shape
    found = (columns.mean() - (width - 1) / 2, (height - 1) / 2 - rows.mean())
    eye = Eye(_view(page)["camera"], (32, 32, 32))
    wanted = eye.project(np.array([0.25, 0.1, -0.2]) * 31 / 32) * min(height, width)
    np.testing.assert_allclose(found, wanted, atol=2.5)


def test_volumes_from_a_thread_arrive_while_it_is_turned(page: Any) -> None:
    started = int(page.locator(ROOT).get_attribute("data-frame"))
    code = """
    sizes = [0.15, 0.2, 0.25, 0.3] * 3
    volumes = [cube(size) for size in sizes]
    def feed():
        for volume in volumes:
            view.show(volume)
            time.sleep(0.2)
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    """
    _run(page, "\n".join(line[4:] for line in code.splitlines()))
    x, y = _middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(x + 10 * step, y)
        page.wait_for_timeout(100)
    page.mouse.up()
    ask = "print(json.dumps([feeder.is_alive(), view.frame['number'], view.drawn]))"
    for _ in range(100):
        feeding, sent, drawn = json.loads(_run(page, ask))
        if not feeding and sent == drawn:
            break
        page.wait_for_timeout(100)
    assert sent == drawn == int(page.locator(ROOT).get_attribute("data-frame"))
    assert sent - started >= 4
    assert _view(page)["camera"]["azimuth_deg"] == pytest.approx(-35 + 0.4 * 110)


def test_a_view_from_a_file_is_shown(page: Any) -> None:
    before = _picture(page)
    _run(page, "text = json.dumps(view.get_view())")
    _run(page, "view.set_view({'mode': 'mip', 'table': 'dose', 'camera': {'azimuth_deg': 50.0}})")
    page.wait_for_function(_says("azimuth 50°"))
    assert _apart(_picture(page), before) > 2
    assert page.get_by_role("radio", name="Maximum").is_checked()
    _run(page, "view.set_view(json.loads(text))")
    page.wait_for_function(_says("azimuth -35°"))
    assert _apart(_picture(page), before) < 0.5


def test_a_lost_graphics_card_comes_back(page: Any) -> None:
    before = _picture(page)
    page.evaluate(
        """() => {
          const gl = document.querySelector('.em-volume-glass').getContext('webgl2');
          window.card = gl.getExtension('WEBGL_lose_context');
          window.card.loseContext();
        }"""
    )
    page.get_by_text("The graphics card let go").wait_for()
    page.evaluate("() => window.card.restoreContext()")
    page.get_by_text("The graphics card let go").wait_for(state="hidden")
    assert _apart(_picture(page), before) < 0.5


def test_large_type_fits_the_screen_of_a_hall(page: Any, screenshots: Path) -> None:
    _run(page, "view.height = 0")
    page.get_by_role("button", name="Large type").click()
    page.wait_for_selector(f"{ROOT}.em-large")
    _picture(page)
    page.locator(ROOT).scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "volume_large.png")
    box = page.locator(ROOT).bounding_box()
    assert box["height"] <= VISIBLE_HEIGHT
    assert page.locator(STAGE).bounding_box()["height"] > 600
    page.get_by_role("button", name="Large type").click()
    page.wait_for_selector(f"{ROOT}:not(.em-large)")
    _run(page, "view.height = 260")


def test_without_webgl_flat_pictures_stand_in(page: Any, screenshots: Path) -> None:
    cell = (
        "flat = widgets.VolumeView(cube(), name='flat', graphics='flat', height=260)\ndisplay(flat)"
    )
    page.evaluate(
        """(code) => {
          const { model } = window.jupyterapp.shell.currentWidget.content;
          model.sharedModel.addCell({ cell_type: 'code', source: code });
        }""",
        cell,
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    flat = page.locator(ROOT).nth(1)
    flat.get_by_text("Three flat pictures stand in for it").wait_for()
    page.wait_for_selector(f"{ROOT}[data-frame='1'][data-quality='full']", state="attached")
    flat.screenshot(path=screenshots / "volume_flat.png")
    shots = []
    for words in ("Slices", "Maximum"):
        flat.get_by_text(words, exact=True).click()
        page.wait_for_timeout(100)
        shots.append(np.asarray(Image.open(io.BytesIO(flat.locator(STAGE).screenshot()))))
    assert shots[0].std() > 30
    assert _apart(*(shot[..., 0].astype(float) for shot in shots)) > 2


def test_the_cell_run_again_leaves_one(page: Any) -> None:
    _run(page, "flat.close()")
    page.wait_for_function(f"() => document.querySelectorAll('{ROOT}').length === 1")
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;"
        " return window.jupyterapp.commands.execute('notebook:run-cell'); }"
    )
    page.wait_for_selector(f"{ROOT}[data-frame='1']", state="attached")
    page.wait_for_timeout(500)
    assert page.locator(ROOT).count() == 1
    assert _picture(page).std() > 10
    assert page.complaints == []


def _run(page: Any, code: str) -> str:
    printed = str(page.evaluate(RUN, code))
    assert "Error" not in printed, printed
    return printed


def _view(page: Any) -> Any:
    """The view as the kernel knows it, once the page has told what it was told."""
    # The page reports changes after 120 ms; its timers keep their order.
    page.evaluate("() => new Promise((done) => setTimeout(done, 150))")
    return json.loads(_run(page, "print(json.dumps(view.get_view()))"))


def _says(words: str) -> str:
    return f"() => document.querySelector('{OVER}').ariaLabel.includes('{words}')"


def _picture(page: Any) -> np.ndarray:
    page.wait_for_selector(f"{ROOT}[data-quality='full']", state="attached")
    shot = page.locator(STAGE).first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("L"), dtype=float)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in the middle of the stage, of 255."""
    rows, columns = one.shape
    middle = (slice(rows // 8, -rows // 8), slice(columns // 3, -columns // 3))
    return float(np.abs(one - other)[middle].mean())


def _middle(page: Any) -> tuple[float, float]:
    box = page.locator(OVER).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(page: Any, handle: Any, right: float, down: float) -> None:
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()
