"""Week 4, exercise 3: leave-one-out cross-validation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from em_inverse.checks import week04_pictures as pictures
from em_inverse.checks import week04_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.week04_gcv import systems

__all__ = ["leave_one_out"]

_TOLERANCE = 1e-6


def _ignores_the_order(
    case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if abs(call(H=case["H"][::-1].copy(), y=case["y"][::-1].copy()) - answer) <= (
        _TOLERANCE * answer
    ):
        return None
    return (
        "It changes when the measurements are listed in another order. Is every one left out once?"
    )


def _at_large_lambda(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    wanted = float(np.mean(case["y"] ** 2))
    if abs(call(lam=1e9) - wanted) <= 1e-4 * wanted:
        return None
    return "For a very large λ every prediction is 0, and the error is the mean of y². Not yours."


def _influence(H: np.ndarray, lam: float) -> np.ndarray:
    """Return A with Hx = A y."""
    return H @ np.linalg.solve(H.T @ H + lam * np.eye(H.shape[1]), H.T)


def _of(
    change: Callable[[np.ndarray, np.ndarray, np.ndarray], float],
    at: Callable[[float], float] = lambda lam: lam,
) -> Callable[..., float]:
    """Return a wrong score: ``change(residual, diagonal of A, y)``."""

    def rule(H: np.ndarray, y: np.ndarray, lam: float) -> float:
        A = _influence(H, at(lam))
        return float(change(y - A @ y, np.diag(A), y))

    return rule


def _zeroed(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    """A datum set to zero is not left out."""
    A = _influence(H, lam)
    errors = [y[i] - (A @ np.where(np.arange(len(y)) == i, 0.0, y))[i] for i in range(len(y))]
    return float(np.mean(np.square(errors)))


def _kept(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    errors = []
    for i in range(len(y)):
        A, b = np.delete(H, i, axis=0), np.delete(y, i)
        errors.append(np.mean((_influence(A, lam) @ b - b) ** 2))
    return float(np.mean(errors))


def _columns(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    kept = [np.delete(H, i, axis=1) for i in range(H.shape[1])]
    return float(np.mean([np.mean((_influence(A, lam) @ y - y) ** 2) for A in kept]))


def _unregularised(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    errors = []
    for i in range(len(y)):
        x = np.linalg.lstsq(np.delete(H, i, axis=0), np.delete(y, i), rcond=None)[0]
        errors.append(H[i] @ x - y[i])
    return float(np.mean(np.square(errors)))


leave_one_out = Exercise(
    "leave_one_out",
    "Write leave_one_out(H, y, lam): leave out one measurement, reconstruct from all others with "
    "lam, predict the one left out, square the error; return the mean over all measurements.",
    reference=reference.leave_one_out,
    cases=systems,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("the same in another order", _ignores_the_order),
        Property("the mean of y² for a very large λ", _at_large_lambda),
    ],
    misconceptions=[
        Misconception(
            "nothing left out",
            _of(lambda r, a, y: np.mean(r**2)),
            "Your function uses every measurement to predict itself: that is the mean squared "
            "residual, and it is smallest for λ = 0.",
            "np.delete(H, i, axis=0) and np.delete(y, i) leave out measurement i.",
        ),
        Misconception(
            "sum for mean",
            _of(lambda r, a, y: np.sum((r / (1 - a)) ** 2)),
            "Your function returns the sum of the squared errors, not their mean.",
            "Divide by the number of measurements.",
            credit=0.5,
        ),
        Misconception(
            "no square",
            _of(lambda r, a, y: np.mean(np.abs(r / (1 - a)))),
            "Your function takes the mean of the absolute errors; the squared ones are asked for.",
            "Square the errors first.",
            credit=0.5,
        ),
        Misconception(
            "plain mean of errors",
            _of(lambda r, a, y: np.mean(r / (1 - a))),
            "Your function takes the mean of the errors with their signs: they cancel.",
            "Square the errors first.",
        ),
        Misconception(
            "root of the mean",
            _of(lambda r, a, y: np.sqrt(np.mean((r / (1 - a)) ** 2))),
            "Your function takes the root of the mean square. The mean square itself is asked for.",
            "Leave out the last root.",
            credit=0.5,
        ),
        Misconception(
            "set to zero",
            _zeroed,
            "Your function sets a measurement to zero instead of leaving it out. Zero is a value, "
            "and the solution tries to fit it.",
            "Take the row out of H, too: np.delete(H, i, axis=0).",
        ),
        Misconception(
            "GCV",
            _of(lambda r, a, y: np.mean((r / (1 - np.mean(a))) ** 2)),
            "Your function replaces each Aᵢᵢ by their mean: that is GCV, not leave-one-out.",
            "Use the diagonal entry that belongs to each residual.",
            credit=0.5,
        ),
        Misconception(
            "1 − A not squared",
            _of(lambda r, a, y: np.mean(r**2 / (1 - a))),
            "Your shortcut divides r² by 1 − Aᵢᵢ. It is r that is divided, so (1 − Aᵢᵢ)² belongs "
            "below r².",
            "First r / (1 − Aᵢᵢ), then the square.",
            credit=0.5,
        ),
        Misconception(
            "λ squared",
            _of(lambda r, a, y: np.mean((r / (1 - a)) ** 2), lambda lam: lam**2),
            "Your function uses λ² where this course has λ.",
            "In ‖Hx − y‖² + λ‖x‖² the λ is not squared.",
            credit=0.5,
        ),
        Misconception(
            "graded on what was kept",
            _kept,
            "Your function grades each reconstruction on the data that it was made from. The one "
            "that was left out is never predicted.",
            "The error is H[i] @ x - y[i], with row i of the whole H.",
        ),
        Misconception(
            "columns left out",
            _columns,
            "Your function leaves out columns of H: pixels of the object, not measurements.",
            "A measurement is a row: np.delete(H, i, axis=0).",
        ),
        Misconception(
            "no λ",
            _unregularised,
            "Your function never uses λ: its reconstructions are plain least squares.",
            "λ belongs on the diagonal: A.T @ A + lam * np.eye(A.shape[1]).",
        ),
        Misconception(
            "one left out only",
            lambda H, y, lam: float((_left_out(H, y, lam)[-1]) ** 2),
            "Your function returns the error of the last measurement alone. Does its `return` use "
            "the whole list of errors?",
            "Collect the errors in a list, one per measurement.",
        ),
    ],
    hints=[
        "Write it for one measurement i first: leave it out, reconstruct, predict.",
        "np.delete(H, i, axis=0) takes row i out of H. The prediction is H[i] @ x.",
        "Collect H[i] @ x - y[i] for every i, then np.mean(np.square(errors)).",
    ],
    picture=pictures.leave_one_out,
    takeaway="You need not reconstruct M times: with A = H (HᵀH + λI)⁻¹ Hᵀ the error of the "
    "prediction is the residual divided by 1 − Aᵢᵢ, exactly. GCV puts the mean of all Aᵢᵢ there.",
    points=2,
)


def _left_out(H: np.ndarray, y: np.ndarray, lam: float) -> np.ndarray:
    A = _influence(H, lam)
    return np.asarray((y - A @ y) / (1 - np.diag(A)))
