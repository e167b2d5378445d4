"""What a reconstruction leaves unexplained, projection by projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import GeometryError, ParameterError, check_number
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography import geometry
from em_inverse.tomography.finding import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ResidualPerTilt", "operator_of", "outlying", "residual_per_tilt"]

# Shares of a residual never scatter less than this, so that data without noise raise no flags.
_LEAST_SPREAD = 0.02


@dataclass(frozen=True)
class ResidualPerTilt(Finding):
    """How well each projection is explained.

    Attributes
    ----------
    angles_deg : ndarray, shape (n_tilts,)
    relative : ndarray, shape (n_tilts,)
        ‖Aₜx − bₜ‖ / ‖bₜ‖; infinity where a projection is empty and its re-projection is not.
    norms : ndarray, shape (n_tilts,)
        ‖Aₜx − bₜ‖.
    expected : ndarray, shape (n_tilts,)
        The residual that neighbouring angles let one expect, relative to ‖bₜ‖.
    z : ndarray, shape (n_tilts,)
        How far the logarithm of `relative` lies above the expected one, in robust standard
        deviations.
    limit : float
        From this z on a projection stands out.
    """

    angles_deg: np.ndarray
    relative: np.ndarray
    norms: np.ndarray
    expected: np.ndarray
    z: np.ndarray
    limit: float

    @property
    def flagged(self) -> np.ndarray:
        """Numbers of the projections that stand out, in the order of the series."""
        return np.flatnonzero(self.z > self.limit)

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        usual = f"residual {100 * float(np.median(self.relative)):.3g} % of a projection (median)"
        if not self.flagged.size:
            return f"{usual}; no projection stands out"
        named = ", ".join(f"{self.angles_deg[k]:.4g}°" for k in self.flagged[:6])
        more = f" and {self.flagged.size - 6} more" if self.flagged.size > 6 else ""
        word = "projections stand" if self.flagged.size > 1 else "projection stands"
        found = f"{self.flagged.size} {word} out: {named}{more}"
        return f"{usual}; {found}. Look at them; align or drop them"

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return f"Relative residual of every projection against its tilt angle: {self.verdict}."

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        found = [float(angle) for angle in self.angles_deg[self.flagged]]
        return {"alarms": [f"residual stands out at {a:.4g}°" for a in found]} if found else {}

    def draw(self) -> Figure:
        """Draw the residual of each projection against its angle, outliers marked."""
        from em_inverse.plotting import tomography as figures

        count = self.flagged.size
        title = "No projection stands out: all are explained about equally well"
        if count:
            title = f"{count} of {self.z.size} projections do not fit the others"
        return figures.residual_per_tilt(self, title=title)


def residual_per_tilt(
    result: Reconstruction,
    series: TiltSeries,
    *,
    limit: float = 5.0,
    center_shift: ArrayLike | None = None,
) -> ResidualPerTilt:
    """Return the share of each projection that the reconstruction does not explain.

    A single projection far above its neighbours is badly aligned, badly exposed, or shows
    something else. A slow rise towards high tilts is usual (thickness, defocus) and not flagged.

    Parameters
    ----------
    result : Reconstruction
    series : TiltSeries
        The projections it was made from.
    limit : float
        From this many robust standard deviations on a projection stands out.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector; as `result` states it unless given.

    Returns
    -------
    ResidualPerTilt

    Raises
    ------
    GeometryError
        When the shape of the result does not belong to the series.

    Examples
    --------
    >>> from em_inverse import tomography
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 5)
    >>> data = ParallelBeam(disc.shape, angles) @ disc
    >>> data[8] = np.roll(data[8], 3)
    >>> series = tomography.TiltSeries(data, angles)
    >>> found = residual_per_tilt(tomography.sirt(series, 30), series)
    >>> angles[found.flagged]
    array([-30])
    """
    limit = check_number(limit, "limit", minimum=0, exclusive=True)
    A = operator_of(result, series, center_shift=center_shift)
    data = series.projections
    misfit = (A.forward(result.x.astype(A.dtype, copy=False)) - data).astype(np.float64)
    norms = np.sqrt(np.sum(misfit.reshape(len(data), -1) ** 2, axis=1))
    size = np.sqrt(np.sum(data.reshape(len(data), -1).astype(np.float64) ** 2, axis=1))
    blank = np.where(norms > 0, np.inf, 0.0)
    relative = np.divide(norms, size, out=blank, where=size > 0)
    z, expected = outlying(series.angles_deg, relative)
    return ResidualPerTilt(series.angles_deg, relative, norms, expected, z, limit)


def outlying(angles_deg: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far values of a series of tilts lie above what their neighbours let one expect.

    Parameters
    ----------
    angles_deg : ndarray, shape (n_tilts,)
    values : ndarray, shape (n_tilts,)
        One residual for each tilt, ≥ 0, in any unit.

    Returns
    -------
    z : ndarray, shape (n_tilts,)
        Height of the logarithm over a parabola through the others, in robust standard deviations.
        0 where the value is 0, infinite where it is.
    expected : ndarray, shape (n_tilts,)
        The values of that parabola.

    Examples
    --------
    >>> angles = np.arange(-60.0, 61, 5)
    >>> values = 1 + 0.2 * np.abs(np.sin(angles)); values[7] = 3
    >>> z, _ = outlying(angles, values)
    >>> np.flatnonzero(z > 5)
    array([7])
    """
    usable = np.isfinite(values) & (values > 0)
    z, expected = np.full(values.size, np.inf), np.zeros(values.size)
    z[values == 0] = 0.0
    if usable.any():
        logs = np.log(values[usable])
        trend, spread = _trend(angles_deg[usable], logs)
        expected[usable] = np.exp(trend)
        z[usable] = (logs - trend) / max(spread, _LEAST_SPREAD)
    return z, expected


def operator_of(
    result: Reconstruction, series: TiltSeries, *, center_shift: ArrayLike | None = None
) -> ParallelBeam:
    """Return the projector that made `result`, for the angles of `series`.

    Parameters
    ----------
    result : Reconstruction
    series : TiltSeries
    center_shift : float or array_like of shape (n_tilts,), optional
        As ``result.parameters`` states it, else as the series knows it, unless given.

    Raises
    ------
    ParameterError
        When `result` is not a Reconstruction.
    GeometryError
        When it does not belong to the series, or states one shift per tilt of another series.
    """
    if not isinstance(result, Reconstruction):
        raise ParameterError(
            f"result is a {type(result).__name__}; a Reconstruction is needed, as "
            f"tomography.sirt(series) returns it."
        )
    series = check_series(series)
    stated: Any = result.parameters.get("center_shift")
    shift = stated if center_shift is None else center_shift
    if center_shift is None and np.ndim(stated) == 1 and len(stated) != series.n_tilts:
        raise GeometryError(
            f"result states {len(stated)} shifts of the tilt axis, one per projection, but series "
            f"has {series.n_tilts} projections. Pass center_shift for these projections."
        )
    if result.x.ndim != series.projections.ndim:
        raise GeometryError(
            f"result has shape {result.x.shape}, but the projections have shape "
            f"{series.projections.shape}: a slice belongs to a sinogram, a volume to images."
        )
    return geometry.operator(series, result.x.shape, center_shift=shift)


def _trend(angles: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """A parabola through the values that ignores outliers, and the spread about it."""
    degree = min(2, max(0, np.unique(angles).size - 3))
    unit = (angles - angles.mean()) / max(float(np.ptp(angles)), 1.0)
    kept = np.ones(values.size, bool)
    trend, spread = np.full(values.size, np.median(values)), 0.0
    for _ in range(4):
        away = np.abs(values - trend)
        spread = 1.4826 * float(np.median(away))
        kept = away <= 3 * max(spread, 1e-12)
        if kept.sum() > degree + 2:
            trend = np.polyval(np.polyfit(unit[kept], values[kept], degree), unit)
    return trend, 1.4826 * float(np.median(np.abs(values - trend)))
