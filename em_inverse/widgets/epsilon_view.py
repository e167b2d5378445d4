"""What week 7's explorer draws of a running reconstruction: slice, distance, errors, words."""

from __future__ import annotations

import numpy as np

from em_inverse.plotting import COLOURS, OKABE_ITO
from em_inverse.widgets.colours import INK
from em_inverse.widgets.epsilon_run import BEST_RMSE, SOUND, TILTS, WINDOW, State, recording
from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Rule, View

__all__ = ["SHOWN", "bands", "beside", "draw", "two_decimals", "verdict"]

SHOWN = (-0.1, 1.1)
"""Intensity window of every slice."""
_DISTANCES = (0.4, 5.0)
_ERRORS = (0.2, 16.0)
_SPANS = (200, 400, WINDOW)
# Room right of the curves for the names of the bands.
_MARGIN = 1.25
_BETWEEN = 4
_ARRIVED = 1.02
_NEAR = 1.25


def verdict(state: State) -> str:
    """Say in a sentence what this ε does, or what keeps it from being reached."""
    low, high = SOUND
    if state.iteration == 0:
        return "Nothing yet: the slice starts empty"
    if state.out_of_reach:
        only = "with x ≥ 0 " if state.session.run.nonnegative else ""
        return f"Out of reach: {only}nothing comes closer than {two_decimals(state.floor)} × noise"
    if not 1 / _ARRIVED <= state.ratio <= _ARRIVED:
        if state.stuck:
            return "Stuck: its steps have run out, away from ε"
        return "On its way to ε" if state.ratio > 1 else "On its way to ε, from inside"
    if state.epsilon < low:
        return "Noisy: ε asks to fit the noise, too"
    if state.epsilon > high:
        return "Washed out: ε lets detail go"
    if state.rmse <= _NEAR * BEST_RMSE:
        return "Sound: as close to the data as their noise"
    if state.n_tilts < TILTS:
        return "ε fits the noise; tilts are missing"
    return "ε fits; the slice still settles"


def draw(state: State) -> View:
    """Return the slice beside the truth, the distance, the errors, and the words."""
    run = state.session.run
    told = verdict(state)
    headline = f"‖Ax − b‖ = {two_decimals(state.ratio)} ε · RMSE {state.rmse:.3f}"
    if state.iteration == 0:
        headline = f"Iteration 0 · RMSE {state.rmse:.3f}"
    where = {
        "running": "running",
        "resting": "at rest: move ε",
        "paused": f"paused after {state.iteration} iterations",
        "away": "paused: no page was looking",
    }[state.status]
    floor = two_decimals(state.floor) if run.nonnegative else f"below {two_decimals(state.floor)}"
    reach = f"ε = {two_decimals(state.epsilon)} × noise, floor {floor}"
    note = f"{reach} · {state.n_tilts} of {TILTS} tilts · {where}"
    words = (
        f"{told}. ε = {two_decimals(state.epsilon)} × noise, {headline.replace(' · ', ', ')}, "
        f"least ‖Ax − b‖ that can be reached {floor} × noise. Iteration {state.iteration}, "
        f"{state.n_tilts} of {TILTS} tilts, TV {two_decimals(state.tv)} × that of the truth, "
        f"sound from ε = {SOUND[0]:g} to {SOUND[1]:g} × noise."
    )
    slices = ImagePanel(
        "slices",
        f"{told}.",
        beside(state.x, recording().truth),
        SHOWN,
        unit="density",
        x_label=f"now, {'x ≥ 0' if run.nonnegative else 'any x'} | truth",
        y_label="← z, beam",
        pixel_size_nm=1.0,
    )
    return View((slices, _distance(state), _errors(state)), headline, note, words)


def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return two slices in one picture, a white strip between them."""
    between = np.full((left.shape[0], _BETWEEN), SHOWN[1], np.float32)
    return np.hstack([left, between, right])


def bands() -> tuple[Band, ...]:
    """Return the ranges of ε, lying, for an axis in units of the noise norm."""
    low, high = SOUND
    return (
        Band(0.0, low, "y", "noisy"),
        Band(low, high, "y", "sound", OKABE_ITO["bluish green"]),
        Band(high, np.inf, "y", "washed out"),
    )


def _distance(state: State) -> LinePanel:
    curves = state.curves
    rules = [Rule(state.floor, "y", "floor", INK, "dotted")] if state.floor > 0 else []
    return LinePanel(
        "distance",
        _where(state),
        [
            *_curve(curves, "distance", "‖Ax − b‖", COLOURS["tv"], "solid"),
            *_curve(curves, "epsilon", "", INK, "dashed"),
        ],
        _iterations(state),
        Axis("÷ noise norm", "log", _DISTANCES),
        [Rule(state.epsilon, "y", "ε", INK, "dashed", 1.0), *rules],
        bands(),
    )


def _where(state: State) -> str:
    low, high = SOUND
    if state.out_of_reach:
        return "ε lies below the floor."
    if state.epsilon < low:
        return "ε lies below the green band."
    return "ε lies above the green band." if state.epsilon > high else "ε lies in the green band."


def _errors(state: State) -> LinePanel:
    curves = {**state.curves, "rmse": state.curves["rmse"] / BEST_RMSE}
    error, tv = two_decimals(state.rmse / BEST_RMSE), two_decimals(state.tv)
    title = f"Error {error} × the least, TV {tv} × the truth’s."
    return LinePanel(
        "errors",
        title,
        [
            *_curve(curves, "rmse", "RMSE ÷ least", COLOURS["tv"], "solid"),
            *_curve(curves, "tv", "TV ÷ truth’s", INK, "dashdot"),
        ],
        _iterations(state),
        Axis("ratio", "log", _ERRORS),
        [Rule(1.0, "y", "", COLOURS["measurement"], "dotted")],
    )


def _curve(
    curves: dict[str, np.ndarray], key: str, label: str, colour: str, style: str
) -> list[Line]:
    if not curves[key].size:
        return []
    return [Line(curves["iteration"], curves[key], label, colour, style)]


def _iterations(state: State) -> Axis:
    span = next(span for span in _SPANS if state.iteration <= span or span == WINDOW)
    first = max(0, state.iteration - span)
    return Axis("iteration", limits=(first, first + _MARGIN * span))


def two_decimals(value: float) -> str:
    """Two decimals, fewer for large numbers: what moves under a hand must not flicker."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"
