"""The figures of week 6 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import phantoms, tomography
from em_inverse.forward import ParallelBeam
from em_inverse.plotting import week06 as figures
from em_inverse.tilt_series import Reconstruction, TiltSeries


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.nanocube_with_pores(32, n_pores=1, pore_radius=3.0)
    angles = np.linspace(-70, 70, 15)
    clean = ParallelBeam(x.shape, angles) @ x
    noisy = clean + np.random.default_rng(0).normal(0, 0.5, clean.shape)
    series = TiltSeries(noisy, angles, pixel_size_nm=1.0)
    return x, tomography.wbp(series), tomography.sirt(series, 20)


def volume(level, n=24):
    block = np.zeros((n, n, 4))
    block[8:16, 8:16] = level
    return Reconstruction(block, "SIRT", pixel_size_nm=13.0)


def test_every_figure_is_told_in_words(lesson, capsys):
    x, wbp, sirt = lesson
    sigma = np.geomspace(0.01, 1, 50)
    factors = {k: 1 - (1 - sigma**2) ** k for k in (1, 10, 100)}
    curves = {"CGLS": [0.5, 0.2, 0.4], "SIRT": [0.5, 0.3, 0.25]}
    errors = {
        title: {name: [0.3, 0.2] for name in ("WBP", "SIRT", "TV")}
        for title in ("equal dose per image", "equal total dose")
    }
    norm = sirt.history["data_distance"][-1]
    captions = {"many": "RMSE 0.2\n1 pore", "a": "RMSE 0.3", "b": "RMSE 0.4", "c": "RMSE 0.5"}
    found = tomography.power_spectrum(sirt, 0.5)
    told = {
        "streaks": ((x, wbp), "From 15 tilts streaks"),
        "semiconvergence": ((curves, curves), "CGLS falls to 0.20 at iteration 2 and is at 0.40"),
        "filter_factors": ((sigma, factors), "0.08 (k = 100)"),
        "fifteen": (
            (x, {"many": x, "more": x}, {"a": x, "b": x, "c": x}, captions),
            "many: RMSE 0.2, 1 pore; a: RMSE 0.3",
        ),
        "doses": (((5, 15), errors), "TV from 0.30 to 0.20 between 5 and 15 tilts."),
        "soft": ((x, x, x), "patches of even grey"),
        "candidates": (([sirt, sirt, sirt], norm / 2), "2.00, 2.00, 2.00"),
        "spectrum": ((found,), f"{100 * np.mean(found.filled):.0f} % of the area"),
        "needle": (({"WBP": volume(1.0), "TV": volume(0.8)}, 2), "One slice across the needle"),
    }
    assert set(told) | {"explorer"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said, name


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import FewTiltsExplorer

    widget = FewTiltsExplorer(tilts=5, backend="picture")
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
