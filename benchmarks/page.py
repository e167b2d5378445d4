"""The results as Markdown: for the terminal section by section, and as one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["DATA", "FIGURES", "PAGE", "markdown", "section", "verdict"]

PAGE = "RESULTS.md"
FIGURES = "figures"
DATA = "results.json"

_METHOD = """\
Times are medians of five rounds in which peer and package take turns, both warm. "CPU s" is the
CPU time of a process that may use one thread; "wall s" is time on the clock in a process that may
use two. The peers compute on one core in either case. Ratios above 1 mean that the peer takes
longer."""


def markdown(report: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [
        "# Benchmarks",
        "Written by `python -m benchmarks`; do not edit.",
        *(["**A quick run: the sizes are tiny and the times mean nothing.**"] * report["quick"]),
        _METHOD,
        _machine(report["machine"]),
        verdict(report),
    ]
    before = None
    for result in report["results"]:
        parts.append(section(result, again=result["name"] == before))
        parts += [_picture(figure) for figure in result["figures"]]
        before = result["name"]
    return "\n\n".join(parts) + "\n"


def section(result: dict[str, Any], *, again: bool = False) -> str:
    """Return one result: what was compared (unless said just before), the tables, the bars."""
    threads = "one thread" if result["threads"] == 1 else f"{result['threads']} threads"
    parts = [f"## {result['title']}, {threads}"]
    if not again:
        parts.append(result["about"])
        peers = ", ".join(f"{name} {number}" for name, number in result["peers"].items())
        parts += [f"Peers: {peers}."] * bool(peers)
    for table in result["tables"]:
        parts += [f"### {table['title']}", _grid(table["columns"], table["rows"])]
    parts += result["notes"]
    if result["bars"]:
        parts.append(_bars(result["bars"]))
    return "\n\n".join(parts)


def verdict(report: dict[str, Any]) -> str:
    """Return how many bars are met, and all of them in one table."""
    bars = [bar for result in report["results"] for bar in result["bars"]]
    if not bars:
        return "No bars in this part."
    met = sum(bar["met"] is True for bar in bars)
    return f"## Bars: {met} of {len(bars)} met\n\n{_bars(bars)}"


def _bars(bars: Sequence[dict[str, Any]]) -> str:
    words = {True: "met", False: "**missed**", None: "not measured"}
    rows = [
        [
            bar["text"],
            ("≥ " if bar["at_least"] else "≤ ") + _cell(bar["limit"]),
            _cell(bar["value"]),
            words[bar["met"]],
        ]
        for bar in bars
    ]
    return _grid(["bar", "promised", "measured", ""], rows)


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    load = machine["load_at_start"]
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores"
        + (f", {machine['memory_gb']} GB of memory" if machine["memory_gb"] else "")
        + f", {machine['system']}"
        + ("" if load is None else f"; load at the start {load}")
        + f". Python {machine['python']}, {versions}."
    )


def _grid(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    numeric = [any(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
    ]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _picture(figure: dict[str, Any]) -> str:
    return f"![{figure['alt']}]({FIGURES}/{figure['name']}.png)\n\n*{figure['title']}.*"
