"""The projector: forward + adjoint of volumes and of single slices, 75 tilts from −74° to 74°."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.harness import Settings, interleave
from benchmarks.machine import NOT_INSTALLED, version_of
from benchmarks.peers import Astra, astra, joseph_matrix, skimage_pair
from benchmarks.results import Bar, Curve, Figure, Result, Table
from em_inverse.forward.tilt import ParallelBeam

__all__ = ["run"]

_ANGLES = np.linspace(-74, 74, 75)


@dataclass
class _Peer:
    """A task that does `share` of the slices of the volume."""

    label: str
    run: Callable[[], object]
    share: float = 1.0


def run(settings: Settings) -> Result:
    """Measure the speed of the pair, and with one thread also how well it agrees."""
    sizes, large, single = ((32,), 48, 32) if settings.quick else ((128, 256), 512, 256)
    result = Result(
        title="Projector",
        about=(
            "Forward + adjoint, 75 tilts from −74° to 74°, float32, as many detector pixels as the "
            "object is wide. A ratio is the peer's time over ours. ASTRA and scikit-image know no "
            "volumes on the CPU: a few slices are timed and scaled to all. ASTRA reads and writes "
            "linked arrays. The sparse matrix (CSR) is Joseph's, applied to all slices at once, "
            "[rays, pixels] @ [pixels, slices]; its transpose is stored as well, in CSR, which is "
            "the faster way."
        ),
        peers={
            "ASTRA": version_of("astra-toolbox"),
            "scipy": version_of("scipy"),
            "scikit-image": version_of("scikit-image"),
        },
    )
    ratios: dict[str, float] = {}
    for n in sizes:
        ratios = _volumes(result, n, settings)
    slices = _slices(result, single, settings)
    if settings.threads == 1:
        _agreement(result, sizes[0], single)
        _bars(result, ratios, slices, sizes[-1], single)
        result.figures.append(_figure(ratios, sizes[-1]))
    else:
        _large(result, large, settings)
    return result


def _volumes(result: Result, n: int, settings: Settings) -> dict[str, float]:
    volume = _ball(n)
    A = ParallelBeam(volume.shape, _ANGLES)
    peers, build, close = _peers(volume)
    tasks: dict[str, Callable[[], object]] = {peer.label: peer.run for peer in peers}
    y = A.forward(volume)
    tasks["ours, forward"] = lambda: A.forward(volume)
    tasks["ours, adjoint"] = lambda: A.adjoint(y)
    times = {name: time.seconds(settings) for name, time in interleave(tasks, settings).items()}
    close()
    ours = times["ours, forward"] + times["ours, adjoint"]
    table = Table(f"Volume {n}³", ["forward + adjoint", settings.unit, "ratio", "measured on"])
    table.rows.append(["ours", ours, 1.0, "all slices"])
    table.rows.append(["ours, forward alone", times["ours, forward"], None, "all slices"])
    table.rows.append(["ours, adjoint alone", times["ours, adjoint"], None, "all slices"])
    ratios = {}
    for peer in peers:
        seconds = times[peer.label] / peer.share
        ratios[peer.label] = seconds / ours
        timed = "all slices" if peer.share == 1 else f"{round(peer.share * n)} of {n} slices"
        table.rows.append([peer.label, seconds, seconds / ours, timed])
    if astra() is None:
        table.rows.append(["ASTRA, linear", None, None, NOT_INSTALLED])
    result.tables.append(table)
    result.notes.append(f"Building the sparse matrix for {n}² took {build:.1f} s, not counted.")
    return ratios


def _peers(volume: np.ndarray) -> tuple[list[_Peer], float, Callable[[], None]]:
    """Return the peers' tasks, the seconds spent on the matrix, and how to give memory back."""
    n = volume.shape[0]
    peers: list[_Peer] = []
    close: Callable[[], None] = lambda: None  # noqa: E731
    middle = np.ascontiguousarray(volume[:, :, n // 2])
    toolbox = astra()
    if toolbox is not None:
        linear, some = Astra(toolbox, n, _ANGLES), min(n, 4)
        linear.slice[...] = middle
        close = linear.close
        peers.append(_Peer("ASTRA, linear", lambda: linear.pairs(some), some / n))
    begin = time.process_time()
    matrix = joseph_matrix(n, _ANGLES)
    transpose = matrix.T.tocsr()
    build = time.process_time() - begin
    pixels = volume.reshape(n * n, n)
    peers.append(_Peer("scipy, CSR", lambda: transpose @ (matrix @ pixels)))
    peers.append(_Peer("scikit-image", lambda: skimage_pair(middle, _ANGLES), 1 / n))
    return peers, build, close


def _slices(result: Result, n: int, settings: Settings) -> dict[str, float]:
    image = np.ascontiguousarray(_ball(n)[:, :, n // 2])
    A = ParallelBeam(image.shape, _ANGLES)
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: A.adjoint(A.forward(image)),
        "ours, operator made anew": lambda: _anew(image),
    }
    toolbox = astra()
    linear = None if toolbox is None else Astra(toolbox, n, _ANGLES)
    if linear is not None:
        linear.slice[...] = image
        tasks["ASTRA, arrays linked"] = linear.pairs
        tasks["ASTRA, data created and copied"] = linear.pair_with_copies
    tasks["scikit-image"] = lambda: skimage_pair(image, _ANGLES)
    times = {name: time.seconds(settings) for name, time in interleave(tasks, settings).items()}
    if linear is not None:
        linear.close()
    table = Table(f"Single slice {n}²", ["forward + adjoint", settings.unit, "ratio"])
    table.rows = [[name, seconds, seconds / times["ours"]] for name, seconds in times.items()]
    if linear is None:
        table.rows.append(["ASTRA, arrays linked", None, NOT_INSTALLED])
    result.tables.append(table)
    return {name: seconds / times["ours"] for name, seconds in times.items()}


def _anew(image: np.ndarray) -> np.ndarray:
    A = ParallelBeam(image.shape, _ANGLES)
    return A.adjoint(A.forward(image))


def _large(result: Result, n: int, settings: Settings) -> None:
    volume = _ball(n)
    A = ParallelBeam(volume.shape, _ANGLES)
    times = interleave({"ours": lambda: A.adjoint(A.forward(volume))}, settings)["ours"]
    seconds = times.seconds(settings)
    table = Table(f"Volume {n}³, ours", ["forward + adjoint", settings.unit])
    table.rows.append([f"ours, {settings.threads} threads", seconds])
    result.tables.append(table)
    text = f"Pair of {n}³ on {settings.threads} threads, seconds on the clock"
    result.bars.append(Bar(text, 1.8, seconds, at_least=False))


def _agreement(result: Result, n_volume: int, n: int) -> None:
    rng = np.random.default_rng(1)
    volume = _ball(n_volume)
    A = ParallelBeam(volume.shape, _ANGLES)
    y = rng.random(A.out_shape, dtype=np.float32)
    Ax, ATy = (part.astype(np.float64).ravel() for part in (A.forward(volume), A.adjoint(y)))
    left, right = Ax @ y.ravel().astype(np.float64), volume.ravel().astype(np.float64) @ ATy
    mismatch = float(abs(left / right - 1))
    table = Table("Agreement", ["what", "relative difference"])
    table.rows.append([f"⟨Ax, y⟩ and ⟨x, Aᵀy⟩, {n_volume}³, float32", mismatch])
    result.bars.append(Bar("Adjoint mismatch in float32", 1e-6, mismatch, at_least=False))
    image = np.ascontiguousarray(_ball(n)[:, :, n // 2])
    one = ParallelBeam(image.shape, _ANGLES)
    sinogram = one.forward(image)
    product = (joseph_matrix(n, _ANGLES) @ image.ravel()).reshape(sinogram.shape)
    table.rows.append([f"the sparse matrix, forward, {n}²", _distance(product, sinogram)])
    toolbox, worst = astra(), None
    if toolbox is not None:
        linear = Astra(toolbox, n, _ANGLES)
        linear.slice[...] = image
        linear.pairs()
        forward = _distance(linear.sinogram, sinogram)
        back = _distance(linear.back, one.adjoint(linear.sinogram))
        linear.close()
        table.rows.append([f"ASTRA linear (angles −θ), forward, {n}²", forward])
        table.rows.append([f"ASTRA linear (angles −θ), adjoint, {n}²", back])
        worst = max(forward, back)
    text = "Relative difference from ASTRA's linear projector"
    result.bars.append(Bar(text, 1e-4, worst, at_least=False))
    result.tables.append(table)


def _bars(
    result: Result, volumes: dict[str, float], slices: dict[str, float], n: int, single: int
) -> None:
    for label, limit in (("ASTRA, linear", 30), ("scipy, CSR", 2.5), ("scikit-image", 60)):
        text = f"Times faster than {label}, volume {n}³, per core"
        result.bars.append(Bar(text, limit, volumes.get(label)))
    text = f"Times faster than ASTRA (linked), one slice {single}², per core"
    result.bars.append(Bar(text, 3, slices.get("ASTRA, arrays linked")))


def _figure(ratios: dict[str, float], n: int) -> Figure:
    found = ", ".join(f"{label} {ratio:.3g}" for label, ratio in ratios.items())
    low, high = min(ratios.values()), max(ratios.values())
    return Figure(
        name="projector",
        title=f"A pair of {n}³ costs the peers {low:.2g} to {high:.2g} times our CPU time",
        alt=f"Horizontal bars on a logarithmic axis, CPU time over ours: {found}.",
        xlabel="CPU time relative to ours",
        ylabel="",
        curves=[Curve("ours", "tv", [], [1.0])]
        + [Curve(label, "measurement", [], [ratio]) for label, ratio in ratios.items()],
        logx=True,
    )


def _ball(n: int) -> np.ndarray:
    """Return random voxels inside the cylinder that every projection sees whole."""
    z, x = np.ogrid[:n, :n]
    inside = np.hypot(z - (n - 1) / 2, x - (n - 1) / 2) < n / 2 - 1
    volume = np.random.default_rng(0).random((n, n, n), dtype=np.float32)
    volume *= inside[:, :, None]
    return volume


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
