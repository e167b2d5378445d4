"""Week 2, exercise 4: the truncated SVD."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week02_pictures as pictures
from em_inverse.checks import week02_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["truncated_svd"]

_TOLERANCE = 1e-5


def _truncated_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (m, n))
        most = min(m, n)
        r = int(rng.integers(2, most - 1)) if most > 3 else 1
        cases.append({"H": system.H, "y": system.y, "r": r})
    return cases


def _uses_the_first_patterns(
    case: Case, answer: np.ndarray, _: Callable[..., np.ndarray]
) -> str | None:
    Vt = np.linalg.svd(case["H"], full_matrices=False)[2]
    rest = answer - Vt[: case["r"]].T @ (Vt[: case["r"]] @ answer)
    if np.linalg.norm(rest) < _TOLERANCE * np.linalg.norm(answer):
        return None
    return (
        f"With r = {case['r']} the answer must be made of the first {case['r']} right singular "
        f"vectors. Yours holds something else as well."
    )


def _explains_their_data(
    case: Case, answer: np.ndarray, _: Callable[..., np.ndarray]
) -> str | None:
    U = np.linalg.svd(case["H"], full_matrices=False)[0][:, : case["r"]]
    if distance(U.T @ (case["H"] @ answer), U.T @ case["y"]) < _TOLERANCE:
        return None
    return (
        "For the patterns that are kept the data must be fitted exactly: uᵢᵀ(Hx) = uᵢᵀy for i up "
        "to r. Yours fits them only in part."
    )


def _ends_at_the_naive_inverse(
    case: Case, _: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    everything = min(case["H"].shape)
    if distance(call(r=everything), np.linalg.pinv(case["H"]) @ case["y"]) < _TOLERANCE:
        return None
    return "With all patterns kept it must be the naive inverse, and it is not."


def _sum_of(
    keep: Callable[[np.ndarray, int], np.ndarray],
    gain: Callable[[np.ndarray], np.ndarray] = lambda s: 1 / s,
) -> Callable[..., np.ndarray]:
    """Return Σ gain(σᵢ) (uᵢᵀy) vᵢ over the numbers i that ``keep(all numbers, r)`` leaves."""

    def wrong(H: np.ndarray, y: np.ndarray, r: int) -> np.ndarray:
        U, s, Vt = np.linalg.svd(H, full_matrices=False)
        i = keep(np.arange(s.size), r)
        return Vt[i].T @ (gain(s[i]) * (U[:, i].T @ y))

    return wrong


def _first(numbers: np.ndarray, r: int) -> np.ndarray:
    return numbers[:r]


def _without_sign(H: np.ndarray, y: np.ndarray, r: int) -> np.ndarray:
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt[:r].T @ (np.abs(U[:, :r].T @ y) / s[:r])


def _columns_of_vt(H: np.ndarray, y: np.ndarray, r: int) -> np.ndarray:
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt[:, :r] @ ((U[:, :r].T @ y) / s[:r])


def _rows_of_u(H: np.ndarray, y: np.ndarray, r: int) -> np.ndarray:
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt[:r].T @ ((U[:r] @ y) / s[:r])


def _denoised_data(H: np.ndarray, y: np.ndarray, r: int) -> np.ndarray:
    U = np.linalg.svd(H, full_matrices=False)[0][:, :r]
    return U @ (U.T @ y)


def _damped(H: np.ndarray, y: np.ndarray, r: int) -> np.ndarray:
    """Tikhonov with λ = σ_r²: half of pattern r, and some of all the others."""
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt.T @ (s / (s**2 + s[r - 1] ** 2) * (U.T @ y))


truncated_svd = Exercise(
    "truncated_svd",
    "Write truncated_svd(H, y, r): the naive inverse of the first r patterns, x = Σ (uᵢᵀy/σᵢ) vᵢ "
    "for i = 1 … r. H may have any shape; r is at least 1.",
    reference=reference.truncated_svd,
    cases=_truncated_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("only the first r patterns", _uses_the_first_patterns),
        Property("their data are fitted", _explains_their_data),
        Property("all patterns: the naive inverse", _ends_at_the_naive_inverse),
    ],
    misconceptions=[
        Misconception(
            "one too many",
            _sum_of(lambda i, r: i[: r + 1]),
            "Your function keeps r + 1 patterns. Python's slice [:r] already holds r of them.",
            "Count the singular values that you use when r = 1.",
            credit=0.5,
        ),
        Misconception(
            "one too few",
            _sum_of(lambda i, r: i[: r - 1]),
            "Your function keeps r − 1 patterns. Python's slice [:r] ends before r and holds r.",
            "Count the singular values that you use when r = 1.",
            credit=0.5,
        ),
        Misconception(
            "counted from one",
            _sum_of(lambda i, r: i[1 : r + 1]),
            "Your function uses the patterns 2 to r + 1. The sum runs from 1, but Python's first "
            "pattern has the number 0.",
            "range(1, r + 1) in the formula is range(r) in Python.",
            credit=0.5,
        ),
        Misconception(
            "the last ones",
            _sum_of(lambda i, r: i[-r:]),
            "Your function keeps the last r patterns: those that noise owns.",
            "numpy sorts the singular values from large to small. Which end is safe?",
        ),
        Misconception(
            "the rest",
            _sum_of(lambda i, r: i[r:]),
            "Your function drops the first r patterns and keeps the rest.",
            "[:r] are the first r, [r:] all others.",
        ),
        Misconception(
            "all of them",
            _sum_of(lambda i, r: i),
            "Your function uses all patterns: it is the naive inverse, and r makes no difference.",
            "Cut U, s and Vt after r patterns.",
        ),
        Misconception(
            "not divided",
            _sum_of(_first, np.ones_like),
            "Your function does not divide by the singular values: V Uᵀy.",
            "Each coefficient is divided by its own singular value.",
        ),
        Misconception(
            "multiplied",
            _sum_of(_first, lambda s: s),
            "Your function multiplies by the singular values where the inverse divides.",
            "H multiplied the coefficient by σ. What undoes it?",
        ),
        Misconception(
            "divided twice",
            _sum_of(_first, lambda s: 1 / s**2),
            "Your function divides by σ² where the inverse divides by σ.",
            "H multiplied the coefficient by σ once.",
        ),
        Misconception(
            "divided by the largest",
            _sum_of(_first, lambda s: np.full_like(s, 1 / s[0])),
            "Your function divides every coefficient by the largest singular value.",
            "Each coefficient is divided by its own singular value: an array s[:r], not s[0].",
        ),
        Misconception(
            "sign lost",
            _without_sign,
            "Your function uses |uᵢᵀy|. The Picard plot shows sizes; to build x the signs are "
            "needed too.",
            "Take U[:, :r].T @ y as it is, without np.abs.",
            credit=0.5,
        ),
        Misconception(
            "columns of Vt",
            _columns_of_vt,
            "Your last product takes columns of Vᵀ. The patterns vᵢ are its rows.",
            "Vt[:r] are the first r patterns, one in each row; Vt[:r].T has them as columns.",
        ),
        Misconception(
            "rows of U",
            _rows_of_u,
            "Your coefficients take rows of U. The patterns uᵢ are its columns.",
            "U[:, :r] are the first r patterns; U[:, :r].T @ y are their coefficients.",
        ),
        Misconception(
            "only smoothed data",
            _denoised_data,
            "Your function returns the data made of the first r patterns, U Uᵀy: smoothed, but "
            "still blurred. Nothing was inverted.",
            "Divide the coefficients by σ and build with V, not with U.",
        ),
        Misconception(
            "a slope instead of a cut",
            _damped,
            "Your function damps with σ/(σ² + σ_r²): that is Tikhonov, and it uses all patterns. "
            "Here those after r are dropped, and those before it kept whole.",
            "A truncated SVD has only the factors 1/σ and 0.",
        ),
    ],
    hints=[
        "Take the naive inverse Vᵀᵀ((Uᵀy)/σ) and leave out everything behind the r-th pattern.",
        (
            "U, s, Vt = np.linalg.svd(H, full_matrices=False). The first r patterns are the "
            "columns U[:, :r], the numbers s[:r], the rows Vt[:r]."
        ),
        "Vt[:r].T @ ((U[:, :r].T @ y) / s[:r])",
    ],
    picture=pictures.truncated_svd,
    takeaway="What is kept is fitted whole, noise included; what is dropped is set to zero. Both "
    "are errors, and r weighs them.",
    points=1,
)
