"""Alignment: put the projections where a perfect stage would have put them.

Two facts about a rigid object that turns about the y axis carry everything here.

- The mass in a slice y does not change with the tilt. So the profile Σ_x p(x, y) of every
  projection is the same, and a difference tells the shift along the axis.
- The centre of mass of a projection is the projection of the centre of mass, so it moves as
  c + a cos θ + b sin θ across the axis. If the centre of mass lies on the axis it does not move.
  That holds in every slice by itself, and c is where the axis falls on the detector in that slice.

Both sums are taken over the object only: far from the axis the noise of the vacuum has a long
lever. Where they are not enough, `projection_matching` goes on from there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from em_inverse.errors import GeometryError, check_choice, check_integer, check_number
from em_inverse.tilt_series import TiltSeries, check_series
from em_inverse.tomography.centring import centres_of_mass, moments, object_only
from em_inverse.tomography.projection_matching import match_projections
from em_inverse.tomography.registration import (
    chained_shifts,
    in_view,
    match_profiles,
    placed,
    turn,
)

__all__ = ["TiltAxis", "align", "find_tilt_axis"]

_METHODS = ("center_of_mass", "common_line", "cross_correlation", "projection_matching")
_FEWEST_SLICES = 8
# Widest projections that are matched with re-projections; larger ones are binned.
_WIDEST_MATCHED = 128


def align(
    series: TiltSeries,
    method: str = "center_of_mass",
    *,
    rotate: bool = True,
    max_shift: float | None = None,
    stretch: bool = True,
    order: int = 3,
    apply: bool = True,
    scales: tuple[int, ...] | None = None,
    start: str = "center_of_mass",
    max_rounds: int = 10,
) -> TiltSeries:
    """Shift, and if need be turn, the projections so that the tilt axis is the detector's middle.

    Parameters
    ----------
    series : TiltSeries
        Background removed: an offset pulls every centre of mass towards the middle.
    method : {'center_of_mass', 'common_line', 'cross_correlation', 'projection_matching'}
        'center_of_mass'
            Along y the centres of mass are brought together if the object ends inside the field,
            otherwise the profiles Σ_x p(x, y) are matched as in 'common_line'. Across, each centre
            of mass is moved to the middle of the detector, so the object's centre of mass becomes
            the axis of rotation. Only slices in view at all tilts are counted.
        'common_line'
            Along y the profiles are matched to their mean, repeatedly; across as above.
        'cross_correlation'
            Each projection is matched to its neighbour, starting from the one nearest to 0°.
            Needs structure, not a whole object. Errors add up from neighbour to neighbour, to a
            few tenths of a pixel where the object changes its looks, and the position of the tilt
            axis stays unknown: see :func:`find_tilt_axis`. A start for 'projection_matching'.
        'projection_matching'
            From one of the other methods (`start`), each projection is registered with what the
            running reconstruction predicts, again and again. The most exact, and the slowest: some
            hundred iterations of SIRT. See
            :func:`~em_inverse.tomography.projection_matching.match_projections`.
    rotate : bool
        For all methods but 'cross_correlation': look for an in-plane rotation of the tilt axis (the
        axis of the stage is seldom exactly along the columns of the detector), and take it out. A
        rotation that is not clearly larger than its own uncertainty is left alone, and none is
        looked for where :func:`find_tilt_axis` could not find it.
    max_shift : float, optional
        Largest shift along y, or between neighbours, that is looked for, in pixels. A quarter of
        the side unless given.
    stretch : bool
        For 'cross_correlation': stretch each projection across the axis by the ratio of the
        cosines first, as a flat specimen would be.
    order : int
        Order of the splines that move the images, 1 to 5. Each image is interpolated once, shift
        and rotation together.
    apply : bool
        False leaves the projections as they are and records the shifts in
        ``metadata["shifts_to_apply_px"]``, for an operator that knows them: nothing is
        interpolated. A rotation is not looked for then, since no operator can take it.
    scales : tuple of int, optional
        For 'projection_matching': how many pixels to bin, scale after scale. Unless given, twice as
        coarse as the last, which has at most 128 pixels across.
    start : {'center_of_mass', 'common_line', 'cross_correlation'}
        For 'projection_matching': the method to start from.
    max_rounds : int
        For 'projection_matching': most rounds on each scale.

    Returns
    -------
    TiltSeries
        With ``metadata["shifts_px"]``, shape (n_tilts, 2): how far along x and y each projection
        was moved, and ``metadata["rotation_deg"]``, the angle by which it was turned about the
        middle of the detector after that; both summed over all alignments of this series. Pixels
        that come in from outside repeat the border, nothing is wrapped around;
        ``metadata["slices_in_view"]`` is the range [first, last) of slices y that are measured at
        every tilt. ``undo()`` takes the alignment back.

    Raises
    ------
    DataError
        When a projection has no positive mass, so that it has no centre.
    ParameterError
        When a method is unknown, or a number outside its range.

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
    check_choice(method, "method", _METHODS)
    check_choice(start, "start", _METHODS[:-1])
    order = check_integer(order, "order", minimum=1, maximum=5)
    max_rounds = check_integer(max_rounds, "max_rounds", minimum=1)
    if max_shift is not None:
        max_shift = check_number(max_shift, "max_shift", minimum=0, exclusive=True)
    # One slice is a volume of one slice, whose shift along y is zero.
    images = series.projections.reshape(*series.projections.shape[:2], -1)
    first_method = start if method == "projection_matching" else method
    angle = 0.0
    rotate = rotate and apply
    if first_method == "cross_correlation":
        shifts = chained_shifts(images, series.angles_deg, max_shift, stretch)
        how = "by cross-correlation of neighbours" + (", stretched by the cosine" * stretch)
    else:
        seen = object_only(images)
        shifts, how = _shifts(seen, first_method, max_shift)
        if rotate:
            shifts, angle, how = _with_rotation(
                seen, series.angles_deg, shifts, how, first_method, max_shift
            )
    metadata: dict[str, Any] = {}
    if method == "projection_matching":
        shifts, angle, how, metadata = _matched(
            images, series.angles_deg, shifts, angle, how, rotate, scales, max_rounds
        )
    if method != "cross_correlation":
        metadata["center_shift_px"] = 0.0
    return _recorded(series, images, shifts, angle, how, metadata, order if apply else None)


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


def find_tilt_axis(series: TiltSeries, method: str = "center_of_mass") -> TiltAxis:
    """Fit c + x cos θ + z sin θ to the way of the object: c is the position of the tilt axis.

    Parameters
    ----------
    series : TiltSeries
        Background removed, the object inside the field across the axis. Tilts must reach beyond
        ±40°, otherwise cos θ is too nearly constant to be told from c.
    method : {'center_of_mass', 'projection_matching'}
        'center_of_mass'
            The fit is to the centres of mass. The same fit in every slice y gives c(y), a straight
            line whose slope is the in-plane rotation of the axis. Fast; the slope is right for
            objects that look much the same from slice to slice, as a needle does. A turned axis
            also carries mass from one slice into the next, which an irregular object betrays.
        'projection_matching'
            The fit is to the shifts that projection matching finds, and the rotation is the one
            for which projections and re-projections agree best. Exact for any object, and slow.

    Returns
    -------
    TiltAxis

    Raises
    ------
    ParameterError
        When the method is unknown.
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
    check_choice(method, "method", ("center_of_mass", "projection_matching"))
    curves = _curves(series.angles_deg)
    if curves is None:
        low, high = series.tilt_range_deg
        raise GeometryError(
            f"angles_deg has {series.n_tilts} tilts from {low:g}° to {high:g}°, which do not "
            f"determine the tilt axis; at least four tilts that reach beyond ±40° are needed."
        )
    images = object_only(series.projections.reshape(*series.projections.shape[:2], -1))
    shifts = np.zeros((series.n_tilts, 2))
    if method == "projection_matching":
        first, _ = _shifts(images, "center_of_mass", None)
        shifts, angle, _, found = _matched(
            series.projections.reshape(images.shape), series.angles_deg, first, 0.0, "", True
        )
        slope = np.tan(np.deg2rad(angle))
        error = np.deg2rad(found.get("rotation_error_deg", np.inf))
        way = -(shifts @ turn(np.deg2rad(angle)))[:, 0]
    else:
        slope, error = _axis_slope(images, curves, shifts)
        way = centres_of_mass(images, shifts[:, 1])
        if abs(slope) > 2.5 * error:
            # The centre of mass tells where the axis is at the mean y of the mass; wanted is y = 0.
            mass = images.sum(axis=(0, 1), dtype=np.float64)
            y = np.arange(mass.size) - (mass.size - 1) / 2
            way = way - slope * (mass @ y) / mass.sum()
    fit, *_ = np.linalg.lstsq(curves, way, rcond=None)
    return TiltAxis(
        float(fit[0]),
        float(np.rad2deg(np.arctan(slope))),
        float(np.rad2deg(error)),
        float(fit[1]),
        float(fit[2]),
        float(np.sqrt(np.mean((way - curves @ fit) ** 2))),
    )


def _recorded(
    series: TiltSeries,
    images: np.ndarray,
    shifts: np.ndarray,
    angle: float,
    how: str,
    metadata: dict[str, Any],
    order: int | None,
) -> TiltSeries:
    """Move the projections by splines of this order, or only note by how much."""
    size = np.sqrt((shifts**2).mean(axis=0))
    what = f"RMS shift {size[0]:.2f} px across, {size[1]:.2f} px along the tilt axis"
    if order is None:
        return series.replace(
            step=f"shifts found {how} ({what}), not applied",
            metadata={**metadata, "shifts_to_apply_px": shifts},
        )
    aligned = placed(images, shifts, angle, order=order).astype(images.dtype, copy=False)
    total = shifts + np.asarray(series.metadata.get("shifts_px", np.zeros_like(shifts)))
    return series.replace(
        projections=aligned.reshape(series.projections.shape),
        step=f"projections aligned {how} ({what}, in-plane rotation {angle:.2f}°)",
        metadata={
            **metadata,
            "shifts_px": total,
            "rotation_deg": angle + float(series.metadata.get("rotation_deg", 0.0)),
            "slices_in_view": in_view(total[:, 1], images.shape[2]),
        },
    )


def _matched(
    images: np.ndarray,
    angles_deg: np.ndarray,
    shifts: np.ndarray,
    angle: float,
    how: str,
    rotate: bool,
    scales: tuple[int, ...] | None = None,
    max_rounds: int = 10,
) -> tuple[np.ndarray, float, str, dict[str, Any]]:
    """Go on by projection matching, and say how it went."""
    nx, ny = images.shape[1:]
    if scales is None:
        last = -(-nx // _WIDEST_MATCHED)
        scales = (2 * last, last) if min(nx, ny if ny > 1 else nx) // (2 * last) >= 16 else (last,)
    widest = min(nx, ny) if ny > 1 else nx
    scales = tuple(check_integer(s, "scales", minimum=1, maximum=widest) for s in scales)
    rotate = rotate and _curves(angles_deg) is not None and ny >= _FEWEST_SLICES
    match = match_projections(
        images,
        angles_deg,
        shifts,
        np.deg2rad(angle),
        rotate=rotate,
        scales=scales,
        max_rounds=max_rounds,
    )
    if rotate and abs(match.angle) < 2.5 * match.error:
        straight = match_projections(
            images, angles_deg, match.shifts, scales=scales[-1:], max_rounds=max_rounds
        )
        match = straight._replace(error=match.error, rounds=match.rounds + straight.rounds)
    metadata = {"reprojection_residual": match.residual}
    if rotate:
        metadata["rotation_error_deg"] = float(np.rad2deg(match.error))
    how = (
        f"by projection matching in {match.rounds} rounds (binned by "
        f"{' and '.join(str(s) for s in scales)}; last change {match.change:.3f} px; "
        f"re-projection residual {match.residual:.1%}), having started {how}"
    )
    return match.shifts, float(np.rad2deg(match.angle)), how, metadata


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
    across = -centres_of_mass(images, along)
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
    mass, moment = moments(images, shifts[:, 1])
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
