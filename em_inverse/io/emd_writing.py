"""Writing .emd files in the open layout of the Molecular Foundry, version 0.2.

The array lies in a group below ``/data`` that is marked by ``emd_group_type = 1``, as ``data``
with one vector ``dim1``, ``dim2``, ... per axis, which has a name and units. Tomviz, ncempy,
HyperSpy and py4DSTEM read it. Layout: https://emdatasets.com/format/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SERIES_GROUP", "VOLUME_GROUP", "length_axis", "write_emd"]

VOLUME_GROUP, SERIES_GROUP = "data/volume", "data/tilt_series"
_VERSION = (0, 2)

EmdAxis = tuple[str, str, np.ndarray]


def length_axis(name: str, count: int, step_nm: float | None) -> EmdAxis:
    """Return name, units and positions of an axis along the specimen; pixels without a size."""
    if step_nm is None:
        return name, "[px]", np.arange(count, dtype=np.float64)
    return name, "[n_m]", step_nm * np.arange(count)


def write_emd(
    path: Path,
    group: str,
    data: np.ndarray,
    axes: Sequence[EmdAxis],
    attributes: Mapping[str, Any],
) -> None:
    """Write one array with its axes; `attributes` that are None are left out."""
    import h5py

    with h5py.File(path, "w") as h5:
        h5.attrs["version_major"], h5.attrs["version_minor"] = _VERSION
        for empty in ("microscope", "sample", "user", "comments"):
            h5.create_group(empty)
        place = h5.create_group(group)
        place.attrs["emd_group_type"] = 1
        place.create_dataset("data", data=data)
        for number, (name, units, values) in enumerate(axes, start=1):
            vector = place.create_dataset(f"dim{number}", data=values)
            vector.attrs["name"], vector.attrs["units"] = name, units
        for key, value in attributes.items():
            if value is not None:
                place.attrs[key] = value
