"""Atoms: where they sit and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    GeometryError,
    ParameterError,
    check_angles,
    check_array,
)
from em_inverse.forward.elements import SYMBOLS, atomic_number

__all__ = ["Atoms"]


@dataclass(frozen=True, eq=False, repr=False)
class Atoms:
    """Positions and elements of atoms, in ångström from the centre of the volume.

    The order of coordinates is that of every volume of the kit, ``[z, x, y]``: z along the beam at
    0° tilt, y along the tilt axis. An atom at (0, 0, 0) sits at index (n − 1)/2 along each axis.

    Parameters
    ----------
    positions : array_like, shape (n, 3)
        Coordinates (z, x, y) in Å.
    atomic_numbers : array_like, shape (n,)
        Whole numbers from 1 to 118.

    Attributes
    ----------
    positions : ndarray of float64, shape (n, 3)
        Read-only.
    atomic_numbers : ndarray of int64, shape (n,)
        Read-only.

    Raises
    ------
    DataError
        When there is no atom, the shapes do not fit each other, or a number is not finite.
    ParameterError
        When an atomic number is not a whole number from 1 to 118.

    Examples
    --------
    >>> pair = Atoms([[0, 0, 0], [0, 1.61, 0]], [14, 8])
    >>> pair
    Atoms(2 atoms: O 1, Si 1)
    >>> pair.symbols
    ('Si', 'O')
    """

    positions: np.ndarray
    atomic_numbers: np.ndarray

    def __post_init__(self) -> None:
        positions = check_array(self.positions, "positions", shape=(-1, 3), dtype=np.float64)
        numbers = check_array(self.atomic_numbers, "atomic_numbers", ndim=1)
        if len(numbers) != len(positions):
            raise DataError(
                f"atomic_numbers has {len(numbers)} entries but positions has {len(positions)} "
                f"atoms. Pass one atomic number per atom."
            )
        wrong = numbers[(numbers != np.round(numbers)) | (numbers < 1) | (numbers > len(SYMBOLS))]
        if wrong.size:
            raise ParameterError(
                f"atomic_numbers holds {wrong[0]:g}; whole numbers from 1 to {len(SYMBOLS)} are "
                f"needed, for instance 14 for silicon."
            )
        for name, values in (("positions", positions), ("atomic_numbers", numbers)):
            kept = values.astype(np.float64 if name == "positions" else np.int64)
            kept.flags.writeable = False
            object.__setattr__(self, name, kept)

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"Atoms({len(self)} atoms: {self.formula})"

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols that occur, each once, from light to heavy."""
        return tuple(SYMBOLS[z - 1] for z in np.unique(self.atomic_numbers))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbol of each atom."""
        return tuple(SYMBOLS[z - 1] for z in self.atomic_numbers)

    @property
    def formula(self) -> str:
        """How many atoms of each element there are, from light to heavy."""
        return ", ".join(f"{name} {int(self.of(name).sum())}" for name in self.elements)

    def of(self, element: str | float) -> np.ndarray:
        """Return which atoms are of this element (a boolean array, one entry per atom).

        Examples
        --------
        >>> Atoms([[0, 0, 0], [0, 1.61, 0]], [14, 8]).of("O")
        array([False,  True])
        """
        return np.asarray(self.atomic_numbers == atomic_number(element))

    def select(self, which: str | ArrayLike) -> Atoms:
        """Return some of the atoms.

        Parameters
        ----------
        which : str or array_like
            A symbol, a list of indices, or one True or False per atom.

        Raises
        ------
        ParameterError
            When no atom is left, or an index does not exist.

        Examples
        --------
        >>> Atoms([[0, 0, 0], [0, 1.61, 0]], [14, 8]).select("O")
        Atoms(1 atoms: O 1)
        """
        chosen = self._indices(self.of(which) if isinstance(which, str) else which)
        if chosen.size == 0:
            raise ParameterError(f"which is {which!r}; it leaves none of the {len(self)} atoms.")
        return Atoms(self.positions[chosen], self.atomic_numbers[chosen])

    def without(self, which: ArrayLike) -> Atoms:
        """Return the atoms that remain when some are taken out, as vacancies are.

        Parameters
        ----------
        which : array_like
            Indices, or one True or False per atom.

        Examples
        --------
        >>> Atoms([[0, 0, 0], [0, 1.61, 0]], [14, 8]).without([0]).symbols
        ('O',)
        """
        remaining = np.ones(len(self), bool)
        remaining[self._indices(which)] = False
        return self.select(remaining)

    def rotated(self, angle_deg: float) -> Atoms:
        """Return the atoms turned about y, the tilt axis, as the specimen stands at this tilt.

            x' = x cos θ + z sin θ,   z' = −x sin θ + z cos θ

        x' is the detector coordinate s of :class:`~em_inverse.forward.ParallelBeam`, so that the
        sum over z of the turned specimen is the projection of the specimen at the tilt θ.
        Multiples of 90° are exact.

        Parameters
        ----------
        angle_deg : float
            θ in degrees.

        Examples
        --------
        >>> Atoms([[1, 0, 0]], [79]).rotated(90).positions
        array([[0., 1., 0.]])
        """
        (angle,) = check_angles(angle_deg, count=1)
        cosine, sine = _exact_cosine_and_sine(float(angle))
        z, x, y = self.positions.T
        turned = np.stack([z * cosine - x * sine, x * cosine + z * sine, y], axis=1)
        return Atoms(turned + 0.0, self.atomic_numbers)

    def moved(self, by: ArrayLike) -> Atoms:
        """Return the atoms displaced by (z, x, y) in Å: one vector for all, or one per atom.

        Examples
        --------
        >>> Atoms([[0, 0, 0]], [79]).moved([0, 0, 0.5]).positions
        array([[0. , 0. , 0.5]])
        """
        step = check_array(by, "by", ndim=(1, 2), dtype=np.float64)
        if step.shape not in ((3,), (len(self), 3)):
            raise DataError(
                f"by has shape {step.shape}; (3,) or ({len(self)}, 3), in the order z, x, y, is "
                f"needed."
            )
        return Atoms(self.positions + step, self.atomic_numbers)

    def indices_in(self, shape: Sequence[int], voxel_angstrom: float) -> np.ndarray:
        """Return the positions counted in voxels of a volume, shape (n, 3), as floats.

        Raises
        ------
        GeometryError
            When an atom lies outside the volume.

        Examples
        --------
        >>> Atoms([[0, 0.5, -0.5]], [79]).indices_in((9, 9, 9), 0.5)
        array([[4., 5., 3.]])
        """
        centre = (np.array(shape) - 1) / 2
        found = self.positions / voxel_angstrom + centre
        outside = ((found < -0.5) | (found > np.array(shape) - 0.5)).any(axis=1)
        if outside.any():
            first = int(np.argmax(outside))
            where = ", ".join(f"{value:.2f}" for value in self.positions[first])
            half = ", ".join(f"±{n * voxel_angstrom / 2:g}" for n in shape)
            raise GeometryError(
                f"{int(outside.sum())} of {len(self)} atoms lie outside the volume, the first at "
                f"({where}) Å; the volume of shape {tuple(shape)} holds ({half}) Å. Pass a larger "
                f"shape, or move the atoms."
            )
        return found

    def _indices(self, which: Any) -> np.ndarray:
        chosen = np.atleast_1d(np.asarray(which))
        if chosen.size == 0:
            return np.empty(0, int)
        if chosen.dtype != bool and chosen.dtype.kind not in "iu":
            raise ParameterError(
                f"which is {which!r}; a list of indices, or one True or False per atom, is needed."
            )
        try:
            return np.arange(len(self))[chosen]
        except IndexError:
            raise ParameterError(
                f"which does not fit the {len(self)} atoms; indices from 0 to {len(self) - 1}, or "
                f"{len(self)} times True or False, are needed."
            ) from None


def _exact_cosine_and_sine(angle_deg: float) -> tuple[float, float]:
    quarter = round(angle_deg / 90)
    rest = np.deg2rad(angle_deg - 90 * quarter)
    c, s = float(np.cos(rest)), float(np.sin(rest))
    return ((c, s), (-s, c), (-c, -s), (s, -c))[quarter % 4]
