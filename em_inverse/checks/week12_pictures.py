"""The recordings of week 12's exercises, and the pictures that correct answers give on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.checks import week12_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from em_inverse.atomic import Atoms, FocalTiltSeries, TracedAtoms

__all__ = ["image", "reading", "recording", "settings", "shrink", "step_gradient"]

_N, _VOXEL = 48, 0.5


def settings() -> tuple[float, ...]:
    """Return λ of the three traces of exercise 4, in units of the typical one."""
    return (0.0, 1.0, 4.0)


@cache
def recording(dose_per_square_angstrom: float = 2e4) -> tuple[Atoms, FocalTiltSeries]:
    """Return the needle and its tilt series: 48³ voxels, 60 tilts of 3 foci, 300 kV."""
    from em_inverse import atomic

    atoms = atomic.silicon_core_silica_shell((_N,) * 3)
    clean = atomic.simulate(atoms, np.arange(-90, 90, 3), shape=(_N,) * 3)
    return atoms, atomic.exposed(clean, dose_per_square_angstrom)


def image() -> Picture:
    """Show the needle in four slices: the projection, and the image 450 Å out of focus."""
    from em_inverse import plotting
    from em_inverse.forward import optics

    slices, sigma, P = _cut()
    q2 = optics.frequencies((_N, _N), _VOXEL)
    L = np.exp(1j * optics.propagation_phase(q2, 450.0, optics.wavelength(300)))
    seen = reference.image(slices, sigma, P, L * (q2 <= 1))
    return Picture(
        plotting.images(
            [seen],
            ["450 Å out of focus"],
            title="A needle of atoms makes fringes",
            window=(0.6, 1.4),
            quantity="counts / counts without specimen",
            axes=("x (px)", "y (px)"),
        ),
        "One image in grey: an upright band full of bright and dark fringes, and rings around it.",
        [("mean", float(seen.mean())), ("standard deviation", float(seen.std()))],
    )


def step_gradient() -> Picture:
    """Show what one slice is told by the residual of an empty one."""
    from em_inverse import plotting

    slices, sigma, P = _cut()
    S, flat = slices[1], np.ones((_N, _N), complex)
    there = np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S)))
    empty = np.fft.ifft2(P * np.fft.fft2(flat))
    g = reference.step_gradient(empty - there, flat, 0 * S, sigma, P)
    alike = float(np.corrcoef(-g.ravel(), S.ravel())[0, 1])
    return Picture(
        plotting.images(
            [S / S.max(), -g / np.abs(g).max()],
            ["the slice", "where the step goes"],
            title="Taken back, the residual points at the atoms",
            window=(0, 1),
            quantity="share of the largest",
            axes=("x (px)", "y (px)"),
        ),
        "Two pictures of the same dots: atoms of one slice, and the negative gradient at an empty "
        "slice.",
        [("correlation", alike), ("largest gradient", float(np.abs(g).max()))],
    )


def shrink() -> Picture:
    """Show the operator as a curve, and what it does to a noisy line through two atoms."""
    z = np.arange(0, 24, _VOXEL)
    line = 60 * np.exp(-((z - 8) ** 2)) + 25 * np.exp(-((z - 15) ** 2))
    noisy = line + 6 * np.random.default_rng(0).standard_normal(z.size)
    clean = reference.shrink(noisy, 10.0)
    return Picture(
        _shrunk(z, line, noisy, clean),
        "A noisy line through two atoms. After the operator the background is zero, and both atoms "
        "are lower by ten volts.",
        [
            ("voxels that became zero", float((clean == 0).mean())),
            ("strongest atom, V", float(clean.max())),
        ],
    )


def reading() -> Picture:
    """Show the intensities of the good trace."""
    from em_inverse import plotting

    found = _good()
    return Picture(
        plotting.intensity_histogram(found, title="Trace 2 has two humps"),
        plotting.intensities_in_words(found),
        [("atoms", float(len(found))), ("doubtful atoms", float(found.doubtful.sum()))],
    )


@cache
def _good() -> TracedAtoms:
    from em_inverse import atomic

    atoms, series = recording()
    return atomic.trace(atomic.reconstruct(series).volume, elements=atoms.elements)


def _cut() -> tuple[np.ndarray, float, np.ndarray]:
    """Return four slices of the needle in V Å, σ at 300 kV, and the way between the slices."""
    from em_inverse import atomic
    from em_inverse.forward import optics

    V = atomic.potential(atomic.silicon_core_silica_shell((_N,) * 3), (_N,) * 3)
    slices = _VOXEL * V.reshape(4, _N // 4, _N, _N).sum(axis=1, dtype=np.float64)
    q2 = optics.frequencies((_N, _N), _VOXEL)
    phase = optics.propagation_phase(q2, _VOXEL * _N / 4, optics.wavelength(300))
    return slices, optics.interaction_parameter(300), np.exp(1j * phase)


def _shrunk(z: np.ndarray, line: np.ndarray, noisy: np.ndarray, clean: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, LINESTYLES, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        figure = new_figure(8.0, 3.4, "The background goes, and every atom pays τ")
        ax = figure.add_subplot()
        ax.plot(z, noisy, ".", color=COLOURS["measurement"], markersize=8, label="V, noisy")
        ax.plot(z, line, color=COLOURS["truth"], linestyle="-", label="truth")
        ax.plot(z, clean, color=COLOURS["l1"], linestyle=LINESTYLES["l1"], linewidth=2.5,
                label="after the prox")  # fmt: skip
        ax.set_xlabel("z (Å)")
        ax.set_ylabel("potential (V)")
        legend_beside(ax)
    return figure
