"""Volumes to disk and back: voxel size and provenance stay with the numbers."""

from __future__ import annotations

import json
import textwrap
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.errors import (
    FileFormatError,
    ParameterError,
    check_array,
    check_number,
)
from em_inverse.files import expanded
from em_inverse.io.emd_volume import read_emd_volume
from em_inverse.io.emd_writing import VOLUME_GROUP, length_axis, write_emd
from em_inverse.io.files import existing_file, reading
from em_inverse.io.hdf5 import read_hdf5_dataset, write_hdf5_volume
from em_inverse.io.mrc import (
    LABEL_LENGTH,
    LABELS,
    OWN_LABEL,
    MrcHeader,
    read_mrc_data,
    read_mrc_header,
    write_mrc,
)
from em_inverse.io.mrc_account import DAMAGED, read_account
from em_inverse.io.provenance import FINDINGS, ascii_text, describe, facts
from em_inverse.io.saving import saving
from em_inverse.io.tiff import read_tiff_images, write_tiff_stack
from em_inverse.tilt_series import Reconstruction

__all__ = ["VOLUME_FORMATS", "read_volume", "write_volume"]

VOLUME_FORMATS = {
    ".mrc": "mrc",
    ".rec": "mrc",
    ".map": "mrc",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".emd": "emd",
}
"""File name endings of volumes, and the format of each."""


def write_volume(
    path: str | PathLike[str],
    reconstruction: Reconstruction | np.ndarray,
    *,
    pixel_size_nm: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write ``volume[z, x, y]`` as float32, with its voxel size and how it was made.

    The file holds the order that other programs expect, ``(z, y, x)``: sections are z, rows are y
    (the tilt axis), columns are x. The account of :func:`facts` goes along: as text labels and as
    JSON in the extended header of MRC, as JSON in the Info of an ImageJ TIFF or the description of
    an OME-TIFF, as attributes in HDF5 and EMD. The file appears under its name only when it is
    complete.

    Parameters
    ----------
    path : path
        Ends in .mrc, .rec, .map, .tif, .tiff, .h5, .hdf5 or .emd; .ome.tif makes an OME-TIFF,
        other .tif files are for ImageJ.
    reconstruction : Reconstruction or array_like, shape (nz, nx, ny) or (nz, nx)
        What to write; a slice is written as a volume with ny = 1.
    pixel_size_nm : float, optional
        Voxel edge, when `reconstruction` does not state it or states it wrongly.
    overwrite : bool
        Replace a file that exists already.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ParameterError
        For an unknown ending, an existing file, or a missing folder.
    FileWriteError
        When the disk is too full, or fails; a file that stood at `path` is then untouched.
    DataError
        When the volume is not a finite real array of 2 or 3 axes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = write_volume(pathlib.Path(folder.name) / "v.mrc", np.ones((4, 5, 6)),
    ...                     pixel_size_nm=0.5)
    >>> again = read_volume(path)
    >>> again.volume.shape, again.pixel_size_nm
    ((4, 5, 6), 0.5)
    >>> folder.cleanup()
    """
    kind = _kind(path, ParameterError)
    result = _as_reconstruction(reconstruction)
    size = pixel_size_nm if pixel_size_nm is not None else result.pixel_size_nm
    if size is not None:
        size = check_number(size, "pixel_size_nm", minimum=0, exclusive=True)
    with np.errstate(over="ignore"):
        volume = check_array(result.x, "reconstruction", ndim=(2, 3), dtype=np.float32)
    filed = volume.reshape(*volume.shape[:2], -1).transpose(0, 2, 1)
    account = {**facts(result), "voxel_size_nm": size}
    sentence = describe(account)
    with saving(path, filed.nbytes, overwrite=overwrite) as temporary:
        if kind == "mrc":
            labels = _labels(sentence, account)
            write_mrc(temporary, filed, size, labels, account, volume=True)
        elif kind == "tiff":
            ome = expanded(path).stem.lower().endswith(".ome")
            told = {**account, "report": sentence}
            write_tiff_stack(temporary, filed, size, told, axis="Z", ome=ome)
        else:
            attributes = {
                "axes": "z,y,x",
                "voxel_size_nm": size,
                "report": sentence,
                "provenance": json.dumps(account),
                "software": account["software"],
            }
            filed = np.ascontiguousarray(filed)
            if kind == "emd":
                axes = [length_axis(*one, size) for one in zip("zyx", filed.shape, strict=True)]
                write_emd(temporary, VOLUME_GROUP, filed, axes, attributes)
            else:
                write_hdf5_volume(temporary, filed, attributes)
    return expanded(path)


def read_volume(path: str | PathLike[str], *, dataset: str | None = None) -> Reconstruction:
    """Read a volume back as ``[z, x, y]``, with voxel size and what the file tells of its making.

    Parameters
    ----------
    path : path
        An .mrc, .rec, .map, .tif, .tiff, .h5 or .hdf5 file with sections z, rows y, columns x, or
        an .emd file, whose axes may come in any order when they are named z, y and x.
    dataset : str, optional
        Name of the array in an HDF5 or EMD file that holds several.

    Returns
    -------
    Reconstruction
        With ``algorithm`` "read from <file>" when the file does not say how it was made. Of an MRC
        file whose account is damaged or belongs to a volume of another shape the text remains:
        ``metadata["labels"]``, and a word in ``metadata["notes"]``.

    Raises
    ------
    FileFormatError
        When the file is missing, damaged, or of an unknown ending.
    """
    kind = _kind(path, FileFormatError)
    file = existing_file(path)
    account: dict[str, Any] = {}
    metadata: dict[str, Any] = {"file": file.name}
    if kind == "mrc":
        header = read_mrc_header(file)
        filed, size = read_mrc_data(header), header.pixel_size_nm
        account, notes = _mrc_account(header)
        # The header keeps seven digits; the account has all.
        exact = account.get("voxel_size_nm")
        if isinstance(exact, float) and size is not None and np.isclose(exact, size, rtol=1e-4):
            size = exact
        metadata.update(labels=list(header.labels), notes=[*header.notes, *notes])
    elif kind == "tiff":
        filed, tiff_facts = read_tiff_images(file)
        size, account = tiff_facts["pixel_size_nm"], tiff_facts.get("provenance", {})
        metadata.update(notes=tiff_facts["notes"])
    else:
        read = read_emd_volume if kind == "emd" else read_hdf5_dataset
        filed, attributes = read(file, dataset)
        size = _voxel_size(file, attributes.get("voxel_size_nm"))
        account = _json_object(file, attributes.get("provenance"))
    volume = np.ascontiguousarray(filed.transpose(0, 2, 1))
    if volume.dtype.kind in "iu":
        volume = volume.astype(np.float32)
    with reading(file, "a volume with its account"):
        told = _told(account, file.name)
    metadata.update({name: account[name] for name in _KEPT if account.get(name) is not None})
    return Reconstruction(x=volume, pixel_size_nm=size, metadata=metadata, **told)


_KEPT = ("relative_residual", "report", "software", "synthetic", *FINDINGS)
_GEOMETRY = (
    "tilt_min_deg",
    "tilt_max_deg",
    "tilt_step_deg",
    "tilt_step_uniform",
    "n_projections",
    "dose_e_per_nm2",
    "data_norm",
)
# Told only of a series that holds frames made from others.
_GENERATED = ("n_generated", "generated_by")


def _kind(path: Any, error: type[ParameterError] | type[FileFormatError]) -> str:
    try:
        suffix = Path(path).suffix.lower()
    except TypeError:
        raise ParameterError(f"path is {path!r}; the path of a file is needed.") from None
    if suffix not in VOLUME_FORMATS:
        raise error(
            f"path {str(path)!r} ends in {suffix or 'nothing'!r}; allowed for volumes: "
            f"{', '.join(VOLUME_FORMATS)}."
        )
    return VOLUME_FORMATS[suffix]


def _told(account: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the fields of a Reconstruction that an account fills."""
    stated = {key: value for key, value in account.items() if value is not None}
    return {
        "algorithm": str(stated.get("algorithm", f"read from {name}")),
        "parameters": dict(stated.get("parameters", {})),
        "history": _history(stated),
        "converged": bool(stated.get("converged", False)),
        "stop_reason": str(stated.get("stop_reason", "not stated in the file")),
        "n_iter": int(stated.get("n_iter", 0)),
        "geometry": {
            **{key: account[key] for key in _GEOMETRY if key in account},
            **{key: stated[key] for key in _GENERATED if key in stated},
        },
        "provenance": tuple(stated.get("data_steps", ())),
    }


def _mrc_account(header: MrcHeader) -> tuple[dict[str, Any], list[str]]:
    """Return the account of an MRC file, or none and a note: its labels say enough to go on."""
    account = read_account(header)
    try:
        _told(account or {}, "")
    except (TypeError, ValueError):
        account = None
    if account is None:
        return {}, [DAMAGED]
    shape = account.get("shape")
    sections, rows, columns = header.shape
    if account and shape not in ([sections, columns, rows], [sections, columns]):
        return {}, ["the account in the extended header is of a volume of another shape; not used"]
    return account, []


def _as_reconstruction(value: Any) -> Reconstruction:
    if isinstance(value, Reconstruction):
        return value
    return Reconstruction(
        np.asarray(value), "not stated", converged=False, stop_reason="not stated"
    )


def _labels(sentence: str, account: dict[str, Any]) -> list[str]:
    head = f"{OWN_LABEL} {__version__} volume, sections z, rows y (tilt axis), columns x"
    said = textwrap.wrap(ascii_text(sentence), LABEL_LENGTH)
    steps = textwrap.wrap(ascii_text("; ".join(account["data_steps"])), LABEL_LENGTH)
    return [head, *said, *steps][:LABELS]


def _voxel_size(file: Path, stated: Any) -> float | None:
    if stated is None:
        return None
    try:
        size = float(stated)
    except (TypeError, ValueError):
        raise FileFormatError(
            f"{str(file)!r}: its attribute 'voxel_size_nm' is {stated!r}; a number is needed. Mend "
            f"or remove the attribute."
        ) from None
    return size if size > 0 and np.isfinite(size) else None


def _json_object(file: Path, text: Any) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        account = json.loads(text)
    except (TypeError, ValueError):
        account = None
    if not isinstance(account, dict):
        raise FileFormatError(
            f"{str(file)!r}: its attribute 'provenance' is not the JSON object that the kit "
            f"writes. Remove the attribute, or read the array with h5py."
        )
    return account


def _history(account: dict[str, Any]) -> dict[str, list[float]]:
    distance = account.get("data_distance")
    return {} if distance is None else {"data_distance": [float(distance)]}
