"""What filling is worth: frames against those left out, and volumes against the whole series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from em_inverse import metrics, tomography
from em_inverse.errors import GeometryError, ParameterError, check_array, check_integer
from em_inverse.interpolation.filling import fill
from em_inverse.noise import generator
from em_inverse.tilt_series import TiltSeries, check_series

__all__ = ["gap_sweep", "object_distance", "reconstruction_sweep"]

_MOST_POINTS = 20_000


def gap_sweep(
    truth: TiltSeries,
    gaps: Iterable[int] = range(1, 13),
    methods: Sequence[str] = ("linear", "cubic", "band_limited", "geometric", "auto"),
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
    gaps : iterable of int, ≥ 1
    methods : sequence of str
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
    stride = check_integer(every, "every", minimum=1)
    rows = []
    for gap in gaps:
        kept, between = _left_out(truth, gap)
        sparse = seen.select(kept)
        scale = float(sparse.projections.max())
        angles = truth.angles_deg[between][::stride]
        wanted = truth.projections[between][::stride]
        for method in methods:
            filled = fill(sparse, method=method, angles_deg=angles)
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
    gaps: Iterable[int] = range(1, 13),
    methods: Sequence[str] = ("linear", "geometric"),
    *,
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

    Parameters
    ----------
    truth, gaps, methods
        As for :func:`gap_sweep`.
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
        voxel of the reference).
    """
    check_series(truth, "truth")
    reference = tomography.sirt(truth, n_iter).volume
    bright = float(reference.max())
    rows = []
    for gap in gaps:
        kept, _ = _left_out(truth, gap)
        sparse = truth.select(kept)
        volumes = {"sparse": tomography.sirt(sparse, n_iter).volume}
        if tv:
            lam = 0.02 * float(sparse.projections.max())
            volumes["sparse, TV"] = tomography.tv(sparse, lam=lam, n_iter=n_iter).volume
        for method in methods:
            volumes[method] = tomography.sirt(fill(sparse, 2, method), n_iter).volume
        for name, volume in volumes.items():
            near, rms = object_distance(volume, reference, n_points=n_points, seed=seed)
            rmse = metrics.rmse(volume, reference) / bright
            rows.append(
                {"gap": int(gap), "series": name, "chamfer_px": near, "rms_px": rms, "rmse": rmse}
            )
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
        Points drawn from the voxels of each object, without replacement; all if there are fewer.
    seed : int or numpy.random.Generator

    Returns
    -------
    chamfer_px, rms_px : float
        Mean (both ways, halved) and root mean square of the distances to the nearest point of the
        other, in voxels.

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
    a, b = (
        _points(array, name, count, rng)
        for array, name in ((first, "volume"), (second, "reference"))
    )
    to_b, to_a = cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]
    both = np.concatenate([to_a, to_b])
    return metrics.chamfer(a, b), float(np.sqrt(np.mean(both**2)))


def _points(array: np.ndarray, name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    from skimage.filters import threshold_otsu

    if array.min() == array.max():
        raise ParameterError(
            f"{name} has the same value everywhere, so that Otsu's threshold finds no object in it."
        )
    inside = np.argwhere(array > threshold_otsu(array)).astype(float)
    if len(inside) > count:
        inside = inside[rng.choice(len(inside), count, replace=False)]
    return inside


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
