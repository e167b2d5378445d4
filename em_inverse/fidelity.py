"""Data distances D(Hx, y): how badly an object explains the measurement.

Each class holds H and y and offers what solvers ask for: the value and gradient in x, and, for
primal-dual methods, the conjugate f* of f(z) = D(z, y) and its proximal operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import CheckedNumber, DataError, ParameterError, check_array
from em_inverse.forward.operator import LinearOperator, Stack, as_operator

__all__ = [
    "AmplitudeDistance",
    "DataTolerance",
    "Fidelity",
    "JointData",
    "LeastSquares",
    "PoissonLikelihood",
    "WeightedLeastSquares",
]

#: Values of the data that are worked on at a time: a few arrays of them fit in the cache.
_BLOCK = 16384
#: Expectations this little below zero are rounding, not negative counts.
_ROUNDING = 1e-12
#: Dual step of a reading without counts, as a share of that of a reading with some.
_QUIET = 0.01


class Fidelity(Protocol):
    """What a solver may ask of a data distance."""

    H: LinearOperator
    y: np.ndarray

    def value(self, x: np.ndarray) -> float:
        """D(Hx, y)."""

    def value_at(self, Hx: np.ndarray) -> float:
        """D(Hx, y) when Hx is at hand."""

    def conjugate(self, q: np.ndarray) -> float:
        """f*(q) = max_z ⟨q, z⟩ − D(z, y)."""

    def prox_conjugate(self, q: np.ndarray, sigma: float) -> np.ndarray:
        """argmin_p ½‖p − q‖² + σ f*(p)."""

    def best_scale(self, q: np.ndarray, largest: float) -> float:
        """The s in [0, largest] that maximises −f*(s q)."""

    def relative_steps(self) -> np.ndarray | None:
        """Dual steps of the readings, the largest 1, or None where all are alike."""

    def dual_start(self) -> np.ndarray:
        """A dual q to start from."""

    def dual_step(
        self, q: np.ndarray, Hx: np.ndarray, previous: np.ndarray, sigma: float, rho: float
    ) -> tuple[float, float, float]:
        """One dual step of PDHG, in place."""


class _Data:
    """H and y, checked against each other."""

    def __init__(self, H: Any, y: ArrayLike) -> None:
        self.H = as_operator(H)
        self.y = y

    @property
    def y(self) -> np.ndarray:
        """The data; what replaces them is checked against H."""
        return self._y

    @y.setter
    def y(self, value: ArrayLike) -> None:
        self._y = check_array(value, "y", shape=self.H.out_shape, dtype=self.H.dtype)

    def distance(self, x: np.ndarray) -> float:
        """‖Hx − y‖₂, the data distance."""
        return float(np.linalg.norm(self.H.forward(x) - self.y))

    def prox_conjugate(self, q: np.ndarray, sigma: float) -> np.ndarray:
        """The proximal operator of σ f*."""
        raise NotImplementedError(f"{type(self).__name__} must define prox_conjugate")

    def relative_steps(self) -> np.ndarray | None:
        """None: all readings take the same dual step."""
        return None

    def dual_start(self) -> np.ndarray:
        """Zero."""
        return np.zeros(self.H.out_shape, self.H.dtype)

    def dual_step(
        self, q: np.ndarray, Hx: np.ndarray, previous: np.ndarray, sigma: float, rho: float
    ) -> tuple[float, float, float]:
        """Make the data half of the dual step of an over-relaxed primal-dual iteration, in place.

            q_new = prox_{σf*}(q + σ (2Hx − previous)),   q ← q + ρ (q_new − q)
            previous ← previous + ρ (Hx − previous)

        Parameters
        ----------
        q : ndarray
        Hx, previous : ndarray
            H applied to the new object and to the relaxed one it was reached from.
        sigma, rho : float

        Returns
        -------
        tuple of float
            ‖Hx − y‖, ‖Hx − previous‖² before that is overwritten, and the new ‖q‖²; where
            readings have steps of their own, both squares in their metric, the latter from
            :meth:`dual_start`.
        """
        number = q.dtype.type
        ahead, steps = Hx - previous, self.relative_steps()
        each = number(sigma) if steps is None else number(sigma) * steps
        q += number(rho) * (self.prox_conjugate(q + each * (Hx + ahead), each) - q)
        previous += number(rho) * ahead
        distance = float(np.sqrt(_square(Hx - self.y)))
        if steps is None:
            return distance, _square(ahead), _square(q)
        root = np.sqrt(steps)
        return distance, _square(ahead * root), _square((q - self.dual_start()) / root)


class _Radial(_Data):
    """A function of ‖Hx − y‖ alone: the prox of its conjugate shortens q − σy."""

    def shortening(self, length: float, sigma: float) -> float:
        """The factor by which the prox of σf* multiplies q − σy of this length."""
        raise NotImplementedError(f"{type(self).__name__} must define shortening")

    def prox_conjugate(self, q: np.ndarray, sigma: float) -> np.ndarray:
        """Shorten q − σy."""
        v = q - q.dtype.type(sigma) * self.y
        return v * v.dtype.type(self.shortening(float(np.sqrt(_square(v))), sigma))

    def dual_step(
        self, q: np.ndarray, Hx: np.ndarray, previous: np.ndarray, sigma: float, rho: float
    ) -> tuple[float, float, float]:
        """See :meth:`_Data.dual_step`; block by block, so that nothing leaves the cache between."""
        s, r = q.dtype.type(sigma), q.dtype.type(rho)
        flat = [array.reshape(-1) for array in (q, Hx, previous, self._y)]
        parts = [
            tuple(array[start : start + _BLOCK] for array in flat)
            for start in range(0, q.size, _BLOCK)
        ]
        square = distance = moved = size = 0.0
        for qi, Hxi, before, yi in parts:
            misfit = Hxi - yi
            distance += float(np.dot(misfit, misfit))
            v = misfit + Hxi
            v -= before
            v *= s
            v += qi
            square += float(np.dot(v, v))
        shorter = q.dtype.type(self.shortening(float(np.sqrt(square)), sigma))
        for qi, Hxi, before, yi in parts:
            ahead = Hxi - before
            change = ahead + Hxi
            change -= yi
            change *= s
            change += qi
            change *= shorter
            change -= qi
            change *= r
            qi += change
            size += float(np.dot(qi, qi))
            moved += float(np.dot(ahead, ahead))
            ahead *= r
            before += ahead
        return float(np.sqrt(distance)), moved, size


class LeastSquares(_Radial):
    """Squared data distance ‖Hx − y‖², the likelihood of Gaussian noise.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``

    Examples
    --------
    >>> import numpy as np
    >>> data = LeastSquares(np.eye(2), [1.0, 2.0])
    >>> data.value(np.array([0.0, 0.0]))
    5.0
    >>> data.gradient(np.array([0.0, 0.0]))
    array([-2., -4.])
    """

    def value(self, x: np.ndarray) -> float:
        """‖Hx − y‖²."""
        return self.value_at(self.H.forward(x))

    def value_at(self, Hx: np.ndarray) -> float:
        """‖Hx − y‖² when Hx is at hand."""
        return float(np.sum(np.square(Hx - self.y, dtype=np.float64)))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """2 Hᵀ(Hx − y)."""
        return self.gradient_at(self.H.forward(x))

    def gradient_at(self, Hx: np.ndarray) -> np.ndarray:
        """2 Hᵀ(Hx − y) when Hx is at hand."""
        return 2 * self.H.adjoint(Hx - self.y)

    def lipschitz(self) -> float:
        """Lipschitz constant 2‖H‖₂² of the gradient."""
        return 2 * self.H.norm() ** 2

    def conjugate(self, q: np.ndarray) -> float:
        """f*(q) = ‖q‖²/4 + ⟨q, y⟩."""
        return float(np.vdot(q, q)) / 4 + float(np.vdot(q, self.y))

    def shortening(self, length: float, sigma: float) -> float:
        """1 / (1 + σ/2), whatever the length."""
        return 1 / (1 + sigma / 2)

    def best_scale(self, q: np.ndarray, largest: float) -> float:
        """The s in [0, largest] that maximises −f*(s q)."""
        curvature = float(np.vdot(q, q))
        if curvature == 0:
            return 0.0
        return float(np.clip(-2 * float(np.vdot(q, self.y)) / curvature, 0, largest))


class PoissonLikelihood(_Data):
    """Negative Poisson log-likelihood Σ [(Hx + b) − y log(Hx + b)], up to a constant.

    The constant is chosen so that a perfect fit (Hx + b = y) has the value zero; twice the value
    is then the deviance.

    Parameters
    ----------
    H : LinearOperator or matrix
        Maps the object to expected counts.
    y : array_like
        Counts, zero or more. Not rescaled: the likelihood of scaled counts is another one.
    background : float or array_like
        Known expected counts b ≥ 0 that do not come from the object.

    Raises
    ------
    DataError
        When counts or background are negative.
    """

    def __init__(self, H: Any, y: ArrayLike, background: ArrayLike = 0.0) -> None:
        super().__init__(H, y)
        self.background = check_array(background, "background", dtype=self.H.dtype)
        if self.background.ndim and self.background.shape != self.H.out_shape:
            raise DataError(
                f"background has shape {self.background.shape}; one number, or one per value of "
                f"y (shape {self.H.out_shape}), is needed."
            )
        if self.background.min() < 0:
            raise DataError(f"background reaches {self.background.min():g}; it must be ≥ 0.")

    @property
    def y(self) -> np.ndarray:
        """The counts; what replaces them is checked against H."""
        return self._y

    @y.setter
    def y(self, value: ArrayLike) -> None:
        counts = check_array(value, "y", shape=self.H.out_shape, dtype=self.H.dtype)
        if counts.min() < 0:
            raise DataError(
                f"y reaches {counts.min():g}; counts cannot be negative. Subtract no background "
                f"from counts: pass it as `background`."
            )
        self._y = counts
        quiet = counts == 0
        self._steps = (
            np.where(quiet, _QUIET, 1).astype(counts.dtype)
            if quiet.any() and not quiet.all()
            else None
        )

    def value(self, x: np.ndarray) -> float:
        """Σ (Hx + b) − y − y log((Hx + b)/y); infinite where counts meet no expectation."""
        return self.value_at(self.H.forward(x))

    def value_at(self, Hx: np.ndarray) -> float:
        """The same when Hx is at hand."""
        expected = (Hx + self.background).astype(np.float64)
        if expected.min() < -_ROUNDING or np.any((expected <= 0) & (self.y > 0)):
            return float("inf")
        seen = self.y > 0
        y = self.y[seen].astype(np.float64)
        return float(expected.sum() - y.sum() - np.sum(y * np.log(expected[seen] / y)))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Hᵀ(1 − y / (Hx + b)); finite only where Hx + b > 0."""
        return self.gradient_at(self.H.forward(x))

    def gradient_at(self, Hx: np.ndarray) -> np.ndarray:
        """The same when Hx is at hand."""
        expected = np.maximum(Hx + self.background, np.finfo(self.H.dtype).tiny)
        return self.H.adjoint(1 - self.y / expected)

    def lipschitz(self) -> None:
        """None: the gradient has no global Lipschitz constant, so solvers search for a step."""

    def conjugate(self, q: np.ndarray) -> float:
        """f*(q) = Σ −y log(1 − q) − b q, infinite where q > 1 (or q = 1 with y > 0)."""
        room = 1 - q.astype(np.float64)
        if np.any((room < -_ROUNDING) | ((room <= 0) & (self.y > 0))):
            return float("inf")
        seen = self.y > 0
        return float(-np.sum(self.y[seen] * np.log(room[seen])) - np.sum(self.background * q))

    def prox_conjugate(self, q: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
        """The proximal operator of σ f*, from a quadratic equation per pixel."""
        v = q + sigma * self.background
        return (0.5 * (v + 1 - np.sqrt((v - 1) ** 2 + 4 * sigma * self.y))).astype(self.y.dtype)

    def relative_steps(self) -> np.ndarray | None:
        """1 for readings with counts, 0.01 for those without; None where all have some.

        A reading without counts asks for Hx to be small, with the same force whatever Hx is: its
        dual is 1 at every solution where Hx + b > 0. It starts there and need not move, so that
        only the readings with counts set the length of the steps.
        """
        return self._steps

    def dual_start(self) -> np.ndarray:
        """1 for readings without counts, 0 for the others."""
        return (self._y == 0).astype(self._y.dtype)

    def best_scale(self, q: np.ndarray, largest: float) -> float:
        """The s in [0, largest] that maximises −f*(s q), by golden-section search."""
        from scipy.optimize import minimize_scalar

        top = float(q.max(initial=0))
        high = min(largest, 1 / top if top > 0 else largest)
        found = minimize_scalar(
            lambda s: min(self.conjugate(s * q), 1e300),
            bounds=(0, high),
            method="bounded",
            options={"xatol": 1e-10 * high},
        )
        return float(found.x) if found.fun < 0 else 0.0


class DataTolerance(_Radial):
    """The ε ball: every x with ‖Hx − y‖₂ ≤ ε explains the data, no other does.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    epsilon : float
        Radius ε > 0 of the ball, in the units of y. For Gaussian noise of standard deviation s on
        M values, the noise norm s√M is its natural unit.

    Raises
    ------
    ParameterError
        When ε is not positive.
    """

    epsilon = CheckedNumber(minimum=0, exclusive=True)

    def __init__(self, H: Any, y: ArrayLike, epsilon: float) -> None:
        super().__init__(H, y)
        self.epsilon = epsilon

    def value(self, x: np.ndarray) -> float:
        """0 inside the ball (to 10⁻⁶ of its radius), infinity outside."""
        return self.value_at(self.H.forward(x))

    def value_at(self, Hx: np.ndarray) -> float:
        """The same when Hx is at hand."""
        distance = float(np.linalg.norm((Hx - self.y).astype(np.float64)))
        return 0.0 if distance <= self.epsilon * (1 + 1e-6) else float("inf")

    def conjugate(self, q: np.ndarray) -> float:
        """f*(q) = ε‖q‖ + ⟨q, y⟩."""
        return self.epsilon * float(np.linalg.norm(q)) + float(np.vdot(q, self.y))

    def shortening(self, length: float, sigma: float) -> float:
        """1 − σε/length, and 0 where that is negative: q − σy becomes shorter by σε."""
        return max(0.0, 1 - sigma * self.epsilon / length) if length > 0 else 0.0

    def best_scale(self, q: np.ndarray, largest: float) -> float:
        """The s in [0, largest] that maximises −f*(s q): one of the ends, f* being linear in s."""
        return largest if self.conjugate(q) < 0 else 0.0


class WeightedLeastSquares(_Data):
    """Squared data distance Σ W (Hx − y)², for Gaussian noise that differs from pixel to pixel.

    Parameters
    ----------
    H : LinearOperator or matrix
    y : array_like, shape ``H.out_shape``
    weights : array_like, shape ``H.out_shape``
        W > 0; 1 over twice the variance of each value gives the likelihood.

    Raises
    ------
    DataError
        When a weight is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> WeightedLeastSquares(np.eye(2), [1.0, 2.0], [1.0, 0.5]).value(np.array([0.0, 0.0]))
    3.0
    """

    def __init__(self, H: Any, y: ArrayLike, weights: ArrayLike) -> None:
        super().__init__(H, y)
        self.weights = check_array(weights, "weights", shape=self.H.out_shape, dtype=self.H.dtype)
        if self.weights.min() <= 0:
            raise DataError(
                f"weights reach {self.weights.min():g}; each must be above 0. For values that "
                f"count for nothing, leave them out of H and y."
            )

    def value(self, x: np.ndarray) -> float:
        """Σ W (Hx − y)²."""
        return self.value_at(self.H.forward(x))

    def value_at(self, Hx: np.ndarray) -> float:
        """The same when Hx is at hand."""
        return float(np.sum(self.weights * np.square(Hx - self.y, dtype=np.float64)))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """2 HᵀW(Hx − y)."""
        return self.gradient_at(self.H.forward(x))

    def gradient_at(self, Hx: np.ndarray) -> np.ndarray:
        """2 HᵀW(Hx − y) when Hx is at hand."""
        return 2 * self.H.adjoint(self.weights * (Hx - self.y))

    def lipschitz(self) -> float:
        """2‖H‖₂² max W, a bound of the Lipschitz constant of the gradient."""
        return 2 * self.H.norm() ** 2 * float(self.weights.max())

    def conjugate(self, q: np.ndarray) -> float:
        """f*(q) = Σ q²/4W + ⟨q, y⟩."""
        q = q.astype(np.float64)
        return float(np.sum(np.square(q) / self.weights)) / 4 + float(np.vdot(q, self.y))

    def prox_conjugate(self, q: np.ndarray, sigma: float) -> np.ndarray:
        """(q − σy) / (1 + σ/2W)."""
        number = q.dtype.type(sigma)
        return (q - number * self.y) / (1 + number / (2 * self.weights))

    def best_scale(self, q: np.ndarray, largest: float) -> float:
        """The s in [0, largest] that maximises −f*(s q)."""
        along = float(np.vdot(q, self.y))
        curvature = 4 * (self.conjugate(q) - along)
        return float(np.clip(-2 * along / curvature, 0, largest)) if curvature > 0 else 0.0


class JointData(_Data):
    """Several measurements of one object: Σ_k λ_k D_k(H_k x, y_k).

    The data are one flat vector, those of the first measurement first. For PDHG.

    Parameters
    ----------
    parts : sequence of LeastSquares, WeightedLeastSquares, PoissonLikelihood or DataTolerance
        Data distances D_k, all of objects of one shape.
    weights : sequence of float, optional
        λ_k > 0; 1 by default.
    H : Stack, optional
        The operators of the parts, stacked, where one is at hand that knows its norm sooner.

    Raises
    ------
    DataError
        When the parts act on objects of different shapes.
    ParameterError
        When there is no part, or a weight is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> one, two = LeastSquares(np.eye(2), [1.0, 2.0]), LeastSquares([[1.0, 1.0]], [5.0])
    >>> JointData([one, two], [1.0, 0.5]).value(np.array([1.0, 2.0]))
    2.0
    """

    def __init__(
        self,
        parts: Sequence[Any],
        weights: Sequence[float] | None = None,
        *,
        H: Stack | None = None,
    ) -> None:
        self.parts = list(parts)
        if not self.parts:
            raise ParameterError("parts is empty; pass at least one data distance.")
        given = np.ones(len(self.parts)) if weights is None else weights
        self.weights = check_array(given, "weights", shape=(len(self.parts),), dtype=np.float64)
        if self.weights.min() <= 0:
            raise ParameterError(f"weights reach {self.weights.min():g}; they must be above 0.")
        self._stack = Stack([part.H for part in self.parts]) if H is None else H
        super().__init__(self._stack, self._stack.join([part.y for part in self.parts]))

    @property
    def y(self) -> np.ndarray:
        """The data of all parts; what replaces them is checked by each part."""
        return self._y

    @y.setter
    def y(self, value: ArrayLike) -> None:
        flat = check_array(value, "y", shape=self.H.out_shape, dtype=self.H.dtype)
        for part, data in zip(self.parts, self._stack.split(flat), strict=True):
            part.y = data
        self._y = flat

    def _each(self, flat: np.ndarray) -> Any:
        return zip(self.parts, self.weights.tolist(), self._stack.split(flat), strict=True)

    def value(self, x: np.ndarray) -> float:
        """Σ λ_k D_k(H_k x, y_k)."""
        return self.value_at(self.H.forward(x))

    def value_at(self, Hx: np.ndarray) -> float:
        """The same when Hx, the flat vector, is at hand."""
        return float(sum(weight * part.value_at(seen) for part, weight, seen in self._each(Hx)))

    def conjugate(self, q: np.ndarray) -> float:
        """f*(q) = Σ λ_k D_k*(q_k / λ_k)."""
        return float(
            sum(weight * part.conjugate(one / weight) for part, weight, one in self._each(q))
        )

    def prox_conjugate(self, q: np.ndarray, sigma: float) -> np.ndarray:
        """Part by part: λ_k times the proximal operator of (σ/λ_k) D_k* at q_k / λ_k."""
        new = [
            weight * part.prox_conjugate(one / part.H.dtype.type(weight), sigma / weight).ravel()
            for part, weight, one in self._each(q)
        ]
        return np.concatenate(new).astype(q.dtype, copy=False)

    def best_scale(self, q: np.ndarray, largest: float) -> float:
        """The s in [0, largest] that maximises −f*(s q), by golden-section search."""
        from scipy.optimize import minimize_scalar

        high = largest
        while not np.isfinite(self.conjugate(high * q)):
            high /= 2
        found = minimize_scalar(
            lambda s: min(self.conjugate(s * q), 1e300),
            bounds=(0, min(2 * high, largest)),
            method="bounded",
            options={"xatol": 1e-10 * high},
        )
        return float(found.x) if found.fun < 0 else 0.0


class AmplitudeDistance:
    r"""Distance of amplitudes Σ (\|Hx\| − √y)², for intensities y of a complex wave Hx.

    The detector counts electrons and loses their phase. The square root of a count of n electrons
    has the standard deviation ½ whatever n is, so plain least squares of square roots is nearly
    the Poisson likelihood: 4n times this distance, for n electrons per unit of y, is about the
    number of pixels when only noise is left.

    Parameters
    ----------
    H : nonlinear model
        With ``forward(x)``, the complex wave, and ``linearise(x)``, the wave and its transposed
        derivative; for instance ``Multislice(...).tilted(angle_deg)``.
    y : array_like, shape ``H.out_shape``
        Intensities ≥ 0, in units of the intensity without specimen.

    Raises
    ------
    DataError
        When an intensity is negative, or y does not fit H.

    References
    ----------
    Variance-stabilising square root: Bartlett, doi:10.2307/2983678.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward import Multislice
    >>> H = Multislice((8, 8, 8), 300.0).tilted(20)
    >>> x = 50 * np.random.default_rng(0).random(H.in_shape)
    >>> D = AmplitudeDistance(H, np.abs(H.forward(x)) ** 2)
    >>> D.value(x) < 1e-10, D.value(0 * x) > 0.01
    (True, True)
    """

    def __init__(self, H: Any, y: ArrayLike) -> None:
        self.H = H
        self.y = y

    @property
    def y(self) -> np.ndarray:
        """The intensities; what replaces them is checked against H."""
        return self._y

    @y.setter
    def y(self, value: ArrayLike) -> None:
        intensities = check_array(value, "y", shape=self.H.out_shape, dtype=self.H.dtype)
        if intensities.min() < 0:
            raise DataError(
                f"y reaches {intensities.min():g}; intensities cannot be negative. Take no "
                f"background off beyond zero: clip with np.maximum(y, 0)."
            )
        self._y = intensities
        self._amplitudes = np.sqrt(intensities)

    def distance(self, x: np.ndarray) -> float:
        r"""‖\|Hx\| − √y‖₂, the data distance."""
        return float(np.sqrt(self.value(x)))

    def value(self, x: np.ndarray) -> float:
        r"""Σ (\|Hx\| − √y)²."""
        return self.value_at(self.H.forward(x))

    def value_at(self, Hx: np.ndarray) -> float:
        r"""Σ (\|Hx\| − √y)² when Hx is at hand."""
        return _square(np.abs(Hx) - self._amplitudes)

    def residual_at(self, Hx: np.ndarray) -> np.ndarray:
        r"""Hx − √y Hx/\|Hx\|: how far the wave is from the nearest one that has these amplitudes.

        The phase is kept. Where the wave vanishes there is none, and 0 is taken for Hx/\|Hx\|.
        """
        return amplitude_residual(Hx, self._amplitudes)[0]

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        r"""Return the value, and the gradient 2 Re J*(Hx − √y Hx/\|Hx\|), J the derivative of H."""
        wave, pull = self.H.linearise(x)
        residual, value = amplitude_residual(wave, self._amplitudes)
        return value, 2 * pull(residual)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        r"""Return 2 Re J*(Hx − √y Hx/\|Hx\|), J the derivative of H at x."""
        return self.value_and_gradient(x)[1]


def amplitude_residual(wave: np.ndarray, amplitudes: np.ndarray) -> tuple[np.ndarray, float]:
    r"""Return ψ − A ψ/\|ψ\| and Σ (\|ψ\| − A)².

    Parameters
    ----------
    wave : ndarray of complex
    amplitudes : ndarray, shape of `wave`

    Examples
    --------
    >>> import numpy as np
    >>> residual, value = amplitude_residual(np.array([3j, 0j]), np.array([1.0, 0.5]))
    >>> bool(abs(residual[0] - 2j) < 1e-12), float(abs(residual[1])), value
    (True, 0.0, 4.25)
    """
    length = np.abs(wave)
    excess = length - amplitudes
    tiny = np.finfo(length.dtype).tiny
    return wave * (excess / np.maximum(length, tiny)), _square(excess)


def _square(x: np.ndarray) -> float:
    """‖x‖², accumulated in float64."""
    return float(np.sum(np.square(x, dtype=np.float64)))
