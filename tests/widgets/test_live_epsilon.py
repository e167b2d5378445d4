"""Week 7's explorer: its numbers, its words, its buttons."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from em_inverse import metrics
from em_inverse.dynamic import DynamicReconstruction
from em_inverse.errors import ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.solvers.least_distance import least_distance
from em_inverse.widgets import LiveEpsilonExplorer, epsilon_view, runs
from em_inverse.widgets.epsilon_run import (
    BEST_RMSE,
    FLOOR,
    SOUND,
    TILTS,
    WINDOW,
    EpsilonSession,
    N,
    reachable,
    recording,
)
from em_inverse.widgets.epsilon_view import verdict
from em_inverse.widgets.raster import draw_panels
from em_inverse.widgets.two_routes import Player, Routes, draw_routes

FEW = {"tilts": 5, "order": "golden"}


@pytest.fixture(scope="module")
def opening():
    return LiveEpsilonExplorer.compute(**LiveEpsilonExplorer.check())


@pytest.fixture
def explorer():
    made = LiveEpsilonExplorer(backend="picture", **FEW)
    yield made
    made.close()


def state(**given):
    return LiveEpsilonExplorer.compute(**LiveEpsilonExplorer.check(**FEW | given))


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("em_inverse:")]


# ---- numbers ----


def test_the_object_has_body_pores_and_particles():
    truth = recording().truth
    middle = N // 2
    assert np.median(truth[middle - 20 : middle + 20, middle - 20 : middle + 20]) == 0.5
    share = truth.sum() / (0.5 * 62**2)
    assert 0.95 < share < 1.1
    assert (truth == 1).sum() > 100
    inside = truth[middle - 15 : middle + 15, middle - 15 : middle + 15]
    assert (inside == 0).sum() > 60


def test_the_noise_is_what_the_coarse_truth_leaves_unexplained():
    at = recording()
    run = DynamicReconstruction((N, N), 1.0, units="noise", noise=at.sigma)
    run.add(at.angles_deg, at.b)
    misfit = np.linalg.norm(ParallelBeam((N, N), at.angles_deg).forward(at.truth) - at.b)
    assert misfit == pytest.approx(at.noise_norm(TILTS), rel=0.03)
    assert run.noise_norm == pytest.approx(at.noise_norm(TILTS))


def test_it_opens_at_the_right_epsilon_and_always_alike(opening):
    assert (opening.iteration, opening.n_tilts, opening.epsilon) == (140, 75, 1.0)
    assert opening.ratio == pytest.approx(1.0, abs=0.0049)
    assert opening.rmse == pytest.approx(0.0272, abs=0.0004)
    again = LiveEpsilonExplorer.compute(**LiveEpsilonExplorer.check())
    np.testing.assert_array_equal(again.x, opening.x)
    view = LiveEpsilonExplorer.draw(opening)
    assert view.headline == "‖Ax − b‖ = 1.00 ε · RMSE 0.027"
    assert (
        view.note == "ε = 1.00 × noise, floor 0.69 · 75 of 75 tilts · paused after 140 iterations"
    )
    assert verdict(opening).startswith("Sound")
    assert "ε = 1.00 × noise, " in view.description


def test_a_state_is_what_the_engine_says(opening):
    run, at = opening.session.run, recording()
    assert opening.rmse == pytest.approx(metrics.rmse(run.x, at.truth))
    assert opening.distance * run.noise_norm == pytest.approx(run.history["data_distance"][-1])
    curves = opening.curves
    assert curves["iteration"][-1] == 140
    assert curves["rmse"][-1] == pytest.approx(opening.rmse, rel=1e-4)
    assert curves["distance"][-1] == pytest.approx(opening.distance)
    assert curves["epsilon"] == pytest.approx(np.ones(140))
    assert curves["tv"][-1] == pytest.approx(opening.tv)


def test_the_green_band_is_where_the_converged_error_is_a_quarter_above_the_least():
    session = EpsilonSession(SOUND[1], "golden", "tv", True)
    session.open(TILTS)
    found = []
    for epsilon in (SOUND[1], 0.98, SOUND[0]):
        session.run.epsilon = epsilon
        session.run.run(150)
        found.append(session.errors[-1] / BEST_RMSE)
    assert found == pytest.approx([1.25, 1.0, 1.25], abs=0.04)


def test_the_floor_is_the_least_distance():
    at = recording()
    A = ParallelBeam((N, N), at.angles_deg)
    found = least_distance(A, at.b, nonnegative=True, n_iter=400)
    assert found.attained / at.noise_norm(TILTS) == pytest.approx(FLOOR, rel=0.006)
    assert reachable("golden", TILTS, True) == FLOOR
    session = EpsilonSession(1.0, "golden", "tv", True)
    session.add(10)
    session.find_floor()
    assert session.floor == pytest.approx(session.run.floor(200) / session.run.noise_norm)


def test_a_run_that_comes_closer_than_the_search_lowers_the_floor():
    session = state(epsilon=0.5).session
    session.floor = 0.9
    seen = session.look(session.run.snapshot(), "paused")
    assert seen.floor == pytest.approx(seen.distance)
    session.add()
    session.floor = 0.9
    assert session.look(session.run.snapshot(), "paused").floor == 0.9


def test_curves_are_thinned_and_reach_back_so_far():
    session = state().session
    session.run.run(WINDOW + 150)
    n = session.run.iteration
    at = session.look(session.run.snapshot(), "paused").curves["iteration"]
    assert len(at) <= 300
    assert at[-1] == n
    assert n - WINDOW - 3 <= at[0] <= n - WINDOW + 1
    session.run.step()
    later = session.look(session.run.snapshot(), "paused").curves["iteration"]
    assert set(later[1:-1]) >= set(at[1:-1])


# ---- words and pictures ----


def test_both_ends_of_epsilon_say_what_is_wrong():
    noisy, washed = state(epsilon=0.5), state(epsilon=3.0)
    assert verdict(washed) == "Washed out: ε lets detail go"
    assert washed.tv < 0.5 * noisy.tv
    below = replace(noisy, floor=0.69)
    assert verdict(below) == "Out of reach: with x ≥ 0 nothing comes closer than 0.69 × noise"
    assert verdict(state(epsilon=0.8)) == "Noisy: ε asks to fit the noise, too"


def test_the_words_tell_where_it_stands():
    assert verdict(state()) == "ε fits the noise; tilts are missing"
    session = LiveEpsilonExplorer.fresh(epsilon=1.0, method="tv", nonnegative=False, **FEW)
    empty = session.look(session.run.snapshot(), "paused")
    assert verdict(empty).startswith("Nothing yet")
    view = LiveEpsilonExplorer.draw(empty)
    assert view.headline.startswith("Iteration 0")
    assert "any x" in view.panels[0].x_label
    assert "below" in view.note
    session.run.run(2)
    assert verdict(session.look(session.run.snapshot(), "running")).startswith("On its way")
    for status, words in (("resting", "at rest"), ("away", "no page"), ("running", "running")):
        shown = session.look(session.run.snapshot(), status)
        assert words in LiveEpsilonExplorer.draw(shown).note


def test_what_has_come_to_rest_is_not_stuck_when_epsilon_moves():
    session = state().session
    session.run.run(1000)
    assert session.look(session.run.snapshot(), "paused").stuck
    session.run.epsilon = 2.0
    session.run.step()
    moved = session.look(session.run.snapshot(), "paused")
    assert verdict(moved) == "On its way to ε, from inside"


def test_published_asd_pocs_sticks_where_the_mended_one_follows():
    seen = {}
    for method in ("published", "mended"):
        session = state(method=method, tilts=TILTS).session
        session.run.run(300)
        session.run.epsilon = 3.0
        session.run.run(60)
        seen[method] = session.look(session.run.snapshot(), "paused")
    assert verdict(seen["published"]).startswith("Stuck")
    assert seen["published"].ratio < 0.5
    assert seen["mended"].ratio == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("given", [{}, {"epsilon": 0.5}, {"epsilon": 3.0}, {"nonnegative": False}])
def test_every_extreme_can_be_shown(given):
    view = LiveEpsilonExplorer.draw(state(**given))
    assert [panel.name for panel in view.panels] == ["slices", "distance", "errors"]
    assert draw_panels(view.panels, width=600).size[0] == 600
    low, high = epsilon_view.bands()[1].low, epsilon_view.bands()[1].high
    assert (low, high) == SOUND


# ---- two routes ----


def test_two_routes_end_in_one_slice():
    session = state().session
    player = Player(session.run, 1.0, session.floor)
    while player.step():
        pass
    routes = player.look()
    assert routes.done
    assert routes.apart <= 0.01
    assert routes.tightened.epsilon[[0, -1]] == pytest.approx([3.0, 1.0])
    assert routes.loosened.epsilon[[0, -1]] == pytest.approx([0.6, 1.0])
    assert routes.tightened.distance[-1] == pytest.approx(1.0, rel=0.01)
    view = draw_routes(routes)
    assert "only the last ε counts" in view.panels[0].title
    assert f"{100 * routes.apart:.2g} %" in view.headline
    assert draw_panels(view.panels, width=600).size[0] == 600


@pytest.mark.parametrize(
    ("floor", "done", "words"),
    [(0.1, False, "on their way"), (2.0, True, "out of reach"), (0.1, True, "remembers its way")],
)
def test_routes_that_differ_say_why(floor, done, words):
    session = state().session
    player = Player(session.run, 1.0, floor)
    for _ in range(5):
        player.step()
    routes = player.look()
    assert routes.apart > 0.01
    made = Routes(routes.tightened, routes.loosened, 1.0, floor, done)
    assert words in draw_routes(made).panels[0].title


def test_routes_need_an_epsilon():
    with pytest.raises(ParameterError, match="epsilon"):
        Player(state().session.run, 0.0, 0.5)


# ---- the widget ----


def test_it_follows_epsilon_while_it_runs(explorer):
    explorer.start()
    until(lambda: explorer.result.iteration > 100)
    explorer._inputs["epsilon"].value = 2.0
    until(lambda: explorer.result.epsilon == 2.0 and abs(explorer.result.ratio - 1) < 0.01)
    explorer._inputs["nonnegative"].value = False
    until(lambda: not explorer.run.nonnegative)
    until(lambda: explorer.session.floor == reachable("golden", 5, False))
    assert explorer.running
    explorer.pause()
    assert "paused" in explorer.view.note


def test_projections_are_added_one_by_one(explorer):
    explorer._add.click()
    assert (explorer.result.n_tilts, explorer.result.iteration) == (6, explorer.run.iteration)
    assert explorer.wait()
    assert explorer.result.floor == pytest.approx(reachable("golden", 6, True))
    assert "of 69" in explorer._add.tooltip
    explorer.start()
    explorer.add_projection()
    until(lambda: explorer.result.n_tilts == 7)
    until(lambda: not explorer.session.floor_is_old)
    explorer.session.add(100)
    explorer.pause()
    explorer.restart()
    assert explorer.result.n_tilts == 5
    explorer.session.add(100)
    explorer._update_buttons()
    assert explorer._add.disabled
    explorer.add_projection()
    assert explorer.run.n_tilts == TILTS


def test_two_routes_by_button_and_back(explorer):
    before = explorer.view.headline
    explorer.start()
    explorer._routes.click()
    assert not explorer.running
    assert explorer._routes.description == "Back to the run"
    assert explorer.wait(60)
    assert isinstance(explorer.result, Routes)
    assert explorer.result.apart <= 0.01
    assert "x_a − x_b" in explorer._headline.value
    explorer._routes.click()
    assert "‖Ax − b‖" in explorer.view.headline
    assert explorer._routes.description == "Two routes"
    explorer.two_routes()
    explorer._inputs["epsilon"].value = 1.5
    assert explorer.result.epsilon == 1.5
    assert not isinstance(explorer.result, Routes)
    explorer.two_routes()
    explorer._reset.click()
    assert explorer.wait(60)
    assert explorer.view.headline == before


def test_errors_on_the_routes_are_shown(explorer, monkeypatch):
    def fail(self):
        raise RuntimeError("lost on the way")

    monkeypatch.setattr(Player, "step", fail)
    explorer.two_routes()
    until(lambda: explorer.error is not None)
    assert "lost on the way" in explorer._error_box.value


def test_closing_leaves_no_thread(explorer):
    explorer.start()
    explorer.add_projection()
    explorer.close()
    until(lambda: threads() == [])
    assert runs.names() == []
    explorer.two_routes()
    explorer.add_projection()
    assert threads() == []
    other = LiveEpsilonExplorer(backend="picture", **FEW)
    other.two_routes()
    other.close()
    until(lambda: threads() == [])


def test_snapshot_and_text_form(explorer):
    figure = explorer.snapshot()
    assert len([ax for ax in figure.axes if ax.get_title(loc="left")]) == 3
    text = explorer._repr_mimebundle_()["text/plain"]
    assert text.startswith("Explorer: Live ε. A slice of a nanocube")
    assert explorer.view.description in text
