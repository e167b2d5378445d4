"""Runs that save themselves, and stopping by data put aside."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sparse

from em_inverse.errors import DataError, FileFormatError, ParameterError
from em_inverse.fidelity import DataTolerance, LeastSquares
from em_inverse.forward import GaussianBlur, MatrixOperator, ParallelBeam, Stack
from em_inverse.priors import Sparsity, TotalVariation
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


class Interrupting(MatrixOperator):
    """Sends this process a Ctrl-C in the middle of an iteration, once."""

    calls, at = 0, -1

    def _adjoint(self, y):
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return super()._adjoint(y)


@pytest.mark.parametrize("name", ["FISTA", "PDHG", "SIRT"])
def test_ctrl_c_inside_an_iteration_waits_for_its_end(name, monkeypatch):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    make = {
        "FISTA": lambda H: FISTA(LeastSquares(H, Y.ravel()), Sparsity(), 0.1),
        "PDHG": lambda H: PDHG(DataTolerance(H, Y.ravel(), 5.0), Sparsity(), nonnegative=True),
        "SIRT": lambda H: SIRT(H, Y.ravel()),
    }[name]
    H = Interrupting(A.to_matrix().astype(np.float64))
    solver = make(H)
    solver.run(3)
    H.at = H.calls + 1
    with pytest.raises(KeyboardInterrupt):
        solver.run(5)
    assert solver.iteration == len(solver.history["step"]) == 4
    solver.run(4)
    straight = make(MatrixOperator(A.to_matrix().astype(np.float64)))
    np.testing.assert_allclose(solver.x, straight.run(8).x, rtol=1e-12, atol=1e-14)


def test_a_second_ctrl_c_does_not_wait():
    class Impatient(Interrupting):
        def _adjoint(self, y):
            if self.at == 0:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
                pytest.fail("not reached")
            return super()._adjoint(y)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    H = Impatient(np.eye(3))
    solver = SIRT(H, np.ones(3))
    H.at = 0
    with pytest.raises(KeyboardInterrupt):
        solver.step()
    assert solver.iteration == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


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


def test_a_checkpoint_of_another_geometry_or_support_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    SIRT(A, Y).run(3, checkpoint=path)
    inside = X > 0
    for other in (
        SIRT(ParallelBeam((20, 20), ANGLES, center_shift=1.5), Y),
        SIRT(ParallelBeam((20, 20), ANGLES + 1), Y),
        SIRT(2.0 * A, Y),
        SIRT(A, Y, support=inside),
    ):
        with pytest.raises(DataError, match="another operator or support"):
            other.run(3, checkpoint=path, resume=True)
    assert SIRT(ParallelBeam((20, 20), ANGLES), Y).run(3, checkpoint=path, resume=True).n_iter == 3


@pytest.mark.parametrize("name", ["FISTA", "PDHG", "SART"])
def test_a_checkpoint_with_a_support_resumes_with_the_same_only(name, tmp_path):
    path, inside = tmp_path / "run.npz", X > 0
    make = {
        "FISTA": lambda s: FISTA(LeastSquares(A, Y), Sparsity(), 1.0, support=s),
        "PDHG": lambda s: PDHG(LeastSquares(A, Y), Sparsity(), 1.0, support=s),
        "SART": lambda s: SART(A, Y, support=s),
    }[name]
    make(inside).run(2, checkpoint=path)
    assert make(inside).run(4, checkpoint=path, resume=True).n_iter == 4
    for support in (None, np.roll(inside, 2, axis=0)):
        with pytest.raises(DataError, match="support"):
            make(support).run(5, checkpoint=path, resume=True)


def test_a_blur_is_told_from_a_wider_one(tmp_path):
    path, picture = tmp_path / "run.npz", np.random.default_rng(0).random((12, 17))
    CGLS(GaussianBlur(picture.shape, 1.0), picture).run(2, checkpoint=path)
    CGLS(GaussianBlur(picture.shape, 1.0), picture).run(3, checkpoint=path, resume=True)
    with pytest.raises(DataError, match="another operator"):
        CGLS(GaussianBlur(picture.shape, 1.5), picture).run(4, checkpoint=path, resume=True)


def test_the_parts_of_an_operator_tell_problems_apart(tmp_path):
    path = tmp_path / "run.npz"
    first, second = (MatrixOperator(sparse.csr_matrix(np.diag(d))) for d in ([1.0, 2], [1.0, 3]))
    y = np.ones(4)
    CGLS(Stack([first, 2.0 * first]), y).run(1, checkpoint=path)
    CGLS(Stack([first, 2.0 * first]), y).run(2, checkpoint=path, resume=True)
    with pytest.raises(DataError, match="operator"):
        CGLS(Stack([first, 2.0 * second]), y).run(2, checkpoint=path, resume=True)


def test_fewer_iterations_than_were_saved_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    SIRT(A, Y).run(9, checkpoint=path)
    with pytest.raises(ParameterError, match=r"5 iterations .* holds 9 already.*Ask for 9 or more"):
        SIRT(A, Y).run(5, checkpoint=path, resume=True)
    assert SIRT(A, Y).run(9, checkpoint=path, resume=True).n_iter == 9
