"""Week 11's exercises: every right way is accepted, every usual wrong one refused by name."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.sparse.linalg

from em_inverse import choose, deblurring
from em_inverse.checks import State, week11_reference
from em_inverse.checks import week11 as ex
from em_inverse.checks.problems import random_system

FUNCTIONS = (ex.naive, ex.tikhonov, ex.rmse_curve, ex.discrepancy)


def normal_equations(H, y):
    return np.linalg.inv(H.T @ H) @ (H.T @ y)


def qr_solution(H, y):
    Q, R = np.linalg.qr(H)
    return scipy.linalg.solve_triangular(R, Q.T @ y)


def svd_loop(H, y):
    U, s, Vt = np.linalg.svd(H)
    x = np.zeros(H.shape[1])
    for i in range(len(s)):
        x = x + U[:, i] @ y / s[i] * Vt[i, :]
    return x


def tikhonov_svd(H, y, lam):
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    return Vt.T @ np.diag(s / (s**2 + lam)) @ U.T @ y


def tikhonov_augmented(H, y, lam):
    n = H.shape[1]
    stacked = np.vstack([H, np.sqrt(lam) * np.eye(n)])
    return np.linalg.lstsq(stacked, np.concatenate([y, np.zeros(n)]), rcond=None)[0]


def tikhonov_dual(A, data, mu=1.0):
    return A.T @ np.linalg.solve(A @ A.T + mu * np.eye(A.shape[0]), data)


def tikhonov_lsqr(H, y, lam):
    return scipy.sparse.linalg.lsqr(H, y, damp=lam**0.5, atol=1e-14, btol=1e-14, conlim=0)[0]


def curve_loop(H, y, x_true, lambdas):
    curve = []
    for lam in lambdas:
        error = tikhonov_svd(H, y, lam) - x_true
        curve.append((error @ error / error.size) ** 0.5)
    return curve


def curve_vectorised(H, y, x_true, lambdas):
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    gains = s[:, None] / (s[:, None] ** 2 + lambdas[None, :])
    solutions = Vt.T @ (gains * (U.T @ y)[:, None])
    return np.sqrt(((solutions - x_true[:, None]) ** 2).mean(axis=0))


def discrepancy_brentq(H, y, noise_norm):
    def excess(t):
        return np.linalg.norm(H @ tikhonov_svd(H, y, 10.0**t) - y) - noise_norm

    return 10.0 ** scipy.optimize.brentq(excess, -8, 8)


def discrepancy_fine_grid(H, y, noise_norm):
    U, s, _ = np.linalg.svd(H, full_matrices=False)
    beta = U.T @ y
    outside = max(y @ y - beta @ beta, 0.0)
    lambdas = np.logspace(-4, 2, 20_001)
    damped = (lambdas[:, None] / (s**2 + lambdas[:, None]) * beta) ** 2
    return lambdas[np.abs(np.sqrt(damped.sum(axis=1) + outside) - noise_norm).argmin()]


RIGHT = [
    (ex.naive, normal_equations),
    (ex.naive, qr_solution),
    (ex.naive, svd_loop),
    (ex.naive, lambda H, y: np.linalg.pinv(H) @ y),
    (ex.naive, lambda H, y: np.linalg.lstsq(H, y, rcond=None)[0]),
    (ex.naive, deblurring.naive),
    (ex.tikhonov, tikhonov_svd),
    (ex.tikhonov, tikhonov_augmented),
    (ex.tikhonov, tikhonov_dual),
    (ex.tikhonov, tikhonov_lsqr),
    (ex.tikhonov, deblurring.tikhonov),
    (ex.rmse_curve, curve_loop),
    (ex.rmse_curve, curve_vectorised),
    (ex.rmse_curve, lambda H, y, x, ls: choose.sweep(H, y, ls, x_true=x).rmse),
    (ex.discrepancy, discrepancy_brentq),
    (ex.discrepancy, discrepancy_fine_grid),
    (ex.discrepancy, lambda H, y, noise: choose.discrepancy(H, y, noise).lam),
]


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    sizes = [(10, 10), (21, 4), (3, 8), (1, 1)]
    assert task.evaluate(task.reference, seed=99, sizes=sizes).passed


def _spoil(task):
    def func(*args):
        result = task.reference(*args)
        args[1][...] -= 1
        return result

    return func


def _column(task):
    return lambda *args: np.atleast_1d(task.reference(*args))[:, None] * np.ones((1, 2))


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_right_numbers_with_bad_manners_are_refused(task):
    assert "changed y in place" in task.evaluate(_spoil(task)).message
    assert "shape" in task.evaluate(_column(task)).message


UNLISTED = [
    (ex.naive, lambda H, y: tikhonov_svd(H, y, 1e-2), "without noise"),
    (ex.naive, lambda H, y: np.linalg.pinv(H, rcond=0.1) @ y, "without noise"),
    (ex.tikhonov, lambda H, y, lam: tikhonov_svd(H, y, 3 * lam), "slope"),
    (ex.tikhonov, lambda H, y, lam: tikhonov_svd(H, y, 0.1), "lam makes no difference"),
    (ex.rmse_curve, lambda H, y, x, ls: np.sqrt(curve_vectorised(H, y, x, ls)), "naive inverse"),
    (ex.discrepancy, lambda H, y, d: 3 * discrepancy_brentq(H, y, d), "λ is too large"),
    (ex.discrepancy, lambda H, y, d: discrepancy_brentq(H, y, d) / 3, "λ is too small"),
    (ex.discrepancy, lambda H, y, d: 1.1 * discrepancy_brentq(H, y, d), "refine it"),
    (ex.discrepancy, lambda H, y, d: -discrepancy_brentq(H, y, d), "λ is positive"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in verdict.message


@pytest.mark.parametrize(
    ("task", "trap", "words"),
    [
        (ex.naive, {"y": lambda y: np.abs(y - y.mean()).max() > 1e3}, None),
        (ex.tikhonov, {"lam": lambda lam: lam < 1e-6}, "As λ goes to 0"),
        (ex.tikhonov, {"lam": lambda lam: lam > 1e3}, "As λ grows"),
        (ex.rmse_curve, {"lambdas": lambda ls: ls.min() < 1e-6}, "As λ goes to 0"),
        (ex.rmse_curve, {"lambdas": lambda ls: ls.max() > 1e3}, "As λ grows"),
    ],
)
def test_limits_are_looked_at(task, trap, words):
    """Right on every problem, wrong only in the limit: the property alone can see it."""
    ((name, sprung),) = trap.items()
    index = {"y": 1, "lam": 2, "lambdas": 3}[name]

    def func(*args):
        answer = task.reference(*args)
        return 1.1 * answer if sprung(args[index]) else answer

    verdict = task.evaluate(func)
    assert verdict.passed if words is None else words in verdict.message


def test_other_properties_see_what_they_are_for():
    def adjoint_broken(H, y, lam):
        answer = week11_reference.tikhonov(H, y, lam)
        return answer * (1 + 0.1 * np.allclose(y, np.cos(np.arange(y.size))))

    assert "Tikhonov inverse of Hᵀ is the transpose" in ex.tikhonov.evaluate(adjoint_broken).message

    seen = []

    def order_broken(H, y, x_true, lambdas):
        seen.append(lambdas)
        answer = week11_reference.rmse_curve(H, y, x_true, lambdas)
        turned = any(len(s) == len(lambdas) and np.array_equal(s[::-1], lambdas) for s in seen)
        return answer[::-1] if turned and len(lambdas) > 1 else answer

    assert "turn round with it" in ex.rmse_curve.evaluate(order_broken).message

    def amplification_broken(H, y):
        answer = week11_reference.naive(H, y)
        u = np.linalg.svd(H)[0][:, -1]
        return answer * (1.1 if abs(abs(u @ y) - 1) < 0.3 else 1.0)

    assert ex.naive.evaluate(amplification_broken).state is State.WRONG

    def stuck(H, y, noise_norm):
        stuck.first.setdefault(y.tobytes(), noise_norm)
        return week11_reference.discrepancy(H, y, stuck.first[y.tobytes()])

    stuck.first = {}
    assert "More noise must lead to a larger λ" in ex.discrepancy.evaluate(stuck).message


def test_a_square_solver_gets_its_line_and_half_the_points():
    def naive(H, y):
        return np.linalg.solve(H, y)

    verdict = ex.naive.evaluate(naive)
    assert verdict.state is State.ERROR
    assert "return np.linalg.solve(H, y)" in verdict.message
    assert "LinAlgError" in verdict.message
    assert verdict.points == 0.5


def full_svd(H, y):
    U, s, Vt = np.linalg.svd(H)
    return Vt.T @ ((U.T @ y) / s)


def test_a_full_svd_is_told_of_full_matrices_and_not_only_of_solve():
    verdict = ex.naive.evaluate(full_svd)
    assert verdict.misconception == "square only"
    assert "np.linalg.svd needs full_matrices=False" in " ".join(verdict.message.split())


def backwards(H, y, noise_norm):
    low, high = -9.0, 9.0
    for _ in range(60):
        middle = (low + high) / 2
        x = week11_reference.tikhonov(H, y, 10**middle)
        low, high = (middle, high) if np.linalg.norm(H @ x - y) > noise_norm else (low, middle)
    return 10**middle


def test_a_bisection_that_keeps_the_wrong_half_is_not_said_to_ignore_the_data():
    assert "runs to the end of its interval" in ex.discrepancy.evaluate(backwards).message


def test_pictures_show_the_numbers_of_the_lesson():
    """What `expected` prints is what the notebook prints when all is right."""
    H, y = ex.best_lambda.problem()
    noise_norm = dict(ex.discrepancy.picture().numbers)["noise norm"]
    assert noise_norm == pytest.approx(0.3578, abs=5e-5)
    assert dict(ex.discrepancy.picture().numbers)["λ at the crossing"] == pytest.approx(
        choose.discrepancy(H, y, noise_norm).lam, rel=1e-4
    )
    tikhonov = dict(ex.tikhonov.picture().numbers)
    assert tikhonov["RMSE of the Tikhonov solution"] == pytest.approx(0.097, abs=5e-4)


@pytest.mark.parametrize(("lam", "reach"), [(0.003, 2), (0.0091, 1)])
def test_peaks_of_the_pictures_are_where_their_words_say(lam, reach):
    x = week11_reference.tikhonov(*ex.best_lambda.problem(), lam)
    found = [start + int(np.argmax(x[start : start + 13])) for start in (9, 29, 44)]
    off = [abs(at - true) for at, true in zip(found, (15, 35, 50), strict=True)]
    assert max(off) == reach


def test_a_wrong_rule_without_a_root_gives_no_answer():
    H, y = np.eye(3), np.ones(3)
    rules = {entry.name: entry.wrong for entry in ex.discrepancy.misconceptions}
    assert np.isnan(rules["squared residual"](H, y, 100.0))
    assert np.isfinite(rules["squared residual"](H, y, 1.0))


def test_messages_are_the_same_every_time():
    program = (
        "from em_inverse.checks import week11 as ex\n"
        "for task in ex.ALL[:4]:\n"
        "    for entry in task.misconceptions: task.check(entry.wrong); task.hint()\n"
        "    task.check(); task.check(task.reference); print(task)\n"
        "ex.best_lambda.check(lam=1, because={'A', 'C', 'E', 'Q'})\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert b"0x" not in runs[0]


def test_the_naive_picture_is_as_its_words_say():
    H, y = ex.best_lambda.problem()
    assert np.abs(week11_reference.naive(H, y)).max() > 1000


# --- The decision -------------------------------------------------------------------------------


def corner():
    return choose.l_curve(*ex.best_lambda.problem()).lam


def test_the_lesson_has_a_corner_that_its_root_cannot_be_taken_for():
    assert corner() is not None
    assert corner() ** 0.5 > 4 * corner()


def test_the_best_lambda_of_the_u_curve_is_near_enough_to_the_corner():
    """Who brings it is not told that what a larger λ removes is noise: it would not be true."""
    assert ex.best_lambda.evaluate(lam=0.003, because="BDF").passed


@pytest.mark.parametrize("factor", [1 / 3.9, 1, 3.9])
def test_near_the_corner_is_right(factor):
    assert ex.best_lambda.evaluate(lam=factor * corner(), because=["B", "D", "F"]).passed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lam: lam / 4.2, "steep branch: from there to the corner ‖x‖ falls by"),
        (lambda lam: 1e-5, "‖x‖ falls by 87 %, and the residual grows by 13 %"),
        (lambda lam: 4.2 * lam, "beyond the corner"),
        (lambda lam: 100.0, "the residual falls by 84 %, and ‖x‖ grows 149-fold"),
        (lambda lam: lam**0.5, "ours is the square of theirs"),
    ],
)
def test_away_from_the_corner_the_branch_is_named(change, words):
    verdict = ex.best_lambda.evaluate(lam=change(corner()), because=["B", "D", "F"])
    assert verdict.state is State.WRONG
    assert words in verdict.message
    assert verdict.points == 1


def test_a_lambda_far_from_the_root_is_not_taken_for_it():
    message = ex.best_lambda.evaluate(lam=2 * corner() ** 0.5, because="BDF").message
    assert "the square of theirs" not in message


def test_the_true_reasons_are_true_of_the_lesson():
    H, y = ex.best_lambda.problem()
    norms = {}
    for step in (0.1, 1.0, 10.0):
        x = week11_reference.tikhonov(H, y, step * corner())
        norms[step] = np.log([np.linalg.norm(x), np.linalg.norm(H @ x - y)])
    size, fit = norms[0.1] - norms[1.0]
    assert size > 0.15  # B: ‖x‖ would grow ...
    assert 0 < -fit < 0.05  # ... and the fit hardly improve
    size, fit = norms[10.0] - norms[1.0]
    assert fit > 1.5 * -size > 0  # D: more fit is spoilt than ‖x‖ shrinks


def test_another_problem_may_be_passed_and_a_hopeless_one_is_explained():
    rng = np.random.default_rng(3)
    system = random_system(rng, (40, 40), condition=1e6, noise=0.02)
    lam = choose.l_curve(system.H, system.y).lam
    assert ex.best_lambda.evaluate(lam=lam, because="BDF", problem=(system.H, system.y)).passed
    for problem in (3, (np.eye(3), np.ones(2)), (np.eye(4), np.ones(4))):
        message = ex.best_lambda.evaluate(lam=1.0, because="BDF", problem=problem).message
        assert "cannot be judged" in message


def test_use_gives_the_corner(capsys):
    assert ex.best_lambda.use(lam=None) == pytest.approx(corner(), rel=1e-9)
    assert ex.best_lambda.use(lam=2 * corner()) == 2 * corner()
