"""Week 11, exercise 3: the error against λ, the U-curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from em_inverse.checks import week11_pictures as pictures
from em_inverse.checks import week11_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import filtered, random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["rmse_curve"]

_TOLERANCE = 1e-5


def _curve_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """The λs come unsorted and in different numbers, so that no order or length is taken on."""
    cases: list[Case] = []
    for index, (m, n) in enumerate(sizes):
        system = random_system(rng, (m, n))
        lambdas = 10 ** rng.permutation(np.linspace(-2.2, 0.4, 5 + index))
        cases.append({**system._asdict(), "lambdas": lambdas})
    return cases


def _follows_the_order(
    case: Case, curve: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if distance(call(lambdas=case["lambdas"][::-1].copy()), curve[::-1]) < _TOLERANCE:
        return None
    return (
        "Turn the list of λ round, and the curve must turn round with it; yours does not. Entry i "
        "of the answer belongs to entry i of lambdas."
    )


def _starts_at_naive(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    naive_error = filtered(case["H"], case["y"], lambda s: 1 / s) - case["x_true"]
    wanted = np.array([np.sqrt(np.mean(naive_error**2))])
    if distance(call(lambdas=np.array([1e-10])), wanted) < 1e-4:
        return None
    return "As λ goes to 0 the curve must reach the RMSE of the naive inverse; yours does not."


def _ends_at_the_object(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    wanted = np.array([np.sqrt(np.mean(case["x_true"] ** 2))])
    if distance(call(lambdas=np.array([1e8])), wanted) < 1e-4:
        return None
    return (
        "As λ grows the answer shrinks to zero, so the curve must level off at the root mean "
        "square of x_true; yours does not."
    )


def _curve_of(
    measure: Callable[[np.ndarray], Any], change: Callable[[Any], Any] = lambda lam: lam
) -> Callable[..., np.ndarray]:
    """Return a wrong curve: another measure of the error, or another λ."""

    def curve(H: np.ndarray, y: np.ndarray, x_true: np.ndarray, lambdas: np.ndarray) -> np.ndarray:
        solutions = [reference.tikhonov(H, y, change(lam)) for lam in lambdas]
        return np.array([measure(x - x_true) for x in solutions])

    return curve


def _root_mean_square(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(error**2)))


def _residual_curve(
    H: np.ndarray, y: np.ndarray, x_true: np.ndarray, lambdas: np.ndarray
) -> np.ndarray:
    residuals = [H @ reference.tikhonov(H, y, lam) - y for lam in lambdas]
    return np.array([_root_mean_square(r) for r in residuals])


def _relative_curve(
    H: np.ndarray, y: np.ndarray, x_true: np.ndarray, lambdas: np.ndarray
) -> np.ndarray:
    curve = reference.rmse_curve(H, y, x_true, lambdas)
    return curve / _root_mean_square(x_true)


def _sorted_curve(
    H: np.ndarray, y: np.ndarray, x_true: np.ndarray, lambdas: np.ndarray
) -> np.ndarray:
    return reference.rmse_curve(H, y, x_true, np.sort(lambdas))


rmse_curve = Exercise(
    "rmse_curve",
    "Write rmse_curve(H, y, x_true, lambdas): an array with the root mean square error of the "
    "Tikhonov solution against x_true, one value for each λ, in the order of lambdas.",
    reference=reference.rmse_curve,
    cases=_curve_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("the order of lambdas", _follows_the_order),
        Property("the naive RMSE as λ → 0", _starts_at_naive),
        Property("the size of x_true as λ → ∞", _ends_at_the_object),
    ],
    misconceptions=[
        Misconception(
            "forgot the root",
            _curve_of(lambda e: np.mean(e**2)),
            "Your function returns the mean of the squares; the root is missing.",
            "RMSE is read backwards: error, square, mean, root.",
            credit=0.5,
        ),
        Misconception(
            "square of the mean",
            _curve_of(lambda e: np.sqrt(np.mean(e) ** 2)),
            "Your function squares the mean of the error: there errors up and errors down have "
            "already cancelled. Look at your brackets.",
            "Square each error first, then take the mean: np.mean(error**2).",
        ),
        Misconception(
            "forgot the mean",
            _curve_of(np.linalg.norm),
            "Your function returns the norm ‖x − x_true‖: the root of the sum of squares, not of "
            "their mean. It grows with the number of pixels.",
            "Divide by the number of pixels before the root, so that 64 and 640 pixels can be "
            "compared.",
            credit=0.5,
        ),
        Misconception(
            "neither root nor mean",
            _curve_of(lambda e: np.sum(e**2)),
            "Your function returns the sum of the squares: mean and root are both missing.",
            "RMSE is read backwards: error, square, mean, root.",
        ),
        Misconception(
            "divided by N − 1",
            _curve_of(lambda e: np.sqrt(np.sum(e**2) / (len(e) - 1))),
            "Your function divides by N − 1. That belongs to a spread around an estimated mean; "
            "here nothing was estimated from the errors, and N is right.",
            "All N errors count, and x_true is known.",
            credit=0.5,
        ),
        Misconception(
            "standard deviation",
            _curve_of(np.std),
            "Your function returns the standard deviation of the error. It takes the mean error "
            "away first, so a reconstruction that is too dark everywhere would look perfect.",
            "np.std subtracts the mean. What is the error measured from here?",
        ),
        Misconception(
            "absolute error",
            _curve_of(lambda e: np.mean(np.abs(e))),
            "Your function returns the mean of |error|. RMSE squares the errors, so that one large "
            "error counts more than many small ones.",
            "RMSE is read backwards: error, square, mean, root.",
        ),
        Misconception(
            "residual for error",
            _residual_curve,
            "Your function compares Hx with y: that is the residual, which a microscope shows. The "
            "RMSE compares x with x_true, which only a simulation knows.",
            "x_true is among the arguments. Is it used?",
        ),
        Misconception(
            "relative error",
            _relative_curve,
            "Your function divides by the size of x_true: that is a relative error.",
            "The RMSE keeps the unit of x.",
            credit=0.5,
        ),
        Misconception(
            "λ as exponent",
            _curve_of(_root_mean_square, lambda lam: 10.0**lam),
            "Your function takes the entries of lambdas for exponents: it uses 10 to the power λ.",
            "np.logspace(-5, 2, 100) returns the λs themselves, not their logarithms.",
        ),
        Misconception(
            "logarithm of λ",
            _curve_of(_root_mean_square, np.log10),
            "Your function puts log10(λ) into the solution. The logarithm is for the axis of the "
            "plot only.",
            "np.logspace(-5, 2, 100) returns the λs themselves, ready to use.",
        ),
        Misconception(
            "λ squared",
            _curve_of(_root_mean_square, lambda lam: lam**2),
            "Your function uses λ² where the exercise has λ: the curve is right but shifted.",
            "Check your tikhonov first: ex.tikhonov.check(tikhonov)",
            credit=0.5,
        ),
        Misconception(
            "sorted",
            _sorted_curve,
            "Your function sorts lambdas. Its values are right, but they no longer stand beside "
            "the λ that they belong to.",
            "Keep the order of lambdas: entry i of the answer belongs to entry i of lambdas.",
            credit=0.5,
        ),
    ],
    hints=[
        "One λ, one reconstruction, one number. Write it for a single λ first, then loop.",
        "For one λ: error = tikhonov(H, y, lam) - x_true, then square, mean, root.",
        "Collect the numbers in a list in a loop over lambdas, and return np.array of the list.",
    ],
    picture=pictures.rmse_curve,
    takeaway="Left of the minimum noise rules, right of it the penalty does. Only a simulation can "
    "draw this curve, because it needs x_true.",
    points=1,
)
