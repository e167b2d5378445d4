"""The damage alarm: did the specimen change while it was tilted?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from em_inverse.errors import GeometryError, check_array, check_number
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography.finding import Alarm
from em_inverse.tomography.iterative import sirt
from em_inverse.tomography.noise_level import NoiseLevel, noise_level
from em_inverse.tomography.residuals import operator_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Damage", "damage_alarm"]

# Standard deviations, in px, of the blobs that are looked for.
_BLOBS = (1.5, 3.0)
_LOUDEST = 2.5
_BLOCKS = 10
_SIRT = 200
# The mass is one number where places are many, so it needs less to be beyond chance.
_MASS = 0.75
_AGREES = 3.0
# Changes of the mass below this share are within what detectors and beams do.
_LEAST_MASS = 0.01
# Where even the better projections miss by this many times the noise, the model does not fit.
_POOR = 2.0
# How a report names each cause.
_KINDS = {
    "specimen": "damage",
    "tilt": "disagreement that follows the tilt",
    "unknown": "early and late projections disagree (damage, drift or misalignment)",
}


@dataclass(frozen=True)
class Damage(Alarm):
    """Whether the specimen changed during the series.

    Attributes
    ----------
    reasons : tuple of str
        What speaks for a change; empty when nothing does.
    blob : float
        Largest difference between what the projections before and after some moment leave
        unexplained at one place, in standard deviations.
    place : tuple of int
        Voxel (z, x) or (z, x, y) of that difference.
    split : int
        How many projections had been recorded when it happened.
    map : ndarray, shape (nz, nx)
        The difference in the slice of `place`, for that moment; positive where matter was lost.
    mass : ndarray, shape (n_tilts,)
        Sum of each projection over their mean, in the order of acquisition.
    mass_z : float
        Significance of the largest step or drift of the mass, in standard deviations.
    residual : ndarray, shape (n_tilts,)
        Residual of each projection in units of its noise, in the order of acquisition.
    limit : float
        From here on a place rings the alarm, and the mass from three quarters of it.
    cause : {"none", "specimen", "tilt", "unknown"}
        What the signs allow to say. "tilt": the mass rings, and goes with the tilt angle at least
        as closely as with time; a holder or a grid bar that shadows at high tilt, or a contrast
        that is not linear in the thickness, is then likelier than damage. "specimen": the mass
        changes with time, at the moment and with the sign of the place if one rings, and the better
        projections fit; no shift of an image changes its mass. "unknown": damage, drift and
        misalignment all look like this.
    fit : float
        Residual of the better projections (lower quartile) in units of their noise.
    """

    reasons: tuple[str, ...]
    blob: float
    place: tuple[int, ...]
    split: int
    map: np.ndarray
    mass: np.ndarray
    mass_z: float
    residual: np.ndarray
    limit: float
    cause: str = "none"
    fit: float = 1.0

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if not self.alarm:
            return (
                f"no sign of damage: the largest change of a place is {self.blob:.1f} standard "
                f"deviations (the alarm rings at {self.limit:g}), that of the mass "
                f"{self.mass_z:.1f} ({_MASS * self.limit:g})"
            )
        found = "; ".join(self.reasons)
        if self.cause == "tilt":
            return (
                f"the projections disagree, more in step with the tilt angle than with time: "
                f"{found}. Shadowing, or a contrast that is not linear in the thickness, is a "
                f"likelier cause than damage. Leave out the highest tilts and look again"
            )
        if self.cause == "specimen":
            return (
                f"the specimen changed during the series, or the beam current did: {found}. "
                f"Compare reconstructions from before and after"
            )
        return (
            f"projections recorded early and late do not fit one specimen: {found}. Damage, drift "
            f"and misalignment cannot be told apart here: {self._why_unknown}. Align again and "
            f"look again; if it stays, compare reconstructions from before and after"
        )

    @property
    def _why_unknown(self) -> str:
        if self.fit > _POOR:
            return (
                f"even the better projections miss the reconstruction by {self.fit:.2g} times "
                f"their noise"
            )
        if self.mass_z == 0:
            return "the mass, which no shift of an image changes, was not looked at"
        return (
            "the mass, which no shift of an image changes, did not change with it beyond its noise"
        )

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return (
            "Left, map of what the earlier projections show and the later ones do not; right, "
            f"residual and mass in the order of acquisition: {self.verdict}."
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        if not self.alarm:
            return {}
        return {"alarms": [f"{_KINDS[self.cause]}: {'; '.join(self.reasons)}"]}

    def draw(self) -> Figure:
        """Draw where the projections of early and late disagree, and how they do over time."""
        from em_inverse.plotting import tomography as figures

        title = "Early and late projections show the same specimen"
        if self.cause == "tilt":
            title = "The projections disagree in step with the tilt angle"
        elif self.cause == "specimen":
            title = f"The specimen changed after about {self.split} projections"
        elif self.alarm:
            title = f"The first {self.split} projections and the others do not fit one specimen"
        return figures.damage(self, title=title)


def damage_alarm(
    series: TiltSeries,
    result: Reconstruction | None = None,
    *,
    acquisition_order: ArrayLike | None = None,
    noise: NoiseLevel | None = None,
    limit: float = 6.0,
    whole_object: bool = True,
    center_shift: ArrayLike | None = None,
) -> Damage:
    """Look for a feature that only some of the projections show, in the order of acquisition.

    Two signs are looked for. A place: the residuals of all projections are smeared back, those
    before and those after every tenth of the series apart, and a blob of 1.5 or 3 px in their
    difference betrays matter that came or went. A number: the mass of the projections makes a
    step or drifts.

    Parameters
    ----------
    series : TiltSeries
        Aligned, background removed.
    result : Reconstruction, optional
        From all projections, not over-regularised; 200 iterations of SIRT unless given.
    acquisition_order : array_like, shape (n_tilts,), optional
        Anything that sorts the projections by time: numbers, seconds, accumulated dose. The order
        of the series unless given. For series written sorted by angle but recorded otherwise it is
        needed.
    noise : NoiseLevel, optional
        :func:`noise_level` of the series unless given.
    limit : float
        Standard deviations from which on a place rings the alarm; three quarters of them do for
        the mass.
    whole_object : bool
        Whether every projection shows the whole object, so that their mass should be one number.
        A slow change as 1/cos θ, that of a slab, is allowed for.
    center_shift : float or array_like of shape (n_tilts,), optional
        As `result` states it unless given.

    Returns
    -------
    Damage
        True in an ``if`` when the alarm rings.

    Raises
    ------
    GeometryError
        When there are fewer than 10 projections, or `acquisition_order` does not fit them.

    Notes
    -----
    The difference map is counted in units of the noise that the data put into it, or of the
    residual of the better projections where that is larger, so that a poor fit everywhere raises
    no alarm. A jump in the alignment, or a drift, raises it as well as damage does: at every edge
    the early projections show what the late ones do not. One thing tells them apart: matter that is
    lost takes its mass along, and a shifted image keeps it. So the specimen is named only where the
    mass changes, too; elsewhere the verdict leaves the cause open. Damage in step with the angle (a
    series from −70° to 70° in one go) is seen less clearly than in a dose-symmetric one, because
    there early and late share no direction.

    A mass that changes is asked whether it needs time to be explained: it does not where 1/cos θ,
    with a strength of its own on either side of 0°, fits at least as well as the best step or
    drift. The same cause then makes places differ, too, since early and late are other tilts.

    Examples
    --------
    >>> z, x = np.mgrid[-15:16, -15:16]
    >>> body, spot = np.hypot(z, x - 4) < 7, np.hypot(z - 3, x + 9) < 3
    >>> angles = np.arange(-70, 71, 4)
    >>> A = ParallelBeam(body.shape, angles)
    >>> data = A @ body + (A @ spot) * (np.arange(36) < 20)[:, None]
    >>> data = data + 0.4 * np.random.default_rng(1).standard_normal(data.shape)
    >>> found = damage_alarm(TiltSeries(data, angles))
    >>> found.cause, 15 <= found.split <= 25
    ('specimen', True)
    """
    series = check_series(series)
    limit = check_number(limit, "limit", minimum=0, exclusive=True)
    if series.n_tilts < _BLOCKS:
        raise GeometryError(
            f"series has {series.n_tilts} projections; at least {_BLOCKS} are needed to see a "
            f"change over time."
        )
    order = _order(series, acquisition_order)
    if result is None:
        result = sirt(series, _SIRT, center_shift=center_shift)
    A = operator_of(result, series, center_shift=center_shift)
    level = noise_level(series) if noise is None else noise
    data = series.projections
    residual = data - A.forward(result.x.astype(A.dtype, copy=False))
    count = data[0].size
    sizes = np.sqrt(np.sum(residual.reshape(len(data), -1).astype(np.float64) ** 2, axis=1))
    # Data without noise: what is left unexplained sets the scale.
    floor = 0.1 * float(np.median(sizes)) / np.sqrt(count)
    sigma = np.maximum(level.sigma, max(floor, np.finfo(np.float32).tiny))
    misfit = sizes / np.sqrt(count) / sigma
    # A fit that is poor everywhere leaves more than noise at every projection, damage or not.
    fit = float(np.quantile(misfit, 0.25))
    blob, place, split, difference = _largest_blob(A, residual, max(1.0, fit) * sigma, order)
    rings = blob > limit
    mass = _mass(series, sigma, order, split)
    mass_rings = whole_object and mass.z > _MASS * limit and abs(mass.step) > _LEAST_MASS
    lost = bool(difference[place[:2]] > 0)
    # At a moment that the place has named, and of the sign that it has, less is beyond chance.
    along = -1 if lost else 1
    mass_agrees = rings and whole_object and along * mass.z_at > _AGREES
    mass_agrees &= along * mass.step_at > _LEAST_MASS
    reasons, cause = [], "none"
    if rings:
        where = ", ".join(f"{axis} = {k}" for axis, k in zip("zxy", place, strict=False))
        reasons.append(
            f"there is {'less' if lost else 'more'} at {where} after about {split} of "
            f"{series.n_tilts} projections ({blob:.1f} standard deviations)"
        )
    if mass_rings or mass_agrees:
        step, z = (mass.step_at, mass.z_at) if mass_agrees else (mass.step, mass.z)
        reasons.append(
            f"the mass in the projections {'rises' if step > 0 else 'falls'} by "
            f"{100 * abs(step):.2g} % ({abs(z):.1f} standard deviations)"
        )
    if mass_rings and mass.follows_tilt:
        cause = "tilt"
    elif fit <= _POOR and (mass_agrees or (mass_rings and not rings)):
        cause = "specimen"
    elif reasons:
        cause = "unknown"
    return Damage(
        reasons=tuple(reasons),
        blob=blob,
        place=place,
        split=mass.split if mass_rings and not rings else split,
        map=difference,
        mass=mass.relative,
        mass_z=mass.z if whole_object else 0.0,
        residual=misfit[order],
        limit=limit,
        cause=cause,
        fit=fit,
    )


def _order(series: TiltSeries, acquisition_order: ArrayLike | None) -> np.ndarray:
    if acquisition_order is None:
        return np.arange(series.n_tilts)
    when = check_array(acquisition_order, "acquisition_order", ndim=1)
    if when.size != series.n_tilts:
        raise GeometryError(
            f"acquisition_order has {when.size} entries but there are {series.n_tilts} "
            f"projections. Pass one number per projection, in the order of the series."
        )
    return np.argsort(when, kind="stable")


def _largest_blob(
    A: ParallelBeam, residual: np.ndarray, sigma: np.ndarray, order: np.ndarray
) -> tuple[float, tuple[int, ...], int, np.ndarray]:
    """Return size, place and time of the largest local change, and the map of its slice."""
    blocks = np.array_split(order, _BLOCKS)
    best: tuple[float, tuple[int, ...], int, np.ndarray] = (-1.0, (0,) * len(A.in_shape), 0, sigma)
    for width in _BLOBS:
        scaled = _matched(residual, width) / sigma.reshape((-1,) + (1,) * (residual.ndim - 1))
        # A badly fitted edge may shout in one projection; a change speaks in many.
        scaled = np.clip(scaled, -_LOUDEST, _LOUDEST).astype(A.dtype, copy=False)
        total, squares = np.zeros(A.in_shape, A.dtype), np.zeros(A.in_shape, A.dtype)
        for block in blocks:
            part = A.subset(block).interpolate_back(scaled[block])
            total += part
            squares += part**2 / block.size
        early = np.zeros_like(total)
        seen = 0
        for block in blocks[:-1]:
            early += A.subset(block).interpolate_back(scaled[block])
            seen += block.size
            left = order.size - seen
            late = total - early
            # Difference of two means: unit variance for white noise, more where the tenths on
            # either side disagree among themselves, as they do at a badly fitted edge.
            within = (squares - early**2 / seen - late**2 / left) / (_BLOCKS - 2)
            change = early / seen - late / left
            change /= np.sqrt((1 / seen + 1 / left) * np.maximum(within, 1))
            k = int(np.abs(change).argmax())
            if abs(change.flat[k]) > best[0]:
                where = tuple(int(i) for i in np.unravel_index(k, change.shape))
                picture = change.reshape(*change.shape[:2], -1)[..., (*where, 0)[2]]
                best = float(abs(change.flat[k])), where, seen, picture.copy()
    return best


def _matched(residual: np.ndarray, width: float) -> np.ndarray:
    """Filter by a Gaussian blob, scaled so that unit white noise stays of unit variance."""
    impulse = np.zeros(8 * int(np.ceil(width)) + 1)
    impulse[impulse.size // 2] = 1
    gain = float(np.linalg.norm(gaussian_filter1d(impulse, width)))
    out = residual
    for axis in range(1, residual.ndim):
        out = gaussian_filter1d(out, width, axis=axis, mode="constant") / gain
    return out


class _Mass(NamedTuple):
    """The mass in the order of acquisition, and its largest step or drift.

    `z_at` and `step_at` are significance and relative size of the step at a given moment, with
    their sign; `follows_tilt`, whether the tilt angle explains the mass as well as the largest
    change does.
    """

    relative: np.ndarray
    z: float
    step: float
    split: int
    z_at: float
    step_at: float
    follows_tilt: bool


def _mass(series: TiltSeries, sigma: np.ndarray, order: np.ndarray, moment: int) -> _Mass:
    n = series.n_tilts
    total = series.projections.reshape(n, -1).sum(axis=1, dtype=np.float64)[order]
    mean = float(np.abs(total).mean()) or 1.0
    noise = sigma[order] * np.sqrt(series.projections[0].size)
    cosine = np.maximum(np.abs(np.cos(np.deg2rad(series.angles_deg[order]))), 0.05)
    basis, _ = np.linalg.qr(np.stack([np.ones(n), 1 / cosine], axis=1))
    rest = total - basis @ (basis.T @ total)
    # Besides the noise, whatever makes neighbours in time differ.
    jumps = 1.4826 * float(np.median(np.abs(np.diff(rest)))) / np.sqrt(2)
    scatter = max(float(np.sqrt(np.mean(noise**2))), jumps, 1e-12 * mean)

    def fitted(change: np.ndarray) -> tuple[float, float, np.ndarray]:
        own = change - basis @ (basis.T @ change)
        length = float(own @ own)
        if length < 1e-9:
            return 0.0, 0.0, rest
        size = float(own @ total) / length
        return size * float(np.sqrt(length)) / scatter, size / mean, rest - size * own

    splits = np.cumsum([len(b) for b in np.array_split(order, _BLOCKS)])[:-1]
    changes = [(int(k), fitted(1.0 * (np.arange(n) >= k))) for k in splits]
    changes.append((n // 2, fitted(np.linspace(0, 1, n))))
    split, (z, step, left) = max(changes, key=lambda change: abs(change[1][0]))
    z_at, step_at, _ = fitted(1.0 * (np.arange(n) >= moment))
    excess = 1 / cosine - 1
    west = np.where(series.angles_deg[order] < 0, excess, 0.0)
    sides = _unexplained(total, np.stack([np.ones(n), excess, west], axis=1))
    return _Mass(total / mean, abs(z), step, split, z_at, step_at, sides <= float(left @ left))


def _unexplained(values: np.ndarray, columns: np.ndarray) -> float:
    """Sum of squares that no combination of the columns explains."""
    basis, _ = np.linalg.qr(columns)
    left = values - basis @ (basis.T @ values)
    return float(left @ left)
