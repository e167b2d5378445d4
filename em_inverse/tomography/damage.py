"""The damage alarm: did the specimen change while it was tilted?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from em_inverse.errors import GeometryError, check_array, check_number
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
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
# Changes of the mass below this share are within what detectors and beams do.
_LEAST_MASS = 0.01


@dataclass(frozen=True)
class Damage:
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
    follows_tilt : bool
        Whether the mass rings, and goes with the tilt angle at least as closely as with time. Then
        not the specimen is the likelier cause but a holder or a grid bar that shadows at high tilt,
        or a contrast that is not linear in the thickness.
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
    follows_tilt: bool = False

    @property
    def alarm(self) -> bool:
        """Whether anything speaks for a change."""
        return bool(self.reasons)

    def __bool__(self) -> bool:
        return self.alarm

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        if not self.alarm:
            return (
                f"no sign of damage: the largest change of a place is {self.blob:.1f} standard "
                f"deviations (the alarm rings at {self.limit:g}), that of the mass "
                f"{self.mass_z:.1f} ({_MASS * self.limit:g})"
            )
        if self.follows_tilt:
            return (
                f"the projections disagree, more in step with the tilt angle than with time: "
                f"{'; '.join(self.reasons)}. Shadowing, or a contrast that is not linear in the "
                f"thickness, is a likelier cause than damage. Leave out the highest tilts and look "
                f"again"
            )
        return (
            f"the specimen changed during the series (or an image was shifted or masked): "
            f"{'; '.join(self.reasons)}. Compare reconstructions from before and after"
        )

    def __str__(self) -> str:
        return self.verdict

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
        kind = "disagreement that follows the tilt" if self.follows_tilt else "damage"
        return {"alarms": [f"{kind}: {'; '.join(self.reasons)}"]}

    def draw(self) -> Figure:
        """Draw where the projections of early and late disagree, and how they do over time."""
        from em_inverse.plotting import tomography as figures

        title = "Early and late projections show the same specimen"
        if self.follows_tilt:
            title = "The projections disagree in step with the tilt angle"
        elif self.alarm:
            title = f"The specimen changed after about {self.split} projections"
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
    no alarm. A jump in the alignment looks like damage at every edge; look at the map. Damage in
    step with the angle (a series from −70° to 70° in one go) is seen less clearly than in a
    dose-symmetric one, because there early and late share no direction.

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
    >>> found.alarm, 15 <= found.split <= 25
    (True, True)
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
    poor = max(1.0, float(np.quantile(misfit, 0.25)))
    blob, place, split, difference = _largest_blob(A, residual, poor * sigma, order)
    mass, mass_z, step, mass_split, mass_tilts = _mass(series, sigma, order)
    reasons, follows_tilt = [], False
    if blob > limit:
        what = "disappeared" if difference[place[:2]] > 0 else "appeared"
        where = ", ".join(f"{axis} = {k}" for axis, k in zip("zxy", place, strict=False))
        reasons.append(
            f"something {what} at {where} after about {split} of {series.n_tilts} projections "
            f"({blob:.1f} standard deviations)"
        )
    if whole_object and mass_z > _MASS * limit and abs(step) > _LEAST_MASS:
        follows_tilt = mass_tilts
        word = "rises" if step > 0 else "falls"
        reasons.append(
            f"the mass in the projections {word} by {100 * abs(step):.2g} % ({mass_z:.1f} "
            f"standard deviations)"
        )
        if blob <= limit:
            split = mass_split
    return Damage(
        tuple(reasons), blob, place, split, difference, mass,
        mass_z if whole_object else 0.0, misfit[order], limit, follows_tilt,
    )  # fmt: skip


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


def _mass(
    series: TiltSeries, sigma: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, float, float, int, bool]:
    """Mass in the order of acquisition; significance, relative size and time of its change.

    Last, whether the tilt angle explains the mass as well as that change does.
    """
    n = series.n_tilts
    total = series.projections.reshape(n, -1).sum(axis=1, dtype=np.float64)[order]
    mean = float(np.abs(total).mean()) or 1.0
    noise = sigma[order] * np.sqrt(series.projections[0].size)
    cosine = np.maximum(np.abs(np.cos(np.deg2rad(series.angles_deg[order]))), 0.05)
    usual = np.stack([np.ones(n), 1 / cosine], axis=1)
    basis, _ = np.linalg.qr(usual)
    moments = [len(b) for b in np.array_split(order, _BLOCKS)]
    splits = np.cumsum(moments)[:-1]
    steps = [np.where(np.arange(n) < k, 0.0, 1.0) for k in splits]
    best = (0.0, 0.0, 0)
    left = total - basis @ (basis.T @ total)
    # Besides the noise, whatever makes neighbours in time differ.
    jumps = np.diff(total - basis @ (basis.T @ total))
    scatter = max(
        float(np.sqrt(np.mean(noise**2))), 1.4826 * float(np.median(np.abs(jumps))) / np.sqrt(2)
    )
    for change, split in (*zip(steps, splits, strict=True), (np.linspace(0, 1, n), n // 2)):
        own = change - basis @ (basis.T @ change)
        length = float(own @ own)
        if length < 1e-9:
            continue
        size = float(own @ total) / length
        z = abs(size) * np.sqrt(length) / max(scatter, 1e-12 * mean)
        if z > best[0]:
            best = (float(z), size / mean, int(split))
            left = total - basis @ (basis.T @ total) - size * own
    angles = series.angles_deg[order]
    excess = 1 / cosine - 1
    sides = np.stack([np.ones(n), excess, np.where(angles < 0, excess, 0.0)], axis=1)
    return total / mean, *best, bool(_unexplained(total, sides) <= float(left @ left))


def _unexplained(values: np.ndarray, columns: np.ndarray) -> float:
    """Sum of squares that no combination of the columns explains."""
    basis, _ = np.linalg.qr(columns)
    left = values - basis @ (basis.T @ values)
    return float(left @ left)
