import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import datasets, tomography
from em_inverse.dynamic import Preparation
from em_inverse.dynamic.cleaning import clean
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.solvers import SIRT
from em_inverse.tomography.projection_matching import without_displacement
from em_inverse.tomography.registration import placed

X, Y = np.mgrid[:40, :32]


def blob(x=19.5, y=15.5, width=4.0):
    return np.exp(-0.5 * ((X - x) ** 2 + (Y - y) ** 2) / width**2)


def errors(tilts, prep):
    """How far the projections lie from where they should, up to what displaces the object."""
    left = np.array([prep.shifts_px[a] for a in tilts.angles_deg]) + tilts.drift
    return without_displacement(left, tilts.angles_deg)


def rms(errors):
    return np.sqrt((errors**2).mean(axis=0))


def received(tilts, **options):
    prep = Preparation(**options)
    return prep, {a: prep.prepare(a, image) for a, image in tilts}


def sirt(tilts, prepared, n_iter):
    A = ParallelBeam(tilts.shape, tilts.angles_deg)
    solver = SIRT(A, np.stack([prepared[a].image for a in tilts.angles_deg]), relaxation=1.9)
    solver.run(n_iter)
    return solver.x


@pytest.mark.parametrize("order", ["sequential", "golden"])
def test_shifts_by_centre_of_mass_improve_with_a_reconstruction(nanoparticles, order):
    tilts = nanoparticles(0, order=order)
    prep, prepared = received(tilts)
    first = rms(errors(tilts, prep))
    assert (first < 0.15).all()
    better = prep.improve(sirt(tilts, prepared, 12))
    assert better
    assert (rms(errors(tilts, prep)) < 0.15).all()
    assert rms(errors(tilts, prep))[1] < 0.6 * first[1]
    for one in better:
        assert one.shift_px == prep.shifts_px[one.angle_deg]
        assert "re-projection" in one.notes[-1]
    assert not [flag for one in prepared.values() for flag in one.flags if flag.grave]


def test_a_needle_is_aligned_along_by_its_mass_and_across_by_its_centre(needle_tilts):
    tilts = needle_tilts()
    prep, prepared = received(tilts)
    across, along = rms(errors(tilts, prep))
    assert across < 0.06
    assert along < 0.25
    flags = [flag for one in prepared.values() for flag in one.flags if flag.kind != "learning"]
    assert [(flag.kind, flag.severity) for flag in flags] == [("off_view", "note")]
    assert "along the tilt axis" in flags[0].message
    before = {a: shift[1] for a, shift in prep.shifts_px.items()}
    prep.improve(sirt(tilts, prepared, 8), tolerance_px=0)
    assert rms(errors(tilts, prep))[0] < 0.06
    # Only the mean, which displaces the object, may be taken out along the axis.
    changes = [prep.shifts_px[a][1] - before[a] for a in before]
    assert np.ptp(changes) < 1e-9


def test_what_only_displaces_the_object_does_not_run_away(nanoparticles):
    tilts = nanoparticles(1, drift="none", noise=0.01)
    prep, _ = received(tilts)
    start = np.array(list(prep.shifts_px.values()))
    theta = np.deg2rad(tilts.angles_deg)
    drift = np.stack([0.8 * np.cos(theta) - np.sin(theta), np.full(61, 0.7)], axis=1)
    cleaned = np.stack([clean(a, image).projections[0] for a, image in tilts])
    for _ in range(3):
        # A re-projection that is always a little further on than the projections are now.
        now = np.array(list(prep.shifts_px.values())) + drift
        ahead = dict(zip(tilts.angles_deg, placed(cleaned, now, 0.0, order=3), strict=True))
        prep.improve(ahead.__getitem__, tolerance_px=0, rounds=2)
    assert np.abs(np.array(list(prep.shifts_px.values())) - start).max() < 0.1


def test_a_drift_that_is_no_displacement_is_followed(nanoparticles):
    tilts = nanoparticles(1, drift="none", noise=0.01)
    prep, _ = received(tilts)
    wrong = np.zeros((61, 2))
    wrong[20] = 1.2, -0.8
    start = np.array(list(prep.shifts_px.values()))
    cleaned = np.stack([clean(a, image).projections[0] for a, image in tilts])
    ahead = dict(zip(tilts.angles_deg, placed(cleaned, start + wrong, 0.0, order=3), strict=True))
    (moved,) = prep.improve(ahead.__getitem__, tolerance_px=0.3)
    assert moved.angle_deg == tilts.angles_deg[20]
    assert np.allclose(moved.shift_px - start[20], wrong[20], atol=0.1)


def test_an_image_is_interpolated_once_however_often_it_moves():
    prep = Preparation()
    image = 50 + 30 * blob(16.3, 13.2)
    for angle in (-20, 0, 20):
        prep.prepare(angle, image)
    for x in (19.2, 20.1, 19.7):
        prep.improve(lambda angle, x=x: blob(x + 0.3 * np.sin(angle), 15.5))
    moved = prep.improve(lambda angle: blob(19.4, 15 + angle / 40), tolerance_px=0.01)
    assert moved
    for one in moved:
        cleaned = clean(one.angle_deg, prep.raw[one.angle_deg]).projections
        once = placed(cleaned, np.array([one.shift_px]), 0.0, order=3)[0]
        assert np.array_equal(one.image, once)


def test_improving_leaves_alone_what_moves_no_further_than_the_tolerance():
    prep = Preparation()
    for angle in range(-20, 21, 10):
        prep.prepare(angle, blob(18.0, 14.0))
    before = dict(prep.shifts_px)
    assert prep.improve(lambda angle: blob()) == []
    assert dict(prep.shifts_px) == before
    assert Preparation().improve(np.zeros((4, 4, 4))) == []


def test_rows_of_a_sinogram(nanoparticles):
    tilts = nanoparticles(0, noise=0.01, hot=0)
    # All slices at once, since the drift along the axis would exchange them.
    rows = tilts.images.mean(axis=2)
    prep = Preparation()
    prepared = {a: prep.prepare(a, row) for a, row in zip(tilts.angles_deg, rows, strict=True)}
    assert all(one.image.shape == (64,) and one.shift_px[1] == 0 for one in prepared.values())
    x = np.arange(64) - 31.5
    for one in prepared.values():
        assert abs(one.image @ x / one.image.sum()) < 0.6
    A = ParallelBeam((64, 64), tilts.angles_deg)
    solver = SIRT(A, np.stack([prepared[a].image for a in tilts.angles_deg]))
    solver.run(10)
    for one in prep.improve(solver.x, tolerance_px=0.01):
        assert one.image.shape == (64,)
        assert one.shift_px[1] == 0


def test_without_alignment_nothing_moves_but_a_misfit_is_told():
    prep = Preparation(align=None)
    for angle in range(6):
        assert prep.prepare(angle, blob(16, 13)).shift_px == (0.0, 0.0)
    assert prep.improve(lambda angle: blob()) == []
    (flag,) = prep.prepare(6, blob(16.5, 13), blob(22.5, 13)).flags
    assert (flag.kind, flag.severity) == ("misaligned", "warning")
    assert flag.value == pytest.approx(6, abs=0.3)
    assert "At 6°" in flag.message
    assert "+6.0" in flag.message or "+5.9" in flag.message


def test_a_reprojection_at_arrival_corrects_the_shift():
    by_mass, by_both = Preparation(align="center_of_mass"), Preparation()
    # A second object enters the field: it pulls the centre of mass, but not the match.
    image = blob() + 0.3 * blob(33, 15.5, 2)
    for prep in (by_mass, by_both):
        prep.prepare(0, blob())
    assert abs(by_mass.prepare(1, image, blob()).shift_px[0]) > 0.8
    assert abs(by_both.prepare(1, image, blob()).shift_px[0]) < 0.3
    useless = np.random.default_rng(0).normal(size=blob().shape)
    prepared = by_both.prepare(2, blob(18), useless)
    assert prepared.shift_px == pytest.approx((1.5, 0), abs=0.05)
    assert "too unlike" in prepared.notes[-1]


def test_no_projection_moves_further_than_allowed():
    prep = Preparation(max_shift=3)
    prepared = prep.prepare(10, blob(14, 15.5))
    assert prepared.shift_px == (0.0, 0.0)
    alarm = prepared.flags[0]
    assert (alarm.kind, alarm.severity, alarm.limit) == ("misaligned", "alarm", 3)
    assert "At 10°" in alarm.message
    assert "max_shift" in alarm.message
    assert np.abs(prep.prepare(11, blob(17.5), blob(28, 15.5)).shift_px).max() <= 3


def test_a_blank_projection_is_not_moved_and_is_no_reference():
    rng = np.random.default_rng(0)
    prep = Preparation()
    empty = prep.prepare(-60, 500 + rng.normal(0, 3, X.shape))
    assert [flag.kind for flag in empty.flags] == ["blank"]
    assert empty.shift_px == (0.0, 0.0)
    assert prep.checks.reference is None
    assert prep.prepare(-58, 500 + 100 * blob(18, 12)).shift_px == pytest.approx((1.5, 0), abs=0.05)
    assert prep.prepare(-56, 500 + 100 * blob(20, 14)).shift_px == pytest.approx(
        (-0.5, -2), abs=0.05
    )
    assert not [one for one in prep.improve(lambda angle: blob()) if one.angle_deg == -60]


def test_the_level_of_the_vacuum():
    image = 40 + blob()
    for options, level in (
        ({}, 0),
        ({"background": "corner"}, 0),
        ({"background": 30}, 10),
        ({"background": None, "offset": False}, 40),
        ({"background": None, "offset": 15}, 25),
        ({"background": None}, 0),
    ):
        prep = Preparation(align=None, **options)
        assert prep.prepare(0, image).image[0, 0] == pytest.approx(level, abs=0.01)
        if options == {"background": None}:
            # The level of the first one, for all.
            assert prep.prepare(1, image + 7).image[0, 0] == pytest.approx(7, abs=0.01)


def test_hot_pixels_are_replaced_unless_unwanted():
    image = 40 + blob()
    image[3, 4] = 4000
    prepared = Preparation(align=None).prepare(0, image)
    assert prepared.image.max() < 1.1
    assert prepared.notes[0] == "1 hot or dead pixels replaced by their neighbours"
    assert Preparation(align=None, hot_pixels=False).prepare(0, image).image.max() > 3000


@settings(max_examples=15)
@given(
    gain=st.floats(1e-3, 1e5),
    offset=st.integers(-30000, 30000),
    x=st.floats(-5, 5),
    y=st.floats(-4, 4),
)
def test_units_do_not_matter(gain, offset, x, y):
    rng = np.random.default_rng(0)
    image = blob(19.5 + x, 15.5) + rng.normal(0, 0.02, X.shape)
    later = blob(19.5 - x, 15.5 + y) + rng.normal(0, 0.02, X.shape)
    plain, scaled = Preparation(), Preparation()
    for angle, one in ((0, image), (3, later)):
        a, b = plain.prepare(angle, one), scaled.prepare(angle, gain * (one + offset))
        assert a.shift_px == pytest.approx(b.shift_px, abs=0.02)
        assert [flag.kind for flag in a.flags] == [flag.kind for flag in b.flags]
    assert a.shift_px == pytest.approx((x, -y), abs=0.25)


def test_the_raw_images_are_kept_as_they_came():
    prep = Preparation()
    image = np.round(100 * blob(17)).astype(np.uint16)
    before = image.copy()
    prep.prepare(5, image)
    assert np.array_equal(image, before)
    image[:] = 0
    assert list(prep.raw) == [5.0]
    assert np.array_equal(prep.raw[5], before)
    assert prep.raw[5].dtype == np.uint16
    with pytest.raises(ValueError, match="read-only"):
        prep.raw[5][0, 0] = 1
    with pytest.raises(TypeError):
        prep.raw[6] = before


def test_a_projection_at_the_same_angle_replaces_the_earlier_one():
    prep = Preparation()
    for x in (16, 18):
        prep.prepare(-4, blob(x))
    assert len(prep.raw) == 1
    assert prep.checks.n_seen == 1
    assert prep.shifts_px[-4][0] == pytest.approx(1.5, abs=0.05)


def test_what_cannot_be_used_is_refused_and_leaves_no_trace():
    prep = Preparation()
    prep.prepare(0, blob())
    broken = blob()
    broken[2, 2] = np.nan
    for angle, image, error in (
        (1, blob()[:-1], GeometryError),
        (1, broken, DataError),
        (1, np.ones((2, 2, 2)), DataError),
        (np.nan, blob(), GeometryError),
        (500, blob(), GeometryError),
    ):
        with pytest.raises(error):
            prep.prepare(angle, image)
    with pytest.raises(GeometryError, match="reprojection"):
        prep.prepare(1, blob(), blob().T)
    assert list(prep.raw) == [0.0]
    assert prep.prepare(1, blob()).shift_px == pytest.approx((0, 0), abs=0.01)
    for volume, error in ((np.ones((4, 40, 31)), GeometryError), (np.ones((40, 32)), DataError)):
        with pytest.raises(error, match="reprojection"):
            prep.improve(volume)
    with pytest.raises(GeometryError, match="reprojection"):
        prep.improve(lambda angle: np.ones((5, 5)))


@pytest.mark.parametrize(
    "options",
    [
        {"background": "guess"},
        {"align": "by_eye"},
        {"max_shift": 0},
        {"order": 6},
        {"offset": "dark"},
        {"threshold": -1},
        {"ceiling": np.inf},
    ],
)
def test_wrong_settings_are_named(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        Preparation(**options)


@given(
    background=st.sampled_from(["auto", "histogram", "corner", "percentile", None, 12.5]),
    hot_pixels=st.booleans(),
    offset=st.one_of(st.booleans(), st.floats(-1e4, 1e4)),
    align=st.sampled_from(["center_of_mass", "reprojection", None]),
    max_shift=st.one_of(st.none(), st.floats(0.5, 100)),
    order=st.integers(1, 5),
    threshold=st.floats(1, 20),
    ceiling=st.one_of(st.none(), st.floats(1, 1e5)),
)
def test_settings_survive_a_file(**options):
    state = Preparation(**options).state()
    assert state == options
    assert Preparation.from_state(json.loads(json.dumps(state))).state() == state


def test_a_state_with_unknown_settings_is_refused():
    with pytest.raises(ParameterError, match="brightness"):
        Preparation.from_state({"brightness": 3})


def test_projections_may_arrive_while_others_improve():
    prep = Preparation()
    prep.prepare(0, blob(18))
    troubles = []

    def improve():
        try:
            for k in range(20):
                prep.improve(lambda angle, k=k: blob(19.5 + k % 3 / 5), tolerance_px=0)
        except Exception as error:
            troubles.append(error)

    worker = threading.Thread(target=improve, daemon=True)
    worker.start()
    for angle in range(1, 31):
        prep.prepare(angle % 7, blob(17 + angle % 5))
    worker.join(60)
    assert not worker.is_alive()
    assert not troubles
    assert len(prep.raw) == 7


def test_the_real_needle_one_by_one_agrees_with_the_whole_series():
    series = datasets.load("nist-needle-small")
    prep = Preparation(align="center_of_mass")
    flags = []
    for angle, image in zip(series.angles_deg, series.projections, strict=True):
        flags += prep.prepare(angle, image).flags
    assert {(flag.kind, flag.severity) for flag in flags} == {
        ("learning", "note"),
        ("off_view", "note"),
    }
    whole = tomography.align(tomography.remove_background(series), rotate=False)
    apart = np.array(list(prep.shifts_px.values())) - whole.metadata["shifts_px"]
    assert np.ptp(whole.metadata["shifts_px"], axis=0).min() > 3
    assert (apart - apart.mean(axis=0)).std(axis=0) == pytest.approx([0, 0], abs=0.1)
