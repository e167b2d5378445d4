"""A volume turned about the tilt axis, and cut into slices across the beam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from em_inverse.errors import GeometryError, check_angles, check_integer, check_shape
from em_inverse.forward.operator import LinearOperator
from em_inverse.forward.tilt import _exact_cosine_and_sine

__all__ = ["FourierTurn", "TurnedSlices"]


class TurnedSlices(LinearOperator):
    """Turn a volume to a tilt angle, and add up every N depths into one slice.

    Slice m, detector pixel s and y hold the sum of N values of the turned volume,

        Σ_u V(z = s sin θ + u cos θ,  x = s cos θ − u sin θ,  y),

    z, x and s counted from the centre of the array, u = first, …, first + N − 1 along the beam.
    So a voxel falls on s = x cos θ + z sin θ, as in :class:`~em_inverse.forward.ParallelBeam`.
    Between voxels, values are interpolated by cubic convolution. The adjoint is the exact
    transpose.

    Parameters
    ----------
    shape : tuple of int
        (nz, nx, ny) of the volume ``[z, x, y]``; y runs along the tilt axis.
    angle_deg : float
        θ in degrees. Multiples of 90° are exact where nz and nx are both even or both odd.
    slice_voxels : int
        N. The depth of the turned volume, max(nz, nx), is filled up to a multiple of it.
    dtype : dtype, optional
        float32 unless float64 is asked for.

    Attributes
    ----------
    centres : ndarray, shape (n_slices,)
        Depth of the middle of each slice, in voxels from the centre of the volume.

    Raises
    ------
    GeometryError
        When the angle is no finite number within ±360.
    ParameterError
        When the shape or `slice_voxels` is not made of positive whole numbers.

    Notes
    -----
    Why the kernels are fast is explained in `em_inverse.forward.kernels.turning`.

    Examples
    --------
    >>> import numpy as np
    >>> volume = np.arange(8.0).reshape(2, 2, 2)
    >>> TurnedSlices((2, 2, 2), 90, slice_voxels=2) @ volume
    array([[[ 2.,  4.],
            [10., 12.]]], dtype=float32)
    >>> TurnedSlices((6, 6, 3), 25, 2, dtype=np.float64).dot_test() < 1e-12
    True
    """

    def __init__(
        self, shape: Sequence[int], angle_deg: float, slice_voxels: int = 1, *, dtype: Any = None
    ) -> None:
        nz, nx, ny = check_shape(shape, "shape", ndim=3)
        self.angle_deg = _one_angle(angle_deg)
        self.slice_voxels = check_integer(slice_voxels, "slice_voxels", minimum=1)
        depth = max(nz, nx)
        n_slices = -(-depth // self.slice_voxels)
        super().__init__((nz, nx, ny), (n_slices, nx, ny), np.float32 if dtype is None else dtype)
        spare = n_slices * self.slice_voxels - depth
        self._start = -(spare // 2) - (depth - 1) / 2
        middle = self._start + (self.slice_voxels - 1) / 2
        self.centres = middle + self.slice_voxels * np.arange(n_slices)
        cosine, sine = _exact_cosine_and_sine(np.array([self.angle_deg]))
        self._cosine, self._sine = float(cosine[0]), float(sine[0])

    def _forward(self, x: np.ndarray) -> np.ndarray:
        from em_inverse.forward.kernels import turning

        n_slices, width, _ = self.out_shape
        slices: np.ndarray = turning.gather(
            np.ascontiguousarray(x), self._cosine, self._sine, self._start, self.slice_voxels,
            n_slices, width,
        )  # fmt: skip
        return slices

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        volume = np.zeros(self.in_shape, self.dtype)
        self.add_adjoint(y, 1.0, volume)
        return volume

    def add_adjoint(self, y: np.ndarray, weight: float, volume: np.ndarray) -> None:
        """Add `weight` times the adjoint of slices to a volume, in place: a solver's step.

        Parameters
        ----------
        y : ndarray, shape `out_shape`
        weight : float
        volume : ndarray, shape `in_shape`
            C-contiguous, of this operator's dtype.
        """
        from em_inverse.forward.kernels import turning

        slices = np.ascontiguousarray(y, dtype=self.dtype)
        turning.scatter(
            slices, self._cosine, self._sine, self._start, self.slice_voxels, weight, volume
        )


class FourierTurn(LinearOperator):
    """Turn a volume by three shears, each a shift of lines in Fourier space.

    A turn by θ is a shear along x by tan(θ/2), one along z by sin θ, and the first again. Within a
    line a shear is a shift, which Fourier space does without any low-pass: the turn keeps the
    energy, and the adjoint is the turn back. The angle is first reduced to ±45° by turns of 90°,
    which are exact. It is the reference that :class:`TurnedSlices` is held against.

    Parameters
    ----------
    shape : tuple of int
        (n, n, ny) of the volume ``[z, x, y]``. Lines are periodic: what lies within 0.46 n of the
        tilt axis turns cleanly, what lies outside comes in on the other side.
    angle_deg : float
        θ in degrees.
    dtype : dtype, optional
        float32 unless float64 is asked for.

    Raises
    ------
    GeometryError
        When z and x have different lengths, or the angle is no finite number within ±360.

    References
    ----------
    Unser, Thévenaz and Yaroslavsky, doi:10.1109/83.465102.

    Examples
    --------
    >>> import numpy as np
    >>> FourierTurn((2, 2, 1), 90) @ np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    array([[[2.],
            [4.]],
    <BLANKLINE>
           [[1.],
            [3.]]], dtype=float32)
    """

    def __init__(self, shape: Sequence[int], angle_deg: float, *, dtype: Any = None) -> None:
        nz, nx, ny = check_shape(shape, "shape", ndim=3)
        if nz != nx:
            raise GeometryError(
                f"shape is {(nz, nx, ny)}; z and x must have the same length to be sheared into "
                f"each other. Pad the shorter with zeros, or use TurnedSlices."
            )
        self.angle_deg = _one_angle(angle_deg)
        super().__init__((nz, nx, ny), (nz, nx, ny), np.float32 if dtype is None else dtype)
        self._quarters = round(self.angle_deg / 90)
        self._rest = math.radians(self.angle_deg - 90 * self._quarters)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self._sheared(np.rot90(x, self._quarters, axes=(0, 1)), self._rest)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(
            np.rot90(self._sheared(y, -self._rest), -self._quarters, axes=(0, 1))
        )

    def _sheared(self, volume: np.ndarray, radians: float) -> np.ndarray:
        if radians == 0:
            return volume.copy()
        across, along = math.tan(radians / 2), -math.sin(radians)
        for slope, axis in ((across, 1), (along, 0), (across, 1)):
            volume = self._shear(volume, slope, axis)
        return volume

    def _shear(self, volume: np.ndarray, slope: float, axis: int) -> np.ndarray:
        """Shift each line along `axis` by `slope` times its distance from the centre."""
        n = volume.shape[0]
        shifts = slope * (np.arange(n) - (n - 1) / 2)
        phases = np.exp(-2j * np.pi * np.outer(shifts, scipy.fft.rfftfreq(n)))
        spectrum = scipy.fft.rfft(volume, axis=axis)
        spectrum *= (phases if axis == 1 else phases.T)[:, :, None].astype(spectrum.dtype)
        return scipy.fft.irfft(spectrum, n=n, axis=axis)


def _one_angle(angle_deg: Any) -> float:
    angles = check_angles(angle_deg)
    if angles.size != 1:
        raise GeometryError(
            f"angle_deg holds {angles.size} angles; one, in degrees, is needed: make one operator "
            f"per tilt."
        )
    return float(angles[0])
