"""What all iterative solvers share: being an iterator, keeping a history, stopping, being saved.

A solver is stepped by a ``for`` loop. Between two steps anything may change: λ, ε, the data. That
is all that early stopping, progress bars, live widgets and checkpoints need.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    ChecksumError,
    DataError,
    FileFormatError,
    ParameterError,
    check_array,
    check_integer,
    check_number,
)
from em_inverse.files import check_target, replacing
from em_inverse.forward.operator import LinearOperator, as_operator
from em_inverse.tilt_series import Reconstruction

__all__ = [
    "HeldOutDistance",
    "IterationState",
    "Solver",
    "StopRule",
    "discrepancy",
    "held_out",
    "relative_change",
    "small_gap",
]

#: A stop rule looks at a solver after an iteration and says why to stop, or None to go on.
StopRule = Callable[["Solver"], "str | None"]


@dataclass(frozen=True)
class IterationState:
    """What a solver yields after each iteration.

    Attributes
    ----------
    iteration : int
        Number of iterations done so far, from 1.
    x : ndarray
        The current object. It belongs to the solver: copy it to keep it.
    data_distance : float
        ‖Hx − y‖₂.
    prior : float
        R(x), 0 where there is none.
    step : float
        ‖x_k − x_{k−1}‖₂.
    """

    iteration: int
    x: np.ndarray
    data_distance: float
    prior: float
    step: float


class Solver:
    """Base of the iterative solvers.

    Subclasses set `x` in ``__init__``, name the attributes that carry their state in
    ``_state_names``, and implement ``_step()``, which makes one iteration and returns the data
    distance, the prior's value and the length of the step.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.solvers import CGLS
    >>> solver = CGLS(np.diag([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0])
    >>> for state in solver:
    ...     if state.iteration == 3:
    ...         break
    >>> solver.x.round(6)
    array([1., 1., 1.])
    """

    algorithm: ClassVar[str] = "solver"
    _state_names: ClassVar[tuple[str, ...]] = ("x",)

    x: np.ndarray
    H: Any
    _y: np.ndarray

    def __init__(self, stop: StopRule | Sequence[StopRule] = ()) -> None:
        self.stop_rules: list[StopRule] = [stop] if callable(stop) else list(stop)
        self.iteration = 0
        self.history: dict[str, list[float]] = {"data_distance": [], "prior": [], "step": []}
        self.converged = False
        self.stop_reason = "not started"

    def _step(self) -> tuple[float, float, float]:
        raise NotImplementedError(f"{type(self).__name__} must define _step()")

    @property
    def y(self) -> np.ndarray:
        """The data. They may be replaced between two iterations by others that fit H."""
        fidelity: Any = getattr(self, "data", None)
        data: np.ndarray = self._y if fidelity is None else fidelity.y
        return data

    @y.setter
    def y(self, value: ArrayLike) -> None:
        fidelity: Any = getattr(self, "data", None)
        if fidelity is None:
            self._y = check_array(value, "y", shape=self.H.out_shape, dtype=self.H.dtype)
        else:
            fidelity.y = value
        self._data_replaced()

    def _data_replaced(self) -> None:
        """Begin anew what was worked out from the data; most solvers keep nothing of the kind."""

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {}

    def __iter__(self) -> Iterator[IterationState]:
        while True:
            yield self.step()
            if self._finished():
                return

    def step(self) -> IterationState:
        """Make one iteration and return the new state.

        Ctrl-C waits until the iteration is finished, so that it always finds a state from which to
        go on; pressed twice it does not wait.
        """
        with _whole_iterations():
            distance, prior, length = self._step()
            self.iteration += 1
            self.converged, self.stop_reason = False, f"stopped after {self.iteration} iterations"
            for name, value in zip(self.history, (distance, prior, length), strict=False):
                self.history[name].append(value)
        return IterationState(self.iteration, self.x, distance, prior, length)

    def run(
        self,
        n_iter: int,
        *,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every_s: float = 60.0,
        resume: bool = False,
    ) -> Reconstruction:
        """Run until a stop rule holds, for at most `n_iter` further iterations.

        Parameters
        ----------
        n_iter : int
            Limit of iterations.
        progress : bool
            Show a progress bar on stderr. An interrupt (Ctrl-C) leaves the solver as it was after
            the last finished iteration; call `run` again to go on.
        checkpoint : path, optional
            Save the complete state there (``.npz``) every so often, at the end, and when
            interrupted. The file is replaced as a whole: a run that is killed leaves the previous
            checkpoint intact.
        every_s : float
            Seconds between checkpoints.
        resume : bool
            Go on from `checkpoint` where it exists. The limit `n_iter` then counts the iterations
            of the checkpoint as well, so the same call, made again after an interruption, ends
            where the uninterrupted one would have.

        Returns
        -------
        Reconstruction
            With a copy of the object, so that running on does not change it.

        Raises
        ------
        ParameterError
            When `checkpoint` exists and `resume` is False, when it was made with other parameters,
            or when it holds more than `n_iter` iterations.
        DataError
            When the checkpoint was made with other data, another operator (other angles, another
            position of the tilt axis), or another support.
        """
        n_iter = check_integer(n_iter, "n_iter", minimum=1)
        left = n_iter
        saver = None
        if checkpoint is not None:
            saver = _Saver(self, checkpoint, every_s, resume)
            if resume and saver.path.exists():
                self._resume(saver.path)
                left = n_iter - self.iteration
                if left < 0:
                    raise ParameterError(
                        f"{n_iter} iterations (n_iter) are asked for, but checkpoint "
                        f"{str(saver.path)!r} holds {self.iteration} already, and there is no way "
                        f"back. Ask for {self.iteration} or more, give another path, or delete the "
                        f"file to begin anew."
                    )
                if self.iteration > 0 and self._finished():
                    return self.result()
        try:
            self._iterate(left, n_iter, progress, saver)
        finally:
            if saver is not None:
                saver.save()
        return self.result()

    def _iterate(self, left: int, n_iter: int, progress: bool, saver: _Saver | None) -> None:
        from tqdm.auto import tqdm

        bar = tqdm(
            total=n_iter,
            initial=n_iter - left,
            desc=self.algorithm,
            unit="it",
            disable=not progress,
        )
        with bar:
            for _ in range(left):
                state = self.step()
                bar.update()
                bar.set_postfix_str(f"‖Hx−y‖ = {state.data_distance:.4g}", refresh=False)
                if self._finished():
                    return
                if saver is not None:
                    saver.save_if_due()
        self.stop_reason = f"limit of {n_iter} iterations"

    def _resume(self, path: Path) -> None:
        """Load a checkpoint after making sure that it belongs to the same problem."""
        here = {**self._problem(), "parameters": _settled(self.parameters())}
        there = _read_header(path, type(self).__name__)
        for name, what in (("data", "other data"), ("operator", "another operator or support")):
            if there.get(name) != here[name]:
                raise DataError(
                    f"checkpoint {str(path)!r} was made with {what}. Give another path, or delete "
                    f"the file to begin anew."
                )
        theirs = there.get("parameters", {})
        ours = here["parameters"]
        other = [name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
        if other:
            said = ", ".join(f"{n} = {theirs.get(n)} (now {ours.get(n)})" for n in other)
            raise ParameterError(
                f"checkpoint {str(path)!r} was made with {said}. Give another path, or delete the "
                f"file to begin anew."
            )
        self.load(path)

    def _problem(self) -> dict[str, Any]:
        """What tells this problem from another of the same shape: fingerprints of y, and of H."""
        source = getattr(self, "data", self)
        y, H = getattr(source, "y", None), getattr(source, "H", None)
        support = getattr(getattr(self, "subsets", self), "support", None)
        if support is None:
            # FISTA's name for it.
            support = getattr(self, "_inside", None)
        arrays = {} if H is None else _arrays_of(H)
        if support is not None and not np.all(support):
            arrays["support"] = np.asarray(support)
        return {
            "data": None if y is None else _fingerprint({"y": np.asarray(y)}),
            "operator": _fingerprint(arrays),
        }

    def _finished(self) -> bool:
        for rule in self.stop_rules:
            reason = rule(self)
            if reason is not None:
                self.converged, self.stop_reason = True, reason
                return True
        return False

    def result(self) -> Reconstruction:
        """Return what has been reached so far."""
        return Reconstruction(
            x=self.x.copy(),
            algorithm=self.algorithm,
            parameters=self.parameters(),
            history={name: list(values) for name, values in self.history.items()},
            converged=self.converged,
            stop_reason=self.stop_reason,
            n_iter=self.iteration,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the complete state to an ``.npz`` file.

        The file is written under a temporary name, flushed and renamed, so that `path` holds either
        the previous checkpoint or this one, never half of one.
        """
        arrays = self.state()
        header = {
            "solver": type(self).__name__,
            "iteration": self.iteration,
            "history": self.history,
            "parameters": _settled(self.parameters()),
            **self._problem(),
            "sha256": _fingerprint(arrays),
        }
        with replacing(path, overwrite=True) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, _header=np.array(json.dumps(header)), **arrays)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go back to the state in a file written by :meth:`save`.

        The solver must have been made with the same kind of problem; its operator, data and
        parameters stay as they are.

        Raises
        ------
        FileFormatError
            When the file is not a checkpoint of this kind of solver.
        ChecksumError
            When its arrays are not the ones that were saved.
        DataError
            When the state has another shape.
        """
        header = _read_header(path, type(self).__name__)
        try:
            with np.load(path, allow_pickle=False) as file:
                iteration = int(header["iteration"])
                history = {name: list(values) for name, values in header["history"].items()}
                arrays = {name: file[name] for name in self._state_names}
        except Exception as error:
            raise FileFormatError(
                f"{path} is not a checkpoint of {type(self).__name__} ({error})."
            ) from None
        if header.get("sha256") != _fingerprint(arrays):
            raise ChecksumError(f"{path} is damaged: its arrays do not match their checksum.")
        if arrays["x"].shape != self.x.shape:
            raise DataError(
                f"{path} holds an object of shape {arrays['x'].shape}, but this solver works on "
                f"shape {self.x.shape}."
            )
        self.restore(arrays, str(path))
        self.iteration, self.history = iteration, history
        self.converged, self.stop_reason = False, f"resumed after {self.iteration} iterations"

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays from which the next iteration starts, by name; they are not copies."""
        return {name: np.asarray(getattr(self, name)) for name in self._state_names}

    def restore(self, arrays: dict[str, np.ndarray], source: str = "the state") -> None:
        """Go back to a state that :meth:`state` returned, in this process or in another one.

        Parameters
        ----------
        arrays : dict of str to ndarray
        source : str
            Where it comes from, for the error.

        Raises
        ------
        DataError
            When something is missing, or has another shape than here.
        """
        settled = {}
        for name in self._state_names:
            value, here = arrays.get(name), np.asarray(getattr(self, name))
            if value is None or value.shape != here.shape:
                what = "is missing" if value is None else f"has shape {value.shape}"
                raise DataError(
                    f"{source} belongs to another problem: its {name.strip('_')} {what}, but "
                    f"{here.shape} is needed here. Make the solver with the operator and data of "
                    f"the checkpoint."
                )
            settled[name] = value.astype(here.dtype)
        for name, value in settled.items():
            setattr(self, name, value if value.ndim else value.item())


def discrepancy(noise_norm: float, tau: float = 1.0) -> StopRule:
    """Stop when ‖Hx − y‖ ≤ τ · noise norm: from there on a solver would fit the noise.

    Parameters
    ----------
    noise_norm : float
        ‖ε‖₂; s√M for Gaussian noise of standard deviation s on M values.
    tau : float
        Safety factor.
    """
    target = check_number(noise_norm, "noise_norm", minimum=0, exclusive=True) * check_number(
        tau, "tau", minimum=0, exclusive=True
    )

    def rule(solver: Solver) -> str | None:
        distance = solver.history["data_distance"][-1]
        return f"data distance {distance:.4g} ≤ {target:.4g}" if distance <= target else None

    return rule


def relative_change(tol: float) -> StopRule:
    """Stop when ‖x_k − x_{k−1}‖ ≤ tol · ‖x_k‖."""
    tol = check_number(tol, "tol", minimum=0, exclusive=True)

    def rule(solver: Solver) -> str | None:
        length = float(np.linalg.norm(solver.x))
        return f"relative change ≤ {tol:g}" if solver.history["step"][-1] <= tol * length else None

    return rule


def small_gap(tol: float = 1e-4, every: int = 25) -> StopRule:
    """Stop when the solver's relative duality gap, looked at every few iterations, is ≤ tol."""
    tol = check_number(tol, "tol", minimum=0, exclusive=True)
    every = check_integer(every, "every", minimum=1)

    def rule(solver: Solver) -> str | None:
        if solver.iteration % every:
            return None
        gap: float = solver.gap()  # type: ignore[attr-defined]
        return f"duality gap ≤ {tol:g}" if gap <= tol else None

    return rule


class HeldOutDistance:
    """The stop rule that :func:`held_out` returns.

    Attributes
    ----------
    errors : list of float
        ‖H_held x − y_held‖ after each iteration; also in the solver's history, as
        ``held_out_distance``, so that it travels with checkpoints and results.
    best_iteration : int
        Iteration with the smallest error; 0 before the first.
    """

    def __init__(self, H_held: Any, y_held: ArrayLike, patience: int) -> None:
        self.H = as_operator(H_held)
        self.y = check_array(y_held, "y_held", shape=self.H.out_shape, dtype=self.H.dtype)
        self.patience = check_integer(patience, "patience", minimum=1)
        self.errors: list[float] = []
        self.best_iteration = 0

    def __call__(self, solver: Solver) -> str | None:
        """Look at the solver after an iteration."""
        self.errors = solver.history.setdefault("held_out_distance", [])
        # A rule asked twice about one iteration, as on resuming, must not count it twice.
        if len(self.errors) < len(solver.history["data_distance"]):
            self.errors.append(float(np.linalg.norm(self.H.forward(solver.x) - self.y)))
        best = int(np.argmin(self.errors))
        since = len(self.errors) - 1 - best
        self.best_iteration = solver.iteration - since
        if since < self.patience:
            return None
        return (
            f"held-out distance has not fallen for {since} iterations (smallest, "
            f"{self.errors[best]:.4g}, at iteration {self.best_iteration})"
        )


def held_out(H_held: Any, y_held: ArrayLike, patience: int = 5) -> HeldOutDistance:
    """Stop when ‖H_held x − y_held‖, of data not used, has not fallen for some iterations.

    What a solver fits beyond the object is noise, and noise of other projections is other noise:
    their distance falls as long as the iterations find the object, and rises when they find noise.
    At the stop the solver is `patience` iterations past its best; make a fresh one and run it for
    ``rule.best_iteration``, on all the data if there are more.

    Parameters
    ----------
    H_held : LinearOperator or matrix
        Maps the object to the data put aside, for instance ``A.subset(held)``.
    y_held : array_like, shape ``H_held.out_shape``
    patience : int
        Iterations without a new minimum after which to stop.

    Returns
    -------
    HeldOutDistance
        The rule, with the attributes ``errors`` and ``best_iteration``.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward import ParallelBeam
    >>> from em_inverse.solvers import SIRT
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> A = ParallelBeam(disc.shape, np.arange(-70, 71, 5))
    >>> y = A @ disc + np.random.default_rng(0).normal(0, 0.5, A.out_shape)
    >>> held = np.arange(29) % 5 == 2
    >>> rule = held_out(A.subset(held), y[held])
    >>> result = SIRT(A.subset(~held), y[~held], stop=rule).run(200)
    >>> result.n_iter - rule.best_iteration
    5
    """
    return HeldOutDistance(H_held, y_held, patience)


class _Saver:
    """Saves a solver now and then."""

    def __init__(
        self, solver: Solver, path: str | os.PathLike[str], every_s: float, resume: bool
    ) -> None:
        self.solver = solver
        self.every_s = check_number(every_s, "every_s", minimum=0)
        self.path = check_target(
            path, overwrite=resume, remedy="pass resume=True to go on from there"
        )
        self._last, self._saved = time.monotonic(), -1

    def save_if_due(self) -> None:
        if time.monotonic() - self._last >= self.every_s:
            self.save()

    def save(self) -> None:
        if self.solver.iteration in (0, self._saved):
            return
        self.solver.save(self.path)
        self._last, self._saved = time.monotonic(), self.solver.iteration


def _settled(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON keeps them, without those that change while a solver runs."""
    kept = {name: value for name, value in parameters.items() if name != "iterations"}
    settled: dict[str, Any] = json.loads(json.dumps(kept))
    return settled


def _read_header(path: str | os.PathLike[str], solver: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            header: dict[str, Any] = json.loads(str(file["_header"]))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise FileFormatError(f"{path} is not a checkpoint of {solver} ({error}).") from None
    if header.get("solver") != solver:
        raise FileFormatError(f"{path} is a checkpoint of {header.get('solver')}, not of {solver}.")
    return header


def _arrays_of(H: Any, name: str = "H") -> dict[str, np.ndarray]:
    """The numbers that make an operator what it is, of the operators it is made of as well."""
    if isinstance(H, LinearOperator):
        public = {key: value for key, value in vars(H).items() if not key.startswith("_")}
    elif isinstance(H, (list, tuple)) and not all(np.isscalar(part) for part in H):
        public = {str(k): part for k, part in enumerate(H)}
    elif hasattr(H, "indptr"):
        public = {key: getattr(H, key) for key in ("indptr", "indices", "data")}
    else:
        array = np.asarray(H)
        return {} if array.dtype == object else {name: array}
    found: dict[str, np.ndarray] = {name: np.array(type(H).__name__)}
    for key, value in public.items():
        found.update(_arrays_of(value, f"{name}.{key}"))
    return found


@contextlib.contextmanager
def _whole_iterations() -> Iterator[None]:
    """Hold Ctrl-C back, where it would arrive, until the end of the block."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    came: list[Any] = []

    def remember(number: int, frame: Any) -> None:
        if came:
            usual(number, frame)
        came.append(frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if came:
        usual(signal.SIGINT, came[0])


def _fingerprint(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(str(arrays[name].dtype).encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
