"""The figures of week 13 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np

from em_inverse.interpolation import Consistency
from em_inverse.plotting import week13 as figures


def check(ratios):
    n = len(ratios)
    return Consistency(
        np.arange(n) * 8.0, np.array(ratios), np.zeros((n, 2), int), np.zeros((n, 4, 4)), 1.0, 1.25
    )


def test_every_figure_is_told_in_words(capsys):
    rng = np.random.default_rng(0)
    frame, row = rng.random((64, 64)), rng.random((181, 64))
    solid = rng.random((8, 8, 4))
    rows = [
        {"gap": gap, "method": name, "psnr_db": psnr, "ssim": 0.9}
        for gap, name, psnr in (
            (1, "linear", 30.0), (1, "geometric", 29.0),
            (12, "linear", 9.0), (12, "geometric", 20.0),
        )
    ]  # fmt: skip
    angles = np.arange(-90.0, 91)
    told = {
        "sinograms": ((angles, row, np.arange(0, 181, 8), 0.036), "Right, 23 tilts"),
        "speeds": ((np.array([-0.36, 0.72]), 0.036), "the 2 atoms behind the brightest pixel"),
        "bow_tie": ((row, 0.036, 0.9), "R = 0.90 nm"),
        "frames": ((frame, {"linear": frame + 0.1}, 0.036, "Two frames"), "straight lines 0.100"),
        "sweep": ((rows,), "At the gap 1° the best is straight lines, at 12° geometric"),
        "volumes": (({"all tilts": solid, "sparse": solid}, "Two"), "from all tilts, sparse"),
        "objects": (({"sparse": {3: 0.1, 6: 0.25}},), "sparse 0.10 at 3°, 0.25 at 6°"),
        "invented": ((frame, frame + 0.25, (10, 20), "New"), "x = 10, y = 20 px"),
        "warnings": (({"gold": check([0.5, 2.0])},), "gold: up to 2.0, 1 of 2 above"),
    }
    assert set(told) | {"explorer", "paper"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = " ".join(capsys.readouterr().out.split())
        assert said.startswith("Figure: ")
        assert words in said, name


def test_the_table_has_ours_and_the_papers(capsys):
    figures.paper({"straight lines": (30.0, 0.8), "network": (34.0, 0.9)})
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == "straight lines 30.0 dB 0.80 30.48 dB 0.90"
    assert lines[3].startswith("gain +4.0 dB +0.10 +1.15 dB +0.03")


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import GapExplorer

    widget = GapExplorer(backend="picture")
    widget.wait(60)
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
