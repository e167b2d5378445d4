"""Arrays, HyperSpy-like signals and DataArray-like arrays as tilt series."""

from types import SimpleNamespace as Thing

import numpy as np
import pytest

from em_inverse.errors import DataError, GeometryError, ParameterError
from em_inverse.io import as_tilt_series
from em_inverse.io import files as files_module
from em_inverse.tilt_series import TiltSeries

IMAGES = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
ANGLES = [-60.0, 0.0, 60.0]


def axis(size, *, navigate=False, name="", units="", scale=1.0, offset=0.0):
    values = offset + scale * np.arange(size)
    return Thing(axis=values, navigate=navigate, name=name, units=units, scale=scale, offset=offset)


def signal(data=IMAGES, metadata=None, nav=None, **more):
    nav = nav or {}
    image_axes = [axis(n, units="nm", scale=0.5) for n in data.shape[-2:]]
    axes = [axis(data.shape[0], navigate=True, **nav)] if data.ndim == 3 else []
    return Thing(
        data=data,
        axes_manager=Thing(_axes=axes + image_axes),
        metadata=metadata or {},
        **more,
    )


def test_plain_arrays_have_the_kits_axes():
    series = as_tilt_series(IMAGES, ANGLES, pixel_size_nm=2, dose=5)
    np.testing.assert_array_equal(series.projections, IMAGES)
    assert np.shares_memory(series.projections, IMAGES)
    assert (series.pixel_size_nm, series.dose) == (2, 5)
    assert series.metadata["tilt_axis"] == "kit"
    assert series.history == ("taken from a numpy ndarray, angles from argument",)
    turned = as_tilt_series(IMAGES, ANGLES, tilt_axis="vertical")
    np.testing.assert_array_equal(turned.projections, IMAGES.transpose(0, 2, 1))
    kept = as_tilt_series(IMAGES, ANGLES, tilt_axis="horizontal")
    np.testing.assert_array_equal(kept.projections, IMAGES)
    assert as_tilt_series(IMAGES[:, 0].tolist(), ANGLES).projections.shape == (3, 5)


def test_angles_are_needed_and_counted(tmp_path):
    with pytest.raises(GeometryError, match="3 projections states no tilt angles"):
        as_tilt_series(IMAGES)
    with pytest.raises(GeometryError, match="2 entries"):
        as_tilt_series(IMAGES, [0, 1])
    listed = tmp_path / "a.txt"
    listed.write_text("-60 0 60")
    assert as_tilt_series(IMAGES, listed).metadata["angle_source"] == "file a.txt"
    with pytest.raises(ParameterError, match="tilt_axis is 'odd'"):
        as_tilt_series(IMAGES, ANGLES, tilt_axis="odd")


@pytest.mark.parametrize("bad", [np.ones((2, 2), complex), np.ones(3), [[1], [2, 3]], "abc"[0:0]])
def test_what_is_no_array_of_numbers_is_refused(bad):
    with pytest.raises((DataError, OSError)):
        as_tilt_series(bad, [0, 1])


def test_series_and_paths_pass_through(tmp_path):
    series = TiltSeries(IMAGES, ANGLES)
    assert as_tilt_series(series) is series
    changed = as_tilt_series(series, [0, 1, 2], pixel_size_nm=3, dose=4)
    assert (changed.angles_deg[2], changed.pixel_size_nm, changed.dose) == (2, 3, 4)
    assert "given anew" in changed.history[-1]
    np.save(tmp_path / "a.npy", IMAGES)
    assert as_tilt_series(tmp_path / "a.npy", ANGLES, tilt_axis="kit").n_tilts == 3
    assert as_tilt_series(str(tmp_path / "a.npy"), ANGLES).metadata["file"] == "a.npy"


def test_signals_take_angles_from_their_navigation_axis():
    nav = {"name": "Tilt", "units": "°", "scale": 60.0, "offset": -60.0}
    series = as_tilt_series(signal(nav=nav, metadata={"General": {"title": "needle"}}))
    assert series.angles_deg.tolist() == ANGLES
    assert "axis 'Tilt'" in series.metadata["angle_source"]
    assert (series.pixel_size_nm, series.metadata["title"]) == (0.5, "needle")
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    radians = {"name": "tilt", "units": "rad", "scale": np.pi / 3, "offset": -np.pi / 3}
    np.testing.assert_allclose(as_tilt_series(signal(nav=radians)).angles_deg, ANGLES, atol=1e-5)
    kept = as_tilt_series(signal(nav=nav), tilt_axis="kit")
    np.testing.assert_array_equal(kept.projections, IMAGES)
    assert kept.metadata["tilt_axis_source"] == "argument"


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        ({"Tomography": {"tilts": ANGLES}}, "metadata.Tomography.tilts"),
        (
            {"Acquisition_instrument": {"TEM": {"Stage": {"tilt_alpha": ANGLES}}}},
            "metadata.Acquisition_instrument.TEM.Stage.tilt_alpha",
        ),
        (Thing(tilt_angles=np.array(ANGLES)), "metadata.tilt_angles"),
    ],
)
def test_signals_take_angles_from_their_metadata_first(metadata, source):
    nav = {"name": "tilt", "units": "deg", "scale": 2.0}
    series = as_tilt_series(signal(nav=nav, metadata=metadata))
    assert series.angles_deg.tolist() == ANGLES
    assert series.metadata["angle_source"] == source


def test_tilts_of_a_stack_go_first_and_one_stage_angle_suits_one_image():
    own = Thing(data=np.array(ANGLES)[:, None])
    series = as_tilt_series(signal(tilts=own, metadata={"tilts": [1, 2, 3]}))
    assert series.metadata["angle_source"] == "tilts of the stack"
    assert series.angles_deg.tolist() == ANGLES
    stage = {"Acquisition_instrument": {"TEM": {"Stage": {"tilt_alpha": 12.0}}}}
    assert as_tilt_series(signal(IMAGES[0], metadata=stage)).angles_deg.tolist() == [12.0]
    with pytest.raises(GeometryError, match="no tilt angles"):
        as_tilt_series(signal(metadata=stage))


@pytest.mark.parametrize(
    "nav",
    [
        {},
        {"name": "tilt"},
        {"name": "Projections", "units": "degrees"},
        {"name": "time", "units": "s", "scale": 2},
    ],
)
def test_an_axis_that_nobody_calibrated_is_no_list_of_angles(nav):
    with pytest.raises(GeometryError, match="states no tilt angles"):
        as_tilt_series(signal(nav=nav))
    assert as_tilt_series(signal(nav=nav), ANGLES).n_tilts == 3


def test_a_signal_of_lines_is_a_sinogram():
    lines = signal()
    lines.data, lines.axes_manager._axes = IMAGES[:, 0], lines.axes_manager._axes[::2]
    series = as_tilt_series(lines, ANGLES)
    np.testing.assert_array_equal(series.projections, IMAGES[:, 0])
    assert series.metadata["tilt_axis"] == "none"


def test_signals_of_other_dimensions_are_refused():
    with pytest.raises(DataError, match=r"4 axes.*inav"):
        as_tilt_series(signal(np.ones((2, 3, 4, 5))), ANGLES)
    odd = signal()
    odd.axes_manager._axes[1].navigate = True
    with pytest.raises(DataError, match=r"2 navigation axes.*transpose"):
        as_tilt_series(odd, ANGLES)
    spectra = signal()
    spectra.axes_manager._axes[2].units = "eV"
    with pytest.raises(DataError, match="energy"):
        as_tilt_series(spectra, ANGLES)


class Lazy:
    """Looks like a dask array."""

    shape, ndim, dtype = IMAGES.shape, 3, IMAGES.dtype

    def compute(self):
        return IMAGES


def test_lazy_arrays_are_computed_when_memory_allows(monkeypatch):
    series = as_tilt_series(Lazy(), ANGLES)
    np.testing.assert_array_equal(series.projections, IMAGES)
    assert "lazy array was computed" in series.metadata["notes"][0]
    monkeypatch.setattr(files_module, "_physical_memory", lambda: 100)
    with pytest.raises(DataError, match="this machine has 100 bytes"):
        as_tilt_series(Lazy(), ANGLES)


class Coordinates:
    """Looks like the coordinates of an xarray DataArray."""

    def __init__(self, values, units=None):
        self.values = np.asarray(values)
        self.attrs = {} if units is None else {"units": units}

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(dtype) if dtype else self.values


def test_data_arrays_are_ordered_by_the_names_of_their_dimensions():
    array = Thing(
        dims=("y", "angle", "x"),
        coords={"angle": Coordinates(np.radians(ANGLES), "rad")},
        data=IMAGES,
        attrs={"pixel_size_nm": 2.0},
    )
    array.data = IMAGES.transpose(2, 0, 1)
    series = as_tilt_series(array)
    np.testing.assert_array_equal(series.projections, IMAGES)
    np.testing.assert_allclose(series.angles_deg, ANGLES)
    assert series.pixel_size_nm == 2.0
    assert series.metadata["angle_source"] == "coordinates 'angle'"
    slice_ = Thing(dims=("tilt", "x"), coords={}, data=IMAGES[:, 0])
    assert as_tilt_series(slice_, ANGLES).projections.shape == (3, 5)
    with pytest.raises(DataError, match=r"dimensions \('tilt', 'row'\).*rename"):
        as_tilt_series(Thing(dims=("tilt", "row"), coords={}, data=IMAGES[:, 0]), ANGLES)
