"""The tag tree of DigitalMicrograph files, versions 3 and 4.

A file is a header and a tree of tags: groups, and data whose type and length stand in an info
block before them. The two versions differ in the width of counts (32 and 64 bits). The format is
not published by its maker; it is known from the work of G. Jefferis and of C. Boothroyd, "Digital
Micrograph file format". Every count is held against the length of the file before it is believed,
so a damaged file ends in an error at once. Arrays stay in the file until they are asked for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.files import check_size, existing_file, reading

__all__ = ["DmArray", "dm_text", "read_dm_tags"]

_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_SIMPLE = {
    2: "i2",
    3: "i4",
    4: "u2",
    5: "u4",
    6: "f4",
    7: "f8",
    8: "u1",
    9: "i1",
    10: "u1",
    11: "i8",
    12: "u8",
}
_MOST_TAGS = 100_000
_DEEPEST = 64
_LONGEST_INFO = 1024
_LONGEST_TEXT = 65536


@dataclass(frozen=True)
class DmArray:
    """An array of numbers that lies in the file at `offset`."""

    file: Path
    dtype: np.dtype
    count: int
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes it takes in the file."""
        return self.count * self.dtype.itemsize

    def load(self, dtype: np.dtype | None = None) -> np.ndarray:
        """Return the numbers, taken to be of type `dtype`, in the machine's byte order."""
        check_size(self.file, self.nbytes, self.nbytes)
        kept = self.dtype if dtype is None else dtype.newbyteorder(self.dtype.byteorder)
        count = self.nbytes // kept.itemsize
        with reading(self.file, "a DigitalMicrograph file"):
            numbers = np.fromfile(self.file, kept, count=count, offset=self.offset)
        return numbers.astype(kept.newbyteorder("="), copy=False)


def read_dm_tags(path: Path) -> dict[str, Any]:
    """Return the tags as nested dictionaries; unnamed tags are called ``"0"``, ``"1"``, ...

    Values are numbers, texts, tuples (structures), :class:`DmArray`, and dictionaries (groups).

    Raises
    ------
    FileFormatError
        When the file is cut off, damaged, or no DigitalMicrograph file of version 3 or 4.
    """
    file = existing_file(path)
    with reading(file, "a DigitalMicrograph file"), file.open("rb") as stream:
        return _Parser(file, stream).root()


def dm_text(value: Any) -> str:
    """Return a tag as text, "" where it is none; texts lie in the file as arrays of UTF-16."""
    if isinstance(value, str):
        return value
    if isinstance(value, DmArray) and value.dtype.kind == "u" and value.dtype.itemsize == 2:
        if value.count > _LONGEST_TEXT:
            return ""
        return value.load().astype("<u2").tobytes().decode("utf-16-le", "replace").rstrip("\0")
    return ""


class _Parser:
    """Reads tags one after the other and counts them."""

    def __init__(self, file: Path, stream: BinaryIO) -> None:
        self.file, self.stream = file, stream
        self.size = file.stat().st_size
        self.tags = 0
        self.order = "<"
        self.width = 4

    def root(self) -> dict[str, Any]:
        (version,) = struct.unpack(">i", self._take(4))
        if version not in (3, 4):
            raise self._damaged(
                f"its version is {version}; 3 (.dm3) and 4 (.dm4) are read. It may not be a "
                f"DigitalMicrograph file at all"
            )
        self.width = 4 if version == 3 else 8
        self._count("the length of its tags", self.size)
        (little,) = struct.unpack(">i", self._take(4))
        if little not in (0, 1):
            raise self._damaged(f"its byte order is {little}; 0 and 1 are allowed")
        self.order = "<" if little else ">"
        return self._group(0)

    def _group(self, depth: int) -> dict[str, Any]:
        if depth > _DEEPEST:
            raise self._damaged(f"its groups of tags are nested more than {_DEEPEST} deep")
        self._take(2)
        count = self._count("a number of tags", _MOST_TAGS)
        group: dict[str, Any] = {}
        for index in range(count):
            name, value = self._tag(depth)
            group.setdefault(name or str(index), value)
        return group

    def _tag(self, depth: int) -> tuple[str, Any]:
        self.tags += 1
        if self.tags > _MOST_TAGS:
            raise self._damaged(f"it has more than {_MOST_TAGS:,} tags")
        kind, length = struct.unpack(">BH", self._take(3))
        name = self._take(length).decode("latin-1")
        if kind not in (_GROUP, _DATA):
            raise self._damaged(f"a tag is of kind {kind}; 20 (group) and 21 (data) are allowed")
        if self.width == 8:
            self._count(f"the length of tag {name!r}", self.size)
        return name, self._group(depth + 1) if kind == _GROUP else self._data(name)

    def _data(self, name: str) -> Any:
        if self._take(4) != b"%%%%":
            raise self._damaged(f"the data of tag {name!r} lack their mark '%%%%'")
        length = self._count(f"the info block of tag {name!r}", _LONGEST_INFO)
        if length == 0:
            raise self._damaged(f"the info block of tag {name!r} is empty")
        code = ">" + ("i" if self.width == 4 else "q") * length
        info = list(struct.unpack(code, self._take(self.width * length)))
        value, left = self._value(info, name)
        if left:
            raise self._damaged(f"the info block of tag {name!r} is too long")
        return value

    def _value(self, info: list[int], name: str) -> tuple[Any, list[int]]:
        kind = info[0]
        if kind in _SIMPLE:
            dtype = np.dtype(self.order + _SIMPLE[kind])
            return np.frombuffer(self._take(dtype.itemsize), dtype)[0].item(), info[1:]
        if kind == _STRUCT:
            dtype, left = self._structure(info, name)
            return np.frombuffer(self._take(dtype.itemsize), dtype)[0].item(), left
        if kind == _STRING and len(info) >= 2:
            raw = self._take(self._plausible(info[1], name, 1))
            return raw.decode("utf-8", "replace"), info[2:]
        if kind == _ARRAY and len(info) >= 3:
            return self._array(info[1:], name)
        raise self._damaged(f"the data of tag {name!r} are of the unknown type {kind}")

    def _array(self, info: list[int], name: str) -> tuple[DmArray, list[int]]:
        if info[0] in _SIMPLE:
            dtype, left = np.dtype(self.order + _SIMPLE[info[0]]), info[1:]
        elif info[0] == _STRUCT:
            dtype, left = self._structure(info, name)
        else:
            raise self._damaged(f"tag {name!r} is an array of the unknown type {info[0]}")
        if not left:
            raise self._damaged(f"the array {name!r} states no length")
        count = self._plausible(left[0], name, dtype.itemsize)
        array = DmArray(self.file, dtype, count, self.stream.tell())
        self.stream.seek(array.nbytes, 1)
        return array, left[1:]

    def _structure(self, info: list[int], name: str) -> tuple[np.dtype, list[int]]:
        fields = info[2] if len(info) >= 3 else 0
        kinds = info[4 : 3 + 2 * fields : 2] if fields > 0 else []
        if fields < 1 or len(kinds) != fields or any(kind not in _SIMPLE for kind in kinds):
            raise self._damaged(f"the structure of tag {name!r} is not understood")
        types = [(f"f{k}", self.order + _SIMPLE[kind]) for k, kind in enumerate(kinds)]
        return np.dtype(types), info[3 + 2 * fields :]

    def _plausible(self, count: int, name: str, itemsize: int) -> int:
        position = self.stream.tell()
        if count < 0 or position + count * itemsize > self.size:
            raise self._damaged(
                f"tag {name!r} announces {count:,} elements of {itemsize} bytes at byte "
                f"{position:,}, but the file has {self.size:,} bytes"
            )
        return count

    def _count(self, what: str, most: int) -> int:
        (count,) = struct.unpack(">i" if self.width == 4 else ">q", self._take(self.width))
        if not 0 <= count <= most:
            raise self._damaged(f"{what} is {count:,}; up to {most:,} is allowed")
        return int(count)

    def _take(self, length: int) -> bytes:
        raw = self.stream.read(length)
        if len(raw) < length:
            raise self._damaged(f"it ends at byte {self.size:,}, in the middle of its tags")
        return raw

    def _damaged(self, what: str) -> FileFormatError:
        return FileFormatError(
            f"{str(self.file)!r} is not a usable DigitalMicrograph file: {what}. It was cut off or "
            f"damaged; copy it again, or export it anew from DigitalMicrograph."
        )
