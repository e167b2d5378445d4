"""Week 11, exercise 1: the naive inverse, and how it amplifies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week11_pictures as pictures
from em_inverse.checks import week11_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import filtered, random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["naive"]

_TOLERANCE = 1e-5


def _naive_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Square and tall problems: a wide matrix has no single inverse, so its shape is turned."""
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (max(m, n), min(m, n)))
        cases.append({"H": system.H, "y": system.y})
    return cases


def _recovers_clean_data(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    H = case["H"]
    x = np.linspace(-1.0, 2.0, H.shape[1])
    if distance(call(y=H @ x), x) < _TOLERANCE:
        return None
    return (
        "Give it a measurement without noise, y = H @ x, and it does not return x. Without noise "
        "the naive inverse is exact."
    )


def _amplifies_by_inverse_sigma(
    case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    U, sigma, Vt = np.linalg.svd(case["H"], full_matrices=False)
    moved = call(y=case["y"] + U[:, -1]) - answer
    if distance(moved, Vt[-1] / sigma[-1]) < _TOLERANCE:
        return None
    return (
        "A change of y along the last singular vector u must come back as v / σ, the largest "
        "amplification of all; yours comes back with another size or shape. That blow-up is the "
        "point of this exercise: do not tame it."
    )


def _square_svd(H: np.ndarray, y: np.ndarray) -> np.ndarray:
    U, sigma, Vt = np.linalg.svd(H)
    return Vt @ ((U.T @ y) / sigma)


def _with_vt(H: np.ndarray, y: np.ndarray) -> np.ndarray:
    U, sigma, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt @ ((U.T @ y) / sigma)


def _with_u(H: np.ndarray, y: np.ndarray) -> np.ndarray:
    U, sigma, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt.T @ ((U @ y) / sigma)


naive = Exercise(
    "naive",
    "Write naive(H, y): the naive inverse x = V Σ⁻¹ Uᵀ y of a measurement y. H has as many rows as "
    "columns, or more; with more rows it is the least-squares solution.",
    reference=reference.naive,
    cases=_naive_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (9, 5)],
    properties=[
        Property("a measurement without noise gives the object back", _recovers_clean_data),
        Property("noise along u comes back as v/σ", _amplifies_by_inverse_sigma),
    ],
    misconceptions=[
        Misconception(
            "transpose for inverse",
            lambda H, y: H.T @ y,
            "Your function returns Hᵀy (with the SVD: V Σ Uᵀ y). That multiplies by the singular "
            "values where the inverse divides: it blurs a second time.",
            "Uᵀy are the coefficients of the data. What did the blur do to each of them on the "
            "way in, and what undoes it?",
        ),
        Misconception(
            "blurs again",
            lambda H, y: H @ y,
            "Your function returns Hy: it sends the measurement through the probe once more.",
            "y = Hx already holds one H. The way back from y to x is U, Σ and V in reverse order.",
        ),
        Misconception(
            "square only",
            lambda H, y: np.linalg.solve(H, y),
            "It is right for a square H only; here H may have more rows than columns. "
            "np.linalg.solve and np.linalg.inv cannot take that, and np.linalg.svd needs "
            "full_matrices=False for it.",
            "Try your function on H = np.ones((12, 8)) and look at the shapes of what the SVD "
            "returns, with full_matrices=False and without.",
            credit=0.5,
        ),
        Misconception(
            "forgot sigma",
            lambda H, y: filtered(H, y, np.ones_like),
            "Your function returns V Uᵀ y: the singular values are never used.",
            "Between Uᵀ and V each coefficient is divided by its own singular value.",
        ),
        Misconception(
            "divided twice",
            lambda H, y: filtered(H, y, lambda s: 1 / s**2),
            "Your function divides by σ² where the inverse divides by σ: it is V Σ⁻² Uᵀ y.",
            "If you solved the normal equations HᵀH x = ..., the right-hand side is Hᵀy, which "
            "gives one σ back.",
        ),
        Misconception(
            "V for its transpose",
            _with_vt,
            "The last product of your function is with Vᵀ, but it should be with V: "
            "np.linalg.svd returns Vᵀ.",
            "The third thing that np.linalg.svd returns has the right singular vectors as its "
            "rows. You need them as columns.",
        ),
        Misconception(
            "V for its transpose, square only",
            _square_svd,
            "Two things: the last product of your function is with Vᵀ, but it should be with V "
            "(np.linalg.svd returns Vᵀ), and np.linalg.svd needs full_matrices=False when H has "
            "more rows than columns.",
            "The third thing that np.linalg.svd returns has the right singular vectors as its "
            "rows. You need them as columns.",
        ),
        Misconception(
            "U for its transpose",
            _with_u,
            "Your function multiplies y by U, but the coefficients of y are Uᵀy.",
            "A coefficient is the inner product of y with one column of U. Which of U @ y and "
            "U.T @ y does that?",
        ),
        Misconception(
            "inverse of the transpose",
            lambda H, y: np.linalg.solve(H.T, y),
            "Your function inverts Hᵀ, not H.",
            "Write H = UΣVᵀ and then its inverse: which of U and V stands next to y?",
        ),
        Misconception(
            "HᵀH without Hᵀy",
            lambda H, y: np.linalg.solve(H.T @ H, y),
            "Your function solves HᵀH x = y. The normal equations have Hᵀy on the right.",
            "Whatever multiplies the left side of y = Hx multiplies the right side too.",
        ),
    ],
    hints=[
        (
            "The SVD writes H as U Σ Vᵀ. Read it from right to left: Vᵀ takes coefficients of the "
            "object, Σ damps each of them, U builds the measurement. Walk back."
        ),
        "np.linalg.svd(H, full_matrices=False) returns U, the singular values as a vector, and Vᵀ.",
        "Coefficients of the data: U.T @ y. Divide them by sigma, then multiply by Vt.T.",
    ],
    picture=pictures.naive,
    takeaway="Each component is divided by its own σ, and the noise in it as well: at the last one "
    "that is a factor of 1/σ_min.",
    points=1,
)
