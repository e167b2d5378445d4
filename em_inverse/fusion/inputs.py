"""What a user brings, as arrays: maps by element, from arrays, dictionaries or signals.

HyperSpy is no dependency. A signal is known by what it has: ``data``, and a title or an X-ray line
in its metadata that names the element.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from em_inverse.errors import DataError, ParameterError, check_array
from em_inverse.forward.elements import ATOMIC_NUMBERS, SYMBOLS, atomic_numbers

__all__ = ["element_maps", "plain", "symbol"]


def element_maps(
    maps: Any, elements: Iterable[str | float] | None = None
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return maps as one array, their names, and their atomic numbers.

    Parameters
    ----------
    maps : array_like (n, rows, columns), mapping of str to map, signal, or sequence of signals
        Where the maps name their elements, `elements` may be left out.
    elements : iterable of str or float, optional
        Symbol or atomic number of each map, in order; or a mapping from the names of the maps.

    Returns
    -------
    stack : ndarray, shape (n, rows, columns)
        A new array of float64 (float32 stays).
    names : list of str
    numbers : ndarray, shape (n,)

    Raises
    ------
    DataError
        When maps differ in shape, are empty or not finite.
    ParameterError
        When an element is unknown, missing, or given twice with different numbers.

    Examples
    --------
    >>> stack, names, numbers = element_maps({"Fe": np.ones((2, 2)), "O": np.zeros((2, 2))})
    >>> stack.shape, names, numbers
    ((2, 2, 2), ['Fe', 'O'], array([26.,  8.]))
    """
    own: list[str | None]
    if isinstance(maps, Mapping):
        own, parts = [str(name) for name in maps], list(maps.values())
    elif isinstance(maps, Sequence) and any(_is_signal(one) for one in maps):
        own, parts = [_named_in(one) for one in maps], list(maps)
    else:
        whole = check_array(plain(maps), "maps")
        if whole.ndim != 3:
            raise DataError(
                f"maps has shape {whole.shape}; maps x[element, row, column] are needed, even for "
                f"one element: maps[None]. Or pass a dictionary {{'Fe': map, …}}."
            )
        own, parts = [None] * len(whole), list(whole)
    arrays = [
        check_array(plain(one), f"maps[{name or k!r}]")
        for k, (one, name) in enumerate(zip(parts, own, strict=True))
    ]
    if not arrays:
        raise DataError("maps is empty. Pass at least one map.")
    shape = arrays[0].shape
    for name, one in zip(own, arrays, strict=True):
        if one.ndim != 2 or one.shape != shape:
            raise DataError(
                f"maps[{name!r}] has shape {one.shape}, but the first map has {shape}; all maps "
                f"must be images of one size."
            )
    numbers, names = _identified(own, elements)
    return np.stack(arrays), names, numbers


def plain(data: Any) -> Any:
    """Return the numbers of a signal, or anything else as it is; a mask is honoured by refusal.

    Raises
    ------
    DataError
        For a masked array with masked values.
    """
    inner = data.data if _is_signal(data) else data
    if hasattr(inner, "compute"):
        inner = inner.compute()
    if isinstance(inner, np.ma.MaskedArray):
        hidden = int(np.ma.getmaskarray(inner).sum())
        if hidden:
            raise DataError(
                f"an array has {hidden} masked values, which fusion cannot leave out. Fill them, "
                f"or crop."
            )
        inner = inner.data
    return inner


def symbol(number: float) -> str:
    """Return the symbol of an atomic number, or ``Z=…`` for one that is not whole.

    Examples
    --------
    >>> symbol(26.0), symbol(7.3)
    ('Fe', 'Z=7.3')
    """
    return SYMBOLS[int(number) - 1] if number == int(number) else f"Z={number:g}"


def _is_signal(one: Any) -> bool:
    return hasattr(one, "data") and hasattr(one, "metadata") and not isinstance(one, np.ndarray)


def _named_in(signal: Any) -> str | None:
    """The element in the X-ray line or title of a signal, such as "Fe_Ka" or "Fe map"."""
    if not _is_signal(signal):
        return None
    lines = _entry(signal.metadata, "Sample.xray_lines")
    elements = _entry(signal.metadata, "Sample.elements")
    for listed in (lines, elements):
        if listed is not None and len(listed) == 1:
            return str(listed[0]).split("_")[0]
    title = str(_entry(signal.metadata, "General.title") or "")
    words = re.findall(r"\b([A-Z][a-z]?)(?:_[KLM][a-z]?\d?)?\b", title)
    known = [word for word in words if word in ATOMIC_NUMBERS]
    return known[-1] if known else None


def _entry(tree: Any, place: str) -> Any:
    for part in place.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else getattr(tree, part, None)
        if tree is None:
            return None
    return tree


def _identified(
    own: list[str | None], elements: Iterable[str | float] | None
) -> tuple[np.ndarray, list[str]]:
    if elements is None:
        missing = [k for k, name in enumerate(own) if name is None]
        if missing:
            raise ParameterError(
                f"atomic_numbers is missing, and map {missing[0]} does not say its element. Pass "
                f"atomic_numbers=['Au', 'Fe', …], one per map, or a dictionary of maps."
            )
        return atomic_numbers([str(name) for name in own]), [str(name) for name in own]
    if isinstance(elements, Mapping):
        lost = [name for name in own if name not in elements]
        if lost:
            raise ParameterError(
                f"atomic_numbers has no entry for map {lost[0]!r}; it has {list(elements)}."
            )
        elements = [elements[name] for name in own]
    numbers = atomic_numbers(elements)
    if numbers.size != len(own):
        raise ParameterError(
            f"atomic_numbers has {numbers.size} entries, but there are {len(own)} maps. Pass one "
            f"symbol or number per map, in order."
        )
    for name, number in zip(own, numbers, strict=True):
        if name in ATOMIC_NUMBERS and ATOMIC_NUMBERS[name] != number:
            raise ParameterError(
                f"atomic_numbers gives {number:g} for the map of {name}, whose atomic number is "
                f"{ATOMIC_NUMBERS[name]}. Put the numbers in the order of the maps."
            )
    names = [
        name if name is not None else symbol(number)
        for name, number in zip(own, numbers, strict=True)
    ]
    return numbers, names
