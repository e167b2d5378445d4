"""Projections into a folder, file by file, at the pace of an instrument."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from em_inverse.errors import ParameterError, check_choice, check_number
from em_inverse.files import PathLike, replacing
from em_inverse.simulate.folder import Recording
from em_inverse.simulate.formats import FORMATS, STATING, write_image
from em_inverse.simulate.shot import Shot, Source

__all__ = ["FORMATS", "NAMINGS", "write"]

NAMINGS = ("angle", "log", "metadata")
"""Where the angle of a projection may stand."""

_PIECES = 8
_BUSY = 0.6
"""Share of the pace during which a file that is written slowly grows."""


def write(
    source: Source,
    folder: PathLike,
    *,
    format: str = "mrc",
    naming: str = "angle",
    name: str = "projection",
    pace_s: float = 0.0,
    slowly: bool = False,
    resume: bool = False,
    foreign: bool = False,
    stop: Event | None = None,
    on_file: Callable[[Path, Shot], None] | None = None,
) -> list[Path]:
    """Write every projection of a microscope or a replay into a folder, one file each.

    Images are filed as (row = y, column = x) with the tilt axis vertical, so that
    :func:`em_inverse.io.read_projection` returns ``image[x, y]``; all are float32. A file appears
    under its name when it is complete, unless `slowly` is asked for.

    Parameters
    ----------
    source : Source
        A :class:`Microscope` or a :class:`Replay` of a volume.
    folder : path
        Where the files go; made where it is missing. It must be empty, but see `resume` and
        `foreign`.
    format : {'mrc', 'tiff', 'npy', 'emd'}
        Kind of file.
    naming : {'angle', 'log', 'metadata'}
        Where the tilt angle stands: in the name (``projection_0012_-34.0deg.mrc``), in a list
        ``angles.txt`` that gets its line (``projection_0012.mrc, -34.0``) after each file, or
        inside the file, where .npy has no place for it.
    name : str
        How the names of the files begin.
    pace_s : float, ≥ 0
        Seconds from the beginning of one projection to that of the next. The times are counted from
        the first, so that they do not drift; a computer that is too slow writes as fast as it can.
    slowly : bool
        Write each file in place, in eight pieces over 0.6 of the pace, as programs do that save
        straight to a share: half-written files are there to be met.
    resume : bool
        Go on after the last complete file of the same recording in the folder. No complete file is
        written again; an incomplete one, left by a crash, is.
    foreign : bool
        Write also into a folder that holds other files.
    stop : threading.Event, optional
        Set it, from another thread, to end after the projection that is complete.
    on_file : callable, optional
        Called with the path and the :class:`Shot` after each file.

    Returns
    -------
    list of Path
        The files written in this call, in the order of recording.

    Raises
    ------
    ParameterError
        When an argument is not allowed, the source has no images but lines, the folder holds
        foreign files, or files of this recording and `resume` is False, or what is to be resumed
        was made by another recording.
    OSError
        When the disk fails.

    Examples
    --------
    >>> import tempfile
    >>> from em_inverse import io, simulate
    >>> microscope = simulate.Microscope(simulate.twisted_bowtie(32), [-34.0, 0.0, 34.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = simulate.write(microscope, folder, format="npy")
    ...     series = io.read_tilt_series(folder)
    >>> [file.name for file in files][:2]
    ['projection_0000_-34.0deg.npy', 'projection_0001_+0.0deg.npy']
    >>> series.angles_deg, series.projections.shape
    (array([-34.,   0.,  34.]), (3, 16, 16))
    """
    if not isinstance(source, Source):
        raise ParameterError(
            f"source is a {type(source).__name__}; a simulate.Microscope or simulate.Replay is "
            f"needed."
        )
    if len(source.image_shape) != 2:
        raise ParameterError(
            f"source has projections of shape {source.image_shape}, lines of one slice; files of "
            f"images need a specimen with three axes."
        )
    check_choice(format, "format", FORMATS)
    check_choice(naming, "naming", NAMINGS)
    if naming == "metadata" and format not in STATING:
        raise ParameterError(
            f"naming is 'metadata', but a file of format {format!r} has no place for the angle. "
            f"Allowed with it: {', '.join(STATING)}; or choose naming 'angle' or 'log'."
        )
    pace = check_number(pace_s, "pace_s", minimum=0)
    recording = Recording(
        source,
        folder,
        name=name,
        suffix=FORMATS[format],
        angle_in_name=naming == "angle",
        listed=naming == "log",
    )
    start = recording.prepare(resume=resume, foreign=foreign)
    halt = Event() if stop is None else stop
    written: list[Path] = []
    began = time.monotonic()
    for index in range(start, len(source)):
        if _stopped(halt, began + len(written) * pace):
            break
        shot, path = source.shot(index), recording.paths[index]

        def put(target: Path, shot: Shot = shot) -> None:
            write_image(
                target,
                shot.image,
                format,
                angle_deg=shot.angle_deg if naming == "metadata" else None,
                pixel_size_nm=source.pixel_size_nm,
                simulated=source.simulated,
            )

        if slowly:
            if not _grown(path, put, _BUSY * pace, halt):
                break
        else:
            with replacing(path) as part:
                put(part)
        if naming == "log":
            recording.note_angle(index)
        written.append(path)
        if on_file is not None:
            on_file(path, shot)
    return written


def _stopped(halt: Event, due: float) -> bool:
    """Wait until `due` on the monotonic clock; True as soon as the halt is called."""
    return halt.wait(max(due - time.monotonic(), 0.0))


def _grown(path: Path, put: Callable[[Path], None], seconds: float, halt: Event) -> bool:
    """Write a file in place, piece by piece; a halt or an error leaves none of it."""
    with tempfile.TemporaryDirectory() as elsewhere:
        whole = Path(elsewhere) / path.name
        put(whole)
        content = whole.read_bytes()
    length = -(-len(content) // _PIECES)
    began = time.monotonic()
    complete = False
    stream = path.open("xb")
    try:
        with stream:
            for piece in range(_PIECES):
                if _stopped(halt, began + seconds * piece / (_PIECES - 1)):
                    return False
                stream.write(content[piece * length : (piece + 1) * length])
                stream.flush()
        complete = True
    finally:
        if not complete:
            path.unlink(missing_ok=True)
    return True
