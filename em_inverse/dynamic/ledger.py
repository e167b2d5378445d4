"""What has been handed out: enough to tell copies, retakes and changes, and to go on later."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from em_inverse.dynamic.arrival import Arrival
from em_inverse.errors import ParameterError

__all__ = ["Delivered", "Ledger"]

Key = tuple[str, int]
_VERSION = 1


class Delivered(NamedTuple):
    """Fingerprint and angle of one projection; no angle for one that was only taken note of."""

    digest: str
    angle_deg: float | None


class Ledger:
    """The account of the projections handed out.

    A projection is known by its key, the name of its file and its index in it. Another thread may
    ask for :meth:`as_dict` at any time.

    Attributes
    ----------
    frames : dict
        ``{name: {index: Delivered}}``.
    stamps : dict
        Size and time of the files that are dealt with.
    slots : dict
        Places in the list of planned angles, see :class:`~em_inverse.dynamic.in_order.InOrder`.
    shape : tuple of int or None
        Of the first projection.
    """

    def __init__(self) -> None:
        self.frames: dict[str, dict[int, Delivered]] = {}
        self.stamps: dict[str, tuple[int, int]] = {}
        self.slots: dict[str, dict[int, int]] = {}
        self.shape: tuple[int, ...] | None = None
        self._owners: dict[str, Key] = {}
        self._at: dict[float, Key] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Delivered | None:
        """Return what was handed out last for a key."""
        return self.frames.get(key[0], {}).get(key[1])

    def owner(self, digest: str) -> Key | None:
        """Return the key under which pixels were handed out first."""
        return self._owners.get(digest)

    def at(self, angle_deg: float) -> Key | None:
        """Return the key of the projection that counts at an angle."""
        return self._at.get(angle_deg)

    def commit(self, key: Key, digest: str, angle_deg: float | None) -> float | None:
        """Take note of a projection; return the angle that it leaves without one, if any."""
        last = self.get(key)
        with self._lock:
            left = None
            if last is not None and last.angle_deg not in (None, angle_deg):
                assert last.angle_deg is not None
                if self._at.get(last.angle_deg) == key:
                    left = last.angle_deg
                    del self._at[left]
            self.frames.setdefault(key[0], {})[key[1]] = Delivered(digest, angle_deg)
            self._owners.setdefault(digest, key)
            if angle_deg is not None:
                self._at[angle_deg] = key
        return left

    def finish(self, name: str, stamp: tuple[int, int] | None) -> None:
        """Take note that all of a file was handed out while it has this size and time.

        None: not all of it was.
        """
        with self._lock:
            if stamp is None:
                self.stamps.pop(name, None)
            else:
                self.stamps[name] = stamp

    def as_dict(self) -> dict[str, Any]:
        """Return the account as JSON can hold it."""
        with self._lock:
            files = {
                name: {
                    "images": {
                        str(index): [one.digest, one.angle_deg] for index, one in frames.items()
                    },
                    "stamp": list(self.stamps[name]) if name in self.stamps else None,
                }
                for name, frames in self.frames.items()
            }
            slots = {
                name: {str(index): place for index, place in list(places.items())}
                for name, places in list(self.slots.items())
            }
            now = {one.digest for frames in self.frames.values() for one in frames.values()}
            superseded = {
                digest: list(key) for digest, key in self._owners.items() if digest not in now
            }
            shape = None if self.shape is None else list(self.shape)
            # In this order a later one at the same angle counts, as it did here.
            order = [list(key) for key in self._at.values()]
        return {
            "version": _VERSION,
            "shape": shape,
            "files": files,
            "slots": slots,
            "superseded": superseded,
            "counting": order,
        }

    @classmethod
    def from_already(cls, already: Any, folder: Path) -> Ledger:
        """Return the account that `already` gives: a dictionary, arrivals, or (name, digest) pairs.

        Raises
        ------
        ParameterError
            When it is something else.
        """
        try:
            if isinstance(already, Mapping):
                return cls._from_dict(already)
            return cls._from_pairs(already, folder)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise ParameterError(
                f"already is {str(already)[:60]!r}, which is no account of projections ({error}). "
                f"Pass what seen() of an earlier watcher returned, the arrivals themselves, or "
                f"pairs of a file's name and its digest."
            ) from None

    @classmethod
    def _from_dict(cls, account: Mapping[str, Any]) -> Ledger:
        if account["version"] != _VERSION:
            raise ValueError(f"version {account['version']!r} instead of {_VERSION}")
        ledger = cls()
        for name, file in account["files"].items():
            for index, (digest, angle) in file["images"].items():
                number = None if angle is None else float(angle)
                ledger.commit((str(name), int(index)), str(digest), number)
            if file["stamp"] is not None:
                size, time_ns = file["stamp"]
                ledger.stamps[str(name)] = int(size), int(time_ns)
        for digest, (name, index) in account["superseded"].items():
            ledger._owners[str(digest)] = str(name), int(index)
        ledger._at = {}
        for name, index in account["counting"]:
            counted = ledger.frames[str(name)][int(index)].angle_deg
            if counted is not None:
                ledger._at[counted] = (str(name), int(index))
        ledger.slots = {
            str(name): {int(index): int(place) for index, place in places.items()}
            for name, places in account["slots"].items()
        }
        if account["shape"] is not None:
            ledger.shape = tuple(int(length) for length in account["shape"])
        return ledger

    @classmethod
    def _from_pairs(cls, pairs: Iterable[Any], folder: Path) -> Ledger:
        ledger = cls()
        for one in pairs:
            if isinstance(one, Arrival):
                name = one.name or _name_in(one.path, folder)
                ledger.commit((name, one.frame), one.digest, one.angle_deg)
                ledger.shape = ledger.shape or one.projection.shape
            else:
                name, digest = one
                ledger.commit((_name_in(Path(name), folder), 0), str(digest), None)
        return ledger


def _name_in(path: Path, folder: Path) -> str:
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    return inside.name if inside.is_absolute() else inside.as_posix()
