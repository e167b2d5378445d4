"""The figures of week 12, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. Images hold
``[x, y]`` and are drawn with the tilt axis y upright; slices of a volume hold ``[z, x]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.atoms import atoms_3d, atoms_in_words
from em_inverse.plotting.display import show
from em_inverse.plotting.frame import (
    beam_arrow,
    legend_beside,
    log_axis,
    new_figure,
    window_text,
)
from em_inverse.plotting.style import COLOURS, GREY, LINESTYLES, MARKERS, OKABE_ITO, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from em_inverse.atomic import Atoms, Score, TracedAtoms

__all__ = [
    "atoms",
    "counted",
    "explorer",
    "focus",
    "limits",
    "measures",
    "priors",
    "rough",
    "stopping",
    "table",
    "volume",
    "wedges",
]

#: Table 1 of Ren and others (doi:10.1016/j.ultramic.2019.112860): atoms found and false in %, mean
#: position error in pm, species right in %. Its 20, 60 and 180 tilts are named as ours.
PAPER = {
    "infinite dose": (99.98, 0.00, 12.51, 98.63),
    "50 000 e/Å²": (99.94, 0.25, 13.91, 96.44),
    "7000 e/Å²": (95.24, 9.72, 21.62, 79.79),
    "tilts 5 × 9": (72.48, 1.26, 19.11, 82.71),
    "tilts 15 × 3": (99.94, 0.25, 13.91, 96.44),
    "tilts 45 × 1": (99.97, 0.90, 14.30, 91.15),
    "wedge 30°": (99.75, 0.44, 14.34, 94.67),
    "wedge 60°": (99.02, 2.02, 15.84, 90.50),
    "V ≥ 0 alone": (97.81, 1.82, 18.65, 46.81),
    "LASSO": (99.78, 0.73, 14.17, 92.53),
}
_STEPS = 16
#: Percent of false atoms above which single atoms say nothing.
_NOISY = 5.0
_CONTRAST = (0.75, 1.25)


def focus(projected: np.ndarray, images: Sequence[np.ndarray], defoci: Sequence[float]) -> None:
    """Show a projected potential, and what the camera sees of it in focus and out of focus.

    Three images, one per defocus in Å.
    """
    with style():
        figure = new_figure(8.0, 7.0, "In focus the atoms are all but invisible")
        axes = figure.subplots(2, 2)
        top = _rounded(float(projected.max()))
        first = _panel(axes[0, 0], projected, "projected potential", (0, top))
        figure.colorbar(first, ax=axes[0, 0], shrink=0.8).set_label("V Å")
        for ax, image, at in zip(axes.ravel()[1:], images, defoci, strict=True):
            name = "in focus" if at == 0 else f"{at:.0f} Å out of focus"
            shown = _panel(ax, image, name, _CONTRAST)
            figure.colorbar(shown, ax=ax, shrink=0.8).set_label("÷ without specimen")
    told = ", ".join(
        f"{100 * float(np.std(image)):.1f} % at {at:.0f} Å"
        for image, at in zip(images, defoci, strict=True)
    )
    show(
        figure,
        alt=f"Four pictures of a needle: its projected potential, spots in rows with scattered "
        f"spots on both sides; the image in focus, an even grey; and two images out of focus, "
        f"with bright and dark fringes, wider the farther from focus. Contrast: {told}.",
    )


def limits(thickness: Sequence[float], curves: Mapping[str, Sequence[float]]) -> None:
    """Show by how much the image of a projection is wrong, against the thickness in Å."""
    looks = (
        ("tikhonov", "-", "o"),
        ("tikhonov", "--", "o"),
        ("naive", "-", "v"),
        ("naive", "--", "v"),
    )
    with style():
        figure = new_figure(8.6, 3.9, "Thick, heavy, slow: where a projection stops being enough")
        ax = figure.add_subplot()
        for (name, values), (colour, line, sign) in zip(curves.items(), looks, strict=False):
            ax.plot(thickness, 100 * np.asarray(values), color=COLOURS[colour], linestyle=line,
                    marker=sign, label=name)  # fmt: skip
        log_axis(ax.xaxis)
        ax.set_ylim(0, 140)
        ax.set_xlabel("thickness (Å)")
        ax.set_ylabel("error of the projection\n(% of the contrast)")
        legend_beside(ax)
    told = "; ".join(
        f"{name} {100 * values[0]:.0f} to {100 * values[-1]:.0f} %"
        for name, values in curves.items()
    )
    show(
        figure,
        alt=f"Error of the image of one projection against thickness, from {thickness[0]:.0f} to "
        f"{thickness[-1]:.0f} Å, rising curves: {told}. Tungsten lies above silicon, 60 kV above "
        f"300 kV.",
    )


def counted(clean: np.ndarray, counts: np.ndarray, electrons: float) -> None:
    """Show one image as expected and as counted."""
    low, high = 1 - 4 / np.sqrt(electrons), 1 + 4 / np.sqrt(electrons)
    window = (round(float(low), 1), round(float(high), 1))
    with style():
        figure = new_figure(8.6, 4.1, "One image of the series is mostly noise")
        left, right = figure.subplots(1, 2)
        _panel(left, clean, "expected", window)
        shown = _panel(right, counts, "counted", window)
        bar = figure.colorbar(shown, ax=[left, right], shrink=0.8)
        bar.set_label(f"÷ without specimen, {window_text(*window)}")
    show(
        figure,
        alt=f"One image out of focus. As expected: faint fringes in an upright band. As counted, "
        f"with {electrons:.0f} electrons in a pixel: grain, in which the band can be guessed.",
    )


def volume(truth: np.ndarray, found: Mapping[str, np.ndarray], top: float) -> None:
    """Show one slice ``[z, x]`` of the true potential, and of the volume as it grew.

    All share the window from 0 to `top` volt.
    """
    with style():
        figure = new_figure(9.4, 3.9, "Six times around the tilt axis, and atoms stand apart")
        panels = figure.subplots(1, 1 + len(found))
        for ax, (name, one) in zip(panels, {**found, "truth": truth}.items(), strict=True):
            shown = _slice(ax, one, name, top)
        figure.colorbar(shown, ax=list(panels), shrink=0.8).set_label("potential (V)")
    show(
        figure,
        alt=f"One slice across the tilt axis, {', then '.join(found)}, and the truth: at first "
        f"faint blurred spots on black, in the end small bright spots where the true ones are.",
    )


def atoms(found: TracedAtoms, truth: Atoms) -> None:
    """Show the traced atoms in space, with what tracing got wrong."""
    figure = atoms_3d(found, truth, title="At 7000 electrons per Å² the errors sit in the shell")
    show(figure, alt=atoms_in_words(found, truth))


def measures(peaks: np.ndarray, integrals: np.ndarray, light: np.ndarray) -> None:
    """Show two measures of every traced atom, of light (True) and heavy atoms by the truth."""
    with style():
        figure = new_figure(9.4, 3.6, "Species stand apart by their integral, not by their peak")
        left, right = figure.subplots(1, 2)
        for ax, values, label in (
            (left, peaks, "peak (V)"),
            (right, integrals, "integral over a plane (V Å²)"),
        ):
            bins = np.linspace(0, 1.02 * float(values.max()), 41).tolist()
            ax.hist(values[light], bins, color=OKABE_ITO["sky blue"], label="oxygen")
            ax.hist(values[~light], bins, color=OKABE_ITO["blue"], histtype="step", linewidth=2,
                    hatch="///", label="silicon")  # fmt: skip
            ax.set_xlabel(label)
        left.set_ylabel("atoms")
        legend_beside(right)
    show(
        figure,
        alt=f"Two histograms of the same atoms, oxygen filled, silicon hatched. By their peak the "
        f"two humps overlap: oxygen {_range(peaks[light])} V, silicon {_range(peaks[~light])} V. "
        f"By the integral over a plane they touch at most: {_range(integrals[light])} and "
        f"{_range(integrals[~light])} V Å².",
    )


def priors(found: Mapping[str, np.ndarray], top: float) -> None:
    """Show one slice ``[z, x]`` of volumes made with three priors, in one window to `top` volt."""
    with style():
        figure = new_figure(9.4, 3.9, "Only a prior empties the space between atoms")
        panels = figure.subplots(1, len(found))
        for ax, (name, one) in zip(panels, found.items(), strict=True):
            shown = _slice(ax, one, name, top)
        figure.colorbar(shown, ax=list(panels), shrink=0.8).set_label("potential (V)")
    show(
        figure,
        alt=f"The same slice, made with {', '.join(found)}. With V ≥ 0 alone sharp spots stand "
        f"among many faint ones; LASSO removes the faint ones and leaves the spots small; "
        f"total variation leaves wider spots on an empty ground.",
    )


def stopping(curves: Mapping[str, Mapping[int, Score]]) -> None:
    """Show false atoms and right species against the iterations, for two priors.

    `curves` holds a score for some iterations of each.
    """
    looks = {"V ≥ 0 alone": "naive", "total variation": "tv"}
    titles = {"false": "false atoms (% of the true ones)", "species": "species right (%)"}
    found = {
        name: {key: [getattr(s, f"{key}_percent") for s in at.values()] for key in titles}
        for name, at in curves.items()
    }
    with style():
        figure = new_figure(9.4, 3.7, "Without a prior one has to stop in time")
        for ax, (key, label) in zip(figure.subplots(1, 2), titles.items(), strict=True):
            for name, values in found.items():
                role = looks[name]
                ax.plot(list(curves[name]), values[key], color=COLOURS[role],
                        linestyle=LINESTYLES[role], marker=MARKERS[role], label=name)  # fmt: skip
            ax.set_xlabel("iterations")
            ax.set_ylabel(label)
            ax.set_ylim(-4, 120)
        legend_beside(ax)
    told = []
    for name, at in curves.items():
        (first, start), *_, (last, end) = at.items()
        told.append(f"{name}: after {first} iterations {rough(start)}; after {last} {rough(end)}")
    show(
        figure,
        alt=f"False atoms and right species against the number of iterations. {'. '.join(told)}. "
        f"The curves of total variation are flat.",
    )


def rough(score: Score) -> str:
    """Return a score of a noisy volume, in steps that one atom more or less does not change.

    Where noise is traced, the last digit of a voxel decides about atoms.
    """
    found, false, error, species = _rounded_score(score)
    return (
        f"about {found:.0f} % found, {false:.0f} % false, {error:.0f} pm, {species:.0f} % of "
        f"species right"
    )


def table(scores: Mapping[str, Score]) -> None:
    """Print found and false atoms, position error and right species, beside :data:`PAPER`.

    `scores` holds one for every row of the paper's table, by name. Rows with many false atoms are
    rounded as by :func:`rough`.
    """
    print(f"{'':14s}  found  false     error  species      in the paper")
    for name, theirs in PAPER.items():
        s = scores[name]
        ours = (s.found_percent, s.false_percent, s.error_pm, s.species_percent)
        if s.false_percent > _NOISY:
            ours = _rounded_score(s)
        cells = ("{:5.0f} % {:4.0f} % {:6.1f} pm {:4.0f} %".format(*x) for x in (ours, theirs))
        print(f"{name:14s}", "   ".join(cells))


def wedges(missing: Sequence[float], along: Sequence[float], across: Sequence[float]) -> None:
    """Show the position error along the beam and across it, against the missing wedge."""
    with style():
        figure = new_figure(8.0, 3.5, "A missing wedge costs position along the beam only")
        ax = figure.add_subplot()
        for values, name, colour, line, sign in (
            (along, "along the beam (z)", COLOURS["naive"], "-", "v"),
            (across, "across it (x)", COLOURS["tikhonov"], "--", "o"),
        ):
            ax.plot(missing, values, color=colour, linestyle=line, marker=sign, label=name)
        ax.set_ylim(0, 1.25 * max(along))
        ax.set_xticks(list(missing))
        ax.set_xlabel("missing wedge (°)")
        ax.set_ylabel("RMS error (pm)")
        legend_beside(ax)
    show(
        figure,
        alt=f"RMS position error against the missing wedge. Along the beam it rises from "
        f"{along[0]:.0f} to {along[-1]:.0f} pm, across it stays at {across[0]:.0f} to "
        f"{across[-1]:.0f} pm.",
    )


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        widget.snapshot(dpi=80),
        alt="The explorer as it opens: the projected potential of a needle of atoms; its image "
        "450 Å out of focus, fringes in grain; and the contrast of that image against spatial "
        "frequency, points that follow the arches of a thin object's curve, and leave its zeros "
        "where noise fills them.",
    )


def _range(values: np.ndarray) -> str:
    return f"{values.min():.0f} to {values.max():.0f}"


def _rounded_score(score: Score) -> tuple[float, float, float, float]:
    noisy = score.false_percent > _NOISY
    numbers = (score.found_percent, score.false_percent, score.error_pm, score.species_percent)
    units = (10 if noisy else 5, 20, 5 if score.error_pm > 15 else 1, 10)
    found, false, error, species = (
        float(unit * round(value / unit)) for value, unit in zip(numbers, units, strict=True)
    )
    return found, false, error, species


def _rounded(value: float) -> float:
    """Round a positive number up to the next multiple of a hundred."""
    return float(100 * np.ceil(value / 100))


def _stepped(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Grey values in steps: noise fills the file."""
    low, high = window
    step = (high - low) / _STEPS
    return np.asarray(low + step * np.rint((np.clip(values, low, high) - low) / step))


def _panel(ax: Axes, image: np.ndarray, title: str, window: tuple[float, float]) -> Any:
    """Draw an image ``[x, y]`` with y upright, without pixel numbers."""
    shown = ax.imshow(
        _stepped(image.T[::-1], window), cmap=GREY, vmin=window[0], vmax=window[1], aspect="equal"
    )
    _without_numbers(ax, title, "x →", "y, tilt axis →")
    return shown


def _slice(ax: Axes, one: np.ndarray, title: str, top: float) -> Any:
    """Draw a slice ``[z, x]``: the beam comes down along z."""
    shown = ax.imshow(_stepped(one, (0, top)), cmap=GREY, vmin=0, vmax=top, aspect="equal")
    _without_numbers(ax, title, "x →", "← z")
    beam_arrow(ax)
    return shown


def _without_numbers(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(x)
    ax.set_ylabel(y)
