"""How much of a reconstruction the data have said: its power against the noise floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter

from em_inverse.errors import ParameterError, check_number
from em_inverse.tilt_series import Reconstruction
from em_inverse.tomography.finding import Finding
from em_inverse.tomography.noise_level import NoiseLevel
from em_inverse.tomography.wedge import MissingWedge, wedge_of_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PowerSpectrum", "power_spectrum"]


@dataclass(frozen=True)
class PowerSpectrum(Finding):
    """Power of a reconstruction against the noise that the data carry into it.

    Attributes
    ----------
    frequency : ndarray, shape (n_rings,)
        Cycles per pixel, or per nm where the pixel size is known.
    power, along, across : ndarray, shape (n_rings,)
        Mean of |X|²/N on a ring: of all Fourier voxels, of those within 22.5° of the beam (kz),
        and of those within 22.5° of the plane across it. NaN where a ring has none.
    floor : ndarray, shape (n_rings,)
        The same for the noise of a linear reconstruction.
    filled_share : ndarray, shape (n_rings,)
        Share of the Fourier voxels of a ring that the prior filled.
    filled : ndarray of bool, shape (nz, nx)
        Where in the plane ky = 0, frequency 0 in the middle.
    plane : ndarray, shape (nz, nx)
        Power there.
    wedge : MissingWedge
    pixel_size_nm : float or None
    """

    frequency: np.ndarray
    power: np.ndarray
    along: np.ndarray
    across: np.ndarray
    floor: np.ndarray
    filled_share: np.ndarray
    filled: np.ndarray
    plane: np.ndarray
    wedge: MissingWedge
    pixel_size_nm: float | None

    @property
    def half_filled(self) -> float:
        """Frequency from which on the prior fills over half of every ring; infinity if none."""
        most = self.filled_share > 0.5
        last_measured = np.flatnonzero(~most)
        first = int(last_measured[-1]) + 1 if last_measured.size else 0
        return float(self.frequency[first]) if first < most.size else float("inf")

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        wedge = self.wedge.width_deg / 180
        unit = "cycles per px" if self.pixel_size_nm is None else "per nm"
        text = f"{100 * wedge:.2g} % of all directions were never measured"
        if wedge == 0:
            text = "all directions were measured"
        edge = self.half_filled
        if np.isfinite(edge) and edge > 0:
            text += f"; beyond {edge:.2g} {unit} the prior fills more than half"
        elif edge == 0:
            text += "; the prior fills more than half at every frequency"
        return text + ". Detail found there is a guess of the algorithm, not a measurement"

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return (
            "Left, Fourier space of the reconstruction with the region hatched that the prior "
            "filled; right, its power along and across the beam against the noise floor: "
            f"{self.verdict}."
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What a report keeps."""
        return {"filled_by_prior": float(np.mean(self.filled))}

    def draw(self) -> Figure:
        """Draw the region that the prior filled, and the power along and across the beam."""
        from em_inverse.plotting import tomography as figures

        share = 100 * float(np.mean(self.filled))
        return figures.power_spectrum(
            self, title=f"The prior, not the data, fills {share:.0f} % of Fourier space"
        )


def power_spectrum(result: Reconstruction, noise: NoiseLevel | float) -> PowerSpectrum:
    r"""Compare the power of a reconstruction with the noise floor of its data.

    A Fourier voxel counts as "filled by the prior" when it lies in the missing wedge, or when the
    power around it (mean of its nearest neighbours) is below the noise floor: a linear
    reconstruction would show only noise there.

    Parameters
    ----------
    result : Reconstruction
        With its tilt range and step known.
    noise : NoiseLevel or float
        Noise of the projections, or its standard deviation s per pixel.

    Returns
    -------
    PowerSpectrum

    Raises
    ------
    ParameterError
        When the reconstruction does not state its tilts, or the noise is negative.

    Notes
    -----
    By the Fourier slice theorem a projection gives X on a line, with noise of power s² per
    coefficient (in units of N), and lines of tilt step Δθ leave Δθ |k| between them. So the noise
    floor of X is

    .. math:: s^2 \max(\Delta\theta\, |k|, 1/(m n)), \qquad |k|^2 = k_x^2 + k_z^2

    with k in cycles per pixel, m projections, n pixels across; it is the ramp of filtered
    back-projection.

    Examples
    --------
    >>> run = Reconstruction(np.eye(32), "WBP", geometry={"n_projections": 71,
    ...     "tilt_min_deg": -70.0, "tilt_max_deg": 70.0, "tilt_step_deg": 2.0})
    >>> found = power_spectrum(run, 0.5)
    >>> found.wedge.width_deg, bool(found.filled_share[-1] > found.filled_share[1])
    (38.0, True)
    """
    low, high, step, count = (
        result.geometry.get(name)
        for name in ("tilt_min_deg", "tilt_max_deg", "tilt_step_deg", "n_projections")
    )
    if low is None or high is None or step is None or count is None:
        raise ParameterError(
            "result.geometry does not state tilt range, step and number of projections; without "
            "them the measured part of Fourier space is not known. Reconstruct with a recipe of "
            "em_inverse.tomography, which states them."
        )
    sigma = noise
    if isinstance(noise, NoiseLevel):
        sigma = float(np.sqrt(np.mean(noise.sigma**2)))
    s = check_number(sigma, "noise", minimum=0)
    wedge = wedge_of_range(low, high, step)
    x = np.asarray(result.x)
    power = (np.abs(fft.fftn(x)) ** 2 / x.size).astype(np.float64)
    kz, kx, *ky = np.meshgrid(*(np.fft.fftfreq(n) for n in x.shape), indexing="ij", sparse=True)
    radius = np.hypot(kz, kx)
    floor = s**2 * np.maximum(np.deg2rad(step) * radius, 1 / (count * x.shape[1]))
    direction = np.mod(np.rad2deg(np.arctan2(kz, kx)), 180.0)
    outside = (np.mod(direction - wedge.start_deg, 180.0) < wedge.width_deg) & (radius > 0)
    filled = outside | (uniform_filter(power, 3, mode="wrap") < floor)
    n_rings = min(x.shape) // 2 + 1
    everywhere = np.sqrt(radius**2 + sum(k**2 for k in ky))
    ring = np.rint(everywhere * min(x.shape)).astype(int)
    ring = np.broadcast_to(ring, x.shape)
    steep = np.broadcast_to(np.abs(direction - 90) <= 22.5, x.shape)
    flat = np.broadcast_to((direction <= 22.5) | (direction >= 157.5), x.shape)

    def mean(values: np.ndarray, chosen: np.ndarray | bool = True) -> np.ndarray:
        picked = (ring < n_rings) & chosen
        where = ring[picked]
        total = np.bincount(where, np.broadcast_to(values, x.shape)[picked], n_rings)
        number = np.bincount(where, minlength=n_rings)
        return np.divide(total, number, out=np.full(n_rings, np.nan), where=number > 0)

    plane = (slice(None), slice(None)) + (0,) * len(ky)
    return PowerSpectrum(
        frequency=np.arange(n_rings) / (min(x.shape) * (result.pixel_size_nm or 1.0)),
        power=mean(power),
        along=mean(power, steep),
        across=mean(power, flat),
        floor=mean(floor),
        filled_share=mean(filled),
        filled=np.fft.fftshift(filled[plane]),
        plane=np.fft.fftshift(power[plane]),
        wedge=wedge,
        pixel_size_nm=result.pixel_size_nm,
    )
