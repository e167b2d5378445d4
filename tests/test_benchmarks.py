"""The benchmarks run, say what they must, and do not need their peers."""

import functools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", autouse=True)
def beside():
    """Find the package beside em_inverse, which is no part of what is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.fixture
def command():
    from benchmarks import __main__

    return __main__


@pytest.fixture(scope="module")
def quick():
    """Run a part with tiny sizes, as on a machine without its peers, be they there or not."""
    from benchmarks import child, fusion, haadf, machine, projector, reconstruction
    from benchmarks.harness import Settings

    def version_of(package):
        absent = any(part in package for part in ("astra", "multimodal", "abtem"))
        return "not installed" if absent else machine.version_of(package)

    with pytest.MonkeyPatch.context() as patch:
        for module in (projector, reconstruction):
            patch.setattr(module, "astra", lambda: None)
            patch.setattr(module, "version_of", version_of)
        patch.setattr(fusion, "multimodal_fusion", lambda: None)
        patch.setattr(fusion, "version_of", version_of)
        patch.setattr(haadf, "abtem", lambda: None)
        patch.setattr(haadf, "version_of", version_of)
        run = functools.cache(lambda name, threads: child.run(name, Settings(threads, quick=True)))
        yield lambda name, threads=1: run(name, threads)


def cells(result, title):
    (table,) = (table for table in result["tables"] if table["title"].startswith(title))
    return {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}


def test_a_missing_peer_is_reported_and_is_no_error(quick, command):
    result = quick("projector")
    assert result["peers"]["ASTRA"] == "not installed"
    assert cells(result, "Volume")["ASTRA, linear"]["measured on"] == "not installed"
    verdicts = {bar["text"]: bar["met"] for bar in result["bars"]}
    assert verdicts["Times faster than ASTRA, linear, volume 32³, per core"] is None
    assert verdicts["Adjoint mismatch in float32"] is True
    assert "| not measured |" in command.page.section(result)


def test_the_sparse_matrix_is_the_projector(quick):
    agreement = cells(quick("projector"), "Agreement")
    assert agreement["the sparse matrix, forward, 32²"]["relative difference"] < 1e-6


def test_ratios_are_of_the_times_beside_them(quick):
    rows = cells(quick("projector"), "Volume")
    for row in rows.values():
        if row["ratio"] is not None:
            assert row["ratio"] == pytest.approx(row["CPU s"] / rows["ours"]["CPU s"])
    parts = rows["ours, forward alone"]["CPU s"] + rows["ours, adjoint alone"]["CPU s"]
    assert rows["ours"]["CPU s"] == pytest.approx(parts)


@pytest.mark.parametrize(
    "name",
    [
        "total_variation",
        "reconstruction",
        "convergence",
        "alignment",
        "fusion",
        "multislice",
        "atomic",
        "atomic_large",
        "interpolation",
        "haadf",
    ],
)
def test_every_part_runs(quick, name):
    result = quick(name)
    assert result["tables"]
    assert all(len(row) == len(t["columns"]) for t in result["tables"] for row in t["rows"])
    assert result["bars"]
    json.dumps(result, allow_nan=False)


def test_the_generator_agrees_with_multislice_where_the_source_has_a_size(quick, command):
    result = quick("haadf")
    rows = cells(result, "The generator's frames against our own")
    assert list(rows) == [0.0, 20.0, "all"]
    for row in rows.values():
        assert row["correlation, source of 0.06 nm"] > 0.95
        assert row["correlation, point source"] < 0.9
    own, theirs = result["bars"]
    assert own["met"] is True
    assert own["value"] == rows["all"]["correlation, source of 0.06 nm"]
    assert theirs["met"] is None
    assert cells(result, "The generator's frames against abTEM")[20.0][
        "correlation, point source"
    ] == ("not installed")
    assert result["peers"]["abTEM"] == "not installed"
    assert "| not measured |" in command.page.section(result)


def test_thin_specimens_are_scanned_without_loss_or_shift():
    """One atom: a spot where it stands, and less than the beam on the detector."""
    from benchmarks import haadf
    from em_inverse.forward import ScanningProbe

    places = (np.arange(-4, 5)) * 0.03
    image = haadf.scanned(np.array([[0.03, -0.06, 0.0]]), "Pt", ScanningProbe(35.0), places, 1.2)
    assert np.unravel_index(image.argmax(), image.shape) == (5, 2)
    assert 0.001 < image.max() < 0.2
    assert image[5, 1] == pytest.approx(image[5, 3], rel=0.02)
    out_of_focus = haadf.scanned(
        np.array([[0.03, -0.06, 0.0]]), "Pt", ScanningProbe(35.0, defocus_nm=5.0), places, 1.2
    )
    assert out_of_focus.max() < 0.7 * image.max()


def test_filling_is_compared_by_every_measure(quick):
    result = quick("interpolation")
    labels = [*3 * ["PSNR / dB", "SSIM", "MSE"], *2 * ["Chamfer distance / px"]]
    assert [figure["ylabel"] for figure in result["figures"]] == labels
    names = [f["name"] for f in result["figures"]]
    assert len(set(names)) == len(names)
    (table,) = (t for t in result["tables"] if t["title"].startswith("Objects"))
    assert [row[:2] for row in table["rows"][:7]] == [
        [0, "all tilts"], [4, "sparse"], [4, "sparse, TV"], [4, "linear"], [4, "geometric"],
        [4, "tv"], [4, "network"],
    ]  # fmt: skip
    chamfer = {(row[0], row[1]): row[2] for row in table["rows"]}
    verdicts = {bar["text"]: bar["value"] for bar in result["bars"]}
    text = "Chamfer distance after geometric filling over that of the sparse series, at most"
    share = max(chamfer[gap, "geometric"] / chamfer[gap, "sparse"] for gap in (4, 8))
    assert verdicts[f"{text}, gaps ≥ 3, SIRT"] == pytest.approx(share)
    assert all(np.isfinite(value) for value in verdicts.values())
    assert any("than total variation" in note and "atoms" in note for note in result["notes"])
    assert sum(note.startswith("Total variation over") for note in result["notes"]) == 3
    foretold = cells(result, "PSNR in dB of the frames between")
    assert foretold[4]["geometric"] > foretold[4]["SIRT of the sparse series, projected"]


def test_our_fusion_solves_the_peers_objective():
    from benchmarks import fusion

    _, haadf, counts = fusion._recorded(32, "slab", 1.0, 0)
    image, maps = haadf / haadf.max(), counts / counts.max()
    weights = fusion._PEER["its tutorial"]
    before = fusion._peer_objective(maps, image, maps, weights)
    goal = before - 0.05 * abs(before)
    needed, reached = fusion._iterations_to(goal, image, maps, weights)
    assert reached <= goal < before
    assert needed < 50
    solver = fusion._on_their_objective(image, maps, weights)
    solver.run(200)
    least = fusion._peer_objective(solver.x, image, maps, weights)
    rng = np.random.default_rng(0)
    for size in (1e-2, 1e-3):
        other = np.maximum(solver.x + size * rng.standard_normal(maps.shape), 0)
        assert fusion._peer_objective(other, image, maps, weights) > least


@pytest.mark.browser
def test_explorers_are_timed_in_a_browser():
    from benchmarks import child
    from benchmarks.harness import Settings

    # In a process of its own: here another test may have a browser open.
    result = child.launch("explorers", Settings(threads=2, quick=True))
    if result["notes"]:
        assert "no Chromium" in result["notes"][0]
        assert [bar["met"] for bar in result["bars"]] == [None, None]
        return
    sliders = cells(result, "Week 11")
    assert list(sliders) == [
        "λ, weight of the prior",
        "noise (% of the peak)",
        "probe width σ (px)",
    ]
    for row in sliders.values():
        assert row["steps"] == 4
        assert 0 < row["median ms"] <= row["p95 ms"] <= row["slowest ms"]
        assert row["showed that they worked"] <= 4
    silent = [row for row in sliders.values() if row["showed that they worked"] == 0]
    medians = [row["median ms"] for row in silent]
    assert medians
    assert result["bars"][0]["value"] >= max(medians)
    assert [bar["limit"] for bar in result["bars"]] == [100, 150]


def test_notebooks_are_timed(quick):
    result = quick("notebooks", 2)
    (table,) = result["tables"]
    (row,) = table["rows"]
    assert (ROOT / "notebooks" / f"{row[0]}.ipynb").is_file()
    assert min(row[1:]) > 0
    assert result["bars"][0]["value"] == max(row[1:])


def test_two_threads_are_timed_on_the_clock(quick):
    result = quick("projector", 2)
    assert "wall s" in cells(result, "Volume 32³")["ours"]
    assert result["bars"][0]["text"].startswith("Pair of 48³ on 2 threads")


def test_a_part_runs_in_a_process_of_its_own(quick):
    from benchmarks import child
    from benchmarks.harness import Settings

    found = child.launch("alignment", Settings(threads=1, quick=True))
    here = quick("alignment")
    assert [bar["text"] for bar in found["bars"]] == [bar["text"] for bar in here["bars"]]
    assert set(found) == set(here)
    assert child.environment(3)["NUMBA_NUM_THREADS"] == "3"


def test_the_command_writes_json_page_and_pictures(quick, command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "launch", lambda name, settings: quick(name, settings.threads))
    assert command.main(["--only", "tv", "--quick", "--out", str(tmp_path)]) == 0
    from benchmarks.results import SCHEMA

    report = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert report["schema"] == SCHEMA
    assert report["quick"] is True
    assert [(r["name"], r["threads"]) for r in report["results"]] == [
        ("total_variation", 1),
        ("total_variation", 2),
    ]
    assert {"processor", "cores", "versions", "python"} <= set(report["machine"])
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "**A quick run" in page
    for result in report["results"]:
        assert all(f"### {table['title']}" in page for table in result["tables"])
        for figure in result["figures"]:
            picture = f"figures/{figure['name']}.png"
            assert f"![{figure['alt']}]({picture})" in page
            assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert not any(str(place) in page for place in (tmp_path, ROOT, sys.prefix))
    assert "Time to the same result" in capsys.readouterr().out


def test_who_is_first_depends_on_what_is_counted():
    """More iterations in less time: the title of each figure speaks of its own axis."""
    from benchmarks import convergence
    from benchmarks.results import Curve

    slow, quick_ = (
        convergence._Path([1, 0.01], [3, 6]),
        convergence._Path([1, 0.5, 0.02], [1, 2, 3]),
    )
    never = convergence._Path([1, 0.9, 0.8], [1, 1, 1])
    paths = {"A": [slow, never], "B": [quick_, quick_], "C": [never, never]}
    assert convergence._winners(paths) == (
        "First within 2 %: by iterations A in 1, B in 1 of 2 cases; by CPU seconds B in 2 of 2 "
        "cases."
    )
    found = {
        words: convergence._first(
            [
                Curve(name, "tv", path.seconds if words == "seconds" else [1, 2, 3], path.distance)
                for name, path in (("B", quick_), ("C", never))
            ]
            + [Curve("A", "tv", slow.seconds if words == "seconds" else [1, 2], slow.distance)],
            words,
        )
        for words in ("iterations", "seconds")
    }
    assert found == {
        "iterations": "Within 2 % in the median: A after 2 iterations, B after 3",
        "seconds": "Within 2 % in the median: B after 3 s, A after 6",
    }
    alone = [Curve("C", "tv", [1, 2, 3], never.distance)]
    assert convergence._first(alone, "seconds") == "In the median no method comes within 2 %"


def test_an_update_keeps_the_other_parts(quick, command, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "launch", lambda name, settings: quick(name, settings.threads))
    out = ["--quick", "--out", str(tmp_path)]
    assert command.main(["--only", "tv", *out]) == 0
    before = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert command.main(["--only", "alignment", "--update", *out]) == 0
    after = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert after["results"][:2] == before["results"]
    assert after["machine"] == before["machine"]
    assert "later run of its own" in after["results"][2]["notes"][-1]
    assert command.main(["--only", "alignment", "--update", *out]) == 0
    again = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [r["name"] for r in again["results"]] == [r["name"] for r in after["results"]]
    assert "### " in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_only_a_strict_run_fails_on_a_missed_bar(command, monkeypatch, capsys):
    from benchmarks.results import Bar, Result

    result = Result("Part", "About.", bars=[Bar("Times faster", 2.0, 1.0)])
    found = {"name": "part", "threads": 1, "seconds": 0.1, **result.as_dict()}
    monkeypatch.setattr(command, "launch", lambda name, settings: found)
    assert command.main(["--only", "tv", "--quick"]) == 0
    assert command.main(["--only", "tv", "--quick", "--strict"]) == 1
    assert "**missed**" in capsys.readouterr().out


def test_an_unknown_part_is_refused(command, capsys):
    with pytest.raises(SystemExit):
        command.main(["--only", "weather"])
    assert "'weather' is none of first_call, projector" in capsys.readouterr().err


def test_rounds_take_turns_after_a_warm_start():
    from benchmarks.harness import Settings, interleave

    order = []
    settings = Settings(quick=False)
    tasks = {name: lambda name=name: (order.append(name), sum(range(2_000_000))) for name in "ab"}
    times = interleave(tasks, settings)
    assert order[:4] == ["a", "a", "b", "b"]
    rounds = [name for i, name in enumerate(order[4:]) if i == 0 or order[4:][i - 1] != name]
    assert rounds == ["a", "b"] * settings.rounds
    assert all(0 < t.seconds(settings) < 10 for t in times.values())


def test_a_value_on_the_limit_meets_the_bar():
    from benchmarks.results import Bar

    assert [Bar("", 1, v).met for v in (1, 0.9, None)] == [True, False, None]
    assert [Bar("", 1, v, at_least=False).met for v in (1, 1.1)] == [True, False]
