"""The particle of week 13's exercises, and the pictures that correct answers give on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.checks import week13_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from em_inverse.simulate import Cluster
    from em_inverse.tilt_series import TiltSeries

__all__ = [
    "Caption", "between", "caption", "captions", "chamfer", "particle", "recording", "widest_step",
]  # fmt: skip

_PIXELS = 64


@dataclass(frozen=True)
class Caption:
    """A caption, and what it gets right: "count", "way", "claim", "rests".

    Attributes
    ----------
    text : str
    right : frozenset of str
    """

    text: str
    right: frozenset[str]

    def __str__(self) -> str:
        return self.text


def captions() -> tuple[Caption, ...]:
    """Return the four captions of exercise 4."""
    return (
        Caption(
            "Tomogram from 61 projections, −90° to 90° by 3° (SIRT, 100 iterations).",
            frozenset({"claim"}),
        ),
        Caption(
            "Tomogram from 31 projections, brought to 61 by geometric filling: the resolution of "
            "61 at half the dose.",
            frozenset({"count", "way"}),
        ),
        Caption(
            "Tomogram from 31 recorded projections, every 6°, and 30 generated between them "
            "(geometric filling; marked in the deposited series). Distances were measured in the "
            "volume of the 31 alone, shown in b.",
            frozenset({"count", "way", "claim", "rests"}),
        ),
        Caption(
            "Tomogram from 61 projections, of which a neural network (PSNR 34 dB) restored those "
            "that were missing.",
            frozenset(),
        ),
    )


@cache
def particle() -> Cluster:
    """Return the particle of the week: aluminium, an element that the network has not seen."""
    from em_inverse import simulate

    return simulate.fcc_cluster("Al", 1.0, 1.0).turned(3)


@cache
def recording(step_deg: int = 1) -> TiltSeries:
    """Return its tilt series, 64 × 64 pixels of 0.036 nm, −90° to 90°."""
    from em_inverse import simulate

    angles = np.arange(-90, 91, step_deg)
    return simulate.particle_tilt_series(particle(), shape=(_PIXELS, _PIXELS), angles_deg=angles)


def widest_step() -> Picture:
    """Show the widest step against the radius, for three periods."""
    radii = np.geomspace(0.5, 50, 60)
    periods = (0.1, 0.2, 0.5)
    return Picture(
        _steps(radii, periods),
        "Three falling straight lines in a log-log plot: the wider a particle and the finer the "
        "detail, the smaller the step.",
        [
            ("step for R = 1 nm, d = 0.1 nm, degrees", float(reference.widest_step(1.0, 0.1))),
            ("step for R = 50 nm, d = 0.5 nm, degrees", float(reference.widest_step(50.0, 0.5))),
        ],
    )


def between() -> Picture:
    """Show one wave along the detector of the particle's series, recorded every 6°, and the fit."""
    fine = np.arange(0, 360)
    row = recording().projections[:, :, _PIXELS // 2]
    turn = np.concatenate([row[:-1], row[:-1, ::-1]])
    k = 3
    wave = np.fft.rfft(turn, axis=1)[:, k]
    centre = np.exp(2j * np.pi * k * (_PIXELS - 1) / 2 / _PIXELS)
    values = (wave * centre).real.astype(np.float64)
    found = reference.between(fine[::6], values[::6], fine, 12)
    return Picture(
        _fitted(fine, values, found),
        "Dots on a curve with a few swings in a full turn, and the fit through the dots, which "
        "hides the curve.",
        [
            ("largest difference, share of the largest value",
             float(np.abs(found - values).max() / np.abs(values).max())),
            ("recorded angles of the full turn", 60.0),
        ],
    )  # fmt: skip


def chamfer() -> Picture:
    """Show two rings of points, one of them broken."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    a = np.stack([10 * np.cos(turn), 10 * np.sin(turn), 0 * turn], axis=1)
    b = 1.1 * a[:40]
    return Picture(
        _rings(a, b),
        "A full ring of points, and a slightly wider one of which a third is missing.",
        [
            ("Chamfer distance, px", float(reference.chamfer(a, b))),
            ("from the broken ring to the full one, px", 1.0),
        ],
    )


def caption() -> Picture:
    """Show which frames of the series are recorded, and which are not."""
    angles = np.arange(-90, 91, 3)
    made = np.arange(angles.size) % 2 == 1
    return Picture(
        _marked(angles, made),
        "A row of marks, one for each tilt: filled circles for recorded frames, open ones between "
        "them for generated frames.",
        [
            ("recorded frames", float((~made).sum())),
            ("generated frames", float(made.sum())),
        ],
    )


def _steps(radii: np.ndarray, periods: tuple[float, ...]) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, log_axis, new_figure

    with style():
        figure = new_figure(8.0, 3.6, "Wide particles and fine details need small steps")
        ax = figure.add_subplot()
        for period, line in zip(periods, ("-", "--", ":"), strict=True):
            ax.plot(
                radii, reference.widest_step(radii, period), color=COLOURS["truth"],
                linestyle=line, label=f"d = {period:g} nm",
            )  # fmt: skip
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_xlabel("radius R (nm)")
        ax.set_ylabel("widest step (°)")
        legend_beside(ax)
    return figure


def _fitted(fine: np.ndarray, values: np.ndarray, found: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        figure = new_figure(8.0, 3.4, "Twelve harmonics pass through every recorded angle")
        ax = figure.add_subplot()
        ax.plot(fine, values, color=COLOURS["truth"], linewidth=3, label="truth")
        ax.plot(fine, found, color=COLOURS["tikhonov"], linestyle="--", label="fit")
        ax.plot(
            fine[::6], values[::6], "o", color=COLOURS["measurement"], markersize=4,
            label="recorded",
        )  # fmt: skip
        ax.set_xlabel("tilt (°)")
        ax.set_ylabel("one wave of the detector")
        ax.set_xticks([0, 90, 180, 270, 360])
        legend_beside(ax)
    return figure


def _rings(a: np.ndarray, b: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        figure = new_figure(6.0, 3.8, "Where the ring is broken the way is long")
        ax = figure.add_subplot()
        ax.plot(a[:, 0], a[:, 1], "o", color=COLOURS["truth"], markersize=5, label="a")
        ax.plot(b[:, 0], b[:, 1], "x", color=COLOURS["naive"], markersize=6, label="b")
        ax.set_aspect("equal")
        ax.set_xlabel("x (px)")
        ax.set_ylabel("z (px)")
        legend_beside(ax)
    return figure


def _marked(angles: np.ndarray, made: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        figure = new_figure(8.6, 2.4, "Every second frame of this series is generated")
        ax = figure.add_subplot()
        ax.plot(
            angles[~made], np.zeros((~made).sum()), "o", color=COLOURS["measurement"],
            label="recorded",
        )  # fmt: skip
        ax.plot(
            angles[made], np.zeros(made.sum()), "o", color=COLOURS["learned"],
            markerfacecolor="none", label="generated",
        )  # fmt: skip
        ax.set_yticks([])
        ax.set_ylim(-1, 1)
        ax.set_xticks(np.arange(-90, 91, 30))
        ax.set_xlabel("tilt (°)")
        legend_beside(ax)
    return figure
