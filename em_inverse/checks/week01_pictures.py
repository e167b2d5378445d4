"""The objects of week 1, and the pictures that correct answers give on them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from em_inverse.checks import week01_reference as reference
from em_inverse.checks.task import Picture
from em_inverse.errors import check_number
from em_inverse.noise import generator

__all__ = ["DOSE", "back_project", "haadf", "second_tilt", "separation", "share_right", "snr"]

DOSE = 1e5
"""Electrons per nm² of each image of the lesson."""

_PIXEL_NM = 0.05
_SHARE = 0.03
_STRAY = 0.05
_SEED = 7


def haadf() -> Picture:
    """Show the HAADF image of the lesson's particle."""
    from em_inverse import forward, phantoms, plotting

    density = np.array([85.0, 59.0])[:, None, None]
    maps = density * _PIXEL_NM * phantoms.core_shell_maps(96, 22, 38)
    probe = forward.GaussianBlur((96, 96), 1.5)
    image = reference.haadf(maps, np.array([26, 79]), 1.7, probe)
    title = "The gold core outshines its iron shell"
    return Picture(
        plotting.images(
            [image / 1000],
            ["Σ Z^γ x, blurred"],
            title=title,
            axes=("y", "x"),
            pixel_size_nm=_PIXEL_NM,
            quantity="Σ Z^γ x (1000 per nm²)",
        ),
        "A bright round core inside a much darker round shell, both with soft edges.",
        [("brightest pixel / 1000", image.max() / 1000), ("mean / 1000", image.mean() / 1000)],
    )


def snr() -> Picture:
    """Show the signal-to-noise ratio against dose, with read-out noise and without."""
    from em_inverse.plotting import week01 as figures

    dose = np.logspace(3, 8, 26)
    quiet, loud = (reference.snr(dose, _PIXEL_NM, _SHARE, r) for r in (0.0, 3.0))
    return Picture(
        figures.snr_figure(dose, quiet, loud),
        "Two rising lines in a plot with two logarithmic axes. They lie on each other at high "
        "dose; at low dose the one with read-out noise is lower and steeper.",
        [
            ("SNR at 1e5 e/nm², no read-out noise", float(quiet[10])),
            ("with 3 electrons of read-out noise", float(loud[10])),
        ],
    )


def back_project() -> Picture:
    """Show a small slice and its projection, cropped and smeared back."""
    from em_inverse import phantoms, plotting

    x = phantoms.disc(16, 5)
    y = x.sum(axis=0)[3:10]
    back = reference.back_project(y, x.shape, 3)
    return Picture(
        plotting.images(
            [x / x.max(), back / back.max()],
            ["slice", "Hᵀ of its projection"],
            title="The adjoint smears the data back along z, and puts 0 beside the detector",
            quantity="each relative to its largest value",
        ),
        "Left a round disc; right vertical stripes of constant value in columns 3 to 9, black "
        "beside them.",
        [("sum of y", float(y.sum())), ("sum of Hᵀy: 16 rows of it", float(back.sum()))],
    )


def second_tilt() -> Picture:
    """Show how far apart the two projections are at each tilt."""
    from em_inverse.plotting import week01 as figures

    tilts = np.arange(1.0, 71.0)
    apart = np.array([separation(tilt, DOSE) for tilt in tilts])
    return Picture(
        figures.separation_figure(tilts, apart),
        "The separation rises steeply from 0° and more slowly after about 15°; a dashed line marks "
        "what 99 % certainty needs.",
        [("separation at 3°", float(apart[2])), ("at 30°", float(apart[29]))],
    )


def separation(tilt: float, dose: Any) -> float:
    """Return how many standard deviations the projections of the lesson's pair are apart.

    Parameters
    ----------
    tilt : float
        Tilt of the image in degrees.
    dose : float
        Electrons per nm².

    Raises
    ------
    ParameterError
        When the dose is not a positive number.

    Examples
    --------
    >>> separation(0.0, 1e5) < 1e-9, round(separation(10.0, 1e5), 1)
    (True, 4.8)
    """
    a, b = _expected(tilt, dose)
    return float(np.sqrt(((a - b) ** 2 * 2 / (a + b)).sum()))


def share_right(tilt: float, dose: Any) -> float:
    """Return how often the likelier of the two objects is the right one, in 2000 noisy images.

    Parameters
    ----------
    tilt, dose : float
        As for :func:`separation`.

    Raises
    ------
    ParameterError
        When the dose is not a positive number.

    Examples
    --------
    >>> share_right(0.0, 1e5), share_right(30.0, 1e5) > 0.99
    (0.5, True)
    """
    a, b = _expected(tilt, dose)
    truth, other = np.stack([a, b])[:, None], np.stack([b, a])[:, None]
    counts = generator(_SEED).poisson(truth, (2, 1000, a.size))
    score = (counts * np.log(truth / other) - truth + other).sum(axis=2).round(6)
    return float(np.sign(score).mean() / 2 + 0.5)


def _expected(tilt: float, dose: Any) -> tuple[np.ndarray, np.ndarray]:
    """Expected counts of both objects, stray electrons included."""
    from em_inverse.forward.tilt import ParallelBeam

    electrons = check_number(dose, "dose", minimum=0, exclusive=True)
    two, one = _pair()
    beam = ParallelBeam(two.shape, [float(tilt)], dtype=np.float64)
    scale = electrons * _PIXEL_NM**2 * _SHARE / two.sum(axis=0).max()
    stray = _STRAY * electrons / DOSE
    return scale * (beam @ two)[0] + stray, scale * (beam @ one)[0] + stray


@cache
def _pair() -> tuple[np.ndarray, np.ndarray]:
    from em_inverse import phantoms

    return phantoms.same_projection_pair(128)
