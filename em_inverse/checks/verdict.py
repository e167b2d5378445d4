"""What a check says: one of four states, a diagnosis in words, and points."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["State", "Verdict", "wrap"]

_WIDTH = 88


class State(StrEnum):
    """The four things that can be said of an answer; the value is the word that is printed."""

    NOT_ATTEMPTED = "not attempted"
    WRONG = "not yet"
    CORRECT = "correct"
    ERROR = "error in your code"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check.

    Parameters
    ----------
    exercise : str
        Name of the exercise.
    state : State
        One of the four states.
    message : str
        The diagnosis, for the student. The same answer always gets the same text: no times, no
        addresses, no random order.
    points : float
        Points earned.
    out_of : float
        Points that a correct answer earns.
    misconception : str
        Name of the usual wrong answer that was recognised, or an empty string.

    Examples
    --------
    >>> print(Verdict("tikhonov", State.WRONG, "The data y are never used."))
    [not yet] tikhonov: The data y are never used.
    """

    exercise: str
    state: State
    message: str
    points: float = 0.0
    out_of: float = 1.0
    misconception: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer is correct."""
        return self.state is State.CORRECT

    def __str__(self) -> str:
        return wrap(f"[{self.state}] {self.exercise}: {self.message}")


def wrap(text: str) -> str:
    """Break long paragraphs at 88 characters; indented lines (code, lists) stay as they are.

    Examples
    --------
    >>> print(wrap("one paragraph\\n    code = 1"))
    one paragraph
        code = 1
    """
    return "\n".join(
        line if line.startswith(" ") else textwrap.fill(line, _WIDTH, break_on_hyphens=False)
        for line in text.split("\n")
    )
