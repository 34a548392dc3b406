"""Tests the download of MNIST on the first start, with mirrors that fail in different ways."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnist_mlp.data.dataset import MNIST
from tests.helpers import PROJECT, flip_a_byte, folders, runs_in

pytestmark = pytest.mark.slow

DATA = PROJECT / "MNIST_data"
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"

# Runs a script with other mirrors and a short timeout: python -c WITH_MIRRORS "http://... http://..." SCRIPT ...
WITH_MIRRORS = """
import runpy, sys
from mnist_mlp.data import idx_files
from mnist_mlp.data.dataset import MNIST
_, mirrors, *sys.argv = sys.argv
idx_files.SECONDS_TO_WAIT = 2
object.__setattr__(MNIST, "mirrors", tuple(mirrors.split()))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}

Handler = http.server.BaseHTTPRequestHandler


class Mirror:
    """A local HTTP server. `requests` counts the requests per file."""

    def __init__(self, answer: Callable[[Handler, bytes], None]) -> None:
        self.requests = requests = Counter()

        class Answer(Handler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/")
                requests[name] += 1
                answer(self, (DATA / name).read_bytes())

            def log_message(self, *arguments: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mirror() -> Iterator[Callable[[Callable[[Handler, bytes], None]], Mirror]]:
    """Starts a mirror: mirror(answer) -> Mirror. `answer` handles every request."""
    mirrors = []

    def start(answer: Callable[[Handler, bytes], None]) -> Mirror:
        mirrors.append(Mirror(answer))
        return mirrors[-1]

    yield start
    for item in mirrors:
        item.close()


def send(request: Handler, content: bytes, announced: int | None = None) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(announced or len(content)))
    request.end_headers()
    request.wfile.write(content)


def good(request: Handler, content: bytes) -> None:
    send(request, content)


def forbidden(request: Handler, content: bytes) -> None:
    request.send_error(403)


def missing(request: Handler, content: bytes) -> None:
    request.send_error(404)


def silent(request: Handler, content: bytes) -> None:
    request.connection.recv(1)  # blocks until the client disconnects


def truncated(request: Handler, content: bytes) -> None:
    send(request, content[: len(content) // 2], announced=len(content))


def corrupted(request: Handler, content: bytes) -> None:
    send(request, content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])


def slow(request: Handler, content: bytes) -> None:
    """Takes a few seconds, so that other processes have to wait."""
    send(request, content[:1], announced=len(content))
    for position in (1, 2, 3, 4):
        time.sleep(1)
        request.wfile.write(content[position : position + 1] if position < 4 else content[position:])


def data_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_bad_mirrors_are_skipped_and_listed_if_all_fail(script, mirror, tmp_path):
    bad = [mirror(answer).address for answer in (forbidden, missing, silent, truncated, corrupted)]
    bad.insert(0, "http://127.0.0.1:9/")  # nothing listens on this port
    options = ("--presets", "1,8", "--epochs", 1, "--data-dir", tmp_path / "data", *folders(tmp_path))
    process = script("-c", WITH_MIRRORS, " ".join(bad), "MNIST_train.py", *options, "--workers", 2)
    assert process.returncode == 1
    *fetching, error = process.stderr.splitlines()
    assert fetching == [f"Fetching {address}{IMAGES}" for address in bad]
    reasons = ["[Errno 111] Connection refused", "Forbidden", "Not Found", "timed out", *["wrong content"] * 2]
    tried = "; ".join(f"{address}{IMAGES} ({reason})" for address, reason in zip(bad, reasons, strict=True))
    assert error == (
        f"Error: {tmp_path}/data/{IMAGES} is missing or damaged and could not be downloaded: {tried}; "
        f"download {IMAGES} from any MNIST mirror and put it in {tmp_path}/data"
    )
    assert data_in(tmp_path / "data") == {}
    assert list((tmp_path / "runs").iterdir()) == []

    last = mirror(good)
    process = script(
        *("-c", WITH_MIRRORS, " ".join([*bad, last.address]), "MNIST_train.py", *options, "--workers", 1, "--quiet")
    )
    assert process.returncode == 0
    assert process.stderr.splitlines() == [
        f"Fetching {address}{name}" for name in (IMAGES, LABELS) for address in (*bad, last.address)
    ]
    assert data_in(tmp_path / "data") == {name: (DATA / name).read_bytes() for name in (IMAGES, LABELS)}
    assert [run.record.status for run in runs_in(tmp_path)] == ["finished"] * 2


def test_download_without_network_fails_in_one_line_and_keeps_files(script, tmp_path):
    shutil.copytree(DATA, tmp_path / "data")
    flip_a_byte(tmp_path / "data" / LABELS)
    before = data_in(tmp_path / "data")
    process = script(
        *("MNIST_train.py", "--presets", "1,8", "--workers", 2, "--data-dir", tmp_path / "data", *folders(tmp_path)),
        **NO_NETWORK,
    )
    assert process.returncode == 1
    *fetching, error = process.stderr.splitlines()
    assert fetching == [f"Fetching {address}{LABELS}" for address in MNIST.mirrors]
    assert error.startswith(
        f"Error: {tmp_path}/data/{LABELS} is missing or damaged and could not be downloaded: {MNIST.mirrors[0]}"
    )
    assert f"{MNIST.mirrors[1]}{LABELS} (" in error
    assert error.endswith(f"; download {LABELS} from any MNIST mirror and put it in {tmp_path}/data")
    assert data_in(tmp_path / "data") == before
    assert list((tmp_path / "runs").iterdir()) == []


def test_damaged_file_is_downloaded_again(script, mirror, trained, tmp_path):
    shutil.copytree(DATA, tmp_path / "data")
    flip_a_byte(tmp_path / "data" / TEST_LABELS)
    shutil.copytree(trained / "runs", tmp_path / "runs")
    last = mirror(good)
    process = script(
        *("-c", WITH_MIRRORS, last.address, "MNIST_eval.py", "--data-dir", tmp_path / "data", *folders(tmp_path))
    )
    assert process.returncode == 0
    fetching, warning = process.stderr.splitlines()
    assert fetching == f"Fetching {last.address}{TEST_LABELS}"
    assert warning.endswith(f"was damaged and is kept as {TEST_LABELS}.damaged")
    (tmp_path / "data" / f"{TEST_LABELS}.damaged").unlink()
    assert data_in(tmp_path / "data") == data_in(DATA)


def test_parallel_first_starts_download_once_after_killed_download(mirror, tmp_path):
    def start(mirror: Mirror) -> subprocess.Popen:
        options = ("--presets", "1", "--epochs", "1", "--quiet", "--workers", "1", "--data-dir", tmp_path / "data")
        return subprocess.Popen(
            [sys.executable, "-c", WITH_MIRRORS, mirror.address, "MNIST_train.py", *options, *folders(tmp_path)],
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill_client(request: Handler, content: bytes) -> None:
        send(request, content[: len(content) // 2], announced=len(content))
        victim.kill()

    victim = start(mirror(kill_client))
    victim.communicate(timeout=60)
    assert victim.returncode == -9
    assert data_in(tmp_path / "data") == {}

    last = mirror(slow)
    trainers = [start(last) for _ in range(3)]
    errors = [trainer.communicate(timeout=240)[1] for trainer in trainers]
    assert [trainer.returncode for trainer in trainers] == [0] * 3
    assert last.requests == {IMAGES: 1, LABELS: 1}
    assert sorted("".join(errors).splitlines()) == [f"Fetching {last.address}{name}" for name in (IMAGES, LABELS)]
    assert data_in(tmp_path / "data") == {name: (DATA / name).read_bytes() for name in (IMAGES, LABELS)}
    assert [run.record.status for run in runs_in(tmp_path)] == ["finished"] * 3
