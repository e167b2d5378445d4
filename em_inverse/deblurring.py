"""Deblurring by name: thin recipes on the operators, priors and solvers of the package.

``H`` may be an operator of :mod:`em_inverse.forward` or a plain matrix. Every recipe returns the
array, or with ``full=True`` a :class:`~em_inverse.Reconstruction` that also says how it was made.

Operators in single precision are solved in double (`LinearOperator.double`), which is what small
gradients and tight certificates need; the result has the operator's precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from em_inverse import solvers
from em_inverse.errors import (
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.fidelity import LeastSquares
from em_inverse.forward.operator import Gradient, LinearOperator, as_operator
from em_inverse.priors import Sparsity, TotalVariation
from em_inverse.tilt_series import Reconstruction

__all__ = [
    "naive",
    "richardson_lucy",
    "sparse",
    "tikhonov",
    "total_variation",
    "truncated_svd",
    "wiener",
]

#: Up to this many unknowns Tikhonov's problem is solved by a decomposition.
_DIRECT_UP_TO = 1500


def naive(H: Any, y: ArrayLike, *, full: bool = False) -> Any:
    """Return the naive inverse, the least-squares solution x = V Σ⁻¹ Uᵀ y.

    It fits the data perfectly, noise included, and divides that noise by every small singular
    value.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    full : bool
        Return a Reconstruction instead of the array.

    Returns
    -------
    ndarray, shape ``H.in_shape``, or Reconstruction

    Raises
    ------
    DataError
        When y does not fit H, or holds NaN or infinity.

    Examples
    --------
    >>> naive([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0])
    array([1., 1.])
    """
    H = as_operator(H)
    return _answer(H, y, solvers.naive(H, y), "naive inverse", {}, full)


def truncated_svd(H: Any, y: ArrayLike, rank: int, *, full: bool = False) -> Any:
    """Return Σ_{i ≤ rank} (uᵢᵀy / σᵢ) vᵢ: what lies behind the `rank`-th singular value is dropped.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    rank : int
        Number of singular values kept, from 1.
    full : bool
        Return a Reconstruction instead of the array.

    Examples
    --------
    >>> truncated_svd([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0], rank=1)
    array([0., 1.])
    """
    H = as_operator(H)
    x = solvers.truncated_svd(H, y, rank)
    return _answer(H, y, x, "truncated SVD", {"rank": int(rank)}, full)


def tikhonov(
    H: Any,
    y: ArrayLike,
    lam: float,
    penalty: str = "identity",
    *,
    method: str = "auto",
    tol: float = 1e-12,
    full: bool = False,
) -> Any:
    """Return argmin ‖Hx − y‖² + λ‖Lx‖² with L the identity or the gradient.

    For the identity this multiplies the data's coefficients by σ/(σ² + λ) instead of 1/σ.
    Textbooks that write λ² mean the square root of our λ.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    lam : float
        λ ≥ 0. At 0 the result is the naive inverse.
    penalty : {"identity", "gradient"}
        ‖x‖²: values are small; or ‖∇x‖²: values change slowly.
    method : {"auto", "svd", "normal", "cg"}
        Filter factors of the (generalised) SVD; the normal equations by Cholesky; conjugate
        gradients, which need no matrix. "auto" takes the SVD for up to 1500 unknowns.
    tol : float
        Relative gradient at which conjugate gradients stop; never below the rounding of H.
    full : bool
        Return a Reconstruction instead of the array.

    Returns
    -------
    ndarray, shape ``H.in_shape``, or Reconstruction

    Raises
    ------
    ParameterError
        When λ is negative or a choice unknown.
    DataError
        When y does not fit H, or holds NaN or infinity.

    References
    ----------
    Tikhonov and Arsenin, *Solutions of Ill-Posed Problems* (1977).

    Examples
    --------
    >>> tikhonov([[2.0, 0.0], [0.0, 1.0]], [2.0, 1.0], lam=1.0)
    array([0.8, 0.5])
    """
    H = as_operator(H)
    lam = check_number(lam, "lam", minimum=0)
    check_choice(penalty, "penalty", ("identity", "gradient"))
    check_choice(method, "method", ("auto", "svd", "normal", "cg"))
    if method == "auto":
        method = "svd" if max(H.shape) <= _DIRECT_UP_TO else "cg"
    parameters = {"lambda": lam, "penalty": penalty, "method": method}
    name = f"Tikhonov ({penalty} penalty)"
    if lam == 0 and method != "cg":
        return _answer(H, y, solvers.naive(H, y), name, parameters, full)
    if method == "cg":
        result = _tikhonov_by_cg(H, y, lam, penalty, tol)
        result.algorithm, result.parameters = name, parameters
        return result if full else result.x
    if method == "normal":
        x = _tikhonov_by_normal_equations(H, y, lam, penalty)
    else:
        x = solvers.TikhonovPath(H, y, penalty).solution(lam)
    return _answer(H, y, x, name, parameters, full)


def total_variation(
    H: Any,
    y: ArrayLike,
    lam: float,
    *,
    nonnegative: bool = False,
    tol: float = 1e-5,
    max_iter: int = 20000,
    x0: ArrayLike | None = None,
    full: bool = False,
) -> Any:
    """Return argmin ‖Hx − y‖² + λ TV(x), with a certificate.

    FISTA with function restart runs until the relative duality gap is at most `tol`: the objective
    is then provably within that fraction of the smallest possible one.

    Parameters
    ----------
    H : LinearOperator or matrix
        On objects with one, two or three axes.
    y : array_like, shape ``H.out_shape``
    lam : float
        λ > 0.
    nonnegative : bool
        Impose x ≥ 0.
    tol : float
        Relative duality gap to reach.
    max_iter : int
        Limit of iterations. When it ends the run, ``converged`` of the full result is False.
    x0 : array_like, optional
        Start; a neighbouring solution saves time.
    full : bool
        Return a Reconstruction; its ``parameters`` state the gap reached.

    References
    ----------
    Rudin, Osher and Fatemi, doi:10.1016/0167-2789(92)90242-F.

    Examples
    --------
    >>> import numpy as np
    >>> total_variation(np.eye(4), [0.0, 0.0, 1.0, 1.0], lam=0.5).round(4)
    array([0.125, 0.125, 0.875, 0.875])
    """
    inner = TotalVariation(tol=min(1e-6, 0.01 * tol))
    return _fista(H, y, inner, lam, "total variation", nonnegative, tol, max_iter, x0, full)


def sparse(
    H: Any,
    y: ArrayLike,
    lam: float,
    *,
    nonnegative: bool = False,
    tol: float = 1e-5,
    max_iter: int = 20000,
    x0: ArrayLike | None = None,
    full: bool = False,
) -> Any:
    """Return argmin ‖Hx − y‖² + λ‖x‖₁: most of the object is empty.

    FISTA with function restart, until the relative duality gap is at most `tol`.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    lam : float
        λ > 0.
    nonnegative : bool
        Impose x ≥ 0.
    tol, max_iter, x0, full
        As in :func:`total_variation`.

    Examples
    --------
    >>> import numpy as np
    >>> sparse(np.eye(3), [2.0, 0.1, -1.0], lam=1.0).round(4) + 0.0
    array([ 1.5,  0. , -0.5])
    """
    return _fista(H, y, Sparsity(), lam, "L1", nonnegative, tol, max_iter, x0, full)


def wiener(H: Any, y: ArrayLike, noise_to_signal: ArrayLike, *, full: bool = False) -> Any:
    """Return the Wiener estimate: every frequency damped as its own signal-to-noise ratio asks.

    It minimises ‖Hx − y‖² + Σ_ω r(ω) \\|x̂(ω)\\|² with r = N/S the ratio of noise power to signal
    power and x̂ the unitary Fourier transform of x. For a blur that wraps around this is the
    quotient x̂ = ĥ* ŷ / (\\|ĥ\\|² + r) of textbooks; with one r for all frequencies it is Tikhonov's
    solution with λ = r.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    noise_to_signal : float or array_like, shape ``H.in_shape``
        r > 0: one number, or one per frequency in the order of ``numpy.fft.fftn``.
    full : bool
        Return a Reconstruction instead of the array.

    Raises
    ------
    ParameterError
        When a ratio is not positive, or differs between a frequency and its negative (the
        estimate would not be real).

    References
    ----------
    Wiener, *Extrapolation, Interpolation, and Smoothing of Stationary Time Series* (1949).

    Examples
    --------
    >>> from em_inverse.forward import GaussianBlur
    >>> import numpy as np
    >>> H = GaussianBlur((8,), 1.0, boundary="wrap")
    >>> y = H @ np.eye(8)[3]
    >>> bool(np.allclose(wiener(H, y, np.full(8, 0.1)), tikhonov(H, y, 0.1)))
    True
    """
    H = as_operator(H)
    ratio = check_array(noise_to_signal, "noise_to_signal", dtype=np.float64)
    if ratio.min() <= 0:
        raise ParameterError(
            f"noise_to_signal reaches {ratio.min():g}; every ratio of powers must be greater "
            f"than 0."
        )
    if ratio.ndim == 0:
        lam = check_number(ratio, "noise_to_signal", minimum=0, exclusive=True)
        result = tikhonov(H, y, lam, full=True)
    else:
        result = _wiener_by_band(H, y, check_array(ratio, "noise_to_signal", shape=H.in_shape))
    result.algorithm = "Wiener filter"
    result.parameters = {"noise_to_signal": float(ratio) if ratio.ndim == 0 else "by frequency"}
    return result if full else result.x


def richardson_lucy(
    H: Any,
    y: ArrayLike,
    n_iter: int = 30,
    *,
    background: ArrayLike = 0.0,
    x0: ArrayLike | None = None,
    full: bool = False,
) -> Any:
    """Return the Richardson–Lucy estimate after `n_iter` iterations, for counts.

    x ← x / (Hᵀ1) · Hᵀ(y / (Hx + b)) climbs the Poisson likelihood, keeps x ≥ 0 and the total
    number of counts. On noisy data it is best long before it converges.

    scikit-image's function of this name takes a kernel, not an operator: it lets the signal leak
    out at the border without accounting for it and clips to [−1, 1] unless told otherwise, which
    spoils counts. Away from the border, and without clipping, both agree.

    Parameters
    ----------
    H : LinearOperator or matrix
        Without negative weights.
    y : array_like, shape ``H.out_shape``
        Counts ≥ 0.
    n_iter : int
        Number of iterations: the only regularisation.
    background : float or array_like
        Known expected counts b ≥ 0 that do not come from the object.
    x0 : array_like, optional
        Start > 0; a flat object by default.
    full : bool
        Return a Reconstruction instead of the array.

    References
    ----------
    Richardson, doi:10.1364/JOSA.62.000055. Lucy, doi:10.1086/111605.

    Examples
    --------
    >>> import numpy as np
    >>> richardson_lucy(np.eye(3), [1.0, 2.0, 3.0], n_iter=1)
    array([1., 2., 3.])
    """
    result = solvers.MLEM(H, y, x0, background=background).run(n_iter)
    result.algorithm = "Richardson–Lucy"
    return result if full else result.x


class _FourierPenalty(LinearOperator):
    """x ↦ F⁻¹ (√r · Fx): the operator L with ‖Lx‖² = Σ r \\|x̂\\|²."""

    def __init__(self, ratio: np.ndarray) -> None:
        super().__init__(ratio.shape, ratio.shape)
        self.root = np.sqrt(ratio)

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return np.fft.ifftn(self.root * np.fft.fftn(x)).real

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self._forward(y)


def _wiener_by_band(H: LinearOperator, y: ArrayLike, ratio: np.ndarray) -> Reconstruction:
    mirrored = ratio
    for axis in range(ratio.ndim):
        mirrored = np.roll(np.flip(mirrored, axis), 1, axis)
    if not np.allclose(ratio, mirrored, rtol=1e-9):
        raise ParameterError(
            "noise_to_signal differs between a frequency and its negative. Build it from "
            "numpy.fft.fftfreq so that it is symmetric."
        )
    if max(H.shape) <= _DIRECT_UP_TO:
        L = _FourierPenalty(ratio).to_matrix()
        x = _solve_normal(H, y, L.T @ L)
        return _answer(H, y, x, "", {}, True)
    return _cg(H, y, 1.0, _FourierPenalty(ratio), 1e-12)


def _tikhonov_by_normal_equations(
    H: LinearOperator, y: ArrayLike, lam: float, penalty: str
) -> np.ndarray:
    if penalty == "identity":
        return _solve_normal(H, y, lam * np.eye(H.shape[1]))
    L = Gradient(H.in_shape).to_matrix()
    return _solve_normal(H, y, lam * (L.T @ L))


def _solve_normal(H: LinearOperator, y: ArrayLike, penalty: np.ndarray) -> np.ndarray:
    y = check_array(y, "y", shape=H.out_shape, dtype=np.float64)
    matrix = H.to_matrix()
    try:
        factor = scipy.linalg.cho_factor(matrix.T @ matrix + penalty)
    except scipy.linalg.LinAlgError:
        raise ParameterError(
            "The penalty is too small for the normal equations: HᵀH + λLᵀL is singular to "
            "rounding. Use method='svd', or a larger λ."
        ) from None
    return scipy.linalg.cho_solve(factor, matrix.T @ y.ravel()).reshape(H.in_shape)


def _tikhonov_by_cg(
    H: LinearOperator, y: ArrayLike, lam: float, penalty: str, tol: float
) -> Reconstruction:
    tol = check_number(tol, "tol", minimum=0, exclusive=True)
    return _cg(H, y, lam, Gradient(H.in_shape) if penalty == "gradient" else None, tol)


def _cg(
    H: LinearOperator, y: ArrayLike, lam: float, L: LinearOperator | None, tol: float
) -> Reconstruction:
    def settled(solver: solvers.Solver) -> str | None:
        assert isinstance(solver, solvers.CGLS)
        return f"relative gradient ≤ {limit:g}" if solver.relative_gradient <= limit else None

    exact = H.double()
    limit = max(tol, 4 * exact.precision)
    result = solvers.CGLS(exact, y, lam, L, stop=settled).run(20 * H.shape[1])
    result.x = result.x.astype(H.dtype, copy=False)
    return result


def _fista(
    H: Any,
    y: ArrayLike,
    prior: Sparsity | TotalVariation,
    lam: float,
    name: str,
    nonnegative: bool,
    tol: float,
    max_iter: int,
    x0: ArrayLike | None,
    full: bool,
) -> Any:
    H = as_operator(H)
    solver = solvers.FISTA(
        LeastSquares(H.double(), y),
        prior,
        lam,
        x0,
        nonnegative=nonnegative,
        stop=solvers.small_gap(tol, every=20),
    )
    result = solver.run(check_integer(max_iter, "max_iter", minimum=1))
    result.algorithm = name
    result.parameters["gap"] = solver.gap()
    result.x = result.x.astype(H.dtype, copy=False)
    return result if full else result.x


def _answer(
    H: LinearOperator,
    y: ArrayLike,
    x: np.ndarray,
    name: str,
    parameters: dict[str, Any],
    full: bool,
) -> Any:
    x = x.astype(H.dtype, copy=False)
    if not full:
        return x
    distance = float(np.linalg.norm(H.forward(x) - check_array(y, "y", shape=H.out_shape)))
    return Reconstruction(x, name, parameters, {"data_distance": [distance]})
