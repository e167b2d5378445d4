"""The small slice of week 6's exercises, and the pictures that correct answers give on it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.checks import week06_reference as reference
from em_inverse.checks.task import Picture
from em_inverse.metrics import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["into_ball", "iterate_until", "publish", "sirt_step", "small_slice", "tolerances"]

_SIZE = 32
_TAU = 1.1


def small_slice() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return (H, y, x_true, noise_norm): a cube of 32 × 32 pixels with two pores, 15 tilts."""
    return _small_slice()


def tolerances() -> tuple[float, float, float]:
    """Return ε of the lesson's three pictures, in units of the noise norm."""
    return (2.0, 0.5, 1.0)


def sirt_step() -> Picture:
    """Show the object after one step and after thirty."""
    from em_inverse import plotting

    H, y, x_true, _ = small_slice()
    steps = [np.zeros(x_true.size)]
    for _ in range(30):
        steps.append(reference.sirt_step(H, y, steps[-1]))
    return Picture(
        plotting.images(
            [v.reshape(_SIZE, _SIZE) for v in (x_true, steps[1], steps[30])],
            ["truth", "1 step", "30 steps"],
            title="One step finds the place, thirty find the shape",
            window=(0, 1.3),
            quantity="density",
        ),
        "A small cube with two pores; after one step a round blur, after thirty steps the cube "
        "with its pores, its upper and lower faces still soft.",
        [(f"RMSE after {k} step{'s' * (k > 1)}", rmse(steps[k], x_true)) for k in (1, 30)],
    )


def iterate_until() -> Picture:
    """Show the residual falling to the noise."""
    H, y, x_true, noise_norm = small_slice()
    stopped = reference.iterate_until(H, y, noise_norm, _TAU)
    x, residuals = np.zeros(x_true.size), []
    for _ in range(80):
        x = reference.sirt_step(H, y, x)
        residuals.append(float(np.linalg.norm(H @ x - y)) / noise_norm)
    count = 1 + int(np.argmax(np.array(residuals) <= _TAU))
    return Picture(
        _falling(residuals, count),
        "The residual in units of the noise norm against the number of steps: it falls steeply, "
        "crosses the limit of 1.1 once, and falls on more and more slowly.",
        [("steps until the noise is met", count), ("RMSE there", rmse(stopped, x_true))],
    )


def into_ball() -> Picture:
    """Show two points and where they go, in two dimensions."""
    b, epsilon = np.array([2.0, 1.0]), 1.0
    points = [np.array([3.6, 2.2]), np.array([2.3, 0.6])]
    placed = [reference.into_ball(v, b, epsilon) for v in points]
    return Picture(
        _ball(b, epsilon, points, placed),
        "A circle around the data b. A point outside is drawn along the line towards b, to the "
        "edge; a point inside stays where it is.",
        [
            ("the outer point, distance from b before", float(np.linalg.norm(points[0] - b))),
            ("and after", float(np.linalg.norm(placed[0] - b))),
        ],
    )


def publish() -> Picture:
    """Show the residual that a good picture leaves: noise, tilt by tilt."""
    from em_inverse import plotting
    from em_inverse.forward.tilt import ParallelBeam

    result, series, noise_norm = _published()
    A = ParallelBeam(result.x.shape, series.angles_deg)
    left = series.projections - A.forward(result.x)
    return Picture(
        plotting.images(
            [left],
            ["data − re-projection"],
            title="What the right picture leaves over has no shape of its own",
            axes=("tilt (number)", "x"),
            quantity="counts, in units of the data",
            cmap=plotting.DIVERGING,
            window=(-float(np.abs(left).max()), float(np.abs(left).max())),
        ),
        "The residual over tilt number and detector position: a grain without lines or bands, "
        "stronger where the cube is projected, because counts are noisier there.",
        [
            ("residual ÷ noise norm", float(np.linalg.norm(left)) / noise_norm),
            ("largest single misfit", float(np.abs(left).max())),
        ],
    )


@cache
def _small_slice() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    from em_inverse import noise, phantoms
    from em_inverse.forward.tilt import ParallelBeam

    x_true = phantoms.nanocube_with_pores(_SIZE, n_pores=2, pore_radius=3.0, seed=1)
    A = ParallelBeam(x_true.shape, np.linspace(-70, 70, 15)).double()
    clean = A.forward(x_true)
    data = noise.poisson(clean, 300, seed=6)
    H = A.to_matrix()
    for array in (H, data, x_true):
        array.flags.writeable = False
    return H, data.ravel(), x_true.ravel(), float(np.linalg.norm(data - clean))


@cache
def _published() -> tuple[Any, Any, float]:
    from em_inverse import noise, phantoms, tomography
    from em_inverse.forward.tilt import ParallelBeam

    large = phantoms.nanocube_with_pores(96, n_pores=3, pore_radius=5.5, seed=4)
    small = phantoms.nanocube_with_pores(96, n_pores=6, pore_radius=3.0, seed=22)
    angles = np.linspace(-70, 70, 75)
    clean = ParallelBeam((96, 96), angles).double().forward(np.minimum(large, small))
    data = noise.poisson(clean, 60, seed=6)
    noise_norm = float(np.linalg.norm(data - clean))
    series = tomography.TiltSeries(data, angles)
    return tomography.tv(series, epsilon=noise_norm), series, noise_norm


def _falling(residuals: list[float], count: int) -> Figure:
    from em_inverse.plotting import COLOURS, LINESTYLES, style
    from em_inverse.plotting.frame import legend_beside, log_axis, new_figure

    with style():
        fig = new_figure(8.6, 3.4, "The first step below the limit is the last one to make")
        ax = fig.add_subplot()
        steps = np.arange(1, len(residuals) + 1)
        line = LINESTYLES["algebraic"]
        ax.plot(steps, residuals, color=COLOURS["algebraic"], linestyle=line, label="SIRT")
        ax.axhline(_TAU, color=COLOURS["measurement"], linestyle=":", label="limit")
        ax.plot(
            count, residuals[count - 1], color="black", marker="o", linestyle="none", label="stop"
        )
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_xlabel("number of steps")
        ax.set_ylabel("residual ÷ noise norm")
        legend_beside(ax)
    return fig


def _ball(
    b: np.ndarray, epsilon: float, points: list[np.ndarray], placed: list[np.ndarray]
) -> Figure:
    from matplotlib.patches import Circle

    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        fig = new_figure(6.4, 3.6, "Outside: to the nearest point. Inside: stay")
        ax = fig.add_subplot()
        ax.add_patch(Circle((b[0], b[1]), epsilon, facecolor="#EEEEEE", edgecolor="black"))
        ax.plot(*b, color=COLOURS["measurement"], marker="s", linestyle="none", label="data b")
        for k, (v, p) in enumerate(zip(points, placed, strict=True)):
            ax.plot(*np.stack([v, p], axis=1), color=COLOURS["tv"], linewidth=1)
            ax.plot(
                *v,
                color=COLOURS["tv"],
                marker="D",
                markerfacecolor="none",
                linestyle="none",
                label="v" if k == 0 else None,
            )
            ax.plot(
                *p,
                color="black",
                marker=".",
                linestyle="none",
                label="nearest point" if k == 0 else None,
            )
        ax.set_aspect("equal")
        ax.set_xlabel("first pixel of the data")
        ax.set_ylabel("second pixel")
        legend_beside(ax)
    return fig
