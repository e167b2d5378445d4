"""Week 11, exercise 4: the λ at which the residual equals the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week11_pictures as pictures
from em_inverse.checks import week11_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.problems import random_system
from em_inverse.checks.trial import Case, Misconception

__all__ = ["discrepancy"]

_RESIDUAL_TOLERANCE = 1e-3


def _discrepancy_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """‖y‖ is 3 and the noise norm 0.4 to 0.8, so that the usual wrong equations have roots too."""
    cases: list[Case] = []
    for m, n in sizes:
        system = random_system(rng, (m, n))
        y = 3.0 * system.y / np.linalg.norm(system.y)
        cases.append({"H": system.H, "y": y, "noise_norm": float(rng.uniform(0.4, 0.8))})
    return cases


def _is_positive(_case: Case, lam: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    if lam > 0:
        return None
    return f"It returns {float(lam):.3g}, but λ is positive. Is that its logarithm?"


def _meets_the_noise(case: Case, lam: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    ratio = _residual(case["H"], case["y"], float(lam)) / case["noise_norm"]
    if abs(ratio - 1) <= _RESIDUAL_TOLERANCE:
        return None
    if abs(ratio - 1) < 0.1:
        return (
            f"Close: the residual at your λ is {ratio:.3f} times the noise norm, and 1.000 is "
            f"asked for. If you took the best point of a grid, refine it: halve the interval "
            f"around it on a logarithmic scale until the residual fits."
        )
    side = "too large, so λ is too large" if ratio > 1 else "too small, so λ is too small"
    return f"The residual at your λ is {ratio:.2g} times the noise norm: {side}."


def _grows_with_the_noise(
    case: Case, lam: np.ndarray, call: Callable[..., np.ndarray]
) -> str | None:
    if call(noise_norm=1.5 * case["noise_norm"]) > lam:
        return None
    return "More noise must lead to a larger λ; with yours it does not."


def _residual(H: np.ndarray, y: np.ndarray, lam: float) -> float:
    return float(np.linalg.norm(H @ reference.tikhonov(H, y, lam) - y))


def _root_of(measure: Callable[..., float]) -> Callable[..., float]:
    """Return a wrong rule: the λ at which ``measure(H, y, lam) - noise_norm`` changes sign."""

    def rule(H: np.ndarray, y: np.ndarray, noise_norm: float) -> float:
        low, high = -12.0, 12.0
        start = measure(H, y, 10**low) < noise_norm
        if start == (measure(H, y, 10**high) < noise_norm):
            return np.nan
        for _ in range(60):
            middle = (low + high) / 2
            if (measure(H, y, 10**middle) < noise_norm) == start:
                low = middle
            else:
                high = middle
        return 10**middle

    return rule


discrepancy = Exercise(
    "discrepancy",
    "Write discrepancy(H, y, noise_norm): the λ at which the residual ‖Hx − y‖ of the Tikhonov "
    "solution equals noise_norm, to a thousandth of it. Return one number.",
    reference=reference.discrepancy,
    cases=_discrepancy_cases,
    sizes=[(6, 6), (7, 7), (12, 8), (5, 9)],
    properties=[
        Property("a positive λ", _is_positive),
        Property("the residual meets the noise norm", _meets_the_noise),
        Property("more noise, larger λ", _grows_with_the_noise),
    ],
    misconceptions=[
        Misconception(
            "squared residual",
            _root_of(lambda H, y, lam: _residual(H, y, lam) ** 2),
            "Your λ makes ‖Hx − y‖² equal to the noise norm. The residual must not be squared, or "
            "both sides must be.",
            "noise_norm is a norm, not its square. Compare like with like.",
            credit=0.5,
        ),
        Misconception(
            "residual per pixel",
            _root_of(lambda H, y, lam: _residual(H, y, lam) / len(y) ** 0.5),
            "Your λ makes the root mean square of the residual equal to the noise norm. The norm "
            "is the root of the sum: √m times as large.",
            "np.linalg.norm(r) sums the squares; np.sqrt(np.mean(r**2)) takes their mean.",
            credit=0.5,
        ),
        Misconception(
            "relative residual",
            _root_of(lambda H, y, lam: _residual(H, y, lam) / float(np.linalg.norm(y))),
            "Your λ makes ‖Hx − y‖ / ‖y‖ equal to the noise norm. noise_norm is not relative.",
            "Do not divide by ‖y‖: noise_norm has the unit of y.",
            credit=0.5,
        ),
        Misconception(
            "squared noise",
            lambda H, y, noise_norm: reference.discrepancy(H, y, noise_norm**2),
            "Your λ makes ‖Hx − y‖ equal to the square of the noise norm.",
            "Compare like with like: both sides squared, or neither.",
            credit=0.5,
        ),
        Misconception(
            "size of x",
            _root_of(lambda H, y, lam: float(np.linalg.norm(reference.tikhonov(H, y, lam)))),
            "Your λ makes ‖x‖ equal to the noise norm. The discrepancy is ‖Hx − y‖: how far the "
            "reconstruction is from explaining the data.",
            "Blur your reconstruction and compare it with the measurement.",
        ),
        Misconception(
            "logarithm",
            lambda H, y, noise_norm: np.log10(reference.discrepancy(H, y, noise_norm)),
            "Your function returns log10(λ), not λ.",
            "Searching on a logarithmic scale is right. Go back with 10**... at the end.",
            credit=0.5,
        ),
        Misconception(
            "natural logarithm",
            lambda H, y, noise_norm: np.log(reference.discrepancy(H, y, noise_norm)),
            "Your function returns the natural logarithm of λ, not λ.",
            "Searching on a logarithmic scale is right. Go back with np.exp at the end.",
            credit=0.5,
        ),
        Misconception(
            "root of λ",
            lambda H, y, noise_norm: np.sqrt(reference.discrepancy(H, y, noise_norm)),
            "Your function returns √λ: the λ of programs that write λ²‖x‖².",
            "Here the penalty is λ‖x‖², and its filter σ/(σ² + λ).",
            credit=0.5,
        ),
        Misconception(
            "one over λ",
            lambda H, y, noise_norm: 1 / reference.discrepancy(H, y, noise_norm),
            "Your function returns 1/λ.",
            "A larger λ means a smoother answer and a larger residual. Test yours with two values.",
        ),
        Misconception(
            "the residual itself",
            lambda H, y, noise_norm: noise_norm,
            "Your function returns the residual, not the λ that leads to it.",
            "The residual is what you compare; the λ is what you change until it fits.",
        ),
    ],
    hints=[
        (
            "The residual grows with λ, from almost nothing to ‖y‖. Somewhere on the way it passes "
            "noise_norm, and it passes it once."
        ),
        (
            "Start with log10(λ) between -12 and 12. Look at the middle: is the residual below or "
            "above noise_norm? Keep the half that holds the crossing. Forty halvings are plenty."
        ),
        (
            "scipy.optimize.brentq does the halving, given a function that returns residual minus "
            "noise_norm at a given log10(λ). Return 10**root."
        ),
    ],
    picture=pictures.discrepancy,
    takeaway="To fit the data better than the noise allows is to fit the noise. The principle is "
    "only as good as your estimate of the noise.",
    points=2,
    rtol=0.05,
)
