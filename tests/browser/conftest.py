"""A real JupyterLab and a real browser, for tests that ask what a reader sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WANTED = os.environ.get("EM_INVERSE_SCREENSHOTS")
"""Folder for pictures of the whole page, for somebody to look at; nothing compares them."""


@pytest.fixture(scope="session")
def lab_module() -> Any:
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks import lab
    finally:
        sys.path.remove(str(ROOT))
    return lab


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(WANTED) if WANTED else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser(lab_module: Any) -> Iterator[Any]:
    program = lab_module.chromium()
    if program is None:
        pytest.skip("no Chromium is installed")
    with lab_module.browser(program) as running:
        # In one context JupyterLab is fetched and compiled once, and not for every page.
        yield running.new_context()


@pytest.fixture(scope="session")
def open_notebook(
    lab_module: Any,
    browser: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str, list[str], str], Any]]:
    """Open a new notebook, run all its cells, and wait until something is on the page.

    The page carries `complaints`: what the browser's console reported as errors.
    """
    with lab_module.serve(tmp_path_factory.mktemp("lab")) as address:

        def opened(name: str, cells: list[str], ready: str) -> Any:
            page = lab_module.open_notebook(browser, address(name, cells), ready)
            if not WANTED:
                page.screenshot = lambda **options: None
            return page

        yield opened
