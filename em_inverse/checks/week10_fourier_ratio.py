"""Week 10, exercise 3: plural scattering divided out, wave by wave."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week10_pictures as pictures
from em_inverse.checks import week10_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["fourier_ratio"]

_TOLERANCE = 1e-7


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Low-loss spectra that are not symmetric, ratios that differ from wave to wave."""
    cases: list[Case] = []
    for (n,) in sizes:
        losses = np.arange(n)
        p = np.exp(-0.5 * (np.minimum(losses, n - losses) / 0.7) ** 2)
        p += rng.uniform(0.15, 0.35) * np.exp(-0.5 * ((losses - n / 4) / 1.5) ** 2)
        x = np.where(losses > n / 3, 1.0, 0.0) * rng.uniform(5, 15) + rng.uniform(0, 1, n)
        y = np.fft.irfft(np.fft.rfft(p / p.sum()) * np.fft.rfft(x), n)
        r = rng.uniform(0.05, 0.4) * (0.2 + np.linspace(0, 1, n // 2 + 1) ** 2)
        cases.append({"y": y, "p": p / p.sum(), "r": r})
    return cases


def _undoes_without_noise(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    n = len(case["y"])
    x = np.cos(0.7 * np.arange(n)) + 2
    y = np.fft.irfft(np.fft.rfft(case["p"]) * np.fft.rfft(x), n)
    if np.allclose(call(y=y, r=0 * case["r"]), x, atol=1e-6):
        return None
    return "With r = 0 and no noise the ratio must give the edge back exactly; yours does not."


def _damps_all_the_way(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(r=1e12 + case["r"])).max() < _TOLERANCE:
        return None
    return "A wave that is nothing but noise (r without end) must come out as zero."


def _nearly_the_edge(case: Case, x: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    """HᵀHx + r ⋆ x = Hᵀy: the equation that the answer solves."""
    p = np.fft.rfft(case["p"])
    left = (np.abs(p) ** 2 + case["r"]) * np.fft.rfft(x) - p.conj() * np.fft.rfft(case["y"])
    if np.abs(left).max() < 1e-6 * np.abs(np.fft.rfft(case["y"])).max():
        return None
    return (
        "Your edge does not solve (|p̂|² + r) x̂ = p̂* ŷ: in some wave ‖p ⋆ x − y‖² + Σ r |x̂|² could "
        "be smaller."
    )


def _filter(gain: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    def rule(y: np.ndarray, p: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.fft.irfft(gain(np.fft.rfft(p), r) * np.fft.rfft(y), len(y))

    return rule


def _right(p: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.asarray(p.conj() / (np.abs(p) ** 2 + r))


fourier_ratio = Exercise(
    "fourier_ratio",
    "Write fourier_ratio(y, p, r): the edge x behind y = p ⋆ x (around a ring of channels), with "
    "x̂ = p̂* ŷ / (|p̂|² + r) in every wave. p has the sum 1 and its zero loss in channel 0; r holds "
    "one number per wave, in the order of np.fft.rfft. Odd numbers of channels occur.",
    reference=reference.fourier_ratio,
    cases=_cases,
    sizes=[(24,), (31,), (40,)],
    properties=[
        Property("exact without noise", _undoes_without_noise),
        Property("silent where there is only noise", _damps_all_the_way),
        Property("the equation", _nearly_the_edge),
    ],
    misconceptions=[
        Misconception(
            "bare ratio",
            _filter(lambda p, r: 1 / p),
            "This is ŷ/p̂, the bare ratio; r is never used. Where p̂ is small, what you divide is "
            "noise.",
            "Multiply by p̂*/(|p̂|² + r) in place of 1/p̂.",
        ),
        Misconception(
            "not conjugated",
            _filter(lambda p, r: p / (np.abs(p) ** 2 + r)),
            "The numerator has p̂ where its complex conjugate belongs: the plasmon is then moved "
            "to the right once more, not back.",
            "p_hat.conj() in the numerator.",
            credit=0.5,
        ),
        Misconception(
            "r beside p",
            _filter(lambda p, r: 1 / (p + r)),
            "You add r to p̂ itself. p̂ is complex, and r belongs to its square: the denominator is "
            "|p̂|² + r, the numerator p̂*.",
            "p̂*/(|p̂|² + r).",
            credit=0.25,
        ),
        Misconception(
            "size instead of square",
            _filter(lambda p, r: p.conj() / (np.abs(p) + r)),
            "The denominator has |p̂| where its square belongs. Without noise nothing would be "
            "undone but the shift.",
            "np.abs(p_hat) ** 2 + r.",
            credit=0.5,
        ),
        Misconception(
            "complex square",
            _filter(lambda p, r: p.conj() / (p**2 + r)),
            "p_hat ** 2 is a complex square. |p̂|² is p̂ times its conjugate, a real number ≥ 0.",
            "np.abs(p_hat) ** 2.",
            credit=0.5,
        ),
        Misconception(
            "damped, not divided",
            _filter(lambda p, r: np.abs(p) ** 2 / (np.abs(p) ** 2 + r)),
            "These are the filter factors: they damp the noise, and leave the plural scattering "
            "in.",
            "Filter factor over p̂: p̂*/(|p̂|² + r).",
            credit=0.25,
        ),
        Misconception(
            "adjoint",
            _filter(lambda p, r: p.conj()),
            "You multiply by p̂* and divide by nothing: that is the adjoint. It smears a second "
            "time.",
            "Divide by |p̂|² + r.",
        ),
        Misconception(
            "convolved again",
            _filter(lambda p, r: p),
            "You multiply by p̂, so the edge is smeared once more.",
            "Divide: p̂*/(|p̂|² + r).",
        ),
        Misconception(
            "r squared",
            _filter(lambda p, r: p.conj() / (np.abs(p) ** 2 + r**2)),
            "You square r. It is a ratio of powers, squares already (as our λ is).",
            "np.abs(p_hat) ** 2 + r.",
            credit=0.5,
        ),
        Misconception(
            "r without the spectrum",
            _filter(lambda p, r: p.conj() / (1 + r)),
            "|p̂|² is missing from the denominator: you damp by 1 + r only.",
            "np.abs(p_hat) ** 2 + r.",
        ),
        Misconception(
            "one r for all",
            lambda y, p, r: _filter(_right)(y, p, np.mean(r)),
            "You use the mean of r for every wave. That is Tikhonov; Wiener's filter takes each "
            "wave's own.",
            "r has as many entries as np.fft.rfft(y): no loop is needed.",
            credit=0.5,
        ),
        Misconception(
            "even length",
            lambda y, p, r: np.fft.irfft(_right(np.fft.rfft(p), r) * np.fft.rfft(y)),
            "np.fft.irfft cannot know whether there were an even or an odd number of channels; "
            "without being told it takes an even one.",
            "np.fft.irfft(x_hat, len(y)).",
            credit=0.5,
        ),
    ],
    hints=[
        "In Fourier space every wave is a problem with one unknown: p̂ x̂ = ŷ, and r as its λ.",
        "np.fft.rfft of y and of p; the numerator is p_hat.conj() * y_hat.",
        "np.fft.irfft(p_hat.conj() * y_hat / (np.abs(p_hat) ** 2 + r), len(y)).",
    ],
    picture=pictures.fourier_ratio,
    takeaway="One r for all waves is Tikhonov's λ. An r for each is Wiener's filter. The bare "
    "ratio is r = 0.",
    points=2,
)
