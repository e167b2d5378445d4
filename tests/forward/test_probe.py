"""The scanning probe: its size, its tails, and the grid that it is shown on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.errors import ParameterError
from em_inverse.forward import ScanningProbe
from em_inverse.forward.probe import electron_wavelength_nm

SIZE = 0.036
FEW = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize(("energy", "picometres"), [(80, 4.1757), (200, 2.5079), (300, 1.9687)])
def test_wavelengths_are_those_of_the_tables(energy, picometres):
    assert 1000 * electron_wavelength_nm(energy) == pytest.approx(picometres, abs=1e-4)


def test_the_sharp_probe_is_an_airy_disc():
    """Without aberrations the first dark ring lies at 0.61 λ/α, and its middle is symmetric."""
    probe = ScanningProbe(20.0).intensity(201, 0.004)
    middle = probe[100]
    dark = 100 + int(np.argmin(middle[100:135]))
    expected = 0.61 * electron_wavelength_nm(200) / 0.020
    assert (dark - 100) * 0.004 == pytest.approx(expected, abs=0.005)
    assert np.allclose(probe, probe[::-1], atol=1e-12)
    assert np.allclose(probe, probe.T, atol=1e-12)
    assert probe.sum() == pytest.approx(1)


def test_aberration_reaches_as_far_as_its_rays():
    """A ray at the rim misses the point by C_s α³, here 1.56 nm."""
    probe = ScanningProbe(25.0, cs_um=100.0).intensity(135, SIZE)
    y, x = np.indices(probe.shape) - 67
    radius = SIZE * np.hypot(y, x)
    assert probe[radius < 1.7].sum() > 0.97
    assert probe[radius > 1.0].sum() > 0.2


def test_defocus_brings_an_aberrated_probe_back():
    wide = ScanningProbe(15.0, cs_um=1000.0).intensity(101, SIZE)
    better = ScanningProbe(15.0, cs_um=1000.0, defocus_nm=80.0).intensity(101, SIZE)
    assert better.max() > 2 * wide.max()


def test_coarse_pixels_hold_the_mean_of_fine_ones():
    probe = ScanningProbe(35.0)
    coarse, fine = probe.intensity(41, SIZE), probe.intensity(123, SIZE / 3)
    assert np.allclose(coarse, fine.reshape(41, 3, 41, 3).sum(axis=(1, 3)), atol=2e-4)
    assert coarse.min() >= 0


def test_the_probe_given_out_cannot_be_spoiled():
    with pytest.raises(ValueError, match="read-only"):
        ScanningProbe().intensity(5, SIZE)[0, 0] = 1


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ScanningProbe(0), "semi_angle_mrad is 0"),
        (lambda: ScanningProbe(35, cs_um=np.nan), "cs_um"),
        (lambda: ScanningProbe(35, defocus_nm="1"), "defocus_nm"),
        (lambda: ScanningProbe(35, energy_kev=-1), "energy_kev is -1"),
        (lambda: ScanningProbe().intensity(4, SIZE), "odd"),
        (lambda: ScanningProbe().intensity(5, 0), "pixel_size_nm is 0"),
        (lambda: ScanningProbe(30, cs_um=1e5).intensity(5, SIZE), "Choose a smaller cs_um"),
    ],
)
def test_bad_numbers_are_named(make, match):
    with pytest.raises(ParameterError, match=match):
        make()


def test_a_wide_probe_does_not_fold_back_into_a_small_window():
    """Seen through 21 pixels, narrower than the probe, it is what the middle of a wide view is."""
    probe = ScanningProbe(25.0, cs_um=100.0)
    small, large = probe.intensity(21, SIZE), probe.intensity(165, SIZE)[72:93, 72:93]
    assert np.allclose(small, large / large.sum(), atol=2e-3 * small.max())
    assert probe.reach_nm == pytest.approx(1.5625 + 1.22 * electron_wavelength_nm(200) / 0.025)


def test_the_reach_counts_the_worst_ray():
    """Best focus leaves the rim behind: between C_s and Δf a ray inside may miss the point most."""
    in_focus = ScanningProbe(10.0, cs_um=1000.0).reach_nm
    balanced = ScanningProbe(10.0, cs_um=1000.0, defocus_nm=100.0).reach_nm
    airy = 1.22 * electron_wavelength_nm(200) / 0.010
    assert in_focus - airy == pytest.approx(1.0)
    assert balanced - airy == pytest.approx(200 / 3 * np.sqrt(100 / 3e6), rel=1e-3)


@FEW
@given(
    angle=st.floats(10, 35),
    cs=st.floats(-50, 50),
    defocus=st.floats(-30, 30),
    half=st.integers(1, 5),
)
def test_every_probe_is_a_symmetric_share_of_one_electron(angle, cs, defocus, half):
    probe = ScanningProbe(angle, cs, defocus).intensity(2 * half + 1, 0.05)
    assert probe.sum() == pytest.approx(1)
    assert probe.min() >= 0
    for mirrored in (probe[::-1], probe[:, ::-1], probe.T):
        assert np.allclose(probe, mirrored, atol=1e-9 * probe.max())


def test_numbers_of_any_kind_make_the_same_probe():
    one = ScanningProbe(np.array(35), np.float32(0), 0, np.int64(200))
    assert one == ScanningProbe()
    assert np.array_equal(one.intensity(5, np.float32(0.25)), ScanningProbe().intensity(5, 0.25))
