"""The figures of week 1 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import forward, phantoms
from em_inverse.plotting import week01 as figures

RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(0, 8, (16, 16))
COUNTS = RNG.poisson(PICTURE)
CURVE = np.array([0.2, 2.0, 20.0])
POSITION = np.arange(-300.0, 301.0, 10)


def two_columns(gap):
    hills = [np.exp(-0.5 * ((POSITION + s * gap / 2) / 60) ** 2) for s in (-1, 1)]
    return hills[0] + hills[1]


def test_every_figure_is_told_in_words(capsys):
    A, B = phantoms.same_projection_pair(32)
    at_0, at_90 = np.stack([A.sum(0), B.sum(0)]), np.stack([A.sum(1), B.sum(1)])
    dose = np.array([1e3, 1e5, 1e7])
    tilts = np.array([-60.0, 0.0, 60.0])
    told = {
        "chain": ((PICTURE, PICTURE, COUNTS), f"0 to {COUNTS.max()} electrons per pixel"),
        "doses": (({1e4: COUNTS, 1e6: 100 * COUNTS},), "At 10⁴ e/nm² there are only scattered"),
        "snr": ((dose, CURVE, CURVE / 2, np.stack([CURVE, CURVE])), "from 0.20 to 20"),
        "columns": (
            (POSITION, {100.0: two_columns(100), 200.0: two_columns(200)}),
            "100 pm apart, one peak; 200 pm apart, two peaks",
        ),
        "sinogram": ((A, tilts, np.ones((3, 32))), "tilt from −60° to 60° downwards"),
        "back_projections": ((A, {"one tilt": A + 1, "many tilts": A + 2}), "Hᵀ of many tilts"),
        "pair": (
            ((A, B), (0, 90), (at_0, at_90), (at_0[0], at_90[0])),
            (
                f"90° A shows two humps and B one, and they differ by up to "
                f"{np.abs(at_90[0] - at_90[1]).max():.1f} electrons"
            ),
        ),
    }
    assert set(told) | {"explorer", "snr_figure", "separation_figure"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said, name


def test_figures_made_for_the_checks():
    dose = np.array([1e3, 1e5])
    assert len(figures.snr_figure(dose, CURVE[:2], CURVE[:2]).axes[0].lines) == 3
    apart = figures.separation_figure(np.arange(4.0), np.arange(4.0))
    assert apart.axes[0].get_ylim()[0] == 0


def test_the_dashed_line_follows_the_point_that_was_marked(monkeypatch):
    kept = {}
    monkeypatch.setattr(figures, "show", lambda figure, alt: kept.update(figure=figure, alt=alt))
    tilts = np.arange(-60.0, 61.0, 10)
    x = phantoms.disc(65, 2, (40, 20))
    data = forward.ParallelBeam(x.shape, tilts) @ x
    figures.sinogram(x, tilts, data, point=(40, 20))
    left, right = kept["figure"].axes[:2]
    assert left.lines[0].get_xydata().tolist() == [[20, 40]]
    seen = (data * np.arange(65)).sum(axis=1) / data.sum(axis=1)
    np.testing.assert_allclose(right.lines[0].get_xdata(), seen, atol=0.1)
    assert "follows one of them" in kept["alt"]


def test_three_peaks_are_counted(capsys):
    comb = np.cos(POSITION / 30) + 1.5
    figures.columns(POSITION, {1.0: comb, 2.0: comb})
    assert "peaks" in capsys.readouterr().out


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import ForwardExplorer

    widget = ForwardExplorer()
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


@pytest.mark.parametrize("name", figures.__all__)
def test_all_of_them_are_documented(name):
    assert inspect.getdoc(getattr(figures, name))
