"""The probe of a scanning microscope: what one point of the specimen looks like."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from em_inverse.errors import ParameterError, check_integer, check_number

__all__ = ["ScanningProbe", "electron_wavelength_nm"]

_REST_ENERGY_KEV = 510.99895
_HC_KEV_NM = 1.2398419843
_SOFT_EDGE_MRAD = 0.3
"""Width of the rim of the aperture, so that it does not ring on the grid."""
_WIDEST = 8192
"""Points along each edge that a probe is computed on, at most: 1 GB."""


def electron_wavelength_nm(energy_kev: float) -> float:
    r"""Wavelength of fast electrons, in nm.

    .. math:: \lambda = hc / \sqrt{E (E + 2 m c^2)}

    Parameters
    ----------
    energy_kev : float, > 0
        Energy E in keV.

    Examples
    --------
    >>> print(f"{1000 * electron_wavelength_nm(200):.4f} pm")
    2.5079 pm
    """
    energy = check_number(energy_kev, "energy_kev", minimum=0, exclusive=True)
    return _HC_KEV_NM / float(np.sqrt(energy * (energy + 2 * _REST_ENERGY_KEV)))


@dataclass(frozen=True)
class ScanningProbe:
    r"""Intensity of a focused electron probe, limited by its aperture and bent by the lens.

    The lens turns the phase of a wave that comes in at the angle α by

    .. math:: \chi(\alpha) = \tfrac{2\pi}{\lambda}
              \big(\tfrac14 C_s \alpha^4 - \tfrac12 \Delta f\, \alpha^2\big),

    so the probe is the squared modulus of the Fourier transform of aperture · exp(−iχ) [1]_.

    Parameters
    ----------
    semi_angle_mrad : float, > 0
        Half the opening angle of the cone of electrons, in mrad.
    cs_um : float
        Spherical aberration C_s in µm; 0 for a corrected lens.
    defocus_nm : float
        Δf in nm; positive is underfocus, which C_s > 0 needs.
    energy_kev : float, > 0
        Energy of the electrons in keV.

    References
    ----------
    .. [1] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, Springer.
       doi:10.1007/978-1-4419-6533-2

    Examples
    --------
    >>> sharp, bent = ScanningProbe(35.0), ScanningProbe(25.0, cs_um=100.0)
    >>> bool(sharp.intensity(65, 0.036).max() > 3 * bent.intensity(65, 0.036).max())
    True
    """

    semi_angle_mrad: float = 35.0
    cs_um: float = 0.0
    defocus_nm: float = 0.0
    energy_kev: float = 200.0

    def __post_init__(self) -> None:
        numbers = {
            "semi_angle_mrad": check_number(
                self.semi_angle_mrad, "semi_angle_mrad", minimum=0, maximum=500, exclusive=True
            ),
            "cs_um": check_number(self.cs_um, "cs_um"),
            "defocus_nm": check_number(self.defocus_nm, "defocus_nm"),
            "energy_kev": check_number(self.energy_kev, "energy_kev", minimum=0, exclusive=True),
        }
        for name, number in numbers.items():
            object.__setattr__(self, name, number)

    @property
    def reach_nm(self) -> float:
        r"""Radius, in nm, within which nearly all of the probe falls.

        Rays at the angle α miss the point by :math:`|C_s \alpha^3 - \Delta f\,\alpha|`; the largest
        of these up to the rim of the aperture, and two Airy radii 0.61 λ/α for the diffraction.
        """
        edge = 1e-3 * self.semi_angle_mrad
        alpha = np.linspace(0, edge, 101)
        rays = 1e3 * self.cs_um * alpha**3 - self.defocus_nm * alpha
        airy = 0.61 * electron_wavelength_nm(self.energy_kev) / edge
        return float(np.abs(rays).max()) + 2 * airy

    def intensity(self, n: int, pixel_size_nm: float) -> np.ndarray:
        """Return the probe on n × n pixels, its middle at [n // 2, n // 2], with sum 1.

        Each value is the mean over a pixel, of a probe that is computed on a finer grid and on a
        field three times as wide, or as wide as the probe where that is wider: its tails do not
        come back in from the other side, and its finest detail, twice as fine as the wave's, is
        not taken for coarse detail. What falls beside the n × n pixels is left out of the sum.

        Parameters
        ----------
        n : int, odd, ≥ 3
            Pixels of each edge.
        pixel_size_nm : float, > 0
            Edge of a pixel in nm.

        Returns
        -------
        ndarray of float64, shape (n, n)
            Not writeable: the same array is given out again.

        Raises
        ------
        ParameterError
            When `n` is even or too small, the pixel no positive number, or the probe so wide and so
            fine that its grid would not fit into the memory.
        """
        count = check_integer(n, "n", minimum=3)
        if count % 2 == 0:
            raise ParameterError(f"n is {n}; an odd number is needed, so that there is a middle.")
        size = check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        return _intensity(self, count, size)


@functools.lru_cache(maxsize=8)
def _intensity(probe: ScanningProbe, count: int, size: float) -> np.ndarray:
    wavelength = electron_wavelength_nm(probe.energy_kev)
    finest = wavelength / (4e-3 * probe.semi_angle_mrad)
    parts = 2 * math.ceil((size / finest - 1) / 2) + 1 if size > finest else 1
    beyond = 2 * math.ceil(probe.reach_nm / size)
    wide = max(3 * count, count + 2 * beyond) * parts
    if wide > _WIDEST:
        raise ParameterError(
            f"the probe is {2 * probe.reach_nm:.3g} nm wide and its finest detail {finest:.2g} nm: "
            f"{count} pixels of {size:g} nm would need {wide}² points, and at most {_WIDEST}² are "
            f"computed. Choose a smaller cs_um, defocus_nm, n or pixel_size_nm."
        )
    k = np.fft.fftfreq(wide, size / parts)
    angle = wavelength * np.hypot(k[:, None], k)
    rim = (1e3 * angle - probe.semi_angle_mrad) / _SOFT_EDGE_MRAD
    aperture = 1 / (1 + np.exp(np.clip(rim, -60, 60)))
    spherical = 0.25 * 1e3 * probe.cs_um * angle**4
    chi = (spherical - 0.5 * probe.defocus_nm * angle**2) * 2 * np.pi / wavelength
    fine = np.abs(np.fft.fftshift(np.fft.ifft2(aperture * np.exp(-1j * chi)))) ** 2
    first, span = wide // 2 - count * parts // 2, count * parts
    cut = fine[first : first + span, first : first + span]
    pixels: np.ndarray = cut.reshape(count, parts, count, parts).mean(axis=(1, 3))
    pixels /= pixels.sum()
    pixels.flags.writeable = False
    return pixels
