"""ε moved while the reconstruction runs: how soon it is seen, and what showing it costs.

A real Chromium drives a real JupyterLab, as for the other explorers. A step counts from the key
event to the animation frame of the first picture that was made *with* the new ε, after an iteration
of the solver that knew it. What showing costs is found in one run: seconds with pictures and
seconds without take turns.

Both are measured twice. *Cores apart*: the kernel has one core, browser and server have the others,
as a scheduler that spreads its work arranges it by itself. *Cores shared*: as the scheduler of this
machine likes it, which may put all of them on one core while another one rests. The bars are for
cores apart.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import lab
from benchmarks.harness import Settings
from benchmarks.machine import version_of
from benchmarks.results import Bar, Result, Table

__all__ = ["LOSS_PERCENT", "MEDIAN_MS", "run"]

MEDIAN_MS, LOSS_PERCENT = 100, 10
_STEPS, _TURNS = 40, 8
_CELL = "from em_inverse import widgets\nexplorer = widgets.LiveEpsilonExplorer()\nexplorer"
_APART = """
import os
for thread in os.listdir("/proc/self/task"):
    os.sched_setaffinity(int(thread), {%d})
"""
_LOOK = "import time; print(explorer.run.iteration, time.perf_counter())"

#: Time from a key to the first animation frame whose words name the ε of the slider (emSteps).
_STOPWATCH = """
() => {
  const canvas = document.querySelector('.em-canvas canvas');
  const slider = document.querySelector('.em-controls [role=slider]');
  window.emSteps = [];
  let pressed = null;
  document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(() => {
    const wanted = `ε = ${Number(slider.ariaValueText).toFixed(2)} × noise, `;
    if (pressed === null || !canvas.ariaLabel.includes(wanted)) return;
    const since = pressed;
    pressed = null;
    requestAnimationFrame(() => window.emSteps.push(performance.now() - since));
  }).observe(canvas, { attributes: true, attributeFilter: ['data-frame'] });
}
"""


@dataclass
class _Found:
    """Milliseconds of each step; iterations a second with pictures and without, turn by turn."""

    steps: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    hidden: list[float] = field(default_factory=list)


def run(settings: Settings) -> Result:
    """Move ε by the arrow keys while the reconstruction runs; then show pictures by turns."""
    result = Result(
        title="Live ε in a browser",
        about=f"Slice of 96², 75 tilts; {_STEPS} arrow keys on the slider of ε while the solver "
        "iterates, from the key to the animation frame that shows a picture made with the new ε. "
        f"Then {_TURNS} seconds with pictures and {_TURNS} without, in turn, at an ε that is never "
        "reached.",
        peers={"JupyterLab": version_of("jupyterlab"), "ipywidgets": version_of("ipywidgets")},
    )
    program = lab.chromium() if find_spec("playwright") else None
    apart = None
    if program is None:
        result.notes.append("Not measured: no Chromium is installed, or no playwright to drive it.")
    else:
        effort = (4, 1) if settings.quick else (_STEPS, _TURNS)
        cores = _cores()
        found = {"shared": _measure(program, *effort, None)}
        if len(cores) > 1:
            found = {"apart": _measure(program, *effort, cores[0]), **found}
        else:
            result.notes.append("One core only, or one that cannot be chosen: the bars share it.")
        apart = next(iter(found.values()))
        result.tables += [_steps_table(found), _rates_table(found)]
    text = "Live ε, key to the first picture made with it, median ms"
    result.bars.append(
        Bar(text, MEDIAN_MS, _median(apart.steps) if apart else None, at_least=False)
    )
    text = "Live ε, speed that the solver loses to its pictures, %"
    result.bars.append(Bar(text, LOSS_PERCENT, _loss(apart) if apart else None, at_least=False))
    return result


def _steps_table(found: dict[str, _Found]) -> Table:
    rows = [
        [cores, len(one.steps), _median(one.steps), _p95(one.steps), max(one.steps)]
        for cores, one in found.items()
    ]
    columns = ["cores", "steps", "median ms", "p95 ms", "slowest ms"]
    return Table("Steps of ε while it runs", columns, rows)


def _rates_table(found: dict[str, _Found]) -> Table:
    rows = [
        [cores, words, round(statistics.median(rates)), round(min(rates))]
        for cores, one in found.items()
        for words, rates in (("shown", one.shown), ("not shown", one.hidden))
    ]
    columns = ["cores", "pictures", "median of the turns", "slowest turn"]
    return Table("Iterations a second", columns, rows)


def _cores() -> list[int]:
    """Return the cores that may be used, where a program may choose among them."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


@contextmanager
def _off(core: int | None) -> Iterator[None]:
    """Keep this program, and all that it starts, off a core."""
    if core is None:
        yield
        return
    cores = set(_cores())
    os.sched_setaffinity(0, cores - {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _median(times: list[float]) -> float:
    return round(statistics.median(times), 1)


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))]


def _loss(found: _Found) -> float:
    """Median of the loss from each turn without pictures to the turn with pictures after it."""
    turns = zip(found.shown, found.hidden, strict=True)
    return round(100 * (1 - statistics.median(shown / hidden for shown, hidden in turns)), 1)


def _measure(program: str, steps: int, turns: int, core: int | None) -> _Found:
    """Measure with a core for the kernel alone, or with all cores for everyone."""
    found = _Found()
    with (
        TemporaryDirectory() as home,
        _off(core),
        lab.browser(program) as running,
        lab.serve(Path(home)) as at,
    ):
        page = lab.open_notebook(
            running, at("live.ipynb", [_CELL]), f"{lab.CANVAS}[data-frame='1']"
        )
        if core is not None:
            lab.execute(page, _APART % core)
        page.evaluate(_STOPWATCH)
        page.locator(".em-buttons button").first.click()
        slider = page.locator(lab.SLIDERS).first
        slider.focus()
        for step in range(steps):
            # Not in step with the pictures, which come as fast as they are drawn.
            page.wait_for_timeout(150 + 37 * (step % 7))
            page.evaluate("() => { window.emSteps = []; }")
            page.keyboard.press("ArrowRight" if step < steps // 2 else "ArrowLeft")
            page.wait_for_function("() => window.emSteps.length > 0")
            found.steps.append(round(page.evaluate("() => window.emSteps[0]"), 1))
        page.keyboard.press("Home")
        page.wait_for_timeout(1000)
        usual = float(lab.execute(page, "print(explorer.frames_per_s)"))
        for _ in range(turns):
            found.hidden.append(_rate(page, 0))
            found.shown.append(_rate(page, usual))
    return found


def _rate(page: Any, frames_per_s: float) -> float:
    """Iterations a second during one second, with so many pictures."""
    lab.execute(page, f"explorer.frames_per_s = {frames_per_s}")
    page.wait_for_timeout(200)
    before, since = map(float, lab.execute(page, _LOOK).split())
    page.wait_for_timeout(1000)
    after, until = map(float, lab.execute(page, _LOOK).split())
    return (after - before) / (until - since)
