"""Compiled kernels: the few loops of the package that must be fast, one file a family.

Nothing is compiled when a file here is imported. Each kernel is compiled at its first call for a
given dtype and kept in numba's cache on disk, so that the wait comes once per machine;
:func:`warm_up` brings it forward, for instance into the building of a container image.

numba's simplest threading layer, the one it falls back on where no OpenMP library is installed,
ends the process when two Python threads start parallel kernels at the same moment. Explorers do
start them from threads, so wrappers hold :data:`one_at_a_time` around a parallel kernel. Nothing
is lost: one kernel keeps all the cores busy.
"""

import contextlib
import importlib
import threading
from collections.abc import Iterator

from em_inverse.errors import check_integer

__all__ = ["as_many_threads_as", "one_at_a_time", "warm_up"]

#: Held around every parallel kernel. Re-entrant, so that one wrapper may call another.
one_at_a_time = threading.RLock()


@contextlib.contextmanager
def as_many_threads_as(work: float, worth: float) -> Iterator[None]:
    """Use one thread inside when there is less work than is worth waking the others up for.

    Threads that wait for the next kernel keep their cores busy; small problems, the most frequent
    in a lesson, would spend more time on that than on their own work.
    """
    import numba

    threads = numba.get_num_threads()
    if work >= worth or threads == 1:
        yield
        return
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(threads)


# Families of kernels that call each other stand together: numba's cache does not bear two processes
# that write to the same file. Those that take longest to compile come first.
_GROUPS = (
    ("total_variation", "fused_maps", "joint_variation"),
    *(("joseph",), ("ordered_subsets",), ("turning",), ("gaussian_fits",)),
    *(("atom_potential",), ("atoms",)),
)


def warm_up(processes: int = 1) -> None:
    """Compile every kernel of the package for float32 and float64 and store it in numba's cache.

    A second call, in this process or a later one, returns almost at once.

    Parameters
    ----------
    processes : int, ≥ 1
        With more than one, other processes fill the cache, each with some of the kernels.

    Raises
    ------
    ParameterError
        When `processes` is no whole number ≥ 1.
    """
    count = check_integer(processes, "processes", minimum=1)
    if count == 1:
        for group in _GROUPS:
            _compile(group)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as workers:
        list(workers.map(_compile, _GROUPS))


def _compile(group: tuple[str, ...]) -> None:
    for family in group:
        module = importlib.import_module(f"{__name__}.{family}")
        with one_at_a_time:
            module._warm_up()
