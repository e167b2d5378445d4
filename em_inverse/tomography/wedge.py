"""The missing wedge: how wide it is, and how much it stretches what is reconstructed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import metrics
from em_inverse.errors import ParameterError, check_angles, check_number
from em_inverse.tilt_series import Reconstruction
from em_inverse.tomography.finding import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Elongation",
    "MissingWedge",
    "elongation",
    "measured_elongation",
    "missing_wedge",
    "wedge_of_range",
]

# A gap of so many usual steps is still one in the sampling: see `missing_wedge`.
_STEPS = 3.0
# Goniometers are not exact: a range whose middle is this many degrees from 0 is symmetric.
_BESIDE = 1.0


class MissingWedge(NamedTuple):
    """The widest sector of directions that no projection measures.

    Attributes
    ----------
    start_deg, width_deg : float
        The sector runs from start to start + width, as the angle of (kx, kz) in Fourier space
        and, like tilt angles, modulo 180°. A width of 0 means that no wedge is missing.
    """

    start_deg: float
    width_deg: float

    @property
    def max_tilt_deg(self) -> float:
        """The tilt ±α that a symmetric series with the same wedge has."""
        return 90.0 - self.width_deg / 2


def missing_wedge(angles_deg: ArrayLike) -> MissingWedge:
    """Find the missing wedge of a tilt scheme.

    It is the widest gap between neighbouring directions, if that is wider than three usual steps;
    half a step beyond the outermost tilts still counts as measured. A usual step is one that nine
    of ten gaps do not exceed.

    Parameters
    ----------
    angles_deg : array_like, shape (n_tilts,)

    Returns
    -------
    MissingWedge

    Notes
    -----
    Why three: a tilt that was dropped leaves a gap of two steps, two tilts leave three, and the
    steps of a golden-ratio scheme differ by up to 1.618² = 2.618. These are gaps in the sampling,
    which the neighbours bridge, not sectors that the specimen holder closes. Why nine of ten: of
    directions at random some lie far apart, and of a scheme with two step lengths the longer one
    is no gap. The definition is the same wherever a wedge matters: for the weights of
    :func:`em_inverse.tomography.wbp`, for shells, spectra and the expected elongation.

    Examples
    --------
    >>> missing_wedge(range(-70, 71, 2))
    MissingWedge(start_deg=71.0, width_deg=38.0)
    >>> missing_wedge(range(0, 180, 2)).width_deg
    0.0
    """
    directions = np.unique(np.round(np.mod(check_angles(angles_deg), 180.0), 9))
    gaps = np.diff(np.append(directions, directions[0] + 180.0))
    k = int(gaps.argmax())
    others = np.delete(gaps, k)
    if others.size == 0:
        return MissingWedge(float(directions[0]), 180.0)
    step = float(np.median(others))
    return _beyond(float(directions[k]), float(gaps[k]), step, float(np.quantile(others, 0.9)))


def wedge_of_range(low_deg: float, high_deg: float, step_deg: float | None) -> MissingWedge:
    """Return the missing wedge of even steps from one tilt to another, by the same definition.

    Parameters
    ----------
    low_deg, high_deg : float
    step_deg : float or None
        Taken for 0 where it is not known.

    Examples
    --------
    >>> wedge_of_range(-40, 70, 2)
    MissingWedge(start_deg=71.0, width_deg=68.0)
    >>> wedge_of_range(-88, 90, 2).width_deg
    0.0
    """
    step = float(step_deg or 0.0)
    return _beyond(float(high_deg), 180.0 - float(high_deg - low_deg), step, step)


def _beyond(last: float, gap: float, step: float, usual: float) -> MissingWedge:
    """The wedge in the gap that follows a direction: none unless it exceeds three usual steps."""
    if gap <= _STEPS * usual + 1e-6:
        return MissingWedge(0.0, 0.0)
    return MissingWedge(last + step / 2, gap - step)


def elongation(max_tilt_deg: float) -> float:
    r"""Return how much a missing wedge stretches a small object along the beam.

    Parameters
    ----------
    max_tilt_deg : float
        α of a series from −α to α, above 0 and up to 90.

    Returns
    -------
    float
        1 at 90°, 1.31 at 70°, 1.55 at 60°.

    Notes
    -----
    .. math:: e = \sqrt{\frac{\alpha + \sin\alpha \cos\alpha}{\alpha - \sin\alpha \cos\alpha}}

    It is the ratio of the widths of the point-spread function of a linear reconstruction, from
    its second moments. Priors and constraints may do better; large objects are stretched less.

    References
    ----------
    M. Radermacher, Three-dimensional reconstruction of single particles from random and nonrandom
    tilt series, J. Electron Microsc. Tech. 9 (1988) 359, doi:10.1002/jemt.1060090405.

    Examples
    --------
    >>> [round(elongation(alpha), 2) for alpha in (60, 70, 90)]
    [1.55, 1.31, 1.0]
    """
    alpha = check_number(max_tilt_deg, "max_tilt_deg", minimum=0, maximum=90)
    if alpha == 0:
        raise ParameterError("max_tilt_deg is 0; one direction says nothing about the depth.")
    a = np.deg2rad(alpha)
    cross = np.sin(a) * np.cos(a)
    return float(np.sqrt((a + cross) / (a - cross)))


@dataclass(frozen=True)
class Elongation(Finding):
    """Expected and measured stretching along the middle of the missing wedge.

    Attributes
    ----------
    expected : float
        From the tilt range alone (:func:`elongation`), for a point and a linear reconstruction.
    measured : float
        Width of the object in the reconstruction along the middle of the wedge over its width
        across (:func:`em_inverse.metrics.wedge_elongation`); 1 for an object that is round in
        truth and in the picture.
    max_tilt_deg : float
        Half the tilt range; 90 where no wedge is missing.
    middle_deg : float
        Middle of the tilt range: the beam at this tilt runs along the middle of the wedge. At 0
        that is z.
    along, across : ndarray
        Intensity through the centre of mass along the middle of the wedge and across it.
    along_px, across_px : ndarray
        Where, as the distance from the centre of mass.
    centre : tuple of int
        Voxel (z, x) of the centre of mass.
    pixel_size_nm : float or None
    """

    expected: float
    measured: float
    max_tilt_deg: float
    middle_deg: float
    along: np.ndarray
    across: np.ndarray
    along_px: np.ndarray
    across_px: np.ndarray
    centre: tuple[int, int]
    pixel_size_nm: float | None = None

    @property
    def way(self) -> str:
        """The direction of the stretching, in words."""
        if self.middle_deg == 0:
            return "along the beam"
        return f"along the middle of the missing wedge, the beam at {_signed(self.middle_deg)}°"

    @property
    def verdict(self) -> str:
        """Both numbers, in words."""
        tilts = f"at ±{self.max_tilt_deg:.3g}°"
        if self.middle_deg:
            ends = (self.middle_deg + sign * self.max_tilt_deg for sign in (-1, 1))
            tilts = "from {}° to {}°".format(*map(_signed, ends))
        if self.max_tilt_deg == 90:
            tilts = "where no wedge is missing"
        return (
            f"elongation {self.way}: {self.expected:.2f} expected of a point {tilts}, "
            f"{self.measured:.2f} measured on the object (1 if it is round in truth and not "
            f"stretched)"
        )

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        where = "the beam" if self.middle_deg == 0 else "the middle of the missing wedge"
        return f"Profiles through the object along and across {where}; {self.verdict}."

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        return {"elongation_expected": self.expected, "elongation_measured": self.measured}

    def draw(self) -> Figure:
        """Draw the two profiles through the centre of mass."""
        from em_inverse.plotting import tomography as figures

        where = "the beam" if self.middle_deg == 0 else "the middle of the missing wedge"
        return figures.elongation_profiles(
            self,
            title=f"Along {where} the object is {self.measured:.2f} times as wide as across",
        )


def measured_elongation(
    result: Reconstruction, *, method: str = "moments", threshold: float = 0.25
) -> Elongation:
    """Compare the stretching seen in a reconstruction with what its missing wedge predicts.

    Parameters
    ----------
    result : Reconstruction
        Of one object in vacuum that is about as deep as it is wide, with its tilt range known.
    method, threshold
        As for :func:`em_inverse.metrics.wedge_elongation`.

    Returns
    -------
    Elongation

    Raises
    ------
    ParameterError
        When the reconstruction does not state its tilt range.
    DataError
        When there is no object to measure.

    Notes
    -----
    Tilts from low to high are those from −α to α, α = (high − low)/2, of a microscope turned by
    the middle (low + high)/2. So the formula of :func:`elongation` holds with this α, and the
    stretching runs along the beam at the middle tilt, where both are measured: along z for a
    symmetric range, 15° from it for −40° to 70°. Where no wedge is missing
    (:func:`missing_wedge`), 1 is expected.

    Examples
    --------
    >>> blob = np.exp(-np.hypot(*np.mgrid[-9:10, -9:10] / np.array([4, 3]).reshape(2, 1, 1)) ** 2)
    >>> run = Reconstruction(blob, "WBP", geometry={"tilt_min_deg": -70, "tilt_max_deg": 70})
    >>> found = measured_elongation(run, threshold=0)
    >>> round(found.expected, 2), round(found.measured, 2)
    (1.31, 1.33)
    """
    low, high, step = (result.geometry.get(f"tilt_{name}_deg") for name in ("min", "max", "step"))
    if low is None or high is None:
        raise ParameterError(
            "result.geometry states no tilt range, so there is nothing to expect. Use "
            "metrics.wedge_elongation for the measured number alone."
        )
    reach, middle = 90.0, 0.0
    if wedge_of_range(low, high, step).width_deg > 0:
        reach = float(high - low) / 2
        # The same wedge, named by the direction within 90° of z.
        middle = 90.0 - float(np.mod(90.0 - (low + high) / 2, 180.0))
        middle = middle if abs(middle) > _BESIDE else 0.0
    x = np.asarray(result.x, np.float64)
    seen = metrics.wedge_elongation(x, method=method, threshold=threshold, direction_deg=middle)
    weight = np.where(x >= threshold * x.max(), np.maximum(x, 0), 0)
    row, column, *y = (round(place) for place in metrics.centre_of_mass(weight))
    plane = x[:, :, y[0]] if y else x
    beam = np.deg2rad(middle)
    along_px, along = metrics.line_profile(plane, (row, column), (np.cos(beam), -np.sin(beam)))
    across_px, across = metrics.line_profile(plane, (row, column), (np.sin(beam), np.cos(beam)))
    return Elongation(
        expected=elongation(reach),
        measured=seen,
        max_tilt_deg=reach,
        middle_deg=middle,
        along=along,
        across=across,
        along_px=along_px,
        across_px=across_px,
        centre=(row, column),
        pixel_size_nm=result.pixel_size_nm,
    )


def _signed(angle_deg: float) -> str:
    return f"{angle_deg:.3g}".replace("-", "−")
