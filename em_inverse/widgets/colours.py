"""The tables that images are seen in, and the colour of text.

Tables are kept as a few control points and widened to 256 entries, so that the page, the fallback
picture and the static figure show the very same grey or colour. The colours of lines are those of
:data:`em_inverse.plotting.COLOURS`: one colour, one meaning.
"""

from __future__ import annotations

import numpy as np

from em_inverse.errors import check_choice

__all__ = ["INK", "TABLES", "table"]

INK = "#1a1a1a"
"""Text, axes and ticks: dark on white."""

TABLES = {
    "grey": ((0, 0, 0), (255, 255, 255)),
    # White at the centre: zero must look like nothing.
    "difference": (
        (0, 68, 136),
        (66, 135, 190),
        (166, 203, 227),
        (255, 255, 255),
        (247, 190, 153),
        (217, 110, 70),
        (150, 30, 30),
    ),
    # Rising lightness throughout, so that it survives a greyscale printer.
    "dose": (
        (0, 32, 77),
        (49, 68, 107),
        (102, 105, 112),
        (124, 123, 120),
        (149, 143, 120),
        (188, 175, 111),
        (229, 209, 91),
        (255, 234, 70),
    ),
}
"""Control points of the colour tables, evenly spaced from the lowest value to the highest."""


def table(name: str) -> np.ndarray:
    """Return a colour table as 256 rows of red, green and blue.

    Parameters
    ----------
    name : {"grey", "difference", "dose"}
        `grey` for objects and slices, `difference` for signed values in a window centred on zero,
        `dose` for doses and λ.

    Returns
    -------
    ndarray of uint8, shape (256, 3)

    Examples
    --------
    >>> table("grey")[255].tolist()
    [255, 255, 255]
    """
    points = np.asarray(TABLES[check_choice(name, "table", TABLES)], dtype=float)
    at = np.linspace(0, len(points) - 1, 256)
    channels = [np.interp(at, np.arange(len(points)), channel) for channel in points.T]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)
