"""Run a student's function: printing captured, time limited, inputs guarded, errors kept.

This protects a notebook from honest mistakes: an endless loop, ``sys.exit()``, a stray ``print``.
It is no protection against hostile code: whoever grades submissions of strangers uses a container.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import inspect
import io
import linecache
import re
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Clock", "Outcome", "describe_error", "raised_in", "run"]

_OURS = str(Path(__file__).resolve().parents[1])
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")} | {_OURS})
_INSTALLED = {"site-packages", "dist-packages"}
_LONGEST_MESSAGE = 300
# numpy says this in the language of generalised universal functions, which no student speaks.
_MATMUL = re.compile(r"matmul: .* gufunc signature .*\(size (\d+) is different from (\d+)\)")


@dataclass(frozen=True)
class Outcome:
    """What happened when a function was called.

    Parameters
    ----------
    value : object
        What it returned; None when it did not return.
    error : BaseException or None
        What it raised.
    printed : str
        What it printed.
    changed : tuple of str
        Names of the arguments that it modified in place.
    timed_out : bool
        It was still running when the time was up.
    interrupted : bool
        The person at the keyboard stopped it.
    """

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    changed: tuple[str, ...] = ()
    timed_out: bool = False
    interrupted: bool = False


class Clock:
    """A time budget that several calls share.

    Parameters
    ----------
    limit : float
        Seconds of wall-clock time.

    Examples
    --------
    >>> Clock(60.0).left > 59
    True
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._end = time.monotonic() + limit

    @property
    def left(self) -> float:
        """Seconds that remain, at least a hundredth."""
        return max(self._end - time.monotonic(), 0.01)


def run(func: Callable[..., Any], arguments: Mapping[str, Any], limit: float = 10.0) -> Outcome:
    """Call `func` with copies of `arguments`, by position, for at most `limit` seconds.

    The call runs in a thread of its own, because a thread can be given up when its time is over on
    every operating system. Where threads do not exist (Python in a browser) it runs without a
    limit. Whatever it raises is kept in the outcome, ``SystemExit`` included.

    Parameters
    ----------
    func : callable
        The function.
    arguments : mapping
        Name and value of each argument, in the order of the signature.
    limit : float
        Seconds of wall-clock time.

    Returns
    -------
    Outcome

    Examples
    --------
    >>> run(lambda x: x + 1, {"x": 2}).value
    3
    """
    given = copy.deepcopy(dict(arguments))
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            result["value"] = func(*given.values())
        except BaseException as error:
            result["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    screen = io.StringIO()
    interrupted = False
    figures = _open_figures()
    with (
        contextlib.redirect_stdout(screen),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            _start(thread, work)
            thread.join(limit)
        except KeyboardInterrupt:
            interrupted = True
        timed_out = thread.is_alive() and not interrupted
        _give_up(thread)
    _close_figures(_open_figures() - figures)
    if timed_out or interrupted:
        return Outcome(printed=screen.getvalue(), timed_out=timed_out, interrupted=interrupted)
    changed = tuple(name for name in given if not _untouched(arguments[name], given[name]))
    return Outcome(result.get("value"), result.get("error"), screen.getvalue(), changed)


def raised_in(func: Any, error: BaseException) -> bool:
    """Whether a line of `func` itself raised `error`, not a function that it calls.

    Examples
    --------
    >>> def stub(x):
    ...     raise NotImplementedError
    >>> raised_in(stub, run(stub, {"x": 1}).error)
    True
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = getattr(inspect.unwrap(func), "__code__", None)
    return trace is not None and trace.tb_frame.f_code is code


def describe_error(error: BaseException) -> str:
    """Return the student's own lines and the error's message: no library lines, no file names.

    Examples
    --------
    >>> def half(x):
    ...     return x / 0
    >>> print(describe_error(run(half, {"x": 1.0}).error))
        in half, line 2:  return x / 0
        ZeroDivisionError: float division by zero
    """
    lines: dict[tuple[str, int], str] = {}
    for frame in traceback.extract_tb(error.__traceback__):
        if _is_students(frame.filename):
            source = linecache.getline(frame.filename, frame.lineno or 0).strip()
            line = f"    in {frame.name}, line {frame.lineno}:  {source}".rstrip(": ")
            # The parts of a comprehension, or a recursion, stand on a line that is already there.
            lines.setdefault((frame.filename, frame.lineno or 0), line)
    said = f"    {type(error).__name__}: {_message(error)}".rstrip(": ")
    return "\n".join([*list(lines.values())[-3:], said])


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        return "(its message cannot be printed)"
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", text)
    text = _MATMUL.sub(r"@ needs inner sizes that agree, but they are \2 and \1", text)
    text = text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " ..."
    return text.replace("\n", "\n    ")


def _is_students(filename: str) -> bool:
    if filename.startswith(("<frozen", "<__array_function__")):
        return False
    return not filename.startswith(_LIBRARY) and _INSTALLED.isdisjoint(Path(filename).parts)


def _start(thread: threading.Thread, work: Callable[[], None]) -> None:
    try:
        thread.start()
    except RuntimeError:
        # No threads here (WebAssembly): better a check without a limit than no check.
        work()
        thread.join = lambda timeout=None: None  # type: ignore[method-assign]


def _give_up(thread: threading.Thread) -> None:
    """Ask a busy thread to end. A bare ``except:`` may swallow the request, so ask repeatedly.

    A thread that waits for something uses no time and is left alone: it could not hear the
    request, and an unheard one stalls Python 3.11 while a debugger or coverage tool looks on.
    """
    for _ in range(20):
        if not thread.is_alive():
            return
        spent = time.process_time()
        thread.join(0.05)
        if thread.is_alive() and time.process_time() - spent > 0.001:
            # SystemExit ends a thread without a word on the screen.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
            )


def _untouched(before: Any, after: Any) -> bool:
    if not isinstance(before, np.ndarray):
        return True
    return before.shape == after.shape and np.array_equal(before, after, equal_nan=True)


def _open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()


def _close_figures(numbers: set[int]) -> None:
    for number in sorted(numbers):
        sys.modules["matplotlib.pyplot"].close(number)
