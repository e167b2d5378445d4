from em_inverse import _resources


def test_checkout_folders_lie_beside_the_package():
    root = _resources._PACKAGE.parent
    assert _resources.data_dir() == root / "data"
    assert _resources.notebooks_dir() == root / "notebooks"
    assert _resources.data_dir().is_dir()


def test_an_installed_wheel_uses_its_bundled_copy(tmp_path, monkeypatch):
    (tmp_path / "_bundled" / "data").mkdir(parents=True)
    monkeypatch.setattr(_resources, "_PACKAGE", tmp_path)
    assert _resources.data_dir() == tmp_path / "_bundled" / "data"
    assert _resources.notebooks_dir() == tmp_path.parent / "notebooks"
