"""Angles that were planned beforehand and belong to the files in the order of their arrival."""

from __future__ import annotations

from collections.abc import Sequence

from em_inverse.dynamic.arrival_angles import Said
from em_inverse.dynamic.folder_state import Watched

__all__ = ["InOrder"]


class InOrder:
    """Gives the k-th angle to the k-th file that came.

    A file waits until those that came before it are settled. One that turns out to be corrupt
    keeps its place, for it was a projection; a copy, or an image of another shape, has none.

    Parameters
    ----------
    angles_deg : sequence of float
        One angle a projection.
    slots : dict
        Which place each image has: ``{name of the file: {index of the image: place}}``. It is
        kept up to date.
    give_up_s : float
        For how long a file that cannot be read holds up those behind it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from em_inverse.dynamic.folder_state import Steady
    >>> from em_inverse.dynamic.listing import Found
    >>> first, second = (
    ...     Watched(name, Found(Path(name), 9, 0), Steady(0, 0.0), 0.0, (0.0, 0, k))
    ...     for k, name in enumerate(["a.mrc", "b.mrc"])
    ... )
    >>> order = InOrder([10.0, 20.0], {}, 60.0)
    >>> order.find(second, 0, [first, second], now=1.0).text
    'a.mrc came before it and is not settled yet'
    >>> first.state = "given up"
    >>> order.find(second, 0, [first, second], now=1.0).angle_deg
    20.0
    """

    def __init__(
        self, angles_deg: Sequence[float], slots: dict[str, dict[int, int]], give_up_s: float
    ) -> None:
        self._angles, self._slots, self._give_up_s = list(angles_deg), slots, give_up_s

    def find(self, watched: Watched, frame: int, files: Sequence[Watched], now: float) -> Said:
        """Return the angle of image `frame` of a file; `files` are all, in their order."""
        own = self._slots.get(watched.name, {})
        if frame not in own:
            for other in files:
                if other is watched:
                    break
                if other.known or other.name in self._slots:
                    continue
                if other.state == "given up" or self._fails_for_long(other, now):
                    self._slots[other.name] = {0: self._next()}
                elif other.state in ("settling", "unreadable"):
                    return Said(None, f"{other.name} came before it and is not settled yet")
            if self._next() >= len(self._angles):
                return Said(None, f"the {len(self._angles)} angles given are used up")
            own = self._slots.setdefault(watched.name, {})
            own[frame] = self._next()
        return Said(self._angles[own[frame]], f"the angles given, place {own[frame] + 1}")

    def _next(self) -> int:
        return sum(len(frames) for frames in self._slots.values())

    def _fails_for_long(self, other: Watched, now: float) -> bool:
        return other.failing_since is not None and now - other.failing_since >= self._give_up_s
