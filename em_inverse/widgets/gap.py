"""The explorer of week 13: the gap between recorded frames, and five ways to fill it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import interpolation, metrics, simulate, tomography
from em_inverse.interpolation.network import corrected
from em_inverse.tilt_series import TiltSeries
from em_inverse.widgets import working
from em_inverse.widgets.controls import Choice, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import ImagePanel, View
from em_inverse.widgets.ticks import number_text

__all__ = [
    "Filling",
    "GapExplorer",
    "State",
    "crystal",
    "filling",
    "odd_particle",
    "recording",
    "volume_slice",
]

N = 64
METHODS = {
    "linear": "straight lines",
    "band_limited": "band-limited",
    "geometric": "geometric",
    "network": "network",
    "network_frames": "network, frames only",
}
SPECIMENS = {"crystal": "a crystal", "adatom": "a crystal with a gold atom on it"}
BESIDE = {
    "difference": "difference",
    "sinogram": "sinogram",
    "volume": "slice of the volume",
}
LAST_TILT = 84
_WINDOWS = {"crystal": (0.0, 0.8), "adatom": (0.0, 0.3), "difference": (-0.3, 0.3)}
_TOP = 0.05
_GOLD_NM, _GOLD_BRIGHT = (0.32, -0.87, -0.25), 21
_ITERATIONS = 40
_ROWS, _FRAMES = 8, 8
# Fillings kept for going back; one at gap 1 holds 90 frames of 64 × 64 pixels, 1.5 MB.
_MOST_FILLINGS = 96


@dataclass(frozen=True, eq=False)
class Filling:
    """Frames filled in between those that were kept, and the same from the full recording.

    Attributes
    ----------
    series : TiltSeries
        Kept and generated frames, marked.
    truth : ndarray, shape (n_generated, 64, 64)
        What was left out.
    top : float
        Brightest pixel of the kept frames: the unit of all errors.
    """

    series: TiltSeries
    truth: np.ndarray
    top: float

    @property
    def made(self) -> np.ndarray:
        """Generated frames, shape (n_generated, 64, 64)."""
        return np.asarray(self.series.projections[self.series.generated])

    @property
    def angles_deg(self) -> np.ndarray:
        """Their tilts."""
        return np.asarray(self.series.angles_deg[self.series.generated])


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`GapExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    specimen, method, beside : str
    gap : int
        Degrees to the recorded neighbour on either side.
    tilt : float
        Of the frame shown, in degrees.
    truth, made : ndarray, shape (64, 64)
        That frame ``[x, y]``, in units of the brightest kept pixel.
    psnr_db, mean_psnr_db, ssim : float
        Of this frame, the mean over all frames filled in, and SSIM of this frame.
    strip : ndarray
        Their difference ``[x, y]``, the sinogram ``[x, tilt]`` of the middle row, or a slice
        ``[z, x]`` of the volume.
    n_kept, n_made : int
        Recorded and generated frames.
    """

    specimen: str
    method: str
    beside: str
    gap: int
    tilt: float
    truth: np.ndarray
    made: np.ndarray
    psnr_db: float
    mean_psnr_db: float
    ssim: float
    strip: np.ndarray
    n_kept: int
    n_made: int


@lru_cache(maxsize=1)
def crystal() -> simulate.Cluster:
    """Return the week's crystal: 201 atoms of aluminium, 1.8 nm across, off every axis.

    Examples
    --------
    >>> len(crystal())
    201
    """
    return simulate.fcc_cluster("Al", 1.0, 1.0).turned(3)


def odd_particle() -> simulate.Cluster:
    """Return the week's crystal of aluminium with a gold atom on it, off every lattice site.

    The gold atom is 21 atoms of aluminium in one place: (79/13)^1.7 of them are as bright.

    Examples
    --------
    >>> len(odd_particle()) - len(crystal())
    21
    """
    gold = np.repeat([_GOLD_NM], _GOLD_BRIGHT, axis=0)
    positions = np.concatenate([crystal().positions_nm, gold])
    return simulate.Cluster("Al", positions, "crystal with an adatom")


@lru_cache(maxsize=2)
def recording(specimen: str = "crystal") -> TiltSeries:
    """Return the full tilt series, −90° to 90° by 1°, 64 × 64 pixels of 0.036 nm.

    Examples
    --------
    >>> recording().projections.shape
    (181, 64, 64)
    """
    cluster = odd_particle() if specimen == "adatom" else crystal()
    return simulate.particle_tilt_series(cluster, shape=(N, N))


_FILLINGS: OrderedDict[tuple[str, str, int], Filling] = OrderedDict()
_LOCK = threading.Lock()


def filling(specimen: str = "crystal", method: str = "linear", gap: int = 4) -> Filling:
    """Keep every 2·gap-th frame and fill the one in the middle; from memory where it was made.

    Parameters
    ----------
    specimen : {"crystal", "adatom"}
    method : {"linear", "band_limited", "geometric", "network", "network_frames"}
    gap : int
        In degrees.

    Examples
    --------
    >>> int(filling("crystal", "linear", 12).series.generated.sum())
    7
    """
    key = (specimen, method, int(gap))
    with _LOCK:
        if key in _FILLINGS:
            _FILLINGS.move_to_end(key)
            return _FILLINGS[key]
    whole = recording(specimen)
    kept = np.arange(0, whole.n_tilts, 2 * key[2])
    sparse = whole.select(kept)
    between = kept[:-1] + key[2]
    made = Filling(
        _filled(sparse, method, whole.angles_deg[between]),
        whole.projections[between],
        float(sparse.projections.max()),
    )
    with _LOCK:
        _FILLINGS[key] = made
        while len(_FILLINGS) > _MOST_FILLINGS:
            _FILLINGS.popitem(last=False)
    return made


def _filled(sparse: TiltSeries, method: str, angles: np.ndarray) -> TiltSeries:
    """Fill in parts, so that whoever waits can see how far it is, and stop it."""
    if not method.startswith(("geometric", "network")):
        return interpolation.fill(sparse, method=method, angles_deg=angles)
    filled = interpolation.fill(sparse, method="linear", angles_deg=angles)
    made = None if method == "network_frames" else _turned(sparse, angles)
    if method.startswith("network"):
        made = _corrected(sparse, angles, made)
    projections = filled.projections.copy()
    projections[filled.generated] = made
    told = {"method": method, "reason": "asked for"}
    return filled.replace(projections=projections, metadata={"filling": told})


def _turned(sparse: TiltSeries, angles: np.ndarray) -> np.ndarray:
    """Frames of the geometric way, some rows at a time."""
    made = np.empty((angles.size, N, N), np.float32)
    for first in range(0, N, _ROWS):
        working.tick(first, N)
        rows = slice(first, first + _ROWS)
        part = sparse.replace(projections=np.ascontiguousarray(sparse.projections[:, :, rows]))
        one = interpolation.fill(part, method="geometric", angles_deg=angles, n_iter=_ITERATIONS)
        made[:, :, rows] = one.projections[one.generated]
    return made


def _corrected(sparse: TiltSeries, angles: np.ndarray, turned: np.ndarray | None) -> np.ndarray:
    """What the network makes of them, some frames at a time."""
    made = np.empty((angles.size, N, N), np.float32)
    for first in range(0, angles.size, _FRAMES):
        working.tick(first, angles.size)
        some = slice(first, first + _FRAMES)
        seen = None if turned is None else turned[some]
        made[some] = corrected(sparse.angles_deg, sparse.projections, angles[some], seen)
    return np.maximum(made, 0)


@lru_cache(maxsize=256)
def volume_slice(specimen: str = "crystal", method: str = "linear", gap: int = 4) -> np.ndarray:
    """Return the middle slice ``[z, x]`` of SIRT (100 iterations) from kept and filled frames.

    Examples
    --------
    >>> volume_slice("crystal", "linear", 12).shape
    (64, 64)
    """
    series = filling(specimen, method, gap).series
    row = TiltSeries(series.projections[:, :, N // 2 : N // 2 + 1], series.angles_deg)
    return np.asarray(tomography.sirt(row, 100).volume[:, :, 0])


_SLICED: set[tuple[str, str, int]] = set()


class GapExplorer(Explorer):
    """Widen the gap between recorded frames, fill it five ways, and see what was invented.

    It opens at a gap of 4°, filled by straight lines: two ghosts in place of every column. Take the
    geometric way and most of the difference goes; narrow the gap to 1° and the band limit wins.

    Examples
    --------
    >>> state = GapExplorer.compute(**GapExplorer.check(gap=12))
    >>> state.n_kept, state.n_made
    (8, 7)
    >>> [panel.name for panel in GapExplorer.draw(state).panels]
    ['truth', 'made', 'beside']
    """

    title = "Into the gap"
    about = "A frame that was left out, the frame filled in, and their difference or what follows"
    controls = (
        Slider("gap", "gap (°)", 1, 12, 1, 4, "Degrees to the recorded frame on either side"),
        Slider("tilt", "tilt (°)", -LAST_TILT, LAST_TILT, 1, 12, "The filled frame nearest to it"),
        Choice("method", "filled by", METHODS, "linear", "What is assumed of the gap"),
        Choice(
            "beside", "beside it", BESIDE, "difference", "Filled in minus left out, or what follows"
        ),
    )
    more = (
        Choice("specimen", "particle", SPECIMENS, "crystal", "The network has seen crystals only"),
    )

    @staticmethod
    def compute(*, gap: float, tilt: float, method: str, beside: str, specimen: str) -> State:
        """Return the frame nearest to a tilt, its errors, and the sinogram or the slice."""
        found = filling(specimen, method, int(gap))
        at = int(np.abs(found.angles_deg - tilt).argmin())
        made, truth = found.made / found.top, found.truth / found.top
        errors = np.mean(np.square(made - truth, dtype=np.float64), axis=(1, 2))
        decibels = -10 * np.log10(np.maximum(errors, 1e-12))
        if beside == "difference":
            strip = made[at] - truth[at]
        elif beside == "sinogram":
            strip = found.series.projections[:, :, N // 2].T / found.top
        else:
            strip = volume_slice(specimen, method, int(gap))
            _SLICED.add((specimen, method, int(gap)))
        return State(
            specimen, method, beside, int(gap), float(found.angles_deg[at]), truth[at], made[at],
            float(decibels[at]), float(decibels.mean()),
            float(metrics.ssim(made[at], truth[at], data_range=1.0)), strip,
            int((~found.series.generated).sum()), int(found.series.generated.sum()),
        )  # fmt: skip

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """What was filled and reconstructed before is shown at once."""
        key = (parameters["specimen"], parameters["method"], int(parameters["gap"]))
        with _LOCK:
            known = key in _FILLINGS
        return not known or (parameters["beside"] == "volume" and key not in _SLICED)

    @staticmethod
    def draw(result: State) -> View:
        """Return truth, filling, and difference or what follows; the PSNR; and what to notice."""
        headline = (
            f"PSNR {number_text(round(result.psnr_db, 1))} dB · all frames "
            f"{number_text(round(result.mean_psnr_db, 1))} dB"
        )
        note = (
            f"tilt {result.tilt:.0f}° · {result.n_made} of {result.n_made + result.n_kept} frames "
            f"GENERATED · SSIM {result.ssim:.2f}"
        )
        words = (
            f"{SPECIMENS[result.specimen].capitalize()}, filled by {METHODS[result.method]}: "
            f"{headline}; {note}. {_verdict(result)}"
        )
        return View(_panels(result), headline, note, words)


def _verdict(state: State) -> str:
    if state.psnr_db > 35:
        return "The frame is nearly what was left out."
    if state.psnr_db > 25:
        return "Columns are in place; the difference shows their rims."
    return "Columns stand where none are."


def _upright(frame: np.ndarray) -> np.ndarray:
    """Rows along y, columns along x, so that the tilt axis stands upright."""
    return np.asarray(frame.T[::-1])


def _panels(state: State) -> tuple[ImagePanel, ...]:
    across, up = "x →", "y, tilt axis →"
    nm = recording(state.specimen).pixel_size_nm
    unit, (_, high) = "intensity (brightest kept pixel: 1)", _WINDOWS[state.specimen]
    frames = [
        ImagePanel(
            name, title, _upright(image), _WINDOWS[state.specimen], "grey", unit, across, up, nm
        )
        for name, title, image in (
            ("truth", "Left out.", state.truth),
            ("made", "Filled in.", state.made),
        )
    ]
    if state.beside == "difference":
        last = ImagePanel(
            "beside", "Filled in − left out.", _upright(state.strip), _WINDOWS["difference"],
            "difference", "difference", across, up,
        )  # fmt: skip
    elif state.beside == "sinogram":
        last = ImagePanel(
            "beside", "Sinogram, middle row.", _squared(state.strip), (0.0, high / 2),
            unit=unit, x_label="tilt, −90° to 90° →", y_label="x →",
        )  # fmt: skip
    else:
        last = ImagePanel(
            "beside", "Slice of the volume.", state.strip, (0.0, _TOP), unit="density (1/px)",
            x_label="x →", y_label="← z, beam", pixel_size_nm=nm,
        )  # fmt: skip
    return (*frames, last)


def _squared(sinogram: np.ndarray) -> np.ndarray:
    """Stretch the tilts to a square: every frame as wide as its share of the series."""
    at = (np.arange(4 * N) + 0.5) * sinogram.shape[1] / (4 * N)
    tall = np.repeat(sinogram, 4, axis=0)
    return np.asarray(tall[:, at.astype(np.int64)][::-1])
