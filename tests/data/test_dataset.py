"""Tests that MNIST is verified whenever it is loaded, and downloaded again if it is missing or damaged."""

from __future__ import annotations

import gzip
import http.server
import os
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


@pytest.fixture
def mirror(serve) -> str:
    """Returns the URL of a mirror that has all files."""
    served, address = serve("mirror")
    shutil.copytree(PROJECT / "MNIST_data", served, dirs_exist_ok=True)
    return address


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_damaged_file_is_downloaded_again(copy_of_data, mirror, damage):
    file = copy_of_data / LABELS
    good = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes({"empty": b"", "truncated": good[:-100]}[damage])
    load_training_data(copy_of_data, mirrors=[mirror])
    assert file.read_bytes() == good
    assert sorted(path.name for path in copy_of_data.glob("*damaged*")) == []


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("position", [3_000, 9_000])
def test_file_with_flipped_bit_is_kept_under_another_name(copy_of_data, mirror, capsys, name, position):
    file = copy_of_data / name
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[position] ^= 1
    for kept in (f"{name}.damaged", f"{name}.damaged.1"):
        file.write_bytes(flipped)
        load_training_data(copy_of_data, mirrors=[mirror])
        assert file.read_bytes() == good
        assert (copy_of_data / kept).read_bytes() == flipped
        assert f"was damaged and is kept as {kept}" in capsys.readouterr().err


def test_truncated_file_with_changed_labels_is_kept(copy_of_data, mirror):
    file = copy_of_data / LABELS
    decoded = gzip.decompress(file.read_bytes())
    noisy = gzip.compress(decoded[:2_000] + fashion(decoded[1_992:]))[:-9]
    file.write_bytes(noisy)
    load_training_data(copy_of_data, mirrors=[mirror])
    assert (copy_of_data / f"{LABELS}.damaged").read_bytes() == noisy


def test_file_of_several_compressed_parts_is_read(copy_of_data, data):
    file = copy_of_data / LABELS
    decoded = gzip.decompress(file.read_bytes())
    file.write_bytes(b"".join(gzip.compress(decoded[start : start + 9_999]) for start in range(0, len(decoded), 9_999)))
    np.testing.assert_array_equal(load_training_data(copy_of_data, mirrors=[]).train.labels, data.train.labels)


def fashion(decoded: bytes) -> bytes:
    """Returns a file like that of another data set with the same sizes, such as Fashion-MNIST."""
    return decoded[:8] + bytes(9 - label for label in decoded[8:])


@pytest.mark.parametrize(
    "content", ["other data set", "other data set, not compressed", "one other label", "other data", "bomb"]
)
def test_file_with_other_content_is_kept(copy_of_data, mirror, content):
    file = copy_of_data / LABELS
    decoded = gzip.decompress(file.read_bytes())
    other = {
        "other data set": gzip.compress(fashion(decoded)),
        "other data set, not compressed": fashion(decoded),
        "one other label": gzip.compress(decoded[:1000] + bytes([(decoded[1000] + 1) % 10]) + decoded[1001:]),
        "other data": gzip.compress(b"something else"),
        "bomb": gzip.compress(bytes(10_000_000)),
    }[content]
    file.write_bytes(other)
    with pytest.raises(WorkFailed, match=r"is not the expected file.*--data-dir"):
        load_training_data(copy_of_data, mirrors=[mirror])
    assert file.read_bytes() == other


@pytest.mark.parametrize("content", ["truncated", "truncated after few images", "no gzip data"])
def test_damaged_file_that_may_be_other_data_is_kept(copy_of_data, mirror, content):
    file = copy_of_data / IMAGES
    other = gzip.compress(bytes(255 - value for value in gzip.decompress(file.read_bytes())[:1_000_000]))
    damaged = {"truncated": other[:-9], "truncated after few images": other[:99], "no gzip data": b"\x1f\x8b text"}
    file.write_bytes(damaged[content])
    with pytest.raises(WorkFailed, match=r"is damaged or is not the expected file; delete it .*--data-dir"):
        load_training_data(copy_of_data, mirrors=[mirror])
    assert file.read_bytes() == damaged[content]


@pytest.mark.parametrize(
    "name", [LABELS, LABELS.removesuffix(".gz"), LABELS.removesuffix(".gz").replace("-idx", ".idx")]
)
@pytest.mark.parametrize("is_compressed", [True, False])
def test_file_is_read_compressed_or_not(copy_of_data, data, name, is_compressed):
    file = copy_of_data / LABELS
    content = file.read_bytes() if is_compressed else gzip.decompress(file.read_bytes())
    file.unlink()
    (copy_of_data / name).write_bytes(content)
    np.testing.assert_array_equal(load_training_data(copy_of_data, mirrors=[]).train.labels, data.train.labels)


def test_directory_and_pipe_under_the_name_of_a_file_are_ignored(copy_of_data, data):
    (copy_of_data / IMAGES.removesuffix(".gz")).mkdir()  # some archives unpack a file into a directory of that name
    os.mkfifo(copy_of_data / LABELS.removesuffix(".gz"))
    np.testing.assert_array_equal(load_training_data(copy_of_data, mirrors=[]).train.labels, data.train.labels)


@pytest.mark.parametrize("is_alone", [True, False])
def test_other_data_without_gz_in_the_name_is_an_error(copy_of_data, mirror, is_alone):
    if is_alone:
        (copy_of_data / LABELS).unlink()
    plain = copy_of_data / LABELS.removesuffix(".gz")
    plain.write_bytes(fashion(gzip.decompress((PROJECT / "MNIST_data" / LABELS).read_bytes())))
    with pytest.raises(
        WorkFailed, match=r"ubyte is not the expected file: found 60,008 bytes .* expected 60,008 bytes"
    ):
        load_training_data(copy_of_data, mirrors=[mirror])
    assert (copy_of_data / LABELS).exists() is not is_alone


def test_data_directory_that_cannot_be_created_is_an_error():
    with pytest.raises(WorkFailed, match=r"cannot be written .*--data-dir"):
        load_training_data(Path("/proc/mnist"), mirrors=[])


def test_mirrors_use_https_and_data_has_known_statistics(data):
    assert all(mirror.startswith("https://") and mirror.endswith("/mnist/") for mirror in MNIST.mirrors)
    pixels = np.concatenate([data.validation.pixels, data.train.pixels]) / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1307, 0.3081)  # the values that most tutorials use
    labels = np.concatenate([data.validation.labels, data.train.labels])
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
