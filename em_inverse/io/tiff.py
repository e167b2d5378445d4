"""TIFF stacks: one page an image, with the voxel size as ImageJ or OME write it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.series_account import take_account
from em_inverse.io.stack import Stack
from em_inverse.io.units import nm_per_unit

__all__ = ["read_tiff_images", "read_tiff_series", "write_tiff_stack"]

_LARGEST_BYTES = 2**32 - 2**20
_KEY = "em_inverse"


def read_tiff_series(path: Path, dataset: str | None = None) -> Stack:
    """Read a multi-page TIFF as ``[tilt, row, column]``; a single page is one projection."""
    data, facts = read_tiff_images(path)
    notes, account = facts.pop("notes"), facts.pop("provenance", None)
    stack = Stack(data=data, pixel_size_nm=facts.pop("pixel_size_nm"), notes=notes)
    take_account(stack, account, f"metadata of {path.name}")
    return stack


def read_tiff_images(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the pages ``[page, row, column]`` and what the file says about them.

    The facts always hold ``pixel_size_nm`` (None when unknown) and ``notes``, and ``provenance``
    when the kit wrote the file. Pages may be counted by one axis only: time, z or channel, as
    ImageJ and OME call them.
    """
    import tifffile

    file = existing_file(path)
    with reading(file, "a TIFF file"):
        _check_chain(file)
    with reading(file, "a TIFF file"), tifffile.TiffFile(file) as tiff:
        parts, notes = _parts(tiff)
        for part in parts:
            _check_axes(file, part)
        page = parts[0].keyframe
        stored = sum(_check_pages(file, part) for part in parts)
        check_size(file, sum(part.size * part.dtype.itemsize for part in parts), stored)
        images = [part.asarray().reshape(-1, page.imagelength, page.imagewidth) for part in parts]
        data = images[0] if len(images) == 1 else np.concatenate(images)
        facts: dict[str, Any] = {"pixel_size_nm": _pixel_size(tiff, page), "notes": notes}
        provenance = _record(_info(tiff))
        if provenance is not None:
            if not isinstance(provenance, dict):
                raise FileFormatError(
                    f"{str(file)!r}: the entry 'em_inverse' of its Info is not the JSON object "
                    f"that the kit writes. Remove the entry, or read the pages with tifffile."
                )
            facts["provenance"] = provenance
    return data, facts


def write_tiff_stack(
    path: Path,
    data: np.ndarray,
    pixel_size_nm: float | None,
    account: dict[str, Any],
    *,
    axis: str,
    ome: bool,
) -> None:
    """Write ``[page, y, x]`` float32 for ImageJ or as OME-TIFF, with its account as JSON.

    Parameters
    ----------
    path : Path
        The file.
    data : ndarray, shape (n_pages, ny, nx)
        The pages.
    pixel_size_nm : float, optional
        Edge of a pixel, and of a voxel where the pages are sections.
    account : dict
        Goes into the Info that ImageJ shows, or the description of the image in OME.
    axis : {"Z", "T"}
        What the pages are: sections of a volume, or tilts.
    ome : bool
        OME-TIFF, which has no limit of 4 GiB.
    """
    import tifffile

    info = json.dumps({_KEY: account})
    if ome:
        sizes: dict[str, Any] = {}
        for name in "XYZ" if axis == "Z" else "XY":
            if pixel_size_nm is not None:
                sizes[f"PhysicalSize{name}"] = pixel_size_nm
                sizes[f"PhysicalSize{name}Unit"] = "nm"
        tifffile.imwrite(
            path,
            data,
            ome=True,
            photometric="minisblack",
            metadata={"axes": f"{axis}YX", "Description": info, **sizes},
        )
        return
    if data.nbytes > _LARGEST_BYTES:
        raise ParameterError(
            f"the array of shape {data.shape} takes {data.nbytes:,} bytes; an ImageJ TIFF holds "
            f"up to 4 GiB. Write an .ome.tif, .mrc or .h5 file."
        )
    # ImageJ shows this entry under Image > Show Info.
    metadata: dict[str, Any] = {"axes": "TZCYXS", "Info": info}
    scale: dict[str, Any] = {}
    if pixel_size_nm is not None:
        metadata.update(spacing=repr(pixel_size_nm), unit="nm")
        scale["resolution"] = (1.0 / pixel_size_nm, 1.0 / pixel_size_nm)
        scale["resolutionunit"] = "NONE"
    # All six axes are named because short ones would be taken for colour samples.
    pages = data[:, np.newaxis] if axis == "T" else data[np.newaxis]
    pages = pages[:, :, np.newaxis, :, :, np.newaxis]
    tifffile.imwrite(path, pages, imagej=True, metadata=metadata, **scale)


def _parts(tiff: Any) -> tuple[list[Any], list[str]]:
    """Return what belongs to the stack: the first series, or all where they are alike.

    A program that appends page after page leaves as many series as pages.
    """
    first, *others = tiff.series
    alike = [one for one in others if one.shape == first.shape and one.dtype == first.dtype]
    if not others or (len(alike) == len(others) and len(first.shape) == 2):
        return [first, *others], []
    note = (
        f"the file holds {len(others)} more picture(s) or stack(s), such as a thumbnail; only the "
        f"first, of shape {first.shape}, is read"
    )
    return [first], [note]


def _check_axes(file: Path, part: Any) -> None:
    if part.keyframe.samplesperpixel != 1 or part.dtype.kind not in "biuf":
        raise FileFormatError(
            f"{str(file)!r} holds pages with axes {part.axes!r}, {part.keyframe.samplesperpixel} "
            f"sample(s) a pixel and type {part.dtype}; grey images of real numbers are "
            f"needed. Convert colour pictures to grey, and use the raw data where you can."
        )
    counting = [
        f"{name} of {length}"
        for name, length in zip(part.axes, part.shape, strict=True)
        if name not in "YXS" and length > 1
    ]
    if len(counting) > 1:
        raise FileFormatError(
            f"{str(file)!r} counts its pages along several axes: {', '.join(counting)} (C: "
            f"channels, T: times, Z: sections). Save one channel of one series as a plain stack."
        )


def _info(tiff: Any) -> str | None:
    if tiff.is_ome:
        return next(
            (item.text for item in _ome(tiff.ome_metadata) if item.tag.endswith("Description")),
            None,
        )
    return (tiff.imagej_metadata or {}).get("Info")


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
    per_unit = nm_per_unit(unit.replace("\\u00b5", "µ")) if isinstance(unit, str) else None
    if per_unit is None or "XResolution" not in page.tags:
        return None
    spacing = (tiff.imagej_metadata or {}).get("spacing")
    numerator, denominator = page.tags["XResolution"].value
    if numerator <= 0 or denominator <= 0:
        return None
    along_row = denominator / numerator
    if isinstance(spacing, float | int) and np.isclose(spacing, along_row, rtol=1e-4):
        along_row = float(spacing)
    return along_row * per_unit


def _ome_pixel_size(text: str) -> float | None:
    pixels = next((item for item in _ome(text) if item.tag.endswith("Pixels")), None)
    size = None if pixels is None else pixels.get("PhysicalSizeX")
    if pixels is None or size is None:
        return None
    value = float(size) * (nm_per_unit(pixels.get("PhysicalSizeXUnit", "µm")) or np.nan)
    return value if np.isfinite(value) and value > 0 else None


def _ome(text: str) -> Any:
    import xml.etree.ElementTree as ElementTree

    return ElementTree.fromstring(text).iter()
