"""One file to which the program adds image after image."""

import mrcfile
import numpy as np
import pytest
import tifffile


def stack(bench, count):
    return np.stack([bench.image(k) for k in range(count)])


def write_mrc(bench, count, planned=None):
    """A stack as a program leaves it that adds an image and then counts it in the header."""
    path = bench.folder.parent / "whole.mrc"
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(stack(bench, count))
        mrc.set_image_stack()
    content = bytearray(path.read_bytes())
    if planned is not None:
        content[8:12] = planned.to_bytes(4, "little")
    return bench.write("series.mrc", bytes(content))


def tilts(angles):
    return "".join(f"{angle}\n" for angle in angles)


def mdoc(angles):
    return "".join(f"[ZValue = {k}]\nTiltAngle = {angle}\n" for k, angle in enumerate(angles))


def shown(arrivals):
    return [(one.frame, one.angle_deg) for one in arrivals]


@pytest.mark.parametrize(
    ("side", "text"), [("series.rawtlt", tilts), ("series.tlt", tilts), ("series.mrc.mdoc", mdoc)]
)
def test_each_image_arrives_once_with_its_angle(bench, side, text):
    watcher = bench.watch()
    seen = []
    for count in range(1, 5):
        write_mrc(bench, count)
        bench.write(side, text([-2 * k for k in range(count)]))
        arrivals = bench.polls(watcher)
        assert shown(arrivals) == [(count - 1, -2 * (count - 1))]
        np.testing.assert_array_equal(arrivals[0].projection, bench.image(count - 1).T)
        seen += arrivals
    assert {one.path for one in seen} == {bench.folder / "series.mrc"}
    assert watcher.log == []
    account = watcher.seen()
    write_mrc(bench, 6)
    bench.write(side, text([-2 * k for k in range(6)]))
    again = bench.watch(already=account)
    assert shown(bench.polls(again)) == [(4, -8), (5, -10)]


def test_images_wait_for_their_angles_and_the_angles_for_their_images(bench, kinds):
    watcher = bench.watch()
    path = write_mrc(bench, 3)
    bench.write("series.rawtlt", "10\n")
    assert shown(bench.polls(watcher)) == [(0, 10)]
    assert "no angle for 2 of 3 images, from image 1 on: series.rawtlt" in watcher.pending[path]
    bench.write("series.rawtlt", tilts([10, 20, 30, 40, 50]))
    assert shown(bench.polls(watcher)) == [(1, 20), (2, 30)]
    write_mrc(bench, 4)
    assert shown(bench.polls(watcher)) == [(3, 40)]
    assert kinds(watcher) == ["no angle"]


def test_a_header_ahead_of_the_images_waits(bench):
    watcher = bench.watch()
    bench.write("series.rawtlt", tilts([1, 2, 3]))
    write_mrc(bench, 1)
    assert shown(bench.polls(watcher)) == [(0, 1)]
    write_mrc(bench, 1, planned=2)
    assert bench.polls(watcher, times=4) == []
    write_mrc(bench, 2)
    assert shown(bench.polls(watcher)) == [(1, 2)]


def test_a_tiff_grows_page_by_page(bench):
    watcher = bench.watch(angles=[5, 6, 7])
    path = bench.folder / "pages.tif"
    for k in range(3):
        tifffile.imwrite(path, bench.image(k), append=True, photometric="minisblack")
        bench.touch(path)
        assert shown(bench.polls(watcher)) == [(k, 5 + k)]


def test_angles_in_the_file_itself(bench, builders):
    watcher = bench.watch()
    path = bench.folder / "velox.emd"
    for count in (1, 3):
        path.unlink(missing_ok=True)
        frames = [builders["emd"].frame(alpha=10.0 * k) for k in range(count)]
        builders["emd"].velox(path, frames, stack(bench, count))
        bench.touch(path)
        arrivals = bench.polls(watcher)
        assert [one.frame for one in arrivals] == list(range(count - len(arrivals), count))
        assert [one.angle_deg for one in arrivals] == pytest.approx(
            [10.0 * one.frame for one in arrivals]
        )


def test_a_list_of_the_folder_counts_for_its_only_stack(bench):
    bench.write("angles.txt", "4\n5\n6\n")
    np.save(bench.folder / "series.npy", stack(bench, 2))
    assert shown(bench.polls(bench.watch())) == [(0, 4), (1, 5)]
    log = bench.write("../log.txt", "7\n8\n")
    assert shown(bench.polls(bench.watch(angles=log))) == [(0, 7), (1, 8)]
    asked = bench.watch(angles=lambda path: [1, 2])
    assert shown(bench.polls(asked)) == [(0, 1), (1, 2)]
    for options in ({"angles": lambda path: 1}, {"pattern": "(?P<angle>.)"}):
        vague = bench.watch(**options)
        assert bench.polls(vague) == []
        assert "it holds 2 images" in vague.log[0].message


def test_a_rewritten_image_and_a_repeated_one(bench, kinds):
    bench.write("series.rawtlt", tilts([1, 2, 3]))
    images = stack(bench, 3)
    images[2] = images[0]
    bench.save("series.npy", images)
    watcher = bench.watch()
    assert shown(bench.polls(watcher, times=4)) == [(0, 1), (1, 2)]
    assert kinds(watcher) == ["duplicate"]
    assert watcher.log[0].message == "image 2 holds the same pixels as series.npy; it is left out"
    images[1] = bench.image(9)
    bench.save("series.npy", images)
    (arrival,) = bench.polls(watcher)
    assert shown([arrival]) == [(1, 2)]
    assert any("rewritten" in note for note in arrival.notes)
    bench.write("series.rawtlt", tilts([1, 2.5, 3]))
    (arrival,) = bench.polls(watcher)
    assert (arrival.frame, arrival.angle_deg, arrival.withdraws_deg) == (1, 2.5, 2.0)
    bench.save("series.npy", images[:1])
    assert bench.polls(watcher, times=4) == [], "a stack that shrinks brings nothing new"


def test_a_stack_that_grows_while_it_is_handed_out(bench):
    bench.write("series.rawtlt", tilts([1, 2, 3, 4]))
    bench.save("series.npy", stack(bench, 2))
    watcher = bench.watch()
    watcher.poll()
    bench.now += 2
    first = next(watcher)
    bench.save("series.npy", stack(bench, 4))
    rest = bench.polls(watcher, times=3)
    assert shown([first, *rest]) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_known_images_of_a_stack_are_not_yielded(bench):
    bench.write("series.rawtlt", tilts([1, 2, 3, 4]))
    bench.save("series.npy", stack(bench, 2))
    watcher = bench.watch(existing=False)
    assert bench.polls(watcher) == []
    bench.save("series.npy", stack(bench, 3))
    assert shown(bench.polls(watcher)) == [(2, 3)]
