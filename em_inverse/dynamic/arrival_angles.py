"""The tilt angle of a file that has just arrived: from what the user gave, lists, the file itself.

Counting is the last thing to trust while files are still being written. So a list that names the
files, or metadata, or names may all correct what a list without names has said.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from em_inverse.dynamic.angle_table import AngleTable
from em_inverse.dynamic.folder_state import Tell, Watched
from em_inverse.dynamic.listing import Found
from em_inverse.errors import EmInverseError, GeometryError, check_angles
from em_inverse.io.angle_lists import is_angle_list
from em_inverse.io.folders import natural_order
from em_inverse.io.name_angles import angle_from_name

__all__ = ["AngleFinder", "Said"]

_OF_ONE_FILE = (".rawtlt", ".tlt")
_SAME_ANGLE_DEG = 1.0
"""Names often round the angle to whole degrees."""

_LARGEST_DEG = 360.0


class Said(NamedTuple):
    """An angle in degrees and where it comes from; or None, and why there is none."""

    angle_deg: float | None
    text: str


class AngleFinder:
    """Finds angles; knows the lists in the folder.

    Parameters
    ----------
    function : callable, optional
        Takes a path and returns the angle, or the angles of the images of a stack.
    log : Path, optional
        The only list that counts.
    pattern : re.Pattern, optional
        Finds the group "angle" in a name.
    settle_s : float
        For how long a list must not change to count.
    patience_s : float
        For how long a file waits to be listed, where there is a list, before its own metadata or
        its name count.
    tell : callable
        Takes the notices.
    """

    def __init__(
        self,
        function: Callable[[Path], Any] | None,
        log: Path | None,
        pattern: re.Pattern[str] | None,
        *,
        settle_s: float,
        patience_s: float,
        tell: Tell,
    ) -> None:
        self._function, self._log, self._pattern = function, log, pattern
        self._settle_s, self._patience_s, self._tell = settle_s, patience_s, tell
        self._tables: dict[str, AngleTable] = {}
        self._log_table: AngleTable | None = None
        self._listed: dict[str, Said] = {}
        self._lists: dict[str, AngleTable] = {}
        self._names: dict[str, list[str]] = {}
        self._told: set[str] = set()

    def look(self, sides: dict[str, Found], names: Iterable[str], folder: Path, now: float) -> None:
        """Bring the lists up to date; `names` are the files that take a place in a list."""
        groups: dict[str, list[str]] = defaultdict(list)
        for name in names:
            groups[_inside(name)].append(name)
        for group in groups.values():
            group[:] = [group[k] for k in natural_order([Path(name) for name in group])]
        self._names = groups
        lists = {name: found for name, found in sides.items() if is_angle_list(found.path)}
        for name in set(self._tables) - set(lists):
            del self._tables[name]
        for name, found in lists.items():
            table = self._tables.setdefault(name, AngleTable(found, now, self._tell))
            table.look(found, now, self._settle_s)
        if self._log is not None:
            self._look_at_log(self._log, now)
        self._listed, self._lists = {}, {}
        if self._function is not None or self._pattern is not None:
            return
        for inside, group in groups.items():
            chosen = self._log_table if self._log else self._list_of(inside, group, folder)
            places = None if chosen is None else self._places(chosen, group)
            if chosen is not None and places is not None and not chosen.damaged:
                self._lists[inside] = chosen
                self._listed.update(places)

    def listed(self, name: str, frame: int, count: int) -> Said | None:
        """Return what a list says of image `frame` of the `count` in a file; None when nothing."""
        own = self._own_list(name)
        table = own or self._lists.get(_inside(name))
        if table is None:
            return None
        alone = self._names.get(_inside(name)) == [name]
        if own is not None or (count > 1 and alone and table.by_name([Path(name)]) is None):
            plain = table.plain()
            return Said(plain[frame], f"file {table.path.name}") if frame < len(plain) else None
        return self._listed.get(name) if count == 1 else None

    def find(self, watched: Watched, frame: int, now: float) -> Said:
        """Return the angle of image `frame` of a file that has been read once."""
        name, count = watched.name, len(watched.own_angles)
        if self._function is not None:
            return self._asked(self._function, watched.path, frame, count)
        if self._pattern is not None:
            return self._matched(self._pattern, watched.path.name, count)
        said = self.listed(name, frame, count)
        if said is not None:
            return said
        if self._log is not None:
            return Said(None, f"{self._log.name} does not list it")
        table = self._own_list(name) or self._lists.get(_inside(name))
        if table is not None and now - watched.steady.since < self._patience_s:
            return Said(None, f"{table.path.name} does not list it yet")
        own = watched.own_angles[frame]
        if own is not None and abs(own) <= _LARGEST_DEG:
            return Said(own, watched.angle_source)
        if count > 1:
            return Said(None, f"nothing states the angle of image {frame} of {count} in it")
        others = self._names.get(_inside(name), [])
        return self._named(watched.path.name, [PurePosixPath(one).name for one in others])

    def _look_at_log(self, log: Path, now: float) -> None:
        try:
            status = log.stat()
        except OSError:
            return
        found = Found(log, status.st_size, status.st_mtime_ns)
        if self._log_table is None:
            self._log_table = AngleTable(found, now, self._tell)
        self._log_table.look(found, now, self._settle_s)

    def _own_list(self, name: str) -> AngleTable | None:
        """Return series.rawtlt or series.tlt of a stack series.mrc."""
        if self._log is not None or self._function is not None or self._pattern is not None:
            return None
        stem = str(PurePosixPath(name).with_suffix(""))
        names = (f"{one}{ending}" for ending in _OF_ONE_FILE for one in (stem, name))
        found = [self._tables[one] for one in names if one in self._tables]
        return next((table for table in found if not table.damaged), None)

    def _list_of(self, inside: str, group: list[str], folder: Path) -> AngleTable | None:
        """Return the list that counts for all files of a folder, as when a folder is read."""
        stems = {str(PurePosixPath(name).with_suffix("")) for name in group} | set(group)
        present = {
            name: table
            for name, table in self._tables.items()
            if _inside(name) == inside
            and not (
                table.path.suffix.lower() in _OF_ONE_FILE
                and str(PurePosixPath(name).with_suffix("")) in stems
            )
        }
        title = PurePosixPath(inside).name if inside else folder.name
        called = [table for table in present.values() if table.path.stem == title]
        chosen = called or list(present.values())
        if len(chosen) > 1:
            names = ", ".join(sorted(table.path.name for table in chosen))
            self._once(
                "list",
                folder / inside,
                f"holds several lists of tilt angles ({names}), so none of them is used; pass the "
                f"right one as angles",
            )
            return None
        return chosen[0] if chosen else None

    def _places(self, table: AngleTable, group: list[str]) -> dict[str, Said] | None:
        """Return what a list says of the files; None when it contradicts their names."""
        source = f"file {table.path.name}"
        named = table.by_name([Path(name) for name in group])
        if named is not None:
            return {group[k]: Said(angle, source) for k, angle in named.items()}
        counted = dict(zip(group, table.plain(), strict=False))
        for name, angle in counted.items():
            stated = _stated(PurePosixPath(name).name)
            if stated is not None and abs(stated - angle) > _SAME_ANGLE_DEG:
                self._once(
                    "list",
                    table.path,
                    f"gives {angle:g} degrees to {name}, by its place in the list, but the name "
                    f"says {stated:g}; the list is not used. Lines of 'file name, angle' help",
                )
                return None
        return {name: Said(angle, source) for name, angle in counted.items()}

    def _asked(self, function: Callable[[Path], Any], path: Path, frame: int, count: int) -> Said:
        try:
            value = function(path)
            angles = None if value is None else check_angles(value)
        except Exception as error:
            return Said(None, f"the function given as angles failed ({error})")
        if angles is None or (angles.size != 1 and frame >= angles.size):
            return Said(None, "the function given as angles knows none")
        if angles.size == 1 and count > 1:
            return Said(
                None, f"the function given as angles knows one, but it holds {count} images"
            )
        return Said(float(angles[frame]), "the function given as angles")

    def _matched(self, pattern: re.Pattern[str], name: str, count: int) -> Said:
        match = pattern.search(name)
        text = match["angle"] if match is not None else None
        if text is None:
            return Said(None, f"its name does not fit the pattern {pattern.pattern!r}")
        if count > 1:
            return Said(None, f"its name states one angle, but it holds {count} images")
        stated = _number(text)
        if stated is None:
            return Said(None, f"{text!r} in its name is no angle within ±360 degrees")
        return Said(stated, "file name, by the pattern")

    def _named(self, name: str, others: list[str]) -> Said:
        try:
            angle = angle_from_name(name, others)
        except GeometryError as error:
            return Said(None, str(error))
        if angle is None:
            return Said(None, "neither a list, nor its metadata, nor its name states one")
        return Said(angle, "file name, beside the other names")

    def _once(self, kind: str, path: Path, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._tell(kind, path, message)


def _inside(name: str) -> str:
    return name.rpartition("/")[0]


def _number(text: str) -> float | None:
    try:
        return float(check_angles(float(text))[0])
    except ValueError:
        # The rules for names know m034, 12p5 and a decimal comma.
        return _stated(f"{text}deg")


def _stated(name: str) -> float | None:
    try:
        return angle_from_name(name)
    except EmInverseError:
        return None
