"""What a benchmark hands back: tables, bars and figures, as plain data that become JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["SCHEMA", "Bar", "Curve", "Figure", "Result", "Table"]

#: Number of the layout of the JSON file; raised when a reader of the old one would stumble.
SCHEMA = 1


@dataclass
class Table:
    """Rows under headings. A cell is text, a number, or None where there is nothing to say."""

    title: str
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)


@dataclass
class Bar:
    """A promise and what was measured.

    Attributes
    ----------
    text : str
        What is promised, in words.
    limit : float
    value : float or None
        What was measured; None where nothing could be, as without the peer.
    at_least : bool
        Whether the value must reach the limit, or else stay below it.
    """

    text: str
    limit: float
    value: float | None
    at_least: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the promise holds; None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass
class Curve:
    """One line of a figure, or one bar where `x` is empty.

    Attributes
    ----------
    label : str
    role : str
        Name understood by `em_inverse.plotting.style.role`; it gives colour and line style.
    """

    label: str
    role: str
    x: list[float]
    y: list[float]


@dataclass
class Figure:
    """A picture to be drawn from its numbers.

    Attributes
    ----------
    name : str
        Of the file, without ending.
    title : str
        One statement.
    alt : str
        What is seen, for those who do not see it.
    logy : bool
        Whether the y axis is logarithmic; not for decibels, which are logarithms already.
    level : float or None
        Height of a line across, the bar.
    """

    name: str
    title: str
    alt: str
    xlabel: str
    ylabel: str
    curves: list[Curve]
    logx: bool = False
    logy: bool = True
    level: float | None = None


@dataclass
class Result:
    """Everything one benchmark found in one process.

    Attributes
    ----------
    about : str
        What is compared with what, on which data.
    peers : dict of str
        Version of each peer, or "not installed".
    """

    title: str
    about: str
    tables: list[Table] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peers: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON can hold it, with the verdict of each bar."""
        found = asdict(self)
        for entry, bar in zip(found["bars"], self.bars, strict=True):
            entry["met"] = bar.met
        return found
