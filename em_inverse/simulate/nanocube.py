"""A perovskite nanocube with pores inside and metal particles on its faces."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from em_inverse.errors import ParameterError, check_array, check_integer, check_number
from em_inverse.noise import generator
from em_inverse.simulate.grid import sampled, volume_shape

__all__ = ["decorated_nanocube"]

_FIELD_NM = 128.0
_SUNK = 0.2
"""How far above the face the middle of a surface particle lies, in its radii."""
_APART = 1.25
"""Least distance of two balls, in the sum of their radii."""
_WALL = 0.6
"""Least thickness of the wall around a pore, in its radii."""
_TRIES = 2000


def decorated_nanocube(
    n: int = 128,
    n_y: int | None = None,
    *,
    pixel_size_nm: float | None = None,
    edge_nm: float = 62.0,
    n_pores: int = 14,
    pore_nm: float = 8.0,
    n_particles: int = 48,
    particle_nm: float = 5.0,
    rotation_deg: tuple[float, float, float] = (18.0, 24.0, 33.0),
    body: float = 0.5,
    particle: float = 1.0,
    seed: int | np.random.Generator = 0,
    supersample: int = 2,
) -> np.ndarray:
    """Volume ``x[z, x, y]`` of a porous nanocube with small bright particles on its facets.

    A stand-in, with a known truth, for a strontium titanate cube that carries platinum: sharp flat
    facets, none along an axis of the volume; round pores that neither touch nor reach the surface;
    particles that sit on all six faces.

    Parameters
    ----------
    n : int, ≥ 16
        Voxels along z and x.
    n_y : int, ≥ 16, optional
        Voxels along the tilt axis y; n by default.
    pixel_size_nm : float, > 0, optional
        Edge of a voxel. By default the shortest edge of the volume is 128 nm, so that the same cube
        is drawn at every n.
    edge_nm : float, > 0
        Edge of the cube.
    n_pores, n_particles : int, ≥ 0
        How many pores and surface particles.
    pore_nm, particle_nm : float, > 0
        Their mean diameters. Pores vary by ±30 %, particles by ±15 %.
    rotation_deg : (float, float, float)
        Rotations of the cube about z, then x, then y.
    body, particle : float
        Values of cube and particles; pores and vacuum are 0.
    seed : int or numpy.random.Generator
        Where pores and particles are, and how large.
    supersample : int, 1 to 32
        Samples per voxel and axis.

    Returns
    -------
    ndarray of float32, shape (n, n, n_y)
        Values from 0 to the larger of `body` and `particle`.

    Raises
    ------
    ParameterError
        When the cube does not fit into the volume, or pores or particles do not fit the cube.

    Examples
    --------
    >>> cube = decorated_nanocube(32, n_pores=0, n_particles=0)
    >>> print(f"edge {(2 * cube.sum()) ** (1 / 3) * 4:.0f} nm")
    edge 62 nm
    """
    shape = volume_shape(n, n_y)
    size = _FIELD_NM / min(shape)
    if pixel_size_nm is not None:
        size = check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
    edge = check_number(edge_nm, "edge_nm", minimum=0, exclusive=True)
    pore = check_number(pore_nm, "pore_nm", minimum=0, exclusive=True)
    grain = check_number(particle_nm, "particle_nm", minimum=0, exclusive=True)
    turned = _rotation(check_array(rotation_deg, "rotation_deg", shape=(3,)))
    body_value, bright = check_number(body, "body"), check_number(particle, "particle")
    reach_nm = edge / 2 * np.abs(turned).sum(axis=0) + 0.8 * grain
    room_nm = size * np.array(shape) / 2
    if (reach_nm > room_nm).any():
        raise ParameterError(
            f"edge_nm is {edge:g}, but the rotated cube with its particles then fills "
            f"{2 * reach_nm.max():.4g} nm of a volume of {2 * room_nm.min():.4g} nm. Choose a "
            f"smaller edge_nm, a larger pixel_size_nm or a larger n."
        )
    rng = generator(seed)
    count = check_integer(n_pores, "n_pores", minimum=0)
    holes = _scattered(rng, count, "n_pores and pore_nm", _pore(edge / 2, pore / 2))
    count = check_integer(n_particles, "n_particles", minimum=0)
    grains = _scattered(rng, count, "n_particles and particle_nm", _grain(edge / 2, grain / 2))
    half = np.float32(edge / 2 / size)
    frame = turned.astype(np.float32)
    # The balls are laid out along the edges of the cube; the volume sees them rotated.
    balls = [(ball[:3] @ turned / size, ball[3] / size, 0.0) for ball in holes]
    balls += [(ball[:3] @ turned / size, ball[3] / size, bright) for ball in grains]

    def density(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.full((z.size, x.size, y.size), body_value, dtype=np.float32)
        for row in frame:
            values[np.abs(z * row[0] + (x * row[1] + y * row[2])) > half] = 0
        for middle, radius, value in balls:
            _paint(values, (z.ravel(), x.ravel(), y), middle, radius, value)
        return values

    return sampled(shape, reach_nm / size, density, supersample)


def _paint(
    values: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    middle: np.ndarray,
    radius: float,
    value: float,
) -> None:
    """Give all samples inside a ball one value."""
    first = [int(np.searchsorted(axis, m - radius)) for axis, m in zip(axes, middle, strict=True)]
    last = [int(np.searchsorted(axis, m + radius)) for axis, m in zip(axes, middle, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    z, x, y = ((axis[part] - m) ** 2 for axis, part, m in zip(axes, box, middle, strict=True))
    values[box][z[:, None, None] + x[:, None] + y <= radius**2] = value


def _rotation(degrees: np.ndarray) -> np.ndarray:
    """Rows are the edges of the cube in the frame (z, x, y)."""
    about_z, about_x, about_y = np.deg2rad(degrees)
    turns = []
    for angle, (i, j) in zip((about_z, about_x, about_y), ((1, 2), (2, 0), (0, 1)), strict=True):
        turn = np.eye(3)
        turn[[i, j], [i, j]] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        turns.append(turn)
    return (turns[2] @ turns[1] @ turns[0]).T


_Draw = Callable[[np.random.Generator], np.ndarray]
"""One ball as (u, v, w, radius) along the edges of the cube."""


def _pore(half: float, radius: float) -> _Draw | None:
    def draw(rng: np.random.Generator) -> np.ndarray:
        r = radius * rng.uniform(0.7, 1.3)
        reach = half - (1 + _WALL) * r
        return np.array([*rng.uniform(-reach, reach, 3), r])

    return draw if half > (1 + _WALL) * 1.3 * radius else None


def _grain(half: float, radius: float) -> _Draw | None:
    def draw(rng: np.random.Generator) -> np.ndarray:
        r = radius * rng.uniform(0.85, 1.15)
        face, side = rng.integers(3), rng.choice((-1.0, 1.0))
        place = rng.uniform(r - half, half - r, 3)
        place[face] = side * (half + _SUNK * r)
        return np.array([*place, r])

    return draw if half > 1.15 * radius else None


def _scattered(
    rng: np.random.Generator, count: int, what: str, draw: _Draw | None
) -> list[np.ndarray]:
    """`count` balls that neither touch nor overlap."""
    balls: list[np.ndarray] = []
    for _ in range(_TRIES * count):
        if draw is None or len(balls) == count:
            break
        ball = draw(rng)
        if all(
            np.linalg.norm((ball - other)[:3]) >= _APART * (ball[3] + other[3]) for other in balls
        ):
            balls.append(ball)
    if len(balls) < count:
        raise ParameterError(
            f"{what} do not fit the cube: {len(balls)} of {count} found a place. Ask for fewer or "
            f"smaller ones, or a larger edge_nm."
        )
    return balls
