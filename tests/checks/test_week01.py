"""Week 1's exercises: every right way is accepted, every usual wrong one refused by name."""

import numpy as np
import pytest

from em_inverse import forward
from em_inverse.checks import State, week01_pictures
from em_inverse.checks import week01 as ex

FUNCTIONS = (ex.haadf, ex.snr, ex.back_project)


def haadf_einsum(x, Z, gamma, P):
    return P @ np.einsum("e,eij->ij", np.asarray(Z) ** gamma, x)


def haadf_map_by_map(x, Z, gamma, P):
    return sum(P @ (number**gamma * amount) for amount, number in zip(x, Z, strict=True))


def haadf_of_the_kit(x, Z, gamma, P):
    return P.forward(forward.LinearThickness(Z, gamma)(x))


def snr_by_parts(dose, pixel_nm, share, readout):
    landed = dose * pixel_nm * pixel_nm
    n = landed * share
    return 1 / np.sqrt(1 / n + (readout / n) ** 2)


def snr_loop(dose, pixel_nm, share, readout):
    answer = []
    for d in dose:
        n = d * pixel_nm**2 * share
        answer.append(n / (n + readout**2) ** 0.5)
    return answer


def back_loop(y, shape, start):
    x = np.zeros(shape)
    for z in range(shape[0]):
        for j in range(len(y)):
            x[z, start + j] += y[j]
    return x


def back_padded(y, shape, start):
    line = np.pad(y, (start, shape[1] - start - len(y)))
    return np.ones((shape[0], 1)) * line


def back_view(y, shape, start):
    """A read-only view with one copy of the line in memory."""
    return np.broadcast_to(np.pad(y, (start, shape[1] - start - len(y))), shape)


def haadf_matrix(x, Z, gamma, P):
    sharp = np.exp(gamma * np.log(Z)) @ x.reshape(len(Z), -1)
    return (P.to_matrix() @ sharp).reshape(x.shape[1:])


def snr_hypotenuse(dose, pixel_nm, share, readout):
    n = dose * pixel_nm**2 * share
    return n / np.hypot(np.sqrt(n), readout)


def back_matrix(y, shape, start):
    sums = np.tile(np.eye(shape[1]), shape[0])
    return (sums[start : start + len(y)].T @ y).reshape(shape)


RIGHT = [
    (ex.haadf, haadf_einsum),
    (ex.haadf, haadf_map_by_map),
    (ex.haadf, haadf_of_the_kit),
    (ex.snr, snr_by_parts),
    (ex.snr, snr_loop),
    (ex.back_project, back_loop),
    (ex.back_project, back_padded),
    (ex.back_project, back_matrix),
    (ex.back_project, back_view),
    (ex.haadf, haadf_matrix),
    (ex.snr, snr_hypotenuse),
]
SIZES = {
    "haadf": [(10, 10), (21, 4), (3, 8), (1, 1)],
    "snr": [(1,), (2,), (50,)],
    "back_project": [(10, 10), (21, 4), (3, 8), (1, 1)],
}


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    verdict = task.evaluate(task.reference, seed=99, sizes=SIZES[task.name])
    assert verdict.passed, str(verdict)


def _spoil(task):
    def func(first, *rest):
        result = task.reference(first, *rest)
        first[...] -= 1
        return result

    return func


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_right_numbers_with_bad_manners_are_refused(task):
    assert "in place" in task.evaluate(_spoil(task)).message


UNLISTED = [
    (ex.haadf, lambda x, Z, g, P: haadf_einsum(x, Z, g, P) + x[0] * x[1], "does not double"),
    (ex.haadf, lambda x, Z, g, P: np.abs(haadf_einsum(x - x[::-1], Z, g, P)), "sum of the images"),
    (ex.haadf, lambda x, Z, g, P: 1.02 * haadf_einsum(x, Z, g, P), "sharp as a needle"),
    (ex.snr, lambda d, p, f, r: 1.1 * snr_by_parts(d, p, f, r), "must be √N"),
    (
        ex.snr,
        lambda d, p, f, r: d * p**2 * f / np.sqrt(d * p**2 * f + 2 * r**2),
        "At a very low dose",
    ),
    (ex.back_project, lambda y, s, a: 2 * back_loop(y, s, a), "dot test fails"),
    (ex.back_project, lambda y, s, a: back_loop(np.sort(y), s, a), "dot test fails"),
]


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert verdict.misconception == ""
    assert words in verdict.message


def test_an_adjoint_that_is_not_linear_is_found_out():
    """Right on the problems themselves, wrong for negative data: the property alone sees it."""
    verdict = ex.back_project.evaluate(lambda y, s, a: np.abs(back_loop(y, s, a)))
    assert "An adjoint is linear" in verdict.message


@pytest.mark.parametrize("task", ex.ALL, ids=lambda t: t.name)
def test_hints_and_pictures_are_there(task, capsys):
    assert len(task.hints) == 3
    task.hint(1)
    task.hint(4)
    task.expected()
    out = capsys.readouterr().out
    assert "has hints 1 to" in out
    assert "Figure: " in out
    assert len(task.picture().numbers) == 2


def test_the_picture_of_the_adjoint_is_as_its_words_say():
    picture = ex.back_project.picture()
    stripes = picture.figure.axes[1].images[0].get_array()
    assert np.flatnonzero(stripes[0]).tolist() == list(range(3, 10))
    assert "columns 3 to 9" in picture.alt
    assert (stripes == stripes[0]).all()


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize("tilt", [8, 10, 30, 45, 70])
def test_every_angle_with_99_per_cent_is_right(tilt):
    verdict = ex.second_tilt.evaluate(tilt=tilt, because=["B", "C", "F"])
    assert verdict.passed, str(verdict)
    assert verdict.points == 2


@pytest.mark.parametrize(
    ("tilt", "words"),
    [
        (0.5, "in 62 % of the cases"),
        (3, "differ by 1.8 times their noise"),
        (7, "98 % of the cases"),
        (75, "out of reach"),
    ],
)
def test_other_angles_are_told_why(tilt, words):
    verdict = ex.second_tilt.evaluate(tilt=tilt, because=["B", "C", "F"])
    assert verdict.state is State.WRONG
    assert words in verdict.message
    assert verdict.points == 1


def test_the_true_reasons_are_true_and_the_false_ones_false():
    separation, share = week01_pictures.separation, week01_pictures.share_right
    assert separation(0, 1e6) < 1e-6  # A: more dose at 0° does not help; C: 0° says nothing
    assert share(0, 1e6) == 0.5
    enough = [t for t in range(1, 71) if share(t, 1e5) >= 0.99]
    assert enough == list(range(8, 71))  # hint 3: "everything from about 8° on"
    assert separation(enough[0], 1e5) == pytest.approx(4, abs=0.1)  # B: "about four times"
    assert separation(1, 1e5) < separation(10, 1e5) < separation(70, 1e5)  # E is wrong


def test_a_hopeless_problem_is_explained():
    for problem in ("much", -1.0, (1, 2)):
        message = ex.second_tilt.evaluate(tilt=10, because="BCF", problem=problem).message
        assert "cannot be judged" in message
    assert not ex.second_tilt.evaluate(tilt=20, because="BCF", problem=1e3).passed


def test_use_gives_a_good_angle(capsys):
    assert ex.second_tilt.use(tilt=None) == 30
    assert ex.second_tilt.use(tilt=12) == 12
