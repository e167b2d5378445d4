"""Week 6, exercise 3: the nearest point within ε of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week06_pictures as pictures
from em_inverse.checks import week06_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["into_ball"]

_TOLERANCE = 1e-9
# How far from b the points lie, in units of ε: outside and inside in turn.
_REACH = (2.6, 0.5, 1.7, 0.2)


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    cases: list[Case] = []
    for k, (n,) in enumerate(sizes):
        b = rng.uniform(1.0, 3.0, n)
        epsilon = float(rng.uniform(1.5, 2.0))
        away = rng.standard_normal(n)
        away *= _REACH[k % len(_REACH)] * epsilon / np.linalg.norm(away)
        cases.append({"v": b + away, "b": b, "epsilon": epsilon})
    return cases


def _lies_inside(case: Case, p: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    reach = float(np.linalg.norm(p - case["b"])) / case["epsilon"]
    if reach <= 1 + _TOLERANCE:
        return None
    return f"Your point lies outside of the ball: {reach:.3g} ε away from b."


def _leaves_inner_points(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    inner = case["b"] + 0.3 * case["epsilon"] * (case["v"] - case["b"]) / np.linalg.norm(
        case["v"] - case["b"]
    )
    if distance(call(v=inner), inner) < _TOLERANCE:
        return None
    return "A point that already lies within ε of b is its own nearest point; yours moves it."


def _does_nothing_twice(case: Case, p: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(v=p), p) < _TOLERANCE:
        return None
    return "What has been brought into the ball must stay where it is when it is brought in again."


def _away(v: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    return v - b, float(np.linalg.norm(v - b))


def _if_outside(
    move: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
) -> Callable[..., np.ndarray]:
    """Return a wrong rule that leaves inner points alone, and moves the others."""
    return lambda v, b, epsilon: v if _away(v, b)[1] <= epsilon else move(v, b, epsilon)


def _by_squares(v: np.ndarray, b: np.ndarray, epsilon: float) -> np.ndarray:
    away, length = _away(v, b)
    return v if length**2 <= epsilon else b + epsilon / length**2 * away


def _by_mean(v: np.ndarray, b: np.ndarray, epsilon: float) -> np.ndarray:
    away = v - b
    size = float(np.sqrt(np.mean(away**2)))
    return v if size <= epsilon else b + epsilon / size * away


into_ball = Exercise(
    "into_ball",
    "Write into_ball(v, b, epsilon): of all points p with ‖p − b‖ ≤ epsilon, the one nearest to v. "
    "v and b are vectors of the same length.",
    reference=reference.into_ball,
    cases=_cases,
    sizes=[(4,), (7,), (9,), (12,)],
    properties=[
        Property("the answer lies in the ball", _lies_inside),
        Property("inner points stay", _leaves_inner_points),
        Property("twice is the same as once", _does_nothing_twice),
    ],
    misconceptions=[
        Misconception(
            "always on the surface",
            lambda v, b, epsilon: b + epsilon / _away(v, b)[1] * _away(v, b)[0],
            "Your function puts every point on the surface of the ball, also those that lie inside "
            "already: it would ask the data to be missed by ε, never less.",
            "Only points outside are moved: min(1, ε/‖v − b‖), or an if that asks for ‖v − b‖ "
            "(not for ‖v‖).",
            credit=0.5,
        ),
        Misconception(
            "ball around zero",
            lambda v, b, epsilon: v * min(1.0, epsilon / float(np.linalg.norm(v))),
            "Your ball is centred at zero. It must be centred at b, the data.",
            "Go to b first: scale v − b, then add b again.",
        ),
        Misconception(
            "difference only",
            lambda v, b, epsilon: (v - b) * min(1.0, epsilon / _away(v, b)[1]),
            "Your function returns the shortened difference from b, not the point: b has to be "
            "added again.",
            "The answer is b plus something of length ε or less.",
            credit=0.5,
        ),
        Misconception(
            "box for ball",
            lambda v, b, epsilon: b + np.clip(v - b, -epsilon, epsilon),
            "Your function limits every entry of v − b by itself. That is a box, whose corners lie "
            "√n ε away; the ball limits the length of the whole vector.",
            "One number shrinks all entries alike: ε/‖v − b‖.",
        ),
        Misconception(
            "to the centre",
            _if_outside(lambda v, b, epsilon: b),
            "Points outside of the ball are sent to its centre, b. The nearest point of the ball "
            "is on its surface, on the way from b to v.",
            "Keep the direction of v − b, and shorten it to the length ε.",
        ),
        Misconception(
            "other side",
            _if_outside(lambda v, b, epsilon: b - epsilon / _away(v, b)[1] * _away(v, b)[0]),
            "Your point lies on the far side of the ball: a sign is wrong.",
            "From b, walk towards v: the direction is v − b.",
        ),
        Misconception(
            "length one",
            _if_outside(lambda v, b, epsilon: b + _away(v, b)[0] / _away(v, b)[1]),
            "Your point lies at distance 1 from b; the radius is epsilon.",
            "(v − b)/‖v − b‖ has the length 1. Which length is asked for?",
            credit=0.5,
        ),
        Misconception(
            "divided by the length of v",
            _if_outside(
                lambda v, b, epsilon: b + epsilon / float(np.linalg.norm(v)) * _away(v, b)[0]
            ),
            "You shorten v − b by ε/‖v‖; the length of v − b itself belongs there.",
            "What has the length ε at the end? Divide by its own length first.",
        ),
        Misconception(
            "inequality turned",
            lambda v, b, epsilon: (
                v if _away(v, b)[1] > epsilon else b + epsilon / _away(v, b)[1] * _away(v, b)[0]
            ),
            "Your function moves the points inside, and leaves those outside where they are.",
            "Turn the comparison round.",
            credit=0.5,
        ),
        Misconception(
            "from v instead of b",
            _if_outside(lambda v, b, epsilon: v - epsilon / _away(v, b)[1] * _away(v, b)[0]),
            "You walk the length ε from v towards b. The answer lies at the distance ε from b.",
            "Begin at b: b + ε (v − b)/‖v − b‖.",
        ),
        Misconception(
            "sum of magnitudes",
            lambda v, b, epsilon: b + min(1.0, epsilon / float(np.abs(v - b).sum())) * (v - b),
            "You measure the distance as the sum of all |v − b|. The ball is round: its distance "
            "is the root of the sum of squares.",
            "np.linalg.norm(v - b).",
            credit=0.5,
        ),
        Misconception(
            "squared length",
            _by_squares,
            "You compare ‖v − b‖² with ε. The radius is a length, not a square.",
            "np.linalg.norm(v - b) is the length; np.sum((v - b)**2) is its square.",
        ),
        Misconception(
            "mean square",
            _by_mean,
            "You use the root mean square of v − b where its length belongs: √n times as large.",
            "np.linalg.norm sums the squares, it does not take their mean.",
            credit=0.5,
        ),
        Misconception(
            "never moved",
            lambda v, b, epsilon: v,
            "Your function returns v as it is, also where it lies outside of the ball.",
            "Compare ‖v − b‖ with ε before you decide.",
        ),
    ],
    hints=[
        "Draw it: b in the middle, a circle of radius ε, v outside. Which point is nearest to v?",
        "The nearest point lies on the line from b to v, at the distance ε from b.",
        "If ‖v − b‖ ≤ ε return v, otherwise b + ε (v − b)/‖v − b‖.",
    ],
    picture=pictures.into_ball,
    takeaway="This is all that a solver needs to know about ε: one line, whatever the prior. Noise "
    "becomes a distance, and the distance a constraint.",
    points=1,
)
