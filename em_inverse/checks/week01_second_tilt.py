"""Week 1, exercise 4: at which tilt to take the second image of the pair."""

from __future__ import annotations

from typing import Any

from em_inverse.checks import week01_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement
from em_inverse.errors import EmInverseError

__all__ = ["second_tilt"]

_HOLDER = 70.0
_ASKED = 0.99


def _tilt_fault(tilt: float, problem: Any) -> str | None:
    if tilt > _HOLDER:
        return (
            f"tilt = {tilt:.3g}° is out of reach: the holder shadows the beam beyond {_HOLDER:g}°."
        )
    try:
        apart, right = pictures.separation(tilt, problem), pictures.share_right(tilt, problem)
    except (EmInverseError, TypeError, ValueError) as error:
        return f"The problem that you passed cannot be judged: pass the dose in e/nm². {error}"
    if right >= _ASKED:
        return None
    return (
        f"At {tilt:.3g}° the two projections differ by {apart:.2g} times their noise, and the "
        f"likelier object is the right one in {100 * right:.0f} % of the cases. "
        f"{100 * _ASKED:.0f} % are asked for."
    )


second_tilt = DecisionExercise(
    "second_tilt",
    "The image at 0° is taken; the specimen stands one more, with 1e5 e/nm². At which tilt (a "
    f"number of degrees above 0; the holder reaches {_HOLDER:g}°) will you tell the two objects "
    f"apart with {100 * _ASKED:.0f} % certainty? Several angles are good. Say which "
    "statements hold. "
    'Answer with ex.second_tilt.check(tilt=..., because=["...", "..."]).',
    value_name="tilt",
    problem=lambda: pictures.DOSE,
    reference=lambda problem: 30.0,
    fault=_tilt_fault,
    statements={
        "A": Statement(
            "Ten times the dose at 0° would have settled it as well.",
            False,
            "At 0° the two projections are equal. More dose makes the noise smaller, but nothing "
            "times √10 is still nothing.",
        ),
        "B": Statement(
            "At this tilt the two projections differ, all pixels taken together, by about four "
            "times their noise or more.",
            True,
            "That is what a decision with 99 % certainty needs: a difference to be compared with "
            "the noise of the counts.",
            "Compare the difference of the two projections with the noise. How many times larger "
            "must it be?",
        ),
        "C": Statement(
            "The image at 0° does not help to decide between these two.",
            True,
            "Both objects predict the very same image at 0°, so it is as likely under one as under "
            "the other.",
            "What does each of the two objects predict for 0°?",
        ),
        "D": Statement(
            "With two projections the object is determined.",
            False,
            "Between these two candidates, yes. But many other objects have both projections in "
            "common with the one that you chose; section 8 makes one of four pixels.",
        ),
        "E": Statement(
            "The smaller the tilt, the better, because the object then changes least.",
            False,
            "The object does not change at all. What should change is its projection, and near 0° "
            "it hardly does.",
        ),
        "F": Statement(
            "That the answer is one of these two objects is an assumption, and the image alone "
            "does not check it.",
            True,
            "It is prior knowledge, the first of this course. A third object may fit both images.",
            "Who says that the object is one of the two?",
        ),
    },
    hints=[
        "The table above lists, for a few tilts, how often the likelier object was the right one.",
        "The difference grows with the tilt, and the holder ends at 70°: look for the range.",
        (
            "Everything from about 8° on will do. For the reasons: which statements would still "
            "be true of any other pair with one projection in common?"
        ),
    ],
    picture=pictures.second_tilt,
    takeaway="More dose at the same angle repeats the same question. Another angle asks a new one.",
    points=2,
)
