"""Phantoms: areas and volumes against geometry, positions, ranges, seeds, and clear refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse import phantoms
from em_inverse.errors import DataError, ParameterError


def test_three_peaks_is_the_week_11_signal():
    x = phantoms.three_peaks()
    i = np.arange(64)
    expected = sum(
        h * np.exp(-((i - p) ** 2) / (2 * 1.5**2)) for p, h in [(15, 0.4), (35, 1), (50, 1)]
    )
    assert np.array_equal(x, expected)
    assert x.dtype == np.float64


def test_any_number_of_peaks_between_pixels():
    x = phantoms.three_peaks(40, [10.5], [2.0], width=3)
    assert x[10] == pytest.approx(x[11])
    assert x[10] == pytest.approx(2 * np.exp(-0.125 / 9))


def test_peaks_must_lie_inside_and_have_heights():
    with pytest.raises(ParameterError, match=r"positions holds 64.*n = 64.*≤ 63"):
        phantoms.three_peaks(64, (15, 64, 20))
    with pytest.raises(ParameterError, match="positions holds -1"):
        phantoms.three_peaks(64, (-1, 4, 20))
    with pytest.raises(ParameterError, match="3 entries but heights has 2"):
        phantoms.three_peaks(heights=(1, 1))
    with pytest.raises(ParameterError, match="width"):
        phantoms.three_peaks(width=0)


def test_dumbbells_are_pairs_of_a_heavy_and_a_light_column():
    x = phantoms.dumbbells(60, period=20, split=5, start=4, heights=(2.0, 1.0), width=0.5)
    assert set(np.flatnonzero(x > 0.5)) == {4, 9, 24, 29, 44, 49}
    assert x[[4, 24, 44]] == pytest.approx(2, abs=1e-6)
    assert x[[9, 29, 49]] == pytest.approx(1, abs=1e-6)


def test_dumbbells_that_would_be_cut_in_two_are_left_out():
    cut = phantoms.dumbbells(70, period=20, split=5, start=4, heights=(2.0, 1.0), width=0.5)
    assert cut[64] == pytest.approx(2, abs=1e-6)  # its light column stands on the last pixel
    assert phantoms.dumbbells(69, period=20, split=5, start=4, width=0.5)[60:].max() < 1e-6
    with pytest.raises(ParameterError, match=r"start is 9 and split 6.06.*start \+ split ≤ 11"):
        phantoms.dumbbells(12)
    with pytest.raises(ParameterError, match="period"):
        phantoms.dumbbells(period=0)


def test_steps_begin_at_thirds():
    x = phantoms.steps()
    assert set(x) == {0.2, 0.8, 0.3}
    assert np.array_equal(np.flatnonzero(np.diff(x)) + 1, [200 // 3, 2 * 200 // 3])


@given(st.integers(8, 60), st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_steps_hold_every_level_in_order(n, levels):
    x = phantoms.steps(n, levels)
    for k, level in enumerate(levels):
        assert (x[k * n // len(levels) : (k + 1) * n // len(levels)] == level).all()


def test_more_levels_than_pixels_are_refused():
    with pytest.raises(ParameterError, match="levels has 9 entries"):
        phantoms.steps(8, range(9))


def test_ramp_is_smooth_and_monotonic():
    x = phantoms.ramp(101, 0.2, 0.8)
    assert x[[0, 50, 100]] == pytest.approx([0.2, 0.5, 0.8])
    assert (np.diff(x) > 0).all()
    # Half a cosine: the largest slope is π/2 times the mean one, the ends are flat.
    assert np.diff(x).max() == pytest.approx(np.pi / 2 * 0.006, rel=1e-3)
    assert np.diff(x)[0] < 2e-4
    assert (np.diff(phantoms.ramp(50, 1, 0)) < 0).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(40, 61), st.floats(5, 18))
def test_disc_keeps_its_area_and_centre(n, radius):
    x = phantoms.disc(n, radius, value=2)
    assert x.sum() == pytest.approx(2 * np.pi * radius**2, rel=0.01)
    assert np.average(np.arange(n), weights=x.sum(axis=1)) == pytest.approx((n - 1) / 2)
    assert x.min() == 0
    assert x.max() == 2


def test_disc_centre_is_z_x():
    x = phantoms.disc(64, 6, (40, 20))
    weights = x / x.sum()
    z, col = np.indices(x.shape)
    assert ((weights * z).sum(), (weights * col).sum()) == pytest.approx((40, 20), abs=1e-9)


def test_supersampling_only_smooths_the_edge():
    rough, smooth = phantoms.disc(64, supersample=1), phantoms.disc(64, supersample=8)
    assert set(np.unique(rough)) == {0, 1}
    changed = (rough != smooth).sum()
    assert 0 < changed < 2 * 2 * np.pi * 16


def test_core_shell_areas_and_values():
    x = phantoms.core_shell(128, 20, 40, core=1.0, shell=0.4)
    expected = np.pi * (20**2 * 1.0 + (40**2 - 20**2) * 0.4)
    assert x.sum() == pytest.approx(expected, rel=2e-3)
    assert x[64, 64] == 1
    assert x[64, 64 + 30] == pytest.approx(0.4)
    assert x[0, 0] == 0


def test_core_and_shell_add_up():
    both = phantoms.core_shell(64, offset=(3, -2))
    parts = (
        phantoms.core_shell(64, offset=(3, -2), shell=0),
        phantoms.core_shell(64, offset=(3, -2), core=0),
    )
    assert np.allclose(both, sum(parts))
    core = parts[0]
    z = np.average(np.arange(64), weights=core.sum(axis=1))
    x = np.average(np.arange(64), weights=core.sum(axis=0))
    assert (z, x) == pytest.approx((31.5 + 3, 31.5 - 2), abs=1e-9)


def test_core_must_fit():
    with pytest.raises(ParameterError, match="core leaves the shell"):
        phantoms.core_shell(64, 10, 12, offset=(2, 2))


@settings(deadline=None, max_examples=20)
@given(st.integers(16, 80), st.integers(1, 6))
def test_pair_agrees_in_projection_and_differs_as_object(n, supersample):
    two, one = phantoms.same_projection_pair(n, supersample=supersample)
    assert np.allclose(two.sum(axis=0), one.sum(axis=0), atol=1e-12)
    assert np.abs(two - one).max() > 0.5
    assert not np.allclose(two.sum(axis=1), one.sum(axis=1), atol=0.5)
    for x in (two, one):
        assert x.min() >= 0
        assert x.max() == pytest.approx(1)
        assert np.allclose(x, x[::-1])


def test_pair_has_two_particles_and_one():
    from scipy.ndimage import label

    two, one = phantoms.same_projection_pair(128, 14)
    assert label(two > 0.5)[1] == 2
    assert label(one > 0.5)[1] == 1
    assert two.sum() == pytest.approx(2 * np.pi * 14**2, rel=2e-3)
    with pytest.raises(ParameterError, match="radius"):
        phantoms.same_projection_pair(128, 22)


def test_nanocube_area_pores_and_rotation():
    from scipy.ndimage import label

    full = phantoms.nanocube_with_pores(128, 60, n_pores=0)
    assert full.sum() == pytest.approx(3600, rel=2e-3)
    porous = phantoms.nanocube_with_pores(128, 60, n_pores=5, pore_radius=4)
    assert full.sum() - porous.sum() == pytest.approx(5 * np.pi * 16, rel=0.02)
    # Every pore is closed: vacuum plus five holes.
    assert label(porous < 0.5)[1] == 6
    upright = phantoms.nanocube_with_pores(64, 32, n_pores=0, rotation_deg=0)
    assert np.array_equal(upright, np.pad(np.ones((32, 32)), 16))
    turned = phantoms.nanocube_with_pores(64, 32, n_pores=0, rotation_deg=10)
    # From x towards z, with z downwards: the right end of the top face goes down.
    right, left = turned[:, 45].argmax(), turned[:, 20].argmax()
    assert right > left


def test_seeds_move_pores_and_inclusions_only():
    a, b = (phantoms.nanocube_with_pores(64, seed=s) for s in (1, 2))
    assert np.array_equal(a, phantoms.nanocube_with_pores(64, seed=1))
    assert not np.array_equal(a, b)
    c, d = (phantoms.needle(32, seed=s) for s in (1, 2))
    assert np.array_equal(c, phantoms.needle(32, seed=np.random.default_rng(1)))
    assert not np.array_equal(c, d)
    assert np.array_equal(c > 0, d > 0)


def test_too_many_pores_are_refused():
    with pytest.raises(ParameterError, match=r"do not fit together: \d+ of 60"):
        phantoms.nanocube_with_pores(64, n_pores=60, pore_radius=4)
    with pytest.raises(ParameterError, match="0 of 1"):
        phantoms.nanocube_with_pores(64, 20, n_pores=1, pore_radius=8)


def test_soft_particle_has_no_flat_piece_and_no_edge():
    x = phantoms.soft_particle(96)
    inside = np.hypot(*(np.indices((96, 96)) - 47.5)) < 30
    slope = np.hypot(*np.gradient(x))
    assert np.median(slope[inside]) > 0.02
    assert np.mean(slope[inside] < 1e-3) < 0.01
    assert np.abs(np.diff(x, axis=0)).max() < 0.35
    assert x.min() == 0
    assert np.all(x[~inside & (np.hypot(*(np.indices((96, 96)) - 47.5)) > 0.36 * 96)] == 0)


def test_soft_particle_texture_and_grain_are_as_asked():
    plain, rough = (phantoms.soft_particle(96, texture=t) for t in (0.0, 0.25))
    middle = np.hypot(*(np.indices((96, 96)) - 47.5)) < 20
    assert np.std(rough[middle] / plain[middle]) == pytest.approx(0.25, rel=0.25)
    fine, coarse = (phantoms.soft_particle(96, grain=g) for g in (1.0, 4.0))
    assert np.abs(np.diff(fine)).mean() > 2 * np.abs(np.diff(coarse)).mean()
    assert not np.array_equal(phantoms.soft_particle(96, seed=1), rough)
    with pytest.raises(ParameterError, match="grain"):
        phantoms.soft_particle(grain=0)
    with pytest.raises(ParameterError, match="texture"):
        phantoms.soft_particle(texture=-0.1)


def test_columns_stand_where_their_positions_say():
    positions, kind = phantoms.column_positions(96, 16, jitter=0.7, seed=3)
    y = phantoms.columns(96, 16, width=2, heights=(1, 0.3), jitter=0.7, seed=3)
    grid = np.arange(96)
    for (px, py), light in zip(positions, kind, strict=True):
        near = np.ix_(np.abs(grid - px) < 5, np.abs(grid - py) < 5)
        x_index, y_index = np.indices(y.shape)
        w = y[near] / y[near].sum()
        assert (w * x_index[near]).sum() == pytest.approx(px, abs=0.35)
        assert (w * y_index[near]).sum() == pytest.approx(py, abs=0.35)
        height = 0.3 if light else 1.0
        assert y[near].max() == pytest.approx(height, rel=0.1)
    assert len(kind) == 36
    assert kind.sum() == 18


def test_columns_without_jitter_are_a_lattice():
    positions, _ = phantoms.column_positions(50, 10)
    assert np.allclose(np.diff(np.unique(positions[:, 0])), 10)
    assert positions.mean() == pytest.approx(24.5)
    with pytest.raises(ParameterError, match="spacing"):
        phantoms.column_positions(50, 60)


def test_sphere_volume_and_centre():
    x = phantoms.sphere(40, 10, (18, 20, 22), value=3)
    assert x.dtype == np.float32
    assert x.sum() == pytest.approx(3 * 4 / 3 * np.pi * 1000, rel=0.01)
    centre = [
        np.average(np.arange(40), weights=x.sum(axis=tuple({0, 1, 2} - {k}))) for k in range(3)
    ]
    assert centre == pytest.approx([18, 20, 22], abs=1e-3)
    assert phantoms.sphere(16).max() == 1


def test_needle_tapers_and_stands_in_vacuum():
    x = phantoms.needle(64, 80, n_inclusions=0, tip_radius=8, base_radius=20)
    assert x.shape == (64, 64, 80)
    assert x.dtype == np.float32
    width = np.sqrt(2 * x.sum(axis=(0, 1)) / np.pi)
    assert (width[:10] == 0).all()
    assert (np.diff(width[10:]) > 0).all()
    assert width[-1] == pytest.approx(20, rel=0.02)
    assert width[17] == pytest.approx(8, rel=0.05)
    assert x.max() == 0.5
    profile = x[..., -1]
    assert np.allclose(profile, profile.T)
    assert np.allclose(profile, profile[::-1])


def test_needle_inclusions_are_apart_and_covered():
    from scipy.ndimage import binary_dilation, label

    x = phantoms.needle(96, n_inclusions=10, inclusion_radius=4, tip_radius=12)
    bare = phantoms.needle(96, n_inclusions=0, tip_radius=12)
    bright = x > 0.75
    assert label(bright)[1] == 10
    extra = (x - bare).sum(dtype=float)
    assert extra == pytest.approx(0.5 * 10 * 4 / 3 * np.pi * 64, rel=0.02)
    shell = binary_dilation(bright) & ~bright
    assert (x[shell] > 0.4).all()


def test_needle_refuses_contradictions():
    with pytest.raises(ParameterError, match="tip_radius"):
        phantoms.needle(32, tip_radius=12, base_radius=10)
    with pytest.raises(ParameterError, match="too round"):
        phantoms.needle(64, 16, tip_radius=16, base_radius=20)
    with pytest.raises(ParameterError, match="0 of 3"):
        phantoms.needle(32, tip_radius=2, n_inclusions=3, inclusion_radius=4)
    assert phantoms.needle(32, base_radius=2, n_inclusions=0).max() == 0.5


def test_core_shell_maps_are_projections_of_spheres():
    shell, core = phantoms.core_shell_maps(48, 10, 20)
    for total, radius in ((core, 10), (shell + core, 20)):
        assert total.sum() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
        solid = phantoms.sphere(48, radius).sum(axis=0)
        assert np.abs(total - solid).max() < 0.6
        assert total[24, 24] == pytest.approx(2 * radius, rel=0.01)
    assert shell.min() >= 0
    assert (core[shell == 0] == 0).all()


def test_core_must_fit_into_its_shell_maps():
    with pytest.raises(ParameterError, match="core_radius is 21"):
        phantoms.core_shell_maps(48, 21, 20)


@pytest.mark.parametrize(
    "make",
    [
        phantoms.disc,
        phantoms.core_shell,
        phantoms.core_shell_maps,
        phantoms.same_projection_pair,
        phantoms.nanocube_with_pores,
        phantoms.sphere,
        phantoms.needle,
    ],
)
def test_sizes_and_supersampling_are_checked(make):
    with pytest.raises(ParameterError, match="n is 4"):
        make(4)
    with pytest.raises(ParameterError, match="supersample is 0"):
        make(32, supersample=0)


def test_lengths_and_centres_are_checked():
    with pytest.raises(ParameterError, match="radius is -1"):
        phantoms.disc(32, -1)
    with pytest.raises(DataError, match=r"centre has shape \(3,\)"):
        phantoms.disc(32, 5, (1, 2, 3))


@pytest.mark.parametrize("thickness", ["sphere", "slab"])
def test_core_shell_elements_share_one_scale(thickness):
    gold, iron, oxygen = phantoms.core_shell_elements(64, thickness=thickness)
    assert max(gold.max(), iron.max(), oxygen.max()) == 1
    oxide = (oxygen > 0.3) & (gold == 0) & (iron < 0.85)
    assert oxygen[oxide].sum() / iron[oxide].sum() == pytest.approx(0.75, rel=0.02)
    # The void: less gold right of the centre than left of it.
    assert gold[32, 38] < gold[32, 25]
    # The inclusion: iron without oxygen above the centre.
    assert iron[12, 32] > iron[51, 32]
    assert oxygen[12, 32] < oxygen[51, 32]
    with pytest.raises(ParameterError, match="thickness is 'cube'"):
        phantoms.core_shell_elements(64, thickness="cube")


def test_nearly_equal_z_hides_what_only_spectra_see():
    cobalt, manganese = phantoms.nearly_equal_z(64)
    both = cobalt + manganese
    above, right, below, left = (16, 32), (32, 48), (48, 32), (32, 16)
    assert both[above] == pytest.approx(1)
    assert manganese[above] > 5 * cobalt[above]
    assert [both[at] for at in (right, below, left)] == pytest.approx([0.75] * 3)
    assert cobalt[right] < manganese[right]
    assert manganese[below] < cobalt[below]
    assert min(cobalt.min(), manganese.min()) >= 0
