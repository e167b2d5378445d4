"""Week 11, exercise 2: the minimiser of ‖Hx − y‖² + λ‖x‖²."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week11_pictures as pictures
from em_inverse.checks import week11_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import filtered, random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["tikhonov"]

_TOLERANCE = 1e-5


def _tikhonov_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (m, n))
        lam = float(10 ** rng.uniform(-1.7, -0.6))
        cases.append({"H": system.H, "y": system.y, "lam": lam})
    return cases


def _uses_lambda(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(lam=2 * case["lam"]), x) > _TOLERANCE:
        return None
    return "It gives the same answer for two different λ: its argument lam makes no difference."


def _is_stationary(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    H, y, lam = case["H"], case["y"], case["lam"]
    slope = H.T @ (H @ x - y) + lam * x
    if np.linalg.norm(slope) < _TOLERANCE * np.linalg.norm(H.T @ y):
        return None
    return (
        "At a minimum of ‖Hx − y‖² + λ‖x‖² the slope Hᵀ(Hx − y) + λx is zero. At your x it is "
        f"{np.linalg.norm(slope) / np.linalg.norm(H.T @ y):.1g} times the size of Hᵀy."
    )


def _tends_to_naive(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    wanted = filtered(case["H"], case["y"], lambda s: 1 / s)
    if distance(call(lam=1e-10), wanted) < 1e-4:
        return None
    return (
        "As λ goes to 0 the answer must become the naive inverse; yours goes elsewhere. (If you "
        "iterate: it stops too early there.)"
    )


def _tends_to_zero(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    lam = 1e8
    if distance(lam * call(lam=lam), case["H"].T @ case["y"]) < _TOLERANCE:
        return None
    return (
        "As λ grows the answer must shrink to zero, like Hᵀy / λ; yours does not. The penalty is "
        "not pulling on x itself."
    )


def _has_its_adjoint(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    """(HᵀH + λ)⁻¹Hᵀ is the transpose of H(HᵀH + λ)⁻¹ = (HHᵀ + λ)⁻¹H: the same rule for Hᵀ."""
    y = case["y"]
    probe = np.cos(np.arange(x.size))
    there, back = float(probe @ x), float(y @ call(H=case["H"].T, y=probe))
    if abs(there - back) < _TOLERANCE * np.linalg.norm(probe) * np.linalg.norm(x):
        return None
    return (
        "The Tikhonov inverse of Hᵀ is the transpose of that of H, so ⟨p, T(H, y)⟩ = "
        "⟨y, T(Hᵀ, p)⟩ for every p. For your function the two numbers differ: rows and columns "
        "of H are not treated alike."
    )


def _identity_plus(H: np.ndarray, lam: float) -> np.ndarray:
    return H.T @ H + lam * np.eye(H.shape[1])


def _augmented(H: np.ndarray, y: np.ndarray, lam: float, L: np.ndarray) -> np.ndarray:
    stacked = np.vstack([H, np.sqrt(lam) * L])
    return np.linalg.lstsq(stacked, np.concatenate([y, np.zeros(len(L))]), rcond=None)[0]


def _by_svd(
    H: np.ndarray,
    y: np.ndarray,
    lam: float,
    turn: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    first, last = turn(U, Vt)
    return last @ (s / (s**2 + lam) * (first @ y))


tikhonov = Exercise(
    "tikhonov",
    "Write tikhonov(H, y, lam): the x that minimises ‖Hx − y‖² + λ‖x‖². H may have any shape.",
    reference=reference.tikhonov,
    cases=_tikhonov_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("another λ, another answer", _uses_lambda),
        Property("zero slope at the minimum", _is_stationary),
        Property("the naive inverse as λ → 0", _tends_to_naive),
        Property("Hᵀy/λ as λ → ∞", _tends_to_zero),
        Property("the adjoint identity", _has_its_adjoint),
    ],
    misconceptions=[
        Misconception(
            "λ squared",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, lam**2), H.T @ y),
            "Your function uses λ² where the exercise has λ. In ‖Hx − y‖² + λ‖x‖² the λ is not "
            "squared; books and programs that write λ²‖x‖² mean the root of ours.",
            "If you stacked H on λI and used least squares: the squared norm squares the λ. Stack "
            "the matrix whose square gives λ.",
            credit=0.5,
        ),
        Misconception(
            "root of λ",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, np.sqrt(lam)), H.T @ y),
            "Your function uses √λ where the exercise has λ.",
            "The root belongs in the stacked least-squares form only; in HᵀH + λI, and in the "
            "filter σ/(σ² + λ), stands λ itself.",
            credit=0.5,
        ),
        Misconception(
            "λ on every entry",
            lambda H, y, lam: np.linalg.solve(H.T @ H + lam, H.T @ y),
            "Your function adds λ to every entry of HᵀH. numpy does that for H.T @ H + lam; the "
            "identity matrix is missing.",
            "λ belongs on the diagonal only: np.eye(n).",
        ),
        Misconception(
            "H for its transpose",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, lam), H @ y),
            "Your function has Hy on the right-hand side where Hᵀy belongs: the transpose is "
            "missing.",
            "Put the slope of ‖Hx − y‖² to zero: which matrix stands in front of (Hx − y)? (In "
            "this lesson H equals Hᵀ, so you would not have noticed there.)",
        ),
        Misconception(
            "no transpose at all",
            lambda H, y, lam: np.linalg.solve(H @ H + lam * np.eye(len(H)), H @ y),
            "Your function has H in both places where Hᵀ belongs: it solves (HH + λI) x = Hy.",
            "Put the slope of ‖Hx − y‖² to zero: which matrix stands in front of (Hx − y)? (In "
            "this lesson H equals Hᵀ, so you would not have noticed there.)",
        ),
        Misconception(
            "λ on H",
            lambda H, y, lam: np.linalg.solve(H + lam * np.eye(len(H)), y),
            "Your function adds λ to H itself: it solves (H + λI) x = y.",
            "λ‖x‖² stands beside ‖Hx − y‖², where H is squared. What is the slope of each?",
        ),
        Misconception(
            "forgot Hᵀ",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, lam), y),
            "Your function solves (HᵀH + λI) x = y; the Hᵀ in front of y is missing.",
            "Both sides of Hx = y are multiplied by the same matrix before λ comes in.",
        ),
        Misconception(
            "wrong sign",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, -lam), H.T @ y),
            "Your function subtracts λ: it solves (HᵀH − λI) x = Hᵀy, which rewards a large x.",
            "The slope of +λ‖x‖² is +2λx. On which side of the equation did it land?",
        ),
        Misconception(
            "λ on the data term",
            lambda H, y, lam: np.linalg.solve(lam * H.T @ H + np.eye(H.shape[1]), H.T @ y),
            "Your function multiplies HᵀH by λ: it weighs the data with λ, not the penalty.",
            "Which of the two terms of ‖Hx − y‖² + λ‖x‖² carries the λ?",
        ),
        Misconception(
            "weighed data",
            lambda H, y, lam: np.linalg.solve(lam * H.T @ H + np.eye(H.shape[1]), lam * H.T @ y),
            "Your function minimises λ‖Hx − y‖² + ‖x‖²: it weighs the data with λ, so its λ is "
            "one over ours.",
            "A larger λ must pull x closer to zero. Yours pulls it closer to the data.",
            credit=0.5,
        ),
        Misconception(
            "no λ",
            lambda H, y, lam: np.linalg.lstsq(H, y, rcond=None)[0],
            "Your function returns the least-squares solution without any λ: the naive inverse.",
            "Change λ and look: does anything change? The matrix HᵀH needs a partner.",
        ),
        Misconception(
            "only filter factors",
            lambda H, y, lam: filtered(H, y, lambda s: s**2 / (s**2 + lam)),
            "Your function multiplies by σ²/(σ² + λ), which is the share that is kept, and forgets "
            "to divide by σ.",
            "The share kept is σ²/(σ² + λ); the inverse itself still divides by σ.",
        ),
        Misconception(
            "σ without square",
            lambda H, y, lam: filtered(H, y, lambda s: 1 / (s + lam)),
            "Your function divides by σ + λ. That pulls down the amplification, but it is not the "
            "minimiser: the filter is σ/(σ² + λ).",
            "HᵀH has the eigenvalues σ². Add λ to those.",
        ),
        Misconception(
            "σ without square, σ kept",
            lambda H, y, lam: filtered(H, y, lambda s: s / (s + lam)),
            "Your filter is σ/(σ + λ); the σ below the line must be squared: σ/(σ² + λ).",
            "Without λ the filter must become 1/σ. Yours becomes 1.",
        ),
        Misconception(
            "σ missing on top",
            lambda H, y, lam: filtered(H, y, lambda s: 1 / (s**2 + lam)),
            "Your filter is 1/(σ² + λ); the σ on top is missing: σ/(σ² + λ).",
            "Without λ the filter must become 1/σ. Yours becomes 1/σ².",
        ),
        Misconception(
            "V for its transpose",
            lambda H, y, lam: _by_svd(H, y, lam, lambda U, Vt: (U.T, Vt)),
            "The last product of your function is with Vᵀ, but it should be with V: "
            "np.linalg.svd returns Vᵀ.",
            "The third thing that np.linalg.svd returns has the vᵢ as its rows. You need them as "
            "columns.",
        ),
        Misconception(
            "U for its transpose",
            lambda H, y, lam: _by_svd(H, y, lam, lambda U, Vt: (U, Vt.T)),
            "Your function multiplies y by U, but the coefficients of y are Uᵀy.",
            "A coefficient is the inner product of y with one column of U. Which of U @ y and "
            "U.T @ y does that?",
        ),
        Misconception(
            "mean for sum",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, len(y) * lam), H.T @ y),
            "Your λ is too strong by the number of data: ‖·‖² is the sum of the squares, and you "
            "took their mean.",
            "np.mean divides by the number of entries, and no such number stands in the formula.",
            credit=0.5,
        ),
        Misconception(
            "factor two",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, 2 * lam), H.T @ y),
            "Your function uses 2λ where the exercise has λ.",
            "Both slopes, 2Hᵀ(Hx − y) and 2λx, carry a 2. Divide both of them by it.",
            credit=0.5,
        ),
        Misconception(
            "half",
            lambda H, y, lam: np.linalg.solve(_identity_plus(H, lam / 2), H.T @ y),
            "Your function uses λ/2 where the exercise has λ.",
            "Both slopes, 2Hᵀ(Hx − y) and 2λx, carry a 2. Divide both of them by it.",
            credit=0.5,
        ),
        Misconception(
            "HHᵀ for HᵀH",
            lambda H, y, lam: np.linalg.solve(H @ H.T + lam * np.eye(len(H)), H.T @ y),
            "Your function solves with HHᵀ where HᵀH belongs.",
            "x has as many entries as H has columns. Which of HHᵀ and HᵀH fits that?",
        ),
        Misconception(
            "identity of the wrong size",
            lambda H, y, lam: np.linalg.solve(H.T @ H + lam * np.eye(len(H)), H.T @ y),
            "It is right for a square H only. HᵀH has as many rows and columns as H has columns, "
            "and so must the identity.",
            "H.shape is (rows, columns). Which of the two does np.eye need?",
            credit=0.5,
        ),
        Misconception(
            "penalty on differences",
            lambda H, y, lam: _augmented(H, y, lam, np.diff(np.eye(H.shape[1]), axis=0)),
            "Your function penalises the differences between neighbours; this exercise asks for "
            "the size ‖x‖² of x itself.",
            "The matrix of the penalty here is the identity.",
        ),
    ],
    hints=[
        "Put the slope to zero: Hᵀ(Hx − y) + λx = 0. Collect the terms with x on one side.",
        "(HᵀH + λI) x = Hᵀy. With an SVD the same is V diag(σ/(σ² + λ)) Uᵀ y.",
        "I is np.eye(H.shape[1]); np.linalg.solve(A, b) solves Ax = b.",
    ],
    picture=pictures.tikhonov,
    takeaway="Components with σ² well above λ pass as in the naive inverse; those well below are "
    "held back. λ is the place where you draw the line.",
    points=2,
)
