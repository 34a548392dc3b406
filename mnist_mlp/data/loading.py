"""Loads the training, validation and test images of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet, IdxFile
from mnist_mlp.data.idx_files import is_present, verified_array
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.errors import WorkFailed


def load_training_data(data_dir: Path, data_set: DataSet = MNIST, mirrors: Sequence[str] | None = None) -> TrainingData:
    """Returns the images in the training file, split into validation images (the first ones) and training images.

    Args:
        mirrors: base URLs for downloads; defaults to the data set's mirrors.

    Raises:
        WorkFailed: a file is missing or damaged and cannot be downloaded or written.
    """
    images = _load(data_dir, data_set, data_set.train_images_file, data_set.train_labels_file, mirrors)
    split = data_set.validation_images
    return TrainingData(
        train=LabeledImages(images.pixels[split:], images.labels[split:]),
        validation=LabeledImages(images.pixels[:split], images.labels[:split]),
        data_set=data_set,
    )


def load_in_background(data_dir: Path, data_sets: Iterable[DataSet]) -> Callable[[], dict[DataSet, TrainingData]]:
    """Starts to load the training data in a thread, because importing TensorFlow leaves a core idle.

    Returns:
        A function that waits for the thread and returns the data. It raises WorkFailed as `load_training_data` does.

    Raises:
        WorkFailed: a file is missing and cannot be downloaded or written.
    """
    data_sets = tuple(data_sets)

    def load(mirrors: Sequence[str] | None = None) -> dict[DataSet, TrainingData]:
        return {data_set: load_training_data(data_dir, data_set, mirrors) for data_set in data_sets}

    files = [file for each in data_sets for file in (each.train_images_file, each.train_labels_file)]
    if not all(is_present(data_dir, file) for file in files):
        data = load()
        return lambda: data
    # Without mirrors, because messages about a download are lost while the import of TensorFlow is silenced.
    loading = ThreadPoolExecutor(max_workers=1).submit(load, mirrors=())

    def wait() -> dict[DataSet, TrainingData]:
        try:
            return loading.result()
        except WorkFailed:
            return load()  # downloads a damaged file, or fails again

    return wait


def load_test_data(data_dir: Path, data_set: DataSet = MNIST, mirrors: Sequence[str] | None = None) -> LabeledImages:
    """Returns the test images. Only evaluation and the report may call this.

    Raises:
        WorkFailed: a file is missing or damaged and cannot be downloaded or written.
    """
    return _load(data_dir, data_set, data_set.test_images_file, data_set.test_labels_file, mirrors)


def _load(
    data_dir: Path, data_set: DataSet, images: IdxFile, labels: IdxFile, mirrors: Sequence[str] | None
) -> LabeledImages:
    mirrors = data_set.mirrors if mirrors is None else mirrors
    pixels = verified_array(data_dir, images, mirrors).reshape(-1, data_set.pixels)
    return LabeledImages(pixels, verified_array(data_dir, labels, mirrors).astype(np.int32))
