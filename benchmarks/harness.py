"""How times are taken.

- **Interleaved**: peer, ours, peer, ours. A machine that slows down slows both.
- **Warm**: each runs once before the first measurement. What the first call costs, compiling
  included, is a benchmark of its own (`first_call`).
- **Medians** of five rounds; what takes less than 20 ms runs several times a round.
- **CPU seconds with one thread, and seconds on the clock with two**, each in a fresh process whose
  libraries were told their number of threads before they started (`child`). CPU seconds compare
  the work itself; they barely feel a busy machine. All peers here compute on one core.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Settings", "Timing", "interleave"]

_SHORTEST_ROUND = 0.02


@dataclass(frozen=True)
class Settings:
    """How to run.

    Attributes
    ----------
    threads : int
        Threads that this process may use.
    quick : bool
        Tiny sizes, to see that everything runs.
    """

    threads: int = 1
    quick: bool = False

    @property
    def rounds(self) -> int:
        """Repetitions of each measurement."""
        return 2 if self.quick else 5

    @property
    def unit(self) -> str:
        """Heading of a column of times."""
        return "CPU s" if self.threads == 1 else "wall s"


@dataclass
class Timing:
    """Seconds of each round, of CPU time and on the clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def seconds(self, settings: Settings) -> float:
        """Median: of the CPU time with one thread, of the clock with more."""
        return statistics.median(self.cpu if settings.threads == 1 else self.wall)


def interleave(tasks: Mapping[str, Callable[[], object]], settings: Settings) -> dict[str, Timing]:
    """Run the tasks in turn, round after round, and return their times.

    Parameters
    ----------
    tasks : mapping of callable
        Each is called without arguments.
    settings : Settings

    Returns
    -------
    dict of Timing
        Seconds for one call, under the names of the tasks.
    """
    calls = {}
    for name, task in tasks.items():
        task()
        begin = time.perf_counter()
        task()
        spent = time.perf_counter() - begin
        calls[name] = 1 if settings.quick else _calls_per_round(spent)
    times = {name: Timing() for name in tasks}
    for _ in range(settings.rounds):
        for name, task in tasks.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(calls[name]):
                task()
            times[name].cpu.append((time.process_time() - cpu) / calls[name])
            times[name].wall.append((time.perf_counter() - wall) / calls[name])
    return times


def _calls_per_round(seconds: float) -> int:
    return max(1, math.ceil(_SHORTEST_ROUND / max(seconds, 1e-6)))
