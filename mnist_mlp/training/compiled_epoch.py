"""The compiled epoch: all training steps and the validation that follows, in one XLA call.

The images stay on the device, the shuffled order is passed in as a permutation, and the loop over steps is compiled
too. Everything that can differ between presets with the same `CompileKey` is an input, so they share one compilation.
Optional parts that a preset does not use are not compiled.
"""

from __future__ import annotations

import functools
from collections import namedtuple

import numpy as np

from mnist_mlp.data.images import TrainingData
from mnist_mlp.data.randomness import fold
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.device_images import DeviceImages
from mnist_mlp.training.model import cross_entropy, l2_norm_penalty
from mnist_mlp.training.network import Network
from mnist_mlp.training.training_step import StepInputs, TrainingStep, count_correct

IMAGES_FOR_STATISTICS = 5000  # training images used to set the batch normalization statistics after each epoch

EpochSums = namedtuple(
    "EpochSums",
    ["train_cross_entropy", "train_correct", "validation_cross_entropy", "validation_correct", "unit_penalty"],
)
EpochSums.__doc__ = "Mean cross-entropies, numbers of correct predictions, and the L2 penalty for a weight decay of 1."


@functools.lru_cache(maxsize=4)
def compiled_epoch(key: CompileKey, data: TrainingData) -> CompiledEpoch:
    """Returns the compiled epoch for this key and data; built on the first call, then cached."""
    return CompiledEpoch(key, data)


class CompiledEpoch:
    """One epoch, compiled for one network. Several runs can share it and take turns after each epoch.

    Attributes:
        network: the variables that an epoch updates.
        images: the training and validation images on the device.
        step: one training step; also usable outside the compiled epoch.
        steps: number of steps per epoch.
    """

    def __init__(self, key: CompileKey, data: TrainingData) -> None:
        preset = key.example
        self._batch_size = preset.batch_size
        self._has_batch_normalization = preset.normalization == "batch"
        self._penalty_counts = preset.penalty_counts
        self._images = len(data.train)
        self.steps = self._images // self._batch_size
        self.network = Network(preset, data.data_set)
        self.images = DeviceImages(data, key.views, key.enabled.deformations)
        self.step = TrainingStep(self.network, key.enabled, preset.penalty_counts)
        # AutoGraph is off because there is nothing to convert, and looking for it takes 1.5 seconds.
        self._compiled = tf.function(self._run, jit_compile=True, autograph=False)

    @property
    def images_per_epoch(self) -> int:
        """Number of training images used per epoch. A partial last batch is dropped."""
        return self.steps * self._batch_size

    def trace(self, inputs: StepInputs) -> None:
        """Converts the epoch to a graph, which `run` then only has to compile. Has no effect the second time."""
        specs = [
            tf.TensorSpec([self._images], tf.int32),
            tf.TensorSpec([], tf.uint32),
            tf.TensorSpec([self.steps], tf.float32),
        ]
        self._compiled.get_concrete_function(*specs, inputs)

    def run(self, order: np.ndarray, epoch: int, rates: np.ndarray, inputs: StepInputs) -> EpochSums:
        """Trains for one epoch.

        Args:
            order: int32 [training images], the shuffled order as a permutation of the image indices.
            epoch: epoch number, starting at 1.
            rates: float [steps], the learning rates of the steps.
            inputs: tensor inputs of the step.
        """
        return self._compiled(tf.constant(order), tf.constant(epoch, tf.uint32), tf.constant(rates, tf.float32), inputs)

    def _run(self, order: tf.Tensor, epoch: tf.Tensor, rates: tf.Tensor, inputs: StepInputs) -> EpochSums:
        key = epoch_key(inputs.seed, epoch)

        def one_step(
            index: tf.Tensor, cross_entropy_sum: tf.Tensor, correct_sum: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            batch = tf.slice(order, [index * self._batch_size], [self._batch_size])
            step_key = fold(key, index)
            images, labels = self.images.training_batch(batch, step_key, inputs)
            result = self.step(images, labels, step_key, rates[index], inputs)
            return index + 1, cross_entropy_sum + result.cross_entropy, correct_sum + result.correct

        _, cross_entropy_sum, correct_sum = tf.while_loop(
            lambda index, *_: index < self.steps, one_step, (tf.constant(0), tf.constant(0.0), tf.constant(0))
        )
        if self._has_batch_normalization:
            for model in dict.fromkeys((self.network.model, self.network.evaluated_model)):
                self._set_statistics(model, order[:IMAGES_FOR_STATISTICS])
        logits = self.network.evaluated_model(self.images.validation_images(), training=False)
        labels = self.images.validation_labels
        return EpochSums(
            train_cross_entropy=cross_entropy_sum / self.steps,
            train_correct=correct_sum,
            validation_cross_entropy=cross_entropy(logits, labels),
            validation_correct=count_correct(logits, labels),
            unit_penalty=l2_norm_penalty(self.network.model.trainable_variables, self._penalty_counts),
        )

    def _set_statistics(self, model: keras.Sequential, batch: tf.Tensor) -> None:
        """Sets the batch normalization statistics used for evaluation, without data augmentation or dropout."""
        activations = self.images.training_images(batch)
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                mean, variance = tf.nn.moments(activations, axes=[0])
                layer.moving_mean.assign(mean)
                layer.moving_variance.assign(variance)
            activations = layer(activations, training=False)


def epoch_key(seed: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
    """Returns the random key of an epoch: uint32 scalar."""
    return fold(fold(tf.constant(0, tf.uint32), seed), epoch)
