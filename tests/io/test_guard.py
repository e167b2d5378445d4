"""The guard around readers that are not ours."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io.guard import read_guarded

READERS = textwrap.dedent(
    """
    import os, time
    from pathlib import Path
    import numpy as np
    from em_inverse.errors import FileFormatError

    def good(path, scale=1):
        return scale * np.arange(6.0).reshape(2, 3)[:, ::2], {"name": Path(path).name}

    def endless(path):
        while True:
            time.sleep(0.05)

    def greedy(path):
        return np.ones(2**34), {}

    def fatal(path):
        os._exit(7)

    def clumsy(path):
        raise KeyError("header")

    def careful(path):
        raise FileFormatError("the magic word is missing")

    def pickled(path):
        return np.array([object()]), {}
    """
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder on the path of modules, with readers and a file for them."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "readers_under_guard.py").write_text(READERS)
    (folder / "series.odd").write_bytes(b"any content")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def read(place, name, arguments=None, **limits):
    path = place / "series.odd"
    return read_guarded(
        f"readers_under_guard:{name}", path, arguments, kind="an ODD file", **limits
    )


def test_numbers_and_facts_come_back(place):
    numbers, facts = read(place, "good", {"scale": 2})
    np.testing.assert_array_equal(numbers, [[0, 4], [6, 10]])
    assert numbers.flags.writeable
    assert facts == {"name": "series.odd"}


def test_time_is_limited(place):
    with pytest.raises(FileFormatError, match=r"'.*series\.odd'.*more than 0\.5 s.*copy it again"):
        read(place, "endless", seconds=0.5)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory on Linux")
def test_memory_is_limited(place):
    with pytest.raises(FileFormatError, match="more than the 536,870,912 bytes of memory"):
        read(place, "greedy", memory_bytes=2**29)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fatal", "crashed .exit status 7"),
        ("clumsy", "could not be read as an ODD file .KeyError: 'header'"),
        ("careful", "^the magic word is missing$"),
        ("pickled", "could not be read as an ODD file .ValueError"),
        ("absent", "AttributeError"),
    ],
)
def test_failures_are_told(place, name, said):
    with pytest.raises(FileFormatError, match=said):
        read(place, name)


def test_limits_are_checked(place):
    with pytest.raises(ParameterError, match="seconds"):
        read(place, "good", seconds=0)


@pytest.mark.skipif(os.name != "posix", reason="sends an interrupt")
def test_an_interrupt_ends_the_reader(place, tmp_path):
    script = textwrap.dedent(
        """
        import signal, sys
        from pathlib import Path
        from em_inverse.io.guard import read_guarded
        sys.path.insert(0, sys.argv[1])
        # Whoever starts the tests in the background has interrupts ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("ready", flush=True)
        try:
            read_guarded("readers_under_guard:endless", Path(sys.argv[1]) / "series.odd")
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """
    )
    user = subprocess.Popen(
        [sys.executable, "-c", script, str(place)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert user.stdout.readline() == "ready\n"
    deadline = time.perf_counter() + 120
    while not list(tmp_path.iterdir()) and time.perf_counter() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    user.send_signal(signal.SIGINT)
    said, _ = user.communicate(timeout=120)
    assert said == "interrupted\n"
    assert list(tmp_path.iterdir()) == []
