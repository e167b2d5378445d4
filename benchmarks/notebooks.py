"""How long each notebook takes, as handed out and solved, from a fresh kernel to its last cell."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbclient
import nbformat

from benchmarks.harness import Settings
from benchmarks.machine import version_of
from benchmarks.results import Bar, Result, Table

__all__ = ["SECONDS", "run"]

SECONDS = 60
_ROOT = Path(__file__).resolve().parents[1]
_EDITIONS = {"as handed out": "notebooks", "solved": "course/solutions"}


def run(settings: Settings) -> Result:
    """Run all notebooks once, or in a quick run only that of week 1, which computes least."""
    result = Result(
        title="Notebooks",
        about="Seconds on the clock to run a notebook from top to bottom, start of the kernel "
        "included; compiled code was on disk.",
        peers={"nbclient": version_of("nbclient"), "ipykernel": version_of("ipykernel")},
    )
    names = sorted(path.name for path in (_ROOT / "notebooks").glob("week*.ipynb"))
    if settings.quick:
        names = names[:1]
    table = Table("Seconds", ["notebook", *_EDITIONS])
    slowest = 0.0
    for name in names:
        seconds = [_seconds(_ROOT / folder / name) for folder in _EDITIONS.values()]
        table.rows.append([Path(name).stem, *seconds])
        slowest = max(slowest, *seconds)
    result.tables.append(table)
    result.bars.append(Bar("Slowest notebook, seconds", SECONDS, slowest, at_least=False))
    return result


def _seconds(path: Path) -> float:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    with TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": folder}},
        )
        begin = time.perf_counter()
        client.execute()
        return round(time.perf_counter() - begin, 1)
