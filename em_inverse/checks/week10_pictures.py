"""The recordings of week 10's exercises, and the pictures that correct answers give on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from em_inverse.checks import week10_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DARK", "DOSE", "fourier_ratio", "overlap", "plan", "plans", "unmix"]

#: Counts from the cube in one session of exercise 4, and dark counts per reading.
DOSE, DARK = 3000.0, 0.2
_MODES = ("corner", "edge", "face")


def plans() -> tuple[tuple[int, int], ...]:
    """Return (tilts, channels) of the four plans of exercise 4."""
    return ((61, 32), (9, 12), (15, 2), (3, 32))


def overlap() -> Picture:
    """Show two modes of the cube as seen along an edge, and what they have in common."""
    from em_inverse import phantoms, plotting

    x = phantoms.nanocube_modes(32)
    corner, side = (x[..., k].sum(axis=0) / x[..., k].sum() for k in (0, 1))
    both = np.minimum(corner, side)
    return Picture(
        plotting.images(
            [corner, side, both],
            ["corner modes", "edge modes", "smaller one"],
            title="Seen along an edge, corners lie on edges",
            window=(0, float(corner.max())),
            quantity="share of the sum",
            axes=("x (px)", "y (px)"),
        ),
        "Two modes of the cube in projection: four spots, and a square outline with bright "
        "corners. The smaller one of both is four spots, paler.",
        [
            ("overlap in projection", float(both.sum())),
            ("overlap in three dimensions", float(reference.overlap(x[..., 0], x[..., 1]))),
        ],
    )


def unmix() -> Picture:
    """Show the spectrum of a voxel and the sum that fits it."""
    energies, M = _lines()
    x = np.array([0.3, 1.0, 0.6])
    spectrum = M @ x + 0.03 * np.random.default_rng(0).standard_normal(energies.size)
    found = reference.unmix(spectrum, M)
    return Picture(
        _fitted(energies, spectrum, M, found),
        "A noisy spectrum of 16 channels with two peaks, and three lines under it whose sum "
        "follows it.",
        [(name, float(value)) for name, value in zip(_MODES, found, strict=True)],
    )


def fourier_ratio() -> Picture:
    """Show an edge, what plural scattering makes of it, and what Wiener's ratio gives back."""
    from em_inverse import spectra

    energy, losses = np.arange(500.0, 660.0, 1), np.arange(-10.0, 150.0, 1)
    low = spectra.low_loss(losses, 0.8)
    ring = np.roll(low / low.sum(), -int(low.argmax()))
    edge = spectra.core_edge(energy, 540, white_line=1.0)
    edge *= np.hanning(2 * energy.size)[-energy.size :]
    rng = np.random.default_rng(0)
    clean = np.fft.irfft(np.fft.rfft(edge) * np.fft.rfft(ring), energy.size)
    seen = clean + 0.01 * rng.standard_normal(energy.size)
    waves = np.arange(energy.size // 2 + 1)
    found = reference.fourier_ratio(seen, ring, 1e-4 * (1 + waves) ** 2)

    def error(x: np.ndarray) -> float:
        return float(np.sqrt(np.mean((x - edge) ** 2)))

    return Picture(
        _freed(energy, edge, seen, found),
        "An edge at 540 eV with a sharp line at its onset; as recorded it is lower and rises more "
        "slowly; after the ratio it lies close to the true one.",
        [("RMSE as recorded", error(seen)), ("RMSE after the ratio", error(found))],
    )


def plan() -> Picture:
    """Show the modes that the good plan gives, and the numbers of the plans."""
    from em_inverse import plotting
    from em_inverse.widgets import budget

    tilts, channels = plans()[1]
    at = budget.recording(tilts, channels, DOSE, DARK)
    found = budget.fitted_inside(at)
    errors = budget.relative_errors(found, at.truth)
    dark = DARK * at.series.stack.size
    return Picture(
        plotting.images(
            list(np.moveaxis(found, -1, 0)),
            list(_MODES),
            title="Nine tilts and twelve channels tell the modes apart",
            window=(0, 1),
            quantity="strength of the mode",
            axes=("z (px)", "x (px)"),
        ),
        "Three pictures of one slice: four faint spots at the corners, a patchy ring, and a bright "
        "patch in the middle.",
        [("relative error", errors["all"]), ("dark counts over counts from the cube", dark / DOSE)],
    )


@cache
def _lines() -> tuple[np.ndarray, np.ndarray]:
    energies = np.linspace(1.5, 4.0, 16)
    return energies, 0.04 / ((energies[:, None] - np.array([2.2, 2.7, 3.3])) ** 2 + 0.04)


def _fitted(energies: np.ndarray, spectrum: np.ndarray, M: np.ndarray, x: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        figure = new_figure(8.0, 3.4, "One voxel's spectrum is the sum of three known lines")
        ax = figure.add_subplot()
        ax.plot(energies, spectrum, "o", color=COLOURS["measurement"], label="voxel")
        ax.plot(energies, M @ x, color=COLOURS["tikhonov"], linestyle="-", label="sum")
        for k, dashes in enumerate(("-", "--", ":")):
            ax.plot(
                energies, M[:, k] * x[k], color=COLOURS["truth"], linestyle=dashes, linewidth=1,
                label=_MODES[k],
            )  # fmt: skip
        ax.set_xlabel("energy loss (eV)")
        ax.set_ylabel("signal (arbitrary)")
        legend_beside(ax)
    return figure


def _freed(energy: np.ndarray, edge: np.ndarray, seen: np.ndarray, found: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, LINESTYLES, style
    from em_inverse.plotting.frame import legend_beside, new_figure

    with style():
        figure = new_figure(8.0, 3.6, "The ratio takes the plasmons off the edge")
        ax = figure.add_subplot()
        ax.plot(
            energy, seen, color=COLOURS["measurement"], linestyle="-", linewidth=1,
            label="as recorded",
        )  # fmt: skip
        ax.plot(energy, edge, color=COLOURS["truth"], linestyle="-", label="truth")
        ax.plot(
            energy, found, color=COLOURS["tikhonov"], linestyle=LINESTYLES["tikhonov"],
            label="ratio",
        )  # fmt: skip
        ax.set_xlabel("energy loss (eV)")
        ax.set_ylabel("counts (height of the edge: 1)")
        legend_beside(ax)
    return figure
