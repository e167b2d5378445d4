"""DigitalMicrograph images and image stacks: .dm3 and .dm4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.calibration import TILT_NAMES, Axis, plausible_angles, stack_from_axes
from em_inverse.io.dm_tags import DmArray, dm_text, read_dm_tags
from em_inverse.io.named import choose_dataset, normalised
from em_inverse.io.stack import Stack

__all__ = ["read_dm_series"]

_TYPES = {
    1: "i2",
    2: "f4",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    14: "u1",
    39: "i8",
    40: "u8",
}
_NOT_REAL = {3: "complex", 5: "packed complex", 8: "colour", 13: "complex", 23: "colour"}


@dataclass(frozen=True)
class _Image:
    """One entry of the file's list of images that holds real numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype
    data: DmArray
    axes: list[Axis]
    tags: Mapping[str, Any]


def read_dm_series(path: Path, dataset: str | None = None) -> Stack:
    """Read an image or a stack of images from a .dm3 or .dm4 file.

    The small preview that DigitalMicrograph adds is left out. Of several images `dataset` names
    one. Angles come from a list of tilt angles among the image's tags, from an axis calibrated in
    degrees, or, for a single image, from ``Microscope Info : Stage Position : Stage Alpha``.

    Raises
    ------
    FileFormatError
        When the file is damaged, or holds no image of real numbers.
    ParameterError
        When it holds several images and `dataset` names none of them.
    """
    file = Path(path)
    images, notes = _images(file, read_dm_tags(file))
    shapes = {name: image.shape for name, image in images.items()}
    chosen = choose_dataset(shapes, dataset, file)
    image = images[chosen]
    data = image.data.load(image.dtype).reshape(image.shape)
    count = image.shape[0] if len(image.shape) == 3 else 1
    stack = stack_from_axes(
        data,
        image.axes,
        file,
        stated=_listed_angles(image.tags, count, file),
        stage_alpha_deg=_number(
            _group(image.tags, "Microscope Info", "Stage Position").get("Stage Alpha")
        ),
    )
    stack.notes[:0] = notes
    stack.metadata["dataset"] = chosen
    return stack


def _images(file: Path, tags: Mapping[str, Any]) -> tuple[dict[str, _Image], list[str]]:
    entries = list(_group(tags, "ImageList").items())
    if not entries:
        raise FileFormatError(
            f"{str(file)!r} holds no list of images. Save the data from DigitalMicrograph as an "
            f"image, not as a script or a layout."
        )
    previews = {
        str(thumbnail.get("ImageIndex"))
        for thumbnail in _group(tags, "Thumbnails").values()
        if isinstance(thumbnail, dict)
    }
    images: dict[str, _Image] = {}
    notes = []
    for index, (key, entry) in enumerate(entries):
        if str(index) in previews or not isinstance(entry, dict):
            continue
        name = dm_text(entry.get("Name")) or f"image {key}"
        kind = _group(entry, "ImageData").get("DataType")
        if kind in _TYPES:
            unique = name if name not in images else f"{name} ({index})"
            images[unique] = _image(file, name, entry, np.dtype(_TYPES[kind]))
        else:
            what = _NOT_REAL.get(kind, f"of the unknown type {kind}")  # type: ignore[arg-type]
            notes.append(f"image {name!r} is {what} and is left out")
    return images, notes


def _image(file: Path, name: str, entry: Mapping[str, Any], dtype: np.dtype) -> _Image:
    data = _group(entry, "ImageData").get("Data")
    lengths = list(_group(entry, "ImageData", "Dimensions").values())
    whole = all(isinstance(n, int) and n >= 1 for n in lengths) and bool(lengths)
    needed = dtype.itemsize
    for length in lengths if whole else []:
        needed *= length
    if not whole or not isinstance(data, DmArray) or data.nbytes != needed:
        kept = f"{data.nbytes:,} bytes" if isinstance(data, DmArray) else "no numbers"
        raise FileFormatError(
            f"{str(file)!r}: image {name!r} announces the lengths {lengths} in {dtype}, but holds "
            f"{kept}. The file is damaged; copy it again."
        )
    calibrated = list(_group(entry, "ImageData", "Calibrations", "Dimension").values())
    axes = [_axis(calibrated[k] if k < len(calibrated) else None) for k in range(len(lengths))]
    # The file counts its fastest axis first.
    several = [k for k in range(len(lengths) - 1, -1, -1) if k < 3 or lengths[k] > 1]
    return _Image(
        shape=tuple(lengths[k] for k in several),
        dtype=dtype,
        data=data,
        axes=[axes[k] for k in several],
        tags=_group(entry, "ImageTags"),
    )


def _axis(calibration: Any) -> Axis:
    if not isinstance(calibration, dict):
        return Axis()
    scale, origin = _number(calibration.get("Scale")), _number(calibration.get("Origin"))
    scale = 1.0 if scale is None else scale
    return Axis(
        units=dm_text(calibration.get("Units")),
        scale=scale,
        offset=-scale * (origin or 0.0),
    )


def _listed_angles(
    tags: Mapping[str, Any], count: int, file: Path
) -> tuple[np.ndarray | None, str]:
    for name, value in _leaves(tags):
        if normalised(name) not in TILT_NAMES:
            continue
        if isinstance(value, DmArray):
            fits = value.count == count and value.dtype.kind in "iuf"
            numbers: Any = value.load() if fits else []
        else:
            numbers = list(value.values())
        angles = plausible_angles(numbers, count)
        if angles is not None:
            return angles, f"tag {name!r} of {file.name}"
    return None, ""


def _leaves(group: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield arrays, and groups that may be lists of numbers, wherever they lie below `group`."""
    for name, value in group.items():
        if isinstance(value, dict):
            yield name, value
            yield from _leaves(value)
        elif isinstance(value, DmArray):
            yield name, value


def _group(tags: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the group that `names` lead to; an empty one where there is none."""
    here: Any = tags
    for name in names:
        here = here.get(name)
        if not isinstance(here, dict):
            return {}
    return dict(here)


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)
