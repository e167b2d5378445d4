"""Registration: by how much one picture, or one profile, is shifted against another."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
from scipy import ndimage, optimize

from em_inverse.errors import ParameterError

__all__ = [
    "chained_shifts",
    "image_shift",
    "in_view",
    "match_profiles",
    "moved",
    "placed",
    "turn",
]

# Square of the relative variation below which a profile is flat: that of float32 arithmetic.
_NO_STRUCTURE = 1e-10
# Correlations that differ by less than this fraction are the same but for rounding.
_SAME = 1e-9


def moved(profile: np.ndarray, shift: float) -> np.ndarray:
    """Return a profile moved by `shift` pixels; its border values come in from outside."""
    order: Literal[1, 3] = 3 if profile.size > 3 else 1
    return np.asarray(ndimage.shift(profile, float(shift), order=order, mode="nearest"))


def turn(angle_rad: float) -> np.ndarray:
    """Return the matrix that takes a point of the turned image to where it was before."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, s], [-s, c]])


def placed(
    images: np.ndarray, shifts: np.ndarray, rotation_deg: float, *, order: Any
) -> np.ndarray:
    """Return images shifted, then turned about their middle, in one interpolation.

    Parameters
    ----------
    images : ndarray, shape (n, nx, ny)
    shifts : ndarray, shape (n, 2)
        Along x and y, in pixels.
    rotation_deg : float
        Angle from x towards y.
    order : int
        Order of the splines.

    Returns
    -------
    ndarray, shape (n, nx, ny)
        Whatever comes in from outside repeats the border.

    Examples
    --------
    >>> placed(np.array([[[0.0, 1.0], [2.0, 3.0]]]), np.array([[1.0, 0.0]]), 0.0, order=1)
    array([[[0., 1.],
            [0., 1.]]])
    """
    matrix = turn(np.deg2rad(rotation_deg))
    middle = (np.array(images.shape[1:]) - 1) / 2
    return np.stack(
        [
            ndimage.affine_transform(
                image, matrix, middle - matrix @ middle - shift, order=order, mode="nearest"
            )
            for image, shift in zip(images, shifts, strict=True)
        ]
    )


def in_view(shifts: np.ndarray, count: int) -> tuple[int, int]:
    """Return the range [first, last) of pixels that no shift has filled from outside.

    Examples
    --------
    >>> in_view(np.array([-2.0, 0.4]), 10)
    (1, 8)
    """
    first = int(np.ceil(max(0.0, shifts.max())))
    last = count - int(np.ceil(max(0.0, -shifts.min())))
    return (first, last) if first < last else (0, count)


def match_profiles(profiles: np.ndarray, reach: float, *, rounds: int = 4) -> np.ndarray:
    """Return the shifts that bring profiles into register with their common mean.

    Parameters
    ----------
    profiles : ndarray, shape (n, ny)
    reach : float
        Largest shift considered in a round, in pixels.
    rounds : int
        How often the mean is formed anew from the profiles as shifted so far.

    Returns
    -------
    ndarray, shape (n,)
        Shifts to apply, zero on average.

    Examples
    --------
    >>> y = np.arange(40.0)
    >>> profiles = np.exp(-0.5 * ((y - np.array([[18.0], [20.5]])) / 3) ** 2)
    >>> match_profiles(profiles, 8).round(2)
    array([ 1.25, -1.25])
    """
    shifts = np.zeros(len(profiles))
    reference = profiles[len(profiles) // 2]
    pixels = np.arange(profiles.shape[1])
    for _ in range(rounds):
        shifts = np.array([_best_shift(profile, reference, reach) for profile in profiles])
        shifts -= shifts.mean()
        first, last = in_view(shifts, pixels.size)
        mean = np.mean([moved(p, s) for p, s in zip(profiles, shifts, strict=True)], axis=0)
        reference = np.interp(pixels, pixels[first:last], mean[first:last])
    return shifts


def chained_shifts(
    images: np.ndarray, angles_deg: np.ndarray, max_shift: float | None, stretch: bool
) -> np.ndarray:
    """Return the shifts that match each image to its neighbour in angle, added up.

    Parameters
    ----------
    images : ndarray, shape (n_tilts, nx, ny)
    angles_deg : ndarray, shape (n_tilts,)
    max_shift : float or None
        Largest shift between neighbours, in pixels; a quarter of the side if None.
    stretch : bool
        Stretch each image across the axis by the ratio of the cosines before it is compared.

    Returns
    -------
    ndarray, shape (n_tilts, 2)
        Shifts to apply along x and y; zero for the tilt nearest to 0°.

    Raises
    ------
    ParameterError
        When images are to be stretched at ±90°.
    """
    cosines = np.cos(np.deg2rad(angles_deg)) if stretch else np.ones(len(images))
    if np.abs(cosines).min() < 0.01:
        raise ParameterError(
            f"stretch is True but the tilts reach {np.abs(angles_deg).max():g}°, where the cosine "
            f"vanishes. Pass stretch=False."
        )
    sequence = np.argsort(angles_deg, kind="stable")
    start = int(np.abs(angles_deg[sequence]).argmin())
    shifts = np.zeros((len(images), 2))
    for branch in (sequence[start:], sequence[start::-1]):
        for before, here in itertools.pairwise(branch):
            ratio = cosines[before] / cosines[here]
            step = image_shift(images[before], _stretched(images[here], ratio), max_shift)
            # Shifts are wanted on the picture as measured, not as stretched.
            shifts[here] = (shifts[before] + step) / (ratio, 1.0)
    return shifts


def image_shift(reference: np.ndarray, image: np.ndarray, max_shift: float | None) -> np.ndarray:
    """Return the shift of `image` that correlates best with `reference`, to a part of a pixel.

    Both are freed from their mean, faded out towards the border and padded to twice their size,
    so that nothing that leaves on one side comes in on the other. The correlation is divided by
    that of the fading itself, which would draw every shift towards zero.

    Parameters
    ----------
    reference, image : ndarray, shape (nx, ny)
    max_shift : float or None
        Largest shift considered, in pixels; a quarter of the side if None.

    Returns
    -------
    ndarray, shape (2,)
        Shift to apply along each axis; 0 along an axis of length one.
    """
    shape = reference.shape
    fade = np.multiply.outer(*(_fade(n) for n in shape))
    padded = [2 * n if n > 1 else 1 for n in shape]
    spectra = [
        np.fft.fft2(part, s=padded)
        for part in (
            (reference - reference.mean()) * fade,
            (image - image.mean()) * fade,
            fade,
        )
    ]
    correlation = np.fft.ifft2(spectra[0] * spectra[1].conj()).real
    overlap = np.fft.ifft2(np.abs(spectra[2]) ** 2).real
    reach = [
        0 if n == 1 else max(1, n // 4 if max_shift is None else min(int(max_shift), n - 1))
        for n in shape
    ]
    lags = np.ix_(*(np.arange(-r, r + 1) for r in reach))
    window = correlation[lags] / np.maximum(overlap[lags], 0.05 * overlap[0, 0])
    # Where nothing tells the shifts apart (no structure along an axis), the smallest is right.
    length = np.add.outer(*(np.arange(-r, r + 1) ** 2 for r in reach))
    alike = window >= window.max() - _SAME * np.abs(window).max()
    nearest = np.where(alike, length, length.max() + 1).argmin()
    i, j = (int(k) for k in np.unravel_index(nearest, window.shape))
    return np.array([i - reach[0] + _vertex(window[:, j], i), j - reach[1] + _vertex(window[i], j)])


def _best_shift(profile: np.ndarray, reference: np.ndarray, reach: float) -> float:
    """Shift of `profile` that correlates best with `reference` where the two overlap."""
    spline = ndimage.spline_filter1d(profile, order=3, mode="nearest")
    y = np.arange(profile.size, dtype=np.float64)

    def mismatch(shift: float) -> float:
        source = y - shift
        inside = (source >= 0) & (source <= profile.size - 1)
        here = ndimage.map_coordinates(
            spline, [source[inside]], order=3, mode="nearest", prefilter=False
        )
        a, b = here - here.mean(), reference[inside] - reference[inside].mean()
        scale = np.sqrt((a @ a) * (b @ b))
        rounding = _NO_STRUCTURE * np.sqrt((here @ here) * (reference[inside] @ reference[inside]))
        return 1 - float(a @ b) / scale if scale > rounding else 1.0

    # Smallest shift first, so that a profile without structure stays where it is.
    whole = sorted(range(-int(reach), int(reach) + 1), key=abs)
    best = float(whole[int(np.argmin([mismatch(shift) for shift in whole]))])
    found = optimize.minimize_scalar(
        mismatch, bounds=(best - 1, best + 1), method="bounded", options={"xatol": 1e-3}
    )
    return float(found.x) if found.fun < mismatch(best) else best


def _stretched(image: np.ndarray, ratio: float) -> np.ndarray:
    """Stretch about the middle of the detector, across the axis."""
    if ratio == 1.0:
        return image
    middle = (image.shape[0] - 1) / 2
    return np.asarray(
        ndimage.affine_transform(
            image,
            np.diag([1 / ratio, 1.0]),
            [middle - middle / ratio, 0.0],
            order=1,
            mode="nearest",
        )
    )


def _fade(count: int) -> np.ndarray:
    """1 inside, falling to nearly 0 over an eighth of the length at either end."""
    if count == 1:
        return np.ones(1)
    from_border = np.minimum(np.arange(count), np.arange(count)[::-1]) + 1
    return np.sin(np.pi / 2 * np.minimum(1, from_border / max(1, count // 8)))


def _vertex(values: np.ndarray, peak: int) -> float:
    """Offset of the vertex of the parabola through a peak and its two neighbours."""
    if not 0 < peak < values.size - 1:
        return 0.0
    left, top, right = values[peak - 1 : peak + 2]
    curvature = left - 2 * top + right
    return float(0.5 * (left - right) / curvature) if curvature < -_SAME * abs(top) else 0.0
