"""What the iterative recipes of this room share: when to stop, where to save, what to report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import ParameterError, check_array, check_choice, check_number
from em_inverse.files import expanded
from em_inverse.solvers import (
    Solver,
    StopRule,
    discrepancy,
    held_out,
    relative_change,
    small_gap,
)
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography import geometry
from em_inverse.tomography.held_out import hold_out

__all__ = ["STOPS", "Make", "data_of", "reconstruct", "rules"]

STOPS = ("discrepancy", "relative_change", "held_out")
"""The names of the stop rules for which early stopping is the regularisation."""

#: Makes the solver of some of the tilts: its projector, their indices, its stop rules.
Make = Callable[[Any, np.ndarray, list[StopRule]], Solver]

_EVERY = 10
_PATIENCE = 5


def reconstruct(
    make: Make,
    series: TiltSeries,
    A: Any,
    n_iter: int,
    *,
    stop: str | None = None,
    tolerance: float | None = None,
    noise_norm: float | None = None,
    allowed: tuple[str, ...] = STOPS,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    chosen: dict[str, Any],
) -> Reconstruction:
    """Run a solver to its end and return the result with everything a report owes.

    Parameters
    ----------
    make : callable
        Makes the solver from a projector, the indices of its tilts, and stop rules.
    series : TiltSeries
    A : LinearOperator
        Projector of the series, with a method ``subset``.
    n_iter : int
        Limit of iterations.
    stop, tolerance, noise_norm
        As the recipes document them.
    allowed : tuple of str
        The stop rules this recipe knows.
    progress : bool
    checkpoint : path, optional
        Where to save, and from where to go on if it exists.
    chosen : dict
        What the caller chose beyond the solver's own parameters.
    """
    found = rules(stop, tolerance, noise_norm, allowed)
    everything = np.arange(series.n_tilts)
    search: dict[str, Any] = {}
    if stop == "held_out":
        n_iter, search = _best_number(make, series, A, n_iter, found, progress, checkpoint)
        found = []
    solver = make(A, everything, found)
    result = solver.run(n_iter, progress=progress, checkpoint=checkpoint, resume=True)
    if search:
        result.converged, result.stop_reason = search.pop("converged"), search.pop("reason")
    return dataclasses.replace(
        result,
        x=np.asarray(result.x),
        parameters={**result.parameters, **chosen, **search.pop("parameters", {})},
        pixel_size_nm=series.pixel_size_nm,
        geometry=geometry.describe(series),
        provenance=series.history,
        metadata={**result.metadata, **geometry.origin(series), **search},
    )


def rules(
    stop: str | None,
    tolerance: float | None,
    noise_norm: float | None,
    allowed: tuple[str, ...] = STOPS,
) -> list[StopRule]:
    """Return the stop rules that a recipe's arguments ask for, "held_out" excepted.

    Raises
    ------
    ParameterError
        When `stop` is none of `allowed`, or "discrepancy" comes without a noise norm.
    """
    if stop is not None:
        check_choice(stop, "stop", allowed)
    found: list[StopRule] = []
    if stop == "discrepancy":
        if noise_norm is None:
            raise ParameterError(
                "stop='discrepancy' needs noise_norm, the ‖noise‖ of all projections together: "
                "s√M for noise of standard deviation s on M pixels. tomography.noise_level(series) "
                "estimates it; or stop by 'held_out', which needs no noise level."
            )
        found.append(discrepancy(noise_norm))
    if stop == "gap":
        found.append(small_gap(1e-2 if tolerance is None else tolerance))
    elif stop == "relative_change" or tolerance is not None:
        tolerance = 1e-3 if tolerance is None else tolerance
        found.append(
            relative_change(check_number(tolerance, "tolerance", minimum=0, exclusive=True))
        )
    return found


def _best_number(
    make: Make,
    series: TiltSeries,
    A: Any,
    n_iter: int,
    found: list[StopRule],
    progress: bool,
    checkpoint: str | os.PathLike[str] | None,
) -> tuple[int, dict[str, Any]]:
    """Number of iterations that explains projections put aside best, and what to say of it."""
    kept, held = _split(series)
    rule = held_out(A.subset(held), series.projections[held], _PATIENCE)
    solver = make(A.subset(kept), kept, [rule, *found])
    path = None
    if checkpoint is not None:
        given = expanded(checkpoint, "checkpoint")
        path = Path(given.with_name(f"{given.stem}.search{given.suffix}"))
    result = solver.run(n_iter, progress=progress, checkpoint=path, resume=True)
    best, count = rule.best_iteration, len(held)
    reason = (
        f"{best} iterations explain {count} projections held out best; made again with all "
        f"{series.n_tilts}"
    )
    since = result.n_iter - best
    if since < _PATIENCE:
        trend = "still falling" if since == 0 else f"up for {since} of {_PATIENCE} iterations only"
        reason += f". The held-out error was {trend} when the search ended: {result.stop_reason}"
        reason += "" if result.converged else "; allow more"
    return best, {
        "converged": result.converged,
        "reason": reason,
        "parameters": {"stop": f"held-out projections ({count} of {series.n_tilts})"},
        "held_out_distance": list(rule.errors),
    }


def _split(series: TiltSeries) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the tilts kept and held out: `hold_out` of a series that holds its indices."""
    numbers = TiltSeries(np.arange(series.n_tilts, dtype=np.float64)[:, None], series.angles_deg)
    kept, held = hold_out(numbers, _EVERY)
    return kept.projections[:, 0].astype(int), held.projections[:, 0].astype(int)


def data_of(series: TiltSeries, tilts: np.ndarray) -> np.ndarray:
    """Projections of some tilts; the very array of the series where they are all."""
    whole = len(tilts) == series.n_tilts
    return series.projections if whole else check_array(series.projections[tilts], "projections")
