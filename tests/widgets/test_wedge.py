"""The explorer of week 5: what it computes, what it draws, and both ends of every control."""

import itertools

import numpy as np
import pytest

from em_inverse import forward, metrics, tomography
from em_inverse.widgets.raster import draw_panels
from em_inverse.widgets.wedge import (
    OBJECTS,
    ORDERS,
    N,
    WedgeExplorer,
    acquisition_order,
    stretch,
    tilt_angles,
)


def state(**given):
    return WedgeExplorer.compute(**WedgeExplorer.check(**given))


def test_the_explorer_shows_what_the_package_computes():
    shown = state(max_tilt=70, step=5)
    angles = np.arange(-70.0, 71, 5)
    data = forward.ParallelBeam((N, N), angles) @ shown.truth
    expected = tomography.wbp(tomography.TiltSeries(data, angles)).x
    np.testing.assert_allclose(shown.x, expected, atol=1e-6)
    assert shown.rmse == pytest.approx(metrics.rmse(expected, shown.truth), rel=1e-5)
    assert shown.missing_deg == tomography.missing_wedge(angles).width_deg
    assert shown.planned == shown.angles.size == 29


@pytest.mark.parametrize("limit", [30, 50, 70, 90])
def test_a_symmetric_series_is_stretched_as_the_metric_says(limit):
    shown = state(max_tilt=limit, step=2)
    assert shown.stretched == pytest.approx(metrics.wedge_elongation(shown.x), rel=1e-3)
    if limit < 90:
        assert abs(shown.along_deg) < 0.5


def test_half_a_sequential_series_is_drawn_out_in_a_direction_of_its_own():
    shown = state(recorded=50)
    # The tilts run from −60° to −3°: what is missing lies around the perpendicular to −31.5°.
    assert shown.along_deg == pytest.approx(31.5, abs=2)
    assert "31° off the beam" in WedgeExplorer.draw(shown).note


@pytest.mark.parametrize("angle", [-60, -20, 0, 35, 80])
def test_stretch_finds_the_long_axis(angle):
    z, x = np.indices((65, 65)) - 32
    t = np.deg2rad(angle)
    long, short = z * np.cos(t) + x * np.sin(t), x * np.cos(t) - z * np.sin(t)
    ratio, direction = stretch(np.exp(-((long / 9) ** 2) - (short / 5) ** 2))
    assert ratio == pytest.approx(1.8, abs=0.05)
    assert direction == pytest.approx(angle, abs=1)


def test_stretch_of_nothing_and_of_a_line_is_finite():
    assert stretch(np.zeros((8, 8)))[0] == pytest.approx(1)
    line = np.zeros((9, 9))
    line[:, 4] = 1
    assert 50 < stretch(line)[0] <= 100
    point = np.zeros((9, 9))
    point[4, 4] = 1
    assert stretch(point)[0] == 1


@pytest.mark.parametrize("limit", [10, 47, 70, 90])
@pytest.mark.parametrize("step", [1, 4, 15])
def test_tilts_are_symmetric_and_within_the_holder(limit, step):
    angles = tilt_angles(limit, step)
    assert np.abs(angles).max() <= limit
    assert np.abs(angles).max() + step > limit
    assert 0 in angles
    directions = np.mod(angles, 180)
    assert np.unique(directions).size == angles.size
    if limit < 90:
        np.testing.assert_array_equal(angles, -angles[::-1])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [1, 2, 30, 121])
def test_every_order_takes_every_tilt_once(order, n):
    taken = acquisition_order(np.linspace(-60, 60, n), order)
    assert sorted(taken) == list(range(n))


def test_orders_are_what_their_names_say():
    angles = np.arange(-60.0, 61, 3)
    assert acquisition_order(angles, "sequential")[0] == 0
    outwards = np.abs(angles[acquisition_order(angles, "symmetric")])
    assert (np.diff(outwards) >= 0).all()
    early = np.sort(angles[acquisition_order(angles, "golden")[:10]])
    assert np.diff(early).max() < 25


@pytest.mark.parametrize("specimen", OBJECTS)
def test_with_all_tilts_the_order_does_not_matter(specimen):
    slices = [state(order=order, specimen=specimen).x for order in ORDERS]
    for other in slices[1:]:
        np.testing.assert_allclose(other, slices[0], atol=1e-5)


def test_every_extreme_can_be_shown_with_its_own_words():
    ends = {
        control.name: control.ends for control in (*WedgeExplorer.controls, *WedgeExplorer.more)
    }
    ends["order"] = ["sequential", "golden"]
    for values in itertools.product(*ends.values()):
        shown = state(**dict(zip(ends, values, strict=True)))
        view = WedgeExplorer.draw(shown)
        assert np.isfinite(shown.x).all()
        assert view.headline.startswith("elongation")
        assert "tilt" in view.note
        assert len(view.panels) == 3
    assert draw_panels(view.panels, width=600).size[0] == 600


def test_every_extreme_shows_something_else():
    opening = WedgeExplorer.draw(state())
    for control in (*WedgeExplorer.controls, *WedgeExplorer.more):
        for end in control.ends:
            if end != control.opening and control.name != "order":
                other = WedgeExplorer.draw(state(**{control.name: end}))
                assert other.description != opening.description, (control.name, end)


def test_no_slider_rescales_the_profiles_or_the_window():
    views = [WedgeExplorer.draw(state(**given)) for given in ({}, {"max_tilt": 10}, {"step": 15})]
    for view in views:
        coverage, picture, profiles = view.panels
        assert coverage.window == (0, 1)
        assert picture.window == views[0].panels[1].window
        for axis in ("x", "y"):
            assert profiles.limits(axis) == views[0].panels[2].limits(axis)


def test_the_fan_paints_lines_where_they_are_measured():
    shown = state(max_tilt=60, step=15)
    image = WedgeExplorer.draw(shown).panels[0].image
    radius = 80
    for angle, bright in ((0, True), (45, True), (-60, True), (80, False), (-37.5, False)):
        t = np.deg2rad(angle)
        pixel = image[round(N + radius * np.sin(t)), round(N + radius * np.cos(t))]
        assert (pixel > 0.4) == bright, angle
    assert image[0, 0] == 0


def test_a_full_series_says_that_nothing_is_drawn_out():
    view = WedgeExplorer.draw(state(max_tilt=90, step=1))
    assert view.panels[0].title == "180 lines, and no wedge."
    assert view.panels[1].title == "Nothing is drawn out."
    assert view.headline == "elongation 1"


def test_one_tilt_misses_all_other_directions():
    shown = state(max_tilt=10, step=15, recorded=5)
    assert shown.angles.size == 1
    assert shown.missing_deg == 180
    assert shown.stretched > 5


def test_the_text_form_names_the_opening_numbers():
    first = WedgeExplorer(backend="picture")
    text = first._repr_mimebundle_()["text/plain"]
    made = WedgeExplorer(backend="picture")
    assert text == made._repr_mimebundle_()["text/plain"]
    assert "41 of 41 tilts" in text
    made.set(recorded=50, order="golden")
    assert made.wait()
    assert made.result.angles.size == 20
    made.close()
