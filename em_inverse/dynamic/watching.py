"""New projections from a folder that a microscope program writes, one by one as they are complete.

A folder is looked at again and again. A file counts when its size and time have stayed the same
for a while and it can be decoded to the end; everything odd is written into a log, and nothing of
it ends the watching. The files are only ever read: never locked, changed, moved or deleted.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from em_inverse.dynamic.folder_watcher import FolderWatcher
from em_inverse.dynamic.ledger import Ledger
from em_inverse.dynamic.watch_settings import check_settings, folder_and_pattern

__all__ = ["watch"]


def watch(
    folder: str | PathLike[str],
    *,
    angles: ArrayLike | str | PathLike[str] | Callable[[Path], Any] | None = None,
    pattern: str | re.Pattern[str] | None = None,
    existing: bool = True,
    already: Any = None,
    settle_s: float = 1.0,
    poll_s: float = 0.5,
    give_up_s: float = 60.0,
    timeout_s: float | None = None,
    n: int | None = None,
    stop: threading.Event | Callable[[], bool] | None = None,
    must_exist: bool = False,
    recursive: bool = False,
    events: str = "auto",
    shape: tuple[int, int] | str | None = "first",
    duplicates: str = "skip",
    tilt_axis: str = "auto",
    dataset: str | None = None,
    endings: Iterable[str] | None = None,
    clock: Callable[[], float] | None = None,
) -> FolderWatcher:
    """Watch a folder and yield every complete new projection in it, once.

    All formats that :func:`~em_inverse.io.read_projection` reads are understood, and stacks to
    which a program adds images while it records. A file counts when its size and time have not
    changed for `settle_s`, over two looks at least, and it can be decoded to the end. Hidden files,
    files with temporary names (.part, .tmp, ~) and files of other kinds are left alone.

    What is odd is logged (``.log``, and the logger "em_inverse.dynamic") and does not end the
    watching: a file that cannot be decoded is tried again with growing waits and when it changes;
    a copy of a projection under another name is left out; another projection at the same angle is
    yielded, with a note, and replaces the first; a file that gets other content is yielded again;
    one without an angle is yielded as soon as a list, an .mdoc or an .emi tells its angle; the
    folder may go away and come back.

    Parameters
    ----------
    folder : path
        The folder, or a folder and a pattern for the names: ``"session/tilt_*.mrc"``. It need not
        be there yet.
    angles : path, array_like or callable, optional
        Tilt angles in degrees: a text file that may still grow, with lines of "file name, angle",
        or one angle a line for the files in the natural order of their names; a sequence for the
        files in the order of their arrival; or a function that takes the path and returns the
        angle, None when it does not know it yet. By default, in this order: series.rawtlt or
        series.tlt beside a stack; a .rawtlt, .tlt, angles.txt or angles.csv in the folder; the
        file's .mdoc or own metadata; its name (:func:`~em_inverse.io.angle_from_name`). Where
        there is a list, a file waits for it 20 times `settle_s` before its own metadata count; and
        when a list gives another angle later, the projection is yielded again (``withdraws_deg``).
    pattern : str or re.Pattern, optional
        Regular expression with a group named ``angle`` that finds the angle in the file name:
        ``r"_(?P<angle>[+-]?\\d+)_"``. Then nothing else counts.
    existing : bool
        Yield what is there already, in the order of modification and of the names. With False it
        is read once, so that copies and changes are noticed, and not yielded.
    already : dict, iterable of Arrival or of (name, digest), optional
        What has been dealt with before: the result of :meth:`FolderWatcher.seen`, the arrivals, or
        pairs of name and fingerprint. It is not yielded again.
    settle_s : float
        For how long a file must not change. A stack that grows must rest for so long between two
        images, or they arrive together.
    poll_s : float
        Time between two looks.
    give_up_s : float
        After so long a file that cannot be decoded is logged as corrupt, and only tried again when
        it changes.
    timeout_s : float, optional
        End when nothing new was seen for so long, though not before a file could have settled:
        with 0, what is there is yielded and no more.
    n : int, optional
        End after so many projections.
    stop : threading.Event or callable, optional
        End when it is set, or returns True.
    must_exist : bool
        Refuse a folder that is not there.
    recursive : bool
        Look into subfolders.
    events : {"auto", "polling", "watchdog"}
        Whether the system's notices of changes may shorten the wait; they need the optional package
        watchdog (``pip install "em-inverse[live]"``). The folder is looked at every `poll_s` in any
        case, because these notices are silent about what another computer writes on a network
        share, and may get lost.
    shape : {"first"}, (nx, ny) or None
        Shape of the projections: that of the first one, a given one, or any. Others are left out.
    duplicates : {"skip", "yield"}
        Whether the same pixels under another name are left out. Noise-free simulations of a
        symmetric object may need "yield".
    tilt_axis, dataset : str, optional
        As for :func:`~em_inverse.io.read_projection`.
    endings : iterable of str, optional
        Endings of the files that count, for instance ``(".mrc",)``; by default all.
    clock : callable, optional
        Returns the time in seconds, as :func:`time.monotonic` does.

    Returns
    -------
    FolderWatcher
        An iterator over :class:`Arrival`; use it in a ``with`` block, or :meth:`~FolderWatcher.
        close` it.

    Raises
    ------
    MissingFileError
        When `must_exist` is True and there is no such folder.
    ParameterError
        When an argument is outside what is allowed.
    GeometryError
        When `angles` are no tilt angles.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> for angle in (-34, 0):
    ...     np.save(f"{folder.name}/needle_{angle:+d}deg.npy", np.eye(4) + angle)
    >>> for arrival in watch(folder.name, n=2, settle_s=0.01, poll_s=0.01):
    ...     print(arrival.path.name, arrival.angle_deg, arrival.projection.shape)
    needle_-34deg.npy -34.0 (4, 4)
    needle_+0deg.npy 0.0 (4, 4)
    >>> folder.cleanup()
    """
    place, names = folder_and_pattern(folder, must_exist=must_exist)
    settings = check_settings(
        angles=angles,
        pattern=pattern,
        settle_s=settle_s,
        poll_s=poll_s,
        give_up_s=give_up_s,
        timeout_s=timeout_s,
        n=n,
        stop=stop,
        existing=existing,
        recursive=recursive,
        events=events,
        shape=shape,
        duplicates=duplicates,
        tilt_axis=tilt_axis,
        dataset=dataset,
        endings=endings,
        clock=clock,
    )
    ledger = Ledger() if already is None else Ledger.from_already(already, place)
    return FolderWatcher(place, names, settings, ledger)
