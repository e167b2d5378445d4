"""Reconstruction that runs while projections arrive.

:func:`watch` yields projections from a folder as a microscope program writes them, and
:class:`DynamicReconstruction` follows them without starting anew, while ε, x ≥ 0 and the support
may be changed by hand. :func:`advise` says when to stop recording. A :class:`Session` is a small
file that makes the result again.
"""

import lazy_loader

_load, _list, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "advice": ["Advice", "advise"],
        "arrival": ["NOTICE_KINDS", "Arrival", "Notice"],
        "events": ["Event", "Snapshot"],
        "flags": ["Flag", "LiveChecks"],
        "folder_watcher": ["FolderWatcher"],
        "live": ["LiveTomography", "Received", "Status"],
        "preparation": ["Preparation", "Prepared"],
        "reconstruction": ["DynamicReconstruction"],
        "session": ["Session"],
        "watching": ["watch"],
    },
)
__all__ = list(_names)


def __getattr__(name: str) -> object:
    return _load(name)


def __dir__() -> list[str]:
    return _list()
