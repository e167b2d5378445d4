"""Week 5, exercise 5: choose a tilt step for a given dose and holder, and justify it."""

from __future__ import annotations

from typing import Any

import numpy as np

from em_inverse.checks import week05_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["best_step"]

_FEWEST_COUNTS = 20.0


def _best(problem: Any) -> float:
    """Return the largest whole step, in degrees, at which the streaks stay outside."""
    return max(float(np.floor(pictures.largest_step(problem))), 1.0)


def _step_fault(step: float, problem: Any) -> str | None:
    try:
        largest = pictures.largest_step(problem)
        n, counts = pictures.images_and_counts(step, problem)
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        return (
            "The problem that you passed cannot be judged: it needs diameter_nm, detail_nm, "
            f"max_tilt_deg and counts. ({type(error).__name__})"
        )
    if step > largest:
        clean = problem["detail_nm"] / np.deg2rad(step)
        return (
            f"With a step of {step:.3g}° the streaks of a detail of {problem['detail_nm']:.3g} nm "
            f"start {clean:.3g} nm away from it, but the object is {problem['diameter_nm']:.3g} nm "
            f"wide: they cross it."
        )
    if counts < _FEWEST_COUNTS:
        return (
            f"A step of {step:.3g}° makes {n} images with {counts:.2g} counts per pixel each. "
            f"Nobody can track or align those, and the read-out noise enters {n} times."
        )
    return None


best_step = DecisionExercise(
    "best_step",
    "A catalyst particle of 100 nm with details of 5 nm, a holder that goes to ±70°, and a dose "
    "that gives 2000 counts per pixel inside the particle, summed over the whole series. Tracking "
    "and alignment need about 20 counts per pixel in each image. Choose the tilt step in degrees, "
    "and say which statements justify it. "
    'Answer with ex.best_step.check(step=..., because=["...", "..."]).',
    value_name="step",
    problem=pictures.planned,
    reference=_best,
    fault=_step_fault,
    statements={
        "A": Statement(
            "A finer step makes the missing wedge smaller.",
            False,
            "The wedge is set by the largest tilt. A finer step puts more lines between the same "
            "two ends.",
        ),
        "B": Statement(
            "At this step the streaks of a 5 nm detail start outside the particle.",
            True,
            "That is Crowther's condition, d = πD/N, with N tilts to the half circle: a step of at "
            "most d/D, in radians.",
            "How far from a point is its surrounding free of streaks, for a given step?",
        ),
        "C": Statement(
            "Twice as many images of the same total dose halve the shot noise of the slice.",
            False,
            "Half the counts in twice the images are the same electrons: the shot noise of the "
            "slice stays as it is.",
        ),
        "D": Statement(
            "At a fixed total dose the shot noise of the slice hardly depends on the step, so the "
            "step may follow the streaks.",
            True,
            "The table of section 7: past 31 tilts the error without read-out noise stays the "
            "same.",
            "Look at the table of section 7, in the column of counting alone.",
        ),
        "E": Statement(
            "A much finer step would leave too few counts in each image to track and align it, "
            "and the read-out noise enters with each image.",
            True,
            "The dose can be split without loss only as long as every image can still be used.",
            "What else comes with each image, however few electrons it has?",
        ),
        "F": Statement(
            "Fewer images of the same total dose damage the specimen less.",
            False,
            "What damages is the total dose. It is the same here, however it is split.",
        ),
    },
    hints=[
        (
            "Two limits: from above the streaks (section 5), from below the counts in each image "
            "(section 7)."
        ),
        (
            "From above: step ≤ d/D in radians. From below: counts per image = 2000 / (number of "
            "images), with 140°/step + 1 images."
        ),
        (
            "d/D = 0.05, times 180/π gives degrees. 2000/20 = 100 images at most, which is a step "
            "of 140°/99."
        ),
    ],
    picture=pictures.best_step,
    takeaway="The wedge asks for the largest tilt, the streaks for the step, the specimen for the "
    "total dose: three demands, three different knobs.",
    points=2,
)
