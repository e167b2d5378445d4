"""Week 9, exercise 2: how far counts are from what was expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week09_pictures as pictures
from em_inverse.checks import week09_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["deviance"]

_TOLERANCE = 1e-6


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Few counts per pixel, so that some pixels are empty and squares are another thing."""
    cases: list[Case] = []
    for rows, columns in sizes:
        truth = rng.uniform(0.8, 6.0, (rows, columns))
        counts = rng.poisson(truth).astype(np.float64)
        counts.flat[:2] = 0, 3
        cases.append({"counts": counts, "expected": truth * rng.uniform(0.6, 1.5, truth.shape)})
    return cases


def _zero_at_a_fit(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    whole = case["counts"] + 1
    if abs(float(call(counts=whole, expected=whole))) < _TOLERANCE:
        return None
    return "Counts that are exactly as expected have a deviance of 0; yours is another number."


def _empty_pixels(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    empty = float(call(counts=np.zeros_like(case["counts"])))
    if abs(empty - 2 * float(case["expected"].mean())) < _TOLERANCE:
        return None
    return (
        "Where no count came, d log(d/e) is 0 and 2 e is left: a picture without counts has the "
        "deviance 2 · mean(e)."
    )


def _repeats(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    twice = {name: np.vstack([value, value]) for name, value in case.items()}
    if abs(float(call(**twice)) - float(answer)) < _TOLERANCE:
        return None
    return "The same picture twice must have the same deviance per pixel: take the mean."


def _log(d: np.ndarray, e: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.where(d > 0, d, e) / e))


def _seen_only(counts: np.ndarray, expected: np.ndarray) -> float:
    seen = counts > 0
    return float(reference.deviance(counts[seen], expected[seen]))


deviance = Exercise(
    "deviance",
    "Write deviance(counts, expected): 2 · mean of e − d + d log(d / e) over all pixels, with d "
    "the counts and e > 0 what was expected. A pixel without counts contributes 2 e.",
    reference=reference.deviance,
    cases=_cases,
    sizes=[(4, 5), (3, 3), (6, 2)],
    properties=[
        Property("zero for a perfect fit", _zero_at_a_fit),
        Property("a mean over pixels", _repeats),
        Property("empty pixels", _empty_pixels),
    ],
    misconceptions=[
        Misconception(
            "one count added",
            lambda counts, expected: (
                2 * np.mean(expected - counts + counts * np.log((counts + 1) / expected))
            ),
            "You add a count inside of the logarithm to keep 0 away. That changes every other "
            "pixel as well.",
            "np.where(counts > 0, counts, expected) / expected is 1 where no count came, and its "
            "logarithm 0.",
            credit=0.5,
        ),
        Misconception(
            "empty pixels left out",
            _seen_only,
            "Pixels without counts are left out. They say something too: that little was there. "
            "Each contributes 2 e.",
            "Only the term with the logarithm vanishes at d = 0; e − d stays.",
            credit=0.5,
        ),
        Misconception(
            "empty pixels get no share",
            lambda counts, expected: (
                2
                * np.mean(
                    np.where(counts > 0, expected - counts + counts * _log(counts, expected), 0)
                )
            ),
            "Pixels without counts contribute 0 in your version; they contribute 2 e.",
            "Only the term with the logarithm vanishes at d = 0; e − d stays.",
            credit=0.5,
        ),
        Misconception(
            "sum",
            lambda counts, expected: reference.deviance(counts, expected) * counts.size,
            "This is the sum over all pixels; the mean is asked for, so that 1 means as much as "
            "counting noise.",
            "np.mean in place of np.sum.",
            credit=0.5,
        ),
        Misconception(
            "no factor 2",
            lambda counts, expected: reference.deviance(counts, expected) / 2,
            "The factor 2 is missing. With it, counting noise gives about 1 per pixel.",
            "2 * np.mean(...).",
            credit=0.5,
        ),
        Misconception(
            "squares",
            lambda counts, expected: np.mean((counts - expected) ** 2),
            "These are squared differences. They treat a miss by 3 alike where 1 and where 100 "
            "counts were expected.",
            "Counts are Poisson: use d log(d / e).",
        ),
        Misconception(
            "chi square",
            lambda counts, expected: np.mean((counts - expected) ** 2 / expected),
            "This is Pearson's χ², (d − e)²/e. It comes near the deviance for many counts, not for "
            "few.",
            "Three terms: e, − d, and d log(d / e).",
            credit=0.25,
        ),
        Misconception(
            "logarithm only",
            lambda counts, expected: 2 * np.mean(counts * _log(counts, expected)),
            "The terms e − d are missing. Without them a model that expects too much everywhere "
            "would be rewarded.",
            "Add expected - counts inside the mean.",
        ),
        Misconception(
            "lecture's form",
            lambda counts, expected: np.mean(expected - counts * np.log(expected)),
            "This is e − d log e, as the objective is often written. It has the same minimum, but "
            "it is not 0 there, so that nothing says whether a value is large.",
            "Subtract its value at e = d; that gives e − d + d log(d / e).",
            credit=0.5,
        ),
        Misconception(
            "ratio turned",
            lambda counts, expected: (
                2 * np.mean(expected - counts - counts * _log(counts, expected))
            ),
            "The ratio in the logarithm is turned: you have log(e / d).",
            "d / e: counts over expected.",
        ),
        Misconception(
            "roles exchanged",
            lambda counts, expected: (
                2
                * np.mean(
                    counts - expected + expected * np.log(expected / np.maximum(counts, 1e-12))
                )
            ),
            "Counts and expectation have exchanged their roles.",
            "e comes first: e − d + d log(d / e), d the counts.",
        ),
        Misconception(
            "signs of e and d",
            lambda counts, expected: (
                2 * np.mean(counts - expected + counts * _log(counts, expected))
            ),
            "The signs of the first two terms are turned: it is e − d, not d − e.",
            "At e = 2 d, is a deviance below 0 possible?",
        ),
        Misconception(
            "decadic logarithm",
            lambda counts, expected: (
                2 * np.mean(expected - counts + counts * _log(counts, expected) / np.log(10))
            ),
            "You take the logarithm to the base 10; the natural one is meant.",
            "np.log is the natural logarithm.",
            credit=0.5,
        ),
    ],
    hints=[
        "Write the three terms for one pixel with d = 0 and for one with d = e first.",
        "np.where keeps the logarithm away from 0: give it a ratio of 1 there.",
        "2 * np.mean(expected - counts + counts * np.log(ratio)).",
    ],
    picture=pictures.deviance,
    takeaway="About 1 per pixel is what counting noise gives. More means that the model is wrong; "
    "much less, that noise has been fitted.",
    points=1,
)
