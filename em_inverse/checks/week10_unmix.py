"""Week 10, exercise 2: known spectra fitted to every voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week10_pictures as pictures
from em_inverse.checks import week10_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["unmix"]

_TOLERANCE = 1e-7


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Lines that overlap, none of unit length, and volumes that no mixture explains exactly."""
    cases: list[Case] = []
    for channels, modes, *shape in sizes:
        at = np.linspace(0, 1, channels)[:, None]
        centres = np.linspace(0.2, 0.8, modes) + rng.uniform(-0.04, 0.04, modes)
        M = rng.uniform(0.6, 1.8, modes) * 0.03 / ((at - centres) ** 2 + 0.03)
        x = rng.uniform(0.2, 2.0, (*shape, modes))
        volumes = x @ M.T + 0.2 * rng.standard_normal((*shape, channels))
        # Somewhere noise has the upper hand: what is cut off at zero shows.
        volumes.reshape(-1, channels)[0] = -0.5 * M[:, 0]
        volumes.reshape(-1, channels)[-1, 0] = -0.4
        cases.append({"volumes": volumes, "M": M})
    return cases


def _gives_a_mixture_back(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    x = np.linspace(0.3, 1.7, case["volumes"][..., 0].size * case["M"].shape[1])
    x = x.reshape(*case["volumes"].shape[:-1], -1)
    if np.allclose(call(volumes=x @ case["M"].T), x, atol=_TOLERANCE):
        return None
    return (
        "Volumes that are an exact mixture, v = M x in every voxel, must give x back. Yours give "
        "something else."
    )


def _leaves_nothing_to_fit(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    left = (case["volumes"] - x @ case["M"].T) @ case["M"]
    if np.abs(left).max() < 1e-6 * np.abs(case["volumes"]).max() * np.abs(case["M"]).sum():
        return None
    return (
        "What your fit leaves over still resembles the spectra: Mᵀ(v − M x) should be zero in "
        "every voxel, and is not. A smaller ‖v − M x‖ is possible."
    )


def _is_linear(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.allclose(call(volumes=-case["volumes"]), -x, atol=_TOLERANCE):
        return None
    return (
        "Turn the sign of the volumes, and the modes must turn theirs. Keep negative values: they "
        "are noise whose mean is zero, and who cuts them off makes everything brighter."
    )


def _each_by_itself(volumes: np.ndarray, M: np.ndarray) -> np.ndarray:
    return np.asarray(volumes @ M / (M**2).sum(axis=0))


unmix = Exercise(
    "unmix",
    "Write unmix(volumes, M): in every voxel the x that makes ‖M x − v‖² smallest. "
    "volumes[..., channel] are reconstructions of every channel, M[channel, mode] holds the "
    "spectrum of each mode in a column; the result is x[..., mode].",
    reference=reference.unmix,
    cases=_cases,
    sizes=[(7, 3, 2, 3), (5, 2, 4, 1), (9, 3, 3, 2)],
    properties=[
        Property("a mixture comes back", _gives_a_mixture_back),
        Property("linear", _is_linear),
        Property("the best fit", _leaves_nothing_to_fit),
    ],
    misconceptions=[
        Misconception(
            "adjoint",
            lambda volumes, M: volumes @ M,
            "This is Mᵀv: how much the spectrum of each voxel resembles each line. It is the "
            "adjoint, not the inverse; a voxel with one mode alone would show all three.",
            "Solve (MᵀM) x = Mᵀv, or use np.linalg.pinv(M).",
        ),
        Misconception(
            "each line by itself",
            _each_by_itself,
            "You fit every line by itself, as if the others were not there. Where lines overlap, "
            "counts are then given away twice.",
            "All modes of a voxel in one fit: np.linalg.pinv(M).",
            credit=0.25,
        ),
        Misconception(
            "peak channel",
            lambda volumes, M: volumes[..., M.argmax(axis=0)] / M.max(axis=0),
            "You read each mode off the channel of its peak. Its neighbours' tails are in there, "
            "and all other channels are thrown away.",
            "Use all channels: np.linalg.pinv(M).",
        ),
        Misconception(
            "window",
            lambda volumes, M: np.stack(
                [
                    volumes[..., M.argmax(axis=1) == k].sum(axis=-1)
                    / max(float(M[M.argmax(axis=1) == k, k].sum()), 1e-9)
                    for k in range(M.shape[1])
                ],
                axis=-1,
            ),
            "You add up a window around each line. What a neighbour's tail brings into it is "
            "counted for the wrong mode.",
            "Fit all spectra together: np.linalg.pinv(M).",
        ),
        Misconception(
            "cut off at zero",
            lambda volumes, M: np.maximum(reference.unmix(volumes, M), 0),
            "You set negative values to zero. In a fit voxel by voxel that only makes the mean too "
            "large: noise has two signs.",
            "Return the fit as it is. x ≥ 0 belongs into the reconstruction, where it constrains "
            "something.",
            credit=0.5,
        ),
        Misconception(
            "volumes cut off at zero",
            lambda volumes, M: reference.unmix(np.maximum(volumes, 0), M),
            "You set negative values of the volumes to zero before the fit. That makes the mean "
            "too large: noise has two signs.",
            "Fit the volumes as they are.",
            credit=0.5,
        ),
        Misconception(
            "shares",
            lambda volumes, M: (
                reference.unmix(volumes, M)
                / np.abs(reference.unmix(volumes, M)).sum(axis=-1, keepdims=True)
            ),
            "You make shares of it that add up to 1 in every voxel. Vacuum is then as full as the "
            "cube.",
            "Leave out the division.",
            credit=0.5,
        ),
        Misconception(
            "normalised spectra",
            lambda volumes, M: reference.unmix(volumes, M / M.sum(axis=0)),
            "You divide the spectra by their sums first. That changes the unit of x: it is not the "
            "x of M x any more.",
            "Use M as it is given.",
            credit=0.5,
        ),
    ],
    hints=[
        "In one voxel it is a least-squares problem with a small matrix: np.linalg.pinv(M) @ v.",
        "For all voxels at once the spectra are rows: (M⁺ v)ᵀ = vᵀ (M⁺)ᵀ.",
        "volumes @ np.linalg.pinv(M).T",
    ],
    picture=pictures.unmix,
    takeaway="The fit is linear. So it does not matter whether you fit before or after another "
    "linear step, and no order of them brings back what noise has covered.",
    points=1,
)
