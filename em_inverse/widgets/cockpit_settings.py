"""The controls of the cockpit of week 8."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from em_inverse.errors import ParameterError
from em_inverse.widgets.controls import Choice, Control, LogSlider, Slider, Switch

__all__ = ["CONTROLS", "MORE", "OBJECTS", "STEERED", "Words"]


@dataclass(frozen=True)
class Words(Control):
    """A line of text, taken over with the Enter key.

    Examples
    --------
    >>> Words("folder", "folder").check(" incoming ")
    'incoming'
    """

    start: str = ""
    tip: str = ""

    @property
    def opening(self) -> str:
        """Text at opening and after Reset."""
        return self.start

    @property
    def ends(self) -> list[str]:
        """The opening text."""
        return [self.start]

    def check(self, value: Any) -> str:
        """Return the text without blanks around it; a path is taken as its text."""
        if not isinstance(value, (str, os.PathLike)):
            raise ParameterError(f"{self.name} is {value!r}; a text is needed.")
        return os.fspath(value).strip()

    def widget(self) -> Any:
        """Make a Text that waits for the Enter key."""
        import ipywidgets

        return ipywidgets.Text(
            value=self.start,
            description=self.label,
            tooltip=self.tip or self.label,
            continuous_update=False,
            placeholder="path, then Enter",
            style={"description_width": "11em"},
            layout={"width": "auto", "max_width": "none"},
        )


OBJECTS = {
    "bowtie_a": "twisted particle A",
    "bowtie_b": "twisted particle B",
    "cube": "porous nanocube",
    "needle": "real needle, replayed",
    "folder": "a folder (under “more”)",
    "given": "as given in the cell",
}
"""What can be recorded."""
CONTROLS: tuple[Control, ...] = (
    Choice(
        "source",
        "object",
        OBJECTS,
        "bowtie_a",
        "What is recorded",
    ),
    Choice(
        "order",
        "order of the tilts",
        {"golden": "golden ratio", "sequential": "sequential"},
        "golden",
        "In which order a simulated or replayed series arrives",
    ),
    LogSlider("pace", "pace (s per tilt)", -1.2, 0.8, 21, 9, "Time between projections"),
    LogSlider("epsilon", "ε (× noise)", -0.3, 1.3, 65, 12, "By hand; under “more” it is found"),
)
MORE: tuple[Control, ...] = (
    LogSlider("dose", "dose (e⁻ per pixel)", 1.0, 3.5, 26, 13, "Of each simulated projection"),
    Slider("drift", "drift (px per image)", 0.0, 2.0, 0.1, 0.5, "Random steps of the specimen"),
    Slider("y", "slice y (%)", 0, 99, 1, 30, "Place along the tilt axis"),
    Choice(
        "method",
        "method",
        {"tv": "total variation", "sirt": "SIRT", "wbp": "weighted back-projection"},
        "tv",
    ),
    Switch("auto", "find ε by itself", True, "1.1 times the least ‖Ax − b‖ there is"),
    Switch("faults", "with faults", True, "A shifted, two blurred and two blank projections"),
    Words("folder", "folder", "", "Watched when the object is “a folder”"),
)
STEERED = ("pace", "epsilon", "auto", "y")
"""Controls that a run takes over without beginning anew."""
