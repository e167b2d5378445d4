"""The explorer of week 3: one measurement, four priors, one slider for all four λ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from em_inverse import choose, metrics, noise, phantoms, solvers
from em_inverse.forward import GaussianBlur
from em_inverse.plotting import COLOURS
from em_inverse.widgets import working
from em_inverse.widgets.controls import Choice, LogSlider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, Line, LinePanel, View
from em_inverse.widgets.ticks import number_text

__all__ = ["PRIORS", "PriorExplorer", "Restored", "State", "restored"]

N = 120
SEED = 42
SIGMA = 3.0
PRIORS = ("L2", "H1", "TV", "L1")
ROLE = {"L2": "tikhonov", "H1": "tikhonov", "TV": "tv", "L1": "l1"}
STYLE = {"L2": "dotted", "H1": "dashed", "TV": "dashdot", "L1": "solid"}
WORDS = {
    "L2": "L2, small values",
    "H1": "H1, small slopes",
    "TV": "TV, few steps",
    "L1": "L1, few values",
}
OBJECTS = {
    "wedge": "edge and ramp",
    "grains": "three grains",
    "dopant": "smooth ramp",
    "adatoms": "adatoms",
    "columns": "atomic columns",
}
NOISE = {"2": "2 % (2500 counts)", "6": "6 % (280 counts)", "20": "20 % (25 counts)"}
PER_DECADE = 10
#: λ from 10⁻⁶ to 10⁴: two decades on either side of any best value between 10⁻⁴ and 10².
LAMBDAS = np.geomspace(1e-6, 1e4, 10 * PER_DECADE + 1)
_REACH = 2 * PER_DECADE
SCALE = LogSlider(
    "scale", "λ / best λ, all four", -2, 2, 2 * _REACH + 1, _REACH, "1 is the best λ of each prior"
)
_CHUNK = 12


@dataclass(frozen=True, eq=False)
class Restored:
    """One measurement and everything that four priors make of it.

    Attributes
    ----------
    truth, data : ndarray, shape (120,)
        Profile x and measurement y = Hx + ε.
    solutions : mapping of str to ndarray, shape (101, 120)
        For each prior one solution per λ of `LAMBDAS`.
    rmse : mapping of str to ndarray, shape (101,)
        Their errors.
    best : mapping of str to int
        Where each error is least, at least two decades from either end.
    """

    truth: np.ndarray
    data: np.ndarray
    solutions: Mapping[str, np.ndarray]
    rmse: Mapping[str, np.ndarray]
    best: Mapping[str, int]


@lru_cache(maxsize=16)
def restored(specimen: str = "wedge", noise_percent: str = "6") -> Restored:
    """Return what the four priors make of one specimen at one noise level.

    Parameters
    ----------
    specimen : str
        A key of `OBJECTS`.
    noise_percent : str
        Standard deviation of the noise, in per cent of the brightest blurred value.

    Examples
    --------
    >>> found = restored("grains", "6")
    >>> min(found.best, key=lambda name: found.rmse[name].min())
    'TV'
    """
    truth = _truth(specimen)
    H = GaussianBlur((N,), SIGMA)
    data = noise.gaussian(H.forward(truth), float(noise_percent) / 100, seed=SEED)
    solutions = {
        "L2": choose.sweep(H, data, LAMBDAS).solutions,
        "H1": choose.sweep(H, data, LAMBDAS, penalty="gradient").solutions,
    }
    starts = range(0, LAMBDAS.size, _CHUNK)
    for k, (name, path) in enumerate((("TV", solvers.tv_path), ("L1", solvers.l1_path))):
        parts = []
        for start in starts:
            working.tick(k * LAMBDAS.size + start, 2 * LAMBDAS.size)
            parts.append(path(H, data, LAMBDAS[start : start + _CHUNK]))
        solutions[name] = np.concatenate(parts)
    errors = {
        name: np.array([metrics.rmse(x, truth) for x in found]) for name, found in solutions.items()
    }
    best = {name: _REACH + int(curve[_REACH:-_REACH].argmin()) for name, curve in errors.items()}
    return Restored(truth, data, solutions, errors, best)


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`PriorExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    found : Restored
    shown : mapping of str to ndarray, shape (120,)
        The four reconstructions.
    lam, rmse : mapping of str to float
        Their λ and their errors.
    scale : float
        λ over the best λ.
    """

    found: Restored
    shown: Mapping[str, np.ndarray]
    lam: Mapping[str, float]
    rmse: Mapping[str, float]
    scale: float


class PriorExplorer(Explorer):
    """Restore one profile with L2, H1, TV and L1 at once; one slider scales all four λ.

    It opens with every prior at its best λ: what differs then is the prior alone. To the left all
    four drown in noise, each in its own way; to the right each shows its signature undiluted.

    Examples
    --------
    >>> state = PriorExplorer.compute(**PriorExplorer.check(specimen="grains"))
    >>> min(state.rmse, key=state.rmse.get)
    'TV'
    >>> [panel.name for panel in PriorExplorer.draw(state).panels]
    ['L2', 'H1', 'TV', 'L1']
    """

    title = "Four priors"
    about = "A blurred, noisy line profile restored with four priors, all λ on one slider"
    controls = (
        SCALE,
        Choice("specimen", "object", OBJECTS, "wedge", "What the microscope looks at"),
        Choice("noise", "noise (% of the peak)", NOISE, "6", "Standard deviation of the noise"),
    )
    columns = 2

    @classmethod
    def takes_long(cls, parameters: Mapping[str, object]) -> bool:
        """A specimen and noise level seen for the first time is computed for all λ at once."""
        return (parameters["specimen"], parameters["noise"]) not in _ready

    @staticmethod
    def compute(*, scale: float, specimen: str, noise: str) -> State:
        """Return the four reconstructions at this multiple of their best λ."""
        found = restored(specimen, noise)
        _ready.add((specimen, noise))
        move = round(PER_DECADE * float(np.log10(scale)))
        at = {name: found.best[name] + move for name in PRIORS}
        return State(
            found,
            {name: found.solutions[name][k] for name, k in at.items()},
            {name: float(LAMBDAS[k]) for name, k in at.items()},
            {name: float(found.rmse[name][k]) for name, k in at.items()},
            scale,
        )

    @staticmethod
    def draw(result: State) -> View:
        """Return one panel per prior, the four errors, and who leads."""
        leader = min(PRIORS, key=lambda name: result.rmse[name])
        others = sorted(result.rmse[name] for name in PRIORS if name != leader)
        errors = " · ".join(f"{name} {result.rmse[name]:.3f}" for name in PRIORS)
        ratio = others[0] / result.rmse[leader]
        far = f"{ratio:.1f} × better than the next" if ratio > 1.05 else "but only just"
        lead = f"{leader} leads, {far}"
        headline = f"RMSE {errors}"
        words = f"At {number_text(result.scale)} × the best λ of each: RMSE {errors}. {lead}."
        limits = _limits(result.found)
        panels = [_panel(result, name, name == leader, limits) for name in PRIORS]
        return View(panels, headline, f"{lead} · thin and black: truth · dots: data", words)


#: What has been computed before, so that its slider needs no thread.
_ready: set[tuple[object, object]] = set()


def _truth(specimen: str) -> np.ndarray:
    made = {
        "wedge": lambda: phantoms.edge_and_ramp(N),
        "grains": lambda: phantoms.steps(N),
        "dopant": lambda: phantoms.ramp(N),
        "adatoms": lambda: phantoms.three_peaks(
            N, (22, 47, 58, 90), (1.0, 0.6, 1.0, 0.8), width=0.3
        ),
        "columns": lambda: phantoms.three_peaks(N, range(6, N, 12), [1.0] * 10, width=2.0),
    }
    return made[specimen]()


def _limits(found: Restored) -> tuple[float, float]:
    """Limits that depend on the object and its data alone, so that λ never rescales a picture."""
    low = min(0.0, float(found.data.min()))
    high = max(float(found.truth.max()), float(found.data.max()))
    return low - 0.15 * (high - low), high + 0.3 * (high - low)


def _panel(state: State, name: str, leads: bool, limits: tuple[float, float]) -> LinePanel:
    at = np.arange(N)
    x = state.shown[name]
    title = f"{WORDS[name]}, λ = {number_text(state.lam[name])}{': the best' if leads else ''}"
    if x.max() > limits[1]:
        title += f", up to {x.max():.1f}"
    return LinePanel(
        name,
        f"{title}.",
        [
            Line(
                at,
                state.found.data,
                "",
                COLOURS["measurement"],
                style="none",
                marker="circle",
                size=4,
            ),
            Line(at, state.found.truth, "", COLOURS["truth"], width=1.5),
            Line(at, x, "", COLOURS[ROLE[name]], STYLE[name], width=2.5),
        ],
        Axis("position (px)" if name in PRIORS[-2:] else "", limits=(0, N - 1)),
        Axis("intensity", limits=limits),
    )
