"""Where the angle of a file comes from, while lists and files are still being written."""

import pytest


def found(arrivals):
    return {arrival.path.stem: arrival.angle_deg for arrival in arrivals}


def withdrawn(arrivals):
    return [one.withdraws_deg for one in arrivals if one.withdraws_deg is not None]


def replay(arrivals, angles=None):
    """What a reconstruction holds that does what it is told: ``{angle: fingerprint}``."""
    held = {} if angles is None else angles
    for arrival in arrivals:
        if arrival.withdraws_deg is not None:
            held.pop(arrival.withdraws_deg)
        held[arrival.angle_deg] = arrival.digest
    return held


def test_an_unnamed_file_waits_and_is_logged_once(bench, kinds):
    watcher = bench.watch()
    path = bench.save("needle.npy", bench.image(1))
    assert bench.polls(watcher, times=6) == []
    assert kinds(watcher) == ["no angle"]
    assert watcher.pending[path].startswith("no angle: neither a list")
    bench.write("angles.csv", "needle.npy,-3.5\n")
    (arrival,) = bench.polls(watcher)
    assert arrival.angle_deg == -3.5
    assert "angle from file angles.csv" in arrival.notes


@pytest.mark.parametrize("side", ["needle.npy.mdoc", "needle.mdoc"])
def test_an_mdoc_may_come_later_and_must_be_settled(bench, side):
    watcher = bench.watch()
    bench.save("needle.npy", bench.image(1))
    assert bench.polls(watcher) == []
    bench.write(side, "[ZValue = 0]\nTiltAngle = -3")
    assert bench.polls(watcher, 0.5) == []
    bench.write(side, "[ZValue = 0]\nTiltAngle = -34.5\n")
    assert bench.polls(watcher, 0.5) == []
    assert found(bench.polls(watcher)) == {"needle": -34.5}


def test_an_emi_may_come_later(bench, builders):
    ser = builders["ser"]
    watcher = bench.watch()
    bench.write("tia_1.ser", ser.series(bench.image(1)[None]))
    assert bench.polls(watcher) == []
    bench.write("tia.emi", b"\1\2" + ser.description("12.5"))
    assert found(bench.polls(watcher)) == {"tia_1": 12.5}


def test_an_mdoc_that_comes_after_the_name_counted_corrects_it(bench, kinds):
    watcher = bench.watch()
    bench.save("a_-34deg.npy", bench.image(1))
    first = bench.polls(watcher)
    bench.write("a_-34deg.npy.mdoc", "[ZValue = 0]\nTiltAngle = -34.2\n")
    (arrival,) = bench.polls(watcher)
    assert (arrival.angle_deg, arrival.withdraws_deg) == (-34.2, -34.0)
    assert kinds(watcher) == ["angle corrected"]
    assert list(replay([*first, arrival])) == [-34.2]


def test_a_list_of_names_grows_line_by_line(bench):
    watcher = bench.watch()
    bench.write("angles.csv", "file,angle\n")
    for k in range(1, 4):
        bench.save(f"image_{k}.npy", bench.image(k))
    assert bench.polls(watcher) == []
    assert watcher.log[0].message == "no angle: angles.csv does not list it yet"
    bench.write("angles.csv", "file,angle\nimage_2.npy,20\nimage_1,10\n")
    assert found(bench.polls(watcher)) == {"image_1": 10, "image_2": 20}
    bench.write("angles.csv", "file,angle\nimage_2.npy,20\nimage_1,10\nimage_3,3")
    assert bench.polls(watcher) == [], "half a last line: it may become 30"
    bench.write("angles.csv", "file,angle\nimage_2.npy,20\nimage_1,10\nimage_3,30")
    assert bench.polls(watcher) == []
    assert found(bench.polls(watcher, seconds=10)) == {"image_3": 30}


def test_a_list_that_never_rests_counts_all_the_same(bench):
    watcher = bench.watch(settle_s=1)
    got, lines = {}, ""
    for k in range(12):
        bench.save(f"image_{k}.npy", bench.image(k))
        lines += f"image_{k}.npy, {2 * k}\n"
        bench.write("angles.txt", lines + "image_")
        got |= found(watcher.poll())
        bench.now += 0.3
    assert got == {f"image_{k}": 2 * k for k in range(len(got))}
    assert len(got) >= 6
    assert watcher.log == []


def test_a_list_without_names_counts_files_in_their_natural_order(bench):
    watcher = bench.watch()
    for k in (9, 10, 11):
        bench.save(f"image_{k}.npy", bench.image(k))
    bench.write("session.rawtlt", "1\n2\n")
    assert found(bench.polls(watcher)) == {"image_9": 1, "image_10": 2}
    bench.write("session.rawtlt", "1\n2\n3\n")
    assert found(bench.polls(watcher)) == {"image_11": 3}
    (bench.folder / "image_9.npy").unlink()
    bench.polls(watcher)
    bench.save("image_12.npy", bench.image(12))
    bench.write("session.rawtlt", "1\n2\n3\n4\n")
    assert found(bench.polls(watcher)) == {"image_12": 4}, "a file moved away keeps its place"


def test_a_file_that_comes_late_shifts_the_places_and_all_is_mended(bench):
    watcher = bench.watch()
    bench.write("tilts.txt", "1\n2\n3\n4\n")
    for k in (2, 3, 4):
        bench.save(f"image_{k}.npy", bench.image(k))
    arrivals = bench.polls(watcher)
    assert found(arrivals) == {"image_2": 1, "image_3": 2, "image_4": 3}
    bench.save("image_1.npy", bench.image(1))
    arrivals += bench.polls(watcher)
    held = replay(arrivals)
    expected = {float(k): one.digest for one in arrivals for k in range(1, 5) if str(k) in one.name}
    assert held == expected
    assert bench.polls(watcher, times=4) == []


def test_a_corrected_line_moves_the_projection(bench, kinds):
    watcher = bench.watch()
    bench.write("angles.txt", "a.npy,34\nb.npy,36\n")
    for k, name in enumerate("ab"):
        bench.save(f"{name}.npy", bench.image(k))
    arrivals = bench.polls(watcher)
    bench.write("angles.txt", "a.npy,-34\nb.npy,36\n")
    (arrival,) = bench.polls(watcher)
    assert (arrival.angle_deg, arrival.withdraws_deg) == (-34, 34)
    assert "the angle is corrected: it was 34 degrees before" in arrival.notes
    assert sorted(replay([*arrivals, arrival])) == [-34, 36]
    bench.write("angles.txt", "a.npy,36\nb.npy,-34\n")
    swapped = bench.polls(watcher)
    held = replay(swapped, replay([*arrivals, arrival]))
    assert sorted(held) == [-34, 36]
    assert held[36] == arrival.digest
    assert bench.polls(watcher, times=4) == []


def test_what_was_replaced_by_mistake_counts_again(bench):
    watcher = bench.watch()
    bench.write("angles.txt", "a.npy,34\nb.npy,34\n")
    for k, name in enumerate("ab"):
        bench.save(f"{name}.npy", bench.image(k))
    arrivals = bench.polls(watcher)
    a, b = (one.digest for one in arrivals)
    assert replay(arrivals) == {34: b}
    bench.write("angles.txt", "a.npy,34\nb.npy,36\n")
    arrivals += bench.polls(watcher, times=4)
    assert replay(arrivals) == {34: a, 36: b}
    assert any("counts again" in note for note in arrivals[-1].notes)
    assert bench.polls(watcher, times=4) == []


def test_a_list_goes_before_metadata_which_go_before_names(bench):
    bench.write("angles.csv", "a_-2deg.npy,-2.2\n")
    bench.save("a_-2deg.npy", bench.image(1))
    bench.save("a_-4deg.npy", bench.image(2))
    bench.write("a_-4deg.npy.mdoc", "[ZValue = 0]\nTiltAngle = -4.4\n")
    watcher = bench.watch()
    assert found(bench.polls(watcher)) == {"a_-2deg": -2.2}
    assert found(bench.polls(watcher, seconds=10)) == {}
    assert found(bench.polls(watcher, seconds=11)) == {"a_-4deg": -4.4}, "it waited long enough"


def test_a_list_that_contradicts_the_names_is_not_used(bench, kinds):
    bench.write("session.rawtlt", "2\n0\n-2\n")
    for k, name in enumerate(["t_-2deg", "t_+0deg", "t_+2deg"]):
        bench.save(f"{name}.npy", bench.image(k))
    watcher = bench.watch()
    assert found(bench.polls(watcher)) == {"t_-2deg": -2, "t_+0deg": 0, "t_+2deg": 2}
    assert kinds(watcher) == ["list"]
    assert "but the name says" in watcher.log[0].message


def test_names_that_can_be_read_two_ways_contradict_no_list(bench):
    bench.write("session.rawtlt", "-34.1\n-36.2\n")
    for k, name in enumerate(["n-34deg", "n-36deg"]):
        bench.save(f"{name}.npy", bench.image(k))
    watcher = bench.watch()
    assert found(bench.polls(watcher)) == {"n-34deg": -34.1, "n-36deg": -36.2}
    assert watcher.log == []


def test_damaged_and_several_lists_are_told_and_passed_over(bench, kinds):
    bench.save("a_+1deg.npy", bench.image(1))
    bench.write("angles.txt", "one two\n")
    watcher = bench.watch()
    assert found(bench.polls(watcher, times=4)) == {"a_+1deg": 1}
    assert kinds(watcher) == ["list"]
    assert "'one' is not a number" in watcher.log[0].message
    bench.write("angles.txt", b"\xff\xfe\0")
    bench.polls(watcher)
    assert "not a text file" in watcher.log[1].message
    bench.write("angles.txt", "a_+1deg.npy,much\n")
    bench.polls(watcher)
    assert "not a number within" in watcher.log[2].message
    bench.write("tilts.txt", "1\n")
    bench.polls(watcher, times=4)
    assert "several lists of tilt angles (angles.txt, tilts.txt)" in watcher.log[3].message
    assert kinds(watcher) == ["list"] * 4
    bench.write("session.tlt", "1.5\n")
    assert found(bench.polls(watcher)) == {"a_+1deg": 1.5}, "called as the folder is"


def test_a_log_elsewhere_is_the_only_source(bench):
    log = bench.folder.parent / "stage.log"
    watcher = bench.watch(angles=log)
    bench.save("a_+1deg.npy", bench.image(1))
    bench.save("b_+2deg.npy", bench.image(2))
    bench.write("angles.txt", "5\n6\n")
    assert bench.polls(watcher, seconds=30) == []
    assert "stage.log does not list it" in watcher.log[0].message
    bench.write("../stage.log", "b_+2deg.npy; 2,25\n")
    assert found(bench.polls(watcher)) == {"b_+2deg": 2.25}
    bench.write("../stage.log", "b_+2deg.npy; 2,25\na_+1deg; 1,25\n")
    assert found(bench.polls(watcher)) == {"a_+1deg": 1.25}


def test_a_function_is_asked_until_it_knows(bench, kinds):
    known = {"bad.npy": "flat"}

    def ask(path):
        return known[path.name] if path.name != "none.npy" else None

    watcher = bench.watch(angles=ask)
    for k, name in enumerate(["a_+5deg", "bad", "none"]):
        bench.save(f"{name}.npy", bench.image(k))
    assert bench.polls(watcher, times=4) == []
    assert kinds(watcher) == ["no angle"] * 3
    reasons = {path.stem: why for path, why in watcher.pending.items()}
    assert "failed ('a_+5deg.npy')" in reasons["a_+5deg"]
    assert "failed (angles_deg is 'flat'" in reasons["bad"]
    assert "knows none" in reasons["none"]
    known["a_+5deg.npy"] = 7
    assert found(bench.polls(watcher)) == {"a_+5deg": 7}


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (r"_(?P<angle>\d+)_", "scan_034_+5deg", 34),
        (r"t(?P<angle>.+)$", "t-12,5", -12.5),
        (r"t(?P<angle>.+)$", "tm034", -34),
        (r"t(?P<angle>.+)$", "t-.5", -0.5),
        (r"t(?P<angle>.+)$", "t999", None),
        (r"t(?P<angle>.+)$", "tx", None),
        (r"q(?P<angle>\d+)", "a_+5deg", None),
        (r"a(?P<angle>\d+)?", "a_+5deg", None),
    ],
)
def test_a_pattern_is_the_only_source(bench, pattern, name, expected):
    bench.save(f"{name}.NPY", bench.image(1))
    watcher = bench.watch(pattern=pattern.replace("$", r"\.NPY$"))
    assert found(bench.polls(watcher)) == ({} if expected is None else {name: expected})
    assert len(watcher.pending) == (expected is None)


def test_other_names_settle_what_a_hyphen_means(bench):
    watcher = bench.watch()
    bench.save("needle-34deg.npy", bench.image(1))
    assert bench.polls(watcher) == []
    assert "two ways" in watcher.log[0].message
    bench.save("needle+32deg.npy", bench.image(2))
    assert found(bench.polls(watcher)) == {"needle-34deg": -34, "needle+32deg": 32}


def test_planned_angles_go_to_the_files_in_the_order_of_arrival(bench):
    watcher = bench.watch(angles=[10, 20, 30])
    assert found(add(bench, watcher, "z", 1)) == {"z": 10}
    assert found(add(bench, watcher, "copy", 1)) == {}, "a copy takes no place"
    assert found(add(bench, watcher, "m", 2)) == {"m": 20}
    assert found(add(bench, watcher, "z", 3)) == {"z": 10}, "rewritten"
    again = bench.watch(angles=[10, 20, 30], already=watcher.seen())
    assert found(add(bench, again, "a", 4)) == {"a": 30}
    assert found(add(bench, again, "b", 5)) == {}
    assert "the 3 angles given are used up" in again.log[-1].message


def add(bench, watcher, stem, seed):
    bench.save(f"{stem}.npy", bench.image(seed))
    return bench.polls(watcher)


def test_planned_angles_wait_for_a_slow_file_and_count_a_corrupt_one(bench, kinds):
    watcher = bench.watch(angles=[10, 20, 30, 40], give_up_s=20)
    bench.write("a.npy", b"\x93NUMPY half")
    bench.polls(watcher)
    bench.save("b.npy", bench.image(2))
    bench.write("c.npy", b"\x93NUMPY half")
    assert bench.polls(watcher) == []
    assert watcher.pending[bench.folder / "b.npy"].endswith(
        "a.npy came before it and is not settled yet"
    )
    bench.save("d.npy", bench.image(4))
    bench.save("a.npy", bench.image(1))
    assert found(bench.polls(watcher, times=3)) == {"a": 10, "b": 20}
    assert found(bench.polls(watcher, seconds=10, times=4)) == {"d": 40}
    assert "corrupt" in kinds(watcher)
    account = watcher.seen()
    bench.save("c.npy", bench.image(3))
    assert found(bench.polls(watcher)) == {"c": 30}
    again = bench.watch(angles=[10, 20, 30, 40], already=account)
    assert found(bench.polls(again)) == {"c": 30}


def test_planned_angles_are_not_for_what_was_known(bench):
    bench.save("a.npy", bench.image(1))
    bench.write("angles.txt", "5\n6\n")
    watcher = bench.watch(angles=[10], existing=False)
    assert bench.polls(watcher) == []
    assert found(add(bench, watcher, "b", 2)) == {"b": 10}
    assert bench.polls(watcher, times=4) == [], "lists in the folder correct nothing here"
