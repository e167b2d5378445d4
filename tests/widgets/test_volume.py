import json
import threading

import numpy as np
import pytest

from em_inverse import phantoms
from em_inverse.errors import DataError, ParameterError
from em_inverse.tilt_series import Reconstruction
from em_inverse.widgets import presentation, runs

pytest.importorskip("anywidget")
from em_inverse.widgets.volume import SCRIPTS, VolumeView
from em_inverse.widgets.volume_data import block_ranges, counts, to_bytes
from em_inverse.widgets.volume_state import opening_view


@pytest.fixture(scope="module")
def ball():
    return phantoms.sphere(16, radius=5)


@pytest.fixture
def shown(ball):
    made = VolumeView(ball, pixel_size_nm=0.5, level=16, name="under test")
    yield made
    made.close()


def says(view, **message):
    view._handle_custom_msg(message, [])


def test_a_frame_carries_bytes_and_what_they_mean(shown, ball):
    frame = shown.frame
    assert frame["number"] == 1
    assert frame["shape"] == frame["voxels"] == [16, 16, 16]
    assert frame["pixel_size_nm"] == 0.5
    values = np.frombuffer(frame["data"], np.uint8).reshape(16, 16, 16)
    np.testing.assert_array_equal(values, to_bytes(ball, tuple(frame["window"])))
    lowest, highest = block_ranges(values)
    assert frame["cells"] == [2, 2, 2]
    assert (frame["lowest"], frame["highest"]) == (lowest.tobytes(), highest.tobytes())
    np.testing.assert_array_equal(np.frombuffer(frame["counts"], "<f4"), counts(values))


def test_y_runs_fastest_in_the_bytes(shown):
    volume = np.zeros((8, 9, 10))
    volume[2, 3, 4] = 1.0
    shown.show(volume, (0, 1))
    says(shown, kind="drawn", number=1)
    assert shown.frame["shape"] == [8, 9, 10]
    assert np.flatnonzero(np.frombuffer(shown.frame["data"], np.uint8)) == (2 * 9 + 3) * 10 + 4


def test_a_large_volume_is_sent_small_and_keeps_its_size_in_nm(shown):
    shown.show(np.random.default_rng(0).random((40, 20, 30)))
    says(shown, kind="drawn", number=1)
    assert shown.frame["shape"] == [14, 7, 10]
    assert shown.frame["voxels"] == [40, 20, 30]
    assert len(shown.frame["data"]) == 14 * 7 * 10
    says(shown, kind="drawn", number=2)
    shown.show(np.zeros((40, 20, 30)), level=8)
    assert max(shown.frame["shape"]) == 8


def test_the_page_says_drawn_before_the_next_volume_goes(shown, ball):
    for factor in (2, 3, 4):
        shown.show(factor * ball, "auto")
    assert (shown.frame["number"], shown.drawn) == (1, 0)
    says(shown, kind="drawn", number=1)
    assert (shown.frame["number"], shown.drawn) == (2, 1)
    assert shown.frame["window"] == [0.0, 4.0]


def test_colours_do_not_flicker(shown, ball):
    assert shown.get_view()["window"] == [0.0, 1.0]
    for factor, high in ((1.05, 1.0), (0.6, 1.0), (1.5, 1.5), (0.4, pytest.approx(0.4))):
        shown.show(factor * ball)
        assert shown.get_view()["window"] == [0.0, high]


def test_a_window_that_was_asked_for_stays(ball):
    made = VolumeView(ball, window=(0, 10), name="under test")
    made.show(100 * ball)
    assert made.get_view()["window"] == [0.0, 10.0]
    made.show(ball, (0, 2))
    made.show(100 * ball)
    assert made.get_view()["window"] == [0.0, 2.0]
    made.show(100 * ball, "auto")
    assert made.get_view()["window"] == [0.0, 100.0]
    made.close()


def test_a_volume_may_change_after_it_was_shown(shown):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[0] = 1
    shown.show(volume, (0, 1))
    volume[:] = 1
    says(shown, kind="drawn", number=1)
    assert np.frombuffer(shown.frame["data"], np.uint8).sum() == 64 * 255


def test_a_reconstruction_brings_its_pixel_size(ball):
    made = VolumeView(Reconstruction(ball, "SIRT", pixel_size_nm=0.7), name="under test")
    assert made.frame["pixel_size_nm"] == 0.7
    made.close()


def test_a_view_goes_round_through_json(shown, ball):
    shown.set_view({"mode": "iso", "camera": {"azimuth_deg": 10}, "slices": {"shown": True}})
    text = json.dumps(shown.get_view())
    other = VolumeView(name="another")
    other.set_view(json.loads(text))
    assert json.dumps(other.get_view()) == text
    other.show(1.05 * ball)
    assert other.get_view()["window"] == [0.0, 1.0]
    other.close()


def test_a_bad_view_changes_nothing(shown):
    before = shown.get_view()
    with pytest.raises(ParameterError, match="zoom"):
        shown.set_view({"mode": "mip", "camera": {"zoom": -1}})
    with pytest.raises(ParameterError, match="window"):
        shown.set_view({"mode": "mip", "window": [1, 0]})
    assert shown.get_view() == before


def test_surface_and_curve_follow_the_histogram_until_set_by_hand(ball):
    made = VolumeView(name="under test")
    assert made.view["iso"] == 0.5
    made.show(ball, (0, 4))
    low = made.view["iso"]
    assert 0.05 < low < 0.2
    assert made.view["opacity"][0][0] < low
    made.set_view({"iso": 0.2})
    made.show(ball, (0, 1))
    assert made.view["iso"] == 0.2
    says(made, kind="fit")
    assert made.view["iso"] == pytest.approx(0.5, abs=0.1)
    made.close()


def test_camera_and_cuts_stay_when_a_new_volume_comes(shown, ball):
    shown.set_view({"camera": {"azimuth_deg": 77}, "clip": {"z": [0.2, 0.8]}, "mode": "mip"})
    before = shown.get_view()
    shown.show(3 * ball, "auto")
    after = shown.get_view()
    assert {**after, "window": None} == {**before, "window": None}


def test_any_thread_may_show(shown, ball):
    threads = [threading.Thread(target=shown.show, args=(k * ball, (0, 1))) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    says(shown, kind="drawn", number=1)
    assert shown.frame["number"] == 2


def test_nothing_is_shown_after_close(shown, ball):
    frame = shown.frame
    shown.close()
    shown.show(2 * ball)
    says(shown, kind="drawn", number=1)
    assert shown.frame is frame
    assert shown.comm is None


def test_the_cell_run_again_leaves_one(shown, ball):
    again = VolumeView(ball, name="under test")
    assert shown.comm is None
    assert runs._places["under test"] is again
    again.close()
    assert "under test" not in runs._places


def test_large_type_follows_the_presentation(shown, monkeypatch):
    monkeypatch.setattr(presentation, "_scale", [])
    with presentation.present():
        assert shown.scale == 2.0
    assert shown.scale == 1.0
    says(shown, kind="large", on=True)
    assert shown.scale == 2.0


def test_other_messages_are_ignored(shown):
    says(shown, kind="gossip")
    shown._handle_custom_msg("hello", [])
    assert (shown.drawn, shown.view["mode"]) == (0, "volume")


def test_the_sentence_for_those_who_cannot_see_it_does_not_depend_on_the_data(shown, ball):
    sentence = shown._repr_mimebundle_()[0]["text/plain"]
    assert sentence.startswith("Volume view: under test. ")
    shown.show(2 * ball, "auto")
    assert shown._repr_mimebundle_()[0]["text/plain"] == sentence


def test_the_description_tells_size_and_values(shown):
    assert "16 × 16 × 16 voxels" in shown.description
    assert "8 × 8 × 8 nm" in shown.description
    assert "from 0 to 1" in shown.description
    share = float(shown.description.split("; ")[-1].split(". ")[-1].split("%")[0])
    assert share == pytest.approx(100 * (4 / 3) * np.pi * 5**3 / 16**3, rel=0.1)
    empty = VolumeView(name="empty")
    assert empty.description == "No volume is shown yet."
    assert empty.get_view()["window"] is None
    assert empty.snapshot().axes
    empty.close()


def test_a_snapshot_follows_the_view(shown):
    shown.set_view({"mode": "iso", "iso": 0.5})
    titles = [ax.get_title(loc="left") for ax in shown.snapshot(dpi=30).axes]
    assert titles[0] == "The surface at 0.5"
    shown.set_view({"mode": "mip", "slices": {"y": 0.25}})
    titles = [ax.get_title(loc="left") for ax in shown.snapshot(dpi=30).axes]
    assert titles[:2] == ["The maximum along the line of sight", "z, x at y = 2 nm"]


def test_a_picture_is_what_the_view_shows_without_its_frame(shown, ball):
    shown.set_view({"mode": "mip"})
    picture = shown.picture(64)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    assert picture[32, 32].min() > 200 > picture[0, 0].max()
    shown.show(np.roll(ball, 6, axis=1))
    assert not np.array_equal(shown.picture(64), picture)
    with pytest.raises(ParameterError, match="size is 4"):
        shown.picture(4)
    empty = VolumeView(name="nothing to show")
    assert np.ptp(empty.picture(16)) < 20
    empty.close()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"volume": np.ones((4, 4))}, DataError, "volume has shape"),
        ({"volume": np.full((4, 4, 4), np.inf)}, DataError, "volume holds 64"),
        ({"level": 4}, ParameterError, "level is 4"),
        ({"mode": "x-ray"}, ParameterError, "mode is"),
        ({"pixel_size_nm": 0}, ParameterError, "pixel_size_nm is 0"),
        ({"window": (1, 1)}, ParameterError, "window is"),
        ({"height": -1}, ParameterError, "height is -1"),
        ({"graphics": "paper"}, ParameterError, "graphics is 'paper'"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        VolumeView(name="refused", **arguments)
    assert "refused" not in runs._places


def test_the_scripts_make_one_module_that_asks_nobody():
    script = str(VolumeView._esm)
    assert script.count("export ") == script.count("export default { render }") == 1
    assert "import " not in script
    assert "http" not in script
    assert ".em-volume" in str(VolumeView._css)
    assert len(SCRIPTS) == 4


def test_the_opening_view_is_where_the_page_goes_back_to(shown):
    assert shown.home == opening_view()["camera"]
