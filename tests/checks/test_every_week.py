"""What must be true of the exercises of every week, those to come included."""

import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import checks
from em_inverse.checks.decision import DecisionExercise
from em_inverse.checks.exercise import Exercise
from em_inverse.checks.verdict import State

NAMES = sorted(
    found.name
    for found in pkgutil.iter_modules(checks.__path__)
    if found.name.startswith("week") and found.name[4:].isdigit()
)
WEEKS = {name: importlib.import_module(f"em_inverse.checks.{name}") for name in NAMES}
TASKS = [(name, task) for name, week in WEEKS.items() for task in week.ALL]
FUNCTIONS = [(name, task) for name, task in TASKS if isinstance(task, Exercise)]
DECISIONS = [task for _, task in TASKS if isinstance(task, DecisionExercise)]
WRONG = [(task, entry) for _, task in FUNCTIONS for entry in task.misconceptions]
# Iterations, or loops of plain Python: one seed for each of their wrong answers.
SLOW = {"iterate_until", "is_complete", "stand_out"}

every_task = pytest.mark.parametrize(("week", "task"), TASKS, ids=lambda v: getattr(v, "name", v))
every_function = pytest.mark.parametrize(
    ("week", "task"), FUNCTIONS, ids=lambda v: getattr(v, "name", v)
)
every_decision = pytest.mark.parametrize("task", DECISIONS, ids=lambda task: task.name)


def test_every_week_has_functions_to_write():
    assert len(NAMES) >= 10
    assert {week for week, _ in FUNCTIONS} == set(NAMES)


@every_task
def test_it_has_hints_a_solution_and_a_picture_with_numbers(week, task, capsys):
    assert len(task.hints) >= 2
    assert task.points > 0
    task.solution(show=True)
    task.expected()
    assert "Figure: " in capsys.readouterr().out
    assert 2 <= len(task.picture().numbers) <= 3


@every_function
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_the_reference_passes(week, task, seed):
    verdict = task.evaluate(task.reference, seed=seed)
    assert verdict.passed, str(verdict)
    assert verdict.points == verdict.out_of == task.points


@every_function
def test_the_printed_solution_is_an_answer(week, task, capsys):
    # A learner may use what was written in an earlier exercise of the week.
    others = {t.name: t.reference for name, t in FUNCTIONS if name == week and t is not task}
    space = {"np": np, **others}
    task.solution(show=True)
    exec(capsys.readouterr().out, space)
    assert task.evaluate(space[task.name]).passed
    assert task.reference is task.use(None)


@pytest.mark.parametrize(
    ("task", "entry"), WRONG, ids=[f"{task.name}: {entry.name}" for task, entry in WRONG]
)
def test_usual_wrong_answers_are_refused_by_name(task, entry, capsys):
    for seed in range(1 if task.name in SLOW else 3):
        verdict = task.evaluate(entry.wrong, seed=seed)
        assert verdict.misconception == entry.name, str(verdict)
        assert verdict.state in (State.WRONG, State.ERROR)
        assert entry.diagnosis in verdict.message
        assert verdict.points == entry.credit * task.points < task.points
    task.check(entry.wrong)
    task.hint()
    shown = " ".join(capsys.readouterr().out.split())
    assert f"] {' '.join(entry.hint.split())}" in shown


RUBBISH = {
    "zero": lambda *args: 0.0,
    "a tenth": lambda *args: 0.1,
    "one": lambda *args: 1.0,
    "seventeen": lambda *args: 17,
    "two numbers": lambda *args: (1.0, 0.0),
    "four zeros": lambda *args: np.zeros(4),
    "four ones": lambda *args: np.ones(4),
    "seven zeros": lambda *args: np.zeros(7),
    "zeros like the first": lambda *args: np.zeros(np.shape(args[0])),
    "zeros like the last": lambda *args: np.zeros(np.shape(args[-1])),
    "ones like the last": lambda *args: np.ones(np.shape(args[-1])),
    "a zero for each row": lambda *args: np.zeros(len(args[0])),
    "a one for each row and one more": lambda *args: np.ones(len(args[0]) + 1),
    "a zero for each column": lambda *args: np.zeros(np.shape(args[0])[-1]),
    "a one for each column": lambda *args: np.ones(np.shape(args[0])[-1]),
    "the first": lambda *args: args[0],
    "a list": lambda *args: [],
    "a mapping": lambda *args: {},
    "nothing": lambda *args: None if args else 1,
    "an error": lambda *args: 1 / 0,
    "no argument": lambda: 3,
    "seven arguments": lambda a, b, c, d, e, f, g: 3,
}
USUAL_RUBBISH = {
    ("ramp", "the first"): "no filter",
    ("into_ball", "the first"): "never moved",
    ("carry", "the first"): "nothing new",
}
"""Exercise and rubbish that is one of its usual wrong answers, and the name of that."""


@pytest.mark.no_cover  # so many times that tracing would cost as much as the checks
@every_function
@pytest.mark.parametrize("rubbish", RUBBISH)
def test_constants_zeros_and_rubbish_are_refused(week, task, rubbish):
    verdict = task.evaluate(RUBBISH[rubbish])
    assert verdict.state in (State.WRONG, State.ERROR)
    assert verdict.points == 0
    assert verdict.misconception == USUAL_RUBBISH.get((task.name, rubbish), "")
    assert "Traceback" not in str(verdict)


@every_function
def test_a_blank_answer_is_not_attempted(week, task, capsys):
    def stub(*args):
        """Say what is to be returned."""
        raise NotImplementedError("your turn")

    task.check(stub)
    assert "[not attempted" in capsys.readouterr().out
    assert task.use(stub) is task.reference


@every_decision
def test_no_choice_is_not_attempted(task):
    assert task.evaluate(None, because=[]).state is State.NOT_ATTEMPTED


@every_decision
def test_the_best_choice_with_all_right_reasons_passes(task):
    best = task.reference(task.problem())
    verdict = task.evaluate(best, because=[k for k, s in task.statements.items() if s.right])
    assert verdict.passed, str(verdict)
    assert verdict.points == verdict.out_of == task.points
    assert task.use(None) == best


@every_decision
def test_every_reason_has_its_words(task):
    best = task.reference(task.problem())
    for label, statement in task.statements.items():
        assert statement.why
        assert statement.right == bool(statement.nudge)
        verdict = task.evaluate(best, because=[label])
        assert (f"{label}: {statement.why}" in verdict.message) != statement.right


@pytest.mark.parametrize("week", NAMES)
def test_importing_a_week_stays_light(week):
    program = (
        f"import sys, em_inverse.checks.{week}; "
        "print([m for m in ('matplotlib', 'ipywidgets', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
