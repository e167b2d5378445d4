"""Week 7, exercise 1: one step of the force with which the data pull."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week07_pictures as pictures
from em_inverse.checks import week07_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["dual_step"]

_TOLERANCE = 1e-9
# Length of q + h(Ax − b) in units of hε: beyond it, and within it.
_REACH = (2.4, 1.5, 0.6, 3.0)


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """q is neither small nor parallel to the misfit, h and ε are neither 1 nor equal."""
    cases: list[Case] = []
    for k, shape in enumerate(sizes):
        h, epsilon = float(rng.uniform(0.3, 0.5)), float(rng.uniform(2.0, 3.0))
        v, q = rng.standard_normal((2, *shape))
        v *= _REACH[k % len(_REACH)] * h * epsilon / np.linalg.norm(v)
        q *= 0.7 * np.linalg.norm(v) / np.linalg.norm(q)
        b = rng.uniform(1.0, 3.0, shape)
        cases.append({"q": q, "Ax": b + (v - q) / h, "b": b, "h": h, "epsilon": epsilon})
    return cases


def _no_force_without_cause(
    case: Case, _: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    zero = np.zeros_like(case["q"])
    if not call(q=zero, Ax=case["b"] + 0.5 * case["epsilon"] / case["b"].size).any():
        return None
    return (
        "With q = 0 and Ax within ε of the data nothing is wrong, and nothing should pull: the "
        "answer there is zero. Yours is not."
    )


def _stays_at_a_solution(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    q = case["q"]
    at_rest = case["b"] + case["epsilon"] * q / np.linalg.norm(q)
    if distance(call(Ax=at_rest), q) < _TOLERANCE:
        return None
    return (
        "At a solution Ax − b has the length ε and the direction of q, and the pull stays as it "
        "is. Yours changes it."
    )


def _v(q: np.ndarray, Ax: np.ndarray, b: np.ndarray, h: float) -> np.ndarray:
    return q + h * (Ax - b)


def _shrunk(v: np.ndarray, by: float) -> np.ndarray:
    length = float(np.linalg.norm(v))
    return v * max(0.0, 1 - by / length) if length > 0 else v


dual_step = Exercise(
    "dual_step",
    "Write dual_step(q, Ax, b, h, epsilon): the pull of the data after one step, which is "
    "v = q + h (Ax − b), shortened as a whole by h · epsilon, and zero if v is no longer than "
    "that. q, Ax and b are arrays of one shape.",
    reference=reference.dual_step,
    cases=_cases,
    sizes=[(3, 4), (5, 2), (4, 3), (2, 6)],
    properties=[
        Property("no pull without a cause", _no_force_without_cause),
        Property("no change at a solution", _stays_at_a_solution),
    ],
    misconceptions=[
        Misconception(
            "into the ball",
            lambda q, Ax, b, h, epsilon: (
                _v(q, Ax, b, h) * min(1.0, epsilon / float(np.linalg.norm(_v(q, Ax, b, h))))
            ),
            "You cut v down to the length ε, as last week's into_ball does with a misfit. A pull "
            "has no largest length; each step only takes hε off it.",
            "What is left of v has the length ‖v‖ − hε.",
        ),
        Misconception(
            "cut to h epsilon",
            lambda q, Ax, b, h, epsilon: (
                _v(q, Ax, b, h) * min(1.0, h * epsilon / float(np.linalg.norm(_v(q, Ax, b, h))))
            ),
            "You keep the part of v that should be taken off: your answer is never longer than hε.",
            "What is left of v has the length ‖v‖ − hε.",
        ),
        Misconception(
            "entry by entry",
            lambda q, Ax, b, h, epsilon: (
                np.sign(_v(q, Ax, b, h)) * np.maximum(np.abs(_v(q, Ax, b, h)) - h * epsilon, 0)
            ),
            "You shrink every entry by itself, the soft threshold of week 3. The ball limits the "
            "length of the whole vector, so the whole vector becomes shorter.",
            "One factor for all entries: 1 − hε/‖v‖.",
            credit=0.5,
        ),
        Misconception(
            "no shrinking",
            lambda q, Ax, b, h, epsilon: _v(q, Ax, b, h),
            "Your pull grows by h (Ax − b) and nothing is taken off: ε is never used. It would "
            "force Ax = b, noise and all.",
            "Shorten v by hε.",
        ),
        Misconception(
            "not memorised",
            lambda q, Ax, b, h, epsilon: _shrunk(h * (Ax - b), h * epsilon),
            "The old pull q is not in your answer: it would forget everything at each step.",
            "Begin with v = q + h (Ax − b).",
        ),
        Misconception(
            "misfit shrunk alone",
            lambda q, Ax, b, h, epsilon: q + _shrunk(h * (Ax - b), h * epsilon),
            "You shorten the new part and then add q. Shorten the sum, otherwise a pull that is no "
            "longer needed never fades.",
            "First v = q + h (Ax − b), then the factor.",
        ),
        Misconception(
            "wrong sign",
            lambda q, Ax, b, h, epsilon: _shrunk(q - h * (Ax - b), h * epsilon),
            "Your pull grows against the misfit: where Ax is too large it must push x down, which "
            "the step x − hₓ Aᵀq does for a positive q.",
            "Ax − b, with a plus before the h.",
        ),
        Misconception(
            "turned round",
            lambda q, Ax, b, h, epsilon: (
                _v(q, Ax, b, h) * (1 - h * epsilon / float(np.linalg.norm(_v(q, Ax, b, h))))
            ),
            "Where v is shorter than hε your factor is negative, and the pull turns round. There "
            "it is zero.",
            "max(0, 1 − hε/‖v‖).",
            credit=0.5,
        ),
        Misconception(
            "epsilon without h",
            lambda q, Ax, b, h, epsilon: _shrunk(_v(q, Ax, b, h), epsilon),
            "You take ε off, where hε is asked for: the step length h belongs to both terms.",
            "Both the misfit and ε are multiplied by h.",
            credit=0.5,
        ),
        Misconception(
            "misfit without h",
            lambda q, Ax, b, h, epsilon: _shrunk(q + Ax - b, h * epsilon),
            "The misfit has not been multiplied by the step length h.",
            "v = q + h (Ax − b).",
            credit=0.5,
        ),
        Misconception(
            "no step length",
            lambda q, Ax, b, h, epsilon: _shrunk(q + Ax - b, epsilon),
            "Your step has the length 1; h is never used.",
            "h stands before the misfit and before ε.",
            credit=0.5,
        ),
        Misconception(
            "squared length",
            lambda q, Ax, b, h, epsilon: (
                _v(q, Ax, b, h) * max(0.0, 1 - h * epsilon / float(np.sum(_v(q, Ax, b, h) ** 2)))
            ),
            "You divide by ‖v‖². A length is shortened by a length: divide by ‖v‖.",
            "np.linalg.norm(v) is the root of the sum of squares.",
            credit=0.5,
        ),
        Misconception(
            "size at a row",
            lambda q, Ax, b, h, epsilon: np.stack(
                [_shrunk(row, h * epsilon) for row in _v(q, Ax, b, h)]
            ),
            "You shorten the row of each tilt by itself. One ball holds all projections together, "
            "so one factor holds for all rows.",
            "np.linalg.norm(v) without an axis.",
            credit=0.5,
        ),
        Misconception(
            "data forgotten",
            lambda q, Ax, b, h, epsilon: _shrunk(q + h * Ax, h * epsilon),
            "The data b are not in your answer.",
            "The pull follows the misfit, Ax − b.",
        ),
    ],
    hints=[
        "v is an arrow. Keep its direction; what becomes of its length?",
        "The new length is ‖v‖ − hε, or 0 where that is negative.",
        "v * max(0, 1 - h * epsilon / np.linalg.norm(v)); mind v = 0, where one must not divide.",
    ],
    picture=pictures.dual_step,
    takeaway="It is last week's into_ball in disguise: what a step towards the misfit leaves when "
    "the nearest point of the ball is taken off. ε = 0 takes nothing off, and the pull grows until "
    "Ax = b.",
    points=2,
)
