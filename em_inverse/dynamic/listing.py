"""One look at a folder: which files could be projections, and which tell of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from em_inverse.io.angle_lists import is_angle_list
from em_inverse.io.reading import SERIES_FORMATS

__all__ = ["IMAGE_ENDINGS", "Found", "Listing", "companions_of", "is_unfinished", "list_folder"]

# An .emi is read with its .ser file.
IMAGE_ENDINGS = frozenset(SERIES_FORMATS) - {".emi"}
"""Endings of the files that may be projections."""

_BESIDE = (".mdoc", ".emi")
_UNFINISHED = frozenset(
    {".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download"}
)


class Found(NamedTuple):
    """A file as it was found: where, how long, and when it was last written (in ns)."""

    path: Path
    size: int
    mtime_ns: int


class Listing(NamedTuple):
    """What a folder holds, by name inside the folder (with "/" between parts).

    ``images`` may be projections, ``sides`` tell of them (lists of angles, .mdoc, .emi);
    ``refused`` are the files and subfolders that could not be looked at, and why.
    """

    images: dict[str, Found]
    sides: dict[str, Found]
    refused: dict[Path, str]


def list_folder(
    folder: Path,
    *,
    pattern: str = "*",
    endings: Collection[str] = IMAGE_ENDINGS,
    recursive: bool = False,
) -> Listing:
    """List the files of a folder that may be projections or tell of them.

    Left out are hidden files, those with the name of an unfinished one (:func:`is_unfinished`),
    files of other kinds, and what is no regular file. A file that goes away meanwhile is left out
    as well. `pattern` is held against the names of images only.

    Raises
    ------
    OSError
        When the folder itself cannot be listed.
    """
    listing = Listing({}, {}, {})
    _collect(folder, "", listing, lambda name: _is_image(name, pattern, endings), recursive)
    return listing


def is_unfinished(name: str) -> bool:
    """Whether programs give such a name to what is hidden, a backup, or still being written.

    Examples
    --------
    >>> [is_unfinished(name) for name in ("a.mrc", ".a.mrc", "a.mrc~", "~a.mrc", "a.part.mrc")]
    [False, True, True, True, True]
    """
    parts = {part.lower() for part in PurePosixPath(name).suffixes}
    return name.startswith((".", "~", "$")) or name.endswith("~") or bool(parts & _UNFINISHED)


def companions_of(name: str, sides: dict[str, Found]) -> tuple[Found, ...]:
    """Return the .mdoc and the .emi that the readers would read with a file, as they were found.

    Examples
    --------
    >>> sides = {"a.emi": Found(Path("a.emi"), 9, 0), "b.mdoc": Found(Path("b.mdoc"), 9, 0)}
    >>> [one.path.name for one in companions_of("a_1.ser", sides)]
    ['a.emi']
    """
    stem = str(PurePosixPath(name).with_suffix(""))
    numbered = stem.rpartition("_")[0]
    names = [name + ".mdoc", stem + ".mdoc"]
    names += [one + ending for one in (stem, numbered) for ending in (".emi", ".EMI") if one]
    return tuple(sides[one] for one in names if one in sides)


def _is_image(name: str, pattern: str, endings: Collection[str]) -> bool:
    return PurePosixPath(name).suffix.lower() in endings and fnmatchcase(name, pattern)


def _collect(
    folder: Path, inside: str, listing: Listing, fits: Callable[[str], bool], recursive: bool
) -> None:
    for entry in _entries(folder):
        if is_unfinished(entry.name):
            continue
        path, name = folder / entry.name, inside + entry.name
        # A link to a folder could lead in a circle.
        if recursive and entry.is_dir(follow_symlinks=False):
            _descend(path, name + "/", listing, fits)
        side = path.suffix.lower() in _BESIDE or is_angle_list(path)
        if not side and not fits(entry.name):
            continue
        try:
            # What the listing itself says of a file may be old while it is written (Windows).
            status = path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            listing.refused[path] = error.strerror or str(error)
            continue
        if stat.S_ISREG(status.st_mode):
            found = Found(path, status.st_size, status.st_mtime_ns)
            (listing.sides if side else listing.images)[name] = found


def _descend(path: Path, inside: str, listing: Listing, fits: Callable[[str], bool]) -> None:
    try:
        _collect(path, inside, listing, fits, True)
    except OSError as error:
        listing.refused[path] = error.strerror or str(error)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries
