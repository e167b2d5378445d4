"""Proximal solvers: FISTA and PDHG, for priors that have corners.

Both minimise D(Hx, y) + λ R(x). FISTA takes gradient steps on D and the prox of R; PDHG splits
everything, needs no inner loop, knows the ε ball and x ≥ 0, and carries a certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import CheckedNumber, DataError, ParameterError, check_array, check_number
from em_inverse.fidelity import DataTolerance, LeastSquares, PoissonLikelihood
from em_inverse.forward.operator import LinearOperator
from em_inverse.priors import Prior, TotalVariation
from em_inverse.solvers.certificate import dual_value, relative_gap
from em_inverse.solvers.iteration import Solver, StopRule
from em_inverse.tilt_series import Reconstruction

__all__ = ["FISTA", "PDHG"]


class FISTA(Solver):
    """Accelerated proximal gradient with function restart.

        v = prox_{tλR}(z − t ∇D(z)),   z ← v + β (v − x)

    The momentum β starts again whenever the objective rises. Where the data distance has no
    Lipschitz constant (Poisson), the step t is found by backtracking.

    Parameters
    ----------
    data : LeastSquares or PoissonLikelihood
    prior : Prior
    lam : float
        λ > 0; may be changed between iterations.
    x0 : array_like, optional
        Start: zero, or for Poisson data a flat object of the right total.
    nonnegative : bool
        Keep x ≥ 0; always so for Poisson data. Not for Smoothness, whose prox is then unknown.
    stop : stop rule or sequence of stop rules

    Notes
    -----
    The dual of the total-variation prox is carried from one iteration to the next, so that the
    inner problem costs a few sweeps only; it also yields the certificate :meth:`gap`. In single
    precision rounding keeps the gap above about 10⁻³ where λ is small: give it ``H.double()``.

    References
    ----------
    Beck and Teboulle, doi:10.1137/080716542. O'Donoghue and Candès,
    doi:10.1007/s10208-013-9150-3.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.priors import Sparsity
    >>> solver = FISTA(LeastSquares(np.eye(3), [2.0, 0.1, -1.0]), Sparsity(), lam=1.0)
    >>> solver.run(50).x.round(6)
    array([ 1.5,  0. , -0.5])
    """

    algorithm: ClassVar[str] = "FISTA"
    _state_names: ClassVar[tuple[str, ...]] = ("x", "_z", "_p", "_momentum", "_objective", "_L")

    lam = CheckedNumber(minimum=0, exclusive=True)

    def __init__(
        self,
        data: LeastSquares | PoissonLikelihood,
        prior: Prior,
        lam: float,
        x0: ArrayLike | None = None,
        *,
        nonnegative: bool = False,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        if isinstance(data, DataTolerance):
            raise ParameterError("FISTA cannot handle the ε ball; use PDHG with DataTolerance.")
        self.data, self.prior = data, prior
        self.lam = lam
        self.nonnegative = bool(nonnegative) or isinstance(data, PoissonLikelihood)
        self.x = _first_guess(data, x0)
        if self.nonnegative:
            self.prior.prox_nonnegative(self.x, 0.0)
        self._z = self.x
        self._p = np.zeros(prior.analysis(self.x.shape, self.x.dtype).out_shape, self.x.dtype)
        self._momentum = 1.0
        self._objective = float("inf")
        size = _norm(data.H)
        known = data.lipschitz()
        self._search = known is None
        self._L = 1.02 * known if known is not None else 2 * size**2

    def _step(self) -> tuple[float, float, float]:
        new = self._proximal_step(self._z)
        objective, distance, prior = self._evaluate(new)
        # A rise within rounding is none: restarting on it would never let the momentum grow.
        rounding = 4 * float(np.finfo(new.dtype).eps)
        if objective > self._objective * (1 + rounding) and self._momentum > 1:
            self._momentum = 1.0
            new = self._proximal_step(self.x)
            objective, distance, prior = self._evaluate(new)
        grown = 0.5 * (1 + np.sqrt(1 + 4 * self._momentum**2))
        change = new - self.x
        beta = new.dtype.type((self._momentum - 1) / grown)
        self._z = new + beta * change
        if isinstance(self.data, PoissonLikelihood):
            self._z = np.maximum(self._z, 0)
        self.x, self._momentum, self._objective = new, grown, objective
        return distance, prior, float(np.linalg.norm(change))

    def _evaluate(self, x: np.ndarray) -> tuple[float, float, float]:
        Hx = self.data.H.forward(x)
        prior = self.prior.value(x)
        objective = self.data.value_at(Hx) + self.lam * prior
        return objective, float(np.linalg.norm(Hx - self.data.y)), prior

    def _proximal_step(self, z: np.ndarray) -> np.ndarray:
        gradient = self.data.gradient(z)
        if not self._search:
            return self._prox(z - gradient.dtype.type(1 / self._L) * gradient)
        value = self.data.value(z)
        self._L /= 1.5
        while True:
            new = self._prox(z - gradient.dtype.type(1 / self._L) * gradient)
            move = new - z
            bound = (
                value + float(np.vdot(gradient, move)) + 0.5 * self._L * float(np.vdot(move, move))
            )
            if self.data.value(new) <= bound + 1e-12 * abs(value) or self._L > 1e30:
                return new
            self._L *= 2

    def _prox(self, v: np.ndarray) -> np.ndarray:
        # The dual is kept in the units of the objective, so that it survives a change of step.
        number = v.dtype.type
        u, p = self.prior.prox_and_dual(
            v, self.lam / self._L, self.nonnegative, self._p / number(self._L)
        )
        if p is not None:
            self._p = (p * number(self._L)).astype(v.dtype, copy=False)
        return u

    def objective(self) -> float:
        """D(Hx, y) + λ R(x) at the current object."""
        return self.data.value(self.x) + self.lam * self.prior.value(self.x)

    def gap(self) -> float:
        """Return (objective − dual bound) / objective, from the gradient of D at x as dual."""
        L = self.prior.analysis(self.x.shape, self.x.dtype)
        Hx = self.data.H.forward(self.x)
        if isinstance(self.data, PoissonLikelihood):
            expected = np.maximum(Hx + self.data.background, np.finfo(Hx.dtype).tiny)
            q = 1 - self.data.y / expected
        else:
            q = 2 * (Hx - self.data.y)
        bound = dual_value(self.data, L, self.prior, self.lam, q, self._p, self.nonnegative)
        return relative_gap(self.objective(), bound)

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {
            "iterations": self.iteration,
            "prior": repr(self.prior),
            "lambda": self.lam,
            "nonnegative": self.nonnegative,
        }


class PDHG(Solver):
    """Primal-dual hybrid gradient, with steps that balance themselves.

    Solves min_x D(Hx, y) + λ R(x), optionally x ≥ 0, for any data distance and prior of this
    package. With ``DataTolerance`` it is min R(x) subject to ‖Hx − y‖ ≤ ε.

        x ← prox(x − τ (Hᵀq + Lᵀp)),  q ← prox(q + σ w_H H x̄),  p ← prox(p + σ w_L L x̄)

    with x̄ = 2x_new − x_old. One H and one Hᵀ per iteration: Hx is carried along. The weights
    w = 1/‖·‖² put H and L on one scale, and τ and σ are rebalanced, ever more gently, so that the
    primal and the dual residual shrink together.

    Parameters
    ----------
    data : LeastSquares, PoissonLikelihood or DataTolerance
    prior : Prior
    lam : float
        λ > 0; without meaning (kept at 1) for the ε ball. May be changed between iterations, as
        may ``data.y`` and ``data.epsilon``.
    x0 : array_like, optional
        Start, zero by default.
    nonnegative : bool
        Keep x ≥ 0.
    balance : float, optional
        First ratio τ/σ; by default the square of a typical value of Hᵀy/‖H‖² over λ, so that
        the run does not depend on the units of the data.
    stop : stop rule or sequence of stop rules

    Notes
    -----
    :meth:`gap` gives the relative duality gap from a dual point that is made exactly feasible, so
    it bounds the distance to the optimum without any assumption. For the ε ball it holds together
    with :attr:`infeasibility`, by how much ‖Hx − y‖ still exceeds ε (relative).

    References
    ----------
    Chambolle and Pock, doi:10.1007/s10851-010-0251-1. Goldstein, Li and Yuan, Adaptive
    primal-dual splitting methods, NIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.priors import TotalVariation
    >>> data = LeastSquares(np.eye(4), [0.0, 0.0, 1.0, 1.0])
    >>> solver = PDHG(data, TotalVariation(), lam=0.5)
    >>> solver.run(500).x.round(4)
    array([0.125, 0.125, 0.875, 0.875])
    """

    algorithm: ClassVar[str] = "PDHG"
    _state_names: ClassVar[tuple[str, ...]] = (
        "x",
        "_q",
        "_p",
        "_tau",
        "_sigma",
        "_adapt",
    )

    lam = CheckedNumber(minimum=0, exclusive=True)

    def __init__(
        self,
        data: LeastSquares | PoissonLikelihood | DataTolerance,
        prior: Prior | None = None,
        lam: float = 1.0,
        x0: ArrayLike | None = None,
        *,
        nonnegative: bool = False,
        balance: float | None = None,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        self.data = data
        self.prior = TotalVariation() if prior is None else prior
        self.lam = lam
        self.nonnegative = bool(nonnegative)
        H = data.H
        self.L = self.prior.analysis(H.in_shape, H.dtype)
        self.x = (
            np.zeros(H.in_shape, H.dtype)
            if x0 is None
            else check_array(x0, "x0", shape=H.in_shape, dtype=H.dtype).copy()
        )
        self._q = np.zeros(H.out_shape, H.dtype)
        self._p = np.zeros(self.L.out_shape, H.dtype)
        norm_H, norm_L = _norm(H), max(self.L.norm(), 1e-12)
        self._weights = (1 / norm_H**2, 1 / norm_L**2)
        self._unit = self._typical_ratio(norm_H)
        if balance is None:
            balance = self._unit**2
        balance = check_number(balance, "balance", minimum=0, exclusive=True)
        self._tau = 0.69 * float(np.sqrt(balance))
        self._sigma = 0.69 / float(np.sqrt(balance))
        self._adapt = 0.5
        self._refresh()

    def _typical_ratio(self, norm_H: float) -> float:
        """Size of x over size of the duals, from the data, so that their units do not matter."""
        back = self.data.H.adjoint(self.data.y)
        size = float(np.linalg.norm(back)) / (norm_H**2 * np.sqrt(back.size))
        return size / self.lam if size > 0 else 1.0

    def _refresh(self) -> None:
        self._Hx, self._Lx = self.data.H.forward(self.x), self.L.forward(self.x)
        self._back = self.data.H.adjoint(self._q) + self.L.adjoint(self._p)

    def _step(self) -> tuple[float, float, float]:
        H, number = self.data.H, self.data.H.dtype.type
        w_H, w_L = self._weights
        tau, sigma = number(self._tau), self._sigma
        new = self.x - tau * self._back
        if self.nonnegative:
            np.maximum(new, 0, out=new)
        Hx, Lx = H.forward(new), self.L.forward(new)
        ahead_H, ahead_L = 2 * Hx - self._Hx, 2 * Lx - self._Lx
        q = self.data.prox_conjugate(self._q + number(sigma * w_H) * ahead_H, sigma * w_H)
        p = self.prior.project_dual(self._p + number(sigma * w_L) * ahead_L, self.lam, sigma * w_L)
        back = H.adjoint(q) + self.L.adjoint(p)
        move = new - self.x
        primal = float(np.linalg.norm(move / tau - (back - self._back)))
        dual = np.sqrt(
            _square(q - self._q, Hx - self._Hx, sigma, w_H)
            + _square(p - self._p, Lx - self._Lx, sigma, w_L)
        )
        self.x, self._q, self._p = new, q, p
        self._Hx, self._Lx, self._back = Hx, Lx, back
        self._rebalance(self._unit * primal, float(dual))
        distance = float(np.linalg.norm((Hx - self.data.y).astype(np.float64)))
        return distance, self.prior.value(new), float(np.linalg.norm(move))

    def _rebalance(self, primal: float, dual: float) -> None:
        if self._adapt < 1e-4:
            return
        if primal > 1.5 * dual:
            self._tau, self._sigma = self._tau / (1 - self._adapt), self._sigma * (1 - self._adapt)
        elif dual > 1.5 * primal:
            self._tau, self._sigma = self._tau * (1 - self._adapt), self._sigma / (1 - self._adapt)
        else:
            return
        self._adapt *= 0.95

    def rearm(self) -> None:
        """Let the steps adapt quickly again, after λ, ε or the data were changed."""
        self._adapt = 0.5

    def objective(self) -> float:
        """D(Hx, y) + λ R(x) at the current object; for the ε ball R(x) alone."""
        prior = self.lam * self.prior.value(self.x)
        if isinstance(self.data, DataTolerance):
            return prior
        return self.data.value_at(self._Hx) + prior

    @property
    def infeasibility(self) -> float:
        """How far ‖Hx − y‖ exceeds ε, relative to ε; 0 inside the ball and without one."""
        if not isinstance(self.data, DataTolerance):
            return 0.0
        distance = float(np.linalg.norm((self._Hx - self.data.y).astype(np.float64)))
        return max(0.0, distance / self.data.epsilon - 1)

    def gap(self) -> float:
        """Return (objective − dual bound) / objective, or the infeasibility if that is larger."""
        bound = dual_value(
            self.data, self.L, self.prior, self.lam, self._q, self._p, self.nonnegative
        )
        return max(relative_gap(self.objective(), bound), self.infeasibility)

    def result(self) -> Reconstruction:
        """Return what has been reached so far, and say when ‖Hx − y‖ is still outside the ball."""
        result = super().result()
        if not self.converged and self.infeasibility > 1e-3:
            result.stop_reason += (
                f"; ‖Hx − y‖ still exceeds ε by {100 * self.infeasibility:.2g} % "
                f"(go on, or ε may be out of reach)"
            )
        return result

    def load(self, path: Any) -> None:
        """Go back to a saved state; see :meth:`Solver.load`."""
        super().load(path)
        self._refresh()

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        weight = (
            {"epsilon": self.data.epsilon}
            if isinstance(self.data, DataTolerance)
            else {"lambda": self.lam}
        )
        return {
            "iterations": self.iteration,
            "prior": repr(self.prior),
            **weight,
            "nonnegative": self.nonnegative,
        }


def _norm(H: LinearOperator) -> float:
    size = H.norm()
    if size == 0:
        raise DataError("H maps every object to zero; there is nothing to solve. Check H.")
    return size


def _square(change: np.ndarray, moved: np.ndarray, sigma: float, weight: float) -> float:
    """Squared dual residual of one block, measured in the metric of its step."""
    residual = change / change.dtype.type(sigma * weight) - moved
    return weight * float(np.vdot(residual, residual))


def _first_guess(data: LeastSquares | PoissonLikelihood, x0: ArrayLike | None) -> np.ndarray:
    H = data.H
    if x0 is not None:
        return check_array(x0, "x0", shape=H.in_shape, dtype=H.dtype).copy()
    if isinstance(data, PoissonLikelihood):
        flat = H.forward(np.ones(H.in_shape, H.dtype))
        level = max(float(data.y.mean()), 1e-6) / max(float(flat.mean()), 1e-12)
        return np.full(H.in_shape, level, H.dtype)
    return np.zeros(H.in_shape, H.dtype)
