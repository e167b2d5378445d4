"""Week 2, exercise 5: the filter factors of Tikhonov."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week02_pictures as pictures
from em_inverse.checks import week02_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["filter_factors"]

_TOLERANCE = 1e-6


def _factor_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    cases: list[Case] = []
    for (n,) in sizes:
        s = np.sort(rng.uniform(0.05, 1.8, n))[::-1]
        cases.append({"s": s, "lam": float(10 ** rng.uniform(-1.7, -0.4))})
    return cases


def _is_a_share(_case: Case, f: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    if f.min() >= 0 and f.max() <= 1:
        return None
    return (
        f"Its values run from {f.min():.2g} to {f.max():.2g}. A filter factor is a share: 1 keeps "
        f"a pattern of the naive inverse, 0 drops it."
    )


def _half_at_the_root(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.allclose(call(s=np.full_like(case["s"], np.sqrt(case["lam"]))), 0.5, rtol=_TOLERANCE):
        return None
    return "Where σ² = λ just one half of a pattern is kept; yours keeps another share."


def _keeps_all_without_lambda(
    _case: Case, _: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if np.allclose(call(lam=1e-14), 1.0, rtol=_TOLERANCE):
        return None
    return "As λ goes to 0 every factor must go to 1: the naive inverse. Yours do not."


filter_factors = Exercise(
    "filter_factors",
    "Write filter_factors(s, lam): for each singular value the share of the naive inverse's "
    "pattern that Tikhonov keeps, an array of numbers between 0 and 1. (The naive inverse divides "
    "a coefficient by σ; Tikhonov multiplies it by σ/(σ² + λ).)",
    reference=reference.filter_factors,
    cases=_factor_cases,
    sizes=[(5,), (8,), (13,)],
    properties=[
        Property("between 0 and 1", _is_a_share),
        Property("one half where σ² = λ", _half_at_the_root),
        Property("1 as λ → 0", _keeps_all_without_lambda),
    ],
    misconceptions=[
        Misconception(
            "the multiplier",
            lambda s, lam: s / (s**2 + lam),
            "Your function returns σ/(σ² + λ), which multiplies the data coefficient. The filter "
            "factor compares it with the 1/σ of the naive inverse.",
            "Write σ/(σ² + λ) as a factor times 1/σ.",
            credit=0.5,
        ),
        Misconception(
            "λ squared",
            lambda s, lam: s**2 / (s**2 + lam**2),
            "Your function uses λ² where ours has λ. Books that write λ²‖x‖² mean the root of "
            "ours.",
            "The penalty here is λ‖x‖².",
            credit=0.5,
        ),
        Misconception(
            "σ without square",
            lambda s, lam: s / (s + lam),
            "Your function returns σ/(σ + λ); both σ must be squared.",
            "Multiply σ/(σ² + λ) by σ.",
            credit=0.5,
        ),
        Misconception(
            "what is dropped",
            lambda s, lam: lam / (s**2 + lam),
            "Your function returns λ/(σ² + λ): the share that is dropped.",
            "The kept and the dropped share add up to 1.",
            credit=0.5,
        ),
        Misconception(
            "hard cut",
            lambda s, lam: (s**2 > lam).astype(float),
            "Your function keeps or drops whole patterns: those are the factors of a truncated "
            "SVD. Tikhonov's pass gently from 1 to 0.",
            "Start from σ/(σ² + λ).",
        ),
        Misconception(
            "one over",
            lambda s, lam: 1 / (s**2 + lam),
            "Your function returns 1/(σ² + λ); the σ² on top is missing.",
            "Without λ the factor must be 1.",
        ),
        Misconception(
            "upside down",
            lambda s, lam: (s**2 + lam) / s**2,
            "Your function returns the factor upside down: it is above 1.",
            "What is kept is never more than there was.",
            credit=0.5,
        ),
        Misconception(
            "root of λ",
            lambda s, lam: s**2 / (s**2 + np.sqrt(lam)),
            "Your function uses √λ where ours has λ.",
            "λ stands beside σ² as it is.",
            credit=0.5,
        ),
        Misconception(
            "squared factor",
            lambda s, lam: (s**2 / (s**2 + lam)) ** 2,
            "Your function returns the square of the factor.",
            "The factor multiplies the coefficient itself, not its energy.",
            credit=0.5,
        ),
        Misconception(
            "root of the factor",
            lambda s, lam: s / np.sqrt(s**2 + lam),
            "Your function returns the root of the factor.",
            "σ/(σ² + λ) times σ is the factor; no root is needed.",
            credit=0.5,
        ),
        Misconception(
            "product of both",
            lambda s, lam: s**2 / (s**2 * lam + 1),
            "Your λ multiplies σ²; it is added to it.",
            "λ is a floor under σ²: something that is added.",
        ),
    ],
    hints=[
        "factor × 1/σ = σ/(σ² + λ). What is the factor?",
        "Multiply both sides by σ. Arrays: s**2 squares every entry.",
        "s**2 / (s**2 + lam)",
    ],
    picture=pictures.filter_factors,
    takeaway="A cut and a slope: truncated SVD and Tikhonov are the same inverse with other "
    "factors, and √λ is where the slope passes one half.",
    points=1,
)
