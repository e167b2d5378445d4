"""One door for every tilt series: format, angles, pixel size and axes settled in one place."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import FileFormatError, GeometryError, check_angles, check_choice
from em_inverse.io.angles import Mdoc, read_angles, read_mdoc_beside, side_file_of
from em_inverse.io.arrays import read_npy_series, read_npz_series
from em_inverse.io.files import existing_file
from em_inverse.io.hdf5 import read_hdf5_series
from em_inverse.io.mrc import read_mrc_series
from em_inverse.io.stack import Stack
from em_inverse.io.tiff import read_tiff_series
from em_inverse.io.tilt_axis import tilt_axis_evidence
from em_inverse.tilt_series import TiltSeries

__all__ = ["SERIES_FORMATS", "read_tilt_series"]

SERIES_FORMATS: dict[str, Callable[[Path, str | None], Stack]] = {
    **dict.fromkeys((".mrc", ".mrcs", ".st", ".ali", ".rec", ".map"), read_mrc_series),
    **dict.fromkeys((".tif", ".tiff"), read_tiff_series),
    **dict.fromkeys((".h5", ".hdf5"), read_hdf5_series),
    ".npy": read_npy_series,
    ".npz": read_npz_series,
}
"""File name endings that :func:`read_tilt_series` understands, and the reader of each."""

_SMALLEST_RANGE_DEG = 60


def read_tilt_series(
    path: str | PathLike[str],
    angles: ArrayLike | str | PathLike[str] | None = None,
    *,
    pixel_size_nm: float | None = None,
    dose: float | None = None,
    tilt_axis: str = "auto",
    dataset: str | None = None,
) -> TiltSeries:
    """Read a tilt series as the microscope, or another program, wrote it.

    Formats, by the end of the name: MRC (.mrc .mrcs .st .ali .rec .map), TIFF stacks, HDF5
    (plain and Data Exchange), .npy and .npz.

    Files keep images as ``[tilt, row, column]``; the kit works on ``projections[tilt, x, y]``
    with y along the tilt axis. So an axis that runs *vertically* in the image (row = y, column =
    x, as IMOD has it) means the images are transposed; an axis that runs *horizontally* (row = x,
    column = y) means they are kept. An array named ``projections`` in an HDF5 or NPZ file is
    taken to have the kit's axes already.

    Parameters
    ----------
    path : path
        The file.
    angles : array_like or path, optional
        Tilt angles in degrees in file order, or a text file of them. When not given they come
        from, in this order: series.rawtlt or series.tlt beside the file, a SerialEM .mdoc, the
        file's own metadata. ``metadata["angle_source"]`` says which it was.
    pixel_size_nm : float, optional
        Overrides what the file says.
    dose : float, optional
        Total dose of the series in electrons per nm².
    tilt_axis : {"auto", "vertical", "horizontal"}
        Direction of the tilt axis in the image. ``"auto"`` asks the file or its .mdoc, then the
        images themselves (:func:`tilt_axis_evidence`), and takes "vertical" when none of them
        tells. ``metadata["tilt_axis"]`` and ``["tilt_axis_source"]`` say what was decided and why.
    dataset : str, optional
        Name of the array in an HDF5 or NPZ file that holds several.

    Returns
    -------
    TiltSeries
        ``metadata["notes"]`` lists what was odd about the file.

    Raises
    ------
    FileFormatError
        When the file is missing, damaged, or of an unknown format.
    GeometryError
        When no angles are found, or not one per projection.
    ParameterError
        When an argument is outside what is allowed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "series.npy"
    >>> np.save(path, np.ones((3, 4, 5)))
    >>> series = read_tilt_series(path, angles=[-60, 0, 60], pixel_size_nm=0.5)
    >>> series.projections.shape
    (3, 5, 4)
    >>> series.metadata["angle_source"]
    'argument'
    >>> folder.cleanup()
    """
    check_choice(tilt_axis, "tilt_axis", ("auto", "vertical", "horizontal"))
    file = existing_file(path)
    stack = _reader(file)(file, dataset)
    angles_deg = _settle_angles(stack, file, angles)
    axis, axis_source = _settle_axis(stack, tilt_axis)
    return TiltSeries(
        _projections(stack, axis),
        angles_deg,
        pixel_size_nm=pixel_size_nm if pixel_size_nm is not None else stack.pixel_size_nm,
        dose=dose if dose is not None else stack.dose,
        metadata={
            **stack.metadata,
            "file": file.name,
            "angle_source": stack.angle_source,
            "tilt_axis": axis,
            "tilt_axis_source": axis_source,
            "notes": list(stack.notes),
        },
        history=[f"read from {file.name}, angles from {stack.angle_source}"],
    )


def _reader(file: Path) -> Callable[[Path, str | None], Stack]:
    suffix = file.suffix.lower()
    if suffix not in SERIES_FORMATS:
        raise FileFormatError(
            f"{str(file)!r}: files that end in {suffix or 'nothing'!r} are not read as tilt "
            f"series; allowed: {', '.join(SERIES_FORMATS)}. Export the series as MRC or TIFF."
        )
    return SERIES_FORMATS[suffix]


def _settle_angles(stack: Stack, file: Path, given: Any) -> np.ndarray:
    own_angles, own_source = stack.angles_deg, stack.angle_source
    side_file = None
    if isinstance(given, str | PathLike):
        side_file = Path(given)
    elif given is None:
        side_file = side_file_of(file)
    settled = given is not None or side_file is not None
    mdoc = _mdoc(stack, file, forgiving=settled)
    if side_file is not None:
        stack.angles_deg, stack.angle_source = read_angles(side_file), f"file {side_file.name}"
    elif given is not None:
        stack.angles_deg, stack.angle_source = check_angles(given), "argument"
    elif mdoc is not None and mdoc.angles_deg is not None:
        stack.angles_deg, stack.angle_source = mdoc.angles_deg, f"file {mdoc.name}"
    angles = _checked_angles(stack, file)
    stack.angles_deg = angles
    if own_angles is not None and own_angles.shape == angles.shape:
        worst = float(np.abs(own_angles - angles).max())
        if worst > 0.1:
            stack.notes.append(
                f"angles from {stack.angle_source} differ from those of the {own_source} by up to "
                f"{worst:.3g} degrees; the former are used"
            )
    return angles


def _mdoc(stack: Stack, file: Path, *, forgiving: bool) -> Mdoc | None:
    try:
        mdoc = read_mdoc_beside(file)
    except FileFormatError as error:
        if not forgiving:
            raise
        stack.notes.append(f"the .mdoc is left out: {error}")
        return None
    if mdoc is not None:
        stack.pixel_size_nm = stack.pixel_size_nm or mdoc.pixel_size_nm
        stack.dose = stack.dose or mdoc.dose
        stack.tilt_axis = stack.tilt_axis or mdoc.tilt_axis
    return mdoc


def _checked_angles(stack: Stack, file: Path) -> np.ndarray:
    count = stack.data.shape[0]
    if stack.angles_deg is None:
        raise GeometryError(
            f"no tilt angles found for {str(file)!r} ({count} projections): there is no "
            f"{file.stem}.rawtlt, {file.stem}.tlt or {file.name}.mdoc beside it, and its metadata "
            f"hold none. Pass angles=[...] with one angle per projection in degrees, or the name "
            f"of a text file that lists them (command line: --angles FILE)."
        )
    angles = check_angles(stack.angles_deg)
    if angles.size != count:
        raise GeometryError(
            f"angles from {stack.angle_source}: {angles.size} entries, but "
            f"{str(file)!r} holds {count} projections. Pass angles=[...], or a text file (command "
            f"line: --angles FILE), with one angle per projection, in degrees, in file order."
        )
    return angles


def _settle_axis(stack: Stack, tilt_axis: str) -> tuple[str, str]:
    if stack.data.ndim == 2:
        return "none", "a sinogram has no axis along the tilt axis"
    if stack.tilt_axis == "kit" and tilt_axis == "auto":
        return "kit", "the array is named projections: axes [tilt, x, y]"
    if tilt_axis != "auto":
        return tilt_axis, "argument"
    if stack.tilt_axis is not None:
        return stack.tilt_axis, "metadata"
    if stack.angles_deg is not None and np.ptp(stack.angles_deg) >= _SMALLEST_RANGE_DEG:
        evidence = tilt_axis_evidence(stack.data)
        if evidence.direction is not None:
            return evidence.direction, (
                f"the images: profiles along a vertical axis agree to {evidence.vertical:.3f}, "
                f"along a horizontal one to {evidence.horizontal:.3f}"
            )
    return "vertical", "convention (neither metadata nor images decide); pass tilt_axis to change"


def _projections(stack: Stack, axis: str) -> np.ndarray:
    data = stack.data
    if (data.dtype.kind in "iu" and data.dtype.itemsize <= 2) or data.dtype == np.float16:
        data = data.astype(np.float32)
    if axis == "vertical":
        return np.ascontiguousarray(data.transpose(0, 2, 1))
    return data
