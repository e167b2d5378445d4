"""Tilt series to disk: an MRC file and its .rawtlt, which every tomography program reads."""

from __future__ import annotations

import textwrap
from os import PathLike
from pathlib import Path

from em_inverse._version import __version__
from em_inverse.errors import ParameterError
from em_inverse.files import expanded, replacing
from em_inverse.io.mrc import LABEL_LENGTH, LABELS, OWN_LABEL, write_mrc
from em_inverse.io.provenance import ascii_text
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["write_tilt_series"]

_ENDINGS = (".mrc", ".st", ".ali")


def write_tilt_series(
    path: str | PathLike[str], series: TiltSeries, *, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write a tilt series as float32 MRC with a .rawtlt file of its angles beside it.

    Images are filed as ``(tilt, row = y, column = x)``, the tilt axis vertical; a sinogram becomes
    images of one row. The history of the series goes into the labels.

    Parameters
    ----------
    path : path
        Ends in .mrc, .st or .ali; the angles go to the same name with .rawtlt.
    series : TiltSeries
        What to write.
    overwrite : bool
        Replace files that exist already.

    Returns
    -------
    tuple of Path
        The MRC file and the .rawtlt file.

    Raises
    ------
    ParameterError
        For an unknown ending, an existing file, or a missing folder, and when `series` is not a
        TiltSeries.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> series = TiltSeries(np.ones((3, 8, 4)), [-60, 0, 60], pixel_size_nm=0.5)
    >>> files = write_tilt_series(pathlib.Path(folder.name) / "series.mrc", series)
    >>> [file.name for file in files]
    ['series.mrc', 'series.rawtlt']
    >>> folder.cleanup()
    """
    series = check_series(series)
    target = expanded(path)
    if target.suffix.lower() not in _ENDINGS:
        raise ParameterError(
            f"path {str(target)!r} ends in {target.suffix or 'nothing'!r}; allowed for tilt "
            f"series: {', '.join(_ENDINGS)}."
        )
    side_file = target.with_suffix(".rawtlt")
    projections = series.projections
    filed = projections.reshape(*projections.shape[:2], -1).transpose(0, 2, 1)
    head = f"{OWN_LABEL} {__version__} tilt series, tilt axis vertical"
    said = textwrap.wrap(ascii_text("; ".join(series.history)), LABEL_LENGTH)
    with (
        replacing(target, overwrite=overwrite) as image_part,
        replacing(side_file, overwrite=overwrite) as angle_part,
    ):
        write_mrc(image_part, filed, series.pixel_size_nm, [head, *said][:LABELS], volume=False)
        angle_part.write_text("".join(f"{angle:.6f}\n" for angle in series.angles_deg))
    return target, side_file
