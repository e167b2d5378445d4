"""Read what a student's function returned, and compare it with what it should be."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

__all__ = ["distance", "has_empty_body", "notebook_arrays", "read", "same", "signature_fault"]

_READABLE = (np.ndarray, np.generic, int, float, complex, list, tuple)
_NO_WORK = {"RESUME", "COPY_FREE_VARS", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "NOP",
            "POP_TOP", "CACHE"}  # fmt: skip


def read(
    value: Any, like: np.ndarray, *, any_length: bool = False
) -> tuple[np.ndarray | None, str]:
    """Return (array, "") when `value` is finite real numbers of the shape of `like`.

    Otherwise return (None, what is wrong with it, in words). Lists count as arrays, and an array
    with one entry counts as a number where a number is asked for. Where `like` is True or
    False, or a list whose length is free (`any_length`), True and False count as 1 and 0.

    Examples
    --------
    >>> read([1, 2], np.zeros(2))[0]
    array([1., 2.])
    >>> read([[1], [2]], np.zeros(2))[1]
    'It returns an array of shape (2, 1), but shape (2,) is asked for.'
    >>> read([4, 7, 9], np.zeros(2), any_length=True)[0]
    array([4., 7., 9.])
    """
    if value is None:
        return None, "It returns nothing (None). Is a `return` missing at its end?"
    if not issubclass(type(value), _READABLE):
        kind = type(value).__name__
        return None, f"It returns an object of type {kind}, but {_wanted(like)} is asked for."
    try:
        array = np.asarray(value)
    except Exception:
        array = np.empty(0, dtype=object)
    if array.dtype.kind == "c":
        return None, "It returns complex numbers, but real ones are asked for."
    truth = any_length or like.dtype.kind == "b" or np.array_equal(np.unique(like), (0, 1))
    if array.dtype.kind == "b" and truth:
        array = array.astype(float)  # where 0 and 1 are asked for, False and True are as good
    if array.dtype.kind not in "iuf":
        kind = f"a {type(value).__name__}" if array.dtype.kind == "O" else f"{array.dtype} values"
        return None, f"It returns {kind} that cannot be read as {_wanted(like)}."
    if like.ndim == 0 and array.size == 1:
        array = array.reshape(())
    if array.shape != like.shape and not (any_length and array.ndim == like.ndim):
        found = f"an array of shape {array.shape}" if array.ndim else "a single number"
        wanted = "a plain list" if any_length else _wanted(like)
        text = f"It returns {found}, but {wanted} is asked for."
        return None, text if any_length else text + _shape_advice(array.shape, like.shape)
    array = array.astype(np.float64)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        return None, (
            f"{bad} of the {array.size} values that it returns are NaN or infinite. Look for a "
            f"division by zero, the logarithm or root of a negative number, or a loop that runs "
            f"away."
        )
    return array, ""


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return ‖first − second‖ / ‖second‖ (0/0 counts as 0).

    Examples
    --------
    >>> distance(np.array([1.1, 0.0]), np.array([1.0, 0.0])).__round__(6)
    0.1
    """
    gap = float(np.linalg.norm(np.subtract(first, second, dtype=np.float64)))
    size = float(np.linalg.norm(second))
    if gap == 0:
        return 0.0
    return gap / size if size > 0 else np.inf


def same(first: np.ndarray | None, second: np.ndarray | None, rtol: float) -> bool:
    """Whether two answers exist, have one shape, and differ by at most `rtol` (in norm).

    Examples
    --------
    >>> same(np.ones(3), np.ones(3) + 1e-9, 1e-6), same(None, np.ones(3), 1e-6)
    (True, False)
    """
    if first is None or second is None or first.shape != second.shape:
        return False
    return distance(first, second) <= rtol


def has_empty_body(func: Any) -> bool:
    """Whether a function does nothing: only a docstring, ``pass``, ``...`` or ``return``.

    Examples
    --------
    >>> def stub(H, y): ...
    >>> has_empty_body(stub), has_empty_body(lambda: print())
    (True, False)
    """
    if type(func) not in (FunctionType, MethodType):
        return False
    steps = list(dis.get_instructions(func))
    constants = [s.argval for s in steps if s.opname in ("LOAD_CONST", "RETURN_CONST")]
    return {s.opname for s in steps} <= _NO_WORK and all(c in (None, ...) for c in constants)


def signature_fault(func: Callable[..., Any], names: Sequence[str]) -> str:
    """Return what is wrong with the arguments that `func` takes, or an empty string.

    Examples
    --------
    >>> signature_fault(lambda H, y: None, ["H", "y", "lam"])
    'It takes (H, y), but it will be called with (H, y, lam), in this order.'
    """
    try:
        signature = inspect.signature(func)
    except Exception:
        # Compiled functions may not tell; the call itself will show.
        return ""
    try:
        signature.bind(*names)
    except TypeError:
        takes = ", ".join(_bare(parameter) for parameter in signature.parameters.values())
        asked = ", ".join(names)
        return f"It takes ({takes}), but it will be called with ({asked}), in this order."
    return ""


def notebook_arrays(func: Any) -> list[str]:
    """Return the names of the notebook's arrays that a function reads behind its arguments.

    Examples
    --------
    >>> y = np.ones(3)
    >>> def mean(H):
    ...     return [np.mean(H @ y) for _ in range(2)]
    >>> mean.__globals__["y"] = y
    >>> notebook_arrays(mean), notebook_arrays(np.mean)
    (['y'], [])
    """
    if type(func) is not FunctionType:
        return []
    names: set[str] = set()
    codes = [func.__code__]
    while codes:
        code = codes.pop()
        names |= {s.argval for s in dis.get_instructions(code) if s.opname == "LOAD_GLOBAL"}
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return sorted(n for n in names if isinstance(func.__globals__.get(n), np.ndarray))


def _shape_advice(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(wanted) != 1:
        return ""
    if found == (1,):
        return " Does its `return` stand inside a loop, so that it ends after the first round?"
    if len(found) == 2 and 1 not in found:
        return " Does a * stand where @, the product of matrices, is meant?"
    return ""


def _bare(parameter: inspect.Parameter) -> str:
    """Name of an argument without its default, whose text may hold a memory address."""
    star = "*" * (parameter.kind is parameter.VAR_POSITIONAL)
    star += "**" * (parameter.kind is parameter.VAR_KEYWORD)
    note = " by name only" if parameter.kind is parameter.KEYWORD_ONLY else ""
    return f"{star}{parameter.name}{note}"


def _wanted(like: np.ndarray) -> str:
    if like.ndim:
        return f"shape {like.shape}"
    return "True or False" if like.dtype.kind == "b" else "a single number"
