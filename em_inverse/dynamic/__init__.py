"""Reconstruction that runs while projections arrive.

Submodules load when first used.
"""

import lazy_loader

_load, _list, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "flags": ["Flag", "LiveChecks"],
        "preparation": ["Preparation", "Prepared"],
    },
)
__all__ = list(_names)


def __getattr__(name: str) -> object:
    return _load(name)


def __dir__() -> list[str]:
    return _list()
