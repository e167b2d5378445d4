"""Which way to fill: decided by what each is expected to get wrong, without the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from em_inverse.interpolation.bow_tie import BowTie
from em_inverse.interpolation.geometric import best_number, completed, reconstructed
from em_inverse.interpolation.held_out import frame_errors, some_block, turns, typical
from em_inverse.interpolation.total_variation import best_weight
from em_inverse.interpolation.weights import cubic_weights, linear_weights, weighted

__all__ = ["Choice", "choose"]

_GAINS_AN_OBJECT = 0.5
"""A frame held out stands in a gap twice as wide. What is left of an object's error in its own."""
_GAINS_THE_REST = 0.1
"""And of that of what no object explains but neighbours foretell: it is smooth in the tilt."""
_LEAST = 0.3
"""Share of an error held out that is never put down to noise."""
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
    weight : float
        λ that total variation would take, in units of the brightest pixel.
    """

    method: str
    reason: str
    expected_rmse: dict[str, float]
    nyquist_step_deg: float
    n_iter: int
    weight: float


def choose(
    angles: np.ndarray, frames: np.ndarray, new: np.ndarray, center_shift: float = 0.0
) -> Choice:
    """Compare the expected errors of all methods that need no training.

    For methods that are linear in the frames, a random object of the measured band limit says what
    to expect at the new angles. Every sixth frame is then held out, in turns where there are few,
    and all methods fill in the same ones. Two things are learned from it. Where lines or cubics
    fill better than the band limit, the model is wrong and the band limit is put behind them as
    far as it fell behind. And the two that reconstruct an object are expected to be better or worse
    than the band limit by the ratio of their errors there, less what the band limit alone gains in
    gaps that are half as wide: dense tilts make it exact, while the error of an object halves, and
    only where a residual is left that neighbours foretell, so that it is smooth in the tilt, falls
    by up to ten times more. With less than four tilts no frame can be held out, nothing vouches for
    a model, and lines are drawn. All of it is judged on eight neighbouring rows at most.

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
    part = some_block(frames)
    n_iter = best_number(angles, part, center_shift)
    weight, tv_errors, tv_share = best_weight(angles, part, center_shift)
    model = BowTie(angles, part, center_shift)
    errors = {
        name: typical(model.expected_error(new, weights(angles, new)))
        for name, weights in _LINEAR.items()
    }
    errors["band_limited"] = typical(model.expected_error(new))
    method, judged = "linear", "too few frames to hold one out, so lines are drawn"
    if tv_errors.size:
        tried, share = _tried(angles, part, center_shift, n_iter)
        tried["tv"], count = typical(tv_errors), tv_errors.size
        shares = {"geometric": share, "tv": tv_share}
        _compare(errors, tried, shares, model.noise_variance)
        method = min(errors, key=lambda name: errors[name])
        judged = f"{count} frames held out have judged them"
    bright = max(float(np.abs(frames).max()), np.finfo(float).tiny)
    rmse = {name: float(np.sqrt(error) / bright) for name, error in errors.items()}
    step, limit = float(np.median(np.diff(angles))), model.nyquist_step_deg
    sampled = "finer" if step <= limit else "coarser"
    listed = ", ".join(f"{name} {value:.2g}" for name, value in rmse.items())
    reason = (
        f"steps of {step:.3g}° are {sampled} than the {limit:.3g}° that the detail of an object "
        f"of radius {model.radius:.3g} px allows; expected rms errors, as shares of the brightest "
        f"pixel: {listed}; {judged}"
    )
    return Choice(method, reason, rmse, limit, n_iter, weight)


def _compare(
    errors: dict[str, float], tried: dict[str, float], shares: dict[str, float], noise: float
) -> None:
    """Correct the expected errors by those of frames held out, and add those of objects.

    Between the two objects frames held out decide as they are, for both stand in the same gaps.
    """

    def clean(error: float) -> float:
        return max(error - noise, _LEAST * error, np.finfo(float).tiny)

    band = "band_limited"
    halved = errors[band] / clean(tried["expected"])
    for name in _LINEAR:
        if tried[name] < tried[band]:
            errors[band] = max(errors[band], errors[name] * tried[band] / tried[name])
    better = min(shares, key=lambda name: tried[name])
    gained = _GAINS_AN_OBJECT * _GAINS_THE_REST ** shares[better]
    lost = max(gained / max(halved, np.finfo(float).tiny), 1.0)
    for name in shares:
        errors[name] = errors[band] * lost * clean(tried[name]) / clean(tried[band])


def _tried(
    angles: np.ndarray, frames: np.ndarray, center_shift: float, n_iter: int
) -> tuple[dict[str, float], float]:
    """Hold frames out and fill them in, in all ways but total variation.

    Returns the typical error of each, what the band limit expects of itself, and the share of the
    residual that the geometric way adds.

    Parameters
    ----------
    n_iter : int
        Iterations of the geometric way.
    """
    shares = []
    found: dict[str, list[np.ndarray]] = {}
    for held in turns(angles.size):
        kept = np.setdiff1d(np.arange(angles.size), held)
        near, seen, at = angles[kept], frames[kept], angles[held]
        model = BowTie(near, seen, center_shift)
        (x,) = reconstructed(near, seen, center_shift, (n_iter,))
        made = {name: weighted(W(near, at), seen) for name, W in _LINEAR.items()}
        made["band_limited"] = model.predict(at)
        made["geometric"], _, share = completed(x, near, seen, at, center_shift)
        shares.append(share)
        wrong = {name: frame_errors(image - frames[held]) for name, image in made.items()}
        wrong["expected"] = model.expected_error(at) + model.noise_variance
        for name, errors in wrong.items():
            found.setdefault(name, []).append(errors)
    tried = {name: typical(np.concatenate(errors)) for name, errors in found.items()}
    return tried, float(np.mean(shares))
