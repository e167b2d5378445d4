"""The two things that travel through the house: a tilt series, and what was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    GeometryError,
    ParameterError,
    check_angles,
    check_array,
    check_number,
)

__all__ = ["Reconstruction", "TiltSeries", "check_series"]


class TiltSeries:
    """Projections of one specimen at known tilt angles.

    Parameters
    ----------
    projections : array_like, shape (n_tilts, nx) or (n_tilts, nx, ny)
        Detector images. Axis 1 (x) runs across the tilt axis, axis 2 (y) along it. A sinogram
        (one slice) has no y axis. Integers become float32; the array given is never modified.
    angles_deg : array_like, shape (n_tilts,)
        Tilt angles in degrees, in the order of the projections.
    pixel_size_nm : float, optional
        Edge of a detector pixel in nm.
    dose : float, optional
        Total electron dose of the series in electrons per nm².
    metadata : mapping, optional
        Anything worth keeping: where the angles come from, the instrument, the file.
    history : sequence of str, optional
        What was done to the projections so far, one sentence a step.

    Raises
    ------
    DataError
        When the projections are empty, complex, or hold NaN or infinity.
    GeometryError
        When the number of angles differs from the number of projections.

    Examples
    --------
    >>> import numpy as np
    >>> series = TiltSeries(np.ones((3, 8)), [-60, 0, 60], pixel_size_nm=0.5)
    >>> series.n_tilts, series.tilt_range_deg
    (3, (-60.0, 60.0))
    """

    def __init__(
        self,
        projections: ArrayLike,
        angles_deg: ArrayLike,
        pixel_size_nm: float | None = None,
        dose: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        history: tuple[str, ...] | list[str] = (),
    ) -> None:
        array = check_array(projections, "projections", ndim=(2, 3))
        source = np.asarray(projections)
        if source.dtype.kind in "biu":
            array = array.astype(np.float32)
        if isinstance(projections, np.ndarray) and np.shares_memory(array, projections):
            array = array.view()
        array.flags.writeable = False
        angles = check_angles(angles_deg)
        if angles.size != array.shape[0]:
            raise GeometryError(
                f"angles_deg has {angles.size} entries but projections has {array.shape[0]} tilts "
                f"(shape {array.shape}). Pass one angle per projection, in degrees, in file order."
            )
        angles = angles.copy()
        angles.flags.writeable = False
        self.projections = array
        self.angles_deg = angles
        self.pixel_size_nm = (
            None
            if pixel_size_nm is None
            else check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
        )
        self.dose = None if dose is None else check_number(dose, "dose", minimum=0, exclusive=True)
        self.metadata: Mapping[str, Any] = MappingProxyType(dict(metadata or {}))
        self.history: tuple[str, ...] = tuple(history)

    @property
    def n_tilts(self) -> int:
        """Number of projections."""
        return int(self.projections.shape[0])

    @property
    def tilt_range_deg(self) -> tuple[float, float]:
        """Smallest and largest tilt angle in degrees."""
        return float(self.angles_deg.min()), float(self.angles_deg.max())

    @property
    def tilt_step_deg(self) -> float | None:
        """Median step between neighbouring angles in degrees; None for a single projection."""
        if self.n_tilts < 2:
            return None
        return float(np.median(np.diff(np.sort(self.angles_deg))))

    @property
    def volume_shape(self) -> tuple[int, ...]:
        """Shape (nz, nx) or (nz, nx, ny) of the usual volume, with nz = nx."""
        nx = self.projections.shape[1]
        return (nx, nx, *self.projections.shape[2:])

    def replace(
        self, *, step: str | None = None, metadata: Mapping[str, Any] | None = None, **changes: Any
    ) -> TiltSeries:
        """Return a copy with some fields changed and one sentence added to the history.

        Parameters
        ----------
        step : str, optional
            What was done, as a sentence fit for a methods section.
        metadata : mapping, optional
            Entries to add to the metadata.
        **changes
            Any of ``projections``, ``angles_deg``, ``pixel_size_nm``, ``dose``.
        """
        fields: dict[str, Any] = {
            "projections": self.projections,
            "angles_deg": self.angles_deg,
            "pixel_size_nm": self.pixel_size_nm,
            "dose": self.dose,
        }
        unknown = set(changes) - set(fields)
        if unknown:
            raise TypeError(f"TiltSeries has no field {sorted(unknown)}; it has {sorted(fields)}.")
        fields.update(changes)
        return TiltSeries(
            **fields,
            metadata={**self.metadata, **(metadata or {})},
            history=self.history + ((step,) if step else ()),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled, and a copied array would lose its write protection.
        return _rebuilt, (
            self.projections,
            self.angles_deg,
            self.pixel_size_nm,
            self.dose,
            dict(self.metadata),
            self.history,
        )

    def __len__(self) -> int:
        return self.n_tilts

    def __repr__(self) -> str:
        low, high = self.tilt_range_deg
        scale = "" if self.pixel_size_nm is None else f", {self.pixel_size_nm:g} nm/px"
        return (
            f"TiltSeries({self.n_tilts} projections of {self.projections.shape[1:]}, "
            f"{low:g}° to {high:g}°{scale}, {len(self.history)} steps of history)"
        )


def check_series(value: Any, name: str = "series") -> TiltSeries:
    """Return `value` if it is a TiltSeries.

    Raises
    ------
    ParameterError
        When it is something else, a bare array for instance.

    Examples
    --------
    >>> check_series(TiltSeries([[1.0, 2.0]], [0.0])).n_tilts
    1
    """
    if not isinstance(value, TiltSeries):
        raise ParameterError(
            f"{name} is a {type(value).__name__}; a TiltSeries is needed, as "
            f"TiltSeries(projections, angles_deg) or io.read_tilt_series(path) return it."
        )
    return value


def _rebuilt(*fields: Any) -> TiltSeries:
    return TiltSeries(*fields[:-1], history=fields[-1])


@dataclass
class Reconstruction:
    """What a finished run returns: the array and everything needed to report it.

    Attributes
    ----------
    x : ndarray
        The solution. For tomography its axes are ``[z, x, y]``; :attr:`volume` is the same array.
    algorithm : str
        Name as a methods section would write it.
    parameters : dict
        λ, ε, number of iterations and whatever else determines the result.
    history : dict of str to list of float
        One value per iteration: ``data_distance`` (‖Hx − y‖₂), ``prior`` (R(x)), ``step``
        (‖x_k − x_{k−1}‖₂), and what a solver adds.
    converged : bool
        Whether a stop rule, not the limit of iterations, ended the run.
    stop_reason : str
        Which rule ended the run, in words.
    n_iter : int
        Number of iterations done.
    pixel_size_nm : float or None
        Edge of a voxel in nm.
    geometry : dict
        Tilt range, step and number of projections, when there is a tilt series.
    provenance : tuple of str
        History of the data, one sentence a step.
    metadata : dict
        Anything worth keeping.
    """

    x: np.ndarray
    algorithm: str
    parameters: dict[str, Any] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    converged: bool = True
    stop_reason: str = "closed-form solution"
    n_iter: int = 0
    pixel_size_nm: float | None = None
    geometry: dict[str, Any] = field(default_factory=dict)
    provenance: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def volume(self) -> np.ndarray:
        """The solution as a volume ``[z, x, y]`` (the same array as :attr:`x`)."""
        return self.x

    @property
    def data_distance(self) -> float | None:
        """Last entry of the data distance ‖Hx − y‖₂, or None when the run kept none."""
        kept = self.history.get("data_distance")
        return float(kept[-1]) if kept else None

    def __repr__(self) -> str:
        return (
            f"Reconstruction({self.algorithm}, shape {self.x.shape}, {self.n_iter} iterations, "
            f"{'converged' if self.converged else 'not converged'}: {self.stop_reason})"
        )
