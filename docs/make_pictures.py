"""Make the pictures of the README from real data.

Run it from anywhere: ``python docs/make_pictures.py``. The full needle is fetched when it is not in
the data cache (10 MB); the whole takes a few minutes on two cores.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from em_inverse import datasets, metrics, plotting, tomography
from em_inverse.files import replacing
from em_inverse.plotting.display import png
from em_inverse.plotting.frame import beam_arrow, new_figure, scale_bar, window_text
from em_inverse.tilt_series import TiltSeries

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).resolve().parent
NARROW_DEG = 50
EVERY = 10
SIRT_ITERATIONS = 400
MARGIN = 1.1
WINDOW = (-0.15, 1.05)
LAYER = slice(104, 112)
AROUND = slice(48, 208)
ALONG = slice(52, 212)
DOTS_PER_INCH = 115


def needle() -> bytes:
    """Return the picture of the needle as PNG."""
    recorded = datasets.load("nist-needle")
    assert isinstance(recorded, TiltSeries)
    series = tomography.align(tomography.remove_background(recorded))
    fewer = within(series, NARROW_DEG)
    rows = {
        "WBP": [tomography.wbp(s, filter="hann").volume for s in (series, fewer)],
        "SIRT": [tomography.sirt(s, n_iter=50).volume for s in (series, fewer)],
    }
    with plotting.style(), matplotlib.rc_context({"figure.dpi": DOTS_PER_INCH}):
        fig = new_figure(
            10.4, 7.4, "Tilts that nobody recorded stretch a real needle along the beam"
        )
        panels = fig.subplots(2, 3)
        for (name, volumes), (front, *across) in zip(rows.items(), panels, strict=True):
            middle = volumes[0].shape[0] // 2
            draw(front, volumes[0][middle, AROUND, ALONG].T, "y", series.pixel_size_nm)
            front.set_title(f"{name}, {series.n_tilts} tilts to ±76°:\nfrom the front (y, x)")
            for panel, used, volume in zip(across, (series, fewer), volumes, strict=True):
                draw(panel, volume[AROUND, AROUND, LAYER].mean(axis=2), "z", series.pixel_size_nm)
                panel.set_title(
                    f"{name}, {used.n_tilts} tilts to ±{used.angles_deg.max():.0f}°:\n"
                    f"a layer (z, x), elongation {stretch(volume)}"
                )
        bar = fig.colorbar(front.images[0], ax=panels, shrink=0.5, pad=0.02)
        bar.set_label(f"intensity (thousands)\none window, {window_text(*WINDOW)}")
    return png(fig)


def methods() -> bytes:
    """Return three reconstructions, each judged by projections that it has not seen, as PNG."""
    recorded = datasets.load("nist-needle")
    assert isinstance(recorded, TiltSeries)
    clean = tomography.remove_background(recorded)
    # Aligning smooths the noise, so it is measured before.
    noise = tomography.noise_level(clean)
    series = tomography.align(clean)
    kept, held = tomography.hold_out(series, EVERY)
    noise_norm = noise.noise_norm * np.sqrt(kept.n_tilts / series.n_tilts)
    choice = tomography.choose_epsilon(kept, "reachable", noise=noise_norm, tau=MARGIN)
    print(f"noise {noise_norm:.4g}; {choice.message}")
    runs = {
        "WBP": tomography.wbp(kept, filter="hann"),
        f"SIRT, {SIRT_ITERATIONS} iterations": tomography.sirt(kept, n_iter=SIRT_ITERATIONS),
        f"TV, ε = {100 * choice.epsilon / np.linalg.norm(kept.projections):.1f} % of ‖b‖": (
            tomography.tv(kept, epsilon=choice.epsilon)
        ),
    }
    errors = {name: tomography.reprojection_error(run, held) for name, run in runs.items()}
    ranked = sorted(runs, key=lambda name: errors[name], reverse=True)
    with plotting.style(), matplotlib.rc_context({"figure.dpi": DOTS_PER_INCH}):
        fig = new_figure(
            10.4,
            7.6,
            f"{held.n_tilts} projections that were held out rank three methods: "
            f"{ranked[-1].split(',')[0]} predicts them best",
        )
        panels = fig.subplots(2, 3)
        for name, (top, bottom) in zip(ranked, panels.T, strict=True):
            volume = runs[name].volume
            middle = volume.shape[0] // 2
            draw(top, volume[middle, AROUND, ALONG].T, "y", series.pixel_size_nm)
            top.set_title(f"{name}:\nfrom the front (y, x)")
            draw(bottom, volume[AROUND, AROUND, LAYER].mean(axis=2), "z", series.pixel_size_nm)
            bottom.set_title(f"held-out tilts missed by {100 * errors[name]:.1f} %\na layer (z, x)")
        bar = fig.colorbar(panels[0, 0].images[0], ax=panels, shrink=0.5, pad=0.02)
        bar.set_label(f"intensity (thousands)\none window, {window_text(*WINDOW)}")
    for name in ranked:
        print(f"{name}: {100 * errors[name]:.2f} % at held-out tilts; {runs[name].stop_reason}")
    return png(fig)


def within(series: TiltSeries, largest_deg: float) -> TiltSeries:
    """Return the series without its high tilts."""
    keep = np.abs(series.angles_deg) <= largest_deg
    return series.replace(projections=series.projections[keep], angles_deg=series.angles_deg[keep])


def stretch(volume: np.ndarray) -> str:
    """Return the layer's width along the beam over its width across, in words."""
    return f"{metrics.wedge_elongation(volume[:, :, LAYER]):.1f}"


def draw(panel: Axes, picture: np.ndarray, rows: str, pixel_size_nm: float | None) -> None:
    """Show one section with its scale bar and the way of the beam."""
    panel.imshow(picture / 1000, vmin=WINDOW[0], vmax=WINDOW[1])
    panel.set(xticks=[], yticks=[], xlabel="x →", ylabel=f"← {rows}")
    panel.spines[:].set_visible(False)
    scale_bar(panel, pixel_size_nm or 1.0, 0.35 * picture.shape[1])
    beam_arrow(panel, down=rows == "z")


if __name__ == "__main__":
    for name, picture in (("needle.png", needle), ("needle-methods.png", methods)):
        with replacing(HERE / name, overwrite=True) as part:
            part.write_bytes(picture())
