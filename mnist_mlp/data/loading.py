"""Loads the training, validation and test images of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet, IdxFile
from mnist_mlp.data.idx_files import verified_array
from mnist_mlp.data.images import LabeledImages, TrainingData


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
