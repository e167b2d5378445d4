"""Which way a particle is twisted, read from its volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import label

from em_inverse.errors import DataError, check_array, check_number

__all__ = ["chirality"]

_SECTIONS = 48
_LAG = 4
_ROUND = 0.05
"""Cross-sections less oblong than this have no direction that could turn."""
_FEWEST_VOXELS = 64


def chirality(volume: ArrayLike, *, threshold: float | None = None) -> float:
    r"""Return the twist of a particle about its long axis in degrees: > 0 is right-handed.

    The long axis is the direction of largest spread. In each of 48 sections across it, the second
    moment :math:`q = \sum w\,(a + ib)^2` of the material about the section's own middle points, at
    half its phase, along the section's broad direction; :math:`|q|` says how broad. The mean turn
    over four sections is half the phase of :math:`\sum_k \bar q_k\,q_{k+4}`; times twelve it is the
    twist from end to end.

    Turning or moving the volume does not change the number, and its mirror image has the opposite
    one. No single projection tells it: turned upside down along the beam, any volume casts the
    same shadow.

    Parameters
    ----------
    volume : array_like, shape (nz, nx, ny)
        The particle, a truth or a reconstruction, ``[z, x, y]``.
    threshold : float, optional
        Values above it are material, weighted with their value; only the largest piece that hangs
        together counts. By default Otsu's threshold between particle and vacuum.

    Returns
    -------
    float
        Degrees; 0.0 for sections that are round, which show no direction.

    Raises
    ------
    DataError
        When the volume is not 3-D, or next to nothing lies above the threshold.

    Notes
    -----
    A missing wedge makes every section longer along the beam, which adds a constant to q and so
    makes the number smaller, but does not change its sign as long as the particle shows through
    the elongation.

    Examples
    --------
    >>> from em_inverse.simulate import twisted_bowtie
    >>> particle = twisted_bowtie(48, twist_deg=120)
    >>> bool(chirality(particle) > 90), bool(chirality(particle[::-1]) < -90)
    (True, True)
    """
    array = check_array(volume, "volume", ndim=3)
    limit = _otsu(array) if threshold is None else check_number(threshold, "threshold")
    places = np.argwhere(_largest_piece(array > limit))
    if len(places) < _FEWEST_VOXELS:
        raise DataError(
            f"volume has {len(places)} voxels above {limit:.4g}; a particle of at least "
            f"{_FEWEST_VOXELS} is needed. Pass a lower threshold, or look at the volume first."
        )
    weights = array[tuple(places.T)].astype(np.float64)
    # (z, x, y) is a cyclic order of (x, y, z), so it is a right-handed frame as well.
    centred = places - np.average(places, axis=0, weights=weights)
    _, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
    long_axis, first = axes[:, 2], axes[:, 0]
    t, a = centred @ long_axis, centred @ first
    b = centred @ np.cross(long_axis, first)
    section = np.minimum(((t - t.min()) / np.ptp(t) * _SECTIONS).astype(int), _SECTIONS - 1)
    mass, moment, second, spread = (
        _per_section(section, weights * part)
        for part in (1, a + 1j * b, (a + 1j * b) ** 2, a**2 + b**2)
    )
    filled = np.maximum(mass.real, np.finfo(float).tiny)
    q = second - moment**2 / filled
    turned = complex(np.sum(q[:-_LAG].conj() * q[_LAG:]))
    possible = float(np.sum(spread[:-_LAG].real * spread[_LAG:].real))
    if abs(turned) <= _ROUND**2 * possible:
        return 0.0
    return float(np.rad2deg(np.angle(turned)) / 2 * _SECTIONS / _LAG)


def _per_section(section: np.ndarray, values: np.ndarray) -> np.ndarray:
    real, imaginary = (
        np.bincount(section, part, minlength=_SECTIONS) for part in (values.real, values.imag)
    )
    return real + 1j * imaginary


def _largest_piece(material: np.ndarray) -> np.ndarray:
    """Noise and streaks leave specks far from the particle, which would weigh much."""
    pieces, count = label(material)
    if count < 2:
        return material
    return pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))


def _otsu(array: np.ndarray) -> float:
    from skimage.filters import threshold_otsu

    low, high = float(array.min()), float(array.max())
    return low if low == high else float(threshold_otsu(array))
