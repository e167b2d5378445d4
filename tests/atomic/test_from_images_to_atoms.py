"""The whole chain, images to atoms: what dose, wedge, prior and tilts do to a list of atoms."""

import functools

import numpy as np
import pytest

from em_inverse.atomic import (
    left_empty,
    reconstruct,
    score,
    silicon_core_silica_shell,
    simulate,
    trace,
    tungsten_core_oxide_shell,
    typical_lambda,
    with_vacancies,
)

SHAPE = (64, 64, 64)
FOCI = (200.0, 450.0, 1000.0)
DOSE = 5e4


@functools.cache
def specimen(name="silicon"):
    needle = silicon_core_silica_shell(SHAPE)
    made = {
        "silicon": lambda: (needle, None),
        "vacancies": lambda: with_vacancies(needle, 0.05),
        "tungsten": lambda: (tungsten_core_oxide_shell(SHAPE), None),
    }
    return made[name]()


@functools.cache
def outcome(name="silicon", dose=DOSE, tilts=60, wedge=0.0, prior="tv", foci=FOCI):
    atoms, vacant = specimen(name)
    reach = 90 - wedge / 2
    angles = np.linspace(-reach, reach, tilts, endpoint=wedge > 0)
    series = simulate(atoms, angles, foci, dose_per_square_angstrom=dose, shape=SHAPE)
    lam = {
        "tv": {},
        "lasso": {"lam_sparse": typical_lambda(series, "sparse")},
        "positivity": {"lam_tv": 0.0},
    }[prior]
    found = trace(reconstruct(series, **lam).volume, elements=atoms.elements)
    return score(found, atoms), None if vacant is None else left_empty(found, vacant)


def result(**options):
    return outcome(**options)[0]


pytestmark = pytest.mark.slow


class TestBars:
    def test_50000_electrons(self):
        got = result()
        assert got.found_percent >= 99.5
        assert got.false_percent <= 2
        assert got.error_pm <= 10
        assert got.species_percent >= 98

    def test_without_noise(self):
        got = result(dose=None)
        assert got.found_percent >= 99.9
        assert got.false_percent <= 0.2
        assert got.error_pm <= 5
        assert got.species_percent >= 99.5

    def test_7000_electrons(self):
        got = result(dose=7e3)
        assert 88 <= got.found_percent <= 98
        assert got.false_percent <= 30
        assert 17 <= got.error_pm <= 25
        assert 70 <= got.species_percent <= 88


class TestTrends:
    def test_dose(self):
        errors = [result(dose=dose).error_pm for dose in (None, DOSE, 7e3)]
        assert errors == sorted(errors)

    def test_the_wedge_hurts_along_the_beam(self):
        beam = [result(wedge=wedge).axis_rms_pm[0] for wedge in (0.0, 30.0, 60.0)]
        assert beam[0] < beam[1] < beam[2]
        across = result(wedge=60.0).axis_rms_pm[1]
        assert beam[2] >= 1.5 * across

    def test_priors(self):
        # At 50 000 electrons and six iterations all three name nearly every atom.
        tv, lasso, positive = (result(dose=1.5e4, prior=p) for p in ("tv", "lasso", "positivity"))
        assert tv.species_percent > lasso.species_percent > positive.species_percent + 20
        assert tv.found_percent > lasso.found_percent + 5
        assert positive.false_percent > 100 > 10 * tv.false_percent

    def test_vacancies_stay_empty(self):
        assert outcome("vacancies")[1].mean() >= 0.9

    def test_too_few_tilts(self):
        few = result(tilts=6, foci=tuple(np.geomspace(200, 1000, 9)))
        many = result(tilts=18)
        assert few.found_percent < many.found_percent - 3
        assert few.error_pm > 1.5 * many.error_pm

    def test_oxygen_beside_tungsten(self):
        got = result(name="tungsten")
        assert got.found_percent >= 99
        assert got.species_percent >= 99.5
        assert got.false_percent <= 2
