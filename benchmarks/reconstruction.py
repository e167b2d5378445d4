"""Reconstructions of one slice and of a volume: SIRT, WBP and SART beside their peers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.harness import Settings, interleave
from benchmarks.machine import version_of
from benchmarks.objects import Problem, problem
from benchmarks.peers import Astra, astra
from benchmarks.results import Bar, Result, Table
from em_inverse import metrics, solvers
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import sart, wbp

__all__ = ["run"]

_ANGLES = np.linspace(-74, 74, 75)


def run(settings: Settings) -> Result:
    """Compare times, results and errors."""
    # An odd width has one centre for all programs.
    n, n_iter, n_volume = (31, 5, 16) if settings.quick else (255, 50, 256)
    result = Result(
        title="Reconstruction",
        about=(
            f"A porous cube, {n}², 75 tilts from −74° to 74°, noise of 5 % of the mean, data from "
            'a four times finer object. ASTRA\'s SIRT runs on its CPU projector "linear". RMSE is '
            "the distance to the true object. scikit-image's iradon weighs the tilts as if they "
            "covered 180°; its result is multiplied by 150/180, which is what they cover here."
        ),
        peers={
            "ASTRA": version_of("astra-toolbox"),
            "scikit-image": version_of("scikit-image"),
        },
    )
    case = problem("porous cube", n, _ANGLES)
    _sirt(result, case, n_iter, settings)
    _sirt_volume(result, n_volume, settings)
    _wbp(result, case, settings)
    _sart(result, case, settings)
    return result


def _sirt(result: Result, case: Problem, n_iter: int, settings: Settings) -> None:
    def ours(nonnegative: bool) -> np.ndarray:
        solver = solvers.SIRT(case.A, case.b, nonnegative=nonnegative)
        return np.asarray(solver.run(n_iter).x)

    toolbox = astra()
    linear = None if toolbox is None else Astra(toolbox, case.truth.shape[0], _ANGLES)
    table = Table(
        f"SIRT, {n_iter} iterations, one slice",
        ["", f"ours, {settings.unit}", f"ASTRA, {settings.unit}", "ratio", "relative difference"],
    )
    worst: float | None = None
    for words, nonnegative in (("free", False), ("x ≥ 0", True)):
        tasks: dict[str, Callable[[], object]] = {"ours": partial(ours, nonnegative)}
        if linear is not None:
            tasks["ASTRA"] = partial(linear.sirt, case.b, n_iter, nonnegative)
        times = interleave(tasks, settings)
        seconds = {name: time.seconds(settings) for name, time in times.items()}
        row: list[object] = [words, seconds["ours"], None, None, None]
        if linear is not None:
            theirs = linear.sirt(case.b, n_iter, nonnegative)
            apart = float(np.linalg.norm(ours(nonnegative) - theirs) / np.linalg.norm(theirs))
            worst = max(worst or 0.0, apart)
            row[2:] = [seconds["ASTRA"], seconds["ASTRA"] / seconds["ours"], apart]
        table.rows.append(row)
    if linear is not None:
        linear.close()
    result.tables.append(table)
    if settings.threads == 1:
        words = f"Relative difference of SIRT from ASTRA's after {n_iter} iterations"
        result.bars.append(Bar(words, 1e-3, worst, at_least=False))


def _sirt_volume(result: Result, n: int, settings: Settings) -> None:
    volume = np.zeros((n, n, n), np.float32)
    volume[n // 4 : -n // 4, n // 4 : -n // 4] = 1
    A = ParallelBeam(volume.shape, _ANGLES)
    solver = iter(solvers.SIRT(A, A.forward(volume)))
    tasks: dict[str, Callable[[], object]] = {"ours": lambda: next(solver)}
    toolbox, few, more = astra(), 2, 4
    linear = None if toolbox is None else Astra(toolbox, n, _ANGLES)
    if linear is not None:
        sinogram = A.forward(volume)[:, :, n // 2].copy()
        tasks["few"] = lambda: linear.sirt(sinogram, few, True)
        tasks["more"] = lambda: linear.sirt(sinogram, more, True)
    times = {name: time.seconds(settings) for name, time in interleave(tasks, settings).items()}
    table = Table(f"SIRT, one iteration, volume {n}³", ["", settings.unit, "ratio", "measured on"])
    table.rows.append(["ours", times["ours"], 1.0, "all slices"])
    if linear is not None:
        linear.close()
        theirs = n * (times["more"] - times["few"]) / (more - few)
        table.rows.append(["ASTRA", theirs, theirs / times["ours"], f"1 of {n} slices"])
    result.tables.append(table)


def _wbp(result: Result, case: Problem, settings: Settings) -> None:
    from skimage.transform import iradon

    series = TiltSeries(case.b, _ANGLES)
    tasks: dict[str, Callable[[], np.ndarray]] = {
        "ours, wbp": lambda: np.asarray(wbp(series).volume),
        "scikit-image, iradon": lambda: np.asarray(
            iradon(case.b.T, theta=-_ANGLES, circle=True) * (150 / 180)
        ),
    }
    _compare(result, "WBP with the ramp filter, one slice", tasks, case.truth, settings)


def _sart(result: Result, case: Problem, settings: Settings) -> None:
    from skimage.transform import iradon_sart

    def theirs() -> np.ndarray:
        image: np.ndarray | None = None
        for _ in range(sweeps):
            image = iradon_sart(case.b.T, theta=-_ANGLES, image=image)
        return np.asarray(image)

    def ours() -> np.ndarray:
        return np.asarray(sart(TiltSeries(case.b, _ANGLES), sweeps).x)

    sweeps = 2
    tasks: dict[str, Callable[[], np.ndarray]] = {
        "ours, SART": ours,
        "scikit-image, iradon_sart": theirs,
    }
    # A ray's step is divided by Σw here and by Σw² there, so one relaxation means two step lengths.
    title = f"SART, {sweeps} sweeps over all tilts, each with its own default step, one slice"
    _compare(result, title, tasks, case.truth, settings)


def _compare(
    result: Result,
    title: str,
    tasks: dict[str, Callable[[], np.ndarray]],
    truth: np.ndarray,
    settings: Settings,
) -> None:
    """Add a table of the two tasks, ours first: time, and error inside what every tilt sees."""
    times = interleave(tasks, settings)
    middle = (truth.shape[0] - 1) / 2
    z, x = np.ogrid[: truth.shape[0], : truth.shape[1]]
    inside = np.hypot(z - middle, x - middle) < middle
    table = Table(title, ["", settings.unit, "ratio", "RMSE"])
    base = next(iter(times.values())).seconds(settings)
    for name, task in tasks.items():
        image = task()[inside]
        seconds = times[name].seconds(settings)
        table.rows.append([name, seconds, seconds / base, metrics.rmse(image, truth[inside])])
    result.tables.append(table)
