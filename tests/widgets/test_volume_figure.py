import numpy as np
import pytest

from em_inverse.widgets.volume_figure import figure
from em_inverse.widgets.volume_state import MODES, check_view, opening_view

VALUES = np.zeros((12, 10, 8), np.uint8)
VALUES[3:9, 2:8, 2:6] = 200


def drawn(mode="iso", changes=(), **options):
    given = {"voxels": (24, 20, 16), "window": (0, 2), "pixel_size_nm": 0.5, **options}
    return figure(VALUES, check_view(dict(changes), opening_view(mode)), **given)


@pytest.mark.parametrize("mode", MODES)
def test_the_scene_three_slices_and_the_histogram(mode):
    fig = drawn(mode, title="A block", quantity="HAADF (counts)")
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles[0].startswith("A block. ")
    assert titles[1:4] == ["z, x at y = 4 nm", "y, x at z = 6 nm", "z, y at x = 5 nm"]
    assert fig.axes[4].get_xlabel() == "HAADF (counts)"
    assert len(fig.axes) == (6 if mode == "volume" else 5)


def test_slices_are_cut_where_the_view_says_and_lie_as_labelled():
    fig = drawn(changes={"slices": {"z": 0.5, "x": 0.3}})
    _, zx, yx, zy, *_ = fig.axes
    np.testing.assert_array_equal(zx.images[0].get_array(), VALUES[:, :, 4])
    np.testing.assert_array_equal(yx.images[0].get_array(), VALUES[6].T)
    np.testing.assert_array_equal(zy.images[0].get_array(), VALUES[:, 3])
    assert (yx.get_xlabel(), yx.get_ylabel()) == ("x (nm) →", "← y (nm)")
    assert yx.images[0].get_extent() == [0, 10, 8, 0]


def test_the_surface_value_is_marked_in_the_units_of_the_data():
    fig = drawn(changes={"iso": 0.25})
    assert fig.axes[0].get_title(loc="left") == "The surface at 0.5"
    assert fig.axes[4].lines[0].get_xdata()[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("size", "words"), [(0.5, "2 nm"), (None, "5 voxels"), (200, "1000 nm")])
def test_the_scale_bar_says_how_long_it_is(size, words):
    scene = drawn(pixel_size_nm=size).axes[0]
    assert words in [text.get_text() for text in scene.texts]


def test_large_type_is_larger():
    assert drawn(scale=2).get_figwidth() > drawn().get_figwidth()
    with pytest.raises(ValueError, match="scale is 0"):
        drawn(scale=0)
