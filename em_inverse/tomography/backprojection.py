"""Weighted (filtered) back-projection: the closed-form inverse, where angles suffice for it."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from em_inverse.errors import check_choice, check_number
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography import geometry
from em_inverse.tomography.wedge import missing_wedge

__all__ = ["FILTERS", "wbp"]

#: Names of the filters that :func:`wbp` offers, from sharpest to smoothest.
FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")


def wbp(
    series: TiltSeries,
    filter: str = "ramp",
    *,
    cutoff: float = 1.0,
    padding: str = "zero",
    shape: tuple[int, ...] | None = None,
    center_shift: ArrayLike | None = None,
) -> Reconstruction:
    """Reconstruct by weighted back-projection.

    Each projection is filtered across the tilt axis with the ramp |q|, which undoes the crowding
    of low frequencies in the centre of Fourier space, and smeared back over the volume:

        x(z, x) = Σ_θ Δθ · (h * p_θ)(x cos θ + z sin θ).

    Parameters
    ----------
    series : TiltSeries
    filter : {'ramp', 'shepp-logan', 'cosine', 'hamming', 'hann'}
        Window that multiplies the ramp; each later one passes less noise and less detail.
    cutoff : float
        Highest frequency kept, as a fraction of the Nyquist frequency.
    padding : {'zero', 'edge'}
        What is taken to lie beyond the ends of the detector: nothing, or the outermost value. Where
        the specimen is wider than the detector, 'edge' spares the result its bright rim.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.

    Returns
    -------
    Reconstruction
        float32; with tilts over the full 180° its values are those of the object. A missing wedge
        takes away what its directions held: contrast falls and shapes stretch along z.

    Notes
    -----
    The ramp is built in real space, band-limited (h[0] = 1/4, h[n] = −1/(πn)² for odd n, else 0),
    so that the mean is right [1]_; projections are padded to at least twice their length, so that
    nothing wraps around. Δθ is half the distance to the two neighbouring angles, taken around the
    half circle. The gap of the missing wedge (:func:`em_inverse.tomography.missing_wedge`) is
    given to nobody.

    References
    ----------
    .. [1] A. C. Kak and M. Slaney, *Principles of Computerized Tomographic Imaging*, chapter 3,
       doi:10.1137/1.9780898719277.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 12
    >>> angles = np.arange(0, 180, 2)
    >>> series = TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> bool(abs(wbp(series).x[20, 20] - 1) < 0.05)
    True
    """
    check_choice(filter, "filter", FILTERS)
    cutoff = check_number(cutoff, "cutoff", minimum=0, exclusive=True)
    cutoff = check_number(cutoff, "cutoff", maximum=1)
    check_choice(padding, "padding", ("zero", "edge"))
    A = geometry.operator(series, shape, center_shift=center_shift)
    b = series.projections.astype(np.float32, copy=False)
    weights = angular_weights(series.angles_deg)
    filtered = _filtered(b, filter, cutoff, padding)
    filtered *= weights.astype(np.float32).reshape((-1,) + (1,) * (b.ndim - 1))
    x = A.interpolate_back(filtered)
    return Reconstruction(
        x=x,
        algorithm="weighted back-projection",
        parameters={
            "filter": filter,
            "cutoff": cutoff,
            **({"padding": padding} if padding != "zero" else {}),
            **geometry.choices(series, center_shift=center_shift),
        },
        history={"data_distance": [float(np.linalg.norm(A.forward(x) - b))]},
        pixel_size_nm=series.pixel_size_nm,
        geometry=geometry.describe(series),
        provenance=series.history,
        metadata=geometry.origin(series),
    )


def angular_weights(angles_deg: np.ndarray) -> np.ndarray:
    """Return Δθ in radians for each projection: the angles it stands for.

    Parameters
    ----------
    angles_deg : ndarray, shape (n_tilts,)

    Returns
    -------
    ndarray, shape (n_tilts,)
        They add up to π without a missing wedge.

    Examples
    --------
    >>> np.rad2deg(angular_weights(np.array([0.0, 45.0, 90.0, 135.0]))).round(6)
    array([45., 45., 45., 45.])
    >>> np.rad2deg(angular_weights(np.array([-40.0, -20.0, 0.0, 10.0, 20.0]))).round(6)
    array([10., 20., 15., 10.,  5.])
    """
    # A projection at θ + 180° is the mirror image of the one at θ and tells the same.
    folded = np.mod(angles_deg, 180.0)
    sequence = np.argsort(folded, kind="stable")
    ordered = folded[sequence]
    gaps = np.diff(ordered, append=ordered[0] + 180.0)
    if gaps.max() > 180.0 - 1e-6:
        # One direction only, however often it was recorded.
        return np.full(gaps.size, np.pi / gaps.size)
    if missing_wedge(angles_deg).width_deg > 0:
        gaps[gaps.argmax()] = 0.0
    weights = np.empty_like(gaps)
    weights[sequence] = 0.5 * (gaps + np.roll(gaps, 1))
    return np.deg2rad(weights)


def _filtered(projections: np.ndarray, filter: str, cutoff: float, padding: str) -> np.ndarray:
    n = projections.shape[1]
    length = 2 ** int(np.ceil(np.log2(2 * n)))
    response = _ramp(length) * _window(filter, np.fft.rfftfreq(length) / (0.5 * cutoff))
    response = response.astype(np.float32).reshape((-1,) + (1,) * (projections.ndim - 2))
    out = np.empty_like(projections)
    for image, result in zip(projections, out, strict=True):
        line = _extended(image, length) if padding == "edge" else image
        spectrum = scipy.fft.rfft(line, length, axis=0, workers=2) * response
        result[...] = scipy.fft.irfft(spectrum, length, axis=0, workers=2)[:n]
    return out


def _extended(image: np.ndarray, length: int) -> np.ndarray:
    """Repeat the last line behind an image and the first one before it, around the circle."""
    behind = (length - image.shape[0] + 1) // 2
    return np.roll(
        np.pad(
            image,
            [(length - image.shape[0] - behind, behind)] + [(0, 0)] * (image.ndim - 1),
            mode="edge",
        ),
        -(length - image.shape[0] - behind),
        axis=0,
    )


def _ramp(length: int) -> np.ndarray:
    distance = np.minimum(np.arange(length), length - np.arange(length))
    h = np.zeros(length)
    odd = distance % 2 == 1
    h[odd] = -1 / (np.pi * distance[odd]) ** 2
    h[0] = 0.25
    return np.fft.rfft(h).real


def _window(filter: str, q: np.ndarray) -> np.ndarray:
    """Window at frequencies q, counted in units of the cut-off."""
    windows = {
        "ramp": np.ones_like(q),
        "shepp-logan": np.sinc(q / 2),
        "cosine": np.cos(np.pi * q / 2),
        "hamming": 0.54 + 0.46 * np.cos(np.pi * q),
        "hann": 0.5 + 0.5 * np.cos(np.pi * q),
    }
    return np.where(q <= 1, windows[filter], 0.0)
