"""Scoring λ or ε by projections that were held out, and choosing ε."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.solvers import least_distance
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography import geometry
from em_inverse.tomography.halving import NamedRecipe, Recipe, noise_of
from em_inverse.tomography.held_out import hold_out, reprojection_error
from em_inverse.tomography.noise_level import NoiseLevel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EpsilonChoice", "choose_epsilon", "held_out_scores", "lowest", "positive"]


@dataclass(frozen=True)
class EpsilonChoice:
    """The ε that a rule chose.

    Attributes
    ----------
    epsilon : float
        Radius of the ball ‖Ax − b‖ ≤ ε, in the units of the data.
    rule : str
    noise_norm : float
        ‖ε‖ of the noise, the natural unit of ε.
    epsilons, scores : ndarray
        The values compared and their relative error at held-out projections; empty where nothing
        was compared.
    message : str
    end : str or None
        "lower" or "upper" when the choice is an end of what was compared.
    """

    epsilon: float
    rule: str
    noise_norm: float
    epsilons: np.ndarray
    scores: np.ndarray
    message: str
    end: str | None = None

    @property
    def in_noise_units(self) -> float:
        """ε / ‖noise‖."""
        return self.epsilon / self.noise_norm

    def __str__(self) -> str:
        return self.message

    @property
    def alt(self) -> str:
        """The sentence for readers who cannot see the figure."""
        return f"Error at held-out projections against ε in units of the noise: {self.message}."

    def draw(self) -> Figure:
        """Draw the error at held-out projections against ε.

        Raises
        ------
        DataError
            When the rule compared nothing.
        """
        from em_inverse.plotting import tomography as figures

        if not self.epsilons.size:
            raise DataError(
                f"the rule {self.rule!r} compares nothing, so there is nothing to draw; its "
                f"message says all. Use rule='held_out' to compare."
            )
        title = f"Held-out projections ask for ε = {self.in_noise_units:.3g} × noise"
        if self.end is not None:
            beyond = "below" if self.end == "lower" else "above"
            title = f"The best ε lies at or {beyond} {self.in_noise_units:.3g} × noise"
        return figures.epsilon_curve(self, title=title)


def choose_epsilon(
    series: TiltSeries,
    rule: str = "noise",
    method: Recipe | None = None,
    *,
    noise: NoiseLevel | float | None = None,
    tau: float = 1.0,
    factors: ArrayLike = (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2),
    every: int = 6,
    folds: int = 2,
    shape: tuple[int, ...] | None = None,
) -> EpsilonChoice:
    """Choose ε of the ball ‖Ax − b‖ ≤ ε.

    Parameters
    ----------
    series : TiltSeries
    rule : {"noise", "reachable", "held_out"}
        "noise"
            τ times the noise norm.
        "reachable"
            τ times the noise norm, or times the least ‖Ax − b‖ that an object x ≥ 0 reaches where
            that is more (:func:`em_inverse.solvers.least_distance`, 60 iterations). Real series
            hold more than noise that no object explains: what alignment left over, a scale that
            drifts, damage.
        "held_out"
            The multiple of the noise norm that predicts held-out projections best.
    method : callable, optional
        For "held_out", and needed there: ``reconstruct(series, epsilon)``, as
        ``lambda part, eps: tomography.tv(part, epsilon=eps)``.
    noise : NoiseLevel or float, optional
        Noise norm; :func:`noise_level` of the series unless given.
    tau : float
        For "noise" and "reachable".
    factors : array_like
        Multiples of the noise norm to compare.
    every, folds : int
        One projection in `every` is held out, `folds` times in turn.
    shape : tuple of int, optional
        For "reachable": (nz, nx) of the object, as for :func:`em_inverse.tomography.tv`.

    Returns
    -------
    EpsilonChoice
        Its message warns of noise that was estimated after an alignment had smoothed it.

    Raises
    ------
    ParameterError
        When there is no noise, or "held_out" is asked for without a method.

    Examples
    --------
    >>> noise = 2.0 * np.random.default_rng(0).standard_normal((40, 200))
    >>> choice = choose_epsilon(TiltSeries(noise, np.arange(40)))
    >>> round(choice.epsilon / 2 / 8000**0.5, 1)
    1.0
    """
    series = check_series(series)
    check_choice(rule, "rule", ("noise", "reachable", "held_out"))
    norm, caveat = noise_of(series, noise)
    tau = check_number(tau, "tau", minimum=0, exclusive=True)
    none = np.empty(0)
    if rule == "noise":
        message = f"ε = {tau * norm:.4g}, {tau:g} times the noise norm{caveat}"
        return EpsilonChoice(tau * norm, "noise norm", norm, none, none, message)
    if rule == "reachable":
        floor = least_distance(
            geometry.operator(series, shape), series.projections, nonnegative=True
        )
        least = floor.attained
        what = "the noise norm" if norm >= least else "the least ‖Ax − b‖ of any x ≥ 0"
        epsilon = tau * max(norm, least)
        message = f"ε = {epsilon:.4g}, {tau:g} times {what}{caveat * (norm >= least)}"
        return EpsilonChoice(epsilon, "reachable", norm, none, none, message)
    if method is None:
        raise ParameterError(
            "method is None; the rule 'held_out' needs a recipe, for instance "
            "lambda part, eps: tomography.tv(part, epsilon=eps)."
        )
    every = check_integer(every, "every", minimum=2)
    folds = check_integer(folds, "folds", minimum=1, maximum=every)
    grid = norm * positive(factors, "factors")
    # ε grows as the square root of the number of data, λ in proportion to it.
    scores = held_out_scores(series, NamedRecipe(method), grid, every, folds, power=0.5)
    best, end = lowest(grid, scores)
    message = (
        f"least error at held-out projections at ε = {best:.4g}, {best / norm:.3g} times the noise "
        f"norm"
    )
    if end:
        message += f", the {end} end of the range: the minimum may lie beyond"
    message += caveat
    return EpsilonChoice(best, "held-out projections", norm, grid, scores, message, end)


def held_out_scores(
    series: TiltSeries,
    recipe: NamedRecipe,
    grid: np.ndarray,
    every: int,
    folds: int,
    power: float,
) -> np.ndarray:
    """Return the relative error at held-out projections for every λ or ε, over all folds."""
    squares, total = np.zeros(grid.size), 0.0
    for first in np.linspace(1, every, folds, endpoint=False).astype(int):
        kept, held = hold_out(series, every, first=int(first))
        share = (kept.n_tilts / series.n_tilts) ** power
        weight = float(np.sum(held.projections.astype(np.float64) ** 2))
        before: Reconstruction | None = None
        for k in range(grid.size - 1, -1, -1):
            before = recipe(kept, float(grid[k]) * share, before)
            squares[k] += weight * reprojection_error(before, held) ** 2
        total += weight
    return np.sqrt(squares / total)


def lowest(grid: np.ndarray, scores: np.ndarray) -> tuple[float, str | None]:
    """Return the minimum, refined by a parabola, and the end of the range if it is one."""
    k = int(scores.argmin())
    if k == 0 or k == grid.size - 1:
        return float(grid[k]), "lower" if k == 0 else "upper"
    t, y = np.log(grid[k - 1 : k + 2]), scores[k - 1 : k + 2]
    a, b, _ = np.polyfit(t - t[1], y, 2)
    return float(np.exp(t[1] - b / (2 * a))) if a > 0 else float(grid[k]), None


def positive(values: ArrayLike, name: str) -> np.ndarray:
    """Return values > 0, smallest first."""
    array = np.sort(check_array(values, name, ndim=1, dtype=np.float64))
    if array[0] <= 0:
        raise ParameterError(f"{name} reaches {array[0]:g}; every value must be greater than 0.")
    return array
