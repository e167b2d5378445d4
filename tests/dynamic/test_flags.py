import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from em_inverse import datasets, simulate
from em_inverse.dynamic import Flag, LiveChecks, Preparation
from em_inverse.dynamic.flags import KINDS, SEVERITIES, by_severity
from em_inverse.dynamic.trend import Trend
from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.forward import ParallelBeam
from em_inverse.solvers import SIRT

X, Y = np.mgrid[:40, :32]
FAULTS = {
    20: lambda image: ndimage.gaussian_filter(image, 3),
    28: lambda image: 0 * image,
    36: lambda image: 0.6 * image,
    44: lambda image: ndimage.shift(image, (6, 0), order=1),
}


def blob(x=19.5, y=15.5, width=4.0, seed=None):
    image = np.exp(-0.5 * ((X - x) ** 2 + (Y - y) ** 2) / width**2)
    return image if seed is None else image + np.random.default_rng(seed).normal(0, 0.02, X.shape)


def grave(flags):
    return [flag.kind for flag in flags if flag.grave]


def learned(count=8, **options):
    checks = LiveChecks(**options)
    for k in range(count):
        checks.check(2 * k, 100 * blob(seed=k))
    return checks


@pytest.mark.parametrize("order", ["sequential", "golden"])
def test_each_fault_is_told_as_it_arrives_and_nothing_else(nanoparticles, order):
    tilts = nanoparticles(0, order=order, drift="walk", spoil=FAULTS)
    checks = LiveChecks()
    found = {k: grave(checks.check(a, image)) for k, (a, image) in enumerate(tilts)}
    assert found[20] == ["blurred"]
    assert found[28] == ["blank"]
    assert found[36] == ["intensity"]
    assert found[44] == ["misaligned"]
    assert not any(kinds for k, kinds in found.items() if k not in FAULTS)


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_series_raises_at_most_one_false_alarm(nanoparticles, seed):
    order, drift = ("golden", "walk") if seed % 2 else ("sequential", "jitter")
    checks = LiveChecks()
    tilts = nanoparticles(seed, order=order, drift=drift)
    assert len([kind for a, image in tilts for kind in grave(checks.check(a, image))]) <= 1


def test_a_needle_that_leaves_the_frame_raises_no_false_alarm(needle_tilts):
    checks = LiveChecks()
    tilts = needle_tilts(order="golden", seed=3)
    flags = [flag for a, image in tilts for flag in checks.check(a, image, aligned=True)]
    assert not grave(flags)


def test_a_blur_of_the_real_needle_is_seen():
    series = datasets.load("nist-needle-small")
    checks = LiveChecks()
    for k in range(24):
        image = series.projections[k]
        image = ndimage.gaussian_filter(image, 3) if k == 20 else image
        assert grave(checks.check(series.angles_deg[k], image)) == ["blurred"] * (k == 20)


def test_a_blurred_cube_is_seen_among_tilts_that_lie_far_apart():
    # A smoothed facet is no less sharp than another facet that is seen aslant: only the mass in
    # each slice tells.
    microscope = simulate.Microscope(
        simulate.decorated_nanocube(96, pixel_size_nm=4 / 3, seed=0),
        simulate.tilt_order("golden", -75, 75, 2)[:20],
        dose=200,
        background=0.05,
        drift_px=0.5,
        hot_pixels=1e-3,
        faults={12: "blurred"},
    )
    checks = LiveChecks()
    found = {k: grave(checks.check(s.angle_deg, s.image)) for k, s in enumerate(microscope)}
    assert [(k, kinds) for k, kinds in found.items() if kinds] == [(12, ["blurred"])]


def test_a_displaced_projection_is_told_by_its_residual(nanoparticles):
    tilts = nanoparticles(2, drift="none")
    prep = Preparation(align=None)
    images = np.stack([prep.prepare(a, image).image for a, image in tilts])
    images[30] = ndimage.shift(images[30], (6, 0), order=1)
    A = ParallelBeam(tilts.shape, tilts.angles_deg)
    solver = SIRT(A, images, relaxation=1.9)
    solver.run(15)
    left = np.linalg.norm((A.forward(solver.x) - images).reshape(61, -1), axis=1)
    flags = prep.checks.recheck(dict(zip(tilts.angles_deg, left, strict=True)))
    assert [flag.kind for flag in flags] == ["residual"]
    assert f"At {tilts.angles_deg[30]:.4g}°" in flags[0].message
    assert flags[0].grave


def test_a_displacement_that_is_taken_out_is_a_note():
    for aligned, severity in ((False, "alarm"), (True, "note")):
        (flag,) = learned().check(16, 100 * blob(26.5, seed=9), aligned=aligned)
        assert (flag.kind, flag.severity) == ("misaligned", severity)
        assert flag.value == pytest.approx(7, abs=0.3)
        assert "At 16°" in flag.message
        assert ("Carry on" if aligned else "carry on") not in flag.message
    (flag,) = learned().check(16, 100 * blob(y=19.0, seed=9))
    assert "along the tilt axis" in flag.message


def test_a_second_object_or_a_brighter_beam():
    (flag,) = learned().check(16, 130 * blob(seed=9))
    assert (flag.kind, flag.value > flag.limit) == ("intensity", True)
    assert "above that of its neighbours" in flag.message
    assert "second object" in flag.message


def test_a_lasting_change_becomes_the_rule():
    checks = learned()
    found = [grave(checks.check(16 + 2 * k, 60 * blob(seed=20 + k))) for k in range(10)]
    assert found[0] == ["intensity"]
    assert found[-4:] == [[]] * 4


def test_hot_pixels_saturation_and_an_object_across_the_border():
    image = 100 * blob(seed=0)
    hot = image.copy()
    hot[::5, ::5] = 5000
    assert grave(learned().check(16, hot)) == ["hot_pixels"]
    (flag,) = [f for f in learned(ceiling=80).check(16, image) if f.kind == "saturated"]
    assert 0 < flag.value < 0.5
    assert "ceiling" in flag.message
    checks = LiveChecks()
    found = [checks.check(2 * k, 100 * blob(36, seed=k)) for k in range(3)]
    severities = [[f.severity for f in flags if f.kind == "off_view"] for flags in found]
    assert severities == [["warning"], ["note"], ["note"]]


def test_what_leaves_the_frame_at_high_tilts_is_not_told_anew_when_tilts_jump():
    checks = LiveChecks()
    places = {0: 19.5, 70: 36, 2: 19.5, 72: 36}
    found = [
        [f.severity for f in checks.check(a, 100 * blob(x, seed=a)) if f.grave]
        for a, x in places.items()
    ]
    assert found == [[], ["warning"], [], []]


def test_the_first_ones_are_not_judged():
    checks = LiveChecks(needed=3)
    for k, gain in enumerate((100, 160, 100)):
        flags = checks.check(k, gain * blob(seed=k))
        assert [flag.kind for flag in flags if flag.kind == "learning"] == ["learning"]
        assert not [flag for flag in flags if flag.kind == "intensity"]
    assert not checks.check(3, 100 * blob(seed=3))
    assert checks.n_seen == 4


def test_a_projection_at_the_same_angle_replaces_the_earlier_one():
    checks = learned()
    assert grave(checks.check(16, 0 * X)) == ["blank"]
    assert not grave(checks.check(16, 100 * blob(seed=16)))
    assert checks.n_seen == 9


def test_residuals_at_arrival_are_compared():
    checks = LiveChecks()
    for k in range(8):
        assert not grave(checks.check(k, 100 * blob(seed=k), residual=1 + 0.02 * (k % 3)))
    assert grave(checks.check(8, 100 * blob(seed=8), residual=0.3)) == []
    flags = checks.check(9, 100 * blob(seed=9), residual=4.0)
    assert grave(flags) == ["residual"]
    assert flags[0].value == pytest.approx(4, rel=0.05)


def test_rows_of_a_sinogram():
    checks = LiveChecks()
    rng = np.random.default_rng(0)
    row = np.exp(-0.5 * (np.arange(64) - 30) ** 2 / 16)
    for k in range(8):
        assert not grave(checks.check(k, 100 * row + rng.normal(0, 1, 64)))
    assert grave(checks.check(8, 50 * row + rng.normal(0, 1, 64))) == ["intensity"]
    assert "blank" in grave(checks.check(9, rng.normal(0, 1, 64)))


def test_rechecking_tells_the_odd_one():
    checks = LiveChecks()
    residuals = {a: 1 + 0.01 * (a % 3) for a in range(-60, 61, 5)}
    assert checks.recheck(residuals) == ()
    assert checks.recheck(dict.fromkeys(range(4), 1.0) | {3: 50.0}) == ()
    (flag,) = checks.recheck(residuals | {10: 1.6})
    assert (flag.kind, flag.severity) == ("residual", "warning")
    assert "At 10°" in flag.message
    assert not checks.recheck(residuals | {10: 0.2})
    assert not checks.recheck(dict.fromkeys(range(6), 0.0))


@pytest.mark.parametrize(
    "residuals",
    [[1.0] * 6, dict.fromkeys(range(6), -1.0), {1: np.nan} | dict.fromkeys(range(2, 8), 1.0)],
)
def test_wrong_residuals_are_refused(residuals):
    with pytest.raises(ParameterError, match="residuals"):
        LiveChecks().recheck(residuals)


def test_what_cannot_be_judged_is_refused_and_leaves_no_trace():
    checks = learned()
    broken = blob()
    broken[1, 1] = np.inf
    for angle, image, error in (
        (1, broken, DataError),
        (1, np.ones((2, 2, 2)), DataError),
        (1, np.full((8, 8), 1j), DataError),
        (np.nan, blob(), GeometryError),
    ):
        with pytest.raises(error):
            checks.check(angle, image)
    with pytest.raises(ParameterError, match="residual"):
        checks.check_residual(3, -1)
    assert checks.n_seen == 8


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0},
        {"needed": 1},
        {"background": "guess"},
        {"max_shift": -2},
        {"ceiling": np.nan},
    ],
)
def test_wrong_settings_are_named(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        LiveChecks(**options)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(SEVERITIES)), max_size=8))
def test_the_gravest_comes_first_and_none_is_lost(pairs):
    flags = [Flag(kind, severity, 0, 0, "…") for kind, severity in pairs]
    ordered = by_severity(flags)
    ranks = [SEVERITIES.index(flag.severity) for flag in ordered]
    assert ranks == sorted(ranks, reverse=True)
    assert sorted(map(id, ordered)) == sorted(map(id, flags))
    assert all(str(flag) == f"{flag.severity}: …" for flag in flags)


@settings(max_examples=40)
@given(
    values=st.lists(st.floats(-1, 1), min_size=8, max_size=20),
    slope=st.floats(-3, 3),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 5),
)
def test_a_trend_sees_a_leap_but_not_a_slope_whatever_the_level(values, slope, shift, seed):
    angles = 2 * np.arange(len(values))
    plain, moved = Trend(1.0), Trend(1.0)
    for a, v in zip(angles, values, strict=True):
        one, other = plain.add(a, v + 0.1 * slope), moved.add(a, v + 0.1 * slope + shift)
        assert (one is None) == (other is None)
        if one:
            assert one.distance == pytest.approx(other.distance, abs=1e-6)
            assert one.limit >= 1.0
    last = plain.add(angles[-1] + 2, 1000.0)
    assert last.stands_out
    assert last.distance == pytest.approx(1000 - last.expected)


def test_a_trend_ignores_what_is_no_number_and_forgets_what_is_replaced():
    trend = Trend(0.5, needed=2)
    assert trend.add(0, np.nan) is None
    assert trend.add(0, 1.0) is None
    assert trend.add(0, 2.0) is None
    assert trend.add(1, 2.0) is None
    assert trend.add(2, 2.0).expected == 2.0
