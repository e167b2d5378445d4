"""Projection matching: align every projection with what the running reconstruction predicts.

A reconstruction from badly aligned projections is blurred, but its re-projections agree with one
another: they all stem from one object that turns about one axis. So each measured projection is
registered with its re-projection, the reconstruction is made anew, and so on until nothing moves.
The same idea finds the in-plane rotation of the tilt axis: turned the right way, the projections
contradict one another least.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from em_inverse.forward.tilt import ParallelBeam
from em_inverse.solvers import SIRT
from em_inverse.tomography.registration import in_view, turn

__all__ = ["Match", "faded", "fit_shift", "match_projections", "without_displacement"]

# The projections are smoothed by this (σ in pixels of the scale at work): what lies below is noise.
_SMOOTHING = 1.0
# SIRT is stable below 2; the nearer, the fewer iterations.
_RELAXATION = 1.9
_FIRST_ITERATIONS, _NEXT_ITERATIONS = 30, 15
# No projection moves further than this in one round, in pixels of the scale at work.
_LARGEST_STEP = 2.0
# Steps of the search for the rotation in degrees, on the first and on the later scales.
_ANGLE_STEPS, _LAST_ANGLE_STEP = (2.0, 1.0), 0.8
# A parabola through rotations far from the right one may point away from it, so these are tried
# first, in degrees, each with a few rounds of its own.
_SCAN = (-7.5, -5.0, -2.5, 0.0, 2.5, 5.0, 7.5)
_SCAN_ROUNDS = 3
# Below this ratio of singular values 1 and cos θ are not told apart: tilts within about ±17°.
_ALIKE = 0.007
_FADE = 4


class Match(NamedTuple):
    """What projection matching found.

    Attributes
    ----------
    shifts : ndarray, shape (n_tilts, 2)
        Shifts along x and y in pixels, to be applied before the rotation.
    angle : float
        In-plane rotation in radians.
    error : float
        Standard error of the rotation in radians; infinite if none was looked for.
    rounds : int
        Rounds done, on all scales.
    change : float
        Largest shift of a projection in the last round, in pixels.
    residual : float
        ‖re-projection − projection‖ / ‖projection‖ in the last round, of the smoothed projections
        inside the common field.
    """

    shifts: np.ndarray
    angle: float
    error: float
    rounds: int
    change: float
    residual: float


def match_projections(
    images: np.ndarray,
    angles_deg: np.ndarray,
    shifts: np.ndarray,
    angle: float = 0.0,
    *,
    rotate: bool = False,
    scales: tuple[int, ...] = (2, 1),
    max_rounds: int = 10,
    tolerance: float = 0.02,
) -> Match:
    """Return the shifts, and the rotation, with which projections and re-projections agree best.

    Parameters
    ----------
    images : ndarray, shape (n_tilts, nx, ny)
        Background removed.
    angles_deg : ndarray, shape (n_tilts,)
    shifts : ndarray, shape (n_tilts, 2)
        Where to start, in pixels; a few pixels off at most.
    angle : float
        Rotation to start from, in radians.
    rotate : bool
        Look for the rotation as well.
    scales : tuple of int
        How many pixels to bin, one scale after the other.
    max_rounds : int
        Rounds on each scale.
    tolerance : float
        Stop when no projection moves further than this in a round, in pixels.

    Notes
    -----
    A round: the smoothed projections are placed as found so far (always from the originals, by
    cubic splines), 15 iterations of SIRT with x ≥ 0 go on from the reconstruction of the round
    before, and each projection p is fitted by its re-projection r in the form

        p ≈ a r + d_x ∂r/∂x + d_y ∂r/∂y,

    by least squares inside the field that all projections have in common, faded out at its border.
    For white noise this is the most likely shift, and it is not bound to whole pixels.

    What the data cannot tell is held fixed: all shifts together along y, and a cos θ + b sin θ
    across, which displace the object and nothing else.

    The rotation is where the misfit, after each projection was allowed such a shift and a factor,
    is smallest: the best of a few between ±7.5° to begin with, then the vertex of a parabola
    through three rotations, each reconstructed from nothing.

    References
    ----------
    P. A. Penczek, R. A. Grassucci and J. Frank, "The ribosome at improved resolution: new
    techniques for merging and orientation refinement in 3D cryo-electron microscopy of biological
    particles", Ultramicroscopy 53 (1994) 251-270. doi:10.1016/0304-3991(94)90038-8

    Examples
    --------
    >>> x = np.arange(24) - 11.5
    >>> angles = np.arange(-70, 71, 10)
    >>> true = np.random.default_rng(0).uniform(-1, 1, angles.size)
    >>> data = np.exp(-0.5 * ((x + true[:, None]) / 3) ** 2)[:, :, None]
    >>> found = match_projections(data, angles, np.zeros((angles.size, 2)), scales=(1,)).shifts
    >>> curves = np.stack([np.ones(15), *(f(np.deg2rad(angles)) for f in (np.cos, np.sin))], 1)
    >>> free = lambda d: d - curves @ np.linalg.lstsq(curves, d, rcond=None)[0]
    >>> bool(np.abs(free(found[:, 0] - true)).max() < 0.1)
    True
    """
    shifts, error, rounds, change, residual = shifts.copy(), np.inf, 0, np.inf, np.inf
    for scale in scales:
        level = _Scale(images, angles_deg, scale)
        if rotate and scale == scales[0]:
            found = level.scan(shifts, angle, tolerance)
            shifts, angle, rounds = found.shifts, found.angle, found.rounds
        if rotate:
            for step in _ANGLE_STEPS if scale == scales[0] else (_LAST_ANGLE_STEP,):
                found = level.rounds(shifts, angle, max(2, max_rounds // 3), tolerance)
                angle, error = level.best_angle(found.shifts, angle, np.deg2rad(step))
                shifts, rounds = found.shifts, rounds + found.rounds
        found = level.rounds(shifts, angle, max_rounds, tolerance)
        shifts, change, residual = found.shifts, found.change, found.residual
        rounds += found.rounds
    return Match(shifts, angle, error, rounds, change, residual)


class _Scale:
    """The projections at one binning, ready to be placed, reconstructed and compared."""

    def __init__(self, images: np.ndarray, angles_deg: np.ndarray, scale: int) -> None:
        nx, ny = images.shape[1:]
        # A single slice has nothing to bin along y.
        self.scale = np.array([scale, scale if ny > 1 else 1])
        small = _binned(images, *self.scale)
        sigma = (0, _SMOOTHING, _SMOOTHING if ny > 1 else 0)
        small = ndimage.gaussian_filter(small, sigma, mode="nearest")
        self.shape = small.shape[1:]
        self.splines = [ndimage.spline_filter(image, 3, mode="nearest") for image in small]
        self.middle = (np.array(self.shape) - 1) / 2
        # Cutting off what fills no block moves the middle.
        cut = np.array([nx, ny]) - np.array(self.shape) * self.scale
        self.offset = (cut - 2 * (cut // 2)) / 2 / self.scale
        self.A = ParallelBeam((self.shape[0], *self.shape), angles_deg)

    def placed(self, shifts: np.ndarray, angle: float) -> np.ndarray:
        matrix = turn(angle)
        corner = self.middle + self.offset - matrix @ (self.middle + self.offset)
        return np.stack(
            [
                ndimage.affine_transform(
                    spline, matrix, corner - shift, order=3, mode="nearest", prefilter=False
                )
                for spline, shift in zip(self.splines, shifts / self.scale, strict=True)
            ]
        ).astype(np.float32)

    def window(self, shifts: np.ndarray, angle: float) -> np.ndarray:
        """Weight of each pixel: 1 in the field that all have in common, 0 outside."""
        across, along = (shifts / self.scale @ turn(angle)).T
        return np.multiply.outer(
            *(faded(in_view(s, n), n) for s, n in zip((across, along), self.shape, strict=True))
        )

    def rounds(self, shifts: np.ndarray, angle: float, count: int, tolerance: float) -> Match:
        """Shifts that make projections and re-projections agree, at a given rotation."""
        done, change, residual = 0, np.inf, np.inf
        solver = SIRT(self.A, self.placed(shifts, angle), relaxation=_RELAXATION)
        while done < count and change > tolerance:
            p = self.placed(shifts, angle)
            window = self.window(shifts, angle)
            # The same solver with better data: it goes on from the reconstruction it has.
            solver.y = p
            solver.run(_NEXT_ITERATIONS if done else _FIRST_ITERATIONS)
            r = self.A.forward(solver.x)
            more = np.array([fit_shift(*pair, window)[0] for pair in zip(p, r, strict=True)])
            more = np.clip(more, -_LARGEST_STEP, _LARGEST_STEP) * self.scale
            residual = float(np.linalg.norm((r - p) * window) / np.linalg.norm(p * window))
            more = without_displacement(more, self.A.angles_deg)
            change = float(np.abs(more).max())
            # Found on turned images; before the rotation they point the other way round.
            shifts = shifts + more @ turn(angle).T
            done += 1
        return Match(shifts, angle, np.inf, done, change, residual)

    def scan(self, shifts: np.ndarray, angle: float, tolerance: float) -> Match:
        """The best of a few rotations, each with the shifts that suit it."""
        tried = [angle, *np.deg2rad(_SCAN)]
        found = [self.rounds(shifts, one, _SCAN_ROUNDS, tolerance) for one in tried]
        best = int(np.argmin([one.residual for one in found]))
        rounds = sum(one.rounds for one in found)
        return found[best]._replace(angle=float(tried[best]), rounds=rounds)

    def best_angle(self, shifts: np.ndarray, angle: float, step: float) -> tuple[float, float]:
        """Vertex of the misfit over three rotations, and its standard error."""
        tried = angle + step * np.array([-1.0, 0.0, 1.0])
        # One window for all three, or the misfits would not be comparable.
        window = np.min([self.window(shifts, one) for one in tried], axis=0)
        misfit = np.array([self._misfit(shifts, one, window) for one in tried])
        curvature = misfit[0] - 2 * misfit[1] + misfit[2]
        if curvature <= 0:
            return float(tried[misfit.argmin()]), np.inf
        vertex = np.clip(0.5 * (misfit[0] - misfit[2]) / curvature, -1.5, 1.5)
        # Smoothing has left one independent value for every 4πσ² pixels.
        values = len(shifts) * (window**2).sum() / (4 * np.pi * _SMOOTHING**2)
        variance = 2 * misfit.min() / values / (curvature / step**2)
        return float(angle + vertex * step), float(np.sqrt(variance))

    def _misfit(self, shifts: np.ndarray, angle: float, window: np.ndarray) -> float:
        p = self.placed(shifts, angle)
        solver = SIRT(self.A, p, relaxation=_RELAXATION)
        solver.run(_FIRST_ITERATIONS)
        r = self.A.forward(solver.x)
        return float(sum(fit_shift(*pair, window)[1] for pair in zip(p, r, strict=True)))


def without_displacement(
    shifts: np.ndarray, angles_deg: np.ndarray, counted: np.ndarray | None = None
) -> np.ndarray:
    """Return shifts without the part that displaces the object and nothing else.

    All projections may be moved together along the axis, and by a cos θ + b sin θ across it: the
    object then lies elsewhere, and the data fit as well as before. Left free, that part would
    wander from round to round.

    Parameters
    ----------
    shifts : ndarray, shape (n_tilts, 2)
        Along x and y, in pixels.
    angles_deg : ndarray, shape (n_tilts,)
    counted : ndarray of bool, shape (n_tilts,), optional
        The projections from which that part is found; all unless given.

    Returns
    -------
    ndarray, shape (n_tilts, 2)

    Examples
    --------
    >>> angles = np.arange(-60.0, 61, 10)
    >>> drift = np.stack([2 * np.sin(np.deg2rad(angles)), np.full(13, 3.0)], axis=1)
    >>> bool(np.abs(without_displacement(drift, angles)).max() < 1e-9)
    True
    """
    theta = np.deg2rad(angles_deg)
    curves = np.stack([np.ones_like(theta), np.cos(theta), np.sin(theta)], axis=1)
    some = slice(None) if counted is None else counted
    # Over few directions cos θ is nearly constant: shared out, or the two would run away.
    fit = np.linalg.lstsq(curves[some], shifts[some, 0], rcond=_ALIKE)[0]
    mean = np.full(len(shifts), shifts[some, 1].mean())
    return shifts - np.stack([curves[:, 1:] @ fit[1:], mean], axis=1)


def fit_shift(p: np.ndarray, r: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the shift that brings p onto r, and the squares that shift and factor leave over.

    Parameters
    ----------
    p, r : ndarray, shape (nx, ny)
        A projection and its re-projection, equally smooth and less than about a pixel apart.
    window : ndarray, shape (nx, ny)
        Weight of each pixel.

    Examples
    --------
    >>> x = np.arange(32.0)
    >>> p, r = (np.exp(-0.5 * ((x - middle) / 4) ** 2)[:, None] for middle in (15.0, 15.4))
    >>> fit_shift(p, r, np.ones((32, 1)))[0].round(1)
    array([0.4, 0. ])
    """
    slopes = [np.gradient(r, axis=k) if n > 1 else np.zeros_like(r) for k, n in enumerate(r.shape)]
    basis = np.stack([(part * window).ravel() for part in (r, *slopes)], axis=1).astype(np.float64)
    target = ((p - r) * window).ravel().astype(np.float64)
    fit, *_ = np.linalg.lstsq(basis, target, rcond=1e-6)
    rest = target - basis @ fit
    return fit[1:], float(rest @ rest)


def _binned(images: np.ndarray, fx: int, fy: int) -> np.ndarray:
    t, nx, ny = images.shape
    kx, ky = nx // fx, ny // fy
    i, j = (nx - kx * fx) // 2, (ny - ky * fy) // 2
    part = images[:, i : i + kx * fx, j : j + ky * fy]
    return np.asarray(part.reshape(t, kx, fx, ky, fy).mean(axis=(2, 4)))


def faded(field: tuple[int, int], count: int) -> np.ndarray:
    """Return weights for `count` pixels: 1 inside [first, last), falling to 0 at its ends.

    Examples
    --------
    >>> faded((1, 11), 12).round(1)
    array([0. , 0.1, 0.4, 0.6, 0.9, 1. , 1. , 0.9, 0.6, 0.4, 0.1, 0. ])
    """
    if count == 1:
        return np.ones(1)
    first, last = field
    k = np.arange(count)
    return np.clip(np.minimum(k - first + 0.5, last - k - 0.5) / _FADE, 0, 1)
