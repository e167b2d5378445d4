"""Plain HDF5 files (.h5, .hdf5), and Data Exchange, which is plain HDF5 with agreed names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import ParameterError
from em_inverse.io.hdf5_access import load_dataset, numeric_datasets, opened_hdf5, text_of
from em_inverse.io.named import ANGLE_NAMES, KIT_SERIES, choose_dataset, normalised
from em_inverse.io.series_account import take_account
from em_inverse.io.stack import Stack
from em_inverse.io.units import degrees_per_unit

__all__ = [
    "read_hdf5_dataset",
    "read_hdf5_series",
    "write_exchange_series",
    "write_hdf5_volume",
]

VOLUME = "volume"

_EXCHANGE = "exchange"
_CORRECTIONS = {"data_white": "white (flat)", "data_dark": "dark"}


def read_hdf5_series(path: Path, dataset: str | None = None) -> Stack:
    """Read one dataset ``[tilt, row, column]`` or ``[tilt, x]``, its angles and its pixel size.

    Angles are a dataset or an attribute called angles, angles_deg, tilt_angles, tilts, theta or
    alpha, with one entry per projection, in degrees unless an attribute ``units`` says radians;
    pixel size an attribute ``pixel_size_nm``. White and dark fields of Data Exchange are stated in
    the notes, not applied: electron images come corrected from the detector.
    """
    file = Path(path)
    with opened_hdf5(file) as h5:
        datasets = numeric_datasets(h5)
        chosen = choose_dataset(
            {name: d.shape for name, d in datasets.items() if d.ndim in (2, 3)}, dataset, file
        )
        data = load_dataset(file, datasets[chosen])
        attributes = {**dict(h5.attrs), **dict(datasets[chosen].attrs)}
        angles, source, notes = _angles(file, datasets, chosen, attributes)
        notes += _uncorrected(datasets, chosen)
    direction = attributes.get("tilt_axis")
    if chosen == KIT_SERIES:
        direction = "kit"
    stack = Stack(
        data=data,
        angles_deg=angles,
        angle_source=source,
        pixel_size_nm=_positive(attributes.get("pixel_size_nm")),
        tilt_axis=direction if direction in ("kit", "vertical", "horizontal") else None,
        notes=notes,
        metadata={"dataset": chosen},
    )
    take_account(stack, attributes.get("provenance"), f"attribute 'provenance' of {file.name}")
    return stack


def read_hdf5_dataset(path: Path, dataset: str | None) -> tuple[np.ndarray, dict[str, Any]]:
    """Return one 3-D dataset, as filed, and the attributes of it and of the file."""
    file = Path(path)
    with opened_hdf5(file) as h5:
        datasets = {name: d for name, d in numeric_datasets(h5).items() if d.ndim == 3}
        wanted = dataset or (VOLUME if VOLUME in datasets else None)
        chosen = choose_dataset({name: d.shape for name, d in datasets.items()}, wanted, file)
        attributes = {**dict(h5.attrs), **dict(datasets[chosen].attrs)}
        return load_dataset(file, datasets[chosen]), attributes


def write_hdf5_volume(path: Path, data: np.ndarray, attributes: dict[str, Any]) -> None:
    """Write ``[z, y, x]`` as the dataset ``volume``; `attributes` that are None are left out."""
    import h5py

    with h5py.File(path, "w") as h5:
        volume = h5.create_dataset(VOLUME, data=data)
        for name, value in attributes.items():
            if value is not None:
                volume.attrs[name] = value


def write_exchange_series(
    path: Path, data: np.ndarray, angles_deg: np.ndarray, attributes: Mapping[str, Any]
) -> None:
    """Write ``[tilt, y, x]`` and its angles as Data Exchange; `attributes` of None are left out.

    Layout: F. De Carlo et al., "Scientific data exchange: a schema for HDF5-based storage of raw
    and analyzed data", J. Synchrotron Rad. 21, 1224 (2014). doi:10.1107/S160057751401604X
    """
    import h5py

    with h5py.File(path, "w") as h5:
        h5["implements"] = _EXCHANGE
        group = h5.create_group(_EXCHANGE)
        images = group.create_dataset("data", data=data)
        images.attrs["axes"] = "theta:y:x"
        theta = group.create_dataset("theta", data=angles_deg)
        theta.attrs["units"] = "deg"
        for name, value in attributes.items():
            if value is not None:
                images.attrs[name] = value


def _uncorrected(datasets: dict[str, Any], chosen: str) -> list[str]:
    group = chosen.rpartition("/")[0]
    if chosen != f"{_EXCHANGE}/data":
        return []
    return [
        f"{len(datasets[place])} {kind} field image(s) in {place!r} are not applied"
        for name, kind in _CORRECTIONS.items()
        if (place := f"{group}/{name}") in datasets and datasets[place].ndim
    ]


def _angles(
    file: Path, datasets: dict[str, Any], chosen: str, attributes: dict[str, Any]
) -> tuple[np.ndarray | None, str, list[str]]:
    group = chosen.rpartition("/")[0]
    nearest_first = sorted(datasets, key=lambda name: name.rpartition("/")[0] != group)
    count = datasets[chosen].shape[0]
    named = [name for name in nearest_first if normalised(name) in ANGLE_NAMES]
    for name in named:
        if datasets[name].shape == (count,):
            angles = load_dataset(file, datasets[name]).astype(np.float64)
            return *_in_degrees(angles, datasets[name], name, file), []
    for name, value in attributes.items():
        if normalised(name) in ANGLE_NAMES and np.shape(value) == (count,):
            return np.asarray(value, dtype=np.float64), f"attribute {name!r} of {file.name}", []
    notes = [
        f"{name!r} has shape {datasets[name].shape}, but there are {count} projections; not used"
        for name in named
        if datasets[name].ndim == 1
    ]
    return None, "", notes


def _in_degrees(angles: np.ndarray, dataset: Any, name: str, file: Path) -> tuple[np.ndarray, str]:
    source = f"dataset {name!r} of {file.name}"
    per_unit = degrees_per_unit(text_of(dataset.attrs, "units"))
    if per_unit is None or per_unit == 1.0:
        return angles, source
    return angles * per_unit, f"{source}, in {text_of(dataset.attrs, 'units')}"


def _positive(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ParameterError(
            f"the file's attribute pixel_size_nm is {value!r}; a number is needed. Pass "
            f"pixel_size_nm as an argument."
        ) from None
    return number if number > 0 and np.isfinite(number) else None
