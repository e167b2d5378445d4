"""``em-inverse start``: the learner's copy is safe, and the course really opens."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request

import pytest

from em_inverse.errors import (
    ChecksumError,
    DataError,
    DownloadError,
    EmInverseError,
    ParameterError,
)
from em_inverse.start import _fetch_data, _free_port, deliver, needed_data, start

NAME = "week11_deblurring.ipynb"
BESIDE = "week11_deblurring.new-2.ipynb"


def notebook(*sources, output="", **metadata):
    cells = [
        {"cell_type": "code", "source": s, "outputs": [output], "metadata": {}} for s in sources
    ]
    return json.dumps({"cells": cells, "metadata": metadata})


@pytest.fixture
def lessons(tmp_path):
    folder = tmp_path / "kit" / "notebooks"
    folder.mkdir(parents=True)
    (folder / NAME).write_text(notebook("x = 1"))
    (folder / "contents.md").write_text(f"# Contents\n\n[week 11]({NAME})\n")
    return folder


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine"


@pytest.fixture
def edited(lessons, mine):
    """A learner's folder in which the notebook has an answer of theirs."""
    deliver(mine, lessons, "1")
    (mine / NAME).write_text(notebook("x = 1", "my_answer = 42"))
    return mine


def fresh(path):
    """Sources of a notebook that nobody has run yet."""
    cells = json.loads(path.read_text())["cells"]
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in cells)
    return [cell["source"] for cell in cells]


def visible(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_first_start_delivers_everything_and_second_does_nothing(lessons, mine):
    assert deliver(mine, lessons, "1") == [f"{NAME}: delivered.", "contents.md: delivered."]
    assert fresh(mine / NAME) == ["x = 1"]
    assert (mine / "contents.md").read_bytes() == (lessons / "contents.md").read_bytes()
    assert deliver(mine, lessons, "1") == []
    assert visible(mine) == ["contents.md", NAME]


def test_untouched_notebook_is_renewed(lessons, mine):
    deliver(mine, lessons, "1")
    (lessons / NAME).write_text(notebook("x = 2"))
    assert deliver(mine, lessons, "2") == [f"{NAME}: renewed (you had not changed it)."]
    assert fresh(mine / NAME) == ["x = 2"]
    assert visible(mine) == ["contents.md", NAME]


def test_notebook_that_was_only_run_is_renewed_but_not_reset(lessons, mine):
    deliver(mine, lessons, "1")
    run = notebook("x = 1", output="ran", language_info="3.11")
    (mine / NAME).write_text(run)
    assert deliver(mine, lessons, "1") == []
    assert (mine / NAME).read_text() == run
    (lessons / NAME).write_text(notebook("x = 2"))
    assert "renewed" in deliver(mine, lessons, "2")[0]


def test_new_outputs_alone_are_no_new_lesson(lessons, mine):
    deliver(mine, lessons, "1")
    run = notebook("x = 1", output="ran by me")
    (mine / NAME).write_text(run)
    (lessons / NAME).write_text(notebook("x = 1", output="built again"))
    assert deliver(mine, lessons, "2") == []
    assert (mine / NAME).read_text() == run


def test_work_survives_and_the_new_lesson_lies_beside_it_once(lessons, edited):
    work = (edited / NAME).read_bytes()
    assert deliver(edited, lessons, "1") == []
    (lessons / NAME).write_text(notebook("x = 2"))
    (said,) = deliver(edited, lessons, "2")
    assert BESIDE in said
    assert "changes of yours" in said
    assert (edited / NAME).read_bytes() == work
    assert fresh(edited / BESIDE) == ["x = 2"]
    assert deliver(edited, lessons, "2") == []
    (edited / BESIDE).unlink()
    assert deliver(edited, lessons, "3") == []
    assert visible(edited) == ["contents.md", NAME]


def test_each_newer_lesson_gets_a_name_of_its_own(lessons, edited):
    for source, version in (("x = 2", "2"), ("x = 3", "2"), ("x = 4", "3")):
        (lessons / NAME).write_text(notebook(source))
        deliver(edited, lessons, version)
    stem = BESIDE.removesuffix(".ipynb")
    assert fresh(edited / f"{stem}.ipynb") == ["x = 2"]
    assert fresh(edited / f"{stem}-2.ipynb") == ["x = 3"]
    assert fresh(edited / "week11_deblurring.new-3.ipynb") == ["x = 4"]


def test_work_in_the_lesson_put_beside_is_safe_too(lessons, edited):
    (lessons / NAME).write_text(notebook("x = 2"))
    deliver(edited, lessons, "2")
    (edited / BESIDE).write_text(notebook("x = 2", "more of mine"))
    (lessons / NAME).write_text(notebook("x = 3"))
    deliver(edited, lessons, "2")
    assert (edited / BESIDE).read_text() == notebook("x = 2", "more of mine")
    assert fresh(edited / "week11_deblurring.new-2-2.ipynb") == ["x = 3"]


def test_learner_who_takes_the_new_lesson_gets_the_next_one_in_place(lessons, edited):
    (lessons / NAME).write_text(notebook("x = 2"))
    deliver(edited, lessons, "2")
    (edited / BESIDE).replace(edited / NAME)
    assert deliver(edited, lessons, "2") == []
    (lessons / NAME).write_text(notebook("x = 3"))
    assert deliver(edited, lessons, "3") == [f"{NAME}: renewed (you had not changed it)."]


def test_deleted_notebook_is_delivered_again(lessons, edited):
    (edited / NAME).unlink()
    assert deliver(edited, lessons, "1") == [f"{NAME}: delivered again."]


def test_new_lesson_is_added_and_other_files_are_left_alone(lessons, edited):
    (edited / "notes.txt").write_text("mine")
    (lessons / "week12_atoms.ipynb").write_text(notebook("y = 1"))
    assert deliver(edited, lessons, "2") == ["week12_atoms.ipynb: delivered."]
    assert (edited / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "manifest", [None, "", "[]", '{"files": 3}', json.dumps({"files": {NAME: 3}})]
)
def test_without_a_readable_manifest_every_file_counts_as_the_learners(lessons, edited, manifest):
    path = edited / ".em-inverse" / "manifest.json"
    path.unlink() if manifest is None else path.write_text(manifest)
    work = (edited / NAME).read_bytes()
    deliver(edited, lessons, "2")
    assert (edited / NAME).read_bytes() == work
    assert (edited / BESIDE).exists()


def test_broken_notebook_of_the_learner_is_kept(lessons, edited):
    (edited / NAME).write_text("half a noteb")
    (lessons / NAME).write_text(notebook("x = 2"))
    deliver(edited, lessons, "2")
    assert (edited / NAME).read_text() == "half a noteb"


def test_interrupted_delivery_goes_on_where_it_stopped(lessons, mine, monkeypatch):
    from em_inverse import start as module

    write = module._write

    def fail_at_contents(path, data):
        if path.name == "contents.md":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(module, "_write", fail_at_contents)
    with pytest.raises(KeyboardInterrupt):
        deliver(mine, lessons, "1")
    monkeypatch.setattr(module, "_write", write)
    assert deliver(mine, lessons, "1") == ["contents.md: delivered."]


@pytest.mark.parametrize("place", [".", "below", ".."])
def test_folders_of_the_kit_are_refused(lessons, place):
    before = visible(lessons.parent)
    with pytest.raises(ParameterError, match="belongs to the kit"):
        deliver(lessons / place, lessons, "1")
    assert visible(lessons.parent) == before
    assert visible(lessons) == ["contents.md", NAME]


def test_link_into_the_kit_is_refused(lessons, mine):
    mine.symlink_to(lessons, target_is_directory=True)
    with pytest.raises(ParameterError, match="belongs to the kit"):
        deliver(mine, lessons, "1")


def test_file_in_place_of_the_folder_is_refused(lessons, mine):
    mine.write_text("a file")
    with pytest.raises(ParameterError, match="is a file"):
        deliver(mine, lessons, "1")


def test_folder_that_cannot_be_made_is_refused(lessons, mine):
    mine.write_text("a file")
    with pytest.raises(ParameterError, match="--dir"):
        deliver(mine / "below", lessons, "1")


def test_installation_without_notebooks_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="incomplete"):
        deliver(tmp_path / "mine", tmp_path / "empty")


def test_data_that_notebooks_load_are_found(lessons):
    assert needed_data(lessons) == []
    (lessons / "a.ipynb").write_text(notebook('series = datasets.load("nist-needle")'))
    (lessons / "b.ipynb").write_text(
        notebook("datasets.load( 'nist-needle')", "datasets.load('b.2')")
    )
    assert needed_data(lessons) == ["b.2", "nist-needle"]


def test_data_are_announced_measured_or_synthetic_or_wrong(monkeypatch, tmp_path):
    def fetch(name, **options):
        if name == "far":
            raise DownloadError("There is no network.")
        if name == "spoilt":
            raise ChecksumError("Remove the file.")
        return [tmp_path / name]

    monkeypatch.setattr("em_inverse.datasets.fetch", fetch)
    near, far, spoilt = _fetch_data(["near", "far", "spoilt"])
    assert near == f"Data: 'near', as measured, is ready in {tmp_path}."
    assert "synthetic stand-in for 'far'. There is no network." in far
    assert spoilt == "Data: 'spoilt' cannot be used. Remove the file."


def test_next_free_port_is_taken():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        found = _free_port(taken)
        assert found != taken
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", found))


def test_missing_jupyterlab_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmInverseError, match=re.escape('pip install -e ".[course]"')):
        start(directory=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("port", [0, 70000, 80.5, "eighty"])
def test_impossible_port_is_refused(port, tmp_path):
    with pytest.raises(ParameterError, match="port"):
        start(directory=tmp_path / "mine", port=port)


def stand_in(monkeypatch, lessons, code):
    """Let a few lines of Python play the part of JupyterLab; `port` is theirs to use."""
    monkeypatch.setattr("em_inverse._resources.notebooks_dir", lambda: lessons)
    monkeypatch.setattr(
        "em_inverse.start._command",
        lambda folder, port, browser: [
            *(sys.executable, "-c"),
            f"import http.server as h, signal, time\nport = {port}\n{textwrap.dedent(code)}",
        ],
    )


def test_server_that_dies_is_reported_with_its_last_words(lessons, mine, monkeypatch, capsys):
    stand_in(monkeypatch, lessons, "raise SystemExit('out of coffee')")
    with pytest.raises(EmInverseError, match="did not start") as caught:
        start(directory=mine, browser=False)
    assert "out of coffee" in str(caught.value)
    assert str(mine) in capsys.readouterr().out


SERVE = """
    server = h.HTTPServer(("127.0.0.1", port), h.BaseHTTPRequestHandler)
    server.handle_request()
"""


def test_shutting_the_server_down_from_the_menu_ends_the_start(lessons, mine, monkeypatch, capsys):
    stand_in(monkeypatch, lessons, SERVE)
    start(directory=mine, browser=False)
    said = capsys.readouterr().out
    assert "?token=" in said
    assert "JupyterLab has been shut down." in said


def test_start_from_a_thread_leaves_signals_alone(lessons, mine, monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    stand_in(monkeypatch, lessons, SERVE)
    thread = threading.Thread(target=start, kwargs={"directory": mine, "browser": False})
    thread.start()
    thread.join(timeout=60)
    assert "has been shut down" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_server_that_will_not_end_is_killed(lessons, mine, monkeypatch, capsys):
    monkeypatch.setattr("em_inverse.start._SECONDS_TO_STOP", 0.5)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    stand_in(monkeypatch, lessons, deaf + textwrap.dedent(SERVE) + "time.sleep(600)")
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        "em_inverse.start.subprocess.Popen",
        lambda *args, **options: started.append(popen(*args, **options)) or started[-1],
    )

    def interrupt_once_served():
        while "?token=" not in sys.stdout.getvalue():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    threading.Thread(target=interrupt_once_served, daemon=True).start()
    start(directory=mine, browser=False)
    assert "Stopped." in capsys.readouterr().out
    assert started[0].returncode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGINT) is before


def test_server_that_never_answers_is_given_up(lessons, mine, monkeypatch):
    monkeypatch.setattr("em_inverse.start._SECONDS_TO_ANSWER", 1.0)
    stand_in(monkeypatch, lessons, "print('thinking', flush=True); time.sleep(600)")
    begun = time.monotonic()
    with pytest.raises(EmInverseError, match="thinking"):
        start(directory=mine, browser=False)
    assert time.monotonic() - begun < 30


def test_command_and_environment_keep_the_token_off_the_process_list(monkeypatch, tmp_path):
    from em_inverse.start import _command, _environment

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "theirs")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    env = _environment("s3cret", tmp_path)
    assert env["JUPYTER_TOKEN"] == "s3cret"
    assert env["JUPYTER_CONFIG_PATH"].endswith(os.pathsep + "theirs")
    assert env["OMP_NUM_THREADS"] == "7"  # who sets it knows better
    assert env["NUMBA_NUM_THREADS"] == "2"
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    command = _command(tmp_path, 8888, False)
    assert {"--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"} <= set(command)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert {"--no-browser", "--allow-root"}.isdisjoint(_command(tmp_path, 8888, True))


STARTER = """
    import pathlib, sys
    from em_inverse import _resources, start
    _resources.notebooks_dir = lambda: pathlib.Path(sys.argv[1])
    start.start(directory=sys.argv[2], port=int(sys.argv[3]), browser=sys.argv[4] == "yes")
"""


class Running:
    """The course started in a process of its own, as from a terminal."""

    def __init__(self, lessons, directory, port, browser, tmp_path):
        self.lines = []
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", textwrap.dedent(STARTER)),
                *(str(lessons), str(directory), str(port), "yes" if browser else "no"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_home(tmp_path) | {"BROWSER": f"{_recorder(tmp_path)} %s"},
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def text(self):
        return "".join(self.lines)

    def address(self):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"(http://127\.0\.0\.1:\d+)(/\S+)\?token=(\w+)", self.text())
            if found:
                return found.groups()
            time.sleep(0.1)
        raise AssertionError(f"no address was printed:\n{self.text()}")

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.reader.join(timeout=5)
        return code


def _home(tmp_path):
    """An environment whose home folder, and so whose Jupyter settings, are the test's own."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith("JUPYTER")}
    return {**kept, "HOME": str(tmp_path / "home")}


def _recorder(tmp_path):
    script = tmp_path / "browser.sh"
    script.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def get(base, path, token):
    request = urllib.request.Request(base + path, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def listens(base):
    host, port = base.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_course_opens_serves_and_stops(lessons, mine, tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        course = Running(lessons, mine, taken, browser=False, tmp_path=tmp_path)
        try:
            base, page, token = course.address()
            assert f"Port {taken} is taken" in course.text()
            assert page == "/lab/tree/contents.md"
            assert "jupyter" in get(base, page, token).lower()
            listing = json.loads(get(base, "/api/contents", token))["content"]
            assert sorted(item["name"] for item in listing) == ["contents.md", NAME]

            def default(plugin, name):
                schema = json.loads(get(base, f"/lab/api/settings/{plugin}", token))["schema"]
                return schema["properties"][name]["default"]

            kernels = "@jupyterlab/apputils-extension:kernels-settings"
            assert default(kernels, "commsOverSubshells") == "disabled"
            assert default("@jupyterlab/apputils-extension:notification", "fetchNews") == "false"
            viewers = default("@jupyterlab/docmanager-extension:plugin", "defaultViewers")
            assert viewers == {"markdown": "Markdown Preview"}
        finally:
            code = course.stop()
    assert code == 0
    assert "Stopped." in course.text()
    assert "Traceback" not in course.text()
    assert not listens(base)
    log = mine / ".em-inverse" / "jupyterlab.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert not (tmp_path / "opened").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_browser_opens_on_the_contents_and_a_request_to_end_is_honoured(lessons, mine, tmp_path):
    course = Running(lessons, mine, _free_port(8950), browser=True, tmp_path=tmp_path)
    try:
        base, _, _ = course.address()
        deadline = time.monotonic() + 30
        while not (tmp_path / "opened").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.2)
        opened = (tmp_path / "opened").read_text().strip()
    finally:
        code = course.stop(signal.SIGTERM)
    assert code == 0
    assert opened.startswith(("file://", base))
    assert not listens(base)
