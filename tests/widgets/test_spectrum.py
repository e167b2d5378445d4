import numpy as np
import pytest

from em_inverse import deblurring, forward, metrics, noise, phantoms
from em_inverse.checks import week02_pictures
from em_inverse.widgets.raster import draw_panels
from em_inverse.widgets.spectrum import BORDERS, CUTS, N, SpectrumExplorer, probe


def state(**given):
    return SpectrumExplorer.compute(**SpectrumExplorer.check(**given))


def titles(**given):
    return [panel.title for panel in SpectrumExplorer.draw(state(**given)).panels]


def test_the_problem_is_that_of_the_lesson():
    shown, lesson = state(), week02_pictures.lesson()
    np.testing.assert_allclose(shown.data, lesson.y, rtol=1e-12)
    assert shown.noise_level == pytest.approx(lesson.noise_level, rel=1e-12)
    np.testing.assert_array_equal(shown.probe.truth, phantoms.dumbbells())


@pytest.mark.parametrize(("width", "cut", "border"), [(50, "4", "reflect"), (40, "2", "constant")])
def test_the_explorer_shows_what_the_package_computes(width, cut, border):
    x = phantoms.dumbbells()
    H = forward.GaussianBlur((N,), width / 25, border, float(cut))
    y = noise.gaussian(H @ x, 0.05, seed=1)
    errors = []
    for rank in range(1, N + 1):
        expected = deblurring.truncated_svd(H, y, rank)
        errors.append(metrics.rmse(expected, x))
        if rank in (1, 29, 80):
            shown = state(rank=rank, width=width, cut=cut, border=border)
            np.testing.assert_allclose(shown.x, expected, rtol=1e-6, atol=1e-9)
            assert shown.rmse == pytest.approx(errors[-1], rel=1e-6)
    np.testing.assert_allclose(shown.errors, errors, rtol=1e-6)
    assert shown.condition == pytest.approx(np.linalg.cond(H.to_matrix()), rel=1e-6)


def test_bias_and_noise_are_what_many_draws_give():
    shown = state(rank=30)
    H = forward.GaussianBlur((N,), 2)
    clean = H @ shown.probe.truth
    squares = np.zeros(N)
    for seed in range(200):
        data = noise.gaussian(clean, 0.05, seed=seed)
        parts = (shown.probe.U.T @ data) / shown.probe.s
        amounts = shown.probe.Vt @ shown.probe.truth
        kept = np.cumsum((parts - amounts) ** 2)
        squares += (kept + np.sum(amounts**2) - np.cumsum(amounts**2)) / N / 200
    expected = shown.bias**2 + shown.spread**2
    assert np.sqrt(squares[[4, 28, 50, 79]]) == pytest.approx(
        np.sqrt(expected[[4, 28, 50, 79]]), rel=0.15
    )


def test_it_opens_where_singular_values_meet_the_noise():
    opening = state()
    assert opening.rank == int(np.sum(opening.probe.s > opening.noise_level)) == 36
    assert opening.rmse > 1.8 * opening.errors.min()
    assert "too large" in titles()[1]
    assert "up to pattern 29; you keep 36" in titles()[0]


@pytest.mark.parametrize("width", [15, 100])
@pytest.mark.parametrize("percent", ["least", "most"])
@pytest.mark.parametrize("cut", CUTS)
def test_every_extreme_can_be_shown(width, percent, cut):
    level = SpectrumExplorer.controls[1].ends[percent == "most"]
    for rank in (1, N):
        shown = state(rank=rank, width=width, noise=level, cut=cut)
        assert np.isfinite(shown.x).all()
        assert 1 <= shown.condition <= 1e15
        view = SpectrumExplorer.draw(shown)
        assert "RMSE" in view.headline
        assert "κ" in view.note
        assert draw_panels(view.panels, width=600).size[0] == 600


@pytest.mark.parametrize("border", BORDERS)
def test_every_border_can_be_shown(border):
    shown = state(border=border, width=100)
    assert len(SpectrumExplorer.draw(shown).panels) == 3
    assert shown.probe is probe(100, "4", border)


def test_a_condition_number_beyond_rounding_is_called_a_bound():
    assert "κ ≥ 10¹⁵" in SpectrumExplorer.draw(state(width=100, cut="none")).note
    assert "κ = 7.15×10⁵" in SpectrumExplorer.draw(state()).note


def test_rank_and_noise_never_rescale_the_picture():
    first, last = (
        SpectrumExplorer.draw(state(rank=rank, noise=level)).panels
        for rank, level in zip((1, N), SpectrumExplorer.controls[1].ends, strict=True)
    )
    for before, after in zip(first, last, strict=True):
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rank": 29}, "Near the best rank"),
        ({"rank": 20}, "too small"),
        ({"rank": 36}, "too large: amplified noise is in"),
        ({"rank": 80}, "far too large"),
        ({"noise": 50}, "only amplified noise"),
        ({"rank": 80, "width": 15, "noise": 0.05}, "Near the best rank"),
    ],
)
def test_the_title_tells_what_the_rank_has_done(given, words):
    assert words in titles(**given)[1]


def test_when_noise_drowns_everything_the_title_says_so():
    loud = state(noise=50, width=100)
    assert loud.above_noise >= 1
    silent = SpectrumExplorer.draw(
        type(loud)(**{**loud.__dict__, "noise_level": 1e3})  # no coefficient reaches that
    )
    assert "No pattern stands out" in silent.panels[0].title


def test_the_panels_mark_where_you_are():
    shown = state(rank=33)
    picard, _, error = SpectrumExplorer.draw(shown).panels
    assert picard.rules[0].at == 33.5
    assert picard.rules[1].at == shown.noise_level
    kept = next(line for line in picard.lines if "/σ" in line.label)
    assert int(np.isfinite(kept.y).sum()) == 33
    marks = {line.label: line for line in error.lines}
    assert marks["you"].x[0] == 33
    assert marks["you"].y[0] == pytest.approx(shown.rmse, rel=1e-6)
    assert marks["best"].x[0] == shown.best
    assert marks["RMSE"].pick
    assert marks["RMSE"].picked == 32


def test_a_click_moves_the_rank():
    made = SpectrumExplorer(backend="picture")
    message = {"panel": "picard", "x": 28.0, "y": 0.1, "line": 1, "index": 27}
    made._on_pick(message)
    assert made.parameters["rank"] == 28
    assert made._inputs["rank"].value == 28
    made._on_pick({**message, "panel": "profile", "index": -1})
    assert made.parameters["rank"] == 28
    made.close()


def test_the_text_form_names_the_opening_numbers():
    made = SpectrumExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert f"RMSE {made.result.rmse:.3g}" in text
    assert "Rank 36 of 80" in text
    made.close()
