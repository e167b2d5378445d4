"""What a user of a watched folder sees, with files of every format and mishaps of every kind."""

import json
import os
import shutil
import threading
import weakref
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image

from em_inverse.dynamic import watch

DAMAGED = b"\x93NUMPY\x01\x00 no header"


def names(arrivals):
    return [arrival.path.name for arrival in arrivals]


def angles(arrivals):
    return [arrival.angle_deg for arrival in arrivals]


def test_a_file_counts_at_the_second_look_when_it_has_not_changed(bench):
    watcher = bench.watch(settle_s=1.0)
    path = bench.save("a_-34deg.npy", bench.image(0))
    assert bench.polls(watcher, 0.4, times=3) == []
    assert watcher.pending == {path: "changed not long ago"}
    bench.touch(path)
    assert bench.polls(watcher, 0.4, times=3) == []
    bench.now += 0.3
    (arrival,) = watcher.poll()
    assert (arrival.path, arrival.name, arrival.angle_deg) == (path, path.name, -34.0)
    np.testing.assert_array_equal(arrival.projection, bench.image(0).T)
    assert arrival.projection.dtype == np.float32
    assert arrival.notes == ("angle from file name",)
    assert (arrival.frame, arrival.seen_s, arrival.withdraws_deg) == (0, 0.0, None)
    assert watcher.pending == {}
    assert bench.polls(watcher) == []
    assert watcher.log == []


def test_every_format_arrives_with_its_angle_and_size(bench, builders):
    image = bench.image(0)
    folder = bench.folder

    def other(seed):
        return bench.image(seed)

    with mrcfile.new(folder / "mrc_-10deg.mrc") as mrc:
        mrc.set_data(other(1))
        mrc.voxel_size = 5.0
    tifffile.imwrite(folder / "tif_-20deg.tif", other(2), photometric="minisblack")
    Image.fromarray(other(3)).save(folder / "png_-30deg.png")
    np.save(folder / "npy_-40deg.npy", other(4))
    with h5py.File(folder / "h5_-50deg.h5", "w") as h5:
        h5["data"] = other(5)
    dm, ser, emd = builders["dm"], builders["ser"], builders["emd"]
    dm.save(folder / "three.dm3", dm.image(other(6), tags=dm.stage(-3.0)))
    dm.save(folder / "four.dm4", dm.image(other(7), tags=dm.stage(4.0)))
    ser.save(folder / "tia_1.ser", other(8)[np.newaxis])
    (folder / "tia.emi").write_bytes(b"\1\2" + ser.description("12.5"))
    emd.velox(folder / "velox.emd", [emd.frame(alpha=15.0)], other(9)[np.newaxis])
    emd.open_format(folder / "open_-60deg.emd", other(10), dims=emd.PIXELS)
    arrivals = {one.path.name: one for one in bench.polls(bench.watch())}
    found = {name: one.angle_deg for name, one in arrivals.items()}
    assert found == {
        "mrc_-10deg.mrc": -10,
        "tif_-20deg.tif": -20,
        "png_-30deg.png": -30,
        "npy_-40deg.npy": -40,
        "h5_-50deg.h5": -50,
        "three.dm3": -3,
        "four.dm4": 4,
        "tia_1.ser": 12.5,
        "velox.emd": pytest.approx(15),
        "open_-60deg.emd": -60,
    }
    for seed, name in enumerate(found, start=1):
        assert arrivals[name].projection.shape == image.T.shape, seed
    np.testing.assert_array_equal(arrivals["velox.emd"].projection, other(9).T)
    np.testing.assert_array_equal(arrivals["tia_1.ser"].projection, other(8).T)
    assert arrivals["mrc_-10deg.mrc"].pixel_size_nm == pytest.approx(0.5)


def test_what_is_there_comes_in_the_order_of_writing_then_of_names(bench):
    for name in ("b_+9deg.npy", "b_+10deg.npy", "a_+8deg.npy"):
        bench.save(name, bench.image(len(name) + ord(name[3])))
    for name in ("b_+10deg.npy", "b_+9deg.npy"):
        os.utime(bench.folder / name, (5, 5))
    assert angles(bench.polls(bench.watch())) == [9, 10, 8]


@pytest.mark.parametrize("keep", [0, 60, -1])
@pytest.mark.parametrize("ending", ["mrc", "tif", "npy", "png"])
def test_half_a_file_waits_and_is_tried_again_when_it_grows(bench, kinds, ending, keep):
    whole = bench.folder.parent / f"whole.{ending}"
    if ending == "mrc":
        with mrcfile.new(whole) as mrc:
            mrc.set_data(bench.image(1))
    elif ending == "tif":
        tifffile.imwrite(whole, bench.image(1), photometric="minisblack")
    elif ending == "png":
        Image.fromarray(bench.image(1)).save(whole)
    else:
        np.save(whole, bench.image(1))
    content = whole.read_bytes()
    name = f"a_+1deg.{ending}"
    watcher = bench.watch(give_up_s=1e3)
    path = bench.write(name, content[:keep])
    assert bench.polls(watcher, times=5) == []
    assert kinds(watcher) == ["incomplete"]
    assert name in watcher.pending[path]
    bench.write(name, content)
    (arrival,) = bench.polls(watcher)
    np.testing.assert_array_equal(arrival.projection, bench.image(1).T)
    assert watcher.pending == {}


def test_a_corrupt_file_is_logged_once_and_tried_again_when_it_changes(bench, kinds, monkeypatch):
    tries = count_reads(monkeypatch)
    watcher = bench.watch(give_up_s=60)
    path = bench.write("a_+1deg.npy", DAMAGED)
    assert bench.polls(watcher, seconds=0.5, times=120) == []
    assert kinds(watcher) == ["incomplete"]
    assert 8 <= len(tries) <= 14, "waits between tries grow"
    assert bench.polls(watcher, seconds=5, times=100) == []
    assert kinds(watcher) == ["incomplete", "corrupt"]
    assert "could not be read as a NumPy file" in watcher.pending[path]
    so_far = len(tries)
    bench.polls(watcher, times=20)
    assert len(tries) == so_far
    bench.save(path.name, bench.image(1))
    assert angles(bench.polls(watcher)) == [1]


def count_reads(monkeypatch):
    from em_inverse.dynamic import intake

    tries, read = [], intake.read_frames

    def counted(path, **options):
        tries.append(path)
        return read(path, **options)

    monkeypatch.setattr(intake, "read_frames", counted)
    return tries


def test_a_stale_network_share_is_outwaited(bench, monkeypatch):
    """The file is whole, and its size and time stay the same, but its content comes late."""
    from em_inverse.dynamic import intake

    read, answers = intake.read_frames, [OSError("old"), ValueError("old")]

    def late(path, **options):
        if answers:
            raise answers.pop()
        return read(path, **options)

    monkeypatch.setattr(intake, "read_frames", late)
    watcher = bench.watch()
    bench.save("a_+1deg.npy", bench.image(1))
    assert bench.polls(watcher) == []
    assert angles(bench.polls(watcher, seconds=0.5, times=5)) == [1]


def test_a_disk_that_fails_is_never_given_up(bench, kinds, monkeypatch):
    from em_inverse.dynamic import intake

    read, broken = intake.read_frames, [True]

    def failing(path, **options):
        if broken:
            raise ValueError("wrapped") from OSError(5, "Input/output error")
        return read(path, **options)

    monkeypatch.setattr(intake, "read_frames", failing)
    watcher = bench.watch(give_up_s=20)
    bench.save("a_+1deg.npy", bench.image(1))
    assert bench.polls(watcher, seconds=5, times=60) == []
    assert kinds(watcher) == ["incomplete"]
    broken.clear()
    assert angles(bench.polls(watcher, seconds=11)) == [1]


def test_a_file_that_changes_while_it_is_read_is_not_believed(bench, monkeypatch):
    from em_inverse.dynamic import intake

    read, first = intake.read_frames, [True]
    watcher = bench.watch()
    path = bench.save("a_+1deg.npy", bench.image(1))

    def overtaken(path, **options):
        frames = read(path, **options)
        if first:
            first.clear()
            bench.save(path.name, bench.image(2))
        return frames

    monkeypatch.setattr(intake, "read_frames", overtaken)
    assert bench.polls(watcher) == []
    (arrival,) = bench.polls(watcher)
    np.testing.assert_array_equal(arrival.projection, bench.image(2).T)
    assert arrival.path == path
    assert watcher.log == []


def test_copies_are_left_out_whatever_their_format(bench, kinds):
    watcher = bench.watch()
    bench.save("a_+1deg.npy", bench.image(1))
    assert len(bench.polls(watcher)) == 1
    tifffile.imwrite(bench.folder / "copy_+1deg.tif", bench.image(1), photometric="minisblack")
    bench.save("a_+1deg (2).npy", bench.image(1))
    (bench.folder / "link_+7deg.npy").symlink_to(bench.folder / "a_+1deg.npy")
    assert bench.polls(watcher, times=4) == []
    assert kinds(watcher) == ["duplicate"] * 3
    assert "same pixels as a_+1deg.npy" in watcher.log[0].message
    assert watcher.pending == {}
    loose = bench.watch(duplicates="yield")
    assert len(bench.polls(loose)) == 4
    assert "duplicate" not in kinds(loose)


def test_a_file_that_becomes_a_copy_is_read_again_only_by_a_new_session(bench, monkeypatch):
    bench.write("angles.txt", "a.npy,1\nb.npy,2\n")
    for k, name in enumerate("ab"):
        bench.save(f"{name}.npy", bench.image(k))
    watcher = bench.watch()
    assert len(bench.polls(watcher)) == 2
    bench.save("a.npy", bench.image(1))
    bench.write("angles.txt", "a.npy,3\nb.npy,2\n")
    tries = count_reads(monkeypatch)
    assert bench.polls(watcher, times=6) == []
    assert names_of(tries).count("a.npy") <= 2
    assert watcher.seen()["files"]["a.npy"]["stamp"] is None
    so_far = len(tries)
    assert bench.polls(bench.watch(already=watcher.seen())) == []
    assert names_of(tries[so_far:]) == ["a.npy"]


def names_of(paths):
    return [path.name for path in paths]


def test_a_retaken_angle_replaces_and_says_so(bench, kinds):
    watcher = bench.watch()
    bench.save("a_+1deg.npy", bench.image(1))
    bench.polls(watcher)
    bench.save("b_+1deg.npy", bench.image(2))
    (arrival,) = bench.polls(watcher)
    assert arrival.angle_deg == 1
    assert "replaces the projection of a_+1deg.npy at the same angle" in arrival.notes
    assert arrival.withdraws_deg is None
    assert kinds(watcher) == ["retaken"]


def test_a_rewritten_file_is_yielded_again_and_a_touched_one_is_not(bench, kinds):
    watcher = bench.watch()
    path = bench.save("a_+1deg.npy", bench.image(1))
    bench.polls(watcher)
    bench.touch(path)
    assert bench.polls(watcher) == []
    for seed in (2, 1):
        bench.save("a_+1deg.npy", bench.image(seed))
        (arrival,) = bench.polls(watcher)
        np.testing.assert_array_equal(arrival.projection, bench.image(seed).T)
        assert any("rewritten" in note for note in arrival.notes)
    assert kinds(watcher) == ["rewritten"] * 2


def test_another_shape_is_left_out_unless_it_is_asked_for(bench, kinds):
    bench.save("a_+1deg.npy", bench.image(1))
    bench.save("b_+2deg.npy", bench.image(2, (8, 8)))
    watcher = bench.watch()
    assert angles(bench.polls(watcher, times=4)) == [1]
    assert kinds(watcher) == ["wrong shape"]
    assert "shape (8, 8) [x, y], not (5, 4) as the first one" in watcher.log[0].message
    assert angles(bench.polls(bench.watch(shape=(8, 8)))) == [2]
    assert angles(bench.polls(bench.watch(shape=None))) == [1, 2]


def test_strangers_and_unfinished_names_are_left_alone(bench):
    for name in ("Thumbs.db", ".a_+1deg.npy", "a_+1deg.npy.part", "a_+1deg.tmp.npy", "a.npy~"):
        bench.write(name, b"x")
    for name in ("readme.txt", "log.xml", "a_+1deg.npy.mdoc", "a.emi", "angles.csv"):
        bench.write(name, "x")
    (bench.folder / "sub_+1deg.npy").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(bench.folder / "pipe_+1deg.npy")
    watcher = bench.watch()
    assert bench.polls(watcher, times=4) == []
    assert (watcher.log, watcher.pending) == ([], {})
    bench.save("a_+1deg.npy.part", bench.image(1))
    for name in ("a_+1deg.npy.mdoc", "angles.csv"):
        (bench.folder / name).unlink()
    (bench.folder / "a_+1deg.npy.part").rename(bench.folder / "a_+1deg.npy")
    assert names(bench.polls(watcher)) == ["a_+1deg.npy"]


def test_patterns_and_endings_choose(bench):
    bench.save("tilt_+1deg.npy", bench.image(1))
    bench.save("dark_+2deg.npy", bench.image(2))
    tifffile.imwrite(bench.folder / "tilt_+3deg.tif", bench.image(3), photometric="minisblack")
    assert sorted(angles(bench.polls(bench.watch(bench.folder / "tilt_*")))) == [1, 3]
    assert angles(bench.polls(bench.watch(endings=[".TIF"]))) == [3]


def test_subfolders_when_asked(bench, kinds):
    bench.save("a_+1deg.npy", bench.image(1))
    bench.save("deep/a_+1deg.npy", bench.image(2))
    (bench.folder / "deep" / "circle").symlink_to(bench.folder)
    assert len(bench.polls(bench.watch())) == 1
    watcher = bench.watch(recursive=True)
    arrivals = bench.polls(watcher)
    assert [one.name for one in arrivals] == ["a_+1deg.npy", "deep/a_+1deg.npy"]
    again = bench.watch(recursive=True, already=watcher.seen())
    assert bench.polls(again) == []


def test_a_file_that_disappears_is_logged_once(bench, kinds):
    watcher = bench.watch()
    path = bench.save("a_+1deg.npy", bench.image(1))
    watcher.poll()
    path.unlink()
    assert bench.polls(watcher, times=4) == []
    assert kinds(watcher) == ["disappeared"]
    assert watcher.pending == {}
    bench.save(path.name, bench.image(1))
    assert len(bench.polls(watcher)) == 1
    path.unlink()
    bench.polls(watcher)
    bench.save(path.name, bench.image(1))
    assert bench.polls(watcher) == []
    assert kinds(watcher) == ["disappeared"]


def test_a_file_that_disappears_between_listing_and_reading(bench, kinds, monkeypatch):
    from em_inverse.dynamic import intake

    def gone(path, **options):
        path.unlink(missing_ok=True)
        raise FileNotFoundError(2, "gone")

    monkeypatch.setattr(intake, "read_frames", gone)
    watcher = bench.watch()
    bench.save("a_+1deg.npy", bench.image(1))
    assert bench.polls(watcher, times=4) == []
    assert kinds(watcher) == ["disappeared"]


def test_the_folder_may_come_late_go_away_and_come_back(bench, kinds, caplog):
    bench.folder.rmdir()
    watcher = bench.watch()
    assert bench.polls(watcher, times=3) == []
    assert kinds(watcher) == ["folder missing"]
    assert caplog.records == [], "to begin early is no reason for a warning"
    bench.folder.mkdir()
    bench.save("a_+1deg.npy", bench.image(1))
    half = bench.write("b_+2deg.npy", DAMAGED)
    assert angles(bench.polls(watcher)) == [1]
    away = bench.folder.rename(bench.folder.with_name("unmounted"))
    assert bench.polls(watcher, times=3) == []
    assert half in watcher.pending
    assert "folder missing" in caplog.text
    away.rename(bench.folder)
    bench.save("b_+2deg.npy", bench.image(2))
    assert angles(bench.polls(watcher)) == [2]
    shown = [kind for kind in kinds(watcher) if kind.startswith("folder")]
    assert shown == ["folder missing", "folder back", "folder missing", "folder back"]


def test_an_empty_mount_point_loses_nothing(bench):
    watcher = bench.watch()
    bench.save("a_+1deg.npy", bench.image(1))
    assert len(bench.polls(watcher)) == 1
    away = bench.folder.rename(bench.folder.with_name("unmounted"))
    bench.folder.mkdir()
    assert bench.polls(watcher) == []
    bench.folder.rmdir()
    away.rename(bench.folder)
    assert bench.polls(watcher, times=3) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_tried_again(bench, kinds):
    path = bench.save("a_+1deg.npy", bench.image(1))
    path.chmod(0)
    watcher = bench.watch(give_up_s=5)
    assert bench.polls(watcher, seconds=5, times=10) == []
    assert kinds(watcher) == ["permission"]
    path.chmod(0o600)
    assert angles(bench.polls(watcher, seconds=11)) == [1]


def test_a_refused_file_is_tried_again_for_ever(bench, kinds, monkeypatch):
    path = bench.save("a_+1deg.npy", bench.image(1))
    opened, locked = Path.open, [True]

    def refusing(self, *args, **options):
        if locked and self == path:
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)
    watcher = bench.watch(give_up_s=5)
    assert bench.polls(watcher, seconds=5, times=100) == []
    assert kinds(watcher) == ["permission"]
    assert watcher.pending == {path: "may not be read (Permission denied)"}
    locked.clear()
    assert angles(bench.polls(watcher, seconds=11)) == [1]


def test_what_is_there_may_be_known_already(bench, kinds):
    bench.save("a_+1deg.npy", bench.image(1))
    bench.write("b_+2deg.npy", DAMAGED)
    watcher = bench.watch(existing=False)
    assert bench.polls(watcher, times=4) == []
    bench.save("c_+3deg.npy", bench.image(3))
    bench.save("b_+2deg.npy", bench.image(2))
    bench.save("copy_+5deg.npy", bench.image(1))
    assert sorted(angles(bench.polls(watcher))) == [2, 3]
    bench.save("a_+1deg.npy", bench.image(4))
    assert angles(bench.polls(watcher)) == [1]
    assert kinds(watcher) == ["duplicate", "rewritten"]


def test_a_restarted_session_goes_on(bench, monkeypatch):
    watcher = bench.watch()
    for k in (1, 2):
        bench.save(f"a_+{k}deg.npy", bench.image(k))
    bench.write("c_+5deg.npy", DAMAGED)
    first = bench.polls(watcher)
    account = json.loads(json.dumps(watcher.seen()))
    watcher.close()
    bench.save("a_+3deg.npy", bench.image(3))
    bench.save("a_+2deg.npy", bench.image(12))
    bench.save("copy_+4deg.npy", bench.image(1))
    bench.save("odd_+4deg.npy", bench.image(1, (9, 9)))
    bench.save("c_+5deg.npy", bench.image(5))
    tries = count_reads(monkeypatch)
    again = bench.watch(already=account)
    assert sorted(angles(bench.polls(again))) == [2, 3, 5]
    assert "a_+1deg.npy" not in {path.name for path in tries}
    assert sorted(notice.kind for notice in again.log) == ["duplicate", "rewritten", "wrong shape"]
    third = bench.watch(already=again.seen())
    assert bench.polls(third) == []
    assert third.seen()["files"] == again.seen()["files"]
    for already in (first, [(one.path.name, one.digest) for one in first]):
        assert sorted(angles(bench.polls(bench.watch(already=already)))) == [2, 3, 5]


def test_two_watchers_do_not_disturb_each_other(bench):
    one, other = bench.watch(), bench.watch()
    bench.save("a_+1deg.npy", bench.image(1))
    before = sorted((path.name, path.stat().st_mtime_ns) for path in bench.folder.iterdir())
    one.poll()
    bench.now += 2
    assert angles(one.poll()) == [1]
    assert angles(bench.polls(other)) == [1]
    after = sorted((path.name, path.stat().st_mtime_ns) for path in bench.folder.iterdir())
    assert before == after


def test_projections_are_not_kept(bench):
    np.save(bench.folder / "stack.npy", np.stack([bench.image(k) for k in range(3)]))
    (bench.folder / "stack.rawtlt").write_text("1\n2\n3\n")
    bench.save("single_+7deg.npy", bench.image(7))
    watcher = bench.watch(timeout_s=0)
    watcher.poll()
    bench.now += 2
    kept = []
    for _ in range(4):
        arrival = next(watcher)
        assert arrival.projection.base is None or arrival.projection.base.size == 20
        kept.append(weakref.ref(arrival.projection))
        del arrival
        assert kept[-1]() is None


def test_log_and_logger_say_the_same(bench, caplog):
    caplog.set_level("INFO", "em_inverse.dynamic")
    watcher = bench.watch()
    bench.save("a.npy", bench.image(1))
    bench.polls(watcher)
    (notice,) = watcher.log
    (record,) = caplog.records
    assert (notice.kind, record.levelname) == ("no angle", "WARNING")
    assert notice.message in record.getMessage()
    assert str(notice.path) in record.getMessage()
    assert notice.time > 1.6e9


def test_ctrl_c_loses_nothing(bench, monkeypatch):
    from em_inverse.dynamic import intake

    np.save(bench.folder / "stack.npy", np.stack([bench.image(k) for k in range(4)]))
    (bench.folder / "stack.rawtlt").write_text("1\n2\n3\n4\n")
    bench.save("a_+9deg.npy", bench.image(9))
    look, pressed = intake.fingerprint, iter([False, True, False, False, True])

    def interrupted(image):
        if next(pressed, False):
            raise KeyboardInterrupt
        return look(image)

    monkeypatch.setattr(intake, "fingerprint", interrupted)
    watcher = bench.watch()
    watcher.poll()
    bench.now += 2
    arrivals, interrupts = [], 0
    while len(arrivals) < 5:
        try:
            arrivals.append(next(watcher))
        except KeyboardInterrupt:
            interrupts += 1
        assert sum(len(file["images"]) for file in watcher.seen()["files"].values()) == len(
            arrivals
        )
    assert interrupts == 2
    assert sorted(angles(arrivals)) == [1, 2, 3, 4, 9]


def test_files_that_are_deleted_while_two_threads_write_never_end_it(bench):
    """Chaos: whatever happens meanwhile, all that stays arrives, whole and once."""

    def write(first):
        for k in range(first, 24, 2):
            path = bench.folder / f"a_+{k}deg.npy"
            np.save(path, bench.image(k))
            if k % 3 == 0:
                path.unlink()
            if k % 4 == 0:
                shutil.rmtree(bench.folder / "sub", ignore_errors=True)
                (bench.folder / "sub").mkdir(exist_ok=True)

    threads = [threading.Thread(target=write, args=(k,), daemon=True) for k in (0, 1)]
    options = {"settle_s": 0.02, "poll_s": 0.01, "timeout_s": 20, "recursive": True}
    got = []
    with watch(bench.folder, **options) as watcher:
        for thread in threads:
            thread.start()
        for arrival in watcher:
            got.append(arrival.angle_deg)
            whole = bench.image(int(arrival.angle_deg)).T
            np.testing.assert_array_equal(arrival.projection, whole)
            if set(got) >= {k for k in range(24) if k % 3}:
                break
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got))
    assert set(got) >= {k for k in range(24) if k % 3}
