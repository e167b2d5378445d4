"""Reconstructions with total variation: what is believed about the object decides, too.

Objects of a few materials with sharp borders have little total variation, streaks and noise have
much. The balance between it and the data is set by λ or by ε, not by the number of iterations.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_choice, check_number
from em_inverse.fidelity import DataTolerance, LeastSquares
from em_inverse.priors import TotalVariation
from em_inverse.solvers import ASDPOCS, FISTA, PDHG, SART, TVSART, Solver, StopRule
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography import geometry
from em_inverse.tomography.running import data_of, reconstruct

__all__ = ["asd_pocs", "tv", "tv_sart"]


def tv(
    series: TiltSeries,
    lam: float | None = None,
    epsilon: float | None = None,
    *,
    n_iter: int = 300,
    solver: str | None = None,
    nonnegative: bool = True,
    shape: tuple[int, ...] | None = None,
    center_shift: ArrayLike | None = None,
    support: ArrayLike | None = None,
    stop: str | None = "gap",
    tolerance: float | None = None,
    noise_norm: float | None = None,
    initial: ArrayLike | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Reconstruction:
    """Reconstruct with total variation, by λ or by ε.

        λ:  min_x ‖Ax − b‖² + λ TV(x)            ε:  min_x TV(x)  subject to ‖Ax − b‖ ≤ ε

    over x ≥ 0 if asked. Both give the same family of objects; ε names the one that explains the
    data to within the noise.

    Parameters
    ----------
    series : TiltSeries
    lam : float, optional
        λ > 0. :func:`em_inverse.tomography.choose_lambda` finds one.
    epsilon : float, optional
        ε > 0: in the units of the data, ‖Ax − b‖₂ over all pixels of all projections; or, where
        `noise_norm` is given, in units of it, 1.0 being the noise. Either `lam` or `epsilon`.
        :func:`em_inverse.tomography.choose_epsilon` finds one.
    n_iter : int
        Limit of iterations.
    solver : {"fista", "pdhg"}, optional
        For λ: FISTA, unless a support is given, which needs PDHG. ε always needs PDHG.
    nonnegative : bool
        Keep x ≥ 0.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"gap", "relative_change", None}
        "gap": when the relative duality gap, a bound of the error in the objective (and of how far
        x still is outside the ε ball), is below `tolerance`. It is a pessimistic bound: at 10⁻²
        the object usually is within 1 % of the limit. "relative_change": when a step changes x by
        less than that fraction of ‖x‖. None: after `n_iter` iterations.
    tolerance : float, optional
        10⁻² for the gap, 10⁻³ for the change, unless given.
    noise_norm : float, optional
        ‖noise‖ of all projections together, s√M for a standard deviation s on M pixels: the unit
        of `epsilon`.
    initial : array_like, optional
        Start, in the shape of the result; zero unless given. One that was made from all tilts has
        seen those that are held out to judge the result.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.

    Returns
    -------
    Reconstruction
        float32. Where no object comes within ε of the data, the stop reason says how close one
        does.

    Raises
    ------
    ParameterError
        When neither or both of `lam` and `epsilon` are given, or the solver does not fit.

    References
    ----------
    L. I. Rudin, S. Osher and E. Fatemi, doi:10.1016/0167-2789(92)90242-F. R. Leary et al.,
    doi:10.1016/j.ultramic.2013.03.019.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 10)
    >>> data = ParallelBeam(disc.shape, angles) @ disc
    >>> noise = np.random.default_rng(0).normal(0, 0.3, data.shape)
    >>> series = TiltSeries(data + noise, angles)
    >>> result = tv(series, epsilon=1.0, noise_norm=np.linalg.norm(noise))
    >>> bool(np.abs(result.x - disc).mean() < 0.03)
    True
    """
    if lam is None and epsilon is None:
        raise ParameterError(
            "tv needs lam or epsilon, the balance between data and total variation. "
            "tomography.choose_epsilon(series) and tomography.choose_lambda(series) find one; "
            "epsilon=1.0 with noise_norm=‖noise‖ explains the data to within the noise."
        )
    if lam is not None and epsilon is not None:
        raise ParameterError(
            f"lam is {lam!r} and epsilon is {epsilon!r}; both set the same balance. Give one."
        )
    kind = _solver_kind(solver, epsilon is not None, support is not None)
    A = geometry.operator(series, shape, center_shift=center_shift)
    radius = None if epsilon is None else _radius(epsilon, noise_norm)

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        b = data_of(series, tilts)
        if radius is not None:
            return PDHG(
                DataTolerance(H, b, radius),
                TotalVariation(),
                x0=initial,
                nonnegative=nonnegative,
                support=support,
                stop=stops,
            )
        weight = check_number(lam, "lam", minimum=0, exclusive=True)
        data, prior = LeastSquares(H, b), TotalVariation()
        if kind == "fista":
            return FISTA(data, prior, weight, x0=initial, nonnegative=nonnegative, stop=stops)
        return PDHG(
            data,
            prior,
            weight,
            x0=initial,
            nonnegative=nonnegative,
            support=support,
            stop=stops,
        )

    return reconstruct(
        make,
        series,
        A,
        n_iter,
        stop=stop,
        tolerance=tolerance,
        allowed=("gap", "relative_change"),
        progress=progress,
        checkpoint=checkpoint,
        chosen={
            **({"noise_norm": float(noise_norm)} if noise_norm is not None else {}),
            **({"support": "given"} if support is not None else {}),
            **geometry.choices(series, center_shift=center_shift, initial=initial),
        },
    )


def tv_sart(
    series: TiltSeries,
    lam: float | None = None,
    *,
    n_iter: int = 30,
    blocks: str | int = "tilts",
    order: str = "golden",
    relaxation: float = 0.5,
    nonnegative: bool = True,
    seed: int = 0,
    shape: tuple[int, ...] | None = None,
    center_shift: ArrayLike | None = None,
    support: ArrayLike | None = None,
    stop: str | None = None,
    tolerance: float | None = None,
    noise_norm: float | None = None,
    initial: ArrayLike | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Reconstruction:
    """Reconstruct by SART with total-variation denoising after every pass.

    The recipe of the lecture and of many published tomograms. It is not the minimiser of one
    objective, so its λ is no λ of :func:`tv`: the result also depends on `relaxation`, `blocks`
    and, mildly, on `n_iter`. For a result that depends on data and λ alone, use :func:`tv`.

    Parameters
    ----------
    series : TiltSeries
    lam : float, optional
        λ > 0 of one denoising step, argmin_u ½‖u − x‖² + λ TV(u), in the units of x. The rule of
        thumb: begin with 10⁻² of the brightest grey value, which is what is taken unless given,
        and halve until the residual meets the noise. Ringing at edges asks for more, blurred
        features for less. The default is found from all tilts, also from those that
        ``stop="held_out"`` puts aside: the choice of the number of passes is not quite blind then.
    n_iter : int
        Limit of passes.
    blocks, order, relaxation, nonnegative, seed
        As for :func:`em_inverse.tomography.sart`.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"discrepancy", "relative_change", "held_out"}, optional
        When to stop before `n_iter`: as for :func:`em_inverse.tomography.sirt`.
    tolerance : float, optional
        Stop when a step changes x by less than this fraction of ‖x‖.
    noise_norm : float, optional
        ‖noise‖ of all projections together, for ``stop="discrepancy"``.
    initial : array_like, optional
        Start, in the shape of the result; zero unless given. One that was made from all tilts has
        seen those that are held out to judge the result.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.

    Returns
    -------
    Reconstruction
        float32, with the data distance ‖Ax − b‖ and TV(x) after every pass.

    References
    ----------
    Z. Saghi et al., doi:10.1186/s40679-015-0007-5.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 20)
    >>> series = TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> bool(np.abs(tv_sart(series).x - disc).mean() < 0.03)
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)
    if lam is None:
        first = SART(A, series.projections, nonnegative=True, support=support)
        first.step()
        weight = 0.01 * max(float(np.quantile(first.x, 0.999)), 1e-30)
    else:
        weight = check_number(lam, "lam", minimum=0, exclusive=True)

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        few = blocks if isinstance(blocks, str) else min(blocks, len(tilts))
        return TVSART(
            H,
            data_of(series, tilts),
            weight,
            initial,
            blocks=few,
            order=order,
            relaxation=relaxation,
            nonnegative=nonnegative,
            support=support,
            seed=seed,
            stop=stops,
        )

    return reconstruct(
        make,
        series,
        A,
        n_iter,
        stop=stop,
        tolerance=tolerance,
        noise_norm=noise_norm,
        progress=progress,
        checkpoint=checkpoint,
        chosen=geometry.choices(series, center_shift=center_shift, initial=initial),
    )


def asd_pocs(
    series: TiltSeries,
    epsilon: float,
    *,
    n_iter: int = 150,
    schedule: str = "mended",
    noise_norm: float | None = None,
    nonnegative: bool = True,
    seed: int = 0,
    shape: tuple[int, ...] | None = None,
    center_shift: ArrayLike | None = None,
    support: ArrayLike | None = None,
    stop: str | None = None,
    tolerance: float | None = None,
    initial: ArrayLike | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Reconstruction:
    """Reconstruct by ASD-POCS, as most compressed-sensing tomograms so far were made.

    Approximates min TV(x) subject to ‖Ax − b‖ ≤ ε, x ≥ 0 by alternating SART and steps that lower
    total variation. :func:`tv` with ``epsilon`` solves the same problem sooner and to the end;
    this one is here to compare with published work.

    Parameters
    ----------
    series : TiltSeries
    epsilon : float
        ε > 0 in the units of the data, or of `noise_norm` where that is given.
    n_iter : int
        Limit of iterations.
    schedule : {"mended", "published"}
        How the steps shrink; see :class:`em_inverse.solvers.ASDPOCS`.
    noise_norm : float, optional
        ‖noise‖ of all projections together, as the unit of `epsilon`.
    nonnegative : bool
        Keep x ≥ 0.
    seed : int
        Of the random order of the tilts.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"relative_change", None}
        When a step changes x by less than `tolerance` of ‖x‖, or after `n_iter` iterations.
    tolerance : float, optional
        10⁻³ unless given.
    initial : array_like, optional
        Start, in the shape of the result; zero unless given. One that was made from all tilts has
        seen those that are held out to judge the result.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.
    **settings
        Further arguments of :class:`em_inverse.solvers.ASDPOCS`: ``beta``, ``beta_red``,
        ``alpha``, ``alpha_red``, ``r_max``, ``n_tv``, ``smoothing``, ``blocks``, ``order``.

    Returns
    -------
    Reconstruction
        float32, with the data distance ‖Ax − b‖ and TV(x) of every iteration.

    References
    ----------
    E. Y. Sidky and X. Pan, doi:10.1088/0031-9155/53/17/021.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 10)
    >>> data = ParallelBeam(disc.shape, angles) @ disc
    >>> noise = np.random.default_rng(0).normal(0, 0.3, data.shape)
    >>> series = TiltSeries(data + noise, angles)
    >>> result = asd_pocs(series, epsilon=1.0, noise_norm=np.linalg.norm(noise))
    >>> bool(np.abs(result.x - disc).mean() < 0.04)
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)
    radius = _radius(epsilon, noise_norm)

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        return ASDPOCS(
            H,
            data_of(series, tilts),
            radius,
            initial,
            schedule=schedule,
            nonnegative=nonnegative,
            support=support,
            seed=seed,
            stop=stops,
            **settings,
        )

    return reconstruct(
        make,
        series,
        A,
        n_iter,
        stop=stop,
        tolerance=tolerance,
        allowed=("relative_change",),
        progress=progress,
        checkpoint=checkpoint,
        chosen={
            **({"noise_norm": float(noise_norm)} if noise_norm is not None else {}),
            **geometry.choices(series, center_shift=center_shift, initial=initial),
        },
    )


def _radius(epsilon: float, noise_norm: float | None) -> float:
    """ε in the units of the data."""
    radius = check_number(epsilon, "epsilon", minimum=0, exclusive=True)
    if noise_norm is None:
        return radius
    return radius * check_number(noise_norm, "noise_norm", minimum=0, exclusive=True)


def _solver_kind(solver: str | None, ball: bool, support: bool) -> str:
    if solver is None:
        return "pdhg" if ball or support else "fista"
    kind = check_choice(solver, "solver", ("fista", "pdhg"))
    if kind == "fista" and (ball or support):
        what = "the ε ball" if ball else "a support"
        raise ParameterError(f"solver is 'fista', which cannot handle {what}; 'pdhg' can.")
    return kind
