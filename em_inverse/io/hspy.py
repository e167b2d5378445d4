"""HyperSpy's own files, .hspy: HDF5 with one group per signal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.io.calibration import Axis, stack_from_axes
from em_inverse.io.hdf5_access import (
    listed_angles,
    load_dataset,
    member,
    number_of,
    opened_hdf5,
    text_of,
)
from em_inverse.io.named import choose_dataset
from em_inverse.io.stack import Stack

__all__ = ["read_hspy_series"]

_SIGNALS = "Experiments"
_STAGES = ("TEM/Stage", "TEM/tilt_stage", "STEM/Stage", "SEM/Stage")


def read_hspy_series(path: Path, dataset: str | None = None) -> Stack:
    """Read one signal of a .hspy file as ``[tilt, row, column]``.

    Of several signals `dataset` names one. Angles come from a list called tilts or tilt_angles in
    the metadata, from an axis in degrees, or, for a single image, from the stage's ``tilt_alpha``.

    Raises
    ------
    FileFormatError
        When the file is damaged, or holds no signal of real numbers with 2 or 3 axes.
    ParameterError
        When it holds several signals and `dataset` names none of them.
    """
    file = Path(path)
    with opened_hdf5(file, "a HyperSpy file") as h5:
        signals = _signals(h5)
        shapes = {name: group["data"].shape for name, group in signals.items()}
        chosen = choose_dataset(shapes, dataset, file)
        signal = signals[chosen]
        data = load_dataset(file, signal["data"])
        axes = [_axis(signal, index, data) for index in range(data.ndim)]
        metadata = member(signal, "metadata")
        stated: tuple[np.ndarray | None, str] = (None, "")
        alpha = None
        if metadata is not None:
            stated = listed_angles(metadata, data.shape[0], file)
            alpha = _stage_alpha(metadata)
    stack = stack_from_axes(data, axes, file, stated=stated, stage_alpha_deg=alpha)
    stack.metadata["dataset"] = chosen
    return stack


def _signals(h5: Any) -> dict[str, Any]:
    """Return the groups that hold images, by name."""
    import h5py

    experiments = member(h5, _SIGNALS)
    found: dict[str, Any] = {}
    for name in experiments if isinstance(experiments, h5py.Group) else ():
        data = member(experiments, f"{name}/data")
        real = isinstance(data, h5py.Dataset) and data.dtype.kind in "biuf"
        if real and data.ndim in (2, 3):
            found[name] = experiments[name]
    return found


def _axis(signal: Any, index: int, data: np.ndarray) -> Axis:
    group = member(signal, f"axis-{index}") or member(signal, f"_list_{data.ndim}_axes/{index}")
    if group is None:
        return Axis()
    values = member(group, "axis")
    listed = None if values is None else np.asarray(values[()], dtype=np.float64)
    if listed is None and "axis" in group.attrs:
        listed = np.asarray(group.attrs["axis"], dtype=np.float64)
    if listed is not None and listed.shape != (data.shape[index],):
        listed = None
    scale, offset = (number_of(group.attrs, key) for key in ("scale", "offset"))
    return Axis(
        name=text_of(group.attrs, "name"),
        units=text_of(group.attrs, "units"),
        scale=1.0 if scale is None else scale,
        offset=offset or 0.0,
        values=listed,
    )


def _stage_alpha(metadata: Any) -> float | None:
    for place in _STAGES:
        stage = member(metadata, f"Acquisition_instrument/{place}")
        alpha = None if stage is None else number_of(stage.attrs, "tilt_alpha")
        if alpha is not None:
            return alpha
    return None
