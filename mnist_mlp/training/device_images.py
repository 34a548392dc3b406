"""The images on the device, and the batches that training steps see of them."""

from __future__ import annotations

import functools

from mnist_mlp.data.augmentation import deformed
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.data.randomness import fold
from mnist_mlp.data.sampling import with_neighbors
from mnist_mlp.quiet_tensorflow import tf
from mnist_mlp.training.training_step import StepInputs

_DEFORMATION = 2**31  # no layer has this index, so the numbers drawn for it differ from those of any dropout mask


class DeviceImages:
    """The training and validation images as tensors.

    Args:
        data: as the network sees it.
        views: number of views of an image side by side.
        is_deformed: whether training batches are deformed.
    """

    def __init__(self, data: TrainingData, views: int, is_deformed: bool) -> None:
        self._train_pixels, self._train_labels = _on_device(data.train)
        self._validation_pixels, self.validation_labels = _on_device(data.validation)
        self._side, self._views = data.data_set.image_side, views
        self._neighbors = _neighbors_on_device(data.train, self._side) if is_deformed else None

    def training_batch(self, batch: tf.Tensor, step_key: tf.Tensor, inputs: StepInputs) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (images, labels) of the batch, deformed where the preset asks for it.

        Args:
            batch: int32 [n], indices of training images.
            step_key: uint32 scalar, which decides the deformations.
        """
        labels = tf.gather(self._train_labels, batch)
        if self._neighbors is None:
            return self.training_images(batch), labels
        key = fold(step_key, tf.constant(_DEFORMATION, tf.uint32))
        pixels = deformed(self._neighbors, batch, key, inputs.deformations, self._views, self._side)
        return _scaled(pixels), labels

    def training_images(self, batch: tf.Tensor) -> tf.Tensor:
        """Returns training images as they are: float32 [n, pixels], 0 to 1."""
        return _scaled(tf.gather(self._train_pixels, batch))

    def validation_images(self, first: int | None = None) -> tf.Tensor:
        """Returns all or the first validation images: float32 [n, pixels], 0 to 1."""
        return _scaled(self._validation_pixels[:first])


@functools.lru_cache(maxsize=1)
def _neighbors_on_device(images: LabeledImages, side: int) -> tf.Tensor:
    return tf.constant(with_neighbors(images.pixels, side))


@functools.lru_cache(maxsize=6)  # training, validation and both together, as presets see them; 94 MB at most
def _on_device(images: LabeledImages) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(images.pixels), tf.constant(images.labels)


def _scaled(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels, tf.float32) / 255.0
