from itertools import pairwise

import numpy as np
import pytest

from em_inverse.errors import ParameterError
from em_inverse.widgets.panel import Axis, Band, ImagePanel, Line, LinePanel, Rule
from em_inverse.widgets.static import figure

LINES = LinePanel(
    "c",
    "The error has one lowest point.",
    [
        Line([1e-5, 1e-3, 1e-1], [3, 1, 2], "RMSE", "#0072b2"),
        Line([1e-3], [1], "best", "#000000", "none", "open diamond"),
        Line([1e-5], [1]),
    ],
    Axis("λ", "log", (1e-5, 1e2)),
    Axis("RMSE", limits=(0, 4)),
    [Rule(1e-3, "x", "here"), Rule(2, "y")],
)
IMAGE = ImagePanel("i", "A corner.", np.eye(5), unit="counts", x_label="x →", pixel_size_nm=0.2)


def test_lines_axes_and_legend_are_those_of_the_panel():
    drawn = figure([LINES])
    ax = drawn.axes[0]
    assert ax.get_xscale() == "log"
    assert ax.get_xlim() == (1e-5, 1e2)
    assert ax.get_ylabel() == "RMSE"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["RMSE", "best", "here"]
    assert ax.lines[1].get_markerfacecolor() == "none"
    assert ax.get_xticklabels()[0].get_text() == "$10^{-5}$"
    assert ax.get_title(loc="left").startswith("The error")


def test_an_image_has_square_pixels_a_printed_window_and_a_scale_bar():
    drawn = figure([IMAGE])
    ax, bar = drawn.axes
    assert ax.get_aspect() == 1
    assert [t.get_text() for t in bar.get_xticklabels()] == ["0", "1"]
    assert ax.texts[0].get_text().endswith("nm")


def test_images_without_scale_have_no_bar():
    drawn = figure([ImagePanel("i", "A corner.", np.eye(5))])
    assert len(drawn.axes[0].texts) == 0


def test_a_panel_without_labels_has_no_legend():
    assert figure([LinePanel("c", "A.", [Line([0, 1], [0, 1])])]).axes[0].get_legend() is None


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_cut_or_overlaps(scale):
    drawn = figure([LINES, LINES, LINES], scale=scale)
    drawn.canvas.draw()
    titles = [ax._left_title.get_window_extent() for ax in drawn.axes]
    width, height = drawn.canvas.get_width_height()
    for box in titles:
        assert 0 <= box.x0 < box.x1 <= width
        assert box.y1 <= height
    assert titles[0].x1 < titles[1].x0
    assert titles[1].x1 < titles[2].x0
    labels = drawn.axes[0].get_xticklabels()
    boxes = [t.get_window_extent() for t in labels if t.get_text()]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_type_is_nine_points_at_least():
    drawn = figure([LINES])
    drawn.canvas.draw()
    ax = drawn.axes[0]
    words = [*ax.get_xticklabels(), *ax.get_legend().get_texts(), ax.xaxis.label]
    assert min(word.get_fontsize() for word in words) >= 9


def test_empty_places_are_removed():
    assert len(figure([LINES] * 4).axes) == 4


def test_sizes_are_checked():
    with pytest.raises(ParameterError):
        figure([LINES], columns=0)
    with pytest.raises(ParameterError):
        figure([LINES], scale=-1)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_bands_lie_behind_and_carry_their_names(axis):
    bands = [Band(1e-3, 1.5, axis, "sound", "#009E73"), Band(1.5, np.inf, axis, "washed out")]
    limits = Axis("x", "log", (1e-5, 1e2)), Axis("y", limits=(0, 4))
    ax = figure([LinePanel("c", "A.", [Line([1e-2], [1])], *limits, (), bands)]).axes[0]
    (patch,) = ax.patches
    assert patch.get_zorder() < ax.lines[0].get_zorder()
    assert patch.get_facecolor()[:3] == pytest.approx((191 / 255, 231 / 255, 220 / 255))
    assert [text.get_text() for text in ax.texts] == ["sound", "washed out"]
    assert (ax.get_xlim(), ax.get_ylim()) == ((1e-5, 1e2), (0, 4))
