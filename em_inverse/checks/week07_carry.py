"""Week 7, exercise 2: carry the pull of each tilt over to another list of tilts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week07_pictures as pictures
from em_inverse.checks import week07_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["carry"]

_TOLERANCE = 1e-9


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Some tilts stay, some come; in all problems but the first some go, and the order changes."""
    cases: list[Case] = []
    for k, (count, pixels) in enumerate(sizes):
        angles = rng.permutation(np.arange(-70.0, 71.0, 5.0))[: count + 2]
        old, come = angles[:count], angles[count:]
        stay = old if k == 0 else rng.permutation(old)[: max(1, count - k % 3)]
        new = np.concatenate([stay, come])
        if k > 0:
            new = rng.permutation(new)
        cases.append({"q": rng.standard_normal((count, pixels)), "old": old, "new": new})
    return cases


def _same_tilts_same_pull(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(new=case["old"].copy()), case["q"]) < _TOLERANCE:
        return None
    return "Where the tilts stay as they are, q must stay as it is; yours changes."


def _order_does_not_matter(
    case: Case, rows: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if distance(call(new=case["new"][::-1].copy()), rows[::-1]) < _TOLERANCE:
        return None
    return "With the new tilts in the opposite order the same rows must come, in opposite order."


def _known(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.isin(new, old)


def _filled(
    fill: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
) -> Callable[..., np.ndarray]:
    """Return a wrong rule: known tilts are carried, the others are filled by ``fill``."""

    def rule(q: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        rows = reference.carry(q, old, new)
        for k in np.flatnonzero(~_known(old, new)):
            rows[k] = fill(q, old, new[k])
        return np.asarray(rows)

    return rule


def _by_place(q: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    rows = np.zeros((len(new), q.shape[1]))
    most = min(len(new), len(q))
    rows[:most] = q[:most]
    return rows


def _interpolated(q: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    order = np.argsort(old)
    columns = [np.interp(new, old[order], column[order]) for column in q.T]
    return np.stack(columns, axis=1)


carry = Exercise(
    "carry",
    "Write carry(q, old, new): q has one row for each tilt of `old`. Return one row for each tilt "
    "of `new`, in the order of `new`: the row of q where that tilt was there, zeros where it is "
    "new. Tilts of `old` that are not in `new` are dropped.",
    reference=reference.carry,
    cases=_cases,
    sizes=[(4, 3), (5, 2), (3, 4), (6, 3)],
    properties=[
        Property("the same tilts, the same pull", _same_tilts_same_pull),
        Property("rows follow their tilts", _order_does_not_matter),
    ],
    misconceptions=[
        Misconception(
            "begun anew",
            lambda q, old, new: np.zeros((len(new), q.shape[1])),
            "All your rows are zero: that is the cold start, which forgets what the solver has "
            "learned about the tilts that are still there.",
            "Only what is new begins with zeros.",
        ),
        Misconception(
            "by place",
            _by_place,
            "Your rows keep their places, but tilts change theirs: row k of the answer belongs to "
            "tilt k of `new`, wherever that stood in `old`.",
            "For each angle of `new`, look up where it stands in `old`.",
            credit=0.5,
        ),
        Misconception(
            "copied from the neighbour",
            _filled(lambda q, old, angle: q[int(np.argmin(np.abs(old - angle)))]),
            "A new tilt gets the pull of its neighbour. Its image has not been compared with the "
            "object yet, so nothing can be said: it begins with zero.",
            "Zeros for what is new.",
            credit=0.5,
        ),
        Misconception(
            "mean of the others",
            _filled(lambda q, old, angle: q.mean(axis=0)),
            "A new tilt gets the mean pull of the others. Pulls have signs and places of their "
            "own; what nobody has compared yet pulls with nothing.",
            "Zeros for what is new.",
            credit=0.5,
        ),
        Misconception(
            "last one repeated",
            _filled(lambda q, old, angle: q[-1]),
            "A new tilt gets the pull of the last row. Its image has not been compared with the "
            "object yet: it begins with zero.",
            "Zeros for what is new.",
            credit=0.5,
        ),
        Misconception(
            "begins with one",
            _filled(lambda q, old, angle: np.ones(q.shape[1])),
            "A new tilt begins with ones: it pulls before it has been compared with anything.",
            "np.zeros, not np.ones.",
            credit=0.5,
        ),
        Misconception(
            "interpolated",
            _interpolated,
            "You interpolate the pull between neighbouring tilts. What is new has not been "
            "compared with the object yet: it begins with zero.",
            "Zeros for what is new, the old row for what is known.",
        ),
        Misconception(
            "rescaled",
            lambda q, old, new: reference.carry(q, old, new) * np.sqrt(len(old) / len(new)),
            "Your rows are carried, and rescaled by the number of tilts. A tilt that stays pulls "
            "as before.",
            "Leave the factor out.",
            credit=0.5,
        ),
        Misconception(
            "shared out",
            lambda q, old, new: reference.carry(q, old, new) * len(old) / len(new),
            "Your rows are carried, and shared out among the tilts. A tilt that stays pulls as "
            "before.",
            "Leave the factor out.",
            credit=0.5,
        ),
        Misconception(
            "nothing new",
            lambda q, old, new: q,
            "You return q as it was; the new tilts have no row.",
            "The answer has len(new) rows.",
        ),
        Misconception(
            "nothing dropped",
            lambda q, old, new: np.concatenate(
                [q, np.zeros((int((~_known(old, new)).sum()), q.shape[1]))]
            ),
            "You append rows of zeros to all of q. Tilts that were taken away still pull, and the "
            "order is the old one.",
            "Make rows for `new`, one by one.",
            credit=0.5,
        ),
    ],
    hints=[
        "Start with zeros for everybody: np.zeros((len(new), q.shape[1])).",
        "Then go through `new`: if the angle is in `old`, at which place?",
        "rows[k] = q[list(old).index(angle)] for every angle of `new` that is in `old`.",
    ],
    picture=pictures.carry,
    takeaway="Known tilts go on pulling as they did, a new one begins to pull when it has been "
    "compared. This, and keeping x, is the whole warm start.",
    points=1,
)
