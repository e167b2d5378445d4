"""Pictures: slices side by side, three views of a volume, signed differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_integer,
    check_number,
)
from em_inverse.plotting.frame import (
    beam_arrow,
    new_figure,
    number,
    scale_bar,
    shared_window,
    window_text,
)
from em_inverse.plotting.style import DIVERGING, GREY, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["images", "orthoslices", "signed_difference"]

_PER_ROW = 3
# Inches that the words beside the colour bar need, however flat the pictures are.
_LEAST_HEIGHT = 3.2
# Longest scale bar, as a share of the narrowest picture.
_BAR_SHARE = 0.35


def images(
    pictures: Sequence[ArrayLike],
    titles: Sequence[str],
    *,
    title: str,
    axes: tuple[str, str] = ("z", "x"),
    window: tuple[float, float] | None = None,
    pixel_size_nm: float | None = None,
    beam: bool | None = None,
    quantity: str = "intensity",
    cmap: str = GREY,
) -> Figure:
    """Show pictures side by side in one intensity window, at most three in a row.

    Parameters
    ----------
    pictures : sequence of array_like, each 2-D
        What to compare; rows are drawn downwards.
    titles : sequence of str
        A few words above each.
    title : str
        What the figure shows, as a sentence.
    axes : (str, str)
        Names of rows and columns: ("z", "x") for slices ``x[z, x]``. Write the unit with what is
        not a direction in space: ("tilt (number)", "x").
    window : (float, float), optional
        Values drawn black and white; by default the lowest and highest of all pictures. Printed
        at the colour bar.
    pixel_size_nm : float, optional
        Edge of a pixel in nm, for a scale bar instead of pixel numbers.
    beam : bool, optional
        Draw the beam's arrow; by default when the rows are z, along the beam.
    quantity : str
        What the grey values are, with their unit.
    cmap : str
        Colour map.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When a picture is not 2-D.
    ParameterError
        When titles and pictures differ in number, or the window is empty.

    Examples
    --------
    >>> fig = images([np.eye(4), np.zeros((4, 4))], ["one", "none"], title="One has a line")
    >>> [panel.get_title(loc="left") for panel in fig.axes[:2]]
    ['one', 'none']
    """
    arrays = [check_array(p, f"pictures[{k}]", ndim=2) for k, p in enumerate(pictures)]
    if not arrays or len(arrays) != len(titles):
        raise ParameterError(
            f"pictures has {len(arrays)} entries and titles {len(titles)}; at least one picture, "
            f"and one title for each, is needed."
        )
    limits = shared_window(arrays, window)
    widest = _BAR_SHARE * min(array.shape[1] for array in arrays)
    n_columns = min(len(arrays), _PER_ROW)
    n_rows = -(-len(arrays) // _PER_ROW)
    tallest = max(array.shape[0] / array.shape[1] for array in arrays)
    width = (4.6, 7.4, 9.4)[n_columns - 1]
    panel_width = (width - 1.3) / n_columns - 0.5
    height = max(n_rows * (min(panel_width * tallest, 4.5) + 0.75) + 0.5, _LEAST_HEIGHT)
    with style():
        fig = new_figure(width, height, title)
        panels = fig.subplots(n_rows, n_columns, squeeze=False).ravel()
        for panel in panels[len(arrays) :]:
            panel.remove()
        for k, (panel, array, words) in enumerate(zip(panels, arrays, titles, strict=False)):
            shown = _picture(panel, array, axes, limits, cmap, pixel_size_nm, widest)
            panel.set_title(words)
            if k == 0 and (beam or (beam is None and axes[0] == "z")):
                beam_arrow(panel)
        shared = "one window, " if len(arrays) > 1 else "window "
        label = f"{quantity}\n{shared}{window_text(*limits)}"
        _colour_bar(fig, shown, list(panels[: len(arrays)]), label)
    return fig


def orthoslices(
    volume: ArrayLike,
    *,
    title: str,
    position: tuple[int, int, int] | None = None,
    window: tuple[float, float] | None = None,
    pixel_size_nm: float | None = None,
    quantity: str = "intensity",
    cmap: str = GREY,
) -> Figure:
    """Show three slices of a volume at right angles through one point.

    Parameters
    ----------
    volume : array_like, shape (nz, nx, ny)
        Volume ``x[z, x, y]``, z along the beam at 0° tilt and y along the tilt axis.
    title : str
        What the figure shows, as a sentence.
    position : (int, int, int), optional
        Point (z, x, y) where the slices meet; the middle by default.
    window : (float, float), optional
        Values drawn black and white; by default lowest and highest of the three slices.
    pixel_size_nm : float, optional
        Edge of a voxel in nm, for scale bars instead of voxel numbers.
    quantity : str
        What the grey values are, with their unit.
    cmap : str
        Colour map.

    Returns
    -------
    matplotlib.figure.Figure
        Left z over x, middle y over x (as the microscope sees it at 0°), right z over y.

    Raises
    ------
    DataError
        When the volume is not 3-D.
    ParameterError
        When the position lies outside or the window is empty.

    Examples
    --------
    >>> fig = orthoslices(np.ones((4, 5, 6)), title="A full block")
    >>> [panel.get_title(loc="left") for panel in fig.axes[:3]]
    ['z, x at y = 3', 'y, x at z = 2', 'z, y at x = 2']
    """
    array = np.asarray(volume)
    if array.ndim != 3 or array.size == 0:
        raise DataError(f"volume has shape {array.shape}; a 3-D volume x[z, x, y] is needed.")
    nz, nx, ny = array.shape
    z, x, y = _inside(position, array.shape)
    # Only the slices are checked and converted: a volume may be large.
    cuts = [check_array(cut, "volume") for cut in (array[:, :, y], array[z].T, array[:, x, :])]
    names = [("z", "x"), ("y", "x"), ("z", "y")]
    words = [f"z, x at y = {y}", f"y, x at z = {z}", f"z, y at x = {x}"]
    limits = shared_window(cuts, window)
    widest = _BAR_SHARE * min(nx, ny)
    tall = max(nz, ny) / (2 * nx + ny)
    with style():
        fig = new_figure(9.4, max(min(6.6 * tall, 5.5) + 1.3, _LEAST_HEIGHT), title)
        panels = fig.subplots(1, 3, width_ratios=[nx, nx, ny])
        for panel, cut, name, label in zip(panels, cuts, names, words, strict=True):
            shown = _picture(panel, cut, name, limits, cmap, pixel_size_nm, widest)
            panel.set_title(label)
            beam_arrow(panel, down=name[0] == "z")
        label = f"{quantity}\none window, {window_text(*limits)}"
        _colour_bar(fig, shown, list(panels), label)
        for panel in panels:
            panel.set_anchor("N")
    return fig


def signed_difference(
    image: ArrayLike,
    *,
    title: str,
    limit: float | None = None,
    axes: tuple[str, str] = ("z", "x"),
    pixel_size_nm: float | None = None,
    quantity: str = "difference",
) -> Figure:
    """Show where a result lies above (red) and below (blue) what it is compared with.

    Parameters
    ----------
    image : array_like, 2-D
        Signed differences, result minus truth.
    title : str
        What the figure shows, as a sentence.
    limit : float, optional
        Value drawn in full colour, > 0; by default the largest absolute difference. Zero is the
        palest colour always; the colour bar says from where to where the differences reach.
    axes : (str, str)
        Names of rows and columns.
    pixel_size_nm : float, optional
        Edge of a pixel in nm, for a scale bar instead of pixel numbers.
    quantity : str
        What the differences are, with their unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        When the image is not 2-D.
    ParameterError
        When the limit is not positive.

    Examples
    --------
    >>> fig = signed_difference([[0.0, -2.0], [1.0, 0.0]], title="One pixel is too dark")
    >>> fig.axes[0].images[0].get_clim()
    (-2.0, 2.0)
    """
    array = check_array(image, "image", ndim=2)
    tall = array.shape[0] / array.shape[1]
    if limit is None:
        bound = float(np.abs(array).max()) or 1.0
    else:
        bound = check_number(limit, "limit", minimum=0, exclusive=True)
    with style():
        fig = new_figure(5.4, max(min(3.2 * tall, 5.0) + 1.2, _LEAST_HEIGHT), title)
        panel = fig.add_subplot()
        shown = _picture(
            panel,
            array,
            axes,
            (-bound, bound),
            DIVERGING,
            pixel_size_nm,
            _BAR_SHARE * array.shape[1],
            "black",
        )
        if axes[0] == "z":
            beam_arrow(panel, "black")
        label = f"{quantity}, centred on 0\n{number(array.min())} to {number(array.max())}"
        _colour_bar(fig, shown, [panel], label)
    return fig


def _picture(
    panel: Axes,
    array: np.ndarray,
    axes: tuple[str, str],
    limits: tuple[float, float],
    cmap: str,
    pixel_size_nm: float | None,
    widest_px: float,
    ink: str = "white",
) -> AxesImage:
    low, high = limits
    shown = panel.imshow(array, cmap=cmap, vmin=low, vmax=high, aspect="equal")
    panel.spines[:].set_visible(False)
    panel.set_xlabel(f"{_axis_label(axes[1], pixel_size_nm)} →")
    panel.set_ylabel(f"← {_axis_label(axes[0], pixel_size_nm)}")
    if pixel_size_nm is None:
        panel.locator_params(axis="x", nbins=4, integer=True)
        flat = array.shape[0] < 0.6 * array.shape[1]
        panel.locator_params(axis="y", nbins=2 if flat else 4, integer=True)
    else:
        check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        panel.set_xticks([])
        panel.set_yticks([])
        scale_bar(panel, pixel_size_nm, widest_px, ink)
    return shown


def _axis_label(name: str, pixel_size_nm: float | None) -> str:
    """A lone letter is a direction in space, counted in pixels; anything else says its own unit."""
    return f"{name} (px)" if len(name) == 1 and pixel_size_nm is None else name


def _colour_bar(fig: Figure, shown: AxesImage, panels: list[Axes], label: str) -> None:
    n_rows = -(-len(panels) // _PER_ROW)
    bar = fig.colorbar(shown, ax=panels, shrink=0.9 / n_rows, aspect=20, pad=0.02)
    bar.outline.set(edgecolor="#7F7F7F", linewidth=0.6)
    bar.set_label(label)


def _inside(position: tuple[int, int, int] | None, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if position is None:
        position = (shape[0] // 2, shape[1] // 2, shape[2] // 2)
    if len(position) != 3:
        raise ParameterError(f"position is {position!r}; three indices (z, x, y) are needed.")
    z, x, y = (
        check_integer(value, f"position[{k}]", minimum=0, maximum=size - 1)
        for k, (value, size) in enumerate(zip(position, shape, strict=True))
    )
    return z, x, y
