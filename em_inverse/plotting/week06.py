"""The figures of week 6, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. All slices of the week
share one grey window, so that two figures may be compared as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import (
    beam_arrow,
    legend_beside,
    log_axis,
    new_figure,
    scale_bar,
    window_text,
)
from em_inverse.plotting.pictures import images
from em_inverse.plotting.style import COLOURS, GREY, LINESTYLES, MARKERS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from em_inverse.tilt_series import Reconstruction

__all__ = [
    "candidates",
    "doses",
    "explorer",
    "fifteen",
    "filter_factors",
    "needle",
    "semiconvergence",
    "soft",
    "spectrum",
    "streaks",
]

WINDOW = (-0.1, 1.3)
"""Grey window of every slice of the nanocube."""

_PIXEL_NM = 1.0
_ITERATION = "iteration"


def streaks(x: np.ndarray, few: Reconstruction) -> None:
    """Show the object beside its weighted back-projection from few tilts."""
    count = few.geometry["n_projections"]
    figure = images(
        [_stepped(x), _stepped(few.x)],
        ["truth", f"{count} tilts, WBP"],
        title=f"From {count} tilts WBP leaves streaks everywhere",
        window=WINDOW,
        pixel_size_nm=_PIXEL_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.8),
        alt=f"A nanocube with nine round pores. From {count} tilts streaks cross the whole slice, "
        f"its upper and lower faces are lost in haze, and the pores stand among dark spots of the "
        f"same size.",
    )


def semiconvergence(
    rmse: Mapping[str, Sequence[float]], residual: Mapping[str, Sequence[float]]
) -> None:
    """Show how error and residual go with the iterations, for CGLS and SIRT.

    `residual` is in units of the noise norm; both mappings name the methods in the same order.
    """
    looks = dict(zip(rmse, (("-", "o"), ((0, (5, 2)), "s")), strict=True))
    with style():
        figure = new_figure(9.4, 3.5, "The residual falls on and on; the error turns and rises")
        left, right = figure.subplots(1, 2)
        for ax, curves in ((left, rmse), (right, residual)):
            for name, values in curves.items():
                dashes, marker = looks[name]
                k = np.arange(1, len(values) + 1)
                ax.plot(k, values, color=COLOURS["algebraic"], linestyle=dashes, label=name)
                best = int(np.argmin(rmse[name]))
                ax.plot(
                    k[best],
                    values[best],
                    color="black",
                    marker=marker,
                    markerfacecolor="none",
                    markersize=9,
                    linestyle="none",
                    label=f"{name}: least error",
                )
            log_axis(ax.xaxis)
            log_axis(ax.yaxis)
            ax.set_xlabel(_ITERATION)
        left.set_ylabel("RMSE")
        right.set_ylabel("residual ÷ noise norm")
        right.axhline(1, color=COLOURS["measurement"], linestyle=":", label="noise norm")
        legend_beside(right)
    told = "; ".join(
        f"{name} falls to {min(values):.2f} at iteration {int(np.argmin(values)) + 1} and is at "
        f"{values[-1]:.2f} after {len(values)}"
        for name, values in rmse.items()
    )
    show(
        figure,
        alt=f"Left, the error against the number of iterations: {told}. Right, the residuals fall "
        f"all the while, and pass the noise norm.",
    )


def filter_factors(sigma: np.ndarray, factors: Mapping[int, np.ndarray]) -> None:
    """Show the share of each pattern that k Landweber iterations recover, beside Tikhonov's.

    `sigma` counts singular values in units of the largest one; step length 1.
    """
    with style():
        figure = new_figure(8.6, 3.5, "Stopping after k iterations is a filter, like λ = 1/k")
        ax = figure.add_subplot()
        for (k, values), dashes in zip(factors.items(), (":", (0, (5, 2)), "-"), strict=True):
            words = f"k = {k}" if k > 1 else "k = 1 iteration"
            ax.plot(sigma, values, color=COLOURS["algebraic"], linestyle=dashes, label=words)
            ax.plot(
                sigma,
                sigma**2 / (sigma**2 + 1 / k),
                color=COLOURS["tikhonov"],
                linestyle=dashes,
                linewidth=0.9,
                label=f"Tikhonov, λ = {1 / k:g}",
            )
        log_axis(ax.xaxis)
        ax.set_xlabel("singular value σ (of the largest)")
        ax.set_ylabel("share recovered")
        legend_beside(ax)
    halves = [float(np.interp(0.5, values, sigma)) for values in factors.values()]
    told = ", ".join(f"{h:.2f} (k = {k})" for h, k in zip(halves, factors, strict=True))
    show(
        figure,
        alt=f"Share of each pattern that is recovered, against its singular value: S-shaped curves "
        f"that move to smaller singular values as k grows, passing one half at {told}; beside each "
        f"the curve of Tikhonov with λ = 1/k, close by and less steep.",
    )


def fifteen(
    truth: np.ndarray,
    upper: Mapping[str, np.ndarray],
    lower: Mapping[str, np.ndarray],
    captions: Mapping[str, str],
) -> None:
    """Show the picture of the week: the truth and two results above, three from few tilts below.

    Parameters
    ----------
    truth : ndarray
    upper, lower : mapping of str to ndarray
        Two and three results with their names, "75 tilts, WBP" for instance.
    captions : mapping of str to str
        What stands below each of them.
    """
    panels = {"truth": truth, **upper, **lower}
    with style():
        figure = new_figure(9.2, 7.4, "Fifteen tilts: what the method adds to the same data")
        axes = figure.subplots(2, 3).ravel()
        for ax, (name, array) in zip(axes, panels.items(), strict=True):
            shown = ax.imshow(_stepped(array), cmap=GREY, vmin=WINDOW[0], vmax=WINDOW[1])
            ax.set_title(name, fontweight="bold")
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_xlabel(captions.get(name, "x →"))
        beam_arrow(axes[0])
        axes[0].set_ylabel("← z")
        scale_bar(axes[0], _PIXEL_NM, 0.3 * truth.shape[1])
        bar = figure.colorbar(shown, ax=list(axes), shrink=0.5)
        bar.set_label(f"density, one window {window_text(*WINDOW)}")
    told = "; ".join(f"{name}: {words.replace(chr(10), ', ')}" for name, words in captions.items())
    show(
        figure,
        alt=f"Six slices in one grey window. Above the truth, then many tilts; below the same cube "
        f"from few tilts. {told}. WBP from few tilts is crossed by streaks, SIRT is blurred and "
        f"speckled, TV shows a flat cube with sharp pores.",
    )


def doses(tilts: Sequence[int], errors: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Show the error against the number of tilts, once at equal dose a tilt, once in total.

    `errors` holds two panels by title, each with the curves "WBP", "SIRT" and "TV".
    """
    roles = {"WBP": "naive", "SIRT": "algebraic", "TV": "tv"}
    with style():
        figure = new_figure(9.4, 3.6, "Fewer tilts cost little, if each gets its share of the dose")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, (title, curves) in zip(axes, errors.items(), strict=True):
            for name, values in curves.items():
                role = roles[name]
                ax.plot(
                    tilts,
                    values,
                    color=COLOURS[role],
                    linestyle=LINESTYLES[role],
                    marker=MARKERS[role],
                    label=name,
                )
            ax.set_title(title)
            ax.set_ylim(bottom=0)
            ax.set_xlabel("number of tilts, −70° to 70°")
        axes[0].set_ylabel("RMSE")
        legend_beside(axes[1])
    told = " ".join(
        f"{title.capitalize()}: "
        + ", ".join(
            f"{name} from {values[0]:.2f} to {values[-1]:.2f}" for name, values in curves.items()
        )
        + f" between {tilts[0]} and {tilts[-1]} tilts."
        for title, curves in errors.items()
    )
    show(
        figure,
        alt=f"Error against the number of tilts for three methods, TV lowest throughout. {told} "
        f"At equal total dose the curve of TV is flat from about ten tilts on, with a shallow "
        f"minimum.",
    )


def soft(truth: np.ndarray, sirt: np.ndarray, tv: np.ndarray) -> None:
    """Show a soft, textured particle and what SIRT and TV make of fifteen tilts of it."""
    n = truth.shape[0]
    near = (slice(n // 6, -(n // 6)),) * 2
    figure = images(
        [_stepped(v[near]) for v in (truth, sirt, tv)],
        ["truth", "15 tilts, SIRT", "15 tilts, TV"],
        title="TV turns a soft texture into a patchwork that looks just as sharp",
        window=(0, 1.5),
        pixel_size_nm=_PIXEL_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.8),
        alt="The middle of a soft particle with fine texture. SIRT shows a noisy, blurred texture. "
        "TV shows patches of even grey with sharp outlines where the truth has smooth hills.",
    )


def candidates(results: Sequence[Reconstruction], noise_norm: float) -> None:
    """Show three reconstructions of one series, numbered, with their residuals."""
    ratios = [result.history["data_distance"][-1] / noise_norm for result in results]
    titles = [f"{k}: residual {ratio:.2f} × noise" for k, ratio in enumerate(ratios, 1)]
    figure = images(
        [_stepped(result.x) for result in results],
        titles,
        title="One series, three tolerances: which picture do you publish?",
        window=WINDOW,
        pixel_size_nm=_PIXEL_NM,
        quantity="density",
    )
    show(
        _smaller(figure, 0.85),
        alt="Three slices of the cube from one tilt series. Picture 1 is a smooth grey block "
        "without a pore. Picture 2 is a snow of bright and dark pixels with pores in it. Picture 3 "
        "is a cube of pale patches with dark, sharp pores. The residuals in units of the noise: "
        + ", ".join(f"{ratio:.2f}" for ratio in ratios)
        + ".",
    )


def spectrum(found: Any) -> None:
    """Show which part of Fourier space the prior filled, and the power against the noise floor.

    `found` is a result of :func:`em_inverse.tomography.power_spectrum`.
    """
    share = 100 * float(np.mean(found.filled))
    show(
        _smaller(found.draw(), 0.85),
        alt=f"Left, Fourier space of the slice: orange, where the prior decided, is all of it but "
        f"a bow tie around the centre, {share:.0f} % of the area. Right, power against frequency "
        f"across and along the beam: both fall, and sink below the noise floor, which rises; along "
        f"the beam there is less of it.",
    )


def needle(results: Mapping[str, Reconstruction], y: int) -> None:
    """Show one slice across the real needle by each method, in one window."""
    volumes = [result.volume for result in results.values()]
    n = volumes[0].shape[0]
    near = slice(n // 5, -(n // 5))
    slices = [volume[near, near, y] for volume in volumes]
    top = float(np.quantile(slices[-1], 0.995))
    first = next(iter(results.values()))
    figure = images(
        [part / top for part in slices],
        list(results),
        title="The real needle from 15 of its 77 tilts",
        window=(-0.2, 1.1),
        pixel_size_nm=first.pixel_size_nm,
        quantity="intensity (of the brightest)",
    )
    show(
        figure,
        alt="One slice across the needle, three times. By WBP a disc pointed at top and bottom, "
        "with black wings beside it and grey hoods above and below. By SIRT and by TV a round disc "
        "on an even background, its rim brighter than its middle; they are hard to tell apart.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        _smaller(widget.snapshot(dpi=80), 0.95),
        alt="The explorer as it opens: the slice at the current iteration beside the truth, then "
        "error and residual against the iteration, with the best iteration, the marks of two stop "
        "rules, and the error of weighted back-projection.",
    )


def _smaller(figure: Figure, share: float) -> Figure:
    """Make a row of slices smaller: noise is what fills the file of a notebook."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(share * width, share * height)
    return figure


def _stepped(image: np.ndarray) -> np.ndarray:
    """Round grey values to 40 steps in the window: the eye sees no difference, the file does."""
    low, high = WINDOW
    step = (high - low) / 40
    return low + step * np.rint((np.clip(image, low, 1.2 * high) - low) / step)
