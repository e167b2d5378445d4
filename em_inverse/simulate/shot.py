"""One projection as it is recorded, and what hands them out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from em_inverse.errors import check_integer
from em_inverse.tilt_series import TiltSeries

__all__ = ["Shot", "Source"]


@dataclass(frozen=True, eq=False)
class Shot:
    """One projection, and, where it is simulated, what nobody at a microscope would know.

    Attributes
    ----------
    index : int
        Its place in the order of recording, from 0.
    angle_deg : float
        The tilt angle that the stage states.
    image : ndarray of float32, shape (nx, ny), or (nx,) of a slice
        What the detector delivers.
    clean : ndarray of float32, the same shape, or None
        Line integrals of the specimen alone at the true angle: no drift, no background, no noise.
    drift_px : (float, float) or None
        Where the specimen stood on the detector, (x, y) in pixels from where it should.
    true_angle_deg : float or None
        The tilt angle there really was.
    fault : str or None
        What went wrong, if something did.
    """

    index: int
    angle_deg: float
    image: np.ndarray
    clean: np.ndarray | None = None
    drift_px: tuple[float, float] | None = None
    true_angle_deg: float | None = None
    fault: str | None = None


class Source(ABC):
    """What records projections one after the other: a simulated microscope, or a replay.

    Iterating yields the :class:`Shot` of every tilt in the order of recording; :meth:`shot` gives
    any of them at any time, always the same.

    Attributes
    ----------
    angles_deg : ndarray, shape (n_tilts,)
        Stated tilt angles in degrees, in the order of recording.
    image_shape : tuple of int
        (nx, ny) of one projection; (nx,) of a slice.
    pixel_size_nm : float or None
        Edge of a detector pixel.
    simulated : bool
        Whether the images are computed rather than measured.
    """

    angles_deg: np.ndarray
    image_shape: tuple[int, ...]
    pixel_size_nm: float | None
    simulated: bool

    @abstractmethod
    def shot(self, index: int) -> Shot:
        """Return one projection, by its place in the order of recording."""

    @abstractmethod
    def series(self) -> TiltSeries:
        """Return all projections as a tilt series, in the order of recording."""

    def __len__(self) -> int:
        return int(self.angles_deg.size)

    def __iter__(self) -> Iterator[Shot]:
        return (self.shot(index) for index in range(len(self)))

    def _checked(self, index: Any) -> int:
        return check_integer(index, "index", minimum=0, maximum=len(self) - 1)
