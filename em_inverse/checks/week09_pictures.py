"""The recordings of week 9's exercises, and the pictures that correct answers give on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.checks import week09_reference as reference
from em_inverse.checks.task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["believe", "deviance", "dose_factor", "image_gradient", "recording", "settings"]

_ELEMENTS = ("Au", "Fe", "O")
_DOSE = 0.1


def settings() -> tuple[tuple[float, float], ...]:
    """Return (γ, λ₂ in units of the usual one) of the lesson's three fusions."""
    return ((1.5, 1.0), (1.7, 1.0), (1.7, 6.0))


def recording(n: int = 128, dose: float = _DOSE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (x, haadf, counts): the lesson's particle, and what both detectors counted."""
    return _recording(n, dose)


def image_gradient() -> Picture:
    """Show how an image pulls at maps that are one tenth too small."""
    from em_inverse import plotting

    x, _, _ = recording(32, 1.0)
    Z = np.array([79, 26, 8]) / 79
    image = np.sum((Z[:, None, None] * x) ** 1.7, axis=0)
    pull = -reference.image_gradient(0.9 * x, Z, 1.7, image)
    return Picture(
        plotting.images(
            list(pull),
            list(_ELEMENTS),
            title="All maps are a tenth too small; the image pulls at gold",
            window=(0, float(pull.max())),
            quantity="pull (− gradient)",
            axes=("row (px)", "column (px)"),
        ),
        "Three maps of the pull, in one window: a bright disc for gold with a dark hole, a faint "
        "ring for iron, and nothing to be seen for oxygen.",
        [
            (f"largest pull at {name}", float(p.max()))
            for name, p in zip(_ELEMENTS, pull, strict=True)
        ],
    )


def deviance() -> Picture:
    """Show the deviance of one map of counts against how far the expectation is off."""
    x, _, counts = recording()
    inside = x[1] > 0
    d, e = counts[1][inside], 100 * _DOSE * x[1][inside]
    factors = np.geomspace(0.5, 2, 41)
    values = np.array([reference.deviance(d, f * e) for f in factors])
    best = int(values.argmin())
    return Picture(
        _valley(factors, values),
        "The deviance of the counts of iron against a factor on what was expected: a valley whose "
        "bottom lies at 1, where the factor is 1.",
        [("deviance at the right expectation", reference.deviance(d, e)),
         ("factor with the least deviance", float(factors[best]))],
    )  # fmt: skip


def dose_factor() -> Picture:
    """Show two curves, and the horizontal way between them."""
    doses = np.array([0.1, 0.2, 0.5, 1.0])
    errors = np.array([0.040, 0.032, 0.023, 0.018])
    dose, error = 0.1, 0.027
    factor = float(reference.dose_factor(doses, errors, dose, error))
    return Picture(
        _across(doses, errors, dose, error, factor),
        "A curve of error against dose on logarithmic axes, falling. A point below it at a dose of "
        "0.1; from it a horizontal line runs to the right and meets the curve.",
        [("dose where the curve is met", factor * dose), ("factor", factor)],
    )


def believe() -> Picture:
    """Show the residuals of the good fusion: noise without a shape."""
    found = _checked()
    return Picture(
        found.draw(),
        "Three maps of residuals in standard deviations, smoothed over two pixels: red and blue "
        "grains of one size all over the particle, without outline or ring.",
        [(f"deviance of {name} in blocks", value) for name, value in found.block_deviance.items()],
    )


@cache
def _recording(n: int, dose: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from em_inverse import phantoms
    from em_inverse.forward.contrast import PowerLaw

    x = phantoms.core_shell_elements(n)
    image = PowerLaw(_ELEMENTS, normalise=True)(x)
    rng = np.random.default_rng(1)
    haadf = rng.poisson(5000 * dose * image / image.max())
    counts = rng.poisson(100 * dose * x)
    for array in (x, haadf, counts):
        array.flags.writeable = False
    return x, haadf, counts


@cache
def _checked() -> Any:
    from em_inverse import fusion

    _, haadf, counts = recording()
    return fusion.check(fusion.fuse(haadf, counts, _ELEMENTS), try_gamma=False)


def _valley(factors: np.ndarray, values: np.ndarray) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, log_axis, new_figure

    with style():
        figure = new_figure(8.0, 3.4, "Counting noise alone gives a deviance of about 1")
        ax = figure.add_subplot()
        ax.plot(factors, values, color=COLOURS["tikhonov"], label="iron, D/10")
        ax.axhline(1, color=COLOURS["measurement"], linestyle=":", label="1")
        log_axis(ax.xaxis)
        ax.set_xlabel("expected counts (of the right ones)")
        ax.set_ylabel("deviance per pixel")
        legend_beside(ax)
    return figure


def _across(
    doses: np.ndarray, errors: np.ndarray, dose: float, error: float, factor: float
) -> Figure:
    from em_inverse.plotting import COLOURS, style
    from em_inverse.plotting.frame import legend_beside, log_axis, new_figure

    with style():
        figure = new_figure(8.0, 3.6, "From the point to the curve: a factor of dose")
        ax = figure.add_subplot()
        ax.plot(doses, errors, color=COLOURS["tv"], marker="o", label="first method")
        ax.plot([dose, factor * dose], [error, error], color="black", linestyle=":")
        ax.plot(dose, error, color="black", marker="D", linestyle="none", label="second method")
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_xlabel("dose")
        ax.set_ylabel("RMSE")
        legend_beside(ax)
    return figure
