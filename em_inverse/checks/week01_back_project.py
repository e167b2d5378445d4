"""Week 1, exercise 3: the adjoint of a projection onto a small detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week01_pictures as pictures
from em_inverse.checks import week01_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["back_project"]

_TOLERANCE = 1e-6


def _projection_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """The detector sees a third of the slice, well left of its middle, and not its first column.

    So no column is the right one by two wrong ways of counting.
    """
    cases: list[Case] = []
    for nz, nx in sizes:
        width = max(nx // 3, 1)
        start = min(max((nx - width) // 2 - 2, 1), nx - width)
        cases.append({"y": rng.uniform(0.5, 2.0, width), "shape": (nz, nx), "start": start})
    return cases


def _passes_the_dot_test(case: Case, back: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    y, start = case["y"], case["start"]
    x = np.cos(np.arange(back.size)).reshape(back.shape)
    there = float(x.sum(axis=0)[start : start + len(y)] @ y)
    home = float((x * back).sum())
    if abs(there - home) < _TOLERANCE * np.linalg.norm(x) * np.linalg.norm(y):
        return None
    return (
        f"The dot test fails: for one slice x it gives ⟨Hx, y⟩ = {there:.3g} but ⟨x, Hᵀy⟩ = "
        f"{home:.3g}. Every pixel that H adds into a detector pixel must get that pixel's value "
        f"back, and all others 0."
    )


def _is_linear(case: Case, back: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    gap = np.linalg.norm(call(y=-3 * case["y"]) + 3 * back)
    if gap < _TOLERANCE * np.linalg.norm(case["y"]):
        return None
    return "An adjoint is linear: −3 times the data must give −3 times the answer; yours does not."


def _smeared(y: np.ndarray, shape: tuple[int, int], start: int, factor: float = 1.0) -> np.ndarray:
    return factor * reference.back_project(y, shape, start)


def _one_row(row: Callable[[int], int]) -> Callable[..., np.ndarray]:
    def wrong(y: np.ndarray, shape: tuple[int, int], start: int) -> np.ndarray:
        x = np.zeros(shape)
        x[row(shape[0]), start : start + len(y)] = y
        return x

    return wrong


def _with_edges(y: np.ndarray, shape: tuple[int, int], start: int) -> np.ndarray:
    line = np.pad(y, (start, shape[1] - start - len(y)), mode="edge")
    return np.tile(line, (shape[0], 1))


def _along_x(y: np.ndarray, shape: tuple[int, int], start: int) -> np.ndarray:
    x = np.zeros(shape)
    x[start : start + len(y), :] = y[:, None]
    return x


def _turned_round(y: np.ndarray, shape: tuple[int, int], start: int) -> np.ndarray:
    return np.roll(reference.back_project(y, shape, 0), -start, axis=1)


back_project = Exercise(
    "back_project",
    "Write back_project(y, shape, start), the adjoint Hᵀ of the operator H that sums a slice "
    "x[z, x] of this shape over z and records the len(y) columns from start on: "
    "x.sum(axis=0)[start : start + len(y)].",
    reference=reference.back_project,
    cases=_projection_cases,
    sizes=[(4, 11), (6, 10), (12, 9), (5, 14)],
    properties=[
        Property("the dot test ⟨Hx, y⟩ = ⟨x, Hᵀy⟩", _passes_the_dot_test),
        Property("linearity", _is_linear),
    ],
    misconceptions=[
        Misconception(
            "mean for sum",
            lambda y, shape, start: _smeared(y, shape, start, 1 / shape[0]),
            "Your function shares each value out among the pixels of its ray, dividing by their "
            "number. That gives back the right sum, but it is not the adjoint: each pixel of the "
            "ray gets the whole value.",
            "H adds each pixel with the weight 1. Its transpose hands the value back with the "
            "same weight 1.",
            credit=0.5,
        ),
        Misconception(
            "root of the number",
            lambda y, shape, start: _smeared(y, shape, start, shape[0] ** -0.5),
            "Your function divides by the root of the number of rows. The adjoint has the weights "
            "of H itself: 1.",
            "Nothing needs to be normalised in a transpose.",
            credit=0.5,
        ),
        Misconception(
            "only the first row",
            _one_row(lambda nz: 0),
            "Your function puts the data into the first row only. H added up all rows, so all "
            "rows must get something back.",
            "x[:, ...] = y fills every row at once.",
        ),
        Misconception(
            "only the middle row",
            _one_row(lambda nz: nz // 2),
            "Your function puts the data into the middle row. The projection does not know at "
            "which height z the material was, so no row may be preferred.",
            "x[:, ...] = y fills every row at once.",
        ),
        Misconception(
            "only the last row",
            _one_row(lambda nz: nz - 1),
            "Your function puts the data into the last row only. H added up all rows, so all "
            "rows must get something back.",
            "x[:, ...] = y fills every row at once.",
        ),
        Misconception(
            "one column too far",
            lambda y, shape, start: np.roll(reference.back_project(y, shape, start), 1, axis=1),
            "Your function is one column too far to the right: detector pixel 0 belongs to column "
            "start itself.",
            "Python counts from 0, and start counts in the same way.",
            credit=0.5,
        ),
        Misconception(
            "data reversed",
            lambda y, shape, start: reference.back_project(y[::-1], shape, start),
            "Your function hands the data back in reverse order. A transpose turns the matrix H "
            "over, not the detector.",
            "Detector pixel j belongs to column start + j.",
        ),
        Misconception(
            "forgot start",
            lambda y, shape, start: reference.back_project(y, shape, 0),
            "Your function smears the data into the first columns; the detector begins at column "
            "start.",
            "Which columns of the slice did detector pixel 0 see?",
        ),
        Misconception(
            "at the right end",
            lambda y, shape, start: reference.back_project(y, shape, shape[1] - len(y)),
            "Your function smears the data into the last columns; the detector begins at column "
            "start.",
            "Which columns of the slice did detector pixel 0 see?",
        ),
        Misconception(
            "centred",
            lambda y, shape, start: reference.back_project(y, shape, (shape[1] - len(y)) // 2),
            "Your function puts the detector into the middle of the slice; it begins at column "
            "start.",
            "Which columns of the slice did detector pixel 0 see?",
        ),
        Misconception(
            "shifted the wrong way",
            _turned_round,
            "Your function shifts by −start: what was cropped on the left must be put back on the "
            "left.",
            "np.roll moves towards larger columns when its shift is positive.",
        ),
        Misconception(
            "edges repeated",
            _with_edges,
            "Your function continues the data beyond the detector. H did not look there, so the "
            "adjoint must put 0.",
            "The transpose of cropping is padding with zeros.",
        ),
        Misconception(
            "along the wrong axis",
            _along_x,
            "Your function smears along x where the rays ran along z.",
            "In x[z, x] the first index is z. H summed over it (axis=0).",
        ),
        Misconception(
            "one value for all",
            lambda y, shape, start: np.full(shape, y.sum()),
            "Your function gives every pixel the sum of all data. Each detector pixel has a ray "
            "of its own.",
            "Pixel j of the detector belongs to column start + j, and to no other.",
        ),
        Misconception(
            "ones for data",
            lambda y, shape, start: reference.back_project(np.ones_like(y), shape, start),
            "Your function marks where the rays ran, but does not use the values y.",
            "Write y into those columns instead of 1.",
        ),
    ],
    hints=[
        (
            "H does two things: it sums over z, then it crops. The adjoint undoes the order: first "
            "make the width whole again, then give every row its copy."
        ),
        "The transpose of cropping is padding with zeros; the transpose of summing is copying.",
        "x = np.zeros(shape), then x[:, start : start + len(y)] = y.",
    ],
    picture=pictures.back_project,
    takeaway="The adjoint does not invert: it hands each value back along the way it came. Every "
    "iterative reconstruction of this course is built from that step.",
    points=1,
)
