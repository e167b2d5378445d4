"""Figures of the diagnostics: what the data say about a reconstruction, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.frame import legend_beside, log_axis, new_figure, number, text_size
from em_inverse.plotting.style import COLOURS, DIVERGING, LINESTYLES, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "damage",
    "elongation_profiles",
    "epsilon_curve",
    "fourier_shells",
    "halving",
    "noise_per_tilt",
    "power_spectrum",
    "residual_map",
    "residual_per_tilt",
]

_TILT = "tilt angle (°)"


def residual_per_tilt(result: Any, *, title: str) -> Figure:
    """Draw the relative residual of each projection, those that stand out marked and named.

    Parameters
    ----------
    result : ResidualPerTilt
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> found = SimpleNamespace(angles_deg=np.array([0.0, 1.0]), relative=np.array([0.1, 0.3]),
    ...                         expected=np.array([0.1, 0.1]), flagged=np.array([1]))
    >>> residual_per_tilt(found, title="1° does not fit").axes[0].get_xlabel()
    'tilt angle (°)'
    """
    order = np.argsort(result.angles_deg)
    angles = result.angles_deg[order]
    with _one_panel(title, _TILT, "residual (% of projection)") as (fig, ax):
        ax.plot(
            angles,
            100 * result.relative[order],
            color=COLOURS["measurement"],
            marker="o",
            linestyle="none",
            label="projection",
        )
        ax.plot(
            angles,
            100 * result.expected[order],
            color=COLOURS["truth"],
            linestyle="-",
            label="expected from\nits neighbours",
        )
        out = result.flagged
        if len(out):
            ax.plot(
                result.angles_deg[out],
                100 * result.relative[out],
                color=COLOURS["naive"],
                marker="v",
                markersize=1.8 * ax.lines[0].get_markersize(),
                linestyle="none",
                label="stands out",
            )
        ax.set_ylim(bottom=0)
    return fig


def noise_per_tilt(result: Any, *, title: str) -> Figure:
    """Draw the estimated noise of each projection.

    Parameters
    ----------
    result : NoiseLevel
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> found = SimpleNamespace(angles_deg=np.array([0.0, 1.0]), sigma=np.array([0.1, 0.1]))
    >>> noise_per_tilt(found, title="The noise is even").axes[0].get_ylabel()
    'noise s.d. (units of the data)'
    """
    order = np.argsort(result.angles_deg)
    typical = float(np.sqrt(np.mean(result.sigma**2)))
    with _one_panel(title, _TILT, "noise s.d. (units of the data)", height=3.4) as (fig, ax):
        ax.plot(
            result.angles_deg[order],
            result.sigma[order],
            color=COLOURS["measurement"],
            marker="o",
            linestyle="none",
            label="projection",
        )
        ax.axhline(typical, color=COLOURS["truth"], linestyle="-", label=f"all: {number(typical)}")
        ax.set_ylim(bottom=0)
    return fig


def fourier_shells(result: Any, *, title: str) -> Figure:
    """Draw the correlation of two half data sets with the usual thresholds.

    Parameters
    ----------
    result : FourierShells
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from em_inverse.metrics import RingCorrelation
    >>> from em_inverse.tomography.resolution import FourierShells
    >>> numbers = np.array([1, 0.9, 0.5, 0]), np.array([1, 8, 16, 20])
    >>> curve = RingCorrelation(np.arange(4) / 6, *numbers)
    >>> fig = fourier_shells(FourierShells(curve, None, True, "SIRT"), title="Down to 3 px")
    >>> fig.axes[0].get_xlabel()
    'spatial frequency (cycles per px)'
    """
    frequency = result.curve.frequency
    edge = 1 / result.resolution()
    unit = "cycles per px" if result.pixel_size_nm is None else "1/nm"
    with _one_panel(title, f"spatial frequency ({unit})", "correlation", height=3.8) as (fig, ax):
        ax.plot(
            frequency,
            result.curve.correlation,
            color=COLOURS["truth"],
            linestyle="-",
            label="even with odd tilts",
        )
        for name, dashes in (("half-bit", (0, (4, 2))), ("1/7", (0, (1, 1.5))), ("1/2", "-.")):
            found = f"{name}: {number(result.resolution(name))} {result.unit}"
            ax.plot(
                frequency[1:],
                result.threshold(name)[1:],
                color=COLOURS["measurement"],
                linestyle=dashes,
                label=found,
            )
        if edge > 0:
            height = float(np.interp(edge, frequency[1:], result.threshold("half-bit")[1:]))
            ax.plot(edge, height, color="black", marker="o", linestyle="none")
        ax.axhline(0, color=COLOURS["measurement"], linewidth=0.6, linestyle="-")
        ax.set_ylim(-0.2, 1.05)
        ax.margins(x=0.01)
    return fig


def power_spectrum(result: Any, *, title: str) -> Figure:
    """Draw Fourier space with the part that the prior filled, and power against the noise floor.

    Parameters
    ----------
    result : PowerSpectrum
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure
        kz points down on the left, as z does in pictures of slices.

    Examples
    --------
    >>> from em_inverse.tilt_series import Reconstruction
    >>> from em_inverse.tomography import diagnostics
    >>> run = Reconstruction(np.eye(16), "WBP", geometry={"n_projections": 29,
    ...     "tilt_min_deg": -70.0, "tilt_max_deg": 70.0, "tilt_step_deg": 5.0})
    >>> len(diagnostics.power_spectrum(run, 0.1).draw().axes)
    2
    """
    from matplotlib.colors import ListedColormap

    pixel = result.pixel_size_nm or 1.0
    unit = "cycles per px" if result.pixel_size_nm is None else "1/nm"
    highest = 0.5 / pixel
    with style():
        fig = new_figure(10.4, 4.2, title)
        left, ax = fig.subplots(1, 2, width_ratios=(1, 1.25))
        plane = np.log10(np.maximum(result.plane, 1e-6 * result.plane.max() + 1e-30))
        box = (-highest, highest, highest, -highest)
        left.imshow(plane, cmap="gray", extent=box, aspect="equal")
        veil = np.ma.masked_where(~result.filled, np.ones(result.filled.shape))
        left.imshow(
            veil, cmap=ListedColormap([COLOURS["tv"]]), alpha=0.55, extent=box, aspect="equal"
        )
        for axis in (left.xaxis, left.yaxis):
            axis.set_ticks([-highest / 2, 0, highest / 2])
        left.set_xlabel(f"kx ({unit})")
        left.set_ylabel(f"kz ({unit})")
        left.set_title("orange: filled by the prior")
        shown = slice(1, None)
        for values, colour, dashes, words in (
            (result.across, COLOURS["truth"], "-", "across\nthe beam"),
            (result.along, COLOURS["naive"], LINESTYLES["naive"], "along\nthe beam"),
            (result.floor, COLOURS["measurement"], ":", "noise floor"),
        ):
            kept = np.where(values > 0, values, np.nan)[shown]
            ax.plot(result.frequency[shown], kept, color=colour, linestyle=dashes, label=words)
        log_axis(ax.yaxis)
        ax.set_xlabel(f"spatial frequency ({unit})")
        ax.set_ylabel("power |X|²/N (arb. units)")
        legend_beside(ax)
    return fig


def elongation_profiles(result: Any, *, title: str) -> Figure:
    """Draw the profiles through an object along and across the beam.

    Parameters
    ----------
    result : Elongation
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> found = SimpleNamespace(along=np.ones(3), along_px=np.arange(3) - 1, across=np.ones(3),
    ...                         across_px=np.arange(3) - 1, pixel_size_nm=0.5, expected=1.3,
    ...                         measured=1.2, middle_deg=0.0)
    >>> elongation_profiles(found, title="Stretched").axes[0].get_xlabel()
    'distance from the centre of mass (nm)'
    """
    pixel = result.pixel_size_nm or 1.0
    unit = "px" if result.pixel_size_nm is None else "nm"
    with _one_panel(
        title, f"distance from the centre of mass ({unit})", "intensity (arb. units)"
    ) as (fig, ax):
        turned = result.middle_deg != 0
        for place, values, colour, dashes, words in (
            (
                result.across_px,
                result.across,
                COLOURS["truth"],
                "-",
                "across\nthe wedge" if turned else "across (x)",
            ),
            (
                result.along_px,
                result.along,
                COLOURS["naive"],
                LINESTYLES["naive"],
                "along\nthe wedge" if turned else "along (z)",
            ),
        ):
            ax.plot(place * pixel, values, color=colour, linestyle=dashes, label=words)
        for words, value in (("measured", result.measured), ("expected", result.expected)):
            ax.plot([], [], linestyle="none", label=f"{words}: {value:.2f}")
        ax.margins(x=0.01)
    return fig


def residual_map(result: Any, *, title: str) -> Figure:
    """Draw the residual of the middle slice over tilt and detector position.

    Parameters
    ----------
    result : OverRegularisation
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> found = SimpleNamespace(residual=np.eye(8) - 0.1, angles_deg=np.arange(8.0), ratio=1.0,
    ...                         structure=0.0, echo=0.0)
    >>> residual_map(found, title="Noise").axes[0].get_ylabel()
    'tilt angle (°)'
    """
    order = np.argsort(result.angles_deg)
    angles = result.angles_deg[order]
    r = result.residual[order]
    r = r if r.ndim == 2 else r[:, :, r.shape[2] // 2]
    reach = float(np.quantile(np.abs(r), 0.995)) or 1.0
    with style():
        fig = new_figure(8.6, 4.2, title)
        ax = fig.add_subplot()
        half = r.shape[1] / 2
        edges = np.concatenate(([angles[0]], 0.5 * (angles[1:] + angles[:-1]), [angles[-1]]))
        mesh = ax.pcolormesh(
            np.linspace(-half, half, r.shape[1] + 1),
            edges,
            r,
            cmap=DIVERGING,
            vmin=-reach,
            vmax=reach,
            rasterized=True,
        )
        bar = fig.colorbar(mesh, ax=ax, ticks=_symmetric(reach))
        bar.set_label("b − Ax (units of the data)")
        ax.set_xlabel(
            f"detector position (px)\nresidual {result.ratio:.2f} × noise, correlated by "
            f"{number(result.structure, 2)}, like the object by {number(result.echo, 2)}"
        )
        ax.set_ylabel(_TILT)
    return fig


def damage(result: Any, *, title: str) -> Figure:
    """Draw where early and late projections disagree, and residual and mass over time.

    Parameters
    ----------
    result : Damage
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> found = SimpleNamespace(map=np.eye(4), place=(0, 0), split=3, limit=6.0, alarm=True,
    ...                         residual=np.ones(5), mass=np.ones(5))
    >>> len(damage(found, title="Lost").axes)
    4
    """
    reach = max(result.limit, float(np.abs(result.map).max()))
    count = np.arange(1, result.mass.size + 1)
    with style():
        fig = new_figure(10.4, 4.4, title)
        grid = fig.add_gridspec(2, 2, width_ratios=(1, 1.15))
        left = fig.add_subplot(grid[:, 0])
        image = left.imshow(result.map, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="equal")
        bar = fig.colorbar(image, ax=left, shrink=0.8, ticks=_symmetric(reach))
        bar.set_label("early − late (s.d.)")
        if result.alarm:
            left.plot(
                result.place[1],
                result.place[0],
                marker="o",
                markersize=2.2 * text_size(),
                markerfacecolor="none",
                markeredgecolor="black",
                linestyle="none",
            )
        left.set_xlabel("x (px)")
        left.set_ylabel("z (px)")
        top = fig.add_subplot(grid[0, 1])
        low = fig.add_subplot(grid[1, 1], sharex=top)
        _over_time(top, count, result.residual, "residual\n(× noise)", result)
        _over_time(low, count, result.mass, "mass\n(of mean)", result)
        top.tick_params(labelbottom=False)
        low.set_xlabel("projections in order of acquisition")
    return fig


def halving(result: Any, *, title: str) -> Figure:
    """Draw the residual of each λ tried, in units of the noise to be met.

    Parameters
    ----------
    result : Halving
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> trace = SimpleNamespace(lambdas=np.array([4.0, 2.0]), residual_norms=np.array([3.0, 2.0]),
    ...                         noise_norm=2.5, lam=2.0)
    >>> halving(trace, title="Met").axes[0].get_ylabel()
    'residual (× noise)'
    """
    height = result.residual_norms / result.noise_norm
    with _one_panel(title, "regularisation strength λ", "residual (× noise)") as (fig, ax):
        ax.plot(
            result.lambdas,
            height,
            color=COLOURS["tv"],
            linestyle=LINESTYLES["tv"],
            marker="D",
            label="λ tried",
        )
        ax.axhline(1, color=COLOURS["measurement"], linestyle=":", label="noise")
        ax.plot(
            result.lam,
            height[-1],
            color="black",
            marker="o",
            markersize=1.6 * ax.lines[0].get_markersize(),
            linestyle="none",
            label=f"taken: λ = {number(result.lam)}",
        )
        log_axis(ax.xaxis)
        ax.set_ylim(bottom=0)
    return fig


def epsilon_curve(result: Any, *, title: str) -> Figure:
    """Draw the error at held-out projections against ε in units of the noise.

    Parameters
    ----------
    result : EpsilonChoice
    title : str
        What the figure shows, as a sentence.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> choice = SimpleNamespace(epsilons=np.array([1.0, 2.0]), scores=np.array([0.3, 0.2]),
    ...                          noise_norm=2.0, in_noise_units=1.0)
    >>> epsilon_curve(choice, title="At the noise").axes[0].get_xlabel()
    'ε (× noise norm)'
    """
    with _one_panel(title, "ε (× noise norm)", "error of re-projection (%)") as (fig, ax):
        units = result.epsilons / result.noise_norm
        ax.plot(
            units,
            100 * result.scores,
            color=COLOURS["tv"],
            linestyle=LINESTYLES["tv"],
            marker="D",
            label="held-out\nprojections",
        )
        ax.axvline(
            result.in_noise_units,
            color="black",
            linestyle=":",
            label=f"chosen: {number(result.in_noise_units)}",
        )
    return fig


@contextmanager
def _one_panel(
    title: str, xlabel: str, ylabel: str, *, height: float = 3.6
) -> Iterator[tuple[Figure, Axes]]:
    """Make a figure of one panel in the style, with its labels and a legend beside it."""
    with style():
        fig = new_figure(8.6, height, title)
        ax = fig.add_subplot()
        yield fig, ax
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        legend_beside(ax)


def _symmetric(reach: float) -> list[float]:
    """Three ticks: 0 and the round number below the ends of a symmetric range."""
    decade = 10.0 ** np.floor(np.log10(reach))
    end = float(np.floor(reach / decade) * decade)
    return [-end, 0.0, end]


def _over_time(ax: Axes, count: np.ndarray, values: np.ndarray, label: str, result: Any) -> None:
    ax.plot(count, values, color=COLOURS["measurement"], marker="o", linestyle="none")
    if result.alarm:
        ax.axvline(result.split + 0.5, color=COLOURS["naive"], linestyle=LINESTYLES["naive"])
    low, high = float(values.min()), float(values.max())
    room = 0.15 * (high - low) + 0.02 * abs(high)
    ax.set_ylim(low - room, high + room)
    ax.set_ylabel(label)
