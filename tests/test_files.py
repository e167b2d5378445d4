"""Writing: what was there stays until the new file is whole, and refusals come first."""

import pytest

from em_inverse import files
from em_inverse.errors import ParameterError
from em_inverse.files import check_target, replacing
from em_inverse.io.files import existing_file


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


def test_a_folder_without_permission_is_named_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(ParameterError, match=r"v\.mrc.*may not write in the folder"):
        check_target(tmp_path / "v.mrc")


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    other = tmp_path / "other"
    other.touch()
    with replacing(tmp_path / "new") as part:
        part.write_text("x")
    assert (tmp_path / "new").stat().st_mode == other.stat().st_mode
