"""Week 3's exercises: every right way is accepted, every usual wrong one refused by name."""

import os
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import deblurring, fidelity, phantoms, priors
from em_inverse.checks import State, week03_pictures, week03_reference
from em_inverse.checks import week03 as ex

FUNCTIONS = (ex.objectives, ex.soft, ex.smooth)


def objectives_by_the_kit(H, y, x, lam):
    data = fidelity.LeastSquares(H, y).value(x)
    four = (priors.Identity(), priors.Smoothness(), priors.TotalVariation(), priors.Sparsity())
    return [data + lam * prior.value(x) for prior in four]


def objectives_loop(H, y, x, lam):
    data = np.linalg.norm(H @ x - y) ** 2
    h1 = tv = 0.0
    for i in range(len(x) - 1):
        h1 += (x[i + 1] - x[i]) ** 2
        tv += abs(x[i + 1] - x[i])
    return [data + lam * x @ x, data + lam * h1, data + lam * tv, data + lam * abs(x).sum()]


def soft_where(v, t):
    return np.where(v > t, v - t, np.where(v < -t, v + t, 0.0))


def smooth_augmented(H, y, lam):
    n = H.shape[1]
    D = np.diff(np.eye(n), axis=0)
    stacked = np.vstack([H, np.sqrt(lam) * D])
    return np.linalg.lstsq(stacked, np.concatenate([y, np.zeros(n - 1)]), rcond=None)[0]


def smooth_by_hand(H, y, lam):
    n = H.shape[1]
    D = np.zeros((n - 1, n))
    for i in range(n - 1):
        D[i, i], D[i, i + 1] = 1, -1
    return np.linalg.inv(H.T @ H + lam * D.T @ D) @ (H.T @ y)


RIGHT = [
    (ex.objectives, objectives_by_the_kit),
    (ex.objectives, objectives_loop),
    (ex.soft, soft_where),
    (ex.soft, lambda v, t: v - np.clip(v, -t, t)),
    (ex.soft, lambda v, t: np.maximum(v - t, 0) + np.minimum(v + t, 0)),
    (ex.soft, lambda v, t: priors.Sparsity().prox(v, t)),
    (ex.smooth, smooth_augmented),
    (ex.smooth, smooth_by_hand),
    (ex.smooth, lambda H, y, lam: deblurring.tikhonov(H, y, lam, penalty="gradient")),
]


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    sizes = [(10, 10), (21, 4), (3, 8), (2, 2)]
    assert task.evaluate(task.reference, seed=99, sizes=sizes).passed


def spoil(task, index):
    def func(*args):
        result = task.reference(*args)
        args[index][...] -= 1
        return result

    return func


@pytest.mark.parametrize(
    ("task", "index", "name"), [(ex.objectives, 2, "x"), (ex.soft, 0, "v"), (ex.smooth, 1, "y")]
)
def test_right_numbers_with_bad_manners_are_refused(task, index, name):
    assert f"changed {name} in place" in task.evaluate(spoil(task, index)).message


def data_scaled(H, y, x, lam):
    return week03_reference.objectives(H, y, x, lam) + np.sum(y**2) * (np.arange(4) == 2)


def cubes(H, y, x, lam):
    data = np.sum((H @ x - y) ** 2)
    d = np.abs(np.diff(x))
    return data + lam * np.array([np.sum(x**2), np.sum(d**3), d.sum(), np.abs(x).sum()])


def all_values(H, y, x, lam):
    R = np.array([np.sum(x**2), np.sum(x**2), np.abs(x).sum(), np.abs(x).sum()])
    return np.sum((H @ x - y) ** 2) + lam * R


UNLISTED = [
    (ex.objectives, data_scaled, "With λ = 0 all four"),
    (ex.objectives, cubes, "must grow 4-fold; yours grows 8-fold"),
    (ex.objectives, all_values, "look at steps only"),
    (ex.soft, lambda v, t: 0.5 * week03_reference.soft(v, t), "With t = 0"),
    (ex.soft, lambda v, t: week03_reference.soft(v, t) + t, "change its sign only"),
    (ex.soft, lambda v, t: week03_reference.soft(v, 0.8 * t), "the lowest"),
    (ex.smooth, lambda H, y, lam: week03_reference.smooth(H, y, 0.1), "makes no difference"),
    (ex.smooth, lambda H, y, lam: week03_reference.smooth(H, y, 5 * lam), "the slope"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in verdict.message


def test_the_limit_of_large_lambda_is_looked_at():
    def broken(H, y, lam):
        return week03_reference.smooth(H, y, lam) * (0.0 if lam > 1e6 else 1.0)

    assert "one constant" in ex.smooth.evaluate(broken).message


def test_pictures_show_the_numbers_of_the_lesson():
    H, y, x = week03_pictures.measurement()
    four = week03_reference.objectives(H, y, x, 0.1)
    numbers = dict(ex.objectives.picture().numbers)
    assert numbers["TV objective of the truth"] == pytest.approx(four[2])
    assert dict(ex.smooth.picture().numbers)["RMSE of the H1 solution"] == pytest.approx(
        0.075, abs=5e-4
    )
    assert dict(ex.soft.picture().numbers) == {"soft(2, 0.5)": 1.5, "soft(-0.4, 0.5)": 0.0}
    grains = dict(ex.plan.picture().numbers)
    assert grains["RMSE of the restoration"] < 0.2 * grains["RMSE of the measurement"]


def test_the_objectives_picture_is_as_its_words_say():
    H, y, x = week03_pictures.measurement()
    lowest = [
        np.argmin([week03_reference.objectives(H, y, (1 - t) * x + t * y, 0.1)[k] for t in at])
        for at in [np.linspace(0, 1, 21)]
        for k in range(4)
    ]
    assert lowest[2] == lowest[3] == 0
    assert 10 <= lowest[1] < lowest[0] <= 20


def test_messages_are_the_same_every_time():
    program = (
        "from em_inverse.checks import week03 as ex\n"
        "for task in ex.ALL[:3]:\n"
        "    for entry in task.misconceptions: task.check(entry.wrong); task.hint()\n"
        "    task.check(); task.check(task.reference); print(task)\n"
        "ex.plan.check(plan=1, because={'A', 'C', 'E', 'Q'})\n"
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


# --- The decision -------------------------------------------------------------------------------


def test_the_right_plan_with_its_reasons():
    verdict = ex.plan.evaluate(plan=3242, because=["A", "D", "E"])
    assert verdict.passed
    assert "plan = 3242 is a good choice" in verdict.message
    assert ex.plan.use(plan=None) == 3242
    assert ex.plan.use(plan=1111) == 3242


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("prior", "1234")
def test_every_other_prior_is_answered_for_its_specimen(place, prior):
    digits = list("3242")
    if digits[place] == prior:
        return
    digits[place] = prior
    verdict = ex.plan.evaluate(plan=int("".join(digits)), because="ADE")
    where = ("first", "second", "third", "fourth")[place]
    assert verdict.state is State.WRONG
    assert f"Think again about the {where}" in verdict.message
    assert verdict.points == 1


@pytest.mark.parametrize("plan", [3, 32421, 3.5, 3052, 9999])
def test_what_is_no_plan_is_explained(plan):
    assert "not four digits from 1 to 4" in ex.plan.evaluate(plan=plan, because="ADE").message


def test_the_true_reasons_are_true():
    step, climb = np.repeat([0.0, 1.0], 10), np.linspace(0, 1, 20)
    tv, h1 = priors.TotalVariation(), priors.Smoothness()
    assert tv.value(step) == pytest.approx(tv.value(climb))  # A
    assert h1.value(step) > 10 * h1.value(climb)
    adatoms = phantoms.three_peaks(120, (22, 47, 58, 90), (1, 0.6, 1, 0.8), width=0.3)
    assert np.mean(adatoms < 0.01) > 0.95  # D
    for smooth in (phantoms.ramp(120), 0.5 * np.cos(np.linspace(0, 3 * np.pi, 120))):  # E
        assert np.abs(np.diff(smooth)).max() < 0.1 * np.ptp(smooth)
