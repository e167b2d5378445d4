"""Week 4, exercise 1: the noise norm of a measurement, from a blank frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week04_pictures as pictures
from em_inverse.checks import week04_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["blank_noise"]

_TOLERANCE = 1e-6


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Blank frames with an offset, of another size than the data."""
    return [
        {
            "blank": rng.uniform(2, 9) + rng.uniform(0.1, 0.7) * rng.standard_normal(n),
            "size": int(m),
        }
        for n, m in sizes
    ]


def _ignores_the_offset(
    case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if abs(call(blank=case["blank"] - 5.0) - answer) <= _TOLERANCE * answer:
        return None
    return (
        "It changes when the same number is added to all of the blank frame. An offset is no "
        "noise: only what varies from pixel to pixel is."
    )


def _scales(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(call(blank=2 * case["blank"]) - 2 * answer) <= _TOLERANCE * answer:
        return None
    return "In twice the unit the noise norm is twice the number; yours is not."


def _grows_with_size(case: Case, answer: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(call(size=4 * case["size"]) - 2 * answer) <= _TOLERANCE * answer:
        return None
    return (
        "Four times as many data have twice the noise norm, because a norm is the root of a sum of "
        "squares. Yours does not double."
    )


blank_noise = Exercise(
    "blank_noise",
    "Write blank_noise(blank, size): the noise norm ‖ε‖ to expect of a measurement of `size` "
    "values, from a blank frame recorded with the same settings. The frame has an offset, which is "
    "no noise. Use the sample standard deviation (the sum of squares divided by n − 1).",
    reference=reference.blank_noise,
    cases=_cases,
    sizes=[(12, 40), (30, 16), (9, 100)],
    properties=[
        Property("an offset changes nothing", _ignores_the_offset),
        Property("twice the signal, twice the norm", _scales),
        Property("four times the data, twice the norm", _grows_with_size),
    ],
    misconceptions=[
        Misconception(
            "standard deviation only",
            lambda blank, size: np.std(blank, ddof=1),
            "Your function returns the noise of one pixel. The discrepancy principle compares "
            "norms: of all pixels together.",
            "A norm is the root of a sum of squares. How many squares of about σ² are summed?",
            credit=0.5,
        ),
        Misconception(
            "n for n − 1",
            lambda blank, size: np.std(blank) * np.sqrt(size),
            "Your standard deviation divides by n. The offset was estimated from the same pixels, "
            "so n − 1 of them are left: ddof=1.",
            "np.std has an argument ddof.",
            credit=0.5,
        ),
        Misconception(
            "number of blank pixels",
            lambda blank, size: np.std(blank, ddof=1) * np.sqrt(len(blank)),
            "Your function returns the noise norm of the blank frame itself. It is the measurement "
            "whose norm is asked for, and that has `size` values.",
            "The frame tells σ. How many values has what you will reconstruct?",
            credit=0.5,
        ),
        Misconception(
            "offset counted as noise",
            lambda blank, size: np.sqrt(np.mean(blank**2) * size),
            "Your function counts the offset of the frame as noise.",
            "Subtract the mean of the blank frame before you square.",
        ),
        Misconception(
            "norm of the frame",
            lambda blank, size: np.linalg.norm(blank),
            "Your function returns the norm of the frame with its offset, and size is never used.",
            "Subtract the mean, find the noise of one pixel, then go to `size` pixels.",
        ),
        Misconception(
            "variance for deviation",
            lambda blank, size: np.var(blank, ddof=1) * np.sqrt(size),
            "Your function multiplies the variance by √size. The standard deviation is its root.",
            "Look at the unit: a noise norm has the unit of the data, not its square.",
        ),
        Misconception(
            "squared norm",
            lambda blank, size: np.var(blank, ddof=1) * size,
            "Your function returns the square of the noise norm.",
            "One root is missing at the end.",
            credit=0.5,
        ),
        Misconception(
            "size without root",
            lambda blank, size: np.std(blank, ddof=1) * size,
            "Your function multiplies by size, but a norm grows with its root.",
            "Noise adds up in squares: size · σ² is ‖ε‖², not ‖ε‖.",
            credit=0.5,
        ),
        Misconception(
            "error of the mean",
            lambda blank, size: np.std(blank, ddof=1) / np.sqrt(size),
            "Your function divides by √size: that is the uncertainty of a mean, which falls with "
            "more data. A norm grows.",
            "More data, more squares to sum.",
        ),
    ],
    hints=[
        "First the noise σ of one pixel, then that of all pixels together.",
        "σ is the standard deviation of the blank frame, without its offset.",
        "‖ε‖² is a sum of `size` squares, each about σ².",
    ],
    picture=pictures.blank_noise,
    takeaway="A blank frame costs a second and makes the discrepancy principle usable.",
    points=1,
)
