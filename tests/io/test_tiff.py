"""TIFF stacks as ImageJ, OME and careless programs write them."""

import json

import numpy as np
import pytest
import tifffile

from em_inverse.errors import FileFormatError
from em_inverse.io import read_tilt_series, read_volume
from em_inverse.io.tiff import read_tiff_images

IMAGES = np.random.default_rng(0).integers(0, 1000, (3, 4, 5)).astype(np.uint16)


@pytest.mark.parametrize("axis", "TZC")
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_one_axis_counts_the_pages_whatever_its_name(tmp_path, axis, kind):
    path = tmp_path / "a.tif"
    metadata = {"axes": f"{axis}YX"}
    tifffile.imwrite(path, IMAGES, photometric="minisblack", metadata=metadata, **{kind: True})
    np.testing.assert_array_equal(read_tiff_images(path)[0], IMAGES)


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_hyperstacks_of_several_axes_are_refused_with_their_lengths(tmp_path, kind):
    path = tmp_path / "a.tif"
    stack = np.stack([IMAGES, IMAGES], 1)
    metadata = {"axes": "TCYX"}
    tifffile.imwrite(path, stack, photometric="minisblack", metadata=metadata, **{kind: True})
    with pytest.raises(FileFormatError, match=r"a\.tif.*T of 3, C of 2.*one channel"):
        read_tiff_images(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_appended_one_by_one_are_one_stack(tmp_path, compression):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        for image in IMAGES:
            tiff.write(image, compression=compression)
    data, told = read_tiff_images(path)
    np.testing.assert_array_equal(data, IMAGES)
    assert told["notes"] == []


def test_a_thumbnail_is_left_out_and_noted(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(IMAGES, photometric="minisblack")
        tiff.write(IMAGES[0, :2, :2])
    series = read_tilt_series(path, [0, 1, 2])
    np.testing.assert_array_equal(series.projections, IMAGES.transpose(0, 2, 1))
    assert "1 more picture" in series.metadata["notes"][0]
    assert "1 more picture" in read_volume(path).metadata["notes"][0]


@pytest.mark.parametrize(
    ("unit", "value", "size"),
    [("nm", 2.5, 2.5), ("Å", 2.5, 0.25), ("pm", 25.0, 0.025), ("x", 1, None)],
)
def test_units_of_ome(tmp_path, unit, value, size):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeX": value, "PhysicalSizeXUnit": unit}
    tifffile.imwrite(path, IMAGES, ome=True, photometric="minisblack", metadata=metadata)
    found = read_tiff_images(path)[1]["pixel_size_nm"]
    assert found == (None if size is None else pytest.approx(size))


@pytest.mark.parametrize(("unit", "factor"), [("micron", 1e3), ("\\u00b5m", 1e3), ("nm", 1)])
def test_units_of_imagej(tmp_path, unit, factor):
    path = tmp_path / "a.tif"
    metadata = {"axes": "TYX", "unit": unit}
    tifffile.imwrite(path, IMAGES, imagej=True, resolution=(2, 2), metadata=metadata)
    assert read_tiff_images(path)[1]["pixel_size_nm"] == pytest.approx(0.5 * factor)


def test_the_description_of_others_is_left_alone(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "TYX", "Description": json.dumps({"other": 1})}
    tifffile.imwrite(path, IMAGES, ome=True, photometric="minisblack", metadata=metadata)
    assert "provenance" not in read_tiff_images(path)[1]
