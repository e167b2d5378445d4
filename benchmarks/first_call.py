"""What the first call costs: import, compile, and the same again from numba's cache."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.child import environment
from benchmarks.harness import Settings
from benchmarks.machine import version_of
from benchmarks.results import Bar, Result, Table

__all__ = ["run"]

_SCRIPT = """
import json, time
begin = time.perf_counter()
import numpy as np
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.priors import TotalVariation
found = {"import of the package": time.perf_counter() - begin}
def pair(shape):
    A = ParallelBeam(shape, np.linspace(-74, 74, 5))
    A.adjoint(A.forward(np.ones(shape, np.float32)))
tasks = {
    "projector, first pair of a volume": lambda: pair((8, 8, 32)),
    "projector, first pair of a slice": lambda: pair((8, 8)),
    "total variation, first prox": lambda: TotalVariation().prox(np.eye(8, dtype=np.float32), 0.1),
}
for name, task in tasks.items():
    begin = time.perf_counter()
    task()
    found[name] = time.perf_counter() - begin
print(json.dumps(found))
"""


def run(settings: Settings) -> Result:
    """Measure in fresh processes, with an empty cache and with a full one."""
    result = Result(
        title="First call",
        about=(
            "Seconds on the clock in a fresh process, median of three, float32. Compiled "
            "code is kept on disk, so the wait comes once per machine; later processes only load "
            "it. All other benchmarks are warm."
        ),
        peers={"numba": version_of("numba")},
    )
    cold, cached = [], []
    for _ in range(1 if settings.quick else 3):
        with TemporaryDirectory() as cache:
            cold.append(_times(cache, settings))
            cached.append(_times(cache, settings))
    table = Table("Seconds on the clock", ["what", "empty cache", "from the cache"])
    for name in cold[0]:
        medians = [statistics.median(times[name] for times in runs) for runs in (cold, cached)]
        table.rows.append([name, *medians])
    projector = [
        sum(seconds for name, seconds in times.items() if name.startswith("projector"))
        for times in cold
    ]
    table.rows.append(["projector, both", statistics.median(projector), None])
    result.tables.append(table)
    text = "First projector calls (volume and slice), empty cache, seconds"
    result.bars.append(Bar(text, 10, statistics.median(projector), at_least=False))
    return result


def _times(cache: str, settings: Settings) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env={**environment(settings.threads), "NUMBA_CACHE_DIR": cache},
        cwd=Path(__file__).resolve().parents[1],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found
