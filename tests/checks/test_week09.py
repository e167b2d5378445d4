"""Week 9's exercises: every right way is accepted, every usual wrong one refused by name."""

import numpy as np
import pytest

from em_inverse import fusion, phantoms
from em_inverse.checks import State, week09_pictures, week09_reference
from em_inverse.checks import week09 as ex
from em_inverse.forward import PowerLaw

FUNCTIONS = (ex.image_gradient, ex.deviance, ex.dose_factor)


def gradient_by_loops(x, Z, gamma, b):
    n, rows, columns = x.shape
    new = np.zeros(x.shape)
    for i in range(rows):
        for j in range(columns):
            left = sum((Z[e] * x[e, i, j]) ** gamma for e in range(n)) - b[i, j]
            for e in range(n):
                new[e, i, j] = 2 * left * gamma * Z[e] ** gamma * x[e, i, j] ** (gamma - 1)
    return new


def gradient_by_einsum(maps, numbers, g, image):
    powers = np.einsum("e,eij->eij", numbers, maps)
    residual = (powers**g).sum(0) - image
    return np.einsum("e,eij,ij->eij", 2 * g * numbers, powers ** (g - 1), residual)


def gradient_of_the_kit(x, Z, gamma, b):
    law = PowerLaw(79 * Z, gamma)
    law.weights = Z
    return law.vjp(x, 2 * (law(x) - b))


def deviance_by_scipy(counts, expected):
    from scipy.special import xlogy

    return 2 * np.mean(expected - counts + xlogy(counts, counts / expected))


def deviance_by_loops(d, e):
    total = 0.0
    for count, mean in zip(d.ravel(), e.ravel(), strict=True):
        total += mean - count + (count * np.log(count / mean) if count else 0)
    return 2 * total / d.size


def deviance_by_floor(counts, expected):
    return np.mean(2 * (expected - counts + counts * np.log(np.maximum(counts, 1) / expected)))


def factor_by_loops(doses, errors, dose, error):
    for k in range(len(doses) - 1):
        if errors[k] >= error >= errors[k + 1]:
            share = np.log(errors[k] / error) / np.log(errors[k] / errors[k + 1])
            return doses[k] * (doses[k + 1] / doses[k]) ** share / dose
    raise ValueError


def factor_by_flip(doses, errors, dose, error):
    needed = np.interp(-np.log10(error), -np.log10(errors), np.log10(doses))
    return 10**needed / dose


RIGHT = [
    (ex.image_gradient, gradient_by_loops),
    (ex.image_gradient, gradient_by_einsum),
    (ex.image_gradient, gradient_of_the_kit),
    (ex.deviance, deviance_by_scipy),
    (ex.deviance, deviance_by_loops),
    (ex.deviance, deviance_by_floor),
    (ex.dose_factor, factor_by_loops),
    (ex.dose_factor, factor_by_flip),
]
OTHER_SIZES = {
    "image_gradient": [(2, 2), (6, 3), (1, 5)],
    "deviance": [(2, 2), (7, 3), (5, 5)],
    "dose_factor": [(3,), (6,), (9,)],
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


def test_undefined_logarithms_are_told():
    def deviance(counts, expected):
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * np.mean(expected - counts + counts * np.log(counts / expected))

    verdict = ex.deviance.evaluate(deviance)
    assert verdict.state is State.WRONG
    assert "NaN" in verdict.message


def reference(task):
    return getattr(week09_reference, task)


UNLISTED = [
    (
        ex.image_gradient,
        lambda x, Z, gamma, b: reference("image_gradient")(x, Z, gamma, 0.9 * b),
        "gradient must be zero",
    ),
    (
        ex.image_gradient,
        lambda x, Z, gamma, b: (
            2
            * gamma
            * (((Z[:, None, None] * x) ** gamma).sum(axis=0) - b)
            * Z[:, None, None]
            * (Z[:, None, None] * x + 0.3) ** (gamma - 1)
        ),
        "its part of the gradient must vanish",
    ),
    (
        ex.image_gradient,
        lambda x, Z, gamma, b: 1.3 * reference("image_gradient")(x, Z, gamma, b),
        "foretells",
    ),
    (ex.deviance, lambda d, e: reference("deviance")(d, 1.1 * e), "a deviance of 0"),
    (
        ex.deviance,
        lambda d, e: reference("deviance")(d, e) * (1 if d.any() else 2),
        "deviance 2 · mean(e)",
    ),
    (
        ex.deviance,
        lambda d, e: reference("deviance")(d, e) * np.sqrt(d.size),
        "take the mean",
    ),
    (
        ex.dose_factor,
        lambda doses, errors, dose, error: factor_by_flip(doses, errors, dose, 0.9 * error),
        "the factor must be 1",
    ),
    (
        ex.dose_factor,
        lambda doses, errors, dose, error: (
            factor_by_flip(doses, errors, dose, error) if error in errors
            else factor_by_flip(doses, errors, dose, error) + dose
        ),
        "with the unit of the dose",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("task", "func", "words"), UNLISTED)
def test_unlisted_mistakes_meet_a_property(task, func, words):
    verdict = task.evaluate(func)
    assert verdict.misconception == "", str(verdict)
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())


def test_pictures_show_the_numbers_of_the_lesson():
    x, haadf, counts = week09_pictures.recording()
    np.testing.assert_array_equal(x, phantoms.core_shell_elements(128))
    law = PowerLaw(["Au", "Fe", "O"], normalise=True)
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(haadf, rng.poisson(500 * law(x) / law(x).max()))
    np.testing.assert_array_equal(counts, rng.poisson(10 * x))
    pull = dict(ex.image_gradient.picture().numbers)
    assert pull["largest pull at Au"] > 5 * pull["largest pull at Fe"]
    assert pull["largest pull at O"] < 0.02 * pull["largest pull at Au"]
    numbers = dict(ex.deviance.picture().numbers)
    assert numbers["deviance at the right expectation"] == pytest.approx(1, abs=0.06)
    assert numbers["factor with the least deviance"] == pytest.approx(1, abs=0.05)
    crossed = dict(ex.dose_factor.picture().numbers)
    assert crossed["factor"] == pytest.approx(10 * crossed["dose where the curve is met"])
    blocks = ex.believe.picture().numbers
    assert max(value for _, value in blocks) < 1.1


# --- The decision -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (1, "was made with γ = 1.5"),
        (3, "was made with 6 times the usual λ₂"),
        (4, "there are fusions 1 to 3"),
        (2.5, "there are fusions 1 to 3"),
    ],
)
def test_other_fusions_are_told_their_fault(chosen, words):
    verdict = ex.believe.evaluate(fusion=chosen, because=["B", "C", "E"])
    assert verdict.state is State.WRONG
    assert words in " ".join(verdict.message.split())
    assert verdict.points == ex.believe.points / 2


def test_other_settings_may_be_passed():
    problem = ((1.7, 1.2), (1.9, 1.0), (1.7, 8.0))
    assert ex.believe.evaluate(fusion=1, because="BCE", problem=problem).passed
    assert not ex.believe.evaluate(fusion=2, because="BCE", problem=problem).passed


def test_the_reasons_are_true_of_the_three_fusions():
    x, haadf, counts = week09_pictures.recording()
    names = ["Au", "Fe", "O"]
    usual = fusion.fuse(haadf, counts, names).parameters["lambda_tv"]
    found, rough, errors = [], [], []
    for gamma, factor in ex.believe.problem():
        fit = fusion.fuse(haadf, counts, names, gamma=gamma, lam_tv=factor * usual)
        found.append(fusion.check(fit, try_gamma=False).block_deviance)
        rough.append(float(np.abs(np.diff(fit.x, axis=-1)).sum()))
        errors.append(float(np.sqrt(np.mean((fit.x / 10 - x) ** 2))))
        misfit = np.sqrt(np.mean((fit.image - haadf) ** 2 / np.maximum(haadf, 1)))
        assert misfit < 1  # A: all three match the image
    assert found[0]["Fe"] > 2.5 > 1.5 > max(found[0]["Au"], found[0]["O"])  # C
    assert max(found[1].values()) < 1.1  # B
    assert min(found[2].values()) > 1.5  # E
    assert np.argmin(rough) == 2  # D
    assert np.argmin(errors) == 1  # F
    assert errors == pytest.approx([0.050, 0.025, 0.063], abs=0.0007)  # told after the exercise
