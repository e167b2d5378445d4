"""FocalTiltSeries: images out of focus, several at every tilt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    GeometryError,
    ParameterError,
    check_angles,
    check_array,
    check_number,
)

__all__ = ["FocalTiltSeries"]


@dataclass(frozen=True)
class FocalTiltSeries:
    """Through-focus images of one specimen at known tilt angles.

    Attributes
    ----------
    images : ndarray, shape (n_tilts, n_foci, nx, ny)
        Intensities ``[tilt, focus, x, y]`` in units of the intensity without specimen; x runs
        across the tilt axis, y along it. Read-only.
    angles_deg : ndarray, shape (n_tilts,)
        Tilt angles in degrees.
    defoci_angstrom : ndarray, shape (n_foci,)
        Planes that are imaged, in Å along the beam from the centre of the object, positive
        downstream (overfocus); the same at every tilt.
    voxel_angstrom : float
        Edge of a pixel in Å.
    voltage_kv : float
        Acceleration voltage.
    dose_per_square_angstrom : float or None
        Electrons per Å² of all images together; None for images without noise.
    cs_mm : float
        Spherical aberration.
    aperture_mrad : float or None
        Semi-angle of the aperture; None where it lies beyond what the pixels carry.
    metadata : mapping
        Anything worth keeping.

    Raises
    ------
    DataError
        When the images are no four-dimensional array of finite numbers ≥ 0.
    GeometryError
        When angles or foci do not fit the images.
    ParameterError
        When a number lies outside what is allowed.

    Examples
    --------
    >>> series = FocalTiltSeries(np.ones((3, 2, 8, 8)), [-60, 0, 60], [200, 450], dose=6e3)
    Traceback (most recent call last):
    ...
    TypeError: FocalTiltSeries.__init__() got an unexpected keyword argument 'dose'
    >>> series = FocalTiltSeries(
    ...     np.ones((3, 2, 8, 8)), [-60, 0, 60], [200, 450], dose_per_square_angstrom=6e3)
    >>> series.n_tilts, series.n_foci, series.electrons_per_pixel
    (3, 2, 250.0)
    """

    images: np.ndarray
    angles_deg: np.ndarray
    defoci_angstrom: np.ndarray
    voxel_angstrom: float = 0.5
    voltage_kv: float = 300.0
    dose_per_square_angstrom: float | None = None
    cs_mm: float = 0.0
    aperture_mrad: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given: Any = self.images
        images = check_array(given, "images", ndim=4)
        if np.asarray(given).dtype.kind in "biu":
            images = images.astype(np.float32)
        if images.min() < 0:
            raise DataError(
                f"images reaches {images.min():g}; intensities cannot be negative. Clip what a "
                f"background subtraction left with np.maximum(images, 0)."
            )
        angles = check_angles(self.angles_deg)
        foci = np.atleast_1d(
            check_array(self.defoci_angstrom, "defoci_angstrom", ndim=(0, 1), dtype=np.float64)
        )
        for values, name, axis in ((angles, "angles_deg", 0), (foci, "defoci_angstrom", 1)):
            if values.size != images.shape[axis]:
                raise GeometryError(
                    f"{name} has {values.size} entries but images has shape {images.shape}, "
                    f"[tilt, focus, x, y]. Pass one entry per {('tilt', 'focus')[axis]}."
                )
        positive: dict[str, Any] = {"minimum": 0, "exclusive": True}
        settled: dict[str, Any] = {
            "images": _read_only(images, given),
            "angles_deg": _read_only(angles, self.angles_deg),
            "defoci_angstrom": _read_only(foci, self.defoci_angstrom),
            "voxel_angstrom": check_number(self.voxel_angstrom, "voxel_angstrom", **positive),
            "voltage_kv": check_number(self.voltage_kv, "voltage_kv", **positive),
            "cs_mm": check_number(self.cs_mm, "cs_mm"),
            "metadata": MappingProxyType(dict(self.metadata)),
        }
        for name in ("dose_per_square_angstrom", "aperture_mrad"):
            value = getattr(self, name)
            settled[name] = None if value is None else check_number(value, name, **positive)
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    @property
    def n_tilts(self) -> int:
        """Number of tilts."""
        return int(self.images.shape[0])

    @property
    def n_foci(self) -> int:
        """Number of images at each tilt."""
        return int(self.images.shape[1])

    @property
    def volume_shape(self) -> tuple[int, int, int]:
        """Shape (nx, nx, ny) of the usual volume ``[z, x, y]``."""
        nx, ny = self.images.shape[2:]
        return (nx, nx, ny)

    @property
    def electrons_per_pixel(self) -> float | None:
        """Electrons that a pixel of one image sees without specimen; None without noise."""
        if self.dose_per_square_angstrom is None:
            return None
        each = self.dose_per_square_angstrom / (self.n_tilts * self.n_foci)
        return each * self.voxel_angstrom**2

    def subset(self, tilts: ArrayLike) -> FocalTiltSeries:
        """Return some of the tilts, with their share of the dose.

        Parameters
        ----------
        tilts : array_like of int, or of bool with one entry per tilt

        Examples
        --------
        >>> whole = FocalTiltSeries(np.ones((3, 1, 4, 4)), [-60, 0, 60], [300.0])
        >>> whole.subset(abs(whole.angles_deg) < 70).n_tilts, whole.subset([1]).angles_deg
        (3, array([0.]))
        """
        chosen = np.atleast_1d(np.asarray(tilts))
        try:
            picked = np.arange(self.n_tilts)[chosen]
        except IndexError:
            picked = np.empty(0, int)
        if picked.ndim != 1 or picked.size == 0:
            raise ParameterError(
                f"tilts is {tilts!r}; it must choose at least one of the {self.n_tilts} tilts, by "
                f"index or by one True or False per tilt."
            )
        dose = self.dose_per_square_angstrom
        return replace(
            self,
            images=self.images[picked],
            angles_deg=self.angles_deg[picked],
            dose_per_square_angstrom=None if dose is None else dose * picked.size / self.n_tilts,
        )

    def geometry(self) -> dict[str, Any]:
        """Return tilts, dose and size of the data, as the honest-reporting line wants them."""
        ordered = np.sort(self.angles_deg)
        steps = np.diff(ordered)
        dose = self.dose_per_square_angstrom
        return {
            "n_projections": self.n_tilts,
            "tilt_min_deg": float(ordered[0]),
            "tilt_max_deg": float(ordered[-1]),
            "tilt_step_deg": float(np.median(steps)) if steps.size else None,
            "tilt_step_uniform": bool(np.ptp(steps) < 1e-6) if steps.size else None,
            "dose_e_per_nm2": None if dose is None else 100 * dose,
            "data_norm": float(np.sqrt(self.images.sum(dtype=np.float64))),
            "n_foci": self.n_foci,
            "defoci_angstrom": self.defoci_angstrom.tolist(),
        }


def _read_only(array: np.ndarray, given: Any) -> np.ndarray:
    """Return a view that nobody can write to; of an array of few numbers, a copy."""
    shared = array.ndim == 1 and isinstance(given, np.ndarray) and np.shares_memory(array, given)
    kept = array.copy() if shared else array.view()
    kept.flags.writeable = False
    return kept
