"""ParallelBeam: the line integrals that a tilt series measures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    GeometryError,
    ParameterError,
    check_angles,
    check_array,
    check_integer,
    check_shape,
)
from em_inverse.forward.operator import LinearOperator

__all__ = ["ParallelBeam"]

# The kernels count detector pixels in 32 bits.
_LARGEST_SHIFT = 1e6


class ParallelBeam(LinearOperator):
    """Projections of a slice or a volume, tilted about one axis in a parallel beam.

    A voxel at (z, x), counted from the centre of the array, falls on the detector coordinate

        s = x cos θ + z sin θ + center_shift,

    counted from the centre of the detector, in voxels. Centres lie at (n − 1)/2. Each value of the
    projection is the line integral along its ray by Joseph's method [1]_: unit voxels, lengths in
    voxels. The adjoint is the exact transpose.

    Parameters
    ----------
    shape : tuple of int
        (nz, nx) of a slice ``[z, x]``, or (nz, nx, ny) of a volume ``[z, x, y]``; z runs along the
        beam at 0° tilt, y along the tilt axis.
    angles_deg : array_like, shape (n_tilts,)
        Tilt angles θ in degrees, any order, beyond ±90 as well. Multiples of 90° are exact: at 0°
        a projection is the sum over z, at 90° the sum over x.
    n_det : int, optional
        Number of detector pixels across the tilt axis; `nx` unless given. A detector narrower
        than the object cuts off what falls outside.
    dtype : dtype, optional
        Precision of the computation: float32 unless float64 is asked for.
    center_shift : float or array_like of shape (n_tilts,)
        Where the tilt axis falls on the detector, in pixels from the detector's centre; one value
        for all projections or one for each. The data need not be resampled.
    axial_shift : float or array_like of shape (n_tilts,)
        How far each projection is displaced along the tilt axis, in pixels towards larger y. Parts
        of a pixel are interpolated linearly; what comes in from outside the volume is zero. Only
        for volumes.

    Attributes
    ----------
    angles_deg : ndarray, shape (n_tilts,)
    center_shift : ndarray, shape (n_tilts,)
    axial_shift : ndarray, shape (n_tilts,)

    Raises
    ------
    GeometryError
        When the angles are not a flat list of finite numbers, or the shifts do not fit them.
    ParameterError
        When a shape is not made of positive whole numbers.

    Notes
    -----
    Some toolboxes, ASTRA among them, count θ the other way round: with data or angles from there,
    pass ``-angles_deg``. A wrong sign turns the reconstruction upside down in z, which a symmetric
    object hides; look at one that lies off the tilt axis.

    Why the kernels are fast is explained in `em_inverse.forward.kernels.joseph`.

    References
    ----------
    .. [1] P. M. Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE
       Trans. Med. Imaging 1 (1982) 192-196. doi:10.1109/TMI.1982.4307572

    Examples
    --------
    >>> import numpy as np
    >>> A = ParallelBeam((3, 3), [0, 90])
    >>> A @ np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    array([[12., 15., 18.],
           [ 6., 15., 24.]], dtype=float32)
    """

    def __init__(
        self,
        shape: Sequence[int],
        angles_deg: ArrayLike,
        n_det: int | None = None,
        *,
        dtype: Any = None,
        center_shift: ArrayLike = 0.0,
        axial_shift: ArrayLike = 0.0,
    ) -> None:
        shape = check_shape(shape, "shape", ndim=(2, 3))
        self.angles_deg = check_angles(angles_deg).copy()
        self.n_det = shape[1] if n_det is None else check_integer(n_det, "n_det", minimum=1)
        self.center_shift = _per_tilt(center_shift, self.angles_deg.size, "center_shift")
        self.axial_shift = _per_tilt(axial_shift, self.angles_deg.size, "axial_shift")
        self._moves_along_y = bool(self.axial_shift.any())
        if self._moves_along_y and len(shape) == 2:
            raise GeometryError(
                f"axial_shift is given, but shape {shape} is a slice, which has no y axis to shift "
                f"along. Pass (nz, nx, ny), or leave axial_shift out."
            )
        super().__init__(
            shape,
            (self.angles_deg.size, self.n_det, *shape[2:]),
            np.float32 if dtype is None else dtype,
        )
        self._cosines, self._sines = _exact_cosine_and_sine(self.angles_deg)
        self._axis = (self.n_det - 1) / 2 + self.center_shift
        for array in (self.angles_deg, self.center_shift, self.axial_shift):
            array.flags.writeable = False
        for array in (self._cosines, self._sines, self._axis):
            array.flags.writeable = False

    @property
    def n_tilts(self) -> int:
        """Number of projections."""
        return int(self.angles_deg.size)

    def subset(self, indices: ArrayLike) -> ParallelBeam:
        """Return the operator of some of the tilts, in the order given.

        Parameters
        ----------
        indices : array_like of int, or of bool with one entry per tilt

        Raises
        ------
        ParameterError
            When nothing is chosen, or an index does not exist.

        Examples
        --------
        >>> ParallelBeam((4, 4), [-60, 0, 60]).subset([2, 0]).angles_deg
        array([ 60., -60.])
        """
        chosen = np.atleast_1d(np.asarray(indices))
        if chosen.dtype != bool and chosen.dtype.kind not in "iu":
            raise ParameterError(
                f"indices is {indices!r}; whole numbers, or one True or False per tilt, are needed."
            )
        try:
            picked = np.arange(self.n_tilts)[chosen]
        except IndexError:
            picked = np.empty(0, int)
        if picked.ndim != 1 or picked.size == 0:
            raise ParameterError(
                f"indices is {indices!r}; it must choose at least one of the {self.n_tilts} tilts."
            )
        return ParallelBeam(
            self.in_shape,
            self.angles_deg[picked],
            self.n_det,
            dtype=self.dtype,
            center_shift=self.center_shift[picked],
            axial_shift=self.axial_shift[picked],
        )

    def double(self) -> ParallelBeam:
        """Return the same projections in float64."""
        if self.dtype == np.float64:
            return self
        return ParallelBeam(
            self.in_shape,
            self.angles_deg,
            self.n_det,
            dtype=np.float64,
            center_shift=self.center_shift,
            axial_shift=self.axial_shift,
        )

    def interpolate_back(self, y: ArrayLike) -> np.ndarray:
        """Smear every projection back over the object, by linear interpolation on the detector.

        Each voxel collects Σ_θ y(θ, s(θ)). This is the smooth back-projection that filtered
        (weighted) back-projection needs; it is *not* the adjoint, whose weights follow the forward
        model and vary a little from voxel to voxel.

        Parameters
        ----------
        y : array_like, shape `out_shape`

        Returns
        -------
        ndarray, shape `in_shape`
        """
        y = check_array(y, "y", shape=self.out_shape, dtype=self.dtype)
        return self._gather(y, np.ones(self.n_tilts))

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        """All slices along y see the same rays, so that one of them has the norm of all."""
        if len(self.in_shape) == 2 or self._moves_along_y:
            return super()._largest_singular_value(tol, max_iter, seed)
        return self.slice().norm(tol, max_iter=max_iter, seed=seed)

    def slice(self) -> ParallelBeam:
        """Return the projector of one slice ``[z, x]``, without axial shifts.

        Examples
        --------
        >>> ParallelBeam((4, 4, 9), [-60, 0, 60]).slice().in_shape
        (4, 4)
        """
        return ParallelBeam(
            self.in_shape[:2],
            self.angles_deg,
            self.n_det,
            dtype=self.dtype,
            center_shift=self.center_shift,
        )

    def _forward(self, x: np.ndarray) -> np.ndarray:
        from em_inverse.forward.kernels import joseph

        projections = joseph.forward(
            np.ascontiguousarray(x), self._cosines, self._sines, self._axis, self.n_det
        )
        return displaced(projections, self.axial_shift) if self._moves_along_y else projections

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self._gather(y, None)

    def _gather(self, y: np.ndarray, half_width: np.ndarray | None) -> np.ndarray:
        from em_inverse.forward.kernels import joseph

        nz, nx = self.in_shape[:2]
        if self._moves_along_y:
            y = displaced(y, -self.axial_shift)
        return joseph.adjoint(
            np.ascontiguousarray(y), self._cosines, self._sines, self._axis, (nz, nx), half_width
        )


def displaced(projections: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move each projection along its last axis, by linear interpolation, zeros coming in.

    With shift s = i + f, 0 ≤ f < 1, entry y becomes (1 − f) p[y − i] + f p[y − i − 1]. The
    transpose of a shift by s is, entry for entry, the shift by −s.

    Parameters
    ----------
    projections : ndarray, shape (n_tilts, n_det, ny)
    shifts : ndarray, shape (n_tilts,)

    Returns
    -------
    ndarray
        A new array of the same shape and dtype.

    Examples
    --------
    >>> displaced(np.array([[[0.0, 1.0, 0.0, 0.0]]]), np.array([1.25]))
    array([[[0.  , 0.  , 0.75, 0.25]]])
    """
    out = np.zeros_like(projections)
    for image, moved, shift in zip(projections, out, shifts.tolist(), strict=True):
        whole = math.floor(shift)
        for step, weight in ((whole, 1 - (shift - whole)), (whole + 1, shift - whole)):
            _add_moved(moved, image, step, image.dtype.type(weight))
    return out


def _add_moved(out: np.ndarray, image: np.ndarray, step: int, weight: np.generic) -> None:
    """out[:, y] += weight · image[:, y − step] where both exist."""
    ny = image.shape[-1]
    if weight != 0 and abs(step) < ny:
        to, source = slice(max(step, 0), ny + min(step, 0)), slice(max(-step, 0), ny - max(step, 0))
        out[:, to] += weight * image[:, source]


def _per_tilt(shift: ArrayLike, n_tilts: int, name: str) -> np.ndarray:
    shifts = check_array(shift, name, ndim=(0, 1), dtype=np.float64)
    if shifts.ndim == 1 and shifts.size != n_tilts:
        raise GeometryError(
            f"{name} has {shifts.size} entries but there are {n_tilts} tilts. Pass one "
            f"number for all, or one per projection."
        )
    if np.abs(shifts).max() > _LARGEST_SHIFT:
        raise GeometryError(
            f"{name} reaches {np.abs(shifts).max():g} pixels; allowed: up to "
            f"{_LARGEST_SHIFT:g}. It is counted in pixels from the centre of the detector."
        )
    return np.broadcast_to(shifts, (n_tilts,)).copy()


def _exact_cosine_and_sine(angles_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine of angles in degrees, exact at multiples of 90°."""
    quarter = np.round(angles_deg / 90).astype(int)
    rest = np.deg2rad(angles_deg - 90.0 * quarter)
    c, s = np.cos(rest), np.sin(rest)
    turn = quarter % 4
    return (
        np.choose(turn, [c, -s, -c, s]) + 0.0,
        np.choose(turn, [s, c, -s, -c]) + 0.0,
    )
