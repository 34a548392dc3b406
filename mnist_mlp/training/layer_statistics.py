"""Statistics and histograms of each layer after an epoch. They leave the network's variables as they were."""

from __future__ import annotations

import functools
import math

import numpy as np

from mnist_mlp.data.images import TrainingData
from mnist_mlp.data.randomness import fold
from mnist_mlp.quiet_tensorflow import keras, tf
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.compiled_epoch import CompiledEpoch, compiled_epoch, epoch_key
from mnist_mlp.training.model import is_weight_matrix
from mnist_mlp.training.results import LayerStatistics
from mnist_mlp.training.training_step import StepInputs

IMAGES_LOOKED_AT = 1000  # validation images for the statistics of activations
IMAGES_IN_HISTOGRAMS = 100  # the first of them
HISTOGRAM_BUCKETS = 30  # TensorBoard's own number


@functools.lru_cache(maxsize=4)
def layer_monitor(key: CompileKey, data: TrainingData) -> LayerMonitor:
    """Returns the monitor of the compiled epoch for this key and data."""
    return LayerMonitor(compiled_epoch(key, data))


class LayerMonitor:
    """Measures the layers of a compiled epoch's network."""

    def __init__(self, epoch: CompiledEpoch) -> None:
        self._network, self._images, self._step = epoch.network, epoch.images, epoch.step
        # Without XLA, which would take seconds to compile it, and without AutoGraph, as there is no loop to rewrite.
        self._measure = tf.function(self._activations_and_numbers, autograph=False)

    def measure(
        self, next_batch: np.ndarray, next_epoch: int, next_rate: float, inputs: StepInputs, weight_decay: float
    ) -> tuple[dict[str, LayerStatistics], dict[str, np.ndarray]]:
        """Returns the statistics by layer, and histograms as in `EpochResult.histograms`.

        Args:
            next_batch: int32 [batch size], the images of the step that comes next.
            next_rate: its learning rate.
        """
        matrices = {layer.name: layer.kernel.numpy() for layer in self._network.dense_layers}
        activations, numbers = self._measure(
            tf.constant(next_batch), tf.constant(next_epoch, tf.uint32), tf.constant(next_rate, tf.float32), inputs
        )
        statistics, histograms = {}, {}
        for name, of_layer, row in zip(matrices, activations, numbers.numpy().tolist(), strict=True):
            statistics[name] = _statistics(*row, weight_decay=weight_decay)
            for kind, values in (("weights", matrices[name]), ("activations", of_layer.numpy())):
                if np.isfinite(values).all():
                    counts, edges = np.histogram(values, HISTOGRAM_BUCKETS)
                    histograms[f"{kind}/{name}"] = np.stack([edges[:-1], edges[1:], counts], axis=1)
        return statistics, histograms

    def _activations_and_numbers(
        self, next_batch: tf.Tensor, next_epoch: tf.Tensor, next_rate: tf.Tensor, inputs: StepInputs
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns (activations, a list of [images, units]; float32 [layers, 6]) in the order of the dense layers."""
        outputs = self._outputs_of_layers()
        variables = self._network.variables
        before = [tf.identity(variable) for variable in variables]
        matrices = [layer.kernel for layer in self._network.dense_layers]
        matrices_before = [tf.identity(matrix) for matrix in matrices]
        step_key = fold(epoch_key(inputs.seed, next_epoch), tf.constant(0))
        images, labels = self._images.training_batch(next_batch, step_key, inputs)
        result = self._step(images, labels, step_key, next_rate, inputs)
        gradients = [gradient for gradient in result.gradients if is_weight_matrix(gradient)]
        numbers = [
            (*_moments(output), _share_of_dead_units(output), tf.norm(gradient), tf.norm(old), tf.norm(new - old))
            for output, gradient, old, new in zip(outputs, gradients, matrices_before, matrices, strict=True)
        ]
        numbers = tf.stack([tf.stack(row) for row in numbers])
        with tf.control_dependencies([numbers]):  # the step was only a trial
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
        return [output[:IMAGES_IN_HISTOGRAMS] for output in outputs], numbers

    def _outputs_of_layers(self) -> list[tf.Tensor]:
        """Returns what each dense layer gives after its normalization and activation, dropout off."""
        outputs, activations = [], self._images.validation_images(IMAGES_LOOKED_AT)
        for layer in self._network.model.layers:
            activations = layer(activations, training=False)
            if isinstance(layer, keras.layers.Dense):
                outputs.append(activations)
            elif outputs:
                outputs[-1] = activations  # normalization and activation, where they are layers of their own
        return outputs


def _statistics(
    mean: float,
    deviation: float,
    dead_units: float,
    gradient_norm: float,
    weight_norm: float,
    change_norm: float,
    *,
    weight_decay: float,
) -> LayerStatistics:
    return LayerStatistics(
        activation_mean=mean,
        activation_std=deviation,
        dead_units=dead_units,
        gradient_norm=gradient_norm,
        weight_norm=weight_norm,
        update_ratio=change_norm / weight_norm if weight_norm else math.nan,
        l2_penalty=weight_decay * weight_norm**2 / 2,
    )


def _moments(activations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.reduce_mean(activations), tf.math.reduce_std(activations)


def _share_of_dead_units(activations: tf.Tensor) -> tf.Tensor:
    is_dead = tf.reduce_max(activations, axis=0) == tf.reduce_min(activations, axis=0)
    return tf.reduce_mean(tf.cast(is_dead, tf.float32))
