"""Exercises that ask for a function: properties, and a table of the usual wrong answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from em_inverse.checks.answers import (
    distance,
    has_empty_body,
    notebook_arrays,
    same,
    signature_fault,
)
from em_inverse.checks.sandbox import Clock
from em_inverse.checks.task import Picture, Task
from em_inverse.checks.trial import (
    Attempt,
    Case,
    Decided,
    Misconception,
    Trial,
    recognise,
    sizes_of,
)
from em_inverse.checks.verdict import State, Verdict
from em_inverse.errors import check_integer, check_number, check_shape

__all__ = ["Exercise", "Property"]

_LINES_SHOWN = 6
_CLOSE = 0.01


@dataclass(frozen=True)
class Property:
    """Something that is true of every correct answer, whatever the numbers.

    Parameters
    ----------
    name : str
        What is tested, as a phrase that finishes "Tested: ...".
    fault : callable
        ``fault(case, answer, call)`` returns None when the property holds, otherwise a diagnosis
        in words. ``call(lam=1e-9)`` calls the student's function on the same problem with some
        arguments replaced, and returns its answer.
    """

    name: str
    fault: Callable[[Case, np.ndarray, Callable[..., np.ndarray]], str | None]


class Exercise(Task):
    """A function to write.

    Parameters
    ----------
    name, prompt, hints, picture, points
        See `Task`. The name is that of the function.
    reference : callable
        A correct answer; `solution` prints its source, and its argument names are the signature.
    cases : callable
        ``cases(rng, sizes)`` returns the problems to try, one mapping of arguments for each size,
        drawn from the generator `rng`.
    sizes : sequence of tuple of int
        Sizes of the problems; at least three, not all alike.
    properties : sequence of Property
        What holds for every correct answer.
    misconceptions : sequence of Misconception
        The usual wrong answers, the likeliest first.
    takeaway : str
        A sentence for those who got it right: why it matters.
    rtol : float
        Largest relative difference from the reference that counts as agreement.
    any_length : bool
        Whether the answer is a list (of indices, say) whose length is part of the answer.

    Examples
    --------
    >>> def double(x):
    ...     return 2 * x
    >>> task = Exercise(
    ...     "double", "Return 2 x.", reference=double,
    ...     cases=lambda rng, sizes: [{"x": rng.standard_normal(n)} for (n,) in sizes],
    ...     sizes=[(3,), (4,), (7,)], hints=["Use *.", "2 * x"],
    ...     misconceptions=[Misconception("square", lambda x: x**2, "This is x².", "* is not **.")],
    ... )
    >>> task.check(lambda x: x**2)
    [not yet] double: This is x².
    Help: ex.double.hint()
    >>> task.hint()
    [hint 1 of 3] * is not **. (Next: ex.double.hint(2))
    >>> task.evaluate(lambda x: x + x, seed=7).passed
    True
    """

    def __init__(
        self,
        name: str,
        prompt: str,
        *,
        reference: Callable[..., Any],
        cases: Callable[[np.random.Generator, Sequence[tuple[int, ...]]], Sequence[Case]],
        sizes: Sequence[tuple[int, ...]],
        hints: Sequence[str],
        properties: Sequence[Property] = (),
        misconceptions: Sequence[Misconception] = (),
        picture: Callable[[], Picture] | None = None,
        takeaway: str = "",
        points: float = 1.0,
        rtol: float = 1e-5,
        any_length: bool = False,
    ) -> None:
        super().__init__(name, prompt, hints=hints, picture=picture, points=points)
        self.reference = reference
        self.cases = cases
        self.sizes = tuple(sizes)
        self.properties = tuple(properties)
        self.misconceptions = tuple(misconceptions)
        self.takeaway = takeaway
        self.rtol = rtol
        self.any_length = any_length

    def check(self, func: Any = None) -> None:
        """Try a function and print one of four states, with a diagnosis. Never raises.

        Parameters
        ----------
        func : callable
            Your function: the function itself, without brackets behind its name.
        """
        self._report(lambda: self.evaluate(func))

    def use(self, func: Any = None) -> Callable[..., Any]:
        """Return `func` if it passes the check, otherwise the reference, and print which.

        The rest of a notebook then runs from top to bottom, solved or not. Never raises.

        Parameters
        ----------
        func : callable
            Your function.

        Returns
        -------
        callable
            A correct function in any case.
        """
        verdict = self._safely(lambda: self.evaluate(func))
        if verdict.passed:
            self._say(f"[note] Going on with your {self.name}.")
            return func
        self._say_fallback(self.name, verdict.state)
        return self.reference

    def evaluate(
        self,
        func: Any,
        *,
        seed: int = 0,
        sizes: Sequence[tuple[int, ...]] | None = None,
        limit: float = 10.0,
    ) -> Verdict:
        """Judge a function without printing: for marks, with seeds and sizes of your own.

        Parameters
        ----------
        func : callable
            The function to judge.
        seed : int
            Seed of the random problems.
        sizes : sequence of tuple of int, optional
            Sizes of the problems, in place of those of the exercise.
        limit : float
            Seconds that all calls together may take.

        Returns
        -------
        Verdict

        Raises
        ------
        ParameterError
            When `seed`, `sizes` or `limit` cannot be used. Nothing that `func` does raises.
        """
        rng = np.random.default_rng(check_integer(seed, "seed", minimum=0))
        limit = check_number(limit, "limit", minimum=0, exclusive=True)
        dims = len(self.sizes[0])
        shapes = [check_shape(size, "sizes", ndim=dims) for size in sizes or self.sizes]
        trial = Trial(func, self.reference, Clock(limit), any_length=self.any_length)
        try:
            self._question(trial, rng, shapes)
            verdict = self._verdict(State.CORRECT, self._praise(shapes))
        except Decided as decided:
            text = decided.text
            if decided.state in (State.WRONG, State.ERROR) and not decided.known:
                text += _names_of_the_notebook(func)
            verdict = self._verdict(decided.state, text, decided.known, trial.printed)
        return verdict

    def _question(
        self, trial: Trial, rng: np.random.Generator, shapes: Sequence[tuple[int, ...]]
    ) -> None:
        """Ask one thing after another; whatever settles the verdict raises `Decided`."""
        cases = self.cases(rng, shapes)
        twin = self.cases(rng, shapes[:1])[0]
        self._ask_whether_attempted(trial.func, list(cases[0]))
        attempts = [trial.attempt(case) for case in cases]
        agreed = all(not a.fault and same(a.answer, a.wanted, self.rtol) for a in attempts)
        known = None if agreed else self._recognise(attempts)
        self._ask_for_usable_answers(attempts, known)
        if known:
            raise Decided(State.WRONG, known.diagnosis, known)
        if not agreed:
            self._ask_whether_constant(attempts, trial.attempt(twin))
        for law in self.properties:
            for attempt in attempts:
                self._ask_for(law, attempt, trial)
        if not agreed:
            raise Decided(State.WRONG, self._disagreement(attempts))

    def _recognise(self, attempts: Sequence[Attempt]) -> Misconception | None:
        return recognise(attempts, self.misconceptions, self.rtol, any_length=self.any_length)

    def _ask_whether_attempted(self, func: Any, names: Sequence[str]) -> None:
        if func is None or func is ... or has_empty_body(func):
            raise Decided(State.NOT_ATTEMPTED, "")
        if not callable(func):
            raise Decided(
                State.WRONG,
                f"This is an object of type {type(func).__name__}, not a function. Pass the "
                f"function itself, without calling it: ex.{self.name}.check({self.name})",
            )
        fault = signature_fault(func, names)
        if fault:
            raise Decided(State.WRONG, fault)

    def _ask_for_usable_answers(
        self, attempts: Sequence[Attempt], known: Misconception | None
    ) -> None:
        faulty = [a for a in attempts if a.fault]
        if not faulty:
            return
        text = faulty[0].fault
        shapes = {a.shape for a in attempts}
        if known:
            text += f"\nA likely cause: {known.diagnosis}"
        elif (
            len(shapes) == 1 and None not in shapes and len({a.wanted.shape for a in attempts}) > 1
        ):
            text += (
                " Its shape never follows that of the input: is a size or a variable of the "
                "notebook written into your function?"
            )
        raise Decided(faulty[0].state, text, known)

    def _ask_whether_constant(self, attempts: Sequence[Attempt], twin: Attempt) -> None:
        first = attempts[0]
        if all(a.answer is not None and not a.answer.any() for a in attempts):
            raise Decided(State.WRONG, f"It returns {_nothing(first)}, whatever the data are.")
        if same(first.answer, twin.answer, 1e-12) and not same(first.wanted, twin.wanted, 1e-12):
            raise Decided(
                State.WRONG,
                "It gives the same answer to two different measurements: the data are not used, "
                "or make no difference (a search that always runs to the end of its interval).",
            )

    def _ask_for(self, law: Property, attempt: Attempt, trial: Trial) -> None:
        def call(**changes: Any) -> np.ndarray:
            again = trial.attempt({**attempt.case, **changes})
            if again.fault or again.answer is None:
                raise Decided(again.state, f"With {_listed(changes)}: {again.fault}")
            return again.answer

        fault = law.fault(attempt.case, np.asarray(attempt.answer), call)
        if fault:
            raise Decided(State.WRONG, fault)

    def _disagreement(self, attempts: Sequence[Attempt]) -> str:
        gaps = [
            distance(a.answer, a.wanted)
            if a.answer is not None and a.answer.shape == a.wanted.shape
            else np.inf
            for a in attempts
        ]
        worst = int(np.argmax(gaps))
        where = sizes_of(attempts[worst].case)
        if gaps[worst] < _CLOSE:
            return (
                f"Very close: {gaps[worst]:.0e} away (relative) on a problem with {where}, where "
                f"{self.rtol:.0e} is asked for. Was an iteration stopped early, or a number "
                f"rounded?"
            )
        right = sum(gap <= self.rtol for gap in gaps)
        return (
            f"It runs, and {right} of {len(gaps)} problems come out right; farthest off is one "
            f"with {where}."
        )

    def _praise(self, shapes: Sequence[tuple[int, ...]]) -> str:
        sizes = ", ".join("×".join(str(n) for n in shape) for shape in shapes)
        tested = [f"agreement with another solution ({sizes})", *(p.name for p in self.properties)]
        return f"Tested: {'; '.join(tested)}." + (f"\n{self.takeaway}" if self.takeaway else "")

    def _verdict(
        self,
        state: State,
        text: str,
        known: Misconception | None = None,
        printed: str | None = None,
    ) -> Verdict:
        share = 1.0 if state is State.CORRECT else known.credit if known else 0.0
        if state is State.NOT_ATTEMPTED:
            text = (
                f"Replace the body of {self.name} by your own lines, then run this cell again. "
                f"First hint: ex.{self.name}.hint()"
            )
        elif state is not State.CORRECT:
            text += _quote(printed or "") + self._pointer()
        name = known.name if known else ""
        return Verdict(self.name, state, text, share * self.points, self.points, name)

    def _hints_for(self, verdict: Verdict) -> tuple[str, ...]:
        return tuple(m.hint for m in self.misconceptions if m.name == verdict.misconception)

    def _solution(self) -> str:
        return inspect.getsource(self.reference).rstrip()


def _listed(changes: Case) -> str:
    """Name the changed arguments: a number with its value, anything else as another one."""
    words = [
        f"{name} = {value:.3g}" if isinstance(value, int | float) else f"another {name}"
        for name, value in changes.items()
    ]
    return " and ".join(words)


def _nothing(attempt: Attempt) -> str:
    """Name the answer that holds nothing, in the words of what is asked for."""
    if attempt.wanted.dtype.kind == "b":
        return "False"
    return "zeros" if np.asarray(attempt.answer).size else "an empty list"


def _names_of_the_notebook(func: Any) -> str:
    names = notebook_arrays(func)
    if not names:
        return ""
    return (
        f"\nYour function reads {' and '.join(names)} of the notebook. It is tried on other "
        f"problems than the notebook's, so use its arguments only."
    )


def _quote(printed: str) -> str:
    """Show what the function printed, so that a `print` put there to look for a fault helps."""
    lines = printed.rstrip().splitlines()
    if not lines:
        return ""
    shown = [f"    {line[:100]}" for line in lines[:_LINES_SHOWN]]
    more = len(lines) - len(shown)
    tail = [f"    ({more} more lines)"] if more > 0 else []
    return "\n".join(["\nPrinted on the first problem:", *shown, *tail])
