"""Week 8, exercise 1: from which look on a file may be taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks import week08_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["first_complete"]


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """A file that begins empty, pauses in the middle, and is readable too early."""
    return [looks(rng, n) for (n,) in sizes]


def looks(rng: np.random.Generator, n: int) -> Case:
    """Return what `n` ≥ 9 looks at one growing file find.

    It is empty at first, twice; grows; pauses; is readable while it still grows, as a stack of
    which some images are there; and rests at the end.

    Examples
    --------
    >>> case = looks(np.random.default_rng(0), 9)
    >>> len(case["sizes"]), case["sizes"][:2].tolist(), bool(case["readable"][-1])
    (9, [0, 0], True)
    """
    end = int(rng.integers(6, n - 2)) if n > 9 else 6
    steps = rng.integers(2, 9, end - 1) * 4096
    pause = int(rng.integers(1, end - 3))
    steps[pause] = 0
    grown = np.concatenate([[0, 0], np.cumsum(steps)])
    sizes = np.concatenate([grown, np.full(n - grown.size, grown[-1])])
    readable = np.zeros(n, bool)
    readable[end - 1] = True
    readable[end:] = True
    return {"sizes": sizes, "readable": readable}


def _was_readable(case: Case, k: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    look = int(k)
    if not 0 <= look < len(case["sizes"]) or look != k:
        return f"Your answer {float(k):g} is no look: they are counted 0 to {len(case['sizes']) - 1}."
    if case["readable"][look]:
        return None
    return f"At look {look} the file could not be decoded, so nobody knows what is in it."


def _had_rested(case: Case, k: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    look = int(k)
    if look > 0 and case["sizes"][look] == case["sizes"][look - 1]:
        return None
    return f"At look {look} the file had another size than at the look before: it may still grow."


def _first(rule: Callable[[np.ndarray, np.ndarray, int], bool]) -> Callable[..., int | None]:
    def answer(sizes: np.ndarray, readable: np.ndarray) -> int | None:
        found = [k for k in range(len(sizes)) if rule(sizes, readable, k)]
        return found[0] if found else None

    return answer


def _late(sizes: np.ndarray, readable: np.ndarray) -> int:
    return int(reference.first_complete(sizes, readable)) + 1


first_complete = Exercise(
    "first_complete",
    "Write first_complete(sizes, readable): sizes[k] is the size in bytes at look k = 0, 1, 2, …, "
    "readable[k] says whether the file could be decoded to its end then. Return the first look at "
    "which it may be taken. There is one.",
    reference=reference.first_complete,
    cases=_cases,
    sizes=[(9,), (12,), (15,), (20,), (20,)],
    properties=[
        Property("the file could be decoded", _was_readable),
        Property("its size had rested", _had_rested),
    ],
    misconceptions=[
        Misconception(
            "readable only",
            _first(lambda s, r, k: bool(r[k])),
            "Your function takes the file as soon as it can be decoded. A stack can be decoded "
            "while images are still being added to it: some of the data would be missing.",
            "Ask for both: decoded, and the size of the look before.",
            credit=0.5,
        ),
        Misconception(
            "empty and at rest",
            _first(lambda s, r, k: k > 0 and s[k] == s[k - 1]),
            "Your function takes a file of 0 bytes: it has rested, but nothing has been written "
            "yet.",
            "The size alone is not enough: look at readable[k], too.",
        ),
        Misconception(
            "size only",
            _first(lambda s, r, k: k > 0 and s[k] == s[k - 1] > 0),
            "Your function takes a file that only pauses. A slow disk or network stops in the "
            "middle of a file; that it does not grow is no proof that it is whole.",
            "Ask for readable[k] as well.",
            credit=0.5,
        ),
        Misconception(
            "one look early",
            _first(lambda s, r, k: k + 1 < len(s) and s[k] == s[k + 1] and bool(r[k])),
            "Your function compares with the look that comes *next*, which at the microscope "
            "nobody has seen yet.",
            "Compare sizes[k] with sizes[k - 1].",
            credit=0.5,
        ),
        Misconception(
            "one look late",
            _late,
            "Your function waits one look longer than it must (or counts the looks from 1).",
            "The size needs to be the same at two looks; return the second of them, counted from "
            "0.",
            credit=0.5,
        ),
        Misconception(
            "last look",
            lambda sizes, readable: len(sizes) - 1,
            "Your function returns the last look. In a live experiment there is none: it must "
            "decide while the folder is being written.",
            "Go through the looks from the first, and return as soon as the rule holds.",
        ),
    ],
    hints=[
        "Two conditions at look k: the size has not changed since look k − 1, and it decodes.",
        "Begin at k = 1: at the first look nothing can be compared.",
        "for k in range(1, len(sizes)): if sizes[k] == sizes[k - 1] and readable[k]: return k",
    ],
    picture=pictures.first_complete,
    takeaway="Size at rest *and* decoded to the end: neither alone is safe. The kit's watcher asks "
    "for both, and for the time stamp.",
    points=1,
)
