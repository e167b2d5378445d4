"""Multislice and atomic reconstruction: the turn, an iteration, an independent program, an atom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from benchmarks.harness import Settings, interleave
from benchmarks.machine import version_of
from benchmarks.results import Bar, Result, Table
from em_inverse import atomic
from em_inverse.forward.multislice import Multislice
from em_inverse.forward.turning import FourierTurn, TurnedSlices

__all__ = ["run"]

_ANGLE = 33.0
_BIN = 10
_FOCI = (200.0, 450.0, 1000.0)
_TILTS = 60
# A cut-off of abTEM's anti-aliasing filter that lies beyond every frequency.
_NO_FILTER = {"antialias.cutoff": 4.0, "antialias.taper": 0.0}


def run(settings: Settings) -> Result:
    """Take the times of the parts and of the whole, and compare the exit wave."""
    n, tilts = (40, 4) if settings.quick else (96, _TILTS)
    result = Result(
        title="Multislice and atomic reconstruction",
        about=(
            f"A silicon needle with an amorphous oxide shell in {n}³ voxels of 0.5 Å, 300 kV, "
            f"{tilts} tilts over 180°, {len(_FOCI)} foci, {_BIN} voxels to a slice, float32. "
            "scipy.ndimage turns the volume by cubic splines and does not bin it; our kernel turns "
            "by cubic convolution and bins. The Fourier turn is our own reference, three shears. "
            "abTEM computes the exit wave of the same slices with its anti-aliasing filter off."
        ),
        peers={"scipy": version_of("scipy"), "abTEM": version_of("abtem")},
    )
    atoms = atomic.silicon_core_silica_shell((n,) * 3)
    volume = atomic.potential(atoms, (n,) * 3)
    _turn(result, volume, settings)
    _parts(result, volume, settings)
    series = _series(atoms, n, tilts)
    _iteration(result, series, settings)
    if settings.threads == 1:
        _exit_wave(result, 32 if settings.quick else 128)
        _chain(result, atoms, series, 2 if settings.quick else 6)
    return result


def _turn(result: Result, volume: np.ndarray, settings: Settings) -> None:
    ours = TurnedSlices(volume.shape, _ANGLE, _BIN)
    alone = TurnedSlices(volume.shape, _ANGLE)
    shears = FourierTurn(volume.shape, _ANGLE)
    c, s = np.cos(np.deg2rad(_ANGLE)), np.sin(np.deg2rad(_ANGLE))
    matrix = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    offset = (np.array(volume.shape) - 1) / 2
    offset = offset - matrix @ offset
    slices = ours @ volume
    tasks: dict[str, Callable[[], object]] = {
        "scipy.ndimage.affine_transform, cubic": lambda: affine_transform(
            volume, matrix, offset, order=3
        ),
        "three Fourier shears": lambda: shears @ volume,
        "ours, turned only": lambda: alone @ volume,
        "ours, turned and binned": lambda: ours @ volume,
        "ours, transposed": lambda: ours.adjoint(slices),
    }
    times = {name: t.seconds(settings) for name, t in interleave(tasks, settings).items()}
    base = times["ours, turned and binned"]
    n = volume.shape[0]
    table = Table(f"One turn by {_ANGLE:g}°, {n}³", ["what", settings.unit, "ratio"])
    table.rows = [[name, value, value / base] for name, value in times.items()]
    result.tables.append(table)
    if settings.threads == 1:
        ratio = times["scipy.ndimage.affine_transform, cubic"] / base
        text = f"Times faster than scipy's cubic turn, binning included, {n}³, per core"
        result.bars.append(Bar(text, 30, ratio))
        mismatch = TurnedSlices(volume.shape, _ANGLE, _BIN, dtype=np.float64).dot_test()
        text = "Adjoint mismatch of turning and binning, float64"
        result.bars.append(Bar(text, 1e-10, mismatch, at_least=False))


def _parts(result: Result, volume: np.ndarray, settings: Settings) -> None:
    H = Multislice(volume.shape, _FOCI, slice_voxels=_BIN)
    slices = H.slices(volume, _ANGLE)
    passage = H.passage(slices)
    residual = 0.1 * passage.waves
    tasks: dict[str, Callable[[], object]] = {
        "forward through all slices, to all foci": lambda: H.passage(slices),
        "back through all slices": lambda: passage.pull(residual),
    }
    times = {name: t.seconds(settings) for name, t in interleave(tasks, settings).items()}
    table = Table(
        f"One tilt: {len(slices)} slices of {H.grid[0]} × {H.grid[1]} with their margin",
        ["what", settings.unit],
    )
    table.rows = [[name, value] for name, value in times.items()]
    result.tables.append(table)


def _series(atoms: atomic.Atoms, n: int, tilts: int) -> atomic.FocalTiltSeries:
    angles = np.arange(tilts) * 180 / tilts - 90
    return atomic.simulate(
        atoms, angles, _FOCI, dose_per_square_angstrom=5e4, shape=(n,) * 3, slice_voxels=4
    )


def _iteration(result: Result, series: atomic.FocalTiltSeries, settings: Settings) -> None:
    solver = atomic.AtomicReconstruction(series, slice_voxels=_BIN)
    solver.step()
    load = os.getloadavg()[0]
    cpus, walls = [], []
    for _ in range(2 if settings.quick else 5):
        cpu, wall = time.process_time(), time.perf_counter()
        solver.step()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    n = series.images.shape[-1]
    table = Table(
        f"One iteration, {n}³, {series.n_tilts} tilts × {series.n_foci} foci, TV",
        ["threads", "CPU s", "wall s", "load at the start"],
    )
    cpu, wall = float(np.median(cpus)), float(np.median(walls))
    table.rows.append([settings.threads, cpu, wall, load])
    result.tables.append(table)
    if settings.threads == 1:
        text = f"CPU seconds for one iteration, {n}³, {series.n_tilts} × {series.n_foci}"
        result.bars.append(Bar(text, 1.2, cpu, at_least=False))


def _exit_wave(result: Result, n: int) -> None:
    volume = gaussian_filter(np.random.default_rng(0).random((n // 2, n, n)), 1.2)
    volume = (400 * (volume - volume.min())).astype(np.float32)
    table = Table(
        f"Exit wave of {n // 2} × {n}², relative difference from abTEM", ["propagation", "‖·‖"]
    )
    found: list[float | None] = []
    for law in ("paraxial", "angular_spectrum"):
        found.append(_difference(volume, law, abtem()))
        table.rows.append([law, "not installed" if found[-1] is None else found[-1]])
    result.tables.append(table)
    value = None if None in found else max(v for v in found if v is not None)
    text = "Relative difference of the exit wave from abTEM, the larger of both laws"
    result.bars.append(Bar(text, 2e-5, value, at_least=False))


def abtem() -> Any:
    """Return abTEM, or None where it is not installed."""
    try:
        import abtem as module  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return module


def _difference(volume: np.ndarray, law: str, module: Any) -> float | None:
    """abTEM's wave goes on by one thickness after the last slice: that is a focus of ours."""
    if module is None:
        return None
    cut = TurnedSlices(volume.shape, 0.0, _BIN)
    slices, thickness = (cut @ volume) * np.float32(0.5), _BIN * 0.5
    exit_face = float(cut.centres[-1]) * 0.5 + thickness
    H = Multislice(
        volume.shape, exit_face, slice_voxels=_BIN, margin=0, propagation=law, aperture_mrad=1e3
    )
    with module.config.set(_NO_FILTER):
        potential = module.PotentialArray(
            slices, slice_thickness=[thickness] * len(slices), sampling=(0.5, 0.5)
        )
        wave = module.PlaneWave(energy=300e3).multislice(potential, lazy=False).array
    ours = H.forward(volume)[0]
    return float(np.linalg.norm(np.squeeze(wave) - ours) / np.linalg.norm(ours))


def _chain(
    result: Result, atoms: atomic.Atoms, series: atomic.FocalTiltSeries, n_iter: int
) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    run = atomic.reconstruct(series, n_iter=n_iter, slice_voxels=_BIN)
    solved = time.process_time() - cpu
    found = atomic.trace(run.volume, elements=("O", "Si"))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    score = atomic.score(found, atoms)
    n = series.images.shape[-1]
    table = Table(
        f"From images to atoms, {n}³, {len(atoms)} atoms, 50 000 e/Å², {n_iter} iterations",
        [
            *("found %", "false %", "error pm", "species %"),
            *("CPU s, volume", "CPU s, all", "wall s, all"),
        ],
    )
    quality = score.found_percent, score.false_percent, score.error_pm, score.species_percent
    table.rows.append([*map(_number, quality), solved, cpu, wall])
    result.tables.append(table)


def _number(value: float) -> float | None:
    """Return None instead of NaN, which JSON does not know."""
    return float(value) if np.isfinite(value) else None
