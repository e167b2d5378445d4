"""Writing files so that nothing is lost: names checked first, old content kept until the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from em_inverse.errors import ParameterError

__all__ = ["PathLike", "check_target", "expanded", "replacing"]

PathLike = str | os.PathLike[str]


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
