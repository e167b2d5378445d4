import numpy as np
import pytest

from em_inverse import tomography
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward.kernels.reference import joseph_matrix
from em_inverse.forward.tilt import ParallelBeam
from em_inverse.report import report
from em_inverse.tilt_series import TiltSeries
from em_inverse.tomography import cgls, sirt

ANGLES = np.arange(-70, 71, 10.0)


def phantom(n=24, ny=None):
    z, x = np.mgrid[:n, :n] - (n - 1) / 2
    slice_ = 1.0 * (np.hypot(z - 2, x + 3) < 6) + 0.5 * (np.hypot(z + 4, x - 4) < 4)
    return slice_ if ny is None else slice_[:, :, None] * np.linspace(0.5, 1.5, ny)


def series_of(x, **kwargs):
    return TiltSeries(ParallelBeam(x.shape, ANGLES) @ x, ANGLES, **kwargs)


def test_sirt_is_the_textbook_iteration():
    series = series_of(phantom())
    A = ParallelBeam((24, 24), ANGLES)
    M = joseph_matrix((24, 24), A._cosines, A._sines, A._axis, 24).toarray()
    b, x = series.projections.ravel(), np.zeros(24 * 24)
    rows, columns = M.sum(axis=1), M.sum(axis=0)
    for _ in range(7):
        x = np.maximum(x + M.T @ ((b - M @ x) / rows) / columns, 0)
    assert sirt(series, 7).x.ravel() == pytest.approx(x, abs=2e-5)


def test_residuals_fall_and_the_object_appears():
    x = phantom(ny=7)
    result = sirt(series_of(x), 60)
    distances = result.history["data_distance"]
    assert (np.diff(distances) < 0).all()
    assert result.x.min() >= 0
    assert result.x.shape == x.shape
    assert np.corrcoef(result.x.ravel(), x.ravel())[0, 1] > 0.95


def test_negative_values_are_allowed_on_request():
    assert sirt(series_of(phantom()), 20, nonnegative=False).x.min() < 0


def test_cgls_reaches_the_least_squares_solution_sooner():
    series = series_of(phantom())
    fast, slow = cgls(series, 15), sirt(series, 15)
    assert fast.data_distance < 0.2 * slow.data_distance
    heavy = cgls(series, 15, lam=1e3)
    assert np.linalg.norm(heavy.x) < 0.9 * np.linalg.norm(fast.x)
    assert fast.algorithm == "CGLS"


@pytest.mark.parametrize("recipe", [sirt, cgls])
def test_tolerance_stops_early_and_says_so(recipe):
    result = recipe(series_of(phantom()), 400, tolerance=0.02)
    assert result.converged
    assert result.n_iter < 400
    assert "relative change" in result.stop_reason
    assert not recipe(series_of(phantom()), 2).converged


def noisy_series():
    data = ParallelBeam((24, 24), np.arange(-70, 71, 4.0)) @ phantom()
    data = data + 1.5 * np.random.default_rng(0).standard_normal(data.shape)
    return TiltSeries(data, np.arange(-70, 71, 4.0))


def test_stopping_by_held_out_projections_names_what_ended_the_search():
    series = noisy_series()
    whole = cgls(series, 60, stop="held_out")
    best = whole.n_iter
    assert whole.converged
    assert whole.stop_reason == (
        f"{best} iterations explain 3 projections held out best; made again with all 36"
    )
    # Cut by the limit, two iterations beyond the best one, and at the best one.
    for limit, trend in ((best + 2, "up for 2 of 5 iterations only"), (best, "still falling")):
        cut = cgls(series, limit, stop="held_out")
        assert cut.n_iter == best
        assert not cut.converged
        expected = f"was {trend} when the search ended: limit of {limit} iterations; allow more"
        assert cut.stop_reason.endswith(expected)
    # The other rule ends it: no question of allowing more.
    by_step = cgls(series, 60, stop="held_out", tolerance=0.5)
    assert by_step.n_iter < best
    assert by_step.converged
    assert by_step.stop_reason.endswith(
        "was still falling when the search ended: relative change ≤ 0.5"
    )


def test_a_search_that_wants_fewer_iterations_than_were_saved_says_so(tmp_path):
    path = tmp_path / "run.npz"
    series = noisy_series()
    cgls(series, 30, checkpoint=path)
    with pytest.raises(ParameterError, match="holds 30 already"):
        cgls(series, 30, stop="held_out", checkpoint=path)


@pytest.mark.parametrize("recipe", [sirt, cgls])
def test_a_start_near_the_goal_is_used(recipe):
    x = phantom()
    warm = recipe(series_of(x), 1, initial=x)
    assert warm.data_distance < 1e-3
    with pytest.raises(DataError, match="x0"):
        recipe(series_of(x), 1, initial=np.zeros((3, 3)))


@pytest.mark.parametrize("recipe", [sirt, cgls])
def test_the_result_carries_what_a_report_owes(recipe):
    series = series_of(phantom(), pixel_size_nm=2.0, dose=50.0, history=["aligned"])
    result = recipe(series, 3, shape=(16, 24))
    assert result.x.shape == (16, 24)
    assert result.x.dtype == np.float32
    assert result.pixel_size_nm == 2.0
    assert result.provenance == ("aligned",)
    assert result.geometry["tilt_step_deg"] == 10
    assert result.geometry["dose_e_per_nm2"] == 50
    assert result.parameters["iterations"] == 3


@pytest.mark.parametrize("recipe", [sirt, cgls])
def test_the_axis_can_lie_off_the_middle_of_the_detector(recipe):
    x = phantom()
    data = ParallelBeam(x.shape, ANGLES, center_shift=1.5) @ x
    right = recipe(TiltSeries(data, ANGLES), 15, center_shift=1.5)
    wrong = recipe(TiltSeries(data, ANGLES), 15)
    assert right.data_distance < 0.7 * wrong.data_distance


def test_bad_arguments_are_named():
    series = series_of(phantom())
    with pytest.raises(ParameterError, match="tolerance"):
        sirt(series, 3, tolerance=0)
    with pytest.raises(ParameterError, match="n_iter"):
        sirt(series, 0)
    with pytest.raises(ParameterError, match="relaxation"):
        sirt(series, 3, relaxation=2)


@pytest.mark.parametrize("recipe", [sirt, cgls])
def test_what_the_caller_chose_is_reported(recipe):
    series = series_of(phantom())
    plain = recipe(series, 2)
    assert not {"initial", "center_shift"} & set(plain.parameters)
    again = recipe(series, 2, initial=plain.x, center_shift=0.5)
    assert again.parameters["initial"] == "given"
    assert again.parameters["center_shift"] == 0.5
    assert "start given" in report(again)
    shifts = np.linspace(0, 1, series.n_tilts)
    assert recipe(series, 2, center_shift=shifts).parameters["center_shift"] == shifts.tolist()


@pytest.mark.parametrize(
    ("angles", "uniform"),
    [([-60, -30.5, 0, 29.9, 60], True), ([-60, -30, 0, 60], False), ([5], None)],
)
def test_uneven_steps_are_not_called_steps(angles, uniform):
    result = sirt(TiltSeries(np.ones((len(angles), 8)), angles), 1)
    assert result.geometry["tilt_step_uniform"] is uniform
    assert ("uneven steps" in report(result)) == (uniform is False)


@pytest.mark.parametrize(
    "door",
    [
        sirt,
        cgls,
        tomography.wbp,
        tomography.align,
        tomography.find_tilt_axis,
        tomography.remove_background,
        tomography.repair,
    ],
)
def test_a_bare_array_is_refused_with_the_remedy(door):
    with pytest.raises(ParameterError, match=r"series is a ndarray.*TiltSeries\(projections"):
        door(np.ones((3, 8)))


def test_what_a_series_knows_of_its_geometry_is_used_without_resampling():
    """A crop that leaves the axis off the middle, and shifts found but not applied."""
    rng = np.random.default_rng(3)
    x = np.zeros((20, 20, 12))
    x[6:14, 5:15, 3:9] = 1 + rng.random((8, 10, 6))
    angles = np.arange(-80, 81, 5.0)
    drift = rng.uniform(-1.5, 1.5, (angles.size, 2))
    A = ParallelBeam(x.shape, angles, 28, center_shift=drift[:, 0], axial_shift=drift[:, 1])
    wandering = TiltSeries(A @ x, angles, metadata={"shifts_to_apply_px": -drift})
    cropped = wandering.crop(x=(0, 26))
    for series in (wandering, cropped):
        found = tomography.sirt(series, 60, shape=(20, 20)).x
        assert np.linalg.norm(found - x) < 0.25 * np.linalg.norm(x)
        kept, held = tomography.hold_out(series, 8)
        result = tomography.sirt(kept, 60, shape=(20, 20))
        assert tomography.reprojection_error(result, held) < 0.08
        assert result.parameters["shifts"] == "inside the projector"
    blind = TiltSeries(A @ x, angles)
    assert np.linalg.norm(tomography.sirt(blind, 60, shape=(20, 20)).x - x) > 0.35 * np.linalg.norm(
        x
    )
