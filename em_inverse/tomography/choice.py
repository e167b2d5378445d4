"""Choosing λ for a tilt series: discrepancy, L-curve, held-out projections, halving.

All rules speak of the objective ‖Ax − b‖² + λ R(x). Projections come in many units, so λ is
searched on a relative scale on which 1e-2 is a fair first guess for any of them
(:func:`em_inverse.tomography.lambda_unit`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from em_inverse.choose import Choice, LCurve
from em_inverse.errors import (
    ParameterError,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.priors import TotalVariation
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography.halving import (
    Halving,
    NamedRecipe,
    Recipe,
    halve_until_noise,
    lambda_unit,
    noise_of,
    residual_norm,
)
from em_inverse.tomography.held_out_choice import held_out_scores, lowest, positive
from em_inverse.tomography.noise_level import NoiseLevel

__all__ = ["choose_lambda"]

RULES = ("discrepancy", "l_curve", "held_out", "halving")
#: Relative λ between which every search stays.
SMALLEST, LARGEST = 1e-6, 1e2
# A residual this close to the noise meets it; the noise is not known better.
_CLOSE = 0.005
_LEAST_CURVATURE = 0.5


def choose_lambda(
    series: TiltSeries,
    rule: str = "discrepancy",
    method: str | Recipe = "tv",
    *,
    noise: NoiseLevel | float | None = None,
    tau: float = 1.0,
    lambdas: ArrayLike | None = None,
    every: int = 6,
    folds: int = 2,
    size: Callable[[np.ndarray], float] | None = None,
) -> Choice | LCurve:
    """Choose λ for a tilt series.

    Parameters
    ----------
    series : TiltSeries
    rule : {"discrepancy", "l_curve", "held_out", "halving"}
        "discrepancy"
            The λ whose residual is τ times the noise norm (Morozov). Needs the noise.
        "l_curve"
            The corner of (ln ‖Ax − b‖, ln R). Needs no noise, and may find no corner: then
            ``lam`` is None and the message says so.
        "held_out"
            The λ that predicts projections best that it has not seen. Needs no noise, but the
            minimum is flat: read the curve.
        "halving"
            The last λ of :func:`em_inverse.tomography.halve_until_noise`.
    method : {"tv", "tikhonov"} or callable
        ``reconstruct(series, lam)``; if it takes ``initial=`` it is started from its neighbour.
    noise : NoiseLevel or float, optional
        Noise norm ‖ε‖; :func:`noise_level` of the series unless given.
    tau : float
        Safety factor for "discrepancy" and "halving".
    lambdas : array_like, optional
        Values to compare for "l_curve" and "held_out", absolute; decades around 1e-2 of
        :func:`em_inverse.tomography.lambda_unit` unless given.
    every, folds : int
        For "held_out": one projection in `every` is held out, `folds` times in turn.
    size : callable, optional
        For "l_curve": R of an object; total variation for "tv", ‖x‖ for "tikhonov", total
        variation unless given.

    Returns
    -------
    Choice or LCurve
        Both have ``.lam``, ``.message`` and ``.draw()``. The message warns of noise that was
        estimated after an alignment had smoothed it.

    Raises
    ------
    ParameterError
        When no λ meets the noise, or an argument is not allowed.

    Notes
    -----
    With fewer projections the data weigh less, so what the held-out rule finds for the kept ones
    is scaled up by their share.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> data = ParallelBeam(disc.shape, range(-70, 71, 5)) @ disc
    >>> noisy = data + 0.6 * np.random.default_rng(0).standard_normal(data.shape)
    >>> choice = choose_lambda(TiltSeries(noisy, range(-70, 71, 5)), noise=0.6 * data.size**0.5)
    >>> bool(abs(choice.residual_norm / choice.target - 1) < 0.02)
    True
    """
    series = check_series(series)
    check_choice(rule, "rule", RULES)
    tau = check_number(tau, "tau", minimum=0, exclusive=True)
    recipe = NamedRecipe(method)
    if rule == "halving":
        return _as_choice(halve_until_noise(series, method, noise=noise, tau=tau))
    if rule == "discrepancy":
        norm, caveat = noise_of(series, noise)
        return _discrepancy(series, recipe, tau * norm, lambda_unit(series), caveat)
    if rule == "l_curve":
        measure = size or _size_of(method)
        return _l_curve(series, recipe, _grid(series, lambdas, 1e-4, 1.0, 17), measure)
    every = check_integer(every, "every", minimum=2)
    folds = check_integer(folds, "folds", minimum=1, maximum=every)
    grid = _grid(series, lambdas, 3e-4, 0.3, 13)
    scores = held_out_scores(series, recipe, grid, every, folds, power=1.0)
    lam, end = lowest(grid, scores)
    message = f"least error at held-out projections at λ = {lam:.4g}"
    if end:
        message += f", the {end} end of the range: the minimum may lie beyond"
    return Choice(
        lam, "held-out projections", grid, scores, "relative error at held-out projections",
        message=message,
    )  # fmt: skip


def _size_of(method: str | Recipe) -> Callable[[np.ndarray], float]:
    if method == "tikhonov":
        return lambda x: float(np.linalg.norm(x))
    return lambda x: TotalVariation().value(x)


def _grid(
    series: TiltSeries, lambdas: ArrayLike | None, low: float, high: float, count: int
) -> np.ndarray:
    if lambdas is not None:
        return positive(lambdas, "lambdas")
    return lambda_unit(series) * np.geomspace(low, high, count)


def _discrepancy(
    series: TiltSeries, recipe: NamedRecipe, target: float, unit: float, caveat: str
) -> Choice:
    seen: dict[float, float] = {}
    last: Reconstruction | None = None

    def residual(relative: float) -> float:
        nonlocal last
        last = recipe(series, relative * unit, last)
        seen[relative] = residual_norm(last, series)
        return seen[relative]

    low = high = 1e-2
    here = residual(low)
    while here > target and low > SMALLEST:
        high, low = low, low / 4
        here = residual(low)
    while high == low or (seen[high] < target and high < LARGEST):
        low, high = high, high * 4
        residual(high)
    if not seen[low] <= target <= seen[high]:
        least, most = min(seen.values()), max(seen.values())
        raise ParameterError(
            f"noise · tau is {target:.6g}, but residuals between {least:.6g} and {most:.6g} are "
            f"reachable. The noise estimate is wrong, or the geometry does not describe the data"
            f"{caveat}."
        )
    middle = low
    for _ in range(8):
        rise = np.log(seen[high] / max(seen[low], 1e-30))
        share = np.log(target / max(seen[low], 1e-30)) / rise if rise > 0 else 0.5
        # Between the straight line and the middle, so that a curved residual cannot stall it.
        middle = float(low * (high / low) ** (0.5 * np.clip(share, 0.05, 0.95) + 0.25))
        here = residual(middle)
        if abs(here / target - 1) <= _CLOSE:
            break
        low, high = (middle, high) if here < target else (low, middle)
    tried = np.array(sorted(seen))
    scores = np.array([seen[relative] for relative in tried])
    return Choice(
        middle * unit, "discrepancy", tried * unit, scores, "residual ‖Ax − b‖", target,
        seen[middle],
        f"residual {seen[middle]:.5g} at λ = {middle * unit:.4g} ({middle:.2g} relative){caveat}",
    )  # fmt: skip


def _as_choice(trace: Halving) -> Choice:
    order = np.argsort(trace.lambdas)
    return Choice(
        trace.lam, "halving", trace.lambdas[order], trace.residual_norms[order],
        "residual ‖Ax − b‖", trace.noise_norm, float(trace.residual_norms[-1]), trace.message,
    )  # fmt: skip


def _l_curve(
    series: TiltSeries,
    recipe: NamedRecipe,
    grid: np.ndarray,
    size: Callable[[np.ndarray], float],
) -> LCurve:
    if grid.size < 5:
        raise ParameterError(
            f"lambdas has {grid.size} values; a corner needs at least 5 to be seen."
        )
    residuals, sizes = np.empty((2, grid.size))
    before: Reconstruction | None = None
    # From smooth to rough: each result is a good start for the next.
    for k in range(grid.size - 1, -1, -1):
        before = recipe(series, float(grid[k]), before)
        residuals[k], sizes[k] = residual_norm(before, series), size(before.x)
    tiny = np.finfo(np.float64).tiny
    t, rho, eta = np.log(grid), np.log(np.maximum(residuals, tiny)), np.log(np.maximum(sizes, tiny))
    bend = _curvature(t, rho, eta)
    fine = np.linspace(t[1], t[-2], 8 * grid.size)
    along = CubicSpline(t, bend)(fine)
    peak = int(along.argmax())
    if along[peak] < _LEAST_CURVATURE or peak in (0, fine.size - 1):
        message = (
            f"no corner between λ = {grid[0]:.3g} and {grid[-1]:.3g}: the largest curvature inside "
            f"is {max(along[peak], 0):.2g}. Use another rule, or a wider range."
        )
        return LCurve(grid, residuals, sizes, bend, None, None, message)
    lam = float(np.exp(fine[peak]))
    corner = (
        float(np.exp(np.interp(fine[peak], t, rho))),
        float(np.exp(np.interp(fine[peak], t, eta))),
    )
    message = f"corner at λ = {lam:.4g}, curvature {along[peak]:.3g}"
    return LCurve(grid, residuals, sizes, bend, lam, corner, message)


def _curvature(t: np.ndarray, rho: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Curvature of (ρ, η) along ln λ, positive where the curve turns like an L."""
    first = [np.gradient(v, t) for v in (rho, eta)]
    second = [np.gradient(v, t) for v in first]
    speed = np.maximum(first[0] ** 2 + first[1] ** 2, 1e-12)
    return (first[0] * second[1] - second[0] * first[1]) / speed**1.5
