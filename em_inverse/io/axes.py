"""Which way the tilt axis runs, and the kit's axes ``projections[tilt, x, y]`` from it."""

from __future__ import annotations

import numpy as np

from em_inverse.io.stack import Stack
from em_inverse.io.tilt_axis import tilt_axis_evidence

__all__ = ["TILT_AXES", "kit_projections", "settle_axis"]

TILT_AXES = ("auto", "vertical", "horizontal")
"""What may be asked for as the direction of the tilt axis in the image."""

_SMALLEST_RANGE_DEG = 60


def settle_axis(stack: Stack, tilt_axis: str) -> tuple[str, str]:
    """Return the direction of the tilt axis, and what it is known from, in words.

    The argument comes first, then what the file says, then the images, then convention.
    """
    if stack.data.ndim == 2:
        return "none", "a sinogram has no axis along the tilt axis"
    if stack.tilt_axis == "kit" and tilt_axis == "auto":
        return "kit", stack.tilt_axis_source or "the array is named projections: axes [tilt, x, y]"
    if tilt_axis != "auto":
        return tilt_axis, "argument"
    if stack.tilt_axis is not None:
        return stack.tilt_axis, stack.tilt_axis_source or "metadata"
    if stack.angles_deg is not None and np.ptp(stack.angles_deg) >= _SMALLEST_RANGE_DEG:
        evidence = tilt_axis_evidence(stack.data)
        if evidence.direction is not None:
            return evidence.direction, (
                f"the images: profiles along a vertical axis agree to {evidence.vertical:.3f}, "
                f"along a horizontal one to {evidence.horizontal:.3f}"
            )
    return "vertical", "convention (neither metadata nor images decide); tilt_axis overrules it"


def kit_projections(data: np.ndarray, axis: str) -> np.ndarray:
    """Return images ``[tilt, row, column]`` as ``[tilt, x, y]``, small integers as float32."""
    if (data.dtype.kind in "iu" and data.dtype.itemsize <= 2) or data.dtype == np.float16:
        data = data.astype(np.float32)
    if axis == "vertical":
        return np.ascontiguousarray(data.transpose(0, 2, 1))
    return data
