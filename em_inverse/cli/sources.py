"""What ``em-inverse simulate`` records: a microscope or a replay, from the options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from em_inverse.cli.methods import option_name
from em_inverse.errors import ParameterError, check_integer, check_number

if TYPE_CHECKING:
    import numpy as np

    from em_inverse.simulate import Source

__all__ = ["FAULTS", "OBJECTS", "ORDERS", "REPLAYS", "source_of"]

OBJECTS = ("bowtie", "nanocube", "needle")
REPLAYS = ("nist-needle", "nist-needle-small")
ORDERS = ("sequential", "bidirectional", "dose_symmetric", "golden")
FAULTS = ("blank", "blurred", "shifted", "dim")
_LARGEST_SUPERSAMPLED = 128
_FIELD_NM = 128.0
_NUMBERS: dict[str, dict[str, Any]] = {
    "step": {"minimum": 0, "exclusive": True},
    "angle_error": {"minimum": 0},
    "size": {"minimum": 16},
    "finer": {"minimum": 1, "maximum": 8},
    "pixel_size": {"minimum": 0, "exclusive": True},
    "dose": {"minimum": 0, "exclusive": True},
    "drift": {"minimum": 0},
    "background": {"minimum": 0},
    "offset": {},
    "hot_pixels": {"minimum": 0, "maximum": 0.5},
    "seed": {"minimum": 0},
}
"""Options of simulated objects that take a number, and what each allows."""
_SETTINGS = {"drift": "drift_px", "angle_error": "angle_error_deg"}
"""Options that the microscope calls otherwise."""


def source_of(arguments: argparse.Namespace) -> Source:
    """Return the microscope or the replay that the options describe."""
    if arguments.object in REPLAYS:
        return _replay(arguments)
    return _microscope(arguments)


def _replay(arguments: argparse.Namespace) -> Source:
    from em_inverse import simulate

    for name in (*_NUMBERS, "range", "handedness", "faults", "truth"):
        if getattr(arguments, name) is not None:
            raise ParameterError(
                f"{option_name(name)} is for simulated objects ({', '.join(OBJECTS)}); "
                f"{arguments.object} was recorded once and for all. Leave the option out."
            )
    order = arguments.order or "recorded"
    return simulate.Replay(arguments.object, order, offline=arguments.offline)


def _microscope(arguments: argparse.Namespace) -> Source:
    from em_inverse import simulate

    chosen: dict[str, Any] = {
        name: check_number(getattr(arguments, name), option_name(name), **limits)
        for name, limits in _NUMBERS.items()
        if getattr(arguments, name) is not None
    }
    if arguments.order == "recorded":
        raise ParameterError(
            f"--order recorded is for a real series; allowed for {arguments.object}: "
            f"{', '.join(ORDERS)}."
        )
    size, finer = (
        check_integer(chosen.pop(name, usual), option_name(name))
        for name, usual in (("size", 128), ("finer", 2))
    )
    seed = check_integer(chosen.pop("seed", 0), "--seed")
    pixel_size = chosen.pop("pixel_size", _FIELD_NM / size)
    low, high = arguments.range or (-75.0, 75.0)
    angles = simulate.tilt_order(
        arguments.order or "sequential", low, high, chosen.pop("step", 2.0)
    )
    return simulate.Microscope(
        _specimen(arguments, size * finer, pixel_size / finer, seed),
        angles,
        finer=finer,
        pixel_size_nm=pixel_size,
        faults=_faults(arguments.faults),
        seed=seed,
        **{_SETTINGS.get(name, name): value for name, value in chosen.items()},
    )


def _specimen(arguments: argparse.Namespace, n: int, pixel_size_nm: float, seed: int) -> np.ndarray:
    from em_inverse import phantoms, simulate

    # A fine grid is averaged once more, by the detector.
    samples = 2 if n <= _LARGEST_SUPERSAMPLED else 1
    if arguments.object == "bowtie":
        hand = arguments.handedness or "right"
        return simulate.twisted_bowtie(n, handedness=hand, seed=seed, supersample=samples)
    if arguments.handedness is not None:
        raise ParameterError(
            f"--handedness is for --object bowtie; a {arguments.object} has none. Leave it out."
        )
    if arguments.object == "nanocube":
        return simulate.decorated_nanocube(
            n, pixel_size_nm=pixel_size_nm, seed=seed, supersample=samples
        )
    return phantoms.needle(n, seed=seed, supersample=samples)


def _faults(text: str | None) -> dict[int, str]:
    """Return what goes wrong where, from '12:blurred,30:blank'."""
    faults: dict[int, str] = {}
    for part in (text or "").split(",") if text else ():
        place, _, fault = part.strip().partition(":")
        if not place.isdecimal() or fault not in FAULTS:
            raise ParameterError(
                f"--faults holds {part.strip()!r}; each entry is the number of a projection, from "
                f"0, a colon, and one of {', '.join(FAULTS)}: 12:blurred,30:blank."
            )
        faults[int(place)] = fault
    return faults
