"""``em-inverse watch`` beside ``em-inverse simulate``: two processes, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import io
from em_inverse.cli import main
from em_inverse.dynamic import DynamicReconstruction, Session

ENVIRONMENT = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
QUICK = ["--settle", "0.1", "--poll", "0.05", "--timeout", "20", "--finish", "20"]
RECORD = ["--size", "24", "--range", "-60", "60", "--step", "6", "--dose", "300", "--finer", "1"]


def command(*arguments):
    program = "import sys; from em_inverse.cli import main; sys.exit(main())"
    return [sys.executable, "-c", program, *map(str, arguments)]


def begin(*arguments):
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def record(folder, *more):
    return begin("simulate", folder, "--object", "nanocube", *RECORD, *more)


def projections(lines):
    """Yield the events of projections as they are printed."""
    for line in lines:
        event = json.loads(line)
        if event["event"] == "projection":
            yield event


def test_two_processes_one_killed_twice_and_nothing_is_lost(tmp_path):
    folder, out, state = tmp_path / "incoming", tmp_path / "volume.mrc", tmp_path / "run.npz"
    recorder = record(folder, "--pace", "0.2", "--slowly", "--drift", "0.3", "--quiet")
    watch = ["watch", folder, "--out", out, "--expect", "21", "--checkpoint", state, "--every", 0]
    watch += ["--json", "--session", tmp_path / "session.json", *QUICK]
    seen = []
    for upto in (4, 9):
        watcher = begin(*watch)
        for event in projections(watcher.stdout):
            seen.append(event["name"])
            if event["index"] >= upto:
                watcher.send_signal(KILL)
                break
        watcher.communicate()
    watcher = begin(*watch)
    printed, complaints = watcher.communicate(timeout=120)
    assert watcher.returncode == 0, complaints
    assert recorder.wait(60) == 0
    events = [json.loads(line) for line in printed.splitlines()]
    end = events[-1]
    assert end["event"] == "finished"
    assert end["projections"] == 21
    assert not end["interrupted"]
    assert end["report"].startswith("SIMULATED DATA: 21 projections from −60° to 60°")
    seen += [event["name"] for event in events if event["event"] == "projection"]
    assert len(set(seen)) == 21
    volume = io.read_volume(out)
    run = DynamicReconstruction.load(state)
    assert volume.volume.shape == (24, 24, 24)
    assert np.allclose(volume.volume, run.x, atol=1e-5)
    assert out.with_suffix(".png").stat().st_size > 5000
    assert len(Session.load(tmp_path / "session.json").steps) >= 21
    # Once more: all is there already, and the volume comes again.
    again = subprocess.run(
        command(*watch), capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=True
    )
    assert json.loads(again.stdout.splitlines()[-1])["projections"] == 21


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_writes_what_there_is(tmp_path):
    folder, out = tmp_path / "incoming", tmp_path / "volume.mrc"
    assert record(folder, "--quiet").wait(60) == 0
    for path in sorted(folder.iterdir())[8:]:
        path.unlink()
    watcher = begin("watch", folder, "--out", out, "--no-picture", "--settle", "0.1")
    for line in watcher.stderr:
        if line.lstrip().startswith("8 "):
            watcher.send_signal(signal.SIGINT)
            break
    printed, _ = watcher.communicate(timeout=60)
    assert watcher.returncode == 0
    assert "8 projections" in printed
    assert io.read_volume(out).volume.shape == (24, 24, 24)
    assert not out.with_suffix(".png").exists()


def test_alarms_and_the_end_are_told_in_words(tmp_path, capsys):
    folder, out = tmp_path / "incoming", tmp_path / "volume.h5"
    arguments = ["simulate", str(folder), "--object", "bowtie", *RECORD, "--quiet"]
    assert main([*arguments, "--order", "golden", "--faults", "12:blank"]) == 0
    end = ["--expect", "21", "--range", "-60", "60", "--stop-early", "--align", "none"]
    assert main(["watch", str(folder), "--out", str(out), *end, *QUICK]) == 0
    said = capsys.readouterr()
    assert "NOT USED" in said.err
    assert "blank" in said.err
    assert "go on:" in said.err or "you may stop:" in said.err
    assert "projections from" in said.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "v.xyz"], "allowed endings"),
        (["--out", "there.mrc"], "--overwrite"),
        (["--out", "v.mrc", "--exclude", "ugly"], "allowed: blank"),
        (["--out", "v.mrc", "--epsilon", "0"], "epsilon"),
        (["--out", "nowhere/v.mrc"], "does not exist"),
        (["--out", "v.mrc", "--pattern", "("], "pattern"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_watched(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.mrc").write_bytes(b"a volume")
    assert main(["watch", "incoming", *arguments, "--timeout", "0"]) == 2
    assert said in capsys.readouterr().err


def test_an_empty_folder_ends_with_a_reason(tmp_path, capsys):
    out = tmp_path / "v.mrc"
    assert main(["watch", str(tmp_path / "none"), "--out", str(out), "--timeout", "0"]) == 2
    assert "no projection has come" in capsys.readouterr().err
    assert not out.exists()
