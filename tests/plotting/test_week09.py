"""The figures of week 9 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import fusion, phantoms
from em_inverse.choose import Choice
from em_inverse.forward import PowerLaw
from em_inverse.plotting import week09 as figures

ELEMENTS = ["Au", "Fe", "O"]


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.core_shell_elements(32)
    law = PowerLaw(ELEMENTS, normalise=True)
    rng = np.random.default_rng(0)
    haadf, counts = rng.poisson(500 * law(x)), rng.poisson(20 * x)
    return x, haadf, counts, fusion.check(fusion.fuse(haadf, counts, ELEMENTS), try_gamma=False)


def test_every_figure_is_told_in_words(lesson, capsys):
    x, haadf, counts, found = lesson
    at = np.array([0.1, 1.0])
    errors = {
        name: np.array([[0.1, 0.2, 0.3, 0.4], [0.05, 0.1, 0.15, 0.2]]) / k
        for k, name in enumerate(("raw", "alone", "fused"), 1)
    }
    grid = np.array([0.05, 0.1, 0.2])
    rules = {
        "thinning": Choice(0.1, "thinning", grid, np.array([3.0, 1.0, 2.0]), "deviance"),
        "vacuum": Choice(0.2, "vacuum", grid, np.array([3.0, 2.0, 1.0]), "counts"),
    }
    real = {"Sc": x[1], "Dy": x[0], "O": x[2]}
    level = {name: [[0.1, 0.2], [0.001, 0.002 * k]] for k, name in enumerate(real, 1)}
    told = {
        "detectors": ((haadf, counts, ELEMENTS), f"{haadf.max()} (HAADF image)"),
        "maps": ((x[1:], x[1:], x[1:]), "dark spot at the top"),
        "doses": ((at, errors, ELEMENTS), "fused from 0.133 to 0.067"),
        "choice": (
            (0.1, rules, [0.3, 0.1, 0.2]),
            "thinning at 1 times, vacuum at 2 times",
        ),
        "ratio": (([1, 10], {"totals free": [1.4, 1.8], "totals kept": [1.3, 1.2]}, 1.33),
                  "totals free: from 1.40 to 1.80"),
        "leftovers": (({"right": found, "wrong": found}, "Fe"),
                      f"right: in blocks {found.block_deviance['Fe']:.1f}"),
        "trap": ((haadf, x[0], {"fused": x[:2], "λ₂ × 4": x[:2]}), "(fused, λ₂ × 4)"),
        "fractions": ((haadf, real, level), "O from 1.0 to 6.0"),
        "columns": (({"Dy": x[0], "Sc": x[1]},) * 3, "Maps of Dy and Sc of a crystal"),
        "shapes": ((found,), f"O {found.block_deviance['O']:.1f}"),
    }  # fmt: skip
    assert set(told) | {"explorer"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = " ".join(capsys.readouterr().out.split())
        assert said.startswith("Figure: ")
        assert words in said, name


def test_figures_can_be_drawn_for_other_elements(lesson, capsys):
    x, haadf, _, _ = lesson
    figures.fractions(haadf, {"Ti": x[0]}, {"Ti": [[0.1, 0.2], [0.001, 0.002]]})
    assert "the map of Ti" in capsys.readouterr().out


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import FusionExplorer

    widget = FusionExplorer(backend="picture")
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
