"""Run a reader that is not ours in a process of its own, with limits on time and memory.

Some readers loop for ever, allocate without bound or crash on a damaged header. None of that may
take the user's session down: the reader works in a child process, which is ended when its time is
up, when it asks for too much memory (where the system enforces such a limit), and on Ctrl-C.
Numbers come back through a .npy file and everything else as JSON; nothing is unpickled.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse import errors
from em_inverse.errors import EmInverseError, FileFormatError, check_number
from em_inverse.io.files import existing_file
from em_inverse.io.hdf5_worker import limit_memory

__all__ = ["read_guarded"]

_SECONDS, _BYTES_PER_SECOND = 60.0, 20 * 2**20
_MEMORY, _MEMORY_PER_BYTE = 2 * 2**30, 16
_NUMBERS, _FACTS, _ERROR = "numbers.npy", "facts.json", "error.json"
_CHILD = "from em_inverse.io.guard import _child; _child()"
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def read_guarded(
    reader: str,
    path: Path,
    arguments: dict[str, Any] | None = None,
    *,
    kind: str = "a file of another program",
    seconds: float | None = None,
    memory_bytes: int | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return what ``reader(path, **arguments)`` returns, run in a process of its own.

    Parameters
    ----------
    reader : str
        ``"package.module:function"``; the function takes the path as text and returns an array and
        a dictionary that JSON can hold.
    path : Path
        The file.
    arguments : dict, optional
        More arguments, of the kinds that JSON can hold.
    kind : str
        What the file should be, for messages.
    seconds : float, optional
        Limit of wall-clock time; by default 60 s and 1 s for every 20 MiB of the file.
    memory_bytes : int, optional
        Limit of memory, where the system enforces one (Linux does); by default 2 GiB and 16 times
        the length of the file.

    Raises
    ------
    FileFormatError
        When the reader fails, crashes, or exceeds a limit. The message says which, and what to do.
    EmInverseError
        What the reader itself raises on purpose, as it is.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "series.img"
    >>> _ = path.write_bytes(b"not an image")
    >>> try:
    ...     read_guarded("math:sqrt", path, kind="a picture")
    ... except FileFormatError as error:
    ...     print("could not be read as a picture (TypeError" in str(error))
    True
    >>> folder.cleanup()
    """
    file = existing_file(path)
    size = file.stat().st_size
    limit_s = _SECONDS + size / _BYTES_PER_SECOND if seconds is None else seconds
    limit_s = check_number(limit_s, "seconds", minimum=0, exclusive=True)
    limit_bytes = _MEMORY + _MEMORY_PER_BYTE * size if memory_bytes is None else memory_bytes
    with tempfile.TemporaryDirectory(prefix="em_inverse_", ignore_cleanup_errors=True) as folder:
        job = {
            "reader": reader,
            "path": str(file.resolve()),
            "arguments": arguments or {},
            "memory_bytes": int(limit_bytes),
            "folder": folder,
        }
        status, said = _run(job, limit_s)
        results = Path(folder)
        if status is None:
            raise FileFormatError(
                f"{str(file)!r}: reading it as {kind} took more than {limit_s:.3g} s and was "
                f"stopped. The file is probably damaged; copy it again, or export it as MRC or "
                f"TIFF from the program that made it."
            )
        if (results / _ERROR).is_file():
            raise _failure(file, kind, json.loads((results / _ERROR).read_text()), limit_bytes)
        if status != 0 or not (results / _FACTS).is_file():
            raise FileFormatError(
                f"{str(file)!r}: the reader of {kind} crashed (exit status {status}{said}). The "
                f"file is probably damaged, or asked for more than the {limit_bytes:,} bytes of "
                f"memory allowed; copy it again, or export it as MRC or TIFF."
            )
        facts = json.loads((results / _FACTS).read_text())
        return np.load(results / _NUMBERS, allow_pickle=False), facts


def _run(job: dict[str, Any], seconds: float) -> tuple[int | None, str]:
    """Return the exit status, None when time was up, and the last line of what the child said."""
    paths = [entry for entry in sys.path if entry]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    environment.update(dict.fromkeys(_ONE_THREAD, "1"))
    # A terminal sends Ctrl-C to its whole group; the child is ended here, once, instead.
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=os.name == "posix",
    ) as child:
        try:
            _, heard = child.communicate(json.dumps(job).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            if child.poll() is None:
                child.kill()
    lines = heard.decode("utf-8", "replace").strip().splitlines()
    return child.returncode, f": {lines[-1][:200]}" if lines else ""


def _failure(file: Path, kind: str, error: dict[str, str], limit_bytes: int) -> EmInverseError:
    if error["type"] == "MemoryError":
        return FileFormatError(
            f"{str(file)!r}: reading it as {kind} needs more than the {limit_bytes:,} bytes of "
            f"memory allowed for a file of this length. Its header is probably damaged; copy it "
            f"again, or export it as MRC or TIFF."
        )
    if error["own"]:
        return getattr(errors, error["type"], FileFormatError)(error["message"])
    return FileFormatError(
        f"{str(file)!r} could not be read as {kind} ({error['type']}: {error['message'][:500]}). "
        f"It is damaged, incomplete, or another kind of file; copy it again or export it anew."
    )


def _child() -> None:
    """Do the job that comes in on the standard input; the entry of the child process."""
    job = json.load(sys.stdin)
    folder = Path(job["folder"])
    try:
        # Imports come before the limit: what they need does not depend on the file.
        module, _, name = job["reader"].partition(":")
        reader = getattr(importlib.import_module(module), name)
        limit_memory(job["memory_bytes"])
        numbers, facts = reader(job["path"], **job["arguments"])
        np.save(folder / _NUMBERS, np.ascontiguousarray(numbers), allow_pickle=False)
        (folder / _FACTS).write_text(json.dumps(facts))
    except BaseException as error:
        own = isinstance(error, EmInverseError)
        told = {"type": type(error).__name__, "message": str(error), "own": own}
        (folder / _ERROR).write_text(json.dumps(told))
