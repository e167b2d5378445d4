"""Week 1, exercise 1: the HAADF image of element maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from em_inverse.checks import week01_pictures as pictures
from em_inverse.checks import week01_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.forward import GaussianBlur

__all__ = ["haadf"]

_TOLERANCE = 1e-6


def _haadf_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Two to four elements, another probe and another γ each time."""
    cases: list[Case] = []
    for index, (rows, columns) in enumerate(sizes):
        elements = 2 + index % 3
        cases.append(
            {
                "x": rng.uniform(0.5, 3.0, (elements, rows, columns)),
                "Z": rng.choice(np.arange(6, 80), elements, replace=False).astype(float),
                "gamma": float(rng.uniform(1.5, 1.9)),
                "P": GaussianBlur((rows, columns), float(rng.uniform(0.8, 1.6)), "constant"),
            }
        )
    return cases


def _is_linear_in_the_amount(
    case: Case, image: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if distance(call(x=2 * case["x"]), 2 * image) < _TOLERANCE:
        return None
    return (
        "Twice the material must be twice as bright. Give your function 2 * x and the image does "
        "not double: is something added that is no map, or does x stand inside a power or a "
        "product of maps?"
    )


def _adds_the_elements(
    case: Case, image: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    first, rest = case["x"].copy(), case["x"].copy()
    first[1:], rest[:1] = 0, 0
    if distance(call(x=first) + call(x=rest), image) < _TOLERANCE:
        return None
    return (
        "The image of all elements must be the sum of the images of each; yours is not. Every "
        "atom scatters for itself."
    )


def _uses_the_probe(case: Case, image: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    shape = case["x"].shape[1:]
    sharp = call(P=GaussianBlur(shape, 0.0))
    wanted = np.tensordot(case["Z"] ** case["gamma"], case["x"], axes=1)
    if distance(sharp, wanted) < _TOLERANCE:
        return None
    return (
        "With a probe as sharp as a needle (P leaves an image as it is) the answer must be "
        "Σ Z^γ x; yours is not."
    )


def _weighted(weight: Callable[[Any, float], Any]) -> Callable[..., np.ndarray]:
    """Return a wrong answer: P applied to maps added with other weights."""

    def image(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
        return P @ np.tensordot(weight(Z, gamma), x, axes=1)

    return image


def _z_of_the_lesson(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
    lesson = np.array([26.0, 79.0])
    return P @ np.tensordot(lesson[: len(x)] ** gamma, x[:2], axes=1)


def _power_law(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
    return P @ ((Z[:, None, None] * x) ** gamma).sum(axis=0)


def _no_probe(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
    return np.tensordot(Z**gamma, x, axes=1)


def _power_of_the_sum(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
    return P @ np.tensordot(Z, x, axes=1) ** gamma


def _power_of_the_image(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
    return (P @ np.tensordot(Z, x, axes=1)) ** gamma


def _power_on_the_amount(x: np.ndarray, Z: np.ndarray, gamma: float, P: GaussianBlur) -> np.ndarray:
    return P @ np.tensordot(Z, x**gamma, axes=1)


haadf = Exercise(
    "haadf",
    "Write haadf(x, Z, gamma, P): the image P ⋆ Σ Z^γ x. x[e] is the map of element e (atoms per "
    "nm²), Z[e] its atomic number, and P @ image blurs an image with the probe.",
    reference=reference.haadf,
    cases=_haadf_cases,
    sizes=[(6, 6), (5, 8), (9, 7), (7, 4)],
    properties=[
        Property("twice the material, twice the brightness", _is_linear_in_the_amount),
        Property("the elements add up", _adds_the_elements),
        Property("Σ Z^γ x when the probe is sharp", _uses_the_probe),
    ],
    misconceptions=[
        Misconception(
            "γ on the amount too",
            _power_law,
            "Your function raises Z·x to the power γ, so that twice the material is 2^γ times as "
            "bright. Here γ belongs to Z alone.",
            "Z**gamma * x and (Z * x)**gamma are not the same. (The second law exists; section 5 "
            "meets it.)",
            credit=0.5,
        ),
        Misconception(
            "forgot the probe",
            _no_probe,
            "Your function adds Z^γ x and stops: the probe P is never used, the image is too "
            "sharp.",
            "One more step, after the sum: P @ image.",
            credit=0.5,
        ),
        Misconception(
            "forgot γ",
            _weighted(lambda Z, gamma: Z),
            "Your function weighs each element with Z, not with Z^γ: gold would be 3 times as "
            "bright as iron where it is 6.6 times.",
            "** is the power in Python: Z[e] ** gamma.",
        ),
        Misconception(
            "times for power",
            _weighted(lambda Z, gamma: Z * gamma),
            "Your function multiplies Z by γ. It should raise Z to the power γ.",
            "* multiplies, ** is the power.",
        ),
        Misconception(
            "base and exponent swapped",
            _weighted(lambda Z, gamma: gamma**Z),
            "Your function computes γ^Z where Z^γ is asked for.",
            "Which of the two numbers stands on the line, and which above it?",
        ),
        Misconception(
            "power of the sum",
            _power_of_the_sum,
            "Your function adds Z·x first and takes the power of the sum. Each element needs its "
            "own power before they are added.",
            "Σ Z^γ x is read from the inside: power, product, then sum.",
        ),
        Misconception(
            "power of the blurred sum",
            _power_of_the_image,
            "Your function blurs Σ Z·x and takes the power at the very end. The power belongs to "
            "Z, before anything is added.",
            "Σ Z^γ x is read from the inside: power, product, then sum, then the probe.",
        ),
        Misconception(
            "power of the amount",
            _power_on_the_amount,
            "Your function raises the amount x to the power γ; the exponent belongs to Z.",
            "Which symbol of Σ Z^γ x carries the γ?",
        ),
        Misconception(
            "elements all alike",
            _weighted(lambda Z, gamma: np.ones_like(Z)),
            "Your function adds the maps with equal weights: Z is never used.",
            "Each map has its own weight, Z[e] ** gamma.",
        ),
        Misconception(
            "mean for sum",
            _weighted(lambda Z, gamma: Z**gamma / len(Z)),
            "Your function takes the mean over the elements where the sum is asked for: with more "
            "elements in the list the same particle would get darker.",
            "Look for a np.mean, or a division by the number of elements.",
            credit=0.5,
        ),
        Misconception(
            "relative to the heaviest",
            _weighted(lambda Z, gamma: (Z / Z.max()) ** gamma),
            "Your function divides every Z by the largest one. The contrast is right, the scale "
            "is not.",
            "Use Z as it is.",
            credit=0.5,
        ),
        Misconception(
            "blurred twice",
            lambda x, Z, gamma, P: P @ (P @ np.tensordot(Z**gamma, x, axes=1)),
            "Your function sends the image through the probe twice.",
            "Blur the maps or blur the sum: one of the two is enough.",
        ),
        Misconception(
            "γ of the lesson",
            _weighted(lambda Z, gamma: Z**1.7),
            "Your function has the exponent 1.7 written in; it comes as the argument gamma.",
            "The check uses other exponents. Write gamma where 1.7 stands.",
            credit=0.5,
        ),
        Misconception(
            "Z of the lesson",
            _z_of_the_lesson,
            "Your function has the numbers 26 and 79 written in; they come in the argument Z.",
            "The check uses other elements. Write Z[e] where a number stands.",
            credit=0.5,
        ),
        Misconception(
            "only the first element",
            lambda x, Z, gamma, P: P @ (Z[0] ** gamma * x[0]),
            "Your function returns the image of the first element only.",
            "Does a return stand inside the loop, or is an image overwritten where it should "
            "grow? Try image = image + ...",
        ),
        Misconception(
            "only the last element",
            lambda x, Z, gamma, P: P @ (Z[-1] ** gamma * x[-1]),
            "Your function returns the image of the last element only.",
            "Is an image overwritten in the loop where it should grow? Try image = image + ...",
        ),
    ],
    hints=[
        "One element first: the map x[0], times Z[0] ** gamma. Then add the others in a loop.",
        "Start from np.zeros(x.shape[1:]) and add Z[e] ** gamma * x[e] for each e.",
        "At the end, once: return P @ image.",
    ],
    picture=pictures.haadf,
    takeaway="You have written your first forward model: object in, image out.",
    points=1,
)
