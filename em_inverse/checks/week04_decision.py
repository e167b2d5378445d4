"""Week 4, exercise 4: three rules disagree; choose λ and justify it."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week04_pictures as pictures
from em_inverse.checks import week04_reference as reference
from em_inverse.checks.decision import DecisionExercise, Statement
from em_inverse.errors import EmInverseError

__all__ = ["which_lambda"]

_LEAST, _MOST = 0.2, 1.3


def _discrepancy(problem: Any) -> float:
    from em_inverse import choose

    H, y, blank = problem
    return choose.discrepancy(H, y, float(reference.blank_noise(blank, np.size(y)))).lam


def _fault(lam: float, problem: Any) -> str | None:
    try:
        share = pictures.residual_share(lam, problem)
    except (EmInverseError, TypeError, ValueError) as error:
        return f"The problem that you passed cannot be judged: pass problem=(H, y, blank). {error}"
    if share < _LEAST:
        return (
            f"λ = {lam:.3g} leaves a residual of {share:.2g} times the noise that the blank frame "
            f"shows: nearly all of the noise has gone into the object."
        )
    if share > _MOST:
        return (
            f"λ = {lam:.3g} leaves a residual of {share:.2g} times the noise of the blank frame: "
            f"what is left unexplained is object."
        )
    return None


which_lambda = DecisionExercise(
    "which_lambda",
    "Data of unknown history and a blank frame. The L-curve, GCV and the discrepancy principle "
    "name three very different λ. Choose one λ and pick the statements that justify it. A λ whose "
    f"residual is between {_LEAST:g} and {_MOST:g} times the noise of the blank frame counts. "
    'Answer with ex.which_lambda.check(lam=..., because=["...", "..."]).',
    value_name="lam",
    problem=pictures.data_set,
    reference=_discrepancy,
    fault=_fault,
    statements={
        "A": Statement(
            "In the blank frame each pixel resembles its neighbour, so the noise is not white.",
            True,
            "GCV takes whatever is smooth for object. Here the noise is smooth.",
            "What was printed about the blank frame besides its σ?",
        ),
        "B": Statement(
            "GCV needs no estimate of the noise, so nothing can mislead it.",
            False,
            "It needs white noise instead, and does not tell you when that fails. Its λ lies at "
            "the lower end of the range.",
        ),
        "C": Statement(
            "The L-curve itself reports that its corner is not clear.",
            True,
            "A curvature below 2 means that the curve hardly bends: almost any λ could be called "
            "its corner.",
            "Read the message of the L-curve to its end.",
        ),
        "D": Statement(
            "The smallest of the three λ keeps most detail, and detail can be smoothed later.",
            False,
            "What it keeps is amplified noise. Smoothing afterwards is a prior, too, only one that "
            "nobody has chosen.",
        ),
        "E": Statement(
            "At the λ of L-curve and GCV the residual is less than a fiftieth of the noise.",
            True,
            "A residual far below the noise means that noise was explained as object. This alarm "
            "needs only the blank frame.",
            "Compare the three residuals with the noise norm.",
        ),
        "F": Statement(
            "A mean of the three λ is the fairest choice.",
            False,
            "Two of the rules break their own assumption here. A vote among the misled is not "
            "evidence.",
        ),
        "G": Statement(
            "The discrepancy principle finds the λ with the smallest RMSE.",
            False,
            "It does not know the truth. Here it errs to the safe side, with a λ some ten times "
            "too large; the RMSE is then 1.3 times the smallest.",
        ),
    },
    hints=[
        "Ask of each rule what it assumes about the noise, and look whether it holds.",
        (
            "Three things were printed: the residuals, the message of the L-curve, and the "
            "likeness of neighbours in the blank frame."
        ),
        (
            "Only one rule here compares with a noise that was measured. Its λ, or one up to ten "
            "times less, counts."
        ),
    ],
    picture=pictures.which_lambda,
    takeaway="A rule is as good as its assumption, and the assumption can be tested: with a blank "
    "frame, in a second.",
    points=2,
)
