"""Projections put aside: data that a reconstruction has not seen can judge it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import DataError, GeometryError, check_integer
from em_inverse.tilt_series import Reconstruction, TiltSeries, check_series
from em_inverse.tomography.residuals import operator_of

__all__ = ["HeldOut", "hold_out", "reprojection_error"]


class HeldOut(NamedTuple):
    """A tilt series in two parts.

    Attributes
    ----------
    kept : TiltSeries
        The projections to reconstruct from.
    held : TiltSeries
        The projections that judge: the residual of the re-projection at their angles.
    """

    kept: TiltSeries
    held: TiltSeries


def hold_out(series: TiltSeries, every: int = 10, *, first: int | None = None) -> HeldOut:
    """Put every n-th tilt aside, counted in the order of the angles.

    The smallest and the largest tilt always stay: without them the held-out projections would be
    judged outside the range of the data.

    Parameters
    ----------
    series : TiltSeries
    every : int
        n ≥ 2: one projection of n is held out.
    first : int, optional
        Which tilt, in the order of the angles and from 0, is the first to be held out; n // 2
        unless given. Taking 1, 2, …, n in turn gives the parts of a cross-validation.

    Returns
    -------
    HeldOut
        ``kept, held``, each in the order of the series.

    Raises
    ------
    GeometryError
        When no projection is left to hold out.

    Examples
    --------
    >>> series = TiltSeries(np.ones((9, 4)), np.arange(-80, 81, 20))
    >>> kept, held = hold_out(series, every=4)
    >>> held.angles_deg
    array([-40.,  40.])
    """
    series = check_series(series)
    every = check_integer(every, "every", minimum=2)
    start = every // 2 if first is None else check_integer(first, "first", minimum=0)
    order = np.argsort(series.angles_deg, kind="stable")
    inner = np.arange(start, series.n_tilts, every)
    inner = inner[(inner > 0) & (inner < series.n_tilts - 1)]
    if inner.size == 0:
        raise GeometryError(
            f"a series of {series.n_tilts} tilts has none to hold out with every={every} and "
            f"first={start}; the smallest and the largest tilt always stay."
        )
    aside = np.zeros(series.n_tilts, bool)
    aside[order[inner]] = True
    return HeldOut(
        series.select(~aside),
        series.select(aside),
    )


def reprojection_error(
    result: Reconstruction, held: TiltSeries, *, center_shift: ArrayLike | None = None
) -> float:
    """Return ‖Aₕx − bₕ‖ / ‖bₕ‖ over projections that the reconstruction has not seen.

    It falls with λ as long as detail is gained, and rises again when noise is fitted. It cannot
    fall below the noise of the held-out projections themselves.

    Parameters
    ----------
    result : Reconstruction
        Made from other projections of the same object.
    held : TiltSeries
        The projections that judge.
    center_shift : float or array_like of shape (n_held,), optional
        Where the tilt axis falls on the detector at these projections; as `result` states it
        unless given.

    Returns
    -------
    float

    Raises
    ------
    DataError
        When the held-out projections are empty.
    GeometryError
        When the result does not belong to them, or states one shift for each projection it was
        made from.

    Examples
    --------
    >>> from em_inverse import tomography
    >>> from em_inverse.forward import ParallelBeam
    >>> disc = np.hypot(*np.mgrid[-10:11, -10:11]) < 6
    >>> angles = np.arange(-70, 71, 4)
    >>> series = TiltSeries(ParallelBeam(disc.shape, angles) @ disc, angles)
    >>> kept, held = hold_out(series, every=6)
    >>> reprojection_error(tomography.sirt(kept, 50), held) < 0.1
    True
    """
    A = operator_of(result, held, center_shift=center_shift)
    size = float(np.linalg.norm(held.projections))
    if size == 0:
        raise DataError("held is zero everywhere; empty projections cannot judge anything.")
    misfit = A.forward(result.x.astype(A.dtype, copy=False)) - held.projections
    return float(np.linalg.norm(misfit)) / size
