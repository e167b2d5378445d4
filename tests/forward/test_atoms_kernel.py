"""The kernel that lays atoms down, against the sum written out."""

import numpy as np
import pytest

from em_inverse.forward.kernels import atoms


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atoms_are_gaussians_around_their_places(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-2, 22, (2, 3, 7))
    images = atoms.deposit(x, y, 2.0, 0.8, (20, 16), dtype)
    i, j = np.indices((20, 16))
    plain = np.zeros((3, 20, 16))
    for t in range(3):
        for a, b in zip(x[t], y[t], strict=True):
            plain[t] += np.exp(-((i - a) ** 2 + (j - b) ** 2) / (2 * 0.8**2))
    plain *= 2.0 / (2 * np.pi * 0.8**2)
    assert images.dtype == dtype
    assert np.allclose(images, plain, atol=2e-3)


def test_an_atom_keeps_its_weight_wherever_it_stands():
    x = np.linspace(8, 9, 11)[:, None]
    images = atoms.deposit(x, np.full_like(x, 7.3), 5.0, 0.8, (16, 16), np.float64)
    assert np.allclose(images.sum(axis=(1, 2)), 5.0)
    assert np.allclose((images.sum(axis=2) @ np.arange(16)) / 5, x[:, 0], atol=2e-3)


def test_what_lies_outside_is_cut_off():
    x, y = np.array([[-20.0, 40.0, 5.0]]), np.array([[5.0, 5.0, 40.0]])
    assert not atoms.deposit(x, y, 1.0, 0.5, (10, 10)).any()
    assert atoms.deposit(x, x, 1.0, 0.5, (10, 10)).any()
