"""Arrays and signals already in memory as tilt series: NumPy, HyperSpy, xarray, by what they are.

None of these libraries is imported: an object is known by the attributes it has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    FileFormatError,
    GeometryError,
    check_angles,
    check_choice,
)
from em_inverse.io.angles import read_angles
from em_inverse.io.axes import kit_projections, settle_axis
from em_inverse.io.calibration import TILT_NAMES, Axis, plausible_angles, stack_from_axes
from em_inverse.io.files import check_size
from em_inverse.io.named import normalised
from em_inverse.io.reading import read_tilt_series
from em_inverse.io.stack import Stack
from em_inverse.io.units import degrees_per_unit
from em_inverse.tilt_series import TiltSeries

__all__ = ["as_tilt_series"]

_TILTS = ("Tomography.tilts", "Tomography.tilt_angles", "tilts", "tilt_angles")
_STAGES = ("TEM.Stage", "STEM.Stage", "SEM.Stage")


def as_tilt_series(
    obj: Any,
    angles: ArrayLike | str | os.PathLike[str] | None = None,
    *,
    pixel_size_nm: float | None = None,
    dose: float | None = None,
    tilt_axis: str = "auto",
) -> TiltSeries:
    """Return a tilt series made of what another library holds in memory.

    Understood are

    - a :class:`TiltSeries`, returned as it is unless an argument changes it, and a path, which is
      read (:func:`read_tilt_series`);
    - a plain array with the kit's axes ``[tilt, x, y]`` or ``[tilt, x]``, with `angles`;
    - a HyperSpy signal with one navigation axis, ETSpy's tilt stack among them; lazy ones are
      computed. Angles come from ``tilts`` of the stack or its metadata, then from an axis that is
      called tilt or is in degrees and has been calibrated (a scale of 1 from 0 on only counts the
      images), then, for a single image, from the stage's ``tilt_alpha``;
    - an xarray DataArray with dimensions called tilt (or angle, theta, ...), x and, if there is a
      third, y, in any order; the coordinates along tilt are the angles.

    The numbers are not copied where their type and order allow it, and never modified.

    Parameters
    ----------
    obj : TiltSeries, path, array_like, HyperSpy signal or DataArray
        The projections.
    angles : array_like or path, optional
        Tilt angles in degrees, or a text file of them; they go before what `obj` says.
    pixel_size_nm : float, optional
        Overrides what `obj` says.
    dose : float, optional
        Total dose of the series in electrons per nm².
    tilt_axis : {"auto", "kit", "vertical", "horizontal"}
        Direction of the tilt axis in the image, for arrays ``[tilt, row, column]``. ``"auto"``
        takes plain arrays and DataArrays as ``"kit"`` (axes ``[tilt, x, y]`` already) and asks the
        images of a HyperSpy signal, as :func:`read_tilt_series` does.

    Returns
    -------
    TiltSeries
        ``metadata["angle_source"]`` and ``["tilt_axis_source"]`` say where these come from.

    Raises
    ------
    GeometryError
        When there are no angles, or not one per projection.
    DataError
        When the numbers or axes cannot be a tilt series, or do not fit into memory.

    Examples
    --------
    >>> series = as_tilt_series(np.ones((3, 5, 4)), [-60, 0, 60], pixel_size_nm=0.5)
    >>> series.projections.shape, series.metadata["angle_source"]
    ((3, 5, 4), 'argument')
    """
    check_choice(tilt_axis, "tilt_axis", ("auto", "kit", "vertical", "horizontal"))
    if isinstance(obj, TiltSeries):
        return _changed(obj, angles, pixel_size_nm, dose)
    if isinstance(obj, str | os.PathLike):
        direction = "auto" if tilt_axis == "kit" else tilt_axis
        return read_tilt_series(
            obj, angles, pixel_size_nm=pixel_size_nm, dose=dose, tilt_axis=direction
        )
    kind = f"{type(obj).__module__.partition('.')[0]} {type(obj).__name__}"
    try:
        stack = _stack(obj, kind)
    except FileFormatError as error:
        raise DataError(str(error)) from None
    if tilt_axis == "kit":
        stack.tilt_axis, stack.tilt_axis_source = "kit", "argument"
    angles_deg = _settle_angles(stack, angles, kind)
    axis, axis_source = settle_axis(stack, "auto" if tilt_axis == "kit" else tilt_axis)
    return TiltSeries(
        kit_projections(stack.data, axis),
        angles_deg,
        pixel_size_nm=pixel_size_nm if pixel_size_nm is not None else stack.pixel_size_nm,
        dose=dose,
        metadata={
            **stack.metadata,
            "angle_source": stack.angle_source,
            "tilt_axis": axis,
            "tilt_axis_source": axis_source,
            "notes": list(stack.notes),
        },
        history=[f"taken from a {kind}, angles from {stack.angle_source}"],
    )


def _changed(
    series: TiltSeries, angles: Any, pixel: float | None, dose: float | None
) -> TiltSeries:
    changes: dict[str, Any] = {}
    if angles is not None:
        changes["angles_deg"] = _given(angles)[0]
    if pixel is not None:
        changes["pixel_size_nm"] = pixel
    if dose is not None:
        changes["dose"] = dose
    if not changes:
        return series
    return series.replace(step=f"{', '.join(changes)} given anew", **changes)


def _stack(obj: Any, kind: str) -> Stack:
    if hasattr(obj, "axes_manager") and hasattr(obj, "data"):
        return _from_signal(obj, kind)
    if hasattr(obj, "dims") and hasattr(obj, "coords"):
        return _from_data_array(obj, kind)
    notes: list[str] = []
    data = _computed(obj, kind, notes)
    if data.ndim not in (2, 3) or data.dtype.kind not in "biuf":
        raise DataError(
            f"the {kind} has shape {data.shape} and type {data.dtype}; real numbers with axes "
            f"[tilt, x, y], or [tilt, x] for one slice, are needed."
        )
    source = "a plain array is taken as [tilt, x, y]; pass tilt_axis to change"
    return Stack(data=data, tilt_axis="kit", tilt_axis_source=source, notes=notes)


def _from_signal(signal: Any, kind: str) -> Stack:
    axes = getattr(signal.axes_manager, "_axes", None)
    ndim = np.ndim(signal.data)
    if axes is None or len(axes) != ndim or ndim not in (2, 3):
        raise DataError(
            f"the {kind} has {ndim} axes (shape {np.shape(signal.data)}); images along one "
            f"navigation axis are needed. Use signal.inav[...] to select them."
        )
    notes: list[str] = []
    data = _computed(signal.data, kind, notes)
    known = [_axis(axis) for axis in axes]
    navigation = [k for k, axis in enumerate(axes) if getattr(axis, "navigate", False)]
    tilt = navigation[0] if len(navigation) == 1 else None
    if tilt is None and ndim == 3:
        raise DataError(
            f"the {kind} has {len(navigation)} navigation axes; one, the tilt, is needed. Arrange "
            f"it with signal.transpose(signal_axes=2)."
        )
    stack = stack_from_axes(
        data,
        known,
        Path(kind),
        stated=_listed_angles(signal, data.shape[tilt or 0]),
        stage_alpha_deg=_stage_alpha(signal) if tilt is None else None,
    )
    if tilt is not None and ndim == 2:
        stack.data = data
    stack.notes += notes
    title = _entry(getattr(signal, "metadata", None), "General.title")
    if isinstance(title, str) and title:
        stack.metadata["title"] = title
    return stack


def _axis(axis: Any) -> Axis:
    def text(name: str) -> str:
        value = getattr(axis, name, "")
        return value if isinstance(value, str) else ""

    values = getattr(axis, "axis", None)
    scale, offset = getattr(axis, "scale", 1.0), getattr(axis, "offset", 0.0)
    name, units = text("name"), text("units")
    if getattr(axis, "navigate", False) and (scale, offset) == (1, 0):
        # Nobody calibrated this axis: it counts the images, whatever its name and unit.
        name = units = ""
    return Axis(
        name=name,
        units=units,
        scale=float(scale),
        offset=float(offset),
        values=None if values is None else np.asarray(values, dtype=np.float64),
    )


def _listed_angles(signal: Any, count: int) -> tuple[np.ndarray | None, str]:
    own = getattr(signal, "tilts", None)
    angles = plausible_angles(getattr(own, "data", own), count) if own is not None else None
    if angles is not None:
        return angles, "tilts of the stack"
    metadata = getattr(signal, "metadata", None)
    for place in _TILTS:
        angles = plausible_angles(_entry(metadata, place), count)
        if angles is not None:
            return angles, f"metadata.{place}"
    for stage in _STAGES:
        place = f"Acquisition_instrument.{stage}.tilt_alpha"
        angles = plausible_angles(_entry(metadata, place), count)
        if angles is not None and count > 1:
            return angles, f"metadata.{place}"
    return None, ""


def _stage_alpha(signal: Any) -> float | None:
    for stage in _STAGES:
        alpha = _entry(
            getattr(signal, "metadata", None), f"Acquisition_instrument.{stage}.tilt_alpha"
        )
        if isinstance(alpha, int | float):
            return float(alpha)
    return None


def _entry(tree: Any, place: str) -> Any:
    """Return what stands at a dotted place of nested mappings or attributes, or None."""
    for part in place.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else getattr(tree, part, None)
        if tree is None:
            return None
    return tree


def _from_data_array(array: Any, kind: str) -> Stack:
    dims = [str(name) for name in array.dims]
    tilt = [name for name in dims if normalised(name) in TILT_NAMES]
    if len(tilt) != 1 or {*dims} - {*tilt} not in ({"x"}, {"x", "y"}):
        raise DataError(
            f"the {kind} has dimensions {tuple(dims)}; one called tilt, angle or theta, one called "
            f"x (across the tilt axis) and, if there is a third, y (along it) are needed. Rename "
            f"them with .rename(...)."
        )
    notes: list[str] = []
    order = [dims.index(name) for name in (*tilt, "x", "y") if name in dims]
    data = _computed(array.data, kind, notes).transpose(order)
    stack = Stack(data=data, tilt_axis="kit", tilt_axis_source="the names of the dimensions")
    stack.notes = notes
    if tilt[0] in array.coords:
        coordinates = array.coords[tilt[0]]
        units = str(getattr(coordinates, "attrs", {}).get("units", ""))
        per_unit = degrees_per_unit(units) or 1.0
        values = np.asarray(coordinates, dtype=np.float64)
        stack.angles_deg = plausible_angles(per_unit * values, len(data))
        stack.angle_source = f"coordinates {tilt[0]!r}"
    size = getattr(array, "attrs", {}).get("pixel_size_nm")
    stack.pixel_size_nm = float(size) if isinstance(size, int | float) and size > 0 else None
    return stack


def _computed(data: Any, kind: str, notes: list[str]) -> np.ndarray:
    """Return the numbers as an array; those of a lazy one are computed, if memory allows."""
    if hasattr(data, "compute") and hasattr(data, "shape") and hasattr(data, "dtype"):
        size = int(np.prod(data.shape, dtype=np.int64)) * np.dtype(data.dtype).itemsize
        check_size(Path(kind), size, size)
        notes.append(f"a lazy array was computed; it takes {size / 2**20:.3g} MiB of memory")
        data = data.compute()
    try:
        return np.asarray(data)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the {kind} could not be read as an array ({error}). Pass a numpy array of numbers."
        ) from None


def _given(angles: Any) -> tuple[np.ndarray, str]:
    if isinstance(angles, str | os.PathLike):
        return read_angles(angles), f"file {Path(angles).name}"
    return check_angles(angles), "argument"


def _settle_angles(stack: Stack, angles: Any, kind: str) -> np.ndarray:
    if angles is not None:
        stack.angles_deg, stack.angle_source = _given(angles)
    count = stack.data.shape[0]
    if stack.angles_deg is None:
        raise GeometryError(
            f"the {kind} with {count} projections states no tilt angles. Pass angles=[...] with "
            f"one angle per projection in degrees, or the name of a text file that lists them."
        )
    if np.size(stack.angles_deg) != count:
        raise GeometryError(
            f"angles from {stack.angle_source}: {np.size(stack.angles_deg)} entries, but the "
            f"{kind} holds {count} projections. Pass one angle per projection, in order."
        )
    return check_angles(stack.angles_deg)
