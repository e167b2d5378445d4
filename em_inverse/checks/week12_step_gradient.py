"""Week 12, exercise 2: one slice on the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from em_inverse.checks import week12_pictures as pictures
from em_inverse.checks import week12_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["step_gradient"]

_TOLERANCE = 1e-8


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Waves and residuals that are complex through and through."""
    cases: list[Case] = []
    for nx, ny in sizes:
        q2 = np.fft.fftfreq(nx)[:, None] ** 2 + np.fft.fftfreq(ny)[None, :] ** 2
        real = rng.standard_normal((4, nx, ny))
        cases.append(
            {
                "r": real[0] + 1j * real[1],
                "psi": 1 + 0.5 * (real[2] + 1j * real[3]),
                "S": rng.uniform(5, 60, (nx, ny)),
                "sigma": rng.uniform(0.01, 0.03),
                "P": np.exp(-1j * np.pi * rng.uniform(2, 5) * q2),
            }
        )
    return cases


def _step(S: np.ndarray, psi: np.ndarray, sigma: float, P: np.ndarray) -> np.ndarray:
    return np.asarray(np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S) * psi)))


def _no_residual(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(r=0 * case["r"])).max() < _TOLERANCE:
        return None
    return "Where the wave already fits (r = 0) nothing may pull at the potential; yours does."


def _linear(case: Case, g: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(r=2.5 * case["r"]) - 2.5 * g).max() < _TOLERANCE * np.abs(g).max():
        return None
    return "The way back is linear in r: 2.5 times the residual must give 2.5 times the gradient."


def _as_measured(case: Case, g: np.ndarray, _: Callable[..., np.ndarray]) -> str | None:
    """⟨g, dS⟩ against Re⟨r, dψ⟩, by a finite difference."""
    rest = {name: case[name] for name in ("psi", "sigma", "P")}
    dS = np.cos(np.arange(g.size)).reshape(g.shape)
    small = 1e-4
    dpsi = _step(case["S"] + small * dS, **rest) - _step(case["S"] - small * dS, **rest)
    wanted = float(np.real(np.vdot(case["r"], dpsi))) / (2 * small)
    found = float((g * dS).sum())
    if abs(found - wanted) < 1e-6 * float(np.abs(g * dS).sum()):
        return None
    return (
        f"For a small change dS of the slice, Re⟨r, dψ⟩ is {wanted:.4g} times its size, but "
        f"⟨g, dS⟩ is {found:.4g}."
    )


def _rule(
    combine: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray],
    *,
    turned: bool = True,
) -> Callable[..., np.ndarray]:
    """Build a wrong answer from the residual taken back, and the wave before and behind."""

    def rule(r: np.ndarray, psi: np.ndarray, S: np.ndarray, sigma: float, P: np.ndarray) -> Any:
        back = np.fft.ifft2((P.conj() if turned else P) * np.fft.fft2(r))
        return combine(back, psi, np.exp(1j * sigma * S) * psi, sigma)

    return rule


def _right(back: np.ndarray, _: np.ndarray, behind: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(sigma * np.imag(back * behind.conj()))


step_gradient = Exercise(
    "step_gradient",
    "Write step_gradient(r, psi, S, sigma, P) for one step ψ_out = F⁻¹[P F(exp(iσS) ψ)]. r is a "
    "residual on ψ_out. Return the real picture g with ⟨g, dS⟩ = Re⟨r, dψ_out⟩ for every small "
    "change dS of the slice: take r back through free space, then compare it with exp(iσS) ψ.",
    reference=reference.step_gradient,
    cases=_cases,
    sizes=[(6, 5), (4, 7), (5, 6)],
    properties=[
        Property("silent where the wave fits", _no_residual),
        Property("linear in the residual", _linear),
        Property("the derivative as measured", _as_measured),
    ],
    misconceptions=[
        Misconception(
            "sent forward",
            _rule(_right, turned=False),
            "You send r forward, with P. The adjoint of F⁻¹ P F has the conjugate of P, and leads "
            "back.",
            "P.conj().",
            credit=0.5,
        ),
        Misconception(
            "not sent at all",
            lambda r, psi, S, sigma, P: _right(r, psi, np.exp(1j * sigma * S) * psi, sigma),
            "P is never used: r is compared with the wave behind the slice as if both stood in the "
            "same plane.",
            "First back = np.fft.ifft2(P.conj() * np.fft.fft2(r)).",
            credit=0.25,
        ),
        Misconception(
            "wave before the slice",
            _rule(lambda back, psi, behind, sigma: _right(back, psi, psi, sigma)),
            "You compare with ψ before the slice. The derivative of exp(iσS) ψ is iσ exp(iσS) ψ: "
            "the wave behind the slice.",
            "behind = np.exp(1j * sigma * S) * psi.",
            credit=0.5,
        ),
        Misconception(
            "σ forgotten",
            _rule(lambda back, psi, behind, sigma: np.imag(back * behind.conj())),
            "The σ of the chain rule is missing.",
            "d exp(iσS)/dS = iσ exp(iσS).",
            credit=0.5,
        ),
        Misconception(
            "i forgotten",
            _rule(lambda back, psi, behind, sigma: sigma * np.real(back * behind.conj())),
            "You take the real part. The i of the chain rule turns it into the imaginary one.",
            "Re(conj(back) · i · behind) = Im(back · conj(behind)).",
            credit=0.5,
        ),
        Misconception(
            "sign",
            _rule(lambda back, psi, behind, sigma: -_right(back, psi, behind, sigma)),
            "The sign is turned round: a step against this would climb.",
            "Im(back · conj(behind)), not Im(conj(back) · behind).",
            credit=0.5,
        ),
        Misconception(
            "not conjugated",
            _rule(lambda back, psi, behind, sigma: sigma * np.imag(back * behind)),
            "One of the two waves must be conjugated: the phase that both share has to go.",
            "back * behind.conj().",
            credit=0.25,
        ),
        Misconception(
            "twice",
            _rule(lambda back, psi, behind, sigma: 2 * _right(back, psi, behind, sigma)),
            "A factor 2 too much. It belongs to the square in the cost, not to the step.",
            "No 2 here.",
            credit=0.5,
        ),
        Misconception(
            "modulus",
            _rule(lambda back, psi, behind, sigma: sigma * np.abs(back * behind.conj())),
            "You take the modulus: it says how strongly r pulls, and not in which direction.",
            "np.imag in place of np.abs.",
        ),
    ],
    hints=[
        "Chain rule: dψ_out = F⁻¹[P F(iσ exp(iσS) ψ dS)]. Move every factor to the side of r.",
        "back = np.fft.ifft2(P.conj() * np.fft.fft2(r)); behind = np.exp(1j * sigma * S) * psi.",
        "return sigma * np.imag(back * behind.conj()).",
    ],
    picture=pictures.step_gradient,
    takeaway="What goes on to the slice above is back · exp(−iσS). With that, one loop gives the "
    "gradient of all slices, for the price of a second passage.",
    points=2,
)
