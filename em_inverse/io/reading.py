"""One door for every tilt series: format, angles, pixel size and axes settled in one place."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import FileFormatError, GeometryError, check_angles, check_choice
from em_inverse.files import expanded
from em_inverse.io.angles import Mdoc, read_angles, read_mdoc_beside, side_file_of
from em_inverse.io.arrays import read_npy_series, read_npz_series
from em_inverse.io.axes import TILT_AXES, kit_projections, settle_axis
from em_inverse.io.dm import read_dm_series
from em_inverse.io.emd import read_emd_series
from em_inverse.io.extra import INSTALL_HINT, extra_formats_installed, read_extra_series
from em_inverse.io.files import existing_file
from em_inverse.io.folders import folder_of, images_in, read_folder_series
from em_inverse.io.hdf5 import read_hdf5_series
from em_inverse.io.hspy import read_hspy_series
from em_inverse.io.mrc import read_mrc_series
from em_inverse.io.png import read_png_series
from em_inverse.io.ser import read_emi_series, read_ser_series
from em_inverse.io.stack import Stack
from em_inverse.io.tiff import read_tiff_series
from em_inverse.tilt_series import TiltSeries

__all__ = ["SERIES_FORMATS", "read_tilt_series", "series_reader"]

SERIES_FORMATS: dict[str, Callable[[Path, str | None], Stack]] = {
    **dict.fromkeys((".mrc", ".mrcs", ".st", ".ali", ".rec", ".map"), read_mrc_series),
    **dict.fromkeys((".tif", ".tiff"), read_tiff_series),
    **dict.fromkeys((".h5", ".hdf5"), read_hdf5_series),
    **dict.fromkeys((".dm3", ".dm4"), read_dm_series),
    ".ser": read_ser_series,
    ".emi": read_emi_series,
    ".emd": read_emd_series,
    ".hspy": read_hspy_series,
    ".npy": read_npy_series,
    ".npz": read_npz_series,
    ".png": read_png_series,
}
"""File name endings that :func:`read_tilt_series` understands, and the reader of each."""


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

    Formats, by the end of the name: MRC (.mrc .mrcs .st .ali .rec .map), TIFF stacks,
    DigitalMicrograph (.dm3 .dm4), TIA (.ser, and .emi beside it), EMD (the open format and
    Velox), HyperSpy (.hspy), HDF5 (plain and Data Exchange), .npy and .npz; others through the
    optional package rosettasciio (``pip install "em-inverse[formats]"``).
    A folder of numbered images (or ``"folder/tilt_*.tif"``), one projection a file, PNG too, is
    read in the natural order of the names, in which an angle counts as the number it is.

    Files keep images as ``[tilt, row, column]``; the kit works on ``projections[tilt, x, y]``
    with y along the tilt axis. So an axis that runs *vertically* in the image (row = y, column =
    x, as IMOD has it) means the images are transposed; an axis that runs *horizontally* (row = x,
    column = y) means they are kept. An array named ``projections`` in an HDF5 or NPZ file is
    taken to have the kit's axes already.

    Parameters
    ----------
    path : path
        The file, a folder of images, or a folder and a pattern with ``*``.
    angles : array_like or path, optional
        Tilt angles in degrees in file order, or a text file of them. When not given they come
        from, in this order: series.rawtlt or series.tlt beside the file, a SerialEM .mdoc, the
        file's own metadata. Of a folder: a .rawtlt, .tlt, angles.txt or angles.csv in it, the
        metadata of each file, the file names (:func:`angle_from_name`).
        ``metadata["angle_source"]`` says which it was.
    pixel_size_nm : float, optional
        Overrides what the file says.
    dose : float, optional
        Total dose of the series in electrons per nm².
    tilt_axis : {"auto", "vertical", "horizontal"}
        Direction of the tilt axis in the image. ``"auto"`` asks the file or its .mdoc, then the
        images themselves (:func:`tilt_axis_evidence`), and takes "vertical" when none of them
        tells. ``metadata["tilt_axis"]`` and ``["tilt_axis_source"]`` say what was decided and why.
    dataset : str, optional
        Name of the array, image, signal or detector in a file that holds several.

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
    check_choice(tilt_axis, "tilt_axis", TILT_AXES)
    folder = folder_of(path)
    if folder is not None:
        file = expanded(path)
        stack = _read_folder(file, dataset, angles, same_pixels=pixel_size_nm is None)
        angles_deg = _checked_angles(stack, file)
    else:
        file = existing_file(path)
        stack = series_reader(file)(file, dataset)
        angles_deg = _settle_angles(stack, file, angles)
    axis, axis_source = settle_axis(stack, tilt_axis)
    return TiltSeries(
        kit_projections(stack.data, axis),
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
        history=[*stack.history, f"read from {file.name}, angles from {stack.angle_source}"],
    )


def series_reader(file: Path) -> Callable[[Path, str | None], Stack]:
    """Return the reader of a file, by the end of its name."""
    suffix = file.suffix.lower()
    if suffix in SERIES_FORMATS:
        return SERIES_FORMATS[suffix]
    if suffix and extra_formats_installed():
        return read_extra_series
    raise FileFormatError(
        f"{str(file)!r}: files that end in {suffix or 'nothing'!r} are not read as tilt "
        f"series; allowed: {', '.join(SERIES_FORMATS)}. Export the series as MRC or TIFF. "
        f"{INSTALL_HINT}"
    )


def _read_folder(file: Path, dataset: str | None, given: Any, *, same_pixels: bool) -> Stack:
    settled = None
    if isinstance(given, str | PathLike):
        settled = read_angles(given), f"file {Path(given).name}"
    elif given is not None:
        settled = check_angles(given), "argument"
    formats = {ending: reader for ending, reader in SERIES_FORMATS.items() if ending != ".emi"}
    images, notes = images_in(file, formats)
    return read_folder_series(
        images,
        notes,
        lambda image: series_reader(image)(image, dataset),
        given=settled,
        same_pixels=same_pixels,
    )


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
        sought = stack.angles_sought or (
            f"there is no {file.stem}.rawtlt, {file.stem}.tlt or {file.name}.mdoc beside it, and "
            f"its metadata hold none."
        )
        raise GeometryError(
            f"no tilt angles found for {str(file)!r} ({count} projections): {sought} Pass "
            f"angles=[...] with one angle per projection in degrees, or the name of a text file "
            f"that lists them (command line: --angles FILE)."
        )
    angles = check_angles(stack.angles_deg)
    if angles.size != count:
        raise GeometryError(
            f"angles from {stack.angle_source}: {angles.size} entries, but "
            f"{str(file)!r} holds {count} projections. Pass angles=[...], or a text file (command "
            f"line: --angles FILE), with one angle per projection, in degrees, in file order."
        )
    return angles
