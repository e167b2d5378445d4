"""Iterative solvers: where they end, what they keep, how they stop, and that they come back."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import noise, solvers
from em_inverse.errors import ChecksumError, DataError, FileFormatError, ParameterError
from em_inverse.fidelity import DataTolerance, LeastSquares, PoissonLikelihood
from em_inverse.forward import GaussianBlur, Gradient, MatrixOperator
from em_inverse.phantoms import steps
from em_inverse.priors import Identity, NonNegative, Smoothness, Sparsity, TotalVariation
from em_inverse.solvers import CGLS, FISTA, MLEM, PDHG, SIRT

RNG = np.random.default_rng(11)
STEP = np.repeat([0.2, 0.8, 0.3], 12)
BLUR = GaussianBlur(STEP.shape, 1.5)
NOISY = BLUR @ STEP + 0.03 * RNG.standard_normal(STEP.shape)
SQUARE = np.zeros((12, 14))
SQUARE[3:8, 4:10] = 1.0
BLUR2 = GaussianBlur(SQUARE.shape, 1.0)
NOISY2 = BLUR2 @ SQUARE + 0.05 * RNG.standard_normal(SQUARE.shape)
COUNTS = RNG.poisson(BLUR2 @ (20 * SQUARE + 1)).astype(float)

A = RNG.random((9, 6))
Y = A @ np.arange(1.0, 7) + 0.1 * RNG.standard_normal(9)


def every_solver():
    ball = DataTolerance(BLUR2, NOISY2, 0.05 * np.sqrt(SQUARE.size))
    return {
        "SIRT": lambda: SIRT(A, Y),
        "CGLS": lambda: CGLS(A, Y, lam=0.1),
        "MLEM": lambda: MLEM(A, Y),
        "FISTA": lambda: FISTA(LeastSquares(BLUR2, NOISY2), TotalVariation(), 0.1),
        "FISTA Poisson": lambda: FISTA(PoissonLikelihood(BLUR2, COUNTS, 1.0), Sparsity(), 0.1),
        "PDHG": lambda: PDHG(LeastSquares(BLUR2, NOISY2), TotalVariation(), 0.1),
        "PDHG ball": lambda: PDHG(ball, nonnegative=True),
    }


def run(solver, count):
    for state in solver:
        if state.iteration >= count:
            return state
    return state


# --- least squares ---------------------------------------------------------------------------


def test_sirt_converges_to_weighted_least_squares():
    solver = SIRT(A, Y, nonnegative=False)
    run(solver, 60000)
    weight = np.diag(1 / A.sum(axis=1))
    expected = np.linalg.solve(A.T @ weight @ A, A.T @ weight @ Y)
    np.testing.assert_allclose(solver.x, expected, rtol=1e-4)


def test_sirt_keeps_zero_rows_and_columns_out():
    B = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    x = SIRT(B, [1.0, 5.0, 2.0]).run(200).x
    np.testing.assert_allclose(x, [1, 0], atol=1e-8)


def test_sirt_stays_nonnegative_and_starts_where_told():
    solver = SIRT(A, -Y)
    assert run(solver, 5).x.min() >= 0
    start = np.full(6, 2.0)
    warm = SIRT(A, A @ start, start)
    assert run(warm, 1).step == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(start, 2)


def test_sirt_needs_weights_without_sign():
    with pytest.raises(ParameterError, match="Use CGLS"):
        SIRT(Gradient((5,)), np.zeros((1, 5)))
    with pytest.raises(ParameterError, match="relaxation"):
        SIRT(A, Y, relaxation=2.0)


@pytest.mark.parametrize("lam", [0.0, 0.3])
@pytest.mark.parametrize("penalty", [None, Gradient((6,))])
def test_cgls_solves_tikhonovs_problem(lam, penalty):
    solver = CGLS(A, Y, lam, penalty)
    run(solver, 12)
    L = np.eye(6) if penalty is None else penalty.to_matrix()
    np.testing.assert_allclose(
        solver.x, np.linalg.solve(A.T @ A + lam * L.T @ L, A.T @ Y), rtol=1e-8
    )
    assert solver.relative_gradient < 1e-9


def test_cgls_rests_when_there_is_nothing_to_do():
    solver = CGLS(A, np.zeros(9))
    state = run(solver, 3)
    np.testing.assert_array_equal(state.x, 0)
    assert solver.relative_gradient == 0
    with pytest.raises(DataError, match="penalty acts on shape"):
        CGLS(A, Y, 1.0, Gradient((7,)))


def test_cgls_reaches_a_warm_start_at_once():
    exact = np.linalg.lstsq(A, Y, rcond=None)[0]
    solver = CGLS(A, Y, x0=exact)
    assert run(solver, 1).step < 1e-9


# --- counts ----------------------------------------------------------------------------------


def test_mlem_climbs_the_likelihood_and_keeps_the_total():
    data = PoissonLikelihood(BLUR2, COUNTS)
    solver = MLEM(BLUR2, COUNTS)
    values = []
    for state in solver:
        values.append(data.value(state.x))
        assert (BLUR2 @ state.x).sum() == pytest.approx(COUNTS.sum(), rel=1e-9)
        if state.iteration == 30:
            break
    assert (np.diff(values) <= 1e-9).all()
    assert solver.x.min() >= 0


def test_mlem_with_background_and_a_start():
    solver = MLEM(A, Y, np.ones(6), background=0.5)
    run(solver, 20000)
    gradient = PoissonLikelihood(A, Y, 0.5).gradient(solver.x)
    assert np.abs(solver.x * gradient).max() < 1e-3
    with pytest.raises(ParameterError, match="x0"):
        MLEM(A, Y, np.zeros(6))
    with pytest.raises(ParameterError, match="weights"):
        MLEM(Gradient((5,)), np.zeros((1, 5)))


# --- priors with corners ---------------------------------------------------------------------


@pytest.mark.parametrize("prior", [Identity(), Smoothness(), Sparsity(), TotalVariation(1e-10)])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_fista_and_pdhg_agree_and_are_certified(prior, nonnegative):
    data = LeastSquares(BLUR2, NOISY2)
    slow = PDHG(data, prior, 0.2, nonnegative=nonnegative, stop=solvers.small_gap(1e-5))
    slow.run(20000)
    assert slow.gap() <= 1e-5
    if nonnegative and isinstance(prior, Smoothness):
        with pytest.raises(ParameterError, match="PDHG"):
            FISTA(data, prior, 0.2, nonnegative=True)
        return
    fast = FISTA(data, prior, 0.2, nonnegative=nonnegative, stop=solvers.small_gap(1e-7))
    result = fast.run(3000)
    assert result.converged
    assert result.stop_reason.startswith("duality gap")
    assert fast.gap() <= 1e-7
    assert fast.objective() == pytest.approx(slow.objective(), rel=2e-5)
    np.testing.assert_allclose(fast.x, slow.x, atol=2e-2)
    if nonnegative:
        assert min(fast.x.min(), slow.x.min()) >= 0


def test_the_gap_bounds_the_distance_to_the_optimum():
    """At every iterate, objective · (1 − gap) is below the true optimum."""
    data = LeastSquares(BLUR, NOISY)
    best = FISTA(data, TotalVariation(), 0.3, stop=solvers.small_gap(1e-12))
    best.run(20000)
    optimum = best.objective()
    for make in (FISTA, PDHG):
        for nonnegative in (False, True):
            solver = make(data, TotalVariation(), 0.3, nonnegative=nonnegative)
            for state in solver:
                bound = solver.objective() * (1 - solver.gap())
                assert bound <= optimum * (1 + 1e-9)
                if state.iteration == 40:
                    break


@pytest.mark.parametrize("prior", [TotalVariation(1e-10), Sparsity()])
def test_poisson_data(prior):
    data = PoissonLikelihood(BLUR2, COUNTS, background=1.0)
    fast = FISTA(data, prior, 0.5, stop=solvers.small_gap(1e-5))
    fast.run(4000)
    assert fast.gap() <= 1e-5
    assert fast.x.min() >= 0
    slow = PDHG(data, prior, 0.5, nonnegative=True)
    slow.run(6000)
    assert slow.objective() == pytest.approx(fast.objective(), rel=2e-3)
    assert slow.objective() >= fast.objective() * (1 - 1e-5)


def _line_scan(levels=(0.05, 1, 0.05, 0.3, 0.05), dose=10, seed=0):
    layers = steps(120, levels)
    probe = GaussianBlur((120,), 3)
    counts, _ = noise.poisson(probe @ layers, dose, seed=seed, counts=True)
    return PoissonLikelihood(probe, counts)


@pytest.mark.parametrize(
    ("data", "most"),
    [(LeastSquares, 1), (PoissonLikelihood, 4)],
    ids=["squares", "counts"],
)
def test_fista_projects_no_more_often_than_it_has_to(data, most, monkeypatch):
    H = MatrixOperator(A)
    calls = {"forward": 0, "adjoint": 0}
    for name in calls:
        plain = getattr(MatrixOperator, name)

        def counted(self, x, name=name, plain=plain):
            calls[name] += 1
            return plain(self, x)

        monkeypatch.setattr(MatrixOperator, name, counted)
    solver = FISTA(data(H, Y), Sparsity(), 0.1, nonnegative=True)
    run(solver, 3)
    calls.update(forward=0, adjoint=0)
    run(solver, 53)
    restarts = calls["adjoint"] - 50
    assert 0 <= restarts < 15
    assert calls["forward"] <= most * calls["adjoint"]


@pytest.mark.parametrize("nonnegative", [False, True])
def test_the_prox_is_made_more_exact_as_fista_comes_near(nonnegative, monkeypatch):
    from em_inverse.forward.kernels import total_variation as kernels

    sweeps, plain = [], kernels.sweep
    monkeypatch.setattr(kernels, "sweep", lambda *args: (sweeps.append(1), plain(*args)))
    solver = FISTA(LeastSquares(BLUR2, NOISY2), TotalVariation(), 0.02, nonnegative=nonnegative)
    run(solver, 20)
    early = len(sweeps)
    run(solver, 180)
    late = len(sweeps)
    run(solver, 200)
    assert early < 8 * 20
    assert len(sweeps) - late >= 10 * 20
    run(solver, 1000)
    assert solver.gap() < 1e-5


@pytest.mark.parametrize("dose", [1, 10, 1000])
@pytest.mark.parametrize("lam", [0.1, 1.0])
def test_poisson_fista_stays_inside_its_domain(dose, lam):
    """Momentum once carried it where counts met next to no expectation, and from there to NaN."""
    data, prior = _line_scan(dose=dose), TotalVariation()
    fast = FISTA(data, prior, lam, stop=solvers.small_gap(1e-5))
    worth = []
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for state in fast:
            assert np.isfinite(state.x).all()
            worth.append(fast.objective())
            if state.iteration == 1500:
                break
    assert fast.converged
    assert np.all(np.diff(worth) <= 1e-10 * np.abs(worth[:-1]))
    slow = PDHG(data, prior, lam, nonnegative=True, stop=solvers.small_gap(1e-4))
    slow.run(5000)
    assert fast.objective() == pytest.approx(slow.objective(), rel=2e-4)
    assert fast.objective() <= slow.objective() * (1 + 1e-5)


def test_poisson_fista_starts_anywhere_and_takes_other_counts():
    data, prior = _line_scan((0, 1, 0, 0.3, 0)), TotalVariation()
    best = FISTA(data, prior, 1.0, stop=solvers.small_gap(1e-6))
    best.run(2000)
    dark = FISTA(data, prior, 1.0, x0=np.zeros(120), stop=solvers.small_gap(1e-6))
    dark.run(2000)
    assert dark.objective() == pytest.approx(best.objective(), rel=1e-5)
    other = _line_scan((0.3, 0, 1, 0, 0)).y
    dark.y = other
    assert dark.run(2000).converged
    again = FISTA(PoissonLikelihood(data.H, other), prior, 1.0, stop=solvers.small_gap(1e-6))
    again.run(2000)
    assert dark.objective() == pytest.approx(again.objective(), rel=1e-5)


def test_poisson_fista_with_no_counts_ends_at_nothing():
    empty = FISTA(PoissonLikelihood(BLUR2, 0 * COUNTS), TotalVariation(), 0.5)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert empty.run(300).x.max() == 0


def test_counts_that_no_object_explains_are_named():
    blind = np.diag([1.0, 0.0])
    with pytest.raises(DataError, match="background"):
        FISTA(PoissonLikelihood(blind, [3.0, 2.0]), Sparsity(), 0.1)
    assert FISTA(PoissonLikelihood(blind, [3.0, 0.0]), Sparsity(), 0.1).run(200).x[0] > 2
    explained = FISTA(PoissonLikelihood(blind, [3.0, 2.0], [0.0, 2.0]), Sparsity(), 0.1)
    np.testing.assert_allclose(explained.run(500).x, [3 / 1.1, 0], atol=1e-4)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_the_ball_is_met_and_certified(nonnegative):
    epsilon = 0.05 * np.sqrt(SQUARE.size)
    data = DataTolerance(BLUR2, NOISY2, epsilon)
    solver = PDHG(data, nonnegative=nonnegative, stop=solvers.small_gap(2e-4))
    result = solver.run(30000)
    assert result.converged
    assert solver.infeasibility <= 2e-4
    assert data.distance(result.x) == pytest.approx(epsilon, rel=1e-3)
    # The penalised problem with the multiplier as λ has the same solution.
    lam = 1 / np.linalg.norm(solver._q) * 2 * epsilon
    penalised = FISTA(
        LeastSquares(BLUR2, NOISY2), TotalVariation(1e-10), lam, nonnegative=nonnegative
    ).run(3000)
    np.testing.assert_allclose(penalised.x, result.x, atol=0.03)


def test_epsilon_and_lambda_may_change_on_the_way():
    data = DataTolerance(BLUR2, NOISY2, 2.0)
    solver = PDHG(data)
    run(solver, 300)
    data.epsilon = 0.7
    solver.rearm()
    run(solver, solver.iteration + 4000)
    cold = PDHG(DataTolerance(BLUR2, NOISY2, 0.7))
    run(cold, 4000)
    np.testing.assert_allclose(solver.x, cold.x, atol=0.02)
    fista = FISTA(LeastSquares(BLUR2, NOISY2), TotalVariation(), 5.0)
    run(fista, 50)
    fista.lam = 0.1
    run(fista, 1000)
    again = FISTA(LeastSquares(BLUR2, NOISY2), TotalVariation(), 0.1).run(1000)
    np.testing.assert_allclose(fista.x, again.x, atol=5e-3)


def test_single_precision_runs_in_single_precision():
    H = GaussianBlur(SQUARE.shape, 1.0, dtype=np.float32)
    for solver in (
        SIRT(H, NOISY2),
        CGLS(H, NOISY2, 0.1),
        MLEM(H, COUNTS),
        FISTA(LeastSquares(H, NOISY2), TotalVariation(), 0.1),
        PDHG(LeastSquares(H, NOISY2), TotalVariation(), 0.1),
    ):
        assert run(solver, 30).x.dtype == np.float32


def test_pdhg_with_a_constraint_only():
    x = PDHG(LeastSquares(np.eye(3), [1.0, -1.0, 2.0]), NonNegative()).run(400).x
    np.testing.assert_allclose(x, [1, 0, 2], atol=1e-4)


def test_fista_refuses_the_ball():
    with pytest.raises(ParameterError, match="use PDHG"):
        FISTA(DataTolerance(BLUR, NOISY, 1.0), Sparsity(), 1.0)


# --- the iterator ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", every_solver())
def test_history_states_and_result(name):
    solver = every_solver()[name]()
    states = []
    for state in solver:
        states.append((state.iteration, state.data_distance, state.prior, state.step))
        if state.iteration == 4:
            break
    assert [s[0] for s in states] == [1, 2, 3, 4]
    assert solver.history["data_distance"] == [s[1] for s in states]
    assert solver.history["step"] == [s[3] for s in states]
    result = solver.result()
    assert result.n_iter == 4
    assert not result.converged
    before = result.x.copy()
    solver.step()
    np.testing.assert_array_equal(result.x, before)
    assert result.parameters["iterations"] == 4
    json.dumps(result.parameters)


@pytest.mark.parametrize("name", every_solver())
def test_saved_and_resumed_runs_end_at_the_same_place(name, tmp_path):
    path = tmp_path / "state.npz"
    straight, first, second = (every_solver()[name]() for _ in range(3))
    run(straight, 12)
    run(first, 5)
    first.save(path)
    second.load(path)
    assert second.iteration == 5
    run(second, 12)
    np.testing.assert_allclose(second.x, straight.x, rtol=1e-6, atol=1e-9)
    assert second.history["data_distance"] == pytest.approx(straight.history["data_distance"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.npz"]


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    path = tmp_path / "state.npz"
    solver = SIRT(A, Y)
    run(solver, 2)
    solver.save(path)
    with pytest.raises(FileFormatError, match=r"not a checkpoint of CGLS|of SIRT, not of CGLS"):
        CGLS(A, Y).load(path)
    with pytest.raises(DataError, match="works on shape"):
        SIRT(A[:, :4], Y).load(path)
    whole = dict(np.load(path))
    np.savez(path, **{**whole, "x": whole["x"] + 1})
    with pytest.raises(ChecksumError, match="damaged"):
        SIRT(A, Y).load(path)
    header = json.loads(str(whole["_header"]))
    header["solver"] = "MLEM"
    np.savez(path, **{**whole, "_header": np.array(json.dumps(header))})
    with pytest.raises(FileFormatError, match="checkpoint of MLEM"):
        SIRT(A, Y).load(path)
    path.write_bytes(b"half a file")
    with pytest.raises(FileFormatError):
        SIRT(A, Y).load(path)
    with pytest.raises(FileNotFoundError):
        SIRT(A, Y).load(tmp_path / "nothing.npz")


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    solver = SIRT(A, Y)
    run(solver, 1)
    solver.save(path)
    before = path.read_bytes()

    def full_disk(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        solver.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_stop_rules():
    noise = 0.5
    solver = SIRT(A, Y, stop=solvers.discrepancy(noise, tau=1.1))
    result = solver.run(5000)
    assert result.converged
    assert result.data_distance <= 1.1 * noise
    assert result.history["data_distance"][-2] > 1.1 * noise
    assert "data distance" in result.stop_reason
    lazy = SIRT(A, Y, stop=[solvers.relative_change(1e-3)]).run(5000)
    assert lazy.converged
    assert lazy.n_iter < 5000
    limited = SIRT(A, Y, stop=solvers.discrepancy(1e-9)).run(7)
    assert (limited.converged, limited.stop_reason) == (False, "limit of 7 iterations")
    assert limited.n_iter == 7


def test_a_rule_met_in_the_last_iteration_counts():
    count = SIRT(A, Y, stop=solvers.discrepancy(0.5)).run(5000).n_iter
    assert SIRT(A, Y, stop=solvers.discrepancy(0.5)).run(count).converged


def test_running_on_and_progress(capsys):
    solver = SIRT(A, Y)
    solver.run(3, progress=True)
    assert "SIRT" in capsys.readouterr().err
    assert solver.run(2).n_iter == 5
    with pytest.raises(ParameterError, match="n_iter"):
        solver.run(0)


def test_an_unfinished_solver_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="_step"):
        solvers.Solver().step()
    assert solvers.Solver().parameters() == {}


def test_a_run_killed_between_checkpoints_resumes(tmp_path):
    """A real process is killed while it saves after every iteration; the file stays whole."""
    path = tmp_path / "state.npz"
    code = f"""
import numpy as np, sys
from em_inverse.solvers import SIRT
A = np.random.default_rng(0).random((300, 200)); y = A @ np.ones(200)
solver = SIRT(A, y)
for state in solver:
    solver.save({str(path)!r})
    print(state.iteration, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 20:
            process.kill()
            break
    process.wait()
    matrix = np.random.default_rng(0).random((300, 200))
    solver = SIRT(matrix, matrix @ np.ones(200))
    solver.load(path)
    assert solver.iteration >= 20
    straight = SIRT(matrix, matrix @ np.ones(200))
    run(straight, solver.iteration)
    np.testing.assert_allclose(solver.x, straight.x, rtol=1e-12)


# --- what changes on the way, and what goes wrong -------------------------------------------


@pytest.mark.parametrize("make", [SIRT, CGLS])
def test_new_data_count_from_the_next_iteration_on(make):
    solver = make(A, Y)
    run(solver, 5)
    solver.y = 2 * Y
    run(solver, 20000 if make is SIRT else 30)
    expected = make(A, 2 * Y).run(20000 if make is SIRT else 30).x
    np.testing.assert_allclose(solver.x, expected, rtol=1e-6)
    fresh = make(A, Y)
    fresh.y = 2 * Y
    assert fresh.step().data_distance == pytest.approx(make(A, 2 * Y).step().data_distance)


@pytest.mark.parametrize("name", every_solver())
def test_data_that_do_not_fit_are_refused_on_the_way(name):
    solver = every_solver()[name]()
    solver.step()
    before = solver.y.copy()
    for bad, words in ((before[..., :-1], "y has shape"), (np.nan * before, "y holds .* NaN")):
        with pytest.raises(DataError, match=words):
            solver.y = bad
    np.testing.assert_array_equal(solver.y, before)
    solver.y = 0 * before
    assert solver.step().data_distance != pytest.approx(solver.history["data_distance"][0])
    assert not np.any(getattr(solver, "data", solver).y)


@pytest.mark.parametrize("make", [SIRT, lambda A, y: SIRT(A, y, relaxation=0.5)])
def test_a_relaxation_out_of_range_is_refused_on_the_way(make):
    solver = make(A, Y)
    solver.step()
    for bad in (0, 2, np.nan):
        with pytest.raises(ParameterError, match="relaxation"):
            solver.relaxation = bad


def test_new_data_let_the_steps_of_pdhg_adapt_again():
    solver = PDHG(LeastSquares(BLUR2, NOISY2), TotalVariation(), 0.1)
    run(solver, 200)
    waited = solver._wait
    solver.y = 2 * NOISY2
    assert solver._wait < waited
    run(solver, 2500)
    expected = PDHG(LeastSquares(BLUR2, 2 * NOISY2), TotalVariation(), 0.1).run(2500).x
    np.testing.assert_allclose(solver.x, expected, atol=1e-4)


def test_lambda_may_change_in_cgls():
    solver = CGLS(A, Y, 0.1)
    run(solver, 3)
    solver.lam = 5.0
    run(solver, 15)
    np.testing.assert_allclose(solver.x, np.linalg.solve(A.T @ A + 5 * np.eye(6), A.T @ Y))
    with pytest.raises(ParameterError, match="lam"):
        solver.lam = -1


def test_bad_parameters_are_refused_while_running():
    for solver in (every_solver()["FISTA"](), every_solver()["PDHG"]()):
        for bad in (0, -1.0, np.nan):
            with pytest.raises(ParameterError, match="lam"):
                solver.lam = bad


def test_a_rule_of_its_own_mind_cannot_outrun_the_limit():
    """A stop rule that holds once only, in the last iteration, is asked once."""
    calls = []

    def rule(solver):
        calls.append(solver.iteration)
        return "enough" if len(calls) == 5 else None

    result = SIRT(A, Y, stop=rule).run(5)
    assert (result.n_iter, result.converged, result.stop_reason) == (5, True, "enough")
    assert calls == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("make", [SIRT, CGLS, MLEM])
def test_an_interrupt_leaves_the_last_finished_iteration(make):
    class Fragile(MatrixOperator):
        left = 10**9

        def _adjoint(self, y):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super()._adjoint(y)

        def _forward(self, x):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super()._forward(x)

    for allowed in range(6):
        H = Fragile(A)
        solver, straight = make(H, Y), make(A, Y)
        H.left = allowed
        with pytest.raises(KeyboardInterrupt):
            run(solver, 100)
        H.left = 10**9
        run(solver, 12)
        run(straight, 12)
        np.testing.assert_allclose(solver.x, straight.x, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_units_of_the_data_do_not_matter(scale):
    """The ball, the penalised problem and the certificates, at counts and at nanovolts."""
    epsilon = 0.05 * np.sqrt(SQUARE.size)
    for one, other in [
        (
            PDHG(DataTolerance(BLUR2, NOISY2, epsilon)),
            PDHG(DataTolerance(BLUR2, scale * NOISY2, scale * epsilon)),
        ),
        (
            PDHG(LeastSquares(BLUR2, NOISY2), lam=0.2),
            PDHG(LeastSquares(BLUR2, scale * NOISY2), lam=0.2 * scale),
        ),
        (
            FISTA(LeastSquares(BLUR2, NOISY2), TotalVariation(), 0.2),
            FISTA(LeastSquares(BLUR2, scale * NOISY2), TotalVariation(), 0.2 * scale),
        ),
    ]:
        run(one, 200)
        run(other, 200)
        np.testing.assert_allclose(other.x / scale, one.x, atol=1e-6)
        assert other.gap() == pytest.approx(one.gap(), rel=1e-3)


def test_a_ball_out_of_reach_is_said_to_be():
    twice = np.vstack([np.eye(4), np.eye(4)])
    data = DataTolerance(twice, [0.0] * 4 + [1.0] * 4, 0.5)
    solver = PDHG(data, stop=solvers.small_gap(1e-4))
    result = solver.run(2000)
    assert not result.converged
    assert solver.infeasibility == pytest.approx(np.sqrt(2) / 0.5 - 1, rel=1e-3)
    assert "still exceeds ε by 1.8e+02 %" in result.stop_reason
    assert np.isfinite(solver.gap())


def test_an_operator_that_maps_everything_to_zero():
    nothing = np.zeros((3, 3))
    for make in (
        lambda: FISTA(LeastSquares(nothing, np.ones(3)), Sparsity(), 1.0),
        lambda: PDHG(LeastSquares(nothing, np.ones(3))),
        lambda: MLEM(nothing, np.ones(3)),
    ):
        with pytest.raises(DataError, match="H maps every object to zero"):
            make()


def test_constants_that_h_does_not_see_do_not_spoil_the_certificate():
    centred = np.eye(36) - 1 / 36
    data = LeastSquares(centred, centred @ NOISY)
    for nonnegative in (False, True):
        solver = FISTA(
            data, TotalVariation(), 0.1, nonnegative=nonnegative, stop=solvers.small_gap(1e-6)
        )
        assert solver.run(500).converged


def test_the_certificate_of_a_constraint_alone():
    data = LeastSquares(np.array([[1.0, 0.5], [0.2, 1.0]]), [1.0, -1.0])
    fista = FISTA(data, NonNegative(), 1.0)
    fista.step()
    assert fista.gap() == np.inf  # a dual outside its domain bounds nothing
    run(fista, 300)
    assert fista.gap() < 1e-9
    pdhg = PDHG(data, NonNegative())
    pdhg.step()
    assert not np.isnan(pdhg.gap())


def test_checkpoints_of_other_data_are_refused_and_precision_is_kept(tmp_path):
    path = tmp_path / "state.npz"
    wide, narrow = (PDHG(LeastSquares(A[:m], Y[:m]), Sparsity(), 0.1) for m in (9, 7))
    run(wide, 3)
    wide.save(path)
    with pytest.raises(DataError, match="another problem: its q has shape"):
        narrow.load(path)
    assert narrow.iteration == 0
    single = PDHG(LeastSquares(A.astype(np.float32), Y), Sparsity(), 0.1)
    single.load(path)
    assert run(single, 5).x.dtype == np.float32
    whole = dict(np.load(path))
    header = json.loads(str(whole["_header"]))
    del header["iteration"]
    np.savez(path, **{**whole, "_header": np.array(json.dumps(header))})
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        wide.load(path)
