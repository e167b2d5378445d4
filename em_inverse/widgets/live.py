"""The base class of explorers of a reconstruction that goes on between two pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets

from em_inverse.dynamic.events import Snapshot
from em_inverse.dynamic.reconstruction import DynamicReconstruction
from em_inverse.errors import ParameterError, check_integer
from em_inverse.widgets import runs
from em_inverse.widgets.explorer import Explorer
from em_inverse.widgets.panel import View

__all__ = ["LiveExplorer", "LiveSession"]

# A change is shown at once, but a storm of changes no faster than this.
_BETWEEN_CHANGES_S = 1 / 30
_IDLE_S = 0.25
# The run rests so long to let the picture of a change by, and no longer than that share of the time
# since the last change: it shares its cores with the browser, but must go on while a slider is
# dragged.
_LET_BY_S, _LET_BY = 0.04, 0.25
# A picture that nobody asked for waits so many times as long as the last one was on its way, and no
# longer than that many seconds: where solver and browser share two cores, pictures cost iterations.
_APART, _LONGEST_S = 6.0, 0.4
# Without an iteration for so long, and for so many usual iterations, a run has come to rest.
_REST_S, _REST_PACES = 0.5, 5
_AWAY_S = 60.0


class LiveSession:
    """A running reconstruction, and what is written down about it from its beginning.

    Parameters
    ----------
    run : DynamicReconstruction
    """

    def __init__(self, run: DynamicReconstruction) -> None:
        self.run = run

    def look(self, snapshot: Snapshot, status: str) -> Any:
        """Turn a snapshot into what ``draw`` of the explorer takes.

        Called in the thread that draws, while the run may be some iterations ahead.

        Parameters
        ----------
        snapshot : Snapshot
        status : {"running", "resting", "paused", "away"}
            Resting: it runs, but nothing is left to do. Away: paused, because no page drew it.
        """
        raise NotImplementedError("a session needs a function look(snapshot, status)")

    def close(self) -> None:
        """End what runs."""
        self.run.stop()


class LiveExplorer(Explorer):
    """An explorer of something that moves by itself, with the buttons Run / Pause and Restart.

    ``compute`` returns the opening, standing still: an object whose `session` goes on from there.
    Controls named in `steered` only hand a number to the run, which goes on; any other one begins
    anew with ``compute``. Besides ``compute`` and ``draw`` a subclass writes :meth:`fresh`,
    :meth:`steer` and a :class:`LiveSession` of its own.

    *Threads.* The run iterates in its own thread. After an iteration it looks at the clock: when a
    picture is due and the page has drawn the last one, it takes a snapshot and goes on. A second
    thread draws and sends it. A change makes a picture due at once, after the first iteration that
    knows of it, and the run then rests for an instant. A page that draws nothing for a minute
    pauses the run.

    Attributes
    ----------
    frames_per_s : float
        Pictures a second, at most, beside those that follow a change at once; fewer where they are
        slow to draw. 0 shows none while it runs.
    """

    slow = True
    steered: ClassVar[Sequence[str]] = ()

    def __init__(self, *, name: str | None = None, backend: str = "auto", **start: Any) -> None:
        self._turn = threading.RLock()
        self._news = threading.Event()
        self._seen: tuple[LiveSession, Snapshot] | None = None
        self._shown: tuple[int, str] = (0, "paused")
        self._events_seen = 0
        self._begun = self._taken = self._changed = self._heard = self._pace = 0.0
        self._go_on = False
        self._go = ipywidgets.Button(description="Run", icon="play")
        self._anew = ipywidgets.Button(
            description="Restart", tooltip="From nothing, with these settings", icon="step-backward"
        )
        super().__init__(name=name, backend=backend, **start)
        self.frames_per_s = float(self._canvas.most_per_s)
        self._session: LiveSession = self.result.session
        self._session.run.listen(self._iterated)
        self._go.on_click(lambda button: self.pause() if self.running else self.start())
        self._anew.on_click(lambda button: self.restart())
        self._update_buttons()

    # ---- what a subclass writes ----

    @classmethod
    def fresh(cls, **parameters: Any) -> LiveSession:
        """Return a session that has not made an iteration yet."""
        raise NotImplementedError("a live explorer needs a class function fresh(**parameters)")

    def steer(self, session: LiveSession, parameters: dict[str, Any]) -> None:
        """Hand the values of the steered controls over to a run, which may be at work."""
        raise NotImplementedError("a live explorer needs a function steer(session, parameters)")

    def set_aside(self) -> None:
        """End whatever else is going on in the explorer, because the run is wanted now."""

    # ---- what a reader uses ----

    @property
    def session(self) -> LiveSession:
        """What runs, or stands still, behind the picture."""
        return self._session

    @property
    def run(self) -> DynamicReconstruction:
        """The reconstruction itself."""
        return self._session.run

    @property
    def running(self) -> bool:
        """Whether it iterates in the background."""
        return self._session.run.running

    def start(self) -> None:
        """Iterate in the background; what the button Run does.

        While something new is computed, it begins when that is there.
        """
        with self._turn:
            with self._lock:
                self._go_on = self._busy
                if self._closed or self._busy:
                    return
            self.set_aside()
            self._begin()

    def pause(self) -> None:
        """Stand still after the iteration under way, and show it; what the button Pause does."""
        with self._turn:
            with self._lock:
                self._go_on = False
            self.halt()
            self.set_aside()
            self.refresh()

    def restart(self) -> None:
        """Begin from nothing with the settings of now; what was running goes on running."""
        with self._turn:
            if self._closed or self._busy:
                return
            self.set_aside()
            was_running = self.halt()
            with self._lock:
                self._adopt(self.fresh(**self.parameters))
            if was_running:
                self._begin()
            else:
                self.refresh()

    def iterate(self, n_iter: int) -> None:
        """Make iterations here and now, while nothing runs, and show the last one.

        Raises
        ------
        ParameterError
            While it runs in the background.
        """
        count = check_integer(n_iter, "n_iter", minimum=1)
        with self._turn:
            if self.running or self._busy:
                raise ParameterError("the explorer is running; call pause() before iterate().")
            self.set_aside()
            for _ in range(count):
                self.run.step()
            self.refresh()

    def close(self) -> None:
        """Stop all threads, and take the explorer and all its parts off the page."""
        if self._closed:
            return
        super().close()
        self.set_aside()
        self._session.run.pause()
        self._news.set()
        runs.stop(self._display_name)
        self._session.close()

    # ---- what subclasses use ----

    def halt(self) -> bool:
        """Stop iterating and showing, and say whether it ran; the picture stays as it is."""
        was_running = self.running
        self._session.run.pause()
        self._news.set()
        runs.stop(self._display_name)
        self._update_buttons()
        return was_running

    def refresh(self) -> None:
        """Show how things are now, from any thread."""
        session = self._session
        self._present(session, session.run.snapshot(), "running" if self.running else "paused")

    # ---- control ----

    @property
    def _display_name(self) -> str:
        return f"display {self.name}"

    def _begin(self) -> None:
        self._news.clear()
        self._events_seen = len(self.run.events)
        self._taken, self._begun = 0.0, time.monotonic()
        self._heard = self._begun
        self.run.start()
        runs.start(self._display_name, self._display)
        self._update_buttons()

    def _request(self, parameters: dict[str, Any]) -> None:
        with self._turn:
            with self._lock:
                old = self._requested
                changed = {name for name, value in parameters.items() if old.get(name) != value}
                idle = not (self._busy or self._closed or self.error)
                follows = idle and changed <= set(self.steered)
                if follows:
                    self._requested = self.parameters = parameters
            if follows and changed:
                self.set_aside()
                self.steer(self._session, parameters)
                if not self.running:
                    self.refresh()
            elif not follows:
                self._go_on = self.halt() or (self._busy and self._go_on)
                self.set_aside()
                super()._request(parameters)

    def _on_reset(self, button: Any) -> None:
        with self._turn:
            self.halt()
            with self._lock:
                self._go_on = False
                # The run has moved on, even where every control stands as it did.
                self._requested = {}
            super()._on_reset(button)

    def _take(self, parameters: dict[str, Any], result: Any, view: View) -> None:
        super()._take(parameters, result, view)
        self._adopt(result.session)

    def _work(self) -> bool:
        with self._lock:
            if self._wanted is None:
                # The last moment before the controls are free again.
                if self._go_on and not (self.error or self._closed):
                    self._go_on = False
                    self._begin()
                return super()._work()
        return super()._work()

    def _adopt(self, session: LiveSession) -> None:
        """Go on with another session; the older one has been halted."""
        self._session.close()
        self._session = session
        session.run.listen(self._iterated)
        self._update_buttons()

    # ---- showing ----

    def _iterated(self, run: DynamicReconstruction) -> None:
        """After every iteration, in its thread: take a snapshot if a picture is due."""
        now = time.monotonic()
        self._pace, self._heard = now - self._heard, now
        if self.frames_per_s <= 0:
            return
        changed = len(run.events) != self._events_seen
        wait = _BETWEEN_CHANGES_S
        if not changed:
            wait = max(1 / self.frames_per_s, min(_APART * self._canvas.took_s, _LONGEST_S))
        if now < self._taken + wait or not (changed or self._canvas.ready):
            return
        self._taken, self._events_seen = now, len(run.events)
        self._seen = self._session, run.snapshot()
        self._news.set()
        if changed:
            rest = min(_LET_BY_S, _LET_BY * (now - self._changed))
            self._changed = now
            time.sleep(rest)

    def _display(self) -> bool:
        """Draw and send one picture, if there is news; called again and again in a thread."""
        news = self._news.wait(_IDLE_S)
        self._news.clear()
        session = self._session
        run = session.run
        try:
            if run.error is not None:
                raise run.error
            if not run.running or self._closed:
                return False
            if min(self._canvas.unanswered_s, time.monotonic() - self._begun) > _AWAY_S:
                run.pause()
                self._present(session, run.snapshot(), "away")
                self._update_buttons()
                return False
            if news and self._seen is not None and self._seen[0] is session:
                self._present(*self._seen, "running")
            elif not news and self.frames_per_s > 0:
                self._catch_up(session)
        except Exception as error:
            run.pause()
            self._show_error(error)
            self._update_buttons()
            return False
        return True

    def _catch_up(self, session: LiveSession) -> None:
        """Show the last iterations before a rest, which came too soon after a picture."""
        still = time.monotonic() - self._heard > max(_REST_S, _REST_PACES * self._pace)
        status = "resting" if still else "running"
        if self._shown != (session.run.iteration, status):
            self._present(session, session.run.snapshot(), status)

    def _present(self, session: LiveSession, snapshot: Snapshot, status: str) -> None:
        result = session.look(snapshot, status)
        view = self.draw(result)
        with self._lock:
            if session is self._session and not (self._closed or self._busy):
                self._shown = snapshot.iteration, status
                self.result, self.view = result, view
                self._show()

    def _update_buttons(self) -> None:
        """Let every button say what it would do now."""
        running = self.running
        self._go.description = "Pause" if running else "Run"
        self._go.icon = "pause" if running else "play"
        self._go.tooltip = "Stop iterating" if running else "Iterate until nothing changes"

    def _buttons(self) -> list[ipywidgets.Button]:
        """Buttons among the controls, in order; a subclass may add its own."""
        return [self._go, self._anew]

    def _beside(self) -> list[ipywidgets.Widget]:
        box = ipywidgets.HBox(self._buttons())
        box.add_class("em-buttons")
        return [box]
