"""What README and its companions promise is there, runs, and prints what they say."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import em_inverse
from em_inverse import datasets, report, tomography

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGES.md", "course/README.md"]
COMMANDS = [
    'python -m pip install -e ".[course]" && em-inverse start',
    'python -m pip install -e ".[test]" && python -m pytest',
]
PLACEHOLDER = re.compile(r"weekNN|^em_inverse/$")
ROOM = re.compile(r"(?:course|notebooks|data|binder|docs|tests|benchmarks|em_inverse)/[\w./-]*")
FULL_DATA = Path(os.environ.get("EM_INVERSE_DATA") or "nowhere", "nist-needle-haadf.mrc").is_file()


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def named_paths(text):
    """Return what the links of a document, and the words in its code, say is in the repository."""
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) + blocks(text, "")
    words = [word for span in spans for word in span.split()]
    files = [w for w in words if ROOM.fullmatch(w) or re.fullmatch(r"[\w-]+\.(md|toml|cff|py)", w)]
    return {name for name in links + files if "://" not in name and not PLACEHOLDER.search(name)}


def test_the_two_commands_stand_in_readme_word_for_word():
    lines = [line for block in blocks(text_of("README.md"), "") for line in block.splitlines()]
    assert [line for line in lines if "pip install" in line] == COMMANDS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_exists(name):
    folder = (ROOT / name).parent
    missing = [
        p for p in named_paths(text_of(name)) if not any((b / p).exists() for b in (folder, ROOT))
    ]
    assert missing == []


def test_paths_are_found_where_they_are_named():
    text = "[This](docs/a.png), `tests/b.py`, [that](https://host/c).\n```\npython data/d.py\n```\n"
    assert named_paths(text) == {"docs/a.png", "tests/b.py", "data/d.py"}


def snippet():
    return blocks(text_of("README.md"), "python")[0]


def test_the_second_snippet_runs_and_gives_advice(capsys):
    _, live = blocks(text_of("README.md"), "python")
    assert len(live.splitlines()) <= 10
    exec(live, {})
    assert capsys.readouterr().out.startswith(("go on:", "you may stop:"))


def test_the_snippet_has_at_most_six_lines():
    assert 0 < len([line for line in snippet().splitlines() if line.strip()]) <= 6


def test_the_snippet_runs_and_prints_the_line_below_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = snippet()
    assert code.count('"nist-needle"') == 1
    exec(code if FULL_DATA else code.replace('"nist-needle"', '"nist-needle-small"'), {})
    printed = capsys.readouterr().out.strip()
    assert (tmp_path / "needle.mrc").stat().st_size > 4 * 64**3
    (promised,) = re.findall(r"^> (77 projections .*)$", text_of("README.md"), flags=re.MULTILINE)
    if FULL_DATA:
        assert printed == promised
    else:
        unlike = re.compile(r"residual [^;]*|voxel size [^;]*")
        assert unlike.sub("", printed) == unlike.sub("", promised)


@pytest.mark.parametrize("method", [tomography.wbp, lambda s: tomography.sirt(s, n_iter=1)])
def test_the_line_says_when_data_are_simulated(method):
    stand_in = datasets.synthetic("nist-needle", size=16)
    assert report.report(method(stand_in)).startswith("SIMULATED DATA: ")
    measured = stand_in.replace(metadata={"synthetic": False})
    assert report.report(method(measured)).startswith("77 projections")


def test_the_pictures_of_readme_are_small_and_told_in_words():
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text_of("README.md"))
    assert {path for _, path in pictures} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.png")
    }
    for alt, path in pictures:
        assert len(alt.split()) > 20
        assert (ROOT / path).stat().st_size <= 300_000


def test_every_derived_file_is_there_and_listed():
    table = text_of("CONTRIBUTING.md").split("| derived file |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert [name for name in listed if not (ROOT / name).is_file()] == []
    made = [p for f in ("notebooks", "course/solutions") for p in (ROOT / f).glob("*.*")]
    made += [*(ROOT / "docs").glob("*.png"), *(ROOT / "data").glob("*.npz")]
    assert {p.relative_to(ROOT).as_posix() for p in made} <= listed


def test_the_citation_names_this_version_and_licence():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == em_inverse.__version__
    assert citation["license"] == project["license"]
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in project["authors"]]
    assert {"message", "title"} <= citation.keys()


def test_changes_begin_with_this_version_and_tell_lecturers_what_to_check():
    versions = re.split(r"^## ", text_of("CHANGES.md"), flags=re.MULTILINE)[1:]
    assert versions[0].splitlines()[0] == em_inverse.__version__
    assert all("### What lecturers must re-check" in version for version in versions)


def test_hooks_need_no_other_repository():
    hooks = yaml.safe_load(text_of(".pre-commit-config.yaml"))
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    assert {hook["language"] for hook in hooks["repos"][0]["hooks"]} == {"system"}
