"""Atomic tomography of larger needles: quality at 192³, how the cost grows, what 480³ would take.

It takes some minutes and is run only when it is named:
``python -m benchmarks --only atomic_large``.
"""

from __future__ import annotations

import os
import time

import numpy as np

from benchmarks.harness import Settings
from benchmarks.results import Bar, Result, Table
from em_inverse import atomic

__all__ = ["run"]

_SIZES, _TILTS = (64, 96, 128, 192), (30, 60, 120)
_PAPER = 480
_ITERATIONS = 10


def run(settings: Settings) -> Result:
    """Reconstruct needles of growing size, and one size with growing numbers of tilts."""
    sizes = (40, 48) if settings.quick else _SIZES
    result = Result(
        title="Atomic tomography: larger needles",
        about=(
            "Silicon needles with an oxide shell, 50 000 e/Å², 60 tilts × 3 foci over 180°, slices "
            "of ten voxels, typical λ. The largest is reconstructed to the end and traced; the "
            "others make two iterations, the second of which is timed."
        ),
    )
    rows = []
    for n in sizes:
        rows.append(_size(result, n, settings, to_the_end=n == sizes[-1]))
    _growth(result, np.array(rows))
    _tilts(result, sizes[0], (2, 4) if settings.quick else _TILTS)
    return result


def _series(n: int, tilts: int) -> tuple[atomic.Atoms, atomic.FocalTiltSeries]:
    atoms = atomic.silicon_core_silica_shell((n,) * 3)
    angles = np.linspace(-90, 90, tilts, endpoint=False)
    return atoms, atomic.simulate(
        atoms, angles, dose_per_square_angstrom=5e4, shape=(n,) * 3, slice_voxels=4
    )


def _one_step(solver: atomic.AtomicReconstruction) -> float:
    begin = time.process_time()
    solver.step()
    return time.process_time() - begin


def _size(
    result: Result, n: int, settings: Settings, *, to_the_end: bool
) -> tuple[float, float, float]:
    atoms, series = _series(n, 4 if settings.quick else 60)
    solver = atomic.AtomicReconstruction(series)
    wall, cpu = time.perf_counter(), time.process_time()
    solver.step()
    each = _one_step(solver)
    if to_the_end:
        load = os.getloadavg()[0]
        volume = solver.run(2 if settings.quick else _ITERATIONS - 2).volume
        solved = time.process_time() - cpu
        found = atomic.trace(volume, elements=atoms.elements)
        traced = time.process_time() - cpu - solved
        table = Table(
            f"From images to atoms, {n}³, {len(atoms)} atoms",
            ["result", "CPU s, volume", "CPU s, atoms", "wall s", "load"],
        )
        score = atomic.score(found, atoms)
        table.rows.append([str(score), solved, traced, time.perf_counter() - wall, load])
        result.tables.append(table)
        for text, limit, value, at_least in (
            ("atoms found, %", 99.5, score.found_percent, True),
            ("false atoms, %", 2.0, score.false_percent, False),
            ("species right, %", 98.0, score.species_percent, True),
        ):
            result.bars.append(Bar(f"{n}³: {text}", limit, value, at_least))
    return float(n), float(len(atoms)), each


def _growth(result: Result, measured: np.ndarray) -> None:
    """Compare sizes; the paper's size is estimated from the slope between the two largest."""
    n, atoms, seconds = measured.T
    slope = float(np.log(seconds[-1] / seconds[-2]) / np.log(n[-1] / n[-2]))
    paper = float(seconds[-1] * (_PAPER / n[-1]) ** slope)
    table = Table("Cost of an iteration", ["edge", "atoms", "CPU s", "CPU s per 10⁶ voxels"])
    table.rows = [
        [f"{int(edge)}", int(count), float(each), float(each / edge**3 * 1e6)]
        for edge, count, each in zip(n, atoms, seconds, strict=True)
    ]
    guess = float(paper / _PAPER**3 * 1e6)
    table.rows.append([f"{_PAPER}, extrapolated", None, paper, guess])
    result.tables.append(table)
    result.notes.append(
        f"Between the two largest, the cost of an iteration grows as the edge to the power "
        f"{slope:.2f}; the number of voxels and that of atoms grow as its cube. An extrapolation "
        f"beyond {int(n.max())} is no measurement: caches and memory may make {_PAPER}³ dearer."
    )


def _tilts(result: Result, n: int, counts: tuple[int, ...]) -> None:
    table = Table(f"Tilts, {n}³, one iteration", ["tilts", "CPU s", "CPU s per tilt"])
    for count in counts:
        solver = atomic.AtomicReconstruction(_series(n, count)[1])
        solver.step()
        each = _one_step(solver)
        table.rows.append([count, each, each / count])
    result.tables.append(table)
