"""Reconstruction that runs while projections arrive.

Submodules load when first used.
"""

import lazy_loader

_load, _list, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "advice": ["Advice", "advise"],
        "events": ["Event", "Snapshot"],
        "reconstruction": ["DynamicReconstruction"],
        "session": ["Session"],
    },
)
__all__ = list(_names)


def __getattr__(name: str) -> object:
    return _load(name)


def __dir__() -> list[str]:
    return _list()
