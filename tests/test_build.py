"""The builder: what a source becomes, what it refuses, and that it always writes the same bytes."""

import base64
import io
import json
import struct

import nbformat
import pytest
from PIL import Image, ImageDraw

SAMPLE = '''\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A sample week
#
# Build a notebook, and
# see that it holds.
#
# Time: a minute.

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np
print("one")
print("two")

# %% [markdown]
# ## An exercise

# %% tags=["exercise"]
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% tags=["solution"]
assert double(3) == 6
print("for lecturers")

# %%
fig, ax = plt.subplots(figsize=(2, 1), dpi=50)
ax.plot(np.arange(5.0))
plt.show()
print(f"last value: {np.arange(5.0)[-1]:.1f}")

# %%
class Explorer:
    def _repr_mimebundle_(self, **kwargs):
        return {
            "text/plain": "Explorer of a sample",
            "application/vnd.jupyter.widget-view+json": {"model_id": str(id(self))},
        }
Explorer()
'''

WEEKS = """\
[[week]]
number = 1
slug = "sample"
title = "Not yet named"
does = "Wait."

[[week]]
number = 2
slug = "later"
title = "Later"
does = "Wait longer."
"""


@pytest.fixture(scope="module")
def built(build, tmp_path_factory):
    """A course of one week, built."""
    root = tmp_path_factory.mktemp("course")
    (root / "course" / "source").mkdir(parents=True)
    (root / "course" / "weeks.toml").write_text(WEEKS)
    (root / "course" / "source" / "week01_sample.py").write_text(SAMPLE)
    assert build.main([], root=root) == 0
    return root


@pytest.fixture
def course(built, tmp_path):
    """A copy of the built course that a test may spoil."""
    for path in built.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(built)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path


def student(root):
    return root / "notebooks" / "week01_sample.ipynb"


def solved(root):
    return root / "course" / "solutions" / "week01_sample.ipynb"


def load(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_of(path):
    return [cell.source for cell in load(path).cells if cell.cell_type == "code"]


def test_second_build_writes_the_same_bytes(build, built, course):
    for path in (student(course), solved(course), course / "notebooks" / "contents.md"):
        path.unlink()
    assert build.main([], root=course) == 0
    for which in (student, solved):
        assert which(course).read_bytes() == which(built).read_bytes()
    page = "notebooks/contents.md"
    assert (course / page).read_bytes() == (built / page).read_bytes()


def test_student_notebook_has_stubs_and_no_solutions(built):
    text = student(built).read_text()
    assert "2 * x" not in text
    assert "for lecturers" not in text
    assert "SOLUTION" not in text
    stub = next(code for code in code_of(student(built)) if "def double" in code)
    scope = {}
    exec(stub, scope)
    with pytest.raises(NotImplementedError, match="your turn"):
        scope["double"](1)
    assert scope["double"].__doc__ == "Return twice x."


def test_solved_notebook_holds_everything_and_ran(built):
    code = code_of(solved(built))
    assert any("return 2 * x" in c for c in code)
    printed = [
        o.text for c in load(solved(built)).cells for o in c.get("outputs", []) if "text" in o
    ]
    assert "for lecturers\n" in printed


def test_both_editions_share_cell_ids_and_the_file_is_canonical(built):
    ids = {cell.id for cell in load(solved(built)).cells}
    assert {cell.id for cell in load(student(built)).cells} < ids
    assert "week01_sample-03" in ids
    raw = json.loads(student(built).read_text())
    assert raw["nbformat"] == 4
    assert raw["nbformat_minor"] == 5
    assert raw["metadata"]["kernelspec"]["name"] == "python3"
    assert "version" not in raw["metadata"]["language_info"]
    assert list(raw) == sorted(raw)
    assert student(built).read_text().endswith("}\n")
    counts = [c["execution_count"] for c in raw["cells"] if c["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_outputs_are_small_and_without_traces_of_the_machine(built):
    outputs = [o for c in load(student(built)).cells for o in c.get("outputs", [])]
    assert outputs[0].text == "one\ntwo\n"
    picture = next(o for o in outputs if "image/png" in o.get("data", {}))
    data = base64.b64decode(picture.data["image/png"])
    assert data.startswith(b"\x89PNG")
    assert data.endswith(b"IEND\xaeB`\x82")
    assert b"Matplotlib" not in data
    widget = outputs[-1]
    assert widget.data == {"text/plain": "Explorer of a sample"}


def test_png_keeps_pixels_and_loses_text(build):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + b"crc!"

    head, pixels, tail = (
        chunk(b"IHDR", b"13 bytes here"),
        chunk(b"IDAT", b"ab"),
        chunk(b"IEND", b""),
    )
    signature = b"\x89PNG\r\n\x1a\n"
    full = signature + head + chunk(b"tEXt", b"Software") + chunk(b"tIME", b"now") + pixels + tail
    bare = base64.b64decode(build._bare_png(base64.b64encode(full).decode()))
    assert bare == signature + head + pixels + tail


def test_contents_link_what_is_there_and_announce_the_rest(built):
    page = (built / "notebooks" / "contents.md").read_text()
    row = "| 1 | [A sample week](week01_sample.ipynb) | Build a notebook, and see that it holds. |"
    assert row in page.splitlines()
    assert "| 2 | Later (in preparation) | Wait longer. |" in page.splitlines()


def test_notebook_beside_the_weeks_is_listed_below_them(build, course):
    source = "# %% [markdown]\n# # The needle\n#\n# See a real series.\n"
    (course / "course" / "source" / "needle.py").write_text(source)
    assert "- [The needle](needle.ipynb): See a real series." in build.contents(course)


def test_first_cell_without_promise_is_refused(build, course):
    (course / "course" / "source" / "needle.py").write_text("# %% [markdown]\n# # The needle\n")
    with pytest.raises(build.BuildError, match="one sentence"):
        build.contents(course)


STUB_CASES = [
    """
def f(x):
    ### BEGIN SOLUTION
    y = x
    return y
    ### END SOLUTION
=====
def f(x):
    {stub}
""",
    """
class Decorated:
    @property
    def method(self):
        'doc'
        ### BEGIN SOLUTION
        return 1
        ### END SOLUTION
    z = 3
=====
class Decorated:
    @property
    def method(self):
        'doc'
        {stub}
    z = 3
""",
    """
def two_blocks(x):
    for i in x:
        ### BEGIN SOLUTION
        i += 1
        ### END SOLUTION
    y = 2
    ### BEGIN SOLUTION
    return y
    ### END SOLUTION
=====
def two_blocks(x):
    for i in x:
        {stub}
    y = 2
    {stub}
""",
    """
def f():
    ### BEGIN SOLUTION
    return 1
    ### END SOLUTION

async def g():
    ### BEGIN SOLUTION
    return 2
    ### END SOLUTION

print(f)
=====
def f():
    {stub}

async def g():
    {stub}

print(f)
""",
    """
def outside():
    return 1

lam = None
### BEGIN SOLUTION
lam = 0.1
### END SOLUTION
=====
def outside():
    return 1

lam = None
# Your turn: write the missing lines here.
""",
    """
nothing_to_do = 1
=====
nothing_to_do = 1
""",
]


@pytest.mark.parametrize("case", STUB_CASES)
def test_stub(build, case):
    code, expected = case.strip().split("\n=====\n")
    lines = []
    for line in expected.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines += [indent + s for s in build.STUB] if line.strip() == "{stub}" else [line]
    assert build.blank(code) == "\n".join(lines)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f():\n    ### BEGIN SOLUTION\n    return 1", "without END"),
        ("def f():\n    return 1\n    ### END SOLUTION", "without BEGIN"),
        ("### BEGIN SOLUTION\nx = 1\n### BEGIN SOLUTION\n### END SOLUTION", "inside another"),
        ("def f():\n    ### BEGIN SOLUTION\n    # no\n    ### END SOLUTION\n    pass", "no code"),
        ("def f():\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION", "looks like"),
        ("x = 1  ### BEGIN SOLUTION", "looks like"),
        ("def f(:\n    ### BEGIN SOLUTION\n    x\n    ### END SOLUTION", "not Python"),
        ("if True:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", "no longer Python"),
    ],
)
def test_wrong_marks_are_refused_and_the_cell_is_named(build, code, message):
    with pytest.raises(build.BuildError, match=message) as caught:
        build.blank(code, "week01.py, cell 3")
    assert str(caught.value).startswith("week01.py, cell 3")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# %% [markdown]\n# ### BEGIN SOLUTION\n", "code cells"),
        ("# %%\n\n# %%\nx = 1\n", "empty"),
    ],
)
def test_wrong_sources_are_refused(build, tmp_path, source, message):
    path = tmp_path / "week01.py"
    path.write_text(source)
    with pytest.raises(build.BuildError, match=message):
        build.make(path, solved=False)


@pytest.mark.parametrize(
    ("code", "message"), [("1 / 0", "ZeroDivisionError"), ("import os; os._exit(3)", "died")]
)
def test_failing_notebook_is_not_written(build, tmp_path, capsys, code, message):
    source = tmp_path / "course" / "source" / "week01_sample.py"
    source.parent.mkdir(parents=True)
    source.write_text(f"# %%\n{code}\n")
    assert build.main([], root=tmp_path) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "notebooks/week01_sample.ipynb" in said
    assert not student(tmp_path).exists()


def test_notebooks_run_without_a_network_and_without_a_folder_of_data(build, tmp_path, monkeypatch):
    monkeypatch.setenv("EM_INVERSE_DATA", str(tmp_path))
    source = tmp_path / "week01_sample.py"
    source.write_text(
        "# %% [markdown]\n# # A week\n#\n# Ask the world.\n\n"
        "# %%\nimport os\nimport urllib.request\n"
        "print('data' if 'EM_INVERSE_DATA' in os.environ else 'no data')\n"
        "try:\n    urllib.request.urlopen('http://example.org', timeout=5)\n"
        "except OSError as error:\n    print('refused' in str(error))\n"
    )
    ran = build.execute(build.make(source, solved=True), tmp_path, "sample")
    texts = [output.text for cell in ran.cells for output in cell.get("outputs", [])]
    assert texts == ["no data\nTrue\n"]


def notebook_with(*outputs):
    cell = nbformat.v4.new_code_cell("run()", id="week01-00")
    cell.outputs = list(outputs)
    return nbformat.v4.new_notebook(cells=[cell])


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def test_neighbouring_streams_are_joined_and_counts_start_at_one(build):
    show = nbformat.v4.new_output("display_data", {"text/plain": "shown"})
    ragged = notebook_with(stream("a"), stream("b\n"), show, stream("c\n"))
    ragged.cells[0].execution_count = 7
    cell = build.tidy(ragged, "week01.ipynb").cells[0]
    assert [o.get("text") for o in cell.outputs] == ["ab\n", None, "c\n"]
    assert cell.execution_count == 1


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (nbformat.v4.new_output("error", ename="KeyError", evalue="k"), "ends in KeyError: k"),
        (stream("careful", "stderr"), "writes to stderr: careful"),
        (stream("<object at 0x7f5b59d90720>"), "memory address"),
        (nbformat.v4.new_output("display_data", {"text/html": "x"}), "no text form"),
        (stream("x" * 400_000), "400 kB, allowed are 400"),
    ],
)
def test_output_that_must_not_be_stored_is_refused(build, output, message):
    with pytest.raises(build.BuildError, match=message) as caught:
        build.tidy(notebook_with(output), "week01.ipynb")
    assert str(caught.value).startswith("week01.ipynb")


def test_check_accepts_what_was_built(build, built, capsys):
    assert build.main(["--check"], root=built) == 0
    assert build.main(["--check", "week01"], root=built) == 0
    assert capsys.readouterr().err == ""


def edit(path, change):
    notebook = load(path)
    change(notebook)
    path.write_text(nbformat.writes(notebook) + "\n")


def _edit_source(notebook):
    notebook.cells[3].source += "\n# mine"


def _edit_id(notebook):
    notebook.cells[2].id = "other"


def _edit_tags(notebook):
    notebook.cells[1].metadata["tags"] = []


def _drop_cell(notebook):
    del notebook.cells[-1]


def _add_version(notebook):
    notebook.metadata["language_info"]["version"] = "3.11.1"


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (student, _edit_source, "cell 3 (week01_sample-03: def double(x):) has another source"),
        (solved, _edit_id, "cell 2 (week01_sample-02: ## An exercise) has another id"),
        (student, _edit_tags, "cell 1 (week01_sample-01: import matplotlib.pyplot as plt) has"),
        (solved, _drop_cell, "it has 6 cells, its source makes 7"),
        (student, _add_version, "the notebook's metadata differ"),
    ],
)
def test_check_names_the_file_and_the_first_cell_that_drifted(
    build, course, capsys, which, change, message
):
    edit(which(course), change)
    assert build.main(["--check"], root=course) == 1
    said = capsys.readouterr().err
    assert f"{which(course).relative_to(course)}: {message}" in said


def test_check_sees_an_edited_source(build, course, capsys):
    source = course / "course" / "source" / "week01_sample.py"
    source.write_text(source.read_text().replace("return 2 * x", "return x + x"))
    assert build.main(["--check"], root=course) == 1
    said = capsys.readouterr().err
    assert "course/solutions/week01_sample.ipynb: cell 3" in said
    assert "notebooks/week01_sample.ipynb" not in said  # students see the same stub


def test_check_sees_missing_and_orphaned_and_malformed_files(build, course, capsys):
    solved(course).unlink()
    (course / "notebooks" / "week09_lost.ipynb").write_text("{}")
    student(course).write_text(student(course).read_text().replace('\n "cells"', '\n  "cells"'))
    (course / "notebooks" / "contents.md").write_text("mine")
    assert build.main(["--check"], root=course) == 1
    said = capsys.readouterr().err
    assert "course/solutions/week01_sample.ipynb: not built yet" in said
    assert "notebooks/week09_lost.ipynb: it has no source" in said
    assert "notebooks/week01_sample.ipynb: its JSON is not in the form" in said
    assert "notebooks/contents.md: not as the sources make it" in said


def test_check_sees_a_file_that_is_no_notebook(build, course, capsys):
    student(course).write_text("not JSON")
    assert build.main(["--check"], root=course) == 1
    assert "not a readable notebook" in capsys.readouterr().err


def test_check_with_execution_compares_outputs(build, course, capsys):
    def lie(notebook):
        notebook.cells[1].outputs[0].text = "one\nthree\n"

    edit(student(course), lie)
    assert build.main(["--check"], root=course) == 0
    assert build.main(["--check", "--execute"], root=course) == 1
    said = capsys.readouterr().err
    assert "notebooks/week01_sample.ipynb: cell 1 (week01_sample-01" in said
    assert "three" in said
    assert "solutions/week01" not in said


def picture(draw):
    image = Image.new("RGB", (600, 300), "white")
    draw(ImageDraw.Draw(image))
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return nbformat.v4.new_output("display_data", {"text/plain": "p", "image/png": encoded})


def test_pictures_may_differ_by_a_pixel_but_not_in_what_they_show(build):
    first = picture(lambda d: d.line((30, 60, 570, 240), fill="black", width=6))
    nudged = picture(lambda d: d.line((30, 61, 570, 240), fill="black", width=6))
    other = picture(lambda d: d.line((30, 240, 570, 60), fill="black", width=6))
    empty = picture(lambda d: None)
    stored = notebook_with(first)
    assert build.first_output_difference(stored, notebook_with(nudged)) is None
    for wrong in ([other], [empty], [first, first]):
        assert build.first_output_difference(stored, notebook_with(*wrong)) is not None


def test_unknown_name_lists_the_sources(build, built, capsys):
    assert build.main(["--check", "week12"], root=built) == 1
    assert "week01_sample" in capsys.readouterr().err


def test_execute_belongs_to_check(build, built):
    with pytest.raises(SystemExit):
        build.main(["--execute"], root=built)


def test_partial_build_leaves_other_notebooks_alone(build, course):
    other = course / "course" / "source" / "week02_later.py"
    other.write_text("# %% [markdown]\n# # Later\n#\n# It comes.\n\n# %%\nprint(1)\n")
    before = student(course).stat().st_mtime_ns
    assert build.main(["week02"], root=course) == 0
    assert student(course).stat().st_mtime_ns == before
    assert (course / "notebooks" / "week02_later.ipynb").exists()
    assert "[Later](week02_later.ipynb)" in (course / "notebooks" / "contents.md").read_text()
