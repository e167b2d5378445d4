"""Week 8, exercise 2: whether a file that appeared in the folder is complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks import week08_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.week08_problems import file_histories

__all__ = ["is_complete"]


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Every other size is asked for with more looks than the usual two."""
    return [
        {"sizes": history, "needed": needed}
        for k, (n,) in enumerate(sizes)
        for needed in [2 + k % 2]
        for history in file_histories(rng, n, needed)
    ]


def _growth_is_seen(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if not call(sizes=[*case["sizes"], case["sizes"][-1] + 1]):
        return None
    return (
        "A file that was larger at the last look than before is still being written; yours counts "
        "as complete."
    )


def _rest_is_seen(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if call(sizes=[*case["sizes"], *[123] * (case["needed"] + 1)]):
        return None
    return (
        "Whatever came before: once needed + 1 looks in a row have seen 123 bytes, the file is "
        "complete. Yours would be waited for."
    )


def _patience_counts(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if not call(needed=len(case["sizes"])):
        return None
    return "With more looks needed than there have been, nothing can be complete yet; yours is."


def _last(sizes: list[int], n: int) -> list[int]:
    return list(sizes[-n:])


def _alike(values: list[int]) -> bool:
    return len(set(values)) == 1 and values[0] > 0


def _pairs(sizes: list[int]) -> list[bool]:
    return [a == b > 0 for a, b in pairwise(sizes)]


def _run_anywhere(sizes: list[int], needed: int) -> bool:
    return any(_alike(sizes[k : k + needed + 1]) for k in range(len(sizes) - needed))


is_complete = Exercise(
    "is_complete",
    "Write is_complete(sizes, needed=2): sizes is a list with the size of a file in bytes at one "
    "look after the other, the newest last. Return True if the last needed + 1 looks saw the same "
    "size, so that it has not changed needed times, and if that size is not 0. Otherwise False.",
    reference=reference.is_complete,
    cases=_cases,
    sizes=[(5,), (4,), (7,)],
    properties=[
        Property("growth is seen", _growth_is_seen),
        Property("rest is seen", _rest_is_seen),
        Property("more looks may be asked for", _patience_counts),
    ],
    misconceptions=[
        Misconception(
            "last two only",
            lambda sizes, needed: len(sizes) > 1 and _alike(_last(sizes, 2)),
            "You compare the last two looks only. A camera may pause while it writes; needed says "
            "how often the size must have been the same again.",
            "Look at sizes[-(needed + 1):], all of it.",
            credit=0.5,
        ),
        Misconception(
            "two equal anywhere",
            lambda sizes, needed: any(_pairs(sizes)),
            "Any two equal looks are enough for you, however long ago. The file may have grown "
            "since.",
            "Only the newest looks count: sizes[-(needed + 1):].",
        ),
        Misconception(
            "a rest anywhere",
            _run_anywhere,
            "Your function finds a rest of the right length anywhere in the list. The file may "
            "have grown since.",
            "Only the newest looks count: sizes[-(needed + 1):].",
            credit=0.5,
        ),
        Misconception(
            "equal pairs counted",
            lambda sizes, needed: sum(_pairs(sizes)) >= needed,
            "You count the equal pairs of the whole list. They must be the newest ones, in a row.",
            "Only the newest looks count: sizes[-(needed + 1):].",
        ),
        Misconception(
            "empty file counts",
            lambda sizes, needed: len(sizes) > needed and len(set(_last(sizes, needed + 1))) == 1,
            "An empty file counts as complete. Many programs create the file first, and write into "
            "it a second later.",
            "Ask also whether the last size is larger than 0.",
            credit=0.5,
        ),
        Misconception(
            "too few looks",
            lambda sizes, needed: _alike(_last(sizes, needed + 1)),
            "With fewer than needed + 1 looks your function compares those that there are, and a "
            "single look always agrees with itself. A slice that is too long does not complain.",
            "First ask whether len(sizes) is at least needed + 1.",
            credit=0.5,
        ),
        Misconception(
            "too few looks, empty file",
            lambda sizes, needed: len(set(_last(sizes, needed + 1))) == 1,
            "The newest looks are compared, as they should be. But an empty file counts, and so "
            "does a file that was looked at fewer than needed + 1 times.",
            "Ask three things: enough looks, all alike, and larger than 0.",
            credit=0.25,
        ),
        Misconception(
            "the largest",
            lambda sizes, needed: (
                len(sizes) > needed and all(s == max(sizes) > 0 for s in _last(sizes, needed + 1))
            ),
            "You compare with the largest size ever seen. Some programs reserve more than they "
            "need, and cut the file at the end: it would be waited for for ever.",
            "Compare the newest looks with each other.",
            credit=0.5,
        ),
        Misconception(
            "last is largest",
            lambda sizes, needed: sizes[-1] == max(sizes) > 0,
            "A file is complete for you when its last size is the largest. That is also true at "
            "every look while it grows.",
            "Growing is the opposite of resting: ask whether the newest looks are alike.",
        ),
        Misconception(
            "one look too few",
            lambda sizes, needed: len(sizes) >= needed and _alike(_last(sizes, needed)),
            "You compare the last `needed` looks. To see the size unchanged `needed` times takes "
            "one look more.",
            "Posts and gaps: three looks have two gaps between them.",
            credit=0.5,
        ),
        Misconception(
            "one look too many",
            lambda sizes, needed: len(sizes) > needed + 1 and _alike(_last(sizes, needed + 2)),
            "You compare needed + 2 looks, one more than asked for: every projection would come "
            "one look later than it could.",
            "sizes[-(needed + 1):] has needed + 1 entries.",
            credit=0.5,
        ),
        Misconception(
            "ends only",
            lambda sizes, needed: len(sizes) > needed and sizes[-1] == sizes[-needed - 1] > 0,
            "You compare the newest look with the one `needed` before it, and none in between. A "
            "size may change and come back.",
            "All of sizes[-(needed + 1):] must be the same.",
            credit=0.5,
        ),
        Misconception(
            "always two",
            lambda sizes, needed: len(sizes) > 2 and _alike(_last(sizes, 3)),
            "Your function always compares three looks; needed makes no difference.",
            "sizes[-(needed + 1):]",
            credit=0.5,
        ),
        Misconception(
            "the whole list",
            lambda sizes, needed: len(sizes) > needed and _alike(sizes),
            "All looks must be alike for you, also those while the file was written. Only a file "
            "that was complete before the first look would ever pass.",
            "Only the newest looks count: sizes[-(needed + 1):].",
        ),
        Misconception(
            "the oldest",
            lambda sizes, needed: len(sizes) > needed and _alike(sizes[: needed + 1]),
            "You compare the first looks. The newest stand at the end of the list.",
            "A negative index counts from the end: sizes[-1] is the newest.",
            credit=0.25,
        ),
        Misconception(
            "shrinking counts",
            lambda sizes, needed: (
                len(sizes) > needed
                and sizes[-1] > 0
                and all(
                    b <= a
                    for a, b in zip(_last(sizes, needed + 1), _last(sizes, needed), strict=False)
                )
            ),
            "Your function asks whether the file has stopped growing. One that shrinks is being "
            "written, too.",
            "Ask for ==, not for <=.",
            credit=0.5,
        ),
        Misconception(
            "any zero",
            lambda sizes, needed: min(sizes) > 0 and reference.is_complete(sizes, needed),
            "A file that was ever empty is never complete for you. Most are empty at the first "
            "look.",
            "Only the newest size must be larger than 0.",
            credit=0.5,
        ),
        Misconception(
            "turned round",
            lambda sizes, needed: not reference.is_complete(sizes, needed),
            "Your function says True where False is right, and the other way round.",
            "Is there a `not`, a != or an exchanged return?",
            credit=0.5,
        ),
    ],
    hints=[
        "Three questions: enough looks? Are the newest ones alike? Is it more than nothing?",
        "The newest looks are sizes[-(needed + 1):]. If the list is shorter, the slice is, too.",
        "len(set(values)) == 1 says that all values are alike.",
    ],
    picture=pictures.is_complete,
    takeaway="It is a rule of patience, not a proof: a program that pauses for longer defeats it. "
    "So whoever reads the file must still be able to say that it is cut off, and ask again later.",
    points=1,
)
