"""The command line, called as a function and once as a user calls it."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from em_inverse import __version__, datasets, io, tomography
from em_inverse.cli import main, methods, reconstruct
from em_inverse.errors import DownloadError
from em_inverse.forward import ParallelBeam
from em_inverse.tilt_series import Reconstruction


@pytest.fixture(autouse=True)
def quiet_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EM_INVERSE_DATA", str(tmp_path / "cache"))


@pytest.fixture
def series_file(tmp_path):
    stand_in = datasets.synthetic("nist-needle", size=16)
    path, _ = io.write_tilt_series(tmp_path / "series.mrc", stand_in)
    return path


def test_version_help_and_no_command(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"em-inverse {__version__}\n"
    assert main([]) == 0
    assert "reconstruct" in capsys.readouterr().out
    assert main(["data"]) == 0
    assert "fetch" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["start"], ["reconstruct"], ["data"], ["data", "list"], ["data", "fetch"]]
)
def test_every_help_has_an_example(command, capsys):
    assert main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"em-inverse {' '.join(command)}" in out.split("example")[1]
    assert max(len(line) for line in out.splitlines()) <= 100


def test_wrong_usage_is_explained(capsys):
    assert main(["reconstruct", "x.mrc"]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["dance"]) == 2


@pytest.mark.parametrize(
    ("method", "ending"), [("sirt", ".mrc"), ("wbp", ".h5"), ("wbp", ".tif"), ("sirt", ".h5")]
)
def test_reconstruct_writes_volume_picture_and_line(series_file, tmp_path, capsys, method, ending):
    out = tmp_path / f"volume{ending}"
    extra = ["--iterations", "3"] if method == "sirt" else ["--filter", "hann"]
    assert (
        main(["reconstruct", str(series_file), "--method", method, "--out", str(out), *extra]) == 0
    )
    said = capsys.readouterr()
    assert said.out.count("\n") == 1
    assert "77 projections from −76° to 76° in steps of 2°" in said.out
    assert "voxel size 53.76 nm" in said.out
    assert "residual ‖Ax − b‖ = " in said.out
    assert "% of ‖b‖" in said.out
    assert "removing the background" in said.err
    again = io.read_volume(out)
    assert again.volume.shape == (16, 16, 16)
    assert again.pixel_size_nm == pytest.approx(53.76)
    assert np.ptp(again.volume) > 0
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("method", sorted(set(methods.METHODS) - {"wbp", "sirt"}))
def test_every_method_runs_with_its_defaults(tmp_path, capsys, method):
    """A clean disc of counts: mlem takes no negative value."""
    disc = 100.0 * (np.hypot(*np.mgrid[-7:8, -7:8]) < 5)
    volume = np.repeat(disc[:, :, None], 10, axis=2)
    angles = np.arange(-70, 71, 10.0)
    counts = np.random.default_rng(0).poisson(ParallelBeam(volume.shape, angles) @ volume)
    np.savez(tmp_path / "s.npz", projections=counts.astype(float), angles=angles)
    arguments = ["reconstruct", str(tmp_path / "s.npz"), "--out", str(tmp_path / "v.mrc")]
    steps = ["--no-align", "--no-background", "--hold-out", "5", "--quiet", "--json"]
    assert main([*arguments, "--method", method, *steps]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account["n_projections"] == 12
    assert account["n_iter"] >= 1
    assert account["held_out_error"] < 0.2
    found = io.read_volume(tmp_path / "v.mrc").volume
    assert np.abs(found - volume).mean() < 15


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--method", "tv", "--epsilon", "20%"], "ε = "),
        (["--method", "tv", "--lam", "1000", "--iterations", "20"], "λ = 1000"),
        (["--method", "tv", "--lam", "auto", "--iterations", "20"], "ε = "),
        (["--method", "sirt", "--stop", "discrepancy", "--iterations", "60"], "SIRT"),
        (["--method", "sart", "--stop", "held_out", "--iterations", "8"], "held-out"),
        (["--method", "wbp", "--cutoff", "1"], "ramp filter, no cut-off)"),
        (
            ["--method", "wbp", "--cutoff", "0.5", "--bin", "2", "--thickness", "5"],
            "cut off at 0.5 of Nyquist",
        ),
        (["--method", "cgls", "--lam", "3", "--iterations", "4"], "λ = 3"),
        (["--method", "asd-pocs", "--schedule", "published", "--epsilon", "60%"], "published"),
    ],
)
def test_options_reach_the_method(series_file, tmp_path, capsys, options, expected):
    out = tmp_path / "v.h5"
    assert main(["reconstruct", str(series_file), "--out", str(out), "--no-align", *options]) == 0
    said = capsys.readouterr().out
    assert expected in said
    if "--bin" in options:
        assert io.read_volume(out).volume.shape == (5, 8, 8)
        assert "voxel size 107.52 nm" in said


def test_the_dose_of_a_data_set_is_stated(tmp_path, capsys):
    out = str(tmp_path / "v.mrc")
    arguments = ["reconstruct", "nist-needle-small", "--method", "wbp", "--bin", "4", "--no-align"]
    assert main([*arguments, "--out", out, "--dose", "1234"]) == 0
    said = capsys.readouterr()
    assert "total dose 1234 e/nm²" in said.out
    assert "tilt axis: y, the last axis of the array" in said.err


def test_numbered_images_may_be_named_by_a_pattern(tmp_path, capsys):
    for angle in range(-60, 61, 20):
        image = np.outer(np.hanning(12), np.hanning(12)).astype(np.float32)
        tifffile.imwrite(tmp_path / f"needle_{angle:+03d}deg.tif", image)
    (tmp_path / "notes.png").write_bytes(b"no image")
    pattern, out = str(tmp_path / "needle_*.tif"), str(tmp_path / "v.mrc")
    assert main(["reconstruct", pattern, "--method", "wbp", "--no-align", "--out", out]) == 0
    assert "7 projections from −60° to 60°" in capsys.readouterr().out


def test_a_ball_measured_from_the_noise_is_stated_in_its_units(tmp_path, capsys):
    arguments = ["reconstruct", "nist-needle-small", "--bin", "2", "--method", "tv", "--json"]
    assert main([*arguments, "--iterations", "4", "--out", str(tmp_path / "v.mrc")]) == 0
    said = capsys.readouterr()
    account = json.loads(said.out)
    assert account["noise_norm"] < 0.1 * account["data_norm"]
    assert account["epsilon_over_noise"] >= 1.1
    assert account["report"].split("; ")[1].startswith("total variation by PDHG, 4 iterations (ε =")
    assert "stopped: limit of 4 iterations" in said.err


def test_mlem_works_on_a_real_series_without_further_options(tmp_path, capsys):
    arguments = ["reconstruct", "nist-needle-small", "--method", "mlem", "--iterations", "3"]
    assert main([*arguments, "--out", str(tmp_path / "v.mrc"), "--json"]) == 0
    said = capsys.readouterr()
    account = json.loads(said.out)
    assert account["relative_residual"] < 0.4
    assert account["parameters"]["shifts"] == "inside the projector"
    steps = " ".join(account["data_steps"])
    assert "values below zero set to 0" in steps
    assert "not applied" in steps
    assert "inside the projector, and a rotation of the axis is left out" in said.err
    assert "values below zero set to 0 (1" in said.err
    found = io.read_volume(tmp_path / "v.mrc").volume
    assert found.shape == (64, 64, 64)
    assert found.min() >= 0
    assert np.ptp(found) > 0


def test_mlem_leaves_counts_that_are_not_negative_alone(tmp_path, capsys):
    clean = np.zeros((5, 16, 8))
    clean[:, 6:10] = 100
    np.savez(tmp_path / "s.npz", projections=clean, angles=range(-40, 41, 20))
    arguments = ["reconstruct", str(tmp_path / "s.npz"), "--method", "mlem", "--iterations", "2"]
    assert main([*arguments, "--out", str(tmp_path / "v.mrc")]) == 0
    assert "below zero" not in capsys.readouterr().err


@pytest.mark.parametrize(("method", "limit"), [("sirt", 200), ("sart", 30), ("cgls", 40)])
def test_discrepancy_stops_where_misfit_exceeds_the_noise(tmp_path, capsys, method, limit):
    arguments = ["reconstruct", "nist-needle-small", "--bin", "4", "--stop", "discrepancy"]
    arguments += ["--iterations", str(limit), "--method", method, "--json"]
    assert main([*arguments, "--out", str(tmp_path / "v.mrc")]) == 0
    said = capsys.readouterr()
    account = json.loads(said.out)
    assert account["n_iter"] < limit
    assert account["residual_over_noise"] > 1.5
    assert account["stop_reason"].startswith("data distance")
    assert "1.1 times the least residual, which is more than the noise" in said.err


def test_discrepancy_stops_at_the_noise_where_that_is_within_reach(tmp_path, capsys):
    disc = np.repeat(100.0 * (np.hypot(*np.mgrid[-7:8, -7:8]) < 5)[:, :, None], 10, axis=2)
    angles = np.arange(-70, 71, 10.0)
    data = ParallelBeam(disc.shape, angles) @ disc
    noisy = data + 40 * np.random.default_rng(0).standard_normal(data.shape)
    np.savez(tmp_path / "s.npz", projections=noisy, angles=angles)
    arguments = ["reconstruct", str(tmp_path / "s.npz"), "--stop", "discrepancy", "--no-align"]
    arguments += ["--no-background", "--iterations", "200", "--json"]
    assert main([*arguments, "--out", str(tmp_path / "v.mrc")]) == 0
    said = capsys.readouterr()
    account = json.loads(said.out)
    assert account["residual_over_noise"] == pytest.approx(1, rel=0.05)
    assert "the measured noise, which is more than" in said.err
    assert main([*arguments, "--quiet", "--overwrite", "--out", str(tmp_path / "v.mrc")]) == 0
    assert capsys.readouterr().err == ""


def test_a_table_instead_of_the_line(series_file, tmp_path, capsys):
    arguments = ["reconstruct", str(series_file), "--out", str(tmp_path / "v.mrc")]
    assert main([*arguments, "--method", "wbp", "--table"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    assert any("77" in line for line in lines)


def test_a_checkpoint_is_gone_on_from(series_file, tmp_path, capsys):
    arguments = ["reconstruct", str(series_file), "--checkpoint", str(tmp_path / "state.npz")]
    assert main([*arguments, "--out", str(tmp_path / "a.mrc"), "--iterations", "4"]) == 0
    assert (tmp_path / "state.npz").is_file()
    assert main([*arguments, "--out", str(tmp_path / "b.mrc"), "--iterations", "6"]) == 0
    straight = ["reconstruct", str(series_file), "--out", str(tmp_path / "c.mrc")]
    assert main([*straight, "--iterations", "6"]) == 0
    resumed, once = (io.read_volume(tmp_path / f"{name}.mrc").volume for name in "bc")
    assert np.allclose(resumed, once, rtol=1e-5)
    capsys.readouterr()
    fewer = [*arguments, "--out", str(tmp_path / "d.mrc"), "--iterations", "5"]
    assert main(fewer) == 2
    assert re.search(r"5 iterations .* holds 6 already", capsys.readouterr().err)
    assert not (tmp_path / "d.mrc").exists()


def test_json_is_one_object_and_quiet_is_quiet(series_file, tmp_path, capsys):
    out = tmp_path / "v.mrc"
    arguments = ["reconstruct", str(series_file), "--out", str(out), "--iterations", "2"]
    assert main([*arguments, "--json", "--quiet", "--no-picture"]) == 0
    said = capsys.readouterr()
    account = json.loads(said.out)
    assert said.err == ""
    assert account["volume"] == str(out)
    assert account["picture"] is None
    assert account["n_projections"] == 77
    assert account["n_iter"] == 2
    assert 0 < account["relative_residual"] < 1
    assert account["report"].endswith(f"em_inverse {__version__}.")
    assert account["angle_source"] == "file series.rawtlt"
    assert list(tmp_path.glob("*.png")) == []


def test_steps_can_be_left_out(series_file, tmp_path, monkeypatch):
    def forbidden(*args, **kwargs):
        pytest.fail("this step was switched off")

    monkeypatch.setattr(tomography, "align", forbidden)
    monkeypatch.setattr(tomography, "remove_background", forbidden)
    picture = tmp_path / "here.png"
    steps = ["--no-align", "--no-background", "--method", "wbp", "--slice-png", str(picture)]
    assert main(["reconstruct", str(series_file), "--out", str(tmp_path / "v.mrc"), *steps]) == 0
    assert picture.is_file()


def test_options_reach_the_reader(series_file, tmp_path, capsys):
    angles = tmp_path / "other.txt"
    angles.write_text(" ".join(f"{a:g}" for a in np.linspace(-38, 38, 77)))
    options = ["--angles", str(angles), "--pixel-size", "2", "--tilt-axis", "horizontal"]
    out = tmp_path / "v.mrc"
    arguments = ["reconstruct", str(series_file), "--out", str(out), "--method", "wbp", "--json"]
    assert main([*arguments, *options]) == 0
    account = json.loads(capsys.readouterr().out)
    assert (account["tilt_min_deg"], account["tilt_step_deg"]) == (-38.0, 1.0)
    assert account["voxel_size_nm"] == 2.0
    assert account["tilt_axis"] == "horizontal"
    assert account["angle_source"] == "file other.txt"


def test_a_data_set_by_name(tmp_path, capsys):
    out = tmp_path / "v.mrc"
    arguments = ["reconstruct", "nist-needle-small", "--out", str(out), "--method", "wbp"]
    assert main(arguments) == 0
    assert "voxel size 13.44 nm" in capsys.readouterr().out


def test_simulated_data_are_announced(tmp_path, capsys, monkeypatch):
    def no_network(*args, **kwargs):
        raise DownloadError("no network")

    monkeypatch.setattr(datasets, "fetch", no_network)
    arguments = ["reconstruct", "nist-needle", "--out", str(tmp_path / "v.mrc"), "--method", "wbp"]
    assert main(arguments) == 2
    assert "no network" in capsys.readouterr().err
    assert main([*arguments, "--offline", "synthetic"]) == 0
    assert capsys.readouterr().out.startswith("SIMULATED DATA: ")
    assert "SIMULATED DATA" in " ".join(io.read_volume(tmp_path / "v.mrc").metadata["labels"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.mrc", "--out", "v.mrc"], "neither a file nor a data set.*nist-needle"),
        (["nist-needle", "--out", "v.xyz"], "ends in '.xyz'.*.mrc"),
        (["nist-needle", "--out", "no/v.mrc"], "does not exist"),
        (["nist-needle", "--out", "taken.mrc"], "exists already.*--overwrite"),
        (["nist-needle", "--out", "v.mrc", "--slice-png", "p.jpg"], "must end in .png"),
        (["nist-needle", "--out", "v.mrc", "--slice-png", "taken.png"], "exists already"),
        (["nist-needle", "--out", "v.mrc", "--method", "wbp", "--iterations", "3"], "sirt"),
        (["nist-needle", "--out", "v.mrc", "--filter", "ramp"], "belongs to --method wbp"),
        (["nist-needle-small", "--out", "v.mrc", "--tilt-axis", "vertical"], "--tilt-axis is for"),
        (["nist-needle-small", "--out", "v.mrc", "--angles", "a.txt"], "--angles is for"),
        (["words.mrc", "--out", "v.mrc"], "words.mrc"),
        (["nist-needle", "--out", "v.mrc", "--iterations", "-1"], "--iterations is -1"),
        (["nist-needle", "--out", "v.mrc", "--pixel-size", "nan"], "--pixel-size is nan"),
        (["nist-needle", "--out", "v.mrc", "--method", "wbp", "--filter", "no"], "shepp-logan"),
        (["nist-needle", "--out", "."], "ends in 'nothing'"),
        (["nist-needle", "--out", ""], "ends in 'nothing'"),
        (["nist-needle", "--out", "~no-such-user/v.mrc"], "home folder"),
        (["~no-such-user/a.mrc", "--out", "v.mrc"], "home folder"),
        (["taken.mrc", "--out", "taken.mrc", "--overwrite"], "tilt series itself"),
        (["nist-needle", "--out", "v.mrc", "--epsilon", "5%"], "tv and asd-pocs; sirt does not"),
        (["nist-needle", "--out", "v.mrc", "--method", "tv", "--epsilon=-5%"], "--epsilon is"),
        (["nist-needle", "--out", "v.mrc", "--method", "tv", "--lam", "5%"], "a number, or auto"),
        (
            ["nist-needle", "--out", "v.mrc", "--method", "tv", "--lam", "1", "--epsilon", "5%"],
            "give one of them",
        ),
        (["nist-needle", "--out", "v.mrc", "--hold-out", "1"], "--hold-out is 1"),
        (["nist-needle", "--out", "v.mrc", "--bin", "0"], "--bin is 0"),
        (["nist-needle", "--out", "v.mrc", "--dose", "0"], "--dose is 0"),
        (["nist-needle-small", "--out", "v.mrc", "--dataset", "a"], "--dataset is for"),
        (["nist-needle", "--out", "v.mrc", "--method", "wbp", "--cutoff", "2"], "--cutoff is 2"),
        (["nist-needle", "--out", "taken.mrc", "--hold-out", "1"], "--hold-out is 1"),
        (
            ["nist-needle", "--out", "v.mrc", "--no-align", "--align", "common_line"],
            "contradict each other",
        ),
        (
            ["nist-needle-small", "--out", "v.mrc", "--method", "tv", "--epsilon", "100%"],
            "empty volume.*less than 100%",
        ),
        (
            ["nist-needle", "--out", "v.mrc", "--method", "wbp", "--stop", "held_out"],
            "--method sirt, sart, cgls and mlem; wbp",
        ),
        (["none_*.tif", "--out", "v.mrc"], r"none_\*.tif"),
    ],
)
def test_mistakes_end_in_a_message_not_a_traceback(tmp_path, monkeypatch, capsys, arguments, said):
    import re

    monkeypatch.chdir(tmp_path)
    for name in ("taken.mrc", "taken.png", "words.mrc"):
        (tmp_path / name).write_text("kept")
    before = sorted(tmp_path.iterdir())
    assert main(["reconstruct", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(said, shown.err, re.DOTALL)
    assert "Traceback" not in shown.err
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "taken.mrc").read_text() == "kept"


def test_only_tilt_series_are_reconstructed(tmp_path, capsys, monkeypatch):
    maps = datasets.synthetic("dysco3-haadf-edx", size=16)
    monkeypatch.setattr(datasets, "load", lambda *args, **kwargs: maps)
    assert main(["reconstruct", "dysco3-haadf-edx", "--out", str(tmp_path / "v.mrc")]) == 2
    assert "not a tilt series" in capsys.readouterr().err


def test_ctrl_c_ends_with_130_and_leaves_no_file(series_file, tmp_path, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(tomography, "sirt", interrupted)
    out = tmp_path / "v.mrc"
    assert main(["reconstruct", str(series_file), "--out", str(out)]) == 130
    assert sorted(tmp_path.iterdir()) == before
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "nothing half-written" in shown.err


def test_a_picture_of_nothing_and_of_a_slice_can_be_drawn(tmp_path):
    reconstruct.draw_sections(
        Reconstruction(np.zeros((16, 17, 18)), "WBP"), tmp_path / "a.png", False
    )
    reconstruct.draw_sections(Reconstruction(np.eye(16), "WBP"), tmp_path / "b.png", False)
    assert len(list(tmp_path.glob("*.png"))) == 2
    volume = np.zeros((9, 9, 9))
    volume[2, 5, 7] = 1
    assert reconstruct._middle_of_matter(volume) == (2, 5, 7)


def test_json_of_a_failure_is_one_object_too(tmp_path, capsys, monkeypatch):
    arguments = ["reconstruct", "nowhere.mrc", "--out", str(tmp_path / "v.mrc"), "--json"]
    assert main(arguments) == 2
    shown = capsys.readouterr()
    account = json.loads(shown.out)
    assert account["error"] == "ParameterError"
    assert account["message"] in shown.err

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(reconstruct, "_load", interrupted)
    assert main(arguments) == 130
    assert json.loads(capsys.readouterr().out)["error"] == "KeyboardInterrupt"


def test_json_survives_any_encoding(series_file, tmp_path, capsys):
    out = tmp_path / "東京 é.mrc"
    arguments = ["reconstruct", str(series_file), "--out", str(out), "--method", "wbp", "--json"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.isascii()
    assert json.loads(said)["volume"] == str(out)


def test_the_filters_are_those_of_wbp():
    assert tomography.backprojection.FILTERS == methods.FILTERS


def test_a_reader_that_stops_reading_is_no_error():
    program = "from em_inverse.cli import main; raise SystemExit(main())"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program, "data", "list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_data_list(capsys, tmp_path):
    assert main(["data", "list"]) == 0
    table = capsys.readouterr().out
    assert str(tmp_path / "cache") in table
    assert main(["data", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(datasets.list())
    assert rows["nist-needle"]["state"] == "not fetched"
    assert rows["nist-needle-small"]["state"] == "with the package"
    (tmp_path / "cache").mkdir()
    for file in datasets.info("nist-needle").files:
        (tmp_path / "cache" / file.name).write_bytes(bytes(file.size))
    main(["data", "list", "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["nist-needle"]["state"] == "here"


def test_data_fetch(capsys, monkeypatch):
    assert main(["data", "fetch", "nist-needle-small"]) == 0
    assert capsys.readouterr().out.strip().endswith("nist-needle-small.npz")
    asked = []
    monkeypatch.setattr(
        datasets, "fetch", lambda name, **options: asked.append((name, options)) or []
    )
    assert main(["data", "fetch", "nist-needle", "no-such-set"]) == 2
    assert asked == []
    assert "no-such-set" in capsys.readouterr().err
    assert main(["data", "fetch", "nist-needle", "--replace"]) == 0
    assert asked == [("nist-needle", {"replace": True, "progress": True})]


def test_start_hands_its_options_on(monkeypatch):
    from em_inverse import start

    calls = []
    monkeypatch.setattr(start, "start", lambda *args, **kwargs: calls.append((args, kwargs)))
    assert main(["start", "--dir", "there", "--port", "9999", "--no-browser"]) == 0
    assert main(["start"]) == 0
    assert calls == [
        (("there",), {"port": 9999, "browser": False}),
        ((None,), {"port": None, "browser": True}),
    ]


def test_as_a_user_calls_it(series_file, tmp_path):
    program = "from em_inverse.cli import main; raise SystemExit(main())"
    out = tmp_path / "v.mrc"
    arguments = ["reconstruct", str(series_file), "--out", str(out), "--method", "wbp", "--json"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": "", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["volume"] == str(out)
    assert out.is_file()
    again = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, timeout=120, check=False
    )
    assert again.returncode == 2
    assert b"exists already" in again.stderr
    assert b"Traceback" not in again.stderr
