import pytest

from em_inverse.errors import FileFormatError, ParameterError
from em_inverse.io import files
from em_inverse.io.files import (
    MissingFileError,
    check_size,
    check_target,
    existing_file,
    reading,
    replacing,
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


def test_replacing_leaves_the_old_file_until_the_new_one_is_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target, overwrite=True) as part:
        part.write_text("new")
        assert target.read_text() == "old"
        assert part.suffix == ".txt"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_replacing_cleans_up_after_an_error(tmp_path, error):
    target = tmp_path / "a.txt"

    def interrupted():
        with replacing(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_replacing_refuses_what_exists_even_if_it_appears_meanwhile(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("kept")
    with pytest.raises(ParameterError, match="overwrite=True"), replacing(target):
        pytest.fail("must not start")
    target.unlink()

    def overtaken():
        with replacing(target) as part:
            part.write_text("mine")
            target.write_text("theirs")

    with pytest.raises(ParameterError, match="exists already"):
        overtaken()
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_refuses_folders_and_missing_parents(tmp_path):
    with pytest.raises(ParameterError, match="is a folder"), replacing(tmp_path):
        pass
    with (
        pytest.raises(ParameterError, match="does not exist"),
        replacing(tmp_path / "no" / "a.txt"),
    ):
        pass
    with pytest.raises(ParameterError, match="path is 3"), replacing(3):
        pass


def test_a_home_that_does_not_exist_is_named(tmp_path):
    for door in (existing_file, check_target):
        with pytest.raises(ParameterError, match=r"~no-such-user/a\.mrc.*home folder"):
            door("~no-such-user/a.mrc")


def test_a_path_that_the_system_refuses_is_a_format_error():
    with pytest.raises(FileFormatError, match="cannot be looked at"):
        existing_file("a" * 5000 + ".mrc")


def test_a_folder_without_permission_is_named_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(ParameterError, match=r"v\.mrc.*may not write in the folder"):
        check_target(tmp_path / "v.mrc")
