"""The base of live explorers: threads, buttons, frames, with the smallest run there is."""

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from em_inverse.dynamic import DynamicReconstruction
from em_inverse.errors import ParameterError
from em_inverse.widgets import live, runs
from em_inverse.widgets.controls import Slider
from em_inverse.widgets.live import LiveExplorer, LiveSession
from em_inverse.widgets.panel import ImagePanel, View

ANGLES = np.linspace(-60, 60, 9)


@dataclass
class Seen:
    session: LiveSession
    status: str
    iteration: int
    epsilon: float
    x: np.ndarray


class ToySession(LiveSession):
    def __init__(self, epsilon, level):
        # Noise that no object explains: the run never comes to rest.
        data = np.random.default_rng(0).normal(level, 1.0, (9, 16)).astype(np.float32)
        super().__init__(DynamicReconstruction((16, 16), epsilon, units="noise", noise=1.0))
        self.run.add(ANGLES, data)

    def look(self, snapshot, status):
        return Seen(self, status, snapshot.iteration, snapshot.epsilon, snapshot.x)


class Toy(LiveExplorer):
    title = "Toy"
    about = "A run to play with"
    controls = (
        Slider("epsilon", "ε", 0.1, 3.0, 0.1, 0.3),
        Slider("level", "mean of the data", 1, 9, 1, 1),
    )
    steered = ("epsilon",)
    drawn: list = []  # noqa: RUF012 - a log shared with the static function
    gate = threading.Event()

    @staticmethod
    def compute(*, epsilon, level):
        assert Toy.gate.wait(10)
        session = ToySession(epsilon, level)
        session.run.run(3)
        return session.look(session.run.snapshot(), "paused")

    @staticmethod
    def draw(result):
        Toy.drawn.append((result.iteration, result.epsilon, result.status))
        if result.epsilon == 2.9:
            raise ParameterError("epsilon is 2.9 <unlucky>.")
        words = f"iteration {result.iteration}, ε {result.epsilon:g}, {result.status}"
        return View([ImagePanel("x", "A slice.", result.x)], words, "", words)

    @classmethod
    def fresh(cls, *, epsilon, level):
        return ToySession(epsilon, level)

    def steer(self, session, parameters):
        session.run.epsilon = parameters["epsilon"]


@pytest.fixture
def toy():
    Toy.gate.set()
    Toy.drawn.clear()
    made = Toy(backend="picture")
    made.frames_per_s = 1000
    yield made
    Toy.gate.set()
    made.close()


def until(condition, seconds=20.0):
    """Wait for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def live_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("em_inverse:")]


def test_it_opens_standing_still(toy):
    assert (toy.result.iteration, toy.running) == (3, False)
    assert "iteration 3, ε 0.3, paused" in toy._headline.value
    assert toy._go.description == "Run"
    assert live_threads() == []


def test_run_and_pause(toy):
    toy._go.click()
    assert toy.running
    assert toy._go.description == "Pause"
    until(lambda: toy.result.iteration > 20)
    assert toy.result.status == "running"
    toy._go.click()
    assert not toy.running
    assert toy._go.description == "Run"
    at = toy.run.iteration
    assert toy.result.iteration == at
    assert toy.result.status == "paused"
    assert runs.names() == []
    time.sleep(0.05)
    assert toy.run.iteration == at
    toy.start()
    until(lambda: toy.result.iteration > at)


def test_a_slider_only_steers_what_runs(toy):
    run = toy.run
    toy.frames_per_s = 1e-3
    toy.start()
    until(lambda: toy.result.status == "running")
    shown = len(Toy.drawn)
    toy._inputs["epsilon"].value = 1.5
    until(lambda: toy.result.epsilon == 1.5)
    assert toy.run is run
    assert toy.parameters == {"epsilon": 1.5, "level": 1}
    iteration = toy.result.iteration
    assert run.history["radius"][iteration - 1] == pytest.approx(1.5 * run.noise_norm)
    assert run.history["radius"][iteration - 2] == pytest.approx(0.3 * run.noise_norm)
    assert len(Toy.drawn) == shown + 1


def test_a_slider_moves_what_stands_still_without_an_iteration(toy):
    toy.set(epsilon=2.0)
    assert (toy.result.epsilon, toy.result.iteration) == (2.0, 3)
    assert toy.run.epsilon == 2.0
    toy.iterate(4)
    assert toy.result.iteration == 7
    toy.start()
    with pytest.raises(ParameterError, match="pause"):
        toy.iterate(1)


def test_other_controls_begin_anew_and_go_on_running(toy):
    first = toy.run
    toy.start()
    toy.set(level=5)
    assert toy.wait(10)
    assert toy.run is not first
    assert not first.running
    until(lambda: toy.result.iteration > 3)
    assert toy.running
    assert len(live_threads()) == 2
    toy.pause()
    toy.set(level=6)
    assert toy.wait(10)
    assert (toy.result.iteration, toy.running) == (3, False)


def test_nothing_runs_while_something_new_is_made(toy):
    toy.start()
    Toy.gate.clear()
    toy.set(level=5)
    assert not toy.running
    assert "computing" in toy._headline.value
    toy.start()
    toy.restart()
    toy.pause()
    assert "computing" in toy._headline.value
    with pytest.raises(ParameterError, match="pause"):
        toy.iterate(1)
    Toy.gate.set()
    assert toy.wait(10)
    assert not toy.running


def test_run_pressed_too_early_is_kept_for_later(toy):
    Toy.gate.clear()
    toy.set(level=5)
    toy._go.click()
    assert not toy.running
    Toy.gate.set()
    until(lambda: toy.result.iteration > 3)
    assert toy.running


def test_restart_begins_from_nothing(toy):
    toy.set(epsilon=1.0)
    first = toy.run
    toy._anew.click()
    assert toy.run is not first
    assert (toy.result.iteration, toy.run.epsilon) == (0, 1.0)
    assert not toy.result.x.any()
    toy.start()
    until(lambda: toy.run.iteration > 5)
    toy.restart()
    assert toy.running
    until(lambda: toy.result.status == "running")


def test_reset_brings_the_opening_back(toy):
    opening = toy.view.description
    toy.start()
    until(lambda: toy.result.iteration > 5)
    toy._inputs["epsilon"].value = 2.0
    toy._reset.click()
    assert toy.wait(10)
    assert toy.view.description == opening
    assert not toy.running
    toy.iterate(5)
    toy._reset.click()
    assert toy.wait(10)
    assert toy.view.description == opening


def test_at_rest_the_last_picture_is_shown_and_a_change_wakes_it(toy):
    # An ε that the empty object meets: from nothing there is nothing to do.
    toy.set(epsilon=3.0)
    toy.restart()
    toy.start()
    until(lambda: toy.result.status == "resting")
    at = toy.run.iteration
    assert toy.result.iteration == at
    assert toy.running
    toy._inputs["epsilon"].value = 2.0
    until(lambda: toy.result.iteration > at)


def test_errors_of_the_run_are_shown(toy):
    def fail(run):
        raise RuntimeError("the <detector> fell off")

    toy.start()
    toy.run.listen(fail)
    until(lambda: toy.error is not None)
    assert "the &lt;detector&gt; fell off" in toy._error_box.value
    until(lambda: toy._go.description == "Run")
    toy.set(level=4)
    assert toy.wait(10)
    assert toy.error is None


def test_errors_of_the_drawing_are_shown_and_stop_the_run(toy):
    toy.start()
    toy._inputs["epsilon"].value = 2.9
    until(lambda: toy.error is not None)
    assert "&lt;unlucky&gt;" in toy._error_box.value
    until(lambda: not toy.running)


def test_pictures_wait_for_the_page(toy, monkeypatch):
    monkeypatch.setattr(type(toy._canvas), "ready", False)
    toy.start()
    until(lambda: toy.run.iteration > 100)
    drawn = {iteration for iteration, _, _ in Toy.drawn}
    assert len(drawn) < 10
    monkeypatch.setattr(type(toy._canvas), "ready", True)
    until(lambda: len(Toy.drawn) > 30)


def test_pictures_that_are_slow_to_draw_come_less_often(toy, monkeypatch):
    monkeypatch.setattr(live, "_APART", 1000.0)
    monkeypatch.setattr(live, "_LONGEST_S", 1e6)
    toy.start()
    until(lambda: len(Toy.drawn) > 5)
    monkeypatch.setattr(type(toy._canvas), "took_s", 99.0)
    shown, at = len(Toy.drawn), toy.run.iteration
    until(lambda: toy.run.iteration > at + 50)
    assert len(Toy.drawn) <= shown + 1
    toy._inputs["epsilon"].value = 1.5
    until(lambda: toy.result.epsilon == 1.5)


def test_without_pictures_it_runs_unseen(toy):
    toy.frames_per_s = 0
    toy.start()
    shown = len(Toy.drawn)
    until(lambda: toy.run.iteration > 50)
    assert len(Toy.drawn) == shown
    toy.pause()
    assert toy.result.iteration == toy.run.iteration


def test_a_page_that_went_away_pauses_it(toy, monkeypatch):
    monkeypatch.setattr(live, "_AWAY_S", 0.2)
    monkeypatch.setattr(type(toy._canvas), "unanswered_s", 99.0)
    toy.start()
    until(lambda: toy.result.status == "away")
    assert not toy.running
    until(lambda: toy._go.description == "Run")


def test_the_cell_run_again_leaves_one_run(toy):
    toy.start()
    for _ in range(3):
        newest = Toy(backend="picture")
        newest.start()
    assert toy._closed
    until(lambda: len(live_threads()) == 2)
    newest.close()
    assert live_threads() == []
    newest.close()
    newest.start()
    newest.restart()
    assert live_threads() == []


def test_a_bare_live_explorer_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="fresh"):
        LiveExplorer.fresh()
    with pytest.raises(NotImplementedError, match="steer"):
        LiveExplorer.steer(None, None, {})
    with pytest.raises(NotImplementedError, match="look"):
        LiveSession(None).look(None, "paused")
