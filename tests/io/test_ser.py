"""TIA series and the .emi beside them, built byte by byte."""

import contextlib
import struct
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from em_inverse.errors import EmInverseError, FileFormatError, GeometryError, ParameterError
from em_inverse.io import read_tilt_series

IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)
ANGLES = [-60.0, 0.0, 60.0]
TYPES = {"u1": 1, "u2": 2, "u4": 3, "i1": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8}


def series(
    images,
    version=0x0220,
    kind=0x4122,
    axes=((0.0, 1.0, 0, "Number", ""),),
    total=None,
    step=2e-10,
    type_code=None,
):
    """A .ser file; axes as (offset, step, element, description, units)."""
    width = 4 if version == 0x0210 else 8
    code = "I" if width == 4 else "Q"
    total = len(images) if total is None else total
    listed = b""
    for offset, delta, element, name, units in axes:
        listed += struct.pack("<Iddi", total, offset, delta, element)
        for text in (name.encode(), units.encode()):
            listed += struct.pack("<I", len(text)) + text
    place = 2 + 2 + 2 + 4 + 4 + 4 + 4 + width + 4 + len(listed)
    head = struct.pack("<HHHIIII", 0x4949, 0x0197, version, kind, 0x4152, total, len(images))
    head += struct.pack("<" + code, place) + struct.pack("<I", len(axes)) + listed
    start = place + 2 * width * total
    elements, offsets = b"", []
    for image in images:
        offsets.append(start + len(elements))
        number = TYPES[image.dtype.str[1:]] if type_code is None else type_code
        elements += struct.pack("<ddiddi", 0.0, step, 0, 0.0, step, 0)
        elements += struct.pack("<HII", number, image.shape[1], image.shape[0])
        elements += (
            np.ascontiguousarray(image[::-1]).astype(image.dtype.newbyteorder("<")).tobytes()
        )
    tags = start + len(elements)
    elements += b"".join(struct.pack("<HHI", 0x4152, 0, 1_500_000_000) for _ in images)
    padding = [0] * (total - len(images))
    tag_offsets = [tags + 8 * k for k in range(len(images))]
    tables = struct.pack(f"<{2 * total}{code}", *offsets, *padding, *tag_offsets, *padding)
    return head + tables + elements


def description(alpha, unit="deg", extra=""):
    return (
        "<ObjectInfo><Uuid>1</Uuid><ExperimentalDescription><Root>"
        "<Data><Label>High tension</Label><Value>300</Value><Unit>kV</Unit></Data>"
        f"<Data><Label>Stage A</Label><Value>{alpha}</Value><Unit>{unit}</Unit></Data>"
        f"{extra}</Root></ExperimentalDescription></ObjectInfo>"
    ).encode()


def save(path, *args, **options):
    path.write_bytes(series(*args, **options))
    return path


@pytest.mark.parametrize("version", [0x0210, 0x0220])
@pytest.mark.parametrize("kind", sorted(TYPES))
def test_images_stand_upright_in_every_type(tmp_path, version, kind):
    images = (IMAGES % 100).astype(kind)
    read = read_tilt_series(save(tmp_path / "a_1.ser", images, version), ANGLES)
    np.testing.assert_array_equal(read.projections, images.transpose(0, 2, 1))
    assert read.pixel_size_nm == pytest.approx(0.2)
    assert read.metadata["notes"] == []


def test_tilts_from_an_axis_of_the_series(tmp_path):
    path = save(tmp_path / "a.ser", IMAGES, axes=[(0.0, 60.0, 1, "Stage A", "deg")])
    read = read_tilt_series(path)
    assert read.angles_deg.tolist() == ANGLES
    assert read.metadata["angle_source"] == "axis 'Stage A' of a.ser"
    two = save(tmp_path / "b.ser", IMAGES, axes=[(0.0, 60.0, 1, "Stage A", "deg")] * 2)
    with pytest.raises(GeometryError):
        read_tilt_series(two)


@pytest.mark.parametrize(
    ("alpha", "unit", "expected"),
    [
        ("-12.5", "deg", -12.5),
        ("0.5", "rad", np.degrees(0.5)),
        ("3", "", 3.0),
        ("3", "um", None),
        ("none", "deg", None),
        ("1e9", "deg", None),
    ],
)
def test_single_image_takes_stage_a_of_the_emi(tmp_path, alpha, unit, expected):
    path = save(tmp_path / "scan_1.ser", IMAGES[:1])
    (tmp_path / "scan.emi").write_bytes(b"\x01\x02" + description(alpha, unit) + b"\0")
    if expected is None:
        with pytest.raises(GeometryError, match="no tilt angles"):
            read_tilt_series(path)
    else:
        read = read_tilt_series(path)
        assert read.angles_deg == pytest.approx([expected])
        assert read.metadata["High tension"] == "300 kV"


def test_second_detector_takes_the_second_description(tmp_path):
    (tmp_path / "scan.emi").write_bytes(description(1) + b"\0\0" + description(2))
    for number, alpha in ((1, 1.0), (2, 2.0), (3, 1.0)):
        path = save(tmp_path / f"scan_{number}.ser", IMAGES[:1])
        assert read_tilt_series(path).angles_deg.tolist() == [alpha]


def test_the_emi_leads_to_its_series(tmp_path):
    emi = tmp_path / "scan.emi"
    emi.write_bytes(description(7))
    with pytest.raises(FileFormatError, match=r"scan_1\.ser, which is not in its folder"):
        read_tilt_series(emi, ANGLES)
    save(tmp_path / "scan_1.ser", IMAGES)
    read = read_tilt_series(emi, ANGLES)
    assert read.projections.shape == (3, 5, 4)
    assert "one stage tilt, 7°" in read.metadata["notes"][0]
    save(tmp_path / "scan_2.ser", IMAGES + 1)
    with pytest.raises(ParameterError, match=r"'scan_1\.ser', 'scan_2\.ser'"):
        read_tilt_series(emi, ANGLES)
    second = read_tilt_series(emi, ANGLES, dataset="scan_2.ser", tilt_axis="horizontal")
    np.testing.assert_array_equal(second.projections, IMAGES + 1)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"nothing here", "no description"),
        (b"<ObjectInfo><a></ObjectInfo>", "description is damaged"),
        (b'<ObjectInfo><!ENTITY a "b"></ObjectInfo>', "defines entities"),
    ],
)
def test_damaged_emi_is_noted(tmp_path, raw, said):
    path = save(tmp_path / "scan_1.ser", IMAGES)
    (tmp_path / "scan.emi").write_bytes(raw)
    notes = read_tilt_series(path, ANGLES).metadata["notes"]
    assert len(notes) == 1
    assert said in notes[0]


def test_folder_of_single_images_with_their_emi(tmp_path):
    for index, angle in enumerate(ANGLES):
        save(tmp_path / f"needle{index}_1.ser", IMAGES[index : index + 1])
        (tmp_path / f"needle{index}.emi").write_bytes(description(angle))
    read = read_tilt_series(tmp_path)
    np.testing.assert_array_equal(read.projections, IMAGES.transpose(0, 2, 1))
    assert read.angles_deg.tolist() == ANGLES
    assert read.metadata["notes"] == []


def test_stopped_series(tmp_path):
    read = read_tilt_series(save(tmp_path / "a.ser", IMAGES, total=9), ANGLES)
    assert read.metadata["notes"] == ["the series was stopped after 3 of 9 images"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": 0x4120}, "holds spectra"),
        ({"kind": 0x4999}, "unknown kind"),
        ({"type_code": 9}, "complex"),
        ({"type_code": 77}, "unknown type 77"),
        ({"version": 0x0999}, "not a TIA series"),
        ({"axes": [(0, 1, 0, "n", "")] * 9}, "9 axes"),
        ({"axes": [(0, 1, 0, "n" * 5000, "")]}, "5,000 letters"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, options, said):
    with pytest.raises(FileFormatError, match=said):
        read_tilt_series(save(tmp_path / "a.ser", IMAGES, **options), ANGLES)


def test_images_of_several_sizes_are_refused(tmp_path):
    path = save(tmp_path / "a.ser", [IMAGES[0], IMAGES[1][:3]])
    with pytest.raises(FileFormatError, match="image 1 is 3 × 5"):
        read_tilt_series(path, [0, 1])


def test_elements_that_share_their_pixels_are_refused(tmp_path):
    raw = bytearray(series(np.zeros((50, 20, 20), np.uint16)))
    place = raw.index(struct.pack("<Q", len(raw) - 50 * 8 - 50 * (50 + 800)))
    raw[place : place + 400] = raw[place : place + 8] * 50
    cut = tmp_path / "a.ser"
    cut.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(FileFormatError, match="cut off or damaged"):
        read_tilt_series(cut, np.arange(50))


def test_cut_anywhere_it_is_refused(tmp_path):
    tags = 3 * 8
    whole = series(IMAGES)
    path = tmp_path / "a.ser"
    for length in range(1, len(whole) - tags, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_tilt_series(path, ANGLES)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), value=st.integers(1, 255))
def test_flipped_bytes_end_in_data_or_a_typed_error(tmp_path, place, value):
    raw = bytearray(series(IMAGES))
    raw[place % len(raw)] ^= value
    path = tmp_path / "a.ser"
    path.write_bytes(raw)
    began = time.process_time()
    with contextlib.suppress(EmInverseError):
        assert read_tilt_series(path, ANGLES).n_tilts == 3
    assert time.process_time() - began < 2


@pytest.mark.parametrize("version", [0x0210, 0x0220])
def test_another_reader_agrees(tmp_path, version):
    ser = pytest.importorskip("ncempy.io.ser")
    path = save(tmp_path / "a_1.ser", IMAGES, version)
    theirs = ser.serReader(path)
    ours = read_tilt_series(path, ANGLES, tilt_axis="horizontal")
    np.testing.assert_array_equal(ours.projections, theirs["data"])
    assert ours.pixel_size_nm == pytest.approx(1e9 * theirs["pixelSize"][-1])
