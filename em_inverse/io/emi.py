"""What the .emi file beside a .ser file tells of the microscope.

An .emi is a binary file with one XML text per detector in it; each describes one .ser file, in
order. Only the stage tilt, the high tension and the magnification are taken from it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.units import degrees_per_unit

__all__ = ["EmiFacts", "emi_beside", "read_emi", "ser_files_of"]

_OBJECT = re.compile(rb"<ObjectInfo>.*?</ObjectInfo>", re.DOTALL)
_NUMBERED = re.compile(r"(.+)_(\d+)$")
_LARGEST_BYTES = 256 * 2**20


class EmiFacts(NamedTuple):
    """What one description says; None where it says nothing usable."""

    stage_alpha_deg: float | None = None
    details: tuple[tuple[str, str], ...] = ()


def emi_beside(ser: Path) -> tuple[Path | None, int]:
    """Return name.emi beside name_2.ser or name.ser, and the number of the .ser (1 if it has none).

    There may be none: ``(None, 1)``.
    """
    numbered = _NUMBERED.match(ser.stem)
    stems = [(ser.stem, 1)]
    if numbered:
        stems.insert(0, (numbered.group(1), int(numbered.group(2))))
    for stem, number in stems:
        for ending in (".emi", ".EMI"):
            emi = ser.with_name(stem + ending)
            if emi.is_file():
                return emi, number
    return None, 1


def ser_files_of(emi: Path) -> list[Path]:
    """Return name_1.ser, name_2.ser, ... and name.ser beside name.emi, in order."""
    pattern = re.compile(re.escape(emi.stem) + r"(?:_(\d+))?\.ser", re.IGNORECASE)
    found = [
        (int(match.group(1) or 0), file)
        for file in emi.parent.iterdir()
        if (match := pattern.fullmatch(file.name))
    ]
    return [file for _, file in sorted(found)]


def read_emi(emi: Path, number: int) -> EmiFacts:
    """Return what the description with this number (counted from 1) says.

    Raises
    ------
    FileFormatError
        When the file cannot be read, or its description is damaged.
    """
    try:
        size = emi.stat().st_size
        raw = emi.read_bytes() if size <= _LARGEST_BYTES else b""
    except OSError as error:
        raise FileFormatError(f"{str(emi)!r} could not be read ({error}).") from error
    texts = _OBJECT.findall(raw)
    if not texts:
        raise FileFormatError(
            f"{str(emi)!r} holds no description of the acquisition (ObjectInfo). It is damaged, or "
            f"no .emi file."
        )
    text = texts[number - 1] if 1 <= number <= len(texts) else texts[0]
    if b"<!" in text:
        raise FileFormatError(
            f"{str(emi)!r} defines entities or a document type, which no microscope does. It is "
            f"refused."
        )
    try:
        tree = ElementTree.fromstring(text.decode("utf-8", "replace"))
    except ElementTree.ParseError as error:
        raise FileFormatError(
            f"{str(emi)!r}: its description is damaged ({error}). Copy the file again."
        ) from error
    return _facts(tree)


def _facts(tree: ElementTree.Element) -> EmiFacts:
    alpha = None
    details = []
    for entry in tree.iter("Data"):
        label, value, unit = (
            (entry.findtext(tag) or "").strip() for tag in ("Label", "Value", "Unit")
        )
        if label == "Stage A":
            alpha = _angle(value, unit)
        elif label in ("High tension", "Magnification", "Mode", "Microscope"):
            details.append((label, f"{value} {unit}".strip()))
    return EmiFacts(alpha, tuple(details))


def _angle(value: str, unit: str) -> float | None:
    per_unit = degrees_per_unit(unit) if unit else 1.0
    try:
        angle = float(value) * (np.nan if per_unit is None else per_unit)
    except ValueError:
        return None
    return angle if abs(angle) <= 360 else None
