"""Labeled images as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images with their labels.

    Attributes:
        pixels: uint8 [images, pixels], 0 (white) to 255 (black); a network sees them divided by 255. Where a network
            sees several views of an image at once, they are side by side: [images, views * pixels].
        labels: int32 [images], from 0.
    """

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The images that training may see. Compared by identity.

    Attributes:
        train: images to learn from.
        validation: images to validate on.
        data_set: where they come from.
    """

    train: LabeledImages
    validation: LabeledImages
    data_set: DataSet = MNIST
