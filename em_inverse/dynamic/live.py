"""From a folder to a volume: every projection prepared, judged, taken in, and aligned again."""

from __future__ import annotations

import itertools
import math
import statistics
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.dynamic.advice import Advice
from em_inverse.dynamic.flags import Flag
from em_inverse.dynamic.preparation import Preparation, Prepared
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.dynamic.session import Session
from em_inverse.errors import DataError, EmInverseError, ParameterError, check_integer, check_number
from em_inverse.files import PathLike, expanded
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.io.projection import SIMULATED
from em_inverse.solvers.least_distance import least_distance
from em_inverse.tilt_series import Reconstruction

__all__ = ["LiveTomography", "Received", "Status"]

_STILL, _STILL_FOR = 2e-4, 10
_LOOK_S = 0.2
# ε that is found: so many times the least distance, on so many slices, changed only by more than.
_MARGIN, _SLICES, _WORTH_A_CHANGE = 1.1, 24, 0.03


@dataclass(frozen=True)
class Received:
    """What became of one projection.

    Attributes
    ----------
    index : int
        In the order of arrival, from 0.
    angle_deg : float
    name : str
        Of the file, empty where there is none.
    used : bool
        Whether the reconstruction got it.
    shift_px : (float, float)
        By how much it was moved across and along the tilt axis when it came.
    flags : tuple of Flag
    notes : tuple of str
    foretold : float
        ‖A_θ x − b_θ‖ in units of its noise before it was used; NaN where it is not known.
    iteration : int
        Iterations done when it came.
    time : float
        Seconds since the beginning of this session.
    digest : str
        Fingerprint of the file's pixels, where the source tells it.
    """

    index: int
    angle_deg: float
    name: str
    used: bool
    shift_px: tuple[float, float]
    flags: tuple[Flag, ...] = ()
    notes: tuple[str, ...] = ()
    foretold: float = math.nan
    iteration: int = 0
    time: float = 0.0
    digest: str = ""


@dataclass(frozen=True)
class Status:
    """Where a live tomography stands.

    Attributes
    ----------
    phase : {"waiting", "running", "finishing", "finished", "stopped", "failed"}
    n_tilts, n_expected : int, int or None
    iteration : int
    data_distance, radius : float
        ‖Ax − b‖ and ε, NaN before the first iteration.
    pace_s : float
        Median time between the last arrivals; NaN before the third.
    eta_s : float
        Time until the last projection expected; NaN where it is not known.
    alarms : tuple of Flag
        All that are graver than a note, newest last.
    advice : Advice or None
    """

    phase: str
    n_tilts: int
    n_expected: int | None
    iteration: int
    data_distance: float = math.nan
    radius: float = math.nan
    pace_s: float = math.nan
    eta_s: float = math.nan
    alarms: tuple[Flag, ...] = ()
    advice: Advice | None = None


@dataclass
class _Settings:
    thickness: int | None
    options: dict[str, Any]
    bin: int
    improve_every: int
    exclude: tuple[str, ...]
    range_deg: tuple[float, float] | None
    checkpoint: Path | None
    every_s: float
    finish: int
    pace_s: float
    folder: str = ""
    listeners: list[Callable[[Received], None]] = field(default_factory=list)


class LiveTomography:
    """A reconstruction that follows a source of projections while they are recorded.

    Every projection is cleaned and aligned (:class:`Preparation`), compared with what the
    reconstruction predicts, judged (blank, blurred, misaligned, …), and taken in. Now and then all
    are aligned again with their re-projections. The reconstruction iterates in a thread of its own
    meanwhile.

    Parameters
    ----------
    source : iterable
        Of :class:`Arrival` (:func:`watch`), of :class:`em_inverse.simulate.Shot` (a microscope), or
        of pairs (angle in degrees, image[x, y]).
    preparation : Preparation, optional
    method : {"tv", "sirt", "wbp", "asd_pocs"}
    epsilon : float, optional
        ε in units of the noise norm. Unless given it is 1, or 1.1 times the least ‖Ax − b‖ that any
        object reaches where that is more, found on a few slices whenever all projections are
        aligned again: what stage, alignment and detector leave over often exceeds the noise.
    noise : float, optional
        σ of one pixel of a prepared projection; estimated unless given.
    thickness : int, optional
        nz of the volume; as thick as it is wide unless given.
    bin : int
        Average so many pixels across and along before anything else.
    n_expected : int, optional
    range_deg : (float, float), optional
        Lowest and highest tilt planned, for the advice.
    improve_every : int
        Align all projections again after so many arrivals, and at the end; 0 for never.
    exclude : collection of str
        Kinds of flags of severity "alarm" that keep a projection out of the reconstruction.
    checkpoint : path, optional
        Where the complete state is kept (``.npz``).
    every_s : float
        Seconds between two checkpoints.
    finish : int
        When the source has ended, iterate on until the object stands still, for at most so many
        iterations.
    pace_s : float
        Least time between two projections, for sources that have all of them at once.
    options
        Further settings of :class:`DynamicReconstruction`.

    Attributes
    ----------
    run : DynamicReconstruction or None
        None before the first projection.
    received : list of Received
    error : BaseException or None
        What ended the session, if it was an error.

    Examples
    --------
    >>> from em_inverse import simulate
    >>> cube = simulate.decorated_nanocube(32, supersample=1)
    >>> microscope = simulate.Microscope(cube, [-60.0, -30.0, 0.0, 30.0, 60.0], dose=200)
    >>> live = LiveTomography(microscope, finish=20)
    >>> result = live.to_end()
    >>> result.volume.shape, live.status().phase, len(live.received)
    ((16, 16, 16), 'finished', 5)
    """

    def __init__(
        self,
        source: Iterable[Any],
        preparation: Preparation | None = None,
        *,
        method: str = "tv",
        epsilon: float | None = None,
        noise: float | None = None,
        thickness: int | None = None,
        bin: int = 1,
        n_expected: int | None = None,
        range_deg: tuple[float, float] | None = None,
        improve_every: int = 10,
        exclude: Collection[str] = ("blank",),
        checkpoint: PathLike | None = None,
        every_s: float = 60.0,
        finish: int = 300,
        pace_s: float = 0.0,
        **options: Any,
    ) -> None:
        self.finds_epsilon = epsilon is None
        self._settings = _Settings(
            thickness=None
            if thickness is None
            else check_integer(thickness, "thickness", minimum=1),
            options={
                "method": method,
                "epsilon": 1.0 if epsilon is None else epsilon,
                "noise": noise,
                "n_expected": n_expected,
                **options,
            },
            bin=check_integer(bin, "bin", minimum=1),
            improve_every=check_integer(improve_every, "improve_every", minimum=0),
            exclude=tuple(exclude),
            range_deg=None if range_deg is None else (float(range_deg[0]), float(range_deg[1])),
            checkpoint=None if checkpoint is None else expanded(checkpoint, "checkpoint"),
            every_s=check_number(every_s, "every_s", minimum=0),
            finish=check_integer(finish, "finish", minimum=0),
            pace_s=check_number(pace_s, "pace_s", minimum=0),
            folder=str(getattr(source, "folder", "")),
        )
        # Wrong settings are to be refused now, not when the first projection comes.
        _new_run((8, 8), self._settings.options)
        self.source = source
        self.preparation = Preparation() if preparation is None else preparation
        self.run: DynamicReconstruction | None = None
        self.received: list[Received] = []
        self.error: BaseException | None = None
        self.simulated = bool(getattr(source, "simulated", False))
        self._phase = "waiting"
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = self._saved = time.monotonic()
        self._pixel_size = getattr(source, "pixel_size_nm", None)

    # ---- going ----

    def start(self) -> None:
        """Follow the source in the background."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._follow_quietly, name="em_inverse:live", daemon=True
        )
        self._thread.start()

    def to_end(self) -> Reconstruction:
        """Follow the source here and now until it ends; return the result.

        An interrupt (Ctrl-C) leaves a last checkpoint, if there shall be one.

        Raises
        ------
        DataError
            When no projection came that could be used.
        """
        self._follow()
        return self.result()

    def stop(self, timeout: float | None = 60.0) -> None:
        """End the session after what is under way: source, reconstruction, a last checkpoint."""
        self._stopping.set()
        close = getattr(self.source, "close", None)
        if callable(close):
            close()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        if self.run is not None:
            self.run.stop(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end of a session in the background; say whether it has come."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def listen(self, listener: Callable[[Received], None]) -> None:
        """Call a function with what became of each projection, in the thread that follows."""
        self._settings.listeners.append(listener)

    # ---- looking ----

    def status(self) -> Status:
        """Return where the session stands; cheap, from any thread."""
        with self._lock:
            received = list(self.received)
        run, pace = self.run, math.nan
        alarms = tuple(f for one in received for f in one.flags if f.severity != "note")
        times = [one.time for one in received[-8:]]
        if len(times) > 2:
            pace = statistics.median(b - a for a, b in itertools.pairwise(times))
        if run is None:
            return Status(
                self._phase, 0, self._settings.options["n_expected"], 0, alarms=alarms, pace_s=pace
            )
        eta = math.nan
        if run.n_expected is not None:
            since = time.monotonic() - self._began - times[-1] if times else 0.0
            left = run.n_expected - run.n_tilts
            eta = max(0.0, left * pace - min(since, pace)) if left > 0 else 0.0
        distances, radii = run.history["data_distance"], run.history["radius"]
        return Status(
            phase=self._phase,
            n_tilts=run.n_tilts,
            n_expected=run.n_expected,
            iteration=run.iteration,
            data_distance=distances[-1] if distances else math.nan,
            radius=radii[-1] if radii else math.nan,
            pace_s=pace,
            eta_s=eta,
            alarms=alarms,
            advice=run.advice(self._settings.range_deg),
        )

    def result(self) -> Reconstruction:
        """Return what has been reached so far.

        Raises
        ------
        DataError
            When no projection came that could be used.
        """
        if self.run is None:
            raise DataError(
                "no projection has come that could be used, so there is no volume. Look at "
                ".received and, of a watched folder, at its .log and .pending."
            )
        result = self.run.result()
        if self.simulated:
            result.metadata["synthetic"] = True
        return result

    def session(self, views: Mapping[str, Any] | None = None) -> Session:
        """Return the session as :class:`Session`: settings, steps, where the files are, views.

        Its :meth:`Session.replay` needs the projections as they were prepared:
        :meth:`prepared_images` returns those that are there now.
        """
        if self.run is None:
            raise DataError("no projection has come yet, so there is no session to keep.")
        return Session.of(self.run, source=self._account(), views=views)

    def prepared_images(self) -> dict[float, np.ndarray]:
        """Return the projections that the reconstruction works on, by angle."""
        if self.run is None:
            return {}
        series = self.run.between_iterations(lambda: self.run.series if self.run else None)
        return dict(zip(series.angles_deg.tolist(), series.projections, strict=True))

    # ---- following ----

    def _follow_quietly(self) -> None:
        try:
            self._follow()
        except BaseException as error:
            self.error = error

    def _follow(self) -> None:
        self._began = self._saved = time.monotonic()
        last = -math.inf
        try:
            self._phase = "running" if self.run is not None else "waiting"
            if self.run is not None:
                self.run.start()
            for item in self.source:
                if self._stopping.wait(max(0.0, last + self._settings.pace_s - time.monotonic())):
                    break
                last = time.monotonic()
                self._receive(item)
                if self._stopping.is_set():
                    break
            self._finish()
        except BaseException:
            self._phase = "failed"
            raise
        finally:
            if self.run is not None:
                self.run.stop(600.0)
                if self.run.n_tilts:
                    self._save()

    def _finish(self) -> None:
        run = self.run
        if run is not None and not self._stopping.is_set():
            self._phase = "finishing"
            if self._settings.improve_every:
                self._improve()
            goal = run.iteration + self._settings.finish
            while run.iteration < goal and run.error is None and not self._stopping.is_set():
                if not run.wait(run.iteration + 1, timeout=_LOOK_S) and _still(run):
                    break
                if _still(run):
                    break
        if run is not None and run.error is not None:
            raise run.error
        self._phase = "stopped" if self._stopping.is_set() else "finished"

    def _receive(self, item: Any) -> None:
        angle, image, about = _parts(item)
        withdrawn = getattr(item, "withdraws_deg", None)
        self.simulated |= SIMULATED in getattr(item, "notes", ())
        try:
            image = _binned(np.asarray(image), self._settings.bin)
            prepared = self.preparation.prepare(angle, image, self._reprojection(angle))
            used = not any(
                flag.severity == "alarm" and flag.kind in self._settings.exclude
                for flag in prepared.flags
            )
            if withdrawn is not None:
                self._withdraw(float(withdrawn))
            if used:
                self._take_in(prepared, item)
        except EmInverseError as error:
            # One projection that cannot be used is no reason to lose the others.
            self._keep(angle, about, Prepared(angle, np.empty(0), (0.0, 0.0)), False, str(error))
            return
        self._keep(angle, about, prepared, used, "")
        every = self._settings.improve_every
        if every and used and len(self.received) % every == 0:
            self._improve()
        if time.monotonic() - self._saved >= self._settings.every_s:
            self._save()

    def _keep(
        self, angle: float, about: dict[str, str], prepared: Prepared, used: bool, trouble: str
    ) -> None:
        run = self.run
        foretold = math.nan
        if run is not None and used:
            foretold = run.between_iterations(lambda: run.predictions.get(angle, math.nan))
        one = Received(
            index=len(self.received),
            angle_deg=angle,
            name=about["name"],
            used=used,
            shift_px=prepared.shift_px,
            flags=prepared.flags,
            notes=(*prepared.notes, *([trouble] if trouble else [])),
            foretold=foretold,
            iteration=0 if run is None else run.iteration,
            time=time.monotonic() - self._began,
            digest=about["digest"],
        )
        with self._lock:
            self.received.append(one)
        if run is not None:
            run.annotations["live"] = self._account()
        for listener in list(self._settings.listeners):
            listener(one)

    def _take_in(self, prepared: Prepared, item: Any) -> None:
        if self.run is None:
            shape = prepared.image.shape
            size = getattr(item, "pixel_size_nm", None) or self._pixel_size
            self.run = _new_run(
                (self._settings.thickness or shape[0], shape[0], *shape[1:]),
                self._settings.options,
                None if size is None else size * self._settings.bin,
            )
            self.run.add(prepared.angle_deg, prepared.image)
            self.run.start()
            self._phase = "running"
            return
        self.run.add(prepared.angle_deg, prepared.image)

    def _withdraw(self, angle: float) -> None:
        if self.run is not None and self.run.n_tilts:
            try:
                self.run.remove(angle)
            except EmInverseError:
                # It was never used.
                return

    def _reprojection(self, angle: float) -> np.ndarray | None:
        """What the reconstruction predicts at an angle, once it knows the object a little."""
        run = self.run
        if run is None or run.n_tilts < 5 or run.iteration < 10:
            return None
        n_det = run.series.projections.shape[1]
        A = ParallelBeam(run.shape, [angle], n_det)
        predicted: np.ndarray = run.between_iterations(lambda: A.forward(run.x)[0])
        return predicted

    def _improve(self) -> None:
        """Align all projections with their re-projections and take in those that have moved."""
        run = self.run
        if run is None or run.n_tilts < 5:
            return
        volume = run.snapshot(timeout=600.0).x
        known = run.angles_deg
        moved = [
            one
            for one in self.preparation.improve(volume)
            if np.abs(known - one.angle_deg).min() < 1e-3
        ]
        if moved:
            run.add([one.angle_deg for one in moved], np.stack([one.image for one in moved]))
        if self.finds_epsilon:
            found = max(1.0, _MARGIN * _floor_in_units(run))
            if abs(found / run.epsilon - 1) > _WORTH_A_CHANGE:
                run.epsilon = found

    # ---- keeping ----

    def _account(self) -> dict[str, Any]:
        """What JSON can hold of this session, beside the state of the run."""
        seen = getattr(self.source, "seen", None)
        with self._lock:
            received = [
                [one.angle_deg, one.name, one.used, list(one.shift_px), one.digest]
                for one in self.received
            ]
        return {
            "folder": self._settings.folder,
            "simulated": self.simulated,
            "bin": self._settings.bin,
            "preparation": self.preparation.state(),
            "received": received,
            "seen": seen() if callable(seen) else {},
        }

    def _save(self) -> None:
        path, run = self._settings.checkpoint, self.run
        if path is None or run is None:
            return
        run.annotations["live"] = self._account()
        run.save(path)
        self._saved = time.monotonic()

    def take_over(self, run: DynamicReconstruction) -> None:
        """Go on from a run that was saved by another session, before the source is followed.

        Parameters
        ----------
        run : DynamicReconstruction
            From ``DynamicReconstruction.load(checkpoint)``. Its ``annotations["live"]["seen"]``
            goes to ``watch(folder, already=…)``, so that nothing is handed out twice.

        Raises
        ------
        ParameterError
            When this session has begun, or the run does not come from one.
        """
        account = run.annotations.get("live")
        if account is None or self.run is not None or self.received:
            raise ParameterError(
                "run cannot be taken over: it must come from a checkpoint of a live session, and "
                "this session must not have begun."
            )
        self.run = run
        self.simulated = bool(account["simulated"])
        self.preparation = Preparation.from_state(account["preparation"])
        for angle, name, used, shift, digest in account["received"]:
            self.received.append(
                Received(
                    index=len(self.received),
                    angle_deg=float(angle),
                    name=name,
                    used=bool(used),
                    shift_px=(float(shift[0]), float(shift[1])),
                    notes=("from the checkpoint",),
                    digest=digest,
                )
            )

    def remember(self, images: Iterable[tuple[float, np.ndarray]]) -> None:
        """Show the preparation the projections of a session that was taken over, as they came.

        Alarms and alignment then know them again. What the reconstruction works on stays.

        Parameters
        ----------
        images : iterable of (angle in degrees, image)
        """
        for angle, image in images:
            self.preparation.prepare(angle, _binned(np.asarray(image), self._settings.bin))


def _new_run(
    shape: tuple[int, ...], options: Mapping[str, Any], pixel_size_nm: float | None = None
) -> DynamicReconstruction:
    chosen = dict(options)
    return DynamicReconstruction(
        shape,
        chosen.pop("epsilon"),
        **{"units": "noise", "pixel_size_nm": pixel_size_nm, **chosen},
    )


def _parts(item: Any) -> tuple[float, Any, dict[str, str]]:
    """Angle, image and the words about them, of whatever a source yields."""
    if isinstance(item, tuple):
        angle, image = item
        return float(angle), image, {"name": "", "digest": ""}
    image = item.projection if hasattr(item, "projection") else item.image
    path = getattr(item, "path", None)
    about = {
        "name": getattr(item, "name", "") or ("" if path is None else Path(path).name),
        "digest": getattr(item, "digest", ""),
    }
    return float(item.angle_deg), image, about


def _binned(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks; what fills no block is cut off at the end."""
    if factor == 1:
        return image
    whole = tuple(slice(0, n - n % factor) for n in image.shape)
    blocks = [part for n in image[whole].shape for part in (n // factor, factor)]
    mean: np.ndarray = image[whole].reshape(blocks).mean(axis=tuple(range(1, 2 * image.ndim, 2)))
    return mean


def _floor_in_units(run: DynamicReconstruction) -> float:
    """Least ‖Ax − b‖ that any object reaches, over the noise norm, on a few slices."""

    def look() -> tuple[ParallelBeam, np.ndarray, float]:
        b = run.series.projections
        share = 1.0
        if b.ndim == 3:
            step = -(-b.shape[2] // _SLICES)
            b = b[:, :, step // 2 :: step]
            share = b.shape[2] / run.shape[2]
        A = ParallelBeam((*run.shape[:2], *b.shape[2:]), run.angles_deg, b.shape[1])
        return A, np.ascontiguousarray(b), run.noise_norm * math.sqrt(share)

    A, b, noise = run.between_iterations(look)
    found = least_distance(A, b, nonnegative=run.nonnegative, n_iter=40)
    return found.attained / noise


def _still(run: DynamicReconstruction) -> bool:
    """Whether the last iterations have moved the object by next to nothing."""
    steps = run.history["step"][-_STILL_FOR:]
    if len(steps) < _STILL_FOR:
        return False
    return max(steps) <= _STILL * float(np.linalg.norm(run.x))
