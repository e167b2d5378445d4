"""Week 8's exercises: every right way is accepted, every usual wrong one refused by name."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage, stats

from em_inverse import dynamic
from em_inverse.checks import State, week08_problems, week08_stop_now
from em_inverse.checks import week08 as ex

FUNCTIONS = (ex.mass_shift, ex.is_complete, ex.stand_out)


def shift_by_scipy(image):
    return (image.shape[0] - 1) / 2 - ndimage.center_of_mass(image)[0]


def shift_by_average(image):
    return -np.average(
        np.arange(len(image)) - (len(image) - 1) / 2, weights=[line.sum() for line in image]
    )


def shift_in_two_dimensions(picture):
    x, _ = np.indices(picture.shape)
    return np.array([0.5 * (picture.shape[0] - 1) - (x * picture).sum() / picture.sum()])


def complete_by_set(sizes, needed=2):
    last = sizes[-needed - 1 :]
    return len(last) == needed + 1 and len(set(last)) == 1 and last[0] != 0


def complete_by_numpy(sizes, needed=2):
    if len(sizes) <= needed or sizes[-1] == 0:
        return np.bool_(False)
    return np.all(np.diff(sizes)[-needed:] == 0)


def complete_by_counting(sizes, needed=2):
    same = 0
    for before, now in pairwise(sizes):
        same = same + 1 if now == before else 0
    return int(same >= needed and sizes[-1] > 0)


def out_by_scipy(residuals, threshold=5.0):
    width = stats.median_abs_deviation(residuals) * 1.4826
    return np.where(residuals - np.median(residuals) > threshold * width)[0]


def out_by_loop(residuals, threshold=5.0):
    middle = np.median(residuals)
    width = 1.4826 * np.median([abs(r - middle) for r in residuals])
    return [k for k, r in enumerate(residuals) if r > middle + threshold * width]


RIGHT = [
    (ex.mass_shift, shift_by_scipy),
    (ex.mass_shift, shift_by_average),
    (ex.mass_shift, shift_in_two_dimensions),
    (ex.is_complete, complete_by_set),
    (ex.is_complete, complete_by_numpy),
    (ex.is_complete, complete_by_counting),
    (ex.stand_out, out_by_scipy),
    (ex.stand_out, out_by_loop),
]
OTHER_SIZES = {
    "mass_shift": [(10, 10), (40, 12), (11, 30)],
    "is_complete": [(3,), (20,), (6,)],
    "stand_out": [(9,), (75,), (20,)],
}


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(2):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    assert task.evaluate(task.reference, seed=99, sizes=OTHER_SIZES[task.name]).passed


UNLISTED = [
    (
        ex.mass_shift,
        lambda image: shift_by_scipy(image) * image.max(),
        "Divide by the total mass",
    ),
    (ex.mass_shift, lambda image: shift_by_scipy(image) + 0.3, "centred already"),
    (
        ex.mass_shift,
        lambda image: shift_by_scipy(image) / image.shape[0],
        "empty lines of pixels",
    ),
    (ex.mass_shift, lambda image: abs(shift_by_scipy(image)), "as far the other way"),
    (ex.is_complete, lambda sizes, needed=2: True, "still being written"),
    (ex.is_complete, lambda sizes, needed=2: False, "It returns False, whatever"),
    (
        ex.is_complete,
        lambda sizes, needed=2: complete_by_set(sizes, needed) and sizes[-1] > 200,
        "123 bytes",
    ),
    (
        ex.is_complete,
        lambda sizes, needed=2: complete_by_set(sizes, min(needed, 3)),
        "more looks needed",
    ),
    (
        ex.stand_out,
        lambda residuals, threshold: out_by_scipy(residuals, threshold + residuals.min()),
        "2000 times as large",
    ),
    (
        ex.stand_out,
        lambda r, t: np.flatnonzero(r > np.median(r) * (1 + 0.31 * (t > 0))),
        "same number added",
    ),
    (
        ex.stand_out,
        lambda residuals, threshold: [k for k in out_by_loop(residuals, threshold) if k % 2],
        "in reverse order",
    ),
    (
        ex.stand_out,
        lambda r, t: np.flatnonzero(
            r - np.median(r) >= 1.1 * t * 1.4826 * stats.median_abs_deviation(r)
        ),
        "Is > needed for >=?",
    ),
    (ex.stand_out, lambda residuals, threshold: [], "an empty list, whatever"),
    (
        ex.stand_out,
        lambda r, t: np.where(r > np.median(r))[0][None, :],
        "but a plain list is asked for",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in " ".join(verdict.message.split()), str(verdict)


def test_sorting_in_place_is_told():
    def stand_out(residuals, threshold):
        residuals.sort()
        return out_by_scipy(residuals, threshold)

    assert "changed residuals in place" in ex.stand_out.evaluate(stand_out).message


def test_true_or_false_is_asked_for():
    message = ex.is_complete.evaluate(lambda sizes, needed: sizes).message
    assert "but True or False is asked for" in message


@pytest.mark.parametrize("seed", range(5))
def test_projections_lie_off_the_middle_by_a_fraction(seed):
    image = week08_problems.projection(np.random.default_rng(seed), (24, 17))
    shift = abs(shift_by_scipy(image))
    assert 0.2 < shift < 3
    assert 0.05 < shift % 1 < 0.95
    assert image.min() < 0 < image.sum()


@pytest.mark.parametrize("needed", [2, 3, 5])
def test_histories_hold_both_answers(needed):
    histories = week08_problems.file_histories(np.random.default_rng(0), 6, needed)
    answers = [complete_by_set(sizes, needed) for sizes in histories]
    assert 4 <= sum(answers) <= len(answers) - 4


@pytest.mark.parametrize("n", [9, 12, 41])
def test_residuals_hold_several_outliers_none_and_one(n):
    drawn = week08_problems.residuals_of_tilts(np.random.default_rng(1), n, 4.0)
    assert [len(out_by_loop(r, 4.0)) for r in drawn] == [7 if n >= 30 else 2, 0, 1]
    assert min(r.min() for r in drawn) > 0


def test_pictures_show_what_the_answers_do():
    shift = dict(ex.mass_shift.picture().numbers)
    assert len(set(map(abs, shift.values()))) == 2
    looks = dict(ex.is_complete.picture().numbers)
    assert looks["complete at look"] == 9
    found = dict(ex.stand_out.picture().numbers)
    assert found["tilts found by medians"] == 2 > found["by mean and standard deviation"]
    gaps = dict(ex.stop_now.picture().numbers)
    assert gaps["widest gap of session 1 in degrees"] == 60 > 10 * gaps["of session 2"]


# --- The decision -------------------------------------------------------------------------------


def advice_on(session):
    foretold = dict(zip(session.angles_deg[-5:], session.predictions, strict=True))
    return dynamic.advise(session.angles_deg, foretold, session.planned, session.range_deg)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_verdict_is_the_advice_that_a_run_would_give(number):
    session = week08_problems.sessions()[number - 1]
    advice = advice_on(session)
    verdict = ex.stop_now.evaluate(session=number, because="BCDG")
    assert verdict.passed == advice.stop == (number == 2)
    if not advice.stop:
        assert advice.reason in verdict.message


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (1, "92° of directions have not been seen at all"),
        (3, "so they brought news"),
        (4, "there are sessions 1 to 3"),
        (1.5, "there are sessions 1 to 3"),
    ],
)
def test_other_sessions_are_told_their_fault(session, words):
    verdict = ex.stop_now.evaluate(session=session, because="BCDG")
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.stop_now.points / 2


def test_an_object_that_has_not_met_its_data_is_no_reason_to_stop():
    stop = week08_problems.sessions()[1]
    early = stop._replace(distance=1.6)
    assert advice_on(early).stop
    stopped, reason = week08_stop_now.may_stop(early)
    assert not stopped
    assert "still misses its own data by 1.6 ε" in reason
    assert ex.stop_now.evaluate(session=2, because="BCDG", problem=(early, stop)).passed


def test_the_prompt_shows_the_numbers_to_decide_by():
    text = str(ex.stop_now)
    assert week08_problems.table(week08_problems.sessions()) in text
