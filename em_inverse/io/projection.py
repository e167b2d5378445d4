"""Projections from one file, as they arrive while a series is being recorded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from em_inverse.errors import FileFormatError, GeometryError, check_array, check_choice
from em_inverse.files import PathLike
from em_inverse.io.angles import Mdoc, read_mdoc_beside
from em_inverse.io.axes import TILT_AXES, kit_projections
from em_inverse.io.files import existing_file
from em_inverse.io.folders import image_of
from em_inverse.io.name_angles import angle_from_name
from em_inverse.io.reading import series_reader
from em_inverse.io.stack import Stack

__all__ = ["Frames", "Projection", "read_frames", "read_projection"]

SIMULATED = "simulated data"
"""The note of a file that says of itself that no microscope recorded it."""


class Projection(NamedTuple):
    """One image with axes ``[x, y]``, and what its file says about it."""

    image: np.ndarray
    angle_deg: float | None
    pixel_size_nm: float | None
    notes: list[str]


def read_projection(
    path: PathLike, *, tilt_axis: str = "auto", dataset: str | None = None
) -> Projection:
    """Read one projection: an image file of any format that is read as a tilt series.

    The angle comes from the file's metadata, its .mdoc, or its name (:func:`angle_from_name`),
    in this order; it is None when none of them states it. The notes say which it was, and what
    was odd.

    Parameters
    ----------
    path : path
        The file: MRC, TIFF, PNG, HDF5, .npy and what else :data:`SERIES_FORMATS` names, with one
        image.
    tilt_axis : {"auto", "vertical", "horizontal"}
        Direction of the tilt axis in the image. ``"auto"`` takes what the metadata state, and
        "vertical" when they are silent: one image alone cannot tell.
    dataset : str, optional
        Name of the array in an HDF5 or NPZ file that holds several.

    Returns
    -------
    Projection
        ``(image[x, y], angle_deg, pixel_size_nm, notes)``; the image is float32 or float64.

    Raises
    ------
    FileFormatError
        When the file is missing, incomplete, of an unknown format, or holds several images.
    DataError
        When the image holds NaN or infinity.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "needle_-34.0deg.npy"
    >>> np.save(path, np.ones((4, 5)))
    >>> image, angle_deg, pixel_size_nm, notes = read_projection(path)
    >>> image.shape, angle_deg
    ((5, 4), -34.0)
    >>> folder.cleanup()
    """
    file, stack = _read(path, tilt_axis, dataset)
    image_of(stack, file)
    frames = _frames(stack, file, tilt_axis)
    notes = list(frames.notes)
    if frames.angles_deg[0] is not None:
        notes.append(f"angle from {frames.angle_source}")
    return Projection(frames.images[0], frames.angles_deg[0], frames.pixel_size_nm, notes)


class Frames(NamedTuple):
    """The images of one file ``[k, x, y]``, and what it says about them.

    ``angles_deg`` has one entry an image, None where nothing states the angle; ``angle_source``
    says where the angles stand.
    """

    images: np.ndarray
    angles_deg: list[float | None]
    angle_source: str
    pixel_size_nm: float | None
    notes: list[str]


def read_frames(path: PathLike, *, tilt_axis: str = "auto", dataset: str | None = None) -> Frames:
    """Read every image of a file that may hold one projection or a stack that still grows.

    One image is read as :func:`read_projection` does. Of several, the angles come from the .mdoc
    or the file's own metadata, in this order; an .mdoc may list fewer or more of them than there
    are images. The direction of the tilt axis is never taken from the images, because it may not
    change while they become more.

    Raises
    ------
    FileFormatError
        When the file is missing, incomplete, or of an unknown format.
    DataError
        When an image holds NaN or infinity.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "growing.npy"
    >>> np.save(path, np.ones((2, 4, 5)))
    >>> _ = path.with_suffix(".mdoc").write_text("[ZValue = 0]\\nTiltAngle = -60\\n")
    >>> frames = read_frames(path)
    >>> frames.images.shape, frames.angles_deg
    ((2, 5, 4), [-60.0, None])
    >>> folder.cleanup()
    """
    file, stack = _read(path, tilt_axis, dataset)
    return _frames(stack, file, tilt_axis)


def _read(path: PathLike, tilt_axis: str, dataset: str | None) -> tuple[Path, Stack]:
    check_choice(tilt_axis, "tilt_axis", TILT_AXES)
    file = existing_file(path)
    return file, series_reader(file)(file, dataset)


def _frames(stack: Stack, file: Path, tilt_axis: str) -> Frames:
    images = stack.data if stack.data.ndim == 3 else stack.data[np.newaxis]
    notes = list(stack.notes)
    if stack.metadata.get("synthetic"):
        notes.append(SIMULATED)
    mdoc = None
    try:
        mdoc = read_mdoc_beside(file)
    except FileFormatError as error:
        notes.append(f"the .mdoc is left out: {error}")
    if len(images) == 1:
        angle, source = _single_angle(stack, mdoc, file, notes)
        angles = [angle]
    else:
        angles, source = _several_angles(stack, mdoc, len(images))
    direction = stack.tilt_axis or (mdoc.tilt_axis if mdoc else None) or "vertical"
    turned = kit_projections(images, direction if tilt_axis == "auto" else tilt_axis)
    what = f"the image in {file.name}" if len(images) == 1 else f"the images in {file.name}"
    pixel_size = stack.pixel_size_nm or (mdoc.pixel_size_nm if mdoc else None)
    return Frames(check_array(turned, what), angles, source, pixel_size, notes)


def _single_angle(
    stack: Stack, mdoc: Mdoc | None, file: Path, notes: list[str]
) -> tuple[float | None, str]:
    stated, source = stack.angles_deg, stack.angle_source
    if stated is None and mdoc is not None:
        stated, source = mdoc.angles_deg, f"file {mdoc.name}"
    angle = float(np.ravel(stated)[0]) if stated is not None and np.size(stated) == 1 else None
    try:
        named = angle_from_name(file.name)
    except GeometryError as error:
        named = None
        notes.append(f"no angle from the name: {error}")
    if angle is None:
        return named, "file name"
    if named is not None and abs(named - angle) > 1.0:
        notes.append(f"the file name says {named:g} degrees; {angle:g} from {source} is used")
    return angle, source or "metadata"


def _several_angles(stack: Stack, mdoc: Mdoc | None, count: int) -> tuple[list[float | None], str]:
    stated, source = stack.angles_deg, stack.angle_source
    if stated is not None and np.size(stated) != count:
        stated = None
    if mdoc is not None and mdoc.angles_deg is not None:
        stated, source = mdoc.angles_deg[:count], f"file {mdoc.name}"
    known = [] if stated is None else [float(angle) for angle in stated]
    return [*known, *[None] * (count - len(known))], source or "metadata"
