import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from em_inverse.errors import ParameterError
from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Rule
from em_inverse.widgets.raster import _dashed, _thin, draw_panels, png

EVERY_MARKER = ("circle", "square", "triangle", "diamond", "cross", "open circle", "open diamond")


def curve(**line):
    points = Line([0, 1, 2, 3], [0.0, 1.0, np.nan, 2.0], "a curve", "#ff0000", **line)
    return LinePanel("c", "A red curve.", [points], Axis("x (px)"), Axis("y"))


def count(picture, colour):
    pixels = np.asarray(picture).astype(int)
    return int((np.abs(pixels - colour).sum(axis=-1) < 40).sum())


def test_a_curve_is_drawn_in_its_colour():
    assert count(draw_panels([curve()], width=600), (255, 0, 0)) > 100


@pytest.mark.parametrize("style", ["dashed", "dotted", "dashdot"])
def test_broken_lines_leave_gaps(style):
    solid = count(draw_panels([curve()], width=600), (255, 0, 0))
    broken = count(draw_panels([curve(style=style)], width=600), (255, 0, 0))
    assert 0.05 * solid < broken < 0.95 * solid


@pytest.mark.parametrize("marker", EVERY_MARKER)
def test_every_marker_is_seen(marker):
    panel = curve(style="none", marker=marker, size=20)
    assert count(draw_panels([panel], width=600), (255, 0, 0)) > 40


def test_open_markers_are_open():
    full, hollow = (
        count(draw_panels([curve(style="none", marker=m, size=20)], width=600), (255, 0, 0))
        for m in ("circle", "open circle")
    )
    assert hollow < 0.7 * full


def test_curves_stay_inside_their_axes():
    wild = Line([0, 1, 2], [-1e9, 1e9, -1e9], "", "#ff0000")
    panel = LinePanel("c", "A.", [wild], Axis("x"), Axis("y", limits=(0, 1)))
    picture = np.asarray(draw_panels([panel], width=600)).astype(int)
    red = np.abs(picture - (255, 0, 0)).sum(axis=-1) < 40
    assert red.any()
    rows = np.flatnonzero(red.any(axis=1))
    assert rows[0] > 20
    assert rows[-1] < picture.shape[0] - 40


def test_rules_cross_the_panel():
    panel = LinePanel(
        "c",
        "A.",
        [],
        Axis("x", "log", (1, 100)),
        Axis("y", limits=(0, 1)),
        [
            Rule(10, "x", "", "#0000ff", "solid", 3),
            Rule(0.5, "y", "level", "#00ff00", "solid", 3),
        ],
    )
    picture = draw_panels([panel], width=600)
    assert count(picture, (0, 0, 255)) > 200
    assert count(picture, (0, 255, 0)) > 200


def test_an_image_keeps_square_pixels_and_shows_its_colours():
    image = ImagePanel(
        "i",
        "Two columns.",
        [[0.0, 1.0, 0.0, 1.0]] * 2,
        window=(0, 1),
        unit="counts",
        x_label="x →",
        y_label="z ↓",
        pixel_size_nm=0.1,
    )
    picture = np.asarray(draw_panels([image], width=600))
    column = picture[: picture.shape[0] // 2, 300]
    assert picture.shape[1] == 600
    assert (column == 0).any() or (column == 255).any()
    black = np.flatnonzero((picture.sum(axis=-1) < 60).sum(axis=1) > 60)
    white_box = black[-1] - black[0]
    assert white_box > 80


def test_the_png_is_small_whole_and_of_the_asked_width():
    data = png([curve(), curve(), curve(), curve()], width=900, scale=1.0)
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    assert picture.size[0] == 900
    assert len(data) < 200_000


def test_large_type_takes_fewer_columns():
    one, two = (draw_panels([curve(), curve()], width=700, scale=s) for s in (1.0, 2.0))
    assert two.size[1] > 1.5 * one.size[1]


def test_no_panels_is_an_empty_picture():
    assert draw_panels([], width=300).size[0] == 300


@pytest.mark.parametrize("bad", [{"width": 10}, {"columns": 0}, {"scale": 0}])
def test_sizes_are_checked(bad):
    with pytest.raises(ParameterError):
        draw_panels([curve()], **bad)


def test_labels_never_touch():
    ticks = [(float(i), str(i), 30.0) for i in range(10)]
    places = [10.0 * i for i in range(10)]
    kept = [value for value, _, _ in _thin(ticks, places, 5.0)]
    assert all(10 * (b - a) >= 35 for a, b in pairwise(kept))
    assert kept == [0, 4, 8]
    assert _thin(ticks[:2], [0.0, 1.0], 5.0) == ticks[:1]


def test_dashes_cover_their_share_of_a_line():
    pieces = list(_dashed([(0.0, 0.0), (30.0, 0.0), (100.0, 0.0)], [7.0, 3.0]))
    inked = sum(abs(b[0] - a[0]) for piece in pieces for a, b in pairwise(piece))
    assert inked == pytest.approx(70.0)
    assert len(list(_dashed([(0.0, 0.0), (5.0, 0.0)], [7.0, 3.0]))) == 1


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_band_fills_its_share_of_the_plot_and_says_its_name(axis):
    def picture(*bands):
        limits = Axis("x", limits=(0, 1)), Axis("y", limits=(0, 1))
        return draw_panels([LinePanel("c", "A.", [], *limits, (), bands)], width=600)

    green = (191, 231, 220)
    assert count(picture(), green) == 0
    half = count(picture(Band(0.5, 9, axis, colour="#009E73")), green)
    tenth = count(picture(Band(0.5, 0.6, axis, colour="#009E73")), green)
    assert tenth == pytest.approx(half / 5, rel=0.1)
    named = picture(Band(0.5, 9, axis, "sound", "#009E73"))
    assert count(named, (26, 26, 26)) > count(picture(Band(0.5, 9, axis)), (26, 26, 26)) + 20
