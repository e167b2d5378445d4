"""Priors R(x): what we believe about an object before we measure it.

A prior is a value and a proximal operator, prox_τR(v) = argmin_u ½‖u − v‖² + τ R(u): the object
nearest to v that the prior likes, with τ the price of distance. For primal-dual methods each prior
also is a function of a linear map, R(x) = r(Lx), with the conjugate of r.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dctn, idctn

from em_inverse.errors import ParameterError, check_array, check_integer, check_number
from em_inverse.forward.channels import ChannelGradient
from em_inverse.forward.operator import Gradient, LinearOperator
from em_inverse.forward.operator import Identity as IdentityOperator

__all__ = [
    "ChannelTotalVariation",
    "Identity",
    "NonNegative",
    "Prior",
    "Smoothness",
    "Sparsity",
    "TotalVariation",
    "laplacian_eigenvalues",
]


class Prior:
    """Base of all priors.

    Attributes
    ----------
    quadratic : bool
        Whether R is a squared norm, so that its proximal operator is linear.
    separable : bool
        Whether R is a sum over voxels, so that its proximal operator treats each by itself.
    """

    quadratic = False
    separable = False

    def value(self, x: ArrayLike) -> float:
        """R(x)."""
        raise NotImplementedError(f"{type(self).__name__} must define value(x)")

    def prox(self, x: ArrayLike, tau: float) -> np.ndarray:
        """Return argmin_u ½‖u − x‖² + τ R(u)."""
        raise NotImplementedError(f"{type(self).__name__} must define prox(x, tau)")

    def prox_nonnegative(self, x: ArrayLike, tau: float) -> np.ndarray:
        """Return argmin ½‖u − x‖² + τ R(u) over u ≥ 0.

        Raises
        ------
        ParameterError
            When no direct formula is known for this prior; PDHG needs none.
        """
        raise ParameterError(
            f"{self!r} has no proximal operator under x ≥ 0. Use solvers.PDHG, which needs none."
        )

    def prox_and_dual(
        self,
        x: np.ndarray,
        tau: float,
        nonnegative: bool,
        start: np.ndarray | None,
        enough: float = 0.0,
        least: int = 10,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the prox and, where one is kept for a warm start, the dual p with u = x − Lᵀp.

        A prior whose prox has to be iterated for may end when its duality gap, in the units of
        ½‖u − x‖², is at most `enough`, but not before `least` iterations.
        """
        return (self.prox_nonnegative if nonnegative else self.prox)(x, tau), None

    def iterates(self, shape: tuple[int, ...]) -> bool:
        """Whether the prox of such an object is iterated for, and so known up to an error only."""
        return False

    def analysis(self, shape: tuple[int, ...], dtype: Any) -> LinearOperator:
        """The linear map L with R(x) = r(Lx)."""
        return IdentityOperator(shape, dtype)

    def project_dual(self, p: np.ndarray, lam: float, sigma: float) -> np.ndarray:
        """Proximal operator of σ (λr)*, the conjugate of λ r, at p."""
        raise NotImplementedError(f"{type(self).__name__} must define project_dual")

    def dual_start(self, L: LinearOperator) -> np.ndarray:
        """Return p = 0, in the layout that `primal_step` and `dual_step` work on."""
        return np.zeros(L.out_shape, L.dtype)

    def dual_field(self, p: np.ndarray, L: LinearOperator) -> np.ndarray:
        """Return such a p in the shape of Lx."""
        return p

    def dual_pull(self, p: np.ndarray, L: LinearOperator) -> np.ndarray:
        """Return Lᵀp of such a dual."""
        return L.adjoint(self.dual_field(p, L))

    def primal_step(
        self,
        L: LinearOperator,
        x: np.ndarray,
        previous: np.ndarray,
        pull: np.ndarray,
        p: np.ndarray,
        inside: np.ndarray,
        floor: float,
        tau: float,
        rho: float,
    ) -> tuple[float, float, float]:
        """Make the primal half of an over-relaxed primal-dual iteration, in place.

            previous ← previous + ρ (x − previous)
            x ← max(previous − τ (pull + Lᵀp), floor), and 0 outside the support

        Parameters
        ----------
        L : LinearOperator
            What :meth:`analysis` returned.
        x, previous : ndarray
            The last outcome, and the relaxed point that it was reached from.
        pull : ndarray
            Hᵀq.
        p : ndarray
            In the layout of :meth:`dual_start`.
        inside : ndarray of bool
            The support, with the last axis of x or with one of length 1.
        floor : float
            0 or −∞.
        tau, rho : float

        Returns
        -------
        tuple of float
            ‖x_new − x‖², ‖x_new − previous‖² and ‖x_new‖².
        """
        number = x.dtype.type
        previous += number(rho) * (x - previous)
        new = np.maximum(previous - number(tau) * (pull + L.adjoint(p)), number(floor))
        new = np.where(inside, new, number(0))
        moved = _square(new - x)
        x[...] = new
        return moved, _square(x - previous), _square(x)

    def dual_step(
        self,
        L: LinearOperator,
        x: np.ndarray,
        previous: np.ndarray,
        p: np.ndarray,
        lam: float,
        sigma: float,
        rho: float,
    ) -> tuple[float, float, float]:
        """Make the dual half of an over-relaxed primal-dual iteration, in place.

            p_new = prox_{σ (λr)*}(p + σ L(2x − previous)),   p ← p + ρ (p_new − p)

        Returns
        -------
        tuple of float
            R(x), ‖L(x − previous)‖² and the new ‖p‖².
        """
        number = x.dtype.type
        Lx, ahead = L.forward(x), L.forward(x - previous)
        change = self.project_dual(p + number(sigma) * (Lx + ahead), lam, sigma) - p
        p += number(rho) * change
        return self.value(x), _square(ahead), _square(p)

    def dual_excess(self, p: np.ndarray, lam: float) -> float:
        """Factor by which p overshoots the domain of (λr)*; at most 1 inside it."""
        return 0.0

    def conjugate(self, p: np.ndarray, lam: float) -> float:
        """(λr)*(p) for p inside the domain."""
        return 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Identity(Prior):
    """R(x) = ‖x‖²: values are small (L2). Its prox shrinks everything alike.

    Examples
    --------
    >>> Identity().prox([3.0, -6.0], 1.0)
    array([ 1., -2.])
    """

    quadratic = True
    separable = True

    def value(self, x: ArrayLike) -> float:
        """‖x‖²."""
        return float(np.sum(np.square(check_array(x, "x"), dtype=np.float64)))

    def prox(self, x: ArrayLike, tau: float) -> np.ndarray:
        """x / (1 + 2τ)."""
        return check_array(x, "x") / (1 + 2 * check_number(tau, "tau", minimum=0))

    def prox_nonnegative(self, x: ArrayLike, tau: float) -> np.ndarray:
        """max(x, 0) / (1 + 2τ)."""
        return np.maximum(Identity.prox(self, x, tau), 0)

    def project_dual(self, p: np.ndarray, lam: float, sigma: float) -> np.ndarray:
        """p / (1 + σ/2λ)."""
        return p / (1 + sigma / (2 * lam))

    def conjugate(self, p: np.ndarray, lam: float) -> float:
        """‖p‖² / 4λ."""
        return float(np.vdot(p, p)) / (4 * lam)


class Smoothness(Identity):
    """R(x) = ‖∇x‖²: values change slowly (H1). Its prox is a linear low-pass filter.

    Differences are forward differences without flow through the border, so the prox is a division
    in the cosine basis.

    Examples
    --------
    >>> Smoothness().value([0.0, 1.0, 3.0])
    5.0
    """

    separable = False

    def value(self, x: ArrayLike) -> float:
        """‖∇x‖²."""
        x = check_array(x, "x", ndim=(1, 2, 3))
        return super().value(Gradient(x.shape, x.dtype).forward(x))

    def prox(self, x: ArrayLike, tau: float) -> np.ndarray:
        """(I + 2τ ∇ᵀ∇)⁻¹ x."""
        x = check_array(x, "x", ndim=(1, 2, 3))
        tau = check_number(tau, "tau", minimum=0)
        spectrum = dctn(x, norm="ortho") / (1 + 2 * tau * laplacian_eigenvalues(x.shape))
        return idctn(spectrum, norm="ortho").astype(x.dtype, copy=False)

    def prox_nonnegative(self, x: ArrayLike, tau: float) -> np.ndarray:
        """Unknown in closed form."""
        return Prior.prox_nonnegative(self, x, tau)

    def analysis(self, shape: tuple[int, ...], dtype: Any) -> LinearOperator:
        """The gradient ∇."""
        return Gradient(shape, dtype)


class Sparsity(Prior):
    """R(x) = Σ |x|: most values are zero (L1). Its prox is soft thresholding.

    Examples
    --------
    >>> Sparsity().prox([3.0, -0.5, -2.0], 1.0)
    array([ 2., -0., -1.])
    """

    separable = True

    def value(self, x: ArrayLike) -> float:
        """Σ |x|."""
        return float(np.sum(np.abs(check_array(x, "x")), dtype=np.float64))

    def prox(self, x: ArrayLike, tau: float) -> np.ndarray:
        """sign(x) max(\\|x\\| − τ, 0)."""
        x = check_array(x, "x")
        tau = check_number(tau, "tau", minimum=0)
        return (np.sign(x) * np.maximum(np.abs(x) - tau, 0)).astype(x.dtype, copy=False)

    def prox_nonnegative(self, x: ArrayLike, tau: float) -> np.ndarray:
        """max(x − τ, 0)."""
        x = check_array(x, "x")
        tau = check_number(tau, "tau", minimum=0)
        return np.maximum(x - x.dtype.type(tau), 0)

    def project_dual(self, p: np.ndarray, lam: float, sigma: float) -> np.ndarray:
        """Clip p to [−λ, λ]."""
        return np.clip(p, -lam, lam)

    def dual_excess(self, p: np.ndarray, lam: float) -> float:
        """max \\|p\\| / λ."""
        return float(np.abs(p).max()) / lam


class TotalVariation(Prior):
    """R(x) = Σ \\|∇x\\|, isotropic: flat regions with sharp borders. In 1-D, 2-D or 3-D.

    \\|∇x\\| is the Euclidean length of the vector of forward differences at a pixel, without flow
    through the border: a step costs its height, however steep it is.

    Parameters
    ----------
    tol : float
        The prox in 2-D and 3-D stops when its duality gap is below `tol` times
        ½‖x − mean(x)‖²; in single precision `tol` counts as 4·10⁻⁶ at least. In 1-D it is exact.
    max_iter : int
        Limit of its iterations.

    References
    ----------
    Rudin, Osher and Fatemi, doi:10.1016/0167-2789(92)90242-F. Beck and Teboulle,
    doi:10.1109/TIP.2009.2028250.

    Examples
    --------
    >>> TotalVariation().value([0.2, 0.2, 0.8, 0.8, 0.3])
    1.1
    >>> TotalVariation().prox([0.0, 0.0, 1.0, 1.0], 0.25)
    array([0.125, 0.125, 0.875, 0.875])
    """

    def __init__(self, tol: float = 1e-6, max_iter: int = 2000) -> None:
        self.tol = check_number(tol, "tol", minimum=0, exclusive=True)
        self.max_iter = check_integer(max_iter, "max_iter", minimum=1)

    def value(self, x: ArrayLike) -> float:
        """Σ \\|∇x\\|."""
        x = check_array(x, "x", ndim=(1, 2, 3))
        if x.ndim == 1:
            return float(np.sum(np.abs(np.diff(x)), dtype=np.float64))
        from em_inverse.forward.kernels import total_variation as kernels

        return float(kernels.value(_as_volume(x)))

    def gradient(self, x: ArrayLike, smoothing: float = 1e-4) -> np.ndarray:
        """Return the gradient of Σ √(\\|∇x\\|² + smoothing²), in the dtype of x.

        TV itself has none where x is flat. With a smoothing well below the steps that matter, in
        the units of x, this is a descent direction for TV all the same: ASD-POCS uses it.

        Parameters
        ----------
        x : array_like
            A profile, image or volume.
        smoothing : float
            Positive.

        Examples
        --------
        >>> TotalVariation().gradient([0.0, 3.0, 3.0], smoothing=4.0).round(6)
        array([-0.6,  0.6,  0. ])
        """
        x = check_array(x, "x", ndim=(1, 2, 3))
        smoothing = check_number(smoothing, "smoothing", minimum=0, exclusive=True)
        from em_inverse.forward.kernels import total_variation as kernels

        v = _as_volume(x)
        out = np.empty_like(v)
        kernels.gradient(v, smoothing, out)
        return out.reshape(x.shape)

    def prox(self, x: ArrayLike, tau: float) -> np.ndarray:
        """Return argmin_u ½‖u − x‖² + τ TV(u), in the dtype of x."""
        return self._prox(x, tau, nonnegative=False)

    def prox_nonnegative(self, x: ArrayLike, tau: float) -> np.ndarray:
        """Return argmin_u ½‖u − x‖² + τ TV(u) over u ≥ 0, in the dtype of x."""
        return self._prox(x, tau, nonnegative=True)

    def _prox(self, x: ArrayLike, tau: float, nonnegative: bool) -> np.ndarray:
        x = check_array(x, "x", ndim=(1, 2, 3))
        tau = check_number(tau, "tau", minimum=0)
        return self.prox_and_dual(x, tau, nonnegative, None)[0]

    def prox_and_dual(
        self,
        x: np.ndarray,
        tau: float,
        nonnegative: bool,
        start: np.ndarray | None,
        enough: float = 0.0,
        least: int = 10,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the prox u and the dual p with u = x − ∇ᵀp, clipped at 0 where u ≥ 0 is imposed.

        Parameters
        ----------
        x : ndarray
        tau : float
        nonnegative : bool
        start : ndarray, optional
            A dual to begin from, of shape ``(x.ndim, *x.shape)``.
        enough : float
            Duality gap that will do even where it is above `tol`.
        least : int
            Sweeps over the dual before the gap is looked at for the first time.
        """
        if tau == 0 or x.size == 1:
            return np.maximum(x, 0) if nonnegative else x.copy(), np.zeros((x.ndim, *x.shape))
        if x.ndim > 1:
            return self._accelerated_dual(x, tau, nonnegative, start, enough, least)
        from em_inverse.forward.kernels import total_variation as kernels

        u = np.empty(x.shape, x.dtype)
        kernels.taut_string(np.ascontiguousarray(x), tau, u)
        p = np.cumsum(u - x)[None]
        p[0, -1] = 0
        # In one dimension clipping the unconstrained solution solves the constrained problem.
        return np.maximum(u, 0) if nonnegative else u, p

    def _accelerated_dual(
        self,
        x: np.ndarray,
        tau: float,
        nonnegative: bool,
        start: np.ndarray | None,
        enough: float,
        least: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        from em_inverse.forward.kernels import total_variation as kernels

        v = _as_volume(x)
        axes = [0, 2] if x.ndim == 2 else [0, 1, 2]
        p, old = kernels.dual_zeros(v.shape, v.dtype), kernels.dual_zeros(v.shape, v.dtype)
        if start is not None:
            p[axes] = old[axes] = start.reshape(len(axes), *v.shape)
        u = np.empty_like(v)
        floor = 0.0 if nonnegative else -np.inf
        step = 1 / (4 * sum(n > 1 for n in v.shape))
        mean = float(v.mean(dtype=np.float64))
        # Below some 32 roundings of its terms the gap is noise.
        tol = max(self.tol, 32 * float(np.finfo(v.dtype).eps))
        target = tol * 0.5 * float(np.sum(np.square(v - v.dtype.type(mean), dtype=np.float64)))
        momentum, beta = 1.0, 0.0
        target, look = max(target, enough), least
        for iteration in range(1, self.max_iter + 1):
            kernels.sweep(v, p, old, floor, step, tau, beta)
            p, old = old, p
            grown = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
            momentum, beta = grown, (momentum - 1) / grown
            if iteration in (look, self.max_iter):
                look += min(look, 10)
                kernels.primal(v, p, floor, u)
                # ∇ᵀp sums to zero, so a mean may be taken off; it would only add rounding.
                total, inner = kernels.energies(u, v, 0.0 if nonnegative else mean)
                if tau * total + inner <= target:
                    break
        return u.reshape(x.shape), p[axes].reshape(len(axes), *x.shape)

    def iterates(self, shape: tuple[int, ...]) -> bool:
        """For images and volumes; a taut string solves profiles exactly."""
        return len(shape) > 1

    def analysis(self, shape: tuple[int, ...], dtype: Any) -> LinearOperator:
        """The gradient ∇."""
        return Gradient(shape, dtype)

    def dual_start(self, L: LinearOperator) -> np.ndarray:
        """Return p = 0 as the compiled kernels want it: a vector field on a volume."""
        if len(L.in_shape) == 1:
            return super().dual_start(L)
        from em_inverse.forward.kernels import total_variation as kernels

        return kernels.dual_zeros(_volume_shape(L.in_shape), L.dtype)

    def dual_field(self, p: np.ndarray, L: LinearOperator) -> np.ndarray:
        """Return such a p in the shape of ∇x."""
        return (p[::2] if len(L.in_shape) == 2 else p).reshape(L.out_shape)

    def dual_pull(self, p: np.ndarray, L: LinearOperator) -> np.ndarray:
        """Return ∇ᵀp; for images and volumes in one sweep over memory."""
        if len(L.in_shape) == 1:
            return super().dual_pull(p, L)
        from em_inverse.forward.kernels import total_variation as kernels

        pull = np.empty(_volume_shape(L.in_shape), L.dtype)
        kernels.primal(np.zeros_like(pull), p, -np.inf, pull)
        return np.negative(pull, out=pull).reshape(L.in_shape)

    def primal_step(
        self,
        L: LinearOperator,
        x: np.ndarray,
        previous: np.ndarray,
        pull: np.ndarray,
        p: np.ndarray,
        inside: np.ndarray,
        floor: float,
        tau: float,
        rho: float,
    ) -> tuple[float, float, float]:
        """See :meth:`Prior.primal_step`; for images and volumes in one sweep over memory."""
        if x.ndim == 1:
            return super().primal_step(L, x, previous, pull, p, inside, floor, tau, rho)
        from em_inverse.forward.kernels import total_variation as kernels

        arrays = _as_volume(x), _as_volume(previous), _as_volume(pull), p, _as_volume(inside)
        return kernels.primal_step(*arrays, floor, tau, rho)

    def dual_step(
        self,
        L: LinearOperator,
        x: np.ndarray,
        previous: np.ndarray,
        p: np.ndarray,
        lam: float,
        sigma: float,
        rho: float,
    ) -> tuple[float, float, float]:
        """See :meth:`Prior.dual_step`; for images and volumes in one sweep over memory."""
        if x.ndim == 1:
            return super().dual_step(L, x, previous, p, lam, sigma, rho)
        from em_inverse.forward.kernels import total_variation as kernels

        return kernels.dual_step(_as_volume(x), _as_volume(previous), p, lam, sigma, rho)

    def project_dual(self, p: np.ndarray, lam: float, sigma: float) -> np.ndarray:
        """Shorten every vector of p to length λ at most."""
        length = np.sqrt(np.sum(np.square(p), axis=0))
        return p * (lam / np.maximum(length, lam)).astype(p.dtype, copy=False)

    def dual_excess(self, p: np.ndarray, lam: float) -> float:
        """max \\|p\\| / λ."""
        return float(np.sqrt(np.sum(np.square(p), axis=0).max())) / lam

    def __repr__(self) -> str:
        return f"TotalVariation(tol={self.tol:g})"


class ChannelTotalVariation(Prior):
    r"""Total variation of several images or volumes ``x[channel, ...]``, apart or shared.

    .. math:: R(x) = \sum_c w_c \sum |\nabla x_c|
              \qquad\text{or, shared,}\qquad R(x) = \sum \sqrt{\sum_c |\nabla x_c|^2}

    Apart, every channel pays for its own edges. Shared, the channels are one vector per voxel, and
    the length of its gradient counts: where one channel has an edge, an edge of another costs less
    than it would elsewhere. Channels should then be on one scale.

    Only for PDHG, which needs no prox of it; no certificate is known for it either, so
    ``PDHG.gap`` is infinite and a run ends by another rule.

    Parameters
    ----------
    weights : array_like, shape (n_channels,), optional
        w ≥ 0, 1 by default; only where the channels are apart.
    shared : bool
        Whether the channels share their structure.
    combined : array_like, shape (n_channels,), optional
        m of the sum of channels whose total variation is added; its length is the weight.

    Raises
    ------
    ParameterError
        When a weight is negative, or weights are given to shared channels.

    References
    ----------
    P. Blomgren and T. F. Chan, doi:10.1109/83.661180.

    Examples
    --------
    >>> x = np.zeros((2, 1, 4))
    >>> x[0, 0, 2:], x[1, 0, 2:] = 3, 4
    >>> ChannelTotalVariation().value(x), ChannelTotalVariation(shared=True).value(x)
    (7.0, 5.0)
    """

    def __init__(
        self,
        weights: ArrayLike | None = None,
        *,
        shared: bool = False,
        combined: ArrayLike | None = None,
    ) -> None:
        self.shared = bool(shared)
        self.weights = self.combined = None
        if combined is not None:
            self.combined = check_array(combined, "combined", ndim=1, dtype=np.float64).copy()
            # A unit vector in the operator and its length in λ: steps then suit all duals alike.
            self._length = float(np.linalg.norm(self.combined))
            if self._length == 0:
                raise ParameterError("combined is 0 everywhere. Pass None to leave the sum out.")
            self._unit = self.combined / self._length
        if weights is not None:
            self.weights = check_array(weights, "weights", ndim=1, dtype=np.float64).copy()
            if self.weights.min() < 0:
                raise ParameterError(f"weights reach {self.weights.min():g}; they must be ≥ 0.")
            if self.shared:
                raise ParameterError(
                    "weights are given, but the channels share one length of the gradient. "
                    "Scale the channels instead, or pass shared=False."
                )

    def _limits(self, lam: float, n: int) -> np.ndarray:
        """λ of each channel; the kernels divide by it."""
        weights = np.ones(n) if self.weights is None else self.weights
        if weights.size != n:
            raise ParameterError(
                f"weights holds {weights.size} numbers, but x has {n} channels on its first axis. "
                f"Pass one weight per channel."
            )
        return np.asarray(np.maximum(lam * weights, 1e-30))

    def value(self, x: ArrayLike) -> float:
        """R(x) of ``x[channel, row, column]`` or ``x[channel, z, x, y]``."""
        x = check_array(x, "x", ndim=(3, 4))
        more = 0.0
        if self.combined is not None:
            self._check_combined(len(x))
            more = TotalVariation().value(np.tensordot(self.combined, x, 1))
        if self.shared:
            from em_inverse.forward.kernels import joint_variation

            return float(joint_variation.value(_as_volumes(x))) + more
        each = [TotalVariation().value(one) for one in x]
        return float(self._limits(1.0, len(x)) @ each) + more

    def _check_combined(self, n: int) -> None:
        if self.combined is not None and self.combined.size != n:
            raise ParameterError(
                f"combined holds {self.combined.size} numbers, but x has {n} channels on its first "
                f"axis. Pass one per channel."
            )

    def prox(self, x: ArrayLike, tau: float) -> np.ndarray:
        """Known in closed form to nobody: PDHG needs none."""
        raise ParameterError(f"{self!r} has no prox at hand. Use solvers.PDHG, which needs none.")

    def analysis(self, shape: tuple[int, ...], dtype: Any) -> LinearOperator:
        """The gradient of every channel, and of their sum along the unit vector m/‖m‖."""
        self._check_combined(shape[0])
        return ChannelGradient(shape, dtype, combined=None if self.combined is None else self._unit)

    def dual_start(self, L: LinearOperator) -> np.ndarray:
        """Return p = 0, a vector field on the volume of each channel, and of their sum."""
        from em_inverse.forward.kernels import total_variation as kernels

        self._limits(1.0, L.in_shape[0])
        return kernels.dual_zeros((L.out_shape[1], *_volume_shape(L.in_shape[1:])), L.dtype)

    def dual_field(self, p: np.ndarray, L: LinearOperator) -> np.ndarray:
        """Return such a p in the shape of ∇x."""
        return (p[::2] if len(L.in_shape) == 3 else p).reshape(L.out_shape)

    def primal_step(
        self,
        L: LinearOperator,
        x: np.ndarray,
        previous: np.ndarray,
        pull: np.ndarray,
        p: np.ndarray,
        inside: np.ndarray,
        floor: float,
        tau: float,
        rho: float,
    ) -> tuple[float, float, float]:
        """See :meth:`Prior.primal_step`; channel by channel, each in one sweep over memory."""
        from em_inverse.forward.kernels import total_variation as kernels

        new, old, back = _as_volumes(x), _as_volumes(previous), _as_volumes(pull)
        keep = _as_volumes(inside)
        sums = np.zeros(3)
        if self.combined is not None:
            away = np.empty_like(new[0])
            kernels.primal(np.zeros_like(away), p[:, -1], -np.inf, away)
        for c in range(len(x)):
            pulled = back[c]
            if self.combined is not None:
                pulled = pulled - x.dtype.type(self._unit[c]) * away
            sums += kernels.primal_step(new[c], old[c], pulled, p[:, c], keep[c], floor, tau, rho)
        return float(sums[0]), float(sums[1]), float(sums[2])

    def dual_step(
        self,
        L: LinearOperator,
        x: np.ndarray,
        previous: np.ndarray,
        p: np.ndarray,
        lam: float,
        sigma: float,
        rho: float,
    ) -> tuple[float, float, float]:
        """See :meth:`Prior.dual_step`; in one sweep over memory."""
        from em_inverse.forward.kernels import total_variation as kernels

        new, old = _as_volumes(x), _as_volumes(previous)
        n, value, sums = len(x), 0.0, np.zeros(2)
        if self.shared:
            from em_inverse.forward.kernels import joint_variation

            value, *rest = joint_variation.dual_step(new, old, p[:, :n], lam, sigma, rho)
            sums += rest
        else:
            each = kernels.dual_steps(new, old, p[:, :n], self._limits(lam, n), sigma, rho)
            value = float(self._limits(1.0, n) @ each[:, 0])
            sums += each[:, 1:].sum(axis=0)
        if self.combined is not None:
            unit = self._unit.astype(x.dtype)
            sum_new, sum_old = np.tensordot(unit, new, 1), np.tensordot(unit, old, 1)
            limit = self._length * lam
            one, *rest = kernels.dual_step(sum_new, sum_old, p[:, n], limit, sigma, rho)
            value += self._length * one
            sums += rest
        return value, float(sums[0]), float(sums[1])

    def __repr__(self) -> str:
        each = "shared" if self.shared else "each channel by itself"
        return (
            f"ChannelTotalVariation({each}{', and their sum' if self.combined is not None else ''})"
        )


class NonNegative(Prior):
    """x ≥ 0: a density, a number of atoms, a count. Value 0 inside, infinity outside.

    Examples
    --------
    >>> NonNegative().prox([1.0, -2.0], 0.7)
    array([1., 0.])
    """

    separable = True

    def value(self, x: ArrayLike) -> float:
        """0 if every value is at least 0, infinity otherwise."""
        return 0.0 if check_array(x, "x").min() >= 0 else float("inf")

    def prox(self, x: ArrayLike, tau: float = 1.0) -> np.ndarray:
        """max(x, 0), whatever τ."""
        return np.maximum(check_array(x, "x"), 0)

    def project_dual(self, p: np.ndarray, lam: float, sigma: float) -> np.ndarray:
        """min(p, 0)."""
        return np.minimum(p, 0)

    def conjugate(self, p: np.ndarray, lam: float) -> float:
        """0 where p ≤ 0 (up to rounding), infinite elsewhere."""
        return 0.0 if p.max() <= 1e-9 * np.abs(p).max() else float("inf")


def laplacian_eigenvalues(shape: tuple[int, ...]) -> np.ndarray:
    """Eigenvalues of ∇ᵀ∇ in the cosine basis (DCT-II) of an array of this shape.

    Examples
    --------
    >>> laplacian_eigenvalues((2,)).round(12)
    array([0., 2.])
    """
    total = np.zeros(shape)
    for axis, n in enumerate(shape):
        line = 4 * np.sin(np.pi * np.arange(n) / (2 * n)) ** 2
        total += line.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return total


def _as_volume(x: np.ndarray) -> np.ndarray:
    """View a profile (n,) as (1, 1, n) and an image (rows, columns) as (rows, 1, columns)."""
    return np.ascontiguousarray(x).reshape(_volume_shape(x.shape))


def _as_volumes(x: np.ndarray) -> np.ndarray:
    """View every channel as a volume."""
    return np.ascontiguousarray(x).reshape(len(x), *_volume_shape(x.shape[1:]))


def _volume_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return (shape[0] if len(shape) == 2 else 1), 1, shape[-1]


def _square(x: np.ndarray) -> float:
    """‖x‖², accumulated in float64."""
    return float(np.sum(np.square(x, dtype=np.float64)))
