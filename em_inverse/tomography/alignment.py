"""Alignment: put the projections where a perfect stage would have put them.

Two facts about a rigid object that turns about the y axis carry everything here.

- The mass in a slice y does not change with the tilt. So the profile Σ_x p(x, y) of every
  projection is the same, and a difference tells the shift along the axis.
- The centre of mass of a projection is the projection of the centre of mass, so it moves as
  c + a cos θ + b sin θ across the axis. If the centre of mass lies on the axis it does not move.
  That holds in every slice by itself, and c is where the axis falls on the detector in that slice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from em_inverse.errors import (
    DataError,
    GeometryError,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.tilt_series import TiltSeries, check_series
from em_inverse.tomography.registration import (
    chained_shifts,
    in_view,
    match_profiles,
    moved,
    placed,
    turn,
)

__all__ = ["TiltAxis", "align", "find_tilt_axis"]

_FEWEST_SLICES = 8


def align(
    series: TiltSeries,
    method: str = "center_of_mass",
    *,
    rotate: bool = True,
    max_shift: float | None = None,
    stretch: bool = True,
    order: int = 3,
) -> TiltSeries:
    """Shift, and if need be turn, the projections so that the tilt axis is the detector's middle.

    Parameters
    ----------
    series : TiltSeries
        Background removed: an offset pulls every centre of mass towards the middle.
    method : {'center_of_mass', 'common_line', 'cross_correlation'}
        'center_of_mass'
            Along y the centres of mass are brought together if the object ends inside the field,
            otherwise the profiles Σ_x p(x, y) are matched as in 'common_line'. Across, each centre
            of mass is moved to the middle of the detector, so the object's centre of mass becomes
            the axis of rotation. Only slices in view at all tilts are counted.
        'common_line'
            Along y the profiles are matched to their mean, repeatedly; across as above.
        'cross_correlation'
            Each projection is matched to its neighbour, starting from the one nearest to 0°.
            Needs structure, not a whole object. Errors add up from neighbour to neighbour, and the
            position of the tilt axis stays unknown: see :func:`find_tilt_axis`.
    rotate : bool
        For the first two methods: look for an in-plane rotation of the tilt axis (the axis of the
        stage is seldom exactly along the columns of the detector), and take it out. A rotation
        that is not clearly larger than its own uncertainty is left alone, and none is looked for
        where :func:`find_tilt_axis` could not find it.
    max_shift : float, optional
        Largest shift along y, or between neighbours, that is looked for, in pixels. A quarter of
        the side unless given.
    stretch : bool
        For 'cross_correlation': stretch each projection across the axis by the ratio of the
        cosines first, as a flat specimen would be.
    order : int
        Order of the splines that move the images, 1 to 5. Each image is interpolated once, shift
        and rotation together.

    Returns
    -------
    TiltSeries
        With ``metadata["shifts_px"]``, shape (n_tilts, 2): how far along x and y each projection
        was moved, and ``metadata["rotation_deg"]``, the angle by which it was turned about the
        middle of the detector after that; both summed over all alignments of this series. Pixels
        that come in from outside repeat the border, nothing is wrapped around;
        ``metadata["slices_in_view"]`` is the range [first, last) of slices y that are measured at
        every tilt.

    Raises
    ------
    DataError
        When a projection has no positive mass, so that it has no centre.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(32)
    >>> wandering = np.exp(-0.5 * ((x - [[14.0], [15.5], [18.0]]) / 2) ** 2)
    >>> aligned = align(TiltSeries(wandering, [-60, 0, 60]))
    >>> (aligned.projections @ x / aligned.projections.sum(axis=1)).round(2)
    array([15.5, 15.5, 15.5])
    >>> aligned.metadata["shifts_px"][::2, 0].round(2)
    array([ 1.5, -2.5])
    """
    series = check_series(series)
    check_choice(method, "method", ("center_of_mass", "common_line", "cross_correlation"))
    order = check_integer(order, "order", minimum=1, maximum=5)
    if max_shift is not None:
        max_shift = check_number(max_shift, "max_shift", minimum=0, exclusive=True)
    # One slice is a volume of one slice, whose shift along y is zero.
    images = series.projections.reshape(*series.projections.shape[:2], -1)
    angle = 0.0
    if method == "cross_correlation":
        shifts = chained_shifts(images, series.angles_deg, max_shift, stretch)
        how = "by cross-correlation of neighbours" + (", stretched by the cosine" * stretch)
    else:
        shifts, how = _shifts(images, method, max_shift)
        if rotate:
            shifts, angle, how = _with_rotation(
                images, series.angles_deg, shifts, how, method, max_shift
            )
    aligned = placed(images, shifts, angle, order=order).astype(images.dtype, copy=False)
    total = shifts + np.asarray(series.metadata.get("shifts_px", np.zeros_like(shifts)))
    size = np.sqrt((shifts**2).mean(axis=0))
    return series.replace(
        projections=aligned.reshape(series.projections.shape),
        step=(
            f"projections aligned {how} (RMS shift {size[0]:.2f} px across, {size[1]:.2f} px along "
            f"the tilt axis, in-plane rotation {angle:.2f}°)"
        ),
        metadata={
            "shifts_px": total,
            "rotation_deg": angle + float(series.metadata.get("rotation_deg", 0.0)),
            "slices_in_view": in_view(total[:, 1], images.shape[2]),
        },
    )


class TiltAxis(NamedTuple):
    """Where the tilt axis falls on the detector, and how well the series obeys it.

    Attributes
    ----------
    center_shift : float
        Distance of the axis from the middle of the detector in pixels: the argument of that name
        of :class:`~em_inverse.forward.ParallelBeam`.
    rotation_deg : float
        In-plane angle in degrees by which the projections have to be turned (from x towards y) to
        bring the axis along y. 0 for a single slice.
    rotation_error_deg : float
        Its standard error.
    x, z : float
        Centre of mass of the object, in pixels from the axis.
    residual : float
        RMS distance in pixels of the measured centres of mass from the fitted curve: what
        alignment has left over.
    """

    center_shift: float
    rotation_deg: float
    rotation_error_deg: float
    x: float
    z: float
    residual: float


def find_tilt_axis(series: TiltSeries) -> TiltAxis:
    """Fit c + x cos θ + z sin θ to the centres of mass: c is the position of the tilt axis.

    The same fit in every slice y gives c(y), a straight line whose slope is the in-plane rotation
    of the axis.

    Parameters
    ----------
    series : TiltSeries
        Background removed, the object inside the field across the axis. Tilts must reach beyond
        ±40°, otherwise cos θ is too nearly constant to be told from c.

    Returns
    -------
    TiltAxis

    Raises
    ------
    GeometryError
        When the angles do not determine the three unknowns.
    DataError
        When a projection has no positive mass.

    Notes
    -----
    After :func:`align` by the centre of mass `center_shift` is 0 by construction.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> slice_ = np.zeros((33, 33)); slice_[20, 12] = 1
    >>> angles = np.arange(-70, 71, 5)
    >>> data = ParallelBeam(slice_.shape, angles, 41, center_shift=1.5) @ slice_
    >>> axis = find_tilt_axis(TiltSeries(data, angles))
    >>> round(axis.center_shift, 1), round(axis.x, 1), round(axis.z, 1)
    (1.5, -4.0, 4.0)
    """
    series = check_series(series)
    curves = _curves(series.angles_deg)
    if curves is None:
        low, high = series.tilt_range_deg
        raise GeometryError(
            f"angles_deg has {series.n_tilts} tilts from {low:g}° to {high:g}°, which do not "
            f"determine the tilt axis; at least four tilts that reach beyond ±40° are needed."
        )
    images = series.projections.reshape(*series.projections.shape[:2], -1)
    centres = _centres_of_mass(images, np.zeros(series.n_tilts))
    fit, *_ = np.linalg.lstsq(curves, centres, rcond=None)
    residual = np.sqrt(np.mean((centres - curves @ fit) ** 2))
    slope, error = _axis_slope(images, curves, np.zeros((series.n_tilts, 2)))
    return TiltAxis(
        float(fit[0]),
        float(np.rad2deg(np.arctan(slope))),
        float(np.rad2deg(error)),
        float(fit[1]),
        float(fit[2]),
        float(residual),
    )


def _with_rotation(
    images: np.ndarray,
    angles_deg: np.ndarray,
    shifts: np.ndarray,
    how: str,
    method: str,
    max_shift: float | None,
) -> tuple[np.ndarray, float, str]:
    """Find the in-plane rotation, and the shifts anew on the turned images, three times over."""
    curves = _curves(angles_deg)
    if curves is None or images.shape[2] < _FEWEST_SLICES:
        return shifts, 0.0, how
    slope, error = _axis_slope(images, curves, shifts)
    if abs(slope) < 2.5 * error:
        return shifts, 0.0, how
    angle = np.arctan(slope)
    for _ in range(2):
        turned = placed(images, shifts, np.rad2deg(angle), order=1)
        more, how = _shifts(turned, method, max_shift)
        # `more` was found on turned images; before the rotation it points the other way round.
        shifts = shifts + more @ turn(angle).T
        slope, error = _axis_slope(turned, curves, more)
        angle += np.arctan(slope)
    return shifts, float(np.rad2deg(angle)), how


def _shifts(images: np.ndarray, method: str, max_shift: float | None) -> tuple[np.ndarray, str]:
    """Shifts along y by the mass profiles, then across by the centre of mass."""
    along, how = _shifts_along_axis(images, method, max_shift)
    across = -_centres_of_mass(images, along)
    return (
        np.stack([across, along], axis=1),
        f"along the axis by {how}, across by the centre of mass",
    )


def _curves(angles_deg: np.ndarray) -> np.ndarray | None:
    """Columns 1, cos θ, sin θ, or None when the angles cannot tell them apart."""
    theta = np.deg2rad(angles_deg)
    curves = np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)
    spread = np.linalg.svd(curves, compute_uv=False) / np.sqrt(theta.size)
    return curves if theta.size > 3 and spread.min() > 0.05 else None


def _axis_slope(images: np.ndarray, curves: np.ndarray, shifts: np.ndarray) -> tuple[float, float]:
    """Slope of the tilt axis x = c(y) on the detector, and its standard error."""
    mass, moment = _moments(images, shifts[:, 1])
    first, last = in_view(shifts[:, 1], images.shape[2])
    y = np.arange(first, last)
    heavy = mass[:, y].min(axis=0) > 0.1 * mass.max()
    y = y[heavy]
    if y.size < _FEWEST_SLICES:
        return 0.0, np.inf
    centres = moment[:, y] / mass[:, y] + shifts[:, :1]
    axis = np.linalg.lstsq(curves, centres, rcond=None)[0][0]
    # The noise of a centre of mass falls as one over the mass.
    weights = mass[:, y].mean(axis=0)
    line, covariance = np.polyfit(y, axis, 1, w=weights / weights.max(), cov=True)
    return float(line[0]), float(np.sqrt(covariance[0, 0]))


def _moments(images: np.ndarray, shifts_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mass, and moment about the middle of the detector, of each slice of each shifted image."""
    nx = images.shape[1]
    mass = images.sum(axis=1, dtype=np.float64)
    moment = np.einsum("txy,x->ty", images, np.arange(nx) - (nx - 1) / 2, dtype=np.float64)
    return tuple(  # type: ignore[return-value]
        np.stack([moved(line, shift) for line, shift in zip(lines, shifts_y, strict=True)])
        for lines in (mass, moment)
    )


def _centres_of_mass(images: np.ndarray, shifts_y: np.ndarray) -> np.ndarray:
    """Centre of mass across the axis, from the middle of the detector, of the slices in view."""
    nx, ny = images.shape[1:]
    first, last = in_view(shifts_y, ny)
    mass, moment = (lines[:, first:last].sum(axis=1) for lines in _moments(images, shifts_y))
    if not mass.min() > 0:
        worst = int(mass.argmin())
        raise DataError(
            f"projection {worst} has a total intensity of {mass[worst]:.3g}, so it has no centre "
            f"of mass. Remove the background first (tomography.remove_background), or leave the "
            f"projection out."
        )
    centres = moment / mass
    if np.abs(centres).max() > nx / 2:
        worst = int(np.abs(centres).argmax())
        raise DataError(
            f"the centre of mass of projection {worst} lies {centres[worst]:.3g} px from the "
            f"middle of a detector of {nx} px: negative values outweigh the object. Remove the "
            f"background first (tomography.remove_background)."
        )
    return centres


def _shifts_along_axis(
    images: np.ndarray, method: str, max_shift: float | None
) -> tuple[np.ndarray, str]:
    profiles = images.sum(axis=1, dtype=np.float64)
    ny = profiles.shape[1]
    if ny < _FEWEST_SLICES:
        return np.zeros(len(profiles)), f"nothing (only {ny} slices)"
    if method == "center_of_mass" and _ends_in_view(profiles):
        centres = profiles @ np.arange(ny) / profiles.sum(axis=1)
        return centres.mean() - centres, "the centre of mass"
    reach = ny / 4 if max_shift is None else min(max_shift, ny / 2)
    return match_profiles(profiles, reach), "matching the mass profiles"


def _ends_in_view(profiles: np.ndarray) -> bool:
    """Whether the object ends before the first and the last slice at every tilt."""
    edge = np.concatenate([profiles[:, :2], profiles[:, -2:]], axis=1)
    return bool(np.abs(edge).max() < 0.02 * np.abs(profiles).max())
