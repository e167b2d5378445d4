"""The electrostatic potential of atoms, averaged over voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import fft

from em_inverse.atomic.atoms import Atoms
from em_inverse.atomic.scattering import VOLT_SQUARE_ANGSTROM, five_gaussians
from em_inverse.errors import ParameterError, check_number, check_shape
from em_inverse.forward.elements import SYMBOLS, atomic_number

__all__ = ["low_pass", "potential", "voxel_b_factor"]


def potential(
    atoms: Atoms,
    shape: Sequence[int],
    voxel_angstrom: float = 0.5,
    *,
    b_factor: float | Mapping[str, float] = 0.5,
    detector_b_factor: float = 0.35,
    band_limit: bool = True,
    workers: int = 1,
    dtype: Any = None,
) -> np.ndarray:
    """Return the potential V[z, x, y] of atoms in volt, each voxel holding its mean.

    Every atom is a sum of five Gaussians,

        V(r) = h²/(2π m₀ e) Σᵢ aᵢ (4π/Bᵢ)^{3/2} exp(−4π² r²/Bᵢ),   Bᵢ = bᵢ + B_atom + B_detector,

    with a and b of :func:`~em_inverse.atomic.five_gaussians`.

    Parameters
    ----------
    atoms : Atoms
        With positions in Å from the centre of the volume; any order and number.
    shape : tuple of int
        (nz, nx, ny).
    voxel_angstrom : float
        Edge of a voxel in Å.
    b_factor : float, or mapping of symbol to float
        Debye-Waller factor B = 8π²⟨u²⟩ of the thermal motion, in Å²; silicon at room temperature
        has about 0.5. One number for all elements, or one per element.
    detector_b_factor : float
        Blur of everything else, expressed as a B in Å²: the detector, small movements of the
        specimen.
    band_limit : bool
        Remove what lies beyond the sphere of radius 1/(2 voxel), the finest that the voxels carry
        in every direction. It leaves ripples of a few per cent, negative ones too.
    workers : int
        Threads of the Fourier transforms.
    dtype : dtype, optional
        float32 unless float64 is asked for.

    Returns
    -------
    ndarray, shape (nz, nx, ny)

    Raises
    ------
    GeometryError
        When an atom lies outside the volume.
    ParameterError
        When an element is not in the table of scattering factors or has no B, or a B makes an atom
        sharper than its own charge.

    Notes
    -----
    The mean over a voxel is a blur as well, about B = 2π² voxel²/3, which is 1.64 Å² for voxels
    of 0.5 Å (:func:`voxel_b_factor`). With it the defaults amount to B = 2.5 Å²: silicon at
    the centre of a voxel rises to 225 V, at its corner, 0.43 Å away, to 104 V. Sharper atoms alias:
    what should be finer than two voxels appears as something coarser that depends on where the
    atom stands between the voxels, and light and heavy atoms cannot be told apart any more.

    The Gaussians are cut at four standard deviations. A specimen that ends near the faces of the
    volume wraps round where the band is limited.

    Examples
    --------
    >>> V = potential(Atoms([[0, 0, 0]], [14]), (33, 33, 33))
    >>> tuple(int(i) for i in np.unravel_index(V.argmax(), V.shape))
    (16, 16, 16)
    """
    shape = check_shape(shape, "shape", ndim=3)
    voxel = check_number(voxel_angstrom, "voxel_angstrom", minimum=0, exclusive=True)
    other = check_number(detector_b_factor, "detector_b_factor", minimum=0)
    centres = atoms.indices_in(shape, voxel)
    present, kinds = np.unique(atoms.atomic_numbers, return_inverse=True)
    weights, sigmas = [], []
    for z in present.tolist():
        a, b = five_gaussians(z)
        widened = b + _thermal(b_factor, SYMBOLS[z - 1]) + other
        weights.append(VOLT_SQUARE_ANGSTROM * a / voxel**3)
        sigmas.append(np.sqrt(widened / 8) / (np.pi * voxel))
    from em_inverse.forward.kernels.atom_potential import add_atoms

    volume = np.zeros(shape, np.float32 if dtype is None else dtype)
    add_atoms(volume, centres, kinds.astype(np.int64), np.array(weights), np.array(sigmas))
    return low_pass(volume, workers=workers) if band_limit else volume


def low_pass(volume: np.ndarray, *, workers: int = 1) -> np.ndarray:
    """Return the volume without the frequencies beyond half a cycle per voxel.

    What is kept is a sphere: the corners of the Fourier cube, which a tilt series never reaches,
    go.

    Parameters
    ----------
    volume : ndarray, shape (nz, nx, ny)
    workers : int
        Threads.

    Examples
    --------
    >>> low_pass(np.ones((4, 4, 4), np.float32)).dtype
    dtype('float32')
    """
    spectrum = fft.rfftn(volume, workers=workers)
    nz, nx, ny = volume.shape
    qz, qx, qy = fft.fftfreq(nz), fft.fftfreq(nx), fft.rfftfreq(ny)
    inside = qz[:, None, None] ** 2 + qx[None, :, None] ** 2 + qy**2 <= 0.25
    spectrum *= inside
    return np.asarray(fft.irfftn(spectrum, s=volume.shape, workers=workers, overwrite_x=True))


def voxel_b_factor(voxel_angstrom: float) -> float:
    """Return the B in Å² that blurs as much as the mean over a voxel does.

    A box of width w has the variance w²/12 along each axis, and B = 8π² times the variance.

    Examples
    --------
    >>> round(voxel_b_factor(0.5), 2)
    1.64
    """
    return float(2 * np.pi**2 * voxel_angstrom**2 / 3)


def _thermal(b_factor: float | Mapping[str, float], symbol: str) -> float:
    if not isinstance(b_factor, Mapping):
        return check_number(b_factor, "b_factor", minimum=0)
    for name in b_factor:
        atomic_number(name)
    if symbol not in b_factor:
        raise ParameterError(
            f"b_factor names {', '.join(map(repr, b_factor))} but the atoms hold {symbol!r} as "
            f"well. Give it a B in Å², or pass one number for all."
        )
    return check_number(b_factor[symbol], f"b_factor[{symbol!r}]", minimum=0)
