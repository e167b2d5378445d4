"""The figures of week 3 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import forward, noise, phantoms, solvers
from em_inverse.plotting import week03 as figures

TWO = np.array([[0.75, 0.25], [0.25, 0.75]])
THREE = np.array([[0.75, 0.2, 0.05], [0.2, 0.6, 0.2], [0.05, 0.2, 0.75]])


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.edge_and_ramp(120)
    H = forward.GaussianBlur((120,), sigma=3)
    y = noise.gaussian(H @ x, level=0.06, seed=42)
    tv = solvers.tv_path(H, y, [0.32], n_iter=300)[0]
    l1 = solvers.l1_path(H, y, [1.26], n_iter=300)[0]
    return x, y, {"L2": 0.95 * y, "H1": y, "TV": tv, "L1": l1}


def test_every_figure_is_told_in_words(lesson, capsys):
    x, y, answers = lesson
    v = np.linspace(-1, 1, 5)
    problems = {"L2": (TWO, np.ones(2), 0.5), "L1": (TWO, np.ones(2), 0.5)}
    problems["TV"] = (THREE, np.arange(3.0), 0.5)
    nano = phantoms.core_shell(16)
    filled = np.count_nonzero(answers["L1"])
    told = {
        "samples": ((answers,), "nowhere exactly zero"),
        "prox_curves": ((v, {"L2": v, "L1": v}, {"H1": v, "TV": v}), "parallel to the diagonal"),
        "balls": ((problems,), "touched at a corner"),
        "four_priors": ((x, y, answers), f"L1 thins: {filled} of 120 pixels filled"),
        "bias": ((x, answers, 0.6), "at λ = 0.6"),
        "core_shell": ((dict.fromkeys("abcd", nano), 0.1), "flat areas"),
        "line_scan": ((x, y, (0.5 * x, x)), f"TV stands at {0.5 * x[72:96].mean():.3f}"),
    }
    assert set(told) | {"explorer", "rings"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said, name


def test_the_picture_of_the_week_counts_what_it_shows(lesson, capsys):
    x, y, answers = lesson
    figures.four_priors(x, y, {**answers, "L1": np.where(np.arange(120) % 6 == 0, 0.5, 0.0)})
    said = capsys.readouterr().out
    assert "L2 shrinks: 5 % of the total is lost" in said
    assert "20 of 120 pixels filled" in said
    figures.four_priors(x, y, {**answers, "TV": np.where(np.arange(120) < 60, 1.0, 0.0)})
    assert "2 terraces" in capsys.readouterr().out


def test_balls_are_touched_where_the_misfit_is_least():
    """Against a search over the whole surface, which knows neither λ nor a solver."""
    y2, y3 = np.array([0.85, 0.45]), THREE @ [0.2, 0.35, 1.0]
    problems = {"L2": (TWO, y2, 0.5), "L1": (TWO, y2, 0.7), "TV": (THREE, y3, 0.5)}
    touch = figures.balls(problems)
    angle = np.linspace(0, 2 * np.pi, 200_001)
    around = np.stack([np.cos(angle), np.sin(angle)])
    on_circle = np.sqrt(0.5) * around
    diamond = around / np.abs(around).sum(axis=0)
    for name, surface in (("L2", on_circle), ("L1", 0.7 * diamond)):
        misfit = np.sum((TWO @ surface - y2[:, None]) ** 2, axis=0)
        np.testing.assert_allclose(touch[name], surface[:, misfit.argmin()], atol=1e-4)
    steps = 0.5 * diamond
    objects = np.stack([0 * steps[0], steps[0], steps.sum(axis=0)])
    ones = THREE.sum(axis=1)
    objects = objects + ones @ (y3[:, None] - THREE @ objects) / (ones @ ones)
    misfit = np.sum((THREE @ objects - y3[:, None]) ** 2, axis=0)
    np.testing.assert_allclose(touch["TV"], objects[:, misfit.argmin()], atol=1e-4)


def test_rings_are_means_over_circles():
    n = 33
    radius = np.hypot(*(np.indices((n, n)) - 16.0))
    assert figures.rings(radius) == pytest.approx(np.arange(1, 17), abs=0.25)


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import PriorExplorer

    widget = PriorExplorer(backend="picture", specimen="grains")
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
