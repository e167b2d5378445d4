"""Tilt angles from the names of files, by strict rules: what can be read two ways is not guessed.

A number in a name is a tilt angle when one of these holds.

- A unit follows it: ``needle_-34.0deg.tif``, ``34°``, ``12 degrees``.
- A keyword (tilt, tilt angle, alpha, theta, angle) stands before it, and it has a sign or decimals:
  ``tilt_m034.png``, ``img_0034_tilt+12.5.tif``, ``alpha=-3.mrc``.
- It has a sign and stands alone between separators: ``stack_m12p5.tif``, ``needle_+34.dm3``.

The sign is +, −, - or one of the words m, p, neg, pos, minus, plus; the decimal mark is a point, a
comma, or p. A number with unit or keyword goes before one that has only a sign. A number without a
sign, unit or decimals (``tilt_034``) is a running number, unless the same place holds a sign in
another name of the series. A hyphen that touches the text before it (``needle-34deg``) may be a
dash as well as a minus sign; other names of the series decide (``needle+34deg``: a sign;
``needle--34deg``: a dash), and when they do not it is refused. Among several names, a number that
is the same in all of them is not the angle.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from em_inverse.errors import GeometryError

__all__ = ["NameAngle", "angle_from_name", "angles_from_names", "stem_of"]

REMEDY = (
    "Pass angles=[...], or put a text file angles.txt with one angle in degrees per line into the "
    "folder, or rename the files after the pattern needle_-34.0deg.tif."
)
"""What to do when names do not tell the angles."""

_ENDING = re.compile(r"\.(?![mp]\d)[a-z]\w{0,6}$", re.IGNORECASE)
_RUN = re.compile(r"\d+(?:[.,p]\d+)*", re.IGNORECASE)
_UNIT = re.compile(r"[ _]?(?:deg(?:rees?)?|°)(?![a-z])", re.IGNORECASE)
_SIGN = re.compile(r"(?:(?P<char>[+\-−])|(?P<word>minus|plus|neg|pos|m|p)_?)$", re.IGNORECASE)
_KEYWORD = re.compile(
    r"(?:^|[^a-z])(?:tilt[ _]?angle|tilt|alpha|theta|angle)[ _=:.\-]?$", re.IGNORECASE
)
_NUMBER_BEFORE = re.compile(r"[+\-−]?\d+(?:[.,]\d+)*")
_NEGATIVE = frozenset({"-", "−", "m", "neg", "minus"})
_LARGEST_DEG = 360.0


class NameAngle(NamedTuple):
    """The angle that a name holds, and where in the stem of the name it stands."""

    angle_deg: float
    start: int
    end: int


def angle_from_name(name: str, others: Iterable[str] = ()) -> float | None:
    """Return the tilt angle in degrees that a file name states, or None when it states none.

    The rules are those of the module: unit, keyword or sign must mark the number.

    Parameters
    ----------
    name : str
        Name of the file, with or without its ending and its folder.
    others : iterable of str
        Names of other files of the series, which settle what a hyphen or a bare number means.

    Raises
    ------
    GeometryError
        When the name can be read in two ways.

    Examples
    --------
    >>> angle_from_name("needle_-34.0deg.tif"), angle_from_name("stack_m12p5.tif")
    (-34.0, -12.5)
    >>> angle_from_name("tilt_034.tif") is None
    True
    >>> angle_from_name("tilt_034.tif", others=["tilt_-34.tif"])
    34.0
    """
    names = [name, *(other for other in others if other != name)]
    found = _settled(names)[0]
    unclear = [one for one in found if one.kind == "unclear"]
    if unclear:
        raise GeometryError(f"{_unclear(name, unclear[0])} {REMEDY}")
    if len({one.value for one in found}) > 1:
        raise GeometryError(f"{_several(name, found)} {REMEDY}")
    return found[0].value if found else None


def angles_from_names(names: Sequence[str]) -> list[NameAngle] | None:
    """Return the angle of every name of a series, or None when the names state no angles.

    Raises
    ------
    GeometryError
        When names can be read in two ways, or when some state an angle and others do not.

    Examples
    --------
    >>> [one.angle_deg for one in angles_from_names(["a-2deg.tif", "a+0deg.tif", "a+2deg.tif"])]
    [-2.0, 0.0, 2.0]
    """
    found = _settled(names)
    for strong in (True, False):
        tier = [[one for one in line if one.strong is strong] for line in found]
        if not any(tier):
            continue
        missing = [name for name, line in zip(names, tier, strict=True) if not line]
        if missing:
            raise GeometryError(
                f"{len(missing)} of {len(names)} file names state no tilt angle "
                f"({_some(missing)}), the others do. {REMEDY}"
            )
        angles = []
        for name, line in zip(names, tier, strict=True):
            unclear = [one for one in line if one.kind == "unclear"]
            if unclear:
                raise GeometryError(f"{_unclear(name, unclear[0])} {REMEDY}")
            if len({one.value for one in line}) > 1:
                raise GeometryError(f"{_several(name, line)} {REMEDY}")
            angles.append(NameAngle(line[0].value, line[0].start, line[0].end))
        if len({re.sub(r"\d+", "#", line[0].place) for line in tier}) > 1:
            raise GeometryError(
                f"the tilt angle does not stand at the same place in all file names "
                f"({_some([*dict.fromkeys(names)])}). {REMEDY}"
            )
        return angles
    return None


def stem_of(name: str) -> str:
    """Return the name of a file without folder and ending; ``.5deg`` is not an ending."""
    base = re.split(r"[/\\]", name)[-1]
    return re.sub(r"\.ome$", "", _ENDING.sub("", base), flags=re.IGNORECASE)


@dataclass(frozen=True)
class _Candidate:
    """A number in a name that may be the angle.

    ``kind`` is "signed", "stated" (unit, or keyword and decimals), "bare" (neither), "hyphen"
    (sign or dash) or "unclear"; ``place`` the text before it, with its numbers made alike.
    """

    value: float
    kind: str
    strong: bool
    place: str
    text: str
    start: int
    end: int
    plus: bool = False


def _candidates(stem: str) -> list[_Candidate]:
    found = []
    for run in _RUN.finditer(stem):
        before, after = stem[: run.start()], stem[run.end() :]
        unit = _UNIT.match(after)
        if unit is None and after[:1].isalpha():
            continue
        sign, before = _split_sign(before)
        strong = unit is not None or _KEYWORD.search(before) is not None
        marks = re.sub(r"\d", "", run.group())
        digits = re.sub(r"[,p]", ".", run.group(), flags=re.IGNORECASE)
        magnitude = float(digits) if len(marks) <= 1 else 0.0
        if magnitude > _LARGEST_DEG or (len(marks) > 1 and not strong):
            continue
        if len(marks) > 1:
            kind = "unclear"
        elif sign in ("-", "−") and before and before[-1].isalnum():
            kind = "hyphen"
        elif sign:
            kind = "signed"
        else:
            kind = "stated" if unit or (strong and marks) else "bare"
        end = run.end() + (unit.end() if unit else 0)
        found.append(
            _Candidate(
                value=-magnitude if sign in _NEGATIVE and magnitude else magnitude,
                kind=kind,
                strong=strong,
                place=_NUMBER_BEFORE.sub("#", before.lower()),
                text=stem[len(before) : end],
                start=len(before),
                end=end,
                plus=sign in ("+", "p", "pos", "plus"),
            )
        )
    return found


def _split_sign(before: str) -> tuple[str, str]:
    match = _SIGN.search(before)
    if match is None:
        return "", before
    rest = before[: match.start()]
    if match["char"]:
        return match["char"], rest
    if rest and rest[-1].isalnum() and not _KEYWORD.search(rest):
        return "", before
    return match["word"].lower(), rest


def _settled(names: Sequence[str]) -> list[list[_Candidate]]:
    """Return what may be the angle in each name, after the names have explained each other."""
    found = [_candidates(stem_of(name)) for name in names]
    groups: dict[tuple[str, bool], list[_Candidate]] = defaultdict(list)
    for line in found:
        for one in line:
            groups[one.place, one.strong].append(one)
    constant = {
        key
        for key, group in groups.items()
        if len(names) > 1 and len(group) == len(names) and len({one.text for one in group}) == 1
    }
    settled = []
    for line in found:
        varying = [one for one in line if (one.place, one.strong) not in constant]
        marked = [one for one in varying if one.strong] or varying
        kept = [_settle(one, groups) for one in marked]
        settled.append([one for one in kept if one is not None])
    return settled


def _settle(one: _Candidate, groups: dict[tuple[str, bool], list[_Candidate]]) -> _Candidate | None:
    group = groups[one.place, one.strong]
    if one.kind == "hyphen":
        dash = any(
            other.kind == "signed" for other in groups.get((one.place + "-", one.strong), ())
        )
        unsigned = one.strong and any(other.kind in ("bare", "stated") for other in group)
        sign = unsigned or any(other.plus for other in group)
        if dash and not sign:
            return replace(one, kind="signed", value=abs(one.value), place=one.place + "-")
        if sign and not dash:
            return replace(one, kind="signed")
        return replace(one, kind="unclear") if one.strong else None
    if one.kind == "bare":
        signs = any(other.kind in ("signed", "stated") for other in group) or (
            one.strong and any(other.kind == "hyphen" for other in group)
        )
        return replace(one, kind="stated") if signs else None
    return one


def _unclear(name: str, one: _Candidate) -> str:
    several = len(re.findall(r"[.,p]", one.text, re.IGNORECASE)) > 1
    reason = "it has several decimal marks" if several else "the hyphen is a minus sign or a dash"
    return f"the file name {name!r} holds {one.text!r}, which can be read in two ways: {reason}."


def _several(name: str, found: Sequence[_Candidate]) -> str:
    listing = ", ".join(repr(one.text) for one in found)
    return f"the file name {name!r} holds several numbers that could be the tilt angle: {listing}."


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown + (", …" if len(names) > 3 else "")
