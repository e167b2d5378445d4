"""Tilt angles and pixel size from the extended header of an MRC file.

Three layouts are understood: one record of integers and floats per image (Agard, and FEI's older
files, whose 12th float is the pixel size in metres), FEI1/FEI2 records, and SerialEM's packed
shorts. Values that cannot be tilt angles are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from em_inverse.io.mrc_account import holds_account

if TYPE_CHECKING:
    from em_inverse.io.mrc import MrcHeader

__all__ = ["SectionFacts", "section_facts"]

_SERIALEM_BYTES = {1: 2, 2: 6, 4: 4, 8: 2, 16: 2, 32: 4}
_FEI_OLD_BYTES, _FEI_OLD_PIXEL = 128, 11


class SectionFacts(NamedTuple):
    """What the extended header says about the images; None where it says nothing usable."""

    angles_deg: np.ndarray | None = None
    pixel_size_nm: float | None = None
    source: str = ""


def section_facts(header: MrcHeader) -> SectionFacts:
    """Return tilt angles (degrees) and pixel size (nm) stated per image, when plausible."""
    first, second = header.per_section
    if not header.extended or holds_account(header):
        return SectionFacts()
    if header.extended_type in (b"FEI1", b"FEI2"):
        return _fei(header)
    serialem_bytes = sum(size for bit, size in _SERIALEM_BYTES.items() if second & bit)
    if header.extended_type == b"SERI" or 0 < first == serialem_bytes:
        return _serialem(header, first, second)
    if first >= 0 and second > 0 and first + second <= 256:
        return _agard(header, first, second)
    return SectionFacts()


def _fei(header: MrcHeader) -> SectionFacts:
    from mrcfile.dtypes import get_ext_header_dtype

    dtype = get_ext_header_dtype(header.extended_type, header.byte_order)
    first_word = np.frombuffer(header.extended[:4].ljust(4, b"\0"), header.byte_order + "i4")
    record_bytes = int(first_word[0])
    count = header.shape[0]
    if record_bytes < dtype.itemsize or count * record_bytes > len(header.extended):
        return SectionFacts()
    starts = range(0, count * record_bytes, record_bytes)
    records = np.array(
        [np.frombuffer(header.extended, dtype, count=1, offset=start)[0] for start in starts]
    )
    pixel = _plausible_pixel(float(records["Pixel size X"][0]) * 1e9)
    return _facts(records["Alpha tilt"], pixel, header)


def _agard(header: MrcHeader, integers: int, floats: int) -> SectionFacts:
    stride = 4 * (integers + floats)
    count = header.shape[0]
    if count * stride > len(header.extended):
        return SectionFacts()
    words = np.frombuffer(header.extended, header.byte_order + "f4", count=count * stride // 4)
    reals = words.reshape(count, -1)[:, integers:]
    pixel = None
    if integers == 0 and stride == _FEI_OLD_BYTES:
        pixel = _plausible_pixel(float(reals[0, _FEI_OLD_PIXEL]) * 1e9)
    return _facts(reals[:, 0], pixel, header)


def _serialem(header: MrcHeader, stride: int, flags: int) -> SectionFacts:
    count = header.shape[0]
    if not flags & 1 or stride < 2 or stride % 2 or count * stride > len(header.extended):
        return SectionFacts()
    words = np.frombuffer(header.extended, header.byte_order + "i2", count=count * stride // 2)
    return _facts(words.reshape(count, -1)[:, 0] / 100.0, None, header)


def _facts(angles: np.ndarray, pixel: float | None, header: MrcHeader) -> SectionFacts:
    angles = np.asarray(angles, dtype=np.float64)
    plausible = (
        bool(np.isfinite(angles).all())
        and float(np.abs(angles).max()) <= 180
        and (angles.size == 1 or float(np.ptp(angles)) >= 0.1)
    )
    if not plausible:
        return SectionFacts(pixel_size_nm=pixel)
    return SectionFacts(np.round(angles, 4), pixel, f"extended header of {header.path.name}")


def _plausible_pixel(size_nm: float) -> float | None:
    if not np.isfinite(size_nm) or not 1e-3 <= size_nm <= 1e5:
        return None
    return float(f"{size_nm:.6g}")
