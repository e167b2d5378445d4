import pytest

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io import files
from em_inverse.io.files import (
    MissingFileError,
    check_size,
    existing_file,
    reading,
)


def test_existing_file_names_what_is_wrong(tmp_path):
    with pytest.raises(MissingFileError, match=r"nothing\.mrc.*no such file"):
        existing_file(tmp_path / "nothing.mrc")
    with pytest.raises(FileNotFoundError):
        existing_file(tmp_path / "nothing.mrc")
    with pytest.raises(FileFormatError, match="is a folder"):
        existing_file(tmp_path)
    with pytest.raises(ParameterError, match="path is 7"):
        existing_file(7)
    empty = tmp_path / "empty.mrc"
    empty.touch()
    with pytest.raises(FileFormatError, match="0 bytes"):
        existing_file(empty)


def test_reading_translates_library_errors_and_keeps_our_own(tmp_path):
    with (
        pytest.raises(FileFormatError, match=r"as a TIFF file \(KeyError"),
        reading(tmp_path, "a TIFF file"),
    ):
        raise KeyError("tag")
    with pytest.raises(FileFormatError, match="MemoryError"), reading(tmp_path, "a TIFF file"):
        raise MemoryError
    with pytest.raises(ParameterError, match="ours"), reading(tmp_path, "a TIFF file"):
        raise ParameterError("ours")


def test_check_size_refuses_bombs_and_what_no_memory_holds(tmp_path, monkeypatch):
    check_size(tmp_path, 10**6, 10)
    with pytest.raises(FileFormatError, match="announces an array of 1,000,000,000 bytes"):
        check_size(tmp_path, 10**9, 1000)
    monkeypatch.setattr(files, "_physical_memory", lambda: 10**6)
    with pytest.raises(FileFormatError, match="bytes of memory"):
        check_size(tmp_path, 10**6 + 1, 10**6)
    monkeypatch.setattr(files, "_physical_memory", lambda: None)
    check_size(tmp_path, 10**15, 10**15)


def test_memory_is_unknown_where_the_system_does_not_tell(monkeypatch):
    assert files._physical_memory() > 10**8
    monkeypatch.delattr(files.os, "sysconf")
    assert files._physical_memory() is None


def test_a_path_that_the_system_refuses_is_a_format_error():
    with pytest.raises(FileFormatError, match="cannot be looked at"):
        existing_file("a" * 5000 + ".mrc")
