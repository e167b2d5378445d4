"""What a tilt series measures: lines through Fourier space, and the wedge it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import check_angles
from em_inverse.plotting.frame import legend_beside, new_figure
from em_inverse.plotting.style import COLOURS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fourier_coverage", "largest_gap"]


def fourier_coverage(angles_deg: ArrayLike, *, title: str) -> Figure:
    """Draw the lines of Fourier space that a tilt series samples, and the missing wedge.

    A projection at tilt θ holds the waves along the direction of its detector, (cos θ, sin θ) in
    (kx, kz): one line through the origin (the Fourier slice theorem).

    Parameters
    ----------
    angles_deg : array_like, shape (n_tilts,)
        Tilt angles in degrees.
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure
        kz points down, as z does in pictures of slices.

    Raises
    ------
    GeometryError
        When the angles are not a list of finite numbers.
    ParameterError
        When the title is empty.

    Examples
    --------
    >>> fig = fourier_coverage(range(-70, 71, 10), title="A wedge of 40° is missing")
    >>> fig.axes[0].get_legend_handles_labels()[1]
    ['15 measured lines', 'missing wedge, 40°']
    """
    from matplotlib.patches import Wedge

    angles = check_angles(angles_deg)
    start, gap, usual = largest_gap(angles)
    with style():
        fig = new_figure(7.6, 4.2, title)
        ax = fig.add_subplot()
        theta = np.deg2rad(angles)
        radius = 0.5
        ends = radius * np.stack([np.cos(theta), np.sin(theta)])
        plural = "" if angles.size == 1 else "s"
        # One line with breaks instead of many, so that the legend counts them as one.
        breaks = np.full(angles.size, np.nan)
        ax.plot(
            *(np.stack([-end, end, breaks], axis=1).ravel() for end in ends),
            color=COLOURS["truth"],
            linestyle="-",
            linewidth=float(np.clip(60 / angles.size, 0.4, 1.6)),
            label=f"{angles.size} measured line{plural}",
        )
        if gap > 1.5 * usual:
            for turn, words in ((0, f"missing wedge, {gap:.3g}°"), (180, None)):
                ax.add_patch(
                    Wedge(
                        (0, 0),
                        radius,
                        start + turn,
                        start + gap + turn,
                        facecolor="#F2D3C2",
                        edgecolor=COLOURS["naive"],
                        hatch="//",
                        linewidth=0,
                        label=words,
                        zorder=0.5,
                    )
                )
        ax.set_aspect("equal")
        ax.set_xlim(-0.53, 0.53)
        ax.set_ylim(0.53, -0.53)
        ax.set_xlabel("kx (cycles per px)")
        ax.set_ylabel("kz, downwards (cycles per px)")
        legend_beside(ax)
    return fig


def largest_gap(angles_deg: ArrayLike) -> tuple[float, float, float]:
    """Find the widest sector of directions that no projection measures.

    Directions repeat every 180°: a projection at θ + 180° is the one at θ, mirrored.

    Returns
    -------
    start, gap, usual : float
        Where the gap begins, how wide it is, and the median of the other gaps (all in degrees); 0
        for `usual` when there is only one direction.

    Examples
    --------
    >>> largest_gap([-60, -30, 0, 30, 60])
    (60.0, 60.0, 30.0)
    """
    directions = np.unique(np.round(np.mod(check_angles(angles_deg), 180), 9))
    gaps = np.diff(np.append(directions, directions[0] + 180))
    k = int(gaps.argmax())
    others = np.delete(gaps, k)
    usual = float(np.median(others)) if others.size else 0.0
    return float(directions[k]), float(gaps[k]), usual
