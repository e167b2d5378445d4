"""The explorer of week 4: the L-curve one can touch, on five problems and four kinds of noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import choose, noise, problems
from em_inverse.plotting import COLOURS
from em_inverse.solvers import TikhonovPath
from em_inverse.widgets.colours import INK
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, Panel, Rule, View
from em_inverse.widgets.ticks import number_text

__all__ = ["PROBLEMS", "Curve", "LCurveExplorer", "State", "curve"]

SEED = 1
LAMBDA = LogSlider(
    "lam",
    "λ, in units of σ₁²",
    -11,
    1,
    121,
    72,
    "Weight of the prior, over the square of the largest singular value",
)
NOISE = LogSlider(
    "noise", "noise (%)", -1, 1.5, 11, 8, "Of the brightest value; 10 % is as from 100 electrons"
)
PROBLEMS: dict[str, Callable[[], problems.Problem]] = {
    "row": problems.column_row,
    "tilts": lambda: problems.tilt_slice(20),
    "phillips": problems.phillips,
    "shaw": problems.shaw,
    "heat": problems.heat,
}
NAMES = {
    "row": "row of columns, blurred",
    "tilts": "slice from 15 tilts",
    "phillips": "Phillips: smooth hump",
    "shaw": "Shaw: two humps",
    "heat": "inverse heat",
}
_VISITED: set[str] = set()
"""Problems of which the singular values are at hand."""
#: Rules in the order of their marks: name in the legend, marker.
RULES = {
    "L-curve": "cross",
    "discrepancy": "open square",
    "GCV": "open triangle",
}


@dataclass(frozen=True, eq=False)
class Curve:
    """All solutions of one measurement, one for each position of the λ slider.

    Attributes
    ----------
    problem : Problem
    data : ndarray
        What the detector reads.
    noise_norm : float
        Expected ‖ε‖, which discrepancy is told.
    unit : float
        σ₁²: the λ that counts as 1.
    lambdas, residuals, sizes, errors : ndarray
        λ (in the unit of the equation), ‖Hx − y‖, ‖x‖ and RMSE.
    solutions : ndarray
    chosen : dict of str to float
        λ of each rule that found one.
    ratios : dict of str to float
        RMSE at these λ over the lowest of the curve.
    message : str
        What the L-curve says of its corner.
    """

    problem: problems.Problem
    data: np.ndarray
    noise_norm: float
    unit: float
    lambdas: np.ndarray
    residuals: np.ndarray
    sizes: np.ndarray
    errors: np.ndarray
    solutions: np.ndarray
    chosen: dict[str, float]
    ratios: dict[str, float]
    message: str


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`LCurveExplorer.compute` found: a curve, and a place on it."""

    curve: Curve
    index: int
    x: np.ndarray
    ratio: float


class LCurveExplorer(Explorer):
    """Touch the L-curve and see the reconstruction; smooth the noise, and it loses its corner.

    It opens with white noise and a λ that is too small. A click on the L-curve or on the
    U-curve moves λ there; arrow keys go on along the curve.

    Examples
    --------
    >>> state = LCurveExplorer.compute(**LCurveExplorer.check(problem="shaw"))
    >>> [panel.name for panel in LCurveExplorer.draw(state).panels]
    ['object', 'l-curve', 'u-curve']
    """

    title = "The L-curve, to touch"
    about = (
        "Five problems, each with its L-curve, the error at every λ, and the λ of three rules; the "
        "noise can be smoothed"
    )
    controls = (
        LAMBDA,
        Choice("problem", "problem", NAMES, "row", "What is measured"),
        NOISE,
        Slider(
            "width",
            "smoothed over (px)",
            0.0,
            3.0,
            0.5,
            0.0,
            "0 is white noise; filters, resampling and slow detectors smooth it",
        ),
    )

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """Whether the singular values of the tilt series are still to be worked out."""
        return parameters["problem"] == "tilts" and "tilts" not in _VISITED

    @staticmethod
    def compute(*, lam: float, problem: str, noise: float, width: float) -> State:
        """Return the reconstruction and the curve that it lies on."""
        at = curve(problem, noise, width)
        index = int(np.abs(np.log(at.lambdas / at.unit / lam)).argmin())
        ratio = float(at.errors[index] / at.errors.min())
        return State(at, index, at.solutions[index], ratio)

    @staticmethod
    def draw(result: State) -> View:
        """Return object, L-curve and U-curve, and how far the RMSE is from its lowest value."""
        at = result.curve
        share = at.residuals[result.index] / at.noise_norm
        headline = f"RMSE {number_text(result.ratio)} × the lowest"
        told = [
            f"{name} {number_text(ratio)}\N{NO-BREAK SPACE}×" for name, ratio in at.ratios.items()
        ]
        if "L-curve" not in at.chosen:
            told.insert(0, "L-curve: no corner")
        fit = f"‖Hx − y‖ = {number_text(float(share))}\N{NO-BREAK SPACE}× noise"
        note = f"{fit} · {', '.join(told)}"
        words = (
            f"{NAMES[_key(at.problem)]}, λ = {number_text(float(at.lambdas[result.index]))}: "
            f"{headline}, {fit}. {_verdict(result)} RMSE over the lowest, rule by rule: "
            f"{', '.join(told)}."
        )
        return View((_object(result), _l_curve(result), _u_curve(result)), headline, note, words)

    def picked(self, message: dict[str, Any]) -> dict[str, Any]:
        """A point of the L-curve or the U-curve is a λ."""
        return {"lam": LAMBDA.values[message["index"]]} if message["index"] >= 0 else {}


@lru_cache(maxsize=128)
def curve(problem: str, noise_percent: float = 10.0, width: float = 0.0) -> Curve:
    """Return every solution of one problem at one noise, and what the rules choose.

    Parameters
    ----------
    problem : str
        Key of :data:`PROBLEMS`.
    noise_percent : float
        Standard deviation of the noise, in per cent of the brightest clean value.
    width : float
        Standard deviation of its smoothing, in pixels.

    Examples
    --------
    >>> sorted(curve("row").chosen)
    ['GCV', 'L-curve', 'discrepancy']
    >>> "L-curve" in curve("row", 10.0, 3.0).chosen
    False
    """
    at = _problem(problem)
    level = noise_percent / 100
    data = noise.smoothed(at.y, level, width, seed=SEED)
    noise_norm = noise.gaussian_sigma(at.y, level) * float(np.sqrt(at.y.size))
    path = TikhonovPath(at.H, data)
    _VISITED.add(problem)
    unit = float(path.c[0]) ** 2
    lambdas = unit * np.array(LAMBDA.values)
    solutions = path.solutions(lambdas)
    errors = _errors(solutions, at.x_true)
    corner = choose.l_curve(at.H, data, lambdas)
    chosen = {} if corner.lam is None else {"L-curve": corner.lam}
    chosen["discrepancy"] = choose.discrepancy(at.H, data, noise_norm).lam
    chosen["GCV"] = choose.gcv(at.H, data).lam
    theirs = _errors(path.solutions(list(chosen.values())), at.x_true) / errors.min()
    ratios = dict(zip(chosen, theirs.tolist(), strict=True))
    return Curve(
        at, data, noise_norm, unit, lambdas, corner.residual_norms, corner.solution_norms, errors,
        solutions, chosen, ratios, corner.message,
    )  # fmt: skip


@lru_cache(maxsize=8)
def _problem(name: str) -> problems.Problem:
    return PROBLEMS[name]()


def _key(problem: problems.Problem) -> str:
    return next(name for name in PROBLEMS if _problem(name) is problem)


def _errors(solutions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """RMSE of each solution."""
    misses = (solutions - truth).reshape(len(solutions), -1)
    return np.asarray(np.sqrt(np.mean(misses**2, axis=1)))


def _verdict(state: State) -> str:
    at = state.curve
    if state.ratio <= 1.15:
        return "Near the best λ."
    small = state.index < int(at.errors.argmin())
    if state.ratio <= 2:
        return f"λ a little too {'small' if small else 'large'}."
    return "λ too small: noise is in." if small else "λ too large: the object fades."


def _object(state: State) -> Panel:
    at = state.curve
    truth = at.problem.x_true
    if truth.ndim == 2:
        gap = np.full((truth.shape[0], 1), truth.max())
        return ImagePanel(
            "object",
            f"Left truth, right answer. {_verdict(state)}",
            np.hstack([truth, gap, state.x]),
            window=(0.0, float(1.2 * truth.max())),
            unit="intensity",
            x_label="x →",
            y_label="← z, beam",
        )
    span = float(np.ptp(truth))
    step = float(at.problem.t[1] - at.problem.t[0])
    return LinePanel(
        "object",
        _verdict(state),
        [
            Line(at.problem.t, truth, "truth x", COLOURS["truth"], width=2.5),
            Line(at.problem.t, state.x, "Tikhonov x̂", COLOURS["tikhonov"], "dashed", width=2.5),
        ],
        Axis(
            "position (px)" if at.problem.name == "column row" else "position",
            limits=(float(at.problem.t[0] - step), float(at.problem.t[-1] + step)),
        ),
        Axis(
            "intensity", limits=(float(truth.min() - 0.6 * span), float(truth.max() + 0.6 * span))
        ),
    )


def _l_curve(state: State) -> LinePanel:
    at = state.curve
    if "L-curve" not in at.chosen:
        title = "No corner: it cannot choose λ."
    elif "not a clear corner" in at.message:
        title = "It reports: not a clear corner."
    else:
        title = "It bends at the cross: click."
    return LinePanel(
        "l-curve",
        title,
        _marked(state, at.residuals, at.sizes),
        Axis("residual ‖Hx − y‖", "log", _limits(at.residuals)),
        Axis("size of the object ‖x‖", "log", _limits(at.sizes)),
        [Rule(at.noise_norm, "x", "noise norm", COLOURS["measurement"])],
    )


def _u_curve(state: State) -> LinePanel:
    at = state.curve
    relative, ratios = at.lambdas / at.unit, at.errors / at.errors.min()
    best = int(at.errors.argmin())
    lines = _marked(state, relative, ratios)
    lines.append(Line([relative[best]], [1.0], "best λ", INK, "none", "open diamond", size=17))
    return LinePanel(
        "u-curve",
        "Where each rule lands.",
        lines,
        Axis("λ / σ₁²", "log", (float(relative[0]), float(relative[-1]))),
        Axis("RMSE / lowest RMSE", "log", _limits(ratios)),
    )


def _marked(state: State, x: np.ndarray, y: np.ndarray) -> list[Line]:
    """Return the curve, the choice of each rule on it, and where you are."""
    at = state.curve
    lines = [Line(x, y, "", COLOURS["tikhonov"], pick=True, picked=state.index)]
    ticks = np.log(at.lambdas)
    for name, lam in at.chosen.items():
        # A λ beyond the slider is marked at its end.
        where = [float(np.exp(np.interp(np.log(lam), ticks, np.log(v)))) for v in (x, y)]
        lines.append(Line([where[0]], [where[1]], name, INK, "none", RULES[name], size=13))
    here = state.index
    lines.append(
        Line([x[here]], [y[here]], "your λ", COLOURS["tikhonov"], "none", "circle", size=11)
    )
    return lines


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Limits of a log axis that depend on the curve alone, so that λ never rescales the picture."""
    low, high = np.log10(values.min()), np.log10(values.max())
    margin = 0.06 * (high - low) + 0.02
    return float(10 ** (low - margin)), float(10 ** (high + margin))
