"""Linear operators: H, Hᵀ, and everything that can be asked of the pair.

A forward model is a class with two short methods, ``_forward`` and ``_adjoint``. All the rest
(shape checks, composition, stacking, the norm, the matrix, the SVD, the dot test) is written once,
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import scipy.linalg
import scipy.sparse.linalg as sparse_linalg
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_integer,
    check_number,
    check_shape,
)

__all__ = [
    "Gradient",
    "Identity",
    "LinearOperator",
    "Mask",
    "MatrixOperator",
    "Stack",
    "as_operator",
]

_LARGEST_MATRIX = 200_000_000


class LinearOperator:
    """A linear map H from arrays of `in_shape` to arrays of `out_shape`, with its adjoint.

    Subclasses implement ``_forward(x)`` and ``_adjoint(y)``, which receive arrays of exactly the
    right shape and dtype and return new arrays.

    Parameters
    ----------
    in_shape, out_shape : tuple of int
        Shapes of the object x and of the data y.
    dtype : dtype
        float32 or float64: the precision in which H computes.

    Examples
    --------
    >>> import numpy as np
    >>> H = MatrixOperator([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]])
    >>> H @ np.array([1.0, 1.0])
    array([3., 1., 3.])
    >>> H.T @ np.array([1.0, 0.0, 0.0])
    array([1., 2.])
    >>> H.dot_test() < 1e-12
    True
    """

    def __init__(
        self, in_shape: tuple[int, ...], out_shape: tuple[int, ...], dtype: Any = np.float64
    ) -> None:
        self.in_shape = tuple(int(n) for n in in_shape)
        self.out_shape = tuple(int(n) for n in out_shape)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ParameterError(f"dtype is {dtype!r}; allowed: float32 and float64.")
        self._cached_norm: dict[tuple[float, int, int], float] = {}
        self._cached_svd: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._cached_gradient_svd: tuple[np.ndarray, ...] | None = None

    def _forward(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _forward(x)")

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _adjoint(y)")

    def forward(self, x: ArrayLike) -> np.ndarray:
        """Return Hx.

        Parameters
        ----------
        x : array_like, shape `in_shape`

        Returns
        -------
        ndarray, shape `out_shape`

        Raises
        ------
        DataError
            When x has another shape, or holds NaN or infinity.
        """
        return self._forward(check_array(x, "x", shape=self.in_shape, dtype=self.dtype))

    def adjoint(self, y: ArrayLike) -> np.ndarray:
        """Return Hᵀy: the array with ⟨Hx, y⟩ = ⟨x, Hᵀy⟩ for every x.

        Parameters
        ----------
        y : array_like, shape `out_shape`

        Returns
        -------
        ndarray, shape `in_shape`

        Raises
        ------
        DataError
            When y has another shape, or holds NaN or infinity.
        """
        return self._adjoint(check_array(y, "y", shape=self.out_shape, dtype=self.dtype))

    @property
    def T(self) -> LinearOperator:
        """The adjoint as an operator of its own."""
        return _Transpose(self)

    @overload
    def __matmul__(self, other: LinearOperator) -> LinearOperator: ...
    @overload
    def __matmul__(self, other: ArrayLike) -> np.ndarray: ...
    def __matmul__(self, other: Any) -> Any:
        """``H @ x`` applies H; ``G @ H`` is the operator that applies H, then G."""
        if isinstance(other, LinearOperator):
            return _Composition(self, other)
        return self.forward(other)

    __array_ufunc__ = None

    def __rmul__(self, factor: float) -> LinearOperator:
        """``2.0 * H``."""
        return _Scaled(self, check_number(factor, "factor"))

    def __mul__(self, factor: float) -> LinearOperator:
        """``H * 2.0``."""
        return _Scaled(self, check_number(factor, "factor"))

    def __neg__(self) -> LinearOperator:
        """``-H``."""
        return _Scaled(self, -1.0)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (rows, columns) of the matrix that :meth:`to_matrix` would return."""
        return int(np.prod(self.out_shape)), int(np.prod(self.in_shape))

    def norm(self, tol: float = 1e-6, *, max_iter: int = 2000, seed: int = 0) -> float:
        """Return the largest singular value ‖H‖₂ by the power method, accelerated.

        HᵀH is applied again and again to a positive random vector. The plain power method keeps
        the last vector only; Lanczos' form of it (Golub–Kahan bidiagonalisation) takes the best
        estimate that all vectors together allow, for the same work. It stops when the singular
        vector found is exact to `tol`, ‖HHᵀu − σ²u‖ ≤ `tol` · σ², so that a singular value lies
        within `tol` (relative) of the answer. The estimate approaches ‖H‖₂ from below. Where the
        norm has a formula (gradient) or falls into small factors (blur), those are used.

        Parameters
        ----------
        tol : float
            Relative tolerance; in single precision not below 10⁻⁶.
        max_iter : int
            Iterations after which the current estimate is returned as it is.
        seed : int
            Seed of the start vector.

        Returns
        -------
        float

        References
        ----------
        Golub and Kahan, doi:10.1137/0702016. Golub and Van Loan, *Matrix Computations*, 4th ed.,
        sections 7.3 and 10.4.

        Examples
        --------
        >>> round(MatrixOperator([[3.0, 0.0], [4.0, 5.0]]).norm(), 6)
        6.708204
        """
        tol = check_number(tol, "tol", minimum=0, maximum=1, exclusive=True)
        max_iter = check_integer(max_iter, "max_iter", minimum=1)
        key = (tol, max_iter, seed)
        if key not in self._cached_norm:
            self._cached_norm[key] = self._largest_singular_value(tol, max_iter, seed)
        return self._cached_norm[key]

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        number = self.dtype.type
        tol = max(tol, 8 * float(np.finfo(self.dtype).eps))
        v = np.random.default_rng(seed).uniform(0.1, 1.0, self.in_shape).astype(self.dtype)
        v /= np.linalg.norm(v)
        u = self._forward(v)
        alpha = float(np.linalg.norm(u))
        alphas: list[float] = []
        betas: list[float] = []
        estimate = 0.0
        for iteration in range(1, max_iter + 1):
            if alpha == 0.0:
                break
            u = u / number(alpha)
            w = self._adjoint(u) - number(alpha) * v
            beta = float(np.linalg.norm(w))
            alphas.append(alpha)
            betas.append(beta)
            if beta > 0.0:
                v = w / number(beta)
                u = self._forward(v) - number(beta) * u
            alpha = float(np.linalg.norm(u)) if beta > 0.0 else 0.0
            if iteration <= 16 or iteration % 8 == 0 or iteration == max_iter or alpha == 0.0:
                estimate, last = _top_of_bidiagonal(alphas, betas)
                if alpha * beta * last <= tol * estimate**2:
                    break
        return estimate

    def to_matrix(self) -> np.ndarray:
        """Return H as a dense float64 matrix acting on flattened (C order) arrays.

        Raises
        ------
        ParameterError
            When the matrix would hold more than 2·10⁸ entries.
        """
        self._refuse_a_large_matrix()
        rows, columns = self.shape
        matrix = np.empty((rows, columns))
        unit = np.zeros(columns, self.dtype)
        for j in range(columns):
            unit[j] = 1
            matrix[:, j] = self._forward(unit.reshape(self.in_shape)).ravel()
            unit[j] = 0
        return matrix

    def _refuse_a_large_matrix(self) -> None:
        rows, columns = self.shape
        if rows * columns > _LARGEST_MATRIX:
            raise ParameterError(
                f"the matrix of {self!r} would need {rows} × {columns} entries "
                f"({rows * columns * 8 / 1e9:.1f} GB). Use forward, adjoint or as_scipy instead, "
                f"or a smaller problem."
            )

    def cosine_spectrum(self) -> np.ndarray | None:
        """Return the eigenvalues of H in the cosine basis where it is diagonal there, else None."""
        return None

    def svd(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the thin singular value decomposition (U, s, Vᵀ) of :meth:`to_matrix`.

        It is computed once and kept; the arrays are read-only.

        Returns
        -------
        U : ndarray, shape (rows, k)
        s : ndarray, shape (k,)
            Singular values, largest first.
        Vt : ndarray, shape (k, columns)
        """
        if self._cached_svd is None:
            self._cached_svd = self._decompose()
            for array in self._cached_svd:
                array.flags.writeable = False
        return self._cached_svd

    def _decompose(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        U, s, Vt = np.linalg.svd(self.to_matrix(), full_matrices=False)
        return U, s, Vt

    def double(self) -> LinearOperator:
        """Return this operator in float64, itself if it already is.

        What needs more digits than single precision keeps (a duality gap of 10⁻⁴, a relative
        gradient of 10⁻¹²) iterates on this one. A subclass that cannot be made anew in float64
        is wrapped: it takes and returns float64, and computes in its own `precision`.
        """
        return self if self.dtype == np.float64 else _Double(self)

    @property
    def precision(self) -> float:
        """Relative rounding error of what :meth:`forward` returns."""
        return float(np.finfo(self.dtype).eps)

    def as_scipy(self) -> sparse_linalg.LinearOperator:
        """Return a ``scipy.sparse.linalg.LinearOperator`` acting on flattened arrays."""
        return sparse_linalg.LinearOperator(
            shape=self.shape,
            dtype=self.dtype,
            matvec=lambda x: self._forward(
                np.asarray(x, self.dtype).reshape(self.in_shape)
            ).ravel(),
            rmatvec=lambda y: self._adjoint(
                np.asarray(y, self.dtype).reshape(self.out_shape)
            ).ravel(),
        )

    def dot_test(self, seed: int = 0) -> float:
        """Return |⟨Hx, y⟩ − ⟨x, Hᵀy⟩| / (‖Hx‖ ‖y‖) for random x and y.

        A matched pair gives rounding error: about 1e-16 in float64, 1e-8 in float32.
        """
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(self.in_shape).astype(self.dtype)
        y = rng.standard_normal(self.out_shape).astype(self.dtype)
        Hx = self._forward(x).astype(np.float64)
        Hty = self._adjoint(y).astype(np.float64)
        scale = float(np.linalg.norm(Hx) * np.linalg.norm(y.astype(np.float64)))
        difference = abs(float(np.vdot(Hx, y) - np.vdot(x, Hty)))
        return difference / scale if scale > 0 else difference

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_shape} -> {self.out_shape}, {self.dtype})"


class MatrixOperator(LinearOperator):
    """A plain matrix as an operator on vectors.

    Parameters
    ----------
    matrix : array_like or scipy sparse array, shape (m, n)

    Raises
    ------
    DataError
        When the matrix is not 2-D, is empty, or holds NaN or infinity.
    """

    def __init__(self, matrix: Any) -> None:
        if hasattr(matrix, "tocsr"):
            if matrix.ndim != 2:
                raise DataError(
                    f"H has shape {matrix.shape}, which is {matrix.ndim}-D; 2-D is needed."
                )
            self.matrix = matrix.tocsr()
            if self.matrix.nnz:
                check_array(self.matrix.data, "H")
        else:
            self.matrix = check_array(matrix, "H", ndim=2)
        rows, columns = self.matrix.shape
        dtype = np.float32 if self.matrix.dtype == np.float32 else np.float64
        super().__init__((columns,), (rows,), dtype)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.matrix @ x

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.matrix.T @ y

    def to_matrix(self) -> np.ndarray:
        """Return a dense float64 copy of the matrix."""
        dense = self.matrix.toarray() if hasattr(self.matrix, "toarray") else self.matrix
        return np.array(dense, dtype=np.float64)

    def double(self) -> LinearOperator:
        """Return the same matrix in float64."""
        if self.dtype == np.float64:
            return self
        return MatrixOperator(self.matrix.astype(np.float64))


class Identity(LinearOperator):
    """The operator that leaves x as it is: denoising, and the penalty ‖x‖².

    Parameters
    ----------
    shape : tuple of int
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float64) -> None:
        shape = check_shape(shape, "shape", ndim=(1, 2, 3, 4))
        super().__init__(shape, shape, dtype)

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        return 1.0

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return x.copy()

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return y.copy()


class Gradient(LinearOperator):
    """Forward differences along every axis: (∇x)[a, i] = x[i + 1] − x[i] along axis a.

    The last difference along each axis is zero (nothing flows through the border), so constants
    are the only null space and ‖∇‖₂² < 4 · (number of axes).

    Parameters
    ----------
    shape : tuple of int
        Shape of x, one to three axes.

    Examples
    --------
    >>> Gradient((4,)) @ [0.0, 1.0, 3.0, 3.0]
    array([[1., 2., 0., 0.]])
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float64) -> None:
        shape = check_shape(shape, "shape", ndim=(1, 2, 3))
        super().__init__(shape, (len(shape), *shape), dtype)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        out = np.zeros(self.out_shape, self.dtype)
        for axis in range(x.ndim):
            np.subtract(
                x[_cut(axis, 1, None)], x[_cut(axis, 0, -1)], out=out[axis][_cut(axis, 0, -1)]
            )
        return out

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        out = np.zeros(self.in_shape, self.dtype)
        for axis in range(out.ndim):
            flow = y[axis][_cut(axis, 0, -1)]
            out[_cut(axis, 0, -1)] -= flow
            out[_cut(axis, 1, None)] += flow
        return out

    def _largest_singular_value(self, tol: float, max_iter: int, seed: int) -> float:
        return float(np.sqrt(sum(4 * np.cos(np.pi / (2 * n)) ** 2 for n in self.in_shape if n > 1)))


class Mask(LinearOperator):
    """Keep only some of the values: y = x[keep], flattened.

    Parameters
    ----------
    keep : array_like of bool
        True where a value is kept. Its shape is the shape of x.

    Raises
    ------
    DataError
        When nothing would be kept.
    """

    def __init__(self, keep: ArrayLike, dtype: Any = np.float64) -> None:
        self.keep = np.array(keep, dtype=bool)
        count = int(self.keep.sum())
        if count == 0:
            raise DataError("keep is False everywhere; at least one value must be kept.")
        super().__init__(self.keep.shape, (count,), dtype)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return x[self.keep]

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        out = np.zeros(self.in_shape, self.dtype)
        out[self.keep] = y
        return out


class Stack(LinearOperator):
    """Several operators on the same object, their data one after the other in a flat vector.

    [H₁; H₂] turns Σ_k ‖H_k x − y_k‖² into one least-squares problem.

    Parameters
    ----------
    operators : sequence of LinearOperator or matrices
        All with the same `in_shape`.

    Raises
    ------
    DataError
        When the operators act on objects of different shapes.
    """

    def __init__(self, operators: Sequence[Any]) -> None:
        self.operators = [as_operator(H) for H in operators]
        if not self.operators:
            raise ParameterError("operators is empty; pass at least one operator.")
        shapes = {H.in_shape for H in self.operators}
        if len(shapes) > 1:
            raise DataError(
                f"operators act on objects of different shapes {sorted(shapes)}; stacking needs "
                f"one shape."
            )
        sizes = [H.shape[0] for H in self.operators]
        self._cuts = np.cumsum(sizes)[:-1]
        dtype = np.result_type(*(H.dtype for H in self.operators))
        super().__init__(self.operators[0].in_shape, (int(sum(sizes)),), dtype)

    def join(self, parts: Sequence[ArrayLike]) -> np.ndarray:
        """Return the flat vector that holds one array of data per operator, in their order.

        Raises
        ------
        DataError
            When the number of parts or the shape of one is not that of the operators.
        """
        if len(parts) != len(self.operators):
            raise DataError(
                f"parts holds {len(parts)} arrays, but there are {len(self.operators)} operators. "
                f"Pass one array of data per operator, in their order."
            )
        checked = [
            check_array(part, f"parts[{k}]", shape=H.out_shape, dtype=self.dtype)
            for k, (part, H) in enumerate(zip(parts, self.operators, strict=True))
        ]
        return np.concatenate([part.ravel() for part in checked])

    def split(self, y: np.ndarray) -> list[np.ndarray]:
        """Return the parts of a flat vector, each in its operator's `out_shape`."""
        parts = np.split(y, self._cuts)
        return [part.reshape(H.out_shape) for part, H in zip(parts, self.operators, strict=True)]

    def double(self) -> LinearOperator:
        """Return the stack of the same operators in float64."""
        return Stack([H.double() for H in self.operators])

    @property
    def precision(self) -> float:
        """Relative rounding error of the least exact operator."""
        return max(H.precision for H in self.operators)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        parts = [H._forward(x.astype(H.dtype, copy=False)) for H in self.operators]
        return np.concatenate([part.ravel() for part in parts]).astype(self.dtype, copy=False)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        out = np.zeros(self.in_shape, self.dtype)
        for H, part in zip(self.operators, self.split(y), strict=True):
            out += H._adjoint(part.astype(H.dtype, copy=False))
        return out


def as_operator(H: Any) -> LinearOperator:
    """Return H itself if it is an operator, or a plain or sparse matrix wrapped as one.

    Raises
    ------
    DataError
        When H is neither.
    """
    return H if isinstance(H, LinearOperator) else MatrixOperator(H)


class _Transpose(LinearOperator):
    def __init__(self, H: LinearOperator) -> None:
        super().__init__(H.out_shape, H.in_shape, H.dtype)
        self.H = H

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.H._adjoint(x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.H._forward(y)

    @property
    def T(self) -> LinearOperator:
        return self.H

    def double(self) -> LinearOperator:
        return self.H.double().T


class _Composition(LinearOperator):
    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        if outer.in_shape != inner.out_shape:
            raise DataError(
                f"cannot compose: {inner!r} returns shape {inner.out_shape}, but {outer!r} takes "
                f"shape {outer.in_shape}."
            )
        super().__init__(inner.in_shape, outer.out_shape, np.result_type(outer.dtype, inner.dtype))
        self.outer, self.inner = outer, inner

    def _forward(self, x: np.ndarray) -> np.ndarray:
        middle = self.inner._forward(x.astype(self.inner.dtype, copy=False))
        return self.outer._forward(middle.astype(self.outer.dtype, copy=False)).astype(
            self.dtype, copy=False
        )

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        middle = self.outer._adjoint(y.astype(self.outer.dtype, copy=False))
        return self.inner._adjoint(middle.astype(self.inner.dtype, copy=False)).astype(
            self.dtype, copy=False
        )

    def double(self) -> LinearOperator:
        return _Composition(self.outer.double(), self.inner.double())

    @property
    def precision(self) -> float:
        return max(self.outer.precision, self.inner.precision)


class _Double(LinearOperator):
    """An operator that takes and returns float64, whatever it computes in."""

    def __init__(self, H: LinearOperator) -> None:
        super().__init__(H.in_shape, H.out_shape, np.float64)
        self.H = H

    @property
    def precision(self) -> float:
        return self.H.precision

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.H._forward(x.astype(self.H.dtype)).astype(np.float64)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.H._adjoint(y.astype(self.H.dtype)).astype(np.float64)


class _Scaled(LinearOperator):
    def __init__(self, H: LinearOperator, factor: float) -> None:
        super().__init__(H.in_shape, H.out_shape, H.dtype)
        self.H, self.factor = H, H.dtype.type(factor)

    def double(self) -> LinearOperator:
        return _Scaled(self.H.double(), float(self.factor))

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.factor * self.H._forward(x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.factor * self.H._adjoint(y)


def _top_of_bidiagonal(alphas: list[float], betas: list[float]) -> tuple[float, float]:
    """Largest singular value of the bidiagonal [B, β], and |last entry| of its left vector."""
    a, b = np.array(alphas), np.array(betas)
    scale = float(max(a.max(), b.max()))
    a, b = a / scale, b / scale
    top = len(a) - 1
    if top == 0:  # which SciPy before 1.12 refuses
        return scale * float(np.hypot(a[0], b[0])), 1.0
    value, vector = scipy.linalg.eigh_tridiagonal(
        a**2 + b**2, a[1:] * b[:-1], select="i", select_range=(top, top)
    )
    return scale * float(np.sqrt(max(value[0], 0.0))), abs(float(vector[-1, 0]))


def _cut(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(start, stop),)
