"""Specimens: the same object on every grid, chiral where they should be, and of the right sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label, rotate

from em_inverse import simulate, tomography
from em_inverse.errors import DataError, ParameterError
from em_inverse.simulate.grid import sampled


def binned(volume, f=2):
    nz, nx, ny = (n // f for n in volume.shape)
    return volume.reshape(nz, f, nx, f, ny, f).mean(axis=(1, 3, 5))


def helix(sign, steps=400):
    """A bar that turns about y: by the right hand rule from z to x, for sign +1."""
    volume = np.zeros((40, 40, 60))
    for y in np.linspace(5, 55, steps):
        turn = sign * np.deg2rad(2.0) * (y - 30)
        for r in np.linspace(-15, 15, 60):
            z, x = 20 + r * np.cos(turn), 20 + r * np.sin(turn)
            volume[round(z), round(x), round(y)] = 1
    return volume


MAKERS = [simulate.twisted_bowtie, simulate.decorated_nanocube]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("n_y", [None, 24])
def test_a_coarse_volume_is_the_binning_of_a_fine_one(make, n_y):
    fine = make(64, None if n_y is None else 2 * n_y, supersample=1)
    coarse = make(32, n_y, supersample=2)
    assert coarse.dtype == np.float32
    assert coarse.shape == (32, 32, n_y or 32)
    np.testing.assert_allclose(coarse, binned(fine), atol=1e-6)


@settings(max_examples=12)
@given(st.sampled_from(MAKERS), st.integers(16, 40), st.integers(16, 60), st.integers(0, 5))
def test_any_size_holds_the_whole_object(make, n, n_y, seed):
    volume = make(n, n_y, seed=seed, supersample=1)
    assert volume.shape == (n, n, n_y)
    assert volume.max() > 0
    z, x = np.indices((n, n)) - (n - 1) / 2
    # Nothing leaves the field at any tilt, or touches the ends.
    assert not volume[np.hypot(z, x) > n / 2].any()
    assert not volume[:, :, [0, -1]].any() or n_y < 20


@pytest.mark.parametrize("make", MAKERS)
def test_seeds_make_other_individuals(make):
    one, same, other = (make(32, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.sum() == pytest.approx(other.sum(), rel=0.1)


def test_only_the_place_of_the_object_is_sampled():
    asked = []

    def density(z, x, y):
        asked.append((z.size, x.size, y.size))
        return np.ones((z.size, x.size, y.size), np.float32)

    volume = sampled((20, 20, 30), (2, 3, 100), density, 2)
    assert asked == [(2, 12, 60)] * 4
    assert np.argwhere(volume).min(axis=0).tolist() == [8, 7, 0]
    assert np.argwhere(volume).max(axis=0).tolist() == [11, 12, 29]


def test_chirality_is_that_of_a_corkscrew():
    """100° of turn over 50 voxels; y, z, x is a right-handed order of axes."""
    assert simulate.chirality(helix(+1)) == pytest.approx(100, abs=12)
    assert simulate.chirality(helix(-1)) == pytest.approx(-100, abs=12)
    assert abs(simulate.chirality(helix(0))) < 1


@pytest.mark.parametrize("twist", [60, 120, 200])
def test_the_twist_that_was_built_in_is_read_off(twist):
    right = simulate.twisted_bowtie(48, twist_deg=twist)
    left = simulate.twisted_bowtie(48, twist_deg=twist, handedness="left")
    assert simulate.chirality(right) == pytest.approx(twist, rel=0.1)
    assert simulate.chirality(left) == pytest.approx(-twist, rel=0.1)


def test_chirality_belongs_to_the_shape_not_to_its_place():
    particle = simulate.twisted_bowtie(48)
    reference = simulate.chirality(particle)
    for axes, angle in (((0, 1), 35), ((1, 2), 60), ((0, 2), 90)):
        turned = rotate(particle, angle, axes=axes, order=1, reshape=True)
        assert simulate.chirality(turned) == pytest.approx(reference, rel=0.1)
    moved = 7 * np.pad(particle, ((5, 0), (0, 9), (3, 1)))
    assert simulate.chirality(moved) == pytest.approx(reference, rel=1e-6)
    for axis in range(3):
        mirrored = np.flip(particle, axis)
        assert simulate.chirality(mirrored) == pytest.approx(-reference, rel=1e-6)


def test_no_rotation_lays_the_mirror_image_over_the_particle():
    particle = simulate.twisted_bowtie(32, in_plane_deg=0)

    def best_overlap(other):
        half_turned = (other, other[::-1, :, ::-1])
        return max(
            float(np.vdot(particle, rotate(one, angle, axes=(0, 1), order=1, reshape=False)))
            for one in half_turned
            for angle in range(0, 180, 10)
        )

    itself = float(np.vdot(particle, particle))
    assert best_overlap(particle) == pytest.approx(itself, rel=1e-3)
    assert best_overlap(particle[::-1]) < 0.85 * itself


def test_one_projection_does_not_tell_the_hand_but_the_volume_does():
    right = simulate.twisted_bowtie(32, handedness="right")
    left = simulate.twisted_bowtie(32, handedness="left")
    np.testing.assert_array_equal(left, right[::-1])
    np.testing.assert_allclose(left.sum(axis=0), right.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("hand", ["right", "left"])
def test_the_hand_is_read_from_a_reconstruction_of_noisy_data(hand):
    particle = simulate.twisted_bowtie(64, handedness=hand, supersample=1)
    angles = simulate.tilt_order("sequential", -70, 70, 5)
    series = simulate.Microscope(particle, angles, dose=50, seed=3).series()
    found = simulate.chirality(tomography.wbp(series, filter="hann").volume)
    assert found * (1 if hand == "right" else -1) > 40


def test_a_volume_without_a_particle_has_no_twist():
    with pytest.raises(DataError, match="0 voxels above 1"):
        simulate.chirality(np.ones((8, 8, 8)))
    with pytest.raises(DataError, match="3-D is needed"):
        simulate.chirality(np.ones((8, 8)))
    grid = np.indices((24, 24, 40)) - np.array([11.5, 11.5, 19.5])[:, None, None, None]
    rod = (np.hypot(grid[0], grid[1]) < 6) & (np.abs(grid[2]) < 15)
    assert simulate.chirality(rod) == 0.0


def test_a_bow_tie_is_narrow_at_the_waist_and_has_its_ribbons():
    particle = simulate.twisted_bowtie(96, twist_deg=0, in_plane_deg=0, n_ribbons=5)
    width = (particle.sum(axis=0) > 0).sum(axis=0)[10:-10]
    assert width[38] < 0.4 * width.max()
    across = particle[48, :, 70] > 0.5
    assert label(across)[1] == 5
    assert np.array_equal(simulate.twisted_bowtie(32, value=3), 3 * simulate.twisted_bowtie(32))


def test_the_cube_is_as_large_as_it_says():
    plain = simulate.decorated_nanocube(48, n_pores=0, n_particles=0, body=1, edge_nm=50)
    assert plain.sum() * (128 / 48) ** 3 == pytest.approx(50**3, rel=0.01)
    scaled = simulate.decorated_nanocube(
        48, n_pores=0, n_particles=0, body=1, edge_nm=40, pixel_size_nm=1.6
    )
    assert scaled.sum() * 1.6**3 == pytest.approx(40**3, rel=0.01)


def test_facets_are_flat_and_lie_across_the_axes():
    """Unrotated, the cube is a box; rotated, its largest extent is that of its diagonals."""
    straight = simulate.decorated_nanocube(
        64, n_pores=0, n_particles=0, rotation_deg=(0, 0, 0), edge_nm=64
    )
    inside = np.argwhere(straight == 0.5)
    assert inside.min(axis=0).tolist() == [16] * 3
    assert inside.max(axis=0).tolist() == [47] * 3
    assert straight[16:48, 16:48, 16:48].min() == 0.5
    turned = simulate.decorated_nanocube(64, n_pores=0, n_particles=0, rotation_deg=(45, 0, 0))
    extent = np.ptp(np.argwhere(turned > 0.25), axis=0) + 1
    assert extent.tolist() == pytest.approx([31, 31 * 2**0.5, 31 * 2**0.5], abs=2)


def test_pores_are_closed_and_particles_sit_on_all_faces():
    options = {"rotation_deg": (0, 0, 0), "supersample": 1}
    cube = simulate.decorated_nanocube(96, n_pores=9, n_particles=40, **options)
    empty, count = label(cube == 0)
    assert count == 10
    assert empty[48, 0, 0] == 1
    bright, count = label(cube == 1)
    assert count == 40
    centres = np.array([np.argwhere(bright == k).mean(axis=0) for k in range(1, 41)]) - 47.5
    centres *= 128 / 96
    diameters = 128 / 96 * np.cbrt(np.bincount(bright.ravel())[1:] * 6 / np.pi)
    assert diameters.mean() == pytest.approx(5, abs=0.3)
    faces = {(int(np.abs(c).argmax()), bool(c[np.abs(c).argmax()] > 0)) for c in centres}
    assert len(faces) == 6
    assert np.abs(centres).max(axis=1) == pytest.approx(31.5, abs=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"edge_nm": 120}, "edge_nm is 120.*of a volume of 128 nm"),
        ({"pixel_size_nm": 0.5}, "of a volume of 16 nm"),
        ({"n_pores": 900}, "n_pores and pore_nm do not fit.*of 900"),
        ({"pore_nm": 60}, "0 of 14 found"),
        ({"particle_nm": 30, "edge_nm": 20, "n_pores": 0}, "n_particles and particle_nm"),
        ({"rotation_deg": (1, 2)}, "rotation_deg"),
    ],
)
def test_cubes_that_cannot_be_are_refused(options, said, monkeypatch):
    monkeypatch.setattr("em_inverse.simulate.nanocube._TRIES", 2)
    with pytest.raises((ParameterError, DataError), match=said):
        simulate.decorated_nanocube(32, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 15}, "n is 15"),
        ({"n_y": 8}, "n_y is 8"),
        ({"handedness": "both"}, "'right', 'left'"),
        ({"twist_deg": -5}, "twist_deg is -5"),
        ({"n_ribbons": 0}, "n_ribbons is 0"),
        ({"in_plane_deg": 80}, "in_plane_deg is 80"),
        ({"supersample": 0}, "supersample is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bow_ties_that_cannot_be_are_refused(options, said):
    with pytest.raises(ParameterError, match=said):
        simulate.twisted_bowtie(**{"n": 32, **options})
