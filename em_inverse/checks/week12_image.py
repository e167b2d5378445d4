"""Week 12, exercise 1: an electron wave through slices, and what the camera makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week12_pictures as pictures
from em_inverse.checks import week12_reference as reference
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["image"]

_TOLERANCE = 1e-8


def _cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    """Thick random specimens, a long way between slices, a lens with an aperture."""
    cases: list[Case] = []
    for n_slices, nx, ny in sizes:
        q2 = np.fft.fftfreq(nx)[:, None] ** 2 + np.fft.fftfreq(ny)[None, :] ** 2
        P = np.exp(-1j * np.pi * rng.uniform(2, 5) * q2)
        L = np.exp(-1j * np.pi * rng.uniform(-9, -4) * q2) * (q2 < 0.25)
        slices = rng.uniform(0, 60, (n_slices, nx, ny))
        cases.append({"slices": slices, "sigma": rng.uniform(0.01, 0.03), "P": P, "L": L})
    return cases


def _empty(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if np.abs(call(slices=0 * case["slices"]) - 1).max() < _TOLERANCE:
        return None
    return "Without a specimen the image must be 1 everywhere; yours is not."


def _all_electrons(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    phase_only = np.where(case["L"] == 0, 1, case["L"])
    if abs(float(call(L=phase_only).mean()) - 1) < _TOLERANCE:
        return None
    return (
        "With a lens that stops nothing the mean of the image must be 1: electrons are neither "
        "made nor lost. Yours lose some, or gain."
    )


def _no_way_between(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    still = np.ones_like(case["P"])
    apart = call(P=still)
    at_once = call(P=still, slices=case["slices"].sum(axis=0, keepdims=True))
    if np.abs(apart - at_once).max() < _TOLERANCE:
        return None
    return (
        "With no way between the slices (P = 1) many slices must act like one that holds their "
        "sum; yours do not."
    )


def _through(
    slices: np.ndarray,
    sigma: float,
    P: np.ndarray,
    step: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    psi = np.ones(slices[0].shape, complex)
    for one in slices:
        psi = step(psi, np.exp(1j * sigma * one))
    return psi


def _filtered(wave: np.ndarray, by: np.ndarray) -> np.ndarray:
    return np.asarray(np.fft.ifft2(by * np.fft.fft2(wave)))


def _seen(wave: np.ndarray, L: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(_filtered(wave, L)) ** 2)


def _exit(slices: np.ndarray, sigma: float, P: np.ndarray) -> np.ndarray:
    return _through(slices, sigma, P, lambda psi, t: _filtered(t * psi, P))


image = Exercise(
    "image",
    "Write image(slices, sigma, P, L). A plane wave (1 everywhere) meets slices[m, x, y], one "
    "after the other. Each multiplies it by exp(iσS) and sends it on, ψ ← F⁻¹[P F ψ]. Behind the "
    "last one comes the lens, F⁻¹[L F ψ], and the camera counts |ψ|². P and L are in the order of "
    "np.fft.fft2.",
    reference=reference.image,
    cases=_cases,
    sizes=[(3, 6, 5), (2, 4, 7), (4, 5, 6)],
    properties=[
        Property("1 without a specimen", _empty),
        Property("no electron lost", _all_electrons),
        Property("slices add up where nothing lies between", _no_way_between),
    ],
    misconceptions=[
        Misconception(
            "one projection",
            lambda slices, sigma, P, L: _seen(
                _filtered(np.exp(1j * sigma * slices.sum(axis=0)), P ** len(slices)), L
            ),
            "You add up all slices first and pass them at once. That is the projection: whoever "
            "is scattered at the top no longer spreads before the bottom.",
            "Propagate after every slice, inside the loop.",
            credit=0.25,
        ),
        Misconception(
            "propagated first",
            lambda slices, sigma, P, L: _seen(
                _through(slices, sigma, P, lambda psi, t: t * _filtered(psi, P)), L
            ),
            "You propagate before the slice. The first slice then meets a wave that has travelled "
            "already, and the last one is not followed by its way.",
            "First exp(iσS) · ψ, then F⁻¹[P F …].",
            credit=0.5,
        ),
        Misconception(
            "not squared",
            lambda slices, sigma, P, L: np.sqrt(_seen(_exit(slices, sigma, P), L)),
            "This is |ψ|. The camera counts |ψ|².",
            "np.abs(psi) ** 2.",
            credit=0.5,
        ),
        Misconception(
            "no lens",
            lambda slices, sigma, P, L: np.abs(_exit(slices, sigma, P)) ** 2,
            "L is never used: this is the wave behind the specimen, not in the plane that the "
            "microscope shows.",
            "Once after the loop: np.fft.ifft2(L * np.fft.fft2(psi)).",
            credit=0.5,
        ),
        Misconception(
            "weak phase",
            lambda slices, sigma, P, L: _seen(
                _through(
                    slices, sigma, P, lambda psi, t: _filtered((1 + 1j * np.angle(t)) * psi, P)
                ),
                L,
            ),
            "You take 1 + iσS in place of exp(iσS). For weak phases both are alike; here |1 + iσS| "
            "is above 1, and electrons come out of nowhere.",
            "np.exp(1j * sigma * S).",
            credit=0.25,
        ),
        Misconception(
            "absorbed",
            lambda slices, sigma, P, L: _seen(
                _through(slices, sigma, P, lambda psi, t: _filtered(np.exp(-np.angle(t)) * psi, P)),
                L,
            ),
            "You multiply by exp(−σS): the specimen swallows electrons. A potential shifts their "
            "phase.",
            "An i belongs into the exponent: 1j * sigma * S.",
            credit=0.25,
        ),
        Misconception(
            "phase turned round",
            lambda slices, sigma, P, L: _seen(
                _through(slices, sigma, P, lambda psi, t: _filtered(t.conj() * psi, P)), L
            ),
            "You multiply by exp(−iσS). Atoms attract electrons: the phase grows, the sign is +.",
            "np.exp(+1j * sigma * S).",
            credit=0.5,
        ),
        Misconception(
            "sent back",
            lambda slices, sigma, P, L: _seen(
                _through(slices, sigma, P, lambda psi, t: _filtered(t * psi, P.conj())), L
            ),
            "You propagate with the conjugate of P, which leads back up.",
            "P as it is given.",
            credit=0.5,
        ),
        Misconception(
            "not in Fourier space",
            lambda slices, sigma, P, L: _seen(
                _through(slices, sigma, P, lambda psi, t: P * t * psi), L
            ),
            "You multiply the wave itself by P. P belongs to its Fourier transform.",
            "np.fft.ifft2(P * np.fft.fft2(...)).",
        ),
        Misconception(
            "only the last slice",
            lambda slices, sigma, P, L: _seen(_filtered(np.exp(1j * sigma * slices[-1]), P), L),
            "Each slice starts with a new plane wave, so that only the last one is seen.",
            "Keep ψ: the wave that leaves a slice enters the next one.",
        ),
        Misconception(
            "real part",
            lambda slices, sigma, P, L: _filtered(_exit(slices, sigma, P), L).real ** 2,
            "You square the real part. |ψ|² is real part squared plus imaginary part squared.",
            "np.abs(psi) ** 2.",
            credit=0.25,
        ),
    ],
    hints=[
        "psi = np.ones(slices[0].shape, complex), and then for S in slices: …",
        "Inside the loop: psi = np.fft.ifft2(P * np.fft.fft2(np.exp(1j * sigma * S) * psi)).",
        "After it: np.abs(np.fft.ifft2(L * np.fft.fft2(psi))) ** 2.",
    ],
    picture=pictures.image,
    takeaway="Two multiplications a slice, one in real space and one in Fourier space: that is "
    "all of dynamical scattering.",
    points=2,
)
