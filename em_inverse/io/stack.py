"""What a format reader hands on: the numbers as filed, and what the file says about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Stack"]


@dataclass
class Stack:
    """A stack of images as it lies in a file.

    Attributes
    ----------
    data : ndarray
        Images ``[tilt, row, column]``, or ``[tilt, x]`` for a sinogram.
    angles_deg : ndarray or None
        Tilt angles that the file itself states.
    angle_source : str
        Where in the file they stand.
    pixel_size_nm : float or None
        Edge of a pixel.
    dose : float or None
        Total dose in electrons per nm².
    tilt_axis : str or None
        ``"vertical"``, ``"horizontal"``, or ``"kit"`` when the array lies ``[tilt, x, y]`` already.
    tilt_axis_source : str
        Where that is known from, when it is not plain metadata.
    history : list of str
        What was done to the projections before they were filed, where the file tells.
    angles_sought : str
        Where angles were looked for in vain, for the message; empty for the usual places.
    notes : list of str
        What was odd about the file.
    metadata : dict
        Anything else worth keeping.
    """

    data: np.ndarray
    angles_deg: np.ndarray | None = None
    angle_source: str = ""
    pixel_size_nm: float | None = None
    dose: float | None = None
    tilt_axis: str | None = None
    tilt_axis_source: str = ""
    history: list[str] = field(default_factory=list)
    angles_sought: str = ""
    notes: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
