"""Real data by name: fetched once, checked by checksum always, with a simulated stand-in.

The registry ``data/registry.json`` names every file with its checksum, public address, licence and
citation. Files lie in the folder that the environment variable ``EM_INVERSE_DATA`` names, or in the
user's cache. Nothing is ever taken for what it is not: a file whose bytes differ from the
registry's is refused, and a simulated stand-in says that it is one.
"""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from em_inverse._resources import data_dir
from em_inverse.errors import (
    ChecksumError,
    DownloadError,
    FileFormatError,
    ParameterError,
    check_choice,
    check_integer,
    check_number,
)
from em_inverse.files import expanded
from em_inverse.io import read_tilt_series
from em_inverse.tilt_series import TiltSeries

__all__ = [
    "Dataset",
    "ElementMaps",
    "RegisteredFile",
    "cache_folder",
    "fetch",
    "info",
    "list",
    "load",
    "synthetic",
]

_FIRST_PAUSE_S = 0.5
_LONGEST_CONNECT_S = 5.0
_PERMANENT = (400, 401, 403, 404, 410, 451)


@dataclass(frozen=True)
class RegisteredFile:
    """One file of a data set: its name here, its checksum and size, and where it is public."""

    name: str
    checksum: str
    size: int
    urls: tuple[str, ...] = ()

    @property
    def bundled(self) -> bool:
        """Whether the file comes with the package."""
        return not self.urls


@dataclass(frozen=True)
class Dataset:
    """What the registry says about a data set."""

    name: str
    title: str
    teaches: str
    licence: str
    citation: str
    source: str
    files: tuple[RegisteredFile, ...]
    doi: str | None = None
    kind: str = "files"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class ElementMaps:
    """A HAADF image and the element maps recorded with it, all ``[row, column]``.

    Attributes
    ----------
    haadf : ndarray, shape (n_rows, n_columns)
        Annular dark-field intensity.
    maps : dict of str to ndarray
        One map per element symbol, same shape.
    metadata : dict
        Source, licence, and ``synthetic`` for simulated maps.
    """

    haadf: np.ndarray
    maps: dict[str, np.ndarray]
    metadata: dict[str, Any]


def list() -> builtins.list[str]:
    """Return the names of all data sets in the registry.

    Examples
    --------
    >>> "nist-needle" in list()
    True
    """
    return builtins.list(_registry())


def info(name: str) -> Dataset:
    """Return what the registry says about the data set `name`.

    Raises
    ------
    ParameterError
        When there is no such data set.

    Examples
    --------
    >>> info("nist-needle").options["pixel_size_nm"]
    3.36
    """
    return _registry()[check_choice(name, "name", _registry())]


def cache_folder() -> Path:
    """Return the folder of fetched data: ``EM_INVERSE_DATA`` if set, else the user's cache."""
    chosen = os.environ.get("EM_INVERSE_DATA")
    if chosen:
        return expanded(chosen, "EM_INVERSE_DATA")
    import pooch

    return Path(pooch.os_cache("em-inverse"))


def fetch(
    name: str,
    *,
    replace: bool = False,
    retries: int = 3,
    timeout_s: float = 30.0,
    progress: bool = False,
) -> builtins.list[Path]:
    """Make sure that the files of a data set are on this machine, and return their paths.

    Files that are there are only read and compared with their checksum, so the folder may be
    read-only. A download lands under its name only when it is complete and its checksum is right;
    addresses are tried in turn, and failures that may pass are tried again after a pause that
    doubles. A server that stays silent, or cannot be reached at all, is not asked again under its
    other addresses, so that without a network the answer comes in seconds.

    Parameters
    ----------
    name : str
        A name from :func:`list`.
    replace : bool
        Download a file anew whose checksum is wrong, instead of refusing it.
    retries : int
        Further attempts per address.
    timeout_s : float
        Longest silence of a server, in seconds.
    progress : bool
        Show a progress bar on stderr.

    Raises
    ------
    ChecksumError
        When the bytes at hand, or those that the servers send, are not those of the registry.
    DownloadError
        When no address gave the whole file; the message says where to put it by hand.
    ParameterError
        When there is no such data set.
    """
    dataset = info(name)
    check_integer(retries, "retries", minimum=0)
    check_number(timeout_s, "timeout_s", minimum=0, exclusive=True)
    paths = []
    for file in dataset.files:
        path = (data_dir() if file.bundled else cache_folder()) / file.name
        wrong = path.is_file() and not _matches(path, file.checksum)
        if wrong and not (replace and file.urls):
            raise ChecksumError(_wrong_copy(path, file, name))
        if wrong or not path.is_file():
            _download(dataset, file, path, retries, timeout_s, progress)
        paths.append(path)
    return paths


def load(
    name: str, *, offline: str = "error", progress: bool = False
) -> TiltSeries | ElementMaps | builtins.list[Path]:
    """Load a data set, fetching it first when it is not at hand.

    Parameters
    ----------
    name : str
        A name from :func:`list`.
    offline : {"error", "synthetic"}
        What to do when the data can neither be found nor fetched: raise, or return the simulated
        stand-in of :func:`synthetic`, whose ``metadata["synthetic"]`` is True.
    progress : bool
        Show a progress bar while downloading.

    Returns
    -------
    TiltSeries
        For tilt series, with pixel size, angles and tilt axis as the registry states them.
    ElementMaps
        For element maps.

    Raises
    ------
    ParameterError
        For a set that is too large or too varied to load as one object: :func:`fetch` gives its
        files.
    ChecksumError, DownloadError
        As :func:`fetch` does.

    Examples
    --------
    >>> load("nist-needle-small").n_tilts
    77
    """
    check_choice(offline, "offline", ("error", "synthetic"))
    dataset = info(name)
    if dataset.kind not in _LOADERS:
        raise ParameterError(
            f"name is {name!r}, a set of files ({dataset.size:,} bytes) that is not loaded as one "
            f"object. Get the paths with datasets.fetch({name!r}) and open what you need."
        )
    try:
        paths = fetch(name, progress=progress)
    except DownloadError:
        if offline == "error" or dataset.kind not in _STAND_INS:
            raise
        return synthetic(name)
    return _LOADERS[dataset.kind](dataset, paths)


def synthetic(name: str, *, size: int = 64, seed: int = 0) -> TiltSeries | ElementMaps:
    """Simulate a stand-in for a data set: same kind, same angles, no network, never mistaken.

    A tilt series becomes a round needle of layers of unequal density along the tilt axis, with
    Poisson noise and small random shifts between the projections; element maps become a lattice of
    atomic columns. Both say so in ``metadata["synthetic"]``.

    Parameters
    ----------
    name : str
        A name from :func:`list`.
    size : int
        Edge of the images in pixels.
    seed : int
        Fixes noise and shifts.

    Raises
    ------
    ParameterError
        When the data set has no stand-in.

    Examples
    --------
    >>> stand_in = synthetic("dysco3-haadf-edx", size=32)
    >>> stand_in.haadf.shape, stand_in.metadata["synthetic"]
    ((32, 32), True)
    """
    dataset = info(name)
    if dataset.kind not in _STAND_INS:
        possible = ", ".join(n for n, d in _registry().items() if d.kind in _STAND_INS)
        raise ParameterError(f"name is {name!r}, which has no stand-in; these have: {possible}.")
    pixels = check_integer(size, "size", minimum=16)
    return _STAND_INS[dataset.kind](dataset, pixels, np.random.default_rng(seed))


def _registry() -> dict[str, Dataset]:
    path = data_dir() / "registry.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {name: _dataset(name, fields) for name, fields in raw["datasets"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"the data registry {str(path)!r} could not be read ({type(error).__name__}: {error}). "
            f"Install the package again."
        ) from error


def _dataset(name: str, fields: dict[str, Any]) -> Dataset:
    files = tuple(
        RegisteredFile(f["name"], f["checksum"], f["size"], tuple(f.get("urls", ())))
        for f in fields["files"]
    )
    return Dataset(**{**fields, "name": name, "files": files})


def _matches(path: Path, checksum: str) -> bool:
    algorithm, _, expected = checksum.partition(":")
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest() == expected
    except OSError as error:
        raise FileFormatError(f"{str(path)!r} could not be read ({error}).") from error


def _wrong_copy(path: Path, file: RegisteredFile, name: str) -> str:
    present = path.stat().st_size
    difference = (
        "its content was changed or damaged"
        if present == file.size
        else f"{present:,} bytes where {file.size:,} are expected"
    )
    remedy = (
        "Install the package again."
        if file.bundled
        else f"Remove it, or download it anew with datasets.fetch({name!r}, replace=True) (command "
        f"line: em-inverse data fetch {name} --replace)."
    )
    return (
        f"{str(path)!r} is not the registered file: {difference} (registered: {file.checksum}). "
        f"{remedy}"
    )


def _download(
    dataset: Dataset,
    file: RegisteredFile,
    path: Path,
    retries: int,
    timeout_s: float,
    progress: bool,
) -> None:
    by_hand = _by_hand(dataset, file, path)
    if file.bundled:
        raise DownloadError(f"{str(path)!r}, which belongs to the package, is missing. {by_hand}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"the data folder {str(path.parent)!r} cannot be made ({error}). Set EM_INVERSE_DATA "
            f"to a folder you may write to."
        ) from error
    if not os.access(path.parent, os.W_OK):
        raise DownloadError(
            f"{file.name} is not in the data folder {str(path.parent)!r}, which is read-only. Set "
            f"EM_INVERSE_DATA to a folder you may write to. {by_hand}"
        )
    reasons = []
    wrong_bytes = False
    out_of_reach = set()
    for url in file.urls:
        server = urlsplit(url).netloc
        if server in out_of_reach:
            reasons.append(f"{url}: not asked, it is the same server")
            continue
        for attempt in range(retries + 1):
            if attempt:
                time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            reason, may_pass = _attempt(url, file, path, timeout_s, progress)
            if reason is None:
                return
            wrong_bytes = wrong_bytes or reason == _WRONG_BYTES
            if not may_pass:
                break
        if reason is not None and reason.startswith(_NO_ANSWER):
            out_of_reach.add(server)
        reasons.append(f"{url}: {reason}")
    said = f"{file.name} could not be fetched. Tried {'; '.join(reasons)}. {by_hand}"
    raise ChecksumError(said) if wrong_bytes else DownloadError(said)


_WRONG_BYTES = "the server sent other bytes than the registry names (checksum differs)"
_NO_ANSWER = "no answer"


def _attempt(
    url: str, file: RegisteredFile, path: Path, timeout_s: float, progress: bool
) -> tuple[str | None, bool]:
    """Try one address once; return why it failed, if it did, and whether a retry may help."""
    import pooch
    import requests

    patience = (min(timeout_s, _LONGEST_CONNECT_S), timeout_s)
    downloader = pooch.HTTPDownloader(timeout=patience, progressbar=progress)
    whole = partial(_whole_file, downloader, file.size)
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        pooch.retrieve(url, file.checksum, fname=path.name, path=path.parent, downloader=whole)
    except _CutOffError as error:
        return str(error), True
    except requests.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        return f"the server answered {status}", status not in _PERMANENT
    except requests.ConnectTimeout:
        return f"{_NO_ANSWER} within {patience[0]:g} s", False
    except requests.Timeout:
        return f"{_NO_ANSWER} within {timeout_s:g} s", False
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        return "the connection broke before the file was complete", True
    except requests.exceptions.SSLError as error:
        return f"its certificate could not be verified ({error})", False
    except requests.ConnectionError:
        return f"{_NO_ANSWER}, no connection to the server", True
    except requests.RequestException as error:
        return f"{type(error).__name__}: {error}", False
    except ValueError:
        return _WRONG_BYTES, False
    except OSError as error:
        return f"it could not be stored ({error})", False
    finally:
        logger.setLevel(level)
    return None, False


class _CutOffError(Exception):
    """The server ended before the whole file had come."""


def _whole_file(
    download: Callable[..., Any], size: int, url: str, output: str, caller: Any
) -> None:
    download(url, output, caller)
    received = Path(output).stat().st_size
    if received < size:
        raise _CutOffError(f"only {received:,} of {size:,} bytes came")


def _by_hand(dataset: Dataset, file: RegisteredFile, path: Path) -> str:
    if file.bundled:
        return "Install the package again."
    stand_in = (
        f" To go on without it, datasets.synthetic({dataset.name!r}), or load(..., "
        f"offline='synthetic') (command line: --offline synthetic), gives a simulated stand-in."
        if dataset.kind in _STAND_INS
        else ""
    )
    return (
        f"By hand: save {file.urls[0]} as {str(path)!r} ({file.size:,} bytes, "
        f"{file.checksum}).{stand_in}"
    )


def _load_tilt_series(dataset: Dataset, paths: builtins.list[Path]) -> TiltSeries:
    series = read_tilt_series(paths[0], *paths[1:2], **dataset.options)
    return series.replace(metadata=_origin(dataset))


def _load_element_maps(dataset: Dataset, paths: builtins.list[Path]) -> ElementMaps:
    haadf_name = dataset.options["haadf"]
    with np.load(paths[0], allow_pickle=False) as arrays:
        haadf = arrays[haadf_name]
        maps = {name: arrays[name] for name in dataset.options["elements"]}
    return ElementMaps(haadf, maps, _origin(dataset))


def _origin(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "synthetic": False,
        "source": dataset.source,
        "licence": dataset.licence,
        "citation": dataset.citation,
    }


def _layered_needle(dataset: Dataset, size: int, rng: np.random.Generator) -> TiltSeries:
    from em_inverse.forward.tilt import ParallelBeam

    angles = np.arange(-76.0, 77.0, 2.0)
    across = np.arange(size) - (size - 1) / 2
    radius = size * np.clip(0.04 + 0.4 * (0.85 - np.arange(size) / size), 0, 0.16)
    # Off the tilt axis and not quite round, so that a wrong sign of the angle shows.
    distance = np.hypot((across[:, None] + 0.03 * size) / 0.85, across[None, :] - 0.05 * size)
    inside = np.clip(radius - distance[:, :, None] + 0.5, 0.0, 1.0)
    densities = np.array([0.15, 0.15, 0.15, 0.7, 1.0, 0.6, 0.8, 0.5, 0.7, 0.4])
    layers = densities[np.arange(size) * densities.size // size]
    volume = (inside * layers).astype(np.float32)
    clean = np.asarray(ParallelBeam(volume.shape, angles).forward(volume))
    counts = rng.poisson(np.clip(clean, 0, None) * 400.0 / clean.max() + 2.0)
    # One draw per projection: the stage drifts, the specimen does not change.
    shifts = rng.integers(-(size // 32), size // 32 + 1, size=(angles.size, 2))
    moved = np.stack([_drifted(image, *shift) for image, shift in zip(counts, shifts, strict=True)])
    pixel = dataset.options.get("pixel_size_nm", 3.36) * 256 / size
    return TiltSeries(
        moved.astype(np.float32),
        angles,
        pixel_size_nm=pixel,
        metadata={
            "dataset": dataset.name,
            "synthetic": True,
            "angle_source": "simulation",
            "tilt_axis": "kit",
            "true_shifts_px": shifts.tolist(),
        },
        history=[f"SIMULATED stand-in for {dataset.name}: not measured data"],
    )


def _drifted(image: np.ndarray, along_x: int, along_y: int) -> np.ndarray:
    """Shift by whole pixels; the needle goes on beyond the image, so its edge is repeated."""
    x, y = (np.arange(length) for length in image.shape)
    rows = np.clip(x - along_x, 0, x[-1])
    return image[rows][:, np.clip(y - along_y, 0, y[-1])]


def _column_maps(dataset: Dataset, size: int, rng: np.random.Generator) -> ElementMaps:
    lattice = {"Dy": ((0.0, 0.0),), "Sc": ((0.5, 0.5),), "O": ((0.5, 0.0), (0.0, 0.5))}
    atomic_numbers = {"Sc": 21, "Dy": 66, "O": 8}
    position = np.arange(size) / 16.0
    clean = {
        element: np.sum(
            [np.outer(_columns(position, row), _columns(position, col)) for row, col in sites],
            axis=0,
        )
        for element, sites in lattice.items()
    }
    weighted = np.sum(
        [atomic_numbers[element] ** 1.7 * image for element, image in clean.items()], axis=0
    )
    haadf = rng.poisson(weighted * (2000.0 / np.max(weighted)) + 200.0).astype(np.float64)
    maps = {element: rng.poisson(6.0 * image) / 6.0 for element, image in clean.items()}
    return ElementMaps(
        haadf,
        {element: maps[element] for element in dataset.options["elements"]},
        {"dataset": dataset.name, "synthetic": True, "source": "simulation"},
    )


def _columns(position: np.ndarray, site: float) -> np.ndarray:
    offset = (position - site + 0.5) % 1.0 - 0.5
    return np.exp(-(offset**2) / (2 * 0.12**2))


_LOADERS: dict[str, Callable[[Dataset, builtins.list[Path]], TiltSeries | ElementMaps]] = {
    "tilt_series": _load_tilt_series,
    "element_maps": _load_element_maps,
}
_STAND_INS: dict[str, Callable[[Dataset, int, np.random.Generator], TiltSeries | ElementMaps]] = {
    "tilt_series": _layered_needle,
    "element_maps": _column_maps,
}
