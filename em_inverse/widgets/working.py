"""Long computing behind an explorer: it says how far it is, and it can be stopped.

``compute`` of an explorer is a plain function and knows no widget. It calls :func:`tick` now and
then; whoever started it decides with :func:`reporting` what that does. Called by anybody else, a
test or a script, a tick does nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from em_inverse.errors import check_number

__all__ = ["Stopped", "reporting", "tick"]


class Stopped(Exception):
    """The result is not wanted any more; raised by :func:`tick`, and to be let through."""


_thread = threading.local()


def tick(done: float, of: float) -> None:
    """Say that `done` parts `of` all are finished; ends the work here if nobody wants it.

    Parameters
    ----------
    done, of : float
        Parts finished and parts altogether; `of` above 0. About ten to a hundred ticks a second
        are right: fewer and Stop is felt late, more and they cost time.

    Raises
    ------
    Stopped
        When the reader stopped the work, or moved on.
    ParameterError
        When `of` is not above 0.

    Examples
    --------
    >>> from em_inverse.widgets import working
    >>> def compute(n):
    ...     for i in range(n):
    ...         working.tick(i, n)
    ...     return n
    >>> compute(3)
    3
    >>> with working.reporting(lambda share: print(f"{share:.0%}")):
    ...     compute(2)
    0%
    50%
    2
    """
    check_number(of, "of", minimum=0, exclusive=True)
    listener: Callable[[float], None] | None = getattr(_thread, "listener", None)
    if listener is not None:
        listener(min(max(done / of, 0.0), 1.0))


@contextmanager
def reporting(listener: Callable[[float], None]) -> Iterator[None]:
    """Send the ticks of this thread, as a share between 0 and 1, to a function for a while.

    Parameters
    ----------
    listener : callable
        Takes the share; raises :class:`Stopped` to end the work.
    """
    before = getattr(_thread, "listener", None)
    _thread.listener = listener
    try:
        yield
    finally:
        _thread.listener = before
