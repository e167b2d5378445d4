"""A quantity measured tilt after tilt, and whether the next value follows those before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from em_inverse.errors import check_integer, check_number

__all__ = ["Step", "Trend"]

_MAD_TO_SIGMA = 1.4826
# How many neighbours say what is expected, and how many past surprises what is usual.
_NEIGHBOURS, _MEMORY = 5, 15


class Step(NamedTuple):
    """How far a new value lies from what the ones before let one expect.

    Attributes
    ----------
    distance : float
        Value minus expected value.
    expected : float
    limit : float
        A larger distance, of either sign, is no chance.
    """

    distance: float
    expected: float
    limit: float

    @property
    def stands_out(self) -> bool:
        """Whether the distance exceeds the limit."""
        return abs(self.distance) > self.limit


class Trend:
    """Values of a series of tilts, with running robust statistics.

    What is expected of a new value is the median of the five nearest in angle, that of the last
    five in time, or the value before (unless that stood out), whichever is nearest: the specimen
    makes neighbours in angle alike, a drift makes neighbours in time alike, and a fault is unlike
    all of them. What is usual is the median distance with
    which the last 15 values came in, so a stage that jitters raises its own limit.

    Parameters
    ----------
    least : float
        No distance below this stands out, however improbable.
    threshold : float
        From so many (robust) standard deviations on a value stands out.
    needed : int
        Values that must be there before a new one is judged.

    Examples
    --------
    >>> trend = Trend(least=0.5)
    >>> [trend.add(angle, 2.0) is None for angle in (-60, -58, -56, -54, -52)]
    [True, True, True, True, False]
    >>> trend.add(-50, 4.0).stands_out, trend.add(-48, 2.1).stands_out
    (True, False)
    """

    def __init__(self, least: float, *, threshold: float = 5.0, needed: int = 4) -> None:
        self.least = check_number(least, "least", minimum=0)
        self.threshold = check_number(threshold, "threshold", minimum=0, exclusive=True)
        self.needed = check_integer(needed, "needed", minimum=2)
        self._values: dict[float, float] = {}
        self._distances: list[float] = []
        self._before: float | None = None

    def add(self, angle_deg: float, value: float) -> Step | None:
        """Judge a value by those before it, then keep it. Not finite ones are ignored.

        Parameters
        ----------
        angle_deg : float
            A value at the same angle replaces the earlier one.
        value : float

        Returns
        -------
        Step or None
            None as long as too few values are there.
        """
        self._values.pop(angle_deg, None)
        if not np.isfinite(value):
            return None
        step = None
        if len(self._values) >= self.needed:
            if not self._distances:
                self._distances = self._among_themselves()
            step = self._judged(angle_deg, value)
            if not step.stands_out:
                self._distances = [*self._distances[-_MEMORY + 1 :], step.distance]
        self._values[angle_deg] = value
        self._before = None if step and step.stands_out else value
        return step

    def _judged(self, angle_deg: float, value: float) -> Step:
        angles, values = np.array(list(self._values)), np.array(list(self._values.values()))
        expected = _expected(angles, values, angle_deg, value, self._before)
        spread = _MAD_TO_SIGMA * float(np.median(np.abs(self._distances)))
        # A spread told from few values may well be too small.
        caution = 1 + 4 / len(self._distances)
        limit = max(self.least, self.threshold * caution * spread)
        return Step(value - expected, expected, limit)

    def _among_themselves(self) -> list[float]:
        """Distance of each of the first values from what the others let one expect."""
        angles, values = np.array(list(self._values)), np.array(list(self._values.values()))
        others = ~np.eye(angles.size, dtype=bool)
        return [
            float(value - _expected(angles[rest], values[rest], angle, value))
            for angle, value, rest in zip(angles, values, others, strict=True)
        ]


def _expected(
    angles: np.ndarray, values: np.ndarray, angle: float, value: float, before: float | None = None
) -> float:
    """Median of the nearest in angle or of the last in time, or the one before: the most alike."""
    near = np.argsort(np.abs(angles - angle), kind="stable")[:_NEIGHBOURS]
    candidates = [float(np.median(values[near])), float(np.median(values[-_NEIGHBOURS:]))]
    if before is not None:
        candidates.append(before)
    return min(candidates, key=lambda one: abs(value - one))
