"""The figures of week 12 say in words what they show, with the numbers of their own data."""

import dataclasses
import inspect

import numpy as np

from em_inverse import atomic
from em_inverse.plotting import week12 as figures

SHAPE = (40, 40, 40)


def test_every_figure_is_told_in_words(capsys):
    needle = atomic.silicon_core_silica_shell(SHAPE)
    V = atomic.potential(needle, SHAPE)
    image = 1 + 0.02 * np.random.default_rng(0).standard_normal(SHAPE[1:])
    found = atomic.trace(V, elements=("O", "Si"))
    good = atomic.score(needle, needle)
    poor = atomic.score(needle.without([0, 1]), needle)
    light = np.array([True, True, False])
    told = {
        "focus": ((0.5 * V.sum(axis=0), [image] * 3, (0, 450, 1000)), "2.0 % at 450 Å"),
        "limits": (([24, 48], {"Si, 300 kV": [0.1, 0.2]}), "Si, 300 kV 10 to 20 %"),
        "counted": ((image, image, 69.4), "with 69 electrons in a pixel"),
        "volume": ((V[0], {"iteration 1": V[0], "iteration 6": V[1]}, 80.0), "then iteration 6"),
        "atoms": ((found, needle), f"Of {len(needle)} true atoms"),
        "measures": (
            (np.array([50.0, 60, 160]), np.array([70.0, 80, 150]), light),
            "oxygen 50 to 60 V, silicon 160 to 160 V",
        ),
        "priors": (({"LASSO": V[0], "total variation": V[0]}, 80.0), "LASSO, total variation"),
        "stopping": (
            ({"V ≥ 0 alone": {2: good, 4: poor}, "total variation": {2: good, 4: good}},),
            "V ≥ 0 alone: after 2 iterations about 100 % found, 0 % false, 0 pm",
        ),
        "wedges": (((0, 60), (5.0, 10.0), (5.0, 5.0)), "rises from 5 to 10 pm"),
    }
    assert set(told) | {"explorer", "rough", "table"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = " ".join(capsys.readouterr().out.split())
        assert said.startswith("Figure: ")
        assert words in said, name


def noisy(found, false, error, species):
    needle = atomic.silicon_core_silica_shell(SHAPE)
    return dataclasses.replace(
        atomic.score(needle, needle),
        found_percent=found, false_percent=false, error_pm=error, species_percent=species,
    )  # fmt: skip


def test_scores_of_noise_are_rounded_and_others_nearly_not():
    told = figures.rough(noisy(96.8, 206.0, 11.2, 53.5))
    assert told == "about 100 % found, 200 % false, 11 pm, 50 % of species right"
    told = figures.rough(noisy(85.3, 1.6, 29.3, 99.5))
    assert told == "about 85 % found, 0 % false, 30 pm, 100 % of species right"


def test_the_table_has_ours_and_the_papers(capsys):
    needle = atomic.silicon_core_silica_shell(SHAPE)
    figures.table(dict.fromkeys(figures.PAPER, atomic.score(needle, needle)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(figures.PAPER)
    row = next(line for line in lines if line.startswith("V ≥ 0 alone"))
    assert " ".join(row.split()).endswith("100 % 0 % 0.0 pm 100 % 98 % 2 % 18.6 pm 47 %")
    figures.table(dict.fromkeys(figures.PAPER, noisy(89.0, 98.0, 29.3, 64.0)))
    row = capsys.readouterr().out.splitlines()[1]
    assert "90 % 100 % 30.0 pm 60 %" in " ".join(row.split())


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import FocusExplorer

    widget = FocusExplorer(backend="picture")
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
