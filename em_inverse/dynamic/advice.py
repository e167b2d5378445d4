"""When to stop recording: what the projections that came last have told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Advice", "advise"]

_LAST = 5
"""So many arrivals in a row must have been foretold."""
_FORETOLD = 1.15
"""‖A_θ x − b_θ‖ of a foretold projection, in units of its noise, at most.

The object itself carries noise, of about √(unknowns seen / data) of that of one projection, so that
1 is never reached.
"""
_FEWEST = 10
_STEPS = 4.0
"""A gap of so many usual steps is a part of the range that has not been recorded yet."""
_USUAL_WEDGE_DEG = 80.0


@dataclass(frozen=True)
class Advice:
    """Whether to go on recording, and why.

    Attributes
    ----------
    stop : bool
        Whether further projections would change the object by no more than their noise.
    reason : str
        In a sentence.
    foretold : float
        Median of ‖A_θ x − b_θ‖ over the noise of a projection, at the last arrivals, before each
        was used: 1 where the object knew all but the noise. NaN where it is not known.
    expected_gain : float
        By how much the error may fall at most, as a fraction, if all projections expected are
        recorded and nothing but noise is left: 1 − √(n/N). NaN where N is not known.
    gap_deg : float
        Largest angle without a projection, modulo 180°.
    """

    stop: bool
    reason: str
    foretold: float
    expected_gain: float
    gap_deg: float

    def __str__(self) -> str:
        return self.reason


def advise(
    angles_deg: np.ndarray,
    predictions: Mapping[float, float],
    n_expected: int | None = None,
    range_deg: tuple[float, float] | None = None,
) -> Advice:
    """Advise whether to stop, from how well the last arrivals were foretold.

    A new projection is the fairest judge of an object that has not seen it. Where the last five are
    explained to within 1.15 of their noise, the next ones will hardly change anything, *if* the
    directions still missing are like those that came. So a gap much larger than the usual step
    forbids the advice, unless it is the wedge that the plan leaves out: in sequential order every
    next projection is easily foretold from its neighbour, while half of the directions has not been
    seen.

    Parameters
    ----------
    angles_deg : ndarray
        Of the projections that are there, in the order of arrival.
    predictions : mapping of float to float
        ‖A_θ x − b_θ‖ in units of the noise at the arrival of each angle, in the order of arrival.
    n_expected : int or None
        How many projections are planned.
    range_deg : (float, float), optional
        Lowest and highest tilt planned. Without it a wedge of up to 80° is taken for the plan.

    Examples
    --------
    >>> angles = np.array([(k * 0.618034 % 1) * 140 - 70 for k in range(40)])
    >>> advice = advise(angles, dict.fromkeys(angles, 1.05), 75)
    >>> advice.stop, round(advice.expected_gain, 2)
    (True, 0.27)
    >>> advise(np.arange(-70, -30, 2.0), {}, 71).stop
    False
    """
    n = angles_deg.size
    last = list(predictions.values())[-_LAST:]
    foretold = float(np.median(last)) if last else math.nan
    gain = math.nan
    if n_expected is not None and n_expected > 0:
        gain = 1 - math.sqrt(min(n, n_expected) / n_expected)
    gap, uneven = _gaps(angles_deg, range_deg)

    def answer(stop: bool, reason: str) -> Advice:
        return Advice(stop, reason, foretold, gain, gap)

    if n < _FEWEST or len(last) < _LAST:
        return answer(
            False,
            f"go on: {n} projections, {len(last)} of them compared with a prediction, are too few "
            f"to judge by ({_FEWEST} and {_LAST} are needed).",
        )
    if max(last) > _FORETOLD:
        return answer(
            False,
            f"go on: the last {_LAST} projections missed their prediction by {foretold:.2f} times "
            f"the noise (largest {max(last):.2f}; {_FORETOLD:g} would do), so they brought news.",
        )
    if uneven:
        return answer(
            False,
            f"go on: the last {_LAST} projections were foretold, but each lay beside its "
            f"neighbour, and {gap:.0f}° of directions have not been seen at all.",
        )
    rest = (
        ""
        if math.isnan(gain)
        else (f" All {n_expected} would lower the error by {100 * gain:.0f} % at the very most.")
    )
    return answer(
        True,
        f"you may stop: the last {_LAST} projections were foretold to within {max(last):.2f} times "
        f"their noise, in all directions of the range.{rest}",
    )


def _gaps(angles_deg: np.ndarray, range_deg: tuple[float, float] | None) -> tuple[float, bool]:
    """Largest gap between directions, and whether it is more than the plan leaves out."""
    if angles_deg.size < 2:
        return 180.0, True
    tilts = np.sort(angles_deg)
    inner = np.diff(tilts)
    around = 180.0 - float(tilts[-1] - tilts[0])
    widest = max(float(inner.max()), around)
    usual = float(np.median(inner))
    if range_deg is None:
        return widest, around > _USUAL_WEDGE_DEG or float(inner.max()) > _STEPS * usual
    ends = (float(tilts[0]) - range_deg[0], range_deg[1] - float(tilts[-1]))
    open_part = max(float(inner.max()), *ends)
    return max(widest, open_part), open_part > _STEPS * usual
