import numpy as np
import pytest

from em_inverse import fusion, metrics
from em_inverse.widgets.fusing import DOSE, ELEMENTS, FusionExplorer, N, State, recording
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return FusionExplorer.compute(**FusionExplorer.check(**given))


def made_up(blocks=(1.0, 1.0, 1.0), all_fused=0.1, all_alone=0.2, element="Fe"):
    """A state without computing: deviances and errors as asked."""
    at = recording(0.1)
    return State(
        at, 0.1, 1.7, element, np.zeros((3, N, N)),
        {**dict.fromkeys(ELEMENTS, 0.1), "all": all_fused},
        {**dict.fromkeys(ELEMENTS, 0.2), "all": all_alone},
        dict(zip(ELEMENTS, blocks, strict=True)), 1.5,
    )  # fmt: skip


def test_the_explorer_shows_what_the_package_computes():
    at, shown = recording(0.1), state()
    fused = fusion.fuse(at.haadf, at.counts, ELEMENTS, n_iter=24)
    np.testing.assert_allclose(shown.maps, fused.x / 10, atol=1e-5)
    assert shown.rmse["all"] == pytest.approx(metrics.rmse(fused.x / 10, at.truth), rel=1e-4)
    alone = fusion.denoise(at.counts, ELEMENTS).x / 10
    assert shown.rmse_alone["Fe"] == pytest.approx(metrics.rmse(alone[1], at.truth[1]))
    assert shown.blocks == pytest.approx(
        fusion.check(fused, try_gamma=False).block_deviance, rel=1e-4
    )


def test_it_opens_where_fusion_helps_and_the_model_passes():
    shown = state()
    assert (shown.dose, shown.gamma, shown.element) == (0.1, 1.7, "Fe")
    assert shown.passed
    assert shown.rmse["all"] < 0.8 * shown.rmse_alone["all"]


def test_a_wrong_gamma_is_noticed_at_a_high_dose_and_not_at_a_low_one():
    high, low = state(gamma=1.5, dose=1.0), state(gamma=1.5, dose=DOSE.values[1])
    assert not high.passed
    assert high.rmse["all"] > high.rmse_alone["all"]
    assert low.passed


def test_the_weights_do_what_their_tips_say():
    usual = state()
    spectra, image, smooth = state(lam_spectrum=100), state(lam_spectrum=0.1), state(lam_tv=30)
    assert max(spectra.blocks.values()) < 0.5 * max(usual.blocks.values())
    assert max(image.blocks.values()) > 5
    assert np.abs(np.diff(smooth.maps)).sum() < np.abs(np.diff(usual.maps)).sum()


@pytest.mark.parametrize("name", ["lam_tv", "lam_spectrum", "dose", "gamma"])
def test_every_extreme_can_be_shown(name):
    control = next(c for c in FusionExplorer.controls if c.name == name)
    for value in control.ends:
        shown = state(**{name: value})
        assert np.isfinite(shown.maps).all()
        view = FusionExplorer.draw(shown)
        assert [panel.name for panel in view.panels] == ["maps", "profile", "check"]
        assert "RMSE fused" in view.headline
        assert draw_panels(view.panels, width=600).size[0] == 600


def test_no_control_rescales_a_picture():
    first, second = (FusionExplorer.draw(state(lam_tv=k)).panels for k in (0.1, 10))
    assert first[0].window == second[0].window
    for before, after in zip(first[1:], second[1:], strict=True):
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)


@pytest.mark.parametrize(
    ("shown", "words", "title"),
    [
        (made_up(), "fusion is ahead", "passes"),
        (made_up(all_fused=0.3), "and yet TV alone is ahead", "passes"),
        (made_up((1.0, 30.0, 2.0)), "Fe misses in blocks", "fails"),
    ],
)
def test_the_words_follow_the_numbers(shown, words, title):
    view = FusionExplorer.draw(shown)
    assert words in view.note
    assert words in view.description
    assert title in view.panels[2].title


def test_four_maps_stand_in_one_window():
    shown = made_up(element="O")
    picture = FusionExplorer.draw(shown).panels[0].image
    assert picture.shape == (2 * N + 3, 2 * N + 3)
    np.testing.assert_allclose(picture[:N, -N:], shown.at.alone[2], atol=1e-6)
    np.testing.assert_allclose(picture[-N:, :N], shown.maps[2], atol=1e-6)
    np.testing.assert_allclose(picture[-N:, -N:], shown.at.truth[2], atol=1e-6)


def test_deviances_beyond_the_chart_stay_on_it():
    panel = FusionExplorer.draw(made_up((0.0, 1e5, 1.0))).panels[2]
    low, high = panel.limits("y")
    assert low < panel.lines[0].y.min()
    assert panel.lines[0].y.max() < high


def test_the_text_form_names_the_opening_numbers():
    made = FusionExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert f"RMSE fused {made.result.rmse['all']:.3g}" in text
    made.close()


def test_the_title_of_the_maps_compares_the_element_that_is_shown():
    for element in ("Fe", "O"):
        shown = state(element=element)
        ratio = shown.rmse[element] / shown.rmse_alone[element]
        title = FusionExplorer.draw(shown).panels[0].title
        assert title == f"{element}: {ratio:.2g} × the error of TV alone."
    assert state(lam_tv=30).rmse["Fe"] > 2 * state().rmse_alone["Fe"]
