"""A compact network that fills the gap between two frames, run with numpy alone.

A residual U-Net of three levels and 195,626 parameters, one for all gaps and places. It sees the
straight line between two recorded frames, their difference, how much the polynomial through four
frames bends away from the line, how much the projection of an object reconstructed from all of them
does (:mod:`em_inverse.interpolation.geometric`), and where in the gap it is asked. It adds as much
of the object as it trusts it, pixel by pixel, and a correction. It was often shown no object when
it learned, so that it can do without, far worse. A wrong object misleads it: it has never seen one,
and a tilt axis that falls elsewhere than it is told spoils its frames. It has learned from
simulated metal particles (`data/train_tilt_network.py`), so on anything else it will draw metal
particles: that is what a learned prior does.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np

from em_inverse._resources import data_dir
from em_inverse.errors import ChecksumError, DataError
from em_inverse.interpolation.geometric import fill_geometric

__all__ = [
    "FEWEST",
    "N_CHANNELS",
    "OBJECT",
    "SLOPE",
    "channels",
    "corrected",
    "fill_network",
    "forward",
    "weights",
]

N_CHANNELS = 6
OBJECT = 3
"""Which channel holds the projection of the object, less the straight line."""
SLOPE = 0.1

_FILE = "tilt-network.npz"
_SHA256 = "bd275222b749d8c0858180a8828fa92a45fb2ba1675299eea3298568d4354bfa"
_TALLEST = 24.0
"""Widest gap that was learned from, in degrees; inputs count gaps in it."""
FEWEST = 5
"""Recorded frames below which no object is reconstructed."""


def fill_network(
    angles: np.ndarray,
    frames: np.ndarray,
    new: np.ndarray,
    center_shift: float = 0.0,
    n_iter: int | None = None,
    turned: np.ndarray | None = None,
) -> np.ndarray:
    """Return frames at other angles, each from the frames around it and an object seen from there.

    Parameters
    ----------
    angles, new : ndarray
        In degrees, rising.
    frames : ndarray, shape (n_tilts, nx, ny)
    center_shift : float
        Where the tilt axis falls, in pixels from the middle.
    n_iter : int, optional
        Iterations of the reconstruction; by frames held out unless given. With 0, or with less than
        5 recorded frames, the network sees no object.
    turned : ndarray, shape (n_new, nx, ny), optional
        What it is shown instead of the geometric way's frames.

    Raises
    ------
    DataError
        When the frames are lines: the network has seen images only.
    """
    if frames.ndim == 2:
        raise DataError(
            f"series has projections of shape {frames.shape}, one slice without an axis y; the "
            f"network has learned from images. Choose another method."
        )
    if turned is None and n_iter != 0 and angles.size >= FEWEST:
        turned = fill_geometric(angles, frames, new, center_shift, n_iter).frames
        if frames.min() >= 0:
            np.maximum(turned, 0, out=turned)
    return corrected(angles, frames, new, turned)


def corrected(
    angles: np.ndarray, frames: np.ndarray, new: np.ndarray, turned: np.ndarray | None = None
) -> np.ndarray:
    """Return what the network makes of recorded frames and, if given, those of the geometric way.

    Parameters
    ----------
    angles, new : ndarray
        In degrees, rising.
    frames : ndarray, shape (n_tilts, nx, ny)
    turned : ndarray, shape (n_new, nx, ny), optional
    """
    made = np.zeros((new.size, *frames.shape[1:]), frames.dtype)
    # Whatever the unit of the data, currents in ampere or counts, the network sees the same.
    unit = float(np.abs(frames).max())
    if unit == 0:
        return made
    shown = (frames / unit).astype(np.float32)
    for index, angle in enumerate(new.tolist()):
        after = int(np.clip(np.searchsorted(angles, angle), 1, angles.size - 1))
        near = slice(max(after - 2, 0), after + 2)
        there = None if turned is None else (turned[index] / unit).astype(np.float32)
        seen, line, scale = channels(angles[near], shown[near], angle, there)
        made[index] = unit * (line + np.float32(scale) * forward(seen))
    return made


def channels(
    angles: np.ndarray, frames: np.ndarray, angle: float, turned: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return what the network sees, the straight line, and the unit of its answer.

    Parameters
    ----------
    angles : ndarray, shape (2,), (3,) or (4,)
        Of the recorded frames around, in degrees, rising.
    frames : ndarray, shape (…, nx, ny)
        In a unit in which the brightest pixel of the series is about 1.
    angle : float
        Where a frame is wanted, in degrees.
    turned : ndarray, shape (nx, ny), optional
        The geometric way's frame there. Without it, the network is shown the straight line twice.

    Returns
    -------
    seen : ndarray, shape (6, nx, ny)
    line : ndarray, shape (nx, ny)
    scale : float
        √(Σ c⁴ / Σ c²) of half the change c between the frames: vacuum around does not change it.
    """
    after = int(np.clip(np.searchsorted(angles, angle), 1, angles.size - 1))
    low, high = float(angles[after - 1]), float(angles[after])
    part = (angle - low) / (high - low)
    first, last = frames[after - 1], frames[after]
    change = (last - first) / 2
    line = first + np.float32(part) * (last - first)
    energy = np.square(change, dtype=np.float64)
    scale = float(np.sqrt(np.square(energy).sum() / (energy.sum() + 1e-30))) + 1e-12
    curved = np.tensordot(_lagrange(angles, angle).astype(np.float32), frames, 1)
    seen_through = line if turned is None else turned
    bright = max(float(np.abs(first).max()), float(np.abs(last).max()), 1e-12)
    seen = np.stack(
        [
            line / bright,
            change / scale,
            np.clip((curved - line) / scale, -10, 10),
            np.clip((seen_through - line) / scale, -10, 10),
            np.full_like(line, (high - low) / _TALLEST),
            np.full_like(line, part - 0.5),
        ]
    )
    return seen.astype(np.float32), line, scale


def forward(seen: np.ndarray) -> np.ndarray:
    """Run the network.

    Parameters
    ----------
    seen : ndarray of float32, shape (6, nx, ny)

    Returns
    -------
    ndarray of float32, shape (nx, ny)

    Examples
    --------
    >>> forward(np.zeros((6, 10, 7), np.float32)).shape
    (10, 7)
    """
    from scipy.special import expit

    nx, ny = seen.shape[1:]
    x = np.pad(seen, ((0, 0), (0, -nx % 4), (0, -ny % 4)))
    a = _layer("a2", _layer("a1", x))
    b = _layer("b2", _layer("b1", _halved(a)))
    c = _layer("c2", _layer("c1", _halved(b)))
    d = _layer("d1", np.concatenate([_doubled(c), b]))
    e = _layer("e1", np.concatenate([_doubled(d), a]))
    correction, trust = _convolved("e2", e)
    result: np.ndarray = (correction + expit(trust) * x[OBJECT])[:nx, :ny]
    return result


@functools.lru_cache(maxsize=1)
def weights() -> dict[str, np.ndarray]:
    """Return the parameters, by name, after comparing the file with its checksum.

    Raises
    ------
    ChecksumError
        When the file is not the one that came with the package.
    """
    path = data_dir() / _FILE
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _SHA256:
        raise ChecksumError(
            f"{str(path)!r} has the checksum {found}, but {_SHA256} is expected: it is damaged or "
            f"was made anew. Install the package again."
        )
    with np.load(path) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def _layer(name: str, x: np.ndarray) -> np.ndarray:
    y = _convolved(name, x)
    return np.maximum(y, np.float32(SLOPE) * y)


def _convolved(name: str, x: np.ndarray) -> np.ndarray:
    """Correlate with zeros beyond the border, one product of matrices for each tap."""
    kernel, offset = weights()[f"{name}.weight"], weights()[f"{name}.bias"]
    outputs, inputs, kx, ky = kernel.shape
    nx, ny = x.shape[1:]
    wide = np.pad(x, ((0, 0), (kx // 2, kx // 2), (ky // 2, ky // 2)))
    out = np.zeros((outputs, nx * ny), np.float32)
    for i in range(kx):
        for j in range(ky):
            part = np.ascontiguousarray(wide[:, i : i + nx, j : j + ny]).reshape(inputs, -1)
            out += kernel[:, :, i, j] @ part
    out += offset[:, None]
    return out.reshape(outputs, nx, ny)


def _halved(x: np.ndarray) -> np.ndarray:
    n, nx, ny = x.shape
    mean: np.ndarray = x.reshape(n, nx // 2, 2, ny // 2, 2).mean(axis=(2, 4))
    return mean


def _doubled(x: np.ndarray) -> np.ndarray:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _lagrange(angles: np.ndarray, angle: float) -> np.ndarray:
    """Weights of the polynomial through all frames given."""
    apart = angles[:, None] - angles
    ratio = np.where(np.eye(angles.size, dtype=bool), 1.0, angle - angles)
    np.fill_diagonal(apart, 1.0)
    result: np.ndarray = (ratio / apart).prod(axis=1)
    return result
