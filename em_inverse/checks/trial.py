"""Try a student's function on one problem after another, and recognise what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from em_inverse.checks.answers import read, same
from em_inverse.checks.sandbox import Clock, Outcome, describe_error, raised_in, run
from em_inverse.checks.verdict import State

__all__ = ["Attempt", "Case", "Decided", "Misconception", "Trial", "recognise", "sizes_of"]

#: Arguments of one call, by name, in the order of the signature.
Case = Mapping[str, Any]


@dataclass(frozen=True)
class Misconception:
    """A usual wrong answer, so that it can be recognised and named.

    Parameters
    ----------
    name : str
        Short name, for tables of marks.
    wrong : callable
        The function as somebody with this idea writes it. It may fail on some problems (a matrix
        that is not square, say); it is then compared on the others.
    diagnosis : str
        What the student's function does, in words.
    hint : str
        The first hint to somebody with this idea.
    credit : float
        Share of the points that it earns, 0 to 1.
    """

    name: str
    wrong: Callable[..., Any]
    diagnosis: str
    hint: str
    credit: float = 0.0


class Decided(Exception):
    """Ends the questioning of an answer, because what to say of it is settled.

    Parameters
    ----------
    state : State
        One of the four states.
    text : str
        The diagnosis.
    known : Misconception, optional
        The usual wrong answer that was recognised.
    """

    def __init__(self, state: State, text: str, known: Misconception | None = None) -> None:
        super().__init__(text)
        self.state = state
        self.text = text
        self.known = known


@dataclass(frozen=True)
class Attempt:
    """A student's answer to one problem, beside the answer that is wanted.

    Parameters
    ----------
    case : mapping
        The problem.
    wanted : ndarray
        The reference's answer.
    answer : ndarray or None
        The student's, None when there is none that can be compared.
    fault : str
        What is wrong before any number is compared; empty when nothing is.
    state : State
        The state that goes with `fault`.
    shape : tuple of int or None
        Shape of what was returned, when it has one.
    """

    case: Case
    wanted: np.ndarray
    answer: np.ndarray | None
    fault: str = ""
    state: State = State.WRONG
    shape: tuple[int, ...] | None = None


class Trial:
    """Calls one student's function again and again within one time budget.

    Parameters
    ----------
    func : callable
        The student's function.
    reference : callable
        A correct function.
    clock : Clock
        The time budget.
    any_length : bool
        Whether an answer is a list whose length is part of the answer.

    Examples
    --------
    >>> trial = Trial(lambda x: [x, x], lambda x: 2 * x, Clock(10.0))
    >>> trial.attempt({"x": 3.0}).fault
    'It returns an array of shape (2,), but a single number is asked for.'
    """

    def __init__(
        self,
        func: Callable[..., Any],
        reference: Callable[..., Any],
        clock: Clock,
        *,
        any_length: bool = False,
    ) -> None:
        self.func = func
        self.reference = reference
        self.clock = clock
        self.any_length = any_length
        #: What the function printed on the first problem.
        self.printed: str | None = None

    def attempt(self, case: Case) -> Attempt:
        """Call the function on one problem.

        Raises
        ------
        Decided
            When further calls are pointless: not attempted, out of time, stopped by hand.
        """
        wanted = np.asarray(self.reference(*case.values()))
        if wanted.dtype.kind != "b":
            wanted = wanted.astype(np.float64)
        outcome = run(self.func, case, self.clock.left)
        if self.printed is None:
            self.printed = outcome.printed
        self._stop_if_pointless(outcome)
        if outcome.error is not None:
            text = f"It stopped on a problem with {sizes_of(case)}:\n"
            text += describe_error(outcome.error)
            return Attempt(case, wanted, None, text, State.ERROR)
        answer, fault = read(outcome.value, wanted, any_length=self.any_length)
        if outcome.changed:
            first = outcome.changed[0]
            fault = (
                f"Your function changed {' and '.join(outcome.changed)} in place: whoever calls "
                f"it finds other data afterwards. Work on a copy: {first} = {first}.copy() as its "
                f"first line, or {first} = {first} - ... where you now write {first} -= ..."
            )
        shape = outcome.value.shape if isinstance(outcome.value, np.ndarray) else None
        return Attempt(case, wanted, answer, fault, State.WRONG, shape)

    def _stop_if_pointless(self, outcome: Outcome) -> None:
        if outcome.interrupted:
            raise Decided(State.WRONG, "You stopped the check. Run the cell again.")
        if outcome.timed_out:
            raise Decided(
                State.WRONG,
                f"It did not finish within {self.clock.limit:g} s on small problems. Is there a "
                f"loop whose condition never becomes false?",
            )
        error = outcome.error
        stub = isinstance(error, NotImplementedError) and raised_in(self.func, error)
        if stub or outcome.value is ...:
            raise Decided(State.NOT_ATTEMPTED, "")


def recognise(
    attempts: Sequence[Attempt],
    table: Sequence[Misconception],
    rtol: float,
    *,
    any_length: bool = False,
) -> Misconception | None:
    """Return the first entry of the table of wrong answers that behaves as the student's does.

    A wrong function matches when it gives the student's answer wherever it gives one. Such a match
    says something only if that answer is wrong somewhere, or if both fail on the same problem
    (``np.linalg.solve`` on a matrix that is not square gives right answers to square ones).
    """
    for entry in table:
        given = telling = False
        for attempt in attempts:
            outcome = run(entry.wrong, attempt.case)
            wrong = None
            if not outcome.error:
                wrong, _ = read(outcome.value, attempt.wanted, any_length=any_length)
            if wrong is None:
                telling = telling or attempt.answer is None
                continue
            if not same(attempt.answer, wrong, rtol):
                break
            given = True
            telling = telling or not same(wrong, attempt.wanted, rtol)
        else:
            if given and telling:
                return entry
    return None


def sizes_of(case: Case) -> str:
    """Return the shapes of the arrays of a problem in words.

    Examples
    --------
    >>> sizes_of({"H": np.zeros((3, 2)), "lam": 0.1})
    'H of shape (3, 2)'
    """
    shapes = [f"{k} of shape {v.shape}" for k, v in case.items() if isinstance(v, np.ndarray)]
    return ", ".join(shapes) or "numbers only"
