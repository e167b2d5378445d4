"""Week 5, exercise 4: how much an object is stretched along the beam."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week05_pictures as pictures
from em_inverse.checks import week05_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["spread_ratio"]


def _spread_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """A lopsided blob off the middle, on a background with values below a quarter and below 0."""
    cases: list[Case] = []
    for nz, nx in sizes:
        z, x = np.indices((nz, nx))
        cz, cx = 0.42 * nz, 0.6 * nx
        blob = np.exp(-(((z - cz) / (0.16 * nz)) ** 2) - ((x - cx) / (0.11 * nx)) ** 2)
        cases.append({"image": 2 * blob + rng.uniform(-0.2, 0.35, (nz, nx))})
    return cases


def _transposed(case: Case, ratio: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(image=case["image"].T.copy()) * ratio) - 1) < 1e-6:
        return None
    return "Exchange rows and columns, and the ratio must become one over itself; yours does not."


def _brighter(case: Case, ratio: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if abs(float(call(image=5 * case["image"]) / ratio) - 1) < 1e-6:
        return None
    return "An image five times as bright has the same shape; your number changes."


def _moved(case: Case, ratio: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    padded = np.pad(case["image"], ((7, 0), (0, 3)))
    if abs(float(call(image=padded) / ratio) - 1) < 1e-6:
        return None
    return "Put the object elsewhere in a larger image of zeros, and your number changes."


def _ratio(
    weigh: Callable[[np.ndarray], np.ndarray],
    centre: Callable[[np.ndarray, np.ndarray], float] = lambda axis, w: float(
        np.average(axis, weights=w)
    ),
    spread: Callable[[np.ndarray, np.ndarray], float] = lambda d, w: float(
        np.sqrt(np.average(d**2, weights=w))
    ),
) -> Callable[[np.ndarray], float]:
    def ratio(image: np.ndarray) -> float:
        w = weigh(image)
        z, x = (axis.astype(float) for axis in np.indices(image.shape))
        return spread(z - centre(z, w), w) / spread(x - centre(x, w), w)

    return ratio


def _above(share: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: np.where(image >= share * image.max(), np.maximum(image, 0), 0.0)


spread_ratio = Exercise(
    "spread_ratio",
    "Write spread_ratio(image): the standard deviation of z (rows) over that of x (columns), each "
    "pixel weighted by its value. Values below a quarter of the maximum count as 0. Return one "
    "number.",
    reference=reference.spread_ratio,
    cases=_spread_cases,
    sizes=[(24, 24), (20, 31), (33, 22)],
    properties=[
        Property("one over itself when transposed", _transposed),
        Property("the same at any brightness", _brighter),
        Property("the same anywhere in the image", _moved),
    ],
    misconceptions=[
        Misconception(
            "upside down",
            lambda image: 1 / reference.spread_ratio(image),
            "Your function returns the spread across over the spread along the beam: one over what "
            "is asked for.",
            "z runs along the rows, axis 0, and belongs above the line.",
            credit=0.5,
        ),
        Misconception(
            "variances",
            lambda image: reference.spread_ratio(image) ** 2,
            "Your function returns the ratio of the variances; the root is missing.",
            "A width in pixels is the root of the variance.",
            credit=0.5,
        ),
        Misconception(
            "no threshold",
            _ratio(lambda image: np.maximum(image, 0)),
            "Your function counts the whole background as object.",
            "Set to 0 what is below image.max() / 4, before anything else.",
            credit=0.5,
        ),
        Misconception(
            "negative weights",
            _ratio(lambda image: image),
            "Your function weighs with the image as it is, background and negative values "
            "included.",
            "np.where(image >= image.max() / 4, image, 0).",
        ),
        Misconception(
            "threshold at half",
            _ratio(_above(0.5)),
            "Your threshold is half of the maximum; a quarter is asked for.",
            "image.max() / 4.",
            credit=0.5,
        ),
        Misconception(
            "threshold not relative",
            _ratio(lambda image: np.where(image >= 0.25, image, 0.0)),
            "Your threshold is 0.25 itself, not a quarter of the maximum.",
            "image.max() / 4.",
            credit=0.5,
        ),
        Misconception(
            "outline only",
            _ratio(lambda image: (image >= image.max() / 4).astype(float)),
            "Your function counts every pixel above the threshold as 1: it measures the outline, "
            "not the weighted object.",
            "The weight of a pixel is its value.",
            credit=0.5,
        ),
        Misconception(
            "background kept",
            _ratio(lambda image: np.where(image < image.max() / 4, np.abs(image), 0.0)),
            "Your function keeps what is below the threshold, and throws the object away.",
            "Turn the comparison round.",
        ),
        Misconception(
            "weights squared",
            _ratio(_above(0.25), spread=lambda d, w: float(np.sqrt(np.sum((w * d) ** 2)))),
            "Your weights are squared: weight * z is squared as a whole, where z alone belongs "
            "under the square.",
            "np.sum(weight * z**2), not np.sum((weight * z) ** 2).",
            credit=0.5,
        ),
        Misconception(
            "threshold taken off",
            _ratio(lambda image: np.maximum(image - image.max() / 4, 0)),
            "Your function subtracts the threshold from the values that stay. They keep their "
            "value; only the others become 0.",
            "np.where(image >= image.max() / 4, image, 0).",
            credit=0.5,
        ),
        Misconception(
            "about the corner",
            _ratio(_above(0.25), centre=lambda axis, w: 0.0),
            "Your function measures the spread from the corner of the image, not from the centre "
            "of mass.",
            "Subtract the weighted mean of z, and of x, before you square.",
        ),
        Misconception(
            "about the middle of the image",
            _ratio(_above(0.25), centre=lambda axis, w: float(axis.mean())),
            "Your function measures the spread from the middle of the image, not from the centre "
            "of mass.",
            "np.average(z, weights=weight) is the centre.",
            credit=0.5,
        ),
        Misconception(
            "mean distance",
            _ratio(_above(0.25), spread=lambda d, w: float(np.average(np.abs(d), weights=w))),
            "Your function takes the mean distance; a standard deviation is the root of the mean "
            "square.",
            "Square, weighted mean, root.",
        ),
        Misconception(
            "full extent",
            _ratio(_above(0.25), spread=lambda d, w: float(np.ptp(d[w > 0]))),
            "Your function takes the full extent, from the first pixel above the threshold to the "
            "last. One bright pixel of noise would change it.",
            "Use every pixel: a standard deviation with weights.",
        ),
    ],
    hints=[
        "First the weights: the image, with 0 where it is below a quarter of its maximum.",
        "z, x = np.indices(image.shape); the centre is np.average(z, weights=weight).",
        "The variance is np.average((z - centre) ** 2, weights=weight); the answer is a root.",
    ],
    picture=pictures.spread_ratio,
    takeaway="1 for a round object. Say with the number how it was measured: with another ruler, "
    "such as the width at half maximum, the same picture gives another one.",
    points=2,
)
