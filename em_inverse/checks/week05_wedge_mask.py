"""Week 5, exercise 3: which part of Fourier space a tilt range measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week05_pictures as pictures
from em_inverse.checks import week05_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["wedge_mask"]


def _mask_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Angles off every direction of the grid; no mask is its own mirror image about 45°."""
    cases: list[Case] = []
    for (n,) in sizes:
        cases.append({"n": n, "max_tilt_deg": float(rng.uniform(51, 79))})
    return cases


def _zero_frequency(_: Case, mask: np.ndarray, __: Callable[..., np.ndarray]) -> str | None:
    if mask[0, 0] == 1:
        return None
    return (
        "Every projection measures the zero frequency (the total mass), which np.fft puts at "
        "[0, 0]; your mask is not 1 there."
    )


def _whole(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if call(max_tilt_deg=89.9)[:, 1:].all():
        return None
    return "With tilts to ±89.9° nothing is missing but kx = 0; your mask has more zeros."


def _only_ones(_: Case, mask: np.ndarray, __: Callable[..., np.ndarray]) -> str | None:
    if np.isin(mask, (0, 1)).all():
        return None
    return "A mask holds 0 and 1 only; yours holds other values."


def _by_direction(
    measured: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
) -> Callable[[int, float], np.ndarray]:
    def mask(n: int, max_tilt_deg: float) -> np.ndarray:
        k = np.fft.fftfreq(n)
        return np.where(measured(k[:, None], k[None, :], max_tilt_deg), 1.0, 0.0)

    return mask


def _angle(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(np.abs(along), np.abs(across)))


def _shifted(n: int, max_tilt_deg: float) -> np.ndarray:
    return np.fft.fftshift(reference.wedge_mask(n, max_tilt_deg))


def _no_absolute(kz: np.ndarray, kx: np.ndarray, tilt: float) -> np.ndarray:
    return np.abs(np.degrees(np.arctan2(kz, kx))) <= tilt


wedge_mask = Exercise(
    "wedge_mask",
    "Write wedge_mask(n, max_tilt_deg): an n × n array in the order of np.fft.fft2 (rows kz, "
    "columns kx), 1 where the direction of (kx, kz) is within ±max_tilt_deg of the kx axis, else "
    "0. A wave and its mirror image count as one direction.",
    reference=reference.wedge_mask,
    cases=_mask_cases,
    sizes=[(8,), (9,), (16,), (25,)],
    properties=[
        Property("only 0 and 1", _only_ones),
        Property("1 at the zero frequency", _zero_frequency),
        Property("next to nothing missing at ±89.9°", _whole),
    ],
    misconceptions=[
        Misconception(
            "the wedge itself",
            _by_direction(lambda kz, kx, tilt: _angle(kz, kx) > tilt),
            "Your mask is 1 in the missing wedge. It is asked for what is measured.",
            "Turn the comparison round.",
            credit=0.5,
        ),
        Misconception(
            "kz and kx exchanged",
            _by_direction(lambda kz, kx, tilt: _angle(kx, kz) <= tilt),
            "Your wedge lies around kx. At 0° tilt the detector runs along x and measures the kx "
            "axis; the missing directions lie around kz, the beam.",
            "Rows are kz: k[:, None]. Columns are kx: k[None, :].",
            credit=0.5,
        ),
        Misconception(
            "zero frequency in the middle",
            _shifted,
            "Your mask has the zero frequency in its middle; np.fft.fft2 has it at [0, 0].",
            "np.fft.fftfreq(n) is in the right order already. np.fft.ifftshift undoes a shift.",
            credit=0.5,
        ),
        Misconception(
            "half of the range",
            _by_direction(lambda kz, kx, tilt: _angle(kz, kx) <= tilt / 2),
            "Your mask reaches to half of max_tilt_deg on each side.",
            "±70° means 70° to either side, 140° in all.",
        ),
        Misconception(
            "tilts of the wedge",
            _by_direction(lambda kz, kx, tilt: _angle(kz, kx) <= 90 - tilt),
            "Your mask reaches to 90° − max_tilt_deg, half the width of the wedge. Measured is "
            "what lies within max_tilt_deg of the kx axis.",
            "At ±70° the measured directions reach to 70°, not to 20°.",
            credit=0.5,
        ),
        Misconception(
            "kz below zero",
            _by_direction(lambda kz, kx, tilt: np.degrees(np.arctan2(kz, np.abs(kx))) <= tilt),
            "Your mask has a wedge on one side only: a negative kz gives a negative direction, "
            "which is below any limit.",
            "np.abs(kz), as for kx: (kx, kz) and (−kx, −kz) are one wave.",
            credit=0.5,
        ),
        Misconception(
            "quarter only",
            _by_direction(_no_absolute),
            "Your mask forgets that a wave has two ends: where kx is negative, the direction comes "
            "out beyond 90°. (kx, kz) and (−kx, −kz) belong to the same wave.",
            "np.arctan2(np.abs(kz), np.abs(kx)) folds the four quarters into one.",
            credit=0.5,
        ),
        Misconception(
            "degrees for radians",
            _by_direction(lambda kz, kx, tilt: np.abs(kz) <= np.abs(kx) * np.tan(tilt)),
            "Your function puts degrees into np.tan, which takes radians.",
            "np.deg2rad(max_tilt_deg).",
            credit=0.5,
        ),
        Misconception(
            "radians against degrees",
            _by_direction(lambda kz, kx, tilt: np.deg2rad(_angle(kz, kx)) <= tilt),
            "Your function compares an angle in radians with one in degrees, so nothing is ever "
            "missing.",
            "np.degrees(np.arctan2(...)), or np.deg2rad(max_tilt_deg).",
            credit=0.5,
        ),
        Misconception(
            "without the zero frequency",
            _by_direction(lambda kz, kx, tilt: (_angle(kz, kx) <= tilt) & ((kz != 0) | (kx != 0))),
            "Your mask is 0 at the zero frequency, but every projection measures the total mass.",
            "np.arctan2(0, 0) is 0, which is within any tilt range; 0/0 is not.",
            credit=0.5,
        ),
        Misconception(
            "sine for tangent",
            _by_direction(lambda kz, kx, tilt: np.abs(kz) <= np.abs(kx) * np.sin(np.deg2rad(tilt))),
            "Your condition is |kz| ≤ |kx| sin α. The slope of a line at the angle α is its "
            "tangent.",
            "|kz| / |kx| is the tangent of the direction.",
        ),
    ],
    hints=[
        "np.fft.fftfreq(n) gives the frequencies in order; make a column and a row of it.",
        "The direction is np.degrees(np.arctan2(np.abs(kz), np.abs(kx))), from 0° to 90°.",
        "Compare it with max_tilt_deg, and turn True and False into 1 and 0: np.where.",
    ],
    picture=pictures.wedge_mask,
    takeaway="What the mask removes is the null space of the tilt series: no algorithm brings it "
    "back from the data alone.",
    points=1,
    rtol=1e-9,
)
