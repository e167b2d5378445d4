"""Objects whose truth is known: signals, slices, images and volumes to practise on.

Lengths and positions are in pixels. A pixel's value is the mean over its area, found by sampling
it `supersample` times along each axis, so edges are smooth as a camera would see them and shapes
keep their area. A slice is ``x[z, x]`` and a volume ``x[z, x, y]``; z runs along the beam and y
along the tilt axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from em_inverse.errors import (
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.noise import generator

__all__ = [
    "column_positions",
    "columns",
    "core_shell",
    "core_shell_elements",
    "core_shell_maps",
    "disc",
    "dumbbells",
    "nanocube_with_pores",
    "nearly_equal_z",
    "needle",
    "ramp",
    "same_projection_pair",
    "soft_particle",
    "sphere",
    "steps",
    "three_peaks",
]

_SMALLEST = 8


def three_peaks(
    n: int = 64,
    positions: Sequence[float] = (15, 35, 50),
    heights: Sequence[float] = (0.4, 1.0, 1.0),
    width: float = 1.5,
) -> np.ndarray:
    r"""Line profile across three atomic columns, :math:`\sum_j h_j e^{-(i - p_j)^2 / 2 w^2}`.

    Parameters
    ----------
    n : int
        Number of pixels.
    positions : sequence of float
        Centres p of the peaks, in pixels from 0 to n − 1; any number of them.
    heights : sequence of float
        Height h of each peak.
    width : float, > 0
        Standard deviation w of a peak, in pixels.

    Returns
    -------
    ndarray, shape (n,)
        Values from 0 to about the largest height (more where peaks overlap).

    Raises
    ------
    ParameterError
        When a peak lies outside the profile, or positions and heights differ in number.

    Examples
    --------
    >>> x = three_peaks()
    >>> x.shape, np.round(x[[15, 35, 50]], 3)
    ((64,), array([0.4, 1. , 1. ]))
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    sigma = check_number(width, "width", minimum=0, exclusive=True)
    centres = check_array(positions, "positions", ndim=1)
    tops = check_array(heights, "heights", ndim=1)
    if centres.size != tops.size:
        raise ParameterError(
            f"positions has {centres.size} entries but heights has {tops.size}. Pass one height "
            f"per peak."
        )
    outside = centres[(centres < 0) | (centres > size - 1)]
    if outside.size:
        raise ParameterError(
            f"positions holds {outside[0]:g}, outside a profile of n = {size} pixels; allowed: "
            f"0 ≤ value ≤ {size - 1}."
        )
    pixel = np.arange(size)[:, None]
    return (tops * np.exp(-((pixel - centres) ** 2) / (2 * sigma**2))).sum(axis=1)


def dumbbells(
    n: int = 80,
    period: float = 24.2,
    split: float = 6.06,
    *,
    start: float = 9.0,
    heights: tuple[float, float] = (1.0, 0.51),
    width: float = 1.0,
) -> np.ndarray:
    """Line profile along a row of dumbbells: pairs of a heavy and a light atomic column.

    At 25 pm per pixel the defaults are InAs seen along [110]: a lattice constant of 606 pm,
    indium and arsenic 151 pm apart, and heights of 49^1.7 to 33^1.7, as HAADF shows them.

    Parameters
    ----------
    n : int
        Number of pixels.
    period : float, > 0
        Distance from one dumbbell to the next in pixels.
    split : float, ≥ 0
        Distance of the two columns of a dumbbell in pixels.
    start : float, ≥ 0
        Position of the first heavy column in pixels.
    heights : (float, float)
        Peak values of the heavy and of the light column.
    width : float, > 0
        Standard deviation of a column's Gaussian profile in pixels.

    Returns
    -------
    ndarray, shape (n,)
        As many dumbbells as fit with both columns between pixels 0 and n − 1.

    Raises
    ------
    ParameterError
        When an argument is outside its range or no dumbbell fits.

    Examples
    --------
    >>> x = dumbbells()
    >>> [int(i) for i in np.flatnonzero(np.diff(np.sign(np.diff(x))) < 0) + 1]
    [9, 15, 33, 39, 57, 63]
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    step = check_number(period, "period", minimum=0, exclusive=True)
    apart = check_number(split, "split", minimum=0)
    first = check_number(start, "start", minimum=0)
    tops = check_array(heights, "heights", shape=(2,))
    room = size - 1 - apart - first
    if room < 0:
        raise ParameterError(
            f"start is {first:g} and split {apart:g}, so no dumbbell fits into n = {size} pixels. "
            f"Allowed: start + split ≤ {size - 1}."
        )
    heavy = first + step * np.arange(int(room // step) + 1)
    places = np.stack([heavy, heavy + apart], axis=1).ravel()
    return three_peaks(size, places.tolist(), np.tile(tops, heavy.size).tolist(), width)


def steps(n: int = 200, levels: Sequence[float] = (0.2, 0.8, 0.3)) -> np.ndarray:
    """Line profile across sharp interfaces: flat stretches of equal length.

    Parameters
    ----------
    n : int
        Number of pixels.
    levels : sequence of float
        Value of each stretch. The k-th of m begins at pixel ``k * n // m``: three levels step at
        ``n // 3`` and ``2 * n // 3``.

    Returns
    -------
    ndarray, shape (n,)
        The levels and nothing between them.

    Raises
    ------
    ParameterError
        When there are more levels than pixels.

    Examples
    --------
    >>> steps(9)
    array([0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.3, 0.3, 0.3])
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    values = check_array(levels, "levels", ndim=1)
    if values.size > size:
        raise ParameterError(
            f"levels has {values.size} entries, more than n = {size} pixels. Pass fewer levels or "
            f"a longer profile."
        )
    starts = np.arange(values.size) * size // values.size
    return values[np.searchsorted(starts, np.arange(size), side="right") - 1]


def ramp(n: int = 200, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    """Line profile of a smooth change of thickness: half a cosine wave from low to high.

    Parameters
    ----------
    n : int
        Number of pixels.
    low, high : float
        Values at the two ends, where the slope is zero; `low` may be the larger one.

    Returns
    -------
    ndarray, shape (n,)
        Values from `low` to `high`, monotonic.

    Examples
    --------
    >>> x = ramp(9, 0, 1)
    >>> x[[0, 4, 8]].round(12)
    array([0. , 0.5, 1. ])
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    first, last = check_number(low, "low"), check_number(high, "high")
    return first + (last - first) * (1 - np.cos(np.pi * np.arange(size) / (size - 1))) / 2


def edge_and_ramp(n: int = 120, top: float = 1.0) -> np.ndarray:
    """Line profile across a wedge in vacuum: one sharp edge, a plateau, one smooth ramp.

    Parameters
    ----------
    n : int
        Number of pixels. The edge stands before pixel ``n // 5``, the ramp is half a cosine wave
        from ``9 * n // 20`` to ``17 * n // 20``.
    top : float
        Value of the plateau; vacuum is 0.

    Returns
    -------
    ndarray, shape (n,)
        Values from 0 to `top`.

    Examples
    --------
    >>> x = edge_and_ramp()
    >>> x[[23, 24, 53, 102]], float(x[78].round(2))
    (array([0., 1., 1., 0.]), 0.48)
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    height = check_number(top, "top")
    edge, start, stop = size // 5, 9 * size // 20, 17 * size // 20
    phase = np.pi * (np.arange(start, stop) - start + 0.5) / (stop - start)
    x = np.zeros(size)
    x[edge:start] = height
    x[start:stop] = height * (1 + np.cos(phase)) / 2
    return x


def disc(
    n: int = 128,
    radius: float | None = None,
    centre: Sequence[float] | None = None,
    *,
    value: float = 1.0,
    supersample: int = 8,
) -> np.ndarray:
    """Slice ``x[z, x]`` of a round particle or wire.

    Parameters
    ----------
    n : int
        Edge of the slice in pixels.
    radius : float, optional
        Radius in pixels, > 0; n/4 by default. May reach over the edge.
    centre : (float, float), optional
        Centre as (z, x) in pixels; the middle of the slice, (n − 1)/2, by default.
    value : float
        Inside; outside is 0.
    supersample : int, 1 to 32
        Samples per pixel and axis.

    Returns
    -------
    ndarray, shape (n, n)
        Values from 0 to `value`.

    Raises
    ------
    ParameterError
        When an argument is outside its range.

    Examples
    --------
    >>> x = disc(64, radius=10)
    >>> print(f"{x.sum() / (np.pi * 10**2):.3f}")
    1.000
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    r = _length(radius, "radius", size / 4)
    cz, cx = _centre(centre, size, 2)
    inside = check_number(value, "value")

    def density(z: np.ndarray, x: np.ndarray) -> np.ndarray:
        return inside * ((z - cz) ** 2 + (x - cx) ** 2 <= r**2)

    return _sampled((size, size), density, supersample)


def core_shell(
    n: int = 128,
    core_radius: float | None = None,
    shell_radius: float | None = None,
    *,
    core: float = 1.0,
    shell: float = 0.4,
    offset: Sequence[float] = (0.0, 0.0),
    supersample: int = 8,
) -> np.ndarray:
    """Slice ``x[z, x]`` of a core-shell nanoparticle in vacuum.

    Parameters
    ----------
    n : int
        Edge of the slice in pixels.
    core_radius, shell_radius : float, optional
        Outer radii in pixels, 0 < core < shell; 0.2 n and 0.36 n by default.
    core, shell : float
        Values; vacuum is 0. ``core_shell(shell=0)`` and ``core_shell(core=0)`` are the two
        elements' maps.
    offset : (float, float)
        Shift of the core inside the shell, as (z, x) in pixels.
    supersample : int, 1 to 32
        Samples per pixel and axis.

    Returns
    -------
    ndarray, shape (n, n)
        Values between 0, `shell` and `core`.

    Raises
    ------
    ParameterError
        When the core does not fit into the shell.

    Examples
    --------
    >>> x = core_shell(64)
    >>> x[32, [0, 12, 32]]
    array([0. , 0.4, 1. ])
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    outer = _length(shell_radius, "shell_radius", 0.36 * size)
    inner = _length(core_radius, "core_radius", 0.2 * size)
    dz, dx = check_array(offset, "offset", shape=(2,))
    if inner + np.hypot(dz, dx) > outer:
        raise ParameterError(
            f"core_radius is {inner:g} and offset {tuple(offset)}, so the core leaves the shell of "
            f"shell_radius {outer:g}. Allowed: core_radius + |offset| ≤ shell_radius."
        )
    middle = (size - 1) / 2
    core_value, shell_value = check_number(core, "core"), check_number(shell, "shell")

    def density(z: np.ndarray, x: np.ndarray) -> np.ndarray:
        z, x = z - middle, x - middle
        in_core = (z - dz) ** 2 + (x - dx) ** 2 <= inner**2
        in_shell = z**2 + x**2 <= outer**2
        return np.where(in_core, core_value, np.where(in_shell, shell_value, 0.0))

    return _sampled((size, size), density, supersample)


def core_shell_maps(
    n: int = 96,
    core_radius: float | None = None,
    shell_radius: float | None = None,
    *,
    supersample: int = 4,
) -> np.ndarray:
    r"""Maps ``t[:, x, y]`` of the two materials that the beam passes in a core-shell sphere.

    A ray at distance s from the axis crosses :math:`2\sqrt{r^2 - s^2}` of the core and the rest of
    :math:`2\sqrt{R^2 - s^2}` of the shell.

    Parameters
    ----------
    n : int
        Edge of the maps in pixels.
    core_radius, shell_radius : float, optional
        Outer radii r and R in pixels, 0 < core < shell; 0.23 n and 0.4 n by default.
    supersample : int, 1 to 32
        Rays per pixel and axis.

    Returns
    -------
    ndarray, shape (2, n, n)
        Thickness in pixels: first the shell, then the core.

    Raises
    ------
    ParameterError
        When the core does not fit into the shell.

    Examples
    --------
    >>> shell, core = core_shell_maps(64, 10, 20)
    >>> print(f"{core.sum() / (4 / 3 * np.pi * 10**3):.2f} {core.max():.0f} {shell[32, 32]:.0f}")
    1.00 20 20
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    outer = _length(shell_radius, "shell_radius", 0.4 * size)
    inner = _length(core_radius, "core_radius", 0.23 * size, maximum=outer)

    def chord(radius: float) -> np.ndarray:
        def length(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            square = (x - (size - 1) / 2) ** 2 + (y - (size - 1) / 2) ** 2
            return 2 * np.sqrt(np.maximum(radius**2 - square, 0))

        return _sampled((size, size), length, supersample)

    core = chord(inner)
    return np.stack([chord(outer) - core, core])


def core_shell_elements(
    n: int = 256, *, thickness: str = "sphere", supersample: int = 4
) -> np.ndarray:
    """Maps ``x[element, row, column]`` of gold, iron and oxygen in a core-shell particle.

    A gold core with a void off its centre, in a shell of iron oxide with one inclusion of iron.
    Core and shell share the centre of the image; their radii are 0.24 n and 0.4 n.

    Parameters
    ----------
    n : int
        Edge of the maps in pixels.
    thickness : {"sphere", "slab"}
        How much of each material the beam passes: the chords of spheres, or the same amount
        everywhere, so that every map is flat inside its borders.
    supersample : int, 1 to 32
        Rays per pixel and axis.

    Returns
    -------
    ndarray, shape (3, n, n)
        Amounts of Au, Fe and O on one scale, the largest of all 1.

    Raises
    ------
    ParameterError
        When `thickness` is neither of the two.

    Examples
    --------
    >>> gold, iron, oxygen = core_shell_elements(64, thickness="slab")
    >>> print(gold[32, 32], iron[32, 12], oxygen[32, 12])
    1.0 0.8 0.6
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    round_one = check_choice(thickness, "thickness", ("sphere", "slab")) == "sphere"

    def through(radius: float, up: float = 0.0, right: float = 0.0) -> np.ndarray:
        """Return the length of the beam in a ball: a chord, or 1 where it is met at all."""

        def length(row: np.ndarray, column: np.ndarray) -> np.ndarray:
            middle = (size - 1) / 2
            square = (row - middle + up * size) ** 2 + (column - middle - right * size) ** 2
            room = np.maximum((radius * size) ** 2 - square, 0)
            return 2 * np.sqrt(room) if round_one else (room > 0).astype(np.float64)

        return _sampled((size, size), length, supersample)

    core = through(0.24)
    shell = through(0.4) - core
    void = np.minimum(through(0.05, right=0.1), core)
    inclusion = np.minimum(through(0.06, up=0.3), shell)
    oxide = shell - inclusion
    maps = np.stack([core - void, 0.8 * oxide + inclusion, 0.6 * oxide])
    return np.asarray(maps / maps.max())


def nearly_equal_z(n: int = 128, *, supersample: int = 4) -> np.ndarray:
    """Maps ``x[element, row, column]`` of cobalt and manganese, which HAADF cannot tell apart.

    A disc of a mixed oxide, half and half, with four round features. Above, manganese takes the
    place of cobalt. Right, half of the cobalt is missing; below, half of the manganese; left, a
    quarter of each. The last three look nearly alike in a HAADF image, the first hardly shows.

    Parameters
    ----------
    n : int
        Edge of the maps in pixels.
    supersample : int, 1 to 32
        Rays per pixel and axis.

    Returns
    -------
    ndarray, shape (2, n, n)
        Amounts of Co and Mn; both together are 1 where nothing is missing.

    Examples
    --------
    >>> cobalt, manganese = nearly_equal_z(64)
    >>> cobalt[32, [32, 48]], manganese[[32, 48], 32]
    (array([0.5 , 0.25]), array([0.5 , 0.25]))
    """
    size = check_integer(n, "n", minimum=_SMALLEST)

    def disc_at(radius: float, down: float = 0.0, right: float = 0.0) -> np.ndarray:
        centre = ((size - 1) / 2 + down * size, (size - 1) / 2 + right * size)
        return disc(size, radius * size, centre, supersample=supersample)

    whole = disc_at(0.42)
    swapped, right = disc_at(0.09, down=-0.25), disc_at(0.09, right=0.25)
    below, left = disc_at(0.09, down=0.25), disc_at(0.09, right=-0.25)
    cobalt = 0.5 * whole - 0.4 * swapped - 0.25 * right - 0.125 * left
    manganese = 0.5 * whole + 0.4 * swapped - 0.25 * below - 0.125 * left
    return np.stack([cobalt, manganese])


def same_projection_pair(
    n: int = 128, radius: float | None = None, *, supersample: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    r"""Two slices ``x[z, x]`` that no image at 0° tilt can tell apart.

    The first holds two round particles, one above the other; the second a single upright ellipse,
    as wide and twice as tall. A ray at distance s from their axis crosses
    :math:`2 \cdot 2\sqrt{r^2 - s^2}` of material in both, so the sums over z agree to rounding.

    Parameters
    ----------
    n : int
        Edge of the slices in pixels.
    radius : float, optional
        Radius r of the particles in pixels, at most (n − 2)/6; n/8 by default.
    supersample : int, 1 to 32
        Rays per pixel along x. Along z the share of each pixel inside an object is exact.

    Returns
    -------
    (ndarray, ndarray), each of shape (n, n)
        Two particles, one ellipse; values from 0 to 1.

    Raises
    ------
    ParameterError
        When the particles do not fit into the slice.

    Examples
    --------
    >>> two, one = same_projection_pair(64)
    >>> np.allclose(two.sum(axis=0), one.sum(axis=0), atol=1e-12), np.allclose(two, one)
    (True, False)
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    r = _length(radius, "radius", size / 8, maximum=(size - 2) / 6)
    rays = _fine_axis(size, _samples(supersample)) - (size - 1) / 2
    half_chord = np.sqrt(np.maximum(r**2 - rays**2, 0))
    # 2 r apart would touch; a gap of r shows two objects.
    two = _covered(size, half_chord, 1.5 * r) + _covered(size, half_chord, -1.5 * r)
    one = _covered(size, 2 * half_chord, 0.0)
    return _ray_mean(two, size), _ray_mean(one, size)


def nanocube_with_pores(
    n: int = 128,
    edge: float | None = None,
    *,
    n_pores: int = 7,
    pore_radius: float | None = None,
    rotation_deg: float = 12.0,
    seed: int | np.random.Generator = 0,
    supersample: int = 8,
) -> np.ndarray:
    """Slice ``x[z, x]`` of a nanocube with round pores that neither overlap nor reach its faces.

    Parameters
    ----------
    n : int
        Edge of the slice in pixels.
    edge : float, optional
        Edge of the cube in pixels, up to n/√2 so that it fits at any rotation; 0.55 n by default.
    n_pores : int, ≥ 0
        Number of pores.
    pore_radius : float, optional
        Radius of a pore in pixels; 0.04 n by default.
    rotation_deg : float
        Rotation of the cube about the tilt axis, from x towards z.
    seed : int or numpy.random.Generator
        Where the pores are.
    supersample : int, 1 to 32
        Samples per pixel and axis.

    Returns
    -------
    ndarray, shape (n, n)
        1 inside the cube, 0 in the pores and in vacuum.

    Raises
    ------
    ParameterError
        When the pores do not fit into the cube.

    Examples
    --------
    >>> x = nanocube_with_pores(64, n_pores=0, edge=30)
    >>> print(f"{x.sum() / 30**2:.3f}")
    1.000
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    side = _length(edge, "edge", 0.55 * size, maximum=size / np.sqrt(2))
    r = _length(pore_radius, "pore_radius", 0.04 * size)
    count = check_integer(n_pores, "n_pores", minimum=0)
    angle = np.deg2rad(check_number(rotation_deg, "rotation_deg"))
    reach = side / 2 - 1.5 * r

    def draw(rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(-reach, reach, size=2)

    pores = _scattered(count, draw, 2.5 * r, reach > 0, "n_pores, pore_radius and edge", seed)

    def density(z: np.ndarray, x: np.ndarray) -> np.ndarray:
        z, x = z - (size - 1) / 2, x - (size - 1) / 2
        u = x * np.cos(angle) + z * np.sin(angle)
        v = z * np.cos(angle) - x * np.sin(angle)
        solid = np.maximum(np.abs(u), np.abs(v)) <= side / 2
        for pu, pv in pores:
            solid &= (u - pu) ** 2 + (v - pv) ** 2 > r**2
        return solid.astype(np.float64)

    return _sampled((size, size), density, supersample)


def soft_particle(
    n: int = 96,
    radius: float | None = None,
    *,
    texture: float = 0.25,
    grain: float = 2.0,
    seed: int | np.random.Generator = 0,
) -> np.ndarray:
    """Slice ``x[z, x]`` of a soft, textured particle: no flat piece and no sharp edge in it.

    A dome whose density falls off smoothly from the middle, times a random texture, as of a
    polymer, a gel or an amorphous film. It is what total variation does not believe in.

    Parameters
    ----------
    n : int
        Edge of the slice in pixels.
    radius : float, optional
        Radius in pixels at which the density reaches zero; 0.36 n by default.
    texture : float, ≥ 0
        Standard deviation of the texture, as a share of the local density.
    grain : float, > 0
        Size of its grains: standard deviation in pixels of the Gaussian that made it smooth.
    seed : int or numpy.random.Generator
        Draws the texture.

    Returns
    -------
    ndarray, shape (n, n)
        Values ≥ 0, 1 in the middle of a particle without texture.

    Raises
    ------
    ParameterError
        When an argument is outside its range.

    Examples
    --------
    >>> x = soft_particle(64, texture=0)
    >>> print(f"{x.max():.2f} in the middle, {x[32, 8]:.2f} at the rim")
    1.00 in the middle, 0.00 at the rim
    """
    from scipy.ndimage import gaussian_filter

    size = check_integer(n, "n", minimum=_SMALLEST)
    r = _length(radius, "radius", 0.36 * size)
    share = check_number(texture, "texture", minimum=0)
    width = check_number(grain, "grain", minimum=0, exclusive=True)
    z, x = np.indices((size, size)) - (size - 1) / 2
    dome = np.maximum(1 - (z**2 + x**2) / r**2, 0) ** 0.75
    speckle = gaussian_filter(generator(seed).standard_normal((size, size)), width)
    return np.maximum(dome * (1 + share * speckle / speckle.std()), 0)


def columns(
    n: int = 128,
    spacing: float = 16.0,
    *,
    width: float = 2.0,
    heights: tuple[float, float] = (1.0, 0.4),
    jitter: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> np.ndarray:
    """Image ``y[x, y]`` of atomic columns seen end on: heavy and light ones in a chequered order.

    Parameters
    ----------
    n : int
        Edge of the image in pixels.
    spacing : float, ≥ 2
        Distance of neighbouring columns in pixels.
    width : float, > 0
        Standard deviation of a column's Gaussian profile in pixels.
    heights : (float, float)
        Peak values of heavy and light columns.
    jitter : float, ≥ 0
        Standard deviation in pixels of the columns' departure from the perfect lattice.
    seed : int or numpy.random.Generator
        Draws the jitter.

    Returns
    -------
    ndarray, shape (n, n)
        Sum of the Gaussians, sampled at pixel centres; background 0.

    Raises
    ------
    ParameterError
        When an argument is outside its range or no column fits.

    See Also
    --------
    column_positions : where the columns are.

    Examples
    --------
    >>> y = columns(33, spacing=8, width=1)
    >>> print(f"{y.max():.2f}")
    1.00
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    sigma = check_number(width, "width", minimum=0, exclusive=True)
    tops = check_array(heights, "heights", shape=(2,))
    positions, kind = column_positions(size, spacing, jitter=jitter, seed=seed)
    pixel = np.arange(size)
    along_x, along_y = (
        np.exp(-((pixel - positions[:, axis, None]) ** 2) / (2 * sigma**2)) for axis in (0, 1)
    )
    return np.einsum("k,ki,kj->ij", tops[kind], along_x, along_y)


def column_positions(
    n: int = 128,
    spacing: float = 16.0,
    *,
    jitter: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where :func:`columns` puts its columns, and which are light.

    Parameters
    ----------
    n, spacing, jitter, seed
        As for :func:`columns`; the same arguments give the same columns.

    Returns
    -------
    positions : ndarray, shape (n_columns, 2)
        (x, y) in pixels; half a spacing or more from every edge before the jitter.
    kind : ndarray of int, shape (n_columns,)
        0 for heavy, 1 for light.

    Raises
    ------
    ParameterError
        When no column fits.

    Examples
    --------
    >>> positions, kind = column_positions(32, spacing=16)
    >>> positions.tolist(), kind.tolist()
    ([[7.5, 7.5], [7.5, 23.5], [23.5, 7.5], [23.5, 23.5]], [0, 1, 1, 0])
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    step = check_number(spacing, "spacing", minimum=2, maximum=size)
    scatter = check_number(jitter, "jitter", minimum=0)
    count = int(size // step)
    line = (size - 1) / 2 + step * (np.arange(count) - (count - 1) / 2)
    i, j = (index.ravel() for index in np.indices((count, count)))
    lattice = np.stack([line[i], line[j]], axis=1)
    return lattice + scatter * generator(seed).standard_normal(lattice.shape), (i + j) % 2


def sphere(
    n: int = 64,
    radius: float | None = None,
    centre: Sequence[float] | None = None,
    *,
    value: float = 1.0,
    supersample: int = 3,
) -> np.ndarray:
    """Volume ``x[z, x, y]`` of a solid sphere in vacuum.

    Parameters
    ----------
    n : int
        Edge of the volume in voxels.
    radius : float, optional
        Radius in voxels, > 0; n/4 by default.
    centre : (float, float, float), optional
        Centre as (z, x, y) in voxels; the middle of the volume, (n − 1)/2, by default.
    value : float
        Inside; outside is 0.
    supersample : int, 1 to 32
        Samples per voxel and axis.

    Returns
    -------
    ndarray of float32, shape (n, n, n)
        Values from 0 to `value`.

    Raises
    ------
    ParameterError
        When an argument is outside its range.

    Examples
    --------
    >>> x = sphere(24, radius=8)
    >>> print(f"{x.sum() / (4 / 3 * np.pi * 8**3):.2f}")
    1.00
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    r = _length(radius, "radius", size / 4)
    cz, cx, cy = _centre(centre, size, 3)
    inside = check_number(value, "value")

    def density(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return inside * ((z - cz) ** 2 + (x - cx) ** 2 + (y - cy) ** 2 <= r**2)

    return _sampled((size, size, size), density, supersample)


def needle(
    n: int = 64,
    n_y: int | None = None,
    *,
    tip_radius: float | None = None,
    base_radius: float | None = None,
    n_inclusions: int = 12,
    inclusion_radius: float | None = None,
    body: float = 0.5,
    inclusion: float = 1.0,
    seed: int | np.random.Generator = 0,
    supersample: int = 2,
) -> np.ndarray:
    """Volume ``x[z, x, y]`` of a needle along the tilt axis, as milled for tomography to ±90°.

    It enters at the last y, tapers towards small y, ends in a round tip an eighth of the length
    before y = 0, and holds bright spherical inclusions. It is the stand-in, with a known truth,
    for a real needle specimen.

    Parameters
    ----------
    n : int
        Voxels along z and x.
    n_y : int, optional
        Voxels along the tilt axis y; n by default.
    tip_radius, base_radius : float, optional
        Radii in voxels at the tip and where the needle enters, 0 < tip ≤ base ≤ n/2; 0.12 n and
        0.3 n by default.
    n_inclusions : int, ≥ 0
        Number of inclusions; none overlap, and none reach the surface.
    inclusion_radius : float, optional
        Radius of an inclusion in voxels; 0.04 n by default.
    body, inclusion : float
        Values of needle and inclusions; vacuum is 0.
    seed : int or numpy.random.Generator
        Where the inclusions are.
    supersample : int, 1 to 32
        Samples per voxel and axis.

    Returns
    -------
    ndarray of float32, shape (n, n, n_y)
        Values between 0, `body` and `inclusion`.

    Raises
    ------
    ParameterError
        When the radii contradict each other or the inclusions do not fit.

    Examples
    --------
    >>> x = needle(32)
    >>> x.shape, str(x.dtype), float(x[..., 0].max()), float(x.max())
    ((32, 32, 32), 'float32', 0.0, 1.0)
    """
    size = check_integer(n, "n", minimum=_SMALLEST)
    length = size if n_y is None else check_integer(n_y, "n_y", minimum=_SMALLEST)
    base = _length(base_radius, "base_radius", 0.3 * size, maximum=size / 2)
    tip = _length(tip_radius, "tip_radius", min(0.12 * size, base), maximum=base)
    r = _length(inclusion_radius, "inclusion_radius", 0.04 * size)
    count = check_integer(n_inclusions, "n_inclusions", minimum=0)
    body_value = check_number(body, "body")
    inclusion_value = check_number(inclusion, "inclusion")
    middle, end = (size - 1) / 2, length - 0.5
    # Centre of the round tip; the cone starts here.
    start = length / 8 - 0.5 + tip
    if start >= end:
        raise ParameterError(
            f"tip_radius is {tip:g}, too round for a needle of n_y = {length} voxels. Allowed: "
            f"less than {0.875 * length:g}."
        )

    def radius_at(y: np.ndarray) -> np.ndarray:
        cone = tip + (base - tip) * (y - start) / (end - start)
        cap = np.sqrt(np.maximum(tip**2 - (y - start) ** 2, 0))
        return np.where(y >= start, cone, cap)

    def draw(rng: np.random.Generator) -> np.ndarray:
        y = rng.uniform(start, end - r)
        # 1.5 r keeps the skin closed, also where the cone narrows within the inclusion.
        reach = max(float(radius_at(np.asarray(y - r))) - 1.5 * r, 0.0)
        rho, phi = reach * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        return np.array([rho * np.cos(phi), rho * np.sin(phi), y])

    fits = tip > 1.5 * r and end - r > start
    what = "n_inclusions, inclusion_radius and tip_radius"
    spheres = _scattered(count, draw, 2.2 * r, fits, what, seed)

    def density(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        z, x = z - middle, x - middle
        values = np.where(z**2 + x**2 < radius_at(y) ** 2, body_value, 0.0)
        for sz, sx, sy in spheres:
            if np.abs(z - sz).min() <= r:
                ball = (z - sz) ** 2 + (x - sx) ** 2 + (y - sy) ** 2 <= r**2
                values[ball] = inclusion_value
        return values

    return _sampled((size, size, length), density, supersample)


def _sampled(
    shape: tuple[int, ...], density: Callable[..., np.ndarray], supersample: int
) -> np.ndarray:
    """Mean of `density` over each pixel; coordinates are pixel indices, axis by axis.

    One row (or plane) of pixels at a time keeps memory small at any supersampling.
    """
    s = _samples(supersample)
    fine = [_fine_axis(size, s) for size in shape]
    out = np.empty(shape, dtype=np.float64 if len(shape) == 2 else np.float32)
    blocks = [part for size in shape[1:] for part in (size, s)]
    for i in range(shape[0]):
        row = np.ix_(fine[0][i * s : (i + 1) * s], *fine[1:])
        values = density(*row).reshape(s, *blocks)
        out[i] = values.mean(axis=tuple(range(0, 2 * len(shape) - 1, 2)))
    return out


def _samples(supersample: int) -> int:
    return check_integer(supersample, "supersample", minimum=1, maximum=32)


def _fine_axis(size: int, s: int) -> np.ndarray:
    """Pixel coordinates of the sample points: s per pixel, at the middle of s equal parts."""
    return (np.arange(size * s) + 0.5) / s - 0.5


def _covered(size: int, half_chord: np.ndarray, centre: float) -> np.ndarray:
    """Share of each pixel (rows, along z) that the chords around `centre` cover, ray by ray."""
    edge = np.arange(size + 1)[:, None] - size / 2
    filled = np.clip(edge, centre - half_chord, centre + half_chord)
    return np.diff(filled, axis=0)


def _ray_mean(rays: np.ndarray, size: int) -> np.ndarray:
    return rays.reshape(size, size, -1).mean(axis=2)


def _scattered(
    count: int,
    draw: Callable[[np.random.Generator], np.ndarray],
    distance: float,
    fits: bool,
    what: str,
    seed: int | np.random.Generator,
) -> list[np.ndarray]:
    """`count` random points from `draw`, each at least `distance` from the others."""
    rng = generator(seed)
    points: list[np.ndarray] = []
    for _ in range(1000 * count if fits else 0):
        if len(points) == count:
            break
        point = draw(rng)
        if all(np.linalg.norm(point - other) >= distance for other in points):
            points.append(point)
    if len(points) < count:
        raise ParameterError(
            f"{what} do not fit together: {len(points)} of {count} found a place. Ask for fewer or "
            f"smaller ones, or a larger object."
        )
    return points


def _length(
    value: float | None, name: str, default: float, *, maximum: float | None = None
) -> float:
    if value is None:
        return float(default)
    number = check_number(value, name, maximum=maximum)
    if number <= 0:
        raise ParameterError(f"{name} is {value!r}; a length in pixels above zero is needed.")
    return number


def _centre(centre: Sequence[float] | None, size: int, ndim: int) -> np.ndarray:
    if centre is None:
        return np.full(ndim, (size - 1) / 2)
    return check_array(centre, "centre", shape=(ndim,))
