"""The cockpit of week 8: tomography at the microscope, while the projections arrive."""

from __future__ import annotations

import html
import itertools
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets

from em_inverse.dynamic.session import Session
from em_inverse.errors import ParameterError, check_integer
from em_inverse.files import PathLike
from em_inverse.widgets import runs
from em_inverse.widgets.cockpit_panels import alarm_list, draw, hall, hall_words, maximum
from em_inverse.widgets.cockpit_run import Moment, Observation
from em_inverse.widgets.cockpit_settings import CONTROLS, MORE, OBJECTS, STEERED
from em_inverse.widgets.cockpit_source import recording
from em_inverse.widgets.controls import Control
from em_inverse.widgets.explorer import Explorer, error_html, headline_html
from em_inverse.widgets.panel import Panel, View
from em_inverse.widgets.volume import VolumeView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cockpit"]

# It opens with a third of the projections, so many iterations after each, and so many at the end.
_OPENING_SHARE, _OPENING_ITERATIONS, _OPENING_REST = 3, 2, 50
_LOOK_S = 0.25
# A look may take this share of the time, or large volumes would leave nothing to the solver.
_MOST_OF_THE_TIME = 0.2
_AT_REST = ("waiting", "paused", "finished", "failed")
_MODES = {
    "half transparent": "volume",
    "maximum": "mip",
    "surface": "iso",
    "three slices": "slices",
}
_HEIGHT, _HALL_HEIGHT = 360, 330
"""Of the volume, in px."""


class Cockpit(Explorer):
    """Follow a tomography while its projections arrive: simulated, replayed, or from a folder.

    It opens standing still, after a third of a simulated series: in golden-ratio order the volume
    already tells which way the particle is twisted. Press Start, and the others arrive. Every tilt
    is cleaned, aligned and judged; where something is wrong, an alarm says what to do, and the tilt
    can be retaken or left out.

    Parameters
    ----------
    source : path, iterable or str, optional
        A folder that a microscope program (or ``em-inverse simulate``) writes into; or a
        :class:`~em_inverse.simulate.Microscope`, a :class:`~em_inverse.simulate.Replay`, or
        anything else that :class:`~em_inverse.dynamic.LiveTomography` takes; or one of the objects
        of the menu: ``"bowtie_a"``, which is shown if it is left out, ``"bowtie_b"``, ``"cube"``,
        ``"needle"``.
    name : str, optional
        One cockpit per name and kernel, as for :class:`Explorer`.
    backend : {"auto", "canvas", "picture"}
        As for :class:`Explorer`.
    size : int, 16 to 256
        Edge of the simulated projections in pixels.
    bin : int
        Average so many pixels of a projection across and along: for large images.
    **start
        Opening values of the controls: ``order``, ``pace`` (s), ``epsilon`` (× noise),
        ``dose`` (electrons per pixel), ``drift`` (px), ``y`` (%), ``method``, ``auto``, ``faults``,
        ``folder``.

    Attributes
    ----------
    result : Moment
        What is shown: ``n_tilts``, ``ratio`` (‖Ax − b‖ ÷ ε), ``twist_deg``, ``alarms``,
        ``residuals``, ``x`` and more.
    observation : Observation
        What runs behind it; ``observation.live`` is the :class:`~em_inverse.dynamic.LiveTomography`
        and ``observation.live.run`` the reconstruction.
    volume : VolumeView
        The volume.

    Raises
    ------
    ParameterError
        When an argument is outside what is allowed.

    Examples
    --------
    >>> cockpit = Cockpit(size=32, faults=False)
    >>> cockpit.result.n_tilts, cockpit.result.status
    (25, 'paused')
    >>> cockpit.result.twist_deg > 90
    True
    >>> cockpit.close()
    """

    title = "The cockpit"
    about = (
        "Projections as they arrive, as measured, prepared and aligned; the volume and a slice of "
        "it; the residual of every tilt, alarms in words, and advice when to stop."
    )
    controls: ClassVar[Sequence[Control]] = CONTROLS
    more: ClassVar[Sequence[Control]] = MORE
    slow = True
    result: Moment

    def __init__(
        self,
        source: Any = None,
        *,
        name: str | None = None,
        backend: str = "auto",
        size: int = 64,
        bin: int = 1,
        **start: Any,
    ) -> None:
        self._size = check_integer(size, "size", minimum=16, maximum=256)
        self._bin = check_integer(bin, "bin", minimum=1)
        self._given: Any = None
        if isinstance(source, str) and source in OBJECTS:
            start = {"source": source, **start}
        elif isinstance(source, (str, os.PathLike)):
            start = {"source": "folder", "folder": os.fspath(source), **start}
        elif source is not None:
            self._given, start = source, {"source": "given", **start}
        self._turn = threading.RLock()
        self._wake = threading.Event()
        self._flagged: list[float] = []
        self._looks, self._newest = itertools.count(1), 0
        self._hall = self._urgent = False
        self._notice = ""
        self._make_parts(name or type(self).__name__)
        try:
            super().__init__(name=name, backend=backend, **start)
        except BaseException:
            self._closed = True
            self.volume.close()
            raise
        self.observation: Observation = self.result.observation
        self.add_class("em-cockpit")
        self._wire()
        self._follow_epsilon()
        self._update_buttons()

    # ---- numbers and pictures ----

    def compute(self, **parameters: Any) -> Moment:  # type: ignore[override]
        """Return the opening for these controls: a third of a series that can be repeated."""
        observation = self._fresh(parameters)
        if not observation.recording.live and observation.recording.n_expected:
            count = observation.recording.n_expected // _OPENING_SHARE
            observation.live.advance(count, _OPENING_ITERATIONS)
            observation.iterate(_OPENING_REST)
        return observation.look(parameters["y"])

    @staticmethod
    def draw(result: Moment) -> View:
        """Return the panels, the headline and the words for a moment."""
        return draw(result)

    @classmethod
    def describe(cls, parameters: Mapping[str, Any], view: View) -> str:
        """Return the sentence that stands for the cockpit where it cannot be seen."""
        opening = f"It opens after the first third of {view.headline.split(' · ')[0][-14:]}"
        if parameters["source"] in ("folder", "given"):
            opening = "It waits for the first projection"
        return f"Explorer: {cls.title}. {cls.about} {opening}."

    @property
    def description(self) -> str:
        """What is seen now, in words: alternative text of :meth:`snapshot`."""
        return self.view.description

    @classmethod
    def disabled(cls, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Names of the controls that mean nothing in this state."""
        kind = parameters["source"]
        idle = [] if kind == "folder" else ["folder"]
        if kind == "folder":
            idle += ["order", "pace", "dose", "drift", "faults"]
        elif kind in ("given", "needle"):
            idle += ["dose", "drift", "faults"] + (["order"] if kind == "given" else [])
        return idle

    def snapshot(self, *, scale: float = 1.0, dpi: int = 100) -> Figure:
        """Return a static figure of now, for readers with no kernel.

        It shows the newest projection, the stack, the residual of every tilt, a slice, the volume
        from the side (its maximum along x) and the distance to the data. ``cockpit.description`` is
        its alternative text.

        Parameters
        ----------
        scale : float
            Text size; 2 for projection.
        dpi : int
            Dots per inch.
        """
        from em_inverse.widgets.static import figure

        panels = {panel.name: panel for panel in (*self.view.panels, maximum(self.result))}
        shown = ("prepared", "stack", "residuals", "slice", "maximum", "distance")
        return figure([panels[name] for name in shown], columns=3, scale=scale, dpi=dpi)

    # ---- what a reader uses ----

    @property
    def running(self) -> bool:
        """Whether projections arrive, or the reconstruction iterates to its end."""
        return self.observation.status in ("running", "finishing")

    def start(self) -> None:
        """Let projections arrive, and iterate; what the button Start does."""
        with self._turn:
            if self._closed or self._busy:
                return
            self.observation.paced.set_pace(self.parameters["pace"])
            self.observation.start()
            self._watch()

    def pause(self) -> None:
        """Stand still, and show how far it is; what the button Pause does."""
        with self._turn:
            self.observation.pause()
            self.refresh()

    def stop(self) -> None:
        """Record no more, and iterate to the end with what is there; the button Stop."""
        with self._turn:
            if self.observation.status != "finished":
                self.observation.shut()
                self._watch()

    def restart(self) -> None:
        """Begin from nothing with the settings of now; the button Restart."""
        with self._turn:
            if self._closed or self._busy:
                return
            self._adopt(self._fresh(self.parameters))
            self.start()

    def leave_out(self, angle_deg: float) -> None:
        """Take the projection of an angle out of the reconstruction.

        Raises
        ------
        GeometryError, DataError
            When there is none.
        """
        with self._turn:
            self.observation.leave_out(angle_deg)
            self._watch() if self.running else self.refresh()

    def retake(self, angle_deg: float) -> None:
        """Have a projection made anew, as its source can.

        Raises
        ------
        ParameterError
            When it cannot: a replay, or a folder that others write.
        """
        with self._turn:
            self.observation.retake(angle_deg)
            if self.running:
                self._watch()

    def refresh(self) -> None:
        """Show how things are now, from any thread."""
        self._present(self.observation, hurried=False)

    def save_session(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write settings, steps and views as a small JSON file, without any image.

        Parameters
        ----------
        path : path
        overwrite : bool

        Raises
        ------
        DataError
            When no projection has come yet.
        ParameterError
            When `path` exists and `overwrite` is False, or the source was given in the cell: then
            nothing tells later what it was.
        """
        if self.parameters["source"] == "given":
            raise ParameterError(
                "source was given in the cell, and a session cannot say what it was. Keep the "
                "reconstruction instead: cockpit.observation.live.run.save(path)."
            )
        views = {
            "parameters": self.parameters,
            "size": self._size,
            "volume": self.volume.get_view(),
        }
        self.observation.session(views).save(path, overwrite=overwrite)

    @classmethod
    def load_session(cls, path: PathLike, *, name: str | None = None) -> Cockpit:
        """Return a cockpit that stands where a session was saved, and can go on from there.

        Every step is done again after as many iterations as then, so it takes as long as those
        iterations do.

        Parameters
        ----------
        path : path
            Written by :meth:`save_session`.
        name : str, optional
            As for the class.

        Raises
        ------
        FileFormatError
            When the file is missing, or no session.
        ParameterError
            When it is the session of something else.
        DataError
            When the projections are not there any more, or are others.
        """
        session = Session.load(path)
        views = session.views
        if not {"parameters", "size", "volume", "moved"} <= set(views):
            raise ParameterError(
                f"path is {os.fspath(path)!r}, which is no session of a cockpit. Session.load(path)"
                f".replay(projections) repeats any session."
            )
        cockpit = cls(
            size=views["size"], bin=session.source["bin"], name=name, **views["parameters"]
        )
        try:
            cockpit._take_up(session)
        except BaseException:
            cockpit.close()
            raise
        return cockpit

    def set_text_scale(self, scale: float) -> None:
        """Set the text size; 1 at a desk, 2 for projection."""
        before, self._hall = self._hall, scale > 1
        self.volume.set_text_scale(scale)
        self.volume.height = _HALL_HEIGHT if self._hall else _HEIGHT
        super().set_text_scale(scale)
        if self._hall != before:
            self._show()

    def close(self) -> None:
        """Stop all threads, and take the cockpit and all its parts off the page."""
        if self._closed:
            return
        super().close()
        self._wake.set()
        runs.stop(self._display_name)
        self.observation.close()
        self.volume.close()

    # ---- control ----

    @property
    def _display_name(self) -> str:
        return f"display {self.name}"

    def _fresh(self, parameters: Mapping[str, Any]) -> Observation:
        found = recording(parameters, self._size, self._given)
        return Observation(found, parameters, bin=self._bin)

    def _take_up(self, session: Session) -> None:
        received = session.source["received"]
        found = recording(self.parameters, self._size, already=session.source["seen"] or None)
        again = Observation(
            found,
            self.parameters,
            bin=self._bin,
            first=len({round(entry[0], 6) for entry in received}),
        )
        again.take_up(session)
        self._adopt(again)
        self.volume.set_view(session.views["volume"])
        self.refresh()
        self._follow_epsilon()

    def _adopt(self, observation: Observation) -> None:
        """Go on with another observation; the older one ends."""
        older, self.observation = self.observation, observation
        runs.stop(self._display_name)
        older.close()

    def _watch(self) -> None:
        """Show what happens, from now on, in a thread of its own."""
        if runs.get(self._display_name) is None:
            runs.start(self._display_name, self._display)
        self._wake.set()
        self._update_buttons()

    def _request(self, parameters: dict[str, Any]) -> None:
        with self._turn:
            with self._lock:
                before = self._requested
                changed = {name for name in parameters if before.get(name) != parameters[name]}
                follows = changed <= set(STEERED) and not (self._busy or self._closed or self.error)
                if follows:
                    if changed == {"epsilon"} and parameters["auto"]:
                        # Who moves ε wants it there.
                        parameters = {**parameters, "auto": False}
                        self._set_inputs(parameters)
                    self._requested = self.parameters = parameters
            if not follows:
                self.observation.pause()
                super()._request(parameters)
            elif changed:
                self._steer(parameters, changed)

    def _steer(self, parameters: dict[str, Any], changed: set[str]) -> None:
        if "pace" in changed:
            self.observation.paced.set_pace(parameters["pace"])
        if changed & {"epsilon", "auto"}:
            self.observation.set_epsilon(parameters["epsilon"], parameters["auto"])
        if self.running:
            self._wake.set()
        else:
            self._present(self.observation, hurried=True)

    def _on_reset(self, button: Any) -> None:
        with self._turn:
            self.observation.pause()
            with self._lock:
                # Time has passed, even where every control stands as it did.
                self._requested = {}
        super()._on_reset(button)

    def _take(self, parameters: dict[str, Any], result: Any, view: View) -> None:
        super()._take(parameters, result, view)
        self._adopt(result.observation)
        self._follow_epsilon()

    def _follow_epsilon(self) -> None:
        """Let the slider show the ε that was found."""
        found = self.result.epsilon
        if not self.parameters["auto"] or not math.isfinite(found):
            return
        slider = next(control for control in self.controls if control.name == "epsilon")
        low, high = slider.ends
        parameters = {**self.parameters, "epsilon": slider.check(min(max(found, low), high))}
        if parameters != self.parameters:
            with self._lock:
                self._requested = self.parameters = parameters
                self._set_inputs(parameters)

    # ---- buttons ----

    def _make_parts(self, name: str) -> None:
        """Make what an explorer does not have: volume, alarms, buttons."""
        self.volume = VolumeView(
            name=f"{name} volume", title="", level=64, controls=False, height=_HEIGHT
        )
        self._go = ipywidgets.Button(description="Start", icon="play")
        self._end = ipywidgets.Button(
            description="Stop",
            icon="stop",
            tooltip="Record no more, and iterate to the end with what is there",
        )
        self._anew = ipywidgets.Button(
            description="Restart", icon="step-backward", tooltip="From the first projection"
        )
        self._keep = ipywidgets.Button(
            description="Save session", icon="save", tooltip="As a small JSON beside the notebook"
        )
        self._tilt = ipywidgets.Dropdown(options=[], description="alarm at")
        self._out = ipywidgets.Button(
            description="Leave out", tooltip="Reconstruct without this projection"
        )
        self._re = ipywidgets.Button(
            description="Retake", tooltip="Record this projection once more, now"
        )
        self._mode = ipywidgets.Dropdown(options=_MODES, description="volume as")
        self._curve = ipywidgets.ToggleButton(
            description="Opacity, cuts", tooltip="Transfer function over the histogram, clip planes"
        )
        self._alarms = ipywidgets.HTML()

    def _wire(self) -> None:
        self._go.on_click(lambda button: self._safely(self._go_or_pause))
        self._end.on_click(lambda button: self._safely(self.stop))
        self._anew.on_click(lambda button: self._safely(self.restart))
        self._keep.on_click(lambda button: self._safely(self._save))
        self._out.on_click(lambda button: self._safely(lambda: self.leave_out(self._tilt.value)))
        self._re.on_click(lambda button: self._safely(lambda: self.retake(self._tilt.value)))
        self._mode.observe(self._on_mode, "value")
        self._curve.observe(self._on_curve, "value")
        self.volume.observe(self._on_view, "view")

    def _safely(self, action: Any) -> None:
        """Do what a button says; what it has to tell stays until another button is pressed.

        Not as the error of a picture: the pictures go on, and the next one would take it away.
        """
        with self._lock:
            self._notice = ""
        try:
            action()
        except Exception as error:
            self._say(error_html(error))

    def _go_or_pause(self) -> None:
        if self.running:
            self.pause()
        else:
            self.start()

    def _save(self) -> None:
        name = "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())
        path = Path(f"{name}-session.json")
        self.save_session(path, overwrite=True)
        words = f"The session was saved as {path}; Cockpit.load_session({str(path)!r}) opens it."
        self._say(f"<b>{html.escape(words)}</b>")

    def _say(self, notice: str) -> None:
        with self._lock:
            self._notice = notice
            self._show_alarms()

    def _on_mode(self, change: Any) -> None:
        self.volume.set_view({"mode": change["new"]})

    def _on_curve(self, change: Any) -> None:
        self.volume.controls = change["new"]

    def _on_view(self, change: Any) -> None:
        self._mode.value = change["new"]["mode"]

    def _update_buttons(self) -> None:
        status = self.observation.status
        running = status in ("running", "finishing")
        self._go.description = "Pause" if running else "Start"
        self._go.icon = "pause" if running else "play"
        self._go.tooltip = "Stand still" if running else "Let projections arrive"
        self._go.disabled = status in ("finished", "failed")
        self._end.disabled = status in ("finishing", "finished", "failed")
        open_alarms = self.result.open_alarms
        angles = list(dict.fromkeys(alarm.angle_deg for alarm in open_alarms))
        if angles != self._flagged:
            self._flagged = angles
            chosen = self._tilt.value
            self._tilt.options = [(f"{angle:+.4g}°".replace("-", "−"), angle) for angle in angles]
            self._tilt.value = chosen if chosen in angles else next(iter(angles), None)
        self._tilt.disabled = self._out.disabled = not angles
        self._re.disabled = not angles or self.observation.recording.again is None

    # ---- showing ----

    def _arrange(self) -> list[ipywidgets.Widget]:
        *parts, canvas = super()._arrange()
        row = ipywidgets.HBox([self._mode, self._curve])
        act = ipywidgets.HBox([self._tilt, self._re, self._out])
        for box in (row, act):
            box.add_class("em-cockpit-row")
        row.add_class("em-cockpit-mode")
        self._alarms.add_class("em-cockpit-alarms")
        side = ipywidgets.VBox([self.volume, row, act, self._alarms])
        side.add_class("em-cockpit-side")
        stage = ipywidgets.HBox([canvas, side])
        stage.add_class("em-cockpit-stage")
        return [*parts, stage]

    def _beside(self) -> list[ipywidgets.Widget]:
        box = ipywidgets.HBox([self._go, self._end, self._anew, self._keep])
        box.add_class("em-buttons")
        return [box]

    def _in_sight(self) -> Sequence[Panel]:
        return hall(self.view.panels) if self._hall else self.view.panels

    def _show(self) -> None:
        super()._show()
        if self._hall:
            self._headline.value = headline_html(*hall_words(self.result))
        self._show_alarms()
        if hasattr(self, "observation"):
            self._update_buttons()
        if self.result.n_tilts:
            self.volume.pixel_size_nm = self.result.pixel_size_nm
            self.volume.show(self.result.x)

    def _show_alarms(self) -> None:
        self._alarms.value = self._notice + alarm_list(self.result, short=self._hall)

    def _display(self) -> bool:
        """Show one moment; called again and again in a thread, until nothing moves."""
        observation, began = self.observation, time.monotonic()
        try:
            rests = observation.status in _AT_REST
            if self._canvas.ready or rests or self._urgent:
                self._present(observation, hurried=not rests)
            if observation.error is not None:
                raise observation.error
        except Exception as error:
            if observation is self.observation and not self._closed:
                self._show_error(error)
                self._update_buttons()
            return False
        if rests or self._closed:
            return False
        took = time.monotonic() - began
        pause = max(_LOOK_S - took, took * (1 / _MOST_OF_THE_TIME - 1))
        # A slider that was moved is not to wait for its turn.
        self._urgent = self._wake.wait(pause)
        self._wake.clear()
        return not self._closed

    def _present(self, observation: Observation, *, hurried: bool) -> None:
        look = next(self._looks)
        result = observation.look(self.parameters["y"], hurried=hurried)
        view = self.draw(result)
        with self._lock:
            # Of two threads that look, the one that began earlier may be done later.
            newest = observation is self.observation and look > self._newest
            if newest and not (self._closed or self._busy):
                self._newest = look
                self.result, self.view = result, view
                self._show()
                self._follow_epsilon()
