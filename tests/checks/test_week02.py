"""Week 2's exercises: every right way is accepted, every usual wrong one refused by name."""

import os
import subprocess
import sys

import numpy as np
import pytest

from em_inverse import deblurring, forward, metrics, noise, phantoms, solvers
from em_inverse.checks import State, week02_pictures, week02_reference
from em_inverse.checks import week02 as ex
from em_inverse.checks.problems import random_system

FUNCTIONS = (ex.condition, ex.expected_rmse, ex.truncated_svd, ex.filter_factors)
GOOD = ["A", "D", "E"]


def condition_by_rank(H):
    r = np.linalg.matrix_rank(H)
    s = np.linalg.svd(H)[1]
    return [s[0] / s[r - 1], H.shape[1] - r]


def condition_by_eigenvalues(A):
    gram = np.linalg.eigvalsh(A.T @ A)[::-1]
    gram = gram[gram > 1e-12 * gram[0]]
    return np.array([np.sqrt(gram[0] / gram[-1]), A.shape[1] - len(gram)])


def condition_by_pseudoinverse(H):
    norms = np.linalg.norm(H, 2), np.linalg.norm(np.linalg.pinv(H, rcond=1e-10), 2)
    return norms[0] * norms[1], H.shape[1] - np.linalg.matrix_rank(H)


def truncated_by_eigenvectors(H, y, r):
    values, V = np.linalg.eigh(H.T @ H)
    V = V[:, ::-1][:, :r]
    return V @ ((V.T @ (H.T @ y)) / values[::-1][:r])


def rmse_by_trace(H, noise_level):
    """The covariance of the naive inverse is noise² (HᵀH)⁻¹."""
    return noise_level * np.sqrt(np.trace(np.linalg.inv(H.T @ H)) / H.shape[1])


def rmse_by_pseudoinverse(H, level):
    return level * np.linalg.norm(np.linalg.pinv(H)) / np.sqrt(H.shape[1])


def truncated_loop(H, y, r):
    U, s, Vt = np.linalg.svd(H)
    x = np.zeros(H.shape[1])
    for i in range(r):
        x = x + U[:, i] @ y / s[i] * Vt[i]
    return x


def truncated_by_zeroing(H, y, r):
    U, s, Vt = np.linalg.svd(H, full_matrices=False)
    inverse = np.where(np.arange(len(s)) < r, 1 / s, 0)
    return Vt.T @ np.diag(inverse) @ U.T @ y


def truncated_by_threshold(H, y, r):
    s = np.linalg.svd(H, compute_uv=False)
    cut = 0.0 if r == len(s) else np.sqrt(s[r - 1] * s[r]) / s[0]
    return np.linalg.pinv(H, rcond=cut) @ y


RIGHT = [
    (ex.condition, condition_by_rank),
    (ex.condition, condition_by_eigenvalues),
    (ex.condition, condition_by_pseudoinverse),
    (ex.truncated_svd, truncated_by_eigenvectors),
    (ex.expected_rmse, rmse_by_trace),
    (ex.expected_rmse, rmse_by_pseudoinverse),
    (ex.truncated_svd, truncated_loop),
    (ex.truncated_svd, truncated_by_zeroing),
    (ex.truncated_svd, truncated_by_threshold),
    (ex.truncated_svd, lambda H, y, r: deblurring.truncated_svd(H, y, r)),
    (ex.filter_factors, lambda s, lam: 1 / (1 + lam / s**2)),
    (ex.filter_factors, lambda s, lam: [v * v / (v * v + lam) for v in s]),
    (
        ex.filter_factors,
        lambda s, lam: solvers.TikhonovPath(np.diag(s), np.ones(len(s))).filter_factors(lam),
    ),
]


@pytest.mark.parametrize(("task", "func"), RIGHT)
def test_other_right_ways_pass(task, func):
    for seed in range(3):
        verdict = task.evaluate(func, seed=seed)
        assert verdict.passed, str(verdict)


@pytest.mark.parametrize("task", FUNCTIONS, ids=lambda t: t.name)
def test_graders_may_choose_other_sizes(task):
    sizes = [(10,), (21,), (3,), (1,)] if task is ex.filter_factors else [(10, 10), (21, 4), (3, 8)]
    assert task.evaluate(task.reference, seed=99, sizes=sizes).passed


def divides_by_rounding(H):
    s = np.linalg.svd(H, compute_uv=False)
    return s[0] / max(s[-1], 1e-18), H.shape[1] - np.linalg.matrix_rank(H)


def threshold_in_units_of_h(H):
    s = np.linalg.svd(H, compute_uv=False)
    seen = s[s > 0.01]
    return (s[0] / seen[-1] if seen.size else 1.0), H.shape[1] - len(seen)


def simulated(H, noise_level):
    draws = noise_level * np.random.standard_normal((2000, len(H)))  # noqa: NPY002
    return np.sqrt(np.mean((draws @ np.linalg.pinv(H).T) ** 2))


def threshold_for_this_h(H):
    """Good for matrices of size 1, and for no others."""
    s = np.linalg.svd(H, compute_uv=False)
    seen = s[s > 1e-10]
    return s[0] / seen[-1], H.shape[1] - len(seen)


def simulated_with_a_seed(H, noise_level):
    draws = noise_level * np.random.default_rng(0).standard_normal((2000, len(H)))
    return np.sqrt(np.mean((draws @ np.linalg.pinv(H).T) ** 2))


def tall_only(H):
    answer = week02_reference.condition(H)
    return answer if H.shape[0] <= H.shape[1] or len(H) != 9 else (answer[0], answer[1] + 1)


def too_small(H):
    kappa, unseen = week02_reference.condition(H)
    return 0.1 * kappa, unseen


@pytest.mark.parametrize(
    ("task", "func", "words"),
    [
        (ex.condition, divides_by_rounding, "zero without rounding"),
        (ex.condition, threshold_in_units_of_h, "measured against the largest"),
        (ex.condition, threshold_for_this_h, "all its entries times 1e+09"),
        (ex.expected_rmse, simulated_with_a_seed, "a fixed seed would"),
        (ex.condition, tall_only, "the number of columns"),
        (ex.condition, too_small, "never below 1"),
        (ex.expected_rmse, simulated, "draws noise"),
        (ex.expected_rmse, lambda H, s: 1 + week02_reference.expected_rmse(H, s), "must be 2"),
        (
            ex.expected_rmse,
            lambda H, s: 1.1 * week02_reference.expected_rmse(H, s),
            "Where all singular values are 1",
        ),
        (ex.truncated_svd, lambda H, y, r: np.linalg.pinv(H) @ y + 1, "something else as well"),
        (
            ex.truncated_svd,
            lambda H, y, r: 0.9 * week02_reference.truncated_svd(H, y, r),
            "only in part",
        ),
        (
            ex.truncated_svd,
            lambda H, y, r: week02_reference.truncated_svd(H, y, min(r, min(H.shape) - 1)),
            "must be the naive inverse",
        ),
        (ex.filter_factors, lambda s, lam: s**2 / lam, "is a share"),
        (ex.filter_factors, lambda s, lam: s**4 / (s**4 + lam), "just one half"),
        (
            ex.filter_factors,
            lambda s, lam: week02_reference.filter_factors(s, max(lam, 1e-3)),
            "every factor must go to 1",
        ),
    ],
)
def test_properties_see_what_they_are_for(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())


def test_pictures_show_the_numbers_of_the_lesson():
    """What `expected` prints is what the notebook prints when all is right."""
    x = phantoms.dumbbells()
    H = forward.GaussianBlur((80,), 2)
    y = noise.gaussian(H @ x, 0.05, seed=1)
    level = noise.gaussian_sigma(H @ x, 0.05)
    lesson = week02_pictures.lesson()
    np.testing.assert_array_equal(lesson.H, H.to_matrix())
    np.testing.assert_array_equal(lesson.y, y)
    assert lesson.noise_level == level
    s = H.svd()[1]
    numbers = {task: dict(task.picture().numbers) for task in ex.ALL}
    assert numbers[ex.condition]["κ of the 50 pm probe"] == pytest.approx(s[0] / s[-1])
    assert numbers[ex.expected_rmse]["expected RMSE of the 50 pm probe"] == pytest.approx(
        level * np.sqrt(np.mean(1 / s**2))
    )
    at_28 = metrics.rmse(deblurring.truncated_svd(H, y, 28), x)
    assert numbers[ex.truncated_svd]["RMSE"] == pytest.approx(at_28)
    path = solvers.TikhonovPath(H, y)
    assert numbers[ex.filter_factors]["sum of the factors"] == pytest.approx(
        path.degrees_of_freedom(0.005)
    )
    half = int(numbers[ex.filter_factors]["pattern nearest to one half"])
    assert abs(path.filter_factors(0.005)[half - 1] - 0.5) < 0.1


def test_the_pictures_are_as_their_words_say():
    """Six peaks at their places, with 28 patterns and with 29."""
    H, y, _ = week02_pictures.lesson()
    for r in (28, 29):
        x = week02_reference.truncated_svd(H, y, r)
        for place in (9, 15.06, 33.2, 39.26, 57.4, 63.46):
            near = slice(round(place) - 2, round(place) + 3)
            assert abs(near.start + int(np.argmax(x[near])) - place) <= 1
        assert x[24:28].max() < 0.35  # ripples between the pairs
    errors = dict(ex.expected_rmse.picture().numbers)
    assert errors["expected RMSE of the 50 pm probe"] > 1000
    sharp = forward.GaussianBlur((80,), 0.5).to_matrix()
    assert week02_reference.expected_rmse(sharp, week02_pictures.lesson().noise_level) < 0.1


# --- The decision -------------------------------------------------------------------------------


def level_off():
    return ex.rank.reference(ex.rank.problem())


def test_the_coefficients_level_off_behind_the_150_pm_group():
    assert level_off() == 29


@pytest.mark.parametrize("r", [27, 28, 29, 30, 32, 29.0])
def test_near_the_point_is_right(r):
    verdict = ex.rank.evaluate(r=r, because=GOOD)
    assert verdict.passed
    assert verdict.points == 2


def test_every_accepted_rank_is_nearly_as_good_as_the_best():
    x = phantoms.dumbbells()
    H, y, _ = ex.rank.problem()
    errors = [metrics.rmse(week02_reference.truncated_svd(H, y, r), x) for r in range(1, 81)]
    assert max(errors[26:32]) < 1.2 * min(errors)


@pytest.mark.parametrize(
    ("r", "words"),
    [
        (26, "largest is 6.1 times the noise"),
        (12, "largest is 10.0 times the noise"),
        (33, "goes too far"),
        (36, "Did you look where σᵢ meets the noise?"),
        (80, "multiplies its noise by 7.15e+05"),
        (81, "whole number of patterns from 1 to 80"),
        (28.5, "whole number"),
        ("many", "one positive number"),
    ],
)
def test_other_ranks_are_told_why_not(r, words):
    verdict = ex.rank.evaluate(r=r, because=GOOD)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == 1


def test_only_who_chose_the_crossing_is_asked_about_it():
    assert "Did you look" not in ex.rank.evaluate(r=40, because=GOOD).message


def test_the_reasons_are_true_of_the_lesson():
    x = phantoms.dumbbells()
    problem = ex.rank.problem()
    H, y, level = problem
    U, s, Vt = np.linalg.svd(H)
    seen, clean = np.abs(U.T @ y) / level, np.abs(U.T @ (H @ x)) / level
    assert seen[29:].max() < 2.5  # A: they stay at the noise
    assert 0.8 < np.sqrt(np.mean(seen[29:] ** 2)) < 1.2
    assert int(np.sum(s > level)) == 36  # B
    residual = [np.linalg.norm(H @ week02_reference.truncated_svd(H, y, r) - y) for r in (29, 80)]
    assert residual[1] < 1e-6 * residual[0]  # C
    assert clean[29:].max() < 1  # D: more noise than object behind it
    assert round(seen[26], 1) == 6.1  # E
    assert pytest.approx(151.5, rel=0.03) == 4000 / 26
    crossings = np.count_nonzero(np.diff(np.sign(Vt[26])))
    assert crossings == 26  # 26 half waves on 80 pixels of 25 pm: 4000 pm / 26
    assert np.abs(Vt @ x)[33] > 0.5  # F: strong in the object
    assert clean[33] < 1  # and weaker than the noise on arrival
    assert pytest.approx(121, abs=0.5) == 4000 / 33


def test_another_problem_may_be_passed_and_a_hopeless_one_is_explained():
    rng = np.random.default_rng(3)
    system = random_system(rng, (30, 20), condition=1e5, noise=1e-3)
    level = 1e-3 * np.linalg.norm(system.y) / np.sqrt(30)
    problem = (system.H, system.y, level)
    good = ex.rank.reference(problem)
    assert ex.rank.evaluate(r=good, because=GOOD, problem=problem).passed
    assert ex.rank.evaluate(r=1, because=GOOD, problem=problem).state is State.WRONG
    for hopeless in (3, (np.eye(3), np.ones(2), 0.1), (np.eye(4), np.ones(4), 9.0)):
        message = ex.rank.evaluate(r=1, because=GOOD, problem=hopeless).message
        assert "cannot be judged" in message


def test_use_gives_a_good_rank(capsys):
    assert ex.rank.use(r=None) == 29
    assert ex.rank.use(r=31) == 31
    assert "kit's r" in capsys.readouterr().out


# --- All of them --------------------------------------------------------------------------------


def test_messages_are_the_same_every_time():
    program = (
        "from em_inverse.checks import week02 as ex\n"
        "for task in ex.ALL[:2] + ex.ALL[3:]:\n"
        "    for entry in task.misconceptions: task.check(entry.wrong); task.hint()\n"
        "    task.check(); task.check(task.reference); print(task)\n"
        "ex.rank.check(r=36, because={'A', 'C', 'E', 'Q'})\n"
        "import sys\n"
        "print([m for m in ('matplotlib', 'ipywidgets') if m in sys.modules])\n"
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
    assert runs[0].endswith(b"[]\n")
