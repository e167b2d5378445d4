"""Rules for λ: each is held against its own definition, computed another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from em_inverse import choose, deblurring, metrics, noise, phantoms, problems
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import GaussianBlur

RNG = np.random.default_rng(42)
H = GaussianBlur((64,), 3)
X = phantoms.three_peaks(64)
SIGMA = 0.1 * (H @ X).max()
Y = H @ X + SIGMA * RNG.standard_normal(64)
PENALTIES = ["identity", "gradient"]


def curvature_by_differences(log_lam, penalty, step=1e-3):
    """Curvature of the L-curve from finite differences of independently solved problems."""
    L = np.eye(64) if penalty == "identity" else np.diff(np.eye(64), axis=0)
    A = H.to_matrix()
    points = []
    for t in log_lam + step * np.array([-2, -1, 0, 1, 2]):
        x = np.linalg.solve(A.T @ A + np.exp(t) * L.T @ L, A.T @ Y)
        points.append([np.log(np.linalg.norm(A @ x - Y)), np.log(np.linalg.norm(L @ x))])
    p = np.array(points)
    first = (p[0] - 8 * p[1] + 8 * p[3] - p[4]) / (12 * step)
    second = (-p[0] + 16 * p[1] - 30 * p[2] + 16 * p[3] - p[4]) / (12 * step**2)
    return (first[0] * second[1] - second[0] * first[1]) / np.hypot(*first) ** 3


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_corner_is_the_point_of_largest_curvature(penalty):
    found = choose.l_curve(H, Y, penalty=penalty)
    around = np.linspace(-0.5, 0.5, 21)
    curvatures = [curvature_by_differences(np.log(found.lam) + d, penalty) for d in around]
    fine = minimize_scalar(
        lambda t: -curvature_by_differences(t, penalty),
        bounds=np.log(found.lam) + np.array([-0.2, 0.2]),
        method="bounded",
        options={"xatol": 1e-8},
    )
    assert int(np.argmax(curvatures)) == 10
    assert np.log(found.lam) == pytest.approx(fine.x, abs=1e-3)
    x = deblurring.tikhonov(H, Y, found.lam, penalty)
    assert found.corner[0] == pytest.approx(np.linalg.norm(H @ x - Y))
    assert "corner at λ" in found.message


def test_the_corner_does_not_depend_on_the_grid():
    grids = [None, np.logspace(-5, 2, 100), np.logspace(-4.3, 1.7, 17)]
    corners = [choose.l_curve(H, Y, grid).lam for grid in grids]
    np.testing.assert_allclose(corners, corners[0], rtol=1e-3)
    assert all(abs(np.log(grids[1]) - np.log(corners[0])) > 1e-3)


def test_a_curve_without_a_corner_says_so():
    """Singular values and coefficients that make one long straight power law."""
    sigma = np.geomspace(1, 1e-6, 200)
    straight = choose.l_curve(np.diag(sigma), sigma, np.geomspace(1e-9, 1e-3, 60))
    assert straight.lam is None
    assert straight.corner is None
    assert "no corner between" in straight.message
    beyond = choose.l_curve(H, Y, np.geomspace(1, 50, 20))
    assert beyond.lam is None


@pytest.mark.parametrize("penalty", PENALTIES)
@settings(max_examples=15)
@given(tau=st.floats(0.9, 1.4))
def test_discrepancy_meets_its_target(penalty, tau):
    noise_norm = SIGMA * np.sqrt(64)
    found = choose.discrepancy(H, Y, noise_norm, tau, penalty=penalty)
    x = deblurring.tikhonov(H, Y, found.lam, penalty)
    assert np.linalg.norm(H @ x - Y) == pytest.approx(tau * noise_norm, rel=1e-6)
    assert found.residual_norm == pytest.approx(found.target, rel=1e-6)


def test_discrepancy_says_what_is_reachable():
    with pytest.raises(ParameterError, match="larger than the data"):
        choose.discrepancy(H, Y, 10 * np.linalg.norm(Y))
    tall = np.vstack([np.eye(3), np.eye(3)])
    reachable = r"residuals between 0\.7.*noise estimate is too small"
    with pytest.raises(ParameterError, match=reachable):
        choose.discrepancy(tall, [1, 1, 1, 2, 1, 1], 0.1)
    with pytest.raises(ParameterError, match="noise_norm"):
        choose.discrepancy(H, Y, 0)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_gcv_minimises_its_function(penalty):
    A = H.to_matrix()
    L = np.eye(64) if penalty == "identity" else np.diff(np.eye(64), axis=0)

    def function(t):
        inverse = np.linalg.solve(A.T @ A + np.exp(t) * L.T @ L, A.T)
        return np.sum((A @ (inverse @ Y) - Y) ** 2) / np.trace(np.eye(64) - A @ inverse) ** 2

    found = choose.gcv(H, Y, penalty=penalty)
    best = minimize_scalar(
        function,
        bounds=np.log(found.lam) + np.array([-1, 1]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert np.log(found.lam) == pytest.approx(best.x, abs=1e-4)
    assert found.scores.min() >= function(np.log(found.lam)) * (1 - 1e-6)


def test_sweep_knows_the_truth_only_when_told():
    lambdas = np.logspace(-5, 2, 100)
    told = choose.sweep(H, Y, lambdas, X)
    assert told.rmse[40] == pytest.approx(metrics.rmse(told.solutions[40], X))
    assert told.lam == lambdas[np.argmin(told.rmse)]
    assert told.rmse[0] > 5 * told.rmse.min()
    assert told.rmse[-1] > 2 * told.rmse.min()
    np.testing.assert_allclose(told.solutions[7], deblurring.tikhonov(H, Y, lambdas[7]))
    assert (np.diff(told.residual_norms) > 0).all()
    assert (np.diff(told.solution_norms) < 0).all()
    blind = choose.sweep(H, Y, lambdas[:3])
    assert blind.rmse is None
    assert blind.lam is None


def test_sweep_with_another_method():
    result = choose.sweep(
        H, Y, [0.01, 0.1], X, method=lambda H, y, lam: deblurring.total_variation(H, y, lam)
    )
    x = result.solutions[1]
    assert result.residual_norms[1] == pytest.approx(np.linalg.norm(H @ x - Y))
    assert result.solution_norms[1] == pytest.approx(np.linalg.norm(x))


def test_cross_validation_predicts_what_it_left_out():
    lambdas = np.logspace(-4, 1, 16)
    found = choose.cross_validation(H, Y, lambdas, folds=4, seed=1)
    part = np.random.default_rng(1).permutation(64) % 4
    A = H.to_matrix()
    expected = 0.0
    for fold in range(4):
        kept = part != fold
        x = np.linalg.solve(A[kept].T @ A[kept] + lambdas[5] * np.eye(64), A[kept].T @ Y[kept])
        expected += np.sum((A[~kept] @ x - Y[~kept]) ** 2)
    assert found.scores[5] == pytest.approx(expected / 64)
    assert found.lam == lambdas[np.argmin(found.scores)]
    errors = choose.sweep(H, Y, lambdas, X)
    chosen = errors.rmse[np.argmin(found.scores)]
    assert chosen <= 1.4 * errors.rmse.min()
    again = choose.cross_validation(
        H, Y, lambdas, folds=4, seed=1,
        method=lambda H, y, lam: deblurring.tikhonov(H, y, lam),
    )  # fmt: skip
    np.testing.assert_allclose(again.scores, found.scores)
    with pytest.raises(ParameterError, match="folds"):
        choose.cross_validation(H, Y, lambdas, folds=1)


def test_thinning_finds_a_good_smoothing_for_counts():
    rng = np.random.default_rng(3)
    truth = 12 * phantoms.core_shell(48)
    counts = rng.poisson(truth)
    lambdas = np.geomspace(0.03, 30, 12)

    def smooth(part, lam):
        from em_inverse.priors import Smoothness

        return np.maximum(Smoothness().prox(part, lam), 0)

    found = choose.thinning(counts, lambdas, smooth, repeats=2, seed=0)
    errors = [metrics.rmse(smooth(counts.astype(float), lam), truth) for lam in lambdas]
    assert errors[int(np.argmin(found.scores))] <= 1.15 * min(errors)
    assert found.scores[0] > found.scores.min()
    assert found.scores[-1] > found.scores.min()
    same = choose.thinning(counts, lambdas, smooth, repeats=2, seed=0)
    assert same.lam == found.lam
    squares = choose.thinning(counts, lambdas, smooth, repeats=2, score="squares", seed=0)
    assert errors[int(np.argmin(squares.scores))] <= 1.15 * min(errors)
    assert squares.score_name == "held-out squares"


def test_thinning_needs_whole_electrons():
    for counts in ([0.5, 1.0], [-1.0, 2.0]):
        with pytest.raises(DataError, match="raw counts"):
            choose.thinning(counts, [1.0], lambda part, lam: part)


@pytest.mark.parametrize(
    "call",
    [
        lambda: choose.sweep(H, Y, [0.0, 1.0]),
        lambda: choose.l_curve(H, Y, [-1.0]),
        lambda: choose.gcv(H, Y, penalty="curvature"),
        lambda: choose.thinning([1, 2], [1.0], lambda p, lam: p, fraction=1.0),
        lambda: choose.thinning([1, 2], [1.0], lambda p, lam: p, score="likes"),
    ],
)
def test_bad_parameters(call):
    with pytest.raises(ParameterError):
        call()


@pytest.mark.parametrize(
    "result",
    [
        choose.sweep(H, Y, np.logspace(-4, 1, 12), X),
        choose.l_curve(H, Y),
        choose.l_curve(H, Y, np.geomspace(1, 50, 20)),
        choose.gcv(H, Y),
        choose.discrepancy(H, Y, SIGMA * 8),
        choose.cross_validation(H, Y, np.logspace(-4, 1, 6)),
    ],
    ids=["sweep", "l_curve", "no corner", "gcv", "discrepancy", "cross-validation"],
)
def test_results_draw_themselves(result):
    figure = result.draw()
    axes = figure.axes[0]
    assert axes.get_title() or figure._suptitle.get_text()
    assert axes.get_xlabel()
    assert axes.get_xscale() == "log"


def heat(n=64):
    """Inverse heat equation: singular values that fall to rounding, and two bends in the curve."""
    h = 1 / n
    t = h * (np.arange(n) + 0.5)
    kernel = h / (2 * np.sqrt(np.pi)) * t**-1.5 * np.exp(-1 / (4 * t))
    A = np.array([[kernel[i - j] if i >= j else 0.0 for j in range(n)] for i in range(n)])
    x = np.exp(-((np.linspace(0, 20, n) - 3) ** 2) / 4)
    return A, x


def shaw(n=64):
    """One-dimensional image restoration: a light source seen through a slit."""
    s = np.pi * ((np.arange(n) + 0.5) / n - 0.5)
    u = np.sin(s)[:, None] + np.sin(s)[None]
    A = np.pi / n * (np.cos(s)[:, None] + np.cos(s)[None]) ** 2 * np.sinc(u) ** 2
    return A, 2 * np.exp(-6 * (s - 0.8) ** 2) + np.exp(-2 * (s + 0.5) ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_of_several_corners_the_one_that_pays_is_taken(seed):
    A, x = heat()
    clean = A @ x
    y = clean + 0.1 * np.linalg.norm(clean) / 8 * np.random.default_rng(seed).standard_normal(64)
    found = choose.l_curve(A, y)
    grid = np.geomspace(1e-8, 10, 80)
    errors = choose.sweep(A, y, grid, x).rmse
    assert metrics.rmse(deblurring.tikhonov(A, y, found.lam), x) < 2 * errors.min()
    assert "also bends at λ" in found.message


@pytest.mark.parametrize("problem", [heat, shaw])
def test_data_without_noise_have_no_corner(problem):
    A, x = problem()
    found = choose.l_curve(A, A @ x)
    assert found.lam is None
    assert "no corner" in found.message or "rounding error" in found.message


@pytest.mark.parametrize("problem", [heat, shaw])
@pytest.mark.parametrize("level", [1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("seed", [0, 1])
def test_gcv_finds_the_lowest_of_its_valleys(problem, level, seed):
    A, x = problem()
    clean = A @ x
    noise = np.random.default_rng(seed).standard_normal(64)
    y = clean + level * np.linalg.norm(clean) * noise / np.linalg.norm(noise)
    found = choose.gcv(A, y)
    U, s, _ = np.linalg.svd(A)
    grid = np.geomspace(found.lambdas[0], found.lambdas[-1], 20000)[:, None]
    dropped = grid / (s**2 + grid)
    scores = np.sum((dropped * (U.T @ y)) ** 2, axis=1) / np.sum(dropped, axis=1) ** 2
    mine = found.lam / (s**2 + found.lam)
    best = np.sum((mine * (U.T @ y)) ** 2) / np.sum(mine) ** 2
    assert best <= scores.min() * (1 + 1e-9)


def test_gcv_says_when_it_ends_at_an_end():
    assert "lower end" in choose.gcv(np.diag([3.0, 2.0, 1.0]), [3.0, 2.0, 1.0]).message
    assert "end of the range" not in choose.gcv(H, Y).message


@pytest.mark.parametrize("share", [1e-6, 1e-3, 1 - 1e-6])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_discrepancy_reaches_targets_near_both_ends(share, penalty):
    A = H.to_matrix()
    level = Y.mean() if penalty == "gradient" else 0.0
    target = share * np.linalg.norm(Y - level)
    lam = choose.discrepancy(H, Y, target, penalty=penalty).lam
    x = deblurring.tikhonov(A, Y, lam, penalty)
    assert np.linalg.norm(A @ x - Y) == pytest.approx(target, rel=1e-6)


def test_discrepancy_does_not_flatten_constants():
    """Beyond the residual of the best constant no λ can go."""
    with pytest.raises(ParameterError, match="the flattest object leaves"):
        choose.discrepancy(H, 5 + Y, 1.01 * np.linalg.norm(Y - Y.mean()), penalty="gradient")


def test_results_of_methods_are_checked():
    bad_shape = lambda *arguments: np.ones(3)  # noqa: E731
    with pytest.raises(DataError, match="method's result has shape"):
        choose.sweep(H, Y, [1.0], method=bad_shape)
    with pytest.raises(DataError, match="method's result has shape"):
        choose.cross_validation(H, Y, [1.0], method=bad_shape)
    with pytest.raises(DataError, match="method's result has shape"):
        choose.thinning(np.arange(9), [1.0], lambda part, lam: 3.0)
    with pytest.raises(DataError, match="NaN"):
        choose.thinning(np.arange(9), [1.0], lambda part, lam: part * np.nan)


# --- Corners that are not clear, quasi-optimality, and the rules compared ------------------------

ROW = problems.column_row()
STRENGTH = noise.gaussian_sigma(ROW.y, 0.1)


@pytest.mark.parametrize("seed", range(5))
def test_smooth_noise_takes_the_corner_away_and_the_message_says_so(seed):
    white, smooth, smoother = (
        choose.l_curve(ROW.H, noise.smoothed(ROW.y, 0.1, width, seed=seed)) for width in (0, 2, 3)
    )
    assert "not a clear corner" not in white.message
    assert "not a clear corner" in smooth.message
    assert "look whether the noise is white" in smooth.message
    assert smooth.lam < 0.01 * white.lam
    assert smoother.lam is None
    assert "no corner" in smoother.message


def test_quasi_optimality_is_where_the_solution_changes_least():
    y = noise.gaussian(ROW.y, 0.1, seed=3)
    found = choose.quasi_optimality(ROW.H, y)

    def change(t, step=1e-4):
        ends = [deblurring.tikhonov(ROW.H, y, np.exp(t + d)) for d in (-step, step)]
        return np.linalg.norm(ends[1] - ends[0]) / (2 * step)

    t = np.log(found.lam)
    around = [change(t + d) for d in (-0.3, 0.0, 0.3)]
    assert around[1] < min(around[0], around[2])
    k = int(np.argmin(np.abs(found.lambdas - found.lam)))
    assert found.scores[k] == pytest.approx(change(np.log(found.lambdas[k])), rel=1e-4)
    assert "changes least" in found.message
    best = choose.sweep(ROW.H, y, np.geomspace(1e-5, 1, 100), ROW.x_true).rmse.min()
    assert metrics.rmse(deblurring.tikhonov(ROW.H, y, found.lam), ROW.x_true) < 1.2 * best
    assert found.draw().axes[0].get_ylabel().startswith("change of the solution")


def test_quasi_optimality_of_the_gradient_measures_the_object_too():
    found = choose.quasi_optimality(H, Y, penalty="gradient")
    pair = [
        deblurring.tikhonov(H, Y, found.lambdas[9] * r, "gradient") for r in (1 - 1e-5, 1 + 1e-5)
    ]
    assert found.scores[9] == pytest.approx(np.linalg.norm(pair[1] - pair[0]) / 2e-5, rel=1e-3)


def test_quasi_optimality_without_a_calm_says_so():
    found = choose.quasi_optimality([[2.0]], [1.0])
    assert "no calm" in found.message
    assert found.lam == pytest.approx(found.lambdas[0])


def draws(problem, level, count=3, seed=1):
    rng = np.random.default_rng(seed)
    return np.array([noise.gaussian(problem.y, level, seed=rng) for _ in range(count)])


def all_problems():
    return [
        *(make() for make in problems.CLASSICS.values()),
        problems.three_columns(), ROW, problems.tilt_slice(12),
    ]  # fmt: skip


@pytest.mark.parametrize("problem", all_problems(), ids=lambda p: p.name)
def test_the_comparison_agrees_with_the_rules_one_by_one(problem):
    """Its grid has 24 points per decade: everything agrees within one step."""
    H, level = problem.H, 0.05
    norm = noise.gaussian_sigma(problem.y, level) * np.sqrt(problem.y.size)
    data = draws(problem, level)
    found = choose.compare(H, problem.x_true, data, norm, wrong_by=(0.3,), seed=3)
    step = 10 ** (1 / 24)
    start = int(np.searchsorted(found.lambdas, 1e-16 * found.lambdas[-1]))
    tried = found.lambdas[start::4]
    for k, y in enumerate(data):
        singly = {
            "L-curve": choose.l_curve(H, y).lam,
            "discrepancy": choose.discrepancy(H, y, norm).lam,
            "discrepancy +30%": choose.discrepancy(H, y, norm, tau=1.3).lam,
            "GCV": choose.gcv(H, y).lam,
            "quasi-optimality": choose.quasi_optimality(H, y).lam,
            "cross-validation": choose.cross_validation(H, y, tried, seed=3).lam,
        }
        assert set(singly) == set(found.chosen)
        for rule, lam in singly.items():
            mine = found.chosen[rule][k]
            if lam is None:
                assert np.isnan(mine), rule
                assert np.isnan(found.ratios[rule][k])
                continue
            assert 1 / step < mine / lam < step, rule
        swept = choose.sweep(H, y, found.lambdas[::40], problem.x_true)
        np.testing.assert_allclose(found.errors[k, ::40], swept.rmse, rtol=1e-6)
        at = int(np.argmin(np.abs(found.lambdas - found.chosen["GCV"][k])))
        ratio = found.errors[k, at] / found.errors[k].min()
        assert found.ratios["GCV"][k] == pytest.approx(ratio)
        assert found.best[k] == found.lambdas[found.errors[k].argmin()]


def test_noise_norms_out_of_reach_lead_to_an_end_or_to_nothing():
    data = draws(ROW, 0.1, 2)
    tiny = choose.compare(ROW.H, ROW.x_true, data, 1e-9, wrong_by=())
    assert (tiny.chosen["discrepancy"] == tiny.lambdas[0]).all()
    huge = choose.compare(ROW.H, ROW.x_true, data, 1e9, wrong_by=())
    assert np.isnan(huge.chosen["discrepancy"]).all()
    with pytest.raises(DataError, match="data"):
        choose.compare(ROW.H, ROW.x_true, data[0], 1.0)
    with pytest.raises(ParameterError, match="folds"):
        choose.compare(ROW.H, ROW.x_true, data, 1.0, folds=1)
