"""Tests that MNIST is verified whenever it is loaded, and downloaded again if it is missing or damaged."""

from __future__ import annotations

import gzip
import http.server
import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.loading import load_test_data, load_training_data
from mnist_mlp.errors import WorkFailed
from tests.helpers import PROJECT

IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"


@pytest.fixture
def serve(tmp_path):
    """Serves new directories over HTTP on localhost: serve(name) returns (directory, URL)."""
    servers = []

    def start(name: str) -> tuple[Path, str]:
        folder = tmp_path / name
        folder.mkdir()
        handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
        handler.log_message = lambda *arguments: None
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return folder, f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture
def copy_of_data(tmp_path) -> Path:
    return Path(shutil.copytree(PROJECT / "MNIST_data", tmp_path / "data"))


def test_first_5000_images_are_for_validation(data):
    assert (len(data.train), len(data.validation)) == (55_000, 5_000)
    with gzip.open(PROJECT / "MNIST_data" / IMAGES) as file:
        raw = np.frombuffer(file.read()[16:], np.uint8).reshape(60_000, 784)
    with gzip.open(PROJECT / "MNIST_data" / LABELS) as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    np.testing.assert_array_equal(data.validation.pixels, raw[:5_000])
    np.testing.assert_array_equal(data.train.pixels, raw[5_000:])
    np.testing.assert_array_equal(np.concatenate([data.validation.labels, data.train.labels]), labels)
    assert list(data.validation.labels[:5]) == [5, 0, 4, 1, 9]  # the well-known first digits of MNIST


def test_test_set_has_known_class_counts():
    test = load_test_data(PROJECT / "MNIST_data")
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize(
    "damage", ["missing", "truncated", "flipped bit", "wrong label", "other content", "decompression bomb"]
)
def test_damaged_file_is_downloaded_again(copy_of_data, serve, damage):
    file = copy_of_data / LABELS
    good = file.read_bytes()
    decoded = gzip.decompress(good)
    served, address = serve("mirror")
    (served / LABELS).write_bytes(good)
    one_label_off = decoded[:1000] + bytes([(decoded[1000] + 1) % 10]) + decoded[1001:]  # only the hash differs
    bad = {
        "truncated": good[:-100],
        "wrong label": gzip.compress(one_label_off),
        "flipped bit": good[:5000] + bytes([good[5000] ^ 1]) + good[5001:],
        "other content": gzip.compress(b"something else"),
        "decompression bomb": gzip.compress(bytes(10_000_000)),
    }
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(bad[damage])
    load_training_data(copy_of_data, mirrors=[address])
    assert file.read_bytes() == good


def test_data_directory_that_cannot_be_created_is_an_error():
    with pytest.raises(WorkFailed, match=r"cannot be written .*--data-dir"):
        load_training_data(Path("/proc/mnist"), mirrors=[])


def test_mirrors_use_https_and_data_has_known_statistics(data):
    assert all(mirror.startswith("https://") and mirror.endswith("/mnist/") for mirror in MNIST.mirrors)
    pixels = np.concatenate([data.validation.pixels, data.train.pixels]) / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1307, 0.3081)  # the values that most tutorials use
    labels = np.concatenate([data.validation.labels, data.train.labels])
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
