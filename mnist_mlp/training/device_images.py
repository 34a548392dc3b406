"""The images on the device, and the batches that training steps take from them."""

from __future__ import annotations

import functools

from mnist_mlp.data.augmentation import deformed
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.data.randomness import fold
from mnist_mlp.data.sampling import with_neighbors
from mnist_mlp.libraries.quiet_tensorflow import tf
from mnist_mlp.training.training_step import StepInputs

# Dropout keys are derived from the layer index. No layer has this index, so augmentation draws other random numbers.
_AUGMENTATION_INDEX = 2**31


class DeviceImages:
    """The training and validation images as tensors.

    Args:
        data: preprocessed images, in the form that the network takes as input.
        views: number of versions of each image in the input (2 with a deskewed copy).
        augment: whether to augment training batches.
    """

    def __init__(self, data: TrainingData, views: int, augment: bool) -> None:
        self._train_pixels, self._train_labels = _on_device(data.train)
        self._validation_pixels, self.validation_labels = _on_device(data.validation)
        self._side, self._views = data.data_set.image_side, views
        self._neighbors = _neighbors_on_device(data.train, self._side) if augment else None

    def training_batch(self, batch: tf.Tensor, step_key: tf.Tensor, inputs: StepInputs) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the images and labels of a batch, augmented if augmentation is on.

        Args:
            batch: int32 [n], indices of training images.
            step_key: uint32 scalar, the random key of the step.
            inputs: tensor inputs of the step; only `deformations` is used.

        Returns:
            (images, labels): float32 [n, pixels] from 0 to 1, and int32 [n].
        """
        labels = tf.gather(self._train_labels, batch)
        if self._neighbors is None:
            return self.training_images(batch), labels
        key = fold(step_key, tf.constant(_AUGMENTATION_INDEX, tf.uint32))
        pixels = deformed(self._neighbors, batch, key, inputs.deformations, self._views, self._side)
        return _scaled(pixels), labels

    def training_images(self, batch: tf.Tensor) -> tf.Tensor:
        """Returns training images without augmentation: float32 [n, pixels], 0 to 1."""
        return _scaled(tf.gather(self._train_pixels, batch))

    def validation_images(self, first: int | None = None) -> tf.Tensor:
        """Returns the first validation images, or all if `first` is None: float32 [n, pixels], 0 to 1."""
        return _scaled(self._validation_pixels[:first])


@functools.lru_cache(maxsize=1)
def _neighbors_on_device(images: LabeledImages, side: int) -> tf.Tensor:
    return tf.constant(with_neighbors(images.pixels, side))


@functools.lru_cache(maxsize=6)  # training, validation and combined images, with different preprocessing; at most 94 MB
def _on_device(images: LabeledImages) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(images.pixels), tf.constant(images.labels)


def _scaled(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32) / 255.0
