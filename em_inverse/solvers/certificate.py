"""A lower bound of the optimum, from any dual point, without assumptions.

The dual of min_x f(Hx) + g(Lx) is max −f*(q) − g*(p) subject to Hᵀq + Lᵀp = 0 (or ≥ 0 where x ≥ 0
is imposed). Iterates satisfy the constraint only in the limit, and a bound from a point that
violates it is no bound. So the point is repaired first: for L = I by choosing p, for L = ∇ by
moving q until constants cancel and then adding to p the gradient field that cancels the rest (a
Poisson equation, diagonal in the cosine basis). What overshoots the domain of g* is scaled back.
At convergence nothing is left to repair and the bound is tight, up to the rounding of H, which is
subtracted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dctn, idctn

from em_inverse.forward.channels import ChannelGradient
from em_inverse.forward.operator import Gradient, LinearOperator
from em_inverse.priors import Prior, laplacian_eigenvalues

if TYPE_CHECKING:
    from em_inverse.fidelity import Fidelity

__all__ = ["distance_bound", "dual_value", "relative_gap"]


def dual_value(
    data: Fidelity,
    L: LinearOperator,
    prior: Prior,
    lam: float,
    q: np.ndarray,
    p: np.ndarray,
    nonnegative: bool,
    inside: np.ndarray | None = None,
) -> float:
    """Return a lower bound of min f(Hx) + λ R(x) from dual variables q (data) and p (prior).

    The rounding of H is allowed for, so that no objective computed with it falls below the bound.

    Parameters
    ----------
    data : Fidelity
        Gives H, y and f*.
    L : LinearOperator
        Identity or gradient, as the prior names it. For the gradient of several channels no bound
        is known, and −∞ is returned.
    prior : Prior
    lam : float
        λ.
    q, p : ndarray
        Dual variables, of the shapes of y and Lx.
    nonnegative : bool
        Whether x ≥ 0 is imposed.
    inside : ndarray of bool, optional
        Where x may differ from zero, broadcast against x; everywhere by default. The constraint on
        q and p then holds only there.
    """
    q = q.astype(np.float64)
    if inside is not None:
        inside = np.broadcast_to(inside, data.H.in_shape)
        inside = None if inside.all() else inside
    if isinstance(L, ChannelGradient):
        # Nobody has worked out the repair: every bound but this one would be a claim.
        return -np.inf
    if isinstance(L, Gradient):
        q, p = _repair_gradient(data.H, q, p.astype(np.float64), nonnegative, inside)
    else:
        pull = _adjoint(data.H, q)
        p = np.maximum(p, -pull) if nonnegative else -pull
        if inside is not None:
            p = np.where(inside, p, 0.0)
    largest = 1 / max(1.0, prior.dual_excess(p, lam))
    if prior.quadratic:
        # The repair may have left the domain of f*; any shorter q and p are as good a pair.
        scale = 1.0 if np.isfinite(data.conjugate(q)) else data.best_scale(q, 1.0)
    else:
        scale = data.best_scale(q, largest)
    q, p = scale * q, scale * p
    return -data.conjugate(q) - prior.conjugate(p, lam) - _rounding(data, q)


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) / objective; infinite where no finite pair is known.

    Where the bound exceeds the objective (rounding, or an ε ball that no object reaches) it is the
    difference relative to the larger of the two.
    """
    if not (np.isfinite(objective) and np.isfinite(bound)):
        return float("inf")
    scale = max(abs(objective), bound)
    return abs(objective - bound) / scale if scale > 0 else 0.0


def distance_bound(
    H: LinearOperator, y: np.ndarray, w: np.ndarray, inside: np.ndarray | None = None
) -> float:
    """Return a number that ‖Hx − y‖ reaches or exceeds for every x ≥ 0, from any w.

    By duality min ‖Hx − y‖ = max ⟨w, y⟩/‖w‖ over Hᵀw ≤ 0. For the best x that w is y − Hx. What
    violates the constraint is pushed below zero by subtracting a multiple of H applied to ones,
    which works where H has no negative entries, as for blurs and projections. Zero, which bounds
    every distance, is the answer where it does not work. Voxels that H does not see do not count.

    Parameters
    ----------
    H : LinearOperator
    y, w : ndarray, shape ``H.out_shape``
    inside : ndarray of bool, optional
        Where x may differ from zero.
    """
    inside = np.broadcast_to(True if inside is None else inside, H.in_shape)
    flat = H.forward(inside.astype(H.dtype)).astype(np.float64)
    w = w.astype(np.float64)
    pull, lift = _adjoint(H, w)[inside], _adjoint(H, flat)[inside]
    blank = (pull == 0) & (lift == 0)
    pull, lift = pull[~blank], lift[~blank]
    # Rounding in Hᵀ must not make the bound too high.
    pull += 4 * H.precision * float(np.abs(pull).max(initial=0.0))
    seen = lift > 1e3 * H.precision * float(np.abs(lift).max(initial=0.0))
    excess = max(0.0, float((pull[seen] / lift[seen]).max(initial=0.0)))
    # Where the lift is negative, taking it away raises what it should lower.
    if np.any(pull[~seen] > np.minimum(lift[~seen] * excess, 0)):
        return 0.0
    w = w - flat * excess
    length = float(np.linalg.norm(w))
    return max(0.0, float(np.vdot(w, y)) / length) if length > 0 else 0.0


def _rounding(data: Fidelity, q: np.ndarray) -> float:
    """What rounding in H and Hᵀ may put between the bound and an objective, at most.

    The repair cancels Hᵀq as computed, which is wrong by up to δ |H|ᵀ|q|, with δ the precision of
    H. So the bound is too high by up to δ ⟨|q|, |H||x|⟩, and Hx = y all but for the noise. The
    objective, whose derivative in Hx is q at the optimum, is wrong by as much again.
    """
    return 2 * data.H.precision * float(np.vdot(np.abs(q), np.abs(data.y)))


def _repair_gradient(
    H: LinearOperator,
    q: np.ndarray,
    p: np.ndarray,
    nonnegative: bool,
    inside: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    if inside is not None:
        return q, _repair_inside(H, q, p, nonnegative, inside)
    flat = H.forward(np.ones(H.in_shape, H.dtype)).astype(np.float64)
    along, square = float(np.vdot(flat, q)), float(np.vdot(flat, flat))
    # An H that does not see constants has nothing to cancel, only rounding.
    seen = square > (1e3 * H.precision * H.norm()) ** 2 * flat.size
    if seen and (not nonnegative or along < 0):
        q = q - flat * (along / square)
    gradient = Gradient(H.in_shape)
    excess = _adjoint(H, q) + gradient.adjoint(p)
    wanted = np.zeros_like(excess)
    if nonnegative:
        wanted = np.maximum(excess, 0)
        total = float(wanted.sum())
        wanted *= max(float(excess.sum()), 0.0) / total if total > 0 else 0.0
    return q, p + gradient.forward(_solve_poisson(wanted - excess))


def _repair_inside(
    H: LinearOperator, q: np.ndarray, p: np.ndarray, nonnegative: bool, inside: np.ndarray
) -> np.ndarray:
    """Cancel inside the support only; outside takes up whatever is left over."""
    gradient = Gradient(H.in_shape)
    excess = _adjoint(H, q) + gradient.adjoint(p)
    change = np.maximum(-excess, 0) if nonnegative else -excess
    change = np.where(inside, change, 0.0)
    change[~inside] = -float(change.sum()) / int((~inside).sum())
    return p + gradient.forward(_solve_poisson(change))


def _adjoint(H: LinearOperator, q: np.ndarray) -> np.ndarray:
    return H.adjoint(q.astype(H.dtype)).astype(np.float64)


def _solve_poisson(right: np.ndarray) -> np.ndarray:
    """Solve ∇ᵀ∇ u = right for a right side of mean zero."""
    eigenvalues = laplacian_eigenvalues(right.shape)
    eigenvalues.flat[0] = np.inf
    return idctn(dctn(right, norm="ortho") / eigenvalues, norm="ortho")
