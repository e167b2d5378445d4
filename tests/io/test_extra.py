"""Formats beyond our own, through a stand-in for rosettasciio and through the real one."""

import sys
import textwrap

import numpy as np
import pytest

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io import extra, read_tilt_series

IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)
ANGLES = [-60.0, 0.0, 60.0]
PACKAGE = textwrap.dedent(
    """
    __version__ = "0.0"
    IO_PLUGINS = [
        {"api": "rsciio.image", "file_extensions": ["odd", "gif"]},
        {"api": "rsciio.broken", "file_extensions": ["odd"]},
        {"api": "rsciio.odd", "file_extensions": ["ODD"]},
        {"api": "rsciio.broken", "file_extensions": ["bad"]},
    ]
    """
)
PLUGIN = textwrap.dedent(
    """
    import numpy as np, warnings
    def file_reader(path):
        warnings.warn("chatter")
        data = np.load(open(path, "rb"))
        pixel = {"name": "x", "units": "nm", "scale": 0.5, "offset": 0.0, "size": 5}
        first = {"name": "", "units": "", "scale": 1.0, "offset": 0.0, "size": 3}
        listed = {"name": "Tilt", "units": "deg", "axis": np.array([-60.0, 0.0, 60.0])}
        general = {"General": {"title": "needle"}}
        stage = {"Acquisition_instrument": {"TEM": {"Stage": {"tilt_alpha": 4.0}}}}
        tomo = {"Tomography": {"tilts": np.array([-50.0, 0.0, 50.0])}}
        return [
            {"data": data, "axes": [first, pixel, pixel], "metadata": {**general, **tomo}},
            {"data": data[0], "axes": [pixel, pixel], "metadata": {**general, **stage}},
            {"data": data + 1, "axes": [listed, pixel, pixel], "metadata": {}},
            {"data": data.astype(complex), "axes": [first, pixel, pixel]},
        ]
    """
)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A package called rsciio in front of any other."""
    package = tmp_path / "modules" / "rsciio"
    (package / "odd").mkdir(parents=True)
    (package / "broken").mkdir()
    (package / "__init__.py").write_text(PACKAGE)
    (package / "odd" / "__init__.py").write_text(PLUGIN)
    (package / "broken" / "__init__.py").write_text("def file_reader(path): raise ValueError('no')")
    monkeypatch.syspath_prepend(package.parent)
    np.save(tmp_path / "a.npy", IMAGES)
    return (tmp_path / "a.npy").rename(tmp_path / "a.odd")


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("em_inverse.io.extra.importlib.util.find_spec", lambda name: None)
    (tmp_path / "a.odd").write_bytes(b"x")
    with pytest.raises(FileFormatError, match=r"pip install 'em-inverse\[formats\]'"):
        read_tilt_series(tmp_path / "a.odd")
    with pytest.raises(FileFormatError, match=r"pip install 'em-inverse\[formats\]'"):
        extra.read_extra_series(tmp_path / "a.odd")


def test_signals_are_read_in_a_process_of_their_own(stand_in):
    series = read_tilt_series(stand_in, dataset="needle")
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.angles_deg.tolist() == [-50.0, 0.0, 50.0]
    assert series.metadata["angle_source"] == "metadata of a.odd"
    assert series.metadata["reader"] == "rosettasciio 0.0, odd"
    assert series.pixel_size_nm == 0.5
    single = read_tilt_series(stand_in, dataset="needle (1)")
    assert single.angles_deg.tolist() == [4.0]
    listed = read_tilt_series(stand_in, dataset="signal 2")
    assert listed.angles_deg.tolist() == ANGLES
    with pytest.raises(ParameterError, match=r"'needle'.*'needle \(1\)'.*'signal 2'"):
        read_tilt_series(stand_in)
    assert "rsciio.odd" not in sys.modules


def test_unknown_endings_and_failing_plugins(stand_in):
    with pytest.raises(FileFormatError, match="neither by the kit nor by rosettasciio"):
        read_tilt_series(stand_in.rename(stand_in.with_suffix(".gif")))
    gif = stand_in.with_suffix(".gif")
    with pytest.raises(FileFormatError, match=r"a \.bad file by rosettasciio .ValueError: no"):
        read_tilt_series(gif.rename(gif.with_suffix(".bad")))


def test_the_real_package_reads_a_format_of_its_own(tmp_path):
    ripple = pytest.importorskip("rsciio.ripple")
    axes = [
        {"name": n, "units": u, "scale": s, "offset": o, "size": k, "navigate": v}
        for n, u, s, o, k, v in (
            ("tilt", "deg", 60.0, -60.0, 3, True),
            ("y", "nm", 0.5, 0.0, 4, False),
            ("x", "nm", 0.5, 0.0, 5, False),
        )
    ]
    metadata = {"General": {"title": "needle"}, "Signal": {"signal_type": ""}}
    signal = {"data": IMAGES, "axes": axes, "metadata": metadata, "original_metadata": {}}
    ripple.file_writer(tmp_path / "a.rpl", signal)
    series = read_tilt_series(tmp_path / "a.rpl", ANGLES, tilt_axis="horizontal")
    assert sorted(series.projections.ravel()) == sorted(IMAGES.ravel())
