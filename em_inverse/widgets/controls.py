"""The controls of an explorer, declared as plain data and turned into widgets in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from em_inverse.errors import ParameterError, check_choice, check_number

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["Choice", "Control", "LogSlider", "Slider", "Switch", "check_parameters"]


@dataclass(frozen=True)
class Control:
    """What every control has.

    Parameters
    ----------
    name : str
        Argument of ``compute`` that it sets.
    label : str
        Words beside it, with the unit: ``"probe width σ (px)"``.
    """

    name: str
    label: str

    @property
    def opening(self) -> Any:
        """Value at opening and after Reset."""
        raise NotImplementedError

    @property
    def ends(self) -> list[Any]:
        """Values that a test of the extremes has to try."""
        raise NotImplementedError

    def check(self, value: Any) -> Any:
        """Return the value if the control can take it, or raise ParameterError."""
        raise NotImplementedError

    def widget(self) -> ipywidgets.Widget:
        """Make the ipywidgets control."""
        raise NotImplementedError


@dataclass(frozen=True)
class Slider(Control):
    """Numbers in equal steps.

    Parameters
    ----------
    low, high, step, start : float
        Range, step of one arrow key, value at opening.
    tip : str
        One sentence on what it changes.

    Examples
    --------
    >>> Slider("noise", "noise (%)", 0, 30, 1, 10).ends
    [0, 30]
    """

    low: float
    high: float
    step: float
    start: float
    tip: str = ""

    def __post_init__(self) -> None:
        check_number(self.step, "step", minimum=0, exclusive=True)
        self.check(self.start)

    @property
    def opening(self) -> float:
        """Value at opening and after Reset."""
        return self.start

    @property
    def ends(self) -> list[float]:
        """Lowest and highest value."""
        return [self.low, self.high]

    def check(self, value: Any) -> float:
        """Return the step nearest to the value, if the value is inside the range."""
        number = check_number(value, self.name, minimum=self.low, maximum=self.high)
        # Pages send 3.0000000000000004 for 3, and a probe's cut-off would notice.
        steps = round((number - self.low) / self.step)
        snapped = min(round(self.low + steps * self.step, 10), self.high)
        return int(snapped) if self._whole else float(snapped)

    def widget(self) -> ipywidgets.Widget:
        """Make an IntSlider when all values are whole, else a FloatSlider."""
        import ipywidgets

        kind = ipywidgets.IntSlider if self._whole else ipywidgets.FloatSlider
        return kind(
            value=self.start,
            min=self.low,
            max=self.high,
            step=self.step,
            readout_format="d" if self._whole else ".3g",
            **_look(self.label, self.tip),
        )

    @property
    def _whole(self) -> bool:
        return all(isinstance(n, int) for n in (self.low, self.high, self.step, self.start))


@dataclass(frozen=True)
class LogSlider(Control):
    """Positive numbers in equal steps of their logarithm.

    Parameters
    ----------
    low, high : float
        Powers of ten of the range: -5 and 2 for 1e-5 to 100.
    count : int
        Number of positions, both ends included.
    start : int
        Position at opening, counted from 0.
    tip : str
        One sentence on what it changes.

    Examples
    --------
    >>> slider = LogSlider("lam", "λ", -5, 2, 8, 5)
    >>> slider.opening, slider.nearest(0.2)
    (1.0, 0.1)
    """

    low: float
    high: float
    count: int
    start: int
    tip: str = ""

    def __post_init__(self) -> None:
        if not (self.low < self.high and self.count > 1 and 0 <= self.start < self.count):
            raise ParameterError(
                f"log slider {self.name!r} runs from 10^{self.low:g} to 10^{self.high:g} in "
                f"{self.count} positions and starts at {self.start}; allowed: low < high, at "
                f"least two positions, start among them."
            )

    @property
    def values(self) -> list[float]:
        """All positions, from the lowest value to the highest."""
        return [10.0 ** (self.low + k * self._step) for k in range(self.count)]

    @property
    def opening(self) -> float:
        """Value at opening and after Reset."""
        return self.values[self.start]

    @property
    def ends(self) -> list[float]:
        """Lowest and highest value."""
        return [self.values[0], self.values[-1]]

    def check(self, value: Any) -> float:
        """Return the position nearest to the value, if the value is inside the range."""
        low, high = self.ends
        # The page returns powers rounded in their last digits, so the ends are a little soft.
        number = check_number(value, self.name, minimum=low * (1 - 1e-6), maximum=high * (1 + 1e-6))
        return self.nearest(number)

    def nearest(self, value: float) -> float:
        """Return the position nearest to a positive value on the logarithmic scale."""
        at = round((math.log10(value) - self.low) / self._step)
        return self.values[min(max(at, 0), self.count - 1)]

    def widget(self) -> ipywidgets.Widget:
        """Make a FloatLogSlider."""
        import ipywidgets

        return ipywidgets.FloatLogSlider(
            value=self.opening,
            base=10,
            min=self.low,
            max=self.high,
            step=self._step,
            readout_format=".3g",
            **_look(self.label, self.tip),
        )

    @property
    def _step(self) -> float:
        return (self.high - self.low) / (self.count - 1)


@dataclass(frozen=True)
class Choice(Control):
    """One of a few named options.

    Parameters
    ----------
    options : mapping of str to str
        Value passed to ``compute`` and the words shown for it, in order.
    start : str
        Value at opening.
    tip : str
        One sentence on what it changes.

    Examples
    --------
    >>> Choice("method", "method", {"tv": "total variation", "naive": "naive"}, "tv").ends
    ['tv', 'naive']
    """

    options: Mapping[str, str]
    start: str
    tip: str = ""

    def __post_init__(self) -> None:
        self.check(self.start)

    @property
    def opening(self) -> str:
        """Value at opening and after Reset."""
        return self.start

    @property
    def ends(self) -> list[str]:
        """All options."""
        return list(self.options)

    def check(self, value: Any) -> str:
        """Return the value if it is one of the options."""
        return check_choice(value, self.name, self.options)

    def widget(self) -> ipywidgets.Widget:
        """Make a Dropdown."""
        import ipywidgets

        return ipywidgets.Dropdown(
            value=self.start,
            options=[(words, value) for value, words in self.options.items()],
            **_look(self.label, self.tip, continuous=False),
        )


@dataclass(frozen=True)
class Switch(Control):
    """Yes or no.

    Examples
    --------
    >>> Switch("positive", "only x ≥ 0", start=True).ends
    [False, True]
    """

    start: bool = False
    tip: str = ""

    @property
    def opening(self) -> bool:
        """Value at opening and after Reset."""
        return self.start

    @property
    def ends(self) -> list[bool]:
        """Both states."""
        return [False, True]

    def check(self, value: Any) -> bool:
        """Return the value if it is True or False."""
        if not isinstance(value, bool):
            raise ParameterError(f"{self.name} is {value!r}; allowed: True, False.")
        return value

    def widget(self) -> ipywidgets.Widget:
        """Make a Checkbox."""
        import ipywidgets

        return ipywidgets.Checkbox(
            value=self.start, indent=False, **_look(self.label, self.tip, continuous=False)
        )


def check_parameters(controls: Sequence[Control], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a full set of parameters: the ones given, checked, and the opening values.

    Raises
    ------
    ParameterError
        When a name is unknown or a value is outside what its control allows.
    """
    unknown = sorted(set(given) - {control.name for control in controls})
    if unknown:
        allowed = ", ".join(control.name for control in controls)
        raise ParameterError(f"unknown parameter {unknown[0]!r}; allowed: {allowed}.")
    return {
        control.name: control.check(given.get(control.name, control.opening))
        for control in controls
    }


def _look(label: str, tip: str, continuous: bool = True) -> dict[str, Any]:
    look: dict[str, Any] = {
        "description": label,
        "tooltip": tip or label,
        "style": {"description_width": "11em"},
        "layout": {"width": "auto", "max_width": "none"},
    }
    if continuous:
        look["continuous_update"] = True
    return look
