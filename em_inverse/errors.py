"""Typed errors, and the checks of arguments that every room of the package shares.

A message names the argument, the value given, what is allowed, and the remedy.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "CheckedNumber",
    "ChecksumError",
    "DataError",
    "DownloadError",
    "EmInverseError",
    "FileFormatError",
    "GeometryError",
    "ParameterError",
    "check_angles",
    "check_array",
    "check_choice",
    "check_integer",
    "check_number",
    "check_shape",
]


class EmInverseError(Exception):
    """Base class of every error that em_inverse raises on purpose."""


class DataError(EmInverseError, ValueError):
    """The data given cannot be used as they are (wrong shape, not finite, empty)."""


class GeometryError(EmInverseError, ValueError):
    """Angles, shapes or axes of an experiment contradict each other."""


class ParameterError(EmInverseError, ValueError):
    """A parameter lies outside what is allowed."""


class FileFormatError(EmInverseError, OSError):
    """A file is damaged, or not in the format that its name promises."""


class ChecksumError(EmInverseError, OSError):
    """A file is complete but its bytes are not the ones that the registry names."""


class DownloadError(EmInverseError, OSError):
    """A file could not be fetched and no copy is at hand."""


def check_array(
    value: ArrayLike,
    name: str,
    *,
    ndim: int | Sequence[int] | None = None,
    shape: tuple[int, ...] | None = None,
    dtype: Any = None,
    finite: bool = True,
) -> np.ndarray:
    """Return `value` as a real floating-point array, or raise an error that says what is wrong.

    Integers and booleans become float64 (or `dtype`), float16 becomes float32; float32 and float64
    stay as they are unless `dtype` says otherwise. The input is never modified; the result may
    share memory with it.

    Parameters
    ----------
    value : array_like
        What the user passed.
    name : str
        Name of the argument, for the message.
    ndim : int or sequence of int, optional
        Allowed numbers of dimensions.
    shape : tuple of int, optional
        Exact shape required; -1 stands for any length.
    dtype : dtype, optional
        Floating dtype of the result.
    finite : bool
        Refuse NaN and infinity.

    Raises
    ------
    DataError
        When the value is not numeric, complex, empty, of another shape, or not finite.

    Examples
    --------
    >>> check_array([1, 2, 3], "y").dtype
    dtype('float64')
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{name} could not be read as an array ({error}). Pass a numpy array of numbers."
        ) from None
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{name} has dtype {array.dtype}; real numbers are needed. Convert it first, for "
            f"instance with np.asarray({name}, dtype=float)."
        )
    if array.size == 0:
        raise DataError(f"{name} is empty (shape {array.shape}). Pass at least one value.")
    if ndim is not None:
        allowed = (ndim,) if isinstance(ndim, int) else tuple(ndim)
        if array.ndim not in allowed:
            wanted = " or ".join(f"{n}-D" for n in allowed)
            raise DataError(
                f"{name} has shape {array.shape}, which is {array.ndim}-D; {wanted} is needed."
            )
    if shape is not None:
        fits = len(shape) == array.ndim and all(
            want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted_shape = str(shape).replace("-1", "any")
            raise DataError(
                f"{name} has shape {array.shape}, but shape {wanted_shape} is needed here."
            )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if dtype is not None:
        array = array.astype(dtype, copy=False)
    elif array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        narrow = array.dtype.itemsize < 4
        array = array.astype(np.float32 if narrow else np.float64)
    if finite and not np.isfinite(array).all():
        bad = int(np.size(array) - np.isfinite(array).sum())
        raise DataError(
            f"{name} holds {bad} of {array.size} values that are NaN or infinite. Replace them "
            f"(for detector faults: tomography.repair) before going on."
        )
    return array


def check_shape(value: Any, name: str, *, ndim: int | Sequence[int]) -> tuple[int, ...]:
    """Return `value` as a tuple of positive ints; a lone int counts as a 1-D shape."""
    allowed = (ndim,) if isinstance(ndim, int) else tuple(ndim)
    items = (value,) if isinstance(value, numbers.Integral) else value
    try:
        shape = tuple(int(n) for n in items)
        exact = all(int(n) == n for n in items)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} is {value!r}; a tuple of whole numbers is needed.") from None
    if not exact or len(shape) not in allowed or any(n < 1 for n in shape):
        wanted = " or ".join(str(n) for n in allowed)
        raise ParameterError(
            f"{name} is {value!r}; {wanted} positive whole number(s) are needed, one per axis."
        )
    return shape


def check_number(
    value: Any,
    name: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive: bool = False,
) -> float:
    """Return `value` as a finite float inside [minimum, maximum] (open interval if `exclusive`)."""
    scalar = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(scalar, (bool, np.bool_)) or not isinstance(scalar, numbers.Real):
        raise ParameterError(f"{name} is {value!r}; a single real number is needed.")
    number = float(scalar)
    low = -np.inf if minimum is None else minimum
    high = np.inf if maximum is None else maximum
    inside = low < number < high if exclusive else low <= number <= high
    if not np.isfinite(number) or not inside:
        raise ParameterError(f"{name} is {value!r}; allowed: {_range_text(low, high, exclusive)}.")
    return number


def check_integer(
    value: Any, name: str, *, minimum: int | None = None, maximum: int | None = None
) -> int:
    """Return `value` as an int inside [minimum, maximum]; 3.0 is accepted, 3.5 is not."""
    number = check_number(value, name, minimum=minimum, maximum=maximum)
    if number != int(number):
        raise ParameterError(f"{name} is {value!r}; a whole number is needed.")
    return int(number)


def check_choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`."""
    options = list(choices)
    if value not in options:
        raise ParameterError(
            f"{name} is {value!r}; allowed: {', '.join(repr(option) for option in options)}."
        )
    return str(value)


def check_angles(angles_deg: ArrayLike, *, count: int | None = None) -> np.ndarray:
    """Return tilt angles as a 1-D float64 array in degrees.

    Raises
    ------
    GeometryError
        When the angles are not a flat list of finite numbers within ±360, or when their number
        is not `count`.
    """
    try:
        angles = np.atleast_1d(np.asarray(angles_deg, dtype=np.float64))
    except (TypeError, ValueError):
        raise GeometryError(
            f"angles_deg is {angles_deg!r}; a list of numbers in degrees is needed."
        ) from None
    if angles.ndim != 1 or angles.size == 0 or not np.isfinite(angles).all():
        raise GeometryError(
            f"angles_deg has shape {angles.shape}; a non-empty flat list of finite numbers, one "
            f"per projection, in degrees, is needed."
        )
    if count is not None and angles.size != count:
        raise GeometryError(
            f"angles_deg has {angles.size} entries but projections has {count} tilts. Pass one "
            f"angle per projection, in degrees, in file order."
        )
    if np.abs(angles).max() > 360:
        raise GeometryError(
            f"angles_deg reaches {np.abs(angles).max():g}; tilt angles lie within ±360 degrees."
        )
    return angles


class CheckedNumber:
    """An attribute that holds a number and checks it whenever it is set.

    For parameters that may change while a solver runs.

    Examples
    --------
    >>> class Knob:
    ...     lam = CheckedNumber(minimum=0, exclusive=True)
    >>> knob = Knob()
    >>> knob.lam = 2
    >>> knob.lam
    2.0
    """

    def __init__(
        self, *, minimum: float, maximum: float | None = None, exclusive: bool = False
    ) -> None:
        self.minimum, self.maximum, self.exclusive = minimum, maximum, exclusive

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> float:
        if instance is None:
            raise AttributeError(f"{self.name} belongs to an instance")
        return instance.__dict__[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = check_number(
            value, self.name, minimum=self.minimum, maximum=self.maximum, exclusive=self.exclusive
        )


def _range_text(low: float, high: float, exclusive: bool) -> str:
    if low == -np.inf and high == np.inf:
        return "any finite number"
    less = "<" if exclusive else "≤"
    left = "" if low == -np.inf else f"{low:g} {less} "
    right = "" if high == np.inf else f" {less} {high:g}"
    finite = "" if right else ", finite"
    return f"{left}value{right}{finite}"
