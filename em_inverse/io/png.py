"""PNG pictures: one projection a file, grey, 8 or 16 bits a pixel."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.stack import Stack

__all__ = ["EIGHT_BITS", "read_png_series"]

EIGHT_BITS = (
    "8-bit pictures: programs often stretch their contrast one by one, and then intensities do "
    "not compare between tilts; use the raw data where you can"
)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURED = frozenset({2, 3, 6})
_PNG_TYPE = {0: "grey", 2: "colour", 3: "palette", 4: "grey with transparency", 6: "colour"}


def read_png_series(path: Path, dataset: str | None = None) -> Stack:
    """Read one grey picture as a stack of one image ``[1, row, column]``.

    A colour picture is read where its three colours are the same everywhere.

    Raises
    ------
    FileFormatError
        When the file is damaged, is in colour, or is partly transparent.
    """
    from PIL import Image

    file = existing_file(path)
    with reading(file, "a PNG picture"):
        columns, rows, depth, kind = _checked_header(file)
        if depth == 16 and kind != 0:
            raise FileFormatError(
                f"{str(file)!r} is a 16-bit PNG of type {_PNG_TYPE.get(kind, kind)}; grey pictures "
                f"without transparency are needed. Save it as 16-bit grey, PNG or TIFF."
            )
        check_size(file, columns * rows * 4, file.stat().st_size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                grey = _grey(file, picture, kind)
    note = [EIGHT_BITS] if depth <= 8 else []
    return Stack(data=grey[np.newaxis], notes=note)


def _checked_header(file: Path) -> tuple[int, int, int, int]:
    """Follow the chunks to the end and check their sums, which the picture library does not."""
    raw = file.read_bytes()
    if raw[:8] != _SIGNATURE or raw[12:16] != b"IHDR":
        raise FileFormatError(
            f"{str(file)!r} is not a PNG picture: it lacks the PNG signature. It is damaged, or "
            f"its name ends as it should not."
        )
    position, kind = 8, b""
    while kind != b"IEND":
        end = position + 12
        if end <= len(raw):
            length, kind = struct.unpack(">I4s", raw[position : position + 8])
            end += length
        if end > len(raw):
            raise FileFormatError(
                f"{str(file)!r} was cut off after {len(raw):,} bytes: its last part is missing. "
                f"Copy it again."
            )
        (said,) = struct.unpack(">I", raw[end - 4 : end])
        if zlib.crc32(raw[position + 4 : end - 4]) != said:
            raise FileFormatError(
                f"{str(file)!r} is damaged: the check sum of its part {kind!r} at byte "
                f"{position:,} is wrong. Copy it again."
            )
        position = end
    columns, rows, depth, colour = struct.unpack(">IIBB", raw[16:26])
    return columns, rows, depth, colour


def _grey(file: Path, picture: Any, kind: int) -> np.ndarray:
    if kind == 0:
        data = np.asarray(picture)
        return data.astype(np.uint8) if data.dtype == bool else _unsigned(data)
    layers = np.asarray(picture.convert("RGBA"))
    if (layers[..., 3] != 255).any():
        raise FileFormatError(
            f"{str(file)!r} is partly transparent, so its intensities are not defined. Save it as "
            f"a grey picture without transparency."
        )
    if kind in _COLOURED and (layers[..., :2] != layers[..., 1:3]).any():
        raise FileFormatError(
            f"{str(file)!r} is a colour picture whose red, green and blue differ; a projection is "
            f"grey. Export the raw data in grey (16-bit TIFF or MRC keep all of it)."
        )
    return layers[..., 0].copy()


def _unsigned(data: np.ndarray) -> np.ndarray:
    # Older versions of the library hand 16-bit pictures out as 32-bit integers.
    return data.astype(np.uint16) if data.dtype.itemsize > 1 else data
