"""A folder to write into, a clock that goes when it is told to, and other tests' file builders."""

import importlib.util
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from em_inverse.dynamic import watch

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
