"""Reconstruction: what it minimises, its step, its priors, its order, and going on after a stop."""

import dataclasses
import itertools

import numpy as np
import pytest

from em_inverse.atomic import (
    AtomicReconstruction,
    Atoms,
    FocalTiltSeries,
    potential,
    reconstruct,
    simulate,
    typical_lambda,
)
from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import AmplitudeDistance
from em_inverse.priors import TotalVariation
from em_inverse.report import report
from em_inverse.solvers import relative_change

ATOMS = Atoms([[1.5, -2.0, 0.5], [-1.5, 1.0, -1.0], [0.5, 2.5, 1.5]], [14, 8, 14])
SHAPE = (24, 24, 20)
ANGLES = np.arange(-90, 90, 12.0)
TRUTH = potential(ATOMS, SHAPE)


@pytest.fixture(scope="module")
def clean():
    return simulate(ATOMS, ANGLES, [200.0, 450.0], shape=SHAPE)


@pytest.fixture(scope="module")
def noisy():
    return simulate(
        ATOMS, ANGLES, [200.0, 450.0], dose_per_square_angstrom=6e3, shape=SHAPE, seed=1
    )


def error(x):
    return np.linalg.norm(x - TRUTH) / np.linalg.norm(TRUTH)


def test_the_potential_comes_back(clean):
    run = reconstruct(clean, n_iter=10, slice_voxels=4)
    assert error(run.volume) < 0.3
    assert run.volume.min() >= 0
    assert run.volume.dtype == np.float32
    cost = np.square(run.history["data_distance"])
    assert cost[-1] < 0.1 * cost[0]
    for atom in ATOMS.positions:
        at = tuple(np.round(atom / 0.5 + (np.array(SHAPE) - 1) / 2).astype(int))
        assert run.volume[at] > 50


def test_one_visit_is_a_step_against_the_gradient_of_the_amplitude_distance(clean):
    solver = AtomicReconstruction(clean, 0.0, slice_voxels=4)
    x = (0.5 * TRUTH).astype(np.float32)
    moved = x.copy()
    cost = solver._visit(3, moved)
    data = AmplitudeDistance(solver.model.tilted(ANGLES[3]), clean.images[3])
    value, gradient = data.value_and_gradient(x)
    assert cost == pytest.approx(value, rel=1e-5)
    assert np.allclose(moved, x - solver.alpha / 2 * gradient, atol=1e-2)


def test_the_step_is_normalised_and_tau_follows_it(clean):
    solver = AtomicReconstruction(clean, 2e-4, step=1.2)
    unit = (solver.model.sigma * 0.5) ** 2
    assert solver.alpha == pytest.approx(1.2 / (unit * 2 * 24))
    assert solver.tau_volts == pytest.approx(solver.alpha * 1e-4)
    deeper = AtomicReconstruction(clean, 2e-4, step=1.2, shape=(48, 24, 20))
    assert deeper.tau_volts == pytest.approx(solver.tau_volts / 2)
    solver.lam_tv = 4e-4
    assert solver.tau_volts == pytest.approx(solver.alpha * 2e-4)


def test_the_typical_lambda_is_the_noise_of_the_gradient():
    """Measured on vacuum: the gradient of pure noise has the deviation that λ is derived from."""
    rng, n = np.random.default_rng(0), 40
    images = rng.poisson(n, (12, 2, 16, 16)) / n
    dose = n * 24 / 0.25
    series = FocalTiltSeries(
        images, np.arange(12) * 15.0 - 90, [200.0, 450.0], dose_per_square_angstrom=dose
    )
    solver = AtomicReconstruction(series, 0.0, slice_voxels=4)
    gradient = sum(
        AmplitudeDistance(solver.model.tilted(angle), images[k]).gradient(np.zeros((16,) * 3))
        for k, angle in enumerate(series.angles_deg)
    )
    noise = gradient[4:12, 4:12].std()
    assert 0.4 < typical_lambda(series) / 0.35 / noise < 2.5
    assert typical_lambda(series, "sparse") > 0
    four = dataclasses.replace(series, dose_per_square_angstrom=4 * dose)
    assert typical_lambda(four) == pytest.approx(typical_lambda(series) / 2)
    endless = dataclasses.replace(series, dose_per_square_angstrom=None)
    assert typical_lambda(endless) < typical_lambda(series)


def test_priors_hold_the_noise_back(noisy):
    none, tv = reconstruct(noisy, 0.0, n_iter=5), reconstruct(noisy, n_iter=5)
    sparse = reconstruct(noisy, lam_sparse=typical_lambda(noisy, "sparse"), n_iter=5)
    assert error(tv.x) < 0.8 * error(none.x)
    assert error(sparse.x) < 0.9 * error(none.x)
    assert tv.history["prior"][-1] == pytest.approx(TotalVariation().value(tv.x))
    assert none.history["prior"] == [0.0] * 5
    assert np.mean(sparse.x == 0) > np.mean(none.x == 0)
    last = [run.history[name][-1] for run in (tv,) for name in ("data_distance", "prior")]
    total = last[0] ** 2 + tv.parameters["lambda"] * last[1]
    assert tv.history["objective"][-1] == pytest.approx(total)
    assert [run.parameters["prior"] for run in (none, tv, sparse)] == ["none", "TV", "L1"]


def test_without_positivity_noise_has_both_signs(noisy):
    for prior in ({"lam_tv": 1e-5}, {"lam_sparse": 1e-5}):
        free = reconstruct(noisy, n_iter=2, nonnegative=False, **prior)
        assert free.x.min() < 0


def test_a_missing_wedge_costs_resolution_along_the_beam(clean):
    half = clean.subset(np.abs(clean.angles_deg) <= 48)
    x = reconstruct(half, n_iter=6, slice_voxels=4).x
    assert error(x) > 1.2 * error(reconstruct(clean, n_iter=6, slice_voxels=4).x)


def test_momentum_starts_anew_when_the_cost_rises(clean):
    solver = AtomicReconstruction(clean, 0.0)
    for _ in range(3):
        solver.step()
    grown = solver._momentum
    assert grown > 2
    solver._cost = 0.0
    solver.step()
    assert solver._momentum == pytest.approx(0.5 * (1 + np.sqrt(5)))


def test_the_order_of_tilts_is_new_each_time_and_known_from_the_seed(clean, monkeypatch):
    orders = []

    def watched(solver, k, volume):
        orders[-1].append(k)
        return 0.0

    monkeypatch.setattr(AtomicReconstruction, "_visit", watched)
    for seed in (0, 0, 1):
        solver = AtomicReconstruction(clean, seed=seed)
        for _ in range(2):
            orders.append([])
            solver.step()
    assert all(sorted(order) == list(range(len(ANGLES))) for order in orders)
    assert orders[0] == orders[2]
    for one, other in itertools.combinations((orders[0], orders[1], orders[4]), 2):
        assert one != other


@pytest.mark.parametrize("prior", [{}, {"lam_sparse": 1e-4}])
def test_a_resumed_run_ends_where_the_uninterrupted_one_does(noisy, prior, tmp_path):
    whole = reconstruct(noisy, n_iter=4, **prior)
    path = tmp_path / "state.npz"
    reconstruct(noisy, n_iter=2, checkpoint=path, **prior)
    resumed = reconstruct(noisy, n_iter=4, checkpoint=path, **prior)
    assert np.array_equal(resumed.x, whole.x)
    assert resumed.history == whole.history


def test_a_checkpoint_of_other_data_or_parameters_is_refused(noisy, tmp_path):
    path = tmp_path / "state.npz"
    reconstruct(noisy, n_iter=1, checkpoint=path)
    with pytest.raises(ParameterError, match="seed = 0"):
        reconstruct(noisy, n_iter=2, checkpoint=path, seed=5)
    brighter = dataclasses.replace(noisy, images=noisy.images + 1)
    with pytest.raises(DataError, match="other data"):
        reconstruct(brighter, n_iter=2, checkpoint=path)
    turned = dataclasses.replace(noisy, angles_deg=noisy.angles_deg + 1)
    with pytest.raises(DataError, match="another operator"):
        reconstruct(turned, n_iter=2, checkpoint=path)


def test_data_and_start_may_be_given(clean, noisy):
    solver = AtomicReconstruction(noisy, x0=TRUTH)
    first = solver.step()
    assert solver.y is solver.series.images
    solver.y = clean.images
    second = solver.step()
    assert second.data_distance < 0.5 * first.data_distance
    assert np.array_equal(solver.y, clean.images)
    with pytest.raises(DataError, match="y has shape"):
        solver.y = np.ones(3)
    with pytest.raises(DataError, match="x0 has shape"):
        AtomicReconstruction(noisy, x0=np.zeros(3))


def test_it_is_an_iterator_with_stop_rules_and_reports(noisy):
    solver = AtomicReconstruction(noisy, stop=relative_change(0.5))
    for state in solver:
        assert state.x is solver.x
    result = solver.result()
    assert result.converged
    assert result.n_iter < 6
    line = report(result)
    assert line.startswith("SIMULATED DATA")
    assert "15 projections from −90° to 78°" in line
    assert "phase-contrast atomic tomography" in line


def test_what_does_not_fit_is_refused(clean):
    with pytest.raises(ParameterError, match="one prior at a time"):
        AtomicReconstruction(clean, 1e-4, 1e-4)
    with pytest.raises(ParameterError, match="Choose nz only"):
        AtomicReconstruction(clean, shape=(24, 20, 20))
    with pytest.raises(ParameterError, match="a FocalTiltSeries is needed"):
        reconstruct(clean.images)
    with pytest.raises(ParameterError, match="prior is 'l2'"):
        typical_lambda(clean, "l2")
    with pytest.raises(ParameterError, match="step_factor"):
        AtomicReconstruction(clean, step=2.0)
