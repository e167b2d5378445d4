"""``em-inverse simulate``, called as a function, and as a user calls it, with Ctrl-C."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import datasets, io, simulate
from em_inverse.cli import main, sources
from em_inverse.cli import simulate as command
from em_inverse.simulate import writing

SMALL = ["--size", "16", "--range", "-60", "60", "--step", "30"]


@pytest.fixture(autouse=True)
def quiet_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EM_INVERSE_DATA", str(tmp_path / "cache"))


def test_a_line_per_projection_and_one_at_the_end(tmp_path, capsys):
    folder = tmp_path / "in"
    assert main(["simulate", str(folder), *SMALL, "--faults", "1:blank,4:dim"]) == 0
    said = capsys.readouterr()
    assert said.out == f"5 of 5 projections written to {folder}\n"
    lines = said.err.splitlines()
    assert lines[1] == "2/5   -30.00°  projection_0001_-30.0deg.mrc  (blank)"
    assert len(lines) == len(list(folder.iterdir())) == 5
    series = io.read_tilt_series(folder)
    assert series.angles_deg.tolist() == [-60, -30, 0, 30, 60]
    assert series.projections.shape == (5, 16, 16)
    assert series.pixel_size_nm == 8.0


@pytest.mark.parametrize("name", command.OBJECTS)
def test_every_object_is_recorded_with_its_settings(name, tmp_path, capsys):
    settings = ["--dose", "80", "--drift", "0.5", "--background", "0.1", "--offset", "0.02"]
    more = ["--hot-pixels", "0.01", "--angle-error", "0.2", "--seed", "3", "--order", "golden"]
    files = ["--format", "npy", "--naming", "log", "--name", "x", "--quiet", "--json"]
    arguments = ["simulate", str(tmp_path / "in"), "--object", name, *SMALL, *settings]
    truth = tmp_path / "truth.mrc"
    assert main([*arguments, *more, *files, "--truth", str(truth)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    account = json.loads(said.out)
    assert (account["n_projections"], account["n_written"]) == (5, 5)
    assert (account["first"], account["last"]) == ("x_0000.npy", "x_0004.npy")
    assert account["angles_deg"] == simulate.tilt_order("golden", -60, 60, 30).tolist()
    volume = io.read_volume(truth)
    specimen = sources._specimen(argparse.Namespace(object=name, handedness=None), 32, 4.0, 3)
    microscope = simulate.Microscope(
        specimen,
        account["angles_deg"],
        dose=80,
        drift_px=0.5,
        background=0.1,
        offset=0.02,
        hot_pixels=0.01,
        angle_error_deg=0.2,
        seed=3,
    )
    np.testing.assert_allclose(volume.volume, microscope.truth)
    assert volume.metadata["synthetic"] is True
    read = io.read_projection(tmp_path / "in" / "x_0003.npy").image
    np.testing.assert_array_equal(read, microscope.shot(3).image)


def test_the_hand_of_the_bow_tie_is_an_option(tmp_path):
    for hand in ("right", "left"):
        truth = tmp_path / f"{hand}.mrc"
        options = ["--handedness", hand, "--truth", str(truth), "--quiet"]
        assert main(["simulate", str(tmp_path / hand), *SMALL, *options, "--size", "32"]) == 0
        twist = simulate.chirality(io.read_volume(truth).volume)
        assert (twist > 60) if hand == "right" else (twist < -60)


def test_a_real_series_is_replayed(tmp_path, capsys):
    folder = tmp_path / "in"
    options = ["--object", "nist-needle-small", "--order", "golden", "--naming", "metadata"]
    assert main(["simulate", str(folder), *options, "--json", "--quiet"]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account["simulated"] is False
    assert account["angles_deg"][:2] == [0.0, -60.0]
    again = io.read_tilt_series(folder).sort()
    real = datasets.load("nist-needle-small").sort()
    np.testing.assert_array_equal(again.projections, real.projections)
    np.testing.assert_array_equal(again.angles_deg, real.angles_deg)
    assert again.pixel_size_nm == pytest.approx(13.44)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dose", "0"], "--dose is 0.*0 < value"),
        (["--size", "8"], "--size is 8"),
        (["--size", "20.5"], "invalid int value"),
        (["--step", "-2"], "--step is -2"),
        (["--range", "20", "-20"], "low ≤ high"),
        (["--pace", "-1"], "--pace is -1"),
        (["--hot-pixels", "2"], "--hot-pixels is 2"),
        (["--faults", "blurred"], "--faults holds 'blurred'.*12:blurred,30:blank"),
        (["--faults", "1:lost"], "--faults holds '1:lost'"),
        (["--faults", "9:dim"], "a key of faults is 9"),
        (["--order", "recorded"], "--order recorded is for a real series"),
        (["--object", "needle", "--handedness", "left"], "--handedness is for --object bowtie"),
        (["--object", "nist-needle-small"], "--step is for simulated objects"),
        (["--object", "gold"], "invalid choice"),
        (["--format", "npy", "--naming", "metadata"], "no place for the angle"),
        (["--truth", "in/truth.mrc"], "lies in the folder of the projections"),
        (["--truth", "truth.png"], r"ends in '\.png'"),
        (["--truth", "taken.mrc"], "exists already.*--resume"),
        (["--name", "a b"], "name is 'a b'"),
    ],
)
def test_mistakes_end_in_a_message_and_leave_nothing(tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.mrc").write_text("kept")
    assert main(["simulate", "in", *SMALL, *options]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(said, shown.err, re.DOTALL), shown.err
    assert "Traceback" not in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mrc"]
    assert (tmp_path / "taken.mrc").read_text() == "kept"


def test_a_refused_folder_gets_no_truth_either(tmp_path, capsys):
    folder, truth = tmp_path / "in", tmp_path / "truth.mrc"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    arguments = ["simulate", str(folder), *SMALL, "--truth", str(truth)]
    assert main(arguments) == 2
    assert "not of this recording: mine.txt" in capsys.readouterr().err
    assert not truth.exists()
    assert main([*arguments, "--foreign"]) == 0
    stamp = truth.stat().st_mtime_ns
    assert main([*arguments, "--foreign", "--resume"]) == 0
    assert truth.stat().st_mtime_ns == stamp
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 of 5")


def test_the_help_states_every_choice_and_default(capsys):
    assert main(["simulate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "em-inverse simulate" in shown.split("example")[1]
    assert max(len(line) for line in shown.splitlines()) <= 100
    options = re.findall(r"^  --([a-z-]+)", shown, flags=re.MULTILINE)
    assert len(options) >= 22
    flat = " ".join(shown.split())
    for choices in (
        simulate.TILT_ORDERS,
        simulate.FORMATS,
        simulate.NAMINGS,
        simulate.FAULTS,
        command.OBJECTS,
    ):
        assert all(one in flat for one in choices)
    assert flat.count("(default:") >= 16


def test_the_choices_are_those_of_the_library():
    assert simulate.TILT_ORDERS == command.ORDERS
    assert tuple(simulate.FORMATS) == command._FORMATS
    assert writing.NAMINGS == command._NAMINGS
    assert simulate.FAULTS == command.FAULTS


MANY = [*SMALL, "--step", "4", "--dose", "50", "--naming", "log"]
PROGRAM = "from em_inverse.cli import main; raise SystemExit(main())"


def running(folder, *options):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "simulate", str(folder), *MANY, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_interrupted_as_a_user_does_it_and_resumed(tmp_path, how):
    folder = tmp_path / "in"
    process = running(folder, "--pace", "0.15", "--slowly", "--json")
    for _ in range(3):
        assert process.stderr.readline()
    process.send_signal(getattr(signal, how))
    out, err = process.communicate(timeout=60)
    files = sorted(folder.glob("projection*"))
    assert 3 <= len(files) < 31
    if how == "SIGINT":
        assert process.returncode == 130
        assert "--resume" in err
        assert "nothing half-written" in err
        assert "Traceback" not in err
        assert json.loads(out)["error"] == "KeyboardInterrupt"
        for file in files:
            assert io.read_projection(file).image.shape == (16, 16)
    process = running(folder, "--resume", "--quiet", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    account = json.loads(out)
    assert 31 - len(files) <= account["n_written"] <= 31 - len(files) + 1
    assert main(["simulate", str(tmp_path / "at once"), *MANY, "--quiet"]) == 0
    whole = sorted((tmp_path / "at once").iterdir())
    assert [file.name for file in sorted(folder.iterdir())] == [file.name for file in whole]
    for file in whole:
        assert (folder / file.name).read_bytes() == file.read_bytes()
