"""The explorer of week 1: an object, a probe, a dose, and the picture that comes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from em_inverse import noise, phantoms
from em_inverse.forward import GaussianBlur
from em_inverse.forward.contrast import LinearThickness
from em_inverse.widgets.controls import Choice, LogSlider, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import ImagePanel, View
from em_inverse.widgets.ticks import number_text

__all__ = ["ForwardExplorer", "Specimen", "State", "specimen"]

N = 96
SEED = 1
SHARE = {"haadf": 0.03, "spectrum": 1e-4}
MODALITIES = {"haadf": "HAADF (counts 3 %)", "spectrum": "EELS map (counts 0.01 %)"}
OBJECTS = {
    "particle": "core-shell particle (Au in Fe)",
    "columns": "three pairs of columns",
    "cube": "nanocube with pores",
}
GAPS_PM = (150, 300, 450)
DENSITY = {"Fe": 85.0, "Au": 59.0}
"""Atoms per nm³ of the two metals."""


class Specimen(NamedTuple):
    """What lies under the beam.

    Attributes
    ----------
    contrast : ndarray, shape (96, 96)
        Brightness before the probe, 1 where it is largest.
    pixel_size_nm : float
    """

    contrast: np.ndarray
    pixel_size_nm: float


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`ForwardExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    kind, modality : str
    at : Specimen
    probe_pm, readout : float
    landed : float
        Electrons that fall on one pixel.
    clean, counts : ndarray, shape (96, 96)
        Expected counts after the probe, and measured ones.
    snr : float
        ‖clean‖ / ‖counts − clean‖.
    """

    kind: str
    modality: str
    at: Specimen
    probe_pm: float
    readout: float
    landed: float
    clean: np.ndarray
    counts: np.ndarray
    snr: float


@lru_cache(maxsize=8)
def specimen(kind: str = "particle", modality: str = "haadf") -> Specimen:
    """Return one of the explorer's objects as a detector with a perfect probe would see it.

    Parameters
    ----------
    kind : {"particle", "columns", "cube"}
    modality : {"haadf", "spectrum"}
        The spectrum sees the iron of the particle only; the other objects are of one element.

    Examples
    --------
    >>> specimen("particle").contrast.shape
    (96, 96)
    """
    makers: dict[str, Callable[[str], Specimen]] = {
        "particle": _particle,
        "columns": _columns,
        "cube": _cube,
    }
    contrast, pixel = makers[kind](modality)
    contrast = contrast / contrast.max()
    contrast.flags.writeable = False
    return Specimen(contrast, pixel)


class ForwardExplorer(Explorer):
    """Send an object through the probe and count electrons; object, probe and dose are yours.

    It opens at 1000 electrons per Å², little for a metal: fewer than eight electrons are counted
    in the brightest pixel. Pull the dose down and single electrons are left; pull the probe wide
    and the pairs of columns merge one after the other.

    Examples
    --------
    >>> state = ForwardExplorer.compute(**ForwardExplorer.check(dose=1e5))
    >>> view = ForwardExplorer.draw(state)
    >>> [panel.name for panel in view.panels]
    ['object', 'clean', 'counts']
    """

    title = "From the object to the counts"
    about = "An object, the same after the probe, and the electrons that are counted"
    controls = (
        Choice("kind", "object", OBJECTS, "particle", "What lies under the beam"),
        Slider("probe", "probe width σ (pm)", 25, 300, 25, 75, "Standard deviation of the probe"),
        LogSlider("dose", "dose (e/nm²)", 3, 8, 51, 20, "Electrons sent onto each nm²"),
        Choice("modality", "detector", MODALITIES, "haadf", "What is counted"),
    )
    more = (
        Slider("readout", "read-out noise (e)", 0, 5, 1, 0, "Noise that every pixel adds once"),
    )

    @staticmethod
    def compute(*, kind: str, probe: float, dose: float, modality: str, readout: float) -> State:
        """Return expected and measured counts."""
        at = specimen(kind, modality)
        landed = dose * at.pixel_size_nm**2
        clean = landed * SHARE[modality] * _blurred(kind, modality, probe)
        rng = noise.generator(SEED)
        counts = rng.poisson(clean) + readout * rng.standard_normal(clean.shape)
        ratio = float(np.linalg.norm(clean) / np.linalg.norm(counts - clean))
        return State(kind, modality, at, probe, readout, landed, clean, counts, ratio)

    @staticmethod
    def draw(result: State) -> View:
        """Return object, expected counts, measured counts, the SNR, and what to notice."""
        # Expected and counted electrons share one window, three standard deviations of noise wide.
        most = float(result.clean.max())
        top = most + 3 * float(np.sqrt(most + result.readout**2))
        window = (0.0, top)
        size = result.at.pixel_size_nm
        share = 100 * SHARE[result.modality]
        panels = (
            ImagePanel(
                "object",
                "The object under a perfect probe.",
                share * result.at.contrast,
                (0.0, share),
                unit="electrons scattered to the detector (%)",
                x_label="x →",
                y_label="← y",
                pixel_size_nm=size,
            ),
            ImagePanel(
                "clean",
                f"Hx: {_after_probe(result)}.",
                result.clean,
                window,
                unit="electrons expected per pixel",
                x_label="x →",
                y_label="← y",
                pixel_size_nm=size,
            ),
            ImagePanel(
                "counts",
                f"y = Hx + ε: {_grain(result.snr)}.",
                result.counts,
                window,
                unit="electrons counted per pixel",
                x_label="x →",
                y_label="← y",
                pixel_size_nm=size,
            ),
        )
        headline = f"SNR {number_text(result.snr)}"
        note = (
            f"brightest pixel: {number_text(result.landed)} electrons land, "
            f"{number_text(most)} are counted"
        )
        words = (
            f"Object: {OBJECTS[result.kind]}; {MODALITIES[result.modality]}, probe of "
            f"{number_text(result.probe_pm)} pm: {headline}; {note}. "
            f"{_after_probe(result).capitalize()}; {_grain(result.snr)}."
        )
        return View(panels, headline, note, words)


def _particle(modality: str) -> Specimen:
    pixel = 0.05
    thickness = pixel * phantoms.core_shell_maps(N, 22, 38)
    atoms = np.array([DENSITY["Fe"], DENSITY["Au"]])[:, None, None] * thickness
    image = atoms[0] if modality == "spectrum" else LinearThickness(["Fe", "Au"])(atoms)
    return Specimen(image, pixel)


def _columns(modality: str) -> Specimen:
    """Three pairs of gold columns, one below the other, each column 25 pm wide."""
    pixel = 0.025
    y, x = np.indices((N, N)) - (N - 1) / 2
    image = np.zeros((N, N))
    for row, gap in zip((-30, 0, 30), GAPS_PM, strict=True):
        for side in (-1, 1):
            off = side * gap / 2000 / pixel
            image += np.exp(-0.5 * ((x - off) ** 2 + (y - row) ** 2))
    return Specimen(image, pixel)


def _cube(modality: str) -> Specimen:
    return Specimen(phantoms.nanocube_with_pores(N), 0.05)


@lru_cache(maxsize=128)
def _blurred(kind: str, modality: str, probe_pm: float) -> np.ndarray:
    at = specimen(kind, modality)
    sigma = probe_pm / 1000 / at.pixel_size_nm
    return GaussianBlur((N, N), sigma, "constant").forward(at.contrast)


def _after_probe(state: State) -> str:
    """What the probe has done: which pairs have merged, or what is still resolved."""
    if state.kind != "columns":
        return f"details below 2σ = {number_text(2 * state.probe_pm)} pm have merged"
    rows = [N // 2 + shift for shift in (-30, 0, 30)]
    merged = [
        gap
        for gap, row in zip(GAPS_PM, rows, strict=True)
        if not _has_dip(state.clean[row - 1 : row + 1].sum(axis=0))
    ]
    if not merged:
        return "all three pairs are resolved"
    if len(merged) == len(GAPS_PM):
        return "all three pairs have merged"
    if len(merged) == 1:
        return f"the pair {merged[0]} pm apart has merged"
    return f"the pairs {' and '.join(map(str, merged))} pm apart have merged"


def _has_dip(profile: np.ndarray) -> bool:
    middle = profile[N // 2 - 1 : N // 2 + 1].mean()
    return bool(profile.max() > middle * (1 + 1e-3))


def _grain(snr: float) -> str:
    if snr < 1:
        return "more noise than object in each pixel"
    if snr < 5:
        return "coarse grain, the object shows through"
    return "fine grain, the object is plain"
