"""Long jobs behind an explorer: named runs in threads, and never two of the same name.

The table of runs lives in this module and not in a notebook, because a notebook that is run again
forgets its own variables but not its threads.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Any, Protocol

from em_inverse.errors import EmInverseError, ParameterError, check_number

__all__ = ["Closable", "Run", "get", "leave", "names", "place", "start", "stop", "stop_all"]


class Run:
    """A step function called again and again in a thread, until it says that it is finished.

    Made by :func:`start`, not by hand.

    Parameters
    ----------
    name : str
        One run per name.
    step : callable
        Takes no argument and does a little work: well under a second, so that pause and stop take
        effect soon. Long loops inside it must release the GIL. Returns True to be called again;
        anything else ends the run.
    on_end : callable, optional
        Called in the thread with the run when it ends, for whatever reason.

    Attributes
    ----------
    error : Exception or None
        What the step raised, kept because nobody sees what a thread prints.
    steps : int
        How many steps were finished.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Any],
        on_end: Callable[[Run], None] | None = None,
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        self.steps = 0
        self._step = step
        self._on_end = on_end
        self._go = threading.Event()
        self._go.set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"em_inverse:{name}", daemon=True)

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {self.status}, {self.steps} steps)"

    @property
    def alive(self) -> bool:
        """Whether the thread is still there."""
        return self._thread.is_alive()

    @property
    def status(self) -> str:
        """One of ``"running"``, ``"paused"``, ``"failed"``, ``"ended"``."""
        if self.alive:
            return "running" if self._go.is_set() else "paused"
        return "failed" if self.error is not None else "ended"

    def pause(self) -> None:
        """Do no further step until :meth:`resume`; the step under way is finished."""
        self._go.clear()

    def resume(self) -> None:
        """Go on from the same state."""
        self._go.set()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the run after the step under way, wait for its thread, and say whether it ended.

        Called from inside a step it only asks for the end: a thread cannot wait for itself.
        """
        self._ending.set()
        self._go.set()
        return self.join(timeout)

    def join(self, timeout: float = 5.0) -> bool:
        """Wait at most `timeout` seconds for the run to end; return whether it did."""
        limit = check_number(timeout, "timeout", minimum=0)
        if self._thread is not threading.current_thread():
            self._thread.join(limit)
        return not self.alive

    def raise_error(self) -> None:
        """Raise what the step raised, if it raised anything."""
        if self.error is not None:
            raise self.error

    def _loop(self) -> None:
        try:
            while not self._ending.is_set():
                self._go.wait()
                if self._ending.is_set():
                    break
                again = self._step()
                self.steps += 1
                if again is not True:
                    break
        except BaseException as error:
            self.error = error
        finally:
            with _lock:
                if _runs.get(self.name) is self:
                    del _runs[self.name]
            if self._on_end is not None:
                self._on_end(self)


class Closable(Protocol):
    """Anything that can be closed."""

    def close(self) -> None:
        """Give back what it holds."""


def start(
    name: str,
    step: Callable[[], Any],
    *,
    on_end: Callable[[Run], None] | None = None,
    timeout: float = 5.0,
) -> Run:
    """Start a run; an older run of the same name is stopped first and its thread waited for.

    Parameters
    ----------
    name, step, on_end
        See :class:`Run`.
    timeout : float
        Seconds that the older run may take to finish the step under way.

    Returns
    -------
    Run

    Raises
    ------
    ParameterError
        When `name` is empty or `step` cannot be called.
    EmInverseError
        When the older run does not end in time; then nothing new is started.

    Examples
    --------
    >>> left = [3]
    >>> def step():
    ...     left[0] -= 1
    ...     return left[0] > 0
    >>> run = start("countdown", step)
    >>> run.join(), run.steps, run.status
    (True, 3, 'ended')
    """
    if not isinstance(name, str) or not name:
        raise ParameterError(f"name is {name!r}; a non-empty text is needed.")
    if not callable(step):
        raise ParameterError(f"step is {step!r}; a function without arguments is needed.")
    # Held throughout, so that two cells that start one name at once cannot both win.
    with _starting:
        older = get(name)
        if older is not None and not older.stop(timeout):
            raise EmInverseError(
                f"run {name!r} did not finish its current step within {timeout:g} s, so no second "
                f"one was started. Wait for it, or restart the kernel."
            )
        run = Run(name, step, on_end)
        with _lock:
            _runs[name] = run
        run._thread.start()
        return run


def get(name: str) -> Run | None:
    """Return the run of that name if it has not ended."""
    with _lock:
        return _runs.get(name)


def names() -> list[str]:
    """Return the names of all runs that have not ended."""
    with _lock:
        return sorted(_runs)


def stop(name: str, timeout: float = 5.0) -> bool:
    """Stop the run of that name, if there is one; return whether none is left."""
    run = get(name)
    return run is None or run.stop(timeout)


def stop_all(timeout: float = 5.0) -> None:
    """Stop every run, as happens by itself when the kernel ends."""
    with _lock:
        ending = list(_runs.values())
    for run in ending:
        run._ending.set()
        run._go.set()
    for run in ending:
        run.join(timeout)


def place(name: str, newcomer: Closable) -> None:
    """Give `name` to the newcomer and close who held it before.

    This is how an explorer that is made again by re-running its cell takes the old one away.
    """
    with _lock:
        older = _places.get(name)
        _places[name] = newcomer
    if older is not None and older is not newcomer:
        older.close()


def leave(name: str, holder: Closable) -> None:
    """Forget `holder`, if it still holds `name`."""
    with _lock:
        if _places.get(name) is holder:
            del _places[name]


_lock = threading.RLock()
_starting = threading.RLock()
_runs: dict[str, Run] = {}
_places: dict[str, Closable] = {}
atexit.register(stop_all, 2.0)
