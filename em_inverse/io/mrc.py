"""MRC files: .mrc, .st, .ali, .rec, .map.

The header is checked by hand against the length of the file before anything is allocated, because
series from the microscope often lack the identification word and the machine stamp, and because a
damaged header must end in a message, not in a hang. Format: A. Cheng et al., "MRC2014: Extensions
to the MRC format header", J. Struct. Biol. 192, 146 (2015). doi:10.1016/j.jsb.2015.04.002
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.mrc_account import (
    ACCOUNT_TYPE,
    DAMAGED,
    holds_account,
    packed_account,
    read_account,
)
from em_inverse.io.series_account import take_account
from em_inverse.io.stack import Stack

__all__ = ["MrcHeader", "read_mrc_data", "read_mrc_header", "read_mrc_series", "write_mrc"]

LABELS, LABEL_LENGTH = 10, 80
OWN_LABEL = "em_inverse"

_HEADER_BYTES = 1024
_FIRST_LABEL = 224
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_UNSUPPORTED = {
    3: "complex 16-bit integers (a Fourier transform)",
    4: "complex 32-bit numbers (a Fourier transform)",
    101: "packed 4-bit integers",
}
_LONGEST_PADDING = 4096
_STAMPS = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}


@dataclass(frozen=True)
class MrcHeader:
    """What the header of an MRC file says, checked against the length of the file."""

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    data_offset: int
    pixel_size_nm: float | None
    labels: tuple[str, ...]
    extended: bytes
    extended_type: bytes
    per_section: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def byte_order(self) -> str:
        """``<`` for little-endian, ``>`` for big-endian."""
        return "<" if self.dtype.newbyteorder("<") == self.dtype else ">"

    @property
    def own(self) -> bool:
        """Whether em_inverse wrote the file."""
        return any(label.startswith(OWN_LABEL) for label in self.labels)


def read_mrc_header(path: Path) -> MrcHeader:
    """Read and check the header; the image data are not touched.

    Raises
    ------
    FileFormatError
        When sizes, mode and length of the file contradict each other in both byte orders.
    """
    file = existing_file(path)
    size = file.stat().st_size
    with reading(file, "an MRC file"), file.open("rb") as stream:
        raw = stream.read(_HEADER_BYTES)
        if len(raw) < _HEADER_BYTES:
            raise FileFormatError(
                f"{str(file)!r} has {size} bytes; an MRC file starts with a header of "
                f"{_HEADER_BYTES} bytes. It is not an MRC file, or it was cut off."
            )
        order, notes = _byte_order(file, raw, size)
        words = np.frombuffer(raw, order + "i4")
        extended_bytes = int(words[23])
        extended = stream.read(extended_bytes)
    columns, rows, sections = (int(n) for n in words[:3])
    dtype = _dtype(raw, order)
    surplus = size - _length(words, dtype)
    if surplus:
        notes.append(f"{surplus} bytes after the image data are ignored")
    if raw[208:212] != b"MAP ":
        notes.append("the header lacks the identification word 'MAP '")
    axes = tuple(int(n) for n in words[16:19])
    if axes not in ((1, 2, 3), (0, 0, 0)):
        notes.append(f"the header's axis order {axes} is ignored")
    per_section = np.frombuffer(raw[128:132], order + "i2")
    header = MrcHeader(
        path=file,
        shape=(sections, rows, columns),
        dtype=dtype,
        data_offset=_HEADER_BYTES + extended_bytes,
        pixel_size_nm=_pixel_size(np.frombuffer(raw, order + "f4"), words, notes),
        labels=_labels(raw),
        extended=extended,
        extended_type=raw[104:108],
        per_section=(int(per_section[0]), int(per_section[1])),
        notes=tuple(notes),
    )
    if not extended_bytes or holds_account(header):
        return header
    said = f"extended header of {extended_bytes:,} bytes"
    return replace(header, notes=(*header.notes, said))


def read_mrc_data(header: MrcHeader) -> np.ndarray:
    """Return the images ``[section, row, column]`` in the machine's byte order."""
    count = int(np.prod(header.shape, dtype=np.int64))
    stored = count * header.dtype.itemsize
    check_size(header.path, stored, stored)
    with reading(header.path, "an MRC file"):
        data = np.fromfile(header.path, header.dtype, count=count, offset=header.data_offset)
        return data.reshape(header.shape).astype(header.dtype.newbyteorder("="), copy=False)


def read_mrc_series(path: Path, dataset: str | None = None) -> Stack:
    """Read a tilt series; the extended header may give angles and pixel size.

    `dataset` is accepted, and ignored, so that all readers have one signature.
    """
    from em_inverse.io.mrc_extended import section_facts

    header = read_mrc_header(path)
    data = read_mrc_data(header)
    notes = list(header.notes)
    facts = section_facts(header)
    pixel = header.pixel_size_nm
    if facts.pixel_size_nm is not None:
        if pixel is not None and not np.isclose(pixel, facts.pixel_size_nm, rtol=1e-3):
            notes.append(
                f"pixel size {facts.pixel_size_nm:g} nm taken from the extended header; the main "
                f"header says {pixel:g} nm"
            )
        pixel = facts.pixel_size_nm
    elif pixel is not None and not header.own and np.isclose(pixel, 0.1, rtol=1e-6):
        notes.append(
            "the header states exactly 1 Å per pixel, which many programs write when the size is "
            "unknown; pass pixel_size_nm to correct it"
        )
    if data.dtype.kind == "i" and data.min() < 0:
        notes.append(
            f"signed intensities from {data.min()} to {data.max()}: subtract the background before "
            f"any model that needs counts or non-negative values"
        )
    stack = Stack(
        data=data,
        angles_deg=facts.angles_deg,
        angle_source=facts.source,
        pixel_size_nm=pixel,
        tilt_axis=_own_tilt_axis(header),
        notes=notes,
        metadata={"labels": list(header.labels)} if header.labels else {},
    )
    account = read_account(header)
    if account is None:
        notes.append(DAMAGED)
    take_account(stack, account, f"extended header of {header.path.name}")
    return stack


def write_mrc(
    path: Path,
    data: np.ndarray,
    pixel_size_nm: float | None,
    labels: list[str],
    account: dict[str, Any],
    *,
    volume: bool,
) -> None:
    """Write float32 images ``[section, row, column]`` with up to 10 labels of 80 characters.

    `account` goes into the extended header, see :mod:`em_inverse.io.mrc_account`.
    """
    import mrcfile

    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(np.ascontiguousarray(data, dtype=np.float32))
        if volume:
            mrc.set_volume()
        else:
            mrc.set_image_stack()
        mrc.voxel_size = 0.0 if pixel_size_nm is None else 10.0 * pixel_size_nm
        kept = labels[:LABELS]
        mrc.header.nlabl = len(kept)
        mrc.header.label[:] = b""
        for index, label in enumerate(kept):
            mrc.header.label[index] = label[:LABEL_LENGTH].encode("ascii", "replace")
        mrc.set_extended_header(np.frombuffer(packed_account(account), dtype="V1"))
        mrc.header.exttyp = ACCOUNT_TYPE


def _byte_order(file: Path, raw: bytes, size: int) -> tuple[str, list[str]]:
    stamp = _STAMPS.get(raw[212:214])
    trials = (">", "<") if stamp == ">" else ("<", ">")
    problems = [_problem(raw, order, size) for order in trials]
    for order, problem in zip(trials, problems, strict=True):
        if problem is None:
            said = "lacks a machine stamp" if stamp is None else "carries the wrong machine stamp"
            name = "little-endian" if order == "<" else "big-endian"
            return order, [] if order == stamp else [f"the header {said}; taken as {name}"]
    looks_like_text = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in raw) > 0.95 * len(raw)
    hint = " It looks like a text file." if looks_like_text else ""
    raise FileFormatError(
        f"{str(file)!r} is not a usable MRC file: {problems[0]}.{hint} Copy it again, or export "
        f"it anew from the program that made it."
    )


def _problem(raw: bytes, order: str, size: int) -> str | None:
    words = np.frombuffer(raw, order + "i4")
    columns, rows, sections, mode = (int(n) for n in words[:4])
    if mode in _UNSUPPORTED:
        return f"its mode {mode} means {_UNSUPPORTED[mode]}, which is not an image series"
    if mode not in _MODES:
        return f"its mode is {mode}; allowed: {', '.join(str(known) for known in _MODES)}"
    if min(columns, rows, sections) < 1:
        return f"its size is {columns} × {rows} × {sections} (columns × rows × sections)"
    if not 0 <= int(words[23]) <= size:
        return f"its extended header claims {int(words[23]):,} bytes of a file of {size:,} bytes"
    needed = _length(words, np.dtype(_MODES[mode]))
    if not needed <= size <= needed + _LONGEST_PADDING:
        return (
            f"its header announces {columns} × {rows} × {sections} pixels (columns × rows × "
            f"sections) in mode {mode}, {needed:,} bytes in all, but the file has {size:,} bytes"
        )
    return None


def _length(words: np.ndarray, dtype: np.dtype) -> int:
    columns, rows, sections = (int(n) for n in words[:3])
    return _HEADER_BYTES + int(words[23]) + columns * rows * sections * dtype.itemsize


def _dtype(raw: bytes, order: str) -> np.dtype:
    mode, stamp, flags = (int(np.frombuffer(raw, order + "i4")[k]) for k in (3, 38, 39))
    imod = stamp == 1146047817
    if mode == 0 and imod and not flags & 1:
        return np.dtype("u1")
    return np.dtype(order + _MODES[mode])


def _labels(raw: bytes) -> tuple[str, ...]:
    starts = range(_FIRST_LABEL, _HEADER_BYTES, LABEL_LENGTH)
    fields = (raw[start : start + LABEL_LENGTH] for start in starts)
    texts = (part.split(b"\0")[0].decode("ascii", "replace").strip() for part in fields)
    return tuple("".join(c if c.isprintable() else "?" for c in text) for text in texts if text)


def _pixel_size(floats: np.ndarray, words: np.ndarray, notes: list[str]) -> float | None:
    edges, intervals = floats[10:13].astype(np.float64), words[7:10].astype(np.float64)
    if not np.isfinite(edges[:2]).all() or (edges[:2] <= 0).any() or (intervals[:2] <= 0).any():
        return None
    along_x, along_y = edges[:2] / intervals[:2] / 10.0
    if not 1e-4 <= along_x <= 1e6:
        notes.append(f"the header's pixel size of {along_x:g} nm is ignored as implausible")
        return None
    if not np.isclose(along_x, along_y, rtol=1e-3):
        notes.append(
            f"pixels are not square: {along_x:g} nm along a row, {along_y:g} nm along a column; "
            f"the first is used"
        )
    return float(f"{along_x:.6g}")


def _own_tilt_axis(header: MrcHeader) -> str | None:
    for label in header.labels:
        if label.startswith(OWN_LABEL) and "tilt axis vertical" in label:
            return "vertical"
    return None
