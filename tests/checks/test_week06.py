"""Week 6's exercises: every right way is accepted, every usual wrong one refused by name."""

import numpy as np
import pytest

from em_inverse import solvers
from em_inverse.checks import State, week06_pictures, week06_reference
from em_inverse.checks import week06 as ex
from em_inverse.checks.week06_problems import slow_system, weighted_system

FUNCTIONS = (ex.sirt_step, ex.iterate_until, ex.into_ball)


def step_in_one_line(H, y, x):
    return np.clip(x + (H.T @ ((y - H @ x) / H.sum(1))) / H.sum(0), 0, None)


def step_by_matrices(A, data, start):
    R, C = np.diag(1 / A.sum(axis=1)), np.diag(1 / A.sum(axis=0))
    new = start + C @ A.T @ R @ (data - A @ start)
    new[new < 0] = 0
    return new


def step_by_loops(H, y, x):
    m, n = H.shape
    share = [(y[i] - sum(H[i, j] * x[j] for j in range(n))) / sum(H[i]) for i in range(m)]
    new = []
    for j in range(n):
        back = sum(H[i, j] * share[i] for i in range(m)) / sum(H[:, j])
        new.append(max(0.0, x[j] + back))
    return new


def step_by_the_kit(H, y, x):
    solver = solvers.SIRT(H, y, x)
    solver.step()
    return solver.x


def until_with_break(H, y, noise_norm, tau):
    x = np.zeros(H.shape[1])
    while True:
        r = H @ x - y
        if r @ r <= (tau * noise_norm) ** 2:
            return x
        x = step_in_one_line(H, y, x)


def until_with_for(H, y, noise_norm, tau):
    x = np.zeros(H.shape[1])
    for _ in range(100_000):
        if np.linalg.norm(y - H @ x) <= tau * noise_norm:
            break
        x = step_in_one_line(H, y, x)
    return x


def ball_by_minimum(v, b, epsilon):
    return b + (v - b) * min(1, epsilon / np.linalg.norm(v - b))


def ball_by_maximum(v, b, epsilon):
    away = v - b
    return b + away / max(1, np.sqrt(np.sum(away**2)) / epsilon)


RIGHT = [
    (ex.sirt_step, step_in_one_line),
    (ex.sirt_step, step_by_matrices),
    (ex.sirt_step, step_by_loops),
    (ex.sirt_step, step_by_the_kit),
    (ex.iterate_until, until_with_break),
    (ex.iterate_until, until_with_for),
    (ex.into_ball, ball_by_minimum),
    (ex.into_ball, ball_by_maximum),
]
OTHER_SIZES = {
    "sirt_step": [(10, 10), (21, 4), (3, 8), (1, 1)],
    "iterate_until": [(10, 10), (18, 9), (11, 14)],
    "into_ball": [(10,), (3,), (30,), (2,)],
}


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(2):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    assert task.evaluate(task.reference, seed=99, sizes=OTHER_SIZES[task.name]).passed


def drawn_in_by_halves(v, b, epsilon):
    """Lies in the ball and leaves inner points alone, but goes on moving what it has moved."""
    reach = np.linalg.norm(v - b) / epsilon
    return v if reach < 0.55 else b + min(0.99, 0.5 + 0.4 * reach) / reach * (v - b)


UNLISTED = [
    (ex.sirt_step, lambda H, y, x: 1.02 * step_in_one_line(H, y, x), "x must stay as it is"),
    (ex.sirt_step, lambda H, y, x: step_in_one_line(H, y, x) - 1e-3, "values below zero"),
    (
        ex.sirt_step,
        lambda H, y, x: np.maximum(x + 0.01 * H.T @ (y - H @ x), 0),
        "must come out the same",
    ),
    (
        ex.iterate_until,
        lambda H, y, noise, tau: until_with_for(H, y, noise, 3 * tau),
        "stops too early",
    ),
    (
        ex.iterate_until,
        lambda H, y, noise, tau: until_with_for(H, y, noise, min(tau, 1.3)),
        "zeros are the answer",
    ),
    (ex.into_ball, lambda v, b, e: ball_by_minimum(v, b, 1.5 * e), "outside of the ball"),
    (ex.into_ball, lambda v, b, e: ball_by_minimum(v, b, 0.1 * e), "yours moves it"),
    (
        ex.into_ball,
        drawn_in_by_halves,
        "must stay where it is",
    ),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in " ".join(verdict.message.split())


def test_changing_an_argument_in_place_is_told():
    def into_ball(v, b, epsilon):
        v -= b
        return b + v * min(1, epsilon / np.linalg.norm(v))

    assert "changed v in place" in ex.into_ball.evaluate(into_ball).message


def test_problems_have_weights_that_tell_rows_from_columns():
    for seed in range(5):
        H = weighted_system(np.random.default_rng(seed), (7, 7)).H
        assert H.min() >= 0
        rows, columns = H.sum(axis=1), H.sum(axis=0)
        assert min(rows.min(), columns.min()) > 0
        assert rows.max() > 2 * rows.min()
        assert not np.allclose(rows, columns, rtol=0.2)


def test_slow_problems_take_many_steps_and_end():
    system = slow_system(np.random.default_rng(0), (12, 12))
    x, steps = np.zeros(12), 0
    while np.linalg.norm(system.H @ x - system.y) > 1.5 * system.noise_norm:
        x, steps = week06_reference.sirt_step(system.H, system.y, x), steps + 1
    assert 50 < steps < 3000


def test_pictures_show_the_numbers_of_the_small_slice():
    H, y, x_true, noise_norm = week06_pictures.small_slice()
    assert H.shape == (15 * 32, 32 * 32)
    assert np.linalg.norm(y - H @ x_true) == pytest.approx(noise_norm)
    numbers = dict(ex.iterate_until.picture().numbers)
    solver = solvers.SIRT(H, y, stop=solvers.discrepancy(noise_norm, 1.1))
    assert numbers["steps until the noise is met"] == solver.run(200).n_iter
    after = dict(ex.sirt_step.picture().numbers)
    assert after["RMSE after 30 steps"] < 0.5 * after["RMSE after 1 step"]
    ball = dict(ex.into_ball.picture().numbers)
    assert ball["and after"] == pytest.approx(1.0)
    assert dict(ex.publish.picture().numbers)["residual ÷ noise norm"] == pytest.approx(1, abs=0.01)


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (1, "miss the data by 2 times the noise"),
        (2, "within 0.5 times the noise"),
        (4, "there are pictures 1 to 3"),
        (2.5, "there are pictures 1 to 3"),
    ],
)
def test_other_pictures_are_told_their_fault(picture, words):
    verdict = ex.publish.evaluate(picture=picture, because=["B", "D", "E"])
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.publish.points / 2


def test_another_order_of_the_tolerances_may_be_passed():
    assert ex.publish.evaluate(picture=1, because="BDE", problem=(1.05, 3.0, 0.4)).passed
    assert not ex.publish.evaluate(picture=3, because="BDE", problem=(1.05, 3.0, 0.4)).passed
