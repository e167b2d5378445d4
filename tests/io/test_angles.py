import numpy as np
import pytest

from em_inverse.errors import FileFormatError, GeometryError
from em_inverse.io import read_angles
from em_inverse.io.angles import read_mdoc_beside, side_file_of

MDOC = """PixelSpacing = 7.88
Voltage = 300
[T = SerialEM: somewhere ]
[T =     Tilt axis angle = {axis}, binning = 2  spot = 7 ]

[ZValue = 1]
TiltAngle = 2.5
ExposureDose = {dose}

[ZValue = 0]
TiltAngle = -1.5
ExposureDose = {dose}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" -76.00\n -74.00\n", [-76, -74]),
        ("\ufeff-1\n\n0\n1\n", [-1, 0, 1]),
        ("-1,5\n0,0\n1,5\n", [-1.5, 0, 1.5]),
        ("-60, 0, 60", [-60, 0, 60]),
        ("# degrees\n−60;0;6e1 # last\n", [-60, 0, 60]),
    ],
)
def test_angles_are_read_as_people_write_them(tmp_path, text, expected):
    file = tmp_path / "series.rawtlt"
    file.write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_angles(file), expected)


def test_angles_that_are_no_angles_are_refused(tmp_path):
    file = tmp_path / "series.rawtlt"
    file.write_text("1.0\nnan\n")
    with pytest.raises(FileFormatError, match="line 2: 'nan' is not a number"):
        read_angles(file)
    file.write_text("# nothing\n")
    with pytest.raises(FileFormatError, match="holds no tilt angle"):
        read_angles(file)
    file.write_text("900\n")
    with pytest.raises(GeometryError, match="900"):
        read_angles(file)
    file.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(FileFormatError, match="not a text file"):
        read_angles(file)
    with pytest.raises(FileFormatError, match="no such file"):
        read_angles(tmp_path / "nowhere.tlt")


def test_unreadable_side_file_is_a_format_error(tmp_path, monkeypatch):
    file = tmp_path / "series.tlt"
    file.write_text("1")

    def refuse(*args, **kwargs):
        raise PermissionError("no")

    monkeypatch.setattr(type(file), "read_text", refuse)
    with pytest.raises(FileFormatError, match="could not be read"):
        read_angles(file)


def test_raw_series_prefer_rawtlt_and_aligned_ones_tlt(tmp_path):
    assert side_file_of(tmp_path / "a.mrc") is None
    for name in ("a.rawtlt", "a.tlt", "b.mrc.tlt"):
        (tmp_path / name).write_text("0")
    assert side_file_of(tmp_path / "a.st").name == "a.rawtlt"
    assert side_file_of(tmp_path / "a.ali").name == "a.tlt"
    assert side_file_of(tmp_path / "b.mrc").name == "b.mrc.tlt"


@pytest.mark.parametrize(
    ("axis", "direction"),
    [
        ("-90.0", "horizontal"),
        ("85", "horizontal"),
        ("2.5", "vertical"),
        ("178", "vertical"),
        ("45", None),
    ],
)
def test_mdoc_gives_angles_scale_dose_and_axis(tmp_path, axis, direction):
    (tmp_path / "a.mrc.mdoc").write_text(MDOC.format(axis=axis, dose=1.25))
    mdoc = read_mdoc_beside(tmp_path / "a.mrc")
    np.testing.assert_array_equal(mdoc.angles_deg, [-1.5, 2.5])
    assert mdoc.pixel_size_nm == pytest.approx(0.788)
    assert mdoc.dose == pytest.approx(250)
    assert mdoc.tilt_axis == direction


def test_mdoc_without_dose_or_angles_says_so(tmp_path):
    file = tmp_path / "a.mdoc"
    file.write_text(MDOC.format(axis="0", dose=0))
    assert read_mdoc_beside(tmp_path / "a.mrc").dose is None
    file.write_text("[ZValue = 0]\nPixelSpacing = many\n")
    mdoc = read_mdoc_beside(tmp_path / "a.mrc")
    assert (mdoc.angles_deg, mdoc.pixel_size_nm, mdoc.tilt_axis) == (None, None, None)


def test_damaged_mdoc_is_a_format_error(tmp_path):
    file = tmp_path / "a.mdoc"
    assert read_mdoc_beside(tmp_path / "a.mrc") is None
    file.write_text("hello")
    with pytest.raises(FileFormatError, match="no \\[ZValue"):
        read_mdoc_beside(tmp_path / "a.mrc")
    file.write_text("[ZValue = 0]\nTiltAngle = steep\n")
    with pytest.raises(FileFormatError, match="TiltAngle"):
        read_mdoc_beside(tmp_path / "a.mrc")
