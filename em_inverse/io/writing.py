"""Tilt series to disk, in the formats that tomography programs read."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.errors import ParameterError
from em_inverse.files import expanded
from em_inverse.io.angles import read_angles, side_file_of
from em_inverse.io.arrays import write_npz_series
from em_inverse.io.emd_writing import SERIES_GROUP, length_axis, write_emd
from em_inverse.io.hdf5 import write_exchange_series
from em_inverse.io.mrc import LABEL_LENGTH, LABELS, OWN_LABEL, write_mrc
from em_inverse.io.provenance import ascii_text
from em_inverse.io.saving import saving
from em_inverse.io.series_account import series_account
from em_inverse.io.tiff import write_tiff_stack
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["write_tilt_series"]


def write_tilt_series(
    path: str | PathLike[str], series: TiltSeries, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write a tilt series as float32, with its angles, pixel size, dose and history.

    Images are filed as ``(tilt, row = y, column = x)``, the tilt axis vertical; a sinogram becomes
    images of one row. NPZ alone keeps the kit's own axes, ``projections[tilt, x, y]``. By the end
    of the name:

    - .mrc, .st, .ali: the history goes into the labels, all the rest into the extended header
    - .tif, .tiff: a stack for ImageJ; .ome.tif: OME-TIFF
    - .h5, .hdf5: Data Exchange, ``exchange/data`` and ``exchange/theta``
    - .emd: the open EMD layout 0.2, with the angles as first axis
    - .npz: NumPy, compressed

    MRC and TIFF have no place for angles that all programs know, so a .rawtlt file goes beside.

    Parameters
    ----------
    path : path
        The file; the angles go to the same name with .rawtlt.
    series : TiltSeries
        What to write.
    overwrite : bool
        Replace files that exist already.

    Returns
    -------
    tuple of Path
        The file, and the .rawtlt file where there is one.

    Raises
    ------
    ParameterError
        For an unknown ending, an existing file, a missing folder, or a .rawtlt or .tlt file of
        other angles beside `path`, and when `series` is not a TiltSeries.
    FileWriteError
        When the disk is too full, or fails; files that stood there before are then untouched.

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
    suffix = target.suffix.lower()
    if suffix not in _WRITERS:
        raise ParameterError(
            f"path {str(target)!r} ends in {target.suffix or 'nothing'!r}; allowed for tilt "
            f"series: {', '.join(_WRITERS)}."
        )
    write, beside = _WRITERS[suffix]
    if target.stem.lower().endswith(".ome"):
        write = _to_ome if write is _to_tiff else write
    with np.errstate(over="ignore"):
        projections = series.projections.astype(np.float32, copy=False)
    if not np.isfinite(projections).all():
        raise ParameterError(
            "series holds intensities beyond the range of float32 (3.4e38), in which files keep "
            "them. Divide by a constant first."
        )
    side_file = target.with_suffix(".rawtlt")
    _check_neighbour(target, side_file if beside else None, series)
    with ExitStack() as parts:
        if beside:
            # Entered first, so that it takes its name only after the images have theirs.
            angle_part = parts.enter_context(saving(side_file, 0, overwrite=overwrite))
            angle_part.write_text("".join(f"{angle:.6f}\n" for angle in series.angles_deg))
        image_part = parts.enter_context(saving(target, projections.nbytes, overwrite=overwrite))
        write(image_part, projections, series)
    return (target, side_file) if beside else (target,)


def _check_neighbour(target: Path, own: Path | None, series: TiltSeries) -> None:
    """Refuse a name beside which another series' angles lie, which readers would prefer."""
    other = side_file_of(target)
    if other is None or other == own:
        return
    listed = read_angles(other)
    if listed.shape != series.angles_deg.shape or np.abs(listed - series.angles_deg).max() > 1e-3:
        raise ParameterError(
            f"path {str(target)!r}: the file {other.name!r} beside it lists other angles, and "
            f"readers would take those. Choose another name, or move {other.name!r} away."
        )


def _filed(projections: np.ndarray) -> np.ndarray:
    """Return ``[tilt, y, x]``; a sinogram as images of one row."""
    images = projections.reshape(*projections.shape[:2], -1).transpose(0, 2, 1)
    return np.ascontiguousarray(images)


def _attributes(series: TiltSeries) -> dict[str, Any]:
    account = series_account(series)
    made = series.generated
    return {
        "pixel_size_nm": series.pixel_size_nm,
        "generated": made.astype(np.uint8) if made.any() else None,
        "tilt_axis": account["tilt_axis"],
        "provenance": json.dumps(account),
        "software": account["software"],
    }


def _to_mrc(path: Path, projections: np.ndarray, series: TiltSeries) -> None:
    head = f"{OWN_LABEL} {__version__} tilt series, tilt axis vertical"
    said = textwrap.wrap(ascii_text("; ".join(series.history)), LABEL_LENGTH)
    made = int(series.generated.sum())
    marks = [f"{made} of {series.n_tilts} projections GENERATED, not recorded"] if made else []
    labels = [head, *marks, *said][:LABELS]
    account, size = series_account(series), series.pixel_size_nm
    write_mrc(path, _filed(projections), size, labels, account, volume=False)


def _to_tiff(path: Path, projections: np.ndarray, series: TiltSeries, *, ome: bool = False) -> None:
    account, size = series_account(series), series.pixel_size_nm
    write_tiff_stack(path, _filed(projections), size, account, axis="T", ome=ome)


def _to_ome(path: Path, projections: np.ndarray, series: TiltSeries) -> None:
    _to_tiff(path, projections, series, ome=True)


def _to_exchange(path: Path, projections: np.ndarray, series: TiltSeries) -> None:
    write_exchange_series(path, _filed(projections), series.angles_deg, _attributes(series))


def _to_emd(path: Path, projections: np.ndarray, series: TiltSeries) -> None:
    filed = _filed(projections)
    axes = [
        ("angles", "[deg]", series.angles_deg),
        length_axis("y", filed.shape[1], series.pixel_size_nm),
        length_axis("x", filed.shape[2], series.pixel_size_nm),
    ]
    write_emd(path, SERIES_GROUP, filed, axes, _attributes(series))


def _to_npz(path: Path, projections: np.ndarray, series: TiltSeries) -> None:
    write_npz_series(path, projections, series.angles_deg, _attributes(series))


_Writer = Callable[[Path, np.ndarray, TiltSeries], None]
_WRITERS: dict[str, tuple[_Writer, bool]] = {
    **dict.fromkeys((".mrc", ".st", ".ali"), (_to_mrc, True)),
    **dict.fromkeys((".tif", ".tiff"), (_to_tiff, True)),
    **dict.fromkeys((".h5", ".hdf5"), (_to_exchange, False)),
    ".emd": (_to_emd, False),
    ".npz": (_to_npz, False),
}
"""How each ending is written, and whether the angles go into a file beside it."""
