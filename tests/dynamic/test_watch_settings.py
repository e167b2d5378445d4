"""What may be asked of a watcher, and what the refusal says."""

import re

import pytest

from em_inverse.errors import FileFormatError, GeometryError, ParameterError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settle_s": -1}, "settle_s"),
        ({"poll_s": 0}, "poll_s"),
        ({"give_up_s": "soon"}, "give_up_s"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"n": 1.5}, "n is 1.5"),
        ({"stop": 3}, "stop is 3; a threading.Event"),
        ({"events": "inotify"}, "events is 'inotify'"),
        ({"shape": "same"}, r"shape is 'same'; 'first'"),
        ({"shape": (3,)}, r"shape is \(3,\)"),
        ({"shape": (3, 0)}, "shape"),
        ({"duplicates": "keep"}, "duplicates is 'keep'"),
        ({"tilt_axis": "kit"}, "tilt_axis is 'kit'"),
        ({"endings": "mrc"}, r"endings is 'mrc'.*with their point"),
        ({"endings": []}, "endings is"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": 3}, "no regular expression"),
        ({"pattern": r"_(\d+)"}, "no group named angle"),
        ({"pattern": "(?P<angle>.)", "angles": [1]}, "both given"),
        ({"already": 5}, "already is '5', which is no account"),
        ({"already": {"files": {}}}, "version"),
        ({"already": [("a.npy",)]}, "no account"),
    ],
)
def test_refusals_name_argument_and_remedy(bench, options, message):
    with pytest.raises(ParameterError, match=f"(?s){message}"):
        bench.watch(**options)


def test_angles_must_be_angles(bench):
    with pytest.raises(GeometryError, match="400"):
        bench.watch(angles=[400])


def test_the_folder(bench):
    path = bench.save("a.npy", bench.image(1))
    with pytest.raises(ParameterError, match="which is a file"):
        bench.watch(path)
    missing = bench.folder / "none"
    with pytest.raises(FileNotFoundError, match="must_exist=False") as caught:
        bench.watch(missing, must_exist=True)
    assert isinstance(caught.value, FileFormatError)
    with pytest.raises(FileNotFoundError, match=re.escape(str(missing))):
        bench.watch(missing / "*.mrc", must_exist=True)
    assert bench.watch(bench.folder / "*.mrc", must_exist=True).folder == bench.folder
