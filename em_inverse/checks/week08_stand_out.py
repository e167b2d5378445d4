"""Week 8, exercise 3: which tilts do not belong to the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks import week08_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.week08_problems import residuals_of_tilts

__all__ = ["stand_out"]

_NORMAL = 1.4826


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    return [
        {"residuals": residuals, "threshold": threshold}
        for k, (n,) in enumerate(sizes)
        for threshold in [(5.0, 3.5, 6.5)[k % 3]]
        for residuals in residuals_of_tilts(rng, n, threshold)
    ]


def _other(first: np.ndarray, second: np.ndarray) -> bool:
    return not np.array_equal(first, second)


def _unit_is_no_matter(case: Case, k: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if not _other(call(residuals=2000 * case["residuals"]), k):
        return None
    return (
        "In other units, with all residuals 2000 times as large, the same tilts stand out; yours "
        "change."
    )


def _level_is_no_matter(case: Case, k: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    residuals = case["residuals"]
    if not _other(call(residuals=residuals + 3 * residuals.max()), k):
        return None
    return (
        "With the same number added to all residuals (more noise everywhere), the same tilts stand "
        "out; yours change."
    )


def _order_is_no_matter(case: Case, k: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    turned = call(residuals=case["residuals"][::-1])
    if not _other(np.sort(case["residuals"].size - 1 - turned), np.sort(k)):
        return None
    return "With the tilts in reverse order, the same tilts must stand out; yours are others."


def _equals_do_not(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if call(residuals=np.full(case["residuals"].size, 2.5)).size == 0:
        return None
    return "Where all residuals are equal, none stands out; yours finds some. Is > needed for >=?"


def _above(limit: Callable[[np.ndarray, float], float]) -> Callable[..., np.ndarray]:
    """Return a wrong rule: the indices of what is larger than ``limit(residuals, threshold)``."""
    return lambda residuals, threshold: np.flatnonzero(residuals > limit(residuals, threshold))


def _away(r: np.ndarray) -> np.ndarray:
    return np.abs(r - np.median(r))


def _spread(r: np.ndarray) -> float:
    return float(_NORMAL * np.median(_away(r)))


def _limit(r: np.ndarray, threshold: float) -> float:
    return float(np.median(r) + threshold * _spread(r))


def _quartiles(r: np.ndarray, threshold: float) -> float:
    low, high = np.percentile(r, [25, 75])
    return float(high + threshold * (high - low))


def _worst_first(residuals: np.ndarray, threshold: float) -> np.ndarray:
    order = np.argsort(-residuals)
    return order[residuals[order] > _limit(residuals, threshold)]


stand_out = Exercise(
    "stand_out",
    "Write stand_out(residuals, threshold=5.0): residuals has one number for each tilt, how far "
    "the projection is from what the object foretells. Return the indices, as an array in "
    "ascending order, of the tilts whose residual is larger than the median by more than "
    "threshold × 1.4826 × MAD. The MAD is the median of the absolute differences from the median.",
    reference=reference.stand_out,
    cases=_cases,
    sizes=[(15,), (12,), (31,), (40,)],
    any_length=True,
    properties=[
        Property("no dependence on the unit", _unit_is_no_matter),
        Property("no dependence on the level", _level_is_no_matter),
        Property("no dependence on the order of the tilts", _order_is_no_matter),
        Property("equals do not stand out", _equals_do_not),
    ],
    misconceptions=[
        Misconception(
            "mean and standard deviation",
            _above(lambda r, t: float(r.mean() + t * r.std())),
            "You use the mean and the standard deviation. One bad projection raises both, and "
            "hides behind the limit that it has raised itself.",
            "np.median hardly notices the one that does not belong.",
        ),
        Misconception(
            "standard deviation",
            _above(lambda r, t: float(np.median(r) + t * r.std())),
            "Your middle is the median, but the width is the standard deviation, which a single "
            "bad projection inflates.",
            "The width, too, must be a median: that of |residuals − median|.",
            credit=0.25,
        ),
        Misconception(
            "mean for the median",
            _above(lambda r, t: float(r.mean() + t * _spread(r))),
            "Your width is right, but you count from the mean, which the bad projections pull up "
            "with them.",
            "Count from np.median(residuals).",
            credit=0.5,
        ),
        Misconception(
            "without 1.4826",
            _above(lambda r, t: float(np.median(r) + t * np.median(_away(r)))),
            "The factor 1.4826 is missing. Half of a bell curve lies within 0.6745 σ, so the MAD "
            "is 0.6745 σ; the factor makes it a σ again, and the threshold a number of σ.",
            "spread = 1.4826 * MAD",
            credit=0.5,
        ),
        Misconception(
            "divided by 1.4826",
            _above(lambda r, t: float(np.median(r) + t * np.median(_away(r)) / _NORMAL)),
            "You divide by 1.4826; the MAD is smaller than σ, so it has to be multiplied.",
            "spread = 1.4826 * MAD",
            credit=0.5,
        ),
        Misconception(
            "both sides",
            lambda residuals, threshold: np.flatnonzero(
                _away(residuals) > threshold * _spread(residuals)
            ),
            "Your function also names tilts whose residual is far below the median. A projection "
            "that is foretold unusually well is no reason for an alarm.",
            "Only residuals above the limit: leave the np.abs out of the comparison.",
            credit=0.5,
        ),
        Misconception(
            "absolute threshold",
            _above(lambda _, t: t),
            "You compare the residuals with the threshold itself. Their size depends on the unit "
            "and the dose; the threshold is a number of widths.",
            "The limit is the median plus threshold times the width.",
        ),
        Misconception(
            "threshold times the median",
            _above(lambda r, t: float(t * np.median(r))),
            "Your limit is a multiple of the median. How widely the residuals scatter plays no "
            "part in it: where they hardly scatter, half as much again is already an alarm.",
            "Measure the width as well: the median of |residuals − median|.",
        ),
        Misconception(
            "width only",
            _above(lambda r, t: t * _spread(r)),
            "Your limit is counted from zero. It must be counted from the median.",
            "median + threshold * spread",
            credit=0.25,
        ),
        Misconception(
            "mean deviation",
            _above(lambda r, t: float(np.median(r) + t * _NORMAL * _away(r).mean())),
            "You take the mean of the differences from the median. One large difference raises a "
            "mean; the M of MAD stands for median, twice.",
            "np.median(np.abs(residuals - np.median(residuals)))",
            credit=0.25,
        ),
        Misconception(
            "quartiles",
            _above(_quartiles),
            "You measure the width by the quartiles, as a box plot does. That is robust, too, but "
            "counts from elsewhere and has another width than the one asked for.",
            "np.median(np.abs(residuals - np.median(residuals)))",
            credit=0.5,
        ),
        Misconception(
            "threshold ignored",
            _above(lambda r, _: _limit(r, 5.0)),
            "Your function always uses 5; the argument threshold makes no difference.",
            "Write threshold where you wrote 5.",
            credit=0.5,
        ),
        Misconception(
            "mask",
            lambda residuals, threshold: residuals > _limit(residuals, threshold),
            "Your function returns True or False for every tilt. Asked for are the indices of "
            "those that are True.",
            "np.flatnonzero(mask)",
            credit=0.5,
        ),
        Misconception(
            "values",
            lambda residuals, threshold: residuals[residuals > _limit(residuals, threshold)],
            "Your function returns the residuals that stand out, not which tilts they belong to.",
            "np.flatnonzero(mask) instead of residuals[mask]",
            credit=0.5,
        ),
        Misconception(
            "worst first",
            _worst_first,
            "The tilts are the right ones, but in another order: ascending indices are asked for.",
            "np.flatnonzero, or np.sort at the end.",
            credit=0.5,
        ),
        Misconception(
            "always the worst",
            lambda residuals, threshold: [int(np.argmax(residuals))],
            "Your function names the largest residual, always exactly one. Some largest is there "
            "in every good series, and in a bad one there may be several that stand out.",
            "Compare each residual with a limit.",
        ),
        Misconception(
            "inliers",
            lambda residuals, threshold: np.flatnonzero(residuals <= _limit(residuals, threshold)),
            "Your function returns the tilts that do not stand out.",
            "Turn the comparison round.",
            credit=0.5,
        ),
    ],
    hints=[
        "What is the middle of the residuals, and what is their width, if a few of them are lies?",
        "median = np.median(residuals), width = 1.4826 * np.median(np.abs(residuals - median)).",
        "np.flatnonzero(residuals > median + threshold * width) gives indices.",
    ],
    picture=pictures.stand_out,
    takeaway="To stand out is a reason to look at a projection, not to drop it. In sequential "
    "order the first ones after a gap stand out because they bring news.",
    points=2,
)
