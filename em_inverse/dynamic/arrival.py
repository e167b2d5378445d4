"""What a watched folder hands out: projections that arrived, and notices of what was odd."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = ["NOTICE_KINDS", "Arrival", "Notice", "fingerprint"]

NOTICE_KINDS = {
    "incomplete": "a file stopped growing but cannot be decoded yet; it is tried again",
    "corrupt": "a file could not be decoded for a long time; it is tried again when it changes",
    "permission": "a file may not be read; it is tried again",
    "disappeared": "a file was gone before it could be read",
    "duplicate": "a file holds the same pixels as another one",
    "retaken": "another projection at an angle that was there already; it replaces the first",
    "rewritten": "a file got other content after its projection had been handed out",
    "angle corrected": "a list changed the angle of a projection that had been handed out",
    "no angle": "nothing states the tilt angle yet",
    "wrong shape": "a projection has another number of pixels than the first one",
    "list": "a list of angles is damaged, or contradicts the names of the files",
    "folder missing": "the folder is not there, or cannot be listed",
    "folder back": "the folder is there again",
    "events": "the system gives no notice of changes here; the folder is looked at regularly",
}
"""The kinds of :class:`Notice`, and what each one means."""


@dataclass(frozen=True, eq=False)
class Arrival:
    """One complete new projection from a watched folder.

    Attributes
    ----------
    path : Path
        The file.
    angle_deg : float
        Tilt angle.
    projection : ndarray, shape (nx, ny)
        The image with the kit's axes ``[x, y]``, float32 or float64.
    pixel_size_nm : float or None
        Edge of a pixel, where the file tells.
    notes : tuple of str
        Where the angle comes from, and what was odd.
    frame : int
        Index of the image in its file; 0 for a file with one image.
    name : str
        The file's name inside the folder, with "/" between parts.
    digest : str
        Fingerprint of the pixels (:func:`fingerprint`).
    seen_s : float
        When the file was first seen, in seconds since the watching began.
    withdraws_deg : float or None
        An angle to take back (``run.remove(angle)``): this file's projection was handed out under
        it before, and no other file has that angle now. None nearly always.
    """

    path: Path
    angle_deg: float
    projection: np.ndarray = field(repr=False)
    pixel_size_nm: float | None = None
    notes: tuple[str, ...] = ()
    frame: int = 0
    name: str = ""
    digest: str = ""
    seen_s: float = 0.0
    withdraws_deg: float | None = None


@dataclass(frozen=True)
class Notice:
    """One line of a watcher's log.

    Attributes
    ----------
    time : float
        Seconds since 1970, as :func:`time.time` counts them.
    path : Path
        The file or folder it is about.
    kind : str
        One of :data:`NOTICE_KINDS`.
    message : str
        What happened, and what follows.
    """

    time: float
    path: Path
    kind: str
    message: str


def fingerprint(projection: np.ndarray) -> str:
    """Return a short text that is the same for the same pixels, whatever file they lie in.

    The pixels count as float32, because that is what every format can keep.

    Examples
    --------
    >>> fingerprint(np.eye(2)) == fingerprint(np.eye(2, dtype=np.float32))
    True
    >>> fingerprint(np.eye(2)) == fingerprint(np.ones((2, 2)))
    False
    """
    with np.errstate(over="ignore"):
        pixels = np.ascontiguousarray(projection, dtype="<f4")
    digest = hashlib.blake2b(repr(pixels.shape).encode("ascii"), digest_size=16)
    digest.update(pixels.data)
    return digest.hexdigest()
