"""Choosing λ and ε: against the best λ that only a simulation knows, and on designed recipes."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse import phantoms, tomography
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.metrics import rmse
from em_inverse.tilt_series import Reconstruction, TiltSeries

N, FINER = 48, 4
ANGLES = np.arange(-70.0, 71.0, 4.0)


def tv(series, lam=None, *, initial=None, epsilon=None):
    return tomography.tv(series, lam=lam, epsilon=epsilon, initial=initial, n_iter=120)


@functools.cache
def problem(name, seed):
    """Series with 5 % noise from a finer phantom, the truth, ‖noise‖."""
    n = N * FINER
    fine = getattr(phantoms, name)(n, supersample=1)
    data = (ParallelBeam(fine.shape, ANGLES) @ fine).reshape(len(ANGLES), N, FINER)
    data = data.mean(axis=2) / FINER
    noise = 0.05 * data.max() * np.random.default_rng(seed).standard_normal(data.shape)
    truth = fine.reshape(N, FINER, N, FINER).mean(axis=(1, 3))
    series = TiltSeries((data + noise).astype(np.float32), ANGLES)
    return series, truth, float(np.linalg.norm(noise))


@functools.cache
def oracle(name, seed):
    series, truth, _ = problem(name, seed)
    grid = tomography.lambda_unit(series) * np.geomspace(1e-3, 0.1, 9)
    errors = [rmse(tv(series, lam).x, truth) for lam in grid]
    return float(grid[np.argmin(errors)]), min(errors)


CASES = [("disc", 0), ("core_shell", 1), ("nanocube_with_pores", 2)]


@pytest.mark.parametrize(("name", "seed"), CASES)
@pytest.mark.parametrize(
    ("rule", "worst"), [("discrepancy", 1.25), ("l_curve", 1.15), ("held_out", 1.15)]
)
def test_every_rule_comes_near_the_best_error(name, seed, rule, worst):
    series, truth, norm = problem(name, seed)
    best_lam, best = oracle(name, seed)
    unit = tomography.lambda_unit(series)
    lambdas = None if rule == "discrepancy" else unit * np.geomspace(1e-3, 0.1, 7)
    choice = tomography.choose_lambda(series, rule, tv, noise=norm, lambdas=lambdas)
    assert rmse(tv(series, choice.lam).x, truth) < worst * best
    assert best_lam / 4 < choice.lam < best_lam * 5
    assert f"{choice.lam:.4g}" in choice.message


def test_discrepancy_meets_the_noise_and_says_what_is_reachable():
    series, _, norm = problem("disc", 0)
    choice = tomography.choose_lambda(series, "discrepancy", tv, noise=norm, tau=1.02)
    assert choice.target == pytest.approx(1.02 * norm)
    assert choice.residual_norm == pytest.approx(choice.target, rel=0.01)
    assert np.all(np.diff(choice.lambdas) > 0)
    assert choice.lambdas.min() <= choice.lam <= choice.lambdas.max()

    def stubborn(part, lam):
        return Reconstruction(np.zeros((N, N)), "nothing")

    with pytest.raises(ParameterError, match=r"residuals between \d+\.?\d* and \d+"):
        tomography.choose_lambda(series, "discrepancy", stubborn, noise=norm)


def test_tikhonov_is_a_method_by_name():
    series, _, norm = problem("disc", 0)
    choice = tomography.choose_lambda(series, "discrepancy", "tikhonov", noise=norm)
    assert choice.residual_norm == pytest.approx(norm, rel=0.01)
    corner = tomography.choose_lambda(series, "l_curve", "tikhonov")
    assert corner.lam is None or corner.lam > 0
    with pytest.raises(ParameterError, match="method is 'best'"):
        tomography.choose_lambda(series, "discrepancy", "best")
    with pytest.raises(ParameterError, match="rule is 'best'"):
        tomography.choose_lambda(series, "best")


def test_total_variation_is_the_method_by_default():
    small = phantoms.disc(16, radius=5)
    series = TiltSeries(ParallelBeam(small.shape, ANGLES) @ small, ANGLES)
    choice = tomography.choose_lambda(series, noise=3.0)
    assert choice.residual_norm == pytest.approx(3, rel=0.01)


# --- halving


def test_halving_stops_where_the_residual_meets_the_noise():
    series, _, norm = problem("core_shell", 1)
    trace = tomography.halve_until_noise(series, tv, start=0.3, noise=norm)
    assert trace.met
    assert trace.residual_norms[-1] <= norm < trace.residual_norms[-2]
    assert trace.lambdas[1:] == pytest.approx(trace.lambdas[:-1] / 2)
    assert trace.lambdas[0] == pytest.approx(0.3 * tomography.lambda_unit(series))
    assert trace.lam == trace.lambdas[-1]
    assert trace.result.data_distance == pytest.approx(trace.residual_norms[-1], rel=1e-3)
    assert "halved" in str(trace)
    choice = tomography.choose_lambda(series, "halving", tv, noise=norm)
    assert choice.residual_norm <= choice.target == norm


def test_a_start_below_the_noise_is_doubled_up_to_it():
    series, _, norm = problem("disc", 0)
    trace = tomography.halve_until_noise(series, tv, start=1e-3, noise=norm)
    assert trace.met
    assert np.all(np.diff(trace.lambdas) > 0)
    assert trace.residual_norms.max() <= norm
    assert "doubled" in trace.message


def test_noise_that_cannot_be_met_is_said_not_raised():
    series, _, norm = problem("disc", 0)
    trace = tomography.halve_until_noise(series, tv, noise=norm / 100, max_steps=2)
    assert not trace.met
    assert len(trace.lambdas) == 3
    assert "not met" in str(trace)
    assert trace.alt.startswith("Residual against λ")


def test_a_recipe_that_takes_a_start_is_given_one():
    series, _, norm = problem("disc", 0)
    seen = []

    def warm(part, lam, *, initial=None):
        seen.append(initial)
        return tv(part, lam, initial=initial)

    tomography.halve_until_noise(series, warm, start=0.1, noise=norm)
    assert seen[0] is None
    assert all(start.shape == (N, N) for start in seen[1:])


# --- the scale of λ


@given(factor=st.floats(1e-3, 1e4))
def test_the_unit_of_lambda_follows_the_units_of_the_data(factor):
    small = phantoms.disc(16, radius=5)
    data = ParallelBeam(small.shape, ANGLES) @ small
    one, other = (
        tomography.lambda_unit(TiltSeries(scale * data, ANGLES)) for scale in (1.0, factor)
    )
    assert other == pytest.approx(factor * one, rel=1e-3)


def test_dark_data_have_no_unit():
    with pytest.raises(DataError, match="no positive values"):
        tomography.lambda_unit(TiltSeries(-np.ones((4, 8)), range(4)))


# --- L-curves and held-out curves of designed recipes


def designed(series, residual):
    """A recipe whose residual along the data is a function of λ."""
    A = ParallelBeam((N, N), ANGLES)
    x = tomography.cgls(series, 60).x
    floor = np.linalg.norm(A @ x - series.projections)
    size = np.linalg.norm(A @ x)

    def recipe(part, lam):
        return Reconstruction((1 - (residual(lam) - floor) / size) * x, "designed")

    return recipe


def test_an_l_curve_without_a_corner_says_so():
    series, _, _ = problem("disc", 0)
    recipe = designed(series, lambda lam: 400 * lam**0.1)
    curve = tomography.choose_lambda(series, "l_curve", recipe, lambdas=np.geomspace(1e-2, 1, 9))
    assert curve.lam is None
    assert curve.corner is None
    assert curve.message.startswith("no corner between λ = 0.01 and 1")


def test_l_curves_need_five_points_and_positive_lambdas():
    series, _, _ = problem("disc", 0)
    with pytest.raises(ParameterError, match="lambdas has 3 values"):
        tomography.choose_lambda(series, "l_curve", tv, lambdas=[1, 2, 3])
    with pytest.raises(ParameterError, match="lambdas reaches 0"):
        tomography.choose_lambda(series, "held_out", tv, lambdas=[0, 1])


def test_held_out_says_when_the_choice_is_an_end_of_the_range():
    series, _, _ = problem("disc", 0)
    unit = tomography.lambda_unit(series)
    choice = tomography.choose_lambda(
        series, "held_out", tv, lambdas=unit * np.array([0.3, 1.0]), folds=1
    )
    assert choice.lam == pytest.approx(0.3 * unit)
    assert "lower end of the range" in choice.message


def test_held_out_scales_lambda_by_the_share_of_projections():
    series, _, _ = problem("disc", 0)
    asked = []

    def spy(part, lam):
        asked.append((part.n_tilts, lam))
        return Reconstruction(np.zeros((N, N)), "nothing")

    choice = tomography.choose_lambda(series, "held_out", spy, lambdas=[1.0, 2.0], folds=2)
    assert choice.scores == pytest.approx([1, 1])
    for kept, lam in asked:
        assert lam * series.n_tilts / kept in (pytest.approx(1), pytest.approx(2))


# --- ε


def test_epsilon_is_the_noise_norm():
    series, _, norm = problem("disc", 0)
    given_ = tomography.choose_epsilon(series, noise=norm, tau=1.1)
    assert given_.epsilon == pytest.approx(1.1 * norm)
    assert given_.in_noise_units == pytest.approx(1.1)
    found = tomography.choose_epsilon(series)
    assert found.epsilon == pytest.approx(norm, rel=0.1)
    assert "noise norm" in str(found)
    with pytest.raises(DataError, match=r"'noise norm' compares nothing.*rule='held_out'"):
        found.draw()


def test_held_out_projections_choose_epsilon_near_the_noise():
    series, truth, norm = problem("disc", 0)

    def method(part, epsilon):
        return tv(part, epsilon=epsilon)

    choice = tomography.choose_epsilon(
        series, "held_out", method, noise=norm, factors=[0.9, 0.95, 1.0, 1.1, 1.3], folds=1
    )
    assert 0.9 <= choice.in_noise_units <= 1.1
    assert choice.scores[-1] > choice.scores.min()
    assert rmse(tv(series, epsilon=choice.epsilon).x, truth) < 1.4 * oracle("disc", 0)[1]
    with pytest.raises(ParameterError, match="method is None"):
        tomography.choose_epsilon(series, "held_out")
    with pytest.raises(ParameterError, match="noise is 0"):
        tomography.choose_epsilon(series, noise=0)


def test_epsilon_says_when_it_is_an_end_of_the_range():
    series, _, norm = problem("disc", 0)
    choice = tomography.choose_epsilon(
        series, "held_out", lambda part, eps: tv(part, epsilon=eps), noise=norm,
        factors=[1.5, 2.0], folds=1,
    )  # fmt: skip
    assert choice.end == "lower"
    assert "lower end of the range" in str(choice)
    assert "at or below 1.5" in choice.draw().get_suptitle()


def test_a_reachable_epsilon_is_the_noise_or_what_misfit_leaves():
    """Where projections are shifted at random, no object comes as close as the noise alone."""
    disc = 5.0 * (np.hypot(*np.mgrid[-12:13, -12:13]) < 8)
    angles = np.arange(-70, 71, 5.0)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.5, (angles.size, 25))
    norm = float(np.linalg.norm(noise))
    fine = TiltSeries(ParallelBeam(disc.shape, angles) @ disc + noise, angles)
    choice = tomography.choose_epsilon(fine, "reachable", noise=norm, tau=1.1)
    assert choice.epsilon == pytest.approx(1.1 * norm)
    assert "noise norm" in choice.message
    drift = rng.uniform(-3, 3, angles.size)
    moved = ParallelBeam(disc.shape, angles, center_shift=drift) @ disc + noise
    wandering = TiltSeries(moved, angles)
    choice = tomography.choose_epsilon(wandering, "reachable", noise=norm)
    assert choice.epsilon > 1.5 * norm
    assert "least" in choice.message
    with pytest.raises(DataError, match=r"'reachable' compares nothing.*rule='held_out'"):
        choice.draw()
    reached = tomography.tv(wandering, epsilon=1.05 * choice.epsilon)
    assert reached.data_distance < 1.06 * choice.epsilon


def test_noise_read_from_an_aligned_series_is_passed_on_with_its_warning():
    series, _, norm = problem("disc", 0)
    aligned = series.replace(metadata={"shifts_px": np.full((series.n_tilts, 2), 0.5)})
    level = tomography.noise_level(aligned)

    def method(part, value):
        return tomography.cgls(part, 3, lam=value)

    for given_, warned in ((None, True), (level, True), (norm, False)):
        said = [
            tomography.choose_epsilon(aligned, noise=given_),
            tomography.choose_epsilon(aligned, "reachable", noise=given_),
            tomography.choose_epsilon(
                aligned, "held_out", method, noise=given_, factors=[1.0, 1.1], folds=1
            ),
            tomography.choose_lambda(aligned, "discrepancy", "tikhonov", noise=given_),
            tomography.choose_lambda(aligned, "halving", "tikhonov", noise=given_),
        ]
        warnings = ["before it was aligned" in choice.message for choice in said]
        assert warnings == [warned] * len(said)
    assert "aligned" not in tomography.choose_epsilon(series).message
