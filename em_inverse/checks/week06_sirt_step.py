"""Week 6, exercise 1: one step of SIRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week06_pictures as pictures
from em_inverse.checks import week06_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.week06_problems import weighted_system

__all__ = ["sirt_step"]

_TOLERANCE = 1e-6


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Each start has small values where the step goes down, so that clipping matters."""
    cases: list[Case] = []
    for m, n in sizes:
        system = weighted_system(rng, (m, n))
        x = rng.uniform(0.0, 3.0, n)
        x[:: max(1, n // 3)] = 0.01
        cases.append({"H": system.H, "y": 0.6 * system.y, "x": x})
    return cases


def _is_nonnegative(_case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    if x.min() >= 0:
        return None
    return f"It returns values below zero (lowest {x.min():.2g}); the step ends with x ≥ 0."


def _keeps_what_fits(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(y=case["H"] @ case["x"]), case["x"]) < _TOLERANCE:
        return None
    return "Where the data already fit, y = Hx, nothing is left to correct: x must stay as it is."


def _ignores_units(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(H=7 * case["H"], y=7 * case["y"]), x) < _TOLERANCE:
        return None
    return (
        "With H and y both seven times as large (rays counted in other units) the object must come "
        "out the same; yours changes. The sums below the fraction bars are there for that."
    )


def _rows(H: np.ndarray) -> np.ndarray:
    return H.sum(axis=1)


def _columns(H: np.ndarray) -> np.ndarray:
    return H.sum(axis=0)


def _update(H: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return H.T @ ((y - H @ x) / _rows(H)) / _columns(H)


def _clipped(change: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return the rule x ← max(x + change, 0)."""
    return lambda H, y, x: np.maximum(x + change(H, y, x), 0)


sirt_step = Exercise(
    "sirt_step",
    "Write sirt_step(H, y, x): the object after one step of SIRT, "
    "x + C Hᵀ R (y − Hx) with R = 1 / row sums and C = 1 / column sums of H, and no value below "
    "zero. H is a matrix with weights ≥ 0.",
    reference=reference.sirt_step,
    cases=_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("x ≥ 0", _is_nonnegative),
        Property("what fits stays as it is", _keeps_what_fits),
        Property("no dependence on the unit of H", _ignores_units),
    ],
    misconceptions=[
        Misconception(
            "no clipping",
            lambda H, y, x: x + _update(H, y, x),
            "Your step is right, but values below zero are left in it.",
            "np.maximum(array, 0) lifts every negative entry to zero and leaves the others alone.",
            credit=0.5,
        ),
        Misconception(
            "clipped update",
            lambda H, y, x: x + np.maximum(_update(H, y, x), 0),
            "Your function clips the update, so that a value can only ever grow. What must not be "
            "negative is the new object.",
            "First add, then clip.",
        ),
        Misconception(
            "update only",
            lambda H, y, x: np.maximum(_update(H, y, x), 0),
            "Your function returns the correction alone; it has to be added to x.",
            "The new object is the old one plus a correction.",
        ),
        Misconception(
            "update only, not clipped",
            lambda H, y, x: _update(H, y, x),
            "Your function returns the correction alone; it has to be added to x, and the sum kept "
            "at zero or above.",
            "The new object is the old one plus a correction.",
        ),
        Misconception(
            "no column sums",
            _clipped(lambda H, y, x: H.T @ ((y - H @ x) / _rows(H))),
            "The column sums are missing: what is smeared back is a sum over all rays that meet a "
            "pixel, where their weighted mean is asked for.",
            "H.sum(axis=0) adds down each column: the total weight of all rays in one pixel.",
        ),
        Misconception(
            "no row sums",
            _clipped(lambda H, y, x: H.T @ (y - H @ x) / _columns(H)),
            "The row sums are missing: the misfit of a ray is a sum over all its pixels, and must "
            "be shared among them.",
            "H.sum(axis=1) adds along each row: the length of one ray.",
        ),
        Misconception(
            "no sums at all",
            _clipped(lambda H, y, x: H.T @ (y - H @ x)),
            "Your step is x + Hᵀ(y − Hx), a gradient step without any length. Row and column sums "
            "are missing; on larger problems it runs away.",
            "Divide the misfit by the row sums, and what comes back by the column sums.",
        ),
        Misconception(
            "gradient step",
            _clipped(lambda H, y, x: H.T @ (y - H @ x) / np.linalg.norm(H, 2) ** 2),
            "That is Landweber's step, with one length 1/‖H‖² for all pixels. It converges, too, "
            "but SIRT has a length of its own for every ray and pixel.",
            "Divide the misfit by the row sums, and what comes back by the column sums.",
            credit=0.5,
        ),
        Misconception(
            "half a step",
            _clipped(lambda H, y, x: 0.5 * _update(H, y, x)),
            "Your step is half as long as asked for. Solvers allow that (a relaxation below 1); "
            "here the whole step is meant.",
            "No factor stands before C Hᵀ R.",
            credit=0.5,
        ),
        Misconception(
            "magnitude",
            lambda H, y, x: np.abs(x + _update(H, y, x)),
            "Your function turns negative values round with np.abs. Where the step asks for less "
            "than nothing, the answer is nothing, 0.",
            "np.maximum(array, 0).",
            credit=0.5,
        ),
        Misconception(
            "brackets",
            _clipped(lambda H, y, x: H.T @ (y - H @ x / _rows(H)) / _columns(H)),
            "Only H @ x is divided by the row sums, not the misfit y − Hx: a pair of brackets is "
            "missing.",
            "(y - H @ x) / rows.",
            credit=0.5,
        ),
        Misconception(
            "wrong sign",
            lambda H, y, x: np.maximum(x - _update(H, y, x), 0),
            "Your step goes the wrong way: it adds where the data ask for less.",
            "Where y is larger than Hx, the object must grow. Which sign does y − Hx have then?",
        ),
        Misconception(
            "squared weights",
            _clipped(
                lambda H, y, x: H.T @ ((y - H @ x) / np.sum(H**2, axis=1)) / np.sum(H**2, axis=0)
            ),
            "Your sums are over squared weights. Here the plain sums are asked for.",
            "H.sum(axis=1), without squares.",
        ),
        Misconception(
            "Kaczmarz weights",
            _clipped(lambda H, y, x: H.T @ ((y - H @ x) / np.sum(H**2, axis=1)) / len(y)),
            "Those are the weights of Kaczmarz and Cimmino: row sums of squares, and a mean over "
            "all rays. SIRT has plain row sums, and column sums.",
            "H.sum(axis=1) and H.sum(axis=0), without squares.",
        ),
        Misconception(
            "number of rays",
            _clipped(lambda H, y, x: H.T @ ((y - H @ x) / _rows(H)) / len(y)),
            "You divide by the number of rays where the column sums belong: pixels that few rays "
            "meet would be corrected too little.",
            "H.sum(axis=0) has one entry for every pixel.",
        ),
        Misconception(
            "means for sums",
            _clipped(lambda H, y, x: H.T @ ((y - H @ x) / H.mean(axis=1)) / H.mean(axis=0)),
            "You divide by the means of rows and columns where their sums belong: the step is too "
            "long by the number of entries of H.",
            "H.sum(axis=1), not H.mean(axis=1).",
        ),
        Misconception(
            "root of the sums",
            _clipped(
                lambda H, y, x: H.T @ ((y - H @ x) / np.sqrt(_rows(H))) / np.sqrt(_columns(H))
            ),
            "You divide by the roots of the sums; the sums themselves are asked for.",
            "Leave the roots out.",
        ),
        Misconception(
            "axes exchanged",
            _clipped(lambda H, y, x: H.T @ ((y - H @ x) / _columns(H)) / _rows(H)),
            "Rows and columns are exchanged. It only runs while H is square.",
            "The misfit has one entry for each row. H.sum(axis=1) has as many.",
        ),
        Misconception(
            "H for its transpose",
            _clipped(lambda H, y, x: H @ ((y - H @ x) / _rows(H)) / _columns(H)),
            "The misfit is sent through H once more where Hᵀ smears it back.",
            "From the detector back to the object leads H.T.",
        ),
        Misconception(
            "data for misfit",
            _clipped(lambda H, y, x: H.T @ (y / _rows(H)) / _columns(H)),
            "Your function smears the data themselves back, not the misfit y − Hx: x is never "
            "projected.",
            "Project your object first, H @ x, and compare.",
        ),
    ],
    hints=[
        "Four moves: project (H @ x), compare (y − ...), share out, smear back (H.T @ ...).",
        "rows = H.sum(axis=1) has one entry a ray; columns = H.sum(axis=0) has one entry a pixel.",
        "update = H.T @ ((y - H @ x) / rows) / columns, then np.maximum(x + update, 0).",
    ],
    picture=pictures.sirt_step,
    takeaway="Project, compare, share out, smear back. Every method of this week is made of these, "
    "in another order or with another step.",
    points=2,
)
