"""The framework, tried on an exercise small enough to see through: y = Aᵀx."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from em_inverse.checks import Exercise, Misconception, Picture, Property, State
from em_inverse.errors import ParameterError


def reference(A, x):
    """Return Aᵀx."""
    return A.T @ x


def _cases(rng, sizes):
    return [{"A": rng.standard_normal(s), "x": rng.standard_normal(s[0])} for s in sizes]


def _doubles(case, answer, call):
    if np.allclose(call(x=2 * case["x"]), 2 * answer):
        return None
    return "Twice the x must give twice the answer."


def make(**changes):
    settings = {
        "reference": reference,
        "cases": _cases,
        "sizes": [(3, 3), (4, 2), (2, 5)],
        "hints": ["Which side?", "A.T @ x"],
        "properties": [Property("linearity", _doubles)],
        "misconceptions": [
            Misconception("no transpose", lambda A, x: A @ x, "This is Ax.", "Turn A.", 0.5),
            Misconception("twice", lambda A, x: 2 * A.T @ x, "This is 2Aᵀx.", "Drop the 2."),
        ],
        "takeaway": "Rows become columns.",
        "points": 2,
    }
    return Exercise("turn", "Write turn(A, x).", **{**settings, **changes})


task = make()


def said(capsys, func, task=task):
    capsys.readouterr()
    assert task.check(func) is None
    return capsys.readouterr().out


def _stub(A, x):
    raise NotImplementedError("your turn")


def _ellipsis(A, x):
    return ...


def _empty(A, x):
    pass


@pytest.mark.parametrize("func", [None, ..., _stub, _ellipsis, _empty])
def test_not_attempted(capsys, func):
    assert said(capsys, func) == (
        "[not attempted] turn: Replace the body of turn by your own lines, then run this cell\n"
        "again. First hint: ex.turn.hint()\n"
    )
    assert task.evaluate(func).points == 0


def test_a_stub_below_a_print_is_still_not_attempted(capsys):
    def func(A, x):
        print("I start here")
        raise NotImplementedError

    assert "I start here" not in said(capsys, func)


def test_a_stub_that_the_function_calls_is_an_error_in_code():
    def func(A, x):
        return _stub(A, x)

    verdict = task.evaluate(func)
    assert verdict.state is State.ERROR
    assert "in _stub" in verdict.message


def test_correct(capsys):
    text = said(capsys, lambda A, x: [float(column @ x) for column in A.T])
    assert text.startswith("[correct] turn: Tested: agreement with another solution (3×3, 4×2,")
    assert "linearity" in text
    assert text.endswith("Rows become columns.\n")
    assert task.evaluate(reference).points == 2


@pytest.mark.parametrize("entry", task.misconceptions, ids=lambda m: m.name)
def test_usual_wrong_answers_are_named(capsys, entry):
    verdict = task.evaluate(entry.wrong)
    assert verdict.misconception == entry.name
    assert verdict.points == 2 * entry.credit
    assert entry.diagnosis in verdict.message
    said(capsys, entry.wrong)
    task.hint()
    assert entry.hint in capsys.readouterr().out


def test_a_mistake_that_fails_on_some_shapes_shows_the_line_and_the_cause():
    def func(A, x):
        return A @ x

    verdict = task.evaluate(func)
    assert verdict.state is State.ERROR
    assert "return A @ x" in verdict.message
    assert "A likely cause: This is Ax." in verdict.message


def test_the_hint_of_a_mistake_goes_when_the_answer_is_right(capsys):
    said(capsys, task.misconceptions[1].wrong)
    said(capsys, reference)
    task.hint()
    assert capsys.readouterr().out == "[hint 1 of 2] Which side? (Next: ex.turn.hint(2))\n"


def _squares(A, x):
    return (A.T @ x) ** 2


def test_a_property_that_fails_is_named():
    assert "Twice the x" in task.evaluate(_squares).message


def test_an_exact_copy_that_breaks_a_property_fails():
    def only_small(A, x):
        return A.T @ x if np.abs(x).max() < limit else np.zeros(A.shape[1])

    cases = _cases(np.random.default_rng(0), task.sizes)
    limit = max(np.abs(case["x"]).max() for case in cases) * 1.01
    assert "Twice the x" in task.evaluate(only_small).message


def test_a_fault_while_a_property_is_tested_says_with_what():
    def fails_later(A, x):
        fails_later.calls += 1
        if fails_later.calls > 3:
            raise ValueError("enough")
        return A.T @ x

    fails_later.calls = 0
    verdict = task.evaluate(fails_later)
    assert verdict.state is State.ERROR
    assert verdict.message.startswith("With another x: It stopped")


@pytest.mark.parametrize(
    ("func", "words"),
    [
        (lambda A, x: np.zeros(A.shape[1]), "zeros"),
        (lambda A, x: np.ones(A.shape[1]), "the data are not used"),
        (lambda A, x: np.arange(A.shape[1]) - 0.5, "the data are not used"),
        (lambda A, x: None if x.size else x, "nothing (None)"),
        (lambda A, x: np.full(A.shape[1], np.nan), "NaN"),
        (lambda A, x: (A.T @ x)[:, None], "shape (3, 1), but shape (3,)"),
        (lambda A, x: "result", "type str"),
        (lambda A, x: (A.T @ x) * (1 + 1e-4), "Very close"),
        (lambda A, x: A.T @ np.roll(x, 1), "0 of 3 problems come out right"),
        (lambda A: A, "It takes (A)"),
        (lambda A, x, lam: A, "It takes (A, x, lam)"),
        (np.ones(3), "type ndarray, not a function"),
        ("turn", "type str, not a function"),
    ],
)
def test_runs_but_wrong(func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert words in verdict.message
    assert verdict.points == 0


def test_reading_a_variable_of_the_notebook_is_suspected():
    from_notebook = np.ones(64)
    assert "variable of the notebook" in task.evaluate(lambda A, x: 2 * from_notebook).message


READ_BY_MISTAKE = np.ones((5, 2))


def test_arrays_of_the_notebook_are_named_when_the_answer_is_wrong_or_stops():
    stops = task.evaluate(lambda A, x: READ_BY_MISTAKE.T @ x)
    assert stops.state is State.ERROR
    assert "reads READ_BY_MISTAKE of the notebook" in stops.message
    wrong = task.evaluate(lambda A, x: A.T @ x + READ_BY_MISTAKE[0, 0])
    assert "reads READ_BY_MISTAKE of the notebook" in wrong.message
    assert "of the notebook" not in task.evaluate(lambda A, x: A.T @ x + 1).message
    assert task.evaluate(lambda A, x: A.T @ x * READ_BY_MISTAKE[0, 0]).passed


def test_a_number_that_a_property_changes_is_quoted():
    half = make(
        reference=lambda A, c: c * A.sum(axis=0),
        cases=lambda rng, sizes: [{"A": rng.standard_normal(s), "c": 2.0} for s in sizes],
        misconceptions=[],
        properties=[Property("half", lambda case, answer, call: str(call(c=0.5)))],
    )

    def fails_below_one(A, c):
        return c * A.sum(axis=0) if c >= 1 else None

    assert half.evaluate(fails_below_one).message.startswith("With c = 0.5: It returns nothing")


def test_the_offer_of_the_solution_counts_the_hints(capsys):
    task.check(lambda A, x: A @ A.T @ x)
    task.solution()
    assert f"there are {len(task.hints)}: ex.turn.hint()" in capsys.readouterr().out


def test_changing_an_input_in_place_is_refused_even_with_the_right_result():
    def func(A, x):
        result = A.T @ x
        x *= 0
        A += 1
        return result

    message = task.evaluate(func).message
    assert "changed A and x in place" in message


def test_an_error_names_the_line(capsys):
    def func(A, x):
        half = A / 2
        return half + unknown_name  # noqa: F821

    text = said(capsys, func)
    assert text.startswith("[error in your code] turn: It stopped on a problem with A of shape")
    assert re.search(r"in func, line \d+:  return half \+ unknown_name", text)
    assert "NameError: name 'unknown_name' is not defined" in text
    for leak in ("Traceback", "sandbox", "em_inverse/checks", ".py"):
        assert leak not in text


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_even_exits_are_caught(capsys, error):
    def func(A, x):
        raise error

    assert said(capsys, func).startswith("[error in your code]")


def test_an_endless_loop_is_told():
    def func(A, x):
        while True:
            pass

    verdict = task.evaluate(func, limit=0.1)
    assert verdict.state is State.WRONG
    assert "did not finish within 0.1 s" in verdict.message


def test_stopping_by_hand_is_told(monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("em_inverse.checks.sandbox._start", interrupt)
    assert "You stopped the check" in said(capsys, reference)


def test_stopping_by_hand_between_two_calls_is_told(capsys):
    def stopped(rng, sizes):
        raise KeyboardInterrupt

    assert "You stopped the check" in said(capsys, reference, make(cases=stopped))


def test_prints_are_shown_once_and_only_when_they_help(capsys):
    def func(A, x):
        print("shape", A.shape)
        for i in range(20):
            print(i)
        return _squares(A, x)

    text = said(capsys, func)
    assert text.count("shape (3, 3)") == 1
    assert "(15 more lines)" in text

    def right(A, x):
        print("looking good")
        return A.T @ x

    assert "looking good" not in said(capsys, right)


def test_use_returns_yours_if_it_passes(capsys):
    def mine(A, x):
        return x @ A

    assert task.use(mine) is mine
    assert capsys.readouterr().out == "[note] Going on with your turn.\n"


@pytest.mark.parametrize("func", [None, _stub, _squares, 3, lambda: 1 / 0])
def test_use_falls_back_and_says_so(capsys, func):
    assert task.use(func) is reference
    out = capsys.readouterr().out
    assert out.startswith("[note] Going on with the kit's turn, because the check of yours says")
    assert "What follows does not depend on your version." in " ".join(out.split())


def test_hints_solution_and_prompt(capsys):
    fresh = make()
    fresh.hint(2)
    assert capsys.readouterr().out == "[hint 2 of 2] A.T @ x\n"
    for odd in (0, -1, 3, "x", None, 1e400, [1]):
        fresh.hint(odd)
        assert "has hints 1 to 2" in capsys.readouterr().out
    fresh.solution()
    out = capsys.readouterr().out
    assert "A.T" not in out
    assert "ex.turn.solution(show=True)" in out
    fresh.solution(show=True)
    assert "return A.T @ x" in capsys.readouterr().out
    assert repr(fresh) == "Exercise turn (2 points). Write turn(A, x)."
    assert "(1 point)" in repr(make(points=1))


def test_expected_shows_the_picture_and_its_numbers(capsys):
    def draw():
        from em_inverse import plotting

        figure = plotting.profiles(None, {"truth": [0, 1, 0]}, title="One peak stands alone")
        return Picture(figure, "One peak.", [("height", 1.0)])

    assert make(picture=draw).expected() is None
    assert capsys.readouterr().out == "Figure: One peak.\nheight: 1\n"
    task.expected()
    assert "no expected picture" in capsys.readouterr().out


def test_a_fault_of_the_kit_is_not_blamed_on_the_student(capsys):
    def broken(case, answer, call):
        raise RuntimeError("ours")

    bad = make(properties=[Property("broken", broken)])
    text = said(capsys, reference, bad)
    assert "a fault of the kit, not of your answer" in " ".join(text.split())
    assert "ours" not in text
    assert bad.use(reference) is reference


@pytest.mark.parametrize(
    "arguments", [{"seed": -1}, {"sizes": [(3,)]}, {"sizes": [(0, 2)]}, {"limit": 0}]
)
def test_graders_get_typed_errors(arguments):
    with pytest.raises(ParameterError):
        task.evaluate(reference, **arguments)


def test_seed_and_sizes_reach_the_function():
    seen = []

    def spy(A, x):
        seen.append(A)
        return A.T @ x

    assert task.evaluate(spy, seed=3, sizes=[(7, 4), (2, 2)]).passed
    first = {A.shape for A in seen}
    assert first == {(7, 4), (2, 2)}
    numbers = seen[0].copy()
    seen.clear()
    task.evaluate(spy, seed=4, sizes=[(7, 4), (2, 2)])
    assert not np.array_equal(numbers, seen[0])


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.just(object())
    | st.just(NotImplemented)
    | st.just(ValueError)
    | arrays(
        st.sampled_from([float, np.float16, int, bool, complex, "U3", object, "M8[s]", np.uint8]),
        st.lists(st.integers(0, 3), max_size=3).map(tuple),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(ANYTHING)
def test_nothing_that_is_returned_escapes_or_passes(value):
    verdict = task.evaluate(lambda A, x: value)
    assert verdict.state in (State.WRONG, State.NOT_ATTEMPTED)
    assert str(verdict) == str(task.evaluate(lambda A, x: value))
    assert "0x" not in str(verdict)


@settings(max_examples=60, deadline=None)
@given(ANYTHING)
def test_nothing_that_is_passed_escapes_or_passes(value):
    assert task.evaluate(value).state in (State.WRONG, State.NOT_ATTEMPTED)
