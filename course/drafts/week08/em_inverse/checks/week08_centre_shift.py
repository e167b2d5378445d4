"""Week 8, exercise 2: move the centre of mass to the middle of the detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week08_pictures as pictures
from em_inverse.checks import week08_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["centre_shift"]


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """A lopsided object on a film, with noise; more pixels along y than along x, or fewer."""
    cases: list[Case] = []
    for nx, ny in sizes:
        x, y = np.mgrid[:nx, :ny]
        at = rng.uniform(0.28, 0.4) * nx, rng.uniform(0.55, 0.7) * ny
        width = 0.09 * nx, 0.12 * ny
        body = np.exp(-0.5 * (((x - at[0]) / width[0]) ** 2 + ((y - at[1]) / width[1]) ** 2))
        body += 0.5 * (np.abs(x - at[0] - 0.1 * nx) < 0.06 * nx) * (np.abs(y - at[1]) < 0.1 * ny)
        vacuum = float(rng.uniform(0.4, 0.8))
        image = vacuum + 4 * body + rng.normal(0, 0.25, (nx, ny))
        cases.append({"image": image, "vacuum": vacuum})
    return cases


def _follows_the_image(case: Case, shift: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    image = case["image"] - case["vacuum"]
    image[-1] = 0
    before = float(call(image=image, vacuum=0.0))
    change = float(call(image=np.roll(image, 1, axis=0), vacuum=0.0)) - before
    if abs(change + 1) < 1e-6:
        return None
    return (
        f"Moved by 1 px, the image has its centre of mass 1 px further on: your shift must become "
        f"smaller by 1. It changes by {change:.3g}."
    )


def _offset_does_not_matter(
    case: Case, shift: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    more = call(image=case["image"] + 7.0, vacuum=case["vacuum"] + 7.0)
    if abs(float(more - shift)) < 1e-6:
        return None
    return (
        "When the detector adds 7 to every pixel, and to the vacuum level, the object has not "
        "moved; your shift changes."
    )


def _from(mass: np.ndarray, middle: float) -> float:
    return middle - float(np.arange(mass.size) @ mass / mass.sum())


def _clipped(image: np.ndarray, vacuum: float) -> float:
    mass = np.maximum(image - vacuum, 0).sum(axis=1)
    return _from(mass, (mass.size - 1) / 2)


def _along_y(image: np.ndarray, vacuum: float) -> float:
    mass = (image - vacuum).sum(axis=0)
    return _from(mass, (mass.size - 1) / 2)


def _other_total(image: np.ndarray, vacuum: float) -> float:
    mass = (image - vacuum).sum(axis=1)
    middle = (mass.size - 1) / 2
    return middle - float(np.arange(mass.size) @ mass / image.sum())


centre_shift = Exercise(
    "centre_shift",
    "Write centre_shift(image, vacuum): image[x, y] is a projection, vacuum the level of its "
    "background. Return by how many pixels (a fraction is allowed) the image must be moved along x "
    "for the centre of mass of the object to lie in the middle, at (nx − 1)/2.",
    reference=reference.centre_shift,
    cases=_cases,
    sizes=[(24, 16), (20, 31), (33, 28)],
    properties=[
        Property("the shift follows the image", _follows_the_image),
        Property("an offset makes no difference", _offset_does_not_matter),
    ],
    misconceptions=[
        Misconception(
            "background left in",
            lambda image, vacuum: _from(image.sum(axis=1), (image.shape[0] - 1) / 2),
            "The vacuum is still in: its own centre of mass is the middle of the frame, and it "
            "pulls the answer there. The shift comes out too small.",
            "image - vacuum, before anything is summed.",
            credit=0.5,
        ),
        Misconception(
            "wrong way",
            lambda image, vacuum: -reference.centre_shift(image, vacuum),
            "Your shift has the wrong sign: it moves the object away from the middle.",
            "An object that lies before the middle has to move forward: middle minus centre.",
            credit=0.5,
        ),
        Misconception(
            "position for shift",
            lambda image, vacuum: (image.shape[0] - 1) / 2 - reference.centre_shift(image, vacuum),
            "Your function returns where the centre of mass lies; by how much the image must be "
            "moved is asked for.",
            "The middle of nx pixels lies at (nx - 1)/2.",
            credit=0.5,
        ),
        Misconception(
            "half a pixel off",
            lambda image, vacuum: reference.centre_shift(image, vacuum) + 0.5,
            "Your middle is nx/2. Counted from 0, the middle of nx pixels is (nx − 1)/2; half a "
            "pixel of shift bends every ray of the reconstruction.",
            "Of 3 pixels, 0, 1 and 2, the middle one is 1.",
            credit=0.5,
        ),
        Misconception(
            "along y",
            _along_y,
            "Your function looks along y, the tilt axis. The image is image[x, y].",
            "image.sum(axis=1) adds up along y and leaves the mass in each row x.",
        ),
        Misconception(
            "clipped at zero",
            _clipped,
            "You set what lies below the vacuum to zero. The noise there has no negative half any "
            "more, so its mean is above zero: a background again, and it pulls to the middle.",
            "Leave the negative values in: in the mean they cancel the positive ones.",
            credit=0.5,
        ),
        Misconception(
            "brightest row",
            lambda image, vacuum: (image.shape[0] - 1) / 2
            - float(np.argmax((image - vacuum).sum(axis=1))),
            "Your function moves the brightest row to the middle. Which row is brightest changes "
            "with the tilt, and not as a cosine.",
            "Weigh the places x with the mass that lies there, and divide by the whole mass.",
        ),
        Misconception(
            "another total",
            _other_total,
            "You weigh with the mass of the object and divide by that of the whole image, vacuum "
            "included.",
            "Divide by the sum of the same weights that you multiplied with.",
        ),
    ],
    hints=[
        "Take the vacuum off first. Then w = image.sum(axis=1) is the mass in each row x.",
        "The centre of mass is the sum of x · w over the sum of w; the middle is (nx − 1)/2.",
        "return (len(w) - 1) / 2 - np.sum(np.arange(len(w)) * w) / np.sum(w)",
    ],
    picture=pictures.centre_shift,
    takeaway="One sum for each projection, and no reconstruction needed. But whatever is bright and "
    "not the object, film, offset, a neighbour, pulls at it.",
    points=2,
)
