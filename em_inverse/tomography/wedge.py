"""The missing wedge: how wide it is, and how much it stretches what is reconstructed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import metrics
from em_inverse.errors import ParameterError, check_angles, check_number
from em_inverse.tilt_series import Reconstruction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Elongation", "MissingWedge", "elongation", "measured_elongation", "missing_wedge"]


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

    Half a step beyond the outermost tilts still counts as measured; a gap of less than one and a
    half usual steps is no wedge.

    Parameters
    ----------
    angles_deg : array_like, shape (n_tilts,)

    Returns
    -------
    MissingWedge

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
    usual = float(np.median(np.delete(gaps, k))) if gaps.size > 1 else 0.0
    if gaps[k] <= 1.5 * usual:
        return MissingWedge(0.0, 0.0)
    return MissingWedge(float(directions[k]) + usual / 2, float(gaps[k]) - usual)


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
class Elongation:
    """Expected and measured stretching along the beam.

    Attributes
    ----------
    expected : float
        From the tilt range alone (:func:`elongation`), for a point and a linear reconstruction.
    measured : float
        Width along z over width along x of the object in the reconstruction
        (:func:`em_inverse.metrics.wedge_elongation`); 1 for an object that is round in truth and
        in the picture.
    max_tilt_deg : float
    along, across : ndarray
        Intensity through the centre of mass along z and along x.
    centre : tuple of int
        Voxel (z, x) of the centre of mass.
    pixel_size_nm : float or None
    """

    expected: float
    measured: float
    max_tilt_deg: float
    along: np.ndarray
    across: np.ndarray
    centre: tuple[int, int]
    pixel_size_nm: float | None = None

    @property
    def verdict(self) -> str:
        """Both numbers, in words."""
        return (
            f"elongation along the beam: {self.expected:.2f} expected of a point at "
            f"±{self.max_tilt_deg:.3g}°, {self.measured:.2f} measured on the object (1 if it is "
            f"round in truth and not stretched)"
        )

    def __str__(self) -> str:
        return self.verdict

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return f"Profiles through the object along and across the beam; {self.verdict}."

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        return {"elongation_expected": self.expected, "elongation_measured": self.measured}

    def draw(self) -> Figure:
        """Draw the two profiles through the centre of mass."""
        from em_inverse.plotting import tomography as figures

        return figures.elongation_profiles(
            self,
            title=f"Along the beam the object is {self.measured:.2f} times as wide as across",
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

    Examples
    --------
    >>> blob = np.exp(-np.hypot(*np.mgrid[-9:10, -9:10] / np.array([4, 3]).reshape(2, 1, 1)) ** 2)
    >>> run = Reconstruction(blob, "WBP", geometry={"tilt_min_deg": -70, "tilt_max_deg": 70})
    >>> found = measured_elongation(run, threshold=0)
    >>> round(found.expected, 2), round(found.measured, 2)
    (1.31, 1.33)
    """
    low, high = (result.geometry.get(f"tilt_{end}_deg") for end in ("min", "max"))
    if low is None or high is None:
        raise ParameterError(
            "result.geometry states no tilt range, so there is nothing to expect. Use "
            "metrics.wedge_elongation for the measured number alone."
        )
    reach = min(float(high - low) / 2, 90.0)
    x = np.asarray(result.x, np.float64)
    seen = metrics.wedge_elongation(x, method=method, threshold=threshold)
    weight = np.where(x >= threshold * x.max(), np.maximum(x, 0), 0)
    middle = []
    for axis in range(x.ndim):
        mass = weight.sum(axis=tuple(k for k in range(x.ndim) if k != axis))
        middle.append(round(float(np.average(np.arange(mass.size), weights=mass))))
    # A slice is a volume of one slice.
    volume = x.reshape(*x.shape[:2], -1)
    row, column, y = (*middle, 0)[:3]
    return Elongation(
        elongation(reach),
        seen,
        reach,
        volume[:, column, y].copy(),
        volume[row, :, y].copy(),
        (row, column),
        result.pixel_size_nm,
    )
