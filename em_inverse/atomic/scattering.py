"""Electron scattering factors of the elements, from a published table."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import ParameterError, check_array
from em_inverse.forward.elements import SYMBOLS, atomic_number

__all__ = ["VOLT_SQUARE_ANGSTROM", "electron_scattering_factor", "five_gaussians"]

VOLT_SQUARE_ANGSTROM = 47.877647
"""h²/(2π m₀ e) in V Å²: what turns a scattering factor in Å into a potential in V."""

HEAVIEST = 98


def five_gaussians(element: str | float) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients a and b of an element's electron scattering factor.

        f(s) = Σᵢ aᵢ exp(−bᵢ s²),   s = sin θ / λ = q / 2

    Parameters
    ----------
    element : str or int
        Symbol or atomic number, from 1 (H) to 98 (Cf). Neutral atoms.

    Returns
    -------
    a : ndarray, shape (5,)
        In Å.
    b : ndarray, shape (5,)
        In Å².

    Raises
    ------
    ParameterError
        When the element is unknown, or not in the table.

    Notes
    -----
    The fit holds for s up to 2 Å⁻¹ [1]_; volumes of 0.5 Å voxels ask for s ≤ 0.5 Å⁻¹. The atoms
    were computed alone: bonds move charge, and change f at small s by several per cent.

    References
    ----------
    .. [1] L.-M. Peng, G. Ren, S. L. Dudarev, M. J. Whelan, "Robust parameterization of elastic and
       absorptive electron atomic scattering factors", Acta Cryst. A 52 (1996) 257-276, Table 1.
       doi:10.1107/S0108767395014371

    Examples
    --------
    >>> a, b = five_gaussians("Si")
    >>> round(float(a.sum()), 3)
    5.827
    """
    number = atomic_number(element)
    if number != round(number) or number > HEAVIEST:
        raise ParameterError(
            f"element is {element!r}; the table of scattering factors holds whole atomic numbers "
            f"from 1 (H) to {HEAVIEST} ({SYMBOLS[HEAVIEST - 1]})."
        )
    row = _table()[int(number) - 1]
    return row[:5].copy(), row[5:].copy()


def electron_scattering_factor(element: str | float, q: ArrayLike) -> np.ndarray:
    """Return the electron scattering factor f(q) in Å.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number, from 1 to 98.
    q : array_like
        Spatial frequency in cycles per Å, q = 2 sin θ / λ ≥ 0.

    Returns
    -------
    ndarray of float64, shape of q

    Raises
    ------
    ParameterError
        When the element is not in the table.
    DataError
        When q is not made of finite real numbers.

    Examples
    --------
    >>> electron_scattering_factor("Si", [0.0, 1.0]).round(3)
    array([5.827, 0.743])
    """
    a, b = five_gaussians(element)
    s = check_array(q, "q", dtype=np.float64)[..., None] / 2
    return np.asarray((a * np.exp(-b * s**2)).sum(axis=-1))


@cache
def _table() -> np.ndarray:
    text = resources.files("em_inverse.atomic").joinpath("peng1996.csv").read_text("utf-8")
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return np.array([[float(value) for value in row[2:]] for row in rows])
