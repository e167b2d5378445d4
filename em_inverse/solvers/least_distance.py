"""How close to the data an object can come at all: the floor below which no ε makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array, check_integer
from em_inverse.forward.operator import as_operator
from em_inverse.solvers.certificate import distance_bound

__all__ = ["LeastDistance", "check_support", "least_distance"]


@dataclass(frozen=True)
class LeastDistance:
    """The least ‖Hx − y‖, between two numbers.

    Attributes
    ----------
    attained : float
        ‖Hx − y‖ of the object found.
    lower : float
        No object that keeps the constraints comes closer than this. 0, which says nothing, where
        x ≥ 0 is not imposed.
    x : ndarray
        The object found.
    """

    attained: float
    lower: float
    x: np.ndarray


def least_distance(
    H: Any,
    y: ArrayLike,
    *,
    nonnegative: bool = False,
    support: ArrayLike | None = None,
    n_iter: int = 60,
) -> LeastDistance:
    """Look for the least ‖Hx − y‖ that any object reaches, without any prior.

    An ε below it is out of reach, and an ε just above it fits the noise. Found by the accelerated
    projected gradient method with restarts, which for x ≥ 0 also yields a certificate.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    nonnegative : bool
        Only x ≥ 0.
    support : array_like of bool, optional
        Where x may differ from zero; of the shape of x, or ``[z, x]`` for all slices alike.
    n_iter : int
        Iterations, each with one H and one Hᵀ. More bring the two numbers closer together.

    Returns
    -------
    LeastDistance

    References
    ----------
    Beck and Teboulle, doi:10.1137/080716542. O'Donoghue and Candès, doi:10.1007/s10208-013-9150-3.

    Examples
    --------
    >>> floor = least_distance(np.eye(2), [3.0, -4.0], nonnegative=True)
    >>> round(floor.attained, 6), round(floor.lower, 6)
    (4.0, 4.0)
    """
    H = as_operator(H)
    y = check_array(y, "y", shape=H.out_shape, dtype=H.dtype)
    n_iter = check_integer(n_iter, "n_iter", minimum=1)
    inside = None if support is None else check_support(support, H.in_shape)
    size = H.norm()
    if size == 0:
        raise DataError("H maps every object to zero; every ‖Hx − y‖ is ‖y‖. Check H.")
    number = H.dtype.type
    step = number(1 / (1.02 * size) ** 2)

    def project(x: np.ndarray) -> np.ndarray:
        if nonnegative:
            x = np.maximum(x, 0)
        return x if inside is None else np.where(inside, x, number(0))

    x = np.zeros(H.in_shape, H.dtype)
    misfit, distance = -y, _length(y)
    ahead, ahead_misfit, momentum = x, misfit, 1.0
    for _ in range(n_iter):
        new = project(ahead - step * H.adjoint(ahead_misfit))
        new_misfit = H.forward(new) - y
        new_distance = _length(new_misfit)
        if new_distance > distance:
            # Momentum has carried too far: start again from the best object.
            if momentum == 1.0:
                break
            ahead, ahead_misfit, momentum = x, misfit, 1.0
            continue
        grown = 0.5 * (1 + float(np.sqrt(1 + 4 * momentum**2)))
        beta = number((momentum - 1) / grown)
        ahead = new + beta * (new - x)
        # H is linear, so that the misfit ahead costs no projection.
        ahead_misfit = new_misfit + beta * (new_misfit - misfit)
        x, misfit, distance, momentum = new, new_misfit, new_distance, grown
    lower = distance_bound(H, y, -misfit, inside) if nonnegative else 0.0
    return LeastDistance(distance, min(lower, distance), x)


def check_support(support: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return a support as a mask of the object's shape, or with a last axis of length one.

    Raises
    ------
    DataError
        When it is no mask of that shape, or nothing is inside.
    """
    mask = np.asarray(support)
    if mask.dtype != bool or mask.shape not in (shape, shape[:2] if len(shape) == 3 else shape):
        wanted = f"{shape}" + (f" or {shape[:2]}" if len(shape) == 3 else "")
        raise DataError(
            f"support has shape {mask.shape} and dtype {mask.dtype}; True or False for each voxel "
            f"is needed, shape {wanted}. Compare first, for instance reconstruction > 0.1."
        )
    if not mask.any():
        raise DataError("support is False everywhere; at least one voxel must be inside.")
    return np.array(mask if mask.ndim == len(shape) else mask[:, :, None], order="C")


def _length(residual: np.ndarray) -> float:
    return float(np.linalg.norm(residual.astype(np.float64)))
