"""How far a result is from the truth, and how far it can be trusted.

Each number has one definition, written out here; a value without its definition cannot be compared.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from em_inverse.errors import (
    DataError,
    ParameterError,
    check_array,
    check_choice,
    check_integer,
    check_number,
)

__all__ = [
    "HoleCount",
    "RingCorrelation",
    "centre_of_mass",
    "chamfer",
    "count_holes",
    "edge_width",
    "fourier_ring_correlation",
    "fourier_shell_correlation",
    "half_bit",
    "line_profile",
    "psnr",
    "rmse",
    "ssim",
    "wedge_elongation",
]

# Wang et al. weight a neighbourhood by a Gaussian of this σ, cut at 3.5 σ: 11 pixels wide.
_SSIM_SIGMA = 1.5
_SSIM_WIDTH = 11


class RingCorrelation(NamedTuple):
    """Correlation of two images, ring by ring in Fourier space.

    Attributes
    ----------
    frequency : ndarray, shape (n_rings,)
        Radius of each ring, in cycles per pixel, or per nm when the pixel size was given.
    correlation : ndarray, shape (n_rings,)
        Between −1 and 1; NaN where one of the images has no power in the ring.
    n_coefficients : ndarray, shape (n_rings,)
        Number of Fourier coefficients in the ring. Half of them are independent.
    """

    frequency: np.ndarray
    correlation: np.ndarray
    n_coefficients: np.ndarray

    def cutoff(self, threshold: float | ArrayLike = 1 / 7) -> float:
        """Return the frequency where the correlation first falls below `threshold`.

        Interpolated linearly between rings; infinity when it never falls below. 1/7 is the usual
        threshold for two independent halves of one data set, 1/2 for a result against the truth. A
        curve, one value per ring, may be given as well: :meth:`half_bit`.
        """
        if np.ndim(threshold) == 0:
            limit = np.full(
                self.correlation.shape, check_number(threshold, "threshold", minimum=-1, maximum=1)
            )
        else:
            # A ring without coefficients has neither a correlation nor a threshold.
            limit = check_array(threshold, "threshold", shape=self.correlation.shape, finite=False)
        above = self.correlation - limit
        if np.ndim(threshold) > 0:
            # Frequency 0 is a single number, for which a statistical threshold has no meaning.
            above[0] = np.inf
        below = np.flatnonzero(above < 0)
        if below.size == 0:
            return float("inf")
        k = int(below[0])
        if k == 0 or not 0 < above[k - 1] < np.inf:
            return float(self.frequency[k])
        step = self.frequency[k] - self.frequency[k - 1]
        return float(self.frequency[k - 1] + step * above[k - 1] / (above[k - 1] - above[k]))

    def half_bit(self) -> np.ndarray:
        """Return the half-bit threshold of every ring, see :func:`half_bit`."""
        return half_bit(self.n_coefficients)


def rmse(x: ArrayLike, truth: ArrayLike) -> float:
    r"""Root mean square error, :math:`\sqrt{\mathrm{mean}\,(x - x_\mathrm{true})^2}`.

    Parameters
    ----------
    x, truth : array_like, same shape
        Result and truth, in the same units; the error has them too.

    Raises
    ------
    DataError
        When the shapes differ or a value is not finite.

    Examples
    --------
    >>> rmse([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
    1.7320508075688772
    """
    result, true = _pair(x, truth, "x", "truth")
    return float(np.sqrt(np.mean((result - true) ** 2)))


def psnr(x: ArrayLike, truth: ArrayLike, data_range: float | None = None) -> float:
    r"""Peak signal-to-noise ratio in decibels, :math:`20 \log_{10}(\mathrm{range}/\mathrm{rmse})`.

    Parameters
    ----------
    x, truth : array_like, same shape
        Result and truth.
    data_range : float, optional
        Range of values, > 0; ``truth.max() - truth.min()`` by default. Papers that scale images
        to 0…1 or 0…255 use that range instead, and their numbers differ by a constant.

    Returns
    -------
    float
        Infinity when the two are equal.

    Raises
    ------
    DataError
        When the shapes differ.
    ParameterError
        When `data_range` is not positive, or is left out for a constant truth.

    Examples
    --------
    >>> psnr([0.0, 0.9], [0.0, 1.0]).__round__(3)
    23.01
    """
    result, true = _pair(x, truth, "x", "truth")
    span = _range(true, data_range)
    error = rmse(result, true)
    return float(20 * np.log10(span / error)) if error > 0 else float("inf")


def ssim(
    x: ArrayLike, truth: ArrayLike, data_range: float | None = None, *, axis: int = -1
) -> float:
    """Structural similarity, with the Gaussian window of σ = 1.5 pixels of the original paper.

    Parameters
    ----------
    x, truth : array_like, same shape, 2-D or 3-D
        Result and truth, at least 11 pixels along each axis of a slice.
    data_range : float, optional
        Range of values, > 0; that of the whole truth by default.
    axis : int
        For a volume: slices are taken across this axis and their values averaged. The last axis
        gives the (z, x) slices of ``volume[z, x, y]``.

    Returns
    -------
    float
        1 for equal images, about 0 for unrelated ones.

    Raises
    ------
    DataError
        When the shapes differ, or a slice is too small.
    ParameterError
        When `data_range` is not positive or `axis` does not exist.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, IEEE Trans. Image Process. 13 (2004)
    600, doi:10.1109/TIP.2003.819861.

    Examples
    --------
    >>> image = np.outer(np.hanning(16), np.hanning(16))
    >>> ssim(image, image)
    1.0
    """
    from skimage.metrics import structural_similarity

    result, true = _pair(x, truth, "x", "truth", ndim=(2, 3))
    span = _range(true, data_range)
    if true.ndim == 2:
        slices = [(result, true)]
    else:
        where = check_integer(axis, "axis", minimum=-3, maximum=2)
        slices = list(zip(np.moveaxis(result, where, 0), np.moveaxis(true, where, 0), strict=True))
    if min(slices[0][0].shape) < _SSIM_WIDTH:
        raise DataError(
            f"x has slices of shape {slices[0][0].shape}; the window of the structural similarity "
            f"needs at least {_SSIM_WIDTH} pixels along each axis. Use psnr for images this small."
        )
    values = [
        structural_similarity(
            a,
            b,
            data_range=span,
            gaussian_weights=True,
            sigma=_SSIM_SIGMA,
            use_sample_covariance=False,
        )
        for a, b in slices
    ]
    return float(np.mean(values))


def edge_width(profile: ArrayLike, low: float, high: float) -> float:
    """Return the distance over which a profile climbs (or falls) from 10 to 90 % of an edge.

    Parameters
    ----------
    profile : array_like, shape (n,)
        Values across one edge, rising or falling, and little else.
    low, high : float
        The two levels that the edge joins; `high` is the larger.

    Returns
    -------
    float
        Pixels between the 10 % and the 90 % level, interpolated linearly. Ripples do not count: a
        level is reached where the profile first gets there, from the low side. A Gaussian probe
        makes 2.56 σ of a sharp edge.

    Raises
    ------
    DataError
        When the profile does not climb to 90 % of the edge, or begins above 10 %.
    ParameterError
        When `high` is not above `low`.

    Examples
    --------
    >>> round(edge_width([0.0, 0.0, 0.5, 1.0, 1.0], 0, 1), 6)
    1.6
    """
    values = check_array(profile, "profile", ndim=1, dtype=np.float64)
    bottom = check_number(low, "low")
    height = check_number(high, "high") - bottom
    if height <= 0:
        raise ParameterError(f"high is {high:g} and low {low:g}; high must be above low.")
    rise = np.maximum.accumulate((values if values[-1] > values[0] else values[::-1]) - bottom)
    if rise[0] > 0.1 * height or rise[-1] < 0.9 * height:
        raise DataError(
            f"profile runs from {rise[0] / height:.0%} to {rise[-1] / height:.0%} of the edge; 10 "
            f"and 90 % must lie between. Cut out more of it, or give its own levels."
        )
    at = []
    for share in (0.1, 0.9):
        after = max(int(np.argmax(rise >= share * height)), 1)
        before = rise[after - 1]
        at.append(after - 1 + (share * height - before) / (rise[after] - before))
    return float(at[1] - at[0])


def fourier_ring_correlation(
    a: ArrayLike,
    b: ArrayLike,
    *,
    pixel_size_nm: float | None = None,
    wedge_deg: tuple[float, float] | None = None,
) -> RingCorrelation:
    r"""Correlate two images ring by ring (volumes: shell by shell) in Fourier space.

    Parameters
    ----------
    a, b : array_like, same shape, 2-D or 3-D
        Two results from independent halves of the data, or a result and the truth.
    pixel_size_nm : float, optional
        Edge of a pixel in nm, for frequencies per nm.
    wedge_deg : (float, float), optional
        Start and width of a sector of directions to leave out, in degrees, as
        :func:`em_inverse.tomography.missing_wedge` returns it. Directions are angles of
        (kx, kz), for slices ``[z, x]`` and volumes ``[z, x, y]``.

    Returns
    -------
    RingCorrelation
        ``frequency``, ``correlation`` and ``n_coefficients`` per ring, and ``.cutoff(threshold)``.

    Raises
    ------
    DataError
        When the shapes differ or are neither 2-D nor 3-D.

    Notes
    -----
    .. math:: \mathrm{FRC}(k) = \frac{\mathrm{Re} \sum_{|f| \in k} A_f \bar B_f}
              {\sqrt{\sum_{|f| \in k} |A_f|^2 \; \sum_{|f| \in k} |B_f|^2}}

    Rings are one Fourier pixel of the shortest edge wide and end at the Nyquist frequency, 1/2
    cycle per pixel; the corners beyond it are left out. Taper objects that touch the edge: the
    jump across it correlates in every ring.

    References
    ----------
    M. van Heel and M. Schatz, J. Struct. Biol. 151 (2005) 250, doi:10.1016/j.jsb.2005.05.009.

    Examples
    --------
    >>> image = np.random.default_rng(0).random((32, 32))
    >>> np.allclose(fourier_ring_correlation(image, 3 * image).correlation, 1)
    True
    """
    return _rings(a, b, (2, 3), pixel_size_nm, wedge_deg)


def fourier_shell_correlation(
    a: ArrayLike,
    b: ArrayLike,
    *,
    pixel_size_nm: float | None = None,
    wedge_deg: tuple[float, float] | None = None,
) -> RingCorrelation:
    """Correlate two volumes shell by shell in Fourier space.

    The formula and the parameters are those of :func:`fourier_ring_correlation`; a slice is
    refused here, so that a resolution called "FSC" is one of a volume.

    Parameters
    ----------
    a, b : array_like, same shape, 3-D
    pixel_size_nm : float, optional
    wedge_deg : (float, float), optional

    Returns
    -------
    RingCorrelation

    Raises
    ------
    DataError
        When the shapes differ or are not 3-D.

    References
    ----------
    G. Harauz and M. van Heel, Exact filters for general geometry three dimensional
    reconstruction, Optik 73 (1986) 146.

    Examples
    --------
    >>> volume = np.random.default_rng(0).random((16, 16, 16))
    >>> fourier_shell_correlation(volume, volume, wedge_deg=(70, 40)).cutoff()
    inf
    """
    return _rings(a, b, (3,), pixel_size_nm, wedge_deg)


def half_bit(n_coefficients: ArrayLike) -> np.ndarray:
    r"""Return the correlation at which a ring of two half data sets holds half a bit per voxel.

    Parameters
    ----------
    n_coefficients : array_like
        Fourier coefficients per ring, conjugate ones counted: n = half of them is independent.

    Returns
    -------
    ndarray
        :math:`(0.2071 + 1.9102/\sqrt n) / (1.2071 + 0.9102/\sqrt n)`; 0.17 for many
        coefficients, 1 for one. NaN where there are none.

    References
    ----------
    M. van Heel and M. Schatz, J. Struct. Biol. 151 (2005) 250, doi:10.1016/j.jsb.2005.05.009.

    Examples
    --------
    >>> half_bit([2, 200, 2e8]).round(3)
    array([1.   , 0.307, 0.172])
    """
    count = check_array(n_coefficients, "n_coefficients", dtype=np.float64)
    # One independent coefficient is the least; the mean of an image counts as one.
    root = np.sqrt(np.maximum(count / 2, 1))
    curve = (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
    return np.where(count > 0, curve, np.nan)


def chamfer(points_a: ArrayLike, points_b: ArrayLike) -> float:
    r"""Chamfer distance of two clouds of points, in the units of their coordinates.

    Parameters
    ----------
    points_a : array_like, shape (n, d)
        Points, one per row: surface points of a volume, or atom positions.
    points_b : array_like, shape (m, d)
        The other cloud; n and m may differ.

    Returns
    -------
    float
        Mean of the two directed mean distances,

        .. math:: \tfrac12 \Big( \tfrac1n \sum_a \min_b \|a - b\|
                  + \tfrac1m \sum_b \min_a \|a - b\| \Big).

        Some authors leave out the ½ or square the distances; compare like with like.

    Raises
    ------
    DataError
        When a cloud is not a table of points or the dimensions differ.

    Examples
    --------
    >>> chamfer([[0.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]])
    1.25
    """
    from scipy.spatial import cKDTree

    a = check_array(points_a, "points_a", ndim=2)
    b = check_array(points_b, "points_b", ndim=2)
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"points_a has shape {a.shape} but points_b has shape {b.shape}: points of different "
            f"dimension have no distance. Pass one point per row."
        )
    to_b, _ = cKDTree(b).query(a)
    to_a, _ = cKDTree(a).query(b)
    return float(np.mean(to_b) + np.mean(to_a)) / 2


class HoleCount(NamedTuple):
    """What a segmentation shows of the holes of an object.

    Attributes
    ----------
    found : int
        Holes of the truth that are dark in the result over at least half of their area.
    invented : int
        Dark patches well inside the solid, away from every true hole.
    of : int
        Holes of the truth.
    """

    found: int
    invented: int
    of: int


def count_holes(
    x: ArrayLike, truth: ArrayLike, *, threshold: float = 0.5, smallest: int = 6
) -> HoleCount:
    """Count the pores that a threshold would show: those found, and those invented.

    A question a user asks of a picture, where the root mean square error answers another: a result
    without any pore may have a small error, because pores are small.

    Parameters
    ----------
    x, truth : array_like, shape (n, m)
        Result and true object, both solid = 1 and vacuum = 0.
    threshold : float
        Darker pixels count as empty.
    smallest : int, ≥ 1
        Smallest dark patch in pixels that counts as an invented hole.

    Returns
    -------
    HoleCount

    Raises
    ------
    DataError
        When the shapes differ.

    Notes
    -----
    A true hole is a dark patch of the truth that the solid encloses. Invented holes are sought
    three pixels or more inside the solid's outline, and must stay two pixels away from true ones.

    Examples
    --------
    >>> solid = np.pad(np.ones((20, 20)), 5)
    >>> truth, result = solid.copy(), solid.copy()
    >>> truth[10:13, 10:13] = 0
    >>> result[18:21, 18:21] = 0
    >>> count_holes(result, truth)
    HoleCount(found=0, invented=1, of=1)
    """
    from scipy import ndimage

    result, true = _pair(x, truth, "x", "truth", ndim=(2,))
    level = check_number(threshold, "threshold")
    least = check_integer(smallest, "smallest", minimum=1)
    filled = ndimage.binary_fill_holes(true > level)
    holes, number = ndimage.label(filled & (true <= level))
    shown = [float(np.mean(result[holes == k] < level)) for k in range(1, number + 1)]
    inside = ndimage.binary_erosion(filled, iterations=3)
    patches, count = ndimage.label((result < level) & inside)
    near = ndimage.binary_dilation(holes > 0, iterations=2)
    false = [patches == k for k in range(1, count + 1)]
    return HoleCount(
        sum(share >= 0.5 for share in shown),
        sum(bool(patch.sum() >= least and not (patch & near).any()) for patch in false),
        number,
    )


def wedge_elongation(
    x: ArrayLike,
    *,
    method: str = "moments",
    threshold: float = 0.25,
    direction_deg: float = 0.0,
) -> float:
    r"""Width of an object along the beam over its width across: what the missing wedge stretches.

    Parameters
    ----------
    x : array_like, shape (nz, nx) or (nz, nx, ny)
        Reconstruction of one object in vacuum. Crop to the object first if there are several.
    method : {"moments", "half_maximum"}
        How a width is measured. ``"moments"``: the standard deviation of z (or x) weighted by
        intensity; uses every pixel, so noise averages out. ``"half_maximum"``: full width at half
        maximum of the line profile along z (or x) through the centre of mass; what one measures
        by eye, and blind to the rest of the picture.
    threshold : float, 0 ≤ value < 1
        Fraction of the maximum below which intensity counts as background and is set to zero
        before moments and centre of mass are taken. Raise it when streaks or noise reach higher,
        lower it when the object has a faint shell that belongs to it.
    direction_deg : float
        Tilt at which the beam runs along the direction that counts as "along": 0 is z. The missing
        wedge of a series from −40° to 70° stretches along the beam of its middle, 15°.

    Returns
    -------
    float
        Ratio of the width along z to the width along x: 1 for a disc or a sphere.

    Raises
    ------
    DataError
        When nothing is brighter than zero, when the object has no width along x or z, or when at
        half maximum it reaches the edge of the array.
    ParameterError
        When `method`, `threshold` or `direction_deg` is not allowed.

    Examples
    --------
    >>> z, x = np.indices((65, 65)) - 32
    >>> tall = np.exp(-((z / 8) ** 2) - (x / 4) ** 2)
    >>> [round(wedge_elongation(tall, threshold=0, direction_deg=d), 3) for d in (0, 45, 90)]
    [2.0, 1.0, 0.5]
    """
    image = check_array(x, "x", ndim=(2, 3)).astype(np.float64, copy=False)
    check_choice(method, "method", ["moments", "half_maximum"])
    level = check_number(threshold, "threshold", minimum=0, maximum=1)
    if level == 1:
        raise ParameterError("threshold is 1, which leaves no object; allowed: 0 ≤ value < 1.")
    peak = float(image.max())
    if peak <= 0:
        raise DataError(
            f"x has no value above zero (largest {peak:g}), so there is no object to measure. "
            f"Objects are bright on a dark background here; change the sign if yours is dark."
        )
    beam = np.deg2rad(check_number(direction_deg, "direction_deg", minimum=-360, maximum=360))
    weight = np.where(image >= level * peak, np.maximum(image, 0), 0)
    centre = centre_of_mass(weight)
    width = partial(_spread, weight) if method == "moments" else partial(_half_width, image)
    along = width(centre, (float(np.cos(beam)), -float(np.sin(beam))))
    across = width(centre, (float(np.sin(beam)), float(np.cos(beam))))
    if across == 0 or along == 0:
        raise DataError(
            "x holds an object without width along z or x (a single row, column or pixel); its "
            "elongation is not defined. Lower the threshold or pass a larger object."
        )
    return along / across


def centre_of_mass(weight: np.ndarray) -> tuple[float, ...]:
    """Return the mean index along each axis, weighted by the values of an array.

    Parameters
    ----------
    weight : ndarray
        Not negative, not zero everywhere.

    Examples
    --------
    >>> centre_of_mass(np.array([[0.0, 1.0], [0.0, 3.0]]))
    (0.75, 1.0)
    """
    axes = range(weight.ndim)
    profiles = [weight.sum(axis=tuple(k for k in axes if k != axis)) for axis in axes]
    return tuple(float(np.average(np.arange(p.size), weights=p)) for p in profiles)


def line_profile(
    image: np.ndarray, centre: tuple[float, ...], way: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values along a straight line in a plane of z and x, from edge to edge.

    Parameters
    ----------
    image : ndarray, shape (nz, nx) or (nz, nx, ny)
    centre : tuple of float
        Point (z, x) or (z, x, y) that the line passes through, in pixels.
    way : (float, float)
        Direction (z, x), of length 1.

    Returns
    -------
    distance, values : ndarray
        One sample for each row that the line crosses, or each column if it is nearer to x. The
        distance is counted from the centre, in pixels.

    Examples
    --------
    >>> picture = np.arange(12.0).reshape(3, 4)
    >>> line_profile(picture, (1, 2), (1.0, 0.0))
    (array([-1.,  0.,  1.]), array([ 2.,  6., 10.]))
    """
    from scipy.ndimage import map_coordinates

    axis = 0 if abs(way[0]) >= abs(way[1]) else 1
    distance = np.sort((np.arange(image.shape[axis]) - centre[axis]) / way[axis])
    points = np.repeat(np.array(centre, dtype=np.float64)[:, None], distance.size, axis=1)
    points[0] += way[0] * distance
    points[1] += way[1] * distance
    other = points[1 - axis]
    inside = (other >= 0) & (other <= image.shape[1 - axis] - 1)
    points, distance = points[:, inside], distance[inside]
    return distance, map_coordinates(image, points, order=1, mode="nearest")


def _pair(
    x: ArrayLike, y: ArrayLike, name_x: str, name_y: str, *, ndim: tuple[int, ...] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    a = check_array(x, name_x, ndim=ndim).astype(np.float64, copy=False)
    b = check_array(y, name_y, ndim=ndim).astype(np.float64, copy=False)
    if a.shape != b.shape:
        raise DataError(
            f"{name_x} has shape {a.shape} but {name_y} has shape {b.shape}; only arrays of one "
            f"shape can be compared. Check the order of the axes, or crop."
        )
    return a, b


def _rings(
    a: ArrayLike,
    b: ArrayLike,
    ndim: tuple[int, ...],
    pixel_size_nm: float | None,
    wedge_deg: tuple[float, float] | None,
) -> RingCorrelation:
    first, second = _pair(a, b, "a", "b", ndim=ndim)
    if pixel_size_nm is None:
        pixel = 1.0
    else:
        pixel = check_number(pixel_size_nm, "pixel_size_nm", minimum=0, exclusive=True)
    n_rings = min(first.shape) // 2 + 1
    cross, power_a, power_b, count = np.zeros((4, n_rings))
    weight = _half_spectrum_weights(first.shape[-1])
    spectrum_a, spectrum_b = np.fft.rfftn(first), np.fft.rfftn(second)
    others = np.meshgrid(
        *(np.fft.fftfreq(n) for n in first.shape[1:-1]),
        np.fft.rfftfreq(first.shape[-1]),
        indexing="ij",
        sparse=True,
    )
    squares = sum(np.square(axis) for axis in others)
    weights = np.broadcast_to(weight, spectrum_a.shape[1:])
    # One plane at a time: the radii of a whole volume would need as much memory as the volume.
    for f, plane_a, plane_b in zip(
        np.fft.fftfreq(first.shape[0]), spectrum_a, spectrum_b, strict=True
    ):
        ring = np.rint(np.sqrt(squares + f**2) * min(first.shape)).astype(int)
        inside = ring < n_rings
        if wedge_deg is not None:
            inside &= ~_in_wedge(f, others[0], wedge_deg)
        ring, part_a, part_b = ring[inside], plane_a[inside], plane_b[inside]
        w = weights[inside]
        cross += np.bincount(ring, w * (part_a * part_b.conj()).real, n_rings)
        power_a += np.bincount(ring, w * np.abs(part_a) ** 2, n_rings)
        power_b += np.bincount(ring, w * np.abs(part_b) ** 2, n_rings)
        count += np.bincount(ring, w, n_rings)
    scale = np.sqrt(power_a) * np.sqrt(power_b)
    correlation = np.full(n_rings, np.nan)
    np.divide(cross, scale, out=correlation, where=scale > 0)
    frequency = np.arange(n_rings) / (min(first.shape) * pixel)
    return RingCorrelation(frequency, np.clip(correlation, -1, 1), count.astype(int))


def _in_wedge(kz: float, kx: np.ndarray, wedge_deg: tuple[float, float]) -> np.ndarray:
    """Whether the direction of (kx, kz) lies inside the sector; the origin never does."""
    start, width = wedge_deg
    direction = np.rad2deg(np.arctan2(kz, kx))
    inside = np.mod(direction - start, 180.0) < width
    return inside & ((kx != 0) | (kz != 0))


def _range(truth: np.ndarray, data_range: float | None) -> float:
    if data_range is not None:
        return check_number(data_range, "data_range", minimum=0, exclusive=True)
    span = float(truth.max() - truth.min())
    if span == 0:
        raise ParameterError(
            f"data_range is None and truth is constant ({truth.flat[0]:g}), so it has no range. "
            f"Pass data_range."
        )
    return span


def _half_spectrum_weights(n: int) -> np.ndarray:
    """How many coefficients of the full spectrum each one of the half spectrum stands for."""
    weight = np.full(n // 2 + 1, 2.0)
    weight[0] = 1.0
    if n % 2 == 0:
        weight[-1] = 1.0
    return weight


def _spread(weight: np.ndarray, centre: tuple[float, ...], way: tuple[float, float]) -> float:
    """Standard deviation along a direction (z, x), weighted by the values of an array."""
    plane = weight.reshape(*weight.shape[:2], -1).sum(axis=2)
    z, x = np.ogrid[: plane.shape[0], : plane.shape[1]]
    place = way[0] * (z - centre[0]) + way[1] * (x - centre[1])
    return float(np.sqrt(np.average(place**2, weights=plane)))


def _half_width(image: np.ndarray, centre: tuple[float, ...], way: tuple[float, float]) -> float:
    """Full width at half maximum of the profile through `centre` along a direction (z, x)."""
    distance, profile = line_profile(image, centre, way)
    top = int(profile.argmax())
    half = profile[top] / 2
    right = _crossing(profile[top:], half)
    left = _crossing(profile[top::-1], half)
    if left is None or right is None:
        towards = "z" if abs(way[0]) >= abs(way[1]) else "x"
        raise DataError(
            f"x reaches the edge of the array along {towards} at half of its maximum. Pad the "
            f'array, or use method="moments".'
        )
    return (left + right) * float(distance[1] - distance[0])


def _crossing(profile: np.ndarray, level: float) -> float | None:
    """Distance from the first sample to the first fall below `level`, None if there is none."""
    below = np.flatnonzero(profile < level)
    if below.size == 0:
        return None
    k = int(below[0])
    return k - 1 + float((profile[k - 1] - level) / (profile[k - 1] - profile[k]))
