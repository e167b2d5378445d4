"""Chemical symbols and atomic numbers."""

from __future__ import annotations

import numbers
from collections.abc import Iterable

import numpy as np

from em_inverse.errors import ParameterError

__all__ = ["ATOMIC_NUMBERS", "SYMBOLS", "atomic_number", "atomic_numbers"]

_PERIODS = """
    H He
    Li Be B C N O F Ne
    Na Mg Al Si P S Cl Ar
    K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
    Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
    Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
    Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""

SYMBOLS: tuple[str, ...] = tuple(_PERIODS.split())
"""Symbols in the order of the periodic table: ``SYMBOLS[0]`` is hydrogen."""

ATOMIC_NUMBERS: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}
"""Atomic number of each symbol."""


def atomic_number(element: str | float) -> float:
    """Return the atomic number of an element given by symbol or number.

    A number need not be whole: 7.3 may stand for the mean of a mixture.

    Raises
    ------
    ParameterError
        When the symbol is unknown or the number lies outside 1…118.

    Examples
    --------
    >>> atomic_number("Au"), atomic_number(26)
    (79.0, 26.0)
    """
    if isinstance(element, str):
        if element not in ATOMIC_NUMBERS:
            raise ParameterError(
                f"element is {element!r}; a symbol such as 'Fe' (capital first) is needed."
            )
        return float(ATOMIC_NUMBERS[element])
    proper = isinstance(element, numbers.Real) and not isinstance(element, (bool, np.bool_))
    if not proper or not 1 <= element <= len(SYMBOLS):
        raise ParameterError(
            f"element is {element!r}; a symbol such as 'Fe' or an atomic number from 1 to "
            f"{len(SYMBOLS)} is needed."
        )
    return float(element)


def atomic_numbers(elements: Iterable[str | float]) -> np.ndarray:
    """Return the atomic numbers of several elements as a 1-D float64 array.

    Raises
    ------
    ParameterError
        When one of them is unknown, or there is none.

    Examples
    --------
    >>> atomic_numbers(["O", "Fe", 79])
    array([ 8., 26., 79.])
    """
    if isinstance(elements, str):
        raise ParameterError(
            f"elements is {elements!r}; a list is needed, even for one: [{elements!r}]."
        )
    try:
        values = [atomic_number(element) for element in elements]
    except TypeError:
        raise ParameterError(
            f"elements is {elements!r}; a list of symbols or atomic numbers is needed."
        ) from None
    if not values:
        raise ParameterError("elements is empty; pass at least one symbol or atomic number.")
    return np.array(values)
