"""Week 6, exercise 2: stop when the residual has come down to the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week06_pictures as pictures
from em_inverse.checks import week06_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception
from em_inverse.checks.week06_problems import slow_system

__all__ = ["iterate_until"]

_MOST = 3000


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """The noise norm is 2 to 3, so that squares and roots of it are other numbers."""
    cases: list[Case] = []
    for m, n in sizes:
        system = slow_system(rng, (m, n))
        unit = float(rng.uniform(2, 3)) / system.noise_norm
        cases.append(
            {
                "H": system.H,
                "y": unit * system.y,
                "noise_norm": unit * system.noise_norm,
                "tau": float(rng.uniform(1.5, 2.0)),
            }
        )
    return cases


def _residual(case: Case, x: np.ndarray) -> float:
    return float(np.linalg.norm(case["H"] @ x - case["y"]))


def _meets_the_noise(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    ratio = _residual(case, x) / (case["tau"] * case["noise_norm"])
    if ratio <= 1 + 1e-9:
        return None
    return (
        f"It stops too early: the residual ‖Hx − y‖ is still {ratio:.3g} times as large as "
        f"tau · noise_norm."
    )


def _tolerance_counts(case: Case, x: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if not call(tau=1e6).any() and x.any():
        return None
    return (
        "With tau so large that zeros explain the data well enough, zeros are the answer: begin "
        "with zeros, and compare before the first step, with tau."
    )


def _until(stop: Callable[..., bool]) -> Callable[..., np.ndarray]:
    """Return a wrong rule: iterate until ``stop(residual, y, noise_norm, tau)`` holds."""

    def rule(H: np.ndarray, y: np.ndarray, noise_norm: float, tau: float) -> np.ndarray:
        x = np.zeros(H.shape[1])
        back = H.T / H.sum(axis=0)[:, None] / H.sum(axis=1)
        for _ in range(_MOST):
            residual = H @ x - y
            if stop(residual, y, noise_norm, tau):
                break
            x = np.maximum(x - back @ residual, 0)
        return x

    return rule


def _one_more(H: np.ndarray, y: np.ndarray, noise_norm: float, tau: float) -> np.ndarray:
    answer = reference.iterate_until(H, y, noise_norm, tau)
    return np.asarray(reference.sirt_step(H, y, answer))


def _one_less(H: np.ndarray, y: np.ndarray, noise_norm: float, tau: float) -> np.ndarray:
    x = before = np.zeros(H.shape[1])
    while np.linalg.norm(H @ x - y) > tau * noise_norm:
        before, x = x, reference.sirt_step(H, y, x)
    return before


def _small_step(H: np.ndarray, y: np.ndarray, noise_norm: float, tau: float) -> np.ndarray:
    x = np.zeros(H.shape[1])
    for _ in range(_MOST):
        new = reference.sirt_step(H, y, x)
        length, x = np.linalg.norm(new - x), new
        if length <= tau * noise_norm:
            break
    return x


def _norm(r: np.ndarray) -> float:
    return float(np.linalg.norm(r))


iterate_until = Exercise(
    "iterate_until",
    "Write iterate_until(H, y, noise_norm, tau): begin with zeros, make SIRT steps, and return the "
    "first object with ‖Hx − y‖ ≤ tau · noise_norm.",
    reference=reference.iterate_until,
    cases=_cases,
    sizes=[(12, 12), (10, 14), (12, 16)],
    properties=[
        Property("the residual is down to the noise", _meets_the_noise),
        Property("a large tau asks for no step", _tolerance_counts),
    ],
    misconceptions=[
        Misconception(
            "one step too many",
            _one_more,
            "Your function makes one step too many: the object before the one that you return "
            "already met the noise.",
            "Compare before you step: the residual to look at is that of the x you hold.",
            credit=0.5,
        ),
        Misconception(
            "one step too few",
            _one_less,
            "Your function returns the last object that did not yet meet the noise; one step more "
            "is asked for.",
            "Return the object whose residual you compared last.",
            credit=0.5,
        ),
        Misconception(
            "tau ignored",
            _until(lambda r, y, noise, tau: _norm(r) <= noise),
            "Your function stops at the noise norm itself; tau makes no difference.",
            "The limit is tau * noise_norm.",
            credit=0.5,
        ),
        Misconception(
            "divided by tau",
            _until(lambda r, y, noise, tau: _norm(r) <= noise / tau),
            "Your limit is noise_norm / tau: a larger tau would then stop later.",
            "tau is a safety factor above 1: it makes the limit wider.",
            credit=0.5,
        ),
        Misconception(
            "tau under the square",
            _until(lambda r, y, noise, tau: _norm(r) ** 2 <= tau * noise**2),
            "You compare squares, and forgot to square tau.",
            "Either ‖r‖ with tau · noise_norm, or both sides squared, tau as well.",
            credit=0.5,
        ),
        Misconception(
            "squared residual",
            _until(lambda r, y, noise, tau: _norm(r) ** 2 <= tau * noise),
            "You compare ‖Hx − y‖² with a norm. Compare like with like: neither squared, or both.",
            "np.linalg.norm(H @ x - y) is not squared, and neither is noise_norm.",
        ),
        Misconception(
            "residual per ray",
            _until(lambda r, y, noise, tau: _norm(r) / np.sqrt(r.size) <= tau * noise),
            "You compare the root mean square of the residual with a norm; the norm is √m times "
            "as large. It stops much too early.",
            "np.linalg.norm(r) sums the squares; np.sqrt(np.mean(r**2)) takes their mean.",
        ),
        Misconception(
            "largest misfit",
            _until(lambda r, y, noise, tau: bool(np.abs(r).max() <= tau * noise)),
            "You compare the largest single misfit; the norm of all of them together is asked for.",
            "np.linalg.norm(H @ x - y), not np.abs(...).max().",
        ),
        Misconception(
            "sum of magnitudes",
            _until(lambda r, y, noise, tau: bool(np.abs(r).sum() <= tau * noise)),
            "You compare the sum of all misfits with a norm. The sum is larger, so it stops too "
            "late or never.",
            "np.linalg.norm(H @ x - y): squares, sum, root.",
        ),
        Misconception(
            "small step",
            _small_step,
            "Your function stops when a step has become short. A short step says that the method "
            "is slow now, not that the noise is met.",
            "Look at the residual ‖Hx − y‖, not at the change of x.",
        ),
        Misconception(
            "one step only",
            lambda H, y, noise_norm, tau: reference.sirt_step(H, y, np.zeros(H.shape[1])),
            "Your function makes one step and returns. Is there an `if` where a `while` is meant, "
            "or a `return` inside the loop?",
            "A while loop repeats as long as its condition holds.",
        ),
    ],
    hints=[
        "Start: x = np.zeros(H.shape[1]). Repeat: x = sirt_step(H, y, x). When must it end?",
        "The residual is np.linalg.norm(H @ x - y). Go on while it is larger than the limit.",
        "while np.linalg.norm(H @ x - y) > tau * noise_norm: x = sirt_step(H, y, x)",
    ],
    picture=pictures.iterate_until,
    takeaway="The number of iterations has become a statement about the noise. With tau a little "
    "above 1 it errs on the side of too few, which invents less.",
    points=2,
)
