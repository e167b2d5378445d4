import numpy as np
import pytest
from scipy import ndimage

from em_inverse.tomography.registration import (
    chained_shifts,
    image_shift,
    in_view,
    match_profiles,
    placed,
    turn,
)


def picture(seed, shape=(64, 48)):
    return ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 3)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-1.4, 0.6), (7.25, 5.5)])
def test_image_shift_finds_parts_of_a_pixel(shift):
    large = picture(0, (96, 80))
    reference = large[16:-16, 16:-16]
    image = ndimage.shift(large, [-s for s in shift], order=3)[16:-16, 16:-16]
    assert image_shift(reference, image, None) == pytest.approx(shift, abs=0.3)


def test_image_shift_of_a_line():
    line = picture(1, (64, 1))
    assert image_shift(line, np.roll(line, -2, axis=0), None)[1] == 0


def test_the_largest_shift_is_respected():
    reference = np.zeros((40, 40))
    reference[20, 20] = 1
    image = np.roll(reference, (6, 0), axis=(0, 1))
    assert image_shift(reference, image, None)[0] == pytest.approx(-6, abs=0.1)
    assert abs(image_shift(reference, image, 3)[0]) <= 3.5


def test_profiles_of_different_height_are_matched():
    y = np.arange(60.0)
    true = np.array([-3.0, 0.5, 2.5])
    profiles = np.array([[1.0], [1.2], [0.9]]) * (
        np.exp(-0.5 * ((y - 30 + true[:, None]) / 4) ** 2)
        + 1 / (1 + np.exp(y - 18 + true[:, None]))
    )
    assert match_profiles(profiles, 10) == pytest.approx(true - true.mean(), abs=0.03)


def test_profiles_without_structure_stay_where_they_are():
    assert not match_profiles(np.ones((3, 20)), 5).any()


def test_in_view_falls_back_to_everything():
    assert in_view(np.array([0.0]), 10) == (0, 10)
    assert in_view(np.array([7.5, -6.0]), 10) == (0, 10)


def test_placed_turns_from_x_towards_y():
    image = np.zeros((1, 21, 21))
    image[0, 16, 10] = 1
    turned = placed(image, np.zeros((1, 2)), 90.0, order=1)[0]
    assert np.unravel_index(turned.argmax(), turned.shape) == (10, 16)
    assert np.allclose(turn(np.pi / 2) @ [0, 6], [6, 0])


def test_placed_shifts_before_it_turns():
    image = np.zeros((1, 21, 21))
    image[0, 10, 10] = 1
    turned = placed(image, np.array([[4.0, 0.0]]), 90.0, order=1)[0]
    assert np.unravel_index(turned.argmax(), turned.shape) == (10, 14)


def test_the_chain_starts_at_the_tilt_nearest_to_zero():
    images = np.stack([np.roll(picture(2), k, axis=0) for k in (0, 1, 3, 4)])
    angles = np.array([20.0, -40.0, 1.0, -20.0])
    shifts = chained_shifts(images, angles, None, stretch=False)
    assert not shifts[2].any()
    assert shifts[:, 0] == pytest.approx([3, 2, 0, -1], abs=0.35)


def test_where_nothing_tells_shifts_apart_nothing_is_shifted():
    """A vacuum stays where it is, and a picture without structure along y stays there along y."""
    assert not image_shift(np.zeros((40, 40)), np.zeros((40, 40)), None).any()
    assert not image_shift(np.full((40, 40), 3.0), np.full((40, 40), 3.0), None).any()
    bar = np.repeat(picture(3, (64, 1)), 30, axis=1)
    bar[20:30] += 1
    shift = image_shift(bar, np.roll(bar, -4, axis=0), None)
    assert shift == pytest.approx([4, 0], abs=0.3)
    assert shift[1] == pytest.approx(0, abs=1e-6)


def test_rounding_is_no_structure():
    profiles = 1e4 * (1 + 1e-7 * np.random.default_rng(4).standard_normal((5, 40)))
    assert not match_profiles(profiles, 10).any()
