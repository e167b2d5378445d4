"""Autograded exercises: check, hint, expected picture, solution.

In a notebook::

    from em_inverse.checks import week11 as ex

    def tikhonov(H, y, lam):
        raise NotImplementedError

    ex.tikhonov.check(tikhonov)            # one of four states, with a diagnosis in words
    ex.tikhonov.hint()                     # hint(2), hint(3): more open
    ex.tikhonov.expected()                 # the picture that a correct answer gives
    ex.tikhonov.solution(show=True)        # one way to do it
    tikhonov = ex.tikhonov.use(tikhonov)   # yours if it passes, otherwise the kit's, and says so

A check tries properties that hold for every correct answer, on random problems of several sizes;
it never compares with one stored number, and it reads no variable of the notebook. For marks,
``ex.tikhonov.evaluate(tikhonov, seed=7, sizes=[(9, 9), (14, 11), (8, 13)])`` returns the
`Verdict` without printing. Solutions ship with the kit: marks that count need tasks of your own,
built from the same classes.

A new week is a module with one `Exercise` or `DecisionExercise` per task and a list ``ALL``.
"""

from em_inverse.checks.decision import DecisionExercise, Statement
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.task import Picture, Task
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.verdict import State, Verdict

__all__ = [
    "Case",
    "DecisionExercise",
    "Exercise",
    "Misconception",
    "Picture",
    "Property",
    "State",
    "Statement",
    "Task",
    "Verdict",
]
