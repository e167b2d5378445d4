"""Spectroscopic tomography: fused against the spectra alone, modes of a cube, and its time."""

from __future__ import annotations

import os
import time

import numpy as np

from benchmarks.harness import Settings
from benchmarks.results import Bar, Result, Table
from em_inverse import phantoms, spectroscopic
from em_inverse.forward import Channels
from em_inverse.forward.contrast import LinearThickness
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import Reconstruction, TiltSeries

__all__ = ["run"]

_MANY, _FEW = np.linspace(-75, 75, 31), np.linspace(-75, 75, 9)
_ELEMENTS = ("Au", "Fe", "O")
_COUNTS, _IMAGE = 8, 2000
# In units of the typical λ₂; the same for all that are compared, the best of each is kept.
_GRID = (0.5, 0.7, 1.0, 1.4, 2.0)
_ENERGIES = np.linspace(1.5, 4.0, 16)
_LINES = np.stack([0.04 / ((_ENERGIES - e) ** 2 + 0.04) for e in (2.2, 2.7, 3.3)], axis=1)


def run(settings: Settings) -> Result:
    """Compare errors at equal spectral dose, and take the time of a large run."""
    n = 16 if settings.quick else 48
    result = Result(
        title="Spectroscopic tomography",
        about=(
            f"A core of gold with a void in a shell of iron oxide, {n}³, 31 HAADF tilts of "
            f"{_IMAGE} counts and 9 spectral tilts of {_COUNTS} counts in the brightest pixel, all "
            "within ±75°; HAADF linear in thickness with γ = 1.7, which the fit knows. RMSE is on "
            f"a scale where gold is one. λ is the best of {len(_GRID)} for each method by itself; "
            "300 iterations each."
        ),
    )
    if settings.threads == 1:
        _errors(result, n, 20 if settings.quick else 300, (0,) if settings.quick else (0, 1))
        _modes(result, 16 if settings.quick else 32, 10 if settings.quick else 200)
    _time(result, settings)
    return result


def _recorded(
    n: int, n_elements: int, seed: int
) -> tuple[np.ndarray, float, TiltSeries, spectroscopic.SpectralSeries]:
    truth = phantoms.core_shell_volume(n)
    if n_elements == 3:
        truth = np.concatenate([truth, 1.3 * truth[..., 1:]], axis=-1)
    x = np.moveaxis(truth, -1, 0)
    elements = _ELEMENTS[:n_elements]
    image = ParallelBeam((n,) * 3, _MANY) @ LinearThickness(elements, normalise=True)(x)
    clean = np.maximum(Channels(ParallelBeam((n,) * 3, _FEW), n_elements) @ x, 0)
    scale = _COUNTS / float(clean.max())
    rng = np.random.default_rng(seed)
    counts = rng.poisson(scale * np.moveaxis(clean, 0, -1))
    haadf = rng.poisson(_IMAGE * np.maximum(image, 0) / image.max()).astype(np.float32)
    series = spectroscopic.SpectralSeries(counts, _FEW, elements)
    return truth, scale, TiltSeries(haadf, _MANY), series


def _errors(result: Result, n: int, n_iter: int, seeds: tuple[int, ...]) -> None:
    names = (
        "WBP", "TV-SART", "TV, channel by channel", "TV, shared edges", "fused",
        "fused, shared edges",
    )  # fmt: skip
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for seed in seeds:
        truth, scale, haadf, series = _recorded(n, 2, seed)

        def error(
            run: Reconstruction, truth: np.ndarray = truth, scale: float = scale
        ) -> np.ndarray:
            squares = np.square(run.x / scale - truth).mean(axis=(0, 1, 2))
            return np.sqrt([*squares, squares.mean()])

        typical = spectroscopic.fuse(haadf, series, n_iter=1).parameters
        lam = typical["lambda_tv"] / typical["lambda_spectrum"]
        runs: dict[str, list[np.ndarray]] = {
            "WBP": [error(spectroscopic.wbp(series))],
            "TV-SART": [error(spectroscopic.tv_sart(series))],
        }
        for factor in _GRID:
            weights = {"lam_tv": factor * typical["lambda_tv"], "n_iter": n_iter}
            each = (
                spectroscopic.tv(series, factor * lam, shared=False, n_iter=n_iter),
                spectroscopic.tv(series, factor * lam, n_iter=n_iter),
                spectroscopic.fuse(haadf, series, **weights),
                spectroscopic.fuse(haadf, series, shared=True, **weights),
            )
            for name, one in zip(names[2:], each, strict=True):
                runs.setdefault(name, []).append(error(one))
        for name, errors in runs.items():
            found[name].append(min(errors, key=lambda one: float(one[-1])))
    means = {name: np.mean(errors, axis=0) for name, errors in found.items()}
    table = Table(f"RMSE, {n}³ × 2", ["method", "Au", "Fe", "all"])
    table.rows = [[name, *values.tolist()] for name, values in means.items()]
    result.tables.append(table)
    alone = means["TV, channel by channel"]
    for name in names[-2:]:
        ratio = float(means[name][-1] / alone[-1])
        words = f"RMSE, {name}, over channel-by-channel TV at equal spectral dose"
        result.bars.append(Bar(words, 0.80, ratio, at_least=False))


def _modes(result: Result, n: int, n_iter: int) -> None:
    """Corner, edge and face modes from 16 energy channels, far below one count per pixel."""
    angles, truth = np.arange(-70, 71, 10), phantoms.nanocube_modes(n)
    clean = Channels(ParallelBeam((n,) * 3, angles), _LINES) @ np.moveaxis(truth, -1, 0)
    clean = np.maximum(clean, 0)
    scale = 0.15 / float(clean.mean())
    counts = np.random.default_rng(1).poisson(scale * np.moveaxis(clean, 0, -1))
    series = spectroscopic.SpectralSeries(counts, angles)
    fit = np.linalg.pinv(_LINES).T

    def error(x: np.ndarray) -> list[float]:
        size = np.linalg.norm(truth.reshape(-1, 3), axis=0)
        each = np.linalg.norm((x / scale - truth).reshape(-1, 3), axis=0) / size
        return [*each.tolist(), float(np.linalg.norm(x / scale - truth) / np.linalg.norm(truth))]

    found = {
        "WBP of each channel, then the spectra": [error(spectroscopic.wbp(series).x @ fit)],
        "TV-SART of each channel, then the spectra": [error(spectroscopic.tv_sart(series).x @ fit)],
    }
    for shared in (False, True):
        name = f"TV of the modes, edges {'shared' if shared else 'apart'}"
        found[name] = [
            error(spectroscopic.tv(series, lam, components=_LINES, shared=shared, n_iter=n_iter).x)
            for lam in (1.5, 3.0, 6.0)
        ]
    mean = counts.mean(axis=(0, 1, 2))
    table = Table(
        f"Relative error of the modes, {n}³, 16 channels of {mean.min():.2f} to {mean.max():.2f} "
        "counts per pixel",
        ["method", "corner", "edge", "face", "all"],
    )
    table.rows = [[name, *min(errors, key=lambda e: e[-1])] for name, errors in found.items()]
    result.tables.append(table)


def _time(result: Result, settings: Settings) -> None:
    n = 16 if settings.quick else 128
    _, _, haadf, series = _recorded(n, 3, 0)
    spectroscopic.fuse(haadf, series, n_iter=2)
    load = os.getloadavg()[0]
    cpu, wall = time.process_time(), time.perf_counter()
    spectroscopic.fuse(haadf, series, n_iter=200)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    table = Table(
        f"The whole of fuse, {n}³ × 3, 31 HAADF and 9 spectral tilts, 200 iterations",
        ["threads", "CPU s", "wall s", "load at the start"],
    )
    table.rows.append([settings.threads, cpu, wall, load])
    result.tables.append(table)
    if settings.threads == 2:
        words = f"Seconds on two cores for a fused tomogram of {n}³ × 3"
        result.bars.append(Bar(words, 60, wall, at_least=False))
