r"""Filling with what a projection cannot do: turn faster than its finest detail and radius allow.

A point at the distance r from the tilt axis moves on the sinusoid s = r cos(θ − φ). In the Fourier
transform of the projections, along s to the spatial frequency k and along θ to the harmonic m, it
is the Bessel function J_m(2π k r), which is nearly zero for |m| > 2π k r. So whatever lies within a
radius R fills only a bow-tie, |m| ≤ 2π k R [1]_.

That is a statement about how projections vary with the tilt, and the best way to use one is the
method of Gaussian processes (kriging): an object that is random within the disc gives each
harmonic the variance

.. math:: S_k(m) \propto J_m(z)^2 - J_{m-1}(z) J_{m+1}(z), \qquad z = 2\pi k R,

the harmonics add up to the covariance of two tilts, and the frame between follows from it as the
best linear estimate. It takes any angles, uses that half a turn mirrors the projection, and
becomes exact where the tilts are dense enough for R. R and the noise are those under which the
frames are most likely; a frequency whose tilts are too few to tell noise from detail that turns too
fast takes the noise of the lower ones, see :class:`_Quiet`.

References
----------
.. [1] P. A. Rattey and A. G. Lindgren, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 994.
   doi:10.1109/TASSP.1981.1163686
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from em_inverse.errors import check_angles, check_array

__all__ = ["BowTie"]

_RADII = (0.3, 0.375, 0.45, 0.525, 0.6, 0.675, 0.75, 0.9, 1.1, 1.4)
"""Radii that are tried, in units of half the width of the detector."""
_NOISES = 10.0 ** np.arange(-9, 2.01, 0.5)
"""Noise variances that are tried, in units of the variance of the object."""
_STRAY = 1e-7
"""Share of the variance of every harmonic that no disc explains: axes that are not quite right."""
_EVERY = 5
_NEAR = 6


@dataclass
class _Band:
    """One spatial frequency, real or imaginary part: the eigenvectors of its covariance."""

    kernel: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    noise: float
    size: float


class _Quiet:
    """How loud the noise is believed to be: as in the quietest lower frequencies.

    Fine detail that turns faster than the tilts follow looks like noise, and frames alone cannot
    tell the two apart. Coarse detail can: it turns slowly, and what does not is noise. A detector's
    noise is the same at all frequencies, and weaker at the highest once frames were shifted. So a
    frequency's noise is expected, to within a factor of e, to be what the lower ones have shown.
    """

    def __init__(self) -> None:
        self._found: list[float] = []
        self._level = np.inf

    def best(self, badness: np.ndarray, noise: np.ndarray, count: int) -> int:
        """Index of the likeliest noise, from badness, −2/count of the logarithm of likelihood."""
        cost = badness
        if np.isfinite(self._level):
            cost = badness + np.log(noise / self._level) ** 2 / count
        best = int(np.argmin(cost))
        self._found.append(float(noise[best]))
        if len(self._found) >= _NEAR:
            self._level = min(self._level, float(np.median(self._found[-_NEAR:])))
        return best


@dataclass
class BowTie:
    """Projections as a random object in a disc would give them, fitted to recorded frames.

    Parameters
    ----------
    angles_deg : ndarray, shape (n_tilts,)
        None twice.
    frames : ndarray, shape (n_tilts, nx) or (n_tilts, nx, ny)
    center_shift : float
        Where the tilt axis falls, in pixels from the middle.

    Attributes
    ----------
    radius : float
        The likeliest radius R, in pixels.
    noise_variance : float
        Mean square of the noise of a pixel.

    Raises
    ------
    DataError
        When the frames are no array of finite numbers with two or three axes.
    GeometryError
        When there are not as many angles as frames.
    """

    angles_deg: np.ndarray
    frames: np.ndarray
    center_shift: float = 0.0
    radius: float = field(init=False)
    noise_variance: float = field(init=False)

    def __post_init__(self) -> None:
        check_array(self.frames, "frames", ndim=(2, 3))
        self._turn = np.deg2rad(check_angles(self.angles_deg, count=len(self.frames)))
        n = self.frames.shape[1]
        self._length = n + n // 2
        flat = self.frames.reshape(*self.frames.shape[:2], -1).astype(np.float64)
        k = np.fft.rfftfreq(self._length)
        self._shift = np.exp(2j * np.pi * k * ((n - 1) / 2 + self.center_shift))[:, None]
        transform = np.fft.rfft(flat, self._length, axis=1) * self._shift
        # Half a turn mirrors: the real part repeats after 180°, the imaginary part changes sign.
        self._parts = (transform.real.copy(), transform.imag.copy())
        self._mean = self._parts[0].mean(axis=0)
        self._parts[0][...] -= self._mean
        some = np.arange(1, k.size, _EVERY)
        tried = [share * n / 2 for share in _RADII]
        self.radius = max(tried, key=lambda radius: self._fit(radius, some)[1])
        self._bands, _ = self._fit(self.radius, np.arange(k.size))
        self.noise_variance = self._in_pixels(
            {key: np.array([band.noise * band.size]) for key, band in self._bands.items()}
        ).item()

    @property
    def nyquist_step_deg(self) -> float:
        """Widest step of a full turn that still catches every harmonic of the finest detail used.

        The detail counts down to where the noise, or one part in a thousand of the variance, takes
        over.
        """
        power = np.zeros(self._length // 2 + 1)
        noise = np.zeros_like(power)
        for (_, j), band in self._bands.items():
            power[j] += band.size
            noise[j] += band.size * band.noise
        rest = np.cumsum(power[::-1])[::-1] / max(power.sum(), np.finfo(float).tiny)
        used = np.flatnonzero((rest > 1e-3) & (power > noise))
        finest = max(int(used[-1]) if used.size else 1, 1) / self._length
        return float(np.rad2deg(1 / (2 * finest * self.radius)))

    def predict(self, new_deg: np.ndarray) -> np.ndarray:
        """Return the likeliest frames at other angles."""
        new = np.deg2rad(new_deg)
        found = np.zeros((new.size, *self._parts[0].shape[1:]), complex)
        found += self._mean
        for (part, j), band in self._bands.items():
            W = self._weights(band, self._covariance(new, band.kernel))
            found[:, j] += (1j if part else 1) * (W @ self._parts[part][:, j])
        images = np.fft.irfft(found * self._shift.conj(), self._length, axis=1)
        cut = images[:, : self.frames.shape[1]].reshape(new.size, *self.frames.shape[1:])
        return np.ascontiguousarray(cut, dtype=self.frames.dtype)

    def expected_error(self, new_deg: np.ndarray, W: np.ndarray | None = None) -> np.ndarray:
        """Mean square error of each frame filled in, before it is known what was there.

        Parameters
        ----------
        new_deg : ndarray, shape (n_new,)
        W : ndarray, shape (n_new, n_tilts), optional
            Weights of another linear way to fill; the likeliest unless given.
        """
        new = np.deg2rad(new_deg)
        if not self._bands:
            return np.zeros(new.size)
        errors = {}
        for key, band in self._bands.items():
            cross = self._covariance(new, band.kernel)
            V = self._weights(band, cross) if W is None else W
            rotated = V @ band.vectors
            spread = (rotated**2 * (band.values + band.noise)).sum(axis=1)
            errors[key] = band.size * np.maximum(1 - 2 * (V * cross).sum(axis=1) + spread, 0)
        return self._in_pixels(errors)

    def _fit(self, radius: float, some: np.ndarray) -> tuple[dict[Any, _Band], float]:
        harmonics = self._harmonics(radius, some / self._length)
        bands, likelihood, quiet = {}, 0.0, _Quiet()
        for row, j in zip(harmonics, some.tolist(), strict=True):
            for part in (0, 1):
                variance = row.copy()
                variance[1 - part :: 2] = 0
                data = self._parts[part][:, j]
                if not variance.any() or not data.any():
                    continue
                kernel = variance / variance.sum()
                values, vectors = np.linalg.eigh(self._covariance(self._turn, kernel))
                values = np.maximum(values, 0)
                power = np.mean((vectors.T @ data) ** 2, axis=1)
                if not power.any():
                    continue
                total = values[:, None] + _NOISES
                sizes = (power[:, None] / total).mean(axis=0)
                badness = np.log(sizes) + np.log(total).mean(axis=0)
                best = quiet.best(badness, sizes * _NOISES, data.size)
                likelihood -= float(badness[best])
                bands[part, j] = _Band(
                    kernel, vectors, values, float(_NOISES[best]), float(sizes[best])
                )
        return bands, likelihood

    def _harmonics(self, radius: float, k: np.ndarray) -> np.ndarray:
        """Variance of each harmonic m ≥ 0, shape (k, m)."""
        from scipy.special import jv

        highest = int(np.pi * radius) + 16
        # The sum of a frame changes with the tilt as well, where an object reaches beyond it.
        z = 2 * np.pi * np.maximum(k, 1 / self._length)[:, None] * radius
        J = jv(np.arange(-1, highest + 2), z)
        S = np.maximum(J[:, 1:-1] ** 2 - J[:, :-2] * J[:, 2:], 0)
        S += _STRAY * S.sum(axis=1, keepdims=True)
        S[:, 1:] *= 2
        return S

    def _covariance(self, turn: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        used = np.flatnonzero(kernel)
        inner = used * turn[:, None], used * self._turn[:, None]
        (c, s), (d, t) = ((np.cos(a), np.sin(a)) for a in inner)
        weight = kernel[used]
        cov: np.ndarray = (c * weight) @ d.T + (s * weight) @ t.T
        return cov

    @staticmethod
    def _weights(band: _Band, cross: np.ndarray) -> np.ndarray:
        W: np.ndarray = (cross @ band.vectors / (band.values + band.noise)) @ band.vectors.T
        return W

    def _in_pixels(self, errors: dict[Any, np.ndarray]) -> np.ndarray:
        """Parseval: mean square of a pixel from the mean squares of the frequencies."""
        total: Any = 0.0
        for (_, j), error in errors.items():
            total = total + (1 if j in (0, self._length / 2) else 2) * error
        pixels: np.ndarray = np.atleast_1d(total) / self._length / self.frames.shape[1]
        return pixels
