"""Waiting and ending, threads, and a real second process that writes slowly."""

import subprocess
import sys
import threading
import time

import mrcfile
import numpy as np
import pytest
import tifffile

from em_inverse.dynamic import watch

QUICK = {"settle_s": 0.02, "poll_s": 0.01, "events": "polling"}
LONG_S = 20.0
WRITER = """
import sys, time
slow = sys.argv[1] == "slow"
for source, target in zip(sys.argv[2::2], sys.argv[3::2]):
    content = open(source, "rb").read()
    half = len(content) // 2
    with open(target, "wb") as stream:
        stream.write(content[:half])
        stream.flush()
        if slow:
            time.sleep(0.05)
        else:
            print("half", flush=True)
            sys.stdin.readline()
        stream.write(content[half:])
    print("whole", flush=True)
"""


def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def files_to_copy(bench, count=2):
    """Whole MRC and TIFF files outside the folder, and where they go: source, target, ..."""
    paths = []
    for k in range(count):
        ending = ("mrc", "tif")[k % 2]
        source = bench.folder.parent / f"{k}.{ending}"
        if ending == "mrc":
            with mrcfile.new(source) as mrc:
                mrc.set_data(bench.image(k, (64, 64)))
        else:
            tifffile.imwrite(source, bench.image(k, (64, 64)), photometric="minisblack")
        paths += [str(source), str(bench.folder / f"a_+{k}deg.{ending}")]
    return paths


def writer(mode, paths):
    command = [sys.executable, "-S", "-c", WRITER, mode, *paths]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_nothing_of_a_file_that_another_process_has_half_written(bench):
    watcher = bench.watch(give_up_s=1e3)
    with writer("by hand", files_to_copy(bench)) as process:
        for k in range(2):
            assert process.stdout.readline() == "half\n"
            assert bench.polls(watcher, times=5) == []
            assert len(watcher.pending) == 1
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "whole\n"
            (arrival,) = bench.polls(watcher, times=3)
            np.testing.assert_array_equal(arrival.projection, bench.image(k, (64, 64)).T)
    assert watcher.pending == {}


@pytest.mark.parametrize("events", ["polling", "watchdog"])
def test_another_process_writes_slowly_and_all_arrives_whole(bench, events):
    if events == "watchdog":
        pytest.importorskip("watchdog")
    options = {**QUICK, "events": events, "timeout_s": LONG_S}
    with (
        writer("slow", files_to_copy(bench, 6)) as process,
        watch(bench.folder, n=6, **options) as watcher,
    ):
        arrivals = list(watcher)
        process.communicate()
    assert [one.angle_deg for one in arrivals] == list(range(6))
    for k, arrival in enumerate(arrivals):
        np.testing.assert_array_equal(arrival.projection, bench.image(k, (64, 64)).T)


def test_n_counts_polls_as_well(bench):
    for k in range(4):
        bench.save(f"a_+{k}deg.npy", bench.image(k))
    watcher = bench.watch(n=3)
    assert len(bench.polls(watcher)) == 3
    assert bench.polls(watcher) == []
    assert list(watcher) == []
    assert watcher.closed
    assert len(watcher.seen()["files"]) == 3
    assert list(watch(bench.folder, n=0)) == []


def test_what_is_there_and_no_more(bench):
    for k in range(3):
        bench.save(f"a_+{k}deg.npy", bench.image(k))
    bench.write("b_+9deg.npy", b"half")
    assert len(list(watch(bench.folder, timeout_s=0, **QUICK))) == 3
    bench.folder.joinpath("b_+9deg.npy").unlink()
    assert list(watch(bench.folder / "none", timeout_s=0, **QUICK)) == []


@pytest.mark.parametrize("settle_s", [0, 0.02, 5.0])
def test_a_program_that_is_kept_waiting_still_sees_what_is_there(bench, settle_s):
    for k in range(3):
        bench.save(f"a_+{k}deg.npy", bench.image(k))
    # Ten seconds pass whenever the time is asked for: others have the processor.
    late = iter(range(0, 10_000, 10))
    how = {**QUICK, "settle_s": settle_s, "clock": lambda: float(next(late))}
    assert len(list(watch(bench.folder, timeout_s=0, **how))) == 3


def test_a_change_puts_the_end_off(bench):
    watcher = bench.watch(timeout_s=50)
    watcher.poll()
    bench.now += 45
    bench.save("a.npy", bench.image(1))
    bench.polls(watcher)
    bench.now += 45
    bench.save("a_+1deg.npy", bench.image(2))
    assert next(iter_with_ticks(bench, watcher)).angle_deg == 1
    bench.now += 51
    assert list(watcher) == []


def iter_with_ticks(bench, watcher):
    """Iterate while the hand-driven clock goes on."""
    for _ in range(10):
        yield from watcher.poll()
        bench.now += 1


@pytest.mark.parametrize("kind", ["event", "callable"])
def test_stop_ends_the_iteration(bench, kind):
    event = threading.Event()
    stop = event if kind == "event" else event.is_set
    watcher = watch(bench.folder, stop=stop, **{**QUICK, "poll_s": LONG_S})
    got = []
    thread = in_thread(lambda: got.extend(watcher))
    event.set()
    thread.join(LONG_S / 2)
    assert not thread.is_alive()
    assert got == []
    assert watcher.closed


def test_close_from_another_thread_ends_a_long_wait(bench):
    watcher = watch(bench.folder, **{**QUICK, "poll_s": 1000.0})
    started = threading.Event()
    thread = in_thread(lambda: (started.set(), list(watcher)))
    assert started.wait(LONG_S)
    watcher.close()
    thread.join(LONG_S)
    assert not thread.is_alive()
    assert watcher.poll() == []
    watcher.close()


def test_what_is_read_while_it_is_closed_is_not_lost(bench, monkeypatch):
    from em_inverse.dynamic import intake

    read = intake.read_frames
    bench.save("a_+1deg.npy", bench.image(1))
    watcher = bench.watch()

    def closing(path, **options):
        frames = read(path, **options)
        watcher.close()
        return frames

    monkeypatch.setattr(intake, "read_frames", closing)
    assert bench.polls(watcher) == []
    assert watcher.seen()["files"] == {}
    monkeypatch.setattr(intake, "read_frames", read)
    assert len(bench.polls(bench.watch(already=watcher.seen()))) == 1


def test_others_may_look_on_while_it_runs(bench):
    watcher = watch(bench.folder, **QUICK)
    looked, problems = threading.Event(), []

    def look_on():
        try:
            while not watcher.closed:
                watcher.pending, watcher.seen(), list(watcher.log)
                looked.set()
                time.sleep(0.001)
        except Exception as error:
            problems.append(error)

    thread = in_thread(look_on)
    assert looked.wait(LONG_S)
    for k in range(20):
        bench.save(f"a_+{k}deg.npy", bench.image(k))
    assert sum(1 for _, _ in zip(range(20), watcher, strict=False)) == 20
    watcher.close()
    thread.join(LONG_S)
    assert problems == []


def test_with_closes(bench):
    with watch(bench.folder, **QUICK) as watcher:
        assert not watcher.closed
    assert watcher.closed
    assert list(watcher) == []
