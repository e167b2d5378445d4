"""What counts as a file that may be a projection."""

import os

import pytest

from em_inverse.dynamic.listing import companions_of, is_unfinished, list_folder


@pytest.mark.parametrize(
    "name", [".a.mrc", "~a.mrc", "$a.mrc", "a.mrc~", "a.PART.mrc", "a.mrc.tmp", "a.filepart"]
)
def test_unfinished(name):
    assert is_unfinished(name)


@pytest.mark.parametrize(
    "name", ["a.mrc", "needle_-34.0deg.tif", "part_1.tif", "tmp.npy", "a b.mrc"]
)
def test_finished(name):
    assert not is_unfinished(name)


def test_images_and_what_tells_of_them(tmp_path):
    for name in ("a.MRC", "a.MRC.mdoc", "a_1.ser", "a.emi", "x.rawtlt", "Angles.csv", "b.csv"):
        (tmp_path / name).write_text("12345")
    (tmp_path / "link.tif").symlink_to(tmp_path / "a.MRC")
    (tmp_path / "broken.tif").symlink_to(tmp_path / "nothing")
    listing = list_folder(tmp_path)
    assert set(listing.images) == {"a.MRC", "a_1.ser", "link.tif"}
    assert set(listing.sides) == {"a.MRC.mdoc", "a.emi", "x.rawtlt", "Angles.csv"}
    assert listing.images["a.MRC"].size == 5
    assert [one.path.name for one in companions_of("a.MRC", listing.sides)] == [
        "a.MRC.mdoc",
        "a.emi",
    ]
    assert companions_of("b_1.ser", listing.sides) == ()


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list_folder(tmp_path / "none")


def test_what_may_not_be_looked_at_is_told_and_kept(bench, kinds, monkeypatch):
    from em_inverse.dynamic import listing

    bench.save("a_+1deg.npy", bench.image(1))
    bench.save("deep/b_+2deg.npy", bench.image(2))
    watcher = bench.watch(recursive=True, settle_s=5)
    watcher.poll()
    scan, closed = os.scandir, {bench.folder / "deep"}

    def refusing(path):
        if path in closed:
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(listing.os, "scandir", refusing)
    assert len(bench.polls(watcher, seconds=3, times=4)) == 1
    assert kinds(watcher) == ["permission"]
    assert watcher.log[0].path == bench.folder / "deep"
    closed.clear()
    assert len(bench.polls(watcher, seconds=3, times=4)) == 1
    assert kinds(watcher) == ["permission"]
