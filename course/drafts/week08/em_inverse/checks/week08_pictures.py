"""The numbers and pictures of week 8's exercises, as correct answers give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from em_inverse.checks import week08_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["centre_shift", "first_complete", "odd_ones", "readings", "when_to_stop"]

_SIZES = (0, 0, 16, 40, 40, 64, 72, 72, 72)
_READABLE = (0, 0, 0, 0, 0, 0, 1, 1, 1)
# Degrees of twist that section 6 prints for the right-handed particle in golden order.
_READINGS = {4: -7, 6: 82, 8: 102, 10: 112, 12: 116, 16: 113, 24: 113, 48: 115}


def readings() -> dict[int, float]:
    """Return the twist that the lesson reads after so many projections, in degrees."""
    return {count: float(value) for count, value in _READINGS.items()}


def first_complete() -> Picture:
    """Show the size of a file at successive looks, and the look at which it is taken."""
    sizes, readable = np.array(_SIZES), np.array(_READABLE, bool)
    taken = reference.first_complete(sizes, readable)
    fig, ax = _plot("A pause is not the end: the file is taken when it rests and decodes")
    looks = np.arange(sizes.size)
    ax.step(looks, sizes, where="post", color="#7F7F7F", label="size of the file")
    ax.plot(
        looks[~readable],
        sizes[~readable],
        color="black",
        marker="x",
        linestyle="none",
        label="cannot be decoded",
    )
    ax.plot(
        looks[readable],
        sizes[readable],
        color="black",
        marker="o",
        markerfacecolor="none",
        linestyle="none",
        label="can be decoded",
    )
    ax.axvline(taken, color="#E69F00", linestyle="-.", label="taken")
    ax.set_xlabel("look")
    ax.set_ylabel("size (kB)")
    _legend(ax)
    return Picture(
        fig,
        "The size of a file against the looks: it is empty, grows, pauses, grows, and rests. Until "
        "its last piece it cannot be decoded; one look later it is taken.",
        [("taken at look", taken), ("it paused at look", 4)],
    )


def centre_shift() -> Picture:
    """Show the mass in each row before and after the shift."""
    x, y = np.mgrid[:48, :32]
    image = 0.6 + 3 * np.exp(-0.5 * (((x - 15) / 4) ** 2 + ((y - 16) / 6) ** 2))
    image += 1.5 * (np.abs(x - 22) < 4) * (np.abs(y - 14) < 5)
    shift = reference.centre_shift(image, 0.6)
    biased = reference.centre_shift(image, 0.0)
    fig, ax = _plot("The centre of mass goes to the middle of the detector")
    mass = (image - 0.6).sum(axis=1)
    rows = np.arange(48)
    ax.plot(rows, mass, color="#7F7F7F", label="as recorded")
    ax.plot(rows + shift, mass, color="black", linestyle="--", label="moved")
    ax.axvline(23.5, color="#E69F00", linestyle="-.", label="middle")
    ax.set_xlim(0, 47)
    ax.set_xlabel("x (pixels)")
    ax.set_ylabel("mass in each row")
    _legend(ax)
    return Picture(
        fig,
        "The mass in each row of a lopsided projection, left of the middle as recorded, and "
        "balanced about the middle after the shift.",
        [("shift (pixels)", shift), ("with the vacuum left in", biased)],
    )


def odd_ones() -> Picture:
    """Show residuals with one huge and one moderate outlier."""
    residuals = 10 + np.sin(1.7 * np.arange(32))
    residuals[11], residuals[20] = 30.0, 16.0
    odd = reference.odd_ones(residuals, 4)
    above = residuals - np.median(residuals)
    robust = np.median(residuals) + 4 * 1.4826 * np.median(np.abs(above))
    usual = residuals.mean() + 4 * residuals.std()
    fig, ax = _plot("The robust limit finds two; four standard deviations find one")
    tilts = np.arange(32)
    ax.plot(tilts, residuals, color="#7F7F7F", marker=".", linestyle="none", label="residuals")
    ax.plot(
        tilts[odd],
        residuals[odd],
        color="black",
        marker="o",
        markersize=9,
        markerfacecolor="none",
        linestyle="none",
        label="odd ones",
    )
    ax.axhline(robust, color="#E69F00", linestyle="-.", label="median + 4 robust")
    ax.axhline(usual, color="#D55E00", linestyle=":", label="mean + 4 std")
    ax.set_xlabel("tilt (number)")
    ax.set_ylabel("residual")
    _legend(ax)
    return Picture(
        fig,
        "Residuals of 32 tilts near 10, one at 30 and one at 16. A line at the robust limit lies "
        "below both; the line at the mean plus four standard deviations lies above the lower one.",
        [("found", int(odd.sum())), ("robust limit", robust), ("mean + 4 std", usual)],
    )


def when_to_stop() -> Picture:
    """Show the readings against the number of projections."""
    found = readings()
    counts = np.array(sorted(found))
    values = np.array([found[count] for count in counts])
    fig, ax = _plot("After about a dozen projections the reading stands still")
    ax.plot(counts, values, color="#E69F00", marker="D", linestyle="-.", label="twist read")
    ax.axhline(0, color="#7F7F7F", linestyle=":", label="no twist")
    ax.set_xlabel("projections, golden order")
    ax.set_ylabel("twist (degrees)")
    _legend(ax)
    return Picture(
        fig,
        f"The twist read from the volume against the number of projections: about zero after four, "
        f"{values[2]:.0f} degrees after eight, and about {values[-1]:.0f} from ten or twelve on.",
        [("reading after 12", found[12]), ("after all 48", found[48])],
    )


def _plot(title: str) -> tuple[Figure, Axes]:
    from em_inverse.plotting import style
    from em_inverse.plotting.frame import new_figure

    with style():
        fig = new_figure(8.0, 3.2, title)
        ax = fig.add_subplot()
    return fig, ax


def _legend(ax: Axes) -> None:
    from em_inverse.plotting.frame import legend_beside

    legend_beside(ax)
