"""Preparing projections one by one as they arrive, so that their alignment can still improve."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.dynamic.cleaning import check_background, clean, vacuum_level
from em_inverse.dynamic.flags import Flag, LiveChecks, by_severity
from em_inverse.dynamic.matching import common_field, match
from em_inverse.dynamic.measures import Measures
from em_inverse.errors import (
    GeometryError,
    ParameterError,
    check_angles,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography.projection_matching import without_displacement
from em_inverse.tomography.registration import placed

__all__ = ["Preparation", "Prepared"]

_SETTINGS = ("background", "hot_pixels", "offset", "align", "max_shift", "order")
_SPOILS_THE_CENTRE = ("misaligned", "off_view", "intensity")
_ALIGNMENTS = ("center_of_mass", "reprojection")
# A projection this far from its re-projection, in pixels, is worth a word.
_FAR = 2.0
# A re-projection that leaves more than this share unexplained is no guide to a single projection.
_UNLIKE = 0.5


@dataclass(frozen=True)
class Prepared:
    """A projection that is fit to be reconstructed from.

    Attributes
    ----------
    angle_deg : float
    image : ndarray of float32, shape (nx, ny) or (nx,)
        Hot pixels and background removed, moved by `shift_px` in one interpolation.
    shift_px : (float, float)
        By how much it was moved across (x) and along (y) the tilt axis; 0 along it for a row of a
        sinogram.
    flags : tuple of Flag
        What was seen, the gravest first.
    notes : tuple of str
        What was done, one sentence each.
    """

    angle_deg: float
    image: np.ndarray
    shift_px: tuple[float, float]
    flags: tuple[Flag, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Kept:
    """What is remembered of a projection: as measured, cleaned, and where it was put."""

    raw: np.ndarray
    cleaned: np.ndarray
    seen: Measures
    by_mass: np.ndarray | None
    shift: np.ndarray
    trusted: bool
    flags: tuple[Flag, ...]
    notes: tuple[str, ...]


class Preparation:
    """Background, hot pixels and alignment for projections that arrive one at a time.

    Parameters
    ----------
    background : {'auto', 'histogram', 'corner', 'percentile'}, number or None
        How the vacuum level of each projection is found: see
        :func:`~em_inverse.dynamic.cleaning.clean`.
    hot_pixels : bool
        Replace hot and dead pixels, rows and columns (:func:`~em_inverse.tomography.repair`).
    offset : bool or number
        The level that the detector adds to all projections, from a dark image; True takes the
        vacuum level of the first one. It matters only where `background` is None: a level found in
        each projection holds the offset already.
    align : {'center_of_mass', 'reprojection'} or None
        'center_of_mass'
            The centre of mass goes to the middle of the detector across the tilt axis, and to
            where the first projection has it along the axis. If the object leaves the frame along
            the axis, as a needle does, the mass in each slice is matched with that of the first
            projection instead, and re-projections correct the shift across the axis only.
        'reprojection'
            The same, and then, for a projection that is given together with its re-projection, the
            shift at which the two agree best.
        None
            Nothing is moved, neither now nor by :meth:`improve`.
    max_shift : float, optional
        No projection is moved further than this along either axis, in pixels; a quarter of the
        shorter side unless given.
    order : int
        Order of the splines that move the projections, 1 to 5.
    threshold : float
        Of the alarms, in robust standard deviations: see :class:`~em_inverse.dynamic.LiveChecks`.
    ceiling : float, optional
        Value at which the detector saturates. Found in each projection unless given.

    Attributes
    ----------
    checks : LiveChecks
        The alarms, which know all projections so far.

    Notes
    -----
    **One interpolation.** The projection as it came, and as it is after cleaning, is kept. Whenever
    a shift improves, the cleaned projection is moved anew by the whole shift
    (:func:`~em_inverse.tomography.registration.placed`, cubic splines, the border repeated), never
    one that was moved before.

    **What holds the object in place.** A point (x, z, y) of the object falls at s = x cos θ +
    z sin θ on the detector. A common drift of the form a cos θ + b sin θ across the axis, or any
    common shift along it, displaces the object, and the re-projections follow: no comparison with
    them could ever notice. So shifts by re-projection are free to differ from those by the centre
    of mass, except in these three: over all trusted projections, the difference has no part a cos θ
    + b sin θ, and no mean along the axis. The object's centre of mass thus stays on the tilt axis,
    the place of the tilt axis on the detector is told by the re-projections, and however often
    :meth:`improve` is called nothing can wander.

    It may be used from several threads.

    Examples
    --------
    >>> image = np.zeros((32, 24)); image[10:18, 8:16] = 1
    >>> prep = Preparation()
    >>> one = prep.prepare(-60, 500 + image)
    >>> one.shift_px, float(one.image.max().round(1)), one.image.shape
    ((2.0, 0.0), 1.0, (32, 24))
    >>> np.round(prep.prepare(-58, 480 + np.roll(image, (-1, 2), (0, 1))).shift_px, 2)
    array([ 3., -2.])
    """

    def __init__(
        self,
        *,
        background: str | float | None = "auto",
        hot_pixels: bool = True,
        offset: bool | float = True,
        align: str | None = "reprojection",
        max_shift: float | None = None,
        order: int = 3,
        threshold: float = 5.0,
        ceiling: float | None = None,
    ) -> None:
        self.background = check_background(background)
        self.hot_pixels = bool(hot_pixels)
        self.offset = offset if isinstance(offset, bool) else check_number(offset, "offset")
        self.align = None if align is None else check_choice(align, "align", _ALIGNMENTS)
        self.max_shift = (
            None
            if max_shift is None
            else check_number(max_shift, "max_shift", minimum=0, exclusive=True)
        )
        self.order = check_integer(order, "order", minimum=1, maximum=5)
        self.checks = LiveChecks(threshold=threshold, max_shift=max_shift, ceiling=ceiling)
        self._kept: dict[float, _Kept] = {}
        self._level: float | None = None
        self._shape: tuple[int, ...] | None = None
        self._lock = threading.RLock()

    @property
    def raw(self) -> Mapping[float, np.ndarray]:
        """The projections as they came, by tilt angle in degrees, in the order of arrival."""
        with self._lock:
            return MappingProxyType({angle: kept.raw for angle, kept in self._kept.items()})

    @property
    def cleaned(self) -> Mapping[float, np.ndarray]:
        """The same without hot pixels and background, where they came: before any alignment."""
        with self._lock:
            return MappingProxyType({angle: kept.cleaned for angle, kept in self._kept.items()})

    @property
    def shifts_px(self) -> Mapping[float, tuple[float, float]]:
        """By how much each projection was moved across and along the axis, by tilt angle."""
        with self._lock:
            return MappingProxyType({a: _pair(kept.shift) for a, kept in self._kept.items()})

    def prepare(
        self, angle_deg: float, image: ArrayLike, reprojection: ArrayLike | None = None
    ) -> Prepared:
        """Clean and align a projection, and judge it by those before.

        Parameters
        ----------
        angle_deg : float
            A projection at an angle that was there before replaces the earlier one.
        image : array_like, shape (nx, ny) or (nx,)
            As the detector delivered it. It is copied.
        reprojection : array_like of the same shape, optional
            What the reconstruction of the moment predicts at this angle.

        Returns
        -------
        Prepared

        Raises
        ------
        DataError
            When the image is not one of real, finite numbers.
        GeometryError
            When the angle is none, or a shape differs from that of the projections before.
        """
        angle = float(check_angles(angle_deg, count=1)[0])
        check_array(image, "image", ndim=(1, 2))
        raw = np.array(image)
        raw.flags.writeable = False
        with self._lock:
            self._check_shape(raw.shape, "image")
            series = self._cleaned(angle, raw)
            data = series.projections[0]
            seen = self.checks.measure(series)
            flags = self.checks.judge(seen, size=data.shape, aligned=self.align is not None)
            notes = _cleaning_notes(series)
            blank = any(flag.kind == "blank" for flag in flags)
            shift, by_mass = np.zeros(2), None
            if self.align and not blank:
                by_mass, more, note = self._by_mass(seen, data.shape)
                shift = shift if by_mass is None else by_mass
                flags = by_severity((*flags, *more))
                notes.append(note)
            if reprojection is not None and not blank:
                shift, more, note = self._compared(seen, data, reprojection, shift)
                flags = by_severity((*flags, *more))
                notes.append(note)
            self._shape = raw.shape
            kept = _Kept(raw, data, seen, by_mass, shift, _trusted(flags), flags, tuple(notes))
            self._kept.pop(angle, None)
            self._kept[angle] = kept
        return self._prepared(angle, kept)

    def improve(
        self,
        reprojection: ArrayLike | Callable[[float], ArrayLike],
        *,
        tolerance_px: float = 0.05,
        rounds: int = 3,
    ) -> list[Prepared]:
        """Align all projections so far with what a reconstruction predicts of them.

        Call it now and then while a reconstruction runs, and add what comes back to the run: each
        replaces the earlier one at its angle. A reconstruction from badly aligned projections
        agrees with them better than it should, so the shifts get better from call to call.

        Parameters
        ----------
        reprojection : array_like of shape (nz, nx, ny) or (nz, nx), or callable
            The volume or slice of the moment, or a function that returns the re-projection at an
            angle in degrees, of the shape of the projections.
        tolerance_px : float
            Projections whose shift changes by no more than this are left where they are.
        rounds : int
            Least-squares fits per projection and call.

        Returns
        -------
        list of Prepared
            The projections that have moved, in the order of their arrival.

        Raises
        ------
        DataError, GeometryError
            When the volume, or a re-projection, does not belong to the projections.
        """
        tolerance_px = check_number(tolerance_px, "tolerance_px", minimum=0)
        rounds = check_integer(rounds, "rounds", minimum=1)
        with self._lock:
            some = {a: k for a, k in self._kept.items() if k.by_mass is not None}
        if self.align is None or not some:
            return []
        moved = self._improved(some, self._reprojections(reprojection, list(some)), rounds)
        changed = []
        for (angle, kept), shift in zip(some.items(), moved, strict=True):
            step = shift - kept.shift
            if np.abs(step).max() <= tolerance_px:
                continue
            note = f"moved {_by(step)}, to agree with its re-projection"
            flags = kept.flags
            if np.abs(step).max() > _FAR:
                flags = by_severity((*flags, _moved_flag(angle, step, "note")))
            better = replace(kept, shift=shift, flags=flags, notes=(*kept.notes, note))
            with self._lock:
                # Whoever replaced this projection in the meantime knows better.
                if self._kept.get(angle) is not kept:
                    continue
                self._kept[angle] = better
            changed.append(self._prepared(angle, better))
        return changed

    def state(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold; the projections are not in it."""
        return {name: getattr(self, name) for name in _SETTINGS} | {
            "threshold": self.checks.threshold,
            "ceiling": self.checks.ceiling,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Preparation:
        """Return a new preparation with the settings that :meth:`state` returned.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ParameterError
            When it holds a setting that does not exist, or one outside its range.

        Examples
        --------
        >>> import json
        >>> text = json.dumps(Preparation(align=None, max_shift=12).state())
        >>> again = Preparation.from_state(json.loads(text))
        >>> again.align, again.max_shift
        (None, 12.0)
        """
        allowed = (*_SETTINGS, "threshold", "ceiling")
        unknown = sorted(set(state) - set(allowed))
        if unknown:
            raise ParameterError(
                f"state holds {', '.join(map(repr, unknown))}; a preparation has the settings "
                f"{', '.join(allowed)}."
            )
        return cls(**state)

    def _check_shape(self, shape: tuple[int, ...], name: str) -> None:
        if self._shape not in (None, shape):
            raise GeometryError(
                f"{name} has shape {shape}, but the projections so far have shape {self._shape}. "
                f"Bin or crop it first, or begin a new preparation."
            )

    def _cleaned(self, angle: float, raw: np.ndarray) -> TiltSeries:
        background = self.background
        if background is None and self.offset is not False:
            if self._level is None:
                self._level = vacuum_level(raw) if self.offset is True else float(self.offset)
            background = self._level
        return clean(angle, raw, background=background, hot_pixels=self.hot_pixels)

    def _reach(self, shape: tuple[int, ...]) -> float:
        return min(shape) / 4 if self.max_shift is None else self.max_shift

    def _by_mass(
        self, seen: Measures, shape: tuple[int, ...]
    ) -> tuple[np.ndarray | None, tuple[Flag, ...], str]:
        """The shift by the centre of mass, if there is one that can be trusted."""
        # Added to zero, so that nothing is moved by minus nothing.
        shift = 0.0 - np.array([seen.across, seen.along])
        reach = self._reach(shape)
        if np.isfinite(shift).all() and np.abs(shift).max() <= reach:
            note = f"moved by {shift[0]:+.2f} px across the tilt axis by the centre of mass"
            if len(shape) > 1:
                how = "mass in each slice" if seen.touches[1] else "centre of mass"
                note += f" and by {shift[1]:+.2f} px along it by the {how}"
            return shift, (), note
        what, far = "has no centre of mass", reach
        if np.isfinite(shift).all():
            what, far = f"would have to be moved {_by(shift)}", float(np.abs(shift).max())
        message = (
            f"At {seen.angle_deg:.4g}° the projection {what}, and was left where it is "
            f"(max_shift is {reach:.3g} px). Centre the object and retake it, or raise max_shift."
        )
        return None, (Flag("misaligned", "alarm", far, reach, message),), "not moved"

    def _compared(
        self, seen: Measures, data: np.ndarray, reprojection: ArrayLike, shift: np.ndarray
    ) -> tuple[np.ndarray, tuple[Flag, ...], str]:
        """The shift once the re-projection has been looked at, and what that tells."""
        predicted = check_array(reprojection, "reprojection", ndim=(1, 2))
        self._check_shape(predicted.shape, "reprojection")
        reach = self._reach(data.shape)
        shifts = [shift, *(kept.shift for kept in self._kept.values())]
        found = match(
            *(_image(data), _image(predicted), shift),
            reach=reach,
            rounds=1,
            field=common_field(np.array(shifts), _image(data).shape),
            along=not seen.touches[1],
        )
        found = found._replace(shift=np.clip(found.shift, -reach, reach))
        if found.after > _UNLIKE:
            return shift, (), "its re-projection is too unlike it to be of use"
        angle, step = seen.angle_deg, found.shift - shift
        far = float(np.abs(step).max()) > _FAR
        if self.align == "reprojection":
            flags = self.checks.check_residual(angle, found.after)
            flags += (_moved_flag(angle, step, "note"),) if far else ()
            return found.shift, flags, f"moved {_by(step)}, to agree with its re-projection"
        flags = self.checks.check_residual(angle, found.before)
        flags += (_moved_flag(angle, step, "warning"),) if far else ()
        return (
            shift,
            flags,
            f"its re-projection leaves {100 * found.before:.3g} % of it unexplained",
        )

    def _reprojections(
        self, given: ArrayLike | Callable[[float], ArrayLike], angles: list[float]
    ) -> list[np.ndarray]:
        shape = self._kept[angles[0]].raw.shape
        if callable(given):
            images = [check_array(given(a), "reprojection", ndim=(1, 2)) for a in angles]
            for image in images:
                self._check_shape(image.shape, "reprojection")
            return images
        volume = check_array(given, "reprojection", ndim=len(shape) + 1, dtype=np.float32)
        if volume.shape[1:] != shape:
            raise GeometryError(
                f"reprojection has shape {volume.shape}, but projections of shape {shape} belong "
                f"to a volume of shape (nz, {', '.join(map(str, shape))})."
            )
        return list(ParallelBeam(volume.shape, angles).forward(volume))

    def _improved(
        self, some: dict[float, _Kept], predicted: list[np.ndarray], rounds: int
    ) -> np.ndarray:
        """Shifts that agree with the re-projections, without what only displaces the object."""
        all_kept = list(some.values())
        found = np.array([kept.shift for kept in all_kept])
        leaves = np.mean([kept.seen.touches[1] for kept in all_kept]) > 0.5
        trusted = np.zeros(len(all_kept), bool)
        field = common_field(found, _image(predicted[0]).shape)
        reach = self._reach(all_kept[0].raw.shape)
        for k, (kept, image) in enumerate(zip(all_kept, predicted, strict=True)):
            got = match(
                *(_image(kept.cleaned), _image(image), found[k]),
                reach=reach,
                rounds=rounds,
                field=field,
                along=not leaves,
            )
            if got.after <= _UNLIKE:
                found[k] = np.clip(got.shift, -reach, reach)
                trusted[k] = kept.trusted
        if not trusted.any():
            return np.array([kept.shift for kept in all_kept])
        by_mass = np.array([kept.by_mass for kept in all_kept])
        away = found - by_mass
        return by_mass + without_displacement(away, np.array(list(some)), _usual(away, trusted))

    def _prepared(self, angle: float, kept: _Kept) -> Prepared:
        image = kept.cleaned
        if kept.shift.any():
            image = placed(_image(image)[None], kept.shift[None], 0.0, order=self.order)[0]
        image = image.reshape(kept.cleaned.shape).astype(np.float32, copy=False)
        return Prepared(angle, image, _pair(kept.shift), kept.flags, kept.notes)


def _usual(away: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """The trusted ones without those whose centre of mass lies far from the rest."""
    off = np.abs(away - np.median(away[trusted], axis=0)).max(axis=1)
    return np.asarray(trusted & (off <= max(1.0, 4 * float(np.median(off[trusted])))))


def _cleaning_notes(series: TiltSeries) -> list[str]:
    notes = []
    if "n_repaired" in series.metadata:
        count = series.metadata["n_repaired"]
        notes.append(f"{count} hot or dead pixels replaced by their neighbours")
    if "background" in series.metadata:
        notes.append(f"background of {series.metadata['background'][0]:.6g} subtracted")
    return notes


def _trusted(flags: tuple[Flag, ...]) -> bool:
    return not any(flag.grave and flag.kind in _SPOILS_THE_CENTRE for flag in flags)


def _moved_flag(angle: float, step: np.ndarray, severity: str) -> Flag:
    what = (
        f"agrees with its re-projection once it is moved {_by(step)}. Align it"
        if severity == "warning"
        else f"was moved {_by(step)} to agree with its re-projection. Carry on"
    )
    message = f"At {angle:.4g}° the projection {what}."
    return Flag("misaligned", severity, float(np.abs(step).max()), _FAR, message)


def _by(step: np.ndarray) -> str:
    return f"by {step[0]:+.2f} px across and {step[1]:+.2f} px along the tilt axis"


def _image(data: np.ndarray) -> np.ndarray:
    """A row of a sinogram is an image of one slice."""
    return data.reshape(data.shape[0], -1)


def _pair(shift: np.ndarray) -> tuple[float, float]:
    return float(shift[0]), float(shift[1])
