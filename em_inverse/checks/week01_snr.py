"""Week 1, exercise 2: from dose to counts to signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week01_pictures as pictures
from em_inverse.checks import week01_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["snr"]

_TOLERANCE = 1e-6

Ratio = Callable[[np.ndarray, float], np.ndarray]


def _snr_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    return [
        {
            "dose": 10 ** rng.uniform(3.5, 6.5, n),
            "pixel_nm": float(rng.uniform(0.02, 0.2)),
            "share": float(rng.uniform(0.01, 0.05)),
            "readout": float(rng.uniform(1.5, 5.0)),
        }
        for (n,) in sizes
    ]


def _quiet_is_root_n(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    wanted = np.sqrt(case["dose"] * case["pixel_nm"] ** 2 * case["share"])
    if distance(call(readout=0.0), wanted) < _TOLERANCE:
        return None
    return "With a read-out that adds no noise the answer must be √N; yours is not."


def _low_dose_is_linear(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    few = 1e-9 * case["dose"]
    wanted = few * case["pixel_nm"] ** 2 * case["share"] / case["readout"]
    if distance(call(dose=few), wanted) < 1e-4:
        return None
    return (
        "At a very low dose the read-out is the only noise left, and the answer must be "
        "N / readout; yours is not."
    )


def _of(
    ratio: Ratio,
    counts: Callable[[np.ndarray, float, float], np.ndarray] = lambda d, p, f: d * p**2 * f,
) -> Callable[..., np.ndarray]:
    """Return a wrong answer: another ratio, or another number of counts."""

    def wrong(dose: np.ndarray, pixel_nm: float, share: float, readout: float) -> np.ndarray:
        return ratio(counts(dose, pixel_nm, share), readout)

    return wrong


def _right(counts: np.ndarray, readout: float) -> np.ndarray:
    return counts / np.sqrt(counts + readout**2)


def _noise_of_all_that_land(
    dose: np.ndarray, pixel_nm: float, share: float, readout: float
) -> np.ndarray:
    landed = dose * pixel_nm**2
    return share * landed / np.sqrt(landed + readout**2)


snr = Exercise(
    "snr",
    "Write snr(dose, pixel_nm, share, readout): signal over noise of one pixel. dose is in e/nm² "
    "(an array, one value or many), pixel_nm is the edge of a pixel, share the part of the "
    "electrons that reaches the detector, readout the standard deviation of the read-out noise, "
    "in electrons.",
    reference=reference.snr,
    cases=_snr_cases,
    sizes=[(1,), (3,), (6,)],
    properties=[
        Property("√N without read-out noise", _quiet_is_root_n),
        Property("N / readout at very low dose", _low_dose_is_linear),
    ],
    misconceptions=[
        Misconception(
            "no read-out noise",
            _of(lambda N, r: np.sqrt(N)),
            "Your function returns √N: shot noise is there, the noise of the read-out is not.",
            "Two independent noises add as squares: the variance is N from counting and readout² "
            "from the electronics.",
            credit=0.5,
        ),
        Misconception(
            "noises added",
            _of(lambda N, r: N / (np.sqrt(N) + r)),
            "Your function adds the two standard deviations. Independent noises add as variances: "
            "√N² + readout².",
            "They are as likely to cancel as to help each other. Add the squares, then take the "
            "root.",
            credit=0.5,
        ),
        Misconception(
            "readout not squared",
            _of(lambda N, r: N / np.sqrt(N + r)),
            "Your function adds readout where its square belongs: readout is a standard "
            "deviation, N a variance.",
            "Which of the two is already squared?",
            credit=0.5,
        ),
        Misconception(
            "counts squared",
            _of(lambda N, r: N / np.sqrt(N**2 + r**2)),
            "Your function takes N for the standard deviation of the counting. The variance of N "
            "counts is N, its standard deviation √N.",
            "Poisson: variance = mean.",
        ),
        Misconception(
            "edge for area",
            _of(_right, lambda d, p, f: d * p * f),
            "Your function multiplies by the edge of the pixel; electrons fall on its area.",
            "The dose is per nm². What is the area of a pixel of edge pixel_nm?",
            credit=0.5,
        ),
        Misconception(
            "divided by the area",
            _of(_right, lambda d, p, f: d / p**2 * f),
            "Your function divides by the area of the pixel; electrons per nm² times nm² are "
            "electrons.",
            "Would a larger pixel collect more electrons, or fewer?",
        ),
        Misconception(
            "pixel forgotten",
            _of(_right, lambda d, p, f: d * f),
            "Your function takes the dose per nm² for the electrons per pixel: pixel_nm is never "
            "used.",
            "How much of a nm² is one pixel?",
        ),
        Misconception(
            "share forgotten",
            _of(_right, lambda d, p, f: d * p**2),
            "Your function counts every electron that lands; share says how many of them reach "
            "the detector.",
            "Of 100 electrons about 3 are scattered to high angles. Which are counted?",
            credit=0.5,
        ),
        Misconception(
            "noise of all that land",
            _noise_of_all_that_land,
            "Your signal is right, but your noise is that of all electrons that land on the "
            "pixel. Only those that are counted scatter in the count.",
            "The variance of the count is N itself, with the share in it.",
            credit=0.5,
        ),
        Misconception(
            "share in per cent",
            _of(_right, lambda d, p, f: d * p**2 * f / 100),
            "Your function divides share by 100. It is a fraction already: 0.03 means 3 %.",
            "Take share as it comes.",
            credit=0.5,
        ),
        Misconception(
            "ångström for nanometre",
            _of(_right, lambda d, p, f: d * (10 * p) ** 2 * f),
            "Your answer is that of a pixel ten times as wide: was nm turned into Å? The dose is "
            "per nm², too.",
            "Both are in nm. Nothing needs to be converted.",
            credit=0.5,
        ),
        Misconception(
            "the counts",
            _of(lambda N, r: N),
            "Your function returns the counts N: that is the signal. It is to be divided by the "
            "noise.",
            "Noise: the root of (N + readout²).",
        ),
        Misconception(
            "the noise",
            _of(lambda N, r: np.sqrt(N + r**2)),
            "Your function returns the noise. The signal N is to be divided by it.",
            "Signal to noise: which of them is on top?",
        ),
        Misconception(
            "noise over signal",
            _of(lambda N, r: np.sqrt(N + r**2) / N),
            "Your function returns noise over signal; it is asked the other way round.",
            "A better image has a larger SNR.",
            credit=0.5,
        ),
        Misconception(
            "variance for standard deviation",
            _of(lambda N, r: N / (N + r**2)),
            "Your function divides by the variance; the root is missing.",
            "The noise is a standard deviation, in electrons: the root of the variance.",
            credit=0.5,
        ),
        Misconception(
            "decibel",
            _of(lambda N, r: 20 * np.log10(N / np.sqrt(N + r**2))),
            "Your function returns decibel; the plain ratio is asked for.",
            "Leave out the logarithm.",
            credit=0.5,
        ),
    ],
    hints=[
        "First the counts: electrons per nm², times the area of a pixel, times the share counted.",
        "The variance of N counts is N. The read-out adds readout² to the variance.",
        "N / np.sqrt(N + readout**2)",
    ],
    picture=pictures.snr,
    takeaway="Where N is much larger than readout² only √N is left: four times the dose, twice the "
    "SNR.",
    points=1,
)
