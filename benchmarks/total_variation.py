"""Total variation of a volume: the proximal operator against scikit-image, value and gradient."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from benchmarks.harness import Settings, interleave
from benchmarks.machine import version_of
from benchmarks.objects import noisy_volume
from benchmarks.results import Bar, Curve, Figure, Result, Table
from em_inverse.forward.kernels import total_variation as kernels
from em_inverse.priors import TotalVariation

__all__ = ["run"]

_TAU = 0.03
_TARGETS = (1e-2, 1e-3, 1e-4, 1e-5)


def run(settings: Settings) -> Result:
    """Measure seconds per iteration on a large volume, and count iterations on a small one."""
    n, small, longest = (16, 8, 128) if settings.quick else (256, 48, 4096)
    result = Result(
        title="Total variation in 3-D",
        about=(
            "argmin ½‖u − v‖² + τ TV(u) of a noisy sphere (10 % noise, τ = 0.03) by "
            "`priors.TotalVariation.prox` and by skimage.restoration.denoise_tv_chambolle, which "
            "minimise the same function. Both converge to one result, at very different pace, so "
            "the time to the same result is a product: CPU seconds per iteration at "
            f"{n}³, float32, times the number of iterations until ‖u − u*‖ ≤ δ‖u*‖, counted at "
            f"{small}³ in double precision against a minimiser u* certified by its duality gap. "
            "scikit-image's own iteration, Chambolle's of 2004, is a kernel of ours as well; there "
            "iteration stands against iteration, and the results are the same."
        ),
        peers={"scikit-image": version_of("scikit-image"), "numpy": version_of("numpy")},
    )
    volume = noisy_volume(n)
    per_iteration = _seconds_per_iteration(volume, settings)
    _same_iteration(result, volume, settings)
    result.tables.append(_value_and_gradient(volume, settings))
    if settings.threads == 1:
        paths = _paths(small, longest)
        _same_result(result, per_iteration, paths, n, settings)
    else:
        table = Table(f"One iteration, {n}³", ["prox", settings.unit, "ratio"])
        ours = per_iteration["ours"]
        table.rows = [[name, value, value / ours] for name, value in per_iteration.items()]
        result.tables.append(table)
    return result


def _seconds_per_iteration(volume: np.ndarray, settings: Settings) -> dict[str, float]:
    """Return the slope between few and more iterations, so that setting up counts in neither."""
    few, more = 2, 7
    tasks: dict[str, Callable[[], object]] = {}
    for k in (few, more):
        tasks[f"scikit-image {k}"] = _iterate(_chambolle, volume, k)
        tasks[f"ours {k}"] = _iterate(_prox, volume, k)
    times = {name: time.seconds(settings) for name, time in interleave(tasks, settings).items()}
    return {
        name: max(times[f"{name} {more}"] - times[f"{name} {few}"], 1e-9) / (more - few)
        for name in ("ours", "scikit-image")
    }


def _same_iteration(result: Result, volume: np.ndarray, settings: Settings) -> None:
    """Chambolle's iteration, ours and scikit-image's, which returns the image one step earlier."""
    few, more = 3, 13
    tasks: dict[str, Callable[[], object]] = {}
    for k in (few, more):
        tasks[f"scikit-image {k}"] = _iterate(_chambolle, volume, k)
        tasks[f"ours {k}"] = _iterate(_gentle, volume, k - 1)
    times = {name: time.seconds(settings) for name, time in interleave(tasks, settings).items()}
    each = {
        name: max(times[f"{name} {more}"] - times[f"{name} {few}"], 1e-9) / (more - few)
        for name in ("ours", "scikit-image")
    }
    theirs = _chambolle(volume, more)
    difference = np.linalg.norm(_gentle(volume, more - 1) - theirs) / np.linalg.norm(theirs)
    n = volume.shape[0]
    table = Table(f"Chambolle's iteration, {n}³", ["one iteration", settings.unit, "ratio"])
    table.rows = [[name, value, value / each["ours"]] for name, value in each.items()]
    result.tables.append(table)
    if settings.threads == 1:
        text = "Relative difference from scikit-image after the same iterations"
        result.bars.append(Bar(text, 1e-5, float(difference), at_least=False))
        text = f"Times faster than scikit-image, iteration for iteration, {n}³, per core"
        result.bars.append(Bar(text, 10, each["scikit-image"] / each["ours"]))


def _gentle(volume: np.ndarray, iterations: int) -> np.ndarray:
    return np.asarray(kernels.chambolle(volume, np.float32(_TAU), iterations))


def _iterate(
    method: Callable[[np.ndarray, int], np.ndarray], volume: np.ndarray, k: int
) -> Callable[[], object]:
    return lambda: method(volume, k)


def _prox(volume: np.ndarray, iterations: int) -> np.ndarray:
    return TotalVariation(tol=1e-30, max_iter=iterations).prox(volume, _TAU)


def _chambolle(volume: np.ndarray, iterations: int) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    return np.asarray(denoise_tv_chambolle(volume, _TAU, eps=0, max_num_iter=iterations))


def _paths(n: int, longest: int) -> dict[str, list[tuple[int, float]]]:
    """Return (iterations, distance to the minimiser), for powers of two up to 10⁻⁵."""
    volume = noisy_volume(n).astype(np.float64)
    minimiser = TotalVariation(tol=1e-12, max_iter=5 * longest).prox(volume, _TAU)
    size = np.linalg.norm(minimiser)
    paths = {}
    for name, method in (("ours", _prox), ("scikit-image", _chambolle)):
        path: list[tuple[int, float]] = []
        k = 2
        while k <= longest and (not path or path[-1][1] > _TARGETS[-1]):
            path.append((k, float(np.linalg.norm(method(volume, k) - minimiser) / size)))
            k *= 2
        paths[name] = path
    return paths


def _same_result(
    result: Result,
    per_iteration: dict[str, float],
    paths: dict[str, list[tuple[int, float]]],
    n: int,
    settings: Settings,
) -> None:
    table = Table(
        f"Time to the same result, {n}³",
        [
            "δ",
            "iterations, ours",
            "iterations, scikit-image",
            f"{settings.unit}, ours",
            f"{settings.unit}, scikit-image",
            "ratio",
        ],
    )
    ratio = None
    for target in _TARGETS:
        counts = {name: _iterations(path, target) for name, path in paths.items()}
        seconds = {
            name: None if count is None else count * per_iteration[name]
            for name, count in counts.items()
        }
        ours, theirs = seconds["ours"], seconds["scikit-image"]
        ratio = theirs / ours if ours and theirs else None
        counted = [None if count is None else round(count) for count in counts.values()]
        table.rows.append([f"{target:.0e}", *counted, ours, theirs, ratio])
    result.tables.insert(0, table)
    each = Table(f"One iteration, {n}³", ["prox", settings.unit, "ratio"])
    each.rows = [[k, v, v / per_iteration["ours"]] for k, v in per_iteration.items()]
    result.tables.insert(1, each)
    text = f"Times faster than scikit-image to the same result (10⁻⁵), {n}³, per core"
    result.bars.append(Bar(text, 10, ratio))
    result.figures.append(
        Figure(
            name="total_variation",
            title="The accelerated prox reaches the minimiser sooner, and faster",
            alt=(
                "Distance to the minimiser against CPU seconds, both axes logarithmic: our line "
                "falls steeply, that of scikit-image lies far to the right of it."
            ),
            xlabel=f"CPU seconds at {n}³",
            ylabel="‖u − u*‖ / ‖u*‖",
            curves=[
                Curve(name, role, [k * per_iteration[name] for k, _ in path], [d for _, d in path])
                for (name, path), role in zip(paths.items(), ("tv", "naive"), strict=True)
            ],
            logx=True,
        )
    )


def _iterations(path: list[tuple[int, float]], target: float) -> float | None:
    """Return where the path crosses the target, interpolated on logarithmic axes."""
    for (k0, d0), (k1, d1) in pairwise(path):
        if d1 <= target < d0:
            part = np.log(d0 / target) / np.log(d0 / d1)
            return float(k0 * (k1 / k0) ** part)
    return float(path[0][0]) if path[0][1] <= target else None


def _value_and_gradient(volume: np.ndarray, settings: Settings) -> Table:
    prior = TotalVariation()
    tasks: dict[str, Callable[[], object]] = {
        "value, numpy": lambda: _numpy_value(volume),
        "value, ours": lambda: prior.value(volume),
        "gradient, numpy (roll)": lambda: _numpy_gradient(volume, 1e-4),
        "gradient, ours": lambda: prior.gradient(volume, 1e-4),
    }
    times = {name: time.seconds(settings) for name, time in interleave(tasks, settings).items()}
    n = volume.shape[0]
    table = Table(f"Value and gradient, {n}³", ["what", settings.unit, "ratio to ours"])
    for name, seconds in times.items():
        ours = times.get(name.split(",")[0] + ", ours")
        table.rows.append([name, seconds, None if ours is None else seconds / ours])
    return table


def _numpy_value(u: np.ndarray) -> float:
    squares = np.zeros_like(u)
    for axis in range(u.ndim):
        difference = np.diff(u, axis=axis)
        inner = tuple(slice(0, size) for size in difference.shape)
        squares[inner] += difference**2
    return float(np.sqrt(squares).sum(dtype=np.float64))


def _numpy_gradient(u: np.ndarray, smoothing: float) -> np.ndarray:
    """Return ∇ᵀ(∇u / √(|∇u|² + s²)), as published codes write it, with np.roll."""
    differences = []
    for axis in range(u.ndim):
        difference = np.roll(u, -1, axis) - u
        difference[(slice(None),) * axis + (-1,)] = 0
        differences.append(difference)
    length = np.sqrt(sum(d**2 for d in differences) + smoothing**2)
    out = np.zeros_like(u)
    for axis, difference in enumerate(differences):
        flow = difference / length
        out += np.roll(flow, 1, axis) - flow
    return out
