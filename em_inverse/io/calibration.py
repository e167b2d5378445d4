"""From an array with calibrated axes to a stack of projections with angles and a pixel size.

DigitalMicrograph, EMD and HyperSpy files say of every axis what it is. Which of them counts the
tilts, and what the others are worth in nm, is settled here for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.named import ANGLE_NAMES, normalised
from em_inverse.io.stack import Stack
from em_inverse.io.units import degrees_per_unit, is_reciprocal, nm_per_unit

__all__ = ["TILT_NAMES", "Axis", "plausible_angles", "stack_from_axes"]

TILT_NAMES = ANGLE_NAMES | {
    "angle",
    "tilt",
    "tiltangle",
    "tiltalpha",
    "alphatilt",
    "stagealpha",
    "stagea",
}
"""Names, as :func:`~em_inverse.io.named.normalised` returns them, that mean tilt angles."""

_ENERGY_UNITS = ("ev", "kev")
_SMALLEST_NM, _LARGEST_NM = 1e-4, 1e6


@dataclass(frozen=True)
class Axis:
    """One axis of an array as its file calibrates it.

    Element i lies at ``offset + i · scale``, or at ``values[i]`` where the file lists them.
    """

    name: str = ""
    units: str = ""
    scale: float = 1.0
    offset: float = 0.0
    values: np.ndarray | None = None

    def positions(self, count: int) -> np.ndarray:
        """Return where the first `count` elements lie, in the unit of the axis."""
        if self.values is not None:
            return np.asarray(self.values, dtype=np.float64).ravel()
        return self.offset + self.scale * np.arange(count)


def stack_from_axes(
    data: np.ndarray,
    axes: Sequence[Axis],
    file: Path,
    *,
    stated: tuple[np.ndarray | None, str] = (None, ""),
    stage_alpha_deg: float | None = None,
) -> Stack:
    """Return `data` as ``[tilt, row, column]`` with what its axes say.

    The axis that counts the tilts is the one in degrees, or in radians under a name that means
    tilt; without one it is the first of three axes, and an array of two axes is one projection.

    Parameters
    ----------
    data : ndarray, shape (n_tilts, n_rows, n_columns) or (n_rows, n_columns)
        The numbers as filed; two axes of which one counts tilts are a sinogram.
    axes : sequence of Axis
        One per axis of `data`.
    file : Path
        The file, for messages.
    stated : (ndarray or None, str)
        Angles in degrees that the file lists apart from the axes, and where. They come first.
    stage_alpha_deg : float, optional
        The one tilt of the stage that the file notes. It is the angle of a single projection; for
        several it cannot be, and is noted.

    Raises
    ------
    FileFormatError
        When `data` has not 2 or 3 axes of real numbers, or one of them is an energy.
    """
    if data.ndim not in (2, 3) or data.dtype.kind not in "biuf" or 0 in data.shape:
        raise FileFormatError(
            f"{str(file)!r} holds an array of shape {data.shape} and type {data.dtype}; real "
            f"numbers with axes [tilt, row, column], or one image, are needed."
        )
    if any(axis.units.strip().lower() in _ENERGY_UNITS for axis in axes):
        raise FileFormatError(
            f"{str(file)!r} holds spectra: one of its axes is an energy. Sum over the energies of "
            f"interest first; a tilt series is made of images."
        )
    stack = Stack(data=data)
    tilt = _tilt_axis(axes)
    if tilt is not None:
        stack.data = np.moveaxis(data, tilt, 0)
        _take_angles(stack, axes[tilt], file)
        images = [axis for index, axis in enumerate(axes) if index != tilt]
    elif data.ndim == 3:
        images = list(axes[1:])
    else:
        stack.data, images = data[np.newaxis], list(axes)
    angles, source = stated
    if angles is not None:
        stack.angles_deg, stack.angle_source = angles, source
    if stage_alpha_deg is not None and abs(stage_alpha_deg) <= 360:
        _take_stage(stack, float(stage_alpha_deg), file)
    _take_pixel_size(stack, images)
    return stack


def plausible_angles(values: object, count: int) -> np.ndarray | None:
    """Return `values` as `count` tilt angles in degrees, None where they cannot be that.

    Examples
    --------
    >>> plausible_angles([-2, 0, 2], 3)
    array([-2.,  0.,  2.])
    >>> plausible_angles([0, 0, 0], 3) is None
    True
    """
    try:
        angles = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    if angles.size != count or not np.isfinite(angles).all() or np.abs(angles).max() > 360:
        return None
    return angles if count == 1 or np.ptp(angles) >= 0.1 else None


def _tilt_axis(axes: Sequence[Axis]) -> int | None:
    named = [k for k, axis in enumerate(axes) if normalised(axis.name) in TILT_NAMES]
    if len(named) == 1:
        return named[0]
    in_degrees = [k for k, axis in enumerate(axes) if degrees_per_unit(axis.units) == 1.0]
    return in_degrees[0] if len(in_degrees) == 1 else None


def _take_angles(stack: Stack, axis: Axis, file: Path) -> None:
    count = stack.data.shape[0]
    per_unit = degrees_per_unit(axis.units) or 1.0
    angles = plausible_angles(per_unit * axis.positions(count), count)
    if angles is None:
        stack.notes.append(
            f"the calibration of axis {axis.name!r} cannot be tilt angles and is ignored"
        )
        return
    stack.angles_deg = np.round(angles, 6)
    stack.angle_source = (
        f"axis {axis.name!r} of {file.name}" if axis.name else f"axes of {file.name}"
    )


def _take_stage(stack: Stack, alpha_deg: float, file: Path) -> None:
    stack.metadata["stage_alpha_deg"] = alpha_deg
    if stack.angles_deg is not None:
        return
    if stack.data.shape[0] == 1:
        stack.angles_deg = np.array([alpha_deg])
        stack.angle_source = f"stage tilt noted in {file.name}"
    else:
        stack.notes.append(
            f"the file notes one stage tilt, {alpha_deg:g}°, for {stack.data.shape[0]} images"
        )


def _take_pixel_size(stack: Stack, images: Sequence[Axis]) -> None:
    column = images[-1]
    per_unit = nm_per_unit(column.units)
    if per_unit is None:
        if is_reciprocal(column.units):
            stack.notes.append(
                f"pixels are calibrated in {column.units!r}, as in diffraction patterns; no pixel "
                f"size is taken from the file"
            )
        return
    size = abs(_step(column)) * per_unit
    if not _SMALLEST_NM <= size <= _LARGEST_NM:
        stack.notes.append(f"the file's pixel size of {size:g} nm is ignored as implausible")
        return
    stack.pixel_size_nm = float(f"{size:.6g}")
    row = images[0]
    row_per_unit = nm_per_unit(row.units)
    if len(images) == 2 and row_per_unit is not None:
        along_column = abs(_step(row)) * row_per_unit
        if not np.isclose(size, along_column, rtol=1e-3):
            stack.notes.append(
                f"pixels are not square: {size:g} nm along a row, {along_column:g} nm along a "
                f"column; the first is used"
            )


def _step(axis: Axis) -> float:
    if axis.values is None or len(axis.values) < 2:
        return axis.scale
    values = np.asarray(axis.values, dtype=np.float64)
    return float((values[-1] - values[0]) / (len(values) - 1))
