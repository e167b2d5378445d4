"""Units as microscope files spell them: lengths into nm, angles into degrees."""

from __future__ import annotations

import unicodedata

import numpy as np

__all__ = ["degrees_per_unit", "is_reciprocal", "nm_per_unit"]

_NM = {
    "m": 1e9,
    "mm": 1e6,
    "μm": 1e3,
    "um": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "å": 0.1,
    "ang": 0.1,
    "angstrom": 0.1,
    "ångström": 0.1,
    "pm": 1e-3,
}
_DEGREES = {
    "°": 1.0,
    "deg": 1.0,
    "degree": 1.0,
    "rad": float(np.degrees(1.0)),
    "radian": float(np.degrees(1.0)),
    "mrad": float(np.degrees(1e-3)),
}


def nm_per_unit(unit: str) -> float | None:
    """Return the length of one unit in nm, None when `unit` names no length.

    Examples
    --------
    >>> nm_per_unit("µm"), nm_per_unit("[n_m]"), nm_per_unit("Å"), nm_per_unit("1/nm")
    (1000.0, 1.0, 0.1, None)
    """
    plain = _plain(unit)
    return 0.1 if plain == "A" else _looked_up(_NM, plain)


def degrees_per_unit(unit: str) -> float | None:
    """Return the size of one unit in degrees, None when `unit` names no angle.

    Examples
    --------
    >>> degrees_per_unit("[deg]"), degrees_per_unit("Degrees"), degrees_per_unit("nm")
    (1.0, 1.0, None)
    """
    return _looked_up(_DEGREES, _plain(unit))


def is_reciprocal(unit: str) -> bool:
    """Whether `unit` is one over a length or a scattering angle, as in a diffraction pattern.

    Examples
    --------
    >>> is_reciprocal("1/nm"), is_reciprocal("[n_m^-1]"), is_reciprocal("nm")
    (True, True, False)
    """
    plain = _plain(unit)
    return plain.startswith("1/") or plain.endswith(("^-1", "-1")) or plain == "mrad"


def _looked_up(table: dict[str, float], plain: str) -> float | None:
    lower = plain.lower()
    return table.get(lower, table.get(lower.removesuffix("s")))


def _plain(unit: str) -> str:
    # NFKC gives the two micro signs, and the two Å, one code each.
    text = unicodedata.normalize("NFKC", unit).strip().strip("[]()").strip()
    return text.replace("_", "")
