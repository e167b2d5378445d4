"""The pictures that correct answers to week 8's exercises give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.checks import week08_reference as reference
from em_inverse.checks.task import Picture
from em_inverse.checks.week08_problems import projection, residuals_of_tilts, sessions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["is_complete", "mass_shift", "stand_out", "stop_now"]

_SEED = 8
_LOOKS = (0, 0, 48_000, 131_000, 131_000, 208_000, 262_144, 262_144, 262_144, 262_144)
_FORETOLD = 1.15


def mass_shift() -> Picture:
    """Show the profile of a projection before and after its shift."""
    image = projection(np.random.default_rng(_SEED), (32, 24))
    shift = float(reference.mass_shift(image))
    brightest = int(np.unravel_index(image.argmax(), image.shape)[0])
    middle = (image.shape[0] - 1) / 2
    return Picture(
        _profiles(image.sum(axis=1), shift),
        "The profile of a projection along x, with a sharp peak and a broad shoulder. Dashed, the "
        "same profile moved so that its centre of mass lies on the middle of the detector; the "
        "peak does not lie there.",
        [("shift in pixels", shift), ("by the brightest pixel it would be", middle - brightest)],
    )


def is_complete() -> Picture:
    """Show the size of a file, look by look, and when it counts as complete."""
    complete = [bool(reference.is_complete(list(_LOOKS[:k]))) for k in range(1, len(_LOOKS) + 1)]
    first = complete.index(True) + 1
    return Picture(
        _growing_file(np.array(_LOOKS), np.array(complete)),
        "The size of a file at ten looks: empty at first, then growing, with a pause of one look "
        "half way, then at rest. Only after two unchanged looks at the end it counts as complete.",
        [("complete at look", first), ("with two equal looks it would have been", 5)],
    )


def stand_out() -> Picture:
    """Show residuals tilt by tilt with two limits: by medians, and by mean and deviation."""
    residuals = residuals_of_tilts(np.random.default_rng(_SEED), 20, 5.0)[0]
    residuals = residuals / np.median(residuals)
    found = reference.stand_out(residuals)
    by_mean = float(residuals.mean() + 5 * residuals.std())
    return Picture(
        _limits(residuals, found, by_mean),
        "Residuals of twenty tilts with two that do not belong to the others. Both lie above the "
        "limit by medians. The limit by mean and standard deviation lies higher, because the two "
        "have raised it themselves.",
        [
            ("tilts found by medians", len(found)),
            ("by mean and standard deviation", int(np.sum(residuals > by_mean))),
        ],
    )


def stop_now() -> Picture:
    """Show which directions each session has seen, and how well the last ones were foretold."""
    rows = sessions()
    widest = [float(np.diff(np.sort(np.append(s.angles_deg, s.range_deg))).max()) for s in rows[:2]]
    return Picture(
        _overview(rows),
        "Left, the recorded tilts of three sessions: the first has none above 14°, the others are "
        "spread over the whole range. Right, how well the last five projections were foretold: "
        "within 1.15 times the noise in sessions 1 and 2, about 1.6 times in session 3. Only "
        "session 2 has both.",
        [
            ("widest gap of session 1 in degrees", widest[0]),
            ("of session 2", widest[1]),
        ],
    )


def _profiles(profile: np.ndarray, shift: float) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    x = np.arange(profile.size)
    with style():
        fig = new_figure(8.6, 3.2, "The centre of mass goes to the middle, not the peak")
        ax = fig.add_subplot()
        ax.plot(x, profile, color=COLOURS["measurement"], label="as recorded")
        ax.plot(x + shift, profile, color="black", linestyle="--", label="moved")
        ax.axvline((x.size - 1) / 2, color=COLOURS["naive"], linestyle=":", label="(nx − 1)/2")
        ax.set_xlabel("x in pixels")
        ax.set_ylabel("counts, summed over y")
        legend_beside(ax)
    return fig


def _growing_file(looks: np.ndarray, complete: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    number = np.arange(1, looks.size + 1)
    with style():
        fig = new_figure(8.6, 3.2, "A pause is not the end: two unchanged looks are")
        ax = fig.add_subplot()
        ax.plot(number, looks / 1000, color=COLOURS["measurement"], drawstyle="steps-post")
        for mask, marker, label in ((~complete, "x", "wait"), (complete, "o", "complete")):
            ax.plot(
                *(number[mask], looks[mask] / 1000),
                color="black",
                marker=marker,
                linestyle="none",
                label=label,
            )
        ax.set_xlabel("look at the folder")
        ax.set_ylabel("size in kB")
        legend_beside(ax)
    return fig


def _limits(residuals: np.ndarray, found: np.ndarray, by_mean: float) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    median = float(np.median(residuals))
    limit = median + 5 * 1.4826 * float(np.median(np.abs(residuals - median)))
    with style():
        fig = new_figure(8.6, 3.2, "A bad tilt raises the mean and its deviation, not the median")
        ax = fig.add_subplot()
        ax.plot(residuals, color=COLOURS["measurement"], marker=".", linestyle="none", label="tilt")
        ax.plot(
            *(found, residuals[found]),
            color="black",
            marker="o",
            markerfacecolor="none",
            linestyle="none",
            label="stands out",
        )
        ax.axhline(limit, color="black", linestyle=":", label="limit by medians")
        ax.axhline(by_mean, color=COLOURS["naive"], linestyle="--", label="by mean, deviation")
        ax.set_xlabel("tilt (number)")
        ax.set_ylabel("residual ÷ median")
        legend_beside(ax)
    return fig


def _overview(rows: tuple[Any, ...]) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import new_figure

    places = np.arange(1, len(rows) + 1)
    with style():
        fig = new_figure(8.6, 3.2, "Only session 2 was seen from everywhere and surprised nobody")
        left, right = fig.subplots(1, 2, sharey=True)
        left.eventplot(
            [s.angles_deg for s in rows],
            lineoffsets=places,
            linelengths=0.6,
            colors=COLOURS["measurement"],
        )
        left.set_xlim(rows[0].range_deg)
        left.set_xlabel("recorded tilts in degrees")
        left.set_ylabel("session")
        left.set_yticks(places)
        left.invert_yaxis()
        for k, session in zip(places, rows, strict=True):
            foretold = np.array(session.predictions)
            right.plot(foretold, np.full(foretold.size, k), color="black", marker="|", ls="none")
        right.axvline(_FORETOLD, color=COLOURS["naive"], linestyle=":")
        right.set_xlim(0.95, 1.75)
        right.set_xlabel("last five: misfit ÷ noise (dotted: 1.15)")
    return fig
