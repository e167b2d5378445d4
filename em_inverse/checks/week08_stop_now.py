"""Week 8, exercise 4: in which of three sessions to stop recording, and why."""

from __future__ import annotations

from typing import Any

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks.decision import DecisionExercise, Statement
from em_inverse.checks.week08_problems import Session, sessions, table

__all__ = ["may_stop", "stop_now"]

_MET = 1.1


def may_stop(session: Session) -> tuple[bool, str]:
    """Return whether a session may end, and why, in words.

    It may when :func:`em_inverse.dynamic.advise` says so, and the object that foretold the
    projections has met its data (‖Ax − b‖ ≤ 1.1 ε).

    Examples
    --------
    >>> [may_stop(session)[0] for session in sessions()]
    [False, True, False]
    """
    from em_inverse.dynamic.advice import advise

    last = session.angles_deg[-len(session.predictions) :]
    foretold = dict(zip(last.tolist(), session.predictions, strict=True))
    advice = advise(session.angles_deg, foretold, session.planned, session.range_deg)
    if not advice.stop:
        return False, advice.reason
    if session.distance > _MET:
        return False, (
            f"go on: the object still misses its own data by {session.distance:g} ε, so it has not "
            f"yet said all that they know."
        )
    return True, advice.reason


def _good(problem: Any) -> float:
    """The number of the first session that may end."""
    return 1.0 + [may_stop(session)[0] for session in problem].index(True)


def _fault(number: float, problem: Any) -> str | None:
    rows = list(problem)
    if number not in range(1, len(rows) + 1):
        return f"session = {number:g}, but there are sessions 1 to {len(rows)}."
    stop, reason = may_stop(rows[int(number) - 1])
    return None if stop else f"In session {number:g} the advice would be to {reason}"


stop_now = DecisionExercise(
    "stop_now",
    "Three sessions, paused at 60 % of the plan, from −74° to 74°. In sequential order the tilts "
    "come one beside the other, from −74° upwards; in golden order each falls into a large gap "
    "between those before it. "
    "‘Foretold to within’ is ‖A_θ x − b_θ‖ of a new projection, in units of its noise, before the "
    "object has seen it. In exactly one session recording may stop: 1, 2 or 3? Answer with "
    'ex.stop_now.check(session=..., because=["...", "..."]).\n' + table(sessions()),
    value_name="session",
    problem=sessions,
    reference=_good,
    fault=_fault,
    statements={
        "A": Statement(
            "Its last five projections were foretold best of all three.",
            False,
            "That is session 1, where each new tilt lies 2° beside the last one. To foretell a "
            "neighbour is easy, and says nothing of the directions that nobody has looked from.",
        ),
        "B": Statement(
            "Its last five projections were foretold nearly to within their noise, from directions "
            "all over the range.",
            True,
            "A projection that the object has not seen is its fairest judge, and these five judged "
            "it from everywhere.",
            "Who judges the object, and from where?",
        ),
        "C": Statement(
            "Session 1 cannot be it: 60° of the range have not been seen at all.",
            True,
            "The tilts from 16° to 74° are missing, and no neighbour speaks for them. With the "
            "wedge that the plan leaves out, 92° have no line of sight.",
            "At 60 % of a sequential plan, which tilts are there?",
        ),
        "D": Statement(
            "Session 3 cannot be it: its new projections missed their prediction by more than half "
            "of the noise again, so each still brings news.",
            True,
            "1.6 times the noise is 1.25 times the noise of news, because squares add: "
            "√(1.6² − 1) ≈ 1.25.",
            "Read the five numbers of session 3 as surprise.",
        ),
        "E": Statement(
            "It has 60 % of the plan, and compressed sensing needs no more than that.",
            False,
            "All three have 60 %. How many projections are enough depends on the object, the noise "
            "and the order; no percentage knows them.",
        ),
        "F": Statement(
            "‖Ax − b‖ = 1.00 ε: the object explains its data, and so it is right.",
            False,
            "So it does in session 1. That the data which are there are explained says that the "
            "solver has arrived, not that enough data are there.",
        ),
        "G": Statement(
            "What its object foretells may be trusted, because it has met its data; in session 3 "
            "the solver has not arrived yet.",
            True,
            "1.6 ε: iterate first, then ask again. Until then a surprise may be the solver's "
            "fault, and not the projection's.",
            "Look at the last column: has each object had time enough?",
        ),
        "H": Statement(
            "The picture on the screen has looked the same for a while.",
            False,
            "So it does in a sequential session between two tilts that are nearly alike. The eye "
            "sees what is there; the predictions test what is not.",
        ),
    },
    hints=[
        "Two things must be true at once: no surprise at the end, and no direction left out.",
        "Draw the recorded tilts as lines of sight. In which session is one side empty?",
        "A last column well above 1 says that the solver has not finished with the data it has.",
        "Rule out session 1 by its directions, and session 3 by its numbers.",
    ],
    picture=pictures.stop_now,
    takeaway="To stop is your decision and the advice only an argument: it assumes that what "
    "comes will be like what came. Keep the dose that you have saved for a second look, or for "
    "another particle.",
    points=2,
)
