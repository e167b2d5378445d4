"""Week 3, exercise 1: data + λ prior, for four priors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week03_pictures as pictures
from em_inverse.checks import week03_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["objectives"]

_TOLERANCE = 1e-6
_NAMES = ("L2", "H1", "TV", "L1")

#: What a wrong answer makes of x: the four values of R.
Values = Callable[[np.ndarray], Sequence[float]]


def _objective_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """x is not the truth, so that the data term is not small; λ is never 1."""
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (m, n))
        x = system.x_true + rng.standard_normal(n)
        lam = float(rng.uniform(1.5, 3.0))
        cases.append({"H": system.H, "y": system.y, "x": x, "lam": lam})
    return cases


def _data_alone(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    misfit = float(np.sum((case["H"] @ case["x"] - case["y"]) ** 2))
    if distance(call(lam=0.0), np.full(4, misfit)) < _TOLERANCE:
        return None
    return "With λ = 0 all four must be the same number, the data term ‖Hx − y‖²; yours are not."


def _prior_alone(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    """Without data, 2x must cost four times as much in L2 and H1, and twice in TV and L1."""
    H, y, x = 0 * case["H"], 0 * case["y"], case["x"]
    once, twice = call(H=H, y=y), call(H=H, y=y, x=2 * x)
    factors = (4.0, 4.0, 2.0, 2.0)
    for name, before, after, factor in zip(_NAMES, once, twice, factors, strict=True):
        if abs(after - factor * before) > _TOLERANCE * (1 + abs(after)):
            return (
                f"When x is doubled, R of {name} must grow {factor:.0f}-fold; yours grows "
                f"{after / before:.3g}-fold. Which of the four are sums of squares?"
            )
    return None


def _blind_to_the_level(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    H, y, x = 0 * case["H"], 0 * case["y"], case["x"]
    change = call(H=H, y=y, x=x + 3.0) - call(H=H, y=y)
    if abs(change[1]) < _TOLERANCE and abs(change[2]) < _TOLERANCE:
        return None
    return "Adding a constant to x must not change R of H1 and of TV: they look at steps only."


def _with(
    values: Values, data: Callable[[np.ndarray], float] = lambda r: float(np.sum(r**2))
) -> Callable[..., np.ndarray]:
    """Return a wrong answer: other values of R, or another data term."""

    def wrong(H: np.ndarray, y: np.ndarray, x: np.ndarray, lam: float) -> np.ndarray:
        return data(H @ x - y) + lam * np.array(values(x))

    return wrong


def _right(x: np.ndarray) -> list[float]:
    d = np.diff(x)
    return [np.sum(x**2), np.sum(d**2), np.sum(np.abs(d)), np.sum(np.abs(x))]


def _rooted(x: np.ndarray) -> list[float]:
    l2, h1, tv, l1 = _right(x)
    return [np.sqrt(l2), np.sqrt(h1), tv, l1]


def _around(x: np.ndarray) -> list[float]:
    d = np.roll(x, -1) - x
    return [np.sum(x**2), np.sum(d**2), np.sum(np.abs(d)), np.sum(np.abs(x))]


def _unsigned(x: np.ndarray) -> list[float]:
    d = np.diff(x)
    return [np.sum(x**2), np.sum(d**2), np.sum(d), np.sum(x)]


def _slopes(x: np.ndarray) -> list[float]:
    d = np.gradient(x)
    return [np.sum(x**2), np.sum(d**2), np.sum(np.abs(d)), np.sum(np.abs(x))]


def _means(x: np.ndarray) -> list[float]:
    d = np.diff(x)
    return [np.mean(x**2), np.mean(d**2), np.mean(np.abs(d)), np.mean(np.abs(x))]


objectives = Exercise(
    "objectives",
    "Write objectives(H, y, x, lam): an array with the four values of ‖Hx − y‖² + λR(x), for "
    "R = Σx² (L2), Σ(step)² (H1), Σ|step| (TV) and Σ|x| (L1), in this order. A step is "
    "x[i + 1] − x[i].",
    reference=reference.objectives,
    cases=_objective_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("only the data term at λ = 0", _data_alone),
        Property("how each R grows with x", _prior_alone),
        Property("H1 and TV blind to the level", _blind_to_the_level),
    ],
    misconceptions=[
        Misconception(
            "no square on the data",
            _with(_right, lambda r: float(np.linalg.norm(r))),
            "Your data term is ‖Hx − y‖; the square is missing.",
            "np.linalg.norm takes the root at its end. np.sum(r**2) does not.",
            credit=0.5,
        ),
        Misconception(
            "mean of the data",
            _with(_right, lambda r: float(np.mean(r**2))),
            "Your data term is the mean of the squared residuals; ‖·‖² is their sum.",
            "np.mean divides by the number of data, and no such number stands in the formula.",
            credit=0.5,
        ),
        Misconception(
            "half the data term",
            _with(_right, lambda r: float(np.sum(r**2)) / 2),
            "Your data term has a ½ in front of it; the objective of this course has none.",
            "Many books write ½‖Hx − y‖² + λR(x). Then λ means something else.",
            credit=0.5,
        ),
        Misconception(
            "half the prior",
            lambda H, y, x, lam: np.sum((H @ x - y) ** 2) + lam / 2 * np.array(_right(x)),
            "Your prior term is ½λR(x); here it is λR(x).",
            "No ½ stands in this objective, neither before the data nor before the prior.",
            credit=0.5,
        ),
        Misconception(
            "roots of L2 and H1",
            _with(_rooted),
            "Your R of L2 and H1 are norms; here they are squares of norms, without the root.",
            "np.linalg.norm takes the root at its end. Square it, or use np.sum(x**2).",
            credit=0.5,
        ),
        Misconception(
            "means in the priors",
            _with(_means),
            "Your R are means; the formulas have sums.",
            "np.sum in place of np.mean.",
            credit=0.5,
        ),
        Misconception(
            "no absolute value",
            _with(_unsigned),
            "Your TV and L1 add up steps and values with their signs: ups and downs cancel.",
            "np.abs before np.sum. Try it on x = [1, -1].",
        ),
        Misconception(
            "steps around the corner",
            _with(_around),
            "Your steps include one from the last pixel back to the first: the profile was closed "
            "into a ring, as np.roll does.",
            "n pixels have n − 1 steps: np.diff(x).",
            credit=0.5,
        ),
        Misconception(
            "np.gradient",
            _with(_slopes),
            "Your steps are those of np.gradient, which averages over two pixels: it does not see "
            "an up-and-down from pixel to pixel at all.",
            "x[1:] - x[:-1], or np.diff(x).",
            credit=0.5,
        ),
        Misconception(
            "λ on the data",
            lambda H, y, x, lam: lam * np.sum((H @ x - y) ** 2) + np.array(_right(x)),
            "Your λ stands in front of the data term; it belongs to the prior.",
            "A larger λ must make the prior count more.",
        ),
        Misconception(
            "no λ",
            lambda H, y, x, lam: np.sum((H @ x - y) ** 2) + np.array(_right(x)),
            "Your function never uses λ.",
            "The prior term is lam times R.",
        ),
        Misconception(
            "no data",
            lambda H, y, x, lam: lam * np.array(_right(x)),
            "Your function returns λR(x) alone; the data term ‖Hx − y‖² is missing.",
            "Both terms belong to an objective.",
        ),
        Misconception(
            "no prior weight on squares",
            lambda H, y, x, lam: np.sum((H @ x - y) ** 2) + lam**2 * np.array(_right(x)),
            "Your function uses λ² where the exercise has λ.",
            "Some books write λ²; the objective here does not.",
            credit=0.5,
        ),
        Misconception(
            "TV before H1",
            _with(lambda x: [_right(x)[k] for k in (0, 2, 1, 3)]),
            "The four numbers are right, but TV stands where H1 belongs and the other way round.",
            "H1 squares the steps and comes second; TV takes their absolute values and comes "
            "third.",
            credit=0.5,
        ),
        Misconception(
            "another order",
            _with(lambda x: [_right(x)[k] for k in (0, 3, 1, 2)]),
            "The four numbers are right, but their order is L2, L1, H1, TV. Asked for: L2, H1, TV, "
            "L1.",
            "Read the order in the exercise once more.",
            credit=0.5,
        ),
    ],
    hints=[
        "Write the data term once; it is the same for all four. Then the four R, one by one.",
        "steps = np.diff(x). L2 and L1 take x, H1 and TV take steps; squares or np.abs, then sum.",
        "Return data + lam * np.array([L2, H1, TV, L1]).",
    ],
    picture=pictures.objectives,
    takeaway="One data term, four opinions. Which object wins depends on whom you ask.",
    points=1,
    rtol=1e-9,
)
