"""One pass of SART: every block of tilts in turn corrects the object.

A block holds one tilt or several. For each it does what one step of SIRT does for all of them,

    x ← x + ω C Hᵀ R (y − Hx),    R = 1 / row sums,  C = 1 / column sums  (of the block),

clipped at zero if asked. The weights are those of `joseph.py`, which see.

**Why not call the projector block by block?** One tilt is little work, and two compiled calls per
tilt, each reading the whole volume from memory, cost more than the arithmetic: twenty times one
iteration of SIRT. But the slices y of a volume do not know of each other. So a strip of a few
slices is copied into a small frame that stays in cache, goes through *all* blocks there, and is
copied back. Threads take strips, and never meet.

Three savings come with it. The back-projection of a tilt is added to the object where it is
formed. The column sums, of which a volume would need one slice for every block, are two weights
that are at hand. And voxels outside the support are passed over.

A single slice has no line of voxels along y to work on; there one ray and one pixel are summed in
a register, as in `joseph.py`.
"""

import math

import numba
import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import one_at_a_time

_LONGEST_STRIP = 64
_SHORTEST_STRIP = 32
_FEW_SLICES = 4
_MARGIN = 2
# Sums may be reordered, but NaN and infinity keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def sweep(x, y, rows, cosines, sines, axis, tilts, starts, weight, floor, support):
    """Return the object after one pass over all blocks; `x` is not modified.

    Parameters
    ----------
    x : ndarray, shape (nz, nx, ny)
        float32 or float64, C-contiguous; a slice has ny = 1.
    y : ndarray, shape (n_tilts, n_det, ny)
    rows : ndarray, shape (n_tilts, n_det, 1 or ny)
        R, the reciprocals of the row sums.
    cosines, sines, axis : ndarray of float64, shape (n_tilts,)
        As in `joseph.forward`.
    tilts : ndarray of int64
        The tilts, block after block, in the order in which the blocks act.
    starts : ndarray of int64, shape (n_blocks + 1,)
        Block k holds ``tilts[starts[k]:starts[k + 1]]``.
    weight : float
        ω.
    floor : float
        Smallest value allowed: 0 or −inf.
    support : ndarray of bool, shape (nz, nx, 1 or ny)
        Voxels outside it are not touched.
    """
    out = np.ascontiguousarray(x).copy()
    number = out.dtype.type
    inverse = 1.0 / np.maximum(np.abs(cosines), np.abs(sines))
    y, rows, support, *geometry = map(_fixed, (y, rows, support, cosines, sines, axis, inverse))
    plan = (*geometry, _fixed(tilts), _fixed(starts), number(weight), number(floor))
    ny = out.shape[2]
    if ny < _FEW_SLICES:
        for s in range(ny):
            _one_slice(out, y, rows, *plan, support, s)
        return out
    fair = -(-ny // numba.get_num_threads())
    width = min(max(fair, _SHORTEST_STRIP), _LONGEST_STRIP, ny)
    if width == ny:
        _one_strip(out, y, rows, *plan, support, ny, 0)
        return out
    with one_at_a_time:
        _sweep_strips(out, y, rows, *plan, support, width)
    return out


def _fixed(array):
    """Contiguous view that cannot be written to: one type for numba, whatever the caller has."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@njit(fastmath=_FAST, nogil=True, inline="always")
def _index(position, size):
    """floor(position) in an array framed by two zeros, moved onto the frame if outside."""
    return min(max(math.floor(position), -2.0), float(size)) + _MARGIN


@njit(fastmath=_FAST, nogil=True)
def _rays_of_slice(frame, cosine, sine, axis, sums):
    """Sums along the rays of one tilt through a framed slice."""
    nz, nx = frame.shape[0] - 2 * _MARGIN, frame.shape[1] - 2 * _MARGIN
    values = frame.reshape(-1)
    zero, one = values.dtype.type(0), values.dtype.type(1)
    along_z = abs(cosine) >= abs(sine)
    if along_z:
        march, across, step, drift = nz, nx, 1.0 / cosine, -sine / cosine
        stride, jump = np.uint64(1), np.uint64(nx + 2 * _MARGIN)
    else:
        march, across, step, drift = nx, nz, 1.0 / sine, -cosine / sine
        stride, jump = np.uint64(nx + 2 * _MARGIN), np.uint64(1)
    start = (across - 1) * 0.5 - axis * step - (march - 1) * 0.5 * drift
    length = values.dtype.type(abs(step))
    for u in range(sums.size):
        origin = start + u * step
        total = zero
        for row in range(march):
            position = origin + row * drift
            fraction = values.dtype.type(position - math.floor(position))
            i = np.uint64(_index(position, across)) * stride + np.uint64(row + _MARGIN) * jump
            total += (one - fraction) * values[i] + fraction * values[i + stride]
        sums[u] = total * length


@njit(fastmath=_FAST, cache=True, nogil=True)
def _one_slice(x, y, rows, cosines, sines, axis, inverse, tilts, starts, weight, floor, support, s):
    nz, nx = x.shape[:2]
    n_det = y.shape[1]
    number = x.dtype.type
    zero, one = number(0), number(1)
    shared, inside = s if rows.shape[2] > 1 else 0, s if support.shape[2] > 1 else 0
    frame = np.zeros((nz + 2 * _MARGIN, nx + 2 * _MARGIN), x.dtype)
    for z in range(nz):
        for i in range(nx):
            frame[z + _MARGIN, i + _MARGIN] = x[z, i, s]
    longest = 0
    for block in range(starts.size - 1):
        longest = max(longest, starts[block + 1] - starts[block])
    sums = np.empty(n_det, x.dtype)
    residual = np.zeros((longest, n_det + 2 * _MARGIN), x.dtype)
    seen = np.zeros(n_det + 2 * _MARGIN, x.dtype)
    seen[_MARGIN : n_det + _MARGIN] = one
    top, total = np.empty(nx, x.dtype), np.empty(nx, x.dtype)
    for block in range(starts.size - 1):
        first, last = starts[block], starts[block + 1]
        for k in range(last - first):
            t = tilts[first + k]
            _rays_of_slice(frame, cosines[t], sines[t], axis[t], sums)
            for u in range(n_det):
                residual[k, u + _MARGIN] = (y[t, u, s] - sums[u]) * rows[t, u, shared]
        for z in range(nz):
            top[:] = zero
            total[:] = zero
            for k in range(last - first):
                t = tilts[first + k]
                start = axis[t] + (z - (nz - 1) * 0.5) * sines[t] - (nx - 1) * 0.5 * cosines[t]
                step, scale = cosines[t], number(inverse[t])
                line = residual[k]
                for i in range(nx):
                    position = start + i * step
                    fraction = number(position - math.floor(position))
                    at = np.uint64(_index(position, n_det))
                    near = scale * max(zero, one - fraction * scale)
                    far = scale * max(zero, one - (one - fraction) * scale)
                    top[i] += near * line[at] + far * line[at + np.uint64(1)]
                    total[i] += near * seen[at] + far * seen[at + np.uint64(1)]
            here = frame[z + _MARGIN]
            for i in range(nx):
                if support[z, i, inside] and total[i] > 1e-6:
                    here[i + _MARGIN] = max(floor, here[i + _MARGIN] + weight * top[i] / total[i])
    for z in range(nz):
        for i in range(nx):
            x[z, i, s] = frame[z + _MARGIN, i + _MARGIN]


@njit(fastmath=_FAST, nogil=True)
def _rays_of_strip(frame, cosine, sine, axis, sums):
    """Sums along the rays of one tilt through a framed strip of slices, without their length."""
    nz, nx, width = frame.shape[0] - 2 * _MARGIN, frame.shape[1] - 2 * _MARGIN, frame.shape[2]
    lines = frame.reshape(-1, width)
    number = lines.dtype.type
    along_z = abs(cosine) >= abs(sine)
    if along_z:
        march, across, step, drift = nz, nx, 1.0 / cosine, -sine / cosine
        stride, jump = 1, nx + 2 * _MARGIN
    else:
        march, across, step, drift = nx, nz, 1.0 / sine, -cosine / sine
        stride, jump = nx + 2 * _MARGIN, 1
    start = (across - 1) * 0.5 - axis * step - (march - 1) * 0.5 * drift
    sums[:] = number(0)
    for row in range(march):
        for u in range(sums.shape[0]):
            position = start + u * step + row * drift
            if position <= -1.0 or position >= across:
                continue
            floor = math.floor(position)
            far = number(position - floor)
            near = number(1) - far
            i = np.uint64((int(floor) + _MARGIN) * stride + (row + _MARGIN) * jump)
            a, b, out = lines[i], lines[i + np.uint64(stride)], sums[u]
            for k in range(width):
                out[k] += near * a[k] + far * b[k]


@njit(fastmath=_FAST, cache=True, nogil=True)
def _one_strip(
    x, y, rows, cosines, sines, axis, inverse, tilts, starts, weight, floor, support, strip, s
):
    nz, nx, ny = x.shape
    n_det = y.shape[1]
    number = x.dtype.type
    zero, one = number(0), number(1)
    left = s * strip
    width = min(strip, ny - left)
    varies, holes = rows.shape[2] > 1, support.shape[2] > 1
    frame = np.zeros((nz + 2 * _MARGIN, nx + 2 * _MARGIN, width), x.dtype)
    for z in range(nz):
        for i in range(nx):
            for j in range(width):
                frame[z + _MARGIN, i + _MARGIN, j] = x[z, i, left + j]
    longest = 0
    for block in range(starts.size - 1):
        longest = max(longest, starts[block + 1] - starts[block])
    sums = np.empty((n_det, width), x.dtype)
    residual = np.zeros((longest, n_det + 2 * _MARGIN, width), x.dtype)
    top = np.empty(width, x.dtype)
    for block in range(starts.size - 1):
        first, last = starts[block], starts[block + 1]
        for k in range(last - first):
            t = tilts[first + k]
            _rays_of_strip(frame, cosines[t], sines[t], axis[t], sums)
            length = number(inverse[t])
            for u in range(n_det):
                for j in range(width):
                    r = rows[t, u, left + j if varies else 0]
                    residual[k, u + _MARGIN, j] = (y[t, u, left + j] - length * sums[u, j]) * r
        for z in range(nz):
            for i in range(nx):
                if not holes and not support[z, i, 0]:
                    continue
                top[:] = zero
                total = zero
                for k in range(last - first):
                    t = tilts[first + k]
                    position = axis[t] + (z - (nz - 1) * 0.5) * sines[t]
                    position += (i - (nx - 1) * 0.5) * cosines[t]
                    if position <= -1.0 or position >= n_det:
                        continue
                    bottom = math.floor(position)
                    fraction, scale = number(position - bottom), number(inverse[t])
                    near = scale * max(zero, one - fraction * scale)
                    far = scale * max(zero, one - (one - fraction) * scale)
                    total += near * number(bottom >= 0) + far * number(bottom + 1 < n_det)
                    at = np.uint64(int(bottom) + _MARGIN)
                    a, b = residual[k, at], residual[k, at + np.uint64(1)]
                    for j in range(width):
                        top[j] += near * a[j] + far * b[j]
                if total <= 1e-6:
                    continue
                step = weight / total
                here = frame[z + _MARGIN, i + _MARGIN]
                if holes:
                    for j in range(width):
                        if support[z, i, left + j]:
                            here[j] = max(floor, here[j] + step * top[j])
                else:
                    for j in range(width):
                        here[j] = max(floor, here[j] + step * top[j])
    for z in range(nz):
        for i in range(nx):
            for j in range(width):
                x[z, i, left + j] = frame[z + _MARGIN, i + _MARGIN, j]


@njit(cache=True, nogil=True, parallel=True)
def _sweep_strips(
    x, y, rows, cosines, sines, axis, inverse, tilts, starts, weight, floor, support, strip
):
    for s in prange((x.shape[2] + strip - 1) // strip):
        _one_strip(
            *(x, y, rows, cosines, sines, axis, inverse, tilts, starts, weight, floor, support),
            *(strip, np.int64(s)),
        )


def _warm_up():
    """Compile every kernel of this file for float32 and float64."""
    angles = np.array([0.0, 1.5])
    geometry = np.cos(angles), np.sin(angles), np.full(2, 0.5)
    order = np.arange(2), np.arange(3)
    for dtype in (np.float32, np.float64):
        for ny in (1, _FEW_SLICES, _LONGEST_STRIP + 1):
            x, y = np.zeros((2, 2, ny), dtype), np.zeros((2, 2, ny), dtype)
            rows = np.ones((2, 2, 1), dtype)
            sweep(x, y, rows, *geometry, *order, 1.0, 0.0, np.ones((2, 2, 1), bool))
