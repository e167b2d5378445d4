"""Images in the .emd files of Velox.

Every detector has a group under ``Data/Image`` with ``Data[row, column, frame]`` and ``Metadata``,
one column of JSON text per frame, padded with zero bytes. The stage tilt stands there in radians,
the pixel size in metres.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.io.calibration import Axis, plausible_angles, stack_from_axes
from em_inverse.io.hdf5_access import load_dataset, member
from em_inverse.io.named import choose_dataset
from em_inverse.io.stack import Stack

__all__ = ["VELOX_IMAGES", "read_velox_series"]

VELOX_IMAGES = "Data/Image"

_LONGEST_JSON = 4 * 2**20


def read_velox_series(file: Path, h5: Any, dataset: str | None) -> Stack:
    """Read the frames of one detector as ``[tilt, row, column]``.

    Of several detectors `dataset` names one, by the name of the detector or of its group. Frames
    that were all recorded at one stage tilt get no angles: Velox keeps repeated scans so.

    Raises
    ------
    FileFormatError
        When no detector holds images of real numbers.
    ParameterError
        When there are several detectors and `dataset` names none of them.
    """
    images, groups = _images(h5)
    shapes = {name: group["Data"].shape for name, group in images.items()}
    wanted = dataset
    if wanted is not None:
        group_name = wanted.strip("/").removeprefix(VELOX_IMAGES).strip("/")
        wanted = groups.get(group_name, wanted)
    chosen = choose_dataset(shapes, wanted, file)
    group = images[chosen]
    data = load_dataset(file, group["Data"])
    frames = np.ascontiguousarray(np.moveaxis(data, 2, 0))
    facts = [_facts(group, frame) for frame in range(len(frames))]
    axes = [Axis(), _pixel_axis(facts[0], "height"), _pixel_axis(facts[0], "width")]
    angles, alpha, notes = _angles(facts)
    source = f"stage tilt of each frame in {file.name}"
    stack = stack_from_axes(frames, axes, file, stated=(angles, source), stage_alpha_deg=alpha)
    stack.notes[:0] = notes
    stack.metadata["dataset"] = chosen
    return stack


def _images(h5: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the groups of images by a name for people, and that name by the group's own."""
    import h5py

    images: dict[str, Any] = {}
    names: dict[str, str] = {}
    parent = member(h5, VELOX_IMAGES)
    for key in parent if isinstance(parent, h5py.Group) else ():
        data = member(parent, f"{key}/Data")
        real = isinstance(data, h5py.Dataset) and data.dtype.kind in "biuf"
        if not real or data.ndim != 3 or 0 in data.shape:
            continue
        name = _detector(_facts(parent[key], 0)) or key
        unique = name if name not in images else f"{name} ({key})"
        images[unique], names[key] = parent[key], unique
    return images, names


def _facts(group: Any, frame: int) -> dict[str, Any]:
    """Return the JSON of one frame; an empty dictionary where there is none to be understood."""
    metadata = member(group, "Metadata")
    usable = metadata is not None and metadata.dtype == np.uint8 and metadata.ndim == 2
    if not usable or metadata.shape[0] > _LONGEST_JSON or frame >= metadata.shape[1]:
        return {}
    raw = metadata[:, frame].tobytes().split(b"\0")[0]
    try:
        facts = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _angles(
    facts: list[dict[str, Any]],
) -> tuple[np.ndarray | None, float | None, list[str]]:
    tilts = [_float(_inner(frame, "Stage").get("AlphaTilt")) for frame in facts]
    stated = [float(np.degrees(tilt)) for tilt in tilts if tilt is not None]
    if not stated:
        return None, None, []
    if len(facts) == 1:
        return None, round(stated[0], 4), []
    if len(stated) < len(facts):
        told = f"{len(stated)} of {len(facts)} frames state a stage tilt, so none is used"
        return None, None, [told]
    angles = plausible_angles(np.round(stated, 4), len(facts))
    if angles is None:
        return None, round(stated[0], 4), []
    return angles, None, []


def _pixel_axis(facts: Mapping[str, Any], side: str) -> Axis:
    result = _inner(facts, "BinaryResult")
    size = _float(_inner(result, "PixelSize").get(side))
    unit = result.get("PixelUnitX" if side == "width" else "PixelUnitY")
    if size is None or not isinstance(unit, str):
        return Axis()
    return Axis(units=unit, scale=size)


def _detector(facts: Mapping[str, Any]) -> str:
    index = _inner(facts, "BinaryResult").get("DetectorIndex", "0")
    name = _inner(facts, "Detectors", f"Detector-{index}").get("DetectorName")
    own = _inner(facts, "BinaryResult").get("Detector")
    found = own if isinstance(own, str) and own else name
    return found if isinstance(found, str) else ""


def _inner(facts: Mapping[str, Any], *names: str) -> dict[str, Any]:
    here: Any = facts
    for name in names:
        here = here.get(name)
        if not isinstance(here, dict):
            return {}
    return dict(here)


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
