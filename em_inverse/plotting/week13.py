"""The figures of week 13, with their titles and their words for readers who cannot see them.

Each function draws one figure from the arrays of the notebook and shows it. Frames hold ``[x, y]``
and are drawn with the tilt axis y upright; sinograms hold ``[tilt, x]``; slices of a volume hold
``[z, x]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from em_inverse.plotting.display import show
from em_inverse.plotting.frame import beam_arrow, legend_beside, new_figure, scale_bar
from em_inverse.plotting.style import COLOURS, DIVERGING, GREY, LINESTYLES, MARKERS, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from em_inverse.interpolation import Consistency

__all__ = [
    "bow_tie",
    "explorer",
    "frames",
    "invented",
    "objects",
    "paper",
    "sinograms",
    "speeds",
    "sweep",
    "volumes",
    "warnings",
]

#: Table 1 of the work on generated tilt series (Sagar and others 2025), aberrated test set, means
#: over gaps 1 to 12: PSNR in dB and SSIM of straight lines and of the network.
PAPER = {"straight lines": (30.48, 0.90), "network": (31.63, 0.93)}

#: Whose colour, line and marker a method has, and what it is called.
ROLES = {
    "linear": ("naive", "straight lines"),
    "cubic": ("l1", "cubic splines"),
    "band_limited": ("tikhonov", "band-limited"),
    "geometric": ("algebraic", "geometric"),
    "tv": ("tv", "total variation"),
    "network": ("learned", "network"),
    "network_frames": ("learned", "network,\nframes only"),
    "sparse": ("measurement", "sparse"),
    "sparse, TV": ("tv", "sparse, TV"),
}
_STEPS = 24
_SHOWN = 0.4
_BRIGHT, _FAINT = 0.6, 0.3


def sinograms(angles: np.ndarray, full: np.ndarray, kept: np.ndarray, nm: float) -> None:
    """Show a sinogram ``[tilt, x]``, and what is left when only the tilts `kept` are recorded."""
    sparse = np.full_like(full, np.nan)
    sparse[kept] = full[kept]
    half = full.shape[1] * nm / 2
    with style():
        figure = new_figure(9.4, 3.9, "Every column draws a sinusoid, and recording cuts it")
        left, right = figure.subplots(1, 2, sharey=True)
        for ax, data, name in (
            (left, full, f"all {len(full)} tilts"),
            (right, sparse, f"{len(kept)} of them"),
        ):
            shown = ax.imshow(
                _stepped(data, (0, _SHOWN)).T[::-1], cmap=GREY, vmin=0, vmax=_SHOWN, aspect="auto",
                extent=(angles[0], angles[-1], -half, half), interpolation="nearest",
            )  # fmt: skip
            ax.set_facecolor("#c8d8e8")
            ax.set_title(name)
            ax.set_xlabel("tilt (°)")
            ax.set_xticks([-90, -45, 0, 45, 90])
        left.set_ylabel("x (nm)")
        bar = figure.colorbar(shown, ax=[left, right], shrink=0.9)
        bar.set_label(f"intensity, 0 to {_SHOWN:g}\n(brightest pixel: 1)")
    show(
        figure,
        alt=f"Two sinograms of one row of the detector. Left, all {len(full)} tilts: bright bands "
        f"that swing up and down as sinusoids and cross each other. Right, {len(kept)} tilts: "
        f"thin stripes of it, with empty gaps between.",
    )


def speeds(depths_nm: np.ndarray, nm: float) -> None:
    """Show how fast the atoms behind one pixel move, in pixels per degree of tilt."""
    values = depths_nm / nm * np.pi / 180
    with style():
        figure = new_figure(8.6, 3.4, "Behind one pixel atoms move both ways")
        ax = figure.add_subplot()
        ax.axvline(0, color=COLOURS["measurement"], linewidth=1)
        for value, depth in zip(values, depths_nm, strict=True):
            ax.annotate("", (value, depth), (0, depth), arrowprops={"arrowstyle": "->", "lw": 2})
        ax.plot(0 * depths_nm, depths_nm, "o", color=COLOURS["truth"], label="atoms, now")
        ax.axvline(values.mean(), color=COLOURS["naive"], linestyle="--", label="one arrow for all")
        far = 1.2 * np.abs(values).max()
        ax.set_xlim(-far, far)
        ax.set_ylim(1.25 * np.abs(depths_nm).max(), -1.25 * np.abs(depths_nm).max())
        ax.set_xlabel("speed across the detector (px per degree)")
        ax.set_ylabel("depth z (nm)")
        legend_beside(ax)
    show(
        figure,
        alt=f"Speeds of the {values.size} atoms behind the brightest pixel, spread from "
        f"{values.min():.2f} to {values.max():.2f} px per degree on both sides of zero; their mean "
        f"is {values.mean():.2f}.",
    )


def bow_tie(full: np.ndarray, nm: float, radius_nm: float) -> None:
    """Show the Fourier transform of a sinogram over a full turn, and the lines \\|m\\| = 2πkR."""
    turn = np.concatenate([full[:-1], full[:-1, ::-1]])
    power = np.abs(np.fft.fftshift(np.fft.fft2(turn))) ** 2
    tall, wide = power.shape
    m = slice(tall // 2 - 60, tall // 2 + 61)
    level = np.log10(np.maximum(power[m] / power.max(), 1e-8))
    k = np.fft.fftshift(np.fft.fftfreq(wide, nm))
    with style():
        figure = new_figure(7.4, 4.2, "A turning object fills a bow tie only")
        ax = figure.add_subplot()
        shown = ax.imshow(
            _stepped(level.T, (-8, 0)), cmap=GREY, vmin=-8, vmax=0, aspect="auto",
            extent=(-60.5, 60.5, float(k[-1]), float(k[0])), interpolation="nearest",
        )  # fmt: skip
        edge = np.array([-60.0, 60.0])
        for sign in (-1, 1):
            ax.plot(
                edge, sign * edge / (2 * np.pi * radius_nm), color=COLOURS["tv"], linewidth=2,
                linestyle="--", label="|m| = 2πkR" if sign > 0 else None,
            )  # fmt: skip
        ax.set_ylim(-11, 11)
        ax.set_xlabel("harmonic m of a full turn")
        ax.set_ylabel("frequency k across (1/nm)")
        figure.colorbar(shown, ax=ax).set_label("log₁₀ of the power")
        ax.legend(loc="lower right", frameon=True, facecolor="white", framealpha=1)
    show(
        figure,
        alt=f"Power of a sinogram against the harmonic m of a full turn and the frequency k: "
        f"bright within a bow tie whose edge |m| = 2πkR, R = {radius_nm:.2f} nm, is dashed; dark "
        f"outside.",
    )


def frames(truth: np.ndarray, made: Mapping[str, np.ndarray], nm: float, title: str) -> None:
    """Show a frame, and what each method of filling puts in its place."""
    names = {"truth": truth, **made}
    with style():
        figure = new_figure(9.0, 6.2, title)
        axes = figure.subplots(2, 3)
        for ax in axes.ravel()[len(names) :]:
            ax.set_axis_off()
        for ax, (name, image) in zip(axes.ravel(), names.items(), strict=False):
            shown = _frame(ax, image, ROLES.get(name, (name, name))[1], _BRIGHT)
        scale_bar(axes[0, 0], nm, 0.3 * truth.shape[0])
        bar = figure.colorbar(shown, ax=list(axes.ravel()), shrink=0.8)
        bar.set_label(f"intensity, 0 to {_BRIGHT:g} (brightest pixel: 1)")
    off = ", ".join(
        f"{ROLES.get(name, (name, name))[1]} {np.sqrt(np.mean((image - truth) ** 2)):.3f}"
        for name, image in made.items()
    )
    show(
        figure,
        alt=f"One frame of a particle, bright columns in rows, and the same frame as it was "
        f"filled. RMS differences to the truth: {off}.",
    )


def sweep(rows: Sequence[Mapping[str, Any]]) -> None:
    """Show PSNR and SSIM of the filled frames against the gap, for every method."""
    with style():
        figure = new_figure(9.6, 3.9, "The band limit wins at small gaps, the object at wide ones")
        axes = figure.subplots(1, 2)
        for ax, key, label in zip(axes, ("psnr_db", "ssim"), ("PSNR (dB)", "SSIM"), strict=True):
            for name in dict.fromkeys(row["method"] for row in rows):
                mine = [row for row in rows if row["method"] == name]
                _curve(ax, name, [r["gap"] for r in mine], [r[key] for r in mine])
            ax.set_xlabel("gap g (°): recorded every 2g")
            ax.set_ylabel(label)
            ax.set_xticks([1, 2, 4, 6, 8, 10, 12])
        legend_beside(axes[1])
    gaps = [row["gap"] for row in rows]
    best = {
        gap: ROLES[max((r for r in rows if r["gap"] == gap), key=lambda r: r["psnr_db"])["method"]][
            1
        ]
        for gap in (min(gaps), max(gaps))
    }
    show(
        figure,
        alt=f"PSNR and SSIM of filled frames, falling with the gap for every method. At the gap "
        f"{min(gaps)}° the best is {best[min(gaps)]}, at {max(gaps)}° {best[max(gaps)]}.",
    )


def paper(ours: Mapping[str, tuple[float, float]]) -> None:
    """Print PSNR and SSIM of straight lines and of the network, beside :data:`PAPER`.

    `ours` has the same keys, each with PSNR in dB and SSIM.
    """
    print(f"{'':16s} {'ours':>16s} {'in the paper':>16s}")
    gains = [
        tuple(a - b for a, b in zip(table["network"], table["straight lines"], strict=True))
        for table in (ours, PAPER)
    ]
    for name in PAPER:
        _row(name, f"{ours[name][0]:.1f} dB {ours[name][1]:5.2f}", "{:.2f} dB {:5.2f}", PAPER[name])
    _row("gain", f"{gains[0][0]:+.1f} dB {gains[0][1]:+.2f}", "{:+.2f} dB {:+.2f}", gains[1])


def _row(name: str, mine: str, form: str, theirs: tuple[float, ...]) -> None:
    print(f"{name:16s} {mine:>16s} {form.format(*theirs):>16s}")


def volumes(found: Mapping[str, np.ndarray], title: str) -> None:
    """Show the middle slice ``[z, x]`` of each volume, in the window of the first one."""
    slices = {name: volume[:, :, volume.shape[2] // 2] for name, volume in found.items()}
    top = 0.9 * float(next(iter(slices.values())).max())
    with style():
        figure = new_figure(9.4, 6.4 if len(slices) <= 6 else 5.0, title)
        axes = figure.subplots(2, -(-len(slices) // 2))
        for ax in axes.ravel()[len(slices) :]:
            ax.set_axis_off()
        for ax, (name, one) in zip(axes.ravel(), slices.items(), strict=False):
            shown = ax.imshow(
                _stepped(one, (0, top)), cmap=GREY, vmin=0, vmax=top, interpolation="nearest"
            )
            _without_numbers(ax, ROLES.get(name, (name, name))[1], "x →", "← z")
            beam_arrow(ax)
        bar = figure.colorbar(shown, ax=list(axes.ravel()), shrink=0.8)
        bar.set_label("density (arbitrary)")
    show(
        figure,
        alt=f"The same slice across the tilt axis, reconstructed from "
        f"{', '.join(ROLES.get(name, (name, name))[1] for name in slices)}: bright spots of "
        f"atoms, sharp in the first, with streaks where tilts are few.",
    )


def objects(curves: Mapping[str, Mapping[int, float]]) -> None:
    """Show the Chamfer distance to the object of all tilts against the gap."""
    with style():
        figure = new_figure(8.6, 3.9, "Filling can help a volume, and can spoil it")
        ax = figure.add_subplot()
        for name, at in curves.items():
            _curve(ax, name, list(at), list(at.values()))
        ax.set_xticks(list(next(iter(curves.values()))))
        ax.set_ylim(bottom=0)
        ax.set_xlabel("gap g (°): recorded every 2g")
        ax.set_ylabel("Chamfer distance (voxels)")
        legend_beside(ax)
    told = "; ".join(
        f"{ROLES[name][1]} {', '.join(f'{value:.2f} at {gap}°' for gap, value in at.items())}"
        for name, at in curves.items()
    )
    show(figure, alt=f"Chamfer distance against the gap, in voxels. {told}.")


def invented(truth: np.ndarray, made: np.ndarray, place: Sequence[int], title: str) -> None:
    """Show a frame, what was made of it, and the difference, with the worst place ringed."""
    off = made - truth
    far = 0.3
    with style():
        figure = new_figure(9.6, 3.9, title)
        panels = figure.subplots(1, 3)
        shown = _frame(panels[0], truth, "truth", _FAINT)
        _frame(panels[1], made, "generated", _FAINT)
        figure.colorbar(shown, ax=list(panels[:2]), shrink=0.8).set_label("intensity, cut at 0.3")
        difference = panels[2].imshow(
            _stepped(off.T[::-1], (-far, far)), cmap=DIVERGING, vmin=-far, vmax=far,
            interpolation="nearest",
        )  # fmt: skip
        _without_numbers(panels[2], "generated − truth", "x →", "y, tilt axis →")
        figure.colorbar(difference, ax=panels[2], shrink=0.8).set_label("−0.3 to 0.3")
        for ax in panels:
            ax.plot(
                place[0], truth.shape[1] - 1 - place[1], "o", markersize=26,
                markerfacecolor="none", markeredgecolor=COLOURS["tv"], markeredgewidth=2,
            )  # fmt: skip
    show(
        figure,
        alt=f"A frame as it is, as it was generated, and the difference. The largest differences "
        f"are {off.min():.2f} and {off.max():.2f} of the brightest pixel; a ring marks the place "
        f"x = {place[0]}, y = {place[1]} px.",
    )


def warnings(found: Mapping[str, Consistency]) -> None:
    """Show the ratio of the re-projection check for every generated frame."""
    looks = (("tikhonov", "o"), ("learned", "X"), ("naive", "v"), ("algebraic", "P"))
    with style():
        figure = new_figure(9.0, 3.8, "The warning is quiet for one particle and rings for another")
        ax = figure.add_subplot()
        for (name, check), (role, sign) in zip(found.items(), looks, strict=False):
            ax.plot(check.angles_deg, check.ratios, color=COLOURS[role], marker=sign,
                    linestyle=LINESTYLES[role], label=name)  # fmt: skip
        limit = next(iter(found.values())).limit
        ax.axhline(limit, color=COLOURS["truth"], linestyle=":", label=f"limit, {limit:g}")
        ax.set_xlabel("tilt (°)")
        ax.set_xticks([-90, -45, 0, 45, 90])
        ax.set_ylabel("distance ÷ that of\nrecorded frames left out")
        ax.set_ylim(bottom=0)
        legend_beside(ax)
    told = "; ".join(
        f"{name}: up to {check.ratios.max():.1f}, {int(check.doubtful.sum())} of "
        f"{check.ratios.size} above the limit"
        for name, check in found.items()
    )
    show(figure, alt=f"Ratio of the re-projection check against the tilt. {told}.")


def explorer(widget: Any) -> None:
    """Show what the explorer looks like when it opens."""
    show(
        widget.snapshot(dpi=80),
        alt="The explorer as it opens: a frame of a particle as it is, the frame that was filled "
        "in, and their difference in two colours.",
    )


def _curve(ax: Axes, name: str, x: Sequence[float], y: Sequence[float]) -> None:
    role, label = ROLES[name]
    face = "white" if name == "network_frames" else COLOURS[role]
    ax.plot(x, y, color=COLOURS[role], linestyle=LINESTYLES[role], marker=MARKERS[role],
            markerfacecolor=face, label=label)  # fmt: skip


def _stepped(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Grey values in steps, so that the file stays small and its pixels the same everywhere."""
    low, high = window
    step = (high - low) / _STEPS
    return np.asarray(low + step * np.rint((np.clip(values, low, high) - low) / step))


def _frame(ax: Axes, image: np.ndarray, title: str, top: float) -> Any:
    """Draw a frame ``[x, y]`` with the tilt axis upright."""
    shown = ax.imshow(
        _stepped(image.T[::-1], (0, top)), cmap=GREY, vmin=0, vmax=top, interpolation="nearest"
    )
    _without_numbers(ax, title, "x →", "y, tilt axis →")
    return shown


def _without_numbers(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(x)
    ax.set_ylabel(y)
