"""Where the files that travel with the package lie: lessons and small data."""

from __future__ import annotations

from pathlib import Path

__all__ = ["data_dir", "notebooks_dir"]

_PACKAGE = Path(__file__).resolve().parent


def notebooks_dir() -> Path:
    """Return the folder of the student notebooks.

    In a checkout or an editable install it is ``notebooks`` beside the package, in an installed
    wheel ``em_inverse/_bundled/notebooks``.

    Examples
    --------
    >>> notebooks_dir().name
    'notebooks'
    """
    return _bundled("notebooks")


def data_dir() -> Path:
    """Return the folder of the data registry and the small samples.

    In a checkout or an editable install it is ``data`` beside the package, in an installed wheel
    ``em_inverse/_bundled/data``.

    Examples
    --------
    >>> (data_dir() / "registry.json").is_file()
    True
    """
    return _bundled("data")


def _bundled(name: str) -> Path:
    installed = _PACKAGE / "_bundled" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
