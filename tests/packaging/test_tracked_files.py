"""No file of the repository tells on whose machine it was written."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("work", "tmp", "root", "home", "Users", "opt", "mnt", "var/folders")
MACHINE_PATH = re.compile(
    rf"(?<![\w.~/:*$}}-])/(?:{'|'.join(FOLDERS)})/[\w.-]+|[A-Z]:\\Users\\", flags=re.ASCII
)
LARGEST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def tracked():
    """Return every file that git keeps or would keep."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    files = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in files if path.is_file()]


def machine_paths(text):
    return MACHINE_PATH.findall(text)


def test_no_absolute_path_of_a_machine(tracked):
    assert len(tracked) > 20
    found = {}
    for path in tracked:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if hits := machine_paths(text):
            found[path.relative_to(ROOT).as_posix()] = hits
    assert found == {}


def test_no_large_file(tracked):
    large = [p.name for p in tracked if p.stat().st_size > LARGEST_BYTES]
    assert large == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_search_finds_what_it_should(folder):
    assert machine_paths(f'open("/{folder}/someone/data.mrc")')
    assert machine_paths(f"/{folder}/someone")


@pytest.mark.parametrize("parts", ["https:||host|home|x", "a|work|b", "..|tmp|c", "$HOME|work|x"])
def test_the_search_leaves_other_paths_alone(parts):
    assert not machine_paths(parts.replace("|", "/"))
