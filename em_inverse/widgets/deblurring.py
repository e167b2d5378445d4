"""The explorer of week 11: one blurred, noisy line profile, and everything that λ does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import choose, metrics, noise, phantoms, solvers
from em_inverse.forward import GaussianBlur, Gradient, LinearOperator
from em_inverse.plotting import COLOURS
from em_inverse.widgets.colours import INK
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, Line, LinePanel, Rule, View
from em_inverse.widgets.ticks import number_text

__all__ = ["DeblurringExplorer", "Problem", "State", "problem"]

N = 64
SEED = 42
FLOOR = 1e-4
LAMBDA = LogSlider(
    "lam", "λ, weight of the prior", -5, 2, 100, 14, "How much the prior counts against the data"
)
METHODS = {
    "naive": "naive inverse",
    "tikhonov": "Tikhonov (small ‖x‖)",
    "gradient": "Tikhonov (small ‖∇x‖)",
    "tv": "total variation (TV)",
}
ROLE = {"naive": "naive", "tikhonov": "tikhonov", "gradient": "tikhonov", "tv": "tv"}
STYLE = {"naive": "dotted", "tikhonov": "dashed", "gradient": "dashed", "tv": "dashdot"}
SIZE = {
    "tikhonov": "size of the object ‖x‖",
    "gradient": "size of its slopes ‖∇x‖",
    "tv": "total variation TV(x)",
}


@dataclass(frozen=True, eq=False)
class Problem:
    """A line profile, the probe that blurs it, and what the detector reads.

    Attributes
    ----------
    truth, data : ndarray, shape (64,)
        Profile x and measurement y = Hx + ε.
    H : LinearOperator
        The probe.
    noise_norm : float
        ‖ε‖, known because this is a simulation.
    """

    truth: np.ndarray
    H: LinearOperator
    data: np.ndarray
    noise_norm: float


@lru_cache(maxsize=64)
def problem(sigma: float = 3.0, noise_percent: float = 10.0) -> Problem:
    """Return the deblurring problem of week 11.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian probe, in pixels.
    noise_percent : float
        Standard deviation of the noise, in per cent of the largest blurred value.

    Examples
    --------
    >>> problem().data.shape
    (64,)
    """
    truth = phantoms.three_peaks(N)
    H = GaussianBlur((N,), sigma)
    clean = H.forward(truth)
    data = noise.gaussian(clean, level=noise_percent / 100, seed=SEED)
    return Problem(truth, H, data, float(np.linalg.norm(data - clean)))


@dataclass(frozen=True, eq=False)
class Curve:
    """All solutions of one method for one measurement, one for each position of the λ slider."""

    lambdas: np.ndarray
    solutions: np.ndarray
    residual_norms: np.ndarray
    sizes: np.ndarray
    rmse: np.ndarray
    corner: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`DeblurringExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    method : str
    problem : Problem
    curve : Curve
        For the naive inverse: the one of Tikhonov, whose limit λ → 0 it is.
    index : int
        Position of λ on the curve; -1 for the naive inverse, which has no λ.
    x : ndarray, shape (64,)
        The reconstruction shown.
    rmse, residual_norm, condition : float
        Its error, ‖Hx − y‖, and κ(H).
    """

    method: str
    problem: Problem
    curve: Curve
    index: int
    x: np.ndarray
    rmse: float
    residual_norm: float
    condition: float


class DeblurringExplorer(Explorer):
    """Deblur a line profile with four methods; λ, noise and probe width are yours.

    It opens at λ = 10⁻⁴, well below the best value: the columns are there, drowned in noise that
    the inversion has amplified. One pull to the right shows noise giving way, the corner of the
    L-curve passing by, and the columns melting at the end. A click on either curve moves λ there.

    Examples
    --------
    >>> state = DeblurringExplorer.compute(**DeblurringExplorer.check(method="tikhonov"))
    >>> view = DeblurringExplorer.draw(state)
    >>> [panel.name for panel in view.panels]
    ['profile', 'l-curve', 'u-curve']
    """

    title = "Deblurring a line profile"
    about = (
        "Three atomic columns seen through a Gaussian probe with noise, reconstructed with a "
        "weight λ of the prior"
    )
    controls = (
        LAMBDA,
        Choice("method", "method", METHODS, "tikhonov", "What is asked of the object"),
        Slider("noise", "noise (% of the peak)", 1, 30, 1, 10, "Standard deviation of the noise"),
        Slider("sigma", "probe width σ (px)", 0.5, 6.0, 0.5, 3.0, "Width of the probe"),
    )

    @staticmethod
    def compute(*, lam: float, method: str, noise: float, sigma: float) -> State:
        """Return the reconstruction and the curves it lies on."""
        at = problem(sigma, noise)
        curve = _curve("tikhonov" if method == "naive" else method, sigma, noise)
        singular = at.H.svd()[1]
        condition = float(singular[0] / singular[-1])
        if method == "naive":
            x = solvers.naive(at.H, at.data)
            index, residual = -1, float(np.linalg.norm(at.H.forward(x) - at.data))
        else:
            index = int(np.abs(np.log(curve.lambdas / lam)).argmin())
            x, residual = curve.solutions[index], float(curve.residual_norms[index])
        error = metrics.rmse(x, at.truth)
        return State(method, at, curve, index, x, error, residual, condition)

    @staticmethod
    def draw(result: State) -> View:
        """Return profile, L-curve and U-curve, the RMSE, and what to notice."""
        best = int(result.curve.rmse.argmin())
        ratio = result.residual_norm / result.problem.noise_norm
        lowest = (
            f"{number_text(float(result.curve.rmse[best]))} at λ = "
            f"{number_text(float(result.curve.lambdas[best]))}"
        )
        fit = f"‖Hx − y‖ = {number_text(ratio)} × noise norm"
        if result.index < 0:
            headline = f"RMSE {number_text(result.rmse)}"
            note = f"{fit} · condition number κ = {number_text(result.condition)}"
            where = f"The naive inverse, condition number {number_text(result.condition)}"
        else:
            lam = number_text(float(result.curve.lambdas[result.index]))
            headline = f"RMSE {number_text(result.rmse)}"
            note = f"{fit} · best RMSE {lowest}"
            where = f"{METHODS[result.method]} with λ = {lam}"
        words = (
            f"{where}: RMSE {number_text(result.rmse)}, {fit}. {_verdict(result)}. "
            f"Lowest RMSE on the curve {lowest}."
        )
        panels = (_profile(result), _l_curve(result, best), _u_curve(result, best))
        return View(panels, headline, note, words)

    @classmethod
    def disabled(cls, parameters: Mapping[str, Any]) -> Sequence[str]:
        """The naive inverse has no λ to move."""
        return ("lam",) if parameters["method"] == "naive" else ()

    def picked(self, message: dict[str, Any]) -> dict[str, Any]:
        """A point of the L-curve or the U-curve is a λ."""
        if message["index"] < 0 or self.result.index < 0:
            return {}
        return {"lam": float(self.result.curve.lambdas[message["index"]])}


@lru_cache(maxsize=128)
def _curve(method: str, sigma: float, noise_percent: float) -> Curve:
    at = problem(sigma, noise_percent)
    lambdas = np.array(LAMBDA.values)
    if method == "tv":
        solutions = solvers.tv_path(at.H, at.data, lambdas)
        edges = Gradient((N,))
        residuals = [float(np.linalg.norm(at.H.forward(x) - at.data)) for x in solutions]
        sizes = [float(np.abs(edges.forward(x)).sum()) for x in solutions]
        errors = [metrics.rmse(x, at.truth) for x in solutions]
        return Curve(lambdas, solutions, np.array(residuals), np.array(sizes), np.array(errors))
    penalty = "gradient" if method == "gradient" else "identity"
    swept = choose.sweep(at.H, at.data, lambdas, x_true=at.truth, penalty=penalty)
    corner = choose.l_curve(at.H, at.data, lambdas, penalty=penalty).corner
    assert swept.rmse is not None
    return Curve(
        lambdas, swept.solutions, swept.residual_norms, swept.solution_norms, swept.rmse, corner
    )


def _verdict(state: State) -> str:
    """The first panel's title: what has happened to the three columns."""
    if state.index < 0:
        if state.rmse < 0.15:
            return "A sharp probe needs no prior: even the naive inverse shows three columns"
        return "The naive inverse shows amplified noise, no columns"
    if state.rmse <= 1.15 * state.curve.rmse.min():
        return "Near the best λ the columns stand apart, noise is held down"
    if state.index < state.curve.rmse.argmin():
        return "λ is too small: amplified noise stands beside the columns"
    return "λ is too large: noise is gone, and the columns melt"


def _profile(state: State) -> LinePanel:
    at = np.arange(N)
    role = ROLE[state.method]
    name = "naive" if state.method == "naive" else "TV" if state.method == "tv" else "Tikhonov"
    return LinePanel(
        "profile",
        f"{_verdict(state)}.",
        [
            Line(at, state.problem.truth, "truth x", COLOURS["truth"], width=2.5),
            Line(
                at,
                state.problem.data,
                "measurement y",
                COLOURS["measurement"],
                style="none",
                marker="circle",
                size=5,
            ),
            Line(at, state.x, f"{name} x̂", COLOURS[role], STYLE[state.method], width=2.5),
        ],
        Axis("position (px)", limits=(0, N - 1)),
        Axis("intensity", limits=(-0.8, 1.8)),
    )


def _l_curve(state: State, best: int) -> LinePanel:
    curve = state.curve
    size = SIZE["tikhonov" if state.method == "naive" else state.method]
    if state.index < 0:
        title = "The naive inverse is the end of this curve at λ → 0."
    elif state.method != "tv" and curve.corner is None:
        title = "This curve has no corner, so it cannot choose λ."
    else:
        title = "The curve bends where noise gives way to blur."
    # Where TV has flattened the object its size is nothing but rounding: drawn on the floor.
    sizes = np.maximum(curve.sizes, FLOOR * curve.sizes.max())
    lines = [_path(state, curve.residual_norms, sizes)]
    if curve.corner is not None:
        x, y = curve.corner
        lines.append(Line([x], [y], "corner", INK, "none", "cross", size=13))
    lines += _marks(state, best, curve.residual_norms, sizes)
    return LinePanel(
        "l-curve",
        title,
        lines,
        Axis("residual ‖Hx − y‖", "log", _limits(curve.residual_norms)),
        Axis(size, "log", _limits(sizes)),
        [Rule(state.problem.noise_norm, "x", "noise norm", COLOURS["measurement"])],
    )


def _u_curve(state: State, best: int) -> LinePanel:
    curve = state.curve
    title = (
        "The naive inverse lies off this chart, up on the left."
        if state.index < 0
        else "The error has one lowest point between noise and blur."
    )
    lines = [_path(state, curve.lambdas, curve.rmse)]
    lines += _marks(state, best, curve.lambdas, curve.rmse)
    return LinePanel(
        "u-curve",
        title,
        lines,
        Axis("λ", "log", (float(curve.lambdas[0]), float(curve.lambdas[-1]))),
        Axis("RMSE", "log", _limits(curve.rmse)),
    )


def _path(state: State, x: np.ndarray, y: np.ndarray) -> Line:
    colour = COLOURS["tikhonov" if state.method == "naive" else ROLE[state.method]]
    return Line(x, y, "", colour, pick=state.index >= 0, picked=max(state.index, 0))


def _marks(state: State, best: int, x: np.ndarray, y: np.ndarray) -> list[Line]:
    # Your λ fits inside the open diamond: to hit the best is to fill it.
    i = state.index
    marks = [Line([x[best]], [y[best]], "best λ", INK, "none", "open diamond", size=17)]
    if i >= 0:
        colour = COLOURS[ROLE[state.method]]
        marks.append(Line([x[i]], [y[i]], "your λ", colour, "none", "circle", size=11))
    return marks


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Limits of a log axis that depend on the curve alone, so that λ never rescales the picture."""
    low, high = np.log10(values.min()), np.log10(values.max())
    margin = 0.06 * (high - low) + 0.02
    return float(10 ** (low - margin)), float(10 ** (high + margin))
