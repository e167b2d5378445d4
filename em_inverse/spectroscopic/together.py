"""All channels in one problem: they share their edges, and each keeps its own counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, ParameterError, check_array, check_choice, check_number
from em_inverse.fidelity import DataTolerance, LeastSquares, PoissonLikelihood
from em_inverse.forward.channels import Channels
from em_inverse.priors import ChannelTotalVariation
from em_inverse.solvers import PDHG, Solver, StopRule, relative_change
from em_inverse.spectroscopic.series import SpectralSeries, check_spectra
from em_inverse.tilt_series import Reconstruction
from em_inverse.tomography import geometry

__all__ = ["BRIGHT", "NOISES", "TYPICAL_TV", "bright_counts", "tv", "typical_lam"]

#: What the noise of the spectra may be.
NOISES = ("poisson", "gaussian")
#: λ of counts in units of √(tilts / counts of a bright pixel), found by experiment.
TYPICAL_TV = 1.6
#: The share of pixels that are no brighter than a bright one.
BRIGHT = 0.99
_FIRST = 10


def tv(
    series: SpectralSeries,
    lam: float | None = None,
    epsilon: float | None = None,
    *,
    shared: bool = True,
    components: ArrayLike | None = None,
    noise: str = "poisson",
    background: ArrayLike = 0.0,
    noise_norm: float | None = None,
    shape: tuple[int, ...] | None = None,
    support: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    n_iter: int = 200,
    tolerance: float | None = None,
    progress: bool = False,
) -> Reconstruction:
    r"""Reconstruct all channels with total variation, by λ or by ε.

    .. math:: \min_{x \ge 0} D(Hx, y) + \lambda R(x)
              \qquad\text{or}\qquad \min_{x \ge 0} R(x) \;\text{ with }\; \|Hx - y\| \le \varepsilon

    H projects every channel. R is Σ_c TV(x_c), or with `shared` Σ √(Σ_c \|∇x_c\|²): an edge that
    several channels have is paid for once.

    Parameters
    ----------
    series : SpectralSeries
    lam : float, optional
        λ > 0.
    epsilon : float, optional
        ε > 0 over all channels: in the units of the data, or of `noise_norm` where that is given.
        Either `lam` or `epsilon`. For counts, ‖noise‖ is about √(all counts).
    shared : bool
        Whether the channels share their edges.
    components : array_like, shape (n_channels, n_components), optional
        The spectra of known components, in columns. What is reconstructed is then one volume per
        component, from all channels together.
    noise : {"poisson", "gaussian"}
        What D is, where λ is given: Σ (Hx + β) − y log(Hx + β), or ‖Hx − y‖².
    background : float or array_like, shape (n_tilts, nx, ny, n_channels)
        Known counts β ≥ 0 that do not come from the object; only for Poisson noise.
    noise_norm : float, optional
        ‖noise‖ of all data together, the unit of `epsilon`.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    support : array_like of bool, optional
        Where the object may be: [z, x] or [z, x, y]. It stays 0 elsewhere.
    initial : array_like, shape (nz, nx, ny, n), optional
        Start; what all rays together make likely, a smooth blob, unless given.
    n_iter : int
        Limit of iterations.
    tolerance : float, optional
        Stop when a step changes x by less than this fraction of ‖x‖.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Reconstruction
        ``x[z, x, y, channel]``, or ``[…, component]``, float32.

    Raises
    ------
    ParameterError
        When neither or both of `lam` and `epsilon` are given, or a choice is unknown.
    DataError
        When counts are negative, or shapes do not fit.

    Examples
    --------
    >>> from em_inverse.forward import ParallelBeam
    >>> box = np.zeros((2, 12, 12, 4))
    >>> box[:, 4:8, 4:8] = 2
    >>> angles = np.arange(-70, 71, 20)
    >>> clean = Channels(ParallelBeam((12, 12, 4), angles), 2) @ box
    >>> counts = np.random.default_rng(0).poisson(np.moveaxis(clean, 0, -1))
    >>> found = tv(SpectralSeries(counts, angles), lam=0.3)
    >>> bool(np.abs(found.x - np.moveaxis(box, 0, -1)).mean() < 0.12)
    True
    """
    if (lam is None) == (epsilon is None):
        raise ParameterError(
            f"lam is {lam!r} and epsilon is {epsilon!r}; exactly one of both sets the balance. "
            f"epsilon=1.0 with noise_norm=‖noise‖ explains the data to within the noise."
        )
    check_choice(noise, "noise", NOISES)
    whole = check_spectra(series, counts=noise == "poisson" and lam is not None)
    A = geometry.operator(whole.channel(0), shape)
    mixing: Any = whole.n_channels
    if components is not None:
        mixing = check_array(components, "components", shape=(whole.n_channels, -1))
    H = Channels(A, mixing)
    data: LeastSquares | PoissonLikelihood | DataTolerance
    if epsilon is not None:
        radius = check_number(epsilon, "epsilon", minimum=0, exclusive=True)
        if noise_norm is not None:
            radius *= check_number(noise_norm, "noise_norm", minimum=0, exclusive=True)
        data = DataTolerance(H, whole.stack, radius)
    elif noise == "poisson":
        data = PoissonLikelihood(H, whole.stack, channels_first(background, whole))
    else:
        data = LeastSquares(H, whole.stack)
    solver = PDHG(
        data,
        ChannelTotalVariation(shared=shared),
        1.0 if lam is None else lam,
        first_guess(H, whole.stack, initial),
        nonnegative=True,
        support=None if support is None else everywhere(support, H.in_shape),
        stop=[] if tolerance is None else settled(tolerance),
    )
    names = whole.names
    if components is not None:
        names = tuple(f"component {k}" for k in range(H.in_shape[0]))
    return finished(solver, n_iter, progress, whole, {"channels": list(names)})


def bright_counts(series: SpectralSeries) -> float:
    """Counts of a bright pixel, at least 1."""
    return max(float(np.quantile(series.stack, BRIGHT)), 1.0)


def typical_lam(series: SpectralSeries) -> float:
    """λ of counts that is worth trying first: 1.6 √(tilts / counts of a bright pixel)."""
    return float(TYPICAL_TV * np.sqrt(series.n_tilts / bright_counts(series)))


def first_guess(H: Channels, y: np.ndarray, initial: ArrayLike | None) -> np.ndarray:
    """Return a start ``[channel, z, x, y]``: Hᵀy over HᵀH1, a mean of the rays through a voxel."""
    if initial is not None:
        wanted = (*H.in_shape[1:], H.in_shape[0])
        given = check_array(initial, "initial", shape=wanted, dtype=H.dtype)
        return np.ascontiguousarray(np.moveaxis(given, -1, 0))
    seen = H.adjoint(H.forward(np.ones(H.in_shape, H.dtype)))
    start = H.adjoint(y) / np.maximum(seen, np.abs(seen).max() * H.dtype.type(1e-3))
    return np.maximum(start, 0)


def settled(tolerance: float) -> StopRule:
    """Stop by the relative change, but not while the duals, which start at zero, begin to act."""
    rule = relative_change(tolerance)

    def later(solver: Solver) -> str | None:
        return rule(solver) if solver.iteration > _FIRST else None

    return later


def everywhere(support: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return a support [z, x] or [z, x, y] for all channels ``[channel, z, x, y]``."""
    given = np.asarray(support) != 0
    if given.shape not in (shape[1:3], shape[1:]):
        raise DataError(
            f"support has shape {given.shape}; [z, x] {shape[1:3]} or [z, x, y] {shape[1:]} is "
            f"needed."
        )
    full = given[..., None] if given.ndim == 2 else given
    return np.array(np.broadcast_to(full, shape))


def channels_first(background: ArrayLike, series: SpectralSeries) -> np.ndarray:
    """Return a background as a number, or as ``[channel, tilt, x, y]``."""
    given = check_array(background, "background", dtype=np.float32)
    if given.ndim == 0:
        return given
    try:
        full = np.broadcast_to(given, series.projections.shape)
    except ValueError:
        raise DataError(
            f"background has shape {given.shape}; a number, one per channel, or the shape of the "
            f"projections {series.projections.shape} is needed."
        ) from None
    return np.ascontiguousarray(np.moveaxis(full, -1, 0))


def finished(
    solver: Solver, n_iter: int, progress: bool, series: SpectralSeries, chosen: dict[str, Any]
) -> Reconstruction:
    """Run a solver to its end, and bring the channels to the last axis."""
    run = solver.run(n_iter, progress=progress)
    run.x = np.ascontiguousarray(np.moveaxis(run.x, 0, -1))
    run.parameters = {**run.parameters, **chosen}
    run.pixel_size_nm = series.pixel_size_nm
    run.geometry = geometry.describe(series.channel(0))
    return run
