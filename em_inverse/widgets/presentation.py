"""Large type for the projector, for explorers that are open and those still to come."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import Protocol

__all__ = ["follow", "forget", "present", "text_scale"]

ENVIRONMENT = "EM_INVERSE_PRESENT"


class Scalable(Protocol):
    """Anything whose text can grow."""

    def set_text_scale(self, scale: float) -> None:
        """Set the text size; 1 at a desk, 2 for projection."""


class present:
    """Switch large type on (or off); in a ``with`` block, only for the block.

    Parameters
    ----------
    on : bool
        Large type or not.

    Examples
    --------
    >>> with present():
    ...     text_scale()
    2.0
    >>> text_scale()
    1.0
    """

    def __init__(self, on: bool = True) -> None:
        self._before = text_scale()
        _set(2.0 if on else 1.0)

    def __enter__(self) -> present:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _set(self._before)


def text_scale() -> float:
    """Return the text size now: 2 when presenting, else 1.

    The environment variable ``EM_INVERSE_PRESENT=1`` makes a kernel start with large type.
    """
    if _scale:
        return _scale[0]
    return 2.0 if os.environ.get(ENVIRONMENT, "") not in ("", "0") else 1.0


def follow(explorer: Scalable) -> None:
    """Let an explorer change its type with every call of :class:`present`."""
    _followers.add(explorer)


def forget(explorer: Scalable) -> None:
    """Change this explorer's type no more."""
    _followers.discard(explorer)


def _set(scale: float) -> None:
    _scale[:] = [scale]
    for explorer in list(_followers):
        explorer.set_text_scale(scale)


_scale: list[float] = []
_followers: weakref.WeakSet[Scalable] = weakref.WeakSet()
