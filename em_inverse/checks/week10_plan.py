"""Week 10, exercise 4: how to share out the dose of a session, and why."""

from __future__ import annotations

from typing import Any

from em_inverse.checks import week10_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["plan"]

_MODES, _FEWEST_TILTS, _PIXELS = 3, 5, 32


def _faults(tilts: int, channels: int) -> list[str]:
    """What speaks against a plan, the worst first."""
    dark = pictures.DARK * tilts * channels * _PIXELS
    found = []
    if channels < _MODES:
        found.append(
            f"{channels} energy channels give two numbers per pixel where three modes are asked "
            f"for. No dose tells them apart."
        )
    if tilts < _FEWEST_TILTS:
        found.append(
            f"{tilts} tilts leave most directions of Fourier space unseen, and no dose replaces "
            f"them."
        )
    if dark > pictures.DOSE:
        found.append(
            f"Its {tilts * channels * _PIXELS} readings hold {dark:.0f} dark counts beside "
            f"{pictures.DOSE:.0f} from the cube. Each of them is cheap; all together are not."
        )
    return found


def _good(problem: Any) -> float:
    """The number of the plan against which least speaks."""
    counts = [len(_faults(*settings)) for settings in problem]
    return 1.0 + counts.index(min(counts))


def _fault(plan: float, problem: Any) -> str | None:
    plans = list(problem)
    if plan not in range(1, len(plans) + 1):
        return f"plan = {plan:g}, but there are plans 1 to {len(plans)}."
    tilts, channels = plans[int(plan) - 1]
    found = _faults(tilts, channels)
    return f"Plan {plan:g} has {tilts} tilts × {channels} channels. {found[0]}" if found else None


plan = DecisionExercise(
    "plan",
    "Four plans for one session: the same dose, the same detector with its dark counts, three "
    "modes to be separated. Which plan do you take, 1 to 4? Answer with "
    'ex.plan.check(plan=..., because=["...", "..."]).',
    value_name="plan",
    problem=pictures.plans,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "It has the most tilts, and more tilts never hurt.",
            False,
            "Splitting the dose costs nothing only where a reading costs nothing. Here every "
            "reading brings its dark counts along.",
        ),
        "B": Statement(
            "It has more energy channels than there are modes.",
            True,
            "As many equations per pixel as unknowns are the least, and a few more are needed "
            "where lines lie across the border of two channels.",
            "How many numbers per pixel do three unknown modes ask for?",
        ),
        "C": Statement(
            "Over all readings there are fewer dark counts than counts from the cube.",
            True,
            "Dark counts are known on average and taken off; their noise stays.",
            "Pixels × tilts × channels × dark counts: compare with the dose.",
        ),
        "D": Statement(
            "Every reading holds at least one count, as it must for a reconstruction.",
            False,
            "It does not, in this plan, and need not: what is fitted is all readings together, and "
            "0 is a valid count.",
        ),
        "E": Statement(
            "It has the fewest readings, so each has the best signal-to-noise ratio.",
            False,
            "True of another plan, and no reason: a reading alone is never looked at.",
        ),
        "F": Statement(
            "In a simulation with such a cube, this dose and these dark counts, its error is the "
            "smallest.",
            True,
            "A simulation before the session costs no dose, and it is the only place where the "
            "truth is known.",
            "What can you know before the session that you cannot know after it?",
        ),
        "G": Statement(
            "Its channels are the finest, so the spectra are separated best.",
            False,
            "The lines are 0.4 eV wide. Channels much finer than that bring readings, not "
            "information.",
        ),
    },
    hints=[
        "Three things can go wrong: too few equations, too few directions, too many readings.",
        "Plans with 2 channels or with 3 tilts are lost at any dose. Two plans are left.",
        "61 × 32 channels × 32 pixels × 0.2 dark counts: is that more than the dose?",
    ],
    picture=pictures.plan,
    takeaway="Then look at its neighbours in the explorer: the optimum is broad, so take the plan "
    "that suits the microscope.",
    points=2,
)
