"""Compiled kernels: the few loops of the package that must be fast, one file a family.

Nothing is compiled when a file here is imported. Each kernel is compiled at its first call for a
given dtype and kept in numba's cache on disk, so that the wait comes once per machine;
:func:`warm_up` brings it forward, for instance into the building of a container image.

numba's simplest threading layer, the one it falls back on where no OpenMP library is installed,
ends the process when two Python threads start parallel kernels at the same moment. Explorers do
start them from threads, so wrappers hold :data:`one_at_a_time` around a parallel kernel. Nothing
is lost: one kernel keeps all the cores busy.
"""

import importlib
import threading

__all__ = ["one_at_a_time", "warm_up"]

#: Held around every parallel kernel. Re-entrant, so that one wrapper may call another.
one_at_a_time = threading.RLock()

_FAMILIES = ("joseph", "total_variation")


def warm_up() -> None:
    """Compile every kernel of the package for float32 and float64 and store it in numba's cache.

    A second call, in this process or a later one, returns almost at once.
    """
    for family in _FAMILIES:
        module = importlib.import_module(f"{__name__}.{family}")
        with one_at_a_time:
            module._warm_up()
