"""The canvas for places without anywidget: a PNG redrawn by Pillow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets

from em_inverse.widgets.panel import Panel
from em_inverse.widgets.raster import png

__all__ = ["Picture"]


class Picture(ipywidgets.Image):
    """The same doors as :class:`~em_inverse.widgets.canvas.Canvas`, drawn in the kernel.

    Clicks are not reported: a picture does not know where it was touched. Sliders do all that
    clicks do, so nothing is lost but the short cut.

    Examples
    --------
    >>> from em_inverse.widgets.panel import Line, LinePanel
    >>> picture = Picture()
    >>> picture.show([LinePanel("a", "A line.", [Line([0, 1], [0, 1])])], description="One line.")
    >>> bytes(picture.value[:4])
    b'\\x89PNG'
    >>> picture.close()
    """

    most_per_s = 3.0
    """Frames a second, at most, for a picture that moves by itself: each is drawn in the kernel."""
    ready = True
    """A picture is never answered, and so never waited for."""
    unanswered_s = took_s = 0.0

    scale = traitlets.Float(1.0)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="png", layout={"width": "100%", "max_width": "1800px"}, **kwargs)
        self._last: tuple[Sequence[Panel], int] = ((), 3)
        self.observe(self._redraw, "scale")

    def show(self, panels: Sequence[Panel], *, description: str = "", columns: int = 3) -> None:
        """Draw panels, at most `columns` in a row."""
        self._last = (panels, columns)
        self.tooltip = description
        self._redraw()

    def on_pick(self, handler: Callable[[dict[str, Any]], None]) -> None:
        """Accept the handler, which a picture never calls."""

    def _redraw(self, change: Any = None) -> None:
        panels, columns = self._last
        width = round(1200 * min(self.scale, 1.5))
        self.value = png(panels, columns=columns, scale=self.scale, width=width)
