"""Small problems of week 8: projections, file sizes, residuals, and three sessions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Session", "file_histories", "projection", "residuals_of_tilts", "sessions", "table"]


_STEPS = np.array([-3.0, 0.81, 1.04, 6.0])
_LADDER = np.array([-3.0, 0.55, 0.81, 1.04, 1.2, 1.45, 1.8, 2.5, 4.0, 6.0])
_HUGE = np.array([-3.0, 0.55, 50.0])


class Session(NamedTuple):
    """One session at the microscope, paused to ask whether to stop.

    Attributes
    ----------
    order : str
        In which order the tilts are taken, as for :func:`em_inverse.simulate.tilt_order`.
    planned : int
        Number of projections of the plan.
    angles_deg : ndarray
        Tilts recorded so far, in the order of arrival.
    range_deg : (float, float)
        Lowest and highest tilt of the plan.
    predictions : tuple of float
        ‖A_θ x − b_θ‖ of the last five projections before each was used, in units of its noise.
    distance : float
        ‖Ax − b‖ / ε of the object on the screen.
    """

    order: str
    planned: int
    angles_deg: np.ndarray
    range_deg: tuple[float, float]
    predictions: tuple[float, ...]
    distance: float


def projection(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a projection image[x, y] of a small bright part and a wide faint one, off the middle.

    The centre of mass lies a fraction of a pixel away from where any rounding would put it. The
    noise goes below zero, as it does after the background has been subtracted.

    Examples
    --------
    >>> image = projection(np.random.default_rng(0), (16, 11))
    >>> image.shape, bool(image.min() < 0)
    ((16, 11), True)
    """
    nx, ny = shape
    side = rng.choice([-1.0, 1.0])
    x = np.arange(nx)[:, None] - (nx - 1) / 2 - side * (1 + rng.uniform(0.62, 0.82))
    y = np.arange(ny) - (ny - 1) / 2 - rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 0.9)
    bright = rng.uniform(0.9, 1.1) * np.exp(-0.5 * ((x + side * 2) ** 2 + y**2) / 0.7**2)
    faint = 0.4 * np.exp(-0.5 * (((x - side * 0.8) / 1.6) ** 2 + ((y - 0.5) / 2.2) ** 2))
    noise = 0.02 * rng.standard_normal(shape)
    return np.asarray(rng.uniform(30, 90) * (bright + faint + noise))


def file_histories(rng: np.random.Generator, growing: int, needed: int) -> list[list[int]]:
    """Return what may be seen of a file, look by look, with `growing` looks while it is written.

    Examples
    --------
    >>> file_histories(np.random.default_rng(0), 3, 2)[6]
    [0, 0, 0, 0, 0]
    """
    grows = [int(v) for v in np.cumsum(rng.integers(500, 9000, max(growing, 3)))]
    full, half = grows[-1], len(grows) // 2
    return [
        grows + [full] * needed,
        grows,
        grows + [full] * (needed - 1),
        [*grows, full],
        [size for size in grows for _ in range(2)] + [full + 1],
        grows[:half] + [grows[half]] * (needed + 1) + grows[half + 1 :],
        [0] * (needed + 3),
        [full] * needed,
        [full],
        [7 * full, *grows] + [full] * needed,
        grows + [full] * (needed + 4),
        grows + [0] * (needed + 1),
        [0, 0, *grows] + [full] * needed,
        [*grows, *range(full + 1, full + needed), full],
        [*grows, *range(full, full - needed - 1, -1)],
        [full] * (needed + 1) + [v + full for v in grows],
        [full] * (needed + 1),
    ]


def residuals_of_tilts(rng: np.random.Generator, n: int, threshold: float) -> list[np.ndarray]:
    """Return residuals of `n` tilts: with outliers of several kinds, and without any.

    They stand like the rungs of a ladder, in units of threshold × 1.4826 MAD above the median, so
    that another limit finds another number of them. One is far below; the unit is drawn, too.

    Examples
    --------
    >>> [r.size for r in residuals_of_tilts(np.random.default_rng(0), 12, 5.0)]
    [12, 12, 12]
    """
    n = max(n, 9)
    drawn = []
    for above in (_LADDER if n >= 30 else _STEPS, np.array([-3.0, 0.81]), _HUGE):
        r = np.clip(rng.standard_normal(n), -2, 2)
        places = rng.permutation(n)[: above.size]
        # The median and the MAD do not depend on how far away the far ones are.
        r[places] = 10 * np.sign(above)
        median = np.median(r)
        spread = 1.4826 * np.median(np.abs(r - median))
        r[places] = median + above * threshold * spread
        level = 3.2 * threshold * spread - median
        drawn.append(np.asarray(10 ** rng.uniform(-2, 3) * (level + r)))
    return drawn


def sessions() -> tuple[Session, Session, Session]:
    """Return the three sessions to decide on, each at 60 % of its plan.

    Examples
    --------
    >>> [f"{s.order}, {s.angles_deg.size} of {s.planned}" for s in sessions()]
    ['sequential, 45 of 75', 'golden, 45 of 75', 'golden, 45 of 75']
    """
    return (
        _session("sequential", (1.03, 1.05, 1.02, 1.04, 1.05), 1.0),
        _session("golden", (1.06, 1.08, 1.05, 1.07, 1.04), 1.0),
        _session("golden", (1.55, 1.68, 1.60, 1.52, 1.63), 1.6),
    )


def table(rows: tuple[Session, ...]) -> str:
    """Return the sessions as a table in plain text.

    Examples
    --------
    >>> print(table(sessions()[:1]))
      session  tilt order  projections  last five foretold to within  ‖Ax − b‖
      1        sequential  45 of 75     1.03 1.05 1.02 1.04 1.05      1.00 ε
    """
    lines = ["  session  tilt order  projections  last five foretold to within  ‖Ax − b‖"]
    for k, s in enumerate(rows, 1):
        count = f"{s.angles_deg.size} of {s.planned}"
        foretold = " ".join(f"{p:.2f}" for p in s.predictions)
        lines.append(f"  {k:<9d}{s.order:<12s}{count:<13s}{foretold:<30s}{s.distance:.2f} ε")
    return "\n".join(lines)


def _session(order: str, predictions: tuple[float, ...], distance: float) -> Session:
    from em_inverse.simulate import tilt_order

    plan = tilt_order(order, -74.0, 74.0, 2.0)
    recorded = plan[: round(0.6 * plan.size)]
    return Session(order, plan.size, recorded, (-74.0, 74.0), predictions, distance)
