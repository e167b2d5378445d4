"""λ₂ without the truth, and checks that can fail."""

import numpy as np
import pytest

from em_inverse import fusion, phantoms
from em_inverse.errors import DataError, ParameterError
from em_inverse.forward.contrast import PowerLaw
from em_inverse.fusion.model_check import expected_deviance
from em_inverse.metrics import rmse

ELEMENTS = ["Au", "Fe", "O"]
GRID = np.array([0.4, 0.7, 1.2, 2.0, 3.5])


@pytest.mark.parametrize("score", ["deviance", "squares"])
def test_thinning_comes_near_the_best_weight(low, score):
    truth, haadf, counts = low
    lambdas = GRID * fusion.fuse(haadf, counts, ELEMENTS, n_iter=1).parameters["lambda_tv"]
    errors = [rmse(fusion.fuse(haadf, counts, ELEMENTS, lam_tv=v).x, truth) for v in lambdas]
    choice = fusion.choose_lam_tv(haadf, counts, ELEMENTS, lambdas, repeats=1, score=score)
    assert errors[int(np.argmin(np.abs(lambdas - choice.lam)))] <= 1.25 * min(errors)
    assert choice.score_name == f"held-out {score}"


def test_thinning_needs_whole_counts(low):
    _, haadf, counts = low
    with pytest.raises(DataError, match="not whole"):
        fusion.choose_lam_tv(haadf, counts / 7.0, ELEMENTS)


def test_thinning_splits_the_background_too(low):
    truth, haadf, _ = low
    counts = np.random.default_rng(1).poisson(truth + 3)
    choice = fusion.choose_lam_tv(
        haadf, counts, ELEMENTS, repeats=1, background=3.0, counts_per_unit=10.0
    )
    fused = fusion.fuse(haadf, counts, ELEMENTS, lam_tv=choice.lam, background=3.0)
    alone = fusion.denoise(counts, ELEMENTS, background=3.0)
    assert rmse(fused.x, truth) < rmse(alone.x, truth)


def test_the_vacuum_says_how_much_noise_is_left_and_no_more(low):
    truth, haadf, _ = low
    counts = np.random.default_rng(2).poisson(truth + 2)
    vacuum = truth.sum(axis=0) == 0
    options = {"vacuum": vacuum, "background": 2.0, "folds": 1}
    choice = fusion.vacuum_cross_validation(haadf, counts, ELEMENTS, **options)
    order = np.argsort(choice.lambdas)
    assert min(choice.scores[order][[0, -1]]) > 1.2 * choice.scores.min()
    assert "within 10 %" in choice.message
    tiny = choice.lambdas[order][:2]
    at_end = fusion.vacuum_cross_validation(haadf, counts, ELEMENTS, tiny, **options)
    assert at_end.message.endswith("the largest tried: it would be emptier still beyond")


def test_a_vacuum_without_counts_teaches_nothing(low):
    truth, haadf, counts = low
    vacuum = truth.sum(axis=0) == 0
    with pytest.raises(DataError, match="no counts at all"):
        fusion.vacuum_cross_validation(haadf, counts, ELEMENTS, vacuum=vacuum)
    with pytest.raises(DataError, match="vacuum holds 0 %"):
        fusion.vacuum_cross_validation(haadf, counts, ELEMENTS, vacuum=np.zeros_like(vacuum))


def test_chance_is_what_poisson_counts_give():
    rng = np.random.default_rng(3)
    for mean in (0.03, 0.4, 3.0, 60.0):
        n = rng.poisson(mean, 200_000)
        log = np.log(np.where(n > 0, n, 1) / mean)
        assert expected_deviance(np.array(mean)) == pytest.approx(
            np.mean(2 * (mean - n + n * log)), rel=0.02
        )
    assert expected_deviance(np.array([0.0, 1e-9, 1e7])) == pytest.approx([0, 0, 1], abs=1e-3)


@pytest.mark.parametrize("dose", [1.0, 0.1])
def test_the_right_model_passes_and_wrong_ones_fail(recorded, dose):
    _, haadf, counts = recorded(dose, n=128)
    right = fusion.check(fusion.fuse(haadf, counts, ELEMENTS))
    assert right.passed
    assert right.gamma_testable
    assert max(right.deviance.values()) < 1.1
    assert "spectra explained" in right.report()
    for gamma in (1.5, 1.9):
        wrong = fusion.fuse(haadf, counts, ELEMENTS, gamma=gamma)
        found = fusion.check(wrong, try_gamma=False)
        assert not found.passed
        assert found.gamma_testable is None
        assert "Fe: the spectra deviate" in found.report()
    _, other, spectra = recorded(dose, n=128, law="linear")
    assert not fusion.check(fusion.fuse(other, spectra, ELEMENTS), try_gamma=False).passed
    fitted = fusion.fuse(other, spectra, ELEMENTS, law="linear")
    assert fusion.check(fitted, try_gamma=False).passed


def test_at_a_very_low_dose_it_says_that_gamma_cannot_be_tested(recorded):
    _, haadf, counts = recorded(0.005)
    found = fusion.check(fusion.fuse(haadf, counts, ELEMENTS))
    assert found.gamma_testable is False
    assert "γ cannot be tested at this dose" in found.report()
    assert found.dose_factor > 1


def test_too_much_smoothing_is_not_explained_either(high):
    _, haadf, counts = high
    lam = 60 * fusion.fuse(haadf, counts, ELEMENTS, n_iter=1).parameters["lambda_tv"]
    fused = fusion.fuse(haadf, counts, ELEMENTS, lam_tv=lam)
    assert not fusion.check(fused, try_gamma=False).passed


def test_gaussian_spectra_and_measured_brightness_are_checked(high):
    truth, haadf, _ = high
    noisy = truth + np.random.default_rng(4).normal(0, 10, truth.shape)
    weights = 3 * PowerLaw(ELEMENTS, normalise=True).weights ** 1.7 * [1, 0.9, 1]
    fused = fusion.fuse(haadf, noisy, ELEMENTS, noise="gaussian", haadf_weights=weights, psf=0.3)
    found = fusion.check(fused)
    assert set(found.gamma_effect) == set(ELEMENTS)
    assert np.isfinite(list(found.deviance.values())).all()
    assert found.residuals.std() == pytest.approx(1, rel=0.3)


def test_cobalt_and_manganese_are_one_to_the_image():
    x = phantoms.nearly_equal_z(96)
    law = PowerLaw(["Co", "Mn"], normalise=True)
    rng = np.random.default_rng(5)
    haadf, counts = rng.poisson(4000 * law(x)), rng.poisson(12 * x)
    fused = fusion.fuse(haadf, counts, ["Co", "Mn"])
    found = fusion.check(fused, try_gamma=False)
    assert any("Mn and Co are nearly one element" in line for line in found.warnings)
    alone = fusion.denoise(counts, ["Co", "Mn"])
    total, difference = 12 * x.sum(axis=0), 12 * (x[0] - x[1])
    assert rmse(fused.x.sum(axis=0), total) < 0.5 * rmse(alone.x.sum(axis=0), total)
    gained = rmse(fused.x[0] - fused.x[1], difference) / rmse(alone.x[0] - alone.x[1], difference)
    assert 0.7 < gained < 1.05
    assert not any("nearly one" in line for line in _of_core_shell().warnings)


def _of_core_shell():
    x = phantoms.core_shell_elements(48)
    haadf = PowerLaw(["Au", "Fe", "O"])(x)
    counts = np.random.default_rng(6).poisson(50 * x)
    return fusion.check(fusion.fuse(haadf, counts, ELEMENTS), try_gamma=False)


def test_an_element_that_the_image_does_not_see_is_named():
    assert any(
        "O gives" in line and "next to nothing" in line for line in _of_core_shell().warnings
    )


def test_the_check_draws_and_refuses(high):
    _, haadf, counts = high
    found = fusion.check(fusion.fuse(haadf, counts, ELEMENTS), try_gamma=False)
    assert len(found.draw().axes) == 4
    assert found.draw(title="A title").get_suptitle() == "A title"
    for wrong in (counts, fusion.denoise(counts, ELEMENTS)):
        with pytest.raises(ParameterError, match="fused is"):
            fusion.check(wrong)
