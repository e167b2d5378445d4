"""Volumes from .emd files: any order of axes that are named z, y and x."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.io.hdf5_access import load_dataset, member, opened_hdf5, text_of
from em_inverse.io.named import choose_dataset
from em_inverse.io.units import nm_per_unit

__all__ = ["read_emd_volume"]

_FILED = ["z", "y", "x"]


def read_emd_volume(path: Path, dataset: str | None = None) -> tuple[np.ndarray, dict[str, Any]]:
    """Return one volume as ``[z, y, x]`` and the attributes of its group.

    Axes called x, y and z are brought into that order; others stay as filed. ``voxel_size_nm`` is
    taken from the axes when no attribute states it.

    Raises
    ------
    FileFormatError
        When the file is damaged, or holds no array of 3 axes.
    ParameterError
        When it holds several, and `dataset` names none of them by the path of its group.
    """
    file = Path(path)
    with opened_hdf5(file, "an EMD file") as h5:
        groups = _groups(h5)
        wanted = None if dataset is None else dataset.strip("/").removesuffix("/data")
        shapes = {name: group["data"].shape for name, group in groups.items()}
        group = groups[choose_dataset(shapes, wanted, file)]
        data = load_dataset(file, group["data"])
        attributes = dict(group.attrs)
        vectors = [member(group, f"dim{number}") for number in (1, 2, 3)]
        names = [text_of(one.attrs, "name").lower() if one is not None else "" for one in vectors]
        if attributes.get("voxel_size_nm") is None:
            attributes["voxel_size_nm"] = _step_nm(vectors[-1])
    if sorted(names) == sorted(_FILED):
        data = data.transpose([names.index(name) for name in _FILED])
    return data, attributes


def _groups(h5: Any) -> dict[str, Any]:
    import h5py

    found: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and member(item, "dim1") is not None:
            data = member(item, "data")
            if isinstance(data, h5py.Dataset) and data.ndim == 3 and data.dtype.kind in "biuf":
                found[name] = item

    h5.visititems(collect)
    return found


def _step_nm(vector: Any) -> float | None:
    if vector is None or vector.ndim != 1 or vector.size < 2 or vector.dtype.kind not in "iuf":
        return None
    per_unit = nm_per_unit(text_of(vector.attrs, "units"))
    if per_unit is None:
        return None
    return float(vector[1] - vector[0]) * per_unit
