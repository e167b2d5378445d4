"""Probe convolution: what a finite electron probe does to an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_choice, check_number, check_shape
from em_inverse.forward.operator import LinearOperator

__all__ = ["BOUNDARIES", "GaussianBlur", "gaussian_taps"]

#: What lies beyond the border of the image: the image mirrored with its edge pixel repeated,
#: the image mirrored about its edge pixel, the edge pixel for ever, the other side, or nothing.
BOUNDARIES = ("reflect", "mirror", "nearest", "wrap", "constant")

_SPARSE_FROM = 1024


class GaussianBlur(LinearOperator):
    """Convolution with a Gaussian probe, in one or two dimensions.

    Along each axis the kernel is h[t] ∝ exp(−t² / 2σ²) for \\|t\\| ≤ ceil(truncate · σ), with
    Σ h = 1. How the kernel is cut and what lies beyond the border are explicit, because both
    change the smallest singular values, and with them the condition number, by many orders of
    magnitude.

    Parameters
    ----------
    shape : tuple of int
        (n,) for a profile, (rows, columns) for an image.
    sigma : float or tuple of float
        Standard deviation of the probe in pixels, one for all axes or one per axis. 0 means no
        blur along that axis.
    boundary : {"reflect", "mirror", "nearest", "wrap", "constant"}
        What lies beyond the border. With "constant" (vacuum, 0) the signal leaks out at the edges.
    truncate : float or None
        Where the kernel is cut, in units of σ. None keeps every tap that fits the longest
        distance in the image.
    dtype : dtype
        Precision, float64 by default.

    Raises
    ------
    ParameterError
        When σ is negative, the boundary unknown, or the shape not 1-D or 2-D.

    Notes
    -----
    Each axis is a small matrix A (row i holds the kernel around pixel i, folded at the border), so
    that y = A₀ x A₁ᵀ, the adjoint is x = A₀ᵀ y A₁ to rounding for every boundary, and the SVD of
    an image operator is the Kronecker product of two small ones.

    Examples
    --------
    >>> import numpy as np
    >>> H = GaussianBlur((64,), sigma=3)
    >>> point = np.zeros(64)
    >>> point[32] = 1
    >>> round(float((H @ point).max()), 4)
    0.133
    >>> float(np.round((H @ point).sum(), 12))
    1.0
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sigma: float | tuple[float, ...],
        boundary: str = "reflect",
        truncate: float | None = 4.0,
        *,
        dtype: Any = np.float64,
    ) -> None:
        shape = check_shape(shape, "shape", ndim=(1, 2))
        self.boundary = check_choice(boundary, "boundary", BOUNDARIES)
        self.sigma = _per_axis(sigma, len(shape))
        self.truncate = (
            None
            if truncate is None
            else check_number(truncate, "truncate", minimum=0, exclusive=True)
        )
        super().__init__(shape, shape, dtype)
        self.axis_matrices = [
            _axis_matrix(n, gaussian_taps(s, self.truncate, n), self.boundary)
            for n, s in zip(shape, self.sigma, strict=True)
        ]
        self._factors = [_compact(A).astype(self.dtype) for A in self.axis_matrices]
        self._factors_T = [_compact(A.T).astype(self.dtype) for A in self.axis_matrices]

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return _apply(self._factors, x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return _apply(self._factors_T, y)

    def to_matrix(self) -> np.ndarray:
        """Return H as a dense float64 matrix (for images the Kronecker product A₀ ⊗ A₁)."""
        if len(self.in_shape) == 1:
            return self.axis_matrices[0].copy()
        self._refuse_a_large_matrix()
        return np.kron(*self.axis_matrices)

    def double(self) -> LinearOperator:
        """Return the same blur in float64."""
        if self.dtype == np.float64:
            return self
        return GaussianBlur(self.in_shape, self.sigma, self.boundary, self.truncate)

    def cosine_spectrum(self) -> np.ndarray | None:
        """Return the eigenvalues of H in the cosine basis (DCT-II) if it is diagonal there.

        That is so for the boundary "reflect"; for the others None is returned.
        """
        if self.boundary != "reflect":
            return None
        spectrum = np.ones(())
        for n, sigma in zip(self.in_shape, self.sigma, strict=True):
            taps = gaussian_taps(sigma, self.truncate, n)
            t = np.arange(taps.size) - taps.size // 2
            line = np.cos(np.pi * np.outer(np.arange(n), t) / n) @ taps
            spectrum = np.multiply.outer(spectrum, line)
        return spectrum

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        if max(self.in_shape) > _SPARSE_FROM:
            return super()._largest_singular_value(tol, max_iter, seed)
        return float(np.prod([np.linalg.norm(A, 2) for A in self.axis_matrices]))

    def _decompose(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if len(self.in_shape) == 1:
            return super()._decompose()
        self._refuse_a_large_matrix()
        (U0, s0, Vt0), (U1, s1, Vt1) = (np.linalg.svd(A) for A in self.axis_matrices)
        s = np.outer(s0, s1).ravel()
        order = np.argsort(-s, kind="stable")
        return np.kron(U0, U1)[:, order], s[order], np.kron(Vt0, Vt1)[order]


def gaussian_taps(sigma: float, truncate: float | None, n: int) -> np.ndarray:
    """Return the normalised taps of a sampled Gaussian.

    Parameters
    ----------
    sigma : float
        Standard deviation in pixels; 0 gives the single tap 1.
    truncate : float or None
        Radius in units of σ; None takes n − 1 pixels on either side.
    n : int
        Number of pixels along the axis.

    Returns
    -------
    ndarray, shape (2 r + 1,)

    Examples
    --------
    >>> len(gaussian_taps(3.0, 4.0, 64))
    25
    """
    if sigma < 1e-3:  # the neighbouring tap would be exp(−500 000): nothing
        return np.ones(1)
    radius = n - 1 if truncate is None else int(np.ceil(truncate * sigma))
    t = np.arange(-radius, radius + 1)
    taps = np.exp(-0.5 * (t / sigma) ** 2)
    return taps / taps.sum()


def _axis_matrix(n: int, taps: ArrayLike, boundary: str) -> np.ndarray:
    taps = np.asarray(taps)
    radius = taps.size // 2
    matrix = np.zeros((n, n))
    rows = np.arange(n)
    for offset, weight in zip(range(-radius, radius + 1), taps, strict=True):
        columns, inside = _fold(rows + offset, n, boundary)
        np.add.at(matrix, (rows[inside], columns[inside]), weight)
    return matrix


def _fold(index: np.ndarray, n: int, boundary: str) -> tuple[np.ndarray, np.ndarray]:
    """Map positions beyond the border to the pixel that stands there."""
    everywhere = np.ones(index.shape, bool)
    if boundary == "constant":
        return index, (index >= 0) & (index < n)
    if boundary == "wrap":
        return index % n, everywhere
    if boundary == "nearest":
        return np.clip(index, 0, n - 1), everywhere
    if boundary == "mirror":
        period = max(2 * n - 2, 1)
        folded = index % period
        return np.minimum(folded, period - folded) % n, everywhere
    folded = index % (2 * n)
    return np.minimum(folded, 2 * n - 1 - folded), everywhere


def _per_axis(sigma: Any, ndim: int) -> tuple[float, ...]:
    values = tuple(sigma) if isinstance(sigma, (tuple, list, np.ndarray)) else (sigma,) * ndim
    if len(values) != ndim:
        raise ParameterError(
            f"sigma is {sigma!r}; pass one number, or one per axis ({ndim} here), in pixels."
        )
    return tuple(check_number(value, "sigma", minimum=0) for value in values)


def _compact(matrix: np.ndarray) -> Any:
    """Store a large band as sparse; a small matrix is faster dense."""
    if matrix.shape[0] > _SPARSE_FROM and np.count_nonzero(matrix) < matrix.size / 8:
        return sparse.csr_array(matrix)
    return np.ascontiguousarray(matrix)


def _apply(factors: list[Any], x: np.ndarray) -> np.ndarray:
    if x.ndim == 1:
        return factors[0] @ x
    return np.ascontiguousarray((factors[1] @ (factors[0] @ x).T).T)
