"""The figures of week 5 show what they are given, and say it in words."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from em_inverse.plotting import week05 as figures
from em_inverse.tilt_series import TiltSeries

SLICE = np.random.default_rng(0).uniform(-0.1, 1, (96, 96))


@pytest.fixture
def shown(monkeypatch):
    """Collect the figures and words that would be shown."""
    collected = []
    monkeypatch.setattr(figures, "show", lambda figure, alt: collected.append((figure, alt)))
    return collected


@pytest.fixture
def series():
    images = np.random.default_rng(0).uniform(0, 2000, (5, 16, 16))
    return TiltSeries(images, [-60, -30, 0, 30, 60], pixel_size_nm=2.0)


def panels(figure):
    return [panel for panel in figure.axes if panel.images]


def pictures(figure):
    return [panel.images[0].get_array() for panel in panels(figure)]


def words(figure):
    return [panel.get_title(loc="left") for panel in panels(figure)]


def test_projections_draw_the_sinusoid_over_the_sinogram(shown):
    angles = np.linspace(-90, 90, 7)
    sinogram, s = np.ones((7, 96)), 10 * np.cos(np.deg2rad(angles))
    figures.projections(SLICE, sinogram, angles, s)
    ((figure, alt),) = shown
    np.testing.assert_array_equal(pictures(figure)[1], sinogram)
    line = figure.axes[1].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), s)
    np.testing.assert_array_equal(line.get_ydata(), angles)
    # The first tilt is drawn at the top, as in the sinogram's own rows.
    assert figure.axes[1].get_ylim() == (90, -90)
    assert "five bright curves" in alt


def test_the_fourier_slice_lies_in_the_direction_of_the_detector(shown):
    q = np.linspace(0, 0.5, 9)
    figures.fourier_slice(SLICE, 30, q, np.full(9, 2.0 + 0j), np.full(9, 3.0 + 0j))
    ((figure, alt),) = shown
    x, y = figure.axes[0].lines[0].get_data()
    assert np.degrees(np.arctan2(y[1], x[1])) == pytest.approx(30)
    assert [line.get_ydata()[0] for line in figure.axes[1].lines] == [3.0, 2.0]
    assert "30°" in alt


def test_the_fan_has_a_column_for_each_scheme(shown):
    schemes = [np.linspace(-70, 70, n) for n in (9, 31, 141)]
    figures.fan(schemes, [SLICE, 2 * SLICE, 3 * SLICE])
    ((figure, alt),) = shown
    titles = [ax.get_title(loc="left") for ax in figure.axes[:3]]
    assert titles == ["9 tilts, step 17.5°", "31 tilts, step 4.67°", "141 tilts, step 1°"]
    for ax in figure.axes[:3]:
        assert len(ax.patches) == 2
        assert {round(patch.theta2 - patch.theta1) for patch in ax.patches} == {40}
    np.testing.assert_array_equal(pictures(figure)[1], 2 * SLICE[9:-9, 9:-9])
    assert len({panel.images[0].get_clim() for panel in panels(figure)}) == 1
    assert "9, 31, 141 tilts" in alt


def test_without_a_wedge_none_is_drawn(shown):
    schemes = [np.arange(-88.0, 91, 2), np.arange(-50.0, 51, 2)]
    figures.stretching(schemes, [SLICE, SLICE])
    ((figure, alt),) = shown
    assert [len(ax.patches) for ax in figure.axes[:2]] == [0, 2]
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == [
        "tilts to ±90°",
        "tilts to ±50°",
    ]
    assert "±90°, ±50°" in alt


@pytest.mark.parametrize(("name", "part"), [("filtering", "thick fog"), ("dose", "total dose")])
def test_rows_of_slices_share_one_window(shown, name, part):
    getattr(figures, name)({"one": SLICE, "two": 5 * SLICE, "three": -SLICE})
    ((figure, alt),) = shown
    assert words(figure) == ["one", "two", "three"]
    assert {panel.images[0].get_clim() for panel in panels(figure)} == {(-0.2, 1.0)}
    assert part in alt


def test_damage_is_drawn_around_zero(shown):
    change = np.random.default_rng(1).standard_normal((96, 96))
    figures.damage({"sequential": SLICE, "golden": SLICE}, SimpleNamespace(map=change))
    ((figure, alt),) = shown
    *_, last = panels(figure)
    low, high = last.images[0].get_clim()
    assert low == -high == -np.abs(change).max()
    np.testing.assert_array_equal(last.images[0].get_array(), change[18:-18, 18:-18])
    assert "(sequential, golden)" in alt


def test_the_needle_before_and_after(shown, series):
    after = series.replace(projections=2 * series.projections)
    figures.needle(series, after, 3)
    ((figure, alt),) = shown
    image, before, aligned = pictures(figure)
    np.testing.assert_array_equal(image, series.projections[2].T)
    np.testing.assert_array_equal(before, series.projections[:, :, 3])
    np.testing.assert_array_equal(aligned, 2 * before)
    assert figure.axes[0].lines[0].get_ydata()[0] == 3
    assert figure.axes[1].get_ylim() == (60, -60)
    assert "straight band" in alt


def test_fingerprints_are_named_and_their_causes_written(shown):
    sections = dict.fromkeys(("all", "cut", "coarse"), SLICE[:64, :64])
    figures.fingerprints(sections, 13.0)
    ((figure, alt),) = shown
    assert words(figure) == ["all", "cut", "coarse"]
    named = [{text.get_text() for text in ax.texts} for ax in panels(figure)]
    assert {"wing", "hood"} <= named[0]
    assert {"lens tip", "ray", "dark middle"} <= named[1]
    assert {"streaks", "wing"} <= named[2]
    assert "wedge of 28°" in panels(figure)[0].get_xlabel().replace("\n", " ")
    assert "dark wing on each side" in alt


def test_the_explorer_shows_its_snapshot(shown):
    snapshot = Figure(figsize=(10, 4))
    figures.explorer(SimpleNamespace(snapshot=lambda dpi: snapshot))
    assert shown[0][0] is snapshot
    assert tuple(snapshot.get_size_inches()) == pytest.approx((9.2, 3.68))
    assert "empty wedge" in shown[0][1]


def test_all_of_them_are_documented_and_told(capsys):
    for name in figures.__all__:
        assert inspect.getdoc(getattr(figures, name))
    figures.filtering({"one": SLICE, "two": SLICE})
    assert capsys.readouterr().out.startswith("Figure: Three slices.")
