"""Week 2, exercise 1: the condition number of what is seen, and the count of what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week02_pictures as pictures
from em_inverse.checks import week02_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["condition"]

_TOLERANCE = 1e-6
_ROUNDING = 1e-10


def _condition_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Every second matrix has a singular value of zero or two, beyond what its shape demands."""
    cases: list[Case] = []
    for index, (m, n) in enumerate(sizes):
        k = min(m, n)
        seen = max(k - 2 * (index % 2) - index // 2 % 2, 1)
        s = np.zeros(k)
        s[:seen] = rng.uniform(1.2, 2.5) * np.geomspace(1, 1 / rng.uniform(4, 9), seen)
        left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0][:, :k] for size in (m, n))
        cases.append({"H": (left * s) @ right.T})
    return cases


def _ignores_rounding(_case: Case, answer: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    if answer[0] < 1 / _ROUNDING:
        return None
    return (
        f"κ comes out as {answer[0]:.0e} where H is rank deficient: it is divided by a singular "
        f"value that would be zero without rounding. Leave out what lies below 10⁻¹⁰ of the "
        f"largest one; those patterns are counted, not divided by."
    )


def _is_at_least_one(_case: Case, answer: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    if answer[0] >= 1 - _TOLERANCE:
        return None
    return (
        f"κ comes out as {answer[0]:.2g}, but a largest value divided by a smallest one is never "
        f"below 1."
    )


def _has_no_unit(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    for factor in (1e-3, 1e9):
        if not np.allclose(call(H=factor * case["H"]), answer, rtol=_TOLERANCE):
            return (
                f"With H in other units (all its entries times {factor:g}) another answer comes "
                "out. κ is a ratio, and what counts as zero must be measured against the largest "
                "singular value."
            )
    return None


def _counts_the_columns(
    case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    m, n = case["H"].shape
    kappa, unseen = call(H=case["H"].T)
    if np.isclose(kappa, answer[0], rtol=_TOLERANCE) and round(unseen - answer[1]) == m - n:
        return None
    return (
        "H and Hᵀ have the same singular values, hence the same κ and the same rank. Only the "
        "number of unknowns differs, which is the number of columns; your two answers do not fit."
    )


def _spectrum(H: np.ndarray) -> tuple[np.ndarray, int]:
    s = np.linalg.svd(H, compute_uv=False)
    return s, int(np.sum(s > _ROUNDING * s[0]))


def _answer(
    kappa: Callable[[np.ndarray], float], unseen: Callable[[np.ndarray, int], int]
) -> Callable[..., tuple[float, int]]:
    """Return the wrong function with this κ of the seen σ and this count for (H, rank)."""

    def wrong(H: np.ndarray) -> tuple[float, int]:
        s, rank = _spectrum(H)
        return kappa(s[:rank]), unseen(H, rank)

    return wrong


def _rank(H: np.ndarray) -> int:
    return _spectrum(H)[1]


def _ratio(s: np.ndarray) -> float:
    return float(s[0] / s[-1])


def _columns_less_rank(H: np.ndarray, rank: int) -> int:
    return int(H.shape[1]) - rank


condition = Exercise(
    "condition",
    "Write condition(H): return two numbers, κ and the number of patterns that H does not see. κ "
    "is the largest singular value divided by the smallest one that is not zero; what lies below "
    "10⁻¹⁰ of the largest counts as zero. The patterns not seen are the columns of H less its "
    "rank.",
    reference=reference.condition,
    cases=_condition_cases,
    sizes=[(6, 6), (7, 9), (12, 8), (5, 9)],
    properties=[
        Property("zeros are left out", _ignores_rounding),
        Property("κ ≥ 1", _is_at_least_one),
        Property("the same in other units", _has_no_unit),
        Property("Hᵀ has the same κ", _counts_the_columns),
    ],
    misconceptions=[
        Misconception(
            "upside down",
            _answer(lambda s: s[-1] / s[0], _columns_less_rank),
            "Your κ is the smallest singular value divided by the largest. A condition number is "
            "never below 1.",
            "The worst amplification is largest over smallest.",
            credit=0.5,
        ),
        Misconception(
            "κ of HᵀH",
            _answer(lambda s: _ratio(s) ** 2, _columns_less_rank),
            "Your κ is the square of ours: that of HᵀH, whose eigenvalues are σ².",
            "Take the singular values of H, or the root of the eigenvalues of HᵀH.",
            credit=0.5,
        ),
        Misconception(
            "one over the smallest",
            _answer(lambda s: 1 / s[-1], _columns_less_rank),
            "Your κ is 1/σ_min, the largest amplification. κ also has the largest singular value "
            "in it, so that it does not depend on units.",
            "Which number makes 1/σ_min a ratio?",
            credit=0.5,
        ),
        Misconception(
            "rows for columns",
            _answer(_ratio, lambda H, rank: len(H) - rank),
            "You count the rows of H less its rank. Those are data that no object can produce; "
            "the patterns of the object live in the columns.",
            "H takes an object of n = H.shape[1] unknowns.",
            credit=0.5,
        ),
        Misconception(
            "only the zeros among σ",
            _answer(_ratio, lambda H, rank: min(H.shape) - rank),
            "You count the zeros among the singular values. When H has fewer rows than columns, "
            "numpy returns only as many singular values as there are rows: the patterns beyond "
            "are not seen either.",
            "Five data for nine unknowns: at least four patterns are unseen. Which are they in "
            "your count?",
            credit=0.5,
        ),
        Misconception(
            "the seen ones",
            _answer(_ratio, lambda H, rank: rank),
            "Your second number is the rank: the patterns that H does see.",
            "The others are what is left of the columns.",
            credit=0.5,
        ),
        Misconception(
            "other order",
            lambda H: (_columns_less_rank(H, _spectrum(H)[1]), _ratio(_spectrum(H)[0][: _rank(H)])),
            "Your two numbers stand in the other order: κ comes first.",
            "return kappa, unseen",
            credit=0.5,
        ),
        Misconception(
            "decades",
            _answer(lambda s: float(np.log10(_ratio(s))), _columns_less_rank),
            "Your κ is the logarithm of ours: the number of decades between the largest and the "
            "smallest singular value.",
            "Leave out the logarithm.",
            credit=0.5,
        ),
        Misconception(
            "norm of all entries",
            lambda H: (
                np.linalg.norm(H) / _spectrum(H)[0][_rank(H) - 1],
                _columns_less_rank(H, _rank(H)),
            ),
            "Your κ divides np.linalg.norm(H) by the smallest singular value. For a matrix that "
            "norm is the root of the sum of all σ², not the largest of them.",
            "The largest singular value is s[0].",
            credit=0.5,
        ),
        Misconception(
            "largest gap",
            _answer(lambda s: s[0] - s[-1], _columns_less_rank),
            "Your κ is the difference of the largest and the smallest singular value; it is their "
            "ratio.",
            "Divide, so that κ has no unit.",
        ),
        Misconception(
            "norm only",
            _answer(lambda s: s[0], _columns_less_rank),
            "Your κ is the largest singular value alone, the norm of H.",
            "What is it compared with?",
        ),
        Misconception(
            "sizes of the entries",
            lambda H: (
                np.abs(H).max() / np.abs(H).min(),
                _columns_less_rank(H, _spectrum(H)[1]),
            ),
            "Your κ compares the largest with the smallest entry of H. The entries say little; "
            "the singular values say how much of each pattern passes.",
            "np.linalg.svd(H, compute_uv=False) returns the singular values, largest first.",
        ),
    ],
    hints=[
        (
            "np.linalg.svd(H, compute_uv=False) returns the singular values, largest first. "
            "Which of them are zero but for rounding?"
        ),
        "seen = s > 1e-10 * s[0] is an array of True and False; s[seen] are those that count.",
        "κ is s[0] / s[seen][-1]; the unseen ones are H.shape[1] - seen.sum().",
    ],
    picture=pictures.condition,
    takeaway="κ speaks of the patterns that are seen. For those that are not, no number is large "
    "enough: they must be counted.",
    points=1,
)
