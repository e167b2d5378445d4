"""The problems of week 5's exercises, and the pictures that correct answers give on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.checks import week05_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "best_step",
    "images_and_counts",
    "largest_step",
    "planned",
    "ramp",
    "sinusoid",
    "spread_ratio",
    "wedge_mask",
]

_N = 64


def planned() -> dict[str, float]:
    """Return the experiment to plan: sizes in nm, counts per pixel summed over the series."""
    return {"diameter_nm": 100.0, "detail_nm": 5.0, "max_tilt_deg": 70.0, "counts": 2000.0}


def largest_step(problem: Any) -> float:
    """Return the step in degrees at which the streaks of a detail start at the object's edge.

    Examples
    --------
    >>> round(largest_step(planned()), 2)
    2.86
    """
    return float(np.rad2deg(problem["detail_nm"] / problem["diameter_nm"]))


def images_and_counts(step: float, problem: Any) -> tuple[int, float]:
    """Return how many images a step makes, and the counts per pixel in each.

    Examples
    --------
    >>> images_and_counts(2.0, planned())[0]
    71
    """
    n = int(2 * problem["max_tilt_deg"] / step + 1e-9) + 1
    return n, problem["counts"] / n


def sinusoid() -> Picture:
    """Show the sinusoid of one point on the sinogram that projects it."""
    from em_inverse import phantoms
    from em_inverse.forward.tilt import ParallelBeam

    angles = np.arange(-90.0, 91.0, 3.0)
    z, x = -12.0, 16.0
    middle = (_N - 1) / 2
    spot = phantoms.disc(_N, radius=2, centre=(middle + z, middle + x))
    sinogram = ParallelBeam(spot.shape, angles) @ spot
    s = reference.sinusoid(z, x, angles)
    return Picture(
        _over_sinogram(sinogram, angles, s),
        "The sinogram of one small particle, tilt angle downwards: a bright curve, and your dashed "
        "sinusoid on top of it.",
        [
            ("amplitude (px)", float(np.hypot(z, x))),
            ("tilt of its turning point (°)", float(np.degrees(np.arctan2(z, x)))),
        ],
    )


def ramp() -> Picture:
    """Show a projection before and after the filter."""
    from em_inverse import phantoms, plotting
    from em_inverse.forward.tilt import ParallelBeam

    disc = phantoms.disc(_N, radius=12)
    projection = ParallelBeam(disc.shape, [0.0]) @ disc
    filtered = reference.ramp(projection)
    curves = {"measurement": projection[0] / projection.max(), "naive": filtered[0]}
    return Picture(
        plotting.profiles(
            np.arange(_N) - (_N - 1) / 2,
            curves,
            title="The ramp digs a ditch on either side of a projection",
            xlabel="detector coordinate s (px)",
            ylabel="projection / its maximum, and filtered",
            labels={"measurement": "projection", "naive": "after the ramp"},
        ),
        "The projection of a disc is a smooth hill. After the ramp it has steep sides, a flat top "
        "and a deep negative ditch on either side, which will cancel the blur of its neighbours.",
        [
            ("lowest value after the filter", float(filtered.min())),
            ("value in the middle", float(filtered[0, _N // 2])),
        ],
    )


def wedge_mask() -> Picture:
    """Show the mask of ±70° with the zero frequency in the middle."""
    from em_inverse import plotting

    mask = np.fft.fftshift(reference.wedge_mask(_N, 70))
    return Picture(
        plotting.images(
            [mask],
            ["±70°, zero frequency in the middle"],
            axes=("kz", "kx"),
            quantity="measured (1) or not (0)",
            title="Two dark sectors around the beam are never measured",
        ),
        "A white square with two black sectors, above and below its middle: the directions within "
        "20° of the beam.",
        [
            ("share of zeros in the square", float(1 - mask.mean())),
            ("share of missing directions", 40 / 180),
        ],
    )


def spread_ratio() -> Picture:
    """Show a disc from tilts to ±50°, and its two widths."""
    from em_inverse import phantoms, plotting, tomography
    from em_inverse.forward.tilt import ParallelBeam

    disc = phantoms.disc(_N, radius=5)
    angles = np.arange(-50.0, 51.0, 2.0)
    data = ParallelBeam(disc.shape, angles) @ disc
    x = tomography.wbp(tomography.TiltSeries(data, angles)).x
    return Picture(
        plotting.images(
            [disc, x],
            ["truth", "WBP, ±50°"],
            title="Tilts to ±50° make a round particle nearly twice as long as wide",
        ),
        "A round disc, and beside it what weighted back-projection makes of its tilts to ±50°: a "
        "lens that is nearly twice as long along the beam as across.",
        [
            ("ratio of the truth", float(reference.spread_ratio(disc))),
            ("ratio of the reconstruction", float(reference.spread_ratio(x))),
        ],
    )


def best_step() -> Picture:
    """Show the two limits between which a good step lies, without naming one."""
    problem = planned()
    steps = np.linspace(0.5, 6, 56)
    clean = problem["detail_nm"] / np.deg2rad(steps)
    counts = np.array([images_and_counts(step, problem)[1] for step in steps])
    return Picture(
        _two_limits(steps, clean, counts, problem),
        "Two curves against the tilt step: the distance from a detail at which its streaks start "
        "falls with the step, the counts per image rise. A good step keeps the first above the "
        "size of the particle and the second above what alignment needs.",
        [
            ("size of the particle (nm)", problem["diameter_nm"]),
            ("counts that alignment needs", 20.0),
        ],
    )


def _over_sinogram(sinogram: np.ndarray, angles: np.ndarray, s: np.ndarray) -> Figure:
    from em_inverse.plotting import GREY, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    half = (_N - 1) / 2 + 0.5
    with style():
        fig = new_figure(6.4, 3.6, "One point draws one sinusoid")
        ax = fig.add_subplot()
        ax.imshow(sinogram, cmap=GREY, aspect="auto", extent=(-half, half, angles[-1], angles[0]))
        ax.plot(s, angles, color="#D55E00", linestyle="--", label="x cos θ + z sin θ")
        ax.set_xlabel("detector coordinate s (px)")
        ax.set_ylabel("tilt θ (°)")
        legend_beside(ax)
    return fig


def _two_limits(
    steps: np.ndarray, clean: np.ndarray, counts: np.ndarray, problem: dict[str, float]
) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import new_figure

    with style():
        fig = new_figure(8.6, 3.2, "Streaks limit the step from above, counts from below")
        left, right = fig.subplots(1, 2)
        left.plot(steps, clean, color=COLOURS["naive"], linestyle="--")
        left.axhline(problem["diameter_nm"], color="black", linestyle=":")
        left.set_ylim(0, 300)
        left.set_ylabel("streaks start at (nm)")
        right.plot(steps, counts, color=COLOURS["measurement"], linestyle="-")
        right.axhline(20.0, color="black", linestyle=":")
        right.set_ylim(0, 60)
        right.set_ylabel("counts per image and pixel")
        for ax in (left, right):
            ax.set_xlabel("tilt step (°)")
    return fig
