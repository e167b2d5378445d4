import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from em_inverse.errors import DataError
from em_inverse.io import tilt_axis_evidence


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    volume = np.zeros((40, 40, 40))
    for centre in rng.integers(13, 27, (10, 3)):
        volume[tuple(centre)] = rng.uniform(0.5, 1)
    volume = gaussian_filter(volume, 1.5)
    turned = [rotate(volume, a, axes=(0, 1), reshape=False, order=1) for a in range(-60, 61, 10)]
    return np.array([v.sum(axis=0).T for v in turned])


def test_both_directions_are_recognised_with_jitter_and_offset(images):
    rng = np.random.default_rng(1)
    moved = np.array([np.roll(im, rng.integers(-4, 5, 2), axis=(0, 1)) for im in images]) - 30000
    vertical = tilt_axis_evidence(moved)
    horizontal = tilt_axis_evidence(moved.transpose(0, 2, 1))
    assert vertical.direction == "vertical"
    assert horizontal.direction == "horizontal"
    assert vertical.vertical == pytest.approx(horizontal.horizontal, abs=1e-9)


def test_nothing_is_claimed_without_evidence(images):
    rng = np.random.default_rng(2)
    assert tilt_axis_evidence(images[:4]).direction is None
    assert tilt_axis_evidence(images[:, :10]).direction is None
    assert tilt_axis_evidence(np.ones((9, 20, 20))).direction is None
    assert tilt_axis_evidence(rng.normal(size=(9, 20, 20))).direction is None
    assert tilt_axis_evidence(np.repeat(images[:1], 9, axis=0)).direction is None


def test_unusable_images_are_refused(images):
    with pytest.raises(DataError, match="shape"):
        tilt_axis_evidence(images[0])
    with pytest.raises(DataError, match="NaN"):
        tilt_axis_evidence(np.where(images == images.max(), np.nan, images))


def test_infinite_values_are_refused_without_a_warning(images):
    infinite = np.where(images == images.max(), np.inf, -np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="NaN or infinite"):
            tilt_axis_evidence(infinite)
