"""Week 13, exercise 1: the widest tilt step between which nothing can happen unseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week13_pictures as pictures
from em_inverse.checks import week13_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["widest_step"]

_TOLERANCE = 1e-8


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Particles of some nanometres, details of a few tenths; one problem for each size."""
    return [
        {"radius_nm": float(rng.uniform(0.6, 3.0)), "period_nm": float(rng.uniform(0.1, 0.6))}
        for _ in sizes
    ]


def _wider_particle(case: Case, step: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(radius_nm=2 * case["radius_nm"])) - float(step) / 2) < _TOLERANCE:
        return None
    return (
        "In a particle twice as wide the outermost column moves twice as fast, so that the step "
        "has to be half as wide. Yours is not."
    )


def _coarser_detail(case: Case, step: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(period_nm=3 * case["period_nm"])) - 3 * float(step)) < _TOLERANCE:
        return None
    return "Waves three times as long allow a step three times as wide; yours do not."


widest_step = Exercise(
    "widest_step",
    "Write widest_step(radius_nm, period_nm), in degrees. Seen over a full turn, waves of the "
    "period d (nm) in an object of the radius R (nm) have harmonics up to m = 2πR/d and no "
    "higher. Two samples for each period of the highest one are the least (Nyquist).",
    reference=reference.widest_step,
    cases=_cases,
    sizes=[(1,), (2,), (3,)],
    properties=[
        Property("half the step for twice the radius", _wider_particle),
        Property("wider steps for longer waves", _coarser_detail),
    ],
    misconceptions=[
        Misconception(
            "radians",
            lambda radius_nm, period_nm: period_nm / (2 * radius_nm),
            "This is in radians. Angles of a tilt series are given in degrees.",
            "np.rad2deg, or 180 / π.",
            credit=0.5,
        ),
        Misconception(
            "one sample a period",
            lambda radius_nm, period_nm: np.rad2deg(period_nm / radius_nm),
            "You take one sample for each period of the highest harmonic. A wave that is met "
            "once a period looks like a constant.",
            "Two samples a period: 360° over 2 m.",
            credit=0.5,
        ),
        Misconception(
            "diameter",
            lambda radius_nm, period_nm: np.rad2deg(period_nm / (4 * radius_nm)),
            "This is half of the step. Either you take the diameter for the radius (the rim is R "
            "from the axis), or you share out 180°: m counts periods of a full turn, whose second "
            "half is the mirror image of the first.",
            "360° over 2 m, with R as it is given.",
            credit=0.5,
        ),
        Misconception(
            "angular frequency",
            lambda radius_nm, period_nm: 180 * period_nm / radius_nm,
            "The 2π is missing in the highest harmonic: R/d periods pass in one radian times 2π.",
            "m = 2 π R / d.",
            credit=0.25,
        ),
        Misconception(
            "arctangent",
            lambda radius_nm, period_nm: np.rad2deg(np.arctan(period_nm / (2 * radius_nm))),
            "You take the angle under which half a period is seen from the axis, by a tangent. "
            "For small angles that is nearly it. The count of harmonics is exact.",
            "180 / m, without a tangent.",
            credit=0.5,
        ),
        Misconception(
            "number of tilts",
            lambda radius_nm, period_nm: 2 * np.pi * radius_nm / period_nm,
            "This is a number of tilts (for 180°, by Crowther's rule). The step is asked for.",
            "180° divided by it.",
            credit=0.5,
        ),
        Misconception(
            "turned over",
            lambda radius_nm, period_nm: np.rad2deg(2 * radius_nm / period_nm),
            "Numerator and denominator are exchanged: your step gets wider with the particle.",
            "d above, R below.",
        ),
    ],
    hints=[
        "The highest harmonic of a full turn is m = 2 π R / d.",
        "m periods in 360°, two samples each: the step is 360° / (2 m).",
        "180 / (2 * np.pi * radius_nm / period_nm).",
    ],
    picture=pictures.widest_step,
    takeaway="That is d/D in radians: Crowther's rule of week 5, N = πD/d, says the same.",
    points=1,
)
