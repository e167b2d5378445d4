"""HDF5 files are looked through in another process before they are opened in this one.

On some damaged files the HDF5 library neither fails nor returns, and nothing can stop it inside
the user's session. So a process of its own, started at the first HDF5 file and kept for the next
ones, touches the structure of the file first (:mod:`em_inverse.io.hdf5_worker`). It is ended when
it loops, and with the session.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from em_inverse.errors import FileFormatError

__all__ = ["check_hdf5"]

_WALL_SECONDS = 30.0
_WORKER = Path(__file__).with_name("hdf5_worker.py")


def check_hdf5(file: Path) -> None:
    """Raise if the structure of an HDF5 file makes the HDF5 library loop, crash or burst.

    Raises
    ------
    FileFormatError
        When it does. Damage that the library notices by itself is left to the reader.
    """
    answer = _WORKER_PROCESS.ask(str(file.resolve()))
    if answer == "fine":
        return
    if answer == "memory":
        what = "announces structures that take more memory than any description of data needs"
    elif answer == "broken":
        what = "lists its contents in a way that cannot be followed"
    else:
        what = "makes the HDF5 library loop or crash"
    raise FileFormatError(
        f"{str(file)!r} {what}. The file is damaged; copy it again from where it was recorded, or "
        f"mend it with h5repack."
    )


class _Worker:
    """The other process; started when it is first asked, and again after it ended."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def ask(self, path: str) -> str:
        """Return its answer; "" when it ended, or did not answer in time."""
        with self._lock:
            child = self._running()
            answer: list[str] = []

            def exchange() -> None:
                assert child.stdin is not None
                assert child.stdout is not None
                try:
                    child.stdin.write(json.dumps(path) + "\n")
                    child.stdin.flush()
                    answer.append(child.stdout.readline().strip())
                except (OSError, ValueError):
                    return

            talk = threading.Thread(target=exchange, daemon=True)
            talk.start()
            try:
                talk.join(_WALL_SECONDS)
            except BaseException:
                self.end()
                raise
            if not answer or not answer[0]:
                self.end()
                talk.join()
                return ""
            if answer[0] == "memory":
                # Its peak stays with a process; the next file deserves a fresh one.
                self.end()
            return answer[0]

    def end(self) -> None:
        """End the process, if this process started it."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue

    def _running(self) -> subprocess.Popen[str]:
        alive = self._child is not None and self._owner == os.getpid()
        if self._child is None or not alive or self._child.poll() is not None:
            self.end()
            paths = [entry for entry in sys.path if entry]
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                start_new_session=os.name == "posix",
            )
            self._owner = os.getpid()
        return self._child


_WORKER_PROCESS = _Worker()
atexit.register(_WORKER_PROCESS.end)
