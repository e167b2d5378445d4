"""A microscope that records a known specimen, tilt by tilt, with what goes wrong at real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import shift as shifted

from em_inverse.errors import (
    DataError,
    GeometryError,
    check_angles,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.noise import generator
from em_inverse.simulate.detector import FAULTS, counted, film, too_bright, with_fault
from em_inverse.simulate.orders import tilt_order
from em_inverse.simulate.shot import Shot, Source
from em_inverse.tilt_series import TiltSeries

__all__ = ["FAULTS", "Microscope"]

_JUMP = 0.12
"""How far a shifted image jumps, as a share of its width."""
_SESSION = 0
"""Key of the draws that belong to the whole series; shots have 1, 2, 3, ..."""


class Microscope(Source):
    r"""Record a specimen whose truth is known.

    Projection k is, in units of line integrals counted in detector pixels,

    .. math:: y_k = \mathrm{Poisson}\big(c\,(S_k A_k x + f/\cos\theta_k)\big)/c + \mathrm{offset},

    with hot pixels on top: A projects along the true angle, S moves the image by the drift, f is
    a supporting film, and c the electrons per unit. The specimen lies on a grid `finer` times as
    fine as the detector, whose pixels average over it: data that the reconstruction's own grid
    could make exactly would flatter every method (the inverse crime).

    Parameters
    ----------
    specimen : array_like, shape (nz, nx, ny), or (nz, nx) for a slice
        The object ``[z, x, y]`` on its fine grid; values ≥ 0.
    angles_deg : array_like, optional
        Tilt angles in degrees in the order of recording; ``tilt_order("sequential", -75, 75, 2)``
        by default.
    finer : int, ≥ 1
        Voxels of the specimen per detector pixel. Images have (nx/finer, ny/finer) pixels.
    pixel_size_nm : float, optional
        Edge of a detector pixel.
    dose : float, optional
        Electrons per pixel and image, counted on average in an undisturbed image at 0°. Without a
        dose there is no noise.
    drift_px : float, ≥ 0
        Standard deviation, per axis and image, of the random steps by which the specimen drifts.
    drift_linear_px : (float, float)
        Steady drift per image along x and y.
    angle_error_deg : float, ≥ 0
        Standard deviation of the true angles about the stated ones.
    angle_decimals : int, optional
        Round the stated angles to so many decimals.
    background : float, ≥ 0
        Brightness of a supporting film at 0°, as a share of the brightest line integral there; it
        grows as 1/cos θ.
    ramp : float, ≥ 0
        By how much, at most, the film thickens from one edge of the image to the other, as a share.
    offset : float
        Dark level of the detector, in the same share as `background`.
    hot_pixels : float, 0 to 0.5
        Share of the pixels of every image that are far too bright: half of them always the same
        ones, half by chance.
    faults : mapping of int to str, optional
        Place in the series, from 0, and what goes wrong there: 'blank', 'blurred', 'shifted' or
        'dim'.
    seed : int or numpy.random.Generator
        Fixes all of it. A shot is the same whenever, and however often, it is asked for.

    Attributes
    ----------
    truth : ndarray of float32
        The specimen on the grid of the detector: what a reconstruction ought to find.
    angles_deg, true_angles_deg : ndarray, shape (n_tilts,)
        Stated and true tilt angles.
    shifts_px : ndarray, shape (n_tilts, 2)
        Where the specimen stands in each image, (x, y) in pixels from where it should.
    brightness : float
        The brightest line integral at 0°, in which `background` and `offset` are counted.

    Raises
    ------
    DataError
        When the specimen is empty, negative, or not 2-D or 3-D.
    GeometryError
        When its axes are not multiples of `finer`, or the angles are no angles.
    ParameterError
        When another argument is outside its range.

    Examples
    --------
    >>> from em_inverse import phantoms
    >>> microscope = Microscope(phantoms.needle(64), [-60, 0, 60], dose=100, faults={2: "blank"})
    >>> for shot in microscope:
    ...     print(shot.angle_deg, shot.image.shape, shot.fault)
    -60.0 (32, 32) None
    0.0 (32, 32) None
    60.0 (32, 32) blank
    >>> microscope.truth.shape
    (32, 32, 32)
    """

    def __init__(
        self,
        specimen: ArrayLike,
        angles_deg: ArrayLike | None = None,
        *,
        finer: int = 2,
        pixel_size_nm: float | None = None,
        dose: float | None = None,
        drift_px: float = 0.0,
        drift_linear_px: Sequence[float] = (0.0, 0.0),
        angle_error_deg: float = 0.0,
        angle_decimals: int | None = None,
        background: float = 0.0,
        ramp: float = 0.2,
        offset: float = 0.0,
        hot_pixels: float = 0.0,
        faults: Mapping[int, str] | None = None,
        seed: int | np.random.Generator = 0,
    ) -> None:
        fine = check_array(specimen, "specimen", ndim=(2, 3), dtype=np.float32)
        if fine.min() < 0 or fine.max() == 0:
            raise DataError(
                f"specimen holds values from {fine.min():g} to {fine.max() + 0.0:g}; a density ≥ 0 "
                f"that is not zero everywhere is needed."
            )
        self._finer = check_integer(finer, "finer", minimum=1)
        self._fine = np.array(fine, order="C")
        self.truth = self._binned(fine)
        self.image_shape = self.truth.shape[1:]
        self.simulated = True
        self.pixel_size_nm = _optional(pixel_size_nm, "pixel_size_nm")
        self.dose = _optional(dose, "dose")
        wanted = tilt_order() if angles_deg is None else check_angles(angles_deg)
        self.faults = _checked_faults(faults, wanted.size)
        self._entropy = _entropy(seed)
        session = self._rng(_SESSION)
        self.true_angles_deg = wanted + check_number(
            angle_error_deg, "angle_error_deg", minimum=0
        ) * session.standard_normal(wanted.size)
        self.angles_deg = wanted.copy()
        if angle_decimals is not None:
            decimals = check_integer(angle_decimals, "angle_decimals", minimum=0, maximum=6)
            self.angles_deg = np.round(wanted, decimals) + 0.0
        walk = check_number(drift_px, "drift_px", minimum=0)
        steady = check_array(drift_linear_px, "drift_linear_px", shape=(2,))
        self.shifts_px = self._shifts(walk, steady, session)
        self._background = check_number(background, "background", minimum=0)
        across = check_number(ramp, "ramp", minimum=0) * session.uniform(-1, 1, 2)
        self._ramp = tuple(across.tolist())[: len(self.image_shape)]
        self._hot = check_number(hot_pixels, "hot_pixels", minimum=0, maximum=0.5)
        upright = self._projected(0.0)
        self.brightness = float(upright.max())
        self._dark = self.brightness * check_number(offset, "offset")
        seen = float((upright + self._film(0.0)).mean(dtype=np.float64))
        self._scale = None if self.dose is None else self.dose / seen
        self._always_hot = too_bright(upright.size, self._hot / 2, self.brightness, session)
        for array in (self.truth, self.angles_deg, self.true_angles_deg, self.shifts_px):
            array.flags.writeable = False

    def shot(self, index: int) -> Shot:
        """Record one projection, by its place in the order of recording.

        Raises
        ------
        ParameterError
            When there is no such projection.
        """
        k = self._checked(index)
        rng, fault = self._rng(k + 1), self.faults.get(k)
        angle, (dx, dy) = float(self.true_angles_deg[k]), self.shifts_px[k].tolist()
        clean = self._projected(angle)
        moved = clean if dx == dy == 0 else self._projected(angle, dx, dy)
        arriving = with_fault(moved + self._film(angle), fault)
        image = counted(arriving, self._scale, rng) + self._dark
        by_chance = too_bright(image.size, self._hot / 2, self.brightness, rng)
        for places, values in (self._always_hot, by_chance):
            np.put(image, places, values)
        return Shot(
            index=k,
            angle_deg=float(self.angles_deg[k]),
            image=image.astype(np.float32, copy=False),
            clean=clean,
            drift_px=(dx, dy),
            true_angle_deg=angle,
            fault=fault,
        )

    def series(self, *, clean: bool = False) -> TiltSeries:
        """Record all projections, in the order of recording.

        Parameters
        ----------
        clean : bool
            Take the line integrals of the specimen alone, without drift, background and noise.
        """
        shots = list(self)
        area = 0.0 if self.pixel_size_nm is None else self.pixel_size_nm**2
        dose = self.dose * len(shots) / area if self.dose is not None and area else None
        return TiltSeries(
            np.stack([np.asarray(shot.clean if clean else shot.image) for shot in shots]),
            self.true_angles_deg if clean else self.angles_deg,
            pixel_size_nm=self.pixel_size_nm,
            dose=None if clean else dose,
            metadata={
                "synthetic": True,
                "angle_source": "simulation",
                "tilt_axis": "kit",
                "true_shifts_px": self.shifts_px.tolist(),
                "true_angles_deg": self.true_angles_deg.tolist(),
                "faults": dict(self.faults),
            },
            history=["SIMULATED by em_inverse.simulate: not measured data"],
        )

    def _projected(self, angle_deg: float, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
        """Line integrals on the grid of the detector, the specimen displaced by (dx, dy) pixels."""
        shift = dx * self._finer
        beam = ParallelBeam(self._fine.shape, [angle_deg], center_shift=shift)
        image = np.asarray(beam.forward(self._fine))[0]
        if dy and image.ndim == 2:
            # A specimen that enters at the border goes on beyond it.
            image = shifted(image, (0.0, dy * self._finer), order=1, mode="nearest")
        return self._binned(image[np.newaxis])[0] / np.float32(self._finer)

    def _binned(self, array: np.ndarray) -> np.ndarray:
        """Mean over blocks along every axis but one of length 1."""
        f = self._finer
        if any(count % f for count in array.shape if count > 1):
            raise GeometryError(
                f"specimen has shape {array.shape}, whose axes are not all multiples of finer = "
                f"{f}. Build it {f} times as large as the images shall be, or pass another finer."
            )
        for axis, count in enumerate(array.shape):
            if count > 1:
                blocks = (*array.shape[:axis], count // f, f, *array.shape[axis + 1 :])
                array = array.reshape(blocks).mean(axis=axis + 1, dtype=np.float32)
        return array

    def _film(self, angle_deg: float) -> np.ndarray:
        height = self._background * self.brightness if self._background else 0.0
        cosine = float(np.cos(np.deg2rad(angle_deg)))
        return (height * film(self.image_shape, cosine, self._ramp)).astype(np.float32)

    def _shifts(self, walk: float, steady: np.ndarray, session: np.random.Generator) -> np.ndarray:
        count, width = self.angles_deg.size, self.image_shape[0]
        steps = walk * session.standard_normal((count, 2))
        steps[0] = 0
        # Drawn for every tilt, so that one fault more or less leaves the rest as it is.
        directions = session.uniform(0, 2 * np.pi, count)
        shifts = np.cumsum(steps, axis=0) + np.arange(count)[:, None] * steady
        for k, fault in self.faults.items():
            if fault == "shifted":
                shifts[k] += (
                    _JUMP * width * np.array([np.cos(directions[k]), np.sin(directions[k])])
                )
        return shifts if len(self.image_shape) == 2 else shifts * (1.0, 0.0)

    def _rng(self, key: int) -> np.random.Generator:
        # The trailing 1 keeps keys apart: entropy is filled up with zeros.
        return np.random.default_rng([self._entropy, key, 1])

    def __repr__(self) -> str:
        return f"Microscope({len(self)} projections of {self.image_shape})"


def _optional(value: Any, name: str) -> float | None:
    return None if value is None else check_number(value, name, minimum=0, exclusive=True)


def _entropy(seed: int | np.random.Generator) -> int:
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**62))
    generator(seed)
    return int(seed)


def _checked_faults(faults: Mapping[int, str] | None, count: int) -> dict[int, str]:
    chosen: dict[int, str] = {}
    for index, fault in (faults or {}).items():
        k = check_integer(index, "a key of faults", minimum=0, maximum=count - 1)
        chosen[k] = check_choice(fault, f"faults[{k}]", FAULTS)
    return chosen
