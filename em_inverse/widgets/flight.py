"""One frame in flight: the rule that keeps a slow line from showing old pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from em_inverse.errors import check_number

__all__ = ["OneInFlight"]

Frame = TypeVar("Frame")

# How far one flight moves what a flight is believed to take.
_BELIEF = 0.3


class OneInFlight(Generic[Frame]):
    """Send frames one at a time; while one is on its way, keep only the newest of the others.

    A page acknowledges a frame once it is drawn. A page that is closed, or a kernel too busy to
    hear, never does; after `patience` seconds the frame counts as lost and the newest one goes.

    Parameters
    ----------
    send : callable
        Takes the number of the frame and the frame. Called from the thread that calls
        :meth:`push` or :meth:`drawn`, or from a timer.
    patience : float
        Seconds to wait for an acknowledgement.
    clock : callable
        Seconds, for tests.

    Examples
    --------
    >>> sent = []
    >>> flight = OneInFlight(lambda number, frame: sent.append(frame))
    >>> for frame in "abc":
    ...     flight.push(frame)
    >>> sent
    ['a']
    >>> flight.drawn(1)
    >>> sent
    ['a', 'c']
    >>> flight.close()
    """

    def __init__(
        self,
        send: Callable[[int, Frame], None],
        patience: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = check_number(patience, "patience", minimum=0, exclusive=True)
        self._send = send
        self._clock = clock
        self._lock = threading.RLock()
        self._number = 0
        self._flying_since: float | None = None
        self._unanswered_since: float | None = None
        self._took_s = 0.0
        self._waiting: list[Frame] = []
        self._timer: threading.Timer | None = None
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether a frame pushed now would leave at once."""
        with self._lock:
            return not self._closed and not self._is_flying()

    @property
    def unanswered_s(self) -> float:
        """For how many seconds frames have been sent, and the page has drawn none."""
        with self._lock:
            since = self._unanswered_since
            return 0.0 if since is None else self._clock() - since

    @property
    def took_s(self) -> float:
        """Seconds from sending a frame to word of it, of late; 0 before the first."""
        return self._took_s

    def push(self, frame: Frame) -> None:
        """Send the frame now, or as soon as the one in flight has arrived or is given up."""
        with self._lock:
            if self._closed:
                return
            self._waiting = [frame]
            if self._is_flying():
                self._watch()
            else:
                self._launch()

    def drawn(self, number: int) -> None:
        """Take note that the page has drawn frame `number`; word of an older one is ignored."""
        with self._lock:
            # Late word is a sign of life all the same.
            self._unanswered_since = None
            if self._closed or number != self._number:
                return
            if self._flying_since is not None:
                took = self._clock() - self._flying_since
                self._took_s += (took - self._took_s) * (_BELIEF if self._took_s else 1.0)
            self._flying_since = None
            if self._waiting:
                self._launch()

    def close(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._closed = True
            self._waiting = []
            self._forget_timer()

    def _is_flying(self) -> bool:
        return self._flying_since is not None and self._remaining() > 0

    def _remaining(self) -> float:
        return (self._flying_since or 0.0) + self.patience - self._clock()

    def _launch(self) -> None:
        self._forget_timer()
        self._number += 1
        self._flying_since = self._clock()
        if self._unanswered_since is None:
            self._unanswered_since = self._flying_since
        self._send(self._number, self._waiting.pop())

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(max(self._remaining(), 0.001), self._give_up)
            self._timer.daemon = True
            self._timer.start()

    def _give_up(self) -> None:
        with self._lock:
            self._timer = None
            if self._closed or not self._waiting:
                return
            if self._is_flying():
                self._watch()
            else:
                self._launch()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
