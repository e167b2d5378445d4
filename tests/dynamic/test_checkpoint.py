"""Checkpoints: complete, checked, and one before the last in reserve."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from em_inverse.dynamic import DynamicReconstruction
from em_inverse.dynamic.checkpoint import previous
from em_inverse.errors import ChecksumError, DataError, FileFormatError, ParameterError
from em_inverse.forward import ParallelBeam

SHAPE = (24, 24, 3)
ANGLES = np.linspace(-60, 60, 13)
TRUTH = np.zeros(SHAPE, np.float32)
TRUTH[8:15, 6:13] = 1
DATA = ParallelBeam(SHAPE, ANGLES).forward(TRUTH)
DATA += 0.2 * np.random.default_rng(3).standard_normal(DATA.shape).astype(np.float32)


def halfway(method="tv", **options):
    run = DynamicReconstruction(
        SHAPE, 1.1, units="noise", method=method, n_expected=13, pixel_size_nm=0.7, **options
    )
    for k in range(7):
        run.add(ANGLES[k], DATA[k], center_shift=0.1)
        run.step()
    run.epsilon = 1.3
    run.support = np.ones(SHAPE[:2], bool)
    return run


def finished(run):
    for k in range(7, 13):
        run.add(ANGLES[k], DATA[k])
        run.step()
    run.epsilon = 0.9
    run.run(20)
    return run


@pytest.mark.parametrize("method", ["tv", "sirt", "wbp", "asd_pocs"])
def test_a_loaded_run_goes_on_bit_by_bit(method, tmp_path):
    run = halfway(method)
    run.save(tmp_path / "run.npz")
    again = DynamicReconstruction.load(tmp_path / "run.npz")
    for name in ("shape", "epsilon", "units", "method", "n_expected", "pixel_size_nm", "events"):
        assert getattr(again, name) == getattr(run, name)
    assert again.history == run.history
    assert again.predictions == run.predictions
    finished(run)
    finished(again)
    assert (again.x == run.x).all()
    assert again.history == run.history


def test_a_run_goes_back_to_its_own_state(tmp_path):
    run = halfway()
    run.save(tmp_path / "run.npz")
    at = run.x.copy()
    finished(run)
    assert run.load(tmp_path / "run.npz") is run
    assert (run.x == at).all()
    assert run.n_tilts == 7


def test_a_run_without_data_can_be_saved(tmp_path):
    DynamicReconstruction(SHAPE, 2.0).save(tmp_path / "empty.npz")
    again = DynamicReconstruction.load(tmp_path / "empty.npz")
    assert again.n_tilts == 0
    again.add(ANGLES, DATA)
    again.run(2)


def test_it_is_saved_while_it_runs(tmp_path):
    run = halfway()
    run.start()
    run.wait(run.iteration + 3)
    run.save(tmp_path / "run.npz")
    at = run.iteration
    run.stop()
    assert 10 <= DynamicReconstruction.load(tmp_path / "run.npz").iteration <= at


def test_the_one_before_is_kept_and_stands_in(tmp_path):
    path = tmp_path / "run.npz"
    run = halfway()
    run.save(path)
    first = run.iteration
    run.run(5)
    run.save(path)
    assert DynamicReconstruction.load(path).iteration == first + 5
    assert DynamicReconstruction.load(previous(path)).iteration == first
    path.write_bytes(path.read_bytes()[:5000])
    older = DynamicReconstruction.load(path)
    assert older.iteration == first
    assert older.events[-1].kind == "loaded"
    assert "run.previous.npz" in older.events[-1].value
    path.unlink()
    assert DynamicReconstruction.load(path).iteration == first
    previous(path).unlink()
    with pytest.raises(FileFormatError, match="there is no checkpoint"):
        DynamicReconstruction.load(path)


def test_damage_and_strangers_are_named(tmp_path):
    path = tmp_path / "run.npz"
    run = halfway()
    run.save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["projections"] = arrays["projections"] + 1
    np.savez(path, **arrays)
    with pytest.raises(ChecksumError, match="do not match"):
        DynamicReconstruction.load(path)
    header = json.loads(str(arrays["_header"]))
    for change, said in (({"version": 99}, "version 99"), ({"format": "x"}, "no checkpoint")):
        np.savez(path, **{**arrays, "_header": np.array(json.dumps({**header, **change}))})
        with pytest.raises(FileFormatError, match=said):
            DynamicReconstruction.load(path)
    path.write_text("not a checkpoint")
    with pytest.raises(FileFormatError, match="no whole checkpoint"):
        run.load(path)
    other = DynamicReconstruction((8, 8), 1.0)
    other.save(path)
    with pytest.raises(DataError, match="shape"):
        run.load(path)
    with pytest.raises(ParameterError, match="does not exist"):
        run.save(tmp_path / "nowhere" / "run.npz")


SCRIPT = """
    import sys, numpy as np
    from em_inverse.dynamic import DynamicReconstruction
    path, steps = sys.argv[1], int(sys.argv[2])
    data = np.load(sys.argv[3])
    try:
        run = DynamicReconstruction.load(path)
    except OSError:
        run = DynamicReconstruction(tuple(data["shape"]), 1.0, units="noise", noise=0.2)
    while run.iteration < steps:
        k = run.iteration // 2
        if k < len(data["angles"]) and run.iteration % 2 == 0 and run.n_tilts == k:
            run.add(data["angles"][k], data["b"][k])
        run.step()
        run.save(path)
        print(run.iteration, flush=True)
"""


def test_killed_at_any_moment_it_ends_at_the_same_answer(tmp_path):
    np.savez(tmp_path / "data.npz", angles=ANGLES, b=DATA, shape=SHAPE)
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT))
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)

    def begin(path):
        command = [sys.executable, str(script), str(path), "40", str(tmp_path / "data.npz")]
        environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    for at in (5, 17):
        process = begin(tmp_path / "killed.npz")
        for line in process.stdout:
            if int(line) >= at:
                process.send_signal(kill)
                break
        process.wait()
    for path in ("killed.npz", "whole.npz"):
        process = begin(tmp_path / path)
        process.communicate(timeout=120)
        assert process.returncode == 0
    killed, whole = (DynamicReconstruction.load(tmp_path / n) for n in ("killed.npz", "whole.npz"))
    assert killed.iteration == whole.iteration == 40
    assert (killed.x == whole.x).all()
