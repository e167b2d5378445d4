"""What every exercise offers: a prompt, hints, the expected picture, a solution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from em_inverse.checks.verdict import State, Verdict, wrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "Task"]


@dataclass(frozen=True)
class Picture:
    """A figure, what it shows in words, and the numbers that it carries.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    alt : str
        What is seen and what follows from it, for readers who cannot see it.
    numbers : sequence of (str, float)
        The two or three values behind the figure, printed below it.
    """

    figure: Figure
    alt: str
    numbers: Sequence[tuple[str, float]] = ()


class Task(ABC):
    """An exercise: what functions to write and decisions to justify have in common.

    Parameters
    ----------
    name : str
        Name, as in ``ex.<name>``.
    prompt : str
        What is asked.
    hints : sequence of str
        Hints, the gentlest first.
    picture : callable or None
        Makes the expected `Picture`.
    points : float
        Points for a correct answer.
    """

    def __init__(
        self,
        name: str,
        prompt: str,
        *,
        hints: Sequence[str],
        picture: Callable[[], Picture] | None = None,
        points: float = 1.0,
    ) -> None:
        self.name = name
        self.prompt = prompt
        self.hints = tuple(hints)
        self.picture = picture
        self.points = points
        # The hint for the mistake that the last check recognised comes before all others.
        self._first_hints: tuple[str, ...] = ()

    def hint(self, number: int = 1) -> None:
        """Print one hint.

        The first is the one for the mistake that the last `check` recognised, if it did; then
        come the general ones, each more open than the one before.

        Parameters
        ----------
        number : int
            Which hint, counted from 1.
        """
        hints = (*self._first_hints, *self.hints)
        try:
            index = int(number)
            text = hints[index - 1] if index >= 1 else None
        except (TypeError, ValueError, OverflowError, IndexError):
            text = None
        if text is None:
            self._say(f"[hint] {self.name} has hints 1 to {len(hints)}: ex.{self.name}.hint(1)")
            return
        more = f" (Next: ex.{self.name}.hint({index + 1}))" if index < len(hints) else ""
        self._say(f"[hint {index} of {len(hints)}] {text}{more}")

    def expected(self) -> None:
        """Show the picture that a correct answer gives, and print the numbers that it carries."""
        if self.picture is None:
            self._say(f"[picture] {self.name} has no expected picture.")
            return
        from em_inverse import plotting

        picture = self.picture()
        plotting.show(picture.figure, alt=picture.alt)
        for label, value in picture.numbers:
            print(f"{label}: {value:.0f}" if abs(value) >= 1000 else f"{label}: {value:.3g}")

    def solution(self, show: bool = False) -> None:
        """Print one way to solve the exercise, after you asked for it by name.

        Parameters
        ----------
        show : bool
            ``solution()`` only asks back; ``solution(show=True)`` prints the solution.
        """
        if show is True:
            print(self._solution())
        else:
            count = len(self._first_hints) + len(self.hints)
            self._say(
                f"[solution] A hint teaches more, and there are {count}: ex.{self.name}.hint(). To "
                f"read the solution all the same: ex.{self.name}.solution(show=True)"
            )

    def __repr__(self) -> str:
        points = f"{self.points:g} point" + ("" if self.points == 1 else "s")
        return wrap(f"Exercise {self.name} ({points}). {self.prompt}")

    @abstractmethod
    def _solution(self) -> str:
        """Text of the solution."""

    def _report(self, make: Callable[[], Verdict]) -> None:
        verdict = self._safely(make)
        self._first_hints = self._hints_for(verdict)
        print(verdict)

    def _safely(self, make: Callable[[], Verdict]) -> Verdict:
        """Make a verdict; a fault of ours neither raises nor passes for the student's."""
        try:
            return make()
        except KeyboardInterrupt:
            text = "You stopped the check. Run the cell again."
        except Exception as error:
            text = (
                f"The check could not finish ({type(error).__name__} in em_inverse.checks). This "
                f"is a fault of the kit, not of your answer: please report it, with your answer."
            )
        return Verdict(self.name, State.WRONG, text, 0.0, self.points)

    def _hints_for(self, verdict: Verdict) -> tuple[str, ...]:
        return ()

    def _pointer(self) -> str:
        """Where help is, at the end of a diagnosis."""
        return f"\nHelp: ex.{self.name}.hint()" + (
            f", ex.{self.name}.expected()" if self.picture else ""
        )

    def _say_fallback(self, what: str, state: State) -> None:
        self._say(
            f'[note] Going on with the kit\'s {what}, because the check of yours says "{state}". '
            f"What follows does not depend on your version."
        )

    @staticmethod
    def _say(text: str) -> None:
        print(wrap(text))
