"""Tilt-series generation: every way to fill, on particles of elements that nothing was tuned on."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.harness import Settings
from benchmarks.results import Bar, Curve, Figure, Result, Table
from em_inverse import interpolation, simulate, tomography
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries

__all__ = ["run"]

_DRAWN = ("linear", "cubic", "band_limited", "geometric", "tv", "network")
_METHODS = (*_DRAWN, "network_frames", "auto")
_CASES: dict[str, dict[str, Any]] = {
    "sharp": {"probe": "sharp"},
    "aberrated": {"probe": "aberrated"},
    "sharp, 40 counts, 40° wedge": {"probe": "sharp", "counts": 40.0},
}
_ROLES = {
    "linear": "measurement",
    "cubic": "naive",
    "band_limited": "tikhonov",
    "geometric": "sirt",
    "tv": "tv",
    "network": "learned",
}
_MEASURES = {"psnr_db": ("PSNR", " / dB"), "ssim": ("SSIM", ""), "mse": ("MSE", "")}
_FILLED = ("linear", "geometric", "tv", "network")
_VOLUME_ROLES = {
    "sparse": "naive",
    "sparse, TV": "tv",
    "linear": "measurement",
    "geometric": "sirt",
    "tv": "l1",
    "network": "learned",
}


def run(settings: Settings) -> Result:
    """Sweep the gap, reconstruct, and take the time of the generator."""
    result = Result(
        title="Tilt-series generation",
        about=(
            "fcc clusters of Yb, Ir, Xe and Al in random orientation, 128², −90° to 90° by 1° "
            "(−70° to 70° with the wedge). At gap g every 2g-th frame is kept, and those in the "
            "middle are filled; 12 rows across the tilt axis are compared. PSNR and SSIM in units "
            "of the brightest recorded pixel, MSE in that squared. `network_frames` is the network "
            "without the object. The two numbers by which `auto` foretells what an object gains "
            "in narrower gaps were set on three other draws of such particles. Volumes have 12 "
            "rows; objects are cut out of them by Otsu's threshold."
        ),
    )
    gaps: tuple[int, ...]
    if settings.quick:
        gaps, count, n, rows = (4, 8), 1, 48, 12
    else:
        gaps, count, n, rows = (1, 2, 3, 4, 6, 8, 10, 12), 3, 128, 12
    for name, case in _CASES.items():
        _sweep(result, name, case, gaps, count, n, rows)
    _volumes(result, gaps if settings.quick else (1, 3, 4, 6, 8, 12), n, 12)
    _generator(result, 1 if settings.quick else 50, n)
    return result


def _sweep(
    result: Result,
    name: str,
    case: dict[str, Any],
    gaps: tuple[int, ...],
    count: int,
    n: int,
    rows: int,
) -> None:
    limit = 70 if "wedge" in name else 90
    angles = np.arange(-limit, limit + 1)
    found: dict[tuple[int, str], list[list[float]]] = {}
    for seed in range(count):
        clean = {**case, "counts": None}
        truth, recorded = (
            simulate.particle_set(1, "unseen", n=n, angles_deg=angles, seed=300 + seed, **which)[
                0
            ].crop(y=rows)
            for which in (clean, case)
        )
        for row in interpolation.gap_sweep(truth, gaps, _METHODS, recorded=recorded):
            key = row["gap"], row["method"]
            found.setdefault(key, []).append([row[measure] for measure in _MEASURES])
    mean = {key: np.mean(values, axis=0) for key, values in found.items()}
    table = Table(f"PSNR in dB (SSIM), {name}", ["gap", *_METHODS])
    for gap in gaps:
        cells = [f"{mean[gap, m][0]:.1f} ({mean[gap, m][1]:.3f})" for m in _METHODS]
        table.rows.append([gap, *cells])
    result.tables.append(table)
    errors = Table(f"MSE, {name}", ["gap", *_METHODS])
    errors.rows = [[gap, *(float(mean[gap, m][2]) for m in _METHODS)] for gap in gaps]
    result.tables.append(errors)
    psnr = {m: np.array([mean[gap, m][0] for gap in gaps]) for m in _METHODS}
    gain = float((psnr["geometric"] - psnr["linear"]).mean())
    gained = float((psnr["tv"] - psnr["geometric"]).mean())
    result.notes.append(
        f"Total variation over the geometric way, {name}: {gained:+.1f} dB, a mean over the gaps."
    )
    if name != "aberrated":
        words = f"Mean gain of geometric over linear filling in dB, {name}"
        result.bars.append(Bar(words, 4.0 if "wedge" in name else 6.0, gain))
    if "counts" not in case:
        learned = np.array([mean[gap, "network"] - mean[gap, "linear"] for gap in gaps])
        words = f"Mean gain of the network over linear filling in dB, {name}"
        result.bars.append(
            Bar(words, 2.4 if name == "sharp" else 1.15, float(learned[:, 0].mean()))
        )
        if name == "sharp":
            words = f"Mean gain of the network over linear filling in SSIM, {name}"
            result.bars.append(Bar(words, 0.035, float(learned[:, 1].mean())))
        words = f"Least gain of the network at any gap in dB, {name}"
        result.bars.append(Bar(words, 0.0, float(learned[:, 0].min())))
    for which, ways in (
        ("best way", _DRAWN),
        ("best way that has learned nothing", [m for m in _DRAWN if m != "network"]),
    ):
        best = np.max([psnr[m] for m in ways], axis=0)
        words = f"Most that auto stays below the {which} at any gap in dB, {name}"
        result.bars.append(Bar(words, 0.5, float((best - psnr["auto"]).max()), at_least=False))
    words = f"Most that auto stays below linear filling at any gap in dB, {name}"
    behind = float((psnr["linear"] - psnr["auto"]).max())
    result.bars.append(Bar(words, 0.2, behind, at_least=False))
    slug = {"sharp": "sharp", "aberrated": "aberrated"}.get(name, "noisy")
    for column, (words, unit) in enumerate(_MEASURES.values()):
        curves = [
            Curve(
                m,
                _ROLES[m],
                [float(g) for g in gaps],
                [float(mean[gap, m][column]) for gap in gaps],
            )
            for m in _DRAWN
        ]
        result.figures.append(
            Figure(
                f"filling-{slug}-{words.lower()}",
                f"Which way to fill is best depends on the gap ({name})",
                f"{words} of filled frames against the gap for six ways to fill, {name}.",
                "gap / degrees",
                f"{words}{unit}",
                curves,
                logy=words == "MSE",
            )
        )


def _volumes(result: Result, gaps: tuple[int, ...], n: int, rows: int) -> None:
    cluster = simulate.random_cluster("unseen", seed=100)
    size = 0.036 * 128 / n
    truth = simulate.particle_tilt_series(cluster, shape=(n, n), pixel_size_nm=size).crop(y=rows)
    specimen = _blurred_atoms(cluster.positions_nm / size, (n, n, rows))
    found = interpolation.reconstruction_sweep(truth, gaps, _FILLED, specimen=specimen, n_iter=100)
    table = Table(
        "Objects cut out of the volumes (100 iterations), against all tilts and the atoms",
        ["gap", "series", "Chamfer / px", "RMS / px", "RMSE", "Chamfer from the atoms / px"],
    )
    table.rows = [list(row.values()) for row in found]
    result.tables.append(table)
    _foretold(result, truth, gaps)
    keys = {"tilts": "chamfer_px", "atoms": "chamfer_specimen_px"}
    chamfer = {
        what: {
            name: np.array([row[key] for row in found if row["series"] == name])
            for name in _VOLUME_ROLES
        }
        for what, key in keys.items()
    }
    wide = np.array(gaps) >= 3
    for name in ("geometric", "tv", "network"):
        share = float((chamfer["tilts"][name] / chamfer["tilts"]["sparse"])[wide].max())
        words = f"Chamfer distance after {name} filling over that of the sparse series, at most"
        result.bars.append(Bar(f"{words}, gaps ≥ 3, SIRT", 1.0, share, at_least=False))
    for what, words in (("tilts", "SIRT of all tilts"), ("atoms", "the atoms")):
        result.notes.append(_honest(gaps, chamfer[what], words))
        curves = [
            Curve(name, role, [float(g) for g in gaps], chamfer[what][name].tolist())
            for name, role in _VOLUME_ROLES.items()
        ]
        result.figures.append(
            Figure(
                f"filling-chamfer-{what}",
                f"Filling is a prior, to be compared with another prior (against {words})",
                f"Chamfer distance of reconstructed objects from {words} against the gap: sparse "
                "series with SIRT and with total variation, and filled series with SIRT.",
                "gap / degrees",
                "Chamfer distance / px",
                curves,
            )
        )


def _foretold(result: Result, truth: TiltSeries, gaps: tuple[int, ...]) -> None:
    """SIRT of the sparse series foretells frames as well: filling must do better to be of use."""
    table = Table(
        "PSNR in dB of the frames between, of the same series",
        ["gap", "SIRT of the sparse series, projected", *_FILLED],
    )
    for gap in gaps:
        kept = np.arange(0, truth.n_tilts, 2 * gap)
        middle = kept[:-1] + gap
        sparse, wanted = truth.select(kept), truth.projections[middle]
        volume = tomography.sirt(sparse, 100).volume
        beam = ParallelBeam(volume.shape, truth.angles_deg[middle], wanted.shape[1])
        made = [beam.forward(volume)]
        for name in _FILLED:
            filled = interpolation.fill(sparse, method=name, angles_deg=truth.angles_deg[middle])
            made.append(filled.projections[filled.generated])
        bright = float(sparse.projections.max())
        errors = [np.mean(np.square(m - wanted), axis=(1, 2)) / bright**2 for m in made]
        table.rows.append([gap, *(float(-10 * np.log10(error).mean()) for error in errors)])
    result.tables.append(table)


def _blurred_atoms(positions: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Every atom a Gaussian of 0.9 pixels, about what the probe leaves of it."""
    volume = np.zeros(shape)
    axes = [np.arange(count) - (count - 1) / 2 for count in shape]
    for place in positions:
        z, x, y = (np.exp(-((a - c) ** 2) / (2 * 0.9**2)) for a, c in zip(axes, place, strict=True))
        volume += z[:, None, None] * x[:, None] * y
    return volume


def _honest(gaps: tuple[int, ...], chamfer: dict[str, np.ndarray], reference: str) -> str:
    """Say where a filled series beats the sparse one with total variation, and where not."""
    parts = []
    for name in _FILLED:
        nearer = chamfer[name] < chamfer["sparse, TV"]
        won = ", ".join(str(gap) for gap, ahead in zip(gaps, nearer, strict=True) if ahead)
        parts.append(f"{name} at gaps {won}" if won else f"{name} at no gap")
    return (
        f"Nearer to {reference} than total variation of the sparse series, by Chamfer distance, "
        f"is SIRT of the series filled by: {'; '.join(parts)}."
    )


def _generator(result: Result, count: int, n: int) -> None:
    simulate.particle_set(1, n=n, angles_deg=[0])
    begin = time.perf_counter()
    simulate.particle_set(count, n=n)
    seconds = time.perf_counter() - begin
    result.tables.append(
        Table("Making tilt series", ["series", "frames", "s"], [[count, 181 * count, seconds]])
    )
    if count == 50:
        result.bars.append(Bar("Seconds for 50 tilt series", 30, seconds, at_least=False))
