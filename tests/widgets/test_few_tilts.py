import numpy as np
import pytest

from em_inverse import metrics, solvers, tomography
from em_inverse.widgets import few_tilts, working
from em_inverse.widgets.few_tilts import (
    LAST,
    METHODS,
    FewTiltsExplorer,
    Run,
    State,
    recording,
    run,
)
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return FewTiltsExplorer.compute(**FewTiltsExplorer.check(**given))


def made_up(method="sirt", iteration=10, rmse=None, residual=None):
    """A state without computing: error and residual as asked."""
    k = np.arange(LAST + 1)
    rmse = 0.2 + np.abs(k - 50) / 500 if rmse is None else rmse
    residual = 10.0 / (1 + k) if residual is None else residual
    slices = np.zeros((LAST + 1, few_tilts.N, few_tilts.N), np.float16)
    made = Run(slices, rmse, residual, 9, 20)
    return State(15, method, iteration, recording(5, 100.0), made)


def titles(shown):
    return [panel.title for panel in FewTiltsExplorer.draw(shown).panels]


def test_the_explorer_shows_what_the_package_computes():
    at, made = recording(15, 100.0), run(15, "cgls", 100.0)
    solver = solvers.CGLS(at.A, at.series.projections)
    for _ in range(7):
        reached = solver.step()
    assert made.rmse[7] == pytest.approx(metrics.rmse(reached.x, at.truth))
    assert made.residual[7] == pytest.approx(reached.data_distance / at.noise_norm)
    np.testing.assert_allclose(made.slices[7], reached.x, atol=2e-3)
    assert not made.slices[0].any()
    wbp = tomography.wbp(at.series, filter="hann").x
    assert at.wbp_rmse == pytest.approx(metrics.rmse(wbp, at.truth))


def test_stop_rules_are_those_of_the_package():
    at, made = recording(15, 100.0), run(15, "cgls", 100.0)
    stopped = tomography.cgls(at.series, 50, stop="discrepancy", noise_norm=at.noise_norm)
    assert made.discrepancy == stopped.n_iter
    aside = np.arange(15) % 5 == 2
    rule = solvers.held_out(at.A.subset(aside), at.series.projections[aside], patience=LAST)
    solvers.CGLS(at.A.subset(~aside), at.series.projections[~aside], stop=rule).run(LAST)
    assert made.held_out == rule.best_iteration


def test_it_opens_where_the_iteration_has_gone_too_far():
    opening = state()
    assert opening.iteration > opening.run.best
    assert opening.residual < 0.5
    assert "Too late" in titles(opening)[0]
    assert "rises" in titles(opening)[1]
    assert "through the noise" in titles(opening)[2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("counts", "kind"), [(10.0, "cube"), (10**3.5, "soft")])
def test_every_extreme_can_be_shown(method, counts, kind):
    for iteration in (0, LAST):
        shown = state(method=method, counts=counts, tilts=5, kind=kind, iteration=iteration)
        assert np.isfinite(shown.run.slices).all()
        view = FewTiltsExplorer.draw(shown)
        assert len(view.panels) == 3
        assert "RMSE" in view.headline
        assert "× noise" in view.note
        assert draw_panels(view.panels, width=600).size[0] == 600


def test_many_tilts_can_be_shown():
    shown = state(method="tv", tilts=75, iteration=LAST)
    assert shown.residual == pytest.approx(1, abs=0.01)
    assert shown.rmse < shown.recording.wbp_rmse / 2


@pytest.mark.parametrize("method", ["sirt", "tv"])
def test_iterations_never_rescale_the_picture(method):
    first, last = (
        FewTiltsExplorer.draw(state(method=method, tilts=5, iteration=k)).panels for k in (0, LAST)
    )
    for before, after in zip(first[1:], last[1:], strict=True):
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)
    assert first[0].window == last[0].window


@pytest.mark.parametrize(
    ("iteration", "residual", "words"),
    [
        (0, None, "Nothing yet"),
        (20, None, "Early"),
        (50, None, "As good as the method gets"),
        (200, None, "Too late"),
        (200, np.full(LAST + 1, 3.0), "still above the noise"),
    ],
)
def test_the_title_tells_how_far_it_is(iteration, residual, words):
    assert words in titles(made_up(iteration=iteration, residual=residual))[0]


def test_other_titles_are_true_as_well():
    falling = np.linspace(1, 0.1, LAST + 1)
    assert "stays down" in titles(made_up(rmse=falling))[1]
    assert "where it is told to" in titles(made_up("tv"))[2]
    assert "where it is told to" in titles(made_up(residual=1 + falling))[2]


def test_marks_stand_where_you_are():
    shown = made_up(iteration=30)
    _, error, residual = FewTiltsExplorer.draw(shown).panels
    for panel, value in ((error, shown.rmse), (residual, shown.residual)):
        you = next(line for line in panel.lines if line.label == "you")
        assert (you.x[0], you.y[0]) == (30, pytest.approx(value, rel=1e-6))
        assert panel.lines[0].pick
        assert panel.lines[0].picked == 30
        assert {rule.at for rule in panel.rules if rule.axis == "x"} == {9, 20}


def test_slice_and_truth_stand_side_by_side_in_one_window():
    shown = made_up(iteration=30)
    picture = FewTiltsExplorer.draw(shown).panels[0].image
    np.testing.assert_allclose(picture[:, :96], shown.run.slices[30], atol=1e-3)
    np.testing.assert_allclose(picture[:, -96:], shown.recording.truth, atol=1e-6)


def test_a_residual_of_nothing_stays_on_the_chart():
    shown = made_up(residual=12.0 * 0.1 ** np.arange(LAST + 1.0), iteration=5)
    panel = FewTiltsExplorer.draw(shown).panels[2]
    low, high = panel.limits("y")
    you = next(line for line in panel.lines if line.label == "you")
    assert low <= you.y[0] <= high


def test_methods_with_a_tolerance_have_no_stop_rules():
    made = run(5, "tv", 100.0)
    assert made.discrepancy is None
    assert made.held_out is None
    view = FewTiltsExplorer.draw(state(method="tv", tilts=5))
    assert "at iteration" not in view.description.split("Best")[1].split(".", 2)[2]


def test_a_click_on_a_curve_moves_the_iteration():
    made = FewTiltsExplorer(backend="picture", tilts=5)
    message = {"panel": "error", "x": 4.0, "y": 0.2, "line": 0, "index": 4}
    made._on_pick(message)
    assert made.parameters["iteration"] == 4
    assert made._inputs["iteration"].value == 4
    made._on_pick({**message, "panel": "slice", "index": -1})
    assert made.parameters["iteration"] == 4
    made.close()


def test_only_a_new_run_takes_long_and_old_ones_are_let_go(monkeypatch):
    monkeypatch.setattr(few_tilts, "_RUNS", type(few_tilts._RUNS)())
    monkeypatch.setattr(few_tilts, "_MOST_RUNS", 2)
    first = FewTiltsExplorer.check(tilts=5, method="cgls")
    assert FewTiltsExplorer.takes_long(first)
    FewTiltsExplorer.compute(**first)
    assert not FewTiltsExplorer.takes_long({**first, "iteration": 3})
    for method in ("sirt", "tv"):
        FewTiltsExplorer.compute(**{**first, "method": method})
    assert FewTiltsExplorer.takes_long(first)
    assert len(few_tilts._RUNS) == 2


def test_computing_says_how_far_it_is_and_can_be_stopped(monkeypatch):
    monkeypatch.setattr(few_tilts, "_RUNS", type(few_tilts._RUNS)())
    shares = []
    with working.reporting(shares.append):
        run(5, "cgls", 31.6)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert 50 <= len(shares) <= 110

    def stop(share):
        if share > 0.3:
            raise working.Stopped

    with pytest.raises(working.Stopped), working.reporting(stop):
        run(5, "sirt", 31.6)
    assert (5, "sirt", 31.6, "cube") not in few_tilts._RUNS


def test_the_text_form_names_the_opening_numbers():
    made = FewTiltsExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert f"RMSE {made.result.rmse:.3g}" in text
    assert f"iteration {made.result.run.best}" in text
    made.close()
