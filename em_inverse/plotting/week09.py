"""The figures of week 9, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. Maps of one element
share one grey window, whatever was done to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, window_text
from em_inverse.plotting.style import COLOURS, DIVERGING, GREY, LINESTYLES, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from em_inverse.choose import Choice
    from em_inverse.fusion import ModelCheck

__all__ = [
    "choice",
    "columns",
    "detectors",
    "doses",
    "explorer",
    "fractions",
    "leftovers",
    "maps",
    "ratio",
    "shapes",
    "trap",
]

_STEPS = 24
_DASHES = {"raw": ":", "alone": LINESTYLES["tv"], "fused": "-"}
_SIGNS = {"raw": "s", "alone": "^", "fused": "o"}
_NAMES = {"raw": "raw counts", "alone": "TV alone", "fused": "fused"}


def detectors(haadf: np.ndarray, counts: np.ndarray, elements: Sequence[str]) -> None:
    """Show what both detectors counted: one image, and a map per element."""
    pictures = {"HAADF image": haadf, **dict(zip(elements, counts, strict=True))}
    with style():
        figure = new_figure(
            8.4, 6.6, "One detector sees the particle, the other names its elements"
        )
        for ax, (name, picture) in zip(
            figure.subplots(2, 2).ravel(), pictures.items(), strict=True
        ):
            top = float(np.quantile(haadf if name == "HAADF image" else counts, 0.999))
            shown = _panel(ax, picture, name, (0, top))
            bar = figure.colorbar(shown, ax=ax, shrink=0.8)
            bar.set_label("counts per pixel")
    peaks = ", ".join(f"{int(one.max())} ({name})" for name, one in pictures.items())
    show(
        figure,
        alt=f"Four pictures of a round particle. The HAADF image shows a bright core with a dark "
        f"void in a grey shell, nearly without noise. The maps of "
        f"{', '.join(elements)} are snow in which a disc and a ring can be guessed. Largest "
        f"counts: {peaks}.",
    )


def maps(truth: np.ndarray, alone: np.ndarray, fused: np.ndarray) -> None:
    """Show the maps of iron and oxygen, by TV alone and fused, beside the truth.

    Each holds two maps ``[element, row, column]``, on the scale of the truth.
    """
    with style():
        figure = new_figure(8.6, 6.0, "The image sharpens iron, and leaves oxygen")
        axes = figure.subplots(2, 3)
        for line, element, *found in zip(axes, ("Fe", "O"), alone, fused, truth, strict=True):
            window = (0.0, float(found[-1].max()))
            for ax, name, picture in zip(line, ("TV alone", "fused", "truth"), found, strict=True):
                shown = _panel(ax, picture, f"{element}, {name}", window)
            bar = figure.colorbar(shown, ax=list(line), shrink=0.8)
            bar.set_label(f"amount, {window_text(*window)}")
    show(
        figure,
        alt="Maps of iron and oxygen, by TV alone, fused, and true. By TV alone the ring of iron "
        "is patchy, with a frayed inner edge; fused, it has the sharp edge of the truth. The map "
        "of oxygen is as patchy fused as alone; a dark spot at the top of the true one is a "
        "shallow dent in both.",
    )


def doses(at: Sequence[float], errors: Mapping[str, np.ndarray], elements: Sequence[str]) -> None:
    """Show the error against the dose: of all elements together, and of the lightest.

    `errors` holds for "raw", "alone" and "fused" the RMSE ``[dose, element]``, all of them last.
    """
    with style():
        figure = new_figure(
            9.4, 3.7, "Fusion saves dose overall, and none for the lightest element"
        )
        panels = figure.subplots(1, 2, sharey=True)
        for ax, column, title in zip(
            panels, (-1, len(elements) - 1), ("all elements", elements[-1]), strict=True
        ):
            for name, values in errors.items():
                colour = COLOURS["measurement" if name == "raw" else "tv"]
                ax.plot(
                    at, values[:, column], color=colour, linestyle=_DASHES[name],
                    marker=_SIGNS[name], label=_NAMES[name],
                )  # fmt: skip
            log_axis(ax.xaxis)
            log_axis(ax.yaxis)
            ax.set_xlabel("dose of both detectors (of D)")
            ax.set_title(title)
        panels[0].set_ylabel("RMSE")
        legend_beside(panels[1])
    told = "; ".join(
        f"{_NAMES[name]} from {values[0, -1]:.3f} to {values[-1, -1]:.3f}"
        for name, values in errors.items()
    )
    show(
        figure,
        alt=f"RMSE against dose on logarithmic axes. All elements: {told}; the curve of raw counts "
        f"lies far above, that of fusion below the one of TV alone. For {elements[-1]} fusion and "
        f"TV alone lie on each other.",
    )


def choice(usual: float, rules: Mapping[str, Choice], rmse: Sequence[float]) -> None:
    """Show what two rules looked at over λ₂ and what they chose, and the error that nobody knows.

    `usual` is the unit of λ₂ in the figure; each score is shown between its least and most value.
    """
    scores = {name: rule.scores for name, rule in rules.items()}
    chosen = {name: rule.lam / usual for name, rule in rules.items()}
    factors = next(iter(rules.values())).lambdas / usual
    looks = dict(zip(scores, (("-", "o"), ((0, (5, 2)), "D")), strict=True))
    with style():
        figure = new_figure(9.4, 3.6, "Thinned counts find λ₂; the vacuum asks for far too much")
        left, right = figure.subplots(1, 2)
        for name, values in scores.items():
            dashes, sign = looks[name]
            low, high = min(values), max(values)
            share = (np.asarray(values) - low) / (high - low)
            left.plot(factors, share, color=COLOURS["tikhonov"], linestyle=dashes, label=name)
            right.plot(
                chosen[name], float(np.interp(chosen[name], factors, rmse)), color="black",
                marker=sign, markerfacecolor="none", markersize=10, linestyle="none",
                label=f"chosen by {name}",
            )  # fmt: skip
        right.plot(factors, rmse, color=COLOURS["tv"], linestyle="-", label="RMSE, all")
        for ax in (left, right):
            log_axis(ax.xaxis)
            ax.set_xlabel("λ₂ (of the usual one)")
        left.set_ylabel("score (0 least, 1 most)")
        right.set_ylabel("RMSE, all elements")
        legend_beside(left)
        legend_beside(right)
    told = ", ".join(f"{name} at {value:.2g} times" for name, value in chosen.items())
    show(
        figure,
        alt=f"Left, the scores of two rules against λ₂: the valley of one lies near 1, "
        f"that of the other near 3. Right, the error, a valley from {max(rmse):.3f} down to "
        f"{min(rmse):.3f}, and where the rules land: {told} the usual λ₂.",
    )


def ratio(factors: Sequence[float], ratios: Mapping[str, Sequence[float]], truth: float) -> None:
    """Show the ratio of two elements in the shell against λ₂, beside the true one."""
    looks = dict(zip(ratios, (("-", "o"), ((0, (5, 2)), "s")), strict=True))
    with style():
        figure = new_figure(8.4, 3.5, "A large λ₂ changes the chemistry of the shell")
        ax = figure.add_subplot()
        for name, values in ratios.items():
            dashes, sign = looks[name]
            ax.plot(factors, values, color=COLOURS["tv"], linestyle=dashes, marker=sign, label=name)
        ax.axhline(truth, color=COLOURS["truth"], linewidth=1, label="truth")
        log_axis(ax.xaxis)
        ax.set_xlabel("λ₂ (of the usual one)")
        ax.set_ylabel("iron / oxygen in the shell")
        legend_beside(ax)
    told = "; ".join(
        f"{name}: from {values[0]:.2f} to {values[-1]:.2f}" for name, values in ratios.items()
    )
    show(
        figure,
        alt=f"The ratio of iron to oxygen in the shell against λ₂. {told}. The truth is "
        f"{truth:.2f}.",
    )


def leftovers(checks: Mapping[str, ModelCheck], element: str) -> None:
    """Show what several models leave of one element's spectra, in one window, smoothed."""
    from scipy.ndimage import gaussian_filter

    pictures = {
        name: gaussian_filter(found.residuals[found.elements.index(element)], 2.0)
        for name, found in checks.items()
    }
    limit = 1.5
    with style():
        figure = new_figure(9.4, 3.7, "A wrong model leaves a shape in the spectra")
        axes = figure.subplots(1, len(pictures))
        for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
            shown = _panel(ax, picture, name, (-limit, limit), DIVERGING)
        bar = figure.colorbar(shown, ax=list(axes), shrink=0.8)
        bar.set_label(f"counts − expected (σ)\n{window_text(-limit, limit)}")
    told = "; ".join(
        f"{name}: in blocks {found.block_deviance[element]:.1f}" for name, found in checks.items()
    )
    show(
        figure,
        alt=f"Residuals of {element} in standard deviations, smoothed. With the right model a fine "
        f"grain without a shape; with the wrong ones discs and rings in red and blue, where the "
        f"particle has its parts. {told}.",
    )


def trap(haadf: np.ndarray, truth: np.ndarray, fused: Mapping[str, np.ndarray]) -> None:
    """Show cobalt and manganese, two elements of nearly equal Z, and their image.

    `truth` is the map of cobalt; `fused` holds two fusions, maps ``[element, row, column]``.
    """
    window = (0.0, 1.0)
    with style():
        figure = new_figure(8.6, 5.6, "Where only the mixture changes, the image is of no help")
        axes = figure.subplots(2, 3)
        _panel(axes[0, 0], haadf, "HAADF", (0, float(np.quantile(haadf, 0.999))))
        _panel(axes[1, 0], truth, "Co, truth", window)
        for place, (name, both) in enumerate(fused.items(), 1):
            for ax, element, picture in zip(axes[:, place], ("Co", "Mn"), both, strict=True):
                shown = _panel(ax, picture, f"{element}, {name}", window)
        bar = figure.colorbar(shown, ax=list(axes.ravel()), shrink=0.6)
        bar.set_label(f"amount, {window_text(*window)}")
    told = ", ".join(fused)
    show(
        figure,
        alt=f"A disc with four round features: the image, the true map of cobalt, and maps of "
        f"cobalt and manganese ({told}). At the top manganese replaces cobalt. The image hardly "
        f"shows it. The first fusion does; in the second, with the larger λ₂, it is pale in both "
        f"maps. The features where something is missing stay in all of them.",
    )


def fractions(
    haadf: np.ndarray, measured: Mapping[str, np.ndarray], level: Mapping[str, Any]
) -> None:
    """Show real maps beside their image, and how the noise of each goes with its brightness.

    `level` holds for each element a pair: brightness, and variance of the noise there.
    """
    first = next(iter(measured))
    heavy = "Dy" if "Dy" in measured else first
    with style():
        figure = new_figure(9.4, 3.8, "These maps are fractions: their noise is not that of counts")
        left, middle, right = figure.subplots(1, 3)
        top = float(np.quantile(haadf, 0.999))
        _panel(left, _near(haadf), "HAADF", (float(haadf.min()), top))
        _panel(middle, _near(measured[heavy]), f"{heavy} (EDX)", (0, 0.7))
        for (name, (mean, variance)), dashes, sign in zip(
            level.items(), (":", "-", (0, (5, 2))), "so^", strict=False
        ):
            right.plot(
                mean, 1000 * np.asarray(variance), color=COLOURS["measurement"], linestyle=dashes,
                marker=sign, label=name,
            )  # fmt: skip
        right.set_xlabel("fraction")
        right.set_ylabel("variance of noise (10⁻³)")
        right.legend(frameon=False)
    told = "; ".join(
        f"{name} from {1000 * variance[0]:.1f} to {1000 * variance[-1]:.1f}"
        for name, (_, variance) in level.items()
    )
    show(
        figure,
        alt=f"Left, the HAADF image: bright oblong columns of atoms in rows, weaker ones between "
        f"them. Middle, the map of {heavy}: the same rows as broad spots in snow. Right, variance "
        f"of the noise (in thousandths) against the fraction: {told}, from the dimmest to the "
        f"brightest pixels.",
    )


def columns(
    measured: Mapping[str, np.ndarray],
    alone: Mapping[str, np.ndarray],
    fused: Mapping[str, np.ndarray],
) -> None:
    """Show some real maps before and after: as recorded, TV alone, fused."""
    with style():
        figure = new_figure(8.6, 2.8 * len(measured) + 0.5, "Fused, dysprosium is the image again")
        axes = figure.subplots(len(measured), 3, squeeze=False)
        for line, name in zip(axes, measured, strict=True):
            window = (0.0, float(np.quantile(measured[name], 0.99)))
            for ax, words, maps_ in zip(
                line, ("as recorded", "TV alone", "fused"), (measured, alone, fused), strict=True
            ):
                shown = _panel(ax, _near(maps_[name]), f"{name}, {words}", window)
            bar = figure.colorbar(shown, ax=list(line), shrink=0.8)
            bar.set_label(f"fraction, {window_text(*window)}")
    show(
        figure,
        alt=f"Maps of {' and '.join(measured)} of a crystal, column by column: recorded, in snow; "
        f"by TV alone, round patches; fused. Fused, dysprosium has the sharp oblong columns of the "
        f"HAADF image and its weak ones between them, which the recorded map does not show. "
        f"Scandium is nearly the same fused and alone.",
    )


def shapes(found: ModelCheck) -> None:
    """Show what the fusion of the real maps leaves over: a lattice."""
    from scipy.ndimage import gaussian_filter

    pictures = {
        name: gaussian_filter(one, 2.0)
        for name, one in zip(found.elements, found.residuals, strict=True)
    }
    limit = 1.5
    with style():
        figure = new_figure(9.4, 3.7, "What is left of dysprosium is a lattice, not noise")
        axes = figure.subplots(1, len(pictures))
        for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
            shown = _panel(ax, _near(picture), name, (-limit, limit), DIVERGING)
        bar = figure.colorbar(shown, ax=list(axes), shrink=0.8)
        bar.set_label(f"map − fused (σ)\n{window_text(-limit, limit)}")
    told = ", ".join(f"{name} {value:.1f}" for name, value in found.block_deviance.items())
    show(
        figure,
        alt=f"Residuals of three elements, smoothed. Those of dysprosium are red and blue "
        f"spots in rows, with the period of the crystal; the others are a faint grain. "
        f"Deviance in blocks: {told}.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    figure = widget.snapshot(dpi=80)
    show(
        figure,
        alt="The explorer as it opens: maps of iron, as counted, by TV alone, fused and true, in "
        "one window; a profile across the particle, on which the fused map follows the truth and "
        "TV alone cuts its corners; and the deviance of the spectra in blocks, below the limit "
        "above which the model is doubted.",
    )


def _panel(
    ax: Axes, picture: np.ndarray, title: str, window: tuple[float, float], cmap: str = GREY
) -> Any:
    """Draw a picture without pixel numbers, its grey values in steps: noise fills the file."""
    low, high = window
    step = (high - low) / _STEPS
    stepped = low + step * np.rint((np.clip(picture, low, high) - low) / step)
    shown = ax.imshow(stepped, cmap=cmap, vmin=low, vmax=high, aspect="equal")
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel("x →")
    ax.set_ylabel("← y")
    return shown


def _near(picture: np.ndarray) -> np.ndarray:
    """The upper left 72 pixels, large enough to see single columns."""
    return np.asarray(picture[:72, :72])
