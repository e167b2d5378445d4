import numpy as np
import pytest

from em_inverse import choose, deblurring, metrics
from em_inverse.widgets.l_curve import LAMBDA, NAMES, NOISE, PROBLEMS, LCurveExplorer, curve
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return LCurveExplorer.compute(**LCurveExplorer.check(**given))


def test_every_problem_has_a_name():
    assert list(PROBLEMS) == list(NAMES)


@pytest.mark.parametrize("problem", ["row", "shaw"])
def test_the_explorer_shows_what_the_package_computes(problem):
    for k in (0, 70, 120):
        shown = state(problem=problem, lam=LAMBDA.values[k])
        at = shown.curve
        assert shown.index == k
        lam = at.unit * LAMBDA.values[k]
        np.testing.assert_allclose(shown.x, deblurring.tikhonov(at.problem.H, at.data, lam))
        error = metrics.rmse(shown.x, at.problem.x_true)
        assert shown.ratio == pytest.approx(error / at.errors.min())


def test_the_rules_are_those_of_the_package():
    at = curve("row", 10.0, 1.0)
    H, y = at.problem.H, at.data
    assert at.chosen["GCV"] == pytest.approx(choose.gcv(H, y).lam)
    assert at.chosen["discrepancy"] == pytest.approx(choose.discrepancy(H, y, at.noise_norm).lam)
    assert at.chosen["L-curve"] == pytest.approx(choose.l_curve(H, y).lam, rel=1e-3)
    for rule, lam in at.chosen.items():
        error = metrics.rmse(deblurring.tikhonov(H, y, lam), at.problem.x_true)
        assert at.ratios[rule] == pytest.approx(error / at.errors.min())
    assert at.unit == pytest.approx(H.svd()[1][0] ** 2)


def test_it_opens_where_there_is_most_to_gain():
    opening = state()
    assert 2 < opening.ratio < 10
    assert opening.index < opening.curve.errors.argmin()


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("noise", NOISE.ends)
@pytest.mark.parametrize("width", [0.0, 3.0])
def test_every_extreme_can_be_shown(problem, noise, width):
    for lam in LAMBDA.ends:
        shown = state(problem=problem, noise=noise, width=width, lam=lam)
        assert np.isfinite(shown.x).all()
        view = LCurveExplorer.draw(shown)
        assert len(view.panels) == 3
        assert view.headline.startswith("RMSE ")
        assert "GCV" in view.note
        assert NAMES[problem] in view.description
        assert draw_panels(view.panels, width=600).size[0] == 600


@pytest.mark.parametrize("problem", PROBLEMS)
def test_lambda_never_rescales_the_picture(problem):
    first, last = (
        LCurveExplorer.draw(state(problem=problem, lam=lam)).panels for lam in LAMBDA.ends
    )
    for before, after in zip(first, last, strict=True):
        if before.name == "object" and problem == "tilts":
            assert before.window == after.window
            continue
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)


def test_titles_tell_where_one_is():
    for k, words in ((0, "too small"), (90, "Near the best"), (120, "too large")):
        assert words in LCurveExplorer.draw(state(lam=LAMBDA.values[k])).panels[0].title
    for width, words in ((0.0, "at the cross"), (2.0, "not a clear corner"), (3.0, "No corner")):
        view = LCurveExplorer.draw(state(width=width))
        assert words in view.panels[1].title
        marks = [line.label for line in view.panels[1].lines]
        assert ("L-curve" in marks) == (width < 3)
        assert ("no corner" in view.note) == (width == 3)


def test_the_two_curves_mark_where_you_are():
    shown = state(lam=LAMBDA.values[70])
    _, l_curve, u_curve = LCurveExplorer.draw(shown).panels
    here = {line.label: line for panel in (l_curve, u_curve) for line in panel.lines}
    assert here["your λ"].y[0] == pytest.approx(shown.ratio, rel=1e-6)
    assert here["best λ"].y[0] == 1
    for rule, ratio in shown.curve.ratios.items():
        assert here[rule].y[0] == pytest.approx(ratio, rel=0.02)
    assert l_curve.lines[0].pick
    assert l_curve.lines[0].picked == 70
    assert l_curve.rules[0].at == pytest.approx(shown.curve.noise_norm)


def test_a_click_on_a_curve_moves_lambda():
    made = LCurveExplorer(backend="picture")
    message = {"panel": "l-curve", "x": 0.3, "y": 2.0, "line": 0, "index": 40}
    made._on_pick(message)
    assert made.parameters["lam"] == LAMBDA.values[40]
    made._on_pick({**message, "panel": "object", "index": -1})
    assert made.parameters["lam"] == LAMBDA.values[40]
    made.set(problem="tilts")
    made._on_pick({**message, "panel": "u-curve", "index": 95})
    assert made.parameters["lam"] == LAMBDA.values[95]
    assert made.error is None
    made.close()


def test_the_text_form_names_the_opening_numbers():
    made = LCurveExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert "row of columns" in text
    assert "RMSE over the lowest" in text
    made.close()
