"""The figures of week 7 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import phantoms
from em_inverse.dynamic import DynamicReconstruction
from em_inverse.forward import ParallelBeam
from em_inverse.plotting import week07 as figures


@pytest.fixture(scope="module")
def run():
    x = phantoms.nanocube_with_pores(32, n_pores=1, pore_radius=3.0)
    angles = np.linspace(-75, 75, 15)
    data = ParallelBeam(x.shape, angles) @ x
    data += np.random.default_rng(0).normal(0, 0.5, data.shape)
    made = DynamicReconstruction(x.shape, 1.0, units="noise", noise=0.5)
    made.add(angles, data)
    made.run(20)
    return made


def test_every_figure_is_told_in_words(run, capsys):
    x, history, norm = run.x, run.history, run.noise_norm
    made = {"sequential": dict.fromkeys((15, 45, 75), x), "golden": dict.fromkeys((15, 45, 75), x)}
    captions = {name: {n: f"{n} things" for n in slices} for name, slices in made.items()}
    routes = {"tightened": history, "loosened": history}
    errors = {name: np.linspace(0.5, 0.1, 20) for name in routes}
    curves = {"cold": [1.0, 0.5], "object kept": [0.02, 0.1], "all kept": [0.02, 0.01]}
    fed = {name: (k, np.geomspace(0.5, 0.04, 9)) for k, name in enumerate("abcd")}
    told = {
        "band": (({0.8: 0.2, 1.0: 0.1, 1.5: 0.3}, 0.7, [0.9, 1.1]), "lowest at 1, rising to 0.20"),
        "tolerances": (({0.8: x, 1.0: x, 1.5: x},), "At ε = 0.8 noise norms"),
        "routes": ((routes, errors, norm), "tightened: 0.100; loosened: 0.100"),
        "forces": ((x, -x), "their sum"),
        "starts": ((curves,), "object kept: 2.0% at first, at most 10.0%"),
        "arrivals": ((fed,), "a 0.50; b 0.50"),
        "orders": ((made, captions), "golden, 45 tilts: 45 things"),
        "logs": (([history] * 4, norm, 0.8), "the floor is at 0.80"),
        "foretold": (
            ({"sequential": [3.0, *[1.5] * 60], "golden": [9.0, *[1.1] * 60]},),
            "golden: the second 9.0, median of the 31st to 45th 1.10",
        ),
    }
    assert set(told) | {"explorer"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said.replace("Their sum", "their sum"), name


def test_the_figures_change_nothing(run):
    before = run.x.copy()
    figures.tolerances({0.8: run.x, 1.0: run.x, 1.5: run.x})
    figures.forces(run.x, run.x)
    np.testing.assert_array_equal(run.x, before)


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import LiveEpsilonExplorer

    widget = LiveEpsilonExplorer(tilts=5, order="golden", backend="picture")
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
