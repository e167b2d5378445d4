"""Week 13, exercise 2: filling by harmonics of a full turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week13_pictures as pictures
from em_inverse.checks import week13_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["between"]

_TOLERANCE = 1e-6


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Uneven angles around the full turn, more of them than waves, and values with noise."""
    cases: list[Case] = []
    for highest, more, wanted in sizes:
        n = 2 * highest + 1 + more
        angles = np.sort(360 * (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / n)
        cases.append(
            {
                "angles_deg": angles,
                "values": 1 + rng.standard_normal(n),
                "wanted_deg": np.sort(rng.uniform(0, 360, wanted)),
                "highest": highest,
            }
        )
    return cases


def _constant(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(values=3 + 0 * case["values"]) - 3).max() < _TOLERANCE:
        return None
    return "What is 3 at all recorded angles has to be 3 between them; yours is not."


def _highest(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    def wave(deg: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(case["highest"] * np.deg2rad(deg) + 0.7))

    made = call(values=wave(case["angles_deg"]))
    if np.abs(made - wave(case["wanted_deg"])).max() < _TOLERANCE:
        return None
    return "A wave of the highest harmonic alone has to come back exactly; yours does not."


def _waves(deg: np.ndarray, m: np.ndarray, *, sines: bool = True) -> np.ndarray:
    turns = np.asarray(deg)[:, None] * m
    parts = [np.cos(turns), np.sin(turns[:, m > 0])] if sines else [np.cos(turns)]
    return np.hstack(parts)


def _fit(old: np.ndarray, values: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.asarray(new @ np.linalg.lstsq(old, values, rcond=None)[0])


def _by(
    m: Callable[[int], np.ndarray], *, degrees: bool = False, sines: bool = True
) -> Callable[..., np.ndarray]:
    """A fit with the harmonics m(highest)."""

    def wrong(
        angles_deg: np.ndarray, values: np.ndarray, wanted_deg: np.ndarray, highest: int
    ) -> np.ndarray:
        old, new = (
            _waves(deg if degrees else np.deg2rad(deg), m(highest), sines=sines)
            for deg in (angles_deg, wanted_deg)
        )
        return _fit(old, values, new)

    return wrong


def _transposed(
    angles_deg: np.ndarray, values: np.ndarray, wanted_deg: np.ndarray, highest: int
) -> np.ndarray:
    old, new = (_waves(np.deg2rad(deg), np.arange(highest + 1)) for deg in (angles_deg, wanted_deg))
    return np.asarray(new @ (old.T @ values))


between = Exercise(
    "between",
    "Write between(angles_deg, values, wanted_deg, highest): fit "
    "c₀ + Σ (c_m cos mθ + s_m sin mθ), m = 1 … highest, to the values at the recorded angles by "
    "least squares, and return the fit at the wanted angles. Angles are in degrees.",
    reference=reference.between,
    cases=_cases,
    sizes=[(3, 4, 5), (5, 3, 8), (2, 6, 4)],
    properties=[
        Property("constants stay", _constant),
        Property("the highest harmonic comes back", _highest),
    ],
    misconceptions=[
        Misconception(
            "degrees",
            _by(lambda highest: np.arange(highest + 1), degrees=True),
            "np.cos and np.sin take radians, and you give them degrees.",
            "np.deg2rad(angles_deg), and the same for the wanted ones.",
            credit=0.5,
        ),
        Misconception(
            "highest left out",
            _by(lambda highest: np.arange(highest)),
            "The highest harmonic is missing: np.arange(highest) ends one below it.",
            "np.arange(highest + 1).",
            credit=0.5,
        ),
        Misconception(
            "one too many",
            _by(lambda highest: np.arange(highest + 2)),
            "You fit one harmonic more than asked for.",
            "np.arange(highest + 1) holds 0 to highest.",
            credit=0.5,
        ),
        Misconception(
            "no constant",
            _by(lambda highest: np.arange(1, highest + 1)),
            "The constant is missing (m = 0). What does not change with the tilt is then shared "
            "out among waves.",
            "Begin with m = 0.",
            credit=0.5,
        ),
        Misconception(
            "cosines only",
            _by(lambda highest: np.arange(highest + 1), sines=False),
            "Cosines alone are even: what you return at −θ is the same as at θ.",
            "Put the sines beside the cosines: np.hstack.",
            credit=0.25,
        ),
        Misconception(
            "half a turn",
            _by(lambda highest: 2 * np.arange(highest + 1)),
            "Your waves repeat after half a turn. A projection does not: after 180° it is the "
            "mirror image.",
            "cos(m θ), with θ over the full turn.",
            credit=0.25,
        ),
        Misconception(
            "transposed",
            _transposed,
            "You multiply by the transpose of the matrix of waves. That is the adjoint, and not "
            "least squares.",
            "np.linalg.lstsq(waves, values, rcond=None)[0].",
            credit=0.25,
        ),
        Misconception(
            "straight lines",
            lambda angles_deg, values, wanted_deg, highest: np.interp(
                wanted_deg, angles_deg, values, period=360
            ),
            "You join neighbours by straight lines, and `highest` is never used.",
            "Build the matrix of all waves at the recorded angles first.",
        ),
        Misconception(
            "nearest frame",
            lambda angles_deg, values, wanted_deg, highest: values[
                np.abs(np.asarray(wanted_deg)[:, None] - angles_deg).argmin(axis=1)
            ],
            "You return the value of the nearest recorded angle.",
            "Build the matrix of all waves at the recorded angles first.",
        ),
    ],
    hints=[
        "One matrix for the recorded and one for the wanted angles. Columns: cos(m θ), sin(m θ).",
        "np.linalg.lstsq(waves(angles_deg), values, rcond=None)[0] are the weights.",
        "waves(wanted_deg) @ weights.",
    ],
    picture=pictures.between,
    takeaway="It uses all angles at once, and asks nothing of the object but its radius.",
    points=2,
)
