"""The system's notices shorten the wait, and nothing depends on them."""

import sys
import threading

import numpy as np
import pytest

from em_inverse.dynamic import watch
from em_inverse.dynamic.waking import Waker
from em_inverse.errors import ParameterError

LONG_S = 20.0


def test_a_notice_ends_a_long_wait(bench):
    pytest.importorskip("watchdog")
    with watch(bench.folder, settle_s=0.02, poll_s=1000, events="watchdog", n=2) as watcher:
        got = []
        thread = threading.Thread(target=lambda: got.extend(watcher), daemon=True)
        thread.start()
        for k in range(2):
            np.save(bench.folder / f"a_+{k}deg.npy", bench.image(k))
        thread.join(LONG_S)
        assert not thread.is_alive()
        assert [one.angle_deg for one in got] == [0, 1]


def test_reading_does_not_wake(bench):
    pytest.importorskip("watchdog")
    path = bench.save("a_+1deg.npy", bench.image(1))
    waker = Waker("watchdog", recursive=False, tell=lambda *notice: None)
    waker.attend(bench.folder)
    path.read_bytes()
    by_reading = waker._woken.wait(0.3)
    bench.save("b_+2deg.npy", bench.image(2))
    by_a_change = waker._woken.wait(LONG_S)
    waker.close()
    assert (by_reading, by_a_change) == (False, True)


def test_what_comes_before_the_first_notice_is_not_missed(bench, monkeypatch):
    pytest.importorskip("watchdog")
    attend = Waker.attend

    def late(self, folder):
        if not (folder / "a_+1deg.npy").exists():
            bench.save("a_+1deg.npy", bench.image(1))
        return attend(self, folder)

    monkeypatch.setattr(Waker, "attend", late)
    with bench.watch(events="watchdog") as watcher:
        watcher.poll()
        assert len(watcher.pending) == 1


def test_notices_begin_again_with_a_new_folder(bench, kinds):
    pytest.importorskip("watchdog")
    bench.folder.rmdir()
    watcher = bench.watch(events="watchdog")
    threads = threading.active_count()
    watcher.poll()
    assert threading.active_count() == threads
    for _ in range(2):
        bench.folder.mkdir(exist_ok=True)
        watcher.poll()
        assert threading.active_count() > threads
        bench.folder.rmdir()
        watcher.poll()
        assert threading.active_count() == threads
    bench.folder.mkdir()
    watcher.poll()
    watcher.close()
    assert threading.active_count() == threads
    assert set(kinds(watcher)) == {"folder missing", "folder back"}


def test_without_watchdog_the_folder_is_looked_at(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchdog.observers", None)
    with pytest.raises(ParameterError, match=r"events is 'watchdog'.*em-inverse\[live\]"):
        bench.watch(events="watchdog")
    bench.save("a_+1deg.npy", bench.image(1))
    watcher = bench.watch(events="auto")
    assert len(bench.polls(watcher)) == 1
    assert watcher.log == []


def test_a_system_that_gives_no_notices_is_told_once(bench, kinds, monkeypatch):
    observers = pytest.importorskip("watchdog.observers")

    class Refusing:
        def schedule(self, *args, **options):
            raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(observers, "Observer", Refusing)
    bench.save("a_+1deg.npy", bench.image(1))
    watcher = bench.watch(events="watchdog")
    assert len(bench.polls(watcher)) == 1
    assert kinds(watcher) == ["events"]
    assert "limit reached" in watcher.log[0].message
