"""Week 3, exercise 2: the soft threshold, the proximal operator of L1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week03_pictures as pictures
from em_inverse.checks import week03_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["soft"]

_TOLERANCE = 1e-9


def _soft_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Values up to three times the threshold, with both signs on either side of it."""
    cases: list[Case] = []
    for shape in sizes:
        t = float(rng.uniform(0.4, 0.9))
        v = 3 * t * rng.uniform(-1, 1, shape)
        v.flat[:4] = np.array([-2.7, -0.3, 0.4, 2.6])[: v.size] * t
        cases.append({"v": v, "t": t})
    return cases


def _is_nearest(case: Case, u: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    """The minimum of ½(u − v)² + t|u|: no small step may lower it."""
    v, t = case["v"], case["t"]

    def cost(z: np.ndarray) -> np.ndarray:
        return 0.5 * (z - v) ** 2 + t * np.abs(z)

    for step in (1e-3, -1e-3):
        if np.any(cost(u + step) < cost(u) - _TOLERANCE):
            return (
                "At your u the price ½(u − v)² + t|u| is not the lowest: a small step to one side "
                "makes it cheaper."
            )
    return None


def _no_threshold(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(t=0.0), case["v"]) < _TOLERANCE:
        return None
    return "With t = 0 nothing is to be paid, and v must come back unchanged; yours does not."


def _is_odd(case: Case, u: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(v=-case["v"]), -u) < _TOLERANCE:
        return None
    return "Change the sign of v, and the answer must change its sign only; yours does more."


soft = Exercise(
    "soft",
    "Write soft(v, t): every value of the array v (of any shape) moved by t towards zero, and zero "
    "where |v| ≤ t.",
    reference=reference.soft,
    cases=_soft_cases,
    sizes=[(3, 4), (1, 7), (9, 1), (5, 5)],
    properties=[
        Property("nothing moves at t = 0", _no_threshold),
        Property("plus and minus alike", _is_odd),
        Property("the lowest price ½(u − v)² + t|u|", _is_nearest),
    ],
    misconceptions=[
        Misconception(
            "hard threshold",
            lambda v, t: np.where(np.abs(v) > t, v, 0.0),
            "Your function keeps what is above the threshold as it is: that is the *hard* "
            "threshold. The soft one also moves the survivors by t towards zero.",
            "A value just above t must become just above zero: no jump.",
            credit=0.5,
        ),
        Misconception(
            "positive only",
            lambda v, t: np.maximum(v - t, 0),
            "Your function is right for v > 0 and loses everything below zero. (It is the answer "
            "under x ≥ 0.)",
            "Take the absolute value first, and give the sign back at the end.",
            credit=0.5,
        ),
        Misconception(
            "sign lost",
            lambda v, t: np.maximum(np.abs(v) - t, 0),
            "Your sizes are right, but the signs are lost: all values come out positive.",
            "np.sign(v) gives them back.",
            credit=0.5,
        ),
        Misconception(
            "crosses zero",
            lambda v, t: v - t * np.sign(v),
            "Your function moves every value by t, and small ones across zero to the other side. "
            "They must stay at zero.",
            "np.maximum(..., 0) stops them there.",
        ),
        Misconception(
            "always down",
            lambda v, t: v - t,
            "Your function subtracts t from everything: negative values move away from zero.",
            "Towards zero means down for positive values and up for negative ones.",
        ),
        Misconception(
            "clipped",
            lambda v, t: np.clip(v, -t, t),
            "Your function clips to [−t, t]: it keeps the small values and cuts the large ones. "
            "The soft threshold is what is left over, v minus that.",
            "v - np.clip(v, -t, t) would do.",
        ),
        Misconception(
            "shrink by a factor",
            lambda v, t: v / (1 + 2 * t),
            "Your function divides by 1 + 2t: that is the proximal operator of L2, which never "
            "makes a zero.",
            "L1 takes the same toll from every value, large or small.",
        ),
        Misconception(
            "twice the threshold",
            lambda v, t: np.sign(v) * np.maximum(np.abs(v) - 2 * t, 0),
            "Your function moves by 2t.",
            "The ½ in ½(u − v)² + t|u| has taken the 2 away.",
            credit=0.5,
        ),
        Misconception(
            "half the threshold",
            lambda v, t: np.sign(v) * np.maximum(np.abs(v) - t / 2, 0),
            "Your function moves by t/2: right for (u − v)² + t|u|, but here a ½ stands before the "
            "square.",
            "Put the slope to zero: (u − v) + t = 0 for u > 0.",
            credit=0.5,
        ),
    ],
    hints=[
        "For v > t the answer is v − t, for v < −t it is v + t, and between them it is 0.",
        "np.abs(v) - t is the new size, if it is positive; np.maximum(..., 0) if it is not.",
        "Multiply the new size by np.sign(v).",
    ],
    picture=pictures.soft,
    takeaway="All the difference between a blur and a sparse image is in this kink at zero.",
    points=1,
    rtol=1e-9,
)
