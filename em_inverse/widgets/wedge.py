"""The explorer of week 5: the fan of measured lines, the wedge it leaves, and what they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from em_inverse import metrics, phantoms, tomography
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.plotting import COLOURS
from em_inverse.tilt_series import TiltSeries
from em_inverse.widgets.controls import Choice, Slider
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, View
from em_inverse.widgets.ticks import number_text

__all__ = ["State", "WedgeExplorer", "acquisition_order", "stretch", "tilt_angles"]

N = 96
WINDOW = (-0.3, 1.2)
ROUND = 1.05
OBJECTS = {
    "disc": "round particle",
    "nanocube": "nanocube with pores",
    "needle": "needle section with inclusions",
}
ORDERS = {
    "sequential": "sequential",
    "symmetric": "dose-symmetric",
    "golden": "golden ratio",
}
# The section that the lesson tilts.
INCLUSIONS = ((30, 40), (38, 62), (52, 34), (60, 58), (47, 49))
GOLDEN = (5**0.5 - 1) / 2
OLDEST = 0.4
"""Brightness of the line that was measured first; the newest has 1."""
ORDER_OF_LINES = "bright: measured late"


@dataclass(frozen=True, eq=False)
class State:
    """What :meth:`WedgeExplorer.compute` found for one position of the controls.

    Attributes
    ----------
    truth, x : ndarray, shape (96, 96)
        Object and weighted back-projection.
    angles : ndarray
        Tilts recorded so far, in degrees and in the order of recording.
    planned : int
        Tilts of the whole series.
    missing_deg : float
        Widest sector of directions without a line, half a step at either end taken off.
    stretched, along_deg : float
        Long over short axis of the result, and the direction of the long one from the beam.
    rmse : float
    """

    truth: np.ndarray
    x: np.ndarray
    angles: np.ndarray
    planned: int
    missing_deg: float
    stretched: float
    along_deg: float
    rmse: float


class WedgeExplorer(Explorer):
    """Choose the tilts, watch Fourier space fill and the slice form.

    It opens at tilts to ±60° in steps of 3°, all of them recorded: a third of the directions is
    missing and the round particle stands as a lens. Fewer tilts recorded show what the order of
    the tilts decides.

    Examples
    --------
    >>> state = WedgeExplorer.compute(**WedgeExplorer.check(max_tilt=70))
    >>> view = WedgeExplorer.draw(state)
    >>> [panel.name for panel in view.panels]
    ['coverage', 'slice', 'profiles']
    """

    title = "Tilts, the fan and the wedge"
    about = (
        "Lines of Fourier space that a tilt series measures, and the slice that weighted "
        "back-projection makes of them"
    )
    controls = (
        Slider("max_tilt", "largest tilt ± (°)", 10, 90, 1, 60, "Where the holder stops"),
        Slider("step", "tilt step (°)", 1, 15, 1, 3, "Degrees from one tilt to the next"),
        Slider("recorded", "recorded so far (%)", 5, 100, 5, 100, "Share of the tilts taken"),
        Choice("order", "order of the tilts", ORDERS, "sequential", "Which tilt comes when"),
    )
    more = (Choice("specimen", "specimen", OBJECTS, "disc", "What is tilted"),)

    @staticmethod
    def compute(
        *, max_tilt: float, step: float, recorded: float, order: str, specimen: str
    ) -> State:
        """Return the slice from the tilts recorded so far."""
        angles = tilt_angles(max_tilt, step)
        data = _projected(specimen, float(max_tilt), float(step))
        count = max(1, round(recorded / 100 * angles.size))
        taken = acquisition_order(angles, order)[:count]
        x = tomography.wbp(TiltSeries(data[taken], angles[taken])).x
        truth = _object(specimen)
        missing = tomography.missing_wedge(angles[taken]).width_deg if count > 1 else 180.0
        return State(
            truth, x, angles[taken], angles.size, missing, *stretch(x), metrics.rmse(x, truth)
        )

    @staticmethod
    def draw(result: State) -> View:
        """Return the fan, the slice and its two profiles, and the stretch."""
        headline = f"elongation {number_text(round(result.stretched, 2))}"
        share = round(100 * result.missing_deg / 180)
        count = f"{result.angles.size} of {result.planned} tilt{'s' * (result.planned != 1)}"
        along = _direction(result)
        note = f"{count} · {share} % of the directions missing · {along}"
        words = (
            f"{count} recorded, {share} % of the directions missing: {along}. "
            f"RMSE {number_text(round(result.rmse, 3))}"
        )
        return View((_coverage(result), _slice(result), _profiles(result)), headline, note, words)


def tilt_angles(max_tilt: float, step: float) -> np.ndarray:
    """Return tilts in equal steps, symmetric about 0°, up to ±`max_tilt` at most.

    At 90° the direction −90° is left out, because it is the one of +90°.

    Examples
    --------
    >>> tilt_angles(10, 4)
    array([-8., -4.,  0.,  4.,  8.])
    """
    most = int(max_tilt / step + 1e-9)
    angles = float(step) * np.arange(-most, most + 1)
    return angles[1:] if angles.size > 1 and angles[-1] - angles[0] >= 180 else angles


def acquisition_order(angles: np.ndarray, order: str) -> np.ndarray:
    """Return the indices of the tilts in the order in which they are recorded.

    Parameters
    ----------
    angles : ndarray
        Rising tilts in degrees.
    order : {"sequential", "symmetric", "golden"}
        ``"golden"``: the k-th tilt is the free one nearest to the k-th multiple of the golden
        ratio, wrapped into the range.

    Examples
    --------
    >>> [acquisition_order(np.arange(-2.0, 3), name).tolist() for name in ORDERS]
    [[0, 1, 2, 3, 4], [2, 3, 1, 4, 0], [0, 3, 1, 4, 2]]
    """
    n = angles.size
    if order == "sequential":
        return np.arange(n)
    if order == "symmetric":
        return np.argsort(np.abs(angles) - 1e-6 * np.sign(angles), kind="stable")
    free = list(range(n))
    taken = []
    for k in range(n):
        wanted = (k * GOLDEN) % 1 * n
        taken.append(free.pop(int(np.argmin(np.abs(np.array(free) + 0.5 - wanted)))))
    return np.array(taken)


def stretch(x: np.ndarray) -> tuple[float, float]:
    """Return long over short axis of an object, and the long axis' direction from the beam.

    Moments of all intensity above a quarter of the maximum, as in
    :func:`em_inverse.metrics.wedge_elongation`, but about the object's own axes: a series that is
    not symmetric about 0° stretches in a direction of its own.

    Parameters
    ----------
    x : ndarray, shape (nz, nx)

    Returns
    -------
    ratio, direction_deg : float
        Direction from −90° to 90°; at 0° the long axis is z, and it leans towards x for positive
        values. The ratio is at most 99.

    Examples
    --------
    >>> z, x = np.indices((129, 129)) - 64
    >>> ratio, direction = stretch(np.exp(-((z / 32) ** 2) - (x / 16) ** 2))
    >>> round(ratio, 1), round(abs(direction), 6)
    (2.0, 0.0)
    """
    peak = float(x.max())
    weight = np.where(x >= 0.25 * peak, np.maximum(x, 0), 0) if peak > 0 else np.ones(x.shape)
    z, across = np.indices(x.shape)
    total = float(weight.sum())
    dz, dx = (axis - float((weight * axis).sum()) / total for axis in (z, across))
    zz, xx, zx = (float((weight * a * b).sum()) for a, b in ((dz, dz), (dx, dx), (dz, dx)))
    middle, radius = (zz + xx) / 2, float(np.hypot((zz - xx) / 2, zx))
    short = max(middle - radius, 1e-4 * (middle + radius))
    ratio = float(np.sqrt((middle + radius) / short)) if middle > 0 else 1.0
    return ratio, float(np.degrees(0.5 * np.arctan2(2 * zx, zz - xx)))


@lru_cache(maxsize=len(OBJECTS))
def _object(specimen: str) -> np.ndarray:
    if specimen == "disc":
        truth = phantoms.disc(N, radius=10)
    elif specimen == "nanocube":
        truth = phantoms.nanocube_with_pores(N)
    else:
        truth = 0.3 * phantoms.disc(N, radius=32)
        for centre in INCLUSIONS:
            truth += 0.7 * phantoms.disc(N, radius=3, centre=centre)
    truth.flags.writeable = False
    return truth


@lru_cache(maxsize=48)
def _projected(specimen: str, max_tilt: float, step: float) -> np.ndarray:
    projections = ParallelBeam((N, N), tilt_angles(max_tilt, step)) @ _object(specimen)
    projections.flags.writeable = False
    return projections


def _direction(state: State) -> str:
    if state.stretched < ROUND:
        return "nothing is drawn out"
    lean = round(state.along_deg)
    if abs(lean) < 3:
        return "drawn out along the beam"
    return f"drawn out {abs(lean)}° off the beam"


@lru_cache(maxsize=1)
def _polar() -> tuple[np.ndarray, np.ndarray]:
    """Radius in pixels and direction in degrees, 0° to 180°, of the pixels of the fan."""
    kz, kx = np.indices((2 * N + 1, 2 * N + 1)) - N
    return np.hypot(kz, kx), np.mod(np.degrees(np.arctan2(kz, kx)), 180.0)


def _coverage(state: State) -> ImagePanel:
    """Paint the measured lines, the newest brightest: each pixel looks for the nearest line."""
    radius, direction = _polar()
    angles = np.mod(state.angles, 180.0)
    rising = np.argsort(angles)
    lines, n = angles[rising], angles.size
    ring = np.concatenate([[lines[-1] - 180], lines, [lines[0] + 180]])
    above = np.searchsorted(ring, direction).clip(1, ring.size - 1)
    before, after = direction - ring[above - 1], ring[above] - direction
    off = radius * np.sin(np.deg2rad(np.minimum(np.minimum(np.abs(before), np.abs(after)), 90)))
    nearest = rising[(above - np.where(np.abs(before) < np.abs(after), 2, 1)) % n]
    bright = OLDEST + (1 - OLDEST) * (nearest + 1) / n
    image = np.where(radius <= N, bright * np.clip(1.2 - off, 0, 1), 0.0)
    count = f"{n} line{'s' * (n != 1)}"
    if state.missing_deg > 0:
        title = f"{count}; {round(state.missing_deg)}° hold none."
    else:
        title = f"{count}, and no wedge."
    return ImagePanel("coverage", title, image, (0, 1), "grey", ORDER_OF_LINES, "kx →", "← kz")


def _slice(state: State) -> ImagePanel:
    words = _direction(state)
    return ImagePanel(
        "slice",
        f"{words[0].upper()}{words[1:]}.",
        state.x,
        WINDOW,
        "grey",
        "intensity",
        "x →",
        "← z, beam",
    )


def _profiles(state: State) -> LinePanel:
    at = np.arange(N) - (N - 1) / 2
    middle = slice(N // 2 - 1, N // 2 + 1)
    low, high = WINDOW[0] - 0.3, WINDOW[1] + 0.2
    along, across, truth = (
        np.clip(image.mean(axis=axis), low, high)
        for image, axis in (
            (state.x[:, middle], 1),
            (state.x[middle], 0),
            (state.truth[middle], 0),
        )
    )
    return LinePanel(
        "profiles",
        "Through the middle.",
        [
            Line(at, truth, "truth", COLOURS["truth"], width=2.5),
            Line(at, across, "across", COLOURS["measurement"], "dotted", width=2.5),
            Line(at, along, "along the beam", COLOURS["naive"], "dashed", width=2.5),
        ],
        Axis("distance (px)", limits=(float(at[0]), float(at[-1]))),
        Axis("intensity", limits=(low, high)),
    )
