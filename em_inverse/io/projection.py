"""One projection from one file, as it arrives while a series is being recorded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from em_inverse.errors import FileFormatError, GeometryError, check_array, check_choice
from em_inverse.files import PathLike
from em_inverse.io.angles import read_mdoc_beside
from em_inverse.io.axes import TILT_AXES, kit_projections
from em_inverse.io.files import existing_file
from em_inverse.io.folders import image_of
from em_inverse.io.name_angles import angle_from_name
from em_inverse.io.reading import series_reader

__all__ = ["Projection", "read_projection"]


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
    check_choice(tilt_axis, "tilt_axis", TILT_AXES)
    file = existing_file(path)
    stack = series_reader(file)(file, dataset)
    notes = list(stack.notes)
    stated, source = stack.angles_deg, stack.angle_source
    mdoc = None
    try:
        mdoc = read_mdoc_beside(file)
    except FileFormatError as error:
        notes.append(f"the .mdoc is left out: {error}")
    if stated is None and mdoc is not None:
        stated, source = mdoc.angles_deg, f"file {mdoc.name}"
    angle = float(np.ravel(stated)[0]) if stated is not None and np.size(stated) == 1 else None
    try:
        named = angle_from_name(file.name)
    except GeometryError as error:
        named = None
        notes.append(f"no angle from the name: {error}")
    if angle is None:
        angle, source = named, "file name"
    elif named is not None and abs(named - angle) > 1.0:
        notes.append(f"the file name says {named:g} degrees; {angle:g} from {source} is used")
    if angle is not None:
        notes.append(f"angle from {source or 'metadata'}")
    direction = stack.tilt_axis or (mdoc.tilt_axis if mdoc else None) or "vertical"
    image = image_of(stack, file)[np.newaxis]
    pixel_size = stack.pixel_size_nm or (mdoc.pixel_size_nm if mdoc else None)
    turned = kit_projections(image, direction if tilt_axis == "auto" else tilt_axis)[0]
    return Projection(check_array(turned, f"the image in {file.name}"), angle, pixel_size, notes)
