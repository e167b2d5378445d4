"""The explorer of week 7: ε moved by hand while the reconstruction runs."""

from __future__ import annotations

from typing import Any

import ipywidgets

from em_inverse.dynamic.events import Snapshot
from em_inverse.widgets import runs
from em_inverse.widgets.controls import Choice, Slider, Switch
from em_inverse.widgets.epsilon_run import METHODS, TILTS, EpsilonSession, State
from em_inverse.widgets.epsilon_view import draw as draw_state
from em_inverse.widgets.live import LiveExplorer, LiveSession
from em_inverse.widgets.panel import View
from em_inverse.widgets.two_routes import Player, Routes, draw_routes

__all__ = ["LiveEpsilonExplorer"]


class LiveEpsilonExplorer(LiveExplorer):
    """Move ε while the reconstruction runs, and see noise come in or detail go.

    It opens standing still, at ε = noise with all 75 tilts: the right ε. Press Run and move the
    slider. Below the green band the slice takes noise for object, above it the small particles
    dissolve, and below the floor ε cannot be reached at all. *Two routes* tightens ε from above
    and loosens it from below, and compares where the two end.

    Parameters
    ----------
    name, backend, **start
        As for :class:`Explorer`.

    Attributes
    ----------
    result : State or Routes
        What is shown: ``epsilon``, ``distance`` and ``floor`` in units of the noise norm,
        ``ratio`` (‖Ax − b‖ ÷ ε), ``rmse``, ``tv``, ``iteration``, ``n_tilts``.
    run : DynamicReconstruction

    Examples
    --------
    >>> state = LiveEpsilonExplorer.compute(**LiveEpsilonExplorer.check(tilts=10, order="golden"))
    >>> view = LiveEpsilonExplorer.draw(state)
    >>> [panel.name for panel in view.panels]
    ['slices', 'distance', 'errors']
    """

    title = "Live ε"
    about = (
        "A slice of a nanocube with pores and small particles, reconstructed by total variation "
        "within ‖Ax − b‖ ≤ ε while ε is moved, beside the truth, its distance to the data and its "
        "error"
    )
    controls = (
        Slider(
            "epsilon", "ε (× noise norm)", 0.5, 3.0, 0.02, 1.0, "How far Ax may stay from the data"
        ),
    )
    more = (
        Choice(
            "order",
            "order of the tilts",
            {"sequential": "sequential", "golden": "golden ratio"},
            "sequential",
            "In which order the projections arrive",
        ),
        Slider("tilts", "tilts at the start", 5, TILTS, 5, TILTS, "Projections that are there"),
        Choice("method", "method", METHODS, "tv", "How TV(x) is made small within ε"),
        Switch("nonnegative", "only x ≥ 0", start=True, tip="Let no density be negative"),
    )
    steered = ("epsilon", "nonnegative")

    def __init__(self, *, name: str | None = None, backend: str = "auto", **start: Any) -> None:
        self._add = ipywidgets.Button(description="Add projection", icon="plus")
        self._routes = ipywidgets.Button(
            description="Two routes",
            tooltip="Tighten ε from above and loosen it from below, and compare the ends",
            icon="code-fork",
        )
        self._player: Player | None = None
        super().__init__(name=name, backend=backend, **start)
        self._add.on_click(lambda button: self.add_projection())
        self._routes.on_click(lambda button: self.two_routes())

    @staticmethod
    def compute(*, epsilon: float, order: str, tilts: int, method: str, nonnegative: bool) -> State:
        """Let the tilts arrive in groups, iterate, and return the state reached, standing still."""
        session = EpsilonSession(epsilon, order, method, nonnegative)
        session.open(tilts)
        return session.look(session.run.snapshot(), "paused")

    @staticmethod
    def draw(result: State | Routes) -> View:
        """Return slice, distance and errors of the run, or the ends of the two routes."""
        return draw_state(result) if isinstance(result, State) else draw_routes(result)

    @classmethod
    def fresh(cls, **parameters: Any) -> EpsilonSession:
        """Return a session with the tilts of the start, and no iteration."""
        tilts = parameters.pop("tilts")
        session = EpsilonSession(**parameters)
        session.add(tilts)
        session.find_floor()
        return session

    def steer(self, session: LiveSession, parameters: dict[str, Any]) -> None:
        """Hand over ε, and x ≥ 0 where it has changed."""
        run = session.run
        if run.epsilon != parameters["epsilon"]:
            run.epsilon = parameters["epsilon"]
        if run.nonnegative != parameters["nonnegative"]:
            run.nonnegative = parameters["nonnegative"]

    @property
    def session(self) -> EpsilonSession:
        """What runs, or stands still, behind the picture."""
        assert isinstance(self._session, EpsilonSession)
        return self._session

    def add_projection(self) -> None:
        """Let the next tilt arrive; what the button does."""
        with self._turn:
            if self._closed or self._busy or not self.session.left:
                return
            self.set_aside()
            self.session.add()
            self._update_buttons()
            if not self.running:
                self.refresh()

    def two_routes(self) -> None:
        """Play two routes to the ε of the slider, or go back to the run; what the button does."""
        with self._turn:
            if self._closed or self._busy:
                return
            if self._player is not None:
                self.set_aside()
                self.refresh()
                return
            self.halt()
            session = self.session
            self._player = Player(session.run, self.parameters["epsilon"], session.floor)
            self._update_buttons()
            runs.start(self._routes_name, self._play)

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until the picture shows the newest controls, the floor, the end of two routes."""
        if not super().wait(timeout):
            return False
        rest = [runs.get(name) for name in (self._routes_name, self._floor_name)]
        return all(run is None or run.join(timeout) for run in rest)

    def set_aside(self) -> None:
        """End the two routes."""
        self._player = None
        runs.stop(self._routes_name)
        self._update_buttons()

    def close(self) -> None:
        """Stop all threads, and take the explorer and all its parts off the page."""
        super().close()
        runs.stop(self._floor_name)

    @property
    def _routes_name(self) -> str:
        return f"routes {self.name}"

    @property
    def _floor_name(self) -> str:
        return f"floor {self.name}"

    def _play(self) -> bool:
        """Make one iteration on both routes, and show them now and then; called in a thread."""
        player = self._player
        if player is None:
            return False
        try:
            again = player.step()
            if not again or player.due(1 / self._canvas.most_per_s):
                result = player.look()
                view = self.draw(result)
                with self._lock:
                    if player is self._player and not self._closed:
                        self.result, self.view = result, view
                        self._show()
        except Exception as error:
            self._show_error(error)
            return False
        return again

    def _present(self, session: LiveSession, snapshot: Snapshot, status: str) -> None:
        if self._player is not None:
            return
        if self.session.floor_is_old and runs.get(self._floor_name) is None:
            runs.start(self._floor_name, self._find_floor)
        super()._present(session, snapshot, status)

    def _find_floor(self) -> bool:
        """Look for the floor beside what goes on, and show it; called in a thread."""
        session = self.session
        session.find_floor()
        if session.floor_is_old:
            return True
        if not self.running:
            self._present(session, session.run.snapshot(), "paused")
        # A run at rest is to be drawn once more.
        self._shown = -1, ""
        return False

    def _update_buttons(self) -> None:
        super()._update_buttons()
        left, playing = self.session.left, self._player is not None
        self._add.disabled = left == 0
        self._add.tooltip = (
            f"The next of {left} that are still to come"
            if left
            else "All are in: begin with fewer tilts, under “more”"
        )
        self._routes.description = "Back to the run" if playing else "Two routes"

    def _buttons(self) -> list[ipywidgets.Button]:
        return [*super()._buttons(), self._add, self._routes]
