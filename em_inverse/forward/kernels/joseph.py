"""Joseph's projector and its exact transpose, for slices and for volumes.

**The method.** A ray with detector coordinate u crosses the grid ``[z, x]`` along

    (x − x_c) cos θ + (z − z_c) sin θ = u − u_axis.

If the ray runs mostly along z (|cos θ| ≥ |sin θ|) it meets each grid row z once, between two
neighbouring pixels x_i and x_i + 1. Joseph (doi:10.1109/TMI.1982.4307572) takes the linear
interpolation between the two, adds up all rows, and multiplies by the length 1/|cos θ| of the
ray inside one row. Rays that run mostly along x are treated in the same way with x and z
exchanged. With m = max(|cos θ|, |sin θ|), the weight of pixel (z, x) in ray u is

    max(0, 1 − |u(z, x) − u| / m) / m,        u(z, x) = where the pixel's centre falls,

a hat function of half-width m ≤ 1. The adjoint uses this second form: pixel (z, x) collects from
the two detector pixels on either side of u(z, x). Both forms describe one matrix, so the two
kernels are transposes of each other up to rounding. Each *gathers*: every thread writes only
results of its own, so there are no races, and no sum depends on the number of threads.

**Why it is fast.** A projection of N³ voxels at K angles adds up 2 K N³ products; nothing can be
saved there. What can be saved is everything else.

- *Shared weights.* In single-axis tilting all slices y see the same rays. With y as the last,
  contiguous axis, one pair of weights serves a whole line of voxels, and the innermost loop,
  ``out[y] += a * p[y] + b * q[y]``, is pure arithmetic on neighbouring numbers, which the compiler
  turns into SIMD code of 8 or 16 numbers at a time.
- *Long inner loops.* Starting a loop costs as much as a few dozen of its steps. Four rows (forward)
  or four angles (adjoint) therefore go into one inner loop: eight products for one read and one
  write of the result.
- *Weights from tables.* Positions, floors and weights for four rows and many rays are first worked
  out into small tables, by a loop that is itself SIMD code. Positions are kept in float64: in
  float32 a position near 500 is known to 3·10⁻⁵ only, and forward and adjoint would disagree by
  as much.
- *Flat arrays, unsigned offsets.* Inner loops get whole arrays as flat lists of numbers, and the
  place to begin. A view made for every line would be counted in and out of use by numba, an index
  that might be negative asked whether it is: each costs more than the sixteen numbers that one SIMD
  instruction handles.
- *Tiles that stay in cache.* The forward kernel copies four rows of the volume into a small tile
  and lets every angle read them there before it takes the next four. The adjoint kernel works on
  blocks of 16 × 64 voxels, which catch neighbouring rays at all angles. Very long y axes are cut
  into strips of at most 256 voxels for the same reason. What a strip adds up to is kept packed
  until it is complete: lines that lie a power of two apart share few places in the cache, and
  would drive each other out.
- *No branches.* Tiles and projections carry two lines of zeros on either side, and an index
  outside is moved onto them. A ray that misses the object needs no question inside the loop.

A single slice has no y axis to run along. There one ray (forward) or one pixel (adjoint) is summed
in a register, and the compiler makes several steps of the sum at a time by gather instructions.
Volumes of only a few slices take this road slice by slice.

Everything here expects checked, C-contiguous arrays of one dtype: the door for users is
`em_inverse.forward.ParallelBeam`, the slow but short definition is in `reference.py`.
"""

import itertools
import math

import numba
import numpy as np
from numba import njit, prange

from em_inverse.forward.kernels import as_many_threads_as, one_at_a_time

_STRIP = 256
_BLOCK = (16, 64)
_FEW_SLICES = 6
_MARGIN = 2
_WORTH_SHARING = 1e7
# Sums may be reordered, but NaN and infinity keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def forward(
    volume: np.ndarray, cosines: np.ndarray, sines: np.ndarray, axis: np.ndarray, n_det: int
) -> np.ndarray:
    """Return the line integrals of a slice or volume.

    Parameters
    ----------
    volume : ndarray, shape (nz, nx) or (nz, nx, ny)
        C-contiguous, float32 or float64.
    cosines, sines : ndarray of float64, shape (n_tilts,)
    axis : ndarray of float64, shape (n_tilts,)
        Detector coordinate, in pixels, on which the tilt axis falls in each projection.
    n_det : int
        Number of detector pixels across the tilt axis.

    Returns
    -------
    ndarray, shape (n_tilts, n_det) or (n_tilts, n_det, ny), dtype of `volume`
    """
    volume, axis = _read_only(volume), _read_only(axis)
    nz, nx = volume.shape[:2]
    out = np.zeros((cosines.size, n_det, *volume.shape[2:]), volume.dtype)
    steep = np.abs(cosines) >= np.abs(sines)
    for rays, along, across in (
        (np.flatnonzero(steep), sines, cosines),
        (np.flatnonzero(~steep), cosines, sines),
    ):
        if rays.size == 0:
            continue
        marches_along_z = along is sines
        step = 1.0 / across[rays]
        drift = -along[rays] * step
        work = _effort(volume.shape, rays.size)
        with one_at_a_time, as_many_threads_as(work, _WORTH_SHARING):
            if volume.ndim == 2:
                grid = _framed(volume if marches_along_z else volume.T)
                _project_slice(grid, rays, step, drift, axis, out)
            elif volume.shape[2] < _FEW_SLICES:
                for y in range(volume.shape[2]):
                    piece = volume[:, :, y] if marches_along_z else volume[:, :, y].T
                    plane = np.zeros(out.shape[:2], out.dtype)
                    _project_slice(_framed(piece), rays, step, drift, axis, plane)
                    out[rays, :, y] = plane[rays]
            else:
                march = (nz, nx, nx, 1) if marches_along_z else (nx, nz, 1, nx)
                ny = volume.shape[2]
                values, result = volume.reshape(-1), out.reshape(-1)
                chunks = min(numba.get_num_threads(), rays.size)
                for strip in _strips(ny):
                    _project_volume(
                        values, ny, march, rays, step, drift, axis, strip, chunks, n_det, result
                    )
    return out


def adjoint(
    projections: np.ndarray,
    cosines: np.ndarray,
    sines: np.ndarray,
    axis: np.ndarray,
    shape: tuple[int, int],
    half_width: np.ndarray | None = None,
) -> np.ndarray:
    """Return the transpose of :func:`forward` applied to projections.

    Parameters
    ----------
    projections : ndarray, shape (n_tilts, n_det) or (n_tilts, n_det, ny)
        C-contiguous, float32 or float64.
    cosines, sines, axis : ndarray of float64, shape (n_tilts,)
        As in :func:`forward`.
    shape : tuple of int
        (nz, nx) of the result.
    half_width : ndarray of float64, shape (n_tilts,), optional
        Half-width of the hat function, m ≤ 1 above unless given. With ones, each projection is
        smeared back by linear interpolation, which is not a transpose of :func:`forward`.

    Returns
    -------
    ndarray, shape (nz, nx) or (nz, nx, ny), dtype of `projections`
    """
    if half_width is None:
        half_width = np.maximum(np.abs(cosines), np.abs(sines))
    projections = _read_only(projections)
    geometry = _read_only(cosines), _read_only(sines), _read_only(axis), 1.0 / half_width
    out = np.zeros((*shape, *projections.shape[2:]), projections.dtype)
    work = _effort(out.shape, cosines.size)
    with one_at_a_time, as_many_threads_as(work, _WORTH_SHARING):
        if projections.ndim == 2:
            _back_project_slice(_framed(projections), *geometry, out)
        elif projections.shape[2] < _FEW_SLICES:
            for y in range(projections.shape[2]):
                plane = np.zeros(shape, out.dtype)
                _back_project_slice(_framed(projections[:, :, y]), *geometry, plane)
                out[:, :, y] = plane
        else:
            size = (projections.shape[1], *out.shape)
            values, result = projections.reshape(-1), out.reshape(-1)
            for strip in _strips(projections.shape[2]):
                _back_project_volume(values, size, *geometry, strip, result)
    return out


def _effort(shape: tuple[int, ...], n_tilts: int) -> float:
    """Estimate the work, in voxels times angles of a volume; a single slice is ten times slower."""
    slices = shape[2] if len(shape) == 3 and shape[2] >= _FEW_SLICES else 10
    return float(shape[0] * shape[1] * slices * n_tilts)


def _read_only(array: np.ndarray) -> np.ndarray:
    """View that cannot be written to: to numba another type, so the only one it should see."""
    view = array.view()
    view.flags.writeable = False
    return view


def _strips(ny: int) -> list[tuple[int, int]]:
    """Cut the y axis into strips of nearly equal length, none longer than _STRIP."""
    edges = np.linspace(0, ny, -(-ny // _STRIP) + 1).astype(int)
    return [(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def _framed(rows: np.ndarray) -> np.ndarray:
    """Copy rows into a C-contiguous array with zeros on either side of each row."""
    framed = np.zeros((rows.shape[0], rows.shape[1] + 2 * _MARGIN), rows.dtype)
    framed[:, _MARGIN:-_MARGIN] = rows
    return framed


@njit(fastmath=_FAST, nogil=True)
def _add_four(out, at, source, width, index, near, far, column, pitch):
    """out[at : at + width] += Σ over 4 rows of the two lines that the tables point to.

    Line k of `source` begins at k · width; entry `column` of row j of a table at j · pitch.
    """
    c0, pitch = np.uint64(column), np.uint64(pitch)
    c1, c2, c3 = c0 + pitch, c0 + pitch + pitch, c0 + pitch + pitch + pitch
    i0, i1, i2, i3 = index[c0], index[c1], index[c2], index[c3]
    n0, n1, n2, n3 = near[c0], near[c1], near[c2], near[c3]
    f0, f1, f2, f3 = far[c0], far[c1], far[c2], far[c3]
    at, width = np.uint64(at), np.uint64(width)
    for step in range(width):
        y = np.uint64(step)
        z = y + width
        out[at + y] += (
            (n0 * source[i0 + y] + f0 * source[i0 + z])
            + (n1 * source[i1 + y] + f1 * source[i1 + z])
            + (n2 * source[i2 + y] + f2 * source[i2 + z])
            + (n3 * source[i3 + y] + f3 * source[i3 + z])
        )


@njit(fastmath=_FAST, nogil=True)
def _copy(out, at, source, start, width):
    """out[at : at + width] = source[start : start + width]."""
    at, start = np.uint64(at), np.uint64(start)
    for step in range(width):
        y = np.uint64(step)
        out[at + y] = source[start + y]


@njit(fastmath=_FAST, nogil=True)
def _tabulate(start, step, low, high, count, line, width, narrow, scale, index, near, far, at):
    """Write one row of the tables: two weights, and the line of the first, for low ≤ u < high.

    Position start + u · step lies between the entries i and i + 1 of a framed row of `count`
    entries whose entry 0 is line `line`; the weights are a hat function of half-width 1 / narrow
    and height `scale`. Whatever lies outside the row is moved onto its frame of zeros.
    """
    for u in range(low, high):
        position = start + u * step
        floor = math.floor(position)
        fraction = position - floor
        near[at + u] = scale * max(0.0, 1.0 - fraction * narrow)
        far[at + u] = scale * max(0.0, 1.0 - (1.0 - fraction) * narrow)
        index[at + u] = np.uint64((min(max(floor, -_MARGIN), count) + line) * width)


@njit(fastmath=_FAST, nogil=True)
def _framed_index(position, count):
    """Index into a framed row; whatever lies outside falls on its zeros."""
    return np.uint32(min(max(np.int32(position), -_MARGIN), count) + _MARGIN)


@njit(fastmath=_FAST, nogil=True)
def _rays_that_hit(start, stop, step, count, n_det):
    """Range of detector pixels whose rays lie inside a row at row position `start` or `stop`.

    `start` and `stop` are the grid positions, in the first and the last row considered, of the
    ray through detector pixel 0.
    """
    low, high = min(start, stop), max(start, stop)
    if step > 0:
        first, last = (-1 - high) / step, (count - low) / step
    else:
        first, last = (count - low) / step, (-1 - high) / step
    return max(0, math.floor(first)), min(n_det, math.ceil(last) + 1)


@njit(parallel=True, cache=True, nogil=True)
def _project_volume(values, ny, march, rays, step, drift, axis, strip, chunks, n_det, out):
    """Share the rays among threads.

    Line i of row j of the march begins at value (j * row_stride + i * stride) * ny.
    """
    for chunk in prange(chunks):
        first = chunk * rays.size // chunks
        last = (chunk + 1) * rays.size // chunks
        _project_chunk(values, ny, march, rays, step, drift, axis, strip, first, last, n_det, out)


@njit(fastmath=_FAST, nogil=True)
def _project_chunk(values, ny, march, rays, step, drift, axis, strip, first, last, n_det, out):
    """March over the rows in fours, with every ray of the chunk through each four."""
    n_rows, n_across, row_stride, stride = march
    y, width = strip[0], strip[1] - strip[0]
    framed = n_across + 2 * _MARGIN
    tile = np.zeros(4 * framed * width, values.dtype)
    sums = np.zeros((last - first) * n_det * width, values.dtype)
    index = np.zeros(4 * n_det, np.uint64)
    near, far = np.zeros(4 * n_det, values.dtype), np.zeros(4 * n_det, values.dtype)
    for row in range(0, n_rows, 4):
        rows = min(4, n_rows - row)
        tile[rows * framed * width :] = 0
        for i in range(n_across):
            for j in range(rows):
                line = (row + j) * row_stride + i * stride
                _copy(tile, (j * framed + i + _MARGIN) * width, values, line * ny + y, width)
        for r in range(first, last):
            tilt = rays[r]
            start = (n_across - 1) * 0.5 - axis[tilt] * step[r]
            start += (row - (n_rows - 1) * 0.5) * drift[r]
            low, high = _rays_that_hit(start, start + 3 * drift[r], step[r], n_across, n_det)
            for j in range(4):
                _tabulate(
                    start + j * drift[r], step[r], low, high, n_across, j * framed + _MARGIN,
                    width, 1.0, abs(step[r]), index, near, far, j * n_det,
                )  # fmt: skip
            for u in range(low, high):
                at = ((r - first) * n_det + u) * width
                _add_four(sums, at, tile, width, index, near, far, u, n_det)
    for r in range(first, last):
        for u in range(n_det):
            at = (rays[r] * n_det + u) * ny + y
            _copy(out, at, sums, ((r - first) * n_det + u) * width, width)


@njit(parallel=True, cache=True, nogil=True)
def _back_project_volume(projections, size, cosines, sines, axis, inverse, strip, out):
    """Share the framing of the projections, then the blocks of the volume, among threads.

    `size` holds n_det, nz, nx and ny; `projections` and `out` are flat.
    """
    n_det, nz, _, ny = size
    n_tilts, width = cosines.size, strip[1] - strip[0]
    line = n_det + 2 * _MARGIN
    # Behind the last tilt there are only zeros to read, at any angle.
    framed = np.zeros((n_tilts + 3) // 4 * 4 * line * width, projections.dtype)
    for tilt in prange(n_tilts):
        for u in range(n_det):
            at, start = (tilt * line + u + _MARGIN) * width, (tilt * n_det + u) * ny + strip[0]
            _copy(framed, at, projections, start, width)
    for block in prange((nz + _BLOCK[0] - 1) // _BLOCK[0]):
        _fill_blocks(framed, size, cosines, sines, axis, inverse, strip, block * _BLOCK[0], out)


@njit(fastmath=_FAST, nogil=True)
def _fill_blocks(framed, size, cosines, sines, axis, inverse, strip, top, out):
    """Fill the blocks of lines of voxels that begin at z = top, four angles at a time."""
    n_det, nz, nx, ny = size
    n_tilts, width = cosines.size, strip[1] - strip[0]
    index = np.zeros(4 * _BLOCK[1], np.uint64)
    near, far = np.zeros(4 * _BLOCK[1], framed.dtype), np.zeros(4 * _BLOCK[1], framed.dtype)
    sums = np.zeros(_BLOCK[0] * _BLOCK[1] * width, framed.dtype)
    for left in range(0, nx, _BLOCK[1]):
        across = min(_BLOCK[1], nx - left)
        sums[:] = 0
        for four in range(0, n_tilts, 4):
            for z in range(top, min(nz, top + _BLOCK[0])):
                for j in range(4):
                    tilt = min(four + j, n_tilts - 1)
                    start = axis[tilt] + (z - (nz - 1) * 0.5) * sines[tilt]
                    start += (left - (nx - 1) * 0.5) * cosines[tilt]
                    line = (four + j) * (n_det + 2 * _MARGIN) + _MARGIN
                    _tabulate(
                        start, cosines[tilt], 0, across, n_det, line,
                        width, inverse[tilt], inverse[tilt], index, near, far, j * _BLOCK[1],
                    )  # fmt: skip
                for x in range(across):
                    at = ((z - top) * _BLOCK[1] + x) * width
                    _add_four(sums, at, framed, width, index, near, far, x, _BLOCK[1])
        for z in range(top, min(nz, top + _BLOCK[0])):
            for x in range(across):
                at = (z * nx + left + x) * ny + strip[0]
                _copy(out, at, sums, ((z - top) * _BLOCK[1] + x) * width, width)


@njit(parallel=True, fastmath=_FAST, cache=True, nogil=True)
def _project_slice(grid, rays, step, drift, axis, out):
    """Sum each ray of one slice in a register; `grid` is framed, one row per step of the march."""
    n_rows, stride = grid.shape
    n_across = stride - 2 * _MARGIN
    values = grid.reshape(-1)
    one = values.dtype.type(1)
    for r in prange(rays.size):
        tilt = rays[r]
        start = (n_across - 1) * 0.5 - axis[tilt] * step[r] - (n_rows - 1) * 0.5 * drift[r]
        for u in range(out.shape[1]):
            origin = start + u * step[r]
            total = values.dtype.type(0)
            for row in range(n_rows):
                position = origin + row * drift[r]
                floor = math.floor(position)
                fraction = values.dtype.type(position - floor)
                i = np.uint64(row * stride) + np.uint64(_framed_index(floor, n_across))
                total += (one - fraction) * values[i] + fraction * values[i + np.uint64(1)]
            out[tilt, u] = total * abs(step[r])


@njit(parallel=True, fastmath=_FAST, cache=True, nogil=True)
def _back_project_slice(grid, cosines, sines, axis, inverse, out):
    """Sum each pixel of one slice over the angles in a register; `grid` is framed."""
    n_tilts, stride = grid.shape
    nz, nx = out.shape
    values = grid.reshape(-1)
    zero, one = values.dtype.type(0), values.dtype.type(1)
    scales = inverse.astype(values.dtype)
    for z in prange(nz):
        start = axis + (z - (nz - 1) * 0.5) * sines - (nx - 1) * 0.5 * cosines
        for x in range(nx):
            total = zero
            for tilt in range(n_tilts):
                position = start[tilt] + x * cosines[tilt]
                floor = math.floor(position)
                fraction = values.dtype.type(position - floor)
                scale = scales[tilt]
                i = np.uint64(tilt * stride) + np.uint64(_framed_index(floor, stride - 2 * _MARGIN))
                near = max(zero, one - fraction * scale)
                far = max(zero, one - (one - fraction) * scale)
                total += scale * (near * values[i] + far * values[i + np.uint64(1)])
            out[z, x] = total


def _warm_up() -> None:
    """Compile every kernel of this file for float32 and float64."""
    angles = np.array([0.0, 1.5])
    geometry = np.cos(angles), np.sin(angles), np.zeros(2)
    for dtype in (np.float32, np.float64):
        for shape in ((2, 2), (2, 2, _FEW_SLICES)):
            adjoint(forward(np.zeros(shape, dtype), *geometry, 2), *geometry, (2, 2))
