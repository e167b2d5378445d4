"""Week 7, exercise 4: which of four runs may be published, and what is wrong with the others."""

from __future__ import annotations

from typing import Any

from em_inverse.checks import week07_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement

__all__ = ["judge"]

# Of ε in noise norms; below the floor nothing can follow, above it pores are paid for.
_LEAST, _MOST = 0.93, 1.1
_ENOUGH = 100


def _sound(epsilon: float, n_iter: float) -> bool:
    return _LEAST <= epsilon <= _MOST and n_iter >= _ENOUGH


def _good(problem: Any) -> float:
    """The number of the first run that had a sound ε and the time to meet it."""
    return 1.0 + [_sound(*how) for how in problem].index(True)


def _fault(run: float, problem: Any) -> str | None:
    runs = list(problem)
    if run not in range(1, len(runs) + 1):
        return f"run = {run:g}, but there are runs 1 to {len(runs)}."
    epsilon, n_iter = runs[int(run) - 1]
    if _sound(epsilon, n_iter):
        return None
    if epsilon < _LEAST:
        return (
            f"Run {run:g} was asked to come within {epsilon:g} times the noise, closer than any "
            f"object comes. What it fits beyond is noise."
        )
    if epsilon > _MOST:
        return (
            f"Run {run:g} was allowed to miss the data by {epsilon:g} times the noise, and did. "
            f"What is missing in its picture stands in the residual."
        )
    return (
        f"Run {run:g} was taken after {n_iter:g} iterations, on its way: with a few dozen more it "
        f"would be another picture."
    )


judge = DecisionExercise(
    "judge",
    "Which of the four runs of section 7 do you publish as it is, 1, 2, 3 or 4? You have their "
    "logs: ε and the residual in noise norms, the floor, the curves. The noise was measured on a "
    'blank frame. Answer with ex.judge.check(run=..., because=["...", "..."]).',
    value_name="run",
    problem=pictures.runs,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "Run 1 is out of reach: its residual stands above its ε, and does not fall any more.",
            True,
            "Its ε lies below the floor, so no number of iterations will meet it.",
            "Which run stands still above its ε?",
        ),
        "B": Statement(
            "Run 1 has the smallest residual, so it explains the data best.",
            False,
            "It explains the noise as well: its residual is well below one noise norm.",
        ),
        "C": Statement(
            "Run 2 meets its ε, but its ε is half again the noise: it is over-smoothed.",
            True,
            "Meeting ε says that the solver is done, not that ε was right.",
            "Which run has an ε that the noise does not account for?",
        ),
        "D": Statement(
            "Run 2 has the lowest TV, so it is the plainest object that explains the data.",
            False,
            "Its TV is lowest because it need not explain the data to within the noise.",
        ),
        "E": Statement(
            "Run 4 has not converged: its residual is above its ε, and still falling.",
            True,
            "It was stopped on its way. Let it go on.",
            "Which run was still moving when it was stopped?",
        ),
        "F": Statement(
            "Runs 1 and 4 have the same fault, because both miss their ε.",
            False,
            "The same sign, two faults: one stands still above its ε, the other is still falling.",
        ),
        "G": Statement(
            "Run 3 has the lowest RMSE of the four.",
            False,
            "True, but the RMSE needs the truth: at the microscope you could not know it, so it "
            "cannot be the reason.",
        ),
    },
    hints=[
        "Three numbers each: ε ÷ noise, residual ÷ ε, and whether the residual still falls.",
        "Above ε and falling: wait. Above ε and standing: ε is too small. At ε: is ε the noise?",
        "Publish the one that rests at its ε, with ε at the noise; say what ails the others.",
    ],
    picture=pictures.judge,
    takeaway="Two questions to every log: has the residual met ε, and is ε what the noise says? "
    "The first is about the solver, the second about you.",
    points=2,
)
