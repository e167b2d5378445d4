"""Which way to fill: decided by what each is expected to get wrong, without the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from em_inverse.interpolation.bow_tie import BowTie
from em_inverse.interpolation.geometric import best_number, some_rows
from em_inverse.interpolation.weights import cubic_weights, linear_weights, weighted

__all__ = ["Choice", "choose"]

_HELD_IS_HARDER = 0.63
"""A frame held out stands in a gap twice as wide; the geometric way loses about 2 dB by it."""
_LEAST = 0.3
"""Share of an error held out that is never put down to noise."""


@dataclass(frozen=True)
class Choice:
    """What `auto` has chosen, and why.

    Attributes
    ----------
    method : str
    reason : str
        A sentence.
    expected_rmse : dict of str to float
        Of every method, in units of the brightest recorded pixel.
    nyquist_step_deg : float
        Widest tilt step that the band limit allows.
    n_iter : int
        Iterations that the geometric way would make.
    """

    method: str
    reason: str
    expected_rmse: dict[str, float]
    nyquist_step_deg: float
    n_iter: int


def choose(
    angles: np.ndarray, frames: np.ndarray, new: np.ndarray, center_shift: float = 0.0
) -> Choice:
    """Compare the expected errors of all methods that need no training.

    For methods that are linear in the frames, a random object of the measured band limit says what
    to expect at the new angles. Every sixth frame is then held out, and where the rest fills it
    worse than that model expected, its expectation is raised in proportion. The geometric way is
    judged by the frames held out alone.

    Parameters
    ----------
    angles, new : ndarray
        In degrees, rising.
    frames : ndarray, shape (n_tilts, nx) or (n_tilts, nx, ny)
    center_shift : float

    Examples
    --------
    >>> angles = np.arange(-90.0, 90.0, 2.0)
    >>> s = 5 * np.cos(np.deg2rad(angles))[:, None]
    >>> frames = np.exp(-0.02 * (np.arange(32) - 15.5 - s) ** 2)
    >>> choose(angles, frames, angles[:-1] + 1).method
    'band_limited'
    """
    part = some_rows(frames)
    n_iter, held_error, held = best_number(angles, part, center_shift)
    model = BowTie(angles, part, center_shift)
    ways = {"linear": linear_weights, "cubic": cubic_weights}
    errors = {
        name: float(model.expected_error(new, W(angles, new)).mean()) for name, W in ways.items()
    }
    errors["band_limited"] = float(model.expected_error(new).mean())
    if held.size:
        kept = np.setdiff1d(np.arange(angles.size), held)
        for name, factor in _too_hopeful(angles, part, kept, held, center_shift).items():
            errors[name] *= factor
        clean = max(held_error - model.noise_variance, _LEAST * held_error)
        errors["geometric"] = _HELD_IS_HARDER * clean
    method = min(errors, key=lambda name: errors[name])
    bright = max(float(np.abs(frames).max()), np.finfo(float).tiny)
    rmse = {name: float(np.sqrt(error)) / bright for name, error in errors.items()}
    step, limit = float(np.median(np.diff(angles))), model.nyquist_step_deg
    sampled = "finer" if step <= limit else "coarser"
    listed = ", ".join(f"{name} {value:.2g}" for name, value in rmse.items())
    reason = (
        f"steps of {step:.3g}° are {sampled} than the {limit:.3g}° that the detail of an object "
        f"of radius {model.radius:.3g} px allows; expected rms errors, as shares of the brightest "
        f"pixel: {listed}"
    )
    return Choice(method, reason, rmse, limit, n_iter)


def _too_hopeful(
    angles: np.ndarray, frames: np.ndarray, kept: np.ndarray, held: np.ndarray, center_shift: float
) -> dict[str, float]:
    """Error at the frames held out over what the model of the others expects, at least 1."""
    model = BowTie(angles[kept], frames[kept], center_shift)
    at = angles[held]
    factors = {}
    for name, weights in (("linear", linear_weights), ("cubic", cubic_weights), ("", None)):
        W = None if weights is None else weights(angles[kept], at)
        made = model.predict(at) if W is None else weighted(W, frames[kept])
        measured = float(np.mean(np.square(made - frames[held], dtype=np.float64)))
        expected = float(model.expected_error(at, W).mean()) + model.noise_variance
        factors[name or "band_limited"] = max(measured / expected, 1.0) if expected > 0 else 1.0
    return factors
