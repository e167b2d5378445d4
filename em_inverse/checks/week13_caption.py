"""Week 13, exercise 4: what to write under a figure that rests on generated frames, and why."""

from __future__ import annotations

from typing import Any

from em_inverse.checks import week13_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["caption"]

_FAULTS = {
    "count": "It does not say how many projections were recorded and how many generated, so every "
    "reader takes all of them for measured.",
    "claim": "It claims what no electron has shown: frames made from the recorded ones hold what "
    "those and an assumption imply, and add no measurement.",
    "way": "It does not say how the frames were made, so nobody knows what was assumed.",
    "rests": "It leaves open which statements of the paper stand without the generated frames.",
}
"""What can be missing or wrong, the worst first; a caption lists what it gets right."""


def _faults(told: Any) -> list[str]:
    return [text for name, text in _FAULTS.items() if name not in told.right]


def _good(problem: Any) -> float:
    """The number of the caption against which least speaks."""
    counts = [len(_faults(told)) for told in problem]
    return 1.0 + counts.index(min(counts))


def _fault(caption: float, problem: Any) -> str | None:
    captions = list(problem)
    if caption not in range(1, len(captions) + 1):
        return f"caption = {caption:g}, but there are captions 1 to {len(captions)}."
    found = _faults(captions[int(caption) - 1])
    return f"Caption {caption:g}: {found[0]}" if found else None


caption = DecisionExercise(
    "caption",
    "Four captions for one figure of a tomogram. Every second of its projections was generated. "
    "Which one do you publish, 1 to 4? Answer with "
    'ex.caption.check(caption=..., because=["...", "..."]).',
    value_name="caption",
    problem=pictures.captions,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "It says how many frames were recorded, how many generated, and by which method.",
            True,
            "That is the least: without it a reader counts all of them as measured.",
            "What has a reader to know to count electrons?",
        ),
        "B": Statement(
            "The deposited series keeps the marks, so that anyone can take the generated frames "
            "out again.",
            True,
            "A mark in a file outlives a sentence in a paper.",
            "Who will look at the data in five years, and what will they see?",
        ),
        "C": Statement(
            "What the paper claims was checked with the recorded frames alone, and that volume is "
            "shown.",
            True,
            "If a claim needs the generated frames, it rests on the assumption that made them.",
            "What if the generated frames are taken away?",
        ),
        "D": Statement(
            "Their PSNR is high, so generated frames are as good as recorded ones.",
            False,
            "PSNR was measured on other specimens, whose truth was known. On yours there is none, "
            "and a mean over pixels hides one invented column.",
        ),
        "E": Statement(
            "It has the most projections, hence the best resolution.",
            False,
            "Projections that were computed from others bring no resolution that those did not "
            "have.",
        ),
        "F": Statement(
            "The same result at half the dose is the strongest message.",
            False,
            "It would be, if it were a result. That needs the other half of the dose, once, on "
            "such a specimen, to compare with.",
        ),
        "G": Statement(
            "Every program interpolates somewhere, so nobody needs to be told.",
            False,
            "Interpolation within a frame moves counts by a pixel. This makes frames.",
        ),
    },
    hints=[
        "Read each as somebody who has only the caption. What do you take for measured?",
        "Three things have to be said: how many, how, and what stands without them.",
        "One caption hides the frames, one turns them into saved dose, one calls them restored.",
    ],
    picture=pictures.caption,
    takeaway="The kit writes the first half of that sentence into every report and file.",
    points=2,
)
