"""SpectralSeries: a spectrum at every pixel of every projection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, ParameterError, check_angles, check_array, check_integer
from em_inverse.tilt_series import TiltSeries

__all__ = ["SpectralSeries", "check_spectra"]


class SpectralSeries:
    """Spectrum images of one specimen at known tilt angles.

    Parameters
    ----------
    projections : array_like, shape (n_tilts, nx, ny, n_channels)
        Counts, or maps of elements. Axis 1 (x) runs across the tilt axis, axis 2 (y) along it; the
        last axis is the energy channel or the element. Become float32; the array given is never
        modified.
    angles_deg : array_like, shape (n_tilts,)
        Tilt angles in degrees, in the order of the projections.
    names : sequence of str, optional
        One per channel: element symbols, or energies in words. ``channel 0`` … unless given.
    pixel_size_nm : float, optional
        Edge of a detector pixel in nm.

    Attributes
    ----------
    projections : ndarray of float32, read-only
    angles_deg : ndarray
    names : tuple of str
    pixel_size_nm : float or None

    Raises
    ------
    DataError
        When the array is not four-dimensional or not finite.
    GeometryError
        When angles and projections differ in number.
    ParameterError
        When the names do not fit the channels.

    Examples
    --------
    >>> series = SpectralSeries(np.ones((3, 8, 4, 2)), [-60, 0, 60], names=["Au", "Fe"])
    >>> series
    SpectralSeries(3 tilts, 8 × 4 pixels, channels Au, Fe)
    >>> series.channel(1).projections.shape
    (3, 8, 4)
    """

    def __init__(
        self,
        projections: ArrayLike,
        angles_deg: ArrayLike,
        names: Iterable[str] | None = None,
        pixel_size_nm: float | None = None,
    ) -> None:
        counts = check_array(projections, "projections", ndim=4, dtype=np.float32)
        self.angles_deg = check_angles(angles_deg, count=len(counts)).copy()
        n = counts.shape[-1]
        self.names = tuple(f"channel {k}" for k in range(n)) if names is None else tuple(names)
        if len(self.names) != n:
            raise ParameterError(
                f"names holds {len(self.names)} entries, but projections has {n} channels (shape "
                f"{counts.shape}). Pass one name per channel."
            )
        self.pixel_size_nm = pixel_size_nm
        # Channel by channel each projection is one image, as the projector wants it.
        self.stack = np.ascontiguousarray(np.moveaxis(counts, -1, 0))
        if np.shares_memory(self.stack, counts):
            self.stack = self.stack.copy()
        self.stack.flags.writeable = self.angles_deg.flags.writeable = False

    @property
    def projections(self) -> np.ndarray:
        """The data ``[tilt, x, y, channel]``, a view of ``stack[channel, tilt, x, y]``."""
        return np.moveaxis(self.stack, 0, -1)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.names)

    @property
    def n_tilts(self) -> int:
        """Number of projections."""
        return int(self.angles_deg.size)

    def channel(self, index: int) -> TiltSeries:
        """Return one channel as a tilt series of its own.

        Parameters
        ----------
        index : int
            From 0 to ``n_channels - 1``.
        """
        k = check_integer(index, "index", minimum=0, maximum=self.n_channels - 1)
        return TiltSeries(self.stack[k], self.angles_deg, pixel_size_nm=self.pixel_size_nm)

    def __repr__(self) -> str:
        nx, ny = self.stack.shape[2:]
        return (
            f"SpectralSeries({self.n_tilts} tilts, {nx} × {ny} pixels, "
            f"channels {', '.join(self.names)})"
        )


def check_spectra(value: Any, *, counts: bool = False) -> SpectralSeries:
    """Return `value` if it is a SpectralSeries, with counts ≥ 0 where those are asked for.

    Raises
    ------
    ParameterError
        When it is none.
    DataError
        When counts are negative, or zero everywhere.
    """
    if not isinstance(value, SpectralSeries):
        raise ParameterError(
            f"series is a {type(value).__name__}; make a SpectralSeries(projections, angles_deg) "
            f"of projections[tilt, x, y, channel] first."
        )
    if counts and value.stack.min() < 0:
        raise DataError(
            f"projections reach {value.stack.min():g}; counts cannot be negative. Pass raw counts "
            f"and the known `background`, or noise='gaussian'."
        )
    if not value.stack.any():
        raise DataError("projections are zero everywhere: no channel has a single count.")
    return value
