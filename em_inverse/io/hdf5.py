"""Plain HDF5 files (.h5, .hdf5), and Data Exchange, which is plain HDF5 with agreed names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.named import ANGLE_NAMES, KIT_SERIES, choose_dataset, normalised
from em_inverse.io.stack import Stack

__all__ = ["read_hdf5_dataset", "read_hdf5_series", "write_hdf5_volume"]

VOLUME = "volume"


def read_hdf5_series(path: Path, dataset: str | None = None) -> Stack:
    """Read one dataset ``[tilt, row, column]`` or ``[tilt, x]``, its angles and its pixel size.

    Angles are a dataset or an attribute called angles, angles_deg, tilt_angles, tilts, theta or
    alpha, in degrees, with one entry per projection; pixel size an attribute ``pixel_size_nm``.
    """
    import h5py

    file = _checked(path)
    with reading(file, "an HDF5 file"), h5py.File(file, "r") as h5:
        datasets = _datasets(h5)
        chosen = choose_dataset(
            {name: d.shape for name, d in datasets.items() if d.ndim in (2, 3)}, dataset, file
        )
        data = _load(file, datasets[chosen])
        attributes = {**dict(h5.attrs), **dict(datasets[chosen].attrs)}
        angles, source = _angles(file, datasets, chosen, attributes)
    return Stack(
        data=data,
        angles_deg=angles,
        angle_source=source,
        pixel_size_nm=_positive(attributes.get("pixel_size_nm")),
        tilt_axis="kit" if chosen == KIT_SERIES else None,
        metadata={"dataset": chosen},
    )


def read_hdf5_dataset(path: Path, dataset: str | None) -> tuple[np.ndarray, dict[str, Any]]:
    """Return one 3-D dataset, as filed, and the attributes of it and of the file."""
    import h5py

    file = _checked(path)
    with reading(file, "an HDF5 file"), h5py.File(file, "r") as h5:
        datasets = {name: d for name, d in _datasets(h5).items() if d.ndim == 3}
        wanted = dataset or (VOLUME if VOLUME in datasets else None)
        chosen = choose_dataset({name: d.shape for name, d in datasets.items()}, wanted, file)
        attributes = {**dict(h5.attrs), **dict(datasets[chosen].attrs)}
        return _load(file, datasets[chosen]), attributes


def write_hdf5_volume(path: Path, data: np.ndarray, attributes: dict[str, Any]) -> None:
    """Write ``[z, y, x]`` as the dataset ``volume``; `attributes` that are None are left out."""
    import h5py

    with h5py.File(path, "w") as h5:
        volume = h5.create_dataset(VOLUME, data=data)
        for name, value in attributes.items():
            if value is not None:
                volume.attrs[name] = value


def _checked(path: Path) -> Path:
    import h5py

    file = existing_file(path)
    if not h5py.is_hdf5(file):
        raise FileFormatError(
            f"{str(file)!r} is not an HDF5 file: it lacks the HDF5 signature. It is damaged, or "
            f"its name ends as it should not."
        )
    return file


def _datasets(h5: Any) -> dict[str, Any]:
    import h5py

    found: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf":
            found[name] = item

    h5.visititems(collect)
    return found


def _load(file: Path, dataset: Any) -> np.ndarray:
    if dataset.external or dataset.is_virtual:
        raise FileFormatError(
            f"{str(file)!r}: the dataset {dataset.name!r} keeps its numbers in other files, which "
            f"are not followed. Copy the data into one file (for instance with h5repack)."
        )
    check_size(file, dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size())
    return np.asarray(dataset[()])


def _angles(
    file: Path, datasets: dict[str, Any], chosen: str, attributes: dict[str, Any]
) -> tuple[np.ndarray | None, str]:
    group = chosen.rpartition("/")[0]
    nearest_first = sorted(datasets, key=lambda name: name.rpartition("/")[0] != group)
    count = datasets[chosen].shape[0]
    for name in nearest_first:
        if normalised(name) in ANGLE_NAMES and datasets[name].shape == (count,):
            angles = _load(file, datasets[name]).astype(np.float64)
            return angles, f"dataset {name!r} of {file.name}"
    for name, value in attributes.items():
        if normalised(name) in ANGLE_NAMES and np.shape(value) == (count,):
            return np.asarray(value, dtype=np.float64), f"attribute {name!r} of {file.name}"
    return None, ""


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
