r"""Electron optics: wavelength, interaction, propagation, aberrations and their envelopes.

Lengths are in Å, spatial frequencies q in cycles per Å. Waves are exp(+2πi q·r), and the electron
travels towards larger z, so a potential V ahead of vacuum is a phase +σ∫V dz, and a wave that goes
on by Δz gains the phase −πλΔz q².

**Defocus** is a position: the plane that is imaged lies at Δf, along the beam, from the centre of
the object. Δf > 0 is downstream (overfocus: the lens is stronger than in focus), as C₁₀ in
exp(−iχ), χ = πλ C₁₀ q² + ½ π C_s λ³ q⁴. Programs that count underfocus positive want −Δf.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_array, check_choice, check_number

__all__ = [
    "PROPAGATIONS",
    "aberration_phase",
    "focal_quadrature",
    "frequencies",
    "interaction_parameter",
    "propagation_phase",
    "reach_voxels",
    "source_envelope",
    "wavelength",
]

PROPAGATIONS = ("angular_spectrum", "paraxial")
"""The names of the laws of propagation."""

# CODATA 2018: eV·Å, and the electron's rest energy in eV.
_PLANCK_C = 12398.419843320026
_REST = 510998.94999


def wavelength(voltage_kv: float) -> float:
    """Return the relativistic wavelength of an electron in Å.

        λ = hc / √(eU (eU + 2 m₀c²))

    Parameters
    ----------
    voltage_kv : float, > 0
        Acceleration voltage U in kV.

    Examples
    --------
    >>> [round(wavelength(kv), 5) for kv in (60, 80, 200, 300)]
    [0.04866, 0.04176, 0.02508, 0.01969]
    """
    energy = 1e3 * check_number(voltage_kv, "voltage_kv", minimum=0, exclusive=True)
    return float(_PLANCK_C / np.sqrt(energy * (energy + 2 * _REST)))


def interaction_parameter(voltage_kv: float) -> float:
    """Return σ, the phase in rad that a volt over an ångström gives to the electron wave.

        σ = 2π / (λ eU) · (m₀c² + eU) / (2 m₀c² + eU)      in rad/(V Å)

    It falls with the voltage and approaches a limit: fast electrons are hardly less phase-shifted
    at 300 kV than at 1 MV.

    Parameters
    ----------
    voltage_kv : float, > 0
        Acceleration voltage U in kV.

    References
    ----------
    E. J. Kirkland, *Advanced Computing in Electron Microscopy*, doi:10.1007/978-1-4419-6533-2.

    Examples
    --------
    >>> [f"{interaction_parameter(kv):.3e}" for kv in (80, 300)]
    ['1.009e-03', '6.526e-04']
    """
    lam = wavelength(voltage_kv)
    energy = 1e3 * float(voltage_kv)
    return float(2 * np.pi / (lam * energy) * (_REST + energy) / (2 * _REST + energy))


def frequencies(shape: tuple[int, int], voxel_angstrom: float) -> np.ndarray:
    """Return \\|q\\|² of every Fourier coefficient of an image, in cycles² per Å².

    Parameters
    ----------
    shape : tuple of int
        (nx, ny) of the image.
    voxel_angstrom : float
        Edge of a pixel.

    Examples
    --------
    >>> frequencies((2, 1), 0.5)
    array([[0.],
           [1.]])
    """
    qx, qy = (np.fft.fftfreq(n, voxel_angstrom) for n in shape)
    return qx[:, None] ** 2 + qy[None, :] ** 2


def propagation_phase(
    q2: ArrayLike, distance: float, lam: float, law: str = "angular_spectrum"
) -> np.ndarray:
    """Return the phase in rad that a wave gains over a distance, relative to the plane wave.

        angular spectrum   2π Δz (√(1/λ² − q²) − 1/λ)
        paraxial           −π λ Δz q²

    Parameters
    ----------
    q2 : array_like
        \\|q\\|² in cycles² per Å².
    distance : float
        Δz in Å; negative goes back.
    lam : float
        λ in Å.
    law : {"angular_spectrum", "paraxial"}

    Raises
    ------
    ParameterError
        When the law is unknown, or the sampling is so fine that waves would be evanescent.
    """
    square = check_array(q2, "q2", dtype=np.float64)
    if check_choice(law, "law", PROPAGATIONS) == "paraxial":
        return np.asarray(-np.pi * lam * distance * square)
    room = 1 / lam**2 - square
    if room.min() < 0:
        raise ParameterError(
            f"q2 reaches {square.max():g} cycles²/Å², beyond 1/λ² = {1 / lam**2:g}: such waves do "
            f"not propagate. Use larger voxels, or propagation='paraxial'."
        )
    # −q² / (√(1/λ² − q²) + 1/λ) is the same difference without its loss of digits.
    return np.asarray(-2 * np.pi * distance * square / (np.sqrt(room) + 1 / lam))


def aberration_phase(
    q2: ArrayLike, lam: float, defocus_angstrom: float = 0.0, cs_mm: float = 0.0
) -> np.ndarray:
    """Return χ(q) = πλ Δf q² + ½ π C_s λ³ q⁴ in rad; the lens multiplies the wave by exp(−iχ).

    Parameters
    ----------
    q2 : array_like
        \\|q\\|² in cycles² per Å².
    lam : float
        λ in Å.
    defocus_angstrom : float
        Δf, positive downstream (overfocus).
    cs_mm : float
        Spherical aberration.

    Examples
    --------
    >>> round(float(aberration_phase(1.0, 0.02, defocus_angstrom=50.0) / np.pi), 6)
    1.0
    """
    square = check_array(q2, "q2", dtype=np.float64)
    cs = 1e7 * cs_mm
    return np.asarray(np.pi * lam * square * (defocus_angstrom + 0.5 * cs * lam**2 * square))


def source_envelope(
    q2: ArrayLike, lam: float, source_mrad: float, defocus_angstrom: float = 0.0, cs_mm: float = 0.0
) -> np.ndarray:
    """Return the damping exp(−½ (β/λ)² \\|∇χ\\|²) by a source of finite angular size.

    A tilted wave sees a shifted χ. The mean over tilts of a Gaussian of standard deviation β,
    taken to first order, damps the frequencies at which χ is steep: the higher, the further from
    focus.

    Parameters
    ----------
    q2 : array_like
        \\|q\\|² in cycles² per Å².
    lam : float
        λ in Å.
    source_mrad : float, ≥ 0
        β, the standard deviation of the angles, in mrad.
    defocus_angstrom, cs_mm : float
        As for :func:`aberration_phase`.

    References
    ----------
    J. Frank, Optik 38 (1973) 519–536; Wade and Frank, Optik 49 (1977) 81–92.
    """
    square = check_array(q2, "q2", dtype=np.float64)
    spread = 1e-3 * check_number(source_mrad, "source_mrad", minimum=0) / lam
    slope = 2 * np.pi * lam * np.sqrt(square) * (defocus_angstrom + 1e7 * cs_mm * lam**2 * square)
    return np.asarray(np.exp(-0.5 * (spread * slope) ** 2))


def reach_voxels(lam: float, defocus_angstrom: ArrayLike, voxel_angstrom: float) -> int:
    """Return how far the finest waves get from where they were scattered, in voxels.

    A wave of frequency q travels at the angle λq, and voxels carry q up to 1/(2 voxel).

    Parameters
    ----------
    lam : float
        λ in Å.
    defocus_angstrom : array_like
        Defoci in Å; the largest counts.
    voxel_angstrom : float

    Examples
    --------
    >>> reach_voxels(0.02, [200.0, 1000.0], 0.5)
    40
    """
    farthest = float(np.abs(np.asarray(defocus_angstrom)).max())
    return int(np.ceil(lam * farthest / (2 * voxel_angstrom**2)))


def focal_quadrature(spread_angstrom: float, n_foci: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the foci and weights that average over a Gaussian spread of focus (Gauss–Hermite).

    Parameters
    ----------
    spread_angstrom : float, ≥ 0
        Standard deviation. 0 gives the one focus 0.
    n_foci : int, ≥ 1

    Examples
    --------
    >>> foci, weights = focal_quadrature(30.0, 5)
    >>> round(float(weights @ foci**2), 6)
    900.0
    """
    spread: Any = check_number(spread_angstrom, "spread_angstrom", minimum=0)
    if spread == 0:
        return np.zeros(1), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_foci)
    return spread * nodes, weights / weights.sum()
