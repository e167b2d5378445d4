"""The projections that are there so far, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, GeometryError, check_angles, check_array
from em_inverse.forward.tilt import ParallelBeam

__all__ = ["SAME_ANGLE_DEG", "Change", "Projections"]

SAME_ANGLE_DEG = 1e-3
"""Angles closer than this are one tilt: the newer projection replaces the older one."""
_ALIKE = 0.3
"""Relative difference up to which the dual of a replaced projection is worth keeping."""


@dataclass(frozen=True)
class Change:
    """What one arrival, or one removal, did to the data.

    Attributes
    ----------
    kept : ndarray of int, shape (n_tilts,)
        Where each projection stood before; −1 for one that is new, or that replaces one which
        looks otherwise. One that was aligned a little better counts as kept.
    added, replaced, removed : tuple of float
        Angles in degrees.
    """

    kept: np.ndarray
    added: tuple[float, ...] = ()
    replaced: tuple[float, ...] = ()
    removed: tuple[float, ...] = ()


class Projections:
    """Angles, images and shifts of a growing tilt series, for an object of fixed shape.

    Parameters
    ----------
    shape : tuple of int
        (nz, nx) or (nz, nx, ny) of the object.
    n_det : int, optional
        Detector pixels across the tilt axis; nx unless given.

    Examples
    --------
    >>> data = Projections((4, 4))
    >>> data.change_to(*data.checked([0, 30], np.ones((2, 4)))).added
    (0.0, 30.0)
    >>> data.change_to(*data.checked(0, np.zeros(4))).replaced, data.angles_deg
    ((0.0,), array([ 0., 30.]))
    """

    def __init__(self, shape: tuple[int, ...], n_det: int | None = None) -> None:
        self.shape = shape
        self.n_det = shape[1] if n_det is None else n_det
        self.angles_deg = np.empty(0)
        self.center_shift = np.empty(0)
        self.axial_shift = np.empty(0)
        self.b = np.empty((0, *self.image_shape), np.float32)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one projection, (n_det,) or (n_det, ny)."""
        return (self.n_det, *self.shape[2:])

    @property
    def n_tilts(self) -> int:
        """Number of projections."""
        return int(self.angles_deg.size)

    def checked(
        self,
        angle_deg: ArrayLike,
        projection: ArrayLike,
        center_shift: ArrayLike = 0.0,
        axial_shift: ArrayLike = 0.0,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return angles, images and shifts as arrays of one entry per tilt, or say what is wrong.

        Raises
        ------
        GeometryError
            When angles, images and shifts do not fit each other.
        DataError
            When an image has another shape than the object needs, or holds NaN or infinity.
        """
        angles = check_angles(angle_deg)
        single = np.ndim(angle_deg) == 0
        images = check_array(projection, "projection", dtype=np.float32)
        wanted = self.image_shape if single else (angles.size, *self.image_shape)
        if images.shape != wanted:
            what = "one angle" if single else f"{angles.size} angles"
            raise DataError(
                f"projection has shape {images.shape}; for {what} and an object of shape "
                f"{self.shape} it must be {wanted}: axis x across the tilt axis first, y along it "
                f"second."
            )
        if not single and np.unique(np.round(angles / SAME_ANGLE_DEG)).size < angles.size:
            raise GeometryError(
                f"angle_deg {angles.tolist()} names an angle twice in one call. Add the "
                f"projections one after the other; the last one of an angle counts."
            )
        shifts = [
            _per_tilt(shift, angles.size, name)
            for shift, name in ((center_shift, "center_shift"), (axial_shift, "axial_shift"))
        ]
        if len(self.shape) == 2 and shifts[1].any():
            raise GeometryError(
                "axial_shift is given, but the object is a slice, which has no y axis to shift "
                "along. Leave it out."
            )
        return angles, images.reshape(angles.size, *self.image_shape), shifts[0], shifts[1]

    def change_to(
        self,
        angles: np.ndarray,
        images: np.ndarray,
        center_shift: np.ndarray,
        axial_shift: np.ndarray,
    ) -> Change:
        """Take projections in; one of an angle that is there already replaces the older one."""
        places: list[int] = []
        added: list[float] = []
        replaced: list[float] = []
        known = self.n_tilts
        for angle in angles.tolist():
            at = self.find(angle)
            (added if at is None else replaced).append(angle)
            places.append(known + len(added) - 1 if at is None else at)
        grow = len(added)
        kept = np.concatenate([np.arange(known), np.full(grow, -1)])
        for k, at in enumerate(places):
            here = at < known and self._much_alike(at, images[k], center_shift[k], axial_shift[k])
            kept[at] = at if here else -1
        coming = {"angles_deg": angles, "b": images}
        coming |= {"center_shift": center_shift, "axial_shift": axial_shift}
        for name, new in coming.items():
            old = getattr(self, name)
            whole = np.concatenate([old, np.zeros((grow, *old.shape[1:]), old.dtype)])
            whole[places] = new
            setattr(self, name, whole)
        return Change(kept, tuple(added), tuple(replaced))

    def _much_alike(self, at: int, image: np.ndarray, across: float, along: float) -> bool:
        """Whether a projection says much the same as the one that it replaces."""
        if self.center_shift[at] != across or self.axial_shift[at] != along:
            return False
        size = float(np.linalg.norm(self.b[at]))
        return float(np.linalg.norm(image - self.b[at])) <= _ALIKE * size

    def without(self, angle_deg: float) -> Change:
        """Let go of the projection of an angle.

        Raises
        ------
        GeometryError
            When there is none.
        """
        at = self.find(angle_deg)
        if at is None:
            there = ", ".join(f"{angle:g}" for angle in np.sort(self.angles_deg)[:20])
            raise GeometryError(
                f"angle_deg is {angle_deg!r}, but no projection of that angle is there. There are: "
                f"{there or 'none'}."
            )
        kept = np.delete(np.arange(self.n_tilts), at)
        for name in ("angles_deg", "center_shift", "axial_shift", "b"):
            setattr(self, name, getattr(self, name)[kept])
        return Change(kept, removed=(float(angle_deg),))

    def find(self, angle_deg: float) -> int | None:
        """Return where the projection of an angle stands, or None."""
        near = np.flatnonzero(np.abs(self.angles_deg - angle_deg) < SAME_ANGLE_DEG)
        return int(near[0]) if near.size else None

    def operator(self) -> ParallelBeam:
        """Return the projector whose data these are."""
        return ParallelBeam(
            self.shape,
            self.angles_deg,
            self.n_det,
            center_shift=self.center_shift,
            axial_shift=self.axial_shift,
        )


def _per_tilt(shift: ArrayLike, count: int, name: str) -> np.ndarray:
    shifts = check_array(shift, name, ndim=(0, 1), dtype=np.float64)
    if shifts.ndim and shifts.size != count:
        raise GeometryError(
            f"{name} has {shifts.size} entries for {count} projection(s). Pass one number for all, "
            f"or one per projection, in pixels."
        )
    return np.broadcast_to(shifts, (count,)).copy()
