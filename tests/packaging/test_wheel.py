"""The wheel carries everything that a learner without the repository needs."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder)]
    if importlib.util.find_spec("hatchling") is not None:
        command.append("--no-build-isolation")
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    if done.returncode != 0 and "--no-build-isolation" not in command:
        pytest.skip("hatchling is not installed, and no package index can be reached")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("em_inverse-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_file_of_the_package_is_in_the_wheel(names):
    files = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "em_inverse").rglob("*")
        if path.is_file() and path.suffix in {".py", ".json", ".js", ".css", ".typed", ".mplstyle"}
    ]
    assert "em_inverse/_jupyter/labconfig/default_setting_overrides.json" in files
    assert [file for file in files if file not in names] == []


@pytest.mark.parametrize("folder", ["notebooks", "data"])
def test_lessons_and_data_are_in_the_wheel(names, folder):
    files = [p for p in (ROOT / folder).iterdir() if p.is_file() and not p.name.startswith(".")]
    assert files
    bundled = [f"em_inverse/_bundled/{folder}/{path.name}" for path in files]
    assert [file for file in bundled if file not in names] == []


def test_licences_are_in_the_wheel(names):
    licences = {name.split("/")[-1] for name in names if ".dist-info/licenses/" in name}
    assert {"LICENSE", "LICENSE-TEXT"} <= licences


def test_tests_and_sources_of_the_course_are_not(names):
    assert not [name for name in names if name.startswith(("tests/", "course/", "binder/"))]
