"""Does it keep up with a microscope? Iterations a second, and a replay at its pace."""

from __future__ import annotations

import resource
import statistics
import time

import numpy as np

from benchmarks.harness import Settings
from benchmarks.results import Bar, Result, Table
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.forward.tilt import ParallelBeam

__all__ = ["run"]

_TILTS = 75
_ROUNDS = 8


def run(settings: Settings) -> Result:
    """Time whole iterations, TV included, and replay the last arrivals of a series."""
    small, large = (24, 32) if settings.quick else (256, 512)
    pace, arrivals = (0.5, 2) if settings.quick else (30.0, 3)
    result = Result(
        title="Reconstruction while projections arrive",
        about=(
            f"{_TILTS} tilts from −75° to 75° of a porous cube with noise; PDHG with the ε ball. A "
            "whole iteration is one projection, one back-projection and total variation. The "
            f"replay begins with all but the last {arrivals} projections and delivers those "
            f"{pace:g} s apart to a run that iterates in the background; iterations are counted "
            "between arrivals. Peak memory is that of the process, data included."
        ),
    )
    _pace_of_iterations(result, small, settings)
    if settings.threads > 1:
        _replay(result, large, pace, arrivals, settings)
    return result


def _pace_of_iterations(result: Result, n: int, settings: Settings) -> None:
    angles, b, sigma = _recorded(n)
    run = DynamicReconstruction((n, n, n), units="noise", noise=sigma)
    run.add(angles[:-1], b[:-1])
    run.run(2)
    begin = time.perf_counter()
    run.add(angles[-1], b[-1])
    arrival = time.perf_counter() - begin
    run.run(2)
    seconds = []
    for _ in range(_ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        run.step()
        spent = (time.process_time() - cpu, time.perf_counter() - wall)
        seconds.append(spent[0] if settings.threads == 1 else spent[1])
    middle = statistics.median(seconds)
    result.tables.append(
        Table(
            f"{n}³, {_TILTS} tilts",
            [f"iteration, {settings.unit}", "iterations per second", "arrival, wall s"],
            [[middle, 1 / middle, arrival]],
        )
    )
    if settings.threads > 1:
        result.bars.append(Bar(f"Iterations per second at {n}³, two threads", 3, 1 / middle))


def _replay(result: Result, n: int, pace: float, arrivals: int, settings: Settings) -> None:
    angles, b, sigma = _recorded(n)
    run = DynamicReconstruction((n, n, n), units="noise", noise=sigma, n_expected=_TILTS)
    begin = time.perf_counter()
    run.add(angles[:-arrivals], b[:-arrivals])
    setup = time.perf_counter() - begin
    run.start()
    # Compiling, if anything is left to compile, is not what is counted.
    run.wait(1, timeout=600)
    rows: list[list[object]] = []
    for k in range(arrivals):
        at = run.iteration
        begin = time.perf_counter()
        run.add(angles[k - arrivals], b[k - arrivals])
        handed_over = time.perf_counter() - begin
        time.sleep(max(0.0, pace - handed_over))
        snapshot = run.snapshot(timeout=600)
        rows.append(
            [
                int(snapshot.n_tilts),
                snapshot.iteration - at,
                pace,
                handed_over,
                snapshot.data_distance / snapshot.radius,
            ]
        )
    run.stop(timeout=600)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result.tables.append(
        Table(
            f"Replay at {n}³, a projection every {pace:g} s",
            [
                "projections",
                "iterations until the next",
                "pace, s",
                "add() took, s",
                "‖Ax − b‖ ÷ ε",
            ],
            rows,
        )
    )
    fewest = min(int(str(row[1])) for row in rows)
    result.notes.append(
        f"Replay at {n}³: {memory:.1f} GiB at the peak, {setup:.1f} s to take in the first "
        f"{_TILTS - arrivals} projections."
    )
    result.bars.append(Bar(f"Iterations per arrival at {n}³, fewest", 8, fewest))
    result.bars.append(Bar(f"Peak memory at {n}³, GiB", 12, memory, at_least=False))


def _recorded(n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Angles, projections of a porous cube with noise, and its σ."""
    x = np.zeros((n, n, n), np.float32)
    edge = slice(n // 4, 3 * n // 4)
    x[edge, edge, edge] = 1
    for k in range(3):
        hole = slice(n // 3 + k * n // 9, n // 3 + k * n // 9 + n // 20)
        x[hole, hole, edge] = 0.2
    angles = np.linspace(-75, 75, _TILTS)
    b = ParallelBeam(x.shape, angles).forward(x)
    sigma = 0.05 * float(b.mean())
    b += np.float32(sigma) * np.random.default_rng(0).standard_normal(b.shape, dtype=np.float32)
    return angles, b, sigma
