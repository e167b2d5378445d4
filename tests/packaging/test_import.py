"""``import em_inverse`` is quick and brings in nothing heavy."""

import json
import re
import statistics
import subprocess
import sys

HEAVY = ("matplotlib", "ipywidgets", "anywidget", "numba", "skimage", "pooch", "h5py", "IPython")


def test_import_brings_in_nothing_heavy():
    code = "import em_inverse, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert loaded.isdisjoint(HEAVY)
    assert "em_inverse" in loaded


def test_import_takes_less_than_a_third_of_a_second():
    times = [import_seconds() for _ in range(6)][1:]
    assert statistics.median(times) < 0.3, times


def import_seconds():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import em_inverse"],
        capture_output=True,
        text=True,
        check=True,
    )
    (cumulative,) = re.findall(r"\|\s*(\d+) \| em_inverse$", done.stderr, flags=re.MULTILINE)
    return int(cumulative) / 1e6


def test_every_promised_submodule_can_be_loaded():
    code = "import em_inverse; [getattr(em_inverse, name) for name in dir(em_inverse)]"
    subprocess.run([sys.executable, "-c", code], check=True)
