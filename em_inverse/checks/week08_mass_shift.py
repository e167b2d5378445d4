"""Week 8, exercise 1: bring the centre of mass of a projection to the middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks import week08_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.week08_problems import projection

__all__ = ["mass_shift"]

_TOLERANCE = 1e-6


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    return [{"image": projection(rng, (nx, ny))} for nx, ny in sizes]


def _off(first: float, second: float) -> bool:
    return abs(first - second) > _TOLERANCE


def _dose_is_no_place(case: Case, shift: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if not _off(float(call(image=8 * case["image"])), float(shift)):
        return None
    return (
        "Eight times the dose makes every pixel eight times as bright, and moves nothing; your "
        "shift changes. Divide by the total mass."
    )


def _centred_stays(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    image = case["image"]
    shift = float(call(image=image + image[::-1]))
    if not _off(shift, 0.0):
        return None
    return (
        f"An image that equals its own mirror image along x is centred already: the shift is 0, "
        f"yours is {shift:.3g}."
    )


def _margins_change_nothing(
    case: Case, shift: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    wider = float(call(image=np.pad(case["image"], ((3, 3), (0, 0)))))
    if not _off(wider, float(shift)):
        return None
    return (
        f"Three empty lines of pixels on either side leave the middle where it is, but your shift "
        f"goes from {float(shift):.3g} to {wider:.3g} pixels."
    )


def _mirror_turns_the_sign(
    case: Case, shift: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if not _off(float(call(image=case["image"][::-1])), -float(shift)):
        return None
    return "Mirrored along x, the image must be moved as far the other way; yours is not."


def _x(image: np.ndarray) -> np.ndarray:
    return np.arange(image.shape[0])


def _centre(image: np.ndarray) -> float:
    profile = image.sum(axis=1)
    return float(_x(image) @ profile / profile.sum())


def _middle(image: np.ndarray) -> float:
    return (image.shape[0] - 1) / 2


def _brightest(image: np.ndarray) -> int:
    return int(np.unravel_index(image.argmax(), image.shape)[0])


mass_shift = Exercise(
    "mass_shift",
    "Write mass_shift(image): image[x, y] is one projection, its background already subtracted. "
    "Return by how many pixels it must be moved along x, as a float and positive towards larger x, "
    "so that its centre of mass along x falls on the middle of the detector, (nx − 1)/2. Values "
    "below zero are noise, and count like all others.",
    reference=reference.mass_shift,
    cases=_cases,
    sizes=[(16, 11), (13, 18), (21, 9), (12, 12)],
    properties=[
        Property("no dependence on the dose", _dose_is_no_place),
        Property("a centred image stays", _centred_stays),
        Property("empty margins change nothing", _margins_change_nothing),
        Property("mirrored, it moves the other way", _mirror_turns_the_sign),
    ],
    misconceptions=[
        Misconception(
            "opposite sign",
            lambda image: _centre(image) - _middle(image),
            "Your shift has the right size and the opposite sign: it would double the error.",
            "Where it should be, minus where it is.",
            credit=0.5,
        ),
        Misconception(
            "nx / 2",
            lambda image: image.shape[0] / 2 - _centre(image),
            "You take nx/2 for the middle. Pixels are counted from 0 to nx − 1, so the middle of "
            "the detector is (nx − 1)/2: all your images lie half a pixel off.",
            "What is the middle of 0, 1, 2?",
            credit=0.5,
        ),
        Misconception(
            "nx // 2",
            lambda image: image.shape[0] // 2 - _centre(image),
            "You take the pixel nx // 2 for the middle. Where nx is even, the middle lies between "
            "two pixels, at (nx − 1)/2.",
            "What is the middle of 0, 1, 2, 3?",
            credit=0.5,
        ),
        Misconception(
            "along the tilt axis",
            lambda image: _middle(image.T) - _centre(image.T),
            "You centre the image along y, the tilt axis. A shift along the axis spoils nothing "
            "here; what must be right is x, across the axis, and x is the first index.",
            "image.sum(axis=1) adds over y, and leaves a profile along x.",
            credit=0.25,
        ),
        Misconception(
            "axes mixed",
            lambda image: _middle(image) - _centre(image.T),
            "Your middle is that of x, but the centre of mass is that of y.",
            "image.sum(axis=1) adds over y, and leaves a profile along x.",
        ),
        Misconception(
            "brightest pixel",
            lambda image: _middle(image) - _brightest(image),
            "You bring the brightest pixel to the middle. Which pixel is the brightest changes "
            "from tilt to tilt, and with the noise; the centre of mass of an object runs along a "
            "sine curve.",
            "Let every pixel vote, with its value as its weight.",
        ),
        Misconception(
            "brightest line",
            lambda image: _middle(image) - int(image.sum(axis=1).argmax()),
            "You bring the highest point of the profile to the middle. Its place depends on the "
            "shape seen at this tilt, and it is known to a whole pixel only.",
            "Let every pixel vote, with its value as its weight.",
        ),
        Misconception(
            "shift rounded",
            lambda image: float(np.round(_middle(image) - _centre(image))),
            "Your shift is rounded to whole pixels. Up to half a pixel of error stays in every "
            "projection, and each has another one.",
            "Return the float. Whoever moves the image can interpolate.",
            credit=0.5,
        ),
        Misconception(
            "shift cut off",
            lambda image: int(_middle(image) - _centre(image)),
            "Your shift is cut off to a whole number: up to one pixel of error stays.",
            "Return the float. Whoever moves the image can interpolate.",
            credit=0.5,
        ),
        Misconception(
            "centre rounded",
            lambda image: _middle(image) - round(_centre(image)),
            "Your centre of mass is rounded to a whole pixel before it is used.",
            "Leave the centre a float: it may lie between two pixels.",
            credit=0.5,
        ),
        Misconception(
            "not divided",
            lambda image: _middle(image) - float((_x(image) @ image).sum()),
            "Your centre of mass is a sum of mass times place that was never divided by the total "
            "mass. Its unit is counts times pixels; subtract it from pixels and nonsense remains.",
            "(x * profile).sum() / profile.sum()",
            credit=0.25,
        ),
        Misconception(
            "moment",
            lambda image: float(((_middle(image) - _x(image)) @ image).sum()),
            "Your function returns the first moment about the middle, in counts times pixels. "
            "Divided by the total mass it would be right.",
            "Which unit has your answer? It should be pixels.",
            credit=0.5,
        ),
        Misconception(
            "divided by the number of pixels",
            lambda image: _middle(image) - float((_x(image) @ image.sum(axis=1)) / image.shape[0]),
            "You divide by the number of pixels where the total mass belongs: a mean of mass times "
            "place, not a mean place.",
            "(x * profile).sum() / profile.sum()",
            credit=0.25,
        ),
        Misconception(
            "thresholded at half",
            lambda image: _middle(image) - _centre(np.where(image > image.max() / 2, image, 0)),
            "You count only pixels above half of the maximum. The faint parts of the object have "
            "mass, too, and which of them pass the threshold changes from tilt to tilt.",
            "Use all pixels as they are; the background is gone already.",
        ),
        Misconception(
            "binary mask",
            lambda image: _middle(image) - _centre((image > image.max() / 2).astype(float)),
            "Your function makes a mask first: it finds the middle of an outline. A thick part of "
            "the object must count more than a thin one.",
            "The weight of a pixel is its value.",
        ),
        Misconception(
            "clipped at zero",
            lambda image: _middle(image) - _centre(np.maximum(image, 0)),
            "You set values below zero to zero. They are noise, and so are as many above zero; "
            "where only those are left, empty pixels gain mass and pull towards the middle.",
            "Use all pixels as they are.",
            credit=0.5,
        ),
        Misconception(
            "magnitudes",
            lambda image: _middle(image) - _centre(np.abs(image)),
            "You take magnitudes: noise below zero is turned into mass in empty pixels.",
            "Use all pixels as they are.",
            credit=0.5,
        ),
        Misconception(
            "centre returned",
            _centre,
            "Your function returns where the centre of mass is. Asked for is the way from there to "
            "the middle.",
            "The middle is (nx − 1)/2. Where it should be, minus where it is.",
            credit=0.5,
        ),
    ],
    hints=[
        "Three steps: a profile along x, its centre of mass, the way from there to the middle.",
        (
            "The centre of mass is the mean place, each place weighted with its mass: "
            "(x * profile).sum() / profile.sum() with x = 0, 1, ..., nx − 1."
        ),
        "Where it should be, minus where it is: (nx − 1) / 2 - centre.",
    ],
    picture=pictures.mass_shift,
    takeaway="Every projection of an object that is whole in the picture has the same mass, and "
    "its centre on a sine curve. That is why this works for the first projection alone, with no "
    "other to compare it with. It fails where something enters the picture from the side.",
    points=2,
)
