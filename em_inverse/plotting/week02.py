"""The figures of week 2, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. Positions are counted
in pixels of 25 pm, as everywhere in that notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.curves import picard
from em_inverse.plotting.display import show
from em_inverse.plotting.frame import (
    beam_arrow,
    legend_beside,
    log_axis,
    new_figure,
    number,
    window_text,
)
from em_inverse.plotting.style import (
    COLOURS,
    DIVERGING,
    GREY,
    LINESTYLES,
    MARKERS,
    SEQUENTIAL,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "PIXEL_PM",
    "error_against_rank",
    "explorer",
    "filters",
    "ghost",
    "kappa_fan",
    "last_patterns",
    "measurement",
    "patterns",
    "rmse_against_noise",
    "singular_values",
]

#: Edge of a pixel of the lesson in pm.
PIXEL_PM = 25

_POSITION = "position (nm)"
# Length after which the crystal of the lesson repeats.
_CRYSTAL_PM = 605.8
# Colours of a slice.
_LEVELS = 65
# How much higher the second of two reconstructions is drawn.
_LIFT = 1.5
# Rounding decides beyond: nothing above is a number.
_LARGEST_KAPPA = 1e16
_BORDER_LINES = {"reflect": "-", "constant": "--", "wrap": ":"}
# Places on the sequential map: the longer the tail, the darker.
_CUT_COLOURS = {"2 σ": 0.85, "3 σ": 0.6, "4 σ": 0.35, "not cut": 0.0}


def measurement(x: np.ndarray, images: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Show the truth with what each of two probes makes of it.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The profile.
    images : mapping of str to (ndarray, ndarray)
        For each probe, by name, Hx and the measurement y.
    """
    names = list(images)
    peaks = [_peaks(clean) for clean, _ in images.values()]
    with style():
        figure = new_figure(
            9.4,
            3.0,
            f"A probe of {names[0]} splits the dumbbells, one of {names[1]} merges them",
        )
        panels = figure.subplots(1, len(images), sharey=True)
        for ax, (name, (clean, y)) in zip(panels, images.items(), strict=True):
            at = _nm(x.size)
            ax.plot(at, x, color=COLOURS["truth"], linestyle="-", label="truth x", zorder=3)
            ax.plot(at, clean, color=COLOURS["measurement"], linestyle="--", label="Hx")
            ax.plot(
                at,
                y,
                color=COLOURS["measurement"],
                linestyle="none",
                marker=MARKERS["measurement"],
                label="measurement y",
            )
            ax.set_title(f"probe σ = {name}")
            ax.set_xlabel(_POSITION)
        panels[0].set_ylabel("intensity")
        legend_beside(panels[-1])
    show(
        figure,
        alt=f"Three dumbbells, each a heavy and a light column. Through a probe of {names[0]} the "
        f"blurred profile has {peaks[0]} peaks, through one of {names[1]} only {peaks[1]}: each "
        f"pair has become one lopsided hill.",
    )


def patterns(H: Any, numbers: Sequence[int] = (8, 28, 50)) -> None:
    """Show some right singular vectors of H, how long their waves are, and how much passes."""
    _, s, Vt = H.svd()
    n = Vt.shape[1]
    told = []
    with style():
        figure = new_figure(9.4, 2.5, "The finer a pattern is, the less of it passes the probe")
        panels = figure.subplots(1, len(numbers), sharey=True)
        for ax, number in zip(panels, numbers, strict=True):
            v = Vt[number - 1]
            waves = np.count_nonzero(np.diff(np.sign(v)))
            period, passes = 2 * n * PIXEL_PM / waves, f"{100 * s[number - 1]:.2g} %"
            ax.plot(_nm(n), v, color=COLOURS["truth"], linestyle="-", linewidth=1.2)
            # Half of the profile: all of it would be too dense for the finest waves.
            ax.set_xlim(0, _nm(n)[n // 2])
            ax.set_title(f"pattern {number}: {passes} passes")
            ax.set_xlabel(_POSITION)
            told.append(f"pattern {number} repeats every {period:.0f} pm and {passes} of it passes")
        panels[0].set_ylabel("pattern $v_i$")
    show(
        figure,
        alt=f"{len(numbers)} of the {len(s)} patterns, all of them waves: {'; '.join(told)}.",
    )


def kappa_fan(
    widths: np.ndarray,
    kappas: Mapping[tuple[str, str], Sequence[float]],
    changes: Mapping[tuple[str, str], Sequence[float]],
) -> None:
    """Show κ against the width of the probe, and how little the data notice.

    Parameters
    ----------
    widths : ndarray, shape (k,)
        Widths of the probe in pm.
    kappas, changes : mapping of (cut, border) to sequence of k floats
        κ, and the largest change of Hx in units of the noise.
    """
    from matplotlib import colormaps

    colours = {cut: colormaps[SEQUENTIAL](place) for cut, place in _CUT_COLOURS.items()}
    last = np.log10([values[-1] for values in kappas.values()])
    decades = int(np.floor(last.max() - last.min()))
    with style():
        figure = new_figure(9.4, 3.9, "The tail of the probe decides κ, and the data hardly notice")
        left, right = figure.subplots(1, 2)
        for (cut, border), values in kappas.items():
            look: dict[str, Any] = {
                "color": colours[cut],
                "linestyle": _BORDER_LINES[border],
                "linewidth": 1.6,
            }
            left.plot(widths, np.minimum(values, _LARGEST_KAPPA), **look)
            right.plot(widths, changes[cut, border], **look)
        log_axis(left.yaxis)
        right.axhline(1, color=COLOURS["measurement"], linestyle="-.")
        right.annotate(
            "noise of a pixel", (widths[0], 1), xytext=(0, 3), textcoords="offset points"
        )
        right.set_ylim(0, 1.2)
        for ax, title in ((left, "condition number κ"), (right, "largest change of Hx / noise")):
            ax.set_title(title)
            ax.set_xlabel("width σ of the probe (pm)")
        for cut, colour in colours.items():
            right.plot(
                [],
                [],
                color=colour,
                linestyle="-",
                label=cut if cut == "not cut" else f"cut at {cut}",
            )
        for border, line in _BORDER_LINES.items():
            right.plot([], [], color=COLOURS["truth"], linestyle=line, label=f"border {border}")
        legend_beside(right)
    largest = max(max(values) for values in changes.values())
    show(
        figure,
        alt=f"Left: κ against the width of the probe, twelve curves. They start together and fan "
        f"out; at {widths[-1]:.0f} pm they span more than {decades} powers of ten. Right: the "
        f"largest change of the blurred profile stays below {largest:.2f} of the noise.",
    )


def rmse_against_noise(
    levels: np.ndarray,
    naive: np.ndarray,
    formula: np.ndarray,
    bound: np.ndarray,
    tikhonov: np.ndarray,
    empty: float,
) -> None:
    """Show the error of the naive inverse and of Tikhonov against the noise.

    Parameters
    ----------
    levels : ndarray, shape (k,)
        Standard deviation of the noise as a share of the brightest value.
    naive, tikhonov : ndarray, shape (k,)
        Measured RMSE; Tikhonov with the best λ.
    formula, bound : ndarray, shape (k,)
        Expected RMSE of the naive inverse, and the most that it can be.
    empty : float
        RMSE of an empty picture.
    """
    percent = 100 * levels
    with style():
        figure = new_figure(8.6, 3.6, "The naive error is known beforehand, and it is hopeless")
        ax = figure.add_subplot()
        red, blue, grey = COLOURS["naive"], COLOURS["tikhonov"], COLOURS["measurement"]
        ax.plot(percent, bound, color=red, linestyle=":", label="bound ‖ε‖/σ_min, per pixel")
        ax.plot(percent, formula, color=red, linestyle=LINESTYLES["naive"], label="formula")
        ax.plot(
            percent,
            naive,
            color=red,
            linestyle="none",
            marker=MARKERS["naive"],
            label="naive, 20 draws",
        )
        ax.plot(
            percent,
            tikhonov,
            color=blue,
            linestyle=LINESTYLES["tikhonov"],
            marker=MARKERS["tikhonov"],
            label="Tikhonov, best λ",
        )
        ax.axhline(empty, color=grey, linestyle="-.", label="empty picture")
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_xlabel("noise (% of the brightest value)")
        ax.set_ylabel("RMSE")
        legend_beside(ax)
    show(
        figure,
        alt=f"Error against noise, both logarithmic. The naive inverse follows its formula in a "
        f"straight line from {naive[0]:.0f} to {naive[-1]:.0f}, some six times below the bound. "
        f"Tikhonov stays between {tikhonov[0]:.2f} and {tikhonov[-1]:.2f}, below the "
        f"{empty:.2f} of an empty picture.",
    )


def last_patterns(Vt: np.ndarray, noise: np.ndarray, inverses: Sequence[np.ndarray]) -> None:
    """Show three singular patterns of an image, pure noise, and its naive inverse.

    Parameters
    ----------
    Vt : ndarray, shape (n * n, n * n)
        Right singular vectors of a blur of n × n pixels.
    noise : ndarray, shape (n * n,)
        Pure noise.
    inverses : sequence of two ndarrays, each of shape (n * n,)
        Naive inverses of pure noise, the first one of `noise`.
    """
    total = Vt.shape[0]
    n = round(total**0.5)
    shown = [(f"pattern {i}", Vt[i - 1].reshape(n, n)) for i in (total // 8, total - 1, total)]
    shown.append(("noise, nothing else", noise.reshape(n, n)))
    shown += [
        (title, image.reshape(n, n))
        for title, image in zip(("its naive inverse", "of other noise"), inverses, strict=True)
    ]
    with style():
        figure = new_figure(8.2, 5.6, "The naive inverse of noise looks like the last patterns")
        for ax, (title, image) in zip(figure.subplots(2, 3).ravel(), shown, strict=True):
            top = float(np.abs(image).max())
            ax.imshow(image, cmap=GREY, vmin=-top, vmax=top)
            ax.set_title(title)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            ax.set_xlabel(f"±{number(top, 2)}")
    show(
        figure,
        alt="Six pictures, each in its own grey scale, printed below it. Above: a wavy pattern, "
        "then the last two patterns, which are chequered from pixel to pixel. Below: featureless "
        "noise, and the naive inverse of two such draws: patches of the same chequers, tens of "
        "millions high.",
    )


def singular_values(s: np.ndarray, coefficients: np.ndarray, noise_level: float) -> None:
    """Show the Picard plot."""
    figure = picard(
        s,
        coefficients,
        noise_level,
        title="Past the last group that stands out, the data are noise",
    )
    _mark_reflections(figure.axes[0], s.size)
    show(
        figure,
        alt=f"Picard plot. The singular values fall smoothly over "
        f"{np.log10(s[0] / s[-1]):.1f} decades. The coefficients of the data come in groups, near "
        f"8, 14, 21 and 27, where the reflections of the crystal are marked; past the last group "
        f"they scatter about the noise level of {noise_level:.3f}. Divided by the "
        f"singular values they climb to {np.max(np.abs(coefficients) / s):.0f}.",
    )


def error_against_rank(errors: np.ndarray, dropped: np.ndarray, spread: np.ndarray) -> None:
    """Show the error of the truncated SVD, with its two expected parts.

    Parameters
    ----------
    errors, dropped, spread : ndarray, shape (n,)
        RMSE for the ranks 1 to n; the part from dropped patterns; the part from noise.
    """
    ranks = np.arange(1, errors.size + 1)
    best = int(errors.argmin())
    with style():
        figure = new_figure(
            8.6, 3.6, "Between too few patterns and too much noise lies a best rank"
        )
        ax = figure.add_subplot()
        ax.plot(ranks, np.where(dropped > 0, dropped, np.nan), color="black", linestyle="--")
        ax.plot(ranks, spread, color="black", linestyle=":")
        ax.plot(
            ranks,
            errors,
            color=COLOURS["naive"],
            linestyle="none",
            marker=MARKERS["naive"],
            markersize=4,
        )
        ax.plot(ranks[best], errors[best], color="black", marker="o", linestyle="none")
        # The last arm goes on to thousands: what matters happens below 10.
        ax.set_yscale("log")
        log_axis(ax.yaxis)
        ax.set_ylim(5e-3, 10)
        ax.set_xlim(0, 60)
        for line, words in zip(
            ax.lines,
            (
                "dropped (bias)",
                "noise, expected",
                "measured RMSE",
                f"lowest: {errors[best]:.3f}\nat rank {ranks[best]}",
            ),
            strict=True,
        ):
            line.set_label(words)
        ax.set_xlabel("rank r, number of patterns kept")
        ax.set_ylabel("RMSE")
        legend_beside(ax)
    show(
        figure,
        alt=f"Error against rank, a U in steps. The dropped part falls in steps at ranks 8, 21 and "
        f"27, the noise part rises ever more steeply, and the measured error follows whichever is "
        f"larger: lowest, {errors[best]:.3f}, at rank {ranks[best]}, off the top of the frame "
        f"past rank 50.",
    )


def filters(
    x: np.ndarray, factors: Mapping[str, np.ndarray], solutions: Mapping[str, np.ndarray]
) -> None:
    """Show the filter factors of truncated SVD and Tikhonov, and what they return.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The truth.
    factors, solutions : mapping of role to ndarray, shape (n,)
        Roles as for :func:`em_inverse.plotting.profiles`, "naive/…" first, then "tikhonov/…".
    """
    with style():
        figure = new_figure(9.4, 3.2, "A cut and a slope: two filters, nearly one picture")
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
        for lift, (name, f) in enumerate(factors.items()):
            kind, _, words = name.partition("/")
            look: dict[str, Any] = {"color": COLOURS[kind], "linestyle": LINESTYLES[kind]}
            left.plot(np.arange(1, f.size + 1), f, **look)
            # One above the other: three curves on top of each other cannot be told apart.
            base: dict[str, Any] = {"color": COLOURS["truth"], "linestyle": "-", "linewidth": 1.0}
            base["label"] = "" if lift else "truth x"
            right.plot(_nm(x.size), x + _LIFT * lift, **base)
            label = f"{words}\n(drawn {_LIFT} higher)" if lift else words
            right.plot(_nm(x.size), solutions[name] + _LIFT * lift, label=label, **look)
        left.set_xlim(0, 60)
        left.set_xlabel("number i of the pattern")
        left.set_ylabel("filter factor")
        right.set_xlabel(_POSITION)
        right.set_ylabel("intensity")
        legend_beside(right)
    cut, slope = factors.values()
    show(
        figure,
        alt=f"Left: the factors of the truncated SVD are 1 up to pattern {int(cut.sum())} and 0 "
        f"from there on; those of Tikhonov fall gently and pass one half at pattern "
        f"{int(np.argmax(slope < 0.5)) + 1}. Right: both reconstructions, one drawn above the "
        f"other, show three split dumbbells and differ by little.",
    )


def ghost(
    weak: Mapping[str, np.ndarray], first: np.ndarray, unseen: np.ndarray, n_tilts: int
) -> None:
    """Show patterns that a tilt series hardly sees, and two slices that it cannot tell apart.

    Parameters
    ----------
    weak : mapping of str to ndarray, each of shape (nz, nx)
        Three patterns with a title each.
    first, unseen : ndarray, shape (nz, nx)
        A slice, and what is added to it.
    n_tilts : int
        Number of projections.
    """
    window = (min(first.min(), (first + unseen).min()), max(first.max(), (first + unseen).max()))
    top = float(np.abs(unseen).max())
    below: list[tuple[str, np.ndarray, str, tuple[float, float]]] = [
        ("slice A", first, GREY, window),
        ("ghost", unseen, DIVERGING, (-top, top)),
        ("slice B = A + ghost", first + unseen, GREY, window),
    ]
    with style():
        figure = new_figure(
            8.2,
            5.9,
            f"A ghost of layers: all {n_tilts} projections of A and B are the same",
        )
        panels = figure.subplots(2, 3)
        for ax, (title, image) in zip(panels[0], weak.items(), strict=True):
            largest = float(np.abs(image).max())
            _slice(ax, image, title, DIVERGING, (-largest, largest))
        for ax, (title, image, cmap, limits) in zip(panels[1], below, strict=True):
            _slice(ax, image, title, cmap, limits)
        beam_arrow(panels[0][0], "black")
        beam_arrow(panels[1][0])
    show(
        figure,
        alt="Above: three of the patterns that hardly pass when the tilts end at ±70°: stripes "
        "stacked along the beam. Below: a core-shell particle (A), a ghost of such stripes, and "
        "their sum (B), a particle with layers. All projections of A and B are the same.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        widget.snapshot(),
        alt="The explorer as it opens: Picard plot with the rank and the noise marked, the "
        "profile rebuilt with that rank, and the error against the rank.",
    )


def _mark_reflections(ax: Axes, n: int) -> None:
    """Mark the patterns that repeat as often as the crystal's reflections: 606 pm / k."""
    for k in range(1, 6):
        period = _CRYSTAL_PM / k
        at = 1 + 2 * n * PIXEL_PM / period
        ax.axvline(at, color=COLOURS["measurement"], linewidth=0.8, zorder=0)
        ax.annotate(
            f"{period:.0f}" + " pm" * (k == 5),
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            rotation=90,
            va="top",
        )


def _nm(n: int) -> np.ndarray:
    return PIXEL_PM * np.arange(n) / 1000


def _peaks(profile: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(np.sign(np.diff(profile))) < 0))


def _slice(ax: Axes, image: np.ndarray, title: str, cmap: str, limits: tuple[float, float]) -> None:
    from matplotlib import colormaps

    # Few levels: more would not be seen on 24 pixels, and the picture would not fit a palette.
    levels = colormaps[cmap].resampled(_LEVELS)
    ax.imshow(image, cmap=levels, vmin=limits[0], vmax=limits[1])
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"x →   ({window_text(*limits)})")
    ax.set_ylabel("← z")
