"""NumPy files: one array (.npy) or several named ones (.npz). Pickled objects are never loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.named import ANGLE_NAMES, KIT_SERIES, choose_dataset, normalised
from em_inverse.io.series_account import take_account
from em_inverse.io.stack import Stack

__all__ = ["read_npy_series", "read_npz_series", "write_npz_series"]


def read_npy_series(path: Path, dataset: str | None = None) -> Stack:
    """Read ``[tilt, row, column]``, or a sinogram ``[tilt, x]``, from a .npy file."""
    file = existing_file(path)
    with reading(file, "a NumPy file"), file.open("rb") as stream:
        shape, dtype, offset = _array_header(stream)
        if dtype.hasobject:
            raise _pickled(file)
        needed = offset + _nbytes(shape, dtype)
        if file.stat().st_size < needed:
            raise FileFormatError(
                f"{str(file)!r} announces an array of shape {shape} and type {dtype}, "
                f"{needed:,} bytes in all, but has {file.stat().st_size:,} bytes: it was cut off."
            )
        check_size(file, needed - offset, needed - offset)
        stream.seek(0)
        data = np.load(stream, allow_pickle=False)
    return Stack(data=_images(data, file, ""))


def read_npz_series(path: Path, dataset: str | None = None) -> Stack:
    """Read one array, and angles and pixel size when the archive holds them, from a .npz file."""
    file = existing_file(path)
    with reading(file, "a NumPy archive"), zipfile.ZipFile(file) as archive:
        shapes: dict[str, tuple[int, ...]] = {}
        pickled = []
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as stream:
                shape, dtype, _ = _array_header(stream)
            if dtype.hasobject:
                pickled.append(name)
                continue
            check_size(file, max(_nbytes(shape, dtype), member.file_size), member.compress_size)
            shapes[name] = shape
    numeric = {name: shape for name, shape in shapes.items() if len(shape) in (2, 3)}
    if dataset in pickled or (pickled and not numeric):
        raise _pickled(file)
    chosen = choose_dataset(numeric, dataset, file)
    with reading(file, "a NumPy archive"), np.load(file, allow_pickle=False) as arrays:
        data = _images(arrays[chosen], file, chosen)
        found = next((name for name in shapes if normalised(name) in ANGLE_NAMES), None)
        angles = None if found is None else np.asarray(arrays[found], dtype=np.float64)
        pixel = float(arrays["pixel_size_nm"].item()) if "pixel_size_nm" in shapes else None
        account = str(arrays["provenance"]) if shapes.get("provenance") == () else None
    stack = Stack(
        data=data,
        angles_deg=angles,
        angle_source=f"array {found!r} of {file.name}" if found else "",
        pixel_size_nm=pixel if pixel is not None and pixel > 0 else None,
        tilt_axis="kit" if chosen == KIT_SERIES else None,
        notes=[f"array {name!r} holds pickled objects and is left out" for name in pickled],
        metadata={"dataset": chosen},
    )
    take_account(stack, account, f"array 'provenance' of {file.name}")
    return stack


def write_npz_series(
    path: Path, projections: np.ndarray, angles_deg: np.ndarray, facts: Mapping[str, Any]
) -> None:
    """Write ``projections[tilt, x, y]`` with angles; `facts` that are None are left out."""
    known: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
    with path.open("wb") as stream:
        np.savez_compressed(stream, projections=projections, angles_deg=angles_deg, **known)


def _array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, int]:
    version = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(stream)
    return shape, dtype, stream.tell()


def _pickled(file: Path) -> FileFormatError:
    return FileFormatError(
        f"{str(file)!r} holds pickled Python objects. Loading those can run any code, so they are "
        f"refused. Save plain numbers: np.save(path, np.asarray(data, dtype=float))."
    )


def _nbytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    count = 1
    for length in shape:
        count *= length
    return count * dtype.itemsize


def _images(data: np.ndarray, file: Path, name: str) -> np.ndarray:
    if data.ndim not in (2, 3) or data.dtype.kind not in "biuf":
        label = f"array {name!r} of {str(file)!r}" if name else repr(str(file))
        raise FileFormatError(
            f"{label} has shape {data.shape} and type {data.dtype}; real numbers with axes "
            f"[tilt, row, column], or [tilt, x] for one slice, are needed."
        )
    return data
