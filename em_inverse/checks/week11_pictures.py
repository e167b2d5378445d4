"""The measurement of week 11, and the pictures that correct answers give on it."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.checks import week11_reference as reference
from em_inverse.checks.task import Picture
from em_inverse.errors import ParameterError
from em_inverse.metrics import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["best_lambda", "corner", "discrepancy", "measurement", "naive", "rmse_curve", "tikhonov"]

_LAMBDAS = np.logspace(-5, 2, 100)


def measurement() -> tuple[np.ndarray, np.ndarray]:
    """Return (H, y) of the lesson: three columns, a probe of σ = 3 px, 10 % noise, seed 42."""
    H, y, _, _ = _lesson()
    return H, y


def corner(problem: Any) -> float:
    """Return the λ at the corner of the L-curve of a problem (H, y).

    Raises
    ------
    ParameterError
        When the curve has no corner.
    """
    from em_inverse import choose

    H, y = problem
    curve = choose.l_curve(H, y)
    if curve.lam is None:
        raise ParameterError(f"{curve.message} Choose λ by another rule here.")
    return float(curve.lam)


def naive() -> Picture:
    """Show the naive inverse on the lesson's measurement."""
    from em_inverse import plotting

    H, y, x_true, _ = _lesson()
    x = reference.naive(H, y)
    return Picture(
        plotting.profiles(
            None,
            {"truth": x_true, "naive": x},
            title="The naive inverse drowns the three columns in amplified noise",
            xlabel="position (px)",
        ),
        "The naive inverse swings from pixel to pixel, thousands of times as high as the columns, "
        "which look like a flat line beside it.",
        [("RMSE of the naive inverse", rmse(x, x_true)), ("its largest value", np.abs(x).max())],
    )


def tikhonov() -> Picture:
    """Show the Tikhonov solution at the λ that the lesson goes on with."""
    from em_inverse import plotting

    H, y, x_true, _ = _lesson()
    x = reference.tikhonov(H, y, 0.003)
    return Picture(
        plotting.profiles(
            None,
            {"truth": x_true, "measurement": y, "tikhonov": x},
            title="With λ = 0.003 the columns come back, lower and wider than they are",
            xlabel="position (px)",
        ),
        "Three column peaks, the blurred and noisy measurement, and the Tikhonov solution: its "
        "peaks stand within 2 px of their places but are lower and wider, with ripples between "
        "them.",
        [("RMSE of the Tikhonov solution", rmse(x, x_true)), ("its largest value", x.max())],
    )


def rmse_curve() -> Picture:
    """Show the U-curve."""
    from em_inverse import plotting

    H, y, x_true, _ = _lesson()
    errors = reference.rmse_curve(H, y, x_true, _LAMBDAS)
    return Picture(
        plotting.u_curve(
            SimpleNamespace(lambdas=_LAMBDAS, rmse=errors),
            title="Between too little and too much regularisation lies a best λ",
        ),
        "The error against λ: it falls from a large value at small λ, where noise rules, to a "
        "minimum, and rises again to the right, where the penalty flattens the columns.",
        [("lowest RMSE", errors.min()), ("at λ", _LAMBDAS[errors.argmin()])],
    )


def discrepancy() -> Picture:
    """Show where the residual passes the noise norm."""
    H, y, _, noise_norm = _lesson()
    residuals = np.array([np.linalg.norm(H @ reference.tikhonov(H, y, t) - y) for t in _LAMBDAS])
    lam = reference.discrepancy(H, y, noise_norm)
    return Picture(
        _crossing(residuals, lam, noise_norm),
        "The residual against λ: a rising curve that crosses the horizontal line of the noise norm "
        "once. To the left of the crossing the fit is closer than the noise allows.",
        [("noise norm", noise_norm), ("λ at the crossing", lam)],
    )


def best_lambda() -> Picture:
    """Show the answer at a good λ without naming the λ; its norms say where on the L it is."""
    from em_inverse import plotting

    H, y, x_true, _ = _lesson()
    x = reference.tikhonov(H, y, corner((H, y)))
    return Picture(
        plotting.profiles(
            None,
            {"truth": x_true, "tikhonov": x},
            title="At the corner the columns are there and the noise is small",
            xlabel="position (px)",
        ),
        "Three column peaks, and the Tikhonov solution at the corner of the L-curve: peaks within "
        "a pixel of their places, with small ripples between them.",
        [
            ("residual ‖Hx − y‖", float(np.linalg.norm(H @ x - y))),
            ("size ‖x‖", float(np.linalg.norm(x))),
            ("RMSE", rmse(x, x_true)),
        ],
    )


@cache
def _lesson() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    from em_inverse import forward, noise, phantoms

    x_true = phantoms.three_peaks(64)
    H = forward.GaussianBlur((64,), 3.0).to_matrix()
    clean = H @ x_true
    y = noise.gaussian(clean, 0.1, seed=42)
    for array in (H, y, x_true):
        array.flags.writeable = False
    # The expected norm, as in the lesson: of this very noise a microscope would know nothing.
    return H, y, x_true, float(noise.gaussian_sigma(clean, 0.1) * np.sqrt(y.size))


def _crossing(residuals: np.ndarray, lam: float, noise_norm: float) -> Figure:
    from em_inverse.plotting import COLOURS, LINESTYLES, style
    from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, number

    with style():
        fig = new_figure(8.6, 3.6, "Where the residual passes the noise, λ explains just enough")
        ax = fig.add_subplot()
        line = LINESTYLES["tikhonov"]
        ax.plot(_LAMBDAS, residuals, color=COLOURS["tikhonov"], linestyle=line, label="residual")
        ax.axhline(noise_norm, color=COLOURS["measurement"], linestyle=":", label="noise norm")
        label = f"crossing, λ = {number(lam)}"
        ax.plot(lam, noise_norm, color="black", marker="o", linestyle="none", label=label)
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_xlabel("regularisation strength λ")
        ax.set_ylabel("residual ‖Hx − y‖")
        legend_beside(ax)
    return fig
