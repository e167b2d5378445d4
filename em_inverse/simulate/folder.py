"""The folder that projections are written into: names, what is there, the list of angles."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from em_inverse import io
from em_inverse.errors import DataError, EmInverseError, GeometryError, ParameterError
from em_inverse.files import PathLike, expanded, replacing
from em_inverse.simulate.shot import Source

__all__ = ["ANGLE_LIST", "Recording"]

ANGLE_LIST = "angles.txt"
"""Name of the growing list of angles."""

_NAME = re.compile(r"[^\W_](?:[\w\-]*\w)?")
_MOST_DECIMALS = 4
_SHOWN = 3


class Recording:
    """Where every projection of a source goes, and how far a folder has got.

    Parameters
    ----------
    source : Source
        What is recorded.
    folder : path
        The folder; made where it is missing.
    name : str
        How the names of the files begin.
    suffix : str
        How they end.
    angle_in_name : bool
        Put the angle into the names.
    listed : bool
        Keep a list of angles beside the files.
    """

    def __init__(
        self,
        source: Source,
        folder: PathLike,
        *,
        name: str,
        suffix: str,
        angle_in_name: bool,
        listed: bool,
    ) -> None:
        self.source = source
        self.folder = expanded(folder, "folder")
        self.listed = listed
        _check_name(name)
        width = max(4, len(str(len(source) - 1)))
        decimals = _decimals(source.angles_deg)
        angles = [f"_{a:+.{decimals}f}deg" * angle_in_name for a in source.angles_deg]
        self.paths = [
            self.folder / f"{name}_{k:0{width}d}{angle}{suffix}" for k, angle in enumerate(angles)
        ]

    @property
    def list_path(self) -> Path:
        """The list of angles."""
        return self.folder / ANGLE_LIST

    def prepare(self, *, resume: bool, foreign: bool) -> int:
        """Make the folder ready and return the index of the first projection to write.

        Raises
        ------
        ParameterError
            When the folder holds what must not be touched or mixed.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ParameterError(f"folder {str(self.folder)!r} is a file; name a folder.")
        self.folder.mkdir(parents=True, exist_ok=True)
        own = {path.name for path in self.paths} | ({ANGLE_LIST} if self.listed else set())
        present = {path.name for path in self.folder.iterdir() if not path.name.startswith(".")}
        others = sorted(present - own)
        if others and not foreign:
            shown = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
            raise ParameterError(
                f"folder {str(self.folder)!r} holds {len(others)} file(s) that are not of this "
                f"recording: {shown}. Name an empty or a new folder, or pass foreign=True (command "
                f"line: --foreign)."
            )
        if present & own and not resume:
            raise ParameterError(
                f"folder {str(self.folder)!r} holds {len(present & own)} file(s) of this recording "
                f"already. Go on with it by resume=True (command line: --resume), or name another "
                f"folder."
            )
        start = self._start() if resume else 0
        if self.listed:
            self._mend_list(start)
        return start

    def note_angle(self, index: int) -> None:
        """Add one line to the list of angles."""
        with self.list_path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(self._line(index))

    def _start(self) -> int:
        """One past the last complete file; what a killed run left of a later one is removed."""
        for path in self.paths:
            for part in self.folder.glob(f".{path.stem}.*.part{path.suffix}"):
                part.unlink(missing_ok=True)
        for index in reversed(range(len(self.paths))):
            path = self.paths[index]
            if not path.exists():
                continue
            try:
                image = io.read_projection(path).image
            except (EmInverseError, DataError):
                path.unlink()
                continue
            self._check_same(index, image)
            return index + 1
        return 0

    def _check_same(self, index: int, image: np.ndarray) -> None:
        expected = self.source.shot(index).image
        tolerance = 1e-4 * max(float(np.abs(expected).max()), 1e-30)
        same = image.shape == expected.shape and np.allclose(image, expected, atol=tolerance)
        if not same:
            raise ParameterError(
                f"{self.paths[index].name!r} in {str(self.folder)!r} is not projection {index} of "
                f"this recording: other settings or another seed made it. Resume with the settings "
                f"it was begun with, or name another folder."
            )

    def _mend_list(self, start: int) -> None:
        """Make the list agree with the files: it may lack its last line, or half of it."""
        lines = [self._line(k) for k in range(start) if self.paths[k].exists()]
        kept = self.list_path.read_text(encoding="utf-8") if self.list_path.exists() else ""
        if kept != "".join(lines):
            with replacing(self.list_path, overwrite=True) as part:
                part.write_text("".join(lines), encoding="utf-8", newline="\n")

    def _line(self, index: int) -> str:
        angles = self.source.angles_deg
        return f"{self.paths[index].name}, {angles[index]:.{_decimals(angles)}f}\n"


def _decimals(angles: np.ndarray) -> int:
    """As many decimals as the angles need, at least one."""
    for decimals in range(1, _MOST_DECIMALS):
        if np.allclose(angles, np.round(angles, decimals), rtol=0, atol=1e-6):
            return decimals
    return _MOST_DECIMALS


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ParameterError(
            f"name is {name!r}; letters, digits, hyphens and underscores are allowed, with a "
            f"letter or digit first and last."
        )
    try:
        angle = io.angle_from_name(f"{name}_0000.mrc")
    except GeometryError:
        angle = 0.0
    if angle is not None:
        raise ParameterError(
            f"name is {name!r}, which readers would take for a tilt angle. Leave numbers with a "
            f"sign or a unit out of it."
        )
