"""Week 8, exercise 4: after how many projections to stop, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["when_to_stop"]

# Readings that must agree, and by how much of the last one they may differ.
_IN_A_ROW, _NEAR = 3, 0.15
_PATIENCE = 2.5


def _settled(readings: Mapping[int, float]) -> int:
    """The first count from which on three readings in a row agree."""
    counts = sorted(readings)
    for k in range(_IN_A_ROW - 1, len(counts)):
        last = readings[counts[k]]
        row = [readings[c] for c in counts[k - _IN_A_ROW + 1 : k + 1]]
        if all(abs(value - last) <= _NEAR * abs(last) for value in row):
            return counts[k]
    return counts[-1]


def _fault(n: float, problem: Any) -> str | None:
    first, counts = _settled(problem), sorted(problem)
    if n != int(n) or not counts[0] <= n <= counts[-1]:
        return f"n = {n:g}, but {counts[0]} to {counts[-1]} projections were recorded."
    earlier = [c for c in counts if c <= n]
    if n < first:
        row = ", ".join(f"{problem[c]:+.0f}" for c in earlier[-_IN_A_ROW:])
        return (
            f"After {n:g} projections the last readings are {row} degrees: they still move. The "
            f"next one may say something else."
        )
    if n > _PATIENCE * first:
        return (
            f"After {n:g} projections you have known it for long: the readings have stood still "
            f"since {first}. The particle paid for the rest."
        )
    return None


when_to_stop = DecisionExercise(
    "when_to_stop",
    "You record in golden order and want to know one thing: the hand of the particle. After how "
    "many projections, n, do you stop? Use the printed readings of section 6 and what you would "
    'have at the microscope. Answer with ex.when_to_stop.check(n=..., because=["...", "..."]).',
    value_name="n",
    problem=pictures.readings,
    reference=lambda problem: float(_settled(problem)),
    fault=_fault,
    statements={
        "A": Statement(
            "Several readings in a row, from directions all over the range, gave the same twist.",
            True,
            "A number that has stopped moving while news came in is one to trust.",
            "Which numbers have stopped moving, and what came in meanwhile?",
        ),
        "B": Statement(
            "The slices look sharp and clean.",
            False,
            "TV makes sharp, clean slices from any data, from four projections, too.",
        ),
        "C": Statement(
            "Projections of directions not seen before were foretold nearly to their noise.",
            True,
            "Then there is little that the next ones could add.",
            "What did the reconstruction know about projections before they were used?",
        ),
        "D": Statement(
            "The RMSE has stopped falling.",
            False,
            "The RMSE needs the truth. At the microscope there is none.",
        ),
        "E": Statement(
            "The mirror image, recorded in the same way, gave the same number with the other sign.",
            True,
            "A control: it shows that the reading follows the particle, and not the wedge or the "
            "program.",
            "How would you know that the sign does not come from the tilt range or the program?",
        ),
        "F": Statement(
            "The paper identified the chirality within the first third.",
            False,
            "Another particle, another order, another dose. Here the sequential order took longer "
            "than the golden one; let your own readings decide.",
        ),
        "G": Statement(
            "The expected gain 1 − √(n/N) is small by then.",
            False,
            "It is still above 40 % there. It bounds the error of the whole volume, and the sign "
            "of the twist does not need it.",
        ),
    },
    hints=[
        "Look for the place where the reading has stood still for three rows.",
        "Early readings may even have the wrong sign, so one good row is not enough.",
        "Between about 10 and 25 of 48; the reasons are those that need no truth and no authority.",
    ],
    picture=pictures.when_to_stop,
    takeaway="Decide what question the volume must answer *before* you record; then the question, "
    "not the last tilt, ends the series.",
    points=2,
)
