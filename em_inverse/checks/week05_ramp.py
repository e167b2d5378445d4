"""Week 5, exercise 2: the ramp filter of filtered back-projection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.checks import week05_pictures as pictures
from em_inverse.checks import week05_reference as reference
from em_inverse.checks.answers import distance
from em_inverse.checks.exercise import Exercise, Property
from em_inverse.checks.trial import Case, Misconception

__all__ = ["ramp"]

_TOLERANCE = 1e-6


def _ramp_cases(rng: np.random.Generator, sizes: Sequence[tuple[int, ...]]) -> list[Case]:
    return [{"projections": rng.uniform(0, 2, (m, n))} for m, n in sizes]


def _row_by_row(case: Case, out: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(projections=case["projections"][:1]), out[:1]) < _TOLERANCE:
        return None
    return "Each projection is filtered on its own; yours changes when the others are left out."


def _linear(case: Case, out: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    if distance(call(projections=-3 * case["projections"]), -3 * out) < _TOLERANCE:
        return None
    return (
        "A filter is linear: data multiplied by −3 must give an answer multiplied by −3. Yours "
        "does not (is there an np.abs, or a clip at 0?)."
    )


def _nothing_wraps(case: Case, _: np.ndarray, call: Callable[..., np.ndarray]) -> str | None:
    n = case["projections"].shape[1]
    first = np.zeros((1, n))
    first[0, 0] = 1
    answer = call(projections=first)[0]
    if n < 6 or abs(answer[-1]) < 0.5 * abs(answer[1]):
        return None
    return (
        "A spot at the left end of the detector answers at the right end: the Fourier transform "
        "closes the detector to a ring. Fill up with zeros to 2n first."
    )


def _filtered(
    gain: Callable[[np.ndarray, int], np.ndarray], pad: int = 2
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a filter with another gain than |q|, at frequencies in cycles per pixel."""

    def filtered(projections: np.ndarray) -> np.ndarray:
        n = projections.shape[1]
        spectrum = np.fft.fft(projections, pad * n, axis=1)
        q = np.fft.fftfreq(pad * n)
        return np.fft.ifft(spectrum * gain(q, n), axis=1).real[:, :n]

    return filtered


def _along_tilts(projections: np.ndarray) -> np.ndarray:
    return reference.ramp(projections.T).T


def _magnitude(projections: np.ndarray) -> np.ndarray:
    return np.abs(reference.ramp(projections))


def _real_part_of_half(projections: np.ndarray) -> np.ndarray:
    n = projections.shape[1]
    q = np.maximum(np.fft.fftfreq(2 * n), 0)
    return np.fft.ifft(np.fft.fft(projections, 2 * n, axis=1) * q, axis=1).real[:, :n]


def _second_half(projections: np.ndarray) -> np.ndarray:
    n = projections.shape[1]
    spectrum = np.fft.rfft(projections, 2 * n, axis=1)
    return np.fft.irfft(spectrum * np.fft.rfftfreq(2 * n), 2 * n, axis=1)[:, n:]


def _both_sides(projections: np.ndarray) -> np.ndarray:
    n = projections.shape[1]
    padded = np.pad(projections, ((0, 0), (n // 2, n - n // 2)))
    return np.fft.irfft(np.fft.rfft(padded, axis=1) * np.fft.rfftfreq(2 * n), axis=1)[:, :n]


def _forward_twice(projections: np.ndarray) -> np.ndarray:
    n = projections.shape[1]
    spectrum = np.fft.fft(projections, 2 * n, axis=1) * np.abs(np.fft.fftfreq(2 * n))
    return np.fft.fft(spectrum, axis=1).real[:, :n]


def _sampled_kernel(projections: np.ndarray) -> np.ndarray:
    """The band-limited ramp of Kak and Slaney, 1/4 at 0 and −1/(π m)² at odd pixels m."""
    n = projections.shape[1]
    m = np.arange(1 - n, n)
    odd = m % 2 != 0
    kernel = np.where(m == 0, 0.25, 0.0)
    kernel[odd] = -1 / (np.pi * m[odd]) ** 2
    return np.array([np.convolve(row, kernel)[n - 1 : 2 * n - 1] for row in projections])


def _inverse(q: np.ndarray, _: int) -> np.ndarray:
    size = np.abs(q)
    return np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)


ramp = Exercise(
    "ramp",
    "Write ramp(projections): filter every projection (a row of n pixels) with the ramp |q|, q in "
    "cycles per pixel. Fill each row up with zeros to 2n pixels before the Fourier transform, and "
    "return its first n pixels after it.",
    reference=reference.ramp,
    cases=_ramp_cases,
    sizes=[(3, 8), (1, 9), (6, 13)],
    properties=[
        Property("row by row", _row_by_row),
        Property("linear", _linear),
        Property("nothing wraps around", _nothing_wraps),
    ],
    misconceptions=[
        Misconception(
            "no padding",
            _filtered(lambda q, n: np.abs(q), pad=1),
            "Your ramp is right, but the rows are not filled up with zeros: what leaves on one "
            "side comes back on the other.",
            "np.fft.rfft(projections, 2 * n, axis=1) fills up with zeros by itself.",
            credit=0.5,
        ),
        Misconception(
            "no filter",
            lambda projections: 1.0 * projections,
            "Your function returns the projections unchanged.",
            "Three steps: transform, multiply by |q|, transform back.",
        ),
        Misconception(
            "along the tilts",
            _along_tilts,
            "Your function filters along the tilts. The detector runs along the rows: axis=1.",
            "np.fft.rfft(projections, 2 * n, axis=1) with n = projections.shape[1].",
        ),
        Misconception(
            "sign of q kept",
            _filtered(lambda q, n: q),
            "Your function multiplies by q, not by |q|: negative frequencies change their sign, "
            "and little is left of the picture but rounding.",
            "np.abs(np.fft.fftfreq(...)), or np.fft.rfft with np.fft.rfftfreq, which has no "
            "negative ones.",
        ),
        Misconception(
            "half of the frequencies",
            _real_part_of_half,
            "Your function keeps positive frequencies only, so every value is half of what it "
            "should be.",
            "With np.fft.fft the negative frequencies count as well; np.fft.irfft takes care of "
            "them.",
            credit=0.5,
        ),
        Misconception(
            "q squared",
            _filtered(lambda q, n: q**2),
            "Your function multiplies by q², which is the second derivative, not the ramp.",
            "The crowding of lines in the centre of Fourier space goes with 1/|k|, to the first "
            "power.",
        ),
        Misconception(
            "root of the ramp",
            _filtered(lambda q, n: np.sqrt(np.abs(q))),
            "Your function multiplies by √|q|.",
            "The blur is 1/|k|. What undoes it?",
        ),
        Misconception(
            "one over the ramp",
            _filtered(_inverse),
            "Your function divides by |q|: it blurs once more what is blurred already.",
            "The back-projection has too much of the long waves. Should they go up or down?",
        ),
        Misconception(
            "radians per pixel",
            _filtered(lambda q, n: 2 * np.pi * np.abs(q)),
            "Your q is in radians per pixel, 2π times too large.",
            "np.fft.rfftfreq already gives cycles per pixel.",
            credit=0.5,
        ),
        Misconception(
            "up to one",
            _filtered(lambda q, n: 2 * np.abs(q)),
            "Your ramp reaches 1 at its end; in cycles per pixel it reaches 1/2.",
            "The highest frequency of a row of pixels is half a cycle per pixel.",
            credit=0.5,
        ),
        Misconception(
            "bins for frequencies",
            _filtered(lambda q, n: np.abs(q) * 2 * n),
            "Your q counts the bins of the transform (0, 1, 2, ...), so the result grows with the "
            "number of pixels.",
            "Divide by the length of the transform, or use np.fft.rfftfreq.",
            credit=0.5,
        ),
        Misconception(
            "bins of the row",
            _filtered(lambda q, n: np.abs(q) * n),
            "Your q counts in cycles per row, not in cycles per pixel.",
            "Divide by the number of pixels, or use np.fft.rfftfreq(2 * n).",
            credit=0.5,
        ),
        Misconception(
            "frequencies shifted",
            _filtered(lambda q, n: np.abs(np.fft.fftshift(q))),
            "Your spectrum and your |q| are in different orders: one has the zero frequency in its "
            "middle, the other at its beginning.",
            "np.fft.fft and np.fft.fftfreq agree with each other; leave np.fft.fftshift out.",
            credit=0.5,
        ),
        Misconception(
            "the other half",
            _second_half,
            "Your function returns the second half of the padded rows, where the zeros were.",
            "The projection fills the first n columns: [:, :n].",
            credit=0.5,
        ),
        Misconception(
            "zeros on both sides",
            _both_sides,
            "Your zeros stand on both sides of a row, but you return the first n columns, and half "
            "of them are such zeros.",
            "Cut out the columns at which the row was put in, or put all zeros behind it.",
            credit=0.5,
        ),
        Misconception(
            "forward twice",
            _forward_twice,
            "Your function transforms forward twice. The way back is np.fft.ifft or np.fft.irfft.",
            "rfft goes with irfft, fft with ifft.",
            credit=0.5,
        ),
        Misconception(
            "Hann window",
            _filtered(lambda q, n: np.abs(q) * (0.5 + 0.5 * np.cos(2 * np.pi * q))),
            "Your ramp ends softly, with Hann's window. That comes in the next cell; here the bare "
            "|q| is asked for.",
            "Leave the window out.",
            credit=0.5,
        ),
        Misconception(
            "sampled kernel",
            _sampled_kernel,
            "Your filter is the sampled kernel of Kak and Slaney. It is a good one (better than "
            "|q| at the lowest frequencies), but here |q| itself is asked for.",
            "Transform, multiply by np.fft.rfftfreq(2 * n), transform back.",
            credit=0.5,
        ),
        Misconception(
            "magnitude",
            _magnitude,
            "Your function returns the magnitude. A filtered projection has negative values, and "
            "needs them: they cancel the blur.",
            "Use np.fft.irfft, or take .real after np.fft.ifft.",
        ),
    ],
    hints=[
        "Three steps: Fourier transform along each row, multiply by |q|, transform back.",
        "np.fft.rfft(a, 2 * n, axis=1) fills up with zeros to 2n; np.fft.rfftfreq(2 * n) is |q|.",
        "Back with np.fft.irfft(..., 2 * n, axis=1), then the first n columns.",
    ],
    picture=pictures.ramp,
    takeaway="Three lines, and back-projection becomes an inverse. The ramp is also what amplifies "
    "the noise: the fine waves get the largest factor.",
    points=2,
)
