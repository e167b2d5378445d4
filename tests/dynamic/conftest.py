"""A folder to write into, a clock that goes when it is told to, and other tests' file builders."""

import importlib.util
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from em_inverse import phantoms
from em_inverse.dynamic import watch
from em_inverse.forward import ParallelBeam

IO_TESTS = Path(__file__).resolve().parents[1] / "io"


class Bench:
    """A watched folder under a hand-driven clock."""

    def __init__(self, folder):
        self.folder, self.now = folder, 100.0
        self._times = itertools.count(1_700_000_000)

    def clock(self):
        return self.now

    def watch(self, folder=None, **options):
        options = {"events": "polling", "clock": self.clock, **options}
        return watch(self.folder if folder is None else folder, **options)

    def polls(self, watcher, seconds=2.0, times=2):
        """All that arrives in several looks with `seconds` before each but the first."""
        arrivals = watcher.poll()
        for _ in range(times - 1):
            self.now += seconds
            arrivals += watcher.poll()
        return arrivals

    def image(self, seed, shape=(4, 5)):
        return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.uint16)

    def save(self, name, image):
        return self.write(name, npy(image))

    def write(self, name, content):
        """Write a file whose time of change is later than that of all before it."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.touch(path)

    def touch(self, path):
        time = next(self._times)
        os.utime(path, (time, time))
        return path


def npy(image):
    import io

    stream = io.BytesIO()
    np.save(stream, image)
    return stream.getvalue()


@pytest.fixture
def bench(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    return Bench(folder)


@pytest.fixture(scope="session")
def builders():
    """The modules that build files of other programs, by the names of their formats."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"build_{name}", IO_TESTS / f"test_{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return {name: load(name) for name in ("dm", "ser", "emd")}


def kinds(watcher):
    return [notice.kind for notice in watcher.log]


@pytest.fixture(name="kinds")
def kinds_fixture():
    return kinds


class Tilts:
    """Projections of a specimen as a microscope delivers them, and where each of them lies."""

    def __init__(self, angles_deg, images, drift, shape):
        self.angles_deg, self.images = angles_deg, images
        self.drift, self.shape = drift, shape

    def __iter__(self):
        return zip(self.angles_deg, self.images, strict=True)


def cluster(seed, n=64, ny=56):
    """Fourteen nanoparticles in vacuum."""
    rng = np.random.default_rng(seed)
    volume = np.zeros((n, n, ny), np.float32)
    grid = np.ogrid[:n, :n, :ny]
    for _ in range(14):
        centre = np.array(volume.shape) * (0.5 + rng.uniform(-0.22, 0.22, 3))
        radius, value = rng.uniform(3, 6) * n / 64, rng.uniform(0.6, 1)
        distance = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
        np.maximum(volume, value * np.clip(radius + 0.5 - distance, 0, 1), out=volume)
    return volume


def recorded(
    volume,
    *,
    seed=0,
    order="sequential",
    drift="jitter",
    noise=0.03,
    hot=1e-3,
    keep_y=None,
    spoil=(),
):
    """61 tilts to ±60° with drift, offset, hot pixels and noise; `spoil` maps index to a fault."""
    rng = np.random.default_rng(1000 + seed)
    angles = np.linspace(-60, 60, 61)
    if order == "golden":
        angles = angles[np.argsort(np.argsort(np.arange(61) * (np.sqrt(5) - 1) / 2 % 1))]
    moved = {
        "jitter": rng.uniform(-3, 3, (61, 2)),
        "walk": np.clip(np.cumsum(rng.normal(0, 0.4, (61, 2)), axis=0), -3, 3),
        "none": np.zeros((61, 2)),
    }[drift]
    A = ParallelBeam(volume.shape, angles, center_shift=moved[:, 0], axial_shift=moved[:, 1])
    images = A.forward(volume)[:, :, :keep_y]
    images *= 400 / images.max()
    for index, fault in dict(spoil).items():
        images[index] = fault(images[index])
    images += rng.normal(0, noise * 400, images.shape)
    images += (500 + rng.normal(0, 5, 61))[:, None, None]
    faulty = rng.random(images.shape) < hot
    images[faulty] += rng.uniform(800, 20000, np.count_nonzero(faulty))
    return Tilts(angles, images.astype(np.float32), moved, (*volume.shape[:2], images.shape[2]))


@pytest.fixture(scope="session")
def nanoparticles():
    """``nanoparticles(seed, **settings)``: a recorded tilt series of a cluster."""
    made = {}

    def record(seed, **settings):
        if seed not in made:
            made[seed] = cluster(seed)
        return recorded(made[seed], seed=seed, **settings)

    return record


@pytest.fixture(scope="session")
def needle_tilts():
    """``needle_tilts(**settings)``: a recorded tilt series of a needle that leaves the frame."""
    # Longer than the frame, so that a drift along the axis brings more of it into view.
    volume = phantoms.needle(64, 72)
    return lambda **settings: recorded(volume, keep_y=56, **settings)
