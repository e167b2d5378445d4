import numpy as np
import pytest

from em_inverse import tomography
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.phantoms import nanocube_with_pores
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import asd_pocs, cgls, mlem, sart, sirt, tv, tv_sart

ANGLES = np.arange(-70, 71, 7.0)
X = nanocube_with_pores(32, n_pores=2)
CLEAN = ParallelBeam(X.shape, ANGLES) @ X
NOISE = np.random.default_rng(0).normal(0, 0.6, CLEAN.shape).astype(np.float32)
NORM = float(np.linalg.norm(NOISE))
SERIES = TiltSeries(CLEAN + NOISE, ANGLES, pixel_size_nm=2.0, history=["aligned"])
SUPPORT = np.zeros(X.shape, bool)
SUPPORT[3:29, 3:29] = True

RECIPES = {
    "sirt": lambda s=SERIES, **k: sirt(s, 6, **k),
    "sart": lambda s=SERIES, **k: sart(s, 4, **k),
    "cgls": lambda s=SERIES, **k: cgls(s, 4, **k),
    "mlem": lambda s=SERIES, **k: mlem(counted(s), 6, **k),
    "tv λ": lambda s=SERIES, **k: tv(s, lam=3.0, n_iter=20, **k),
    "tv ε": lambda s=SERIES, **k: tv(s, epsilon=NORM, n_iter=20, **k),
    "tv_sart": lambda s=SERIES, **k: tv_sart(s, n_iter=6, **k),
    "asd_pocs": lambda s=SERIES, **k: asd_pocs(s, NORM, n_iter=10, **k),
}
BY_NUMBER = ("sirt", "sart", "cgls", "mlem", "tv_sart")


def counted(series):
    return series.replace(projections=np.abs(series.projections))


def rmse(result):
    return float(np.sqrt(np.mean((result.x - X) ** 2)))


@pytest.mark.parametrize("name", RECIPES)
def test_what_every_recipe_gives(name):
    result = RECIPES[name](support=SUPPORT)
    assert result.x.shape == X.shape
    assert result.x.dtype == np.float32
    assert (result.x[~SUPPORT] == 0).all()
    assert result.pixel_size_nm == 2.0
    assert result.provenance == ("aligned",)
    assert result.geometry["n_projections"] == len(ANGLES)
    assert result.parameters["support"] == "given"
    assert "support" not in RECIPES[name]().parameters
    assert rmse(result) < 0.25


@pytest.mark.parametrize("name", RECIPES)
def test_the_axis_the_thickness_and_the_start(name):
    flat = X[4:28]
    data = ParallelBeam(flat.shape, ANGLES, center_shift=1.5) @ flat
    series = TiltSeries(data, ANGLES)
    right = RECIPES[name](series, shape=flat.shape, center_shift=1.5)
    wrong = RECIPES[name](series, shape=flat.shape, center_shift=-1.5)
    assert right.x.shape == flat.shape
    assert right.parameters["center_shift"] == 1.5
    miss = [np.linalg.norm(r.x - flat) for r in (right, wrong)]
    assert miss[0] < 0.8 * miss[1]
    warm = RECIPES[name](series, shape=flat.shape, center_shift=1.5, initial=right.x + 1e-3)
    assert warm.parameters["initial"] == "given"


@pytest.mark.parametrize("name", RECIPES)
def test_a_checkpoint_is_taken_up_by_the_same_call(name, tmp_path):
    path = tmp_path / "run.npz"
    first = RECIPES[name](checkpoint=path)
    assert path.exists()
    np.testing.assert_array_equal(RECIPES[name](checkpoint=path).x, first.x)
    other = SERIES.replace(projections=SERIES.projections * 1.1)
    with pytest.raises(DataError, match="other data"):
        RECIPES[name](other, checkpoint=path)


@pytest.mark.parametrize("recipe", [sirt, sart, cgls, mlem, tv_sart])
def test_stopping_by_projections_put_aside(recipe, tmp_path):
    series = counted(SERIES)
    path = tmp_path / "run.npz"
    result = recipe(series, n_iter=80, stop="held_out", checkpoint=path)
    assert result.geometry["n_projections"] == len(ANGLES)
    assert result.converged == ("allow more" not in result.stop_reason)
    assert f"{result.n_iter} iterations explain 2 projections held out best" in result.stop_reason
    assert result.parameters["stop"] == "held-out projections (2 of 21)"
    errors = result.metadata["held_out_distance"]
    assert int(np.argmin(errors)) + 1 == result.n_iter
    plain = recipe(series, n_iter=result.n_iter)
    np.testing.assert_allclose(result.x, plain.x, atol=1e-6)
    again = recipe(series, n_iter=80, stop="held_out", checkpoint=path)
    assert again.stop_reason == result.stop_reason


def test_a_limit_below_the_best_number_is_said():
    result = sirt(SERIES, 2, stop="held_out")
    assert not result.converged
    assert "still falling when the search ended: limit of 2 iterations" in result.stop_reason


def test_shifts_and_backgrounds_of_single_tilts_go_with_their_tilts():
    shifts = np.linspace(-2, 2, len(ANGLES))
    data = ParallelBeam(X.shape, ANGLES, center_shift=shifts) @ X * 20
    glow = np.linspace(0, 60, len(ANGLES))[:, None]
    counts = np.random.default_rng(1).poisson(data + glow)
    series = TiltSeries(counts, ANGLES)
    result = mlem(series, 100, background=glow, center_shift=shifts, stop="held_out")
    assert np.linalg.norm(result.x / 20 - X) < 0.4 * np.linalg.norm(X)
    assert result.parameters["background"] == "given"
    wrong = mlem(series, result.n_iter, background=glow[::-1], center_shift=shifts)
    assert np.linalg.norm(wrong.x / 20 - X) > 1.1 * np.linalg.norm(result.x / 20 - X)


@pytest.mark.parametrize("recipe", [sirt, sart, cgls])
def test_the_discrepancy_stops_at_the_noise(recipe):
    result = recipe(SERIES, n_iter=200, stop="discrepancy", noise_norm=1.1 * NORM)
    assert result.converged
    assert result.data_distance <= 1.1 * NORM
    assert result.history["data_distance"][-2] > 1.1 * NORM
    with pytest.raises(ParameterError, match=r"noise_norm.*held_out"):
        recipe(SERIES, stop="discrepancy")


@pytest.mark.parametrize("recipe", [sirt, sart, cgls, tv_sart])
def test_small_steps_stop_and_unknown_rules_are_refused(recipe):
    result = recipe(SERIES, n_iter=300, stop="relative_change", tolerance=0.05)
    assert result.converged
    assert "relative change ≤ 0.05" in result.stop_reason
    with pytest.raises(ParameterError, match="stop is 'soon'"):
        recipe(SERIES, stop="soon")


def test_counts_must_not_be_negative():
    with pytest.raises(DataError, match=r"series reaches -.*background="):
        mlem(SERIES)
    counts = counted(SERIES)
    with pytest.raises(DataError, match="background reaches"):
        mlem(counts, background=-1)
    with pytest.raises(DataError, match=r"broadcast.*\(21, 1\)"):
        mlem(counts, background=np.ones(4))


def test_sart_passes_its_settings_on():
    result = sart(SERIES, 2, blocks=3, order="random", seed=5, relaxation=0.7)
    assert result.parameters["blocks"] == 3
    assert result.parameters["order"] == "random"
    assert result.parameters["relaxation"] == 0.7
    other = sart(SERIES, 2, blocks=3, order="random", seed=6, relaxation=0.7)
    assert (other.x != result.x).any()
    held = sart(SERIES, 3, blocks=21, stop="held_out")
    assert held.parameters["blocks"] == 21


# --- total variation --------------------------------------------------------------------------


def test_epsilon_in_units_of_the_noise():
    by_unit = tv(SERIES, epsilon=1.2, noise_norm=NORM, n_iter=60)
    by_size = tv(SERIES, epsilon=1.2 * NORM, n_iter=60)
    np.testing.assert_array_equal(by_unit.x, by_size.x)
    assert by_unit.parameters["epsilon"] == pytest.approx(1.2 * NORM)
    assert by_unit.parameters["noise_norm"] == pytest.approx(NORM)
    assert by_unit.data_distance == pytest.approx(1.2 * NORM, rel=0.03)


def test_both_solvers_and_both_forms_find_one_object():
    fista = tv(SERIES, 4.0, n_iter=120, stop=None)
    pdhg = tv(SERIES, 4.0, n_iter=300, stop=None, solver="pdhg")
    assert (fista.algorithm, pdhg.algorithm) == ("FISTA", "PDHG")
    size = np.linalg.norm(fista.x)
    assert np.linalg.norm(fista.x - pdhg.x) < 0.02 * size
    ball = tv(SERIES, epsilon=pdhg.data_distance, n_iter=300, stop=None)
    assert np.linalg.norm(pdhg.x - ball.x) < 0.01 * size
    assert rmse(fista) < 0.8 * rmse(sirt(SERIES, stop="held_out"))


def test_the_gap_ends_the_run():
    result = tv(SERIES, epsilon=NORM, n_iter=2000, tolerance=0.02)
    assert result.converged
    assert result.stop_reason == "duality gap ≤ 0.02"


def test_an_epsilon_out_of_reach_says_what_is_reachable():
    result = tv(SERIES, epsilon=0.1 * NORM, n_iter=300)
    assert not result.converged
    assert "ε" in result.stop_reason
    reachable = tomography.cgls(SERIES, 60).data_distance
    assert reachable > 0.1 * NORM


def test_a_published_schedule_is_asked_for_by_name():
    result = asd_pocs(SERIES, 1.0, noise_norm=NORM, n_iter=5, schedule="published", beta=0.25)
    assert result.parameters["schedule"] == "published"
    assert result.parameters["beta"] == 0.25
    assert result.parameters["epsilon"] == pytest.approx(NORM)


def test_tv_sart_chooses_a_hundredth_of_the_brightest_unless_told():
    for scale in (1.0, 1000.0):
        series = SERIES.replace(projections=SERIES.projections * scale)
        lam = tv_sart(series, n_iter=1).parameters["lambda"]
        assert 0.007 * scale < lam < 0.02 * scale
    assert tv_sart(SERIES, 0.3, n_iter=1).parameters["lambda"] == 0.3


def test_what_total_variation_must_be_told():
    with pytest.raises(ParameterError, match=r"choose_epsilon.*choose_lambda"):
        tv(SERIES)
    with pytest.raises(ParameterError, match="Give one"):
        tv(SERIES, 1.0, 2.0)
    with pytest.raises(ParameterError, match="ε ball"):
        tv(SERIES, epsilon=1.0, solver="fista")
    with pytest.raises(ParameterError, match="a support"):
        tv(SERIES, 1.0, solver="fista", support=SUPPORT)
    for call in (
        lambda: tv(SERIES, lam=0),
        lambda: tv(SERIES, epsilon=-1),
        lambda: tv(SERIES, epsilon=1, noise_norm=0),
        lambda: tv(SERIES, lam=1, stop="held_out"),
        lambda: tv(SERIES, lam=1, tolerance=0),
        lambda: tv_sart(SERIES, 0),
        lambda: asd_pocs(SERIES, 0),
        lambda: asd_pocs(SERIES, 1.0, stop="gap"),
    ):
        with pytest.raises(ParameterError):
            call()
