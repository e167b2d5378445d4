"""One specimen, many doses: counting a series that was simulated without noise."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import pdtr, pdtrik

from em_inverse.atomic.series import FocalTiltSeries
from em_inverse.errors import ParameterError, check_number
from em_inverse.noise import generator

__all__ = ["exposed"]


def exposed(
    series: FocalTiltSeries,
    dose_per_square_angstrom: float,
    *,
    tilts: ArrayLike | None = None,
    seed: int | np.random.Generator = 0,
) -> FocalTiltSeries:
    r"""Return a series without noise as it is counted at a dose, or some of its tilts.

    The dose is shared by all images that are kept: fewer tilts get more each. To compare doses,
    wedges and seeds one simulation is enough.

    Parameters
    ----------
    series : FocalTiltSeries
        Without noise, as :func:`~em_inverse.atomic.simulate` returns it without a dose.
    dose_per_square_angstrom : float
        Electrons per Å² of all images together.
    tilts : array_like of int or bool, optional
        Tilts that are kept; all by default.
    seed : int or Generator

    Returns
    -------
    FocalTiltSeries

    Raises
    ------
    ParameterError
        When the series has been counted already, the dose is not positive, or no tilt is left.

    Notes
    -----
    Every pixel has its own random number u, and its count is the smallest k whose Poisson
    probability :math:`P(\le k)` reaches u. A last digit of one pixel that differs between two
    machines changes that pixel at most, where a generator of counts would draw all the following
    ones anew.

    Examples
    --------
    >>> clean = FocalTiltSeries(np.ones((4, 2, 16, 16)), [-60, -20, 20, 60], [200.0, 450.0])
    >>> counted = exposed(clean, 3200.0, tilts=[0, 1])
    >>> counted.electrons_per_pixel, counted.images.shape
    (200.0, (2, 2, 16, 16))
    """
    if series.dose_per_square_angstrom is not None:
        raise ParameterError(
            f"series has been counted at {series.dose_per_square_angstrom:g} electrons per Å² "
            f"already. Pass one that was simulated without dose_per_square_angstrom."
        )
    dose = check_number(
        dose_per_square_angstrom, "dose_per_square_angstrom", minimum=0, exclusive=True
    )
    kept = series if tilts is None else series.subset(tilts)
    kept = dataclasses.replace(kept, dose_per_square_angstrom=dose)
    electrons = float(kept.electrons_per_pixel or 0.0)
    expected = electrons * kept.images.astype(np.float64)
    counts = _quantile(generator(seed).random(expected.shape), expected)
    return dataclasses.replace(kept, images=(counts / electrons).astype(np.float32))


def _quantile(u: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Smallest k with P(≤ k) ≥ u, and 0 where nothing is expected."""
    safe = np.maximum(expected, 1e-12)
    k = np.ceil(np.maximum(pdtrik(u, safe), 0.0))
    below = np.maximum(k - 1, 0)
    return np.asarray(np.where(pdtr(below, safe) >= u, below, k))
