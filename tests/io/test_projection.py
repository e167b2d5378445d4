import numpy as np
import pytest
import tifffile

from em_inverse.errors import DataError, FileFormatError, ParameterError
from em_inverse.io import read_projection
from em_inverse.io.projection import read_frames

IMAGE = np.arange(20, dtype=np.uint16).reshape(4, 5)


def save(path, image=IMAGE):
    np.save(path, image)
    return path


def test_one_image_with_its_angle_and_size(tmp_path):
    path = tmp_path / "needle_-34.0deg.tif"
    metadata = {"axes": "YX", "unit": "nm"}
    tifffile.imwrite(path, IMAGE, imagej=True, resolution=(2, 2), metadata=metadata)
    image, angle, size, notes = read_projection(path)
    np.testing.assert_array_equal(image, IMAGE.T)
    assert image.dtype == np.float32
    assert (angle, size) == (-34.0, pytest.approx(0.5))
    assert notes == ["angle from file name"]
    np.testing.assert_array_equal(read_projection(path, tilt_axis="horizontal").image, IMAGE)


def test_the_mdoc_goes_before_the_name(tmp_path):
    path = save(tmp_path / "a_2deg.npy")
    (tmp_path / "a_2deg.npy.mdoc").write_text(
        "PixelSpacing = 20\n[T = Tilt axis angle = 90]\n[ZValue = 0]\nTiltAngle = 5\n"
    )
    image, angle, size, notes = read_projection(path)
    np.testing.assert_array_equal(image, IMAGE)
    assert (angle, size) == (5.0, 2.0)
    assert notes[0].startswith("the file name says 2 degrees; 5 from file a_2deg.npy.mdoc")
    (tmp_path / "a_2deg.npy.mdoc").write_text("damaged")
    assert read_projection(path).angle_deg == 2.0
    assert "left out" in read_projection(path).notes[0]


def test_an_unknown_angle_is_none_and_a_doubtful_one_is_noted(tmp_path):
    assert read_projection(save(tmp_path / "img_0001.npy"))[1:] == (None, None, [])
    _, angle, _, notes = read_projection(save(tmp_path / "needle-34deg.npy"))
    assert angle is None
    assert "two ways" in notes[0]


def test_what_is_no_single_image_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="holds 2 images"):
        read_projection(save(tmp_path / "a.npy", np.ones((2, 3, 4))))
    with pytest.raises(DataError, match=r"image in b\.npy holds 12 of 12"):
        read_projection(save(tmp_path / "b.npy", np.full((1, 3, 4), np.nan)))
    with pytest.raises(ParameterError, match="tilt_axis is 'kit'"):
        read_projection(tmp_path / "b.npy", tilt_axis="kit")
    half = save(tmp_path / "c.npy")
    half.write_bytes(half.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=r"c\.npy.*cut off"):
        read_projection(half)


def test_all_images_of_a_stack_with_as_many_angles_as_are_known(tmp_path):
    images = np.stack([IMAGE, IMAGE + 1, IMAGE + 2])
    path = save(tmp_path / "a_2deg.npy", images)
    frames = read_frames(path)
    np.testing.assert_array_equal(frames.images, images.transpose(0, 2, 1))
    assert frames.angles_deg == [None] * 3, "a name has one angle, not three"
    mdoc = tmp_path / "a_2deg.npy.mdoc"
    for count in (2, 4):
        mdoc.write_text("".join(f"[ZValue = {k}]\nTiltAngle = {10 * k}\n" for k in range(count)))
        known = [0.0, 10.0, 20.0][:count]
        assert read_frames(path).angles_deg == known + [None] * (3 - len(known))
        assert read_frames(path).angle_source == "file a_2deg.npy.mdoc"
    single = read_frames(save(tmp_path / "b_2deg.npy"), tilt_axis="horizontal")
    np.testing.assert_array_equal(single.images, IMAGE[np.newaxis])
    assert (single.angles_deg, single.angle_source) == ([2.0], "file name")
