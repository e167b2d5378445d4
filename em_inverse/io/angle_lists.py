"""Lists of tilt angles that lie in a folder of images."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from em_inverse.errors import FileFormatError, GeometryError, check_angles
from em_inverse.io.angles import read_angles

__all__ = ["is_angle_list", "listed_for", "named_angles"]

_LISTS = ("angles.txt", "angles.csv", "tilt_angles.txt", "tilt_angles.csv", "tilts.txt")


def is_angle_list(file: Path) -> bool:
    """Whether a file in a folder of images is, by its name, a list of their angles."""
    return file.suffix.lower() in (".rawtlt", ".tlt") or file.name.lower() in _LISTS


def listed_for(folder: Path, files: Sequence[Path]) -> tuple[np.ndarray, str] | None:
    """Return the angles that a list in or beside `folder` gives, and its name; None without one.

    The list is plain, in the order of `files`, or its lines name the files. Of several lists the
    one that is called as the folder is counts.

    Raises
    ------
    GeometryError
        When there are several lists, or one that leaves out a file.
    FileFormatError
        When the list is damaged.
    """
    present = [one for one in sorted(folder.iterdir()) if one.is_file() and is_angle_list(one)]
    own = [one for one in present if one.stem == folder.name]
    beside = [folder.with_name(folder.name + ending) for ending in (".rawtlt", ".tlt")]
    present = own or present or [one for one in beside if one.is_file()][:1]
    if not present:
        return None
    if len(present) > 1:
        raise GeometryError(
            f"{str(folder)!r} holds several lists of tilt angles: "
            f"{', '.join(repr(one.name) for one in present)}. Pass the right one as angles."
        )
    by_file = _angles_by_file(present[0], files)
    return (read_angles(present[0]) if by_file is None else by_file), f"file {present[0].name}"


def _angles_by_file(table: Path, files: Sequence[Path]) -> np.ndarray | None:
    """Read a list whose lines are ``name of a file, angle``; None when it is a plain list."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    angles = named_angles(text, table, files)
    if angles is None:
        return None
    missing = [one.name for k, one in enumerate(files) if k not in angles]
    if missing:
        raise GeometryError(
            f"{str(table)!r} gives no angle for {len(missing)} of {len(files)} files "
            f"({', '.join(missing[:3])}). Add a line for each, or move them away."
        )
    return check_angles([angles[k] for k in range(len(files))])


def named_angles(text: str, table: Path, files: Sequence[Path]) -> dict[int, float] | None:
    """Return the angles, by index in `files`, of those files that lines of a list name.

    Parameters
    ----------
    text : str
        What the list says: lines of ``name of a file, angle``.
    table : Path
        The list, for the messages.
    files : sequence of Path
        The files that the lines may name, with or without their endings.

    Returns
    -------
    dict or None
        None when no line names any of the files: a plain list, or one of other files.

    Raises
    ------
    FileFormatError
        When an angle is not a number within ±360.
    """
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(text.splitlines(), delimiter=";" if ";" in text else ",")
        if len(row) >= 2
    ]
    # A stem that is a bare number could be mistaken for an angle of a plain list.
    wanted = {one.stem: k for k, one in enumerate(files) if any(map(str.isalpha, one.stem))}
    wanted |= {one.name: k for k, one in enumerate(files)}
    angles: dict[int, str] = {wanted[row[0]]: row[1] for row in rows if row[0] in wanted}
    if not angles:
        return None
    try:
        numbers = check_angles([float(said.replace(",", ".")) for said in angles.values()])
    except ValueError as error:
        raise FileFormatError(
            f"{str(table)!r} holds an angle that is not a number within ±360 ({error}). Each line "
            f"is: name of the file, angle in degrees."
        ) from None
    return dict(zip(angles, numbers.tolist(), strict=True))
