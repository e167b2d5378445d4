"""How a moment of a live tomography is drawn, told in words, and listed as alarms."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from em_inverse.plotting import COLOURS
from em_inverse.widgets.cockpit_run import Alarm, Moment
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, Panel, Rule, View

__all__ = ["alarm_list", "draw", "hall", "hall_words", "maximum", "twist_words"]

_GAP = 4
_HALL = ("prepared", "residuals")
_ROWS = 72
# The stack is so many times as tall as one image is wide.
_TALL = 1.4
_TOPS = (2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
_SEEN_BY = {"alarm": "▲", "warning": "△", "note": "·"}
_NOTHING = np.zeros((8, 8), np.float32)
_MOST_ALARMS, _MOST_IN_THE_HALL = 30, 3


def draw(moment: Moment) -> View:
    """Return the six panels, the headline and the words for a moment."""
    return View(
        [
            _measured(moment),
            _prepared(moment),
            _stack(moment),
            _slice(moment),
            _residuals(moment),
            _distance(moment),
        ],
        headline(moment),
        _note(moment),
        description(moment),
    )


def hall(panels: Sequence[Panel]) -> list[Panel]:
    """Return the panels that a hall sees beside the volume, with short words at their edges."""
    chosen = [panel for panel in panels if panel.name in _HALL]
    return [replace(p, y_label="y ↓") if isinstance(p, ImagePanel) else p for p in chosen]


def headline(moment: Moment) -> str:
    """Return the numbers that matter: projections, ‖Ax − b‖ against ε, twist, alarms."""
    parts = [_count(moment)]
    if math.isfinite(moment.ratio):
        parts.append(f"‖Ax − b‖ {moment.ratio:.2f} ε")
    if moment.twist_deg is not None:
        parts.append(twist_words(moment.twist_deg))
    alarms = len({alarm.angle_deg for alarm in moment.open_alarms})
    parts.append("no alarm" if not alarms else "1 alarm" if alarms == 1 else f"{alarms} alarms")
    return " · ".join(parts)


def twist_words(twist_deg: float) -> str:
    """Say a twist as a hand and an angle, to 5°.

    Examples
    --------
    >>> twist_words(121.3), twist_words(-63.0), twist_words(3.0)
    ('right-handed, 120° of twist', 'left-handed, 65° of twist', 'no twist to be seen')
    """
    turned = 5 * round(abs(twist_deg) / 5)
    if turned < 10:
        return "no twist to be seen"
    return f"{'right' if twist_deg > 0 else 'left'}-handed, {turned}° of twist"


def hall_words(moment: Moment) -> tuple[str, str]:
    """Return headline and note in large type: the same numbers in fewer words.

    Parameters
    ----------
    moment : Moment
    """
    short = headline(moment).replace(" projections", "").replace(" of twist", "")
    note = " · ".join(_progress(moment))
    if moment.advice is not None and moment.status != "finished":
        note += f" · advice: {moment.advice.reason.partition(':')[0]}"
    return short, note


def description(moment: Moment) -> str:
    """Return what is seen, and what follows from it."""
    if not moment.n_received:
        return f"Nothing has arrived yet from {moment.words}."
    newest = moment.newest
    assert newest is not None
    parts = [f"{_count(moment)} of {moment.words}; the newest at {_angle(newest.angle_deg)}."]
    if math.isfinite(moment.ratio):
        parts.append(
            f"The object explains them to {moment.ratio:.2f} times ε, with ε at "
            f"{moment.epsilon:.2g} times the noise."
        )
    if moment.twist_deg is not None:
        parts.append(f"The particle in the volume is {twist_words(moment.twist_deg)}.")
    for alarm in moment.open_alarms[:3]:
        parts.append(f"{alarm.severity.capitalize()}: {alarm.message}")
    return " ".join(parts)


def maximum(moment: Moment) -> ImagePanel:
    """Return the volume seen from the side: its maximum along x, which no projection shows."""
    return ImagePanel(
        "maximum",
        "From the side: maximum along x",
        moment.x.max(axis=1),
        unit="intensity of the volume",
        x_label="y → (tilt axis)",
        y_label="z ↓ (beam)",
        pixel_size_nm=moment.pixel_size_nm,
    )


def alarm_list(moment: Moment, *, short: bool = False) -> str:
    """Return the alarms as an HTML list, the newest first.

    Parameters
    ----------
    moment : Moment
    short : bool
        The last three, without what to do about them.
    """
    most = _MOST_IN_THE_HALL if short else _MOST_ALARMS
    if not moment.alarms:
        words = (
            "No alarm: every tilt agrees with its neighbours."
            if moment.n_received
            else "No projection has arrived yet."
        )
        return f'<div class="em-alarms" role="log">{words}</div>'
    entries = "".join(_entry(alarm, short) for alarm in moment.alarms[:most])
    more = 0 if short else len(moment.alarms) - most
    rest = f"<li>… and {more} earlier</li>" if more > 0 else ""
    return (
        f'<ul class="em-alarms" role="log" aria-label="Alarms, newest first">{entries}{rest}</ul>'
    )


def _entry(alarm: Alarm, short: bool) -> str:
    fate = f"{alarm.fate}: " if alarm.fate else ""
    words = alarm.fate or alarm.severity if short else fate + alarm.message
    kind = alarm.kind.replace("_", " ")
    colour = "#4a4a4a" if not alarm.open else "#8a0018" if alarm.severity == "alarm" else "#1a1a1a"
    return (
        f'<li style="color: {colour}"><b>{_SEEN_BY[alarm.severity]} {_angle(alarm.angle_deg)} '
        f"{html.escape(kind)}</b> – {html.escape(words)}</li>"
    )


def _count(moment: Moment) -> str:
    if moment.n_expected is not None:
        return f"{moment.n_tilts} of {moment.n_expected} projections"
    return "1 projection" if moment.n_tilts == 1 else f"{moment.n_tilts} projections"


def _note(moment: Moment) -> str:
    parts = _progress(moment)
    if moment.advice is not None and moment.status != "finished":
        parts.append(f"advice: {moment.advice.reason}")
    return " · ".join(parts)


def _progress(moment: Moment) -> list[str]:
    """What it does, at which pace, and how long it takes."""
    parts = [
        {
            "waiting": "press Start: the recording begins",
            "paused": "paused, Start goes on",
            "running": "recording",
            "finishing": "all are in: iterating to the end",
            "finished": "finished",
            "failed": "failed",
        }[moment.status]
    ]
    if moment.status == "running":
        if math.isfinite(moment.pace_s):
            parts.append(f"one every {_seconds(moment.pace_s)}")
        if math.isfinite(moment.eta_s) and moment.eta_s > 0:
            parts.append(f"{_seconds(math.ceil(moment.eta_s))} left")
    return parts


def _seconds(seconds: float) -> str:
    if isinstance(seconds, float) and seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _angle(angle_deg: float) -> str:
    return f"{angle_deg:+.4g}°".replace("-", "−")


def _newest_name(moment: Moment) -> str:
    return "" if moment.newest is None else f" ({_angle(moment.newest.angle_deg)})"


def _measured(moment: Moment) -> ImagePanel:
    image = _NOTHING if moment.raw is None else moment.raw.T
    # A few hot pixels would leave nothing but black.
    low, high = (float(v) for v in np.percentile(image, (0.5, 99.5)))
    return ImagePanel(
        "measured",
        f"Newest{_newest_name(moment)}, as it came",
        image,
        (low, high if high > low else low + 1.0),
        unit="counts of the detector",
        x_label="x →",
        y_label="y ↓ (tilt axis)",
    )


def _prepared(moment: Moment) -> ImagePanel:
    title = "The same, prepared"
    newest = moment.newest
    if newest is not None:
        across, along = moment.observation.preparation.shifts_px.get(
            newest.angle_deg, newest.shift_px
        )
        moved = ", ".join(f"{round(shift, 1) + 0.0:+.1f}" for shift in (across, along))
        title = f"Prepared: moved {moved} px"
    return ImagePanel(
        "prepared",
        title.replace("-", "−"),
        _NOTHING if moment.prepared is None else moment.prepared.T,
        unit="line integral (counts)",
        x_label="x →",
        y_label="y ↓ (tilt axis)",
        pixel_size_nm=moment.pixel_size_nm,
    )


def _stack(moment: Moment) -> ImagePanel:
    """Rows are tilts: as they came on the left, aligned on the right, marks between."""
    n, width = moment.after.shape
    if n == 0:
        image = np.zeros((_ROWS, 2 * _ROWS + _GAP), np.float32)
        window: tuple[float, float] = (0.0, 1.0)
    else:
        window = (0.0, float(max(np.percentile(moment.after, 99.8), 1e-6)))
        flagged = {alarm.angle_deg for alarm in moment.open_alarms}
        marks = np.array([a in flagged for a in moment.tilts_deg], np.float32) * window[1]
        between = np.repeat(marks[:, None], _GAP, axis=1)
        rows = np.concatenate([moment.before, between, moment.after], axis=1)
        image = np.repeat(rows, max(1, round(_TALL * width / n)), axis=0)
    return ImagePanel(
        "stack",
        f"Aligned (right), tilts line up; y = {moment.y}" if n else "No tilt is there yet",
        image,
        window,
        unit="counts (white tick: alarm)",
        x_label="x as it came  |  x aligned",
        y_label="tilt ↓" if n == 0 else _span(moment.tilts_deg),
    )


def _span(tilts_deg: np.ndarray) -> str:
    return f"{_angle(float(tilts_deg[0]))} to {_angle(float(tilts_deg[-1]))} ↓"


def _slice(moment: Moment) -> ImagePanel:
    image = moment.x[:, :, moment.y]
    return ImagePanel(
        "slice",
        f"Slice y = {moment.y} of the volume",
        image,
        (0.0, float(max(moment.x.max(), 1e-6))),
        unit="intensity of the volume",
        x_label="x →",
        y_label="z ↓ (beam)",
        pixel_size_nm=moment.pixel_size_nm,
    )


def _residuals(moment: Moment) -> LinePanel:
    flagged = {alarm.angle_deg for alarm in moment.open_alarms}
    usual = [(a, r) for a, r in moment.residuals.items() if a not in flagged]
    odd = [(a, r) for a, r in moment.residuals.items() if a in flagged]
    lines = [
        Line(*_xy(usual), "tilts", COLOURS["measurement"], "none", "circle"),
        Line(*_xy(odd), "with an alarm", COLOURS["naive"], "none", "triangle", size=13),
    ]
    gone = sorted({alarm.angle_deg for alarm in moment.alarms} - set(moment.residuals))
    nowhere = [(angle, 0.0) for angle in gone]
    lines.append(Line(*_xy(nowhere), "not used", style="none", marker="cross", size=9))
    worst = max(moment.residuals.items(), key=lambda pair: pair[1], default=None)
    if worst is None:
        title = "No tilt is explained yet"
    elif worst[0] in flagged:
        title = f"{_angle(worst[0])} contradicts the others"
    else:
        title = f"The worst tilt: {_angle(worst[0])}"
    top = next((t for t in _TOPS if worst is None or t >= worst[1]), 1e6)
    return LinePanel(
        "residuals",
        title,
        lines,
        Axis("tilt (°)", limits=_tilt_limits(moment)),
        Axis("‖Aθ x − bθ‖ (noise)", limits=(-0.03 * top, top)),
        [Rule(1.0, "y", "noise", style="dotted")],
    )


def _tilt_limits(moment: Moment) -> tuple[float, float]:
    planned = moment.observation.recording.range_deg or (-80.0, 80.0)
    there = moment.tilts_deg if moment.tilts_deg.size else np.zeros(1)
    return min(planned[0], float(there.min())) - 4, max(planned[1], float(there.max())) + 4


def _xy(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Both coordinates; a single NaN draws nothing, and keeps the legend as it is."""
    pairs = pairs or [(math.nan, math.nan)]
    return [a for a, _ in pairs], [r for _, r in pairs]


def _distance(moment: Moment) -> LinePanel:
    nothing = np.array([math.nan])
    curves = {k: v if v.size else nothing for k, v in moment.curves.items()}
    iteration = curves["iteration"]
    reached = moment.ratio <= 1.03 if math.isfinite(moment.ratio) else False
    title = (
        "The data are explained to within ε"
        if reached
        else "Nothing has been iterated yet"
        if not math.isfinite(moment.ratio)
        else "The data are not explained to within ε yet"
    )
    ratio = np.minimum(curves["ratio"], 3.0)
    return LinePanel(
        "distance",
        title,
        [
            Line(iteration, ratio, "‖Ax − b‖ ÷ ε", COLOURS["tv"]),
            Line(iteration, curves["share"], "share recorded", "#4a4a4a", "dashdot", width=1.5),
        ],
        Axis("iteration", limits=(0.0, max(60.0, 1.05 * float(moment.iteration)))),
        Axis("‖Ax − b‖ ÷ ε", limits=(0.0, 3.05)),
        [Rule(1.0, "y", f"ε = {moment.epsilon:.2g} × noise" if moment.n_tilts else "ε")],
    )
