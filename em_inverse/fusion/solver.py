"""The iterator behind sensor fusion: primal-dual steps on an objective made straight once a while.

The HAADF term is bent in two ways: the power law is no straight line, and the probe mixes pixels.
One bound deals with both. Around the present maps the law is replaced by its tangent, and

    ‖α A h − b‖²_W ≤ L ‖α h − α h₀ + AᵀW(α A h₀ − b)/L‖² + constant,    L = ‖A‖² max W,

which no longer mixes pixels. What is left (spectra, that square, x ≥ 0) is solved pixel by pixel,
exactly (:mod:`em_inverse.forward.kernels.fused_maps`), while the dual of total variation is carried
from iteration to iteration and never starts cold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from em_inverse.errors import (
    CheckedNumber,
    DataError,
    ParameterError,
    check_array,
    check_integer,
    check_number,
)
from em_inverse.forward.operator import Identity
from em_inverse.fusion.model import FusedModel
from em_inverse.solvers.iteration import Solver, StopRule

__all__ = ["Fusion", "settled"]

# Every step is made this many times longer; convergence is proven below 2.
_RELAXATION = 1.8
# ‖∇‖² of an image is at most 8.
_NORM = 8.0
# The ratio τ/σ is the square of this over λ₂, and of the second at most: found by experiment, for
# amounts near 1 as the model has them.
_SHARE, _LARGEST_RATIO = 0.1, 16.0
# Width of the smoothing of the first maps in pixels, and the least of their values: the power law
# has no slope at zero.
_SMOOTHING, _LEAST = 1.5, 1e-4
# How strongly a multiplier answers to a missing total, and its largest size: found by experiment.
_ASCENT, _LARGEST_LIFT = 2.0, 0.5
# A run may end when they move by less than this, half a per cent of the total missing.
_REST = 0.01


class Fusion(Solver):
    """Sensor fusion as an iterator: PDHG with a HAADF term that is made linear anew.

    One iteration takes the tangent of the contrast law, then makes a few primal-dual sweeps. Its
    `history` has one value per iteration of ``haadf`` (‖αAh − b‖²_W), ``spectrum`` (Σ k D), ``tv``
    (Σ w TV) and ``objective``, which adds them up with λ₁ and λ₂.

    Parameters
    ----------
    model : FusedModel
        Both measurements. Without an image, the maps are denoised each by itself.
    lam_spectrum : float
        λ₁ > 0; may be changed between iterations.
    lam_tv : float
        λ₂ ≥ 0; may be changed between iterations.
    x0 : array_like, shape (n, rows, columns), optional
        Start; by default the spectra, smoothed, because the power law would never revive an empty
        pixel.
    tv_weights : array_like, shape (n,), optional
        w, 1 by default: factors of λ₂, element by element.
    keep_totals : bool
        Hold the sum of each map at the sum of its spectra, less their background. TV alone lowers
        a plateau by λ₂ times its outline over its area, oxygen's more than gold's.
    sweeps : int
        Primal-dual sweeps per iteration.
    stop : stop rule or sequence of stop rules

    Raises
    ------
    ParameterError
        When a weight is negative.
    DataError
        When `x0` does not fit the model.

    Notes
    -----
    For ``LinearThickness`` the problem is convex and every start ends at the same objective. The
    power law with γ > 1 is not: what is found is a stationary point near the start.

    References
    ----------
    Chambolle and Pock, doi:10.1007/s10851-010-0251-1. Over-relaxation: Condat,
    doi:10.1007/s10957-012-0245-9. The objective: J. Schwartz et al., npj Comput. Mater. 8 (2022)
    16, doi:10.1038/s41524-021-00692-5.

    Examples
    --------
    >>> from em_inverse.forward.contrast import LinearThickness
    >>> x = np.zeros((1, 8, 8))
    >>> x[0, 2:6, 2:6] = 1
    >>> model = FusedModel(x[0], x, LinearThickness(["Fe"], normalise=True))
    >>> solver = Fusion(model, lam_spectrum=0.1, lam_tv=1e-4)
    >>> bool(np.abs(solver.run(40).x - x).max() < 0.01)
    True
    """

    algorithm: ClassVar[str] = "sensor fusion (PDHG)"
    _state_names: ClassVar[tuple[str, ...]] = ("x", "_previous", "_p", "_lift")

    lam_spectrum = CheckedNumber(minimum=0, exclusive=True)
    lam_tv = CheckedNumber(minimum=0)

    def __init__(
        self,
        model: FusedModel,
        lam_spectrum: float,
        lam_tv: float,
        x0: ArrayLike | None = None,
        *,
        tv_weights: ArrayLike | Sequence[float] | None = None,
        keep_totals: bool = False,
        sweeps: int = 5,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        from em_inverse.forward.kernels.total_variation import dual_zeros

        self.model = model
        self.lam_spectrum, self.lam_tv = lam_spectrum, lam_tv
        self.sweeps = check_integer(sweeps, "sweeps", minimum=1)
        n, rows, columns = model.spectra.shape
        self.keep_totals = bool(keep_totals)
        self._lift = np.zeros(n)
        # How far the multipliers of the totals have just moved.
        self.restless = 0.0
        self.tv_weights = np.ones(n)
        if tv_weights is not None:
            self.tv_weights = check_array(tv_weights, "tv_weights", shape=(n,), dtype=np.float64)
            if self.tv_weights.min() < 0:
                raise ParameterError(
                    f"tv_weights reaches {self.tv_weights.min():g}; a factor of λ₂ is ≥ 0."
                )
        self.H = Identity(model.image_shape) if model.psf is None else model.psf
        self._inside = model.inside
        # Without a probe nothing mixes pixels, and W takes the place of L.
        self._curvature = model.certainty
        if model.psf is not None:
            bound = max(model.psf.norm() ** 2 * float(model.certainty.max()), 1e-12)
            self._curvature = np.full_like(model.certainty, bound)
        self.x = self._start(x0)
        self._previous = self.x.copy()
        self._p = dual_zeros((n, rows, 1, columns), self.x.dtype)
        for name in ("haadf", "spectrum", "tv", "objective"):
            self.history[name] = []
        self._tangent_at: np.ndarray | None = None
        self._totals_of: np.ndarray | None = None

    @property
    def y(self) -> np.ndarray:
        """The measurements, one after the other: the image if there is one, then the spectra."""
        if self.model.haadf is None:
            return self.model.spectra
        return np.concatenate([self.model.haadf[None], self.model.spectra])

    @y.setter
    def y(self, value: ArrayLike) -> None:
        new = check_array(value, "y", shape=self.y.shape, dtype=self.x.dtype)
        spectra = new if self.model.haadf is None else new[1:]
        if self.model.noise == "poisson" and spectra.min() < 0:
            raise DataError(f"y holds counts that reach {spectra.min():g}; they must be ≥ 0.")
        self.model.spectra = np.ascontiguousarray(spectra)
        if self.model.haadf is not None:
            self.model.haadf = np.ascontiguousarray(new[0])
        self._tangent_at = None

    def objective(self) -> float:
        """F at the present maps."""
        misfit, spectrum = self.model.terms(self.x)
        return misfit + self.lam_spectrum * spectrum + self.lam_tv * self._tv()

    def _tv(self) -> float:
        from em_inverse.priors import TotalVariation

        values = [TotalVariation().value(one) for one in self.x]
        return float(self.tv_weights @ values)

    def _start(self, x0: ArrayLike | None) -> np.ndarray:
        spectra = self.model.spectra
        if x0 is None:
            start = np.stack(
                [gaussian_filter(one, _SMOOTHING) for one in spectra - self.model.background]
            )
        else:
            start = check_array(x0, "x0", shape=spectra.shape, dtype=spectra.dtype)
        above = np.where(self.model.inside, np.maximum(start, spectra.dtype.type(_LEAST)), 0)
        return above.astype(spectra.dtype, order="C")

    def _take_tangent(self) -> None:
        """Work out the image of the present maps, and the linear model around them."""
        model, number = self.model, self.x.dtype.type
        self._tangent_at = self.x
        if model.haadf is None:
            self._image, self._slope = None, np.zeros_like(self.x)
            self._constant = np.zeros(model.image_shape, self.x.dtype)
            self._misfit = self._constant
            return
        self._image = model.image(self.x)
        root, scale = np.sqrt(self._curvature), number(model.scale)
        slope = model.law.vjp(self.x, scale * root)
        self._slope = np.ascontiguousarray(np.broadcast_to(slope, self.x.shape))
        pull = model.pulled(scale * self._image)
        self._misfit = pull / np.maximum(root, np.finfo(root.dtype).tiny)
        self._constant = self._misfit - (self._slope * self.x).sum(axis=0)

    def _step(self) -> tuple[float, float, float]:
        from em_inverse.forward.kernels import fused_maps, total_variation

        if self._tangent_at is not self.x:
            self._take_tangent()
        model, before = self.model, self.x
        n, rows, columns = before.shape
        shape = (n, rows, 1, columns)
        x, previous = before.copy().reshape(shape), self._previous.reshape(shape)
        spectra, background = model.spectra.reshape(shape), model.background.reshape(shape)
        weight = (self.lam_spectrum * model.importance).astype(before.dtype)
        lift = self._lift.astype(before.dtype)
        slope, misfit = self._slope.reshape(shape), self._misfit.copy()
        tau, sigma = self._steps()
        limits = np.maximum(self.lam_tv * self.tv_weights, 1e-30)
        for _ in range(self.sweeps):
            fused_maps.primal_step(
                x, previous, self._p, spectra, background, weight, lift, slope, self._constant,
                misfit, model.inside, tau, _RELAXATION, model.noise == "poisson",
            )  # fmt: skip
            tv = total_variation.dual_steps(x, previous, self._p, limits, sigma, _RELAXATION)[:, 0]
        self.x = x.reshape(before.shape)
        if self.keep_totals:
            self._raise_totals()
        self._take_tangent()
        misfit_square, spectrum = model.terms(self.x, self._image)
        prior = float(self.tv_weights @ tv)
        objective = misfit_square + self.lam_spectrum * spectrum + self.lam_tv * prior
        for name, value in zip(
            ("haadf", "spectrum", "tv", "objective"),
            (misfit_square, spectrum, prior, objective),
            strict=True,
        ):
            self.history[name].append(value)
        return float(np.sqrt(misfit_square)), prior, float(np.linalg.norm(self.x - before))

    def _raise_totals(self) -> None:
        """Move the multipliers of the totals towards those that hold them."""
        if self._totals_of is not self.model.spectra:
            self._totals_of = self.model.spectra
            self._wanted, self._answer = self._totals()
        missing = self._wanted - self.x.sum(axis=(1, 2), dtype=np.float64)
        lift = self._lift + _ASCENT * missing / self._answer
        lift = np.clip(lift, -_LARGEST_LIFT, _LARGEST_LIFT)
        self.restless = float(np.abs(lift - self._lift).max())
        self._lift = lift

    def _totals(self) -> tuple[np.ndarray, np.ndarray]:
        """The sums that maps are to have, and how strongly each answers to its multiplier.

        Counts answer in proportion to themselves, those of the background included; Gaussian
        spectra answer everywhere alike.
        """
        model = self.model
        net = np.where(model.inside, model.spectra - model.background, 0)
        wanted = net.sum(axis=(1, 2), dtype=np.float64)
        if model.noise == "poisson":
            return wanted, np.maximum(model.spectra.sum(axis=(1, 2), dtype=np.float64), 1e-12)
        return wanted, np.full(len(wanted), model.inside.sum() / 2)

    def _steps(self) -> tuple[float, float]:
        """τ and σ with τσ‖∇‖² = 1."""
        ratio = min(_SHARE / max(self.lam_tv, 1e-12), _LARGEST_RATIO)
        return ratio / np.sqrt(_NORM), 1 / (ratio * np.sqrt(_NORM))

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        model = self.model
        return {
            "iterations": self.iteration,
            "contrast": repr(model.law) if model.haadf is not None else "none",
            "lambda_spectrum": self.lam_spectrum,
            "lambda_tv": self.lam_tv,
            "tv_weights": self.tv_weights.tolist(),
            "keep_totals": self.keep_totals,
            "noise": model.noise,
            "scale": model.scale,
            "importance": model.importance.tolist(),
            "mean_background": float(model.background.mean()),
        }


def settled(tol: float = 1e-4, span: int = 2) -> StopRule:
    """Stop when the objective has moved by no more than `tol`, relatively, over `span` iterations.

    What counts is the distance from its lowest to its highest value in that time: it swings at
    first, and two values far from its minimum may be equal by chance. Where totals are held, they
    must be within about half a per cent as well.

    Parameters
    ----------
    tol : float, > 0
    span : int, ≥ 1
    """
    tol = check_number(tol, "tol", minimum=0, exclusive=True)
    span = check_integer(span, "span", minimum=1)

    def rule(solver: Solver) -> str | None:
        values = solver.history["objective"]
        if len(values) <= span or getattr(solver, "restless", 0.0) > _REST:
            return None
        last = values[-1 - span :]
        settles = max(last) - min(last) <= tol * abs(values[-1])
        return f"objective settled to {tol:g}" if settles else None

    return rule
