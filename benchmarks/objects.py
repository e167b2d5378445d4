"""Test objects and their data, projected from a four times finer grid (no inverse crime)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from em_inverse import noise, phantoms
from em_inverse.forward.tilt import ParallelBeam

__all__ = ["NAMES", "Problem", "noisy_volume", "problem"]

_FINER = 4
NAMES = ("core-shell", "porous cube", "four particles")


@dataclass(frozen=True)
class Problem:
    """A slice, its projector and its noisy data.

    Attributes
    ----------
    truth : ndarray, shape (n, n)
        Mean of the fine object over each pixel.
    A : ParallelBeam
    b : ndarray, shape (n_tilts, n)
        Projections of the fine object, binned, with noise.
    epsilon : float
        ‖A truth − b‖: the noise, and what a coarse grid cannot explain.
    """

    truth: np.ndarray
    A: ParallelBeam
    b: np.ndarray
    epsilon: float


def problem(
    name: str, n: int, angles_deg: np.ndarray, *, level: float = 0.05, seed: int = 0
) -> Problem:
    """Return one of the objects of `NAMES` with its data.

    Parameters
    ----------
    n : int
        Edge of the slice and of the detector.
    angles_deg : ndarray
    level : float
        Standard deviation of the noise as a fraction of the mean of the clean data.
    seed : int
        Of the noise, and of where the pores are.
    """
    fine = _fine(name, _FINER * n, seed)
    truth = fine.reshape(n, _FINER, n, _FINER).mean((1, 3))
    rays = ParallelBeam(fine.shape, angles_deg).forward(fine)
    clean = rays.reshape(angles_deg.size, n, _FINER).mean(2) / _FINER
    spread = level * float(clean.mean())
    b = noise.gaussian(clean, spread, relative=False, seed=seed).astype(np.float32)
    truth = truth.astype(np.float32)
    A = ParallelBeam((n, n), angles_deg)
    return Problem(truth, A, b, float(np.linalg.norm(A.forward(truth) - b)))


def noisy_volume(n: int, seed: int = 0) -> np.ndarray:
    """Return a sphere with a cubic core and 10 % noise, float32, shape (n, n, n)."""
    axes = np.ogrid[:n, :n, :n]
    z, x, y = (axis - (n - 1) / 2 for axis in axes)
    volume = np.zeros((n, n, n), np.float32)
    volume[z**2 + x**2 + y**2 < (n / 3) ** 2] = 1
    volume[np.maximum(np.maximum(abs(z), abs(x)), abs(y)) < n / 8] += 0.5
    rng = np.random.default_rng(seed)
    return volume + np.float32(0.1) * rng.standard_normal(volume.shape, dtype=np.float32)


def _fine(name: str, n: int, seed: int) -> np.ndarray:
    if name == "core-shell":
        return phantoms.core_shell(n, offset=(0.08 * n, 0.05 * n), supersample=2)
    if name == "porous cube":
        return phantoms.nanocube_with_pores(n, seed=seed, supersample=2)
    particles = ((0.12, 0.35, 0.38, 1.0), (0.09, 0.62, 0.3, 0.5), (0.14, 0.6, 0.66, 0.7))
    image = phantoms.disc(n, 0.05 * n, (0.28 * n, 0.66 * n), supersample=2)
    for radius, z, x, value in particles:
        image = image + phantoms.disc(n, radius * n, (z * n, x * n), value=value, supersample=2)
    return image
