import numpy as np
import pytest

from em_inverse import choose, deblurring, metrics
from em_inverse.forward import GaussianBlur
from em_inverse.widgets import priors, working
from em_inverse.widgets.priors import (
    LAMBDAS,
    NOISE,
    OBJECTS,
    PRIORS,
    SCALE,
    PriorExplorer,
    restored,
)
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return PriorExplorer.compute(**PriorExplorer.check(**given))


def test_it_opens_at_the_best_of_each():
    opening = state()
    assert opening.scale == 1.0
    for name in PRIORS:
        assert opening.rmse[name] == opening.found.rmse[name][20:-20].min()
        shown = metrics.rmse(opening.shown[name], opening.found.truth)
        assert shown == pytest.approx(opening.rmse[name])
    assert min(opening.rmse, key=opening.rmse.get) == "TV"


def test_it_shows_what_the_package_computes():
    shown = state(specimen="adatoms")
    H, y = GaussianBlur((120,), 3.0), shown.found.data
    lam = shown.lam
    np.testing.assert_allclose(shown.shown["L2"], deblurring.tikhonov(H, y, lam["L2"]))
    h1 = deblurring.tikhonov(H, y, lam["H1"], penalty="gradient")
    np.testing.assert_allclose(shown.shown["H1"], h1)
    l1 = deblurring.sparse(H, y, lam["L1"], tol=1e-7)
    np.testing.assert_allclose(shown.shown["L1"], l1, atol=2e-3)


def test_one_slider_scales_all_four():
    one, ten = state(specimen="grains"), state(specimen="grains", scale=10.0)
    for name in PRIORS:
        assert ten.lam[name] == pytest.approx(10 * one.lam[name])
        k = int(np.abs(np.log(LAMBDAS / ten.lam[name])).argmin())
        assert ten.shown[name] is not one.shown[name]
        np.testing.assert_array_equal(ten.shown[name], one.found.solutions[name][k])


def test_each_prior_wins_at_home():
    homes = {"grains": "TV", "dopant": "H1", "adatoms": "L1", "columns": "H1", "wedge": "TV"}
    for specimen, prior in homes.items():
        shown = state(specimen=specimen)
        assert min(shown.rmse, key=shown.rmse.get) == prior
        assert f"{prior} leads" in PriorExplorer.draw(shown).note


def test_every_extreme_can_be_shown():
    settings = [(s, "6") for s in OBJECTS] + [("wedge", n) for n in NOISE]
    for specimen, level in settings:
        for scale in SCALE.ends:
            shown = state(specimen=specimen, noise=level, scale=scale)
            view = PriorExplorer.draw(shown)
            assert [panel.name for panel in view.panels] == list(PRIORS)
            assert all(np.isfinite(x).all() for x in shown.shown.values())
            assert "RMSE" in view.headline
            assert sum("the best" in panel.title for panel in view.panels) == 1
    assert draw_panels(view.panels, width=600, columns=2).size[0] == 600


def test_a_narrow_lead_is_called_one():
    assert PriorExplorer.draw(state(scale=0.01)).note.split(" · ")[0].endswith("but only just")
    assert "× better than the next" in PriorExplorer.draw(state()).note


def test_lambda_never_rescales_the_picture():
    for before, after in zip(
        *(PriorExplorer.draw(state(scale=s)).panels for s in SCALE.ends), strict=True
    ):
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)


def test_spikes_that_leave_the_frame_are_told():
    panel = PriorExplorer.draw(state()).panels[3]
    highest = state().shown["L1"].max()
    assert highest > panel.limits("y")[1]
    assert f", up to {highest:.1f}" in panel.title


def test_new_settings_are_worked_out_in_the_background_and_say_how_far(monkeypatch):
    monkeypatch.setattr(priors, "restored", restored.__wrapped__)
    parameters = {"specimen": "dopant", "noise": "2", "scale": 1.0}
    assert PriorExplorer.takes_long(parameters)
    shares = []
    with working.reporting(shares.append):
        PriorExplorer.compute(**parameters)
    assert shares[0] == 0
    assert shares[-1] > 0.9
    assert shares == sorted(shares)
    assert len(shares) > 10
    assert not PriorExplorer.takes_long(parameters)


def test_a_click_or_a_reset_leads_back():
    made = PriorExplorer(backend="picture", specimen="grains")
    made.set(scale=0.1)
    assert made.parameters["scale"] == pytest.approx(0.1)
    made._on_reset(None)
    assert made.parameters["scale"] == 1.0
    text = made._repr_mimebundle_()["text/plain"]
    assert f"TV {made.result.rmse['TV']:.3f}" in text
    made.close()


def test_the_best_lambda_agrees_with_a_sweep():
    found = restored("wedge", "6")
    sweep = choose.sweep(
        GaussianBlur((120,), 3.0), found.data, np.geomspace(1e-4, 1e2, 61), found.truth
    )
    assert LAMBDAS[found.best["L2"]] == pytest.approx(sweep.lam)
    assert found.rmse["L2"].min() == pytest.approx(sweep.rmse.min())
