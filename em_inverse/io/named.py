"""Finding the tilt series and its angles among the named arrays of an HDF5 or NPZ file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from em_inverse.errors import FileFormatError, ParameterError

__all__ = ["ANGLE_NAMES", "KIT_SERIES", "choose_dataset", "normalised"]

KIT_SERIES = "projections"
ANGLE_NAMES = frozenset(
    {"angles", "anglesdeg", "tiltangles", "tiltanglesdeg", "tilts", "theta", "alpha", "rawtlt"}
)
_DATA_EXCHANGE = "exchange/data"


def choose_dataset(shapes: Mapping[str, tuple[int, ...]], wanted: str | None, file: Path) -> str:
    """Return the name of the array that is the tilt series.

    The one asked for; else ``projections`` (the kit's own axes), else Data Exchange's
    ``exchange/data``, else the only 3-D array, else the only 2-D one.

    Raises
    ------
    ParameterError
        When `wanted` is not there, or when several arrays qualify.
    FileFormatError
        When no array has 2 or 3 axes.
    """
    listing = ", ".join(f"{name!r} {shape}" for name, shape in list(shapes.items())[:12])
    if wanted is not None:
        name = wanted.strip("/")
        if name not in shapes:
            raise ParameterError(
                f"dataset is {wanted!r}, which {str(file)!r} does not hold as a 2-D or 3-D array "
                f"of numbers. It holds: {listing or 'none'}."
            )
        return name
    images = {name: shape for name, shape in shapes.items() if normalised(name) not in ANGLE_NAMES}
    for usual in (KIT_SERIES, _DATA_EXCHANGE):
        if usual in images:
            return usual
    for ndim in (3, 2):
        fitting = [name for name, shape in images.items() if len(shape) == ndim]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ParameterError(
                f"{str(file)!r} holds several arrays that could be the tilt series: {listing}. "
                f"Say which with dataset='name' (command line: --dataset NAME)."
            )
    raise FileFormatError(
        f"{str(file)!r} holds no array with 2 or 3 axes, so no tilt series. A tilt series is an "
        f"array [tilt, row, column]."
    )


def normalised(name: str) -> str:
    """Return the last part of a name in lower case without separators, to compare names."""
    return name.rpartition("/")[2].lower().replace("_", "").replace("-", "").replace(" ", "")
