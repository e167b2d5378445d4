"""What happened to a reconstruction, when, and how it looked at one moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Event", "Snapshot", "digest_of"]


def digest_of(image: np.ndarray) -> str:
    """Return a short fingerprint of a projection as it is used, in float32.

    Examples
    --------
    >>> digest_of(np.zeros(3)) == digest_of(np.zeros(3, int)) != digest_of(np.ones(3))
    True
    """
    settled = np.ascontiguousarray(image, dtype=np.float32)
    return hashlib.sha256(settled.tobytes()).hexdigest()[:16]


@dataclass(frozen=True)
class Event:
    """Something that was changed between two iterations.

    Attributes
    ----------
    iteration : int
        Iterations done before it.
    kind : str
        ``"added"``, ``"replaced"``, ``"removed"`` (value: list of angles in degrees),
        ``"epsilon"`` (the new value), ``"units"``, ``"nonnegative"``, ``"support"`` (whether there
        is one), ``"loaded"``.
    value : object
        A number, a text, a truth value, or a list of numbers: what JSON can hold.
    digests : tuple of str
        Fingerprint of each projection that came.
    center_shift, axial_shift : tuple of float
        The shifts that it came with; empty where there are none.
    """

    iteration: int
    kind: str
    value: Any
    digests: tuple[str, ...] = ()
    center_shift: tuple[float, ...] = ()
    axial_shift: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields that say something, as JSON can hold them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if value != ()
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Event:
        """Return the event that :meth:`to_json` described."""
        lists = {"digests", "center_shift", "axial_shift"}
        known: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in fields.items()}
        return cls(**known)

    def __str__(self) -> str:
        value = self.value
        if isinstance(value, list):
            value = ", ".join(f"{angle:g}°" for angle in value)
        return f"iteration {self.iteration}: {self.kind} {value}"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A reconstruction at one moment; the arrays are copies and belong to whoever asked.

    Attributes
    ----------
    iteration : int
    x : ndarray, shape (nz, nx) or (nz, nx, ny)
    data_distance : float
        ‖Ax − b‖₂; NaN before the first iteration.
    prior : float
        TV(x).
    step : float
        ‖x_k − x_{k−1}‖₂ of the last iteration.
    radius : float
        ε in the units of the data.
    epsilon : float
        ε as it was given, in `units`.
    noise_norm : float
        ‖noise‖ of the data that are there, the unit of ε; NaN where it is not known.
    n_tilts : int
    angles_deg : ndarray
        In the order of arrival.
    """

    iteration: int
    x: np.ndarray
    data_distance: float
    prior: float
    step: float
    radius: float
    epsilon: float
    noise_norm: float
    n_tilts: int
    angles_deg: np.ndarray = field(default_factory=lambda: np.empty(0))
