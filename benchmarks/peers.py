"""The other programs, each behind the few calls that are compared.

They count the tilt angle the other way round, so each is given −θ: see
`em_inverse.forward.ParallelBeam`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from types import ModuleType
from typing import Any

import numpy as np
from scipy import sparse

__all__ = [
    "Astra",
    "astra",
    "joseph_matrix",
    "multimodal_fusion",
    "run_multimodal_fusion",
    "skimage_pair",
]


def astra() -> ModuleType | None:
    """Return the ASTRA toolbox, or None where it is not installed."""
    try:
        return importlib.import_module("astra")
    except ImportError:
        return None


class Astra:
    """ASTRA's CPU projector "linear" (Joseph's method) for one slice ``[z, x]``.

    The arrays are linked, so that nothing is copied: what is timed is ASTRA's own work.

    Parameters
    ----------
    toolbox : module
    n : int
        Edge of the slice and of the detector.
    angles_deg : ndarray
    """

    def __init__(self, toolbox: ModuleType, n: int, angles_deg: np.ndarray) -> None:
        self._astra: Any = toolbox
        self.slice = np.zeros((n, n), np.float32)
        self.sinogram = np.zeros((angles_deg.size, n), np.float32)
        self.back = np.zeros((n, n), np.float32)
        rays = toolbox.create_proj_geom("parallel", 1.0, n, -np.deg2rad(angles_deg))
        grid = toolbox.create_vol_geom(n, n)
        self._projector = toolbox.create_projector("linear", rays, grid)
        link = toolbox.data2d.link
        self._slice_id = link("-vol", grid, self.slice)
        self._sinogram_id = link("-sino", rays, self.sinogram)
        self._back_id = link("-vol", grid, self.back)
        self._data = [self._slice_id, self._sinogram_id, self._back_id]
        self._forward = self._algorithm(
            "FP", VolumeDataId=self._slice_id, ProjectionDataId=self._sinogram_id
        )
        self._adjoint = self._algorithm(
            "BP", ReconstructionDataId=self._back_id, ProjectionDataId=self._sinogram_id
        )

    def pairs(self, times: int = 1) -> None:
        """Project `slice` into `sinogram`, and `sinogram` back into `back`; so many times."""
        for _ in range(times):
            self._astra.algorithm.run(self._forward)
            self._astra.algorithm.run(self._adjoint)

    def pair_with_copies(self) -> None:
        """Do the same as a user writes it, with ASTRA's own data created on the way."""
        made, sinogram = self._astra.create_sino(self.slice, self._projector)
        self._astra.data2d.delete(made)
        made, _ = self._astra.create_backprojection(sinogram, self._projector)
        self._astra.data2d.delete(made)

    def sirt(self, sinogram: np.ndarray, n_iter: int, nonnegative: bool) -> np.ndarray:
        """Reconstruct by ASTRA's SIRT."""
        self.sinogram[...] = sinogram
        self.back[...] = 0
        options = {"MinConstraint": 0.0} if nonnegative else {}
        algorithm = self._algorithm(
            "SIRT",
            options,
            ReconstructionDataId=self._back_id,
            ProjectionDataId=self._sinogram_id,
        )
        self._astra.algorithm.run(algorithm, n_iter)
        self._astra.algorithm.delete(algorithm)
        return self.back.copy()

    def close(self) -> None:
        """Give ASTRA's memory back."""
        self._astra.algorithm.delete([self._forward, self._adjoint])
        self._astra.data2d.delete(self._data)
        self._astra.projector.delete(self._projector)

    def _algorithm(self, name: str, options: dict[str, Any] | None = None, **data: int) -> int:
        settings = self._astra.astra_dict(name)
        settings.update(data, ProjectorId=self._projector, option=options or {})
        return int(self._astra.algorithm.create(settings))


def joseph_matrix(n: int, angles_deg: np.ndarray) -> sparse.csr_matrix:
    """Return Joseph's projector of an n × n slice as a float32 matrix [rays, pixels].

    The weight of pixel (z, x) in the ray u is max(0, 1 − |u(z, x) − u| / m) / m with
    m = max(|cos θ|, |sin θ|); u(z, x) is where the centre of the pixel falls.
    """
    z, x = np.mgrid[:n, :n] - (n - 1) / 2
    pixels = np.arange(n * n)
    rows, columns, weights = [], [], []
    for tilt, theta in enumerate(np.deg2rad(angles_deg)):
        m = max(abs(np.cos(theta)), abs(np.sin(theta)))
        u = (x * np.cos(theta) + z * np.sin(theta) + (n - 1) / 2).ravel()
        for ray in (np.floor(u), np.floor(u) + 1):
            weight = np.maximum(0, 1 - np.abs(u - ray) / m) / m
            kept = (weight > 0) & (ray >= 0) & (ray < n)
            rows.append(tilt * n + ray[kept].astype(np.int32))
            columns.append(pixels[kept].astype(np.int32))
            weights.append(weight[kept].astype(np.float32))
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(angles_deg.size * n, n * n))


def skimage_pair(image: np.ndarray, angles_deg: np.ndarray) -> None:
    """Project a slice by scikit-image's radon, and back by iradon without filter."""
    from skimage.transform import iradon, radon

    sinogram = radon(image, theta=-angles_deg, circle=True)
    iradon(sinogram, theta=-angles_deg, filter_name=None, circle=True)


def multimodal_fusion() -> ModuleType | None:
    """Return the package multimodal-fusion, or None where it, or what it needs, is missing."""
    try:
        return importlib.import_module("multimodal_fusion")
    except ImportError:
        return None


def run_multimodal_fusion(
    package: ModuleType,
    haadf: np.ndarray,
    maps: np.ndarray,
    elements: list[str],
    settings: dict[str, float],
    n_iter: int,
) -> np.ndarray:
    """Fuse by multimodal-fusion; maps are ``[element, row, column]``, scaled to 0…1 already.

    It overwrites what it is given, so it gets copies. Its progress bar and costs are left out.
    """
    fusion = package.DataFusion(elements, gamma=settings["gamma"])
    fusion.load_chemical_maps({e: m.copy() for e, m in zip(elements, maps, strict=True)})
    fusion.load_haadf(haadf.copy())
    with contextlib.redirect_stderr(io.StringIO()):
        fusion.run(
            nIter=n_iter, lambdaEDS=settings["spectrum"], lambdaTV=settings["tv"],
            bkg=settings["background"], plot_images=False, plot_convergence=False,
        )  # fmt: skip
    found = fusion.get_results()
    return np.stack([found[element] for element in elements])
