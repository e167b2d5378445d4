"""Tracing: atoms come back from their own potential, and from a noisy one."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from em_inverse.atomic import (
    Atoms,
    gold_nanoparticle,
    left_empty,
    low_pass,
    potential,
    score,
    silicon_core_silica_shell,
    trace,
    tungsten_core_oxide_shell,
    with_vacancies,
)
from em_inverse.atomic.fitting import fitted, left_over
from em_inverse.atomic.peaks import band_passed, local_maxima
from em_inverse.atomic.rules import crowded, merged, reference_peak
from em_inverse.errors import DataError, ParameterError

SHAPE = (64, 64, 64)


@functools.cache
def needle():
    return silicon_core_silica_shell(SHAPE)


@functools.cache
def volume():
    return potential(needle(), SHAPE)


def noise(sigma, seed=0):
    field = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    return sigma * low_pass(field)


@functools.cache
def traced():
    return trace(volume(), elements=("Si", "O"))


def test_all_atoms_of_the_true_volume_are_found_within_3_pm():
    result = score(traced(), needle())
    assert result.found_percent == 100
    assert result.false_percent == 0
    assert result.error_pm < 3
    assert max(result.axis_rms_pm) < 2
    assert result.species_percent == 100
    assert traced().elements == ("O", "Si")
    assert traced().atoms().elements == ("O", "Si")
    assert traced().history["candidates"] >= len(traced())
    assert traced().doubtful.sum() < 0.01 * len(traced())
    assert repr(traced()).startswith("TracedAtoms(614 atoms: O ")


@pytest.mark.parametrize(("sigma", "pm"), [(5.0, 4.0), (10.0, 5.0)])
def test_noise_moves_atoms_and_loses_none(sigma, pm):
    result = score(trace(volume() + noise(sigma), elements=("O", "Si")), needle())
    assert result.found_percent >= 99.5
    assert result.false_percent <= 2
    assert score(traced(), needle()).error_pm < result.error_pm < pm
    assert result.species_percent >= 99


def test_only_ratios_matter():
    again = trace(1e-3 * volume(), elements=("O", "Si"))
    np.testing.assert_allclose(again.positions, traced().positions, atol=1e-3)
    np.testing.assert_allclose(again.intensities, 1e-3 * traced().intensities, rtol=1e-2)


def test_without_names_the_intensities_decide():
    unnamed = trace(volume())
    assert unnamed.elements == ()
    assert unnamed.species.count == 2
    assert score(unnamed, needle()).species_percent == 100
    assert unnamed.atoms(["Si", "O"]).elements == ("O", "Si")
    assert "kind 1" in repr(unnamed)
    gold = gold_nanoparticle(16.0)
    alone = trace(potential(gold, (48, 48, 48)))
    assert alone.species.count == 1
    assert score(alone, gold).found_percent == 100
    assert score(alone, gold).species_percent == 100


def test_oxygen_beside_tungsten():
    specimen = tungsten_core_oxide_shell(SHAPE)
    clean = potential(specimen, SHAPE)
    result = score(trace(clean, elements=("O", "W")), specimen)
    assert result.found_percent >= 99.5
    assert result.false_percent <= 1
    assert result.species_percent == 100
    # Told of silicon instead, it asks for more than some of the oxygens have.
    told_of_silicon = score(trace(clean, elements=("O", "Si")), specimen)
    assert told_of_silicon.found_percent < result.found_percent - 3


def test_vacancies_stay_empty():
    remaining, vacant = with_vacancies(needle(), 0.05)
    found = trace(potential(remaining, SHAPE), elements=("O", "Si"))
    assert score(found, remaining).found_percent == 100
    assert left_empty(found, vacant).mean() >= 0.97


def test_another_size_of_voxel():
    atoms = silicon_core_silica_shell((50, 50, 50), 0.4)
    found = trace(potential(atoms, (50, 50, 50), 0.4, b_factor=1.1), 0.4, elements=("O", "Si"))
    result = score(found, atoms)
    assert result.found_percent >= 99
    assert result.error_pm < 4


def test_the_second_pass_finds_what_hides_beside_a_heavy_atom():
    pair = [Atoms([[0, 0, 0], [0, 1.3, 0]], [79, 8]), gold_nanoparticle(14.0)]
    side = pair[1].moved([0, -8.0, 0])
    atoms = Atoms(
        np.concatenate([pair[0].positions, side.positions]),
        np.concatenate([pair[0].atomic_numbers, side.atomic_numbers]),
    )
    V = potential(atoms, SHAPE, b_factor=2.0)
    once, twice = (
        trace(V, elements=("O", "Au"), candidate=0.6, second_pass=second)
        for second in (False, True)
    )
    assert "second pass" not in once.history
    assert twice.history["second pass"] >= twice.history["candidates"]


def test_doubtful_atoms_are_where_the_mistakes_are():
    found = trace(volume() + noise(22.0), elements=("O", "Si"))
    result = score(found, needle())
    pairs = result.pairs
    wrong = found.atoms().atomic_numbers[pairs[:, 0]] != needle().atomic_numbers[pairs[:, 1]]
    doubtful = found.doubtful[pairs[:, 0]]
    assert wrong.any()
    assert wrong[doubtful].mean() > 10 * wrong[~doubtful].mean()
    assert doubtful.mean() < 0.15


def test_an_empty_volume_holds_no_atoms():
    found = trace(np.zeros((24, 24, 24)))
    assert len(found) == 0
    assert found.labels.size == 0
    assert repr(found) == "TracedAtoms(0 atoms: )"
    result = score(found, needle())
    assert result.found_percent == 0
    assert left_empty(found, needle()).all()
    with pytest.raises(ParameterError, match="at least one atom"):
        found.atoms(["Si"])


def test_names_must_cover_the_kinds():
    with pytest.raises(ParameterError, match="2 names are needed"):
        trace(volume()).atoms(["Si"])


@pytest.mark.parametrize(
    ("V", "options", "error", "message"),
    [
        (np.full((8, 8, 8), np.nan), {}, DataError, "NaN"),
        (np.zeros((8, 8)), {}, DataError, "volume"),
        (np.zeros((0, 8, 8)), {}, DataError, "empty"),
        (np.zeros((8, 8, 8)), {"voxel_angstrom": 0}, ParameterError, "voxel_angstrom"),
        (np.zeros((8, 8, 8)), {"candidate": 0}, ParameterError, "candidate"),
        (np.zeros((8, 8, 8)), {"delete": 2}, ParameterError, "delete"),
        (np.zeros((8, 8, 8)), {"shortest_angstrom": -1}, ParameterError, "shortest_angstrom"),
        (np.zeros((8, 8, 8)), {"elements": ("H", "C", "O")}, ParameterError, "one or two"),
        (np.zeros((8, 8, 8)), {"elements": "Si"}, ParameterError, "list"),
        (np.zeros((8, 8, 8)), {"elements": ("Xx",)}, ParameterError, "Xx"),
    ],
)
def test_what_is_refused(V, options, error, message):
    with pytest.raises(error, match=message):
        trace(V, **options)


def gaussians(atoms, n=24):
    at = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).astype(float)
    return sum(
        peak * np.exp(-((at - [z, x, y]) ** 2).sum(axis=-1) / (2 * s * s))
        for z, x, y, peak, s in atoms
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_fits_return_the_gaussians_that_overlap(seed):
    rng = np.random.default_rng(seed)
    true = np.array(
        [[12, 12, 12, 200, 0.7], [12, 15.2, 12, 120, 0.65], [9, 12, 13.5, 150, 0.8]]
    ) + rng.uniform(-0.3, 0.3, (3, 5)) * [1, 1, 1, 50, 0.1]
    start = true + rng.uniform(-0.2, 0.2, (3, 5)) * [1, 1, 1, 100, 0.1]
    found = start
    for _ in range(4):
        found = fitted(gaussians(true), found, 0.5, rounds=5)
    np.testing.assert_allclose(found, true, atol=1e-3 * 200)
    np.testing.assert_allclose(found[:, :3], true[:, :3], atol=1e-4)
    assert np.abs(left_over(gaussians(true), found)).max() < 0.1


def test_fits_keep_within_bounds_and_leave_their_start_alone():
    start = np.array([[12.0, 12.0, 12.0, 1.0, 0.7]])
    kept = start.copy()
    out = fitted(gaussians([[12, 13, 12, 100, 2.0]]), start, 0.5, rounds=1)
    np.testing.assert_array_equal(start, kept)
    assert np.abs(out - start)[0, :3].max() <= 0.25 + 1e-12
    assert out[0, 3] <= 1.5
    assert out[0, 4] <= 0.875
    assert len(fitted(np.zeros((5, 5, 5)), np.zeros((0, 5)), 0.5)) == 0


def test_an_atom_at_the_edge_of_the_volume():
    found = fitted(gaussians([[0.2, 12, 12, 100, 0.7]]), np.array([[0.0, 12, 12, 90, 0.7]]), 0.5)
    assert found[0, 0] == pytest.approx(0.2, abs=0.01)


def test_the_band_pass_splits_a_flank_and_ignores_what_is_smooth():
    pair = gaussians([[12, 12, 12, 500, 1.2], [12, 15.0, 12, 60, 0.6]])
    smooth = gaussians([[12, 12, 12, 1000, 8.0]])
    assert len(local_maxima(pair, 10.0)) == 1
    assert len(local_maxima(band_passed(pair + smooth, 0.5), 5.0)) >= 2


@given(at=st.tuples(*[st.floats(-0.4, 0.4)] * 3))
@settings(max_examples=20, deadline=None)
def test_maxima_lie_between_the_voxels(at):
    place = np.array([12.0, 11.0, 13.0]) + at
    (found,) = local_maxima(gaussians([[*place, 1.0, 1.5]]), 0.1)
    np.testing.assert_allclose(found, place, atol=0.03)


def test_maxima_at_the_faces_do_not_count():
    bump = np.zeros((9, 9, 9))
    bump[1, 4, 4] = bump[4, 4, 4] = 1
    assert local_maxima(bump, 0.5).tolist() == [[4, 4, 4]]
    assert len(local_maxima(bump, 0.5, edge=1)) == 2


def test_rules():
    three = np.array([[0, 0, 0, 3.0, 1], [0, 0, 1, 1.0, 1], [0, 0, 9, 1.0, 1]])
    joined = merged(three, 2.0)
    np.testing.assert_allclose(joined, [[0, 0, 0.25, 3, 1], [0, 0, 9, 1, 1]])
    np.testing.assert_array_equal(merged(three, 0.5), three)
    assert len(merged(three[:1], 2.0)) == 1
    chain = np.array([[0, 0, float(i), 1.0, 1] for i in range(3)])
    assert len(merged(chain, 1.5)) == 2
    assert crowded(three, 2.0, 1).tolist() == [True, True, False]
    assert crowded(three[:0], 2.0, 1).size == 0
    assert reference_peak(np.array([])) == 0
    assert reference_peak(np.array([1.0, 1, 1, 9, 10, 11, 200])) == 200
