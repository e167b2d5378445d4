"""Writing large results: enough room first, and a clear word when the disk says no."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from em_inverse.errors import EmInverseError
from em_inverse.files import PathLike, check_target, replacing

__all__ = ["FileWriteError", "saving"]

_HEADERS_BYTES = 2**16
_FULL = (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileWriteError(EmInverseError, OSError):
    """A file could not be written; what stood at its name before is untouched."""


@contextmanager
def saving(path: PathLike, nbytes: int, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path` which takes its name once all is on the disk.

    Parameters
    ----------
    path : path
        Where the file shall be.
    nbytes : int
        Size of its data, to be sure that the disk has room before anything is written.
    overwrite : bool
        Replace a file that exists already.

    Raises
    ------
    ParameterError
        When `path` may not be written, or exists.
    FileWriteError
        When the disk is too full, or fails.
    """
    target = check_target(path, overwrite=overwrite)
    needed = nbytes + _HEADERS_BYTES
    free = _free(target.parent)
    if free is not None and free < needed:
        raise FileWriteError(
            f"path {str(target)!r}: the file takes {needed:,} bytes, but the disk of its folder "
            f"has {free:,} bytes free. Nothing was written. Make room, or choose another disk."
        )
    try:
        with replacing(target, overwrite=overwrite) as temporary:
            yield temporary
    except EmInverseError:
        raise
    except (OSError, RuntimeError) as error:
        # HDF5 reports a full disk as a RuntimeError that quotes errno, NumPy without a number.
        said = str(error)
        if isinstance(error, OSError):
            full, said = error.errno in _FULL, error.strerror or said
        elif "errno = " in said:
            full = any(f"errno = {code}," in said for code in _FULL)
        else:
            raise
        remedy = "Make room, or choose another disk" if full else "Check the disk and your rights"
        raise FileWriteError(
            f"path {str(target)!r} could not be written ({said}). What stood "
            f"there before is untouched. {remedy}, and write again."
        ) from error


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except (OSError, AttributeError):
        return None
