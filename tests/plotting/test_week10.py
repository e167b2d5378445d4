"""The figures of week 10 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np

from em_inverse import phantoms
from em_inverse.plotting import week10 as figures


def test_every_figure_is_told_in_words(capsys):
    x, particle = phantoms.nanocube_modes(16), phantoms.core_shell_volume(16)
    energies = np.linspace(1.5, 4, 6)
    expected = x.sum(axis=0)[..., [0, 1, 2, 2, 1, 0]]
    counted = np.random.default_rng(0).poisson(expected)
    edge = np.linspace(2, 1, 6)
    freed = {"wiener": edge, "naive": 9 * edge, "tikhonov": edge + 0.1}
    told = {
        "cube": ((x, x.sum(axis=0)), "one slice through four corners"),
        "overlaps": (
            ([-10, 0, 10], {n: [0.3, 0.2, 0.4] for n in "abc"}, dict.fromkeys("abc", 0.1)),
            "b 0.20 to 0.40, in 3-D 0.10",
        ),
        "counts": ((energies, expected, counted), "the channel at 2.5 eV"),
        "after": ((x, {"WBP": x, "TV-SART": x}), "truth, and WBP, TV-SART"),
        "inside": ((x, {"spectra inside": x}), "truth, and spectra inside"),
        "thinned": (
            (np.array([1.0, 2.0, 4.0]), [3.0, 1.0, 2.0], [0.5, 0.4, 0.3]),
            "lowest point at 2. Right, the error against λ, lowest at 4: 0.30",
        ),
        "residuals": (
            (energies, {"right": np.ones(6), "wrong": -9 * np.ones(6)}),
            "wrong: up to 9.0",
        ),
        "thickness": (([0, 70], {"as recorded": [0.9, 0.6], "ratio": [1, 1]}), "0.90 to 0.60"),
        "ratio": ((energies, edge, freed), "Three deconvolved edges"),
        "elements": ((particle, {"TV apart": particle, "fused": particle}), "TV apart, fused"),
        "budget": (
            ((3, 9), {0: [0.5, 0.4], 0.2: [0.6, 0.7]}, (2, 8), {0: [0.7, 0.4], 0.2: [0.8, 0.5]}),
            "0.2 dark counts per reading: 0.60 at 3 tilts, at best 0.60, 0.70 at 9",
        ),
    }
    assert set(told) | {"explorer"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = " ".join(capsys.readouterr().out.split())
        assert said.startswith("Figure: ")
        assert words in said, name


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import BudgetExplorer

    widget = BudgetExplorer(backend="picture")
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
