"""What filling is worth: frames against those left out, and volumes against the whole series."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import metrics, tomography
from em_inverse.errors import (
    DataError,
    GeometryError,
    ParameterError,
    check_array,
    check_integer,
)
from em_inverse.interpolation.filling import fill
from em_inverse.interpolation.network import FEWEST
from em_inverse.noise import generator
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["gap_sweep", "object_distance", "reconstruction_sweep"]

_MOST_POINTS = 20_000
_SMALLEST = 11


def gap_sweep(
    truth: TiltSeries,
    gaps: int | Iterable[int] = range(1, 13),
    methods: str | Sequence[str] = ("linear", "cubic", "band_limited", "geometric", "auto"),
    *,
    recorded: TiltSeries | None = None,
    every: int = 1,
) -> list[dict[str, Any]]:
    """Leave frames out, fill them in, and compare.

    At gap g every 2g-th frame is kept and the one in the middle between two, g steps from each, is
    filled, as in the work on generated tilt series that this follows.

    **Normalisation.** Errors are in units of the brightest pixel of the *recorded* frames that were
    kept: one number for the series, known at the microscope. It is the range of PSNR and SSIM. To
    stretch every frame to 0…1 by its own darkest and brightest pixel, and the truth by its own, as
    is often done, tells the comparison the contrast that the filled frame should have had.

    Parameters
    ----------
    truth : TiltSeries
        Sorted by angle, in even steps.
    gaps : int, ≥ 1, or iterable of it
    methods : str, or sequence of it
        As for :func:`fill`.
    recorded : TiltSeries, optional
        The same series as a detector saw it, with noise; it is filled from, and `truth` compared
        with. `truth` unless given.
    every : int
        Compare with every so many of the frames filled in only.

    Returns
    -------
    list of dict
        One row for each gap and method: ``gap``, ``method``, ``used`` (what `auto` chose), ``mse``,
        ``psnr_db`` (mean over the frames) and ``ssim``.

    Raises
    ------
    DataError
        When the two series have frames of different shapes, frames are too small for SSIM (11 × 11
        pixels), some of them are generated, or the recorded ones hold nothing above 0.
    GeometryError
        When a gap leaves less than two frames, or the two series have different angles.
    ParameterError
        When `truth` is no TiltSeries, or a gap is no whole number ≥ 1.

    Examples
    --------
    >>> angles = np.arange(-90.0, 91.0, 5)
    >>> s = 6 * np.cos(np.deg2rad(angles))[:, None]
    >>> image = np.exp(-0.05 * (np.arange(32) - 15.5 - s) ** 2)[..., None] * np.hanning(12)
    >>> rows = gap_sweep(TiltSeries(image, angles), [1], ["linear", "band_limited"])
    >>> rows[1]["psnr_db"] > rows[0]["psnr_db"] + 10
    True
    """
    check_series(truth, "truth")
    seen = truth if recorded is None else check_series(recorded, "recorded")
    if not np.array_equal(seen.angles_deg, truth.angles_deg):
        raise GeometryError("recorded and truth have different angles; pass the same for both.")
    if seen.projections.shape != truth.projections.shape:
        raise DataError(
            f"recorded has shape {seen.projections.shape}, but truth {truth.projections.shape}; "
            f"they must be the same frames with and without noise."
        )
    if truth.projections.ndim == 2 or min(truth.projections.shape[1:]) < _SMALLEST:
        raise DataError(
            f"truth has shape {truth.projections.shape}; SSIM needs frames of at least "
            f"{_SMALLEST} × {_SMALLEST} pixels."
        )
    _all_recorded(truth, "truth")
    _all_recorded(seen, "recorded")
    stride = check_integer(every, "every", minimum=1)
    rows = []
    for gap in _listed(gaps):
        kept, between = _left_out(truth, gap)
        sparse = seen.select(kept)
        scale = _brightest(sparse.projections, "recorded")
        angles = truth.angles_deg[between][::stride]
        wanted = truth.projections[between][::stride]
        for method, filled in _filled(sparse, _listed(methods), angles):
            made = filled.projections[filled.generated]
            errors = np.square(made - wanted, dtype=np.float64).reshape(len(made), -1).mean(axis=1)
            errors = np.maximum(errors / scale**2, np.finfo(float).tiny)
            rows.append(
                {
                    "gap": int(gap),
                    "method": method,
                    "used": filled.metadata["filling"]["method"],
                    "mse": float(errors.mean()),
                    "psnr_db": float(-10 * np.log10(errors).mean()),
                    "ssim": float(
                        np.mean(
                            [
                                metrics.ssim(a, b, data_range=scale)
                                for a, b in zip(made, wanted, strict=True)
                            ]
                        )
                    ),
                }
            )
    return rows


def reconstruction_sweep(
    truth: TiltSeries,
    gaps: int | Iterable[int] = range(1, 13),
    methods: str | Sequence[str] = ("linear", "geometric"),
    *,
    specimen: ArrayLike | None = None,
    n_iter: int = 100,
    tv: bool = True,
    n_points: int = _MOST_POINTS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Reconstruct the whole, the sparse and the filled series, and compare what they show.

    SIRT of every series; volumes are cut at Otsu's threshold, and the distance of what is left to
    the object in the volume of all tilts is measured by :func:`object_distance`. The sparse series
    is also reconstructed with total variation: filling adds nothing but a prior, so it must be
    compared with another prior, not only with none.

    **Better frames are not always better volumes.** SIRT of the sparse series, projected at the
    missing angles, foretells those frames as well. Where a way to fill does it no better, its
    frames add what no object explains, and the volume becomes worse than without them.

    **What is the reference?** SIRT of all tilts is not the specimen: it is as far from the atoms as
    its iterations leave it, and whatever resembles SIRT is near to it; total variation does not,
    and looks worse than it is. Where the specimen is known, pass it as well.

    Parameters
    ----------
    truth, gaps, methods
        As for :func:`gap_sweep`.
    specimen : array_like, shape of the volumes, optional
        The object itself, where it is known. It adds ``chamfer_specimen_px`` to every row, and
        rows of gap 0, series "all tilts", for the reference.
    n_iter : int
        Iterations of SIRT; of total variation as well.
    tv : bool
        Whether to add the rows of total variation.
    n_points : int
        Points drawn from each object.
    seed : int
        Of those points.

    Returns
    -------
    list of dict
        ``gap``, ``series`` ("sparse", "sparse, TV" or the method of filling), ``chamfer_px`` and
        ``rms_px`` (distances of the objects), ``rmse`` (of the volume, in units of the brightest
        voxel of the reference); with `specimen` also ``chamfer_specimen_px``.
    """
    check_series(truth, "truth")
    _all_recorded(truth, "truth")
    reference = tomography.sirt(truth, n_iter).volume
    bright = _brightest(reference, "the volume of all tilts")
    known = None if specimen is None else check_array(specimen, "specimen", shape=reference.shape)
    distance = functools.partial(object_distance, n_points=n_points, seed=seed)

    def row(gap: int, name: str, volume: np.ndarray) -> dict[str, Any]:
        near, rms = distance(volume, reference)
        rmse = metrics.rmse(volume, reference) / bright
        found = {"gap": gap, "series": name, "chamfer_px": near, "rms_px": rms, "rmse": rmse}
        if known is not None:
            found["chamfer_specimen_px"] = distance(volume, known)[0]
        return found

    rows = [] if known is None else [row(0, "all tilts", reference)]
    for gap in _listed(gaps):
        kept, _ = _left_out(truth, gap)
        sparse = truth.select(kept)
        volumes = {"sparse": tomography.sirt(sparse, n_iter).volume}
        if tv:
            lam = 0.02 * float(sparse.projections.max())
            volumes["sparse, TV"] = tomography.tv(sparse, lam=lam, n_iter=n_iter).volume
        for method, filled in _filled(sparse, _listed(methods)):
            volumes[method] = tomography.sirt(filled, n_iter).volume
        rows += [row(int(gap), name, volume) for name, volume in volumes.items()]
    return rows


def object_distance(
    volume: ArrayLike,
    reference: ArrayLike,
    *,
    n_points: int = _MOST_POINTS,
    seed: int | np.random.Generator = 0,
) -> tuple[float, float]:
    """Distance of the objects in two volumes, cut out by Otsu's threshold.

    Parameters
    ----------
    volume, reference : array_like, same shape
    n_points : int
        Voxels drawn from each object, without replacement, whose distance to the nearest of *all*
        voxels of the other is taken; all if there are fewer.
    seed : int or numpy.random.Generator

    Returns
    -------
    chamfer_px, rms_px : float
        Distances to the nearest voxel of the other object, in voxels: their mean from the one to
        the other and back, halved, and the root of the mean square, both ways weighing the same.
        To draw points from *both* objects, as is often done, leaves equal objects apart by the
        distance between points, which hides what is smaller.

    Raises
    ------
    DataError
        When the shapes differ.
    ParameterError
        When a volume is constant, so that nothing can be cut out.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62. doi:10.1109/TSMC.1979.4310076

    Examples
    --------
    >>> box = np.zeros((9, 9, 9))
    >>> box[3:6, 3:6, 3:6] = 1
    >>> object_distance(box, box)
    (0.0, 0.0)
    """
    from scipy.spatial import cKDTree

    first = check_array(volume, "volume")
    second = check_array(reference, "reference", shape=first.shape)
    count = check_integer(n_points, "n_points", minimum=1)
    rng = generator(seed)
    a, b = _voxels(first, "volume"), _voxels(second, "reference")
    ways = [cKDTree(to).query(_drawn(points, count, rng))[0] for points, to in ((a, b), (b, a))]
    mean, square = (np.mean([np.mean(way**power) for way in ways]) for power in (1, 2))
    return float(mean), float(np.sqrt(square))


def _voxels(array: np.ndarray, name: str) -> np.ndarray:
    from skimage.filters import threshold_otsu

    if array.min() == array.max():
        raise ParameterError(
            f"{name} has the same value everywhere, so that Otsu's threshold finds no object in it."
        )
    return np.argwhere(array > threshold_otsu(array)).astype(float)


def _drawn(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if len(points) <= count:
        return points
    return points[rng.choice(len(points), count, replace=False)]


def _listed(value: Any) -> list[Any]:
    """Count a lone number or name as a list of one."""
    return [value] if isinstance(value, str | numbers.Number) else list(value)


def _all_recorded(series: TiltSeries, name: str) -> None:
    if series.generated.any():
        raise DataError(
            f"{name} has {int(series.generated.sum())} generated frames, which are no truth to "
            f"compare with. Pass recorded frames: series.select(~series.generated)."
        )


def _brightest(array: np.ndarray, name: str) -> float:
    """Value that errors are counted in."""
    bright = float(array.max())
    if not bright > 0:
        raise DataError(f"{name} holds nothing above 0, so that errors have no unit.")
    return bright


def _filled(
    sparse: TiltSeries, methods: Sequence[str], angles_deg: np.ndarray | None = None
) -> Iterator[tuple[str, TiltSeries]]:
    """Fill in every way; the network is shown the geometric frames if they are there already."""
    turned = None
    for method in methods:
        shown = turned if method == "network" else None
        filled = fill(sparse, 2, method, angles_deg=angles_deg, shown=shown)
        if method == "geometric" and sparse.n_tilts >= FEWEST:
            turned = filled
        yield method, filled


def _left_out(truth: TiltSeries, gap: Any) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the frames that are kept, and of those in the middle between two of them."""
    step = check_integer(gap, "gaps", minimum=1)
    kept = np.arange(0, truth.n_tilts, 2 * step)
    if kept.size < 2 or (np.diff(truth.angles_deg) <= 0).any():
        raise GeometryError(
            f"truth has {truth.n_tilts} projections; gap {step} keeps every {2 * step}-th, and two "
            f"are needed, in the order of their angles. Choose smaller gaps, or sort the series."
        )
    return kept, kept[:-1] + step
