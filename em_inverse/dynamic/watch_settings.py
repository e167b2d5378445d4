"""How a folder is watched: the arguments of :func:`~em_inverse.dynamic.watching.watch`, checked."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from em_inverse.dynamic.listing import IMAGE_ENDINGS
from em_inverse.errors import (
    ParameterError,
    check_angles,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.files import expanded
from em_inverse.io.axes import TILT_AXES
from em_inverse.io.files import MissingFileError

__all__ = ["Settings", "check_settings", "folder_and_pattern"]

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Settings:
    """The checked arguments; one of `function`, `log`, `in_order` and `pattern` at most is set."""

    function: Callable[[Path], Any] | None
    log: Path | None
    in_order: tuple[float, ...] | None
    pattern: re.Pattern[str] | None
    settle_s: float
    poll_s: float
    give_up_s: float
    timeout_s: float | None
    n: int | None
    stop: Callable[[], bool]
    existing: bool
    recursive: bool
    events: str
    shape: tuple[int, ...] | str | None
    duplicates: str
    tilt_axis: str
    dataset: str | None
    endings: frozenset[str]
    clock: Callable[[], float]


def folder_and_pattern(folder: str | PathLike[str], *, must_exist: bool) -> tuple[Path, str]:
    """Return a folder and the pattern of the names in it: ``"folder/tilt_*.tif"``, or "*".

    Raises
    ------
    MissingFileError
        When the folder must be there and is not.
    ParameterError
        When it is a file.
    """
    target, pattern = expanded(folder, "folder"), "*"
    if _WILD.search(target.name) and not target.exists():
        target, pattern = target.parent, target.name
    if target.exists() and not target.is_dir():
        raise ParameterError(
            f"folder is {str(target)!r}, which is a file. Pass the folder that it lies in."
        )
    if must_exist and not target.exists():
        raise MissingFileError(
            f"folder {str(target)!r} does not exist. Check the spelling and whether the share is "
            f"mounted, or pass must_exist=False to wait for it."
        )
    return target, pattern


def check_settings(
    *,
    angles: Any,
    pattern: str | re.Pattern[str] | None,
    settle_s: float,
    poll_s: float,
    give_up_s: float,
    timeout_s: float | None,
    n: int | None,
    stop: threading.Event | Callable[[], bool] | None,
    existing: bool,
    recursive: bool,
    events: str,
    shape: Any,
    duplicates: str,
    tilt_axis: str,
    dataset: str | None,
    endings: Iterable[str] | None,
    clock: Callable[[], float] | None,
) -> Settings:
    """Return the arguments of :func:`~em_inverse.dynamic.watching.watch` as settings.

    Raises
    ------
    ParameterError
        When one of them is outside what is allowed.
    GeometryError
        When the angles are no tilt angles.
    """
    if angles is not None and pattern is not None:
        raise ParameterError("angles and pattern are both given; pass the one that shall count.")
    is_log = isinstance(angles, str | PathLike)
    planned = not callable(angles) and not is_log and angles is not None
    return Settings(
        function=angles if callable(angles) else None,
        log=expanded(angles, "angles") if is_log else None,
        in_order=tuple(check_angles(angles).tolist()) if planned else None,
        pattern=_pattern(pattern),
        settle_s=check_number(settle_s, "settle_s", minimum=0),
        poll_s=check_number(poll_s, "poll_s", minimum=0, exclusive=True),
        give_up_s=check_number(give_up_s, "give_up_s", minimum=0),
        timeout_s=None if timeout_s is None else check_number(timeout_s, "timeout_s", minimum=0),
        n=None if n is None else check_integer(n, "n", minimum=0),
        stop=_stop(stop),
        existing=bool(existing),
        recursive=bool(recursive),
        events=check_choice(events, "events", ("auto", "polling", "watchdog")),
        shape=_shape(shape),
        duplicates=check_choice(duplicates, "duplicates", ("skip", "yield")),
        tilt_axis=check_choice(tilt_axis, "tilt_axis", TILT_AXES),
        dataset=dataset,
        endings=_endings(endings),
        clock=time.monotonic if clock is None else clock,
    )


def _pattern(pattern: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ParameterError(
            f"pattern is {pattern!r}, which is no regular expression ({error})."
        ) from None
    if "angle" not in compiled.groupindex:
        raise ParameterError(
            f"pattern is {compiled.pattern!r}, which has no group named angle. Write for instance "
            f"r'tilt_(?P<angle>[+-]?\\d+)'."
        )
    return compiled


def _stop(stop: threading.Event | Callable[[], bool] | None) -> Callable[[], bool]:
    if stop is None:
        return lambda: False
    if isinstance(stop, threading.Event):
        return stop.is_set
    if not callable(stop):
        raise ParameterError(
            f"stop is {stop!r}; a threading.Event, or a function that returns True when it is "
            f"time to stop, is needed."
        )
    return stop


def _shape(shape: Any) -> tuple[int, ...] | str | None:
    if shape is None or (isinstance(shape, str) and shape == "first"):
        return shape
    if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) != 2:
        raise ParameterError(
            f"shape is {shape!r}; 'first' (all as the first one), (nx, ny), or None (any) is "
            f"needed."
        )
    return tuple(check_integer(length, "shape", minimum=1) for length in shape)


def _endings(endings: Iterable[str] | None) -> frozenset[str]:
    if endings is None:
        return IMAGE_ENDINGS
    given = [endings] if isinstance(endings, str) else list(endings)
    if not all(isinstance(one, str) and one.startswith(".") for one in given) or not given:
        raise ParameterError(
            f"endings is {endings!r}; endings of file names with their point are needed, such as "
            f"('.mrc', '.tif')."
        )
    return frozenset(one.lower() for one in given)
