"""Week 6, exercise 4: which of three reconstructions to publish, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week06_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["publish"]

_NEAR = 0.12


def _good(problem: Any) -> float:
    """The number of the picture whose tolerance is nearest to the noise."""
    return 1.0 + int(np.abs(np.log(np.asarray(problem))).argmin())


def _fault(picture: float, problem: Any) -> str | None:
    ratios = list(problem)
    if picture not in range(1, len(ratios) + 1):
        return f"picture = {picture:g}, but there are pictures 1 to {len(ratios)}."
    ratio = ratios[int(picture) - 1]
    if abs(ratio - 1) <= _NEAR:
        return None
    if ratio > 1:
        return (
            f"Picture {picture:g} was allowed to miss the data by {ratio:g} times the noise, and "
            f"used it: what is missing in the picture stands in the residual."
        )
    return (
        f"Picture {picture:g} was asked to come within {ratio:g} times the noise. There is no room "
        f"for the noise in that residual, so it is in the picture."
    )


publish = DecisionExercise(
    "publish",
    "Which of the three pictures of section 9 do you publish, 1, 2 or 3? Remember that at the "
    'microscope nobody knows the truth. Answer with ex.publish.check(picture=..., because=["...", '
    '"..."]).',
    value_name="picture",
    problem=pictures.tolerances,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "It has the smallest residual of the three, so it explains the data best.",
            False,
            "The smallest residual belongs to picture 2. It explains the data better than the "
            "truth would, because it explains the noise as well.",
        ),
        "B": Statement(
            "What it leaves unexplained is as large as the noise, and as shapeless.",
            True,
            "The truth itself would leave the noise, and nothing else.",
            "What residual would the true object leave?",
        ),
        "C": Statement(
            "It is the smoothest of the three, so it holds the least noise.",
            False,
            "Picture 1 is the smoothest. It holds little noise, and little of the object: its "
            "residual looks like the cube.",
        ),
        "D": Statement(
            "Picture 1 cannot be it: its residual is larger than the noise, and resembles the "
            "object.",
            True,
            "That is the alarm for over-regularisation: part of the object was thrown away.",
            "Read what the alarm said about picture 1.",
        ),
        "E": Statement(
            "Picture 2 cannot be it: its residual is well below the noise.",
            True,
            "Under-regularised: part of the noise must have become part of the picture.",
            "Is a residual of less than the noise good news?",
        ),
        "F": Statement(
            "Its RMSE is the smallest of the three.",
            False,
            "True, but the RMSE needs the truth: at the microscope you could not know it, so it "
            "cannot be the reason.",
        ),
        "G": Statement(
            "Its pores have the sharpest edges of the three.",
            False,
            "Sharp edges are what the prior pays for. They would look as sharp if they stood in "
            "the wrong place.",
        ),
    },
    hints=[
        "Use only what you would have at the microscope: the pictures, their residuals, the noise.",
        "The true object, projected, misses the data by exactly the noise: no more, no less.",
        "Pick the residual nearest to 1 × noise; then say what is wrong with the other two.",
    ],
    picture=pictures.publish,
    takeaway="Then write ε, the noise norm and how you got it, the tilts and the dose under the "
    "picture, so that the next reader can decide again.",
    points=2,
)
