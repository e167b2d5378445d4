"""The explorer of week 9: HAADF and element maps fused, with both λ, the dose and γ in hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import fusion, metrics, phantoms
from em_inverse.forward.contrast import PowerLaw
from em_inverse.plotting import COLOURS
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Rule, View
from em_inverse.widgets.ticks import number_text

__all__ = ["ELEMENTS", "FusionExplorer", "Recording", "State", "recording"]

N = 64
ELEMENTS = ("Au", "Fe", "O")
TRUE_GAMMA = 1.7
SPECTRAL, IMAGE = 100, 5000
SEED = 1
LAM_TV = LogSlider(
    "lam_tv", "λ₂, TV (× usual)", -1.5, 1.5, 13, 6, "1 is the usual weight of the prior"
)
LAM_SPECTRUM = LogSlider(
    "lam_spectrum", "λ₁, spectra (× usual)", -2, 2, 13, 6,
    "1 is what the noise of both measurements asks for; less trusts the image more",
)  # fmt: skip
DOSE = LogSlider(
    "dose", "dose (of D)", -2, 0, 7, 3, "Of both detectors: 100 and 5000 counts at the peak for 1"
)
GAMMA = Slider("gamma", "γ of the fit", 1.3, 2.1, 0.1, 1.7, "The image was made with 1.7")
_BLOCKS = (0.3, 100.0)
_BETWEEN = 3


@dataclass(frozen=True, eq=False)
class Recording:
    """What both detectors counted at one dose, and what needs no image.

    Attributes
    ----------
    truth : ndarray, shape (3, 64, 64)
        Amounts of Au, Fe and O.
    haadf, counts : ndarray
        The image, shape (64, 64), and the maps, shape (3, 64, 64), in counts.
    alone : ndarray, shape (3, 64, 64)
        Maps by total variation alone, on the scale of the truth.
    start : ndarray, shape (3, 64, 64)
        Where fusion begins, in counts.
    lam_spectrum, lam_tv : float
        The usual λ₁ and λ₂.
    counts_per_unit, haadf_unit : float
        What the maps and the image are divided by.
    """

    truth: np.ndarray
    haadf: np.ndarray
    counts: np.ndarray
    alone: np.ndarray
    start: np.ndarray
    lam_spectrum: float
    lam_tv: float
    counts_per_unit: float
    haadf_unit: float


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`FusionExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    at : Recording
    dose, gamma : float
    element : str
        Which map is looked at.
    maps : ndarray, shape (3, 64, 64)
        Fused, on the scale of the truth.
    rmse, rmse_alone : mapping of str to float
        Errors of each element and of ``"all"``, fused and by total variation alone.
    blocks : mapping of str to float
        Deviance of the spectra in blocks, over what chance gives.
    limit : float
        Above it the model is doubted.
    """

    at: Recording
    dose: float
    gamma: float
    element: str
    maps: np.ndarray
    rmse: Mapping[str, float]
    rmse_alone: Mapping[str, float]
    blocks: Mapping[str, float]
    limit: float

    @property
    def passed(self) -> bool:
        """Whether no element's deviance in blocks is above the limit."""
        return max(self.blocks.values()) <= self.limit


@lru_cache(maxsize=8)
def recording(dose: float = 0.1) -> Recording:
    """Return the particle of week 9 on 64 × 64 pixels, recorded at a dose.

    Parameters
    ----------
    dose : float
        Of both detectors, in units of the full one.

    Examples
    --------
    >>> recording(1.0).counts.shape
    (3, 64, 64)
    """
    truth = phantoms.core_shell_elements(N)
    image = PowerLaw(ELEMENTS, TRUE_GAMMA, normalise=True)(truth)
    rng = np.random.default_rng(SEED)
    haadf = rng.poisson(IMAGE * dose * image / image.max())
    counts = rng.poisson(SPECTRAL * dose * truth)
    alone = fusion.denoise(counts, ELEMENTS).x / (SPECTRAL * dose)
    start = fusion.denoise(counts, ELEMENTS, n_iter=30, tol=1e-3).x
    usual = fusion.fuse(haadf, counts, ELEMENTS, n_iter=1)
    found = usual.parameters
    return Recording(
        truth, haadf, counts, alone, start, found["lambda_spectrum"], found["lambda_tv"],
        found["S"], usual.haadf_unit,
    )  # fmt: skip


_RECORDED: set[float] = set()


@lru_cache(maxsize=64)
def _brightness(dose: float, gamma: float) -> float:
    """α does not depend on λ: it is fitted once for each dose and law."""
    at = recording(dose)
    found = fusion.fuse(at.haadf, at.counts, ELEMENTS, gamma=gamma, n_iter=1)
    return float(found.parameters["scale"])


class FusionExplorer(Explorer):
    """Fuse an image with three maps, and watch one of them, its error, and a check of the model.

    It opens where fusion does well: right γ, usual λ, a tenth of the dose. A wrong γ bends the maps
    until the image fits, and the check notices if the dose is high enough. λ₁ to the right forgets
    the image, to the left the spectra; λ₂ to the right flattens, first what is faint.

    Examples
    --------
    >>> state = FusionExplorer.compute(**FusionExplorer.check(dose=1.0))
    >>> state.rmse["all"] < state.rmse_alone["all"], state.passed
    (True, True)
    >>> [panel.name for panel in FusionExplorer.draw(state).panels]
    ['maps', 'profile', 'check']
    """

    title = "Two detectors, one specimen"
    about = "Element maps fused with a HAADF image, beside total variation alone"
    controls = (LAM_TV, LAM_SPECTRUM, DOSE, GAMMA)
    more = (
        Choice("element", "element", {name: name for name in ELEMENTS}, "Fe", "Whose map is shown"),
    )

    @staticmethod
    def compute(
        *, lam_tv: float, lam_spectrum: float, dose: float, gamma: float, element: str
    ) -> State:
        """Return the fused maps, their errors, and what the check says."""
        at = recording(dose)
        fused = fusion.fuse(
            at.haadf, at.counts, ELEMENTS, gamma=gamma, n_iter=24,
            lam_spectrum=lam_spectrum * at.lam_spectrum, lam_tv=lam_tv * at.lam_tv,
            scale=_brightness(dose, gamma), x0=at.start, counts_per_unit=at.counts_per_unit,
            haadf_unit=at.haadf_unit,
        )  # fmt: skip
        found = fusion.check(fused, try_gamma=False)
        maps = fused.x / (SPECTRAL * dose)
        _RECORDED.add(float(dose))
        return State(
            at, dose, gamma, element, maps, _errors(maps, at.truth), _errors(at.alone, at.truth),
            found.block_deviance, found.block_limit,
        )  # fmt: skip

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """A dose that is new is recorded first, and its maps denoised each by itself."""
        return float(parameters["dose"]) not in _RECORDED

    @staticmethod
    def draw(result: State) -> View:
        """Return the maps, a profile across them, the check, and who is ahead."""
        name = result.element
        headline = (
            f"RMSE fused {number_text(result.rmse['all'])} · TV alone "
            f"{number_text(result.rmse_alone['all'])}"
        )
        own = (
            f"{name}: {number_text(result.rmse[name])} fused, "
            f"{number_text(result.rmse_alone[name])} alone"
        )
        note = f"{own} · {_verdict(result)}"
        blocks = ", ".join(f"{key} {number_text(value)}" for key, value in result.blocks.items())
        words = f"{headline}. {own}. Deviance in blocks: {blocks}. {_verdict(result)}."
        return View((_maps(result), _profile(result), _check(result)), headline, note, words)


def _errors(maps: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    each = {
        name: metrics.rmse(one, true) for name, one, true in zip(ELEMENTS, maps, truth, strict=True)
    }
    return {**each, "all": metrics.rmse(maps, truth)}


def _verdict(state: State) -> str:
    worst = max(state.blocks, key=lambda name: state.blocks[name])
    better = state.rmse["all"] < state.rmse_alone["all"]
    if not state.passed:
        return f"the spectra object: {worst} misses in blocks"
    if better:
        return "the spectra do not object, and fusion is ahead"
    return "the spectra do not object, and yet TV alone is ahead"


def _maps(state: State) -> ImagePanel:
    """Counted, alone, fused and true, in one window."""
    k = ELEMENTS.index(state.element)
    truth = state.at.truth[k]
    raw = state.at.counts[k] / (SPECTRAL * state.dose)
    high = 1.1 * float(truth.max())
    ratio = state.rmse[state.element] / state.rmse_alone[state.element]
    column, row = np.full((N, _BETWEEN), high), np.full((_BETWEEN, 2 * N + _BETWEEN), high)
    above = np.hstack([np.minimum(raw, high), column, state.at.alone[k]])
    below = np.hstack([state.maps[k], column, truth])
    return ImagePanel(
        "maps",
        f"{state.element}: {ratio:.2g} × the error of TV alone.",
        np.vstack([above, row, below]),
        (0.0, high),
        unit="amount",
        x_label="above: counts | TV alone",
        y_label="below: fused | truth",
    )


def _profile(state: State) -> LinePanel:
    """Across the middle of the particle, three rows wide."""
    k = ELEMENTS.index(state.element)
    across = np.arange(N)
    rows = slice(N // 2 - 1, N // 2 + 2)
    cut = {
        name: maps[k][rows].mean(axis=0)
        for name, maps in (
            ("counts", state.at.counts / (SPECTRAL * state.dose)),
            ("truth", state.at.truth),
            ("TV alone", state.at.alone),
            ("fused", state.maps),
        )
    }
    high = 1.6 * float(state.at.truth[k].max())
    lines = [
        Line(across, cut["counts"], "counts", COLOURS["measurement"], "none", "circle", size=4),
        Line(across, cut["truth"], "truth", COLOURS["truth"], width=1.5),
        Line(across, cut["TV alone"], "TV alone", COLOURS["tv"], "dashdot"),
        Line(across, cut["fused"], "fused", COLOURS["tv"], "solid", width=2.5),
    ]
    return LinePanel(
        "profile",
        "Across the middle of the particle.",
        lines,
        Axis("column (px)", limits=(0, N - 1)),
        Axis("amount", limits=(-0.05, high)),
    )


def _check(state: State) -> LinePanel:
    at = np.arange(1, len(ELEMENTS) + 1)
    values = np.clip([state.blocks[name] for name in ELEMENTS], 1.1 * _BLOCKS[0], 0.9 * _BLOCKS[1])
    title = "The model passes." if state.passed else "The model fails."
    line = Line(at, values, "", COLOURS["tv"], "none", "diamond", size=13)
    return LinePanel(
        "check",
        title,
        [line],
        Axis("element: 1 Au, 2 Fe, 3 O", limits=(0.5, 3.5)),
        Axis("deviance in blocks ÷ chance", "log", _BLOCKS),
        [Rule(1.0, "y", "", COLOURS["measurement"], "dotted")],
        [Band(state.limit, _BLOCKS[1], "y", "doubted", COLOURS["naive"])],
    )
