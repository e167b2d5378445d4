"""The explorer of week 10: one dose, shared out among tilts, energy channels and exposure."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import phantoms, tomography
from em_inverse.errors import check_integer, check_number
from em_inverse.fidelity import PoissonLikelihood
from em_inverse.forward.channels import Channels
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.plotting import COLOURS
from em_inverse.priors import ChannelTotalVariation
from em_inverse.solvers import PDHG
from em_inverse.spectroscopic import SpectralSeries
from em_inverse.tilt_series import TiltSeries
from em_inverse.widgets import working
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, Rule, View
from em_inverse.widgets.ticks import number_text

__all__ = [
    "MODES", "BudgetExplorer", "Recording", "State", "cube_slice", "fitted_after", "fitted_inside",
    "line_shapes", "recording", "relative_errors",
]  # fmt: skip

N = 32
LIMIT_DEG = 70
MODES = ("corner", "edge", "face")
#: Energies of the three modes, their width (half width at half maximum) and the window, in eV.
LINES_EV, WIDTH_EV, WINDOW_EV = (2.2, 2.7, 3.3), 0.2, (1.5, 4.0)
DOSE = LogSlider(
    "dose", "counts in all", 2.5, 4.5, 9, 4, "All counts of this slice that come from the cube"
)
TILTS = Slider(
    "tilts", "tilts", 3, 61, 2, 15, "Projections between −70° and 70°, one of them at 0°"
)
CHANNELS = Slider("channels", "energy channels", 2, 32, 1, 12, "Between 1.5 and 4 eV, equally wide")
DARK = Slider(
    "dark", "dark counts", 0, 0.5, 0.05, 0,
    "What the detector counts without an electron, in every pixel, tilt and channel; known",
)  # fmt: skip
RECORDINGS = {"0": "first", "1": "second", "2": "third"}
# λ over tilts / √counts. Found by experiment, and the same within a factor of two everywhere.
_WEIGHT = 4.0
# The error is then within 2 % of the final one, also where counts are spread thin.
_ROUNDS = 60
_TICKS_EVERY = 5
# Results kept for going back; each holds six pictures of 32 × 32 pixels, 50 kB with its counts.
_MOST_STATES = 500
_BETWEEN = 2
_ERRORS = (0.1, 20.0)
_DENSEST = 1.6


@dataclass(frozen=True, eq=False)
class Recording:
    """A spectral tilt series of one slice through a nanocube.

    Attributes
    ----------
    truth : ndarray of float32, shape (32, 32, 1, 3)
        Corner, edge and face modes x[z, x, y, mode].
    shapes : ndarray, shape (n_channels, 3)
        Spectra of the modes.
    series : SpectralSeries
        Counts, the dark ones among them.
    scale : float
        Counts per unit of the truth.
    dark : float
        Expected dark counts per reading.
    """

    truth: np.ndarray
    shapes: np.ndarray
    series: SpectralSeries
    scale: float
    dark: float

    @property
    def dose(self) -> float:
        """Expected counts that come from the cube."""
        reading = self.series.stack.size
        return max(float(self.series.stack.sum(dtype=np.float64)) - self.dark * reading, 1.0)


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`BudgetExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    at : Recording
    dose : float
        Counts of the cube that were asked for.
    inside, after : ndarray, shape (32, 32, 3)
        Modes on the scale of the truth: spectra inside of the reconstruction, and fitted to
        back-projected channels.
    errors, errors_after : mapping of str to float
        Relative errors of each mode and of ``"all"``.
    """

    at: Recording
    dose: float
    inside: np.ndarray
    after: np.ndarray
    errors: Mapping[str, float]
    errors_after: Mapping[str, float]

    @property
    def readings(self) -> int:
        """Pixels times tilts times channels."""
        return int(self.at.series.stack.size)

    @property
    def dark_share(self) -> float:
        """Expected share of dark counts in all counts."""
        dark = self.at.dark * self.readings
        return dark / (dark + self.dose)


@lru_cache(maxsize=1)
def cube_slice() -> np.ndarray:
    """Return a slice x[z, x, y, mode] through four corners of the cube, where all modes meet.

    Examples
    --------
    >>> cube_slice().shape
    (32, 32, 1, 3)
    """
    near = N // 4 - 1
    x = phantoms.nanocube_modes(N)[:, :, near : near + 2].mean(axis=2, keepdims=True)
    x.flags.writeable = False
    return x


def line_shapes(channels: int) -> np.ndarray:
    """Return the spectra of the modes: the share of each that falls into each energy channel.

    Parameters
    ----------
    channels : int
        Equally wide, from 1.5 to 4 eV.

    Returns
    -------
    ndarray, shape (channels, 3)

    Examples
    --------
    >>> line_shapes(4).sum(axis=0).round(2).tolist()
    [0.88, 0.9, 0.88]
    """
    borders = np.linspace(*WINDOW_EV, check_integer(channels, "channels", minimum=1) + 1)
    below = [np.arctan((borders - line) / WIDTH_EV) / np.pi for line in LINES_EV]
    return np.diff(np.stack(below, axis=1), axis=0)


@lru_cache(maxsize=64)
def recording(
    tilts: int = 15, channels: int = 12, dose: float = 3000.0, dark: float = 0.0, seed: int = 0
) -> Recording:
    """Return the slice as counted, the dose shared out among all readings.

    Parameters
    ----------
    tilts : int
        In equal steps from −70° to 70°.
    channels : int
        Energy channels between 1.5 and 4 eV.
    dose : float
        Expected counts from the cube in all tilts and channels together.
    dark : float
        Expected dark counts in every reading.
    seed : int
        Of the noise.

    Examples
    --------
    >>> recording(5, 4).series
    SpectralSeries(5 tilts, 32 × 1 pixels, channels channel 0, channel 1, channel 2, channel 3)
    """
    total = check_number(dose, "dose", minimum=0, exclusive=True)
    beta = check_number(dark, "dark", minimum=0)
    x, M = cube_slice(), line_shapes(channels)
    angles = np.linspace(-LIMIT_DEG, LIMIT_DEG, check_integer(tilts, "tilts", minimum=2))
    clean = Channels(ParallelBeam(x.shape[:3], angles), M) @ np.moveaxis(x, -1, 0)
    clean = np.maximum(np.moveaxis(clean, 0, -1), 0).astype(np.float64)
    scale = total / clean.sum()
    counts = np.random.default_rng(seed).poisson(scale * clean + beta)
    return Recording(x, M, SpectralSeries(counts, angles), float(scale), beta)


def fitted_inside(at: Recording, n_iter: int = _ROUNDS) -> np.ndarray:
    """Return the modes x[z, x, mode] of a recording, reconstructed from all channels at once.

    Poisson counts, total variation of each mode, x ≥ 0; λ = 4 · tilts / √counts.

    Examples
    --------
    >>> at = recording(9, 8, dose=3e4)
    >>> relative_errors(fitted_inside(at), at.truth)["all"] < 0.4
    True
    """
    y = at.series.stack[..., 0]
    H = Channels(ParallelBeam((N, N), at.series.angles_deg), at.shapes)
    start = H.adjoint(y) / np.maximum(H.adjoint(H.forward(np.ones(H.in_shape, H.dtype))), 1e-3)
    solver = PDHG(
        PoissonLikelihood(H, y, at.dark),
        ChannelTotalVariation(shared=False),
        _WEIGHT * at.series.n_tilts / np.sqrt(at.dose),
        np.maximum(start, 0),
        nonnegative=True,
    )
    for done, _ in zip(range(n_iter), solver, strict=False):
        if done % _TICKS_EVERY == 0:
            working.tick(done, n_iter)
    return np.moveaxis(solver.x, 0, -1) / at.scale


def fitted_after(at: Recording) -> np.ndarray:
    """Return the modes x[z, x, mode] by weighted back-projection with spectra fitted to channels.

    Both are linear, so the fit is made first, where there are fewer numbers.

    Examples
    --------
    >>> fitted_after(recording(9, 8)).shape
    (32, 32, 3)
    """
    maps = (at.series.projections - at.dark) @ np.linalg.pinv(at.shapes).T
    volumes = [
        tomography.wbp(TiltSeries(maps[..., k], at.series.angles_deg)).x[:, :, 0]
        for k in range(len(MODES))
    ]
    return np.stack(volumes, axis=-1) / at.scale


def relative_errors(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return ‖found − truth‖ / ‖truth‖ of each mode and of all: 1 is as good as an empty picture.

    Examples
    --------
    >>> relative_errors(np.zeros((2, 2, 3)), np.ones((2, 2, 3)))["all"]
    1.0
    """
    true = np.asarray(truth, dtype=np.float64).reshape(-1, len(MODES))
    off = np.asarray(found, dtype=np.float64).reshape(true.shape) - true
    each = np.linalg.norm(off, axis=0) / np.linalg.norm(true, axis=0)
    whole = float(np.linalg.norm(off) / np.linalg.norm(true))
    return {**dict(zip(MODES, each.tolist(), strict=True)), "all": whole}


_STATES: OrderedDict[tuple[Any, ...], State] = OrderedDict()
_LOCK = threading.Lock()


class BudgetExplorer(Explorer):
    """Share one dose out among tilts and channels, and see what each way of splitting costs.

    It opens at half a count per reading. With a detector that counts nothing but electrons it
    hardly matters how the dose is split, as long as there are some tilts and enough channels.
    Dark counts are paid for every reading, and make splitting dear.

    Examples
    --------
    >>> state = BudgetExplorer.compute(**BudgetExplorer.check(tilts=9))
    >>> state.errors["all"] < 0.5 < 1 < state.errors_after["all"]
    True
    >>> [panel.name for panel in BudgetExplorer.draw(state).panels]
    ['modes', 'spectrum', 'errors']
    """

    title = "One dose: tilts, channels or exposure?"
    about = "Three modes of a nanocube in one slice, from counts in tilts and energy channels"
    controls = (DOSE, TILTS, CHANNELS, DARK)
    more = (Choice("noise", "recording", RECORDINGS, "0", "The same experiment with other noise"),)

    @staticmethod
    def compute(*, dose: float, tilts: int, channels: int, dark: float, noise: str) -> State:
        """Return the modes by both ways, and their errors; from memory where they were made."""
        key = (int(tilts), int(channels), float(dose), float(dark), int(noise))
        with _LOCK:
            if key in _STATES:
                _STATES.move_to_end(key)
                return _STATES[key]
        at = recording(*key)
        inside, after = fitted_inside(at), fitted_after(at)
        made = State(
            at, dose, inside, after,
            relative_errors(inside, at.truth), relative_errors(after, at.truth),
        )  # fmt: skip
        with _LOCK:
            _STATES[key] = made
            while len(_STATES) > _MOST_STATES:
                _STATES.popitem(last=False)
        return made

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """A plan that was tried before is shown at once; a new one is computed in a thread."""
        p = parameters
        key = (
            int(p["tilts"]), int(p["channels"]), float(p["dose"]), float(p["dark"]),
            int(p["noise"]),
        )  # fmt: skip
        with _LOCK:
            return key not in _STATES

    @staticmethod
    def draw(result: State) -> View:
        """Return the modes by both ways, the spectrum of all counts, the errors, and a verdict."""
        headline = (
            f"error {number_text(result.errors['all'])} · fitted after "
            f"{number_text(result.errors_after['all'])}"
        )
        each = (result.dose + result.at.dark * result.readings) / result.readings
        note = (
            f"{result.readings} readings of {number_text(each)} counts, "
            f"{result.dark_share:.0%} of them dark · {_verdict(result)}"
        )
        modes = ", ".join(f"{name} {number_text(result.errors[name])}" for name in MODES)
        words = f"{headline}. Spectra inside: {modes}. {note}."
        return View((_modes(result), _spectrum(result), _errors(result)), headline, note, words)


def _verdict(state: State) -> str:
    """The worst thing about this plan, or that there is none."""
    if len(state.at.shapes) < len(MODES):
        return "fewer channels than modes: they cannot be told apart"
    if state.at.series.n_tilts < 5:
        return "hardly any tilts: directions are missing, and no dose replaces them"
    if state.dark_share > 0.5:
        return "most counts are dark: fewer readings would help"
    if state.errors["all"] > 0.5:
        return "few counts: expose longer"
    return "enough to tell the modes apart"


def _modes(state: State) -> ImagePanel:
    """Truth, fitted after and fitted inside, one under the other, the three modes side by side."""
    rows = (state.at.truth[:, :, 0], state.after, state.inside)
    high = 1.0
    column = np.full((N, _BETWEEN), high)
    strips = []
    for k, row in enumerate(rows):
        corner, edge, face = np.clip(np.moveaxis(row, -1, 0), 0, high)
        strip = np.hstack([corner, column, edge, column, face])
        strips += [strip] if k == 0 else [np.full((_BETWEEN, strip.shape[1]), high), strip]
    return ImagePanel(
        "modes",
        "From above: truth, fitted after, inside.",
        np.vstack(strips),
        (0.0, high),
        unit="strength of the mode",
        x_label="corner | edge | face",
        y_label="← z, beam",
    )


def _spectrum(state: State) -> LinePanel:
    """All counts by energy, the dark ones taken off, as a share per eV."""
    borders = np.linspace(*WINDOW_EV, len(state.at.shapes) + 1)
    middle, width = (borders[1:] + borders[:-1]) / 2, borders[1] - borders[0]
    stack = state.at.series.stack
    net = stack.sum(axis=(1, 2, 3), dtype=np.float64) - state.at.dark * stack[0].size
    share = np.clip(net / (state.dose * width), 0.0, 0.98 * _DENSEST)
    fine = np.linspace(*WINDOW_EV, 201)
    weights = state.at.truth.sum(axis=(0, 1, 2), dtype=np.float64)
    weights = weights / float((state.at.shapes @ weights).sum())
    lines = [
        Line(
            fine,
            weight * WIDTH_EV / np.pi / ((fine - line) ** 2 + WIDTH_EV**2),
            name,
            COLOURS["truth"],
            style,
            width=1.5,
        )
        for name, line, weight, style in zip(
            MODES, LINES_EV, weights, ("solid", "dashed", "dotted"), strict=True
        )
    ]
    lines.append(Line(middle, share, "counts", COLOURS["measurement"], "none", "circle"))
    return LinePanel(
        "spectrum",
        "All counts, dark ones taken off.",
        lines,
        Axis("energy loss (eV)", limits=WINDOW_EV),
        Axis("share of counts (1/eV)", limits=(0.0, _DENSEST)),
    )


def _errors(state: State) -> LinePanel:
    names = (*MODES, "all")
    at = np.arange(1, len(names) + 1)
    low, high = _ERRORS

    def values(errors: Mapping[str, float]) -> np.ndarray:
        return np.clip([errors[name] for name in names], 1.05 * low, 0.95 * high)

    lines = [
        Line(
            at, values(state.errors_after), "after", COLOURS["naive"], "none", "triangle", size=10
        ),
        Line(at, values(state.errors), "inside", COLOURS["tv"], "none", "diamond", size=12),
    ]
    return LinePanel(
        "errors",
        "1 is no better than an empty picture.",
        lines,
        Axis("1 corner, 2 edge, 3 face, 4 all", limits=(0.5, 4.5)),
        Axis("relative error", "log", _ERRORS),
        [Rule(1.0, "y", "", COLOURS["measurement"], "dotted")],
    )
