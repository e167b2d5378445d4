"""A real JupyterLab and a real browser, for tests that ask what a reader sees."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from em_inverse.start import JUPYTER_CONFIG

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM)} is installed")
    return found


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("EM_INVERSE_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab(
    chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, list[str]], str]]:
    """Start JupyterLab with the settings of ``em-inverse start``; give notebooks an address."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    port, token = _free_port(), secrets.token_hex(16)
    environment = {
        **os.environ,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_PATH": str(JUPYTER_CONFIG),
        **{
            name: str(home / name.lower())
            for name in (
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_DATA_DIR",
                "JUPYTER_RUNTIME_DIR",
                "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR",
                "IPYTHONDIR",
            )
        },
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={work}",
        "--LabApp.expose_app_in_browser=True",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=work
        )
    try:
        _wait_for_answer(f"http://127.0.0.1:{port}/api?token={token}", server, log)

        def notebook(name: str, cells: list[str]) -> str:
            book = nbformat.v4.new_notebook()
            book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
            book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
            nbformat.write(book, work / name)
            # A workspace of its own, or Lab reopens the notebooks of earlier pages as well.
            place = f"lab/workspaces/{Path(name).stem}/tree/{name}"
            return f"http://127.0.0.1:{port}/{place}?token={token}"

        yield notebook
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=FLAGS, ignore_default_args=["--headless"]
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def open_notebook(
    browser: Any, lab: Callable[[str, list[str]], str], screenshots: Path
) -> Callable[[str, list[str], str], Any]:
    """Open a new notebook, run all its cells, and wait until something is on the page.

    The page carries `complaints`: what the browser's console reported as errors.
    """

    def open_(name: str, cells: list[str], ready: str) -> Any:
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.complaints = complaints = []
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(lab(name, cells))
        # Without a ready kernel "run all" asks which kernel to use, and waits for ever.
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext"
            "?.session?.kernel?.status === 'idle'"
        )
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        try:
            page.wait_for_selector(ready, state="attached")
        except Exception:
            page.screenshot(path=screenshots / f"{name}_did_not_open.png")
            pytest.fail(f"{name} did not show {ready}; the browser said {complaints}")
        page.wait_for_timeout(500)
        return page

    return open_


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_answer(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not answer:\n{log.read_text(errors='replace')[-3000:]}")
