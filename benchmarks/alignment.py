"""How well known misalignment comes back: shifts at several noise levels, and the tilt axis."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.harness import Settings
from benchmarks.results import Bar, Result, Table
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import align, find_tilt_axis

__all__ = ["run"]

_METHODS = ("center_of_mass", "common_line", "projection_matching")
_NOISE = (0.0, 0.02, 0.05)
_JITTER = 2.0
_ROTATION_DEG, _AXIS_SHIFT = 2.3, 2.0
_FINER = 3


def run(settings: Settings) -> Result:
    """Align series whose misalignment is known."""
    n, seeds, levels = (24, 1, _NOISE[:1]) if settings.quick else (64, 5, _NOISE)
    angles = np.arange(-74, 75, 12.0 if settings.quick else 2.0)
    result = Result(
        title="Alignment",
        about=(
            f"Twelve balls near the tilt axis, {angles.size} tilts from {angles[0]:.0f}° to "
            f"{angles[-1]:.0f}°, {n} × {n} pixels. The projections are worked out from formulas on "
            f"a {_FINER} times finer grid, moved by random shifts within ±{_JITTER:g} px, so that "
            "no interpolation helps. Noise is counted in fractions of the largest value. Errors "
            "are RMS over the tilts and free from what no alignment can know: where the object "
            "lies."
        ),
    )
    _shifts(result, n, angles, seeds, levels)
    _axis(result, n, angles, seeds)
    return result


def _shifts(
    result: Result, n: int, angles: np.ndarray, seeds: int, levels: Sequence[float]
) -> None:
    table = Table(
        f"Shifts within ±{_JITTER:g} px: worst of {seeds} seeds",
        ["method", "noise", "RMS across, px", "RMS along, px", "smallest r", "CPU s, mean"],
    )
    best: list[tuple[float, float]] = []
    for noise in levels:
        worst = []
        for method in _METHODS:
            errors, begin = [], time.process_time()
            for seed in range(seeds):
                series, true = _misaligned(n, angles, seed, noise, jitter=_JITTER)
                found = align(series, method, rotate=False).metadata["shifts_px"]
                errors.append(_compare(found, true, angles))
            spent = (time.process_time() - begin) / seeds
            across, along, r = np.array(errors).T
            row = [float(across.max()), float(along.max()), float(r.min())]
            table.rows.append([method, f"{noise:.0%}", *row, spent])
            worst.append((max(row[:2]), row[2]))
        best.append(min(worst))
    result.tables.append(table)
    text = "RMS error of the shifts, px, best method, worst seed and noise"
    result.bars.append(Bar(text, 0.1, max(error for error, _ in best), at_least=False))
    text = "Correlation of found and true shifts, best method, worst seed and noise"
    result.bars.append(Bar(text, 0.95, min(r for _, r in best)))


def _axis(result: Result, n: int, angles: np.ndarray, seeds: int) -> None:
    table = Table(
        f"Tilt axis turned by {_ROTATION_DEG}° and shifted by {_AXIS_SHIFT:g} px, 2 % noise",
        ["method", "seed", "rotation found, °", "shift found, px", "CPU s"],
    )
    worst: dict[str, float] = {}
    for seed in range(seeds):
        series, _ = _misaligned(
            n, angles, seed, 0.02, rotation_deg=_ROTATION_DEG, axis_shift=_AXIS_SHIFT
        )
        for method, find in (
            ("find_tilt_axis", _from_centres),
            ("align, projection_matching", _from_matching),
        ):
            begin = time.process_time()
            rotation, shift = find(series)
            spent = time.process_time() - begin
            table.rows.append([method, str(seed), rotation, shift, spent])
            error = max(abs(rotation / _ROTATION_DEG - 1), abs(shift / _AXIS_SHIFT - 1))
            worst[method] = max(worst.get(method, 0.0), error)
    result.tables.append(table)
    text = "Relative error of the axis' rotation and shift, best method, worst seed"
    result.bars.append(Bar(text, 0.1, min(worst.values()), at_least=False))


def _from_centres(series: TiltSeries) -> tuple[float, float]:
    axis = find_tilt_axis(series)
    return axis.rotation_deg, axis.center_shift


def _from_matching(series: TiltSeries) -> tuple[float, float]:
    """Return the rotation, and the part of the shifts that is the same at all tilts."""
    aligned = align(series, "projection_matching").metadata
    fit, *_ = np.linalg.lstsq(_anywhere(series.angles_deg), -aligned["shifts_px"][:, 0], rcond=None)
    return float(aligned["rotation_deg"]), float(fit[0])


def _anywhere(angles: np.ndarray) -> np.ndarray:
    """Columns 1, cos θ, sin θ: how projections move when object and axis lie elsewhere."""
    theta = np.deg2rad(angles)
    return np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)


def _misaligned(
    n: int,
    angles: np.ndarray,
    seed: int,
    noise: float,
    *,
    jitter: float = 0.0,
    rotation_deg: float = 0.0,
    axis_shift: float = 0.0,
) -> tuple[TiltSeries, np.ndarray]:
    """Return a series of balls, and the shifts (x, y) that would put each projection right."""
    rng = np.random.default_rng(seed)
    z, x, y = rng.uniform(-0.2, 0.2, (3, 12)) * n
    radii, densities = rng.uniform(0.04, 0.13, 12) * n, rng.uniform(0.4, 1, 12)
    shifts = rng.uniform(-jitter, jitter, (angles.size, 2))
    theta, phi = np.deg2rad(angles)[:, None], np.deg2rad(rotation_deg)
    across = x * np.cos(theta) + z * np.sin(theta) + axis_shift
    u = np.cos(phi) * across + np.sin(phi) * y - shifts[:, :1]
    v = np.cos(phi) * y - np.sin(phi) * across - shifts[:, 1:]
    grid = (np.arange(n * _FINER) + 0.5) / _FINER - n / 2
    data = np.zeros((angles.size, n, n))
    for image, us, vs in zip(data, u, v, strict=True):
        fine = np.zeros((grid.size, grid.size))
        for a, b, radius, density in zip(us, vs, radii, densities, strict=True):
            height = radius**2 - (grid[:, None] - a) ** 2 - (grid[None, :] - b) ** 2
            fine += 2 * density * np.sqrt(np.maximum(height, 0))
        image[...] = fine.reshape(n, _FINER, n, _FINER).mean((1, 3))
    data += rng.normal(0, noise * data.max(), data.shape)
    return TiltSeries(data.astype(np.float32), angles), shifts


def _compare(found: np.ndarray, true: np.ndarray, angles: np.ndarray) -> tuple[float, float, float]:
    """Return RMS error across and along the axis, and the smaller of the two correlations."""
    anywhere = _anywhere(angles)
    errors, correlations = [], []
    for axis, freedom in ((0, anywhere), (1, anywhere[:, :1])):
        a, b = (
            shift - freedom @ np.linalg.lstsq(freedom, shift, rcond=None)[0]
            for shift in (found[:, axis], true[:, axis])
        )
        errors.append(float(np.sqrt(np.mean((a - b) ** 2))))
        correlations.append(float(np.corrcoef(a, b)[0, 1]))
    return errors[0], errors[1], min(correlations)
