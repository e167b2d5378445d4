"""The registry, the downloads against a real server on this machine, and the stand-ins."""

import hashlib
import http.server
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from em_inverse import datasets, tomography
from em_inverse.errors import ChecksumError, DownloadError, FileFormatError, ParameterError
from em_inverse.tilt_series import TiltSeries

GOOD = b"tilt after tilt " * 4000


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.flaky_failures = 2
        self.release = threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.strip("/")
        self.server.requests.append(kind)
        if kind == "missing":
            self.send_error(404)
        elif kind == "flaky" and self.server.requests.count("flaky") <= self.server.flaky_failures:
            self.send_error(503)
        elif kind == "hang":
            self.server.release.wait(20)
        elif kind == "half":
            self.answer(GOOD[: len(GOOD) // 2], announced=len(GOOD))
        elif kind == "short":
            self.answer(GOOD[:100])
        elif kind == "wrong":
            self.answer(GOOD[::-1])
        else:
            self.answer(GOOD)

    def answer(self, body, announced=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.release.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("EM_INVERSE_DATA", str(folder))
    monkeypatch.setattr(datasets, "_FIRST_PAUSE_S", 0.01)
    return folder


@pytest.fixture
def register(tmp_path, monkeypatch, cache):
    def write(*urls, kind="files", checksum=None):
        checksum = checksum or "sha256:" + hashlib.sha256(GOOD).hexdigest()
        file = {"name": "series.bin", "size": len(GOOD), "checksum": checksum, "urls": list(urls)}
        text = dict.fromkeys(("title", "teaches", "licence", "citation", "source"), "words")
        entry = {**text, "kind": kind, "files": [file], "options": {}}
        folder = tmp_path / "registry"
        folder.mkdir(exist_ok=True)
        (folder / "registry.json").write_text(json.dumps({"datasets": {"trial": entry}}))
        monkeypatch.setattr(datasets, "data_dir", lambda: folder)
        return cache / "series.bin"

    return write


def test_a_good_file_is_fetched_once_and_then_only_read(server, register):
    path = register(server.url("good"))
    assert datasets.fetch("trial") == [path]
    assert path.read_bytes() == GOOD
    path.parent.chmod(0o555)
    path.chmod(0o444)
    assert datasets.fetch("trial") == [path]
    assert server.requests == ["good"]
    path.parent.chmod(0o755)


def test_md5_checksums_are_understood(server, register):
    path = register(server.url("good"), checksum="md5:" + hashlib.md5(GOOD).hexdigest())
    assert datasets.fetch("trial") == [path]


def test_wrong_bytes_are_never_kept(server, register):
    path = register(server.url("wrong"))
    with pytest.raises(ChecksumError, match=r"(?s)other bytes.*By hand: save http.*series\.bin"):
        datasets.fetch("trial")
    assert server.requests == ["wrong"]
    assert list(path.parent.iterdir()) == []


def test_wrong_bytes_at_the_first_address_do_not_spoil_the_second(server, register):
    path = register(server.url("wrong"), server.url("good"))
    assert datasets.fetch("trial") == [path]


@pytest.mark.parametrize("kind", ["half", "short"])
def test_half_a_file_is_tried_again_and_never_kept(server, register, kind):
    path = register(server.url(kind))
    with pytest.raises(DownloadError, match=r"connection broke|only [\d,]+ of 64,000 bytes"):
        datasets.fetch("trial", retries=2)
    assert server.requests == [kind] * 3
    assert list(path.parent.iterdir()) == []


def test_a_missing_page_is_not_asked_for_twice_and_the_remedy_is_named(server, register):
    path = register(server.url("missing"), kind="tilt_series")
    with pytest.raises(DownloadError) as caught:
        datasets.fetch("trial")
    message = str(caught.value)
    for part in ("404", str(path), "sha256:", "64,000 bytes", "datasets.synthetic('trial')"):
        assert part in message
    assert server.requests == ["missing"]


def test_a_server_that_recovers_is_waited_for(server, register):
    path = register(server.url("flaky"))
    assert datasets.fetch("trial") == [path]
    assert server.requests == ["flaky"] * 3
    path.unlink()
    server.requests.clear()
    with pytest.raises(DownloadError, match="503"):
        datasets.fetch("trial", retries=1)


def test_a_hanging_server_is_left_after_the_timeout(server, register):
    register(server.url("hang"))
    with pytest.raises(DownloadError, match=r"no answer within 0\.2 s"):
        datasets.fetch("trial", retries=0, timeout_s=0.2)


def test_a_silent_server_is_asked_once_whatever_its_addresses(server, register):
    register(server.url("hang"), server.url("good"))
    with pytest.raises(DownloadError, match=r"no answer within 0\.2 s.*not asked, it is the same"):
        datasets.fetch("trial", timeout_s=0.2)
    assert server.requests == ["hang"]


def test_without_a_network_one_round_of_attempts_is_enough(register, monkeypatch):
    import pooch
    import requests

    asked = []

    def unreachable(url, *args, **kwargs):
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(pooch, "retrieve", unreachable)
    register("http://one.invalid/a", "http://one.invalid/b", "http://two.invalid/c")
    with pytest.raises(DownloadError, match="no connection"):
        datasets.fetch("trial", retries=2)
    assert asked == ["http://one.invalid/a"] * 3 + ["http://two.invalid/c"] * 3


@pytest.mark.parametrize(
    ("name", "said"), [("ConnectTimeout", "no answer within 5 s"), ("SSLError", "certificate")]
)
def test_what_waiting_cannot_mend_is_tried_once(register, monkeypatch, name, said):
    import pooch
    import requests

    asked = []

    def fail(url, *args, **kwargs):
        asked.append(url)
        raise getattr(requests.exceptions, name)

    monkeypatch.setattr(pooch, "retrieve", fail)
    register("http://one.invalid/a")
    with pytest.raises(DownloadError, match=said):
        datasets.fetch("trial")
    assert asked == ["http://one.invalid/a"]


def test_no_server_at_all(server, register):
    closed = Server()
    address = closed.url("good")
    closed.server_close()
    register(address, server.url("good"))
    assert len(datasets.fetch("trial", retries=0)) == 1
    register(address)
    (datasets.cache_folder() / "series.bin").unlink()
    with pytest.raises(DownloadError, match="no connection"):
        datasets.fetch("trial", retries=0)
    register("http://no host/")
    with pytest.raises(DownloadError, match="By hand"):
        datasets.fetch("trial")


def test_a_spoilt_copy_is_refused_and_replaced_only_on_request(server, register):
    path = register(server.url("good"))
    path.parent.mkdir()
    path.write_bytes(b"mine")
    with pytest.raises(ChecksumError, match=r"4 bytes where 64,000.*replace=True.*trial --replace"):
        datasets.fetch("trial")
    assert path.read_bytes() == b"mine"
    path.write_bytes(GOOD[::-1])
    with pytest.raises(ChecksumError, match=r"content was changed or damaged \(registered: sha256"):
        datasets.fetch("trial")
    path.write_bytes(b"mine")
    assert server.requests == []
    register(server.url("missing"))
    with pytest.raises(DownloadError):
        datasets.fetch("trial", replace=True)
    assert path.read_bytes() == b"mine"
    register(server.url("good"))
    datasets.fetch("trial", replace=True)
    assert path.read_bytes() == GOOD


def test_a_folder_that_cannot_be_written_is_named(register, cache, monkeypatch, tmp_path):
    register("http://127.0.0.1:1/never")
    cache.mkdir()
    monkeypatch.setattr(datasets.os, "access", lambda *args: False)
    with pytest.raises(DownloadError, match=r"read-only\. Set EM_INVERSE_DATA"):
        datasets.fetch("trial")
    (tmp_path / "file").touch()
    monkeypatch.setenv("EM_INVERSE_DATA", str(tmp_path / "file" / "below"))
    with pytest.raises(DownloadError, match="cannot be made"):
        datasets.fetch("trial")


def test_an_unreadable_copy_is_a_format_error(register, cache, monkeypatch):
    path = register("http://127.0.0.1:1/never")
    cache.mkdir()
    path.write_bytes(GOOD)

    def refuse(*args, **kwargs):
        raise PermissionError("no")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(FileFormatError, match="could not be read"):
        datasets._matches(path, "sha256:0")


def test_a_disk_that_refuses_the_file(server, register, monkeypatch):
    import pooch

    register(server.url("good"))

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pooch, "retrieve", full)
    with pytest.raises(DownloadError, match="could not be stored"):
        datasets.fetch("trial")


def test_bundled_files_are_checked_and_never_downloaded(register):
    register()
    with pytest.raises(DownloadError, match=r"belongs to the package.*Install the package again"):
        datasets.fetch("trial")
    (datasets.data_dir() / "series.bin").write_bytes(b"changed")
    with pytest.raises(ChecksumError, match="Install the package again"):
        datasets.fetch("trial", replace=True)


def test_offline_loading_offers_a_stand_in_that_says_so(register):
    register("http://127.0.0.1:1/never", kind="tilt_series")
    datasets.cache_folder()
    with pytest.raises(DownloadError):
        datasets.load("trial")
    stand_in = datasets.load("trial", offline="synthetic")
    assert stand_in.metadata["synthetic"] is True
    assert stand_in.history[0].startswith("SIMULATED")
    register("http://127.0.0.1:1/never", kind="files")
    with pytest.raises(ParameterError, match=r"datasets\.fetch\('trial'\)"):
        datasets.load("trial", offline="synthetic")
    with pytest.raises(ParameterError, match="no stand-in"):
        datasets.synthetic("trial")
    with pytest.raises(ParameterError, match="offline is 'maybe'"):
        datasets.load("trial", offline="maybe")


def test_a_damaged_registry_is_named(register, monkeypatch):
    register()
    (datasets.data_dir() / "registry.json").write_text("{}")
    with pytest.raises(FileFormatError, match=r"registry\.json.*Install the package again"):
        datasets.list()


def test_every_entry_states_what_a_user_needs():
    names = datasets.list()
    assert {"nist-needle", "nist-needle-small", "dysco3-haadf-edx"} <= set(names)
    for name in names:
        entry = datasets.info(name)
        assert entry.name == name
        for text in (entry.title, entry.teaches, entry.licence, entry.citation, entry.source):
            assert len(text) > 3
        for file in entry.files:
            algorithm, _, digest = file.checksum.partition(":")
            assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
            assert file.size > 0
            assert all(url.startswith("https://") for url in file.urls)
        assert entry.size == sum(file.size for file in entry.files)
    with pytest.raises(ParameterError, match="'nist-needle'"):
        datasets.info("needle")


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EM_INVERSE_DATA", str(tmp_path))
    assert datasets.cache_folder() == tmp_path
    monkeypatch.delenv("EM_INVERSE_DATA")
    assert datasets.cache_folder().name == "em-inverse"


def test_the_bundled_needle_is_measured_data():
    series = datasets.load("nist-needle-small")
    assert isinstance(series, TiltSeries)
    assert series.projections.shape == (77, 64, 64)
    assert series.tilt_range_deg == (-76, 76)
    assert series.pixel_size_nm == 13.44
    assert series.metadata["synthetic"] is False
    assert "NIST" in series.metadata["licence"]


def test_the_simulated_needle_is_like_the_real_one():
    stand_in = datasets.synthetic("nist-needle", size=32)
    again = datasets.synthetic("nist-needle", size=32)
    other = datasets.synthetic("nist-needle", size=32, seed=1)
    np.testing.assert_array_equal(stand_in.projections, again.projections)
    assert not np.array_equal(stand_in.projections, other.projections)
    assert stand_in.projections.shape == (77, 32, 32)
    np.testing.assert_array_equal(stand_in.angles_deg, np.arange(-76, 77, 2))
    assert stand_in.pixel_size_nm == pytest.approx(3.36 * 8)
    totals = stand_in.projections.sum(axis=(1, 2))
    assert totals.std() / totals.mean() < 0.02
    with pytest.raises(ParameterError, match="size is 4"):
        datasets.synthetic("nist-needle", size=4)


def test_shifts_of_the_stand_in_are_not_taken_for_an_alignment():
    stand_in = datasets.synthetic("nist-needle", size=64)
    true = np.array(stand_in.metadata["true_shifts_px"])[:, 1]
    found = tomography.align(stand_in).metadata["shifts_px"][:, 1]
    assert np.corrcoef(found, true)[0, 1] < -0.9


def test_the_simulated_maps_have_the_elements_of_the_real_ones():
    stand_in = datasets.synthetic("dysco3-haadf-edx", size=32)
    assert list(stand_in.maps) == ["Sc", "Dy", "O"]
    assert all(image.shape == (32, 32) for image in stand_in.maps.values())
    heavy = stand_in.maps["Dy"] > 0.7
    assert stand_in.haadf[heavy].mean() > 2 * stand_in.haadf[~heavy].mean()
    assert stand_in.metadata["synthetic"] is True


FOLDER = Path(os.environ.get("EM_INVERSE_DATA") or "nowhere")
real_data = pytest.mark.skipif(
    not all((FOLDER / n).is_file() for n in ("nist-needle-haadf.mrc", "dysco3-haadf-edx.npz")),
    reason="real data not present: set EM_INVERSE_DATA",
)


@real_data
def test_the_real_needle():
    series = datasets.load("nist-needle")
    assert series.projections.shape == (77, 256, 256)
    assert series.projections.dtype == np.float32
    np.testing.assert_array_equal(series.angles_deg, np.arange(-76, 77, 2))
    assert series.pixel_size_nm == 3.36
    assert series.projections.mean() == pytest.approx(-27648.41, abs=0.01)
    assert series.metadata["tilt_axis"] == "horizontal"
    assert any("machine stamp" in note for note in series.metadata["notes"])


@real_data
def test_the_real_needle_tells_its_tilt_axis_by_itself():
    from em_inverse.io import read_tilt_series

    path, side_file = datasets.fetch("nist-needle")
    series = read_tilt_series(path, side_file)
    assert series.metadata["tilt_axis"] == "horizontal"
    assert "the images" in series.metadata["tilt_axis_source"]
    assert series.pixel_size_nm == 3.36


@real_data
def test_the_small_needle_is_the_real_one_binned():
    full = np.asarray(datasets.load("nist-needle").projections, dtype=float) + 32768
    small = datasets.load("nist-needle-small").projections
    binned = full.reshape(77, 64, 4, 64, 4).mean(axis=(2, 4)) / 16
    np.testing.assert_allclose(small, binned, atol=0.5)


@real_data
def test_the_real_element_maps():
    maps = datasets.load("dysco3-haadf-edx")
    assert maps.haadf.shape == (256, 256)
    assert maps.haadf.max() == 33573
    assert [round(float(m.max()), 3) for m in maps.maps.values()] == [0.94, 0.894, 0.994]


def test_the_bundled_maps_are_measured_fractions():
    small = datasets.load("dysco3-small")
    assert small.haadf.shape == (128, 128)
    assert small.metadata["synthetic"] is False
    assert "MIT" in small.metadata["licence"]
    np.testing.assert_allclose(sum(small.maps.values()), 1, atol=2.1e-4)


@real_data
def test_the_small_maps_are_a_corner_of_the_real_ones():
    full, small = datasets.load("dysco3-haadf-edx"), datasets.load("dysco3-small")
    np.testing.assert_array_equal(small.haadf, full.haadf[:128, :128])
    for name, one in small.maps.items():
        np.testing.assert_allclose(one, full.maps[name][:128, :128], atol=6e-5)
