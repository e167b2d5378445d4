"""Projections that arrive, and an ε that is moved: warm against cold, and where paths of ε end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from benchmarks.harness import Settings
from benchmarks.objects import NAMES, Problem, problem
from benchmarks.results import Bar, Curve, Figure, Result, Table
from em_inverse import metrics, solvers
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.fidelity import DataTolerance
from em_inverse.simulate.orders import tilt_order

__all__ = ["run"]

_NEAR = 0.02
_PATHS = ((1.5, 1.0), (2.0, 0.8, 1.0), (1.0, 1.5), (0.8, 1.2, 1.5))
_LONGEST = 200


def run(settings: Settings) -> Result:
    """Feed projections one by one, move ε, and compare with converged cold starts."""
    n, seeds, steps = (24, 1, 200) if settings.quick else (128, 5, 5000)
    names = NAMES[:1] if settings.quick else NAMES
    angles = np.linspace(-75, 75, 15 if settings.quick else 75)
    result = Result(
        title="Dynamic reconstruction",
        about=(
            f"Slices of {n}², {angles.size} tilts from −75° to 75°, noise of 5 % of the mean, data "
            f"from a four times finer object; {', '.join(names)}; {seeds} seeds each; ε is the "
            "distance of the true object from the data, for n of N projections √(n/N) of it. The "
            f"solution is that of a cold start of PDHG after {steps} iterations. Counted are the "
            "iterations after the last arrival until the distance from the solution is below 2 % "
            "for good; conventional: the same solver started from nothing when all have arrived."
        ),
    )
    cases = [(name, seed) for name in names for seed in range(seeds)]
    arrivals = Table(
        "Iterations after the last arrival: cold start, and warm with 1, 2, 4 iterations per "
        "arrival, sequential order; the same with 2 in golden-ratio order",
        ["object, seed", "cold", "1", "2", "4", "golden, 2", "RMSE at 60 % ÷ final, golden"],
    )
    routes = Table(
        "Where paths of ε end, 400 iterations after the last change: distance from a converged "
        "cold start, and ‖Ax − b‖ ÷ ε",
        ["object, seed", *(" → ".join(f"{e:g}" for e in path) for path in _PATHS)],
    )
    published = Table(
        "The same by ASD-POCS: conventional ÷ dynamic, 2 iterations per arrival, sequential",
        ["object, seed", "published: cold", "warm", "mended: cold", "warm"],
    )
    ratios, sixty, ends, fits = [], [], [], []
    courses: list[tuple[list[float], list[float]]] = []
    for name, seed in cases:
        case, row = problem(name, n, angles, seed=seed), f"{name}, {seed}"
        solution = {e: _solution(case, e, steps) for e in (1.0, 1.5)}
        cold = _distances(_fed(case, [np.arange(angles.size)], 0), solution[1.0])
        warm = {k: _warm(case, _sequential(case), k, solution[1.0]) for k in (1, 2, 4)}
        golden = tilt_order("golden", -75, 75, float(angles[1] - angles[0]))
        order = [int(np.abs(angles - angle).argmin()) for angle in golden]
        at_sixty, jump = _golden(case, order, solution[1.0])
        arrivals.rows.append(
            [row, _arrival(cold), *(_arrival(warm[k]) for k in (1, 2, 4)), jump, at_sixty]
        )
        ratios.append((_arrival(cold) or _LONGEST) / (_arrival(warm[2]) or _LONGEST))
        sixty.append(at_sixty)
        courses.append((cold, warm[2]))
        found = [_route(case, path, solution[path[-1]]) for path in _PATHS]
        ends += [distance for distance, _ in found]
        fits += [abs(fit - 1) for _, fit in found]
        routes.rows.append([row, *(f"{100 * d:.2f} %, {fit:.4f}" for d, fit in found)])
        published.rows.append([row, *_asd_pocs(case, solution[1.0])])
    result.tables += [arrivals, routes, published]
    result.bars += [
        Bar("Conventional ÷ dynamic at 2 iterations per arrival, median", 3, median(ratios)),
        Bar("The same, worst case", 3, min(ratios)),
        Bar(
            "Distance from a converged cold start after a path of ε, worst", 0.01, max(ends), False
        ),
        Bar("How far ‖Ax − b‖ is from ε then, relative, worst", 0.01, max(fits), False),
        Bar(
            "RMSE at 60 % of the data ÷ final, golden-ratio order, median",
            1.2,
            median(sixty),
            False,
        ),
    ]
    result.notes.append(
        f"RMSE at 60 % of the data ÷ final in golden-ratio order: worst {max(sixty):.3f}. An "
        "object that is only averaged over more projections would have √(1/0.6) = 1.29."
    )
    result.figures.append(_figure(courses))
    return result


def _fed(
    case: Problem, parts: Iterable[Sequence[int] | np.ndarray], between: int, **options: str
) -> DynamicReconstruction:
    """A run that got some projections at a time, with iterations between."""
    angles = case.A.angles_deg
    run = DynamicReconstruction(case.truth.shape, case.epsilon, n_expected=angles.size, **options)  # type: ignore[arg-type]
    for part in parts:
        run.add(angles[list(part)], case.b[list(part)])
        for _ in range(between if run.n_tilts < angles.size else 0):
            run.step()
    return run


def _sequential(case: Problem) -> list[list[int]]:
    return [[k] for k in range(case.A.n_tilts)]


def _warm(case: Problem, parts: list[list[int]], between: int, solution: np.ndarray) -> list[float]:
    return _distances(_fed(case, parts, between), solution)


def _golden(case: Problem, order: list[int], solution: np.ndarray) -> tuple[float, int | None]:
    """RMSE with 60 % of the data over the final one, and the iterations after the last arrival."""
    part = round(0.6 * len(order))
    early = _fed(case, [[k] for k in order[:part]], 2)
    late = _fed(case, [[k] for k in order], 2)
    arrival = _arrival(_distances(late, solution))
    return metrics.rmse(early.x, case.truth) / metrics.rmse(late.x, case.truth), arrival


def _route(case: Problem, path: tuple[float, ...], solution: np.ndarray) -> tuple[float, float]:
    run = _fed(case, [np.arange(case.A.n_tilts)], 0)
    for epsilon in path:
        run.epsilon = epsilon * case.epsilon
        run.run(150)
    run.run(250)
    distance = float(np.linalg.norm(run.x - solution) / np.linalg.norm(solution))
    return distance, run.history["data_distance"][-1] / run.radius


def _asd_pocs(case: Problem, solution: np.ndarray) -> list[int | None]:
    found: list[int | None] = []
    for schedule in ("published", "mended"):
        how = {"method": "asd_pocs", "schedule": schedule}
        cold = _fed(case, [np.arange(case.A.n_tilts)], 0, **how)
        warm = _fed(case, _sequential(case), 2, **how)
        found += [_arrival(_distances(run, solution)) for run in (cold, warm)]
    return found


def _solution(case: Problem, epsilon: float, steps: int) -> np.ndarray:
    ball = DataTolerance(case.A, case.b, epsilon * case.epsilon)
    return np.asarray(solvers.PDHG(ball, nonnegative=True).run(steps).x)


def _distances(run: DynamicReconstruction, solution: np.ndarray) -> list[float]:
    size = float(np.linalg.norm(solution))
    return [float(np.linalg.norm(run.step().x - solution)) / size for _ in range(_LONGEST)]


def _arrival(distances: list[float]) -> int | None:
    """Number of iterations after which the distance is below 2 % for good."""
    far = np.flatnonzero(np.array(distances) > _NEAR)
    first = int(far[-1]) + 2 if far.size else 1
    return first if first <= len(distances) else None


def _figure(courses: list[tuple[list[float], list[float]]]) -> Figure:
    cold, warm = (np.median([pair[k] for pair in courses], axis=0) for k in (0, 1))
    x = [float(k) for k in range(1, _LONGEST + 1)]
    return Figure(
        name="dynamic",
        title="A run that went on while projections arrived needs fewer iterations",
        alt=(
            "Distance from the solution against the number of iterations after the last arrival, "
            "logarithmic, median over all cases; a line marks 2 %. After 10 iterations: cold "
            f"{cold[9]:.1%}, warm {warm[9]:.1%}."
        ),
        xlabel="iterations after the last arrival",
        ylabel="‖x − x*‖ / ‖x*‖",
        curves=[
            Curve("from nothing", "naive", x, cold.tolist()),
            Curve("went on, 2 iterations per arrival", "tv", x, warm.tolist()),
        ],
        logx=True,
        level=_NEAR,
    )
