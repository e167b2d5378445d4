"""The whole state of a dynamic reconstruction in one file, and the file before it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.dynamic.events import Event
from em_inverse.errors import ChecksumError, DataError, EmInverseError, FileFormatError
from em_inverse.files import PathLike, expanded, replacing

if TYPE_CHECKING:
    from em_inverse.dynamic.reconstruction import DynamicReconstruction

__all__ = ["class_or_instance", "load", "previous", "save"]

_FORMAT, _VERSION = "em_inverse dynamic reconstruction", 1
_SOLVER = "solver."


class class_or_instance:
    """A method that is called on an object, or on its class to make an object."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., Any]:
        return functools.partial(self.function, owner if instance is None else instance)


def previous(path: PathLike) -> Path:
    """Return where the checkpoint before the last one is kept.

    Examples
    --------
    >>> previous("run.npz").name
    'run.previous.npz'
    """
    target = expanded(path)
    return target.with_name(f"{target.stem}.previous{target.suffix}")


def save(run: DynamicReconstruction, path: PathLike) -> None:
    """Write everything that the next iteration starts from."""
    target = expanded(path)
    arrays = _arrays_of(run)
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "software": __version__,
        "settings": run.settings(),
        "opening": run.opening,
        "iteration": run.iteration,
        "history": run.history,
        "events": [event.to_json() for event in run.events],
        "annotations": run.annotations,
        "predictions": list(run.predictions.items()),
        "variance": list(run._variance.items()),
        "sha256": _digest(arrays),
    }
    with replacing(target, overwrite=True) as part:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, _header=np.array(json.dumps(header)), **arrays)
        # A kill from here on leaves the older one under its second name; `load` looks there.
        with contextlib.suppress(FileNotFoundError):
            target.replace(previous(target))


def load(run: Any, path: PathLike) -> DynamicReconstruction:
    """Go back to the state in a file, or make a run of it where `run` is the class."""
    target = expanded(path)
    try:
        header, arrays = _read(target)
        remark = ""
    except (EmInverseError, FileNotFoundError) as error:
        older = previous(target)
        if not older.is_file():
            if isinstance(error, FileNotFoundError):
                raise FileFormatError(
                    f"there is no checkpoint {str(target)!r}, nor {older.name!r} beside it."
                ) from None
            raise
        header, arrays = _read(older)
        remark = f"{older.name}, because {target.name} could not be used ({error})"
    if isinstance(run, type):
        run = _make(run, header["settings"])
    elif (there := tuple(header["settings"]["shape"])) != run.shape or header["settings"][
        "method"
    ] != run.method:
        raise DataError(
            f"{str(target)!r} holds a reconstruction of shape {there} by "
            f"{header['settings']['method']!r}, but this one has shape {run.shape} and method "
            f"{run.method!r}. DynamicReconstruction.load(path) makes a new one that fits."
        )
    run._background.ask(lambda: _restore(run, header, arrays), timeout=3600.0, changes=True)
    if remark:
        run.events.append(Event(run.iteration, "loaded", remark))
    return run


def _make(kind: Any, settings: dict[str, Any]) -> DynamicReconstruction:
    chosen = dict(settings)
    run: DynamicReconstruction = kind(tuple(chosen.pop("shape")), chosen.pop("epsilon"), **chosen)
    return run


def _arrays_of(run: DynamicReconstruction) -> dict[str, np.ndarray]:
    data = run._data
    arrays: dict[str, np.ndarray] = {
        "angles_deg": data.angles_deg,
        "center_shift": data.center_shift,
        "axial_shift": data.axial_shift,
        "projections": data.b,
    }
    if run.support is not None:
        arrays["support"] = run.support
    state = run._engine.state() if data.n_tilts else {"x": run.x}
    return arrays | {f"{_SOLVER}{name}": value for name, value in state.items()}


def _restore(run: DynamicReconstruction, header: dict[str, Any], arrays: Any) -> None:
    settings = header["settings"]
    run._epsilon, run._units = settings["epsilon"], settings["units"]
    run._sigma, run._nonnegative = settings["noise"], settings["nonnegative"]
    run._n_expected, run.pixel_size_nm = settings["n_expected"], settings["pixel_size_nm"]
    run._support = arrays.get("support")
    data = run._data
    data.n_det = int(settings["n_det"])
    data.angles_deg, data.b = arrays["angles_deg"], arrays["projections"]
    data.center_shift, data.axial_shift = arrays["center_shift"], arrays["axial_shift"]
    run.iteration = int(header["iteration"])
    run.history = {name: list(values) for name, values in header["history"].items()}
    run.events = [Event.from_json(fields) for fields in header["events"]]
    run.opening = dict(header["opening"])
    run.annotations = dict(header["annotations"])
    run.predictions = {float(angle): float(ratio) for angle, ratio in header["predictions"]}
    run._variance = {float(angle): float(value) for angle, value in header["variance"]}
    run._version += 1
    state = {
        name.removeprefix(_SOLVER): value
        for name, value in arrays.items()
        if name.startswith(_SOLVER)
    }
    run._engine = run._new_engine()
    if data.n_tilts:
        run._engine.options["radius"] = run.radius
        run._engine.restore(state, run.iteration)
    else:
        run._engine.x = state["x"]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            header = json.loads(str(file["_header"]))
            arrays = {name: file[name] for name in file.files if name != "_header"}
    except FileNotFoundError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{str(path)!r} is no whole checkpoint of a dynamic reconstruction ({error})."
        ) from None
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise FileFormatError(f"{str(path)!r} is no checkpoint of a dynamic reconstruction.")
    if header.get("version") != _VERSION:
        raise FileFormatError(
            f"{str(path)!r} was written in version {header.get('version')!r} of the format; this "
            f"program reads version {_VERSION}."
        )
    if header.get("sha256") != _digest(arrays):
        raise ChecksumError(f"{str(path)!r} is damaged: its arrays do not match their checksum.")
    return header, arrays


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
