import builtins
import importlib.util

import numpy as np
import pytest

from em_inverse import phantoms
from em_inverse.errors import DataError, ParameterError
from em_inverse.tilt_series import Reconstruction
from em_inverse.widgets import runs

pytest.importorskip("anywidget")
from em_inverse.widgets import explore
from em_inverse.widgets.volume import VolumeView


@pytest.fixture(scope="module")
def needle():
    return phantoms.needle(24, 32)


@pytest.fixture
def no_k3d(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "k3d" else find(name, *a)
    )


def test_without_k3d_the_own_view_opens_and_says_how_to_have_it(no_k3d, needle):
    with pytest.warns(UserWarning, match=r"em-inverse\[view\]"):
        shown = explore(needle, pixel_size_nm=2, iso=0.25, keep=0.5, title="Needle", height=300)
    assert isinstance(shown, VolumeView)
    assert shown.get_view()["clip"]["y"] == [0.0, 0.5]
    assert shown.get_view()["iso"] == pytest.approx(0.25, abs=0.01)
    assert (shown.title, shown.height, shown.pixel_size_nm) == ("Needle", 300, 2.0)
    shown.close()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"volume": np.ones((4, 4))}, DataError, "volume has shape"),
        ({"keep": 1.5}, ParameterError, "keep is 1.5"),
        ({"window": (1, 0)}, ParameterError, "window is"),
        ({"iso": "high"}, ParameterError, "iso is 'high'"),
        ({"level": 1000}, ParameterError, "level is 1000"),
        ({"height": 2}, ParameterError, "height is 2"),
        ({"pixel_size_nm": -1}, ParameterError, "pixel_size_nm is -1"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        explore(**{"volume": np.ones((8, 8, 8)), **arguments})


def test_k3d_is_not_imported_with_the_widgets(monkeypatch, no_k3d, needle):
    real = builtins.__import__

    def deny(name, *rest):
        assert name != "k3d"
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", deny)
    with pytest.warns(UserWarning, match="k3d"):
        explore(needle).close()


class TestWithK3d:
    @pytest.fixture(autouse=True)
    def _k3d(self):
        pytest.importorskip("k3d")

    @pytest.fixture
    def plot(self, needle):
        made = explore(Reconstruction(needle, "SIRT", pixel_size_nm=2.0), iso=0.25, keep=0.5)
        yield made
        runs._places["explore"].close()
        runs.leave("explore", runs._places["explore"])

    def test_volume_surface_and_plane_are_there(self, plot, needle):
        volume, surface = plot.objects
        # k3d indexes [z, y, x].
        assert volume.volume.shape == (24, 32, 24)
        np.testing.assert_allclose(volume.volume, needle.transpose(0, 2, 1), atol=1e-3)
        assert volume.color_range == pytest.approx([0.0, 1.0])
        assert surface.level == pytest.approx(0.25)
        assert (volume.visible, surface.visible) == (True, False)
        assert np.asarray(plot.clipping_planes).tolist() == [[0, -1, 0, 32]]

    def test_axes_are_in_nm(self, plot):
        corner = np.asarray(plot.objects[0].model_matrix).reshape(4, 4) @ [0.5, 0.5, 0.5, 1]
        np.testing.assert_allclose(corner[:3], [48, 64, 48])
        assert plot.axes == [rf"\text{{{axis} (nm)}}" for axis in "xyz"]

    def test_the_beam_points_down(self, plot):
        position, target, up = np.asarray(plot.camera).reshape(3, 3)
        np.testing.assert_allclose(target, [24, 32, 24])
        assert up[2] < -0.8
        assert position[2] < target[2]

    def test_values_too_large_for_half_precision_stay_whole(self, needle):
        made = explore(1e6 * needle, name="large")
        assert made.objects[0].volume.dtype == np.float32
        runs._places["large"].close()
        runs.leave("large", runs._places["large"])

    def test_the_cell_run_again_leaves_one(self, plot, needle):
        explore(needle)
        assert plot.comm is None
        assert all(part.comm is None for part in plot.objects)
