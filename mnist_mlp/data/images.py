"""Arrays of labeled images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images with their labels.

    Attributes:
        pixels: uint8 [images, pixels], 0 (white) to 255 (black). They are divided by 255 before the network gets
            them. Several versions of each image are concatenated: [images, views * pixels].
        labels: int32 [images], starting at 0.
    """

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Images for training and validation. Objects are compared by identity.

    Attributes:
        train: training images.
        validation: validation images.
        data_set: the data set that the images belong to.
    """

    train: LabeledImages
    validation: LabeledImages
    data_set: DataSet = MNIST
