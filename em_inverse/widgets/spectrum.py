"""The explorer of week 2: the Picard plot, the rank, and what noise makes of both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import phantoms
from em_inverse.errors import check_choice
from em_inverse.forward import BOUNDARIES, GaussianBlur
from em_inverse.plotting import COLOURS
from em_inverse.widgets.colours import INK
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, Line, LinePanel, Rule, View
from em_inverse.widgets.ticks import number_text

__all__ = ["Probe", "SpectrumExplorer", "State", "probe"]

N = 80
PIXEL_PM = 25
SEED = 1
ROUNDING = 1e15
LEAST = 1e-30
"""Singular values below are rounding, and their squares would overflow when divided by."""
PERCENT = LogSlider(
    "noise",
    "noise (% of the peak)",
    np.log10(0.05),
    np.log10(50),
    31,
    20,
    "Standard deviation of the noise: 5 % is that of 400 electrons at the brightest pixel",
)
CUTS = {"2": "cut at 2 σ", "3": "cut at 3 σ", "4": "cut at 4 σ", "none": "not cut"}
BORDERS = {
    "reflect": "mirrored (reflect)",
    "mirror": "last pixel once (mirror)",
    "nearest": "last pixel kept (nearest)",
    "wrap": "the other side (wrap)",
    "constant": "vacuum (constant)",
}
assert set(BORDERS) == set(BOUNDARIES)


@dataclass(frozen=True, eq=False)
class Probe:
    """A probe taken apart, and what it makes of the row of dumbbells.

    Attributes
    ----------
    U, Vt : ndarray, shape (80, 80)
        Left and right singular vectors.
    s : ndarray, shape (80,)
        Singular values.
    truth, clean : ndarray, shape (80,)
        The profile x and Hx without noise.
    draw : ndarray, shape (80,)
        Noise of standard deviation 1, the same for every probe.
    """

    U: np.ndarray
    s: np.ndarray
    Vt: np.ndarray
    truth: np.ndarray
    clean: np.ndarray
    draw: np.ndarray


@lru_cache(maxsize=256)
def probe(width_pm: float = 50, cut: str = "4", border: str = "reflect") -> Probe:
    """Return the probe of week 2: InAs dumbbells, 80 pixels of 25 pm.

    Parameters
    ----------
    width_pm : float
        Standard deviation of the Gaussian in pm.
    cut : {"2", "3", "4", "none"}
        Where its tails are cut, in standard deviations.
    border : str
        What lies beyond the border, one of :data:`em_inverse.forward.BOUNDARIES`.

    Examples
    --------
    >>> round(float(probe().clean.max()), 3)
    0.453
    """
    check_choice(cut, "cut", CUTS)
    truth = phantoms.dumbbells(N)
    H = GaussianBlur((N,), width_pm / PIXEL_PM, border, None if cut == "none" else float(cut))
    U, s, Vt = H.svd()
    draw = np.random.default_rng(SEED).standard_normal(N)
    return Probe(U, s, Vt, truth, H.forward(truth), draw)


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`SpectrumExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    probe : Probe
    rank : int
        Patterns kept.
    noise_level : float
        Standard deviation of the noise.
    data, coefficients, x : ndarray, shape (80,)
        Measurement, its absolute coefficients in the left singular vectors, reconstruction.
    errors : ndarray, shape (80,)
        RMSE of the truncated SVD for the ranks 1 to 80.
    bias, spread : ndarray, shape (80,)
        What is expected of it: the part from dropped patterns, and the part from noise.
    condition : float
        κ, at most 1e15, beyond which rounding decides.
    """

    probe: Probe
    rank: int
    noise_level: float
    data: np.ndarray
    coefficients: np.ndarray
    x: np.ndarray
    errors: np.ndarray
    bias: np.ndarray
    spread: np.ndarray
    condition: float

    @property
    def rmse(self) -> float:
        """RMSE of the reconstruction shown."""
        return float(self.errors[self.rank - 1])

    @property
    def best(self) -> int:
        """Rank with the lowest RMSE."""
        return int(self.errors.argmin()) + 1

    @property
    def above_noise(self) -> int:
        """Number of coefficients that the noise-free data hold above the noise, up to the last."""
        seen = np.abs(self.probe.U.T @ self.probe.clean) > self.noise_level
        return int(np.flatnonzero(seen)[-1] + 1) if seen.any() else 0


class SpectrumExplorer(Explorer):
    """Cut the singular value decomposition of a probe where you like; noise and width are yours.

    It opens at rank 36, where the singular values meet the noise: a few patterns too many, because
    it is not σᵢ but the coefficient that has to stand above the noise. A pull to the left takes the
    noise out and then, at rank 26, the dumbbells apart no longer; a pull to the right ends at the
    naive inverse. A click on the Picard plot or on the error curve moves the rank there.

    Examples
    --------
    >>> state = SpectrumExplorer.compute(**SpectrumExplorer.check(rank=28))
    >>> view = SpectrumExplorer.draw(state)
    >>> [panel.name for panel in view.panels], view.headline
    (['picard', 'profile', 'error'], 'RMSE 0.0993')
    """

    title = "Picard plot and rank"
    about = (
        "A row of InAs dumbbells seen through a probe with noise, reconstructed from the first "
        "singular patterns of the probe"
    )
    controls = (
        Slider("rank", "rank r (patterns kept)", 1, N, 1, 36, "How many patterns are inverted"),
        PERCENT,
        Slider("width", "probe width σ (pm)", 15, 100, 5, 50, "Standard deviation of the probe"),
    )
    more = (
        Choice("cut", "tails of the probe", CUTS, "4", "Where the probe's tails are cut"),
        Choice("border", "beyond the border", BORDERS, "reflect", "What lies beyond the border"),
    )

    @staticmethod
    def compute(*, rank: int, noise: float, width: float, cut: str, border: str) -> State:
        """Return the reconstruction from the first `rank` patterns, and the error at all ranks."""
        at = probe(width, cut, border)
        level = noise / 100 * float(np.abs(at.clean).max())
        data = at.clean + level * at.draw
        coefficients = at.U.T @ data
        s = np.maximum(at.s, LEAST)
        parts = coefficients / s
        amounts = at.Vt @ at.truth
        # The patterns are orthonormal: errors of kept and of dropped ones add up in squares.
        kept = np.cumsum((parts - amounts) ** 2)
        dropped = np.maximum(np.sum(amounts**2) - np.cumsum(amounts**2), 0.0)
        spread = level * np.sqrt(np.cumsum(1 / s**2) / N)
        return State(
            at,
            rank,
            level,
            data,
            np.abs(coefficients),
            at.Vt[:rank].T @ parts[:rank],
            np.sqrt((kept + dropped) / N),
            np.sqrt(dropped / N),
            spread,
            min(float(at.s[0] / s[-1]), ROUNDING),
        )

    @staticmethod
    def draw(result: State) -> View:
        """Return Picard plot, profile and error against rank, the RMSE, and what to notice."""
        sign = "≥" if result.condition >= ROUNDING else "="
        kappa = f"κ {sign} {number_text(result.condition)}"
        lowest = f"{number_text(float(result.errors.min()))} at rank {result.best}"
        error = number_text(result.rmse)
        words = (
            f"Rank {result.rank} of {N}: RMSE {error}. {_verdict(result)}. Lowest RMSE {lowest}; "
            f"condition number {kappa}."
        )
        panels = (_picard(result), _profile(result), _error(result))
        return View(panels, f"RMSE {error}", f"lowest RMSE {lowest} · {kappa}", words)

    def picked(self, message: dict[str, Any]) -> dict[str, Any]:
        """A point of the Picard plot or of the error curve is a rank."""
        return {"rank": message["index"] + 1} if message["index"] >= 0 else {}


def _verdict(state: State) -> str:
    """The title of the profile: what the rank has done."""
    if state.rmse <= 1.15 * state.errors.min():
        return "Near the best rank: all that the noise allows"
    if state.rank < state.best:
        return "Rank too small: fine patterns are missing"
    if state.rmse > 1:
        return "Rank far too large: only amplified noise"
    return "Rank too large: amplified noise is in"


def _picard(state: State) -> LinePanel:
    number = np.arange(1, N + 1)
    kept = number <= state.rank
    quotient = state.coefficients / np.maximum(state.probe.s, LEAST)
    seen = state.above_noise
    title = (
        f"The object stands out up to pattern {seen}; you keep {state.rank}."
        if seen
        else f"No pattern stands out of the noise; you keep {state.rank}."
    )
    return LinePanel(
        "picard",
        title,
        [
            Line(number, state.probe.s, "σᵢ", COLOURS["truth"], width=2.5),
            Line(
                number,
                state.coefficients,
                "|uᵢᵀy|",
                COLOURS["measurement"],
                "none",
                "circle",
                size=6,
                pick=True,
                picked=state.rank - 1,
            ),
            Line(
                number,
                np.where(kept, quotient, np.nan),
                "|uᵢᵀy|/σᵢ",
                COLOURS["naive"],
                "none",
                "triangle",
                size=6,
            ),
        ],
        Axis("number i of the pattern", limits=(0, N + 1)),
        Axis("size", "log", (1e-7, 1e5)),
        [
            Rule(state.rank + 0.5, "x", "rank", INK),
            Rule(state.noise_level, "y", "noise", COLOURS["measurement"], "dotted"),
        ],
    )


def _profile(state: State) -> LinePanel:
    at = PIXEL_PM * np.arange(N) / 1000
    return LinePanel(
        "profile",
        f"{_verdict(state)}.",
        [
            Line(at, state.probe.truth, "truth x", COLOURS["truth"], width=2.5),
            Line(
                at,
                state.data,
                "measurement y",
                COLOURS["measurement"],
                "none",
                "circle",
                size=5,
            ),
            Line(at, state.x, "first r patterns", COLOURS["naive"], "dashed", width=2.5),
        ],
        Axis("position (nm)", limits=(0, float(at[-1]))),
        Axis("intensity", limits=(-0.8, 1.8)),
    )


def _error(state: State) -> LinePanel:
    number = np.arange(1, N + 1)
    shown = np.maximum(state.bias, 1e-12)  # all patterns kept: nothing is dropped, log axis
    return LinePanel(
        "error",
        "At left object is missing, at right noise is in.",
        [
            Line(number, shown, "dropped", INK, "dashed"),
            Line(number, state.spread, "noise let in", INK, "dotted"),
            Line(
                number,
                state.errors,
                "RMSE",
                COLOURS["naive"],
                pick=True,
                picked=state.rank - 1,
            ),
            Line(
                [state.best],
                [state.errors.min()],
                "best",
                INK,
                "none",
                "open diamond",
                size=17,
            ),
            Line([state.rank], [state.rmse], "you", COLOURS["naive"], "none", "circle", size=11),
        ],
        Axis("rank r", limits=(0, N + 1)),
        Axis("RMSE", "log", (1e-3, 1e3)),
    )
