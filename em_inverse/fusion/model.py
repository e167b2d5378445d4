"""The objective of sensor fusion: the lecture's template with two data distances and one prior.

    F(x) = ‖b − α A h(x)‖²_W + λ₁ Σ_e k_e D(x_e + β_e, d_e) + λ₂ Σ_e w_e TV(x_e),    x ≥ 0

x holds one map per element, h is the HAADF contrast (:mod:`em_inverse.forward.contrast`), A the
probe, b the HAADF image and W what each of its pixels is worth, ‖r‖²_W = Σ W r². d are the spectra,
β their known background, and D their distance from what is expected: Σ e − d − d log(e/d) for
counts, Σ (e − d)² for Gaussian noise. Nothing here is new but the list: a nonlinear H for one
measurement, the identity for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, ParameterError, check_array, check_choice, check_number
from em_inverse.forward.contrast import LinearThickness, PowerLaw
from em_inverse.forward.operator import LinearOperator, as_operator

__all__ = ["NOISES", "FusedModel"]

#: What the noise of the spectra may be.
NOISES = ("poisson", "gaussian")


class FusedModel:
    """Both measurements and how they follow from the maps.

    Everything is in the units of the objective: amounts near 1 at most, an image near 1 at most.
    :func:`em_inverse.fusion.fuse` brings counts and detector values into them.

    Parameters
    ----------
    haadf : array_like, shape (rows, columns), or None
        b. Without an image the model is that of the spectra alone.
    spectra : array_like, shape (n, rows, columns)
        d, one map per element.
    law : PowerLaw or LinearThickness
        h, the contrast; made with ``normalise=True`` its weights are 1 for the heaviest element.
    psf : LinearOperator, optional
        A, on images ``(rows, columns)``. By default the HAADF probe is a point.
    certainty : array_like, shape (rows, columns), optional
        W ≥ 0, 1 by default: mean variance of the noise of the image over that of each pixel.
    scale : float
        α, the brightness of one unit of the heaviest element. It is no unknown of the problem:
        left free it would rise to make up for what TV takes from the maps.
    background : array_like, broadcast to the shape of the spectra
        β ≥ 0 (any sign for Gaussian noise), known.
    importance : array_like, shape (n,), optional
        k, 1 by default. For counts, proportional to the counts per unit amount.
    noise : {"poisson", "gaussian"}
    vacuum : array_like of bool, shape (rows, columns), optional
        Where there is nothing: x = 0.

    Raises
    ------
    DataError
        When shapes do not fit, values are not finite, or counts are negative.

    Examples
    --------
    >>> law = LinearThickness(["Fe"], normalise=True)
    >>> model = FusedModel([[1.0, 2.0]], [[[1.0, 2.0]]], law, scale=1.0)
    >>> model.terms(np.array([[[1.0, 2.0]]], np.float32))
    (0.0, 0.0)
    """

    def __init__(
        self,
        haadf: ArrayLike | None,
        spectra: ArrayLike,
        law: PowerLaw | LinearThickness,
        *,
        psf: Any = None,
        certainty: ArrayLike | None = None,
        scale: float = 1.0,
        background: ArrayLike = 0.0,
        importance: ArrayLike | Sequence[float] | None = None,
        noise: str = "poisson",
        vacuum: ArrayLike | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.noise = check_choice(noise, "noise", NOISES)
        self.spectra = _in_rows(spectra, "spectra", ndim=3, dtype=dtype)
        self.law = law
        n, *image = self.spectra.shape
        self.image_shape = tuple(image)
        if law.atomic_numbers.size != n:
            raise DataError(
                f"spectra holds {n} maps (shape {self.spectra.shape}), but the contrast law has "
                f"{law.atomic_numbers.size} elements. Pass one atomic number per map."
            )
        self.haadf = (
            None if haadf is None else _in_rows(haadf, "haadf", shape=self.image_shape, dtype=dtype)
        )
        self.psf = None if psf is None else self._probe(psf)
        self.certainty = np.ones(self.image_shape, self.spectra.dtype)
        if certainty is not None:
            self.certainty = _in_rows(
                certainty, "certainty", shape=self.image_shape, dtype=self.spectra.dtype
            )
            if self.certainty.min() < 0:
                raise DataError(f"certainty reaches {self.certainty.min():g}; a weight is ≥ 0.")
        self.scale = check_number(scale, "scale", minimum=0)
        self.background = self._known_background(background)
        k = np.ones(n) if importance is None else check_array(importance, "importance", shape=(n,))
        if k.min() <= 0:
            raise ParameterError(f"importance reaches {k.min():g}; it must be above 0.")
        self.importance = k.astype(dtype)
        if noise == "poisson" and self.spectra.min() < 0:
            raise DataError(
                f"spectra reach {self.spectra.min():g}; counts cannot be negative. Pass the raw "
                f"counts and what is known of the background as `background`, or take noise="
                f"'gaussian'."
            )
        self.inside = np.ones(self.image_shape, bool)
        if vacuum is not None:
            self.inside = _in_rows(vacuum, "vacuum", shape=self.image_shape) == 0
            if not self.inside.any():
                raise DataError("vacuum is True everywhere, so there is nothing to fuse.")

    def _probe(self, psf: Any) -> LinearOperator:
        operator = as_operator(psf)
        if operator.in_shape != self.image_shape or operator.out_shape != self.image_shape:
            raise DataError(
                f"psf maps shape {operator.in_shape} to {operator.out_shape}, but the images have "
                f"shape {self.image_shape}. Make it with forward.GaussianBlur({self.image_shape}, "
                f"sigma)."
            )
        return operator

    def _known_background(self, background: ArrayLike) -> np.ndarray:
        given = check_array(background, "background", dtype=self.spectra.dtype)
        try:
            full = np.broadcast_to(given, self.spectra.shape)
        except ValueError:
            raise DataError(
                f"background has shape {given.shape}; one number, one per element as shape "
                f"({self.spectra.shape[0]}, 1, 1), or the shape of the maps "
                f"{self.spectra.shape} is needed."
            ) from None
        if self.noise == "poisson" and full.min() < 0:
            raise DataError(f"background reaches {full.min():g}; counts need it to be ≥ 0.")
        return np.ascontiguousarray(full)

    def image(self, x: np.ndarray) -> np.ndarray:
        """A h(x), the image that the maps would give at α = 1."""
        seen = self.law.forward(x)
        return seen if self.psf is None else self.psf.forward(seen).astype(seen.dtype, copy=False)

    def spectral_distances(self, x: np.ndarray) -> np.ndarray:
        """D of each element, without its weight."""
        expected, d = x + self.background, self.spectra
        if self.noise == "gaussian":
            return np.asarray(np.sum(np.square(expected - d), axis=(1, 2), dtype=np.float64))
        expected = np.maximum(expected, np.finfo(d.dtype).tiny)
        each = expected - d - d * np.log(expected / np.where(d > 0, d, d.dtype.type(1)))
        return np.asarray(np.sum(each, axis=(1, 2), dtype=np.float64))

    def terms(self, x: np.ndarray, image: np.ndarray | None = None) -> tuple[float, float]:
        """‖b − α A h(x)‖²_W and Σ k D, the two data terms without λ₁."""
        misfit = 0.0
        if self.haadf is not None:
            seen = self.image(x) if image is None else image
            residual = seen * seen.dtype.type(self.scale) - self.haadf
            misfit = float(np.vdot(residual, self.certainty * residual))
        return misfit, float(self.importance @ self.spectral_distances(x))

    def gradient(self, x: np.ndarray, lam_spectrum: float) -> np.ndarray:
        """Gradient of both data terms at x, with λ₁ on the second."""
        expected = x + self.background
        if self.noise == "gaussian":
            slope = 2 * (expected - self.spectra)
        else:
            slope = 1 - self.spectra / np.maximum(expected, np.finfo(x.dtype).tiny)
        total = x.dtype.type(lam_spectrum) * self.importance[:, None, None] * slope
        if self.haadf is None:
            return np.asarray(total, x.dtype)
        seen = self.image(x)
        scale = seen.dtype.type(self.scale)
        return np.asarray(total + self.law.vjp(x, 2 * scale * self.pulled(scale * seen)), x.dtype)

    def pulled(self, image: np.ndarray) -> np.ndarray:
        """AᵀW(image − b)."""
        residual = self.certainty * (image - self.haadf)
        if self.psf is None:
            return np.asarray(residual)
        return self.psf.adjoint(residual).astype(residual.dtype, copy=False)


def _in_rows(given: ArrayLike, name: str, **wanted: Any) -> np.ndarray:
    """Check an array, and lay it out row by row.

    For any other order in memory numba would compile the kernels once more.
    """
    return np.ascontiguousarray(check_array(given, name, **wanted))
