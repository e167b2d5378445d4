"""Week 13, exercise 3: how far two sets of points are apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week13_pictures as pictures
from em_inverse.checks import week13_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["chamfer"]

_TOLERANCE = 1e-8


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Two clouds of unequal numbers of points, one of them smaller and off the middle."""
    return [{"a": rng.normal(0, 3, (n, 3)), "b": rng.normal(1, 1.5, (k, 3))} for n, k in sizes]


def _itself(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(b=case["a"].copy()))) < _TOLERANCE:
        return None
    return "A set of points is at the distance 0 from itself; yours is not."


def _both_alike(case: Case, found: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(a=case["b"], b=case["a"])) - float(found)) < _TOLERANCE:
        return None
    return "Exchange both sets, and your distance changes. It should not matter who is called a."


def _moved(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    grid = 5.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    if abs(float(call(a=grid, b=grid + np.array([0.0, 0.3, 0.4]))) - 0.5) < _TOLERANCE:
        return None
    return "Points of a wide grid, all moved by 0.5, are 0.5 from their copies; yours are not."


def _nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    apart = np.linalg.norm(np.asarray(a)[:, None] - np.asarray(b), axis=-1)
    return apart.min(axis=1), apart.min(axis=0)


chamfer = Exercise(
    "chamfer",
    "Write chamfer(a, b) for two sets of points (n, 3) and (k, 3): the mean distance from a point "
    "of `a` to the nearest one of `b`, the mean distance from a point of `b` to the nearest one "
    "of `a`, and of both numbers the mean. scipy.spatial.cKDTree(b).query(a)[0] holds nearest "
    "distances.",
    reference=reference.chamfer,
    cases=_cases,
    sizes=[(7, 4), (5, 9), (6, 3)],
    properties=[
        Property("0 from itself", _itself),
        Property("the same from both sides", _both_alike),
        Property("a small shift is a distance", _moved),
    ],
    misconceptions=[
        Misconception(
            "one way",
            lambda a, b: _nearest(a, b)[0].mean(),
            "You go from `a` to `b` only. Whatever `b` has and `a` lacks costs nothing then: half "
            "an object would be perfect.",
            "The same with a and b exchanged, and the mean of both.",
            credit=0.5,
        ),
        Misconception(
            "the other way only",
            lambda a, b: _nearest(a, b)[1].mean(),
            "You go from `b` to `a` only. Whatever `a` has invented costs nothing then.",
            "The same with a and b exchanged, and the mean of both.",
            credit=0.5,
        ),
        Misconception(
            "not halved",
            lambda a, b: sum(d.mean() for d in _nearest(a, b)),
            "This is the sum of both means. Papers use it, too; here the mean is asked for, so "
            "that a shift by 1 is a distance of 1.",
            "Divide by 2.",
            credit=0.5,
        ),
        Misconception(
            "squared",
            lambda a, b: sum((d**2).mean() for d in _nearest(a, b)) / 2,
            "You average squares. Papers use that, too; its unit is px², and single points far "
            "away rule it.",
            "The distances themselves.",
            credit=0.5,
        ),
        Misconception(
            "root mean square",
            lambda a, b: np.sqrt(np.mean(np.concatenate(_nearest(a, b)) ** 2)),
            "This is the root mean square, another number of the same papers.",
            ".mean() of the distances.",
            credit=0.5,
        ),
        Misconception(
            "one heap",
            lambda a, b: np.concatenate(_nearest(a, b)).mean(),
            "You throw both lists on one heap, so that the larger set counts more.",
            "First the mean of each list, then the mean of both.",
            credit=0.5,
        ),
        Misconception(
            "farthest",
            lambda a, b: max(d.max() for d in _nearest(a, b)),
            "You take the largest distance (Hausdorff's). One wrong point decides about it.",
            ".mean() in place of .max().",
            credit=0.25,
        ),
        Misconception(
            "all pairs",
            lambda a, b: np.linalg.norm(np.asarray(a)[:, None] - b, axis=-1).mean(),
            "You average over all pairs. Even a set and itself would be apart.",
            "Nearest points only: cKDTree(b).query(a)[0].",
        ),
        Misconception(
            "middle to middle",
            lambda a, b: np.linalg.norm(np.mean(a, axis=0) - np.mean(b, axis=0)),
            "This is the distance of the middles. A ball and a shell around it would agree.",
            "Nearest points: cKDTree(b).query(a)[0].",
        ),
    ],
    hints=[
        "from scipy.spatial import cKDTree. A tree holds one set, and is asked with the other.",
        "cKDTree(b).query(a)[0] has one distance for every point of a.",
        "(cKDTree(b).query(a)[0].mean() + cKDTree(a).query(b)[0].mean()) / 2.",
    ],
    picture=pictures.chamfer,
    takeaway="Both ways, because what is missing and what is invented are different errors.",
    points=1,
)
