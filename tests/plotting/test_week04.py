"""The figures of week 4 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import choose, noise, problems
from em_inverse.plotting import week04 as figures


@pytest.fixture(scope="module")
def lesson():
    row = problems.column_row()
    lambdas = np.geomspace(1e-5, 10, 31)
    y = noise.gaussian(row.y, 0.1, seed=0)
    norm = noise.gaussian_sigma(row.y, 0.1) * np.sqrt(80)
    data = np.array([noise.gaussian(row.y, 0.1, seed=seed) for seed in range(4)])
    compared = choose.compare(row.H, row.x_true, data, norm)
    return row, lambdas, y, choose.sweep(row.H, y, lambdas, row.x_true), compared


@pytest.fixture(scope="module")
def days(lesson):
    row, *_, compared = lesson
    made, tables = {}, {}
    for width, name in ((0, "white noise"), (2, "smoothed, 2 px"), (3, "smoothed, 3 px")):
        data = noise.smoothed(row.y, 0.1, width, seed=1)
        wide = np.geomspace(1e-9, 10, 41)
        swept = choose.sweep(row.H, data, wide, row.x_true)
        made[name] = choose.l_curve(row.H, data, wide), swept, 0.1
        tables[name] = compared
    return made, tables


def test_every_figure_is_told_in_words(lesson, days, capsys):
    row, lambdas, y, swept, compared = lesson
    curve = choose.l_curve(row.H, y, lambdas)
    part = np.geomspace(1, 0.01, 31)
    three = dict.fromkeys(("a", "b", "c"), row.x_true)
    left = {"a": np.full(80, 0.5), "b": np.ones(80), "c": 2 * row.y}
    image = problems.tilt_slice(12).x_true
    contest = {("row", 0.1): compared, ("row", 0.01): compared}
    told = {
        "bias_and_noise": ((lambdas, part[::-1], part, part), "noise part falls from 1, the bias"),
        "corner": ((curve,), f"corner at λ = {curve.lam:.3f}"),
        "wrong_noise": ((compared.ratios,), "of 4 measurements"),
        "scores": ((lambdas, {"p": part, "q": part[::-1]}, swept.rmse), "p at λ = 10, q at λ = 1e"),
        "counts": ((image, image, image), f"at most {image.max():.0f} counts"),
        "contest": ((contest,), "1 problems by 2 noise levels"),
        "failing_day": (days, "smoothed, 3 px: no corner"),
        "good_reconstruction": ((row.x_true, three, left), "a: 0.50, b: 1.00"),
    }
    texts = {"RULES", "contest_table", "failing_table", "explorer"}
    assert set(told) | texts == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said, name
        assert inspect.getdoc(getattr(figures, name))


def test_the_tables_hold_medians_and_worst_cases(lesson, days):
    compared = lesson[-1]
    table = figures.contest_table({("row", 0.1): compared})
    head, line = table.splitlines()
    assert head.split()[1:] == [
        "L-curve",
        "discr.",
        "-20",
        "%",
        "+20",
        "%",
        "GCV",
        "5-fold",
        "quasi",
    ]
    ratios = compared.ratios["L-curve"]
    assert f"{np.median(ratios):.1f}/{ratios.max():.1f}" in line
    text = figures.failing_table(*days)
    assert "smoothed, 3 px: best" in text
    assert "no corner, discrepancy 1e-01" in text
    assert text.count("not a clear corner") == 1


@pytest.mark.parametrize(
    ("ratios", "cell"),
    [
        ([1.0, 2.0, 3.0], "2.0/3.0"),
        ([1.0, 20.0, 300.0], "20/≥100"),
        ([1.0, np.nan, 3.0], "2.0/3.0*"),
        ([np.nan, np.nan], "none"),
    ],
)
def test_cells_of_the_table(lesson, ratios, cell):
    found = {rule: np.array(ratios) for rule in figures.RULES}
    made = choose.Comparison(np.ones(1), np.ones((1, 1)), np.ones(1), {}, found)
    table = figures.contest_table({("row", 0.1): made})
    assert table.splitlines()[1].split()[-1] == cell
    assert ("* found no λ" in table) == cell.endswith("*")
    figures.contest({("row", 0.1): made})


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import LCurveExplorer

    widget = LCurveExplorer()
    figures.explorer(widget)
    widget.close()
    assert "row of columns" in capsys.readouterr().out
