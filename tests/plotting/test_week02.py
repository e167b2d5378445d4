"""The figures of week 2 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import forward, noise, phantoms, solvers
from em_inverse.plotting import week02 as figures


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.dumbbells()
    H = forward.GaussianBlur((80,), 2)
    clean = H @ x
    return H, x, clean, noise.gaussian(clean, 0.05, seed=1)


@pytest.fixture
def drawn(monkeypatch):
    """The last figure that was shown, with its words."""
    kept = {}

    def keep(figure, alt):
        kept.update(figure=figure, alt=" ".join(alt.split()))

    monkeypatch.setattr(figures, "show", keep)
    return kept


def test_the_measurement_counts_the_peaks_itself(lesson, drawn):
    _, x, clean, y = lesson
    wide = forward.GaussianBlur((80,), 3) @ x
    figures.measurement(x, {"50 pm": (clean, y), "75 pm": (wide, wide)})
    assert "through a probe of 50 pm the blurred profile has 6 peaks" in drawn["alt"].lower()
    assert "75 pm only 3" in drawn["alt"]
    assert len(drawn["figure"].axes) == 2


def test_patterns_are_told_with_their_periods(lesson, drawn):
    figures.patterns(lesson[0])
    s = lesson[0].svd()[1]
    assert f"pattern 28 repeats every 148 pm and {100 * s[27]:.2g} % of it passes" in drawn["alt"]
    assert drawn["figure"].axes[0].get_title(loc="left").startswith("pattern 8: 86 %")


def test_the_fan_draws_all_recipes_and_counts_the_decades(drawn):
    widths = np.array([25.0, 75.0])
    recipes = [(c, b) for c in ("2 σ", "not cut") for b in ("reflect", "constant", "wrap")]
    kappas = {r: [10.0, 1e3 if r[0] == "2 σ" else 1e15] for r in recipes}
    figures.kappa_fan(widths, kappas, {r: [0.0, 0.3] for r in recipes})
    left, right = drawn["figure"].axes
    assert len(left.lines) == len(recipes)
    assert len(right.lines) == len(recipes) + 1 + 4 + 3  # the noise, and the legend's samples
    assert "more than 12 powers of ten" in drawn["alt"]
    assert "below 0.30 of the noise" in drawn["alt"]


def test_rounding_is_not_drawn_as_a_condition_number(drawn):
    recipe = ("not cut", "wrap")
    figures.kappa_fan(np.array([25.0, 75.0]), {recipe: [10.0, 3e19]}, {recipe: [0.0, 0.0]})
    assert drawn["figure"].axes[0].lines[0].get_ydata()[-1] == 1e16


def test_error_against_noise_tells_both_ends(drawn):
    levels = np.array([0.01, 0.1])
    figures.rmse_against_noise(levels, levels * 1e4, levels * 1e4, levels * 6e4, levels, 0.5)
    assert "from 100 to 1000" in drawn["alt"]
    assert "stays between 0.01 and 0.10, below the 0.50" in drawn["alt"]


def test_the_last_patterns_have_a_scale_each(drawn):
    Vt = forward.GaussianBlur((8, 8), 1).svd()[2]
    figures.last_patterns(Vt, np.ones(64), [2e7 * Vt[-1], 4e7 * Vt[-2]])
    panels = drawn["figure"].axes
    titles = [ax.get_title(loc="left") for ax in panels]
    assert titles[:4] == ["pattern 8", "pattern 63", "pattern 64", "noise, nothing else"]
    assert titles[5] == "of other noise"
    np.testing.assert_array_equal(panels[2].images[0].get_array(), Vt[-1].reshape(8, 8))
    assert panels[3].get_xlabel() == "±1"
    assert panels[4].get_xlabel().startswith("±")


def test_the_picard_plot_tells_its_decades(lesson, drawn):
    H, _, _, y = lesson
    s, coefficients, ratio = solvers.picard(H, y)
    figures.singular_values(s, coefficients, 0.0227)
    assert "5.9 decades" in drawn["alt"]
    marks = [text.get_text() for text in drawn["figure"].axes[0].texts]
    assert marks == ["606", "303", "202", "151", "121 pm"]
    assert f"climb to {ratio.max():.0f}" in drawn["alt"]


def test_the_error_curve_marks_its_lowest_point(drawn):
    errors = np.array([0.5, 0.2, 0.9, 3.0])
    figures.error_against_rank(errors, np.array([0.4, 0.1, 0.05, 0.0]), errors / 2)
    assert "lowest, 0.200, at rank 2" in drawn["alt"]
    labels = drawn["figure"].axes[0].get_legend_handles_labels()[1]
    assert "lowest: 0.200\nat rank 2" in labels


def test_filters_name_where_they_end(lesson, drawn):
    H, x, _, _ = lesson
    s = H.svd()[1]
    factors = {"naive/cut": (np.arange(80) < 28) * 1.0, "tikhonov/slope": s**2 / (s**2 + 0.005)}
    figures.filters(x, factors, dict.fromkeys(factors, x))
    assert "1 up to pattern 28 and 0" in drawn["alt"]
    half = int(np.argmax(s**2 < 0.005)) + 1
    assert f"one half at pattern {half}." in drawn["alt"]
    upper = drawn["figure"].axes[1].lines[-1].get_ydata()
    np.testing.assert_allclose(upper - x, 1.5)


def test_the_ghost_is_shown_beside_both_slices(drawn):
    first, unseen = np.ones((6, 6)), np.eye(6)
    figures.ghost({"one": unseen, "two": -unseen, "three": unseen}, first, unseen, 15)
    panels = drawn["figure"].axes
    assert "15 projections" in drawn["figure"].get_suptitle().replace("\n", " ")
    np.testing.assert_array_equal(panels[5].images[0].get_array(), first + unseen)
    assert panels[3].images[0].get_clim() == panels[5].images[0].get_clim() == (1, 2)
    assert panels[4].images[0].get_clim() == (-1, 1)


def test_every_figure_is_printed_as_a_sentence_in_a_script(lesson, capsys):
    figures.patterns(lesson[0])
    assert capsys.readouterr().out.startswith("Figure: 3 of the 80 patterns")


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import SpectrumExplorer

    widget = SpectrumExplorer()
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name)) or name == "PIXEL_PM"
