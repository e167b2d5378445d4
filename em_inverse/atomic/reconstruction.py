"""The inverse of a through-focus tilt series: the potential that explains all images."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.atomic.series import FocalTiltSeries
from em_inverse.errors import (
    CheckedNumber,
    ParameterError,
    check_array,
    check_integer,
    check_number,
    check_shape,
)
from em_inverse.fidelity import amplitude_residual
from em_inverse.forward import optics
from em_inverse.forward.multislice import Multislice
from em_inverse.priors import Sparsity, TotalVariation
from em_inverse.solvers.iteration import Solver, StopRule, _fingerprint
from em_inverse.tilt_series import Reconstruction

__all__ = ["AtomicReconstruction", "reconstruct", "typical_lambda"]

# λ in units of the noise of the gradient, the same at all doses, sizes, tilts and foci: found by
# experiment.
_TYPICAL_TV, _TYPICAL_SPARSE = 0.35, 0.4
# What interpolation and slices get wrong weighs as much as the noise of this many electrons.
_ELECTRONS_WITHOUT_NOISE = 300.0


class AtomicReconstruction(Solver):
    r"""Phase-contrast atomic electron tomography as an iterator.

    It seeks the potential in

    .. math:: \hat V = \arg\min_{V \ge 0} \; \sum_k \sum_j \big\| |H_{k j} V| - \sqrt{I_{k j}}
              \big\|^2 + λ R(V),

    H the multislice model of tilt k and focus j, R total variation or Σ\|V\|. One iteration visits
    all tilts in a random order. At each it turns the volume, sends the wave through, and takes a
    step against that tilt's gradient alone, as Kaczmarz's method does with equations; then comes
    the proximal operator of R with V ≥ 0, and Nesterov's momentum, which starts anew where the sum
    over the tilts has risen. Six iterations are enough for 64 to 96 voxels across, ten for 192.

    Parameters
    ----------
    series : FocalTiltSeries
    lam_tv : float, optional
        λ of total variation; by default :func:`typical_lambda` of the series, or 0 where
        `lam_sparse` is given. May be changed between iterations.
    lam_sparse : float, optional
        λ of Σ\|V\| (LASSO). May be changed between iterations.
    slice_voxels : int
        N_B, voxels binned into one slice.
    shape : tuple of int, optional
        (nz, nx, ny) of the volume; nz = nx unless given.
    step : float
        c, between 0 and 2: the step is α = c / ((σΔz)² N_f N_z), N_z = max(nz, nx) and N_f foci.
    nonnegative : bool
        Keep V ≥ 0.
    tv_iterations : int
        Iterations on the dual of total variation, which starts where the last one ended.
    x0 : array_like, optional
        Start, 0 by default.
    margin : int, optional
        Voxels of vacuum on each side of the field. By default as far as the finest waves get, or a
        quarter of the field where that is less: a wider one costs time and finds no more atoms.
    propagation, workers
        As for :class:`~em_inverse.forward.Multislice`.
    seed : int
        Of the orders of the tilts. The order of an iteration depends on its number and the seed
        only, so a run that is resumed goes on as it would have.
    stop : stop rule or sequence of stop rules

    Attributes
    ----------
    model : Multislice
    alpha : float
        α in V².
    tau_volts : float
        τ = αλ/2, the threshold of the proximal operator in volts. It follows the step, so one λ
        serves volumes of any depth and any number of foci, where τ would have to be scaled.

    Raises
    ------
    ParameterError
        When both priors are asked for, or a number lies outside what is allowed.
    DataError
        When `x0` does not fit.

    Notes
    -----
    ``history["data_distance"]`` is the root of the sum of all tilts' cost, each taken when its turn
    came: the volume goes on changing meanwhile. ``history["objective"]`` adds λR of the outcome.

    References
    ----------
    Ren, Ophus, Chen and Waller, doi:10.1016/j.ultramic.2019.112860. Momentum: Beck and Teboulle,
    doi:10.1137/080716542; its restart: O'Donoghue and Candès, doi:10.1007/s10208-013-9150-3.

    Examples
    --------
    >>> from em_inverse.atomic import Atoms, simulate
    >>> atoms = Atoms([[1.25, -2.25, 0.75]], [14])
    >>> series = simulate(atoms, range(-90, 90, 15), [200.0, 450.0], shape=(24, 24, 24))
    >>> solver = AtomicReconstruction(series, lam_tv=0.0)
    >>> for state in solver:
    ...     if state.iteration == 4:
    ...         break
    >>> peak = np.unravel_index(state.x.argmax(), state.x.shape)
    >>> [round(float(0.5 * (i - 11.5)), 2) for i in peak]
    [1.25, -2.25, 0.75]
    """

    algorithm: ClassVar[str] = "phase-contrast atomic tomography"
    _state_names: ClassVar[tuple[str, ...]] = ("x", "_ahead", "_dual", "_momentum", "_cost")

    lam_tv = CheckedNumber(minimum=0)
    lam_sparse = CheckedNumber(minimum=0)
    step_factor = CheckedNumber(minimum=0, maximum=2, exclusive=True)

    def __init__(
        self,
        series: FocalTiltSeries,
        lam_tv: float | None = None,
        lam_sparse: float | None = None,
        *,
        slice_voxels: int = 10,
        shape: Sequence[int] | None = None,
        step: float = 0.6,
        nonnegative: bool = True,
        tv_iterations: int = 10,
        x0: ArrayLike | None = None,
        margin: int | None = None,
        propagation: str = "angular_spectrum",
        workers: int | None = None,
        seed: int = 0,
        stop: StopRule | Sequence[StopRule] = (),
    ) -> None:
        super().__init__(stop)
        self.series = _checked(series)
        size = series.volume_shape if shape is None else check_shape(shape, "shape", ndim=3)
        if size[1:] != series.volume_shape[1:]:
            raise ParameterError(
                f"shape is {size}, but the images hold {series.volume_shape[1:]} pixels [x, y]. "
                f"Choose nz only: shape=(nz, {size[1]}, {size[2]}) with those two from the images."
            )
        self.model = Multislice(
            size,
            series.defoci_angstrom,
            voxel_angstrom=series.voxel_angstrom,
            voltage_kv=series.voltage_kv,
            slice_voxels=slice_voxels,
            margin=_margin(series, size) if margin is None else margin,
            aperture_mrad=series.aperture_mrad,
            cs_mm=series.cs_mm,
            propagation=propagation,
            workers=workers,
        )
        if lam_tv is None:
            lam_tv = typical_lambda(series) if lam_sparse is None else 0.0
        self.lam_tv = lam_tv
        self.lam_sparse = 0.0 if lam_sparse is None else lam_sparse
        if self.lam_tv > 0 and self.lam_sparse > 0:
            raise ParameterError(
                f"lam_tv is {self.lam_tv:g} and lam_sparse is {self.lam_sparse:g}; one prior at a "
                f"time can be imposed. Leave one of them out."
            )
        self.step_factor = step
        self.nonnegative = bool(nonnegative)
        self.tv_iterations = check_integer(tv_iterations, "tv_iterations", minimum=1)
        self.seed = check_integer(seed, "seed", minimum=0)
        self._turns = [self.model.turn(angle) for angle in series.angles_deg.tolist()]
        self._amplitudes = np.sqrt(series.images).astype(np.float32)
        if x0 is None:
            self.x = np.zeros(size, np.float32)
        else:
            self.x = check_array(x0, "x0", shape=size, dtype=np.float32).copy()
        self._ahead = self.x.copy()
        self._dual = np.zeros((3, *size), np.float32)
        self._momentum, self._cost = 1.0, np.inf
        self.history["objective"] = []

    @property
    def y(self) -> np.ndarray:
        """The intensities ``[tilt, focus, x, y]``; others of the same shape may replace them."""
        return self.series.images

    @y.setter
    def y(self, value: ArrayLike) -> None:
        images = check_array(value, "y", shape=self.series.images.shape)
        self.series = dataclasses.replace(self.series, images=images)
        self._amplitudes = np.sqrt(images).astype(np.float32)
        self._cost = np.inf

    @property
    def alpha(self) -> float:
        """The step α = c / ((σΔz)² N_f N_z) in V²."""
        model = self.model
        unit = (model.sigma * model.voxel_angstrom) ** 2
        return self.step_factor / (unit * self.series.n_foci * max(model.in_shape[:2]))

    @property
    def tau_volts(self) -> float:
        """τ = αλ/2 of the prior that is imposed, in volts."""
        return self.alpha * max(self.lam_tv, self.lam_sparse) / 2

    def _step(self) -> tuple[float, float, float]:
        moving = self._ahead.copy()
        order = np.random.default_rng([self.seed, self.iteration]).permutation(len(self._turns))
        cost = sum(self._visit(k, moving) for k in order.tolist())
        # A sum that has risen tells that the momentum carries too far.
        momentum = 1.0 if cost > self._cost else self._momentum
        new, dual = self._prox(moving)
        grown = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        change = new - self.x
        length = float(np.linalg.norm(change))
        change *= np.float32((momentum - 1) / grown)
        change += new
        self.x, self._ahead, self._dual = new, change, dual
        self._momentum, self._cost = float(grown), cost
        prior = self._prior()
        self.history["objective"].append(cost + max(self.lam_tv, self.lam_sparse) * prior)
        return float(np.sqrt(cost)), prior, length

    def _visit(self, k: int, volume: np.ndarray) -> float:
        """Take the step of one tilt, in place, and return its cost before."""
        turn = self._turns[k]
        passage = self.model.passage(turn.forward(volume))
        residual, cost = amplitude_residual(passage.waves, self._amplitudes[k])
        turn.add_adjoint(passage.pull(residual), -self.alpha, volume)
        return cost

    def _prox(self, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.lam_tv > 0:
            prior = TotalVariation(max_iter=self.tv_iterations)
            new, dual = prior.prox_and_dual(volume, self.tau_volts, self.nonnegative, self._dual)
            return new, np.asarray(dual)
        shrink = Sparsity().prox_nonnegative if self.nonnegative else Sparsity().prox
        return shrink(volume, self.tau_volts), self._dual

    def _prior(self) -> float:
        if self.lam_tv > 0:
            return TotalVariation().value(self.x)
        return Sparsity().value(self.x) if self.lam_sparse > 0 else 0.0

    def _problem(self) -> dict[str, Any]:
        series = self.series
        return {
            "data": _fingerprint({"y": series.images}),
            "operator": _fingerprint(
                {"angles_deg": series.angles_deg, "defoci_angstrom": series.defoci_angstrom}
            ),
        }

    def parameters(self) -> dict[str, Any]:
        """Return what determines the result, for the report."""
        return {
            "iterations": self.iteration,
            "prior": "TV" if self.lam_tv > 0 else "L1" if self.lam_sparse > 0 else "none",
            "lambda": max(self.lam_tv, self.lam_sparse),
            "tau_volts": self.tau_volts,
            "slice_voxels": self.model.slice_voxels,
            "voltage_kv": self.model.voltage_kv,
            "voxel_angstrom": self.model.voxel_angstrom,
            "cs_mm": self.model.cs_mm,
            "margin": self.model.margin,
            "propagation": self.model.propagation,
            "step": self.step_factor,
            "tv_iterations": self.tv_iterations,
            "nonnegative": self.nonnegative,
            "seed": self.seed,
        }

    def result(self) -> Reconstruction:
        """Return what has been reached so far, with what a report owes."""
        return dataclasses.replace(
            super().result(),
            pixel_size_nm=self.series.voxel_angstrom / 10,
            geometry=self.series.geometry(),
            metadata=dict(self.series.metadata),
        )


def reconstruct(
    series: FocalTiltSeries,
    lam_tv: float | None = None,
    lam_sparse: float | None = None,
    *,
    n_iter: int = 6,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Reconstruction:
    """Reconstruct the potential of a specimen from a through-focus tilt series.

    Parameters
    ----------
    series : FocalTiltSeries
    lam_tv : float, optional
        λ of total variation; by default it is chosen from the dose, see :func:`typical_lambda`.
        0 without `lam_sparse` leaves V ≥ 0 as the only prior.
    lam_sparse : float, optional
        λ of Σ\\|V\\| instead.
    n_iter : int
        Iterations, each over all tilts.
    progress : bool
        Show a progress bar on stderr. Ctrl-C ends the run after the iteration it is in.
    checkpoint : path, optional
        Where to save, and from where to go on if it exists.
    **options
        Of :class:`AtomicReconstruction`: ``slice_voxels``, ``step``, ``seed``, ``x0`` …

    Returns
    -------
    Reconstruction
        ``volume[z, x, y]`` in volts, with the history of data distance, prior, step and objective.

    Examples
    --------
    >>> from em_inverse.atomic import Atoms, simulate
    >>> atoms = Atoms([[0.0, 0.0, 0.0]], [14])
    >>> series = simulate(atoms, range(-90, 90, 15), [200.0, 450.0], shape=(24, 24, 24))
    >>> run = reconstruct(series, n_iter=3)
    >>> run.history["data_distance"][-1] < run.history["data_distance"][0]
    True
    """
    solver = AtomicReconstruction(series, lam_tv, lam_sparse, **options)
    return solver.run(n_iter, progress=progress, checkpoint=checkpoint, resume=True)


def typical_lambda(series: FocalTiltSeries, prior: str = "tv") -> float:
    r"""Return a λ that suits the noise of a series.

    A pixel that sees n electrons has an amplitude with the standard deviation 1/(2√n), whatever
    the specimen. Each voxel meets one pixel or so of each of the N images, so noise alone gives the
    gradient of the data term, at a voxel, the standard deviation

    .. math:: 2 \cdot σΔz \cdot \frac{1}{2\sqrt n} \sqrt N = σΔz \sqrt{N/n},

    and a prior has to be about as strong to hold it back: λ = κ σΔz √(N/n), with κ = 0.35 for total
    variation and 0.4 for Σ\|V\|. Neither the depth of the volume enters, nor how the N images are
    shared between tilts and foci. At one total dose n falls as 1/N, so λ grows as N does.

    Parameters
    ----------
    series : FocalTiltSeries
        Without noise, as for 300 electrons a pixel: that is how much interpolation gets wrong.
    prior : {"tv", "sparse"}

    Returns
    -------
    float
        λ in 1/V.

    Examples
    --------
    >>> images = np.ones((60, 3, 8, 8))
    >>> series = FocalTiltSeries(images, np.arange(-90, 90, 3), [200, 450, 1000],
    ...                          dose_per_square_angstrom=5e4)
    >>> print(f"{typical_lambda(series):.2e}")
    1.84e-04
    """
    factors = {"tv": _TYPICAL_TV, "sparse": _TYPICAL_SPARSE}
    if prior not in factors:
        raise ParameterError(f"prior is {prior!r}; allowed: 'tv' and 'sparse'.")
    series = _checked(series)
    electrons = series.electrons_per_pixel or _ELECTRONS_WITHOUT_NOISE
    unit = optics.interaction_parameter(series.voltage_kv) * series.voxel_angstrom
    number = series.n_tilts * series.n_foci
    return check_number(factors[prior] * unit * np.sqrt(number / electrons), "lambda")


def _margin(series: FocalTiltSeries, shape: Sequence[int]) -> int:
    lam = optics.wavelength(series.voltage_kv)
    reach = optics.reach_voxels(lam, series.defoci_angstrom, series.voxel_angstrom)
    return min(reach, max(shape[1:]) // 4)


def _checked(series: Any) -> FocalTiltSeries:
    if not isinstance(series, FocalTiltSeries):
        raise ParameterError(
            f"series is a {type(series).__name__}; a FocalTiltSeries is needed, as "
            f"atomic.simulate(...) or FocalTiltSeries(images, angles_deg, defoci_angstrom) return."
        )
    return series
