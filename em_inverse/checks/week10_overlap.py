"""Week 10, exercise 1: how much of two pictures lies in the same place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week10_pictures as pictures
from em_inverse.checks import week10_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["overlap"]

_TOLERANCE = 1e-8


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Pictures of unequal sums, partly empty, with places that only one of both has."""
    cases: list[Case] = []
    for shape in sizes:
        a, b = rng.uniform(0.2, 2.0, shape), rng.uniform(0.5, 6.0, shape)
        a.flat[0], b.flat[-1] = 0, 0
        cases.append({"a": a, "b": b})
    return cases


def _one_with_itself(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(b=case["a"].copy())) - 1) < _TOLERANCE:
        return None
    return "A picture lies wholly where it lies: the overlap of `a` with itself must be 1."


def _nothing_in_common(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    a, b = case["a"].copy(), case["b"].copy()
    half = a.size // 2
    a.flat[:half], b.flat[half:] = 0, 0
    if abs(float(call(a=a, b=b))) < _TOLERANCE:
        return None
    return "Pictures that have no pixel in common overlap by 0; yours give another number."


def _no_brightness(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(a=3 * case["a"])) - float(answer)) < _TOLERANCE:
        return None
    return (
        "It changes when one picture gets brighter as a whole. Where things are does not depend on "
        "how bright they are: divide each by its own sum."
    )


def _shares(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return a / a.sum(), b / b.sum()


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    p, q = _shares(a, b)
    return float(np.abs(p - q).sum())


overlap = Exercise(
    "overlap",
    "Write overlap(a, b) for two pictures ≥ 0 of one shape (pixels or voxels): divide each by its "
    "own sum, take the smaller one of both in every pixel, and add up. 1 means the same places, 0 "
    "none in common.",
    reference=reference.overlap,
    cases=_cases,
    sizes=[(4, 5, 2), (6, 1, 3), (3, 2, 4)],
    properties=[
        Property("1 with itself", _one_with_itself),
        Property("0 for strangers", _nothing_in_common),
        Property("brightness does not matter", _no_brightness),
    ],
    misconceptions=[
        Misconception(
            "not normalised",
            lambda a, b: np.minimum(a, b).sum(),
            "Both pictures keep their own brightness, so that the result has a unit. Divide each "
            "by its own sum first.",
            "a / a.sum(), and the same for b.",
            credit=0.25,
        ),
        Misconception(
            "common sum",
            lambda a, b: 2 * np.minimum(a, b).sum() / (a.sum() + b.sum()),
            "You divide by the sum of both. A faint mode would then never overlap with a bright "
            "one, wherever it is.",
            "Each picture by its own sum, before the smaller one is taken.",
            credit=0.25,
        ),
        Misconception(
            "share of the first",
            lambda a, b: np.minimum(a, b).sum() / a.sum(),
            "You divide by the sum of `a` only, after the smaller one was taken. Then a bright `b` "
            "covers everything.",
            "Normalise both, then np.minimum.",
            credit=0.25,
        ),
        Misconception(
            "by the largest",
            lambda a, b: np.minimum(a / a.max(), b / b.max()).sum(),
            "You divide by the largest values. Parts of a whole come from the sum.",
            "a.sum() in place of a.max().",
            credit=0.5,
        ),
        Misconception(
            "mean",
            lambda a, b: np.minimum(*_shares(a, b)).mean(),
            "This is the mean over pixels. Shares of a whole are added up.",
            ".sum() at the end.",
            credit=0.5,
        ),
        Misconception(
            "larger one",
            lambda a, b: np.maximum(*_shares(a, b)).sum(),
            "You take the larger one of both, which is what at least one of them has.",
            "np.minimum: what both have.",
            credit=0.5,
        ),
        Misconception(
            "distance",
            lambda a, b: _distance(a, b) / 2,
            "This is 1 minus the overlap: the share that would have to be moved to make one "
            "picture of the other.",
            "Σ min(p, q) = 1 − ½ Σ |p − q|.",
            credit=0.5,
        ),
        Misconception(
            "half forgotten",
            lambda a, b: 1 - _distance(a, b),
            "Every piece that is moved is counted twice in Σ |p − q|, where it is missing and "
            "where it arrives.",
            "1 − ½ Σ |p − q|, or np.minimum at once.",
            credit=0.5,
        ),
        Misconception(
            "cosine",
            lambda a, b: float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())),
            "This is the cosine between the pictures. It is also 1 for equal and 0 for strangers, "
            "but in between it weighs bright pixels by their square.",
            "np.minimum of both shares, added up.",
            credit=0.25,
        ),
        Misconception(
            "product",
            lambda a, b: np.prod(_shares(a, b), axis=0).sum(),
            "You multiply the shares. Even for two equal pictures the sum of their squares is not "
            "1.",
            "np.minimum in place of *.",
        ),
        Misconception(
            "correlation",
            lambda a, b: float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
            "This is a correlation coefficient. It can be negative, and empty surroundings raise "
            "it.",
            "np.minimum of both shares, added up.",
        ),
        Misconception(
            "pixels counted",
            lambda a, b: ((a > 0) & (b > 0)).sum() / ((a > 0) | (b > 0)).sum(),
            "You count pixels that both have. A pixel with a trace of one of them counts as much "
            "as its brightest one.",
            "Use the values: np.minimum of both shares.",
        ),
    ],
    hints=[
        "Make parts of a whole first: after the division each picture adds up to 1.",
        "What both have in a pixel is the smaller one of the two shares: np.minimum.",
        "np.minimum(a / a.sum(), b / b.sum()).sum().",
    ],
    picture=pictures.overlap,
    takeaway="It needs no threshold and no unit, and it works for a projection as for a volume.",
    points=1,
)
