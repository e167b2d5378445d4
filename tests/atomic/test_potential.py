"""The potential: what atoms add up to, and where they stand in the volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.atomic import Atoms, five_gaussians, low_pass, potential, voxel_b_factor
from em_inverse.atomic.scattering import VOLT_SQUARE_ANGSTROM
from em_inverse.errors import GeometryError, ParameterError

SHAPE = (24, 26, 28)


def some(n=5, seed=0, span=3.0):
    rng = np.random.default_rng(seed)
    return Atoms(rng.uniform(-span, span, (n, 3)), rng.choice([8, 14, 74], n))


def joined(*parts):
    return Atoms(
        np.concatenate([p.positions for p in parts]),
        np.concatenate([p.atomic_numbers for p in parts]),
    )


def double(atoms, **options):
    return potential(atoms, SHAPE, dtype=np.float64, **options)


def test_the_constant():
    from scipy import constants as c

    value = c.h**2 / (2 * np.pi * c.m_e * c.e) * 1e20
    assert pytest.approx(value, rel=1e-7) == VOLT_SQUARE_ANGSTROM


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), band=st.booleans())
def test_atoms_add_up(seed, band):
    a, b = some(3, seed), some(4, seed + 1)
    together = double(joined(a, b), band_limit=band)
    apart = double(a, band_limit=band) + double(b, band_limit=band)
    np.testing.assert_allclose(together, apart, atol=1e-10 * together.max())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), step=st.tuples(*[st.integers(-3, 3)] * 3))
def test_whole_voxels_move_the_volume(seed, step):
    atoms = some(3, seed, span=1.0)
    moved = double(atoms.moved(0.5 * np.array(step)), b_factor=0.2)
    rolled = np.roll(double(atoms, b_factor=0.2), step, (0, 1, 2))
    # The widest Gaussians of tungsten reach the faces, where the volume ends.
    np.testing.assert_allclose(moved, rolled, atol=2e-3 * rolled.max())


def test_a_voxel_holds_the_mean():
    atoms = Atoms([[0.11, -0.23, 0.07]], [14])
    coarse = potential(atoms, (15, 15, 15), band_limit=False, dtype=np.float64)
    fine = potential(atoms, (75, 75, 75), 0.1, band_limit=False, dtype=np.float64)
    mean = fine.reshape(15, 5, 15, 5, 15, 5).mean(axis=(1, 3, 5))
    # Both end each Gaussian at four standard deviations, but at whole voxels of their own.
    np.testing.assert_allclose(coarse, mean, atol=2e-4 * mean.max())


@pytest.mark.parametrize("element", [8, 14, 79])
def test_the_integral_is_the_scattering_at_zero(element):
    V = potential(Atoms([[0, 0, 0]], [element]), (41, 41, 41), dtype=np.float64)
    expected = VOLT_SQUARE_ANGSTROM * five_gaussians(element)[0].sum()
    assert V.sum() * 0.5**3 == pytest.approx(expected, rel=1e-3)


def test_both_b_factors_blur_alike_and_elements_may_have_their_own():
    atoms = Atoms([[0, 0, 0], [0, 3, 0]], [8, 14])
    np.testing.assert_allclose(
        double(atoms, b_factor=1.5, detector_b_factor=0.0),
        double(atoms, b_factor=0.0, detector_b_factor=1.5),
        atol=1e-10,
    )
    each = double(atoms, b_factor={"O": 2.0, "Si": 0.3})
    apart = double(atoms.select("O"), b_factor=2.0) + double(atoms.select("Si"), b_factor=0.3)
    np.testing.assert_allclose(each, apart, atol=1e-10)


def test_a_wider_b_lowers_the_peak_and_keeps_the_integral():
    atom = Atoms([[0, 0, 0]], [14])
    sharp, wide = (potential(atom, (41, 41, 41), b_factor=b) for b in (0.5, 4.0))
    assert wide.max() < 0.7 * sharp.max()
    assert wide.sum() == pytest.approx(sharp.sum(), rel=1e-3)


def test_what_the_documentation_says_of_silicon():
    centre, corner = (
        potential(Atoms([[at, at, at]], [14]), (33, 33, 33)).max() for at in (0.0, 0.25)
    )
    assert round(float(centre)) == 225
    assert round(float(corner)) == 104


def test_the_mean_over_a_voxel_blurs_as_its_b_factor_says():
    atom = Atoms([[0, 0, 0]], [14])
    extra = voxel_b_factor(0.5) - voxel_b_factor(0.1)
    box = potential(atom, (33, 33, 33), b_factor=8.0, band_limit=False)
    gauss = potential(atom, (165, 165, 165), 0.1, b_factor=8.0 + extra, band_limit=False)
    sharp = potential(atom, (165, 165, 165), 0.1, b_factor=8.0, band_limit=False)
    assert box.max() == pytest.approx(gauss.max(), rel=0.02)
    assert sharp.max() > 1.1 * gauss.max()


def test_the_band_ends_at_half_a_cycle_per_voxel():
    spectrum = np.fft.fftn(double(some()))
    q = np.sqrt(sum(k**2 for k in np.meshgrid(*map(np.fft.fftfreq, SHAPE), indexing="ij")))
    assert np.abs(spectrum[q > 0.5001]).max() < 1e-10 * np.abs(spectrum).max()
    np.testing.assert_allclose(low_pass(double(some())), double(some()), atol=1e-9)


def test_precision():
    assert potential(some(), SHAPE).dtype == np.float32
    np.testing.assert_allclose(potential(some(), SHAPE), double(some()), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shape": (4, 4, 4)}, GeometryError, "outside the volume"),
        ({"shape": (24, 24)}, ParameterError, "shape"),
        ({"voxel_angstrom": 0}, ParameterError, "voxel_angstrom"),
        ({"b_factor": -1}, ParameterError, "b_factor"),
        ({"b_factor": {"O": 1, "Si": 1}}, ParameterError, "'W' as well"),
        ({"b_factor": {"Xx": 1}}, ParameterError, "Xx"),
        ({"detector_b_factor": np.nan}, ParameterError, "detector_b_factor"),
    ],
)
def test_what_is_refused(options, error, message):
    options = {"shape": SHAPE} | options
    with pytest.raises(error, match=message):
        potential(some(8), options.pop("shape"), **options)


def test_elements_without_a_scattering_factor():
    with pytest.raises(ParameterError, match="98"):
        potential(Atoms([[0, 0, 0]], [110]), SHAPE)
