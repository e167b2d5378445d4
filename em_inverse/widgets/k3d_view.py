"""A finished volume in k3d, for those who have it: axes with numbers, a menu for everything."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import check_array, check_integer, check_number
from em_inverse.tilt_series import Reconstruction
from em_inverse.widgets import runs
from em_inverse.widgets.colours import table
from em_inverse.widgets.rendering import Eye
from em_inverse.widgets.volume_data import (
    LARGEST,
    SMALLEST,
    check_window,
    counts,
    cut_value,
    robust_window,
    shrink,
    to_bytes,
)
from em_inverse.widgets.volume_state import opacity_ramp, opening_view

__all__ = ["explore"]

_INSTALL = "python -m pip install 'em-inverse[view]'"


def explore(
    volume: ArrayLike | Reconstruction,
    *,
    pixel_size_nm: float | None = None,
    window: tuple[float, float] | None = None,
    iso: float | None = None,
    keep: float = 1.0,
    level: int = 128,
    height: int = 500,
    name: str = "explore",
    title: str = "",
    quantity: str = "intensity",
) -> Any:
    """Open a finished volume for exploring: half transparent, with a surface and a clipping plane.

    With k3d installed (``em-inverse[view]``) this is a k3d plot. Its menu, top right, holds the
    objects "volume" and "surface" (switched off at first, because the two hide each other) with
    their transfer function and level, clipping planes, and export. Without it the
    course's own :class:`~em_inverse.widgets.volume.VolumeView` opens instead, and a warning says
    how to install k3d. A live volume is better shown by the latter in any case: k3d takes about a
    second for each new one.

    Parameters
    ----------
    volume : array_like, shape (nz, nx, ny), or Reconstruction
        z along the beam at 0°, x across and y along the tilt axis.
    pixel_size_nm : float, optional
        Edge of a voxel in nm; that of the reconstruction if left out. Axes are in nm, or in voxels.
    window : (float, float), optional
        Values shown as the first and the last colour; fitted to the volume if left out.
    iso : float, optional
        Value of the surface; from the histogram if left out.
    keep : float, 0 to 1
        Share of the y axis that the clipping plane leaves; 1 cuts nothing away.
    level : int, 8 to 192
        Longest edge in voxels of what is sent to the page.
    height : int
        Height in px.
    name : str
        One plot per name and kernel: the next one closes it.
    title, quantity : str
        What is shown, and what the values are; k3d names its files by the title.

    Returns
    -------
    k3d.plot.Plot or VolumeView
        Display it as the last line of a cell.

    Raises
    ------
    DataError
        When the volume is not 3-D, or holds NaN or infinity.
    ParameterError
        When another argument is outside what is allowed.

    Examples
    --------
    >>> import warnings
    >>> from em_inverse import phantoms
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # said where k3d is not installed
    ...     shown = explore(phantoms.sphere(16), pixel_size_nm=0.5)
    >>> shown.close()
    """
    if isinstance(volume, Reconstruction):
        pixel_size_nm = volume.pixel_size_nm if pixel_size_nm is None else pixel_size_nm
        volume = volume.volume
    array = check_array(volume, "volume", ndim=3, dtype=np.float32)
    if pixel_size_nm is not None:
        pixel_size_nm = check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
    keep = check_number(keep, "keep", minimum=0, maximum=1)
    height = check_integer(height, "height", minimum=100)
    level = check_integer(level, "level", minimum=SMALLEST, maximum=LARGEST)
    small = shrink(array, level)
    low, high = robust_window(small) if window is None else check_window(window)
    found = cut_value(counts(to_bytes(small, (low, high))))
    share = found if iso is None else (check_number(iso, "iso") - low) / (high - low)
    if importlib.util.find_spec("k3d") is None:
        warnings.warn(
            f"k3d is not installed, so the course's own view opens. To have k3d: {_INSTALL}",
            stacklevel=2,
        )
        return _own_view(
            array, share, keep, (low, high), level=level, pixel_size_nm=pixel_size_nm,
            height=height, name=name, title=title, quantity=quantity,
        )  # fmt: skip
    plot = _k3d_plot(small, array.shape, share, keep, (low, high), pixel_size_nm, height, title)
    runs.place(name, _Shown(plot))
    return plot


class _Shown:
    """A plot and what is in it, to be closed together."""

    def __init__(self, plot: Any) -> None:
        self.plot = plot

    def close(self) -> None:
        for part in (*self.plot.objects, self.plot):
            # A plot's own close only empties what it was displayed in.
            ipywidgets.Widget.close(part)


def _own_view(
    array: np.ndarray, share: float, keep: float, window: tuple[float, float], **options: Any
) -> Any:
    from em_inverse.widgets.volume import VolumeView

    view = VolumeView(array, window=window, **options)
    view.set_view({"iso": float(np.clip(share, 0, 1)), "clip": {"y": [0.0, max(keep, 0.02)]}})
    return view


def _k3d_plot(
    small: np.ndarray,
    voxels: tuple[int, ...],
    share: float,
    keep: float,
    window: tuple[float, float],
    pixel_size_nm: float | None,
    height: int,
    title: str,
) -> Any:
    import k3d

    low, high = window
    # k3d indexes [z, y, x].
    field = np.ascontiguousarray(small.transpose(0, 2, 1))
    nz, nx, ny = (n * (pixel_size_nm or 1.0) for n in voxels)
    bounds = [0, nx, 0, ny, 0, nz]
    colours = np.column_stack([np.linspace(0, 1, 256), table("grey") / 255.0])
    # Black on white would show vacuum as the densest part: the darkest grey stays visible.
    colours[:, 1:] = 0.15 + 0.85 * colours[:, 1:]
    curve = [value for point in [[0.0, 0.0], *opacity_ramp(share)] for value in point]
    unit = "nm" if pixel_size_nm else "voxels"
    plot = k3d.plot(
        height=height,
        name=title or "volume",
        axes=[rf"\text{{{axis} ({unit})}}" for axis in "xyz"],
        background_color=0x0B0E13,
        label_color=0xEEF2F6,
        grid_color=0x4A525A,
        camera_auto_fit=False,
        clipping_planes=[[0.0, -1.0, 0.0, keep * ny + 1e-3 * (keep == 1)]],
        camera=_camera(voxels, np.array([nx, ny, nz])),
    )
    plot += k3d.volume(
        _compact(field, low, high),
        color_map=colours.astype(np.float32),
        opacity_function=np.asarray(curve, dtype=np.float32),
        color_range=[low, high],
        alpha_coef=40,
        samples=2 * max(small.shape),
        bounds=bounds,
        name="volume",
    )
    plot += k3d.marching_cubes(
        field,
        level=low + share * (high - low),
        color=0xE6E2DA,
        visible=False,
        flat_shading=False,
        bounds=bounds,
        name="surface",
    )
    return plot


def _compact(field: np.ndarray, low: float, high: float) -> np.ndarray:
    """Half as many bytes where half precision resolves the window well."""
    largest = max(abs(low), abs(high))
    fits = 1e-3 < largest < 6e4 and high - low > 0.1 * largest
    return np.clip(field, low, high).astype(np.float16) if fits else field


def _camera(voxels: tuple[int, ...], size: np.ndarray) -> list[float]:
    """Position, target and up of a camera that looks as the own view does, the beam downwards."""
    _, up, into = Eye(opening_view()["camera"], voxels).axes
    target = size / 2
    away = 1.15 * float(np.linalg.norm(size))
    return [*(target - away * into), *target, *up]
