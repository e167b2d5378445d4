"""Week 7, exercise 3: the golden-ratio order of tilts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from em_inverse.checks import week07_pictures as pictures
from em_inverse.checks import week07_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["golden_order"]

_GOLDEN = (np.sqrt(5) - 1) / 2


def _cases(_rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    return [{"n": n} for (n,) in sizes]


def _visits_every_tilt_once(
    case: Case, order: np.ndarray, _: Callable[..., np.ndarray]
) -> str | None:
    if np.array_equal(np.sort(order), np.arange(case["n"])):
        return None
    missing = sorted(set(range(case["n"])) - set(order.astype(int).tolist()))
    left = f": tilt {missing[0]} is never recorded" if missing else ""
    return f"Every tilt from 0 to n − 1 must come exactly once{left}."


def _is_even_early(case: Case, order: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    n = case["n"]
    count = (n + 1) // 2
    gap = float(np.diff(np.sort([-1, n, *order[:count]])).max())
    if gap <= 4 * n / count:
        return None
    return (
        f"After {count} of {n} tilts there is still a gap of {gap:.0f} tilts in a row that nobody "
        f"has recorded."
    )


def _numbers(n: int, step: float = _GOLDEN, first: float = 0.5) -> Any:
    return (first + np.arange(n) * step) % 1


def _ranks(t: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(t))


def _from_both_ends(n: int) -> np.ndarray:
    k = np.arange(n)
    return np.where(k % 2 == 0, k // 2, n - 1 - k // 2)


def _halving(n: int) -> np.ndarray:
    bits = max(1, int(np.ceil(np.log2(n))))
    codes = [int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits)]
    return np.array([code for code in codes if code < n])


golden_order = Exercise(
    "golden_order",
    "Write golden_order(n): the n numbers t = (1/2 + k g) modulo 1, with k = 0, 1, ..., n − 1 and "
    "g = (√5 − 1)/2, each replaced by its rank (0 for the smallest t, n − 1 for the largest). "
    "Entry k says which of n tilts, counted from the lowest, is recorded as number k.",
    reference=reference.golden_order,
    cases=_cases,
    sizes=[(7,), (12,), (30,), (75,)],
    properties=[
        Property("every tilt once", _visits_every_tilt_once),
        Property("even when half is done", _is_even_early),
    ],
    misconceptions=[
        Misconception(
            "sequential",
            lambda n: np.arange(n),
            "That is the sequential order: each tilt beside the last one.",
            "Begin with the n numbers t: k in np.arange(n), then % 1 for the part behind the "
            "point.",
        ),
        Misconception(
            "sorted once",
            lambda n: np.argsort(_numbers(n)),
            "That is np.argsort(t), which tells *when* each tilt is recorded. Asked for is *which* "
            "tilt is recorded when: the rank of each t, the same table read the other way.",
            "The ranks are np.argsort(np.argsort(t)), or for each t the number of smaller ones.",
            credit=0.5,
        ),
        Misconception(
            "cut to whole numbers",
            lambda n: np.floor(_numbers(n) * n),
            "You cut n t to whole numbers. Two of them may be alike, so that one tilt is recorded "
            "twice and another never. Ranks are all different.",
            "Count for each t how many of the others are smaller.",
            credit=0.5,
        ),
        Misconception(
            "rounded",
            lambda n: np.rint(_numbers(n) * (n - 1)),
            "You round t (n − 1) to whole numbers. Two of them may be alike, so that one tilt is "
            "recorded twice and another never. Ranks are all different.",
            "Count for each t how many of the others are smaller.",
            credit=0.5,
        ),
        Misconception(
            "not ranked",
            lambda n: _numbers(n),
            "These are the numbers t themselves, between 0 and 1; their ranks are asked for.",
            "The smallest t has the rank 0, the next one 1.",
            credit=0.5,
        ),
        Misconception(
            "counted from one",
            lambda n: _ranks(_numbers(n)) + 1,
            "Your ranks begin with 1; tilts are counted from 0, as Python counts.",
            "Subtract 1.",
            credit=0.5,
        ),
        Misconception(
            "from zero",
            lambda n: _ranks(_numbers(n, first=0.0)),
            "Your first number is t = 0, the lowest tilt of the range. With 1/2 one begins in the "
            "middle.",
            "(1/2 + k g) modulo 1.",
            credit=0.5,
        ),
        Misconception(
            "begun with one",
            lambda n: _ranks((0.5 + np.arange(1, n + 1) * _GOLDEN) % 1),
            "Your k runs from 1 to n; it should run from 0 to n − 1, so that the first tilt is in "
            "the middle.",
            "np.arange(n) begins with 0.",
            credit=0.5,
        ),
        Misconception(
            "other number",
            lambda n: _ranks(_numbers(n, np.sqrt(5) - 1)),
            "Your step is √5 − 1; the golden ratio is half of it.",
            "(np.sqrt(5) - 1) / 2 is 0.618.",
            credit=0.5,
        ),
        Misconception(
            "from above",
            lambda n: n - 1 - _ranks(_numbers(n)),
            "You rank from the largest to the smallest: the mirror image of the order asked for.",
            "The smallest t has the rank 0.",
            credit=0.5,
        ),
        Misconception(
            "from both ends",
            _from_both_ends,
            "You go from both ends to the middle in turn. The middle is then missing until the "
            "very end.",
            "Follow the numbers t.",
        ),
        Misconception(
            "halving",
            _halving,
            "You halve the gaps in turn (a bit-reversed order). It is even at 2, 4, 8 ... tilts "
            "and less so between; the golden order is even at every number.",
            "Follow the numbers t.",
            credit=0.5,
        ),
    ],
    hints=[
        "t = (0.5 + np.arange(n) * (np.sqrt(5) - 1) / 2) % 1",
        "The rank of a number is how many of the others are smaller.",
        "np.array([np.sum(t < one) for one in t]), or np.argsort(np.argsort(t)).",
    ],
    picture=pictures.golden_order,
    takeaway="0.618 is the number that fractions approach worst, so no two tilts ever come close "
    "before they must. In the kit: simulate.tilt_order.",
    points=1,
)
