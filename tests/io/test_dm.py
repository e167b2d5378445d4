"""DigitalMicrograph files, built tag by tag."""

import contextlib
import struct
import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from em_inverse.errors import EmInverseError, FileFormatError, GeometryError, ParameterError
from em_inverse.io import read_tilt_series
from em_inverse.io.dm_tags import DmArray, dm_text, read_dm_tags

IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)
ANGLES = [-60.0, 0.0, 60.0]
DATA_TYPES = {
    "i2": 1,
    "f4": 2,
    "u1": 6,
    "i4": 7,
    "i1": 9,
    "u2": 10,
    "u4": 11,
    "f8": 12,
    "i8": 39,
    "u8": 40,
}
TAG_TYPES = {
    "i2": 2,
    "i4": 3,
    "u2": 4,
    "u4": 5,
    "f4": 6,
    "f8": 7,
    "i1": 9,
    "u1": 10,
    "i8": 11,
    "u8": 12,
}


@dataclass
class Raw:
    """A tag whose info block and bytes are given as they are."""

    info: list
    data: bytes = b""


class Writer:
    """Writes nested dictionaries (names) and lists (unnamed) as a DigitalMicrograph file."""

    def __init__(self, version=3, order="<"):
        self.version, self.order = version, order
        self.count = ">i" if version == 3 else ">q"

    def file(self, root):
        body = self.group(root)
        little = 1 if self.order == "<" else 0
        return (
            struct.pack(">i", self.version)
            + struct.pack(self.count, len(body))
            + struct.pack(">i", little)
            + body
            + b"\0" * 8
        )

    def group(self, entries):
        pairs = entries.items() if isinstance(entries, dict) else [("", one) for one in entries]
        tags = b"".join(self.tag(name, value) for name, value in pairs)
        return b"\1\0" + struct.pack(self.count, len(pairs)) + tags

    def tag(self, name, value):
        nested = isinstance(value, dict | list)
        body = self.group(value) if nested else self.data(value)
        head = struct.pack(">BH", 20 if nested else 21, len(name.encode("latin-1")))
        length = struct.pack(">q", len(body)) if self.version == 4 else b""
        return head + name.encode("latin-1") + length + body

    def data(self, value):
        if isinstance(value, Raw):
            info, raw = value.info, value.data
        elif isinstance(value, str):
            raw = value.encode("utf-16-le" if self.order == "<" else "utf-16-be")
            info = [20, 4, len(raw) // 2]
        elif isinstance(value, np.ndarray):
            kind = TAG_TYPES[value.dtype.newbyteorder("=").str[1:]]
            info = [20, kind, value.size]
            raw = value.astype(value.dtype.newbyteorder(self.order)).tobytes()
        elif isinstance(value, tuple):
            info = [15, 0, len(value)] + [n for _ in value for n in (0, 6)]
            raw = struct.pack(self.order + "f" * len(value), *value)
        elif isinstance(value, bool):
            info, raw = [8], struct.pack("?", value)
        elif isinstance(value, int):
            info, raw = [5], struct.pack(self.order + "I", value)
        else:
            info, raw = [7], struct.pack(self.order + "d", value)
        blocks = b"".join(struct.pack(self.count, number) for number in [len(info), *info])
        return b"%%%%" + blocks + raw


def image(data, scale=0.5, units="nm", origin=0.0, name="HAADF", tags=None, depth=None):
    """The tags of one image; `depth` calibrates the third axis as (origin, scale, units)."""
    pixel = {"Origin": origin, "Scale": scale, "Units": units}
    axes = [dict(pixel) for _ in range(data.ndim)]
    if depth is not None:
        axes[2] = {"Origin": depth[0], "Scale": depth[1], "Units": depth[2]}
    return {
        "Name": name,
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""},
                "Dimension": axes,
                "DisplayCalibratedUnits": True,
            },
            "Data": data.ravel(),
            "DataType": DATA_TYPES[data.dtype.str[1:]],
            "Dimensions": list(data.shape[::-1]),
            "PixelDepth": data.dtype.itemsize,
        },
        "ImageTags": tags or {},
        "UniqueID": [1, 2, 3, 4],
    }


def preview():
    """The colour thumbnail that DigitalMicrograph puts first."""
    entry = image(np.zeros((2, 2), np.int32), name="preview")
    entry["ImageData"]["DataType"] = 23
    return entry


def document(*images):
    """A whole file, with the kinds of tag that surround the images."""
    return {
        "ApplicationBounds": (0.0, 0.0, 971.0, 1900.0),
        "DocumentObjectList": [{"AnnotationType": 20, "Font": Raw([18, 5], b"Arial")}],
        "Clips": Raw([20, 15, 0, 2, 0, 2, 0, 2, 3], b"\0" * 12),
        "ImageList": [preview(), *images],
        "InImageMode": True,
        "Thumbnails": [{"ImageIndex": 0, "SourceSize_Pixels": (2.0, 2.0)}],
    }


def stage(alpha):
    return {"Microscope Info": {"Stage Position": {"Stage Alpha": alpha}, "Voltage": 3e5}}


def save(path, *images, order="<"):
    version = 4 if path.suffix == ".dm4" else 3
    path.write_bytes(Writer(version, order).file(document(*images)))
    return path


@pytest.mark.parametrize("suffix", [".dm3", ".dm4"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_stack_with_calibrated_tilts(tmp_path, suffix, order):
    path = save(tmp_path / f"a{suffix}", image(IMAGES, depth=(1.0, 60.0, "°")), order=order)
    series = read_tilt_series(path)
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.projections.dtype == np.float32
    assert series.angles_deg.tolist() == ANGLES
    assert series.metadata["angle_source"] == f"axes of a{suffix}"
    assert series.pixel_size_nm == 0.5
    assert series.metadata["dataset"] == "HAADF"
    assert "image 'preview' is colour and is left out" not in series.metadata["notes"]


@pytest.mark.parametrize("kind", sorted(DATA_TYPES))
def test_every_type_of_number_comes_back(tmp_path, kind):
    low, high = (0, 100) if kind.startswith("u") else (-100, 100)
    images = np.linspace(low, high, 60).reshape(3, 4, 5).astype(kind)
    path = save(tmp_path / "a.dm4", image(images))
    read = read_tilt_series(path, ANGLES, tilt_axis="horizontal").projections
    np.testing.assert_array_equal(read, images)
    assert read.dtype == (np.float64 if kind == "f8" else np.float32)


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        (0.25, "nm", 0.25),
        (-0.25, "nm", 0.25),
        (2.0, "µm", 2000.0),
        (2.0, "um", 2000.0),
        (2.0, "Å", 0.2),
        (2.0, "pm", 2e-3),
        (2.0, "", None),
        (2.0, "1/nm", None),
        (0.0, "nm", None),
    ],
)
def test_pixel_size_units(tmp_path, scale, units, expected):
    path = save(tmp_path / "a.dm3", image(IMAGES, scale, units))
    series = read_tilt_series(path, ANGLES)
    assert series.pixel_size_nm == (None if expected is None else pytest.approx(expected))
    notes = " ".join(series.metadata["notes"])
    assert ("diffraction" in notes) == (units == "1/nm")
    assert ("implausible" in notes) == (scale == 0)


def test_single_image_takes_the_tilt_of_the_stage(tmp_path):
    path = save(tmp_path / "a.dm3", image(IMAGES[0], tags=stage(-34.5)))
    series = read_tilt_series(path)
    assert series.projections.shape == (1, 5, 4)
    assert series.angles_deg.tolist() == [-34.5]
    assert series.metadata["angle_source"] == "stage tilt noted in a.dm3"


def test_one_tilt_for_many_images_is_noted_and_not_used(tmp_path):
    path = save(tmp_path / "a.dm3", image(IMAGES, tags=stage(-34.5)))
    with pytest.raises(GeometryError, match="no tilt angles"):
        read_tilt_series(path)
    series = read_tilt_series(path, ANGLES)
    assert series.metadata["stage_alpha_deg"] == -34.5
    assert any("one stage tilt, -34.5°, for 3 images" in one for one in series.metadata["notes"])


@pytest.mark.parametrize(
    "listed",
    [
        np.array(ANGLES),
        np.array(ANGLES, np.float32),
        [-60.0, 0.0, 60.0],
        {"a": -60.0, "b": 0.0, "c": 60.0},
    ],
)
def test_angles_listed_among_the_tags(tmp_path, listed):
    tags = {"Tomography": {"Tilt Angles": listed, "Theta": "none"}}
    path = save(tmp_path / "a.dm4", image(IMAGES, tags=tags, depth=(0.0, 1.0, "deg")))
    series = read_tilt_series(path)
    assert series.angles_deg.tolist() == ANGLES
    assert series.metadata["angle_source"] == "tag 'Tilt Angles' of a.dm4"


def test_lists_that_cannot_be_angles_are_passed_over(tmp_path):
    tags = {
        "Tilts": np.array([1.0, 2.0]),
        "Alpha": np.array([0.0, 0.0, 0.0]),
        "Tilt": ["a", "b", "c"],
        "Theta": {"x": np.array(ANGLES)},
    }
    path = save(tmp_path / "a.dm4", image(IMAGES, tags=tags))
    with pytest.raises(GeometryError, match="no tilt angles"):
        read_tilt_series(path)


def test_of_several_images_one_is_named(tmp_path):
    path = save(
        tmp_path / "a.dm3",
        image(IMAGES, name="HAADF"),
        image(IMAGES + 1, name="HAADF"),
        image(IMAGES[0], name=""),
    )
    with pytest.raises(ParameterError, match=r"'HAADF \(2\)' \(3, 4, 5\)"):
        read_tilt_series(path, ANGLES)
    second = read_tilt_series(path, ANGLES, dataset="HAADF (2)")
    np.testing.assert_array_equal(second.projections, (IMAGES + 1).transpose(0, 2, 1))
    assert read_tilt_series(path, [5.0], dataset="image 3").n_tilts == 1


def test_four_axes_count_when_one_is_of_length_one(tmp_path):
    path = save(tmp_path / "a.dm4", image(IMAGES[np.newaxis]))
    assert read_tilt_series(path, ANGLES).projections.shape == (3, 5, 4)
    path = save(tmp_path / "b.dm4", image(np.zeros((2, 2, 2, 2), np.float32)))
    with pytest.raises(FileFormatError, match="no array with 2 or 3 axes"):
        read_tilt_series(path, ANGLES)


def test_what_is_no_image_of_real_numbers_is_said(tmp_path):
    spectrum = image(IMAGES, depth=(0.0, 0.5, "eV"))
    with pytest.raises(FileFormatError, match="spectra"):
        read_tilt_series(save(tmp_path / "a.dm3", spectrum), ANGLES)
    fourier = image(IMAGES)
    fourier["ImageData"]["DataType"] = 3
    with pytest.raises(FileFormatError, match="no array"):
        read_tilt_series(save(tmp_path / "b.dm3", fourier), ANGLES)
    series = read_tilt_series(save(tmp_path / "c.dm3", fourier, image(IMAGES, name="b")), ANGLES)
    assert "image 'HAADF' is complex and is left out" in series.metadata["notes"]
    (tmp_path / "d.dm3").write_bytes(Writer().file({"Text": "hello"}))
    with pytest.raises(FileFormatError, match="no list of images"):
        read_tilt_series(tmp_path / "d.dm3", ANGLES)


def test_sizes_that_contradict_each_other(tmp_path):
    entry = image(IMAGES)
    entry["ImageData"]["Dimensions"] = [5, 4, 2**31 - 1]
    with pytest.raises(FileFormatError, match="holds 120 bytes"):
        read_tilt_series(save(tmp_path / "a.dm3", entry), ANGLES)
    entry["ImageData"]["Dimensions"] = []
    with pytest.raises(FileFormatError, match="lengths"):
        read_tilt_series(save(tmp_path / "b.dm3", entry), ANGLES)
    entry["ImageData"]["Data"] = 3.0
    with pytest.raises(FileFormatError, match="no numbers"):
        read_tilt_series(save(tmp_path / "c.dm3", entry), ANGLES)


@pytest.mark.parametrize("version", [3, 4])
def test_tags_of_every_kind(tmp_path, version):
    path = tmp_path / "a.dm"
    tags = {
        "truth": True,
        "number": 7,
        "text": "Ångström",
        "rectangle": (1.0, 2.0),
        "font": Raw([18, 5], b"Arial"),
        "points": Raw([20, 15, 0, 2, 0, 2, 0, 6, 2], struct.pack("<hfhf", 1, 2.0, 3, 4.0)),
        "list": [1, 2],
    }
    path.write_bytes(Writer(version).file(tags))
    read = read_dm_tags(path)
    assert (read["truth"], read["number"], read["font"]) == (1, 7, "Arial")
    assert read["rectangle"] == (1.0, 2.0)
    assert read["list"] == {"0": 1, "1": 2}
    assert dm_text(read["text"]) == "Ångström"
    assert dm_text("plain") == "plain"
    assert dm_text(read["number"]) == ""
    assert read["points"].load().tolist() == [(1, 2.0), (3, 4.0)]
    long = DmArray(path, np.dtype("u2"), 10**6, 0)
    assert dm_text(long) == ""


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Raw([20, 6, 2**30]), "announces"),
        (Raw([20, 6, -1]), "announces"),
        (Raw([20, 99, 1]), "array of the unknown type"),
        (Raw([20, 15, 0, 1, 0, 6]), "states no length"),
        (Raw([20, 6]), "unknown type 20"),
        (Raw([99]), "unknown type 99"),
        (Raw([18, 2**30]), "announces"),
        (Raw([15, 0, 2, 0, 6]), "structure"),
        (Raw([15, 0, 1, 0, 99]), "structure"),
        (Raw([15, 0, -1]), "structure"),
        (Raw([2, 2], b"\0\0"), "too long"),
        (Raw([]), "is empty"),
        (Raw([2] * 2000), "info block"),
    ],
)
def test_damaged_tags_are_named(tmp_path, bad, said):
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer().file({"odd": bad}))
    with pytest.raises(FileFormatError, match=said):
        read_dm_tags(path)


def test_damaged_headers_and_bombs(tmp_path):
    path = tmp_path / "a.dm3"

    def refused(raw, said):
        path.write_bytes(raw)
        began = time.process_time()
        with pytest.raises(FileFormatError, match=said):
            read_dm_tags(path)
        assert time.process_time() - began < 20

    good = Writer().file({"a": 1})
    refused(b"\0\0\0\2" + good[4:], "version is 2")
    refused(good[:8] + b"\0\0\0\7" + good[12:], "byte order is 7")
    refused(good[:14] + b"\x7f\xff\xff\xff" + good[18:], "a number of tags")
    refused(good[:18] + b"\x09" + good[19:], "of kind 9")
    refused(good.replace(b"%%%%", b"%%%x"), "lack their mark")
    deep = {}
    for _ in range(100):
        deep = {"": deep}
    refused(Writer().file(deep), "nested more than")
    wide = {"g": [[0] * 40_000, [0] * 40_000, [0] * 40_000]}
    refused(Writer().file(wide), "more than 100,000 tags")


def test_cut_anywhere_it_is_refused(tmp_path):
    whole = save(tmp_path / "a.dm4", image(IMAGES, tags=stage(1.0))).read_bytes()
    path = tmp_path / "b.dm4"
    end_mark = 8
    for length in range(1, len(whole) - end_mark, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_tilt_series(path, ANGLES)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), value=st.integers(1, 255), version=st.sampled_from([3, 4]))
def test_flipped_bytes_end_in_data_or_a_typed_error(tmp_path, place, value, version):
    path = save(tmp_path / f"a.dm{version}", image(IMAGES, tags=stage(1.0)))
    raw = bytearray(path.read_bytes())
    raw[place % len(raw)] ^= value
    path.write_bytes(raw)
    began = time.process_time()
    with contextlib.suppress(EmInverseError):
        assert read_tilt_series(path, ANGLES).n_tilts == 3
    assert time.process_time() - began < 20


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    version=st.sampled_from([3, 4]),
    kind=st.sampled_from(["i2", "f4", "u1", "i4", "u2", "f8"]),
    shape=st.tuples(st.integers(2, 4), st.integers(2, 6), st.integers(2, 6)),
    scale=st.floats(0.01, 10),
)
def test_another_reader_agrees(tmp_path, version, kind, shape, scale):
    dm = pytest.importorskip("ncempy.io.dm")
    images = np.random.default_rng(1).integers(0, 100, shape).astype(kind)
    tags = document(image(images, scale))
    # That reader takes the length of a plain text in version 4 for four bytes.
    del tags["DocumentObjectList"]
    path = tmp_path / f"a.dm{version}"
    path.write_bytes(Writer(version).file(tags))
    theirs = dm.dmReader(path)
    ours = read_tilt_series(path, np.arange(shape[0]), tilt_axis="horizontal")
    np.testing.assert_array_equal(ours.projections, theirs["data"])
    assert ours.pixel_size_nm == pytest.approx(theirs["pixelSize"][-1], rel=1e-5)


def test_folder_of_tilts(tmp_path):
    for index, angle in enumerate(ANGLES):
        save(tmp_path / f"needle_{index:03d}.dm3", image(IMAGES[index], tags=stage(angle)))
    series = read_tilt_series(tmp_path)
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.angles_deg.tolist() == ANGLES
