"""Multislice: an electron wave through a thick object, and the way back through all slices.

A projection adds up what a ray meets. An electron wave is scattered by the first atoms, spreads,
and is scattered again; so H is no matrix any more. What solvers need of it all the same is its
derivative at an object, transposed: here it is as short as the model itself, and runs backwards.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_shape,
)
from em_inverse.forward import optics
from em_inverse.forward.turning import TurnedSlices

__all__ = ["Multislice", "Passage", "TiltedMultislice"]

# Waves of fewer pixels are transformed by one thread: two would mostly wait for each other.
_WORTH_SHARING = 256 * 256
# Foci of a Gauss–Hermite rule: enough that more change images of 50 Å spread by less than 10⁻⁴.
_SPREAD_FOCI = 9


class Multislice:
    r"""Through-focus waves behind a potential, by the multislice method.

    A plane wave passes N_s slices. In the middle of each, its phase grows by σ times the projected
    potential of the slice; between them it propagates freely; behind the last it goes back to the
    plane in focus, through the lens:

    .. math:: \psi \leftarrow t_m \psi, \quad t_m = e^{i σ Δz \sum V}, \qquad
              \psi \leftarrow \mathcal F^{-1}[P \, \mathcal F \psi], \qquad
              \psi_f = \mathcal F^{-1}[A \, e^{-i χ_f} \, \mathcal F \psi].

    Parameters
    ----------
    shape : tuple of int
        (nz, nx, ny) of the volume ``V[z, x, y]`` in volts; z along the beam at 0°, y the tilt axis.
    defoci_angstrom : sequence of float
        Planes that are imaged, along the beam from the **centre of the object**, in Å; positive
        is downstream (overfocus). See :mod:`em_inverse.forward.optics`.
    voxel_angstrom : float
        Edge of a voxel, the same along all axes.
    voltage_kv : float
        Acceleration voltage.
    slice_voxels : int
        N_B: voxels along the beam that are binned into one slice.
    margin : int, optional
        Voxels of vacuum on each side of the field, into which waves may spread before they come
        back on the other side. By default as far as the finest waves get at the largest
        defocus, or half the field where that is less.
    aperture_mrad : float, optional
        Semi-angle of the aperture; by default it ends where the grid does, at 1/(2 voxel).
    cs_mm : float
        Spherical aberration.
    propagation : {"angular_spectrum", "paraxial"}
        Between slices, and for defocus.
    focal_spread_angstrom : float
        Standard deviation of the focus in :meth:`images`, from the spread of energies.
    source_mrad : float
        Standard deviation of the angles of the source in :meth:`images`.
    dtype : dtype, optional
        Of the volume: float32, with waves in complex64, unless float64 (complex128) is asked for.
    workers : int, optional
        Threads of the Fourier transforms; chosen by the size unless given.

    Attributes
    ----------
    lam : float
        Wavelength in Å.
    sigma : float
        Interaction parameter in rad/(V Å).
    in_shape, out_shape : tuple of int
        Of the volume, and of the waves ``[focus, x, y]``.

    Raises
    ------
    ParameterError
        When a parameter lies outside what is allowed.
    DataError
        From the methods: when an array does not fit.

    Notes
    -----
    The vacuum wave is 1 everywhere, so an image is in units of the intensity without specimen.
    Only coherent waves have a derivative here: partial coherence is for simulation.

    References
    ----------
    Cowley and Moodie, doi:10.1107/S0365110X57002194. Its inversion: Ren, Ophus, Chen and Waller,
    doi:10.1016/j.ultramic.2019.112860.

    Examples
    --------
    >>> import numpy as np
    >>> volume = np.zeros((16, 16, 16))
    >>> volume[7:9, 7:9, 7:9] = 100.0
    >>> H = Multislice(volume.shape, [200.0, 450.0], slice_voxels=4)
    >>> H.forward(volume, angle_deg=30).shape
    (2, 16, 16)
    """

    def __init__(
        self,
        shape: Sequence[int],
        defoci_angstrom: ArrayLike = 0.0,
        *,
        voxel_angstrom: float = 0.5,
        voltage_kv: float = 300.0,
        slice_voxels: int = 1,
        margin: int | None = None,
        aperture_mrad: float | None = None,
        cs_mm: float = 0.0,
        propagation: str = "angular_spectrum",
        focal_spread_angstrom: float = 0.0,
        source_mrad: float = 0.0,
        dtype: Any = None,
        workers: int | None = None,
    ) -> None:
        self.in_shape: tuple[int, ...] = check_shape(shape, "shape", ndim=3)
        self.defoci_angstrom = np.atleast_1d(
            check_array(defoci_angstrom, "defoci_angstrom", ndim=(0, 1), dtype=np.float64)
        ).copy()
        self.defoci_angstrom.flags.writeable = False
        self.voxel_angstrom = check_number(
            voxel_angstrom, "voxel_angstrom", minimum=0, exclusive=True
        )
        self.voltage_kv = check_number(voltage_kv, "voltage_kv", minimum=0, exclusive=True)
        self.lam = optics.wavelength(self.voltage_kv)
        self.sigma = optics.interaction_parameter(self.voltage_kv)
        self.cs_mm = check_number(cs_mm, "cs_mm")
        self.propagation = check_choice(propagation, "propagation", optics.PROPAGATIONS)
        self.focal_spread_angstrom = check_number(
            focal_spread_angstrom, "focal_spread_angstrom", minimum=0
        )
        self.source_mrad = check_number(source_mrad, "source_mrad", minimum=0)
        self.dtype = np.dtype(np.float32 if dtype is None else dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ParameterError(f"dtype is {dtype!r}; allowed: float32 and float64.")
        self.complex_dtype = np.result_type(self.dtype, np.complex64)
        # Checks slice_voxels, and knows where the slices lie.
        cut = TurnedSlices(self.in_shape, 0.0, slice_voxels, dtype=self.dtype)
        self.slice_voxels = cut.slice_voxels
        self.slices_shape: tuple[int, ...] = cut.out_shape
        field = self.in_shape[1:]
        self.out_shape: tuple[int, ...] = (self.defoci_angstrom.size, *field)
        self.margin = self._margin(margin)
        nx, ny = (scipy.fft.next_fast_len(n + 2 * self.margin) for n in field)
        self.grid = (nx, ny)
        x0, y0 = (nx - field[0]) // 2, (ny - field[1]) // 2
        self._field = (slice(x0, x0 + field[0]), slice(y0, y0 + field[1]))
        few = nx * ny < _WORTH_SHARING
        self._workers = (1 if few else os.cpu_count()) if workers is None else workers
        self._q2 = optics.frequencies(self.grid, self.voxel_angstrom)
        self._aperture = self._q2 <= self._cut_off(aperture_mrad) ** 2
        self._to_next = self._travelled(self.slice_voxels * self.voxel_angstrom)
        #: Where the wave stands after the last slice, from the centre of the object, in Å.
        self._end = float(cut.centres[-1]) * self.voxel_angstrom
        self._lenses = np.stack([self._lens(f) for f in self.defoci_angstrom.tolist()])

    def forward(self, volume: ArrayLike, angle_deg: float = 0.0) -> np.ndarray:
        """Return the coherent waves in the planes that are imaged.

        Parameters
        ----------
        volume : array_like, shape `in_shape`
            Potential in volts.
        angle_deg : float
            Tilt angle.

        Returns
        -------
        ndarray of complex, shape `out_shape`, ``[focus, x, y]``
        """
        return self.passage(self.slices(volume, angle_deg)).waves

    def linearise(
        self, volume: ArrayLike, angle_deg: float = 0.0
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Return the waves, and the transposed derivative at this volume.

        Parameters
        ----------
        volume : array_like, shape `in_shape`
        angle_deg : float

        Returns
        -------
        waves : ndarray of complex, shape `out_shape`
        pull : callable
            Maps complex r, of the shape of the waves, to the real g of the shape of the volume with
            ⟨g, dV⟩ = Re⟨r, dψ⟩ for every small change dV of the volume and dψ of the waves.
        """
        turn = self.turn(angle_deg)
        passage = self.passage(turn.forward(self._volume(volume)))
        return passage.waves, lambda r: turn.adjoint(passage.pull(self._waves(r)))

    def images(self, volume: ArrayLike, angle_deg: float = 0.0) -> np.ndarray:
        """Return the intensities, with the partial coherence that was asked for.

        Parameters
        ----------
        volume : array_like, shape `in_shape`
        angle_deg : float

        Returns
        -------
        ndarray, shape `out_shape`
            1 is the intensity without specimen.
        """
        return self.images_of_slices(self.slices(volume, angle_deg))

    def images_of_slices(self, slices: ArrayLike) -> np.ndarray:
        """Return the intensities behind a potential that is cut into slices already.

        Parameters
        ----------
        slices : array_like, shape (n_slices, nx, ny)
            Sum of the potential over the voxels of each slice along the beam, in volts.
        """
        passage = self.passage(slices)
        if self.focal_spread_angstrom == 0 and self.source_mrad == 0:
            return _square(passage.waves)
        spectrum = self._fft(passage.exit_wave)
        offsets, weights = optics.focal_quadrature(self.focal_spread_angstrom, _SPREAD_FOCI)
        images = np.zeros(self.out_shape, self.dtype)
        for focus, image in zip(self.defoci_angstrom.tolist(), images, strict=True):
            envelope = optics.source_envelope(
                self._q2, self.lam, self.source_mrad, focus, self.cs_mm
            )
            for offset, weight in zip(offsets.tolist(), weights.tolist(), strict=True):
                lens = self._lens(focus + offset) * envelope.astype(self.dtype)
                image += self.dtype.type(weight) * _square(self._ifft(spectrum * lens)[self._field])
        return images

    def turn(self, angle_deg: float) -> TurnedSlices:
        """Return the linear operator that turns a volume and cuts it into slices."""
        return TurnedSlices(self.in_shape, angle_deg, self.slice_voxels, dtype=self.dtype)

    def slices(self, volume: ArrayLike, angle_deg: float = 0.0) -> np.ndarray:
        """Return the slices of the tilted volume, in volts times voxels."""
        return self.turn(angle_deg).forward(self._volume(volume))

    def tilted(self, angle_deg: float) -> TiltedMultislice:
        """Return the model of one tilt, a function of the volume alone, for fidelities."""
        return TiltedMultislice(self, angle_deg)

    def passage(self, slices: ArrayLike) -> Passage:
        """Send the wave through slices, and keep what the way back needs.

        Parameters
        ----------
        slices : array_like, shape (n_slices, nx, ny)
        """
        cut = check_array(slices, "slices", shape=self.slices_shape, dtype=self.dtype)
        phase = self.dtype.type(self.sigma * self.voxel_angstrom) * cut
        transmission = np.empty(cut.shape, self.complex_dtype)
        np.cos(phase, out=transmission.real)
        np.sin(phase, out=transmission.imag)
        behind = np.empty_like(transmission)
        wave = np.ones(self.grid, self.complex_dtype)
        for m, t in enumerate(transmission):
            if m > 0:
                wave = self._ifft(self._fft(wave) * self._to_next)
            inside = wave[self._field]
            inside *= t
            behind[m] = inside
        spectrum = self._fft(wave.copy())
        waves = np.stack([self._ifft(spectrum * lens)[self._field] for lens in self._lenses])
        return Passage(self, transmission, behind, wave, waves)

    def _pull(self, passage: Passage, r: np.ndarray) -> np.ndarray:
        spectrum = np.zeros(self.grid, self.complex_dtype)
        for lens, one in zip(self._lenses, r, strict=True):
            wave = np.zeros(self.grid, self.complex_dtype)
            wave[self._field] = one
            spectrum += self._fft(wave) * lens.conj()
        back = self._to_next.conj()
        wave = self._ifft(spectrum)
        out = np.empty(self.slices_shape, self.dtype)
        for m in range(len(out) - 1, -1, -1):
            inside, behind = wave[self._field], passage.behind[m]
            np.multiply(inside.imag, behind.real, out=out[m])
            out[m] -= inside.real * behind.imag
            if m > 0:
                inside *= passage.transmission[m].conj()
                wave = self._ifft(self._fft(wave) * back)
        out *= self.dtype.type(self.sigma * self.voxel_angstrom)
        return out

    def _fft(self, wave: np.ndarray) -> np.ndarray:
        return scipy.fft.fft2(wave, workers=self._workers, overwrite_x=True)

    def _ifft(self, spectrum: np.ndarray) -> np.ndarray:
        return scipy.fft.ifft2(spectrum, workers=self._workers, overwrite_x=True)

    def _travelled(self, distance: float) -> np.ndarray:
        phase = optics.propagation_phase(self._q2, distance, self.lam, self.propagation)
        return np.exp(1j * phase).astype(self.complex_dtype)

    def _lens(self, focus: float) -> np.ndarray:
        """From behind the last slice to the plane in focus, through the aperture."""
        chi = optics.aberration_phase(self._q2, self.lam, cs_mm=self.cs_mm)
        lens = self._travelled(focus - self._end) * np.exp(-1j * chi) * self._aperture
        return lens.astype(self.complex_dtype)

    def _cut_off(self, aperture_mrad: float | None) -> float:
        if aperture_mrad is None:
            return 1 / (2 * self.voxel_angstrom)
        mrad = check_number(aperture_mrad, "aperture_mrad", minimum=0, exclusive=True)
        return math.sin(1e-3 * mrad) / self.lam

    def _margin(self, margin: int | None) -> int:
        if margin is not None:
            return check_integer(margin, "margin", minimum=0)
        reach = optics.reach_voxels(self.lam, self.defoci_angstrom, self.voxel_angstrom)
        return min(reach, max(self.in_shape[1:]) // 2)

    def _volume(self, volume: ArrayLike) -> np.ndarray:
        return check_array(volume, "volume", shape=self.in_shape, dtype=self.dtype)

    def _waves(self, r: ArrayLike) -> np.ndarray:
        waves = np.asarray(r)
        if waves.shape != self.out_shape:
            raise DataError(
                f"r has shape {waves.shape}, but the waves have shape {self.out_shape}: one per "
                f"focus, x, y."
            )
        return waves.astype(self.complex_dtype, copy=False)

    def __repr__(self) -> str:
        return (
            f"Multislice({self.in_shape}, {self.defoci_angstrom.tolist()}, "
            f"voxel_angstrom={self.voxel_angstrom:g}, voltage_kv={self.voltage_kv:g}, "
            f"slice_voxels={self.slice_voxels})"
        )


@dataclass
class Passage:
    """One way through the slices: the waves, and what the way back needs.

    Attributes
    ----------
    model : Multislice
    transmission : ndarray of complex, shape (n_slices, nx, ny)
        t_m.
    behind : ndarray of complex, shape (n_slices, nx, ny)
        The wave right behind each slice, within the field.
    exit_wave : ndarray of complex, shape of the padded grid
        The wave right behind the last slice, in the middle of that slice.
    waves : ndarray of complex, shape (n_foci, nx, ny)
        The waves in the planes that are imaged.
    """

    model: Multislice
    transmission: np.ndarray
    behind: np.ndarray
    exit_wave: np.ndarray
    waves: np.ndarray

    def pull(self, r: np.ndarray) -> np.ndarray:
        """Return g with ⟨g, dS⟩ = Re⟨r, dψ⟩ for a small change dS of the slices.

        The residual goes back through the lens, then through the slices from the last to the first:
        the same steps as forward, each with its conjugate.

        Parameters
        ----------
        r : ndarray of complex, shape of `waves`

        Returns
        -------
        ndarray, shape (n_slices, nx, ny)
        """
        return self.model._pull(self, r)


class TiltedMultislice:
    """A multislice model at one tilt angle: a function of the volume alone.

    Parameters
    ----------
    model : Multislice
    angle_deg : float
    """

    def __init__(self, model: Multislice, angle_deg: float) -> None:
        self.model = model
        self.angle_deg = model.turn(angle_deg).angle_deg
        self.in_shape, self.out_shape = model.in_shape, model.out_shape
        self.dtype = model.dtype

    def forward(self, x: ArrayLike) -> np.ndarray:
        """Return the waves; see :meth:`Multislice.forward`."""
        return self.model.forward(x, self.angle_deg)

    def linearise(self, x: ArrayLike) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Return the waves and the transposed derivative; see :meth:`Multislice.linearise`."""
        return self.model.linearise(x, self.angle_deg)


def _square(waves: np.ndarray) -> np.ndarray:
    return waves.real**2 + waves.imag**2
