"""How fine a reconstruction is: the agreement of two half data sets in Fourier space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse import metrics
from em_inverse.errors import GeometryError, check_choice
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography.finding import Finding
from em_inverse.tomography.wedge import missing_wedge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FourierShells", "fourier_shell_correlation", "halves"]

CRITERIA = ("half-bit", "1/7", "1/2")
_LIMIT = ", the limit of the pixels"


@dataclass(frozen=True)
class FourierShells(Finding):
    """Agreement of the reconstructions from two half data sets, ring by ring.

    Attributes
    ----------
    curve : RingCorrelation
    pixel_size_nm : float or None
    without_wedge : bool
        Whether only Fourier voxels inside the measured fan were counted.
    algorithm : str
        What reconstructed the halves.
    """

    curve: metrics.RingCorrelation
    pixel_size_nm: float | None
    without_wedge: bool
    algorithm: str

    @property
    def unit(self) -> str:
        """Unit of :meth:`resolution`: nm, or px where the pixel size is not known."""
        return "px" if self.pixel_size_nm is None else "nm"

    def threshold(self, criterion: str) -> np.ndarray:
        """Return the threshold curve of a criterion, "half-bit", "1/7" or "1/2"."""
        check_choice(criterion, "criterion", CRITERIA)
        if criterion == "half-bit":
            return self.curve.half_bit()
        return np.full(self.curve.frequency.shape, 1 / 7 if criterion == "1/7" else 0.5)

    def resolution(self, criterion: str = "half-bit") -> float:
        """Return the period at which the curve falls below a threshold, in nm (or px).

        A curve that never falls below gives two pixels, the Nyquist period: the true value may
        be finer. One that is below from the start gives infinity.
        """
        limit = self.threshold(criterion)
        cutoff = self.curve.cutoff(limit if criterion == "half-bit" else float(limit[0]))
        highest = float(self.curve.frequency[-1])
        frequency = min(cutoff, highest)
        return 1 / frequency if frequency > 0 else float("inf")

    def at_limit(self, criterion: str = "half-bit") -> bool:
        """Whether the curve stays above the threshold: then two pixels are all that is known."""
        return self.resolution(criterion) <= 1 / float(self.curve.frequency[-1])

    @property
    def verdict(self) -> str:
        """The resolutions, and how far to trust them."""
        found = ", ".join(
            f"{self.resolution(c):.3g} {self.unit} ({c}{_LIMIT if self.at_limit(c) else ''})"
            for c in CRITERIA
        )
        wedge = (
            "inside the measured fan"
            if self.without_wedge
            else "missing wedge included, where both halves agree on what neither measured"
        )
        return (
            f"resolution {found}, {wedge}. Both halves share the algorithm and its prior: what "
            f"these invent agrees as well, so the true resolution may be worse"
        )

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return f"Fourier correlation of two half data sets against frequency: {self.verdict}."

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        fan = "inside the measured fan" if self.without_wedge else "missing wedge included"
        key = "resolution_nm" if self.unit == "nm" else "resolution_px"
        return {
            key: self.resolution(),
            "resolution_criterion": f"half-bit, even and odd tilts, {fan}"
            + (_LIMIT if self.at_limit() else ""),
        }

    def draw(self) -> Figure:
        """Draw the curve with its thresholds."""
        from em_inverse.plotting import tomography as figures

        limit = ", all the pixels can show" if self.at_limit() else ""
        return figures.fourier_shells(
            self,
            title=f"The halves agree down to {self.resolution():.3g} {self.unit} (half-bit){limit}",
        )


def halves(series: TiltSeries) -> tuple[TiltSeries, TiltSeries]:
    """Split a series into its even and its odd tilts, counted in the order of the angles.

    Parameters
    ----------
    series : TiltSeries

    Returns
    -------
    tuple of two TiltSeries
        With their share of the dose.

    Raises
    ------
    GeometryError
        When there are fewer than four projections.

    Examples
    --------
    >>> even, odd = halves(TiltSeries(np.ones((5, 4)), [20, -20, 0, 10, -10]))
    >>> even.angles_deg, odd.angles_deg
    (array([-20.,   0.,  20.]), array([-10.,  10.]))
    """
    series = check_series(series)
    if series.n_tilts < 4:
        raise GeometryError(
            f"series has {series.n_tilts} projections; two halves that can each be reconstructed "
            f"need at least 4."
        )
    order = np.argsort(series.angles_deg, kind="stable")
    parts = []
    for first, name in ((0, "even"), (1, "odd")):
        chosen = order[first::2]
        dose = None if series.dose is None else series.dose * chosen.size / series.n_tilts
        parts.append(
            series.replace(
                projections=series.projections[chosen],
                angles_deg=series.angles_deg[chosen],
                dose=dose,
                step=f"{name} tilts only",
            )
        )
    return parts[0], parts[1]


def fourier_shell_correlation(
    series: TiltSeries,
    method: Callable[[TiltSeries], Reconstruction],
    *,
    exclude_wedge: bool = True,
) -> FourierShells:
    """Reconstruct even and odd tilts apart, and correlate the two shell by shell.

    Parameters
    ----------
    series : TiltSeries
    method : callable
        The recipe, a series in and a reconstruction out:
        ``lambda half: tomography.sirt(half, 30)``. A λ is for half the data: halve it.
    exclude_wedge : bool
        Count only Fourier voxels inside the measured fan. Outside, both halves hold what the
        algorithm filled in, and agree on it.

    Returns
    -------
    FourierShells

    Raises
    ------
    GeometryError
        When there are fewer than four projections.

    Notes
    -----
    A half has twice the tilt step, so where the step limits the resolution this is pessimistic.
    In everything else it is optimistic: the halves share the alignment, the missing wedge and the
    prior, and what these invent, they invent twice.

    References
    ----------
    M. van Heel and M. Schatz, doi:10.1016/j.jsb.2005.05.009.

    Examples
    --------
    >>> from em_inverse import tomography
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 5)
    >>> series = tomography.TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> shells = fourier_shell_correlation(series, lambda half: tomography.sirt(half, 20))
    >>> shells.unit, shells.resolution() < 5
    ('px', True)
    """
    even, odd = halves(series)
    first, second = method(even), method(odd)
    wedge = missing_wedge(series.angles_deg)
    correlate = (
        metrics.fourier_shell_correlation if first.x.ndim == 3 else metrics.fourier_ring_correlation
    )
    leave_out = exclude_wedge and wedge.width_deg > 0
    curve = correlate(
        first.x,
        second.x,
        pixel_size_nm=series.pixel_size_nm,
        wedge_deg=wedge if leave_out else None,
    )
    return FourierShells(
        curve, series.pixel_size_nm, exclude_wedge or wedge.width_deg == 0, first.algorithm
    )
