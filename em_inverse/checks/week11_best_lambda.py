"""Week 11, exercise 5: choose λ from the L-curve and justify it."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week11_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement
from em_inverse.errors import EmInverseError

__all__ = ["best_lambda"]

_CORNER_FACTOR = 4.0
_ROOT_FACTOR = 1.3


def _corner_fault(lam: float, problem: Any) -> str | None:
    try:
        corner = pictures.corner(problem)
    except (EmInverseError, TypeError, ValueError) as error:
        return f"The problem that you passed cannot be judged: pass problem=(H, y). {error}"
    if _near(lam, corner, _CORNER_FACTOR):
        return None
    size, residual = _changes(lam, corner, problem)
    if lam < corner:
        return (
            f"λ = {lam:.3g} lies on the steep branch: from there to the corner ‖x‖ {size}, and the "
            f"residual {residual}. What a larger λ still removes is noise."
        )
    text = (
        f"λ = {lam:.3g} lies beyond the corner: from there back to it the residual {residual}, and "
        f"‖x‖ {size}. What a smaller λ brings back is object."
    )
    if _near(lam, np.sqrt(corner), _ROOT_FACTOR):
        text += " (If it comes from a program that writes λ²‖x‖²: ours is the square of theirs.)"
    return text


def _changes(lam: float, corner: float, problem: Any) -> tuple[str, str]:
    """Say what ‖x‖ and the residual do on the way from λ to the corner."""
    from em_inverse import deblurring

    H, y = problem
    here, there = (deblurring.tikhonov(H, y, value) for value in (lam, corner))
    norms = [(np.linalg.norm(x), np.linalg.norm(H @ x - y)) for x in (here, there)]
    size, residual = (100 * (after / before - 1) for before, after in zip(*norms, strict=True))
    return _in_words(size), _in_words(residual)


def _in_words(percent: float) -> str:
    if percent >= 100:
        return f"grows {1 + percent / 100:.3g}-fold"
    return f"{'falls' if percent < 0 else 'grows'} by {abs(percent):.2g} %"


def _near(lam: float, target: float, factor: float) -> bool:
    return target / factor <= lam <= target * factor


best_lambda = DecisionExercise(
    "best_lambda",
    "Choose λ from the L-curve of the lesson's measurement, and say which statements justify the "
    f"choice. A λ within a factor of {_CORNER_FACTOR:g} of the corner counts. "
    'Answer with ex.best_lambda.check(lam=..., because=["...", "..."]).',
    value_name="lam",
    problem=pictures.measurement,
    reference=pictures.corner,
    fault=_corner_fault,
    statements={
        "A": Statement(
            "Of all λ on the curve it has the smallest residual ‖Hx − y‖.",
            False,
            "The smallest residual belongs to λ → 0, the naive inverse: it explains the data best "
            "because it explains the noise too.",
        ),
        "B": Statement(
            "A smaller λ would let ‖x‖ grow fast and improve the fit hardly at all.",
            True,
            "This is the steep branch of the L: what comes in below the corner is noise.",
            "Stand at the corner and look towards smaller λ: what is gained, and what is paid?",
        ),
        "C": Statement(
            "It is the λ with the smallest RMSE, so no other λ is closer to the object.",
            False,
            "The L-curve does not know the object. Its corner is often near the minimum of the "
            "RMSE, never by guarantee; compare the two in this notebook.",
        ),
        "D": Statement(
            "A somewhat larger λ would spoil the fit more than it would shrink ‖x‖.",
            True,
            "This is the flat branch of the L: what is lost above the corner is object.",
            "Stand at the corner and look towards larger λ: what is gained, and what is paid?",
        ),
        "E": Statement(
            "At this λ the residual equals the norm of the noise.",
            False,
            "That is the discrepancy principle, another rule. It needs the noise norm, and its λ "
            "need not be the one of the corner.",
        ),
        "F": Statement(
            "The choice needs only H and y: neither the true object nor the noise level.",
            True,
            "That is what makes the L-curve usable at a microscope.",
            "At the microscope, which of H, y, x_true and the noise level do you have?",
        ),
    },
    hints=[
        (
            "Plot log ‖x‖ against log ‖Hx − y‖ for many λ. The curve looks like an L; mark a few "
            "λ on it and see which way they run."
        ),
        (
            "Look for the bend between the steep branch and the flat one, and judge a statement by "
            "walking a little way along either branch."
        ),
        (
            "The sharpest bend is where the curvature in log-log axes is largest; choose.l_curve "
            "finds it. Reasons that need x_true or the noise level cannot come from this curve."
        ),
    ],
    picture=pictures.best_lambda,
    takeaway="Two branches, two prices: noise on the one, lost object on the other. The corner is "
    "where both are still small.",
    points=2,
)
