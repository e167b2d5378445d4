"""From atoms to images and back to atoms: what dose, prior and missing wedge do."""

import dataclasses

import numpy as np
import pytest

from em_inverse import noise
from em_inverse.atomic import (
    left_empty,
    reconstruct,
    score,
    silicon_core_silica_shell,
    simulate,
    trace,
    typical_lambda,
    with_vacancies,
)

SHAPE = (48, 48, 48)
ATOMS, GONE = with_vacancies(silicon_core_silica_shell(SHAPE))
FOCI = (200.0, 450.0, 1000.0)


def at(series, dose, seed=0):
    """The same series as it would have been counted at a dose."""
    electrons = dose * series.voxel_angstrom**2 / (series.n_tilts * series.n_foci)
    counted = noise.poisson(series.images, electrons * float(series.images.mean()), seed=seed)
    return dataclasses.replace(series, images=counted, dose_per_square_angstrom=dose)


def outcome(series, **options):
    found = trace(reconstruct(series, n_iter=6, **options).volume, elements=ATOMS.elements)
    return score(found, ATOMS), found


@pytest.fixture(scope="module")
def clean():
    return simulate(ATOMS, np.arange(-90, 90, 4), FOCI, shape=SHAPE)


@pytest.fixture(scope="module")
def usual(clean):
    return outcome(at(clean, 4e4))


def test_without_noise_every_atom_is_found_and_named(clean, usual):
    endless, _ = outcome(clean)
    assert endless.found_percent >= 99.5
    assert endless.false_percent <= 0.5
    assert endless.error_pm <= 5
    assert endless.species_percent >= 99
    low, _ = outcome(at(clean, 7e3))
    assert endless.error_pm < usual[0].error_pm < low.error_pm
    assert low.species_percent < usual[0].species_percent
    assert low.found_percent >= 85
    assert low.false_percent <= 30


def test_at_a_dose_atoms_are_found_named_and_vacancies_stay_empty(usual):
    quality, found = usual
    assert quality.found_percent >= 99
    assert quality.false_percent <= 3
    assert quality.error_pm <= 11
    assert quality.species_percent >= 97
    assert left_empty(found, GONE).mean() >= 0.9


def test_priors_at_a_low_dose_total_variation_finds_more_than_sparsity_and_both_name_better(clean):
    series = at(clean, 1e4)
    smooth, _ = outcome(series)
    sparse, _ = outcome(series, lam_sparse=typical_lambda(series, "sparse"))
    none, _ = outcome(series, lam_tv=0.0)
    assert smooth.species_percent > none.species_percent + 5
    assert sparse.species_percent > none.species_percent + 5
    assert smooth.found_percent > sparse.found_percent
    assert none.false_percent > 10 * max(sparse.false_percent, smooth.false_percent)


def test_a_missing_wedge_blurs_along_the_beam(clean, usual):
    along = [usual[0].axis_rms_pm[0]]
    for half in (75, 60):
        part = clean.subset(np.abs(clean.angles_deg) <= half)
        quality, _ = outcome(at(part, 4e4))
        along.append(quality.axis_rms_pm[0])
    assert along[0] < along[1] < along[2]
    assert along[2] > 1.5 * max(quality.axis_rms_pm[1:])
