"""Tilt angles from the text files that lie beside a tilt series."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from em_inverse.errors import FileFormatError, check_angles
from em_inverse.files import PathLike
from em_inverse.io.files import existing_file

__all__ = ["Mdoc", "angle_text", "parse_angles", "read_angles", "read_mdoc_beside", "side_file_of"]

_NUMBER = re.compile(r"[+\-−]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"\s*[+\-−]?\d+,\d+\s*")
_SECTION = re.compile(r"\[\s*(ZValue|FrameSet)\s*=\s*(\d+)\s*\]", re.IGNORECASE)
_ENTRY = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*$")
_AXIS_ANGLE = re.compile(r"Tilt axis angle\s*=\s*([+-]?\d+\.?\d*)", re.IGNORECASE)


def read_angles(path: PathLike) -> np.ndarray:
    """Read tilt angles in degrees from a text file (.rawtlt, .tlt, .txt, .csv).

    One angle a line, or several separated by blanks, commas or semicolons; text after ``#`` is
    ignored; a decimal comma is understood when every line holds one number.

    Returns
    -------
    ndarray, shape (n_tilts,)
        Degrees, in the order of the file.

    Raises
    ------
    FileFormatError
        When the file is missing, empty, or holds something that is not a number.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> side_file = pathlib.Path(folder.name) / "series.rawtlt"
    >>> _ = side_file.write_text("-60.0\\n0.0\\n60.0\\n")
    >>> read_angles(side_file)
    array([-60.,   0.,  60.])
    >>> folder.cleanup()
    """
    file = existing_file(path, "angles")
    return parse_angles(angle_text(file), file)


def parse_angles(text: str, file: Path) -> np.ndarray:
    """Return the tilt angles in a text as :func:`read_angles` does; `file` is for the messages."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    filled = [line for line in lines if line.strip()]
    if filled and all(_DECIMAL_COMMA.fullmatch(line) for line in filled):
        lines = [line.replace(",", ".") for line in lines]
    values = []
    for number, line in enumerate(lines, start=1):
        for word in re.split(r"[\s,;]+", line.strip()):
            if not word:
                continue
            if not _NUMBER.fullmatch(word):
                raise FileFormatError(
                    f"{str(file)!r}, line {number}: {word[:40]!r} is not a number. One tilt angle "
                    f"in degrees per line is needed."
                )
            values.append(float(word.replace("−", "-")))
    if not values:
        raise FileFormatError(
            f"{str(file)!r} holds no tilt angle. One angle in degrees per line is needed."
        )
    return check_angles(values)


def angle_text(file: Path) -> str:
    """Return the whole of a small text file; whatever is wrong with it is a FileFormatError."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileFormatError(
            f"{str(file)!r} is not a text file. Tilt angles are read from plain text."
        ) from None
    except OSError as error:
        raise FileFormatError(f"{str(file)!r} could not be read ({error}).") from error


def side_file_of(path: Path) -> Path | None:
    """Return series.rawtlt or series.tlt beside `path`; aligned series prefer the .tlt."""
    aligned = path.suffix.lower() in (".ali", ".rec")
    order = (".tlt", ".rawtlt") if aligned else (".rawtlt", ".tlt")
    return next((file for suffix in order if (file := _beside(path, suffix))), None)


class Mdoc(NamedTuple):
    """What a SerialEM .mdoc says about a series; None where it says nothing usable."""

    name: str
    angles_deg: np.ndarray | None
    pixel_size_nm: float | None
    dose: float | None
    tilt_axis: str | None


def read_mdoc_beside(path: Path) -> Mdoc | None:
    """Read series.mrc.mdoc or series.mdoc beside `path`; None when there is no such file.

    ``PixelSpacing`` is in Å and ``ExposureDose`` in electrons per Å² and image. A title that
    states a tilt axis within 20° of a row or a column of the image settles its direction.

    Raises
    ------
    FileFormatError
        When the file holds no section, or a tilt angle that is not a number.
    """
    mdoc = _beside(path, ".mdoc", whole_name_first=True)
    if mdoc is None:
        return None
    text = angle_text(mdoc)
    header, sections = _parse_mdoc(mdoc, text)
    axis = _AXIS_ANGLE.search(text)
    spacing = _positive(header.get("PixelSpacing") or sections[0].get("PixelSpacing"))
    doses = [_positive(section.get("ExposureDose")) for section in sections]
    angles = None
    if all("TiltAngle" in section for section in sections):
        try:
            angles = check_angles([float(section["TiltAngle"]) for section in sections])
        except ValueError:
            raise FileFormatError(
                f"{str(mdoc)!r}: a TiltAngle entry is not a number within ±360. Mend the file, or "
                f"pass angles=[...]."
            ) from None
    return Mdoc(
        name=mdoc.name,
        angles_deg=angles,
        pixel_size_nm=spacing / 10 if spacing else None,
        dose=100.0 * sum(dose for dose in doses if dose) if all(doses) else None,
        tilt_axis=_axis_direction(float(axis.group(1))) if axis else None,
    )


def _parse_mdoc(mdoc: Path, text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    header: dict[str, str] = {}
    sections: dict[int, dict[str, str]] = {}
    current = header
    for line in text.splitlines():
        section = _SECTION.match(line.strip())
        entry = _ENTRY.match(line)
        if section:
            current = sections.setdefault(int(section.group(2)), {})
        elif entry and not line.lstrip().startswith("["):
            current[entry.group(1)] = entry.group(2)
    if not sections:
        raise FileFormatError(
            f"{str(mdoc)!r} holds no [ZValue = n] section. Mend it, or move it "
            f"away and pass angles=[...]."
        )
    return header, [sections[index] for index in sorted(sections)]


def _axis_direction(angle_deg: float) -> str | None:
    from_vertical = abs((angle_deg + 90.0) % 180.0 - 90.0)
    if from_vertical <= 20:
        return "vertical"
    return "horizontal" if from_vertical >= 70 else None


def _positive(text: str | None) -> float | None:
    try:
        value = float((text or "").split()[0])
    except (ValueError, IndexError):
        return None
    return value if value > 0 and np.isfinite(value) else None


def _beside(path: Path, suffix: str, *, whole_name_first: bool = False) -> Path | None:
    stem, whole = path.with_suffix(suffix), path.with_name(path.name + suffix)
    candidates = (whole, stem) if whole_name_first else (stem, whole)
    return next((file for file in candidates if file.is_file()), None)
