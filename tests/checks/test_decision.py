"""Decisions: a value, reasons for it, and words for each way to miss."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.checks import DecisionExercise, State, Statement


def _fault(value, target):
    return None if value > target else f"lam must be above {target:g}."


def make():
    return DecisionExercise(
        "pick",
        "Pick a λ.",
        value_name="lam",
        problem=lambda: 2.0,
        reference=lambda target: target + 1,
        fault=_fault,
        statements={
            "A": Statement("Right one.", True, "Yes, because.", "Look left."),
            "B": Statement("Wrong one.", False, "No, because."),
            "C": Statement("Right two.", True, "Yes, too.", "Look right."),
        },
        hints=["Think.", "Above 2."],
        takeaway="Well chosen.",
        points=4,
    )


task = make()


@pytest.mark.parametrize("value", [None, ...])
def test_not_attempted(value):
    verdict = task.evaluate(lam=value, because=["A"])
    assert verdict.state is State.NOT_ATTEMPTED
    assert verdict.points == 0


@pytest.mark.parametrize("because", [["A", "C"], "AC", "c, a", ("C", "A"), {"A", "C"}, [" a", "C"]])
def test_correct(because, capsys):
    assert task.check(lam=3, because=because) is None
    assert capsys.readouterr().out == "[correct] pick: lam = 3 is a good choice.\nWell chosen.\n"
    assert task.evaluate(3.0, because).points == 4


@pytest.mark.parametrize(
    ("value", "because", "points", "words"),
    [
        (3, [], 2, ["good choice", "say why"]),
        (3, None, 2, ["say why"]),
        (3, ["A"], 3, ["One right reason is still missing. Look right."]),
        (3, ["B"], 2, ["B: No, because.", "2 reasons are still missing. Look left."]),
        (3, ["A", "B", "C"], 3, ["B: No, because."]),
        (3, ["A", "C", "Z"], 3, ["Labels run from A to C."]),
        (1, ["A", "C"], 2, ["lam must be above 2."]),
        (1, ["B"], 0, ["lam must be above 2.", "B: No, because."]),
        (3, 7, 2, ["must be a list of labels"]),
        (3, np.array(["A"]), 3, ["One right reason"]),
    ],
)
def test_wrong_in_words(value, because, points, words):
    verdict = task.evaluate(lam=value, because=because)
    assert verdict.state is State.WRONG
    assert verdict.points == points
    for word in words:
        assert word in verdict.message


def test_missing_reasons_are_not_given_away():
    message = task.evaluate(lam=3, because=["A"]).message
    assert "C:" not in message
    assert "Right two" not in message


@pytest.mark.parametrize(
    "value", [0, -1, "3", [3], np.ones(2), True, float("nan"), float("inf"), 10**400, 3j, object()]
)
def test_values_that_are_no_positive_number(value):
    verdict = task.evaluate(lam=value, because=["A", "C"])
    assert verdict.state is State.WRONG
    assert "one positive number is asked for" in verdict.message
    assert "0x" not in verdict.message


def test_another_problem_can_be_passed():
    assert not task.evaluate(lam=3, because="AC", problem=5.0).passed
    assert task.evaluate(lam=6, because="AC", problem=5.0).passed


def test_a_wrong_keyword_is_explained(capsys):
    task.check(lamda=3)
    assert "ex.pick.check(lam=..., because=[...])" in capsys.readouterr().out


def test_a_check_without_arguments_is_not_attempted(capsys):
    task.check()
    assert capsys.readouterr().out.startswith("[not attempted] pick:")


def test_endless_reasons_end():
    assert not task.evaluate(lam=3, because=itertools.cycle("AB")).passed


def test_use(capsys):
    assert task.use(lam=4) == 4.0
    assert capsys.readouterr().out == "[note] Going on with your lam.\n"
    for value, state in ((None, "not attempted"), (1, "not yet"), ("x", "not yet")):
        assert task.use(value) == 3.0
        assert f'says "{state}"' in " ".join(capsys.readouterr().out.split())
    assert task.use(np.float64(7), problem=6.0) == 7.0
    assert task.use(7, problem=8.0) == 9.0


def test_prompt_lists_the_statements_and_the_solution_explains_them(capsys):
    assert repr(task).splitlines() == [
        "Exercise pick (4 points). Pick a λ.",
        "  A. Right one.",
        "  B. Wrong one.",
        "  C. Right two.",
    ]
    task.solution()
    assert "because" not in capsys.readouterr().out
    task.solution(show=True)
    out = capsys.readouterr().out
    assert out.startswith('lam = 3\nbecause = ["A", "C"]\n')
    assert "B. No, because." in out


@settings(max_examples=60, deadline=None)
@given(
    st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers()),
    st.none() | st.text(max_size=4) | st.lists(st.none() | st.text(max_size=2)) | st.integers(),
)
def test_nothing_escapes_and_points_stay_in_range(value, because):
    verdict = task.evaluate(lam=value, because=because)
    assert 0 <= verdict.points <= verdict.out_of == 4
    assert verdict.passed == (verdict.points == 4)
