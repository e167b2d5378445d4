"""A chiral particle: two fans of ribbons that meet at a waist, twisted about their long axis."""

from __future__ import annotations

import numpy as np

from em_inverse.errors import check_choice, check_integer, check_number
from em_inverse.noise import generator
from em_inverse.simulate.grid import sampled, volume_shape

__all__ = ["twisted_bowtie"]

_BROAD, _WAIST = 0.32, 0.05
"""Half widths of a fan at its end and at the waist, as shares of the volume's edge."""
_THIN_END, _THIN_WAIST = 0.05, 0.055
"""Half thicknesses there."""
_MARGIN = 0.47
"""How far from its middle a volume may be filled, as a share of its edge."""
_GAP = 0.2
"""Half a gap between ribbons at the ends, as a share of their distance."""
_RAGGED = 0.12
"""By how much of the half length single ribbons fall short."""


def twisted_bowtie(
    n: int = 128,
    n_y: int | None = None,
    *,
    handedness: str = "right",
    twist_deg: float = 120.0,
    n_ribbons: int = 7,
    in_plane_deg: float = 12.0,
    value: float = 1.0,
    seed: int | np.random.Generator = 0,
    supersample: int = 2,
) -> np.ndarray:
    r"""Volume ``x[z, x, y]`` of a chiral bow-tie particle, as cadmium and cystine assemble into.

    Two fans of thin ribbons splay from a common waist. The cross-section at the distance t from
    the waist is turned by :math:`\pm\,t\,\mathrm{twist}/2L` about the long axis, so a mirror
    image cannot be turned into the particle: the twist is a screw, right- or left-handed. One
    projection does not tell which. The left-handed particle is the right-handed one upside down in
    z, and both cast the same shadow at 0°. Shape after [1]_.

    Parameters
    ----------
    n : int, ≥ 16
        Voxels along z and x.
    n_y : int, ≥ 16, optional
        Voxels along the tilt axis y; n by default. The particle lengthens with it.
    handedness : {'right', 'left'}
        Sense of the screw. Right-handed as a corkscrew: it turns from x towards −z while it
        advances towards larger y.
    twist_deg : float, ≥ 0
        How far one end is turned against the other; 0 is a flat, achiral bow tie.
    n_ribbons : int, ≥ 1
        Ribbons side by side in a fan. They are merged at the waist and free at the ends.
    in_plane_deg : float, −45 to 45
        Angle from the tilt axis to the long axis of the particle, towards larger x.
    value : float
        Inside; vacuum is 0.
    seed : int or numpy.random.Generator
        How far each ribbon reaches.
    supersample : int, 1 to 32
        Samples per voxel and axis.

    Returns
    -------
    ndarray of float32, shape (n, n, n_y)
        Values from 0 to `value`.

    Raises
    ------
    ParameterError
        When an argument is outside its range.

    See Also
    --------
    chirality : reads the twist, and so the handedness, from a volume.

    References
    ----------
    .. [1] P. Kumar et al., "Photonically active bowtie nanoassemblies with chirality continuum",
       Nature 615, 418 (2023). doi:10.1038/s41586-023-05733-1

    Examples
    --------
    >>> import numpy as np
    >>> right, left = (twisted_bowtie(32, handedness=hand) for hand in ("right", "left"))
    >>> np.array_equal(right.sum(axis=0), left[::-1].sum(axis=0)), np.array_equal(right, left)
    (True, False)
    """
    shape = volume_shape(n, n_y)
    sign = 1.0 if check_choice(handedness, "handedness", ("right", "left")) == "right" else -1.0
    twist = sign * np.deg2rad(check_number(twist_deg, "twist_deg", minimum=0))
    count = check_integer(n_ribbons, "n_ribbons", minimum=1)
    turn = np.deg2rad(check_number(in_plane_deg, "in_plane_deg", minimum=-45, maximum=45))
    inside = np.float32(check_number(value, "value"))
    edge = min(shape)
    broad = _BROAD * edge
    half_length = _half_length(shape, broad, turn)
    ends = _ends(count, half_length, generator(seed))

    along, across = np.float32(np.sin(turn)), np.float32(np.cos(turn))

    def density(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        t, c = x * along + y * across, x * across - y * along
        far = np.abs(t) / half_length
        phi = twist / (2 * half_length) * t
        # u runs across the fan, from ribbon to ribbon, and v through its thickness.
        u, v = c * np.cos(phi) - z * np.sin(phi), c * np.sin(phi) + z * np.cos(phi)
        width = edge * (_WAIST + (_BROAD - _WAIST) * far**1.25)
        thin = edge * (_THIN_WAIST + (_THIN_END - _THIN_WAIST) * far)
        place = (u / width + 1) * (count / 2)
        ribbon = np.clip(place.astype(np.int16), 0, count - 1)
        gap = _GAP * np.clip(2 * far - 0.4, 0, 1)
        solid = (np.abs(place - ribbon - 0.5) <= 0.5 - gap) & (np.abs(v) <= thin)
        return solid & (np.abs(t) <= np.where(t > 0, ends[0][ribbon], ends[1][ribbon]))

    radius = float(np.hypot(broad, _THIN_END * edge))
    reach = (radius, *_reach(half_length, radius, turn))
    return sampled(shape, reach, density, supersample) * inside


def _half_length(shape: tuple[int, int, int], broad: float, turn: float) -> float:
    """The longest half length that stays inside the volume at every tilt."""
    along_y = (_MARGIN * shape[2] - broad * abs(np.sin(turn))) / np.cos(turn)
    tilted = abs(np.sin(turn))
    if tilted == 0:
        return float(along_y)
    return float(min(along_y, (_MARGIN * shape[1] - broad) / tilted))


def _reach(half_length: float, radius: float, turn: float) -> tuple[float, float]:
    """How far the particle reaches along x and along y."""
    sine, cosine = abs(np.sin(turn)), np.cos(turn)
    return half_length * sine + radius * cosine, half_length * cosine + radius * sine


def _ends(count: int, half_length: float, rng: np.random.Generator) -> np.ndarray:
    """Where each ribbon ends, on both sides of the waist: outer ones earlier, none alike."""
    place = (np.arange(count) + 0.5) / count * 2 - 1
    rounded = 1 - 0.15 * place**2
    short = _RAGGED * rng.random((2, count))
    return (half_length * (rounded - short)).astype(np.float32)
