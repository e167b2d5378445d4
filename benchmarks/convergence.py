"""How fast total variation converges: PDHG at the true ε, ASD-POCS, FISTA at the matching λ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from benchmarks.harness import Settings
from benchmarks.objects import NAMES, Problem, problem
from benchmarks.results import Bar, Curve, Figure, Result, Table
from em_inverse import metrics, solvers
from em_inverse.fidelity import DataTolerance, LeastSquares
from em_inverse.priors import TotalVariation
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import wbp

__all__ = ["run"]

_NEAR = 0.02
_WINDOWS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
_ROLES = {
    "PDHG at ε": "tv",
    "ASD-POCS, mended": "learned",
    "ASD-POCS, as published": "naive",
    "FISTA at the λ of ε": "l1",
}


@dataclass
class _Path:
    """Distance to the reference after each iteration, and CPU seconds up to it."""

    distance: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def arrival(self) -> int | None:
        """Number of iterations after which the distance is below 2 % for the first time."""
        return next((k for k, d in enumerate(self.distance, 1) if d <= _NEAR), None)


def run(settings: Settings) -> Result:
    """Follow the distance to the solution that PDHG reaches in 5000 iterations."""
    n, seeds, steps, longest = (24, 1, 60, 40) if settings.quick else (128, 3, 5000, 600)
    names = NAMES[:1] if settings.quick else NAMES[:2]
    result = Result(
        title="Convergence of total variation",
        about=(
            f"Slices of {n}², 75 tilts from −75° to 75°, noise of 5 % of the mean, data from a "
            f"four times finer object; {', '.join(names)}; {seeds} seeds each. The reference is "
            "PDHG at the true ε (the distance of the true object from the data) after "
            f"{steps} iterations. FISTA solves the penalised problem at the λ that has the same "
            "solution, which nobody knows beforehand. CPU seconds of one thread."
        ),
    )
    angles = np.linspace(-75, 75, 75)
    paths: dict[str, list[_Path]] = {name: [] for name in _ROLES}
    table = Table(
        "Iterations and CPU seconds until the distance is below 2 %",
        ["object, seed", *_ROLES],
    )
    # Compiled before the clock runs.
    _follow_all(problem(names[0], 24, angles), 60, 2)
    for name in names:
        for seed in range(seeds):
            case = problem(name, n, angles, seed=seed)
            row: list[object] = [f"{name}, {seed}"]
            for method, path in _follow_all(case, steps, longest).items():
                paths[method].append(path)
                row.append(_words(path))
            table.rows.append(row)
    result.tables.append(table)
    result.notes.append(_winners(paths))
    _bars(result, paths)
    result.figures += _figures(paths)
    _few_tilts(result, n, settings)
    return result


def _follow_all(case: Problem, steps: int, longest: int) -> dict[str, _Path]:
    """Run every method on one case."""
    reference = solvers.PDHG(DataTolerance(case.A, case.b, case.epsilon), nonnegative=True)
    solution = np.asarray(reference.run(steps).x)
    lam = _matching_lambda(solution, case)
    makers: dict[str, Callable[[], solvers.Solver]] = {
        "PDHG at ε": lambda: solvers.PDHG(
            DataTolerance(case.A, case.b, case.epsilon), nonnegative=True
        ),
        "ASD-POCS, mended": lambda: solvers.ASDPOCS(
            case.A, case.b, case.epsilon, schedule="mended"
        ),
        "ASD-POCS, as published": lambda: solvers.ASDPOCS(
            case.A, case.b, case.epsilon, schedule="published"
        ),
        "FISTA at the λ of ε": lambda: solvers.FISTA(
            LeastSquares(case.A, case.b), TotalVariation(), lam, nonnegative=True
        ),
    }
    return {name: _follow(make, solution, longest) for name, make in makers.items()}


def _follow(make: Callable[[], solvers.Solver], solution: np.ndarray, longest: int) -> _Path:
    """Step a solver; setting it up counts, measuring the distance does not."""
    path, size, spent = _Path(), np.linalg.norm(solution), 0.0
    begin = time.process_time()
    states: Iterator[solvers.IterationState] = iter(make())
    for _ in range(longest):
        state = next(states)
        spent += time.process_time() - begin
        path.distance.append(float(np.linalg.norm(state.x - solution) / size))
        path.seconds.append(spent)
        begin = time.process_time()
    return path


def _matching_lambda(x: np.ndarray, case: Problem) -> float:
    """λ of ‖Ax − b‖² + λ TV(x), x ≥ 0, with the solution x of the ε ball.

    Scaling x must not lower the objective: 2 ⟨Ax, Ax − b⟩ + λ TV(x) = 0.
    """
    Ax = case.A.forward(x)
    return 2 * float(np.vdot(Ax, case.b - Ax)) / TotalVariation().value(x)


def _bars(result: Result, paths: dict[str, list[_Path]]) -> None:
    ours = paths["PDHG at ε"]
    # A run that did not arrive counts as one iteration longer than it was followed.
    slowest = max(path.arrival or len(path.distance) + 1 for path in ours)
    text = "Iterations of PDHG at ε until within 2 % of the solution, worst case"
    result.bars.append(Bar(text, 120, slowest, at_least=False))
    for name in ("ASD-POCS, as published", "ASD-POCS, mended"):
        ratios, open_end = [], False
        for mine, other in zip(ours, paths[name], strict=True):
            if mine.arrival is None:
                ratios.append(0.0)
                continue
            last = other.arrival or len(other.seconds)
            open_end |= other.arrival is None
            ratios.append(other.seconds[last - 1] / mine.seconds[mine.arrival - 1])
        more = " (at least: it did not arrive in every case)" if open_end else ""
        text = f"Times faster than {name} to within 2 %, median{more}"
        result.bars.append(Bar(text, 3, median(ratios)))


def _words(path: _Path) -> str:
    k = path.arrival
    if k is None:
        return f"not in {len(path.distance)} ({path.distance[-1]:.1%})"
    return f"{k} ({path.seconds[k - 1]:.2f} s)"


def _figures(paths: dict[str, list[_Path]]) -> list[Figure]:
    middle = {name: _median_path(found) for name, found in paths.items()}
    figures = []
    for name, words, unit in (
        ("convergence_iterations", "iterations", "iteration"),
        ("convergence_seconds", "seconds", "CPU seconds"),
    ):
        curves = [
            Curve(
                method,
                _ROLES[method],
                path.seconds
                if words == "seconds"
                else [float(k) for k in range(1, len(path.distance) + 1)],
                path.distance,
            )
            for method, path in middle.items()
        ]
        figures.append(
            Figure(
                name=name,
                title=_first(curves, words),
                alt=(
                    f"Distance to the converged solution against {words}, both axes logarithmic, "
                    "median over all cases; a line marks 2 %. After 100 iterations: "
                    + ", ".join(
                        f"{method} {path.distance[min(99, len(path.distance) - 1)]:.1%}"
                        for method, path in middle.items()
                    )
                    + "."
                ),
                xlabel=unit,
                ylabel="‖x − x*‖ / ‖x*‖",
                curves=curves,
                logx=True,
                level=_NEAR,
            )
        )
    return figures


def _first(curves: list[Curve], words: str) -> str:
    """Say which two median curves come within 2 % first, and after how much of the x axis."""
    arrived = sorted(
        (next(x for x, y in zip(curve.x, curve.y, strict=True) if y <= _NEAR), curve.label)
        for curve in curves
        if min(curve.y) <= _NEAR
    )
    if not arrived:
        return "In the median no method comes within 2 %"
    (x, name), *others = arrived[:2]
    unit = "iterations" if words == "iterations" else "s"
    then = "".join(f", {other} after {y:.3g}" for y, other in others)
    return f"Within 2 % in the median: {name} after {x:.3g} {unit}{then}"


def _winners(paths: dict[str, list[_Path]]) -> str:
    """Say in how many cases each method is first, by iterations and by time."""
    cases = range(len(next(iter(paths.values()))))
    sentences = []
    for words in ("iterations", "CPU seconds"):
        won = dict.fromkeys(paths, 0)
        for case in cases:
            arrived = {
                name: found[case].seconds[k - 1] if words == "CPU seconds" else float(k)
                for name, found in paths.items()
                if (k := found[case].arrival) is not None
            }
            if arrived:
                won[min(arrived, key=lambda name: arrived[name])] += 1
        counts = ", ".join(
            f"{name} in {count}"
            for name, count in sorted(won.items(), key=lambda item: -item[1])
            if count
        )
        sentences.append(f"by {words} {counts or 'none'} of {len(cases)} cases")
    return f"First within 2 %: {'; '.join(sentences)}."


def _median_path(paths: list[_Path]) -> _Path:
    return _Path(
        np.median([path.distance for path in paths], axis=0).tolist(),
        np.median([path.seconds for path in paths], axis=0).tolist(),
    )


def _few_tilts(result: Result, n: int, settings: Settings) -> None:
    """Compare TV from 15 tilts with WBP from 75."""
    seeds, n_iter = (1, 30) if settings.quick else (3, 300)
    table = Table(
        "15 tilts with TV against 75 tilts with WBP (best of its windows), mean over the seeds",
        ["object", "RMSE, TV", "RMSE, WBP", "SSIM, TV", "SSIM, WBP"],
    )
    rmse_ratio, ssim_margin = [], []
    for name in NAMES:
        rows = []
        for seed in range(seeds):
            few = problem(name, n, np.linspace(-75, 75, 15), seed=seed)
            many = problem(name, n, np.linspace(-75, 75, 75), seed=seed)
            ball = DataTolerance(few.A, few.b, few.epsilon)
            tv = solvers.PDHG(ball, nonnegative=True).run(n_iter).x
            rows.append([_errors(tv, few.truth), _best_wbp(many)])
        (tv_rmse, tv_ssim), (wbp_rmse, wbp_ssim) = np.mean(rows, axis=0).tolist()
        table.rows.append([name, tv_rmse, wbp_rmse, tv_ssim, wbp_ssim])
        rmse_ratio += [pair[1][0] / pair[0][0] for pair in rows]
        ssim_margin += [pair[0][1] - pair[1][1] for pair in rows]
    result.tables.append(table)
    text = "RMSE of WBP from 75 tilts over that of TV from 15, worst case"
    result.bars.append(Bar(text, 1, float(min(rmse_ratio))))
    text = "SSIM of TV from 15 tilts minus that of WBP from 75, worst case"
    result.bars.append(Bar(text, 0, float(min(ssim_margin))))


def _best_wbp(case: Problem) -> tuple[float, float]:
    """Return the smallest RMSE and the largest SSIM that any of the windows reaches."""
    series = TiltSeries(case.b, case.A.angles_deg)
    found = [_errors(wbp(series, window).volume, case.truth) for window in _WINDOWS]
    return min(rmse for rmse, _ in found), max(ssim for _, ssim in found)


def _errors(x: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    return metrics.rmse(x, truth), metrics.ssim(np.asarray(x, np.float64), truth)
