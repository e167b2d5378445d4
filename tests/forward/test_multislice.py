"""Multislice: its derivative, its limits, its geometry, its physics, and an independent program."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from em_inverse.errors import DataError, ParameterError
from em_inverse.fidelity import AmplitudeDistance
from em_inverse.forward import Multislice, ParallelBeam, optics

SHAPE = (14, 12, 10)


def rough(shape, peak, seed=0):
    """A volume of lumps about two voxels wide, up to `peak` volts."""
    volume = gaussian_filter(np.random.default_rng(seed).random(shape), 1.0, mode="wrap")
    return peak * (volume - volume.min()) / np.ptp(volume)


def double(shape=SHAPE, foci=(-80.0, 50.0, 200.0), **options):
    return Multislice(shape, foci, dtype=np.float64, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"slice_voxels": 3},
        {"slice_voxels": 1, "propagation": "paraxial", "margin": 0},
        {"slice_voxels": 14, "cs_mm": 0.02, "aperture_mrad": 15.0, "voltage_kv": 80.0},
    ],
)
def test_the_gradient_is_that_of_central_differences(options):
    H = double(**options)
    rng = np.random.default_rng(1)
    x, direction = rough(SHAPE, 300.0), rng.standard_normal(SHAPE)
    data = AmplitudeDistance(H.tilted(33.0), rng.uniform(0.5, 2.0, H.out_shape))
    value, gradient = data.value_and_gradient(x)
    assert value == pytest.approx(data.value(x))
    h = 1e-2
    slope = (data.value(x + h * direction) - data.value(x - h * direction)) / (2 * h)
    assert np.vdot(gradient, direction) == pytest.approx(slope, rel=1e-6)


def test_the_pull_is_the_transpose_of_the_derivative():
    """dψ of a change dS is linear in it; central differences of order four leave rounding only."""
    H = double(slice_voxels=4)
    rng = np.random.default_rng(2)
    slices, change = H.slices(rough(SHAPE, 200.0), 20.0), rng.standard_normal(H.slices_shape)
    passage = H.passage(slices)
    r = rng.standard_normal((2, *H.out_shape))
    r = r[0] + 1j * r[1]

    def ahead(h):
        return H.passage(slices + h * change).waves

    h = 0.5
    moved = (8 * (ahead(h) - ahead(-h)) - (ahead(2 * h) - ahead(-2 * h))) / (12 * h)
    expected = np.vdot(r, moved).real
    assert np.vdot(passage.pull(r), change) == pytest.approx(expected, rel=1e-10)
    waves, pull = H.linearise(rough(SHAPE, 200.0), 20.0)
    assert np.allclose(waves, passage.waves)
    assert np.allclose(pull(r), H.turn(20.0).adjoint(passage.pull(r)))


def test_single_precision_by_default_double_on_demand():
    volume = rough(SHAPE, 200.0)
    single, exact = Multislice(SHAPE, [100.0], slice_voxels=3), double(foci=[100.0], slice_voxels=3)
    one, two = single.forward(volume, 25.0), exact.forward(volume, 25.0)
    assert one.dtype == np.complex64
    assert two.dtype == np.complex128
    assert single.images(volume).dtype == np.float32
    assert np.abs(one - two).max() < 2e-5
    threaded = Multislice(SHAPE, [100.0], slice_voxels=3, workers=2).forward(volume, 25.0)
    assert np.allclose(threaded, one, atol=1e-6)


def test_vacuum_is_one_and_propagation_keeps_the_energy():
    H = double((16, 16, 16), (-300.0, 0.0, 500.0), slice_voxels=2, margin=0, aperture_mrad=1000.0)
    assert np.allclose(H.images(np.zeros(H.in_shape)), 1.0)
    images = H.images(rough(H.in_shape, 800.0), 90.0)
    assert images.std() > 0.1
    assert np.allclose(images.mean(axis=(1, 2)), 1.0, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 90.0, -90.0])
def test_without_propagation_the_phase_is_the_projection(angle):
    """One slice in focus: the wave is exp(iσΔz ∫V), with the integral of ParallelBeam."""
    volume = np.zeros((12, 12, 9))
    volume[1:3, 8:10, 2:5] = 40.0
    H = double(volume.shape, [0.0], slice_voxels=12, margin=0, aperture_mrad=1000.0)
    projection = (ParallelBeam(volume.shape, [angle], dtype=np.float64) @ volume)[0]
    phase = np.angle(H.forward(volume, angle)[0])
    assert phase.max() > 0.02
    assert np.allclose(phase, H.sigma * H.voxel_angstrom * projection, atol=1e-12)


@pytest.mark.parametrize("angle", [-61.0, 33.0])
def test_an_atom_off_the_axis_falls_where_the_projector_sees_it(angle):
    z, x, y = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in (31, 31, 7)], indexing="ij")
    volume = 3.0 * np.exp(-((z + 8) ** 2 + (x - 5) ** 2 + y**2) / 8)
    H = double(volume.shape, [0.0], slice_voxels=31, margin=0, aperture_mrad=1000.0)
    phase = np.angle(H.forward(volume, angle)[0])
    expected = (ParallelBeam(volume.shape, [angle], dtype=np.float64) @ volume)[0]
    expected *= H.sigma * H.voxel_angstrom
    assert np.linalg.norm(phase - expected) < 0.02 * np.linalg.norm(expected)


def test_a_weak_phase_object_shows_twice_its_phase_times_sine_chi():
    H = double((1, 32, 32), [250.0, 600.0], margin=0, propagation="paraxial", cs_mm=0.1)
    volume = rough(H.in_shape, 0.05)
    phase = np.fft.fft2(H.sigma * H.voxel_angstrom * volume[0])
    for image, focus in zip(H.images(volume), H.defoci_angstrom, strict=True):
        chi = optics.aberration_phase(H._q2, H.lam, focus, 0.1)
        expected = 2 * phase * np.sin(chi) * H._aperture
        seen = np.fft.fft2(image - 1)
        assert np.abs(seen - expected).max() < 1e-3 * np.abs(expected).max()


def test_overfocus_is_positive_and_counted_from_the_centre_of_the_object():
    """An atom deeper by d, imaged at a plane deeper by d, looks the same."""
    z, x, y = np.meshgrid(*[np.arange(24) - 11.5] * 3, indexing="ij")

    def atom(depth):
        return 300 * np.exp(-((z - depth) ** 2 + x**2 + y**2) / 3)

    middle = double((24, 24, 24), [100.0], margin=8).images(atom(0.0))
    deeper = double((24, 24, 24), [102.0], margin=8).images(atom(4.0))
    wrong = double((24, 24, 24), [98.0], margin=8).images(atom(4.0))
    assert np.abs(deeper - middle).max() < 1e-5
    assert np.abs(wrong - middle).max() > 1e-3
    # Downstream of a weak lens that focuses, as a positive potential does, the centre is bright.
    assert middle[0, 11:13, 11:13].min() > 1.02


@pytest.mark.parametrize("slice_voxels", [2, 5, 7, 24])
def test_bins_do_not_move_the_focus(slice_voxels):
    z, x, y = np.meshgrid(*[np.arange(24) - 11.5] * 3, indexing="ij")
    volume = 300 * np.exp(-(z**2 + x**2 + y**2) / 3)
    fine = double((24, 24, 24), [300.0]).images(volume)
    coarse = double((24, 24, 24), [300.0], slice_voxels=slice_voxels).images(volume)
    assert np.abs(coarse - fine).max() < 0.03 * np.abs(fine - 1).max()


def test_the_margin_keeps_waves_from_coming_back():
    volume = np.zeros((8, 24, 24))
    volume[:, 20:22, 10:14] = 150.0
    reference = double(volume.shape, [800.0], margin=60).images(volume)
    errors = [
        np.abs(double(volume.shape, [800.0], margin=m).images(volume) - reference).max()
        for m in (0, 12, None)
    ]
    assert errors[0] > 2 * errors[1]
    assert double(volume.shape, [800.0]).margin == 12
    assert double(volume.shape, [100.0]).margin == 4


def test_partial_coherence_is_the_mean_over_foci_and_damps_contrast():
    volume = rough((8, 24, 24), 300.0)
    sharp = double(volume.shape, [400.0])
    plain = sharp.images(volume)
    assert np.allclose(plain, np.abs(sharp.forward(volume)) ** 2)
    spread = double(volume.shape, [400.0], margin=sharp.margin, focal_spread_angstrom=50.0)
    offsets = np.linspace(-250, 250, 201)
    weights = np.exp(-0.5 * (offsets / 50.0) ** 2)
    many = double(volume.shape, 400.0 + offsets, margin=sharp.margin).images(volume)
    mean = np.tensordot(weights / weights.sum(), many, axes=1)
    assert np.abs(spread.images(volume)[0] - mean).max() < 1e-3
    assert spread.images(volume).std() < plain.std()
    source = double(volume.shape, [400.0], source_mrad=0.5).images(volume)
    assert source.std() < 0.95 * plain.std()
    both = double(volume.shape, [400.0], source_mrad=0.5, focal_spread_angstrom=50.0)
    assert both.images(volume).std() < source.std()


def test_heavier_and_slower_scatters_more():
    from em_inverse.atomic import Atoms, potential

    images = {}
    for kind in (14, 74):
        V = potential(Atoms([[0.0, 0.0, 0.0]], [kind]), (24, 24, 24))
        for kv in (60, 300):
            images[kind, kv] = Multislice(V.shape, [200.0], voltage_kv=kv).images(V).std()
    assert images[74, 300] > 2 * images[14, 300]
    assert images[14, 60] > 1.5 * images[14, 300]


def test_a_projection_fails_for_slow_electrons_and_thick_objects():
    def error(depth, kv):
        volume = rough((depth, 32, 32), 200.0)
        fine = double(volume.shape, [0.0], voltage_kv=kv, slice_voxels=1, margin=0)
        whole = double(volume.shape, [0.0], voltage_kv=kv, slice_voxels=depth, margin=0)
        true = fine.forward(volume)
        return np.linalg.norm(whole.forward(volume) - true) / np.linalg.norm(true - true.mean())

    thin, thick, slow = error(8, 300), error(64, 300), error(64, 60)
    assert thin < 0.1
    assert thick > 3 * thin
    assert slow > 2 * thick


@pytest.mark.parametrize("law", ["paraxial", "angular_spectrum"])
def test_the_exit_wave_is_abtems(law):
    """With its anti-aliasing filter off; it goes on by one thickness after the last slice."""
    abtem = pytest.importorskip("abtem")
    volume = rough((32, 48, 48), 200.0).astype(np.float32)
    H = Multislice(volume.shape, slice_voxels=8, margin=0)
    beyond = (H.turn(0).centres[-1] + 8) * 0.5
    H = Multislice(
        volume.shape, beyond, slice_voxels=8, margin=0, propagation=law, aperture_mrad=1e3
    )
    with abtem.config.set({"antialias.cutoff": 4.0, "antialias.taper": 0.0}):
        slices = H.slices(volume) * np.float32(0.5)
        array = abtem.PotentialArray(
            slices, slice_thickness=[4.0] * len(slices), sampling=(0.5, 0.5)
        )
        theirs = abtem.PlaneWave(energy=300e3).multislice(array, lazy=False).array
    ours = H.forward(volume)[0]
    assert np.linalg.norm(ours - 1) > 0.2 * np.linalg.norm(ours)
    assert np.linalg.norm(np.squeeze(theirs) - ours) <= 2e-5 * np.linalg.norm(ours)


def test_what_does_not_fit_is_refused():
    H = double()
    with pytest.raises(DataError, match="volume has shape"):
        H.forward(np.zeros((3, 3, 3)))
    with pytest.raises(DataError, match="one per focus"):
        H.linearise(np.zeros(SHAPE))[1](np.zeros((1, 12, 10)))
    with pytest.raises(ParameterError, match="dtype"):
        Multislice(SHAPE, dtype=np.int32)
    with pytest.raises(ParameterError, match="propagation is 'ray'"):
        Multislice(SHAPE, propagation="ray")
    assert repr(Multislice((2, 2, 2), [5.0])).startswith("Multislice((2, 2, 2), [5.0], voxel")
