"""Week 5, exercise 1: a point draws a sinusoid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week05_pictures as pictures
from em_inverse.checks import week05_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["sinusoid"]

_TOLERANCE = 1e-6


def _sinusoid_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """The angles come unsorted, and never as a whole number of them over a half circle."""
    cases: list[Case] = []
    for (n,) in sizes:
        z, x = (float(value) for value in rng.uniform(5, 30, 2) * rng.choice([-1, 1], 2))
        cases.append({"z": z, "x": x, "angles_deg": rng.uniform(-80, 80, n)})
    return cases


def _stays_put(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    at = float(np.ravel(call(angles_deg=np.zeros(1)))[0])
    if abs(at - case["x"]) < _TOLERANCE * abs(case["x"]):
        return None
    return (
        f"Untilted, a point is seen at its own x: {case['x']:.3g} here, but yours is seen at "
        f"{at:.3g}."
    )


def _seen_from_the_side(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    at = float(np.ravel(call(angles_deg=np.full(1, 90.0)))[0])
    if abs(at - case["z"]) < _TOLERANCE * abs(case["z"]):
        return None
    return f"At +90° the detector sees z: {case['z']:.3g} here, but your value is {at:.3g}."


def _linear(case: Case, s: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    twice = call(z=2 * case["z"], x=2 * case["x"])
    if distance(twice, 2 * s) < _TOLERANCE:
        return None
    return "A point twice as far from the axis must be seen twice as far out; yours is not."


def _with(
    rule: Callable[[float, float, np.ndarray], np.ndarray],
) -> Callable[[float, float, np.ndarray], np.ndarray]:
    return lambda z, x, angles_deg: rule(z, x, np.deg2rad(angles_deg))


sinusoid = Exercise(
    "sinusoid",
    "Write sinusoid(z, x, angles_deg): the detector coordinate s of a point at (z, x) for every "
    "tilt angle, all counted from the tilt axis. z and x are numbers, angles_deg is an array in "
    "degrees; return an array of the same length.",
    reference=reference.sinusoid,
    cases=_sinusoid_cases,
    sizes=[(7,), (5,), (12,)],
    properties=[
        Property("the point at its own x untilted", _stays_put),
        Property("its z at 90°", _seen_from_the_side),
        Property("twice as far, twice as far out", _linear),
    ],
    misconceptions=[
        Misconception(
            "degrees for radians",
            lambda z, x, angles_deg: x * np.cos(angles_deg) + z * np.sin(angles_deg),
            "Your function puts degrees into np.cos and np.sin, which take radians.",
            "np.deg2rad(angles_deg), once, on the first line.",
            credit=0.5,
        ),
        Misconception(
            "radians for degrees",
            lambda z, x, angles_deg: (
                x * np.cos(np.rad2deg(angles_deg)) + z * np.sin(np.rad2deg(angles_deg))
            ),
            "Your function turns the angles the wrong way: np.rad2deg, where np.deg2rad is meant.",
            "The angles come in degrees. Which of the two functions starts from degrees?",
            credit=0.5,
        ),
        Misconception(
            "z and x exchanged",
            _with(lambda z, x, t: z * np.cos(t) + x * np.sin(t)),
            "Your function has z and x exchanged. At 0° a point is seen at its x: depth does not "
            "show.",
            "Put θ = 0 into your formula: which of the two is left?",
        ),
        Misconception(
            "turned the other way",
            _with(lambda z, x, t: x * np.cos(t) - z * np.sin(t)),
            "Your function tilts the other way: the sign of the sine. Other toolboxes count so; "
            "this course has s = x cos θ + z sin θ.",
            "Seen from the side, at +90°, the coordinate must be +z.",
            credit=0.5,
        ),
        Misconception(
            "wrong sign of the cosine",
            _with(lambda z, x, t: z * np.sin(t) - x * np.cos(t)),
            "Your function mirrors the detector: at 0° a point at x is seen at −x.",
            "Put θ = 0 into your formula.",
        ),
        Misconception(
            "the depth coordinate",
            _with(lambda z, x, t: z * np.cos(t) - x * np.sin(t)),
            "Your function returns the new depth of the tilted point. The beam runs along it, so "
            "the detector sees the other coordinate.",
            "A rotation gives two coordinates. The one that has x in it at θ = 0 is wanted.",
        ),
        Misconception(
            "foreshortening only",
            _with(lambda z, x, t: x * np.cos(t)),
            "Your function forgets z: a point above the tilt axis moves sideways, too.",
            "What does a point at x = 0 do that sits high above the axis?",
        ),
        Misconception(
            "depth only",
            _with(lambda z, x, t: z * np.sin(t)),
            "Your function forgets x.",
            "What does a point at z = 0 do?",
        ),
        Misconception(
            "the radius",
            _with(lambda z, x, t: np.hypot(x, z) * np.cos(t)),
            "Your curve has the right amplitude, but every point starts at its highest place: the "
            "phase, the direction of the point, is missing.",
            "Use the formula of the text, or shift the angle by np.arctan2(z, x).",
        ),
        Misconception(
            "half of the directions",
            _with(lambda z, x, t: np.hypot(x, z) * np.cos(t - np.arctan(z / x))),
            "np.arctan(z / x) knows half of the directions only: a point with x < 0 comes out on "
            "the opposite side of the axis.",
            "np.arctan2(z, x) knows all of them; the formula of the text needs none.",
            credit=0.5,
        ),
    ],
    hints=[
        "Two easy angles first: untilted the point is seen at x, from the side (90°) at z.",
        "Between the two: s = x cos θ + z sin θ.",
        "np.cos and np.sin take radians: np.deg2rad(angles_deg).",
    ],
    picture=pictures.sinusoid,
    takeaway="The amplitude is the distance from the axis, the phase is the direction: two numbers "
    "that place the point.",
    points=1,
)
