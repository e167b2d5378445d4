import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from em_inverse.errors import DataError, ParameterError
from em_inverse.widgets.rendering import BACKGROUND, Eye, opacities, render
from em_inverse.widgets.volume_state import MODES, check_view, opening_view

SIZE = 64
DARK = np.rint(255 * BACKGROUND).astype(np.uint8)


def ball(n=24, centre=(0, 0, 0), radius=0.3, value=255):
    z, x, y = np.mgrid[:n, :n, :n] / (n - 1) - 0.5
    inside = (z - centre[0]) ** 2 + (x - centre[1]) ** 2 + (y - centre[2]) ** 2 < radius**2
    return (value * inside).astype(np.uint8)


def view(mode, **changes):
    return check_view(changes, opening_view(mode))


def middle_of(picture):
    """Right and up of the picture's middle, in picture edges, where the object is seen."""
    rows, columns = np.nonzero((picture != DARK).any(axis=2))
    n = picture.shape[0]
    return columns.mean() / (n - 1) - 0.5, 0.5 - rows.mean() / (n - 1)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_shows_a_ball_in_the_middle(mode):
    picture = render(ball(), view(mode), size=SIZE)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture[SIZE // 2, SIZE // 2].min() > 60
    assert (picture[0, 0] == DARK).all()
    np.testing.assert_array_equal(picture, render(ball(), view(mode), size=SIZE))


def test_the_modes_differ():
    pictures = {render(ball(value=200), view(mode), size=SIZE).tobytes() for mode in MODES}
    assert len(pictures) == len(MODES)


@given(
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.lists(st.floats(-0.25, 0.25), min_size=3, max_size=3),
)
def test_an_object_is_seen_where_the_geometry_says(azimuth, elevation, centre):
    z, x, y = centre
    camera = {"azimuth_deg": azimuth, "elevation_deg": elevation, "zoom": 0.9, "pan": [0.1, -0.05]}
    looked = view("mip", camera=camera)
    found = middle_of(render(ball(32, (z, x, y), radius=0.12), looked, size=SIZE))
    # A centre (n − 1)/2 of n voxels: edges reach half a voxel beyond the outermost centres.
    wanted = Eye(looked["camera"], (32, 32, 32)).project(np.array([x, y, z]) * 31 / 32)
    np.testing.assert_allclose(found, wanted, atol=0.012)


def test_the_axes_are_right_handed_and_the_beam_points_down():
    eye = Eye({"azimuth_deg": 20, "elevation_deg": 0, "zoom": 1, "pan": [0, 0]}, (8, 8, 8))
    right, up, into = eye.axes
    np.testing.assert_allclose(up, [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(np.cross(right, up), -into, atol=1e-12)


def test_a_cut_takes_away_and_shows_the_inside():
    values = ball(radius=0.4, value=250) - ball(radius=0.2, value=150)
    front = {"camera": {"azimuth_deg": 0, "elevation_deg": 0}}
    whole = render(values, view("iso", iso=0.3, **front), size=SIZE)
    half = render(values, view("iso", iso=0.3, clip={"y": [0, 0.5]}, **front), size=SIZE)
    core, shell = half[SIZE // 2, SIZE // 2], half[SIZE // 2, int(0.66 * SIZE)]
    assert core.max() < 0.5 * shell.min(), "the weaker core is seen on the cut face"
    assert whole[SIZE // 2, SIZE // 2].min() > 1.5 * core.max()
    nothing = render(values, view("iso", iso=0.3, clip={"y": [0, 0.05]}, **front), size=SIZE)
    assert (nothing == DARK).all()


def test_a_slice_hides_what_lies_behind_it():
    front = {"camera": {"azimuth_deg": 0, "elevation_deg": 0}}
    behind = ball(centre=(0, 0, -0.3), radius=0.15)
    seen = render(behind, view("iso", **front), size=SIZE)
    hidden = render(behind, view("iso", slices={"shown": True, "y": 0.6}, **front), size=SIZE)
    assert seen[SIZE // 2, SIZE // 2].min() > 100
    assert hidden[SIZE // 2 + 3, SIZE // 2 + 3].max() == 0


def test_more_opacity_hides_more():
    values = np.maximum(ball(radius=0.4, value=128), ball(radius=0.12, value=255))

    def contrast(opacity):
        curve = [[0.3, 0.0], [0.4, opacity], [0.6, opacity], [0.9, 1.0]]
        picture = render(values, view("volume", opacity=curve), size=SIZE)[..., 0].astype(float)
        return picture[SIZE // 2, SIZE // 2] - picture[SIZE // 2, SIZE // 2 + 14]

    assert contrast(0.02) > contrast(0.3) + 10


def test_colour_tables_are_used():
    grey = render(ball(), view("mip"), size=SIZE)
    colour = render(ball(), view("mip", table="dose"), size=SIZE)
    assert np.ptp(grey[SIZE // 2, SIZE // 2]) == 0
    assert np.ptp(colour[SIZE // 2, SIZE // 2]) > 100


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6))
def test_a_curve_stays_within_its_points(points):
    found = opacities(sorted(points))
    heights = [opacity for _, opacity in points]
    assert found.shape == (256,)
    assert min(heights) - 1e-12 <= found.min()
    assert found.max() <= max(heights) + 1e-12


def test_a_flat_box_and_the_worst_angles_are_drawn():
    flat = np.full((3, 40, 9), 255, np.uint8)
    for azimuth, elevation in ((0, 0), (90, 0), (0, 90), (45, -90)):
        camera = {"azimuth_deg": azimuth, "elevation_deg": elevation}
        for mode in MODES:
            picture = render(flat, view(mode, camera=camera), size=SIZE)
            assert (picture[SIZE // 2, SIZE // 2] != DARK).any(), (mode, azimuth, elevation)


def test_what_is_no_volume_of_bytes_is_refused():
    with pytest.raises(DataError, match="3-D array of uint8"):
        render(np.ones((4, 4, 4)), opening_view())
    with pytest.raises(ParameterError, match="size is 4"):
        render(ball(), opening_view(), size=4)
