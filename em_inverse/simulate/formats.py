"""One projection as one file, as microscope programs file them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.io.emd_writing import SERIES_GROUP, length_axis, write_emd
from em_inverse.io.mrc import OWN_LABEL, write_mrc
from em_inverse.io.series_account import series_account
from em_inverse.io.tiff import write_tiff_stack
from em_inverse.tilt_series import TiltSeries

__all__ = ["FORMATS", "STATING", "write_image"]

_Writer = Callable[[Path, np.ndarray, float | None, float | None, dict[str, Any]], None]


def write_image(
    path: Path,
    image: np.ndarray,
    format: str,
    *,
    angle_deg: float | None,
    pixel_size_nm: float | None,
    simulated: bool,
) -> None:
    """Write one ``image[x, y]`` as float32, as (row = y, column = x): the tilt axis is vertical.

    Parameters
    ----------
    path : Path
        The file.
    image : ndarray, shape (nx, ny)
        The projection.
    format : str
        One of :data:`FORMATS`.
    angle_deg : float, optional
        The tilt angle; None leaves it out of the file.
    pixel_size_nm : float, optional
        Edge of a pixel.
    simulated : bool
        Whether the file has to say that nobody measured it.
    """
    origin = "SIMULATED by em_inverse.simulate: not measured data"
    facts = {"synthetic": True} if simulated else {}
    series = TiltSeries(image[np.newaxis], [angle_deg or 0.0], pixel_size_nm, metadata=facts)
    account = series_account(series)
    if angle_deg is None:
        del account["angles_deg"]
    account["history"] = [origin] if simulated else ["replayed by em_inverse.simulate"]
    filed = np.ascontiguousarray(image.T, dtype=np.float32)
    _WRITERS[format](path, filed, angle_deg, pixel_size_nm, account)


def _to_mrc(
    path: Path, filed: np.ndarray, angle: float | None, size: float | None, account: dict[str, Any]
) -> None:
    head = f"{OWN_LABEL} {__version__} projection, tilt axis vertical"
    write_mrc(path, filed[np.newaxis], size, [head, *account["history"]], account, volume=False)


def _to_tiff(
    path: Path, filed: np.ndarray, angle: float | None, size: float | None, account: dict[str, Any]
) -> None:
    write_tiff_stack(path, filed[np.newaxis], size, account, axis="T", ome=False)


def _to_npy(
    path: Path, filed: np.ndarray, angle: float | None, size: float | None, account: dict[str, Any]
) -> None:
    with path.open("wb") as stream:
        np.save(stream, filed, allow_pickle=False)


def _to_emd(
    path: Path, filed: np.ndarray, angle: float | None, size: float | None, account: dict[str, Any]
) -> None:
    axes = [length_axis(name, count, size) for name, count in zip("yx", filed.shape, strict=True)]
    if angle is not None:
        filed, axes = filed[np.newaxis], [("angles", "[deg]", np.array([angle])), *axes]
    attributes = {"tilt_axis": "vertical", "provenance": json.dumps(account)}
    write_emd(path, SERIES_GROUP, filed, axes, attributes)


_WRITERS: dict[str, _Writer] = {"mrc": _to_mrc, "tiff": _to_tiff, "npy": _to_npy, "emd": _to_emd}

FORMATS = {"mrc": ".mrc", "tiff": ".tif", "npy": ".npy", "emd": ".emd"}
"""Formats of single projections, and how the names of their files end."""

STATING = ("mrc", "tiff", "emd")
"""Those that have a place for the tilt angle."""
