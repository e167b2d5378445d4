"""The measurement of week 3, and the pictures that correct answers give on it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.checks import week03_reference as reference
from em_inverse.checks.task import Picture
from em_inverse.metrics import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["measurement", "objectives", "plan", "smooth", "soft"]


def measurement() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (H, y, truth) of the lesson: a wedge, a probe of σ = 3 px, 6 % noise, seed 42."""
    return _lesson()


def objectives() -> Picture:
    """Show what each prior charges along the way from the truth to its measurement."""
    H, y, x = _lesson()
    shares = np.linspace(0, 1, 21)
    costs = np.array([reference.objectives(H, y, (1 - t) * x + t * y, 0.1) for t in shares])
    return Picture(
        _objective_curves(shares, costs - costs.min(axis=0)),
        "Four curves of the objective above its own minimum, along the straight way from the truth "
        "to the blurred noisy data. The curves of TV and L1 are lowest at the truth, those of L2 "
        "and H1 about half way and further.",
        [
            ("TV objective of the truth", float(costs[0, 2])),
            ("H1 objective of the truth", float(costs[0, 1])),
        ],
    )


def soft() -> Picture:
    """Show the soft threshold as a curve."""
    v = np.linspace(-2, 2, 81)
    u = reference.soft(v, 0.5)
    return Picture(
        _threshold(v, u),
        "The soft threshold for t = 0.5: zero between −0.5 and 0.5, and outside of it parallel to "
        "the diagonal, half a unit nearer to zero.",
        [("soft(2, 0.5)", float(u[-1])), ("soft(-0.4, 0.5)", float(np.interp(-0.4, v, u)))],
    )


def smooth() -> Picture:
    """Show the H1 solution of the lesson."""
    from em_inverse import plotting

    H, y, x_true = _lesson()
    x = reference.smooth(H, y, 0.63)
    return Picture(
        plotting.profiles(
            None,
            {"truth": x_true, "measurement": y, "tikhonov": x},
            title="With λ = 0.63 the ramp comes back smooth and the edge rounded",
            xlabel="position (px)",
        ),
        "The wedge, its blurred and noisy measurement, and the H1 solution: it follows the ramp, "
        "rounds the edge over several pixels, and rings beside it.",
        [("RMSE of the H1 solution", rmse(x, x_true)), ("its largest value", float(x.max()))],
    )


def plan() -> Picture:
    """Show two of the four specimens as their priors return them, without naming any prior."""
    from em_inverse import forward, noise, phantoms, plotting, solvers

    H = forward.GaussianBlur((120,), 3.0)
    grains = phantoms.steps(120)
    y = noise.gaussian(H @ grains, 0.06, seed=42)
    x = solvers.tv_path(H, y, [0.16])[0]
    return Picture(
        plotting.profiles(
            None,
            {"truth": grains, "measurement": y, "learned/with its own prior": x},
            title="With the prior that believes in grains, the boundaries are back",
            xlabel="position (px)",
        ),
        "Three uniform grains, their blurred and noisy measurement, and a restoration with a prior "
        "that suits them: it covers the truth.",
        [
            ("RMSE of the measurement", rmse(y, grains)),
            ("RMSE of the restoration", rmse(x, grains)),
        ],
    )


@cache
def _lesson() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from em_inverse import forward, noise, phantoms

    x_true = phantoms.edge_and_ramp(120)
    H = forward.GaussianBlur((120,), 3.0).to_matrix()
    y = noise.gaussian(H @ x_true, 0.06, seed=42)
    for array in (H, y, x_true):
        array.flags.writeable = False
    return H, y, x_true


def _objective_curves(shares: np.ndarray, costs: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    looks = (
        ("L2", "tikhonov", ":"),
        ("H1", "tikhonov", "--"),
        ("TV", "tv", "-."),
        ("L1", "l1", "-"),
    )
    with style():
        fig = new_figure(
            8.6, 3.4, "Absolute values stay with the truth, squares are tempted by the blur"
        )
        ax = fig.add_subplot()
        for curve, (name, meaning, line) in zip(costs.T, looks, strict=True):
            ax.plot(shares, curve, color=COLOURS[meaning], linestyle=line, label=name)
        ax.set_xlabel("from the truth (0) to the data (1)")
        ax.set_ylabel("objective above its minimum")
        legend_beside(ax)
    return fig


def _threshold(v: np.ndarray, u: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import new_figure

    with style():
        fig = new_figure(4.6, 3.8, "Small values are snapped to zero")
        ax = fig.add_subplot()
        ax.plot(v, v, color=COLOURS["measurement"], linewidth=0.8, label="unchanged")
        ax.plot(v, u, color=COLOURS["l1"], label="soft(v, 0.5)")
        ax.set_xlabel("value v")
        ax.set_ylabel("restored value")
        ax.set_aspect("equal")
        ax.legend(loc="upper left")
    return fig
