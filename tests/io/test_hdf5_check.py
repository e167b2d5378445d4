"""HDF5 files are looked through in another process before they are opened."""

import io
import json
import os
import signal
import struct
import sys

import h5py
import numpy as np
import pytest

from em_inverse.errors import FileFormatError
from em_inverse.io import hdf5_check, hdf5_worker, read_tilt_series, read_volume
from em_inverse.io.hdf5_check import check_hdf5

ANGLES = [-60.0, 0.0, 60.0]


@pytest.fixture
def worker(monkeypatch):
    """A process of this test's own."""
    own = hdf5_check._Worker()
    monkeypatch.setattr(hdf5_check, "_WORKER_PROCESS", own)
    yield own
    own.end()


def save(path):
    with h5py.File(path, "w") as h5:
        h5["series"] = np.ones((3, 4, 5))
        h5["series"].attrs["units"] = "nm"
    return path


def endless(path):
    """A file whose heap of texts has an object of impossible length: HDF5 never comes back."""
    raw = bytearray(save(path).read_bytes())
    struct.pack_into("<Q", raw, raw.index(b"GCOL") + 24, 2**64 - 1)
    path.write_bytes(raw)
    return path


@pytest.mark.skipif(os.name != "posix", reason="limits the time of computing")
def test_a_file_on_which_hdf5_loops_is_refused(tmp_path, worker, monkeypatch):
    good, path = save(tmp_path / "b.h5"), endless(tmp_path / "a.hspy")
    check_hdf5(good)
    child = worker._child
    # However busy the machine, it is the time of computing that ends it.
    monkeypatch.setattr(hdf5_check, "_WALL_SECONDS", 600.0)
    with pytest.raises(FileFormatError, match="makes the HDF5 library loop or crash"):
        read_tilt_series(path, ANGLES)
    assert child.returncode == -signal.SIGPROF
    assert read_tilt_series(good, ANGLES).n_tilts == 3


@pytest.mark.skipif(os.name != "posix", reason="limits the time of computing")
def test_volumes_are_looked_through_as_well(tmp_path, worker):
    with pytest.raises(FileFormatError, match="loop or crash"):
        read_volume(endless(tmp_path / "a.h5"))


def test_one_process_serves_many_files_and_starts_again(tmp_path, worker):
    path = save(tmp_path / "a file with ü.h5")
    check_hdf5(path)
    first = worker._child
    check_hdf5(path)
    assert worker._child is first
    first.kill()
    first.wait()
    check_hdf5(path)
    assert worker._child is not first


def test_no_answer_in_time(tmp_path, worker, monkeypatch):
    script = tmp_path / "silent.py"
    script.write_text("input(); input()")
    monkeypatch.setattr(hdf5_check, "_WORKER", script)
    monkeypatch.setattr(hdf5_check, "_WALL_SECONDS", 0.1)
    with pytest.raises(FileFormatError, match="loop or crash"):
        check_hdf5(save(tmp_path / "a.h5"))
    assert worker._child is None


def test_an_interrupt_ends_the_process(tmp_path, worker, monkeypatch):
    check_hdf5(save(tmp_path / "a.h5"))
    child = worker._child

    def interrupted(self, timeout=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hdf5_check.threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            check_hdf5(tmp_path / "a.h5")
    assert child.poll() is not None


def test_too_much_memory_is_told_by_a_process_that_then_ends(tmp_path, worker, monkeypatch):
    script = tmp_path / "greedy.py"
    script.write_text("input(); print('memory', flush=True); input()")
    monkeypatch.setattr(hdf5_check, "_WORKER", script)
    with pytest.raises(FileFormatError, match="more memory"):
        check_hdf5(save(tmp_path / "a.h5"))
    assert worker._child is None


def serve(monkeypatch, capsys, *paths):
    """Run the other side in this process, without its limits; return the answers."""
    monkeypatch.setattr(hdf5_worker, "limit_memory", lambda growth: None)
    monkeypatch.setattr(hdf5_worker, "_CPU_SECONDS", 0.0)
    lines = "".join(json.dumps(str(path)) + "\n" for path in paths)
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    hdf5_worker.serve()
    return capsys.readouterr().out.split()


def test_answers(tmp_path, monkeypatch, capsys):
    path = save(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"none")
    with h5py.File(tmp_path / "c.h5", "w") as h5:
        h5.create_dataset("chunked", data=np.ones((4, 4)), chunks=(2, 2))
        h5.create_dataset("large", (2**20, 2**10), "f8", chunks=(2**14, 2**10))
        h5["text"] = "words"
        h5["broken"] = h5py.SoftLink("/nowhere")
    answers = serve(monkeypatch, capsys, path, tmp_path / "b.h5", tmp_path / "c.h5")
    assert answers == ["fine", "fine", "fine"]


def test_a_listing_that_cannot_be_followed(tmp_path, worker):
    path = save(tmp_path / "a.h5")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<Q", raw, raw.index(b"TREE") + 8 + 24, 2**56)
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="cannot be followed"):
        read_tilt_series(path, ANGLES)


def test_memory_and_other_errors_inside_the_walk(tmp_path, monkeypatch, capsys):
    path = save(tmp_path / "a.h5")

    def fails(error):
        def touch(dataset):
            raise error

        monkeypatch.setattr(hdf5_worker, "_touch_numbers", touch)
        return serve(monkeypatch, capsys, path)

    assert fails(MemoryError()) == ["memory"]
    assert fails(OSError("memory allocation failed for chunk")) == ["memory"]
    assert fails(RuntimeError()) == ["fine"]
    peaks = iter([0, 2**30])
    monkeypatch.setattr(hdf5_worker, "_peak", lambda: next(peaks))
    assert fails(RuntimeError()) == ["memory"]


def test_the_walk_ends_when_it_has_seen_enough(tmp_path, monkeypatch, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        for index in range(20):
            h5[f"n{index}"] = index
    seen = []
    monkeypatch.setattr(hdf5_worker, "_touch_numbers", seen.append)
    monkeypatch.setattr(hdf5_worker, "_ENOUGH_SECONDS", -1.0)
    assert serve(monkeypatch, capsys, tmp_path / "a.h5") == ["fine"]
    assert len(seen) == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_time_of_computing_is_limited_and_released():
    hdf5_worker._limit_time(100.0)
    assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    hdf5_worker._limit_time(0.0)
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0
