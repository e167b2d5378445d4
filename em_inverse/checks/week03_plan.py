"""Week 3, exercise 4: choose a prior for each of four specimens before seeing the result."""

from __future__ import annotations

from typing import Any

from em_inverse.checks import week03_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["plan"]

_RIGHT = 3242
_SPECIMENS = ("first (grains)", "second (dopant)", "third (adatoms)", "fourth (phase map)")
_REMARKS = {
    (0, 1): "L2 looks at one pixel at a time: that a grain is uniform is lost on it.",
    (0, 2): "H1 charges a jump by its square and would spread it over many pixels.",
    (0, 4): "L1 asks for empty pixels, and a grain is full of them to the brim with atoms.",
    (1, 1): "L2 does not know that neighbours belong together, and shrinks the level, too.",
    (1, 3): "TV would break the smooth rise into flat pieces.",
    (1, 4): "L1 would make spikes of a layer that is doped everywhere.",
    (2, 1): "L2 shrinks all pixels alike and never makes one empty.",
    (2, 2): "H1 punishes the steep sides of an adatom: it would come out low and wide.",
    (2, 3): "TV likes flat pieces; an adatom is one pixel, and loses most of its height.",
    (3, 1): "Shuffle the pixels of the map, and L2 does not notice. Smooth it is not asking for.",
    (3, 3): "TV would make terraces of the waves.",
    (3, 4): "L1 asks for empty pixels; a phase map is different from zero nearly everywhere.",
}


def _plan_fault(value: float, _: Any) -> str | None:
    digits = f"{value:g}"
    if len(digits) != 4 or not set(digits) <= set("1234"):
        return (
            f"plan = {value:g} is not four digits from 1 to 4, one for each specimen: 1 = L2, "
            f"2 = H1, 3 = TV, 4 = L1."
        )
    for place, (given, right) in enumerate(zip(digits, str(_RIGHT), strict=True)):
        if given != right:
            return f"Think again about the {_SPECIMENS[place]}. {_REMARKS[place, int(given)]}"
    return None


plan = DecisionExercise(
    "plan",
    "Four specimens, one prior each: (first) uniform grains with abrupt boundaries, (second) a "
    "dopant that rises smoothly, (third) isolated adatoms on nothing, (fourth) a smooth phase map "
    "around zero. Digits: 1 = L2, 2 = H1, 3 = TV, 4 = L1. Say which statements are good reasons. "
    'Answer with ex.plan.check(plan=..., because=["...", "..."]).',
    value_name="plan",
    problem=lambda: None,
    reference=lambda _: float(_RIGHT),
    fault=_plan_fault,
    statements={
        "A": Statement(
            "TV charges a step by its height, however steep it is, so an abrupt boundary is not "
            "made dearer by being abrupt.",
            True,
            "The square of H1 does the opposite: a jump is cheaper when it is spread.",
            "What does each prior charge for one jump, and what for the same climb in ten steps?",
        ),
        "B": Statement(
            "TV gives the sharpest picture, and sharper is closer to the truth.",
            False,
            "Sharpness is TV's signature, not evidence: it makes stairs of a smooth specimen, each "
            "with sharp edges.",
        ),
        "C": Statement(
            "Try all four on the data and keep the picture that looks most convincing.",
            False,
            "Every prior returns the object that it believes in. Choosing by the look is choosing "
            "what you hoped to see.",
        ),
        "D": Statement(
            "Before the measurement we know that nearly all pixels around the adatoms are empty.",
            True,
            "That is what L1 believes, and it is knowledge about the specimen, not about the data.",
            "What do you know of the third specimen before you measure it?",
        ),
        "E": Statement(
            "For a specimen that varies slowly, small steps between neighbours are typical and "
            "none of them is special.",
            True,
            "Many small steps and no large one: Gaussian steps, which is H1.",
            "What do the steps of the second and fourth specimen look like, all of them together?",
        ),
        "F": Statement(
            "The naive inverse of each has the smallest residual, so start from that.",
            False,
            "Its residual is zero because it explains the noise. It says nothing about a prior.",
        ),
    },
    hints=[
        "Ask of each specimen: what is small? The values, the steps, or only most of them?",
        "Small steps everywhere: squares of steps. Few steps, or few values: absolute values.",
        "The second and the fourth want the same prior, the others an absolute value each.",
    ],
    picture=pictures.plan,
    takeaway="You chose from what you know about the specimen, before you saw a result. That is "
    "what makes it a prior.",
    points=2,
)
