"""Files: every format read back as it was, paced, half-written, interrupted and resumed."""

import threading

import numpy as np
import pytest

from em_inverse import io, phantoms, simulate
from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.simulate import writing
from em_inverse.tilt_series import TiltSeries

ANGLES = [-34.0, 0.0, 12.5, 68.0]
CASES = [
    (format, naming)
    for format in simulate.FORMATS
    for naming in simulate.NAMINGS
    if (format, naming) != ("npy", "metadata")
]


@pytest.fixture(scope="module")
def source():
    particle = simulate.twisted_bowtie(32, 48, supersample=1)
    return simulate.Microscope(particle, ANGLES, dose=50, pixel_size_nm=1.25, background=0.1)


@pytest.mark.parametrize(("format", "naming"), CASES)
def test_a_file_is_read_back_as_image_and_angle(source, tmp_path, format, naming):
    files = simulate.write(source, tmp_path / "new" / "in", format=format, naming=naming)
    assert len(files) == 4
    assert {file.suffix for file in files} == {simulate.FORMATS[format]}
    for file, shot in zip(files, source, strict=True):
        image, angle, size, notes = io.read_projection(file)
        np.testing.assert_array_equal(image, shot.image)
        assert image.shape == (16, 24)
        assert angle == (None if naming == "log" else shot.angle_deg)
        assert size == (None if format == "npy" else 1.25)
        told = [note for note in notes if not note.startswith("angle from")]
        assert told == ([] if format == "npy" else ["simulated data"])
    series = io.read_tilt_series(tmp_path / "new" / "in")
    # Every format but .npy says which way the tilt axis runs.
    assert series.metadata["tilt_axis"] == "vertical"
    assert (series.metadata["tilt_axis_source"] == "metadata") is (format != "npy")
    np.testing.assert_array_equal(series.angles_deg, ANGLES)
    np.testing.assert_array_equal(series.projections, source.series().projections)


def test_the_names_say_number_and_angle(source, tmp_path):
    files = simulate.write(source, tmp_path / "a", name="bow-tie_2")
    assert files[0].name == "bow-tie_2_0000_-34.0deg.mrc"
    assert files[2].name == "bow-tie_2_0002_+12.5deg.mrc"
    assert sorted((tmp_path / "a").iterdir()) == files
    fine = simulate.Replay(TiltSeries(np.ones((2, 4, 4)), [1.25, -0.004]))
    names = [file.name for file in simulate.write(fine, tmp_path / "b", format="npy")]
    assert names == ["projection_0000_+1.250deg.npy", "projection_0001_-0.004deg.npy"]


def test_the_log_has_its_line_only_after_the_file(source, tmp_path):
    seen = []

    def look(path, shot):
        lines = (tmp_path / "angles.txt").read_text().splitlines()
        seen.append((path.exists(), lines[-1], len(lines)))

    simulate.write(source, tmp_path, naming="log", on_file=look)
    assert seen[0] == (True, "projection_0000.mrc, -34.0", 1)
    assert seen[3] == (True, "projection_0003.mrc, 68.0", 4)


def test_files_of_simulated_and_of_replayed_images_say_so(source, tmp_path):
    simulated = simulate.write(source, tmp_path / "a")[0]
    replayed = simulate.write(simulate.Replay(source.series()), tmp_path / "b")[0]
    real = TiltSeries(np.ones((1, 4, 4)), [0])
    real_file = simulate.write(simulate.Replay(real), tmp_path / "c")[0]
    for file in (simulated, replayed):
        assert b"SIMULATED" in file.read_bytes()[:1024]
    assert b"SIMULATED" not in real_file.read_bytes()
    assert b"replayed" in real_file.read_bytes()[:1024]


class Clock:
    """A clock that moves only when somebody waits or works."""

    def __init__(self):
        self.now, self.waits, self.halted_after = 100.0, [], None

    def monotonic(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return self.halted_after is not None and len(self.waits) > self.halted_after


def test_the_pace_is_counted_from_the_first_projection(source, tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(writing, "time", clock)
    times = []

    def work(path, shot):
        times.append(clock.now)
        # One projection takes longer than the pace; the next ones make up for it.
        clock.now += {1: 12.0}.get(shot.index, 3.0)

    simulate.write(source, tmp_path, pace_s=10, stop=clock, on_file=work)
    assert times == [100, 110, 122, 130]


def test_a_file_written_slowly_grows_in_pieces_and_cannot_be_read_before(
    source, tmp_path, monkeypatch
):
    clock, sizes = Clock(), []
    monkeypatch.setattr(writing, "time", clock)
    path = tmp_path / "projection_0000_-34.0deg.mrc"
    whole = simulate.write(source, tmp_path / "whole")[0].read_bytes()
    elapse = clock.wait

    def look(seconds):
        if path.exists() and len(sizes) < 8:
            sizes.append(path.stat().st_size)
            if sizes[-1] < len(whole):
                with pytest.raises(FileFormatError):
                    io.read_projection(path)
        return elapse(seconds)

    clock.wait = look
    files = simulate.write(source, tmp_path, slowly=True, pace_s=10, stop=clock, foreign=True)
    assert sizes == sorted(set(sizes))
    assert len(sizes) == 8
    assert path.read_bytes() == whole
    # Three projections later: eight pieces over 6 s, and 4 s to the next.
    assert clock.now == pytest.approx(100 + 3 * 10 + 6)
    for file, shot in zip(files, source, strict=True):
        np.testing.assert_array_equal(io.read_projection(file).image, shot.image)


@pytest.mark.parametrize("slowly", [False, True])
def test_a_stop_from_another_thread_leaves_complete_files_only(source, tmp_path, slowly):
    stop = threading.Event()
    written = []

    def after_two(path, shot):
        if shot.index == 1:
            stop.set()

    def work():
        written.extend(
            simulate.write(
                source, tmp_path, pace_s=0.01, slowly=slowly, stop=stop, on_file=after_two
            )
        )

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert len(written) == 2
    assert sorted(tmp_path.iterdir()) == written


def test_a_halt_in_the_middle_of_a_file_takes_it_away(source, tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(writing, "time", clock)
    clock.halted_after = 5
    assert simulate.write(source, tmp_path, slowly=True, pace_s=1, stop=clock) == []
    assert list(tmp_path.iterdir()) == []


def interrupted(source, folder, after, **options):
    def stop(path, shot):
        if shot.index == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate.write(source, folder, on_file=stop, **options)


@pytest.mark.parametrize("naming", ["angle", "log", "metadata"])
def test_an_interrupted_recording_is_resumed(source, tmp_path, naming):
    interrupted(source, tmp_path, 1, naming=naming)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.mrc")}
    assert len(before) == 2
    with pytest.raises(ParameterError, match=r"holds \d file\(s\) of this recording already"):
        simulate.write(source, tmp_path, naming=naming)
    written = simulate.write(source, tmp_path, naming=naming, resume=True)
    assert [file.name[:15] for file in written] == ["projection_0002", "projection_0003"]
    assert {file: file.stat().st_mtime_ns for file in before} == before
    series = io.read_tilt_series(tmp_path, tilt_axis="vertical")
    np.testing.assert_array_equal(series.projections, source.series().projections)
    assert simulate.write(source, tmp_path, naming=naming, resume=True) == []


@pytest.mark.parametrize("format", simulate.FORMATS)
def test_what_a_killed_run_left_half_written_is_written_again(source, tmp_path, format):
    interrupted(source, tmp_path, 2, format=format, naming="log")
    *_, last = sorted(tmp_path.glob("projection*"))
    last.write_bytes(last.read_bytes()[: last.stat().st_size * 3 // 5])
    (tmp_path / f".projection_0003.abcdef.part{last.suffix}").write_bytes(b"half")
    log = tmp_path / "angles.txt"
    log.write_text(log.read_text()[:-8])
    written = simulate.write(source, tmp_path, format=format, naming="log", resume=True)
    assert [file.stem for file in written] == ["projection_0002", "projection_0003"]
    series = io.read_tilt_series(tmp_path, tilt_axis="vertical")
    np.testing.assert_array_equal(series.angles_deg, ANGLES)
    np.testing.assert_array_equal(series.projections, source.series().projections)
    assert not list(tmp_path.glob(".*"))


def test_a_gap_that_a_consumer_made_stays(source, tmp_path):
    interrupted(source, tmp_path, 2)
    sorted(tmp_path.iterdir())[0].unlink()
    written = simulate.write(source, tmp_path, resume=True)
    assert [file.name[:15] for file in written] == ["projection_0003"]
    assert len(list(tmp_path.iterdir())) == 3


def test_resuming_a_recording_of_other_settings_is_refused(source, tmp_path):
    interrupted(source, tmp_path, 1)
    before = sorted(tmp_path.iterdir())
    particle = simulate.twisted_bowtie(32, 48, supersample=1)
    other = simulate.Microscope(particle, ANGLES, dose=50, background=0.1, seed=1)
    with pytest.raises(ParameterError, match="other settings or another seed"):
        simulate.write(other, tmp_path, resume=True)
    with pytest.raises(ParameterError, match=r"2 file\(s\) that are not of this recording"):
        simulate.write(source, tmp_path, resume=True, naming="metadata")
    assert sorted(tmp_path.iterdir()) == before


def test_foreign_files_are_respected(source, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".hidden").write_text("no matter")
    with pytest.raises(ParameterError, match=r"1 file\(s\) that are not.*notes\.txt"):
        simulate.write(source, tmp_path)
    assert len(simulate.write(source, tmp_path, foreign=True)) == 4
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / ".hidden").exists()
    with pytest.raises(ParameterError, match="is a file; name a folder"):
        simulate.write(source, tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "jpg"}, "format is 'jpg'.*'mrc', 'tiff', 'npy', 'emd'"),
        ({"naming": "guess"}, "naming is 'guess'"),
        ({"format": "npy", "naming": "metadata"}, "'npy' has no place.*mrc, tiff, emd"),
        ({"pace_s": -1}, "pace_s is -1"),
        ({"name": "a/b"}, "letters, digits"),
        ({"name": ""}, "letters, digits"),
        ({"name": "needle_+30deg"}, "letters, digits"),
        ({"name": "needle_30deg"}, "would take for a tilt angle"),
        ({"folder": 7}, "folder is 7"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(source, tmp_path, options, said):
    folder = options.pop("folder", tmp_path / "new")
    with pytest.raises(ParameterError, match=said):
        simulate.write(source, folder, **options)
    assert not (tmp_path / "new").exists()


def test_lines_and_arrays_are_no_recordings(tmp_path):
    slice_only = simulate.Microscope(phantoms.disc(32), [0])
    with pytest.raises(ParameterError, match="lines of one slice"):
        simulate.write(slice_only, tmp_path / "new")
    with pytest.raises(ParameterError, match="source is a ndarray"):
        simulate.write(np.ones((3, 4, 5)), tmp_path / "new")
    assert not (tmp_path / "new").exists()
