"""Live alarms: which projection to look at, and what to do about it, the moment it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.dynamic.cleaning import check_background, clean
from em_inverse.dynamic.measures import TOUCHES, Measures, measure
from em_inverse.dynamic.trend import Step, Trend
from em_inverse.errors import ParameterError, check_angles, check_integer, check_number
from em_inverse.tomography.residuals import outlying

__all__ = ["KINDS", "SEVERITIES", "Flag", "LiveChecks", "by_severity"]

KINDS = (
    *("learning", "blank", "blurred", "misaligned", "residual", "hot_pixels", "saturated"),
    *("intensity", "off_view"),
)
"""What a flag can be about."""

SEVERITIES = ("note", "warning", "alarm")
"""From what is good to know to what spoils the reconstruction."""

# Changes smaller than these are nobody's concern, however improbable: of the logarithm of the mass
# (10 %), of the sharpness (30 %), of that of the slices, which no tilt changes (12 %), and of a
# residual (40 %); of the position in pixels, and as a share of the detector.
_LEAST_MASS, _LEAST_RESIDUAL = -np.log(0.9), np.log(1.4)
_LEAST_SHARPNESS = {"sharpness": -np.log(0.7), "slice_sharpness": -np.log(0.88)}
_LEAST_PIXELS, _LEAST_SHARE = 2.0, 0.015
# A blank projection has less than this share of the contrast of the others.
_BLANK_SHARE = 0.2
# Fractions of the pixels that may be hot, or saturated, before it is worth a word.
_HOT, _HOT_RATIO, _SATURATED = 5e-3, 4.0, 1e-3
_FEWEST_RESIDUALS = 5


@dataclass(frozen=True)
class Flag:
    """Something that was seen in a projection.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`. ``"learning"`` says that nothing can be told yet.
    severity : {'note', 'warning', 'alarm'}
    value, limit : float
        What was measured, and what it was held against, in the unit that the message names.
    message : str
        What was seen, at which angle, and what to do.
    """

    kind: str
    severity: str
    value: float
    limit: float
    message: str

    @property
    def grave(self) -> bool:
        """Whether it is more than a note."""
        return self.severity != "note"

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


class LiveChecks:
    """Judges each projection by those that came before it.

    Nothing needs to be known of the specimen, the units or the order of the tilts. From the fifth
    projection on mass, sharpness and position are compared with the neighbours in angle and in
    time (:class:`~em_inverse.dynamic.trend.Trend`); before, a flag says that it is too early. What
    a projection shows by itself (hot pixels, saturation, an object that leaves the frame) is
    reported from the first on.

    Parameters
    ----------
    threshold : float
        From so many robust standard deviations on a change stands out. Lower finds more, and
        sooner or later harmless ones.
    needed : int
        Projections that must be there before the next one is judged.
    background : str, number or None
        How the vacuum level is found: see :func:`~em_inverse.dynamic.cleaning.clean`.
    hot_pixels : bool
        Repair the projection before it is measured, and count what was repaired.
    max_shift : float, optional
        Largest displacement along the tilt axis that is looked for, in pixels; a quarter of the
        side unless given.
    ceiling : float, optional
        Value at which the detector saturates. Found in the projection unless given.

    Attributes
    ----------
    reference : Measures or None
        The first projection that showed an object: positions along the axis are counted from it.

    Notes
    -----
    **Where a blur hides.** Sharpness changes with the tilt: a cube may have twice as much at one as
    at another. Where neighbours lie far apart, as in the first projections of a golden-ratio
    series, a blur can hide in that. So the mass in each slice across the tilt axis, which no tilt
    changes, is looked at as well. That tells little of an object without ends or steps along the
    axis, or of one that leaves the frame there (a needle), of a blur across the axis only, and of
    a noisy image: with 20 electrons per pixel instead of 200 the blur of a cube (by 2.6 px of 64)
    is missed in golden-ratio order. The residual is the second chance (:meth:`recheck`).

    **A thick film.** A supporting film counts as part of the object as soon as it is not flat: one
    of a fifth of the object's brightness, thicker by 40 % at one edge, raises false alarms
    (``"off_view"``, ``"intensity"``, ``"blurred"``) beyond some 65°.

    **What lasts.** A value that stands out stays among the values, so a lasting change (another
    beam current from here on) is reported about three times and then taken for the new rule. A
    projection at an angle that was there before replaces the earlier one.

    Examples
    --------
    >>> checks = LiveChecks()
    >>> rng = np.random.default_rng(0)
    >>> image = np.zeros((48, 48)); image[18:30, 16:30] = 1
    >>> for k in range(8):
    ...     flags = checks.check(-60 + 3 * k, image + rng.normal(0, 0.03, image.shape))
    >>> flags
    ()
    >>> for flag in checks.check(-36, 0.6 * image + rng.normal(0, 0.03, image.shape)):
    ...     print(flag.kind, flag.severity, round(flag.value, 2))
    intensity alarm -0.39
    """

    def __init__(
        self,
        *,
        threshold: float = 5.0,
        needed: int = 4,
        background: str | float | None = "auto",
        hot_pixels: bool = True,
        max_shift: float | None = None,
        ceiling: float | None = None,
    ) -> None:
        self.threshold = check_number(threshold, "threshold", minimum=0, exclusive=True)
        self.needed = check_integer(needed, "needed", minimum=2)
        self.background = check_background(background)
        self.hot_pixels = bool(hot_pixels)
        self.max_shift = (
            None
            if max_shift is None
            else check_number(max_shift, "max_shift", minimum=0, exclusive=True)
        )
        self.ceiling = None if ceiling is None else check_number(ceiling, "ceiling")
        self.reference: Measures | None = None
        self._seen: dict[float, Measures] = {}
        self._trends: dict[str, Trend] = {}

    @property
    def n_seen(self) -> int:
        """Number of projections seen so far."""
        return len(self._seen)

    def check(
        self,
        angle_deg: float,
        image: ArrayLike,
        residual: float | None = None,
        *,
        aligned: bool = False,
    ) -> tuple[Flag, ...]:
        """Judge a projection by those before it, and remember it.

        Parameters
        ----------
        angle_deg : float
        image : array_like, shape (nx, ny) or (nx,)
            As the detector delivered it: hot pixels and background are taken out here.
        residual : float, optional
            What the reconstruction of the moment leaves unexplained of this projection, in any
            unit, but the same for all.
        aligned : bool
            Whether the projection is going to be aligned: a displacement is a note then.

        Returns
        -------
        tuple of Flag
            The gravest first; empty if nothing was found.

        Raises
        ------
        DataError
            When the image is not one of real, finite numbers in one or two dimensions.
        GeometryError
            When the angle is none.
        """
        angle = float(check_angles(angle_deg, count=1)[0])
        series = clean(angle, image, background=self.background, hot_pixels=self.hot_pixels)
        flags = self.judge(self.measure(series), size=series.projections[0].shape, aligned=aligned)
        if residual is not None:
            flags += self.check_residual(angle, residual)
        return by_severity(flags)

    def measure(self, series: Any) -> Measures:
        """Measure a projection that :func:`~em_inverse.dynamic.cleaning.clean` has returned."""
        return measure(series, self.reference, max_shift=self.max_shift, ceiling=self.ceiling)

    def judge(
        self, seen: Measures, *, size: tuple[int, ...], aligned: bool = False
    ) -> tuple[Flag, ...]:
        """Judge what was measured of a projection by those before it, and remember it.

        Parameters
        ----------
        seen : Measures
            As :meth:`measure` returns it.
        size : tuple of int
            Shape of the projection.
        aligned : bool
            As for :meth:`check`.

        Returns
        -------
        tuple of Flag
        """
        earlier = [one for angle, one in self._seen.items() if angle != seen.angle_deg]
        blank = self._blank(seen, earlier)
        flags = _of_the_pixels(seen, earlier)
        if blank:
            flags += (blank,)
        else:
            self.reference = self.reference or seen
            flags += _of_the_frame(seen, earlier)
            flags += self._of_the_trends(seen, size, aligned)
            if len(earlier) < self.needed:
                flags += (_learning(seen, len(earlier), self.needed),)
        self._seen.pop(seen.angle_deg, None)
        # A blank projection is no example to others.
        self._seen[seen.angle_deg] = replace(seen, blank=bool(blank))
        return by_severity(flags)

    def check_residual(self, angle_deg: float, residual: float) -> tuple[Flag, ...]:
        """Judge the residual with which a projection comes in by those that came in before.

        Parameters
        ----------
        angle_deg : float
        residual : float
            ≥ 0, in any unit, but the same for all.

        Returns
        -------
        tuple of Flag
        """
        value = check_number(residual, "residual", minimum=0)
        step = self._trend("residual", _LEAST_RESIDUAL).add(angle_deg, _log(value))
        return _residual_flags(angle_deg, step)

    def recheck(self, residuals: Mapping[float, float]) -> tuple[Flag, ...]:
        """Say which projections do not fit a reconstruction that has improved in the meantime.

        Parameters
        ----------
        residuals : mapping of float to float
            ‖A_θ x − b_θ‖ of every tilt angle in degrees, in any unit, as ``run.residuals()``
            returns it. Let the run go on for some ten iterations after the last arrival first: the
            latest projection is the least explained, whatever it shows.

        Returns
        -------
        tuple of Flag
            Of the kind ``"residual"``, in the order of the angles. Empty for fewer than five tilts,
            of which none can be told to be the odd one.

        Raises
        ------
        ParameterError
            When a residual is negative or not finite.

        Examples
        --------
        >>> angles = range(-60, 61, 5)
        >>> residuals = {angle: 1 + 0.01 * (angle % 3) for angle in angles} | {-20: 2.0}
        >>> (flag,) = LiveChecks().recheck(residuals)
        >>> flag.kind, flag.severity, flag.message[:54]
        ('residual', 'alarm', 'At -20° the residual is 2 times that of its neighbours')
        """
        if not isinstance(residuals, Mapping):
            raise ParameterError(
                f"residuals is a {type(residuals).__name__}; a mapping of tilt angle in degrees to "
                f"residual is needed, as run.residuals() returns it."
            )
        if len(residuals) < _FEWEST_RESIDUALS:
            return ()
        angles = np.sort(check_angles(list(residuals)))
        values = np.array(
            [check_number(residuals[a], f"residuals[{a:g}]", minimum=0) for a in angles]
        )
        heights, expected = outlying(angles, values)
        flags: list[Flag] = []
        for angle, value, usual, z in zip(angles, values, expected, heights, strict=True):
            if z > 0 and usual > 0:
                distance = float(np.log(value / usual))
                limit = max(_LEAST_RESIDUAL, self.threshold * distance / z)
                flags += _residual_flags(float(angle), Step(distance, _log(usual), limit))
        return tuple(flags)

    def _blank(self, seen: Measures, earlier: list[Measures]) -> Flag | None:
        contrasts = [one.contrast for one in earlier if not one.blank]
        usual = float(np.median(contrasts)) if contrasts else np.nan
        share = seen.contrast / usual if usual > 0 else np.nan
        if not (seen.blank or share < _BLANK_SHARE):
            return None
        compared = (
            f"{_percent(share)} of the contrast of the others" if usual > 0 else "nothing but noise"
        )
        return Flag(
            "blank",
            "alarm",
            float(share) if usual > 0 else 0.0,
            _BLANK_SHARE,
            f"At {_angle(seen.angle_deg)} the projection is blank: it has {compared}. Was the beam "
            f"blanked, the shutter closed, or the object out of the field? Retake it; it must not "
            f"be reconstructed from.",
        )

    def _of_the_trends(
        self, seen: Measures, size: tuple[int, ...], aligned: bool
    ) -> tuple[Flag, ...]:
        flags: list[Flag] = []
        angle = seen.angle_deg
        step = self._trend("mass", _LEAST_MASS).add(angle, _log(seen.mass))
        if step and step.stands_out:
            flags.append(_intensity_flag(angle, step))
        blurred = []
        for name, least in _LEAST_SHARPNESS.items():
            step = self._trend(name, least).add(angle, _log(getattr(seen, name)))
            if step and step.distance < -step.limit:
                blurred.append(step)
        if blurred:
            flags.append(
                _blurred_flag(angle, min(blurred, key=lambda step: step.distance / step.limit))
            )
        places = (seen.across, seen.along)
        for name, value, count in zip(("across", "along"), places, size, strict=False):
            least = max(_LEAST_PIXELS, _LEAST_SHARE * count)
            step = self._trend(name, least).add(angle, value)
            if step and step.stands_out:
                flags.append(_displaced_flag(angle, step, name, aligned))
        return tuple(flags)

    def _trend(self, name: str, least: float) -> Trend:
        return self._trends.setdefault(
            name, Trend(least, threshold=self.threshold, needed=self.needed)
        )


def _of_the_pixels(seen: Measures, earlier: list[Measures]) -> tuple[Flag, ...]:
    """Flags for what single pixels show."""
    flags = []
    at = _angle(seen.angle_deg)
    usual = float(np.median([one.repaired for one in earlier])) if earlier else 0.0
    limit = max(_HOT, _HOT_RATIO * usual)
    if seen.repaired > limit:
        flags.append(
            Flag(
                "hot_pixels",
                "warning",
                seen.repaired,
                limit,
                f"At {at} {_percent(seen.repaired)} of the pixels were hot or dead (usual here: "
                f"{_percent(usual)}) and were replaced by their neighbours. Carry on; if this goes "
                f"on, take a new dark reference.",
            )
        )
    if seen.saturated > _SATURATED:
        flags.append(
            Flag(
                "saturated",
                "warning",
                seen.saturated,
                _SATURATED,
                f"At {at} {_percent(seen.saturated)} of the pixels are at the detector's ceiling, "
                f"where the signal no longer follows the thickness. Lower the gain or the beam "
                f"current and retake it.",
            )
        )
    return tuple(flags)


def _of_the_frame(seen: Measures, earlier: list[Measures]) -> tuple[Flag, ...]:
    """Flags for an object that leaves the frame: louder when it begins to than while it goes on."""
    flags = []
    at = f"At {_angle(seen.angle_deg)} the object reaches the border of the frame"
    # The last in time and the nearest in angle, so that nothing is repeated where tilts jump.
    beside = earlier[-1:] + sorted(earlier, key=lambda one: abs(one.angle_deg - seen.angle_deg))[:1]
    before = [any(one.touches[axis] for one in beside) for axis in (0, 1)]
    if seen.touches[0]:
        flags.append(
            Flag(
                "off_view",
                "note" if before[0] else "warning",
                seen.border[0],
                TOUCHES,
                f"{at} across the tilt axis: other projections may see parts that this one does "
                f"not. Centre the object and retake it, or choose a lower magnification.",
            )
        )
    if seen.touches[1] and not before[1]:
        flags.append(
            Flag(
                "off_view",
                "note",
                seen.border[1],
                TOUCHES,
                f"{at} along the tilt axis, so its centre of mass does not tell where it lies "
                f"there; the mass in each slice is compared instead. Carry on.",
            )
        )
    return tuple(flags)


def _intensity_flag(angle: float, step: Step) -> Flag:
    change, limit = np.expm1(step.distance), np.expm1(step.limit)
    side = "above" if change > 0 else "below"
    why = (
        "a second object in the field, or a higher beam current"
        if change > 0
        else "a lower beam current, or something (a grid bar, the holder) in the way of the beam"
    )
    return Flag(
        "intensity",
        _severity(step),
        float(change),
        float(limit),
        f"At {_angle(angle)} the total intensity is {_percent(abs(change))} {side} that of its "
        f"neighbours: {why}. Retake it, or leave it out.",
    )


def _blurred_flag(angle: float, step: Step) -> Flag:
    value, limit = np.exp(step.distance), np.exp(-step.limit)
    return Flag(
        "blurred",
        _severity(step),
        float(value),
        float(limit),
        f"At {_angle(angle)} the projection has {_percent(value)} of the sharpness of its "
        f"neighbours: out of focus, or the stage was still moving. Refocus and retake it, or leave "
        f"it out.",
    )


def _displaced_flag(angle: float, step: Step, name: str, aligned: bool) -> Flag:
    what = (
        "The alignment takes it out; carry on, and look at its residual"
        if aligned
        else "Align it, or retake it"
    )
    return Flag(
        "misaligned",
        "note" if aligned else _severity(step),
        step.distance,
        step.limit,
        f"At {_angle(angle)} the object lies {step.distance:+.1f} px {name} the tilt axis from "
        f"where its neighbours have it. {what}.",
    )


def _residual_flags(angle: float, step: Step | None) -> tuple[Flag, ...]:
    if step is None or step.distance <= step.limit:
        return ()
    ratio = float(np.exp(step.distance))
    return (
        Flag(
            "residual",
            _severity(step),
            ratio,
            float(np.exp(step.limit)),
            f"At {_angle(angle)} the residual is {ratio:.2g} times that of its neighbours. The "
            f"projection contradicts the others: align it anew, retake it, or leave it out.",
        ),
    )


def _learning(seen: Measures, count: int, needed: int) -> Flag:
    return Flag(
        "learning",
        "note",
        float(count),
        float(needed),
        f"At {_angle(seen.angle_deg)} it is too early to tell whether anything is unusual: "
        f"{count} of {needed} projections to compare with are there. Carry on.",
    )


def _severity(step: Step) -> str:
    return "alarm" if abs(step.distance) > 2 * step.limit else "warning"


def by_severity(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Return flags, the gravest first.

    Examples
    --------
    >>> pair = [Flag("off_view", "note", 1, 0, "…"), Flag("blank", "alarm", 0, 0.2, "…")]
    >>> [flag.kind for flag in by_severity(pair)]
    ['blank', 'off_view']
    """
    return tuple(sorted(flags, key=lambda flag: -SEVERITIES.index(flag.severity)))


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else np.nan


def _angle(angle_deg: float) -> str:
    return f"{angle_deg:.4g}°"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
