"""Channels: one operator for every map, and maps that share a detector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import check_array, check_shape
from em_inverse.forward.operator import LinearOperator, as_operator

__all__ = ["ChannelGradient", "Channels"]


class Channels(LinearOperator):
    """The same view of several maps, mixed into the channels of a detector.

        (Hx)[c] = A Σ_k M[c, k] x[k]

    With M the identity, every map is seen in a channel of its own: a spectral tilt series. With one
    row, M adds the maps up by their weights: HAADF contrast that is linear in thickness. With the
    spectra of known components as its columns, M makes every energy channel of a few maps.

    Parameters
    ----------
    A : LinearOperator or matrix
        What the microscope does to each map, for instance a ParallelBeam.
    mixing : array_like, shape (channels, maps), or int
        M; a whole number stands for the identity of that size.

    Attributes
    ----------
    A : LinearOperator
    mixing : ndarray, shape (channels, maps)

    Raises
    ------
    DataError
        When `mixing` is no matrix, or holds NaN or infinity.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> A = ParallelBeam((2, 3), [0])
    >>> H = Channels(A, [[1.0, 10.0]])
    >>> (H @ np.ones((2, 2, 3))).tolist()
    [[[22.0, 22.0, 22.0]]]
    """

    def __init__(self, A: Any, mixing: ArrayLike | int) -> None:
        self.A = as_operator(A)
        if np.ndim(mixing) == 0:
            (count,) = check_shape((mixing,), "mixing", ndim=1)
            self.mixing = np.eye(count, dtype=self.A.dtype)
        else:
            self.mixing = check_array(mixing, "mixing", ndim=2, dtype=self.A.dtype).copy()
        self.mixing.flags.writeable = False
        channels, maps = self.mixing.shape
        self._plain = channels == maps and np.array_equal(self.mixing, np.eye(maps))
        super().__init__((maps, *self.A.in_shape), (channels, *self.A.out_shape), self.A.dtype)

    def _each(self, apply: Any, arrays: np.ndarray) -> np.ndarray:
        return np.stack([apply(array) for array in arrays])

    def _mix(self, matrix: np.ndarray, arrays: np.ndarray) -> np.ndarray:
        if self._plain:
            return arrays
        return np.tensordot(matrix, arrays, axes=1)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        # A costs most by far: it is applied where there are fewer arrays.
        if len(self.mixing) < len(x):
            return self._each(self.A._forward, self._mix(self.mixing, x))
        return self._mix(self.mixing, self._each(self.A._forward, x))

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        if len(self.mixing) < self.in_shape[0]:
            return self._mix(self.mixing.T, self._each(self.A._adjoint, y))
        return self._each(self.A._adjoint, self._mix(self.mixing.T, y))

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        # The singular values of a Kronecker product are all products of two.
        return float(np.linalg.norm(self.mixing, 2)) * self.A.norm(
            tol, max_iter=max_iter, seed=seed
        )

    def double(self) -> LinearOperator:
        """Return the same operator in float64."""
        return self if self.dtype == np.float64 else Channels(self.A.double(), self.mixing)

    @property
    def precision(self) -> float:
        """Relative rounding error of A."""
        return self.A.precision


class ChannelGradient(LinearOperator):
    """Forward differences of every channel by itself: (∇x)[a, c, i] along axis a of channel c.

    Parameters
    ----------
    shape : tuple of int
        (channels, rows, columns) or (channels, nz, nx, ny).
    combined : array_like, shape (channels,), optional
        m of one more image, Σ_c m_c x_c, whose differences come last.

    Examples
    --------
    >>> ChannelGradient((1, 1, 3)) @ [[[0.0, 2.0, 3.0]]]
    array([[[[0., 0., 0.]]],
    <BLANKLINE>
    <BLANKLINE>
           [[[2., 1., 0.]]]])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any = np.float64,
        *,
        combined: ArrayLike | None = None,
    ) -> None:
        shape = check_shape(shape, "shape", ndim=(3, 4))
        images, self.combined = shape[0], None
        if combined is not None:
            m = check_array(combined, "combined", shape=(shape[0],), dtype=np.float64)
            self.combined, images = m.astype(dtype), images + 1
        super().__init__(shape, (len(shape) - 1, images, *shape[1:]), dtype)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        if self.combined is not None:
            x = np.concatenate([x, np.tensordot(self.combined, x, 1)[None]])
        out = np.zeros(self.out_shape, self.dtype)
        for axis in range(1, x.ndim):
            lines, steps = np.moveaxis(x, axis, 0), np.moveaxis(out[axis - 1], axis, 0)
            steps[:-1] = lines[1:] - lines[:-1]
        return out

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        out = np.zeros(self.out_shape[1:], self.dtype)
        for axis in range(1, out.ndim):
            flow, lines = np.moveaxis(y[axis - 1], axis, 0)[:-1], np.moveaxis(out, axis, 0)
            lines[:-1] -= flow
            lines[1:] += flow
        if self.combined is None:
            return out
        return out[:-1] + np.multiply.outer(self.combined, out[-1])

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        steps = (4 * np.cos(np.pi / (2 * n)) ** 2 for n in self.in_shape[1:] if n > 1)
        share = 0.0 if self.combined is None else float(self.combined @ self.combined)
        return float(np.sqrt((1 + share) * sum(steps)))
