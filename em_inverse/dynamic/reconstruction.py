"""DynamicReconstruction: a reconstruction that runs while projections arrive and ε is moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.dynamic import checkpoint
from em_inverse.dynamic.advice import Advice, advise
from em_inverse.dynamic.background import Background
from em_inverse.dynamic.events import Event, Snapshot, digest_of
from em_inverse.dynamic.methods import METHODS, Method
from em_inverse.dynamic.projections import Change, Projections
from em_inverse.errors import (
    DataError,
    ParameterError,
    check_choice,
    check_integer,
    check_number,
    check_shape,
)
from em_inverse.files import PathLike
from em_inverse.solvers.iteration import IterationState
from em_inverse.solvers.least_distance import check_support, least_distance
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography import geometry
from em_inverse.tomography.noise_level import noise_level

__all__ = ["DynamicReconstruction"]

UNITS = ("absolute", "noise")
SCHEDULES = ("published", "mended")
_HISTORY = ("data_distance", "prior", "step", "radius", "n_tilts")
# A run in the background rests once it has moved this little, relative to x, for so long.
_STILL, _STILL_FOR = 1e-6, 20


class DynamicReconstruction:
    """Reconstruct while projections arrive, and while ε is moved by hand.

        min_x TV(x)   subject to   ‖Ax − b‖₂ ≤ ε,   x ≥ 0,

    where A and b grow with every projection and ε may change at any moment. It never starts anew:
    the object, the dual variables, the products Ax and Aᵀq and the steps of the solver go on.

    Parameters
    ----------
    start : tuple of int, or TiltSeries
        Shape (nz, nx) or (nz, nx, ny) of the object; or the series of the projections that are
        there already, whose object is as thick as it is wide.
    epsilon : float
        ε > 0, in `units`.
    units : {"absolute", "noise"}
        Absolute: ε is ‖Ax − b‖₂ in the units of the data (of all `n_expected` projections, if that
        is given: of n of them, √(n/n_expected) of it). Noise: ε is a multiple of the noise norm
        σ√M of the M values that are there, so that 1 is right at any time.
    noise : float, optional
        Standard deviation σ > 0 of one value of the data. Estimated from the data where it is
        needed and not given (:func:`em_inverse.tomography.noise_level`).
    method : {"tv", "sirt", "wbp", "asd_pocs"}
        PDHG with the ε ball; or SIRT, weighted back-projection (Hann window) and ASD-POCS in the
        same frame. SIRT and WBP do not know ε: it is only shown.
    schedule : {"mended", "published"}
        Of ASD-POCS, see :class:`em_inverse.solvers.ASDPOCS`.
    nonnegative : bool
        Keep x ≥ 0. May be changed at any time.
    support : array_like of bool, optional
        Where the object may be, in its shape or (nz, nx). May be changed at any time.
    n_expected : int, optional
        How many projections there will be.
    n_det : int, optional
        Detector pixels across the tilt axis; nx unless given.
    pixel_size_nm : float, optional
        What the series says, unless given.
    name : str
        Of the thread.

    Attributes
    ----------
    iteration : int
        Iterations done.
    history : dict of str to list of float
        One entry per iteration: ``data_distance`` ‖Ax − b‖₂, ``prior`` TV(x), ``step``
        ‖x_k − x_{k−1}‖₂, ``radius`` (ε in the units of the data) and ``n_tilts``.
    events : list of Event
        What was changed, after how many iterations.
    annotations : dict
        Anything that JSON can hold, kept in checkpoints: where the data come from, views.
    predictions : dict of float to float
        For each angle, ‖A_θ x − b_θ‖ in units of its noise when it arrived, before it was used: how
        well the reconstruction knew what it had not seen. Empty where the noise is not known.

    Raises
    ------
    ParameterError, GeometryError, DataError
        When an argument is outside what is allowed.

    Notes
    -----
    *What an arrival does.* New rows of A begin with a dual of zero. One SART step (relaxation 0.5)
    of the new projection alone lets its misfit in, the data dual is shortened where it has wound
    up (:meth:`em_inverse.solvers.PDHG.unwind`), the step sizes may adapt quickly again, and ‖A‖ is
    brought up to date by power iterations that go on from the last singular vector. Together that
    costs about half an iteration.

    *Threads.* :meth:`start` iterates in a background thread; every method may be called from any
    other one meanwhile. Changes are made between two iterations, in the order in which they came.

    References
    ----------
    J. Schwartz et al., Microsc. Microanal. 25 (2019) 148: dynamic compressed sensing. J. Schwartz
    et al., doi:10.1038/s41467-022-32046-0: in real time. Chambolle and Pock,
    doi:10.1007/s10851-010-0251-1.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-15.5:16, -15.5:16]) < 9
    >>> angles = np.arange(-70, 71, 10)
    >>> data = ParallelBeam(disc.shape, angles) @ disc
    >>> data += np.random.default_rng(0).normal(0, 0.3, data.shape)
    >>> run = DynamicReconstruction(disc.shape, epsilon=1.0, units="noise", noise=0.3)
    >>> for angle, projection in zip(angles, data):
    ...     run.add(angle, projection)
    ...     state = run.step()
    >>> result = run.run(100)
    >>> bool(abs(result.data_distance / run.radius - 1) < 0.01)
    True
    >>> run.epsilon = 1.5
    >>> bool(run.run(100).data_distance > 1.4 * run.noise_norm)
    True
    """

    def __init__(
        self,
        start: Sequence[int] | TiltSeries,
        epsilon: float = 1.0,
        *,
        units: str = "absolute",
        noise: float | None = None,
        method: str = "tv",
        schedule: str = "mended",
        nonnegative: bool = True,
        support: ArrayLike | None = None,
        n_expected: int | None = None,
        n_det: int | None = None,
        pixel_size_nm: float | None = None,
        name: str = "reconstruction",
    ) -> None:
        series = start if isinstance(start, TiltSeries) else None
        shape = series.volume_shape if series is not None else start
        assert not isinstance(shape, TiltSeries)
        self.shape = check_shape(shape, "start", ndim=(2, 3))
        if series is not None:
            n_det = series.projections.shape[1]
        if n_det is not None:
            n_det = check_integer(n_det, "n_det", minimum=1)
        self.method = check_choice(method, "method", METHODS)
        self.schedule = check_choice(schedule, "schedule", SCHEDULES)
        self._units = check_choice(units, "units", UNITS)
        self._epsilon = check_number(epsilon, "epsilon", minimum=0, exclusive=True)
        self._sigma = (
            None if noise is None else check_number(noise, "noise", minimum=0, exclusive=True)
        )
        self._n_expected = (
            None if n_expected is None else check_integer(n_expected, "n_expected", minimum=1)
        )
        self._nonnegative = bool(nonnegative)
        self._support = None if support is None else self._checked_support(support)
        if pixel_size_nm is None and series is not None:
            pixel_size_nm = series.pixel_size_nm
        self.pixel_size_nm = (
            None
            if pixel_size_nm is None
            else check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        )
        self.name = name
        self._source = series.forget() if series is not None else None
        self.iteration = 0
        self.history: dict[str, list[float]] = {key: [] for key in _HISTORY}
        self.events: list[Event] = []
        self.annotations: dict[str, Any] = {}
        self.predictions: dict[float, float] = {}
        self._data = Projections(self.shape, n_det)
        self._variance: dict[float, float] = {}
        self._floor: tuple[object, float] | None = None
        self._version = 0
        self._listeners: list[Callable[[DynamicReconstruction], None]] = []
        self._engine = self._new_engine()
        self._background = Background(self._background_step, name)
        #: What may have changed since: ε and x ≥ 0 as they were when the run began.
        self.opening = {"epsilon": self._epsilon, "nonnegative": self._nonnegative}
        if series is not None:
            across, along = _shifts_of(series)
            self.add(series.angles_deg, series.projections, center_shift=across, axial_shift=along)

    # ---- data ----

    def add(
        self,
        angle_deg: ArrayLike,
        projection: ArrayLike,
        *,
        center_shift: ArrayLike = 0.0,
        axial_shift: ArrayLike = 0.0,
    ) -> None:
        """Take in a projection, or several at once; one of an angle that is there replaces it.

        While the run goes on in the background, this takes effect before its next iteration.

        Parameters
        ----------
        angle_deg : float, or array_like of shape (k,)
            Tilt angle in degrees.
        projection : array_like, shape (n_det,) or (n_det, ny); with k angles (k, n_det[, ny])
            Axis x across the tilt axis first, y along it second. A copy is kept.
        center_shift, axial_shift : float or array_like of shape (k,)
            Where the tilt axis falls on the detector, in pixels from its middle, and how far the
            image is displaced along the axis: the projector follows, nothing is resampled.

        Raises
        ------
        DataError, GeometryError
            When angle, image and shifts do not fit the object or each other. Nothing has changed
            then.
        """
        checked = self._data.checked(angle_deg, projection, center_shift, axial_shift)
        self._background.between_steps(lambda: self._take_in(checked))

    def remove(self, angle_deg: float) -> None:
        """Let go of the projection of an angle.

        Raises
        ------
        GeometryError
            When there is none.
        """
        angle = check_number(angle_deg, "angle_deg")
        self._background.ask(lambda: self._let_go(angle), changes=True)

    @property
    def angles_deg(self) -> np.ndarray:
        """Tilt angles in degrees, in the order of arrival."""
        return self._data.angles_deg.copy()

    @property
    def n_tilts(self) -> int:
        """How many projections are there."""
        return self._data.n_tilts

    @property
    def n_expected(self) -> int | None:
        """How many there will be, as far as that was said."""
        return self._n_expected

    @property
    def series(self) -> TiltSeries:
        """The projections that are there, in the order of arrival.

        Raises
        ------
        DataError
            When there is none yet.
        """
        self._refuse_empty()
        metadata: dict[str, Any] = {} if self._source is None else dict(self._source.metadata)
        metadata.pop("center_shift_px", None)
        if self._data.center_shift.any() or self._data.axial_shift.any():
            metadata["shifts_to_apply_px"] = -np.stack(
                [self._data.center_shift, self._data.axial_shift], axis=1
            )
        else:
            metadata.pop("shifts_to_apply_px", None)
        return TiltSeries(
            self._data.b,
            self._data.angles_deg,
            self.pixel_size_nm,
            None if self._source is None else self._source.dose,
            metadata,
            history=() if self._source is None else self._source.history,
        )

    # ---- what may be changed at any time ----

    @property
    def units(self) -> str:
        """What ε is counted in: ``"absolute"`` or ``"noise"``."""
        return self._units

    @property
    def epsilon(self) -> float:
        """ε in :attr:`units`; may be set at any moment."""
        return self._epsilon

    @epsilon.setter
    def epsilon(self, value: float) -> None:
        epsilon = check_number(value, "epsilon", minimum=0, exclusive=True)

        def change() -> None:
            self._epsilon = epsilon
            self._note("epsilon", epsilon)
            self._engine.set(radius=self.radius)

        self._background.between_steps(change)

    @property
    def radius(self) -> float:
        """ε in the units of the data, for the projections that are there."""
        if self._units == "noise":
            return self._epsilon * (self.noise_norm if self.n_tilts else 1.0)
        expected = self._n_expected
        if expected is None or self.n_tilts >= expected or self.n_tilts == 0:
            return self._epsilon
        return self._epsilon * math.sqrt(self.n_tilts / expected)

    @property
    def noise_norm(self) -> float:
        """‖noise‖ of the projections that are there: σ√M, given or estimated.

        An estimate is never below the rounding of the data, 10⁻⁶ ‖b‖.

        Raises
        ------
        DataError
            When no projection is there yet.
        """
        self._refuse_empty()
        pixels = self._data.b[0].size
        if self._sigma is not None:
            return self._sigma * math.sqrt(pixels * self.n_tilts)
        angles = self._data.angles_deg.tolist()
        missing = [k for k, angle in enumerate(angles) if angle not in self._variance]
        if missing:
            self._estimate(missing)
        norm = math.sqrt(pixels * sum(self._variance[angle] for angle in angles))
        return max(norm, 1e-6 * float(np.linalg.norm(self._data.b)), 1e-30)

    @property
    def nonnegative(self) -> bool:
        """Whether x ≥ 0 is kept; may be set at any moment."""
        return self._nonnegative

    @nonnegative.setter
    def nonnegative(self, value: bool) -> None:
        def change() -> None:
            self._nonnegative = bool(value)
            self._note("nonnegative", bool(value))
            self._engine.set(nonnegative=bool(value))

        self._background.between_steps(change)

    @property
    def support(self) -> np.ndarray | None:
        """Where x may differ from zero; None is everywhere. May be set at any moment."""
        return self._support

    @support.setter
    def support(self, value: ArrayLike | None) -> None:
        mask = None if value is None else self._checked_support(value)

        def change() -> None:
            self._support = mask
            self._note("support", mask is not None)
            self._engine.set(support=mask)

        self._background.between_steps(change)

    # ---- iterations ----

    def __iter__(self) -> Iterator[IterationState]:
        while True:
            yield self.step()

    def step(self) -> IterationState:
        """Make one iteration here and now, and return the new state.

        Raises
        ------
        DataError
            When no projection is there yet.
        ParameterError
            While the run goes on in the background.
        """
        if self.running:
            raise ParameterError(
                "the run goes on in the background; call pause() or stop() before step() or run(), "
                "or wait(iteration=…) for it."
            )
        with self._background.alone():
            self._refuse_empty()
            return self._iterate()

    def run(self, n_iter: int, *, progress: bool = False) -> Reconstruction:
        """Make `n_iter` further iterations here and now; return the result.

        Parameters
        ----------
        n_iter : int
        progress : bool
            Show a progress bar on stderr.
        """
        from tqdm.auto import tqdm

        count = check_integer(n_iter, "n_iter", minimum=1)
        for _ in tqdm(range(count), desc=self._engine.algorithm, unit="it", disable=not progress):
            self.step()
        return self.result()

    def result(self) -> Reconstruction:
        """Return what has been reached so far, with everything a report owes.

        Raises
        ------
        DataError
            When no projection is there yet.
        """
        return self._background.ask(self._result)

    @property
    def x(self) -> np.ndarray:
        """The object now, ``[z, x]`` or ``[z, x, y]``. It belongs to the run: copy it to keep it.

        While the run goes on in the background it changes under the hands; :meth:`snapshot` takes
        a consistent copy.
        """
        return self._engine.x

    @property
    def volume(self) -> np.ndarray:
        """The same array as :attr:`x`."""
        return self._engine.x

    # ---- in the background ----

    def start(self) -> None:
        """Iterate in a background thread; go on, if it was paused.

        It rests while there is nothing to do: without projections, and when the object has come to
        a standstill. Any change wakes it.
        """
        self._background.start()

    def pause(self) -> None:
        """Make no further iteration until :meth:`resume`; the one under way is finished."""
        self._background.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._background.start()

    def stop(self, timeout: float | None = 60.0) -> None:
        """End the background thread; what was reached stays, and :meth:`start` goes on from it.

        Raises
        ------
        TimeoutError
            When the iteration under way did not end within `timeout` seconds.
        """
        if not self._background.stop(timeout):
            raise TimeoutError(f"the iteration under way did not end within {timeout:g} s.")

    @property
    def running(self) -> bool:
        """Whether the background thread is at work, and not paused."""
        return self._background.alive and not self._background.paused

    @property
    def paused(self) -> bool:
        """Whether the background thread waits for :meth:`resume`."""
        return self._background.alive and self._background.paused

    @property
    def error(self) -> BaseException | None:
        """What ended the background thread, if it was an error."""
        return self._background.error

    def wait(self, iteration: int | None = None, timeout: float | None = 60.0) -> bool:
        """Wait for the background thread: for an iteration, or for one more.

        Returns
        -------
        bool
            Whether that many iterations are done.
        """
        goal = self.iteration + 1 if iteration is None else iteration
        return self._background.wait_until(lambda: self.iteration >= goal, timeout)

    def snapshot(self, timeout: float = 60.0) -> Snapshot:
        """Return a consistent copy of the state, taken between two iterations.

        Raises
        ------
        TimeoutError
            When no iteration ended within `timeout` seconds.
        """
        snapshot: Snapshot = self._background.ask(self._snapshot, timeout)
        return snapshot

    def between_iterations(self, question: Callable[[], Any], timeout: float = 60.0) -> Any:
        """Return what a function says when it is called between two iterations.

        What it raises is raised here. For consistent looks at several things at once.

        Raises
        ------
        TimeoutError
            When no iteration ended within `timeout` seconds.
        """
        return self._background.ask(question, timeout)

    def listen(self, listener: Callable[[DynamicReconstruction], None]) -> Callable[[], None]:
        """Call a function after every iteration, in the thread that iterates.

        It may look at everything and must be quick; an error it raises ends the run.

        Returns
        -------
        callable
            Call it to listen no more.
        """
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    # ---- judging ----

    def floor(self, n_iter: int = 60) -> float:
        """Return the least ‖Ax − b‖ that any object reaches with the data that are there.

        An ε below it is out of reach. It costs `n_iter` iterations once, and is kept until data or
        constraints change.

        Raises
        ------
        DataError
            When no projection is there yet.
        """

        def problem() -> tuple[object, Any]:
            self._refuse_empty()
            key = (self._version, self._nonnegative, id(self._support), n_iter)
            return key, (self._data.operator(), self._data.b, self._nonnegative, self._support)

        key, (A, b, nonnegative, support) = self._background.ask(problem)
        if self._floor is None or self._floor[0] != key:
            found = least_distance(A, b, nonnegative=nonnegative, support=support, n_iter=n_iter)
            self._floor = key, found.attained
        return self._floor[1]

    def residuals(self) -> dict[float, float]:
        """Return ‖A_θ x − b_θ‖₂ for each angle θ, in the order of arrival; costs one projection."""

        def measure() -> dict[float, float]:
            if self._engine.A is None:
                return {}
            misfit = (self._engine.A.forward(self.x) - self._data.b).astype(np.float64)
            lengths = np.linalg.norm(misfit.reshape(misfit.shape[0], -1), axis=1)
            return dict(zip(self._data.angles_deg.tolist(), lengths.tolist(), strict=True))

        lengths: dict[float, float] = self._background.ask(measure)
        return lengths

    def advice(
        self, range_deg: tuple[float, float] | None = None, *, misfit: float = 1.0
    ) -> Advice:
        """Say whether further projections would still change the object, and why.

        Parameters
        ----------
        range_deg : (float, float), optional
            Lowest and highest tilt planned; see :func:`em_inverse.dynamic.advise`.
        misfit : float
            What no object can explain, in units of the noise.
        """
        advice: Advice = self._background.ask(
            lambda: advise(
                self.angles_deg, self.predictions, self._n_expected, range_deg, misfit=misfit
            )
        )
        return advice

    # ---- files ----

    def save(self, path: PathLike) -> None:
        """Write the complete state, data included, to a file (``.npz``).

        It is written under a temporary name, flushed and renamed. The checkpoint that was at `path`
        before is kept beside it as ``name.previous.npz``, so that there is always a whole one.

        Raises
        ------
        ParameterError
            When nothing can be written there.
        """
        self._background.ask(lambda: checkpoint.save(self, path), timeout=3600.0)

    @checkpoint.class_or_instance
    def load(self, path: PathLike) -> DynamicReconstruction:
        """Go back to a saved state; ``DynamicReconstruction.load(path)`` makes a new run of it.

        Where the file is damaged or missing, the checkpoint before it is taken, and the first entry
        of :attr:`events` after loading says so.

        Raises
        ------
        FileFormatError
            When neither file is a whole checkpoint of a reconstruction.
        DataError
            When it belongs to an object of another shape, or to another method.
        """
        return checkpoint.load(self, path)

    def settings(self) -> dict[str, Any]:
        """Return what makes this run what it is, apart from its data, as JSON can hold it."""
        return {
            "shape": list(self.shape),
            "n_det": self._data.n_det,
            "epsilon": self._epsilon,
            "units": self._units,
            "noise": self._sigma,
            "method": self.method,
            "schedule": self.schedule,
            "nonnegative": self._nonnegative,
            "n_expected": self._n_expected,
            "pixel_size_nm": self.pixel_size_nm,
            "name": self.name,
        }

    # ---- inside ----

    def _new_engine(self) -> Method:
        return METHODS[self.method](
            self._data,
            {
                "radius": 1.0,
                "nonnegative": self._nonnegative,
                "support": self._support,
                "schedule": self.schedule,
                "n_expected": self._n_expected,
            },
        )

    def _take_in(self, checked: tuple[np.ndarray, ...]) -> None:
        """Take in what replaces others first, then what is new."""
        here = np.array([self._data.find(angle) is not None for angle in checked[0].tolist()])
        for chosen in (here, ~here):
            if chosen.any():
                self._take_in_alike(*(part[chosen] for part in checked))

    def _take_in_alike(
        self, angles: np.ndarray, images: np.ndarray, across: np.ndarray, along: np.ndarray
    ) -> None:
        predicted = self._predict(angles, images, across, along)
        change = self._data.change_to(angles, images, across, along)
        for angle in (*change.added, *change.replaced):
            self._variance.pop(angle, None)
        self._follow(change)
        self.events.append(
            Event(
                self.iteration,
                "replaced" if change.replaced else "added",
                angles.tolist(),
                tuple(digest_of(image) for image in images),
                tuple(across.tolist()) if across.any() else (),
                tuple(along.tolist()) if along.any() else (),
            )
        )
        sigma = self._sigmas()
        if sigma is not None:
            pixels = math.sqrt(images[0].size)
            # One that was there before has been seen: how it fits is no prediction.
            for angle, length in () if change.replaced else predicted.items():
                at = self._data.find(angle)
                assert at is not None
                self.predictions[angle] = length / (sigma[at] * pixels)

    def _predict(
        self, angles: np.ndarray, images: np.ndarray, across: np.ndarray, along: np.ndarray
    ) -> dict[float, float]:
        """‖A_θ x − b_θ‖ of projections that have not been used yet."""
        if self.iteration == 0 or self._engine.A is None:
            return {}
        coming = Projections(self.shape, self._data.n_det)
        coming.change_to(angles, images, across, along)
        misfit = (coming.operator().forward(self.x) - images).astype(np.float64)
        lengths = np.linalg.norm(misfit.reshape(len(misfit), -1), axis=1)
        return dict(zip(angles.tolist(), lengths.tolist(), strict=True))

    def _sigmas(self) -> np.ndarray | None:
        """σ of each projection that is there, or None where nobody has asked for the noise."""
        if self._sigma is not None:
            return np.full(self.n_tilts, self._sigma)
        found = [self._variance.get(angle, 0.0) for angle in self._data.angles_deg.tolist()]
        return np.sqrt(found) if found and min(found) > 0 else None

    def _let_go(self, angle: float) -> None:
        change = self._data.without(angle)
        self._follow(change)
        self._note("removed", list(change.removed))

    def _follow(self, change: Change) -> None:
        self._version += 1
        if self.n_tilts == 0:
            # Nothing is left to explain: the object stays, a new engine takes over from it.
            x = self._engine.x
            self._engine = self._new_engine()
            self._engine.x = x.copy()
            return
        self._engine.exchange(change, self.radius)

    def _estimate(self, missing: list[int]) -> None:
        """Estimate σ² of projections: image by image, or of all lines of a sinogram together."""
        angles = self._data.angles_deg
        if self._data.b.ndim == 2:
            found = noise_level(TiltSeries(self._data.b, angles))
            pairs = zip(angles.tolist(), found.sigma.tolist(), strict=True)
        else:
            each = [noise_level(TiltSeries(self._data.b[k : k + 1], angles[k])) for k in missing]
            pairs = zip(
                angles[missing].tolist(), (float(one.sigma[0]) for one in each), strict=True
            )
        self._variance.update((angle, sigma**2) for angle, sigma in pairs)

    def _iterate(self) -> IterationState:
        distance, prior, length = self._engine.step()
        self.iteration += 1
        entries = (distance, prior, length, self.radius, float(self.n_tilts))
        for key, value in zip(_HISTORY, entries, strict=True):
            self.history[key].append(value)
        for listener in list(self._listeners):
            listener(self)
        return IterationState(self.iteration, self.x, distance, prior, length)

    def _background_step(self) -> bool:
        if self.n_tilts == 0:
            return False
        self._iterate()
        return not self._at_rest()

    def _at_rest(self) -> bool:
        steps = self.history["step"]
        if not self._engine.iterative:
            return steps[-1] == 0
        # A change is felt one iteration late: what was still before it says nothing.
        changed = self.events[-1].iteration if self.events else 0
        if self.iteration - changed < _STILL_FOR or len(steps) < _STILL_FOR:
            return False
        return max(steps[-_STILL_FOR:]) <= _STILL * float(np.linalg.norm(self.x))

    def _snapshot(self) -> Snapshot:
        latest = {key: values[-1] if values else math.nan for key, values in self.history.items()}
        known = self.n_tilts > 0 and (self._units == "noise" or self._sigma is not None)
        return Snapshot(
            iteration=self.iteration,
            x=self.x.copy(),
            data_distance=latest["data_distance"],
            prior=latest["prior"],
            step=latest["step"],
            radius=self.radius,
            epsilon=self._epsilon,
            noise_norm=self.noise_norm if known else math.nan,
            n_tilts=self.n_tilts,
            angles_deg=self.angles_deg,
        )

    def _result(self) -> Reconstruction:
        self._refuse_empty()
        series = self.series
        known = self._units == "noise" or self._sigma is not None
        distance = self.history["data_distance"][-1] if self.iteration else math.nan
        return Reconstruction(
            x=self.x.copy(),
            algorithm=self._engine.algorithm,
            parameters={
                "iterations": self.iteration,
                "epsilon": self.radius,
                "nonnegative": self._nonnegative,
                **({"support": "given"} if self._support is not None else {}),
                **({"schedule": self.schedule} if self.method == "asd_pocs" else {}),
            },
            history={key: list(values) for key, values in self.history.items()},
            converged=False,
            stop_reason=(
                f"taken after {self.iteration} iterations with {self.n_tilts} projections, "
                f"‖Ax − b‖ = {distance / self.radius:.3f} ε"
            ),
            n_iter=self.iteration,
            pixel_size_nm=self.pixel_size_nm,
            geometry=geometry.describe(series),
            provenance=series.history,
            metadata={
                **geometry.origin(series),
                **({"noise_norm": self.noise_norm} if known else {}),
            },
        )

    def _note(self, kind: str, value: Any) -> None:
        self.events.append(Event(self.iteration, kind, value))

    def _refuse_empty(self) -> None:
        if self.n_tilts == 0:
            raise DataError(
                "no projection is there yet. Call add(angle_deg, projection) first, or begin with "
                "a TiltSeries."
            )

    def _checked_support(self, support: ArrayLike) -> np.ndarray:
        check_support(support, self.shape)
        return np.array(support, dtype=bool)


def _shifts_of(series: TiltSeries) -> tuple[ArrayLike, ArrayLike]:
    """Where the tilt axis falls, and how far the images lie displaced along it."""
    A = geometry.operator(series)
    return A.center_shift, A.axial_shift
