"""What the cockpit of week 8 can be pointed at, and a hand on its shutter: pace, pause, retake."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import simulate
from em_inverse.dynamic.watching import watch
from em_inverse.errors import ParameterError, check_number
from em_inverse.simulate import Source

__all__ = ["FAULTS", "Paced", "Recording", "recording"]

FAULTS = {9: "shifted", 14: "blurred", 20: "blank", 41: "blurred", 57: "blank"}
"""What goes wrong at which projection of the simulated microscope, when faults are wanted."""
_RANGE_DEG = (-75.0, 75.0)
_STEP_DEG = 2.0
_FIELD_NM = 128.0
_FILM, _DARK, _HOT = 0.05, 0.05, 1e-3
_SEED = 8


@dataclass(frozen=True, eq=False)
class Recording:
    """A source, and what the cockpit knows of it beforehand.

    Attributes
    ----------
    source : iterable
        Of shots, arrivals, or pairs of angle and image.
    again : Source or None
        Makes a projection anew, without what went wrong the first time.
    words : str
        What is recorded.
    n_expected : int or None
    range_deg : (float, float) or None
        Lowest and highest tilt planned.
    chiral : bool
        Whether its twist is worth a number.
    live : bool
        Whether the projections come when they come, so that nobody sets their pace.
    """

    source: Any
    again: Source | None
    words: str
    n_expected: int | None
    range_deg: tuple[float, float] | None
    chiral: bool = False
    live: bool = False


def recording(
    parameters: Mapping[str, Any], size: int, given: Any = None, already: Any = None
) -> Recording:
    """Return the source that the controls of the cockpit describe.

    Parameters
    ----------
    parameters : mapping
        ``source``, ``order``, ``dose``, ``drift``, ``faults`` and ``folder``.
    size : int
        Edge of simulated projections in pixels.
    given : iterable, optional
        What ``source="given"`` stands for.
    already : optional
        Of a folder: what has been dealt with before, as for :func:`em_inverse.dynamic.watch`.

    Raises
    ------
    ParameterError
        When the source is to be a folder, or what was given, and there is none.

    Examples
    --------
    >>> settings = {"source": "needle", "order": "golden"}
    >>> needle = recording(settings, 64)
    >>> needle.n_expected, needle.range_deg, needle.again is None
    (77, (-76.0, 76.0), True)
    """
    kind, order = parameters["source"], parameters["order"]
    if kind == "needle":
        replay = simulate.Replay("nist-needle-small", order, offline="synthetic")
        return Recording(replay, None, "the NIST needle, replayed", *_plan(replay))
    if kind == "folder":
        return _folder(parameters["folder"], already)
    if kind == "given":
        if given is None:
            raise ParameterError(
                "source is 'given', but the cockpit was given none. Pass one: "
                "widgets.Cockpit(simulate.Microscope(…)), or choose another object."
            )
        if isinstance(given, Source):
            return Recording(given, None, "the source given", *_plan(given))
        return Recording(given, None, "the source given", None, None, live=True)
    faulty = _microscope(kind, order, parameters, size, FAULTS if parameters["faults"] else {})
    flawless = _microscope(kind, order, parameters, size, {})
    words = "a porous nanocube" if kind == "cube" else "a twisted bow tie"
    return Recording(faulty, flawless, f"{words}, simulated", *_plan(faulty), chiral=kind != "cube")


def _plan(source: Source) -> tuple[int, tuple[float, float]]:
    angles = source.angles_deg
    return len(source), (float(angles.min()), float(angles.max()))


def _folder(folder: str, already: Any) -> Recording:
    if not folder:
        raise ParameterError(
            "source is 'folder', but no folder is named. Write its path under “more”, or pass it: "
            "widgets.Cockpit('path/to/folder')."
        )
    watcher = watch(folder, already=already, settle_s=0.5, poll_s=0.25)
    return Recording(watcher, None, "a watched folder", None, None, live=True)


def _microscope(
    kind: str, order: str, parameters: Mapping[str, Any], size: int, faults: dict[int, str]
) -> simulate.Microscope:
    return simulate.Microscope(
        _specimen(kind, 2 * size),
        simulate.tilt_order(order, *_RANGE_DEG, _STEP_DEG),
        pixel_size_nm=_FIELD_NM / size,
        dose=parameters["dose"],
        drift_px=parameters["drift"] * size / 64,
        background=_FILM,
        offset=_DARK,
        hot_pixels=_HOT,
        faults=faults,
        seed=_SEED,
    )


@lru_cache(maxsize=3)
def _specimen(kind: str, n: int) -> np.ndarray:
    if kind == "cube":
        return simulate.decorated_nanocube(n, pixel_size_nm=_FIELD_NM / n, supersample=1)
    hand = "left" if kind == "bowtie_b" else "right"
    return simulate.twisted_bowtie(n, handedness=hand, supersample=1)


class Paced:
    """Hands on what a source records, at a pace that may change, with a shutter that may close.

    Parameters
    ----------
    source : iterable
    again : Source, optional
        Makes retakes.
    first : int
        Of a :class:`~em_inverse.simulate.Source`: begin with this one.

    Attributes
    ----------
    pace_s : float
        Least time between two projections.

    Examples
    --------
    >>> paced = Paced([(0.0, np.zeros((4, 4))), (2.0, np.ones((4, 4)))])
    >>> [angle for angle, image in paced]
    [0.0, 2.0]
    """

    def __init__(self, source: Iterable[Any], again: Source | None = None, first: int = 0) -> None:
        self.source, self.again = source, again
        self.simulated = bool(getattr(source, "simulated", False))
        self.pixel_size_nm = getattr(source, "pixel_size_nm", None)
        self.folder = getattr(source, "folder", "")
        self.pace_s = 0.0
        self._retakes: deque[float] = deque()
        if isinstance(source, Source):
            self._items: Iterator[Any] = (source.shot(k) for k in range(first, len(source)))
        else:
            self._items = iter(source)
        self._turn = threading.Condition()
        self._paused = self._shut = False
        self._last = -1e9

    def __iter__(self) -> Paced:
        return self

    def __next__(self) -> Any:
        """Wait for the pace and for the shutter, and return what comes next."""
        retake = self._hold()
        if retake is not None:
            return retake
        # A watched folder takes its own time, in which it may be paused.
        item = next(self._items)
        with self._turn:
            while self._paused and not self._shut:
                self._turn.wait()
        return item

    def seen(self) -> dict[str, Any]:
        """What a watched folder has handed out, for going on later."""
        seen = getattr(self.source, "seen", None)
        return dict(seen()) if callable(seen) else {}

    def pause(self) -> None:
        """Hand out nothing until :meth:`resume`."""
        with self._turn:
            self._paused = True

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with self._turn:
            self._paused = False
            self._turn.notify_all()

    def set_pace(self, seconds: float) -> None:
        """Change the pace, of the projection under way as well."""
        with self._turn:
            self.pace_s = check_number(seconds, "seconds", minimum=0)
            self._turn.notify_all()

    def retake(self, angle_deg: float) -> None:
        """Have the projection of an angle made anew, before any other.

        Raises
        ------
        ParameterError
            When the source cannot make one.
        """
        if self.again is None:
            raise ParameterError(
                "this source was recorded once and for all, so nothing can be retaken here. Leave "
                "the projection out; at a microscope, record it again under the same angle."
            )
        with self._turn:
            self._retakes.append(float(angle_deg))
            self._turn.notify_all()

    def close(self) -> None:
        """End: what was not handed out yet never is, apart from retakes."""
        with self._turn:
            self._shut = True
            self._turn.notify_all()
        end = getattr(self.source, "close", None)
        if callable(end):
            end()

    def _hold(self) -> Any:
        """Wait; return a retake if one is due, None when the source's next one is."""
        with self._turn:
            while True:
                if self._paused and not self._shut:
                    self._turn.wait()
                    continue
                left = self._last + self.pace_s - time.monotonic()
                if left > 0 and not self._shut and not self._retakes:
                    self._turn.wait(left)
                    continue
                self._last = time.monotonic()
                if self._retakes and self.again is not None:
                    apart = np.abs(self.again.angles_deg - self._retakes.popleft())
                    return self.again.shot(int(apart.argmin()))
                if self._shut:
                    raise StopIteration
                return None
