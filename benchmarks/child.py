"""One benchmark in one process, told its number of threads before numpy starts.

`launch` is for the parent; the parent's environment stays as it is.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import Settings

__all__ = ["environment", "launch", "run"]

_THREADS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a process whose libraries may use so many threads."""
    return {**os.environ, **dict.fromkeys(_THREADS, str(threads))}


def launch(name: str, settings: Settings) -> dict[str, Any]:
    """Run a benchmark in a fresh process and return what it found.

    Raises
    ------
    subprocess.CalledProcessError
        When it ends with an error; its message has then been printed.
    """
    with TemporaryDirectory() as folder:
        target = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.child", name, str(target)]
        command += ["--threads", str(settings.threads)] + ["--quick"] * settings.quick
        subprocess.run(
            command,
            env=environment(settings.threads),
            cwd=Path(__file__).resolve().parents[1],
            check=True,
        )
        found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return found


def run(name: str, settings: Settings) -> dict[str, Any]:
    """Run a benchmark in this process; `name` is that of its module."""
    begin = time.perf_counter()
    result = importlib.import_module(f"benchmarks.{name}").run(settings)
    return {
        "name": name,
        "threads": settings.threads,
        "seconds": round(time.perf_counter() - begin, 1),
        **result.as_dict(),
    }


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("target", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    found = run(given.name, Settings(threads=given.threads, quick=given.quick))
    given.target.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    _main()
