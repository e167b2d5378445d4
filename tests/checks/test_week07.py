"""Week 7's exercises: every right way is accepted, every usual wrong one refused by name."""

import numpy as np
import pytest

from em_inverse import simulate
from em_inverse.checks import State, week07_reference
from em_inverse.checks import week07 as ex
from em_inverse.fidelity import DataTolerance

FUNCTIONS = (ex.dual_step, ex.carry, ex.golden_order)


def step_in_two_lines(q, Ax, b, h, epsilon):
    v = q + h * (Ax - b)
    return v * max(0, 1 - h * epsilon / np.linalg.norm(v)) if v.any() else v


def step_by_the_ball(q, Ax, b, h, epsilon):
    """Moreau: what is left when the nearest point of last week's ball is taken off."""
    v = q / h + Ax
    away = v - b
    length = np.sqrt(np.sum(away**2))
    nearest = v if length <= epsilon else b + epsilon / length * away
    return h * (v - nearest)


def step_by_loops(q, Ax, b, h, epsilon):
    rows, columns = q.shape
    v = [[q[i, j] + h * (Ax[i, j] - b[i, j]) for j in range(columns)] for i in range(rows)]
    length = sum(value**2 for row in v for value in row) ** 0.5
    factor = 0.0 if length <= h * epsilon else (length - h * epsilon) / length
    return [[factor * value for value in row] for row in v]


def step_of_the_kit(q, Ax, b, h, epsilon):
    ball = DataTolerance(np.eye(b.size), b.ravel(), epsilon)
    v = (q + h * (Ax - b)).ravel()
    return (v * ball.shortening(float(np.linalg.norm(v)), h)).reshape(q.shape)


def carry_by_dictionary(q, old, new):
    known = dict(zip(old, q, strict=True))
    return np.array([known.get(angle, np.zeros(q.shape[1])) for angle in new])


def carry_by_equality(q, old, new):
    return (np.asarray(new)[:, None] == np.asarray(old)[None, :]) @ q


def golden_by_argsort(n):
    t = (0.5 + np.arange(n) * 0.6180339887498949) % 1
    return np.argsort(np.argsort(t))


def golden_by_sorting(n):
    t = [(0.5 + k * (5**0.5 - 1) / 2) % 1 for k in range(n)]
    ranked = sorted(t)
    return [ranked.index(one) for one in t]


RIGHT = [
    (ex.dual_step, step_in_two_lines),
    (ex.dual_step, step_by_the_ball),
    (ex.dual_step, step_by_loops),
    (ex.dual_step, step_of_the_kit),
    (ex.carry, carry_by_dictionary),
    (ex.carry, carry_by_equality),
    (ex.golden_order, golden_by_argsort),
    (ex.golden_order, golden_by_sorting),
]
OTHER_SIZES = {
    "dual_step": [(1, 1), (10, 10), (2, 30)],
    "carry": [(1, 1), (12, 4), (20, 2)],
    "golden_order": [(2,), (5,), (100,)],
}


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    verdict = task.evaluate(task.reference, seed=99, sizes=OTHER_SIZES[task.name])
    assert verdict.passed, str(verdict)


def half_forgotten(q, Ax, b, h, epsilon):
    return step_in_two_lines(0.9 * q, Ax, b, h, epsilon)


def never_at_rest(q, Ax, b, h, epsilon):
    return step_in_two_lines(q, Ax, b, h, epsilon) + 1e-3


def reversed_rows(q, old, new):
    return week07_reference.carry(q, old, new)[::-1]


def sorted_tilts(q, old, new):
    return week07_reference.carry(q, old, np.sort(new))


UNLISTED = [
    (ex.dual_step, half_forgotten, "the pull stays as it is"),
    (ex.dual_step, never_at_rest, "the answer there is zero"),
    (ex.carry, reversed_rows, "q must stay as it is"),
    (ex.carry, lambda q, old, new: 2 * carry_by_equality(q, old, new), "q must stay as it is"),
    (ex.golden_order, lambda n: np.maximum(golden_by_argsort(n), 1), "tilt 0 is never recorded"),
    (ex.golden_order, lambda n: np.roll(np.arange(n), 2), "nobody has recorded"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in " ".join(verdict.message.split())


def test_rows_must_follow_their_tilts():
    verdict = ex.carry.evaluate(sorted_tilts)
    assert verdict.state is State.WRONG
    assert verdict.points == 0


def test_changing_an_argument_in_place_is_told():
    def dual_step(q, Ax, b, h, epsilon):
        q += h * (Ax - b)
        return q * max(0, 1 - h * epsilon / np.linalg.norm(q))

    assert "changed q in place" in ex.dual_step.evaluate(dual_step).message


def test_the_golden_order_is_that_of_the_simulated_microscope():
    angles = np.linspace(-75, 75, 76)
    mine = angles[week07_reference.golden_order(76)]
    np.testing.assert_allclose(mine, simulate.tilt_order("golden", -75, 75, 2))


def test_pictures_show_the_numbers_of_right_answers():
    shown = dict(ex.dual_step.picture().numbers)
    assert shown["longest v"] - shown["shortened by hε = 1"] == pytest.approx(1)
    assert shown["the v inside the circle becomes"] == 0
    gaps = dict(ex.golden_order.picture().numbers)
    assert gaps["largest gap after 15 of 75 tilts"] <= 8
    assert gaps["largest gap after 45 of 75 tilts"] <= 3
    log = dict(ex.judge.picture().numbers)
    assert log["residual ÷ ε at the end"] == pytest.approx(1, abs=0.01)


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (1, "closer than any object comes"),
        (2, "miss the data by 1.5 times the noise"),
        (4, "after 15 iterations"),
        (5, "there are runs 1 to 4"),
        (2.5, "there are runs 1 to 4"),
    ],
)
def test_other_runs_are_told_their_fault(run, words):
    verdict = ex.judge.evaluate(run=run, because=["A", "C", "E"])
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.judge.points / 2


def test_another_set_of_runs_may_be_passed():
    other = ((1.02, 300), (0.5, 300), (1.0, 20))
    assert ex.judge.evaluate(run=1, because="ACE", problem=other).passed
    assert not ex.judge.evaluate(run=3, because="ACE", problem=other).passed
