"""The volume view drawn in the kernel, with numpy: for static figures, and without a browser.

The geometry and the four modes are those of the page; light and colour are close to it. Nothing
here is random, and nothing needs a graphics card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from em_inverse.errors import DataError, check_integer
from em_inverse.widgets.colours import table
from em_inverse.widgets.volume_state import AXES

__all__ = ["BACKGROUND", "Eye", "opacities", "render"]

BACKGROUND = np.array([11, 14, 19], dtype=np.float32) / 255
"""Almost black, as in the page."""

_BONE = np.array([0.91, 0.9, 0.88], dtype=np.float32)
# Layers of the given opacity along the longest edge, as in the page.
_DENSITY = 40.0
# Sheets of samples held in memory at once.
_SHEETS = 16
_SLICE_EDGE = np.float32(0.8)


@dataclass(frozen=True)
class Eye:
    """From where a box is seen, without perspective.

    World axes are x, y, z, right-handed; the box is centred, its longest edge is 1. z, the beam,
    points down the picture, and the azimuth turns about it.

    Parameters
    ----------
    camera : mapping
        ``azimuth_deg``, ``elevation_deg``, ``zoom`` and ``pan``, see
        :func:`em_inverse.widgets.volume_state.opening_view`.
    voxels : (int, int, int)
        Edges (nz, nx, ny) of the box.

    Examples
    --------
    >>> eye = Eye({"azimuth_deg": 0, "elevation_deg": 0, "zoom": 1, "pan": [0, 0]}, (8, 8, 8))
    >>> np.round(eye.project([[1, 0, 0], [0, 0, 1]]), 2).tolist()
    [[0.54, 0.0], [0.0, -0.54]]
    """

    camera: Mapping[str, Any]
    voxels: tuple[int, ...]

    @property
    def axes(self) -> np.ndarray:
        """Rows: right, up and into the picture, as unit vectors along (x, y, z)."""
        a = np.deg2rad(self.camera["azimuth_deg"])
        e = np.deg2rad(self.camera["elevation_deg"])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        level = np.array([-np.sin(a), np.cos(a), 0.0])
        up = -np.sin(e) * level - np.cos(e) * np.array([0.0, 0.0, 1.0])
        into = -np.cos(e) * level + np.sin(e) * np.array([0.0, 0.0, 1.0])
        return np.stack([right, up, into])

    @property
    def edges(self) -> np.ndarray:
        """Edges (x, y, z) of the box in units of the longest."""
        nz, nx, ny = self.voxels
        return np.array([nx, ny, nz]) / max(self.voxels)

    @property
    def scale(self) -> float:
        """Length of the longest edge, seen from the side, as a share of the picture's edge."""
        return float(0.94 * self.camera["zoom"] / np.linalg.norm(self.edges))

    def project(self, points: Any) -> np.ndarray:
        """Return where points (x, y, z) are seen, right and up of the middle, in picture edges."""
        seen = np.asarray(points, dtype=float) @ self.axes[:2].T
        return (seen - np.asarray(self.camera["pan"], dtype=float)) * self.scale


def opacities(points: Any) -> np.ndarray:
    """Return the 256 opacities of a curve through [value, opacity] points, level beyond its ends.

    Examples
    --------
    >>> opacities([[0.5, 0.0], [1.0, 0.5]])[[0, 127, 255]].round(2).tolist()
    [0.0, 0.0, 0.5]
    """
    at, opacity = np.asarray(points, dtype=float).T
    return np.interp(np.arange(256) / 255, at, opacity)


def render(values: np.ndarray, view: Mapping[str, Any], *, size: int = 320) -> np.ndarray:
    """Draw a volume as a view says.

    Parameters
    ----------
    values : ndarray of uint8, shape (nz, nx, ny)
        Share of the intensity window, 0 to 255.
    view : mapping
        See :func:`em_inverse.widgets.volume_state.opening_view`. Cuts fall between voxels here.
    size : int, 16 to 2000
        Edge of the square picture in pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Red, green and blue; the first row is the top.

    Raises
    ------
    DataError
        When the values are no 3-D array of uint8.

    Notes
    -----
    The volume is resampled sheet by sheet, front to back, on a grid along the line of sight. Half
    transparent, a sheet of opacity a adds (1 − A) a times its colour to the picture and (1 − A) a
    to the opacity A gathered so far (emission and absorption).

    Examples
    --------
    >>> from em_inverse.widgets.volume_state import opening_view
    >>> ball = np.zeros((16, 16, 16), np.uint8)
    >>> ball[4:12, 4:12, 4:12] = 255
    >>> picture = render(ball, opening_view("iso"), size=48)
    >>> picture.shape, bool(picture[24, 24].min() > 100), picture[0, 0].tolist()
    ((48, 48, 3), True, [11, 14, 19])
    """
    if not isinstance(values, np.ndarray) or values.ndim != 3 or values.dtype != np.uint8:
        raise DataError(
            "values is no 3-D array of uint8; make one with volume_data.to_bytes(volume, window)."
        )
    size = check_integer(size, "size", minimum=16, maximum=2000)
    scene = _Scene(values, view, size)
    picture = {
        "volume": _half_transparent,
        "mip": _maximum,
        "iso": _surface,
        "slices": _nothing,
    }[view["mode"]](scene)
    colour, opacity = picture
    wall = np.isfinite(scene.wall_depth)
    shown = np.where(wall[..., None], scene.wall, BACKGROUND)
    shown[scene.part] *= 1 - opacity[..., None]
    shown[scene.part] += colour
    return np.rint(255 * np.clip(shown, 0, 1)).astype(np.uint8)


class _Scene:
    """A volume cut to what is kept, the rays through it, and the slices in their way."""

    def __init__(self, values: np.ndarray, view: Mapping[str, Any], size: int) -> None:
        self.view, self.size = view, size
        self.colours = table(view["table"]).astype(np.float32) / 255
        self.eye = Eye(view["camera"], values.shape)
        self.step = 1 / max(values.shape)
        self.kept = [
            _kept(view["clip"][axis], n) for axis, n in zip(AXES, values.shape, strict=True)
        ]
        self._aim(values.shape)
        self.cut = np.ascontiguousarray(values[tuple(self.kept)], dtype=np.float32) / 255
        self.wall = np.zeros((size, size, 3), np.float32)
        self.wall_depth = np.full((size, size), np.inf, np.float32)
        if view["slices"]["shown"] or view["mode"] == "slices":
            for k, axis in enumerate(AXES):
                self._add_wall(k, view["slices"][axis] * values.shape[k] - 0.5)
        self._narrow()

    def _aim(self, shape: tuple[int, ...]) -> None:
        """Set up index = start + depth·d + row·r + column·c, in voxels of the part that is kept."""
        right, up, into = self.eye.axes[:, [2, 0, 1]]  # components along (z, x, y)
        edges = np.asarray(shape) / max(shape)
        pixel = 1 / (self.eye.scale * self.size)
        per_voxel = np.asarray(shape) / edges
        pan = np.asarray(self.eye.camera["pan"], dtype=float)
        middle = (self.size - 1) / 2
        self.depth = into * self.step * per_voxel
        self.row, self.column = -up * pixel * per_voxel, right * pixel * per_voxel
        # Depth is counted from a plane in front of the whole box.
        sheets = int(np.ceil(np.linalg.norm(edges) / self.step)) + 2
        origin = pan[0] * right + pan[1] * up - into * self.step * (sheets - 1) / 2
        first = np.array([part.start for part in self.kept])
        centre = (np.asarray(shape) - 1) / 2
        self.start = centre + origin * per_voxel - middle * (self.row + self.column) - first

    def _narrow(self) -> None:
        """Find the voxels that can be seen, and the part of the picture that they fall into."""
        opaque = opacities(self.view["opacity"])
        least = {
            "iso": self.view["iso"],
            "volume": max(int(np.argmax(opaque > 0)) - 1, 0) / 255,
        }.get(self.view["mode"], 0.0)
        seen = self.cut >= least
        first, last = [0, 0, 0], list(self.cut.shape)
        if seen.any():
            for axis in range(3):
                at = np.flatnonzero(seen.any(axis=tuple(a for a in range(3) if a != axis)))
                # With a margin, so that a surface is not taken for a cut face.
                first[axis], last[axis] = max(at[0] - 2, 0), min(at[-1] + 3, last[axis])
        self.cut = self.cut[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        self.start = self.start - first
        box = np.array(np.meshgrid(*([-0.5, n - 0.5] for n in self.cut.shape))).reshape(3, -1)
        steps = np.stack([self.depth, self.row, self.column], axis=1)
        places = np.linalg.solve(steps, box - self.start[:, None])
        low, high = np.floor(places.min(axis=1)), np.ceil(places.max(axis=1)) + 1
        top, bottom, left, right = (
            int(np.clip(v, 0, self.size)) for v in (low[1], high[1], low[2], high[2])
        )
        self.part = (slice(top, bottom), slice(left, right))
        self.shape = (bottom - top, right - left)
        self.sheets = range(int(low[0]), int(high[0]))
        self.start = self.start + top * self.row + left * self.column

    def _add_wall(self, k: int, index: float) -> None:
        if abs(self.depth[k]) < 1e-9:
            return
        rows, columns = np.mgrid[: self.size, : self.size]
        plane = [self.start[a] + rows * self.row[a] + columns * self.column[a] for a in range(3)]
        at = (index - self.kept[k].start - plane[k]) / self.depth[k]
        places = np.stack([plane[a] + at * self.depth[a] for a in range(3)])
        inside = at < self.wall_depth
        rim = np.full(at.shape, np.inf)
        for a, n in enumerate(self.cut.shape):
            # Voxels reach half their width beyond their centres.
            inside &= (places[a] > -0.51) & (places[a] < n - 0.49)
            if a != k:
                rim = np.minimum(rim, np.minimum(places[a] + 0.5, n - 0.5 - places[a]))
        values = ndimage.map_coordinates(self.cut, places, order=1, mode="nearest")
        colour = self.look(values)
        line = np.clip(1.4 - rim, 0, 1)[..., None]
        colour = colour * (1 - line) + _SLICE_EDGE * line
        self.wall[inside] = colour[inside]
        self.wall_depth[inside] = at[inside]

    def look(self, values: np.ndarray) -> np.ndarray:
        return self.colours[np.rint(np.clip(values, 0, 1) * 255).astype(np.intp)]

    def slabs(self) -> Iterator[np.ndarray]:
        """Yield samples [depth, row, column] front to back; −1 outside, and behind a slice.

        Each slab has one sheet of the slab before it and one of the next, for gradients.
        """
        if 0 in self.shape:
            return
        wall = self.wall_depth[self.part]
        for first in self.sheets[::_SHEETS]:
            depths = np.arange(first - 1, min(first + _SHEETS, self.sheets.stop) + 1)
            samples = ndimage.affine_transform(
                self.cut,
                np.stack([self.depth, self.row, self.column], axis=1),
                self.start + depths[0] * self.depth,
                output_shape=(depths.size, *self.shape),
                order=1,
                mode="constant",
                cval=-1.0,
            )
            samples[depths[:, None, None] > wall] = -1.0
            if samples.max() >= 0:
                yield samples


def _kept(clip: list[float], n: int) -> slice:
    low, high = (round(share * n) for share in clip)
    return slice(min(low, n - 1), max(high, min(low, n - 1) + 1))


def _nothing(scene: _Scene) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((*scene.shape, 3), np.float32), np.zeros(scene.shape, np.float32)


def _maximum(scene: _Scene) -> tuple[np.ndarray, np.ndarray]:
    best = np.full(scene.shape, -1.0, np.float32)
    for samples in scene.slabs():
        np.maximum(best, samples.max(axis=0), out=best)
    inside = np.clip(best, 0, 1)
    opacity = np.clip(inside / 0.25, 0, 1)
    opacity = opacity * opacity * (3 - 2 * opacity)
    return scene.look(inside) * opacity[..., None], opacity


def _half_transparent(scene: _Scene) -> tuple[np.ndarray, np.ndarray]:
    colour, opacity = _nothing(scene)
    per_sheet = 1 - (1 - np.minimum(opacities(scene.view["opacity"]), 0.99)) ** (
        _DENSITY * scene.step
    )
    for samples in scene.slabs():
        steep, front, key = _slopes(scene, samples)
        for k in range(1, samples.shape[0] - 1):
            here = samples[k]
            sheet = per_sheet[np.rint(np.clip(here, 0, 1) * 255).astype(np.intp)]
            sheet = np.where(here < 0, 0, sheet).astype(np.float32)
            # Faces count more than the inside, as in the page.
            face = np.clip((steep[k] - 0.05) / 0.25, 0, 1)
            light = 1.25 + face * (0.39 + 0.78 * key[k] + 0.45 * front[k] - 1.25)
            sheet *= (0.15 + 0.85 * face) * (1 - opacity)
            colour += (sheet * light)[..., None] * scene.look(here)
            opacity += sheet
    return colour, opacity


def _surface(scene: _Scene) -> tuple[np.ndarray, np.ndarray]:
    colour, opacity = _nothing(scene)
    iso = max(float(scene.view["iso"]), 1e-3)
    for samples in scene.slabs():
        _, front, key = _slopes(scene, samples)
        hit = samples[1:-1] >= iso
        first = hit.argmax(axis=0)
        new = hit.any(axis=0) & (opacity == 0)
        at = (first[new] + 1, *np.nonzero(new))
        before = samples[(at[0] - 1, *at[1:])]
        # The ray entered through a cut face: there the values inside are shown.
        face = before < 0
        shone = 0.26 + 0.52 * key[at] + 0.3 * front[at]
        bone = 0.6 * _BONE + 0.4 * scene.colours[-1]
        lit = bone * shone[:, None] + 0.1 * (key[at] ** 12)[:, None]
        colour[new] = np.where(face[:, None], 0.9 * scene.look(samples[at]), lit)
        opacity[new] = 1.0
    return colour, opacity


def _slopes(scene: _Scene, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steepness per two voxels, and how much front and key light each sample catches."""
    filled = np.maximum(samples, 0)
    deep, down, across = np.gradient(filled)
    wide = scene.eye.scale * scene.size * scene.step  # pixels per voxel
    down, across = down * wide, across * wide
    steep = np.sqrt(deep**2 + down**2 + across**2)
    length = np.maximum(steep, 1e-6)
    front = deep / length
    light = np.array([1.0, 0.75, -0.55])
    light /= np.linalg.norm(light)
    key = (light[0] * deep + light[1] * down - light[2] * across) / length
    turn = np.where(front < 0, -1.0, 1.0)
    return 2 * steep, np.abs(front), np.maximum(key * turn, 0)
