import numpy as np
import pytest

from em_inverse import choose, deblurring, metrics
from em_inverse.widgets.deblurring import LAMBDA, METHODS, DeblurringExplorer, problem
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return DeblurringExplorer.compute(**DeblurringExplorer.check(**given))


def test_the_problem_is_that_of_week_11():
    at = problem()
    assert at.truth.shape == at.data.shape == (64,)
    assert [int(i) for i in np.flatnonzero(np.diff(np.sign(np.diff(at.truth))) < 0) + 1] == [
        15,
        35,
        50,
    ]
    clean = at.H.forward(at.truth)
    assert at.noise_norm == pytest.approx(np.linalg.norm(at.data - clean))
    assert at.noise_norm / np.sqrt(64) == pytest.approx(0.1 * clean.max(), rel=0.3)


@pytest.mark.parametrize(
    ("method", "penalty"), [("tikhonov", "identity"), ("gradient", "gradient")]
)
def test_the_explorer_shows_what_the_package_computes(method, penalty):
    at = problem()
    for k in (0, 40, 99):
        lam = LAMBDA.values[k]
        shown = state(method=method, lam=lam)
        assert np.allclose(shown.x, deblurring.tikhonov(at.H, at.data, lam, penalty=penalty))
        assert shown.rmse == pytest.approx(metrics.rmse(shown.x, at.truth))
        assert shown.residual_norm == pytest.approx(np.linalg.norm(at.H.forward(shown.x) - at.data))


def test_the_corner_is_that_of_the_package():
    at = problem()
    expected = choose.l_curve(at.H, at.data, LAMBDA.values).corner
    assert state(method="tikhonov").curve.corner == pytest.approx(expected)


def test_the_naive_inverse_fits_everything_and_finds_nothing():
    shown = state(method="naive")
    assert np.array_equal(shown.x, deblurring.naive(shown.problem.H, shown.problem.data))
    assert shown.residual_norm < 1e-6 * shown.problem.noise_norm
    assert shown.rmse > 100
    assert shown.condition == pytest.approx(np.linalg.cond(shown.problem.H.to_matrix()), rel=1e-3)


def test_it_opens_where_there_is_most_to_gain():
    opening = state()
    best = opening.curve.rmse.min()
    assert 3 * best < opening.rmse < 10 * best
    assert "λ is too small" in DeblurringExplorer.draw(opening).panels[0].title


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [1, 30])
@pytest.mark.parametrize("sigma", [0.5, 6.0])
def test_every_extreme_can_be_shown(method, noise, sigma):
    for lam in LAMBDA.ends:
        shown = state(method=method, noise=noise, sigma=sigma, lam=lam)
        assert np.isfinite(shown.x).all()
        view = DeblurringExplorer.draw(shown)
        assert len(view.panels) == 3
        assert "RMSE" in view.headline
        assert "noise norm" in view.note
        assert draw_panels(view.panels, width=600).size[0] == 600


@pytest.mark.parametrize("method", ["tikhonov", "gradient", "tv"])
def test_lambda_never_rescales_the_picture(method):
    first, last = (
        DeblurringExplorer.draw(state(method=method, lam=lam)).panels for lam in LAMBDA.ends
    )
    for before, after in zip(first, last, strict=True):
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)


def test_the_title_tells_which_side_of_the_best_one_is_on():
    titles = [
        DeblurringExplorer.draw(state(lam=LAMBDA.values[k])).panels[0].title for k in (0, 36, 99)
    ]
    for title, words in zip(titles, ("too small", "stand apart", "too large"), strict=True):
        assert words in title
    assert "no columns" in DeblurringExplorer.draw(state(method="naive")).panels[0].title
    sharp = state(method="naive", sigma=0.5, noise=1)
    assert "needs no prior" in DeblurringExplorer.draw(sharp).panels[0].title


def test_the_two_curves_mark_where_you_are():
    shown = state(lam=LAMBDA.values[50])
    _, l_curve, u_curve = DeblurringExplorer.draw(shown).panels
    here = {line.label: line for panel in (l_curve, u_curve) for line in panel.lines}["your λ"]
    assert here.y[0] == pytest.approx(shown.rmse, rel=1e-6)
    assert l_curve.lines[0].pick
    assert l_curve.lines[0].picked == 50
    assert l_curve.rules[0].at == pytest.approx(shown.problem.noise_norm)


def test_a_flat_tv_object_stays_on_the_chart():
    l_curve = DeblurringExplorer.draw(state(method="tv", lam=100.0)).panels[1]
    here = next(line for line in l_curve.lines if line.label == "your λ")
    low, high = l_curve.limits("y")
    assert low <= here.y[0] <= high


def test_a_click_on_a_curve_moves_lambda():
    made = DeblurringExplorer(backend="picture")
    message = {"panel": "l-curve", "x": 0.3, "y": 2.0, "line": 0, "index": 40}
    made._on_pick(message)
    assert made.parameters["lam"] == LAMBDA.values[40]
    assert made._inputs["lam"].value == pytest.approx(LAMBDA.values[40])
    made._on_pick({**message, "panel": "profile", "index": -1})
    assert made.parameters["lam"] == LAMBDA.values[40]
    made.set(method="naive")
    assert made._inputs["lam"].disabled
    made._on_pick({**message, "index": 10})
    assert made.parameters["lam"] == LAMBDA.values[40]
    made.set(method="tv")
    assert not made._inputs["lam"].disabled
    made.close()


def test_the_text_form_names_the_opening_numbers():
    first = DeblurringExplorer(backend="picture")
    text = first._repr_mimebundle_()["text/plain"]
    made = DeblurringExplorer(backend="picture")
    assert text == made._repr_mimebundle_()["text/plain"]
    assert f"RMSE {made.result.rmse:.3g}" in text
    made.close()


@pytest.mark.parametrize(("sigma", "words"), [(3.0, "bends"), (0.5, "no corner")])
def test_the_title_of_the_l_curve_is_true_at_both_ends(sigma, words):
    shown = state(method="tikhonov", sigma=sigma)
    assert (shown.curve.corner is None) == (words == "no corner")
    assert words in DeblurringExplorer.draw(shown).panels[1].title
