"""Waiting for the next look at a folder: for some time, or until the system tells of a change.

The system's notices (inotify and its like, through the optional package watchdog) only shorten the
wait. They are silent about what other machines write on a network share, they can overflow, and a
folder that is unmounted takes them with it; so the folder is looked at regularly in any case.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from em_inverse.dynamic.folder_state import Tell
from em_inverse.errors import ParameterError

__all__ = ["Waker"]

# Reading a file is told of as well ("opened", "closed_no_write"), and would wake us for ever.
_CHANGES = frozenset({"created", "modified", "moved", "closed"})
_SLICE_S = 0.2
_BETWEEN_LOOKS_S = 0.05
_JOIN_S = 2.0


class Waker:
    """Waits; wakes early when something changes in a folder, or when it is closed.

    Parameters
    ----------
    events : {"auto", "polling", "watchdog"}
        Whether to ask the system for notices.
    recursive : bool
        Whether subfolders count.
    tell : callable
        Takes the notice that there are none.
    """

    def __init__(self, events: str, *, recursive: bool, tell: Tell) -> None:
        self._observer_class = None if events == "polling" else _observer_class(events)
        self._recursive, self._tell = recursive, tell
        self._woken, self._closed = threading.Event(), threading.Event()
        self._observer: Any = None
        self._refused = False
        self._forgotten: weakref.finalize[[], Waker] | None = None

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed.is_set()

    def attend(self, folder: Path) -> bool:
        """Ask for notices of a folder that is there; return whether they begin only now."""
        if self._observer_class is None or self._refused or self.closed:
            return False
        if self._observer is not None and self._observer.is_alive():
            return False
        observer = self._observer_class()
        try:
            observer.schedule(_handler(self._woken), str(folder), recursive=self._recursive)
            observer.daemon = True
            observer.start()
        except Exception as error:
            # Systems allow a limited number of watches, and some file systems none.
            self._refused = True
            self._tell("events", folder, f"the system gives no notice of changes ({error})")
            return False
        self._observer = observer
        self._forgotten = weakref.finalize(self, observer.stop)
        return True

    def leave(self) -> None:
        """Ask for no more notices: the folder is gone, and a new one would need new ones."""
        observer, self._observer = self._observer, None
        if observer is not None:
            if self._forgotten is not None:
                self._forgotten.detach()
            observer.stop()
            observer.join(_JOIN_S)

    def wait(self, seconds: float, ended: Callable[[], bool]) -> None:
        """Wait for so long, or until something changes, or `ended` says that it is time to stop."""
        begin = time.monotonic()
        while not ended():
            left = begin + seconds - time.monotonic()
            if left <= 0 or self._woken.wait(min(left, _SLICE_S)):
                break
        self._woken.clear()
        # A file that is being written wakes us at every block.
        early = begin + min(seconds, _BETWEEN_LOOKS_S) - time.monotonic()
        if early > 0:
            self._closed.wait(early)

    def close(self) -> None:
        """End every wait, now and later; may be called from any thread."""
        self._closed.set()
        self._woken.set()
        self.leave()


def _observer_class(events: str) -> Any:
    try:
        from watchdog.observers import Observer
    except ImportError:
        if events == "watchdog":
            raise ParameterError(
                "events is 'watchdog', but the package watchdog is not installed. Install it "
                "(pip install 'em-inverse[live]'), or pass events='polling'."
            ) from None
        return None
    return Observer


def _handler(woken: threading.Event) -> Any:
    from watchdog.events import FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: Any) -> None:
            if event.event_type in _CHANGES:
                woken.set()

    return Handler()
