"""What all iterative solvers share: being an iterator, keeping a history, stopping, being saved.

A solver is stepped by a ``for`` loop. Between two steps anything may change: λ, ε, the data. That
is all that early stopping, progress bars, live widgets and checkpoints need.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from em_inverse.errors import (
    ChecksumError,
    DataError,
    FileFormatError,
    check_integer,
    check_number,
)
from em_inverse.files import replacing
from em_inverse.tilt_series import Reconstruction

__all__ = ["IterationState", "Solver", "StopRule", "discrepancy", "relative_change", "small_gap"]

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

    def __init__(self, stop: StopRule | Sequence[StopRule] = ()) -> None:
        self.stop_rules: list[StopRule] = [stop] if callable(stop) else list(stop)
        self.iteration = 0
        self.history: dict[str, list[float]] = {"data_distance": [], "prior": [], "step": []}
        self.converged = False
        self.stop_reason = "not started"

    def _step(self) -> tuple[float, float, float]:
        raise NotImplementedError(f"{type(self).__name__} must define _step()")

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {}

    def __iter__(self) -> Iterator[IterationState]:
        while True:
            yield self.step()
            if self._finished():
                return

    def step(self) -> IterationState:
        """Make one iteration and return the new state."""
        distance, prior, length = self._step()
        self.iteration += 1
        self.converged, self.stop_reason = False, f"stopped after {self.iteration} iterations"
        for name, value in zip(self.history, (distance, prior, length), strict=False):
            self.history[name].append(value)
        return IterationState(self.iteration, self.x, distance, prior, length)

    def run(self, n_iter: int, *, progress: bool = False) -> Reconstruction:
        """Run until a stop rule holds, for at most `n_iter` further iterations.

        Parameters
        ----------
        n_iter : int
            Limit of iterations.
        progress : bool
            Show a progress bar on stderr. An interrupt (Ctrl-C) leaves the solver as it was after
            the last finished iteration; call `run` again to go on.

        Returns
        -------
        Reconstruction
            With a copy of the object, so that running on does not change it.
        """
        n_iter = check_integer(n_iter, "n_iter", minimum=1)
        from tqdm.auto import tqdm

        with tqdm(total=n_iter, desc=self.algorithm, unit="it", disable=not progress) as bar:
            for _ in range(n_iter):
                state = self.step()
                bar.update()
                bar.set_postfix_str(f"‖Hx−y‖ = {state.data_distance:.4g}", refresh=False)
                if self._finished():
                    break
            else:
                self.stop_reason = f"limit of {n_iter} iterations"
        return self.result()

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
        arrays = {name: np.asarray(getattr(self, name)) for name in self._state_names}
        header = {
            "solver": type(self).__name__,
            "iteration": self.iteration,
            "history": self.history,
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
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["_header"]))
                iteration = int(header["iteration"])
                history = {name: list(values) for name, values in header["history"].items()}
                arrays = {name: file[name] for name in self._state_names}
        except FileNotFoundError:
            raise
        except Exception as error:
            raise FileFormatError(
                f"{path} is not a checkpoint of {type(self).__name__} ({error})."
            ) from None
        if header.get("solver") != type(self).__name__:
            raise FileFormatError(
                f"{path} is a checkpoint of {header.get('solver')}, not of {type(self).__name__}."
            )
        if header.get("sha256") != _fingerprint(arrays):
            raise ChecksumError(f"{path} is damaged: its arrays do not match their checksum.")
        if arrays["x"].shape != self.x.shape:
            raise DataError(
                f"{path} holds an object of shape {arrays['x'].shape}, but this solver works on "
                f"shape {self.x.shape}."
            )
        for name, value in arrays.items():
            here = np.asarray(getattr(self, name))
            if value.shape != here.shape:
                raise DataError(
                    f"{path} belongs to another problem: its {name.strip('_')} has shape "
                    f"{value.shape}, but {here.shape} is needed here. Make the solver with the "
                    f"operator and data of the checkpoint."
                )
            arrays[name] = value.astype(here.dtype)
        for name, value in arrays.items():
            setattr(self, name, value if value.ndim else value.item())
        self.iteration, self.history = iteration, history
        self.converged, self.stop_reason = False, f"resumed after {self.iteration} iterations"


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


def _fingerprint(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(str(arrays[name].dtype).encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
