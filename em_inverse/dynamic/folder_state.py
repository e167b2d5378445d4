"""What is known of the files of a watched folder from one look to the next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from em_inverse.dynamic.listing import Found, Listing, companions_of
from em_inverse.io.folders import natural_order

__all__ = ["FolderState", "Steady", "Tell", "Watched"]

Tell = Callable[[str, Path, str], None]
"""Called with the kind of a notice, the file or folder, and the message."""

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 10.0


@dataclass
class Steady:
    """Whether something has looked the same for long enough, at two looks or more."""

    stamp: Any
    since: float
    looks: int = 1

    def look(self, stamp: Any, now: float) -> bool:
        """Take note of how it looks now; return whether that changed."""
        if stamp == self.stamp:
            self.looks += 1
            return False
        self.stamp, self.since, self.looks = stamp, now, 1
        return True

    def settled(self, now: float, settle_s: float) -> bool:
        """Whether it has been the same for `settle_s` seconds."""
        return self.looks >= 2 and now - self.since >= settle_s


@dataclass
class Watched:
    """A file that may hold projections, and what is known of it.

    ``state`` is "settling" (new, or changed not long ago), "unreadable" (steady, but it cannot be
    read yet), "given up" (until it changes), "unnamed" (an image without an angle), or "done".
    ``rank`` is the order in which files were first seen. ``known`` marks what was there when the
    watching began and is not to be handed out. ``unnamed`` are the images without an angle, and
    why; ``left_out`` are copies, and images of another shape.
    """

    name: str
    found: Found
    steady: Steady
    first_seen: float
    rank: tuple[float, int, int]
    known: bool = False
    state: str = "settling"
    reason: str = ""
    next_try: float = 0.0
    failing_since: float | None = None
    failures: int = 0
    own_angles: list[float | None] = field(default_factory=list)
    angle_source: str = ""
    unnamed: dict[int, str] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.found.path

    def restart(self) -> None:
        """Begin anew, after the file changed."""
        self.state, self.reason = "settling", ""
        self.failing_since, self.failures, self.next_try = None, 0, 0.0
        self.told.discard("corrupt")

    def fail(self, reason: str, now: float, give_up_s: float, *, for_good: bool = True) -> bool:
        """Take note that it could not be read; return whether that has lasted too long.

        The waits until the next try double, because network shares show old sizes for a while.
        With `for_good` False it is tried again for ever.
        """
        if self.failing_since is None:
            self.failing_since = now
        self.reason = reason
        if for_good and now - self.failing_since >= give_up_s:
            self.state = "given up"
            return True
        self.state = "unreadable"
        wait = min(_FIRST_WAIT_S * 2.0**self.failures, _LONGEST_WAIT_S)
        self.failures += 1
        self.next_try = now + wait
        if for_good:
            self.next_try = min(self.next_try, self.failing_since + give_up_s)
        return False


class FolderState:
    """The files of a folder, kept up to date by :meth:`take`.

    Parameters
    ----------
    folder : Path
        The folder.
    settle_s : float
        For how long a file must not change to count as written.
    tell : callable
        Takes the notices.
    """

    def __init__(self, folder: Path, settle_s: float, tell: Tell) -> None:
        self.files: dict[str, Watched] = {}
        self._folder, self._settle_s, self._tell = folder, settle_s, tell
        self._refused: set[Path] = set()

    def take(
        self, listing: Listing, now: float, stamps: dict[str, tuple[int, int]], *, known: bool
    ) -> bool:
        """Take in what one look at the folder found; return whether an image is new or changed.

        Parameters
        ----------
        listing : Listing
            What was found.
        now : float
            The time of the look.
        stamps : dict
            Size and time of the files that are dealt with: they count as done while they keep
            them.
        known : bool
            Whether files that are new at this look are not to be handed out.
        """
        changed = False
        new = [name for name in listing.images if name not in self.files]
        ages = natural_order([listing.images[name].path for name in new])
        places = {new[index]: place for place, index in enumerate(ages)}
        for name, found in listing.images.items():
            stamp = (found[1:], *companions_of(name, listing.sides))
            watched = self.files.get(name)
            if watched is None:
                rank = (now, found.mtime_ns, places[name])
                watched = Watched(name, found, Steady(stamp, now), now, rank, known=known)
                done = stamps.get(name) == found[1:]
                watched.state = "done" if done else "settling"
                self.files[name] = watched
                changed = changed or not done
            elif watched.steady.look(stamp, now):
                watched.found, watched.known = found, False
                watched.restart()
                changed = True
        self._drop(listing)
        return changed

    def due(self, now: float) -> float:
        """Return in how many seconds a file will have settled, or be tried again; or infinity."""
        times = [math.inf]
        for watched in list(self.files.values()):
            if watched.state == "settling":
                times.append(watched.steady.since + self._settle_s)
            elif watched.state == "unreadable":
                times.append(watched.next_try)
        return max(min(times) - now, 0.0)

    def in_order(self) -> list[Watched]:
        """Return the files in the order in which they came, or were written."""
        return sorted(self.files.values(), key=lambda watched: watched.rank)

    def _drop(self, listing: Listing) -> None:
        for name in [name for name in self.files if name not in listing.images]:
            watched = self.files[name]
            if any(
                path == watched.path or path in watched.path.parents for path in listing.refused
            ):
                continue
            if watched.state != "done" and not watched.known:
                self._tell(
                    "disappeared", watched.path, "is gone before its projection could be read"
                )
            del self.files[name]
        for path, why in listing.refused.items():
            if path not in self._refused:
                self._tell("permission", path, f"cannot be looked at ({why}); tried again")
        self._refused = set(listing.refused)
