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
from em_inverse.fidelity import (
    DataTolerance,
    JointData,
    LeastSquares,
    PoissonLikelihood,
    WeightedLeastSquares,
)
from em_inverse.forward.operator import Gradient, LinearOperator
from em_inverse.priors import Prior, TotalVariation
from em_inverse.solvers.certificate import distance_bound, dual_value, relative_gap
from em_inverse.solvers.iteration import Solver, StopRule
from em_inverse.solvers.least_distance import check_support, least_distance
from em_inverse.tilt_series import Reconstruction

__all__ = ["FISTA", "PDHG"]

# Every step is made this many times longer; convergence is proven below 2.
_RELAXATION = 1.8
# τσ times the squared norm of the joint map (H, L).
_CAUTION = 0.95
# How the steps are chosen and balanced: found by experiment, see `PDHG`.
_FIRST_STEP = 0.3
_WAIT = 15
_SHARE = 0.2
_FARTHEST = 100.0
# Where readings without counts stay at rest, this times larger; and how exactly the norm of the
# others is found.
_LARGER = 3.0
_ROUGH = 0.01
# FISTA: a prox that is iterated for makes two iterations at least, later one more every 15 up to
# ten, and goes on until its gap is a tenth of half the square of the last move.
_FEWEST, _ONE_MORE_EVERY, _MOST, _OF_THE_MOVE = 2, 15, 10, 0.1
# Products of H that are carried along.
_CARRIED = ("_Hx", "_H_start", "_pull")
# Poisson data in FISTA: the point ahead must expect this share of what the object expects ...
_SHARE_AHEAD = 0.1
# ... or momentum is halved, down to this;
_LEAST_MOMENTUM = 0.01
# a start that expects nothing where there are counts is lifted by this share of a flat object;
_LIFT = 1e-3
# curvature is never taken for less than this share of that of a perfect fit, nor for more than:
_LEAST_CURVATURE = 1e-3
_STEEPEST = 1e30


class FISTA(Solver):
    """Accelerated proximal gradient with function restart.

        v = prox_{tλR}(z − t ∇D(z)),   z ← v + β (v − x)

    The momentum β starts again whenever the objective rises. Where the data distance has no
    Lipschitz constant (Poisson), the step t is found by backtracking, and β is shortened where z
    would leave the domain, which ends where counts meet no expectation.

    Parameters
    ----------
    data : LeastSquares or PoissonLikelihood
    prior : Prior
    lam : float
        λ > 0; may be changed between iterations.
    x0 : array_like, optional
        Start: zero, or for Poisson data a flat object of the right total. A start that expects
        nothing where there are counts is lifted a little.
    nonnegative : bool
        Keep x ≥ 0; always so for Poisson data. Not for Smoothness, whose prox is then unknown.
    support : array_like of bool, optional
        Where x may differ from zero; of the shape of x, or ``[z, x]`` for all slices alike. Only
        for priors that treat each voxel by itself (L2, L1, x ≥ 0); PDHG takes it with any.
    stop : stop rule or sequence of stop rules

    Raises
    ------
    DataError
        When there are counts that no object can explain: H sees nothing there, and no background
        is given.

    Notes
    -----
    One H and one Hᵀ per iteration, since Hz follows from Hx (Poisson: two H more). The dual of the
    total-variation prox is carried from one iteration to the next and improved by a few sweeps
    only, at first two: errors of the prox do no harm while they are small beside the move and die
    away (Schmidt et al.). It also yields the certificate :meth:`gap`. In single precision rounding
    keeps the gap above about 10⁻³ where λ is small: give it ``H.double()``.

    References
    ----------
    Beck and Teboulle, doi:10.1137/080716542. O'Donoghue and Candès,
    doi:10.1007/s10208-013-9150-3. Inexact prox: Schmidt, Le Roux and Bach, Convergence rates of
    inexact proximal-gradient methods for convex optimization, NeurIPS 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.priors import Sparsity
    >>> solver = FISTA(LeastSquares(np.eye(3), [2.0, 0.1, -1.0]), Sparsity(), lam=1.0)
    >>> solver.run(50).x.round(6)
    array([ 1.5,  0. , -0.5])
    """

    algorithm: ClassVar[str] = "FISTA"
    _state_names: ClassVar[tuple[str, ...]] = (
        *("x", "_z", "_p", "_momentum", "_objective", "_L"),
        *("_Hx", "_Hz", "_moved"),
    )

    lam = CheckedNumber(minimum=0, exclusive=True)

    def __init__(
        self,
        data: LeastSquares | PoissonLikelihood,
        prior: Prior,
        lam: float,
        x0: ArrayLike | None = None,
        *,
        nonnegative: bool = False,
        support: ArrayLike | None = None,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        if isinstance(data, DataTolerance):
            raise ParameterError("FISTA cannot handle the ε ball; use PDHG with DataTolerance.")
        if support is not None and not prior.separable:
            raise ParameterError(
                f"support: {prior!r} has no proximal operator inside a support. Use solvers.PDHG, "
                f"which needs none."
            )
        self.data, self.prior = data, prior
        self._inside = None if support is None else check_support(support, data.H.in_shape)
        self.lam = lam
        self.nonnegative = bool(nonnegative) or isinstance(data, PoissonLikelihood)
        self.x = self._confined(_first_guess(data, x0))
        if self.nonnegative:
            self.prior.prox_nonnegative(self.x, 0.0)
        self._into_domain()
        self._z = self.x
        self._Hx = self._Hz = data.H.forward(self.x)
        self._moved = 0.0
        self._p = np.zeros(prior.analysis(self.x.shape, self.x.dtype).out_shape, self.x.dtype)
        self._momentum = 1.0
        self._objective = float("inf")
        size = _norm(data.H)
        known = data.lipschitz()
        self._L = 1.02 * known if known is not None else 2 * size**2
        self._size = size

    def _data_replaced(self) -> None:
        self._into_domain()
        self._z, self._momentum, self._objective = self.x, 1.0, float("inf")
        self._Hx = self._Hz = self.data.H.forward(self.x)

    def _into_domain(self) -> None:
        """Lift an object that expects nothing where there are counts."""
        if not isinstance(self.data, PoissonLikelihood):
            return
        self.x = np.maximum(self.x, 0)
        if np.isfinite(self.data.value(self.x)):
            return
        flat = self._confined(_first_guess(self.data, None))
        self.x = np.maximum(self.x, self.x.dtype.type(_LIFT) * flat)
        if not np.isfinite(self.data.value(self.x)):
            raise DataError(
                "y holds counts where H maps every object (inside the support) to zero, so that "
                "no object explains them. Give the counts that do not come from the object as "
                "`background`, or leave these values out with forward.Mask."
            )

    def _step(self) -> tuple[float, float, float]:
        new = self._proximal_step(self._z, self._Hz)
        Hnew = self.data.H.forward(new)
        objective, prior = self._evaluate(new, Hnew)
        # A rise within rounding, or within the error that the prox was left with, is none:
        # restarting on it would never let the momentum grow.
        rounding = 4 * float(np.finfo(new.dtype).eps)
        left = self._L * self._prox_gap() if self.prior.iterates(new.shape) else 0.0
        room = rounding * self._objective + left
        if objective > self._objective + room and self._momentum > 1:
            self._momentum = 1.0
            new = self._proximal_step(self.x, self._Hx)
            Hnew = self.data.H.forward(new)
            objective, prior = self._evaluate(new, Hnew)
        grown = 0.5 * (1 + np.sqrt(1 + 4 * self._momentum**2))
        change = new - self.x
        self._look_ahead(new, Hnew, change, (self._momentum - 1) / grown)
        self.x, self._Hx, self._momentum, self._objective = new, Hnew, grown, objective
        distance = float(np.linalg.norm(Hnew - self.data.y))
        self._moved = float(np.linalg.norm(change))
        return distance, prior, self._moved

    def _look_ahead(
        self, new: np.ndarray, Hnew: np.ndarray, change: np.ndarray, beta: float
    ) -> None:
        """Go on in the direction of the last change, but not out of the domain, nor to its edge."""
        number = new.dtype.type
        if not isinstance(self.data, PoissonLikelihood):
            self._z = new + number(beta) * change
            self._Hz = Hnew + number(beta) * (Hnew - self._Hx)
            return
        seen = self.data.y > 0
        background = self.data.background
        least = number(_SHARE_AHEAD) * (Hnew + background)[seen]
        while beta > _LEAST_MOMENTUM:
            z = np.maximum(new + number(beta) * change, 0)
            Hz = self.data.H.forward(z)
            inside = np.isfinite(self.data.value_at(Hz))
            if inside and np.all((Hz + background)[seen] >= least):
                self._z, self._Hz = z, Hz
                return
            beta /= 2
        self._z, self._Hz = new, Hnew

    def _evaluate(self, x: np.ndarray, Hx: np.ndarray) -> tuple[float, float]:
        prior = self.prior.value(x)
        return self.data.value_at(Hx) + self.lam * prior, prior

    def _proximal_step(self, z: np.ndarray, Hz: np.ndarray) -> np.ndarray:
        gradient = self.data.gradient_at(Hz)
        if not isinstance(self.data, PoissonLikelihood):
            return self._prox(z - gradient.dtype.type(1 / self._L) * gradient)
        self._L = max(self._L / 1.5, self._least_curvature())
        while True:
            new = self._prox(z - gradient.dtype.type(1 / self._L) * gradient)
            move = new - z
            room = 0.5 * self._L * float(np.vdot(move, move))
            if _poisson_excess(self.data, Hz, move) <= room or self._L > _STEEPEST:
                return new
            self._L *= 2

    def _least_curvature(self) -> float:
        """A share of the largest curvature of D where expectation and counts agree."""
        top = float(self.data.y.max())
        return _LEAST_CURVATURE * self._size**2 / (top if top > 0 else 1.0)

    def _prox(self, v: np.ndarray) -> np.ndarray:
        # The dual is kept in the units of the objective, so that it survives a change of step.
        number = v.dtype.type
        u, p = self.prior.prox_and_dual(
            v,
            self.lam / self._L,
            self.nonnegative,
            self._p / number(self._L),
            self._prox_gap(),
            min(_FEWEST + self.iteration // _ONE_MORE_EVERY, _MOST),
        )
        if p is not None:
            self._p = (p * number(self._L)).astype(v.dtype, copy=False)
        return self._confined(u)

    def _prox_gap(self) -> float:
        """Duality gap that will do for the prox of this iteration."""
        return _OF_THE_MOVE * self._moved**2 / 2

    def _confined(self, x: np.ndarray) -> np.ndarray:
        return x if self._inside is None else np.where(self._inside, x, x.dtype.type(0))

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
        bound = dual_value(
            self.data, L, self.prior, self.lam, q, self._p, self.nonnegative, self._inside
        )
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

    with x̄ = 2x_new − x_old. Every step is over-relaxed: x, q and p move 1.8 times as far as these
    lines say, while :attr:`x` is the outcome of the prox, which keeps its constraints exactly. One
    H and one Hᵀ per iteration: Hx is carried along, and the rest is done in two sweeps over x and p
    where the prior is total variation. The weights w = ½/‖·‖² put H and L on one scale.

    Parameters
    ----------
    data : LeastSquares, WeightedLeastSquares, PoissonLikelihood, DataTolerance or JointData
    prior : Prior
    lam : float
        λ > 0; without meaning (kept at 1) for the ε ball. May be changed between iterations, as
        may :attr:`y` and ``data.epsilon``.
    x0 : array_like, optional
        Start, zero by default.
    nonnegative : bool
        Keep x ≥ 0.
    support : array_like of bool, optional
        Where x may differ from zero; of the shape of x, or ``[z, x]`` for all slices alike.
    balance : float, optional
        First ratio τ/σ; by default in proportion to the square of a typical value of Hᵀy/‖H‖²
        over λ, so that the run does not depend on the units of the data.
    stop : stop rule or sequence of stop rules

    Notes
    -----
    :meth:`gap` gives the relative duality gap from a dual point that is made exactly feasible, so
    it bounds the distance to the optimum without any assumption. For the ε ball it holds together
    with :attr:`infeasibility`, by how much ‖Hx − y‖ still exceeds ε (relative).

    *The ratio τ/σ.* The error after k steps is bounded by (‖x* − x₀‖²/τ + ‖d* − d₀‖²/σ)/k, with d
    the duals. So τ/σ should follow ‖x*‖²/‖d*‖², which is not known, but x and d soon tell: the
    ratio is set by their sizes (times a factor found by experiment) every 15 iterations, later less
    often. It does not depend on units.

    *The product τσ.* Convergence is proven for τσ‖K‖² ≤ 1, with K = (√w_H H, √w_L L) and ‖K‖² ≤ 1.
    But H mostly blurs while ∇ mostly sharpens, and for ‖K‖² a lower value is tried first. Where it
    is too low, the last move d grows until it shows that: τσ‖Kd‖² > ‖d‖². The steps are then
    shortened. In this metric they are never shorter than the proven ones.

    *Counts.* The dual of a reading without counts is 1 at a solution, whatever Hx is there. It
    starts at 1 and takes a hundredth of the step (steps of their own for every dual: Pock and
    Chambolle), so that τσ‖K‖² counts the readings with counts only. Where counts are spread thin,
    the steps are then longer by ‖H‖ over the norm of those rows.

    References
    ----------
    Chambolle and Pock, doi:10.1007/s10851-010-0251-1. Over-relaxation: Condat,
    doi:10.1007/s10957-012-0245-9. Ratio from sizes: Applegate et al., Practical large-scale linear
    programming using primal-dual hybrid gradient, NeurIPS 2021. Steps of their own: Pock
    and Chambolle, doi:10.1109/ICCV.2011.6126441.

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
        "_previous",
        "_q",
        "_p",
        "_tau",
        "_sigma",
        "_armed",
        "_wait",
    )

    lam = CheckedNumber(minimum=0, exclusive=True)

    _armed: int
    _wait: int

    def __init__(
        self,
        data: LeastSquares | PoissonLikelihood | DataTolerance | WeightedLeastSquares | JointData,
        prior: Prior | None = None,
        lam: float = 1.0,
        x0: ArrayLike | None = None,
        *,
        nonnegative: bool = False,
        support: ArrayLike | None = None,
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
        self._previous = self.x.copy()
        self.support = support
        self._q = data.dual_start()
        self._p = self.prior.dual_start(self.L)
        self._floor: tuple[tuple[object, ...], float] | None = None
        self._begin_steps(_norm(H), balance)

    def _scale(self, norm_H: float) -> None:
        """Put H and L on one scale."""
        self._norm_H, self._share = norm_H, _SHARE
        steps = self.data.relative_steps()
        if steps is not None:
            self._share = _LARGER * _SHARE
            norm_H = (1 + _ROUGH) * _norm(_Weighted(self.data.H, np.sqrt(steps)), _ROUGH)
        self._weights = (0.5 / norm_H**2, 0.5 / max(self.L.norm(), 1e-12) ** 2)

    def _begin_steps(self, norm_H: float, balance: float | None = None) -> None:
        """Choose the first steps; the ratio from the data, where it is not given."""
        self._scale(norm_H)
        product = _CAUTION / _joint_norm_squared(self.L)
        if balance is None:
            balance = (_FIRST_STEP * self._typical_ratio(norm_H)) ** 2 / product
        balance = check_number(balance, "balance", minimum=0, exclusive=True)
        self._first_ratio = float(np.sqrt(balance))
        self._tau, self._sigma = (
            float(np.sqrt(product * balance)),
            float(np.sqrt(product / balance)),
        )
        self.rearm()

    @property
    def support(self) -> np.ndarray | None:
        """Where x may differ from zero; None is everywhere. May be changed between iterations."""
        return self._support

    @support.setter
    def support(self, support: ArrayLike | None) -> None:
        shape = self.data.H.in_shape
        self._support = None if support is None else check_support(support, shape)
        # The last axis has length one where all lines along y are treated alike.
        self._inside = np.ones((*shape[:-1], 1), bool) if self._support is None else self._support
        for x in (self.x, self._previous):
            x[np.broadcast_to(~self._inside, shape)] = 0
        self._stale = True

    def _typical_ratio(self, norm_H: float) -> float:
        """Size of x over size of the duals, from the data, so that their units do not matter."""
        back = self.data.H.adjoint(self.data.y)
        size = float(np.linalg.norm(back)) / (norm_H**2 * np.sqrt(back.size))
        return size / self.lam if size > 0 else 1.0

    def _refresh(self) -> None:
        """Work out what is carried along: H of x and of the point the next step starts from."""
        H = self.data.H
        self._stale = False
        self._Hx = H.forward(self.x)
        self._H_start = H.forward(self._previous)
        self._H_start += H.dtype.type(_RELAXATION) * (self._Hx - self._H_start)
        self._pull = H.adjoint(self._q)

    def _step(self) -> tuple[float, float, float]:
        if self._stale:
            self._refresh()
        # An interrupt below leaves a valid point, but what is carried along may lag behind it.
        self._stale = True
        H, prior, floor = self.data.H, self.prior, 0.0 if self.nonnegative else -np.inf
        w_H, w_L = self._weights
        moved, ahead, size = prior.primal_step(
            self.L,
            self.x,
            self._previous,
            self._pull,
            self._p,
            self._inside,
            floor,
            self._tau,
            _RELAXATION,
        )
        value, ahead_L, size_p = prior.dual_step(
            self.L, self.x, self._previous, self._p, self.lam, self._sigma * w_L, _RELAXATION
        )
        self._Hx = H.forward(self.x)
        distance, ahead_H, size_q = self.data.dual_step(
            self._q, self._Hx, self._H_start, self._sigma * w_H, _RELAXATION
        )
        self._pull = H.adjoint(self._q)
        self._stale = False
        self._shorten(ahead, w_H * ahead_H + w_L * ahead_L, size)
        self._rebalance(size, size_q / w_H + size_p / w_L)
        return distance, value, float(np.sqrt(moved))

    def _shorten(self, ahead: float, mapped: float, size: float) -> None:
        """Take back the optimism of the first steps where the last move shows it unjustified."""
        product = self._tau * self._sigma
        # Of a move this small, H and L see little but rounding.
        if ahead < (1000 * float(np.finfo(self.x.dtype).eps)) ** 2 * size:
            return
        if product * mapped > ahead and product > _CAUTION:
            factor = float(np.sqrt(max(_CAUTION, _CAUTION * ahead / mapped) / product))
            self._tau, self._sigma = factor * self._tau, factor * self._sigma

    def _rebalance(self, primal: float, dual: float) -> None:
        """Choose τ/σ by the squared sizes of x and of the duals, every now and then."""
        since = self.iteration + 1 - self._armed
        if since < self._wait:
            return
        # Ever less often, so that in the long run the steps stay as they are.
        self._wait = max(since + _WAIT, since + since // 4)
        if primal > 0 and dual > 0:
            product = self._tau * self._sigma
            ratio = self._share * float(np.sqrt(primal / dual))
            # Out of reach the duals grow without end, at R = 0 they vanish; no ratio may follow.
            ratio = min(max(ratio, self._first_ratio / _FARTHEST), self._first_ratio * _FARTHEST)
            self._tau = ratio * float(np.sqrt(product))
            self._sigma = product / self._tau

    def rearm(self) -> None:
        """Let the steps adapt quickly again, after λ, ε or the data were changed."""
        self._armed, self._wait = self.iteration, _WAIT

    def _data_replaced(self) -> None:
        self._scale(self._norm_H)
        self.rearm()

    def exchange(
        self,
        data: LeastSquares | PoissonLikelihood | DataTolerance | WeightedLeastSquares | JointData,
        kept: ArrayLike,
        *,
        norm: float | None = None,
    ) -> None:
        """Go on with other data: more projections, fewer, or some of them taken again.

        The object, the duals of what stays, the products Hx and Hᵀq and the steps survive; what is
        new begins with a dual of zero. An exchange that only adds costs one H of the new part.

        Parameters
        ----------
        data : LeastSquares, WeightedLeastSquares, PoissonLikelihood, DataTolerance or JointData
            Its H must act on objects of the same shape.
        kept : array_like of int, shape (len(data.y),)
            Where each entry along the first axis of the new data stood in the old data; −1 for one
            that is new.
        norm : float, optional
            ‖H‖₂ of the new operator, if it is at hand.

        Raises
        ------
        DataError
            When the new operator acts on objects of another shape, or `kept` does not fit.
        """
        H, old = data.H, self.data.H
        kept = np.asarray(kept)
        if H.in_shape != old.in_shape or H.out_shape[1:] != old.out_shape[1:]:
            raise DataError(
                f"data map shape {H.in_shape} to {H.out_shape}, but this solver works on data that "
                f"map {old.in_shape} to {old.out_shape}; only the number of projections may change."
            )
        whole = kept.ndim == 1 and kept.dtype.kind in "iu" and kept.size == H.out_shape[0]
        if not whole or kept.min() < -1 or kept.max() >= old.out_shape[0]:
            raise DataError(
                f"kept is {kept!r}; one whole number per projection of the new data is needed "
                f"({H.out_shape[0]}), from −1 (new) to {old.out_shape[0] - 1}."
            )
        stays, come = np.flatnonzero(kept >= 0), np.flatnonzero(kept < 0)
        only_more = stays.size == old.out_shape[0] and np.unique(kept[stays]).size == stays.size
        q, old_start = self._q, self.data.dual_start()
        carried = [] if self._stale else [self._Hx, self._H_start]
        self.data = data
        blank = not self.x.any() and not (q - old_start).any()
        self._q = _moved(q, kept, stays, H.out_shape)
        self._q[come] = data.dual_start()[come]
        norm = norm or _norm(H)
        if blank:
            # The old data were blank and have taught nothing about the size of things.
            self._begin_steps(norm)
        else:
            self._scale(norm)
        if carried and only_more and hasattr(H, "subset"):
            self._Hx, self._H_start = (_moved(a, kept, stays, H.out_shape) for a in carried)
            if come.size:
                part = H.subset(come)
                self._Hx[come], before = part.forward(self.x), part.forward(self._previous)
                self._H_start[come] = before + H.dtype.type(_RELAXATION) * (self._Hx[come] - before)
        else:
            self._stale = True
        self.rearm()

    def displace(self, change: np.ndarray) -> None:
        """Move the object, and the point that the next step starts from, by `change`.

        Parameters
        ----------
        change : ndarray, shape of x
            Must keep the constraints; nothing checks that.
        """
        self.x += change
        self._previous += change
        if not self._stale:
            moved = self.data.H.forward(change)
            self._Hx += moved
            self._H_start += moved

    def unwind(self, most: float = 10.0) -> float:
        """Shorten the data dual q where it has wound up, so that ‖Hᵀq‖ ≤ `most` · ‖Lᵀp‖.

        At a solution the two forces Hᵀq and Lᵀp hold each other. While ‖Hx − y‖ stays outside the
        ε ball, q grows without end; once the data or ε change, what it has piled up would throw the
        object far past its goal. Call it when something has changed, not in every iteration.

        Parameters
        ----------
        most : float
            How many times longer Hᵀq may be.

        Returns
        -------
        float
            The factor by which q was multiplied; 1 where nothing was to be done.
        """
        most = check_number(most, "most", minimum=0, exclusive=True)
        if self._stale:
            self._refresh()
        pull = float(np.linalg.norm(self._pull))
        back = float(np.linalg.norm(self.prior.dual_pull(self._p, self.L)))
        if pull <= most * back or pull == 0:
            return 1.0
        factor = most * back / pull
        for array in (self._q, self._pull):
            array *= array.dtype.type(factor)
        return factor

    def _Hx_now(self) -> np.ndarray:
        if self._stale:
            self._refresh()
        return self._Hx

    def objective(self) -> float:
        """D(Hx, y) + λ R(x) at the current object; for the ε ball R(x) alone."""
        prior = self.lam * self.prior.value(self.x)
        if isinstance(self.data, DataTolerance):
            return prior
        return self.data.value_at(self._Hx_now()) + prior

    @property
    def infeasibility(self) -> float:
        """How far ‖Hx − y‖ exceeds ε, relative to ε; 0 inside the ball and without one."""
        if not isinstance(self.data, DataTolerance):
            return 0.0
        distance = float(np.linalg.norm((self._Hx_now() - self.data.y).astype(np.float64)))
        return max(0.0, distance / self.data.epsilon - 1)

    def gap(self) -> float:
        """Return (objective − dual bound) / objective, or the infeasibility if that is larger."""
        p = self.prior.dual_field(self._p, self.L)
        inside = None if self._support is None else self._inside
        bound = dual_value(
            self.data, self.L, self.prior, self.lam, self._q, p, self.nonnegative, inside
        )
        return max(relative_gap(self.objective(), bound), self.infeasibility)

    def result(self) -> Reconstruction:
        """Return what has been reached so far, and say when ‖Hx − y‖ is still outside the ball.

        With x ≥ 0 the dual variable then often proves that no object reaches it. Without proof, but
        where ‖Hx − y‖ has come to a halt, :func:`em_inverse.solvers.least_distance` is asked.
        """
        result = super().result()
        if not self.converged and self.infeasibility > 1e-3:
            result.stop_reason += "; " + self._why_outside()
        return result

    def _why_outside(self) -> str:
        assert isinstance(self.data, DataTolerance)
        data, distances = self.data, self.history["data_distance"]
        over = f"‖Hx − y‖ still exceeds ε by {100 * self.infeasibility:.2g} %"
        least, lower = distances[-1], 0.0
        if self.nonnegative:
            # An ε out of reach drives q towards the dual of the least distance.
            inside = None if self._support is None else self._inside
            lower = distance_bound(data.H, data.y, -self._q, inside)
        proof = f" (proven: at least {lower:.4g})"
        if lower <= data.epsilon:
            stalled = len(distances) > 100 and distances[-1] > 0.98 * distances[-51]
            least = min(least, self._least_distance()) if stalled else 0.0
            proof = " (not proven)"
        if least <= data.epsilon:
            return over + " (go on, or ε may be out of reach)"
        among = "with x ≥ 0 " if self.nonnegative else ""
        return (
            f"ε = {data.epsilon:.4g} is out of reach; the least ‖Hx − y‖ {among}is about "
            f"{least:.4g}{proof}. {over}"
        )

    def _least_distance(self) -> float:
        """What :func:`least_distance` attains, worked out once for the same problem."""
        key = (id(self.data.H), id(self.data.y), self.nonnegative, id(self._support))
        if self._floor is None or self._floor[0] != key:
            floor = least_distance(
                self.data.H, self.data.y, nonnegative=self.nonnegative, support=self._support
            )
            self._floor = (key, floor.attained)
        return self._floor[1]

    def restore(self, arrays: dict[str, np.ndarray], source: str = "the state") -> None:
        """Go back to a saved state; see :meth:`Solver.restore`."""
        super().restore(arrays, source)
        self._stale = True
        if all(name in arrays for name in _CARRIED):
            # Worked out anew they would be the same up to rounding, and the run another one.
            for name in _CARRIED:
                setattr(self, name, arrays[name].astype(self.x.dtype))
            self._first_ratio = float(arrays["_first_ratio"])
            self._weights = (float(arrays["_weight"]), self._weights[1])
            self._stale = False

    def whole_state(self) -> dict[str, np.ndarray]:
        """Return :meth:`state` and what could be worked out from it, the products Hx and Hᵀq.

        A run that is restored from it goes on bit by bit as it would have.
        """
        if self._stale:
            self._refresh()
        more: dict[str, Any] = {name: getattr(self, name) for name in _CARRIED}
        more |= {"_first_ratio": self._first_ratio, "_weight": self._weights[0]}
        return {**self.state(), **{name: np.asarray(value) for name, value in more.items()}}

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


def _moved(
    array: np.ndarray, kept: np.ndarray, stays: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Rows of an array where they stand in the new order, zeros elsewhere."""
    out = np.zeros(shape, array.dtype)
    out[stays] = array[kept[stays]]
    return out


class _Weighted(LinearOperator):
    """H with each reading multiplied by a weight."""

    def __init__(self, H: LinearOperator, weights: np.ndarray) -> None:
        super().__init__(H.in_shape, H.out_shape, H.dtype)
        self.H, self.weights = H, weights

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.weights * self.H.forward(x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.H.adjoint(self.weights * y)


def _joint_norm_squared(L: LinearOperator) -> float:
    """Guess the squared norm of H and L stacked, each scaled to the squared norm ½.

    It is 1 at most. But a forward model that blurs maps smooth objects to large data, and the
    gradient maps rough ones to large values: the two norms are not met together. A tilt series
    leaves variation along the tilt axis, one axis out of three, as it is.
    """
    if not isinstance(L, Gradient):
        return 1.0
    return 0.5 + 0.5 * max(0, len(L.in_shape) - 2) / len(L.in_shape)


def _poisson_excess(data: PoissonLikelihood, Hz: np.ndarray, move: np.ndarray) -> float:
    """D(z + move) − D(z) − ⟨∇D(z), move⟩ = Σ y (r − log(1 + r)), r the relative change.

    Written so that small moves do not drown in the rounding of two large values.
    """
    before = (Hz + data.background).astype(np.float64)
    change = data.H.forward(move).astype(np.float64)
    seen = data.y > 0
    if not np.isfinite(data.value_at(before + change - data.background)):
        return float("inf")
    r = change[seen] / before[seen]
    small = np.abs(r) < 1e-3
    curve = np.where(small, r**2 * (1 / 2 - r / 3 + r**2 / 4), r - np.log1p(r))
    return float(np.sum(data.y[seen] * curve))


def _norm(H: LinearOperator, tol: float = 1e-6) -> float:
    size = H.norm(tol)
    if size == 0:
        raise DataError("H maps every object to zero; there is nothing to solve. Check H.")
    return size


def _first_guess(data: LeastSquares | PoissonLikelihood, x0: ArrayLike | None) -> np.ndarray:
    H = data.H
    if x0 is not None:
        return check_array(x0, "x0", shape=H.in_shape, dtype=H.dtype).copy()
    if isinstance(data, PoissonLikelihood):
        flat = H.forward(np.ones(H.in_shape, H.dtype))
        level = max(float(data.y.mean()), 1e-6) / max(float(flat.mean()), 1e-12)
        return np.full(H.in_shape, level, H.dtype)
    return np.zeros(H.in_shape, H.dtype)
