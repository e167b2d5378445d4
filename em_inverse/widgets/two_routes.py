"""Two routes of ε to one value: tightened from above, loosened from below."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.errors import check_number
from em_inverse.plotting import COLOURS
from em_inverse.widgets.colours import INK
from em_inverse.widgets.epsilon_view import SHOWN, bands, beside, two_decimals
from em_inverse.widgets.panel import Axis, ImagePanel, Line, LinePanel, Rule, View

__all__ = ["Player", "Route", "Routes", "draw_routes"]

HIGHEST, LOWEST = 3.0, 0.6
"""Where the two routes begin, in units of the noise norm."""
STOPS, STAY, LAST = 4, 30, 200
"""Values of ε on the way, iterations at each, and iterations at the last."""
SAME = 0.01
"""‖x_a − x_b‖ ÷ ‖x‖ up to which two slices count as one."""
_WINDOW = 0.1
_POINTS = 280


@dataclass(frozen=True, eq=False)
class Route:
    """One route as far as it has come.

    Attributes
    ----------
    start : float
        Its first ε.
    x : ndarray
        The slice.
    epsilon, distance : ndarray
        ε and ‖Ax − b‖ after each iteration, in units of the noise norm.
    """

    start: float
    x: np.ndarray
    epsilon: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True, eq=False)
class Routes:
    """Both routes as far as they have come.

    Attributes
    ----------
    tightened, loosened : Route
    epsilon : float
        Where both go, in units of the noise norm.
    floor : float
        The least ‖Ax − b‖ ÷ noise norm that any slice reaches.
    done : bool
        Whether both have arrived.
    """

    tightened: Route
    loosened: Route
    epsilon: float
    floor: float
    done: bool

    @property
    def iteration(self) -> int:
        """Iterations made on each route."""
        return int(self.tightened.distance.size)

    @property
    def apart(self) -> float:
        """‖x_a − x_b‖ ÷ ‖x_a‖."""
        a, b = self.tightened.x, self.loosened.x
        return float(np.linalg.norm(a - b) / max(float(np.linalg.norm(a)), 1e-30))


class Player:
    """Makes both routes side by side, one iteration of each at a time.

    Parameters
    ----------
    run : DynamicReconstruction
        Whose data, method and constraints are taken over; both routes begin from nothing.
    epsilon : float
        Where both go, in units of the noise norm.
    floor : float
        As in :class:`Routes`.

    Examples
    --------
    >>> from em_inverse.widgets.epsilon_run import EpsilonSession
    >>> session = EpsilonSession(1.0, "golden", "tv", True)
    >>> session.add(5)
    >>> player = Player(session.run, 1.0, floor=0.4)
    >>> while player.step():
    ...     pass
    >>> player.look().apart < 0.01
    True
    """

    def __init__(self, run: DynamicReconstruction, epsilon: float, floor: float) -> None:
        self._epsilon = check_number(epsilon, "epsilon", minimum=0, exclusive=True)
        self._floor = floor
        self._noise_norm = run.noise_norm
        self._starts = HIGHEST, LOWEST
        series, shape = run.series, run.shape
        self._runs = [
            DynamicReconstruction(
                shape,
                start,
                units="noise",
                noise=run.noise_norm / float(np.sqrt(series.projections.size)),
                method=run.method,
                schedule=run.schedule,
                nonnegative=run.nonnegative,
                n_expected=run.n_expected,
            )
            for start in self._starts
        ]
        for one in self._runs:
            one.add(series.angles_deg, series.projections)
        self._shown = 0.0

    def step(self) -> bool:
        """Make an iteration on either route; say whether there is one more to make."""
        done = self._runs[0].iteration
        if done % STAY == 0 and done <= STOPS * STAY:
            for start, run in zip(self._starts, self._runs, strict=True):
                run.epsilon = start * (self._epsilon / start) ** (done // STAY / STOPS)
        for run in self._runs:
            run.step()
        return done + 1 < STOPS * STAY + LAST

    def due(self, seconds: float) -> bool:
        """Say whether the last picture is older than that; if so, the next one counts from now."""
        now = time.monotonic()
        if now < self._shown + seconds:
            return False
        self._shown = now
        return True

    def look(self) -> Routes:
        """Return both routes as far as they have come."""
        routes = [
            Route(
                start,
                run.x.copy(),
                np.array(run.history["radius"]) / self._noise_norm,
                np.array(run.history["data_distance"]) / self._noise_norm,
            )
            for start, run in zip(self._starts, self._runs, strict=True)
        ]
        done = self._runs[0].iteration >= STOPS * STAY + LAST
        return Routes(routes[0], routes[1], self._epsilon, self._floor, done)


def draw_routes(routes: Routes) -> View:
    """Return both slices, both distances, their difference, and the number that compares them."""
    told = _verdict(routes)
    apart = f"{100 * routes.apart:.2g} %"
    headline = f"‖x_a − x_b‖ = {apart} of ‖x‖"
    a, b = routes.tightened, routes.loosened
    note = (
        f"a: ε tightened from {a.start:g} · b: ε loosened from {b.start:g} · both to "
        f"{two_decimals(routes.epsilon)} × noise · iteration {routes.iteration}"
    )
    slices = ImagePanel(
        "slices",
        f"{told}.",
        beside(a.x, b.x),
        SHOWN,
        unit="density",
        x_label="a | b",
        y_label="← z, beam",
        pixel_size_nm=1.0,
    )
    difference = ImagePanel(
        "difference",
        f"Between a and b lie {apart}.",
        a.x - b.x,
        (-_WINDOW, _WINDOW),
        "difference",
        unit="a − b, density",
        x_label="x →",
        y_label="← z, beam",
        pixel_size_nm=1.0,
    )
    words = f"Two routes of ε to {two_decimals(routes.epsilon)} × noise. {told}. {headline}."
    return View((slices, _distances(routes), difference), headline, note, words)


def _verdict(routes: Routes) -> str:
    if not routes.done:
        return "Two routes, on their way to the same ε"
    if routes.apart <= SAME:
        return "Two routes, one slice: only the last ε counts"
    if routes.epsilon < routes.floor:
        return "This ε is out of reach: the routes do not settle"
    return "The routes end apart: this method remembers its way"


def _distances(routes: Routes) -> LinePanel:
    lines = []
    ways = (("a: tightened", "solid", routes.tightened), ("b: loosened", "dashed", routes.loosened))
    for name, style, route in ways:
        thin = slice(None, None, -(-max(routes.iteration, 1) // _POINTS))
        at = np.arange(1, routes.iteration + 1)[thin]
        lines += [
            Line(at, route.epsilon[thin], "", INK, style, width=1.0),
            Line(at, route.distance[thin], name, COLOURS["tv"], style, width=2.5),
        ]
    end = STOPS * STAY + LAST
    return LinePanel(
        "distance",
        "‖Ax − b‖ follows ε, from either side.",
        lines,
        Axis("iteration", limits=(0, 1.25 * end)),
        Axis("÷ noise norm", "log", (0.4, 5.0)),
        [Rule(routes.epsilon, "y", "last ε", INK, "dotted")],
        bands(),
    )
