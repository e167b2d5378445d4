"""What every reader needs: safe opening, and a limit on sizes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from em_inverse.errors import EmInverseError, FileFormatError
from em_inverse.files import PathLike, expanded

__all__ = ["MissingFileError", "check_size", "existing_file", "reading"]

_PLAUSIBLE_COMPRESSION = 1000
_ALWAYS_ACCEPTED_BYTES = 64 * 2**20


class MissingFileError(FileFormatError, FileNotFoundError):
    """There is no file at the path given."""


def existing_file(path: PathLike, name: str = "path") -> Path:
    """Return `path` as a :class:`~pathlib.Path` to a file that exists and is not empty."""
    file = expanded(path, name)
    try:
        folder, present = file.is_dir(), file.is_file()
    except OSError as error:
        raise FileFormatError(f"{name} {str(file)!r} cannot be looked at ({error}).") from error
    if folder:
        raise FileFormatError(f"{name} {str(file)!r} is a folder; the path of one file is needed.")
    if not present:
        raise MissingFileError(
            f"{name} {str(file)!r}: there is no such file. Check the spelling and the folder "
            f"(the present folder is {str(Path.cwd())!r})."
        )
    if file.stat().st_size == 0:
        raise FileFormatError(
            f"{str(file)!r} is empty (0 bytes). Copy it again from where it was recorded."
        )
    return file


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a format library raises on a damaged file into a FileFormatError."""
    try:
        yield
    except EmInverseError:
        raise
    except (Exception, MemoryError) as error:
        raise FileFormatError(
            f"{str(path)!r} could not be read as {kind} ({type(error).__name__}: {error}). It is "
            f"damaged, incomplete, or another kind of file; copy it again or export it anew."
        ) from error


def check_size(path: Path, declared: int, stored: int) -> None:
    """Refuse an array whose declared size cannot be what the file holds.

    Parameters
    ----------
    path : Path
        The file, for the message.
    declared : int
        Bytes that the header announces for the array in memory.
    stored : int
        Bytes that the file keeps for it, compressed or not.
    """
    if declared > _ALWAYS_ACCEPTED_BYTES and declared > _PLAUSIBLE_COMPRESSION * max(stored, 1):
        raise FileFormatError(
            f"{str(path)!r} announces an array of {declared:,} bytes but keeps only {stored:,} "
            f"bytes for it. The header is damaged, or the file is not what it claims to be."
        )
    available = _physical_memory()
    if available is not None and declared > available:
        raise FileFormatError(
            f"{str(path)!r} announces an array of {declared:,} bytes; this machine has "
            f"{available:,} bytes of memory. Bin or crop the data, or use a larger machine."
        )


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
