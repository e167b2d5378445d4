"""MRC: our own header check held against mrcfile, an independent reader and writer."""

import json
import struct
import warnings

import mrcfile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mrcfile.dtypes import get_ext_header_dtype

from em_inverse.errors import FileFormatError
from em_inverse.io.mrc import read_mrc_data, read_mrc_header, read_mrc_series, write_mrc

IMAGES = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5) - 20


def write(path, images=IMAGES, extended=b"", exttyp=b"", **header):
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(images)
        mrc.set_image_stack()
        if extended:
            mrc.set_extended_header(np.frombuffer(extended, dtype="V1"))
        mrc.header.exttyp = exttyp
        for name, value in header.items():
            setattr(mrc, name, value) if name == "voxel_size" else mrc.header.__setitem__(
                name, value
            )
    return path


def poke(path, offset, content):
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(content)] = content
    path.write_bytes(raw)
    return path


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    dtype=st.sampled_from(["i1", "i2", "f4", "u2", "f2"]),
    order=st.sampled_from("<>"),
)
def test_every_mode_and_byte_order_is_read_as_mrcfile_wrote_it(tmp_path, shape, dtype, order):
    images = (np.arange(np.prod(shape)) % 100).reshape(shape).astype(order + dtype)
    path = write(tmp_path / "a.mrc", images)
    header = read_mrc_header(path)
    data = read_mrc_data(header)
    assert header.byte_order == ("<" if dtype == "i1" else order) or dtype == "i1"
    assert data.dtype.isnative
    np.testing.assert_array_equal(data, images)


def test_imod_unsigned_bytes_are_unsigned(tmp_path):
    path = write(tmp_path / "a.mrc", np.full((1, 2, 2), -1, dtype=np.int8))
    poke(path, 152, struct.pack("<ii", 1146047817, 0))
    assert read_mrc_data(read_mrc_header(path)).max() == 255
    poke(path, 156, struct.pack("<i", 1))
    assert read_mrc_data(read_mrc_header(path)).max() == -1


def test_missing_word_and_stamp_are_noted_not_refused(tmp_path):
    path = write(tmp_path / "a.mrc")
    clean = read_mrc_header(path)
    assert clean.notes == ()
    poke(path, 208, bytes(8))
    header = read_mrc_header(path)
    np.testing.assert_array_equal(read_mrc_data(header), IMAGES)
    assert any("machine stamp" in note for note in header.notes)
    assert any("'MAP '" in note for note in header.notes)
    poke(path, 212, b"\x11\x11")
    assert any("wrong machine stamp" in note for note in read_mrc_header(path).notes)


def test_odd_axis_order_padding_and_pixels_are_noted(tmp_path):
    path = write(tmp_path / "a.mrc", voxel_size=(10.0, 20.0, 10.0))
    poke(path, 64, struct.pack("<iii", 2, 1, 3))
    path.write_bytes(path.read_bytes() + bytes(100))
    header = read_mrc_header(path)
    assert header.pixel_size_nm == pytest.approx(1.0)
    for word in ("axis order (2, 1, 3)", "100 bytes after", "not square"):
        assert any(word in note for note in header.notes), word


@pytest.mark.parametrize(
    ("offset", "content", "said"),
    [
        (0, struct.pack("<i", -1), "size is -1"),
        (0, struct.pack("<i", 2**31 - 1), "announces 2147483647"),
        (8, struct.pack("<i", 4), "announces 5 × 4 × 4"),
        (12, struct.pack("<i", 77), "mode is 77"),
        (12, struct.pack("<i", 4), "Fourier"),
        (12, struct.pack("<i", 101), "4-bit"),
        (92, struct.pack("<i", -5), "extended header claims -5"),
        (92, struct.pack("<i", 2**30), "extended header claims 1,073,741,824"),
    ],
)
def test_damaged_headers_are_refused_from_the_header_alone(tmp_path, offset, content, said):
    path = poke(write(tmp_path / "a.mrc"), offset, content)
    with pytest.raises(FileFormatError, match=said):
        read_mrc_header(path)


def test_truncated_text_and_garbage_are_refused(tmp_path):
    path = write(tmp_path / "a.mrc")
    whole = path.read_bytes()
    for keep in (10, 1023, 1024, len(whole) - 1):
        path.write_bytes(whole[:keep])
        with pytest.raises(FileFormatError, match=r"a\.mrc"):
            read_mrc_header(path)
    path.write_bytes(whole + bytes(5000))
    with pytest.raises(FileFormatError, match="but the file has"):
        read_mrc_header(path)
    path.write_text("angles and words " * 100)
    with pytest.raises(FileFormatError, match="looks like a text file"):
        read_mrc_header(path)
    path.write_bytes(np.random.default_rng(0).bytes(4000))
    with pytest.raises(FileFormatError, match="not a usable MRC file"):
        read_mrc_header(path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(offset=st.integers(0, 1023), value=st.binary(min_size=1, max_size=4))
def test_any_damage_to_the_header_ends_in_data_or_a_typed_error(tmp_path, offset, value):
    path = poke(write(tmp_path / "a.mrc"), offset, value)
    try:
        data = read_mrc_series(path).data
    except FileFormatError:
        return
    assert data.nbytes <= path.stat().st_size


def test_fei_old_extended_header_gives_angles_and_pixel(tmp_path):
    records = np.zeros((1024, 32), dtype="<f4")
    records[:3, 0] = [-70, 0, 70]
    records[:3, 11] = 3.36e-9
    path = write(tmp_path / "a.mrc", extended=records.tobytes(), voxel_size=1.0)
    poke(path, 128, struct.pack("<hh", 0, 32))
    stack = read_mrc_series(path)
    np.testing.assert_array_equal(stack.angles_deg, [-70, 0, 70])
    assert stack.pixel_size_nm == 3.36
    assert any("main header says 0.1 nm" in note for note in stack.notes)
    assert any("signed intensities from -20" in note for note in stack.notes)


@pytest.mark.parametrize("bad", [[0, 0, 0], [np.nan, 0, 1], [-400, 0, 400]])
def test_implausible_angles_are_left_alone(tmp_path, bad):
    records = np.zeros((3, 32), dtype="<f4")
    records[:, 0] = bad
    records[:, 11] = -1
    path = write(tmp_path / "a.mrc", extended=records.tobytes())
    poke(path, 128, struct.pack("<hh", 0, 32))
    stack = read_mrc_series(path)
    assert stack.angles_deg is None
    assert stack.pixel_size_nm is None


@pytest.mark.parametrize("exttyp", [b"FEI1", b"FEI2"])
def test_new_fei_records(tmp_path, exttyp):
    dtype = get_ext_header_dtype(exttyp, "<")
    records = np.zeros(3, dtype=dtype)
    records["Metadata size"] = dtype.itemsize
    records["Alpha tilt"] = [-60, 0.5, 60]
    records["Pixel size X"] = 2e-10
    path = write(tmp_path / "a.mrc", extended=records.tobytes(), exttyp=exttyp)
    stack = read_mrc_series(path)
    np.testing.assert_array_equal(stack.angles_deg, [-60, 0.5, 60])
    assert stack.pixel_size_nm == pytest.approx(0.2)
    records["Metadata size"] = 7
    path = write(tmp_path / "a.mrc", extended=records.tobytes(), exttyp=exttyp)
    assert read_mrc_series(path).angles_deg is None


def test_serialem_shorts(tmp_path):
    shorts = np.array([[-6000, 1], [150, 2], [6000, 3]], dtype="<i2")
    path = write(tmp_path / "a.mrc", extended=shorts.tobytes(), exttyp=b"SERI")
    poke(path, 128, struct.pack("<hh", 4, 1))
    np.testing.assert_array_equal(read_mrc_series(path).angles_deg, [-60, 1.5, 60])
    poke(path, 128, struct.pack("<hh", 4, 2))
    assert read_mrc_series(path).angles_deg is None


def test_extended_headers_that_say_nothing(tmp_path):
    path = write(tmp_path / "a.mrc", extended=bytes(128))
    assert read_mrc_series(path).angles_deg is None
    poke(path, 128, struct.pack("<hh", 0, 200))
    assert read_mrc_series(path).angles_deg is None


@pytest.mark.parametrize("per_section", [(0, 0), (0, 2), (2, 1)])
def test_the_kits_account_is_not_taken_for_angles(tmp_path, per_section):
    """Whatever another program puts where the numbers per image stand."""
    path = tmp_path / "a.mrc"
    write_mrc(path, IMAGES.astype(np.float32), 0.25, ["em_inverse"], {"a": 1}, volume=False)
    poke(path, 128, struct.pack("<hh", *per_section))
    # Angles that are plausible, should anything read them as such.
    poke(path, 1024, np.tile(np.array([0, 20, 40, 60], "f4"), 64).tobytes())
    stack = read_mrc_series(path)
    assert stack.angles_deg is None
    assert stack.pixel_size_nm == 0.25
    assert len(stack.notes) == 1
    assert "damaged" in stack.notes[0]


def test_one_angstrom_is_believed_with_a_note(tmp_path):
    stack = read_mrc_series(write(tmp_path / "a.mrc", voxel_size=1.0))
    assert stack.pixel_size_nm == pytest.approx(0.1)
    assert any("exactly 1 Å" in note for note in stack.notes)
    assert read_mrc_series(write(tmp_path / "b.mrc", voxel_size=2.0)).notes[:-1] == []
    implausible = read_mrc_header(write(tmp_path / "c.mrc", voxel_size=1e9))
    assert implausible.pixel_size_nm is None
    assert "implausible" in implausible.notes[0]


@pytest.mark.parametrize("volume", [True, False])
def test_what_we_write_passes_mrcfiles_own_validation(tmp_path, volume, capsys):
    path = tmp_path / "a.mrc"
    labels = [f"em_inverse label {k} " + "x" * 90 for k in range(12)]
    write_mrc(path, IMAGES.astype(np.float32), 0.25, labels, {"a": "ε"}, volume=volume)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mrcfile.validate(path)
    with mrcfile.open(path) as mrc:
        np.testing.assert_array_equal(mrc.data, IMAGES)
        assert int(mrc.header.nsymbt) == mrc.extended_header.nbytes == 1024
        assert json.loads(mrc.extended_header.tobytes()) == {"em_inverse": {"a": "ε"}}
        assert mrc.extended_header.tobytes().isascii()
        assert float(mrc.voxel_size.x) == pytest.approx(2.5)
        assert mrc.is_volume() is volume or mrc.header.ispg == int(volume)
        assert int(mrc.header.nlabl) == 10
    assert all(len(label) == 80 for label in read_mrc_header(path).labels)
