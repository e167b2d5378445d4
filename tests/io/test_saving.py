import errno

import pytest

from em_inverse.errors import ParameterError
from em_inverse.io import saving as module
from em_inverse.io.saving import FileWriteError, saving


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Make room"),
        (OSError("64000 requested and 12108 written"), "Make room"),
        (OSError(errno.EIO, "Input/output error"), "Check the disk"),
        (RuntimeError("cannot flush (unable to extend, errno = 28, said = 'full')"), "Make room"),
        (RuntimeError("cannot flush (errno = 5, said = 'I/O')"), "Check the disk"),
    ],
)
def test_what_the_disk_says_is_told_with_a_remedy(tmp_path, error, remedy):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def write():
        with saving(target, 10, overwrite=True) as part:
            part.write_bytes(b"new")
            raise error

    with pytest.raises(FileWriteError, match=rf"a\.bin.*untouched\. {remedy}") as caught:
        write()
    assert caught.value.__cause__ is error
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_errors_of_the_program_pass(tmp_path):
    for error in (RuntimeError("a bug"), ParameterError("ours"), KeyboardInterrupt()):
        with pytest.raises(type(error)), saving(tmp_path / "a.bin", 10):
            raise error
    assert list(tmp_path.iterdir()) == []


def test_room_is_looked_for_first_where_the_system_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_free", lambda folder: 2**16 + 9)
    refused = pytest.raises(FileWriteError, match=r"takes 65,546 bytes.*Nothing was written")
    with refused, saving(tmp_path / "a.bin", 10):
        pytest.fail("entered")
    with saving(tmp_path / "a.bin", 9) as part:
        part.write_bytes(b"x")
    assert (tmp_path / "a.bin").read_bytes() == b"x"
    monkeypatch.undo()
    assert module._free(tmp_path) > 0
    assert module._free(tmp_path / "missing") is None
