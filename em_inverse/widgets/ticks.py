"""Round numbers along an axis, chosen once in Python so that every renderer shows the same ones."""

from __future__ import annotations

import math

from em_inverse.errors import ParameterError, check_choice

__all__ = ["linear_ticks", "log_ticks", "number_text", "ticks"]


def ticks(low: float, high: float, scale: str = "linear") -> list[tuple[float, str]]:
    """Return positions and labels of the ticks between `low` and `high`.

    A label ``10^-3`` is meant to be drawn with its exponent raised.

    Raises
    ------
    ParameterError
        When the limits are not increasing, or not positive on a log axis.

    Examples
    --------
    >>> [label for _, label in ticks(0, 63)]
    ['0', '20', '40', '60']
    >>> [label for _, label in ticks(1e-5, 1e2, "log")][:2]
    ['10^-5', '10^-4']
    """
    if check_choice(scale, "scale", ("linear", "log")) == "log":
        return log_ticks(low, high)
    return linear_ticks(low, high)


def linear_ticks(low: float, high: float, target: int = 5) -> list[tuple[float, str]]:
    """Return about `target` ticks at multiples of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> linear_ticks(-0.2, 1.1)
    [(0.0, '0'), (0.5, '0.5'), (1.0, '1')]
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ParameterError(f"the axis runs from {low!r} to {high!r}; low < high is needed.")
    rough = (high - low) / target
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(m * decade for m in (1, 2, 5, 10) if m * decade >= 0.999 * rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(k * step, number_text(k * step)) for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return one tick a decade, or 1-2-5 ticks when the axis spans under two and a half decades.

    Examples
    --------
    >>> log_ticks(0.1, 1)
    [(0.1, '0.1'), (0.2, '0.2'), (0.5, '0.5'), (1.0, '1')]
    """
    if not (math.isfinite(high) and 0 < low < high):
        raise ParameterError(
            f"the log axis runs from {low!r} to {high!r}; 0 < low < high is needed."
        )
    bottom, top = math.log10(low), math.log10(high)
    if top - bottom < 2.5:
        steps = [
            m * 10.0**k
            for k in range(math.floor(bottom), math.ceil(top) + 1)
            for m in (1, 2, 5)
            if bottom - 1e-9 <= math.log10(m) + k <= top + 1e-9
        ]
        if len(steps) < 2:
            return linear_ticks(low, high)
        return [(step, number_text(step)) for step in steps]
    first, last = math.ceil(bottom - 1e-9), math.floor(top + 1e-9)
    stride = 1 + (last - first) // 9
    return [(10.0**k, _power_text(k)) for k in range(first, last + 1) if k % stride == 0]


def number_text(value: float) -> str:
    """Return a number as people read it: three figures, a true minus sign, no ``1e-05``.

    Examples
    --------
    >>> number_text(0.1259), number_text(-250.0), number_text(2.3e-5), number_text(1e10)
    ('0.126', '−250', '2.3×10⁻⁵', '10¹⁰')
    """
    text = f"{value:.3g}"
    if "e" not in text or not math.isfinite(value):
        return text.replace("-", "−")
    if 1e3 <= abs(value) < 1e5:
        return f"{value:.0f}".replace("-", "−")
    mantissa, exponent = text.split("e")
    power = "10" + str(int(exponent)).translate(_RAISED)
    if mantissa in ("1", "-1"):
        return mantissa.replace("1", "").replace("-", "−") + power
    return mantissa.replace("-", "−") + "×" + power


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power_text(k: int) -> str:
    return {0: "1", 1: "10", 2: "100"}.get(k, f"10^{k}")
