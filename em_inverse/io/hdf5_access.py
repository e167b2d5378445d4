"""What every reader of a format built on HDF5 needs: opening, listing and loading with care."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from em_inverse.errors import FileFormatError
from em_inverse.io.calibration import TILT_NAMES, plausible_angles
from em_inverse.io.files import check_size, existing_file, reading
from em_inverse.io.hdf5_check import check_hdf5
from em_inverse.io.named import normalised

__all__ = [
    "listed_angles",
    "load_dataset",
    "member",
    "number_of",
    "numeric_datasets",
    "opened_hdf5",
    "text_of",
]

_LIST_MARK = re.compile(r"^_(list|tuple|sig)_")


@contextmanager
def opened_hdf5(path: Path, kind: str = "an HDF5 file") -> Iterator[Any]:
    """Open `path` for reading; whatever goes wrong inside the block is a FileFormatError."""
    import h5py

    file = existing_file(path)
    if not h5py.is_hdf5(file):
        raise FileFormatError(
            f"{str(file)!r} is not an HDF5 file: it lacks the HDF5 signature. It is damaged, or "
            f"its name ends as it should not."
        )
    check_hdf5(file)
    # Without a lock: a microscope program that opens its file again must not find it locked.
    with reading(file, kind), h5py.File(file, "r", locking=False) as h5:
        yield h5


def numeric_datasets(group: Any) -> dict[str, Any]:
    """Return every dataset of real numbers below `group`, by its path from there.

    Links that lead to other files are not followed.
    """
    import h5py

    found: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf":
            found[name] = item

    group.visititems(collect)
    return found


def load_dataset(file: Path, dataset: Any) -> np.ndarray:
    """Return the numbers of a dataset, unless they lie in other files or cannot be what it claims.

    Raises
    ------
    FileFormatError
        When the dataset is external or virtual, or announces far more than the file holds.
    """
    if dataset.external or dataset.is_virtual:
        raise FileFormatError(
            f"{str(file)!r}: the dataset {dataset.name!r} keeps its numbers in other files, which "
            f"are not followed. Copy the data into one file (for instance with h5repack)."
        )
    # A damaged header may lie about the bytes stored, too.
    stored = min(dataset.id.get_storage_size(), file.stat().st_size)
    check_size(file, dataset.size * dataset.dtype.itemsize, stored)
    return np.asarray(dataset[()])


def member(group: Any, path: str) -> Any:
    """Return the group or dataset at `path` below `group`; None if absent or in another file."""
    import h5py

    here = group
    for part in path.split("/"):
        if not isinstance(here, h5py.Group) or part not in here:
            return None
        if isinstance(here.get(part, getlink=True), h5py.ExternalLink):
            return None
        here = here[part]
    return here


def listed_angles(group: Any, count: int, file: Path) -> tuple[np.ndarray | None, str]:
    """Return `count` tilt angles listed by a dataset or an attribute below `group`, and where.

    Names count by their last part, or the last but one (HyperSpy keeps a list as ``tilts/data``).
    """
    for name, dataset in numeric_datasets(group).items():
        names = {normalised(_LIST_MARK.sub("", part)) for part in name.split("/")[-2:]}
        if dataset.size == count and names & TILT_NAMES:
            angles = plausible_angles(load_dataset(file, dataset), count)
            if angles is not None:
                return angles, f"dataset {name!r} of {file.name}"
    holders = [group]
    group.visititems(lambda _, item: holders.append(item))
    for holder in holders:
        for name, value in holder.attrs.items():
            if normalised(_LIST_MARK.sub("", name)) in TILT_NAMES and np.size(value) == count > 1:
                angles = plausible_angles(value, count)
                if angles is not None:
                    return angles, f"attribute {name!r} of {file.name}"
    return None, ""


def number_of(attributes: Mapping[str, Any], name: str) -> float | None:
    """Return an attribute as a finite number, None where there is none or it is no number.

    Examples
    --------
    >>> number_of({"scale": 0.5}, "scale"), number_of({"scale": "wide"}, "scale")
    (0.5, None)
    """
    try:
        number = float(np.asarray(attributes.get(name, np.nan)).item())
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def text_of(attributes: Mapping[str, Any], name: str) -> str:
    """Return an attribute as text, "" where there is none or it is no text.

    Examples
    --------
    >>> text_of({"units": b"nm"}, "units"), text_of({}, "units")
    ('nm', '')
    """
    value = attributes.get(name, "")
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
