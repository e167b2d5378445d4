"""A folder of numbered images, one projection a file, read as one tilt series."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from em_inverse.errors import (
    FileFormatError,
    GeometryError,
    check_angles,
)
from em_inverse.files import PathLike, expanded
from em_inverse.io.angle_lists import is_angle_list, listed_for
from em_inverse.io.angles import read_mdoc_beside
from em_inverse.io.files import MissingFileError, check_size
from em_inverse.io.name_angles import NameAngle, angles_from_names, stem_of
from em_inverse.io.stack import Stack

__all__ = ["folder_of", "image_of", "images_in", "natural_order", "read_folder_series"]

Reader = Callable[[Path, str | None], Stack]

_WILD = re.compile(r"[*?\[]")
_BESIDE = (".mdoc", ".emi")
_NEVER = frozenset({"thumbs.db", "desktop.ini"})
_SAME_ANGLE_DEG = 1.0
"""Names often round the angle to whole degrees."""


def folder_of(path: PathLike) -> Path | None:
    """Return the folder that `path` names, itself or as ``folder/tilt_*.tif``; None for a file."""
    target = expanded(path)
    try:
        if target.is_dir():
            return target
        if target.exists() or not _WILD.search(target.name):
            return None
    except OSError:
        return None
    if not target.parent.is_dir():
        raise MissingFileError(
            f"path {str(target)!r}: there is no folder {str(target.parent)!r}. Wildcards are "
            f"understood in the last part of the path only."
        )
    return target.parent


def images_in(path: PathLike, formats: Mapping[str, Reader]) -> tuple[list[Path], list[str]]:
    """Return the images of a folder, or those that ``folder/tilt_*.tif`` names, and notes.

    Hidden files, Thumbs.db, .ini and whatever else is no image is left out.

    Raises
    ------
    FileFormatError
        When there is no image, or when there are images of several formats.
    """
    target = expanded(path)
    folder = target if target.is_dir() else target.parent
    try:
        listed = sorted(folder.iterdir() if target.is_dir() else folder.glob(target.name))
    except (OSError, ValueError) as error:
        raise FileFormatError(f"path {str(target)!r} cannot be listed ({error}).") from error
    files = [one for one in listed if one.is_file() and not one.name.startswith(".")]
    images = [one for one in files if one.suffix.lower() in formats]
    if any(one.suffix.lower() == ".ser" for one in images):
        # An .emi file holds what its .ser file lacks, and is read with it.
        images = [one for one in images if one.suffix.lower() != ".emi"]
    if not images:
        raise FileFormatError(
            f"{str(target)!r} holds no image that could be a projection ({len(files)} other "
            f"files). Allowed: {', '.join(formats)}."
        )
    kinds: dict[Reader, list[Path]] = {}
    for one in images:
        kinds.setdefault(formats[one.suffix.lower()], []).append(one)
    if len(kinds) > 1:
        listing = ", ".join(
            f"{len(group)} × {group[0].suffix} ({group[0].name!r})" for group in kinds.values()
        )
        raise FileFormatError(
            f"{str(target)!r} holds images of several formats: {listing}. Say which with a "
            f"pattern, for instance {str(folder / ('*' + images[0].suffix))!r}."
        )
    ignored = [
        one.name
        for one in files
        if one not in images
        and not is_angle_list(one)
        and one.suffix.lower() not in (".mdoc", ".emi")
    ]
    plain = [name for name in ignored if name.lower() not in _NEVER]
    notes = []
    if plain:
        shown = ", ".join(plain[:5]) + (", …" if len(plain) > 5 else "")
        notes.append(f"left out, as no image: {shown}")
    return images, notes


def read_folder_series(
    images: Sequence[Path],
    notes: Sequence[str],
    read: Callable[[Path], Stack],
    *,
    given: tuple[np.ndarray, str] | None = None,
    same_pixels: bool = True,
) -> Stack:
    """Read one image a file as ``[tilt, row, column]``.

    The order is the natural one of the names (9 before 10), in which the angle in a name counts
    as the number it is (−34 before −32 before 0). Angles come from, in this order: a list in the
    folder (.rawtlt, .tlt, angles.txt, angles.csv) or beside it (folder.rawtlt, folder.tlt), the
    metadata of every file, the file names. The lines of a list may also name the files.

    Parameters
    ----------
    images : sequence of Path
        The files.
    notes : sequence of str
        What is known to be odd already.
    read : callable
        Reads one file.
    given : tuple of ndarray and str, optional
        Angles that the caller has, in the order of the files, and where they come from.
    same_pixels : bool
        Refuse images whose pixel sizes differ.

    Raises
    ------
    FileFormatError
        When a file cannot be read, holds several images, or differs in shape or type.
    GeometryError
        When pixel sizes differ, or angles contradict the file names.
    """
    folder = images[0].parent
    try:
        named, unreadable = angles_from_names([one.name for one in images]), ""
    except GeometryError as error:
        named, unreadable = None, str(error)
    order = natural_order(images, named)
    files = [images[k] for k in order]
    named = [named[k] for k in order] if named else None
    data, stacks = _load(files, read)
    stack = Stack(
        data=data,
        pixel_size_nm=_common_pixel_size(files, stacks, same_pixels),
        dose=_total([one.dose for one in stacks]),
        tilt_axis=stacks[0].tilt_axis if len({one.tilt_axis for one in stacks}) == 1 else None,
        notes=[*notes, *_numbering(files, named), *_collected(files, stacks)],
        metadata={"files": [one.name for one in files]},
    )
    by_name = None if named is None else np.array([one.angle_deg for one in named])
    listed = given or listed_for(folder, files)
    stated = _stated(files, stacks, stack.notes)
    if listed is not None:
        stack.angles_deg, stack.angle_source = listed
        if by_name is not None:
            _check_order(stack, by_name)
    elif stated is not None:
        stack.angles_deg, stack.angle_source = stated, "metadata of each file"
    elif by_name is not None:
        stack.angles_deg = by_name
        stack.angle_source = f"file names ({files[0].name}: {by_name[0]:g})"
    if by_name is not None and stack.angles_deg is not None:
        _compare(stack, by_name)
    stack.angles_sought = unreadable or (
        f"there is no .rawtlt, .tlt, angles.txt or angles.csv in {str(folder)!r}, the files' "
        f"metadata hold none, and their names state none (seen: {_first_names(files)}; understood "
        f"are names such as needle_-34.0deg.tif, tilt_m034.png, img_0034_tilt+12.5.tif)."
    )
    return stack


def image_of(stack: Stack, file: Path) -> np.ndarray:
    """Return the only image of a stack as ``[row, column]``."""
    data = stack.data[0] if stack.data.ndim == 3 and stack.data.shape[0] == 1 else stack.data
    if data.ndim != 2:
        raise FileFormatError(
            f"{str(file)!r} holds {stack.data.shape[0]} images (shape {stack.data.shape}); one "
            f"projection per file is needed here. Read that file by itself if it is the series."
        )
    return data


def natural_order(images: Sequence[Path], named: Sequence[NameAngle] | None = None) -> list[int]:
    """Return the indices of `images` in the natural order of their names (9 before 10).

    With `named`, the angles that the names state count as the numbers they are (−34 before −32).

    Examples
    --------
    >>> natural_order([Path("a_10.tif"), Path("a_9.tif")])
    [1, 0]
    """

    def key(index: int) -> list[tuple[int, float, str]]:
        stem = stem_of(images[index].name)
        if named is None:
            return _natural(stem)
        angle = named[index]
        return [
            *_natural(stem[: angle.start]),
            (0, angle.angle_deg, ""),
            *_natural(stem[angle.end :]),
        ]

    return sorted(range(len(images)), key=lambda index: (key(index), images[index].name))


def _natural(text: str) -> list[tuple[int, float, str]]:
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(0, float(part), "") if part.isdecimal() else (1, 0.0, part) for part in parts]


def _load(files: Sequence[Path], read: Callable[[Path], Stack]) -> tuple[np.ndarray, list[Stack]]:
    stacks: list[Stack] = []
    data = np.empty(0)
    for index, file in enumerate(files):
        stack = read(file)
        image = image_of(stack, file)
        if index == 0:
            stored = sum(one.stat().st_size for one in files)
            check_size(file.parent, image.nbytes * len(files), max(stored, image.nbytes))
            data = np.empty((len(files), *image.shape), image.dtype)
        elif image.shape != data.shape[1:] or image.dtype != data.dtype:
            raise FileFormatError(
                f"{str(file)!r} is an image of {image.shape} pixels and type {image.dtype}, but "
                f"{files[0].name!r} has {data.shape[1:]} and {data.dtype}: they are not one "
                f"series. Move it away, or name the right files with a pattern: 'tilt_*.tif'."
            )
        data[index] = image
        stack.data = np.empty((0, 0))
        stacks.append(stack)
    return data, stacks


def _common_pixel_size(files: Sequence[Path], stacks: Sequence[Stack], same: bool) -> float | None:
    known = [
        (file, stack.pixel_size_nm)
        for file, stack in zip(files, stacks, strict=True)
        if stack.pixel_size_nm is not None
    ]
    if not known:
        return None
    first_file, first = known[0]
    for file, size in known:
        if same and not math.isclose(size, first, rel_tol=1e-3):
            raise GeometryError(
                f"{str(file)!r} states a pixel size of {size:g} nm, {first_file.name!r} of "
                f"{first:g} nm: the magnification changed. Pass pixel_size_nm to read them as one "
                f"series all the same."
            )
    return first


def _collected(files: Sequence[Path], stacks: Sequence[Stack]) -> list[str]:
    """Return every note once, with the number of files that gave it."""
    counts: dict[str, int] = {}
    for stack in stacks:
        for note in stack.notes:
            counts[note] = counts.get(note, 0) + 1
    return [
        note if count == len(files) else f"{count} of {len(files)} files: {note}"
        for note, count in counts.items()
    ]


def _total(doses: Sequence[float | None]) -> float | None:
    known = [dose for dose in doses if dose is not None]
    return math.fsum(known) if len(known) == len(doses) else None


def _stated(files: Sequence[Path], stacks: Sequence[Stack], notes: list[str]) -> np.ndarray | None:
    """Return the angles of the files' own metadata or .mdoc, when every file has exactly one."""
    angles = []
    for file, stack in zip(files, stacks, strict=True):
        own = stack.angles_deg
        if own is None:
            try:
                mdoc = read_mdoc_beside(file)
            except FileFormatError as error:
                notes.append(f"the .mdoc is left out: {error}")
                mdoc = None
            own = None if mdoc is None else mdoc.angles_deg
        if own is not None and np.size(own) == 1:
            angles.append(float(np.ravel(own)[0]))
    if angles and len(angles) < len(files):
        notes.append(f"only {len(angles)} of {len(files)} files state their angle; it is not used")
        return None
    return check_angles(angles) if angles else None


def _check_order(stack: Stack, by_name: np.ndarray) -> None:
    angles = np.asarray(stack.angles_deg)
    if angles.shape != by_name.shape or np.abs(angles - by_name).max() <= _SAME_ANGLE_DEG:
        return
    if np.abs(np.sort(angles) - np.sort(by_name)).max() <= _SAME_ANGLE_DEG:
        raise GeometryError(
            f"the angles of {stack.angle_source} are those in the file names, in another order, so "
            f"they would go to the wrong images. Leave them out (the names are enough), or make a "
            f"list with lines of 'file name, angle'."
        )


def _compare(stack: Stack, by_name: np.ndarray) -> None:
    angles = np.asarray(stack.angles_deg)
    if angles.shape != by_name.shape:
        return
    worst = float(np.abs(angles - by_name).max())
    if worst > _SAME_ANGLE_DEG:
        stack.notes.append(
            f"angles from {stack.angle_source} differ from those in the file names by up to "
            f"{worst:.3g} degrees; the former are used"
        )


def _numbering(files: Sequence[Path], named: Sequence[NameAngle] | None) -> list[str]:
    """Return a note about numbers that are missing in the running numbers of the names."""
    stems = [stem_of(one.name) for one in files]
    if named is not None:
        stems = [
            stem[: one.start] + "@" + stem[one.end :]
            for stem, one in zip(stems, named, strict=True)
        ]
    shapes = {re.sub(r"\d+", "#", stem) for stem in stems}
    if len(shapes) > 1:
        return [f"the file names follow {len(shapes)} patterns: is it one series?"]
    columns = list(zip(*(re.findall(r"\d+", stem) for stem in stems), strict=True))
    running = [[int(text) for text in column] for column in columns]
    running = [column for column in running if len(set(column)) == len(column) > 1]
    if len(running) != 1:
        return []
    numbers = sorted(running[0])
    step = math.gcd(*np.diff(numbers).tolist())
    expected = (numbers[-1] - numbers[0]) // step + 1
    if not len(numbers) < expected <= 2 * len(numbers):
        return []
    absent = sorted(set(range(numbers[0], numbers[-1], step)) - set(numbers))
    shown = ", ".join(map(str, absent[:10])) + (", …" if len(absent) > 10 else "")
    return [f"the numbering runs from {numbers[0]} to {numbers[-1]} without {shown}"]


def _first_names(files: Sequence[Path]) -> str:
    return ", ".join(repr(one.name) for one in files[:2]) + (", …" if len(files) > 2 else "")
