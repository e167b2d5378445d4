"""Week 3, exercise 3: the minimiser of ‖Hx − y‖² + λ‖Dx‖²."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week03_pictures as pictures
from em_inverse.checks import week03_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["smooth"]

_TOLERANCE = 1e-5


def _smooth_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (m, n))
        lam = float(10 ** rng.uniform(-1.2, -0.4))
        cases.append({"H": system.H, "y": system.y, "lam": lam})
    return cases


def _uses_lambda(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if x.size == 1 or distance(call(lam=2 * case["lam"]), x) > _TOLERANCE:
        return None
    return "It gives the same answer for two different λ: its argument lam makes no difference."


def _is_stationary(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    H, y, lam = case["H"], case["y"], case["lam"]
    D = _differences(x.size)
    slope = H.T @ (H @ x - y) + lam * D.T @ D @ x
    if np.linalg.norm(slope) < _TOLERANCE * np.linalg.norm(H.T @ y):
        return None
    return (
        "At the minimum the slope Hᵀ(Hx − y) + λDᵀDx is zero. At your x it is "
        f"{np.linalg.norm(slope) / np.linalg.norm(H.T @ y):.1g} times the size of Hᵀy."
    )


def _ends_at_a_constant(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    """λ → ∞ leaves the constant that fits best, not zero: the level is free."""
    flat = case["H"] @ np.ones(x.size)
    wanted = np.full(x.size, float(flat @ case["y"] / (flat @ flat)))
    if distance(call(lam=1e9), wanted) < 1e-3:
        return None
    return (
        "As λ grows the answer must become one constant, the one that fits best, and not zero: a "
        "constant has no slope and costs nothing. Yours goes elsewhere."
    )


def _differences(n: int) -> np.ndarray:
    return np.diff(np.eye(n), axis=0)


def _solve(H: np.ndarray, y: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    return np.linalg.solve(H.T @ H + penalty, H.T @ y)


def _with(
    matrix: Callable[[int], np.ndarray], change: Callable[[float], float] = lambda lam: lam
) -> Callable[..., np.ndarray]:
    """Return a wrong answer: another matrix in place of D, or another λ."""

    def wrong(H: np.ndarray, y: np.ndarray, lam: float) -> np.ndarray:
        L = matrix(H.shape[1])
        return _solve(H, y, change(lam) * L.T @ L)

    return wrong


def _ring(n: int) -> np.ndarray:
    return np.roll(np.eye(n), 1, axis=1) - np.eye(n)


def _with_last_row(n: int) -> np.ndarray:
    return np.eye(n, k=1) - np.eye(n)


def _by_rows(H: np.ndarray, y: np.ndarray, lam: float) -> np.ndarray:
    D = _differences(len(H))
    return _solve(H, y, lam * D.T @ D)


def _h_for_its_transpose(H: np.ndarray, y: np.ndarray, lam: float) -> np.ndarray:
    D = _differences(H.shape[1])
    return np.linalg.solve(H.T @ H + lam * D.T @ D, H @ y)


def _no_transpose(H: np.ndarray, y: np.ndarray, lam: float) -> np.ndarray:
    D = _differences(H.shape[1])
    return np.linalg.solve(H @ H + lam * D.T @ D, H @ y)


def _forgot(H: np.ndarray, y: np.ndarray, lam: float) -> np.ndarray:
    D = _differences(H.shape[1])
    return np.linalg.solve(H.T @ H + lam * D.T @ D, y)


smooth = Exercise(
    "smooth",
    "Write smooth(H, y, lam): the x that minimises ‖Hx − y‖² + λ‖Dx‖², where Dx are the n − 1 "
    "differences x[i + 1] − x[i]. H may have any shape.",
    reference=reference.smooth,
    cases=_smooth_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("another λ, another answer", _uses_lambda),
        Property("zero slope at the minimum", _is_stationary),
        Property("the best constant as λ → ∞", _ends_at_a_constant),
    ],
    misconceptions=[
        Misconception(
            "identity for D",
            _with(np.eye),
            "Your function penalises the size of x; this exercise asks for its steps, ‖Dx‖².",
            "The matrix beside HᵀH is λDᵀD, with D = np.diff(np.eye(n), axis=0).",
        ),
        Misconception(
            "λ squared",
            _with(_differences, lambda lam: lam**2),
            "Your function uses λ² where the exercise has λ.",
            "If you stacked H on λD and used least squares: the squared norm squares the λ.",
            credit=0.5,
        ),
        Misconception(
            "root of λ",
            _with(_differences, np.sqrt),
            "Your function uses √λ where the exercise has λ.",
            "The root belongs in the stacked least-squares form only.",
            credit=0.5,
        ),
        Misconception(
            "factor two",
            _with(_differences, lambda lam: 2 * lam),
            "Your function uses 2λ where the exercise has λ.",
            "Both slopes, 2Hᵀ(Hx − y) and 2λDᵀDx, carry a 2. Divide both of them by it.",
            credit=0.5,
        ),
        Misconception(
            "half",
            _with(_differences, lambda lam: lam / 2),
            "Your function uses λ/2 where the exercise has λ.",
            "Both slopes, 2Hᵀ(Hx − y) and 2λDᵀDx, carry a 2. Divide both of them by it.",
            credit=0.5,
        ),
        Misconception(
            "wrong sign",
            _with(_differences, lambda lam: -lam),
            "Your function subtracts λDᵀD, which rewards large steps.",
            "The slope of +λ‖Dx‖² is +2λDᵀDx. On which side of the equation did it land?",
        ),
        Misconception(
            "no λ",
            lambda H, y, lam: np.linalg.lstsq(H, y, rcond=None)[0],
            "Your function returns the least-squares solution without any λ: the naive inverse.",
            "Change λ and look: does anything change? The matrix HᵀH needs a partner.",
        ),
        Misconception(
            "ring",
            _with(_ring),
            "Your D also takes the step from the last pixel back to the first: the profile was "
            "closed into a ring.",
            "n pixels have n − 1 steps. D has one row less than columns.",
            credit=0.5,
        ),
        Misconception(
            "last pixel charged",
            _with(_with_last_row),
            "Your D has n rows, and its last one charges the last pixel for its value, as if the "
            "object were followed by vacuum.",
            "n pixels have n − 1 steps: drop the last row.",
            credit=0.5,
        ),
        Misconception(
            "second differences",
            _with(lambda n: np.diff(np.eye(n), n=2, axis=0)),
            "Your function penalises the change of the steps (second differences), not the steps.",
            "np.diff once, not twice. D.T @ D already holds two differences.",
            credit=0.5,
        ),
        Misconception(
            "np.gradient",
            _with(lambda n: np.asarray(np.gradient(np.eye(n), axis=0))),
            "Your D is that of np.gradient, which averages over two pixels: it does not see an "
            "up-and-down from pixel to pixel.",
            "np.diff(np.eye(n), axis=0).",
            credit=0.5,
        ),
        Misconception(
            "identity as well",
            _with(lambda n: np.vstack([_differences(n), np.eye(n)])),
            "Your function penalises the size of x as well as its steps; only λ‖Dx‖² is asked for.",
            "The matrix beside HᵀH is λDᵀD and nothing else.",
            credit=0.5,
        ),
        Misconception(
            "D of the wrong size",
            _by_rows,
            "It is right for a square H only: D must have as many columns as H has columns, since "
            "it acts on x.",
            "H.shape is (rows, columns). Which of the two does np.eye need?",
            credit=0.5,
        ),
        Misconception(
            "H for its transpose",
            _h_for_its_transpose,
            "Your function has Hy on the right-hand side where Hᵀy belongs.",
            "Put the slope to zero: which matrix stands in front of (Hx − y)? (The blur of this "
            "lesson equals its transpose, so you would not have noticed there.)",
        ),
        Misconception(
            "no transpose at all",
            _no_transpose,
            "Your function has H in both places where Hᵀ belongs.",
            "Put the slope to zero: which matrix stands in front of (Hx − y)? (The blur of this "
            "lesson equals its transpose, so you would not have noticed there.)",
        ),
        Misconception(
            "forgot Hᵀ",
            _forgot,
            "Your function has y on the right-hand side; the Hᵀ in front of it is missing.",
            "Both sides of Hx = y are multiplied by Hᵀ before λ comes in.",
        ),
    ],
    hints=[
        "Put the slope to zero: Hᵀ(Hx − y) + λDᵀDx = 0. Collect the terms with x on one side.",
        "(HᵀH + λDᵀD) x = Hᵀy, with D = np.diff(np.eye(n), axis=0) and n = H.shape[1].",
        "np.linalg.solve(A, b) solves Ax = b.",
    ],
    picture=pictures.smooth,
    takeaway="One linear system, no iteration: that is what squares are good for.",
    points=2,
)
