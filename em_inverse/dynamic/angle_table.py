"""A list of tilt angles that may still be growing."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from em_inverse.dynamic.folder_state import Steady, Tell
from em_inverse.dynamic.listing import Found
from em_inverse.errors import EmInverseError
from em_inverse.io.angle_lists import named_angles
from em_inverse.io.angles import angle_text, parse_angles

__all__ = ["AngleTable"]

_NAMED = re.compile(r"[^,;#]*[A-Za-z][^,;#]*[,;]")
_LAST_LINE_TIMES = 10
_SHORTEST_WAIT_S = 1.0


class AngleTable:
    """The angles in a text file, as far as it has been written.

    Lines that have an end count at once, because a list may get a new one before it has settled.
    A last line without an end may be half a line; it counts when the file has not changed for ten
    times `settle_s`. What makes no sense is only told of a file that has settled.

    Parameters
    ----------
    found : Found
        The file.
    now : float
        The time of the first look.
    tell : callable
        Takes the notices.

    Attributes
    ----------
    damaged : bool
        What it says now makes no sense, and nobody should wait for more of it.
    """

    def __init__(self, found: Found, now: float, tell: Tell) -> None:
        self.path = found.path
        self._steady = Steady(found[1:], now)
        self._tell = tell
        self._read: tuple[Any, bool] | None = None
        self._settled = False
        self._raw = self._text = ""
        self._plain: list[float] | None = None
        self.damaged = False

    def look(self, found: Found, now: float, settle_s: float) -> None:
        """Read the file when it has changed, and once more when it has settled."""
        self._steady.look(found[1:], now)
        self._settled = self._steady.settled(now, settle_s)
        if self._read != (self._steady.stamp, self._settled):
            self._read = self._steady.stamp, self._settled
            self._raw, self._plain, self.damaged = "", None, False
            try:
                self._raw = angle_text(self.path)
            except EmInverseError as error:
                self._complain(error)
        wait = max(_LAST_LINE_TIMES * settle_s, _SHORTEST_WAIT_S)
        ended = self._raw.endswith(("\n", "\r")) or now - self._steady.since >= wait
        text = self._raw if ended else self._raw[: self._raw.rfind("\n") + 1]
        if text != self._text:
            self._text, self._plain = text, None
            self.damaged = self.damaged and not text

    def by_name(self, files: Sequence[Path]) -> dict[int, float] | None:
        """Return the angles of those `files` that the list names; None when it names none."""
        try:
            return named_angles(self._text, self.path, files)
        except (EmInverseError, csv.Error) as error:
            self._complain(error)
            return {}

    def plain(self) -> list[float]:
        """Return the angles of a list that names no files, in its order; [] when it is none."""
        if self._plain is None:
            self._plain = []
            if self._text.strip() and not self._names_something():
                try:
                    self._plain = parse_angles(self._text, self.path).tolist()
                except EmInverseError as error:
                    self._complain(error)
        return self._plain

    def _names_something(self) -> bool:
        """Whether the list is one of names, though perhaps of files that are not there yet."""
        return any(_NAMED.match(line) for line in self._text.splitlines())

    def _complain(self, error: Exception) -> None:
        if self._settled and not self.damaged:
            self.damaged = True
            self._tell("list", self.path, str(error))
