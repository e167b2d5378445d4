"""Week 4's exercises: every right way is accepted, every usual wrong one refused by name."""

import statistics

import numpy as np
import pytest

from em_inverse import choose
from em_inverse.checks import State, week04_pictures, week04_reference
from em_inverse.checks import week04 as ex

FUNCTIONS = (ex.blank_noise, ex.gcv, ex.leave_one_out)


def gcv_by_trace(H, y, lam):
    A = H @ np.linalg.inv(H.T @ H + lam * np.eye(H.shape[1])) @ H.T
    return np.linalg.norm(y - A @ y) ** 2 / np.trace(np.eye(len(y)) - A) ** 2


def gcv_full_svd(H, y, lam):
    U, s, _ = np.linalg.svd(H)
    beta = U.T @ y
    f = np.zeros(len(y))
    f[: len(s)] = s**2 / (s**2 + lam)
    return np.sum(((1 - f) * beta) ** 2) / np.sum(1 - f) ** 2


def gcv_kit(H, y, lam):
    from em_inverse.solvers import TikhonovPath

    path = TikhonovPath(H, y)
    return path.residual_norm(lam) ** 2 / (len(y) - path.degrees_of_freedom(lam)) ** 2


def leave_shortcut(H, y, lam):
    A = H @ np.linalg.solve(H.T @ H + lam * np.eye(H.shape[1]), H.T)
    return np.mean(((y - A @ y) / (1 - np.diag(A))) ** 2)


def leave_kit(H, y, lam):
    return choose.cross_validation(H, y, [lam], folds=len(y)).scores[0]


def leave_masked(H, y, lam):
    total = 0
    for i in range(len(y)):
        keep = [j for j in range(len(y)) if j != i]
        U, s, Vt = np.linalg.svd(H[keep], full_matrices=False)
        x = Vt.T @ (s / (s**2 + lam) * (U.T @ y[keep]))
        total += (y[i] - H[i] @ x) ** 2 / len(y)
    return total


RIGHT = [
    (ex.blank_noise, lambda b, n: statistics.stdev(b) * n**0.5),
    (ex.blank_noise, lambda b, n: np.sqrt(n * np.var(b, ddof=1))),
    (ex.blank_noise, lambda b, n: np.linalg.norm(b - b.mean()) * np.sqrt(n / (len(b) - 1))),
    (ex.gcv, gcv_by_trace),
    (ex.gcv, gcv_full_svd),
    (ex.gcv, gcv_kit),
    (ex.leave_one_out, leave_shortcut),
    (ex.leave_one_out, leave_kit),
    (ex.leave_one_out, leave_masked),
]


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    sizes = [(10, 10), (21, 4), (5, 8), (3, 3)]
    assert task.evaluate(task.reference, seed=99, sizes=sizes).passed


UNLISTED = [
    (ex.blank_noise, lambda b, n: 1.1 * np.std(b, ddof=1) * n**0.5 + 0.01 * b.mean(), "offset"),
    (ex.blank_noise, lambda b, n: np.std(b, ddof=1) ** 1.5 * n**0.5, "twice the unit"),
    (ex.blank_noise, lambda b, n: np.std(b, ddof=1) * n**0.4, "does not double"),
    (ex.gcv, lambda H, y, lam: gcv_by_trace(H, y, lam) * (1 + abs(y[0])), "rotation"),
    (ex.gcv, lambda H, y, lam: 1.5 * gcv_by_trace(H, y, lam), "‖y‖²/M²"),
    (ex.leave_one_out, lambda H, y, lam: leave_shortcut(H, y, lam) + y[0] ** 2, "another order"),
    (ex.leave_one_out, lambda H, y, lam: 1.5 * leave_shortcut(H, y, lam), "mean of y²"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in " ".join(verdict.message.split())


# --- The decision -------------------------------------------------------------------------------


def test_the_reference_of_the_decision_is_good():
    lam = ex.which_lambda.reference(ex.which_lambda.problem())
    verdict = ex.which_lambda.evaluate(lam, ["A", "C", "E"])
    assert verdict.passed
    assert verdict.points == 2
    assert ex.which_lambda.evaluate(lam / 10, ["A", "C", "E"]).passed  # "up to ten times less"
    assert ex.which_lambda.use(lam=lam) == lam
    assert ex.which_lambda.use(lam=None) == pytest.approx(lam)


def test_the_true_statements_are_true():
    H, y, blank = ex.which_lambda.problem()
    assert np.corrcoef(blank[1:], blank[:-1])[0, 1] > 0.8  # A
    bent = choose.l_curve(H, y)
    assert "not a clear corner" in bent.message  # C
    far = choose.gcv(H, y)
    assert "lower end" in far.message  # B
    for lam in (bent.lam, far.lam):
        assert week04_pictures.residual_share(lam, (H, y, blank)) < 1 / 50  # E


def test_the_discrepancy_is_not_the_best_and_not_bad():
    """Statement G: a λ some ten times too large, an error of 1.3 times the lowest."""
    from em_inverse import problems

    H, y, _ = ex.which_lambda.problem()
    swept = choose.sweep(H, y, np.geomspace(1e-4, 1, 200), problems.column_row().x_true)
    lam = ex.which_lambda.reference(ex.which_lambda.problem())
    assert 5 < lam / swept.lam < 15
    ratio = np.interp(lam, swept.lambdas, swept.rmse) / swept.rmse.min()
    assert ratio == pytest.approx(1.3, abs=0.05)


@pytest.mark.parametrize(
    ("lam", "because", "words"),
    [
        (5e-8, ["A"], "nearly all of the noise has gone into the object"),
        (1e-13, ["A"], "a residual of 4.8e-06"),
        (2.0, ["A"], "what is left unexplained is object"),
        (0.1, ["A", "B"], "B: It needs white noise"),
        (0.1, ["A", "C"], "One right reason is still missing"),
        (0.1, ["F"], "evidence"),
        (-1, ["A"], "positive"),
    ],
)
def test_wrong_decisions_are_explained(lam, because, words):
    verdict = ex.which_lambda.evaluate(lam, because)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())


def test_a_problem_that_cannot_be_judged_says_so():
    verdict = ex.which_lambda.evaluate(0.1, ["A"], problem=(np.eye(3), np.ones(4), np.arange(5.0)))
    assert "cannot be judged" in verdict.message


def test_the_references_agree_with_the_kit():
    H, y, _ = ex.which_lambda.problem()
    for lam in (1e-3, 0.1):
        assert week04_reference.gcv(H, y, lam) == pytest.approx(gcv_kit(H, y, lam))
    found = choose.gcv(H, y)
    k = len(found.lambdas) // 2
    assert week04_reference.gcv(H, y, found.lambdas[k]) == pytest.approx(found.scores[k], rel=1e-6)
