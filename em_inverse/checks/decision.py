"""Exercises that ask for a decision and its reasons."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from em_inverse.checks.task import Picture, Task
from em_inverse.checks.verdict import State, Verdict
from em_inverse.errors import check_number

__all__ = ["DecisionExercise", "Statement"]

_MOST_REASONS = 50


@dataclass(frozen=True)
class Statement:
    """One of the reasons to choose from.

    Parameters
    ----------
    text : str
        The statement.
    right : bool
        Whether it justifies the decision.
    why : str
        Why it does, or why it does not: told to those who chose it wrongly, and in the solution.
    nudge : str
        Where to look, told when a right statement was not chosen. It does not name the label.
    """

    text: str
    right: bool
    why: str
    nudge: str = ""


class DecisionExercise(Task):
    """A number to decide on, and reasons to pick from labelled statements.

    Parameters
    ----------
    name, prompt, hints, picture, points
        See `Task`. Half of the points is for the value, half for the reasons.
    value_name : str
        Name of the number, as in ``check(lam=0.2)``. It must be positive.
    problem : callable
        Makes the problem to decide on, when none is passed.
    reference : callable
        ``reference(problem)`` returns a good value.
    fault : callable
        ``fault(value, problem)`` returns None when the value is good, otherwise a diagnosis.
    statements : mapping of str to Statement
        The reasons, by label; labels are single capital letters.
    takeaway : str
        A sentence for those who got it right.

    Examples
    --------
    >>> task = DecisionExercise(
    ...     "rank", "Keep how many of 3 components?", value_name="r",
    ...     problem=lambda: 3, reference=lambda most: 2.0,
    ...     fault=lambda value, most: None if value < most else "That keeps the noise.",
    ...     statements={"A": Statement("Noise fills the last.", True, "It does."),
    ...                 "B": Statement("Two is even.", False, "Parity is no reason.")},
    ...     hints=["Look at the noise.", "Fewer than 3."],
    ... )
    >>> task.check(r=2, because=["B"])
    [not yet] rank: r = 2 is a good choice.
    B: Parity is no reason.
    One right reason is still missing.
    Help: ex.rank.hint()
    """

    def __init__(
        self,
        name: str,
        prompt: str,
        *,
        value_name: str,
        problem: Callable[[], Any],
        reference: Callable[[Any], float],
        fault: Callable[[float, Any], str | None],
        statements: Mapping[str, Statement],
        hints: Sequence[str],
        picture: Callable[[], Picture] | None = None,
        takeaway: str = "",
        points: float = 1.0,
    ) -> None:
        listed = [_hanging(f"{label}. {s.text}") for label, s in statements.items()]
        super().__init__(
            name, "\n".join([prompt, *listed]), hints=hints, picture=picture, points=points
        )
        self.value_name = value_name
        self.problem = problem
        self.reference = reference
        self.fault = fault
        self.statements = dict(statements)
        self.takeaway = takeaway

    def check(
        self, value: Any = None, because: Any = (), *, problem: Any = None, **named: Any
    ) -> None:
        """Judge a decision and print one of four states, with a diagnosis. Never raises.

        Parameters
        ----------
        value : float
            The decision; may also be passed under its own name, as in ``check(lam=0.2)``.
        because : sequence of str
            Labels of the statements that justify it, as in ``because=["A", "F"]``.
        problem : object, optional
            The problem that was decided on, when it is not the one of the lesson.
        """
        self._report(lambda: self.evaluate(value, because, problem=problem, **named))

    def use(self, value: Any = None, *, problem: Any = None, **named: Any) -> float:
        """Return the value if it is good, otherwise the reference's, and print which.

        Reasons are not asked for: the rest of a notebook only needs the number. Never raises for
        the lesson's problem.

        Parameters
        ----------
        value, problem
            See `check`.

        Returns
        -------
        float
        """
        value = named.get(self.value_name, value)
        problem = self.problem() if problem is None else problem
        verdict = self._safely(lambda: self._judge(value, problem))
        if verdict.passed:
            self._say(f"[note] Going on with your {self.value_name}.")
            return float(value)
        self._say_fallback(self.value_name, verdict.state)
        return float(self.reference(problem))

    def evaluate(
        self, value: Any = None, because: Any = (), *, problem: Any = None, **named: Any
    ) -> Verdict:
        """Judge a decision without printing.

        Parameters
        ----------
        value, because, problem
            See `check`.

        Returns
        -------
        Verdict
        """
        value = named.pop(self.value_name, value)
        if named:
            text = f"Call it as ex.{self.name}.check({self.value_name}=..., because=[...])."
            return self._verdict(State.WRONG, text)
        verdict = self._judge(value, self.problem() if problem is None else problem)
        if verdict.state is State.NOT_ATTEMPTED:
            return verdict
        remarks, share = self._weigh(because)
        share = 0.5 * verdict.passed + 0.5 * share
        if verdict.passed and not remarks:
            text = "\n".join([verdict.message, self.takeaway]).rstrip()
            return self._verdict(State.CORRECT, text, share)
        text = "\n".join([verdict.message, *remarks]) + self._pointer()
        return self._verdict(State.WRONG, text, share)

    def _judge(self, value: Any, problem: Any) -> Verdict:
        """Judge the value alone."""
        if value is None or value is ...:
            text = (
                f"Give {self.value_name} a number and choose your reasons; the statements are "
                f"listed by print(ex.{self.name}). First hint: ex.{self.name}.hint()"
            )
            return self._verdict(State.NOT_ATTEMPTED, text)
        try:
            number = check_number(value, self.value_name, minimum=0, exclusive=True)
        except Exception:
            text = f"{self.value_name} is {_shown(value)}, but one positive number is asked for."
            return self._verdict(State.WRONG, text)
        fault = self.fault(number, problem)
        if fault:
            return self._verdict(State.WRONG, fault)
        return self._verdict(
            State.CORRECT, f"{self.value_name} = {_written(number)} is a good choice."
        )

    def _weigh(self, because: Any) -> tuple[list[str], float]:
        """Return remarks on the reasons (none when all is well) and the share of their points."""
        given = () if because is None else because
        try:
            chosen = {str(label).strip().upper() for label in islice(given, _MOST_REASONS)}
        except Exception:
            return ['because must be a list of labels, such as because=["A"].'], 0.0
        chosen -= {"", ","}
        right = {label for label, statement in self.statements.items() if statement.right}
        if not chosen:
            return [f"Now say why: choose from the statements of print(ex.{self.name})."], 0.0
        unknown = sorted(chosen - set(self.statements))
        wrong = sorted((chosen & set(self.statements)) - right)
        missing = [label for label in self.statements if label in right - chosen]
        remarks = [f"{label}: {self.statements[label].why}" for label in wrong]
        if unknown:
            remarks.append(f"Labels run from {min(self.statements)} to {max(self.statements)}.")
        if missing:
            count = "One right reason is" if len(missing) == 1 else f"{len(missing)} reasons are"
            remarks.append(f"{count} still missing. {self.statements[missing[0]].nudge}".rstrip())
        share = max(len(chosen & right) - len(wrong) - len(unknown), 0) / len(right)
        return remarks, share

    def _verdict(self, state: State, text: str, share: float = 0.0) -> Verdict:
        return Verdict(self.name, state, text, share * self.points, self.points)

    def _solution(self) -> str:
        value = self.reference(self.problem())
        right = [label for label, statement in self.statements.items() if statement.right]
        labels = ", ".join(f'"{label}"' for label in right)
        whys = [_hanging(f"{label}. {s.why}") for label, s in self.statements.items()]
        return "\n".join([f"{self.value_name} = {_written(value)}", f"because = [{labels}]", *whys])


def _written(value: float) -> str:
    """Write a decision: whole numbers in full, others with three digits."""
    return f"{value:.0f}" if float(value).is_integer() and value < 1e6 else f"{value:.3g}"


def _shown(value: Any) -> str:
    try:
        return f"{float(value):g}" if isinstance(value, int | float) else type(value).__name__
    except OverflowError:
        return "too large"


def _hanging(text: str) -> str:
    return textwrap.fill(text, 88, initial_indent="  ", subsequent_indent="     ")
