"""What can be told of one projection before anything is reconstructed: where, how much, how sharp.

Everything is measured on the object alone, told from vacuum by its noise, and freed of what the
noise contributes, so that a longer exposure changes none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from em_inverse.errors import DataError
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography.centring import centres_of_mass, object_only
from em_inverse.tomography.noise_level import differences
from em_inverse.tomography.outliers import saturated_fraction
from em_inverse.tomography.registration import match_profiles, moved

__all__ = ["TOUCHES", "Measures", "measure"]

# Sharpness is the content of the band between these two Gaussians (σ in pixels): above it there is
# mostly noise, below it nothing that a defocus of a few pixels would remove.
_FINE, _COARSE = 1.0, 2.0
# The median of |N(0, 1)|.
_MEDIAN = 0.6744897501960817
# A projection whose content lies within so many standard deviations of pure noise is blank.
_BLANK_SIGMAS = 5.0
# So is a value on the border, which is so many lines wide, within so many of the smoothed noise.
_BORDER, _BORDER_SIGMAS = 3, 5.0
_FEWEST_SLICES = 8

TOUCHES = 0.05
"""An object reaches the border where it has there more than this share of its highest value."""


@dataclass(frozen=True)
class Measures:
    """What one projection shows.

    Attributes
    ----------
    angle_deg : float
    noise : float
        Standard deviation of the noise of a pixel of the object, in the units of the data.
    contrast : float
        Root mean square of the smoothed projection, noise taken out, in the units of the data.
    blank : bool
        Whether the contrast is not more than noise alone would give.
    mass : float
        Sum over the object; without the outer slices if it leaves the frame along the axis.
    sharpness : float
        Share of the object's content in waves of some 4 to 16 pixels, noise taken out. It changes
        with the tilt: a facet seen edge-on is sharp, and a slope is not.
    slice_sharpness : float
        The same of the mass in each slice, which tilting does not change: neither does the tilt
        change this, so it tells a blur where the tilts lie far apart, if the object has ends or
        steps along the axis. NaN if it leaves the frame there, where a drift brings other slices
        into view, and for rows of a sinogram.
    across, along : float
        Centre of mass in pixels: across the tilt axis from the middle of the detector, along it
        from where the reference has it. NaN if there is none.
    border : (float, float)
        How much of the object reaches the border of the frame across (x) and along (y) the axis,
        as a share of its highest value, both smoothed; 0 where it is not told from noise.
    saturated, repaired : float
        Fractions of the pixels at the detector's ceiling, and of those that were hot or dead.
    profile : ndarray, shape (ny,)
        Mass of the object in each slice.
    """

    angle_deg: float
    noise: float
    contrast: float
    blank: bool
    mass: float
    sharpness: float
    slice_sharpness: float
    across: float
    along: float
    border: tuple[float, float]
    saturated: float
    repaired: float
    profile: np.ndarray

    @property
    def touches(self) -> tuple[bool, bool]:
        """Whether the object reaches the border of the frame across and along the axis."""
        return self.border[0] > TOUCHES, self.border[1] > TOUCHES


def measure(
    series: TiltSeries,
    reference: Measures | None = None,
    *,
    max_shift: float | None = None,
    ceiling: float | None = None,
) -> Measures:
    """Measure one projection.

    Parameters
    ----------
    series : TiltSeries
        The projection as :func:`~em_inverse.dynamic.cleaning.clean` returns it.
    reference : Measures, optional
        An earlier projection of the same series, against which the position along the axis is
        counted: by the centre of mass if the object ends inside the frame, else by the profile of
        its mass, which is the same at every tilt.
    max_shift : float, optional
        Largest displacement along the axis that is looked for in the profiles, in pixels. A
        quarter of the side unless given.
    ceiling : float, optional
        Value at which the detector saturates, before the background was removed. Found by
        :func:`~em_inverse.tomography.saturated_fraction` unless given.

    Returns
    -------
    Measures

    Examples
    --------
    >>> image = np.zeros((32, 32)); image[8:14, 10:16] = 1
    >>> found = measure(TiltSeries(image[None], [0]))
    >>> round(found.across, 2), round(found.mass, 2), found.touches
    (-5.0, 36.0, (False, False))
    """
    data = series.projections[0].astype(np.float64)
    images = data.reshape(1, data.shape[0], -1)
    body = object_only(images)
    inside = (body != 0).reshape(data.shape)
    noise = _noise(data, inside)
    fine, coarse = (ndimage.gaussian_filter(data, s, mode="nearest") for s in (_FINE, _COARSE))
    of_coarse, of_band = _noise_gains(data.ndim)
    content = float(np.mean(coarse**2)) - of_coarse * noise**2
    # Smoothed noise has one independent value for every 2πσ² pixels (in one dimension √(2π)σ).
    independent = data.size / (np.sqrt(2 * np.pi) * _COARSE) ** data.ndim
    usual = _BLANK_SIGMAS * np.sqrt(2 / independent) * of_coarse * noise**2
    profile = body[0].sum(axis=0)
    border = _border(data, float(coarse.max()), noise)
    # A film that thickens with the tilt may reach the border too, but not from the first.
    leaves = border[1] > TOUCHES and reference is not None and reference.touches[1]
    along = _along(profile, border[1] > TOUCHES, reference, max_shift)
    # An object that leaves the frame is compared in the slices that all projections have in common.
    margin = profile.size // 10 if border[1] > TOUCHES else 0
    across, common = np.nan, slice(margin, profile.size - margin)
    try:
        across = float(centres_of_mass(body, np.array([-along]), margin=margin)[0])
    except DataError:
        along = np.nan
    level = float(np.ravel(series.metadata.get("background", 0.0))[0])
    return Measures(
        angle_deg=float(series.angles_deg[0]),
        noise=noise,
        contrast=float(np.sqrt(max(content, 0.0))),
        blank=bool(np.ptp(data) == 0 or content <= usual),
        mass=float(moved(profile, 0.0 if np.isnan(along) else -along)[common].sum()),
        sharpness=_sharpness((fine - coarse)[inside], coarse[inside], of_band * noise**2),
        slice_sharpness=(
            np.nan
            if leaves
            else _slice_sharpness(images[0].sum(axis=0), images.shape[1] * noise**2)
        ),
        across=across,
        along=along,
        border=border,
        saturated=float(
            saturated_fraction(series, None if ceiling is None else ceiling - level)[0]
        ),
        repaired=float(series.metadata.get("n_repaired", 0)) / data.size,
        profile=profile,
    )


def _noise(data: np.ndarray, inside: np.ndarray) -> float:
    """Noise of a pixel, from the median second difference where the object is."""
    if min(n for n in data.shape if n > 1) < 5:
        return 0.0
    difference = np.abs(differences(data[None], (1.0, -2.0, 1.0))[0])
    part = difference[
        inside[
            tuple(
                slice((n - m) // 2, (n - m) // 2 + m)
                for n, m in zip(data.shape, difference.shape, strict=True)
            )
        ]
    ]
    return float(np.median(part if part.size else difference)) / _MEDIAN


def _border(data: np.ndarray, highest: float, noise: float) -> tuple[float, float]:
    """Highest value along the border across and along the axis, as a share of the highest of all.

    Each side is the mean of its outer lines, smoothed lengthwise.
    """
    found = [0.0, 0.0]
    for axis, count in enumerate(data.shape):
        # The few slices of a thin volume end nowhere.
        if count < _FEWEST_SLICES or not highest > 0:
            continue
        for lines in (slice(None, _BORDER), slice(-_BORDER, None)):
            side = np.atleast_1d(np.moveaxis(data, axis, 0)[lines].mean(axis=0))
            weight = _BORDER**-0.5
            if side.size > 1:
                side = ndimage.gaussian_filter1d(side, _COARSE, mode="constant")
                weight /= np.sqrt(2 * np.sqrt(np.pi) * _COARSE)
            value = float(side.max())
            if value > _BORDER_SIGMAS * weight * noise:
                found[axis] = max(found[axis], value / highest)
    return found[0], found[1]


def _sharpness(band: np.ndarray, coarse: np.ndarray, noise: float) -> float:
    """Amplitude of the band relative to that of the object, without what the noise adds."""
    if not coarse.size:
        return np.nan
    energy = float(np.mean(coarse**2))
    # Where noise is most of the band, its own scatter is the least that can be told.
    own = max(float(np.mean(band**2)) - noise, 0.1 * noise)
    return float(np.sqrt(own / energy)) if energy > 0 and own > 0 else np.nan


def _slice_sharpness(profile: np.ndarray, noise: float) -> float:
    """Sharpness of the mass in each slice, given the variance of its noise."""
    if profile.size < _FEWEST_SLICES:
        return np.nan
    fine, coarse = (ndimage.gaussian_filter1d(profile, s, mode="nearest") for s in (_FINE, _COARSE))
    noise *= _noise_gains(1)[1]
    energy = float(np.mean(coarse**2))
    # With the noise as the least, an object without ends in view has always the same.
    own = max(float(np.mean((fine - coarse) ** 2)) - noise, noise)
    return float(np.sqrt(own / energy)) if energy > 0 and own > 0 else np.nan


def _along(
    profile: np.ndarray, touches: bool, reference: Measures | None, max_shift: float | None
) -> float:
    """Displacement along the axis from the reference, by the mass in each slice."""
    if reference is None or profile.size < _FEWEST_SLICES:
        return 0.0
    pair = np.stack([reference.profile, profile])
    if not (touches or reference.touches[1]) and (pair.sum(axis=1) > 0).all():
        before, now = pair @ np.arange(profile.size) / pair.sum(axis=1)
        return float(now - before)
    reach = profile.size / 4 if max_shift is None else min(max_shift, profile.size / 4)
    before, now = -match_profiles(pair, reach, rounds=2)
    return float(now - before)


@lru_cache
def _noise_gains(ndim: int) -> tuple[float, float]:
    """Variance of unit white noise after the coarse filter, and in the band between the two."""
    point = np.zeros((33,) * ndim)
    point[(16,) * ndim] = 1
    fine, coarse = (ndimage.gaussian_filter(point, s) for s in (_FINE, _COARSE))
    return float(np.sum(coarse**2)), float(np.sum((fine - coarse) ** 2))
