"""What runs behind the cockpit of week 8: a live tomography, and what is seen of it at a moment."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import simulate
from em_inverse.dynamic.advice import Advice
from em_inverse.dynamic.cleaning import clean
from em_inverse.dynamic.events import digest_of
from em_inverse.dynamic.flags import Flag
from em_inverse.dynamic.live import LiveTomography, Received, binned
from em_inverse.dynamic.preparation import Preparation, Prepared
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.dynamic.session import Session
from em_inverse.dynamic.watching import watch
from em_inverse.errors import DataError, EmInverseError
from em_inverse.tomography.registration import placed
from em_inverse.widgets.cockpit_source import Paced, Recording

__all__ = ["Alarm", "Moment", "Observation"]

IMPROVE_EVERY = 8
FINISH = 300
# A residual says something only after so many iterations with the projection.
_SETTLED = 10
_BETWEEN_LOOKS_S = 1.0
# A tilt that contradicted the others does so until its residual is below so many usual ones.
_STILL_ODD = 1.5
_POINTS = 280


@dataclass(frozen=True)
class Alarm:
    """Something about one tilt that somebody ought to look at.

    Attributes
    ----------
    angle_deg : float
    kind, severity, message : str
        As of a :class:`~em_inverse.dynamic.Flag`.
    fate : str
        What became of the projection: empty while it is used, else ``"left out"``, ``"not used"``
        or ``"retaken"``.
    """

    angle_deg: float
    kind: str
    severity: str
    message: str
    fate: str = ""

    @property
    def open(self) -> bool:
        """Whether something is still to be done about it."""
        return self.fate in ("", "not used")


@dataclass(frozen=True, eq=False)
class Moment:
    """One moment of an observation: all that is drawn of it.

    Attributes
    ----------
    observation : Observation
        Goes on from here.
    status : {"waiting", "paused", "running", "finishing", "finished", "failed"}
    words : str
        What is recorded.
    n_tilts, n_expected : int, int or None
        Projections that are used, and how many there will be.
    n_received : int
    iteration : int
    ratio : float
        ‖Ax − b‖ ÷ ε; NaN before the first iteration.
    epsilon : float
        ε in units of the noise norm.
    twist_deg : float or None
        What :func:`~em_inverse.simulate.chirality` reads from the volume.
    newest : Received or None
    raw, prepared : ndarray of shape (nx, ny), or None
        The newest projection.
    x : ndarray of shape (nz, nx, ny)
    y : int
        Slice that is shown.
    tilts_deg : ndarray
        Of the rows of the next two, rising.
    before, after : ndarray of shape (n, nx)
        The sinogram of slice y before and after the alignment.
    residuals : dict of float to float
        ‖A_θ x − b_θ‖ of each angle, in units of its noise.
    alarms : tuple of Alarm
        Newest first.
    curves : dict of ndarray
        ``iteration``, ``ratio`` and ``share`` (of the projections expected).
    advice : Advice or None
    pace_s, eta_s : float
        NaN where they are not known.
    pixel_size_nm : float or None
    """

    observation: Observation
    status: str
    words: str
    n_tilts: int
    n_expected: int | None
    n_received: int
    iteration: int
    ratio: float
    epsilon: float
    twist_deg: float | None
    newest: Received | None
    raw: np.ndarray | None
    prepared: np.ndarray | None
    x: np.ndarray
    y: int
    tilts_deg: np.ndarray
    before: np.ndarray
    after: np.ndarray
    residuals: dict[float, float]
    alarms: tuple[Alarm, ...]
    curves: dict[str, np.ndarray]
    advice: Advice | None
    pace_s: float
    eta_s: float
    pixel_size_nm: float | None

    @property
    def open_alarms(self) -> tuple[Alarm, ...]:
        """The alarms about which something is still to be done."""
        return tuple(alarm for alarm in self.alarms if alarm.open)


class Shifted(Preparation):
    """A preparation that remembers by how much each projection it gave out was moved.

    Attributes
    ----------
    moved : dict of str to (float, float, float)
        Angle and shift across and along the axis, by the fingerprint of the image.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.moved: dict[str, tuple[float, float, float]] = {}

    def prepare(
        self, angle_deg: float, image: ArrayLike, reprojection: ArrayLike | None = None
    ) -> Prepared:
        """Prepare, and remember."""
        return self._note(super().prepare(angle_deg, image, reprojection))

    def improve(self, reprojection: Any, **settings: Any) -> list[Prepared]:
        """Improve, and remember."""
        return [self._note(one) for one in super().improve(reprojection, **settings)]

    def again(self, angle_deg: float, raw: np.ndarray, shift_px: tuple[float, float]) -> np.ndarray:
        """Clean a projection as it came, and move it by a shift that is known."""
        series = clean(angle_deg, raw, background=self.background, hot_pixels=self.hot_pixels)
        image = series.projections[0]
        if any(shift_px):
            image = placed(image[None], np.array([shift_px]), 0.0, order=self.order)[0]
        return np.asarray(image, dtype=np.float32)

    def _note(self, one: Prepared) -> Prepared:
        self.moved[digest_of(one.image)] = (one.angle_deg, *one.shift_px)
        return one


class Observation:
    """A live tomography that can be paused, steered and looked at.

    Parameters
    ----------
    recording : Recording
        Where the projections come from.
    parameters : mapping
        ``method``, ``epsilon`` and ``auto`` (ε is found by the program).
    bin : int
        Average so many pixels of a projection across and along.
    first : int
        The source begins with this projection.
    """

    def __init__(
        self, recording: Recording, parameters: Mapping[str, Any], *, bin: int = 1, first: int = 0
    ) -> None:
        self.recording = recording
        self.bin = bin
        self.paced = Paced(recording.source, recording.again, first)
        self.preparation = Shifted()
        self.live = LiveTomography(
            self.paced,
            self.preparation,
            method=parameters["method"],
            epsilon=None if parameters["auto"] else parameters["epsilon"],
            bin=bin,
            n_expected=recording.n_expected,
            range_deg=recording.range_deg,
            improve_every=IMPROVE_EVERY,
            finish=FINISH,
        )
        self.left_out: set[float] = set()
        self.retaken: set[float] = set()
        self._paused = self._shut = False
        self._looked = -math.inf
        self._residuals: dict[float, float] = {}
        self._doubts: dict[float, Flag] = {}
        self._why_left_out: dict[float, Flag] = {}
        self._twist: float | None = None

    # ---- going ----

    @property
    def status(self) -> str:
        """One of "waiting", "paused", "running", "finishing", "finished", "failed"."""
        live, run = self.live, self.live.run
        if live.error is not None or (run is not None and run.error is not None):
            return "failed"
        if live.wait(0.0):
            if live.status().phase in ("finished", "stopped"):
                return "finished"
            return "paused" if live.received else "waiting"
        if self._paused:
            return "paused"
        return "finishing" if live.status().phase == "finishing" else "running"

    @property
    def error(self) -> BaseException | None:
        """What ended it, if it was an error."""
        run = self.live.run
        return self.live.error or (None if run is None else run.error)

    def start(self) -> None:
        """Go on in the background, from wherever it stands."""
        self._paused = False
        self.paced.resume()
        if self.live.run is not None and not self.live.wait(0.0):
            self.live.run.resume()
        self.live.start()

    def pause(self) -> None:
        """Take nothing in and do not iterate, until :meth:`start`."""
        self._paused = True
        self.paced.pause()
        if self.live.run is not None:
            self.live.run.pause()

    def iterate(self, n_iter: int) -> None:
        """Make iterations here and now, while nothing runs in the background."""
        run = self.live.run
        if run is not None and run.n_tilts:
            for _ in range(n_iter):
                run.step()

    def shut(self) -> None:
        """Record no more; iterate to the end with what is there."""
        self._shut = True
        self.paced.close()
        self.start()

    def close(self, timeout: float = 10.0) -> None:
        """End all threads."""
        self.paced.close()
        self.paced.resume()
        self.live.stop(timeout)

    # ---- steering ----

    def set_epsilon(self, epsilon: float, auto: bool) -> None:
        """Let the program find ε, or set it in units of the noise norm."""
        self.live.finds_epsilon = auto
        if not auto and self.live.run is not None:
            self.live.run.epsilon = epsilon

    def leave_out(self, angle_deg: float) -> None:
        """Take a projection out of the reconstruction.

        Raises
        ------
        GeometryError
            When none of this angle is in it.
        """
        run = self.live.run
        if run is None:
            raise DataError("no projection has come yet, so none can be left out.")
        unused = [one for one in self.live.received if not one.used]
        if all(one.angle_deg != angle_deg for one in unused):
            run.remove(angle_deg)
        self.left_out.add(angle_deg)
        if angle_deg in self._doubts:
            self._why_left_out[angle_deg] = self._doubts[angle_deg]
        self._changed()

    def retake(self, angle_deg: float) -> None:
        """Have a projection made anew; it replaces the one that is there.

        Raises
        ------
        ParameterError
            When the source cannot.
        """
        self.paced.retake(angle_deg)
        self.retaken.add(angle_deg)
        self.left_out.discard(angle_deg)
        if self.status == "finished":
            self.start()

    def _changed(self) -> None:
        self._looked = -math.inf
        if self.status == "finished":
            self.start()

    # ---- looking ----

    def look(self, y_percent: float, *, hurried: bool = False) -> Moment:
        """Return what is to be drawn, between two iterations.

        Parameters
        ----------
        y_percent : float
            Place of the slice along the tilt axis.
        hurried : bool
            Take residuals and twist from the last look, if that is not long ago.
        """
        live, run = self.live, self.live.run
        status, where = self.status, live.status()
        received = list(live.received)
        newest = received[-1] if received else None
        raw = None if newest is None else self.preparation.raw.get(newest.angle_deg)
        x = np.zeros((8, 8, 8), np.float32)
        series, snapshot = None, None
        if run is not None and run.n_tilts:
            snapshot, series = run.between_iterations(lambda: (run.snapshot(), run.series))
            x = snapshot.x
            if not (hurried and time.monotonic() - self._looked < _BETWEEN_LOOKS_S):
                self._look_closely(run, x)
        y = min(int(y_percent / 100 * x.shape[-1]), x.shape[-1] - 1)
        angles = np.empty(0) if series is None else series.angles_deg
        order = np.argsort(angles)
        cleaned = self.preparation.cleaned
        return Moment(
            observation=self,
            status=status,
            words=self.recording.words,
            n_tilts=where.n_tilts,
            n_expected=where.n_expected,
            n_received=len(received),
            iteration=where.iteration,
            ratio=where.data_distance / where.radius if where.iteration else math.nan,
            epsilon=math.nan if run is None else run.epsilon,
            twist_deg=self._twist,
            newest=newest,
            raw=raw,
            prepared=_newest(self.preparation, newest, series),
            x=x,
            y=y,
            tilts_deg=angles[order],
            before=_rows([cleaned.get(float(a)) for a in angles[order]], y, x.shape[1]),
            after=np.empty((0, 1)) if series is None else series.projections[order][:, :, y],
            residuals=dict(self._residuals),
            alarms=self._alarms(received),
            curves=_curves(run),
            advice=where.advice,
            pace_s=where.pace_s,
            eta_s=where.eta_s,
            pixel_size_nm=None if run is None else run.pixel_size_nm,
        )

    def _look_closely(self, run: DynamicReconstruction, x: np.ndarray) -> None:
        """Residuals of all tilts, which cost a projection, and the twist."""
        self._looked = time.monotonic()
        lengths = run.residuals()
        sigma = run.noise_norm / math.sqrt(max(run.n_tilts, 1))
        self._residuals = {angle: length / sigma for angle, length in lengths.items()}
        came = {one.angle_deg: one.iteration for one in self.live.received}
        old = {
            angle: length
            for angle, length in lengths.items()
            if run.iteration - came.get(angle, 0) >= _SETTLED
        }
        flags = self.preparation.checks.recheck(old)
        told = {f"At {angle:.4g}°": angle for angle in old}
        new = {told[flag.message.partition("° ")[0] + "°"]: flag for flag in flags}
        # An alarm that comes and goes with every arrival would be no help.
        limit = _STILL_ODD * float(np.median(list(self._residuals.values())))
        still = {a: f for a, f in self._doubts.items() if self._residuals.get(a, 0.0) > limit}
        self._doubts = still | new
        if self.recording.chiral:
            try:
                self._twist = simulate.chirality(x)
            except DataError:
                self._twist = None

    def _alarms(self, received: list[Received]) -> tuple[Alarm, ...]:
        last = {one.angle_deg: one.index for one in received}
        found: list[tuple[int, Alarm]] = []
        doubted = {**self._doubts, **self._why_left_out}
        for one in received:
            replaced = last[one.angle_deg] != one.index
            flags = [flag for flag in one.flags if flag.grave]
            known = doubted.get(one.angle_deg)
            if known and not replaced and all(flag.kind != known.kind for flag in flags):
                flags.append(known)
            fate = "" if one.used else "not used"
            if replaced:
                fate = "retaken"
            elif one.angle_deg in self.left_out:
                fate = "left out"
            if fate == "left out" and not flags:
                flags = [_by_hand(one.angle_deg)]
            found += [
                (one.index, Alarm(one.angle_deg, flag.kind, flag.severity, flag.message, fate))
                for flag in flags
            ]
        return tuple(alarm for _, alarm in sorted(found, key=lambda pair: -pair[0]))

    # ---- keeping ----

    def session(self, views: Mapping[str, Any]) -> Session:
        """Return the session, with the shift of every projection that was used."""
        mine = {
            "moved": [[digest, *shift] for digest, shift in self.preparation.moved.items()],
            "left_out": sorted(self.left_out),
            "retaken": sorted(self.retaken),
        }
        return self.live.session({**views, **mine})

    def take_up(self, session: Session) -> None:
        """Repeat a session step by step, and go on from its end.

        Raises
        ------
        DataError
            When the projections are not there any more, or are others.
        """
        images = self._images(session)
        moved = {entry[0]: entry[1:] for entry in session.views["moved"]}

        def lookup(angle: float, digest: str) -> np.ndarray:
            if digest not in moved:
                raise DataError(f"the session does not say how {angle:g}° was aligned.")
            _, across, along = moved[digest]
            image, there = np.empty(0), images.get(round(angle, 3), [])
            if not there:
                raise DataError(
                    f"the projection at {angle:g}° is not there any more. Put the files back where "
                    f"they were when the session was saved ({self.recording.words})."
                )
            for raw in there:
                image = self.preparation.again(angle, raw, (across, along))
                if digest_of(image) == digest:
                    break
            return image

        run = session.replay(lookup)
        run.annotations["live"] = session.source
        finds = self.live.finds_epsilon
        kept, self.preparation.moved = self.preparation, {}
        self.live.take_over(run)
        self.live.preparation, self.live.finds_epsilon = kept, finds
        kept.moved.update({digest: tuple(shift) for digest, shift in moved.items()})
        self.left_out = set(session.views["left_out"])
        self.retaken = set(session.views["retaken"])
        self._remember(images)

    def _remember(self, images: Mapping[float, list[np.ndarray]]) -> None:
        """Judge the projections anew, in the order in which they came."""
        times: dict[float, int] = {}
        for k, one in enumerate(self.live.received):
            there = images.get(round(one.angle_deg, 3), [])
            at = times.get(one.angle_deg, 0)
            times[one.angle_deg] = at + 1
            if not there:
                continue
            try:
                prepared = self.preparation.prepare(one.angle_deg, there[min(at, len(there) - 1)])
            except EmInverseError:
                continue
            self.live.received[k] = replace(one, flags=prepared.flags)

    def _images(self, session: Session) -> dict[float, list[np.ndarray]]:
        """All projections that the source can give, as they came, by angle."""
        source, found = self.recording.source, dict[float, list[np.ndarray]]()
        items: Iterable[Any] = ()
        if isinstance(source, simulate.Source):
            items = [*source, *(self.recording.again or ())]
        elif self.recording.live and session.source.get("folder"):
            items = watch(session.source["folder"], timeout_s=0.0, settle_s=0.02, poll_s=0.02)
        for item in items:
            image = item.projection if hasattr(item, "projection") else item.image
            found.setdefault(round(item.angle_deg, 3), []).append(
                binned(np.asarray(image), self.bin)
            )
        return found


def _by_hand(angle_deg: float) -> Flag:
    words = f"At {angle_deg:.4g}° the projection was taken out by hand."
    return Flag("left_out", "note", 0.0, 0.0, words)


def _newest(preparation: Preparation, newest: Received | None, series: Any) -> np.ndarray | None:
    """The newest projection as it is used, or, where it is not used, cleaned."""
    if newest is None:
        return None
    if series is not None:
        at = np.flatnonzero(np.abs(series.angles_deg - newest.angle_deg) < 1e-3)
        if at.size:
            image: np.ndarray = series.projections[at[0]]
            return image
    return preparation.cleaned.get(newest.angle_deg)


def _rows(images: list[np.ndarray | None], y: int, width: int) -> np.ndarray:
    if not images:
        return np.empty((0, 1))
    nothing = np.zeros(width, np.float32)
    return np.stack([nothing if image is None else image[:, y] for image in images])


def _curves(run: DynamicReconstruction | None) -> dict[str, np.ndarray]:
    """How the run went, thinned at places that stay put while it grows."""
    if run is None or not run.iteration:
        return {key: np.empty(0) for key in ("iteration", "ratio", "share")}
    n = min(len(values) for values in run.history.values())
    at = np.arange(0, n, max(1, -(-n // _POINTS)))
    if at[-1] != n - 1:
        at = np.append(at, n - 1)
    taken = {
        key: np.array([run.history[key][k] for k in at])
        for key in ("data_distance", "radius", "n_tilts")
    }
    expected = run.n_expected or max(taken["n_tilts"].max(), 1)
    return {
        "iteration": at + 1.0,
        "ratio": taken["data_distance"] / taken["radius"],
        "share": taken["n_tilts"] / expected,
    }
