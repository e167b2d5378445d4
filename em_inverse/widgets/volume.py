"""A volume in the page that can be turned, cut and looked through while it is still being made."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from em_inverse.errors import check_array, check_choice, check_integer, check_number
from em_inverse.tilt_series import Reconstruction
from em_inverse.widgets import presentation, runs
from em_inverse.widgets.colours import table
from em_inverse.widgets.flight import OneInFlight
from em_inverse.widgets.ticks import number_text
from em_inverse.widgets.volume_data import (
    LARGEST,
    SMALLEST,
    block_ranges,
    check_window,
    counts,
    cut_value,
    robust_window,
    shrink,
    to_bytes,
)
from em_inverse.widgets.volume_state import check_view, opacity_ramp, opening_view

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["VolumeView"]

HERE = Path(__file__).parent
SCRIPTS = ("volume_drawing.js", "volume_caster.js", "volume_panel.js", "volume.js")
GRAPHICS = ("auto", "flat")

# A page without a graphics card may take a second or two for a frame at full quality.
_PATIENCE_S = 5.0
# A surface that follows the histogram moves only when it is this far off, in shares of the window.
_REFIT = 0.03


class VolumeView(anywidget.AnyWidget):
    """A volume drawn by the page's graphics card (or, slowly, by software).

    It opens in one of four modes: the whole volume half transparent, the maximum along the line of
    sight, a lit surface, or three slices. Drag to turn, shift-drag to move, wheel to zoom once the
    view was clicked, double-click to go back; arrow keys, + and −, 0 do the same. The curve over
    the histogram says how opaque each value is: drag its points, add one by a double click, take
    one away by a right click or Delete. At the cut faces of a surface the values inside are seen.

    New volumes may be shown at any time and from any thread; camera, curve and cuts stay as they
    are. At most one volume is on its way to the page; of those that come meanwhile the last one
    follows. While the view is turned or new volumes come in, it is drawn coarsely enough to keep
    up, and at full quality once it rests.

    Parameters
    ----------
    volume : array_like, shape (nz, nx, ny), or Reconstruction, optional
        What to show first: z along the beam at 0°, x across and y along the tilt axis.
    pixel_size_nm : float, optional
        Edge of a voxel in nm, for the scale bar; that of the reconstruction if left out.
    name : str, optional
        One view per name and kernel: making a second one closes the first, so that a cell that is
        run again leaves nothing behind. The name of the class if left out.
    title : str
        What is shown, in a few words.
    quantity : str
        What the values are, with their unit.
    level : int, 8 to 192
        Longest edge in voxels of what is sent to the page. Larger volumes are averaged over blocks.
        64 suits a live view over a slow line, 128 a finished volume.
    mode : {"volume", "mip", "iso", "slices"}
        Mode to open in.
    window : (float, float), optional
        Values at the ends of the histogram, for good. Left out, they follow the volumes, but only
        when these no longer fit.
    controls : bool
        Show the panel beside the picture.
    height : int
        Height of the picture in px; 0 lets it fill the screen.
    graphics : {"auto", "flat"}
        ``"flat"`` draws three flat pictures as on a machine without WebGL 2.

    Attributes
    ----------
    view : dict
        Camera, mode, opacity, surface value, cuts and slices, kept up to date by the page; to be
        read and set through :meth:`get_view` and :meth:`set_view`.
    drawn : int
        Number of the last volume that a page has drawn.

    Raises
    ------
    DataError
        When the volume is not 3-D, or holds NaN or infinity.
    ParameterError
        When another argument is outside what is allowed.

    Examples
    --------
    >>> from em_inverse import phantoms
    >>> shown = VolumeView(phantoms.sphere(16), pixel_size_nm=0.5, mode="iso")
    >>> shown.set_view({"camera": {"azimuth_deg": 90}, "clip": {"x": [0, 0.5]}})
    >>> shown.show(phantoms.sphere(16, radius=6))
    >>> shown.get_view()["camera"]["azimuth_deg"]
    90.0
    >>> shown.close()
    """

    # A page takes one script: its parts share names, and are joined here.
    _esm = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    _css = HERE / "volume.css"
    frame = traitlets.Dict({"number": 0, "shape": [1, 1, 1], "data": b""}).tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    home = traitlets.Dict().tag(sync=True)
    tables = traitlets.Dict().tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    quantity = traitlets.Unicode().tag(sync=True)
    controls = traitlets.Bool(True).tag(sync=True)
    height = traitlets.Int(0).tag(sync=True)
    graphics = traitlets.Unicode("auto").tag(sync=True)
    # True until there is something to close.
    _ended = True

    def __init__(
        self,
        volume: ArrayLike | Reconstruction | None = None,
        *,
        pixel_size_nm: float | None = None,
        name: str | None = None,
        title: str = "",
        quantity: str = "intensity",
        level: int = 128,
        mode: str = "volume",
        window: tuple[float, float] | None = None,
        controls: bool = True,
        height: int = 0,
        graphics: str = "auto",
    ) -> None:
        opening = opening_view(mode)
        self.pixel_size_nm = (
            None
            if pixel_size_nm is None
            else check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        )
        self.level = check_integer(level, "level", minimum=SMALLEST, maximum=LARGEST)
        self.name = name or type(self).__name__
        self.drawn = 0
        self._lock = threading.RLock()
        self._fixed_window = None if window is None else check_window(window)
        self._window = self._fixed_window
        self._fitted: dict[str, Any] = {key: opening[key] for key in ("iso", "opacity")}
        self._values: np.ndarray | None = None
        self._counts = np.zeros(256)
        self._voxels: tuple[int, ...] = (0, 0, 0)
        super().__init__(
            view=opening,
            home=opening["camera"],
            tables={name: table(name).tobytes() for name in ("grey", "dose")},
            title=title,
            quantity=quantity,
            controls=controls,
            height=check_integer(height, "height", minimum=0),
            graphics=check_choice(graphics, "graphics", GRAPHICS),
        )
        self._ended = False
        self._flight: OneInFlight[dict[str, Any]] = OneInFlight(self._send_frame, _PATIENCE_S)
        self.on_msg(self._receive)
        if volume is not None:
            self.show(volume)
        runs.place(self.name, self)
        presentation.follow(self)
        self.set_text_scale(presentation.text_scale())

    def show(
        self,
        volume: ArrayLike | Reconstruction,
        window: tuple[float, float] | str | None = None,
        *,
        level: int | None = None,
    ) -> None:
        """Show another volume; camera, opacity and cuts stay as they are. Any thread may call it.

        Parameters
        ----------
        volume : array_like, shape (nz, nx, ny), or Reconstruction
            It is read before the call returns, so it may change afterwards.
        window : (float, float) or "auto", optional
            Values at the ends of the histogram from now on; ``"auto"`` fits them to this volume.
            Left out, they stay unless the volume no longer fits.
        level : int, 8 to 192, optional
            Longest edge to send, for this volume only.

        Raises
        ------
        DataError
            When the volume is not 3-D, or holds NaN or infinity.
        ParameterError
            When window or level are outside what is allowed.
        """
        if isinstance(volume, Reconstruction):
            if self.pixel_size_nm is None:
                self.pixel_size_nm = volume.pixel_size_nm
            volume = volume.volume
        array = check_array(volume, "volume", ndim=3, dtype=np.float32)
        small = shrink(array, self.level if level is None else level)
        with self._lock:
            if self._ended:
                return
            self._window = shown = self._choose_window(small, window)
            self._values = values = to_bytes(small, shown)
            self._voxels = array.shape
            self._counts = counts(values)
            self._fit_if_untouched()
            lowest, highest = block_ranges(values)
            self._flight.push(
                {
                    "shape": list(small.shape),
                    "voxels": list(array.shape),
                    "pixel_size_nm": self.pixel_size_nm,
                    "window": list(shown),
                    "counts": self._counts.astype("<f4").tobytes(),
                    "cells": list(lowest.shape),
                    "lowest": lowest.tobytes(),
                    "highest": highest.tobytes(),
                    "data": values.tobytes(),
                }
            )

    def get_view(self) -> dict[str, Any]:
        """Return how the volume is looked at now, as a dict fit for a JSON file.

        See :func:`em_inverse.widgets.volume_state.opening_view` for its entries; ``window`` is
        added, or None before the first volume.
        """
        with self._lock:
            view = check_view({}, self.view)
            return {**view, "window": None if self._window is None else list(self._window)}

    def set_view(self, view: Mapping[str, Any]) -> None:
        """Look at the volume as `view` says: what :meth:`get_view` returned, or a part of it.

        Raises
        ------
        ParameterError
            When an entry is unknown or outside what is allowed; nothing is changed then.
        """
        changes = dict(view)
        window = changes.pop("window", None)
        checked = None if window is None else check_window(window)
        with self._lock:
            self.view = check_view(changes, self.view)
            if checked is not None and self._fixed_window is None:
                self._window = checked

    def fit(self) -> None:
        """Put surface value and opacity where the histogram suggests."""
        with self._lock:
            if self._values is None:
                return
            cut = cut_value(self._counts)
            self._fitted = {"iso": cut, "opacity": opacity_ramp(cut)}
            self.view = check_view(self._fitted, self.view)

    @property
    def description(self) -> str:
        """What is seen, in words: alternative text for the page and for :meth:`snapshot`."""
        if self._values is None or self._window is None:
            return "No volume is shown yet."
        low, high = self._window
        cut = low + self.view["iso"] * (high - low)
        above = self._counts[np.arange(256) >= 255 * self.view["iso"]].sum() / self._counts.sum()
        return (
            f"{self._data_words()} {above:.1%} of the voxels lie above {number_text(cut)}, the "
            f"value of the surface."
        )

    def snapshot(self, *, scale: float = 1.0, dpi: int = 100) -> Figure:
        """Return the volume as it is looked at now, and three slices, as a static figure.

        It is drawn in the kernel, for readers who have none; :attr:`description` is its alternative
        text.

        Parameters
        ----------
        scale : float
            Text size; 2 for projection.
        dpi : int
            Dots per inch.
        """
        from em_inverse.widgets.volume_figure import figure

        with self._lock:
            values = np.zeros((8, 8, 8), np.uint8) if self._values is None else self._values
            voxels = values.shape if self._values is None else self._voxels
            view, window = self.get_view(), self._window or (0.0, 1.0)
        return figure(
            values,
            view,
            voxels=voxels,
            window=window,
            pixel_size_nm=self.pixel_size_nm,
            title=self.title,
            quantity=self.quantity,
            scale=scale,
            dpi=dpi,
        )

    def picture(self, size: int = 320) -> np.ndarray:
        """Return the volume as it is looked at now, as a picture without frame and words.

        It is drawn in the kernel, for figures that show several volumes from one side.

        Parameters
        ----------
        size : int, 16 to 2000
            Edge of the square picture in pixels.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)
            Red, green and blue; black with nothing to show.

        Raises
        ------
        ParameterError
            When the size is outside what is allowed.

        Examples
        --------
        >>> VolumeView(np.ones((8, 8, 8))).picture(64).shape
        (64, 64, 3)
        """
        from em_inverse.widgets.rendering import render

        with self._lock:
            values = np.zeros((8, 8, 8), np.uint8) if self._values is None else self._values
            return render(values, self.view, size=size)

    def set_text_scale(self, scale: float) -> None:
        """Set the text size; 1 at a desk, 2 for projection."""
        self.scale = check_number(scale, "scale", minimum=0.1)

    def close(self) -> None:
        """Take the view off the page and send nothing any more."""
        if self._ended:
            return
        with self._lock:
            self._ended = True
        self._flight.close()
        presentation.forget(self)
        runs.leave(self.name, self)
        if self.layout is not None:
            self.layout.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            data = bundle[0] if isinstance(bundle, tuple) else bundle
            data["text/plain"] = (
                f"Volume view: {self.title or self.name}. Shows a volume that can be turned, cut "
                f"and looked through; its axes are z (beam), x and y (tilt axis)."
            )
        return bundle

    def _data_words(self) -> str:
        size = " × ".join(str(n) for n in self._voxels)
        nm = self.pixel_size_nm
        edges = "" if nm is None else f", {' × '.join(f'{n * nm:.3g}' for n in self._voxels)} nm"
        low, high = self._window or (0.0, 1.0)
        return (
            f"Volume of {size} voxels along z (beam), x and y (tilt axis){edges}. Values shown "
            f"from {number_text(low)} to {number_text(high)}."
        )

    def _choose_window(
        self, volume: np.ndarray, window: tuple[float, float] | str | None
    ) -> tuple[float, float]:
        if isinstance(window, str):
            check_choice(window, "window", ("auto",))
            self._fixed_window = None
            return robust_window(volume)
        if window is not None:
            self._fixed_window = check_window(window)
        return self._fixed_window or robust_window(volume, self._window)

    def _fit_if_untouched(self) -> None:
        """Follow the histogram until somebody has set surface or opacity by hand."""
        untouched = all(self.view[key] == value for key, value in self._fitted.items())
        if untouched and abs(cut_value(self._counts) - self._fitted["iso"]) > _REFIT:
            self.fit()

    def _send_frame(self, number: int, frame: dict[str, Any]) -> None:
        self.frame = {**frame, "number": number, "description": self._data_words()}

    def _receive(self, widget: Any, message: Any, buffers: Any) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "drawn":
            self.drawn = max(self.drawn, int(message["number"]))
            self._flight.drawn(int(message["number"]))
        elif kind == "fit":
            self.fit()
        elif kind == "large":
            self.set_text_scale(2.0 if message["on"] else 1.0)
