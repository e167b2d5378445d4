"""The explorer of week 12: tilt, defocus, voltage and dose, and the image that comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from em_inverse import atomic
from em_inverse.forward import optics
from em_inverse.forward.multislice import Multislice
from em_inverse.noise import generator
from em_inverse.plotting import COLOURS
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, View
from em_inverse.widgets.ticks import number_text

__all__ = ["FocusExplorer", "State", "model", "slices", "transfer"]

N, VOXEL, SLICE = 64, 0.5, 4
SEED = 1
SPECIMENS: dict[str, str] = {
    "silicon": "silicon in silica",
    "tungsten": "tungsten in its oxide",
    "gold": "gold particle",
}
_BINS = 28
_WINDOWS = {"silicon": (0.7, 1.3), "tungsten": (0.4, 1.6), "gold": (0.4, 1.6)}
_FAINT = 0.02
_HIGHEST = 2.0


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`FocusExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    specimen : str
    tilt, defocus, voltage : float
        In degrees, Å and kV.
    electrons : float
        Per pixel, without specimen.
    projected : ndarray, shape (64, 64)
        Projected potential in V Å, x downwards, y to the right.
    clean, counted : ndarray, shape (64, 64)
        Expected and counted electrons, over those without specimen.
    q, measured, theory : ndarray
        Frequencies in 1/Å; contrast of the counted image per contrast that a weak phase object
        would give at its best; and \\|sin χ\\|.
    one_slice_off : float
        RMS difference to the image of the projection, as a share of the contrast.
    """

    specimen: str
    tilt: float
    defocus: float
    voltage: float
    electrons: float
    projected: np.ndarray
    clean: np.ndarray
    counted: np.ndarray
    q: np.ndarray
    measured: np.ndarray
    theory: np.ndarray
    one_slice_off: float

    @property
    def contrast(self) -> float:
        """Standard deviation of the expected image."""
        return float(self.clean.std())

    @property
    def noise(self) -> float:
        """Standard deviation of the noise of a pixel without specimen."""
        return float(1 / np.sqrt(self.electrons))


_MAKERS: dict[str, Callable[[], atomic.Atoms]] = {
    "silicon": lambda: atomic.silicon_core_silica_shell((N,) * 3),
    "tungsten": lambda: atomic.tungsten_core_oxide_shell((N,) * 3),
    "gold": lambda: atomic.gold_nanoparticle(22.0),
}
_MADE: dict[str, atomic.Atoms] = {}


def _atoms(specimen: str) -> atomic.Atoms:
    if specimen not in _MADE:
        _MADE[specimen] = _MAKERS[specimen]()
    return _MADE[specimen]


@lru_cache(maxsize=256)
def slices(specimen: str = "silicon", tilt: float = 0.0) -> np.ndarray:
    """Return the potential of a tilted specimen, four voxels of 0.5 Å added up to a slice.

    Parameters
    ----------
    specimen : {"silicon", "tungsten", "gold"}
    tilt : float
        In degrees.

    Returns
    -------
    ndarray, shape (16, 64, 64)
        In V times voxels.

    Examples
    --------
    >>> slices("gold").shape
    (16, 64, 64)
    """
    V = atomic.potential(_atoms(specimen).rotated(tilt), (N,) * 3, VOXEL)
    cut = V.reshape(N // SLICE, SLICE, N, N).sum(axis=1)
    cut.flags.writeable = False
    return np.asarray(cut)


@lru_cache(maxsize=256)
def model(defocus: float, voltage: float, slice_voxels: int = SLICE) -> Multislice:
    """Return the multislice model of one focus and voltage.

    Examples
    --------
    >>> model(450.0, 300.0).out_shape
    (1, 64, 64)
    """
    return Multislice(
        (N,) * 3, [defocus], voxel_angstrom=VOXEL, voltage_kv=voltage, slice_voxels=slice_voxels
    )


def transfer(image: np.ndarray, projected: np.ndarray, sigma: float) -> np.ndarray:
    r"""Return how much contrast an image has, ring by ring in Fourier space.

    A weak phase object σV gives the image contrast 2σV̂(q) sin χ. The root of the mean power of
    the image over that of 2σV is \|sin χ\| where this holds.

    Parameters
    ----------
    image : ndarray, shape (64, 64)
    projected : ndarray, shape (64, 64)
        In V Å.
    sigma : float
        Interaction parameter in rad/(V Å).

    Returns
    -------
    ndarray, shape (28,)

    Examples
    --------
    >>> V = np.random.default_rng(0).standard_normal((64, 64))
    >>> bool(np.allclose(transfer(1 + 0.001 * V, V, 0.0005), 1))
    True
    """
    ring, _ = _rings()
    power = [
        np.bincount(ring.ravel(), (np.abs(np.fft.fft2(one)) ** 2).ravel(), _BINS + 1)[:_BINS]
        for one in (image - 1, 2 * sigma * projected)
    ]
    return np.asarray(np.sqrt(power[0] / power[1]))


class FocusExplorer(Explorer):
    """Tilt a needle of atoms, focus through it, and see what the camera counts.

    It opens where the reconstruction of the week has its middle image: 450 Å out of focus. In
    focus a thin specimen of light atoms is all but invisible. Lower the voltage, or take tungsten,
    and the measured contrast leaves the curve of the weak phase object.

    Examples
    --------
    >>> state = FocusExplorer.compute(**FocusExplorer.check(defocus=0))
    >>> state.contrast < 0.02
    True
    >>> [panel.name for panel in FocusExplorer.draw(state).panels]
    ['projection', 'image', 'transfer']
    """

    title = "Through focus, around the tilt axis"
    about = "The projected potential, the image that is counted, and its contrast ring by ring"
    controls = (
        Slider("tilt", "tilt (°)", -90, 90, 3, 0, "The specimen turns about the upright axis"),
        Slider("defocus", "defocus Δf (Å)", -1000, 1000, 50, 450, "Positive is overfocus"),
        Slider("voltage", "voltage (kV)", 60, 300, 20, 300, "Slower electrons scatter more often"),
        LogSlider("dose", "dose (e/Å²)", 1, 5, 9, 6, "Electrons sent onto each Å² for this image"),
    )
    more = (Choice("specimen", "specimen", SPECIMENS, "silicon", "What stands in the beam"),)

    @staticmethod
    def compute(
        *, tilt: float, defocus: float, voltage: float, dose: float, specimen: str
    ) -> State:
        """Return expected and counted image, and its transfer."""
        cut = slices(specimen, float(tilt))
        H = model(float(defocus), float(voltage))
        clean = H.images_of_slices(cut)[0].astype(np.float64)
        whole = cut.sum(axis=0, keepdims=True)
        one = model(float(defocus), float(voltage), N).images_of_slices(whole)[0]
        electrons = dose * VOXEL**2
        counted = generator(SEED).poisson(electrons * clean) / electrons
        projected = VOXEL * whole[0].astype(np.float64)
        _, q = _rings()
        # The lens refers to the middle of the object, as sin χ does for a thin one.
        theory = np.abs(np.sin(optics.aberration_phase(q**2, H.lam, float(defocus))))
        return State(
            specimen, float(tilt), float(defocus), float(voltage), electrons, projected, clean,
            counted, q, transfer(counted, projected, H.sigma), theory,
            float((clean - one).std() / clean.std()),
        )  # fmt: skip

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """A specimen has to be built once; all its images come at once."""
        return parameters["specimen"] not in _MADE

    @staticmethod
    def draw(result: State) -> View:
        """Return projection, image and transfer, the contrast, and what to notice."""
        headline = (
            f"contrast {100 * result.contrast:.1f} % · noise of a pixel {100 * result.noise:.0f} %"
        )
        note = (
            f"{number_text(result.electrons)} electrons per pixel · one projection would be off by "
            f"{100 * result.one_slice_off:.0f} % of the contrast"
        )
        words = (
            f"{SPECIMENS[result.specimen].capitalize()}, tilted by {result.tilt:.0f}°, "
            f"{result.defocus:.0f} Å out of focus, {result.voltage:.0f} kV: {headline}; {note}. "
            f"{_verdict(result)}"
        )
        return View((_projection(result), _image(result), _transfer(result)), headline, note, words)


def _verdict(state: State) -> str:
    if state.contrast < _FAINT:
        return "In focus a phase object is nearly invisible."
    if state.contrast < state.noise:
        return "Each pixel is mostly noise; only all images together hold the atoms."
    if state.one_slice_off > 0.25:
        return "Dynamical scattering: the curve of the weak phase object fails."
    return "Fringes where atoms are, nearly as a weak phase object gives them."


def _picture(values: np.ndarray) -> np.ndarray:
    """Rows along y, columns along x, so that the tilt axis stands upright."""
    return np.asarray(values.T[::-1])


def _projection(state: State) -> ImagePanel:
    high = {"silicon": 600.0, "tungsten": 1800.0, "gold": 3000.0}[state.specimen]
    return ImagePanel(
        "projection",
        "The projected potential.",
        _picture(state.projected),
        (0.0, high),
        unit="projected potential (V Å)",
        x_label="x →",
        y_label="y, tilt axis →",
        pixel_size_nm=VOXEL / 10,
    )


def _image(state: State) -> ImagePanel:
    seen = "snow" if state.contrast < state.noise else "fringes"
    if state.contrast < _FAINT:
        seen = "next to nothing"
    return ImagePanel(
        "image",
        f"Counted: {seen}.",
        _picture(state.counted),
        _WINDOWS[state.specimen],
        unit="counts ÷ counts without specimen",
        x_label="x →",
        y_label="y, tilt axis →",
        pixel_size_nm=VOXEL / 10,
    )


def _transfer(state: State) -> LinePanel:
    fine = np.linspace(0, 1, 301)
    chi = optics.aberration_phase(fine**2, optics.wavelength(state.voltage), state.defocus)
    return LinePanel(
        "transfer",
        "Contrast, wave by wave.",
        [
            Line(fine, np.abs(np.sin(chi)), "thin: |sin χ|", COLOURS["truth"], width=1.5),
            Line(
                state.q, np.minimum(state.measured, 0.98 * _HIGHEST), "counted",
                COLOURS["measurement"], "none", "circle", size=8,
            ),
        ],
        Axis("spatial frequency (1/Å)", limits=(0, 1)),
        Axis("contrast ÷ 2σV", limits=(0, _HIGHEST)),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _rings() -> tuple[np.ndarray, np.ndarray]:
    """Return the ring of every Fourier coefficient, and the middle of each ring in 1/Å.

    Ring 0 begins behind the mean; what lies beyond the rings has the number 28.
    """
    q = np.sqrt(optics.frequencies((N, N), VOXEL))
    width = 0.9 / _BINS
    ring = np.floor((q - 0.03) / width).astype(np.int64)
    ring[(ring < 0) | (ring >= _BINS)] = _BINS
    return ring, 0.03 + width * (np.arange(_BINS) + 0.5)
