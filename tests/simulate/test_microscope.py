"""The microscope: geometry, each disturbance by itself, and shots that never change."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from em_inverse import datasets, phantoms, simulate
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.tilt_series import TiltSeries

ANGLES = [-60.0, -20.0, 0.0, 35.0, 70.0]
PARTICLE = simulate.twisted_bowtie(48, 64, in_plane_deg=30, supersample=1)


def microscope(**settings):
    return simulate.Microscope(PARTICLE, settings.pop("angles", ANGLES), **settings)


def test_images_are_line_integrals_of_the_truth_in_its_own_units():
    made = microscope()
    assert made.truth.shape == (24, 24, 32)
    assert made.image_shape == (24, 32)
    expected = ParallelBeam(made.truth.shape, ANGLES) @ made.truth
    images = made.series().projections
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[2], made.truth.sum(axis=0), atol=1e-4)
    # Not the same numbers: the fine grid knows more than the coarse one can say.
    difference = np.linalg.norm(images - expected) / np.linalg.norm(expected)
    assert 0.005 < difference < 0.08
    same_grid = microscope(finer=1).series().projections
    np.testing.assert_array_equal(same_grid, ParallelBeam(PARTICLE.shape, ANGLES) @ PARTICLE)


def test_a_slice_gives_lines():
    made = simulate.Microscope(phantoms.disc(64, 12, (40, 20)), [0, 90], dose=500, drift_px=1)
    assert made.image_shape == (32,)
    assert made.series().projections.shape == (2, 32)
    assert made.shifts_px[:, 1].tolist() == [0, 0]
    # At 90° a point falls on its z.
    assert center_of_mass(made.shot(1).clean)[0] == pytest.approx(40 / 2 - 0.25, abs=0.1)


def test_a_shot_is_the_same_whenever_it_is_asked_for():
    settings = {"dose": 50, "drift_px": 0.7, "hot_pixels": 0.01, "background": 0.1, "seed": 4}
    forwards = [shot.image for shot in microscope(**settings)]
    again = microscope(**settings)
    for k in (3, 0, 4, 3, 1):
        np.testing.assert_array_equal(again.shot(k).image, forwards[k])
    other = microscope(**{**settings, "seed": 5})
    assert not np.array_equal(other.shot(3).image, forwards[3])
    assert not np.array_equal(forwards[0] - again.shot(0).clean, forwards[1] - again.shot(1).clean)
    first, second = (microscope(**{**settings, "seed": np.random.default_rng(1)}) for _ in "ab")
    np.testing.assert_array_equal(first.shot(2).image, second.shot(2).image)


def test_faults_leave_the_other_shots_alone():
    settings = {"dose": 50, "drift_px": 0.7, "hot_pixels": 0.01}
    sound = microscope(**settings)
    faulty = microscope(faults={1: "shifted", 3: "blank"}, **settings)
    for k in (0, 2, 4):
        np.testing.assert_array_equal(faulty.shot(k).image, sound.shot(k).image)
    assert [shot.fault for shot in faulty] == [None, "shifted", None, "blank", None]


def test_the_drift_moves_the_image_where_it_says():
    made = microscope(drift_px=0.8, drift_linear_px=(0.3, -0.5), seed=2)
    assert made.shifts_px[0].tolist() == [0, 0]
    for shot in list(made)[1:]:
        moved = np.subtract(center_of_mass(shot.image), center_of_mass(shot.clean))
        assert moved == pytest.approx(shot.drift_px, abs=0.05)
        assert shot.drift_px == tuple(made.shifts_px[shot.index])
    steady = microscope(drift_linear_px=(0.3, -0.5)).shifts_px
    np.testing.assert_allclose(steady, np.outer(np.arange(5), (0.3, -0.5)))
    many = microscope(angles=np.linspace(-60, 60, 400), drift_px=0.5).shifts_px
    assert np.diff(many, axis=0).std(axis=0) == pytest.approx([0.5, 0.5], rel=0.15)


def test_a_needle_that_drifts_out_of_view_goes_on_beyond_the_border():
    made = simulate.Microscope(phantoms.needle(48), [0, 0], drift_linear_px=(0, -4))
    assert made.shot(1).image[12, -1] > 0.8 * made.shot(0).image[12, -1]


def test_the_dose_is_counted_in_electrons_per_pixel_and_one_scale_holds_for_all():
    made = microscope(dose=40, pixel_size_nm=2.0)
    scale = 40 / made.shot(2).clean.mean()
    for shot in made:
        counts = shot.image * scale
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-2)
        lit = shot.clean > 0.2 * made.brightness
        deviation = (counts - scale * shot.clean)[lit] / np.sqrt(scale * shot.clean[lit])
        assert deviation.std() == pytest.approx(1, abs=0.2)
    assert made.series().dose == pytest.approx(5 * 40 / 4)
    assert microscope(dose=40).series().dose is None
    np.testing.assert_array_equal(microscope().shot(1).image, microscope().shot(1).clean)


def test_the_film_thickens_with_the_tilt_and_the_offset_does_not():
    made = microscope(background=0.2, ramp=0.0, offset=0.05, angles=[0, 60, -89.9])
    corners = [shot.image[0, 0] / made.brightness for shot in made]
    assert corners == pytest.approx([0.25, 0.45, 2.05], rel=1e-3)
    sloping = microscope(background=0.2, ramp=0.5, seed=1).shot(2)
    film = (sloping.image - sloping.clean) / (0.2 * made.brightness)
    assert film.mean() == pytest.approx(1, rel=1e-3)
    assert 0.1 < np.ptp(film) < 1
    assert np.abs(np.diff(film, 2, axis=0)).max() < 1e-4


def test_hot_pixels_are_half_fixed_and_half_by_chance():
    made = microscope(hot_pixels=0.05)
    hot = [set(np.flatnonzero(shot.image != shot.clean)) for shot in made]
    count = round(0.025 * 24 * 32)
    always = set.intersection(*hot)
    assert count <= len(always) <= count + 2
    assert all(2 * count - 6 <= len(one) <= 2 * count for one in hot)
    assert hot[0] != hot[1]
    values = np.concatenate([shot.image[shot.image != shot.clean] for shot in made])
    assert values.min() > 1.4 * made.brightness


def test_each_fault_looks_like_itself():
    faults = {0: "blank", 1: "blurred", 2: "shifted", 3: "dim"}
    blank, blurred, shifted, dim, sound = microscope(faults=faults, offset=0.1)
    dark = 0.1 * microscope().brightness
    assert np.ptp(blank.image) == 0
    assert blank.image[0, 0] == pytest.approx(dark, rel=0.1)
    np.testing.assert_allclose(dim.image - dark, 0.35 * dim.clean, atol=1e-4)
    assert (blurred.image - dark).sum() == pytest.approx(blurred.clean.sum(), rel=0.02)
    assert np.ptp(np.diff(blurred.image, axis=0)) < 0.8 * np.ptp(np.diff(blurred.clean, axis=0))
    assert np.hypot(*shifted.drift_px) == pytest.approx(0.12 * 24)
    np.testing.assert_allclose(sound.image - dark, sound.clean, atol=1e-5)


def test_stated_angles_may_differ_from_true_ones():
    angles = np.linspace(-60, 60, 200)
    made = microscope(angles=angles, angle_error_deg=0.4, angle_decimals=1)
    np.testing.assert_array_equal(made.angles_deg, np.round(angles, 1))
    assert (made.true_angles_deg - angles).std() == pytest.approx(0.4, rel=0.2)
    shot = made.shot(7)
    assert (shot.angle_deg, shot.true_angle_deg) == (made.angles_deg[7], made.true_angles_deg[7])
    expected = simulate.Microscope(PARTICLE, [shot.true_angle_deg]).shot(0).clean
    np.testing.assert_array_equal(shot.clean, expected)


def test_a_series_says_that_it_is_simulated():
    made = microscope(dose=20, drift_px=0.5, faults={1: "dim"}, pixel_size_nm=0.5)
    series = made.series()
    assert isinstance(series, TiltSeries)
    np.testing.assert_array_equal(series.angles_deg, ANGLES)
    assert series.metadata["synthetic"] is True
    assert series.metadata["true_shifts_px"] == made.shifts_px.tolist()
    assert "SIMULATED" in series.history[0]
    assert series.pixel_size_nm == 0.5
    clean = made.series(clean=True)
    np.testing.assert_array_equal(clean.projections[1], made.shot(1).clean)
    assert len(made) == 5
    assert repr(made) == "Microscope(5 projections of (24, 32))"
    assert simulate.Microscope(PARTICLE).angles_deg.size == 76


def test_what_is_given_is_not_modified():
    particle, angles = PARTICLE.copy(), np.array(ANGLES)
    made = simulate.Microscope(particle, angles, finer=1, dose=10, angle_error_deg=1)
    made.series()
    np.testing.assert_array_equal(particle, PARTICLE)
    np.testing.assert_array_equal(angles, ANGLES)
    particle[:] = 7
    assert made.truth.max() <= 1
    assert made.shot(2).clean.max() < 48
    with pytest.raises(ValueError, match="read-only"):
        made.truth[0] = 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"finer": 5}, "not all multiples of finer = 5"),
        ({"finer": 0}, "finer is 0"),
        ({"dose": 0}, "dose is 0"),
        ({"drift_px": -1}, "drift_px is -1"),
        ({"drift_linear_px": 1}, "drift_linear_px"),
        ({"hot_pixels": 0.7}, "hot_pixels is 0.7"),
        ({"background": -1}, "background is -1"),
        ({"ramp": -1}, "ramp is -1"),
        ({"faults": {5: "dim"}}, "a key of faults is 5; allowed: 0 ≤ value ≤ 4"),
        ({"faults": {1: "lost"}}, r"faults\[1\] is 'lost'.*'blurred'"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"angles": [500]}, "angles_deg reaches 500"),
        ({"angle_decimals": 9}, "angle_decimals is 9"),
        ({"pixel_size_nm": -1}, "pixel_size_nm is -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises((ParameterError, GeometryError, DataError), match=said):
        microscope(**settings)


def test_specimens_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="from -1 to 0"):
        simulate.Microscope(-np.eye(8))
    with pytest.raises(DataError, match="not zero everywhere"):
        simulate.Microscope(np.zeros((8, 8)))
    with pytest.raises(DataError, match="2-D or 3-D"):
        simulate.Microscope(np.ones(8))
    for index in (-1, 5, 1.5):
        with pytest.raises(ParameterError, match="index is"):
            microscope().shot(index)


def test_a_replay_hands_out_a_real_series_unchanged():
    series = datasets.load("nist-needle-small")
    replay = simulate.Replay("nist-needle-small")
    assert not replay.simulated
    assert replay.pixel_size_nm == series.pixel_size_nm
    for shot, image, angle in zip(replay, series.projections, series.angles_deg, strict=True):
        np.testing.assert_array_equal(shot.image, image)
        assert shot.angle_deg == angle
        assert (shot.clean, shot.drift_px, shot.true_angle_deg, shot.fault) == (None,) * 4
    np.testing.assert_array_equal(replay.series().projections, series.projections)


def test_a_replay_in_another_order_keeps_image_and_angle_together():
    series = TiltSeries(np.arange(5.0)[:, None] * np.ones(4), [40, -20, 0, 20, -40])
    replay = simulate.Replay(series, "dose_symmetric")
    assert replay.angles_deg.tolist() == [0, 20, -20, 40, -40]
    assert [shot.image[0] for shot in replay] == [2, 3, 1, 0, 4]
    assert replay.series().projections[:, 0].tolist() == [2, 3, 1, 0, 4]
    assert repr(replay) == "Replay(5 projections of (4,))"


def test_what_cannot_be_replayed_is_refused():
    with pytest.raises(ParameterError, match="series is a ndarray"):
        simulate.Replay(np.ones((3, 4)))
    with pytest.raises(ParameterError, match="nist-needle"):
        simulate.Replay("no-such-set")
    with pytest.raises(ParameterError, match="'recorded', 'sequential'"):
        simulate.Replay("nist-needle-small", "backwards")


def test_a_replay_without_a_network_may_take_the_stand_in(monkeypatch):
    stand_in = datasets.synthetic("nist-needle", size=16)
    monkeypatch.setattr(
        datasets, "load", lambda name, offline: stand_in if offline == "synthetic" else 1 / 0
    )
    assert simulate.Replay("nist-needle", offline="synthetic").simulated
    maps = datasets.synthetic("dysco3-haadf-edx", size=16)
    monkeypatch.setattr(datasets, "load", lambda name, offline: maps)
    with pytest.raises(ParameterError, match="not a tilt series"):
        simulate.Replay("dysco3-haadf-edx")
