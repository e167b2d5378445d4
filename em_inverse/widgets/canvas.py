"""The one canvas that all explorers draw on, as a widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from em_inverse.widgets.colours import TABLES, table
from em_inverse.widgets.flight import OneInFlight
from em_inverse.widgets.frame import pack
from em_inverse.widgets.panel import Panel

__all__ = ["Canvas"]

HERE = Path(__file__).parent


class Canvas(anywidget.AnyWidget):
    """Panels drawn in the page: 8-bit images, float32 lines, colour tables kept there.

    At most one frame is on its way to the page; of those that come meanwhile the last one follows.

    Attributes
    ----------
    scale : float
        Text size; 2 for projection.

    Examples
    --------
    >>> from em_inverse.widgets.panel import Line, LinePanel
    >>> canvas = Canvas()
    >>> canvas.show([LinePanel("a", "A line.", [Line([0, 1], [0, 1])])], description="One line.")
    >>> canvas.frame["description"]
    'One line.'
    >>> canvas.close()
    """

    most_per_s = 10.0
    """Frames a second, at most, for a picture that moves by itself."""

    _esm = HERE / "canvas.js"
    _css = HERE / "canvas.css"
    frame = traitlets.Dict({"number": 0, "panels": [], "data": b""}).tag(sync=True)
    tables = traitlets.Dict().tag(sync=True)
    scale = traitlets.Float(1.0).tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        tables = {name: table(name).tobytes() for name in TABLES}
        super().__init__(tables=tables, **kwargs)
        self._flight: OneInFlight[dict[str, Any]] = OneInFlight(self._send_frame)
        self._pick_handlers: list[Callable[[dict[str, Any]], None]] = []
        self.on_msg(self._receive)

    def show(self, panels: Sequence[Panel], *, description: str = "", columns: int = 3) -> None:
        """Draw panels, at most `columns` in a row, with a description for screen readers."""
        header, data = pack(panels)
        frame = {"panels": header, "data": data, "description": description, "columns": columns}
        self._flight.push(frame)

    @property
    def ready(self) -> bool:
        """Whether panels shown now would be on their way at once."""
        return self._flight.ready

    @property
    def unanswered_s(self) -> float:
        """For how many seconds the page has drawn nothing of what was sent."""
        return self._flight.unanswered_s

    @property
    def took_s(self) -> float:
        """Seconds that a frame took of late, from here until the page had drawn it."""
        return self._flight.took_s

    def on_pick(self, handler: Callable[[dict[str, Any]], None]) -> None:
        """Call `handler` with every click (or key) on a panel.

        The message holds ``panel`` (its name), ``x`` and ``y`` in data coordinates (column and
        row for an image), ``line`` and ``index`` of the nearest point of the line that can be
        picked (-1 when there is none).
        """
        self._pick_handlers.append(handler)

    def close(self) -> None:
        """Take the canvas off the page and send nothing any more."""
        self._flight.close()
        super().close()

    def _send_frame(self, number: int, frame: dict[str, Any]) -> None:
        self.frame = {**frame, "number": number}

    def _receive(self, widget: Any, message: Any, buffers: Any) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "drawn":
            self._flight.drawn(int(message["number"]))
        elif kind == "pick":
            for handler in self._pick_handlers:
                handler({key: message[key] for key in ("panel", "x", "y", "line", "index")})
