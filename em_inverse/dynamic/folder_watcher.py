"""The watcher of a folder: looks, waits, and hands out what has arrived."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from em_inverse.dynamic.arrival import Arrival, Notice
from em_inverse.dynamic.folder_state import FolderState
from em_inverse.dynamic.intake import Intake
from em_inverse.dynamic.ledger import Ledger
from em_inverse.dynamic.listing import Listing, list_folder
from em_inverse.dynamic.waking import Waker
from em_inverse.dynamic.watch_settings import Settings

__all__ = ["FolderWatcher"]

_LOGGER = logging.getLogger("em_inverse.dynamic")
_QUIET = frozenset({"incomplete", "duplicate", "retaken", "rewritten", "folder back", "events"})
_SHORTEST_WAIT_S = 0.02


class FolderWatcher(Iterator[Arrival]):
    """An iterator over the projections that arrive in a folder.

    Made by :func:`~em_inverse.dynamic.watching.watch`, not by hand. One thread iterates; any
    thread may ask for :attr:`log`, :attr:`pending` and :meth:`seen`, or :meth:`close`. A
    projection is not kept once it was yielded.

    Attributes
    ----------
    folder : Path
        The folder.
    log : list of Notice
        What was odd so far, oldest first.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from em_inverse.dynamic import watch
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.save(f"{folder.name}/needle.npy", np.eye(4))
    >>> with watch(folder.name, settle_s=0) as watcher:
    ...     watcher.poll(), watcher.poll()
    ([], [])
    >>> [(notice.kind, notice.path.name) for notice in watcher.log]
    [('no angle', 'needle.npy')]
    >>> list(watcher.pending.values())
    ['no angle: neither a list, nor its metadata, nor its name states one']
    >>> folder.cleanup()
    """

    def __init__(self, folder: Path, names: str, settings: Settings, ledger: Ledger) -> None:
        self.folder, self.log = folder, list[Notice]()
        self._names, self._settings, self._ledger = names, settings, ledger
        self._state = FolderState(folder, settings.settle_s, self._tell)
        self._intake = Intake(folder, settings, ledger, self._state, self._tell)
        self._waker = Waker(settings.events, recursive=settings.recursive, tell=self._tell)
        self._new_at: float | None = None
        self._looked_at = -math.inf
        self._first_look = True
        self._missing = False
        self._busy = threading.RLock()

    def __enter__(self) -> FolderWatcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> FolderWatcher:
        return self

    def __next__(self) -> Arrival:
        while True:
            with self._busy:
                arrival = self._take()
                if arrival is None and not self._ended():
                    self._look()
                    arrival = self._take()
            if arrival is not None:
                return arrival
            left = self._time_left()
            if left <= 0 and not self._looked_since():
                # Whoever was kept from looking by other programs must not end before a last look.
                continue
            if self._ended() or left <= 0:
                self.close()
                with self._busy:
                    self._intake.forget()
                raise StopIteration
            due = self._state.due(self._settings.clock())
            wait = max(min(self._settings.poll_s, due, left), _SHORTEST_WAIT_S)
            self._waker.wait(wait, self._ended)

    def poll(self) -> list[Arrival]:
        """Look once, without waiting, and return the projections that are new and complete.

        A new file counts at the second look at the earliest, because it must not have changed.
        """
        arrivals: list[Arrival] = []
        with self._busy:
            if not self._ended():
                self._look()
            while (arrival := self._take()) is not None:
                arrivals.append(arrival)
        return arrivals

    def close(self) -> None:
        """End the iteration, from any thread; a projection that was being read is not yielded."""
        self._waker.close()

    @property
    def closed(self) -> bool:
        """Whether the iteration has ended."""
        return self._waker.closed

    @property
    def pending(self) -> dict[Path, str]:
        """The files that were seen and not yielded yet, and why."""
        waiting = {}
        for watched in self._state.in_order():
            if watched.state == "settling" and not watched.known:
                waiting[watched.path] = "changed not long ago"
            elif watched.state != "done" and not watched.known:
                waiting[watched.path] = watched.reason
        return waiting

    def seen(self) -> dict[str, Any]:
        """Return an account of what was yielded, for ``watch(folder, already=...)``.

        JSON can hold it. It grows by about 100 bytes a projection.
        """
        return self._ledger.as_dict()

    def _ended(self) -> bool:
        limit = self._settings.n
        full = limit is not None and self._intake.yielded >= limit
        return self._waker.closed or full or bool(self._settings.stop())

    def _time_left(self) -> float:
        if self._settings.timeout_s is None or self._new_at is None:
            return math.inf
        settling = self._settings.settle_s + 2 * self._settings.poll_s
        limit = max(self._settings.timeout_s, settling)
        return self._new_at + limit - self._settings.clock()

    def _looked_since(self) -> bool:
        """Whether it has looked when whatever was new could have settled."""
        news, last = self._new_at or 0.0, self._looked_at
        return self._ended() or (last > news and last >= news + self._settings.settle_s)

    def _take(self) -> Arrival | None:
        arrival = self._intake.take(self._ended)
        if arrival is not None:
            self._new_at = self._settings.clock()
        return arrival

    def _look(self) -> None:
        """List the folder, take in what changed, and queue the files that can be read now."""
        settings, now = self._settings, self._settings.clock()
        self._looked_at = now
        known = self._first_look and not settings.existing
        listing = self._listing()
        self._first_look = False
        if self._new_at is None:
            self._new_at = now
        if listing is None:
            return
        if self._state.take(listing, now, self._ledger.stamps, known=known):
            self._new_at = now
        self._intake.look(listing, now)

    def _list(self) -> Listing:
        return list_folder(
            self.folder,
            pattern=self._names,
            endings=self._settings.endings,
            recursive=self._settings.recursive,
        )

    def _listing(self) -> Listing | None:
        try:
            listing = self._list()
            if self._waker.attend(self.folder):
                # What came between the look and the first notice would be missed by both.
                listing = self._list()
        except OSError as error:
            if not self._missing:
                self._missing = True
                why = error.strerror or str(error)
                self._tell("folder missing", self.folder, f"cannot be listed ({why}); waiting")
            self._waker.leave()
            return None
        if self._missing:
            self._missing = False
            self._tell("folder back", self.folder, "is there again")
        return listing

    def _tell(self, kind: str, path: Path, message: str) -> None:
        self.log.append(Notice(time.time(), path, kind, message))
        # To begin before the folder is there is nothing to be warned of.
        quiet = kind in _QUIET or (kind == "folder missing" and self._first_look)
        level = logging.INFO if quiet else logging.WARNING
        _LOGGER.log(level, "%s: %s: %s", kind, path, message)
