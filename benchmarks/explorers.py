"""How soon an explorer answers: from a key on a slider to the frame that shows it.

A real Chromium drives a real JupyterLab; browser, server and kernel share the machine. What is
timed is what a reader feels: key event in the page, message to the kernel, ``compute``, ``draw``,
message back, canvas drawn, next animation frame.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import lab
from benchmarks.harness import Settings
from benchmarks.machine import version_of
from benchmarks.results import Bar, Result, Table

__all__ = ["EXPLORERS", "MEDIAN_MS", "P95_MS", "run"]

#: Explorer and the week that it belongs to.
EXPLORERS = {
    "ForwardExplorer": 1,
    "SpectrumExplorer": 2,
    "PriorExplorer": 3,
    "LCurveExplorer": 4,
    "WedgeExplorer": 5,
    "FewTiltsExplorer": 6,
    "FusionExplorer": 9,
    "BudgetExplorer": 10,
    "DeblurringExplorer": 11,
    "FocusExplorer": 12,
    "GapExplorer": 13,
}
MEDIAN_MS, P95_MS = 100, 150
_STEPS = 40
_PATIENCE_S = 60


def run(settings: Settings) -> Result:
    """Step through every slider of every explorer with the arrow keys."""
    result = Result(
        title="Explorers in a browser",
        about="Milliseconds from an arrow key on a slider to the animation frame that shows the "
        f"new picture; {_STEPS} steps a slider, turning round at its end. Steps that take long "
        "show how far they are, beside a Stop button: the last column counts them, the other "
        "columns include them, the bars leave them out.",
        peers={"JupyterLab": version_of("jupyterlab"), "ipywidgets": version_of("ipywidgets")},
    )
    program = lab.chromium() if find_spec("playwright") else None
    if program is None:
        result.notes.append("Not measured: no Chromium is installed, or no playwright to drive it.")
    names = ["DeblurringExplorer"] if settings.quick else list(EXPLORERS)
    for name in names:
        sliders = _measure(program, name, 4 if settings.quick else _STEPS) if program else []
        _add(result, name, sliders)
    return result


def _add(result: Result, name: str, sliders: list[_Slider]) -> None:
    title = f"Week {EXPLORERS[name]}, {name}"
    columns = ["slider", "steps", "median ms", "p95 ms", "slowest ms", "showed that they worked"]
    rows = [
        [s.label, len(s.times), _median(s.times), _p95(s.times), max(s.times), len(s.loud)]
        for s in sliders
    ]
    result.tables.append(Table(title, columns, rows))
    silent = [quiet for s in sliders if (quiet := s.silent)]
    for what, of, limit in (("median", _median, MEDIAN_MS), ("95th percentile", _p95, P95_MS)):
        worst = max(map(of, silent), default=None)
        text = f"{title}: {what} of the slowest slider, ms"
        result.bars.append(Bar(text, limit, worst, at_least=False))


@dataclass
class _Slider:
    """What one slider took, and at which steps the page said that it was computing."""

    label: str
    times: list[float] = field(default_factory=list)
    loud: set[int] = field(default_factory=set)

    @property
    def silent(self) -> list[float]:
        return [time for step, time in enumerate(self.times) if step not in self.loud]


def _median(times: list[float]) -> float:
    return round(statistics.median(times), 1)


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))]


def _measure(program: str, name: str, steps: int) -> list[_Slider]:
    with TemporaryDirectory() as home, lab.browser(program) as running, lab.serve(Path(home)) as at:
        cell = f"from em_inverse import widgets\nwidgets.{name}()"
        ready = f"{lab.CANVAS}[data-frame='1']"
        page = lab.open_notebook(running, at("explorer.ipynb", [cell]), ready)
        for header in page.locator(".jupyter-widget-Collapse-header").all():
            header.click()
        page.evaluate(lab.STOPWATCH)
        found = [_walk(page, slider, steps) for slider in page.locator(lab.SLIDERS).all()]
    return [slider for slider in found if slider.times]


def _walk(page: Any, slider: Any, steps: int) -> _Slider:
    """Walk along one slider, turning round at its ends; no steps when it is switched off."""
    found = _Slider(slider.get_attribute("aria-label"))
    if slider.get_attribute("disabled") is not None:
        return found
    slider.focus()
    key = "ArrowRight"
    for step in range(steps):
        # As numbers: rounding makes the upper end of a logarithmic slider say "-0.0" for "0.0".
        now, low, high = (
            float(slider.get_attribute(f"aria-value{name}")) for name in ("now", "min", "max")
        )
        key = {high: "ArrowLeft", low: "ArrowRight"}.get(now, key)
        page.evaluate("() => { window.emSteps = []; window.emSaid = ''; }")
        page.keyboard.press(key)
        try:
            page.wait_for_function("() => window.emSteps.length > 0", timeout=_PATIENCE_S * 1000)
        except Exception as error:
            raise RuntimeError(
                f"{found.label!r} at {now:g} of {low:g} to {high:g}: no new picture within "
                f"{_PATIENCE_S} s of {key}, step {step + 1}"
            ) from error
        found.times.append(round(page.evaluate("() => window.emSteps[0]"), 1))
        if "computing" in page.evaluate("() => window.emSaid"):
            found.loud.add(step)
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Reset").click()
    page.wait_for_timeout(1000)
    return found
