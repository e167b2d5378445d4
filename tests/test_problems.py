"""The classics are what was published: right-hand sides, symmetry, and how fast κ grows."""

import numpy as np
import pytest

from em_inverse import problems
from em_inverse.errors import ParameterError
from em_inverse.forward import LinearOperator

COURSE = {f.__name__: f for f in (problems.column_row, problems.three_columns, problems.tilt_slice)}
EVERY = {**problems.CLASSICS, **COURSE}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


@every
def test_every_problem_is_complete(make):
    made = make()
    assert isinstance(made.H, LinearOperator)
    assert made.x_true.shape == made.H.in_shape
    np.testing.assert_array_equal(made.y, made.H @ made.x_true)
    assert made.t.size == made.x_true.shape[-1]
    assert made.source
    assert made.H.dot_test() < 1e-12
    with pytest.raises(ValueError, match="read-only"):
        made.x_true[0] = 1.0


def test_names_are_those_of_the_list():
    assert [make().name for make in problems.CLASSICS.values()] == list(problems.CLASSICS)


def phillips_y(s):
    a = np.abs(s)
    return (6 - a) * (1 + np.cos(np.pi * s / 3) / 2) + 9 / (2 * np.pi) * np.sin(np.pi * a / 3)


RIGHT_HAND_SIDES = {
    "phillips": phillips_y,
    "baart": lambda t: 2 * np.sinh(t / 2) / (t / 2),  # s = t/2 runs over half of t's interval
    "fox-goodwin": lambda s: ((1 + s**2) ** 1.5 - s**3) / 3,
    "deriv2": lambda s: (s**3 - s) / 6,
}


@pytest.mark.parametrize("name", RIGHT_HAND_SIDES)
def test_data_converge_to_the_published_right_hand_side(name):
    """The midpoint rule: twice the points, at most about a quarter of the error."""
    errors = []
    for n in (50, 100, 200):
        made = problems.CLASSICS[name](n)
        exact = RIGHT_HAND_SIDES[name](made.t)
        errors.append(np.abs(made.y - exact).max() / np.abs(exact).max())
    assert errors[0] < 1e-3
    assert errors[1] < 0.27 * errors[0]
    assert errors[2] < 0.27 * errors[1]


@pytest.mark.parametrize("name", ["shaw", "gravity", "heat"])
def test_where_no_formula_is_known_finer_steps_change_next_to_nothing(name):
    coarse, fine = (problems.CLASSICS[name](n) for n in (64, 192))
    # The middle one of three fine points is the coarse one.
    np.testing.assert_allclose(coarse.t, fine.t[1::3], atol=1e-12)
    # The lags of the Volterra equation are taken half a step late.
    close = 0.06 if name == "heat" else 0.01
    assert np.abs(coarse.y - fine.y[1::3]).max() < close * np.abs(fine.y).max()


@pytest.mark.parametrize("name", problems.CLASSICS)
def test_symmetric_kernels_make_symmetric_matrices(name):
    matrix = problems.CLASSICS[name]().H.to_matrix()
    symmetric = np.allclose(matrix, matrix.T, atol=1e-14)
    assert symmetric == (name not in ("baart", "heat"))
    assert np.array_equal(np.triu(matrix, 1), 0 * matrix) == (name == "heat")


def test_the_second_derivative_has_the_eigenvalues_of_a_string():
    s = problems.second_derivative(200).H.svd()[1]
    k = np.arange(1, 11)
    np.testing.assert_allclose(s[:10], 1 / (k * np.pi) ** 2, rtol=5e-3)


def condition(make, n):
    s = make(n).H.svd()[1]
    return s[0] / s[-1]


def test_the_condition_number_grows_as_it_should():
    """As n² for the second derivative, much faster for smooth kernels, to rounding at once."""
    mild = [condition(problems.second_derivative, n) for n in (32, 64, 128)]
    assert mild[1] / mild[0] == pytest.approx(4, rel=0.02)
    assert mild[2] / mild[1] == pytest.approx(4, rel=0.02)
    slow = [condition(problems.phillips, n) for n in (16, 32, 64)]
    assert slow[1] / slow[0] > 8
    assert slow[2] / slow[1] > 8
    for steep in (problems.shaw, problems.baart, problems.fox_goodwin):
        assert condition(steep, 32) > 1e14
    assert condition(problems.gravity, 32) > 1e3 * condition(problems.gravity, 16)
    s = problems.baart().H.svd()[1]
    assert np.count_nonzero(s > 1e-14 * s[0]) <= 12  # "hardly ten are above rounding"


def test_late_heat_hardly_reaches_the_sensor():
    matrix = problems.heat().H.to_matrix()
    assert np.linalg.norm(matrix[:, -2:]) < 1e-3 * np.linalg.norm(matrix[:, 0])


def test_the_course_problems_are_those_of_the_course():
    row = problems.column_row()
    tops = np.flatnonzero(np.diff(np.sign(np.diff(row.x_true))) < 0) + 1
    assert tops.tolist() == [14, 27, 40, 53, 66]
    assert row.x_true[:8].max() < 0.01
    assert row.x_true[-8:].max() < 0.01
    wide = problems.column_row(120)
    np.testing.assert_allclose(wide.y[:70], row.y[:70], rtol=1e-3)
    assert problems.column_row(probe=1.0).y.max() > row.y.max()
    slices = problems.tilt_slice(16, tilt_step=20, tilt_range=60)
    assert slices.H.shape == (7 * 16, 16 * 16)
    assert slices.H.dtype == np.float64


@pytest.mark.parametrize(
    "call",
    [
        lambda: problems.shaw(4),
        lambda: problems.column_row(60),
        lambda: problems.gravity(32, depth=0.0),
        lambda: problems.tilt_slice(tilt_range=100),
        lambda: problems.tilt_slice(tilt_step=0),
    ],
)
def test_bad_parameters(call):
    with pytest.raises(ParameterError):
        call()
