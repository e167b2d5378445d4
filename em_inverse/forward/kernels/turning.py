"""Turning a volume about the tilt axis while adding it up into slices, and the transpose of that.

**The method.** The turned object is read between the voxels of the given one, by cubic convolution
(Keys, doi:10.1109/TASSP.1981.1163711): along each axis the four nearest voxels, at distances t,
count with

    k(t) = 1 − (5/2) t² + (3/2) t³   for t ≤ 1,      2 − 4 t + (5/2) t² − (1/2) t³   for 1 ≤ t ≤ 2,

which reproduces parabolas, and the voxels themselves where a point falls on them. Outside the
volume there is nothing. The point read for depth u and detector pixel s, both counted from the
centre, lies at

    z = s sin θ + u cos θ,      x = s cos θ − u sin θ,

so that s = x cos θ + z sin θ as everywhere in the package, and u runs along the beam.

Multislice needs no voxels but slices: N successive depths, added up. So the N times 16 weights of
the N points that one pixel of one slice reads are first added up in a small table, its *stencil*,
which covers the path of the ray through the slice and two voxels about it. Neighbouring points
share most of their voxels: for N = 10, 160 weights fall on 50 to 80 voxels, and only these are
read. Turning and binning together therefore cost less than half of turning alone, and the turned
volume, which nobody wants, is never stored.

**Why it is fast.** All lines along y share the stencil. Once it is worked out (a thousand or so
scalar operations in float64, so that positions are exact), it is applied to whole lines of
contiguous numbers, four neighbours in x at a time: four products for one read and one write of the
result, in SIMD code. Offsets are unsigned: an index that could be negative would be asked whether
it is, each time.

**The transpose.** Both directions work out the same stencil by the same function, so they are
transposes of each other up to rounding. The forward kernel gathers, the transpose scatters: it adds
multiples of a line of the slice to the lines that the stencil names, in place, so that a solver's
step costs no further pass over memory. Lines at different y never meet. Threads therefore share
the y axis, each with strips of its own, which needs no locks, and no result depends on their
number. Each of them works out all stencils, which is little beside the rest.

`reference.py` holds the definition, point by point; the turn by three Fourier shears, slower and
without low-pass, is :class:`em_inverse.forward.FourierTurn`.
"""

import math

import numba
import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import as_many_threads_as, one_at_a_time

_FAST = {"reassoc", "contract", "nsz", "arcp"}
# Lines are cut into strips of at least this many voxels, one a thread.
_SHORTEST_STRIP = 32
_WORTH_SHARING = 2e6


def gather(volume, cosine, sine, start, thickness, n_slices, width):
    """Return the slices of the turned volume.

    Parameters
    ----------
    volume : ndarray, shape (nz, nx, ny)
        C-contiguous, float32 or float64.
    cosine, sine : float
        Of the tilt angle.
    start : float
        Depth u of the first point, from the centre, in voxels.
    thickness : int
        Depths N that are added up in a slice.
    n_slices, width : int
        Number of slices, and of detector pixels across the tilt axis.

    Returns
    -------
    ndarray, shape (n_slices, width, ny)
    """
    out = np.zeros((n_slices, width, volume.shape[2]), volume.dtype)
    with one_at_a_time, as_many_threads_as(volume.size, _WORTH_SHARING):
        _gather(_frozen(volume), cosine, sine, start, thickness, _cuts(volume.shape[2]), out)
    return out


def scatter(slices, cosine, sine, start, thickness, weight, volume):
    """Add `weight` times the transpose of :func:`gather`, applied to slices, to a volume, in place.

    Parameters
    ----------
    slices : ndarray, shape (n_slices, width, ny)
    cosine, sine, start, thickness
        As for :func:`gather`.
    weight : float
    volume : ndarray, shape (nz, nx, ny)
    """
    with one_at_a_time, as_many_threads_as(volume.size, _WORTH_SHARING):
        _scatter(
            _frozen(slices), cosine, sine, start, thickness, float(weight),
            _cuts(volume.shape[2]), volume,
        )  # fmt: skip


def _cuts(ny):
    count = max(1, min(numba.get_num_threads(), ny // _SHORTEST_STRIP))
    return np.linspace(0, ny, count + 1).astype(np.int64)


def _frozen(array):
    """View an array as read-only: to numba that is another type, and each type is compiled."""
    array = array.view()
    array.flags.writeable = False
    return array


@njit(fastmath=_FAST, nogil=True)
def _cubic(f, out):
    """Weights of the voxels −1, 0, 1, 2 for a point at 0 ≤ f < 1."""
    g = 1.0 - f
    out[0] = -0.5 * f * g * g
    out[1] = 1.0 + f * f * (1.5 * f - 2.5)
    out[2] = 1.0 + g * g * (1.5 * g - 2.5)
    out[3] = -0.5 * g * f * f


@njit(fastmath=_FAST, nogil=True)
def _stencil(u, s, cosine, sine, thickness, nz, nx, table, low, high, along, across):
    """Add up the weights of the points of one pixel of one slice.

    Returns the row z and the column x of the first entry of the table, and how many rows are used;
    of row a, the entries from low[a] to high[a] are used, and lie inside the volume.
    """
    deeper = thickness - 1
    z = s * sine + u * cosine + (nz - 1) * 0.5
    x = s * cosine - u * sine + (nx - 1) * 0.5
    z_last, x_last = z + deeper * cosine, x - deeper * sine
    top = math.floor(min(z, z_last)) - 1
    left = math.floor(min(x, x_last)) - 1
    rows = math.floor(max(z, z_last)) + 3 - top
    columns = math.floor(max(x, x_last)) + 3 - left
    for a in range(rows):
        low[a] = columns
        high[a] = -1
        for b in range(columns):
            table[a, b] = 0.0
    for d in range(thickness):
        zd, xd = z + d * cosine, x - d * sine
        iz = min(max(math.floor(zd), top + 1), top + rows - 3)
        ix = min(max(math.floor(xd), left + 1), left + columns - 3)
        _cubic(zd - iz, along)
        _cubic(xd - ix, across)
        for i in range(4):
            if along[i] != 0.0:
                a = iz - 1 + i - top
                b = ix - 1 - left
                low[a] = min(low[a], b)
                high[a] = max(high[a], b + 3)
                for j in range(4):
                    table[a, b + j] += along[i] * across[j]
    for a in range(rows):
        if top + a < 0 or top + a >= nz:
            high[a] = -1
        else:
            low[a] = max(low[a], -left)
            high[a] = min(high[a], nx - 1 - left)
            while low[a] <= high[a] and table[a, low[a]] == 0.0:
                low[a] += 1
            while low[a] <= high[a] and table[a, high[a]] == 0.0:
                high[a] -= 1
    return top, left, rows


@njit(fastmath=_FAST, nogil=True)
def _add_four(out, at, source, start, pitch, width, w0, w1, w2, w3):
    """out[at + y] += the weighted sum of four lines of the source."""
    at, c0, pitch = np.uint64(at), np.uint64(start), np.uint64(pitch)
    c1, c2, c3 = c0 + pitch, c0 + pitch + pitch, c0 + pitch + pitch + pitch
    for step in range(width):
        y = np.uint64(step)
        out[at + y] += (w0 * source[c0 + y] + w1 * source[c1 + y]) + (
            w2 * source[c2 + y] + w3 * source[c3 + y]
        )


@njit(fastmath=_FAST, nogil=True)
def _add_one(out, at, source, start, width, weight):
    at, start = np.uint64(at), np.uint64(start)
    for step in range(width):
        y = np.uint64(step)
        out[at + y] += weight * source[start + y]


@njit(fastmath=_FAST, nogil=True)
def _spread_four(out, at, pitch, source, start, width, w0, w1, w2, w3):
    """Add multiples of one line of the source to four lines."""
    c0, start, pitch = np.uint64(at), np.uint64(start), np.uint64(pitch)
    c1, c2, c3 = c0 + pitch, c0 + pitch + pitch, c0 + pitch + pitch + pitch
    for step in range(width):
        y = np.uint64(step)
        g = source[start + y]
        out[c0 + y] += w0 * g
        out[c1 + y] += w1 * g
        out[c2 + y] += w2 * g
        out[c3 + y] += w3 * g


@njit(fastmath=_FAST, nogil=True)
def _room(thickness, dtype):
    size = thickness + 5
    table = np.empty((size, size), dtype)
    low, high = np.empty(size, np.int64), np.empty(size, np.int64)
    return table, low, high, np.empty(4), np.empty(4)


@njit(cache=True, parallel=True, fastmath=_FAST, nogil=True)
def _gather(volume, cosine, sine, start, thickness, cuts, out):
    nz, nx, ny = volume.shape
    n_slices, width = out.shape[:2]
    source, result = volume.reshape(-1), out.reshape(-1)
    for strip in prange(cuts.size - 1):
        first, n = cuts[strip], cuts[strip + 1] - cuts[strip]
        table, low, high, along, across = _room(thickness, volume.dtype)
        for m in range(n_slices):
            for s in range(width):
                at = (m * width + s) * ny + first
                top, left, rows = _stencil(
                    start + m * thickness, s - (width - 1) * 0.5, cosine, sine, thickness, nz, nx,
                    table, low, high, along, across,
                )  # fmt: skip
                for a in range(rows):
                    b = low[a]
                    line = ((top + a) * nx + left) * ny + first
                    while b + 3 <= high[a]:
                        w = table[a]
                        _add_four(
                            result, at, source, line + b * ny, ny, n,
                            w[b], w[b + 1], w[b + 2], w[b + 3],
                        )  # fmt: skip
                        b += 4
                    while b <= high[a]:
                        _add_one(result, at, source, line + b * ny, n, table[a, b])
                        b += 1


@njit(cache=True, parallel=True, fastmath=_FAST, nogil=True)
def _scatter(slices, cosine, sine, start, thickness, weight, cuts, volume):
    nz, nx, ny = volume.shape
    n_slices, width = slices.shape[:2]
    source, result = slices.reshape(-1), volume.reshape(-1)
    factor = volume.dtype.type(weight)
    for strip in prange(cuts.size - 1):
        first, n = cuts[strip], cuts[strip + 1] - cuts[strip]
        table, low, high, along, across = _room(thickness, volume.dtype)
        for m in range(n_slices):
            for s in range(width):
                start_of_line = (m * width + s) * ny + first
                top, left, rows = _stencil(
                    start + m * thickness, s - (width - 1) * 0.5, cosine, sine, thickness, nz, nx,
                    table, low, high, along, across,
                )  # fmt: skip
                for a in range(rows):
                    b = low[a]
                    line = ((top + a) * nx + left) * ny + first
                    while b + 3 <= high[a]:
                        w = table[a]
                        _spread_four(
                            result, line + b * ny, ny, source, start_of_line, n,
                            factor * w[b], factor * w[b + 1], factor * w[b + 2], factor * w[b + 3],
                        )  # fmt: skip
                        b += 4
                    while b <= high[a]:
                        _add_one(
                            result, line + b * ny, source, start_of_line, n, factor * table[a, b]
                        )
                        b += 1


def _warm_up():
    """Compile the kernels for float32 and float64."""
    for dtype in (np.float32, np.float64):
        volume = np.zeros((2, 2, 2), dtype)
        slices = gather(volume, 0.8, 0.6, -0.5, 2, 1, 2)
        scatter(slices, 0.8, 0.6, -0.5, 2, 1.0, volume)
