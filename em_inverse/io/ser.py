"""Series files of TIA, .ser, and the .emi beside them.

The layout is the "TIA Series Data file format" that FEI published: a header, the axes of the
series, and for each element the place where its calibration and its pixels lie. Every size and
place is held against the length of the file before anything is allocated.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io.calibration import Axis, stack_from_axes
from em_inverse.io.emi import EmiFacts, emi_beside, read_emi, ser_files_of
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.stack import Stack

__all__ = ["read_emi_series", "read_ser_series"]

_MARK = (0x4949, 0x0197)
_NARROW, _WIDE = 0x0210, 0x0220
_SPECTRA, _IMAGES = 0x4120, 0x4122
_ELEMENT = struct.Struct("<ddi ddi HII")
_TYPES = {1: "u1", 2: "u2", 3: "u4", 4: "i1", 5: "i2", 6: "i4", 7: "f4", 8: "f8"}
_COMPLEX = (9, 10)
_MOST_AXES = 8
_LONGEST_TEXT = 4096


class _Header(NamedTuple):
    valid: int
    total: int
    offsets: np.ndarray
    axes: list[tuple[int, Axis]]


@dataclass(frozen=True)
class _Element:
    """Shape, type, calibration and place of one image."""

    rows: int
    columns: int
    dtype: np.dtype
    step_x: float
    step_y: float
    start: int


def read_ser_series(path: Path, dataset: str | None = None) -> Stack:
    """Read the images of a .ser file as ``[tilt, row, column]``, the top row first.

    Angles come from an axis of the series calibrated in degrees, or, for a single image, from
    ``Stage A`` in the .emi beside it. Pixels are calibrated in metres; TIA does not say when they
    belong to a diffraction pattern. `dataset` is accepted, and ignored.

    Raises
    ------
    FileFormatError
        When the file is damaged, or holds spectra, complex numbers, or images of several sizes.
    """
    file = existing_file(path)
    with reading(file, "a TIA series"), file.open("rb") as stream:
        header = _header(file, stream)
        elements = [_element(file, stream, int(offset)) for offset in header.offsets]
        first = elements[0]
        for index, element in enumerate(elements):
            if (element.rows, element.columns, element.dtype) != (
                first.rows,
                first.columns,
                first.dtype,
            ):
                raise FileFormatError(
                    f"{str(file)!r}: image {index} is {element.rows} × {element.columns} "
                    f"{element.dtype}, image 0 is {first.rows} × {first.columns} {first.dtype}. "
                    f"A tilt series needs images of one size and type."
                )
        pixels = first.rows * first.columns
        needed = len(elements) * pixels * first.dtype.itemsize
        if needed > file.stat().st_size:
            raise _outside(file, needed, file.stat().st_size)
        check_size(file, needed, needed)
        data = np.empty((len(elements), first.rows, first.columns), first.dtype.newbyteorder("="))
        for image, element in zip(data, elements, strict=True):
            stream.seek(element.start)
            raw = stream.read(pixels * element.dtype.itemsize)
            # TIA counts rows from the bottom of the image.
            image[:] = np.frombuffer(raw, element.dtype).reshape(image.shape)[::-1]
    facts, notes = _emi_facts(file)
    series_axis = header.axes[0][1] if len(header.axes) == 1 else Axis()
    axes = [series_axis, Axis("y", "m", first.step_y), Axis("x", "m", first.step_x)]
    stack = stack_from_axes(data, axes, file, stage_alpha_deg=facts.stage_alpha_deg)
    if header.valid < header.total:
        notes.append(f"the series was stopped after {header.valid} of {header.total} images")
    stack.notes[:0] = notes
    stack.metadata.update(facts.details)
    return stack


def read_emi_series(path: Path, dataset: str | None = None) -> Stack:
    """Read the .ser file that belongs to an .emi; of several, `dataset` names one.

    Raises
    ------
    FileFormatError
        When there is no .ser beside it.
    ParameterError
        When there are several and `dataset` names none of them.
    """
    file = existing_file(path)
    series = ser_files_of(file)
    if not series:
        raise FileFormatError(
            f"{str(file)!r} describes an acquisition, but the images lie in "
            f"{file.stem}_1.ser, which is not in its folder. Copy that file as well."
        )
    names = {ser.name: ser for ser in series}
    if dataset is None and len(series) == 1:
        return read_ser_series(series[0])
    if dataset not in names:
        raise ParameterError(
            f"dataset is {dataset!r}; {str(file)!r} belongs to {', '.join(map(repr, names))}. Name "
            f"one of them."
        )
    return read_ser_series(names[dataset])


def _header(file: Path, stream: BinaryIO) -> _Header:
    size = file.stat().st_size
    order, mark, version, kind = _unpack(file, stream, "<HHHI")
    if (order, mark) != _MARK or version not in (_NARROW, _WIDE):
        raise FileFormatError(
            f"{str(file)!r} is not a TIA series file: it begins with {order:#06x} {mark:#06x}, "
            f"version {version:#06x}. It is damaged, or its name ends as it should not."
        )
    if kind != _IMAGES:
        what = "spectra" if kind == _SPECTRA else f"data of the unknown kind {kind:#x}"
        raise FileFormatError(f"{str(file)!r} holds {what}; a tilt series is made of images.")
    _, total, valid = _unpack(file, stream, "<III")
    width = 4 if version == _NARROW else 8
    (place,) = _unpack(file, stream, "<I" if width == 4 else "<Q")
    (n_axes,) = _unpack(file, stream, "<I")
    listed = place + 2 * width * total + _ELEMENT.size * valid
    if not 1 <= valid <= total or listed > size or n_axes > _MOST_AXES:
        raise FileFormatError(
            f"{str(file)!r} announces {valid} of {total} images with {n_axes} axes, listed at byte "
            f"{place:,}, but the file has {size:,} bytes. It was cut off or damaged, or the "
            f"acquisition never finished; copy it again."
        )
    axes = [_axis(file, stream) for _ in range(n_axes)]
    stream.seek(place)
    offsets = np.frombuffer(stream.read(width * valid), f"<u{width}")
    return _Header(valid, total, offsets, axes)


def _axis(file: Path, stream: BinaryIO) -> tuple[int, Axis]:
    length, offset, delta, element = _unpack(file, stream, "<Iddi")
    name, units = _text(file, stream), _text(file, stream)
    return length, Axis(name, units, delta, offset - delta * element)


def _text(file: Path, stream: BinaryIO) -> str:
    (length,) = _unpack(file, stream, "<I")
    if length > _LONGEST_TEXT:
        raise FileFormatError(
            f"{str(file)!r}: the name of an axis is announced with {length:,} letters. The file is "
            f"damaged; copy it again."
        )
    return stream.read(length).decode("utf-8", "replace").rstrip("\0").strip()


def _element(file: Path, stream: BinaryIO, offset: int) -> _Element:
    size = file.stat().st_size
    start = offset + _ELEMENT.size
    if start > size:
        raise _outside(file, start, size)
    stream.seek(offset)
    _, step_x, _, _, step_y, _, kind, columns, rows = _ELEMENT.unpack(stream.read(_ELEMENT.size))
    if kind not in _TYPES:
        what = "complex numbers" if kind in _COMPLEX else f"numbers of the unknown type {kind}"
        raise FileFormatError(f"{str(file)!r} holds {what}; real numbers are needed.")
    dtype = np.dtype("<" + _TYPES[kind])
    end = start + rows * columns * dtype.itemsize
    if rows < 1 or columns < 1 or end > size:
        raise _outside(file, end, size)
    return _Element(rows, columns, dtype, step_x, step_y, start)


def _outside(file: Path, end: int, size: int) -> FileFormatError:
    return FileFormatError(
        f"{str(file)!r} was cut off or damaged: an image reaches to byte {end:,}, but the file has "
        f"{size:,} bytes. Copy it again."
    )


def _unpack(file: Path, stream: BinaryIO, layout: str) -> tuple[Any, ...]:
    length = struct.calcsize(layout)
    raw = stream.read(length)
    if len(raw) < length:
        raise FileFormatError(
            f"{str(file)!r} ends in the middle of its header, after {file.stat().st_size:,} bytes. "
            f"It was cut off; copy it again."
        )
    return struct.unpack(layout, raw)


def _emi_facts(file: Path) -> tuple[EmiFacts, list[str]]:
    emi, number = emi_beside(file)
    if emi is None:
        return EmiFacts(), []
    try:
        return read_emi(emi, number), []
    except FileFormatError as error:
        return EmiFacts(), [f"the .emi is left out: {error}"]
