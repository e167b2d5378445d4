"""Algebraic solvers: SIRT, CGLS and MLEM.

They fit the data step by step; on noisy data, stopping early is the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    CheckedNumber,
    DataError,
    ParameterError,
    check_array,
    check_number,
)
from em_inverse.fidelity import PoissonLikelihood
from em_inverse.forward.operator import LinearOperator, as_operator
from em_inverse.solvers.iteration import Solver, StopRule
from em_inverse.solvers.least_distance import check_support

__all__ = ["CGLS", "MLEM", "SIRT"]


class SIRT(Solver):
    """Simultaneous iterative reconstruction technique.

        x ← x + ω C Hᵀ R (y − Hx),    R = 1 / row sums,  C = 1 / column sums,

    projected on x ≥ 0 if asked. With 0 < ω < 2 it converges to a weighted least-squares solution
    for operators without negative weights; on noisy data it is best before it converges.

    Parameters
    ----------
    H : LinearOperator or matrix
        Without negative weights (blur, projection).
    y : array_like, shape ``H.out_shape``
        May be changed between iterations.
    x0 : array_like, optional
        Start, zero by default.
    nonnegative : bool
        Keep x ≥ 0.
    relaxation : float
        ω, between 0 and 2. May be changed between iterations.
    support : array_like of bool, optional
        Where the object may be, in its shape, or ``[z, x]`` for all slices of a volume. x stays
        exactly 0 elsewhere, and the row sums count the support only.
    stop : stop rule or sequence of stop rules

    References
    ----------
    Gilbert, doi:10.1016/0022-5193(72)90180-4. Gregor and Benson, doi:10.1109/TMI.2008.923696.
    """

    algorithm: ClassVar[str] = "SIRT"

    relaxation = CheckedNumber(minimum=0, maximum=2, exclusive=True)

    def __init__(
        self,
        H: Any,
        y: ArrayLike,
        x0: ArrayLike | None = None,
        *,
        nonnegative: bool = True,
        relaxation: float = 1.0,
        support: ArrayLike | None = None,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        self.H = as_operator(H)
        self.y = y
        self.support = None if support is None else check_support(support, self.H.in_shape)
        self.nonnegative = bool(nonnegative)
        self.relaxation = relaxation
        self.x = _start(self.H, x0, self.support)
        rows = self.H.forward(_within(np.ones(self.H.in_shape, self.H.dtype), self.support))
        columns = self.H.adjoint(np.ones(self.H.out_shape, self.H.dtype))
        if min(rows.min(), columns.min()) < -1e-6 * max(rows.max(), columns.max()):
            raise ParameterError(
                "H has negative row or column sums; SIRT needs weights ≥ 0. Use CGLS instead."
            )
        self._R, self._C = _reciprocal(rows), _within(_reciprocal(columns), self.support)
        self._Hx = self.H.forward(self.x)

    def _step(self) -> tuple[float, float, float]:
        weight = self.H.dtype.type(self.relaxation)
        update = self.H.adjoint(self._R * (self.y - self._Hx))
        update *= weight * self._C
        update += self.x
        if self.nonnegative:
            np.maximum(update, 0, out=update)
        length = float(np.linalg.norm(update - self.x))
        Hx = self.H.forward(update)
        self.x, self._Hx = update, Hx
        return float(np.linalg.norm(Hx - self.y)), 0.0, length

    def load(self, path: Any) -> None:
        """Go back to a saved state; see :meth:`Solver.load`."""
        super().load(path)
        self._Hx = self.H.forward(self.x)

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {
            "iterations": self.iteration,
            "relaxation": self.relaxation,
            "nonnegative": self.nonnegative,
            **_named(self.support),
        }


class CGLS(Solver):
    """Conjugate gradients for min ‖Hx − y‖² + λ‖Lx‖².

    With λ = 0 it is the fastest way to least squares, and stopping early is the only
    regularisation; with λ > 0 it solves Tikhonov's problem without any decomposition.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    lam : float
        λ ≥ 0. It and the data `y` may be changed between iterations: the directions then start
        again from the object reached.
    penalty : LinearOperator, optional
        L; the identity by default.
    x0 : array_like, optional
        Start, zero by default.
    support : array_like of bool, optional
        Where the object may be, in its shape, or ``[z, x]`` for all slices of a volume. The
        minimum is sought among the objects that are 0 elsewhere.
    stop : stop rule or sequence of stop rules

    Attributes
    ----------
    relative_gradient : float
        ‖Hᵀ(y − Hx) − λLᵀLx‖ over its value at the start: the measure of convergence.

    References
    ----------
    Hestenes and Stiefel, doi:10.6028/jres.049.044. Björck, *Numerical Methods for Least Squares
    Problems*, doi:10.1137/1.9781611971484.
    """

    algorithm: ClassVar[str] = "CGLS"
    _state_names: ClassVar[tuple[str, ...]] = (
        "x",
        "_residual",
        "_penalised",
        "_direction",
        "_gamma",
        "_gamma0",
    )

    def __init__(
        self,
        H: Any,
        y: ArrayLike,
        lam: float = 0.0,
        penalty: LinearOperator | None = None,
        x0: ArrayLike | None = None,
        *,
        support: ArrayLike | None = None,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        self.H = as_operator(H)
        self.support = None if support is None else check_support(support, self.H.in_shape)
        self._lam = check_number(lam, "lam", minimum=0)
        if penalty is not None and penalty.in_shape != self.H.in_shape:
            raise DataError(
                f"penalty acts on shape {penalty.in_shape}, but H acts on {self.H.in_shape}."
            )
        self.penalty = penalty
        self.x = _start(self.H, x0, self.support)
        self.y = y

    def _data_replaced(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._residual = self.y - self.H.forward(self.x)
        self._penalised = -self._L(self.x)
        self._direction = self._gradient(self._residual, self._penalised)
        self._gamma = self._gamma0 = float(np.vdot(self._direction, self._direction))

    @property
    def lam(self) -> float:
        """λ; setting it starts the directions again."""
        return self._lam

    @lam.setter
    def lam(self, value: float) -> None:
        self._lam = check_number(value, "lam", minimum=0)
        self._restart()

    def _L(self, x: np.ndarray) -> np.ndarray:
        return x.copy() if self.penalty is None else self.penalty.forward(x)

    def _gradient(self, residual: np.ndarray, penalised: np.ndarray) -> np.ndarray:
        gradient = self.H.adjoint(residual)
        if self.lam > 0:
            back = penalised if self.penalty is None else self.penalty.adjoint(penalised)
            gradient = gradient + self.H.dtype.type(self.lam) * back
        return _within(gradient, self.support)

    @property
    def relative_gradient(self) -> float:
        """Length of the gradient, relative to its length at the start."""
        return float(np.sqrt(self._gamma / self._gamma0)) if self._gamma0 > 0 else 0.0

    def _step(self) -> tuple[float, float, float]:
        number = self.H.dtype.type
        Hp, Lp = self.H.forward(self._direction), self._L(self._direction)
        curvature = float(np.vdot(Hp, Hp)) + self.lam * float(np.vdot(Lp, Lp))
        if self._gamma == 0 or curvature == 0:
            return float(np.linalg.norm(self._residual)), self._prior(), 0.0
        alpha = number(self._gamma / curvature)
        residual, penalised = self._residual - alpha * Hp, self._penalised - alpha * Lp
        gradient = self._gradient(residual, penalised)
        gamma = float(np.vdot(gradient, gradient))
        length = float(alpha) * float(np.linalg.norm(self._direction))
        # All at once, so that an interrupt finds the state of a finished iteration.
        self.x = self.x + alpha * self._direction
        self._residual, self._penalised = residual, penalised
        self._direction = gradient + number(gamma / self._gamma) * self._direction
        self._gamma = gamma
        return float(np.linalg.norm(self._residual)), self._prior(), length

    def _prior(self) -> float:
        return float(np.vdot(self._penalised, self._penalised)) if self.lam > 0 else 0.0

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {"iterations": self.iteration, "lambda": self.lam, **_named(self.support)}


class MLEM(Solver):
    """Maximum likelihood for counts by expectation maximisation, x ← x / (Hᵀ1) · Hᵀ(y / (Hx + b)).

    Also known as Richardson–Lucy where H is a blur. Each iteration raises the Poisson likelihood
    and keeps x ≥ 0; without background the total of the predicted counts equals the measured one.

    Parameters
    ----------
    H : LinearOperator or matrix
        Without negative weights.
    y : array_like, shape ``H.out_shape``
        Counts ≥ 0. May be changed between iterations.
    x0 : array_like, optional
        Start > 0; a flat object by default.
    background : float or array_like
        Known expected counts b ≥ 0 that do not come from the object.
    support : array_like of bool, optional
        Where the object may be, in its shape, or ``[z, x]`` for all slices of a volume; x is
        exactly 0 elsewhere.
    stop : stop rule or sequence of stop rules

    Raises
    ------
    DataError
        When counts or background are negative.
    ParameterError
        When the start is not positive, or H has negative column sums.

    References
    ----------
    Shepp and Vardi, doi:10.1109/TMI.1982.4307558.
    """

    algorithm: ClassVar[str] = "MLEM"

    def __init__(
        self,
        H: Any,
        y: ArrayLike,
        x0: ArrayLike | None = None,
        *,
        background: ArrayLike = 0.0,
        support: ArrayLike | None = None,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        self.data = PoissonLikelihood(H, y, background)
        self.support = None if support is None else check_support(support, self.data.H.in_shape)
        H = self.data.H
        columns = H.adjoint(np.ones(H.out_shape, H.dtype))
        if columns.min() < -1e-6 * columns.max():
            raise ParameterError("H has negative column sums; MLEM needs weights ≥ 0.")
        if columns.max() <= 0:
            raise DataError("H maps every object to zero; no counts can come from it. Check H.")
        self._C = _within(_reciprocal(columns), self.support)
        if x0 is None:
            flat = max(float(self.data.y.sum()) / float(columns.sum()), 1e-12)
            start = np.full(H.in_shape, flat, H.dtype)
        else:
            start = _start(H, x0, None)
            lowest = start.min(where=_inside(self.support), initial=np.inf)
            if lowest <= 0:
                raise ParameterError(
                    f"x0 reaches {lowest:g}; MLEM multiplies, so a start must be > 0."
                )
        self.x = _within(start, self.support)
        self._expected = H.forward(self.x) + self.data.background

    def _step(self) -> tuple[float, float, float]:
        H, y = self.data.H, self.data.y
        ratio = np.divide(y, self._expected, out=np.zeros_like(y), where=self._expected > 0)
        new = self.x * (self._C * H.adjoint(ratio))
        length = float(np.linalg.norm(new - self.x))
        expected = H.forward(new) + self.data.background
        self.x, self._expected = new, expected
        return float(np.linalg.norm(self._expected - y)), 0.0, length

    def load(self, path: Any) -> None:
        """Go back to a saved state; see :meth:`Solver.load`."""
        super().load(path)
        self._expected = self.data.H.forward(self.x) + self.data.background

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {"iterations": self.iteration, **_named(self.support)}


def _start(H: LinearOperator, x0: ArrayLike | None, support: np.ndarray | None) -> np.ndarray:
    if x0 is None:
        return np.zeros(H.in_shape, H.dtype)
    return _within(check_array(x0, "x0", shape=H.in_shape, dtype=H.dtype).copy(), support)


def _within(x: np.ndarray, support: np.ndarray | None) -> np.ndarray:
    return x if support is None else x * support


def _inside(support: np.ndarray | None) -> np.ndarray:
    return np.array(True) if support is None else support


def _named(support: np.ndarray | None) -> dict[str, str]:
    return {} if support is None else {"support": "given"}


def _reciprocal(sums: np.ndarray) -> np.ndarray:
    """1 / sums, and 0 for rays and pixels that (almost) nothing passes through."""
    floor = 1e-6 * sums.max()
    return np.divide(1, sums, out=np.zeros_like(sums), where=sums > floor)
