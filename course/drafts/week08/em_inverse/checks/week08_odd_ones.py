"""Week 8, exercise 3: which projections do not fit the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks import week08_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["odd_ones"]

_LIMIT = (3.0, 4.0, 5.0)


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Residuals of usual spread, one huge, two that a huge one hides, and one far too low."""
    cases: list[Case] = []
    for k, (n,) in enumerate(sizes):
        # Evenly filled, so that no residual lies near a limit by chance.
        usual = 10.0 + np.linspace(-1, 1, n) * rng.uniform(0.95, 1.05)
        residuals = rng.permutation(usual)
        limit = _LIMIT[k % len(_LIMIT)]
        places = rng.permutation(n)[:5]
        residuals[places[0]] = 45.0
        residuals[places[1]] = 10 + 1.35 * limit
        residuals[places[2]] = 10 + 1.25 * limit
        residuals[places[3]] = 10 + 0.76 * limit
        residuals[places[4]] = 1.0
        cases.append({"residuals": residuals, "limit": limit})
    return cases


def _unit_does_not_matter(
    case: Case, odd: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if np.array_equal(call(residuals=1000 * case["residuals"]), odd):
        return None
    return "In other units (all residuals times 1000) your function finds other projections."


def _wild_value_hides_nobody(
    case: Case, odd: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    wild = case["residuals"].copy()
    wild[np.argmax(wild)] = 1e6
    if np.array_equal(call(residuals=wild), odd):
        return None
    return (
        "When the worst projection gets still worse, your function overlooks others: a mean or a "
        "standard deviation follows the outlier that it should find."
    )


def _above(residuals: np.ndarray) -> np.ndarray:
    return residuals - np.median(residuals)


def _spread(residuals: np.ndarray) -> float:
    return float(np.median(np.abs(_above(residuals))))


odd_ones = Exercise(
    "odd_ones",
    "Write odd_ones(residuals, limit): residuals holds ‖A_θ x − b_θ‖ of every projection. Return an "
    "array with True where one lies above the median by more than limit × 1.4826 × MAD, where MAD "
    "is the median of |residual − median|.",
    reference=reference.odd_ones,
    cases=_cases,
    sizes=[(25,), (32,), (41,)],
    properties=[
        Property("units make no difference", _unit_does_not_matter),
        Property("one wild value hides nobody", _wild_value_hides_nobody),
    ],
    misconceptions=[
        Misconception(
            "mean and standard deviation",
            lambda residuals, limit: (
                residuals - residuals.mean() > limit * residuals.std()
            ),
            "You use mean and standard deviation. One wild projection makes both so large that "
            "the smaller sinners hide behind it.",
            "np.median, twice: once for the middle, once for the distances from it.",
        ),
        Misconception(
            "factor forgotten",
            lambda residuals, limit: _above(residuals) > limit * _spread(residuals),
            "The MAD is used without its factor. For Gaussian numbers 1.4826 · MAD is the standard "
            "deviation; without it your limit is a third lower than it says.",
            "spread = 1.4826 * np.median(np.abs(above))",
            credit=0.5,
        ),
        Misconception(
            "both sides",
            lambda residuals, limit: (
                np.abs(_above(residuals)) > limit * 1.4826 * _spread(residuals)
            ),
            "Your function also accuses a projection that fits better than the others. (Look at "
            "it, but it does not spoil the reconstruction.)",
            "Only above the median: no absolute value in the comparison.",
            credit=0.5,
        ),
        Misconception(
            "the good ones",
            lambda residuals, limit: _above(residuals) <= limit * 1.4826 * _spread(residuals),
            "Your function marks those that fit; True is asked for where they do not.",
            "Turn the comparison round.",
            credit=0.5,
        ),
        Misconception(
            "limit ignored",
            lambda residuals, limit: _above(residuals) > 1.4826 * _spread(residuals),
            "limit makes no difference: everything more than one deviation above the median is "
            "accused, a sixth of all good projections.",
            "Multiply the spread by limit.",
        ),
        Misconception(
            "times the median",
            lambda residuals, limit: residuals > limit * np.median(residuals),
            "You compare with limit times the median. How far above the median is unusual depends "
            "on how much the residuals scatter, not on how large they are.",
            "First subtract the median, then compare with limit spreads.",
        ),
    ],
    hints=[
        "above = residuals - np.median(residuals)",
        "spread = 1.4826 * np.median(np.abs(above))",
        "return above > limit * spread",
    ],
    picture=pictures.odd_ones,
    takeaway="Robust means: the answer about the others does not change because one is terrible. "
    "The kit does the same with the neighbours in angle, because thick tilts fit worse anyway.",
    points=1,
)
