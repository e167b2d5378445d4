import json

import numpy as np
import pytest

from em_inverse import tomography
from em_inverse.errors import ParameterError
from em_inverse.report import report, report_table, table_text
from em_inverse.tilt_series import Reconstruction, TiltSeries


@pytest.fixture
def run():
    return Reconstruction(
        np.zeros((4, 5, 6)),
        "SIRT",
        parameters={"nonnegative": True},
        history={"data_distance": [9.0, 3.0]},
        n_iter=30,
        pixel_size_nm=0.5,
        geometry={
            "n_projections": 77,
            "tilt_min_deg": -76.0,
            "tilt_max_deg": 76.0,
            "tilt_step_deg": 2.0,
            "dose_e_per_nm2": 1200.0,
            "data_norm": 60.0,
        },
        provenance=("background removed",),
    )


def test_the_line_states_every_item_that_is_owed(run):
    line = report(run)
    assert "\n" not in line
    for item in (
        "77 projections from −76° to 76° in steps of 2°",
        "SIRT, 30 iterations (x ≥ 0)",
        "residual ‖Ax − b‖ = 3 (5 % of ‖b‖)",
        "total dose 1200 e/nm²",
        "voxel size 0.5 nm",
        "em_inverse ",
    ):
        assert item in line


ANGLES = np.arange(-70, 71, 10)
SERIES = TiltSeries(np.ones((ANGLES.size, 8)), ANGLES)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (lambda: tomography.wbp(SERIES), "(ramp filter, no cut-off)"),
        (
            lambda: tomography.wbp(SERIES, "hann", cutoff=0.5, padding="edge"),
            "(hann filter, cut off at 0.5 of Nyquist, edge padding)",
        ),
        (lambda: tomography.sirt(SERIES, 2), "SIRT, 2 iterations (relaxation 1, x ≥ 0)"),
        (
            lambda: tomography.sirt(SERIES, 2, nonnegative=False, center_shift=0.5),
            "(relaxation 1, x of either sign, tilt axis 0.5 px beside the middle)",
        ),
        (
            lambda: tomography.sart(SERIES, 2, blocks=1),
            "(relaxation 0.3, 1 block, golden order, x ≥ 0)",
        ),
        (lambda: tomography.cgls(SERIES, 2, lam=0.5), "CGLS, 2 iterations (λ = 0.5)"),
        (lambda: tomography.mlem(SERIES, 2, background=3.0), "(background 3)"),
        (lambda: tomography.tv_sart(SERIES, lam=0.1, n_iter=2), "x ≥ 0, total variation, λ = 0.1)"),
        (
            lambda: tomography.asd_pocs(SERIES, 10.0, n_iter=2),
            (
                "(ε = 10, mended schedule, first relaxation 0.5, relaxation reduced to 0.985 per "
                "iteration, first TV step 0.2, TV step reduced to 0.95, largest TV step 0.95, 10 "
                "TV steps per iteration, 15 blocks, random order, x ≥ 0)"
            ),
        ),
    ],
)
def test_parameters_stand_in_words_under_a_picture(recipe, words):
    line = report(recipe())
    assert words in line
    named = line.split(";")[1]
    assert "_" not in named
    assert "True" not in named


def test_parameters_of_other_software_are_told_as_they_are(run):
    run.parameters = {"soft_edge": True, "warm_start": False, "inner_loops": 3}
    assert "(soft edge, no warm start, inner loops 3)" in report(run)


def test_what_is_not_known_is_called_not_stated():
    line = report(Reconstruction(np.zeros((2, 2)), "WBP"))
    assert line.count("not stated") == 4


def test_simulated_data_are_announced_first(run):
    run.metadata["synthetic"] = True
    assert report(run).startswith("SIMULATED DATA: 77 projections")


def test_the_table_is_plain_json(run):
    table = report_table(run)
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert table["relative_residual"] == pytest.approx(0.05)
    assert table["shape"] == [4, 5, 6]
    assert table["data_steps"] == ["background removed"]
    run.metadata["relative_residual"] = 0.25
    assert report_table(run)["relative_residual"] == 0.25


def test_a_bare_array_is_refused_with_a_remedy():
    with pytest.raises(ParameterError, match=r"is a ndarray.*read_volume"):
        report(np.zeros(3))


def test_findings_are_told_where_they_are_known(run):
    run.parameters["epsilon"] = 3.1
    run.metadata.update(
        noise_norm=2.0,
        held_out_error=0.0812,
        resolution_nm=1.25,
        resolution_criterion="half-bit",
        alarms=["damage: something disappeared"],
    )
    line = report(run)
    assert "ε = 1.55 × noise" in line
    assert "held-out projections predicted to 8.12 %" in line
    assert "resolution 1.25 nm (half-bit)" in line
    assert line.endswith("ALARM: damage: something disappeared.")
    table = report_table(run)
    assert table["epsilon_over_noise"] == pytest.approx(1.55)
    assert table["residual_over_noise"] == pytest.approx(1.5)
    assert table["alarms"] == ["damage: something disappeared"]
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    del run.parameters["epsilon"]
    assert "residual = 1.5 × noise" in report(run)


def test_noise_stated_as_a_parameter_counts_and_nonsense_does_not(run):
    run.parameters.update(epsilon=3.0, noise_norm=2.0)
    assert report_table(run)["epsilon_over_noise"] == pytest.approx(1.5)
    run.metadata["noise_norm"] = 0.0
    assert report_table(run)["epsilon_over_noise"] is None


def test_the_printed_table_is_aligned_and_owes_nothing(run):
    run.parameters["lambda"] = 2.5
    run.metadata.update(
        held_out_error=0.1, resolution_px=3.0, elongation_expected=1.31, elongation_measured=1.2,
        filled_by_prior=0.4, alarms=["a", "b"], synthetic=True,
    )  # fmt: skip
    rows = table_text(run).splitlines()
    named = {row[:18].strip(): row[18:] for row in rows}
    assert named["data"] == "SIMULATED"
    assert named["total dose"] == "1200 e/nm²"
    assert named["λ or ε"] == "λ = 2.5"
    assert named["residual"] == "3 (5 % of ‖b‖)"
    assert named["held-out error"] == "10 %"
    assert named["resolution"] == "3 px"
    assert named["elongation"] == "1.20 measured, 1.31 expected"
    assert named["filled by prior"] == "40 % of Fourier space"
    assert sum(row.startswith("ALARM") for row in rows) == 2


def test_the_printed_table_says_what_is_not_stated():
    text = table_text(Reconstruction(np.zeros((2, 2)), "WBP"))
    assert text.count("not stated") == 6
    assert "none (closed form)" in text
    assert "λ or ε" in text
    told = Reconstruction(
        np.zeros((2, 2)), "?", metadata={"relative_residual": 0.2},
        geometry={"tilt_step_deg": 2.0, "tilt_step_uniform": False},
    )  # fmt: skip
    assert "20 % of ‖b‖" in table_text(told)
    assert "2° (median; uneven)" in table_text(told)


def test_findings_go_into_the_file_and_come_back(run, tmp_path):
    from em_inverse.io import read_volume, write_volume

    run.metadata.update(noise_norm=2.0, resolution_nm=1.25, alarms=["damage"])
    for name in ("v.tif", "v.h5"):
        again = read_volume(write_volume(tmp_path / name, run))
        assert again.metadata["noise_norm"] == 2.0
        assert again.metadata["alarms"] == ["damage"]
        assert report_table(again)["resolution_nm"] == 1.25
        assert report_table(again)["residual_over_noise"] == pytest.approx(1.5)


def test_priors_and_solvers_are_named_as_people_name_them(run):
    prior = {"prior": "TotalVariation(tol=1e-06)"}
    run.algorithm, run.parameters = "PDHG", {**prior, "lambda": 0.5}
    assert "; total variation by PDHG, 30 iterations (λ = 0.5); " in report(run)
    assert "algorithm       total variation by PDHG\n" in table_text(run)
    assert report_table(run)["parameters"]["prior"] == prior["prior"]
    run.algorithm = "TV-SART"
    assert "; TV-SART, 30 iterations (total variation, λ = 0.5); " in report(run)


@pytest.mark.parametrize(("epsilon", "missed"), [(2.5, True), (2.99, False), (4.0, False)])
def test_an_epsilon_that_was_not_reached_is_said(run, epsilon, missed):
    run.parameters = {"epsilon": epsilon}
    assert ("; ε not reached; " in report(run)) is missed
    assert ("not reached)" in table_text(run)) is missed
