"""Week 13's exercises: every right way is accepted, every usual wrong one refused by name."""

import numpy as np
import pytest

from em_inverse import metrics
from em_inverse.checks import State, week13_pictures, week13_reference
from em_inverse.checks import week13 as ex

FUNCTIONS = (ex.widest_step, ex.between, ex.chamfer)


def step_by_samples(radius_nm, period_nm):
    return 360 / (2 * (2 * np.pi * radius_nm / period_nm))


def step_by_crowther(R, d):
    return np.degrees(d / (2 * R))


def between_by_exponentials(angles_deg, values, wanted_deg, highest):
    m = np.arange(-highest, highest + 1)
    old, new = (
        np.exp(1j * np.deg2rad(np.asarray(a))[:, None] * m) for a in (angles_deg, wanted_deg)
    )
    return (new @ (np.linalg.pinv(old) @ values)).real


def between_by_loops(angles_deg, values, wanted_deg, highest):
    def columns(deg):
        t = np.radians(deg)
        found = [np.ones(len(t))]
        for m in range(1, highest + 1):
            found += [np.sin(m * t), np.cos(m * t)]
        return np.array(found).T

    A = columns(angles_deg)
    return columns(wanted_deg) @ np.linalg.solve(A.T @ A, A.T @ values)


def chamfer_by_all_pairs(a, b):
    apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=-1))
    return 0.5 * (apart.min(axis=0).mean() + apart.min(axis=1).mean())


def chamfer_of_the_kit(a, b):
    return metrics.chamfer(a, b)


RIGHT = [
    (ex.widest_step, step_by_samples),
    (ex.widest_step, step_by_crowther),
    (ex.between, between_by_exponentials),
    (ex.between, between_by_loops),
    (ex.chamfer, chamfer_by_all_pairs),
    (ex.chamfer, chamfer_of_the_kit),
]
OTHER_SIZES = {
    "widest_step": [(4,), (5,), (6,)],
    "between": [(4, 6, 3), (2, 2, 2), (6, 4, 9)],
    "chamfer": [(9, 2), (3, 12), (8, 7)],
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


UNLISTED = [
    (ex.widest_step, lambda R, d: 57.0 * (d / (2 * R)) ** 0.9, "half as wide"),
    (ex.widest_step, lambda R, d: np.rad2deg(d**2 / (2 * R)), "three times as wide"),
    (ex.between, lambda a, v, w, h: 0.9 * between_by_loops(a, v, w, h), "has to be 3"),
    (
        ex.between,
        lambda a, v, w, h: 0.5 * (between_by_loops(a, v, w, h) + between_by_loops(a, v, w, h - 1)),
        "highest harmonic alone",
    ),
    (ex.chamfer, lambda a, b: chamfer_by_all_pairs(a, b) + 0.1, "distance 0 from itself"),
    (
        ex.chamfer,
        lambda a, b: np.sqrt(((a[:, None] - b) ** 2).sum(-1)).min(axis=1).sum(),
        "who is called a",
    ),
    (ex.chamfer, lambda a, b: 1.1 * chamfer_by_all_pairs(a, b), "all moved by 0.5"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.misconception == "", str(verdict)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split()), verdict.message


def test_pictures_show_the_numbers_of_the_lesson():
    steps = dict(ex.widest_step.picture().numbers)
    assert steps["step for R = 1 nm, d = 0.1 nm, degrees"] == pytest.approx(2.86, abs=0.01)
    fit = dict(ex.between.picture().numbers)
    assert fit["largest difference, share of the largest value"] < 0.01
    assert 1 < dict(ex.chamfer.picture().numbers)["Chamfer distance, px"] < 3
    shown = dict(ex.caption.picture().numbers)
    assert (shown["recorded frames"], shown["generated frames"]) == (31, 30)


def test_the_recording_is_that_of_the_explorer():
    from em_inverse.widgets import gap

    np.testing.assert_array_equal(
        week13_pictures.particle().positions_nm, gap.crystal().positions_nm
    )
    np.testing.assert_array_equal(
        week13_pictures.recording().projections, gap.recording().projections
    )
    assert week13_reference.widest_step(1.0, 0.2) == pytest.approx(np.rad2deg(0.1))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (1, "how many projections were recorded"),
        (2, "what no electron has shown"),
        (4, "how many projections were recorded"),
        (5, "there are captions 1 to 4"),
        (2.5, "there are captions 1 to 4"),
    ],
)
def test_other_captions_are_told_their_fault(chosen, words):
    verdict = ex.caption.evaluate(caption=chosen, because=["A", "B", "C"])
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.caption.points / 2


def test_other_captions_may_be_passed():
    problem = ex.caption.problem()[::-1]
    assert ex.caption.evaluate(caption=2, because="ABC", problem=problem).passed
    assert not ex.caption.evaluate(caption=3, because="ABC", problem=problem).passed
