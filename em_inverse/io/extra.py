"""Formats beyond our own, through the optional package rosettasciio.

rosettasciio is under the GPL, so it is no part of the kit: it is used when the user has installed
it (``pip install "em-inverse[formats]"``), in a process of its own and under the guard of
:mod:`em_inverse.io.guard`. It only widens the list: an ending with a reader of ours never comes
here.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.calibration import TILT_NAMES, Axis, plausible_angles, stack_from_axes
from em_inverse.io.guard import read_guarded
from em_inverse.io.named import choose_dataset, normalised
from em_inverse.io.stack import Stack

__all__ = ["INSTALL_HINT", "extra_formats_installed", "read_extra_series"]

INSTALL_HINT = (
    "More formats can be read with the optional package rosettasciio: "
    "pip install 'em-inverse[formats]'."
)
"""What to say where an ending is unknown and the extra is not installed."""

# Plugins for text and for pictures in which nothing says what is what, and one that may unpickle.
_LEFT_OUT = frozenset({"mrcz", "numpy", "image", "msa", "impulse", "protochips"})


def extra_formats_installed() -> bool:
    """Whether rosettasciio can be imported here; it is not imported to find out."""
    return importlib.util.find_spec("rsciio") is not None


def read_extra_series(path: Path, dataset: str | None = None) -> Stack:
    """Read a file through rosettasciio as ``[tilt, row, column]``, in a process of its own.

    Raises
    ------
    FileFormatError
        When rosettasciio is not installed, does not know the ending, or fails on the file.
    """
    file = Path(path)
    if not extra_formats_installed():
        raise FileFormatError(
            f"{str(file)!r} is of a format that the kit has no reader for. {INSTALL_HINT}"
        )
    data, facts = read_guarded(
        "em_inverse.io.extra:_read_with_rosettasciio",
        file,
        {"dataset": dataset},
        kind=f"a {file.suffix} file by rosettasciio",
    )
    axes = [Axis(**axis) for axis in facts["axes"]]
    source = f"metadata of {file.name}"
    stated = (None if facts["angles"] is None else np.asarray(facts["angles"]), source)
    stack = stack_from_axes(data, axes, file, stated=stated, stage_alpha_deg=facts["alpha"])
    stack.metadata.update(dataset=facts["name"], reader=facts["reader"])
    return stack


def _read_with_rosettasciio(
    path: str, dataset: str | None = None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return one signal of a file and what is said about it; runs in the child process."""
    rsciio = importlib.import_module("rsciio")
    file = Path(path)
    ending = file.suffix.lower().removeprefix(".")
    fitting = [
        plugin["api"]
        for plugin in rsciio.IO_PLUGINS
        if ending in {known.lower() for known in plugin["file_extensions"]}
        and plugin["api"].rpartition(".")[2] not in _LEFT_OUT
    ]
    if not fitting:
        raise FileFormatError(
            f"{str(file)!r}: files that end in .{ending} are read neither by the kit nor by "
            f"rosettasciio. Export the series as MRC or TIFF."
        )
    plugin, loaded = _load(path, fitting)
    signals: dict[str, dict[str, Any]] = {}
    for index, signal in enumerate(loaded):
        array = np.asarray(signal["data"])
        if array.dtype.kind in "biuf" and array.ndim in (2, 3):
            title = signal.get("metadata", {}).get("General", {}).get("title") or f"signal {index}"
            unique = title if title not in signals else f"{title} ({index})"
            signals[unique] = {**signal, "data": array}
    chosen = choose_dataset({name: s["data"].shape for name, s in signals.items()}, dataset, file)
    signal = signals[chosen]
    count = signal["data"].shape[0]
    return signal["data"], {
        "name": chosen,
        "reader": f"rosettasciio {rsciio.__version__}, {plugin.rpartition('.')[2]}",
        "axes": [_axis(axis) for axis in signal["axes"]],
        "angles": _listed_angles(signal.get("metadata", {}), count),
        "alpha": _stage_alpha(signal.get("metadata", {})),
    }


def _load(path: str, plugins: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """Return what the first plugin that can read the file makes of it, and which that is."""
    for plugin in plugins:
        api = importlib.import_module(plugin)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return plugin, api.file_reader(path)
        except Exception:
            if plugin == plugins[-1]:
                raise
    raise FileFormatError(f"{path!r} is of no format known to rosettasciio.")


def _axis(axis: Mapping[str, Any]) -> dict[str, Any]:
    values = axis.get("axis")
    return {
        "name": str(axis.get("name") or ""),
        "units": str(axis.get("units") or ""),
        "scale": float(axis.get("scale", 1.0)),
        "offset": float(axis.get("offset", 0.0)),
        "values": None if values is None else np.asarray(values, dtype=float).tolist(),
    }


def _listed_angles(metadata: Mapping[str, Any], count: int) -> list[float] | None:
    for name, value in _leaves(metadata):
        if normalised(name) in TILT_NAMES and np.ndim(value) == 1:
            angles = plausible_angles(value, count)
            if angles is not None:
                return [float(angle) for angle in angles]
    return None


def _stage_alpha(metadata: Mapping[str, Any]) -> float | None:
    for name, value in _leaves(metadata):
        if name == "tilt_alpha" and isinstance(value, int | float | np.number):
            return float(value)
    return None


def _leaves(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield str(name), value
