import numpy as np
import pytest

from em_inverse.errors import DataError, ParameterError
from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Rule


def test_a_line_keeps_the_gap_where_the_pen_is_lifted():
    line = Line([0, 1, 2], [1.0, np.nan, 3.0])
    assert np.isnan(line.y[1])
    assert line.x.dtype == np.float32


def test_huge_values_become_the_largest_float32():
    line = Line([0, 1], [1e300, -1e300])
    assert np.isfinite(line.y).all()


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (DataError, {"x": [0, 1], "y": [1]}),
        (DataError, {"x": [0, 1], "y": [1, np.inf]}),
        (DataError, {"x": [[0, 1]], "y": [[0, 1]]}),
        (ParameterError, {"x": [0], "y": [0], "style": "wavy"}),
        (ParameterError, {"x": [0], "y": [0], "marker": "heart"}),
        (ParameterError, {"x": [0], "y": [0], "width": -1}),
    ],
)
def test_lines_that_cannot_be_drawn_are_refused(error, arguments):
    with pytest.raises(error):
        Line(**arguments)


def test_rules_need_a_place_and_an_axis():
    assert Rule(0.5).axis == "x"
    with pytest.raises(ParameterError, match="at is nan"):
        Rule(np.nan)
    with pytest.raises(ParameterError, match="axis"):
        Rule(1, axis="z")
    with pytest.raises(ParameterError, match="style"):
        Rule(1, style="none")


@pytest.mark.parametrize(("scale", "limits"), [("linear", (1, 1)), ("log", (0, 1))])
def test_limits_must_make_an_axis(scale, limits):
    with pytest.raises(ParameterError, match="limits of axis 'λ'"):
        Axis("λ", scale, limits)


def test_limits_follow_the_data_with_a_margin():
    panel = LinePanel("a", "A.", [Line([1, 100], [np.nan, 2])], Axis("x", "log"))
    low, high = panel.limits("x")
    assert low < 1 < 100 < high
    assert low > 0.5
    low, high = panel.limits("y")
    assert low < 2 < high


def test_limits_asked_for_are_kept():
    panel = LinePanel("a", "A.", [Line([1], [1])], Axis("x", limits=(0, 9)))
    assert panel.limits("x") == (0, 9)


@pytest.mark.parametrize(("scale", "expected"), [("linear", (0, 1)), ("log", (1, 10))])
def test_an_empty_panel_still_has_axes(scale, expected):
    assert LinePanel("a", "A.", [], Axis("x", scale)).limits("x") == expected


def test_a_log_axis_ignores_what_it_cannot_show():
    panel = LinePanel("a", "A.", [Line([0, 10, -3], [1, 1, 1])], Axis("x", "log"))
    low, high = panel.limits("x")
    assert 0 < low < 10 < high


def test_the_window_clips_and_rounds():
    panel = ImagePanel("a", "A.", [[-1.0, 0.0, 0.5, 1.0, 2.0]], window=(0, 1))
    assert panel.pixels().tolist() == [[0, 0, 128, 255, 255]]


def test_differences_are_centred_on_zero():
    panel = ImagePanel("a", "A.", [[-1.0, 3.0]], table="difference")
    assert panel.window == (-3.0, 3.0)


def test_a_flat_image_has_a_window():
    assert ImagePanel("a", "A.", np.full((2, 2), 5.0)).pixels().max() == 0


@pytest.mark.parametrize(
    "arguments", [{"window": (1, 1)}, {"table": "jet"}, {"pixel_size_nm": 0.0}]
)
def test_images_that_cannot_be_drawn_are_refused(arguments):
    with pytest.raises(ParameterError):
        ImagePanel("a", "A.", np.eye(3), **arguments)


def test_the_scale_bar_is_round_and_at_most_a_quarter_wide():
    assert ImagePanel("a", "A.", np.eye(3)).scale_bar() is None
    for size in (0.013, 0.2, 1.7, 40.0):
        length, label = ImagePanel("a", "A.", np.eye(64), pixel_size_nm=size).scale_bar()
        assert 64 / 12 < length <= 64 / 4 * 1.01
        number, unit = label.split()
        assert unit == "nm"
        assert float(number) == pytest.approx(length * size)
        assert float(number) / 10 ** np.floor(np.log10(float(number)) + 1e-9) in (1, 2, 5)


def test_inputs_are_left_alone():
    image = np.arange(6).reshape(2, 3)
    before = image.copy()
    ImagePanel("a", "A.", image).pixels()
    assert np.array_equal(image, before)


def test_bands_are_cut_to_the_axes():
    bands = [Band(-np.inf, 0.5, "y", "low"), Band(2, np.inf, "y", "high"), Band(20, 30, "x")]
    panel = LinePanel(
        "a", "A.", [], Axis("x", limits=(0, 9)), Axis("y", "log", (0.1, 4)), (), bands
    )
    low, high = panel.visible_bands()
    assert (low.low, low.high, low.label) == (0.1, 0.5, "low")
    assert (high.low, high.high, high.axis) == (2, 4, "y")
    assert bands[0].low == -np.inf


def test_a_band_is_a_quarter_of_its_colour():
    assert Band(0, 1, colour="#000000").fill == "#bfbfbf"
    assert Band(0, 1, colour="#ffffff").fill == "#ffffff"
    assert Band(0, 1).fill == ""


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (np.nan, 1)])
def test_bands_need_two_ends(ends):
    with pytest.raises(ParameterError, match="low < high"):
        Band(*ends, label="sound")
    with pytest.raises(ParameterError, match="axis"):
        Band(0, 1, axis="z")
