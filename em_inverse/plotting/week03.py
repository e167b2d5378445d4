"""The figures of week 3, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from em_inverse import deblurring, solvers
from em_inverse.metrics import edge_width
from em_inverse.plotting.curves import profiles
from em_inverse.plotting.display import show
from em_inverse.plotting.frame import beam_arrow, new_figure, scale_bar, text_size, window_text
from em_inverse.plotting.style import COLOURS, GREY, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "balls",
    "bias",
    "core_shell",
    "explorer",
    "four_priors",
    "line_scan",
    "prox_curves",
    "rings",
    "samples",
]

_POSITION = "position (px)"
_COLOUR = {
    "L2": COLOURS["tikhonov"],
    "H1": COLOURS["tikhonov"],
    "TV": COLOURS["tv"],
    "L1": COLOURS["l1"],
}
_DASH: dict[str, Any] = {"L2": (0, (2, 1)), "H1": (0, (8, 1)), "TV": "-.", "L1": (0, (1, 1))}
# Where the profile of the lesson has its edge and its ramp, in pixels.
_EDGE, _RAMP = (18, 30), (54, 102)
_WINDOW = (-0.25, 1.35)
_FLAT = 1e-3


def samples(draws: Mapping[str, np.ndarray]) -> None:
    """Show one object drawn from each prior."""
    believes = {
        "L2": "L2: speckle",
        "H1": "H1: a walk without jumps",
        "TV": "TV: a walk with some jumps",
        "L1": "L1: some values stand out",
    }
    with style():
        figure = new_figure(8.6, 4.6, "A prior is a belief, and one can draw from it")
        panels = figure.subplots(2, 2, sharex=True).ravel()
        for ax, (name, values) in zip(panels, draws.items(), strict=True):
            ax.plot(values, color=_COLOUR[name], linestyle="-", linewidth=1.2)
            ax.axhline(0, color="#7F7F7F", linewidth=0.6, linestyle=":")
            ax.set_title(believes[name])
            ax.margins(x=0.01)
        for ax in panels[2:]:
            ax.set_xlabel(_POSITION)
        for ax in panels[::2]:
            ax.set_ylabel("value")
    show(
        figure,
        alt="One random object of each prior. L2: speckle. H1: a random walk without large jumps. "
        "TV: a random walk with a few larger jumps, nowhere flat. L1: speckle with a few large "
        "values, nowhere exactly zero.",
    )


def prox_curves(v: np.ndarray, on_values: Mapping[str, Any], on_steps: Mapping[str, Any]) -> None:
    """Show what each prior makes of one value, or of one step between two pixels."""
    with style():
        figure = new_figure(8.6, 3.8, "A square shrinks everything, an absolute value snaps")
        panels = figure.subplots(1, 2)
        words = (
            ("value v", "restored value", "on values"),
            ("step d", "restored step", "on steps"),
        )
        for ax, curves, (across, up, title) in zip(
            panels, (on_values, on_steps), words, strict=True
        ):
            ax.plot(v, v, color="#7F7F7F", linestyle="-", lw=0.8, label="unchanged")
            for name, curve in curves.items():
                ax.plot(v, curve, color=_COLOUR[name], linestyle=_DASH[name], lw=2.2, label=name)
            ax.set_xlabel(across)
            ax.set_ylabel(up)
            ax.set_title(title)
            ax.set_aspect("equal")
            ax.legend(loc="upper left")
    show(
        figure,
        alt="Restored against given, left for one value, right for one step between two pixels. "
        "L2 and H1 are straight lines through zero, flatter than the diagonal. L1 and TV are zero "
        "around zero and then run parallel to the diagonal.",
    )


def balls(problems: Mapping[str, tuple[np.ndarray, np.ndarray, float]]) -> dict[str, np.ndarray]:
    """Show three balls, the ellipse of the data that touches each, and return where.

    Parameters
    ----------
    problems : mapping of "L2", "L1" and "TV" to (H, y, c)
        Two-pixel problems for L2 and L1; for TV one of three pixels, drawn in its two steps. The
        ball is R(x) ≤ c.

    Returns
    -------
    dict of str to ndarray
        The point of least misfit on each ball: the minimiser for that λ at which R(x) = c.
    """
    frames = {"L2": (-0.9, 1.9), "L1": (-0.9, 1.9), "TV": (-0.7, 1.3)}
    touch = {name: _touching(name, *problem) for name, problem in problems.items()}
    with style():
        figure = new_figure(9.4, 3.5, "Every answer lies on the ball, and corners catch them")
        panels = figure.subplots(1, 3)
        for ax, (name, (H, y, c)) in zip(panels, problems.items(), strict=True):
            axis = np.linspace(*frames[name], 241)
            a, b = np.meshgrid(axis, axis)
            flat = np.stack([a.ravel(), b.ravel()])
            objects, at = flat, touch[name]
            letter = "pixel $x"
            if name == "TV":
                objects, at, letter = _with_best_level(H, y, flat), np.diff(touch[name]), "step $d"
            misfit = np.sum((H @ objects - y[:, None]) ** 2, axis=0).reshape(a.shape)
            size = _ball_value(name, flat).reshape(a.shape)
            reached = float(np.sum((H @ touch[name] - y) ** 2))
            levels = [share * reached + (1 - share) * float(misfit.min()) for share in (0.25, 1.0)]
            ax.contourf(a, b, size, levels=[-1e-9, c], colors=[_COLOUR[name]], alpha=0.35)
            ax.contour(a, b, misfit, levels=levels, colors="black", linewidths=[0.8, 1.6])
            ax.plot(*at, marker="o", color="black", linestyle="none", markersize=7)
            ax.axhline(0, color="#7F7F7F", linewidth=0.6)
            ax.axvline(0, color="#7F7F7F", linewidth=0.6)
            ax.set(xlabel=f"{letter}_1$", ylabel=f"{letter}_2$", aspect="equal")
            ax.set_title(f"{name} ball, at ({at[0]:.2f}, {at[1]:.2f})")
    show(
        figure,
        alt="Three balls with the ellipse of the data that touches each: a disc touched on its "
        "smooth side (L2), a diamond touched at a corner on an axis (L1), and a diamond in the two "
        "steps of a three-pixel object, touched at a corner where one step is zero (TV).",
    )
    return touch


def four_priors(x: np.ndarray, y: np.ndarray, answers: Mapping[str, np.ndarray]) -> None:
    """Show the same data restored with four priors: the picture of the week."""
    lost = 1 - answers["L2"].sum() / y.sum()
    titles = {
        "L2": f"L2 shrinks: {100 * lost:.0f} % of the total is lost",
        "H1": f"H1 rounds the edge: {_climb(answers['H1']):.1f} px wide",
        "TV": f"TV stairs the ramp: {_terraces(answers['TV'])} terraces",
        "L1": f"L1 thins: {np.count_nonzero(answers['L1'])} of {x.size} pixels filled",
    }
    with style():
        figure = new_figure(8.6, 5.6, "Four priors, one edge, one ramp: each leaves its signature")
        panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
        for ax, (name, values) in zip(panels, answers.items(), strict=True):
            _zones(ax)
            grey = COLOURS["measurement"]
            ax.plot(y, color=grey, linestyle="none", marker=".", markersize=4, label="measurement")
            ax.plot(x, color="black", linestyle="-", linewidth=1.2, label="truth")
            ax.plot(values, color=_COLOUR[name], linestyle="-", linewidth=2.2)
            if values.max() > _WINDOW[1]:
                ax.text(
                    0.98,
                    0.96,
                    f"spikes up to {values.max():.1f}",
                    transform=ax.transAxes,
                    ha="right",
                    va="top",
                    fontsize=text_size(),
                )
            ax.set_title(titles[name], fontweight="bold", color="black")
            ax.set_ylim(*_WINDOW)
            ax.margins(x=0.01)
        panels[0].legend(loc="upper right", handlelength=1.2)
        for ax in panels[2:]:
            ax.set_xlabel(_POSITION)
        for ax in panels[::2]:
            ax.set_ylabel("intensity (plateau = 1)")
    show(
        figure,
        alt="A wedge profile with a sharp edge and a smooth ramp (thin black), its blurred noisy "
        "measurement (grey dots), and four restorations, one per panel. "
        + ". ".join(f"{words}" for words in titles.values())
        + f", in spikes up to {answers['L1'].max():.1f} high.",
    )


def bias(x: np.ndarray, means: Mapping[str, np.ndarray], lam: float) -> None:
    """Show the average of many reconstructions: what is left is the prior's."""
    roles = {"truth": x, "tikhonov": means["H1"], "tv": means["TV"]}
    figure = profiles(
        None,
        roles,
        title="Average the noise away: what stays is the trace of the prior",
        xlabel=_POSITION,
        ylabel="intensity (plateau = 1)",
        labels={"tikhonov": "H1, mean of 60", "tv": "TV, mean of 60"},
    )
    show(
        figure,
        alt=f"The wedge and the averages of 60 reconstructions at λ = {lam:.1f}. H1: the edge is "
        f"still rounded, {_climb(means['H1']):.1f} px wide, and the plateau overshoots by "
        f"{100 * (means['H1'].max() - 1):.0f} % beside it. TV: a sharp edge with cut "
        "corners, and a plateau slightly too low.",
    )


def core_shell(pictures: Mapping[str, np.ndarray], pixel_size_nm: float) -> None:
    """Show truth, measurement and two restorations of a core-shell particle."""
    window = (-0.1, 1.1)
    with style():
        figure = new_figure(7.4, 6.6, "TV returns the interfaces, H1 leaves them soft and rings")
        panels = figure.subplots(2, 2)
        for ax, (name, picture) in zip(panels.ravel(), pictures.items(), strict=True):
            drawn = ax.imshow(picture, cmap=GREY, vmin=window[0], vmax=window[1], aspect="equal")
            ax.set_title(name)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            scale_bar(ax, pixel_size_nm, 0.35 * picture.shape[1])
        beam_arrow(panels[0, 0], down=False)
        for ax in panels[1]:
            ax.set_xlabel("x →")
        for ax in panels[:, 0]:
            ax.set_ylabel("← y")
        bar = figure.colorbar(drawn, ax=panels, shrink=0.7, pad=0.02)
        bar.set_label(f"projected density (core = 1)\none window, {window_text(*window)}")
    show(
        figure,
        alt="Four pictures in one grey scale: the true bright core in a darker shell; the blurred, "
        "grainy measurement; H1 with soft borders and ripples; TV with sharp "
        "borders and flat areas.",
    )


def rings(picture: np.ndarray) -> np.ndarray:
    """Return the mean of a square picture over circles around its centre, one per pixel of radius.

    Examples
    --------
    >>> rings(np.ones((8, 8)))
    array([1., 1., 1., 1.])
    """
    middle = (len(picture) - 1) / 2
    radius = np.hypot(*(np.indices(picture.shape) - middle)).round().astype(int).ravel()
    total = np.bincount(radius, picture.ravel())[1 : len(picture) // 2 + 1]
    return np.asarray(total / np.bincount(radius)[1 : total.size + 1])


def line_scan(truth: np.ndarray, measured: np.ndarray, pair: Sequence[np.ndarray]) -> None:
    """Show one line scan with a faint layer, restored with two data terms."""
    squares, likely = pair
    figure = profiles(
        None,
        {
            "truth": truth,
            "measurement": measured,
            "tv/TV, least squares": squares,
            "tv/TV, Poisson": likely,
        },
        title="Beside a bright layer, the Poisson term keeps the faint one",
        xlabel=_POSITION,
        ylabel="content (bright layer = 1)",
        ylim=(-0.01, 0.2),
    )
    show(
        figure,
        alt="A line scan, enlarged to the lowest fifth: the bright layer leaves the frame, the "
        "faint layer is 0.10 high. In it, least squares with TV stands at "
        f"{squares[72:96].mean():.3f}, Poisson with TV at {likely[72:96].mean():.3f}.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        widget.snapshot(),
        alt="The explorer as it opens: the wedge restored with L2, H1, TV and L1, one panel each, "
        "every λ at its best value, with the error of each.",
    )


def _zones(ax: Axes) -> None:
    """Shade and name where the edge and the ramp are."""
    for (start, stop), word in ((_EDGE, "edge"), (_RAMP, "ramp")):
        ax.axvspan(start, stop, color="#EFEFEF", zorder=0)
        ax.text((start + stop) / 2, _WINDOW[0] + 0.03, word, ha="center", fontsize=text_size())


def _climb(x: np.ndarray) -> float:
    """Pixels over which the edge of the lesson climbs from 10 to 90 %."""
    return edge_width(x[14:36], 0, 1)


def _terraces(x: np.ndarray) -> int:
    """Flat pieces of three pixels or more on the ramp of the lesson."""
    steps = np.flatnonzero(np.abs(np.diff(x[slice(*_RAMP)])) > _FLAT)
    ends = np.concatenate([[-1], steps, [_RAMP[1] - _RAMP[0] - 1]])
    return int(np.count_nonzero(np.diff(ends) >= 3))


def _with_best_level(H: np.ndarray, y: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Three-pixel objects with these steps, each on the level that fits best."""
    objects = np.stack([np.zeros(steps.shape[1]), steps[0], steps[0] + steps[1]])
    ones = H @ np.ones(3)
    level = ones @ (y[:, None] - H @ objects) / (ones @ ones)
    return objects + level


def _touching(name: str, H: np.ndarray, y: np.ndarray, c: float) -> np.ndarray:
    """Return the point of least misfit with R(x) = c, by a search for its λ."""

    def solution(t: float) -> np.ndarray:
        lam = float(np.exp(t))
        if name == "L2":
            return np.asarray(deblurring.tikhonov(H, y, lam))
        path = solvers.l1_path if name == "L1" else solvers.tv_path
        return path(H, y, [lam])[0]

    def excess(t: float) -> float:
        x = solution(t)
        steps = np.diff(x) if name == "TV" else x
        return float(_ball_value(name, steps[:, None])[0]) - c

    return solution(brentq(excess, -9.0, 3.0)).round(9) + 0.0


def _ball_value(name: str, points: np.ndarray) -> np.ndarray:
    """R of each column: of values for L2 and L1, of steps for TV."""
    return np.sum(points**2 if name == "L2" else np.abs(points), axis=0)
