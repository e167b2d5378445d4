"""TIFF stacks: one page an image, with the voxel size as ImageJ or OME write it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.stack import Stack

__all__ = ["read_tiff_images", "read_tiff_series", "write_tiff_volume"]

_UNIT_NM = {
    "nm": 1.0,
    "nanometer": 1.0,
    "micron": 1e3,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "\\u00b5m": 1e3,
    "angstrom": 0.1,
    "å": 0.1,
    "pm": 1e-3,
    "mm": 1e6,
}
_LARGEST_BYTES = 2**32 - 2**20
_KEY = "em_inverse"


def read_tiff_series(path: Path, dataset: str | None = None) -> Stack:
    """Read a multi-page TIFF as ``[tilt, row, column]``; a single page is one projection."""
    data, facts = read_tiff_images(path)
    return Stack(data=data, pixel_size_nm=facts.pop("pixel_size_nm"), metadata=facts)


def read_tiff_images(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the pages ``[page, row, column]`` and what the file says about them.

    The facts always hold ``pixel_size_nm`` (None when unknown), and ``provenance`` when the kit
    wrote the file.
    """
    import tifffile

    file = existing_file(path)
    with reading(file, "a TIFF file"):
        _check_chain(file)
    with reading(file, "a TIFF file"), tifffile.TiffFile(file) as tiff:
        series = tiff.series[0]
        page = series.keyframe
        if page.samplesperpixel != 1 or series.dtype.kind not in "biuf":
            raise FileFormatError(
                f"{str(file)!r} holds pages with axes {series.axes!r}, {page.samplesperpixel} "
                f"sample(s) a pixel and type {series.dtype}; grey images of real numbers are "
                f"needed. Convert colour pictures to grey, and use the raw data where you can."
            )
        stored = _check_pages(file, series)
        check_size(file, series.size * series.dtype.itemsize, stored)
        data = series.asarray().reshape(-1, page.imagelength, page.imagewidth)
        facts: dict[str, Any] = {"pixel_size_nm": _pixel_size(tiff, page)}
        provenance = _record((tiff.imagej_metadata or {}).get("Info"))
        if provenance is not None:
            if not isinstance(provenance, dict):
                raise FileFormatError(
                    f"{str(file)!r}: the entry 'em_inverse' of its Info is not the JSON object "
                    f"that the kit writes. Remove the entry, or read the pages with tifffile."
                )
            facts["provenance"] = provenance
    return data, facts


def write_tiff_volume(
    path: Path, data: np.ndarray, pixel_size_nm: float | None, provenance: dict[str, Any]
) -> None:
    """Write ``[z, y, x]`` float32 as an ImageJ stack with the provenance as JSON beside it."""
    import tifffile

    if data.nbytes > _LARGEST_BYTES:
        raise ParameterError(
            f"the volume of shape {data.shape} takes {data.nbytes:,} bytes; an ImageJ TIFF holds "
            f"up to 4 GiB. Write an .mrc or .h5 file."
        )
    # ImageJ shows this entry under Image > Show Info.
    info = json.dumps({_KEY: provenance})
    metadata: dict[str, Any] = {"axes": "TZCYXS", "Info": info}
    scale: dict[str, Any] = {}
    if pixel_size_nm is not None:
        metadata.update(spacing=repr(pixel_size_nm), unit="nm")
        scale["resolution"] = (1.0 / pixel_size_nm, 1.0 / pixel_size_nm)
        scale["resolutionunit"] = "NONE"
    # All six axes are named because short ones would be taken for colour samples.
    pages = data[np.newaxis, :, np.newaxis, :, :, np.newaxis]
    tifffile.imwrite(path, pages, imagej=True, metadata=metadata, **scale)


def _record(info: Any) -> Any:
    """Return what this kit wrote into the Info of an ImageJ file, or None where it did not."""
    try:
        record = json.loads(info)
    except (TypeError, ValueError):
        return None
    return record.get(_KEY) if isinstance(record, dict) else None


def _check_chain(file: Path) -> None:
    """Follow the page directories to the end, which tifffile gives up on without an error."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        version = 0 if order is None else struct.unpack(order + "H", head[2:4])[0]
        if order is None or version not in (42, 43):
            raise FileFormatError(
                f"{str(file)!r} is not a TIFF file: it lacks the TIFF signature. It is damaged, "
                f"or its name ends as it should not."
            )
        big = version == 43
        count_format, offset_format, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
        count_bytes, offset_bytes = struct.calcsize(count_format), struct.calcsize(offset_format)
        start = 8 if big else 4
        (offset,) = struct.unpack(order + offset_format, head[start : start + offset_bytes])
        seen: set[int] = set()
        while offset:
            if offset in seen or offset + count_bytes > size:
                raise FileFormatError(
                    f"{str(file)!r} was cut off or damaged: the entry of page {len(seen) + 1} "
                    f"points to byte {offset:,}, but the file has {size:,} bytes. Copy it again."
                )
            seen.add(offset)
            stream.seek(offset)
            (entries,) = struct.unpack(order + count_format, stream.read(count_bytes))
            stream.seek(offset + count_bytes + entries * entry)
            (offset,) = struct.unpack(order + offset_format, stream.read(offset_bytes))


def _check_pages(file: Path, series: Any) -> int:
    size = file.stat().st_size
    pages = [page for page in series.pages if page is not None]
    if series.dataoffset is not None:
        end = series.dataoffset + series.size * series.dtype.itemsize
        stored = end - series.dataoffset
    else:
        ends = [
            offset + count
            for page in pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
        end = max(ends, default=0)
        stored = sum(sum(page.databytecounts) for page in pages)
    if end > size or stored == 0:
        raise FileFormatError(
            f"{str(file)!r} was cut off: its pages reach to byte {end:,}, but the file has "
            f"{size:,} bytes. Copy it again."
        )
    return stored


def _pixel_size(tiff: Any, page: Any) -> float | None:
    if tiff.is_ome:
        return _ome_pixel_size(tiff.ome_metadata)
    unit = (tiff.imagej_metadata or {}).get("unit")
    if not isinstance(unit, str) or unit.lower() not in _UNIT_NM or "XResolution" not in page.tags:
        return None
    spacing = (tiff.imagej_metadata or {}).get("spacing")
    numerator, denominator = page.tags["XResolution"].value
    if numerator <= 0 or denominator <= 0:
        return None
    along_row = denominator / numerator
    if isinstance(spacing, float | int) and np.isclose(spacing, along_row, rtol=1e-4):
        along_row = float(spacing)
    return along_row * _UNIT_NM[unit.lower()]


def _ome_pixel_size(text: str) -> float | None:
    import xml.etree.ElementTree as ElementTree

    pixels = next(
        (item for item in ElementTree.fromstring(text).iter() if item.tag.endswith("Pixels")), None
    )
    size = None if pixels is None else pixels.get("PhysicalSizeX")
    if pixels is None or size is None:
        return None
    unit = pixels.get("PhysicalSizeXUnit", "µm").lower()
    value = float(size) * _UNIT_NM.get(unit, np.nan)
    return value if np.isfinite(value) and value > 0 else None
