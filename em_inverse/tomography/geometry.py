"""What the recipes of this room share: the operator of a series, and the facts to report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import GeometryError, check_shape
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["choices", "describe", "operator", "origin"]


def operator(
    series: TiltSeries,
    shape: tuple[int, ...] | None = None,
    *,
    center_shift: ArrayLike | None = None,
) -> ParallelBeam:
    """Return the projector whose data are `series`.

    What the series knows about its geometry is used as it is, no projection is resampled: where a
    crop has left the tilt axis (``series.center_shift_px``), and the shifts that
    ``align(series, apply=False)`` has found (``metadata["shifts_to_apply_px"]``).

    Parameters
    ----------
    series : TiltSeries
    shape : tuple of int, optional
        Shape of the object: (nz, nx), with the ny of the series added, or (nz, nx, ny). As thick
        as it is wide (nz = nx) unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.

    Raises
    ------
    ParameterError
        When `series` is not a TiltSeries.
    GeometryError
        When `shape` has another number of slices than the series.

    Examples
    --------
    >>> import numpy as np
    >>> operator(TiltSeries(np.ones((3, 8, 2)), [-60, 0, 60]), (4, 8)).in_shape
    (4, 8, 2)
    """
    slices = check_series(series).projections.shape[2:]
    if shape is None:
        full = series.volume_shape
    else:
        full = check_shape(shape, "shape", ndim=(2, 3))
        full = full if len(full) == 3 else (*full, *slices)
        if full[2:] != slices:
            have = f"{slices[0]} slices (y)" if slices else "one slice and no y axis"
            raise GeometryError(
                f"shape is {tuple(shape)}, but the projections {series.projections.shape} have "
                f"{have}. Pass (nz, nx), or leave shape out."
            )
    across = series.center_shift_px if center_shift is None else np.asarray(center_shift)
    along: ArrayLike = 0.0
    shifts = series.metadata.get("shifts_to_apply_px")
    if shifts is not None:
        # The projections lie where the stage left them: opposite to the way they should be moved.
        across = across - shifts[:, 0]
        along = -shifts[:, 1] if slices else 0.0
    return ParallelBeam(
        full,
        series.angles_deg,
        series.projections.shape[1],
        center_shift=across,
        axial_shift=along,
    )


def describe(series: TiltSeries) -> dict[str, Any]:
    """Return the facts about a tilt series that every published tomogram owes."""
    low, high = series.tilt_range_deg
    facts: dict[str, Any] = {
        "tilt_min_deg": low,
        "tilt_max_deg": high,
        "tilt_step_deg": series.tilt_step_deg,
        "tilt_step_uniform": _uniform(series),
        "n_projections": series.n_tilts,
        "dose_e_per_nm2": series.dose,
        "data_norm": float(np.linalg.norm(series.projections)),
    }
    if series.generated.any():
        facts["n_generated"] = int(series.generated.sum())
        facts["generated_by"] = dict(series.metadata.get("filling") or {}).get("method")
    return facts


def choices(
    series: TiltSeries, *, center_shift: ArrayLike | None, initial: ArrayLike | None = None
) -> dict[str, Any]:
    """Return what the caller chose beyond the method's own parameters, as far as it matters."""
    chosen: dict[str, Any] = {}
    if center_shift is not None and np.any(np.asarray(center_shift)):
        chosen["center_shift"] = np.asarray(center_shift).tolist()
    elif np.any(series.center_shift_px):
        chosen["tilt axis"] = "where the series knows it"
    if "shifts_to_apply_px" in series.metadata:
        chosen["shifts"] = "inside the projector"
    if initial is not None:
        chosen["initial"] = "given"
    return chosen


def origin(series: TiltSeries) -> dict[str, Any]:
    """Return what a reconstruction must remember of its data: that they were simulated, if so."""
    return {"synthetic": True} if series.metadata.get("synthetic") else {}


def _uniform(series: TiltSeries) -> bool | None:
    """Whether all steps are the same within a tenth: goniometers are not exact."""
    if series.tilt_step_deg is None:
        return None
    steps = np.diff(np.sort(series.angles_deg))
    return bool(np.abs(steps - series.tilt_step_deg).max() <= 0.1 * series.tilt_step_deg)
