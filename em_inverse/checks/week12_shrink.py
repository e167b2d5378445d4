"""Week 12, exercise 3: the proximal operator of Σ|V| with V ≥ 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week12_pictures as pictures
from em_inverse.checks import week12_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["shrink"]

_TOLERANCE = 1e-9


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Volumes with values on both sides of −τ, 0 and τ."""
    cases: list[Case] = []
    for shape in sizes:
        tau = float(rng.uniform(2, 6))
        cases.append({"V": tau * rng.uniform(-3, 4, shape), "tau": tau})
    return cases


def _nothing_negative(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    if x.min() >= 0:
        return None
    return f"It returns {x.min():.3g} V somewhere; atoms attract electrons, and V ≥ 0 is asked for."


def _lets_go(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(tau=0.0) - np.maximum(case["V"], 0)).max() < _TOLERANCE:
        return None
    return "With τ = 0 only V ≥ 0 is left: what is positive must come back as it was."


def _least(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    def cost(y: np.ndarray) -> float:
        return float(0.5 * ((y - case["V"]) ** 2).sum() + case["tau"] * y.sum())

    here = cost(x)
    for share in (-0.01, 0.01):
        if cost((1 + share) * x) < here - _TOLERANCE * abs(here):
            return (
                f"Change all voxels by {share:+.0%}, and ½‖x − V‖² + τΣx gets smaller: your x is "
                f"not the minimiser."
            )
    return None


shrink = Exercise(
    "shrink",
    "Write shrink(V, tau): for a volume V in volts, the x ≥ 0 with the least "
    "½‖x − V‖² + τ Σ|x|. Every voxel is a problem of its own.",
    reference=reference.shrink,
    cases=_cases,
    sizes=[(3, 4, 5), (4, 2, 3), (2, 5, 6)],
    properties=[
        Property("nothing negative", _nothing_negative),
        Property("without τ only V ≥ 0", _lets_go),
        Property("no better x beside it", _least),
    ],
    misconceptions=[
        Misconception(
            "hard threshold",
            lambda V, tau: np.where(tau < V, V, 0),
            "You keep or delete, but shift nothing: what is above τ comes back unshrunk. This "
            "jumps at V = τ, and belongs to counting voxels, not to Σ|V|.",
            "Take τ off what is left, too.",
            credit=0.25,
        ),
        Misconception(
            "without V ≥ 0",
            lambda V, tau: np.sign(V) * np.maximum(np.abs(V) - tau, 0),
            "This is the soft threshold of both signs, right for Σ|x| alone. Voxels below −τ stay "
            "negative.",
            "For x ≥ 0 nothing below τ survives, whatever its sign.",
            credit=0.5,
        ),
        Misconception(
            "only V ≥ 0",
            lambda V, tau: np.maximum(V, 0),
            "τ is never used: this is the projection onto V ≥ 0.",
            "V − τ, and then nothing below 0.",
            credit=0.25,
        ),
        Misconception(
            "cut off too early",
            lambda V, tau: np.maximum(V, 0) - tau,
            "You cut at zero first and shift afterwards: empty voxels become −τ.",
            "First shift, then cut: np.maximum(V - tau, 0).",
            credit=0.5,
        ),
        Misconception(
            "magnitude",
            lambda V, tau: np.maximum(np.abs(V) - tau, 0),
            "You shrink |V|, so deep negative voxels become atoms.",
            "V - tau, not abs(V) - tau.",
            credit=0.25,
        ),
        Misconception(
            "2τ",
            lambda V, tau: np.maximum(V - 2 * tau, 0),
            "You take off 2τ. With the ½ before the square the derivative is x − V + τ.",
            "x = V − τ where that is positive.",
            credit=0.5,
        ),
        Misconception(
            "half of τ",
            lambda V, tau: np.maximum(V - tau / 2, 0),
            "You take off τ/2, as without the ½ before the square.",
            "x − V + τ = 0.",
            credit=0.5,
        ),
        Misconception(
            "Tikhonov",
            lambda V, tau: np.maximum(V / (1 + tau), 0),
            "You divide by 1 + τ. That is the proximal operator of ½τΣx²: all voxels are made "
            "smaller in proportion, none vanishes.",
            "Subtract τ, do not divide.",
            credit=0.25,
        ),
        Misconception(
            "raised",
            lambda V, tau: np.maximum(V, tau),
            "np.maximum(V, tau) lifts everything below τ up to τ.",
            "np.maximum(V - tau, 0).",
        ),
    ],
    hints=[
        "One voxel: where is the derivative of ½(x − v)² + τx zero? And if that x is negative?",
        "x = v − τ where that is positive, else 0.",
        "np.maximum(V - tau, 0).",
    ],
    picture=pictures.shrink,
    takeaway="It empties the background, and takes τ volts off every atom. Total variation has no "
    "such formula: its prox is an iteration of its own.",
    points=1,
)
