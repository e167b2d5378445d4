"""The base class of all explorers: compute, draw and control, kept apart."""

from __future__ import annotations

import html
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets

from em_inverse.errors import ParameterError, check_choice
from em_inverse.widgets import presentation, runs, working
from em_inverse.widgets.controls import Control, check_parameters
from em_inverse.widgets.panel import Panel, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Explorer", "headline_html"]

ENVIRONMENT = "EM_INVERSE_CANVAS"
BETWEEN_REPORTS_S = 0.1


class Explorer(ipywidgets.VBox):
    """Controls above, panels below, the number that matters always in sight.

    A subclass fills in the class attributes and writes two static functions::

        class Blur(Explorer):
            title = "One probe, one blur"
            about = "Shows a column profile before and after a Gaussian probe"
            controls = (Slider("sigma", "probe width σ (px)", 1, 6, 1, 3),)

            @staticmethod
            def compute(*, sigma): ...        # numbers in, numbers out: tested without a kernel

            @staticmethod
            def draw(result): ...             # numbers in, a View out

    Everything else is here: sliders that never queue work, errors shown in the widget, Reset, large
    type, the fixed sentence for screen readers and for tests, the static figure. Where `takes_long`
    says so, ``compute`` runs in a thread beside a Stop button, and shows how far it is when it
    calls :func:`em_inverse.widgets.working.tick`.

    Parameters
    ----------
    name : str, optional
        One explorer per name and kernel: making a second one closes the first, so that a cell that
        is run again leaves nothing behind. The name of the class if left out.
    backend : {"auto", "canvas", "picture"}
        ``"canvas"`` draws in the page (needs anywidget), ``"picture"`` with Pillow in the kernel;
        ``"auto"`` takes the first that works, or what the environment variable
        ``EM_INVERSE_CANVAS`` names.
    **start
        Opening values of controls other than the usual ones.

    Attributes
    ----------
    parameters : dict
        What the picture shown was computed from.
    result : object
        What ``compute`` returned for them.
    view : View
        What ``draw`` made of it.
    error : Exception or None
        What went wrong with the last change, also shown in the widget.
    """

    title: ClassVar[str] = ""
    about: ClassVar[str] = ""
    controls: ClassVar[Sequence[Control]] = ()
    more: ClassVar[Sequence[Control]] = ()
    columns: ClassVar[int] = 3
    slow: ClassVar[bool] = False
    """Whether compute takes more than about 100 ms, so that it belongs in a thread."""
    # True until there is something to close.
    _closed = True

    def __init__(self, *, name: str | None = None, backend: str = "auto", **start: Any) -> None:
        self._opening = self.check(**start)
        self._lock = threading.RLock()
        self._requested = self._opening
        self._wanted: dict[str, Any] | None = None
        self._busy = False
        self._stop_asked = False
        self._reported = 0.0
        self._setting: int | None = None
        self._closed = False
        self.error: BaseException | None = None
        self.name = name or type(self).__name__

        self.parameters = self._opening
        self.result = self.compute(**self._opening)
        self.view: View = self.draw(self.result)
        self._sentence = self.describe(self._opening, self.view)

        self._inputs = {control.name: control.widget() for control in (*self.controls, *self.more)}
        self._headline = ipywidgets.HTML()
        self._error_box = ipywidgets.HTML(layout={"display": "none"})
        self._reset = ipywidgets.Button(
            description="Reset", tooltip="Back to the opening state", icon="undo"
        )
        self._stop = ipywidgets.Button(
            description="Stop",
            tooltip="Leave the picture as it is",
            icon="stop",
            layout={"display": "none"},
        )
        self._large = ipywidgets.ToggleButton(
            description="Large type", tooltip="Double the text, for the projector"
        )
        self._canvas = _make_canvas(backend)
        super().__init__(children=self._arrange())
        self.add_class("em-explorer")

        self._set_inputs(self._opening)
        for widget in self._inputs.values():
            widget.observe(self._on_change, "value")
        self._reset.on_click(self._on_reset)
        self._stop.on_click(self._on_stop)
        self._large.observe(self._on_large, "value")
        self._canvas.on_pick(self._on_pick)
        self._show()
        runs.place(self.name, self)
        presentation.follow(self)
        self.set_text_scale(presentation.text_scale())

    # ---- what a subclass writes ----

    @staticmethod
    def compute(*args: Any, **kwargs: Any) -> Any:
        """Turn parameters into numbers; a pure function."""
        raise NotImplementedError("an explorer needs a static function compute(**parameters)")

    @staticmethod
    def draw(result: Any) -> View:
        """Turn the numbers into panels and words; a pure function."""
        raise NotImplementedError("an explorer needs a static function draw(result)")

    @classmethod
    def takes_long(cls, parameters: Mapping[str, Any]) -> bool:
        """Whether computing these parameters belongs in a thread; `slow` unless overridden."""
        return cls.slow

    @classmethod
    def disabled(cls, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Names of the controls that mean nothing in this state."""
        return ()

    def picked(self, message: dict[str, Any]) -> dict[str, Any]:
        """Turn a click on a panel into parameters to change; none unless overridden."""
        return {}

    # ---- what a reader uses ----

    @classmethod
    def check(cls, **given: Any) -> dict[str, Any]:
        """Return a full set of parameters: the ones given, checked, and the opening values.

        Raises
        ------
        ParameterError
            When a name is unknown or a value is outside what its control allows.
        """
        return check_parameters((*cls.controls, *cls.more), given)

    @classmethod
    def describe(cls, parameters: Mapping[str, Any], view: View) -> str:
        """Return the sentence that stands for the explorer where it cannot be seen."""
        return f"Explorer: {cls.title}. {cls.about}. {view.description}".strip()

    def set(self, **values: Any) -> None:
        """Move controls, as a hand would: several at once make one picture.

        Raises
        ------
        ParameterError
            As for :meth:`check`.
        """
        checked = self.check(**{**self._read(), **values})
        self._set_inputs(checked)
        self._request(checked)

    def snapshot(self, *, scale: float = 1.0, dpi: int = 100) -> Figure:
        """Return the panels shown now as a static matplotlib figure, for readers with no kernel.

        ``explorer.view.description`` is its alternative text.
        """
        from em_inverse.widgets.static import figure

        return figure(self.view.panels, columns=self.columns, scale=scale, dpi=dpi)

    def set_text_scale(self, scale: float) -> None:
        """Set the text size; 1 at a desk, 2 for projection."""
        # First the words around the canvas, which then knows how much room they leave.
        (self.add_class if scale > 1 else self.remove_class)("em-present")
        self._large.value = scale > 1
        self._canvas.scale = float(scale)

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until the picture shows the newest state of the controls; for scripts and tests."""
        run = runs.get(self._run_name)
        return run is None or run.join(timeout)

    def close(self) -> None:
        """Stop the work, and take the explorer and all its parts off the page."""
        if self._closed:
            return
        with self._lock:
            self._closed = True
            self._stop_asked = True
            self._wanted = None
        presentation.forget(self)
        runs.stop(self._run_name)
        runs.leave(self.name, self)
        for widget in _parts(self):
            if widget is not self:
                widget.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle["text/plain"] = self._sentence
        return bundle

    # ---- control ----

    @property
    def _run_name(self) -> str:
        return f"explorer {self.name}"

    def _read(self) -> dict[str, Any]:
        return {name: widget.value for name, widget in self._inputs.items()}

    def _set_inputs(self, parameters: Mapping[str, Any]) -> None:
        # Only this thread is deaf meanwhile: a slider moved in the page still counts.
        self._setting = threading.get_ident()
        try:
            for name, value in parameters.items():
                self._inputs[name].value = value
        finally:
            self._setting = None
        self._update_disabled(parameters)

    def _update_disabled(self, parameters: Mapping[str, Any]) -> None:
        idle = self.disabled(parameters)
        for name, widget in self._inputs.items():
            widget.disabled = name in idle

    def _on_change(self, change: Any) -> None:
        if self._setting == threading.get_ident():
            return
        try:
            wanted = self.check(**self._read())
        except ParameterError as error:
            self._show_error(error)
            return
        self._update_disabled(wanted)
        self._request(wanted)

    def _on_reset(self, button: Any) -> None:
        self._set_inputs(self._opening)
        self._request(self._opening)

    def _on_stop(self, button: Any) -> None:
        self._stop_asked = True

    def _on_large(self, change: Any) -> None:
        self.set_text_scale(2.0 if change["new"] else 1.0)

    def _on_pick(self, message: dict[str, Any]) -> None:
        try:
            changes = self.picked(message)
            if changes:
                self.set(**changes)
        except Exception as error:
            self._show_error(error)

    def _request(self, parameters: dict[str, Any]) -> None:
        """Have a picture made; while one is in the making, only the newest request is kept."""
        with self._lock:
            # A page that opens sends its sliders' values back: nothing new.
            if self._closed or (parameters == self._requested and self.error is None):
                return
            self._requested = parameters
            self._wanted = parameters
            self._stop_asked = False
            if self._busy:
                return
            self._busy = True
        if self.takes_long(parameters):
            self._headline.value = headline_html("computing …", "The picture follows.")
            self._stop.layout.display = ""
            runs.start(self._run_name, self._work)
        else:
            while self._work():
                pass

    def _work(self) -> bool:
        """Make one picture; say whether another one is wanted meanwhile."""
        with self._lock:
            if self._wanted is None:
                self._busy = False
                self._stop.layout.display = "none"
                return False
            parameters, self._wanted = self._wanted, None
        try:
            with working.reporting(self._report):
                result = self.compute(**parameters)
            self._end_if_unwanted()
            view = self.draw(result)
        except working.Stopped:
            self._show_stopped()
            return True
        except Exception as error:
            self._show_error(error)
            return True
        with self._lock:
            if self._wanted is None and not self._closed:
                self._take(parameters, result, view)
                self._show()
        return True

    def _take(self, parameters: dict[str, Any], result: Any, view: View) -> None:
        """Keep what was made, with the lock held."""
        self.parameters, self.result, self.view = parameters, result, view

    def _report(self, share: float) -> None:
        """Show how far the work is, and end it when the reader stopped it or moved on."""
        self._end_if_unwanted()
        now = time.monotonic()
        if now - self._reported >= BETWEEN_REPORTS_S:
            self._reported = now
            self._headline.value = headline_html(f"computing … {share:.0%}", "The picture follows.")

    def _end_if_unwanted(self) -> None:
        with self._lock:
            if self._stop_asked or self._wanted is not None:
                raise working.Stopped

    def _show_stopped(self) -> None:
        """After Stop the controls go back to the picture shown; a newer wish goes on."""
        with self._lock:
            if not self._stop_asked or self._closed:
                return
            self._stop_asked = False
            self._wanted = None
            self._requested = self.parameters
            self._set_inputs(self.parameters)
            note = "Stopped: the controls are back where this picture was made."
            self._headline.value = headline_html(self.view.headline, note)

    # ---- showing ----

    def _arrange(self) -> list[ipywidgets.Widget]:
        box = _grid([*(self._inputs[control.name] for control in self.controls), *self._beside()])
        buttons = ipywidgets.HBox([self._stop, self._reset, self._large])
        parts: list[ipywidgets.Widget] = [box]
        if self.more:
            extra = _grid([self._inputs[control.name] for control in self.more])
            parts.append(ipywidgets.Accordion([extra], titles=["more"], selected_index=None))
        bar = ipywidgets.HBox([self._headline, buttons])
        bar.add_class("em-bar")
        return [*parts, bar, self._error_box, self._canvas]

    def _beside(self) -> list[ipywidgets.Widget]:
        """What stands among the controls and is none; nothing unless overridden."""
        return []

    def _show(self) -> None:
        self.error = None
        self._error_box.layout.display = "none"
        self._headline.value = headline_html(self.view.headline, self.view.note)
        panels, words = self._in_sight(), self.view.description
        self._canvas.show(panels, description=words, columns=self.columns)

    def _in_sight(self) -> Sequence[Panel]:
        """Panels of the view that the page shows; all of them unless overridden."""
        return self.view.panels

    def _show_error(self, error: BaseException) -> None:
        self.error = error
        self._headline.value = headline_html("—", "The picture is the last one that worked.")
        self._error_box.value = error_html(error)
        self._error_box.layout.display = ""


# Also inline, because the fallback picture brings no style sheet.
ERROR_STYLE = "border: 2px solid #b00020; padding: 0.4em 0.8em; color: #7a0016"


def _make_canvas(backend: str) -> Any:
    if backend == "auto":
        backend = os.environ.get(ENVIRONMENT) or "auto"
    check_choice(backend, "backend", ("auto", "canvas", "picture"))
    if backend != "picture":
        try:
            from em_inverse.widgets.canvas import Canvas
        except ImportError:
            if backend == "canvas":
                raise
        else:
            return Canvas()
    from em_inverse.widgets.picture import Picture

    return Picture()


def error_html(error: BaseException) -> str:
    """Return an error as a box that a screen reader reads out."""
    return (
        f'<div class="em-error" role="alert" style="{ERROR_STYLE}">'
        f"<b>{html.escape(type(error).__name__)}</b>: {html.escape(str(error))}</div>"
    )


def headline_html(number: str, note: str) -> str:
    """Return the line with the number that matters, and the one below it."""
    return (
        f'<div class="em-headline">{html.escape(number)}</div>'
        f'<div class="em-note">{html.escape(note)}</div>'
    )


def _grid(widgets: list[ipywidgets.Widget]) -> ipywidgets.Widget:
    box = ipywidgets.Box(widgets)
    box.add_class("em-controls")
    return box


def _parts(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Return a widget and everything made with it, children, layouts and styles."""
    parts = [widget]
    for child in getattr(widget, "children", ()):
        parts += _parts(child)
    parts += [part for key in ("layout", "style") if (part := getattr(widget, key, None))]
    return parts
