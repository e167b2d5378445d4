"""The figures of week 11 say in words what they show, with the numbers of their own data."""

import inspect

import numpy as np
import pytest

from em_inverse import choose, deblurring, forward, noise, phantoms, solvers
from em_inverse.plotting import week11 as figures


@pytest.fixture(scope="module")
def lesson():
    x = phantoms.three_peaks(64)
    H = forward.GaussianBlur((64,), sigma=3)
    clean = H @ x
    return H, x, clean, noise.gaussian(clean, level=0.10, seed=42)


def test_every_figure_is_told_in_words(lesson, capsys):
    H, x, clean, y = lesson
    lambdas = np.logspace(-5, 2, 30)
    result = choose.sweep(H, y, lambdas, x)
    curve = choose.l_curve(H, y, lambdas)
    s, coefficients, _ = solvers.picard(H, y)
    some = deblurring.tikhonov(H, y, 0.003)
    naive = deblurring.naive(H, y)
    told = {
        "measurement": ((x, y, clean), f"{clean.max():.2f} high"),
        "naive_inverse": ((x, naive), f"between −{-naive.min():.0f} and {naive.max():.0f}"),
        "singular_values": ((s, coefficients, 0.045), "over 5.3 decades"),
        "three_lambdas": (
            (x, {"λ = 1": some, "λ = 2": 3 * some, "λ = 3": 0 * some}),
            "With λ = 2 the reconstruction oscillates",
        ),
        "sweep": ((result,), f"lowest {result.rmse.min():.3f} at λ = {result.lam:.4f}"),
        "corner": ((curve,), f"corner at λ = {curve.lam:.4f}"),
        "rules": ((result, {"L-curve": curve.lam}), f"L-curve at λ = {curve.lam:.4f}"),
        "patterns": ((H,), "2 has 1 zero and 99 % of it passes; pattern 10 has 9 zeros and 42 %"),
        "steps": ((x, result, result), "Two steps"),
        "ramp": ((x, result, result), "breaks its 64 pixels into 64 flat pieces"),
        "priors": (({"truth": x, "tikhonov": some, "tv": some, "l1": some},), "light column"),
        "limits": ((x, some), "Amount of each pattern"),
    }
    assert set(told) | {"explorer"} == set(figures.__all__)
    for name, (arguments, words) in told.items():
        getattr(figures, name)(*arguments)
        said = capsys.readouterr().out
        assert said.startswith("Figure: ")
        assert words in said, name


def test_the_explorer_shows_its_snapshot(capsys):
    from em_inverse.widgets import DeblurringExplorer

    widget = DeblurringExplorer()
    figures.explorer(widget)
    widget.close()
    assert "explorer as it opens" in capsys.readouterr().out


def test_all_of_them_are_documented():
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
