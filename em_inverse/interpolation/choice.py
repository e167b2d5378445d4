"""Which way to fill: decided by what each is expected to get wrong, without the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from em_inverse.interpolation.bow_tie import BowTie
from em_inverse.interpolation.geometric import (
    best_number,
    held_out_errors,
    mean_square,
    some_rows,
)
from em_inverse.interpolation.weights import cubic_weights, linear_weights, weighted

__all__ = ["Choice", "choose"]

_GAINS_MOST = 0.5
"""A frame held out stands in a gap twice as wide: what the geometric way gains in its own, at most.
"""
_LEAST = 0.3
"""Share of an error held out that is never put down to noise."""
_ENOUGH = 8
"""Frames held out that are enough to judge by."""
_TURNS = 3
_LINEAR = {"linear": linear_weights, "cubic": cubic_weights}


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
    to expect at the new angles. Every sixth frame is then held out, in turns where there are few,
    and all methods fill in the same ones. Two things are learned from it. Where lines or cubics
    fill better than the band limit, the model is wrong and the band limit is put behind them as
    far as it fell behind. And the geometric way is expected to be better or worse than the band
    limit by the ratio of their errors there, less what the band limit alone gains in gaps that are
    half as wide: dense tilts make it exact, while the error of an object at most halves. With less
    than four tilts no frame can be held out, nothing vouches for a model, and lines are drawn.

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
    errors = {
        name: float(model.expected_error(new, weights(angles, new)).mean())
        for name, weights in _LINEAR.items()
    }
    errors["band_limited"] = float(model.expected_error(new).mean())
    method, judged = "linear", "too few frames to hold one out, so lines are drawn"
    if held.size:
        tried, count = _tried(angles, part, center_shift, n_iter, (held, held_error))
        _compare(errors, tried, model.noise_variance)
        method = min(errors, key=lambda name: errors[name])
        judged = f"{count} frames held out have judged them"
    bright = max(float(np.abs(frames).max()), np.finfo(float).tiny)
    rmse = {name: float(np.sqrt(error)) / bright for name, error in errors.items()}
    step, limit = float(np.median(np.diff(angles))), model.nyquist_step_deg
    sampled = "finer" if step <= limit else "coarser"
    listed = ", ".join(f"{name} {value:.2g}" for name, value in rmse.items())
    reason = (
        f"steps of {step:.3g}° are {sampled} than the {limit:.3g}° that the detail of an object "
        f"of radius {model.radius:.3g} px allows; expected rms errors, as shares of the brightest "
        f"pixel: {listed}; {judged}"
    )
    return Choice(method, reason, rmse, limit, n_iter)


def _compare(errors: dict[str, float], tried: dict[str, float], noise: float) -> None:
    """Correct the expected errors by those of frames held out, and add the geometric way's."""

    def clean(error: float) -> float:
        return max(error - noise, _LEAST * error, np.finfo(float).tiny)

    band = "band_limited"
    halved = errors[band] / clean(tried["expected"])
    for name in _LINEAR:
        if tried[name] < tried[band]:
            errors[band] = max(errors[band], errors[name] * tried[band] / tried[name])
    lost = max(_GAINS_MOST / max(halved, np.finfo(float).tiny), 1.0)
    ratio = clean(tried["geometric"]) / clean(tried[band])
    errors["geometric"] = errors[band] * ratio * lost


def _tried(
    angles: np.ndarray,
    frames: np.ndarray,
    center_shift: float,
    n_iter: int,
    first: tuple[np.ndarray, float],
) -> tuple[dict[str, float], int]:
    """Mean square error of every method at frames held out, what the band limit expects; how many.

    Parameters
    ----------
    first : (ndarray, float)
        The frames of the first turn, and the error of the geometric way there.
    """
    total: dict[str, float] = {}
    count = 0
    for turn in range(_TURNS):
        held = first[0] + 2 * turn
        held = held[held < angles.size - 1]
        if count >= _ENOUGH or not held.size:
            break
        kept = np.setdiff1d(np.arange(angles.size), held)
        near, seen, at = angles[kept], frames[kept], angles[held]
        model = BowTie(near, seen, center_shift)
        made = {name: weighted(W(near, at), seen) for name, W in _LINEAR.items()}
        made["band_limited"] = model.predict(at)
        wrong = {name: mean_square(image - frames[held]) for name, image in made.items()}
        wrong["expected"] = float(model.expected_error(at).mean()) + model.noise_variance
        wrong["geometric"] = first[1]
        if turn:
            (wrong["geometric"],) = held_out_errors(angles, frames, center_shift, held, (n_iter,))
        for name, error in wrong.items():
            total[name] = total.get(name, 0.0) + held.size * error
        count += held.size
    return {name: error / count for name, error in total.items()}, count
