"""Week 2, exercise 3: choose the rank from the Picard plot and justify it."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week02_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement
from em_inverse.errors import DataError, check_array, check_number

__all__ = ["rank"]

_BELOW, _ABOVE = 2, 3
_STANDS_OUT = 2.0
_NEIGHBOURS = 3


def _picard(problem: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """Return σᵢ, |uᵢᵀy| and the noise level of a problem (H, y, noise level)."""
    H, y, level = problem
    U, s, _ = np.linalg.svd(check_array(H, "H", ndim=2), full_matrices=False)
    coefficients = np.abs(U.T @ check_array(y, "y", shape=(len(U),)))
    return s, coefficients, check_number(level, "noise_level", minimum=0, exclusive=True)


def _levels_off(problem: Any) -> float:
    """Return the last i at which three neighbouring coefficients stand out from the noise."""
    _, coefficients, level = _picard(problem)
    three = np.convolve(coefficients**2, np.ones(_NEIGHBOURS) / _NEIGHBOURS)[: coefficients.size]
    above = np.flatnonzero(three > (_STANDS_OUT * level) ** 2)
    if above.size == 0:
        raise DataError(
            "no coefficient of y stands out from the noise. Lower the noise, or pass other data."
        )
    return float(above[-1] + 1)


def _fault(r: float, problem: Any) -> str | None:
    try:
        s, coefficients, level = _picard(problem)
        good = _levels_off(problem)
    except (TypeError, ValueError) as error:
        return (
            f"The problem that you passed cannot be judged: pass problem=(H, y, noise_level). "
            f"{error}"
        )
    if r != round(r) or r > s.size:
        return f"r = {r:g}, but a whole number of patterns from 1 to {s.size} is asked for."
    if good - _BELOW <= r <= good + _ABOVE:
        return None
    at = int(r)
    if r < good:
        lost = coefficients[at : int(good)]
        return (
            f"r = {at} stops too early: of the coefficients after it the largest is "
            f"{lost.max() / level:.1f} times the noise. That is object, and you throw it away."
        )
    text = (
        f"r = {at} goes too far: the last pattern that it keeps multiplies its noise by "
        f"{1 / s[at - 1]:.3g}, and the coefficients there are no larger than noise."
    )
    if at == int(np.sum(s > level)):
        text += (
            " (Did you look where σᵢ meets the noise? Compare the coefficients |uᵢᵀy| with it: "
            "they tell signal from noise, σᵢ alone does not.)"
        )
    return text


rank = DecisionExercise(
    "rank",
    "Choose the rank r from the Picard plot: how many patterns will you keep, and which statements "
    f"justify the choice? A rank at most {_BELOW} below or {_ABOVE} above the point where the "
    'coefficients level off counts. Answer with ex.rank.check(r=..., because=["...", "..."]).',
    value_name="r",
    problem=pictures.lesson,
    reference=_levels_off,
    fault=_fault,
    statements={
        "A": Statement(
            "Past this number the coefficients |uᵢᵀy| no longer fall: they stay at the noise.",
            True,
            "That is where the data stop speaking of the object.",
            "What do the grey points do on the right of the plot?",
        ),
        "B": Statement(
            "The singular values σᵢ fall below the noise level just here.",
            False,
            "They do so further right, at pattern 36. σᵢ says how much of a pattern passes, not "
            "how much of it the object holds: compare uᵢᵀy with the noise.",
        ),
        "C": Statement(
            "With this rank the residual ‖Hx − y‖ is as small as it can be.",
            False,
            "It is smallest with all 80 patterns: the naive inverse, which fits the noise too.",
        ),
        "D": Statement(
            "More patterns would add more noise, divided by an ever smaller σᵢ, than object.",
            True,
            "From there on the orange triangles climb.",
            "What do the orange triangles do past your rank?",
        ),
        "E": Statement(
            "A few patterns fewer would lose the group near 27, which repeats about every 150 pm "
            "and splits the dumbbells.",
            True,
            "Those coefficients reach 6 times the noise, and they carry the 151 pm.",
            "Look for the last group of grey points that stands out, and ask how long its waves "
            "are: pattern i repeats every 4000 pm / (i − 1).",
        ),
        "F": Statement(
            "The object holds nothing that is finer than the patterns kept.",
            False,
            "It does: pattern 34 (121 pm) is strong in the object. It arrives weaker than the "
            "noise, and the plot cannot show it.",
        ),
    },
    hints=[
        (
            "Look at the grey points, |uᵢᵀy|, and at the dotted line of the noise. Where do they "
            "meet for good?"
        ),
        (
            "Single points below the line mean nothing: a crystal puts its strength into few "
            "patterns. Look for the last group that stands out."
        ),
        "The last group stands near pattern 27. Keep it, and go not far beyond it.",
    ],
    picture=pictures.rank,
    takeaway="This is the discrete Picard condition: trust a pattern while its coefficient stands "
    "above the noise, and no longer.",
    points=2,
)
