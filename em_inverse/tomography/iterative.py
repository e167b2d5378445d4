"""Iterative reconstructions from the data alone: thin recipes on em_inverse.solvers.

None of them knows a prior. On noisy data the number of iterations takes its place: each adds
detail and noise, so the best object comes before the best fit. Every recipe here therefore takes

- ``stop="held_out"``: every tenth projection is put aside, the number of iterations that explains
  those best is found, and as many are made with all projections;
- ``stop="discrepancy"``: until ‖Ax − b‖ is down to ``noise_norm``;
- ``stop="relative_change"``, or a ``tolerance`` with any of these: until a step changes x by less
  than that fraction of ‖x‖ (10⁻³ unless given). It says nothing about the noise.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, check_array
from em_inverse.solvers import CGLS, MLEM, SART, SIRT, Solver, StopRule
from em_inverse.tilt_series import Reconstruction, TiltSeries
from em_inverse.tomography import geometry
from em_inverse.tomography.running import data_of, reconstruct

__all__ = ["cgls", "mlem", "sart", "sirt"]


def sirt(
    series: TiltSeries,
    n_iter: int = 50,
    *,
    nonnegative: bool = True,
    relaxation: float = 1.0,
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
    """Reconstruct by SIRT, the simultaneous iterative reconstruction technique.

        x ← x + ω C Aᵀ R (b − A x),    R = 1 / row sums,  C = 1 / column sums,

    clipped to x ≥ 0 after each step if asked.

    Parameters
    ----------
    series : TiltSeries
    n_iter : int
        Limit of iterations.
    nonnegative : bool
        Keep x ≥ 0.
    relaxation : float
        Length ω of the step, between 0 and 2.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"discrepancy", "relative_change", "held_out"}, optional
        When to stop before `n_iter`: see the top of this module.
    tolerance : float, optional
        Stop when a step changes x by less than this fraction of ‖x‖.
    noise_norm : float, optional
        ‖noise‖ of all projections together, for ``stop="discrepancy"``.
    initial : array_like, optional
        Start, in the shape of the result; zero unless given.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.

    Returns
    -------
    Reconstruction
        float32, with the data distance ‖Ax − b‖ of every iteration.

    References
    ----------
    P. Gilbert, doi:10.1016/0022-5193(72)90180-4. J. Gregor and T. Benson,
    doi:10.1109/TMI.2008.923696.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 5)
    >>> series = TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> result = sirt(series, n_iter=30)
    >>> result.history["data_distance"][-1] < 0.1 * result.history["data_distance"][0]
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        return SIRT(
            H,
            data_of(series, tilts),
            initial,
            nonnegative=nonnegative,
            relaxation=relaxation,
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
        noise_norm=noise_norm,
        progress=progress,
        checkpoint=checkpoint,
        chosen=geometry.choices(series, center_shift=center_shift, initial=initial),
    )


def sart(
    series: TiltSeries,
    n_iter: int = 10,
    *,
    blocks: str | int = "tilts",
    order: str = "golden",
    nonnegative: bool = True,
    relaxation: float = 0.3,
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
    """Reconstruct by SART: SIRT in which the tilts, or blocks of them, act one after the other.

    A pass costs about as much as an iteration of SIRT and does the work of many.

    Parameters
    ----------
    series : TiltSeries
    n_iter : int
        Limit of passes over all tilts.
    blocks : "tilts" or int
        One block for every tilt (classical SART), or so many blocks, to which the tilts are dealt
        in the order of their angles. With 1 this is SIRT.
    order : {"golden", "sequential", "random", "multilevel"}
        In which order the blocks act; those that jump converge sooner than the sequential one.
    nonnegative : bool
        Keep x ≥ 0.
    relaxation : float
        ω, between 0 and 2. Less lets less noise through, in more passes.
    seed : int
        Of the random order.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"discrepancy", "relative_change", "held_out"}, optional
        When to stop before `n_iter`: see the top of this module.
    tolerance : float, optional
        Stop when a step changes x by less than this fraction of ‖x‖.
    noise_norm : float, optional
        ‖noise‖ of all projections together, for ``stop="discrepancy"``.
    initial : array_like, optional
        Start, in the shape of the result; zero unless given.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.

    Returns
    -------
    Reconstruction
        float32, with the data distance ‖Ax − b‖ after every pass.

    References
    ----------
    A. H. Andersen and A. C. Kak, doi:10.1016/0161-7346(84)90008-7.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 5)
    >>> series = TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> from em_inverse.tomography import sirt
    >>> sart(series, n_iter=5).data_distance < sirt(series, n_iter=30).data_distance
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        few = blocks if isinstance(blocks, str) else min(blocks, len(tilts))
        return SART(
            H,
            data_of(series, tilts),
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


def cgls(
    series: TiltSeries,
    n_iter: int = 15,
    *,
    lam: float = 0.0,
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
    """Reconstruct by conjugate gradients on min ‖Ax − b‖² + λ‖x‖².

    It reaches in ten iterations what SIRT needs hundreds for, and fits the noise as soon: stop
    early, or give λ. Values below zero are not excluded.

    Parameters
    ----------
    series : TiltSeries
    n_iter : int
        Limit of iterations.
    lam : float
        λ ≥ 0.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"discrepancy", "relative_change", "held_out"}, optional
        When to stop before `n_iter`: see the top of this module.
    tolerance : float, optional
        Stop when a step changes x by less than this fraction of ‖x‖.
    noise_norm : float, optional
        ‖noise‖ of all projections together, for ``stop="discrepancy"``.
    initial : array_like, optional
        Start, in the shape of the result; zero unless given.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.

    Returns
    -------
    Reconstruction
        float32, with the data distance ‖Ax − b‖ of every iteration.

    References
    ----------
    M. R. Hestenes and E. Stiefel, doi:10.6028/jres.049.044.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 5)
    >>> series = TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> result = cgls(series, n_iter=10)
    >>> bool(result.data_distance < 0.01 * np.linalg.norm(series.projections))
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        return CGLS(H, data_of(series, tilts), lam, x0=initial, support=support, stop=stops)

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


def mlem(
    series: TiltSeries,
    n_iter: int = 30,
    *,
    background: ArrayLike = 0.0,
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
    """Reconstruct counts by maximum likelihood (expectation maximisation), x ≥ 0.

        x ← x / (Aᵀ1) · Aᵀ( b / (A x + background) )

    For data that are counts, of electrons or of X-rays, with their Poisson noise: spectroscopic
    maps foremost. Each iteration raises the likelihood.

    Parameters
    ----------
    series : TiltSeries
        Counts: not scaled, no background subtracted.
    n_iter : int
        Limit of iterations.
    background : float or array_like
        Known expected counts ≥ 0 that do not come from the object: one number, or an array that
        broadcasts against the projections, (n_tilts, 1, 1) for one number per tilt.
    shape : tuple of int, optional
        (nz, nx) of the result; as thick as wide unless given.
    center_shift : float or array_like of shape (n_tilts,), optional
        Where the tilt axis falls on the detector, in pixels from its centre; what the series knows
        unless given.
    support : array_like of bool, optional
        Where the object may be, in the shape of the result or (nz, nx) for all slices; it stays 0
        elsewhere.
    stop : {"discrepancy", "relative_change", "held_out"}, optional
        When to stop before `n_iter`: see the top of this module.
    tolerance : float, optional
        Stop when a step changes x by less than this fraction of ‖x‖.
    noise_norm : float, optional
        ‖noise‖ of all projections together, for ``stop="discrepancy"``.
    initial : array_like, optional
        Start, in the shape of the result; flat unless given.
    progress : bool
        Show a progress bar.
    checkpoint : path, optional
        Save the state there now and then; the same call made again, after an interruption, goes on
        from it.

    Returns
    -------
    Reconstruction
        float32, with the data distance ‖Ax + background − b‖ of every iteration.

    Raises
    ------
    DataError
        When projections or background are negative.

    References
    ----------
    L. A. Shepp and Y. Vardi, doi:10.1109/TMI.1982.4307558.

    Examples
    --------
    >>> import numpy as np
    >>> from em_inverse.forward.tilt import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 5)
    >>> counts = np.random.default_rng(0).poisson(20 * ParallelBeam(disc.shape, angles) @ disc + 3)
    >>> result = mlem(TiltSeries(counts, angles), 20, background=3)
    >>> bool(abs(result.x.sum() / (20 * disc.sum()) - 1) < 0.05)
    True
    """
    A = geometry.operator(series, shape, center_shift=center_shift)
    lowest = float(series.projections.min())
    if lowest < 0:
        raise DataError(
            f"series reaches {lowest:g}; MLEM takes counts, and counts cannot be negative. If a "
            f"background was subtracted, leave it in and pass it as background=; for data that are "
            f"no counts use sirt."
        )
    offset = check_array(background, "background", dtype=A.dtype)
    try:
        offset = np.broadcast_to(offset, A.out_shape) if offset.ndim else offset
    except ValueError:
        raise DataError(
            f"background has shape {offset.shape}, which does not broadcast against the "
            f"projections {A.out_shape}. Pass one number, or one per pixel, or one per tilt in "
            f"shape {(A.out_shape[0], *(1,) * (len(A.out_shape) - 1))}."
        ) from None

    def make(H: Any, tilts: np.ndarray, stops: list[StopRule]) -> Solver:
        return MLEM(
            H,
            data_of(series, tilts),
            initial,
            background=offset[tilts] if offset.ndim else offset,
            support=support,
            stop=stops,
        )

    known = {"background": float(offset)} if not offset.ndim else {"background": "given"}
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
        chosen={
            **(known if np.any(offset) else {}),
            **geometry.choices(series, center_shift=center_shift, initial=initial),
        },
    )
