"""The process that looks through HDF5 files before they are opened: run by path, as a script.

It reads the name of a file per line on the standard input, touches every part of that file's
structure which the kit's readers may touch, and answers with one line. On a damaged file the HDF5
library may loop for ever or crash; then this process ends, and nothing else does. It imports
nothing of the kit, so that it starts quickly.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

_CPU_SECONDS = 2.0
_ENOUGH_SECONDS = 1.0
_MEMORY = 2**30
_MUCH_MEMORY = 3 * 2**27
_LARGEST_CHUNK = 2**26


def serve() -> None:
    """Answer until the standard input ends."""
    import h5py

    limit_memory(_MEMORY)
    before = _peak()
    for line in sys.stdin:
        _limit_time(_CPU_SECONDS)
        answer = _look_through(h5py, json.loads(line))
        _limit_time(0.0)
        if _peak() > before + _MUCH_MEMORY:
            answer = "memory"
        print(answer, flush=True)


def _look_through(h5py: Any, path: str) -> str:
    try:
        h5 = h5py.File(path, "r", locking=False)
    except Exception as error:
        # What the library notices at once, it tells the reader as well.
        return "memory" if _short_of_memory(error) else "fine"
    with h5:
        try:
            _walk(h5)
        except Exception as error:
            return "memory" if _short_of_memory(error) else "broken"
    return "fine"


def _walk(h5: Any) -> None:
    enough = time.process_time() + _ENOUGH_SECONDS

    def touch(item: Any) -> bool | None:
        try:
            for name in item.attrs:
                _try(item.attrs.get, name)
            if hasattr(item, "shape"):
                _try(_touch_numbers, item)
        except Exception as error:
            if _short_of_memory(error):
                raise MemoryError from error
        return True if time.process_time() > enough else None

    touch(h5)
    h5.visititems(lambda _, item: touch(item))


def _touch_numbers(dataset: Any) -> None:
    dataset.id.get_storage_size()
    own = dataset.size and not dataset.external and not dataset.is_virtual
    if own and dataset.dtype.kind in "biuf" and (not dataset.chunks or _modest(dataset)):
        dataset[(0,) * dataset.ndim]


def _modest(dataset: Any) -> bool:
    count = dataset.dtype.itemsize
    for length in dataset.chunks:
        count *= length
    return bool(count <= _LARGEST_CHUNK)


def _try(action: Any, *arguments: Any) -> None:
    try:
        action(*arguments)
    except Exception as error:
        if _short_of_memory(error):
            raise MemoryError from error


def _short_of_memory(error: Exception) -> bool:
    # The library tells of a failed allocation by an OSError like any other.
    return isinstance(error, MemoryError) or "alloc" in str(error).lower()


def _peak() -> int:
    """Return the most memory this process had so far; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _limit_time(seconds: float) -> None:
    """End this process after so many seconds of computing; 0 lifts the limit."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def limit_memory(growth: int) -> None:
    """Let this process grow by so many bytes, write no larger file, and leave no core dump.

    Nothing happens where the system has no such limits.
    """
    try:
        import resource
    except ImportError:
        return
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        used = 0
    limits = {
        resource.RLIMIT_AS: used + growth,
        resource.RLIMIT_FSIZE: growth,
        resource.RLIMIT_CORE: 0,
    }
    for what, value in limits.items():
        try:
            _, hard = resource.getrlimit(what)
            resource.setrlimit(what, (value if hard < 0 else min(value, hard), hard))
        except (OSError, ValueError):
            continue


if __name__ == "__main__":
    serve()
