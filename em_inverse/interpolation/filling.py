"""fill: frames between those that were recorded, and the mark that they were not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    GeometryError,
    ParameterError,
    check_angles,
    check_choice,
    check_integer,
)
from em_inverse.interpolation.bow_tie import BowTie
from em_inverse.interpolation.choice import choose
from em_inverse.interpolation.geometric import fill_geometric
from em_inverse.interpolation.network import fill_network
from em_inverse.interpolation.total_variation import fill_tv
from em_inverse.interpolation.weights import cubic_weights, linear_weights, weighted
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["METHODS", "fill"]

METHODS = (
    "auto",
    "linear",
    "cubic",
    "band_limited",
    "geometric",
    "tv",
    "network",
    "network_frames",
)
"""The ways to fill."""

_SAME = 1e-6
_RECORDS = ("background", "shifts_px", "tilt_scale", "drift_px")


def fill(
    series: TiltSeries,
    factor: int = 2,
    method: str = "auto",
    *,
    angles_deg: ArrayLike | None = None,
    n_iter: int | None = None,
    shown: TiltSeries | None = None,
) -> TiltSeries:
    """Fill a tilt series: put generated frames between the recorded ones.

    - ``linear``: straight lines between neighbours, pixel by pixel. What moves becomes two ghosts.
    - ``cubic``: cubic splines through all frames, pixel by pixel.
    - ``band_limited``: uses that a point turns on a sinusoid, so that detail k at a radius r varies
      with the tilt no faster than 2π k r. Nearly exact for dense tilts. See
      :mod:`em_inverse.interpolation.bow_tie`.
    - ``geometric``: reconstructs an object x ≥ 0, projects it where frames are missing, and adds
      what it does not explain. Good for sparse tilts, wrong where x ≥ 0 is: a background that was
      not subtracted, a probe with strong aberrations. See
      :mod:`em_inverse.interpolation.geometric`.
    - ``tv``: of the objects x ≥ 0 the one of least total variation that explains the frames, its
      weight found by frames held out. Best for sparse or noisy tilts of objects with few edges;
      takes some five times as long. See :mod:`em_inverse.interpolation.total_variation`.
    - ``network``: a small network weighs the object of the geometric way against the straight line,
      pixel by pixel, and corrects; it has learned from simulated metal particles at 0.036 nm per
      pixel and gaps up to 24°, and draws such particles. See
      :mod:`em_inverse.interpolation.network`.
    - ``network_frames``: the same network without the object. It sees the two to four frames around
      only, as published ones do; to compare with.
    - ``auto``: the one of the first five that is expected to be least wrong, see
      :func:`em_inverse.interpolation.choose`. It takes none that has learned from other specimens.

    **A filled frame is not a measurement.** It holds what the recorded frames and an assumption
    imply, and no electron. ``filled.generated`` says which frames those are; the history, every
    report of a reconstruction and every file written say it as well.

    Parameters
    ----------
    series : TiltSeries
        At least two tilts, in any order and at any angles; one slice or many. Aligned: shifts that
        were found but not applied are refused.
    factor : int, ≥ 1
        Every gap between neighbouring angles is divided by so much. 1 adds nothing.
    method : str
        One of :data:`METHODS`.
    angles_deg : array_like, optional
        Angles of the frames to add, between the smallest and the largest recorded one, instead of
        `factor`.
    n_iter : int, optional
        Iterations of the geometric way, and of the object that the network sees, by frames held out
        unless given; or of total variation, 200 unless given.
    shown : TiltSeries, optional
        For ``network``: `series` filled in another way, whose frames the network is shown instead
        of those of the geometric way: to save time where those are there already, or to show it a
        better object, that of ``tv``. What it is shown decides most of what it makes.

    Returns
    -------
    TiltSeries
        In the order of the angles. Recorded frames are what they were, bit by bit. Where all of
        them are ≥ 0, so are the others. The dose stays that of the recorded frames.
        ``metadata["filling"]`` holds method and reason.

    Raises
    ------
    DataError
        When the network is asked to fill a single slice, or is shown frames of another shape.
    ParameterError
        When the method is unknown, the factor no whole number ≥ 1, or `series` or `shown` no
        TiltSeries; when `shown` is given for another method, or along with `n_iter`.
    GeometryError
        When there are fewer than two different angles, when new angles lie outside of those
        recorded, when `shown` lacks some of them, or when shifts wait to be applied.

    Examples
    --------
    >>> series = TiltSeries([[0.0, 2.0], [1.0, 0.0], [1.0, 1.0]], [-10, 10, 0])
    >>> filled = fill(series, 2, "linear")
    >>> filled.angles_deg, filled.generated
    (array([-10.,  -5.,   0.,   5.,  10.]), array([False,  True, False,  True, False]))
    >>> filled.projections[1]
    array([0.5, 1.5])
    """
    check_series(series)
    check_choice(method, "method", METHODS)
    times = check_integer(factor, "factor", minimum=1)
    if n_iter is not None:
        n_iter = check_integer(n_iter, "n_iter", minimum=1)
    if shown is not None:
        _check_shown(shown, series, method, n_iter)
    shift = _settled_axis(series)
    angles, frames = _nodes(series)
    new = _between(angles, times) if angles_deg is None else _given(angles_deg, angles)
    if new.size == 0:
        return series.sort()
    choice: dict[str, Any] = {"method": method, "reason": "asked for"}
    weight = None
    if method == "auto":
        found = choose(angles, frames, new, shift)
        weight = found.weight
        if n_iter is None and found.method == "geometric":
            n_iter = found.n_iter
        choice = {
            "method": found.method,
            "reason": found.reason,
            "expected_rmse": found.expected_rmse,
            "nyquist_step_deg": found.nyquist_step_deg,
        }
    if shown is None:
        made = _made(choice["method"], angles, frames, new, shift, n_iter, weight)
    else:
        made = fill_network(angles, frames, new, shift, turned=_frames_at(shown, new))
        choice["shown"] = shown.metadata.get("filling", {}).get("method", "unknown")
    if series.projections.min() >= 0:
        np.maximum(made, 0, out=made)
    return _joined(series, new, made, choice)


def _made(
    method: str,
    angles: np.ndarray,
    frames: np.ndarray,
    new: np.ndarray,
    shift: float,
    n_iter: int | None,
    weight: float | None,
) -> np.ndarray:
    if method == "linear":
        return weighted(linear_weights(angles, new), frames)
    if method == "cubic":
        return weighted(cubic_weights(angles, new), frames)
    if method == "band_limited":
        return BowTie(angles, frames, shift).predict(new)
    if method == "tv":
        return fill_tv(angles, frames, new, shift, n_iter, weight).frames
    if method == "network":
        return fill_network(angles, frames, new, shift, n_iter)
    if method == "network_frames":
        return fill_network(angles, frames, new, shift, n_iter=0)
    return fill_geometric(angles, frames, new, shift, n_iter).frames


def _check_shown(shown: Any, series: TiltSeries, method: str, n_iter: int | None) -> None:
    check_series(shown, "shown")
    if method != "network" or n_iter is not None:
        raise ParameterError(
            f"shown is given along with method={method!r} and n_iter={n_iter}; it is for "
            f"method='network', instead of the object that n_iter iterations would find. Leave it "
            f"out."
        )
    if shown.projections.shape[1:] != series.projections.shape[1:]:
        raise DataError(
            f"shown has frames of shape {shown.projections.shape[1:]}, but series has "
            f"{series.projections.shape[1:]}. Pass the same series, filled in another way."
        )


def _frames_at(shown: TiltSeries, angles: np.ndarray) -> np.ndarray:
    """Return the frames of a filled series at some angles."""
    apart = np.abs(shown.angles_deg[:, None] - angles)
    nearest = apart.argmin(axis=0)
    lacking = angles[apart.min(axis=0) > _SAME]
    if lacking.size:
        raise GeometryError(
            f"shown has no frame at {lacking[0]:g}°, and {lacking.size} of {angles.size} are "
            f"lacking. Fill it with the same factor or angles_deg."
        )
    return shown.projections[nearest]


def _settled_axis(series: TiltSeries) -> float:
    if "shifts_to_apply_px" in series.metadata:
        raise GeometryError(
            "series has shifts that were found but not applied (metadata['shifts_to_apply_px']), "
            "and frames that do not fit each other cannot be filled between. Align with "
            "tomography.align(series, apply=True) first."
        )
    shift = np.asarray(series.center_shift_px, dtype=float)
    if shift.ndim and np.ptp(shift) > _SAME:
        raise GeometryError(
            "series has a tilt axis that falls elsewhere in every frame "
            "(metadata['center_shift_px'] is a list). Align it first."
        )
    return float(shift.mean())


def _nodes(series: TiltSeries) -> tuple[np.ndarray, np.ndarray]:
    """Rising angles, none twice, and their frames; the mean where an angle was recorded twice."""
    order = np.argsort(series.angles_deg, kind="stable")
    angles, frames = series.angles_deg[order], series.projections[order]
    first = np.flatnonzero(np.diff(angles, prepend=-np.inf) > _SAME)
    if first.size < 2:
        raise GeometryError(
            f"series has {series.n_tilts} projection(s) at {first.size} different angle(s); "
            f"filling needs at least two."
        )
    if first.size < angles.size:
        counts = np.diff(first, append=angles.size).reshape(-1, *(1,) * (frames.ndim - 1))
        frames = (np.add.reduceat(frames, first, axis=0) / counts).astype(frames.dtype)
        angles = angles[first]
    return angles, frames


def _between(angles: np.ndarray, times: int) -> np.ndarray:
    parts = np.arange(1, times) / times
    return (angles[:-1, None] + np.diff(angles)[:, None] * parts).ravel()


def _given(angles_deg: ArrayLike, angles: np.ndarray) -> np.ndarray:
    wanted = np.unique(check_angles(angles_deg))
    if wanted[0] < angles[0] or wanted[-1] > angles[-1]:
        raise GeometryError(
            f"angles_deg reaches from {wanted[0]:g} to {wanted[-1]:g}, but frames were recorded "
            f"from {angles[0]:g} to {angles[-1]:g} only. Filling does not go beyond them."
        )
    near = np.clip(np.searchsorted(angles, wanted), 1, angles.size - 1)
    apart = np.minimum(np.abs(wanted - angles[near - 1]), np.abs(wanted - angles[near]))
    return wanted[apart > _SAME]


def _joined(
    series: TiltSeries, new: np.ndarray, made: np.ndarray, choice: dict[str, Any]
) -> TiltSeries:
    angles = np.concatenate([series.angles_deg, new])
    order = np.argsort(angles, kind="stable")
    marks = np.concatenate([series.generated, np.ones(new.size, bool)])[order]
    metadata: dict[str, Any] = {"generated": marks, "filling": choice}
    for name in _RECORDS:
        record = series.metadata.get(name)
        if record is not None and np.shape(record)[:1] == (series.n_tilts,):
            known = np.asarray(record, dtype=float)
            unknown = np.full((new.size, *known.shape[1:]), np.nan)
            metadata[name] = np.concatenate([known, unknown])[order]
    why = "" if choice["reason"] == "asked for" else f", chosen because {choice['reason']}"
    if "shown" in choice:
        why = f", shown those of {choice['shown'].replace('_', '-')} filling"
    return series.replace(
        projections=np.concatenate([series.projections, made.astype(series.projections.dtype)])[
            order
        ],
        angles_deg=angles[order],
        metadata=metadata,
        step=(
            f"GENERATED frames added: {new.size} of {angles.size} were not recorded but made from "
            f"the others ({choice['method'].replace('_', '-')} filling{why})"
        ),
    )
