"""Atoms in three dimensions, what tracing got wrong among them, and how species were told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.frame import legend_beside, new_figure, number, text_size
from em_inverse.plotting.style import OKABE_ITO, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from em_inverse.atomic import Atoms, TracedAtoms

__all__ = ["atoms_3d", "atoms_in_words", "intensities_in_words", "intensity_histogram"]

# Light atoms small and pale, heavy ones large and dark: they differ in grey as well.
_LOOKS = ((OKABE_ITO["sky blue"], "o", 14.0), (OKABE_ITO["blue"], "o", 34.0))
_WRONG = {
    "missed": ("s", OKABE_ITO["black"], 60.0),
    "false": ("x", OKABE_ITO["vermillion"], 45.0),
    "wrong species": ("o", OKABE_ITO["vermillion"], 110.0),
}


def atoms_3d(
    found: Atoms | TracedAtoms,
    truth: Atoms | None = None,
    *,
    title: str,
    elements: Sequence[str] | None = None,
    elevation_deg: float = 18.0,
    azimuth_deg: float = -55.0,
    radius_angstrom: float = 1.0,
) -> Figure:
    """Draw atoms in space, coloured by species, with the errors of tracing marked.

    The tilt axis y stands upright, the beam at 0° tilt comes down along z. Beside the truth three
    kinds of errors are marked: a true atom that was missed (black square), an atom that is not
    there (cross), and one of the wrong species (ring).

    Parameters
    ----------
    found : Atoms or TracedAtoms
    truth : Atoms, optional
        Without it nothing is marked.
    title : str
        What the figure shows, as a sentence.
    elements : sequence of str, optional
        Names of the species of traced atoms where `trace` was not told.
    elevation_deg, azimuth_deg : float
        Where the viewer stands.
    radius_angstrom : float
        Farthest distance of a traced atom from its true one.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from em_inverse import atomic
    >>> needle = atomic.silicon_core_silica_shell((40, 40, 40))
    >>> fig = atoms_3d(needle.without([0]), needle, title="One atom is missing")
    >>> [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    ['O (66)', 'Si (71)', 'missed (1)']
    """
    atoms = _named(found, elements)
    with style():
        figure = new_figure(7.4, 6.2, title)
        ax: Any = figure.add_subplot(projection="3d", computed_zorder=True)
        for k, symbol in enumerate(atoms.elements):
            colour, marker, size = _LOOKS[min(k + 2 - min(len(atoms.elements), 2), 1)]
            z, x, y = atoms.positions[atoms.of(symbol)].T
            ax.scatter(
                x, z, y, c=colour, marker=marker, s=size, edgecolors="black", linewidths=0.3,
                label=f"{symbol} ({len(x)})",
            )  # fmt: skip
        if truth is not None:
            for name, at in _errors(atoms, truth, radius_angstrom).items():
                marker, colour, size = _WRONG[name]
                if len(at) == 0:
                    continue
                z, x, y = at.T
                look = {"c": colour} if marker == "x" else {"facecolors": "none",
                                                           "edgecolors": colour}  # fmt: skip
                ax.scatter(
                    x, z, y, marker=marker, s=size, linewidths=1.4, depthshade=False,
                    label=f"{name} ({len(at)})", **look,
                )  # fmt: skip
        _axes_of_space(ax, elevation_deg, azimuth_deg)
        legend_beside(ax)
    return figure


def atoms_in_words(
    found: Atoms | TracedAtoms,
    truth: Atoms | None = None,
    *,
    elements: Sequence[str] | None = None,
    radius_angstrom: float = 1.0,
) -> str:
    """Return the alternative text of :func:`atoms_3d`, for :func:`~em_inverse.plotting.show`.

    Examples
    --------
    >>> from em_inverse.atomic import Atoms
    >>> truth = Atoms([[0, 0, 0], [0, 0, 4]], [8, 14])
    >>> print(atoms_in_words(truth.select("Si"), truth))
    Atoms in space: Si 1. Of 2 true atoms 1 is missed; 0 are false, 0 have the wrong species.
    """
    atoms = _named(found, elements)
    words = f"Atoms in space: {atoms.formula}."
    if truth is None:
        return words
    missed, false, wrong = (len(at) for at in _errors(atoms, truth, radius_angstrom).values())
    return (
        f"{words} Of {len(truth)} true atoms {missed} {'is' if missed == 1 else 'are'} missed; "
        f"{false} {'is' if false == 1 else 'are'} false, {wrong} "
        f"{'has' if wrong == 1 else 'have'} the wrong species."
    )


def intensity_histogram(
    found: TracedAtoms, *, title: str, elements: Sequence[str] | None = None, bins: int = 50
) -> Figure:
    """Draw the histogram of intensities with the Gaussians that tell species apart.

    Parameters
    ----------
    found : TracedAtoms
        At least one atom.
    title : str
        What the figure shows, as a sentence.
    elements : sequence of str, optional
        Names of the species where `trace` was not told.
    bins : int

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from em_inverse import atomic
    >>> needle = atomic.silicon_core_silica_shell((40, 40, 40))
    >>> found = atomic.trace(atomic.potential(needle, (40, 40, 40)), elements=("O", "Si"))
    >>> intensity_histogram(found, title="Two kinds").axes[0].get_ylabel()
    'atoms per bin'
    """
    species, values = found.species, found.intensities
    names = _kinds(found, elements)
    with style():
        figure = new_figure(8.0, 3.8, title)
        ax: Axes = figure.add_subplot()
        edges = np.linspace(0.0, 1.02 * float(values.max()), bins + 1)
        ax.hist(values, edges.tolist(), color="#BFBFBF", label="traced atoms")
        at = np.linspace(edges[0], edges[-1], 600)
        scale = len(values) * (edges[1] - edges[0])
        for name, curve, line, look in zip(
            names, species.density(at), ("--", "-"), _LOOKS[-len(names) :], strict=False
        ):
            ax.plot(at, scale * curve, color=look[0], linestyle=line, linewidth=2, label=name)
        if np.isfinite(species.threshold):
            ax.axvline(species.threshold, color="black", linewidth=1, linestyle=":", label="limit")
        ax.set_xlim(edges[0], edges[-1])
        ax.set_xlabel("intensity, integral over a plane (V Å²)")
        ax.set_ylabel("atoms per bin")
        legend_beside(ax)
    return figure


def intensities_in_words(found: TracedAtoms, *, elements: Sequence[str] | None = None) -> str:
    """Return the alternative text of :func:`intensity_histogram`.

    Examples
    --------
    >>> from em_inverse import atomic
    >>> gold = atomic.gold_nanoparticle(12.0)
    >>> print(intensities_in_words(atomic.trace(atomic.potential(gold, (40, 40, 40)))))
    Histogram of the intensities of 55 atoms, one hump: kind 0 at 547 V Å².
    """
    species = found.species
    humps = ", ".join(
        f"{name} at {number(mean)} V Å²"
        for name, mean in zip(_kinds(found, elements), species.means.tolist(), strict=False)
    )
    words = f"Histogram of the intensities of {len(found)} atoms"
    if species.count < 2:
        return f"{words}, one hump: {humps}."
    return (
        f"{words}, two humps: {humps}. They are {number(species.separation, 2)} widths apart; the "
        f"limit between them is at {number(species.threshold)} V Å²."
    )


def _kinds(found: TracedAtoms, elements: Sequence[str] | None) -> tuple[str, ...]:
    if elements is None and not found.elements:
        return tuple(f"kind {k}" for k in range(found.species.count))
    return found.atoms(elements).elements if elements is not None else found.elements


def _named(found: Atoms | TracedAtoms, elements: Sequence[str] | None) -> Atoms:
    from em_inverse.atomic import Atoms

    return found if isinstance(found, Atoms) else found.atoms(elements)


def _errors(atoms: Atoms, truth: Atoms, radius: float) -> dict[str, np.ndarray]:
    """Positions of what was missed, of what is not there, and of what was mistaken."""
    from em_inverse.atomic import score

    seen, true = score(atoms, truth, radius).pairs.T
    mistaken = atoms.atomic_numbers[seen] != truth.atomic_numbers[true]
    return {
        "missed": np.delete(truth.positions, true, axis=0),
        "false": np.delete(atoms.positions, seen, axis=0),
        "wrong species": atoms.positions[seen[mistaken]],
    }


def _axes_of_space(ax: Any, elevation_deg: float, azimuth_deg: float) -> None:
    ax.set_xlabel("x (Å)")
    ax.set_ylabel("z, along the beam (Å)")
    ax.set_zlabel("y, tilt axis (Å)")
    limits = np.array([ax.get_xlim3d(), ax.get_ylim3d(), ax.get_zlim3d()])
    ax.set_box_aspect(limits[:, 1] - limits[:, 0])
    ax.view_init(elevation_deg, azimuth_deg)
    ax.invert_yaxis()
    ax.locator_params(nbins=5)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.set_tick_params(labelsize=text_size())
