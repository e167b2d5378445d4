"""Week 12, exercise 4: which of three traces to report, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week12_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["reading"]

_LEAST, _MOST = 0.5, 2.0


def _good(problem: Any) -> float:
    """The number of the trace whose λ is nearest to the typical one."""
    off = [abs(np.log(max(factor, 1e-3))) for factor in problem]
    return 1.0 + int(np.argmin(off))


def _fault(trace: float, problem: Any) -> str | None:
    factors = list(problem)
    if trace not in range(1, len(factors) + 1):
        return f"trace = {trace:g}, but there are traces 1 to {len(factors)}."
    factor = factors[int(trace) - 1]
    if factor < _LEAST:
        return (
            f"Trace {trace:g} was made with {factor:g} times the typical λ. Its misfit is below "
            f"that of counting noise: the volume has learned the noise by heart, and tracing finds "
            f"atoms in it."
        )
    if factor > _MOST:
        return (
            f"Trace {trace:g} was made with {factor:g} times the typical λ. Atoms are smeared into "
            f"each other, no width is that of an atom, and the images miss the data by more than "
            f"noise."
        )
    return None


reading = DecisionExercise(
    "reading",
    "Three traces of one recording, made with different λ. Which one do you report, 1, 2 or 3? At "
    "the microscope there is no truth to score them with. Answer with "
    'ex.reading.check(trace=..., because=["...", "..."]).',
    value_name="trace",
    problem=pictures.settings,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "Its images fit the recorded ones best.",
            False,
            "Trace 1 fits best, better than the truth would. What lies below 1 was fitted to the "
            "noise.",
        ),
        "B": Statement(
            "Its misfit is that of counting noise: near 1.",
            True,
            "With n electrons a pixel, 4n times the squared difference of amplitudes is about 1 "
            "per pixel when nothing but noise is left.",
            "Which misfit would the true atoms have?",
        ),
        "C": Statement(
            "Trace 1 cannot be it: it holds three times as many atoms per volume as silicon or "
            "quartz do.",
            True,
            "Density is known without any microscope, and noise does not keep to it.",
            "Divide the atoms by the volume of the needle: 18 Å across, 18 Å long.",
        ),
        "D": Statement(
            "It holds the most atoms, so the least was overlooked.",
            False,
            "Noise has maxima, too. More atoms are better only where they are atoms.",
        ),
        "E": Statement(
            "Trace 3 cannot be it: nearly all its atoms are doubtful, and its images miss the data "
            "by more than noise.",
            True,
            "Too strong a prior shows on both sides: in the data, and in widths that no atom has.",
            "Read the doubtful atoms and the misfit of trace 3.",
        ),
        "F": Statement(
            "Its position error is the smallest.",
            False,
            "It is not even true (trace 1 has the smallest, for the atoms that are real), and at "
            "the microscope nobody could know.",
        ),
        "G": Statement(
            "Two humps of intensity lie clearly apart in trace 1, so its species are certain.",
            False,
            "They are apart. One hump is the atoms, the other one is noise.",
        ),
    },
    hints=[
        "Use only what you would have: images, misfit, the trace, and what the specimen weighs.",
        "The truth leaves a misfit of about 1. Below it noise was fitted, above it data missed.",
        "750 atoms in a needle of 4700 Å³: silicon has 0.05 atoms per Å³, quartz 0.08.",
    ],
    picture=pictures.reading,
    takeaway="Then report λ, the iterations, the misfit, and how many atoms are doubtful.",
    points=2,
)
