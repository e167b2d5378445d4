"""The explorer of week 6: few tilts, an iterative method, and a scrubber for its iterations."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import metrics, noise, phantoms, solvers, tomography
from em_inverse.fidelity import DataTolerance
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.plotting import COLOURS
from em_inverse.priors import TotalVariation
from em_inverse.tilt_series import TiltSeries
from em_inverse.widgets import working
from em_inverse.widgets.colours import INK
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, Rule, View
from em_inverse.widgets.ticks import number_text

__all__ = ["FewTiltsExplorer", "Recording", "Run", "State", "porous_cube", "recording", "run"]

N = 96
SEED = 6
LIMIT_DEG = 70
LAST = 200
EVERY = 5
WINDOW = (-0.1, 1.3)
METHODS = {
    "cgls": "CGLS",
    "sirt": "SIRT, x ≥ 0",
    "sart": "SART, x ≥ 0",
    "tv_sart": "TV-SART, x ≥ 0",
    "tv": "TV within ε = noise, x ≥ 0",
}
SHORT = {"cgls": "CGLS", "sirt": "SIRT", "sart": "SART", "tv_sart": "TV-SART", "tv": "TV"}
ROLE = {name: "tv" if name.startswith("tv") else "algebraic" for name in METHODS}
OBJECTS = {"cube": "nanocube with pores", "soft": "soft, textured particle"}
COUNTS = LogSlider(
    "counts",
    "counts per pixel",
    1,
    3.5,
    6,
    2,
    "Mean number of electrons that the detector counts in a pixel of one image: more, less noise",
)
# Runs kept for scrubbing; each holds 201 slices of 96 × 96 in half precision, 3.7 MB.
_MOST_RUNS = 16
_NEAR_BEST = 1.03
_TICKS_EVERY = 4
_FLOOR = 0.01
_BETWEEN = 4


@dataclass(frozen=True, eq=False)
class Recording:
    """A simulated tilt series of one slice, and what weighted back-projection makes of it.

    Attributes
    ----------
    truth : ndarray, shape (96, 96)
        The slice x[z, x].
    series : TiltSeries
        Projections from −70° to 70°, with Poisson noise.
    A : ParallelBeam
        The projector.
    noise_norm : float
        ‖ε‖, known because this is a simulation.
    wbp_rmse : float
        Error of weighted back-projection (Hann filter).
    """

    truth: np.ndarray
    series: TiltSeries
    A: ParallelBeam
    noise_norm: float
    wbp_rmse: float


@dataclass(frozen=True, eq=False)
class Run:
    """All iterations of one method on one recording.

    Attributes
    ----------
    slices : ndarray of float16, shape (201, 96, 96)
        The slice after 0, 1, …, 200 iterations.
    rmse, residual : ndarray, shape (201,)
        Its error, and ‖Ax − b‖ in units of the noise norm.
    discrepancy : int or None
        First iteration at which the residual is down to the noise.
    held_out : int or None
        Iteration that predicts every fifth projection best when it is put aside; None where the
        number of iterations does not decide the result.
    """

    slices: np.ndarray
    rmse: np.ndarray
    residual: np.ndarray
    discrepancy: int | None
    held_out: int | None

    @property
    def best(self) -> int:
        """Iteration with the smallest error, which only a simulation knows."""
        return int(self.rmse.argmin())


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`FewTiltsExplorer.compute` found for one position of the controls."""

    tilts: int
    method: str
    iteration: int
    recording: Recording
    run: Run

    @property
    def rmse(self) -> float:
        """Error of the slice shown."""
        return float(self.run.rmse[self.iteration])

    @property
    def residual(self) -> float:
        """‖Ax − b‖ of the slice shown, in units of the noise norm."""
        return float(self.run.residual[self.iteration])


def porous_cube() -> np.ndarray:
    """Return the object of week 6: a nanocube of 53 px with three large and six small pores.

    Examples
    --------
    >>> porous_cube().shape
    (96, 96)
    """
    large = phantoms.nanocube_with_pores(N, n_pores=3, pore_radius=5.5, seed=4)
    small = phantoms.nanocube_with_pores(N, n_pores=6, pore_radius=3.0, seed=22)
    return np.minimum(large, small)


@lru_cache(maxsize=24)
def recording(tilts: int = 15, counts: float = 100.0, kind: str = "cube") -> Recording:
    """Return a tilt series of week 6.

    Parameters
    ----------
    tilts : int
        Number of projections, in equal steps from −70° to 70°.
    counts : float
        Mean number of electrons counted per pixel of an image.
    kind : {"cube", "soft"}
        The object.

    Examples
    --------
    >>> recording(15).series.tilt_step_deg
    10.0
    """
    truth = porous_cube() if kind == "cube" else phantoms.soft_particle(N)
    angles = np.linspace(-LIMIT_DEG, LIMIT_DEG, tilts)
    A = ParallelBeam((N, N), angles)
    clean = A.double().forward(truth)
    data = noise.poisson(clean, counts, seed=SEED)
    series = TiltSeries(data, angles, pixel_size_nm=1.0, metadata={"synthetic": True})
    wbp = tomography.wbp(series, filter="hann").x
    norm = float(np.linalg.norm(data - clean))
    return Recording(truth, series, A, norm, metrics.rmse(wbp, truth))


_RUNS: OrderedDict[tuple[int, str, float, str], Run] = OrderedDict()
_LOCK = threading.Lock()


def run(tilts: int = 15, method: str = "cgls", counts: float = 100.0, kind: str = "cube") -> Run:
    """Return 200 iterations of a method, from memory where they were made before.

    Parameters
    ----------
    tilts, counts, kind
        As for :func:`recording`.
    method : {"cgls", "sirt", "sart", "tv_sart", "tv"}

    Examples
    --------
    >>> run(5, "sirt").slices.shape
    (201, 96, 96)
    """
    key = (tilts, method, counts, kind)
    with _LOCK:
        if key in _RUNS:
            _RUNS.move_to_end(key)
            return _RUNS[key]
    made = _iterate(recording(tilts, counts, kind), method)
    with _LOCK:
        _RUNS[key] = made
        while len(_RUNS) > _MOST_RUNS:
            _RUNS.popitem(last=False)
    return made


class FewTiltsExplorer(Explorer):
    """Watch an iterative method at work on few tilts, and stop it where you like.

    It opens where CGLS has gone too far: the residual is well below the noise, and the error has
    been rising for long. Pull the iterations back to the marks of the stop rules, then change the
    method. Clicks on either curve move the iteration there.

    Examples
    --------
    >>> state = FewTiltsExplorer.compute(**FewTiltsExplorer.check(iteration=4))
    >>> view = FewTiltsExplorer.draw(state)
    >>> [panel.name for panel in view.panels]
    ['slices', 'error', 'residual']
    """

    title = "Few tilts, many iterations"
    about = (
        "A slice reconstructed from few tilts between −70° and 70°, iteration by iteration, with "
        "its error and its residual"
    )
    controls = (
        Slider("iteration", "iteration", 0, LAST, 1, 60, "How far the method has come"),
        Slider("tilts", "number of tilts", 5, 75, 5, 15, "Projections between −70° and 70°"),
        Choice("method", "method", METHODS, "cgls", "How the slice is brought to fit the data"),
        COUNTS,
    )
    more = (Choice("kind", "object", OBJECTS, "cube", "Flat pieces, or a soft texture"),)

    @staticmethod
    def compute(*, iteration: int, tilts: int, method: str, counts: float, kind: str) -> State:
        """Return the run and the iteration of it that is looked at."""
        return State(
            tilts,
            method,
            iteration,
            recording(tilts, counts, kind),
            run(tilts, method, counts, kind),
        )

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """A run that was made before is only scrubbed; a new one is computed in a thread."""
        p = parameters
        with _LOCK:
            return (p["tilts"], p["method"], p["counts"], p["kind"]) not in _RUNS

    @staticmethod
    def draw(result: State) -> View:
        """Return the slice, the truth, both curves, the RMSE, and what to notice."""
        made, short = result.run, SHORT[result.method]
        headline = f"RMSE {number_text(result.rmse)}"
        fit = f"residual {number_text(result.residual)} × noise"
        lowest = f"{number_text(float(made.rmse[made.best]))} at iteration {made.best}"
        note = f"{fit} · best RMSE {lowest} · WBP {number_text(result.recording.wbp_rmse)}"
        stops = [
            f"{words} at iteration {at}" for words, at in _stops(made).items() if at is not None
        ]
        words = (
            f"{short} after {result.iteration} iterations on {result.tilts} tilts: {headline}, "
            f"{fit}. {_verdict(result)}. Best RMSE {lowest}."
            + (f" {'; '.join(stops)}." if stops else "")
        )
        panels = (_pair(result), _error(result), _residual(result))
        return View(panels, headline, note, words)

    def picked(self, message: dict[str, Any]) -> dict[str, Any]:
        """A point of either curve is an iteration."""
        return {"iteration": int(message["index"])} if message["index"] >= 0 else {}


def _iterate(at: Recording, method: str) -> Run:
    b = at.series.projections
    fixed = ROLE[method] == "tv"
    total = LAST if fixed else 2 * LAST
    slices = np.zeros((LAST + 1, N, N), np.float16)
    rmse, residual = np.empty(LAST + 1), np.empty(LAST + 1)
    rmse[0] = metrics.rmse(slices[0], at.truth)
    residual[0] = float(np.linalg.norm(b)) / at.noise_norm
    solver = _solver(at.A, b, method, at.noise_norm)
    for k in range(1, LAST + 1):
        if k % _TICKS_EVERY == 0:
            working.tick(k, total)
        state = solver.step()
        slices[k] = state.x
        rmse[k] = metrics.rmse(state.x, at.truth)
        residual[k] = state.data_distance / at.noise_norm
    below = np.flatnonzero(residual <= 1.0)
    first = int(below[0]) if below.size and not fixed else None
    return Run(slices, rmse, residual, first, None if fixed else _held_out(at, method, total))


def _held_out(at: Recording, method: str, total: int) -> int | None:
    """Iteration with the least error at every fifth projection, which the solver has not seen."""
    aside = np.arange(at.series.n_tilts) % EVERY == EVERY // 2
    b = at.series.projections
    H = at.A.subset(aside)
    solver = _solver(at.A.subset(~aside), b[~aside], method, at.noise_norm)
    errors = []
    for k in range(1, LAST + 1):
        if k % _TICKS_EVERY == 0:
            working.tick(LAST + k, total)
        errors.append(float(np.linalg.norm(H.forward(solver.step().x) - b[aside])))
    return 1 + int(np.argmin(errors))


def _solver(A: ParallelBeam, b: np.ndarray, method: str, noise_norm: float) -> solvers.Solver:
    if method == "cgls":
        return solvers.CGLS(A, b)
    if method == "sirt":
        return solvers.SIRT(A, b)
    if method == "sart":
        return solvers.SART(A, b, relaxation=0.3)
    if method == "tv_sart":
        return solvers.TVSART(A, b, lam=0.01)
    ball = DataTolerance(A, b, noise_norm)
    return solvers.PDHG(ball, TotalVariation(), nonnegative=True)


def _stops(made: Run) -> dict[str, int | None]:
    return {"residual = noise": made.discrepancy, "held-out": made.held_out}


def _verdict(state: State) -> str:
    """The first panel's title: what this iteration is good for."""
    k, made = state.iteration, state.run
    if k == 0:
        return "Nothing yet: it starts empty"
    if state.rmse <= _NEAR_BEST * made.rmse[made.best]:
        return "As good as the method gets here"
    if k < made.best:
        return "Early: more iterations bring more"
    if state.residual < 1:
        return "Too late: noise is taken for object"
    return "Past its best, still above the noise"


def _pair(state: State) -> ImagePanel:
    """The slice at this iteration beside the truth, in one window."""
    shown = state.run.slices[state.iteration].astype(np.float32)
    between = np.full((N, _BETWEEN), WINDOW[1], np.float32)
    return ImagePanel(
        "slices",
        f"{_verdict(state)}.",
        np.hstack([shown, between, state.recording.truth.astype(np.float32)]),
        WINDOW,
        unit="density",
        x_label="this iteration | truth",
        y_label="← z, beam",
        pixel_size_nm=1.0,
    )


# A logarithmic axis has no zero: the empty start is drawn at one half.
_AT = np.concatenate([[0.5], np.arange(1, LAST + 1)])
_AXIS = Axis("iteration (0 drawn at 0.5)", "log", (0.45, 1.1 * LAST))
_STYLE = {"algebraic": "dashed", "tv": "dashdot"}


def _error(state: State) -> LinePanel:
    made = state.run
    rising = made.rmse[-1] > _NEAR_BEST * made.rmse[made.best]
    title = "The error falls, then rises." if rising else "The error falls and stays down."
    best = Line(
        [_AT[made.best]], [made.rmse[made.best]], "best", INK, "none", "open diamond", size=17
    )
    rules = [Rule(state.recording.wbp_rmse, "y", "WBP", COLOURS["naive"], "dotted")]
    high = 1.15 * max(float(made.rmse[0]), state.recording.wbp_rmse)
    return LinePanel(
        "error",
        title,
        [_path(state, made.rmse), best, _here(state, made.rmse)],
        _AXIS,
        Axis("RMSE", "log", (0.8 * float(made.rmse.min()), high)),
        [*rules, *_stop_rules(made)],
    )


def _residual(state: State) -> LinePanel:
    made = state.run
    title = (
        "The residual falls through the noise."
        if ROLE[state.method] == "algebraic" and made.residual[-1] < 1
        else "The residual stops where it is told to."
    )
    # Very few tilts can be fitted to rounding; that is drawn on the floor of the chart.
    values = np.maximum(made.residual, _FLOOR)
    low = 0.7 * min(1.0, float(values.min()))
    return LinePanel(
        "residual",
        title,
        [_path(state, values), _here(state, values)],
        _AXIS,
        Axis("residual ÷ noise", "log", (low, 1.4 * float(made.residual[0]))),
        [Rule(1.0, "y", "", COLOURS["measurement"]), *_stop_rules(made)],
    )


def _path(state: State, values: np.ndarray) -> Line:
    role = ROLE[state.method]
    return Line(
        _AT,
        values,
        SHORT[state.method],
        COLOURS[role],
        _STYLE[role],
        pick=True,
        picked=state.iteration,
    )


def _here(state: State, values: np.ndarray) -> Line:
    at, value = _AT[state.iteration], values[state.iteration]
    return Line([at], [value], "you", COLOURS[ROLE[state.method]], "none", "circle", size=11)


def _stop_rules(made: Run) -> list[Rule]:
    styles = {"residual = noise": "dashed", "held-out": "dotted"}
    return [
        Rule(float(at), "x", words, COLOURS["measurement"], styles[words])
        for words, at in _stops(made).items()
        if at is not None
    ]
