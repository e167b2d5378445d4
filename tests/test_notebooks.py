"""Every stored notebook is sound, readable, in step with its source, and gives its results again.

Strict nbval compares texts only and passes a notebook without outputs, so the other tests here make
sure that there are numbers to compare and that every picture is told in words.
"""

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
STUDENT, SOLVED = ROOT / "notebooks", ROOT / "course" / "solutions"
NOTEBOOKS = sorted([*STUDENT.glob("*.ipynb"), *SOLVED.glob("*.ipynb")])
WEEKS = [path for path in NOTEBOOKS if re.match(r"week\d\d_", path.name)]

LARGEST_BYTES = 400_000
CELLS_OF_A_WEEK = range(25, 41)
VISIBLE_LINES, LONGEST_LINE = 12, 100
COMPARED_OUTPUTS = {"week": 8, "other": 3}
LONG_CELL_TAGS = {"exercise", "setup", "solution", "hide-input"}
OUTPUTS_NOT_COMPARED: set[tuple[str, str]] = set()
"""(notebook name, cell id) of the cells that may carry a tag by which nbval looks away."""

LOOK_AWAY = re.compile(r"nbval[-_](ignore|skip|raises)|raises[-_]exception", re.IGNORECASE)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
every_week = pytest.mark.parametrize("path", WEEKS, ids=name_of)


def load(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_cells(path):
    return [cell for cell in load(path).cells if cell.cell_type == "code"]


def where(path, cell):
    return f"{name_of(path)}, {cell.id}: {cell.source.splitlines()[0]}"


@pytest.mark.parametrize("folder", [STUDENT, SOLVED], ids=name_of)
def test_the_lecture_notebook_is_there(folder):
    expected = folder / "week11_inverse_deblurring.ipynb"
    assert expected.is_file(), f"{name_of(expected)} is missing; run: python course/build.py"


def test_both_folders_hold_the_same_notebooks():
    assert [p.name for p in sorted(STUDENT.glob("*.ipynb"))] == [
        p.name for p in sorted(SOLVED.glob("*.ipynb"))
    ]


def test_inputs_are_as_the_sources_make_them(build, capsys):
    code = build.main(["--check"], root=ROOT)
    assert code == 0, capsys.readouterr().err


@every_notebook
def test_format(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert (raw["nbformat"], raw["nbformat_minor"]) == (4, 5)
    nbformat.validate(nbformat.from_dict(raw))
    assert path.stat().st_size <= LARGEST_BYTES
    assert set(raw["metadata"]) == {"kernelspec", "language_info"}
    assert raw["metadata"]["kernelspec"]["name"] == "python3"
    assert set(raw["metadata"]["language_info"]) == {"name"}


@every_notebook
def test_every_cell_ran_once_in_order_without_complaint(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", where(path, cell)
            assert output.get("name", "stdout") == "stdout", where(path, cell)


@every_notebook
def test_no_widget_state_is_left_over(path):
    assert "jupyter.widget" not in path.read_text(encoding="utf-8")


@every_notebook
def test_enough_text_is_there_to_be_compared(path):
    texts = [
        output.get("text") or output.data.get("text/plain", "")
        for cell in code_cells(path)
        if not looks_away(cell)
        for output in cell.outputs
    ]
    telling = [text for text in texts if text.strip() and "<Figure size" not in text]
    assert len(telling) >= COMPARED_OUTPUTS["week" if path in WEEKS else "other"]


def looks_away(cell):
    first = cell.source.split("\n")[0]
    return LOOK_AWAY.search(" ".join([first, *cell.metadata.get("tags", [])])) is not None


@every_notebook
def test_cells_that_are_not_compared_are_listed_here(path):
    found = {(path.stem, cell.id) for cell in code_cells(path) if looks_away(cell)}
    assert found <= OUTPUTS_NOT_COMPARED


@every_notebook
def test_headings_make_an_outline(path):
    levels = [len(mark) for mark in headings(load(path))]
    assert levels.count(1) == 1
    assert levels[0] == 1
    for above, below in itertools.pairwise(levels):
        assert below <= above + 1, f"a level is skipped: {levels}"


def headings(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
            yield from re.findall(r"^(#{1,6})\s", text, flags=re.MULTILINE)


@every_week
def test_a_week_has_the_length_of_an_hour(path):
    count = len(load(path).cells)
    assert count in CELLS_OF_A_WEEK


@every_notebook
def test_cells_are_short_enough_to_be_projected(path):
    for cell in code_cells(path):
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        if hidden or LONG_CELL_TAGS & set(cell.metadata.get("tags", [])):
            continue
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= VISIBLE_LINES, where(path, cell)
        assert max(map(len, lines)) <= LONGEST_LINE, where(path, cell)


@every_notebook
def test_every_picture_is_told_in_words(path):
    for cell in code_cells(path):
        told = "\n".join(
            output.get("text", "") + output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        )
        for output in cell.outputs:
            if "image/png" not in output.get("data", {}):
                continue
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt.split()) >= 5, f"{where(path, cell)}: no alternative text"
            assert "".join(alt.split()) in "".join(told.split()), (
                f"{where(path, cell)}: the alternative text is not shown below the picture"
            )


def nbval(build, *paths, **more):
    """Run nbval strictly, in a process of its own, with more in its environment."""
    # Without the other plugins: none has anything to do there, and each is imported.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment = {**build.kernel_environment(), **alone, **more}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "nbval.plugin", "-p", "no:cacheprovider"),
            *("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "120"),
            *("--nbval-sanitize-with", str(ROOT / "tests" / "nbval_sanitize.cfg")),
            *map(str, paths),
        ],
        cwd=ROOT,
        env={k: v for k, v in environment.items() if k != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
    )


@every_notebook
def test_strict_nbval_gives_the_stored_results_again(build, path):
    # Pictures are not compared; those of both editions are the same, and are drawn in one of them.
    done = nbval(build, path, **({"EM_INVERSE_PICTURES": "none"} if path.parent == STUDENT else {}))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(rf"\b{len(code_cells(path))} passed\b", done.stdout), done.stdout[-2000:]


@pytest.mark.parametrize("path", [path for path in WEEKS if path.parent == STUDENT], ids=name_of)
def test_both_editions_show_the_same_pictures(path):
    shown = [
        [
            o.data["image/png"]
            for c in code_cells(p)
            for o in c.outputs
            if "image/png" in o.get("data", {})
        ]
        for p in (path, SOLVED / path.name)
    ]
    assert shown[0] == shown[1]
    assert len(shown[0]) > 3


def make_sample(build, folder):
    """Build a small notebook that prints a number, shows a figure and an object of its own."""
    source = folder / "course" / "source" / "sample.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        "# %% [markdown]\n# # Sample\n#\n# See a number.\n\n"
        "# %%\nimport matplotlib.pyplot as plt\nprint(f'RMSE {0.14:.3f}')\n\n"
        "# %%\nplt.plot([1, 2])\nplt.show()\n\n"
        "# %%\nclass Explorer:\n    def _repr_mimebundle_(self, **kwargs):\n"
        "        return {'text/plain': 'Explorer',"
        " 'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}}\nExplorer()\n"
    )
    notebook = build.execute(build.make(source, solved=True), folder, "sample")
    path = folder / "sample.ipynb"
    path.write_text(build.dumps(notebook))
    return path


def test_strict_nbval_notices_an_altered_output(build, tmp_path):
    good = make_sample(build, tmp_path)
    altered = good.with_name("altered.ipynb")
    shutil.copy(good, altered)
    altered.write_text(altered.read_text().replace("RMSE 0.140", "RMSE 0.141"))
    assert altered.read_text() != good.read_text()
    done = nbval(build, good, altered)
    assert done.returncode == 1, done.stdout
    assert "5 passed" in done.stdout
    assert "1 failed" in done.stdout
    assert done.stdout.startswith("...F..")
    assert "RMSE 0.141" in done.stdout
