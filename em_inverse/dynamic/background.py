"""A worker in the background: it steps, it waits, it takes orders between two steps."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Background"]


class Background:
    """Calls a step function in a thread; whatever else is to be done goes between two steps.

    The step function releases the GIL in its kernels, so that other threads go on meanwhile.

    Parameters
    ----------
    step : callable
        Makes one step; returns False when there is nothing to do until something changes.
    name : str
        Of the thread.
    """

    def __init__(self, step: Callable[[], bool], name: str) -> None:
        self._step, self._name = step, name
        self._turn = threading.Condition(threading.RLock())
        self._orders: deque[tuple[Callable[[], Any], bool]] = deque()
        self._thread: threading.Thread | None = None
        self._paused = self._ending = False
        self._stepping = threading.RLock()
        self.error: BaseException | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread is there, at work or paused."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether it has been told to wait."""
        return self._paused

    def start(self) -> None:
        """Begin, or go on after a pause; nothing when it is at work already."""
        with self._turn:
            self._paused = False
            if not self.alive:
                self._ending, self.error = False, None
                self._thread = threading.Thread(
                    target=self._loop, name=f"em_inverse:{self._name}", daemon=True
                )
                self._thread.start()
            self._turn.notify_all()

    def pause(self) -> None:
        """Make no further step; the one under way is finished."""
        with self._turn:
            self._paused = True
            self._turn.notify_all()

    def stop(self, timeout: float | None = 30.0) -> bool:
        """End the thread after the step under way; say whether it has ended."""
        with self._turn:
            self._ending = True
            self._turn.notify_all()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        self._carry_out()
        return not thread.is_alive()

    def between_steps(self, order: Callable[[], Any], *, changes: bool = True) -> None:
        """Have something done between two steps: at once where nobody is stepping.

        What changes something also ends a rest.
        """
        with self._turn:
            self._orders.append((order, changes))
            if self.alive:
                self._turn.notify_all()
                return
        self._carry_out()

    def ask(
        self, question: Callable[[], Any], timeout: float = 60.0, *, changes: bool = False
    ) -> Any:
        """Return what `question` says between two steps; what it raises is raised here.

        Raises
        ------
        TimeoutError
            When no step ended within `timeout` seconds.
        """
        if not self.alive or threading.current_thread() is self._thread:
            with self._stepping:
                return question()
        answers: list[Any] = []
        errors: list[BaseException] = []
        ready = threading.Event()

        def order() -> None:
            try:
                answers.append(question())
            except BaseException as error:
                errors.append(error)
            ready.set()

        self.between_steps(order, changes=changes)
        if not ready.wait(timeout):
            raise TimeoutError(f"no iteration ended within {timeout:g} s.")
        if errors:
            raise errors[0]
        return answers[0]

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Wait, while the thread is alive, until something is so after a step."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._turn:
            while not condition():
                left = None if end is None else end - time.monotonic()
                if (left is not None and left <= 0) or not self.alive:
                    return condition()
                self._turn.wait(0.5 if left is None else min(left, 0.5))
        return True

    def alone(self) -> threading.RLock:
        """Return the lock that is held around every step."""
        return self._stepping

    def _loop(self) -> None:
        try:
            resting = False
            while True:
                with self._turn:
                    while not (self._ending or self._orders) and (self._paused or resting):
                        self._turn.wait()
                    if self._ending:
                        return
                resting = not self._carry_out() and resting
                if self._paused or resting:
                    continue
                with self._stepping:
                    resting = not self._step()
                with self._turn:
                    self._turn.notify_all()
        except BaseException as error:
            self.error = error
        finally:
            with self._turn:
                self._turn.notify_all()

    def _carry_out(self) -> bool:
        """Do what is to be done; say whether anything may have changed."""
        changed = False
        with self._stepping:
            while True:
                with self._turn:
                    if not self._orders:
                        return changed
                    order, changes = self._orders.popleft()
                changed |= changes
                order()
