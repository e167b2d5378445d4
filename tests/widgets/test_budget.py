import numpy as np
import pytest

from em_inverse import spectroscopic
from em_inverse.errors import ParameterError
from em_inverse.widgets import budget, working
from em_inverse.widgets.budget import (
    MODES,
    BudgetExplorer,
    N,
    State,
    cube_slice,
    fitted_after,
    fitted_inside,
    line_shapes,
    recording,
    relative_errors,
)
from em_inverse.widgets.raster import draw_panels


def state(**given):
    return BudgetExplorer.compute(**BudgetExplorer.check(**given))


def made_up(tilts=9, channels=6, dark=0.0, error=0.3, dose=3000.0):
    """A state without a reconstruction: errors as asked."""
    at = recording(tilts, channels, dose, dark)
    empty = np.zeros((N, N, 3))
    errors = dict.fromkeys((*MODES, "all"), error)
    return State(at, dose, empty, empty, errors, {name: 3 * e for name, e in errors.items()})


def test_the_slice_holds_all_modes_and_cannot_be_changed():
    x = cube_slice()
    assert x.max(axis=(0, 1, 2)) == pytest.approx([1, 1, 1], abs=0.01)
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1


def test_channels_share_out_what_the_lines_hold():
    coarse, fine = line_shapes(4), line_shapes(12)
    assert fine.min() > 0
    np.testing.assert_allclose(fine.reshape(4, 3, 3).sum(axis=1), coarse)


def test_the_dose_is_the_dose_however_it_is_split():
    for tilts, channels in ((3, 2), (15, 12), (61, 32)):
        at = recording(tilts, channels, 1e4, 0.1)
        assert at.series.stack.shape == (channels, tilts, N, 1)
        assert at.dose == pytest.approx(1e4, rel=0.06)
    assert recording(15, 12) is recording(15, 12)
    one, other = (recording(15, 12, seed=seed).series.stack for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "wrong", [{"tilts": 1}, {"channels": 0}, {"dose": 0}, {"dark": -1}, {"tilts": 2.5}]
)
def test_impossible_plans_are_named(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        recording(**wrong)


def test_both_ways_are_those_of_the_package():
    at = recording(9, 8, 3000.0, 0.2)
    net = spectroscopic.SpectralSeries(at.series.projections - at.dark, at.series.angles_deg)
    slow = spectroscopic.wbp(net).x[:, :, 0] @ np.linalg.pinv(at.shapes).T / at.scale
    np.testing.assert_allclose(fitted_after(at), slow, atol=2e-3 * np.abs(slow).max())
    lam = 4 * 9 / np.sqrt(at.dose)
    settings = {"components": at.shapes, "shared": False, "background": at.dark, "n_iter": 20}
    theirs = spectroscopic.tv(at.series, lam, **settings).x[:, :, 0] / at.scale
    np.testing.assert_allclose(fitted_inside(at, n_iter=20), theirs, atol=1e-4)


@pytest.mark.parametrize(("tilts", "channels"), [(5, 12), (45, 12), (15, 32)])
def test_the_rounds_suffice_wherever_the_counts_are(tilts, channels):
    at = recording(tilts, channels, 3000.0)
    error = [
        relative_errors(found, at.truth)["all"]
        for found in (fitted_inside(at), fitted_inside(at, n_iter=400))
    ]
    assert error[0] == pytest.approx(error[1], rel=0.025)


def test_few_rounds_suffice_where_counts_are_thin():
    at = recording(61, 32, 3000.0)  # 5 % of the readings hold a count
    near, end = (fitted_inside(at, n_iter=n) for n in (60, 600))
    assert np.linalg.norm(near - end) < 0.12 * np.linalg.norm(end)


def test_it_says_how_far_it_is_and_can_be_stopped():
    at, shares = recording(5, 4), []
    with working.reporting(shares.append):
        fitted_inside(at, 20)
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75])

    def enough(share):
        raise working.Stopped

    with working.reporting(enough), pytest.raises(working.Stopped):
        fitted_inside(at)


def test_a_plan_tried_before_is_shown_at_once():
    plan = BudgetExplorer.check(tilts=7, channels=5, dark=0.25)
    assert BudgetExplorer.takes_long(plan)
    made = BudgetExplorer.compute(**plan)
    assert not BudgetExplorer.takes_long(plan)
    assert BudgetExplorer.compute(**plan) is made
    for key in range(600):
        budget._STATES[(key,)] = made
    BudgetExplorer.compute(**BudgetExplorer.check(tilts=7, channels=4, dark=0.25))
    assert len(budget._STATES) == budget._MOST_STATES
    assert BudgetExplorer.takes_long(plan)
    budget._STATES.clear()


def test_errors_by_their_formula():
    truth, found = np.ones((4, 4, 1, 3)), np.ones((4, 4, 3))
    found[..., 1] = 0
    found[..., 2] = 1.5
    errors = relative_errors(found, truth)
    assert [errors[name] for name in MODES] == pytest.approx([0, 1, 0.5])
    assert errors["all"] == pytest.approx(np.sqrt(1.25 / 3))


def test_it_opens_where_the_fit_inside_works_and_the_other_does_not():
    shown = state()
    assert (shown.at.series.n_tilts, len(shown.at.shapes), shown.at.dark) == (15, 12, 0)
    assert shown.errors["all"] < 0.5 < 1 < shown.errors_after["all"]


def test_splitting_is_cheap_and_dark_counts_make_it_dear():
    free, dear = ({tilts: state(tilts=tilts, dark=dark) for tilts in (5, 45)} for dark in (0, 0.5))
    assert free[45].errors["all"] < 1.12 * free[5].errors["all"]
    assert dear[45].errors["all"] > 1.2 * dear[5].errors["all"]
    assert dear[45].dark_share > 0.5


def test_two_channels_cannot_hold_three_modes_at_any_dose():
    for dose in BudgetExplorer.controls[0].ends:
        assert state(channels=2, dose=dose).errors["corner"] > 0.8
    assert state(channels=3, dose=BudgetExplorer.controls[0].ends[1]).errors["corner"] < 0.4


@pytest.mark.parametrize("name", ["dose", "tilts", "channels", "dark"])
def test_every_extreme_can_be_shown(name):
    control = next(c for c in BudgetExplorer.controls if c.name == name)
    for value in control.ends:
        shown = state(**{name: value})
        assert np.isfinite(shown.inside).all()
        view = BudgetExplorer.draw(shown)
        assert [panel.name for panel in view.panels] == ["modes", "spectrum", "errors"]
        assert "error" in view.headline
        assert draw_panels(view.panels, width=600).size[0] == 600


def test_no_control_rescales_a_picture():
    first, second = (BudgetExplorer.draw(state(**k)).panels for k in ({}, {"dark": 0.5}))
    assert first[0].window == second[0].window
    for before, after in zip(first[1:], second[1:], strict=True):
        for axis in ("x", "y"):
            assert before.limits(axis) == after.limits(axis)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (made_up(), "enough to tell the modes apart"),
        (made_up(channels=2), "fewer channels than modes"),
        (made_up(tilts=3), "hardly any tilts"),
        (made_up(tilts=31, channels=16, dark=0.5), "most counts are dark"),
        (made_up(error=0.7), "few counts: expose longer"),
    ],
)
def test_the_words_follow_the_numbers(shown, words):
    view = BudgetExplorer.draw(shown)
    assert words in view.note
    assert words in view.description


def test_the_rows_are_truth_after_and_inside():
    shown = state()
    picture = BudgetExplorer.draw(shown).panels[0].image
    assert picture.shape == (3 * N + 4, 3 * N + 4)
    np.testing.assert_allclose(picture[:N, :N], shown.at.truth[:, :, 0, 0], atol=1e-6)
    clipped = np.clip(shown.after[..., 1], 0, 1)
    np.testing.assert_allclose(picture[N + 2 : 2 * N + 2, N + 2 : 2 * N + 2], clipped, atol=1e-6)
    np.testing.assert_allclose(picture[-N:, -N:], np.clip(shown.inside[..., 2], 0, 1), atol=1e-6)


def test_the_spectrum_is_the_sum_of_the_lines_on_average():
    panel = BudgetExplorer.draw(state(dose=BudgetExplorer.controls[0].ends[1])).panels[1]
    *modes, counts = panel.lines
    total = sum(np.interp(counts.x, line.x, line.y) for line in modes)
    np.testing.assert_allclose(counts.y, total, atol=0.12)


def test_errors_beyond_the_chart_stay_on_it():
    panel = BudgetExplorer.draw(made_up(error=1e4)).panels[2]
    low, high = panel.limits("y")
    for line in panel.lines:
        assert low < line.y.min() <= line.y.max() < high


def test_the_text_form_names_the_opening_numbers():
    made = BudgetExplorer(backend="picture")
    text = made._repr_mimebundle_()["text/plain"]
    assert f"error {made.result.errors['all']:.3g}" in text
    made.close()
