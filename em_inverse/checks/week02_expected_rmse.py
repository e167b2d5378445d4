"""Week 2, exercise 2: the error of the naive inverse, known before any noise is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from em_inverse.checks import week02_pictures as pictures
from em_inverse.checks import week02_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["expected_rmse"]

_TOLERANCE = 1e-6
_LIKE_A_SIMULATION = 0.05


def _expected_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Square and tall problems: a wide one leaves patterns unseen, so its shape is turned."""
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (max(m, n), min(m, n)), condition=float(rng.uniform(5, 30)))
        cases.append({"H": system.H, "noise_level": float(rng.uniform(0.02, 0.3))})
    return cases


def _draws_nothing(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if call() != answer:
        return (
            "Two calls on the same problem give two answers: your function draws noise. This "
            "exercise wants the mean over all draws, which the singular values give without "
            "drawing any."
        )
    gap = abs(float(answer / reference.expected_rmse(**case)) - 1)
    if _TOLERANCE < gap < _LIKE_A_SIMULATION:
        return (
            f"Your answer is within {100 * gap:.2g} % of the right one, as the mean over many "
            f"draws with a fixed seed would be. The singular values give the mean over all draws "
            f"exactly, without drawing any."
        )
    return None


def _is_proportional(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    twice = call(noise_level=2 * case["noise_level"])
    if np.isclose(twice, 2 * answer, rtol=_TOLERANCE):
        return None
    return (
        f"Twice the noise gives {float(twice / answer):.3g} times the error; the naive inverse is "
        f"linear, so it must be 2."
    )


def _orthogonal_passes(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    """With all σ = 1 the error is the noise, whatever the number of rows."""
    Q = np.linalg.svd(case["H"], full_matrices=False)[0]
    if np.isclose(call(H=Q), case["noise_level"], rtol=_TOLERANCE):
        return None
    return (
        "Where all singular values are 1 nothing is amplified, and the RMSE is the noise level. "
        "Yours is not. How many numbers is the mean taken over?"
    )


def _from_sigma(formula: Callable[[np.ndarray], Any]) -> Callable[..., float]:
    return lambda H, noise_level: float(noise_level * formula(np.linalg.svd(H, compute_uv=False)))


def _squared(H: np.ndarray, noise_level: float) -> float:
    s = np.linalg.svd(H, compute_uv=False)
    return float(noise_level**2 * np.mean(1 / s**2))


def _over_rows(H: np.ndarray, noise_level: float) -> float:
    s = np.linalg.svd(H, compute_uv=False)
    return float(noise_level * np.sqrt(np.sum(1 / s**2) / len(H)))


expected_rmse = Exercise(
    "expected_rmse",
    "Write expected_rmse(H, noise_level): the RMSE that noise of this standard deviation leaves in "
    "the naive inverse on average (the root of the mean square over all draws and unknowns). No "
    "noise is drawn. H has as many rows as columns, or more, and no singular value is zero.",
    reference=reference.expected_rmse,
    cases=_expected_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (14, 5)],
    properties=[
        Property("no noise is drawn", _draws_nothing),
        Property("twice the noise, twice the error", _is_proportional),
        Property("all σ = 1: nothing is amplified", _orthogonal_passes),
    ],
    misconceptions=[
        Misconception(
            "the bound",
            _from_sigma(lambda s: 1 / s[-1]),
            "Your function returns noise_level/σ_min: the worst case, all noise on the last "
            "pattern. On average noise is spread evenly over all patterns.",
            "Each of the n coefficients has an error of its own, noise_level/σᵢ. What is the root "
            "mean square of those?",
            credit=0.5,
        ),
        Misconception(
            "mean without squares",
            _from_sigma(lambda s: np.mean(1 / s)),
            "Your function takes the mean of 1/σ. Errors on different patterns are independent, "
            "so their squares add.",
            "Square first, then mean, then root.",
            credit=0.5,
        ),
        Misconception(
            "norm for RMSE",
            _from_sigma(lambda s: np.sqrt(np.sum(1 / s**2))),
            "Your function returns the expected norm of the error: the sum over all unknowns where "
            "their mean is asked for.",
            "The M in RMSE: divide by the number of unknowns before the root.",
            credit=0.5,
        ),
        Misconception(
            "no root",
            _squared,
            "Your function returns the mean square error; its root is missing.",
            "An RMSE has the unit of x.",
            credit=0.5,
        ),
        Misconception(
            "noise squared, no root of it",
            lambda H, noise_level: noise_level * reference.expected_rmse(H, noise_level),
            "Your function multiplies by the square of the noise level; the root was taken of the "
            "singular values only.",
            "Variance is noise_level². Take the root of the whole product.",
            credit=0.5,
        ),
        Misconception(
            "mean of the singular values",
            _from_sigma(lambda s: 1 / np.sqrt(np.mean(s**2))),
            "Your function inverts after the mean: 1/√(mean σ²). The mean of 1/σ² is governed by "
            "the small σ, the one over the mean of σ² by the large.",
            "Invert each σ, then take the mean.",
        ),
        Misconception(
            "forward noise",
            _from_sigma(lambda s: np.sqrt(np.mean(s**2))),
            "Your function multiplies with the singular values. That is what H does to noise in "
            "the object; the inverse divides.",
            "The coefficient uᵢᵀε is divided by σᵢ.",
        ),
        Misconception(
            "κ",
            _from_sigma(lambda s: s[0] / s[-1]),
            "Your function multiplies the noise by κ. κ compares relative errors in the worst "
            "case; here the error itself is asked for, on average.",
            "The largest singular value does not come into it.",
        ),
        Misconception(
            "root of the mean of 1/σ",
            _from_sigma(lambda s: np.sqrt(np.mean(1 / s))),
            "Your function takes the root of the mean of 1/σ; under the root belongs 1/σ².",
            "A root mean square: square, mean, root.",
            credit=0.5,
        ),
        Misconception(
            "divided after the root",
            _from_sigma(lambda s: np.sqrt(np.sum(1 / s**2)) / s.size),
            "Your function takes the root of the sum and divides by the number of unknowns. The "
            "mean comes before the root, so that the norm is divided by the root of the number.",
            "Square, mean, root, in this order.",
            credit=0.5,
        ),
        Misconception(
            "mean over the data",
            _over_rows,
            "Your function divides by the number of data. The error lives in the object: divide "
            "by the number of unknowns.",
            "H has as many columns as there are unknowns, and, if no rows are missing, as many "
            "singular values.",
            credit=0.5,
        ),
    ],
    hints=[
        (
            "The naive inverse of pure noise ε is Σ (uᵢᵀε/σᵢ) vᵢ. The U and V only rotate: what is "
            "the variance of uᵢᵀε?"
        ),
        (
            "Every uᵢᵀε has the standard deviation noise_level. Divided by σᵢ, squared and "
            "averaged over i it gives the mean square error per unknown."
        ),
        "noise_level * np.sqrt(np.mean(1 / s**2)), with s from np.linalg.svd.",
    ],
    picture=pictures.expected_rmse,
    takeaway="You know the error before the first electron: H and the noise level are enough. The "
    "object does not come into it.",
    points=1,
)
