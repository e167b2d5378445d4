"""The account that travels with a filed tilt series, and how a reader takes it up again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from em_inverse._version import __version__
from em_inverse.errors import EmInverseError, check_angles
from em_inverse.io.provenance import json_ready
from em_inverse.io.stack import Stack
from em_inverse.tilt_series import TiltSeries

__all__ = ["series_account", "take_account"]

_KIND = "tilt series"
_OF_THE_FILE = frozenset(
    {
        *("file", "files", "dataset", "labels", "notes", "stage_alpha_deg"),
        *("angle_source", "tilt_axis", "tilt_axis_source"),
    }
)
"""Metadata that describe the file a series was read from, not the series."""


def series_account(series: TiltSeries) -> dict[str, Any]:
    """Return what a file has to say about a series besides its images, ready for JSON.

    Examples
    --------
    >>> account = series_account(TiltSeries(np.ones((2, 4)), [0, 30], history=["shifted by 2 px"]))
    >>> account["angles_deg"], account["history"]
    ([0.0, 30.0], ['shifted by 2 px'])
    """
    metadata = {name: item for name, item in series.metadata.items() if name not in _OF_THE_FILE}
    return {
        "kind": _KIND,
        "software": f"em_inverse {__version__}",
        "angles_deg": series.angles_deg.tolist(),
        "pixel_size_nm": series.pixel_size_nm,
        "dose_e_per_nm2": series.dose,
        "tilt_axis": "vertical",
        "history": list(series.history),
        "metadata": json_ready(metadata),
    }


def take_account(stack: Stack, account: Any, name: str) -> None:
    """Let a stack that this kit has written say what its pixels cannot.

    Parameters
    ----------
    stack : Stack
        What the reader has made of the file; completed in place.
    account : dict, str or anything else
        What stands where the kit puts its account, JSON or decoded. What is not an account of
        this kit is left alone.
    name : str
        Where it stands, for the source of the angles.
    """
    if isinstance(account, str | bytes):
        try:
            account = json.loads(account)
        except ValueError:
            return
    if not isinstance(account, dict) or account.get("kind") != _KIND:
        return
    if stack.angles_deg is None and "angles_deg" in account:
        try:
            angles = check_angles(account["angles_deg"], count=len(stack.data))
        except EmInverseError:
            stack.notes.append(
                "the account in the file lists angles for another number of images; not used"
            )
        else:
            stack.angles_deg, stack.angle_source = angles, name
    size = _positive(account.get("pixel_size_nm"))
    # The account has all digits, but another program may have scaled the images since.
    if size is not None and (
        stack.pixel_size_nm is None or np.isclose(size, stack.pixel_size_nm, rtol=1e-4)
    ):
        stack.pixel_size_nm = size
    stack.dose = stack.dose or _positive(account.get("dose_e_per_nm2"))
    if stack.tilt_axis is None and account.get("tilt_axis") == "vertical":
        stack.tilt_axis = "vertical"
    history, metadata = account.get("history"), account.get("metadata")
    if isinstance(history, list):
        stack.history = [str(step) for step in history]
    if isinstance(metadata, dict):
        stack.metadata = {**metadata, **stack.metadata}
        _settle_marks(stack)


def _settle_marks(stack: Stack) -> None:
    """Which frames are generated; all that may be, where other software changed their number."""
    marks = stack.metadata.get("generated")
    if marks is None:
        return
    count = len(stack.data)
    fits = isinstance(marks, list) and len(marks) == count
    if not fits:
        stack.notes.append(
            "some projections are GENERATED, but the file tells it for another number of images; "
            "all are marked"
        )
    stack.metadata["generated"] = np.array(marks, dtype=bool) if fits else np.ones(count, bool)


def _positive(value: Any) -> float | None:
    usable = isinstance(value, int | float) and np.isfinite(value) and value > 0
    return float(value) if usable else None
