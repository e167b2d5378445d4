"""Week 4, exercise 2: the GCV function from filter factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week04_pictures as pictures
from em_inverse.checks import week04_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["gcv", "systems"]

_TOLERANCE = 1e-6


def systems(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Small problems (H, y, λ)."""
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (m, n))
        lam = float(10 ** rng.uniform(-2, -0.5))
        cases.append({"H": system.H, "y": system.y, "lam": lam})
    return cases


def _turns_with_the_data(
    case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    """GCV, unlike leave-one-out, knows no pixels: any rotation of the data leaves it alone."""
    turn = np.linalg.qr(np.vander(np.linspace(-1, 1, len(case["y"]))) + np.eye(len(case["y"])))[0]
    again = call(H=turn @ case["H"], y=turn @ case["y"])
    if abs(again - answer) <= _TOLERANCE * answer:
        return None
    return (
        "When H and y are turned by the same rotation nothing physical changes, and the GCV "
        "function keeps its value. Yours changes."
    )


def _at_large_lambda(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    wanted = float(np.mean(case["y"] ** 2) / len(case["y"]))
    if abs(call(lam=1e9) - wanted) <= 1e-4 * wanted:
        return None
    return "For a very large λ all f are 0 and x is 0: what remains is ‖y‖²/M². Yours differs."


def _filtered(
    H: np.ndarray, y: np.ndarray, factors: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return U, σ, f and the residual."""
    U, s, _ = np.linalg.svd(H, full_matrices=False)
    f = factors(s)
    return U, s, f, y - U @ (f * (U.T @ y))


def _score(
    change: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], float],
    factors: Callable[[np.ndarray, float], np.ndarray] = lambda s, lam: s**2 / (s**2 + lam),
) -> Callable[..., float]:
    """Return a wrong GCV function: ``change(H, y, s, f, residual)``."""

    def rule(H: np.ndarray, y: np.ndarray, lam: float) -> float:
        _, s, f, residual = _filtered(H, y, lambda sigma: factors(sigma, lam))
        return change(H, y, s, f, residual)

    return rule


def _square(values: np.ndarray) -> float:
    return float(np.sum(values**2))


def _plain(H: np.ndarray, y: np.ndarray, s: np.ndarray, f: np.ndarray, r: np.ndarray) -> float:
    return _square(r) / (len(y) - f.sum()) ** 2


def _seen_only(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    U, s, _ = np.linalg.svd(H, full_matrices=False)
    f = s**2 / (s**2 + lam)
    return _square((1 - f) * (U.T @ y)) / (len(y) - float(f.sum())) ** 2


gcv = Exercise(
    "gcv",
    "Write gcv(H, y, lam): the GCV function ‖Hx − y‖² / (M − Σ f)² of the Tikhonov solution at "
    "lam, with M the number of data and f = σ²/(σ² + λ) the filter factors. Return one number.",
    reference=reference.gcv,
    cases=systems,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("the same after a rotation of the data", _turns_with_the_data),
        Property("‖y‖²/M² for a very large λ", _at_large_lambda),
    ],
    misconceptions=[
        Misconception(
            "denominator not squared",
            _score(lambda H, y, s, f, r: _square(r) / (len(y) - f.sum())),
            "Your function divides by M − Σf. It must be squared: the residual above is, too.",
            "Both numerator and denominator are squares.",
            credit=0.5,
        ),
        Misconception(
            "residual not squared",
            _score(lambda H, y, s, f, r: _square(r) ** 0.5 / (len(y) - f.sum()) ** 2),
            "Your function has ‖Hx − y‖ on top, where its square belongs.",
            "np.linalg.norm takes a root that you do not want here.",
            credit=0.5,
        ),
        Misconception(
            "unknowns for data",
            _score(lambda H, y, s, f, r: _square(r) / (H.shape[1] - f.sum()) ** 2),
            "Your M is the number of unknowns. It must be the number of data, len(y).",
            "H.shape is (data, unknowns).",
            credit=0.5,
        ),
        Misconception(
            "only the visible part of the residual",
            _seen_only,
            "Your residual is Σ((1 − f) uᵢᵀy)². With more data than unknowns, part of y lies "
            "outside of all uᵢ, and no solution explains it: it belongs to the residual.",
            "Compute Hx − y itself, or add what U @ (U.T @ y) leaves of y.",
            credit=0.5,
        ),
        Misconception(
            "sum of 1 − f",
            _score(lambda H, y, s, f, r: _square(r) / np.sum(1 - f) ** 2),
            "Your denominator is Σ(1 − f) over the singular values. That is M − Σf only for a "
            "square H or one with more unknowns than data.",
            "There are min(M, N) singular values, but M data.",
            credit=0.5,
        ),
        Misconception(
            "means",
            _score(lambda H, y, s, f, r: len(y) * _plain(H, y, s, f, r)),
            "Your function is M times the one asked for: means above and below, as some books have "
            "it. Its minimum is at the same λ, but the formula here has sums.",
            "Sum of squares above, (M − Σf)² below.",
            credit=0.5,
        ),
        Misconception(
            "mean above only",
            _score(lambda H, y, s, f, r: _plain(H, y, s, f, r) / len(y)),
            "Your function divides the residual by M once more.",
            "‖Hx − y‖² is a sum of squares, not their mean.",
            credit=0.5,
        ),
        Misconception(
            "no correction",
            _score(lambda H, y, s, f, r: _square(r)),
            "Your function returns the squared residual alone. It is smallest for λ = 0: the "
            "denominator, the number of data not yet used up, is what makes it a score.",
            "Divide by (M − Σf)².",
        ),
        Misconception(
            "σ without square",
            _score(_plain, lambda s, lam: s / (s + lam)),
            "Your filter factors are σ/(σ + λ); they are σ²/(σ² + λ).",
            "The f are shares of what the naive inverse keeps: with squares.",
        ),
        Misconception(
            "λ squared",
            _score(_plain, lambda s, lam: s**2 / (s**2 + lam**2)),
            "Your function uses λ² where this course has λ.",
            "In ‖Hx − y‖² + λ‖x‖² the λ is not squared.",
            credit=0.5,
        ),
        Misconception(
            "weights for factors",
            _score(_plain, lambda s, lam: s / (s**2 + lam)),
            "You used σ/(σ² + λ), which turns data into the object. The filter factor, the share "
            "that is kept, is σ²/(σ² + λ).",
            "f lies between 0 and 1 and has no unit.",
        ),
        Misconception(
            "H for its transpose",
            lambda H, y, lam: _plain_of_wrong_solution(H, y, lam),
            "Your x solves (HᵀH + λI) x = Hy: the transpose is missing on the right.",
            "A symmetric H hides this mistake; the check uses others.",
        ),
    ],
    hints=[
        "Three pieces: the filter factors, the residual of the solution, the number of data.",
        "With U, s, Vt = np.linalg.svd(H, full_matrices=False): Hx is U @ (f * (U.T @ y)).",
        "np.sum((y - Hx)**2) / (len(y) - f.sum())**2.",
    ],
    picture=pictures.gcv,
    takeaway="Σf counts how many data the solution has used up. GCV divides what is left over by "
    "what is still free.",
    points=2,
)


def _plain_of_wrong_solution(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    x = np.linalg.solve(H.T @ H + lam * np.eye(H.shape[1]), H @ y)
    s = np.linalg.svd(H, compute_uv=False)
    return _plain(H, y, s, s**2 / (s**2 + lam), H @ x - y)
