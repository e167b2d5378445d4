"""From a settled file to projections: read, compared with what came before, and given an angle."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from em_inverse.dynamic.arrival import Arrival, fingerprint
from em_inverse.dynamic.arrival_angles import AngleFinder, Said
from em_inverse.dynamic.folder_state import FolderState, Tell, Watched
from em_inverse.dynamic.in_order import InOrder
from em_inverse.dynamic.ledger import Key, Ledger
from em_inverse.dynamic.listing import Listing
from em_inverse.dynamic.watch_settings import Settings
from em_inverse.io.projection import Frames, read_frames

__all__ = ["Intake"]

_PATIENCE_TIMES = 20


class Intake:
    """Reads the files that are ready, and decides on every image in them.

    Parameters
    ----------
    folder : Path
        The folder.
    settings : Settings
        How it is watched.
    ledger : Ledger
        What has been handed out; kept up to date.
    state : FolderState
        What is known of the files; their states are kept up to date.
    tell : callable
        Takes the notices.

    Attributes
    ----------
    yielded : int
        How many projections were handed out.
    """

    def __init__(
        self, folder: Path, settings: Settings, ledger: Ledger, state: FolderState, tell: Tell
    ) -> None:
        self.yielded = 0
        self._folder, self._settings, self._tell = folder, settings, tell
        self._ledger, self._state = ledger, state
        self._finder = AngleFinder(
            settings.function,
            settings.log,
            settings.pattern,
            settle_s=settings.settle_s,
            patience_s=_PATIENCE_TIMES * settings.settle_s,
            tell=tell,
        )
        self._in_order = (
            None
            if settings.in_order is None
            else InOrder(settings.in_order, ledger.slots, settings.give_up_s)
        )
        self._began = settings.clock()
        self._queue: deque[Watched] = deque()
        self._reading: tuple[Watched, Frames, Any] | None = None
        self._frames: deque[int] = deque()

    def look(self, listing: Listing, now: float) -> None:
        """Bring the lists of angles up to date, and queue the files that can be read now."""
        if self._in_order is None:
            names = dict.fromkeys([*self._state.files, *self._ledger.frames])
            self._finder.look(listing.sides, names, self._folder, now)
        current = None if self._reading is None else self._reading[0]
        others = [one for one in self._state.in_order() if one is not current]
        self._queue = deque(one for one in others if self._is_ready(one, now))

    def take(self, ended: Callable[[], bool]) -> Arrival | None:
        """Return the next projection of the files that are queued; None when there is none."""
        while not ended():
            if self._reading is None:
                if not self._queue:
                    return None
                self._open(self._queue.popleft())
                continue
            watched, frames, stamp = self._reading
            arrival = None
            if self._frames:
                # It leaves the queue after it was taken note of, so that Ctrl-C loses none.
                arrival = self._judge(watched, frames, self._frames[0])
                self._frames.popleft()
            if not self._frames:
                self._finish(watched, stamp)
            if arrival is not None:
                return arrival
        return None

    def forget(self) -> None:
        """Let go of what was read and not handed out."""
        self._reading = None
        self._frames.clear()

    def _is_ready(self, watched: Watched, now: float) -> bool:
        if watched.state == "unnamed":
            said = (self._said(watched, frame, now) for frame in watched.unnamed)
            return any(one.angle_deg is not None for one in said)
        if watched.state == "done":
            return self._is_corrected(watched)
        if not watched.steady.settled(now, self._settings.settle_s):
            return False
        return watched.state == "settling" or (
            watched.state == "unreadable" and now >= watched.next_try
        )

    def _is_corrected(self, watched: Watched) -> bool:
        """Whether an angle that was handed out is another one now, or is free for it again."""
        if self._in_order is not None:
            return False
        frames = self._ledger.frames.get(watched.name, {})
        count = len(watched.own_angles) or len(frames)
        for frame, one in frames.items():
            if frame >= count or frame in watched.left_out:
                continue
            if one.angle_deg is None:
                continue
            said = self._finder.listed(watched.name, frame, count)
            changed = said is not None and said.angle_deg != one.angle_deg
            if changed or self._ledger.at(one.angle_deg) is None:
                return True
        return False

    def _said(self, watched: Watched, frame: int, now: float) -> Said:
        if self._in_order is not None:
            return self._in_order.find(watched, frame, self._state.in_order(), now)
        return self._finder.find(watched, frame, now)

    def _open(self, watched: Watched) -> None:
        """Read a file, if it is still as it was seen."""
        settings, now = self._settings, self._settings.clock()
        stamp = watched.found[1:]
        try:
            if _stamp(watched.path) != stamp:
                return
            with watched.path.open("rb"):
                pass
            frames = read_frames(
                watched.path, tilt_axis=settings.tilt_axis, dataset=settings.dataset
            )
            if _stamp(watched.path) != stamp:
                return
        except FileNotFoundError:
            return
        except PermissionError as error:
            watched.fail(f"may not be read ({error.strerror})", now, 0.0, for_good=False)
            self._once(watched, "permission", f"{watched.reason}; tried again")
            return
        except Exception as error:
            by_system = _of_the_system(error)
            if watched.fail(str(error), now, settings.give_up_s, for_good=not by_system):
                self._once(watched, "corrupt", str(error))
            else:
                self._once(watched, "incomplete", str(error))
            return
        watched.own_angles, watched.angle_source = frames.angles_deg, frames.angle_source
        watched.unnamed, watched.left_out = {}, set()
        self._frames = deque(range(len(frames.images)))
        self._reading = watched, frames, watched.steady.stamp

    def _finish(self, watched: Watched, stamp: Any) -> None:
        self._reading = None
        if watched.steady.stamp != stamp:
            # It changed while its images were being handed out.
            return
        if watched.unnamed:
            frame, why = next(iter(watched.unnamed.items()))
            watched.state, watched.reason = "unnamed", f"no angle: {why}"
            if len(watched.own_angles) > 1:
                many = f"{len(watched.unnamed)} of {len(watched.own_angles)} images"
                watched.reason = f"no angle for {many}, from image {frame} on: {why}"
            self._once(watched, "no angle", watched.reason)
        else:
            watched.state, watched.reason = "done", ""
        whole = not watched.unnamed and not watched.left_out
        self._ledger.finish(watched.name, watched.found[1:] if whole else None)

    def _judge(self, watched: Watched, frames: Frames, frame: int) -> Arrival | None:
        """Decide on one image, and take note of it when it is to be yielded."""
        ledger, now = self._ledger, self._settings.clock()
        image = frames.images[frame]
        if len(frames.images) > 1:
            # A view would keep the whole stack in memory.
            image = image.copy()
        digest = fingerprint(image)
        key = watched.name, frame
        last = ledger.get(key)
        same = last is not None and last.digest == digest
        if watched.known:
            ledger.commit(key, digest, None)
            return None
        notes = list(frames.notes)
        if not same and not self._is_wanted(watched, key, digest, image.shape, notes):
            watched.left_out.add(frame)
            return None
        said = self._said(watched, frame, now)
        if said.angle_deg is None:
            if not same:
                watched.unnamed[frame] = said.text
            return None
        notes.append(f"angle from {said.text}")
        if last is not None and same:
            if last.angle_deg is None:
                return None
            if last.angle_deg != said.angle_deg:
                was = f"the angle is corrected: it was {last.angle_deg:g} degrees before"
            elif ledger.at(said.angle_deg) is None:
                was = "it counts again, because what replaced it had another angle"
            else:
                return None
            notes.append(was)
            self._tell("angle corrected", watched.path, f"{was}; now {said.angle_deg:g} degrees")
        elif last is not None:
            notes.append("the file was rewritten; this replaces its former content")
            self._tell("rewritten", watched.path, "has other content now; it is yielded again")
        other = ledger.at(said.angle_deg)
        if other is not None and other != key:
            notes.append(f"replaces the projection of {_shown(other)} at the same angle")
            self._tell("retaken", watched.path, f"{notes[-1]}, {said.angle_deg:g} degrees")
        withdrawn = ledger.commit(key, digest, said.angle_deg)
        if ledger.shape is None:
            ledger.shape = image.shape
        self.yielded += 1
        return Arrival(
            path=watched.path,
            angle_deg=said.angle_deg,
            projection=image,
            pixel_size_nm=frames.pixel_size_nm,
            notes=tuple(notes),
            frame=frame,
            name=watched.name,
            digest=digest,
            seen_s=watched.first_seen - self._began,
            withdraws_deg=withdrawn,
        )

    def _is_wanted(
        self, watched: Watched, key: Key, digest: str, shape: tuple[int, ...], notes: list[str]
    ) -> bool:
        other = self._ledger.owner(digest)
        if other is not None and other != key:
            same = f"holds the same pixels as {_shown(other)}"
            if self._settings.duplicates == "skip":
                message = f"{_image(key, watched)}{same}; it is left out"
                self._once(watched, "duplicate", message, about=f"{key[1]} {digest}")
                return False
            notes.append(same)
        wanted = self._settings.shape
        allowed = self._ledger.shape if wanted == "first" else wanted
        if allowed is not None and shape != allowed:
            message = (
                f"{_image(key, watched)}has shape {shape} [x, y], not {allowed}"
                f"{' as the first one' if wanted == 'first' else ''}; it is left out. Pass shape= "
                f"to choose another, or None for any"
            )
            self._once(watched, "wrong shape", message, about=str(shape))
            return False
        return True

    def _once(self, watched: Watched, kind: str, message: str, about: str = "") -> None:
        if f"{kind}{about}" not in watched.told and not watched.known:
            watched.told.add(f"{kind}{about}")
            self._tell(kind, watched.path, message)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _of_the_system(error: BaseException) -> bool:
    """Whether it is the disk or the network that failed, and not the file that is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return True
        cause = cause.__cause__
    return False


def _shown(key: Key) -> str:
    return key[0] if key[1] == 0 else f"{key[0]}, image {key[1]}"


def _image(key: Key, watched: Watched) -> str:
    return "" if len(watched.own_angles) == 1 else f"image {key[1]} "
