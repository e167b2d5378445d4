"""What several test files need: the repository's root, and the notebook builder as a module."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a change must not fail, or pass, by luck. And no deadline, because
# the first call of a kernel compiles it.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")

ROOT = Path(__file__).resolve().parent.parent

# Where several processes share the files of tests, a long one that begins late leaves the others
# without work at the end.
LONGEST_FIRST = (
    "tests/test_notebooks.py",
    "tests/atomic/test_from_images_to_atoms.py",
    "tests/browser/test_explorers.py",
    "tests/test_binder.py",
    "tests/widgets/test_cockpit.py",
)


# Long tests of what shorter ones cover line by line, and those that mostly wait for a browser:
# tracing which lines run would cost half as much again. What coverage says is a lower bound.
UNTRACED = (
    "tests/atomic/test_from_images_to_atoms.py",
    "tests/browser",
    "tests/course",
    "tests/dynamic/test_reconstruction.py",
    "tests/solvers/test_iterative.py",
    "tests/solvers/test_proximal_tomography.py",
    "tests/test_benchmarks.py",
    "tests/test_course_documents.py",
    "tests/test_documents.py",
    "tests/test_notebooks.py",
    "tests/tomography/test_alignment.py",
    "tests/tomography/test_choice.py",
    "tests/tomography/test_diagnostics.py",
    "tests/tomography/test_needle.py",
    "tests/tomography/test_projection_matching.py",
)


def pytest_collection_modifyitems(items):
    places = {ROOT / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
    untraced = tuple((ROOT / name).as_posix() for name in UNTRACED)
    for item in items:
        if item.path.as_posix().startswith(untraced):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def repository():
    return ROOT


@pytest.fixture(scope="session")
def build():
    """``course/build.py``, imported once."""
    spec = importlib.util.spec_from_file_location("course_build", ROOT / "course" / "build.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["course_build"] = module
    spec.loader.exec_module(module)
    return module
