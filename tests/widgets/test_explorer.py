import builtins
import threading
import time

import ipywidgets
import pytest

from em_inverse.errors import ParameterError
from em_inverse.widgets import presentation, runs, working
from em_inverse.widgets.controls import Slider, Switch
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Line, LinePanel, View
from em_inverse.widgets.picture import Picture


class Square(Explorer):
    """Draws x²; fails at 13."""

    title = "Squares"
    about = "Shows a number and its square"
    controls = (Slider("x", "x (px)", 0, 20, 1, 3),)
    more = (Switch("negative", "minus", False),)
    computed: list = []  # noqa: RUF012 - a log shared with the static function

    @staticmethod
    def compute(*, x, negative):
        Square.computed.append(x)
        if x == 13:
            raise ParameterError("x is 13 <unlucky>; allowed: any other.")
        return -x * x if negative else x * x

    @staticmethod
    def draw(result):
        curve = LinePanel("p", "A square.", [Line([0, 1], [0, result])])
        return View([curve], f"square {result}", "note", f"The square is {result}.")


class Slow(Square):
    """The same, in a thread, one step at a time as the test allows."""

    slow = True
    gate = threading.Semaphore(0)

    @staticmethod
    def compute(*, x, negative):
        if x != 3:
            assert Slow.gate.acquire(timeout=10)
        return Square.compute(x=x, negative=negative)


class Ticking(Square):
    """Works in ten parts, each as long as the test allows, and says after each how far it is."""

    slow = True
    gate = threading.Semaphore(0)
    ticked = threading.Semaphore(0)

    @staticmethod
    def compute(*, x, negative):
        if x != 3:
            for part in range(10):
                working.tick(part, 10)
                Ticking.ticked.release()
                assert Ticking.gate.acquire(timeout=10)
        return Square.compute(x=x, negative=negative)


@pytest.fixture
def ticking(monkeypatch):
    monkeypatch.setattr("em_inverse.widgets.explorer.BETWEEN_REPORTS_S", 0.0)
    Ticking.gate, Ticking.ticked = threading.Semaphore(0), threading.Semaphore(0)
    Square.computed.clear()
    made = Ticking(backend="picture")
    yield made
    for _ in range(20):
        Ticking.gate.release()
    made.close()


@pytest.fixture
def square():
    Square.computed.clear()
    made = Square(backend="picture")
    yield made
    made.close()


@pytest.fixture
def slow():
    Square.computed.clear()
    made = Slow(backend="picture")
    yield made
    made.close()


def move(explorer, **values):
    for name, value in values.items():
        explorer._inputs[name].value = value


def test_it_opens_with_picture_number_and_words(square):
    assert square.result == 9
    assert "square 9" in square._headline.value
    assert bytes(square._canvas.value[:4]) == b"\x89PNG"
    assert square.parameters == {"x": 3, "negative": False}


def test_moving_a_control_changes_picture_and_number(square):
    before = square._canvas.value
    move(square, x=5)
    assert square.result == 25
    assert "square 25" in square._headline.value
    move(square, negative=True)
    assert square.result == -25
    assert square._canvas.value != before


def test_reset_goes_back(square):
    move(square, x=7, negative=True)
    square._reset.click()
    assert square.result == 9
    assert square._inputs["x"].value == 3


def test_several_controls_make_one_picture(square):
    Square.computed.clear()
    square.set(x=4, negative=True)
    assert Square.computed == [4]
    assert square.result == -16
    with pytest.raises(ParameterError, match="x is 99"):
        square.set(x=99)
    assert square.result == -16


def test_the_same_state_is_not_computed_twice(square):
    Square.computed.clear()
    square.set(x=3)
    assert Square.computed == []


def test_opening_values_can_be_given():
    made = Square(backend="picture", x=6)
    assert made.result == 36
    move(made, x=1)
    made._reset.click()
    assert made.result == 36
    made.close()
    with pytest.raises(ParameterError, match="unknown parameter 'y'"):
        Square(y=1)


def test_errors_appear_in_words_and_go_away(square):
    move(square, x=13)
    assert isinstance(square.error, ParameterError)
    assert square._error_box.layout.display == ""
    assert "13 &lt;unlucky&gt;" in square._error_box.value
    assert square.result == 9
    move(square, x=14)
    assert square.error is None
    assert square._error_box.layout.display == "none"
    assert square.result == 196


def test_the_text_form_is_fixed(square):
    opening = square._repr_mimebundle_()["text/plain"]
    assert opening == ("Explorer: Squares. Shows a number and its square. The square is 9.")
    move(square, x=8)
    bundle = square._repr_mimebundle_()
    assert bundle["text/plain"] == opening
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_snapshot_shows_the_state_now(square):
    move(square, x=4)
    ax = square.snapshot().axes[0]
    assert ax.lines[0].get_ydata()[1] == 16


def test_a_storm_of_events_runs_one_job_and_the_last_value_wins(slow):
    for x in range(4, 13):
        move(slow, x=x)
    assert "computing" in slow._headline.value
    assert [name for name in runs.names() if name.startswith("explorer")] == ["explorer Slow"]
    for _ in range(9):
        Slow.gate.release()
    assert slow.wait(10)
    assert slow.result == 144
    assert Square.computed[0] == 3
    assert len(Square.computed) <= 3
    while Slow.gate.acquire(blocking=False):
        pass


def test_errors_in_a_thread_are_shown_too(slow):
    Slow.gate.release()
    move(slow, x=13)
    assert slow.wait(10)
    assert "unlucky" in slow._error_box.value
    Slow.gate.release()
    move(slow, x=5)
    assert slow.wait(10)
    assert (slow.result, slow.error) == (25, None)


def test_closing_stops_the_work(slow):
    move(slow, x=5)
    closing = threading.Timer(0.05, Slow.gate.release)
    closing.start()
    slow.close()
    assert runs.get("explorer Slow") is None
    assert slow.result == 9
    slow._request({"x": 6, "negative": False})
    assert runs.get("explorer Slow") is None


def test_long_work_says_how_far_it_is(ticking):
    assert ticking._stop.layout.display == "none"
    move(ticking, x=5)
    assert Ticking.ticked.acquire(timeout=10)
    assert "0%" in ticking._headline.value
    assert ticking._stop.layout.display == ""
    for _ in range(3):
        Ticking.gate.release()
        assert Ticking.ticked.acquire(timeout=10)
    assert "30%" in ticking._headline.value
    for _ in range(7):
        Ticking.gate.release()
    assert ticking.wait(10)
    assert ticking.result == 25
    assert "square 25" in ticking._headline.value
    assert ticking._stop.layout.display == "none"


def test_stop_leaves_the_picture_and_takes_the_controls_back_to_it(ticking):
    picture = ticking._canvas.value
    move(ticking, x=5)
    assert Ticking.ticked.acquire(timeout=10)
    ticking._stop.click()
    Ticking.gate.release()
    assert ticking.wait(10)
    assert (ticking.result, ticking.parameters["x"], ticking._inputs["x"].value) == (9, 3, 3)
    assert ticking._canvas.value == picture
    assert "square 9" in ticking._headline.value
    assert "Stopped" in ticking._headline.value
    assert ticking.error is None
    assert Square.computed == [3]
    for _ in range(10):
        Ticking.gate.release()
    move(ticking, x=5)
    assert ticking.wait(10)
    assert ticking.result == 25


def test_a_newer_wish_ends_the_older_work_at_once(ticking):
    move(ticking, x=5)
    assert Ticking.ticked.acquire(timeout=10)
    ticking._stop.click()
    move(ticking, x=6)
    for _ in range(11):
        Ticking.gate.release()
    assert ticking.wait(10)
    assert (ticking.result, ticking._inputs["x"].value) == (36, 6)
    assert Square.computed == [3, 6]


def test_making_it_again_leaves_nothing_behind():
    Square(backend="picture")
    count = len(ipywidgets.widgets.widget._instances)
    threads = threading.active_count()
    for _ in range(10):
        newest = Square(backend="picture")
        newest.set(x=5)
    assert len(ipywidgets.widgets.widget._instances) == count
    assert threading.active_count() == threads
    newest.close()
    newest.close()


def test_two_names_live_side_by_side():
    one, two = Square(name="one", backend="picture"), Square(name="two", backend="picture")
    move(one, x=5)
    move(two, x=6)
    assert (one.result, two.result) == (25, 36)
    one.close()
    two.close()


def test_large_type_by_button_and_by_present(square):
    plain = square._canvas.value
    square._large.value = True
    assert "em-present" in square._dom_classes
    assert square._canvas.value != plain
    square._large.value = False
    assert "em-present" not in square._dom_classes
    assert square._canvas.value == plain
    with presentation.present():
        assert square._large.value
    assert not square._large.value


def test_a_pick_may_move_controls(square, monkeypatch):
    message = {"panel": "p", "x": 0.2, "y": 0.0, "line": 0, "index": 1}
    square._on_pick(message)
    assert square.result == 9
    monkeypatch.setattr(square, "picked", lambda message: {"x": 5 + message["index"]})
    square._on_pick(message)
    assert (square.result, square._inputs["x"].value) == (36, 6)
    monkeypatch.setattr(square, "picked", lambda message: {"x": 99})
    square._on_pick(message)
    assert "x is 99" in square._error_box.value


def test_without_anywidget_the_picture_stands_in(monkeypatch):
    real = builtins.__import__

    def poor(name, *rest):
        if name == "em_inverse.widgets.canvas":
            raise ImportError("No module named 'anywidget'")
        return real(name, *rest)

    monkeypatch.delenv("EM_INVERSE_CANVAS", raising=False)
    monkeypatch.setattr(builtins, "__import__", poor)
    made = Square()
    assert isinstance(made._canvas, Picture)
    made.close()
    with pytest.raises(ImportError, match="anywidget"):
        Square(backend="canvas")


def test_the_environment_may_choose_the_picture(monkeypatch):
    monkeypatch.setenv("EM_INVERSE_CANVAS", "picture")
    made = Square()
    assert isinstance(made._canvas, Picture)
    made.close()
    with pytest.raises(ParameterError, match="backend"):
        Square(backend="oil on canvas")


def test_on_the_page_canvas(monkeypatch):
    canvas = pytest.importorskip("em_inverse.widgets.canvas")
    made = Square(backend="canvas")
    assert isinstance(made._canvas, canvas.Canvas)
    assert made._canvas.frame["description"] == "The square is 9."
    made.close()


def test_a_bare_explorer_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="compute"):
        Explorer()
    with pytest.raises(NotImplementedError, match="draw"):
        Explorer.draw(None)


def test_every_control_has_words_for_a_screen_reader(square):
    for widget in square._inputs.values():
        assert widget.description
        assert widget.tooltip
    assert square._canvas.tooltip == "The square is 9."


def test_it_is_quick(square):
    began = time.perf_counter()
    for x in (1, 2, 4, 5):
        move(square, x=x)
    assert (time.perf_counter() - began) / 4 < 1.0
