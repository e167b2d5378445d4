import numpy as np
import pytest
from PIL import Image

from em_inverse.errors import FileFormatError
from em_inverse.io import read_tilt_series
from em_inverse.io.png import EIGHT_BITS, read_png_series

IMAGE = np.random.default_rng(0).integers(0, 250, (5, 7)).astype(np.uint8)


def save(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_pictures_keep_their_numbers(tmp_path, dtype):
    array = IMAGE.astype(dtype) * (257 if dtype is np.uint16 else 1)
    stack = read_png_series(save(tmp_path / "a.png", array))
    np.testing.assert_array_equal(stack.data, array[np.newaxis])
    assert stack.data.dtype == dtype
    assert stack.notes == ([] if dtype is np.uint16 else [EIGHT_BITS])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_grey_pictures_in_other_dress_are_read(tmp_path, mode):
    array = np.where(IMAGE > 100, 255, 0).astype(np.uint8) if mode == "1" else IMAGE
    data = read_png_series(save(tmp_path / "a.png", array, mode)).data[0]
    np.testing.assert_array_equal(data, array // 255 if mode == "1" else array)


def test_colour_transparency_and_wide_colour_are_refused(tmp_path):
    colour = np.stack([IMAGE, IMAGE, IMAGE + 1], -1)
    with pytest.raises(FileFormatError, match=r"a\.png.*colour picture.*grey"):
        read_png_series(save(tmp_path / "a.png", colour))
    clear = np.stack([IMAGE, IMAGE // 2], -1)
    with pytest.raises(FileFormatError, match="transparent"):
        read_png_series(save(tmp_path / "b.png", clear))
    wide = bytearray(save(tmp_path / "c.png", colour).read_bytes())
    wide[24] = 16
    import zlib

    wide[29:33] = zlib.crc32(bytes(wide[12:29])).to_bytes(4, "big")
    (tmp_path / "c.png").write_bytes(wide)
    with pytest.raises(FileFormatError, match="16-bit PNG of type colour"):
        read_png_series(tmp_path / "c.png")


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path):
    whole = save(tmp_path / "a.png", IMAGE).read_bytes()
    path = tmp_path / "b.png"
    for keep in range(0, len(whole), 5):
        path.write_bytes(whole[:keep])
        with pytest.raises(FileFormatError, match=r"b\.png"):
            read_png_series(path)
    rng = np.random.default_rng(0)
    for position in range(len(whole)):
        raw = bytearray(whole)
        raw[position] ^= int(rng.integers(1, 256))
        path.write_bytes(raw)
        with pytest.raises(FileFormatError, match=r"b\.png"):
            read_png_series(path)


def test_a_single_picture_is_a_series_of_one(tmp_path):
    series = read_tilt_series(save(tmp_path / "a.png", IMAGE), [12.0])
    np.testing.assert_array_equal(series.projections, IMAGE.T[np.newaxis])
