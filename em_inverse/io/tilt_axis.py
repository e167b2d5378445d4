"""Which way the tilt axis runs in the images, from the images themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from em_inverse.errors import DataError, check_array

__all__ = ["TiltAxisEvidence", "tilt_axis_evidence"]

_CLEAR_LIKENESS = 0.9
_CLEAR_MARGIN = 0.03
_FEWEST_TILTS = 5
_SMALLEST_IMAGE = 16


class TiltAxisEvidence(NamedTuple):
    """How alike the profiles of all tilts are in each direction (1 is identical).

    ``direction`` is None when the two values do not settle the matter.
    """

    vertical: float
    horizontal: float
    direction: str | None


def tilt_axis_evidence(images: ArrayLike) -> TiltAxisEvidence:
    """Compare the two directions in which the tilt axis may run.

    Summing an image across the tilt axis gives the same profile along the axis at every tilt: in
    Fourier space it is the common line, which all projections share. Broad shapes agree by chance
    (a round needle looks alike from all sides), so only the fine structure of the profiles is
    compared, band-passed between 1 and 3 pixels, at the shift that fits best, with the middle
    projection as reference. The median correlation over the tilts is the evidence.

    Parameters
    ----------
    images : array_like, shape (n_tilts, n_rows, n_columns)
        Images as filed.

    Returns
    -------
    TiltAxisEvidence
        ``vertical`` (axis along the columns of pixels, so that row = y), ``horizontal`` (axis
        along the rows, column = y), and the ``direction`` they point to. None when there are
        fewer than 5 tilts or 16 pixels, when neither correlation reaches 0.9, or when they differ
        by less than 0.03.

    Raises
    ------
    DataError
        When `images` is not a finite real array with 3 axes.

    References
    ----------
    .. [1] R. A. Crowther et al., "The reconstruction of a three-dimensional structure from
       projections", Proc. R. Soc. Lond. A 317, 319 (1970). doi:10.1098/rspa.1970.0119

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> along, across = rng.random((1, 40)), rng.random((9, 40))
    >>> images = along[:, :, None] * across[:, None, :]
    >>> tilt_axis_evidence(images).direction
    'vertical'
    """
    stack = np.asarray(images)
    if stack.ndim != 3 or stack.dtype.kind not in "biuf":
        raise DataError(
            f"images has shape {stack.shape} and type {stack.dtype}; real numbers with axes "
            f"[tilt, row, column] are needed."
        )
    if stack.shape[0] < _FEWEST_TILTS or min(stack.shape[1:]) < _SMALLEST_IMAGE:
        return TiltAxisEvidence(0.0, 0.0, None)
    with np.errstate(invalid="ignore"):
        along_rows = check_array(stack.sum(axis=2, dtype=np.float64), "the sum of images")
    vertical = _likeness(along_rows)
    horizontal = _likeness(stack.sum(axis=1, dtype=np.float64))
    clear = (
        max(vertical, horizontal) >= _CLEAR_LIKENESS and abs(vertical - horizontal) >= _CLEAR_MARGIN
    )
    better = "vertical" if vertical > horizontal else "horizontal"
    return TiltAxisEvidence(vertical, horizontal, better if clear else None)


def _likeness(profiles: np.ndarray) -> float:
    fine = gaussian_filter1d(profiles, 1.0, axis=1) - gaussian_filter1d(profiles, 3.0, axis=1)
    energy = np.sum(fine**2, axis=1)
    middle = len(fine) // 2
    if energy.min() <= 1e-20 * np.sum(profiles**2):
        return 0.0
    spectra = np.fft.rfft(fine, 2 * fine.shape[1], axis=1)
    correlation = np.fft.irfft(spectra * spectra[middle].conj(), axis=1).max(axis=1)
    return float(np.median(correlation / np.sqrt(energy * energy[middle])))
