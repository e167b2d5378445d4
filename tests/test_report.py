import json

import numpy as np
import pytest

from em_inverse.errors import ParameterError
from em_inverse.report import report, report_table
from em_inverse.tilt_series import Reconstruction


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
        "SIRT, 30 iterations (nonnegative = True)",
        "residual ‖Ax − b‖ = 3 (5 % of ‖b‖)",
        "total dose 1200 e/nm²",
        "voxel size 0.5 nm",
        "em_inverse ",
    ):
        assert item in line


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
