import json

import numpy as np
import pytest

from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.phantoms import nanocube_with_pores
from em_inverse.priors import TotalVariation
from em_inverse.solvers import ASDPOCS

ANGLES = np.linspace(-75, 75, 30)
X = nanocube_with_pores(32, n_pores=2)
A = ParallelBeam(X.shape, ANGLES)
CLEAN = A @ X
SIGMA = 0.05 * CLEAN.mean()
Y = CLEAN + np.random.default_rng(0).normal(0, SIGMA, CLEAN.shape).astype(np.float32)
EPSILON = float(np.linalg.norm(Y - CLEAN))


def ratio(solver):
    return solver.history["data_distance"][-1] / solver.epsilon


def changed(schedule, first, second, settings=(), before=200, after=120):
    solver = ASDPOCS(A, Y, first * EPSILON, schedule=schedule, **dict(settings))
    solver.run(before)
    solver.epsilon = second * EPSILON
    solver.run(after)
    return solver


def test_one_published_iteration_follows_the_recipe():
    solver = ASDPOCS(A, Y, EPSILON, schedule="published", n_tv=3, smoothing=1e-3)
    solver.step()
    x1 = solver.subsets.sweep(np.zeros_like(solver.x), Y, 0.5, 0)
    np.testing.assert_array_equal(solver.x, x1)
    step = 0.2 * np.linalg.norm(x1)
    u = x1.copy()
    for _ in range(3):
        g = TotalVariation().gradient(u, 1e-3)
        u = u - step * g / np.linalg.norm(g)
    u = np.maximum(u, 0).astype(np.float32)
    far = np.linalg.norm(u - x1) > 0.95 * np.linalg.norm(x1)
    x2 = solver.subsets.sweep(u, Y, 0.5 * 0.985, 1)
    solver.step()
    np.testing.assert_allclose(solver.x, x2, atol=1e-4)
    assert solver._tv_step == pytest.approx(step * (0.95 if far else 1.0), rel=1e-5)
    assert solver.history["data_distance"][-1] == pytest.approx(
        np.linalg.norm(A @ x2 - Y), rel=1e-3
    )


def test_from_a_cold_start_both_meet_the_data():
    for schedule in ("published", "mended"):
        solver = ASDPOCS(A, Y, EPSILON, schedule=schedule)
        solver.run(200)
        assert ratio(solver) == pytest.approx(1, abs=0.01)
        assert np.sqrt(np.mean((solver.x - X) ** 2)) < 0.06
        assert solver.x.min() >= 0


def test_the_published_schedule_cannot_follow_epsilon():
    assert ratio(changed("published", 1.5, 1.0)) > 1.1
    assert ratio(changed("published", 1.0, 1.5)) < 0.9
    gpu = {"beta": 0.25, "beta_red": 0.9985}
    assert ratio(changed("published", 1.0, 1.5, gpu)) < 0.9


def test_the_mended_schedule_follows_epsilon():
    assert ratio(changed("mended", 1.5, 1.0, after=40)) == pytest.approx(1, abs=0.01)
    assert ratio(changed("mended", 1.0, 1.5)) == pytest.approx(1, abs=0.001)


def test_a_data_step_ends_on_the_ball():
    solver = ASDPOCS(A, Y, 1.5 * EPSILON)
    solver.run(60)
    while solver.step().data_distance > 1.5001 * EPSILON:
        assert solver.iteration < 150
    distance = float(np.linalg.norm((A @ solver.x - Y).astype(np.float64)))
    assert distance == pytest.approx(1.5 * EPSILON, rel=1e-4)
    assert solver.history["data_distance"][-1] == pytest.approx(distance, rel=1e-5)
    solver.epsilon = 10 * EPSILON
    solver._tv_step = 1e-6
    before = solver._beta
    solver.step()
    assert solver._data_step == 0
    assert solver._beta == pytest.approx(before * 0.985)


def test_new_data_and_arrivals_arm_the_steps_again():
    solver = ASDPOCS(A, Y, EPSILON)
    solver.run(30)
    assert solver._beta < 0.4
    solver.y = Y
    assert solver._beta == 0.5
    before = solver.x.copy()
    solver.step()
    assert solver._tv_step == pytest.approx(0.2 * np.linalg.norm(solver.x - before), rel=1e-5)
    solver.epsilon = 2 * solver._distance
    assert solver._tv_step == solver._first_tv_step
    solver.rearm(arrived=0.75)
    assert solver._beta == pytest.approx(0.25)
    published = ASDPOCS(A, Y, EPSILON, schedule="published")
    published.run(30)
    tired = published._beta
    published.y, published.epsilon = Y, 2 * EPSILON
    assert published._beta == tired
    published.rearm()
    assert published._beta == 0.5


@pytest.mark.parametrize("schedule", ["published", "mended"])
def test_a_resumed_run_continues_bit_by_bit(schedule, tmp_path):
    path = tmp_path / "state.npz"
    straight, first, second = (ASDPOCS(A, Y, EPSILON, schedule=schedule, seed=7) for _ in range(3))
    straight.run(12)
    first.run(5)
    first.save(path)
    second.load(path)
    second.run(7)
    np.testing.assert_array_equal(second.x, straight.x)
    assert second.history == straight.history


def test_support_and_negative_values():
    support = np.zeros(X.shape, bool)
    support[4:28, 6:26] = True
    solver = ASDPOCS(A, Y, EPSILON, np.ones(X.shape), support=support, nonnegative=False)
    solver.run(8)
    assert (solver.x[~support] == 0).all()
    assert solver.x.min() < 0
    json.dumps(solver.parameters())
    assert solver.parameters()["support"] == "given"


def test_flat_objects_have_nothing_to_lower():
    zero = ASDPOCS(A, np.zeros_like(Y), 1.0)
    assert zero.run(3).data_distance == 0


def test_bad_input_is_refused():
    for name, bad in (
        ("epsilon", 0),
        ("beta", 2),
        ("beta_red", 1.1),
        ("beta_red", 0),
        ("alpha", -1),
        ("alpha_red", 0),
        ("r_max", 0),
        ("n_tv", 0),
        ("smoothing", 0),
        ("schedule", "new"),
    ):
        with pytest.raises(ParameterError, match=name):
            ASDPOCS(A, Y, **{"epsilon": 1.0, name: bad})
    solver = ASDPOCS(A, Y, EPSILON)
    with pytest.raises(ParameterError, match="epsilon"):
        solver.epsilon = -1
    with pytest.raises(DataError, match="y"):
        solver.y = Y[:4]
    with pytest.raises(ParameterError, match="arrived"):
        solver.rearm(1.5)
