"""Halving λ until the residual meets the noise, and the scale on which λ is counted for that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_choice, check_integer, check_number
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography import geometry
from em_inverse.tomography.iterative import cgls, sirt
from em_inverse.tomography.noise_level import NoiseLevel, noise_level
from em_inverse.tomography.residuals import operator_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Halving",
    "NamedRecipe",
    "Recipe",
    "halve_until_noise",
    "lambda_unit",
    "noise_of",
    "residual_norm",
]

#: Something that turns a series and a λ (or ε) into a reconstruction; `initial=` is used if taken.
Recipe = Callable[..., Reconstruction]

METHODS = ("tv", "tikhonov")


@dataclass(frozen=True)
class Halving:
    """The trace of "start at 1e-2 and halve until the residual meets the noise".

    Attributes
    ----------
    lam : float
        Last λ tried.
    relative : float
        The same in units of :func:`lambda_unit`.
    lambdas, residual_norms : ndarray
        Everything tried, in that order.
    noise_norm : float
        τ ‖ε‖, the value to meet.
    met : bool
        Whether the residual came down to it.
    result : Reconstruction
        The reconstruction with the last λ.
    message : str
        What happened, in words.
    """

    lam: float
    relative: float
    lambdas: np.ndarray
    residual_norms: np.ndarray
    noise_norm: float
    met: bool
    result: Reconstruction
    message: str

    def __str__(self) -> str:
        return self.message

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return f"Residual against λ for the values tried, with the noise floor: {self.message}."

    def draw(self) -> Figure:
        """Draw the residual of every λ tried against the noise floor."""
        from em_inverse.plotting import tomography as figures

        title = f"After {len(self.lambdas) - 1} changes of λ the residual meets the noise"
        if not self.met:
            title = "No λ that was tried brings the residual down to the noise"
        return figures.halving(self, title=title)


def lambda_unit(
    series: TiltSeries,
    *,
    shape: tuple[int, ...] | None = None,
    center_shift: ArrayLike | None = None,
) -> float:
    """Return the λ that counts as 1 for these data: ‖A‖² times the brightest value of the object.

    It is what λ becomes when the projector is scaled to norm 1 and the object to values of up to
    1. On this scale 1e-2 is a usual λ for total variation at 5 % noise, whatever the units, the
    number of tilts and the size.

    Parameters
    ----------
    series : TiltSeries
    shape, center_shift
        As for :func:`em_inverse.tomography.sirt`.

    Raises
    ------
    DataError
        When the projections hold nothing bright.

    Notes
    -----
    The brightest value is taken from 10 iterations of SIRT, which are smooth.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> data = ParallelBeam(disc.shape, range(-70, 71, 5)) @ disc
    >>> series = TiltSeries(data, range(-70, 71, 5))
    >>> double = TiltSeries(2 * data, range(-70, 71, 5))
    >>> bool(np.isclose(lambda_unit(double), 2 * lambda_unit(series), rtol=1e-3))
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)
    brightest = float(sirt(series, 10, shape=shape, center_shift=center_shift).x.max())
    if brightest <= 0:
        raise DataError(
            "series holds no positive values to reconstruct, so λ has no scale. Check the sign of "
            "the contrast and the background."
        )
    return float(A.norm()) ** 2 * brightest


def halve_until_noise(
    series: TiltSeries,
    method: str | Recipe = "tv",
    *,
    start: float = 1e-2,
    noise: NoiseLevel | float | None = None,
    tau: float = 1.0,
    max_steps: int = 16,
) -> Halving:
    """Follow the practitioners' rule: start at λ = 1e-2 and halve until the residual meets noise.

    Where the first λ already explains the data better than the noise allows, λ is doubled instead,
    as long as the residual stays below the noise.

    Parameters
    ----------
    series : TiltSeries
    method : {"tv", "tikhonov"} or callable
        As for :func:`choose_lambda`. Each λ is started from the result of the one before.
    start : float
        First λ, in units of :func:`lambda_unit`: of data for which the projector has norm 1 and
        the object values of up to 1.
    noise : NoiseLevel or float, optional
        Noise norm; :func:`noise_level` of the series unless given.
    tau : float
        The residual is to come down to τ times the noise norm.
    max_steps : int
        Most changes of λ.

    Returns
    -------
    Halving
        The trace. Never an error when the noise is not met: ``met`` is False, and the message
        says how far the residual came.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> data = ParallelBeam(disc.shape, range(-70, 71, 5)) @ disc
    >>> noisy = data + 0.1 * np.random.default_rng(0).standard_normal(data.shape)
    >>> trace = halve_until_noise(TiltSeries(noisy, range(-70, 71, 5)))
    >>> trace.met, bool(trace.residual_norms[-1] <= trace.noise_norm)
    (True, True)
    """
    series = check_series(series)
    start = check_number(start, "start", minimum=0, exclusive=True)
    max_steps = check_integer(max_steps, "max_steps", minimum=1)
    norm, caveat = noise_of(series, noise)
    target = norm * check_number(tau, "tau", minimum=0, exclusive=True)
    recipe, unit = NamedRecipe(method), lambda_unit(series)
    relative = start
    result = recipe(series, relative * unit)
    tried, residuals = [relative * unit], [residual_norm(result, series)]
    falling = residuals[0] > target
    for _ in range(max_steps):
        if falling and residuals[-1] <= target:
            break
        following = relative / 2 if falling else relative * 2
        candidate = recipe(series, following * unit, result)
        residual = residual_norm(candidate, series)
        if not falling and residual > target:
            break
        relative, result = following, candidate
        tried.append(following * unit)
        residuals.append(residual)
    met = residuals[-1] <= target
    way = "halved" if falling else "doubled"
    message = (
        f"λ = {tried[-1]:.4g} ({relative:.2g} relative), {way} {len(tried) - 1} times; residual "
        f"{residuals[-1]:.4g}, {residuals[-1] / target:.3g} of the noise {target:.4g}"
    )
    if not met:
        message += ": not met. The noise may be larger than stated, or the geometry wrong"
    message += caveat
    return Halving(
        tried[-1], relative, np.array(tried), np.array(residuals), target, met, result, message
    )


class NamedRecipe:
    """A method by name or as a callable, started from a neighbour's result where it can be."""

    def __init__(self, method: str | Recipe) -> None:
        if callable(method):
            self.run: Recipe = method
        else:
            check_choice(method, "method", METHODS)
            self.run = _tv if method == "tv" else _tikhonov
        try:
            self.warm = "initial" in inspect.signature(self.run).parameters
        except ValueError:
            self.warm = False

    def __call__(
        self, series: TiltSeries, value: float, before: Reconstruction | None = None
    ) -> Reconstruction:
        """Reconstruct with this λ (or ε), from what was reached before where that is possible."""
        if self.warm and before is not None:
            return self.run(series, value, initial=before.x)
        return self.run(series, value)


def _tv(series: TiltSeries, lam: float, *, initial: ArrayLike | None = None) -> Reconstruction:
    from em_inverse.tomography.regularised import tv

    return tv(series, lam=lam, initial=initial)


def _tikhonov(series: TiltSeries, lam: float) -> Reconstruction:
    return cgls(series, 40, lam=lam, tolerance=1e-4)


def noise_of(series: TiltSeries, noise: NoiseLevel | float | None) -> tuple[float, str]:
    """Return ‖ε‖ as given, or as estimated from the series, and what a message must add."""
    known = noise_level(series) if noise is None else noise
    caveat = ""
    if isinstance(known, NoiseLevel):
        if known.interpolated:
            caveat = (
                ". The noise was estimated from aligned projections, whose noise the alignment "
                "smoothed: it is larger than that. Pass noise=tomography.noise_level(series) of "
                "the series before it was aligned"
            )
        known = known.noise_norm
    return check_number(known, "noise", minimum=0, exclusive=True), caveat


def residual_norm(result: Reconstruction, series: TiltSeries) -> float:
    """Return ‖Ax − b‖."""
    A = operator_of(result, series)
    misfit = A.forward(result.x.astype(A.dtype, copy=False)) - series.projections
    return float(np.linalg.norm(misfit.astype(np.float64)))
