"""Folders of numbered images: order, angles, and what is refused."""

import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from em_inverse.errors import FileFormatError, GeometryError
from em_inverse.io import read_tilt_series
from em_inverse.io.arrays import read_npy_series
from em_inverse.io.files import MissingFileError
from em_inverse.io.folders import images_in
from em_inverse.io.png import read_png_series

IMAGES = np.random.default_rng(0).integers(0, 1000, (12, 4, 5)).astype(np.uint16)


def save(path, image, nm=None):
    if path.suffix == ".png":
        Image.fromarray(image).save(path)
    elif path.suffix == ".mrc":
        with mrcfile.new(path) as mrc:
            mrc.set_data(image)
            mrc.voxel_size = 0 if nm is None else 10 * nm
    elif path.suffix == ".npy":
        np.save(path, image)
    elif nm is None:
        tifffile.imwrite(path, image, photometric="minisblack")
    else:
        metadata = {"axes": "YX", "unit": "nm"}
        tifffile.imwrite(path, image, imagej=True, resolution=(1 / nm, 1 / nm), metadata=metadata)


def fill(folder, names, nm=None):
    folder.mkdir(exist_ok=True)
    for name, image in zip(names, IMAGES, strict=False):
        save(folder / name, image, nm)
    return folder


@pytest.mark.parametrize("ending", ["tif", "png", "mrc", "npy"])
def test_numbers_are_ordered_as_numbers(tmp_path, ending):
    folder = fill(tmp_path / "f", [f"img_{k}.{ending}" for k in range(1, 13)])
    series = read_tilt_series(folder, np.arange(12.0))
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert series.metadata["files"][-1] == f"img_12.{ending}"
    assert (series.metadata["file"], series.metadata["angle_source"]) == ("f", "argument")
    assert series.projections.dtype == np.float32
    flat = read_tilt_series(folder, np.arange(12.0), tilt_axis="horizontal")
    np.testing.assert_array_equal(flat.projections, IMAGES)


def test_angles_in_names_order_the_images_and_are_named_as_source(tmp_path):
    names = ["t_m2.tif", "t_m10.tif", "t_000.tif", "t_p10.tif", "t_p2.tif"]
    series = read_tilt_series(fill(tmp_path / "f", names))
    assert series.angles_deg.tolist() == [-10, -2, 0, 2, 10]
    np.testing.assert_array_equal(series.projections, IMAGES[[1, 0, 2, 4, 3]].transpose(0, 2, 1))
    assert series.metadata["angle_source"] == "file names (t_m10.tif: -10)"


def test_running_numbers_before_the_angle_keep_the_order_of_recording(tmp_path):
    names = ["a_1_+0.0.tif", "a_2_+2.0.tif", "a_3_-2.0.tif", "a_10_-4.0.tif"]
    series = read_tilt_series(fill(tmp_path / "f", names))
    assert series.angles_deg.tolist() == [0, 2, -2, -4]
    assert series.metadata["notes"] == []


def test_angles_are_sought_in_lists_then_metadata_then_names(tmp_path):
    folder = fill(tmp_path / "f", ["a_-2deg.mrc", "a_0deg.mrc", "a_2deg.mrc"])
    assert read_tilt_series(folder).angles_deg.tolist() == [-2, 0, 2]
    for name, angle in (("a_-2deg", -22.0), ("a_0deg", 0.0), ("a_2deg", 22.0)):
        (folder / f"{name}.mrc.mdoc").write_text(f"[ZValue = 0]\nTiltAngle = {angle}\n")
    series = read_tilt_series(folder)
    assert series.angles_deg.tolist() == [-22, 0, 22]
    assert series.metadata["angle_source"] == "metadata of each file"
    assert any("names by up to 20 degrees" in note for note in series.metadata["notes"])
    (tmp_path / "f.rawtlt").write_text("-2.1\n0\n2.1\n")
    assert read_tilt_series(folder).metadata["angle_source"] == "file f.rawtlt"
    (folder / "angles.txt").write_text("-2.2\n0\n2.2\n")
    series = read_tilt_series(folder)
    assert series.angles_deg.tolist() == [-2.2, 0, 2.2]
    assert series.metadata["angle_source"] == "file angles.txt"
    assert series.metadata["notes"] == []
    assert read_tilt_series(folder, [-1.5, 0, 1.5]).angles_deg.tolist() == [-1.5, 0, 1.5]
    other = tmp_path / "o.txt"
    other.write_text("-1.6 0 1.6")
    assert read_tilt_series(folder, other).metadata["angle_source"] == "file o.txt"
    (folder / "b.rawtlt").write_text("1 2 3")
    with pytest.raises(GeometryError, match=r"several lists.*angles\.txt.*b\.rawtlt"):
        read_tilt_series(folder)
    (folder / "f.tlt").write_text("-2.3 0 2.3")
    assert read_tilt_series(folder).metadata["angle_source"] == "file f.tlt"


def test_incomplete_metadata_give_way_and_damaged_ones_are_noted(tmp_path):
    folder = fill(tmp_path / "f", ["a_-2deg.mrc", "a_0deg.mrc"])
    (folder / "a_0deg.mrc.mdoc").write_text("[ZValue = 0]\nTiltAngle = 1\n")
    (folder / "a_-2deg.mrc.mdoc").write_text("nothing")
    series = read_tilt_series(folder)
    assert series.angles_deg.tolist() == [-2, 0]
    notes = " ".join(series.metadata["notes"])
    assert "only 1 of 2 files state their angle" in notes
    assert "mdoc is left out" in notes


@pytest.mark.parametrize(
    "text",
    ["file,angle\nb.tif,0\na.tif,-2\nc.tif,2\n", "c;2,0\nb;0,0\na;-2,0\n"],
)
def test_a_table_may_name_the_files(tmp_path, text):
    folder = fill(tmp_path / "f", ["a.tif", "b.tif", "c.tif"])
    (folder / "angles.csv").write_text(text)
    series = read_tilt_series(folder)
    assert series.angles_deg.tolist() == [-2, 0, 2]
    assert series.metadata["angle_source"] == "file angles.csv"


def test_a_plain_list_is_no_table_of_files_that_are_called_by_numbers(tmp_path):
    folder = fill(tmp_path / "f", ["0.tif", "1.tif", "2.tif"])
    (folder / "angles.csv").write_text("0,1,2\n")
    assert read_tilt_series(folder).angles_deg.tolist() == [0, 1, 2]


def test_tables_with_gaps_or_words_are_refused(tmp_path):
    folder = fill(tmp_path / "f", ["a.tif", "b.tif"])
    (folder / "angles.csv").write_text("a.tif,-2\n")
    with pytest.raises(GeometryError, match=r"no angle for 1 of 2 files \(b\.tif\)"):
        read_tilt_series(folder)
    (folder / "angles.csv").write_text("a.tif,-2\nb.tif,flat\n")
    with pytest.raises(FileFormatError, match=r"angles\.csv.*not a number"):
        read_tilt_series(folder)
    (folder / "angles.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match=r"angles\.csv.*not a text file"):
        read_tilt_series(folder)


def test_angles_in_an_order_other_than_the_names_are_refused(tmp_path):
    folder = fill(tmp_path / "f", ["a_-2deg.tif", "a_0deg.tif", "a_2deg.tif"])
    with pytest.raises(GeometryError, match=r"argument are those in the file names, in another"):
        read_tilt_series(folder, [0, -2, 2])
    with pytest.raises(GeometryError, match="2 entries"):
        read_tilt_series(folder, [0, -2])


def test_without_angles_the_message_says_what_was_seen(tmp_path):
    folder = fill(tmp_path / "f", ["img_1.tif", "img_2.tif"])
    with pytest.raises(GeometryError, match=r"(?s)seen: 'img_1\.tif'.*needle_-34\.0deg.*Pass ang"):
        read_tilt_series(folder)
    folder = fill(tmp_path / "g", ["n-1deg.tif", "n-2deg.tif"])
    with pytest.raises(GeometryError, match=r"'-1deg'.*two ways"):
        read_tilt_series(folder)


def test_patterns_choose_and_strangers_are_left_out(tmp_path):
    folder = fill(tmp_path / "f", ["t_-2deg.tif", "t_0deg.tif"])
    save(folder / "dark_1.tif", IMAGES[5])
    for name in ("Thumbs.db", "desktop.ini", ".hidden.tif", "readme.txt", "log.xml"):
        (folder / name).write_text("x")
    (folder / "sub").mkdir()
    series = read_tilt_series(f"{folder}/t_*.tif")
    assert series.n_tilts == 2
    assert (series.metadata["file"], series.metadata["notes"]) == ("t_*.tif", [])
    with pytest.raises(GeometryError, match=r"1 of 3 file names state no tilt angle \('dark_1"):
        read_tilt_series(folder)
    (folder / "dark_1.tif").unlink()
    notes = read_tilt_series(folder).metadata["notes"]
    assert notes == ["left out, as no image: log.xml, readme.txt"]
    with pytest.raises(FileFormatError, match=r"x_\*\.tif' holds no image"):
        read_tilt_series(folder / "x_*.tif")
    with pytest.raises(MissingFileError, match="last part of the path only"):
        read_tilt_series(tmp_path / "?" / "x_*.tif")
    # Python before 3.13 refuses this pattern, later ones find nothing.
    with pytest.raises(FileFormatError, match=r"cannot be listed|holds no image"):
        read_tilt_series(folder / "**x")


def test_a_file_with_a_bracket_in_its_name_is_a_file(tmp_path):
    np.save(tmp_path / "a[1].npy", IMAGES[:3])
    assert read_tilt_series(tmp_path / "a[1].npy", [0, 1, 2]).n_tilts == 3
    with pytest.raises(MissingFileError, match="no such file"):
        read_tilt_series(tmp_path / "b.npy")


def test_an_emi_beside_its_ser_is_no_other_format(tmp_path):
    for name in ("a_1.ser", "a_2.ser", "a.emi"):
        (tmp_path / name).touch()
    images, notes = images_in(tmp_path, {".ser": read_npy_series, ".emi": read_png_series})
    assert [one.name for one in images] == ["a_1.ser", "a_2.ser"]
    assert notes == []


def test_mixed_formats_are_refused(tmp_path):
    folder = fill(tmp_path / "f", ["a_1.tif", "a_2.png", "a_3.tiff"])
    with pytest.raises(FileFormatError, match=r"2 × \.tif.*1 × \.png.*\*\.tif"):
        read_tilt_series(folder, [1, 2, 3])
    assert read_tilt_series(folder / "*.tif*", [1, 3]).n_tilts == 2


def test_holes_in_the_numbering_are_noted(tmp_path):
    folder = fill(tmp_path / "f", [f"a_{k}.tif" for k in (2, 4, 8, 10)])
    (note,) = read_tilt_series(folder, range(4)).metadata["notes"]
    assert note == "the numbering runs from 2 to 10 without 6"
    names = [f"r7_{k}_{a:+d}deg.tif" for k, a in ((1, 4), (2, 2), (4, -2))]
    (note,) = read_tilt_series(fill(tmp_path / "g", names)).metadata["notes"]
    assert note == "the numbering runs from 1 to 4 without 3"
    folder = fill(tmp_path / "h", ["a_1.tif", "a_2.tif", "b_3.tif"])
    (note,) = read_tilt_series(folder, range(3)).metadata["notes"]
    assert "follow 2 patterns" in note


@pytest.mark.parametrize("ending", ["tif", "png", "mrc", "npy"])
@pytest.mark.parametrize("keep", [0, 60])
def test_an_empty_or_half_written_file_is_named(tmp_path, ending, keep):
    folder = fill(tmp_path / "f", [f"a_{k}.{ending}" for k in range(3)])
    bad = folder / f"a_1.{ending}"
    bad.write_bytes(bad.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match=rf"a_1\.{ending}"):
        read_tilt_series(folder, range(3))


def test_images_of_another_shape_type_or_number_are_named(tmp_path):
    folder = fill(tmp_path / "f", ["a_0.npy", "a_1.npy"])
    np.save(folder / "a_2.npy", IMAGES[2, :3])
    with pytest.raises(FileFormatError, match=r"a_2\.npy.*\(3, 5\).*a_0\.npy.*\(4, 5\)"):
        read_tilt_series(folder, range(3))
    np.save(folder / "a_2.npy", IMAGES[2].astype(float))
    with pytest.raises(FileFormatError, match=r"a_2\.npy.*float64.*uint16"):
        read_tilt_series(folder, range(3))
    np.save(folder / "a_2.npy", IMAGES)
    with pytest.raises(FileFormatError, match=r"a_2\.npy.*holds 12 images"):
        read_tilt_series(folder, range(3))


def test_pixel_sizes_must_agree_unless_one_is_given(tmp_path):
    folder = fill(tmp_path / "f", ["a_0.tif", "a_1.tif"], nm=2.0)
    assert read_tilt_series(folder, [0, 1]).pixel_size_nm == pytest.approx(2)
    save(folder / "a_1.tif", IMAGES[1], nm=1.0)
    with pytest.raises(GeometryError, match=r"a_1\.tif.*1 nm.*a_0\.tif.*2 nm.*pixel_size_nm"):
        read_tilt_series(folder, [0, 1])
    assert read_tilt_series(folder, [0, 1], pixel_size_nm=3).pixel_size_nm == 3


def test_notes_of_the_files_are_gathered_once(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    for k in range(3):
        save(folder / f"a_{k}.png", IMAGES[k].astype(np.uint8))
    (note,) = read_tilt_series(folder, range(3)).metadata["notes"]
    assert note.startswith("8-bit pictures")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(-90, 90), min_size=1, max_size=12, unique=True), st.data())
def test_every_image_keeps_its_own_angle(tmp_path, angles, data):
    pattern = data.draw(st.sampled_from(["n_{:+.1f}deg.npy", "tilt_{:+03d}.npy", "n_{}deg.npy"]))
    folder = tmp_path / f"f{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    for angle in angles:
        np.save(folder / pattern.format(angle), np.full((2, 3), angle, np.float32))
    series = read_tilt_series(folder)
    np.testing.assert_array_equal(series.projections[:, 0, 0], series.angles_deg)
    assert series.angles_deg.tolist() == sorted(angles)
