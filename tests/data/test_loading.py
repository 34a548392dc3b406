"""Tests that training data is loaded in the background, and that files which need a download still get one."""

from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.loading import load_in_background, load_training_data
from mnist_mlp.errors import WorkFailed
from tests.helpers import PROJECT

FILES = (MNIST.train_images_file.name, MNIST.train_labels_file.name)


@pytest.fixture
def mirrored(tmp_path):
    """MNIST with the project's own files as its mirror."""
    return dataclasses.replace(MNIST, mirrors=((PROJECT / "MNIST_data").as_uri() + "/",))


@pytest.fixture
def folder(tmp_path):
    """A directory with links to the training files."""
    for name in FILES:
        (tmp_path / name).symlink_to(PROJECT / "MNIST_data" / name)
    return tmp_path


def assert_is_mnist(data) -> None:
    expected = load_training_data(PROJECT / "MNIST_data")
    assert np.array_equal(data.train.pixels, expected.train.pixels)
    assert np.array_equal(data.validation.labels, expected.validation.labels)


def test_data_is_that_of_the_files(folder):
    loaded = load_in_background(folder, [MNIST])
    assert list(loaded()) == [MNIST]
    assert_is_mnist(loaded()[MNIST])


def test_missing_files_are_fetched_before_anything_else(tmp_path, mirrored, capsys):
    loaded = load_in_background(tmp_path, [mirrored])
    assert sorted(path.name for path in tmp_path.glob("*.gz")) == sorted(FILES)
    assert capsys.readouterr().err.count("Fetching") == 2
    assert_is_mnist(loaded()[mirrored])


def test_files_that_cannot_be_fetched_are_an_error_at_once(tmp_path):
    with pytest.raises(WorkFailed, match="is missing or damaged"):
        load_in_background(tmp_path, [dataclasses.replace(MNIST, mirrors=("file:///nowhere/",))])


def test_damaged_file_is_fetched_by_the_caller(folder, mirrored, capsys):
    labels = folder / MNIST.train_labels_file.name
    damaged = labels.read_bytes()[:9000]
    labels.unlink()
    labels.write_bytes(damaged)
    loaded = load_in_background(folder, [mirrored])
    assert capsys.readouterr().err == ""
    assert_is_mnist(loaded()[mirrored])
    assert capsys.readouterr().err.count("Fetching") == 1


def test_other_content_is_an_error_of_the_caller(folder):
    labels = folder / MNIST.train_labels_file.name
    labels.unlink()
    labels.write_bytes(gzip.compress(b"other images"))
    loaded = load_in_background(folder, [MNIST])
    with pytest.raises(WorkFailed, match="is not the expected file"):
        loaded()
