"""Week 9, exercise 4: which of three fusions to believe, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week09_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["believe"]

_GAMMA, _NEAR, _LARGEST = 1.7, 0.06, 1.6


def _good(problem: Any) -> float:
    """The number of the fusion whose γ and λ₂ are nearest to the right ones."""
    off = [abs(gamma - _GAMMA) / _NEAR + abs(np.log(factor)) for gamma, factor in problem]
    return 1.0 + int(np.argmin(off))


def _fault(fusion: float, problem: Any) -> str | None:
    settings = list(problem)
    if fusion not in range(1, len(settings) + 1):
        return f"fusion = {fusion:g}, but there are fusions 1 to {len(settings)}."
    gamma, factor = settings[int(fusion) - 1]
    if abs(gamma - _GAMMA) > _NEAR:
        return (
            f"Fusion {fusion:g} was made with γ = {gamma:g}; the image follows γ = {_GAMMA:g}. The "
            f"image is matched all the same: the maps were bent until it was. It shows in the "
            f"spectra of iron, in blocks."
        )
    if factor > _LARGEST:
        return (
            f"Fusion {fusion:g} was made with {factor:g} times the usual λ₂. Its maps are smooth, "
            f"and what was smoothed away stands in the residuals, in blocks."
        )
    return None


believe = DecisionExercise(
    "believe",
    "Three fusions of one recording at a tenth of the dose, made with different γ and λ₂. Which "
    "one do you believe, 1, 2 or 3? At the microscope nobody knows the truth. Answer with "
    'ex.believe.check(fusion=..., because=["...", "..."]).',
    value_name="fusion",
    problem=pictures.settings,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "It matches the HAADF image to within its noise.",
            False,
            "All three do, also the two that are wrong. The image has so many counts that the maps "
            "bend until it is matched.",
        ),
        "B": Statement(
            "Its spectra look like counts drawn from its maps, in pixels and in blocks.",
            True,
            "That is what a true model would leave: counting noise, and nothing else.",
            "What would the true maps leave in the spectra?",
        ),
        "C": Statement(
            "Fusion 1 cannot be it: iron misses its spectra in blocks by more than chance allows, "
            "with the usual λ₂.",
            True,
            "λ₂ is as in the good one, so that something in the model of the image is wrong: γ, "
            "the law, or the probe.",
            "Read the deviance in blocks of fusion 1, element by element.",
        ),
        "D": Statement(
            "It is the smoothest of the three, so it holds the least noise.",
            False,
            "Fusion 3 is the smoothest. It holds little noise, and not all of the oxygen's shape.",
        ),
        "E": Statement(
            "Fusion 3 cannot be it: all elements miss their spectra in blocks, and a smaller λ₂ "
            "cures it.",
            True,
            "Halve λ₂ first, and blame the law only if the warning stays: here it goes.",
            "Two fusions share one γ. What do their deviances say of λ₂?",
        ),
        "F": Statement(
            "Its RMSE is the smallest of the three.",
            False,
            "True, but the RMSE needs the truth: at the microscope you could not know it.",
        ),
        "G": Statement(
            "Its oxygen map has the sharp edges of the image, so oxygen's edges are now measured.",
            False,
            "Oxygen gives 2.5 % of the image: the image says next to nothing of it. Oxygen's map "
            "is that of total variation alone.",
        ),
    },
    hints=[
        "Use only what you would have: image, spectra, and what the fused maps leave of both.",
        "The truth would leave a deviance of about 1 in pixels and in blocks. Which fusion does?",
        "Look at blocks: 1.5 is the limit. Then ask which of the two others λ₂ would cure.",
    ],
    picture=pictures.believe,
    takeaway="Then write law, γ and where it came from, both λ, the doses of both detectors and "
    "the deviances below the maps.",
    points=2,
)
