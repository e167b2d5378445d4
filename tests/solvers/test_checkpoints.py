"""Runs that save themselves, and stopping by data put aside."""

import json
import subprocess
import sys

import numpy as np
import pytest

from em_inverse.errors import DataError, FileFormatError, ParameterError
from em_inverse.fidelity import DataTolerance, LeastSquares
from em_inverse.forward import ParallelBeam
from em_inverse.priors import TotalVariation
from em_inverse.solvers import (
    ASDPOCS,
    CGLS,
    FISTA,
    MLEM,
    PDHG,
    SART,
    SIRT,
    TVSART,
    discrepancy,
    held_out,
)

ANGLES = np.arange(-70, 71, 10.0)
A = ParallelBeam((20, 20), ANGLES)
X = 1.0 * (np.hypot(*np.mgrid[-9.5:10, -9.5:10]) < 6)
Y = A @ X + np.random.default_rng(0).normal(0, 0.4, A.out_shape)
COUNTS = np.abs(Y)

SOLVERS = {
    "SIRT": lambda **k: SIRT(A, Y, **k),
    "CGLS": lambda **k: CGLS(A, Y, lam=0.1, **k),
    "MLEM": lambda **k: MLEM(A, COUNTS, **k),
    "SART": lambda **k: SART(A, Y, order="random", **k),
    "TV-SART": lambda **k: TVSART(A, Y, 0.02, **k),
    "ASD-POCS": lambda **k: ASDPOCS(A, Y, 5.0, **k),
    "FISTA": lambda **k: FISTA(LeastSquares(A, Y), TotalVariation(), 1.0, **k),
    "PDHG": lambda **k: PDHG(DataTolerance(A, Y, 5.0), nonnegative=True, **k),
}


class Killed(Exception):
    pass


def killed_at(count):
    def rule(solver):
        if solver.iteration == count:
            raise Killed
        return

    return rule


@pytest.mark.parametrize("name", SOLVERS)
def test_a_killed_run_resumes_where_it_was(name, tmp_path):
    path = tmp_path / "run.npz"
    straight = SOLVERS[name]().run(9)
    with pytest.raises(Killed):
        SOLVERS[name](stop=killed_at(5)).run(9, checkpoint=path, every_s=0)
    resumed = SOLVERS[name]().run(9, checkpoint=path, every_s=0, resume=True)
    np.testing.assert_allclose(resumed.x, straight.x, rtol=1e-5, atol=1e-6)
    assert resumed.n_iter == 9
    assert resumed.stop_reason.startswith("limit of 9 iterations")
    assert len(resumed.history["data_distance"]) == 9
    again = SOLVERS[name]().run(9, checkpoint=path, resume=True)
    np.testing.assert_array_equal(again.x, resumed.x)
    assert again.n_iter == 9


def test_a_process_that_is_killed_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    code = f"""
import numpy as np
from em_inverse.solvers import SIRT
H = np.random.default_rng(0).random((300, 200))
def tell(solver):
    print(solver.iteration, flush=True)
SIRT(H, H @ np.ones(200), stop=tell).run(10**6, checkpoint={str(path)!r}, every_s=0)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            if int(line) >= 20:
                run.kill()
                break
    H = np.random.default_rng(0).random((300, 200))
    solver = SIRT(H, H @ np.ones(200))
    result = solver.run(30, checkpoint=path, resume=True)
    np.testing.assert_allclose(result.x, SIRT(H, H @ np.ones(200)).run(result.n_iter).x, rtol=1e-12)


def test_a_run_that_a_rule_ended_is_not_continued(tmp_path):
    path = tmp_path / "run.npz"
    rule = discrepancy(1.5 * np.linalg.norm(Y - A @ X))
    done = SIRT(A, Y, stop=rule).run(500, checkpoint=path)
    assert done.converged
    again = SIRT(A, Y, stop=rule).run(500, checkpoint=path, resume=True)
    assert (again.n_iter, again.stop_reason) == (done.n_iter, done.stop_reason)
    more = SIRT(A, Y).run(done.n_iter + 3, checkpoint=path, resume=True)
    assert more.n_iter == done.n_iter + 3


def test_checkpoints_are_saved_every_so_often(tmp_path):
    path = tmp_path / "run.npz"
    seen = []

    def rule(solver):
        seen.append(path.exists())
        return

    SIRT(A, Y, stop=rule).run(4, checkpoint=path, every_s=1e6)
    assert seen == [False] * 4
    assert path.exists()
    path.unlink()
    seen.clear()
    SIRT(A, Y, stop=rule).run(4, checkpoint=path, every_s=0)
    assert seen == [False, True, True, True]


def test_an_interrupt_saves(tmp_path):
    def stop(solver):
        if solver.iteration == 3:
            raise KeyboardInterrupt
        return

    with pytest.raises(KeyboardInterrupt):
        SIRT(A, Y, stop=stop).run(10, checkpoint=tmp_path / "run.npz")
    fresh = SIRT(A, Y)
    fresh.load(tmp_path / "run.npz")
    assert fresh.iteration == 3


def test_checkpoints_of_another_problem_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    SIRT(A, Y).run(3, checkpoint=path)
    with pytest.raises(ParameterError, match="resume=True"):
        SIRT(A, Y).run(3, checkpoint=path)
    with pytest.raises(DataError, match="other data"):
        SIRT(A, 2 * Y).run(3, checkpoint=path, resume=True)
    with pytest.raises(ParameterError, match=r"relaxation = 1\.0 \(now 0\.5\)"):
        SIRT(A, Y, relaxation=0.5).run(3, checkpoint=path, resume=True)
    with pytest.raises(FileFormatError, match="not of CGLS"):
        CGLS(A, Y).run(3, checkpoint=path, resume=True)
    with pytest.raises(ParameterError, match="folder"):
        SIRT(A, Y).run(3, checkpoint=tmp_path / "none" / "run.npz")
    path.write_text("no checkpoint")
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        SIRT(A, Y).run(3, checkpoint=path, resume=True)
    with pytest.raises(ParameterError, match="every_s"):
        SIRT(A, Y).run(3, checkpoint=tmp_path / "other.npz", every_s=-1)


@pytest.mark.parametrize("name", SOLVERS)
def test_parameters_stay_what_they_are(name):
    """A resumed run is told from one with other parameters by them."""
    solver = SOLVERS[name]()
    before = solver.parameters()
    solver.run(30)
    after = solver.parameters()
    assert after.pop("iterations") == 30
    before.pop("iterations")
    assert json.loads(json.dumps(after)) == json.loads(json.dumps(before))


# --- data put aside ---------------------------------------------------------------------------

HELD = np.arange(3, 15, 5)
KEPT = np.setdiff1d(np.arange(15), HELD)


def test_held_out_data_stop_the_run_at_its_best():
    rule = held_out(A.subset(HELD), Y[HELD], patience=4)
    solver = SIRT(A.subset(KEPT), Y[KEPT], stop=rule)
    result = solver.run(500)
    assert result.converged
    assert len(rule.errors) == result.n_iter
    assert rule.best_iteration == result.n_iter - 4 == int(np.argmin(rule.errors)) + 1
    best = SIRT(A.subset(KEPT), Y[KEPT]).run(rule.best_iteration)
    distance = np.linalg.norm(A.subset(HELD) @ best.x - Y[HELD])
    assert min(rule.errors) == pytest.approx(distance, rel=1e-5)
    assert f"at iteration {rule.best_iteration})" in result.stop_reason
    assert result.history["held_out_distance"] == rule.errors


def test_the_rule_survives_an_interruption(tmp_path):
    def make(*more):
        rule = held_out(A.subset(HELD), Y[HELD], patience=4)
        return rule, SIRT(A.subset(KEPT), Y[KEPT], stop=[rule, *more])

    rule, solver = make()
    straight = solver.run(500)
    with pytest.raises(Killed):
        make(killed_at(6))[1].run(500, checkpoint=tmp_path / "run.npz", every_s=0)
    later, solver = make()
    resumed = solver.run(500, checkpoint=tmp_path / "run.npz", resume=True)
    assert later.best_iteration == rule.best_iteration
    assert later.errors == pytest.approx(rule.errors)
    assert resumed.n_iter == straight.n_iter


def test_bad_held_out_data_are_named():
    with pytest.raises(DataError, match="y_held"):
        held_out(A.subset(HELD), Y)
    with pytest.raises(ParameterError, match="patience"):
        held_out(A.subset(HELD), Y[HELD], patience=0)
