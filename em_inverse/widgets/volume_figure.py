"""A volume view as a static figure: the volume as it is looked at, three slices, the histogram."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.errors import check_integer, check_number
from em_inverse.widgets.colours import INK, table
from em_inverse.widgets.rendering import Eye, opacities, render
from em_inverse.widgets.ticks import number_text
from em_inverse.widgets.volume_data import counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

_PALE = "#eef2f6"
_TITLES = {
    "volume": "The volume, half transparent",
    "mip": "The maximum along the line of sight",
    "iso": "The surface at {value}",
    "slices": "Three slices in their places",
}


def figure(
    values: np.ndarray,
    view: Mapping[str, Any],
    *,
    voxels: tuple[int, ...],
    window: tuple[float, float],
    pixel_size_nm: float | None = None,
    title: str = "",
    quantity: str = "intensity",
    scale: float = 1.0,
    dpi: int = 100,
) -> Figure:
    """Draw a volume as a view says, with three slices and the histogram beside it.

    Parameters
    ----------
    values : ndarray of uint8, shape (nz, nx, ny)
        Share of the window, 0 to 255.
    view : mapping
        See :func:`em_inverse.widgets.volume_state.opening_view`.
    voxels : (int, int, int)
        Edges of the volume that `values` stand for.
    window : (float, float)
        What 0 and 255 mean.
    pixel_size_nm : float, optional
        Edge of a voxel of the volume, for scale bars.
    title, quantity : str
        What is shown, and what the values are.
    scale : float
        Text size; 2 for projection.
    dpi : int
        Dots per inch.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot, so that a notebook shows it once.

    Examples
    --------
    >>> from em_inverse.widgets.volume_state import opening_view
    >>> block = np.full((8, 8, 8), 200, np.uint8)
    >>> drawn = figure(block, opening_view("iso"), voxels=(8, 8, 8), window=(0, 1), title="A block")
    >>> [ax.get_title(loc="left") for ax in drawn.axes[:2]]
    ['A block. The surface at 0.5', 'z, x at y = 4']
    """
    from matplotlib.figure import Figure

    from em_inverse.plotting import style

    check_number(scale, "scale", minimum=0.1)
    check_integer(dpi, "dpi", minimum=10)
    grow = scale**0.6
    with style(present=scale > 1):
        drawn = Figure(figsize=(9.4 * grow, 5.2 * grow), dpi=dpi, layout="constrained")
        grid = drawn.add_gridspec(2, 4)
        large = drawn.add_subplot(grid[:, :2])
        words = _TITLES[view["mode"]].format(value=_value(view["iso"], window))
        _draw_scene(large, values, view, voxels, pixel_size_nm)
        _title(large, f"{title}. {words}" if title else words, scale)
        cuts = [("z", "x", "y"), ("y", "x", "z"), ("z", "y", "x")]
        for cell, names in zip((grid[0, 2], grid[0, 3], grid[1, 2]), cuts, strict=True):
            ax = drawn.add_subplot(cell)
            _draw_slice(ax, values, view, names, voxels, pixel_size_nm, scale)
        _draw_histogram(drawn.add_subplot(grid[1, 3]), values, view, window, quantity, scale)
    return drawn


def _value(share: float, window: tuple[float, float]) -> str:
    return number_text(window[0] + share * (window[1] - window[0]))


def _title(ax: Axes, words: str, scale: float) -> None:
    words = textwrap.fill(words, 48)
    ax.set_title(words, loc="left", fontsize=9.5 * scale, fontweight="bold")


def _draw_scene(
    ax: Axes,
    values: np.ndarray,
    view: Mapping[str, Any],
    voxels: tuple[int, ...],
    pixel_size_nm: float | None,
) -> None:
    eye = Eye(view["camera"], voxels)
    ax.imshow(render(values, view), extent=(-0.5, 0.5, -0.5, 0.5), interpolation="bilinear")
    ax.set(xlim=(-0.5, 0.5), ylim=(-0.5, 0.5), xticks=[], yticks=[])
    ax.grid(False)
    far = eye.axes[2] > 0
    for k in range(3):
        p, q = (a for a in range(3) if a != k)
        for i in (0, 1):
            for j in (0, 1):
                ends = np.empty((2, 3))
                ends[:, k], ends[:, p], ends[:, q] = (0, 1), i, j
                hidden = bool(i) == far[p] and bool(j) == far[q]
                _line(ax, eye.project((ends - 0.5) * eye.edges), hidden)
    _draw_triad(ax, eye)
    _draw_bar(ax, (-0.5, 0.5), eye.scale, voxels, pixel_size_nm)


def _line(ax: Axes, ends: np.ndarray, hidden: bool) -> None:
    # Dashes that would run over the picture of the volume are left to its outline.
    style = (0, (4, 4)) if hidden else "-"
    ax.plot(*ends.T, color=_PALE, alpha=0.35 if hidden else 0.6, linewidth=0.7, linestyle=style)


def _draw_triad(ax: Axes, eye: Eye) -> None:
    x, y = -0.4, -0.3
    for k, name in enumerate("xyz"):
        right, up = (float(part) for part in 0.075 * eye.axes[:2, k])
        ax.annotate(
            "",
            (x + right, y + up),
            (x, y),
            arrowprops={"arrowstyle": "-|>", "color": _PALE, "shrinkA": 0, "shrinkB": 0},
        )
        length = float(np.hypot(right, up))
        far = 1 + 0.03 / length if length > 0.02 else 1.0
        beside = 0.0 if length > 0.02 else 0.03
        place = (x + far * right - beside, y + far * up + beside)
        ax.text(*place, name, color=_PALE, ha="center", va="center")
    ax.text(-0.48, -0.47, "y: tilt axis  z: beam", color=_PALE, ha="left", va="center")


def _draw_bar(
    ax: Axes,
    span: tuple[float, float],
    edge: float,
    voxels: tuple[int, ...],
    pixel_size_nm: float | None,
) -> None:
    """A scale bar in the lower right corner; `edge` is how long the longest edge is drawn."""
    total = max(voxels) * (pixel_size_nm or 1.0)
    most = 0.22 * (span[1] - span[0]) / edge * total
    decade = 10.0 ** np.floor(np.log10(most))
    length = max(m * decade for m in (1, 2, 5) if m * decade <= most * 1.001)
    wide = length / total * edge
    right = span[1] - 0.03
    ax.plot(
        [right - wide, right],
        [-0.47, -0.47],
        color=_PALE,
        linewidth=3,
        linestyle="-",
        solid_capstyle="butt",
    )
    unit = "nm" if pixel_size_nm else "voxels"
    ax.text(right, -0.45, f"{length:g} {unit}", color=_PALE, ha="right", va="bottom")


def _draw_slice(
    ax: Axes,
    values: np.ndarray,
    view: Mapping[str, Any],
    names: tuple[str, str, str],
    voxels: tuple[int, ...],
    pixel_size_nm: float | None,
    scale: float,
) -> None:
    from matplotlib.colors import ListedColormap

    down, across, along = names
    axis = "zxy".index(along)
    share = view["slices"][along]
    index = min(int(share * values.shape[axis]), values.shape[axis] - 1)
    picture = np.take(values, index, axis=axis)
    if down == "y":
        picture = picture.T
    size = {name: n * (pixel_size_nm or 1.0) for name, n in zip("zxy", voxels, strict=True)}
    ax.imshow(
        picture,
        cmap=ListedColormap(table(view["table"]) / 255.0),
        vmin=0,
        vmax=255,
        extent=(0, size[across], size[down], 0),
        interpolation="nearest",
    )
    ax.grid(False)
    unit = "nm" if pixel_size_nm else "px"
    ax.set(xlabel=f"{across} ({unit}) →", ylabel=f"← {down} ({unit})")
    ax.locator_params(nbins=3)
    place = f"{share * size[along]:.3g}" + (" nm" if pixel_size_nm else "")
    _title(ax, f"{down}, {across} at {along} = {place}", scale)


def _draw_histogram(
    ax: Axes,
    values: np.ndarray,
    view: Mapping[str, Any],
    window: tuple[float, float],
    quantity: str,
    scale: float,
) -> None:
    low, high = window
    at = low + np.arange(256) / 255 * (high - low)
    ax.fill_between(at, np.maximum(counts(values), 0.5), 0.5, color="#b9c3ce", linewidth=0)
    ax.set(yscale="log", xlim=(low, high), xlabel=quantity, ylabel="voxels")
    ax.locator_params(axis="x", nbins=3)
    words = "Histogram"
    if view["mode"] == "iso":
        ax.axvline(low + view["iso"] * (high - low), color=INK, linewidth=1.4)
        words = "Surface value"
    elif view["mode"] == "volume":
        opacity = ax.twinx()
        opacity.plot(at, opacities(view["opacity"]), color=INK, linewidth=1.4, linestyle="-")
        opacity.set(ylim=(0, 1), ylabel="opacity")
        opacity.grid(False)
        words = "Opacity"
    _title(ax, words, scale)
