"""The two things that travel through the house: a tilt series, and what was made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    check_choice,
    check_integer,
    check_number,
)

__all__ = ["Reconstruction", "TiltSeries", "check_series"]

# Metadata that follow the projections: one entry per tilt, and lengths in pixels.
_PER_TILT = (
    *("background", "center_shift_px", "shifts_px", "shifts_to_apply_px", "tilt_scale"),
    *("generated", "drift_px"),
)
_IN_PIXELS = ("shifts_px", "shifts_to_apply_px")
# Earlier states are kept for `undo` until their projections fill this much memory, in bytes.
_UNDO_MEMORY = 2**30


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

    Notes
    -----
    A series is never changed: every step returns a new one, with one more sentence in its history,
    that remembers the states before it. :meth:`undo` goes back to them, :meth:`forget` frees their
    memory, and beyond 1 GiB the oldest are let go. They are not pickled.

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
        self._earlier: tuple[TiltSeries, ...] = ()

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

    @property
    def center_shift_px(self) -> Any:
        """Where the tilt axis falls on the detector, in pixels from its middle.

        0.0 unless a step moved it: a crop that is not centred does, alignment brings it back.
        """
        return self.metadata.get("center_shift_px", 0.0)

    @property
    def generated(self) -> np.ndarray:
        """True for every projection that was made from others instead of recorded.

        A copy; :func:`em_inverse.interpolation.fill` sets ``metadata["generated"]``.
        """
        marks = self.metadata.get("generated")
        if marks is None:
            return np.zeros(self.n_tilts, bool)
        return np.broadcast_to(np.asarray(marks, dtype=bool), (self.n_tilts,)).copy()

    @property
    def previous(self) -> TiltSeries | None:
        """The series before the last step, if it is still remembered."""
        return self.undo() if self._earlier else None

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
        result = TiltSeries(
            **fields,
            metadata={**self.metadata, **(metadata or {})},
            history=self.history + ((step,) if step else ()),
        )
        result._earlier = _affordable((*self._earlier, self.forget())) if step else self._earlier
        return result

    def undo(self, n: int = 1) -> TiltSeries:
        """Return the series as it was before its last `n` steps.

        Parameters
        ----------
        n : int
            How many steps to go back, ≥ 1.

        Raises
        ------
        ParameterError
            When fewer steps are remembered.

        Examples
        --------
        >>> raw = TiltSeries(np.ones((3, 8)), [-60, 0, 60])
        >>> small = raw.bin(2).crop(x=2)
        >>> small.undo().projections.shape, small.undo(2).projections.shape
        ((3, 4), (3, 8))
        """
        n = check_integer(n, "n", minimum=1)
        if n > len(self._earlier):
            raise ParameterError(
                f"n is {n}, but this series remembers {len(self._earlier)} step(s). Steps are "
                f"forgotten by forget(), by pickling, and when they fill more than "
                f"{_UNDO_MEMORY // 2**20} MiB; read the file again to start over."
            )
        result = self._earlier[-n].forget()
        result._earlier = self._earlier[:-n]
        return result

    def forget(self) -> TiltSeries:
        """Return the same series without the memory of earlier states; its history stays."""
        result = TiltSeries.__new__(TiltSeries)
        result.__dict__.update(self.__dict__)
        result._earlier = ()
        return result

    def bin(self, factor: int | tuple[int, int]) -> TiltSeries:
        """Average blocks of pixels: fewer, larger, less noisy ones.

        The mean is taken, not the sum, so grey values stay what they were. In the units of a
        reconstruction, where a length is counted in voxels, densities grow by the factor.

        Parameters
        ----------
        factor : int or (int, int)
            Pixels per block across (x) and along (y) the tilt axis. A sinogram takes one number.

        Returns
        -------
        TiltSeries
            With the pixel size, and everything in the metadata that counts pixels, brought up to
            date. Rows and columns that do not fill a block are cut off evenly from both sides
            first. If the factors differ, ``pixel_size_nm`` is that across the axis, and
            ``metadata["pixel_size_y_nm"]`` the other.

        Raises
        ------
        ParameterError
            When a factor is no positive whole number, or larger than the detector.
        GeometryError
            When a sinogram is given two factors.

        Examples
        --------
        >>> series = TiltSeries(np.arange(10.0).reshape(1, 10), [0], pixel_size_nm=0.5).bin(3)
        >>> series.projections, series.pixel_size_nm, series.center_shift_px
        (array([[1., 4., 7.]]), 1.5, 0.16666666666666666)
        """
        factors = self._per_axis(factor, "factor")
        shape = self.projections.shape[1:]
        for f, n in zip(factors, shape, strict=True):
            check_integer(f, "factor", minimum=1, maximum=n)
        trimmed = self._windowed(
            tuple(
                ((n % f) // 2, (n % f) // 2 + n - n % f)
                for f, n in zip(factors, shape, strict=True)
            )
        )
        array = trimmed.projections
        for axis, f in reversed(list(enumerate(factors, 1))):
            blocks = (*array.shape[:axis], array.shape[axis] // f, f, *array.shape[axis + 1 :])
            array = array.reshape(blocks).mean(axis=axis + 1)
        fx, fy = factors[0], factors[-1]
        metadata: dict[str, Any] = {
            key: np.asarray(self.metadata[key]) / (fx, fy)
            for key in _IN_PIXELS
            if key in self.metadata
        }
        if "center_shift_px" in trimmed.metadata:
            metadata["center_shift_px"] = trimmed.center_shift_px / fx
        if "slices_in_view" in trimmed.metadata:
            first, last = trimmed.metadata["slices_in_view"]
            metadata["slices_in_view"] = (-(-first // fy), max(-(-first // fy) + 1, last // fy))
        size_y = self.metadata.get("pixel_size_y_nm", self.pixel_size_nm)
        if size_y is not None and (fx != fy or "pixel_size_y_nm" in self.metadata):
            metadata["pixel_size_y_nm"] = size_y * fy
        cut = [n - m for n, m in zip(shape, trimmed.projections.shape[1:], strict=True)]
        return self.replace(
            projections=array,
            pixel_size_nm=None if self.pixel_size_nm is None else self.pixel_size_nm * fx,
            metadata=metadata,
            step=(
                f"binned by {_times(factors)} (mean)"
                + (f" after cutting off {_times(cut)} px that filled no block" * any(cut))
            ),
        )

    def crop(
        self, x: int | tuple[int, int] | None = None, y: int | tuple[int, int] | None = None
    ) -> TiltSeries:
        """Cut out a part of every projection.

        Parameters
        ----------
        x, y : int or (int, int), optional
            Across and along the tilt axis: how many pixels to keep around the middle, or the range
            [start, stop) to keep. Everything unless given.

        Returns
        -------
        TiltSeries
            If the middle of the detector is another now, ``metadata["center_shift_px"]`` says
            where the tilt axis falls: the `center_shift` of the reconstruction.

        Raises
        ------
        ParameterError
            When a range is empty or reaches beyond the projections.
        GeometryError
            When a sinogram, which has no y, is cropped along it.

        Examples
        --------
        >>> series = TiltSeries(np.ones((3, 16, 8)), [-60, 0, 60])
        >>> series.crop(x=8, y=4).projections.shape
        (3, 8, 4)
        >>> series.crop(x=(0, 12)).center_shift_px
        2.0
        """
        wanted = [x, y]
        if self.projections.ndim == 2:
            if y is not None:
                raise GeometryError(
                    f"y is {y!r}, but projections of shape {self.projections.shape} are a "
                    f"sinogram, which has no axis y. Pass x only."
                )
            wanted = [x]
        limits = tuple(
            _range(part, name, n)
            for part, name, n in zip(wanted, "xy", self.projections.shape[1:], strict=False)
        )
        kept = " and ".join(
            f"{name} {a} to {b}" for name, (a, b) in zip("xy", limits, strict=False)
        )
        cropped = self._windowed(limits)
        return self.replace(
            projections=cropped.projections,
            metadata=cropped.metadata,
            step=f"cropped to {kept} (px, end not included){_axis_text(cropped)}",
        )

    def pad(self, width: int | tuple[int, int], mode: str = "edge") -> TiltSeries:
        """Add a border of the same width on both sides; the tilt axis stays in its place.

        Parameters
        ----------
        width : int or (int, int)
            Pixels to add at each end across (x) and along (y) the tilt axis. One number for a
            volume's projections widens both.
        mode : {'edge', 'zero'}
            Repeat the border, or fill with vacuum.

        Returns
        -------
        TiltSeries

        Raises
        ------
        ParameterError
            When the width is negative or no whole number, or the mode is unknown.
        GeometryError
            When a sinogram is given two widths.

        Examples
        --------
        >>> TiltSeries([[1.0, 2.0]], [0]).pad(2, "zero").projections
        array([[0., 0., 1., 2., 0., 0.]])
        """
        check_choice(mode, "mode", ("edge", "zero"))
        widths = [check_integer(w, "width", minimum=0) for w in self._per_axis(width, "width")]
        pairs = [(0, 0), *((w, w) for w in widths)]
        padded = (
            np.pad(self.projections, pairs, mode="edge")
            if mode == "edge"
            else np.pad(self.projections, pairs)
        )
        metadata = {}
        if "slices_in_view" in self.metadata:
            metadata["slices_in_view"] = tuple(
                k + widths[-1] for k in self.metadata["slices_in_view"]
            )
        filling = "repeating the border" if mode == "edge" else "with zeros"
        return self.replace(
            projections=padded,
            metadata=metadata,
            step=f"padded by {_times(widths)} px at each end, {filling}",
        )

    def select(self, tilts: ArrayLike | Callable[[float], bool]) -> TiltSeries:
        """Keep some of the projections, with their share of the dose.

        Parameters
        ----------
        tilts : array_like of int, or of bool, or callable
            Indices of the projections in the order wanted, one True or False per projection, or a
            function that is given the tilt angle in degrees.

        Returns
        -------
        TiltSeries

        Raises
        ------
        ParameterError
            When nothing is chosen, an index does not exist, or one is chosen twice.

        Examples
        --------
        >>> series = TiltSeries(np.ones((4, 8)), [-60, -20, 20, 60], dose=100)
        >>> part = series.select(lambda angle: abs(angle) < 50)
        >>> part.angles_deg, part.dose
        (array([-20.,  20.]), 50.0)
        """
        how = "by angle" if callable(tilts) else "by index"
        chosen = _chosen(tilts, self.angles_deg)
        return self._picked(chosen, f"{chosen.size} of {self.n_tilts} projections selected {how}")

    def sort(self) -> TiltSeries:
        """Put the projections in the order of their tilt angles.

        Examples
        --------
        >>> TiltSeries(np.ones((3, 8)), [0, 30, -30]).sort().angles_deg
        array([-30.,   0.,  30.])
        """
        return self._picked(
            np.argsort(self.angles_deg, kind="stable"), "projections sorted by tilt angle"
        )

    def _picked(self, chosen: np.ndarray, step: str) -> TiltSeries:
        """Some of the projections, and the entries of the metadata that belong to them."""
        metadata = {
            key: np.asarray(self.metadata[key])[chosen]
            for key in _PER_TILT
            if np.shape(self.metadata.get(key, ()))[:1] == (self.n_tilts,)
        }
        # Generated projections took no dose.
        recorded = ~self.generated
        share = float(recorded[chosen].sum() / max(recorded.sum(), 1))
        return self.replace(
            projections=self.projections[chosen],
            angles_deg=self.angles_deg[chosen],
            dose=None if self.dose is None or share == 0 else self.dose * share,
            metadata=metadata,
            step=step,
        )

    def _windowed(self, limits: tuple[tuple[int, int], ...]) -> TiltSeries:
        """The part of the detector within [first, last) of each axis; the axis is followed."""
        nx = self.projections.shape[1]
        metadata: dict[str, Any] = {}
        moved = (nx - limits[0][0] - limits[0][1]) / 2
        if moved:
            metadata["center_shift_px"] = self.center_shift_px + moved
        if "slices_in_view" in self.metadata and len(limits) > 1:
            first, last = limits[1]
            low, high = (min(max(k, first), last) - first for k in self.metadata["slices_in_view"])
            metadata["slices_in_view"] = (low, high) if low < high else (0, last - first)
        part = self.projections[(slice(None), *(slice(*limit) for limit in limits))]
        return self.replace(projections=part, metadata=metadata)

    def _per_axis(self, value: Any, name: str) -> tuple[int, ...]:
        """One number for each axis of the detector."""
        axes = self.projections.ndim - 1
        items = tuple(np.atleast_1d(np.asarray(value, dtype=object)))
        if len(items) == 1:
            return items * axes
        if len(items) != axes:
            raise GeometryError(
                f"{name} is {value!r}, but projections of shape {self.projections.shape} have "
                f"{axes} detector {'axis' if axes == 1 else 'axes'}. Pass one number, or one for "
                f"each."
            )
        return items

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
        steps = "1 step" if len(self.history) == 1 else f"{len(self.history)} steps"
        return (
            f"TiltSeries({self.n_tilts} projections of {self.projections.shape[1:]}, "
            f"{low:g}° to {high:g}°{scale}, {steps} of history)"
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


def _range(part: Any, name: str, count: int) -> tuple[int, int]:
    """[first, last) within `count` pixels, from nothing, a length, or a pair."""
    if part is None:
        return 0, count
    if np.ndim(part) == 0:
        length = check_integer(part, name, minimum=1, maximum=count)
        first = (count - length) // 2
        return first, first + length
    try:
        first, last = (check_integer(end, name) for end in part)
    except ValueError:
        first = last = -1
    if not 0 <= first < last <= count:
        raise ParameterError(
            f"{name} is {part!r}; a number of pixels, or a range (start, stop) with 0 ≤ start < "
            f"stop ≤ {count}, is needed."
        )
    return first, last


def _chosen(tilts: Any, angles_deg: np.ndarray) -> np.ndarray:
    """Indices of the tilts that a list, a mask or a function of the angle picks."""
    if callable(tilts):
        tilts = np.array([bool(tilts(float(angle))) for angle in angles_deg])
    picks = np.atleast_1d(np.asarray(tilts))
    try:
        indices = np.arange(angles_deg.size)[picks]
    except IndexError:
        indices = np.empty(0, int)
    if indices.ndim != 1 or indices.size == 0 or np.unique(indices).size < indices.size:
        raise ParameterError(
            f"tilts is {tilts!r}; it must choose at least one of the {angles_deg.size} tilts, each "
            f"once: by index, by one True or False per tilt, or by a function of the angle."
        )
    return indices


def _times(numbers: Any) -> str:
    return " × ".join(str(int(number)) for number in numbers)


def _axis_text(series: TiltSeries) -> str:
    shift = np.mean(series.center_shift_px)
    return f"; the tilt axis now falls {shift:+g} px from the middle" if shift else ""


def _affordable(states: tuple[TiltSeries, ...]) -> tuple[TiltSeries, ...]:
    """The latest states whose projections fit into the memory set aside for `undo`."""
    sizes = np.cumsum([state.projections.nbytes for state in reversed(states)])
    return states[len(states) - int((sizes <= _UNDO_MEMORY).sum()) :]


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
