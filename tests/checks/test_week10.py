"""Week 10's exercises: every right way is accepted, every usual wrong one refused by name."""

import numpy as np
import pytest

from em_inverse import spectra
from em_inverse.checks import State, week10_pictures, week10_reference
from em_inverse.checks import week10 as ex
from em_inverse.widgets import budget

FUNCTIONS = (ex.overlap, ex.unmix, ex.fourier_ratio)


def overlap_by_distance(a, b):
    return 1 - 0.5 * np.abs(a / np.sum(a) - b / np.sum(b)).sum()


def overlap_by_loops(first, second):
    return sum(
        min(p / first.sum(), q / second.sum())
        for p, q in zip(first.ravel(), second.ravel(), strict=True)
    )


def unmix_by_normal_equations(volumes, M):
    return np.linalg.solve(M.T @ M, (volumes @ M)[..., None])[..., 0]


def unmix_by_lstsq(v, spectra_):
    flat = v.reshape(-1, v.shape[-1])
    return np.linalg.lstsq(spectra_, flat.T, rcond=None)[0].T.reshape(*v.shape[:-1], -1)


def ratio_by_fft(y, p, r):
    n = len(y)
    whole = np.concatenate([r, r[1 : n - n // 2][::-1]])
    p_hat = np.fft.fft(p)
    return np.fft.ifft(p_hat.conj() * np.fft.fft(y) / (abs(p_hat) ** 2 + whole)).real


def ratio_of_the_kit(y, p, r):
    return spectra.fourier_ratio(y, p, r, zero_channel=0, pad=0)


RIGHT = [
    (ex.overlap, overlap_by_distance),
    (ex.overlap, overlap_by_loops),
    (ex.unmix, unmix_by_normal_equations),
    (ex.unmix, unmix_by_lstsq),
    (ex.fourier_ratio, ratio_by_fft),
    (ex.fourier_ratio, ratio_of_the_kit),
]
OTHER_SIZES = {
    "overlap": [(2, 2, 1), (7, 3, 2), (1, 5, 4)],
    "unmix": [(6, 2, 2, 2), (12, 4, 3, 1), (8, 3, 1, 4)],
    "fourier_ratio": [(20,), (33,), (51,)],
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
    (ex.overlap, lambda a, b: overlap_by_loops(a, b) ** 2 + 0.1, "must be 1"),
    (ex.overlap, lambda a, b: 0.5 * (1 + overlap_by_loops(a, b)), "overlap by 0"),
    (
        ex.overlap,
        lambda a, b: overlap_by_loops(a, b) ** (1 if np.array_equal(a, b) else a.max()),
        "own sum",
    ),
    (ex.unmix, lambda volumes, M: 1.1 * week10_reference.unmix(volumes, M), "must give x back"),
    (
        ex.unmix,
        lambda volumes, M: np.abs(week10_reference.unmix(volumes, M)),
        "must turn theirs",
    ),
    (
        ex.unmix,
        lambda volumes, M: week10_reference.unmix(volumes * M[:, 0], M * M[:, :1]),
        "still resembles the spectra",
    ),
    (
        ex.fourier_ratio,
        lambda y, p, r: 0.9 * week10_reference.fourier_ratio(y, p, r),
        "give the edge back exactly",
    ),
    (
        ex.fourier_ratio,
        lambda y, p, r: week10_reference.fourier_ratio(y, p, np.minimum(r, 10)),
        "must come out as zero",
    ),
    (
        ex.fourier_ratio,
        lambda y, p, r: week10_reference.fourier_ratio(y, p, 3 * r),
        "could be smaller",
    ),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.misconception == "", str(verdict)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())


def test_pictures_show_the_numbers_of_the_lesson():
    seen = dict(ex.overlap.picture().numbers)
    assert seen["overlap in projection"] > 3 * seen["overlap in three dimensions"]
    found = [value for _, value in ex.unmix.picture().numbers]
    np.testing.assert_allclose(found, [0.3, 1.0, 0.6], atol=0.06)
    freed = dict(ex.fourier_ratio.picture().numbers)
    assert freed["RMSE after the ratio"] < 0.3 * freed["RMSE as recorded"]
    plan = dict(ex.plan.picture().numbers)
    assert plan["dark counts over counts from the cube"] == pytest.approx(0.2304)


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (1, "62464 readings hold 12493 dark counts"),
        (3, "two numbers per pixel"),
        (4, "3 tilts leave most directions"),
        (5, "there are plans 1 to 4"),
        (1.5, "there are plans 1 to 4"),
    ],
)
def test_other_plans_are_told_their_fault(chosen, words):
    verdict = ex.plan.evaluate(plan=chosen, because=["B", "C", "F"])
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.plan.points / 2


def test_other_plans_may_be_passed():
    problem = ((2, 2), (61, 32), (9, 12))
    assert ex.plan.evaluate(plan=3, because="BCF", problem=problem).passed
    assert not ex.plan.evaluate(plan=2, because="BCF", problem=problem).passed


def test_the_reasons_are_true_of_the_four_plans():
    found, readings = [], []
    for tilts, channels in ex.plan.problem():
        runs = [
            budget.recording(tilts, channels, week10_pictures.DOSE, week10_pictures.DARK, seed)
            for seed in range(3)
        ]
        readings.append(runs[0].series.stack.size)
        found.append(
            np.mean([budget.relative_errors(budget.fitted_inside(r), r.truth)["all"] for r in runs])
        )
    assert np.argmin(found) == 1  # F
    tilts, channels = zip(*ex.plan.problem(), strict=True)
    assert np.argmax(tilts) == 0  # A
    assert channels[1] > 3 > channels[2]  # B
    assert week10_pictures.DARK * readings[1] < week10_pictures.DOSE  # C
    assert week10_pictures.DARK * readings[0] > week10_pictures.DOSE
    good = budget.recording(tilts[1], channels[1], week10_pictures.DOSE, week10_pictures.DARK)
    assert (good.series.stack == 0).any()  # D
    assert np.argmin(readings) == 2  # E
    assert channels[0] == channels[3] == max(channels)  # G: the finest are not the good plan's
