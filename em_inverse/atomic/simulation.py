"""Simulated through-focus tilt series, at a dose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import noise
from em_inverse.atomic.atoms import Atoms
from em_inverse.atomic.potential import potential
from em_inverse.atomic.series import FocalTiltSeries
from em_inverse.errors import ParameterError, check_angles, check_array, check_number, check_shape
from em_inverse.forward.multislice import Multislice
from em_inverse.forward.turning import TurnedSlices

__all__ = ["simulate"]


def simulate(
    specimen: Atoms | ArrayLike,
    angles_deg: ArrayLike,
    defoci_angstrom: ArrayLike = (200.0, 450.0, 1000.0),
    voltage_kv: float = 300.0,
    dose_per_square_angstrom: float | None = None,
    *,
    shape: Sequence[int] | None = None,
    voxel_angstrom: float = 0.5,
    slice_voxels: int = 1,
    margin: int | None = None,
    cs_mm: float = 0.0,
    aperture_mrad: float | None = None,
    focal_spread_angstrom: float = 0.0,
    source_mrad: float = 0.0,
    propagation: str = "angular_spectrum",
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    **potential_options: Any,
) -> FocalTiltSeries:
    r"""Record a specimen at several tilts and, at each, in several planes out of focus.

    Atoms are turned themselves, and their potential is worked out anew at every tilt: nothing is
    interpolated, so the simulation shares neither its slices nor its turning with a reconstruction.

    Parameters
    ----------
    specimen : Atoms, or array_like of shape (nz, nx, ny)
        Atoms, or a potential ``V[z, x, y]`` in volts, which is turned by interpolation.
    angles_deg : array_like, shape (n_tilts,)
        Tilt angles in degrees.
    defoci_angstrom : array_like, shape (n_foci,)
        Planes that are imaged, from the centre of the object, positive downstream (overfocus).
        Spaced like powers, they see all spatial frequencies.
    voltage_kv : float
        Acceleration voltage.
    dose_per_square_angstrom : float, optional
        Electrons per Å² of the whole series, shared equally by all its images; without it there is
        no noise.
    shape : tuple of int, optional
        (nz, nx, ny) of the volume around atoms, which is needed for them.
    voxel_angstrom : float
        Edge of a voxel and of a pixel.
    slice_voxels : int
        Voxels per slice.
    margin, cs_mm, aperture_mrad, focal_spread_angstrom, source_mrad, propagation
        As for :class:`~em_inverse.forward.Multislice`.
    seed : int or Generator
        Of the Poisson noise.
    progress : bool
        Show a progress bar on stderr.
    **potential_options
        For atoms: options of :func:`~em_inverse.atomic.potential`, as ``b_factor``.

    Returns
    -------
    FocalTiltSeries
        Intensities in units of the intensity without specimen, float32.

    Raises
    ------
    ParameterError
        When atoms come without `shape`, or a number lies outside what is allowed.
    GeometryError
        When an atom, turned, lies outside the volume.

    Notes
    -----
    A pixel of one image expects n = dose · voxel² / (n_tilts · n_foci) electrons without specimen.
    60 tilts of 3 foci share 50 000 electrons per Å² to 69 per pixel of 0.5 Å: 12 % noise.

    Examples
    --------
    >>> atoms = Atoms([[0.0, 1.0, 0.0]], [14])
    >>> series = simulate(atoms, [0, 90], [300.0], shape=(24, 24, 24))
    >>> series.images.shape, bool(series.images.std() > 0.01)
    ((2, 1, 24, 24), True)
    """
    angles = check_angles(angles_deg)
    if isinstance(specimen, Atoms):
        if shape is None:
            raise ParameterError(
                "shape is missing; atoms need the (nz, nx, ny) of the volume around them, for "
                "instance shape=(64, 64, 64)."
            )
        size = check_shape(shape, "shape", ndim=3)
    else:
        if potential_options or shape is not None:
            named = ", ".join([*potential_options, *(["shape"] if shape is not None else [])])
            raise ParameterError(f"{named} belongs to atoms, but the specimen is a volume already.")
        volume = check_array(specimen, "specimen", ndim=3, dtype=np.float32)
        size = volume.shape
    model = Multislice(
        size,
        defoci_angstrom,
        voxel_angstrom=voxel_angstrom,
        voltage_kv=voltage_kv,
        slice_voxels=slice_voxels,
        margin=margin,
        cs_mm=cs_mm,
        aperture_mrad=aperture_mrad,
        focal_spread_angstrom=focal_spread_angstrom,
        source_mrad=source_mrad,
        propagation=propagation,
    )
    if isinstance(specimen, Atoms):
        recorded = _of_atoms(specimen, model, potential_options)
    else:

        def recorded(angle: float) -> np.ndarray:
            return model.images(volume, angle)

    images = _all(recorded, angles, model.out_shape, progress)
    if dose_per_square_angstrom is not None:
        dose = check_number(
            dose_per_square_angstrom, "dose_per_square_angstrom", minimum=0, exclusive=True
        )
        electrons = dose * model.voxel_angstrom**2 / (images.shape[0] * images.shape[1])
        mean = float(images.mean(dtype=np.float64))
        images = noise.poisson(images, electrons * mean, seed=seed)
    return FocalTiltSeries(
        images,
        angles,
        model.defoci_angstrom,
        voxel_angstrom=model.voxel_angstrom,
        voltage_kv=model.voltage_kv,
        dose_per_square_angstrom=dose_per_square_angstrom,
        cs_mm=model.cs_mm,
        aperture_mrad=aperture_mrad,
        metadata={
            "synthetic": True,
            "focal_spread_angstrom": model.focal_spread_angstrom,
            "source_mrad": model.source_mrad,
        },
    )


def _of_atoms(
    atoms: Atoms, model: Multislice, options: dict[str, Any]
) -> Callable[[float], np.ndarray]:
    nz, nx, ny = model.in_shape
    box = (max(nz, nx), nx, ny)
    flat = TurnedSlices(box, 0.0, model.slice_voxels)

    def recorded(angle: float) -> np.ndarray:
        turned = potential(atoms.rotated(angle), box, model.voxel_angstrom, **options)
        return model.images_of_slices(flat.forward(turned))

    return recorded


def _all(
    recorded: Callable[[float], np.ndarray],
    angles: np.ndarray,
    shape: tuple[int, ...],
    progress: bool,
) -> np.ndarray:
    from tqdm.auto import tqdm

    images = np.empty((angles.size, *shape), np.float32)
    bar = tqdm(angles.tolist(), desc="simulate", unit="tilt", disable=not progress)
    for image, angle in zip(images, bar, strict=True):
        image[...] = recorded(angle)
    return images
