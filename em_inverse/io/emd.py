"""Files that end in .emd: the open format of the Molecular Foundry, and the one of Velox.

The two share a name and HDF5, nothing else. The open format keeps an array ``data`` in a group,
with one vector ``dim1``, ``dim2``, ... per axis beside it; Tomviz writes it as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.io.calibration import Axis, stack_from_axes
from em_inverse.io.hdf5 import read_hdf5_series
from em_inverse.io.hdf5_access import listed_angles, load_dataset, member, opened_hdf5, text_of
from em_inverse.io.named import choose_dataset
from em_inverse.io.series_account import take_account
from em_inverse.io.stack import Stack
from em_inverse.io.units import nm_per_unit
from em_inverse.io.velox import VELOX_IMAGES, read_velox_series

__all__ = ["read_emd_series"]


def read_emd_series(path: Path, dataset: str | None = None) -> Stack:
    """Read an .emd file of either kind as ``[tilt, row, column]``.

    In the open format angles come from the axis whose vector is in degrees or is called angles,
    wherever among the three it stands, or from a dataset of angles in the same group. Of several
    arrays `dataset` names one, by the path of its group.

    Raises
    ------
    FileFormatError
        When the file is damaged, or holds no array that may be a tilt series.
    ParameterError
        When it holds several and `dataset` names none of them.
    """
    file = Path(path)
    with opened_hdf5(file, "an EMD file") as h5:
        if member(h5, VELOX_IMAGES) is not None:
            return read_velox_series(file, h5, dataset)
        groups = _groups(h5)
        if groups:
            return _read(file, groups, dataset)
    return read_hdf5_series(file, dataset)


def _read(file: Path, groups: dict[str, Any], dataset: str | None) -> Stack:
    shapes = {name: group["data"].shape for name, group in groups.items()}
    wanted = None if dataset is None else dataset.strip("/").removesuffix("/data")
    chosen = choose_dataset(shapes, wanted, file)
    group = groups[chosen]
    data = load_dataset(file, group["data"])
    axes = _axes(file, group, data.shape)
    stated = listed_angles(group, data.shape[0], file)
    stack = stack_from_axes(data, axes, file, stated=stated)
    stack.metadata["dataset"] = chosen
    account = group.attrs.get("provenance")
    take_account(stack, account, f"attribute 'provenance' of {file.name}")
    return stack


def _groups(h5: Any) -> dict[str, Any]:
    """Return the groups that hold an array of 2 or 3 axes with their vectors, by path."""
    import h5py

    found: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Group) or member(item, "dim1") is None:
            return
        data = member(item, "data")
        real = isinstance(data, h5py.Dataset) and data.dtype.kind in "biuf"
        if real and data.ndim in (2, 3):
            found[name] = item

    h5.visititems(collect)
    return found


def _axes(file: Path, group: Any, shape: tuple[int, ...]) -> list[Axis]:
    # EMD 0.x counts the vectors from 1, EMD 1.0 from 0.
    first = 0 if member(group, "dim0") is not None else 1
    return [
        _axis(file, member(group, f"dim{first + index}"), count)
        for index, count in enumerate(shape)
    ]


def _axis(file: Path, vector: Any, count: int) -> Axis:
    if vector is None:
        return Axis()
    name, units = text_of(vector.attrs, "name"), text_of(vector.attrs, "units")
    numbers = vector.dtype.kind in "iuf" and vector.ndim == 1
    if not numbers or vector.size not in (2, count):
        return Axis(name, units)
    values = load_dataset(file, vector).astype(np.float64)
    if values.size == count > 1:
        return Axis(name, units, values=values)
    if values.size == 1:
        # One position tells an angle, but no distance between pixels.
        return Axis(name, "" if nm_per_unit(units) else units, offset=float(values[0]))
    # Two values for a longer axis are its first two positions.
    return Axis(name, units, scale=float(values[1] - values[0]), offset=float(values[0]))
