"""The engine: data that come and go, an ε that moves, in front and in the background."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from em_inverse import solvers
from em_inverse.dynamic import DynamicReconstruction
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.fidelity import DataTolerance
from em_inverse.forward import ParallelBeam
from em_inverse.tilt_series import TiltSeries

N = 32
ANGLES = np.linspace(-70, 70, 29)
SIGMA = 0.4
RNG = np.random.default_rng(7)
DISC = (np.hypot(*np.mgrid[-15.5:16, -15.5:16]) < 10).astype(np.float32)
DISC[10:14, 12:20] = 0.3
A = ParallelBeam((N, N), ANGLES)
DATA = (A.forward(DISC) + SIGMA * RNG.standard_normal(A.out_shape)).astype(np.float32)


def make(shape=(N, N), epsilon=1.0, **options):
    return DynamicReconstruction(shape, epsilon, units="noise", noise=SIGMA, **options)


def cold(epsilon=1.0, n_iter=1500, order=slice(None), nonnegative=True, support=None):
    radius = epsilon * SIGMA * np.sqrt(DATA[order].size)
    ball = DataTolerance(A.subset(np.arange(29)[order]), DATA[order], radius)
    solver = solvers.PDHG(ball, nonnegative=nonnegative, support=support)
    return solver.run(n_iter).x


def apart(x, y):
    return np.linalg.norm(x - y) / np.linalg.norm(y)


def fed(run, order, per_arrival=2):
    for k in order:
        run.add(ANGLES[k], DATA[k])
        for _ in range(per_arrival):
            run.step()
    return run


@pytest.mark.parametrize("order", [range(29), RNG.permutation(29)], ids=["sequential", "random"])
def test_it_ends_at_the_solution_of_a_cold_start(order):
    run = fed(make(), order)
    run.run(400)
    assert apart(run.x, cold()) < 0.003
    assert run.history["data_distance"][-1] == pytest.approx(run.radius, rel=0.01)


@pytest.mark.parametrize("path", [(1.5, 1.0), (1.0, 1.6, 0.9, 1.2), (3.0, 0.7, 1.3)])
def test_the_last_epsilon_decides_not_the_path(path):
    run = make(epsilon=path[0])
    run.add(ANGLES, DATA)
    for epsilon in path:
        run.epsilon = epsilon
        run.run(120)
    run.run(400)
    assert apart(run.x, cold(path[-1])) < 0.01
    assert run.history["data_distance"][-1] == pytest.approx(run.radius, rel=0.01)


def test_an_epsilon_out_of_reach_does_not_spoil_what_comes_after():
    run = make(epsilon=0.2)
    run.add(ANGLES, DATA)
    run.run(300)
    run.epsilon = 1.0
    run.run(60)
    assert apart(run.x, cold()) < 0.02


def test_sequential_arrivals_need_a_third_of_the_iterations_of_a_cold_start():
    angles = np.linspace(-70, 70, 57)
    H = ParallelBeam((N, N), angles)
    data = H.forward(DISC) + SIGMA * np.random.default_rng(2).standard_normal(H.out_shape)
    warm, fresh, goal = make(), make(), make()
    for angle, projection in zip(angles, data, strict=True):
        warm.add(angle, projection)
        warm.run(2)
    fresh.add(angles, data)
    goal.add(angles, data)
    x = goal.run(1500).x

    def needed(run):
        return next(k for k in range(1, 300) if apart(run.step().x, x) < 0.02)

    assert needed(fresh) >= 3 * needed(warm)


def test_a_repeated_angle_replaces_and_removal_takes_back():
    run = make()
    run.add(ANGLES[:10], DATA[:10])
    run.add(ANGLES[3], np.zeros(N))
    assert run.n_tilts == 10
    assert not run.series.projections[3].any()
    run.run(20)
    run.add(ANGLES[3] + 1e-5, DATA[3])
    run.add(55.5, DATA[0])
    run.remove(55.5)
    run.run(600)
    assert run.n_tilts == 10
    assert apart(run.x, cold(order=slice(0, 10), n_iter=2500)) < 0.01
    kinds = [event.kind for event in run.events]
    assert kinds == ["added", "replaced", "replaced", "added", "removed"]
    assert "55.5°" in str(run.events[-1])


def test_the_last_projection_may_be_removed_and_others_follow():
    run = make()
    run.add(ANGLES[0], DATA[0])
    run.run(5)
    run.remove(ANGLES[0])
    assert run.n_tilts == 0
    with pytest.raises(DataError, match="no projection"):
        run.step()
    run.add(ANGLES, DATA)
    run.run(400)
    assert apart(run.x, cold()) < 0.01


def test_several_at_once_and_inputs_are_left_alone():
    angles, data = ANGLES.copy(), DATA.copy()
    run = make()
    run.add(angles, data)
    run.run(30)
    assert (angles == ANGLES).all()
    assert (data == DATA).all()
    data[:] = 0
    assert run.series.projections[5] == pytest.approx(DATA[5])


def test_constraints_may_be_changed_on_the_way():
    run = make()
    run.add(ANGLES, DATA)
    run.run(100)
    run.nonnegative = False
    support = np.hypot(*np.mgrid[-15.5:16, -15.5:16]) < 12
    run.support = support
    run.run(500)
    assert not run.x[~support].any()
    assert apart(run.x, cold(nonnegative=False, support=support)) < 0.01
    assert not run.nonnegative
    run.support = None
    run.nonnegative = True
    run.run(400)
    assert apart(run.x, cold()) < 0.01


def test_a_blank_first_projection_does_no_harm():
    run = make()
    run.add(-80.0, np.zeros(N))
    run.run(3)
    run.remove(-80.0)
    fed(run, range(29))
    run.run(100)
    assert apart(run.x, cold()) < 0.02


def test_units_of_epsilon():
    run = DynamicReconstruction((N, N), epsilon=10.0, n_expected=29)
    run.add(ANGLES[:7], DATA[:7])
    assert run.radius == pytest.approx(10 * np.sqrt(7 / 29))
    run.add(ANGLES[7:], DATA[7:])
    assert run.radius == 10
    relative = make(epsilon=1.5)
    relative.add(ANGLES[:7], DATA[:7])
    assert relative.noise_norm == pytest.approx(SIGMA * np.sqrt(7 * N))
    assert relative.radius == pytest.approx(1.5 * relative.noise_norm)


@pytest.mark.parametrize("shape", [(N, N), (N, N, 12)])
def test_noise_is_estimated_where_it_is_not_given(shape):
    H = ParallelBeam(shape, ANGLES)
    x = gaussian_filter(DISC, 3)
    x = x if len(shape) == 2 else x[..., None] * np.ones(12, np.float32)
    data = H.forward(x) + SIGMA * RNG.standard_normal(H.out_shape)
    run = DynamicReconstruction(shape, units="noise")
    run.add(ANGLES, data)
    assert run.noise_norm == pytest.approx(SIGMA * np.sqrt(data.size), rel=0.15)


def test_a_series_brings_geometry_and_pixels_along():
    shift = np.linspace(-1.5, 1.5, 29)
    moved = ParallelBeam((N, N), ANGLES, center_shift=shift)
    data = moved.forward(DISC)
    to_apply = np.stack([-shift, np.zeros(29)], axis=1)
    series = TiltSeries(data, ANGLES, 0.5, metadata={"shifts_to_apply_px": to_apply})
    run = DynamicReconstruction(series, epsilon=0.01 * float(np.linalg.norm(data)))
    result = run.run(300)
    assert apart(result.x, DISC) < 0.1
    assert result.pixel_size_nm == 0.5
    assert result.geometry["n_projections"] == 29
    assert run.series.metadata["shifts_to_apply_px"] == pytest.approx(to_apply)


def test_a_volume_is_its_slices_and_may_lie_displaced_along_the_axis():
    shape = (16, 16, 6)
    x = np.zeros(shape, np.float32)
    x[5:11, 6:12, 2:4] = 1
    H = ParallelBeam(shape, ANGLES, axial_shift=1.0)
    run = DynamicReconstruction(shape, epsilon=0.2)
    run.add(ANGLES, H.forward(x), axial_shift=1.0)
    run.run(300)
    assert apart(run.volume, x) < 0.03


@pytest.mark.parametrize("method", ["sirt", "wbp", "asd_pocs"])
def test_other_methods_in_the_same_frame(method):
    run = fed(make(method=method, n_expected=29), RNG.permutation(29))
    result = run.run(30)
    assert apart(result.x, DISC) < 0.45
    if method == "sirt":
        reference = solvers.SIRT(A, DATA)
        reference.run(400)
        run.run(400)
        assert apart(run.x, reference.x) < 0.02
    run.nonnegative = False
    run.epsilon = 1.2
    run.run(5)
    assert (run.x < 0).any()
    run.support = DISC > 0
    run.run(2)
    assert not run.x[DISC == 0].any()


def test_published_asd_pocs_is_damped_by_the_share_that_has_arrived():
    run = make(method="asd_pocs", schedule="published", n_expected=29)
    fed(run, range(29), per_arrival=1)
    solver = run._engine.solver
    assert solver._beta == pytest.approx(0.5 * (1 - 2 / 3) * 0.985)
    assert run.result().parameters["schedule"] == "published"


def test_predictions_tell_news_from_noise():
    run = fed(make(), range(12), per_arrival=30)
    assert list(run.predictions) == pytest.approx(ANGLES[1:12])
    run.add(ANGLES[12], DATA[12])
    expected = run.predictions[ANGLES[12]]
    assert 0.8 < expected < 2
    run.add(ANGLES[13], np.roll(DATA[13], 6))
    assert run.predictions[ANGLES[13]] > 3 * expected
    told = dict(run.predictions)
    run.add(ANGLES[13], DATA[13])
    assert run.predictions == told


def test_residuals_name_the_projection_that_does_not_fit():
    data = DATA.copy()
    data[11] = np.roll(data[11], 5)
    run = make()
    run.add(ANGLES, data)
    run.run(60)
    worst = max(run.residuals().items(), key=lambda item: item[1])
    assert worst[0] == ANGLES[11]


def test_the_floor_is_below_the_noise_and_kept():
    run = make()
    run.add(ANGLES, DATA)
    floor = run.floor()
    assert 0.3 * run.noise_norm < floor < run.noise_norm
    assert run.floor() == floor
    run.nonnegative = False
    assert run.floor() < floor


def test_result_is_fit_for_a_report():
    from em_inverse import report

    run = make()
    run.add(ANGLES, DATA)
    line = report.report(run.run(60))
    assert "29 projections" in line
    assert "PDHG" in line
    assert "× noise" in line or "of the noise" in line or "noise" in line


class TestInTheBackground:
    def test_it_follows_arrivals_and_ends_where_a_cold_start_does(self):
        run = make()
        run.start()
        for k in range(29):
            run.add(ANGLES[k], DATA[k])
            assert run.wait(run.iteration + 2)
        assert run.wait(run.iteration + 300)
        run.stop()
        assert run.error is None
        assert not run.running
        assert apart(run.x, cold()) < 0.005

    def test_pause_means_no_iteration_and_resume_goes_on(self):
        run = make()
        run.add(ANGLES, DATA)
        run.start()
        assert run.wait(5)
        run.pause()
        run.snapshot()
        at = run.iteration
        run.epsilon = 1.3
        assert run.snapshot().epsilon == 1.3
        assert run.iteration == at
        assert run.paused
        run.step()
        assert run.iteration == at + 1
        run.resume()
        assert run.wait(at + 5)
        run.stop()

    def test_a_snapshot_is_a_copy_of_one_moment(self):
        run = make()
        run.add(ANGLES, DATA)
        run.start()
        assert run.wait(3)
        snapshot = run.snapshot()
        kept = snapshot.x.copy()
        run.wait(snapshot.iteration + 20)
        run.stop()
        assert (snapshot.x == kept).all()
        assert snapshot.data_distance == run.history["data_distance"][snapshot.iteration - 1]

    def test_it_rests_without_data_and_at_a_standstill(self):
        run = make(method="wbp")
        run.start()
        run.add(ANGLES, DATA)
        assert run.wait(1)
        assert run.snapshot().n_tilts == 29
        deadline = threading.Event()
        deadline.wait(0.2)
        at = run.iteration
        deadline.wait(0.2)
        assert run.iteration == at <= 3
        run.epsilon = 2.0
        assert run.wait(at + 1)
        run.stop()

    def test_a_change_ends_the_rest_and_is_followed(self):
        run = make(epsilon=1.0)
        run.add(ANGLES, DATA)
        run.start()
        pause = threading.Event()
        while run.iteration < 20_000:
            at = run.iteration
            pause.wait(0.3)
            if run.iteration == at:
                break
        run.epsilon = 2.0
        assert run.wait(at + 30)
        run.stop()
        assert run.history["data_distance"][-1] > 1.5 * run.noise_norm

    def test_stepping_by_hand_meanwhile_is_refused(self):
        run = make()
        run.add(ANGLES, DATA)
        run.start()
        with pytest.raises(ParameterError, match="background"):
            run.step()
        run.stop()

    def test_an_error_in_a_listener_ends_the_run_and_is_kept(self):
        run = make()
        run.add(ANGLES, DATA)

        def fail(run):
            raise RuntimeError("no more")

        run.listen(fail)
        run.start()
        run.wait(10**6, timeout=20)
        assert str(run.error) == "no more"
        assert not run.running

    def test_wrong_calls_fail_where_they_are_made(self):
        run = make()
        run.add(ANGLES, DATA)
        run.start()
        with pytest.raises(GeometryError, match="no projection of that angle"):
            run.remove(3.21)
        with pytest.raises(DataError, match="must be"):
            run.add(3.0, np.ones(N + 1))
        assert run.wait(run.iteration + 2)
        assert run.error is None
        run.stop()

    def test_listeners_hear_every_iteration_until_they_leave(self):
        run = make()
        run.add(ANGLES, DATA)
        heard = []
        leave = run.listen(lambda run: heard.append(run.iteration))
        run.run(5)
        leave()
        leave()
        run.run(2)
        assert heard == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ParameterError, {"epsilon": 0}),
        (ParameterError, {"epsilon": float("nan")}),
        (ParameterError, {"units": "sigma"}),
        (ParameterError, {"noise": -1}),
        (ParameterError, {"method": "fbp"}),
        (ParameterError, {"schedule": "x"}),
        (ParameterError, {"n_expected": 0}),
        (ParameterError, {"n_det": 0}),
        (ParameterError, {"pixel_size_nm": 0}),
        (DataError, {"support": np.zeros((N, N), bool)}),
        (DataError, {"support": np.ones((N, 3), bool)}),
    ],
)
def test_wrong_settings_are_refused(error, arguments):
    with pytest.raises(error):
        DynamicReconstruction((N, N), **{"epsilon": 1.0, **arguments})


@pytest.mark.parametrize(
    ("error", "angle", "projection", "options"),
    [
        (GeometryError, float("nan"), DATA[0], {}),
        (GeometryError, 400.0, DATA[0], {}),
        (DataError, 0.0, DATA[0][:-1], {}),
        (DataError, 0.0, DATA[:2], {}),
        (DataError, 0.0, np.full(N, np.nan), {}),
        (DataError, 0.0, DATA[0] + 1j, {}),
        (DataError, [0.0, 1.0], DATA[0], {}),
        (GeometryError, [0.0, 0.0], DATA[:2], {}),
        (GeometryError, [0.0, 1.0], DATA[:2], {"center_shift": [1, 2, 3]}),
        (GeometryError, 0.0, DATA[0], {"axial_shift": 1.0}),
    ],
)
def test_wrong_projections_are_refused_and_change_nothing(error, angle, projection, options):
    run = make()
    run.add(ANGLES[:3], DATA[:3])
    with pytest.raises(error):
        run.add(angle, projection, **options)
    assert run.n_tilts == 3
    run.run(2)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 28)),
            st.tuples(st.just("remove"), st.integers(0, 28)),
            st.tuples(st.just("epsilon"), st.floats(0.8, 3.0)),
            st.tuples(st.just("steps"), st.integers(1, 8)),
        ),
        max_size=25,
    )
)
def test_whatever_happens_on_the_way_the_end_is_the_same(story):
    run = make()
    for what, value in story:
        if what == "add":
            run.add(ANGLES[value], DATA[value])
        elif what == "remove" and run._data.find(ANGLES[value]) is not None:
            run.remove(ANGLES[value])
        elif what == "epsilon":
            run.epsilon = value
        elif what == "steps" and run.n_tilts:
            run.run(value)
    missing = [k for k in range(29) if run._data.find(ANGLES[k]) is None]
    if missing:
        run.add(ANGLES[missing], DATA[missing])
    run.epsilon = 1.0
    run.run(500)
    assert apart(run.x, GOAL) < 0.01


GOAL = cold()
