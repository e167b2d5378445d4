"""How a volume is looked at: camera, mode, opacity, surface, clipping, slices, as plain JSON."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from em_inverse.errors import ParameterError, check_choice, check_number

__all__ = ["AXES", "MODES", "check_view", "opacity_ramp", "opening_view"]

MODES = ("volume", "mip", "iso", "slices")
AXES = ("z", "x", "y")
TABLES = ("grey", "dose")
CAMERA = {"azimuth_deg": -35.0, "elevation_deg": 25.0, "zoom": 1.0, "pan": [0.0, 0.0]}

# Narrowest slab that clipping leaves, and most points of an opacity curve.
_THINNEST = 0.02
_MOST_POINTS = 12


def opening_view(mode: str = "volume") -> dict[str, Any]:
    """Return the view that a new widget opens with.

    Examples
    --------
    >>> view = opening_view()
    >>> view["camera"]["zoom"], view["clip"]["z"], view["slices"]["shown"]
    (1.0, [0.0, 1.0], False)
    """
    return {
        "mode": check_choice(mode, "mode", MODES),
        "camera": copy.deepcopy(CAMERA),
        "opacity": opacity_ramp(0.5),
        "iso": 0.5,
        "clip": {axis: [0.0, 1.0] for axis in AXES},
        "slices": {"shown": False, **dict.fromkeys(AXES, 0.5)},
        "table": "grey",
    }


def opacity_ramp(cut: float) -> list[list[float]]:
    """Return an opacity curve: nothing well below `cut`, a veil above it, dense at the brightest.

    Examples
    --------
    >>> opacity_ramp(0.5)
    [[0.4, 0.0], [0.6, 0.3], [1.0, 0.8]]
    """
    start, veil = round(0.8 * cut, 3), round(min(1.2 * cut, 0.5 + 0.5 * cut), 3)
    return [[start, 0.0], [veil, 0.3], [1.0, 0.8]]


def check_view(changes: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` with some entries changed, all checked; neither argument is modified.

    Parameters
    ----------
    changes : mapping
        Any part of a view. Entries of ``camera``, ``clip`` and ``slices`` may be given one by one.
    current : mapping
        A complete view, see :func:`opening_view`.

    Returns
    -------
    dict
        Numbers, texts, lists and dicts only. Values and positions are shares from 0 to 1: of the
        intensity window for ``opacity`` and ``iso``, of the edge for ``clip`` and ``slices``.

    Raises
    ------
    ParameterError
        When an entry is unknown or outside what is allowed.

    Examples
    --------
    >>> view = check_view({"mode": "iso", "clip": {"y": [0, 0.5]}}, opening_view())
    >>> view["mode"], view["clip"]["y"], view["clip"]["x"]
    ('iso', [0.0, 0.5], [0.0, 1.0])
    """
    result = copy.deepcopy(dict(current))
    for key, value in _entries(changes, "view", result).items():
        if key == "mode":
            result[key] = check_choice(value, "mode", MODES)
        elif key == "table":
            result[key] = check_choice(value, "table", TABLES)
        elif key == "iso":
            result[key] = check_number(value, "iso", minimum=0, maximum=1)
        elif key == "opacity":
            result[key] = _points(value)
        elif key == "camera":
            result[key].update(_camera(_entries(value, key, result[key])))
        elif key == "clip":
            given = _entries(value, key, result[key])
            result[key].update({axis: _range(part, axis) for axis, part in given.items()})
        else:
            result[key].update(_slices(_entries(value, key, result[key])))
    return result


def _entries(given: Any, name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ParameterError(f"{name} is {given!r}; a dict with some of {list(known)} is needed.")
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ParameterError(f"{name} has no entry {unknown[0]!r}; it has {list(known)}.")
    return dict(given)


def _camera(given: dict[str, Any]) -> dict[str, Any]:
    limits = {"azimuth_deg": (-360, 360), "elevation_deg": (-90, 90), "zoom": (0.2, 20)}
    checked: dict[str, Any] = {}
    for key, value in given.items():
        if key == "pan":
            checked[key] = [
                check_number(part, "pan", minimum=-4, maximum=4) for part in _listed(value, key, 2)
            ]
        else:
            low, high = limits[key]
            checked[key] = check_number(value, key, minimum=low, maximum=high)
    return checked


def _slices(given: dict[str, Any]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, value in given.items():
        if key == "shown":
            if not isinstance(value, bool):
                raise ParameterError(f"slices['shown'] is {value!r}; True or False is needed.")
            checked[key] = value
        else:
            checked[key] = check_number(value, f"slices[{key!r}]", minimum=0, maximum=1)
    return checked


def _range(value: Any, axis: str) -> list[float]:
    name = f"clip[{axis!r}]"
    low, high = (check_number(v, name, minimum=0, maximum=1) for v in _listed(value, name, 2))
    if high - low < _THINNEST:
        raise ParameterError(
            f"{name} is {value!r}; allowed: [low, high] with high at least {_THINNEST} above low."
        )
    return [low, high]


def _points(value: Any) -> list[list[float]]:
    points = []
    for point in _listed(value, "opacity"):
        at, opacity = _listed(point, "a point of opacity", 2)
        points.append(
            [
                check_number(at, "opacity", minimum=0, maximum=1),
                check_number(opacity, "opacity", minimum=0, maximum=1),
            ]
        )
    if not 2 <= len(points) <= _MOST_POINTS:
        raise ParameterError(
            f"opacity has {len(points)} points; allowed: 2 to {_MOST_POINTS} of [value, opacity]."
        )
    return sorted(points)


def _listed(value: Any, name: str, length: int | None = None) -> list[Any]:
    items = list(value) if isinstance(value, (list, tuple)) else None
    if items is None or (length is not None and len(items) != length):
        wanted = "a list" if length is None else f"a list of {length} numbers"
        raise ParameterError(f"{name} is {value!r}; {wanted} is needed.")
    return items
