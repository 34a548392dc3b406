"""MNIST: verified at every load, fetched again where it is missing or damaged."""

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
    """Serves a new folder over HTTP on this machine; serve("good") -> (folder, address)."""
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


def test_split_is_the_first_5000_for_validation(data):
    assert (len(data.train), len(data.validation)) == (55_000, 5_000)
    with gzip.open(PROJECT / "MNIST_data" / IMAGES) as file:
        raw = np.frombuffer(file.read()[16:], np.uint8).reshape(60_000, 784)
    with gzip.open(PROJECT / "MNIST_data" / LABELS) as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    np.testing.assert_array_equal(data.validation.pixels, raw[:5_000])
    np.testing.assert_array_equal(data.train.pixels, raw[5_000:])
    np.testing.assert_array_equal(np.concatenate([data.validation.labels, data.train.labels]), labels)
    assert list(data.validation.labels[:5]) == [5, 0, 4, 1, 9]  # the digits that MNIST famously begins with


def test_test_set_has_its_known_number_of_each_digit():
    test = load_test_data(PROJECT / "MNIST_data")
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "pixel", "other", "bomb"])
def test_damaged_file_is_fetched_again(copy_of_data, serve, damage):
    file = copy_of_data / LABELS
    good = file.read_bytes()
    decoded = gzip.decompress(good)
    served, address = serve("mirror")
    (served / LABELS).write_bytes(good)
    one_pixel_off = decoded[:1000] + bytes([(decoded[1000] + 1) % 10]) + decoded[1001:]  # only the hash differs
    bad = {
        "truncated": good[:-100],
        "pixel": gzip.compress(one_pixel_off),
        "flipped": good[:5000] + bytes([good[5000] ^ 1]) + good[5001:],
        "other": gzip.compress(b"something else"),
        "bomb": gzip.compress(bytes(10_000_000)),
    }
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(bad[damage])
    load_training_data(copy_of_data, mirrors=[address])
    assert file.read_bytes() == good


def test_folder_that_cannot_be_made_is_told_in_one_line():
    with pytest.raises(WorkFailed, match=r"cannot be written .*--data-dir"):
        load_training_data(Path("/proc/mnist"), mirrors=[])


def test_mirrors_are_https_and_the_data_is_the_one_that_everybody_knows(data):
    assert all(mirror.startswith("https://") and mirror.endswith("/mnist/") for mirror in MNIST.mirrors)
    pixels = np.concatenate([data.validation.pixels, data.train.pixels]) / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1307, 0.3081)  # as any tutorial normalizes with
    labels = np.concatenate([data.validation.labels, data.train.labels])
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
