"""What every format needs: safe opening, a limit on sizes, and atomic replacement."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from em_inverse.errors import EmInverseError, FileFormatError, ParameterError

__all__ = [
    "MissingFileError",
    "check_size",
    "check_target",
    "existing_file",
    "expanded",
    "reading",
    "replacing",
]

PathLike = str | os.PathLike[str]

_PLAUSIBLE_COMPRESSION = 1000
_ALWAYS_ACCEPTED_BYTES = 64 * 2**20


class MissingFileError(FileFormatError, FileNotFoundError):
    """There is no file at the path given."""


def expanded(path: PathLike, name: str = "path") -> Path:
    """Return `path` as a :class:`~pathlib.Path`, with ``~`` replaced by the home folder.

    Raises
    ------
    ParameterError
        When `path` is no path, or begins with the ``~name`` of a user who has no home here.
    """
    try:
        return Path(path).expanduser()
    except TypeError:
        raise ParameterError(
            f"{name} is {path!r}; the path of a file is needed, as text or as a pathlib.Path."
        ) from None
    except RuntimeError:
        raise ParameterError(
            f"{name} is {str(path)!r}, but there is no such user's home folder. Write the folder "
            f"out in full."
        ) from None


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


def check_target(
    path: PathLike, *, overwrite: bool = False, remedy: str = "pass overwrite=True to replace it"
) -> Path:
    """Return `path` as a place where a file may be written, or say why it is none.

    Raises
    ------
    ParameterError
        When `path` exists and `overwrite` is False, is a folder, or lies in no folder or in one
        that may not be written to.
    """
    target = expanded(path)
    if target.is_dir():
        raise ParameterError(f"path {str(target)!r} is a folder; give the name of a file in it.")
    if not target.parent.is_dir():
        raise ParameterError(
            f"path {str(target)!r}: the folder {str(target.parent)!r} does not exist. Create it "
            f"first."
        )
    if not os.access(target.parent, os.W_OK):
        raise ParameterError(
            f"path {str(target)!r}: you may not write in the folder {str(target.parent)!r}. Choose "
            f"another folder."
        )
    if target.exists() and not overwrite:
        raise ParameterError(
            f"path {str(target)!r} exists already and is left as it is. Choose another name, or "
            f"{remedy}."
        )
    return target


@contextmanager
def replacing(path: PathLike, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its name once all is on the disk.

    On any error, and on Ctrl-C, the temporary file is removed and what was at `path` stays.

    Raises
    ------
    ParameterError
        As :func:`check_target` does.
    """
    target = check_target(path, overwrite=overwrite)
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(6)}.part{target.suffix}")
    try:
        yield temporary
        _to_disk(temporary)
        check_target(target, overwrite=overwrite)
        temporary.replace(target)
        _to_disk(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
