"""Week 9, exercise 3: how many times the dose somebody else would need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week09_pictures as pictures
from em_inverse.checks import week09_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["dose_factor"]

_TOLERANCE = 1e-6


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Errors that fall with the dose, less than as 1/√dose, with a bend; a goal on their way."""
    cases: list[Case] = []
    for index, (n,) in enumerate(sizes):
        doses = 0.05 * np.cumprod(rng.uniform(1.7, 3.0, n))
        errors = float(rng.uniform(0.02, 0.05)) * np.cumprod(rng.uniform(0.6, 0.85, n))
        # Near the entry before, or near the one after: what is rounded shows.
        at = int(rng.integers(1, n - 1)) + float(rng.uniform(0.2, 0.35)) + 0.4 * (index % 2)
        goal = np.interp(at, np.arange(n), np.log(errors))
        cases.append(
            {
                "doses": doses,
                "errors": errors,
                "dose": float(doses[0] * rng.uniform(0.5, 0.9)),
                "error": float(np.exp(goal)),
            }
        )
    return cases


def _one_on_the_curve(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    dose, error = float(case["doses"][1]), float(case["errors"][1])
    if abs(float(call(dose=dose, error=error)) - 1) < _TOLERANCE:
        return None
    return (
        "A method that is just as good at the same dose saves nothing: with dose = doses[1] and "
        "error = errors[1] the factor must be 1."
    )


def _no_unit(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    other = call(doses=7 * case["doses"], dose=7 * case["dose"])
    if abs(float(other) - float(answer)) < _TOLERANCE * abs(float(answer)):
        return None
    return "It changes with the unit of the dose; a factor has none. Divide by `dose` once."


def _needed(doses: np.ndarray, errors: np.ndarray, error: float) -> float:
    return float(np.exp(np.interp(np.log(error), np.log(errors[::-1]), np.log(doses[::-1]))))


def _error_there(doses: np.ndarray, errors: np.ndarray, dose: float) -> float:
    return float(np.exp(np.interp(np.log(dose), np.log(doses), np.log(errors))))


dose_factor = Exercise(
    "dose_factor",
    "A method has the error errors[k] at the dose doses[k]: doses rise, errors fall. Another one "
    "reaches `error` at `dose`. Write dose_factor(doses, errors, dose, error): how many times "
    "`dose` the first method needs to be as good. Interpolate on logarithmic axes.",
    reference=reference.dose_factor,
    cases=_cases,
    sizes=[(5,), (4,), (7,)],
    properties=[
        Property("1 for equals", _one_on_the_curve),
        Property("no unit", _no_unit),
    ],
    misconceptions=[
        Misconception(
            "table read backwards",
            lambda doses, errors, dose, error: (
                np.exp(np.interp(np.log(error), np.log(errors), np.log(doses))) / dose
            ),
            "np.interp needs its second argument to rise, and errors fall; it does not complain, "
            "it returns an end of the table.",
            "Reverse both: np.log(errors[::-1]) and np.log(doses[::-1]).",
            credit=0.5,
        ),
        Misconception(
            "linear axes",
            lambda doses, errors, dose, error: np.interp(error, errors[::-1], doses[::-1]) / dose,
            "You interpolate on linear axes. Between doses a factor 2 apart the curve is bent "
            "there and nearly straight on logarithmic ones.",
            "Take logarithms of doses and errors, interpolate, and np.exp at the end.",
            credit=0.5,
        ),
        Misconception(
            "dose, not factor",
            lambda doses, errors, dose, error: _needed(doses, errors, error),
            "This is the dose that is needed. How many times `dose` is it?",
            "Divide by dose.",
            credit=0.5,
        ),
        Misconception(
            "upside down",
            lambda doses, errors, dose, error: dose / _needed(doses, errors, error),
            "The factor stands on its head: above 1 must mean that the first method needs more.",
            "Needed dose over dose.",
            credit=0.5,
        ),
        Misconception(
            "logarithm kept",
            lambda doses, errors, dose, error: np.log(_needed(doses, errors, error)) / dose,
            "You return a logarithm of the dose, divided by the dose.",
            "np.exp first, then divide.",
        ),
        Misconception(
            "square of the ratio of errors",
            lambda doses, errors, dose, error: (_error_there(doses, errors, dose) / error) ** 2,
            "You compare errors at the same dose and square their ratio. That supposes that errors "
            "fall as 1/√dose, which holds for raw counts but not for anything regularised.",
            "Walk along the curve: at which dose does it reach `error`?",
        ),
        Misconception(
            "ratio of errors",
            lambda doses, errors, dose, error: _error_there(doses, errors, dose) / error,
            "This is how many times smaller the error is, not how many times larger the dose would "
            "have to be.",
            "Look the error up in the table, and read off a dose.",
        ),
        Misconception(
            "nearest entry",
            lambda doses, errors, dose, error: doses[np.argmin(np.abs(errors - error))] / dose,
            "You take the nearest entry of the table. Between entries, interpolate.",
            "np.interp on the logarithms.",
            credit=0.5,
        ),
        Misconception(
            "first entry below",
            lambda doses, errors, dose, error: doses[np.argmax(errors <= error)] / dose,
            "You take the first entry that is good enough, which overstates the factor. "
            "Interpolate between it and the one before.",
            "np.interp on the logarithms.",
            credit=0.5,
        ),
        Misconception(
            "only doses on a logarithmic axis",
            lambda doses, errors, dose, error: (
                np.exp(np.interp(error, errors[::-1], np.log(doses[::-1]))) / dose
            ),
            "Doses are on a logarithmic axis, errors on a linear one; both belong on logarithmic "
            "axes.",
            "np.log(error) and np.log(errors) as well.",
            credit=0.5,
        ),
    ],
    hints=[
        "Draw it: error against dose. A horizontal line at `error` meets the curve at a dose.",
        "np.interp(value, rising, wanted): here the errors play the part of `rising`, reversed.",
        "np.exp(np.interp(np.log(error), np.log(errors[::-1]), np.log(doses[::-1]))) / dose.",
    ],
    picture=pictures.dose_factor,
    takeaway="A factor of dose is a statement about two curves. Which second curve somebody chose "
    "decides whether it is 2 or 30.",
    points=1,
)
