"""The measurement of week 2, and the pictures that correct answers give on it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from em_inverse.checks import week02_reference as reference
from em_inverse.checks.task import Picture
from em_inverse.metrics import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "NOISE",
    "SEED",
    "Lesson",
    "condition",
    "expected_rmse",
    "filter_factors",
    "lesson",
    "rank",
    "truncated_svd",
]

#: Noise of the lesson as a share of the brightest value, and the seed that draws it.
NOISE, SEED = 0.05, 1
_PIXEL_PM = 25
_WIDTHS = np.arange(0.5, 2.51, 0.25)
_POSITION = "position (pm)"


class Lesson(NamedTuple):
    """The problem of the lesson.

    Attributes
    ----------
    H : ndarray, shape (80, 80)
        The probe of 50 pm, as a matrix.
    y : ndarray, shape (80,)
        The measurement.
    noise_level : float
        Standard deviation of its noise.
    """

    H: np.ndarray
    y: np.ndarray
    noise_level: float


def lesson() -> Lesson:
    """Return H, y and the noise level of the lesson: InAs dumbbells, a 50 pm probe, 5 % noise."""
    return _lesson()[0]


def condition() -> Picture:
    """Show the singular values that κ is made of."""
    from em_inverse import forward

    spectra = {}
    for sigma in (2, 3):
        H = forward.GaussianBlur((80,), sigma).to_matrix()
        spectra[f"{_PIXEL_PM * sigma} pm"] = np.linalg.svd(H, compute_uv=False)
    numbers = [(f"κ of the {name} probe", s[0] / s[-1]) for name, s in spectra.items()]
    return Picture(
        _spectra(spectra),
        "Singular values of two probes on a logarithmic axis: both start at 1 and fall over "
        "several powers of ten; those of the wider probe fall earlier and, in the end, further.",
        numbers,
    )


def expected_rmse() -> Picture:
    """Show the expected error of the naive inverse against the width of the probe."""
    from em_inverse import forward

    problem = lesson()
    errors = [
        reference.expected_rmse(forward.GaussianBlur((80,), w).to_matrix(), problem.noise_level)
        for w in _WIDTHS
    ]
    at = float(errors[list(_WIDTHS).index(2.0)])
    return Picture(
        _against_width(np.array(errors)),
        "Expected error of the naive inverse against the width of the probe, on a logarithmic "
        "axis: below 0.1 for the sharpest probes, thousands for the 50 pm probe of the lesson.",
        [("expected RMSE of the 50 pm probe", at), ("noise level", problem.noise_level)],
    )


def truncated_svd() -> Picture:
    """Show the lesson's profile rebuilt from 28 patterns."""
    from em_inverse import plotting

    problem, x_true = _lesson()
    x = reference.truncated_svd(problem.H, problem.y, 28)
    return Picture(
        plotting.profiles(
            _PIXEL_PM * np.arange(x.size),
            {"truth": x_true, "measurement": problem.y, "naive/first 28 patterns": x},
            title="Twenty-eight patterns draw all six columns",
            xlabel=_POSITION,
        ),
        "Three dumbbells, the blurred and noisy measurement, and the truncated SVD with 28 "
        "patterns: six peaks at their places, the light ones too, with ripples between them.",
        [("RMSE", rmse(x, x_true)), ("highest value", x.max())],
    )


def filter_factors() -> Picture:
    """Show the filter factors at the λ of the lesson."""
    problem, _ = _lesson()
    s = np.linalg.svd(problem.H, compute_uv=False)
    f = reference.filter_factors(s, 0.005)
    return Picture(
        _factors(f),
        "Filter factors against the number of the pattern: 1 for the first patterns, then a slope "
        "that passes one half and ends near 0.",
        [("sum of the factors", f.sum()), ("pattern nearest to one half", _nearest_half(f))],
    )


def rank() -> Picture:
    """Show the profile at a good rank without naming the rank."""
    from em_inverse import plotting

    problem, x_true = _lesson()
    x = reference.truncated_svd(problem.H, problem.y, 29)
    residual = float(np.linalg.norm(problem.H @ x - problem.y))
    return Picture(
        plotting.profiles(
            _PIXEL_PM * np.arange(x.size),
            {"truth": x_true, "naive/a good rank": x},
            title="At a good rank the dumbbells are split and the noise is small",
            xlabel=_POSITION,
        ),
        "Three dumbbells and a reconstruction at a good rank: each pair shows a high and a low "
        "peak at their places, with small ripples between the pairs.",
        [("residual ‖Hx − y‖", residual), ("RMSE", rmse(x, x_true))],
    )


@cache
def _lesson() -> tuple[Lesson, np.ndarray]:
    from em_inverse import forward, noise, phantoms

    x_true = phantoms.dumbbells()
    H = forward.GaussianBlur(x_true.shape, 2.0).to_matrix()
    clean = H @ x_true
    y = noise.gaussian(clean, NOISE, seed=SEED)
    for array in (H, y, x_true):
        array.flags.writeable = False
    return Lesson(H, y, noise.gaussian_sigma(clean, NOISE)), x_true


def _nearest_half(f: np.ndarray) -> float:
    return float(np.abs(f - 0.5).argmin() + 1)


def _spectra(spectra: dict[str, np.ndarray]) -> Figure:
    from em_inverse.plotting import style
    from em_inverse.plotting.frame import legend_beside, log_axis, new_figure

    with style():
        fig = new_figure(8.6, 3.4, "κ is the height of this fall")
        ax = fig.add_subplot()
        for (name, s), line in zip(spectra.items(), ("-", "--"), strict=True):
            number = np.arange(1, s.size + 1)
            ax.plot(number, s, color="black", linestyle=line, label=f"probe of {name}")
        log_axis(ax.yaxis)
        ax.set_xlabel("number i of the pattern")
        ax.set_ylabel("singular value σᵢ")
        legend_beside(ax)
    return fig


def _against_width(errors: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, MARKERS, style
    from em_inverse.plotting.frame import log_axis, new_figure

    with style():
        fig = new_figure(7.4, 3.4, "A wider probe costs powers of ten")
        ax = fig.add_subplot()
        ax.plot(_PIXEL_PM * _WIDTHS, errors, color=COLOURS["naive"], marker=MARKERS["naive"])
        log_axis(ax.yaxis)
        ax.set_xlabel("width σ of the probe (pm)")
        ax.set_ylabel("expected RMSE of the naive inverse")
    return fig


def _factors(f: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, LINESTYLES, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        fig = new_figure(8.6, 3.2, "Tikhonov turns the patterns down on a slope")
        ax = fig.add_subplot()
        number = np.arange(1, f.size + 1)
        line = LINESTYLES["tikhonov"]
        ax.plot(number, f, color=COLOURS["tikhonov"], linestyle=line, label="λ = 0.005")
        ax.axhline(0.5, color=COLOURS["measurement"], linestyle=":", label="one half")
        ax.set_xlabel("number i of the pattern")
        ax.set_ylabel("filter factor")
        legend_beside(ax)
    return fig
