"""Describes data sets: their files with hashes, image size, classes, split and pixel statistics.

Everything that depends on the data set is derived from its `DataSet`. To add a data set, add it to DATA_SETS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mnist_mlp.presets.preset import Preset


@dataclass(frozen=True)
class IdxFile:
    """One IDX file.

    Attributes:
        name: file name on the mirrors, where the file is compressed with gzip, and on disk.
        shape: shape of the uint8 array.
        sha256: hash of the decompressed file.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header_bytes(self) -> int:
        """Length of the IDX header: 4 bytes for type and number of dimensions, then 4 bytes per dimension."""
        return 4 + 4 * len(self.shape)

    @property
    def size(self) -> int:
        """Length of the decompressed file in bytes."""
        return self.header_bytes + math.prod(self.shape)


@dataclass(frozen=True)
class DataSet:
    """Labeled images of one size, in four IDX files.

    Attributes:
        name: name in run records.
        train_images_file, train_labels_file, test_images_file, test_labels_file: the files. Images are square.
        classes: number of classes.
        validation_images: number of validation images. They are the first ones in the training file.
        pixel_mean, pixel_deviation: mean and standard deviation of the training pixels after scaling to 0 to 1. Used
            by the hyperparameter `standardize`.
        mirrors: URLs of directories that contain the files.
    """

    name: str
    train_images_file: IdxFile
    train_labels_file: IdxFile
    test_images_file: IdxFile
    test_labels_file: IdxFile
    classes: int
    validation_images: int
    pixel_mean: float
    pixel_deviation: float
    mirrors: tuple[str, ...]

    @property
    def image_side(self) -> int:
        """Height and width of an image in pixels."""
        return self.train_images_file.shape[1]

    @property
    def pixels(self) -> int:
        """Number of pixels per image."""
        return self.image_side**2

    @property
    def training_images(self) -> int:
        """Number of training images, not counting the validation images."""
        return self.train_images_file.shape[0] - self.validation_images

    @property
    def test_images(self) -> int:
        """Number of test images."""
        return self.test_images_file.shape[0]

    def layer_sizes(self, preset: Preset) -> tuple[int, ...]:
        """Returns the number of units of every layer of the preset's network, from the pixels to the logits."""
        return (self.pixels * preset.views, *preset.hidden_sizes, self.classes)

    def sha256_of_training_files(self) -> dict[str, str]:
        """Returns {file name without .gz: SHA-256 of the decompressed training file}, for run records."""
        return {file.name.removesuffix(".gz"): file.sha256 for file in (self.train_images_file, self.train_labels_file)}


MNIST = DataSet(
    name="mnist",
    train_images_file=IdxFile(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    train_labels_file=IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    test_images_file=IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    test_labels_file=IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    classes=10,
    validation_images=5_000,  # as in 2020
    pixel_mean=0.130700,
    pixel_deviation=0.308159,
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
)

DATA_SETS = {data_set.name: data_set for data_set in (MNIST,)}
